"""Exercises: what check and predict say, for each exercise of each lesson and for odd answers."""

from __future__ import annotations

import importlib
import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from pkgutil import iter_modules
from typing import Any

import numpy as np
import pytest

from bphelpers import functional, lessons
from bphelpers.lessons.lesson_00 import EXERCISES, PREDICTIONS
from bphelpers.teaching.exercises import Exercise, Prediction, agree, check, checking, predict, predicting
from bphelpers.teaching.exercises.records import find
from bphelpers.teaching.gradcheck.mistakes import MISTAKES
from tools.course.rules import FILLER, UNANSWERED

LESSONS = [
    importlib.import_module(f"bphelpers.lessons.{module.name}") for module in iter_modules(lessons.__path__)
]
EXERCISE_KEYS = [key for lesson in LESSONS for key in getattr(lesson, "EXERCISES", {})]
PREDICTION_KEYS = [key for lesson in LESSONS for key in getattr(lesson, "PREDICTIONS", {})]


def wrong_answers(key: str) -> dict[str, Any]:
    """What a learner would hand in who made a listed mistake, by its clause."""
    record = find("exercise", key)
    if record.cases is None:
        return record.wrong()
    return {
        clause: lambda *given, clause=clause: record.wrong(*given)[clause]
        for clause in record.wrong(*record.arguments()[0])
    }


LISTED = [(key, clause) for key in EXERCISE_KEYS for clause in wrong_answers(key)]


def kind_of(value: object) -> str:
    """A name for a case: the same in every process, which `str` of a function or an object is not."""
    return type(value).__name__


@pytest.fixture(autouse=True)
def fresh_memory() -> Iterator[None]:
    """Each test begins as a kernel does: nothing guessed."""
    yield
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
def verdict(monkeypatch, said):
    """What check says to an answer, where the exercise asks for this."""

    def call(reference: Any, answer: Any, mistakes: Any = None, **more: Any) -> str:
        record = Exercise(reference, mistakes or {}, **{"gradient": True, **more})
        monkeypatch.setitem(EXERCISES, "00.9", record)
        return said(check, "00.9", answer).removeprefix("00.9: ").removesuffix("\n")

    return call


@pytest.fixture
def reply(monkeypatch, said):
    """What predict says to a guess or a reveal, where this is asked."""

    def call(prediction: Prediction, *guess: Any, **reveal: Any) -> str:
        monkeypatch.setitem(PREDICTIONS, "00.Z", prediction)
        return said(predict, "00.Z", *guess, **reveal).replace("00.Z: ", "").removesuffix("\n")

    return call


# --- every exercise of every lesson ---


@pytest.mark.parametrize("key", EXERCISE_KEYS)
def test_the_reference_is_right_and_dots_are_one_calm_line(key, said):
    assert said(check, key, find("exercise", key).reference).startswith(f"{key}: right")
    assert said(check, key, ...) == f"{key}: {UNANSWERED}\n"


@pytest.mark.parametrize(("key", "clause"), LISTED)
def test_each_mistake_gets_its_own_diagnosis(key, clause, said):
    wrong = wrong_answers(key)[clause]
    assert said(check, key, wrong) == f"{key}: not right yet. You get exactly this when {clause}.\n"


def distance(one: Any, other: Any) -> float:
    """The largest difference of two answers' numbers; infinite where parts or shapes differ, or only one has
    an infinity or NaN."""
    if isinstance(one, dict) and isinstance(other, dict):
        one, other = ([(name, answer[name]) for name in sorted(answer)] for answer in (one, other))
    several = isinstance(one, (list, tuple)), isinstance(other, (list, tuple))
    if all(several):
        parts = zip(one, other, strict=True)
        return np.inf if len(one) != len(other) else max((distance(*pair) for pair in parts), default=0)
    if any(several) or np.shape(one) != np.shape(other):
        return np.inf
    if isinstance(one, str):
        return 0 if one == other else np.inf
    one, other = np.asarray(one, dtype=float), np.asarray(other, dtype=float)
    alike = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(invalid="ignore"):
        gaps = np.where(alike, 0, np.abs(one - other))
    return float(np.max(np.where(np.isnan(gaps), np.inf, gaps), initial=0))


ROUNDED_APART = [key for key in EXERCISE_KEYS if find("exercise", key).cases]


