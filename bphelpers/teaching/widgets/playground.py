"""The playground: train a small network on points of the plane, and watch its gradients.

Python trains, in the kernel, with the objects of the package; the browser asks for one picture after another
and draws it. Between two pictures the kernel is free, so the next cell may use the network at any moment.
"""

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike

from bphelpers import nn
from bphelpers.arguments import Array
from bphelpers.teaching.widgets.cell_thread import CellThread
from bphelpers.teaching.widgets.experiment import (
    CHECKED_POINTS,
    CHOICES,
    MOST_LAYERS,
    MOST_NEURONS,
    SURFACE,
    Experiment,
    Moment,
    Settings,
    short,
)

MOST_SHOWN, MOST_MOMENTS, MOST_RINGED, LARGEST = 12, 600, 10, 1e30
CONTROLS: dict[str, dict[str, tuple[str, Sequence[Any]]]] = {  # group: setting: label and choices
    "Data": {
        "problem": ("Points", tuple(CHOICES["problem"])),
        "noise": ("Noise", (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)),
    },
    "Network": {
        "activation": ("Activation", tuple(CHOICES["activation"])),
        "init": ("First weights", tuple(CHOICES["init"])),
    },
    "Training": {
        "optimizer": ("Optimizer", tuple(CHOICES["optimizer"])),
        "lr": ("Learning rate", (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)),
        "batch_size": ("Batch size", (1, 5, 10, 32, 200)),
        "weight_decay": ("Weight decay", (0.0, 0.0001, 0.001, 0.01, 0.1)),
    },
}
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
    return Playground(Settings().but(**settings), net, data)


