"""Exercises, predictions and pictures of lesson 03 and its pages: walking downhill."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bphelpers.lessons.shared import drawn
from bphelpers.numeric import Array
from bphelpers.teaching import plots
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction

Slope = Callable[[Any], Any]


def descend(slope_at: Slope, w: Any, lr: float, steps: int) -> list[Any]:
    """Every place of a walk downhill, the start included."""
    path = [w]
    for _ in range(steps):
        w = w - lr * slope_at(w)
        path.append(w)
    return path


def gradient(X: Array, y: Array, w: Array) -> Array:
    """The gradient of a linear neuron's mean squared error."""
    return 2 * X.T @ (X @ w - y) / len(y)


def standardised(x: Array) -> Array:
    """One column, shifted to mean 0 and divided by its standard deviation."""
    return (x - x.mean()) / x.std()


def with_ones(x: Array) -> Array:
    """The matrix of a linear neuron with one input and a bias: a column of ones, then ``x``."""
    return np.column_stack([np.ones(len(x)), x])


def curvatures(X: Array) -> Array:
    """The smallest and the largest curvature of a linear neuron's mean squared error."""
    return np.linalg.eigvalsh(2 * X.T @ X / len(X))[[0, -1]]


def steps_needed(X: Array, y: Array) -> int:
    """Steps of descent from 0, at the best rate there is, to a millionth of the first excess loss."""
    (a, b), (_, d) = (X.T @ X).tolist()  # plain numbers: arrays would take minutes for two million steps
    u, v = np.linalg.solve(X.T @ X, -(X.T @ y)).tolist()  # how far from the lowest point
    best, steps = 2 / (a + d), 0
    goal = 1e-6 * (a * u * u + 2 * b * u * v + d * v * v)
    while a * u * u + 2 * b * u * v + d * v * v > goal:
        u, v = u - best * (a * u + b * v), v - best * (b * u + d * v)
        steps += 1
    return steps


# --- Exercises ----------------------------------------------------------------------------------------------


def _twice_the_distance(w: Any) -> Any:
    return 2 * (w - 1)


def _steeper(w: Any) -> Any:
    return 4 * (w + 3)


def _two_slopes(w: Array) -> Array:
    return np.array([2.0, 6.0]) * w


_twice_the_distance.__name__ = "the slope 2 * (w - 1)"
_steeper.__name__ = "the slope 4 * (w + 3)"
_two_slopes.__name__ = "the slopes (2 * w[0], 6 * w[1])"


def _slope_of_section_1(w: Any) -> Any:
    """The lesson's own ``slope``, which also takes what it is not meant for."""
    x = np.array([1.0, 2.0])
    return np.mean(2 * (w * x - 2 * x) * x)


def _descend_mistakes(slope_at: Slope, w: Any, lr: float, steps: int) -> Mistakes:
    right = descend(slope_at, w, lr, steps)
    slopes = [slope_at(place) for place in right]
    return {
        "the walk goes uphill: the step has to be subtracted": descend(slope_at, w, -lr, steps),
        "the slope is not multiplied by lr": descend(slope_at, w, 1.0, steps),
        "the step itself is stored, not the place after the step: subtract it from w": (
            descend(lambda place: place / lr - slope_at(place), w, lr, steps)
        ),
        "every step uses the slope of the start: ask for the slope again at each new place": (
            [w - k * lr * slopes[0] for k in range(steps + 1)]
        ),
        "every step begins at the start again: each has to begin where the last one ended": (
            [w, *[w - lr * slopes[0]] * steps]
        ),
        "the start is missing: the list begins with it": right[1:],
        "the last place is missing: put a place in the list after each step": right[:-1],
        "each place is put in the list before its step as well, so the start is in the list twice": (
            [w, *right[:-1]]
        ),
        "the walk takes one step too many": descend(slope_at, w, lr, steps + 1),
        "only the last place is returned: keep a list of all of them": right[-1],
        "the loop returns during its first turn: the return belongs after the loop": right[:2],
        "the list holds the start and nothing else: it needs each new place": right[:1],
        "the slopes are listed, and not the places": slopes,
        "the slope comes from slope(w), which knows only section 1's valley: ask slope_at(w)": (
            descend(_slope_of_section_1, w, lr, steps)
        ),
        "the sign of the slope is used, and not its size": (
            descend(lambda place: np.sign(slope_at(place)), w, lr, steps)
        ),
        "the places are divided by lr, or the slopes are: the step is lr times the slope": (
            descend(slope_at, w, 1 / lr, steps)
        ),
    }


