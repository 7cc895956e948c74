"""What the playground runs: a problem in the plane, a network, and training one step at a time [12].

No widget is needed: an experiment is driven from a cell as well as from the buttons, with the same numbers.
It can say what it did as a few lines of code, and is itself set up by running the first of them.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import count, pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bphelpers import functional as F
from bphelpers import nn
from bphelpers.arguments import Array, number, refuse, whole
from bphelpers.data import minibatches
from bphelpers.optim import GradientNotFinite
from bphelpers.teaching import numbers
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
CHOICES = {"problem": PROBLEMS, "activation": ACTIVATIONS, "init": INITIALIZERS, "optimizer": OPTIMIZERS}
FARTHEST = 1e100  # coordinates beyond it could not be told apart in a picture
MOST_LAYERS, MOST_NEURONS, MOST_POINTS, CHECKED_POINTS, SURFACE = 8, 64, 2000, 20, 64

short = partial(numbers.number, digits=3, style="label")


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
        found: dict[str, Any] = {}
        for name, allowed in CHOICES.items():
            value = getattr(self, name)
            if not isinstance(value, str) or value not in allowed:
                refuse(name, f"be one of {', '.join(allowed)}", value)
        for name, below in (("noise", FARTHEST), ("lr", math.inf), ("weight_decay", math.inf)):
            found[name] = number(name, getattr(self, name), least=0, below=below)
        for name, least, most in (("n", 2, MOST_POINTS), ("batch_size", 1, MOST_POINTS), ("seed", 0, 2**32)):
            found[name] = _whole_within(name, getattr(self, name), least, most)
        for name, longest, item in (("hidden", MOST_LAYERS, _size), ("points", MOST_POINTS, _point)):
            value = getattr(self, name)
            if not isinstance(value, tuple | list) or len(value) > longest:
                refuse(name, f"be a tuple of up to {longest}", value)
            found[name] = tuple(map(item, value))
        vars(self).update(found)

    def but(self, **values: Any) -> "Settings":
        """These settings with some of them replaced; refuses a name that is none."""
        known = asdict(self).keys()
        if not values.keys() <= known:
            refuse("settings", f"be among {', '.join(known)}", ", ".join(values.keys() - known))
        return replace(self, **values)


def _whole_within(name: str, value: Any, least: int, most: int) -> int:
    if whole(name, value, least) > most:
        refuse(name, f"be at most {most}", value)
    return int(value)


def _size(size: Any) -> int:
    return _whole_within("hidden", size, 1, MOST_NEURONS)


def _point(point: Any) -> tuple[float, float, int]:
    if not isinstance(point, tuple | list) or len(point) != 3 or point[2] not in (0, 1):
        refuse("points", "be (x_1, x_2, class 0 or 1)", point)
    x, y = (number("points", value, above=-FARTHEST, below=FARTHEST) for value in point[:2])
    return round(x, 3), round(y, 3), int(point[2])


@dataclass(frozen=True)
class Moment:
    """Where a run stands: updates made, epochs begun, and what was measured on all points after that.

    ``new_loss`` is on as many new points of the problem, None where the points are the reader's own.
    ``norms`` are the lengths of the gradient that the last step used, layer by layer, biases included; NaN
    before the first step.
    """

    step: int
    epoch: int
    loss: float
    accuracy: float
    new_loss: float | None
    norms: list[float]


class Experiment:
    """A run that can be driven step by step [12].

    ``net`` and ``data`` (X, y) of your own take the place of those that the settings describe. The network
    itself is trained, not a copy; `restart` puts back the parameters that it has now. ``grads`` and
    ``updates`` hold, by name, what the last step used and added, and ``batch`` the rows of its points;
    ``history`` a `Moment` for the start and for each `run`; ``stopped`` why training cannot go on.

    >>> experiment = Experiment(Settings(problem="circles"))
    >>> experiment.run(100)
    >>> experiment
    Step 100, epoch 5: the loss is 0.68 on 200 points and 0.681 on as many new ones; 58 % are right.
    """

    def __init__(
        self,
        settings: Settings,
        net: nn.Sequential | None = None,
        data: tuple[ArrayLike, ArrayLike] | None = None,
    ) -> None:
        self.own_net, self.own_points = net, None if data is None else _own(data)
        self.start: dict[str, Array] = {}
        self._dropouts: list[tuple[np.random.Generator, Any]] = []
        if net is not None:
            _linears(net)
            self.net, self.start = net, net.state_dict()
            dropouts = [leaf for leaf in nn.leaves(net) if isinstance(leaf, nn.Dropout)]
            self._dropouts = [(leaf.rng, leaf.rng.bit_generator.state) for leaf in dropouts]
        self._begin(settings)

    def __repr__(self) -> str:
        now, n = self.history[-1], len(self.X)
        if not n:
            return "No step made yet, and no points: place some of both classes."
        where = f"Step {now.step}, epoch {now.epoch}: the" if now.step else "No step made yet: the"
        new = "" if now.new_loss is None else f" and {short(now.new_loss)} on as many new ones"
        of = f"on {n} points" if n > 1 else "on one point"
        return f"{where} loss is {short(now.loss)} {of}{new}; {100 * now.accuracy:.4g} % are right."

    def _begin(self, settings: Settings) -> None:
        """Begin anew, by running the first lines of the code that is shown."""
        self.settings, self.rates, self.steps, self.epochs, self.stopped = (
            settings,
            {0: settings.lr},
            0,
            0,
            "",
        )
        self.grads: dict[str, Array] = {}
        self.updates: dict[str, Array] = {}
        self.batch: Array = np.empty(0, dtype=int)
        for drawn, state in self._dropouts:
            drawn.bit_generator.state = state
        if self.own_points is not None:
            placed = np.reshape(settings.points, (-1, 3)).astype(float)
            self.X, self.y = map(np.vstack, zip(self.own_points, (placed[:, :2], placed[:, 2:]), strict=True))
        made = _executed(self._first_lines(), play=self)
        self.X, self.y, self.net, self.loss = made["X"], made["y"], made["net"], made["loss"]
        self.optimizer, self.linears = made["optimizer"], _linears(self.net)
        self._new_points: tuple[Array, Array] | None = None
        if self.own_points is None and not settings.points and settings.problem != "own points":
            new = _executed(_data_code(settings), rng=np.random.default_rng([settings.seed, 1]))
            self._new_points = new["X"], new["y"]
        self._batches = self._endless(made["rng"])
        self._rows: Any = None
        self.history = [self._measured()]

    def restart(self) -> None:
        """Back to the initial weights, as Reset does."""
        self._begin(self.settings)

    def set(self, **settings: Any) -> None:
        """Change settings as the controls do. All but the learning rate begin the run anew.

        Where a setting is unknown or impossible, a ValueError says so, and nothing is changed.
        """
        new = self.settings.but(**settings)
        if settings.keys() == {"lr"} and self.steps:
            self.settings = new
            self.rates[self.steps] = self.optimizer.lr = new.lr
        else:
            self._begin(new)

    def run(self, steps: int) -> None:
        """Make steps, as Play does, and note where they lead; a ValueError where there are no points.

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
        self._rows, self.batch = None, rows
        self.steps += 1
        self.grads, self.updates = grads, {p.name: p.data - old[p.name] for p in parameters}

    def _stop(self, why: str) -> None:
        self.stopped = f"{why} in step {self.steps + 1}. Reset, and try a smaller learning rate."

    def check(self) -> GradientReport:
        """The gradient check of lesson 09 at the present weights, on the first 20 points."""
        if not len(self.X):
            raise ValueError("There are no points to check the gradient on yet: place some.")
        net = deepcopy(self.net).eval()  # dropout would draw anew for every difference
        return check_network(net, self.loss, self.X[:CHECKED_POINTS], self.y[:CHECKED_POINTS])

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

    def maps(self, size: int = SURFACE) -> list[Array]:
        """What each neuron answers over the plane: one array ``(neurons, size, size)`` a layer.

        Rows from top to bottom, each from left to right; the last array holds the probability of class 1.
        ``bp.plots.plane_maps(play.maps()[0], play.plane, ...)`` draws one layer.

        >>> [layer.shape for layer in Experiment(Settings(hidden=(8, 4))).maps()]
        [(8, 64, 64), (4, 64, 64), (1, 64, 64)]
        """
        out, found, was_training = self.grid(size), [], self.net.training
        self.net.eval()
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                for layer in nn.leaves(self.net, into=nn.Sequential):
                    if isinstance(layer, nn.Linear):
                        found.append(out)  # what enters a layer is what the one before it answers
                    out = layer(out)
            return [answers.T.reshape(-1, size, size) for answers in (*found[1:], F.sigmoid(out))]
        finally:
            self.net.train(was_training)

    @property
    def kinds(self) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
        """The parameters, and what the last step used and added, each by name."""
        return {p.name: p.data for p in self.net.parameters()}, self.grads, self.updates

    def lengths(self, kind: Mapping[str, Array]) -> list[float]:
        """Root of the sum of all squares of each layer's part, biases included; NaN before the first step."""
        if not kind:
            return [math.nan] * len(self.linears)
        names = [[p.name for p in linear.parameters()] for linear in self.linears]
        with np.errstate(over="ignore"):
            return [math.hypot(*(np.linalg.norm(kind[p].astype(np.float64)) for p in part)) for part in names]

    def _measured(self) -> Moment:
        loss, right, new = math.nan, None, None
        with np.errstate(over="ignore", invalid="ignore"):
            if len(self.X):
                loss, right = evaluate(self.net, self.loss, self.X, self.y)
            if self._new_points is not None:
                new, _ = evaluate(self.net, self.loss, *self._new_points)
        accuracy = math.nan if right is None else right
        return Moment(self.steps, self.epochs, loss, accuracy, new, self.lengths(self.grads))

    # ----------------------------------------------------------------------------------- the same run as code

    def _endless(self, rng: np.random.Generator) -> Iterator[Any]:
        for self.epochs in count(1):
            yield from minibatches(len(self.X), self.settings.batch_size, rng)

    def _first_lines(self) -> list[str]:
        chosen = replace(self.settings, lr=self.rates[0])
        own_net = ["net = play.net.train()", "net.load_state_dict(play.start)"]
        return [
            f"rng = np.random.default_rng({chosen.seed})",
            *(_data_code(chosen) if self.own_points is None else ["X, y = play.X, play.y"]),
            *(_network_code(chosen) if self.own_net is None else own_net),
            "loss = nn.BCEWithLogitsLoss()",
            _optimizer_code(chosen),
        ]

    @property
    def code(self) -> str:
        """The run so far as a few lines of Python, with the same numbers.

        A network or points of the reader's own are taken from the playground, under the name ``play``;
        dropout in such a network then draws on from where it stands.
        """
        size, loop, several = self.settings.batch_size, f"islice(batches, {self.steps})", len(self.rates) > 1
        lines = [
            IMPORTS,
            "",
            *self._first_lines(),
            f"batches = (rows for _ in count() for rows in bp.data.minibatches(len(X), {size}, rng))",
            *([f"rates = {self.rates}"] if several else []),
            f"for step, rows in enumerate({loop}):" if several else f"for rows in {loop}:",
            *(["    optimizer.lr = rates.get(step, optimizer.lr)"] if several else []),
            "    loss.forward(net.forward(X[rows]), y[rows])",
            "    net.backward(loss.backward())",
            "    optimizer.step(net.parameters())",
        ]
        return "\n".join(lines)


def _executed(lines: Sequence[str], **names: Any) -> dict[str, Any]:
    """The names that some lines of the code define: what is shown to a reader is what was run."""
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


def _linears(net: nn.Sequential) -> list[nn.Linear]:
    """The layers of neurons; refuses a network that does not fit."""
    if not isinstance(net, nn.Sequential):
        refuse("net", "be a Sequential", net)
    leaves = list(nn.leaves(net, into=nn.Sequential))
    linears = [leaf for leaf in leaves if isinstance(leaf, nn.Linear)]
    if leaves and leaves[0] not in linears:
        refuse("net", "begin with a Linear", leaves[0])
    d_in, d_out = (linears[0].W.data.shape[1], linears[-1].W.data.shape[0]) if linears else (0, 0)
    if (d_in, d_out) != (2, 1):
        got = f"{d_in} inputs and {d_out} outputs" if linears else "no Linear"
        raise ValueError(f"net must have 2 inputs and 1 output, got {got}")
    if any(isinstance(leaf, nn.Sigmoid) for leaf in leaves[leaves.index(linears[-1]) :]):
        raise ValueError("net must have a logit as output, got a Sigmoid at the end; leave it out")
    return linears


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
