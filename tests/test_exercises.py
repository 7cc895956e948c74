"""Exercises: what check, hint and predict say, for each exercise of each lesson and for odd answers."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from mini_lesson import MODULE

from bphelpers import data, functional, lessons
from bphelpers.teaching.exercises import (
    Exercise,
    Prediction,
    check,
    checking,
    hint,
    predict,
    predicting,
    records,
)
from tools.course.rules import FILLER, UNANSWERED

KEYS = [
    (lesson, key)
    for lesson in records.lessons()
    for key in __import__(f"bphelpers.lessons.lesson_{lesson}", fromlist=["EXERCISES"]).EXERCISES
]
EXERCISE_KEYS = [key for _, key in KEYS]
PREDICTION_KEYS = [
    key
    for lesson in records.lessons()
    for key in __import__(f"bphelpers.lessons.lesson_{lesson}", fromlist=["PREDICTIONS"]).PREDICTIONS
]
MISTAKES = [(key, clause) for key in EXERCISE_KEYS for clause in records.find_exercise(key).mistakes]


def kind_of(value: object) -> str:
    """A name for a case: the same in every process, which `str` of a function or an object is not."""
    return type(value).__name__


@pytest.fixture(autouse=True)
def fresh_memory() -> Iterator[None]:
    """Each test begins as a kernel does: nothing guessed, no hint given."""
    yield
    checking._hints_given.clear()
    checking._wrong_before.clear()
    predicting._guesses.clear()
    predicting._revealed.clear()


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]):
    """Call a function and return what it printed, its lines joined; it must return nothing.

    A line that starts with a key starts a reply; any other goes on from the line before.
    """

    def call(function: Any, *args: Any, **kwargs: Any) -> str:
        assert function(*args, **kwargs) is None
        return re.sub(r"\n(?!\d\d\.\w+[:,]|\Z)", " ", capsys.readouterr().out)

    return call


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]):
    """Call a function and return the lines it printed."""

    def call(function: Any, *args: Any, **kwargs: Any) -> list[str]:
        function(*args, **kwargs)
        return capsys.readouterr().out.splitlines()

    return call


@pytest.fixture
def lesson_98(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Put exercises into a lesson of their own; the fixture is a function that does so."""

    def add(**exercises: Exercise | Prediction) -> None:
        (tmp_path / "lesson_98.py").write_text(MODULE)
        monkeypatch.setattr(lessons, "__path__", [*lessons.__path__, str(tmp_path)])
        records.find_exercise("98.1")
        module = sys.modules["bphelpers.lessons.lesson_98"]
        for name, record in exercises.items():
            table = module.EXERCISES if isinstance(record, Exercise) else module.PREDICTIONS
            table[name.replace("_", ".").removeprefix("key.")] = record

    yield add
    sys.modules.pop("bphelpers.lessons.lesson_98", None)


HINTS = ("One.", "Two.", "Three.")


def exercise(reference: Any, mistakes: Any = None, **more: Any) -> Exercise:
    return Exercise("What is it?", reference, mistakes or {}, HINTS, **more)


# --- every exercise of every lesson ---


@pytest.mark.parametrize("key", EXERCISE_KEYS)
def test_the_reference_is_right(key, said):
    record = records.find_exercise(key)
    answer = record.reference if record.cases is not None else record.reference()
    assert said(check, key, answer).startswith(f"{key}: right")


@pytest.mark.parametrize(("key", "clause"), MISTAKES)
def test_each_mistake_gets_its_own_diagnosis(key, clause, said):
    record = records.find_exercise(key)
    wrong = record.mistakes[clause]
    answer = wrong if record.cases is not None else wrong()
    assert said(check, key, answer) == f"{key}: not right yet. You get exactly this when {clause}.\n"


@pytest.mark.parametrize("key", EXERCISE_KEYS)
def test_unanswered_is_one_calm_line(key, said):
    assert said(check, key, ...) == f"{key}: {UNANSWERED}\n"


@pytest.mark.parametrize("key", EXERCISE_KEYS)
def test_hints_come_one_at_a_time(key, said):
    hints = records.find_exercise(key).hints
    for number, text in enumerate(hints, start=1):
        assert said(hint, key) == f"{key}, hint {number} of 3: {text}\n"
    last = f"{key}: that was the last hint. The solution is folded under the exercise.\n"
    assert said(hint, key) == said(hint, key) == last


@pytest.mark.parametrize("key", PREDICTION_KEYS)
def test_a_prediction_has_no_hints_and_says_so(key, said):
    assert said(hint, key) == f"{key} is a prediction: put a guess in its place.\n"


def test_a_hint_is_markdown_in_a_notebook_and_text_elsewhere(said, monkeypatch):
    shown: list[dict[str, str]] = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    text = f"05.1, hint 1 of 3: {records.find_exercise('05.1').hints[0]}"
    for shell in (None, SimpleNamespace()):  # no IPython session; IPython in a terminal
        monkeypatch.setattr("IPython.get_ipython", lambda shell=shell: shell)
        checking._hints_given.clear()
        assert said(hint, "05.1") == f"{text}\n" and shown == []
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=object()))
    checking._hints_given.clear()
    assert said(hint, "05.1") == ""
    assert shown == [{"text/markdown": text, "text/plain": text}]


