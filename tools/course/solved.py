"""A lesson executed in this process, every solution in its stub: its variables, its sliders.

Strict validation (nbval) executes it as it stands, in a kernel. These two are all executions there are.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import io
import itertools
import sys
import types
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bphelpers.teaching.plots import STYLE, new_figure, rendered
from bphelpers.teaching.widgets import live, slider
from bphelpers.teaching.widgets.blitting import BlittedFigure
from tools.course.lesson import Lesson


@dataclass
class Run:
    """What executing a lesson left behind: its variables, by cell what it printed, showed and defined."""

    variables: types.ModuleType
    printed: dict[int, str] = field(default_factory=dict)
    shown: list[tuple[int, Any]] = field(default_factory=list)
    functions: list[tuple[int, str, Any]] = field(default_factory=list)  # also those defined again later

    @property
    def namespace(self) -> dict[str, Any]:
        return vars(self.variables)


def run_solved(lesson: Lesson) -> Run:
    """Execute all code cells in order in one namespace, in this process, with each solution in its stub.

    Not a kernel: strict validation runs the lesson in one. Here pictures go nowhere, and warnings are errors.
    """
    module = types.ModuleType("__main__")
    run = Run(module)
    run.namespace["display"] = lambda *things, **_: run.shown.extend((-1, thing) for thing in things)
    solutions = {exercise.stub: exercise.solution for exercise in lesson.exercises if exercise.solution}
    with _as_main(module), contextlib.chdir(lesson.path.parent), warnings.catch_warnings():
        warnings.simplefilter("error")
        for index, cell in enumerate(lesson.cells):
            if cell.cell_type == "code":
                _run_cell(run, index, solutions.get(index, cell.source))
    return run


def _run_cell(run: Run, index: int, source: str) -> None:
    """Like IPython: statements, then the last line's value where it is an expression."""
    tree = ast.parse(source, filename=f"<cell {index}>")
    definitions = [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()):
        try:
            exec(compile(tree, f"<cell {index}>", "exec"), run.namespace)
            if isinstance(last, ast.Expr):
                expression = compile(ast.Expression(last.value), f"<cell {index}>", "eval")
                run.shown.append((index, eval(expression, run.namespace)))
        except Exception as error:
            raise AssertionError(
                f"cell {index} stopped with {type(error).__name__}: {error}\n{source}"
            ) from error
    run.printed[index] = out.getvalue()
    run.functions += [(index, name, run.namespace[name]) for name in definitions]


@contextlib.contextmanager
def _as_main(module: types.ModuleType) -> Iterator[None]:
    before = sys.modules["__main__"]
    sys.modules["__main__"] = module
    try:
        yield
    finally:
        sys.modules["__main__"] = before


@functools.cache
def solved(path: Path) -> Run:
    """The same, executed once for all who ask in this process: look at what it left, and change nothing."""
    return run_solved(Lesson.read(path))


def solution_faults(lesson: Lesson, run: Run) -> list[str]:
    """Exercises whose solution the check does not call right."""
    said = {e.key: run.printed.get(e.check, "").strip() for e in lesson.exercises}
    return [f"{key}: {text!r}" for key, text in said.items() if not text.startswith(f"{key}: right")]


def slider_faults(run: Run, most: int | None = None) -> list[str]:
    """Positions of the sliders, over the whole range of each, at which the picture or its words fail.

    ``most`` positions of each slider are visited, its ends among them: all of them take minutes in a lesson.
    """
    candidates = [value for _, value in run.shown] + list(run.namespace.values())
    figures = {id(value): value for value in candidates if isinstance(value, live.LiveFigure)}
    faults = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for figure in figures.values():
            with _rendered_now_and_then(figure):
                for number, position in enumerate(figure.frames(most)):
                    if figure.error is not None:
                        faults.append(f"{position}: {type(figure.error).__name__}: {figure.error}")
                    elif number % 8 == 0 and (_pixels(_drawn(figure))[..., :3] != redrawn(figure)).any():
                        faults.append(f"{position}: not the picture that drawing it anew gives")
    return faults


_pixels = BlittedFigure.pixels


def _drawn(figure: live.LiveFigure) -> BlittedFigure:
    assert figure._figure is not None, "never drawn"
    return figure._figure


def redrawn(figure: live.LiveFigure) -> NDArray[np.uint8]:
    """What the live figure should show: all drawn anew, with the axes in the places of the first picture."""
    fresh = BlittedFigure(figure._draw, new_figure(*figure._size), figure.values).fig
    drawn = _drawn(figure)
    if fresh.axes and drawn.settled:
        fresh.set_layout_engine("none")
        for ax, first in zip(fresh.axes, drawn.fig.axes, strict=True):
            ax.set_position(first.get_position(original=True))
    with mpl.rc_context(STYLE):  # by which a colour such as C0 is found when it is drawn
        return np.asarray(rendered(fresh))


@contextlib.contextmanager
def _rendered_now_and_then(figure: Any) -> Iterator[None]:
    """Every position is drawn and put into words; pixels are made of some sixty, with all the corners.

    Pixels take most of the time, and a slider may have hundreds of positions.
    """
    positions = sum(len(slider.positions(one)) for one in figure.sliders.values())
    stride = max(1, positions // 60)
    count = itertools.count()

    def sometimes(drawn: BlittedFigure) -> NDArray[np.uint8]:
        number = next(count)
        return (
            _pixels(drawn) if number % stride == 0 or number >= positions else np.zeros((1, 1, 4), np.uint8)
        )

    # The pixels are compared as they are: no file is made of them.
    with mock.patch.object(BlittedFigure, "pixels", sometimes), mock.patch.object(Image.Image, "save"):
        yield