def _gradient_mistakes(X: Array, y: Array, w: Array) -> Mistakes:
    misses, n = X @ w - y, len(y)
    last = 2 * misses[-1] * X[-1]
    return {
        "each example overwrites the one before it, and nothing is averaged yet": last,
        "each example overwrites the one before it: add them up, with +=": last / n,
        "the shares are added up, and not yet divided by the number of examples": 2 * X.T @ misses,
        "the sum is divided by the number of weights: it should be the number of examples": (
            2 * X.T @ misses / len(w)
        ),
        "the sum is divided by 2: there may be more than two examples, so divide by len(y)": X.T @ misses,
        "the 2 is missing, the one from the square": X.T @ misses / n,
        "the miss has the wrong sign: it is the prediction minus the target": -2 * X.T @ misses / n,
        "the target is left out": 2 * X.T @ (X @ w) / n,
        "the miss is not multiplied by the inputs": np.full(len(w), 2 * misses.sum() / n),
        "the misses are multiplied by the weights: it should be the inputs": 2 * misses.sum() * w / n,
        "the function returns during the first turn of the loop: move the return out": 2
        * misses[0]
        * X[0]
        / n,
        "the total is divided by n in every turn of the loop: divide once, at the end": (
            sum(2 * miss * x / n ** (n - k) for k, (miss, x) in enumerate(zip(misses, X, strict=True)))
        ),
    }


def _standardised_mistakes(x: Array) -> Mistakes:
    off, std = x - x.mean(), x.std()
    return {
        "the mean is subtracted, and nothing is divided": off,
        "the standard deviation divides, and nothing is subtracted": x / std,
        "only the mean is divided: x - x.mean() needs parentheses around it": x - x.mean() / std,
        "the column is divided by the deviation before the mean of the old column is subtracted": (
            x / std - x.mean()
        ),
        "you divided by the variance: take its square root": off / std**2,
        "the column is divided by its largest number: use the standard deviation": off / x.max(),
        "the column is divided by its range, from smallest to largest": off / np.ptp(x),
        "the column is squeezed into 0 to 1, which is another way of scaling": (x - x.min()) / np.ptp(x),
        "the deviation divides by n - 1, as ddof=1 does: here it divides by n": off / x.std(ddof=1),
        "the median is subtracted: it should be the mean": (x - np.median(x)) / std,
        "the result is multiplied by the deviation: it should be divided": off * std,
        "you subtracted the column from the mean: it is the column minus the mean": -off / std,
    }


_rng = np.random.default_rng(4)

EXERCISES = {
    "03.1": Exercise(
        descend,
        _descend_mistakes,
        cases=[
            (_twice_the_distance, 5.0, 0.25, 3),
            (_steeper, -1.0, 0.1, 4),
            (_two_slopes, np.array([4.0, -2.0]), 0.1, 3),
        ],
    ),
    "03.2": Exercise(
        gradient,
        _gradient_mistakes,
        cases=[
            (np.array([[2.0, 1.0], [0.0, 1.0]]), np.array([4.0, 2.0]), np.array([3.0, 1.0])),
            *drawn(3, "n k, n, k", n=(3, 5, 4), k=(2, 4, 3)),
        ],
    ),
    "03.3": Exercise(
        standardised,
        _standardised_mistakes,
        cases=[(np.array([1.0, 2.0, 9.0]),), *((_rng.uniform(3, 9, size=n),) for n in (4, 7))],
    ),
}