def test_a_hint_does_not_load_ipython():
    code = "from bphelpers.teaching.exercises import hint; hint('05.1')"
    code += "; import sys; print('IPython' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize("key", EXERCISE_KEYS)
def test_an_exercise_is_well_written(key):
    record = records.find_exercise(key)
    assert record.question.rstrip().endswith((".", "?"))
    assert all(text.strip() == text and text[-1] in ".?`$" for text in record.hints)
    assert len(set(record.hints)) == 3
    assert record.mistakes, "an exercise without a likely mistake teaches nothing about a wrong answer"
    for clause in record.mistakes:  # it goes on from "You get exactly this when ..."
        assert not clause.endswith(".") and not clause.startswith(("You ", "The ", "A ", "It "))
    assert not FILLER.search(" ".join([record.question, *record.hints, *record.mistakes]))


@pytest.mark.parametrize("key", EXERCISE_KEYS)
def test_a_function_is_tried_on_several_cases(key):
    record = records.find_exercise(key)
    if record.cases is not None:
        assert len(record.arguments()) >= 2


@pytest.mark.parametrize("key", PREDICTION_KEYS)
def test_a_prediction_is_well_written(key, said):
    record = records.find_prediction(key)
    assert record.question.rstrip().endswith("?")
    assert record.explain is None or record.explain.rstrip().endswith((".", "?"))
    assert not FILLER.search(record.question + " " + (record.explain or ""))
    line = said(predict, key, ...)
    assert line.startswith(f"{key}: {record.question}") and line.count("\n") == 1


@pytest.mark.parametrize("key", [k for k in PREDICTION_KEYS if records.find_prediction(k).options])
def test_every_option_can_be_guessed_and_revealed(key, said):
    for option in records.find_prediction(key).options:
        assert said(predict, key, option) == f"{key}: your guess is {option}. Run on.\n"
    for option in records.find_prediction(key).options:
        assert str(option) in said(predict, key, reveal=option)


@pytest.mark.parametrize(
    ("key", "answer", "words"),
    [
        ("05.1", -0.022603, "right, -0.0226025."),
        (
            "05.1",
            -0.023,
            "not right yet. Got -0.023. It is right to the 2 digits that you gave: give more.",
        ),
        ("05.2", 0.0009954, "right, 0.000995425."),
        (
            "05.2",
            0.001,
            "not right yet. Got 0.001. It is right to the 2 digits that you gave: give more.",
        ),
        ("05.3", 0.018726, "right, 0.0187256."),
        (
            "05.3",
            [0.008771, 0.009954],
            "not right yet. You get exactly this when both deltas are given: b1 reaches the error in two "
            "ways, so add them.",
        ),
        ("05.3", [1, 2], "not right yet. Got an array of shape (2,), expected one number."),
    ],
)
def test_an_answer_from_a_calculator(said, key, answer, words):
    assert said(check, key, answer) == f"{key}: {words}\n"


# --- check: values ---


def test_right_says_the_value(lesson_98, said):
    lesson_98(key_98_3=exercise(lambda: 0.08216704056423078))
    assert said(check, "98.3", 0.082167040564) == "98.3: right, 0.082167.\n"


@pytest.mark.parametrize("answer", [12, 12.0, np.float32(12), np.array(12), [12.0], np.array([[12.0]])])
def test_one_number_in_any_wrapping_is_right(lesson_98, said, answer):
    lesson_98(key_98_3=exercise(lambda: 12.0))
    assert said(check, "98.3", answer) == "98.3: right, 12.\n"


def test_nested_lists_are_arrays(lesson_98, said):
    lesson_98(key_98_3=exercise(lambda: np.array([[1.0, 2.0], [3.0, 4.0]])))
    assert said(check, "98.3", [[1, 2], [3, 4]]) == "98.3: right, [[1, 2], [3, 4]].\n"


def test_rounding_noise_is_not_printed(lesson_98, said):
    lesson_98(key_98_3=exercise(lambda: np.array([1.0, 3e-17])))
    assert said(check, "98.3", [1.0, 0.0]) == "98.3: right, [1, 0].\n"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "The answer is None. A function that ends without return gives None."),
        ("0.3", "This is text: leave the quotation marks out."),
        (np.nan, "There is nan. Is something divided by zero?"),
        (-np.inf, "There is -inf. Is something divided by zero?"),
        ({1, 2}, "Expected a number, got a value of type set."),
        ({"dW": 1}, "Expected a number, got a value of type dict."),
        (1 + 2j, "Expected a number, got a value of type complex128."),
        (object(), "Expected a number, got a value of type object."),
        (True, "A number is asked for, got True."),
        (max, "This is a function. Call it, and check what it returns."),
        ([1.0, 2.0], "Got an array of shape (2,), expected one number."),
        ((0.307,), "Got a tuple with one entry: is there a comma at the end of a line?"),
        ([], "Got an array of shape (0,), expected one number."),
        ([[1.0], [2.0, 3.0]], "The rows have different lengths, so this is not an array."),
        (0.31, "Got 0.31. It is right to the 2 digits that you gave: give more."),
        (10**400, "Expected a number, got a value of type int."),
    ],
    ids=kind_of,
)
def test_odd_answers_to_a_number(lesson_98, said, answer, words):
    lesson_98(key_98_3=exercise(lambda: 0.307))
    assert said(check, "98.3", answer) == f"98.3: not right yet. {words}\n"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (5.0, "Got one number, expected an array of shape (2, 3)."),
        (np.ones(3), "Got an array of shape (3,), expected an array of shape (2, 3)."),
        ([[0.0, 1, 2], [3, np.nan, 5]], "There is nan at [1, 1]. Is something divided by zero?"),
        ([["a", "b", "c"]] * 2, "This is text: leave the quotation marks out."),
        (np.full((2, 3), None), "Expected an array of numbers, got an array of objects."),
    ],
    ids=kind_of,
)
def test_odd_answers_to_an_array(lesson_98, said, answer, words):
    lesson_98(key_98_3=exercise(lambda: np.arange(6.0).reshape(2, 3)))
    assert said(check, "98.3", answer) == f"98.3: not right yet. {words}\n"


