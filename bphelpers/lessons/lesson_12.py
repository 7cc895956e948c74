"""Exercises, predictions and pictures of lesson 12: runs of the playground as they are seen there."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import ipywidgets
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from bphelpers import nn
from bphelpers.numeric import Array
from bphelpers.teaching import plots
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction
from bphelpers.teaching.plots.tiles import CLASS_0, CLASS_1
from bphelpers.teaching.widgets.experiment import Experiment, Settings

Backward = Callable[[Array, Array], Array]
Edge = Callable[[Array, float], tuple[Array, Array]]

#: The playground on the first screen: its three neurons draw the three sides of a triangle.
THREE: dict[str, Any] = {"problem": "circles", "hidden": (3,), "lr": 0.3, "seed": 1}
_SHADES = LinearSegmentedColormap.from_list("classes", [CLASS_0, plots.PAPER, CLASS_1])
_MARKS = (("o", CLASS_0), ("s", CLASS_1))
_EDGES: tuple[Any, ...] = ("--", "-.", (0, (1, 1.2)))


def trained(
    steps: int,
    net: nn.Sequential | None = None,
    data: tuple[ArrayLike, ArrayLike] | None = None,
    **settings: Any,
) -> Experiment:
    """What so many steps of Play make of a playground with these settings, without the buttons."""
    run = Experiment(Settings().but(**settings), net, data)
    if steps:
        run.run(steps)
    return run


def gradient_at(run: Experiment, x: Array, y: Array) -> dict[str, Array]:
    """The gradient of the loss on these points, by the names of the parameters."""
    run.loss.forward(run.net.forward(x), y)
    run.net.backward(run.loss.backward())
    return {p.name: p.grad.copy() for p in run.net.parameters()}


def gradient_lengths(run: Experiment) -> Array:
    """How long the gradient of each point alone is: the root of the sum of all its squares."""
    found = (gradient_at(run, run.X[[k]], run.y[[k]]) for k in range(len(run.X)))
    return np.array([np.sqrt(sum(np.sum(part**2) for part in one.values())) for one in found])


class Layer(nn.Module):
    """A layer made of two functions: what it answers to z, and its backward pass, of dout and z."""

    def __init__(self, forward: Callable[[Array], Array], backward: Backward) -> None:
        super().__init__()
        self._forward, self._backward = forward, backward

    def forward(self, x: Array) -> Array:
        """The answers, of the shape of x."""
        self._z = x
        return self._forward(x)

    def backward(self, dout: Array) -> Array:
        """The gradient with respect to x, by the function that was given."""
        return self._backward(dout, self._z)


# --- A run as it is seen in the playground ------------------------------------------------------------------


def _draw_network(
    ax: Axes, run: Experiment, kind: Mapping[str, Array], colour: str, size: float = 0.62
) -> list[list[tuple[float, float]]]:
    """Each neuron as its map, a line for each weight, as thick as the number; returns the places."""
    sizes = [2, *(len(linear.W.data) for linear in run.linears)]
    x_inputs = (run.grid(32) - run.plane[:2]).T.reshape(2, 32, 32)
    *hidden, answer = run.maps(32)
    maps = [x_inputs, *hidden, 2 * answer - 1]
    tall = max(sizes)
    places = [[(2.4 * c, (count - 1) / 2 - k) for k in range(count)] for c, count in enumerate(sizes)]
    largest = max((float(np.abs(kind[linear.W.name]).max()) for linear in run.linears), default=0.0) or 1.0
    for (left, right), linear in zip(pairwise(places), run.linears, strict=True):
        for k, (x2, y2) in enumerate(right):
            for i, (x1, y1) in enumerate(left):
                part = float(kind[linear.W.name][k, i]) / largest
                ax.plot([x1 + size / 2, x2 - size / 2], [y1, y2], "--" if part < 0 else "-", color=colour,
                        lw=0.4 + 5 * abs(part), alpha=0.12 + 0.88 * abs(part), zorder=1)  # fmt: skip
    for column, tiles in zip(places, maps, strict=True):
        for (x, y), tile in zip(column, tiles, strict=True):
            limit = float(np.abs(tile).max()) or 1.0
            box = (x - size / 2, x + size / 2, y - size / 2, y + size / 2)
            ax.imshow(tile, cmap=_SHADES, vmin=-limit, vmax=limit, extent=box, zorder=2)
            frame = Rectangle(
                (x - size / 2, y - size / 2), size, size, fill=False, ec=plots.GREY, lw=0.8, zorder=3
            )
            ax.add_patch(frame)
    ax.set(xlim=(-0.6, 2.4 * (len(sizes) - 1) + 0.6), ylim=(-tall / 2 - 0.15, tall / 2 + 0.15))
    ax.set_aspect("equal", anchor="N")
    ax.set_axis_off()
    return places


def _draw_plane(ax: Axes, run: Experiment, values: Array | None = None, points: bool = True) -> None:
    """What a neuron, by default the output, answers over the plane, with the points and the line of 0."""
    x, y, half = run.plane
    values = 2 * run.maps()[-1][0] - 1 if values is None else values
    limit = float(np.abs(values).max()) or 1.0
    box = (x - half, x + half, y - half, y + half)
    ax.imshow(values, cmap=_SHADES, vmin=-1.4 * limit, vmax=1.4 * limit, extent=box, zorder=0)
    steps = (np.arange(len(values)) + 0.5) / len(values) * 2 - 1
    if values.min() < 0 < values.max():
        ax.contour(x + half * steps, y - half * steps, values, [0.0], colors=[plots.INK], linewidths=1.6)
    for label, (mark, colour) in enumerate(_MARKS) if points else ():
        where = run.X[run.y[:, 0] == label]
        ax.plot(*where.T, mark, ms=3.4, color=colour, mec=plots.PAPER, mew=0.4, ls="")
    ax.set(xlim=box[:2], ylim=box[2:], xticks=[], yticks=[], aspect="equal")
    ax.grid(visible=False)


_KINDS = {"weights": plots.FORWARD, "gradient": plots.BACKWARD}


def as_seen(run: Experiment, lines: str, title: str) -> Figure:
    """The network with its maps and lines ("weights" or "gradient"), and the plane with the border."""
    fig = plots.new_figure(7.8, 3.6 if max(run.settings.hidden) < 5 else 4.6)
    left, right = fig.subplots(1, 2, width_ratios=[1.25, 1])
    kind = {"weights": run.kinds[0], "gradient": run.grads}[lines]
    _draw_network(left, run, kind, _KINDS[lines], size=0.62 if max(run.settings.hidden) < 5 else 0.7)
    _draw_plane(right, run)
    left.set_title(f"the network, lines show the {lines}", size=10, weight="normal")
    right.set_title("its answer, and the border", size=10, weight="normal")
    right.set_anchor("N")
    plots.titled(fig, title)
    return fig


def seen_in_words(run: Experiment, lines: str, what: str) -> str:
    """The same in words, where `what` says what is to be seen."""
    sizes = "-".join(str(size) for size in (2, *(len(linear.W.data) for linear in run.linears)))
    return (
        f"Left, the network {sizes} with a map of the plane in each neuron, its lines showing the {lines}. "
        f"Right, the plane in two colours with the points and the border. {what} {run}"
    )


def planes(runs: Sequence[Experiment], titles: Sequence[str], title: str) -> Figure:
    """The plane of several runs side by side, with points and border."""
    fig = plots.new_figure(2.6 * len(runs), 3.2)
    for ax, run, name in zip(fig.subplots(1, len(runs)), runs, titles, strict=True):
        _draw_plane(ax, run)
        ax.set_title(name, size=10, weight="normal")
    plots.titled(fig, title)
    return fig


TRIANGLE = (
    "Left, the network 2-3-1 with a map of the plane in each neuron, its lines showing the weights. Each "
    "hidden map is blue on one side of a straight line and orange on the other. Right, the plane with the "
    "points. The border around the inner circle is a triangle with round corners."
)


# --- Exercise 12.1: the edge of a neuron --------------------------------------------------------------------


def edge(w: Array, b: float) -> tuple[Array, Array]:
    """Where w @ x + b is 0 on the horizontal axis, and where on the vertical one."""
    return np.array([-b / w[0], 0.0]), np.array([0.0, -b / w[1]])


def _edge_mistakes(w: Array, b: float) -> Mistakes:
    def crossing(numbers: Array) -> tuple[Array, Array]:
        return np.array([numbers[0], 0.0]), np.array([0.0, numbers[1]])

    right = -b / w
    first, second = crossing(right)
    return {
        "the sign of b is lost: `w[0] * x1 + b` is 0 where x1 is `-b / w[0]`": crossing(-right),
        "the two points are the other way round: the one on the horizontal axis, with x2 = 0, comes first": (
            (second, first)
        ),
        "the two weights are swapped: on the horizontal axis x2 is 0, so only `w[0]` counts": (
            crossing(right[::-1])
        ),
        "each number stands where the 0 should be: on the horizontal axis, x2 is 0": (
            (first[::-1], second[::-1])
        ),
        "the fraction is upside down: b is divided by the weight": crossing(1 / right),
        "b is multiplied by the weight: divide": crossing(-b * w),
        "the weight is subtracted: divide by it": crossing(-b - w),
        "b is left out": crossing(-1 / w),
        "both numbers are right, but each point has two coordinates, and one of them is 0": tuple(right),
        "both numbers are in each point: on an axis, one coordinate is 0": (right, right),
    }


_EDGE = Exercise(
    reference=edge,
    cases=lambda: [
        (np.array([3, 4]), -12),
        (np.array([3.0, -4.0]), 2.0),
        (np.array([0.5, 1.5]), -2.0),
        (np.array([-2.0, 0.3]), 0.7),
    ],
    mistakes=_edge_mistakes,
)

EDGES = (
    "Four planes with the same points. In the first three, the map of a hidden neuron, blue on one side of a "
    "straight line and orange on the other. In the fourth, all three lines. The border of the network is a "
    "triangle with round corners, and each of its sides runs close to one of the lines."
)


def _draw_lines(ax: Axes, run: Experiment, edge: Edge) -> None:
    """The edges of the first layer, each with the number of its neuron beyond the triangle."""
    disc = {"boxstyle": "circle,pad=0.15", "fc": plots.PAPER, "ec": plots.GREY, "lw": 0.6}
    W, b = run.kinds[0]["W1"], run.kinds[0]["b1"]
    for k, style in enumerate(_EDGES):
        start, end = edge(W[k], float(b[k]))
        ax.axline(tuple(start), tuple(end), color=plots.INK, ls=style, lw=1.2)
        spot = -1.24 * np.sign(b[k]) * W[k] / np.linalg.norm(W[k])  # beside the point nearest to the origin
        ax.text(
            spot[0],
            spot[1],
            str(k + 1),
            ha="center",
            va="center",
            size=9,
            color=plots.INK,
            zorder=6,
            bbox=disc,
        )


def draw_edges(run: Experiment, edge: Edge) -> Figure:
    """The map of each hidden neuron with its edge, then all edges around the border of the network."""
    W, b = run.kinds[0]["W1"], run.kinds[0]["b1"]
    fig = plots.new_figure(8.2, 2.75)
    *axes, last = fig.subplots(1, len(W) + 1)
    for k, (ax, values) in enumerate(zip(axes, run.maps()[0], strict=True)):
        start, end = edge(W[k], float(b[k]))
        _draw_plane(ax, run, values, points=False)
        ax.axline(tuple(start), tuple(end), color=plots.INK, lw=1.6)
        ax.set_title(f"neuron {k + 1}", size=10, weight="normal")
    _draw_plane(last, run)
    _draw_lines(last, run, edge)
    last.set_title("the network", size=10, weight="normal")
    plots.titled(fig, "Each neuron draws one side of the triangle")
    return fig


# --- Which lines are thick? ---------------------------------------------------------------------------------

POINTS = {"outer": (1.0, 0), "inner": (0.5, 1)}


@cache
def _three() -> Experiment:
    return trained(1000, **THREE)


def _at(where: str, angle: int) -> tuple[Array, Array]:
    radius, label = POINTS[where]
    turn = np.deg2rad(angle)
    x = radius * np.array([[np.cos(turn), np.sin(turn)]])
    return x.round(12) + 0.0, np.array([[float(label)]])


def draw_point(fig: Figure, where: str, angle: int) -> None:
    """One point of the plane, and the gradient of its loss on the lines of the network."""
    run, (x, y) = _three(), _at(where, angle)
    grads = gradient_at(run, x, y)
    left, right = fig.add_axes((0.01, 0.02, 0.4, 0.8)), fig.add_axes((0.44, 0.02, 0.54, 0.8))
    _draw_plane(left, run, points=False)
    _draw_lines(left, run, edge)
    mark, colour = _MARKS[int(y[0, 0])]
    left.plot(*x[0], mark, ms=11, color=colour, mec=plots.INK, mew=1.5, zorder=5)
    left.set_title(f"the point ({_plain(x[0, 0])}, {_plain(x[0, 1])})", size=10, weight="normal")
    inputs, hidden, (output,) = _draw_network(right, run, grads, plots.BACKWARD, size=0.55)
    box = {"boxstyle": "square,pad=0.1", "fc": plots.PAPER, "ec": "none"}
    label: dict[str, Any] = {"ha": "center", "va": "center", "bbox": box, "zorder": 4}
    for (at, height), value, name in zip(inputs, x[0], ("x1", "x2"), strict=True):
        right.text(at, height - 0.45, f"{name} = {_plain(value)}", **label)
    for (at, height), delta in zip(hidden, grads["b1"], strict=True):
        right.text(at, height - 0.44, f"delta {_signed(delta)}", **label)
    miss = grads["b2"][0]
    right.text(output[0], output[1] - 0.6, f"p − y = {_signed(miss)}", **label)
    right.set(xlim=(-0.7, 5.6), ylim=(-1.7, 1.5))
    right.set_title("lines show the gradient", size=10, weight="normal")
    fig.text(0.01, 0.98, _who_gets_most(grads), weight="bold", size=12, va="top")


def circle_menu() -> Any:
    """The choice of a circle, for a live figure."""
    look = {"style": {"description_width": "initial"}, "layout": {"width": "auto"}}
    return ipywidgets.Dropdown(options=list(POINTS), description="circle", **look)


def point_at(where: str, angle: int) -> Figure:
    """The same picture as a figure of its own."""
    fig = plots.new_figure(7.6, 3.8)
    draw_point(fig, where, angle)
    return fig


def describe_point(where: str, angle: int) -> str:
    """The picture in words."""
    run, (x, y) = _three(), _at(where, angle)
    grads = gradient_at(run, x, y)
    deltas = ", ".join(_signed(delta) for delta in grads["b1"])
    miss = _signed(grads["b2"][0])
    return (
        f"A point on the {where} circle, at ({_plain(x[0, 0])}, {_plain(x[0, 1])}). p − y is {miss}. "
        f"The deltas of the neurons are {deltas}. {_who_gets_most(grads)}."
    )


def _who_gets_most(grads: Mapping[str, Array]) -> str:
    """Which neuron has the largest delta, or which two, if the second is nearly as large."""
    sizes = np.abs(grads["b1"])
    first, second = np.argsort(-sizes)[:2]
    if sizes[second] > 0.8 * sizes[first]:
        low, high = sorted((first + 1, second + 1))
        return f"Neurons {low} and {high} share what comes back"
    return f"Neuron {first + 1} gets most of what comes back"


def _plain(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _signed(value: float) -> str:
    return f"{round(float(value), 3) + 0.0:+.3f}".replace("-", "−")


# --- Exercise 12.2: a spiral --------------------------------------------------------------------------------


def both_arms(arm: Array) -> tuple[Array, Array]:
    """An arm and, below it, the same with both coordinates negated; and their classes 0 and 1."""
    X = np.vstack([arm, -arm])
    y = np.concatenate([np.zeros(len(arm)), np.ones(len(arm))])
    return X, y


def spiral(t: Array) -> tuple[Array, Array]:
    """Two spiral arms, one point of each for each t: the points, and their classes 0 and 1."""
    angle = 3 * np.pi * t
    return both_arms(np.column_stack([t * np.cos(angle), t * np.sin(angle)]))


def _arms_mistakes(arm: Array) -> dict[str, Any]:
    right, y = both_arms(arm)
    return {
        "the second arm is the first again: it should be `-arm`": (np.vstack([arm, arm]), y),
        "the classes are the other way round: the first arm has class 0": (right, 1 - y),
        "the points of both arms alternate, and the classes don't": (
            np.stack([arm, -arm], axis=1).reshape(-1, 2),
            y,
        ),
        "y alternates: first come all the zeros, then all the ones": (right, np.tile([0.0, 1.0], len(arm))),
        "y is -1 and 1: it should be 0 and 1": (right, 2 * y - 1),
        "only the second coordinate of the second arm has its minus": (np.vstack([arm, arm * [1, -1]]), y),
        "only the first coordinate of the second arm has its minus": (np.vstack([arm, arm * [-1, 1]]), y),
        "the points stand in columns: X should have a row for each point": (right.T, y),
        "the arms stand side by side: put one below the other with `np.vstack`": (np.hstack([arm, -arm]), y),
        "y is a column: leave it with one axis, as `np.zeros(len(arm))` makes it": (right, y[:, None]),
    }


_ARMS = Exercise(
    reference=both_arms,
    cases=lambda: [
        (spiral(np.linspace(0.1, 1, 7))[0][:7],),
        (np.array([[0.2, 0.9], [-0.55, 0.4], [0.3, -0.8]]),),
    ],
    mistakes=_arms_mistakes,
)


def typical_sum(run: Experiment) -> float:
    """The median size of what goes into the activations of a network, at its points."""
    x, sizes = run.X, []
    for layer in run.net.layers[:-1]:
        if not isinstance(layer, nn.Linear):
            sizes.append(np.abs(x).ravel())
        x = layer(x)
    return float(np.median(np.concatenate(sizes)))


#: How many of 200 points are right after 1,000 steps from ten starts: the lowest and the highest.
SPIRALS = {
    "as it is": (120, 129),
    "twice the neurons": (126, 127),
    "a third hidden layer": (120, 129),
    "ReLU": (199, 200),
}


# --- One wrong label ----------------------------------------------------------------------------------------

PULLS = (
    "Two moons three times, each point as large as its gradient is long; one orange square lies among the "
    "blue circles. At the start, all points are about equally large. After 100 steps, those near the border "
    "and the wrong one are. After 1,000 steps the wrong one is large, and the others are dots."
)


def draw_pulls(runs: Sequence[Experiment], titles: Sequence[str]) -> Figure:
    """The points of several runs, each as large as its gradient is long, beside the longest of its plane."""
    fig = plots.new_figure(2.75 * len(runs), 3.3)
    for ax, run, name in zip(fig.subplots(1, len(runs)), runs, titles, strict=True):
        _draw_plane(ax, run, points=False)
        lengths = gradient_lengths(run)
        radii = lengths / lengths.max()
        for label, (mark, colour) in enumerate(_MARKS):
            own = run.y[:, 0] == label
            ax.scatter(*run.X[own].T, s=1.5 + 240 * radii[own] ** 2, marker=mark, color=colour,
                       ec=plots.INK, lw=0.4, zorder=4)  # fmt: skip
        ax.set_title(name, size=10, weight="normal")
    plots.titled(fig, "After 1,000 steps, one wrong label stands out")
    return fig


# --- Exercise 12.3: a backward pass to repair ---------------------------------------------------------------


def sine_backward(dout: Array, z: Array) -> Array:
    """The backward pass of np.sin: what comes back, times the slope at z."""
    return dout * np.cos(z)


_SINE = Exercise(
    reference=sine_backward,
    cases=lambda: [
        (np.array([[0.5, -1.0, 2.0], [3.0, 0.25, -0.5]]), np.array([[0.3, 2.0, -1.0], [4.0, -2.5, 0.9]])),
        (np.array([[1.0], [-2.0]]), np.array([[2.2], [-0.7]])),
        (np.array([2, -3]), np.array([1, 3])),
    ],
    mistakes={
        "the cosine is still taken of `a`, the sine's answer: its slope belongs to what goes in": (
            lambda dout, z: dout * np.cos(np.sin(z))
        ),
        "the cosine has a minus, which belongs to the slope of the cosine itself": (
            lambda dout, z: -dout * np.cos(z)
        ),
        "the sine stands where its slope belongs": lambda dout, z: dout * np.sin(z),
        "`dout` is left out": lambda dout, z: np.cos(z),
        "`dout` is inside the cosine": lambda dout, z: np.cos(dout * z),
        "`dout` is added where it should be multiplied": lambda dout, z: dout + np.cos(z),
        "the root loses the sign of the cosine": lambda dout, z: dout * np.sqrt(1 - np.sin(z) ** 2),
        "the slope is that of tanh, 1 - a²": lambda dout, z: dout * (1 - np.sin(z) ** 2),
        "the slope is that of the sigmoid, a (1 - a)": lambda dout, z: dout * np.sin(z) * (1 - np.sin(z)),
        "the slopes are summed up": lambda dout, z: np.asarray((dout * np.cos(z)).sum()),
        "only `dout` comes back, as if the slope were 1": lambda dout, z: dout,
    },
)


# --- The deeper pages ---------------------------------------------------------------------------------------


def draw_norms(fig: Figure, norms: Mapping[tuple[str, int], Sequence[float]], depth: int) -> None:
    """The length of each layer's gradient with so many hidden layers, for each activation."""
    looks = {"tanh": ("o", plots.INK), "ReLU": ("s", plots.GREY), "sigmoid": ("^", plots.BACKWARD)}
    ax = fig.subplots()
    ax.set(xlim=(0.7, 10.4), ylim=(1e-6, 2), yscale="log", xticks=range(1, 10), xlabel="layer",
           ylabel="length of its gradient")  # fmt: skip
    height = 0.0
    for name in sorted(looks, key=lambda name: norms[name, depth][-1]):
        (mark, colour), values = looks[name], norms[name, depth]
        height = max(values[-1], 2 * height)  # so that no name covers another
        ax.plot(range(1, depth + 2), values, marker=mark, ms=5, color=colour, ls="-")
        ax.text(depth + 1.15, height, name, color=colour, va="center")
    times = norms["tanh", depth][0] / norms["sigmoid", depth][0]
    ax.set_title(f"Layer 1: the sigmoid's is {times:,.0f} times shorter than tanh's")


