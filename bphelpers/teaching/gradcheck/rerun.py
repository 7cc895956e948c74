"""A network's backward pass run again, with one rule of the table of mistakes in place of the right one."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bphelpers import nn
from bphelpers.numeric import Array
from bphelpers.teaching.gradcheck.diagnosis import same
from bphelpers.teaching.gradcheck.gradients import Hypothesis
from bphelpers.teaching.gradcheck.held import Draws, inside
from bphelpers.teaching.gradcheck.mistakes import MISTAKES, Gradients, Mistake, mistakes_in
from bphelpers.teaching.gradcheck.operations import DROPOUT, OPERATIONS, Operation
from bphelpers.teaching.numbers import number

# The operation of a layer is given x and the layer's parameters, in their order; that of a loss y_hat and y.
# A recurrent layer's is also given the state that it began with.
KNOWN = {
    nn.Linear: "linear",
    nn.Sigmoid: "sigmoid",
    nn.Tanh: "tanh",
    nn.ReLU: "relu",
    nn.LeakyReLU: "leaky_relu",
    nn.GELU: "gelu",
    nn.BatchNorm1d: "batch_norm",
    nn.LayerNorm: "layer_norm",
    nn.Conv2d: "conv2d",
    nn.MaxPool2d: "max_pool2d",
    nn.RNN: "rnn",
    nn.Embedding: "embedding",
    nn.MSELoss: "mse",
    nn.BCEWithLogitsLoss: "binary_cross_entropy",
    nn.CrossEntropyLoss: "softmax_cross_entropy",
}


ACTIVATIONS = "sigmoid", "tanh", "relu", "leaky_relu", "gelu"


@dataclass(frozen=True)
class Step:
    """A layer, or the loss, as a batch went through it."""

    layer: Any
    out: Array
    operation: Operation | None = None  # None: the layer's own backward is used as it is
    values: dict[str, Array] = field(default_factory=dict)  # what the operation was given
    options: dict[str, Any] = field(default_factory=dict)
    number: int = 0
    inside: "tuple[Step, ...] | None" = None  # the layers that make its output, one after another

    @classmethod
    def of(cls, layer: Any, arrays: Sequence[Array], out: Any, number: int = 0) -> "Step":
        """With the operation of its type, if that gives the output: an heir may have rules of its own."""
        out = np.asarray(out)
        name = next((KNOWN[kind] for kind in type(layer).__mro__ if kind in KNOWN), None)
        if name is not None:
            operation, options = OPERATIONS[name], _options(layer)
            values = dict(zip(operation.takes, arrays, strict=False))
            try:
                if same(out, np.asarray(operation.forward(values, **options)), 1e-9):
                    return cls(layer, out, operation, values, options, number)
            except (TypeError, ValueError):  # other parameters, shapes or labels
                pass
        return cls(layer, out, number=number)

    def leaves(self) -> "Iterator[Step]":
        """The layers that have none inside, from input to output."""
        if self.inside is None:
            yield self
        for step in self.inside or ():
            yield from step.leaves()

    def holders(self) -> "Iterator[Step]":
        """The layers that hold others."""
        if self.inside:
            yield self
        for step in self.inside or ():
            yield from step.holders()

    def backward(self, dout: Array | None, replaced: Mapping[int, Mistake]) -> tuple[Array, Gradients]:
        """The gradient for the input and, by name, those of the parameters, with some rules replaced."""
        if self.inside is not None:
            assert dout is not None
            dx, grads = dout, Gradients()
            for step in reversed(self.inside):
                dx, own = step.backward(dx, replaced)
                grads |= own
            if isinstance(self.layer, nn.Residual):
                skipped = replaced.get(self.number)
                dx = skipped.ways("residual")[0](dout, dx) if skipped else dx + dout
            return dx, grads
        parameters = _parameters(self.layer)
        if self.operation is None:
            for p in parameters:  # some layers add to what is there
                p.grad = None if p.grad is None else np.zeros_like(p.grad)
            dx = self.layer.backward() if dout is None else self.layer.backward(dout.copy())
            return dx, {p.name: np.array(p.grad) for p in parameters if p.grad is not None}
        passed = self.operation.backward(dout, self.values, self.out, **self.options)
        if self.number in replaced:
            for wrong in self.operation.with_mistake(
                replaced[self.number], dout, self.values, self.out, **self.options
            ):
                passed |= wrong
        if self.operation.whole and dout is not None:  # nobody asks for the gradient of whole numbers
            passed = {"x": dout, **passed}
        dx, *of_parameters = (array for name, array in passed.items() if name != "h0")
        return dx, dict(zip((p.name for p in parameters), of_parameters, strict=False))


def _parameters(layer: Any) -> list[Any]:
    return getattr(layer, "parameters", list)()  # a learner's activation, or a loss, may not know the word


def _given(layer: Any, x: Array) -> list[Array]:
    """The arrays of a layer's operation, after its forward pass."""
    began = [layer.remembered()[1]] if isinstance(layer, nn.RNN) else []
    return [x, *began, *(p.data for p in _parameters(layer))]