@pytest.mark.parametrize("key", ROUNDED_APART)
def test_mistakes_differ_from_the_right_answer_and_from_each_other_by_more_than_rounding(key):
    record = find("exercise", key)
    answers = [record.wrong(*given) | {"right": record.right(*given)} for given in record.arguments()]
    for one, other in itertools.combinations(dict.fromkeys(itertools.chain(*answers)), 2):
        both = [answer for answer in answers if one in answer and other in answer]
        assert max(distance(answer[one], answer[other]) for answer in both) > 1e-3, (one, other)


@pytest.mark.parametrize("key", EXERCISE_KEYS)
def test_an_exercise_is_well_written(key):
    record, clauses = find("exercise", key), list(wrong_answers(key))
    assert record.tolerance > 0 and (record.cases is None or len(record.arguments()) >= 2)
    assert clauses, "an exercise without a likely mistake teaches nothing about a wrong answer"
    for clause in clauses:  # it goes on from "You get exactly this when ..."
        assert not clause.endswith(".") and not clause.startswith(("You ", "The ", "A ", "It "))
    assert not FILLER.search(" ".join(clauses))


@pytest.mark.parametrize("key", PREDICTION_KEYS)
def test_a_prediction_is_well_written(key, said):
    record = find("prediction", key)
    assert record.question.rstrip().endswith("?")
    assert len(record.options) >= 2
    assert record.explain is None or record.explain.rstrip().endswith((".", "?"))
    assert not FILLER.search(record.question + " " + (record.explain or ""))
    line = said(predict, key, ...)
    assert line.startswith(f"{key}: {record.question}") and line.count("\n") == 1
    for option in record.options:
        shown = f'"{option}"' if isinstance(option, str) and re.search("[^-+.0-9]", option) else option
        assert said(predict, key, option) == f"{key}: your guess is {shown}. Run on.\n"
    assert record.answer in record.options
    assert str(record.answer) in said(predict, key, reveal=True)


MORE = "It is right to the 2 digits that you gave: give more."
AFTER = "If a loop fills it, `return` stands after the loop."


@pytest.mark.parametrize(
    ("key", "answer", "words"),
    [
        ("05.1", 0.0009954, "right, 0.000995425."),
        ("05.1", 0.001, f"not right yet. Got 0.001. {MORE}"),
        ("05.1", [1, 2], "not right yet. Got an array of shape (2,), expected one number."),
    ],
)
def test_an_answer_from_a_calculator(said, key, answer, words):
    assert said(check, key, answer) == f"{key}: {words}\n"


# --- check: values ---

