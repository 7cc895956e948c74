"""``check``: what a lesson says about an answer."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bphelpers.teaching import gradcheck
from bphelpers.teaching.exercises.differences import (
    Difference,
    Unreadable,
    arranged,
    distance,
    first_difference,
    parts_of,
)
from bphelpers.teaching.exercises.records import Exercise, find_exercise
from bphelpers.teaching.exercises.wording import described, say

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
    """Say whether the answer to an exercise, such as ``"05.1"``, is right, and where it is not, why. [00]

    ``...`` stands for "not answered yet". A reason is named only if the mistake, made on purpose, reproduces
    the answer. Otherwise it prints what was found, where, and roughly how far off it is; from the second time
    on, also what was expected. ``ValueError`` where no exercise has this key, and never because of the
    answer.
    """
    exercise = find_exercise(key)
    try:
        verdict = _verdict(key, exercise, answer)
    except _Unanswered:
        verdict = "not answered yet. Replace the ... above and run both cells again."
    except Unreadable as reason:
        verdict = f"not right yet. {reason}"
    say(f"{key}: {verdict}")


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
        return [_Outcome((), answer, exercise.reference)]
    if not callable(answer):
        raise Unreadable("A function is asked for: give its name, without parentheses.")
    return [
        _Outcome(arguments, _call(answer, arguments), exercise.made_by(exercise.reference, arguments))
        for arguments in exercise.arguments()
    ]


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    given = copy.deepcopy(arguments)  # so that a function that writes into its inputs spoils nothing
    try:
        found = function(*given)
    except Exception as error:
        if ... in getattr(getattr(function, "__code__", None), "co_consts", ()):
            raise _Unanswered from error
        advice = (said for words, said in _ADVICE.items() if words in str(error))
        why = next(advice, f"{type(error).__name__}: {error}")
        raise Unreadable(f"Your function stopped, called with {_shapes(arguments)}. {why}") from error
    if _is_stub(found) or (found is None and _does_nothing(function)):
        raise _Unanswered
    if found is None:
        raise Unreadable("Your function returned None. Is its last line missing the word return?")
    for position, (before, after) in enumerate(zip(arguments, given, strict=True), start=1):
        if isinstance(before, np.ndarray) and not np.array_equal(before, after, equal_nan=True):
            raise Unreadable(
                f"Your function changed its argument number {position}: compute a new array instead."
            )
    return found


_TWO_ARRAYS = "`np.maximum(u, v)` takes two arrays; a third would be where the result is put."
# Instead of what NumPy says, by some words of it.
_ADVICE = {
    "truth value of an array": "An array is no single yes or no, so `if` cannot decide for all its numbers at"
    " once, and neither can `max`.",
    "must be of ArrayType": _TWO_ARRAYS,
    "arguments to np.maximum": _TWO_ARRAYS,
    "matmul": "In `A @ B`, A must have as many columns as B has rows.",
}


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
    """Whether a ``...`` stands for the answer, or for a part of it."""
    parts = answer.values() if isinstance(answer, dict) else answer
    return answer is ... or (isinstance(answer, (dict, list, tuple)) and any(map(_is_stub, parts)))


def _does_nothing(function: Any) -> bool:
    """Whether the body of a function is a ``...`` and no more, which Python compiles to nothing."""
    code = getattr(function, "__code__", None)
    return code is not None and len(code.co_code) <= len((lambda: None).__code__.co_code)


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
    return f"{brief}{where} The hints are folded under the exercise."


def _listed_mistake(exercise: Exercise, outcomes: list[_Outcome]) -> str | None:
    """The listed mistake that reproduces the answer in every case; the closest, where several do."""
    fits: dict[str, float] = {}
    for outcome in outcomes:
        for clause, wrong in exercise.wrong(outcome.arguments).items():
            far = distance(outcome.found, wrong, exercise.tolerance)
            fits[clause] = max(far, fits.get(clause, 0.0))
    best = min(fits, key=lambda clause: fits[clause], default=None)
    return f"You get exactly this when {best}." if best is not None and np.isfinite(fits[best]) else None


def _general_mistake(exercise: Exercise, outcomes: list[_Outcome], name: str) -> str | None:
    """The gradient check's own diagnosis of the part that is off, if every case where it is off agrees."""
    if not exercise.gradient:
        return None
    off = []
    for outcome in outcomes:
        try:
            truth, found = parts_of(outcome.truth), parts_of(arranged(outcome.found, outcome.truth))
        except Unreadable:
            return None
        parts = dict(truth)
        value, right = dict(found)[name], parts.pop(name)
        if right.dtype.kind != "f" or value.dtype.kind not in "fiu":
            return None
        if distance(value, right, exercise.tolerance) < np.inf:
            continue
        if right.ndim == 0 and value.size != 1:
            return None  # one number has no rows to add up
        rows = (len(a) for a in outcome.arguments if isinstance(a, np.ndarray) and a.ndim == 2)
        diagnosis = gradcheck.diagnose(
            value,
            right,
            batch_size=next(rows, None),
            others={other: part for other, part in parts.items() if part.dtype.kind == "f"},
            rtol=exercise.tolerance,
        )
        if diagnosis is None:
            return None
        off.append(diagnosis)
    common = set.intersection(*({diagnosis.mistake, *diagnosis.alternatives} for diagnosis in off))
    agreed = next((diagnosis for diagnosis in off if diagnosis.mistake in common), None)
    if agreed is None:
        return None
    return f"In {name}: {agreed.sentence}" if name else agreed.sentence
