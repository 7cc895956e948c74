"""What the notebook tests read and run: lessons as objects, their faults as lists of sentences.

Every check is a function from a :class:`Lesson` to a list of faults, empty where there are none. So the same
check runs over the real lessons and over a small one that a test has broken on purpose.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import io
import itertools
import re
import sys
import types
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest import mock

import matplotlib as mpl
import nbformat
import numpy as np
from numpy.typing import NDArray

from bphelpers.teaching.plots import STYLE, new_figure, rendered
from bphelpers.teaching.widgets import live, slider
from bphelpers.teaching.widgets.blitting import BlittedFigure

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
ADVICE = "# ModuleNotFoundError? In the course's folder, run: make lab (on Windows: py run.py lab)"
UNANSWERED = "not answered yet. Replace the ... above and run both cells again."

FILLER = re.compile(r"\b(simply|just|obviously|clearly|trivial(?:ly)?|of course)\b", re.IGNORECASE)
MAX_MEAN_LINES, MAX_LINES = 8.5, 20
MAX_NOTEBOOK_BYTES, MAX_PNG_BYTES = 1024 * 1024, 100 * 1024


def lesson_paths() -> list[Path]:
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


@dataclass(frozen=True)
class Fold:
    """A ``<details>`` block."""

    summary: str
    body: str


@dataclass
class NotebookExercise:
    """An exercise as it stands in a notebook: one markdown cell, the stub cell, the check cell."""

    key: str
    text: str
    folds: list[Fold]
    stub: int  # index of the cell, counted over all cells
    check: int

    def body(self, summary: str) -> str:
        return next((fold.body for fold in self.folds if fold.summary == summary), "")

    @property
    def solution(self) -> str:
        blocks = re.findall(r"^```python\n(.*?)^```", self.body("Solution"), re.DOTALL | re.MULTILINE)
        return "\n".join(blocks).strip()


@dataclass
class Lesson:
    """A notebook and where it would stand."""

    path: Path
    nb: nbformat.NotebookNode

    @classmethod
    def read(cls, path: Path) -> Lesson:
        return cls(path, nbformat.read(path, as_version=4))

    @property
    def number(self) -> str:
        return self.path.name[:2]

    @property
    def cells(self) -> list[nbformat.NotebookNode]:
        return self.nb.cells

    @property
    def prose(self) -> list[nbformat.NotebookNode]:
        return [cell for cell in self.cells if cell.cell_type == "markdown"]

    @property
    def code(self) -> list[nbformat.NotebookNode]:
        return [cell for cell in self.cells if cell.cell_type == "code" and cell.source.strip()]

    @cached_property
    def words(self) -> str:
        return "\n\n".join(cell.source for cell in self.prose)

    @cached_property
    def exercises(self) -> list[NotebookExercise]:
        return [
            _exercise(match[1], index, cell.source)
            for index, cell in enumerate(self.cells)
            if cell.cell_type == "markdown"
            for match in re.finditer(r"^### Exercise (\S+?)[.:]?(?=\s|$)", cell.source, re.MULTILINE)
        ]

    def source_of(self, index: int) -> str:
        """The source of a code cell, or nothing where there is none at this index."""
        inside = 0 <= index < len(self.cells) and self.cells[index].cell_type == "code"
        return self.cells[index].source if inside else ""

    def trees(self) -> Iterator[tuple[int, ast.Module]]:
        """Each code cell's index and syntax tree; cells that do not parse are another check's fault."""
        for index, cell in enumerate(self.cells):
            if cell.cell_type == "code":
                with contextlib.suppress(SyntaxError):
                    yield index, ast.parse(cell.source)


def _exercise(key: str, index: int, text: str) -> NotebookExercise:
    return NotebookExercise(key, text, folds_of(text), index + 1, index + 2)


def folds_of(text: str) -> list[Fold]:
    pattern = r"<details>\s*<summary>(.*?)</summary>(.*?)</details>"
    return [Fold(one_line(a), b.strip()) for a, b in re.findall(pattern, text, re.DOTALL)]


def one_line(text: str) -> str:
    return " ".join(text.split())


def without_fences(text: str) -> str:
    """Markdown without its fenced code blocks."""
    return re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.DOTALL | re.MULTILINE)


def calls(tree: ast.AST, name: str) -> list[ast.Call]:
    """Calls of ``name(...)`` or ``something.name(...)``."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "id", getattr(node.func, "attr", None))
            if called == name:
                found.append(node)
    return found


