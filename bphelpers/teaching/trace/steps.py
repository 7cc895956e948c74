"""One training iteration as a list of steps."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bphelpers import functional as F
from bphelpers import nn
from bphelpers.arguments import refuse
from bphelpers.teaching.numbers import number
from bphelpers.teaching.trace import formula as f
from bphelpers.teaching.trace.layers import Array, HalfSquares, Iteration, iterate

MOST_TERMS = 4  # of a sum over examples

KINDS = {"z": "sum", "a": "activation", "p": "probability", "L": "loss", "da": "d_activation", "dz": "d_sum",
         "dW": "d_weight", "db": "d_bias"}  # fmt: skip

Neuron = tuple[int, int]
Weight = tuple[int, int, int]
Show = Callable[[str], str]
Formula = tuple[str, str]  # in symbols, and with the numbers put in
said = partial(number, style="sentence")


@dataclass(frozen=True)
class Step:
    """One step of one training iteration. Its formulas are MathML; a line may break at a newline. [05]

    ``name`` is what it finds, counted from 1: ``"z1_2"`` is the weighted sum of neuron 2 in layer 1,
    ``"dW2_13"`` the derivative for the weight to its neuron 1 from neuron 3 of the layer before, ``"W2_13
    new"`` that weight after the update. ``kind`` is ``input, sum, activation, probability, loss,
    d_activation, d_sum, d_weight, d_bias`` or ``update``; in an expression of Values, whose numbers it goes
    by, ``input, value, d_start`` or ``d_report``.
    """

    name: str
    kind: str
    formula: str  # in symbols
    numbers: str  # with the numbers put in
    sentence: str  # in plain words
    finds: Mapping[str, float]  # name of each quantity that is now known to its value
    # Those at work, as (layer, number): inputs are layer 0, the loss stands after the last.
    neurons: tuple[tuple[int, ...], ...]
    weights: tuple[tuple[int, ...], ...] = ()  # those at work, as (layer, receiver, sender)

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

    ``net`` is a Sequential of Linear, Sigmoid, Tanh and ReLU, up to 5 layers of 8. ``x`` and ``y`` are one
    example or a batch: then neurons show the values of one ``example``, and derivatives for weights add up
    all. Without ``lr`` there is no update. Parameters that are ``fixed``, as ``("b1", "b2")``, get no
    derivative. ``names`` are other names for quantities, as ``{"W1_11": "w_1"}``; what stands after ``_`` is
    set below.

    >>> from bphelpers.teaching.trace import HalfSquares, running_example
    >>> net, x, y, lr = running_example()
    >>> found = {step.name: step for step in trace(net, HalfSquares(), x, y, lr)}
    >>> print(found["a1_1"], found["a1_1"].numbers, sep="\n")
    The sigmoid of 0.3775 is 0.59327: that is what hidden neuron 1 puts out.
    <mi>σ</mi><mo>(</mo><mn>0.3775</mn><mo>)</mo>
    <mo form="infix">=</mo><mn>0.59327</mn>
    """
    tracer = _Tracer(iterate(net, loss, x, y, lr), example, set(fixed), names or {})
    steps = list(tracer.steps())
    if tracer.unused:
        refuse("names", "be of quantities of this network", sorted(tracer.unused))
    return steps