ARRAY = np.arange(6.0).reshape(2, 3)
PATTERN = np.array([True, False, False, True])
PARTS = (1.5, np.array([1.0, 2.0]))
ROWS = np.array([[12.0, 15.0, 18.0, 21.0]] * 2)
NUMBERS = "An array of numbers is asked for, got"
TRUTHS = "An array of True and False is asked for, got"
MINUS_LOST = {"mistakes": {"the minus is lost": -0.307}}
NOT_ADDED = {"mistakes": {"the two are not added": np.array([0.1, 0.207])}}
TWO = {"mistakes": {"a is lost": 1.0, "b is lost": 1.001}, "tolerance": 1e-2}
# The truth, an answer, what is said of it (how that begins, where no full stop ends it), more of an exercise.
VERDICTS = [
    (0.08216704056423078, 0.082167040564, "right, 0.082167."),
    (np.array([[1.0, 2.0], [3.0, 4.0]]), [[1, 2], [3, 4]], "right, [[1, 2], [3, 4]]."),
    (np.array([1.0, 3e-17]), [1.0, 0.0], "right, [1, 0]."),  # no rounding noise
    *(
        (12.0, one, "right, 12.")
        for one in (12, 12.0, np.float32(12), np.array(12), [12.0], np.array([[12.0]]))
    ),
    ("transposed", " Transposed ", "right, 'transposed'."),
    (True, np.bool_(True), "right, True."),
    # calculated on paper, rounded
    *((0.08216704, answer, "right, 0.082167.", {"tolerance": 1e-3}) for answer in (0.0822, 0.08217)),
    (0.08216704, 0.082, "Got 0.082", {"tolerance": 1e-3}),
    (np.array([1.0, 1e-4]), [1.0 + 0.9e-6, 1e-4], "right, "),
    (np.array([1.0, 1e-4]), [1.0 + 1.1e-6, 1e-4], "1 of 2 entries"),
    (np.array([1.0, 1e-4]), [1.0, 1e-4 + 1.1e-8], "1 of 2 entries"),
    (PARTS, [1.5, [1, 2]], "right, 1.5, [1, 2]."),
    (PARTS, [1.5, [1, 7]], "In part 2 of 2: 1 of 2 entries differ"),
    (PARTS, [1.5, [-1, -2]], "In part 2 of 2: These are the right numbers with the sign"),
    (PARTS, [1.5, ...], UNANSWERED),
    *((PARTS, answer, "Expected 2 results") for answer in (1.5, (1, 2, 3), {"dW": 1})),
    # A listed mistake may have another shape; it comes first, and hides the answer; the closest is named.
    *(
        (0.307, wrap([0.1, 0.207]), "You get exactly this when the two are not added.", NOT_ADDED)
        for wrap in (list, tuple, np.array)
    ),
    (0.307, [0.2, 0.107], "Got an array of shape (2,)", NOT_ADDED),
    (0.307, -0.307, "You get exactly this when the minus is lost.", MINUS_LOST),
    (2.0, 1.0011, "You get exactly this when b is lost.", TWO),
    # The gradient check names what is not listed, and only what it is.
    (0.307, -0.307, MISTAKES["sign"].sentence),
    (0.307, 0.614, MISTAKES["factor 2"].sentence),
    (0.307, 0.0, MISTAKES["all zero"].sentence),
    (0.95, -0.95, "Got -0.95, of the wrong sign", {"gradient": False}),
    (12, 24, "Got 24, too large by"),
    (ROWS, ROWS + 1, "8 of 8 entries differ; furthest off is"),
    (0.307, None, "The answer is None. A function that ends without return gives None."),
    (0.307, "0.3", "This is text: leave the quotation marks out."),
    (0.307, np.nan, "There is nan. Is it a division by 0, or the root or logarithm of a negative number?"),
    (0.307, -np.inf, "There is -inf. Is it a division by 0, or the logarithm of 0?"),
    (0.307, {1, 2}, "Expected a number, got a value of type set."),
    (0.307, {"dW": 1}, "Expected a number, got a value of type dict."),
    (0.307, 1 + 2j, "Expected a number, got a value of type complex128."),
    (0.307, object(), "Expected a number, got a value of type object."),
    (0.307, 10**400, "Expected a number, got a value of type int."),
    (0.307, True, "A number is asked for, got True."),
    (0.307, max, "This is a function. Call it, and check what it returns."),
    (0.307, (0.307,), "Got a tuple with one entry: is there a comma at the end of a line?"),
    (0.307, [], "Got an array of shape (0,), expected one number."),
    (0.307, [1, 2], "Got an array of shape (2,), expected one number."),
    (0.307, [0.107, 0.2], "Got an array of shape (2,), expected one number."),  # no rows to add up
    (0.307, np.full((3, 2), 0.307), "Got an array of shape (3, 2), expected one number."),
    (0.307, [[1.0], [2.0, 3.0]], "The rows have different lengths, so this is not an array."),
    (0.307, 0.31, f"Got 0.31. {MORE}"),
    (-0.0226025, -0.022603, "right, -0.0226025.", {"tolerance": 5e-4}),
    (-0.0226025, -0.023, f"Got -0.023. {MORE}", {"tolerance": 5e-4}),
    (ARRAY, 5.0, "Got one number, expected an array of shape (2, 3)."),
    (ARRAY, np.ones(3), "Got an array of shape (3,), expected an array of shape (2, 3)."),
    (ARRAY, [[0.0, 1, 2], [3, np.nan, 5]], "There is nan at [1, 1]. Is it a division by 0, or the root or"),
    (ARRAY, [["a", "b", "c"]] * 2, "This is text: leave the quotation marks out."),
    (ARRAY, np.full((2, 3), None), "Expected an array of numbers, got an array of objects."),
    (PATTERN, [True] * 3, "Got an array of shape (3,), expected an array of shape (4,)."),
    (PATTERN, True, "Got one truth value, expected an array of shape (4,)."),
    (True, [True] * 3, "Got an array of shape (3,), expected one truth value."),
    (PATTERN, [1, 0, 0, 1], f"{TRUTHS} an array of numbers, of shape (4,)."),
    (PATTERN, np.eye(2), f"{TRUTHS} an array of numbers, of shape (2, 2)."),
    (PATTERN, 2, f"{TRUTHS} the number 2."),
    (True, [1, 0], "True or False is asked for, got an array of numbers, of shape (2,)."),
    (True, 1, "True or False is asked for, got the number 1."),
    (np.ones(4), PATTERN, f"{NUMBERS} an array of True and False, of shape (4,)."),
    (np.ones(4), True, f"{NUMBERS} True."),
    (1.0, PATTERN, "A number is asked for, got an array of True and False, of shape (4,)."),
    ("sum", 3, "A text in quotation marks is asked for, got the number 3."),
    (
        {"p": 2.0, "q": 3.0},
        {"q": 4.0, "p": 2.0, "r": 5.0},
        "In q: got 4, too large by less than a factor of two",
    ),
    ({"p": 2.0, "q": 3.0}, {"p": 2.0}, f"Your dictionary has no q. {AFTER}"),
    ({"p": 2.0}, 2.0, "Expected a dictionary, got the number 2."),
    ({"p": 2.0, "q": 3.0}, lambda: {"r": 1.0, "q": 3.0, "p": 2.0}, "right", {"cases": [(), ()]}),
]


