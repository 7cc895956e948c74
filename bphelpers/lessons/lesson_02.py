"""Exercises, predictions and pictures of lesson 02 and its pages: what a forecast pays."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bphelpers import data, nn
from bphelpers import functional as F
from bphelpers.lessons.shared import digit_reader
from bphelpers.numeric import Array
from bphelpers.teaching import plots
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction

Labels = NDArray[np.int64]


def mean_payment(chances: Array, rained: Labels) -> float:
    """What a forecaster pays on average: minus the logarithm of what each day's weather was given."""
    return float(np.mean(-np.log(np.where(rained == 1, chances, 1 - chances))))


def log_probabilities(z: Array) -> Array:
    """The logarithms of one example's probabilities, from its logits."""
    shifted = z - np.max(z)
    return shifted - np.log(np.sum(np.exp(shifted)))


def cross_entropy(logits: Array, labels: Labels) -> float:
    """The mean payment of a batch."""
    return -sum(log_probabilities(z)[label] for z, label in zip(logits, labels, strict=True)) / len(labels)


# --- Exercises ----------------------------------------------------------------------------------------------


def _mean_payment_mistakes(p: Array, y: Labels) -> Mistakes:
    given, n = np.where(y == 1, p, 1 - p), len(y)
    pays = -np.log(given)
    return {
        "a dry day pays for the probability of rain: what it was given is 1 - p": np.mean(-np.log(p)),
        "wet and dry days are swapped": np.mean(-np.log(1 - given)),
        "the payments are added up, and not yet divided by the number of days": np.sum(pays),
        "the minus is missing, so the better forecast gets the larger number": np.mean(-pays),
        "the minus is missing on dry days": np.mean(np.where(y == 1, pays, -pays)),
        "dry days pay nothing: they pay for what was given to dry weather": np.sum(pays[y == 1]) / n,
        "wet days pay nothing: they pay for what was given to rain": np.sum(pays[y == 0]) / n,
        "the probabilities are averaged, and no logarithm is taken": np.mean(given),
        "each day pays 1 minus the probability it was given: take minus its logarithm": np.mean(1 - given),
        "each day pays the square of the distance: take minus the logarithm of what it was given": (
            np.mean((p - y) ** 2)
        ),
        "the logarithm is taken of the mean: each day pays on its own, and the mean comes last": (
            -np.log(np.mean(given))
        ),
        "the likelihood is returned: take minus its logarithm, and divide by the number of days": (
            np.prod(given)
        ),
        "the logarithm is taken of a negative number, such as p - 1: a dry day was given 1 - p": (
            np.mean(-np.log(np.where(y == 1, p, p - 1)))
        ),
        "the logarithm has base 10: `np.log` is the natural one": np.mean(pays) / np.log(10),
        "the logarithm has base 2: `np.log` is the natural one": np.mean(pays) / np.log(2),
        "each day overwrites the one before it: add them up, with +=": pays[-1] / n,
        "the function returns during the first turn of the loop: move the return out": pays[0] / n,
    }


