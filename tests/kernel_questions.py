"""What the tests ask of the kernel in which strict validation (nbval) executes a lesson.

One execution serves all. nbval compares what each cell prints. Between its cells the same kernel tries each
solution where it stands and compares each function that the package keeps; at the end it moves the sliders.
That what comes after an exercise does not depend on the answer is a rule of tools/course/rules.py.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twins import in_package

from tools.course.lesson import ROOT, Lesson

MACHINERY = "ipykernel|IPython|asyncio|tornado|zmq|jupyter"  # what runs a kernel: its warnings are no errors
PREPARE = (
    f"__import__('sys').path.extend({[str(ROOT), str(Path(__file__).parent)]})",
    f"__import__('warnings').filterwarnings('error', module='(?!{MACHINERY})')",
)


class Question(pytest.Item):
    """A call of one of the functions in in_kernel.py, at its place among the cells."""

    def __init__(self, *, call: str, **where: Any) -> None:
        super().__init__(**where)
        self.call = call

    def runtest(self) -> None:
        faults = ast.literal_eval(ask(self.parent, f"__import__('in_kernel').{self.call}"))
        assert not faults, "\n".join(faults)


def ask(file: Any, expression: str) -> str:
    """What the kernel of a notebook under test prints for an expression, which leaves no trace there."""
    asked = {"silent": True, "user_expressions": {"it": expression}, "reply": True, "timeout": 600}
    said = file.kernel.kc.execute("", **asked)["content"]["user_expressions"]["it"]
    assert said["status"] == "ok", "\n".join(said["traceback"])
    return str(said["data"]["text/plain"])


def with_questions(file: Any, cells: list[pytest.Item]) -> list[pytest.Item]:
    """The tests of a lesson: nbval's, one for each code cell, and ours among them."""
    start = file.setup

    def setup() -> None:
        start()
        for expression in PREPARE:
            ask(file, expression)

    file.setup = setup
    return list(_in_order(file, Lesson(file.path, file.nb), cells))


def _in_order(file: Any, lesson: Lesson, cells: list[pytest.Item]) -> Iterator[pytest.Item]:
    exercises = {exercise.check: exercise for exercise in lesson.exercises if exercise.solution}
    stubs = {exercise.stub for exercise in lesson.exercises}
    for (index, cell), item in zip(lesson.code_cells, cells, strict=True):
        yield item
        names = [node.name for node in ast.parse(cell.source).body if isinstance(node, ast.FunctionDef)]
        if any(map(in_package, names)) and index not in stubs:
            call = f"derived_faults({index}, {names}, globals())"
            yield Question.from_parent(file, name=f"{item.name} against the package", call=call)
        if exercise := exercises.get(index):
            call = f"exercise_faults({exercise.key!r}, {exercise.solution!r}, {cell.source!r}, globals())"
            yield Question.from_parent(file, name=f"Exercise {exercise.key}", call=call)
    most = None if file.config.getoption("all") else 16  # positions of each slider
    yield Question.from_parent(file, name="Sliders", call=f"moved_faults({most})")
