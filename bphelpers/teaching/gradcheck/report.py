"""What a gradient check found, in words and in digits that hold on every machine."""

from dataclasses import dataclass
from functools import cached_property
from textwrap import shorten
from typing import Any

import numpy as np

from bphelpers.numeric import Array, Index, relative_error
from bphelpers.teaching.gradcheck.diagnosis import Diagnosis
from bphelpers.teaching.gradcheck.slopes import Kink
from bphelpers.teaching.numbers import number
from bphelpers.teaching.wrapping import wrapped

KINKS_SHOWN = 3


@dataclass(frozen=True, eq=False)
class ArrayCheck:
    """One array of a :class:`GradientReport`: what was found, what was measured, how far they are apart."""

    name: str
    found: Array
    measured: Array
    noises: Array  # round-off in each measured slope
    tolerance: float  # largest relative error allowed
    kinks: tuple[Kink, ...] = ()  # only entries that disagreed at first are looked at closely
    reacts: bool = True  # whether the loss changes with the array at all
    diagnosis: Diagnosis | None = None

    @cached_property
    def errors(self) -> Array:
        """Relative errors above a floor: noise over tolerance, or a hundredth of the largest slope.

        On a kink any subgradient is right, and of what is none nothing can be said: 0. Of entries that turn
        together the sum is compared.
        """
        if not self.right_shape:
            return np.full(1, np.inf)
        known = np.abs(self.measured[np.isfinite(self.measured)])
        least = max(1e-2 * float(known.max(initial=0.0)), np.finfo(float).tiny)
        errors = relative_error(self.found, self.measured, np.maximum(self.noises / self.tolerance, least))
        for kink in self.kinks:
            found = self.found[kink.index]
            off = relative_error(found.sum(), kink.left, np.finfo(float).tiny) if kink.together else 0.0
            errors[kink.index] = np.where(np.isfinite(found), off, np.inf)
        return errors

    @property
    def error(self) -> float:
        """Largest relative error; infinity for a wrong shape or a number that is not finite."""
        return float(self.errors.max(initial=0.0))

    @property
    def ok(self) -> bool:
        """Whether every entry agrees."""
        return self.error <= self.tolerance

    @cached_property
    def worst(self) -> Index | None:  # None for a wrong shape
        """Entry with the largest error, of equally bad ones that with the largest difference."""
        if not self.right_shape or not self.found.size:
            return None
        difference = np.where(self.errors >= 0.99 * self.error, np.abs(self.found - self.measured), -1.0)
        difference[np.isnan(difference)] = np.inf
        # Equal but for round-off: take the first, so that every machine names the same one.
        first = np.argmax(difference >= difference.max() * (1 - 1e-6))
        return tuple(int(i) for i in np.unravel_index(first, difference.shape))

    @property
    def _where(self) -> Any:
        """The worst entry, or the entries that turn together with it."""
        groups = (kink.index for kink in self.kinks if kink.together)
        return next((index for index in groups if self.worst in [*zip(*index, strict=True)]), self.worst)

    @property
    def analytic(self) -> float:
        """What was found at the worst entry, with those that turn together with it."""
        return float(np.nan if self.worst is None else self.found[self._where].sum())

    @property
    def numeric(self) -> float:
        """What was measured there."""
        return float(np.nan if self.worst is None else self.measured[self._where].sum())

    @property
    def right_shape(self) -> bool:
        """Whether what was found has the shape of the parameter."""
        return self.found.shape == self.measured.shape

    @property
    def noise(self) -> float:
        """Largest round-off in a measured slope: smaller numbers cannot be told from 0."""
        return float(self.noises.max(initial=0.0))

    @property
    def undecided(self) -> list[Kink]:
        """The kinks where what was found is no subgradient, which a sum of several need not be."""
        return [k for k in self.kinks if not k.allows(float(self.found[k.index].sum()), self.tolerance)]

    @property
    def untested(self) -> str:
        """Why nothing was tested here, or nothing."""
        largest = max(float(np.abs(array).max(initial=0.0)) for array in (self.found, self.measured))
        if not self.ok:
            return ""
        if largest == 0:
            return "derived and measured are exactly 0, as with weights that are 0: try random ones."
        if len(self.undecided) == self.found.size:
            return "every entry sits on a kink or a jump of the loss: nothing was tested."
        if largest <= self.noise:
            return "every slope is below the round-off of the loss: nothing was tested."
        return ""

    def row(self) -> tuple[str, ...]:
        """The cells of this array's row in the report."""
        shape = str(self.found.shape)
        if self.ok:
            # Where round-off is coarser than the tolerance, no more than that was seen.
            bound = max(self.tolerance, self.noise / float(np.abs(self.measured).max(initial=1e-300)))
            verdict = f"below {bound:.0e}" if bound < 0.1 else "hardly testable"
            verdict = "not testable" if self.untested else verdict
            return self.name, shape, verdict, "", "", ""
        if not self.reacts:
            return self.name, shape, "not testable", "", "", ""
        if self.worst is None:
            return self.name, shape, f"shape, not {self.measured.shape}", "", "", ""
        error = number(self.error, 3, steady=True) if np.isfinite(self.error) else "not finite"
        numbers = (
            number(value, 4, zero_below=self.noise, steady=True) for value in (self.analytic, self.numeric)
        )
        return self.name, shape, error, str(list(self.worst)), *numbers

    def sentences(self) -> list[str]:
        """What there is to say about this array, the reason aside."""
        said = [f"{self.name}: {self.untested}"] if self.untested else []
        if not self.ok and not self.reacts:
            said.append(
                f"{self.name}: the loss does not change with {self.name}: does it use its argument? Or is it "
                "made of steps, as accuracy is?"
            )
        elif not self.ok and self.worst is not None and self._where == self.worst:
            *_, got, expected = self.row()
            said.append(f"{self._at(self.worst)}: got {got}, expected {expected}.")
        undecided = self.undecided
        for kink in self.kinks[:KINKS_SHOWN]:
            if kink.together:
                names = ", ".join(map(self._at, zip(*kink.index, strict=True)))
                slope, total = (number(v, 3, steady=True) for v in (kink.left, self.found[kink.index].sum()))
                said.append(
                    f"{shorten(names, 60, placeholder=' ...')}: several numbers here share a maximum "
                    f"or minimum: moved together they have a slope of {slope}, and these entries add up to "
                    f"{total}."
                )
                continue
            if kink.jump:
                said.append(f"{self._at(kink.index)}: the loss jumps here, so that it has no slope.")
                continue
            left, right = (self._shown(slope, 3, kink.index) for slope in (kink.left, kink.right))
            ends = f"slope {left} on the left, {right} on the right"
            found = self._shown(float(self.found[kink.index]), 3, kink.index)
            verdict = (
                f"{found} cannot be decided here. Move the biases a little and check again."
                if kink in undecided
                else "any number from one to the other counts as right."
            )
            said.append(f"{self._at(kink.index)}: a kink of the loss, {ends}; {verdict}")
        if len(self.kinks) > KINKS_SHOWN:
            said.append(f"{self.name}: {len(self.kinks) - KINKS_SHOWN} more entries sit on a kink.")
        return said

    def _shown(self, value: float, digits: int, index: Index) -> str:
        return number(value, digits, zero_below=float(self.noises[index]), steady=True)

    def _at(self, index: Index) -> str:
        return f"{self.name}{list(index)}" if index else self.name