def _log_probabilities_mistakes(z: Array) -> Mistakes:
    shifted = z - np.max(z)
    p = np.exp(shifted) / np.sum(np.exp(shifted))

    def without(least: float) -> Array:
        return z - least - np.log(np.sum(np.exp(z - least)))

    return {
        "the two lines are as they were: with a logit of 1000 they give nan": (
            np.log(np.exp(z) / np.sum(np.exp(z)))
        ),
        "the largest logit is subtracted, but a probability is rounded to 0 before its logarithm is taken": (
            np.log(p)
        ),
        "a small number is added to the probability: that invents a loss where the true one is large": (
            np.log(p + 1e-12)
        ),
        "nothing is subtracted from the logits, and e^1000 overflows": z - np.log(np.sum(np.exp(z))),
        "the largest logit is subtracted in the exponent only: subtract it from the first z as well": (
            z - np.log(np.sum(np.exp(shifted)))
        ),
        "the largest logit is subtracted from the first z only: subtract it in the exponent as well": (
            shifted - np.log(np.sum(np.exp(z)))
        ),
        "the largest logit is subtracted twice: once z is shifted, the trick is over": shifted
        - np.max(z)
        - np.log(np.sum(np.exp(shifted))),
        "the smallest logit is subtracted: the largest is what overflows": without(float(np.min(z))),
        "the mean of the logits is subtracted: the largest may still overflow": without(float(np.mean(z))),
        "the logarithm is taken of a negative number: without a division, there's a logarithm already": (
            np.log(log_probabilities(z))
        ),
        "the probabilities are returned: their logarithms are asked for": p,
        "the sign is turned: logarithms of probabilities are negative, and the minus comes later": (
            np.log(np.sum(np.exp(shifted))) - shifted
        ),
        "the shifted logits are returned: the logarithm of the total is still to be subtracted": shifted,
        "the logarithm of the total is added: it has to be subtracted": (
            shifted + np.log(np.sum(np.exp(shifted)))
        ),
        "the total is subtracted, and not its logarithm": shifted - np.sum(np.exp(shifted)),
        "the sum of the logits is subtracted, and not the logarithm of the sum of their exponentials": (
            z - np.sum(z)
        ),
        "the logits are added up, and not their exponentials": shifted - np.log(np.sum(shifted)),
    }


def _cross_entropy_mistakes(logits: Array, labels: Labels) -> Mistakes:
    (n, k), rows = logits.shape, np.arange(len(labels))
    log_p, p = F.log_softmax(logits), F.softmax(logits)
    pays = -log_p[rows, labels]
    raw = np.exp(logits)
    return {
        "the payments are added up, and not yet divided by the number of examples": np.sum(pays),
        "the minus is missing, so the better network gets the larger number": -np.mean(pays),
        "the sum is divided by the number of classes: it should be the number of examples": np.sum(pays) / k,
        "the sum is divided by the number of logits: it should be the number of examples": np.mean(pays) / k,
        "the payments are returned one by one: their mean is asked for": pays,
        "the logit of the right class is charged: it has to become a log-probability first": (
            -np.mean(logits[rows, labels])
        ),
        "the probability of the right class is averaged, and no logarithm is taken": np.mean(p[rows, labels]),
        "each example pays 1 minus its probability: take minus its logarithm": np.mean(1 - p[rows, labels]),
        "the most probable class is charged: it should be the right one, whose number is the label": (
            -np.mean(log_p.max(axis=1))
        ),
        "the first class is charged in every row: it should be the right one, whose number is the label": (
            -np.mean(log_p[:, 0])
        ),
        "`log_p(z[label])` hands `log_p` a single logit: it needs the whole row, so pick the label's number"
        " afterwards": 0.0,
        "the classes are counted from 1: the first has the number 0, so it's `log_p(z)[label]`": (
            -np.mean(log_p[rows, labels - 1])
        ),
        "`log_p(z)` is multiplied by the label: the label is a place, so it's `log_p(z)[label]`": (
            -labels @ log_p / n
        ),
        "the logarithm is taken of a negative number: `log_p` gives logarithms already": (
            np.mean(-np.log(log_p[rows, labels]))
        ),
        "all classes are charged: only the right one is": -np.sum(log_p) / n,
        "the mean is taken over every class, and not only the right one": -np.mean(log_p),
        "`log_p` is given the whole batch at once, and every class is charged: it takes one row": (
            -np.mean(log_probabilities(logits))
        ),
        "every row is charged for all the labels: each row has one of its own": -np.mean(log_p[:, labels]),
        "the logarithm is taken of the mean: each example pays on its own, and the mean comes last": (
            -np.log(np.mean(p[rows, labels]))
        ),
        "the probabilities of the whole batch add up to 1: those of each row should": (
            -np.mean(log_probabilities(logits.ravel()).reshape(n, k)[rows, labels])
        ),
        "the probabilities of each column add up to 1: those of each row should": (
            -np.mean(F.log_softmax(logits.T).T[rows, labels])
        ),
        "a logit of 1000 overflows: `log_p` has the cure": (
            np.mean(-np.log((raw / raw.sum(axis=1, keepdims=True))[rows, labels]))
        ),
        "each example overwrites the one before it: add them up, with +=": pays[-1] / n,
        "the function returns during the first turn of the loop: move the return out": pays[0] / n,
    }