def norms_in_words(norms: Mapping[tuple[str, int], Sequence[float]], depth: int) -> str:
    """The same in words."""
    parts = [f"{name} {norms[name, depth][0]:.1e}" for name in ("tanh", "ReLU", "sigmoid")]
    return f"Hidden layers: {depth}. Length of the gradient of layer 1: {', '.join(parts)}."


def draw_scatter(recipe: Mapping[str, Any], best: float) -> Figure:
    """The accuracy of 20 networks on 100 points held out and on 10,000 fresh ones."""
    fig = plots.new_figure(7.0, 2.6)
    ax = fig.subplots()
    for row, judge in enumerate(("fresh points", "held out")):
        values = np.sort(np.round(recipe[judge], 3 - row))  # equal ones are stacked
        stack = [int(np.sum(values[:k] == value)) for k, value in enumerate(values)]
        ax.plot(values, row + 0.12 * np.array(stack), "o", ms=5, color=plots.FORWARD)
    ax.plot([best, best], [-0.3, 1.75], color=plots.GREY, ls="--")
    ax.text(0.962, 0.5, f"best possible: {best:.3f}", color=plots.GREY, ha="right")
    ax.set(yticks=[0, 1], yticklabels=["10,000 fresh points", "100 held out"], xlabel="share right",
           ylim=(-0.3, 1.75), title="20 networks scatter on 100 points, hardly on 10,000")  # fmt: skip
    return fig


