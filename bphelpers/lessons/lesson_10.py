"""Exercises, predictions and pictures of lesson 10 and its deeper pages."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from contourpy import contour_generator
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bphelpers import data
from bphelpers import functional as F
from bphelpers.lessons.shared import drawn
from bphelpers.numeric import Array
from bphelpers.teaching import plots
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction

Weights = tuple[Array, ...]
Net = tuple[Array, Array, Array, float]

# --- Exercise 10.1: XOR by hand -----------------------------------------------------------------------------


def xor_net(x1: float, x2: float) -> tuple[float, float, float]:
    """What two threshold units and the output say: at least one, both, exactly one."""
    h1, h2 = float(x1 + x2 > 0.5), float(x1 + x2 > 1.5)
    return h1, h2, float(h1 - h2 > 0.5)


def _xor_mistakes(x1: float, x2: float) -> Mistakes:
    h1, h2, answer = xor_net(x1, x2)
    said = {
        "the output fires whenever the first unit does, so it gives OR: h2 needs a negative weight": (
            h1,
            h2,
            h1,
        ),
        "the output fires when both units do, so it gives AND: h2 needs a negative weight": (h1, h2, h2),
        "every answer is turned around": (h1, h2, 1 - answer),
        "the output always says 0: with a bias this low, h1 alone can't lift the sum above 0": (
            h1,
            h2,
            0.0,
        ),
        "the second unit never fires: two inputs that are on have the sum 2, and with its bias that has to "
        "be above 0, not 0": (h1, 0.0, h1),
        "the output always says 1: without a bias below 0, it fires at 00 as well": (h1, h2, 1.0),
        "the two hidden units are swapped: the first should say that at least one input is on": (
            h2,
            h1,
            answer,
        ),
        "both hidden units say that at least one input is on: a lower bias makes the second wait for both": (
            (h1, h1, 0.0)
        ),
        "both hidden units say that both inputs are on: the first should fire when one is enough": (
            h2,
            h2,
            0.0,
        ),
        "each hidden unit looks for one input without the other, which works too, but isn't asked for": (
            (float(x1 > x2), float(x2 > x1), answer)
        ),
        "the first unit looks at x1 alone": (float(x1), h2, float(x1 - h2 > 0.5)),
    }
    return {clause: tuple(map(float, fires)) for clause, fires in said.items()}


# --- Exercise 10.2: the backward pass of a stack of networks ------------------------------------------------


def forward(X: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> tuple[Array, Array]:
    """Hidden outputs and answers of a stack of networks with one hidden layer of sigmoids."""
    A = F.sigmoid(X @ W1.mT + b1)
    return A, F.sigmoid(A @ W2.mT + b2)


def backward(dZ2: Array, X: Array, A: Array, W2: Array) -> tuple[Array, Array, Array, Array]:
    """The gradients of all four arrays of a stack, each network by itself."""
    dZ1 = dZ2 @ W2 * A * (1 - A)
    return dZ1.mT @ X, dZ1.sum(axis=1, keepdims=True), dZ2.mT @ A, dZ2.sum(axis=1, keepdims=True)


def _backward_mistakes(dZ2: Array, X: Array, A: Array, W2: Array) -> Mistakes:
    dW1, db1, dW2, db2 = backward(dZ2, X, A, W2)
    back, n = dZ2 @ W2, X.shape[0]

    def first(dZ1: Array) -> tuple[Array, ...]:
        return dZ1.mT @ X, dZ1.sum(axis=1, keepdims=True), dW2, db2

    return {
        "the slope of the hidden sigmoids is missing: dZ1 is dZ2 @ W2 times A * (1 - A)": first(back),
        "only A is multiplied in: the slope of a sigmoid is A * (1 - A)": first(back * A),
        "the slope is 1 - A ** 2, which is tanh's: these units are sigmoids": first(back * (1 - A * A)),
        "dZ1 leaves out dZ2, so no error comes back through W2": first(W2 * A * (1 - A)),
        "dZ1 leaves out W2: the error comes back through it": first(dZ2 * A * (1 - A)),
        "the gradients are averaged over the examples: the loss has averaged already": (
            (dW1 / n, db1 / n, dW2 / n, db2 / n)
        ),
        "the gradients of the biases are averaged over the examples, where they have to be added up": (
            (dW1, db1 / n, dW2, db2 / n)
        ),
        "the biases' gradients have lost an axis: write keepdims=True": (
            (dW1, db1[:, 0], dW2, db2[:, 0])
        ),
        "the biases' gradients are added up over the networks: the examples are axis 1": (
            (
                dW1,
                (back * A * (1 - A)).sum(axis=0, keepdims=True),
                dW2,
                dZ2.sum(axis=0, keepdims=True),
            )
        ),
        "the biases' gradients are added up over the units: the examples are axis 1": (
            (dW1, (back * A * (1 - A)).sum(axis=2, keepdims=True), dW2, dZ2.sum(axis=2, keepdims=True))
        ),
        "dW1 and dW2 are transposed: a row of W belongs to a receiver, so dZ.mT comes first": (
            (dW1.mT, db1, dW2.mT, db2)
        ),
        "the layers are swapped: return dW1, db1, dW2, db2": (dW2, db2, dW1, db1),
        "the biases come last: return dW1, db1, dW2, db2": (dW1, dW2, db1, db2),
    }  # fmt: skip


def _backward_cases() -> list[tuple[Array, ...]]:
    """In the first case all lengths differ; in the second a wrong transpose runs."""
    made: list[tuple[Array, ...]] = []
    for dZ2, X, Z, W2 in drawn(
        10, "s n k, n d, s n h, s k h", s=(5, 2), n=(4, 2), d=(6, 2), h=(3, 2), k=(1, 1)
    ):
        made.append((dZ2, X, F.sigmoid(Z), W2))
    return made


# --- Exercise 10.3: the first weights -----------------------------------------------------------------------


def first_weights(rng: np.random.Generator, n: int, hidden: int, deviation: float) -> Weights:
    """W1, b1, W2 and b2 of n networks with two inputs and one output, every number drawn by itself."""
    shapes = (n, hidden, 2), (n, 1, hidden), (n, 1, hidden), (n, 1, 1)
    return tuple(rng.normal(0, deviation, size=shape) for shape in shapes)


def copied_weights(rng: np.random.Generator, n: int, hidden: int, deviation: float) -> Weights:
    """The function that exercise 10.3 repairs: one hidden unit, copied; and the deviation as the mean."""
    shapes = (n, 1, 2), (n, 1, 1), (n, 1, 1), (n, 1, 1)
    W1, b1, W2, b2 = [rng.normal(deviation, size=shape) for shape in shapes]
    return W1.repeat(hidden, axis=1), b1.repeat(hidden, axis=2), W2.repeat(hidden, axis=2), b2


def _first_mistakes(rng: np.random.Generator, n: int, hidden: int, deviation: float) -> Mistakes:
    def made(**how: Any) -> Callable[..., Weights]:
        return lambda given, *_: _drawn_weights(given, n, hidden, deviation, **how)

    return {
        "nothing is repaired yet: every hidden unit is a copy, and the deviation is used as the mean": (
            copied_weights
        ),
        "the deviation is right, but every hidden unit is still a copy of one": made(copied=True),
        "the units differ, but the deviation is still used as the mean: rng.normal takes the mean first": (
            made(mean=True)
        ),
        "mean and deviation are both the deviation: the mean should be 0": made(mean=True, spread=True),
        "the deviation isn't used, so it is always 1": made(plain=True),
        "W1 differs from unit to unit, but W2 and the biases are still copied": made(copied=("b1", "W2")),
        "the biases are 0: here they are drawn as well": made(zero=True),
        "one network is drawn and copied n times": made(shared=True),
    }


def _drawn_weights(
    rng: np.random.Generator,
    n: int,
    hidden: int,
    deviation: float,
    *,
    copied: bool | tuple[str, ...] = False,
    mean: bool = False,
    spread: bool = False,
    plain: bool = False,
    zero: bool = False,
    shared: bool = False,
) -> Weights:
    loc = deviation if mean else 0
    scale = 1 if plain or (mean and not spread) else deviation
    made = []
    for name, axis, shape in (("W1", 1, (n, hidden, 2)), ("b1", 2, (n, 1, hidden)), ("W2", 2, (n, 1, hidden)),
                              ("b2", None, (n, 1, 1))):  # fmt: skip
        repeat = axis and (copied is True or (isinstance(copied, tuple) and name in copied))
        small = tuple(1 if i == axis and repeat else k for i, k in enumerate(shape))
        if shared:
            small = (1, *small[1:])
        w = np.zeros(shape) if zero and name[0] == "b" else rng.normal(loc, scale, size=small)
        made.append(np.broadcast_to(w, shape).copy())
    return tuple(made)


def _first_cases() -> list[tuple[Any, ...]]:
    return [(np.random.default_rng(k), n, h, s) for k, (n, h, s) in enumerate(((3, 2, 0.5), (2, 4, 2.0)))]


EXERCISES = {
    "10.1": Exercise(xor_net, _xor_mistakes, cases=[(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]),
    "10.2": Exercise(backward, _backward_mistakes, cases=_backward_cases),
    "10.3": Exercise(first_weights, _first_mistakes, cases=_first_cases),
}

PREDICTIONS = {
    "10.A": Prediction(
        "A hidden layer multiplies by W1, adds b1 and squashes. What makes it possible to separate the moons "
        "with a straight line?",
        ("multiplying by W1", "adding b1", "squashing"),
        answer="squashing",
        explain="W1 and b1 are what training finds, so they are tempting. But without the squash they only "
        "turn, stretch and shift the plane, and what no line separated before, no line separates then.",
    ),
    "10.B": Prediction(
        "Two hidden units are enough for XOR. How many of 200 networks with random first weights learn it?",
        ("nearly all", "about seven in ten", "about one in ten"),
        answer="about seven in ten",
        explain="You have seen that two units are enough, so nearly all is tempting. But that a solution "
        "exists doesn't mean that gradient descent finds it.",
    ),
    "10.C": Prediction(
        "We train the network from 100 starts. How many different solutions do you expect, if signs, order "
        "and scale don't count?",
        ("one", "two", "nearly a hundred"),
        answer="two",
        explain="The paper shows one run, which makes one tempting. But from another start, training can end "
        "in another place, and here there are two such places.",
    ),
}

# --- From the inputs to the hidden layer --------------------------------------------------------------------

#: Trained, then rounded: W1, b1, W2, b2.
MOONS: Net = (np.array([[2.0, -1.0], [10.0, 5.0]]), np.array([0.0, -6.0]), np.array([14.0, -9.0]), -4.0)
_XOR: Net = (np.array([[10.0, 10.0], [10.0, 10.0]]), np.array([-5.0, -15.0]), np.array([10.0, -10.0]), -5.0)
_RING: Net = (np.array([[1.5, 11.0], [5.0, -7.0]]), np.array([-7.5, -6.0]), np.array([-8.0, -6.0]), 1.5)
PROBLEMS: dict[str, tuple[Array, Array, Net]] = {
    "two moons": (*data.moons(100, 0.1, np.random.default_rng(0)), MOONS),
    "XOR": (*data.xor(), _XOR),
    "a disc in a ring": (*data.circles(100, 0.05, np.random.default_rng(0)), _RING),
}
_SIDES = ListedColormap(["#E3F0F8", "#FBEADF"])
_MARKS = (("o", plots.FORWARD), ("s", plots.BACKWARD))


class _Way:
    """Where the points of one problem are, on their way through a hidden layer of two sigmoids."""

    def __init__(self, problem: str) -> None:
        self.X, y, (self.W1, self.b1, self.w2, self.b2) = PROBLEMS[problem]
        self.y = y[:, 0]
        self.low, self.high = self.X.min(axis=0) - 0.3, self.X.max(axis=0) + 0.3
        corners = np.array([[a, b] for a in (0, 1) for b in (0, 1)]) * (self.high - self.low) + self.low
        sums = corners @ self.W1.T + self.b1
        self.least, self.most = sums.min(axis=0), sums.max(axis=0)

    def at(self, points: Array, percent: float) -> Array:
        """Up to 50 % straight to the sums, scaled to fit the picture; from there to their sigmoids."""
        sums = points @ self.W1.T + self.b1
        scaled = (sums - self.least) / (self.most - self.least)
        if percent <= 50:
            share, begin, end = percent / 50, (points - self.low) / (self.high - self.low), scaled
        else:
            share, begin, end = percent / 50 - 1, scaled, F.sigmoid(sums)
        return (1 - share) * begin + share * end

    def logits(self, points: Array) -> Array:
        return F.sigmoid(points @ self.W1.T + self.b1) @ self.w2 + self.b2

    def right(self) -> int:
        return int(np.sum((self.logits(self.X) > 0) == (self.y == 1)))

    def grid(self) -> list[Array]:
        (left, low), (right, top) = self.low, self.high
        along = np.linspace(0, 1, 120)[:, None]
        ends = [((a, low), (a, top)) for a in np.linspace(left, right, 13)]
        ends += [((left, b), (right, b)) for b in np.linspace(low, top, 13)]
        return [np.array(p) + along * (np.array(q) - p) for p, q in ends]

    def border(self) -> list[Array]:
        """Where the network is undecided, as lines of points in the plane of the inputs."""
        x, y = (np.linspace(a, b, 300) for a, b in zip(self.low, self.high, strict=True))
        z = self.logits(np.stack(np.meshgrid(x, y), axis=-1))
        lines: Any = contour_generator(x, y, z).lines(0.0)
        return list(lines)


def _draw_plane(ax: Axes, way: _Way, percent: float, size: float = 5) -> None:
    x, y = (np.linspace(a, b, 161) for a, b in zip(way.low, way.high, strict=True))
    plane = np.stack(np.meshgrid(x, y), axis=-1)
    middles = (plane[1:, 1:] + plane[:-1, :-1]) / 2
    ax.pcolormesh(*np.moveaxis(way.at(plane, percent), -1, 0), way.logits(middles) > 0, cmap=_SIDES, vmin=0,
                  vmax=1, antialiased=False, linewidth=0)  # fmt: skip
    for line in way.grid():
        ax.plot(*way.at(line, percent).T, "-", color=plots.LIGHT, lw=0.7)
    for line in way.border():
        ax.plot(*way.at(line, percent).T, "-", color=plots.INK, lw=2)
    if percent == 100:
        w, b = way.w2, way.b2
        foot = -b * w / (w @ w)
        ax.axline(tuple(foot), tuple(foot + (-w[1], w[0])), color=plots.INK, lw=2)
    for kind, (mark, colour) in enumerate(_MARKS):
        ax.plot(*way.at(way.X[way.y == kind], percent).T, mark, ms=size, color=colour)
    ax.set(xlim=(-0.06, 1.06), ylim=(-0.06, 1.06), xticks=[], yticks=[], aspect="equal")
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def before_and_after() -> Figure:
    """The first screen: two moons as they come, and as the hidden layer sees them."""
    fig, way = plots.new_figure(7.8, 3.6), _Way("two moons")
    left, right = fig.subplots(1, 2)
    for ax, percent, title in ((left, 0, "the inputs"), (right, 100, "the hidden layer")):
        _draw_plane(ax, way, percent, size=4)
        ax.set_title(title, size=10, weight="normal")
    w, b = _one_neuron(way)
    x = np.array([way.low[0], way.high[0]])
    ends = np.column_stack([x, -(b + w[0] * x) / w[1]])
    left.plot(*way.at(ends, 0).T, "--", color=plots.GREY, lw=1.6)
    left.set(xlabel="x1", ylabel="x2")
    right.set(xlabel="hidden neuron 1", ylabel="hidden neuron 2")
    plots.titled(fig, "Bend the plane, and one straight line is enough")
    return fig


def _one_neuron(way: _Way) -> tuple[Array, float]:
    """Weights and bias of a single sigmoid neuron with the least cross-entropy, by Newton's method."""
    rows, w = np.column_stack([way.X, np.ones(len(way.X))]), np.zeros(3)
    for _ in range(20):
        p = F.sigmoid(rows @ w)
        w = w - np.linalg.solve((rows.T * (p * (1 - p))) @ rows, rows.T @ (p - way.y))
    return w[:2], float(w[2])