_rng = np.random.default_rng(6)

EXERCISES = {
    "02.1": Exercise(
        mean_payment,
        _mean_payment_mistakes,
        cases=[
            (np.array([0.9, 0.6, 0.3]), np.array([1, 1, 0])),
            (np.array([0.2, 0.85, 0.5, 0.7, 0.4]), np.array([0, 1, 0, 0, 1])),
            (np.array([0.25, 0.35]), np.array([1, 0])),
        ],
    ),
    "02.2": Exercise(
        log_probabilities,
        _log_probabilities_mistakes,
        cases=[
            (np.array(z),)
            for z in (
                [1.0, 0.0, -1.0],
                [1000.0, 1.0],
                [0.0, -800.0],
                [3, 1, 0, 2],
                [-2000.0, 0.0, 2000.0, 1.0],
            )
        ],
    ),
    "02.3": Exercise(
        cross_entropy,
        _cross_entropy_mistakes,
        cases=[
            *((_rng.normal(size=(n, k)), _rng.integers(k, size=n)) for n, k in ((3, 4), (5, 2), (2, 3))),
            (np.array([[1000.0, 0.0, -1000.0], [2.0, 1.0, -1.0]]), np.array([2, 0])),
        ],
    ),
}

PREDICTIONS = {
    "02.A": Prediction(
        "You make one forecast of rain for all three days, and they are wet, wet and dry. Which forecast has"
        " the largest likelihood?",
        ("a half", "two thirds", "certain"),
        answer="two thirds",
        explain=(
            "Certain is tempting, because rain was more common. But it gives the dry day the probability 0,"
            " and then all three together have the probability 0 as well."
        ),
    ),
    "02.B": Prediction(
        "Add 1 to each of the three logits. What happens to the probabilities?",
        ("all rise", "the largest rises", "nothing"),
        answer="nothing",
        explain=(
            "All rise is tempting, because all the logits do. But three probabilities that add up to 1"
            " can't all rise. Each exponential is multiplied by the same e, and so is their total."
        ),
    ),
    "02.C": Prediction(
        "A network with random weights chooses among ten digits, and knows nothing. About how large is its"
        " loss?",
        (0.1, 2.3, 10),
        answer=2.3,
        explain=(
            "10 is tempting, because there are ten digits. And 0.1 is what the right digit is given. But"
            " you pay minus the logarithm of that."
        ),
    ),
}

# --- The first screen, and three days -----------------------------------------------------------------------

_SURE, _CAREFUL = plots.BACKWARD, plots.FORWARD

FORECASTS = (
    "The curve of minus log p over the probability p that was given to what happened. It falls from above 4"
    " near p = 0 to 0 at p = 1. The forecaster who said 90% pays 0.11 when it rains and 2.30 when it stays"
    " dry. The one who said 60% pays 0.51 and 0.92."
)


def _curve(ax: Axes, top: float) -> None:
    p = np.linspace(np.exp(-top), 1, 400)
    ax.plot(p, -np.log(p), color=plots.GREY, ls="-", zorder=1)
    ax.set(xlim=(0, 1.03), ylim=(-0.12, top), xticks=np.linspace(0, 1, 6),
           xlabel="probability p that was given to what happened", ylabel="pays −log p")  # fmt: skip


def forecasts() -> Figure:
    """What two forecasters pay when it rains and when it stays dry."""
    fig = plots.new_figure(7.4, 3.3)
    ax = fig.add_subplot()
    _curve(ax, 3.2)
    for percent, colour, marker in ((90, _SURE, "o"), (60, _CAREFUL, "s")):
        said = percent / 100
        for given, weather in ((said, "it rains"), (1 - said, "it stays dry")):
            pays = -np.log(given)
            shift, side = ((9, 5), "left") if given < 0.8 else ((-14, -8), "right")
            ax.plot(given, pays, marker, color=colour, ms=9, zorder=3)
            ax.annotate(f"said {percent}%, {weather}: {pays:.2f}", (given, pays), shift, color=colour,
                        textcoords="offset points", ha=side)  # fmt: skip
    ax.set_title("Being sure and wrong costs the most")
    return fig


