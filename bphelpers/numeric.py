"""Slopes measured instead of derived: finite differences, the complex step, and what to do at a kink."""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating]
Index = tuple[int, ...]

EPS = float(np.finfo(np.float64).eps)
# A centred difference errs by h^2 (the bend of f) and by eps/h (round-off of f): least near h = eps^(1/3).
STEP = EPS ** (1 / 3)
# A one-sided difference errs by h and by eps/h: least near h = eps^(1/2).
STEP_FORWARD = EPS**0.5
# A complex step subtracts nothing, so no step is too small; with this one h^2 is far below eps.
STEP_COMPLEX = 1e-20
# How many units of round-off a loss may carry: sums of many terms lose a few bits.
ROUND_OFF = 20 * EPS


def as_float64(name: str, value: ArrayLike) -> Array:
    """A float64 copy of ``value``, so that nothing here writes into what the caller holds."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must hold real numbers, got dtype {array.dtype}")
    return np.array(array, dtype=np.float64)


def one_number(value: Any, where: str) -> float:
    """``value`` as a finite float, or a ValueError that says what came back instead."""
    array = np.asarray(value)
    if array.shape != () or array.dtype.kind not in "fiu":
        got = f"an array of shape {array.shape}" if array.shape else repr(value)
        raise ValueError(f"{where} must return one real number, got {got}")
    if array.dtype.kind == "f" and array.dtype.itemsize < 8:
        raise ValueError(
            f"{where} returns {array.dtype}, too coarse to measure slopes: compute it in float64"
        )
    if not np.isfinite(array):
        raise ValueError(f"{where} must return a finite number, got {array}")
    return float(array)


def numerical_gradient(
    f: Callable[[Array], Any], x: ArrayLike, h: float | None = None, method: str = "centred"
) -> Array:
    r"""Gradient of a scalar function, measured entry by entry.

    Parameters
    ----------
    f : callable
        Takes a float64 array of the shape of ``x``, returns one number. With ``method="complex"`` it takes a
        complex128 array and returns one complex number.
    x : array, any shape
        Where to measure. Integers and float32 are promoted to float64; ``x`` itself is never written to.
    h : float, optional
        Step, in the unit of ``x``. The default is where the error of the formula and round-off are about
        equal: ``eps**(1/3)``, about 6e-6, for ``"centred"`` and ``eps**(1/2)``, about 1.5e-8, for
        ``"forward"``, each times ``max(1, abs(x))`` of the entry. For ``"complex"`` it is 1e-20.
    method : ``"centred"``, ``"forward"`` or ``"complex"``
        :math:`(f(x + h) - f(x - h)) / 2h`, which errs by about h^2 and eps/h;
        :math:`(f(x + h) - f(x)) / h`, which errs by about h and eps/h and needs half the calls;
        :math:`\operatorname{Im} f(x + ih) / h`, which errs by h^2 and subtracts nothing, so that almost every
        digit is right. It needs an ``f`` made of analytic operations: ``abs``, ``conj``, ``max`` at its
        kink and comparisons with the imaginary part spoil it.

    Returns
    -------
    float64 array, shape of ``x``

    Raises
    ------
    ValueError
        Where ``x`` or what ``f`` returns is not a finite number, the step is not positive or too small to
        change ``x``, or ``method`` is unknown. With ``"complex"``: where ``f`` returns a real number or drops
        an imaginary part; and, for ``h`` up to 1e-6, where its slope along one direction is not the one
        found, since then it is not analytic. (With a larger ``h`` nothing is compared, and a spoilt entry
        smaller than a millionth of the largest goes unnoticed.)

    Notes
    -----
    Calls ``f`` twice for each entry (``"forward"``: once, and once more; ``"complex"``: once, and four times
    more for the comparison): a check for small networks, not a way to train.
    Sources: W. Press and others, Numerical Recipes, 3rd edition, section 5.7; W. Squire and G. Trapp, Using
    Complex Variables to Estimate Derivatives of Real Functions, SIAM Review 40, 1998. Lesson: 04_chain_rule.

    Examples
    --------
    >>> numerical_gradient(lambda x: (x**2).sum(), [1, 2, 3]).round(6)
    array([2., 4., 6.])
    >>> numerical_gradient(lambda x: (x**2).sum(), [1, 2, 3], method="complex")
    array([2., 4., 6.])
    """
    if method not in ("centred", "forward", "complex"):
        raise ValueError(f"method must be 'centred', 'forward' or 'complex', got {method!r}")
    point = as_float64("x", x)
    if not np.isfinite(point).all():
        raise ValueError("x must hold finite numbers")
    if method == "complex":
        return _complex_step(f, point, STEP_COMPLEX if h is None else float(h))
    gradient = np.empty_like(point)
    middle = None
    steps = steps_at(point, h, STEP if method == "centred" else STEP_FORWARD).ravel().tolist()
    for index, step in zip(np.ndindex(point.shape), steps, strict=True):
        if method == "centred":
            rise = value_at(f, point, index, step) - value_at(f, point, index, -step)
            gradient[index] = rise / (2 * step)
        else:
            middle = value_at(f, point, index, 0.0) if middle is None else middle
            gradient[index] = (value_at(f, point, index, step) - middle) / step
    return gradient


def _complex_step(f: Callable[[Any], Any], point: Array, h: float) -> Array:
    """Im f(x + ih) / h for each entry, since f(x + ih) = f(x) + ih f'(x) - h^2 f''(x) / 2 - ..."""
    if not 1e-150 <= h < np.inf:  # below, h f'(x) would lose digits on its way to zero
        raise ValueError(f"h must be positive, at least 1e-150 for the complex step, got {h:g}")
    gradient = np.empty_like(point)
    for index in np.ndindex(point.shape):
        moved = point.astype(np.complex128)
        moved[index] += 1j * h
        gradient[index] = _one_complex(f, moved, f"f, with {_entry(index)} moved by {h:.1g}i,").imag / h
    if point.size and h <= 1e-6:  # with larger steps the error of the formula, h^2, could be mistaken for it
        _refuse_if_not_analytic(f, point, gradient)
    return gradient