def key_of(call: ast.Call) -> Any:
    return call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None


# --- stored outputs ---


def texts(cell: nbformat.NotebookNode, mimes: str = "text/") -> Iterator[str]:
    """Every stored text of a code cell that strict validation compares."""
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            yield output.text
        for mime, value in output.get("data", {}).items():
            if isinstance(value, str) and mime.startswith(mimes):
                yield value


def tags(cell: nbformat.NotebookNode) -> list[str]:
    return list(cell.get("metadata", {}).get("tags", []))


def is_compared(cell: nbformat.NotebookNode) -> bool:
    return "nbval-ignore-output" not in tags(cell)


_UNSTABLE = {
    "a memory address": re.compile(r"\b0x[0-9a-fA-F]{6,}"),
    "an absolute path": re.compile(
        r"(?<![\w.:/])/(?:home|root|work|tmp|usr|var|opt|Users|private)/|\b[A-Z]:\\\w"
    ),
    "a time of day or a duration": re.compile(
        r"\b\d\d:\d\d(?::\d\d)?\b|\b\d+(?:\.\d+)?\s?(?:ns|µs|us|ms|sec|seconds|it/s)\b"
        r"|\b\d+(?:\.\d+s| s|\.\d+ s)\b"  # not 8s, the plural of a digit
    ),
    "an address": re.compile(r"\b(?:localhost|127\.0\.0\.1)\b"),
    "a bare repr": re.compile(r"\bnp\.(?:float|int)\d+\("),
}


def unstable_outputs(lesson: Lesson) -> list[str]:
    """Stored text that another machine or day would print differently."""
    faults = []
    for index, cell in enumerate(lesson.cells):
        if cell.cell_type != "code":
            continue
        if not is_compared(cell):
            # Times differ from run to run; with an optional library, words differ from machine to machine.
            if not re.search(r"perf_counter|process_time|timeit|except ImportError", cell.source):
                faults.append(f"cell {index} is not compared, and measures no time")
            continue
        for text in texts(cell):
            faults += [
                f"cell {index} prints {what}: {m[0]!r}"
                for what, p in _UNSTABLE.items()
                if (m := p.search(text))
            ]
            faults += [f"cell {index} prints a long float: {number}" for number in long_floats(text)]
    return faults


def long_floats(text: str) -> list[str]:
    """Decimal numbers with more than 12 significant digits: no two machines need agree on those."""
    found = re.findall(r"(?<![\w.])\d+\.\d+(?:[eE][-+]?\d+)?", text)
    return [number for number in found if len(re.sub(r"[eE].*|\.", "", number).lstrip("0")) > 12]


def stored_output_faults(lesson: Lesson) -> list[str]:
    """Runs, errors, warnings, sizes, and markers that would blind the comparison."""
    faults = []
    counts = [cell.execution_count for cell in lesson.code]
    if counts != list(range(1, len(counts) + 1)):
        faults.append(f"not run once from top to bottom: execution counts {counts}")
    for index, cell in enumerate(lesson.cells):
        if cell.cell_type != "code":
            continue
        faults += [f"cell {index}: tag {tag}" for tag in tags(cell) if tag in BLINDING_TAGS]
        if re.search(r"#\s*(NBVAL_|PYTEST_VALIDATE_)", cell.source):
            faults.append(
                f"cell {index}: a comment that steers the comparison; use a tag, where a time is measured"
            )
        kept = set(cell.metadata) - {"tags"}
        if kept:
            faults.append(f"cell {index}: metadata {sorted(kept)}: make notebooks takes it out")
        if cell.source.rstrip().endswith(";"):
            faults.append(f"cell {index}: trailing semicolon")
        for output in cell.outputs:
            if output.output_type == "error":
                faults.append(f"cell {index}: stored error {output.ename}")
            if output.get("name") == "stderr":
                faults.append(f"cell {index}: stored stderr")
            picture = output.get("data", {}).get("image/png", "")
            if len(picture) * 3 // 4 > MAX_PNG_BYTES:
                faults.append(f"cell {index}: picture of {len(picture) * 3 // 4096} KB")
    if "widgets" in lesson.nb.metadata:
        faults.append("metadata.widgets is kept")
    size = len(nbformat.writes(lesson.nb).encode())
    if size > MAX_NOTEBOOK_BYTES:
        faults.append(f"{size // 1024} KB")
    return faults