def _options(layer: Any) -> dict[str, Any]:
    """What the operation of a layer is told besides its arrays."""
    if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
        return layer.options()
    if isinstance(layer, nn.LeakyReLU):
        return {"slope": layer.slope}
    if isinstance(layer, nn.BatchNorm1d) and not layer.training:
        return {"eps": layer.eps, "mean": layer.running_mean, "var": layer.running_var}
    return {"eps": layer.eps} if isinstance(layer, nn.BatchNorm1d | nn.LayerNorm) else {}


def walked(layer: Any, x: Array, numbers: Iterator[int]) -> Step:
    """Feed ``x`` through a layer, and through those inside if one after another they make its output."""
    draws = Draws(inside(layer))
    out = np.array(layer.forward(x))
    if isinstance(layer, nn.Dropout):
        draws.again()
        mask = np.array(layer.forward(np.ones_like(x)))
        draws.again()
        layer.forward(x)
        return Step(layer, out, DROPOUT, {"x": x}, {"mask": mask}, next(numbers))
    layers = getattr(layer, "layers", ())
    if isinstance(layers, list | tuple) and all(hasattr(inner, "backward") for inner in layers):
        steps, again = [], x
        draws.again()
        try:
            for inner in layers:
                steps.append(walked(inner, again, numbers))
                again = steps[-1].out
            again = again + x if isinstance(layer, nn.Residual) else again
        except ValueError:  # they are not fed one after another
            again = np.empty(0)
        if same(out, again, 1e-9):
            # Layers are counted; what holds them has a number of its own, that of its first with a minus.
            return Step(layer, out, inside=tuple(steps), number=-min((s.number for s in steps), default=0))
        draws.again()
        layer.forward(x)  # so that its own backward finds what it remembers
    return Step.of(layer, _given(layer, x), out, next(numbers))


