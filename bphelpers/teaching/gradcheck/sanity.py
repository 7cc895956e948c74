"""Before training: cheap looks at a network, a loss and data, which find most of what goes wrong later."""

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bphelpers import nn
from bphelpers.arguments import as_array, generator, real, refuse
from bphelpers.optim import SGD, Adam, GradientNotFinite, Optimizer
from bphelpers.teaching.numbers import number
from bphelpers.teaching.wrapping import WIDTH, wrapped
from bphelpers.training import not_finite, watch

Found = tuple[str, ...]  # fine, look or wrong; what was seen; what to do
FINE, LOOK, WRONG = "fine", "look", "wrong"
STOPS = ArithmeticError, AttributeError, IndexError, RuntimeError, TypeError, ValueError
# The limits below are tried in tests/test_sanity.py, on the networks of all lessons and on broken ones.
ROWS, FEW = 1000, 20  # examples looked at; learned by heart
RATES, STEPS = (0.01, 0.03), 500  # of Adam; the second rate where the first has not done it
GOALS = 0.05, 0.2, 0.5, 0.9  # parts of the loss of the best constant: below the first they are learned
FLAT: dict[type[nn.Module], tuple[str, Callable[[NDArray[Any]], Any]]] = {
    nn.ReLU: ("dead", lambda a: (a <= 0).all(axis=0)),
    nn.Sigmoid: ("saturated", lambda a: np.abs(a - 0.5) > 0.49),
    nn.Tanh: ("saturated", lambda a: np.abs(a) > 0.98),
}


@dataclass(frozen=True)
class Line:
    """One check of a :class:`Sanity`: ``ok`` unless it is wrong; ``advice`` unless it is fine."""

    name: str
    mark: str
    said: str
    advice: str = ""

    @property
    def ok(self) -> bool:
        """Whether training may begin, as far as this check sees."""
        return self.mark != WRONG

    def __str__(self) -> str:
        line = f"{self.mark:5}  {self.name:10}  "
        texts = [self.said, f"Do: {self.advice}"] if self.advice else [self.said]
        rows = [row for text in texts for row in wrapped(text, WIDTH - len(line))]
        return line + ("\n" + " " * len(line)).join(rows)


@dataclass(frozen=True, repr=False)
class Sanity:
    """What :func:`sanity` saw: prints as a list, a word for each check; ``report["overfit"]`` is a line."""

    lines: tuple[Line, ...]

    @property
    def ok(self) -> bool:
        """Whether no line says "wrong"."""
        return all(line.ok for line in self.lines)

    def __getitem__(self, name: str) -> Line:
        for line in self.lines:
            if line.name == name:
                return line
        raise KeyError(f"no check named {name!r}; there are {[line.name for line in self.lines]}")

    def __str__(self) -> str:
        marks = [line.mark for line in self.lines]
        counts = ", ".join(f"{marks.count(mark)} {mark}" for mark in (FINE, LOOK, WRONG) if mark in marks)
        return "\n".join([f"Before training: {counts}.", *map(str, self.lines)])

    __repr__ = __str__


