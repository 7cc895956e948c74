"""Which network is it? Somebody's own arrays, in any layout, read as a chain of known operations.

A reading is believed only if it gives the same loss at nine points, up to a factor and a penalty on the
weights. Then the network can go backward with each mistake of the table, in the layout that it came in.
"""

import copy
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np

from bphelpers.numeric import Array, one_number
from bphelpers.teaching.gradcheck.gradients import Hypothesis
from bphelpers.teaching.gradcheck.mistakes import Counts, Gradients, Mistake
from bphelpers.teaching.gradcheck.operations import OPERATIONS
from bphelpers.teaching.gradcheck.rerun import Rerun, Step
from bphelpers.teaching.gradcheck.theirs import INPUTS

Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class Part:
    """An operation of the chain, and the names of its parameters."""

    operation: str
    names: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def parameters(self) -> list[Any]:
        """As a layer has them."""
        return [SimpleNamespace(name=name) for name in self.names]


SLOPED = [Part(name) for name in ("sigmoid", "tanh", "relu", "leaky_relu", "gelu")]
SLOPED += [Part("leaky_relu", options={"slope": slope}) for slope in (0.1, 0.2, 0.05)]
SOFTMAX, NONE = Part("softmax"), None
ENDS = [(end, "mse") for end in (NONE, SOFTMAX, *SLOPED)]
ENDS += [(NONE, "binary_cross_entropy"), (NONE, "softmax_cross_entropy")]
ENDS_OF_FUNCTION = [(end, "") for end in (NONE, SOFTMAX, Part("log_softmax"), *SLOPED)]
NEAR, POINTS = 4, 9  # where losses are compared
FORMS = {0: ("one",), 1: ("one", "many"), 2: ("rows", "columns")}  # of the inputs, by their dimensions


@dataclass(frozen=True)
class Reading:
    """What arrays are taken for; ``turned`` weights are (d_in, d_out), ``target`` is y or dout, in rows."""

    inputs: str
    form: str
    turned: bool
    parts: tuple[Part, ...]
    loss: str = ""
    target: Any = None

    def in_rows(self, name: str, array: Array) -> Array:
        """An array as the operations of the package take it."""
        if name == self.inputs:
            array = array.T if self.form == "columns" else array
            shapes = {"one": (1, -1), "many": (-1, 1)}
            return array.reshape(shapes.get(self.form) or (len(array), -1))
        if not self._is_weight(name):
            return array.reshape(-1)
        return (array.T if self.turned else array) if array.ndim == 2 else array.reshape(1, -1)

    def as_given(self, name: str, array: Array, like: Array) -> Array:
        """A gradient as somebody would have it; what has another shape stays so."""
        turned = self.turned if self._is_weight(name) else self.form == "columns"
        array = array.T if turned else array
        fits = array.size == like.size and (array.ndim != like.ndim or not self._is_weight(name))
        return array.reshape(like.shape) if fits else array

    def _is_weight(self, name: str) -> bool:
        return any(part.operation == "linear" and part.names[0] == name for part in self.parts)

    def steps(self, arrays: Arrays) -> list[Step]:
        """The chain on these arrays."""
        out, steps = self.in_rows(self.inputs, arrays[self.inputs]), []
        for i, part in enumerate(self.parts, 1):
            operation, options = OPERATIONS[part.operation], dict(part.options)
            given = [out, *(self.in_rows(name, arrays[name]) for name in part.names)]
            values = dict(zip(operation.takes, given, strict=False))
            out = operation.forward(values, **options)
            steps.append(Step(part, out, operation, values, options, i))
        return steps

    def last(self, out: Array) -> Step:
        """The loss, or the sum of dout * out."""
        if not self.loss:
            return Step(SimpleNamespace(backward=lambda: self.target), np.sum(self.target * out))
        operation = OPERATIONS[self.loss]
        values = dict(zip(operation.takes, (out, self.target), strict=True))
        return Step(None, operation.forward(values), operation, values)

    def value(self, arrays: Arrays) -> float:
        """What the chain ends in."""
        steps = self.steps(arrays)
        out = steps[-1].out if steps else self.in_rows(self.inputs, arrays[self.inputs])
        return float(self.last(out).out)

    @cached_property
    def linears(self) -> list[Part]:
        """The layers with weights."""
        return [part for part in self.parts if part.operation == "linear"]

    def lines(self, i: int) -> dict[str, str]:
        """The right lines of linear layer ``i``, in the names that its arrays have."""
        W, *b = map(_symbol, self.linears[i].names)
        digits = re.search(r"\d*$", W)[0]  # type: ignore[index]
        before = re.search(r"\d*$", _symbol(self.linears[i - 1].names[0]))[0]  # type: ignore[index]
        x, dz = (f"a{before}" if digits else "a") if i else self.inputs, f"dz{digits}"
        columns, turned, flat = self.form == "columns", self.turned, self.form == "one"
        if flat:
            dW = f"np.outer({x}, {dz})" if turned else f"np.outer({dz}, {x})"
        else:
            one, other = (x, dz) if turned else (dz, x)
            dW = f"{one} @ {other}.T" if columns else f"{one}.T @ {other}"
        by, other_way = (f"{W}.T", W) if turned else (W, f"{W}.T")  # by is (d_out, d_in)
        z, dx = (f"{by} @ {x}", f"{other_way} @ {dz}") if columns else (f"{x} @ {other_way}", f"{dz} @ {by}")
        summed = dz if flat else f"{dz}.sum(axis={int(columns)})"
        return {"z": z, "dW": f"d{W} = {dW}", "db": f"d{b[0] if b else 'b'} = {summed}", "dx": f"d{x} = {dx}"}

    def __str__(self) -> str:
        said, i = [], 0
        for part in self.parts:
            said.append(part.operation)
            if part.operation == "linear":
                said[-1] = " + ".join([self.lines(i)["z"], *map(_symbol, part.names[1:])])
                i += 1
        return ", ".join([*said, self.loss] if self.loss else said)


