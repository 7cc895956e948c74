"""``predict``: commit to a guess, then see."""

import math
from typing import Any

import numpy as np

from bphelpers.exercises.records import Prediction, find_prediction
from bphelpers.exercises.wording import number

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
        print(f"{key}: {_record(key, prediction, guess)}")
    if reveal is not ...:
        print(f"{key}: {_reveal(key, prediction, reveal)}")


def _record(key: str, prediction: Prediction, guess: Any) -> str:
    choices = f" Choose from: {_listed(prediction)}." if prediction.options else ""
    if guess is ...:
        return f"{prediction.question}{choices} Put your guess in place of the ... and run this cell."
    value = _readable(prediction, guess)
    if value is None and prediction.options:
        return f"{guess!r} is not one of the choices.{choices}"
    if value is None:
        return f"a guess here is a number, got {guess!r}."
    if key in _revealed and _guesses.get(key, value) != value:
        return f"the answer is out, so your guess stays {_shown(prediction, _guesses[key])}."
    _guesses[key] = value
    return f"your guess is {_shown(prediction, value)}. Run on."


def _reveal(key: str, prediction: Prediction, reveal: Any) -> str:
    truth = _readable(prediction, reveal)
    if truth is None:
        wanted = f"one of {_listed(prediction)}" if prediction.options else "a finite number"
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
        sentence = f"you said {said}; it is {answer}. {_off_by(float(_guesses[key]), float(truth))}"
    return f"{sentence} {prediction.explain}" if prediction.explain else sentence


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


def _listed(prediction: Prediction) -> str:
    return ", ".join(str(option) for option in prediction.options or ())


def _shown(prediction: Prediction, value: Any) -> str:
    if prediction.options:
        return str(value)
    return f"{number(value)} {prediction.unit}" if prediction.unit else number(value)