def draw_days(fig: Figure, percent: int) -> Callable[..., None]:
    """What a wet, a wet and a dry day cost at one forecast, and the mean at all forecasts."""
    left, right = fig.subplots(1, 2)
    _curve(left, 4.8)
    left.set_xlabel("probability given to the weather")
    all_p = np.linspace(0.005, 0.995, 300)
    right.plot(all_p, -(2 * np.log(all_p) + np.log(1 - all_p)) / 3, color=plots.GREY, ls="-", zorder=1)
    right.set(xlim=(-0.03, 1.03), ylim=(0, 3.2), xlabel="forecast of rain", ylabel="pays on average")

    def update(percent: int) -> None:
        p = percent / 100
        wet, dry = -np.log(p), -np.log(1 - p)
        left.plot(p, wet, "o", color=plots.FORWARD, ms=9, zorder=3)
        left.plot(1 - p, dry, "s", color=plots.BACKWARD, ms=9, zorder=3)
        left.text(0.98, 4.3, f"● two wet days, {wet:.2f} each", ha="right", color=plots.FORWARD)
        left.text(0.98, 3.8, f"■ the dry day, {dry:.2f}", ha="right", color=plots.BACKWARD)
        right.plot(p, (2 * wet + dry) / 3, "o", color=plots.INK, ms=9, zorder=3)
        left.set_title(f"Forecast of rain: {percent}%")
        right.set_title(f"Pays {(2 * wet + dry) / 3:.2f} on average")

    return update


def describe_days(percent: int) -> str:
    """The two pictures in words."""
    p = percent / 100
    wet, dry = -np.log(p), -np.log(1 - p)
    likelihood = np.format_float_positional(p * p * (1 - p), precision=3, fractional=False, trim="-")
    return (
        f"With a forecast of {percent}%, each of the two wet days costs {wet:.2f}, and the dry one"
        f" {dry:.2f}. That's {(2 * wet + dry) / 3:.3f} on average, and the likelihood is"
        f" {likelihood}."
    )


# --- A number, and one of many ------------------------------------------------------------------------------

BELL = (
    "Left, a bell curve around the forecast of 20 degrees. It is high at 21 degrees and low at 23. Right,"
    " minus its logarithm, which is a parabola with its lowest point at 20. At 23 it has risen nine times as"
    " far as at 21."
)


def bell() -> Figure:
    """A forecast of 20 degrees as a bell curve, and minus the logarithm of it."""
    fig = plots.new_figure(8.0, 3.0)
    left, right = fig.subplots(1, 2)
    y, s = np.linspace(13.5, 26.5, 300), 2.0
    rise = (y - 20) ** 2 / (2 * s**2)
    left.plot(y, np.exp(-rise), color=plots.FORWARD)
    right.plot(y, rise, color=plots.FORWARD)
    for came, marker in ((21, "o"), (23, "s")):
        risen = (came - 20) ** 2 / (2 * s**2)
        left.vlines(came, 0, np.exp(-risen), color=plots.TARGET, lw=2)
        left.plot(came, np.exp(-risen), marker, color=plots.TARGET, ms=8)
        left.annotate(f"if it's {came}", (came, np.exp(-risen)), (9, 2), textcoords="offset points",
                      color=plots.INK)  # fmt: skip
        right.vlines(came, 0, risen, color=plots.TARGET, lw=2)
        right.plot(came, risen, marker, color=plots.TARGET, ms=8)
    right.annotate("off by 1", (21, 1 / 8), (-14, 14), textcoords="offset points", ha="center")
    right.annotate("off by 3:\nnine times\nas much", (23, 9 / 8), (14, -26), textcoords="offset points")
    left.set(xlabel="actual temperature", ylabel="height of the bell", yticks=[], ylim=(0, 1.15),
             title="The forecast was 20 degrees")  # fmt: skip
    right.set(xlabel="actual temperature", ylabel="minus its logarithm", yticks=[], ylim=(0, 3.2),
              title="Minus the log of a bell is a parabola")  # fmt: skip
    return fig


