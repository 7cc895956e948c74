"""The playground: train a small network on points of the plane, and watch its gradients.

Python trains, in the kernel, with the objects of the package; the browser asks for one picture after another
and draws it. Between two pictures the kernel is free, so the next cell may use the network at any moment.
"""

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.resources import files
from typing import Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike

from bphelpers import nn
from bphelpers.arguments import Array
from bphelpers.teaching.gradcheck import GradientReport
from bphelpers.teaching.widgets.cell_thread import CellThread
from bphelpers.teaching.widgets.experiment import (
    ACTIVATIONS,
    CHECKED_POINTS,
    INITIALIZERS,
    MOST_LAYERS,
    MOST_NEURONS,
    OPTIMIZERS,
    PROBLEMS,
    Experiment,
    Moment,
    Settings,
    length_of,
    settings_from,
)
from bphelpers.teaching.widgets.scrubber import short

SURFACE, MOST_SHOWN, MOST_MOMENTS = 64, 12, 1200
CHOICES: dict[str, Sequence[Any]] = {
    "problem": tuple(PROBLEMS),
    "noise": (0.0, 0.05, 0.1, 0.2, 0.3, 0.5),
    "activation": tuple(ACTIVATIONS),
    "init": tuple(INITIALIZERS),
    "optimizer": tuple(OPTIMIZERS),
    "lr": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
    "batch_size": (1, 5, 10, 32, 200),
    "weight_decay": (0.0, 0.0001, 0.001, 0.01, 0.1),
}
NONE = "\N{EN DASH}"
_MODULE, *_STYLES = (
    files("bphelpers.teaching.widgets").joinpath(name).read_text(encoding="utf-8")
    for name in ("playground.js", "common.css", "playground.css")
)
_STYLE = "".join(_STYLES)

Message = dict[str, Any]


def playground(
    net: nn.Sequential | None = None, data: tuple[ArrayLike, ArrayLike] | None = None, **settings: Any
) -> "Playground":
    """A network that is trained before your eyes, on points of the plane [12].

    Of your own you may give a network with two inputs and one output, a logit, which is trained itself (Reset
    puts back the parameters that it has now), and points ``(X, y)`` with y of 0 and 1. The settings say the
    rest, and what the controls show first: ``problem`` ("moons", "circles", "spirals", "xor", "own points"),
    ``n``, ``noise``, ``points`` (tuples x_1, x_2, class that are added, to three decimals), ``hidden`` (sizes
    of the hidden layers), ``activation`` ("tanh", "ReLU", "sigmoid"), ``init`` ("xavier", "he", "small",
    "equal"), ``optimizer`` ("SGD", "momentum", "RMSprop", "Adam", "AdamW"), ``lr``, ``batch_size``,
    ``weight_decay``, ``seed``. What makes no run is a ValueError.

    >>> play = playground(problem="moons", lr=0.3)
    >>> play.run(500)
    >>> play
    Step 500, epoch 25: the loss is 0.0258 on 200 points and 0.0439 on as many new ones; 99 % are right.
    >>> play.net(play.X[:2]).shape
    (2, 1)
    """
    return Playground(Experiment(settings_from(settings, Settings()), net, data))