PREDICTIONS = {
    "03.A": Prediction(
        "You stand at w = 6, the slope is 20, and the lowest point is at 2. At which learning rate does one"
        " step bring you to the same loss again, on the other side?",
        (0.2, 0.3, 0.4),
        answer=0.4,
        explain=(
            "The rate 0.2 is tempting, because that step ends exactly at the lowest point. To be as far away"
            " on the other side, you need twice that."
        ),
    ),
    "03.B": Prediction(
        "The guess for the cake is 1, which is too low. What does the first step do to it?",
        ("it goes up", "it goes down", "it stays"),
        answer="it goes down",
        explain=(
            "Up is tempting, because 2 would be right. But the first receipt comes out too high, and"
            " while the coffee stays at 3, a cheaper cake makes that better."
        ),
    ),
    "03.C": Prediction(
        "Steps in grams divided by steps in kilograms: about how much?",
        ("one", "a thousand", "ten thousand"),
        answer="ten thousand",
        explain=(
            "One is tempting, because it is the same spring and the same best line, and so is a thousand,"
            " because the masses are a thousand times as large. But the input of the bias is still 1,"
            " so the valley has another shape, and the steps depend on its shape."
        ),
    ),
}

# --- Pictures: one weight -----------------------------------------------------------------------------------


def _valley(w: Any) -> Any:
    return 2.5 * (w - 2) ** 2


def _valley_slope(w: Any) -> Any:
    return 5 * (w - 2)


FIRST_WALK = (
    "The loss over the weight w, a valley with its lowest point at w = 2. Three steps lead down its"
    " right side, from w = 6 with loss 40 to w = 4 with loss 10, w = 3 with loss 2.5 and w = 2.5. The"
    " slopes at the first three places are 20, 10 and 5, and the steps get shorter."
)


def first_walk() -> Figure:
    """Three steps down one side of a valley, with the slope at each place."""
    fig = plots.new_figure(7.0, 3.4)
    ax = fig.add_subplot()
    w = np.linspace(-1.5, 6.7, 200)
    ax.plot(w, _valley(w), color=plots.FORWARD)
    path = descend(_valley_slope, 6.0, 0.1, 3)
    for here, there in pairwise(path):
        reach, slope = np.array([-0.7, 0.7]), _valley_slope(here)
        ax.plot(here + reach, _valley(here) + slope * reach, color=plots.BACKWARD, lw=2.5, ls="-")
        ax.annotate("", (there, _valley(there)), (here, _valley(here)), zorder=2,
                    arrowprops={"arrowstyle": "-|>", "color": plots.UPDATE, "lw": 1.5, "shrinkA": 6,
                                "shrinkB": 5, "connectionstyle": "arc3,rad=0.25"})  # fmt: skip
    ax.plot(path, [_valley(place) for place in path], "o", color=plots.INK, ms=6, zorder=3)
    labels = ["w = 6, loss 40\nslope 20", "w = 4, loss 10\nslope 10", "w = 3, loss 2.5\nslope 5"]
    for place, label, shift in zip(path, labels, ((14, -10), (14, -14), (14, -20)), strict=False):
        ax.annotate(label, (place, _valley(place)), shift, textcoords="offset points", va="center")
    ax.set(xlabel="weight w", ylabel="loss", xlim=(-1.5, 8.2), ylim=(-12, 56), yticks=range(0, 51, 10),
           title="The flatter the ground, the shorter the step")  # fmt: skip
    return fig


def draw_walk(fig: Figure, lr: float) -> Callable[..., None]:
    """Eight steps from w = 6 at one learning rate."""
    ax = fig.add_subplot()
    w = np.linspace(-4.5, 8.5, 200)
    ax.plot(w, _valley(w), color=plots.FORWARD)
    ax.plot(6, _valley(6), "s", color=plots.INK, ms=8, zorder=3)
    ax.annotate("start", (6, _valley(6)), (10, -4), textcoords="offset points")
    ax.set(xlabel="weight w", ylabel="loss", xlim=(-4, 8), ylim=(-4, 90))
    ax.set_title("The slope tells you the side, not the distance")

    def update(lr: float) -> None:
        path = descend(_valley_slope, 6.0, lr, 8)
        ax.plot(path, [_valley(place) for place in path], "o--", color=plots.UPDATE, lw=1, ms=5)

    return update


