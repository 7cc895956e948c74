"""The scrubber: one training iteration, step by step, on a drawing of the network, or of an expression.

Python computes every frame once, from :func:`~bphelpers.teaching.trace.trace`, and hands all of them over.
Moving the slider asks no kernel, so it works in a saved page as well: beside the anywidget view, the output
holds a page fragment with the same script, the same frames, and all steps in words for where no script runs.
"""

import hashlib
import html
import json
from collections import Counter
from collections.abc import Collection, Mapping
from importlib.resources import files
from itertools import pairwise, product
from typing import Any, overload

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike

from bphelpers import nn
from bphelpers.autodiff import Value
from bphelpers.teaching.numbers import number
from bphelpers.teaching.plots.labels import Box, Line, Point, free_place
from bphelpers.teaching.plots.layered import layered
from bphelpers.teaching.trace import Layer, Step, ValueGraph, layers, trace, value_graph

#: Parts of a line that its label may stand at, best first.
ALONG = (0.5, 0.45, 0.55, 0.4, 0.6, 0.35, 0.65, 0.3, 0.7, 0.25, 0.75, 0.2, 0.8)
MOST_LABELLED_WEIGHTS, MOST_ROOMY_NEURONS, MOST_ROOMY_LAYERS = 24, 4, 3
MOST_ROOMY_VALUES, MOST_ROOMY_COLUMNS, LONGEST_NAME = 12, 6, 12
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
    "value": "a value and its note",
    "d_start": "where the way back begins",
    "d_report": "a report to a parent",
}
OPERATIONS = {"*": "×", "-": "−", "negative": "−", "/": "÷", "sigmoid": "σ", "relu": "ReLU"}  # as in a circle
BEFORE_VALUE = {"x": "", "a": "", "L": "", "dW": "∂", "dz": "δ"}  # in a label; other quantities have names
_MODULE, *_STYLES = (
    files("bphelpers.teaching.widgets").joinpath(name).read_text(encoding="utf-8")
    for name in ("scrubber.js", "common.css", "scrubber.css")
)
_STYLE = "".join(_STYLES)

Frames = dict[str, Any]


@overload
def scrubber(net: Value, *, names: Mapping[str, Any] | None = None) -> "Scrubber": ...


@overload
def scrubber(
    net: nn.Sequential,
    loss: nn.Loss,
    x: ArrayLike,
    y: ArrayLike,
    lr: float | None = None,
    *,
    example: int = 0,
    fixed: Collection[str] = (),
    names: Mapping[str, str] | None = None,
) -> "Scrubber": ...


def scrubber(
    net: Any,
    loss: nn.Loss | None = None,
    x: Any = None,
    y: Any = None,
    lr: float | None = None,
    *,
    example: int = 0,
    fixed: Collection[str] = (),
    names: Mapping[str, Any] | None = None,
) -> "Scrubber":
    """One training iteration with a slider over its steps: forward, backward, update [05].

    All arguments as :func:`bphelpers.teaching.trace.trace` takes them: ``example`` is the row of the batch
    whose values the neurons show, from 0.

    >>> from bphelpers.teaching.trace import HalfSquares, running_example
    >>> net, x, y, lr = running_example()
    >>> scrubber(net, HalfSquares(), x, y, lr)
    One training iteration of a 2-2-2 network in 42 steps: 10 forward to the loss 0.298371, 20 backward,
    12 to update.

    A Value alone is shown with all that it was made of, up to 30 values [14]: they appear one by one, then
    the gradients arrive in topological order. That of a value which is used several times is partial until
    the last report has come. ``names`` are Values by name, such as ``globals()``. The Values stay as they
    are.

    >>> a, b = Value(2.0), Value(-3.0)
    >>> scrubber(a * b + a, names={"a": a, "b": b})
    The graph of v2, with 4 values, in 8 steps: 3 forward to −4, 5 backward. At the end a.grad is −2, b.grad
    is 2.
    """
    if loss is None:
        graph = value_graph(net, names)
        if any(one is not None for one in (x, y, lr)) or example or fixed:
            raise TypeError("a Value is shown without loss, x, y, lr, example and fixed, names may be given")
        steps = graph.steps()
        return Scrubber(steps, _ValuePicture(graph).frames(steps))
    steps = trace(net, loss, x, y, lr, example=example, fixed=fixed, names=names)
    return Scrubber(steps, _NetworkPicture(layers(net), loss, names or {}).frames(steps, y, example))