def _one_complex(f: Callable[[Any], Any], moved: Any, where: str) -> complex:
    """``f(moved)`` as a finite complex number, or a ValueError that says what came back instead."""
    lost = f"{where} must return one complex number, got %s: abs, max, float and np.real lose it"
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        try:
            value = np.asarray(f(moved))
        except np.exceptions.ComplexWarning as warning:
            raise ValueError(lost % "an imaginary part dropped on the way") from warning
    if value.shape == () and value.dtype.kind in "fiub":
        raise ValueError(lost % f"the real number {value:.6g}")
    if value.shape != () or value.dtype != np.complex128:
        got = f"an array of shape {value.shape}" if value.shape else f"{value} of dtype {value.dtype}"
        raise ValueError(f"{where} must return one complex number, got {got}")
    if not np.isfinite(value):
        raise ValueError(f"{where} must return a finite number, got {value}")
    return complex(value)


def _refuse_if_not_analytic(f: Callable[[Any], Any], point: Array, gradient: Array) -> None:
    """Compare the slope along one direction with centred differences, where those can be trusted.

    Two centred differences that agree with each other and not with the gradient found are proof that the
    imaginary part was spoilt on the way, as by ``conj`` or ``abs``, or that a kink lies here. Where the two
    differ, as on a function too wild or too noisy for such steps, there is no proof and no complaint.
    """
    direction = np.cos(np.arange(1.0, point.size + 1)).reshape(point.shape)  # no entry is zero
    direction *= np.maximum(1.0, np.abs(point))
    slopes, noise = [], 0.0
    for t in (1e-4, 1e-5):
        with np.errstate(all="ignore"):
            ends = [np.asarray(f((point + s * t * direction).astype(np.complex128))).real for s in (1, -1)]
        slopes.append(float(ends[0] - ends[1]) / (2 * t))
        noise = ROUND_OFF * float(np.abs(ends).max()) / t
    found = float(np.sum(gradient * direction))
    apart = abs(slopes[0] - slopes[1])
    doubt = 10 * (apart + noise) + 1e-6 * float(np.abs(gradient * direction).max())
    # Both comparisons are false where a step has left the domain of f: NaN.
    if apart <= 0.01 * abs(slopes[1]) and abs(found - slopes[1]) > doubt:
        raise ValueError(
            f"f is not analytic at x, or has a kink there: along one direction the complex step gives the "
            f"slope {found:.6g}, a centred difference {slopes[1]:.6g}; abs, max, conj and comparisons do that"
        )


def relative_error(a: ArrayLike, b: ArrayLike, floor: float = 1e-8) -> Array:
    r"""Difference in units of the larger number, :math:`|a - b| / \max(|a|, |b|, floor)`, entry by entry.

    0 for equal numbers, 1/2 for twice as large, 1 where one is 0, 2 for the wrong sign.

    Parameters
    ----------
    a, b : array, same shape
    floor : float
        Numbers smaller than this count as this large: two tiny numbers that differ by round-off alone would
        otherwise have a relative error of 1.

    Returns
    -------
    float64 array, shape of ``a``
        Infinity where ``a`` or ``b`` is not finite.

    Raises
    ------
    ValueError
        Where the shapes differ (nothing is broadcast), or ``floor`` is not positive.

    Notes
    -----
    Lesson: 09_gradient_checking.

    Examples
    --------
    >>> relative_error([1.0, 1.0, 0.0], [1.0, 2.0, 1e-12])
    array([0.e+00, 5.e-01, 1.e-04])
    """
    a, b = as_float64("a", a), as_float64("b", b)
    if a.shape != b.shape:
        raise ValueError(f"a and b must have the same shape, got {a.shape} and {b.shape}")
    if not floor > 0:
        raise ValueError(f"floor must be positive, got {floor}")
    return error_above(a, b, np.full(a.shape, float(floor)))


