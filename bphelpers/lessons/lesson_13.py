"""Exercises, predictions and pictures of lesson 13: what twenty layers do to a gradient."""

from collections.abc import Callable, Sequence
from itertools import chain, pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bphelpers import functional as F
from bphelpers import nn
from bphelpers.lessons.shared import drawn
from bphelpers.numeric import Array
from bphelpers.teaching import plots
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction

ACTIVATIONS = {"ReLU": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
LAYERS, WIDTH = 20, 100


def size(array: Array) -> float:
    """The root of the mean square."""
    return float(np.sqrt(np.mean(array**2)))


def init_layers(sizes: Sequence[int], rng: np.random.Generator) -> list[Array]:
    """First weights for ReLU layers of these sizes, as He and others draw them."""
    return [rng.normal(0, np.sqrt(2 / d_in), size=(d_out, d_in)) for d_in, d_out in pairwise(sizes)]


def network(weights: Sequence[Array], residual: bool = False) -> nn.Sequential:
    """ReLU layers with these first weights and biases 0, scores at the end; or with a shortcut past each
    inner layer.
    """

    def layer(W: Array) -> nn.Linear:
        return nn.Linear(W.shape[1], W.shape[0], rng=np.random.default_rng(0), init=lambda *_: W)

    first, *inner, last = map(layer, weights)
    blocks = [[nn.ReLU(), one] for one in inner]
    middle = [nn.Residual(*block) for block in blocks] if residual else chain.from_iterable(blocks)
    return nn.Sequential(first, *middle, nn.ReLU(), last)


def block_backward(dout: Array, x: Array, W: Array) -> tuple[Array, Array]:
    """Back through ``x + relu(x) @ W.T``: what comes back to x and to W."""
    dW = dout.T @ F.relu(x)
    dx = dout + (dout @ W) * (x > 0)
    return dx, dW


# --- Exercises --------------------------------------------------------------------------------------------

_ON_PAPER = {
    "you divide by the 450 neurons: what counts is how many numbers a neuron adds up, its fan-in": (
        (np.sqrt(2 / 450), 1 / 1024)
    ),
    "you take the mean of both fans, as Xavier does: He takes the inputs alone": (np.sqrt(2 / 500), 1 / 1024),
    "ReLU is forgotten: it takes half of the mean square": (1 / np.sqrt(50), 1 / 1024),
    "the root is missing: 2 / 50 is the mean square of a weight": (2 / 50, 1 / 1024),
    "only the 50 is under the root: the 2 belongs there too": (2 / np.sqrt(50), 1 / 1024),
    "you halve the size once, and there are ten layers": (0.2, 0.5),
    "ten halves are added up: rates in a row multiply": (0.2, 1 / 20),
    "the mean square is halved in each layer: half the deviation halves the size": (0.2, 2.0**-5),
    "the size is quartered in each layer: it's the mean square that is": (0.2, 2.0**-20),
    "you stop after nine layers": (0.2, 2.0**-9),
}


def _first_weights(sizes: Sequence[int], rng: np.random.Generator) -> Mistakes:
    start = rng.bit_generator.state

    def drawing(
        deviation: Callable[[int, int], float], turned: bool = False, backwards: bool = False
    ) -> tuple[Array, ...]:
        rng.bit_generator.state = start
        shapes = list(pairwise(sizes))
        weights = [
            rng.normal(0, deviation(d_in, d_out), size=(d_in, d_out) if turned else (d_out, d_in))
            for d_in, d_out in (shapes[::-1] if backwards else shapes)
        ]
        return tuple(weights[::-1] if backwards else weights)

    def he(d_in: int, d_out: int) -> float:
        return np.sqrt(2 / d_in)

    rng.bit_generator.state = start
    uniform = tuple(rng.uniform(-np.sqrt(6 / i), np.sqrt(6 / i), size=(o, i)) for i, o in pairwise(sizes))
    return {
        "the deviation has the number of neurons in it, the fan-out: what a neuron adds up is its fan-in": (
            drawing(lambda d_in, d_out: np.sqrt(2 / d_out))
        ),
        "ReLU is forgotten: it takes half of the mean square, so there is a 2 over the fan-in": (
            drawing(lambda d_in, d_out: np.sqrt(1 / d_in))
        ),
        "the root is missing: rng.normal wants the deviation, and 2 / d_in is its square": (
            drawing(lambda d_in, d_out: 2 / d_in)
        ),
        "the 2 stands in front of the root: it belongs under it": (
            drawing(lambda d_in, d_out: 2 / np.sqrt(d_in))
        ),
        "only the 2 is under the root: the fan-in belongs there too": (
            drawing(lambda d_in, d_out: np.sqrt(2) / d_in)
        ),
        "the fraction is upside down: the more numbers a neuron adds up, the smaller its weights": (
            drawing(lambda d_in, d_out: np.sqrt(d_in / 2))
        ),
        "ReLU halves below the line: the weights have to make up for it, so they grow": (
            drawing(lambda d_in, d_out: np.sqrt(1 / (2 * d_in)))
        ),
        "it's Glorot's compromise between fan-in and fan-out, which is made for tanh": (
            drawing(lambda d_in, d_out: np.sqrt(2 / (d_in + d_out)))
        ),
        "all layers have the deviation of the first: each has a fan-in of its own": (
            drawing(lambda d_in, d_out: np.sqrt(2 / sizes[0]))
        ),
        "all weights are drawn with deviation 1": drawing(lambda d_in, d_out: 1.0),
        "rows and columns are swapped: a row of W belongs to a neuron, so the shape is (d_out, d_in)": (
            drawing(he, turned=True)
        ),
        "the last layer is drawn first: begin with the first, so that the numbers can be compared": (
            drawing(he, backwards=True)
        ),
        "the size is right, but the numbers are uniform: draw them with rng.normal": uniform,
        "`return` stands inside the loop: then the list ends after the first layer": (drawing(he)[:1]),
        "all weights are 0: then all neurons of a layer stay alike": tuple(
            np.zeros((d_out, d_in)) for d_in, d_out in pairwise(sizes)
        ),
    }


def _block_mistakes(dout: Array, x: Array, W: Array) -> Mistakes:
    dx, dW = block_backward(dout, x, W)
    a = F.relu(x)
    f, da, on = a @ W.T, dout @ W, x > 0
    turned = dout @ W.T
    return {
        "nothing is repaired yet": (da * (f > 0), dW),
        "dx gets only what comes back through the layer: plus passes on the whole dout to x as well": (
            (da * on, dW)
        ),
        "ReLU's slope is taken from f: ReLU looked at x, so its slope is 1 where x is above 0": (
            (dout + da * (f > 0), dW)
        ),
        "ReLU's slope is taken from the sum x + f: ReLU looked at x": (dout + da * (x + f > 0), dW),
        "ReLU's slope is left out": (dout + da, dW),
        "what comes back by the shortcut is masked as well: no ReLU stands there": ((dout + da) * on, dW),
        "dx gets only what comes back by the shortcut: the layer passes something back as well": (dout, dW),
        "the two shares of dx are multiplied: they add": (dout * da * on, dW),
        "dx gets a 1 by the shortcut: it gets what came back, which is dout": (1 + da * on, dW),
        "da is made with W.T: on the way back it is dout @ W": (dout + turned * on, dW),
        "dW is made with x: the layer got relu(x)": (dx, dout.T @ x),
        "dW is turned round: its rows belong to the neurons, as in W": (dx, dW.T),
        "what comes back by the shortcut is counted twice": (dx + dout, dW),
    }


_SIZES = [3, 5, 4, 2], [6, 4, 4], [2, 7, 3]

EXERCISES = {
    "13.1": Exercise((0.2, 1 / 1024), _ON_PAPER, tolerance=0.03),
    "13.2": Exercise(
        lambda sizes, rng: tuple(init_layers(sizes, rng)),
        _first_weights,
        cases=lambda: [(sizes, np.random.default_rng(seed)) for seed, sizes in enumerate(_SIZES)],
    ),
    "13.3": Exercise(
        block_backward, _block_mistakes, cases=drawn(13, "n d, n d, d d", n=(4, 3, 2), d=(3, 3, 5))
    ),
}

PREDICTIONS = {
    "13.A": Prediction(
        "Each of twenty layers multiplies the gradient by 0.9. How much of it is left after all twenty?",
        ("nine tenths", "a half", "an eighth"),
        answer="an eighth",
        explain="A half sounds like a careful guess. But two layers leave 0.81, and seven leave less than a"
        " half.",
    ),
    "13.B": Prediction(
        "In a chain of twenty sigmoid neurons, all weights are 4 and there is no bias. What does the gradient"
        " do on its way back?",
        ("stays level", "vanishes", "explodes"),
        answer="vanishes",
        explain="'Stays level' is tempting, because 4 times a quarter is 1. But without the bias, z is nearly"
        " 4 in every neuron. There a is 0.98 and the slope is only 0.02, so the factor is about 0.08.",
    ),
    "13.C": Prediction(
        "In twenty ReLU layers, all weights are three times too small. In which layer do the weights get a"
        " gradient that's worth mentioning?",
        ("the first", "the last", "none"),
        answer="none",
        explain="The last is tempting, because its deltas haven't been through any layer. But the gradient of"
        " a weight is delta times activation. In the first layer the deltas have shrunk, and in the last the"
        " activations have.",
    ),
}

# --- The pictures -----------------------------------------------------------------------------------------

TWO_CHAINS = (
    "Two chains of four neurons. In the upper one all weights are 2: on the way forward the values are 1, 2,"
    " 4, 8 and 16, and on the way back the gradients are 1 at the end, then 2, 4, 8 and 16. In the lower one"
    " all weights are ½: the values are 16, 8, 4, 2 and 1, and the gradients are 1, ½, ¼, ⅛ and 1/16."
)


def two_chains() -> Figure:
    """The first screen: values in the circles, and below them what comes back."""
    fig = plots.new_figure(7.6, 3.2)
    ax = plots.blank_axes(fig, (-1.5, 8.6), (-1.05, 3.15), aspect="equal")
    rows = ((2.2, "w = 2", [1, 2, 4, 8, 16], ["16", "8", "4", "2", "1"]),
            (0.3, "w = ½", [16, 8, 4, 2, 1], ["1/16", "⅛", "¼", "½", "1"]))  # fmt: skip
    for y, name, values, backward in rows:
        ax.text(-1.4, y, name, weight="bold", va="center")
        for k, (value, gradient) in enumerate(zip(values, backward, strict=True)):
            x = 2 * k
            _circle(ax, x, y, str(value))
            ax.text(x, y - 0.72, gradient, color=plots.BACKWARD, ha="center", va="center", weight="bold")
            if k < 4:
                _arrow(ax, (x + 0.42, y), (x + 1.58, y), plots.FORWARD)
                ax.text(x + 1, y + 0.08, f"× {name[-1]}", ha="center", va="bottom", color=plots.GREY)
                _arrow(ax, (x + 1.6, y - 0.72), (x + 0.42, y - 0.72), plots.BACKWARD)
    ax.text(8.0, 2.85, "loss", ha="center", color=plots.GREY, fontsize=10)
    ax.text(0.0, 2.85, "input", ha="center", color=plots.GREY, fontsize=10)
    plots.titled(fig, "Twice as much in every layer, or half as much")
    return fig


def _circle(ax: Axes, x: float, y: float, inside: str, ms: float = 27, colour: str = plots.FORWARD) -> None:
    ax.plot(x, y, "o", ms=ms, mfc=plots.PAPER, mec=colour, mew=1.3)
    ax.text(x, y, inside, ha="center", va="center", color=colour)


def _arrow(
    ax: Axes,
    tail: tuple[float, float],
    tip: tuple[float, float],
    colour: str,
    lw: float = 1.2,
    bend: float = 0.0,
) -> None:
    ax.annotate("", tip, tail, arrowprops={
        "arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "color": colour, "lw": lw,
        "connectionstyle": f"arc3,rad={bend}"})  # fmt: skip


FACTORS = (
    "The size of a gradient over the layers that it has come through. With a factor of 0.9 it falls from 1 to"
    " 0.12 after twenty layers, with 1 it stays, and with 1.1 it rises to 6.7."
)


def factors() -> Figure:
    """Three factors, to the power of the number of layers."""
    fig = plots.new_figure(7.0, 3.2)
    ax = fig.add_subplot(xlim=(0, 23.5), ylim=(0, 7.4), xticks=range(0, 21, 5),
                         xlabel="layers that the gradient has come through", ylabel="what is left of 1",
                         title="A tenth more or less in every layer, twenty times")  # fmt: skip
    passed = np.arange(LAYERS + 1)
    for factor, style in ((1.1, "^-"), (1.0, "o-"), (0.9, "s-")):
        left = factor**passed
        ax.plot(passed, left, style, ms=4, color=plots.BACKWARD if factor != 1 else plots.GREY)
        ax.text(20.5, left[-1], f"× {factor:g}: {left[-1]:.2g}", va="center")
    return fig


# --- The slider


def sizes_in_layers(activation: str, s: float, seed: int = 0, layers: int = LAYERS) -> tuple[Array, Array]:
    """Sizes of the activations and of dz in each layer, with weights of deviation ``s``."""
    rng = np.random.default_rng(seed)
    a: Array = rng.normal(size=(64, WIDTH))
    da: Array = rng.normal(size=(64, WIDTH))
    weights = s * rng.normal(size=(layers, WIDTH, WIDTH))
    units = [ACTIVATIONS[activation]() for _ in weights]
    forward, backward = [], []
    for W, unit in zip(weights, units, strict=True):
        a = unit.forward(a @ W.T)
        forward.append(size(a))
    for W, unit in zip(weights[::-1], units[::-1], strict=True):
        dz = unit.backward(da)
        backward.append(size(dz))
        da = dz @ W
    return np.array(forward), np.array(backward[::-1])


def draw_sizes(fig: Figure, activation: str, s: float) -> Callable[..., None]:
    """Sizes layer by layer on a logarithmic axis, with a gridline for each factor of 1,000."""
    ax = fig.add_subplot()
    _layers_and_sizes(ax)
    _name_lines(ax)
    return lambda activation, s: _draw_lines(ax, activation, s)


def _layers_and_sizes(ax: Axes) -> None:
    ax.set(yscale="log", xlim=(0.4, 20.6), ylim=(1e-18, 1e10), xlabel="layer", ylabel="size",
           xticks=[1, 5, 10, 15, 20], yticks=10.0 ** np.arange(-18, 10, 3))  # fmt: skip
    ax.minorticks_off()


def _name_lines(ax: Axes) -> None:
    ax.text(20, 1e-14, "blue: activations, forward →", color=plots.FORWARD, ha="right")
    ax.text(20, 1e-16, "← orange: gradients, backward", color=plots.BACKWARD, ha="right")


def _draw_lines(ax: Axes, activation: str, s: float) -> None:
    forward, backward = sizes_in_layers(activation, s)
    layers = np.arange(1, LAYERS + 1)
    ax.plot(layers, forward, "o-", ms=4, color=plots.FORWARD)
    ax.plot(layers, backward, "s--", ms=4, color=plots.BACKWARD)
    ax.set_title(f"{activation}, s = {s:.2f}: the gradient {_verdict(backward[0] / backward[-1])}")


FOUR_SIZES = (
    "Sizes in twenty layers, four times. ReLU with deviation 0.05: activations and gradients both shrink, the"
    " gradient to about a billionth. With 0.14, both stay nearly level. With 0.40, both grow to more than a"
    " hundred million. Sigmoid with 0.14: the activations are level at a half, and the gradient shrinks to"
    " less than a billionth."
)


def four_sizes() -> Figure:
    """ReLU with weights too small, right and too large; and a sigmoid."""
    fig = plots.new_figure(9.0, 5.4)
    axes = fig.subplots(2, 2).flat
    shown = (("ReLU", 0.05), ("ReLU", 0.14), ("ReLU", 0.4), ("sigmoid", 0.14))
    for ax, (activation, s) in zip(axes, shown, strict=True):
        _layers_and_sizes(ax)
        _draw_lines(ax, activation, s)
        ax.set_title(ax.get_title(loc="left"), fontsize=10.5)
        ax.label_outer()
    _name_lines(axes[0])
    return fig


def _verdict(change: float) -> str:
    return "vanishes" if change < 1 / 8 else "explodes" if change > 8 else "stays nearly level"


def describe_sizes(activation: str, s: float) -> str:
    """The picture in words."""
    forward, backward = sizes_in_layers(activation, s)
    factor = (backward[0] / backward[-1]) ** (1 / (LAYERS - 1))
    return (
        f"{activation}, weights of deviation {s:.2f}. The activations go from {forward[0]:.2g} in layer 1 to"
        f" {forward[-1]:.2g} in layer 20, and the gradients from {backward[-1]:.2g} in layer 20 back to"
        f" {backward[0]:.2g} in layer 1. That's a factor of {factor:.2f} for each layer."
    )


# --- Section 3 to 5

FANS = (
    "A layer with three inputs and two neurons, twice. On the left, three blue arrows lead from the inputs"
    " into one neuron: its fan-in is 3. On the right, two orange arrows lead back from the neurons to one"
    " input: its fan-out is 2."
)


def fans() -> Figure:
    """What one neuron adds up on the way forward, and one input on the way back."""
    fig = plots.new_figure(7.0, 2.6)
    ax = plots.blank_axes(fig, (-0.6, 8.8), (-1.5, 1.9), aspect="equal")
    inputs, neurons = (1.1, 0.0, -1.1), (0.6, -0.6)
    for left, colour, words in ((0.0, plots.FORWARD, "fan-in 3"), (5.8, plots.BACKWARD, "fan-out 2")):
        ahead = colour == plots.FORWARD
        for x, heights, marked in ((left, inputs, 0.0), (left + 2.4, neurons, 0.6)):
            for y in heights:
                mine = y == marked and ahead == (x > left)
                _circle(ax, x, y, "+" if mine else "", 20, colour if mine else plots.GREY)
        for y in inputs if ahead else neurons:
            ends = ((left, y), (left + 2.4, 0.6)) if ahead else ((left + 2.4, y), (left, 0.0))
            _between(ax, *ends, colour)
        ax.text(left + 1.2, 1.55, words, color=colour, ha="center", va="center", weight="bold")
    plots.titled(fig, "A neuron adds up its inputs, and an input adds up what comes back")
    return fig


LEARNED = (
    "Training loss over eight epochs. With weights three times too small it stays at 2.30. With those of"
    " init_layers it falls below 0.3."
)
LEARNED_TOO = LEARNED + " With small weights and a shortcut past each layer it falls lower still."


def curves(losses: dict[str, Sequence[float]], title: str) -> Figure:
    """Training losses over the epochs, each named at a place where it is alone."""
    fig = plots.new_figure(7.0, 3.3)
    ax = fig.add_subplot(xlim=(0.8, 8.2), ylim=(0, 2.6), xticks=range(1, 9), xlabel="epoch",
                         ylabel="training loss", title=title)  # fmt: skip
    styles = (("v:", plots.GREY), ("o-", plots.FORWARD), ("s--", plots.UPDATE))
    for (name, loss), (style, colour) in zip(losses.items(), styles, strict=False):
        ax.plot(range(1, len(loss) + 1), loss, style, ms=5, color=colour, label=name)
    ax.legend(loc="center right")
    return fig


SHORTCUT = (
    "The way back through three layers, each with the factor 0.1, as orange arrows. In the upper row there is"
    " one arrow through each layer, and the 1 at the loss becomes 0.1, 0.01 and 0.001. In the lower row a"
    " second arrow with the factor 1 leads past each layer, and the 1 becomes 1.1, 1.21 and 1.33."
)


def shortcut() -> Figure:
    """The same three layers on the way back, without and with a shortcut past each."""
    fig = plots.new_figure(7.8, 3.4)
    ax = plots.blank_axes(fig, (-0.6, 9.6), (-0.9, 3.0), aspect="equal")
    frame = {"boxstyle": "round,pad=0.3", "facecolor": plots.PAPER, "edgecolor": plots.GREY}
    for y, own in ((2.5, 0.0), (0.0, 1.0)):
        left = (0.1 + own) ** np.arange(4)[::-1]
        for k, value in enumerate(left):
            x = 2.9 * k
            _circle(ax, x, y, ("+" if own else "") if k > 0 else "x", 20, plots.GREY)
            ax.text(x, y - 0.6, f"{value:.3g}", color=plots.BACKWARD, ha="center", va="center", weight="bold")
            if k < 3:
                _arrow(ax, (x + 2.58, y), (x + 0.34, y), plots.BACKWARD, 1.6)
                ax.text(x + 1.45, y, "× 0.1", ha="center", va="center", color=plots.BACKWARD, bbox=frame)
            if k < 3 and own:
                _arrow(ax, (x + 2.7, y + 0.28), (x + 0.2, y + 0.28), plots.BACKWARD, 1.6, 0.38)
                ax.text(x + 1.45, y + 0.98, "× 1", ha="center", va="center", color=plots.BACKWARD)
        ax.text(9.05, y, "loss", va="center", color=plots.GREY)
    plots.titled(fig, "With a shortcut past each layer, the gradient arrives")
    return fig


# --- deeper/13_normalisation.ipynb ------------------------------------------------------------------------

THREE_PATHS = (
    "Three paths from an input x to its normalised value: straight, with slope 1/s; through the mean, with"
    " slopes 1/n and -1/s; and through the variance, with slopes 2(x − mean)/n and −x̂/(2s²)."
)


def three_paths() -> Figure:
    """Batch normalisation as a graph of four circles."""
    fig = plots.new_figure(7.4, 3.7)
    ax = plots.blank_axes(fig, (-0.8, 8.2), (-2.3, 2.2), aspect="equal")
    places = {
        "$x_i$": (0, 0),
        "$\\mu$": (3, 1.55),
        "$v$": (3, -1.55),
        "$\\hat{x}_j$": (6, 0),
        "loss": (7.7, 0),
    }
    x, mean, variance, out, _ = places.values()
    for tail, tip, slope, colour, at in (
        (x, out, "(1)  only if $j = i$:  $1/s$", plots.INK, (3, 0.0)),
        (x, mean, "(2)  $1/n$", plots.FORWARD, (1.25, 1.1)),
        (mean, out, "$-1/s$", plots.FORWARD, (4.9, 1.1)),
        (x, variance, "(3)  $2(x_i - \\mu)/n$", plots.UPDATE, (0.9, -1.15)),
        (variance, out, "$-\\hat{x}_j/(2 s^2)$", plots.UPDATE, (5.1, -1.15)),
    ):
        _between(ax, tail, tip, colour)
        frame = {"facecolor": plots.PAPER, "edgecolor": "none", "pad": 2}
        ax.text(at[0], at[1], slope, color=colour, ha="center", va="center", bbox=frame)
    _arrow(ax, (6.45, 0), (7.25, 0), plots.GREY)
    for name, (left, height) in places.items():
        if name == "loss":
            ax.text(left, height, name, ha="center", va="center", color=plots.GREY)
        else:
            _circle(ax, left, height, name, 30, plots.INK)
    plots.titled(fig, "An input reaches the output by three paths")
    return fig


def _between(ax: Axes, tail: tuple[float, float], tip: tuple[float, float], colour: str) -> None:
    """An arrow from the edge of one circle to that of another."""
    a, b = np.array(tail), np.array(tip)
    step = (b - a) / np.linalg.norm(b - a) * 0.45
    _arrow(ax, tuple(a + step), tuple(b - step), colour, 1.6)


# --- deeper/13_other_factors.ipynb ------------------------------------------------------------------------


FIVE_CURVES = (
    "Training loss over eight epochs. Plain stays at 2.3. He and batch norm fall slowly. With a shortcut past"
    " each layer it falls furthest, alone or with batch norm as well."
)


def five_curves(losses: dict[str, Sequence[float]]) -> Figure:
    """Training loss on a logarithmic axis, one line for each way to begin or to build."""
    fig = plots.new_figure(7.0, 3.6)
    ax = fig.add_subplot(yscale="log", xlabel="epoch", ylabel="training loss",
                         title="Of five deep networks, those with a shortcut learn best")  # fmt: skip
    styles = (("v:", plots.GREY), ("s--", plots.INK), ("^--", plots.FORWARD), ("o-", plots.BACKWARD),
              ("D-", plots.UPDATE))  # fmt: skip
    for (name, loss), (style, colour) in zip(losses.items(), styles, strict=True):
        ax.plot(range(1, len(loss) + 1), loss, style, ms=4, color=colour, label=name)
    fig.legend(*ax.get_legend_handles_labels(), loc="outside right center")
    return fig


def cliff() -> Figure:
    """The loss of twenty equal weights in a row, and a step from 1.2 as it is and shortened."""
    fig = plots.new_figure(6.4, 3.2)
    ax = fig.add_subplot(xlim=(0.6, 1.25), ylim=(-30, 800), xlabel="w", ylabel="loss",
                         title="Flat, and then a cliff")  # fmt: skip
    w = np.linspace(0.6, 1.25, 200)
    ax.plot(w, (w**LAYERS - 1) ** 2 / 2, color=plots.FORWARD)
    ax.plot(1.2, (1.2**LAYERS - 1) ** 2 / 2, "o", color=plots.BACKWARD)
    ax.text(1.19, 700, "w = 1.2", ha="right", va="center", color=plots.BACKWARD)
    return fig
