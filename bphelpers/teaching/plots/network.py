"""A network as circles and lines, with the numbers that flow through it.

All coordinates are inches, so that a circle has room for its text whatever the size of the network.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch
from numpy.typing import ArrayLike, NDArray

from bphelpers.teaching.plots.style import (
    BACKWARD,
    FORWARD,
    GREY,
    INK,
    LIGHT,
    PAPER,
    TARGET,
    finite,
    new_figure,
    styled,
)

MOST_NEURONS = 6  # a layer with more is drawn with an ellipsis
_WIDEST = 8.0  # inches
_ELLIPSIS = -1  # stands for the neurons that are not drawn


@dataclass
class _Drawn:
    """What one diagram needs to know while it is being drawn."""

    sizes: list[int]
    weights: list[NDArray[np.float64]] | None
    radius: float
    labels: bool
    crowded: bool
    digits: int
    slots: list[list[int]] = field(default_factory=list)  # per layer: the neurons drawn, top to bottom
    at: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict)  # (layer, neuron): x, y
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)  # labels so far: x, y, w, h
    lines: list[tuple[tuple[float, float], tuple[float, float]]] = field(default_factory=list)

    def occupy(self, x: float, y: float, width: float, height: float) -> None:
        self.boxes.append((x - width / 2, y - height / 2, width, height))

    @property
    def equals(self) -> str:
        return " = " if len(self.sizes) < 4 else " "  # lines between many layers are short

    def number(self, value: float) -> str:
        return f"{value:.{self.digits}f}".replace("-", "\N{MINUS SIGN}")


@styled
def network_diagram(
    layers: Sequence[int] | Sequence[ArrayLike],
    *,
    values: Sequence[ArrayLike | None] | None = None,
    biases: Sequence[ArrayLike | None] | None = None,
    gradients: Sequence[ArrayLike | None] | None = None,
    deltas: Sequence[ArrayLike | None] | None = None,
    targets: ArrayLike | None = None,
    neuron_names: Sequence[Sequence[str]] | None = None,
    weight_names: Sequence[Sequence[Sequence[str]]] | None = None,
    bias_names: Sequence[Sequence[str]] | None = None,
    layer_names: Sequence[str] | None = None,
    highlight: Iterable[str] = (),
    direction: str = "forward",
    labels: bool | None = None,
    digits: int = 3,
    title: str = "",
) -> Figure:
    """A network as circles and lines, with the numbers that flow through it.

    Parameters
    ----------
    layers
        Either the sizes, for example ``[2, 2, 2]``, or the weight matrices, each ``(d_out, d_in)``;
        with matrices each line carries its weight.
    values
        One array ``(d,)`` per layer, inputs first: what each neuron puts out. ``None`` leaves a layer out.
    biases
        One array ``(d_out,)`` per weight matrix, written above the receiving neuron.
    gradients
        One array ``(d_out, d_in)`` per weight matrix: dL/dW, in the backward colour.
    deltas
        One array ``(d,)`` per layer, inputs first (usually ``None``): dL/dz, below each neuron.
    targets
        ``(d_out,)``, written to the right of the output neurons.
    neuron_names, weight_names, bias_names, layer_names
        Names, nested as the numbers. Default: i1, h1, o1; w1, w2, ... in reading order of the
        matrices, row by row; b for every bias; no layer names.
    highlight
        Names of weights: their lines are thick, all others pale and without label.
    direction
        ``"forward"`` or ``"backward"``: which way the arrows point, and their colour.
    labels
        Whether to write on lines and in circles. Default: only where there is room.
    digits
        Decimals of all numbers.
    title
        The finding.

    Raises
    ------
    ValueError
        If shapes do not fit together, a number is not finite, or a highlighted name does not exist.

    Lesson: 05_backprop_by_hand.

    Examples
    --------
    >>> fig = network_diagram([[[0.15, 0.20], [0.25, 0.30]]], values=[[0.05, 0.10], [0.38, 0.39]])
    >>> "w1 = 0.150" in [text.get_text() for text in fig.axes[0].texts]
    True
    """
    if direction not in ("forward", "backward"):
        raise ValueError(f"direction: expected 'forward' or 'backward', got {direction!r}")
    sizes, weights = _sizes_and_weights(layers)
    if labels is None:
        labels = max(sizes) <= MOST_NEURONS and sum(a * b for a, b in pairwise(sizes)) <= 24
    layer_values = _per_layer("values", values, sizes)
    layer_deltas = _per_layer("deltas", deltas, sizes)
    edge_gradients = _per_matrix("gradients", gradients, sizes)
    edge_names = _weight_names(weight_names, sizes)
    chosen = _chosen(highlight, edge_names)

    radius = 0.13 if not labels else 0.36 if len(sizes) < 4 else 0.31
    net = _Drawn(sizes, weights, radius=radius, labels=labels, crowded=gradients is not None, digits=digits)
    fig, ax = _page(net, title, layer_names, targets is not None)
    colour = FORWARD if direction == "forward" else BACKWARD
    _lines(ax, net, edge_names, chosen, direction, colour)
    _circles(ax, net, layer_values, neuron_names, direction)
    if labels:
        _biases(ax, net, biases, bias_names)
        _below(ax, net, layer_deltas)
        _targets(ax, net, targets)
        _line_labels(
            ax, net, edge_names, edge_gradients, chosen
        )  # last: these find a place between the others
    return fig


# ------------------------------------------------------------------------------------- what was asked for


def _sizes_and_weights(layers: Sequence[Any]) -> tuple[list[int], list[NDArray[np.float64]] | None]:
    if len(layers) and all(np.ndim(layer) == 0 for layer in layers):
        sizes = [int(n) for n in layers]
        if len(sizes) < 2 or min(sizes) < 1:
            raise ValueError(f"layers: expected at least two sizes, each at least 1, got {sizes}")
        return sizes, None
    weights = [finite(f"layers[{i}]", W, ndim=2) for i, W in enumerate(layers)]
    if not weights:
        raise ValueError("layers: expected sizes or weight matrices, got nothing")
    for i, (W, V) in enumerate(pairwise(weights)):
        if V.shape[1] != W.shape[0]:
            raise ValueError(f"layers[{i + 1}]: expected {W.shape[0]} columns, got shape {V.shape}")
    return [weights[0].shape[1], *(W.shape[0] for W in weights)], weights


def _per_layer(name: str, arrays: Sequence[Any] | None, sizes: list[int]) -> list[Any]:
    if arrays is None:
        return [None] * len(sizes)
    if len(arrays) != len(sizes):
        raise ValueError(f"{name}: expected {len(sizes)} entries, one per layer, got {len(arrays)}")
    found = []
    for i, (array, n) in enumerate(zip(arrays, sizes, strict=True)):
        a = None if array is None else finite(f"{name}[{i}]", array).reshape(-1)
        if a is not None and a.shape != (n,):
            raise ValueError(f"{name}[{i}]: expected {n} numbers, got {a.size}")
        found.append(a)
    return found


def _per_matrix(name: str, arrays: Sequence[Any] | None, sizes: list[int]) -> list[Any]:
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    if arrays is None:
        return [None] * len(shapes)
    if len(arrays) != len(shapes):
        raise ValueError(f"{name}: expected {len(shapes)} entries, one per weight matrix, got {len(arrays)}")
    found = [None if a is None else finite(f"{name}[{i}]", a) for i, a in enumerate(arrays)]
    for i, (a, shape) in enumerate(zip(found, shapes, strict=True)):
        if a is not None and a.shape != shape:
            raise ValueError(f"{name}[{i}]: expected shape {shape}, got {a.shape}")
    return found


def _weight_names(names: Sequence[Any] | None, sizes: list[int]) -> list[list[list[str]]]:
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    if names is None:
        counter = iter(range(1, 1 + sum(a * b for a, b in shapes)))
        return [[[f"w{next(counter)}" for _ in range(d_in)] for _ in range(d_out)] for d_out, d_in in shapes]
    table = [[[str(name) for name in row] for row in matrix] for matrix in names]
    if [(len(m), len(m[0])) for m in table] != shapes:
        raise ValueError(f"weight_names: expected tables of shapes {shapes}")
    return table


def _chosen(highlight: Iterable[str], names: list[list[list[str]]]) -> set[str]:
    known = {name for matrix in names for row in matrix for name in row}
    chosen = {highlight} if isinstance(highlight, str) else set(highlight)
    if chosen - known:
        raise ValueError(
            f"highlight: no weight is called {sorted(chosen - known)}; there are {sorted(known)}"
        )
    return chosen


# ------------------------------------------------------------------------------------- where things stand


def _page(net: _Drawn, title: str, layer_names: Sequence[str] | None, targets: bool) -> tuple[Figure, Axes]:
    """Place every neuron, then a figure of the size that this takes. One unit is one inch."""
    net.slots = [
        list(range(n)) if n <= MOST_NEURONS else [0, 1, 2, _ELLIPSIS, n - 2, n - 1] for n in net.sizes
    ]
    rows = max(len(slot) for slot in net.slots)
    step = (1.5 if net.crowded and rows > 2 else 1.3) if net.labels else 0.42
    side = net.radius + (0.45 if net.labels else 0.5)
    right = side + (1.0 if targets else 0.0)
    gap = min(3.1 if net.labels else 2.0, (_WIDEST - side - right) / (len(net.sizes) - 1))
    above = net.radius + 0.12 + (0.35 if title else 0.0) + (0.25 if net.labels else 0.0)
    below = net.radius + 0.12 + (0.3 if layer_names else 0.0) + (0.25 if net.labels else 0.0)
    width = max(side + gap * (len(net.sizes) - 1) + right, 4.0)
    height = above + step * (rows - 1) + below
    middle = below + step * (rows - 1) / 2
    left = (width - gap * (len(net.sizes) - 1) - right + side) / 2
    for layer, slot in enumerate(net.slots):
        for k, neuron in enumerate(slot):
            x, y = left + gap * layer, middle + step * ((len(slot) - 1) / 2 - k)
            net.at[layer, neuron] = x, y
            net.occupy(x, y, 2.0 * net.radius, 1.1 * net.radius)  # a circle is two boxes: labels may
            net.occupy(x, y, 1.2 * net.radius, 1.9 * net.radius)  # come close to its shoulders

    fig = new_figure(width, height, layout=None)
    ax = fig.add_axes((0.0, 0.0, 1.0, 1.0))
    ax.set(xlim=(0, width), ylim=(0, height))
    ax.set_axis_off()
    if title:
        fig.text(0.15 / width, 1 - 0.12 / height, title, weight="bold", size=12, ha="left", va="top")
    for layer, name in enumerate(layer_names or ()):
        ax.text(left + gap * layer, 0.12, name, ha="center", va="bottom", color=GREY, size=9.5)
    return fig, ax


def _edges(net: _Drawn) -> Iterable[tuple[int, int, int, tuple[float, float], tuple[float, float]]]:
    """Every line that is drawn: matrix, row, column, from where, to where."""
    for layer in range(len(net.sizes) - 1):
        for j in net.slots[layer]:
            for i in net.slots[layer + 1]:
                if _ELLIPSIS not in (i, j):
                    yield layer, i, j, net.at[layer, j], net.at[layer + 1, i]


# ------------------------------------------------------------------------------------- the drawing


def _lines(
    ax: Axes, net: _Drawn, names: list[list[list[str]]], chosen: set[str], direction: str, colour: str
) -> None:
    for layer, i, j, start, end in _edges(net):
        lit = names[layer][i][j] in chosen
        pale = bool(chosen) and not lit
        a, b = _between_circles(start, end, net.radius)
        net.lines.append((a, b))
        if direction == "backward":
            a, b = b, a
        if not net.labels:
            ax.plot(
                [a[0], b[0]], [a[1], b[1]], color=colour if lit else LIGHT, lw=1.6 if lit else 0.5, ls="-"
            )
            continue
        arrow = FancyArrowPatch(
            a,
            b,
            arrowstyle="-|>",
            mutation_scale=11,
            shrinkA=0,
            shrinkB=0,
            lw=2.4 if lit else 1.2,
            color=LIGHT if pale else colour,
            zorder=1 if pale else 2,
        )
        ax.add_patch(arrow)


def _between_circles(
    start: tuple[float, float], end: tuple[float, float], radius: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    a, b = np.array(start), np.array(end)
    along = (b - a) / np.linalg.norm(b - a)
    a, b = a + along * radius, b - along * (radius + 0.02)
    return (float(a[0]), float(a[1])), (float(b[0]), float(b[1]))


def _circles(
    ax: Axes, net: _Drawn, values: list[Any], names: Sequence[Sequence[str]] | None, direction: str
) -> None:
    hidden = len(net.sizes) - 2
    letters = ["i", *"hklmnpqrstuv".ljust(hidden, "h")[:hidden], "o"]
    for (layer, neuron), (x, y) in net.at.items():
        if neuron == _ELLIPSIS:
            ax.text(x, y, "\N{VERTICAL ELLIPSIS}", ha="center", va="center", color=GREY, size=13)
            continue
        edge = GREY if layer == 0 else FORWARD
        ax.add_patch(Circle((x, y), net.radius, facecolor=PAPER, edgecolor=edge, lw=1.4, zorder=3))
        if not net.labels:
            continue
        name = names[layer][neuron] if names is not None else f"{letters[layer]}{neuron + 1}"
        value = values[layer]
        if value is None:
            ax.text(x, y, name, ha="center", va="center", size=10, zorder=4)
        else:
            ax.text(x, y + 0.03, name, ha="center", va="bottom", size=9, color=GREY, zorder=4)
            ax.text(
                x,
                y + 0.01,
                net.number(value[neuron]),
                ha="center",
                va="top",
                size=9.5,
                color=FORWARD,
                zorder=4,
            )


def _line_labels(
    ax: Axes, net: _Drawn, names: list[list[list[str]]], gradients: list[Any], chosen: set[str]
) -> None:
    for layer, i, j, start, end in sorted(_edges(net), key=_steepness):
        name = names[layer][i][j]
        if chosen and name not in chosen:
            continue
        upper = name if net.weights is None else f"{name}{net.equals}{net.number(net.weights[layer][i, j])}"
        gradient = gradients[layer]
        lower = (
            "" if gradient is None else f"\N{PARTIAL DIFFERENTIAL}{net.equals}{net.number(gradient[i, j])}"
        )
        size = (max(_width(upper), _width(lower)), 0.34 if lower else 0.18)
        x, y = _free_place(net, start, end, size)
        ground = {"facecolor": PAPER, "edgecolor": "none", "pad": 1.2}
        if lower:
            ax.text(x, y + 0.005, upper, ha="center", va="bottom", size=8.5, zorder=5, bbox=ground)
            ax.text(
                x, y - 0.005, lower, ha="center", va="top", size=8.5, color=BACKWARD, zorder=5, bbox=ground
            )
        else:
            ax.text(x, y, upper, ha="center", va="center", size=8.5, zorder=5, bbox=ground)


# Parts of a line, from its source: those near 0.27 first, where the lines of a 2-2-2 network lie apart.
_ALONG = sorted(np.arange(0.18, 0.8, 0.02).tolist(), key=lambda t: abs(t - 0.271))


def _steepness(edge: tuple[int, int, int, tuple[float, float], tuple[float, float]]) -> tuple[float, ...]:
    """Order of labelling: flat lines first, since a label on a steep one has more heights to choose from."""
    layer, i, j, start, end = edge
    return layer, abs(end[1] - start[1]), i, j


def _free_place(
    net: _Drawn, start: tuple[float, float], end: tuple[float, float], size: tuple[float, float]
) -> tuple[float, float]:
    """The point of the line, preferably near its source, whose label hides the least of what is there."""
    (x0, y0), (x1, y1) = _between_circles(start, end, net.radius)
    best: tuple[float, tuple[float, float]] | None = None
    for t in _ALONG:
        x, y = x0 + t * (x1 - x0), y0 + t * (y1 - y0)
        box = (x - size[0] / 2, y - size[1] / 2, size[0], size[1])
        hidden = sum(1000.0 * _overlap(box, other) for other in net.boxes)
        hidden += sum(1.0 for line in net.lines if line != ((x0, y0), (x1, y1)) and _crosses(line, box))
        if best is None or hidden < best[0]:
            best = hidden, (x, y)
    assert best is not None
    net.occupy(*best[1], *size)
    return best[1]


def _width(text: str) -> float:
    """About how many inches a label takes."""
    return 0.07 * len(text) + 0.02


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Area that two boxes (left, bottom, width, height) share."""
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return max(wide, 0.0) * max(high, 0.0)