def _symbol(name: str) -> str:
    words = [word for word in re.split(r"[.\s]", name) if word.isidentifier()]
    return words[-1] if words else name


class Recognised(Rerun):
    """Somebody's network, ready to go back with one rule replaced; its loss is ``scale`` times that known.

    ``decay`` times the squares of those ``decayed`` is added.
    """

    def __init__(
        self, reading: Reading, arrays: Arrays, decayed: list[str], scale: float, decay: float = 0.0
    ) -> None:
        self.reading, self.arrays, self.decayed, self.scale, self.decay = (
            reading,
            arrays,
            decayed,
            scale,
            decay,
        )
        steps = reading.steps(arrays)
        self.rows = steps[-1].out if steps else reading.in_rows(reading.inputs, arrays[reading.inputs])
        self.net = Step(None, self.rows, inside=tuple(steps))
        self.loss = reading.last(self.rows)

    def backward(self, replaced: Mapping[int, Mistake]) -> Gradients:
        """Gradients by name, in the layout in which the arrays came."""
        dy_hat, _ = self.loss.backward(None, replaced)
        dx, grads = self.net.backward(np.asarray(dy_hat * self.scale), replaced)
        grads[self.reading.inputs] = dx
        for name, gradient in grads.items():
            own = self.reading.as_given(name, gradient, self.arrays[name])
            penalised = name in self.decayed and own.shape == self.arrays[name].shape
            grads[name] = own + 2 * self.decay * self.arrays[name] if penalised else own
        return grads

    def value(self, **moved: Array) -> float:
        """The loss, as it was recognised."""
        arrays = {**self.arrays, **moved}
        penalty = sum(float(np.sum(arrays[name] ** 2)) for name in self.decayed)
        return self.scale * self.reading.value(arrays) + self.decay * penalty

    def hypotheses(self, found: Gradients, lr: float | None) -> list[Hypothesis]:
        """What each mistake gives in each place, said in the names of the arrays."""
        made, reading = [], self.reading
        alone = len(reading.parts) + bool(reading.loss) == 1
        for h in super().hypotheses(found, lr):
            place = "" if alone else re.sub(r"In layer \d+, (\w+)|layer \d+", self._place, h.place)
            touched = [i for i, part in enumerate(reading.linears) if h.arrays.keys() & set(part.names)]
            letters = None
            if reading.linears:
                last = max(touched, default=-1)
                after = reading.lines(min(last + 1, len(reading.linears) - 1))
                letters = reading.lines(max(last, 0)) | {"z": after["z"], "dx": after["dx"]}
            made.append(replace(h, place=place, letters=letters))
        return made

    def _place(self, match: re.Match[str]) -> str:
        """Of "In layer 2, sigmoid": "In the sigmoid after W1"."""
        layer = int(re.search(r"\d+", match[0])[0])  # type: ignore[index]
        before = [part.names[0] for part in self.reading.parts[:layer] if part.operation == "linear"]
        after = f" after {_symbol(before[-1])}" if before else ""
        return f"In the {match[1]}{after}" if match[1] else f"the one{after}"

    def counts(self, lr: float | None) -> Counts:
        """What factors may come from."""
        n, k = self.rows.shape if self.reading.loss else (len(self.rows), None)
        adds_up = n > 1 and any(np.isclose(self.scale, n * part, rtol=1e-6) for part in (1, 0.5))
        return Counts(None, None, lr, summed=n) if adds_up else Counts(n, k, lr)


