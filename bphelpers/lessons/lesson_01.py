"""Exercises, predictions and pictures of lesson 01 and of its deeper pages."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.patches import Circle, Polygon, Rectangle
from numpy.typing import NDArray

from bphelpers import data, nn, optim, training
from bphelpers import functional as F
from bphelpers.lessons.shared import drawn
from bphelpers.numeric import Array
from bphelpers.teaching import plots
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction

# Seven segments: top, upper right, lower right, bottom, lower left, upper left, middle.
_LIT = "1111110 0110000 1101101 1111001 0110011 1011011 1011111 1110000 1111111 1111011"
#: The ten digits of a display, ``(10, 7)``: 1 for a segment that is lit, 0 for one that is dark.
DIGITS = np.array([[int(c) for c in pattern] for pattern in _LIT.split()])
#: All that a display can show, ``(128, 7)``.
PATTERNS = np.array(list(np.ndindex(*[2] * 7)))

Layers = Sequence[tuple[Array, Array]]

# --- Exercise 01.1: a neuron for one digit ------------------------------------------------------------------


def detector(lit: Array) -> tuple[Array, float]:
    """Weights 2 and -2 and the bias with which a pattern gets the sum 1, and every other at most -1."""
    return 4 * lit - 2, 1 - 2 * int(lit.sum())


def _detector_mistakes(lit: Array) -> Mistakes:
    weights, bias = detector(lit)
    n = lit.sum()
    return {
        "the dark segments have the weight 0, where -2 is asked for": (2 * lit, bias),
        "the weights are 1 and -1, where 2 and -2 are asked for": (2 * lit - 1, 1 - n),
        "the weights are 1 and -1, and the bias is the one for 2 and -2": (2 * lit - 1, bias),
        "the bias has the wrong sign: for the 3 it is -9, and not 9": (weights, -bias),
        "the digit's own sum is 0, where 1 is asked for": (weights, -2 * n),
        "the digit's own sum is -1, where 1 is asked for": (weights, bias - 2),
        "every digit gets the bias of the 3": (weights, -9),
        "the bias counts all seven segments, and not only the lit ones": (weights, 1 - 2 * len(lit)),
        "the bias counts the dark segments, and not the lit ones": (weights, 1 - 2 * (len(lit) - n)),
        "each lit segment is counted once in the bias, but it adds 2": (weights, 1 - n),
        "the dark segments are counted in the bias, but they add nothing to the digit's own sum": (
            weights,
            1 - weights.sum(),
        ),
        "lit and dark are swapped in the weights": (-weights, bias),
        "`lit` is read as a list of positions, but it holds a 0 or a 1 for each segment": (
            np.where(np.isin(np.arange(7), lit), 2, 0),
            bias,
        ),
    }


# --- Exercise 01.2: a forward pass for any number of layers -------------------------------------------------


def forward(X: Array, layers: Layers) -> tuple[Array, ...]:
    """The activations of every layer, the first layer first."""
    outputs = []
    for W, b in layers:
        X = F.sigmoid(X @ W.T + b)
        outputs.append(X)
    return tuple(outputs)


Step = Callable[[Array, Array, Array], Array]


def _walk(X: Array, layers: Layers, hands_on: Step, keeps: Step | None = None) -> tuple[Array, ...]:
    """A forward pass that hands on and keeps what it is told to."""
    outputs = []
    for W, b in layers:
        outputs.append((keeps or hands_on)(X, W, b))
        X = hands_on(X, W, b)
    return tuple(outputs)


def _sums(A: Array, W: Array, b: Array) -> Array:
    return A @ W.T + b


def _activations(A: Array, W: Array, b: Array) -> Array:
    return F.sigmoid(_sums(A, W, b))


def _forward_mistakes(X: Array, layers: Layers) -> Mistakes:
    def walk(hands_on: Step, keeps: Step | None = None) -> tuple[Array, ...]:
        return _walk(X, layers, hands_on, keeps)

    right = forward(X, layers)
    return {
        "the biases are left out": walk(lambda A, W, b: F.sigmoid(A @ W.T)),
        "the biases are subtracted": walk(lambda A, W, b: F.sigmoid(A @ W.T - b)),
        "the bias is added after the sigmoid, but it belongs to the sum": walk(
            lambda A, W, b: F.sigmoid(A @ W.T) + b
        ),
        "the sigmoid is left out": walk(_sums),
        "the sums are in the list, where the activations should be": walk(_activations, _sums),
        "the next layer is given the sums, and not the activations": walk(_sums, _activations),
        "every layer is given X, where it should be given what the layer before it puts out": tuple(
            _activations(X, W, b) for W, b in layers
        ),
        "the list begins with X, which no layer has computed": (X, *right),
        "only the last layer's activations are returned: put those of every layer into a list": right[-1],
        "the list is made anew each time round the loop, so only the last layer is left in it": right[-1:],
        "the list is in the wrong order: the first layer comes first": right[::-1],
        "the return stands inside the loop, so the function stops after the first layer": right[:1],
    }


def _networks() -> list[tuple[Array, Layers]]:
    """Batches, and layers in a tuple, which no answer can empty. Nearly all are square, so mistakes run."""
    rng = np.random.default_rng(1)
    cases: list[tuple[Array, Layers]] = []
    for widths in ((2, 2, 2), (3, 3, 3, 3), (3, 3, 2)):
        layers = tuple((rng.normal(size=(n, m)), rng.normal(size=n)) for m, n in pairwise(widths))
        cases.append((rng.normal(size=(5, widths[0])), layers))
    return cases


# --- Exercise 01.3: repair two layers -----------------------------------------------------------------------


def two_layers(X: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Array:
    """The prediction of a network with one hidden layer."""
    return forward(X, [(W1, b1), (W2, b2)])[-1]


def _two_layers_mistakes(X: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Mistakes:
    hidden, quiet = _activations(X, W1, b1), F.sigmoid(X @ W1 + b1)
    return {
        "both faults are still there, the place of b2 and the transpose of W1": F.sigmoid(quiet @ W2.T) + b2,
        "W1 still isn't transposed: a row of X should be multiplied by a row of W1": _activations(
            quiet, W2, b2
        ),
        "b2 is still added after the sigmoid, but it belongs to the sum": F.sigmoid(hidden @ W2.T) + b2,
        "b2 is left out, but it belongs to the sum": F.sigmoid(hidden @ W2.T),
        "b2 is left out, and W1 still isn't transposed": F.sigmoid(quiet @ W2.T),
        "neither W1 nor W2 is transposed": F.sigmoid(quiet @ W2 + b2),
        "W2 has lost its transpose": F.sigmoid(hidden @ W2 + b2),
        "b1 is used in place of b2": _activations(hidden, W2, b1),
        "the hidden layer has lost its sigmoid": _activations(_sums(X, W1, b1), W2, b2),
        "the output has lost its sigmoid": _sums(hidden, W2, b2),
        "the hidden layer is returned, where the output should be": hidden,
    }


EXERCISES = {
    "01.1": Exercise(detector, _detector_mistakes, cases=[(row,) for row in DIGITS]),
    "01.2": Exercise(forward, _forward_mistakes, cases=_networks),
    "01.3": Exercise(
        two_layers, _two_layers_mistakes, cases=drawn(2, "n d, d d, d, d d, d", n=(3, 4), d=(2, 3))
    ),
}

PREDICTIONS = {
    "01.A": Prediction(
        "Multiply all seven weights and the bias by 10. What do the answers become?",
        ("ten times as large", "closer to 0 and 1", "a yes for more digits"),
        answer="closer to 0 and 1",
        explain="Ten times as large is tempting, and it's true of the sums. But a sum keeps its sign, so no"
        " answer crosses the middle, and the sigmoid lets none of them leave the range from 0 to 1.",
    ),
    "01.B": Prediction(
        "Can one neuron say yes to the ten digits and no to every other pattern?",
        ("yes", "no"),
        answer="no",
        explain="It's tempting to say yes, because one neuron could tell any single digit from everything"
        " else.",
    ),
    "01.C": Prediction(
        "Leave out the hidden sigmoid. With other weights, can the network still tell digits from the rest?",
        ("yes", "yes, with more hidden neurons", "no"),
        answer="no",
        explain="Adding neurons is tempting, but without a sigmoid between them, two layers are one layer,"
        " however many neurons the first has.",
    ),
}

# --- Displays -----------------------------------------------------------------------------------------------

FOR, AGAINST = "#B2182B", "#2166AC"  # as in pictures of weights: red pulls a sum up, blue pulls it down
YES = plots.UPDATE  # what answers yes
_DARK = "#E8E8E8"
_ENDS = {  # the ends of each segment, in a display of width 1 and height 2
    "top": ((0, 2), (1, 2)), "upper right": ((1, 2), (1, 1)), "lower right": ((1, 1), (1, 0)),
    "bottom": ((0, 0), (1, 0)), "lower left": ((0, 1), (0, 0)), "upper left": ((0, 2), (0, 1)),
    "middle": ((0, 1), (1, 1)),
}  # fmt: skip
SEGMENTS = tuple(_ENDS)


def _display(ax: Axes, x: float, y: float, colours: Sequence[str], size: float = 0.5) -> None:
    """Seven segments around (x, y), ``size`` wide and twice as high, in a plane whose units are alike."""
    thick = 0.13
    for (start, end), colour in zip(_ENDS.values(), colours, strict=True):
        a, b = np.array(start, float), np.array(end, float)
        along = (b - a) / np.linalg.norm(b - a)
        across = np.array([-along[1], along[0]]) * thick
        a, b = a + along * 0.06, b - along * 0.06
        corners = np.array([a, a + (along * thick + across), b - (along * thick - across), b,
                            b - (along * thick + across), a + (along * thick - across)])  # fmt: skip
        ax.add_patch(Polygon((corners - (0.5, 1)) * size + (x, y), color=colour, lw=0))


def _lamps(lit: Array, colour: str = plots.INK) -> list[str]:
    return [colour if on else _DARK for on in lit]


def _pulls(weights: Array) -> list[str]:
    return [FOR if w > 0 else AGAINST if w < 0 else _DARK for w in weights]


# --- The first screen ---------------------------------------------------------------------------------------

SCORES = (
    "Three handwritten 3s: an upright one in thick strokes, one that leans to the right, and one all corners."
    " Below them the ten digits of a display, and two rows of scores. A point for each lit segment of a 3: 4,"
    " 2, 4, 5, 3, 4, 4, 3, 5, 5, so 3, 8 and 9 all have 5. With a point off for each other lit segment: 2, 2,"
    " 3, 5, 2, 3, 2, 3, 3, 4, and only the 3 has 5."
)
_THREES = (314, 70, 24)  # places among the 3s of ``data.mnist_small()``


def keeping_score() -> Figure:
    """Three 3s in three hands; ten displays, and what they score as a 3: points for, then also points off."""
    width, height = 7.4, 3.85
    fig = plots.new_figure(width, height)
    ax = plots.blank_axes(fig, (-2.9, 10), (-2.6, 1.25), place=(0.0, 0.0, 1.0, 2.25 / height), aspect="equal")
    wanted = DIGITS[3]
    for digit, lit in enumerate(DIGITS):
        _display(ax, digit + 0.3, 0.55, _lamps(lit), 0.55)
    for row, weights, words in (
        (-0.85, wanted, "a point for each\nred segment"),
        (-2.05, 2 * wanted - 1, "and a point off for\neach blue segment"),
    ):
        _display(ax, -2.55, row, _pulls(weights), 0.4)
        ax.text(-2.15, row, words, va="center", size=8.5)
        scores = DIGITS @ weights
        for digit, score in enumerate(scores):
            best = score == scores.max()
            ax.text(digit + 0.3, row, str(score), ha="center", va="center", size=15 if best else 12,
                    weight="bold" if best else "normal", color=plots.INK if best else plots.GREY)  # fmt: skip
    X, y = data.mnist_small()
    for k, three in enumerate(X[y == 3][list(_THREES)]):
        place = ((0.15 + 1.25 * k) / width, 1 - 1.3 / height, 1.0 / width, 1.0 / height)
        image = plots.blank_axes(fig, (0, 28), (28, 0), place=place)
        image.imshow(three.reshape(28, 28), cmap="Greys", vmin=0, vmax=1)
    plots.titled(fig, "No pixel is black in all three of these 3s")
    fig.text(0.02, 2.32 / height, "On a display, taking points off picks out the 3", weight="bold", size=12)
    return fig


# --- One neuron, a layer, a batch ---------------------------------------------------------------------------


def _signed(number: int) -> str:
    return f"{number}".replace("-", "\N{MINUS SIGN}")


def _write_row(
    ax: Axes, places: Array, y: float, numbers: Array, colours: Sequence[str], size: float
) -> None:
    """A number below each of the seven segments."""
    for x, number, colour in zip(places, numbers.tolist(), colours, strict=True):
        ax.text(x, y, _signed(number), ha="center", va="center", size=size, color=colour)


def _name_segments(ax: Axes, places: Array, y: float, size: float) -> None:
    """Seven small displays, each with the one segment whose column it heads."""
    for k, x in enumerate(places):
        _display(ax, x, y, _lamps(np.arange(7) == k), size)


def _write_sum(ax: Axes, x: float, y: float, z: int) -> None:
    """A sum, which stands out where it is a yes."""
    yes = z > 0
    ax.text(x, y, _signed(z), ha="center", va="center", size=13 if yes else 10,
            weight="bold" if yes else "normal", color=YES if yes else plots.GREY)  # fmt: skip


WEIGHTED_SUM = (
    "The neuron that looks for a 3 is shown a 9. The inputs, one for each segment, are 1, 1, 1, 1, 0, 1, 1."
    " The weights are 2, 2, 2, 2, -2, -2, 2, and the products 2, 2, 2, 2, 0, -2, 2. The score is 8, and with"
    " the bias of -9 the sum is -1, a no."
)


def weighted_sum(x: Array, weights: Array, bias: int) -> Figure:
    """One neuron's sum, segment by segment."""
    fig = plots.new_figure(7.6, 2.0)
    ax = plots.blank_axes(fig, (-3.6, 12.6), (-3.2, 0.5), place=(0.0, 0.0, 1.0, 0.88), aspect="equal")
    products, segments = weights * x, np.arange(7.0)
    total = int(products.sum())
    _name_segments(ax, segments, 0.0, 0.32)
    for y, words, numbers in ((-1.0, "input", x), (-1.9, "weight", weights), (-2.85, "product", products)):
        ax.text(-0.9, y, words, ha="right", va="center", color=plots.GREY)
        pulls = [plots.GREY if colour == _DARK else colour for colour in _pulls(numbers)]
        _write_row(ax, segments, y, numbers, [plots.INK] * 7 if numbers is x else pulls, 11)
    _display(ax, -3.1, -1.0, _lamps(x), 0.33)
    _display(ax, -3.1, -1.9, _pulls(weights), 0.33)
    ax.plot([-2.4, 12.2], [-2.37, -2.37], "-", color=plots.LIGHT, lw=0.8)
    for place, words, number in ((7.9, "score", total), (9.7, "bias", bias), (11.5, "sum", total + bias)):
        ax.text(place, -1.9, words, ha="center", va="center", color=plots.GREY)
        weight = "bold" if words == "sum" else "normal"
        ax.text(place, -2.85, _signed(number), ha="center", va="center", size=11, weight=weight)
    plots.titled(fig, "The neuron for the 3 says no to a 9")
    return fig