def _crosses(
    line: tuple[tuple[float, float], tuple[float, float]], box: tuple[float, float, float, float]
) -> bool:
    t = np.linspace(0.0, 1.0, 60)
    x = line[0][0] + t * (line[1][0] - line[0][0])
    y = line[0][1] + t * (line[1][1] - line[0][1])
    return bool(((box[0] < x) & (x < box[0] + box[2]) & (box[1] < y) & (y < box[1] + box[3])).any())


def _biases(
    ax: Axes, net: _Drawn, biases: Sequence[ArrayLike | None] | None, names: Sequence[Sequence[str]] | None
) -> None:
    if biases is None:
        return
    for layer, b in enumerate(_per_layer("biases", [None, *biases], net.sizes)):
        for neuron in range(net.sizes[layer]) if b is not None else ():
            x, y = net.at[layer, neuron]
            name = "b" if names is None else names[layer - 1][neuron]
            text = f"+ {name}{net.equals}{net.number(b[neuron])}"
            ax.text(x, y + net.radius + 0.05, text, ha="center", va="bottom", size=8.5, color=GREY, zorder=5)
            net.occupy(x, y + net.radius + 0.13, _width(text), 0.18)


def _below(ax: Axes, net: _Drawn, deltas: list[Any]) -> None:
    for layer, delta in enumerate(deltas):
        for neuron in range(net.sizes[layer]) if delta is not None else ():
            x, y = net.at[layer, neuron]
            text = f"δ{net.equals}{net.number(delta[neuron])}"
            ax.text(x, y - net.radius - 0.06, text, ha="center", va="top", size=8.5, color=BACKWARD, zorder=5)
            net.occupy(x, y - net.radius - 0.13, _width(text), 0.18)


def _targets(ax: Axes, net: _Drawn, targets: ArrayLike | None) -> None:
    if targets is None:
        return
    last = len(net.sizes) - 1
    (wanted,) = _per_layer("targets", [targets], net.sizes[-1:])
    for neuron, target in enumerate(wanted):
        x, y = net.at[last, neuron]
        text = f"target {net.number(target)}"
        ax.text(x + net.radius + 0.2, y, text, ha="left", va="center", size=9, color=INK, zorder=5)
        ax.plot([x + net.radius + 0.12] * 2, [y - 0.14, y + 0.14], color=TARGET, lw=3, ls="-")