@pytest.mark.parametrize(
    ("truth", "answer", "first", "second"),
    [
        (0.307, 0.4, "Got 0.4, too large by less than a factor of two.", "Got 0.4, expected 0.307."),
        (0.307, 0.1, "Got 0.1, too small by a factor of two to ten.", "Got 0.1, expected 0.307."),
        (0.307, 40, "Got 40, too large by a factor of more than ten.", "Got 40, expected 0.307."),
        (0.307, 0.3, "Got 0.3, too small by less than a tenth.", "Got 0.3, expected 0.307."),
        (
            0.307,
            0.30700031,
            "Got 0.30700031, too large by less than a hundredth.",
            "Got 0.30700031, expected 0.307.",
        ),
        (-0.307, 0.308, "Got 0.308, of the wrong sign.", "Got 0.308, expected -0.307."),
        (
            0.307,
            -5,
            "Got -5, of the wrong sign and too large in size by a factor of more than ten.",
            "Got -5, expected 0.307.",
        ),
        (
            -0.307,
            -0.5,
            "Got -0.5, of the right sign and too large in size by less than a factor of two.",
            "Got -0.5, expected -0.307.",
        ),
        (0.0, -3, "Got -3, too small.", "Got -3, expected 0."),
        (12, 0, "Got 0, and 0 is not it.", "Got 0, expected 12."),
        (True, False, "Got False, and that is not it.", "Got False, expected True."),
        ("sum", "mean", "Got 'mean', and that is not it.", "Got 'mean', expected 'sum'."),
        (
            np.arange(6.0).reshape(2, 3),
            [[0.0, 1, 2], [3, 9, 6]],
            "2 of 6 entries differ; furthest off is [1, 1]: got 9, too large by a factor of two to ten.",
            "2 of 6 entries differ; furthest off is [1, 1]: got 9, expected 4.",
        ),
        (
            {"dW": 1.5, "db": 2.5},
            {"dW": 1.5, "db": 4.0},
            "In db: got 4, too large by less than a factor of two.",
            "In db: got 4, expected 2.5.",
        ),
    ],
)
def test_the_expected_number_is_shown_the_second_time(lesson_98, said, truth, answer, first, second):
    lesson_98(key_98_3=exercise(lambda: truth, gradient=False))
    assert said(check, "98.3", answer) == f'98.3: not right yet. {first} hint("98.3") helps.\n'
    assert said(check, "98.3", answer) == f"98.3: not right yet. {second}\n"
    assert said(check, "98.3", answer) == f"98.3: not right yet. {second}\n"


def test_only_an_unexplained_wrong_answer_to_the_same_exercise_counts(lesson_98, said):
    more = {"98.4": exercise(lambda: 5.0, {"it is halved": lambda: 2.5})}
    lesson_98(key_98_3=exercise(lambda: 7.0, {"it is halved": lambda: 3.5}), key_98_4=more["98.4"])
    for answer in (..., 3.5, -7.0, [1.0, 2.0], "7", None, 7.0):  # explained, of another kind, or right
        said(check, "98.3", answer)
    said(check, "98.4", 4.0)
    assert said(check, "98.3", 6.0).endswith(
        'Got 6, too small by less than a factor of two. hint("98.3") helps.\n'
    )
    assert said(check, "98.3", 8.0) == "98.3: not right yet. Got 8, expected 7.\n"


@pytest.mark.parametrize("answer", [[0.107, 0.2], [1, 2], np.full((3, 2), 0.307)], ids=kind_of)
def test_one_number_has_no_rows_to_add_up(lesson_98, said, answer):
    lesson_98(key_98_3=exercise(lambda: 0.307))
    shape = np.shape(answer)
    assert said(check, "98.3", answer) == (
        f"98.3: not right yet. Got an array of shape {shape}, expected one number.\n"
    )


def test_a_listed_mistake_may_have_another_shape(lesson_98, said):
    mistakes = {"the two are not added": lambda: np.array([0.1, 0.207])}
    lesson_98(key_98_3=exercise(lambda: 0.307, mistakes))
    for answer in ([0.1, 0.207], (0.1, 0.207), np.array([0.1, 0.207])):
        assert "exactly this when the two are not added" in said(check, "98.3", answer)
    assert "Got an array of shape (2,)" in said(check, "98.3", [0.2, 0.107])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (-0.307, "the sign flipped"),
        (0.614, "twice the right one"),
        (0.0, "Every number is 0"),
    ],
)
def test_the_gradient_check_names_what_is_not_listed(lesson_98, said, answer, words):
    lesson_98(key_98_3=exercise(lambda: 0.307))
    text = said(check, "98.3", answer)
    assert words in text and "0.307" not in text