def describe_walk(lr: float) -> str:
    """What the picture of eight steps shows."""
    path = descend(_valley_slope, 6.0, lr, 8)
    before, after, last = (round(float(_valley(place)), 6) for place in (path[0], path[1], path[-1]))
    verdict = "as high as before" if after == before else "lower" if after < before else "higher"
    side = "across the valley, " if path[1] < 2 - 1e-9 else ""
    return (
        f"With learning rate {lr:.2f}, the first step goes {side}from w = 6 to w = {path[1]:.2f}. The loss"
        f" goes from {before:.1f} to {after:.1f}, which is {verdict}. After eight steps it is {last:,.2f}."
    )


# --- Pictures: two weights ----------------------------------------------------------------------------------


def _map(ax: Axes, height: Callable[[Array, Array], Array], xlim: Any, ylim: Any, levels: Any) -> None:
    """Lines of equal height."""
    first, second = np.meshgrid(*(np.linspace(low, high, 161) for low, high in (xlim, ylim)))
    ax.contour(first, second, height(first, second), levels=levels, colors=plots.LIGHT, linewidths=1,
               linestyles="solid")  # fmt: skip
    ax.grid(False)
    ax.set(xlim=xlim, ylim=ylim)


def _quadratic(X: Array, y: Array) -> Callable[[Array, Array], Array]:
    def height(first: Array, second: Array) -> Array:
        misses = first[..., None] * X[:, 0] + second[..., None] * X[:, 1] - y
        return (misses**2).mean(axis=-1)

    return height


PRICES = (
    "A map of the loss over two prices, with rings around its lowest point, where the coffee costs 1"
    " and the cake 2. An arrow leaves the start, coffee 3 and cake 1, against the gradient and down to"
    " the left. It points past the lowest point. The walk then turns, and comes to rest at the lowest"
    " point in ever shorter steps."
)


def draw_prices(X: Array, y: Array, path: Array, start_gradient: Array) -> Figure:
    """The map of the two prices, the arrow downhill, and a walk."""
    fig = plots.new_figure(6.4, 4.0)
    ax = fig.add_subplot()
    _map(ax, _quadratic(X, y), (-0.4, 3.9), (-0.1, 3.0), [0.05, 0.2, 0.6, 1.25, 2.5, 5.0, 8.0, 12.0])
    start, arrow = path[0], -start_gradient / np.hypot(*start_gradient)
    ax.annotate("", start + 1.1 * arrow, start,
                arrowprops={"arrowstyle": "-|>", "color": plots.BACKWARD, "lw": 3})  # fmt: skip
    ax.annotate("steepest way down", start + 0.8 * arrow, (6, -8), textcoords="offset points",
                color=plots.BACKWARD, va="top")  # fmt: skip
    ax.plot(*path.T, "o-", color=plots.UPDATE, lw=1.2, ms=4)
    ax.plot(*start, "s", color=plots.INK, ms=8)
    ax.annotate("start: loss 5", start, (8, 6), textcoords="offset points", backgroundcolor="white")
    ax.plot(1, 2, "*", color=plots.TARGET, ms=15, zorder=3)
    ax.annotate("lowest: loss 0", (1, 2), (10, 9), textcoords="offset points", color=plots.INK)
    ax.set(xlabel="price of a coffee", ylabel="price of a cake", aspect="equal",
           title="Down doesn't point at the lowest point")  # fmt: skip
    return fig


LINE = (
    "Five points close to a straight line, which starts at 10.06 cm and rises by 20.00 cm for each kilogram."
)


def draw_line(x: Array, y: Array, bias: float, weight: float) -> Figure:
    """The five lengths of the spring and the line of the least squares."""
    fig = plots.new_figure(5.6, 2.7)
    ax = fig.add_subplot()
    ends = np.array([0.0, 0.55])
    ax.plot(ends, bias + weight * ends, color=plots.FORWARD, lw=1.5)
    ax.vlines(x, y, bias + weight * x, color=plots.BACKWARD, lw=3)
    ax.plot(x, y, "o", color=plots.TARGET, ms=5)
    ax.set(xlabel="mass in kilograms", ylabel="length in cm", xlim=(0, 0.55), ylim=(9.5, 21.5),
           title="The line with the smallest squares")  # fmt: skip
    return fig


