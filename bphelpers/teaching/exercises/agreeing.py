"""``agree``: the visible check that what was derived by hand is what a judge finds."""

from typing import Any

import numpy as np

from bphelpers.teaching.exercises.differences import parts_of, place
from bphelpers.teaching.exercises.wording import say, side_by_side


def agree(by_hand: Any, judge: Any, *, digits: int = 6) -> None:
    """Say that two results agree to ``digits`` digits, or stop the lesson with an AssertionError.

    Each is a number, an array, or a tuple or dict of these. A number smaller than a hundredth of the largest
    in its array, or a thousandth of the largest of all, is compared as if it were that large: a finite
    difference has noise. The digits that are printed are those asked for, which are the same on every
    machine.

    >>> agree({"W": [[0.5, 0.25]], "b": 1.0}, {"W": [[0.5, 0.25 + 1e-9]], "b": 1.0})
    All 3 numbers in W, b agree to at least 6 digits.
    """
    ours, theirs = dict(parts_of(by_hand)), dict(parts_of(judge))
    if set(ours) != set(theirs):
        got, expected = (", ".join(names) or "one array" for names in (ours, theirs))
        raise AssertionError(f"the names differ: got {got}, expected {expected}")
    if not theirs:
        raise AssertionError("there is nothing to compare")
    largest = max(map(_largest, theirs.values()))
    for name, right in theirs.items():
        value, where = ours[name], f" in {name}" if name else ""
        if value.shape != right.shape or not right.size:
            raise AssertionError(f"the shapes differ{where}: got {value.shape}, expected {right.shape}")
        floor = max(1e-2 * _largest(right), 1e-3 * largest) or 1.0
        with np.errstate(invalid="ignore"):  # infinity minus infinity is NaN, and NaN is never close
            off = ~(np.abs(value - right) <= 10.0**-digits * np.maximum(np.abs(right), floor))
        if off.any():
            first = tuple(np.argwhere(off)[0])
            at = f"; the first is {place(first)}" if first else ""
            pair = side_by_side(value[first], right[first])
            which = f"{off.sum()} of {off.size}" if off.size > 1 else "the"
            raise AssertionError(f"{which} numbers differ{where}{at}: {pair}")
    count, names = sum(part.size for part in theirs.values()), ", ".join(filter(None, theirs))
    subject = {1: "The two", 2: "Both"}.get(count, f"All {count:,}") + " numbers"
    say(f"{subject}{' in ' + names if names else ''} agree to at least {digits} digits.")


def _largest(array: np.ndarray) -> float:
    return float(np.max(np.abs(array), where=np.isfinite(array), initial=0.0))
