"""From a wrong gradient to its mistake: apply each named mistake to the truth, compare, never guess."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bphelpers.numeric import Array, as_float64, error_above

# What the learner reads. The keys are stable: exercises and tests refer to them.
SENTENCES = {
    "sign": (
        "These are the right numbers with the sign flipped: look for a minus sign lost or gained, often a "
        "target minus prediction where prediction minus target belongs."
    ),
    "factor 2": (
        "Every number is twice the right one: look at the derivative of a square, and at whether this "
        "loss carries a half."
    ),
    "factor 1/2": (
        "Every number is half the right one: look at the derivative of a square, and at whether this loss "
        "carries a half."
    ),
    "not averaged": (
        "Every number is the right one times the batch size: the loss averages over the batch, so its "
        "gradient is divided by the batch size, once."
    ),
    "averaged twice": (
        "Every number is the right one divided by the batch size once too often: the loss has averaged "
        "already, so dW and db add up over the batch, with a sum and not a mean."
    ),
    "transposed": (
        "This is the transpose of the right gradient: dW has the shape of W, one receiving neuron a row, "
        "so it is dz.T @ a and not a.T @ dz."
    ),
    "bias not summed": (
        "This has one row for each example: a bias is shared by the whole batch, so add up the rows with "
        "dz.sum(axis=0)."
    ),
    "all zero": (
        "Every number is 0 and the right ones are not: look for a gradient that is never filled in, or "
        "that is stopped on its way back."
    ),
    "activation derivative missing": (
        "These numbers come out when the derivative of the activation is left out: on its way back "
        "through a = f(z), the gradient is multiplied by f'(z)."
    ),
    "derivative at a instead of z": (
        "These numbers come out when the derivative of the activation is taken at its output a instead of "
        "its input z: f'(z) is wanted, not f'(a)."
    ),
    "z in place of a": (
        "These numbers come out when z stands where a belongs: the short form of the derivative, such as "
        "a * (1 - a), needs the output a."
    ),
    "ReLU mask missing": (
        "These numbers come out when the gradient passes through ReLU everywhere: it passes only where z "
        "> 0, elsewhere it is 0."
    ),
    "ReLU mask inverted": (
        "These numbers come out when the mask of ReLU is the wrong way round: the gradient passes where z "
        "> 0, not where z <= 0."
    ),
    "ReLU mask from the gradient": (
        "These numbers come out when ReLU cuts the gradient where the gradient is negative: what decides "
        "is the sign of z in the forward pass."
    ),
    "softmax Jacobian diagonal only": (
        "These numbers come out when only p * (1 - p), the diagonal of softmax's Jacobian, is used: every "
        "probability depends on every score of its row."
    ),
    "output derivative twice": (
        "These numbers come out when p * (1 - p) multiplies p - y once more: for this loss, the gradient "
        "with respect to the scores is p - y already."
    ),
    "target not subtracted": (
        "These numbers come out when the target is not subtracted: the gradient with respect to the "
        "scores is p - y, not p."
    ),
    "weights transposed on the way back": (
        "These numbers come out when the gradient goes back through W.T: forward is x @ W.T, so the way "
        "back is dz @ W."
    ),
    "transpose of dz missing": (
        "These numbers come out when dz is not transposed: dz @ a pairs receivers with examples, and "
        "dz.T @ a adds up over the examples."
    ),
    "inputs transposed": (
        "These numbers come out when the layer's inputs are transposed: dz.T @ a.T pairs examples with "
        "senders, and dz.T @ a adds up over the examples."
    ),
    "bias summed over the wrong axis": (
        "These numbers come out when the bias gradient is added up over the neurons: rows are examples, "
        "so add up over the rows with dz.sum(axis=0)."
    ),
    "hidden delta from updated weights": (
        "These numbers come out when the weights of the layer above are updated before the gradient has "
        "passed through them: compute all gradients first, then update."
    ),
}


@dataclass(frozen=True)
class Diagnosis:
    """A named mistake that reproduces a wrong gradient.

    Attributes
    ----------
    mistake : str
        Short stable name, such as ``"sign"`` or ``"activation derivative missing"``.
    sentence : str
        For the learner: what reproduces the numbers, and what to look at.
    alternatives : tuple of str
        Other named mistakes that give the same numbers; from these alone they cannot be told apart.
    """

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
    """Name the mistake that turns ``truth`` into ``found``, if a known one does so, number by number.

    Known without further help: sign; factors 2, 1/2, the batch size and its inverse, also with the sign
    flipped; transposed; bias not summed; right numbers in a wrong shape; all zero; NaN; another parameter's
    gradient; and an unnamed constant factor where at least three different numbers agree on it.

    Parameters
    ----------
    found : number or array
        The gradient in question.
    truth : number or array
        The right one.
    batch_size : int, optional
        Lets the factors that are the batch size be named.
    others : mapping of name to array, optional
        Right gradients of other parameters.
    mistakes : mapping of name to number or array, optional
        What each mistake that you have in mind would give. They come first. See :func:`op_mistakes`.
    rtol : float
        Largest relative difference, entry by entry, at which two numbers count as the same. Entries
        smaller than a hundredth of the largest are compared as if they were that size.

    Returns
    -------
    Diagnosis or None
        None where ``found`` is right, and where no known mistake reproduces it.

    Raises
    ------
    ValueError
        Where ``truth`` is not finite, or an argument does not hold real numbers.

    Notes
    -----
    Lesson: 09_gradient_checking.

    Examples
    --------
    >>> diagnose([-1.0, 2.0], [1.0, -2.0]).mistake
    'sign'
    >>> print(diagnose([[5.0, 7.0], [6.0, 8.0]], [[5.0, 6.0], [7.0, 8.0]]).sentence)
    This is the transpose of the right gradient: dW has the shape of W, one receiving neuron a row,
    so it is dz.T @ a and not a.T @ dz.
    >>> diagnose(0.3, 0.2, mistakes={"forgot the sigmoid's slope": 0.3}).mistake
    "forgot the sigmoid's slope"
    >>> diagnose([1.0, 2.5], [1.0, 2.0]) is None
    True
    """
    given = [
        Candidate(name, as_float64(f"mistakes[{name!r}]", array), sentence_for(name))
        for name, array in (mistakes or {}).items()
    ]
    elsewhere = {name: as_float64(f"others[{name!r}]", array) for name, array in (others or {}).items()}
    truth = as_float64("truth", truth)
    if not np.isfinite(truth).all():
        raise ValueError("truth must be finite")
    return explain(
        as_float64("found", found), truth, given, elsewhere, batch_size, rtol, np.zeros_like(truth)
    )


def sentence_for(mistake: str, place: str = "") -> str:
    """The sentence of a known mistake, the place in front; a plain one for a name that we do not know."""
    known = SENTENCES.get(mistake, f"These numbers come out with this mistake: {mistake}.")
    return f"{place}: {known[0].lower()}{known[1:]}" if place else known


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
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size must be positive, got {batch_size}")
    if not np.isfinite(found).all():
        return _not_finite(found)
    largest = max(np.abs(found).max(initial=0.0), np.abs(truth).max(initial=0.0))
    # Where noise is not far below the numbers, agreement would be a guess.
    if same(found, truth, rtol, noise) or 1e3 * noise.max(initial=0.0) > largest:
        return None
    candidates = [*_zero(truth), *given, *_generic(found, truth, others, batch_size, rtol, noise)]
    fitting = [c for c in candidates if same(found, c.array, rtol, noise * c.magnified)]
    if not fitting:
        unnamed = _constant_factor(found, truth)
        fitting = [c for c in unnamed if same(found, c.array, rtol, noise * c.magnified)]
    if not fitting:
        return None
    first = fitting[0]
    alternatives = dict.fromkeys(c.mistake for c in fitting if c.mistake != first.mistake)
    return Diagnosis(first.mistake, first.sentence, tuple(alternatives))


def same(found: Array, expected: Array, rtol: float, noise: Array) -> bool:
    """Whether two arrays agree, shape and every number."""
    if found.shape != expected.shape:
        return False
    if found.size == 0:
        return True
    # A hundredth of the largest entry: what is far smaller than its neighbours is mostly round-off of theirs.
    floor = np.full(found.shape, max(1e-2 * float(np.abs(expected).max()), np.finfo(float).tiny))
    # A gradient of a wrong shape holds the parameter's entries elsewhere, so there the largest noise counts.
    floor = np.maximum(floor, (noise if noise.shape == found.shape else noise.max()) / rtol)
    return bool((error_above(found, expected, floor) <= rtol).all())


def _not_finite(found: Array) -> Diagnosis:
    bad = np.argwhere(~np.isfinite(found))
    where = f" (first at {bad[0].tolist()})" if found.ndim else ""
    sentence = (
        f"{len(bad)} of {found.size} numbers are NaN or infinite{where}: "
        "look for a division by 0, a logarithm of 0 or an exponential that overflows."
    )
    return Diagnosis("NaN", sentence)


def _zero(truth: Array) -> list[Candidate]:
    return [Candidate("all zero", np.zeros_like(truth), SENTENCES["all zero"])]


def _generic(
    found: Array, truth: Array, others: Mapping[str, Array], batch_size: int | None, rtol: float, noise: Array
) -> Iterator[Candidate]:
    """The mistakes that need nothing but the truth."""
    for mistake, factor in _named_factors(batch_size).items():
        yield Candidate(mistake, factor * truth, _factor_sentence(mistake), max(1.0, abs(factor)))
    if truth.ndim == 2:
        yield Candidate("transposed", truth.T, SENTENCES["transposed"], 1.0)
    if found.shape != truth.shape and found.size == truth.size:
        sentence = f"The numbers are right and the shape is {found.shape}: it should be {truth.shape}."
        yield Candidate("shape", truth.reshape(found.shape), sentence, 1.0)
    # Rows cannot be made from their sum, so here the missing step is applied to what was found.
    rows = len(found) if found.ndim == truth.ndim + 1 else 0
    if rows and batch_size in (None, rows) and same(found.sum(axis=0), truth, rtol, noise):
        yield Candidate("bias not summed", found, SENTENCES["bias not summed"])
    for name, array in others.items():
        sentence = (
            f"This is the gradient of {name}, of the same shape: look at what is stored under which name."
        )
        if array.shape == truth.shape:
            yield Candidate("another parameter", array, sentence, 1.0)


def _named_factors(batch_size: int | None) -> dict[str, float]:
    factors = {"sign": -1.0}
    if batch_size is not None and batch_size > 1:
        factors |= {"not averaged": float(batch_size), "averaged twice": 1 / batch_size}
    factors |= {"factor 2": 2.0, "factor 1/2": 0.5}
    return factors | {f"sign and {name}": -factor for name, factor in factors.items() if name != "sign"}


def _factor_sentence(mistake: str) -> str:
    return sentence_for(
        mistake.removeprefix("sign and "), "With the sign flipped" if " and " in mistake else ""
    )


def _constant_factor(found: Array, truth: Array) -> list[Candidate]:
    """An unnamed factor, if at least three different numbers agree on it: one number always has a factor."""
    if found.shape != truth.shape:
        return []
    levels = np.unique(np.abs(truth[np.abs(truth) > 1e-2 * np.abs(truth).max(initial=0.0)]))
    different = 1 + np.count_nonzero(np.diff(levels) > 1e-3 * levels[1:]) if levels.size else 0
    if different < 3:
        return []
    factor = float(np.vdot(found, truth) / np.vdot(truth, truth))
    sentence = (
        f"Every number is {steady(factor, 6)} times the right one: a constant factor was lost or gained."
    )
    return [Candidate("factor", factor * truth, sentence, max(1.0, abs(factor)))]


def steady(value: float, digits: int = 4, zero_below: float = 0.0) -> str:
    """Format a measured number in digits that survive another BLAS.

    Round-off, below ``zero_below``, prints as 0. A nudge keeps a number that sits on the border between two
    roundings on one side of it, whatever its last bits.

    >>> steady(0.12345 + 1e-12), steady(0.12345 - 1e-12), steady(-3e-13, zero_below=1e-9)
    ('0.1235', '0.1235', '0')
    """
    if not np.isfinite(value):
        return str(float(value))
    if abs(value) <= zero_below:
        return "0"
    return f"{value * (1 + 1e-7):.{digits}g}"