VALLEYS = (
    "Two maps of the spring's loss over bias and weight, each with a walk of twelve steps at its best"
    " rate. In kilograms the valley is long and narrow, and the walk zigzags in its upper end."
    " Standardised, the rings are circles, and one step reaches the lowest point."
)


def draw_valleys(x: Array, z: Array, y: Array) -> Figure:
    """The same spring in kilograms and standardised."""
    fig = plots.new_figure(8.0, 3.5)
    for ax, column, title in zip(
        fig.subplots(1, 2), (x, z), ("Kilograms: a narrow valley", "Standardised: a round one"), strict=True
    ):
        X = with_ones(column)
        low = np.linalg.solve(X.T @ X, X.T @ y)
        reach = 1.25 * np.abs(low).max()
        _map(ax, _quadratic(X, y), low[0] + np.array([-reach, reach]), low[1] + np.array([-reach, reach]),
             np.mean(y**2) * np.array([0.01, 0.05, 0.2, 0.5, 1.0, 1.8]))  # fmt: skip
        best = 2 / np.trace(2 * X.T @ X / len(y))
        path = np.array(descend(lambda w, X=X: gradient(X, y, w), np.zeros(2), best, 12))  # type: ignore[misc]
        ax.plot(*path.T, "o-", color=plots.UPDATE, lw=1.2, ms=4)
        ax.plot(0, 0, "s", color=plots.INK, ms=7)
        ax.plot(*low, "*", color=plots.TARGET, ms=14, zorder=3)
        ax.set(xlabel="bias", ylabel="weight", title=title, aspect="equal")
    return fig


# --- Picture: what else can happen --------------------------------------------------------------------------


def two_valleys(w: Any) -> Any:
    """The mean squared error of two neurons in a row that share one weight, w (w x + 1).

    Its examples are x = 1 with target 5, and x = -1 with target -3.
    """
    return ((w * (w + 1) - 5) ** 2 + (w * (1 - w) + 3) ** 2) / 2


def two_valleys_slope(w: Any) -> Any:
    """Its slope."""
    return 4 * w * (w**2 - 4) + 2 * (w - 1)


def saddle_gradient(w: Array) -> Array:
    """The gradient of two neurons in a row without squashing, at x = 1, y = 1: L = (w1 w2 - 1)^2."""
    return 2 * (w[0] * w[1] - 1) * w[::-1]


def noisy_walk(batch_size: int, seed: int = 0, steps: int = 40) -> tuple[Array, Array, Array]:
    """Inputs and targets of 200 points near a line, and a walk that sees so many of them at each step."""
    rng = np.random.default_rng(1)
    X = with_ones(standardised(rng.uniform(size=200)))
    y = X @ [1.0, 2.0] + rng.normal(0, 1.5, size=200)
    picks = np.random.default_rng(seed)

    def slope(w: Array) -> Array:
        rows = picks.permutation(200)[:batch_size]
        return gradient(X[rows], y[rows], w)

    return X, y, np.array(descend(slope, np.array([-1.5, -1.5]), 0.1, steps))


GROUNDS = (
    "Three pictures. Left, a loss over one weight with two valleys: a walk from -0.5 ends in the left"
    " valley at a loss of 8.4, a walk from 0.5 in the right one at a loss of 0.9. Middle, a map with a"
    " saddle at (0, 0): a black walk that starts at (1, -1) stops there, a green one that starts a"
    " hundredth beside it turns away and reaches the floor. Right, a round valley: the walk that sees all"
    " 200 points goes straight to the lowest point, the one that sees 10 at a time staggers there."
)