def straight_line_misses() -> int:
    """How many of the 100 points of the moons a single neuron gets wrong."""
    way = _Way("two moons")
    w, b = _one_neuron(way)
    return int(np.sum((way.X @ w + b > 0) != (way.y == 1)))


BEFORE_AND_AFTER = (
    "Two pictures of 100 points on a grid. In the first, two moons reach into each other. A dashed "
    f"straight line leaves {straight_line_misses()} points on the wrong side, and the border of the network "
    "is a curve between the moons. In the second, the grid is bent, the moons lie along the sides of a "
    "square, and a straight line separates them."
)


def draw_way(fig: Figure, problem: str, percent: int) -> None:
    """The points, the grid and the border of a network, so far on their way through the hidden layer."""
    way = _Way(problem)
    ax = fig.subplots()
    _draw_plane(ax, way, percent)
    ax.set_title(f"{percent} %: {_stage(percent)}")


def _stage(percent: int) -> str:
    if percent in (0, 50, 100):
        return {0: "the inputs", 50: "times W1, plus b1", 100: "what the hidden neurons say"}[percent]
    return "turned, stretched and shifted" if percent < 50 else "squashed more and more"


def describe_way(problem: str, percent: int) -> str:
    """The picture in words."""
    way = _Way(problem)
    grid = "straight" if percent <= 50 else "bent"
    border = "The border is a straight line" if percent == 100 else "The border is not a straight line"
    return (
        f"{problem[0].upper()}{problem[1:]}, {percent} % of the way: {_stage(percent)}. The grid is {grid}. "
        f"{border}. {way.right()} of {len(way.X)} points are on the right side."
    )