def test_what_is_no_gradient_is_not_diagnosed_as_one(lesson_98, said):
    lesson_98(key_98_3=exercise(lambda: 0.95, gradient=False), key_98_4=exercise(lambda: 12))
    assert "Got -0.95, of the wrong sign." in said(check, "98.3", -0.95)
    assert "Got 24, too large" in said(check, "98.4", 24)


def test_a_factor_is_named_only_if_it_is_one(lesson_98, said):
    lesson_98(key_98_3=exercise(lambda: np.array([[12.0, 15.0, 18.0, 21.0]] * 2)))
    assert "Every number is" not in said(check, "98.3", np.array([[13.0, 16.0, 19.0, 22.0]] * 2))


def test_a_listed_mistake_comes_first_and_hides_the_answer(lesson_98, said):
    lesson_98(key_98_3=exercise(lambda: 0.307, {"the minus is lost": lambda: -0.307}))
    assert (
        said(check, "98.3", -0.307) == "98.3: not right yet. You get exactly this when the minus is lost.\n"
    )


def test_the_closest_of_two_mistakes_is_named(lesson_98, said):
    mistakes = {"a is lost": lambda: 1.0, "b is lost": lambda: 1.001}
    lesson_98(key_98_3=exercise(lambda: 2.0, mistakes, tolerance=1e-2))
    assert "when b is lost" in said(check, "98.3", 1.0011)


def test_a_mistake_that_overflows_is_named_without_a_warning(lesson_98, said):
    def naive() -> Any:
        e = np.exp(np.array([1000.0, 0.0]))
        return e / e.sum()

    lesson_98(key_98_3=exercise(lambda: np.array([1.0, 0.0]), {"exp overflows": naive}))
    assert "when exp overflows" in said(check, "98.3", np.array([np.nan, 0.0]))
    assert "There is nan at [0]" in said(check, "98.3", np.array([np.nan, 0.5]))


@pytest.mark.parametrize(("answer", "right"), [(0.0822, True), (0.082, False), (0.08217, True)])
def test_a_hand_calculation_may_be_rounded(lesson_98, said, answer, right):
    lesson_98(key_98_3=exercise(lambda: 0.08216704, tolerance=1e-3))
    assert said(check, "98.3", answer).startswith("98.3: right") == right


def test_the_tolerance_is_kept(lesson_98, said):
    lesson_98(key_98_3=exercise(lambda: np.array([1.0, 1e-4])))
    assert "right, " in said(check, "98.3", [1.0 + 0.9e-6, 1e-4])
    assert "1 of 2 entries" in said(check, "98.3", [1.0 + 1.1e-6, 1e-4])
    assert "1 of 2 entries" in said(check, "98.3", [1.0, 1e-4 + 1.1e-8])


@pytest.mark.parametrize("truth", [(1.5, np.array([1.0, 2.0])), {"dW": 1.5, "db": np.array([1.0, 2.0])}])
def test_several_parts(lesson_98, said, truth):
    lesson_98(key_98_3=exercise(lambda: truth))
    name = "db" if isinstance(truth, dict) else "part 2 of 2"

    def like(first: Any, second: Any) -> Any:
        return {"db": second, "dW": first} if isinstance(truth, dict) else [first, second]

    assert said(check, "98.3", like(1.5, [1, 2])).startswith("98.3: right, ")
    assert f"In {name}: 1 of 2 entries differ" in said(check, "98.3", like(1.5, [1, 7]))
    assert f"In {name}: These are the right numbers with the sign" in said(check, "98.3", like(1.5, [-1, -2]))
    assert said(check, "98.3", like(1.5, ...)) == f"98.3: {UNANSWERED}\n"
    assert "not right yet. Expected" in said(check, "98.3", 1.5)
    assert "not right yet. Expected" in said(check, "98.3", (1, 2, 3))
    assert "not right yet. Expected" in said(check, "98.3", {"dW": 1})


def test_a_word_and_a_truth_value(lesson_98, said):
    lesson_98(key_98_3=exercise(lambda: "transposed"), key_98_4=exercise(lambda: True))
    assert said(check, "98.3", " Transposed ") == "98.3: right, 'transposed'.\n"
    assert "Got 'sign', and that is not it." in said(check, "98.3", "sign")
    assert "A text in quotation marks is asked for, got the number 3." in said(check, "98.3", 3)
    assert said(check, "98.4", np.bool_(True)) == "98.4: right, True.\n"
    assert "Got False, and that is not it." in said(check, "98.4", False)
    assert "True or False is asked for, got the number 1." in said(check, "98.4", 1)


PATTERN = np.array([True, False, False, True])


