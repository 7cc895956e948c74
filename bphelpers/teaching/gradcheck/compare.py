"""Compare derived gradients with measured ones, and report in words and digits that hold on every machine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bphelpers.numeric import (
    ROUND_OFF,
    Array,
    Index,
    Kink,
    as_float64,
    careful_slope,
    error_above,
    numerical_gradient,
    one_number,
    steps_at,
)
from bphelpers.teaching.gradcheck.diagnosis import Candidate, Diagnosis, explain, same, sentence_for, steady

Candidates = Callable[[], Mapping[str, Sequence[Candidate]]]
# A float32 gradient carries about this much round-off, however carefully it was derived.
FLOAT32_TOLERANCE = 1e-4


@dataclass(frozen=True)
class ArrayCheck:
    """One array of a :class:`GradientReport`.

    Attributes
    ----------
    name : str
    shape, expected_shape : tuple of int
        Of the gradient that was given, and of the parameter.
    tolerance, error : float
        Largest relative error allowed and found; infinity for a wrong shape or a number that is not finite.
    worst : tuple of int, or None
        Entry with that error, or among equally bad ones where the difference is largest; None for a wrong
        shape.
    analytic, numeric : float
        The two numbers there.
    noise : float
        Round-off in the measured slope: smaller numbers cannot be told from 0.
    kinks : tuple of Kink
        Corners of the loss met on the way. Only entries that disagreed at first are looked at closely.
    hidden : bool
        Whether all numbers, though not 0, are below ``noise``: nothing was checked then.
    diagnosis : Diagnosis or None
    """

    name: str
    shape: tuple[int, ...]
    expected_shape: tuple[int, ...]
    tolerance: float
    error: float
    worst: Index | None
    analytic: float
    numeric: float
    noise: float
    kinks: tuple[Kink, ...]
    hidden: bool
    diagnosis: Diagnosis | None

    @property
    def ok(self) -> bool:
        """Whether every entry agrees."""
        return self.error <= self.tolerance

    def row(self) -> tuple[str, ...]:
        """The cells of this array's row in the report."""
        if self.ok:
            verdict = "not testable" if self.hidden else f"below {self.tolerance:.0e}"
            return self.name, str(self.shape), verdict, "", "", ""
        if self.worst is None:
            return self.name, str(self.shape), f"shape, not {self.expected_shape}", "", "", ""
        error = steady(self.error, 3) if np.isfinite(self.error) else "not finite"
        numbers = (steady(value, zero_below=self.noise) for value in (self.analytic, self.numeric))
        return self.name, str(self.shape), error, str(list(self.worst)), *numbers

    def sentences(self) -> list[str]:
        """What there is to say about this array, the reason aside."""
        said = []
        if self.hidden:
            said.append(f"{self.name}: every slope is below the round-off of the loss: nothing was tested.")
        if not self.ok and self.worst is not None:
            *_, got, expected = self.row()
            said.append(f"{self._at(self.worst)}: got {got}, expected {expected}.")
        for kink in self.kinks[:3]:
            left, right = (steady(value, 3, self.noise) for value in (kink.left, kink.right))
            said.append(
                f"{self._at(kink.index)}: a kink of the loss, slope {left} on the left, {right} on the "
                "right; any number from one to the other counts as right."
            )
        if len(self.kinks) > 3:
            said.append(f"{self.name}: {len(self.kinks) - 3} more entries sit on a kink.")
        return said

    def _at(self, index: Index) -> str:
        return f"{self.name}{list(index)}" if index else self.name


@dataclass(frozen=True)
class _Measured:
    """A measured gradient, the noise in it, the comparison so far, and whether a diagnosis makes sense."""

    numeric: Array
    noise: Array
    check: ArrayCheck
    explainable: bool