def draw_grounds() -> Figure:
    """A local minimum, a saddle, and a walk with mini-batches."""
    fig = plots.new_figure(9.4, 3.5)
    left, middle, right = fig.subplots(1, 3)
    w = np.linspace(-3, 3, 200)
    left.plot(w, two_valleys(w), color=plots.FORWARD)
    for start, marker, words in ((-0.5, "s", "a local\nminimum"), (0.5, "o", "lower")):
        path = np.array(descend(two_valleys_slope, start, 0.01, 40))
        left.plot(path, two_valleys(path), f"{marker}-", color=plots.UPDATE, ms=4, lw=1)
        left.plot(start, two_valleys(start), marker, color=plots.INK, ms=7)
        left.annotate(words, (path[-1], two_valleys(path[-1])), (0, -9), textcoords="offset points",
                      ha="center", va="top")  # fmt: skip
    left.set(xlabel="weight w", ylabel="loss", ylim=(-4, 26), title="Two valleys")

    _map(
        middle, lambda a, b: (a * b - 1) ** 2, (-0.5, 1.6), (-1.4, 1.6), [0.05, 0.3, 0.7, 1.0, 1.4, 2.2, 3.2]
    )
    for second, style, colour in ((-0.99, "o-", plots.UPDATE), (-1.0, "s--", plots.INK)):
        path = np.array(descend(saddle_gradient, np.array([1.0, second]), 0.05, 120))
        middle.plot(*path.T, style, color=colour, ms=3, lw=1)
    middle.plot(1, -1, "s", color=plots.INK, ms=7)
    middle.annotate("two starts,\n0.01 apart", (1, -1), (-14, -12), textcoords="offset points", ha="right",
                    va="center")  # fmt: skip
    middle.plot(0, 0, "X", color=plots.BACKWARD, ms=9, zorder=4)
    middle.annotate("saddle", (0, 0), (-2, 9), textcoords="offset points", ha="right", color=plots.BACKWARD)
    middle.set(xlabel="weight w1", ylabel="weight w2", title="A saddle")

    X, y, straight = noisy_walk(200)
    _, _, staggering = noisy_walk(10)
    _map(right, _quadratic(X, y), (-2, 2.4), (-2, 3), np.array([0.1, 1, 3, 6, 10, 15]) + 2.2)
    right.plot(*staggering.T, "o-", color=plots.UPDATE, ms=3, lw=1)
    right.plot(*straight.T, "-", color=plots.INK, lw=2)
    right.plot(*straight[0], "s", color=plots.INK, ms=7)
    right.annotate("all 200", straight[6], (8, -14), textcoords="offset points")
    right.annotate("10 at a time", staggering[6], (-4, 12), textcoords="offset points", ha="right",
                   color=plots.UPDATE)  # fmt: skip
    right.set(xlabel="bias", ylabel="weight", title="Mini-batches")
    return fig


# --- Pictures of the deeper pages ---------------------------------------------------------------------------

BOWL = (
    "Ellipses around the lowest point at (0.46, 0.61). The curvature is 1.63 along their long axis"
    " and 5.87 along the short one. The arrow downhill from the start at (-1, 2.5) misses the lowest"
    " point."
)


def _bowl(ax: Axes, X: Array, y: Array, start: Array) -> Array:
    low = np.linalg.solve(X.T @ X, X.T @ y)
    height = _quadratic(X, y)
    levels = height(*low) + np.array([0.1, 0.5, 1.2, 2.5, 4.5, 7.62, 12.0]) * 2 / len(y)
    _map(ax, height, (-2.3, 3.2), (-1.7, 3.0), levels)
    ax.plot(*low, "*", color=plots.TARGET, ms=13, zorder=3)
    ax.plot(*start, "s", color=plots.INK, ms=7)
    ax.set(xlabel="weight w1", ylabel="weight w2", aspect="equal")
    return low