LAYER = (
    "A table with a row for each of ten neurons, with its seven weights, its bias and its sum for a 9. The"
    " sums are -3, -7, -5, -1, -3, -1, -3, -5, -1 and 1, so only the neuron for the 9 says yes."
)


def draw_layer(x: Array, W: Array, b: Array) -> Figure:
    """Ten neurons and one display: W, b and the sums, row by row."""
    fig = plots.new_figure(7.4, 3.9)
    ax = plots.blank_axes(fig, (-4.4, 16.0), (-9.65, 1.55), place=(0.0, 0.0, 1.0, 0.92), aspect="equal")
    segments = 1.35 * np.arange(7)
    _name_segments(ax, segments, 1.05, 0.28)
    _display(ax, -3.4, 0.0, _lamps(x), 0.34)
    _write_row(ax, segments, 0.0, x, [plots.INK] * 7, 10)
    for words, place, y in (
        ("$x$", -1.6, 0.0),
        ("$W$", -1.6, -5.0),
        ("$b$", 10.8, 0.0),
        ("$W x + b$", 13.8, 0.0),
    ):
        ax.text(place, y, words, ha="center", va="center", size=12)
    for j, (row, bias, z) in enumerate(zip(W, b.tolist(), (W @ x + b).tolist(), strict=True)):
        y = -0.9 * j - 1.05
        _display(ax, -3.4, y, _pulls(row), 0.34)
        _write_row(ax, segments, y, row, _pulls(row), 10)
        ax.text(10.8, y, _signed(bias), ha="center", va="center", size=10)
        _write_sum(ax, 13.8, y, z)
    plots.titled(fig, "Each neuron has a row, and only the last one, for the 9, says yes")
    return fig


