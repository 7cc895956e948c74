"""What the playground runs: a problem in the plane, a network, and training one step at a time.

No widget is needed: an experiment is driven from a cell as well as from the buttons, with the same numbers,
and it can say what it did as a few lines of code.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import count, pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bphelpers import data, nn, optim
from bphelpers import functional as F
from bphelpers.teaching.gradcheck import GradientReport, check_network
from bphelpers.training import evaluate

Array = NDArray[np.floating]

PROBLEMS = ("moons", "circles", "spirals", "xor", "own points")
ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "ReLU": nn.ReLU, "sigmoid": nn.Sigmoid}
INITIALIZERS: dict[str, tuple[Any, str]] = {  # what nn.Linear takes as init, and how that is written
    "xavier": ("xavier", ""),
    "he": ("he", '"he"'),
    "small": (
        lambda d_out, d_in, rng: 0.01 * rng.standard_normal((d_out, d_in)),
        "lambda d_out, d_in, rng: 0.01 * rng.standard_normal((d_out, d_in))",
    ),
    "equal": (
        lambda d_out, d_in, rng: np.full((d_out, d_in), 0.5),
        "lambda d_out, d_in, rng: np.full((d_out, d_in), 0.5)",
    ),
}
OPTIMIZERS: dict[str, tuple[type[Any], dict[str, float]]] = {
    "SGD": (optim.SGD, {}),
    "momentum": (optim.SGD, {"momentum": 0.9}),
    "RMSprop": (optim.RMSprop, {}),
    "Adam": (optim.Adam, {}),
    "AdamW": (optim.AdamW, {}),
}
IMPORTS = (
    "import numpy as np",
    "from itertools import count, islice",
    "import bphelpers as bp",
    "from bphelpers import nn, optim",
)
FARTHEST = 1e100  # coordinates beyond it could not be told apart in a picture
MOST_LAYERS, MOST_NEURONS, MOST_POINTS, CHECKED_POINTS = 8, 64, 2000, 20


class _Rule(Protocol):
    lr: float

    def step(self, parameters: list[nn.Parameter]) -> None: ...


@dataclass(frozen=True)
class Settings:
    """Everything that a run depends on; refuses what makes no run.

    Lesson: 12_playground.

    >>> Settings(hidden=(8, 8), lr=-1)
    Traceback (most recent call last):
    ...
    ValueError: lr: expected a finite number, 0 or more, got -1
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
        choices = {"problem": PROBLEMS, "activation": ACTIVATIONS, "init": INITIALIZERS}
        choices["optimizer"] = OPTIMIZERS
        for name, allowed in choices.items():
            if not isinstance(getattr(self, name), str) or getattr(self, name) not in allowed:
                raise ValueError(f"{name}: expected one of {list(allowed)}, got {getattr(self, name)!r}")
        for name in ("noise", "lr", "weight_decay"):
            value = getattr(self, name)
            if not _is_number(value) or not 0 <= value < (FARTHEST if name == "noise" else math.inf):
                raise ValueError(f"{name}: expected a finite number, 0 or more, got {value!r}")
            object.__setattr__(self, name, float(value))
        for name, least, most in (("n", 2, MOST_POINTS), ("batch_size", 1, MOST_POINTS), ("seed", 0, 2**32)):
            if not _is_whole(getattr(self, name), least, most):
                raise ValueError(
                    f"{name}: expected a whole number from {least} to {most}, got {getattr(self, name)!r}"
                )
        for name in ("hidden", "points"):
            if not isinstance(getattr(self, name), (tuple, list)):
                raise ValueError(f"{name}: expected a tuple, got {getattr(self, name)!r}")
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if len(self.hidden) > MOST_LAYERS or not all(_is_whole(k, 1, MOST_NEURONS) for k in self.hidden):
            raise ValueError(
                f"hidden: expected up to {MOST_LAYERS} layers of 1 to {MOST_NEURONS} neurons, "
                f"got {self.hidden}"
            )
        object.__setattr__(self, "points", tuple(_point(p) for p in self.points))
        if len(self.points) > MOST_POINTS:
            raise ValueError(f"points: expected at most {MOST_POINTS}, got {len(self.points)}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _is_whole(value: Any, least: int, most: int) -> bool:
    return (
        isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(least <= value <= most)
    )


def _point(point: Any) -> tuple[float, float, int]:
    fine = isinstance(point, (tuple, list)) and len(point) == 3 and all(map(_is_number, point))
    if not fine or not all(abs(value) < FARTHEST for value in point) or point[2] not in (0, 1):
        raise ValueError(f"points: expected (x_1, x_2, class 0 or 1), all finite, got {point!r}")
    return round(float(point[0]), 3), round(float(point[1]), 3), int(point[2])


@dataclass
class Column:
    """One layer as it is drawn: a ``Linear`` and whatever follows it up to the next one."""

    linear: nn.Linear
    rest: list[nn.Module] = field(default_factory=list)


@dataclass(frozen=True)
class Moment:
    """Where a run stands after a step.

    Attributes
    ----------
    step, epoch : int
        Updates made; epochs begun.
    loss, accuracy : float
        On all points, measured after the step; accuracy from 0 to 1.
    new_loss : float or None
        On as many new points of the same problem; None where the points are the reader's own.
    norms : list of float
        Length of the gradient that the last step used, layer by layer, biases included; empty before it.
    """

    step: int
    epoch: int
    loss: float
    accuracy: float
    new_loss: float | None
    norms: list[float]


class Experiment:
    """A run that can be driven step by step.

    Parameters
    ----------
    settings : Settings
    net : Sequential, optional
        Your own network, two inputs and one output. It is trained itself, not a copy; `restart` puts back the
        parameters that it has now, and clears the gradients.
    points : (X, y), optional
        Your own data, ``(n, 2)`` and ``(n, 1)`` or ``(n,)`` of zeros and ones, in place of a problem's.

    Attributes
    ----------
    net, loss, optimizer, X, y
        What is trained, and on what. The network's output is a logit.
    updates : dict
        What the last step added to each parameter, by name; empty before the first step.
    history : list of Moment
        One where training began and one after each `advance`.
    stopped : str
        Why training cannot go on, in words; empty where it can.

    Raises
    ------
    ValueError
        Where the network or the data do not fit.

    Lesson: 12_playground.

    Examples
    --------
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
        self.start: dict[str, Array] = {} if net is None else net.state_dict()
        self._draws: list[tuple[np.random.Generator, Any]] = []
        if net is not None:
            _columns(net)
            dropouts = [leaf for leaf in net.leaves() if isinstance(leaf, nn.Dropout)]
            self._draws = [(leaf.rng, leaf.rng.bit_generator.state) for leaf in dropouts]
        self.restart()

    def restart(self, settings: Settings | None = None) -> None:
        """Begin anew: the same data, the same initial weights, no step made. With other settings on request.

        Raises
        ------
        ValueError
            Where the settings fit no run; then everything is as it was.
        """
        settings = settings or self.settings
        rng = np.random.default_rng(settings.seed)
        base, X, y = self._data(settings, rng)
        net = _network(settings, rng) if self.own_net is None else self.own_net
        kind, more = OPTIMIZERS[settings.optimizer]
        optimizer = kind(lr=settings.lr, weight_decay=settings.weight_decay, **more)

        self.settings, self.net, self.X, self.y, self._base = settings, net, X, y, base
        if self.own_net is not None:
            net.load_state_dict(self.start)
            for drawn, state in self._draws:
                drawn.bit_generator.state = state
            for p in net.parameters():
                p.grad = None
        self.optimizer: _Rule = optimizer
        self.columns = _columns(net)
        self.new_points = self._new_points()
        self._batches = self._endless(rng)
        self._rows: NDArray[np.int64] | None = None
        self.steps, self.epochs = 0, 0
        self.rates = {0: settings.lr}
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
        """Train for some steps and note where that leads.

        Training stops before a step whose loss or gradient is not finite, and says so in ``stopped``; the
        network keeps the weights that it has. An interrupt keeps what was reached, too.

        Raises
        ------
        ValueError
            Where there are no points to learn from, or `steps` is not 1 or more.
        """
        if not _is_whole(steps, 1, 10**9):
            raise ValueError(f"steps: expected a whole number, 1 or more, got {steps!r}")
        if not len(self.X):
            raise ValueError("There are no points to learn from yet: place some of both classes.")
        before = self.steps
        self.net.train()
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                for _ in range(steps):
                    if self.stopped or not self._step():
                        break
        finally:
            if self.steps > before:
                self.history.append(self._measured())

    def _step(self) -> bool:
        """One update, by the same lines as in the code that is shown. False where there can be none."""
        if self._rows is None:  # else the batch of a step that was interrupted, or failed
            self._rows = next(self._batches)
        rows, parameters = self._rows, self.net.parameters()
        value = self.loss.forward(self.net.forward(self.X[rows]), self.y[rows])
        if not math.isfinite(value):
            self._stop(f"The loss became {value}")
            return False
        grads, old = [p.grad for p in parameters], self.net.state_dict()
        self.net.backward(self.loss.backward())
        try:
            self.optimizer.step(parameters)
        except optim.GradientNotFinite as error:
            for p, grad in zip(parameters, grads, strict=True):
                p.grad = grad  # that of the last step made
            self._stop(str(error))
            return False
        self._rows = None
        self.steps += 1
        self.updates = {p.name: p.data - old[p.name] for p in parameters}
        return True

    def _stop(self, why: str) -> None:
        self.stopped = f"{why} in step {self.steps + 1}. Reset, and try a smaller learning rate."

    def check(self) -> GradientReport:
        """The gradient check of lesson 09, at the present weights, on the first points of the data."""
        if not len(self.X):
            raise ValueError("There are no points to check the gradient on yet: place some.")
        kept = [p.grad for p in self.net.parameters()]
        was_training = self.net.training
        self.net.eval()  # dropout would draw anew for every difference
        try:
            rows = slice(0, CHECKED_POINTS)
            return check_network(self.net, self.loss, self.X[rows], self.y[rows])
        finally:
            self.net.train(was_training)
            for p, grad in zip(self.net.parameters(), kept, strict=True):
                p.grad = grad

    # ------------------------------------------------------------------------------------ what is shown

    @property
    def plane(self) -> tuple[float, float, float]:
        """The part of the plane that is shown: its centre, and half its side."""
        x, y, half = 0.0, 0.0, 1.5
        if len(self._base):
            low, high = self._base.min(axis=0), self._base.max(axis=0)
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
        was_training = self.net.training
        self.net.eval()
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                for column in self.columns:
                    for leaf in (column.linear, *column.rest):
                        out = leaf.forward(out)
                    found.append(out.T.reshape(-1, size, size))
                found[-1] = F.sigmoid(found[-1])
        finally:
            self.net.train(was_training)
        return found

    def _measured(self) -> Moment:
        norms = []
        if self.steps:
            grads = [[p.grad for p in column.linear.parameters()] for column in self.columns]
            norms = [length_of(layer) or 0.0 for layer in grads]
        with np.errstate(over="ignore", invalid="ignore"):
            loss, accuracy = self._evaluated(self.X, self.y)
            new = None if self.new_points is None else self._evaluated(*self.new_points)[0]
        return Moment(self.steps, self.epochs, loss, accuracy, new, norms)

    def _evaluated(self, X: Array, y: Array) -> tuple[float, float]:
        if not len(X):
            return math.nan, math.nan
        value, accuracy = evaluate(self.net, self.loss, X, y)
        assert accuracy is not None
        return value, accuracy

    # ------------------------------------------------------------------------------------ data and batches

    def _data(self, settings: Settings, rng: np.random.Generator) -> tuple[Array, Array, Array]:
        """The problem's own points, then all points and their classes."""
        if self.own_points is not None:
            base, y = self.own_points
        else:
            base, y = _problem(settings, rng)
        placed = np.array(settings.points, dtype=float).reshape(-1, 3)
        return base, np.vstack([base, placed[:, :2]]), np.vstack([y, placed[:, 2:]])

    def _new_points(self) -> tuple[Array, Array] | None:
        own = self.own_points is not None or self.settings.points or self.settings.problem == "own points"
        return None if own else _problem(self.settings, np.random.default_rng([self.settings.seed, 1]))

    def _endless(self, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
        for self.epochs in count(1):
            yield from data.minibatches(len(self.X), self.settings.batch_size, rng)

    # ------------------------------------------------------------------------------------ as code

    @property
    def code(self) -> str:
        """The run so far as a few lines of Python, with the same numbers.

        A network or points of the reader's own are taken from the playground, under the name ``play``;
        dropout in such a network then draws on from where it stands.
        """
        chosen = self.settings
        lines = [*IMPORTS, "", f"rng = np.random.default_rng({chosen.seed})", *self._data_code()]
        own = ["net = play.net.train()", "net.load_state_dict(play.start)"]
        lines += _network_code(chosen) if self.own_net is None else own
        rate = f"lr={self.rates[0]}"
        decay = f", weight_decay={chosen.weight_decay}" if _decays(chosen) else ""
        kind, more = OPTIMIZERS[chosen.optimizer]
        rest = "".join(f", {name}={value}" for name, value in more.items())
        lines += ["loss = nn.BCEWithLogitsLoss()", f"optimizer = optim.{kind.__name__}({rate}{rest}{decay})"]
        lines += [
            f"batches = (rows for _ in count() for rows in bp.data.minibatches(len(X), "
            f"{chosen.batch_size}, rng))"
        ]
        if len(self.rates) == 1:
            lines += [f"for rows in islice(batches, {self.steps}):"]
        else:
            lines += [f"rates = {self.rates}", f"for step, rows in enumerate(islice(batches, {self.steps})):"]
            lines += ["    optimizer.lr = rates.get(step, optimizer.lr)"]
        lines += [
            "    loss.forward(net.forward(X[rows]), y[rows])",
            "    net.backward(loss.backward())",
            "    optimizer.step(net.parameters())",
        ]
        return "\n".join(lines)

    def _data_code(self) -> list[str]:
        chosen = self.settings
        placed = [list(point[:2]) for point in chosen.points], [[float(point[2])] for point in chosen.points]
        if self.own_points is not None:
            return ["X, y = play.X, play.y"]
        if chosen.problem == "own points":
            return [f"X = np.array({placed[0]}).reshape(-1, 2)", f"y = np.array({placed[1]}).reshape(-1, 1)"]
        lines = _problem_code(chosen)
        if chosen.points:
            lines += [f"X, y = np.vstack([X, {placed[0]}]), np.vstack([y, {placed[1]}])"]
        return lines


def length_of(arrays: Sequence[Array | None]) -> float | None:
    """Root of the sum of all squares; None where there is no array yet.

    Lesson: 12_playground.

    >>> length_of([np.array([3.0]), np.array([[4.0]])])
    5.0
    """
    given = [np.asarray(array, dtype=np.float64) for array in arrays if array is not None]
    with np.errstate(over="ignore"):
        return math.hypot(*map(np.linalg.norm, given)) if given else None


def _decays(chosen: Settings) -> bool:
    return chosen.weight_decay > 0 or chosen.optimizer == "AdamW"  # whose default is not 0


def _problem(chosen: Settings, rng: np.random.Generator) -> tuple[Array, Array]:
    if chosen.problem == "own points":
        return np.empty((0, 2)), np.empty((0, 1))
    if chosen.problem == "xor":
        X, y = (np.tile(part, (chosen.n // 4 + 1, 1))[: chosen.n] for part in data.xor())
        return X + chosen.noise * rng.standard_normal(X.shape), y
    X, y = getattr(data, chosen.problem)(chosen.n, chosen.noise, rng)
    return X, y


def _problem_code(chosen: Settings) -> list[str]:
    if chosen.problem == "xor":
        tiles = f"np.tile(part, ({chosen.n // 4 + 1}, 1))[:{chosen.n}]"
        return [
            f"X, y = ({tiles} for part in bp.data.xor())",
            f"X = X + {chosen.noise} * rng.standard_normal(X.shape)",
        ]
    return [f"X, y = bp.data.{chosen.problem}({chosen.n}, {chosen.noise}, rng)"]


def _network(chosen: Settings, rng: np.random.Generator) -> nn.Sequential:
    layers: list[nn.Module] = []
    sizes = [2, *chosen.hidden, 1]
    for d_in, d_out in pairwise(sizes):
        layers += [nn.Linear(d_in, d_out, rng=rng, init=INITIALIZERS[chosen.init][0])]
        layers += [ACTIVATIONS[chosen.activation]()]
    return nn.Sequential(*layers[:-1])


def _network_code(chosen: Settings) -> list[str]:
    sizes = [2, *chosen.hidden, 1]
    given = INITIALIZERS[chosen.init][1]
    lines = [f"init = {given}"] if given.startswith("lambda") else []
    init = "" if not given else ", init=init" if lines else f", init={given}"
    activation = ACTIVATIONS[chosen.activation].__name__
    layers = [f"nn.Linear({a}, {b}, rng=rng{init})" for a, b in pairwise(sizes)]
    hidden, last = [f"{layer}, nn.{activation}()" for layer in layers[:-1]], layers[-1]
    line = f"net = nn.Sequential({', '.join([*hidden, last])})"
    if len(line) <= 120:
        return [*lines, line]
    return [*lines, "net = nn.Sequential(", *(f"    {layer}," for layer in [*hidden, last]), ")"]


def _columns(net: nn.Sequential) -> list[Column]:
    if not isinstance(net, nn.Sequential):
        raise ValueError(f"net: expected a Sequential, got {type(net).__name__}")
    columns: list[Column] = []
    for leaf in net.chain():
        if isinstance(leaf, nn.Linear):
            columns.append(Column(leaf))
        elif columns:
            columns[-1].rest.append(leaf)
        else:
            raise ValueError(f"net: expected a Linear first, got {leaf!r}")
    shapes = [column.linear.W.data.shape for column in columns]
    if not shapes or shapes[0][1] != 2 or shapes[-1][0] != 1:
        got = "no Linear" if not shapes else f"{shapes[0][1]} inputs and {shapes[-1][0]} outputs"
        raise ValueError(f"net: expected 2 inputs and 1 output, got {got}")
    if any(isinstance(leaf, nn.Sigmoid) for leaf in columns[-1].rest):
        raise ValueError("net: expected a logit as output: leave out the Sigmoid at the end")
    names = [p.name for p in net.parameters()]
    if len(set(names)) < len(names):
        raise ValueError(f"net: expected parameters with different names, got {names}: build it anew")
    return columns


def _own(points: tuple[ArrayLike, ArrayLike]) -> tuple[Array, Array]:
    if len(points) != 2:
        raise ValueError(f"data: expected a pair (X, y), got {len(points)} parts")
    X, y = np.array(points[0], dtype=float), np.array(points[1], dtype=float)
    y = y.reshape(-1, 1) if y.ndim == 1 else y
    if X.ndim != 2 or X.shape[1:] != (2,) or y.shape != (len(X), 1):
        raise ValueError(
            f"data: expected X of shape (n, 2) and y of shape (n, 1), got {X.shape} and {y.shape}"
        )
    if not 1 <= len(X) <= MOST_POINTS:
        raise ValueError(f"data: expected 1 to {MOST_POINTS} points, got {len(X)}")
    if not (np.abs(X) < FARTHEST).all() or not np.isin(y, (0, 1)).all():
        raise ValueError("data: expected finite coordinates and classes that are 0 or 1")
    return X, y


def settings_from(values: Mapping[str, Any], settings: Settings) -> Settings:
    """The settings with some of them replaced.

    Lesson: 12_playground.

    >>> settings_from({"lr": 0.5}, Settings()).lr
    0.5
    """
    unknown = set(values) - set(asdict(settings))
    if unknown:
        raise ValueError(f"expected settings among {sorted(asdict(settings))}, got {sorted(unknown)}")
    return replace(settings, **values)
