"""What a lesson must obey, rule by rule, each with what to do about it: ``RULES`` at the end.

A rule is a function from a Lesson to a list of faults. So the same rule runs over the real lessons and over a
small one that a test has broken on purpose.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import importlib
import re
import symtable
import types
from collections.abc import Callable, Iterator
from typing import Any

from tools import notebooks
from tools.course.lesson import (
    Cell,
    Lesson,
    NotebookExercise,
    calls,
    folds_of,
    is_compared,
    tags,
    texts,
    without_fences,
)
from tools.course.numbers import unearned

ADVICE = "# ModuleNotFoundError? In the course's folder, run: make lab (on Windows: py run.py lab)"
UNANSWERED = "not answered yet: the ... is still there. Replace it and run both cells again."
FILLER = re.compile(r"\b(simply|just|obviously|clearly|trivial(?:ly)?|of course)\b", re.IGNORECASE)
MAX_MEAN_LINES, MAX_LINES = 8.5, 20
MAX_NOTEBOOK_BYTES, MAX_PNG_BYTES = 1024 * 1024, 100 * 1024

# --- stored outputs ---


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
    for index, cell in lesson.code_cells:
        if not is_compared(cell):
            # Times differ from run to run; with an optional library, words differ from machine to machine.
            if not re.search(r"perf_counter|process_time|timeit|except ImportError", cell.source):
                faults.append(f"cell {index} is not compared, and measures no time")
            continue
        for text in texts(cell):
            found = {what: pattern.search(text) for what, pattern in _UNSTABLE.items()}
            faults += [f"cell {index} prints {what}: {match[0]!r}" for what, match in found.items() if match]
            faults += [f"cell {index} prints a long float: {number}" for number in long_floats(text)]
    return faults


def long_floats(text: str) -> list[str]:
    """Decimal numbers with more than 12 significant digits: no two machines need agree on those."""
    found = re.findall(r"(?<![\w.])\d+\.\d+(?:[eE][-+]?\d+)?", text)
    return [number for number in found if len(re.sub(r"[eE].*|\.", "", number).lstrip("0")) > 12]


BLINDING_TAGS = {"nbval-skip", "nbval-raises-exception", "raises-exception", "nbval-check-output"}


def stored_output_faults(lesson: Lesson) -> list[str]:
    """Runs, errors, warnings, sizes, the committed form, and markers that would blind the comparison."""
    faults = [f"cell {fault}" for fault in notebooks.complaints(lesson.nb)]
    counts = [cell.execution_count for cell in lesson.code]
    if counts != list(range(1, len(counts) + 1)):
        faults.append(f"not run once from top to bottom: execution counts {counts}")
    text = lesson.path.read_text("utf-8") if lesson.path.exists() else notebooks.dumps(lesson.nb)
    if text != notebooks.dumps(notebooks.normalise(copy.deepcopy(lesson.nb))):
        faults.append("not in the form that is committed")
    for index, cell in lesson.code_cells:
        faults += [f"cell {index}: tag {tag}" for tag in tags(cell) if tag in BLINDING_TAGS]
        if re.search(r"#\s*(NBVAL_|PYTEST_VALIDATE_)", cell.source):
            faults.append(
                f"cell {index}: a comment steers the comparison; use a tag, where a time is measured"
            )
        if cell.source.rstrip().endswith(";"):
            faults.append(f"cell {index}: trailing semicolon")
        for output in cell.outputs:
            size = len(output.get("data", {}).get("image/png", "")) * 3 // 4
            if size > MAX_PNG_BYTES:
                faults.append(f"cell {index}: picture of {size // 1024} KB")
    if len(text.encode()) > MAX_NOTEBOOK_BYTES:
        faults.append(f"{len(text.encode()) // 1024} KB")
    return faults


# --- anatomy and pace ---


def pace_faults(lesson: Lesson) -> list[str]:
    faults = []
    lengths = {
        i: sum(line.strip() not in ("", ADVICE) for line in c.source.splitlines())
        for i, c in lesson.code_cells
    }
    mean = sum(lengths.values()) / max(1, len(lesson.code))
    if mean > MAX_MEAN_LINES:
        faults.append(f"a code cell has {mean:.1f} lines on average")
    faults += [f"cell {i} has {n} lines" for i, n in lengths.items() if n > MAX_LINES]
    ratio = len(lesson.prose) / max(1, len(lesson.code))
    if not 0.5 <= ratio <= 2:
        faults.append(f"{ratio:.1f} markdown cells for each code cell: about one to one is wanted")
    faults += [f"filler word: {word!r}" for word in sorted({w.lower() for w in FILLER.findall(lesson.words)})]
    if not re.fullmatch(r"\d\d_[a-z0-9_]+\.ipynb", lesson.path.name):
        faults.append(f"file name {lesson.path.name}")
    return faults


OPENING = ("You will", "You need", "Time")
CLOSING = ("What you now know", "Check yourself", "Sources")


def anatomy_faults(lesson: Lesson) -> list[str]:
    """What every lesson has, in the order of the style guide."""
    return [*_opening_faults(lesson), *_middle_faults(lesson), *_closing_faults(lesson)]


def _opening_faults(lesson: Lesson) -> list[str]:
    faults = []
    first = lesson.cells[0].source if lesson.cells else ""
    if not re.match(rf"# {lesson.number}\. \S", first):
        faults.append(f"the first cell does not begin with '# {lesson.number}. Title'")
    opening = re.split(r"^## ", lesson.words, maxsplit=1, flags=re.MULTILINE)[0]
    faults += [
        f"no '**{label}**' before the first section" for label in OPENING if f"**{label}" not in opening
    ]
    will = opening.partition("**You will")[2].partition("**You need")[0]
    outcomes = len(re.findall(r"^[ \t]*(?:[-*]|\d+\.)[ \t]+\S", will, re.MULTILINE))
    if not 3 <= outcomes <= 5:
        faults.append(f"'You will' lists {outcomes} outcomes: three to five are wanted")
    if not re.search(r"\*\*Time.*\d+.*minutes", opening):
        faults.append("'Time' gives no number of minutes")
    setup = lesson.code[0].source if lesson.code else ""
    wanted = (f"{ADVICE}\nimport bphelpers as bp\n", "from bphelpers.teaching import ", "\n\nbp.setup()")
    faults += [f"the first code cell does not say {text.strip()}" for text in wanted if text not in setup]
    return faults


def _middle_faults(lesson: Lesson) -> list[str]:
    faults = []
    trees = dict(lesson.trees())
    if not any(calls(tree, "predict") for tree in trees.values()):
        faults.append("no predict")
    if len(lesson.exercises) < 2:
        faults.append(f"{len(lesson.exercises)} exercises: two at least")
    nodes = [node for tree in trees.values() for node in ast.walk(tree)]
    names = {getattr(n.func, "id", getattr(n.func, "attr", "")) for n in nodes if isinstance(n, ast.Call)}
    if not names & {"assert_gradients_match", "agree"} and not any(isinstance(n, ast.Assert) for n in nodes):
        faults.append("no assertion that the gradient is right")
    live = [index for index, tree in trees.items() if calls(tree, "live_figure")]
    if not live and not any(calls(tree, "scrubber") for tree in trees.values()):
        faults.append("no live_figure and no scrubber")
    lonely = [index for index in live if not _has_twin(lesson, index)]
    faults += [f"cell {index}: live_figure without a stored picture in its section" for index in lonely]
    return faults


HEADED = re.compile(r"^##? ", re.MULTILINE)


def _has_twin(lesson: Lesson, index: int) -> bool:
    """Whether the section (from one ``##`` to the next) that holds cell ``index`` stores a picture."""
    headed = (i for i, c in enumerate(lesson.cells) if c.cell_type == "markdown" and HEADED.search(c.source))
    starts = list(headed)
    begin = max((i for i in starts if i <= index), default=0)
    end = min((i for i in starts if i > index), default=len(lesson.cells))
    return any(
        "image/png" in o.get("data", {}) for cell in lesson.cells[begin:end] for o in cell.get("outputs", [])
    )


def _closing_faults(lesson: Lesson) -> list[str]:
    titles = [title for level, title in lesson.headings if level == 2]
    present = [title for title in titles if title in CLOSING]
    faults = [] if tuple(present) == CLOSING else [f"closing sections are {present}, not {list(CLOSING)}"]
    folds = len(folds_of(lesson.section("Check yourself")))
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
    for row in re.findall(r"^\|(.*)\|\n\|[\s:|-]+\|$", words, flags=re.MULTILINE):
        # What reads a page aloud, or checks it, may pass over a formula.
        if not all(re.sub(r"\$[^$]*\$", "", column).strip() for column in row.split("|")):
            faults.append(f"table with a column that has no word above it: {row.strip()}")
    for index, cell in enumerate(lesson.cells):
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                faults += [f"cell {index}: {fault}" for fault in _figure_faults(output)]
    level = 0
    for depth, title in lesson.headings:
        if depth > level + 1 or (depth == 1 and level > 0):
            faults.append(f"heading {title!r} of level {depth} after level {level}")
        level = depth
    return faults


def _figure_faults(output: Cell) -> list[str]:
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
    anchors = {re.sub(r"\s+", "-", title) for _, title in lesson.headings}
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
            found = _cells_faults(lesson, exercise) + _text_faults(exercise) + _dependents(lesson, exercise)
            faults += [f"exercise {exercise.key}: {fault}" for fault in found]
    return faults


def key_of(call: ast.Call) -> Any:
    return call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None


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
    stored = "".join(texts(lesson.cells[exercise.check])).strip()
    if not is_answered(lesson, exercise):
        if not _is_open(stub):
            faults.append("the stub cell holds no ...")
        if stored != f"{exercise.key}: {UNANSWERED}":
            faults.append(f"the stored output of the check cell is {stored!r}, not the calm line")
    checked = [key_of(call) for call in calls(ast.parse(check), "check")]
    if checked != [exercise.key]:
        faults.append(f"the check cell checks {checked}")
    with contextlib.suppress(SyntaxError):
        missing = assigned_names(stub) - assigned_names(exercise.solution)
        faults += [f"the solution does not define {name}, which the stub does" for name in sorted(missing)]
    return faults


def _dependents(lesson: Lesson, exercise: NotebookExercise) -> list[str]:
    """Later cells that read what an answer defines: a lesson says the same with and without answers."""
    names = assigned_names(exercise.solution) | assigned_names(lesson.source_of(exercise.stub))
    faults = []
    for index, cell in lesson.code_cells:
        if index > exercise.check:
            read, defined = _names_of(cell.source)
            faults += [f"cell {index} reads {name}, which an answer defines" for name in sorted(read & names)]
            names -= defined
    return faults


class _WithoutYours(ast.NodeTransformer):
    """Takes out ``yours(key, answer, reference)``: made for reading an answer, and works without one."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if getattr(node.func, "id", "") == "yours":
            return ast.copy_location(ast.Constant(None), node)
        return self.generic_visit(node)


def _names_of(source: str) -> tuple[set[str], set[str]]:
    """The names that a cell reads, also inside functions, before it defines them; those that it defines."""
    read: set[str] = set()
    defined: set[str] = set()
    for statement in _WithoutYours().visit(ast.parse(source)).body:
        table = symtable.symtable(ast.unparse(statement), "cell", "exec")
        changed = isinstance(statement, ast.AugAssign)
        names = [symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced() or changed]
        read |= {*names, *_global_names(table)} - defined
        if not isinstance(statement, (ast.If, ast.Try, ast.While)):
            new = (symbol for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported())
            defined |= {symbol.get_name() for symbol in new}
    return read, defined


def _global_names(table: symtable.SymbolTable) -> Iterator[str]:
    """Those that functions and comprehensions inside find outside."""
    for inner in table.get_children():
        yield from (symbol.get_name() for symbol in inner.get_symbols() if symbol.is_global())
        yield from _global_names(inner)


def is_answered(lesson: Lesson, exercise: NotebookExercise) -> bool:
    """Whether a learner was here: the ... is gone from the stub, and the check has said something."""
    stored = "".join(texts(lesson.cells[exercise.check])).strip()
    about_it = stored.startswith(f"{exercise.key}: ") and UNANSWERED not in stored
    return about_it and not _is_open(lesson.source_of(exercise.stub))


def _is_open(stub: str) -> bool:
    return any(isinstance(n, ast.Constant) and n.value is ... for n in ast.walk(ast.parse(stub)))


def answered_exercises(lesson: Lesson) -> list[str]:
    """The lessons in notebooks/ are handed out with open exercises; answers belong in the copies in my/."""
    answered = (e for e in lesson.exercises if lesson.source_of(e.check) and is_answered(lesson, e))
    return [f"cell {e.stub}: exercise {e.key} is answered" for e in answered]


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
    summaries = [fold.summary for fold in exercise.folds]
    faults = [] if summaries == FOLDS else [f"the folds are {summaries}, not {FOLDS}"]
    faults += [f"{fold.summary.lower()} is empty" for fold in exercise.folds if not fold.body]
    hints = [fold.body for fold in exercise.folds if fold.summary.startswith("Hint")]
    faults += [
        f"hint {n} is no sentence" for n, hint in enumerate(hints, 1) if hint[-1:] not in tuple(".?`$")
    ]
    if len(set(hints)) < len(hints):
        faults.append("two hints are the same")
    return faults if exercise.solution else [*faults, "no ```python block in the solution"]


FOLDS = ["Hint 1", "Hint 2", "Hint 3", "Solution"]


def prediction_faults(lesson: Lesson) -> list[str]:
    """Each prediction: first ``predict(key, ...)``, in a later cell ``predict(key, reveal=True)``."""
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


# --- the notebook and the package ---


def package_name_faults(lesson: Lesson) -> list[str]:
    """Names that the notebook takes from bphelpers and that are missing there, or private."""
    faults: list[str] = []
    bound: dict[str, Any] = {}
    for index, tree in lesson.trees():
        found: list[str] = []
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bphelpers"):
                module = importlib.import_module(node.module or "")
                for alias in node.names:  # a module inside is there once it has been imported
                    with contextlib.suppress(ModuleNotFoundError):
                        importlib.import_module(f"{node.module}.{alias.name}")
                bound |= {
                    alias.asname or alias.name: _taken(module, alias.name, found) for alias in node.names
                }
            elif isinstance(node, ast.Import):
                names = {alias.name: alias.asname or alias.name for alias in node.names}
                bound |= {names[name]: importlib.import_module(name) for name in names if "bphelpers" in name}
        for node in ast.walk(tree):
            _followed(node, bound, found)
        faults += [f"cell {index}: {fault}" for fault in found]
    return list(dict.fromkeys(faults))


def _followed(node: ast.AST, bound: dict[str, Any], faults: list[str]) -> Any:
    """The object that a dotted name stands for, where it starts in bphelpers."""
    if isinstance(node, ast.Attribute):
        return _taken(_followed(node.value, bound, faults), node.attr, faults)
    return bound.get(node.id) if isinstance(node, ast.Name) else None


def _taken(holder: Any, name: str, faults: list[str]) -> Any:
    """What a module or class of the package calls so; a fault where it calls nothing so, or in private."""
    if not isinstance(holder, type) and "bphelpers" not in getattr(holder, "__name__", ""):
        return None
    if name in getattr(holder, "__all__", [name]) and not name.startswith("_") and hasattr(holder, name):
        return getattr(holder, name)
    faults.append(f"{holder.__name__}.{name} is {'private' if hasattr(holder, name) else 'missing'}")
    return None


# --- all of them, and what to do ---

RULES: dict[Callable[[Lesson], list[str]], str] = {
    stored_output_faults: "`make notebooks LESSON={number}` executes the lesson and tidies it up",
    unstable_outputs: 'print fewer digits (f"{{value:.6f}}"), and no times, paths or addresses',
    pace_faults: "split the cell, or move what is not explained to bphelpers/lessons/lesson_{number}.py",
    anatomy_faults: "CONTRIBUTING.md, 'Write a lesson', says what every lesson has",
    accessibility_faults: (
        'bp.plots.show(fig, alt="..."), ![words](picture), one level of heading at a time, named columns'
    ),
    link_faults: "correct the target; a link to a heading is its title with - for each space",
    exercise_faults: "the text with its folds, the stub with its ..., the check; then make notebooks",
    answered_exercises: "`git restore notebooks`, and answer in the copies in my/, which `make lab` opens",
    prediction_faults: 'predict("{number}.A", ...) first, predict("{number}.A", reveal=True) in a later cell',
    package_name_faults: "use a public name, or export this one",
    unearned: "compute the number in a cell, or correct it",
}