class Playground(anywidget.AnyWidget):  # type: ignore[misc]
    """What `playground` returns: controls and pictures in Jupyter, a sentence where it is printed [12].

    The buttons and the methods drive the same run, an `Experiment`, whose ``net``, ``loss``, ``optimizer``,
    ``X``, ``y``, ``settings``, ``history``, ``plane``, ``code`` and ``start`` are the playground's own.
    """

    _esm = _MODULE
    _css = _STYLE
    first = traitlets.Dict().tag(sync=True)  # what a view draws before the kernel is free to answer

    def __init__(self, run: Experiment) -> None:
        self._run = run
        self._paused = 0  # number of the latest press of Play that was taken back
        self._thread = CellThread()
        super().__init__()
        self.on_msg(self._heard)

    def __repr__(self) -> str:
        return sentence(self._run)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        content, buffers = self._frame()
        self.first = {"scene": self._scene(), "frame": content, "buffers": buffers}
        data, metadata = super()._repr_mimebundle_(**options) or ({}, {})
        return {**data, "text/plain": repr(self)}, metadata

    net = property(lambda self: self._run.net)
    loss = property(lambda self: self._run.loss)
    optimizer = property(lambda self: self._run.optimizer)
    X = property(lambda self: self._run.X)
    y = property(lambda self: self._run.y)
    settings = property(lambda self: self._run.settings)
    history = property(lambda self: self._run.history)
    code = property(lambda self: self._run.code)
    start = property(lambda self: self._run.start)
    plane = property(lambda self: self._run.plane)

    def maps(self, size: int = SURFACE) -> list[Array]:
        """What each neuron answers over the plane: one array ``(neurons, size, size)`` a layer.

        Rows from top to bottom, each from left to right; the last array holds the probability of class 1.
        ``bp.plots.plane_maps(play.maps()[0], play.plane, ...)`` draws one layer.

        >>> [layer.shape for layer in playground(hidden=(8, 4)).maps()]
        [(8, 64, 64), (4, 64, 64), (1, 64, 64)]
        """
        return self._run.maps(size)

    def run(self, steps: int) -> None:
        """Make steps from a cell, as Play does; a ValueError where there are no points."""
        self._run.advance(steps)
        self._send_frame()

    def set(self, **settings: Any) -> None:
        """Change settings as the controls do. All but the learning rate begin the run anew.

        Where a setting is unknown or impossible, a ValueError says so, and nothing is changed.
        """
        new = settings_from(settings, self._run.settings)
        if settings.keys() == {"lr"} and self._run.steps:
            self._run.change_rate(new.lr)
        else:
            self._run.restart(new)
        self._send_all()

    def restart(self) -> None:
        """Back to the initial weights, as Reset does."""
        self._run.restart()
        self._send_all()

    def check(self) -> GradientReport:
        """The gradient check of lesson 09 at the present weights, on the first 20 points."""
        return self._run.check()

    # ------------------------------------------------------------------------------------ what the page asks

    def _heard(self, _: Any, content: Message, buffers: Any) -> None:
        """Answer in turn with the cells, which may use the network; only Pause does not wait."""
        if content["ask"] == "pause":
            self._paused = content["take"]
        else:
            self._thread.run(lambda: self._answer(content))

    def _answer(self, content: Message) -> None:
        """Do what the page asks for; whatever goes wrong is said there, and the playground goes on."""
        asked: dict[str, Callable[[Message], None]] = {
            "scene": lambda _: self._send_all(),
            "steps": self._steps,
            "set": lambda message: self.set(**message["settings"]),
            "restart": lambda _: self.restart(),
            "place": self._place,
            "check": lambda _: self._checked(),
        }
        try:
            asked[content["ask"]](content)
        except KeyboardInterrupt:
            self._say("Interrupted. The network keeps what it has learned.")
        except ValueError as error:
            self._say(str(error))
        except Exception as error:  # a learner's own layer may fail anywhere
            self._say(f"{type(error).__name__}: {error}")

    def _say(self, text: str) -> None:
        """What went wrong, and where the run stands after it."""
        with contextlib.suppress(Exception):  # the learner's own layer may fail in this as well
            self._send_frame()
        self.send({"type": "trouble", "text": text})

    def _steps(self, message: Message) -> None:
        """As many pictures as asked for, each some steps on, unless Pause was pressed since."""
        for _ in range(message["pictures"]):
            if self._paused < message["take"]:
                self.run(message["count"])

    def _place(self, message: Message) -> None:
        """Add a point, or take away the nearest of those that were added."""
        points = self._run.settings.points
        x, y = float(message["x"]), float(message["y"])
        if message["label"] is not None:
            points = (*points, (x, y, int(message["label"])))
        elif not points:
            raise ValueError("There is no placed point to take away.")
        else:
            nearest = min(reversed(range(len(points))), key=lambda k: math.dist(points[k][:2], (x, y)))
            points = points[:nearest] + points[nearest + 1 :]
        self.set(points=points)

    def _checked(self) -> None:
        report = self.check()
        right = "The gradient is right." if report.ok else "The gradient is wrong."
        title = f"{right} Step {self._run.steps}, {min(len(self.X), CHECKED_POINTS)} points:"
        self.send({"type": "check", "ok": report.ok, "title": title, "text": str(report)})

    # ------------------------------------------------------------------------------------ what the page gets

    def _send_all(self) -> None:
        self.send(self._scene())
        self._send_frame()

    def _send_frame(self) -> None:
        self.send(*self._frame())

    def _scene(self) -> Message:
        """Everything that stays while a run goes on."""
        run = self._run
        chosen = asdict(run.settings)
        moments = _thinned(run.history)
        return {
            "type": "scene",
            "settings": chosen,
            "choices": {name: _with(values, chosen[name]) for name, values in CHOICES.items()},
            "fixed": {"net": run.own_net is not None, "data": run.own_points is not None},
            "most": {"layers": MOST_LAYERS, "neurons": MOST_NEURONS},
            "sizes": [2, *(len(column.linear.W.data) for column in run.columns)],
            "shown": self._shown,
            "points": np.hstack([run.X, run.y]).round(4).tolist(),
            "placed": len(run.settings.points),
            "plane": run.plane,
            "moments": [_moment(moment) for moment in moments],
        }

    @property
    def _shown(self) -> list[int]:
        """How many neurons of each column are drawn."""
        return [2, *(min(len(column.linear.W.data), MOST_SHOWN) for column in self._run.columns)]

    def _frame(self) -> tuple[Message, list[bytes]]:
        """One picture: texts and numbers, and the bytes of small maps, surface and lines."""
        run = self._run
        values = {p.name: p.data for p in run.net.parameters()}
        kinds = [self._edges(kind) for kind in (values, run.grads, run.updates)]
        largest = [float(max(np.abs(part).max() for part in kind)) for kind in kinds]
        content = {
            "type": "frame",
            "moment": _moment(run.now),
            "sentence": repr(self),
            "stopped": run.stopped,
            "largest": largest,
            "thickest": [short(value) for value in largest],
            "rows": _rows(run),
            "code": run.code,
        }
        *hidden, answer = run.maps(SURFACE)
        surface = 2 * answer - 1  # from -1, surely class 0, to 1, surely class 1
        maps = [
            _bytes(answers[:count, 1::2, 1::2])
            for answers, count in zip([_input_maps(run), *hidden], self._shown, strict=False)
        ]
        small = b"".join([*maps, _bytes(surface[:, 1::2, 1::2], scale=1.0)])
        edges = b"".join(part.tobytes() for kind in kinds for part in kind)
        return content, [small, _bytes(surface, scale=1.0), edges]

    def _edges(self, kind: Mapping[str, Array]) -> list[Array]:
        """W, b, W, b, ... of the neurons that are drawn, as float32; zeros where there is nothing yet."""
        parts, before = [], 2
        for column, count in zip(self._run.columns, self._shown[1:], strict=True):
            W, b = column.linear.W, column.linear.b
            for p, shape in ((W, (count, before)), (b, (count,))):
                part: Array = np.zeros(shape)
                if p is not None and p.name in kind:
                    part = kind[p.name][tuple(map(slice, shape))]
                parts.append(np.nan_to_num(np.clip(part, -1e30, 1e30)).astype("<f4"))
            before = count
        return parts