@dataclass(frozen=True, repr=False)
class GradientReport:
    """Result of a gradient check; prints as a table and sentences.

    Only bounds and digits that survive another machine are printed; the raw numbers are in ``arrays``.

    Attributes
    ----------
    arrays : tuple of ArrayCheck
        In the order of the parameters. ``report["W1"]`` picks one.

    Notes
    -----
    Lesson: 09_gradient_checking.
    """

    arrays: tuple[ArrayCheck, ...]

    @property
    def ok(self) -> bool:
        """Whether every array agrees."""
        return all(check.ok for check in self.arrays)

    @property
    def max_error(self) -> float:
        """Largest relative error of all arrays."""
        return max((check.error for check in self.arrays), default=0.0)

    def __getitem__(self, name: str) -> ArrayCheck:
        for check in self.arrays:
            if check.name == name:
                return check
        raise KeyError(f"no gradient named {name!r}; there are {[check.name for check in self.arrays]}")

    def __str__(self) -> str:
        right = sum(check.ok and not check.hidden for check in self.arrays)
        untested = sum(check.ok and check.hidden for check in self.arrays)
        head = ("gradient", "shape", "relative error", "worst at", "analytic", "measured")
        rows = [head, *(check.row() for check in self.arrays)]
        columns = [column for column in zip(*rows, strict=True) if any(column[1:])]
        padded = [[cell.ljust(max(map(len, column))) for cell in column] for column in columns]
        table = ["  ".join(cells).rstrip() for cells in zip(*padded, strict=True)]
        said = [sentence for check in self.arrays for sentence in check.sentences()]
        count = f"{right} of {len(self.arrays)} gradients agree with centred differences"
        count += f", {untested} not testable." if untested else "."
        return "\n".join([count, *table, *said, *self._reasons()])

    __repr__ = __str__

    def _reasons(self) -> list[str]:
        """One sentence for each reason, with the names of all arrays that it explains."""
        names: dict[str, list[str]] = {}
        for check in self.arrays:
            if not check.ok:
                reason = str(
                    check.diagnosis or "no known mistake reproduces these numbers, so none is named."
                )
                names.setdefault(reason, []).append(check.name)
        return [f"{', '.join(explained)}: {reason}" for reason, explained in names.items()]


