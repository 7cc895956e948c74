"""What the playground runs: a problem in the plane, a network, and training one step at a time [12].

No widget is needed: an experiment is driven from a cell as well as from the buttons, with the same numbers.
It can say what it did as a few lines of code, and is itself set up by running the first of them.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import asdict, dataclass, field, replace
from itertools import count, pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bphelpers import functional as F
from bphelpers import nn
from bphelpers.arguments import Array, number, refuse, whole
from bphelpers.data import minibatches
from bphelpers.optim import GradientNotFinite
from bphelpers.teaching.gradcheck import GradientReport, check_network
from bphelpers.training import evaluate

IMPORTS = """import numpy as np
from itertools import count, islice
import bphelpers as bp
from bphelpers import nn, optim"""
PROBLEMS = {name: f"X, y = bp.data.{name}({{n}}, {{noise}}, rng)" for name in ("moons", "circles", "spirals")}
PROBLEMS |= {
    "xor": "X, y = (np.tile(part, ({n} // 4 + 1, 1))[:{n}] for part in bp.data.xor())\n"
    "X = X + {noise} * rng.standard_normal(X.shape)",
    "own points": "X, y = np.empty((0, 2)), np.empty((0, 1))",
}
ACTIVATIONS = {"tanh": "nn.Tanh()", "ReLU": "nn.ReLU()", "sigmoid": "nn.Sigmoid()"}
INITIALIZERS = {
    "xavier": "",
    "he": '"he"',
    "small": "lambda d_out, d_in, rng: 0.01 * rng.standard_normal((d_out, d_in))",
    "equal": "lambda d_out, d_in, rng: np.full((d_out, d_in), 0.5)",
}
OPTIMIZERS = {
    "SGD": "optim.SGD(lr={lr}{decay})",
    "momentum": "optim.SGD(lr={lr}, momentum=0.9{decay})",
    "RMSprop": "optim.RMSprop(lr={lr}{decay})",
    "Adam": "optim.Adam(lr={lr}{decay})",
    "AdamW": "optim.AdamW(lr={lr}, weight_decay={weight_decay})",
}
FARTHEST = 1e100  # coordinates beyond it could not be told apart in a picture
MOST_LAYERS, MOST_NEURONS, MOST_POINTS, CHECKED_POINTS = 8, 64, 2000, 20


@dataclass(frozen=True)
class Settings:
    """Everything that a run depends on; refuses what makes no run [12].

    >>> Settings(hidden=(8, 8), lr=-1)
    Traceback (most recent call last):
    ...
    ValueError: lr must be a finite number, at least 0, got -1
    """

    problem: str = "moons"
    n: int = 200
    noise: float = 0.1
    points: tuple[tuple[float, float, int], ...] = ()
    hidden: tuple[int, ...] = (8, 8)
    activation: str = "tanh"
    init: str = "xavier"
    optimizer: str = "SGD"
    lr: float = 0.1
    batch_size: int = 10
    weight_decay: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        choices = {
            "problem": PROBLEMS,
            "activation": ACTIVATIONS,
            "init": INITIALIZERS,
            "optimizer": OPTIMIZERS,
        }
        for name, allowed in choices.items():
            value = getattr(self, name)
            if not isinstance(value, str) or value not in allowed:
                refuse(name, f"be one of {', '.join(allowed)}", value)
        for name, below in (("noise", FARTHEST), ("lr", math.inf), ("weight_decay", math.inf)):
            self._set(name, number(name, getattr(self, name), least=0, below=below))
        for name, least, most in (("n", 2, MOST_POINTS), ("batch_size", 1, MOST_POINTS), ("seed", 0, 2**32)):
            self._set(name, _whole_within(name, getattr(self, name), least, most))
        for name, longest in (("hidden", MOST_LAYERS), ("points", MOST_POINTS)):
            value = getattr(self, name)
            if not isinstance(value, tuple | list) or len(value) > longest:
                refuse(name, f"be a tuple of up to {longest}", value)
        self._set("hidden", tuple(_whole_within("hidden", size, 1, MOST_NEURONS) for size in self.hidden))
        self._set("points", tuple(map(_point, self.points)))

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)


def _whole_within(name: str, value: Any, least: int, most: int) -> int:
    if whole(name, value, least) > most:
        refuse(name, f"be at most {most}", value)
    return int(value)


def _point(point: Any) -> tuple[float, float, int]:
    if not isinstance(point, tuple | list) or len(point) != 3 or point[2] not in (0, 1):
        refuse("points", "be (x_1, x_2, class 0 or 1)", point)
    x, y = (number("points", value, above=-FARTHEST, below=FARTHEST) for value in point[:2])
    return round(x, 3), round(y, 3), int(point[2])


def settings_from(values: Mapping[str, Any], settings: Settings) -> Settings:
    """The settings with some of them replaced [12].

    >>> settings_from({"lr": 0.5}, Settings()).lr
    0.5
    """
    known = asdict(settings).keys()
    if not values.keys() <= known:
        refuse("settings", f"be among {', '.join(known)}", ", ".join(values.keys() - known))
    return replace(settings, **values)


@dataclass
class Column:
    """One layer as it is drawn: a ``Linear`` and whatever follows it up to the next one."""

    linear: nn.Linear
    rest: list[nn.Module] = field(default_factory=list)


@dataclass(frozen=True)
class Moment:
    """Where a run stands: updates made, epochs begun, and what was measured on all points after that.

    ``new_loss`` is on as many new points of the problem, None where the points are the reader's own.
    ``norms`` are the lengths of the gradient that the last step used, layer by layer, biases included.
    """

    step: int
    epoch: int
    loss: float
    accuracy: float
    new_loss: float | None
    norms: list[float]


class Experiment:
    """A run that can be driven step by step [12].

    ``net`` and ``points`` (X, y) of your own take the place of those that the settings describe. The network
    itself is trained, not a copy; `restart` puts back the parameters that it has now. ``grads`` and
    ``updates`` hold, by name, what the last step used and added; ``history`` a `Moment` for the start and for
    each `advance`; ``stopped`` why training cannot go on.

    >>> run = Experiment(Settings(problem="circles"))
    >>> run.advance(100)
    >>> run.now.step, run.now.epoch, len(run.now.norms)
    (100, 5, 3)
    """

    def __init__(
        self,
        settings: Settings,
        net: nn.Sequential | None = None,
        points: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> None:
        self.settings = settings
        self.own_net, self.own_points = net, None if points is None else _own(points)
        self.loss = nn.BCEWithLogitsLoss()
        self.start: dict[str, Array] = {}
        self._dropouts: list[tuple[np.random.Generator, Any]] = []
        if net is not None:
            _columns(net)
            self.start = net.state_dict()
            dropouts = [leaf for leaf in nn.leaves(net) if isinstance(leaf, nn.Dropout)]
            self._dropouts = [(leaf.rng, leaf.rng.bit_generator.state) for leaf in dropouts]
        self.restart()

    def restart(self, settings: Settings | None = None) -> None:
        """Begin anew, on request with other settings; a ValueError leaves everything as it was."""
        settings = settings or self.settings
        rng = np.random.default_rng(settings.seed)
        X, y = self._points(settings, rng)
        net = _executed(_network_code(settings), rng)["net"] if self.own_net is None else self.own_net

        self.settings, self.net, self.X, self.y = settings, net, X, y
        if self.own_net is not None:
            net.load_state_dict(self.start)
            for drawn, state in self._dropouts:
                drawn.bit_generator.state = state
        self.optimizer = _executed([_optimizer_code(settings)], rng)["optimizer"]
        self.columns = _columns(net)
        self.new_points = self._new_points()
        self._batches = self._endless(rng)
        self._rows: Any = None
        self.steps, self.epochs = 0, 0
        self.rates = {0: settings.lr}
        self.grads: dict[str, Array] = {}
        self.updates: dict[str, Array] = {}
        self.stopped = ""
        self.history = [self._measured()]

    def change_rate(self, lr: float) -> None:
        """Another learning rate from the next step on, without beginning anew."""
        self.settings = replace(self.settings, lr=lr)
        self.rates[self.steps] = self.optimizer.lr = float(lr)

    @property
    def now(self) -> Moment:
        """Where the run stands."""
        return self.history[-1]

    def advance(self, steps: int = 1) -> None:
        """Train for some steps and note where that leads; a ValueError where there are no points.

        Training stops before a step whose loss or gradient is not finite; the network keeps the weights that
        it has. An interrupt keeps what was reached, too.
        """
        whole("steps", steps, 1)
        if not len(self.X):
            raise ValueError("There are no points to learn from yet: place some of both classes.")
        before = self.steps
        self.net.train()
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                for _ in range(steps):
                    if not self.stopped:
                        self._step()
        finally:
            if self.steps > before:
                self.history.append(self._measured())

    def _step(self) -> None:
        """One update, by the same lines as in the code that is shown, or the reason why there is none."""
        if self._rows is None:  # else the batch of a step that was interrupted, or failed
            self._rows = next(self._batches)
        rows, parameters, old = self._rows, self.net.parameters(), self.net.state_dict()
        value = self.loss.forward(self.net.forward(self.X[rows]), self.y[rows])
        if not math.isfinite(value):
            return self._stop(f"The loss became {value}")
        self.net.backward(self.loss.backward())
        grads = {p.name: np.array(p.grad) for p in parameters}
        try:
            self.optimizer.step(parameters)
        except GradientNotFinite as error:
            return self._stop(str(error))
        self._rows = None
        self.steps += 1
        self.grads, self.updates = grads, {p.name: p.data - old[p.name] for p in parameters}

    def _stop(self, why: str) -> None:
        self.stopped = f"{why} in step {self.steps + 1}. Reset, and try a smaller learning rate."

    def check(self) -> GradientReport:
        """The gradient check of lesson 09, at the present weights, on the first points of the data."""
        if not len(self.X):
            raise ValueError("There are no points to check the gradient on yet: place some.")
        kept = [copy(p.grad) for p in self.net.parameters()]
        try:
            with _in_evaluation(self.net):  # dropout would draw anew for every difference
                return check_network(self.net, self.loss, self.X[:CHECKED_POINTS], self.y[:CHECKED_POINTS])
        finally:
            for p, grad in zip(self.net.parameters(), kept, strict=True):
                p.grad = grad

    # ------------------------------------------------------------------------------------ what is shown

    @property
    def plane(self) -> tuple[float, float, float]:
        """The part of the plane that is shown: its centre, and half its side."""
        x, y, half = 0.0, 0.0, 1.5
        base = self.X[: len(self.X) - len(self.settings.points)]
        if len(base):
            low, high = base.min(axis=0), base.max(axis=0)
            (x, y), half = (low + high) / 2, max(0.6 * float(np.max(high - low)), 0.5)
        far = float(np.abs(self.X - [x, y]).max(initial=0.0))
        if far > half + 1e-3:  # points placed from a cell may lie outside
            half = 1.1 * far
        return float(x), float(y), half

    def grid(self, size: int) -> Array:
        """Points of the plane, ``(size * size, 2)``: rows from top to bottom, each from left to right."""
        x, y, half = self.plane
        steps = (np.arange(size) + 0.5) / size * 2 - 1
        across, down = np.meshgrid(x + half * steps, y - half * steps)
        return np.column_stack([across.ravel(), down.ravel()])

    def maps(self, size: int) -> list[Array]:
        """What each neuron answers at each point of the grid: one array ``(neurons, size, size)`` a layer.

        The last one holds the probability of class 1.
        """
        out, found = self.grid(size), []
        with _in_evaluation(self.net), np.errstate(over="ignore", invalid="ignore"):
            for column in self.columns:
                for layer in (column.linear, *column.rest):
                    out = layer(out)
                found.append(out.T.reshape(-1, size, size))
            return [*found[:-1], F.sigmoid(found[-1])]

    def _measured(self) -> Moment:
        linears = [column.linear for column in self.columns]
        norms = [length_of([self.grads[p.name] for p in one.parameters()]) for one in linears if self.steps]
        loss, right, new = math.nan, None, None
        with np.errstate(over="ignore", invalid="ignore"):
            if len(self.X):
                loss, right = evaluate(self.net, self.loss, self.X, self.y)
            if self.new_points is not None:
                new, _ = evaluate(self.net, self.loss, *self.new_points)
        accuracy = math.nan if right is None else right
        return Moment(self.steps, self.epochs, loss, accuracy, new, norms)

    # ------------------------------------------------------------------------------------ data and batches

    def _points(self, settings: Settings, rng: np.random.Generator) -> tuple[Array, Array]:
        """The problem's own points and, behind them, those that were placed; and their classes."""
        if self.own_points is None:
            names = _executed(_data_code(settings), rng)
            return names["X"], names["y"]
        placed = np.reshape(settings.points, (-1, 3)).astype(float)
        X, y = self.own_points
        return np.vstack([X, placed[:, :2]]), np.vstack([y, placed[:, 2:]])

    def _new_points(self) -> tuple[Array, Array] | None:
        chosen = self.settings
        if self.own_points is not None or chosen.points or chosen.problem == "own points":
            return None
        return self._points(chosen, np.random.default_rng([chosen.seed, 1]))

    def _endless(self, rng: np.random.Generator) -> Iterator[Any]:
        for self.epochs in count(1):
            yield from minibatches(len(self.X), self.settings.batch_size, rng)

    @property
    def code(self) -> str:
        """The run so far as a few lines of Python, with the same numbers.

        A network or points of the reader's own are taken from the playground, under the name ``play``;
        dropout in such a network then draws on from where it stands.
        """
        chosen = self.settings
        own_net = ["net = play.net.train()", "net.load_state_dict(play.start)"]
        several = len(self.rates) > 1
        batch, loop = chosen.batch_size, f"islice(batches, {self.steps})"
        lines = [
            IMPORTS,
            "",
            f"rng = np.random.default_rng({chosen.seed})",
            *(_data_code(chosen) if self.own_points is None else ["X, y = play.X, play.y"]),
            *(_network_code(chosen) if self.own_net is None else own_net),
            "loss = nn.BCEWithLogitsLoss()",
            _optimizer_code(replace(chosen, lr=self.rates[0])),
            f"batches = (rows for _ in count() for rows in bp.data.minibatches(len(X), {batch}, rng))",
            *([f"rates = {self.rates}"] if several else []),
            f"for step, rows in enumerate({loop}):" if several else f"for rows in {loop}:",
            *(["    optimizer.lr = rates.get(step, optimizer.lr)"] if several else []),
            "    loss.forward(net.forward(X[rows]), y[rows])",
            "    net.backward(loss.backward())",
            "    optimizer.step(net.parameters())",
        ]
        return "\n".join(lines)


