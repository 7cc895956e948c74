"""The linter of lessons: each rule is tried on a small lesson that breaks it, so that it is seen to fail."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mini_lesson import MODULE, mini_lesson, printed
from twins import twin_faults

from bphelpers import lessons
from tools.course import check, rules
from tools.course.lesson import ROOT, Lesson, lesson_paths
from tools.course.numbers import unearned
from tools.course.solved import run_solved, slider_faults, solution_faults


@pytest.fixture
def mini(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lesson]:
    (tmp_path / "lesson_98.py").write_text(MODULE)
    monkeypatch.setattr(lessons, "__path__", [*lessons.__path__, str(tmp_path)])
    yield mini_lesson(tmp_path)
    sys.modules.pop("bphelpers.lessons.lesson_98", None)


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_a_lesson_that_obeys_has_no_faults(mini, rule):
    assert rule(mini) == []


def test_a_lesson_that_obeys_runs(mini):
    assert check.report(mini) == "98_small.ipynb: no faults by the rules"
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


def _answer(lesson: Lesson) -> None:
    """What a learner leaves behind who has answered an exercise and saved."""
    _replace("slope = ...", "slope = 0.05625")(lesson)
    _store('check("98.1"', printed("98.1: right."))(lesson)


SHOWN = 'print(f"{0.75'
# The rule, what breaks it, what it then says.
BROKEN: list[tuple[str, Callable[[Lesson], None], str]] = [
    ("stored_output_faults", _count, "not run once"),
    ("stored_output_faults", _warned, "stderr"),
    ("stored_output_faults", _large_picture, "picture of"),
    ("stored_output_faults", _replace("slope = ...", "slope = ...;"), "semicolon"),
    ("stored_output_faults", _replace("slope = ...", "# NBVAL_SKIP\nslope = ..."), "steers"),
    ("stored_output_faults", _meta(SHOWN, tags=["nbval-skip"]), "tag nbval-skip"),
    ("stored_output_faults", _meta(SHOWN, execution={"iopub": "2026"}), "not in the form"),
    ("stored_output_faults", _set("widgets", {}), "not in the form"),
    ("stored_output_faults", _replace("Now look.", "x" * 1_100_000), "KB"),
    ("unstable_outputs", _store(SHOWN, printed("<object at 0x7f3a2b4c5d60>")), "memory address"),
    ("unstable_outputs", _store(SHOWN, printed("saved in /home/ann/course")), "absolute path"),
    ("unstable_outputs", _store(SHOWN, printed("took 3.2 s")), "duration"),
    ("unstable_outputs", _store(SHOWN, printed("0.0821670405642308")), "long float"),
    ("unstable_outputs", _store(SHOWN, printed("np.float64(0.5)")), "bare repr"),
    ("unstable_outputs", _meta(SHOWN, tags=["nbval-ignore-output"]), "measures no time"),
    ("pace_faults", _replace("slope = ...", "slope = ...\n" * 21), "21 lines"),
    ("pace_faults", _replace("slope = ...", "slope = ...\n" * 90), "on average"),
    ("pace_faults", _replace("Now look.", "Now simply look."), "filler"),
    ("anatomy_faults", _replace("# 98. A small", "# A small"), "'# 98. Title'"),
    ("anatomy_faults", _replace("- change it.\n", ""), "2 outcomes"),
    ("anatomy_faults", _replace("**You need**", "You need"), "'**You need**'"),
    ("anatomy_faults", _replace("30 minutes", "a while"), "minutes"),
    ("anatomy_faults", _replace("bp.setup()", "pass"), "bp.setup()"),
    ("anatomy_faults", _replace("run: make lab", "do: make lab"), "ModuleNotFoundError"),
    (
        "anatomy_faults",
        _replace("teaching import check", "teaching.exercises import check"),
        "bphelpers.teaching",
    ),
    ("anatomy_faults", _drop("bp.plots.show"), "without a stored picture"),
    ("anatomy_faults", _replace("bp.widgets.live_figure", "dict"), "no live_figure"),
    ("anatomy_faults", _replace("### Exercise 98.1", "### Task"), "1 exercises"),
    ("anatomy_faults", _drop("assert abs"), "no assertion"),
    ("anatomy_faults", _replace("## Sources", "## Books"), "closing sections"),
    ("anatomy_faults", _replace("<details><summary>Three?</summary>", ""), "2 folded"),
    ("anatomy_faults", _replace("Next: lesson 99, to come.", "Next: rest."), "'Next'"),
    ("accessibility_faults", _replace("Now look.", "![](net.png)"), "without alt"),
    ("accessibility_faults", _replace("Now look.", '<img src="net.png">'), "without alt"),
    ("accessibility_faults", _replace("Now look.", "| | a |\n|---|---|\n| b | 1 |"), "no word above it: | a"),
    ("accessibility_faults", _no_alt, "without alt"),
    ("accessibility_faults", _other_plain, "plain text"),
    ("accessibility_faults", _replace("## 1. Which", "#### 1. Which"), "level 4 after level 1"),
    ("link_faults", _replace("Now look.", "[there](97_gone.ipynb)"), "97_gone.ipynb"),
    ("link_faults", _replace("Now look.", "[there](#nowhere)"), "#nowhere"),
    ("exercise_faults", _replace("One rate for each step.", ""), "hint 2"),
    ("exercise_faults", _replace("One rate for each step.", "Look at the sum."), "the same"),
    ("exercise_faults", _replace("### Exercise 98.2", "### Exercise 98.3"), "98.3"),
    ("exercise_faults", _replace("slope = ...", "slope = 0"), "no ..."),
    ("exercise_faults", _replace('check("98.1"', 'check("98.2"'), "checks"),
    ("exercise_faults", _replace("slope = 0.05625", "rise = 0.05625"), "does not define slope"),
    ("exercise_faults", _store('check("98.1"', printed("98.1: right")), "calm line"),
    ("exercise_faults", _drop("slope = ..."), "followed"),
    ("exercise_faults", _replace("assert abs(0.25", "slope += 1\nassert abs(0.25"), "16 reads slope"),
    ("exercise_faults", _replace("assert abs(0.25", "f = lambda: slope\nassert abs(0.25"), "16 reads slope"),
    ("answered_exercises", _answer, "98.1 is answered"),
    ("exercise_faults", _replace("<summary>Hint 3</summary>", "<summary>More</summary>"), "folds"),
    ("prediction_faults", _replace('predict("98.A", ...)', 'predict("98.A", "falls")'), "not ..."),
    ("prediction_faults", _replace('predict("98.A", reveal=True)', ""), "reveals"),
    ("prediction_faults", _replace('predict("98.A", ...)', 'predict("98.B", ...)'), "98.B"),
    (
        "package_name_faults",
        _replace("bp.functional.sigmoid_backward", "bp.functional.slope"),
        "slope is missing",
    ),
    ("package_name_faults", _replace("import check, predict", "import check, guess"), "guess is missing"),
    ("package_name_faults", _replace("bp.functional.sigmoid_backward", "bp._np.exp"), "_np is private"),
    ("unearned", _replace("0.0563", "0.0564"), "0.0564"),
    ("unearned", _replace("0.0563", "$5.64 \\times 10^{-2}$"), "5.64"),
    ("unearned", _replace("0.0563", "5.64 %"), "5.64"),
    ("unearned", _replace("0.0563", "1,797 of"), "1,797"),
]


@pytest.mark.parametrize(("rule", "change", "fault"), BROKEN, ids=[f"{r}-{f}" for r, _, f in BROKEN])
def test_each_rule_fails_when_broken(mini, rule, change, fault):
    change(mini)
    found = getattr(rules, rule)(mini)
    assert any(fault in one for one in found), found


def test_every_rule_is_broken_once():
    assert {rule.__name__ for rule in rules.RULES} == {rule for rule, _, _ in BROKEN}


@pytest.mark.parametrize("line", ["slope = 1\nprint(slope)", "def rise(slope): return slope", "np.slope = 1"])
def test_a_name_of_an_answer_may_be_used_anew(mini, line):
    _replace("assert abs(0.25", f"{line}\nassert abs(0.25")(mini)
    assert rules.exercise_faults(mini) == []


def test_an_answered_exercise_is_no_broken_one(mini):
    _answer(mini)
    assert rules.exercise_faults(mini) == []


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
    _replace("[0, slope])", "[0, 1 / bp.functional.np.float64(slope)])")(mini)
    assert "RuntimeWarning" in slider_faults(run_solved(mini))[0]


def test_a_derived_function_that_differs_is_found(mini):
    _replace("return 1 / (1 + np.exp(-z))", "return 1 / (1 + np.exp(-z)) + 1e-9 * (abs(z) < 0.4)")(mini)
    assert twin_faults(run_solved(mini)) == ["cell 13: sigmoid gives other numbers than the package's"]


def test_a_derived_function_without_inputs_to_compare_on_is_found(mini):
    _replace("assert abs(0.25", "def diagnose(x):\n    return x\n\nassert abs(0.25")(mini)
    assert "tell BESIDES" in twin_faults(run_solved(mini))[0]


# --- make check ---


def test_a_report_names_the_cell_and_what_to_do(mini):
    _replace("slope = ...", "slope = ...;")(mini)
    _replace("0.0563", "0.0564")(mini)
    assert check.report(mini).splitlines() == [
        "98_small.ipynb: 2 faults by the rules",
        "- 0.0564 is in the prose and nowhere else",
        "    what to do: compute the number in a cell, or correct it",
        "- cell 10: trailing semicolon   [slope = ...;]",
        "    what to do: `make notebooks LESSON=98` executes the lesson and tidies it up",
    ]


def test_check_executes_all_that_is_asked_of_that_lesson(monkeypatch, capsys):
    """What pytest then collects: the lesson's cells, its claims, its solutions, its page, and no other's."""
    (path,) = lesson_paths("05")
    monkeypatch.chdir(ROOT)
    _, _, module, *options = check.pytest_command(path)
    assert module == "pytest" and pytest.main([*options, "--co", "--capture=no"]) == pytest.ExitCode.OK
    found = {line for line in capsys.readouterr().out.splitlines() if "::" in line}
    for wanted in (
        "notebooks/05_backprop_by_hand.ipynb::Cell",
        "tests/lessons/test_05.py::test_forward_values",
        "notebooks/05_backprop_by_hand.ipynb::Exercise 05.2",
        "notebooks/05_backprop_by_hand.ipynb::Cell 8 against the package",
        "notebooks/05_backprop_by_hand.ipynb::Sliders",
        "tests/test_browser.py::test_a_lesson_runs_and_its_sliders_move_its_pictures[05_backprop_by_hand]",
    ):
        assert any(one.startswith(wanted) for one in found), found
    assert all("05" in one for one in found)


def test_check_refuses_an_unknown_lesson(capsys):
    assert check.main(["77"]) == 1
    assert "no lesson 77" in capsys.readouterr().err
