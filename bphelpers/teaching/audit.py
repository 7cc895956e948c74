"""Bring your own page: every printed number of a worked example, computed again [20]."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from bphelpers import functional as F
from bphelpers.arguments import finite, number, refuse
from bphelpers.teaching.trial import LOSSES

__all__ = ["Audit", "Finding", "audit"]

#: A function, its slope by what goes in and what comes out, and between which numbers its values lie.
ACTIVATIONS: dict[str, tuple[Any, Any, tuple[float, float]]] = {
    "sigmoid": (F.sigmoid, lambda z, a: a * (1 - a), (0, 1)),
    "tanh": (np.tanh, lambda z, a: 1 - a**2, (-1, 1)),
    "ReLU": (lambda z: np.maximum(z, 0), lambda z, a: (z > 0) * 1.0, (0, np.inf)),
    "identity": (lambda z: z, lambda z, a: np.ones_like(a), (-np.inf, np.inf)),
}
SLIPS = (
    "bias forgotten", "bias added twice", "sigmoid not divided", "tanh in place of sigmoid", "half forgotten",
    "half too many", "mean in place of sum", "slope of the output forgotten", "wrong sign",
    "hidden slope forgotten", "updated weights used on the way back",
)  # fmt: skip
RIGHT, CUT, FOLLOWS, AFTER, SLIP = "right", "cut off", "follows", "follows a slip", "slip"
ALMOST = 1 + 1e-7  # a number halfway between two printed ones is rounded to either
TWICE = 1.1  # of half a unit: 0.02995 for 0.029948, and then 0.0300


@dataclass(frozen=True)
class Finding:
    """What is found about one printed number.

    ``verdict`` is ``"right"``; ``"cut off"`` where digits were dropped and not rounded; ``"follows"`` where
    rounding explains it, that of numbers before it or its own, done twice; ``"follows a slip"``; or
    ``"slip"``. ``expected`` is what the page's givens make of it, at a slip what the numbers printed before
    it make of it, and ``why`` holds the slips that give what is printed.
    """

    name: str
    printed: str
    verdict: str
    expected: float
    why: tuple[str, ...] = ()
    impossible: bool = False

    def __str__(self) -> str:
        text = f"{self.name} = {self.printed}: {self.verdict}"
        if self.verdict == CUT:
            return f"{text}, not rounded, from {self.expected:.8g}"
        if self.verdict != SLIP:
            return f"{text}, from what is given {self.expected:.10g}"
        because = f" [{'; '.join(self.why)}]" if self.why else ""
        return f"{text}{', and impossible' * self.impossible}, expected {self.expected:.10g}{because}"


@dataclass(frozen=True)
class Audit:
    """A finding for each printed number, in the order in which they are computed [20]."""

    findings: tuple[Finding, ...]

    @property
    def slips(self) -> list[Finding]:
        """The numbers that don't follow from what is printed before them."""
        return [finding for finding in self.findings if finding.verdict == SLIP]

    def __str__(self) -> str:
        verdicts = [finding.verdict for finding in self.findings]
        kinds = {verdict: verdicts.count(verdict) for verdict in (RIGHT, CUT, FOLLOWS, AFTER, SLIP)}
        counts = ", ".join(
            f"{n} {verdict}{'s' * (verdict == SLIP and n > 1)}" for verdict, n in kinds.items() if n
        )
        lines = [str(finding) for finding in self.findings if finding.verdict != RIGHT]
        return "\n".join([f"{len(verdicts)} numbers: {counts or 'nothing to judge'}", *lines])


@dataclass(frozen=True)
class _Given:
    x: ndarray
    W: list[ndarray]
    b: list[ndarray]
    activations: list[str]
    target: ndarray | None
    loss: str
    lr: float | None
    biases_move: bool