@contextmanager
def _in_evaluation(net: nn.Module) -> Iterator[None]:
    was_training = net.training
    net.eval()
    try:
        yield
    finally:
        net.train(was_training)


def length_of(arrays: Sequence[Array]) -> float:
    """Root of the sum of all squares [12].

    >>> length_of([np.array([3.0]), np.array([[4.0]])])
    5.0
    """
    with np.errstate(over="ignore"):
        return math.hypot(*(np.linalg.norm(array.astype(np.float64)) for array in arrays))


def _executed(lines: Sequence[str], rng: np.random.Generator) -> dict[str, Any]:
    """The names that some lines of the code define: what is shown to a reader is what was run."""
    names: dict[str, Any] = {"rng": rng}
    exec("\n".join([IMPORTS, *lines]), names)
    return names


def _data_code(chosen: Settings) -> list[str]:
    lines = PROBLEMS[chosen.problem].format(n=chosen.n, noise=chosen.noise).split("\n")
    if chosen.points:
        places, classes = [list(p[:2]) for p in chosen.points], [[float(p[2])] for p in chosen.points]
        lines += [f"X, y = np.vstack([X, {places}]), np.vstack([y, {classes}])"]
    return lines


def _network_code(chosen: Settings) -> list[str]:
    init = INITIALIZERS[chosen.init]
    given = "" if not init else ", init=init" if init.startswith("lambda") else f", init={init}"
    layers = [f"nn.Linear({a}, {b}, rng=rng{given})" for a, b in pairwise([2, *chosen.hidden, 1])]
    layers[:-1] = [f"{layer}, {ACTIVATIONS[chosen.activation]}" for layer in layers[:-1]]
    lines = [f"net = nn.Sequential({', '.join(layers)})"]
    if len(lines[0]) > 120:
        lines = ["net = nn.Sequential(", *(f"    {layer}," for layer in layers), ")"]
    return [f"init = {init}", *lines] if given == ", init=init" else lines


