"""``check`` and ``hint``: what a lesson says about an answer."""

import copy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bphelpers.teaching import gradcheck
from bphelpers.teaching.exercises.comparing import (
    Difference,
    Unreadable,
    arranged,
    distance,
    first_difference,
    parts_of,
)
from bphelpers.teaching.exercises.records import Exercise, find_exercise, is_prediction
from bphelpers.teaching.exercises.wording import described, say

_hints_given: dict[str, int] = {}
_wrong_before: set[str] = set()  # exercises with a wrong answer that no listed reason explained


class _Unanswered(Exception):
    """A ``...`` still stands in the answer."""


@dataclass
class _Outcome:
    """What one set of arguments gave, next to what it should give."""

    arguments: tuple[Any, ...]
    found: Any
    truth: Any


def check(key: str, answer: Any) -> None:
    """Say whether ``answer`` is right, and where it is not, why.

    Parameters
    ----------
    key : str
        The exercise, for example ``"05.1"``.
    answer : number, array, tuple, dict, str or function
        ``...`` stands for "not answered yet".

    Raises
    ------
    ValueError
        Where no exercise has this key. Never because of the answer.

    Notes
    -----
    A reason is named only if the mistake, made on purpose, reproduces the answer. Otherwise it prints what
    was found, where, and roughly how far off it is; from the second time on, also what was expected.

    Lesson: 00_start_here.
    """
    exercise = find_exercise(key)
    try:
        verdict = _verdict(key, exercise, answer)
    except _Unanswered:
        verdict = "not answered yet. Replace the ... above and run both cells again."
    except Unreadable as reason:
        verdict = f"not right yet. {reason}"
    say(f"{key}: {verdict}")


def hint(key: str) -> None:
    """Print the next of the three hints for the exercise ``key``; after the third, where the solution is.

    Parameters
    ----------
    key : str
        The exercise, for example ``"05.1"``.

    Raises
    ------
    ValueError
        Where no exercise and no prediction has this key.

    Notes
    -----
    In a notebook the hint is shown as Markdown, so that its formulas are set.

    Lesson: 00_start_here.
    """
    if is_prediction(key):
        say(f"{key} is a prediction: put a guess in its place.")
        return
    hints = find_exercise(key).hints
    given = _hints_given.get(key, 0)
    if given < len(hints):
        _hints_given[key] = given + 1
        _show(f"{key}, hint {given + 1} of {len(hints)}: {hints[given]}")
    else:
        say(f"{key}: that was the last hint. The solution is folded under the exercise.")


def _show(text: str) -> None:
    """Markdown in a notebook, plain text elsewhere. IPython is loaded already where there is a notebook."""
    ipython = sys.modules.get("IPython")
    if ipython is None or getattr(ipython.get_ipython(), "kernel", None) is None:
        print(text)
        return
    from IPython.display import display

    display({"text/markdown": text, "text/plain": text}, raw=True)


def _verdict(key: str, exercise: Exercise, answer: Any) -> str:
    if _is_stub(answer):
        raise _Unanswered
    outcomes = _run(exercise, answer)
    for outcome in outcomes:
        try:
            difference = first_difference(
                outcome.found, outcome.truth, exercise.tolerance, returned=exercise.cases is not None
            )
        except Unreadable as reason:
            return "not right yet. " + (_listed_mistake(exercise, outcomes) or str(reason))
        if difference is not None:
            return "not right yet. " + _explanation(key, exercise, outcomes, outcome, difference)
    if exercise.cases is None:
        return f"right, {described(outcomes[0].truth)}."
    return f"right: the same numbers as the reference in every case tried ({len(outcomes)})."


# --- calling ---


def _run(exercise: Exercise, answer: Any) -> list[_Outcome]:
    if exercise.cases is None:
        if callable(answer):
            raise Unreadable("This is a function. Call it, and check what it returns.")
        return [_Outcome((), answer, exercise.reference())]
    if not callable(answer):
        raise Unreadable("A function is asked for: give its name, without parentheses.")
    return [
        _Outcome(arguments, _call(answer, arguments), exercise.reference(*copy.deepcopy(arguments)))
        for arguments in exercise.arguments()
    ]


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    given = copy.deepcopy(arguments)  # so that a function that writes into its inputs spoils nothing
    try:
        found = function(*given)
    except Exception as error:
        if ... in getattr(getattr(function, "__code__", None), "co_consts", ()):
            raise _Unanswered from error
        if "truth value of an array" in str(error):
            why = (
                "An array is no single yes or no, so `if` cannot decide for all its numbers at once, and "
                "neither can `max`."
            )
        elif "must be of ArrayType" in str(error) or "arguments to np.maximum" in str(error):
            why = "`np.maximum(u, v)` takes two arrays; a third would be where the result is put."
        elif "matmul" in str(error):
            why = "In `A @ B`, A must have as many columns as B has rows."
        else:
            why = f"{type(error).__name__}: {error}"
        raise Unreadable(f"Your function stopped, called with {_shapes(arguments)}. {why}") from error
    if _is_stub(found):
        raise _Unanswered
    if found is None:
        raise Unreadable("Your function returned None. Is its last line missing the word return?")
    for position, (before, after) in enumerate(zip(arguments, given, strict=True), start=1):
        if isinstance(before, np.ndarray) and not np.array_equal(before, after, equal_nan=True):
            raise Unreadable(
                f"Your function changed its argument number {position}: compute a new array instead."
            )
    return found


