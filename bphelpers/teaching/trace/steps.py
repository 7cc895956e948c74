"""One training iteration as a list of steps."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bphelpers import functional as F
from bphelpers import nn
from bphelpers.teaching.trace import formula as f
from bphelpers.teaching.trace.formula import Formula, digits
from bphelpers.teaching.trace.losses import HalfSquares
from bphelpers.teaching.trace.network import Array, Layer, run

MOST_SINGLE_WEIGHTS = 40  # a network with more is followed neuron by neuron, not weight by weight
MOST_TERMS = 4  # of a sum over examples


@dataclass(frozen=True)
class Step:
    """One step of one training iteration.

    Attributes
    ----------
    name : str
        What it finds, counted from 1 as in formulas: ``"z1_2"`` is the weighted sum of neuron 2 in layer 1,
        ``"dW2_13"`` the derivative for the weight to its neuron 1 from neuron 3 of the layer before,
        ``"W2_13 new"`` that weight after the update.
    kind : str
        ``input, sum, activation, probability, loss, d_activation, d_sum, d_weight, d_bias`` or ``update``.
    direction : str
        ``forward``, ``backward`` or ``update``.
    symbols, plugged : Formula
        The formula in symbols, and with the numbers in it. ``formula`` and ``numbers`` are their LaTeX.
    sentence : str
        The step in plain words.
    finds : dict
        Name of each quantity that is now known to its value.
    neurons : tuple
        Those at work, as ``(layer, number)``: inputs are layer 0, the loss stands after the last layer.
    weights : tuple
        Those at work, as ``(layer, receiver, sender)``.

    Lesson: 05_backprop_by_hand.
    """

    name: str
    kind: str
    direction: str
    symbols: Formula
    plugged: Formula
    sentence: str
    finds: Mapping[str, float]
    neurons: tuple[tuple[int, int], ...]
    weights: tuple[tuple[int, int, int], ...] = ()

    @property
    def formula(self) -> str:
        """The formula in symbols, as LaTeX."""
        return self.symbols.latex

    @property
    def numbers(self) -> str:
        """The formula with the numbers in it, as LaTeX."""
        return self.plugged.latex

    @property
    def value(self) -> float | NDArray[np.float64]:
        """What the step finds: a number, or several in an array."""
        values = list(self.finds.values())
        return values[0] if len(values) == 1 else np.array(values)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value; ``()`` for a single number."""
        return np.shape(self.value)

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
    r"""The steps of one training iteration, in the order in which backpropagation takes them.

    The network runs on a copy: its parameters and gradients stay as they are.

    Parameters
    ----------
    net
        A Sequential of Linear, Sigmoid, Tanh and ReLU, up to 5 layers of 8; Dropout if switched off.
    loss
        `HalfSquares`, or one of the losses of :mod:`bphelpers.nn`.
    x, y
        One example, ``(d,)`` and its target, or a batch, ``(n, d)`` and its targets. In a batch, neurons show
        the values of one example; derivatives for weights add up all examples.
    lr
        Learning rate of the update. Without it there is no update.
    example
        Row of the batch that the neurons show, from 0.
    fixed
        Parameters that stay as they are, for example ``("b1", "b2")``: no derivative, no update.
    names
        Other names for quantities, for example ``{"W1_11": "w_1"}``; what stands after ``_`` is set below.
        Sums over a batch and rows of a large network keep the course's letters.

    Returns
    -------
    list of Step
        One per weight in a network of up to 40 weights, else one per receiving neuron.

    Raises
    ------
    ValueError
        Where the network is too large or holds an unknown layer, shapes do not fit, a number is not finite,
        or `example`, `fixed` or `names` names something that is not there.

    Lesson: 05_backprop_by_hand.

    Examples
    --------
    >>> from bphelpers.teaching.trace import HalfSquares, running_example
    >>> net, x, y, lr = running_example()
    >>> found = {step.name: step for step in trace(net, HalfSquares(), x, y, lr)}
    >>> found["dW2_11"].numbers
    '0.138499 \\cdot 0.59327 = 0.082167'
    """
    tracer = _Tracer(net, loss, x, y, lr, example, fixed, names or {})
    steps = list(tracer.steps())
    if tracer.unused:
        raise ValueError(f"names: nothing in this network is called {sorted(tracer.unused)}")
    return steps