@pytest.mark.parametrize("row", VERDICTS, ids=lambda row: f"{kind_of(row[0])}-{kind_of(row[1])}")
def test_what_is_said_of_an_answer(verdict, row):
    truth, answer, words, more = (*row, {})[:4]
    expected = words if words.startswith(("right", "not answered")) else f"not right yet. {words}"
    said = verdict(truth, answer, **more)
    assert said == expected if words.endswith((".", "again.")) else said.startswith(expected)


LESS = "less than a factor of two"
WORST = "2 of 6 entries differ; furthest off is [1, 1]: got 9"
ONE = "False in place of True in 1"
HINTS = "The hints are folded under the exercise."


@pytest.mark.parametrize(
    ("truth", "answer", "got", "roughly", "expected"),
    [
        (0.307, 0.4, "Got 0.4", f"too large by {LESS}", "0.307"),
        (0.307, 0.1, "Got 0.1", "too small by a factor of two to ten", "0.307"),
        (0.307, 40, "Got 40", "too large by a factor of more than ten", "0.307"),
        (0.307, 0.3, "Got 0.3", "too small by less than a tenth", "0.307"),
        (0.307, 0.30700031, "Got 0.30700031", "too large by less than 1 %", "0.307"),
        (-0.307, 0.308, "Got 0.308", "of the wrong sign", "-0.307"),
        (0.3, -5, "Got -5", "of the wrong sign and too large in size by a factor of more than ten", "0.3"),
        (-0.3, -0.5, "Got -0.5", f"of the right sign and too large in size by {LESS}", "-0.3"),
        (0.0, -3, "Got -3", "too small", "0"),
        (12, 0, "Got 0", "and 0 is not it", "12"),
        (True, False, "Got False", "and that is not it", "True"),
        ("sum", "mean", "Got 'mean'", "and that is not it", "'sum'"),
        (ARRAY, [[0.0, 1, 2], [3, 9, 6]], WORST, "too large by a factor of two to ten", "4"),
        ((1, 2.5), (1, 4.0), "In part 2 of 2: got 4", f"too large by {LESS}", "2.5"),
    ],
)
def test_the_expected_number_is_shown_the_second_time(verdict, truth, answer, got, roughly, expected):
    first, *later = [verdict(truth, answer, gradient=False) for _ in range(3)]
    assert first == f"not right yet. {got}, {roughly}. {HINTS}"
    assert later == [f"not right yet. {got}, expected {expected}."] * 2


@pytest.mark.parametrize(
    ("answer", "ways", "first"),
    [
        ([True, True, True, False], "3 of 4 entries differ: True in place of False in 2, " + ONE, 1),
        (np.array([False, False, False, True]), "1 of 4 entries differ: " + ONE, 0),
        (~np.zeros(4, dtype=bool), "2 of 4 entries differ: True in place of False in 2", 1),
    ],
)
def test_wrong_truth_values_are_counted(verdict, answer, ways, first):
    assert verdict(PATTERN, answer) == f"not right yet. {ways}. {HINTS}"
    where = f"the first is [{first}]: got {not PATTERN[first]}, expected {PATTERN[first]}"
    assert verdict(PATTERN, answer) == f"not right yet. {ways}; {where}."
    assert f"In part 2 of 2: {ways}; {where}." in verdict((2.0, PATTERN), (2.0, answer))