BARS = (
    "Three pictures of three bars, for sun, rain and snow. Left, the logits 1, 0 and −1. Middle, their"
    " exponentials 2.72, 1.00 and 0.37, all above 0. Right, each divided by the total of 4.09: the"
    " probabilities 0.67, 0.24 and 0.09."
)


def three_bars() -> Figure:
    """Three logits, their exponentials, and their probabilities."""
    fig = plots.new_figure(8.4, 3.1)
    z = np.array([1.0, 0.0, -1.0])
    e = np.exp(z)
    rows = (("logits z", z, "g", (-1.5, 3.2)), ("exponentials, above 0", e, ".2f", (-1.5, 3.2)),
            (f"divided by their total, {e.sum():.2f}", e / e.sum(), ".2f", (-0.4, 0.85)))  # fmt: skip
    for ax, (title, bars, form, ylim) in zip(fig.subplots(1, 3), rows, strict=True):
        colour = plots.FORWARD if ax.get_subplotspec().is_last_col() else plots.GREY
        ax.bar(("sun", "rain", "snow"), bars, color=colour, width=0.6)
        ax.axhline(0, color=plots.INK, lw=0.8, ls="-")
        for place, bar in enumerate(bars):
            ax.annotate(f"{bar:{form}}".replace("-", "−"), (place, max(bar, 0)), (0, 4), ha="center",
                        textcoords="offset points", weight="bold")  # fmt: skip
        ax.set(ylim=ylim, yticks=[])
        ax.grid(False)
        ax.set_title(title, size=10.5)
    plots.titled(fig, "Make them positive, then divide by their total")
    return fig


# --- Two readers of digits ----------------------------------------------------------------------------------


def readers(seed: int = 2) -> tuple[nn.Sequential, nn.Sequential, Array, Labels]:
    """A network as random weights made it, the same after training, 450 new images and their labels."""
    rng = np.random.default_rng(seed)
    X_train, X_test, y_train, y_test = data.train_test_split(*data.digits(), 450, rng)
    untrained, trained = digit_reader(X_train, y_train, rng)
    return untrained, trained, X_test, y_test


PAYMENTS = (
    "Three handwritten digits, each with the network's ten probabilities. A 5 that gets nearly 1 for the 5"
    " pays 0.00. A 9 that gets about a half for the 9, and the rest for the 5 and the 3, pays 0.69. A 6 that"
    " gets 0.99 for the 1 pays 5.73."
)


def draw_payments(images: Array, logits: Array, labels: Labels) -> Figure:
    """The image that pays least, one in the middle, and the one that pays most, each with its answer."""
    p = F.softmax(logits)
    pays = -np.log(p[np.arange(len(labels)), labels])
    fig = plots.new_figure(8.4, 2.7)
    chosen = pays.argmin(), np.abs(pays - np.log(2)).argmin(), pays.argmax()
    for part, k in zip(fig.subfigures(1, 3, squeeze=False)[0], chosen, strict=True):
        left, right = part.subplots(1, 2, width_ratios=(1, 1.3))
        left.imshow(images[k].reshape(8, 8), cmap="Greys", vmin=0, vmax=1)
        left.set_axis_off()
        left.set_title(f"a {labels[k]}", size=10)
        colours = [plots.TARGET if digit == labels[k] else plots.FORWARD for digit in range(10)]
        right.bar(range(10), p[k], color=colours)
        right.set(xticks=range(0, 10, 3), yticks=(0, 1), ylim=(0, 1.05), xlabel="digit")
        right.set_title(f"pays {pays[k]:.2f}", size=10)
        right.grid(False)
    plots.titled(fig, "Sure and right costs nothing, unsure a little, sure and wrong a lot")
    return fig