BATCH = (
    "Three tables. On the left the batch, with a row for each of three displays, a 3, an 8 and a 9. Above on the"
    " right W transposed, with a column for each of ten neurons, and below it b. Where the row of a display meets"
    " the column of a neuron stands its sum. Where a display meets its own neuron, the sum is 1. All the others"
    " are -1 or less. The row of the 9 and the column of the neuron for the 4 are shaded: -2 + 2 + 2 - 2 + 0"
    " + 2 + 2 = 4, and with the bias of -7 the sum where they meet is -3, framed."
)


def draw_batch(batch: Array, W: Array, b: Array) -> Figure:
    """The product of a batch and W.T: each sum stands where its row and its column meet."""
    fig = plots.new_figure(7.2, 4.2)
    ax = plots.blank_axes(fig, (-9.4, 10.4), (-4.15, 6.5), place=(0.0, 0.0, 1.0, 0.92), aspect="equal")
    segments, neurons = np.arange(7.0), np.arange(10.0)
    left, top, bias_at, rows = segments - 7.6, 4.8 - 0.8 * segments, -1.0, -2.0 - 0.8 * np.arange(len(batch))
    for corner, width, height in (((left[0] - 0.5, rows[-1] - 0.4), 7, 0.8), ((3.5, bias_at - 0.35), 1, 6.55)):
        ax.add_patch(Rectangle(corner, width, height, color="#e8e8e8", lw=0))
    for k, (row, bias) in enumerate(zip(W, b.tolist(), strict=True)):
        _display(ax, neurons[k], 5.9, _pulls(row), 0.36)
        for y, weight, colour in zip(top, row.tolist(), _pulls(row), strict=True):
            ax.text(neurons[k], y, _signed(weight), ha="center", va="center", size=8.5, color=colour)
        ax.text(neurons[k], bias_at, _signed(bias), ha="center", va="center", size=8.5)
    for y, lit, sums in zip(rows, batch, batch @ W.T + b, strict=True):
        _display(ax, -8.9, y, _lamps(lit), 0.3)
        _write_row(ax, left, y, lit, [plots.INK] * 7, 8.5)
        for x, z in zip(neurons, sums.tolist(), strict=True):
            _write_sum(ax, x, y, z)
    for words, x, y in (("batch", -4.6, -1.1), ("$W^T$", -1.2, 2.4), ("$b$", -1.2, bias_at)):
        ax.text(x, y, words, ha="center", va="center", size=11)
    products = (batch[-1] * W[4]).tolist()
    adding = " + ".join(map(_signed, products)).replace("+ \N{MINUS SIGN}", "\N{MINUS SIGN} ")
    total = f"{sum(products)} \N{MINUS SIGN} {-b[4]} = {_signed(sum(products) + int(b[4]))}"
    told = f"The 9 and the neuron for the 4:\n\n{adding} = {sum(products)}\nand with the bias  {total}"
    ax.text(-9.0, 4.8, told, va="top", size=9, linespacing=1.4)
    ax.add_patch(Rectangle((3.5, rows[-1] - 0.4), 1, 0.8, fill=False, edgecolor=plots.INK, lw=1.2))
    plots.titled(fig, "Each sum stands where a display's row meets a neuron's column")
    return fig