# --- XOR ----------------------------------------------------------------------------------------------------

CORNERS = ("00", "01", "10", "11")
XOR = (
    "Left the four corners of a square. 01 and 10, squares, lie across from each other, and so do 00 and 11, "
    "circles. Right, where the hidden units put them: 00 at (0, 0), 01 and 10 both at (1, 0), 11 at (1, 1). "
    "A straight line separates (1, 0) from the other two."
)


def draw_xor(net: Callable[[float, float], tuple[float, float, float]]) -> Figure:
    """The corners of XOR, and where two hidden units put them, with the line of the output."""
    fig = plots.new_figure(7.0, 3.4)
    X, y = data.xor()
    places = np.array([net(*row)[:2] for row in X])
    left, right = fig.subplots(1, 2)
    for ax, points, title in ((left, X, "the inputs"), (right, places, "the hidden layer")):
        _corners(ax, points, y[:, 0])
        ax.set_title(title, size=10, weight="normal")
    left.set(xlabel="x1", ylabel="x2")
    right.set(xlabel="h1", ylabel="h2")
    right.axline((0.5, 0), (1.0, 0.5), color=plots.INK)
    plots.titled(fig, "01 and 10 land together, and a line is enough")
    return fig


def _corners(ax: Axes, places: Array, y: Array, low: float = -0.3, high: float = 1.3) -> None:
    """The four points with their names; those that fall together share a label."""
    for k, place in enumerate(places):
        same = [
            name for name, other in zip(CORNERS, places, strict=True) if np.abs(other - place).max() < 0.06
        ]
        mark, colour = _MARKS[int(y[k])]
        ax.plot(*place, mark, ms=12 if mark == "s" else 7, color=colour)
        if same[0] == CORNERS[k]:
            ax.annotate(", ".join(same), place, (0, 8), textcoords="offset points", ha="center")
    ax.set(xlim=(low, high), ylim=(low, high), xticks=[0, 1], yticks=[0, 1], aspect="equal")