def audit(
    printed: Mapping[str, Any],
    *,
    x: Sequence[Any],
    W: Sequence[Any],
    b: Sequence[Any] | None = None,
    activation: str | Sequence[str] = "sigmoid",
    target: Sequence[Any] | None = None,
    loss: str = "half squares",
    lr: float | None = None,
    biases_move: bool = False,
) -> Audit:
    """Compute every printed number again, from what is given and from the numbers printed before it [20].

    ``W`` and ``b`` hold the layers' weights ``(d_out, d_in)`` and biases. Numbers are given as they are
    printed, as texts, because the last digit says how far they were rounded. ``printed`` names them: ``z1``
    and ``a1`` of layer 1, ``errors``, ``loss``, ``dz2``, ``dW2``, ``W2 new``, ``loss after`` and ``output
    after``. Each has the shape of what it names, with None where the page prints nothing.

    A number is a slip if it does not follow from the numbers printed before it, their rounding allowed. The
    slip gets a name only if making it on purpose gives the printed number.

    >>> print(audit({"z1": ["0.500"], "a1": ["0.630"]}, x=["1"], W=[[["0.5"]]]))
    2 numbers: 1 right, 1 slip
    a1_1 = 0.630: slip, expected 0.6224593312
    """
    names = [activation] * len(W) if isinstance(activation, str) else list(activation)
    for name in names:
        if name not in ACTIVATIONS:
            refuse("activation", f"be one of {', '.join(ACTIVATIONS)}", name)
    if loss not in LOSSES:
        refuse("loss", f"be one of {', '.join(LOSSES)}", loss)
    inputs, weights = _numbers("x", x), [_numbers(f"W[{k}]", layer) for k, layer in enumerate(W)]
    biases = [np.zeros(len(layer)) for layer in weights]
    if b is not None:
        biases = [_numbers(f"b[{k}]", layer) for k, layer in enumerate(b)]
    goal = None if target is None else _numbers("target", target)
    _fit_together(inputs, weights, biases, names, goal)
    rate = None if lr is None else number("lr", lr)
    given = _Given(inputs, weights, biases, names, goal, loss, rate, biases_move)
    fresh = _iteration(given, {})
    for name, values in printed.items():
        if name not in fresh:
            refuse("printed", f"name some of {', '.join(fresh)}", name)
        if np.shape(np.array(values, dtype=object)) != fresh[name].shape:
            refuse(f"printed[{name!r}]", f"have shape {fresh[name].shape}", np.array(values, dtype=object))
    in_order = {name: printed[name] for name in fresh if name in printed}
    with np.errstate(all="ignore"):  # a slip made on purpose may leave the logarithm's range
        return Audit(tuple(_findings(given, in_order, fresh)))


def _findings(given: _Given, printed: dict[str, Any], fresh: dict[str, ndarray]) -> Iterator[Finding]:
    claims = {name: _numbers(f"printed[{name!r}]", values) for name, values in printed.items()}
    halves = {name: _half_units(values) for name, values in printed.items()}
    here, doubt = _iteration(given, claims), _doubts(given, claims, halves)
    slipped = False
    for name, claim in claims.items():
        for at in zip(*np.nonzero(~np.isnan(np.atleast_1d(claim))), strict=True):
            at = at if claim.ndim else ()
            near = _Near(*(float(part[name][at]) for part in (claims, halves, doubt)))
            exactly, expected = float(fresh[name][at]), float(here[name][at])
            text, verdict = str(np.array(printed[name], dtype=object)[at]), SLIP
            why: tuple[str, ...] = ()
            impossible = False
            if near.as_printed(exactly):
                verdict = RIGHT
            elif near.cut(exactly):
                verdict = CUT
            elif near.as_follows(expected):
                verdict = AFTER if slipped else FOLLOWS
            else:
                slipped, impossible = True, _impossible(given, name, near.value)
                why = tuple(_named(given, claims, name, at, near))[:3]
            shown = expected if verdict == SLIP else exactly
            yield Finding(_label(name, at), text, verdict, shown, why, impossible)


class _Near(NamedTuple):
    """A printed number, half a unit of its last digit, and how far the numbers before it can move it."""

    value: float
    half: float
    doubt: float

    def as_printed(self, number: float) -> bool:
        return abs(number - self.value) <= self.half * ALMOST

    def as_follows(self, number: float) -> bool:
        return abs(number - self.value) <= self.half * TWICE + self.doubt

    def cut(self, number: float) -> bool:
        dropped = abs(number) - abs(self.value)
        return number * self.value >= 0 and 0 <= dropped <= 2 * self.half * ALMOST


