"""One slope looked at closely: steps that shrink until the loss is smooth within them, or never is [09]."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bphelpers.numeric import EPS, ROUND_OFF, Array, steps_at, value_at

SHRINK = 10.0 ** -np.arange(10)
MOST_PAIRED = 32  # kinks: of more, all are taken for one group
# The slopes at an entry, with all parameters shifted a step this way and that.
Beside = Callable[[Any, float], list[float]]


@dataclass(frozen=True)
class Kink:
    """A corner of the loss at one entry, or a jump, where no slope is right or wrong.

    Or entries that turn together: the sum of their slopes is one number, left and right.
    """

    index: Any  # of entries that turn together a tuple for each axis
    left: float
    right: float
    jump: bool = False

    @property
    def together(self) -> bool:
        """Whether these are several entries."""
        return np.ndim(self.index) > 1

    def allows(self, slope: float, tolerance: float) -> bool:
        """Whether the slope lies from the one on the left to the one on the right: a subgradient."""
        low, high = sorted((self.left, self.right))
        slack = tolerance * max(abs(low), abs(high))
        return not self.jump and low - slack <= slope <= high + slack


def careful_slope(
    f: Callable[[Array], Any], point: Array, index: Any, found: float, beside: Beside | None = None
) -> tuple[float, float, Kink | None]:
    """Slope at one entry, or of several moved together, the round-off in it, and the kink if it has one.

    The slopes of the two sides, each from three points, agree to h^2 where ``f`` is smooth (a parabola gives
    no alarm) and differ by the whole jump of slope where a kink lies within two steps. Centred differences
    with h and 2h differ by the error of the formula, which the two then cancel. The steps shrink until both
    agree, or until round-off would hide a hundredth of the slope. A step that leaves the domain of ``f`` is
    too long. Where the slope is not what was ``found``, those ``beside`` the point may show a kink that the
    line through this entry does not: a unit turned on by one example one way and by another the other way.
    """
    x, middle = max(np.ravel(point[index]), key=abs), value_at(f, point, index, 0.0)
    usual, scatter = float(steps_at(x)), _scatter(f, point, index) if beside else 0.0
    sides: list[tuple[float, float, float]] = []
    heights: list[float] = []
    outside: ValueError | None = None
    for h in (float(x + step - x) for step in usual * SHRINK):
        if h <= 0:
            break
        try:
            down, up, down2, up2 = (value_at(f, point, index, k * h) for k in (-1, 1, -2, 2))
        except ValueError as error:
            outside = outside or error
            continue
        left = (3 * middle - 4 * down + down2) / (2 * h)
        right = (-3 * middle + 4 * up - up2) / (2 * h)
        near, far = (up - down) / (2 * h), (up2 - down2) / (4 * h)
        noise = max(ROUND_OFF * max(abs(middle), abs(up2), abs(down2)), scatter) / h
        steepest = max(abs(left), abs(right))
        if max(abs(right - left), abs(far - near)) <= 1e-5 * steepest + noise:
            if sides and noise > 1e-2 * max(map(abs, sides[-1][:2])):
                break  # agreement of two numbers that are mostly round-off
            slope = (4 * near - far) / 3
            if beside is None or abs(slope - found) <= 1e-4 * steepest + noise:
                return slope, noise, None
            around = beside(index, h)
            low, high = min(around), max(around)
            turns = high - low > 1e-2 * max(abs(low), abs(high)) + 20 * noise
            # What bends turns a tenth as much within a tenth of the way.
            turns = turns and np.ptp(beside(index, h / 10)) > 0.5 * (high - low)
            return slope, noise, Kink(index, low, high) if turns else None
        sides.append((left, right, noise))
        heights.append(steepest * h)
    if not sides and outside:
        raise outside
    # A jump is as high for a step a tenth as long. Sitting on a kink, each side is smooth by itself, and the
    # largest step carries the least round-off.
    jump = len(heights) > 1 and heights[-1] > 0.5 * heights[0]
    left, right, noise = sides[0]
    return (left + right) / 2, noise, Kink(index, left, right, jump)


def turning_together(f: Callable[[Array], Any], point: Array, kinks: Sequence[Kink]) -> list[list[Kink]]:
    """Groups of kinks that depend on each other, as those of numbers that share a maximum do.

    Two of a group, moved at once, change the loss otherwise than the sum of what each changes alone.
    """
    middle = value_at(f, point, (), 0.0)

    def linked(one: Kink, other: Kink) -> bool:
        index: Any = tuple(zip(one.index, other.index, strict=True))
        h = float(steps_at(point[index]).max())
        up, down = (value_at(f, point, index, step) - middle for step in (h, -h))
        off = max(abs(up - h * (one.right + other.right)), abs(down + h * (one.left + other.left)))
        return off > 1e-2 * h * min(abs(one.right - one.left), abs(other.right - other.left))

    groups: list[list[Kink]] = []
    for kink in kinks:
        near = [g for g in groups if len(kinks) > MOST_PAIRED or any(linked(kink, other) for other in g)]
        groups = [*(g for g in groups if g not in near), [*itertools.chain(*near), kink]]
    return [group for group in groups if len(group) > 1]


def _scatter(f: Callable[[Array], Any], point: Array, index: Any) -> float:
    """How far the loss jumps about between neighbouring numbers, where a smooth one hardly moves."""
    tiny = 4 * EPS * max(float(np.abs(point[index]).max()), 1e-8)
    try:
        values = np.array([value_at(f, point, index, k * tiny) for k in range(-3, 4)])
    except ValueError:  # at the edge of what f is defined for
        return 0.0
    return 2 * float(np.abs(np.diff(values, 3)).max()) / np.sqrt(20)  # third differences magnify noise so