class _Tracer:
    """Puts the numbers of one iteration into formulas and words.

    Layers and neurons are counted from 1, and layer 0 are the inputs. l is a layer, j one of its neurons, k
    one of the layer before. A quantity goes by the name of the step that finds it. A formula is written once,
    by a function of how its quantities are shown: by their symbols or by their numbers.
    """

    def __init__(self, run: Iteration, example: int, fixed: set[str], names: Mapping[str, str]) -> None:
        self.run, self.names, self.unused, self.depth = run, names, set(names), len(run.layers)
        self.n, self.example = len(run.costs), example
        if not 0 <= example < self.n:
            refuse("example", f"be a row of the batch, 0 to {self.n - 1}", example)
        parameters = [name for name in run.parameters if name[0] != "d"]
        if strangers := fixed - set(parameters):
            refuse("fixed", f"hold some of {parameters}", sorted(strangers))
        self.learned = set(parameters) - fixed
        self.squares = isinstance(run.loss, nn.MSELoss)
        self.halved = isinstance(run.loss, HalfSquares)
        self.classes = isinstance(run.loss, nn.CrossEntropyLoss)
        self.known = {"L": run.value, "η": run.lr or 0.0}
        self.known |= _entries({name: array[example] for name, array in run.rows.items()} | run.parameters)
        self.known |= {f"{name} new": value for name, value in _entries(run.new).items()}

    def steps(self) -> Iterator[Step]:
        layers = range(1, self.depth + 1)
        yield self._inputs()
        for l in layers:
            yield from (self._sum(l, j) for j in self.neurons(l))
            if self.function(l):
                yield from (self._activation(l, j) for j in self.neurons(l))
        if not self.squares:
            yield from (self._probability(j) for j in self.neurons(self.depth))
        yield self._loss()
        for l in reversed(layers):
            yield from (self._arriving(l, j) for j in self.neurons(l))
            if self.function(l):
                yield from (self._delta(l, j) for j in self.neurons(l))
            for j in self.neurons(l):
                if f"W{l}" in self.learned:
                    yield from (self._weight(l, j, k) for k in self.neurons(l - 1))
                if f"b{l}" in self.learned:
                    yield self._bias(l, j)
        for l in layers if self.run.new else ():
            if f"W{l}" in self.learned:
                yield from (self._update(l, j, k) for j in self.neurons(l) for k in self.neurons(l - 1))
            if f"b{l}" in self.learned:
                yield from (self._update(l, j) for j in self.neurons(l))

    def step(
        self,
        name: str,
        formula: Formula,
        words: str,
        neurons: Iterable[Neuron],
        weights: Iterable[Weight] = (),
    ) -> Step:
        """The step that finds one quantity: its symbol before the formula, its number after it."""
        symbols, numbers = formula
        quantity, _, new = name.partition(" ")
        kind = "update" if new else KINDS[_letter(name)]
        if kind == "d_sum":
            symbols = self.slope_of_loss(name[1:]) + f.EQUALS + symbols
        symbols = self.symbol(quantity) + (f.BECOMES if new else f.EQUALS) + symbols
        numbers += f.EQUALS * bool(numbers) + self.number(name)
        return Step(name, kind, symbols, numbers, words, {name: self.known[name]}, (*neurons,), (*weights,))

    # ----------------------------------------------------------------------------------- quantities

    def neurons(self, l: int) -> range:
        """The neurons of layer l."""
        return range(1, self.run.rows[f"z{l}" if l else "x"].shape[1] + 1)

    def function(self, l: int) -> str:
        """Symbol of the activation of layer l, or nothing."""
        return self.run.layers[l - 1].function

    def sent(self, l: int, k: int) -> str:
        """What neuron k of layer l puts out."""
        if l == 0:
            return f"x_{k}"
        return f"a{l}_{k}" if self.function(l) or (l == self.depth and self.squares) else f"z{l}_{k}"

    def symbol(self, name: str) -> str:
        """The symbol of a quantity: the one asked for, or the course's."""
        if name[0] == "d" and name[1] != "z":
            return self.slope_of_loss(name[1:])
        if name in self.names:
            self.unused.discard(name)
            letter, _, index = self.names[name].partition("_")
            return f.symbol(letter, "", index)
        head, _, index = name.partition("_")
        if head == f"a{self.depth}" and self.squares:
            return f.symbol("y", "", index, hat=True)
        letter = _letter(name)
        if letter == "slope":
            return f.call("ReLU'", self.symbol(name.replace("slope", "z")))
        return f.symbol("δ" if letter == "dz" else letter, head.removeprefix(letter), index)

    def slope_of_loss(self, by: str) -> str:
        """The derivative of the loss with respect to a quantity."""
        return f.fraction(*(f.symbol("∂") + self.symbol(name) for name in ("L", by)))

    def number(self, name: str) -> str:
        return f.number(self.known[name])

    def say(self, name: str) -> str:
        return said(self.known[name])

    def both(self, write: Callable[[Show], str]) -> Formula:
        """What is written, in symbols and in numbers."""
        return write(self.symbol), write(self.number)

    def sum_of(self, terms: Sequence[Sequence[str]]) -> Formula:
        return self.both(lambda show: f.total(f.product(*map(show, term)) for term in terms))

    def say_sum(self, terms: Sequence[Sequence[str]]) -> str:
        return " plus ".join(" times ".join(map(self.say, term)) for term in terms)

    def over_examples(self, *names: str) -> Formula:
        """The product of quantities, in a batch summed over its examples."""
        if self.n == 1:
            return self.sum_of([names])
        parts = [name.split("_") for name in names]
        symbols = f.product(*(self.symbol(f"{head}_n{index}") for head, index in parts))
        columns = [self.run.rows[head][:, int(index) - 1] for head, index in parts]
        terms = (f.product(*map(f.number, row)) for row in zip(*columns, strict=True))
        return f.SUM_OVER_N + symbols, f.total(terms, MOST_TERMS)

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
        places = [(0, k) for k in self.neurons(0)]
        names = [self.sent(*place) for place in places]
        symbols, numbers = self.both(lambda show: f.parens(f.COMMA.join(map(show, names))))
        *most, last = map(self.say, names)
        words = f"inputs are {', '.join(most)} and {last}" if most else f"input is {last}"
        which = f" of example {self.example + 1} of {self.n}" if self.n > 1 else ""
        finds = {name: self.known[name] for name in names}
        symbols = f.symbol("x") + f.EQUALS + symbols
        return Step("x", "input", symbols, numbers, f"The {words}{which}.", finds, (*places,))

    def _sum(self, l: int, j: int) -> Step:
        z, senders, sent = f"z{l}_{j}", self.neurons(l - 1), self.sent(l, j)
        products = [(f"W{l}_{j}{k}", self.sent(l - 1, k)) for k in senders]
        bias = [(f"b{l}_{j}",)] if f"b{l}" in self.run.parameters else []
        if len(senders) > 3:
            words = f"its {len(senders)} weighted inputs" + " and its bias" * bool(bias)
        else:
            words = self.say_sum(products) + (f" plus the bias {self.say_sum(bias)}" if bias else "")
        words = f"{self.neuron(l, j).capitalize()} adds up {words}: the weighted sum is {self.say(z)}."
        formula = self.sum_of([*products, *bias])
        step = self.step(z, formula, words, [(l, j)], ((l, j, k) for k in senders))
        if sent[0] == "a" and not self.function(l):  # the sum is the network's answer
            step = replace(step, formula=self.symbol(sent) + f.EQUALS + step.formula)
        return step

    def _activation(self, l: int, j: int) -> Step:
        z, a, function = f"z{l}_{j}", f"a{l}_{j}", self.function(l)
        called = {"σ": "sigmoid", "tanh": "hyperbolic tangent", "ReLU": "ReLU"}[function]
        words = f"The {called} of {self.say(z)} is {self.say(a)}: that is what {self.neuron(l, j)} puts out."
        return self.step(a, self.both(lambda show: f.call(function, show(z))), words, [(l, j)])

    def _probability(self, j: int) -> Step:
        p, outputs = f"p_{j}", self.neurons(self.depth) if self.classes else [j]
        sent = [self.sent(self.depth, k) for k in outputs]

        def write(show: Show) -> str:
            if not self.classes:
                return f.call("σ", show(sent[0]))
            powers = [f.power(f.symbol("e"), show(out)) for out in sent]
            return f.fraction(powers[j - 1], f.total(powers))

        words = f"The sigmoid of output {j} is the probability of a yes:"
        if self.classes:
            words = f"Softmax makes probabilities of the outputs: class {j} gets"
        return self.step(p, self.both(write), f"{words} {self.say(p)}.", ((self.depth, k) for k in outputs))

    # ----------------------------------------------------------------------------------- the loss

    def _loss(self) -> Step:
        formula, how = self._squares() if self.squares else self._cross_entropy()
        words = f"The loss is {how}: {self.say('L')}."
        if self.n > 1:
            mean, costs = f.fraction(f.ONE, f.number(self.n)), self.run.costs
            symbols = mean + f.SUM_OVER_N + self.symbol("L_n")  # what example n costs
            formula = symbols, mean + f.parens(f.total(map(f.number, costs), MOST_TERMS))
            words = (
                f"The loss is the mean over {self.n} examples of {how}. "
                f"This example costs {said(costs[self.example])}; the mean is {self.say('L')}."
            )
        outputs = [(self.depth, j) for j in self.neurons(self.depth)]
        return self.step("L", formula, words, [*outputs, (self.depth + 1, 1)])

    def _squares(self) -> tuple[Formula, str]:
        """What one example costs, and in words."""
        pairs = [(self.sent(self.depth, j), f"y_{j}") for j in self.neurons(self.depth)]

        def write(show: Show) -> str:
            off = (f.parens(show(out) + f.LESS + f.factor(show(y))) for out, y in pairs)
            squares = f.total(f.power(one, f.TWO) for one in off)
            return f.fraction(f.ONE, f.TWO) + f.parens(squares) if self.halved else squares

        half = "half " * self.halved
        return self.both(write), f"{half}the sum of the squared differences from the targets"

    def _cross_entropy(self) -> tuple[Formula, str]:
        """What one example costs, and in words."""
        y, log = self.run.rows["y"], partial(f.call, "log")
        if self.classes:
            right = int(np.argmax(y[self.example])) + 1
            words = "minus the logarithm of the probability of the right class"
            words += f", here {right}" if self.n == 1 else ""
            return self.both(lambda show: f.NEGATIVE + log(show(f"p_{right}"))), words
        symbols, numbers, less = [], [], f.ONE + f.LESS
        for j in self.neurons(self.depth):
            t, p = self.symbol(f"y_{j}"), self.symbol(f"p_{j}")
            symbols.append(t + log(p) + f.PLUS + f.parens(less + t) + log(less + p))
            no = f.number(1 - self.known[f"y_{j}"])
            q = float(F.sigmoid(-self.known[f"a{self.depth}_{j}"]))  # 1 - p, but not rounded to 0
            yes = self.number(f"y_{j}") + f.TIMES + log(self.number(f"p_{j}"))
            numbers.append(yes + f.PLUS + no + f.TIMES + log(f.number(q)))
        words = "the cross-entropy of targets and probabilities"
        if y.shape[1] > 1:
            words += ", added up over the outputs"
        elif np.isin(y, (0, 1)).all():
            words = "minus the logarithm of the probability given to the truth"
        cost, value = (f.NEGATIVE + f.parens(f.total(terms)) for terms in (symbols, numbers))
        return (cost, value), words

    # ----------------------------------------------------------------------------------- backward

    def _arriving(self, l: int, j: int) -> Step:
        """The derivative for what neuron j puts out: from the loss, or from the neurons that it feeds.

        Without an activation that is its weighted sum: one derivative, not two.
        """
        name = f"da{l}_{j}" if self.function(l) else f"dz{l}_{j}"
        if l == self.depth:
            after, weights, (formula, how) = [1], [], self._start(j)
            words = f"How fast the loss rises with output {j}: {how}, {self.say(name)}."
            if not self.function(l):
                words = f"The delta of output {j} is {how}: {self.say(name)}."
        else:
            after = [*self.neurons(l + 1)]
            weights = [(l + 1, i, j) for i in after]
            terms = [(f"dz{l + 1}_{i}", f"W{l + 1}_{i}{j}") for i in after]
            formula = self.sum_of(terms)
            how = "the delta of the neuron that it feeds times the weight between the two"
            if len(after) > 1:
                how = (
                    "the deltas of the neurons that it feeds, each times the weight between the two, added up"
                )
            end = f": {self.say_sum(terms)} is" if len(after) <= 3 else ", which makes"
            words = f"Back to {self.neuron(l, j)}: {how}{end} {self.say(name)}."
        return self.step(name, formula, words, [(l, j), *((l + 1, i) for i in after)], weights)

    def _start(self, j: int) -> tuple[Formula, str]:
        """The derivative of the loss for output j, where the way back begins, and in words."""
        front, out, words = 1, f"p_{j}", "the probability minus the target"
        if self.squares:
            out, words = self.sent(self.depth, j), "the output minus its target"
            if not self.halved:
                front, words = 2, "twice the difference (output minus target)"
        words += f", divided by the {self.n} examples" if self.n > 1 else ""

        def write(show: Show) -> str:
            off = show(out) + f.LESS + f.factor(show(f"y_{j}"))
            if self.n > 1:
                return f.fraction(f.number(front), f.number(self.n)) + f.parens(off)
            return f.number(front) + f.parens(off) if front > 1 else off

        return self.both(write), words

    def _delta(self, l: int, j: int) -> Step:
        a, da, slope, dz = (f"{letter}{l}_{j}" for letter in ("a", "da", "slope", "dz"))
        words = (
            f"The derivative for {self.neuron(l, j)}, {self.say(da)}, times the slope of its activation "
            f"there, {self.say(slope)}, is the delta of its weighted sum: {self.say(dz)}."
        )

        def write(show: Show) -> str:
            out, less = show(a), f.ONE + f.LESS
            rule = show(slope)
            if self.function(l) == "σ":
                rule = out + f.parens(less + out)
            elif self.function(l) == "tanh":
                rule = f.parens(less + f.power(f.factor(out), f.TWO))
            return f.factor(show(da)) + f.TIMES + rule

        return self.step(dz, self.both(write), words, [(l, j)])

    def _weight(self, l: int, j: int, k: int) -> Step:
        name, dz, sent = f"dW{l}_{j}{k}", f"dz{l}_{j}", self.sent(l - 1, k)
        delta, output = (f", {self.say(dz)},", f", {self.say(sent)}") if self.n == 1 else ("", "")
        words = (
            f"For the weight to {self.neuron(l, j)} from {self.neuron(l - 1, k)}: the delta of the neuron it"
            f" leads to{delta} times what came in{output}{self.added()}, is {self.say(name)}."
        )
        return self.step(name, self.over_examples(dz, sent), words, [(l, j), (l - 1, k)], [(l, j, k)])

    def _bias(self, l: int, j: int) -> Step:
        name = f"db{l}_{j}"
        words = f"For the bias of {self.neuron(l, j)}: the delta itself{self.added()}, {self.say(name)}."
        symbols, numbers = self.over_examples(f"dz{l}_{j}")
        return self.step(name, (symbols, numbers * (self.n > 1)), words, [(l, j)])

    # ----------------------------------------------------------------------------------- update

    def _update(self, l: int, j: int, k: int | None = None) -> Step:
        """Of the weight from neuron k; of the bias, where there is none."""
        name, what = f"b{l}_{j}", f"bias of {self.neuron(l, j)}"
        if k is not None:
            name, what = f"W{l}_{j}{k}", f"weight to {self.neuron(l, j)} from {self.neuron(l - 1, k)}"
        old, new = self.known[name], self.known[f"{name} new"]
        moves = "rises" if new > old else "falls" if new < old else "stays"
        words = (
            f"The {what} {moves}: {said(old)} minus {self.say('η')} times {self.say(f'd{name}')} "
            f"is {said(new)}."
        )
        formula = self.both(lambda show: show(name) + f.LESS + f.product(show("η"), show(f"d{name}")))
        return self.step(f"{name} new", formula, words, [(l, j)], [] if k is None else [(l, j, k)])


def _letter(name: str) -> str:
    """Of a quantity, without layer and index: that of dW1_12 is dW."""
    return name.partition("_")[0].rstrip("0123456789")


def _entries(arrays: Mapping[str, Array]) -> dict[str, float]:
    """The entries of arrays by name, counted from 1: that of W1 in row 1 and column 2 is W1_12."""
    return {
        f"{name}_{''.join(str(i + 1) for i in at)}": float(value)
        for name, array in arrays.items()
        for at, value in np.ndenumerate(array)
    }