def test_only_an_unexplained_wrong_answer_to_the_same_exercise_counts(verdict, said):
    for answer in (..., 3.5, -7.0, [1.0, 2.0], "7", None, 7.0):  # explained, of another kind, or right
        verdict(7.0, answer, {"it is halved": 3.5})
    said(check, "05.1", 4.0)
    first = "not right yet. Got 6, too small by less than a factor of two. The hints are folded under the"
    assert verdict(7.0, 6.0).startswith(first)
    assert verdict(7.0, 8.0) == "not right yet. Got 8, expected 7."


def test_a_mistake_that_overflows_is_named_without_a_warning(verdict):
    def naive(z: Any) -> Any:
        return np.exp(z) / np.exp(z).sum()

    given = (lambda z: functional.softmax(z[None])[0], {"exp overflows": naive}, [(np.array([1000.0, 0.0]),)])
    for second, words in ((0.0, "when exp overflows"), (0.5, "There is nan at [0]")):
        answer = np.array([np.nan, second])
        assert words in verdict(given[0], lambda z, a=answer: a, given[1], cases=given[2])


def test_a_long_reply_is_wrapped_between_words(verdict, reply, monkeypatch, capsys):
    numbers = tuple(i / 7 for i in range(1, 14))
    question = "Is it here-or-there, " * 19 + "or not?"
    monkeypatch.setitem(EXERCISES, "00.9", Exercise(numbers, {}))
    monkeypatch.setitem(PREDICTIONS, "00.Y", Prediction("What share?", ("a tenth", "a half"), "a half"))
    monkeypatch.setitem(PREDICTIONS, "00.Z", Prediction(question, ("here", "there"), "here"))
    words = []
    for function, *arguments in (check, "00.9", numbers), (predict, "00.Y", "x" * 100), (predict, "00.Z"):
        function(*arguments)
        printed = capsys.readouterr().out.splitlines()
        assert len(printed) > 1 and printed[0].startswith("00.")
        assert all(len(line) <= 88 or " " not in line for line in printed)
        assert all(line == line.strip() for line in printed)
        words += " ".join(printed).split()
    assert {"1.71429,", "'" + "x" * 100 + "'"} <= set(words)
    assert question in " ".join(words)


# --- check: functions ---

CASES = [
    (np.ones((3, 2)), np.arange(12.0).reshape(3, 4), np.arange(8.0).reshape(2, 4)),
    (np.array([[1.0, -2.0]]), np.array([[1.0, 2.0, 3.0, 5.0]]), np.ones((2, 4))),
]
LINEAR = functional.linear_backward


def but(**rules: Any) -> Any:
    """The right backward pass, some of its parts made by another rule."""

    def computed(*given: Any) -> tuple[Any, ...]:
        right = dict(zip(("dx", "dW", "db"), LINEAR(*given), strict=True))
        return tuple(rules[name](*given) if name in rules else part for name, part in right.items())

    return computed


RIGHT = "right: the same numbers as the reference in every case tried (2)."
OFF = "In part 2 of 3: 8 of 8 entries differ; furthest off is "
listed = but(dW=lambda dout, x, W: dout.T @ (2 * x - 1))


def empty_stub(dout, x, W): ...


def documented_stub(dout, x, W):
    """What it does."""
    ...


def half_done(dout, x, W):
    dx = ...
    return dx @ W


def indexed(dout, x, W):
    column = 7
    return dout @ W, dout.T @ x, dout[..., column]


def no_return(dout, x, W):
    dout @ W


def adds_to_nothing(dout, x, W):
    dW += dout.T @ x  # noqa: F821
    return dout @ W, dW, dout.sum(axis=0)


def writes(dout, x, W):
    dout *= 2
    return LINEAR(dout / 2, x, W)