def scatter_in_words(recipe: Mapping[str, Any], best: float) -> str:
    """The same in words."""
    held, (worst, *others) = recipe["held out"], sorted(recipe["fresh points"])
    return (
        f"Two rows of 20 dots. On 100 points {min(held):.2f} to {max(held):.2f}; on the fresh ones one has "
        f"{worst:.3f}, the others {others[0]:.3f} to {others[-1]:.3f}. A dashed line at {best:.3f}."
    )


EXERCISES = {"12.1": _EDGE, "12.2": _ARMS, "12.3": _SINE}

PREDICTIONS = {
    "12.A": Prediction(
        "The point is (-1, 0). Which lines from the inputs are thick?",
        options=("from input 1 to neuron 2", "from input 1 to all three", "from both inputs to neuron 2"),
        answer="from input 1 to neuron 2",
        explain="'from input 1 to all three' is tempting, because all three neurons have lines from it. But"
        " the point is near the edge of neuron 2 only, and input 2 says 0.",
    ),
    "12.B": Prediction(
        "After 20 steps at a rate of 10, you turn the rate down to 0.1. What does the network do then?",
        options=("learns as usual", "learns more slowly", "stays where it is"),
        answer="stays where it is",
        explain="A smaller rate helps a network that jumps about. This one has no gradient left to multiply"
        " the rate with.",
    ),
    "12.C": Prediction(
        "The network can't learn the spiral in 1,000 steps. What helps?",
        options=("twice the neurons", "a third hidden layer", "ReLU"),
        answer="ReLU",
        explain="More network is the usual guess. But the neurons that it has don't use their bends yet.",
    ),
}