_ENDS = {
    "learned": 0.3,
    "two in one place": 0.4,
    "three in one place": np.inf,
}  # and the loss of each is below


def ends(losses: Array) -> dict[str, NDArray[np.intp]]:
    """Which networks ended in which way, told by their losses."""
    kinds = np.searchsorted(list(_ENDS.values()), losses)
    return {name: np.flatnonzero(kinds == k) for k, name in enumerate(_ENDS)}


def draw_ends(hidden: Array, losses: Array) -> Figure:
    """Where three networks put the corners: one that learned, and two that failed; counts of each kind."""
    fig = plots.new_figure(7.8, 3.3)
    y = data.xor()[1][:, 0]
    for ax, (name, of) in zip(fig.subplots(1, 3), ends(losses).items(), strict=True):
        _corners(ax, hidden[of[0]], y)
        ax.set_title(f"{name}: {len(of)} of {len(losses)}", size=10, weight="normal")
        ax.set(xlabel="hidden neuron 1", ylabel="hidden neuron 2")
    plots.titled(fig, "A failed start has put neighbours in one place")
    return fig


def ends_in_words(hidden: Array, losses: Array) -> str:
    """The same in words."""
    said = []
    for name, of in ends(losses).items():
        places = zip(CORNERS, hidden[of[0]] + 0.0, strict=True)
        at = ", ".join(f"{corner} at ({a:.1f}, {b:.1f})" for corner, (a, b) in places)
        said.append(f"{name}, {len(of)} starts: {at}")
    return "Three hidden planes. " + ". ".join(said) + "."


