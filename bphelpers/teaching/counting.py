"""Numbers that count what is done to them: an operation count by counting, not by estimate.

A :class:`Tally` turns an array into one of the same values whose entries make a mark on the tally for every
multiplication, addition, division and exponential they take part in. NumPy does its arithmetic on such an
array entry by entry, so the functions of a lesson run on it as they stand. Python's ``sum`` and ``np.einsum``
begin with 0, which is one addition more for each result than ``np.sum`` and ``@``.

>>> tally = Tally()
>>> x = tally.watch([1.0, 2.0, 3.0])
>>> w = tally.watch([0.5, 0.0, -1.0])
>>> w @ x
Counted(-2.5)
>>> tally
Tally(multiplications=3, additions=2, divisions=0, exponentials=0)
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Counted", "Tally"]


@dataclass
class Tally:
    """How many operations were done, by kind.

    Subtractions count as additions; a change of sign costs nothing. There is no hidden counter: a number
    marks the tally that watches it, and no other.

    Attributes
    ----------
    multiplications, additions, divisions, exponentials : int

    Notes
    -----
    Lesson: 07_why_it_is_cheap.

    Examples
    --------
    >>> tally = Tally()
    >>> z = tally.watch([[0.0], [0.0]])
    >>> np.array(1 / (1 + np.exp(-z)), dtype=float).tolist()
    [[0.5], [0.5]]
    >>> tally
    Tally(multiplications=0, additions=2, divisions=2, exponentials=2)
    """

    multiplications: int = 0
    additions: int = 0
    divisions: int = 0
    exponentials: int = 0

    def watch(self, values: ArrayLike) -> Any:
        """The same values as numbers that count on this tally.

        Parameters
        ----------
        values : array of real numbers, any shape

        Returns
        -------
        object array, shape of ``values``, or one :class:`Counted` for one number
            A copy. ``np.array(watched, dtype=float)`` makes plain numbers again of it or of what it became.

        Raises
        ------
        ValueError
            Where ``values`` does not hold plain real numbers.

        Notes
        -----
        Lesson: 07_why_it_is_cheap.

        Examples
        --------
        >>> tally = Tally()
        >>> (2 * tally.watch([1.0, 2.0])).sum()
        Counted(6.0)
        >>> tally.multiplications, tally.additions
        (2, 1)
        """
        array = np.asarray(values)
        if array.dtype.kind not in "fiu":
            raise ValueError(f"values must hold real numbers, got dtype {array.dtype}")
        watched = np.empty(array.shape, dtype=object)
        for index in np.ndindex(array.shape):
            watched[index] = Counted(float(array[index]), self)
        return watched[()]  # one number, where the array has no axes


class Counted:
    """A number that marks a tally whenever it is calculated with.

    Parameters
    ----------
    value : float
    tally : Tally

    Raises
    ------
    ValueError
        Where it meets a number that marks another tally.

    Notes
    -----
    It adds, subtracts, multiplies and divides, with numbers of its own kind and with plain ones, changes its
    sign and has an exponential. Any other operator, a comparison or a truth value raises a TypeError instead
    of going uncounted. Only ``float(x)`` takes the value out, and what is done to that is not counted:
    ``math`` functions and storing into an array of floats call it too. Lesson: 07_why_it_is_cheap.

    Examples
    --------
    >>> tally = Tally()
    >>> 1 - Counted(3.0, tally) * 0.5
    Counted(-0.5)
    >>> tally
    Tally(multiplications=1, additions=1, divisions=0, exponentials=0)
    """

    __slots__ = ("tally", "value")

    def __init__(self, value: float, tally: Tally) -> None:
        self.value = value
        self.tally = tally

    def __repr__(self) -> str:
        return f"Counted({self.value!r})"

    def __float__(self) -> float:
        return self.value

    def __bool__(self) -> bool:
        raise TypeError("a counted number has no truth value: take float(x) first")

    def __eq__(self, other: object) -> bool:
        raise TypeError("a counted number is not compared: take float(x) first")

    __ne__ = __eq__
    __hash__ = None  # type: ignore[assignment]  # what cannot be compared cannot be looked up

    def __neg__(self) -> "Counted":
        return Counted(-self.value, self.tally)

    def __mul__(self, other: Any) -> "Counted":
        value = self._beside(other)
        if value is None:
            return NotImplemented
        self.tally.multiplications += 1
        return Counted(self.value * value, self.tally)

    def __add__(self, other: Any) -> "Counted":
        value = self._beside(other)
        if value is None:
            return NotImplemented
        self.tally.additions += 1
        return Counted(self.value + value, self.tally)

    __rmul__ = __mul__
    __radd__ = __add__

    def __sub__(self, other: Any) -> "Counted":
        value = self._beside(other)
        if value is None:
            return NotImplemented
        self.tally.additions += 1
        return Counted(self.value - value, self.tally)

    def __rsub__(self, other: Any) -> "Counted":
        return -self + other

    def __truediv__(self, other: Any) -> "Counted":
        value = self._beside(other)
        if value is None:
            return NotImplemented
        self.tally.divisions += 1
        return Counted(self.value / value, self.tally)

    def __rtruediv__(self, other: Any) -> "Counted":
        value = self._beside(other)
        if value is None:
            return NotImplemented
        self.tally.divisions += 1
        return Counted(value / self.value, self.tally)

    def exp(self) -> "Counted":
        """The exponential; ``np.exp`` of an array of such numbers calls it.

        Lesson: 07_why_it_is_cheap.

        Examples
        --------
        >>> Counted(0.0, Tally()).exp()
        Counted(1.0)
        """
        self.tally.exponentials += 1
        return Counted(float(np.exp(self.value)), self.tally)

    def _beside(self, other: Any) -> float | None:
        """The other operand's value, or None where it is no number: then Python asks the other one."""
        if isinstance(other, Counted):
            if other.tally is not self.tally:
                raise ValueError("both numbers must mark the same tally, got two tallies")
            return other.value
        return float(other) if isinstance(other, int | float | np.integer | np.floating) else None