@pytest.mark.parametrize("name", ["W", "lr"])
def test_another_value_in_a_dictionary_is_a_changed_argument(verdict, name):
    def right(params):
        return params | {name: params[name] - 1}

    def rebinds(params):
        params[name] = params[name] - 1
        return params

    def in_place(params):
        params[name] -= 1
        return params

    cases = [({"W": np.ones((2, 2)), "lr": 0.5},)]
    assert verdict(right, right, {}, cases=cases).startswith("right")
    for answer in (rebinds, in_place):
        said = verdict(right, answer, {}, cases=cases)
        assert "changed its argument params: leave it as it was, and write into a new dictionary" in said


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda dout, x, W: ..., UNANSWERED),
        (empty_stub, UNANSWERED),
        (documented_stub, UNANSWERED),
        (half_done, UNANSWERED),
        (indexed, "Your function stopped"),
        (but(dW=lambda *_: ...), UNANSWERED),
        (lambda *given: list(LINEAR(*given)), RIGHT),
        (LINEAR, RIGHT),
        (no_return, "Your function returned None. Is its last line missing the word return?"),
        (print, "Your function returned None. Is its last line missing the word return?"),
        (
            writes,
            "Your function changed its argument dout: here it is an array, and `+=`, `-=` and the like "
            "write into it, also under a second name (`b = a` copies nothing). Compute a new one instead, as "
            "in `a = a - b`.",
        ),
        (lambda *given: writes(*given), "Your function changed its argument number 1: here"),
        (lambda dout, x, W: dout @ x, "Your function stopped, called with dout of shape (3, 2), x of"),
        (
            lambda dout, x, W: dout @ x,
            "In a product with `@`, the left factor must have as many columns as the right one has rows.",
        ),
        (adds_to_nothing, "A name gets its first value with `=`, and `+=` adds to it."),
        (lambda dout, x, W: max(dout, 2 * dout), "and neither can `max`."),
        (lambda dout, x, W: np.maximum(dout, dout, 0.0), "takes two arrays"),
        (lambda x: x, "TypeError: "),
        (lambda dout, x, W: 1, "Expected 3 results, separated by commas, got the number 1."),
        (lambda *given: LINEAR(*given)[:2], "Expected 3 results, separated by commas, got 2."),
        (but(dW=lambda dout, x, W: dout.T @ x * np.nan), "In part 2 of 3: There is nan at [0, 0]."),
        (but(db=lambda dout, x, W: -dout.sum(axis=0)), "In part 3 of 3: These are the right numbers with"),
        (but(db=lambda dout, x, W: dout), "In part 3 of 3: This has one row for each example"),
        (listed, "You get exactly this when x is centred on a half."),
        (but(dW=lambda dout, x, W: dout.T @ x * (3 if len(x) == 3 else 7)), OFF),
        (but(dW=lambda dout, x, W: dout.T @ x + 1), OFF),
        (0.5, "A function is asked for: give its name, without parentheses."),
        (None, "A function is asked for"),
        ("f", "A function is asked for"),
    ],
)
def test_odd_functions(verdict, capsys, answer, words):
    text = verdict(LINEAR, answer, {"x is centred on a half": listed}, cases=CASES)
    assert words in text and text.startswith("right") == words.startswith("right")


@pytest.mark.parametrize(
    ("key", "answer", "words"),
    [
        ("00.2", lambda f, x, h: (f(x + h) - f(x),), "Got a tuple with one entry: is there a comma"),
        ("00.2", lambda f, x, h: "slope", "Your function returns text, and a number is asked for."),
        (
            "00.2",
            lambda f, x, h: f(x) + 1,
            "Got 9, too small by less than a factor of two. Called with f = cube",
        ),
        ("00.2", lambda f, x, h: x / 0, "called with f = cube, x = 2, h = 0.1. ZeroDivisionError: "),
        (
            "11.2",
            lambda X, Y, params, lr: X if X > 0 else 0,
            "`if` cannot decide for all its numbers at once",
        ),
    ],
)
def test_odd_functions_in_lessons(said, key, answer, words):
    text = " ".join(said(check, key, answer).split())
    assert words in text and "quotation" not in text and "a.any()" not in text


def test_cases_survive_a_function_that_writes_and_may_be_made_when_needed(verdict):
    before = CASES[0][0].copy()
    verdict(LINEAR, writes, cases=CASES)
    np.testing.assert_array_equal(CASES[0][0], before)
    assert "right" in verdict(LINEAR, LINEAR, cases=lambda: CASES)


# --- agree ---

OFF_BY_A_HAIR = ARRAY + 9e-6 * (ARRAY > 1)