@pytest.mark.parametrize(
    ("answer", "first", "more"),
    [
        (
            [True, True, True, False],
            "3 of 4 entries differ: True in place of False in 2, False in place of True in 1",
            "the first is [1]: got True, expected False",
        ),
        (
            np.array([False, False, False, True]),
            "1 of 4 entries differ: False in place of True in 1",
            "the first is [0]: got False, expected True",
        ),
        (
            ~np.zeros(4, dtype=bool),
            "2 of 4 entries differ: True in place of False in 2",
            "the first is [1]: got True, expected False",
        ),
    ],
)
def test_wrong_truth_values_are_counted(lesson_98, said, answer, first, more):
    lesson_98(key_98_3=exercise(lambda: PATTERN))
    assert said(check, "98.3", answer) == f'98.3: not right yet. {first}. hint("98.3") helps.\n'
    assert said(check, "98.3", answer) == f"98.3: not right yet. {first}; {more}.\n"


def test_wrong_truth_values_among_several_parts(lesson_98, said):
    lesson_98(key_98_3=exercise(lambda: {"size": 2.0, "mask": PATTERN.reshape(2, 2)}))
    text = said(check, "98.3", {"size": 2.0, "mask": [[True, False], [True, True]]})
    assert "In mask: 1 of 4 entries differ: True in place of False in 1." in text


def test_truth_values_of_another_shape(lesson_98, said):
    lesson_98(key_98_3=exercise(lambda: PATTERN), key_98_4=exercise(lambda: True))
    for key, answer, words in (
        ("98.3", [True] * 3, "Got an array of shape (3,), expected an array of shape (4,)."),
        ("98.3", True, "Got one truth value, expected an array of shape (4,)."),
        ("98.4", [True] * 3, "Got an array of shape (3,), expected one truth value."),
    ):
        assert said(check, key, answer) == f"{key}: not right yet. {words}\n"


@pytest.mark.parametrize(
    ("truth", "answer", "words"),
    [
        (
            PATTERN,
            [1, 0, 0, 1],
            "An array of True and False is asked for, got an array of numbers, of shape (4,).",
        ),
        (
            PATTERN,
            np.eye(2),
            "An array of True and False is asked for, got an array of numbers, of shape (2, 2).",
        ),
        (PATTERN, 2, "An array of True and False is asked for, got the number 2."),
        (True, [1, 0], "True or False is asked for, got an array of numbers, of shape (2,)."),
        (
            np.ones(4),
            PATTERN,
            "An array of numbers is asked for, got an array of True and False, of shape (4,).",
        ),
        (1.0, PATTERN, "A number is asked for, got an array of True and False, of shape (4,)."),
        (np.ones(4), True, "An array of numbers is asked for, got True."),
    ],
)
def test_truth_values_and_numbers_are_told_apart(lesson_98, said, truth, answer, words):
    lesson_98(key_98_3=exercise(lambda: truth))
    assert said(check, "98.3", answer) == f"98.3: not right yet. {words}\n"


_X6, _Y6 = (array.astype(float) for array in data.symmetry())


@pytest.mark.parametrize(
    "slip",
    [
        lambda w: (_X6[:, :2:-1] @ w == 0) & (_Y6[:, 0] == 0),
        lambda w: np.zeros(64, dtype=bool),
        lambda w: ((_X6[:, :3] - _X6[:, :2:-1]) @ w > 0) & (_Y6[:, 0] == 0),
    ],
)
def test_patterns_marked_wrongly_get_a_sentence(said, slip):
    assert re.search(r"10\.3: not right yet\. \d+ of 64 entries differ: ", said(check, "10.3", slip))


def test_a_long_reply_is_wrapped_between_words(lesson_98, lines):
    names = {f"w{i}": float(i) / 7 for i in range(1, 14)}
    question = "Is it here-or-there, " * 19 + "or not?"
    lesson_98(key_98_3=exercise(lambda: names), key_98_B=Prediction(question, explain="So. " * 40))
    for printed in (
        lines(check, "98.3", names),
        lines(predict, "98.A", "x" * 100),
        lines(predict, "98.B", ...),
        lines(predict, "98.B", reveal=1.5),
    ):
        assert len(printed) > 1 and printed[0].startswith("98.")
        assert all(len(line) <= 88 or " " not in line for line in printed)
        assert all(line == line.strip() for line in printed)
    words = " ".join(lines(check, "98.3", names) + lines(predict, "98.A", "x" * 100)).split()
    assert {"1.71429,", "'" + "x" * 100 + "'"} <= set(words)
    assert " ".join(lines(predict, "98.B", ...)).startswith(f"98.B: {question}")


# --- check: functions ---

CASES = [
    (np.ones((3, 2)), np.arange(12.0).reshape(3, 4), np.arange(8.0).reshape(2, 4)),
    (np.array([[1.0, -2.0]]), np.array([[1.0, 2.0, 3.0, 5.0]]), np.ones((2, 4))),
]


def _stub(dout, x, W):
    return ...


def _empty_stub(dout, x, W): ...


def _documented_stub(dout, x, W):
    """What it does."""
    ...


def _half_done(dout, x, W):
    dx = ...
    return dx @ W


def _part_done(dout, x, W):
    return dout @ W, ..., dout.sum(axis=0)


def _good(dout, x, W):
    return [dout @ W, dout.T @ x, dout.sum(axis=0)]


def _no_return(dout, x, W):
    dout @ W