BLINDING_TAGS = {"nbval-skip", "nbval-raises-exception", "raises-exception", "nbval-check-output"}


# --- anatomy and pace ---


def pace_faults(lesson: Lesson) -> list[str]:
    faults = []
    lengths = {
        i: sum(line.strip() not in ("", ADVICE) for line in c.source.splitlines())
        for i, c in enumerate(lesson.code)
    }
    mean = sum(lengths.values()) / max(1, len(lengths))
    if mean > MAX_MEAN_LINES:
        faults.append(f"a code cell has {mean:.1f} lines on average")
    faults += [f"code cell number {i} has {n} lines" for i, n in lengths.items() if n > MAX_LINES]
    ratio = len(lesson.prose) / max(1, len(lesson.code))
    if not 0.5 <= ratio <= 2:
        faults.append(f"{ratio:.1f} markdown cells for each code cell: about one to one is wanted")
    faults += [f"filler word: {word!r}" for word in sorted({w.lower() for w in FILLER.findall(lesson.words)})]
    if not re.fullmatch(r"\d\d_[a-z0-9_]+\.ipynb", lesson.path.name):
        faults.append(f"file name {lesson.path.name}")
    return faults


def headings(lesson: Lesson) -> list[tuple[int, str]]:
    found = re.findall(r"^(#{1,6})[ \t]+(.+?)[ \t]*$", without_fences(lesson.words), re.MULTILINE)
    return [(len(marks), title) for marks, title in found]


def section(lesson: Lesson, title: str) -> str:
    """The markdown below ``## title``, up to the next heading of that level."""
    match = re.search(
        rf"^## {re.escape(title)}[ \t]*$(.*?)(?=^## |\Z)", lesson.words, re.DOTALL | re.MULTILINE
    )
    return match[1] if match else ""


def anatomy_faults(lesson: Lesson) -> list[str]:
    """What every lesson has, in the order of the style guide."""
    return [*_opening_faults(lesson), *_middle_faults(lesson), *_closing_faults(lesson)]


def _opening_faults(lesson: Lesson) -> list[str]:
    faults = []
    first = lesson.cells[0] if lesson.cells else None
    if (
        first is None
        or first.cell_type != "markdown"
        or not re.match(rf"# {lesson.number}\. \S", first.source)
    ):
        faults.append(f"the first cell does not begin with '# {lesson.number}. Title'")
    before_code = "\n".join(cell.source for cell in _before_first_code(lesson))
    faults += [
        f"no '**{label}**' before the first code cell" for label in OPENING if f"**{label}" not in before_code
    ]
    will = before_code.partition("**You will")[2].partition("**You need")[0]
    outcomes = len(re.findall(r"^[ \t]*(?:[-*]|\d+\.)[ \t]+\S", will, re.MULTILINE))
    if not 3 <= outcomes <= 5:
        faults.append(f"'You will' lists {outcomes} outcomes: three to five are wanted")
    if not re.search(r"\*\*Time.*\d+.*minutes", before_code):
        faults.append("'Time' gives no number of minutes")
    setup = lesson.code[0].source if lesson.code else ""
    wanted = (f"{ADVICE}\nimport bphelpers as bp\n", "from bphelpers.teaching import ", "\n\nbp.setup()")
    faults += [f"the first code cell does not say {text.strip()}" for text in wanted if text not in setup]
    return faults


OPENING = ("You will", "You need", "Time")
CLOSING = ("What you now know", "Check yourself", "Sources")


def _before_first_code(lesson: Lesson) -> list[nbformat.NotebookNode]:
    cells = []
    for cell in lesson.cells:
        if cell.cell_type == "code":
            break
        cells.append(cell)
    return cells


def _middle_faults(lesson: Lesson) -> list[str]:
    faults = []
    trees = dict(lesson.trees())
    if not any(calls(tree, "predict") for tree in trees.values()):
        faults.append("no predict")
    if len(lesson.exercises) < 2:
        faults.append(f"{len(lesson.exercises)} exercises: two at least")
    if not any(calls(tree, "assert_gradients_match") for tree in trees.values()) and not any(
        isinstance(node, ast.Assert) for tree in trees.values() for node in ast.walk(tree)
    ):
        faults.append("no assertion that the gradient is right")
    live = [index for index, tree in trees.items() if calls(tree, "live_figure")]
    if not live:
        faults.append("no live_figure")
    faults += [
        f"cell {i}: live_figure without a stored picture in its section"
        for i in live
        if not _has_twin(lesson, i)
    ]
    return faults