# --- The slider: ten digits on the sigmoid ------------------------------------------------------------------


def _neuron_of_3(dark: float, bias: float) -> Array:
    """The sums of the ten digits: weight 2 for the five segments of a 3, ``dark`` for the other two."""
    return DIGITS @ np.where(DIGITS[3] == 1, 2.0, dark) + bias


def _says(z: Array) -> str:
    yes, open_to = _listed(z > 0), _listed(z == 0)
    if yes and open_to:
        return f"says yes to {yes}, and can't tell about {open_to}"
    return (
        f"can't tell about {open_to}"
        if open_to
        else f"says {f'yes to {yes}' if yes else 'no to every digit'}"
    )


def _listed(chosen: NDArray[np.bool_]) -> str:
    digits = [str(digit) for digit in np.flatnonzero(chosen)]
    return " and ".join(filter(None, [", ".join(digits[:-1]), *digits[-1:]]))


def draw_on_curve(fig: FigureBase, dark: float, bias: float) -> Callable[..., None]:
    """The sigmoid, with each digit at its sum."""
    ax = fig.subplots()
    z = np.linspace(-11.5, 5.5, 300)
    ax.plot(z, F.sigmoid(z), color=plots.GREY, zorder=1)
    ax.axvline(0, color=plots.GREY, lw=0.8, ls="--")
    ax.axhline(0.5, color=plots.GREY, lw=0.8, ls="--")
    ax.set(
        xlim=(-11.5, 5.5),
        ylim=(-0.05, 1.42),
        xticks=(-10, -5, 0, 5),
        yticks=(0, 0.5, 1),
        xlabel="sum z",
        ylabel="answer a",
    )

    def update(dark: float, bias: float) -> None:
        sums = _neuron_of_3(dark, bias)
        for place in np.unique(sums).tolist():
            a = float(F.sigmoid(place))
            there = np.flatnonzero(sums == place)
            ax.plot(place, a, "o", ms=7, color=YES if place > 0 else plots.INK)
            ax.text(place, a + 0.09, "\n".join(map(str, there)), ha="center", va="bottom", size=10,
                    linespacing=0.95, color=YES if place > 0 else plots.INK,
                    bbox={"facecolor": plots.PAPER, "lw": 0, "pad": 0.8})  # fmt: skip
        said = _says(sums)
        ax.set_title(said[0].upper() + said[1:])

    return update


