"""``predict``: commit to a guess, then see."""

import math
import re
from typing import Any

import numpy as np

from bphelpers.teaching.exercises.records import Prediction, find
from bphelpers.teaching.exercises.wording import in_one_line, say
from bphelpers.teaching.numbers import number

_guesses: dict[str, Any] = {}
_revealed: set[str] = set()


def predict(key: str, guess: Any = ..., *, reveal: Any = ...) -> None:
    """Record a guess, one of the options or a number; then show the computed truth next to it. [00]

    ``...`` stands for "not yet"; a second guess before the reveal replaces the first. Without a guess the
    answer is stated, and nothing else. ``ValueError`` where no prediction has this key, or where nobody could
    have guessed what is revealed. Never because of the guess.
    """
    prediction = find("prediction", key)
    if guess is not ... or reveal is ...:
        say(f"{key}: {_record(key, prediction, guess)}")
    if reveal is not ...:
        say(f"{key}: {_reveal(key, prediction, reveal)}")


def _record(key: str, prediction: Prediction, guess: Any) -> str:
    choices = ", ".join(map(in_one_line, _choices(prediction)))
    choices = f" Choose from: {choices}." if choices else ""
    if guess is ...:
        return f"{prediction.question}{choices} Put your guess in place of the ... and run this cell."
    value = _readable(prediction, guess)
    if value is None and prediction.options:
        return f"{guess!r} is not one of the choices.{choices}"
    if value is None:
        return f"a guess here is a number, got {guess!r}."
    if not prediction.allows(value):
        return _outside(prediction, value)
    if key in _revealed and _guesses.get(key, value) != value:
        return f"the answer is out, so your guess stays {_shown(prediction, _guesses[key])}."
    _guesses[key] = value
    return f"your guess is {_shown(prediction, value)}. Run on."


def _reveal(key: str, prediction: Prediction, reveal: Any) -> str:
    truth = _readable(prediction, reveal)
    if truth is None or not prediction.allows(truth):
        choices = ", ".join(_choices(prediction))
        wanted = f"one of {choices}" if choices else f"a finite number{_range(prediction)}"
        raise ValueError(f"reveal of {key} must be {wanted}, got {reveal!r}")
    _revealed.add(key)
    answer = _shown(prediction, truth)
    sentence = f"the answer is {answer}."
    if key in _guesses:
        guess = _guesses[key]
        joined = ", and that is right" if prediction.options and guess == truth else f"; it is {answer}"
        sentence = f"you said {_shown(prediction, guess)}{joined}."
        if not prediction.options:
            sentence += f" {_judged(prediction, guess, truth)}"
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


def _judged(prediction: Prediction, guess: float, truth: float) -> str:
    """How far off a number is: the difference, or the factor, where a ratio means something."""
    if math.isclose(guess, truth, rel_tol=1e-12):
        return "Exactly right."
    if prediction.judged == "difference":
        return f"That is {_shown(prediction, abs(guess - truth))} too {'high' if guess > truth else 'low'}."
    if truth == 0 or guess == 0:
        return f"That is {number(abs(guess - truth))} away."
    ratio = guess / truth
    factor = max(abs(ratio), 1 / abs(ratio))
    powers = round(math.log10(factor))
    orders = "about one power of ten" if powers == 1 else f"about {powers} powers of ten"
    if ratio < 0:
        size = f", and the size is off by {orders}" if powers else "; the size is of the right order"
        return f"The sign is the other way round{size}."
    if abs(ratio - 1) < 0.05:
        return "Within five percent."
    shown = f"{float(f'{factor:.2g}'):,.0f}" if 10 <= factor < 1e6 else f"{factor:.2g}"
    judged = orders if powers else "the order of magnitude is right"
    return f"That is too {'large' if ratio > 1 else 'small'} by a factor of {shown}: {judged}."


def _readable(prediction: Prediction, value: Any) -> Any:
    """The option meant, or the number; ``None`` where it is neither."""
    if prediction.options:
        return next((option for option in prediction.options if _folded(option) == _folded(value)), None)
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    usable = array.dtype.kind in "iuf" and array.size == 1 and np.isfinite(array).all()
    return array.item() if usable else None


def _folded(value: Any) -> str:
    return value.strip().casefold() if isinstance(value, str) else str(value)


def _choices(prediction: Prediction) -> list[str]:
    """The choices as they are typed: words in quotation marks, what reads as a number without."""
    return [_shown(prediction, option) for option in prediction.options or ()]


def _shown(prediction: Prediction, value: Any) -> str:
    """An option as it is typed, or a number with its unit, which loses its plural after 1."""
    if prediction.options:
        words = isinstance(value, str) and not re.fullmatch(r"[-+.\d]+", value)
        return f'"{value}"' if words else str(value)
    shown, unit = number(value), prediction.unit
    return f"{shown} {unit.removesuffix('s') if shown in ('1', '-1') else unit}" if unit else shown