def slopes(f: Callable[[Any], Any], x: Array, h: float = 1e-5) -> Array:
    """Centred finite differences of ``f``, one for each entry of ``x``."""
    result = np.empty(x.shape)
    for k in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[k] += h
        down[k] -= h
        result[k] = (f(up) - f(down)) / (2 * h)
    return result


# --- Pictures of the deeper pages ---------------------------------------------------------------------------

SLIP = (
    "Two curves over the guess. The sum of the squares is lowest at 5.52, far from all five measurements. The"
    " sum of the distances is lowest at 2.20, in the midst of four of them. The fifth lies at 19."
)


def draw_slip(measured: Array, lengths: Array, squares: Array, distances: Array) -> Figure:
    """The sum of squares and of distances over the guess, each as a share of its largest value."""
    fig = plots.new_figure(7.0, 2.9)
    ax = fig.add_subplot()
    for sums, name, colour, style, place, shift in (
        (squares, "squares", plots.FORWARD, "-", 14.0, (10, -12)),
        (distances, "distances", plots.BACKWARD, "--", 10.0, (-60, 8)),
    ):
        heights = sums / sums.max()
        ax.plot(lengths, heights, color=colour, ls=style)
        ax.plot(lengths[heights.argmin()], heights.min(), "v", color=colour, ms=9)
        ax.annotate(name, (place, heights[np.abs(lengths - place).argmin()]), shift, color=colour,
                    textcoords="offset points")  # fmt: skip
    ax.plot(measured, np.zeros(len(measured)), "o", color=plots.TARGET, clip_on=False, zorder=3)
    ax.set(xlabel="guess, and the five measurements", ylabel="sum, as a share", ylim=(0, 1.05), yticks=(0, 1),
           title="One slip moves the mean, and hardly the median")  # fmt: skip
    return fig


SURFACE = (
    "Left, the loss as a surface over w2 and w5, with a point at the running example. It is flat at both ends"
    " of w2 and steep between. Right, three cuts along w2. With w5 = 4 the loss rises from 0.28 to 0.50, with"
    " w5 = 0 it falls a little, and with w5 = −4 it falls from 0.28 to 0.02."
)


def draw_surface(loss_at: Callable[[Any, Any], Any], w2_here: float, w5_here: float) -> Figure:
    """The running example's loss over two weights, and three cuts through it."""
    fig = plots.new_figure(9.0, 4.0)
    w2, w5 = np.linspace(-60, 60, 41), np.linspace(-8, 8, 33)
    surface: Any = fig.add_subplot(1, 2, 1, projection="3d")
    surface.plot_surface(*np.meshgrid(w2, w5), loss_at(w2[None, :], w5[:, None]), cmap="Greys", vmin=-0.3,
                         vmax=0.8, edgecolor=plots.GREY, lw=0.3, alpha=0.7, rcount=17, ccount=21)  # fmt: skip
    surface.plot([w2_here], [w5_here], [loss_at(w2_here, w5_here)], "o", color=plots.INK, zorder=10)
    surface.set(xlabel="w2", ylabel="w5", zlabel="loss", zlim=(0, 0.55), xticks=[-50, 0, 50],
                title="Plains, and a slope between them")  # fmt: skip
    surface.view_init(elev=28, azim=-60)
    cut = fig.add_subplot(1, 2, 2, xlabel="w2", ylabel="loss", xlim=(-60, 92), ylim=(0, 0.55))
    for height, style in ((4.0, "-"), (0.0, "--"), (-4.0, "-.")):
        line = loss_at(w2, height)
        for ax, heights in ((surface, (np.full(41, height), line)), (cut, (line,))):
            ax.plot(w2, *heights, color=plots.FORWARD, ls=style, zorder=9)
        cut.annotate(f"w5 = {height:g}".replace("-", "−"), (60, line[-1]), (6, 0), va="center",
                     textcoords="offset points", color=plots.FORWARD)  # fmt: skip
    cut.set(xticks=[-50, 0, 50], title="It depends on w5 which way is down")
    return fig