def _writes(dout, x, W):
    dout *= 2
    return _good(dout / 2, x, W)


def _crashes(dout, x, W):
    return dout @ x


def _short(dout, x, W):
    return dout @ W, dout.T @ x


def _nan(dout, x, W):
    return dout @ W, dout.T @ x * np.nan, dout.sum(axis=0)


def _sign(dout, x, W):
    return dout @ W, dout.T @ x, -dout.sum(axis=0)


def _unsummed(dout, x, W):
    return dout @ W, dout.T @ x, dout


def _listed(dout, x, W):
    return dout @ W, dout.T @ (2 * x - 1), dout.sum(axis=0)


def _one_case_only(dout, x, W):
    return dout @ W, dout.T @ x * (3 if len(x) == 3 else 7), dout.sum(axis=0)


def _unknown(dout, x, W):
    return dout @ W, dout.T @ x + 1, dout.sum(axis=0)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (_stub, UNANSWERED),
        (_empty_stub, UNANSWERED),
        (_documented_stub, UNANSWERED),
        (_half_done, UNANSWERED),
        (_part_done, UNANSWERED),
        (_good, "right: the same numbers as the reference in every case tried (2)."),
        (functional.linear_backward, "right: the same numbers as the reference in every case tried (2)."),
        (_no_return, "Your function returned None. Is its last line missing the word return?"),
        (_writes, "Your function changed its argument number 1: compute a new array instead."),
        (
            _crashes,
            "Your function stopped, called with an array of shape (3, 2), an array of shape (3, 4), an array",
        ),
        (_crashes, "In `A @ B`, A must have as many columns as B has rows."),
        (lambda x: x, "TypeError: "),
        (lambda dout, x, W: 1, "Expected 3 results, separated by commas, got the number 1."),
        (_short, "Expected 3 results, separated by commas, got 2."),
        (_nan, "In part 2 of 3: There is nan at [0, 0]."),
        (_sign, "In part 3 of 3: These are the right numbers with the sign flipped"),
        (_unsummed, "In part 3 of 3: This has one row for each example"),
        (_listed, "You get exactly this when x is centred on a half."),
        (_one_case_only, "In part 2 of 3: 8 of 8 entries differ; furthest off is "),
        (_unknown, "In part 2 of 3: 8 of 8 entries differ; furthest off is "),
        (0.5, "A function is asked for: give its name, without parentheses."),
        (None, "A function is asked for"),
        ("f", "A function is asked for"),
    ],
)
def test_odd_functions(lesson_98, said, answer, words):
    mistakes = {"x is centred on a half": _listed}
    lesson_98(key_98_3=exercise(functional.linear_backward, mistakes, cases=CASES))
    text = said(check, "98.3", answer)
    assert words in text and text.count("98.3: ") == 1
    assert text.startswith("98.3: right") == words.startswith("right")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda f, x, h: ((f(x + h) - f(x - h)) / (2 * h),), "Got a tuple with one entry: is there a comma"),
        (lambda f, x, h: "slope", "Your function returns text, and a number is asked for."),
        (
            lambda f, x, h: f(x) + 1,
            "Got 9, too small by less than a factor of two. Called with cube, 2, 0.1.",
        ),
        (lambda f, x, h: x / 0, "called with cube, 2, 0.1. ZeroDivisionError: "),
    ],
)
def test_odd_slopes(said, answer, words):
    text = said(check, "00.2", answer)
    assert words in text and "quotation" not in text


def test_the_cases_survive_a_function_that_writes_into_them(lesson_98, said):
    lesson_98(key_98_3=exercise(functional.linear_backward, cases=CASES))
    before = CASES[0][0].copy()
    said(check, "98.3", _writes)
    np.testing.assert_array_equal(CASES[0][0], before)


def test_the_cases_may_be_made_when_needed(lesson_98, said):
    lesson_98(key_98_3=exercise(functional.linear_backward, cases=lambda: CASES))
    assert "right" in said(check, "98.3", _good)


# --- keys ---


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("98.9", 'no exercise "98.9": lesson 98 has 98.1, 98.2'),
        ("97.1", 'no exercise "97.1": lessons with exercises are .*98'),
        ("5.1", "key must be a text such as"),
        (5.1, "key must be a text such as"),
        ("", "key must be a text such as"),
    ],
)
def test_an_unknown_key_lists_the_known_ones(lesson_98, key, words):
    lesson_98()
    with pytest.raises(ValueError, match=words):
        check(key, 1)
    with pytest.raises(ValueError, match=words):
        hint(key)


def test_an_unknown_prediction_lists_the_known_ones(lesson_98):
    lesson_98()
    with pytest.raises(ValueError, match=r'no prediction "98.B": lesson 98 has 98.A'):
        predict("98.B", 1)


@pytest.mark.parametrize("wrong", [{"hints": ("One.",)}, {"hints": "abc"}, {"tolerance": 0.0}])
def test_an_exercise_refuses_nonsense(wrong):
    with pytest.raises(ValueError, match="must be"):
        Exercise(**{"question": "?", "reference": float, "mistakes": {}, "hints": HINTS} | wrong)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"options": ("up",)}, "two choices"),
        ({"judged": "taste"}, "judged must be 'factor' or 'difference'"),
        ({"low": 1, "high": 1}, "low must be below high"),
    ],
)
def test_a_prediction_refuses_nonsense(wrong, words):
    with pytest.raises(ValueError, match=words):
        Prediction("Up?", **wrong)