def describe_on_curve(dark: float, bias: float) -> str:
    """The picture in words."""
    z = _neuron_of_3(dark, bias)
    a = F.sigmoid(z)
    few = ", ".join(f"{digit}: {a[digit]:.2f}" for digit in (3, 8, 9))
    return (
        f"The five segments of a 3 have weight 2, the other two {dark:g}, and the bias is {bias:g}. "
        f"The neuron {_says(z)}. Its answers to three of the digits are {few}."
    )


BEFORE_AND_AFTER = (
    "Two pictures of the sigmoid with the ten digits on it. Left, where the other two segments have weight 0,"
    " the 3, the 8 and the 9 all get 0.73, a yes. Right, where they have weight -2, the 3 still gets 0.73,"
    " but the others lie below a half: the 9 at 0.27, the 8 at 0.05."
)


def before_and_after() -> Figure:
    """The slider's picture at its start, and with the weight -2 for the two segments."""
    fig = plots.new_figure(8.4, 3.0)
    for half, dark in zip(fig.subfigures(1, 2, squeeze=False)[0], (0.0, -2.0), strict=True):
        draw_on_curve(half, dark, -9.0)(dark=dark, bias=-9.0)
        half.axes[0].set_xlabel(f"sum z, where the two weights are {dark:g}")
    return fig