def draw_bowl(X: Array, y: Array, start: Any) -> Figure:
    """The bowl of a linear neuron with its two axes, and the way down from the start."""
    fig = plots.new_figure(6.4, 5.0)
    ax = fig.add_subplot()
    low: Any = _bowl(ax, X, y, start)
    curvatures, axes = np.linalg.eigh(X.T @ X)
    axes = axes * np.sign(axes[0])
    for curvature, v, reach, ls, name in zip(
        curvatures, axes.T, (2.4, 1.5), ("--", "-"), ("flat", "steep"), strict=True
    ):
        ax.plot(*np.array([low - reach * v, low + reach * v]).T, color=plots.FORWARD, ls=ls)
        ax.annotate(f"{name}:\nλ = {curvature:.2f}", low + reach * v, (4, 4), textcoords="offset points",
                    color=plots.FORWARD)  # fmt: skip
    down: Any = -gradient(X, y, start)
    ax.annotate("", start + 1.6 * down / np.hypot(*down), start,
                arrowprops={"arrowstyle": "-|>", "color": plots.BACKWARD, "lw": 2})  # fmt: skip
    ax.annotate("steepest way down", start, (10, 6), textcoords="offset points", color=plots.BACKWARD)
    ax.set_title("Down is not towards the lowest point")
    return fig


DIFFERENT_RATES = (
    "The same bowl three times, with twenty steps from the start. At 5 percent of the largest rate"
    " the walk creeps along a curve and is still on its way. At 75 percent it arrives after a short"
    " zigzag. At 95 percent it zigzags across the valley and has not arrived."
)


def draw_rates(X: Array, y: Array, start: Array) -> Figure:
    """Twenty steps at three shares of the largest rate."""
    fig = plots.new_figure(9.4, 3.4)
    limit = len(y) / np.linalg.eigvalsh(X.T @ X)[-1]  # this gradient is 2 / n times that of half the sum
    for ax, percent in zip(fig.subplots(1, 3), (5, 75, 95), strict=True):
        _bowl(ax, X, y, start)
        path = np.array(descend(lambda w: gradient(X, y, w), start, percent / 100 * limit, 20))
        ax.plot(*path.T, "o-", color=plots.UPDATE, lw=1, ms=3.5)
        ax.set_title(f"{percent} percent")
    return fig


TROUGH = (
    "Parallel lines of equal loss, and a thick one for loss 0 from top left to bottom right. Five"
    " walks go straight across to the nearest point of it."
)


def draw_trough(trails: list[Array]) -> Figure:
    """Walks in the trough (w1 + w2)^2, each to its own end."""
    fig = plots.new_figure(5.6, 4.4)
    ax = fig.add_subplot()
    for level in (
        -4.5,
        -3.5,
        -2.5,
        -1.5,
        -0.7,
        0.7,
        1.5,
        2.5,
        3.5,
        4.5,
    ):  # w1 + w2, so the loss is its square
        ax.axline((0, level), slope=-1, color=plots.LIGHT, lw=1, ls="-")
    ax.axline((0, 0), slope=-1, color=plots.TARGET, lw=3, ls="-")
    for trail in trails:
        ax.plot(*trail.T, "o-", color=plots.UPDATE, lw=1, ms=3.5)
        ax.plot(*trail[0], "s", color=plots.INK, ms=7)
    ax.annotate("loss 0", (2.2, -2.2), (14, 10), textcoords="offset points", backgroundcolor="white")
    ax.set(xlabel="weight w1", ylabel="weight w2", xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect="equal",
           title="A trough: each start has its own end")  # fmt: skip
    ax.grid(False)
    return fig


PROMISE = (
    "The loss falls along the promised line from 0.298, then flattens towards 0. The line goes on below zero."
)


def draw_promise(rates: Array, losses: Array, squared_length: float) -> Figure:
    """The loss after one step of each rate, and what the gradient promises."""
    fig = plots.new_figure(7.0, 3.3)
    ax = fig.add_subplot()
    promised = losses[0] - rates * squared_length
    ax.plot(rates, losses, color=plots.FORWARD)
    ax.plot(rates, promised, "--", color=plots.BACKWARD)
    ax.annotate("the loss", (40, losses[80]), (0, 8), textcoords="offset points", color=plots.FORWARD)
    ax.annotate("the promise", (15, promised[30]), (-8, -8), textcoords="offset points",
                color=plots.BACKWARD, ha="right", va="top")  # fmt: skip
    ax.set(xlabel="learning rate of a single step", ylabel="loss after it", xlim=(0, 60), ylim=(-0.1, 0.32),
           title="The promise is kept at first, and can't be kept for long")  # fmt: skip
    return fig
