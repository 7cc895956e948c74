"""Derived gradients against measured ones: any loss of named arrays, in float64."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bphelpers.arguments import number
from bphelpers.numeric import (
    ROUND_OFF,
    Array,
    Index,
    float64_copy,
    numerical_gradient,
    one_number,
    steps_at,
    value_at,
)
from bphelpers.teaching.gradcheck.diagnosis import Candidate, explain, given_candidate, same
from bphelpers.teaching.gradcheck.report import ArrayCheck, GradientReport, Kink

Candidates = Callable[[], Mapping[str, Sequence[Candidate]]]
# A float32 gradient carries about this much round-off, however carefully it was derived.
FLOAT32_TOLERANCE = 1e-4


def check_gradients(
    loss: Callable[..., Any],
    params: Mapping[str, ArrayLike],
    grads: Mapping[str, ArrayLike],
    *,
    tolerance: float = 1e-6,
    batch_size: int | None = None,
    mistakes: Mapping[str, Mapping[str, ArrayLike]] | None = None,
) -> GradientReport:
    r"""Compare derived gradients with centred differences of ``loss(**params)``; diagnose what differs [09].

    ``tolerance`` bounds :math:`|a - b| / \max(|a|, |b|, floor)`; the floor is the larger of a hundredth of
    the array's largest slope and the size at which round-off would reach the tolerance. For a float32
    gradient it is 1e-4 at least. ``batch_size`` lets a factor be named as such; ``mistakes`` are gradients
    that mistakes you have in mind would give, as :func:`op_mistakes` returns them.

    Where an entry disagrees, the slopes on its two sides are measured, with shrinking steps. A kink within
    the step is stepped around; on a kink every number from one slope to the other is right. Where many units
    sit on their kinks at once, a right backward pass can still fall outside: no reason is named.

    >>> x, y = np.array([1.0, 2.0, 4.0]), np.array([2.0, 2.0, 2.0])
    >>> def loss(w, b):
    ...     return np.mean((w * x + b - y) ** 2)
    >>> grads = {"w": np.mean((0.5 * x - y) * x), "b": np.mean(2 * (0.5 * x - y))}  # at b = 0
    >>> print(check_gradients(loss, {"w": 0.5, "b": 0.0}, grads))
    1 of 2 gradients agree with centred differences.
    gradient  shape  relative error  worst at  analytic  measured
    w         ()     0.5             []        -1.167    -2.333
    b         ()     below 1e-06
    w: got -1.167, expected -2.333.
    w: Every number is half the right one: look at the derivative of a square,
    and at whether this loss carries a half.
    """
    given: dict[str, list[Candidate]] = {name: [] for name in params}
    for mistake, arrays in (mistakes or {}).items():
        for name in params.keys() & arrays.keys():
            given[name].append(given_candidate(mistake, arrays[name]))
    return compare(loss, params, grads, tolerance, batch_size, lambda: given)


def assert_gradients_match(
    loss: Callable[..., Any], params: Mapping[str, ArrayLike], grads: Mapping[str, ArrayLike], **options: Any
) -> None:
    """Raise an AssertionError with the report of :func:`check_gradients`, unless all is right [05, 09].

    Also where round-off hides all slopes, so that nothing was tested.

    >>> assert_gradients_match(lambda w: w**2, {"w": 3.0}, {"w": 6.0})
    """
    report = check_gradients(loss, params, grads, **options)
    if not report.ok or all(check.hidden for check in report.arrays):
        raise AssertionError(str(report))


def compare(
    loss: Callable[..., Any],
    params: Mapping[str, ArrayLike],
    grads: Mapping[str, ArrayLike],
    tolerance: float,
    batch_size: int | None,
    candidates: Candidates,
    along: Callable[[str], Callable[[Array], Any]] | None = None,
) -> GradientReport:
    """Check every array; ``candidates()`` gives, by name, what structural mistakes produce.

    ``along(name)`` is the loss as a function of that array alone, where a faster way is known.
    """
    tolerance = number("tolerance", tolerance, above=0)
    if not params:
        raise ValueError("params must hold at least one array, got none")
    same_names(params, grads)
    points = {name: float64_copy(name, value) for name, value in params.items()}
    found = {name: float64_copy(f"the gradient of {name}", grads[name]) for name in params}
    size = repeatable(loss, points)
    checks: dict[str, ArrayCheck] = {}
    for name, point in points.items():
        coarse = np.asarray(grads[name]).dtype == np.float32
        allowed = max(tolerance, FLOAT32_TOLERANCE) if coarse else tolerance
        f = along(name) if along else _along(loss, points, name)
        checks[name] = _measure(name, f, point, found[name], allowed, size)
    wrong = [check for check in checks.values() if not check.ok]
    given = _widest_first(candidates(), wrong) if wrong else {}
    for check in wrong:
        if not check.only_kinks_are_off:
            others = {other.name: other.measured for other in checks.values() if other.name != check.name}
            c, known = check, given[check.name]
            reason = explain(c.found, c.measured, known, others, batch_size, c.tolerance, c.noises)
            checks[c.name] = replace(c, diagnosis=reason)
    return GradientReport(tuple(checks.values()))


def same_names(params: Mapping[str, Any], grads: Mapping[str, Any]) -> None:
    """Refuse gradients that are not one for each parameter."""
    missing, extra = sorted(params.keys() - grads.keys()), sorted(grads.keys() - params.keys())
    if missing or extra:
        raise ValueError(
            f"grads must hold one gradient for each of {sorted(params)}; missing: {missing}, unknown: {extra}"
        )


def _along(loss: Callable[..., Any], points: Mapping[str, Array], name: str) -> Callable[[Array], Any]:
    """The loss as a function of one array alone; the others are copies each time, in case the loss writes."""
    return lambda moved: loss(**{other: point.copy() for other, point in points.items()} | {name: moved})


def repeatable(loss: Callable[..., Any], points: Mapping[str, Array]) -> float:
    """Size of the loss, which sets its round-off; refuse a loss that changes by itself."""
    first, second = (one_number(loss(**{k: v.copy() for k, v in points.items()}), "loss") for _ in range(2))
    if first != second:
        raise ValueError(
            f"loss must give the same number for the same parameters, got {first:g} and then {second:g}; "
            "fix the random numbers in it, or switch dropout off with net.eval()"
        )
    return abs(first)


def _measure(
    name: str, f: Callable[[Array], Any], point: Array, found: Array, tolerance: float, size: float
) -> ArrayCheck:
    """Measure one gradient and compare; look closely where they disagree. The diagnosis comes later."""
    check = ArrayCheck(
        name, found, numerical_gradient(f, point), ROUND_OFF * size / steps_at(point), tolerance
    )
    if not check.right_shape:
        return check
    measured, noises, kinks = check.measured.copy(), np.array(check.noises), []
    doubtful = (check.errors > tolerance) & np.isfinite(found)
    for index in map(tuple, np.argwhere(doubtful).tolist()):
        measured[index], noises[index], kink = _careful_slope(f, point, index)
        if kink is not None:
            kinks.append(kink)
            measured[index] = kink.nearest(float(found[index]))
    return replace(check, measured=measured, noises=noises, kinks=tuple(kinks))


def _careful_slope(f: Callable[[Array], Any], point: Array, index: Index) -> tuple[float, float, Kink | None]:
    """Slope at one entry, the round-off in it, and the kink if the point sits on one.

    The steps shrink until no kink and no strong bend lies within them. The slopes of the two sides, each from
    three points, agree to h^2 where ``f`` is smooth (a parabola gives no alarm) and differ by the whole jump
    of slope where a kink lies within two steps. If they still differ at a thousandth of the usual step, about
    1e-8, the point counts as sitting on the kink. Centred differences with h and 2h differ by the error of
    the formula, which the two then cancel.
    """
    x = point[index]
    usual = float(steps_at(x))
    middle = value_at(f, point, index, 0.0)
    sides: list[tuple[float, float]] = []
    for shrink in (1.0, 1e-1, 1e-2, 1e-3):
        h = float(steps_at(x, shrink * usual))
        down2, down, up, up2 = (value_at(f, point, index, k * h) for k in (-2, -1, 1, 2))
        left = (3 * middle - 4 * down + down2) / (2 * h)
        right = (-3 * middle + 4 * up - up2) / (2 * h)
        near, far = (up - down) / (2 * h), (up2 - down2) / (4 * h)
        noise = ROUND_OFF * max(abs(middle), abs(up2), abs(down2)) / h
        if max(abs(right - left), abs(far - near)) <= 1e-5 * max(abs(left), abs(right)) + noise:
            return (4 * near - far) / 3, noise, None
        sides.append((left, right))
    # The largest step carries the least round-off, and sitting on the kink, each side is smooth by itself.
    return near, noise, Kink(index, *sides[0])


def _widest_first(
    candidates: Mapping[str, Sequence[Candidate]], wrong: Sequence[ArrayCheck]
) -> dict[str, list[Candidate]]:
    """Candidates of each array, those first whose mistake explains most of the wrong arrays at once."""
    explains: dict[str, int] = {}
    for check in wrong:
        for c in candidates.get(check.name, ()):
            fits = same(check.found, c.array, check.tolerance)
            explains[c.sentence] = explains.get(c.sentence, 0) + fits
    return {
        check.name: sorted(candidates.get(check.name, ()), key=lambda c: -explains[c.sentence])
        for check in wrong
    }