class Playground(Experiment, anywidget.AnyWidget):  # type: ignore[misc]
    """What `playground` returns: an `Experiment` with controls and pictures in Jupyter [12].

    The buttons and the methods drive the same run, and a cell may look at its ``net``, ``loss``,
    ``optimizer``, ``X``, ``y``, ``settings``, ``history``, ``plane``, ``code`` and ``start``.
    """

    _esm = _MODULE
    _css = _STYLE
    _ipython_display_ = None  # as in LiveFigure: ipywidgets 7 would not ask for `_repr_mimebundle_`
    first: Any = traitlets.List().tag(sync=True)  # what a view draws before the kernel is free to answer
    controls: Any = traitlets.Dict(
        {group: {name: label for name, (label, _) in rows.items()} for group, rows in CONTROLS.items()}
    ).tag(sync=True)

    def __init__(self, *run: Any) -> None:
        self._paused = 0  # number of the latest press of Play that was taken back
        self._thread = CellThread()
        Experiment.__init__(self, *run)
        anywidget.AnyWidget.__init__(self)
        self.on_msg(self._heard)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        self.first = list(self._everything())
        data, metadata = anywidget.AnyWidget._repr_mimebundle_(self, **options) or ({}, {})
        return {**data, "text/plain": repr(self)}, metadata

    def run(self, steps: int) -> None:
        """Make steps from a cell, as Play does; a ValueError where there are no points."""
        super().run(steps)
        self.send(*self._frame())

    def set(self, **settings: Any) -> None:
        """Change settings, see `Experiment.set`."""
        super().set(**settings)
        self.send(*self._everything())

    def restart(self) -> None:
        """Back to the initial weights, as Reset does."""
        super().restart()
        self.send(*self._everything())

    # ------------------------------------------------------------------------------------ what the page asks

    def _heard(self, _: Any, content: Message, buffers: Any) -> None:
        """Answer in turn with the cells, which may use the network; only Pause does not wait."""
        if content["ask"] == "pause":
            self._paused = content["take"]
        else:
            self._thread.run(lambda: self._answer(content))

    def _answer(self, content: Message) -> None:
        """Do what the page asks for; whatever goes wrong is said there, and the playground goes on."""
        asked: dict[str, Callable[..., None]] = {
            "scene": lambda: self.send(*self._everything()),
            "steps": self._steps,
            "set": self.set,
            "restart": self.restart,
            "place": self._place,
            "take_away": self._take_away,
            "check": self._checked,
        }
        try:
            given = dict(content)
            asked[given.pop("ask")](**given)
        except KeyboardInterrupt:
            self._say("Interrupted. The network keeps what it has learned.")
        except ValueError as error:
            self._say(str(error))
        except Exception as error:  # a learner's own layer may fail anywhere
            self._say(f"{type(error).__name__}: {error}")

    def _say(self, text: str) -> None:
        """What went wrong, and where the run stands after it."""
        with contextlib.suppress(Exception):  # the learner's own layer may fail in this as well
            self.send(*self._frame())
        self.send({"trouble": text})

    def _steps(self, count: int, pictures: int, take: int) -> None:
        """As many pictures as asked for, each some steps on, unless Pause was pressed since."""
        for _ in range(pictures):
            if self._paused < take:
                self.run(count)

    def _in_plane(self, at: Sequence[float]) -> tuple[float, float]:
        """The point at a part of the way across the picture, and down."""
        x, y, half = self.plane
        return x + (2 * at[0] - 1) * half, y + (1 - 2 * at[1]) * half

    def _place(self, at: Sequence[float], label: int) -> None:
        self.set(points=(*self.settings.points, (*self._in_plane(at), label)))

    def _take_away(self, at: Sequence[float] | None = None) -> None:
        """The nearest of the points that were placed, or the one placed last."""
        points = self.settings.points
        if not points:
            raise ValueError("There is no placed point to take away.")
        place = points[-1][:2] if at is None else self._in_plane(at)
        nearest = min(reversed(range(len(points))), key=lambda k: math.dist(points[k][:2], place))
        self.set(points=points[:nearest] + points[nearest + 1 :])

    def _checked(self) -> None:
        report = self.check()
        right = "The gradient is right." if report.ok else "The gradient is wrong."
        title = f"{right} Step {self.steps}, {min(len(self.X), CHECKED_POINTS)} points:"
        self.send({"check": {"ok": report.ok, "title": title, "text": str(report)}})

    # ------------------------------------------------------------------------------------ what the page gets

    def _everything(self) -> tuple[Message, list[bytes]]:
        """A frame, and all that stays while a run goes on."""
        content, buffers = self._frame()
        layers = [f"layer {l}, neuron {k + 1}" for l, count in enumerate(self._shown) for k in range(count)]
        *centre, half = self.plane
        places = 0.5 + (self.X - centre) / (2 * half) * [1, -1]  # from the upper left corner
        scene = {
            "controls": self._controls(),
            "fixed": self.own_net is not None,
            "seed": self.settings.seed,
            "most": {"layers": MOST_LAYERS, "neurons": MOST_NEURONS},
            "sizes": [2, *(len(linear.W.data) for linear in self.linears)],
            "shown": self._shown,
            "names": ["input 1", "input 2", *layers[2:-1], "output"],
            "points": np.hstack([places, self.y]).round(4).tolist(),
            "placed": len(self.settings.points),
        }
        return {"scene": scene, **content}, buffers

    def _controls(self) -> dict[str, Message]:
        """Choices of each control and the chosen one; one alone where the reader's own object decides."""
        found = {}
        own = {"Data": self.own_points, "Network": self.own_net}
        for group, rows in CONTROLS.items():
            for name, (_, choices) in rows.items():
                value, values = getattr(self.settings, name), list(choices)
                if own.get(group) is not None:
                    value, values = "yours", ["yours"]
                elif value not in values:  # set from a cell
                    values = sorted([*values, value])
                found[name] = {"values": values, "value": value}
        return found

    @property
    def _shown(self) -> list[int]:
        """How many inputs, and neurons of each layer, are drawn."""
        return [2, *(min(len(linear.W.data), MOST_SHOWN) for linear in self.linears)]

    def _frame(self) -> tuple[Message, list[bytes]]:
        """One picture: texts and numbers; and as bytes the small maps, the surface, the lines, the curves."""
        kinds = [self._edges(kind) for kind in self.kinds]
        largest = [float(np.abs(kind).max()) for kind in kinds]
        now = self.history[-1]
        frame = {
            "step": now.step,
            "epoch": now.epoch,
            "sentence": repr(self),
            "stopped": self.stopped,
            "largest": largest,
            "thickest": [short(value) for value in largest],
            "batch": self.batch.tolist() if len(self.batch) <= MOST_RINGED else [],
            "rows": self._rows_of_numbers(),
            "code": self.code,
        }
        inputs = (self.grid(SURFACE) - self.plane[:2]).T.reshape(2, SURFACE, SURFACE)
        *hidden, answer = self.maps()
        surface = 2 * answer - 1  # from -1, surely class 0, to 1, surely class 1
        maps = [
            _bytes(a[:count, 1::2, 1::2]) for a, count in zip([inputs, *hidden], self._shown, strict=False)
        ]
        small = b"".join([*maps, _bytes(surface[:, 1::2, 1::2], scale=1.0)])
        curves = _floats([[m.step, m.loss, m.new_loss, *m.norms] for m in _thinned(self.history)])
        buffers = small, _bytes(surface, scale=1.0), np.concatenate(kinds).tobytes(), curves.T.tobytes()
        return {"frame": frame}, list(buffers)

    def _edges(self, kind: Mapping[str, Array]) -> Array:
        """W, b, W, b, ... of the neurons that are drawn, in a row; zeros where there is nothing yet."""
        parts = []
        for linear, d_in, d_out in zip(self.linears, self._shown, self._shown[1:], strict=False):
            for p, shape in ((linear.W, (d_out, d_in)), (linear.b, (d_out,))):
                part = np.zeros(shape) if p is None or p.name not in kind else kind[p.name]
                parts.append(part[tuple(map(slice, shape))].ravel())
        return _floats(np.concatenate(parts))

    def _rows_of_numbers(self) -> list[list[str]]:
        """The table: layer, shape, lengths of parameters, gradient and update, update per length."""
        rows = []
        columns = zip(self.linears, *map(self.lengths, self.kinds), strict=True)
        for l, (linear, *lengths) in enumerate(columns, start=1):
            lengths.append(lengths[2] / lengths[0] if lengths[0] else math.nan)
            d_out, d_in = linear.W.data.shape
            cells = ["\N{EN DASH}" if math.isnan(value) else short(value) for value in lengths]
            rows.append([str(l), f"{d_out} \N{MULTIPLICATION SIGN} {d_in}", *cells])
        return rows


def _thinned(history: list[Moment]) -> list[Moment]:
    """Every second, every fourth, ... of many: those that are drawn stay the same for long."""
    every = 1
    while len(history) > every * MOST_MOMENTS:
        every *= 2
    return [*history[:-1:every], history[-1]]


def _floats(values: Any) -> Array:
    """As float32, which has no numbers beyond 3e38; 0 for NaN, and for what is missing."""
    return np.nan_to_num(np.clip(np.array(values, dtype=np.float64), -LARGEST, LARGEST)).astype("<f4")


def _bytes(values: Array, scale: float | None = None) -> bytes:
    """One signed byte a value, 127 for the largest of each map, or for `scale`."""
    values = np.nan_to_num(np.asarray(values, dtype=np.float64), nan=0.0, posinf=1e300, neginf=-1e300)
    largest = np.abs(values).max(axis=(-2, -1), keepdims=True) if scale is None else scale
    return np.round(127 * (values / np.maximum(largest, 1e-300))).astype(np.int8).tobytes()