def _has_twin(lesson: Lesson, index: int) -> bool:
    """Whether the section (from one ``##`` to the next) that holds cell ``index`` stores a picture."""
    starts = [
        i
        for i, cell in enumerate(lesson.cells)
        if cell.cell_type == "markdown" and re.search(r"^##? ", cell.source, re.M)
    ]
    begin = max((i for i in starts if i <= index), default=0)
    end = min((i for i in starts if i > index), default=len(lesson.cells))
    return any(
        "image/png" in o.get("data", {}) for cell in lesson.cells[begin:end] for o in cell.get("outputs", [])
    )


def _closing_faults(lesson: Lesson) -> list[str]:
    titles = [title for level, title in headings(lesson) if level == 2]
    present = [title for title in titles if title in CLOSING]
    faults = [] if tuple(present) == CLOSING else [f"closing sections are {present}, not {list(CLOSING)}"]
    folds = len(folds_of(section(lesson, "Check yourself")))
    if not 3 <= folds <= 5:
        faults.append(f"'Check yourself' has {folds} folded answers: three to five are wanted")
    last = lesson.prose[-1].source if lesson.prose else ""
    following = re.search(r"\bNext\b.*", last, re.DOTALL)
    if not following or not ("to come" in following[0] or re.search(r"\]\(\d\d_\w+\.ipynb\)", following[0])):
        faults.append("the last markdown cell has no 'Next' with a link to a lesson, or with 'to come'")
    return faults


# --- accessibility and links ---


def accessibility_faults(lesson: Lesson) -> list[str]:
    faults = []
    words = without_fences(lesson.words)
    faults += [f"picture without alt text: {m}" for m in re.findall(r"!\[\s*\]\([^)]*\)", words)]
    for tag in re.findall(r"<img\b[^>]*>", words):
        if not re.search(r"\balt=([\"'])\s*\S.*?\1", tag):
            faults.append(f"picture without alt text: {tag}")
    for index, cell in enumerate(lesson.cells):
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                faults += [f"cell {index}: {fault}" for fault in _figure_faults(output)]
    level = 0
    for depth, title in headings(lesson):
        if depth > level + 1 or (depth == 1 and level > 0):
            faults.append(f"heading {title!r} of level {depth} after level {level}")
        level = depth
    return faults


def _figure_faults(output: nbformat.NotebookNode) -> list[str]:
    alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
    plain = output.data.get("text/plain", "")
    if not alt.strip():
        return ["stored figure without alt metadata"]
    if plain.strip() != alt.strip():
        return ["the plain text of a stored figure is not its alt text"]
    return []


def link_faults(lesson: Lesson) -> list[str]:
    """Links to files that do not exist, and to headings that do not."""
    faults = []
    anchors = {re.sub(r"\s+", "-", title) for _, title in headings(lesson)}
    for target in re.findall(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)", without_fences(lesson.words)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        if path and not (lesson.path.parent / path).exists():
            faults.append(f"link to {path}, which does not exist")
        if not path and anchor.casefold() not in {a.casefold() for a in anchors}:
            faults.append(f"link to #{anchor}: no such heading")
    return faults


# --- exercises as they stand in the notebook ---


def exercise_faults(lesson: Lesson) -> list[str]:
    """The convention: one markdown cell, a stub cell that holds ``...``, a cell that calls ``check``."""
    module = exercise_module(lesson)
    if module is None:
        return [f"no bphelpers/lessons/lesson_{lesson.number}.py"] if lesson.exercises else []
    faults = _keys_faults("exercises", [e.key for e in lesson.exercises], list(module.EXERCISES))
    for exercise in lesson.exercises:
        if exercise.key in module.EXERCISES:
            found = _cells_faults(lesson, exercise) + _text_faults(exercise)
            faults += [f"exercise {exercise.key}: {fault}" for fault in found]
    return faults


def exercise_module(lesson: Lesson) -> types.ModuleType | None:
    name = f"bphelpers.lessons.lesson_{lesson.number}"
    with contextlib.suppress(ModuleNotFoundError):
        return importlib.import_module(name)
    return None


