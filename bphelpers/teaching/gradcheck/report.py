"""What a gradient check found, in words and in digits that hold on every machine."""

from dataclasses import dataclass

import numpy as np

from bphelpers.numeric import Index, Kink
from bphelpers.teaching.gradcheck.diagnosis import Diagnosis, steady

KINKS_SHOWN = 3


@dataclass(frozen=True)
class ArrayCheck:
    """One array of a :class:`GradientReport`."""

    name: str
    shape: tuple[int, ...]  # of the gradient that was given
    expected_shape: tuple[int, ...]
    tolerance: float  # largest relative error allowed
    error: float  # largest found; infinity for a wrong shape or a number that is not finite
    worst: Index | None  # entry with that error, where the difference is largest; None for a wrong shape
    analytic: float  # the two numbers there
    numeric: float
    noise: float  # round-off in the measured slope: smaller numbers cannot be told from 0
    kinks: tuple[Kink, ...]  # met on the way; only entries that disagreed at first are looked at closely
    hidden: bool  # all numbers, though not 0, are below noise: nothing was checked
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
        for kink in self.kinks[:KINKS_SHOWN]:
            left, right = (steady(value, 3, self.noise) for value in (kink.left, kink.right))
            said.append(
                f"{self._at(kink.index)}: a kink of the loss, slope {left} on the left, {right} on the "
                "right; any number from one to the other counts as right."
            )
        if len(self.kinks) > KINKS_SHOWN:
            said.append(f"{self.name}: {len(self.kinks) - KINKS_SHOWN} more entries sit on a kink.")
        return said

    def _at(self, index: Index) -> str:
        return f"{self.name}{list(index)}" if index else self.name


@dataclass(frozen=True, repr=False)
class GradientReport:
    """Result of a gradient check [09]: prints as a table and sentences; the raw numbers are in ``arrays``."""

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
                unnamed = "no known mistake reproduces these numbers, so none is named."
                names.setdefault(str(check.diagnosis or unnamed), []).append(check.name)
        return [f"{', '.join(explained)}: {reason}" for reason, explained in names.items()]
