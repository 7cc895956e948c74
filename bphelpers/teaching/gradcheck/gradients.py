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
    Kink,
    careful_slope,
    error_above,
    float64_copy,
    numerical_gradient,
    one_number,
    steps_at,
)
from bphelpers.teaching.gradcheck.diagnosis import Candidate, explain, same
from bphelpers.teaching.gradcheck.mistakes import sentence_for
from bphelpers.teaching.gradcheck.report import ArrayCheck, GradientReport

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
            array = float64_copy(f"mistakes[{mistake!r}][{name!r}]", arrays[name])
            given[name].append(Candidate(mistake, array, sentence_for(mistake)))
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
    checks, truths, noises = {}, {}, {}
    for name, point in points.items():
        coarse = np.asarray(grads[name]).dtype == np.float32
        allowed = max(tolerance, FLOAT32_TOLERANCE) if coarse else tolerance
        f = along(name) if along else _along(loss, points, name)
        checks[name], truths[name], noises[name] = _measure(name, f, point, found[name], allowed, size)
    wrong = {name: (found[name], check) for name, check in checks.items() if not check.ok}
    given = _widest_first(candidates(), wrong) if wrong else {}
    for name, (array, check) in wrong.items():
        others = {other: truth for other, truth in truths.items() if other != name}
        if not _only_on_kinks(array, truths[name], noises[name], check):
            reason = explain(
                array, truths[name], given[name], others, batch_size, check.tolerance, noises[name]
            )
            checks[name] = replace(check, diagnosis=reason)
    return GradientReport(tuple(checks.values()))


def _only_on_kinks(found: Array, numeric: Array, noise: Array, check: ArrayCheck) -> bool:
    """Whether all that is off sits on a kink, where the slope is known coarsely: no reason can be given."""
    if found.shape != numeric.shape:
        return False
    off = _errors(found, numeric, noise, check.tolerance) > check.tolerance
    for kink in check.kinks:
        off[kink.index] = False
    return not off.any()


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
) -> tuple[ArrayCheck, Array, Array]:
    """Measure one gradient and compare; the diagnosis comes later. Also what was measured, and its noise."""
    numeric = numerical_gradient(f, point)
    noise = np.array(ROUND_OFF * size / steps_at(point))
    kinks: list[Kink] = []
    right_shape = found.shape == point.shape
    if right_shape:
        doubtful = (_errors(found, numeric, noise, tolerance) > tolerance) & np.isfinite(found)
        for index in map(tuple, np.argwhere(doubtful).tolist()):
            numeric[index], noise[index], kink = careful_slope(f, point, index)
            if kink is not None:
                kinks.append(kink)
                numeric[index] = kink.nearest(float(found[index]))
    level = float(noise.max(initial=0.0))
    errors = _errors(found, numeric, noise, tolerance) if right_shape else np.full(1, np.inf)
    worst = _worst(errors, found, numeric) if right_shape and found.size else None
    largest = max(np.abs(found).max(initial=0.0), np.abs(numeric).max(initial=0.0))
    check = ArrayCheck(
        name=name,
        shape=found.shape,
        expected_shape=point.shape,
        tolerance=tolerance,
        error=float(errors.max(initial=0.0)),
        worst=worst,
        analytic=float("nan") if worst is None else float(found[worst]),
        numeric=float("nan") if worst is None else float(numeric[worst]),
        noise=level,
        kinks=tuple(kinks),
        hidden=bool(0 < largest <= level),
        diagnosis=None,
    )
    return check, numeric, noise


def _errors(found: Array, numeric: Array, noise: Array, tolerance: float) -> Array:
    """Relative errors above a floor: noise over tolerance, or a hundredth of the largest slope."""
    largest = float(np.abs(numeric).max(initial=0.0))
    return error_above(
        found, numeric, np.maximum(noise / tolerance, max(1e-2 * largest, np.finfo(float).tiny))
    )


def _worst(errors: Array, found: Array, numeric: Array) -> Index:
    """Entry with the largest error; among equally bad ones, that with the largest difference."""
    difference = np.where(errors >= 0.99 * errors.max(), np.abs(found - numeric), -1.0)
    difference[np.isnan(difference)] = np.inf
    # Equal but for round-off: take the first, so that every machine names the same one.
    first = np.argmax(difference >= difference.max() * (1 - 1e-6))
    return tuple(int(i) for i in np.unravel_index(first, errors.shape))


def _widest_first(
    candidates: Mapping[str, Sequence[Candidate]], wrong: Mapping[str, tuple[Array, ArrayCheck]]
) -> dict[str, list[Candidate]]:
    """Candidates of each array, those first whose mistake explains most of the wrong arrays at once."""
    explains: dict[str, int] = {}
    for name, (found, check) in wrong.items():
        for c in candidates.get(name, ()):
            explains[c.sentence] = explains.get(c.sentence, 0) + same(found, c.array, check.tolerance)
    return {name: sorted(candidates.get(name, ()), key=lambda c: -explains[c.sentence]) for name in wrong}
