"""From a wrong gradient to its mistake: apply those of the table to the truth, compare, never guess."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from bphelpers.arguments import refuse, whole
from bphelpers.numeric import Array, float64_copy, relative_error
from bphelpers.teaching.gradcheck.mistakes import TABLE, Counts, mistakes_in, sentence_for
from bphelpers.teaching.numbers import number


@dataclass(frozen=True)
class Diagnosis:
    """A mistake that reproduces a wrong gradient; from the numbers it could be an alternative as well."""

    mistake: str
    sentence: str
    alternatives: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.alternatives:
            return self.sentence
        others = ["another factor on the way" if name == "factor" else name for name in self.alternatives]
        return f"{self.sentence} (The same numbers also come from: {'; '.join(others)}.)"


@dataclass(frozen=True)
class Candidate:
    """What a mistake would give; ``magnified`` is how far it carries noise of the truth (0: exact)."""

    mistake: str
    array: Array
    sentence: str
    magnified: float = 0.0


@dataclass(frozen=True)
class Surroundings:
    """What is known around a gradient, beside the truth; ``noise`` is the absolute error in each entry of it.

    The noise is infinite in an entry where nothing can be decided.
    """

    rtol: float
    noise: Array
    counts: Counts
    others: Mapping[str, Array] = field(default_factory=dict)
    parameter: Array | None = None
    refutes_the_loss: bool = False  # a right gradient in the same network

    def same(self, found: Array, expected: Array, magnified: float = 1.0) -> bool:
        """Whether two arrays agree within tolerance and noise."""
        noise = self.noise * np.where(np.isinf(self.noise), 1.0, magnified)
        return same(found, expected, self.rtol, noise)

    def explains(self, candidate: Candidate, found: Array, truth: Array) -> bool:
        """Whether it gives what was found, and is not as near to the truth itself."""
        array = without_round_off(candidate.array, truth)
        told_apart = not same(array, truth, 10 * self.rtol, self.noise)
        return told_apart and self.same(without_round_off(found, truth), array, candidate.magnified)


def diagnose(
    found: ArrayLike,
    truth: ArrayLike,
    *,
    batch_size: int | None = None,
    others: Mapping[str, ArrayLike] | None = None,
    mistakes: Mapping[str, ArrayLike] | None = None,
    rtol: float = 1e-6,
) -> Diagnosis | None:
    """Name the mistake that turns ``truth`` into ``found``; None if there is none, or none with a name [09].

    ``mistakes``: what each mistake that you have in mind would give, by name; they come first. Known without
    it: sign, factors (those of the batch size if you say it), transposed, bias not summed, a wrong shape, all
    zero, NaN, decimals cut off, a gradient of ``others``, and an unnamed factor where three different numbers
    agree on it. Two numbers are the same up to ``rtol``; those below a hundredth of the largest are compared
    as if they were that size.

    >>> diagnose([-1.0, 2.0], [1.0, -2.0]).mistake
    'sign'
    >>> diagnose(0.3, 0.2, mistakes={"forgot the sigmoid's slope": 0.3}).mistake
    "forgot the sigmoid's slope"
    >>> diagnose([1.0, 2.5], [1.0, 2.0]) is None
    True
    """
    given = [given_candidate(name, array) for name, array in (mistakes or {}).items()]
    elsewhere = {name: float64_copy(f"others[{name!r}]", array) for name, array in (others or {}).items()}
    found, truth = float64_copy("found", found), float64_copy("truth", truth)
    if not np.isfinite(truth).all():
        refuse("truth", "be finite", truth)
    counts = counted(batch_size, [found])
    return explain(found, truth, given, Surroundings(rtol, np.zeros_like(truth), counts, elsewhere))


def given_candidate(mistake: str, array: ArrayLike) -> Candidate:
    """What somebody says that a mistake gives."""
    return Candidate(mistake, float64_copy(f"mistakes[{mistake!r}]", array), sentence_for(mistake))


def counted(batch_size: int | None, outputs: Sequence[Array]) -> Counts:
    """The counts of a loss of which no more is known: its outputs may be an array with a row an example."""
    n = None if batch_size is None else whole("batch_size", batch_size, 1)
    k = next((array.shape[1] for array in outputs if array.ndim == 2 and len(array) == n), None)
    return Counts(n, k, p=0.5)


def explain(found: Array, truth: Array, given: Sequence[Candidate], known: Surroundings) -> Diagnosis | None:
    """Do what :func:`diagnose` does; ``given`` are tried before what needs nothing but the truth."""
    if not np.isfinite(found).all():
        return _not_finite(found)
    largest = max(np.abs(array).max(initial=0.0) for array in (found, truth))
    noise = known.noise[np.isfinite(known.noise)].max(initial=0.0)
    # Where noise is not far below the numbers, agreement would be a guess.
    if known.same(found, truth) or 1e3 * noise > largest:
        return None
    zero, *factors = _factors(truth, known)
    first = [zero, *given] if not found.any() else [*given, zero]
    ranks = ([*first, *factors, *_anywhere(found, truth, known)], _fitted(found, truth, known))
    for rank in ranks:
        fitting = [c for c in rank if known.explains(c, found, truth)]
        if fitting:
            best = fitting[0]
            alternatives = dict.fromkeys(c.mistake for c in fitting if c.mistake != best.mistake)
            if known.refutes_the_loss and best in factors and best.mistake != "sign":
                alternatives["factor"] = None  # anything on the way
            return Diagnosis(best.mistake, best.sentence, tuple(alternatives))
    return None


def same(found: Array, expected: Array, rtol: float, noise: Array | float = 0.0) -> bool:
    """Whether two arrays agree, shape and every number."""
    if found.shape != expected.shape:
        return False
    # A hundredth of the largest entry: what is far smaller than its neighbours is mostly round-off of theirs.
    least = max(1e-2 * float(np.abs(expected).max(initial=0.0)), np.finfo(float).tiny)
    # A gradient of a wrong shape holds the parameter's entries elsewhere, so there the largest noise counts.
    own = noise if np.shape(noise) == found.shape else np.max(noise)
    return bool((relative_error(found, expected, np.maximum(least, own / rtol)) <= rtol).all())


def without_round_off(array: Array, beside: Array) -> Array:
    """Zeros where all of it is round-off of numbers as large as those beside it."""
    largest = 1e-12 * np.abs(beside).max(initial=0.0)
    return np.zeros_like(array) if np.abs(array).max(initial=0.0) <= largest else array


def _not_finite(found: Array) -> Diagnosis:
    bad = np.argwhere(~np.isfinite(found))
    where = f" (first at {bad[0].tolist()})" if found.ndim else ""
    return Diagnosis("NaN", sentence_for("NaN", bad=len(bad), all=found.size, where=where))


def _factors(truth: Array, known: Surroundings) -> Iterator[Candidate]:
    """The truth times each factor of the table, all zero first, then the same with the sign flipped."""
    possible = [row for row in TABLE if row.factor and not (row.of_the_loss and known.refutes_the_loss)]
    factors = {row.name: row.factor(known.counts) for row in possible if row.factor}
    for flipped in (False, True):
        for name, factor in factors.items():
            if factor is None or factor == 1 or (flipped and factor <= 0):
                continue
            sign, both, place = (-1, "sign and ", "With the sign flipped") if flipped else (1, "", "")
            yield Candidate(both + name, sign * factor * truth, sentence_for(name, place), abs(factor))


def _anywhere(found: Array, truth: Array, known: Surroundings) -> Iterator[Candidate]:
    """What needs nothing but the truth, the other gradients and the parameter."""
    for row in mistakes_in("gradient"):
        for rule in row.ways("gradient"):
            array = rule(found, truth)
            if array is not None:
                sentence = sentence_for(row.name, found=found.shape, right=truth.shape)
                yield Candidate(row.name, array, sentence, 1.0)
    # Rows cannot be made from their sum, so here the missing step is applied to what was found.
    one_each = found.ndim == truth.ndim + 1 or found.size > truth.size
    for axis in (0, -1) if found.ndim and one_each else ():
        fits = known.counts.n in (None, found.shape[axis])
        sums = (found.sum(axis=axis, keepdims=keepdims) for keepdims in (False, True))
        if fits and any(known.same(s, truth) for s in sums):
            yield Candidate("bias not summed", found, sentence_for("bias not summed", in_rows=axis == 0))
    for name, array in known.others.items():
        mistake = "another parameter" if array.shape == truth.shape else "another order"
        yield Candidate(mistake, array, sentence_for(mistake, name=name), 1.0)


def _fitted(found: Array, truth: Array, known: Surroundings) -> list[Candidate]:
    """A multiple of the truth, or the truth and a multiple of the parameter.

    At least three different numbers must agree on it: one number always is some multiple.
    """
    if found.shape != truth.shape:
        return []
    candidates, decided = [], np.isfinite(known.noise)
    # With one example a matrix is an outer product: one unit's number scales a row.
    lone = known.counts.n == 1 and truth.ndim == 2
    rows = [np.linalg.norm(truth, axis=axis) for axis in (0, 1)] if lone else [truth]
    if min(map(_levels, rows)) >= 3:
        factor = _multiple(found[decided], truth[decided])
        sentence = sentence_for("factor", factor=number(factor, steady=True))
        candidates.append(Candidate("factor", factor * truth, sentence, abs(factor)))
        if 0 < factor < 1 and known.counts.lr is None:
            rate = "learning rate multiplied in"
            candidates.append(Candidate(rate, factor * truth, sentence_for(rate), abs(factor)))
    if known.parameter is not None and _levels(known.parameter) >= 3:
        times = _multiple((found - truth)[decided], known.parameter[decided])
        sentence = sentence_for("L2 term", factor=number(times, steady=True))
        candidates.append(Candidate("L2 term", truth + times * known.parameter, sentence, 1.0))
    return candidates


def _multiple(of: Array, unit: Array) -> float:
    return float(np.vdot(of, unit) / np.vdot(unit, unit))


def _levels(array: Array) -> int:
    """How many clearly different sizes its numbers have."""
    levels = np.unique(np.abs(array[np.abs(array) > 1e-2 * np.abs(array).max(initial=0.0)]))
    return 1 + int(np.count_nonzero(np.diff(levels) > 1e-3 * levels[1:])) if levels.size else 0