# --- predict ---


def test_without_a_guess_the_answer_is_stated(lesson_98, said):
    lesson_98(key_98_B=Prediction("How large?", unit="bits", explain="As computed above."))
    assert said(predict, "98.A", reveal="falls") == "98.A: the answer is falls.\n"
    assert (
        said(predict, "98.B", reveal=0.08216704) == "98.B: the answer is 0.082167 bits. As computed above.\n"
    )


def test_asking(lesson_98, said):
    lesson_98(key_98_B=Prediction("How large?"))
    put = "Put your guess in place of the ... and run this cell.\n"
    choices = 'Choose from: "rises", "falls".'
    assert said(predict, "98.A", ...) == f"98.A: Does the error rise or fall? {choices} {put}"
    assert said(predict, "98.A") == f"98.A: Does the error rise or fall? {choices} {put}"
    assert said(predict, "98.B", ...) == f"98.B: How large? {put}"


def test_choices_are_quoted_unless_numbers_and_never_broken(lesson_98, said, capsys):
    options = ("7.5", 16, *(f"{word} and on" for word in ("up", "down", "left", "right", "in", "out", "far")))
    lesson_98(key_98_B=Prediction("Where?", options=options))
    predict("98.B", ...)
    asked = capsys.readouterr().out
    assert "Choose from: 7.5, 16, " in asked and max(map(len, asked.splitlines())) <= 88
    assert all(asked.count(f'"{option}"') == 1 for option in options[2:]) and asked.isascii()
    for typed in (7.5, "7.5", 16, "up and on"):
        assert said(predict, "98.B", typed) == f"98.B: your guess is {typed}. Run on.\n"
    with pytest.raises(ValueError, match=r'must be one of 7\.5, 16, "up and on", .*got 3'):
        predict("98.B", reveal=3)


def test_guessing_right_and_wrong(lesson_98, said):
    lesson_98()
    assert said(predict, "98.A", " Rises") == "98.A: your guess is rises. Run on.\n"
    assert said(predict, "98.A", "falls") == "98.A: your guess is falls. Run on.\n"  # replaces it
    assert said(predict, "98.A", reveal="falls") == "98.A: you said falls, and falls it is.\n"
    assert said(predict, "98.A", "rises") == "98.A: the answer is out, so your guess stays falls.\n"
    assert (
        said(predict, "98.A", "falls") == "98.A: your guess is falls. Run on.\n"
    )  # the same cell, run again


def test_guessing_wrong(lesson_98, said):
    lesson_98()
    assert said(predict, "98.A", "rises", reveal="falls") == (
        "98.A: your guess is rises. Run on.\n98.A: you said rises; it is falls.\n"
    )


def test_a_guess_after_a_reveal_without_one_counts(lesson_98, said):
    lesson_98()
    said(predict, "98.A", reveal="falls")
    assert said(predict, "98.A", "rises") == "98.A: your guess is rises. Run on.\n"
    assert said(predict, "98.A", reveal="falls") == "98.A: you said rises; it is falls.\n"
    assert said(predict, "98.A", "falls") == "98.A: the answer is out, so your guess stays rises.\n"


@pytest.mark.parametrize("guess", ["sideways", 3, None, np.nan, ["rises"], max], ids=kind_of)
def test_what_is_not_an_option_is_not_recorded(lesson_98, said, guess):
    lesson_98()
    assert 'is not one of the choices. Choose from: "rises", "falls".\n' in said(predict, "98.A", guess)
    assert said(predict, "98.A", reveal="falls") == "98.A: the answer is falls.\n"


@pytest.mark.parametrize(
    "guess", ["0.5", None, np.nan, np.inf, [1, 2], [[1], [1, 2]], True, max, 1j], ids=kind_of
)
def test_what_is_not_a_number_is_not_recorded(lesson_98, said, guess):
    lesson_98(key_98_B=Prediction("How large?"))
    assert "a guess here is a number, got" in said(predict, "98.B", guess)
    assert said(predict, "98.B", reveal=1.0) == "98.B: the answer is 1.\n"


@pytest.mark.parametrize(
    ("guess", "truth", "words"),
    [
        (0.5, 0.5, "Exactly right."),
        (102, 100.0, "Within five percent."),
        (0.1, 0.082, "That is too large by a factor of 1.2: the order of magnitude is right."),
        (0.5, 0.082, "That is too large by a factor of 6.1: about one power of ten."),
        (1, 10_000, "That is too small by a factor of 10,000: about 4 powers of ten."),
        (-0.1, 0.082, "The sign is the other way round; the size is of the right order."),
        (-5, 0.05, "The sign is the other way round, and the size is off by about 2 powers of ten."),
        (3, 0, "That is 3 away."),
        (0, 3, "That is 3 away."),
        (np.float32(0.5), np.array([0.5]), "Exactly right."),
    ],
)
def test_how_far_off_a_number_is(lesson_98, said, guess, truth, words):
    lesson_98(key_98_B=Prediction("How large?"))
    said(predict, "98.B", guess)
    assert said(predict, "98.B", reveal=truth).endswith(f" {words}\n")