def _keys_faults(what: str, in_notebook: list[str], in_module: list[str]) -> list[str]:
    if sorted(in_notebook) == sorted(in_module):
        return []
    return [f"{what} in the notebook: {sorted(in_notebook)}; in the module: {sorted(in_module)}"]


def _cells_faults(lesson: Lesson, exercise: NotebookExercise) -> list[str]:
    stub, check = lesson.source_of(exercise.stub), lesson.source_of(exercise.check)
    if not stub or not check:
        return ["the markdown cell is not followed by a stub cell and a check cell"]
    faults = []
    if not any(isinstance(n, ast.Constant) and n.value is ... for n in ast.walk(ast.parse(stub))):
        faults.append("the stub cell holds no ...")
    checked = [key_of(call) for call in calls(ast.parse(check), "check")]
    if checked != [exercise.key]:
        faults.append(f"the check cell checks {checked}")
    stored = "".join(texts(lesson.cells[exercise.check]))
    if stored.strip() != f"{exercise.key}: {UNANSWERED}":
        faults.append(f"the stored output of the check cell is {stored!r}, not the calm line")
    with contextlib.suppress(SyntaxError):
        missing = assigned_names(stub) - assigned_names(exercise.solution)
        faults += [f"the solution does not define {name}, which the stub does" for name in sorted(missing)]
    return faults


def assigned_names(source: str) -> set[str]:
    """Names that a cell defines at its top level."""
    names = set()
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            names |= {
                n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            }
    return names


def _text_faults(exercise: NotebookExercise) -> list[str]:
    faults = []
    summaries = [fold.summary for fold in exercise.folds]
    if summaries != ["Hint 1", "Hint 2", "Hint 3", "Solution"]:
        faults.append(f"the folds are {summaries}")
    hints = [exercise.body(f"Hint {number}") for number in (1, 2, 3)]
    faults += [
        f"hint {n} is no sentence" for n, hint in enumerate(hints, 1) if hint[-1:] not in tuple(".?`$")
    ]
    if len(set(hints)) < 3:
        faults.append("two hints are the same")
    if not exercise.solution:
        faults.append("no ```python block in the solution")
    return faults


def prediction_faults(lesson: Lesson) -> list[str]:
    """Each prediction: first ``predict(key, ...)``, in a later cell ``predict(key, reveal=...)``."""
    guessed: dict[str, int] = {}
    revealed: dict[str, int] = {}
    faults = []
    for index, tree in lesson.trees():
        for call in calls(tree, "predict"):
            key = key_of(call)
            if any(word.arg == "reveal" for word in call.keywords):
                revealed.setdefault(key, index)
                continue
            guessed.setdefault(key, index)
            if not (len(call.args) == 2 and getattr(call.args[1], "value", None) is ...):
                faults.append(f"prediction {key}: the stored guess is not ...")
    module = exercise_module(lesson)
    in_module = list(getattr(module, "PREDICTIONS", {}))
    faults += _keys_faults("predictions", list(guessed), in_module) + _keys_faults(
        "reveals", list(revealed), in_module
    )
    faults += [
        f"prediction {k} is revealed before it is asked"
        for k in guessed
        if revealed.get(k, 1e9) <= guessed[k]
    ]
    return faults


# --- running ---


@dataclass
class Run:
    """What executing a lesson left behind."""

    namespace: dict[str, Any]
    printed: dict[int, str] = field(default_factory=dict)  # cell index -> what it printed
    shown: list[tuple[int, Any]] = field(default_factory=list)  # cell index, value of its last expression
    functions: list[tuple[int, str, Any]] = field(
        default_factory=list
    )  # each definition, also overwritten ones


def run_lesson(lesson: Lesson, replaced: dict[int, str] | None = None) -> Run:
    """Execute all code cells in order in one namespace, in this process, with some cells replaced.

    Not a kernel: strict validation runs the lesson in one. Here pictures go nowhere, and warnings are errors.
    """
    module = types.ModuleType("__main__")
    run = Run(vars(module))
    run.namespace["display"] = lambda *things, **_: run.shown.extend((-1, thing) for thing in things)
    with _as_main(module), contextlib.chdir(lesson.path.parent), warnings.catch_warnings():
        warnings.simplefilter("error")
        for index, cell in enumerate(lesson.cells):
            if cell.cell_type == "code":
                _run_cell(run, index, (replaced or {}).get(index, cell.source))
    return run