# --- What one neuron can't do -------------------------------------------------------------------------------

CORNERS = (
    "Four displays at the corners of a square. Lower left the 1, upper right the 4; at the two other corners"
    " a 1 with its upper left segment lit as well, and a 1 with its middle segment lit as well, which aren't"
    " digits. Two straight lines, and each has at least one of the four on the wrong side."
)


def four_corners() -> Figure:
    """The 1, the 4 and the two patterns between them, at the corners of a square, and lines that fail."""
    fig = plots.new_figure(5.6, 4.0)
    ax = fig.subplots()
    ax.set(xlim=(-0.55, 1.62), ylim=(-0.42, 1.42), aspect="equal", xticks=(0, 1), yticks=(0, 1),
           xlabel="upper left segment", ylabel="middle segment")  # fmt: skip
    ax.grid(visible=False)
    ax.set_xticklabels(("dark", "lit"))
    ax.set_yticklabels(("dark", "lit"))
    for x, y in (((-0.55, 1.62), (0.7, 0.3)), ((0.6, 0.76), (1.42, -0.42))):
        ax.plot(x, y, "--", color=plots.GREY, lw=1.2)
    for left in (0, 1):
        for middle in (0, 1):
            lit = DIGITS[1].copy()
            lit[5], lit[6] = left, middle
            digit = left == middle
            colour = YES if digit else plots.INK
            _display(ax, left, middle, _lamps(lit, colour), 0.2)
            words = f"the {1 + 3 * left}: yes" if digit else "not a digit"
            ax.text(left + 0.16, middle, words, va="center", color=colour,
                    bbox={"facecolor": plots.PAPER, "lw": 0, "pad": 0.8})  # fmt: skip
    plots.titled(fig, "No straight line separates yes from no")
    return fig