def _shapes(arguments: tuple[Any, ...]) -> str:
    return ", ".join(
        f"an array of shape {value.shape}"
        if isinstance(value, np.ndarray) and value.ndim
        else described(value)
        if isinstance(value, (int, float, np.number, str))
        else getattr(value, "__name__", type(value).__name__)
        for value in arguments
    )


def _is_stub(answer: Any) -> bool:
    """Whether a ``...`` stands for the answer, or for a part of it, or for the body of the function."""
    if answer is ...:
        return True
    if isinstance(answer, dict):
        return any(_is_stub(value) for value in answer.values())
    if isinstance(answer, (list, tuple)):
        return any(_is_stub(value) for value in answer)
    code = getattr(answer, "__code__", None)
    if code is None or code.co_code not in _EMPTY_BODIES:
        return False
    return all(constant is None or constant == answer.__doc__ for constant in code.co_consts)


def _empty() -> None: ...


def _empty_documented() -> None:
    """A function whose body is its docstring and nothing else compiles to code of its own."""
    ...


_EMPTY_BODIES = {_empty.__code__.co_code, _empty_documented.__code__.co_code}


# --- explaining ---


def _explanation(
    key: str, exercise: Exercise, outcomes: list[_Outcome], outcome: _Outcome, difference: Difference
) -> str:
    reason = _listed_mistake(exercise, outcomes) or _general_mistake(exercise, outcomes, difference.name)
    if reason:
        return reason
    where = f" Called with {_shapes(outcome.arguments)}." if exercise.cases is not None else ""
    full, brief = difference.sentence(), difference.sentence(expected=False)
    if full == brief or key in _wrong_before:  # the same where nothing is given away, as with a shape
        return full + where
    _wrong_before.add(key)
    return f'{brief}{where} hint("{key}") helps.'


def _listed_mistake(exercise: Exercise, outcomes: list[_Outcome]) -> str | None:
    """The listed mistake that reproduces the answer in every case; the closest, where several do."""
    fits: dict[str, float] = {}
    for clause, wrong in exercise.mistakes.items():
        with np.errstate(all="ignore"):  # a mistake may overflow on purpose
            values = [wrong(*copy.deepcopy(outcome.arguments)) for outcome in outcomes]
            pairs = zip(outcomes, values, strict=True)
            fits[clause] = max(distance(outcome.found, value, exercise.tolerance) for outcome, value in pairs)
    best = min(fits, key=lambda clause: fits[clause], default=None)
    if best is None or not np.isfinite(fits[best]):
        return None
    return f"You get exactly this when {best}."


def _general_mistake(exercise: Exercise, outcomes: list[_Outcome], name: str) -> str | None:
    """The gradient check's own diagnosis of the part that is off, if every case where it is off agrees."""
    diagnoses = [_diagnosed(exercise, outcome, name) for outcome in outcomes]
    off = [diagnosis for diagnosis in diagnoses if diagnosis is not _RIGHT]
    if not off or not all(isinstance(diagnosis, gradcheck.Diagnosis) for diagnosis in off):
        return None
    common = set.intersection(*({diagnosis.mistake, *diagnosis.alternatives} for diagnosis in off))
    agreed = next((diagnosis for diagnosis in off if diagnosis.mistake in common), None)
    if agreed is None:
        return None
    return f"In {name}: {agreed.sentence}" if name else agreed.sentence


def _diagnosed(exercise: Exercise, outcome: _Outcome, name: str) -> Any:
    """A Diagnosis, ``None`` where no known mistake fits, ``_RIGHT`` where nothing is off."""
    try:
        truth, found = dict(parts_of(outcome.truth)), dict(parts_of(arranged(outcome.found, outcome.truth)))
    except Unreadable:
        return None
    if not exercise.gradient or truth[name].dtype.kind != "f" or found[name].dtype.kind not in "fiu":
        return None
    if distance(found[name], truth[name], exercise.tolerance) < np.inf:
        return _RIGHT
    if truth[name].ndim == 0 and found[name].size != 1:
        return None  # one number has no rows to add up
    rows = (len(a) for a in outcome.arguments if isinstance(a, np.ndarray) and a.ndim == 2)
    return gradcheck.diagnose(
        found[name],
        truth[name],
        batch_size=exercise.batch_size or next(rows, None),
        others={other: part for other, part in truth.items() if other != name and part.dtype.kind == "f"},
        rtol=exercise.tolerance,
    )


_RIGHT = object()
