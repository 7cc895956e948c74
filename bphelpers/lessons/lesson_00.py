"""Exercises, the prediction and the pictures of lesson 00."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bphelpers import data
from bphelpers.lessons.shared import digit_reader
from bphelpers.numeric import Array
from bphelpers.teaching import plots
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction

Labels = NDArray[np.int64]

# --- Exercises ----------------------------------------------------------------------------------------------


def my_slope(f: Callable[[float], float], x: float, h: float) -> float:
    """The centred difference of ``f`` at ``x`` with the step ``h``."""
    return (f(x + h) - f(x - h)) / (2 * h)


_slope_at_3 = {
    "the value of the function is given instead of its slope": 3**2,
    "x is left out: the derivative is 2x, not 2": 2,
    "the exponent does not go down by one": 2 * 3**2,
}


def _slope(f: Callable[[float], float], x: float, h: float) -> Mistakes:
    left, here, right = f(x - h), f(x), f(x + h)
    slope = my_slope(f, x, h)
    return {
        "the difference is divided by h: the two points are 2h apart": (right - left) / h,
        "only the right side is used, a one-sided difference": (right - here) / h,
        "only the left side is used, a one-sided difference": (here - left) / h,
        "brackets are missing around 2 * h, so you divide by 2 and then multiply by h": (right - left)
        / 2
        * h,
        "brackets are missing around the difference": right - left / (2 * h),
        "brackets are missing around the difference and around 2 * h": right - left / 2 * h,
        "the size of the slope is given, without its sign": abs(slope),
        "left and right are exchanged": -slope,
        "the difference is not divided by the distance": right - left,
    }


def _cases() -> list[tuple[Callable[[float], float], float, float]]:
    def cube(x: float) -> float:  # the names are printed: "Called with cube, 2, 0.1."
        return x**3

    def exponential(x: float) -> float:
        return float(np.exp(x))

    def line(x: float) -> float:
        return -5 * x - 1

    return [(cube, 2.0, 0.1), (exponential, 0.5, 0.01), (line, -4.0, 0.5)]


EXERCISES = {
    "00.1": Exercise(2 * 3, _slope_at_3, tolerance=1e-4),
    "00.2": Exercise(my_slope, _slope, cases=_cases(), gradient=True),
}

PREDICTIONS = {
    "00.A": Prediction(
        "How many of the 450 images that it has never seen does the network read?",
        ("about 45, by pure luck", "about half of them", "nearly all of them"),
        answer="nearly all of them",
        explain="Luck is tempting if you think that it learned the images by heart. But a new 3 is dark "
        "in much the same places as the old ones, and the network has learned which dark places go with "
        "which digit.",
    )
}

# --- Pictures -----------------------------------------------------------------------------------------------


def before_and_after() -> Figure:
    """The first screen: ten images, and what a network takes them for before and after its training."""
    X, y = data.digits()
    X, _, y, _ = data.train_test_split(X, y, 450, np.random.default_rng(0))
    chosen = np.sort(np.unique(y, return_index=True)[1])  # the first image of each digit
    networks = digit_reader(X, y, np.random.default_rng(0))
    before, after = (net(X[chosen]).argmax(axis=1) for net in networks)
    fig = plots.new_figure(7.4, 1.5)
    axes = fig.subplots(1, 10, gridspec_kw={"left": 0.1, "right": 0.99, "top": 0.76, "bottom": 0.36})
    for ax, image, label, guess, answer in zip(axes, X[chosen], y[chosen], before, after, strict=True):
        _draw_image(ax, image)
        _write(ax, guess, label, -0.32)
        _write(ax, answer, label, -0.78)
    for text, height in (("before", -0.32), ("after", -0.78)):
        axes[0].text(-0.35, height, text, transform=axes[0].transAxes, ha="right", va="center")
    plots.titled(fig, "At first it says 4 to everything. A second later, it reads.")
    return fig


BEFORE_AND_AFTER = (
    "Ten small grey images of handwritten digits, 6, 0, 3, 7, 2, 1, 9, 4, 5 and 8. Before training the "
    "network says 4 to each of them, and after training it reads all ten."
)


def _draw_image(ax: Axes, image: Array) -> None:
    ax.imshow(image.reshape(8, 8), cmap="Greys", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def _write(ax: Axes, said: int, label: int, height: float) -> None:
    """What the network takes an image for: blue and bold where it is right, grey where it is wrong."""
    right = said == label
    ax.text(0.5, height, str(said), transform=ax.transAxes, ha="center", va="center", size=13,
            color=plots.FORWARD if right else plots.GREY, weight="bold" if right else "normal")  # fmt: skip


def through_the_training(
    images: Array, labels: Labels, said: Sequence[Labels]
) -> tuple[Callable[..., Callable[..., None]], Callable[..., str]]:
    """Twenty images and what the network takes them for after so many passes: a picture, and its sentence."""

    def draw(fig: Figure, passes: int) -> Callable[..., None]:
        fig.set_layout_engine("none")  # the places are given
        room = {"left": 0.02, "right": 0.98, "top": 0.86, "bottom": 0.13, "hspace": 0.95}
        axes = fig.subplots(2, 10, gridspec_kw=room).ravel()
        for ax, image in zip(axes, images, strict=False):
            _draw_image(ax, image)

        def update(passes: int) -> None:
            for ax, label, answer in zip(axes, labels, said[passes], strict=False):
                _write(ax, answer, label, -0.34)
            plots.titled(fig, describe(passes).split(". ")[0])

        return update

    def describe(passes: int) -> str:
        right = said[passes] == labels
        twenty = zip(said[passes][:20], labels, strict=False)
        slips = [(was, label) for was, label in twenty if was != label]
        words = ", ".join(f"{was} for a {label}" for was, label in slips)
        if len(slips) > 2 and len({was for was, _ in slips}) == 1:
            words = f"{slips[0][0]} to all the others"
        after = f"After {passes} passes" if passes > 1 else ("Before any training", "After 1 pass")[passes]
        return (
            f"{after}, it reads {np.sum(right)} of {len(labels)} new images correctly. Of these twenty, it "
            f"reads {20 - len(slips)}{', and says ' * bool(slips)}{words}."
        )

    return draw, describe


TWO_POINTS = (
    "The curve of x squared between 0 and 5. A straight line through its points at x = 2 and x = 4 rises by "
    "12 over a distance of 2. At x = 3, between the two, the curve is just as steep."
)


def two_points() -> Figure:
    """The square of x, and the straight line through two of its points, whose slope is 6."""
    fig = plots.new_figure(5.2, 2.7)
    ax = fig.add_subplot()
    x = np.linspace(0, 5, 101)
    ax.plot(x, x**2, color=plots.FORWARD)
    ax.plot([2, 4], [4, 16], "o-", color=plots.BACKWARD, lw=1.5)
    ax.plot([2, 4, 4], [4, 4, 16], "--", color=plots.GREY, lw=1)
    ax.plot(3, 9, "o", color=plots.FORWARD)
    ax.text(3, 3.4, "distance 2", color=plots.GREY, ha="center", va="top")
    ax.text(4.08, 9.5, "rise 12", color=plots.GREY, va="center")
    ax.annotate("slope at 3?", (3, 9), (-8, 8), textcoords="offset points", ha="right", color=plots.FORWARD)
    ax.set(xlabel="x", ylabel="x squared", xlim=(0, 5), ylim=(0, 25))
    plots.titled(fig, "From 2 to 4 it rises by 12, so its slope at 3 is 6")
    return fig


ONE_WEIGHT = (
    "A digit of 8 by 8 pixels, 32 hidden units in a column, and ten outputs for the digits 0 to 9. One line "
    "is orange. It leads from pixel 20 of the image to hidden unit 3."
)


def one_weight(image: Array) -> Figure:
    """The network, with the weight from pixel 20 to hidden unit 3 in orange."""
    fig = plots.new_figure(6.4, 2.9)
    ax = plots.blank_axes(fig, (-0.2, 7.4), (-0.3, 3.4), (0.0, 0.0, 1.0, 0.88))
    ax.imshow(image.reshape(8, 8), cmap="Greys", extent=(0, 2.4, 0.3, 2.7), vmin=0, vmax=1, zorder=1)
    pixel = (0.3 * (20 % 8 + 0.5), 2.7 - 0.3 * (20 // 8 + 0.5))
    hidden = [(4.4, y) for y in np.linspace(3.0, 0.0, 32)]
    outputs = [(6.4, y) for y in np.linspace(2.9, 0.1, 10)]
    for unit in hidden:
        for output in outputs:
            ax.plot(*zip(unit, output, strict=True), color=plots.LIGHT, ls="-", lw=0.3, zorder=0)
    ax.plot(*zip(pixel, hidden[3], strict=True), color=plots.BACKWARD, ls="-", lw=1.8, zorder=2)
    ax.plot(*pixel, "s", ms=9, mfc="none", mec=plots.BACKWARD, mew=1.8, zorder=3)
    ax.plot(*zip(*hidden, strict=True), "o", ms=4, color=plots.GREY)
    ax.plot(*hidden[3], "o", ms=7, color=plots.BACKWARD)
    for digit, (x, y) in enumerate(outputs):
        ax.plot(x, y, "o", ms=6, color=plots.GREY)
        ax.text(x + 0.2, y, str(digit), va="center")
    for x, text in ((1.2, "64 pixels"), (4.4, "32 hidden units"), (6.4, "10 outputs")):
        ax.text(x, 3.25, text, ha="center", color=plots.GREY)
    plots.titled(fig, "One of 2,410 numbers")
    return fig