class Scrubber(anywidget.AnyWidget):  # type: ignore[misc]
    """What `scrubber` returns: a picture with a slider in Jupyter, a sentence where it is printed [05].

    ``steps`` are the `Step` objects that are shown; ``data`` is all that the browser gets: ``neurons``,
    ``edges`` and ``labels`` with where they stand, ``steps`` with what is lit and the texts that each sets.

    A lesson becomes by ``jupyter nbconvert --to html`` a page in which the scrubber needs nothing else. With
    ``--execute`` nbconvert also stores the state of widgets, and then takes their program from the network;
    ``--ExecutePreprocessor.store_widget_state=False`` prevents it.
    """

    _esm = _MODULE
    _css = _STYLE
    _ipython_display_ = None  # as in LiveFigure: ipywidgets 7 would not ask for `_repr_mimebundle_`
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


def short(value: float, significant: int = 3) -> str:
    """A number for a label on the drawing.

    >>> short(0.0821670), short(-12345.0), short(4.5e-5), short(0.0)
    ('0.0822', '−1.23e4', '4.5e−5', '0')
    """
    return number(float(value), significant, "label")


class _NetworkPicture:
    """Where everything stands, in units that are pixels at full width.

    A place is (layer, neuron), a weight (layer, receiver, sender), counted from 1; the inputs are layer 0,
    the loss stands after the last.
    """

    def __init__(self, network: list[Layer], loss: nn.Loss, names: Mapping[str, str]) -> None:
        self.network, self.names = network, names
        self.squares, self.classes = isinstance(loss, nn.MSELoss), isinstance(loss, nn.CrossEntropyLoss)
        self.sizes = [network[0].linear.W.data.shape[1], *(x.linear.W.data.shape[0] for x in network)]
        self.depth = len(network)
        self.crowded = (
            sum(layer.linear.W.data.size for layer in network) > MOST_LABELLED_WEIGHTS
            or max(self.sizes) > MOST_ROOMY_NEURONS
            or self.depth > MOST_ROOMY_LAYERS
        )
        self.r, self.digits = (23, 2) if self.crowded else (33, 3)
        self.at: dict[tuple[int, int], tuple[int, int]] = {}
        self.lines: dict[tuple[int, int, int], Line] = {}
        self.boxes: list[Box] = []  # taken by circles and labels
        self.neurons: list[dict[str, Any]] = []
        self.labels: dict[str, dict[str, Any]] = {}
        self._place()
        for (l, j), (x, y) in self.at.items():
            self._add_neuron(l, j, x, y)
        for weight in self.lines:
            if weight[0] <= self.depth:
                self._label_line(weight)

    def _place(self) -> None:
        """Neurons, and from rim to rim the lines between them."""
        rows, crowded = max(self.sizes), self.crowded
        row, top, below = (62 if rows > 4 else 74, 40, 70) if crowded else (190, 100, 110)
        gap = max(100, min(180, 680 // (self.depth + 1))) if crowded else 238 if self.depth < 3 else 190
        self.height = top + row * (rows - 1) + below
        self.width = 50 + gap * self.depth + min(gap, 165) + 50
        columns = [*self.sizes, 1]
        for l, size in enumerate(columns):
            x = 50 + gap * l if l <= self.depth else self.width - 50
            for j in range(1, size + 1):
                self.at[l, j] = x, round(top + row * (rows - 1) / 2 + row * (j - (size + 1) / 2))
        for l, (senders, receivers) in enumerate(pairwise(columns), start=1):
            for j, k in product(range(1, receivers + 1), range(1, senders + 1)):
                a, b = np.array(self.at[l - 1, k], float), np.array(self.at[l, j], float)
                along = (b - a) / np.hypot(*(b - a)) * (self.r + 2)
                start, end = np.round([a + along, b - along]).astype(int).tolist()
                self.lines[l, j, k] = start, end

    def _label(self, key: str, x: float, y: float, kind: str = "", text: str = "") -> None:
        self.labels[key] = _label(key, x, y, kind, text)

    def _add_neuron(self, l: int, j: int, x: int, y: int) -> None:
        r = self.r
        key, symbol = self._circle(l, j)
        name, _, sub = self.names.get(key, symbol).partition("_")
        self.neurons.append({"id": f"{l}_{j}", "x": x, "y": y, "r": r, "name": name, "sub": sub})
        self.boxes.append((x - r, y - r, x + r, y + r))
        self._label(key, x, y + r * 0.42, "inside")
        if not 0 < l <= self.depth:
            return
        if l == self.depth:  # target and probability, on the side of the line to the loss that is free
            down = y > self.at[self.depth + 1, 1][1]
            size = 14 if self.crowded else 18
            first = y + size + 4 if down else y - 8
            self._label(f"y_{j}", x + r + 7, first, "target")
            if not self.squares:
                self._label(f"p_{j}", x + r + 7, first + (size if down else -size), "beside")
        if self.crowded:
            self._label(f"dz{l}_{j}", x, y + r + 13)
            return
        self.boxes.append((x - 40, y - r - 58, x + 40, y + r + 40))
        for letter, away in {"z": -r - 9, "da": r + 18, "dz": r + 35}.items():
            self._label(f"{letter}{l}_{j}", x, y + away)
        bias = self.network[l - 1].linear.b
        if bias is not None:
            self._label(f"b{l}_{j}", x, y - r - 26, text=self._text(f"b{l}_{j}", bias.data[j - 1]))
            self._label(f"db{l}_{j}", x, y - r - 43)

    def _circle(self, l: int, j: int) -> tuple[str, str]:
        """The quantity in a circle: its name in the trace, and its symbol."""
        if l > self.depth:
            return "L", "L"
        if l == 0:
            return f"x_{j}", f"x_{j}"
        bare = self.network[l - 1].activation is None
        letter = "ŷ" if l == self.depth and self.squares else "z" if bare else "a"
        return f"a{l}_{j}", f"{letter}_{j}"

    def _label_line(self, weight: tuple[int, int, int]) -> None:
        """The weight and its derivative, where they are least in the way of what is there already."""
        l, j, k = weight
        along: tuple[float, ...] = ALONG
        if self.crowded:  # shown only while the line is lit: at its end, the lines that meet are apart
            along = (0.3 if self.sizes[l - 1] > 1 else 0.7,)
        others = [line for other, line in self.lines.items() if other != weight]
        label = (-39, -17, 39, 19)
        (x, y), box = free_place(
            self.lines[weight], label, self.boxes, others, along=along, area=4 / 300, detour=1 / 3
        )
        self.boxes.append(box)
        name = _name(weight)
        self._label(name, x, y - 1, "edge", self._text(name, self.network[l - 1].linear.W.data[j - 1, k - 1]))
        self._label("d" + name, x, y + (12 if self.crowded else 15), "edge")

    def _text(self, name: str, value: float, more: int = 0) -> str:
        """What a label says once its quantity has a value, with so many digits more than usual."""
        letter = name.rstrip("0123456789_")
        if letter in BEFORE_VALUE:
            before = BEFORE_VALUE[letter]
        elif letter == "W":
            before = "" if self.crowded else self.names.get(name, "").replace("_", "")
        elif letter in ("da", "db"):
            hat = self.squares and name.startswith(f"da{self.depth}_")
            before = "∂" + self.names.get(name[1:], "ŷ" if hat else letter[1]).partition("_")[0]
        else:
            before = self.names.get(name, letter).partition("_")[0].rstrip("0123456789")
        return f"{before} {short(value, self.digits + more)}".lstrip()

    def frames(self, steps: list[Step], y: ArrayLike, example: int) -> Frames:
        """Everything that the browser needs. Targets are given with the inputs."""
        for l in range(self.depth + 2):
            hidden = "hidden" if self.depth == 2 else f"hidden {l}"
            text = {0: "inputs", self.depth: "outputs", self.depth + 1: "loss"}.get(l, hidden)
            self._label(f"heading_{l}", self.at[l, 1][0], self.height - 8, "heading", text)
        frames, outputs = [self._frame(step) for step in steps], self.sizes[-1]
        targets = np.eye(outputs)[np.ravel(y)] if self.classes else np.reshape(y, (-1, outputs))
        frames[0]["sets"] += [[f"y_{j}", self._text(f"y_{j}", t)] for j, t in enumerate(targets[example], 1)]
        return {
            "summary": self._summary(steps),
            "width": self.width,
            "height": self.height,
            "crowded": self.crowded,
            "neurons": self.neurons,
            "edges": [
                {"id": _name(weight), "x1": x1, "y1": y1, "x2": x2, "y2": y2}
                for weight, ((x1, y1), (x2, y2)) in self.lines.items()
            ],
            "labels": list(self.labels.values()),
            "steps": frames,
        }

    def _summary(self, steps: list[Step]) -> str:
        count = Counter(step.direction for step in steps)
        (loss,) = (step.value for step in steps if step.kind == "loss")
        update = f", {count['update']} to update" if count["update"] else ""
        return (
            f"One training iteration of a {'-'.join(map(str, self.sizes))} network in {len(steps)} steps: "
            f"{count['forward']} forward to the loss {loss:.6g}, {count['backward']} backward{update}."
        )

    def _frame(self, step: Step) -> Frames:
        lit, found = list(step.weights), dict(step.finds)
        if (self.depth + 1, 1) in step.neurons:
            lit += [(l + 1, 1, j) for l, j in step.neurons if l == self.depth]
        if step.kind == "sum" and self.network[step.neurons[0][0] - 1].activation is None:
            found |= {f"a{name[1:]}": z for name, z in found.items()}  # the sum is what stands in the circle
        values = {name.removesuffix(" new"): value for name, value in found.items()}
        more = int(step.direction == "update")  # an update is small: 0.15 becomes 0.1498
        sets = [[name, self._text(name, v, more)] for name, v in values.items() if name in self.labels]
        return _frame(step, [_name(weight) for weight in lit], sets)


def _name(weight: tuple[int, ...]) -> str:
    """As a trace calls it; a line to the loss is named alike."""
    return "W{}_{}{}".format(*weight)


def _label(key: str, x: float, y: float, kind: str = "", text: str = "") -> dict[str, Any]:
    return {"id": key, "x": round(x), "y": round(y), "kind": kind, "text": text}


def _frame(step: Step, edges: list[str], sets: list[list[str]]) -> Frames:
    """What the browser shows at a step: what is lit, the texts, and the labels that it sets."""
    return {
        "direction": step.direction,
        "what": KINDS[step.kind],
        "symbols": step.formula.split("\n"),
        "numbers": step.numbers.split("\n"),
        "sentence": step.sentence,
        "neurons": ["_".join(map(str, place)) for place in step.neurons],
        "edges": edges,
        "sets": sets,
    }


class _ValuePicture:
    """The graph of an expression: a circle for each value, its name above it and its gradient below."""

    def __init__(self, graph: ValueGraph) -> None:
        self.graph = graph
        places, bends = layered(graph.parents)
        columns = 1 + max(round(column) for column, _ in places)
        self.crowded = len(places) > MOST_ROOMY_VALUES or columns > MOST_ROOMY_COLUMNS
        self.r, self.digits = (24, 2) if self.crowded else (28, 3)
        gap, row = (88, 92) if self.crowded else (158, 112)
        beside, above = self.r + 28, self.r + 22
        lowest = max(height for _, height in [*places, *(bend for way in bends.values() for bend in way)])
        self.width, self.height = 2 * beside + gap * (columns - 1), round(row * lowest + 2 * above + 4)

        def at(place: Point) -> Point:
            return beside + gap * place[0], above + row * place[1]

        self.at = [at(place) for place in places]
        self.lines = {line: self._line(line, [at(bend) for bend in way]) for line, way in bends.items()}
        self.labels: list[dict[str, Any]] = []
        boxes = []
        for k, (x, y) in enumerate(self.at):
            name, r = graph.names[k], self.r
            text = graph.said(k)
            text = text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"
            inside = y + (0.42 * r if graph.parents[k] and graph.operation(k)[0] else 5)
            self.labels += [
                _label(f"name {name}", x, y - r - 7, text=text),
                _label(name, x, inside, "inside"),
                _label(f"{name}.grad", x, y + r + 15),
            ]
            boxes += [(x - r, y - r, x + r, y + r), (x - 30, y - r - 20, x + 30, y + r + 18)]
        segments = [segment for way in self.lines.values() for segment in pairwise(way)]
        for line, way in self.lines.items():
            longest = max(pairwise(way), key=lambda ends: np.hypot(*np.subtract(*ends)))
            others = [segment for segment in segments if segment not in pairwise(way)]
            (x, y), box = free_place(
                longest, (-28, -9, 28, 9), boxes, others, along=ALONG, area=4 / 300, detour=1 / 3
            )
            boxes.append(box)
            self.labels.append(_label(_line_name(line), x, y + 5, "edge"))

    def _line(self, line: tuple[int, int], bends: list[Point]) -> list[Point]:
        """From the rim of the parent to that of the user. Lines to the same two circles lie side by side."""
        user, slot = line
        parents = self.graph.parents[user]
        often = len(set(parents)) < len(parents)
        aside = 1.6 * self.r * ((slot + 0.5) / len(parents) - 0.5) * often
        way = np.array([self.at[parents[slot]], *bends, self.at[user]], dtype=float) + [0.0, aside]
        for end, beside in ((0, 1), (-1, -2)):
            along = (way[beside] - way[end]) / np.hypot(*(way[beside] - way[end]))
            off = along[1] * aside  # how far the shifted line begins beyond the centre, in its own direction
            way[end] += along * (np.sqrt((self.r + 2) ** 2 - aside**2 + off**2) - off)
        return [(x, y) for x, y in np.round(way).astype(int).tolist()]

    def frames(self, steps: list[Step]) -> Frames:
        """Everything that the browser needs."""
        known, come, frames = dict[str, float](), Counter[int](), []
        for step in steps:
            texts = {name: self._short(value) for name, value in step.finds.items()}
            for k, slot in step.weights:
                slope, line = self.graph.values[k].slopes[slot], _line_name((k, slot))
                if step.kind == "value":
                    texts[line] = f"slope {self._short(slope)}"
                    continue
                parent, grad = self.graph.parents[k][slot], step.name
                come[parent] += 1
                texts[line] = f"+ {self._short(known[f'{self.graph.names[k]}.grad'] * slope)}"
                if come[parent] < self.graph.users(parent):
                    texts[grad] += f" ({come[parent]} of {self.graph.users(parent)})"
            known |= step.finds
            frames.append(_frame(step, [*map(_line_name, step.weights)], [*map(list, texts.items())]))
        return {
            "summary": self._summary(steps, known),
            "width": self.width,
            "height": self.height,
            "least": round(0.8 * self.width),
            "crowded": self.crowded,
            "neurons": [self._circle(k, *at) for k, at in enumerate(self.at)],
            "edges": [self._edge(line, way) for line, way in self.lines.items()],
            "labels": self.labels,
            "steps": frames,
        }

    def _short(self, value: float) -> str:
        whole = float(value).is_integer() and abs(value) < 1e4
        return short(value, 4 if whole else self.digits)

    def _circle(self, k: int, x: float, y: float) -> dict[str, Any]:
        op, numbers = self.graph.operation(k)
        shown = f"{op}{short(numbers[0])}" if op == "**" else OPERATIONS.get(op, op)
        return {"id": str(k), "x": round(x), "y": round(y), "r": self.r, "name": shown, "sub": ""}

    def _edge(self, line: tuple[int, int], way: list[Point]) -> dict[str, Any]:
        (x1, y1), *via, (x2, y2) = way
        return {"id": _line_name(line), "x1": x1, "y1": y1, "x2": x2, "y2": y2, "via": via}

    def _summary(self, steps: list[Step], known: Mapping[str, float]) -> str:
        graph = self.graph
        count = Counter(step.direction for step in steps)
        inputs = [graph.names[k] for k, parents in enumerate(graph.parents) if not parents]
        grads = (f"{name.replace('_', '')}.grad is {short(known[f'{name}.grad'], 6)}" for name in inputs)
        return (
            f"The graph of {graph.said(-1)}, with {len(graph.values)} values, in {len(steps)} steps: "
            f"{count['forward']} forward to {short(known[graph.names[-1]], 6)}, {count['backward']} backward."
            f" At the end {', '.join(grads)}."
        )


def _line_name(line: tuple[int, ...]) -> str:
    """By the number of the user and which of its parents."""
    return "to {} from parent {}".format(*line)