GROUNDS = (
    "The losses of three networks over 6,000 updates. All begin near 0.7. One falls to 0 within the first "
    "thousand. One stays at 0.69 for more than 4,000 updates and then falls to 0 too. One falls to 0.35 and "
    "stays there."
)


#: The deviation and the number of each start, of a hundred.
WATCHED = {"learns soon": (1.0, 1), "waits": (0.1, 12), "gets stuck": (1.0, 0)}


def watched() -> Array:
    """The losses of the three starts, one in each column, in steps of 100 updates up to 6,000."""
    X, y = data.xor()
    starts = [
        [w[k] for w in first_weights(np.random.default_rng(0), 100, 2, deviation)]
        for deviation, k in WATCHED.values()
    ]
    weights = [np.stack(arrays) for arrays in zip(*starts, strict=True)]
    losses = []
    for _ in range(6000):
        A, p = forward(X, *weights)
        losses.append(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p), axis=(1, 2)))
        steps = backward((p - y) / 4, X, A, weights[2])
        weights = [w - dw for w, dw in zip(weights, steps, strict=True)]
    return np.array(losses[::100])


def draw_grounds() -> Figure:
    """The losses of a start that learns, of one that waits and of one that gets stuck."""
    fig = plots.new_figure(7.0, 3.2)
    ax = fig.subplots()
    updates = range(0, 6000, 100)
    styles = (("-", plots.FORWARD), ("--", plots.UPDATE), ("-.", plots.BACKWARD))
    for name, losses, (style, colour), at in zip(WATCHED, watched().T, styles, (8, 14, 22), strict=True):
        ax.plot(updates, losses, style, color=colour)
        ax.annotate(name, (updates[at], losses[at]), (6, 6), textcoords="offset points", color=colour)
    ax.set(xlim=(0, updates[-1]), ylim=(0, 0.85), xlabel="updates", ylabel="loss",
           title="One start learns, one waits, and one gets stuck")  # fmt: skip
    return fig


