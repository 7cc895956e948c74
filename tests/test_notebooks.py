"""The lessons: their anatomy, their exercises, their words, and their agreement with the package.

Strict validation (nbval) runs each lesson in a kernel and compares what it prints. Here is what that cannot
see. Every rule is tried on a small lesson that breaks it, so that a rule that never fails is noticed.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mini_lesson import MODULE, mini_lesson, printed
from notebook_tools import (
    Lesson,
    Run,
    accessibility_faults,
    anatomy_faults,
    exercise_faults,
    lesson_paths,
    link_faults,
    pace_faults,
    package_name_faults,
    prediction_faults,
    run_solved,
    slider_faults,
    solution_faults,
    stored_output_faults,
    unstable_outputs,
)
from prose_numbers import unearned

from bphelpers import functional, lessons, nn, optim
from bphelpers.teaching import gradcheck

LESSONS = lesson_paths()
IDS = [path.stem for path in LESSONS]

# Numbers in prose that no cell computes and no worked example publishes, each with its reason. Keep it tiny.
GIVEN: dict[str, dict[str, str]] = {}

RULES: list[Callable[[Lesson], list[str]]] = [
    stored_output_faults,
    unstable_outputs,
    pace_faults,
    anatomy_faults,
    accessibility_faults,
    link_faults,
    exercise_faults,
    prediction_faults,
    package_name_faults,
]


@functools.cache
def solved(path: Path) -> Run:
    """Each lesson is run once, with every solution in its stub."""
    return run_solved(Lesson.read(path))


def test_there_are_lessons():
    assert LESSONS, "no lesson found in notebooks/"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", LESSONS, ids=IDS)
def test_rules(path, rule):
    assert rule(Lesson.read(path)) == []


@pytest.mark.parametrize("path", LESSONS, ids=IDS)
def test_numbers_in_prose_are_earned(path):
    given = GIVEN.get(path.name[:2], {})
    assert len(given) <= 5 and all(len(reason) > 10 for reason in given.values())
    assert unearned(Lesson.read(path), given) == []


@pytest.mark.parametrize("path", LESSONS, ids=IDS)
def test_solutions_are_right(path):
    assert solution_faults(Lesson.read(path), solved(path)) == []


@pytest.mark.parametrize("path", LESSONS, ids=IDS)
def test_sliders_hold_over_their_whole_range(path):
    assert slider_faults(solved(path)) == []


@pytest.mark.parametrize("path", LESSONS, ids=IDS)
def test_what_is_derived_is_what_is_kept(path):
    assert twin_faults(solved(path)) == []


# --- derived in the notebook, kept in the package ---


def _batch(rng: np.random.Generator) -> dict[str, Any]:
    n, d, k = 5, 4, 3
    logits = rng.normal(size=(n, k))
    shifted = np.exp(logits)
    return {
        "x": rng.normal(size=(n, d)),
        "W": rng.normal(size=(k, d)),
        "b": rng.normal(size=k),
        "z": rng.normal(size=(n, k)),
        "a": 1 / (1 + np.exp(-rng.normal(size=(n, k)))),
        "t": np.tanh(rng.normal(size=(n, k))),
        "p": shifted / shifted.sum(axis=1, keepdims=True),
        "dout": rng.normal(size=(n, k)),
        "logits": logits,
        "y": rng.normal(size=(n, k)),
        "y01": rng.integers(0, 2, size=(n, k)).astype(float),
        "labels": rng.integers(0, k, size=n),
        "mask": rng.integers(0, 2, size=(n, k)) * 2.0,
        "rng": np.random.default_rng(98),
    }


def _bowl(x: np.ndarray) -> float:
    return float(np.sum(np.sin(x) * x))


# What each function of the package is called with when a lesson derives it: names from _batch, or values.
ARGUMENTS: dict[str, list[Any]] = {
    "linear": ["x", "W", "b"],
    "linear_backward": ["dout", "x", "W"],
    "sigmoid": ["z"],
    "sigmoid_backward": ["dout", "a"],
    "tanh": ["z"],
    "tanh_backward": ["dout", "t"],
    "relu": ["z"],
    "relu_backward": ["dout", "z"],
    "softmax": ["z"],
    "softmax_backward": ["dout", "p"],
    "log_softmax": ["z"],
    "mse": ["y", "z"],
    "mse_backward": ["y", "z"],
    "binary_cross_entropy": ["logits", "y01"],
    "binary_cross_entropy_backward": ["logits", "y01"],
    "softmax_cross_entropy": ["logits", "labels"],
    "softmax_cross_entropy_backward": ["logits", "labels"],
    "dropout": ["x", 0.3, "rng"],
    "dropout_backward": ["dout", "mask"],
    "leaky_relu": ["z"],
    "leaky_relu_backward": ["dout", "z"],
    "gelu": ["z"],
    "gelu_backward": ["dout", "z"],
    "batch_norm": ["z", "b", "b"],
    "batch_norm_backward": ["dout", "z", "b"],
    "layer_norm": ["z", "b", "b"],
    "layer_norm_backward": ["dout", "z", "b"],
    "he_normal": [3, 4, "rng"],
    "xavier_uniform": [3, 4, "rng"],
    "numerical_gradient": [_bowl, "x"],
    "relative_error": ["x", "x"],
}
MEASURED = {"numerical_gradient": 1e-6}  # measured with another step, so equal to fewer digits


def _arguments(name: str, seed: int) -> list[Any]:
    batch = _batch(np.random.default_rng(seed))  # afresh for each function: a generator has a memory
    return [batch[a] if isinstance(a, str) else a for a in ARGUMENTS[name]]


def _kept(name: str) -> Any:
    for room in (functional, gradcheck, nn, optim):
        found = getattr(room, name, None)
        if getattr(found, "__module__", "").startswith(room.__name__):
            return found
    return None


def twin_faults(run: Run) -> list[str]:
    """Functions that a lesson defines under a name of the package, and that give other numbers."""
    faults = []
    for index, name, derived in run.functions:
        if _kept(name) is not None:
            faults += [f"cell {index}: {fault}" for fault in _differences(name, derived, _kept(name))]
    return faults


def _differences(name: str, derived: Any, kept: Any) -> list[str]:
    if name not in ARGUMENTS or not inspect.isfunction(derived):
        return [f"{name} is defined under a name of the package: tell ARGUMENTS what to compare it on"]
    for seed in range(5):
        ours, theirs = (
            result if isinstance(result, tuple) else (result,)
            for result in (function(*_arguments(name, seed)) for function in (derived, kept))
        )
        rtol = MEASURED.get(name, 1e-12)
        if len(ours) != len(theirs) or not all(
            np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=rtol, atol=rtol)
            for a, b in zip(ours, theirs, strict=True)
        ):
            return [f"{name} gives other numbers than the package's"]
    return []


# --- each rule, broken ---


@pytest.fixture
def mini(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lesson]:
    (tmp_path / "lesson_98.py").write_text(MODULE)
    monkeypatch.setattr(lessons, "__path__", [*lessons.__path__, str(tmp_path)])
    yield mini_lesson(tmp_path)
    sys.modules.pop("bphelpers.lessons.lesson_98", None)


@pytest.mark.parametrize("rule", [*RULES, unearned], ids=lambda rule: rule.__name__)
def test_a_lesson_that_obeys_has_no_faults(mini, rule):
    assert rule(mini) == []


def test_a_lesson_that_obeys_runs(mini):
    run = run_solved(mini)
    assert solution_faults(mini, run) == []
    assert slider_faults(run) == []
    assert twin_faults(run) == []


def _cell(lesson: Lesson, text: str) -> Any:
    return next(cell for cell in lesson.cells if text in cell.source)


def _replace(old: str, new: str) -> Callable[[Lesson], None]:
    def change(lesson: Lesson) -> None:
        cell = _cell(lesson, old)
        cell.source = cell.source.replace(old, new)

    return change


def _store(text: str, outputs: list[Any]) -> Callable[[Lesson], None]:
    def change(lesson: Lesson) -> None:
        _cell(lesson, text).outputs = outputs

    return change


def _meta(text: str, **metadata: Any) -> Callable[[Lesson], None]:
    def change(lesson: Lesson) -> None:
        _cell(lesson, text).metadata.update(metadata)

    return change


def _drop(text: str) -> Callable[[Lesson], None]:
    def change(lesson: Lesson) -> None:
        lesson.cells.remove(_cell(lesson, text))

    return change


def _set(name: str, value: Any) -> Callable[[Lesson], None]:
    return lambda lesson: lesson.nb.metadata.update({name: value})


def _no_alt(lesson: Lesson) -> None:
    _cell(lesson, "bp.plots.show").outputs[0].metadata = {}


def _other_plain(lesson: Lesson) -> None:
    _cell(lesson, "bp.plots.show").outputs[0].data["text/plain"] = "<Figure size 700x400>"


def _large_picture(lesson: Lesson) -> None:
    _cell(lesson, "bp.plots.show").outputs[0].data["image/png"] = "A" * 150_000


def _count(lesson: Lesson) -> None:
    _cell(lesson, "98.1").execution_count = 1
    lesson.code[-1].execution_count = None


def _warned(lesson: Lesson) -> None:
    _cell(lesson, "bp.setup").outputs = [*printed("a warning")]
    _cell(lesson, "bp.setup").outputs[0].name = "stderr"


SHOWN = 'print(f"{0.75'
BROKEN: list[tuple[Callable[[Lesson], list[str]], Callable[[Lesson], None], str]] = [
    (stored_output_faults, _count, "not run once"),
    (stored_output_faults, _warned, "stderr"),
    (stored_output_faults, _large_picture, "picture of"),
    (stored_output_faults, _replace("slope = ...", "slope = ...;"), "semicolon"),
    (stored_output_faults, _replace("slope = ...", "# NBVAL_SKIP\nslope = ..."), "steers"),
    (stored_output_faults, _meta(SHOWN, tags=["nbval-skip"]), "tag nbval-skip"),
    (stored_output_faults, _meta(SHOWN, execution={"iopub": "2026"}), "metadata"),
    (stored_output_faults, _set("widgets", {}), "metadata.widgets"),
    (stored_output_faults, _replace("Now look.", "x" * 1_100_000), "KB"),
    (unstable_outputs, _store(SHOWN, printed("<object at 0x7f3a2b4c5d60>")), "memory address"),
    (unstable_outputs, _store(SHOWN, printed("saved in /home/ann/course")), "absolute path"),
    (unstable_outputs, _store(SHOWN, printed("took 3.2 s")), "duration"),
    (unstable_outputs, _store(SHOWN, printed("0.0821670405642308")), "long float"),
    (unstable_outputs, _store(SHOWN, printed("np.float64(0.5)")), "bare repr"),
    (unstable_outputs, _meta(SHOWN, tags=["nbval-ignore-output"]), "measures no time"),
    (pace_faults, _replace("slope = ...", "slope = ...\n" * 21), "21 lines"),
    (pace_faults, _replace("slope = ...", "slope = ...\n" * 90), "on average"),
    (pace_faults, _replace("Now look.", "Now simply look."), "filler"),
    (anatomy_faults, _replace("# 98. A small", "# A small"), "'# 98. Title'"),
    (anatomy_faults, _replace("- change it.\n", ""), "2 outcomes"),
    (anatomy_faults, _replace("**You need**", "You need"), "'**You need**'"),
    (anatomy_faults, _replace("30 minutes", "a while"), "minutes"),
    (anatomy_faults, _replace("bp.setup()", "pass"), "bp.setup()"),
    (anatomy_faults, _replace("run: make lab", "do: make lab"), "ModuleNotFoundError"),
    (
        anatomy_faults,
        _replace("teaching import check", "teaching.exercises import check"),
        "bphelpers.teaching",
    ),
    (anatomy_faults, _drop("bp.plots.show"), "without a stored picture"),
    (anatomy_faults, _replace("bp.widgets.live_figure", "dict"), "no live_figure"),
    (anatomy_faults, _replace("### Exercise 98.1", "### Task"), "1 exercises"),
    (anatomy_faults, _drop("assert abs"), "no assertion"),
    (anatomy_faults, _replace("## Sources", "## Books"), "closing sections"),
    (anatomy_faults, _replace("<details><summary>Three?</summary>", ""), "2 folded"),
    (anatomy_faults, _replace("Next: lesson 99, to come.", "Next: rest."), "'Next'"),
    (accessibility_faults, _replace("Now look.", "![](net.png)"), "without alt"),
    (accessibility_faults, _replace("Now look.", '<img src="net.png">'), "without alt"),
    (accessibility_faults, _no_alt, "without alt"),
    (accessibility_faults, _other_plain, "plain text"),
    (accessibility_faults, _replace("## 1. Which", "#### 1. Which"), "level 4 after level 1"),
    (link_faults, _replace("Now look.", "[there](97_gone.ipynb)"), "97_gone.ipynb"),
    (link_faults, _replace("Now look.", "[there](#nowhere)"), "#nowhere"),
    (exercise_faults, _replace("One rate for each step.", ""), "hint 2"),
    (exercise_faults, _replace("One rate for each step.", "Look at the sum."), "the same"),
    (exercise_faults, _replace("### Exercise 98.2", "### Exercise 98.3"), "98.3"),
    (exercise_faults, _replace("slope = ...", "slope = 0"), "no ..."),
    (exercise_faults, _replace('check("98.1"', 'check("98.2"'), "checks"),
    (exercise_faults, _replace("slope = 0.05625", "rise = 0.05625"), "does not define slope"),
    (exercise_faults, _store('check("98.1"', printed("98.1: right")), "calm line"),
    (exercise_faults, _drop("slope = ..."), "followed"),
    (exercise_faults, _replace("<summary>Hint 3</summary>", "<summary>More</summary>"), "folds"),
    (prediction_faults, _replace('predict("98.A", ...)', 'predict("98.A", "falls")'), "not ..."),
    (prediction_faults, _replace('predict("98.A", reveal="falls")', ""), "reveals"),
    (prediction_faults, _replace('predict("98.A", ...)', 'predict("98.B", ...)'), "98.B"),
    (
        package_name_faults,
        _replace("bp.functional.sigmoid_backward", "bp.functional.slope"),
        "slope is missing",
    ),
    (package_name_faults, _replace("import check, predict", "import check, guess"), "guess is missing"),
    (package_name_faults, _replace("bp.functional.sigmoid_backward", "bp._np.exp"), "_np is private"),
    (unearned, _replace("0.0563", "0.0564"), "0.0564"),
    (unearned, _replace("0.0563", "$5.64 \\times 10^{-2}$"), "5.64"),
    (unearned, _replace("0.0563", "5.64 %"), "5.64"),
    (unearned, _replace("0.0563", "1,797 of"), "1,797"),
]


@pytest.mark.parametrize(("rule", "change", "fault"), BROKEN, ids=[f"{r.__name__}-{f}" for r, _, f in BROKEN])
def test_each_rule_fails_when_broken(mini, rule, change, fault):
    change(mini)
    assert any(fault in found for found in rule(mini)), rule(mini)


@pytest.mark.parametrize(
    "written", ["0.056", "0.0562", "0.05625", "0.05626", "5.63 %", "$5.625 \\times 10^{-2}$"]
)
def test_a_number_is_earned_by_rounding_or_by_its_first_digits(mini, written):
    _replace("0.0563", written)(mini)
    assert (unearned(mini) == []) == (written != "0.05626")


def test_exceptions_by_rule(mini):
    _replace(
        "0.0563", "In 1986, Python 3.11, [here](https://a.org/1234567), section 12.34, exercise 98.1, §3.14"
    )(mini)
    assert unearned(mini) == []


def test_a_number_that_is_given_must_be_needed(mini):
    _replace("0.0563", "2.71828")(mini)
    assert unearned(mini, {"2.71828": "Euler's number"}) == []
    assert unearned(mini, {"2.71828": "", "3.14159": ""}) == ["3.14159 is allowed and not needed"]


def test_a_wrong_solution_is_found(mini):
    _replace("slope = 0.05625", "slope = 0.3")(mini)
    assert len(solution_faults(mini, run_solved(mini))) == 1


def test_a_cell_that_stops_is_named(mini):
    _replace("assert abs(0.25", "assert abs(0.26")(mini)
    with pytest.raises(AssertionError, match="cell 16 stopped with AssertionError"):
        run_solved(mini)


def test_a_slider_that_fails_at_one_end_is_found(mini):
    _replace("[0, slope])", "[0, 1 / (2 - slope)])")(mini)
    assert "ZeroDivisionError" in slider_faults(run_solved(mini))[0]


def test_a_slider_that_warns_is_found(mini):
    _replace("[0, slope])", "[0, 1 / bp.nn.np.float64(slope)])")(mini)
    assert "RuntimeWarning" in slider_faults(run_solved(mini))[0]


def test_a_derived_function_that_differs_is_found(mini):
    _replace("return 1 / (1 + np.exp(-z))", "return 1 / (1 + np.exp(-z)) + 1e-9 * (abs(z) < 0.4)")(mini)
    assert twin_faults(run_solved(mini)) == ["cell 13: sigmoid gives other numbers than the package's"]


def test_a_derived_function_without_inputs_to_compare_on_is_found(mini):
    _replace("assert abs(0.25", "def diagnose(x):\n    return x\n\nassert abs(0.25")(mini)
    assert "tell ARGUMENTS" in twin_faults(run_solved(mini))[0]
