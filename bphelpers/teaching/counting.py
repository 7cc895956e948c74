"""Numbers that count what is done to them: an operation count by counting, not by estimate.

NumPy does its arithmetic on an array of such numbers entry by entry, so a lesson's functions run on it as
they stand. Python's ``sum`` and ``np.einsum`` begin with 0: one addition more than ``np.sum`` and ``@``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Counted", "Tally"]


@dataclass
class Tally:
    """How many operations were done, by kind [07].

    Subtractions count as additions; a change of sign costs nothing. A number marks the tally that watches it.

    >>> tally = Tally()
    >>> tally.watch([1.0, 2.0, 3.0]) @ tally.watch([0.5, 0.0, -1.0])
    Counted(-2.5)
    >>> tally
    Tally(multiplications=3, additions=2, divisions=0, exponentials=0)
    """

    multiplications: int = 0
    additions: int = 0
    divisions: int = 0
    exponentials: int = 0

    def watch(self, values: ArrayLike) -> Any:
        """A copy that counts here: an object array of the same shape; of one number, a :class:`Counted`.

        ``np.array(watched, dtype=float)`` makes plain numbers again of it or of what it became.

        >>> tally = Tally()
        >>> z = tally.watch([[0.0], [0.0]])
        >>> np.array(1 / (1 + np.exp(-z)), dtype=float).tolist()
        [[0.5], [0.5]]
        >>> tally
        Tally(multiplications=0, additions=2, divisions=2, exponentials=2)
        """
        array = np.asarray(values)
        if array.dtype.kind not in "fiu":
            raise ValueError(f"values must hold real numbers, got dtype {array.dtype}")
        watched = np.empty(array.shape, dtype=object)
        for index in np.ndindex(array.shape):
            watched[index] = Counted(float(array[index]), self)
        return watched[()]  # one number, where the array has no axes


def _operator(kind: str, calculate: Callable[[float, float], float]) -> Callable[["Counted", Any], "Counted"]:
    """``self`` with what stands beside it; where that is no number, Python asks it in turn."""

    def counting(self: "Counted", other: Any) -> "Counted":
        if isinstance(other, Counted):
            if other.tally is not self.tally:
                raise ValueError("both numbers must mark the same tally, got two tallies")
        elif not isinstance(other, int | float | np.integer | np.floating):
            return NotImplemented
        result = calculate(self.value, float(other))
        setattr(self.tally, kind, getattr(self.tally, kind) + 1)
        return Counted(result, self.tally)

    return counting


class Counted:
    """A number that marks a tally whenever it is calculated with [07].

    It adds, subtracts, multiplies and divides, with its own kind and plain numbers, changes its sign and has
    an exponential. Anything else raises a TypeError instead of going uncounted. Only ``float(x)`` takes the
    value out; ``math`` functions and arrays of floats call it too.

    >>> 1 - Counted(3.0, Tally()) * 0.5
    Counted(-0.5)
    """

    __slots__ = ("tally", "value")

    def __init__(self, value: float, tally: Tally) -> None:
        self.value = value
        self.tally = tally

    __add__ = _operator("additions", lambda x, other: x + other)
    __radd__ = __add__
    __sub__ = _operator("additions", lambda x, other: x - other)
    __rsub__ = _operator("additions", lambda x, other: other - x)
    __mul__ = _operator("multiplications", lambda x, other: x * other)
    __rmul__ = __mul__
    __truediv__ = _operator("divisions", lambda x, other: x / other)
    __rtruediv__ = _operator("divisions", lambda x, other: other / x)

    def __neg__(self) -> "Counted":
        return Counted(-self.value, self.tally)

    def exp(self) -> "Counted":
        """The exponential; ``np.exp`` of an array of such numbers calls it.

        >>> Counted(0.0, Tally()).exp()
        Counted(1.0)
        """
        self.tally.exponentials += 1
        return Counted(float(np.exp(self.value)), self.tally)

    def __repr__(self) -> str:
        return f"Counted({self.value!r})"

    def __float__(self) -> float:
        return self.value

    def __bool__(self) -> bool:
        raise TypeError("a counted number has no truth value: take float(x) first")

    def __eq__(self, other: object) -> bool:  # and so, by Python's rules, neither != nor a hash
        raise TypeError("a counted number is not compared: take float(x) first")