@pytest.mark.parametrize(
    ("guess", "truth", "unit", "words"),
    [
        (0.93, 0.964, None, "you said 0.93; it is 0.964. That is 0.034 too low."),
        (1, 0.964, None, "you said 1; it is 0.964. That is 0.036 too high."),
        (2, 0.2, "points", "you said 2 points; it is 0.2 points. That is 1.8 points too high."),
        (-1, 0.0, "points", "you said -1 point; it is 0 points. That is 1 point too low."),
        (0.1 + 0.2, 0.3, None, "you said 0.3; it is 0.3. Exactly right."),
    ],
)
def test_a_number_may_be_judged_by_the_difference(lesson_98, said, guess, truth, unit, words):
    lesson_98(key_98_B=Prediction("How large?", unit=unit, judged="difference"))
    said(predict, "98.B", guess)
    assert said(predict, "98.B", reveal=truth) == f"98.B: {words}\n"


@pytest.mark.parametrize(
    ("low", "high", "guess", "words"),
    [
        (0, 1, 96, "a share lies from 0 to 1: write 0.96 for 96 %."),
        (0, 1, 50.0, "a share lies from 0 to 1: write 0.5 for 50 %."),
        (0, 1, -0.1, "a share lies from 0 to 1, got -0.1."),
        (0, 1, 400, "a share lies from 0 to 1, got 400."),
        (0.001, None, 0, "a guess here is a number from 0.001 up, got 0."),
        (None, 9, 10, "a guess here is a number up to 9, got 10."),
        (2, 9, 1, "a guess here is a number from 2 to 9, got 1."),
    ],
)
def test_a_number_outside_the_range_is_not_recorded(lesson_98, said, low, high, guess, words):
    lesson_98(key_98_B=Prediction("How large?", low=low, high=high))
    truth = high or 5
    assert said(predict, "98.B", guess) == f"98.B: {words}\n"
    assert said(predict, "98.B", reveal=truth) == f"98.B: the answer is {truth}.\n"
    assert said(predict, "98.B", truth) == f"98.B: your guess is {truth}. Run on.\n"


def test_both_ends_of_the_range_are_inside(lesson_98, said):
    lesson_98(key_98_B=Prediction("What share?", low=0, high=1))
    for end in (0, 1):
        assert said(predict, "98.B", end) == f"98.B: your guess is {end}. Run on.\n"


def test_a_number_outside_the_range_does_not_replace_a_guess(lesson_98, said):
    lesson_98(key_98_B=Prediction("What share?", low=0, high=1, judged="difference"))
    said(predict, "98.B", 0.5)
    said(predict, "98.B", 70)
    assert said(predict, "98.B", reveal=0.7) == "98.B: you said 0.5; it is 0.7. That is 0.2 too low.\n"


def test_numbers_in_the_lessons_are_judged_as_their_questions_ask(said):
    for key in ("00.A", "11.A"):
        assert "write 0.8 for 80 %" in said(predict, key, 80)
        said(predict, key, 0.8)
        assert said(predict, key, reveal=0.9).endswith("That is 0.1 too low.\n")
    said(predict, "11.B", -1)
    assert "you said -1 point; it is 0.2 points. That is 1.2 points too low." in said(
        predict, "11.B", reveal=0.2
    )
    assert "from 0.001 up" in said(predict, "05.C", 0)
    said(predict, "05.C", 19)
    assert "too small by a factor of 9.8" in said(predict, "05.C", reveal=187)


@pytest.mark.parametrize(
    ("key", "reveal"),
    [("98.A", "sideways"), ("98.B", "falls"), ("98.B", np.nan), ("98.B", -0.5), ("98.B", 1.5)],
)
def test_a_reveal_that_nobody_could_guess_is_the_authors_error(lesson_98, key, reveal):
    lesson_98(key_98_B=Prediction("How large?", low=0, high=1))
    with pytest.raises(ValueError, match=f"reveal of {key} must be"):
        predict(key, reveal=reveal)


def test_true_and_false_and_numbers_can_be_options(lesson_98, said):
    lesson_98(
        key_98_B=Prediction("Is it?", options=(True, False)), key_98_C=Prediction("Which?", options=(2, 4, 8))
    )
    said(predict, "98.B", True)
    assert said(predict, "98.B", reveal=np.bool_(False)) == "98.B: you said True; it is False.\n"
    said(predict, "98.C", 4)
    assert said(predict, "98.C", reveal=np.int64(4)) == "98.C: you said 4, and 4 it is.\n"


def test_an_if_on_an_array_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    check("11.1", lambda dout, z: dout if z > 0 else 0)
    said = " ".join(capsys.readouterr().out.split())
    assert "`if` cannot decide for all its numbers at once" in said and "a.any()" not in said


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (lambda a, b, floor: max(abs(a), abs(b), floor), "and neither can `max`."),
        (lambda a, b, floor: np.maximum(abs(a), abs(b), floor), "takes two arrays"),
    ],
)
def test_the_largest_of_three_arrays_the_wrong_way_is_explained(said, size, words):
    assert words in " ".join(said(check, "09.1", lambda a, b, floor: abs(a - b) / size(a, b, floor)).split())
