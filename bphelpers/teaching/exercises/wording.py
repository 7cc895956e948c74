"""Numbers in words: printed to the digits that survive another machine."""

import textwrap
from typing import Any

import numpy as np

SHOWN = 8  # arrays with more entries are described, not printed
WIDTH = 88  # columns; JupyterLab breaks longer lines in the middle of a word
NO_BREAK = "\u00a0"  # a space at which textwrap does not break


def say(text: str) -> None:
    """Print ``text`` in lines of at most 88 columns; a word or a number is never broken."""
    filled = textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)
    print(filled.replace(NO_BREAK, " "))


def in_one_line(text: str) -> str:
    """``text`` such that :func:`say` does not break it."""
    return text.replace(" ", NO_BREAK)


def number(value: Any, scale: float = 0.0, digits: int = 6) -> str:
    """``value`` to ``digits`` significant digits; rounding noise next to ``scale`` is printed as 0.

    >>> number(0.08216704056423078), number(3), number(1e-18, scale=1.0)
    ('0.082167', '3', '0')
    """
    value = np.asarray(value).item()
    if isinstance(value, (bool, int)):
        return str(value)
    if abs(value) < 1e-12 * scale:
        return "0"
    return f"{value:.{digits}g}"


def side_by_side(found: Any, truth: Any) -> str:
    """Got and expected, with as many digits as it takes to tell them apart.

    >>> side_by_side(0.5, 0.25), side_by_side(0.12345678, 0.12345679)
    ('got 0.5, expected 0.25', 'got 0.12345678, expected 0.12345679')
    """
    got, expected = _told_apart(found, truth)
    return f"got {got}, expected {expected}"


def roughly(found: Any, truth: Any) -> str:
    """Got, and how it compares with the truth, too roughly to compute the truth from it.

    >>> roughly(0.5, 0.08), roughly(-0.5, -0.49)  # doctest: +NORMALIZE_WHITESPACE
    ('got 0.5, too large by a factor of two to ten',
     'got -0.5, of the right sign and too large in size by less than a tenth')
    """
    got, _ = _told_apart(found, truth)
    a, b = float(np.asarray(found)), float(np.asarray(truth))
    if np.asarray(truth).dtype.kind == "b":
        return f"got {got}, and that is not it"
    if a == 0:
        return f"got {got}, and {got} is not it"
    if b == 0:
        return f"got {got}, too {'large' if a > 0 else 'small'}"
    side, factor = ("large", a / b) if abs(a) > abs(b) else ("small", b / a)
    if factor < 0:
        size = f" and too {side} in size {_by(-factor)}" if -factor >= 1.1 else ""
        return f"got {got}, of the wrong sign{size}"
    off = f"too {side}" if b > 0 else f"of the right sign and too {side} in size"
    return f"got {got}, {off} {_by(factor)}"


def _by(factor: float) -> str:
    for limit, words in ((1.01, "a hundredth"), (1.1, "a tenth"), (2, "a factor of two")):
        if factor < limit:
            return f"by less than {words}"
    return "by a factor of two to ten" if factor <= 10 else "by a factor of more than ten"


def _told_apart(found: Any, truth: Any) -> tuple[str, str]:
    for digits in (6, 8, 10, 12):
        pair = number(found, digits=digits), number(truth, digits=digits)
        if pair[0] != pair[1]:
            break
    return pair


def described(value: Any) -> str:
    """A number, a text or a small array as it is; of anything larger, what it is.

    >>> described(np.array([[0.5, 1.0]])), described(np.zeros((30, 4)))
    ('[[0.5, 1]]', 'an array of shape (30, 4)')
    """
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, dict):
        return _joined(value.values(), [f"{name} = " for name in value])
    if isinstance(value, tuple):
        return _joined(value, [""] * len(value))
    array = np.asarray(value)
    if array.size > SHOWN:
        return f"an array of shape {array.shape}"
    return _nested(array, float(np.max(np.abs(array), initial=0.0)))


def _joined(values: Any, labels: list[str]) -> str:
    return ", ".join(label + described(value) for label, value in zip(labels, values, strict=True))


def _nested(array: np.ndarray, scale: float) -> str:
    if array.ndim == 0:
        return number(array, scale)
    return "[" + ", ".join(_nested(row, scale) for row in array) + "]"