def draw_deviations(deviations: Sequence[float], early: Sequence[int], late: Sequence[int]) -> Figure:
    """How many of 100 starts have learned after 4,000 and after 12,000 updates, by the deviation."""
    fig = plots.new_figure(7.0, 3.2)
    ax = fig.subplots()
    at = np.arange(len(deviations))
    ax.bar(at, early, color=plots.FORWARD, width=0.6)
    ax.bar(at, np.subtract(late, early), bottom=early, color=plots.UPDATE, width=0.6, hatch="//", ec="white")
    ax.bar(at, np.subtract(100, late), bottom=late, color=plots.LIGHT, width=0.6)
    ax.set_xticks(at, [f"{d:g}" for d in deviations])
    for name, colour, y in (("not by then", plots.GREY, 90), ("by 12,000 updates", plots.UPDATE, 55),
                            ("by 4,000 updates", plots.FORWARD, 15)):  # fmt: skip
        ax.text(len(at) - 0.6, y, name, color=colour, va="center")
    ax.set(xlim=(-0.6, len(at) + 0.6), ylim=(0, 100), xlabel="deviation of the first weights",
           ylabel="starts that learned",
           title="Starts with small weights are late, those with large ones get stuck")  # fmt: skip
    ax.grid(visible=False)
    return fig


def deviations_in_words(deviations: Sequence[float], early: Sequence[int], late: Sequence[int]) -> str:
    """The same in words."""
    said = (f"deviation {d:g}: {e}, then {k}" for d, e, k in zip(deviations, early, late, strict=True))
    return "Of 100 starts, learned within 4,000 updates, then within 12,000. " + "; ".join(said) + "."


# --- The symmetry network -----------------------------------------------------------------------------------


def train_symmetry(backward: Callable[..., Weights], X: Array, y: Array) -> Weights:
    """100 networks with two hidden units after 2,000 updates on half the squares, with momentum."""
    rng = np.random.default_rng(0)
    weights = [rng.uniform(-0.3, 0.3, (100, *shape)) for shape in ((2, 6), (1, 2), (1, 2), (1, 1))]
    velocity = [np.zeros_like(w) for w in weights]
    for _ in range(2000):
        A, p = forward(X, *weights)
        steps = backward((p - y) * p * (1 - p), X, A, weights[2])
        velocity = [0.9 * v - 0.05 * dw for v, dw in zip(velocity, steps, strict=True)]
        weights = [w + v for w, v in zip(weights, velocity, strict=True)]
    return tuple(weights)