# --- The network 7-10-1 -------------------------------------------------------------------------------------

NETWORK = (
    "A network. On the left a display with seven inputs shows a 3. It feeds ten hidden neurons, each drawn as"
    " a display of its weights, red for and blue against. All ten feed one output neuron. The neuron that"
    " looks for a 3 answers 0.73, the one for the 9 answers 0.27, and all others 0.05 or less. The output"
    " answers 1.00."
)


def draw_network(x: Array, hidden: Array, output: float) -> Figure:
    """A display, the ten neurons that look at it, and the one that listens to them, with their answers."""
    fig = plots.new_figure(7.0, 4.5)
    ax = plots.blank_axes(fig, (0, 7.0), (-0.15, 4.0), place=(0.0, 0.0, 1.0, 0.92), aspect="equal")
    middle = 2.05
    _display(ax, 0.8, middle, _lamps(x), 0.55)
    for digit, a in enumerate(hidden.tolist()):
        y, yes = middle + 0.38 * (4.5 - digit), a > 0.5
        for xs, ys in (([1.2, 3.0], [middle, y]), ([3.85, 5.6], [y, middle])):
            ax.plot(xs, ys, "-", lw=2.4 if yes else 0.9, color=YES if yes else plots.LIGHT,
                    zorder=2 if yes else 1)  # fmt: skip
        _display(ax, 3.2, y, _pulls(4 * DIGITS[digit] - 2), 0.15)
        ax.text(3.42, y, f"{a:.2f}", va="center", size=9, color=YES if yes else plots.GREY,
                weight="bold" if yes else "normal")  # fmt: skip
    ring = Circle((5.95, middle), 0.36, facecolor=plots.PAPER, edgecolor=YES, lw=1.6, zorder=3)
    ax.add_patch(ring)
    ax.text(5.95, middle, f"{output:.2f}", ha="center", va="center", weight="bold", color=YES,
            zorder=4)  # fmt: skip
    for x_place, y_place, words in ((0.8, 1.25, "7 inputs"), (3.2, -0.1, "10 hidden neurons"),
                                    (5.95, 1.45, "1 output")):  # fmt: skip
        ax.text(x_place, y_place, words, ha="center", color=plots.GREY, size=9)
    plots.titled(fig, "Segments become digits, and digits become an answer")
    return fig


# --- What training finds ------------------------------------------------------------------------------------

LEARNED = (
    "The weights of ten neurons as pictures of 28 by 28 pixels, one for each handwritten digit, red for and"
    " blue against. The 0 is a red ring with a blue middle. The 3 is mostly red where a 3 has its strokes,"
    " and blue in the two openings on its left."
)


def learned(seed: int = 0) -> tuple[Array, float]:
    """Weights ``(10, 784)`` of ten neurons that learned to read, and which share of new images they read."""
    rng = np.random.default_rng(seed)
    X_train, X_test, y_train, y_test = data.train_test_split(*data.mnist_small(), 1000, rng)
    net = nn.Sequential(nn.Linear(784, 10, rng=rng))
    W, b = net.parameters()
    W.data[...], b.data[...] = 0.0, 0.0  # pixels that are never inked keep weight 0, so pictures are clean
    training.fit(net, nn.CrossEntropyLoss(), optim.SGD(lr=0.1), (X_train, y_train), epochs=4, batch_size=50,
                 rng=rng, progress=False)  # fmt: skip
    return W.data.copy(), float(np.mean(net(X_test).argmax(axis=1) == y_test))


def draw_learned(W: Array) -> Figure:
    """Each neuron's weights, each drawn where its pixel is."""
    names = [f"the {digit}" for digit in range(10)]
    return plots.weight_images(W, (28, 28), titles=names, title="What training found: red for, blue against")


RUNNING = (
    "The 2-2-2 network. Inputs 0.05 and 0.10, biases 0.35 in the hidden layer and 0.60 at the outputs."
    " Hidden sums 0.3775 and 0.3925, hidden activations 0.593 and 0.597. Sums at the outputs 1.1059 and"
    " 1.2249, outputs 0.751 and 0.773, targets 0.01 and 0.99."
)


