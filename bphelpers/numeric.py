"""Slopes measured instead of derived: centred differences and the complex step."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bphelpers.arguments import Array as Array
from bphelpers.arguments import finite, number, real, refuse

Index = tuple[int, ...]

EPS = float(np.finfo(np.float64).eps)
# A centred difference errs by h^2 (the bend of f) and by eps/h (round-off of f): least near h = eps^(1/3).
STEP = EPS ** (1 / 3)
# How many units of round-off a loss may carry: sums of many terms lose a few bits.
ROUND_OFF = 20 * EPS


def float64_copy(name: str, value: ArrayLike) -> Array:
    """A copy of ``value``, so that nothing here writes into what the caller holds."""
    return np.array(real(name, value), dtype=np.float64)


def numerical_gradient(
    f: Callable[[Array], Any], x: ArrayLike, h: float | None = None, method: str = "centred"
) -> Array:
    r"""Gradient of ``f``, which makes one number of an array, measured entry by entry [04].

    "centred": :math:`(f(x + h) - f(x - h)) / 2h`, off by about h^2 and eps/h; two calls an entry. h is in the
    unit of x; without it, ``eps**(1/3)``, about 6e-6, times ``max(1, abs(x))`` of the entry. "complex":
    :math:`\operatorname{Im} f(x + ih) / h` with h = 1e-20, off by h^2, subtracts nothing, so that almost
    every digit is right; ``f`` takes and returns complex numbers, and must be analytic: ``abs``, ``conj`` and
    comparisons spoil it. That is compared along one direction, and refused, where h is at most 1e-6; a spoilt
    entry below a millionth of the largest goes unnoticed. Sources: W. Press and others, Numerical Recipes,
    3rd edition, section 5.7; W. Squire and G. Trapp, Using Complex Variables to Estimate Derivatives of Real
    Functions, SIAM Review 40, 1998.

    >>> numerical_gradient(lambda x: (x**2).sum(), [1, 2, 3]).round(6)
    array([2., 4., 6.])
    """
    if method not in ("centred", "complex"):
        refuse("method", "be 'centred' or 'complex'", method)
    point = finite("x", float64_copy("x", x))
    gradient = np.empty_like(point)
    if method == "complex":  # f(x + ih) = f(x) + ih f'(x) - h^2 f''(x) / 2 - ...: no step is too small
        h = 1e-20 if h is None else number("h", h, least=1e-150)
        for index in np.ndindex(point.shape):
            gradient[index] = value_at(f, point, index, 1j * h).imag / h
        if point.size and h <= 1e-6:  # with larger steps the error of the formula could be mistaken for it
            _refuse_if_not_analytic(f, point, gradient)
        return gradient
    steps = steps_at(point, h).ravel().tolist()
    for index, step in zip(np.ndindex(point.shape), steps, strict=True):
        rise = value_at(f, point, index, step) - value_at(f, point, index, -step)
        gradient[index] = rise / (2 * step)
    return gradient


def one_number(value: Any, where: str, kind: type[float] | type[complex] = float) -> Any:
    """``value`` as a finite float, or complex, or a ValueError that says what came back instead."""
    array = np.asarray(value)
    wanted, kinds, size = ("real", "fiu", 8) if kind is float else ("complex", "c", 16)
    if array.shape != () or array.dtype.kind not in kinds:
        lost = "" if kind is float else "abs, max, float and np.real lose the imaginary part"
        refuse(where, f"return one {wanted} number", value, lost)
    if array.dtype.kind in "fc" and array.dtype.itemsize < size:
        wanted = np.dtype(kind).name
        raise ValueError(f"{where} must return {wanted}, got {array.dtype}, too coarse to measure slopes")
    if not np.isfinite(array):
        refuse(where, "return a finite number", kind(array))
    return kind(array)


def value_at(f: Callable[[Any], Any], point: Array, index: Index, step: float | complex) -> Any:
    """``f`` with one entry moved by ``step``; ``f`` gets its own copy each time."""
    moved = point.astype(type(step))
    moved[index] += step
    value = f(moved)
    if type(value) is type(step) is float and math.isfinite(value):  # else there is something to say
        return value
    where = f"f, with {f'entry {list(index)}' if index else 'x'} moved by {step:.1g},"
    return one_number(value, where, type(step))


def steps_at(x: Array, h: float | None = None) -> Array:
    """The steps really taken from ``x``: the sum ``x + h`` is rounded, so take back what it became."""
    wanted = STEP * np.maximum(1.0, np.abs(x)) if h is None else np.full_like(x, h)
    with np.errstate(over="ignore", invalid="ignore"):
        steps = (x + wanted) - x
    bad = ~((steps > 0) & (steps < np.inf))
    if bad.any():
        refuse("h", f"be above 0 and large enough to change x = {x[bad][0]:g}", wanted[bad][0])
    return np.asarray(steps)


def _refuse_if_not_analytic(f: Callable[[Any], Any], point: Array, gradient: Array) -> None:
    """Where two centred differences along one direction agree with each other and not with the gradient.

    Then the imaginary part was spoilt on the way, as by ``conj`` or ``abs``, or a kink lies here. Where the
    two differ, as on a function too wild or too noisy for such steps, there is no proof and no complaint.
    """
    direction = np.cos(np.arange(1.0, point.size + 1)).reshape(point.shape)  # no entry is zero
    direction *= np.maximum(1.0, np.abs(point))
    steps = 1e-4, -1e-4, 1e-5, -1e-5
    with np.errstate(all="ignore"):
        ends = [float(np.real(f((point + t * direction).astype(np.complex128)))) for t in steps]
    far, near = (ends[0] - ends[1]) / 2e-4, (ends[2] - ends[3]) / 2e-5
    found, apart = float(np.sum(gradient * direction)), abs(far - near)
    noise = ROUND_OFF * max(abs(ends[2]), abs(ends[3])) / 1e-5
    doubt = 10 * (apart + noise) + 1e-6 * float(np.abs(gradient * direction).max())
    # Both comparisons are false where a step has left the domain of f: NaN.
    if apart <= 0.01 * abs(near) and abs(found - near) > doubt:
        raise ValueError(
            f"f must be analytic at x, without a kink: along one direction the complex step gives the slope "
            f"{found:.6g}, a centred difference {near:.6g}; abs, max, conj and comparisons do that"
        )


def relative_error(a: ArrayLike, b: ArrayLike, floor: ArrayLike = 1e-8) -> Array:
    r"""Difference in units of the larger number, :math:`|a - b| / \max(|a|, |b|, floor)`, by entry [09].

    0 for equal numbers, 1/2 for twice as large, 1 where one is 0, 2 for the wrong sign, infinity where one is
    not finite. Numbers smaller than ``floor``, one for all or one for each, count as that large, lest
    round-off alone have an error of 1.

    >>> relative_error([1.0, 1.0, 0.0], [1.0, 2.0, 1e-12])
    array([0.e+00, 5.e-01, 1.e-04])
    """
    a, b, floor = (float64_copy(name, value) for name, value in (("a", a), ("b", b), ("floor", floor)))
    if a.shape != b.shape:
        raise ValueError(f"b must have the shape of a, {a.shape}, got {b.shape}")
    if not (floor > 0).all():
        refuse("floor", "be above 0", floor.min())
    both = np.isfinite(a) & np.isfinite(b)
    size = np.maximum(np.maximum(np.abs(a), np.abs(b)), floor)
    difference = np.abs(np.subtract(a, b, where=both, out=np.zeros(a.shape)))
    return np.divide(difference, size, where=both, out=np.full(a.shape, np.inf))
