"""Comparing an answer with the truth, whatever type the answer turns out to have."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bphelpers.teaching.exercises.wording import number, roughly, side_by_side


class Unreadable(Exception):
    """The answer cannot be compared; the message says what to change, in a full sentence."""


@dataclass(frozen=True)
class Difference:
    """The first part of an answer that is off, and by how much."""

    name: str
    found: np.ndarray
    truth: np.ndarray
    wrong: np.ndarray  # True where an entry is off; empty where the shapes differ

    def prefix(self) -> str:
        """Which part is meant, such as ``In dW:``, or nothing where the answer has one part only."""
        return f"In {self.name}: " if self.name else ""

    def sentence(self, *, expected: bool = True) -> str:
        """Got, expected and where; without ``expected``, roughly how far off it is instead."""
        if self.found.shape != self.truth.shape:
            got = f"Got {_shape(self.found)}, expected {_shape(self.truth)}."
            return f"{self.prefix()}{'g' + got[1:] if self.name else got}"
        if self.truth.dtype.kind == "U":
            right = f", expected {self.truth.item()!r}" if expected else ", and that is not it"
            return f"{self.prefix()}Got {self.found.item()!r}{right}."
        compared = side_by_side if expected else roughly
        if self.truth.ndim == 0:
            digits = self._rounded()
            pair = compared(self.found, self.truth)
            if digits:
                pair = f"got {number(self.found, digits=9)}. It is right to the {digits} digits that you gave"
                pair += ": give more"
            return f"{self.prefix()}{pair if self.name else 'G' + pair[1:]}."
        if self.truth.dtype.kind == "b":
            return f"{self.prefix()}{self._truth_values(expected)}."
        off = np.where(self.wrong, np.abs(np.nan_to_num(self.found) - self.truth), -1.0)
        worst = np.unravel_index(int(np.argmax(off)), off.shape)
        where = ", ".join(str(int(i)) for i in worst)
        return (
            f"{self.prefix()}{int(self.wrong.sum())} of {self.wrong.size} entries differ; "
            f"furthest off is [{where}]: {compared(self.found[worst], self.truth[worst])}."
        )

    def _truth_values(self, expected: bool) -> str:
        """How many entries are off, and which way; with ``expected``, also where the first one is."""
        first = np.argwhere(self.wrong)[0]
        ways = {
            f"{got} in place of {not got}": int(np.sum(self.wrong & (self.truth != got)))
            for got in (True, False)
        }
        counts = ", ".join(f"{way} in {count}" for way, count in ways.items() if count)
        sentence = f"{self.wrong.sum()} of {self.wrong.size} entries differ: {counts}"
        if expected:
            where = ", ".join(str(int(i)) for i in first)
            pair = side_by_side(self.found[tuple(first)], self.truth[tuple(first)])
            sentence += f"; the first is [{where}]: {pair}"
        return sentence

    def _rounded(self) -> int:
        """Significant digits to which the answer is the truth, rounded; 0 where it is not."""
        found, truth = float(self.found), float(self.truth)
        for digits in range(2, 9):
            if found == float(f"{truth:.{digits}g}"):
                return digits
        return 0


def first_difference(
    found: Any, truth: Any, tolerance: float, *, returned: bool = False
) -> Difference | None:
    """The first part of ``found`` that departs from ``truth``, or ``None`` where all agree.

    ``returned`` says that a function gave ``found``, rather than the learner.

    Raises
    ------
    Unreadable
        Where ``found`` has the wrong type or number of parts, or holds NaN or infinity.

    Examples
    --------
    >>> first_difference([1.0, 2.0], np.array([1.0, 2.5]), 1e-6).sentence()
    '1 of 2 entries differ; furthest off is [1]: got 2, expected 2.5.'
    """
    found = arranged(found, truth)
    for (name, right), (_, value) in zip(parts_of(truth), parts_of(found), strict=True):
        value = _readable(value, right, name, returned)
        if value.shape != right.shape:
            return Difference(name, value, right, np.zeros(0, dtype=bool))
        wrong = _wrong(value, right, tolerance)
        if wrong.any():
            return Difference(name, value, right, wrong)
    return None


def distance(found: Any, value: Any, tolerance: float) -> float:
    """Largest absolute difference where ``found`` agrees with ``value``, NaN included; else infinity.

    >>> distance((1.0, 2.0), (1.0, 2.0), 1e-6), distance([1.0], "one", 1e-6)
    (0.0, inf)
    """
    try:
        ours, theirs = parts_of(arranged(found, value)), parts_of(value)
    except Unreadable:
        return np.inf
    return max(_apart(a, b, tolerance) for (_, a), (_, b) in zip(ours, theirs, strict=True))


def _apart(found: np.ndarray, value: np.ndarray, tolerance: float) -> float:
    if found.size == value.size == 1:
        found = found.reshape(value.shape)
    if found.shape != value.shape:
        return np.inf
    if "U" in (found.dtype.kind, value.dtype.kind) or found.dtype.kind not in "biuf":
        return 0.0 if str(found).strip().casefold() == str(value).casefold() else np.inf
    both_nan = np.isnan(found) & np.isnan(value)
    found, value = np.where(both_nan, 0.0, found), np.where(both_nan, 0.0, value)
    same_infinity = np.isinf(found) & (found == value)
    found, value = np.where(same_infinity, 0.0, found), np.where(same_infinity, 0.0, value)
    if _wrong(found, value, tolerance).any():
        return np.inf
    return float(np.max(np.abs(found - value), initial=0.0))


def parts_of(value: Any) -> list[tuple[str, np.ndarray]]:
    """A tuple or dict as named arrays; anything else as one array without a name."""
    if isinstance(value, dict):
        return [(str(name), _array(part)) for name, part in value.items()]
    if isinstance(value, tuple):
        return [(f"part {i} of {len(value)}", _array(part)) for i, part in enumerate(value, start=1)]
    return [("", _array(value))]


def arranged(found: Any, truth: Any) -> Any:
    """``found`` with the parts of ``truth``, in its order."""
    if found is None:
        raise Unreadable("The answer is None. A function that ends without return gives None.")
    if isinstance(truth, dict):
        if not isinstance(found, dict) or set(found) != set(truth):
            got = f"the names {', '.join(map(str, found))}" if isinstance(found, dict) else _kind(found)
            raise Unreadable(f"Expected a dict with the names {', '.join(map(str, truth))}, got {got}.")
        return {name: found[name] for name in truth}
    if isinstance(truth, tuple):
        if not isinstance(found, (tuple, list)) or len(found) != len(truth):
            got = f"{len(found)}" if isinstance(found, (tuple, list)) else _kind(found)
            raise Unreadable(f"Expected {len(truth)} results, separated by commas, got {got}.")
        return tuple(found)
    if isinstance(found, dict):
        raise Unreadable(f"Expected {_wanted(np.asarray(truth))}, got {_kind(found)}.")
    if isinstance(found, tuple) and len(found) == 1 and np.ndim(truth) == 0:
        raise Unreadable("Got a tuple with one entry: is there a comma at the end of a line?")
    return list(found) if isinstance(found, tuple) else found


def _array(value: Any) -> np.ndarray:
    try:
        return np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise Unreadable("The rows have different lengths, so this is not an array.") from error


def _readable(value: np.ndarray, right: np.ndarray, name: str, returned: bool) -> np.ndarray:
    """``value`` in the kind and shape of ``right`` where that loses nothing."""
    in_part = f"In {name}: " if name else ""
    if right.dtype.kind == "U":
        if value.dtype.kind != "U" or value.ndim:
            raise Unreadable(f"{in_part}A text in quotation marks is asked for, got {_kind(value[()])}.")
        return np.asarray(str(value).strip())
    if value.dtype.kind == "U":
        raise Unreadable(
            f"{in_part}Your function returns text, and a number is asked for."
            if returned
            else f"{in_part}This is text: leave the quotation marks out."
        )
    if (value.dtype.kind == "b") != (right.dtype.kind == "b"):
        wanted = _wanted(right)
        raise Unreadable(f"{in_part}{wanted[0].upper()}{wanted[1:]} is asked for, got {_kind(value[()])}.")
    if value.dtype.kind not in "biuf":
        raise Unreadable(f"{in_part}Expected {_wanted(right)}, got {_kind(value[()])}.")
    if not np.isfinite(value).all():
        bad = np.argwhere(~np.isfinite(value))[0]
        entry = f" at [{', '.join(str(int(i)) for i in bad)}]" if value.ndim else ""
        raise Unreadable(
            f"{in_part}There is {number(value[tuple(bad)])}{entry}. Is something divided by zero?"
        )
    return value.reshape(right.shape) if value.size == right.size == 1 else value


def _wrong(value: np.ndarray, right: np.ndarray, tolerance: float) -> np.ndarray:
    if right.dtype.kind == "U":
        return np.asarray(str(value).casefold() != str(right).casefold())
    if right.dtype.kind == "b":
        return np.asarray(value != right)
    scale = np.max(np.abs(right), initial=0.0) or 1.0
    return ~(
        np.abs(value - right) <= tolerance * np.maximum(np.abs(right), 1e-2 * scale)
    )  # ~ so that NaN is wrong


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
        if value.dtype.kind not in "biuf":
            return "an array of objects"
        entries = "True and False" if value.dtype.kind == "b" else "numbers"
        return f"an array of {entries}, of shape {value.shape}"
    if value is None or isinstance(value, (bool, np.bool_)):
        return str(value)
    if isinstance(value, (float, np.floating, np.integer)) or (isinstance(value, int) and abs(value) < 2**63):
        return f"the number {number(value)}"
    return f"a value of type {type(value).__name__}"