class _Tracer:
    """Puts the numbers of one iteration into formulas and words."""

    def __init__(
        self,
        net: nn.Sequential,
        loss: nn.Loss,
        x: ArrayLike,
        y: ArrayLike,
        lr: float | None,
        example: int,
        fixed: Collection[str],
        names: Mapping[str, str],
    ) -> None:
        self.run = run(net, loss, x, y, lr)
        self.layers, self.loss, self.lr = self.run.layers, self.run.loss, lr
        self.n, self.depth = len(self.run.x), len(self.layers)
        if not 0 <= example < self.n:
            raise ValueError(f"example: expected 0 to {self.n - 1}, got {example}")
        known = {p.name for p in net.parameters()}
        if set(fixed) - known:
            raise ValueError(f"fixed: expected some of {sorted(known)}, got {sorted(set(fixed) - known)}")
        self.example, self.fixed, self.names, self.unused = example, set(fixed), names, set(names)
        self.single = sum(layer.linear.W.data.size for layer in self.layers) <= MOST_SINGLE_WEIGHTS
        self.squares = isinstance(self.loss, nn.MSELoss)
        outputs = self.layers[-1].a
        self.targets = self.run.y
        if isinstance(self.loss, nn.CrossEntropyLoss):  # the class as 0 and 1, as the pictures show it
            self.targets = np.eye(outputs.shape[1])[self.run.y]
            self.p = F.softmax(outputs)
        else:
            self.p = F.sigmoid(outputs)

    def steps(self) -> Iterator[Step]:
        """Forward, loss, backward, update."""
        yield self._inputs()
        for l in range(1, self.depth + 1):
            yield from self._forward(l)
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

    def size(self, l: int) -> int:
        """Neurons of layer l; inputs are layer 0."""
        return int(self.layers[0].inputs.shape[1] if l == 0 else self.layers[l - 1].z.shape[1])

    def symbol(self, letter: str, l: int | None, index: str) -> Formula:
        """The symbol of a quantity: the one asked for, or the course's."""
        key = f"{letter}{l or ''}_{index}" if index else letter
        if key in self.names:
            self.unused.discard(key)
            name, _, below = self.names[key].partition("_")
            return f.symbol(name, "", below)
        if letter == "dz":
            return f.symbol("δ", str(l), index)
        if letter == "a" and l == self.depth and self.squares:
            return f.symbol("y", "", index, hat=True)
        return f.symbol(letter, str(l or ""), index)

    def sent(self, l: int, k: int) -> Formula:
        """Symbol of what neuron k of layer l puts out."""
        if l == 0:
            return self.symbol("x", None, str(k))
        bare = self.layers[l - 1].activation is None and not (l == self.depth and self.squares)
        return self.symbol("z" if bare else "a", l, str(k))

    def slope_of_loss(self, letter: str, l: int, index: str) -> Formula:
        """The fraction dL by d(symbol)."""
        by = self.sent(l, int(index)) if letter == "a" else self.symbol(letter, l, index)
        return f.partial(self.symbol("L", None, ""), by)

    def neuron(self, l: int, j: int) -> str:
        """A neuron in words."""
        if l == 0:
            return f"input {j}"
        if l == self.depth:
            return f"output {j}"
        return f"hidden neuron {j}" + (f" of layer {l}" if self.depth > 2 else "")

    def share(self) -> str:
        return f", divided by the {self.n} examples" if self.n > 1 else ""

    # ----------------------------------------------------------------------------------- forward

    def _inputs(self) -> Step:
        row = self.run.x[self.example]
        finds = {f"x_{k}": float(v) for k, v in enumerate(row, 1)}
        letters = f.listed(self.symbol("x", None, str(k)) for k in range(1, len(row) + 1))
        which = f" of example {self.example + 1} of {self.n}" if self.n > 1 else ""
        are = "inputs are" if len(row) > 1 else "input is"
        return Step(
            "x", "input", "forward",
            f.symbol("x") + f.equals() + letters,
            f.listed(map(f.number, row)),
            f"The {are} {_and(row)}{which}.",
            finds, tuple((0, k) for k in range(1, len(row) + 1)),
        )  # fmt: skip

    def _forward(self, l: int) -> Iterator[Step]:
        layer = self.layers[l - 1]
        W, b = layer.linear.W.data, layer.linear.b
        row = layer.inputs[self.example]
        for j in range(1, self.size(l) + 1):
            symbols = f.total(
                self.symbol("W", l, f"{j}{k}") + f.times() + self.sent(l - 1, k)
                for k in range(1, len(row) + 1)
            )
            numbers = f.total(
                f.factor(w) + f.times() + f.factor(v) for w, v in zip(W[j - 1], row, strict=True)
            )
            if b is not None:
                symbols += f.plus() + self.symbol("b", l, str(j))
                numbers += f.plus() + f.factor(b.data[j - 1])
            z = float(layer.z[self.example, j - 1])
            name = self.symbol("z", l, str(j))
            if layer.activation is None and l == self.depth and self.squares:
                name = self.sent(l, j) + f.equals() + name
            words = self._sum_in_words(W[j - 1], row, None if b is None else b.data[j - 1])
            yield Step(
                f"z{l}_{j}", "sum", "forward",
                name + f.equals() + symbols,
                numbers + f.equals() + f.number(z),
                f"{_capital(self.neuron(l, j))} adds up {words}: the weighted sum is {digits(z)}.",
                {f"z{l}_{j}": z}, ((l, j),), tuple((l, j, k) for k in range(1, len(row) + 1)),
            )  # fmt: skip
        if layer.activation is not None:
            yield from self._activations(l, layer)

    def _sum_in_words(self, weights: Array, row: Array, bias: float | None) -> str:
        if len(row) > 3:
            return f"its {len(row)} weighted inputs" + (" and its bias" if bias is not None else "")
        terms = [f"{digits(w)} times {digits(v)}" for w, v in zip(weights, row, strict=True)]
        if bias is not None:
            terms.append(f"the bias {digits(bias)}")
        return " plus ".join(terms)

    def _activations(self, l: int, layer: Layer) -> Iterator[Step]:
        called = {"σ": "sigmoid", "tanh": "hyperbolic tangent", "ReLU": "ReLU"}[layer.function]
        for j in range(1, self.size(l) + 1):
            z, a = float(layer.z[self.example, j - 1]), float(layer.a[self.example, j - 1])
            yield Step(
                f"a{l}_{j}", "activation", "forward",
                self.sent(l, j) + f.equals() + f.call(layer.function, self.symbol("z", l, str(j))),
                f.call(layer.function, f.number(z)) + f.equals() + f.number(a),
                f"The {called} of {digits(z)} is {digits(a)}: that is what {self.neuron(l, j)} puts out.",
                {f"a{l}_{j}": a}, ((l, j),),
            )  # fmt: skip

    def _probabilities(self) -> Iterator[Step]:
        row, p = self.layers[-1].a[self.example], self.p[self.example]
        classes = isinstance(self.loss, nn.CrossEntropyLoss)
        e = f.symbol("e")
        for j in range(1, len(row) + 1):
            out = self.sent(self.depth, j)
            if classes:
                below = f.total(f.power(e, self.sent(self.depth, k)) for k in range(1, len(row) + 1))
                symbols = f.fraction(f.power(e, out), below)
                numbers = f.fraction(
                    f.power(e, f.number(row[j - 1])), f.total(f.power(e, f.number(v)) for v in row)
                )
                words = f"Softmax makes probabilities of the outputs: class {j} gets {digits(p[j - 1])}."
            else:
                symbols, numbers = f.call("σ", out), f.call("σ", f.number(row[j - 1]))
                words = f"The sigmoid of output {j} is the probability of a yes: {digits(p[j - 1])}."
            yield Step(
                f"p_{j}", "probability", "forward",
                self.symbol("p", None, str(j)) + f.equals() + symbols,
                numbers + f.equals() + f.number(p[j - 1]),
                words, {f"p_{j}": float(p[j - 1])},
                tuple((self.depth, k) for k in range(1, len(row) + 1)) if classes else ((self.depth, j),),
            )  # fmt: skip

    # ----------------------------------------------------------------------------------- the loss

    def _loss(self) -> Step:
        y, value = self.targets[self.example], self.run.value
        L = self.symbol("L", None, "")
        cost, numbers, how = self._cost(y)
        if self.n > 1:
            mean = f.fraction(f.number(1), f.number(self.n))
            cost = mean + f.sum_over("n") + f.symbol("L", "", "n")  # L_n: what example n costs
            numbers = mean + f.parens(f.total(map(f.number, self.run.costs), MOST_TERMS))
            words = (
                f"The loss is the mean over {self.n} examples of {how}. "
                f"This example costs {digits(self.run.costs[self.example])}; the mean is {digits(value)}."
            )
        else:
            words = f"The loss is {how}: {digits(value)}."
        return Step(
            "L", "loss", "forward",
            L + f.equals() + cost,
            numbers + f.equals() + f.number(value),
            words, {"L": value},
            (*((self.depth, j) for j in range(1, len(y) + 1)), (self.depth + 1, 1)),
        )  # fmt: skip

    def _cost(self, y: Array) -> tuple[Formula, Formula, str]:
        """What one example costs: in symbols, in numbers, in words."""
        outputs = range(1, len(y) + 1)
        out, p = self.layers[-1].a[self.example], self.p[self.example]
        name = {j: self.symbol("y", None, str(j)) for j in outputs}
        if self.squares:
            two = f.number(2)
            cost = f.total(
                f.power(f.parens(self.sent(self.depth, j) + f.minus() + name[j]), two) for j in outputs
            )
            numbers = f.total(
                f.power(f.parens(f.number(out[j - 1]) + f.minus() + f.factor(y[j - 1])), two) for j in outputs
            )
            if isinstance(self.loss, HalfSquares):
                half = f.fraction(f.number(1), two)
                cost, numbers = half + f.parens(cost), half + f.parens(numbers)
                return cost, numbers, "half the sum of the squared differences from the targets"
            return cost, numbers, "the sum of the squared differences from the targets"
        prob = {j: self.symbol("p", None, str(j)) for j in outputs}
        if isinstance(self.loss, nn.CrossEntropyLoss):
            right = int(np.argmax(y)) + 1
            words = f"minus the logarithm of the probability of the right class, here {right}"
            return (
                f.negative() + f.call("log", prob[right]),
                f.negative() + f.call("log", f.number(p[right - 1])),
                words if self.n == 1 else "minus the logarithm of the probability of the right class",
            )
        one, q = f.number(1), F.sigmoid(-out)  # 1 - p, but not rounded to 0 where p is almost 1
        cost = f.total(
            name[j] + f.call("log", prob[j])
            + f.plus() + f.parens(one + f.minus() + name[j]) + f.call("log", one + f.minus() + prob[j])
            for j in outputs
        )  # fmt: skip
        numbers = f.total(
            f.number(y[j - 1]) + f.times() + f.call("log", f.number(p[j - 1])) + f.plus()
            + f.number(1 - y[j - 1]) + f.times() + f.call("log", f.number(q[j - 1]))
            for j in outputs
        )  # fmt: skip
        words = "the cross-entropy of targets and probabilities"
        if len(y) > 1:
            words += ", added up over the outputs"
        elif np.isin(self.targets, (0, 1)).all():
            words = "minus the logarithm of the probability given to the truth"
        return f.negative() + f.parens(cost), f.negative() + f.parens(numbers), words

    def _start(self, j: int) -> tuple[Formula, Formula, str]:
        """The derivative of the loss for output j, where the way back begins."""
        y, target = self.targets[self.example, j - 1], self.symbol("y", None, str(j))
        n = self.n
        if not self.squares:
            p = self.p[self.example, j - 1]
            symbols = self.symbol("p", None, str(j)) + f.minus() + target
            numbers = f.number(p) + f.minus() + f.number(y)
            if n > 1:
                symbols = f.fraction(f.number(1), f.number(n)) + f.parens(symbols)
                numbers = f.fraction(f.number(1), f.number(n)) + f.parens(numbers)
            return symbols, numbers, "the probability minus the target" + self.share()
        factor = 1 if isinstance(self.loss, HalfSquares) else 2
        symbols = self.sent(self.depth, j) + f.minus() + target
        numbers = f.number(self.layers[-1].a[self.example, j - 1]) + f.minus() + f.factor(y)
        words = "the output minus its target" if factor == 1 else "twice the difference (output minus target)"
        words += self.share()
        if factor == 1 and n == 1:
            return symbols, numbers, words
        front = f.number(factor) if n == 1 else f.fraction(f.number(factor), f.number(n))
        return front + f.parens(symbols), front + f.parens(numbers), words

    # ----------------------------------------------------------------------------------- backward

    def _deltas(self, l: int) -> Iterator[Step]:
        layer = self.layers[l - 1]
        if layer.activation is None:  # the weighted sum is what the neuron puts out: one derivative, not two
            yield from (self._arriving(l, j, "z") for j in range(1, self.size(l) + 1))
            return
        yield from (self._arriving(l, j, "a") for j in range(1, self.size(l) + 1))
        for j in range(1, self.size(l) + 1):
            da, slope, dz = (float(v[self.example, j - 1]) for v in (layer.da, layer.slope, layer.dz))
            rule, numbers = self._slope(l, j, slope)
            yield Step(
                f"dz{l}_{j}", "d_sum", "backward",
                self.symbol("dz", l, str(j)) + f.equals() + self.slope_of_loss("z", l, str(j))
                + f.equals() + self.slope_of_loss("a", l, str(j)) + f.times() + rule,
                f.factor(da) + f.times() + numbers + f.equals() + f.number(dz),
                f"The derivative for {self.neuron(l, j)}, {digits(da)}, times the slope of its activation "
                f"there, {digits(slope)}, is the delta of its weighted sum: {digits(dz)}.",
                {f"dz{l}_{j}": dz}, ((l, j),),
            )  # fmt: skip

    def _slope(self, l: int, j: int, slope: float) -> tuple[Formula, Formula]:
        """The slope of an activation, in symbols and numbers."""
        layer = self.layers[l - 1]
        a, value = self.sent(l, j), f.number(float(layer.a[self.example, j - 1]))
        one, two = f.number(1), f.number(2)
        if layer.function == "σ":
            return a + f.parens(one + f.minus() + a), value + f.parens(one + f.minus() + value)
        if layer.function == "tanh":
            squared = f.power(f.parens(value), two)
            return f.parens(one + f.minus() + f.power(a, two)), f.parens(one + f.minus() + squared)
        return f.call("ReLU'", self.symbol("z", l, str(j))), f.number(slope)

    def _arriving(self, l: int, j: int, letter: str) -> Step:
        """The derivative for what neuron j puts out: from the loss, or from the neurons that it feeds."""
        layer = self.layers[l - 1]
        value = float((layer.dz if letter == "z" else layer.da)[self.example, j - 1])
        left = self.slope_of_loss(letter, l, str(j))
        if letter == "z":
            left = self.symbol("dz", l, str(j)) + f.equals() + left
        weights: tuple[tuple[int, int, int], ...] = ()
        neurons: tuple[tuple[int, int], ...] = ((l, j), (l + 1, 1))
        if l == self.depth:
            symbols, numbers, how = self._start(j)
            words = f"How fast the loss rises with output {j}: {how}, {digits(value)}."
            if letter == "z":
                words = f"The delta of output {j} is {how}: {digits(value)}."
        else:
            W, d = self.layers[l].linear.W.data[:, j - 1], self.layers[l].dz[self.example]
            after = range(1, len(d) + 1)
            symbols = f.total(
                self.symbol("dz", l + 1, str(i)) + f.times() + self.symbol("W", l + 1, f"{i}{j}")
                for i in after
            )
            numbers = f.total(f.factor(v) + f.times() + f.factor(w) for v, w in zip(d, W, strict=True))
            weights = tuple((l + 1, i, j) for i in after)
            neurons = ((l, j), *((l + 1, i) for i in after))
            fed = "the delta of the neuron that it feeds times the weight between"
            if len(d) > 1:
                fed = "the deltas of the neurons that it feeds, each times the weight between, added up"
            end = f": {self._sum_in_words(d, W, None)} is" if len(d) <= 3 else ", which makes"
            words = f"Back to {self.neuron(l, j)}: {fed}{end} {digits(value)}."
        name, kind = (f"dz{l}_{j}", "d_sum") if letter == "z" else (f"da{l}_{j}", "d_activation")
        return Step(
            name, kind, "backward",
            left + f.equals() + symbols,
            numbers + f.equals() + f.number(value),
            words, {name: value}, neurons, weights,
        )  # fmt: skip

    def _gradients(self, l: int) -> Iterator[Step]:
        linear = self.layers[l - 1].linear
        for j in range(1, self.size(l) + 1):
            if linear.W.name not in self.fixed:
                yield from self._weight_steps(l, j)
            if linear.b is not None and linear.b.name not in self.fixed:
                yield self._bias_step(l, j)

    def _weight_steps(self, l: int, j: int) -> Iterator[Step]:
        dW = self._grad(l, "W")[j - 1]
        senders = range(1, len(dW) + 1)
        if self.single:
            for k in senders:
                symbols, numbers = self._product(l, j, k)
                yield Step(
                    f"dW{l}_{j}{k}", "d_weight", "backward",
                    self.slope_of_loss("W", l, f"{j}{k}") + f.equals() + symbols,
                    numbers + f.equals() + f.number(dW[k - 1]),
                    f"For the weight to {self.neuron(l, j)} from {self.neuron(l - 1, k)}: "
                    f"{self._product_in_words(l, j, k)}, is {digits(dW[k - 1])}.",
                    {f"dW{l}_{j}{k}": float(dW[k - 1])}, ((l, j), (l - 1, k)), ((l, j, k),),
                )  # fmt: skip
            return
        layer = self.layers[l - 1]
        numbers = f.listed(map(f.number, dW))
        symbols = self._product(l, j, None)[0]
        if self.n == 1:
            row = f.listed(map(f.number, layer.inputs[self.example]))
            numbers = f.factor(layer.dz[self.example, j - 1]) + f.times() + row + f.equals() + numbers
        yield Step(
            f"dW{l}_{j}", "d_weight", "backward",
            f.partial(self.symbol("L", None, ""), f.symbol("W", str(l), f"{j}k")) + f.equals() + symbols,
            numbers,
            f"For the weights to {self.neuron(l, j)}: its delta times what each sender puts out"
            f"{self._added()}, is {_and(dW)}.",
            {f"dW{l}_{j}{k}": float(dW[k - 1]) for k in senders},
            ((l, j), *((l - 1, k) for k in senders)), tuple((l, j, k) for k in senders),
        )  # fmt: skip

    def _product_in_words(self, l: int, j: int, k: int) -> str:
        if self.n > 1:
            return f"the delta of the receiver times what the sender puts out{self._added()}"
        layer = self.layers[l - 1]
        delta, sent = layer.dz[0, j - 1], layer.inputs[0, k - 1]
        return f"the delta of the receiver, {digits(delta)}, times what the sender puts out, {digits(sent)}"

    def _added(self) -> str:
        return f", added up over {self.n} examples" if self.n > 1 else ""

    def _product(self, l: int, j: int, k: int | None) -> tuple[Formula, Formula]:
        """Delta of the receiver times output of the sender, over the batch. No k: for any sender."""
        layer = self.layers[l - 1]
        index = "k" if k is None else str(k)
        letter = "a" if l == 1 or self.layers[l - 2].activation is not None else "z"
        if self.n > 1:
            sender = f.symbol("x", "", f"n{index}") if l == 1 else f.symbol(letter, str(l - 1), f"n{index}")
            symbols = f.sum_over("n") + f.symbol("δ", str(l), f"n{j}") + f.times() + sender
        else:
            plain = f.symbol("x", "", index) if l == 1 else f.symbol(letter, str(l - 1), index)
            sender = plain if k is None else self.sent(l - 1, k)
            symbols = self.symbol("dz", l, str(j)) + f.times() + sender
        pairs = zip(layer.dz[:, j - 1], layer.inputs[:, (k or 1) - 1], strict=True)
        numbers = f.total((f.factor(d) + f.times() + f.factor(a) for d, a in pairs), MOST_TERMS)
        return symbols, numbers

    def _bias_step(self, l: int, j: int) -> Step:
        value = float(self._grad(l, "b")[j - 1])
        left = self.slope_of_loss("b", l, str(j)) + f.equals()
        symbols, numbers = left + self.symbol("dz", l, str(j)), f.number(value)
        if self.n > 1:
            symbols = left + f.sum_over("n") + f.symbol("δ", str(l), f"n{j}")
            deltas = self.layers[l - 1].dz[:, j - 1]
            numbers = f.total(map(f.factor, deltas), MOST_TERMS) + f.equals() + f.number(value)
        return Step(
            f"db{l}_{j}", "d_bias", "backward", symbols, numbers,
            f"For the bias of {self.neuron(l, j)}: the delta itself{self._added()}, {digits(value)}.",
            {f"db{l}_{j}": value}, ((l, j),),
        )  # fmt: skip

    def _parameter(self, l: int, letter: str) -> nn.Parameter:
        linear = self.layers[l - 1].linear
        parameter = linear.W if letter == "W" else linear.b
        assert parameter is not None  # asked for only where there is one
        return parameter

    def _data(self, l: int, letter: str) -> Array:
        return self._parameter(l, letter).data

    def _grad(self, l: int, letter: str) -> Array:
        return np.asarray(self._parameter(l, letter).grad)

    # ----------------------------------------------------------------------------------- update

    def _updates(self, l: int) -> Iterator[Step]:
        linear = self.layers[l - 1].linear
        if linear.W.name not in self.fixed:
            for j in range(1, self.size(l) + 1):
                senders = range(1, linear.W.data.shape[1] + 1)
                if self.single:
                    yield from (self._update(l, "W", f"{j}{k}", (j - 1, k - 1)) for k in senders)
                else:
                    yield self._row_update(l, j)
        if linear.b is not None and linear.b.name not in self.fixed:
            yield from (self._update(l, "b", str(j), (j - 1,)) for j in range(1, self.size(l) + 1))

    def _update(self, l: int, letter: str, index: str, at: tuple[int, ...]) -> Step:
        name = f"{letter}{l}"
        old, grad = float(self._data(l, letter)[at]), float(self._grad(l, letter)[at])
        new = float(self.run.new[name][at])
        w = self.symbol(letter, l, index)
        j = at[0] + 1
        what = f"the bias of {self.neuron(l, j)}"
        if letter == "W":
            what = f"the weight to {self.neuron(l, j)} from {self.neuron(l - 1, at[1] + 1)}"
        moves = "rises" if new > old else "falls" if new < old else "stays"
        return Step(
            f"{name}_{index} new", "update", "update",
            w + f.becomes() + w + f.minus() + f.symbol("η") + f.times()
            + self.slope_of_loss(letter, l, index),
            f.number(old) + f.minus() + f.factor(self.lr or 0.0) + f.times() + f.factor(grad)
            + f.equals() + f.number(new),
            f"{_capital(what)} {moves}: {digits(old)} minus {digits(self.lr or 0.0)} times {digits(grad)} "
            f"is {digits(new)}.",
            {f"{name}_{index} new": new}, ((l, j),),
            ((l, j, at[1] + 1),) if letter == "W" else (),
        )  # fmt: skip

    def _row_update(self, l: int, j: int) -> Step:
        """All weights to one neuron."""
        old, grad, new = self._data(l, "W")[j - 1], self._grad(l, "W")[j - 1], self.run.new[f"W{l}"][j - 1]
        w = f.symbol("W", str(l), f"{j}k")
        senders = range(1, len(new) + 1)
        return Step(
            f"W{l}_{j} new", "update", "update",
            w + f.becomes() + w + f.minus() + f.symbol("η") + f.times()
            + f.partial(self.symbol("L", None, ""), w),
            f.listed(map(f.number, old)) + f.minus() + f.factor(self.lr or 0.0) + f.times()
            + f.listed(map(f.number, grad)) + f.equals() + f.listed(map(f.number, new)),
            f"The weights to {self.neuron(l, j)} each move by minus {digits(self.lr or 0.0)} times their "
            f"derivative, to {_and(new)}.",
            {f"W{l}_{j}{k} new": float(new[k - 1]) for k in senders}, ((l, j),),
            tuple((l, j, k) for k in senders),
        )  # fmt: skip


def _and(values: ArrayLike) -> str:
    """Numbers as words would list them: 1, 2 and 3."""
    *most, last = map(digits, np.ravel(values))
    return f"{', '.join(most)} and {last}" if most else last


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]
