"""The scrubber: one training iteration, step by step, on a drawing of the network.

Python computes every frame once, from :func:`~bphelpers.teaching.trace.trace`, and hands all of them over.
Moving the slider asks no kernel, so it works in a saved page as well: beside the anywidget view, the output
holds a page fragment with the same script, the same frames, and all steps in words for where no script runs.
"""

import hashlib
import html
import json
import operator
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from importlib.resources import files
from itertools import product
from typing import Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike

from bphelpers import nn
from bphelpers.teaching.numbers import number
from bphelpers.teaching.plots.labels import Line, free_place
from bphelpers.teaching.trace import Layer, Step, layers, trace

#: Parts of a line that its label may stand at, best first.
ALONG = (0.5, 0.45, 0.55, 0.4, 0.6, 0.35, 0.65, 0.3, 0.7, 0.25, 0.75, 0.2, 0.8)
MOST_LABELLED_WEIGHTS, MOST_ROOMY_NEURONS, MOST_ROOMY_LAYERS = 24, 4, 3
KINDS = {
    "input": "the inputs",
    "sum": "weighted sum",
    "activation": "activation",
    "probability": "probability",
    "loss": "loss",
    "d_activation": "derivative for an activation",
    "d_sum": "delta of a weighted sum",
    "d_weight": "derivative for a weight",
    "d_bias": "derivative for a bias",
    "update": "new value",
}
_MODULE, *_STYLES = (
    files("bphelpers.teaching.widgets").joinpath(name).read_text(encoding="utf-8")
    for name in ("scrubber.js", "common.css", "scrubber.css")
)
_STYLE = "".join(_STYLES)

Frames = dict[str, Any]


def scrubber(
    net: nn.Sequential,
    loss: nn.Loss,
    x: ArrayLike,
    y: ArrayLike,
    lr: float | None = None,
    *,
    example: int | Sequence[int] = 0,
    fixed: Collection[str] = (),
    names: Mapping[str, str] | None = None,
    start: int = 0,
) -> "Scrubber":
    """One training iteration with a slider over its steps: forward, backward, update [05].

    ``net, loss, x, y, lr, fixed, names`` as :func:`bphelpers.teaching.trace.trace` takes them. ``example`` is
    the row of the batch whose values the neurons show, from 0; of several, for example ``range(4)``, the
    reader chooses one, and each takes as much space as a scrubber of its own. ``start`` is the step that is
    shown first.

    >>> from bphelpers.teaching.trace import HalfSquares, running_example
    >>> net, x, y, lr = running_example()
    >>> scrubber(net, HalfSquares(), x, y, lr)
    One training iteration of a 2-2-2 network in 42 steps: 10 forward to the loss 0.298371, 20 backward,
    12 to update.
    """
    rows = [operator.index(row) for row in np.ravel(example)]
    start = operator.index(start)
    if not rows:
        raise ValueError("example must be at least one row, got none")
    traces = [trace(net, loss, x, y, lr, example=row, fixed=fixed, names=names) for row in rows]
    steps = traces[0]
    if not 0 <= start < len(steps):
        raise ValueError(f"start must be from 0 to {len(steps) - 1}, got {start}")
    pictures = [_Picture(layers(net), loss, _targets(net, loss, y, row), names or {}) for row in rows]
    views = [picture.frames(found) for picture, found in zip(pictures, traces, strict=True)]
    n = np.shape(x)[0] if np.ndim(x) == 2 else 1
    for row, view in zip(rows, views, strict=True):
        view["note"] = f"example {row + 1} of {n}" if n > 1 else ""
    others = [{"note": view["note"], "steps": view["steps"]} for view in views[1:]]
    return Scrubber(steps, views[0] | {"others": others, "start": start})


