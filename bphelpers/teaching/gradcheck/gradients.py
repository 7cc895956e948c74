"""Derived gradients against measured ones: any loss of named arrays, in float64."""

import contextlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bphelpers.arguments import number, refuse
from bphelpers.numeric import ROUND_OFF, Array, Index, float64_copy, numerical_gradient, one_number, steps_at
from bphelpers.teaching.gradcheck.diagnosis import Candidate, Surroundings, counted, explain
from bphelpers.teaching.gradcheck.mistakes import Counts, sentence_for
from bphelpers.teaching.gradcheck.report import ArrayCheck, GradientReport
from bphelpers.teaching.gradcheck.slopes import Beside, Kink, careful_slope, turning_together

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
    the step is stepped around; on a kink every number from one slope to the other is right; entries that
    share a maximum must add up. Where many units sit on their kinks at once, a right backward pass can still
    fall outside: no reason is named.

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
    and at whether this loss carries a half. (The same numbers also come from: dropout scale missing.)
    """
    if not callable(loss):
        refuse("loss", "be a function of the arrays in params", loss)
    for what, arrays in {"params": params, "grads": grads, "mistakes": mistakes or {}}.items():
        by_name(what, arrays)
    given = [
        Hypothesis(mistake, {name: float64_copy(f"mistakes[{mistake!r}]", a) for name, a in arrays.items()})
        for mistake, arrays in (mistakes or {}).items()
    ]
    outputs = [np.asarray(array) for array in grads.values()]
    return compare(loss, params, grads, tolerance, counted(batch_size, outputs), lambda: given)


def assert_gradients_match(
    loss: Callable[..., Any],
    params: Mapping[str, ArrayLike],
    grads: Mapping[str, ArrayLike],
    *,
    allow_untested: bool = False,
    **options: Any,
) -> None:
    """Raise an AssertionError with the report of :func:`check_gradients`, unless all is right [05, 09].

    Also where an array could not be tested, as behind round-off, unless you ``allow_untested``.

    >>> assert_gradients_match(lambda w: w**2, {"w": 3.0}, {"w": 6.0})
    """
    report = check_gradients(loss, params, grads, **options)
    if not report.ok or (not allow_untested and any(check.untested for check in report.arrays)):
        raise AssertionError(str(report))


@dataclass(frozen=True)
class Hypothesis:
    """A mistake in a place, so many ``layers``, and what it gives: the gradients that it changes, by name."""

    mistake: str
    arrays: Mapping[str, Array]
    place: str = ""
    layers: int = 0
    in_rows: bool = False
    letters: Mapping[str, str] | None = None  # right lines, for sentences in somebody's own names

    def explaining(self, name: str, alone: bool) -> Candidate:
        """As a reason for one gradient; ``alone``: right ones say that no other has it."""
        place = f"{self.place}, in {name} alone" if self.place and alone else self.place
        sentence = sentence_for(self.mistake, place, self.in_rows, self.letters)
        return Candidate(self.mistake, self.arrays[name], sentence)


def compare(
    loss: Callable[..., Any],
    params: Mapping[str, ArrayLike],
    grads: Mapping[str, ArrayLike],
    tolerance: float,
    counts: Counts,
    hypotheses: Callable[[], Sequence[Hypothesis]],
    along: Callable[[str], Callable[[Array], Any]] | None = None,
    one_chain: bool = False,
    notes: Sequence[str] = (),
) -> GradientReport:
    """Check every array; ``hypotheses()`` are structural mistakes.

    ``along(name)`` is the loss as a function of that array alone, where a faster way is known. In
    ``one_chain`` what goes wrong at the loss reaches every array.
    """
    tolerance = number("tolerance", tolerance, above=0)
    if not params:
        raise ValueError("params must hold at least one array, got none")
    same_names(params, grads)
    points = {name: float64_copy(name, value) for name, value in params.items()}
    found = {name: float64_copy(f"the gradient of {name}", grads[name]) for name in params}
    size = repeatable(loss, points)
    checks: list[ArrayCheck] = []
    for name, point in points.items():
        coarse = np.asarray(grads[name]).dtype == np.float32
        allowed = max(tolerance, FLOAT32_TOLERANCE) if coarse else tolerance
        at = along or partial(_along, loss, points)
        beside = partial(_slopes_beside, loss, points, name)
        with np.errstate(all="ignore"):  # a step may leave the domain of the loss
            checks.append(_measure(name, at, point, found[name], allowed, size, beside))
    if not one_chain:  # the parameters of a network take part in its loss
        checks = [_reacting(check, loss, points) for check in checks]
    wrong = [check for check in checks if not check.ok]
    right = {check.name for check in checks if check.ok and not check.untested}
    surroundings = {}
    for c in wrong:
        noise = c.noises.copy()
        for kink in c.undecided:
            noise[kink.index] = np.inf
        others = {other.name: other.measured for other in checks if other.name != c.name}
        surroundings[c.name] = Surroundings(
            c.tolerance, noise, counts, others, points[c.name], one_chain and bool(right)
        )
    given = _likely(hypotheses(), wrong, right, surroundings) if wrong else {}
    named = {c.name: explain(c.found, c.measured, given[c.name], surroundings[c.name]) for c in wrong}
    return GradientReport(tuple(replace(c, diagnosis=named.get(c.name)) for c in checks), tuple(notes))


def by_name(what: str, arrays: Any) -> None:
    """Refuse what is no dict."""
    if not isinstance(arrays, Mapping):
        refuse(what, "be a dict of arrays by name, such as {'W1': ...}", arrays)


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
            "draw its random numbers once, before the check, or make their generator anew in every call, "
            "with the same seed: then each call has the same mask"
        )
    return abs(first)


def _slopes_beside(
    loss: Callable[..., Any], points: Mapping[str, Array], name: str, index: Index, shift: float
) -> list[float]:
    """The slope at one entry where all parameters are shifted, each by its own part of ``shift``."""
    slopes, h = [], shift / 10
    for sign, phase in itertools.product((1, -1), range(3)):
        ends = []
        for step in (h, -h):
            moved = {
                other: np.array(point + sign * shift * _pattern(point, phase + 2 * i))
                for i, (other, point) in enumerate(points.items())
            }
            moved[name][index] += step
            ends.append(one_number(loss(**moved), "loss"))
        slopes.append((ends[0] - ends[1]) / (2 * h))
    return slopes


def _pattern(like: Array, phase: int = 1) -> Array:
    """Numbers from -1 to 1 without a rule that a network could share."""
    return np.cos(phase + np.arange(like.size)).reshape(like.shape)


def _measure(
    name: str,
    along: Callable[[str], Callable[[Array], Any]],
    point: Array,
    found: Array,
    tolerance: float,
    size: float,
    beside: Beside,
) -> ArrayCheck:
    """Measure one gradient and compare; look closely where they disagree. The diagnosis comes later."""
    f = along(name)
    try:
        coarse = numerical_gradient(f, point)
    except ValueError:  # a step may be too long for the loss
        coarse = np.full(point.shape, np.nan)
    check = ArrayCheck(name, found, coarse, ROUND_OFF * size / steps_at(point), tolerance)
    if not check.right_shape:
        return check
    looked_at, sure = ~np.isfinite(found), 0
    # A first slope that was far too large hides others, so look until nothing new disagrees.
    while (doubtful := (check.errors > tolerance) & ~looked_at).any():
        measured, noises, kinks = check.measured.copy(), np.array(check.noises), list(check.kinks)
        for index in map(tuple, np.argwhere(doubtful).tolist()):
            # Where three entries are wrong for sure, so is the array; no need to look beside the others.
            measured[index], noises[index], kink = careful_slope(
                along(name), point, index, float(found[index]), beside if sure < 3 else None
            )
            kinks += [kink] if kink else []
            sure += (
                not kink and abs(measured[index] - found[index]) > 1e-3 * abs(measured[index]) + noises[index]
            )
        looked_at |= doubtful
        check = replace(check, measured=measured, noises=noises, kinks=tuple(kinks))
    if check.ok and check.kinks and not check.undecided:
        with contextlib.suppress(ValueError):  # a step may leave the domain of the loss
            return _measured_together(check, lambda: along(name), point, beside)
    return check


def _measured_together(
    check: ArrayCheck, f: Callable[[], Callable[[Array], Any]], point: Array, beside: Beside
) -> ArrayCheck:
    """Where entries on kinks have one slope moved together, as at equal maxima, theirs must add up to it."""
    measured, kinks = check.measured.copy(), check.kinks
    for group in turning_together(f(), point, kinks):
        index = tuple(zip(*(kink.index for kink in group), strict=True))
        total = float(check.found[index].sum())
        slope, noise, turns = careful_slope(f(), point, index, total, beside)
        steepest = max(abs(side) for kink in group for side in (kink.left, kink.right))
        # Below 1e-10 all may be round-off of larger numbers inside, which cancel.
        if not turns and abs(slope - total) > 1e-2 * max(abs(slope), steepest) + 20 * noise + 1e-10:
            measured[index] = slope / len(group)
            kinks = (Kink(index, slope, slope), *(kink for kink in kinks if kink not in group))
    return replace(check, measured=measured, kinks=kinks)


def _reacting(check: ArrayCheck, loss: Callable[..., Any], points: Mapping[str, Array]) -> ArrayCheck:
    """Look whether the loss changes at all, if all entries move a good way."""
    if check.ok or check.measured.any() or not check.right_shape:
        return check
    f, point = _along(loss, points, check.name), points[check.name]
    way = 1e-2 * np.maximum(1.0, np.abs(point)) * _pattern(point)
    return replace(check, reacts=any(f(point + sign * way) != f(point) for sign in (1, -1)))


def _likely(
    hypotheses: Sequence[Hypothesis],
    wrong: Sequence[ArrayCheck],
    right: set[str],
    surroundings: Mapping[str, Surroundings],
) -> dict[str, list[Candidate]]:
    """The reasons of each wrong array, best first: refuted by no right one, explaining most, narrowest.

    A refuted one is a reason only for an array that has no other, and then for that array alone.
    """
    fits = [
        {
            c.name
            for c in wrong
            if h.arrays.get(c.name) is not None
            and surroundings[c.name].explains(h.explaining(c.name, False), c.found, c.measured)
        }
        for h in hypotheses
    ]
    ranked = sorted(
        (bool(h.arrays.keys() & right), -len(fit), h.layers, i)
        for i, (h, fit) in enumerate(zip(hypotheses, fits, strict=True))
        if fit
    )
    likely: dict[str, list[Candidate]] = {}
    for c in wrong:
        mine = [(refuted, hypotheses[i]) for refuted, _, _, i in ranked if c.name in fits[i]]
        likely[c.name] = [h.explaining(c.name, refuted) for refuted, h in mine if refuted == mine[0][0]]
    return likely
