"""``check``: what a lesson says about an answer."""

import ast
import copy
import inspect
import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

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
from bphelpers.teaching.exercises.records import Arguments, Exercise, find
from bphelpers.teaching.exercises.wording import described, say

_wrong_before: set[str] = set()  # exercises with a wrong answer that no listed reason explained


class _Unanswered(Exception):
    """A ``...`` still stands in the answer."""


class _Outcome(NamedTuple):
    arguments: Arguments
    found: Any
    truth: Any


def check(key: str, answer: Any) -> None:
    """Say whether the answer to an exercise, such as ``"05.1"``, is right, and where it is not, why. [00]

    ``...`` stands for "not answered yet". A reason is named only if the mistake, made on purpose, reproduces
    the answer. Otherwise it prints what was found, where, and roughly how far off it is; from the second time
    on, also what was expected. ``ValueError`` where no exercise has this key, and never because of the
    answer.
    """
    exercise = find("exercise", key)
    try:
        verdict = _verdict(key, exercise, answer)
    except _Unanswered:
        verdict = "not answered yet: the ... is still there. Replace it and run both cells again."
    except Unreadable as reason:
        verdict = f"not right yet. {reason}"
    say(f"{key}: {verdict}")


def _verdict(key: str, exercise: Exercise, answer: Any) -> str:
    outcomes = _run(exercise, answer)
    by_function = exercise.cases is not None
    for arguments, found, truth in outcomes:
        try:
            difference = first_difference(found, truth, exercise.tolerance, returned=by_function)
        except Unreadable as reason:
            if _left_open(answer):
                raise _Unanswered from None
            raise Unreadable(_listed_mistake(exercise, outcomes) or str(reason)) from None
        if difference is not None:
            if _left_open(answer):
                raise _Unanswered
            called = f" Called with {_called_with(answer, arguments)}." if by_function else ""
            return "not right yet. " + _explanation(key, exercise, outcomes, difference, called)
    if by_function:
        return f"right: the same numbers as the reference in every case tried ({len(outcomes)})."
    return f"right, {described(exercise.reference)}."


# --- calling ---


def _run(exercise: Exercise, answer: Any) -> list[_Outcome]:
    if _is_stub(answer):
        raise _Unanswered
    if exercise.cases is None:
        if callable(answer):
            raise Unreadable("This is a function. Call it, and check what it returns.")
        return [_Outcome((), answer, exercise.reference)]
    if not callable(answer):
        raise Unreadable("A function is asked for: give its name, without parentheses.")
    return [_Outcome(case, _call(answer, case), exercise.right(*case)) for case in exercise.arguments()]


def _call(function: Callable[..., Any], arguments: Arguments) -> Any:
    given = copy.deepcopy(arguments)  # so that a function that writes into its inputs spoils nothing
    code = getattr(function, "__code__", None)
    try:
        with np.errstate(all="ignore"):  # what overflows is told in the reply
            found = function(*given)
    except Unreadable:  # an argument lost patience, and says why
        raise
    except Exception as error:
        if _left_open(function):
            raise _Unanswered from error
        why = f"{type(error).__name__}: {error}"
        why = next((said.format(error) for words, said in _ADVICE.items() if re.search(words, why)), why)
        raise Unreadable(
            f"Your function stopped, called with {_called_with(function, arguments)}. {why}"
        ) from error
    # A body that is a ``...`` and no more is compiled to nothing.
    if _is_stub(found) or (found is None and code and len(code.co_code) <= len(_NOTHING.co_code)):
        raise _Unanswered
    if found is None:
        raise Unreadable("Your function returned None. Is its last line missing the word return?")
    names = _names(function, arguments)
    for position, (name, before, after) in enumerate(zip(names, arguments, given, strict=True), start=1):
        if _changed(before, after):
            advice = (
                "here it is an array, and `+=`, `-=` and the like write into it, also under a second name"
                " (`b = a` copies nothing). Compute a new one instead, as in `a = a - b`"
                if isinstance(before, np.ndarray)
                else "leave it as it was, and write into a new dictionary"
            )
            raise Unreadable(f"Your function changed its argument {name or f'number {position}'}: {advice}.")
    return found


def _changed(before: Any, after: Any) -> bool:
    """Whether it is a number, an array or a dictionary of such, and holds something else now."""
    if isinstance(before, np.ndarray):
        return not np.array_equal(before, after, equal_nan=True)
    if isinstance(before, dict):
        return set(before) != set(after) or any(_changed(before[name], after[name]) for name in before)
    return isinstance(before, (int, float)) and before is not after and not np.array_equal(before, after)


def _left_open(function: Callable[..., Any]) -> bool:
    """Whether a ``...`` stands in its code that is no index, as in ``x[..., 0]``."""
    try:
        nodes = list(ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))))
    except (OSError, TypeError, SyntaxError):  # the source is not known
        return ... in getattr(getattr(function, "__code__", None), "co_consts", ())
    indices = [node.slice if isinstance(node, ast.Subscript) else node for node in nodes
               if isinstance(node, ast.Subscript | ast.Tuple)]  # fmt: skip
    inside = {id(part) for index in indices for part in ast.walk(index)}
    return any(
        isinstance(node, ast.Constant) and node.value is ... and id(node) not in inside for node in nodes
    )