def sanity(
    net: nn.Module,
    loss: nn.Loss,
    x: ArrayLike,
    y: ArrayLike,
    *,
    optimizer: Optimizer | None = None,
    lr: float | None = None,
    rng: np.random.Generator | None = None,
) -> Sanity:
    """Look at a network, its loss and its data before training; say what is fine, what not, what to do [09].

    Is the loss at chance, and can the network learn twenty examples by heart? Do outputs, loss and targets
    fit each other, are units and gradients alive, how far does one step move the weights (of ``optimizer``,
    or of plain descent with ``lr``)? "look" is a doubt; "wrong" will not train, or not as you meant. All is
    done on copies: network, loss, optimizer and ``rng``, which picks the examples, stay as they are. Where a
    network ends in ``Flatten(0, 1)``, ``y`` holds a target for each place, example by example.

    Sources: A. Karpathy, A Recipe for Training Neural Networks, 2019; A. Karpathy and others, CS231n:
    Convolutional Neural Networks for Visual Recognition, notes, Learning and evaluation, 2015.

    >>> rng = np.random.default_rng(0)
    >>> net = nn.Sequential(nn.Linear(2, 8, rng=rng), nn.Tanh(), nn.Linear(8, 1, rng=rng), nn.Sigmoid())
    >>> x = rng.normal(size=(50, 2))
    >>> print(sanity(net, nn.BCEWithLogitsLoss(), x, x[:, :1] > 0, lr=0.1)["last layer"])
    wrong  last layer  Sigmoid before BCEWithLogitsLoss, which squashes by itself
                       Do: leave the Sigmoid away: the loss takes the scores as they are
    """
    if not isinstance(net, nn.Module):
        refuse("net", "be a Module such as nn.Sequential(...)", net)
    if not isinstance(loss, nn.Loss):
        refuse("loss", "be a Loss such as nn.MSELoss()", loss)
    if optimizer is not None and (isinstance(optimizer, type) or not hasattr(optimizer, "step")):
        refuse("optimizer", "be a rule such as optim.SGD(lr=0.1)", optimizer)
    if optimizer is not None and lr is not None:
        refuse("lr", "be left out where an optimizer is given", lr)
    rule = optimizer if lr is None else SGD(lr)
    rng = np.random.default_rng(0) if rng is None else generator("rng", rng)
    try:
        copies = copy.deepcopy((net, loss, rule, rng))
    except Exception as error:
        raise ValueError(f"net, loss and optimizer must bear copy.deepcopy, got {error}") from error
    return Sanity(tuple(_Look(*copies).lines(x, y)))