def check_gradients(
    loss: Callable[..., Any],
    params: Mapping[str, ArrayLike],
    grads: Mapping[str, ArrayLike],
    *,
    tolerance: float = 1e-6,
    batch_size: int | None = None,
    mistakes: Mapping[str, Mapping[str, ArrayLike]] | None = None,
) -> GradientReport:
    r"""Compare derived gradients with centred differences of the loss, in float64, and diagnose what differs.

    Parameters
    ----------
    loss : callable
        ``loss(**params)`` returns one number, always the same one for the same parameters.
    params : mapping of name to array
        Where to check. Promoted to float64 copies; never written to.
    grads : mapping of name to array
        The gradients in question. A wrong shape is reported and diagnosed like a wrong number.
    tolerance : float
        Largest relative error, :math:`|a - b| / \max(|a|, |b|, floor)`. The floor is the larger of a
        hundredth of the array's largest slope and the size at which round-off would reach the tolerance.
        For a float32 gradient 1e-4 at least.
    batch_size : int, optional
        Lets a diagnosis name a factor as the batch size.
    mistakes : mapping of mistake to (mapping of name to array), optional
        Gradients that mistakes you have in mind would give, as :func:`op_mistakes` returns them.

    Returns
    -------
    GradientReport

    Raises
    ------
    ValueError
        Where there is nothing to check, gradients are missing or superfluous, or the loss is not one finite
        and repeatable number.

    Notes
    -----
    Where an entry disagrees, the slopes on its two sides are measured, with shrinking steps. A kink that lies
    within the step is stepped around; on a kink every number from one slope to the other is right. Where
    many units sit on their kinks at once, a right backward pass can still fall outside: no reason is named.
    Lesson: 09_gradient_checking.

    Examples
    --------
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
    if not tolerance > 0:
        raise ValueError(f"tolerance must be positive, got {tolerance}")
    given = {
        name: [
            Candidate(
                mistake, as_float64(f"mistakes[{mistake!r}][{name!r}]", arrays[name]), sentence_for(mistake)
            )
            for mistake, arrays in (mistakes or {}).items()
            if name in arrays
        ]
        for name in params
    }
    return compare(loss, params, grads, tolerance, batch_size, lambda: given)


def assert_gradients_match(
    loss: Callable[..., Any],
    params: Mapping[str, ArrayLike],
    grads: Mapping[str, ArrayLike],
    *,
    tolerance: float = 1e-6,
    batch_size: int | None = None,
    mistakes: Mapping[str, Mapping[str, ArrayLike]] | None = None,
) -> None:
    """Do nothing if :func:`check_gradients`, with the same arguments, finds every gradient right; else raise.

    Raises
    ------
    AssertionError
        With the whole report: got, expected, where, and the likely reason if one reproduces the numbers. Also
        where round-off hides all slopes, so that nothing was tested.
    ValueError
        As :func:`check_gradients`.

    Notes
    -----
    Lesson: 05_backprop_by_hand (used), 09_gradient_checking (built).

    Examples
    --------
    >>> assert_gradients_match(lambda w: w**2, {"w": 3.0}, {"w": 6.0})
    """
    report = check_gradients(
        loss, params, grads, tolerance=tolerance, batch_size=batch_size, mistakes=mistakes
    )
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
    if not params:
        raise ValueError("params must hold at least one array, got none")
    same_names(params, grads)
    points = {name: as_float64(name, value) for name, value in params.items()}
    found = {name: as_float64(f"the gradient of {name}", value) for name, value in grads.items()}
    size = repeatable(loss, points)
    measured: dict[str, _Measured] = {}
    for name, point in points.items():
        allowed = (
            max(tolerance, FLOAT32_TOLERANCE) if np.asarray(grads[name]).dtype == np.float32 else tolerance
        )
        f = along(name) if along else _along(loss, points, name)
        measured[name] = _measure(name, f, point, found[name], allowed, size)
    wrong = {name: (found[name], m.check) for name, m in measured.items() if not m.check.ok}
    given = _widest_first(candidates(), wrong) if wrong else {}
    checks = {name: m.check for name, m in measured.items()}
    for name in wrong:
        m = measured[name]
        others = {other: o.numeric for other, o in measured.items() if other != name}
        if m.explainable:
            reason = explain(
                found[name], m.numeric, given[name], others, batch_size, m.check.tolerance, m.noise
            )
            checks[name] = replace(m.check, diagnosis=reason)
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
            f"loss gave {first:g} and then {second:g} for the same parameters: fix the random numbers in it, "
            "or switch dropout off with net.eval()"
        )
    return abs(first)


def _measure(
    name: str, f: Callable[[Array], Any], point: Array, found: Array, tolerance: float, size: float
) -> _Measured:
    """Measure one gradient and compare; the diagnosis comes later."""
    numeric = numerical_gradient(f, point)
    noise = np.array(ROUND_OFF * size / steps_at(point))
    kinks: list[Kink] = []
    right_shape = found.shape == point.shape
    if right_shape:
        doubtful = (_errors(found, numeric, noise, tolerance) > tolerance) & np.isfinite(found)
        for index in map(tuple, np.argwhere(doubtful).tolist()):
            slope = careful_slope(f, point, index)
            numeric[index], noise[index] = slope.value, slope.noise
            if slope.kink is not None:
                kinks.append(slope.kink)
                numeric[index] = slope.kink.nearest(float(found[index]))
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
    off_kinks = errors > tolerance
    for kink in kinks:
        off_kinks[kink.index] = False
    return _Measured(numeric, noise, check, explainable=bool(off_kinks.any()))


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
    explains: dict[tuple[str, str], int] = {}
    for name, (found, check) in wrong.items():
        for c in candidates.get(name, ()):
            fits = same(found, c.array, check.tolerance, np.zeros(found.shape))
            explains[c.mistake, c.sentence] = explains.get((c.mistake, c.sentence), 0) + fits
    return {
        name: sorted(candidates.get(name, ()), key=lambda c: -explains[c.mistake, c.sentence])
        for name in wrong
    }
