"""Where an answer departs from the truth, whatever type the answer turns out to have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bphelpers.teaching.exercises.wording import roughly, side_by_side
from bphelpers.teaching.numbers import number


class Unreadable(Exception):
    """The answer cannot be compared; the message says what to change, in a full sentence."""


@dataclass(frozen=True)
class Difference:
    """The first part of an answer that is off, and by how much."""

    name: str
    found: np.ndarray
    truth: np.ndarray
    wrong: np.ndarray  # True where an entry is off

    def sentence(self, *, expected: bool = True) -> str:
        """Got, expected and where; without ``expected``, roughly how far off it is instead."""
        text = self._text(expected)
        return f"In {self.name}: {text}." if self.name else f"{text[0].upper()}{text[1:]}."

    def _text(self, expected: bool) -> str:
        found, truth, wrong = self.found, self.truth, self.wrong
        if found.shape != truth.shape:
            return f"got {_shape(found)}, expected {_shape(truth)}"
        compared = side_by_side if expected else roughly
        if truth.ndim == 0:
            return self._rounded() or compared(found, truth)
        count = f"{wrong.sum()} of {wrong.size} entries differ"
        if truth.dtype.kind == "b":
            ways = {got: np.sum(wrong & (truth != got)) for got in (True, False)}
            count += ": " + ", ".join(f"{got} in place of {not got} in {n}" for got, n in ways.items() if n)
            first = tuple(np.argwhere(wrong)[0])
            where = f"; the first is {place(first)}: {compared(found[first], truth[first])}"
            return count + (where if expected else "")
        off = np.where(wrong, np.abs(found - truth), -1.0)
        worst = np.unravel_index(int(np.argmax(off)), off.shape)
        return f"{count}; furthest off is {place(worst)}: {compared(found[worst], truth[worst])}"

    def _rounded(self) -> str:
        """What is said of the truth, rounded too much; nothing where ``found`` is something else."""
        for digits in range(2, 9) if self.truth.dtype.kind != "U" else ():
            if float(self.found) == float(f"{float(self.truth):.{digits}g}"):
                given = f"got {number(self.found, digits=9)}. It is right to the {digits} digits"
                return f"{given} that you gave: give more"
        return ""


def first_difference(
    found: Any, truth: Any, tolerance: float, *, returned: bool = False
) -> Difference | None:
    """The first part of ``found`` that departs from ``truth``, or ``None`` where all agree.

    ``returned`` says that a function gave ``found``, rather than the learner. Raises :class:`Unreadable`
    where ``found`` has the wrong type or number of parts, or holds NaN or infinity.

    >>> first_difference([1.0, 2.0], np.array([1.0, 2.5]), 1e-6).sentence()
    '1 of 2 entries differ; furthest off is [1]: got 2, expected 2.5.'
    """
    for (name, value), (_, right) in zip(parts_of(arranged(found, truth)), parts_of(truth), strict=True):
        try:
            value = _readable(value, right, returned)
        except Unreadable as reason:
            raise Unreadable(f"In {name}: {reason}" if name else str(reason)) from None
        wrong = np.isinf(_gaps(value, right, tolerance))
        if wrong.any():
            return Difference(name, value, right, wrong)
    return None


def distance(found: Any, value: Any, tolerance: float) -> float:
    """Largest absolute difference where ``found`` agrees with ``value``, NaN included; else infinity.

    >>> distance((1.0, 2.0), (1.0, 2.0), 1e-6), distance([1.0], "one", 1e-6)
    (0.0, inf)
    """
    try:
        pairs = zip(parts_of(arranged(found, value)), parts_of(value), strict=True)
    except Unreadable:
        return np.inf
    return max(float(np.max(_gaps(a, b, tolerance), initial=0.0)) for (_, a), (_, b) in pairs)


def _gaps(found: np.ndarray, right: np.ndarray, tolerance: float) -> np.ndarray:
    """How far off each entry is; infinite where that is more than the tolerance."""
    if found.size == right.size == 1:
        found = found.reshape(right.shape)
    if found.shape != right.shape:
        return np.array(np.inf)
    if right.dtype.kind == "U" or found.dtype.kind not in "biuf":
        texts = (str(text).strip().casefold() for text in (found, right))
        return np.array(0.0 if len(set(texts)) == 1 else np.inf)
    found, right = found.astype(float), right.astype(float)
    scale = np.max(np.abs(right), where=np.isfinite(right), initial=0.0) or 1.0
    alike = (found == right) | (np.isnan(found) & np.isnan(right))
    with np.errstate(invalid="ignore"):
        gaps = np.where(alike, 0.0, np.abs(found - right))
        near = gaps <= tolerance * np.maximum(np.abs(right), 1e-2 * scale)
    return np.where(alike | near, gaps, np.inf)


def parts_of(value: Any) -> list[tuple[str, np.ndarray]]:
    """A tuple or dict as named arrays; anything else as one array without a name."""
    if hasattr(value, "_asdict"):  # a NamedTuple
        value = value._asdict()
    if isinstance(value, dict):
        return [(str(name), _array(part)) for name, part in value.items()]
    if isinstance(value, tuple):
        return [(f"part {i} of {len(value)}", _array(part)) for i, part in enumerate(value, start=1)]
    return [("", _array(value))]


def arranged(found: Any, truth: Any) -> Any:
    """``found`` with as many parts as ``truth``, or of a dict those that it names."""
    if found is None:
        raise Unreadable("The answer is None. A function that ends without return gives None.")
    if isinstance(truth, tuple):
        several = isinstance(found, (tuple, list))
        if not several or len(found) != len(truth):
            got = len(found) if several else _kind(found)
            raise Unreadable(f"Expected {len(truth)} results, separated by commas, got {got}.")
        return truth._make(found) if hasattr(truth, "_make") else tuple(found)
    if isinstance(truth, dict):
        if not isinstance(found, dict):
            raise Unreadable(f"Expected a dictionary, got {_kind(found)}.")
        if missing := [str(name) for name in truth if name not in found]:
            raise Unreadable(
                f"Your dictionary has no {', '.join(missing)}. If a loop fills it, `return` stands after the"
                " loop."
            )
        return {name: found[name] for name in truth}
    if isinstance(found, dict):
        raise Unreadable(f"Expected {_wanted(np.asarray(truth))}, got {_kind(found)}.")
    if isinstance(found, tuple) and len(found) == 1 and np.ndim(truth) == 0:
        raise Unreadable("Got a tuple with one entry: is there a comma at the end of a line?")
    return list(found) if isinstance(found, tuple) else found


def place(index: Sequence[Any]) -> str:
    """An index as it is typed, such as ``[0, 2]``."""
    return str([int(i) for i in index])


def _array(value: Any) -> np.ndarray:
    try:
        return np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise Unreadable("The rows have different lengths, so this is not an array.") from error


def _readable(value: np.ndarray, right: np.ndarray, returned: bool) -> np.ndarray:
    """``value`` in the kind and shape of ``right`` where that loses nothing."""
    if right.dtype.kind == "U":
        if value.dtype.kind != "U" or value.ndim:
            raise Unreadable(f"A text in quotation marks is asked for, got {_kind(value[()])}.")
        return np.asarray(str(value).strip())
    if value.dtype.kind == "U" and returned:
        raise Unreadable("Your function returns text, and a number is asked for.")
    if value.dtype.kind == "U":
        raise Unreadable("This is text: leave the quotation marks out.")
    wanted = _wanted(right)
    if (value.dtype.kind == "b") != (right.dtype.kind == "b"):
        raise Unreadable(f"{wanted[0].upper()}{wanted[1:]} is asked for, got {_kind(value[()])}.")
    if value.dtype.kind not in "biuf":
        raise Unreadable(f"Expected {wanted}, got {_kind(value[()])}.")
    if not np.isfinite(value).all():
        bad = tuple(np.argwhere(~np.isfinite(value))[0])
        entry = f" at {place(bad)}" if bad else ""
        cause = "root or logarithm of a negative number" if np.isnan(value[bad]) else "logarithm of 0"
        raise Unreadable(f"There is {number(value[bad])}{entry}. Is it a division by 0, or the {cause}?")
    return value.reshape(right.shape) if value.size == right.size == 1 else value


def _wanted(right: np.ndarray) -> str:
    if right.dtype.kind == "b":
        return "an array of True and False" if right.ndim else "True or False"
    return "an array of numbers" if right.ndim else "a number"


def _shape(array: np.ndarray) -> str:
    if array.ndim:
        return f"an array of shape {array.shape}"
    return "one truth value" if array.dtype.kind == "b" else "one number"


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        known = value.dtype.kind in "biuf"
        return f"{_wanted(np.atleast_1d(value))}, of shape {value.shape}" if known else "an array of objects"
    if value is None or isinstance(value, (bool, np.bool_)):
        return str(value)
    if isinstance(value, (float, np.floating, np.integer)) or (isinstance(value, int) and abs(value) < 2**63):
        return f"the number {number(value)}"
    return f"a value of type {type(value).__name__}"