_NOTHING = (lambda: None).__code__
# Instead of what Python or NumPy says, by some words of it.
_ADVICE = {
    "^KeyError": "The dictionary holds no {} yet. Is that the right name? (A `defaultdict(int)` would answer"
    " 0.)",
    "^IndexError.* for axis": "IndexError: {}. Are two indices the wrong way round? In `W[j, k]`, j counts"
    " the rows and k the columns.",
    "^UnboundLocalError": "UnboundLocalError: {}. A name gets its first value with `=`, and `+=` adds to it.",
    "truth value of an array": "An array is no single yes or no, so `if` cannot decide for all its numbers at"
    " once, and neither can `max`.",
    "must be of ArrayType|arguments to np.maximum": "`np.maximum(u, v)` takes two arrays; a third would be"
    " where the result is put.",
    "could not be broadcast": "ValueError: {}(two arrays that meet in `*`, `+` or `-` need the same shape)."
    " Do both belong to the layer that you mean?",
    "matmul": "In a product with `@`, the left factor must have as many columns as the right one has rows.",
    "'NoneType' object has no attribute 'append'": "`append` changes its list and returns None: write"
    " `outputs.append(A)`, and nothing in front of it.",
}


def _called_with(function: Callable[..., Any], arguments: Arguments) -> str:
    """What each argument was, by the learner's own name for it."""
    return ", ".join(map(_argument, _names(function, arguments), arguments))


def _names(function: Callable[..., Any], arguments: Arguments) -> Sequence[str]:
    """The learner's own names for the arguments, or empty ones."""
    code = getattr(function, "__code__", None)
    names = code.co_varnames[: code.co_argcount] if code else ()
    return names if len(names) == len(arguments) else [""] * len(arguments)


def _argument(name: str, value: Any) -> str:
    if isinstance(value, np.ndarray) and value.ndim:
        return f"{name or 'an array'} of shape {value.shape}"
    if isinstance(value, (int, float, np.number, str)):
        return f"{name} = {described(value)}" if name else described(value)
    kind: str = getattr(value, "__name__", type(value).__name__)
    return f"{name} = {kind}" if name and callable(value) else kind


def _is_stub(answer: Any) -> bool:
    """Whether a ``...`` stands for the answer, or for a part of it."""
    return answer is ... or (isinstance(answer, (list, tuple)) and any(map(_is_stub, answer)))


# --- explaining ---


def _explanation(
    key: str, exercise: Exercise, outcomes: list[_Outcome], difference: Difference, called: str
) -> str:
    reason = _listed_mistake(exercise, outcomes) or _general_mistake(exercise, outcomes, difference.name)
    if reason:
        return reason
    full, brief = difference.sentence(), difference.sentence(expected=False)
    if full == brief or key in _wrong_before:  # the same where nothing is given away, as with a shape
        return full + called
    _wrong_before.add(key)
    return f"{brief}{called} The hints are folded under the exercise."


def _listed_mistake(exercise: Exercise, outcomes: list[_Outcome]) -> str | None:
    """The listed mistake that reproduces the answer in every case; the closest, where several do."""
    fits: dict[str, float] = {}
    for arguments, found, _ in outcomes:
        for clause, wrong in exercise.wrong(*arguments).items():
            fits[clause] = max(fits.get(clause, 0.0), distance(found, wrong, exercise.tolerance))
    best = min(fits, key=lambda clause: fits[clause], default=None)
    return f"You get exactly this when {best}." if best is not None and np.isfinite(fits[best]) else None


def _general_mistake(exercise: Exercise, outcomes: list[_Outcome], name: str) -> str | None:
    """The gradient check's own diagnosis of the part that is off, if every case where it is off agrees."""
    if not exercise.gradient:
        return None
    diagnoses = []
    for arguments, found, truth in outcomes:
        others = dict(parts_of(truth))
        right = others.pop(name)
        try:
            value = dict(parts_of(arranged(found, truth)))[name]
        except Unreadable:
            return None
        if right.dtype.kind != "f" or value.dtype.kind not in "fiu":
            return None
        if distance(value, right, exercise.tolerance) < np.inf:
            continue
        if right.ndim == 0 and value.size != 1:
            return None  # one number has no rows to add up
        rows = next((len(a) for a in arguments if isinstance(a, np.ndarray) and a.ndim == 2), None)
        diagnosis = gradcheck.diagnose(value, right, batch_size=rows, others=others, rtol=exercise.tolerance)
        if diagnosis is None:
            return None
        diagnoses.append(diagnosis)
    common = set.intersection(*({diagnosis.mistake, *diagnosis.alternatives} for diagnosis in diagnoses))
    for diagnosis in diagnoses:
        if diagnosis.mistake in common:
            return f"In {name}: {diagnosis.sentence}" if name else diagnosis.sentence
    return None


def yours(key: str, answer: Callable[..., Any], reference: Callable[..., Any]) -> Callable[..., Any]:
    """The learner's function where it is right, else the course's, and one line that says which. [00]

    The lesson goes on with what it gets, so a learner's code does the work as soon as it is right.
    """
    try:
        is_right = _verdict(key, find("exercise", key), answer).startswith("right")
    except (_Unanswered, Unreadable):
        is_right = False
    says = (
        "your function does the work"
        if is_right
        else "the course's function does the work until yours is right"
    )
    say(f"{key}: from here on, {says}.")
    return answer if is_right else reference