def recognised(
    loss: Callable[..., Any],
    moving: Arrays,
    inputs: Arrays,
    targets: Sequence[Any] = (),
    dout: Array | None = None,
) -> Recognised | None:
    """The first reading that gives ``loss(**moving)`` at all points, or None.

    ``inputs`` may be what goes in, ``targets`` what is compared with; with ``dout`` the loss is the sum of
    dout * out.
    """
    points = [{name: _moved(name, array, i) for name, array in moving.items()} for i in range(POINTS)]
    try:
        values = np.array([one_number(loss(**copy.deepcopy(point)), "loss") for point in points])
    except ValueError:  # which is told when the slopes are measured
        return None
    # Far away a small number in a logarithm may show, and what differs there differs by more.
    close = np.where(np.arange(POINTS) < NEAR, 1e-6, 1e-5) * np.abs(values)
    for reading in _readings(moving, inputs, targets, dout):
        try:
            with np.errstate(all="ignore"):
                likely = [reading.value({**inputs, **point}) for point in points]
        except (ValueError, IndexError):
            continue
        weights = [name for part in reading.linears for name in part.names]
        for decayed in [[]] if dout is not None else [[], [p.names[0] for p in reading.linears], weights]:
            penalty = [sum(float(np.sum(point[name] ** 2)) for name in decayed) for point in points]
            terms = np.array([likely, penalty][: 1 + bool(decayed)]).T
            if not np.isfinite(terms).all():
                break
            factors = np.linalg.lstsq(terms / close[:, None], values / close, rcond=None)[0]
            if (np.abs(terms @ factors - values) <= close).all() and factors[0]:
                return Recognised(reading, {**inputs, **moving}, decayed, *map(float, factors))
    return None


def _moved(name: str, array: Array, i: int) -> Array:
    """A few percent away, numbers that are 0 too; at the last points, weights and biases go far."""
    way = np.cos(1 + 2 * i + np.arange(array.size)).reshape(array.shape)
    far = i >= NEAR and _symbol(name)[0].lower() in "wb"
    size = 0.5 if far else 0.02 * np.where(array == 0, 1.0, np.abs(array))
    return np.asarray(array + size * way)


