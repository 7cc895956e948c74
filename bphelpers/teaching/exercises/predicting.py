"""``predict``: commit to a guess, then see."""

import math
from typing import Any

import numpy as np

from bphelpers.teaching.exercises.records import Prediction, find_prediction
from bphelpers.teaching.exercises.wording import in_one_line, number, say

_guesses: dict[str, Any] = {}
_revealed: set[str] = set()


def predict(key: str, guess: Any = ..., *, reveal: Any = ...) -> None:
    """Record a guess before a result is shown, or show the result next to the guess.

    Parameters
    ----------
    key : str
        The prediction, for example ``"05.A"``.
    guess : one of the options, or a number
        ``...`` stands for "not yet". A second guess before the reveal replaces the first.
    reveal : one of the options, or a number
        The computed truth. Without a guess it is stated, and nothing else.

    Raises
    ------
    ValueError
        Where no prediction has this key, or ``reveal`` is not something that could have been guessed. Never
        because of the guess.

    Notes
    -----
    Lesson: 00_start_here.
    """
    prediction = find_prediction(key)
    if guess is not ... or reveal is ...:
        say(f"{key}: {_record(key, prediction, guess)}")
    if reveal is not ...:
        say(f"{key}: {_reveal(key, prediction, reveal)}")


def _record(key: str, prediction: Prediction, guess: Any) -> str:
    choices = ", ".join(in_one_line(choice) for choice in _choices(prediction))
    choices = f" Choose from: {choices}." if choices else ""
    if guess is ...:
        return f"{prediction.question}{choices} Put your guess in place of the ... and run this cell."
    value = _readable(prediction, guess)
    if value is None and prediction.options:
        return f"{guess!r} is not one of the choices.{choices}"
    if value is None:
        return f"a guess here is a number, got {guess!r}."
    if not prediction.options and not prediction.allows(value):
        return _outside(prediction, value)
    if key in _revealed and _guesses.get(key, value) != value:
        return f"the answer is out, so your guess stays {_shown(prediction, _guesses[key])}."
    _guesses[key] = value
    return f"your guess is {_shown(prediction, value)}. Run on."


def _reveal(key: str, prediction: Prediction, reveal: Any) -> str:
    truth = _readable(prediction, reveal)
    if truth is None or not (prediction.options or prediction.allows(truth)):
        choices = ", ".join(_choices(prediction))
        wanted = f"one of {choices}" if choices else f"a finite number{_range(prediction)}"
        raise ValueError(f"reveal of {key} must be {wanted}, got {reveal!r}")
    _revealed.add(key)
    answer = _shown(prediction, truth)
    if key not in _guesses:
        sentence = f"the answer is {answer}."
    elif prediction.options:
        said = _shown(prediction, _guesses[key])
        sentence = (
            f"you said {said}, and {said} it is."
            if _guesses[key] == truth
            else f"you said {said}; it is {answer}."
        )
    else:
        said = _shown(prediction, _guesses[key])
        guess, right = float(_guesses[key]), float(truth)
        judged = (
            _apart(prediction, guess, right) if prediction.judged == "difference" else _off_by(guess, right)
        )
        sentence = f"you said {said}; it is {answer}. {judged}"
    return f"{sentence} {prediction.explain}" if prediction.explain else sentence


def _outside(prediction: Prediction, value: float) -> str:
    """What to write instead. A share repeats the learner's own number, so that it gives nothing away."""
    if (prediction.low, prediction.high) != (0, 1):
        return f"a guess here is a number{_range(prediction)}, got {number(value)}."
    if not 1 < value <= 100:
        return f"a share lies from 0 to 1, got {number(value)}."
    return f"a share lies from 0 to 1: write {number(value / 100)} for {number(value)} %."


def _range(prediction: Prediction) -> str:
    low, high = (None if end is None else number(end) for end in (prediction.low, prediction.high))
    if low is None:
        return "" if high is None else f" up to {high}"
    return f" from {low} up" if high is None else f" from {low} to {high}"


def _apart(prediction: Prediction, guess: float, truth: float) -> str:
    """The difference in words, for numbers whose ratio means little, such as two shares."""
    gap = number(abs(guess - truth), scale=max(abs(guess), abs(truth)))
    if gap == "0":
        return "Exactly right."
    return f"That is {_with_unit(gap, prediction.unit)} too {'high' if guess > truth else 'low'}."


def _off_by(guess: float, truth: float) -> str:
    """How far a guessed number is from the truth, in one sentence.

    >>> _off_by(0.5, 0.08216704)
    'That is too large by a factor of 6.1: about one power of ten.'
    >>> _off_by(0.1, 0.08216704)
    'That is too large by a factor of 1.2: the order of magnitude is right.'
    """
    if guess == truth:
        return "Exactly right."
    if truth == 0 or guess == 0:
        return f"That is {number(abs(guess - truth))} away."
    if (guess > 0) != (truth > 0):
        return "The sign is the other way round" + _size_aside(guess / truth)
    ratio = guess / truth
    if abs(ratio - 1) < 0.05:
        return "Within five percent."
    side = "large" if ratio > 1 else "small"
    factor = max(ratio, 1 / ratio)
    return f"That is too {side} by a factor of {_two_digits(factor)}: {_orders(factor)}."


def _two_digits(factor: float) -> str:
    return f"{float(f'{factor:.2g}'):,.0f}" if 10 <= factor < 1e6 else f"{factor:.2g}"


def _orders(factor: float) -> str:
    powers = round(math.log10(factor))
    if powers == 0:
        return "the order of magnitude is right"
    return "about one power of ten" if powers == 1 else f"about {powers} powers of ten"


def _size_aside(ratio: float) -> str:
    size = max(abs(ratio), 1 / abs(ratio))
    if round(math.log10(size)) == 0:
        return "; the size is of the right order."
    return f", and the size is off by {_orders(size)}."


def _readable(prediction: Prediction, value: Any) -> Any:
    """The option meant, or the number; ``None`` where it is neither."""
    if prediction.options:
        same = (option for option in prediction.options if _folded(option) == _folded(value))
        return next(same, None)
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    if array.dtype.kind not in "iuf" or array.size != 1 or not np.isfinite(array).all():
        return None
    return array.item()


def _folded(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip().casefold()
    return str(np.asarray(value).item()) if isinstance(value, (bool, int, float, np.generic)) else repr(value)


def _choices(prediction: Prediction) -> list[str]:
    """The choices as they are typed: words in quotation marks, what reads as a number without.

    >>> _choices(Prediction("Which?", options=("rises", 16, "1.5")))
    ['"rises"', '16', '1.5']
    """
    options = prediction.options or ()
    return [str(option) if _reads_as_number(option) else f'"{option}"' for option in options]


def _reads_as_number(option: Any) -> bool:
    try:
        float(option)
    except (TypeError, ValueError):
        return False
    return True


def _shown(prediction: Prediction, value: Any) -> str:
    if prediction.options:
        return str(value)
    return _with_unit(number(value), prediction.unit)


def _with_unit(shown: str, unit: str | None) -> str:
    """A number and its unit, which loses its plural after 1.

    >>> _with_unit("0.2", "points"), _with_unit("-1", "points"), _with_unit("3", None)
    ('0.2 points', '-1 point', '3')
    """
    if unit is None:
        return shown
    return f"{shown} {unit.removesuffix('s') if shown in ('1', '-1') and len(unit) > 2 else unit}"
