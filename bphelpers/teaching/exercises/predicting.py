"""``predict``: commit to a guess, then see the answer."""

import re
from typing import Any

from bphelpers.teaching.exercises.records import Prediction, find
from bphelpers.teaching.exercises.wording import in_one_line, say

_guesses: dict[str, Any] = {}
_revealed: set[str] = set()


def predict(key: str, guess: Any = ..., *, reveal: bool = False) -> None:
    """Record a guess, one of the options; with ``reveal=True``, show the answer next to it. [00]

    ``...`` stands for "not yet"; a second guess before the reveal replaces the first. Without a guess the
    answer is stated, and nothing else. ``ValueError`` where no prediction has this key, and never because
    of the guess.
    """
    prediction = find("prediction", key)
    if guess is not ... or not reveal:
        say(f"{key}: {_record(key, prediction, guess)}")
    if reveal:
        say(f"{key}: {_reveal(key, prediction)}")


def _record(key: str, prediction: Prediction, guess: Any) -> str:
    choices = f"Choose from: {', '.join(in_one_line(_typed(option)) for option in prediction.options)}."
    if guess is ...:
        return f"{prediction.question} {choices} Put your guess in place of the ... and run this cell."
    option = _meant(prediction, guess)
    if option is None:
        return f"{guess!r} is not one of the choices. {choices}"
    if key in _revealed and _guesses.get(key, option) != option:
        return f"the answer is out, so your guess stays {_typed(_guesses[key])}."
    _guesses[key] = option
    return f"your guess is {_typed(option)}. Run on."


def _reveal(key: str, prediction: Prediction) -> str:
    _revealed.add(key)
    answer = _typed(prediction.answer)
    sentence = f"the answer is {answer}."
    if key in _guesses:
        guess = _guesses[key]
        verdict = ", and that is right" if guess == prediction.answer else f"; it is {answer}"
        sentence = f"you said {_typed(guess)}{verdict}."
    return f"{sentence} {prediction.explain}" if prediction.explain else sentence


def _meant(prediction: Prediction, value: Any) -> Any:
    return next((option for option in prediction.options if _folded(option) == _folded(value)), None)


def _folded(value: Any) -> str:
    return value.strip().casefold() if isinstance(value, str) else str(value)


def _typed(option: Any) -> str:
    """As one types it: words in quotation marks, what reads as a number without."""
    words = isinstance(option, str) and not re.fullmatch(r"[-+.\d]+", option)
    return f'"{option}"' if words else str(option)