@pytest.mark.parametrize(
    ("by_hand", "judge", "words"),
    [
        (0.5, 0.5 + 1e-7, "The two numbers"),
        ([1.0, 2.0], np.array([1.0, 2.0]), "Both numbers"),
        ({"W": ARRAY, "b": 1}, {"b": 1.0 + 1e-8, "W": ARRAY + 1e-9}, "All 7 numbers in b, W"),
        ((1.0, ARRAY), (1.0, ARRAY), "All 7 numbers in part 1 of 2, part 2 of 2"),
        ({"W": 1.0, "b": 0.0}, {"W": 1.0, "b": 2e-11}, "Both numbers in W, b"),
        (np.zeros(3), np.zeros(3), "All 3 numbers"),
        (np.float32(0.1), 0.1, "The two numbers"),
    ],
    ids=kind_of,
)
def test_what_agrees_is_said_in_one_sentence(said, by_hand, judge, words):
    assert said(agree, by_hand, judge) == f"{words} agree to at least 6 digits.\n"


@pytest.mark.parametrize(
    ("by_hand", "judge", "words"),
    [
        (0.5, 0.25, "the numbers differ: got 0.5, expected 0.25"),
        (0.5, 0.5 + 1e-6, "the numbers differ: got 0.5, expected 0.500001"),
        (ARRAY, OFF_BY_A_HAIR, "4 of 6 numbers differ; the first is [0, 2]: got 2, expected 2.00001"),
        ({"W": ARRAY, "b": 1.0}, {"W": ARRAY, "b": -1.0}, "the numbers differ in b: got 1, expected -1"),
        (np.nan, 0.5, "the numbers differ: got nan, expected 0.5"),
        ([1.0, np.nan], [1.0, np.nan], "1 of 2 numbers differ; the first is [1]: got nan, expected nan"),
        (np.inf, np.inf, "the numbers differ: got inf, expected inf"),
        (ARRAY, ARRAY.T, "the shapes differ: got (2, 3), expected (3, 2)"),
        ({"b": [1.0]}, {"b": 1.0}, "the shapes differ in b: got (1,), expected ()"),
        ([], [], "the shapes differ: got (0,), expected (0,)"),
        ({}, {}, "there is nothing to compare"),
        ({"W": 1.0}, {"W": 1.0, "b": 2.0}, "the names differ: got W, expected W, b"),
        ((1.0, 2.0), 1.0, "the names differ: got part 1 of 2, part 2 of 2, expected one array"),
        ({"W": 1, "b": 1e-3}, {"W": 1, "b": 1.01e-3}, "the numbers differ in b: got 0.001, expected 0.00101"),
    ],
    ids=kind_of,
)
def test_what_does_not_agree_stops_the_lesson_and_says_where(by_hand, judge, words, capsys):
    with pytest.raises(AssertionError) as stopped:
        agree(by_hand, judge)
    assert str(stopped.value) == words and capsys.readouterr().out == ""


def test_the_digits_that_are_asked_for_count(said):
    assert said(agree, 0.5, 0.5004, digits=3) == "The two numbers agree to at least 3 digits.\n"
    with pytest.raises(AssertionError, match=r"got 0\.5, expected 0\.5006"):
        agree(0.5, 0.5006, digits=3)