class Rerun:
    """A network, a loss and a batch, ready to go back with one rule replaced."""

    def __init__(self, net: Any, loss: Any, x: Array, y: NDArray[Any]) -> None:
        self.net = walked(net, x, itertools.count(1))
        self.loss = Step.of(loss, [self.net.out, y], loss.forward(self.net.out, y))

    def backward(self, replaced: Mapping[int, Mistake]) -> Gradients:
        """Gradients by the name of the parameter; the loss has the number 0."""
        dy_hat, _ = self.loss.backward(None, replaced)
        return self.net.backward(dy_hat, replaced)[1]

    def hypotheses(self, found: Gradients, lr: float | None) -> list[Hypothesis]:
        """What each mistake gives, in each place: the gradients that it changes."""
        right = self.backward({})
        made = []
        for place, replaced in itertools.chain(self._wrong(), self._early_update(found, right, lr)):
            mistake = next(iter(replaced.values()))
            changed = {
                name: array
                for name, array in self.backward(replaced).items()
                if name in found and not same(array, right[name], 1e-9)
            }
            if changed:
                made.append(Hypothesis(mistake.name, changed, place, len(replaced), in_rows=True))
        return made

    def _steps(self, operation: Operation) -> list[Step]:
        return [step for step in [self.loss, *self.net.leaves()] if step.operation is operation]

    def _wrong(self) -> Iterator[tuple[str, dict[int, Mistake]]]:
        """Every mistake, in every place: the place, the rules to replace."""
        for operation in (*OPERATIONS.values(), DROPOUT):
            numbers = [step.number for step in self._steps(operation)]
            for mistake in _ways(mistakes_in(operation.name), operation.name):
                if operation.is_loss and numbers:
                    yield f"In the gradient of {operation.name}", dict.fromkeys(numbers, mistake)
                    continue
                a_layer = operation.name != "linear"  # of which the array's name says enough
                if len(numbers) > 1:
                    yield f"In every {operation.name}" if a_layer else "", dict.fromkeys(numbers, mistake)
                for i in numbers:
                    yield f"In layer {i}, {operation.name}" if a_layer else "", {i: mistake}
        for step in self.net.holders():
            if isinstance(step.layer, nn.Residual):
                yield f"Around layer {-step.number}, residual", {step.number: MISTAKES["skip missing"]}
        yield from self._exchanged_slopes()

    def _exchanged_slopes(self) -> Iterator[tuple[str, dict[int, Mistake]]]:
        """The slope of another layer, where its shape allows that."""
        row, slopes = MISTAKES["another layer's slope"], {}
        for step in self.net.leaves():
            if step.operation and step.operation.name in ACTIVATIONS:
                slopes[step.number] = step.backward(np.ones_like(step.out), {})[0]
        for (i, own), (j, other) in itertools.permutations(slopes.items(), 2):
            if own.shape == other.shape:
                step = next(s for s in self.net.leaves() if s.number == i)
                assert step.operation is not None
                rule = partial(row.ways("slope")[0], slope=other)
                yield (
                    f"In layer {i}, {step.operation.name}, with the slope of layer {j}",
                    {i: replace(row, rules={step.operation.name: rule})},
                )

    def _early_update(
        self, found: Gradients, right: Gradients, lr: float | None
    ) -> Iterator[tuple[str, dict[int, Mistake]]]:
        """Gradients that went back through weights already updated, W - lr dW.

        In the last hidden layer the effect is linear in lr, so least squares finds it there from the numbers;
        the whole backward pass with that lr is then compared like any other mistake.
        """
        steps = self._steps(OPERATIONS["linear"])
        if len(steps) < 2:
            return
        mistake = MISTAKES["hidden delta from updated weights"]

        def at(rate: float) -> dict[int, Mistake]:
            rule = partial(mistake.ways("early update")[0], lr=rate)
            return {step.number: replace(mistake, rules={"linear": rule}) for step in steps}

        if lr is None:
            names = [p.name for p in steps[-2].layer.parameters()]
            lr = _fitted_rate(found, right, self.backward(at(1.0)), names)
        if lr is not None:
            yield f"At learning rate {number(lr, 4, steady=True)}", at(lr)


def _ways(rows: list[Mistake], operation: str) -> Iterator[Mistake]:
    """The rows with one rule each, a row for each way to make the mistake."""
    for row in rows:
        for rule in row.ways(operation):
            yield replace(row, rules={operation: rule})


def _fitted_rate(found: Gradients, right: Gradients, at_one: Gradients, names: list[str]) -> float | None:
    """The lr > 0 with ``found`` nearest to ``right + lr * (at_one - right)``.

    None where the effect is 0 or parallel to the gradient, as between one hidden unit and one output:
    any factor would fit.
    """
    if any(found[name].shape != right[name].shape for name in names):
        return None
    gradient = np.concatenate([right[name].ravel() for name in names])
    effect = np.concatenate([at_one[name].ravel() for name in names]) - gradient
    wanted = np.concatenate([found[name].ravel() for name in names]) - gradient
    parallel = (effect @ gradient) ** 2 >= (1 - 1e-9) * (effect @ effect) * (gradient @ gradient)
    if parallel or not np.isfinite(wanted).all():
        return None
    lr = float(wanted @ effect / (effect @ effect))
    return lr if lr > 0 else None