def _run_cell(run: Run, index: int, source: str) -> None:
    """Like IPython: statements, then the last line's value where it is an expression."""
    tree = ast.parse(source, filename=f"<cell {index}>")
    definitions = [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()):
        try:
            exec(compile(tree, f"<cell {index}>", "exec"), run.namespace)
            if last is not None:
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


def run_solved(lesson: Lesson) -> Run:
    """The lesson with each solution in its stub."""
    return run_lesson(lesson, {e.stub: e.solution for e in lesson.exercises if e.solution})


def solution_faults(lesson: Lesson, run: Run) -> list[str]:
    """Exercises whose solution the check does not call right."""
    said = {e.key: run.printed.get(e.check, "").strip() for e in lesson.exercises}
    return [f"{key}: {text!r}" for key, text in said.items() if not text.startswith(f"{key}: right")]


def slider_faults(run: Run) -> list[str]:
    """Positions of the sliders, over the whole range of each, at which the picture or its words fail."""
    candidates = [value for _, value in run.shown] + list(run.namespace.values())
    figures = {id(value): value for value in candidates if isinstance(value, live.LiveFigure)}
    faults = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for figure in figures.values():
            with _rendered_now_and_then(figure):
                for number, position in enumerate(figure.frames()):
                    if figure.error is not None:
                        faults.append(f"{position}: {type(figure.error).__name__}: {figure.error}")
                    elif number % 8 == 0 and (figure._figure.pixels()[..., :3] != redrawn(figure)).any():
                        faults.append(f"{position}: not the picture that drawing it anew gives")
    return faults


def redrawn(figure: live.LiveFigure) -> NDArray[np.uint8]:
    """What the live figure should show: all drawn anew, with the axes in the places of the first picture."""
    fresh = BlittedFigure(figure._draw, new_figure(*figure._size), figure.values).fig
    if fresh.axes and figure._figure.settled:
        fresh.set_layout_engine("none")
        for ax, first in zip(fresh.axes, figure._figure.fig.axes, strict=True):
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

    def sometimes(fig: Any) -> bytes:
        number = next(count)
        return render(fig) if number % stride == 0 or number >= positions else b""

    render = live._png
    with mock.patch.object(live, "_png", sometimes):
        yield


# --- the notebook and the package ---


def package_name_faults(lesson: Lesson) -> list[str]:
    """Names that the notebook takes from bphelpers and that are missing there, or private."""
    faults: list[str] = []
    bound: dict[str, Any] = {}
    for index, tree in lesson.trees():
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                faults += [f"cell {index}: {fault}" for fault in _bind_imports(node, bound)]
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                _, fault = _resolve(node, bound)
                faults += [f"cell {index}: {fault}"] if fault else []
    return list(dict.fromkeys(faults))


def _bind_imports(node: ast.Import | ast.ImportFrom, bound: dict[str, Any]) -> list[str]:
    faults = []
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.split(".")[0] == "bphelpers":
                module = importlib.import_module(alias.name)
                bound[alias.asname or "bphelpers"] = module if alias.asname else sys.modules["bphelpers"]
    elif (node.module or "").split(".")[0] == "bphelpers":
        module = importlib.import_module(node.module or "")
        for alias in node.names:
            fault = _public_fault(module, alias.name)
            faults += [fault] if fault else []
            bound[alias.asname or alias.name] = getattr(module, alias.name, None)
    return faults


def _resolve(node: ast.expr, bound: dict[str, Any]) -> tuple[Any, str | None]:
    """The object that a dotted name stands for, where it starts in bphelpers, and what is wrong with it."""
    if isinstance(node, ast.Name):
        return bound.get(node.id), None
    if not isinstance(node, ast.Attribute):
        return None, None
    base, fault = _resolve(node.value, bound)
    if base is None or fault:
        return None, fault
    if isinstance(base, types.ModuleType) and base.__name__.startswith("bphelpers"):
        fault = _public_fault(base, node.attr)
        return (None, fault) if fault else (getattr(base, node.attr), None)
    if isinstance(base, type) and (node.attr.startswith("_") or not hasattr(base, node.attr)):
        return None, f"{base.__name__}.{node.attr} is missing or private"
    return None, None


def _public_fault(module: types.ModuleType, name: str) -> str | None:
    public = name in module.__all__ if hasattr(module, "__all__") else not name.startswith("_")
    if public and hasattr(module, name):
        return None
    return f"{module.__name__}.{name} is {'private' if hasattr(module, name) else 'missing'}"