def draw_mirror(weights: Sequence[Array]) -> Figure:
    """The weights of both hidden neurons of two networks, as bars."""
    fig = plots.new_figure(7.8, 3.6)
    place = np.arange(6)
    for ax, W in zip(fig.subplots(1, 2, sharey=True), weights, strict=True):
        for neuron, (row, shift) in enumerate(zip(W, (-0.2, 0.2), strict=True)):
            how = (
                {"color": plots.FORWARD}
                if not neuron
                else {"color": plots.PAPER, "ec": plots.GREY, "hatch": "///"}
            )
            ax.bar(place + shift, row, 0.36, **how)
        for x, value in zip(place, W[0], strict=True):
            ax.text(x, value + np.copysign(0.45, value), f"{value:+.1f}", ha="center", va="center",
                    size=8, color=plots.FORWARD)  # fmt: skip
        ax.axvline(2.5, color=plots.INK, lw=1, ls="--")
        sizes = ":".join(f"{value:.0f}" for value in np.sort(np.abs(W[0, :3])))
        ax.set(title=f"about {sizes}", xticks=place, xlabel="input", ylim=(-5.2, 5.2))
        ax.set_xticklabels(range(1, 7))
        ax.grid(visible=False)
    fig.axes[0].set_ylabel("weight")
    plots.titled(fig, "Mirrored inputs have opposite weights")
    return fig


def mirror_in_words(weights: Sequence[Array]) -> str:
    """The same in words."""
    said = [", ".join(f"{value:+.1f}" for value in W[0]) for W in weights]
    return (
        "The weights of both hidden neurons from the six inputs, in two networks. Neuron 1 of the first: "
        f"{said[0]}. Of the second: {said[1]}. Neuron 2 has the opposite weights in both."
    )


# --- The deeper pages ---------------------------------------------------------------------------------------

CYCLE = (
    "Four pictures of the corners of XOR with the straight border of a neuron, before each of the four steps "
    "of a round. Each time, the corner that is shown next lies on the wrong side of the border."
)


def draw_cycle(weights: Sequence[Array]) -> Figure:
    """The border of a single neuron before each step of a round, and which example comes next."""
    fig = plots.new_figure(8.0, 2.7)
    X, y = data.xor()
    side = np.linspace(-0.6, 1.6, 200)
    plane = np.stack(np.meshgrid(side, side), axis=-1)
    for k, (ax, w) in enumerate(zip(fig.subplots(1, 4), weights, strict=True)):
        ax.pcolormesh(side, side, plane @ w[:2] + w[2] > 0, cmap=_SIDES, vmin=0, vmax=1, shading="nearest")
        for point, target in zip(X, y[:, 0], strict=True):
            mark, colour = _MARKS[int(target)]
            ax.plot(*point, mark, ms=7, color=colour)
        ax.plot(*X[k], "o", ms=17, mfc="none", mec=plots.INK, mew=1.5)
        ax.set(xlim=(-0.6, 1.6), ylim=(-0.6, 1.6), xticks=[], yticks=[], aspect="equal")
        ax.set_title(f"{CORNERS[k]} comes next", size=10, weight="normal")
    plots.titled(fig, "Always on the wrong side of what comes next")
    return fig


def fooled(w: Array) -> NDArray[np.bool_]:
    """For each of the 64 patterns, whether these weights give it 0 although it is not symmetric."""
    X, y = data.symmetry()
    return ((X[:, :3] - X[:, :2:-1]) @ w == 0) & (y[:, 0] == 0)


def draw_sweeps(first: dict[float, Array], reported: int) -> Figure:
    """Histograms of how many sweeps the starts needed, for each learning rate."""
    fig = plots.new_figure(7.4, 4.2)
    for ax, (lr, sweeps) in zip(fig.subplots(2, 1, sharex=True, sharey=True), first.items(), strict=True):
        late = int(np.isinf(sweeps).sum())
        ax.hist(sweeps[np.isfinite(sweeps)], bins=range(0, 3001, 100), color=plots.FORWARD)
        ax.bar(3150, late, width=200, color=plots.GREY, hatch="//", edgecolor="white")
        ax.axvline(reported, color=plots.TARGET, ls="--")
        ax.text(reported + 20, 47, f"reported: {reported:,}", color=plots.TARGET)
        ax.set(
            ylabel="starts", title=f"learning rate {lr}: {late} of {len(sweeps)} not there after 3,000 sweeps"
        )
    ax.set(xlabel="sweeps until all 64 are on the right side", xlim=(0, 3300), ylim=(0, 60))
    ax.set_xticks([0, 1000, 2000, 3150], ["0", "1,000", "2,000", "later"])
    return fig