class Scrubber(anywidget.AnyWidget):  # type: ignore[misc]
    """What `scrubber` returns: a network with a slider in Jupyter, a sentence where it is printed [05].

    ``steps`` are the `Step` objects that are shown; ``data`` is all that the browser gets: ``steps`` with the
    texts that each sets, ``neurons``, ``edges`` and ``labels`` with where they stand, ``others`` with the
    steps of further examples.

    A lesson becomes by ``jupyter nbconvert --to html`` a page in which the scrubber needs nothing else. With
    ``--execute`` nbconvert also stores the state of widgets, and then takes their program from the network;
    ``--ExecutePreprocessor.store_widget_state=False`` prevents it.
    """

    _esm = _MODULE
    _css = _STYLE
    data = traitlets.Dict().tag(sync=True)

    def __init__(self, steps: list[Step], data: Frames) -> None:
        self.steps = steps
        super().__init__(data=data)

    def __repr__(self) -> str:
        return str(self.data["summary"])

    def _repr_mimebundle_(self, **options: Any) -> Any:
        data, metadata = super()._repr_mimebundle_(**options) or ({}, {})
        return {**data, "text/plain": repr(self), "text/html": self.html()}, metadata

    def html(self) -> str:
        """The scrubber as a fragment of a page that needs no kernel and no network.

        It is the same text on every run and every machine: nbval compares it.
        """
        frames = json.dumps(self.data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
        key = hashlib.sha256(frames.encode()).hexdigest()[:12]
        words = "".join(f"<li>{html.escape(step.sentence)}</li>" for step in self.steps)
        return (
            f'<div data-bp-scrubber="{key}">\n'
            f"<p>{html.escape(repr(self))} Run the cell for the drawing.</p>\n"
            f"<details><summary>All steps in words</summary><ol>{words}</ol></details>\n"
            f'<script type="application/json">{frames}</script>\n</div>\n'
            f"<style>\n{_STYLE}</style>\n"
            f'<script type="module">\n{_MODULE}\n'
            f"""for (const el of document.querySelectorAll('[data-bp-scrubber="{key}"]')) {{\n"""
            "  const frames = el.querySelector('script[type=\"application/json\"]');\n"
            "  if (frames) mount(el, JSON.parse(frames.textContent));\n"
            "}\n</script>\n"
        )


def _targets(net: nn.Sequential, loss: nn.Loss, y: ArrayLike, example: int) -> list[float]:
    outputs = layers(net)[-1].linear.W.data.shape[0]
    if isinstance(loss, nn.CrossEntropyLoss):
        return [float(k == np.ravel(y)[example]) for k in range(outputs)]
    return [float(v) for v in np.reshape(y, (-1, outputs))[example]]


def short(value: float, significant: int = 3) -> str:
    """A number for a label on the drawing.

    >>> short(0.0821670), short(-12345.0), short(4.5e-5), short(0.0)
    ('0.0822', '−1.23e4', '4.5e−5', '0')
    """
    return number(float(value), significant, "label")


class _Picture:
    """Where everything stands, in units that are pixels at full width."""

    def __init__(
        self, network: list[Layer], loss: nn.Loss, targets: list[float], names: Mapping[str, str]
    ) -> None:
        self.network, self.targets, self.names = network, targets, names
        self.squares = isinstance(loss, nn.MSELoss)
        self.sizes = [network[0].linear.W.data.shape[1], *(x.linear.W.data.shape[0] for x in network)]
        weights = sum(layer.linear.W.data.size for layer in network)
        self.depth = len(network)
        self.crowded = (
            weights > MOST_LABELLED_WEIGHTS
            or max(self.sizes) > MOST_ROOMY_NEURONS
            or self.depth > MOST_ROOMY_LAYERS
        )
        self.r = 23 if self.crowded else 33
        self.digits = 2 if self.crowded else 3
        self.at: dict[tuple[int, int], tuple[int, int]] = {}
        self.boxes: list[tuple[float, float, float, float]] = []  # taken by labels: left, top, right, bottom
        self.edges: list[dict[str, Any]] = []
        self.labels: list[dict[str, Any]] = []
        self._place()
        self._connect()
        self._neuron_labels()
        self._edge_labels()

    # ------------------------------------------------------------------------------------ places

    def _place(self) -> None:
        rows = max(self.sizes)
        row = (62 if rows > 4 else 74) if self.crowded else (190 if rows > 1 else 0)
        top = 40 if self.crowded else 100
        gap = (
            max(100, min(180, 680 // (self.depth + 1))) if self.crowded else (238 if self.depth < 3 else 190)
        )
        self.height = top + row * (rows - 1) + (70 if self.crowded else 110)
        to_loss = min(gap, 165)
        self.width = 50 + gap * self.depth + to_loss + 50
        for l, size in enumerate([*self.sizes, 1]):
            for j in range(1, size + 1):
                y = top + row * (rows - 1) / 2 + row * (j - (size + 1) / 2)
                x = 50 + gap * l if l <= self.depth else self.width - 50
                self.at[l, j] = x, round(y)

    def _connect(self) -> None:
        for l, size in enumerate([*self.sizes[1:], 1], start=1):
            self.edges += [
                self._edge(l, j, k) for j, k in product(range(1, size + 1), range(1, self.sizes[l - 1] + 1))
            ]

    def _edge(self, l: int, j: int, k: int) -> dict[str, Any]:
        """From neuron k of the layer before to neuron j of layer l, from rim to rim."""
        a, b = np.array(self.at[l - 1, k], float), np.array(self.at[l, j], float)
        along = (b - a) / np.hypot(*(b - a)) * (self.r + 2)
        (x1, y1), (x2, y2) = a + along, b - along
        ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2}
        return {"id": f"{l}_{j}_{k}"} | {name: round(float(value)) for name, value in ends.items()}

    # ------------------------------------------------------------------------------------ labels

    def _label(self, key: str, x: float, y: float, anchor: str, kind: str, text: str = "") -> None:
        self.labels.append(
            {"id": key, "x": round(x), "y": round(y), "anchor": anchor, "kind": kind, "text": text}
        )

    def _neuron_labels(self) -> None:
        r = self.r
        for (l, j), (x, y) in self.at.items():
            self.boxes.append((x - r, y - r, x + r, y + r))
            inside = "inside small" if self.crowded else "inside"
            if l > self.depth:
                self._label("L", x, y + r * 0.42, "middle", inside)
                continue
            self._label(f"x_{j}" if l == 0 else f"a{l}_{j}", x, y + r * 0.42, "middle", inside)
            if l == 0:
                continue
            if l == self.depth:
                self._beside_output(j, x, y)
            if self.crowded:
                self._label(f"dz{l}_{j}", x, y + r + 13, "middle", "small")
                continue
            self.boxes.append((x - 40, y - r - 58, x + 40, y + r + 40))
            self._label(f"z{l}_{j}", x, y - r - 9, "middle", "")
            bias = self.network[l - 1].linear.b
            if bias is not None:
                text = self._text(f"b{l}_{j}", bias.data[j - 1])
                self._label(f"b{l}_{j}", x, y - r - 26, "middle", "", text)
                self._label(f"db{l}_{j}", x, y - r - 43, "middle", "")
            self._label(f"da{l}_{j}", x, y + r + 18, "middle", "")
            self._label(f"dz{l}_{j}", x, y + r + 35, "middle", "")

    def _beside_output(self, j: int, x: float, y: float) -> None:
        """Target and probability, on the side of the line to the loss that is free."""
        down = y > self.at[self.depth + 1, 1][1]
        size = 14 if self.crowded else 18
        first = y + size + 4 if down else y - 8
        left = x + self.r + 7
        kind = "small" if self.crowded else ""
        self._label(f"y_{j}", left, first, "start", f"target {kind}")
        if not self.squares:
            self._label(f"p_{j}", left, first + (size if down else -size), "start", kind)

    def _edge_labels(self) -> None:
        for edge in self.edges:
            l, j, k = map(int, edge["id"].split("_"))
            if l > self.depth:
                continue
            x, y = self._free_place(edge)
            kind = "edge small" if self.crowded else "edge"
            w = self.network[l - 1].linear.W.data[j - 1, k - 1]
            self._label(f"W{l}_{j}{k}", x, y - 1, "middle", kind, self._text(f"W{l}_{j}{k}", w))
            self._label(f"dW{l}_{j}{k}", x, y + (12 if self.crowded else 15), "middle", kind)

    def _free_place(self, edge: dict[str, Any]) -> tuple[float, float]:
        """Where on a line its two numbers are least in the way of what is there already."""
        if self.crowded:  # shown only while the line is lit: at its end, the lines that meet are apart
            t = 0.3 if self.sizes[int(edge["id"][0]) - 1] > 1 else 0.7
            return edge["x1"] + t * (edge["x2"] - edge["x1"]), edge["y1"] + t * (edge["y2"] - edge["y1"])
        others = [_ends(other) for other in self.edges if other is not edge]
        label = (-39, -17, 39, 19)
        place, box = free_place(
            _ends(edge), label, self.boxes, others, along=ALONG, area=4 / 300, detour=1 / 3
        )
        self.boxes.append(box)
        return place

    # ------------------------------------------------------------------------------------ texts

    def _text(self, name: str, value: float) -> str:
        """What a label says once its quantity has a value."""
        name = name.removesuffix(" new")
        shown = short(float(value), self.digits)
        letter = name.rstrip("0123456789_")
        own = self.names.get(name, "").replace("_", "")
        if letter in ("x", "a", "L"):
            return shown
        if letter == "W":
            return f"{own} {shown}" if own and not self.crowded else shown
        if letter == "dW":
            return f"∂ {shown}"
        if letter in ("da", "db"):
            of = self.names.get(name[1:], "ŷ" if self._is_hat(name) else letter[1]).partition("_")[0]
            return f"∂{of} {shown}"
        if letter == "dz":
            return f"δ {shown}"
        if own:
            letter = self.names[name].partition("_")[0]
        return f"{letter.rstrip('0123456789')} {shown}"

    def _is_hat(self, name: str) -> bool:
        return self.squares and name.startswith(f"da{self.depth}_")

    def _sets(self, step: Step) -> list[list[str]]:
        """Labels that a step writes."""
        known = {label["id"] for label in self.labels}
        found = {name.removesuffix(" new"): value for name, value in step.finds.items()}
        for name, value in list(found.items()):  # without an activation, the sum is what stands in the circle
            l, _, j = name.removeprefix("z").partition("_")
            if name.startswith("z") and self.network[int(l) - 1].activation is None:
                found[f"a{l}_{j}"] = value
        return [[name, self._text(name, value)] for name, value in found.items() if name in known]

    def _name(self, l: int, j: int) -> tuple[str, str]:
        """Letter and index for a circle."""
        if l > self.depth:
            return self.names.get("L", "L"), ""
        key = f"x_{j}" if l == 0 else f"a{l}_{j}"
        if key in self.names:
            name, _, index = self.names[key].partition("_")
            return name, index
        if l == 0:
            return "x", str(j)
        if l == self.depth and self.squares:
            return "ŷ", str(j)
        return ("z" if self.network[l - 1].activation is None else "a"), str(j)

    def _heading(self, l: int) -> str:
        if l in (0, self.depth, self.depth + 1):
            return {0: "inputs", self.depth: "outputs"}.get(l, "loss")
        return "hidden" if self.depth == 2 else f"hidden {l}"

    # ------------------------------------------------------------------------------------ all of it

    def frames(self, steps: list[Step]) -> Frames:
        """Everything that the browser needs."""
        neurons = []
        for (l, j), (x, y) in self.at.items():
            name, sub = self._name(l, j)
            neurons.append({"id": f"{l}_{j}", "x": x, "y": y, "r": self.r, "name": name, "sub": sub})
        headings = [
            {"x": self.at[l, 1][0], "y": self.height - 8, "text": self._heading(l)}
            for l in range(self.depth + 2)
        ]
        return {
            "summary": self._summary(steps),
            "width": self.width,
            "height": self.height,
            "crowded": self.crowded,
            "neurons": neurons,
            "edges": self.edges,
            "labels": self.labels,
            "kinds": {label["id"]: label["kind"] for label in self.labels},
            "headings": headings,
            "steps": self._with_targets([self._frame(step) for step in steps]),
        }

    def _with_targets(self, frames: list[Frames]) -> list[Frames]:
        """Targets are given with the inputs."""
        frames[0]["sets"] += [[f"y_{j}", self._text(f"y_{j}", y)] for j, y in enumerate(self.targets, 1)]
        return frames

    def _frame(self, step: Step) -> Frames:
        edges = [f"{l}_{j}_{k}" for l, j, k in step.weights]
        if (self.depth + 1, 1) in step.neurons:
            edges += [f"{l + 1}_1_{j}" for l, j in step.neurons if l == self.depth]
        return {
            "direction": step.direction,
            "what": KINDS[step.kind],
            "symbols": step.formula.split("\n"),
            "numbers": step.numbers.split("\n"),
            "sentence": step.sentence,
            "neurons": [f"{l}_{j}" for l, j in step.neurons],
            "edges": edges,
            "shows": [f"W{l}_{j}{k}" for l, j, k in step.weights],
            "sets": self._sets(step),
        }

    def _summary(self, steps: list[Step]) -> str:
        count = Counter(step.direction for step in steps)
        (loss,) = (step.value for step in steps if step.kind == "loss")
        update = f", {count['update']} to update" if count["update"] else ""
        shape = "-".join(map(str, self.sizes))
        return (
            f"One training iteration of a {shape} network in {len(steps)} steps: {count['forward']} forward "
            f"to the loss {loss:.6g}, {count['backward']} backward{update}."
        )


def _ends(edge: Mapping[str, Any]) -> Line:
    return (edge["x1"], edge["y1"]), (edge["x2"], edge["y2"])