def error_above(a: Array, b: Array, floor: Array) -> Array:
    """Relative error with a floor for each entry; infinity where a number is not finite."""
    finite = np.isfinite(a) & np.isfinite(b)
    error = np.full(a.shape, np.inf)
    size = np.maximum(np.maximum(np.abs(a), np.abs(b)), floor)
    np.divide(np.abs(np.subtract(a, b, where=finite, out=np.zeros(a.shape))), size, out=error, where=finite)
    return error


def value_at(f: Callable[[Array], Any], point: Array, index: Index, step: float) -> float:
    """``f`` with one entry moved by ``step``; ``f`` gets its own copy each time."""
    moved = point.copy()
    moved[index] += step
    value = f(moved)
    if type(value) is float and math.isfinite(value):  # else there is something to say
        return value
    return one_number(value, f"f, with {_entry(index)} moved by {step:.1g},")


def _entry(index: Index) -> str:
    return f"entry {list(index)}" if index else "x"


def steps_at(x: Array, h: float | None = None, default: float = STEP) -> Array:
    """The steps really taken from ``x``: the sum ``x + h`` is rounded, so take back what it became."""
    wanted = default * np.maximum(1.0, np.abs(x)) if h is None else np.full_like(x, h)
    with np.errstate(over="ignore", invalid="ignore"):
        steps = (x + wanted) - x
    bad = ~((steps > 0) & (steps < np.inf))
    if bad.any():
        raise ValueError(
            f"h must be positive and large enough to change x = {x[bad][0]:g}, got {wanted[bad][0]:g}"
        )
    return np.asarray(steps)


@dataclass(frozen=True)
class Kink:
    """A place where the loss has a corner: the slope on the left differs from the slope on the right.

    There is no derivative there; any number from one slope to the other is a subgradient and counts as right.

    Attributes
    ----------
    index : tuple of int
        Entry of the array.
    left, right : float
        Slopes on the two sides.
    """

    index: Index
    left: float
    right: float

    def nearest(self, slope: float) -> float:
        """``slope`` if it lies between the two sides (round-off aside), else the side nearer to it."""
        low, high = min(self.left, self.right), max(self.left, self.right)
        return float(np.clip(slope, low, high))


@dataclass(frozen=True)
class Slope:
    """A slope measured with care: its value, the round-off in it, and the kink if the point sits on one."""

    value: float
    noise: float
    kink: Kink | None = None


def careful_slope(f: Callable[[Array], Any], point: Array, index: Index) -> Slope:
    """Slope at one entry, with steps that shrink until no kink and no strong bend lies within them.

    The slopes of the two sides, each from three points, agree to h^2 where ``f`` is smooth (a parabola gives
    no alarm) and differ by the whole jump of slope where a kink lies within two steps. If they still differ
    at a thousandth of the usual step, about 1e-8, the point counts as sitting on the kink. Centred
    differences with h and 2h differ by the error of the formula, which the two then cancel.
    """
    x = point[index]
    usual = float(steps_at(x))
    middle = value_at(f, point, index, 0.0)
    sides: list[tuple[float, float]] = []
    noise = 0.0
    for shrink in (1.0, 1e-1, 1e-2, 1e-3):
        h = float(steps_at(x, shrink * usual))
        down2, down, up, up2 = (value_at(f, point, index, k * h) for k in (-2, -1, 1, 2))
        left = (3 * middle - 4 * down + down2) / (2 * h)
        right = (-3 * middle + 4 * up - up2) / (2 * h)
        near, far = (up - down) / (2 * h), (up2 - down2) / (4 * h)
        noise = ROUND_OFF * max(abs(middle), abs(up2), abs(down2)) / h
        if max(abs(right - left), abs(far - near)) <= 1e-5 * max(abs(left), abs(right)) + noise:
            return Slope((4 * near - far) / 3, noise)
        sides.append((left, right))
    # The largest step carries the least round-off, and sitting on the kink, each side is smooth by itself.
    return Slope(near, noise, Kink(index, *sides[0]))