def _named(
    given: _Given, claims: dict[str, ndarray], name: str, at: tuple[int, ...], near: _Near
) -> Iterator[str]:
    """The slips that, made on purpose, give what is printed."""
    for slip in SLIPS:
        alone, after = (float(_iteration(given, known, slip)[name][at]) for known in ({}, claims))
        if near.as_printed(alone) or near.as_follows(after):
            yield slip
    if name[0] == "z":
        yield from (
            slip for slip, sum_ in _sums(given, claims, int(name[1:]), at[0]) if near.as_printed(sum_)
        )
    if name == "errors" and near.as_printed(float(_iteration(given, {})["loss"])):
        yield "the total in the place of one output's error"


def _iteration(given: _Given, claims: Mapping[str, ndarray], slip: str = "") -> dict[str, ndarray]:
    """All numbers of one iteration in order, each from the claims before it; with a slip on purpose."""
    found: dict[str, ndarray] = {}

    def go_on_with(name: str, value: Any) -> ndarray:
        found[name] = value = np.asarray(value, dtype=float)
        claim = claims.get(name)
        return value if claim is None else np.where(np.isnan(claim), value, claim)

    depth, z, a = len(given.W), [given.x], [given.x]
    bias = {"bias forgotten": 0, "bias added twice": 2}.get(slip, 1)
    functions = [ACTIVATIONS[name] for name in given.activations]
    for l, (W, b, (function, _, _)) in enumerate(zip(given.W, given.b, functions, strict=True), start=1):
        if slip == "sigmoid not divided":
            function = _not_divided
        elif slip == "tanh in place of sigmoid":
            function = np.tanh
        z.append(go_on_with(f"z{l}", W @ a[-1] + bias * b))
        a.append(go_on_with(f"a{l}", function(z[-1])))
    if given.target is None:
        return found

    price, steepness = LOSSES[given.loss]
    factor = {"half forgotten": 2.0, "half too many": 0.5}.get(slip, 1.0)
    errors = go_on_with("errors", factor * price(a[-1], given.target))
    go_on_with("loss", errors.mean() if slip == "mean in place of sum" else errors.sum())
    new_W, new_b = list(given.W), list(given.b)
    da = factor * steepness(a[-1], given.target) * (-1 if slip == "wrong sign" else 1)
    forgotten = {"slope of the output forgotten": [depth], "hidden slope forgotten": range(1, depth)}
    for l in range(depth, 0, -1):
        slope = functions[l - 1][1](z[l], a[l])
        dz = go_on_with(f"dz{l}", da if l in forgotten.get(slip, ()) else da * slope)
        dW = go_on_with(f"dW{l}", np.outer(dz, a[l - 1]))
        if given.lr is not None:
            new_W[l - 1] = go_on_with(f"W{l} new", given.W[l - 1] - given.lr * dW)
            new_b[l - 1] = given.b[l - 1] - given.lr * dz * given.biases_move
        late = slip == "updated weights used on the way back"
        da = dz @ (new_W if late else given.W)[l - 1]
    if given.lr is None:
        return found
    output = given.x
    for W, b, (function, _, _) in zip(new_W, new_b, functions, strict=True):
        output = function(W @ output + b)
    output = go_on_with("output after", output)
    go_on_with("loss after", price(output, given.target).sum())
    return found


def _not_divided(z: ndarray) -> ndarray:
    return 1 + np.exp(np.minimum(-z, 700))


def _doubts(
    given: _Given, claims: Mapping[str, ndarray], halves: Mapping[str, ndarray]
) -> dict[str, ndarray]:
    """How far the rounding of the claims before it can move each number: |derivative| times half a unit."""
    total = {name: np.zeros(value.shape) for name, value in _iteration(given, claims).items()}
    for name, claim in claims.items():
        for at in zip(*np.nonzero(~np.isnan(np.atleast_1d(claim))), strict=True):
            where = at if claim.ndim else ()
            ends = []
            for sign in (1, -1):
                moved = claim.copy()
                moved[where] += sign * halves[name][where]
                ends.append(_iteration(given, {**claims, name: moved}))
            for later, doubt in total.items():
                doubt += np.abs(ends[0][later] - ends[1][later]) / 2
    return total