def _readings(
    moving: Arrays, inputs: Arrays, targets: Sequence[Any], dout: Array | None
) -> Iterator[Reading]:
    arrays = {**inputs, **moving}
    for name in sorted(arrays, key=lambda name: (name not in INPUTS, name[0].lower() in "wb")):
        x = arrays[name]
        rest = {other: array for other, array in moving.items() if other != name}
        for form, turned in itertools.product(FORMS[min(x.ndim, 2)], (True, False)):
            start = Reading(name, form, turned, ())
            rows = start.in_rows(name, x)
            for chain in _chains(rest, rows.shape[1], turned):
                for parts in _with_activations(chain):
                    for end, kind in ENDS if dout is None else ENDS_OF_FUNCTION:
                        whole = replace(start, parts=(*parts, end) if end else parts, loss=kind)
                        try:
                            out = whole.steps(arrays)
                        except ValueError:
                            continue
                        shape = out[-1].out.shape if out else rows.shape
                        for target in targets if dout is None else [dout]:
                            for fitting in _targets(kind, np.asarray(target), shape, form):
                                yield replace(whole, target=fitting)


def _chains(arrays: Arrays, d: int, turned: bool) -> Iterator[tuple[Part, ...]]:
    """All arrays as parameters, one layer after another, such that the sizes fit."""
    biases = [name for name, array in arrays.items() if _is_bias(name, array)]
    weights = [name for name in arrays if name not in biases]
    if not weights and len(biases) == 2:
        for kind, eps in itertools.product(("layer_norm", "batch_norm"), (1e-5, 1e-8, 1e-6, 1e-7, 1e-3)):
            yield (Part(kind, tuple(biases), {"eps": eps}),)
    if len(weights) > 4 or len(biases) > len(weights):
        return
    for order in itertools.permutations(range(len(weights))):
        left, size, chain = list(biases), d, []
        for i in order:
            W = arrays[weights[i]]
            shape = (1, W.size) if W.ndim < 2 else W.shape[::-1] if turned else W.shape
            # As many biases as weights belong to each other by position, fewer by their size.
            own = biases[i] if len(biases) == len(weights) else left[0] if left else None
            fits = own is not None and own in left and arrays[own].size == shape[0]
            if shape[1] != size or (not fits and len(biases) == len(weights)):
                break
            if fits:
                left.remove(str(own))
            chain.append(Part("linear", (weights[i], str(own)) if fits else (weights[i],)))
            size = shape[0]
        else:
            if not left:
                yield tuple(chain)


def _is_bias(name: str, array: Array) -> bool:
    called = re.search(r"(^|[._])b", name.lower()) is not None
    return (array.ndim < 2 and (called or not name.lower().startswith("w"))) or (called and 1 in array.shape)


def _with_activations(chain: tuple[Part, ...]) -> Iterator[tuple[Part, ...]]:
    """The same activation everywhere first; up to three layers also mixed ones."""
    between = max(len(chain) - 1, 0)
    kinds: list[Part | None] = [*SLOPED, NONE]
    mixed = itertools.product(kinds, repeat=between) if between == 2 else ()
    for activations in itertools.chain(
        ((kind,) * between for kind in kinds[: None if between else 1]), mixed
    ):
        woven = itertools.chain.from_iterable(zip(chain, (*activations, NONE), strict=False))
        yield tuple(part for part in woven if part)


def _targets(loss: str, target: Any, shape: tuple[int, ...], form: str) -> Iterator[Any]:
    """What the target may be, as the loss takes it."""
    n, k = shape
    found = []
    if target.size == n * k:
        found.append((target.T if form == "columns" else target).reshape(n, k))
    if k > 1 and target.size == n and loss and np.isin(target, np.arange(k)).all():
        found.append(np.eye(k)[target.ravel().astype(int)])
    for rows in found:
        if loss != "softmax_cross_entropy":
            if loss != "binary_cross_entropy" or (rows.min() >= 0 and rows.max() <= 1):
                yield rows
        elif k > 1 and np.isin(rows, (0, 1)).all() and (rows.sum(axis=1) == 1).all():
            yield rows.argmax(axis=1)