@dataclass(frozen=True, repr=False)
class GradientReport:
    """Result of a gradient check [09]: prints as a table and sentences; the raw numbers are in ``arrays``."""

    arrays: tuple[ArrayCheck, ...]
    notes: tuple[str, ...] = ()  # on how it was checked

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
        right = sum(check.ok and not check.untested for check in self.arrays)
        untested = sum(bool(check.untested) for check in self.arrays)
        head = ("gradient", "shape", "relative error", "worst at", "analytic", "measured")
        rows = [head, *(check.row() for check in self.arrays)]
        columns = [column for column in zip(*rows, strict=True) if any(column[1:])]
        padded = [[cell.ljust(max(map(len, column))) for cell in column] for column in columns]
        table = ["  ".join(cells).rstrip() for cells in zip(*padded, strict=True)]
        said = [sentence for check in self.arrays for sentence in check.sentences()]
        count = f"{right} of {len(self.arrays)} gradients agree with centred differences"
        count += f", {untested} not testable." if untested else "."
        return "\n".join([count, *table, *said, *self._reasons(), *self.notes])

    __repr__ = __str__

    @property
    def reasons(self) -> str:
        """What is wrong and in which lines, without the table; no line is longer than a page is wide."""
        lines = "\n".join([*self._reasons(), *self.notes]).splitlines()
        # A line of code starts with spaces, and is shown as it was written.
        return "\n".join(row for line in lines for row in ([line] if line[:1] == " " else wrapped(line)))

    def _reasons(self) -> list[str]:
        """One sentence for each reason, with the names of all arrays that it explains."""
        names: dict[str, list[str]] = {}
        for check in self.arrays:
            said = any(kink.together for kink in check.kinks)  # what is wrong, then
            if not check.ok and not said and (check.reacts or check.diagnosis):
                unnamed = "no known mistake reproduces these numbers, so none is named."
                names.setdefault(str(check.diagnosis or unnamed), []).append(check.name)
        return [f"{', '.join(explained)}: {reason}" for reason, explained in names.items()]
