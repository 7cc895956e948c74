"""From a wrong gradient to its mistake: apply those of the table to the truth, compare, never guess."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bphelpers.arguments import refuse, whole
from bphelpers.numeric import Array, float64_copy, relative_error
from bphelpers.teaching.gradcheck.mistakes import TABLE, mistakes_in, sentence_for
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
        return f"{self.sentence} (The same numbers also come from: {'; '.join(self.alternatives)}.)"


@dataclass(frozen=True)
class Candidate:
    """What a mistake would give; ``magnified`` is how far it carries noise of the truth (0: exact)."""

    mistake: str
    array: Array
    sentence: str
    magnified: float = 0.0


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
    zero, NaN, a gradient of ``others``, and an unnamed factor where three different numbers agree on it. Two
    numbers are the same up to ``rtol``; those below a hundredth of the largest are compared as if they were
    that size.

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
    return explain(found, truth, given, elsewhere, batch_size, rtol, np.zeros_like(truth))


def given_candidate(mistake: str, array: ArrayLike) -> Candidate:
    """What somebody says that a mistake gives."""
    return Candidate(mistake, float64_copy(f"mistakes[{mistake!r}]", array), sentence_for(mistake))


def explain(
    found: Array,
    truth: Array,
    given: Sequence[Candidate],
    others: Mapping[str, Array],
    batch_size: int | None,
    rtol: float,
    noise: Array,
) -> Diagnosis | None:
    """Do what :func:`diagnose` does; ``noise`` is the absolute error in each entry of ``truth``."""
    if batch_size is not None:
        whole("batch_size", batch_size, 1)
    if not np.isfinite(found).all():
        return _not_finite(found)
    largest = max(np.abs(found).max(initial=0.0), np.abs(truth).max(initial=0.0))
    # Where noise is not far below the numbers, agreement would be a guess.
    if same(found, truth, rtol, noise) or 1e3 * noise.max(initial=0.0) > largest:
        return None
    zero, *factors = _factors(truth, batch_size)
    candidates = [zero, *given, *factors, *_anywhere(found, truth)]
    # Rows cannot be made from their sum, so here the missing step is applied to what was found.
    rows = len(found) if found.ndim == truth.ndim + 1 else 0
    if rows and batch_size in (None, rows) and same(found.sum(axis=0), truth, rtol, noise):
        candidates.append(Candidate("bias not summed", found, sentence_for("bias not summed")))
    candidates += [
        Candidate("another parameter", array, sentence_for("another parameter", name=name), 1.0)
        for name, array in others.items()
        if array.shape == truth.shape
    ]
    for rank in (candidates, _unnamed_factor(found, truth)):
        fitting = [c for c in rank if same(found, c.array, rtol, noise * c.magnified)]
        if fitting:
            first = fitting[0]
            alternatives = dict.fromkeys(c.mistake for c in fitting if c.mistake != first.mistake)
            return Diagnosis(first.mistake, first.sentence, tuple(alternatives))
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


def _not_finite(found: Array) -> Diagnosis:
    bad = np.argwhere(~np.isfinite(found))
    where = f" (first at {bad[0].tolist()})" if found.ndim else ""
    return Diagnosis("NaN", sentence_for("NaN", bad=len(bad), all=found.size, where=where))


def _factors(truth: Array, batch_size: int | None) -> Iterator[Candidate]:
    """The truth times each factor of the table, all zero first, then the same with the sign flipped."""
    n = batch_size if batch_size is not None and batch_size > 1 else None
    factors = {row.name: row.factor(n) for row in TABLE if row.factor}
    for flipped in (False, True):
        for name, factor in factors.items():
            if factor is None or (flipped and factor <= 0):
                continue
            sign, both, place = (-1, "sign and ", "With the sign flipped") if flipped else (1, "", "")
            yield Candidate(both + name, sign * factor * truth, sentence_for(name, place), abs(factor))


def _anywhere(found: Array, truth: Array) -> Iterator[Candidate]:
    """What needs nothing but the truth."""
    for row in mistakes_in("gradient"):
        array = row.rules["gradient"](found, truth)
        if array is not None:
            yield Candidate(
                row.name, array, sentence_for(row.name, found=found.shape, right=truth.shape), 1.0
            )


def _unnamed_factor(found: Array, truth: Array) -> list[Candidate]:
    """An unnamed factor, if at least three different numbers agree on it: one number always has a factor."""
    if found.shape != truth.shape:
        return []
    levels = np.unique(np.abs(truth[np.abs(truth) > 1e-2 * np.abs(truth).max(initial=0.0)]))
    different = 1 + np.count_nonzero(np.diff(levels) > 1e-3 * levels[1:]) if levels.size else 0
    if different < 3:
        return []
    factor = float(np.vdot(found, truth) / np.vdot(truth, truth))
    sentence = sentence_for("factor", factor=number(factor, steady=True))
    return [Candidate("factor", factor * truth, sentence, abs(factor))]