def _optimizer_code(chosen: Settings) -> str:
    decay = f", weight_decay={chosen.weight_decay}" if chosen.weight_decay else ""
    return "optimizer = " + OPTIMIZERS[chosen.optimizer].format(**asdict(chosen), decay=decay)


def _columns(net: nn.Sequential) -> list[Column]:
    if not isinstance(net, nn.Sequential):
        refuse("net", "be a Sequential", net)
    columns: list[Column] = []
    for layer in nn.leaves(net, into=nn.Sequential):
        if isinstance(layer, nn.Linear):
            columns.append(Column(layer))
        elif columns:
            columns[-1].rest.append(layer)
        else:
            refuse("net", "begin with a Linear", layer)
    shapes = [column.linear.W.data.shape for column in columns]
    if not shapes or shapes[0][1] != 2 or shapes[-1][0] != 1:
        got = "no Linear" if not shapes else f"{shapes[0][1]} inputs and {shapes[-1][0]} outputs"
        raise ValueError(f"net must have 2 inputs and 1 output, got {got}")
    if any(isinstance(layer, nn.Sigmoid) for layer in columns[-1].rest):
        raise ValueError("net must have a logit as output, got a Sigmoid at the end; leave it out")
    names = [p.name for p in net.parameters()]
    if len(set(names)) < len(names):
        raise ValueError(f"net must have parameters of different names, got {names}; build it anew")
    return columns


def _own(points: tuple[ArrayLike, ArrayLike]) -> tuple[Array, Array]:
    if len(points) != 2:
        raise ValueError(f"data must be a pair (X, y), got {len(points)} parts")
    X, y = np.array(points[0], dtype=float), np.array(points[1], dtype=float)
    y = y.reshape(-1, 1) if y.ndim == 1 else y
    if X.ndim != 2 or X.shape[1:] != (2,) or y.shape != (len(X), 1):
        raise ValueError(f"data must be X of shape (n, 2) and y of shape (n, 1), got {X.shape} and {y.shape}")
    if not 1 <= len(X) <= MOST_POINTS:
        raise ValueError(f"data must have 1 to {MOST_POINTS} points, got {len(X)}")
    if not (np.abs(X) < FARTHEST).all() or not np.isin(y, (0, 1)).all():
        raise ValueError("data must be finite coordinates and classes 0 or 1, got something else")
    return X, y
