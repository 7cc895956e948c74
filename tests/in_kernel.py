"""What a lesson's kernel is asked: see kernel_questions.py. Imports nothing that is slow to load."""

import gc
import types
from typing import Any

from twins import twin_faults

from bphelpers.teaching.widgets import LiveFigure
from tools.course.solved import Run, _run_cell, slider_faults


def exercise_faults(key: str, solution: str, check: str, namespace: dict[str, Any]) -> list[str]:
    """On a copy of the namespace, as it stands there."""
    run = Run(types.ModuleType("__main__"))
    run.namespace.update(namespace)
    for cell, source in enumerate((solution, check)):
        _run_cell(run, cell, source)
    said = run.printed[1].strip()
    return twin_faults(run) + ([] if said.startswith(f"{key}: right") else [said])


def derived_faults(index: int, names: list[str], namespace: dict[str, Any]) -> list[str]:
    functions = [(index, name, namespace[name]) for name in names]
    return twin_faults(Run(types.ModuleType("__main__"), functions=functions))


def moved_faults(most: int | None) -> list[str]:
    figures = [(-1, thing) for thing in gc.get_objects() if type(thing) is LiveFigure]
    return slider_faults(Run(types.ModuleType("__main__"), shown=figures), most)
