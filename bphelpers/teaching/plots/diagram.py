"""A network as circles and lines, with the numbers that flow through it.

All coordinates are inches, so that a circle has room for its text whatever the size of the network.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch
from numpy.typing import ArrayLike, NDArray

from bphelpers.arguments import refuse
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

MOST_NEURONS, MOST_WEIGHTS = 6, 24  # of a layer, of a network: more have no room for their numbers
_WIDEST = 8.0  # inches
# Parts of a line, from its source: those near 0.27 first, where the lines of a 2-2-2 network lie apart.
_ALONG = sorted(np.arange(0.18, 0.8, 0.02).tolist(), key=lambda t: abs(t - 0.271))

Names = Sequence[Sequence[str]]
Arrays = Sequence[NDArray[np.float64] | None]
Weight = tuple[int, int, int]  # matrix, row, column


@styled
def network_diagram(
    weights: Sequence[ArrayLike],
    *,
    values: Sequence[ArrayLike | None] | None = None,
    biases: Sequence[ArrayLike | None] | None = None,
    gradients: Sequence[ArrayLike | None] | None = None,
    deltas: Sequence[ArrayLike | None] | None = None,
    targets: ArrayLike | None = None,
    neuron_names: Names | None = None,
    weight_names: Sequence[Names] | None = None,
    highlight: Iterable[str] = (),
    direction: str = "forward",
    digits: int = 3,
    title: str = "",
) -> Figure:
    """A network as circles and lines, with the numbers that flow through it. [01, 05]

    ``weights`` are matrices ``(d_out, d_in)``, 24 numbers in all at most, of layers of up to 6; they stand on
    the lines. Numbers have ``digits`` decimals. For each layer, inputs first, ``None`` where there is
    nothing: ``values``, what its neurons put out, and ``deltas``, dL/dz, below them. For each matrix:
    ``biases``, and ``gradients``, dL/dW. ``targets`` stand to the right.

    Names are nested as the numbers; else i1, h1, o1, and w1, w2, ... in reading order. ``highlight`` names
    weights: their lines are thick, all others pale. ``direction`` is "forward" or "backward": arrows, colour.

    >>> fig = network_diagram([[[0.15, 0.20], [0.25, 0.30]]], values=[[0.05, 0.10], [0.38, 0.39]])
    >>> "w1 = 0.150" in [text.get_text() for text in fig.axes[0].texts]
    True
    """
    if direction not in ("forward", "backward"):
        refuse("direction", "be 'forward' or 'backward'", direction)
    matrices = [finite(f"weights[{l}]", W, ndim=2) for l, W in enumerate(weights)]
    if not matrices:
        refuse("weights", "hold at least one matrix", weights)
    for l, (W, V) in enumerate(pairwise(matrices), start=1):
        if V.shape[1] != W.shape[0]:
            refuse(f"weights[{l}]", f"have {W.shape[0]} columns", V)
    shapes = [W.shape for W in matrices]
    sizes = [shapes[0][1], *(d_out for d_out, _ in shapes)]
    if max(sizes) > MOST_NEURONS or sum(W.size for W in matrices) > MOST_WEIGHTS:
        raise ValueError(
            f"weights must be at most {MOST_WEIGHTS}, of layers of at most {MOST_NEURONS}, to have room for "
            f"their numbers, got layers of {sizes}"
        )
    rows = [(n,) for n in sizes]
    names = _weight_names(weight_names, shapes)
    chosen = {highlight} if isinstance(highlight, str) else set(highlight)
    if strangers := chosen - set(names.values()):
        refuse("highlight", f"name some of the weights {sorted(names.values())}", sorted(strangers))
    known = {
        "weights": matrices,
        "gradients": _arrays("gradients", gradients, shapes),
        "values": _arrays("values", values, rows),
        "biases": [None, *_arrays("biases", biases, rows[1:])],
        "deltas": _arrays("deltas", deltas, rows),
        "targets": _arrays("targets", None if targets is None else [targets], rows[-1:]),
    }
    net = _Drawn(sizes, known, names, digits, title)
    net.draw_lines(chosen, direction)
    net.draw_circles(neuron_names or _neuron_names(sizes))
    net.write_beside()
    net.write_on_lines(chosen)  # last: these find a place between the others
    return net.fig


def _arrays(name: str, arrays: Sequence[Any] | None, shapes: Sequence[tuple[int, ...]]) -> Arrays:
    """The arrays of these shapes; single rows may be wrapped in a batch."""
    if arrays is None:
        return [None] * len(shapes)
    if len(arrays) != len(shapes):
        raise ValueError(f"{name} must have {len(shapes)} entries, got {len(arrays)}")
    found: list[NDArray[np.float64] | None] = []
    for i, (values, shape) in enumerate(zip(arrays, shapes, strict=True)):
        a = None if values is None else finite(f"{name}[{i}]", values)
        if a is not None and (a.reshape(-1) if len(shape) == 1 else a).shape != shape:
            refuse(f"{name}[{i}]", f"have shape {shape}", a)
        found.append(a if a is None else a.reshape(shape))
    return found


def _weight_names(names: Sequence[Names] | None, shapes: Sequence[tuple[int, ...]]) -> dict[Weight, str]:
    weights = [(l, i, j) for l, shape in enumerate(shapes) for i, j in np.ndindex(*shape)]
    if names is None:
        return {weight: f"w{k}" for k, weight in enumerate(weights, start=1)}
    if [(len(m), len(m[0])) for m in names] != shapes:
        raise ValueError(f"weight_names must be tables of shapes {shapes}")
    return dict(zip(weights, (str(name) for matrix in names for row in matrix for name in row), strict=True))


def _neuron_names(sizes: list[int]) -> Names:
    hidden = len(sizes) - 2
    letters = ["i", *"hklmnpqrstuv".ljust(hidden, "h")[:hidden], "o"]
    return [[f"{letter}{k}" for k in range(1, n + 1)] for letter, n in zip(letters, sizes, strict=True)]


class _Drawn:
    """A diagram while it is being drawn: where everything stands, and what is taken by labels."""

    def __init__(
        self,
        sizes: list[int],
        known: Mapping[str, Sequence[Any]],
        names: Mapping[Weight, str],
        digits: int,
        title: str,
    ) -> None:
        """Place every neuron, on a figure of the size that this takes. One unit is one inch."""
        self.known, self.names, self.digits, self.outputs = known, names, digits, len(sizes) - 1
        self.at: dict[tuple[int, int], Point] = {}  # (layer, neuron): x, y
        self.taken: list[Box] = []
        self.lines: dict[Weight, Line] = {}
        self.radius = 0.36 if len(sizes) < 4 else 0.31
        self.equals = " = " if len(sizes) < 4 else " "  # lines between many layers are short

        rows, gaps = max(sizes), len(sizes) - 1
        two_lines = any(gradient is not None for gradient in known["gradients"])
        step = 1.5 if two_lines and rows > 2 else 1.3
        side = self.radius + 0.45
        right = side + (0.0 if known["targets"][0] is None else 1.0)
        gap = min(3.1, (_WIDEST - side - right) / gaps)
        below = self.radius + 0.37
        width = max(side + gap * gaps + right, 4.0)
        height = below + (0.35 if title else 0.0) + step * (rows - 1) + below
        middle = below + step * (rows - 1) / 2
        left = (width - gap * gaps - right + side) / 2
        for layer, n in enumerate(sizes):
            for k in range(n):
                x, y = left + gap * layer, middle + step * ((n - 1) / 2 - k)
                self.at[layer, k] = x, y
                self.occupy(x, y, 2.0 * self.radius, 1.1 * self.radius)  # a circle is two boxes: labels may
                self.occupy(x, y, 1.2 * self.radius, 1.9 * self.radius)  # come close to its shoulders

        self.fig = new_figure(width, height, layout=None)
        self.ax = self.fig.add_axes((0.0, 0.0, 1.0, 1.0))
        self.ax.set(xlim=(0, width), ylim=(0, height))
        self.ax.set_axis_off()
        self.fig.text(0.15 / width, 1 - 0.12 / height, title, weight="bold", size=12, va="top")

    def draw_lines(self, chosen: set[str], direction: str) -> None:
        """Each line from rim to rim; those that are chosen thick, and if any are, all others pale."""
        for layer, i, j in sorted(self.names, key=lambda weight: (weight[0], weight[2])):
            name = self.names[layer, i, j]
            a, b = np.array(self.at[layer, j]), np.array(self.at[layer + 1, i])
            along = (b - a) / np.linalg.norm(b - a)
            (x0, y0), (x1, y1) = a + along * self.radius, b - along * (self.radius + 0.02)
            start, end = self.lines[layer, i, j] = (float(x0), float(y0)), (float(x1), float(y1))
            ends, colour = ((start, end), FORWARD) if direction == "forward" else ((end, start), BACKWARD)
            lit, pale = name in chosen, bool(chosen) and name not in chosen
            arrow = FancyArrowPatch(*ends, arrowstyle="-|>", mutation_scale=11, shrinkA=0, shrinkB=0,
                                    lw=2.4 if lit else 1.2, color=LIGHT if pale else colour,
                                    zorder=1 if pale else 2)  # fmt: skip
            self.ax.add_patch(arrow)

    def draw_circles(self, names: Names) -> None:
        """Each neuron, with its name and, where it is known, what it puts out."""
        for (layer, neuron), (x, y) in self.at.items():
            edge = FORWARD if layer else GREY
            self.ax.add_patch(Circle((x, y), self.radius, facecolor=PAPER, edgecolor=edge, lw=1.4, zorder=3))
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
            if targets is not None and layer == self.outputs:
                text, left = f"target {self.number(targets[neuron])}", x + self.radius + 0.12
                self.write(left + 0.08, y, text, ha="left", va="center", size=9, color=INK)
                self.ax.plot([left, left], [y - 0.14, y + 0.14], color=TARGET, lw=3, ls="-")

    def write_on_lines(self, chosen: set[str]) -> None:
        """Weights, and below them their derivatives.

        Flat lines first, since a label on a steep one has more heights to choose from.
        """
        ground = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.2}
        for layer, i, j in sorted(self.lines, key=self._steepness):
            line, name = self.lines[layer, i, j], self.names[layer, i, j]
            if chosen and name not in chosen:
                continue
            weights, gradients, lower = self.known["weights"][layer], self.known["gradients"][layer], ""
            upper = f"{name}{self.equals}{self.number(weights[i, j])}"
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
