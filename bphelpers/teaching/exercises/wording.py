"""Numbers in words: printed to the digits that survive another machine."""

from typing import Any

import numpy as np

from bphelpers.teaching.numbers import number
from bphelpers.teaching.wrapping import wrapped

SHOWN = 8  # arrays with more entries are described, not printed
NO_BREAK = "\u00a0"  # a space at which textwrap does not break


def say(text: str) -> None:
    """Print ``text`` in lines of at most 88 columns; a word or a number is never broken."""
    print("\n".join(wrapped(text)).replace(NO_BREAK, " "))


def in_one_line(text: str) -> str:
    """``text`` such that :func:`say` does not break it."""
    return text.replace(" ", NO_BREAK)


def side_by_side(found: Any, truth: Any) -> str:
    """Got and expected, with as many digits as it takes to tell them apart.

    >>> side_by_side(0.5, 0.25), side_by_side(0.12345678, 0.12345679)
    ('got 0.5, expected 0.25', 'got 0.12345678, expected 0.12345679')
    """
    return "got {}, expected {}".format(*_told_apart(found, truth))


def roughly(found: Any, truth: Any) -> str:
    """Got, and how it compares with the truth, too roughly to compute the truth from it.

    >>> roughly(0.5, 0.08), roughly(-0.5, -0.49)  # doctest: +NORMALIZE_WHITESPACE
    ('got 0.5, too large by a factor of two to ten',
     'got -0.5, of the right sign and too large in size by less than a tenth')
    """
    got, a, b = _told_apart(found, truth)[0], np.asarray(found).item(), np.asarray(truth).item()
    if isinstance(b, (bool, str)):
        return f"got {got}, and that is not it"
    if a == 0:
        return f"got {got}, and {got} is not it"
    return f"got {got}, {_judged(a, b) if b else 'too large' if a > 0 else 'too small'}"


def _judged(a: float, b: float) -> str:
    side, factor = ("large", a / b) if abs(a) > abs(b) else ("small", b / a)
    limits = ((1.01, "less than 1 %"), (1.1, "less than a tenth"), (2, "less than a factor of two"))
    far = "a factor of two to ten" if abs(factor) <= 10 else "a factor of more than ten"
    by = next((words for limit, words in limits if abs(factor) < limit), far)
    if factor < 0:
        return "of the wrong sign" + (f" and too {side} in size by {by}" if factor <= -1.1 else "")
    return f"too {side} by {by}" if b > 0 else f"of the right sign and too {side} in size by {by}"


def _told_apart(found: Any, truth: Any) -> tuple[str, str]:
    if np.asarray(truth).dtype.kind == "U":
        return repr(str(found)), repr(str(truth))
    for digits in (6, 8, 10, 12):
        pair = number(found, digits), number(truth, digits)
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
    if isinstance(value, tuple):
        return ", ".join(map(described, value))
    array = np.asarray(value)
    if array.size > SHOWN:
        return f"an array of shape {array.shape}"
    return _nested(array, 1e-12 * float(np.max(np.abs(array), initial=0.0)))


def _nested(array: np.ndarray, noise: float) -> str:
    if array.ndim == 0:
        return number(array, zero_below=noise)
    return "[" + ", ".join(_nested(row, noise) for row in array) + "]"
