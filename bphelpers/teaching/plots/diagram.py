"""A network as circles and lines, with the numbers that flow through it.

All coordinates are inches, so that a circle has room for its text whatever the size of the network.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch
from numpy.typing import ArrayLike, NDArray

from bphelpers.arguments import refuse, whole
from bphelpers.teaching.numbers import finite, number
from bphelpers.teaching.plots.labels import Box, Line, Point, free_place
from bphelpers.teaching.plots.style import (
    BACKWARD,
    FORWARD,
    GREY,
    INK,
    LIGHT,
    PAPER,
    TARGET,
    new_figure,
    styled,
)

MOST_NEURONS = 6  # a layer with more is drawn with an ellipsis
_WIDEST = 8.0  # inches
_ELLIPSIS = -1  # stands for the neurons that are not drawn
# Parts of a line, from its source: those near 0.27 first, where the lines of a 2-2-2 network lie apart.
_ALONG = sorted(np.arange(0.18, 0.8, 0.02).tolist(), key=lambda t: abs(t - 0.271))

Names = Sequence[Sequence[str]]
Arrays = Sequence[NDArray[np.float64] | None]
Weight = tuple[int, int, int]  # matrix, row, column


@styled
def network_diagram(
    layers: Sequence[int] | Sequence[ArrayLike],
    *,
    values: Sequence[ArrayLike | None] | None = None,
    biases: Sequence[ArrayLike | None] | None = None,
    gradients: Sequence[ArrayLike | None] | None = None,
    deltas: Sequence[ArrayLike | None] | None = None,
    targets: ArrayLike | None = None,
    neuron_names: Names | None = None,
    weight_names: Sequence[Names] | None = None,
    layer_names: Sequence[str] = (),
    highlight: Iterable[str] = (),
    direction: str = "forward",
    digits: int = 3,
    title: str = "",
) -> Figure:
    """A network as circles and lines, with the numbers that flow through it. [01, 05]

    ``layers`` are sizes, as ``[2, 2, 2]``, or weight matrices ``(d_out, d_in)``; then each line carries its
    weight. Numbers stand only where there is room, with ``digits`` decimals. For each layer, inputs first,
    ``None`` where there is nothing: ``values``, what its neurons put out, and ``deltas``, dL/dz, below them.
    For each matrix: ``biases``, and ``gradients``, dL/dW. ``targets`` stand to the right.

    Names are nested as the numbers; else i1, h1, o1, and w1, w2, ... in reading order. ``highlight`` names
    weights: their lines are thick, all others pale. ``direction`` is "forward" or "backward": arrows, colour.

    >>> fig = network_diagram([[[0.15, 0.20], [0.25, 0.30]]], values=[[0.05, 0.10], [0.38, 0.39]])
    >>> "w1 = 0.150" in [text.get_text() for text in fig.axes[0].texts]
    True
    """
    if direction not in ("forward", "backward"):
        refuse("direction", "be 'forward' or 'backward'", direction)
    sizes, weights = _sizes_and_weights(layers)
    shapes = [(b, a) for a, b in pairwise(sizes)]
    rows = [(n,) for n in sizes]
    names = _weight_names(weight_names, shapes)
    chosen = {highlight} if isinstance(highlight, str) else set(highlight)
    if strangers := chosen - set(names.values()):
        refuse("highlight", f"name some of the weights {sorted(names.values())}", sorted(strangers))
    known = {
        "weights": weights,
        "gradients": _arrays("gradients", gradients, shapes),
        "values": _arrays("values", values, rows),
        "biases": [None, *_arrays("biases", biases, rows[1:])],
        "deltas": _arrays("deltas", deltas, rows),
        "targets": _arrays("targets", None if targets is None else [targets], rows[-1:]),
    }
    roomy = max(sizes) <= MOST_NEURONS and len(names) <= 24
    net = _Drawn(sizes, known, roomy, digits)
    net.draw_page(title, layer_names)
    net.draw_lines(names, chosen, direction)
    net.draw_circles(neuron_names or _neuron_names(sizes))
    if roomy:
        net.write_beside()
        net.write_on_lines(names, chosen)  # last: these find a place between the others
    return net.fig


# ------------------------------------------------------------------------------------- what was asked for


def _sizes_and_weights(layers: Sequence[Any]) -> tuple[list[int], Arrays]:
    if len(layers) and all(np.ndim(layer) == 0 for layer in layers):
        if len(layers) < 2:
            refuse("layers", "hold at least two sizes", list(layers))
        return [whole("layers", n, least=1) for n in layers], [None] * (len(layers) - 1)
    weights = [finite(f"layers[{i}]", W, ndim=2) for i, W in enumerate(layers)]
    if not weights:
        refuse("layers", "hold sizes or weight matrices", layers)
    for i, (W, V) in enumerate(pairwise(weights), start=1):
        if V.shape[1] != W.shape[0]:
            refuse(f"layers[{i}]", f"have {W.shape[0]} columns", V)
    return [weights[0].shape[1], *(W.shape[0] for W in weights)], weights


def _arrays(name: str, arrays: Sequence[Any] | None, shapes: Sequence[tuple[int, ...]]) -> Arrays:
    """The arrays of these shapes; single rows may be wrapped in a batch."""
    if arrays is None:
        return [None] * len(shapes)
    if len(arrays) != len(shapes):
        raise ValueError(f"{name} must have {len(shapes)} entries, got {len(arrays)}")
    found = [None if a is None else finite(f"{name}[{i}]", a) for i, a in enumerate(arrays)]
    for i, (a, shape) in enumerate(zip(found, shapes, strict=True)):
        if a is not None and (a.reshape(-1) if len(shape) == 1 else a).shape != shape:
            refuse(f"{name}[{i}]", f"have shape {shape}", a)
    return [a if a is None else a.reshape(shape) for a, shape in zip(found, shapes, strict=True)]


def _weight_names(names: Sequence[Names] | None, shapes: list[tuple[int, int]]) -> dict[Weight, str]:
    weights = [(l, i, j) for l, (d_out, d_in) in enumerate(shapes) for i, j in np.ndindex(d_out, d_in)]
    if names is None:
        return {weight: f"w{k}" for k, weight in enumerate(weights, start=1)}
    if [(len(m), len(m[0])) for m in names] != shapes:
        raise ValueError(f"weight_names must be tables of shapes {shapes}")
    return dict(zip(weights, (str(name) for matrix in names for row in matrix for name in row), strict=True))


def _neuron_names(sizes: list[int]) -> Names:
    hidden = len(sizes) - 2
    letters = ["i", *"hklmnpqrstuv".ljust(hidden, "h")[:hidden], "o"]
    return [[f"{letter}{k}" for k in range(1, n + 1)] for letter, n in zip(letters, sizes, strict=True)]


# ------------------------------------------------------------------------------------- the drawing


@dataclass
class _Drawn:
    """A diagram while it is being drawn: where everything stands, and what is taken by labels."""

    sizes: list[int]
    known: Mapping[str, Arrays]  # the numbers to write, an array for each layer or matrix
    roomy: bool  # for words in circles and on lines
    digits: int
    slots: list[list[int]] = field(default_factory=list)  # per layer: the neurons drawn, top to bottom
    at: dict[tuple[int, int], Point] = field(default_factory=dict)  # (layer, neuron): x, y
    taken: list[Box] = field(default_factory=list)
    lines: dict[Weight, Line] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.radius = 0.13 if not self.roomy else 0.36 if len(self.sizes) < 4 else 0.31
        self.equals = " = " if len(self.sizes) < 4 else " "  # lines between many layers are short

    def draw_page(self, title: str, layer_names: Sequence[str]) -> None:
        """Place every neuron, on a figure of the size that this takes. One unit is one inch."""
        self.slots = [
            list(range(n)) if n <= MOST_NEURONS else [0, 1, 2, _ELLIPSIS, n - 2, n - 1] for n in self.sizes
        ]
        rows, gaps = max(map(len, self.slots)), len(self.sizes) - 1
        two_lines = any(gradient is not None for gradient in self.known["gradients"])
        step = 0.42 if not self.roomy else 1.5 if two_lines and rows > 2 else 1.3
        side = self.radius + (0.45 if self.roomy else 0.5)
        right = side + (0.0 if self.known["targets"][0] is None else 1.0)
        gap = min(3.1 if self.roomy else 2.0, (_WIDEST - side - right) / gaps)
        edge = self.radius + 0.12 + (0.25 if self.roomy else 0.0)
        above, below = edge + (0.35 if title else 0.0), edge + (0.3 if layer_names else 0.0)
        width = max(side + gap * gaps + right, 4.0)
        height = above + step * (rows - 1) + below
        middle = below + step * (rows - 1) / 2
        left = (width - gap * gaps - right + side) / 2
        for layer, slot in enumerate(self.slots):
            for k, neuron in enumerate(slot):
                x, y = left + gap * layer, middle + step * ((len(slot) - 1) / 2 - k)
                self.at[layer, neuron] = x, y
                self.occupy(x, y, 2.0 * self.radius, 1.1 * self.radius)  # a circle is two boxes: labels may
                self.occupy(x, y, 1.2 * self.radius, 1.9 * self.radius)  # come close to its shoulders

        self.fig = new_figure(width, height, layout=None)
        self.ax = self.fig.add_axes((0.0, 0.0, 1.0, 1.0))
        self.ax.set(xlim=(0, width), ylim=(0, height))
        self.ax.set_axis_off()
        if title:
            self.fig.text(0.15 / width, 1 - 0.12 / height, title, weight="bold", size=12, va="top")
        for layer, name in enumerate(layer_names):
            self.ax.text(left + gap * layer, 0.12, name, ha="center", va="bottom", color=GREY, size=9.5)

    def draw_lines(self, names: dict[Weight, str], chosen: set[str], direction: str) -> None:
        """Each line from rim to rim; those that are chosen thick, and if any are, all others pale."""
        colour = FORWARD if direction == "forward" else BACKWARD
        for layer, i, j in self._drawn_weights():
            lit = names[layer, i, j] in chosen
            pale = bool(chosen) and not lit
            a, b = np.array(self.at[layer, j]), np.array(self.at[layer + 1, i])
            along = (b - a) / np.linalg.norm(b - a)
            x0, y0 = (a + along * self.radius).tolist()
            x1, y1 = (b - along * (self.radius + 0.02)).tolist()
            self.lines[layer, i, j] = (x0, y0), (x1, y1)
            if self.roomy:
                ends = self.lines[layer, i, j][:: 1 if direction == "forward" else -1]
                arrow = FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=11, shrinkA=0, shrinkB=0,
                                        lw=2.4 if lit else 1.2, color=LIGHT if pale else colour,
                                        zorder=1 if pale else 2)  # fmt: skip
                self.ax.add_patch(arrow)
            else:
                ink = colour if lit else LIGHT
                self.ax.plot([x0, x1], [y0, y1], color=ink, lw=1.6 if lit else 0.5, ls="-")

    def _drawn_weights(self) -> Iterator[Weight]:
        for layer, (before, after) in enumerate(pairwise(self.slots)):
            yield from ((layer, i, j) for j in before for i in after if _ELLIPSIS not in (i, j))

    def draw_circles(self, names: Names) -> None:
        """Each neuron, with its name and, where it is known, what it puts out."""
        for (layer, neuron), (x, y) in self.at.items():
            if neuron == _ELLIPSIS:
                self.ax.text(x, y, "\N{VERTICAL ELLIPSIS}", ha="center", va="center", color=GREY, size=13)
                continue
            edge = GREY if layer == 0 else FORWARD
            self.ax.add_patch(Circle((x, y), self.radius, facecolor=PAPER, edgecolor=edge, lw=1.4, zorder=3))
            if not self.roomy:
                continue
            name, value = names[layer][neuron], self.known["values"][layer]
            if value is None:
                self.ax.text(x, y, name, ha="center", va="center", size=10, zorder=4)
            else:
                shown = self.number(value[neuron])
                self.ax.text(x, y + 0.03, name, ha="center", va="bottom", size=9, color=GREY, zorder=4)
                self.ax.text(x, y + 0.01, shown, ha="center", va="top", size=9.5, color=FORWARD, zorder=4)

    def write_beside(self) -> None:
        """Biases above the circles, deltas below them, targets to the right."""
        (targets,) = self.known["targets"]
        for (layer, neuron), (x, y) in self.at.items():
            bias, delta = self.known["biases"][layer], self.known["deltas"][layer]
            if bias is not None:
                text = f"+ b{self.equals}{self.number(bias[neuron])}"
                self.write(x, y + self.radius + 0.05, text, va="bottom", color=GREY)
                self.occupy(x, y + self.radius + 0.13, _width(text), 0.18)
            if delta is not None:
                text = f"δ{self.equals}{self.number(delta[neuron])}"
                self.write(x, y - self.radius - 0.06, text, va="top", color=BACKWARD)
                self.occupy(x, y - self.radius - 0.13, _width(text), 0.18)
            if targets is not None and layer == len(self.sizes) - 1:
                text = f"target {self.number(targets[neuron])}"
                self.write(x + self.radius + 0.2, y, text, ha="left", va="center", size=9, color=INK)
                left = x + self.radius + 0.12
                self.ax.plot([left, left], [y - 0.14, y + 0.14], color=TARGET, lw=3, ls="-")

    def write_on_lines(self, names: dict[Weight, str], chosen: set[str]) -> None:
        """Weights, and below them their derivatives.

        Flat lines first, since a label on a steep one has more heights to choose from.
        """
        ground = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.2}
        for layer, i, j in sorted(self.lines, key=self._steepness):
            line = self.lines[layer, i, j]
            upper, lower = names[layer, i, j], ""
            if chosen and upper not in chosen:
                continue
            weights, gradients = self.known["weights"][layer], self.known["gradients"][layer]
            if weights is not None:
                upper += f"{self.equals}{self.number(weights[i, j])}"
            if gradients is not None:
                lower = f"\N{PARTIAL DIFFERENTIAL}{self.equals}{self.number(gradients[i, j])}"
            width, height = max(_width(upper), _width(lower)), 0.34 if lower else 0.18
            label = (-width / 2, -height / 2, width / 2, height / 2)
            others = [other for other in self.lines.values() if other != line]
            (x, y), box = free_place(line, label, self.taken, others, along=_ALONG, area=1000.0)
            self.taken.append(box)
            if lower:
                self.write(x, y + 0.005, upper, va="bottom", bbox=ground)
                self.write(x, y - 0.005, lower, va="top", color=BACKWARD, bbox=ground)
            else:
                self.write(x, y, upper, va="center", bbox=ground)

    def _steepness(self, weight: Weight) -> tuple[float, ...]:
        layer, i, j = weight
        return layer, abs(self.at[layer + 1, i][1] - self.at[layer, j][1]), i, j

    def write(self, x: float, y: float, text: str, **more: Any) -> None:
        self.ax.text(x, y, text, **{"ha": "center", "size": 8.5, "zorder": 5, **more})

    def occupy(self, x: float, y: float, width: float, height: float) -> None:
        self.taken.append((x - width / 2, y - height / 2, x + width / 2, y + height / 2))

    def number(self, value: float) -> str:
        return number(value, style="label", decimals=self.digits)


def _width(text: str) -> float:
    """About how many inches a label takes."""
    return 0.07 * len(text) + 0.02