def _with(values: Sequence[Any], value: Any) -> list[Any]:
    """The choices of a control, with a value that was set from a cell among them."""
    return list(values) if value in values else sorted([*values, value])


def _thinned(history: list[Moment]) -> list[Moment]:
    every = math.ceil(len(history) / MOST_MOMENTS)
    return [*history[:-1:every], history[-1]]


def _moment(moment: Moment) -> Message:
    """As JSON, which has neither NaN nor infinity."""

    def number(value: float | None) -> float | None:
        return None if value is None or not math.isfinite(value) else value

    return {name: [number(v) for v in value] if name == "norms" else number(value)
            for name, value in asdict(moment).items()}  # fmt: skip


def _bytes(values: Array, scale: float | None = None) -> bytes:
    """One signed byte a value, 127 for the largest of each map, or for `scale`."""
    values = np.nan_to_num(np.asarray(values, dtype=np.float64), nan=0.0, posinf=1e300, neginf=-1e300)
    largest = np.abs(values).max(axis=(-2, -1), keepdims=True) if scale is None else scale
    return np.round(127 * (values / np.maximum(largest, 1e-300))).astype(np.int8).tobytes()


def _input_maps(run: Experiment) -> Array:
    x, y, _ = run.plane
    return (run.grid(SURFACE) - [x, y]).T.reshape(2, SURFACE, SURFACE)


def _rows(run: Experiment) -> list[list[str]]:
    """The table in numbers: layer, shape, lengths of parameters, gradient and update, update per length."""
    rows = []
    for l, column in enumerate(run.columns, start=1):
        parameters = column.linear.parameters()
        length = length_of([p.data for p in parameters])
        grad, update = (
            length_of([kind[p.name] for p in parameters]) if kind else None
            for kind in (run.grads, run.updates)
        )
        ratio = update / length if update is not None and length else None
        cells = [NONE if value is None else short(value) for value in (length, grad, update, ratio)]
        d_out, d_in = column.linear.W.data.shape
        rows.append([str(l), f"{d_out} \N{MULTIPLICATION SIGN} {d_in}", *cells])
    return rows


def sentence(run: Experiment) -> str:
    """Where a run stands, in words [12].

    >>> sentence(Experiment(Settings(problem="own points")))
    'No step made yet, and no points: place some of both classes.'
    """
    now, n = run.now, len(run.X)
    if not n:
        return "No step made yet, and no points: place some of both classes."
    where = f"Step {now.step}, epoch {now.epoch}: the" if now.step else "No step made yet: the"
    new = "" if now.new_loss is None else f" and {short(now.new_loss)} on as many new ones"
    of = f"on {n} points" if n > 1 else "on one point"
    return f"{where} loss is {short(now.loss)} {of}{new}; {100 * now.accuracy:.4g} % are right."