def running_example(A1: Array, A2: Array) -> Figure:
    """The running example with its activations, and under each of its neurons the sum before the sigmoid."""
    x, y, W1, b1, W2, b2, _ = data.mazur()
    fig = plots.network_diagram(
        [W1, W2], values=[x, A1, A2], biases=[b1, b2], targets=y,
        title="The running example, with every number of its forward pass",
    )  # fmt: skip
    circles = [patch for patch in fig.axes[0].patches if isinstance(patch, Circle)][len(x[0]) :]
    for circle, z in zip(circles, [*_sums(x, W1, b1)[0], *_sums(A1, W2, b2)[0]], strict=True):
        place = circle.center[0], circle.center[1] - circle.radius - 0.06
        fig.axes[0].text(*place, f"sum {z:.4f}", ha="center", va="top", size=8.5, color=plots.GREY)
    return fig


# --- Deeper: one neuron up close ----------------------------------------------------------------------------

ACTIVATIONS = {"sigmoid": F.sigmoid, "tanh": F.tanh, "relu": F.relu}


def draw_neuron(fig: Figure, w: float, b: float, activation: str) -> Callable[..., None]:
    """A neuron with one input as a curve, and the place where its sum is 0."""
    ax = fig.add_subplot(xlabel="input x", ylabel="activation a", xlim=(-4, 4))
    x = np.linspace(-4, 4, 161)

    def update(w: float, b: float, activation: str) -> None:
        a = ACTIVATIONS[activation](w * x + b)
        ax.plot(x, a, color=plots.FORWARD)
        if w and abs(b / w) <= 4:
            ax.axvline(-b / w, color=plots.GREY, ls=":")
            ax.annotate(" sum is 0", (-b / w, 0.97), xycoords=("data", "axes fraction"), va="top")
        low = -1.1 if activation == "tanh" else -0.1
        ax.set_ylim(low, max(1.1, 1.05 * float(a.max())))
        ax.set_title(f"a = {activation}({w:g}·x {'-' if b < 0 else '+'} {abs(b):g})")

    return update


def describe_neuron(w: float, b: float, activation: str) -> str:
    """The curve in words."""
    left, right = ACTIVATIONS[activation](w * np.array([-4.0, 4.0]) + b)
    if not w:
        return f"With weight 0 the input does not count; with bias {b:g}, a is {left:.3f} everywhere."
    return (
        f"With weight {w:g} and bias {b:g} the sum is 0 at x = {-b / w + 0.0:.2f}; "
        f"a goes from {left:.3f} at -4 to {right:.3f} at 4."
    )


def draw_plane(fig: Figure, w1: float, w2: float, b: float) -> Callable[..., None]:
    """A neuron with two inputs as a map of the plane, with its border and its weights as an arrow."""
    ax = fig.add_subplot(xlabel="x1", ylabel="x2", xlim=(-4, 4), ylim=(-4, 4), aspect="equal")
    x1, x2 = np.meshgrid(*[np.linspace(-4, 4, 81)] * 2)

    def update(w1: float, w2: float, b: float) -> None:
        a = F.sigmoid(w1 * x1 + w2 * x2 + b)
        ax.imshow(a, origin="lower", extent=(-4, 4, -4, 4), cmap="Blues", vmin=0, vmax=1.6)
        if w1 or w2:
            t = -b / (w1**2 + w2**2)
            ax.axline((t * w1, t * w2), (t * w1 - w2, t * w2 + w1), color=plots.INK)
            ax.plot(t * w1, t * w2, "o", color=plots.INK)
            arrow = {"arrowstyle": "-|>", "color": plots.INK, "lw": 2}
            ax.annotate("", (w1, w2), (0, 0), arrowprops=arrow)
        ax.set_title(f"weights ({w1:g}, {w2:g}), bias {b:g}")

    return update


def describe_plane(w1: float, w2: float, b: float) -> str:
    """The map in words."""
    length = np.hypot(w1, w2)
    where = f"{abs(b) / length:.2f} from the centre" if length else "nowhere, as both weights are 0"
    centre = float(F.sigmoid(b))
    return f"Weights ({w1:g}, {w2:g}), bias {b:g}: the border lies {where}; at the centre a = {centre:.3f}."