def test_checking_an_answer_loads_neither_pictures_nor_widgets():
    code = """
import importlib.machinery
import sys
import types
from bphelpers.teaching import agree, check, predict
from bphelpers.teaching.exercises import Exercise
name = "bphelpers.lessons.lesson_00"
sys.modules[name] = types.ModuleType(name)  # a lesson that draws nothing
sys.modules[name].__spec__ = importlib.machinery.ModuleSpec(name, None)
sys.modules[name].EXERCISES = {"00.1": Exercise(6, {})}
check("00.1", ...)
print({"matplotlib", "ipywidgets", "IPython"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"00.1: {UNANSWERED}", "set()"]


# --- keys ---


@pytest.mark.parametrize(
    ("ask", "key", "words"),
    [
        (check, "01.9", 'no exercise "01.9": lesson 01 has 01.1, 01.2, 01.3'),
        (predict, "01.9", 'no prediction "01.9": lesson 01 has 01.A, 01.B, 01.C'),
        (check, "97.1", 'no exercise "97.1": lesson 97 has none'),
        *((check, key, "key must be a text such as") for key in ("5.1", 5.1, "")),
    ],
)
def test_an_unknown_key_lists_the_known_ones(ask, key, words):
    with pytest.raises(ValueError, match=words):
        ask(key, 1)


# --- predict ---

WAY = Prediction("Does the error rise or fall?", ("rises", "falls"), "falls")
TOLD = Prediction("Does it rise or fall?", ("rises", "falls"), "falls", explain="As computed above.")
REVEAL = {"reveal": True}
RIGHT_AND_TOLD = 'your guess is "falls". Run on.\nyou said "falls", and that is right. As computed above.'
CHOICES = 'Choose from: "rises", "falls".'
PUT = "Put your guess in place of the ... and run this cell."


@pytest.mark.parametrize(
    ("prediction", "steps"),
    [
        (WAY, [(..., f"{WAY.question} {CHOICES} {PUT}"), ({}, f"{WAY.question} {CHOICES} {PUT}")]),
        # Without a guess, the answer is stated, and nothing else.
        (WAY, [(REVEAL, 'the answer is "falls".')]),
        (TOLD, [(REVEAL, 'the answer is "falls". As computed above.')]),
        (TOLD, [({"guess": "falls", **REVEAL}, RIGHT_AND_TOLD)]),
        # The last guess before the reveal counts; the same cell may be run again.
        (
            WAY,
            [
                (" Rises", 'your guess is "rises". Run on.'),
                ("falls", 'your guess is "falls". Run on.'),
                (REVEAL, 'you said "falls", and that is right.'),
                ("rises", 'the answer is out, so your guess stays "falls".'),
                ("falls", 'your guess is "falls". Run on.'),
            ],
        ),
        (
            WAY,
            [
                (
                    {"guess": "rises", **REVEAL},
                    'your guess is "rises". Run on.\nyou said "rises"; it is "falls".',
                )
            ],
        ),
        # A first guess after the reveal counts as well.
        (
            WAY,
            [
                (REVEAL, 'the answer is "falls".'),
                ("rises", 'your guess is "rises". Run on.'),
                (REVEAL, 'you said "rises"; it is "falls".'),
                ("falls", 'the answer is out, so your guess stays "rises".'),
            ],
        ),
        # What is no guess replaces none.
        (
            WAY,
            [
                ("rises", 'your guess is "rises". Run on.'),
                ("sideways", f"'sideways' is not one of the choices. {CHOICES}"),
                (REVEAL, 'you said "rises"; it is "falls".'),
            ],
        ),
        (
            Prediction("Is it?", (True, False), False),
            [(True, "your guess is True. Run on."), (REVEAL, "you said True; it is False.")],
        ),
        (
            Prediction("Which?", (2, 4, 8), 4),
            [(np.int64(4), "your guess is 4. Run on."), (REVEAL, "you said 4, and that is right.")],
        ),
    ],
)
def test_a_conversation(reply, prediction, steps):
    for step, words in steps:
        assert (reply(prediction, **step) if isinstance(step, dict) else reply(prediction, step)) == words


def test_choices_are_quoted_unless_numbers_and_never_broken(reply, capsys):
    options = ("7.5", 16, *(f"{word} and on" for word in ("up", "down", "left", "right", "in", "out", "far")))
    where = Prediction("Where?", options, "7.5")
    for typed in (7.5, "7.5", 16, "up and on"):
        shown = '"up and on"' if typed == "up and on" else typed
        assert reply(where, typed) == f"your guess is {shown}. Run on."
    predict("00.Z", ...)
    asked = capsys.readouterr().out
    assert "Choose from: 7.5, 16, " in asked and max(map(len, asked.splitlines())) <= 88
    assert all(asked.count(f'"{option}"') == 1 for option in options[2:]) and asked.isascii()


@pytest.mark.parametrize("guess", ["sideways", 3, None, np.nan, ["rises"], max], ids=kind_of)
def test_what_is_not_an_option_is_not_recorded(reply, guess):
    assert reply(WAY, guess).endswith(f"is not one of the choices. {CHOICES}")
    assert reply(WAY, reveal=True) == 'the answer is "falls".'


def test_a_gap_between_lines_that_run_is_no_answer_yet(capsys):
    def topological_order(root, parents_of):
        order, seen, stack = [], set(), [(root, False)]
        while stack:
            node, parents_are_in = stack.pop()
            if parents_are_in:
                ...  # what do you do with it?
            elif node not in seen:
                ...  # what has to be done first?
        return order

    check("14.1", topological_order)
    assert "not answered yet" in capsys.readouterr().out