def sweeps_in_words(first: dict[float, Array]) -> str:
    """The same in words."""
    return "Two histograms of sweeps. " + " ".join(
        f"Rate {lr}: {int(np.isinf(sweeps).sum())} of {len(sweeps)} later than 3,000; median of all "
        f"{np.median(sweeps):.0f}."
        for lr, sweeps in first.items()
    )


RING = (
    "The disc and the ring as three hidden neurons see them, in space. The ring's points are spread over a "
    "bent sheet, the disc's are together on the other side of a slanted plane."
)


def draw_ring(A: Array, y: Array, w: Array, b: float) -> Figure:
    """100 points at the places that three hidden neurons give them, and the plane of the output."""
    fig = plots.new_figure(5.6, 4.4, layout=None)
    ax: Any = fig.add_axes((0.02, 0.02, 0.94, 0.86), projection="3d")
    side = np.linspace(0, 1, 2)
    a1, a2 = np.meshgrid(side, side)
    ax.plot_surface(
        a1, a2, np.clip(-(b + w[0] * a1 + w[1] * a2) / w[2], -0.5, 1.5), color=plots.LIGHT, alpha=0.5
    )
    for kind, (mark, colour) in enumerate(_MARKS):
        ax.scatter(*A[y[:, 0] == kind].T, marker=mark, color=colour, s=18, depthshade=False)
    ax.set(xlabel="neuron 1", ylabel="neuron 2", zlabel="neuron 3", xticks=[0, 1], yticks=[0, 1],
           zticks=[0, 1], zlim=(0, 1))  # fmt: skip
    ax.view_init(elev=18, azim=-50)
    plots.titled(fig, "The third neuron lifts the disc out of the ring")
    return fig


# --- Parity and encoders ---------------------------------------------------------------------------------


def draw_counters(nets: dict[str, tuple[Array, ...]]) -> Figure:
    """What the hidden units and the output of each network say while more and more bits are 1."""
    fig = plots.new_figure(7.4, 3.0)
    ones = np.linspace(-0.3, 4.3, 400)[:, None]
    for ax, (name, (W1, b1, W2, b2)) in zip(
        fig.subplots(1, len(nets), sharey=True), nets.items(), strict=True
    ):
        A = F.sigmoid(ones * W1.mean(axis=1) + b1)
        ax.plot(ones, A, "-", color=plots.FORWARD, lw=1.2)
        p = F.sigmoid(A @ W2[0] + b2)
        ax.plot(ones, p, color=plots.TARGET, ls="--")
        ax.plot(range(5), np.interp(range(5), ones[:, 0], p), "o", color=plots.TARGET)
        ax.set(title=name, xlabel="bits that are 1", xticks=range(5), yticks=[0, 1])
    plots.titled(fig, "Four units count, and the output (dashed) adds and subtracts")
    return fig


COUNTERS = (
    "Two panels over the number of bits that are 1, by hand and found by training. In both, four hidden "
    "units change between 0 and 1 halfway between two whole numbers, each at another place, and the output "
    "is low at 0, 2 and 4 and high at 1 and 3."
)


def draw_code_map(codes: Array, W2: Array, b2: Array) -> Figure:
    """The unit square of two hidden units: where each of the eight codes lies, and what is read where."""
    fig = plots.new_figure(4.2, 3.9)
    ax = fig.add_subplot()
    side = np.linspace(-0.08, 1.08, 300)
    places = np.stack(np.meshgrid(side, side), axis=-1)
    read = (places @ W2.T + b2).argmax(axis=-1)
    for name in range(len(codes)):
        ax.contour(side, side, read == name, levels=[0.5], colors=plots.GREY, linewidths=0.8)
    ax.plot(*codes.T, "o", color=plots.FORWARD)
    for name, (x, y) in enumerate(codes, start=1):
        ax.annotate(str(name), (x, y), xytext=(5, 4), textcoords="offset points", color=plots.FORWARD)
    ax.set(
        xlabel="hidden unit 1", ylabel="hidden unit 2", title="Two numbers hold eight names", aspect="equal"
    )
    ax.grid(visible=False)
    return fig


CODE_MAP = (
    "The square of two hidden units, cut by straight lines into eight regions. In each lies one of eight "
    "dots, numbered 1 to 8. Seven lie near the border of the square and one near its middle."
)