class _Look:
    """The checks, one method each, on copies of everything; each may use what those before it found."""

    def __init__(self, net: nn.Module, loss: nn.Loss, rule: Any, rng: np.random.Generator) -> None:
        self.net, self.loss, self.rule, self.rng = net.train(), loss, rule, rng
        for layer in nn.leaves(net):
            if isinstance(layer, nn.Dropout):
                layer.p = 0.0  # the twenty shall be learned by heart
        self.squashes = isinstance(loss, nn.BCEWithLogitsLoss | nn.CrossEntropyLoss)

    def lines(self, x: ArrayLike, y: ArrayLike) -> Iterator[Line]:
        """One line a check; where one stops with an error, that is the last."""
        self.given = x, y
        for check in CHECKS:
            name = check.__name__.replace("_", " ")
            try:
                with np.errstate(all="ignore"):
                    yield Line(name, *check(self))
            except STOPS as error:
                kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
                said, _, advice = f"{kind}{error}".partition("; ")
                yield Line(name, WRONG, said, advice or "mend this first: the other checks need it")
                return

    def inputs(self) -> Found:
        """Numbers, of the size that weights are made for."""
        X, Y = as_array("x", self.given[0]), as_array("y", self.given[1])
        X = X if X.dtype.kind in "iu" else real("x", X)  # an embedding takes whole numbers
        if min(X.ndim, Y.ndim, X.size, Y.size) == 0 or len(Y) % len(X):
            got = f"got shapes {X.shape} and {Y.shape}"
            raise ValueError(f"x and y must hold as many examples, at least one, {got}")
        self.labels = self.loss.labels or (Y.ndim == 1 and Y.dtype.kind in "iub")
        self.Y, self.many = Y, len(Y) // len(X)  # targets an example: of a sequence, one for each place
        rows = self.rng.permutation(len(X))[:ROWS]
        self.x, self.y = X[rows], self.of(rows, Y)
        if faults := np.count_nonzero(~np.isfinite(X)):
            said = f"NaN or infinity in {faults:,} of {X.size:,} places"
            return WRONG, said, "fill them in, or drop their rows: np.argwhere(~np.isfinite(x))"
        if isinstance(next(nn.leaves(self.net), None), nn.Embedding):
            return FINE, f"{len(X):,} of shape {X.shape[1:]}, numbers of rows from {X.min()} to {X.max()}"
        mean, size, low, high = (float(f(X)) for f in (np.mean, np.std, np.min, np.max))
        said = f"{len(X):,} of shape {X.shape[1:]}, {_spread(low, high, mean, size)}"
        if low >= 0 and 100 < high <= 255:
            return LOOK, said, "if these are pixels, x / 255 brings them to 0 to 1"
        if len(X) > 1 and (not 0.01 <= size <= 10 or abs(mean) > 10 * size):
            return LOOK, said, "data.standardize(x) brings each column to mean 0 and deviation 1"
        return FINE, said

    def examples(self) -> Found:
        """Examples that differ, in columns that do."""
        flat = self.x.reshape(len(self.x), -1)
        targets: dict[bytes, set[bytes]] = {}
        for row, target in zip(flat, self.y.reshape(len(flat), -1), strict=True):
            targets.setdefault(row.tobytes(), set()).add(target.tobytes())
        n, d, still = *flat.shape, int(np.sum(np.ptp(flat, axis=0) == 0))
        said = f"{len(targets):,} of {n:,} different, {still} of {d} columns without change"
        if len(targets) == 1 < n:
            return WRONG, said, "all inputs are the same: look at how x was cut or filled"
        if torn := sum(len(of) > 1 for of in targets.values()):
            said = f"{torn:,} inputs come with two different targets"
            return LOOK, said, "no network gets both right: were x and y shuffled apart?"
        if len(targets) < n / 2 or still > d / 2 and n > 1:  # noqa: RUF021
            return LOOK, said, "did you mean that? Copies and still columns teach nothing"
        return FINE, said

    def order(self) -> Found:
        """Neighbours no more alike than others: the mean product of their standardised targets."""
        Y = self.Y[:: self.many]
        if Y.dtype.kind not in "fiub":
            return FINE, "not tried: the targets are no numbers"
        z = Y[:, None] == np.unique(Y) if self.labels and Y.ndim == 1 else Y.reshape(len(Y), -1)
        z = z[:, np.ptp(1.0 * z, axis=0) > 0]
        z = (z - z.mean(axis=0)) / z.std(axis=0)
        alike = float(np.mean(z[1:] * z[:-1])) if z.size else 0.0
        if alike > max(0.5, 5 / math.sqrt(len(Y))):
            advice = "shuffle before you cut into parts or batches (training.fit shuffles its batches)"
            return LOOK, "sorted by target: neighbours are alike", advice
        return FINE, "neighbours are no more alike than others"

    def outputs(self) -> Found:
        """A forward pass that gives finite numbers."""
        self.seen, self.y_hat = watch(self.net, self.x), real("the output", self.net(self.x))
        if not self.seen:
            raise ValueError("net must have at least one layer, got none")
        if not np.isfinite(self.y_hat).all():
            raise ValueError(not_finite(self.net, self.x, self.y))
        self.last = next((one for one, *_ in self.seen[::-1] if not isinstance(one, nn.Flatten)), self.net)
        return FINE, f"shape {self.y_hat.shape}, {_n(self.y_hat.min())} to {_n(self.y_hat.max())}"

    def targets(self) -> Found:
        """Targets of the shape and range that the loss takes, and from which something can be learned."""
        y, Y, shape = self.y, self.Y, self.y_hat.shape
        if y.ndim + len(shape) == 3 and 1 in (y.shape[-1] * (y.ndim == 2), shape[-1] * (len(shape) == 2)):
            n = np.broadcast_shapes(shape, y.shape)
            raise ValueError(
                f"outputs {shape} minus targets {y.shape} would be {n}; make y a column: y[:, None]"
            )
        if len(self.y_hat) != len(y):
            raise ValueError(f"y must hold a target for each output, got shapes {shape} and {y.shape}")
        self.value = float(self.loss(self.y_hat, y))
        if not math.isfinite(self.value):
            raise ValueError(not_finite(self.net, self.x, y))
        values, counts = np.unique(Y, return_counts=True)
        if len(values) == 1 < len(Y):
            return LOOK, f"all are {_n(values[0])}", "there is nothing else to learn: look at how y was made"
        if not self.labels:
            size = float(Y.std())
            said = f"shape {y.shape[1:]}, {_spread(values[0], values[-1], Y.mean(), size)}"
            bounded = isinstance(self.last, nn.Sigmoid | nn.Tanh)
            if len(values) > 1 and not bounded and (size > 10 or abs(Y.mean()) > 10 * size):
                return LOOK, said, "data.standardize(y) saves the last layer a long way"
            return FINE, said
        k, most = shape[-1], float(counts.max() / len(Y))
        said = f"{len(values)} of {k} classes, {values[0]} to {values[-1]}, the commonest {most:.0%}"
        if len(values) < k:
            return LOOK, said, "some outputs have no example: are all classes there, counted from 0?"
        if most > max(0.5, 3 / k):
            return LOOK, said, f"to name it always is right in {most:.0%}: compare with that"
        return FINE, said

    def last_layer(self) -> Found:
        """Outputs that can become what the loss wants, and are squashed once."""
        layer, y, z = self.last, self.y, self.y_hat
        shares = z.shape[-1] > 1 and z.min() >= 0 and np.allclose(z.sum(axis=-1), 1)
        said, off = (
            f"{type(layer).__name__} before {type(self.loss).__name__}",
            f"leave the {type(layer).__name__} away",
        )
        if self.squashes and (isinstance(layer, nn.Sigmoid) or shares):
            return WRONG, f"{said}, which squashes by itself", f"{off}: the loss takes the scores as they are"
        if isinstance(layer, nn.ReLU):
            mark = WRONG if self.squashes or y.min() < 0 else LOOK
            return mark, f"{said}: no output gets below 0", f"{off}: an output that is off there stays off"
        if self.squashes and isinstance(layer, nn.Tanh):
            return LOOK, f"{said}: scores from -1 to 1 are never sure", off
        low = -1 if isinstance(layer, nn.Tanh) else 0
        if (isinstance(layer, nn.Sigmoid | nn.Tanh) or shares) and (y.min() < low or y.max() > 1):
            said += f" gives {low} to 1, and targets are {_n(y.min())} to {_n(y.max())}"
            return WRONG, said, f"{off}, or bring the targets to {low} to 1"
        return FINE, said

    def first_loss(self) -> Found:
        """The untrained loss against that of an answer that knows nothing about the example."""
        k, classes = self.y_hat.shape[-1], self.squashes or self.labels
        name = f"a guess (ln {k})" if self.labels else f"a guess ({k} ln 2)".replace("(1 ", "(")
        if not classes:
            name = f"the mean of y{' (its variance)' * isinstance(self.loss, nn.MSELoss)}"
        guess = np.zeros_like(self.y_hat) + (0.0 if classes else self.y.mean(axis=0))
        chance = float(self.loss(guess, self.y))
        said = f"untrained {_n(self.value)}, {name} {_n(chance)}"
        if 0 < chance < math.inf and self.value > 3 * chance:
            advice = "make the first weights smaller" if classes else "are outputs and targets of one size?"
            return WRONG if classes and self.value > 10 * chance else LOOK, said, advice
        if self.value < chance / 2:
            return LOOK, said, "is it trained already, or does x hold the answer?"
        return FINE, said

    def units(self) -> Found:
        """Shares of units that are off for all examples, or of outputs on a flat end; the worst layers."""
        shares = [
            (float(np.mean(flat(out))), f"layer {count}, {kind.__name__}: {np.mean(flat(out)):.0%} {word}")
            for count, (layer, _, out) in enumerate(self.seen, start=1)
            for kind, (word, flat) in FLAT.items()
            if isinstance(layer, kind) and (kind is not nn.ReLU or len(out) >= FEW)
        ]
        shares.sort(key=lambda share: -share[0])
        said = (
            "; ".join(text for _, text in shares[:2])
            or "not tried: no Sigmoid, no Tanh, few examples for ReLU"
        )
        if not shares or shares[0][0] <= 0.5:
            return FINE, said
        return WRONG if shares[0][0] > 0.9 else LOOK, said, "smaller inputs or first weights, biases of 0"

    def gradients(self) -> Found:
        """A gradient that is filled in and not zero for each parameter, and units that are no twins."""
        parameters, leaves = self.net.parameters(), list(nn.leaves(self.net))
        if not parameters or not all(isinstance(p, nn.Parameter) for p in parameters):
            raise ValueError(f"net.parameters() must give Parameters, got {parameters}")
        for p in parameters:
            p.grad[...] = np.nan
        self.loss(self.net(self.x), self.y)
        self.net.backward(self.loss.backward())
        # Batch norm takes away what a bias before it adds: the gradient of that is 0.
        shifts = [
            a.b for a, b in pairwise(leaves) if isinstance(a, nn.Linear) and isinstance(b, nn.BatchNorm1d)
        ]
        sizes = {p.name: float(np.abs(p.grad).max()) for p in parameters if p not in shifts}
        if unfilled := [name for name, size in sizes.items() if not math.isfinite(size)]:
            said = f"not filled in: {', '.join(unfilled)}"
            return WRONG, said, "backward must write into the .grad of each parameter"
        if zero := [name for name, size in sizes.items() if size <= 1e-12 * max(sizes.values())]:
            said = f"zero: {', '.join(zero)}"
            return (
                WRONG,
                said,
                "nothing gets back to them: look for dead units and for weights that are all 0",
            )
        matrices = [p for p in parameters if p.data.ndim == 2 and len(p.data) > 1]
        if twins := [p.name for p in matrices if _alike(p.data) and _alike(p.grad)]:
            said = f"the same in all rows: {', '.join(twins)}"
            return WRONG, said, "draw the first weights at random: equal units stay equal"
        return FINE, f"largest entries {_ends(sizes)}"

    def step(self) -> Found:
        """How far one update moves each matrix, as a part of its size: about 1e-3 is usual."""
        net, rule = copy.deepcopy((self.net, SGD(1.0) if self.rule is None else self.rule))
        before = [(p, p.data.copy()) for p in net.parameters() if p.data.ndim > 1 and p.data.any()]
        rule.step(net.parameters())
        parts = {p.name: float(np.linalg.norm(p.data - w) / np.linalg.norm(w)) for p, w in before}
        least, most = min(parts.values(), default=0.0), max(parts.values(), default=0.0)
        if not parts or (self.rule is None and most == 0):
            return FINE, "not tried: no weights that move"
        if self.rule is None:
            lr = number(1e-3 / most, 1, steady=True)
            return FINE, f"no rule given; plain descent with lr = {lr} moves weights by 1e-3 of their size"
        said = f"moves weights by {_ends(parts)} of their size, where 1e-3 is usual"
        if most > 0.2 or not math.isfinite(most):
            return LOOK if most <= 2 else WRONG, said, "a smaller rate, most likely"
        if least < 1e-5:
            return (
                LOOK if most >= 1e-8 else WRONG,
                said,
                "a larger rate, or larger gradients where it is least",
            )
        return FINE, said

    def few(self) -> NDArray[np.intp]:
        """Twenty rows, with equally many of each target, of the first of each, as far as there are."""
        _, target = np.unique(self.y[:: self.many], axis=0, return_inverse=True)
        turn = (np.cumsum(target.reshape(-1, 1) == np.unique(target), axis=0))[
            np.arange(len(self.x)), target.ravel()
        ]
        return np.argsort(turn, kind="stable")[:FEW]

    def of(self, rows: NDArray[np.intp], targets: NDArray[Any]) -> NDArray[Any]:
        """What belongs to these examples."""
        each = targets.reshape(-1, self.many, *targets.shape[1:])
        return each[rows].reshape(-1, *targets.shape[1:])

    def constant(self, y: NDArray[Any]) -> NDArray[Any]:
        """The best outputs of a network that does not look at the examples."""
        z = np.zeros((len(y), *self.y_hat.shape[1:]))
        if self.loss.labels:
            return z + np.log(np.bincount(y, minlength=z.shape[1]) / len(y) + 1e-9)
        p = y.mean(axis=0)
        return z + (np.log((p + 1e-9) / (1 - p + 1e-9)) if self.squashes else 0.0 if self.labels else p)

    def overfit(self) -> Found:
        """Twenty examples learned by heart: a fresh copy and Adam, for at most 500 updates at two rates."""
        few, tries = self.few(), []
        x, y, y_hat = self.x[few], self.of(few, self.y), self.of(few, self.y_hat)
        before, constant = (float(self.loss(z, y)) for z in (y_hat, self.constant(y)))
        scale = constant if 1e-3 * before < constant < math.inf else before
        for rate in RATES:
            tries.append(self.learned(rate, x, y, GOALS[0] * scale))
            if tries[-1][0] < GOALS[0] * scale:
                break
        after, right, stopped = min(tries, key=lambda trial: trial[0])
        if stopped:
            return WRONG, stopped, "smaller first weights, or data.standardize(x)"
        goal = next((goal for goal in GOALS if after < goal * scale), None)
        said = f"loss {_n(before)}, then {'not ' * (goal is None)}below {_n((goal or GOALS[-1]) * scale)}"
        said += "" if right is None else f"; {right.sum()} of {len(y)} right"
        if goal is None:
            return WRONG, said, "ask gradcheck.check_network, and look whether each y belongs to its x"
        if goal > GOALS[0] and right is not None and right.all():
            return LOOK, said, "all are right, and the loss stays: what keeps the outputs small?"
        if goal > GOALS[0]:
            return LOOK, said, "more hidden units or other first weights; a straight line learns no bend"
        return FINE, said

    def learned(self, rate: float, x: Any, y: Any, goal: float) -> tuple[float, Any, str]:
        """The loss of a copy that has learned, which answers are right, and what stopped it."""
        (net, loss), rule = copy.deepcopy((self.net, self.loss)), Adam(rate)
        for step in range(STEPS + 1):
            y_hat = net(x)
            value = float(loss(y_hat, y))
            if not math.isfinite(value):
                return math.inf, None, f"the loss became {value} in step {step}: {not_finite(net, x, y)}"
            if value < goal or step == STEPS:
                break
            net.backward(loss.backward())
            try:
                rule.step(net.parameters())
            except GradientNotFinite as error:
                return math.inf, None, f"{error}, in step {step + 1}"
        return value, loss.is_right(y_hat, y), ""


CHECKS: tuple[Callable[[_Look], Found], ...] = (
    *(_Look.inputs, _Look.examples, _Look.order, _Look.outputs, _Look.targets, _Look.last_layer),
    *(_Look.first_loss, _Look.units, _Look.gradients, _Look.step, _Look.overfit),
)


def _n(value: Any, zero_below: float = 0.0) -> str:
    return number(value, 2, zero_below=zero_below, steady=True)


def _spread(low: float, high: float, mean: float, size: float) -> str:
    return f"{_n(low)} to {_n(high)}, mean {_n(mean, 1e-9 * size)}, deviation {_n(size, 1e-12 * abs(mean))}"


def _ends(sizes: Mapping[str, float]) -> str:
    """The smallest and the largest, with their names."""
    ends = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
    return " to ".join(f"{number(sizes[name], 1, steady=True)} ({name})" for name in dict.fromkeys(ends))


def _alike(rows: NDArray[Any]) -> bool:
    return bool(np.ptp(rows, axis=0).max() <= 1e-12 * np.abs(rows).max())
