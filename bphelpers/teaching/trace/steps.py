"""One training iteration as a list of steps."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bphelpers import functional as F
from bphelpers import nn
from bphelpers.arguments import refuse
from bphelpers.teaching.numbers import number
from bphelpers.teaching.trace import formula as f
from bphelpers.teaching.trace.layers import Array, HalfSquares, Iteration, iterate

MOST_SINGLE_WEIGHTS = 40  # a network with more is followed neuron by neuron, not weight by weight
MOST_TERMS = 4  # of a sum over examples

Neurons = tuple[tuple[int, int], ...]
Weights = tuple[tuple[int, int, int], ...]
said = partial(number, style="sentence")


@dataclass(frozen=True)
class Step:
    """One step of one training iteration. Its formulas are MathML; a line may break at a newline. [05]

    ``name`` is what it finds, counted from 1: ``"z1_2"`` is the weighted sum of neuron 2 in layer 1,
    ``"dW2_13"`` the derivative for the weight to its neuron 1 from neuron 3 of the layer before, ``"W2_13
    new"`` that weight after the update. ``kind`` is ``input, sum, activation, probability, loss,
    d_activation, d_sum, d_weight, d_bias`` or ``update``.
    """

    name: str
    kind: str
    formula: str  # in symbols
    numbers: str  # with the numbers put in
    sentence: str  # in plain words
    finds: Mapping[str, float]  # name of each quantity that is now known to its value
    neurons: Neurons  # those at work, as (layer, number): inputs are layer 0, the loss stands after the last
    weights: Weights = ()  # those at work, as (layer, receiver, sender)

    @property
    def direction(self) -> str:
        """``forward``, ``backward`` or ``update``."""
        return "backward" if self.kind.startswith("d_") else "update" if self.kind == "update" else "forward"

    @property
    def value(self) -> float | NDArray[np.float64]:
        """What the step finds: a number, or several in an array."""
        values = list(self.finds.values())
        return values[0] if len(values) == 1 else np.array(values)

    def __str__(self) -> str:
        return self.sentence


def trace(
    net: nn.Sequential,
    loss: nn.Loss,
    x: ArrayLike,
    y: ArrayLike,
    lr: float | None = None,
    *,
    example: int = 0,
    fixed: Collection[str] = (),
    names: Mapping[str, str] | None = None,
) -> list[Step]:
    r"""The steps of one training iteration on a copy of the network, in the order of backpropagation. [05]

    ``net`` is a Sequential of Linear, Sigmoid, Tanh and ReLU, up to 5 layers of 8; beyond 40 weights, a step
    follows all weights to a neuron at once. ``x`` and ``y`` are one example or a batch: then neurons show the
    values of one ``example``, and derivatives for weights add up all. Without ``lr`` there is no update.
    Parameters that are ``fixed``, as ``("b1", "b2")``, get no derivative. ``names`` are other names for
    quantities, as ``{"W1_11": "w_1"}``; what stands after ``_`` is set below.

    >>> from bphelpers.teaching.trace import HalfSquares, running_example
    >>> net, x, y, lr = running_example()
    >>> found = {step.name: step for step in trace(net, HalfSquares(), x, y, lr)}
    >>> print(found["a1_1"], found["a1_1"].numbers, sep="\n")
    The sigmoid of 0.3775 is 0.59327: that is what hidden neuron 1 puts out.
    <mi>σ</mi><mo>(</mo><mn>0.3775</mn><mo>)</mo>
    <mo form="infix">=</mo><mn>0.59327</mn>
    """
    tracer = _Tracer(iterate(net, loss, x, y, lr), lr, example, set(fixed), names or {})
    steps = list(tracer.steps())
    if tracer.unused:
        refuse("names", "be of quantities of this network", sorted(tracer.unused))
    return steps


def _step(
    kind: str,
    name: str,
    finds: Mapping[str, float],
    left: str,
    right: str,
    numbers: str,
    sentence: str,
    neurons: Iterable[tuple[int, int]],
    weights: Iterable[tuple[int, int, int]] = (),
) -> Step:
    """Left is right in symbols; the numbers, if there are any to put in, are what the step finds."""
    values = [f.number(value) for value in finds.values()]
    shown = values[0] if name in finds else f.listed(values)
    numbers = numbers + f.EQUALS + shown if numbers else shown
    return Step(
        name, kind, left + f.EQUALS * bool(left) + right, numbers, sentence, finds, (*neurons,), (*weights,)
    )


class _Tracer:
    """Puts the numbers of one iteration into formulas and words.

    Layers and neurons are counted from 1, and layer 0 are the inputs. l is a layer, j one of its neurons, k
    one of the layer before.
    """

    def __init__(
        self, run: Iteration, lr: float | None, example: int, fixed: set[str], names: Mapping[str, str]
    ) -> None:
        self.run, self.layers, self.lr, self.loss = run, run.layers, lr, run.loss
        self.n, self.depth, self.example = len(run.x), len(run.layers), example
        self.fixed, self.names, self.unused = fixed, names, set(names)
        if not 0 <= example < self.n:
            refuse("example", f"be a row of the batch, 0 to {self.n - 1}", example)
        parameters = [p for layer in self.layers for p in (layer.linear.W, layer.linear.b) if p is not None]
        if strangers := fixed - {p.name for p in parameters}:
            refuse("fixed", f"hold some of {[p.name for p in parameters]}", sorted(strangers))
        weights = sum(layer.linear.W.data.size for layer in self.layers)
        self.single = weights <= MOST_SINGLE_WEIGHTS  # a step for each weight, not for each row of them
        self.squares = isinstance(self.loss, nn.MSELoss)
        self.classes = isinstance(self.loss, nn.CrossEntropyLoss)
        outputs = self.layers[-1].a
        # The class as 0 and 1, as the pictures show it.
        self.targets = np.eye(outputs.shape[1])[run.y] if self.classes else run.y
        self.p = F.softmax(outputs) if self.classes else F.sigmoid(outputs)

    def steps(self) -> Iterator[Step]:
        """Forward, loss, backward, update."""
        yield self._inputs()
        for l in range(1, self.depth + 1):
            yield from self._sums(l)
            if self.layers[l - 1].activation is not None:
                yield from self._activations(l)
        if not self.squares:
            yield from self._probabilities()
        yield self._loss()
        for l in range(self.depth, 0, -1):
            yield from self._deltas(l)
            yield from self._gradients(l)
        if self.lr is not None:
            for l in range(1, self.depth + 1):
                yield from self._updates(l)

    # ----------------------------------------------------------------------------------- names and words

    def neurons(self, l: int) -> range:
        """The neurons of layer l."""
        layer = self.layers[max(l, 1) - 1]
        return range(1, (layer.inputs if l == 0 else layer.z).shape[1] + 1)

    def groups(self, l: int) -> list[Sequence[int]]:
        """The senders to layer l, as many at a time as a step follows."""
        senders = self.neurons(l - 1)
        return [[k] for k in senders] if self.single else [senders]

    def symbol(self, letter: str, l: int | None, index: object = "") -> str:
        """The symbol of a quantity: the one asked for, or the course's."""
        key = f"{letter}{l or ''}_{index}" if index else letter
        if key in self.names:
            self.unused.discard(key)
            name, _, below = self.names[key].partition("_")
            return f.symbol(name, "", below)
        if letter == "a" and l == self.depth and self.squares:
            return f.symbol("y", "", str(index), hat=True)
        return f.symbol("δ" if letter == "dz" else letter, str(l or ""), str(index))

    def sent(self, l: int, k: object) -> str:
        """Symbol of what neuron k of layer l puts out."""
        if l == 0:
            return self.symbol("x", None, k)
        bare = self.layers[l - 1].activation is None and not (l == self.depth and self.squares)
        return self.symbol("z" if bare else "a", l, k)

    def slope_of_loss(self, by: str) -> str:
        """The fraction dL by d(symbol)."""
        return f.partial(self.symbol("L", None), by)

    def neuron(self, l: int, j: int) -> str:
        """A neuron in words."""
        if l in (0, self.depth):
            return f"output {j}" if l else f"input {j}"
        return f"hidden neuron {j}" + (f" of layer {l}" if self.depth > 2 else "")

    def added(self) -> str:
        """Said of derivatives for parameters."""
        return f", added up over {self.n} examples" if self.n > 1 else ""

    # ----------------------------------------------------------------------------------- forward

    def _inputs(self) -> Step:
        row = self.run.x[self.example]
        which = f" of example {self.example + 1} of {self.n}" if self.n > 1 else ""
        are = "inputs are" if len(row) > 1 else "input is"
        letters = [self.symbol("x", None, k) for k in self.neurons(0)]
        return _step(
            "input", "x", {f"x_{k}": float(v) for k, v in enumerate(row, 1)},
            f.symbol("x"), f.listed(letters), "",
            f"The {are} {_and(row)}{which}.", ((0, k) for k in self.neurons(0)),
        )  # fmt: skip

    def _sums(self, l: int) -> Iterator[Step]:
        layer, senders = self.layers[l - 1], self.neurons(l - 1)
        row, bias = layer.inputs[self.example], layer.linear.b
        for j, z in zip(self.neurons(l), map(float, layer.z[self.example]), strict=True):
            W, b = layer.linear.W.data[j - 1], None if bias is None else float(bias.data[j - 1])
            symbols = [self.symbol("W", l, f"{j}{k}") + f.TIMES + self.sent(l - 1, k) for k in senders]
            numbers = _products(W, row)
            if b is not None:
                symbols.append(self.symbol("b", l, j))
                numbers.append(f.factor(b))
            name, neuron, words = self.symbol("z", l, j), self.neuron(l, j), _sum_in_words(W, row, b)
            if layer.activation is None and l == self.depth and self.squares:
                name = self.sent(l, j) + f.EQUALS + name
            yield _step(
                "sum", f"z{l}_{j}", {f"z{l}_{j}": z},
                name, f.total(symbols), f.total(numbers),
                f"{neuron[0].upper()}{neuron[1:]} adds up {words}: the weighted sum is {said(z)}.",
                ((l, j),), ((l, j, k) for k in senders),
            )  # fmt: skip

    def _activations(self, l: int) -> Iterator[Step]:
        layer = self.layers[l - 1]
        called = {"σ": "sigmoid", "tanh": "hyperbolic tangent", "ReLU": "ReLU"}[layer.function]
        for j in self.neurons(l):
            z, a = float(layer.z[self.example, j - 1]), float(layer.a[self.example, j - 1])
            yield _step(
                "activation", f"a{l}_{j}", {f"a{l}_{j}": a},
                self.sent(l, j), f.call(layer.function, self.symbol("z", l, j)),
                f.call(layer.function, f.number(z)),
                f"The {called} of {said(z)} is {said(a)}: that is what {self.neuron(l, j)} puts out.",
                ((l, j),),
            )  # fmt: skip

    def _probabilities(self) -> Iterator[Step]:
        row, outputs = self.layers[-1].a[self.example], self.neurons(self.depth)
        e = f.symbol("e")
        for j, p in zip(outputs, map(float, self.p[self.example]), strict=True):
            out, value = self.sent(self.depth, j), f.number(row[j - 1])
            if self.classes:
                below = f.total(f.power(e, self.sent(self.depth, k)) for k in outputs)
                symbols = f.fraction(f.power(e, out), below)
                numbers = f.fraction(f.power(e, value), f.total(f.power(e, f.number(v)) for v in row))
                words = f"Softmax makes probabilities of the outputs: class {j} gets {said(p)}."
            else:
                symbols, numbers = f.call("σ", out), f.call("σ", value)
                words = f"The sigmoid of output {j} is the probability of a yes: {said(p)}."
            at_work = outputs if self.classes else [j]
            yield _step(
                "probability", f"p_{j}", {f"p_{j}": p},
                self.symbol("p", None, j), symbols, numbers, words, ((self.depth, k) for k in at_work),
            )  # fmt: skip

    # ----------------------------------------------------------------------------------- the loss

    def _loss(self) -> Step:
        value, n = self.run.value, self.n
        cost, numbers, how = self._squares() if self.squares else self._cross_entropy()
        words = f"The loss is {how}: {said(value)}."
        if n > 1:
            mean = f.fraction(f.number(1), f.number(n))
            cost = mean + f.sum_over("n") + f.symbol("L", "", "n")  # L_n: what example n costs
            numbers = mean + f.parens(f.total(map(f.number, self.run.costs), MOST_TERMS))
            words = (
                f"The loss is the mean over {n} examples of {how}. "
                f"This example costs {said(self.run.costs[self.example])}; the mean is {said(value)}."
            )
        outputs = ((self.depth, j) for j in self.neurons(self.depth))
        return _step(
            "loss", "L", {"L": value}, self.symbol("L", None), cost, numbers, words,
            (*outputs, (self.depth + 1, 1)),
        )  # fmt: skip

    def _squares(self) -> tuple[str, str, str]:
        """What one example costs: in symbols, in numbers, in words."""
        off = [
            self.sent(self.depth, j) + f.LESS + self.symbol("y", None, j) for j in self.neurons(self.depth)
        ]
        pairs = zip(self.layers[-1].a[self.example], self.targets[self.example], strict=True)
        numbers_off = [f.number(out) + f.LESS + f.factor(y) for out, y in pairs]
        two = f.number(2)
        cost, numbers = (f.total(f.power(f.parens(one), two) for one in each) for each in (off, numbers_off))
        words = "the sum of the squared differences from the targets"
        if not isinstance(self.loss, HalfSquares):
            return cost, numbers, words
        half = f.fraction(f.number(1), two)
        return half + f.parens(cost), half + f.parens(numbers), f"half {words}"

    def _cross_entropy(self) -> tuple[str, str, str]:
        """What one example costs: in symbols, in numbers, in words."""
        p, y = self.p[self.example], self.targets[self.example]
        one, log = f.number(1), partial(f.call, "log")
        prob = [self.symbol("p", None, j) for j in self.neurons(self.depth)]
        if self.classes:
            right = int(np.argmax(y))
            words = "minus the logarithm of the probability of the right class"
            words += f", here {right + 1}" if self.n == 1 else ""
            return f.NEGATIVE + log(prob[right]), f.NEGATIVE + log(f.number(p[right])), words
        q = F.sigmoid(-self.layers[-1].a[self.example])  # 1 - p, but not rounded to 0 where p is almost 1
        truth = [self.symbol("y", None, j) for j in self.neurons(self.depth)]
        cost = f.total(
            t + log(yes) + f.PLUS + f.parens(one + f.LESS + t) + log(one + f.LESS + yes)
            for t, yes in zip(truth, prob, strict=True)
        )
        numbers = f.total(
            f.number(t)
            + f.TIMES
            + log(f.number(yes))
            + f.PLUS
            + f.number(1 - t)
            + f.TIMES
            + log(f.number(no))
            for t, yes, no in zip(y, p, q, strict=True)
        )
        words = "the cross-entropy of targets and probabilities"
        if len(y) > 1:
            words += ", added up over the outputs"
        elif np.isin(self.targets, (0, 1)).all():
            words = "minus the logarithm of the probability given to the truth"
        return f.NEGATIVE + f.parens(cost), f.NEGATIVE + f.parens(numbers), words

    # ----------------------------------------------------------------------------------- backward

    def _deltas(self, l: int) -> Iterator[Step]:
        layer = self.layers[l - 1]
        if layer.activation is None:  # the weighted sum is what the neuron puts out: one derivative, not two
            yield from (self._arriving(l, j, "z", layer.dz) for j in self.neurons(l))
            return
        yield from (self._arriving(l, j, "a", layer.da) for j in self.neurons(l))
        for j in self.neurons(l):
            da, slope, dz = (float(v[self.example, j - 1]) for v in (layer.da, layer.slope, layer.dz))
            rule, numbers = self._slope(l, j, slope)
            z = self.symbol("z", l, j)
            yield _step(
                "d_sum", f"dz{l}_{j}", {f"dz{l}_{j}": dz},
                self.symbol("dz", l, j) + f.EQUALS + self.slope_of_loss(z),
                self.slope_of_loss(self.sent(l, j)) + f.TIMES + rule, f.factor(da) + f.TIMES + numbers,
                f"The derivative for {self.neuron(l, j)}, {said(da)}, times the slope of its activation "
                f"there, {said(slope)}, is the delta of its weighted sum: {said(dz)}.",
                ((l, j),),
            )  # fmt: skip

    def _slope(self, l: int, j: int, slope: float) -> tuple[str, str]:
        """The slope of an activation, in symbols and numbers."""
        layer = self.layers[l - 1]
        a, value = self.sent(l, j), f.number(float(layer.a[self.example, j - 1]))
        one, two = f.number(1), f.number(2)
        if layer.function == "σ":
            return a + f.parens(one + f.LESS + a), value + f.parens(one + f.LESS + value)
        if layer.function == "tanh":
            squared = f.power(f.parens(value), two)
            return f.parens(one + f.LESS + f.power(a, two)), f.parens(one + f.LESS + squared)
        return f.call("ReLU'", self.symbol("z", l, j)), f.number(slope)

    def _arriving(self, l: int, j: int, letter: str, arrived: Array) -> Step:
        """The derivative for what neuron j puts out: from the loss, or from the neurons that it feeds."""
        value, delta = float(arrived[self.example, j - 1]), letter == "z"
        left = self.slope_of_loss(self.symbol("z", l, j) if delta else self.sent(l, j))
        if delta:
            left = self.symbol("dz", l, j) + f.EQUALS + left
        after: Sequence[int] = [1]  # the loss
        weights: Weights = ()
        if l == self.depth:
            symbols, numbers, how = self._start(j)
            words = f"How fast the loss rises with output {j}: {how}, {said(value)}."
            if delta:
                words = f"The delta of output {j} is {how}: {said(value)}."
        else:
            W, d = self.layers[l].linear.W.data[:, j - 1], self.layers[l].dz[self.example]
            after = self.neurons(l + 1)
            pairs = [(self.symbol("dz", l + 1, i), self.symbol("W", l + 1, f"{i}{j}")) for i in after]
            symbols, numbers = f.total(dz + f.TIMES + w for dz, w in pairs), f.total(_products(d, W))
            weights = tuple((l + 1, i, j) for i in after)
            fed = "the delta of the neuron that it feeds times the weight between"
            if len(d) > 1:
                fed = "the deltas of the neurons that it feeds, each times the weight between, added up"
            end = f": {_sum_in_words(d, W)} is" if len(d) <= 3 else ", which makes"
            words = f"Back to {self.neuron(l, j)}: {fed}{end} {said(value)}."
        name = f"d{letter}{l}_{j}"
        return _step(
            "d_sum" if delta else "d_activation", name, {name: value}, left, symbols, numbers, words,
            ((l, j), *((l + 1, i) for i in after)), weights,
        )  # fmt: skip

    def _start(self, j: int) -> tuple[str, str, str]:
        """The derivative of the loss for output j, where the way back begins."""
        y, target = self.targets[self.example, j - 1], self.symbol("y", None, j)
        if self.squares:
            factor = 1 if isinstance(self.loss, HalfSquares) else 2
            out, found, shown = self.sent(self.depth, j), self.layers[-1].a, f.factor(y)
            words = "the output minus its target"
            if factor == 2:
                words = "twice the difference (output minus target)"
        else:
            factor, out, found, shown = 1, self.symbol("p", None, j), self.p, f.number(y)
            words = "the probability minus the target"
        symbols, numbers = out + f.LESS + target, f.number(found[self.example, j - 1]) + f.LESS + shown
        if factor > 1 or self.n > 1:
            front = f.number(factor) if self.n == 1 else f.fraction(f.number(factor), f.number(self.n))
            symbols, numbers = front + f.parens(symbols), front + f.parens(numbers)
        return symbols, numbers, words + (f", divided by the {self.n} examples" if self.n > 1 else "")

    def _gradients(self, l: int) -> Iterator[Step]:
        linear = self.layers[l - 1].linear
        for j in self.neurons(l):
            if linear.W.name not in self.fixed:
                yield from (self._weight_step(l, j, senders) for senders in self.groups(l))
            if linear.b is not None and linear.b.name not in self.fixed:
                yield self._bias_step(l, j, float(np.asarray(linear.b.grad)[j - 1]))

    def _weight_step(self, l: int, j: int, senders: Sequence[int]) -> Step:
        layer, one = self.layers[l - 1], self.n == 1
        k, to = str(senders[0]) if self.single else "k", self.neuron(l, j)
        dz, sent, dW = layer.dz[:, j - 1], layer.inputs[:, senders[0] - 1], np.asarray(layer.linear.W.grad)
        symbols = self.symbol("dz", l, j) + f.TIMES + self.sent(l - 1, k)
        if not one:
            symbols = self.symbol("dz", l, f"n{j}") + f.TIMES + self.sent(l - 1, f"n{k}")
            symbols = f.sum_over("n") + symbols
        if self.single:
            numbers = f.total(_products(dz, sent), MOST_TERMS)
            delta, output = (f", {said(dz[0])},", f", {said(sent[0])}") if one else ("", "")
            words = f"For the weight to {to} from {self.neuron(l - 1, senders[0])}: "
            words += f"the delta of the receiver{delta} times what the sender puts out{output}"
        else:
            row = f.listed(map(f.number, layer.inputs[0]))
            numbers = f.factor(dz[0]) + f.TIMES + row if one else ""
            words = f"For the weights to {to}: its delta times what each sender puts out"
        found = {f"dW{l}_{j}{i}": float(dW[j - 1, i - 1]) for i in senders}
        name = f"dW{l}_{j}{k}".removesuffix("k")
        return _step(
            "d_weight", name, found,
            self.slope_of_loss(self.symbol("W", l, f"{j}{k}")), symbols, numbers,
            f"{words}{self.added()}, is {_and([*found.values()])}.",
            ((l, j), *((l - 1, i) for i in senders)), ((l, j, i) for i in senders),
        )  # fmt: skip

    def _bias_step(self, l: int, j: int, db: float) -> Step:
        symbols, numbers = self.symbol("dz", l, j), ""
        if self.n > 1:
            symbols = f.sum_over("n") + self.symbol("dz", l, f"n{j}")
            numbers = f.total(map(f.factor, self.layers[l - 1].dz[:, j - 1]), MOST_TERMS)
        return _step(
            "d_bias", f"db{l}_{j}", {f"db{l}_{j}": db},
            self.slope_of_loss(self.symbol("b", l, j)), symbols, numbers,
            f"For the bias of {self.neuron(l, j)}: the delta itself{self.added()}, {said(db)}.", ((l, j),),
        )  # fmt: skip

    # ----------------------------------------------------------------------------------- update

    def _updates(self, l: int) -> Iterator[Step]:
        linear = self.layers[l - 1].linear
        if linear.W.name not in self.fixed:
            yield from (self._update(l, j, linear.W, s) for j in self.neurons(l) for s in self.groups(l))
        if linear.b is not None and linear.b.name not in self.fixed:
            yield from (self._update(l, j, linear.b, ()) for j in self.neurons(l))

    def _update(self, l: int, j: int, p: nn.Parameter, senders: Sequence[int]) -> Step:
        """Of the weights from these senders; of the bias, where there are none."""
        k, to = "" if not senders else str(senders[0]) if self.single else "k", self.neuron(l, j)
        at = np.s_[j - 1, senders[0] - 1 : senders[-1]] if senders else np.s_[j - 1 : j]
        old, grad, new = p.data[at], np.asarray(p.grad)[at], self.run.new[p.name][at]
        w, lr = self.symbol(p.name[0], l, f"{j}{k}"), self.lr or 0.0
        if k == "k":
            numbers = [f.listed(map(f.number, row)) for row in (old, grad)]
            words = f"The weights to {to} each move by minus {said(lr)} times their derivative, to"
        else:
            numbers = [f.number(old[0]), f.factor(grad[0])]
            what = f"weight to {to} from {self.neuron(l - 1, senders[0])}" if senders else f"bias of {to}"
            moves = "rises" if new > old else "falls" if new < old else "stays"
            words = f"The {what} {moves}: {said(old[0])} minus {said(lr)} times {said(grad[0])} is"
        keys = [f"{p.name}_{j}{i} new" for i in senders] or [f"{p.name}_{j} new"]
        name = f"{p.name}_{j}{k}".removesuffix("k") + " new"
        return _step(
            "update", name, dict(zip(keys, map(float, new), strict=True)), "",
            w + f.BECOMES + w + f.LESS + f.symbol("η") + f.TIMES + self.slope_of_loss(w),
            numbers[0] + f.LESS + f.factor(lr) + f.TIMES + numbers[1],
            f"{words} {_and(new)}.", ((l, j),), ((l, j, i) for i in senders),
        )  # fmt: skip


def _products(left: Array, right: Array) -> list[str]:
    return [f.factor(a) + f.TIMES + f.factor(b) for a, b in zip(left, right, strict=True)]


def _sum_in_words(weights: Array, row: Array, bias: float | None = None) -> str:
    if len(row) > 3:
        return f"its {len(row)} weighted inputs" + (" and its bias" if bias is not None else "")
    terms = [f"{said(w)} times {said(v)}" for w, v in zip(weights, row, strict=True)]
    return " plus ".join(terms if bias is None else [*terms, f"the bias {said(bias)}"])


def _and(values: ArrayLike) -> str:
    """Numbers as words would list them: 1, 2 and 3."""
    *most, last = map(said, np.ravel(values))
    return f"{', '.join(most)} and {last}" if most else last