def _sums(given: _Given, claims: Mapping[str, ndarray], l: int, k: int) -> Iterator[tuple[str, float]]:
    """What neuron k of layer l adds up with a weight of its neighbour, or with inputs that were cut."""
    W, b = given.W[l - 1], given.b[l - 1][k]
    a = given.x if l == 1 else _iteration(given, claims)[f"a{l - 1}"]
    if l > 1 and f"a{l - 1}" in claims:
        a = np.where(np.isnan(claims[f"a{l - 1}"]), a, claims[f"a{l - 1}"])
    for other, j in itertools.product(range(len(W)), range(len(a))):
        if other != k:
            slip = f"weight {j + 1} of neuron {other + 1} in place of its own"
            yield slip, float(W[k] @ a + (W[other, j] - W[k, j]) * a[j] + b)
    for digits in range(2, 7):
        place = 10.0 ** (digits - 1 - np.floor(np.log10(np.maximum(np.abs(a), 1e-12))))
        yield f"activations cut to {digits} digits", float(W[k] @ (np.trunc(a * place) / place) + b)


def _impossible(given: _Given, name: str, value: float) -> bool:
    if name[0] != "a":
        return False
    low, high = ACTIVATIONS[given.activations[int(name[1:]) - 1]][2]
    return not low <= value <= high


def _label(name: str, at: tuple[int, ...]) -> str:
    """The name of one entry, counted from 1: ``W1_12 new`` is in row 1 and column 2 of ``W1 new``."""
    head, space, rest = name.partition(" ")
    index = "".join(str(i + 1) for i in at)
    return f"{head}_{index}{space}{rest}" if index else name


def _fit_together(
    x: ndarray, weights: list[ndarray], biases: list[ndarray], activations: list[str], target: ndarray | None
) -> None:
    if x.ndim != 1:
        refuse("x", "be the numbers of one example", x)
    for name, several in (("b", biases), ("activation", activations)):
        if len(several) != len(weights):
            refuse(name, f"have one entry for each of the {len(weights)} layers in W", several)
    senders = len(x)
    for k, (layer, bias) in enumerate(zip(weights, biases, strict=True)):
        if layer.ndim != 2 or layer.shape[1] != senders:
            refuse(f"W[{k}]", f"have a row for each neuron, with {senders} weights in it", layer)
        if bias.shape != (len(layer),):
            refuse(f"b[{k}]", f"hold one bias for each of {len(layer)} neurons", bias)
        finite(f"W[{k}]", layer)
        finite(f"b[{k}]", bias)
        senders = len(layer)
    if target is not None and target.shape != (senders,):
        refuse("target", f"hold one number for each of {senders} outputs", target)
    finite("x", x)


def _numbers(name: str, values: Any) -> ndarray:
    """Printed numbers as floats, NaN where nothing is printed."""
    texts = np.array(values, dtype=object)
    if any(isinstance(text, list | tuple) for text in texts.ravel()):
        refuse(name, "have rows of one length", values)
    return np.array([_number(name, text) for text in texts.ravel()]).reshape(texts.shape)


def _number(name: str, text: Any) -> float:
    if text is None:
        return np.nan
    try:
        return float(str(text).replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        refuse(name, "hold numbers such as '0.70', with a point and nothing behind the digits", text)


def _half_units(values: Any) -> ndarray:
    """Half a unit of each last printed digit."""
    texts = np.array(values, dtype=object)
    return np.array([_half_unit(str(text).lower()) for text in texts.ravel()]).reshape(texts.shape)


def _half_unit(text: str) -> float:
    mantissa, _, exponent = text.partition("e")
    return 0.5 * 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2])) if text != "none" else np.nan
