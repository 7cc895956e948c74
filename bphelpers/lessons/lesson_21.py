"""Exercises, predictions and pictures of lesson 21, its networks on XOR, and the dates of its time line."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bphelpers import data, functional
from bphelpers.numeric import Array
from bphelpers.teaching import claims, plots
from bphelpers.teaching.claims.cells import xor_answers, xor_network
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction

Number = Callable[[Array], float]
Slopes = Callable[[Array], Array]
Flags = np.ndarray[Any, np.dtype[np.bool_]]

# --- A 2-2-1 network on XOR, its nine numbers in one array --------------------------------------------

_NET, _X, _Y = xor_network()
TARGETS = _Y.ravel()


def xor_error(w: Array) -> float:
    """Half the sum of the squared errors of a 2-2-1 network on the four rows of XOR; ``w``: W1, b1, W2, b2.

    >>> round(xor_error(xor_start(0)), 3)
    0.503
    """
    return float(0.5 * np.sum(_misses(w) ** 2))


def xor_gradient(w: Array) -> Array:
    """The gradient of `xor_error`, by backpropagation."""
    _NET.backward(_misses(w))
    return _NET.flat.grad.copy()


def _misses(w: Array) -> Array:
    _NET.flat.data[:] = w
    return _NET(_X) - _Y


def xor_start(start: int) -> Array:
    """Nine weights and biases: those of the cards for 0, else random ones."""
    if start:
        return np.random.default_rng(start).normal(size=9)
    fixture = data.worked_example("xor_fixture")
    return np.concatenate([np.ravel(fixture[name]) for name in ("W1", "b1", "W2", "b2")])


def train_on_xor(hidden: int, starts: int = 200, seed: int = 0, updates: int = 4000) -> tuple[Array, Array]:
    """The outputs of many networks on the rows of XOR, ``(starts, 4)``, before training and after it.

    ``hidden``: 2 hidden units, or 0 for a network without a hidden layer. Cross-entropy, rate 1, all four
    rows in each update.

    >>> before, after = train_on_xor(hidden=0, starts=3, updates=500)
    >>> after.round(2).tolist()[0]
    [0.5, 0.5, 0.5, 0.5]
    """
    w = np.random.default_rng(seed).normal(0, 1.4, size=(starts, 9 if hidden else 3))
    return _answers(w), _answers(w, updates)


def _answers(w: Array, updates: int = 0) -> Array:
    if w.shape[1] == 9:
        W1, b1, W2, b2 = w[:, :4].reshape(-1, 2, 2), w[:, None, 4:6], w[:, None, 6:8], w[:, None, 8:]
        return xor_answers(W1, b1, W2, b2, updates=updates)
    for _ in range(updates):
        dz = (_answers(w) - TARGETS) / 4
        w = w - np.column_stack([dz @ _X, dz.sum(axis=1)])
    return functional.sigmoid(w[:, :2] @ _X.T + w[:, 2:])


# --- Exercise 21.1: does the error fall? --------------------------------------------------------------


def decreases(error: Number, gradient: Slopes, w: Array, rate: float) -> bool:
    """Whether one step with this rate makes the error smaller."""
    return bool(error(w - rate * gradient(w)) < error(w))


def _decreases_mistakes(error: Number, gradient: Slopes, w: Array, rate: float) -> Mistakes:
    slope = gradient(w)
    new, before = w - rate * slope, error(w)
    only_first = w.copy()
    only_first[0] = new[0]
    return {
        "the step goes uphill: subtract rate times gradient": error(w + rate * slope) < before,
        "the rate is left out": error(w - slope) < before,
        "the gradient is left out, so every weight falls by the rate": error(w - rate) < before,
        "an error that stays the same counts as lower": error(new) <= before,
        "the answer is reversed: it says True where the error doesn't fall": error(new) >= before,
        "the gradients are compared, and not the errors": np.linalg.norm(gradient(new))
        < np.linalg.norm(slope),
        "only the first weight moves": error(only_first) < before,
        "it only asks whether some slope is left, and tries nothing": bool(rate * slope @ slope > 0),
        "both errors are taken after the step, so neither is ever lower": False,
        "it always says yes": True,
        "the error after the step is returned, and not whether it is lower": error(new),
    }


def _bowl(curvatures: tuple[float, ...]) -> tuple[Number, Slopes]:
    """An error and its gradient, with the lowest point at 0."""
    c = np.array(curvatures)

    def error(w: Array) -> float:
        return float(0.5 * np.sum(c * w**2))

    def gradient(w: Array) -> Array:
        return c * w

    return error, gradient


def _waves(w: Array) -> float:
    return float(np.sum(np.sin(w)))


def _decreases_cases() -> list[tuple[Any, ...]]:
    square, narrow, slope_3 = _bowl((2.0,)), _bowl((1.0, 8.0)), _bowl((0.5, 1.0, 2.0))
    return [
        (*square, np.array([1.0]), 0.5),
        (*square, np.array([1.0]), 0.99),  # to the other side, and a little lower
        (*square, np.array([1.0]), 1.0),
        (*square, np.array([1.0]), 2.0),
        (*square, np.array([-3.0]), 0.25),
        (*narrow, np.array([3.0, 1.0]), 0.1),
        (*narrow, np.array([3.0, 1.0]), 0.3),
        (*narrow, np.array([3.0, 0.1]), 0.6),
        (*slope_3, np.array([1.0, -2.0, 0.5]), 1.5),
        (*slope_3, np.array([0.0, 0.0, 0.0]), 0.5),  # no slope: nothing moves
        (_waves, np.cos, np.array([0.1, 3.0]), 1.0),
        (_waves, np.cos, np.array([1.0, 2.5]), 4.0),
        (_waves, np.cos, np.array([1.5, -1.4]), 6.0),
        (xor_error, xor_gradient, xor_start(0), 1.0),
        (xor_error, xor_gradient, xor_start(0), 10.0),
    ]


# --- Exercise 21.2: a test that can fail --------------------------------------------------------------


def learned(before: Array, after: Array, targets: Array) -> bool:
    """Whether every answer after training is within 0.1 of its target."""
    return bool(np.all(np.abs(after - targets) < 0.1))


def _learned_mistakes(before: Array, after: Array, targets: Array) -> Mistakes:
    missed, missed_before = np.abs(after - targets), np.abs(before - targets)
    return {
        "nothing is repaired yet: it asks whether the error is lower than before": (
            np.sum(missed**2) < np.sum(missed_before**2)
        ),
        "one right answer is enough": (missed < 0.1).any(),
        "most answers have to be right, and not all": np.mean(missed < 0.1) > 0.5,
        "the mean of the distances is compared with 0.1, so one answer may be far off": missed.mean() < 0.1,
        "the mean of the squares is compared, so one answer may be far off": np.mean(missed**2) < 0.01,
        "the sum of the squares is compared": np.sum(missed**2) < 0.1,
        "the answers are rounded: 0.4 is not within 0.1 of 0": (np.round(after) == targets).all(),
        "there is no abs, so an answer that is far too small counts as right": (after - targets < 0.1).all(),
        "there is no abs, so an answer that is far too large counts as right": (targets - after < 0.1).all(),
        "the bound is larger than 0.1": (missed < 0.2).all(),
        "only the first three answers are looked at": (missed[:3] < 0.1).all(),
        "it looks at the answers before training": (missed_before < 0.1).all(),
        "it asks whether every answer came nearer": (missed < missed_before).all(),
        "the mean answer is compared with the mean target": abs(after.mean() - targets.mean()) < 0.1,
        "it always says yes": True,
        "it always says no": False,
    }


def _learned_cases() -> list[tuple[Array, Array, Array]]:
    xor, three = np.array([0.0, 1, 1, 0]), np.array([1.0, 0, 1])
    rows = [
        ([0.5, 0.5, 0.5, 0.5], [0.02, 0.97, 0.98, 0.03], xor),
        ([0.7, 0.6, 0.8, 0.7], [0.5, 0.5, 0.5, 0.5], xor),  # without a hidden layer
        ([0.4, 0.6, 0.3, 0.8], [0.02, 0.98, 0.5, 0.5], xor),  # two cases in one place
        ([0.6, 0.5, 0.4, 0.7], [0.01, 0.99, 0.98, 0.25], xor),  # one answer far off
        ([0.6, 0.5, 0.4, 0.7], [0.01, 0.99, 0.98, 0.15], xor),
        ([0.6, 0.5, 0.4, 0.7], [0.01, 0.99, 0.895, 0.02], xor),  # just not within 0.1
        ([0.6, 0.5, 0.4, 0.7], [0.095, 0.99, 0.98, 0.02], xor),  # just within
        ([0.6, 0.5, 0.4, 0.7], [0.08, 0.92, 0.92, 0.08], xor),
        ([0.6, 0.5, 0.4, 0.7], [0.15, 0.85, 0.85, 0.15], xor),
        ([0.6, 0.5, 0.4, 0.7], [0.33, 0.98, 0.98, 0.01], xor),
        ([0.6, 0.5, 0.4, 0.7], [0.3, 0.7, 0.8, 0.2], xor),
        ([0.05, 0.95, 0.93, 0.04], [0.06, 0.94, 0.97, 0.02], xor),  # was right already
        ([0.05, 0.95, 0.93, 0.04], [0.6, 0.4, 0.5, 0.7], xor),
        ([0.9, 0.2, 0.6], [0.2, 0.05, 0.3], three),
        ([0.9, 0.2, 0.6], [0.93, 0.04, 0.96], three),
        ([0.97, 0.08, 0.95], [0.94, 0.09, 0.92], three),  # every answer went away, and all are right
        ([0.2, 0.9, 0.1], [0.95, 0.9, 0.2], three),
        ([0.2, 0.9, 0.1], [0.8, 0.2, 0.79], three),
        ([0.1, 0.8, 0.2, 0.9, 0.7], [0.9, 0.1, 0.95, 0.05, 0.7], np.array([1.0, 0, 1, 0, 1])),
        ([0.1, 0.8, 0.2, 0.9, 0.7], [0.95, 0.02, 0.99, 0.01, 0.93], np.array([1.0, 0, 1, 0, 1])),
    ]
    return [(np.array(before), np.array(after), targets) for before, after, targets in rows]


# --- Exercise 21.3: a card of one's own ---------------------------------------------------------------


def evidence(update: Callable[..., Array] = claims.descend) -> bool:
    """A hundred small steps make the error smaller than ten of them do."""
    ten, hundred = (claims.xor_loss(rate=0.1, update=update, updates=updates) for updates in (10, 100))
    return hundred < ten


def _holds(update: Any = claims.descend) -> bool:
    """What a good function says of a claim that is right: True downhill, and False uphill."""
    return update is claims.descend


def _own_mistakes(update: Any = claims.descend) -> Mistakes:
    return {
        "your function says True uphill as well, so going uphill can't show that it could fail. Pass "
        "`update` on to each `xor_loss`, and take a claim about going down": True,
        "your function says False downhill as well. Is the claim wrong, or isn't it tested?": False,
        "your function is reversed: it says True uphill and False downhill": update is not claims.descend,
    }


def _own_cases() -> list[tuple[Any, ...]]:
    return [(), (claims.ascend,)]


EXERCISES = {
    "21.1": Exercise(decreases, _decreases_mistakes, cases=_decreases_cases),
    "21.2": Exercise(learned, _learned_mistakes, cases=_learned_cases),
    "21.3": Exercise(_holds, _own_mistakes, cases=_own_cases),
}

PREDICTIONS = {
    "21.A": Prediction(
        "How many years lie between the chain rule and gradient descent?",
        ("about 20", "about 70", "about 170"),
        answer="about 170",
        explain="'About 20' is tempting, because today they are hardly ever taught apart. But people had "
        "been differentiating for a long time when Cauchy, who wanted the six numbers of an orbit, "
        "proposed going downhill in all six at once.",
    ),
    "21.B": Prediction(
        "After 3,000 updates of plain gradient descent, how large is the network's largest error, compared "
        "with the one that was built by hand?",
        ("smaller", "about the same", "more than ten times as large"),
        answer="more than ten times as large",
        explain="'Smaller' is tempting, because training has all the freedom that we had and more. But what "
        "a network can represent says nothing about what a rule of training finds.",
    ),
    "21.C": Prediction(
        "How many of 200 networks without a hidden layer pass the same test?",
        ("0", "about 100", "200"),
        answer="200",
        explain="'0' is tempting, because none of them can learn XOR. But the test doesn't ask for XOR. It "
        "asks for a lower error, and an update that goes downhill nearly always achieves that.",
    ),
}

# --- The first screen: one weight, three rates --------------------------------------------------------

STEPS = (
    "The curve of the error, w squared. Three steps start at w = 1, where the error is 1 and the gradient 2. "
    "Rate 1/2 goes to w = 0, error 0. Rate 1 goes to w = -1, error 1 again. Rate 2 goes to w = -3, error 9."
)


def draw_steps() -> Figure:
    """One gradient step on the square, with three rates."""
    fig = plots.new_figure(7.0, 3.4)
    ax = fig.subplots()
    w = np.linspace(-3.4, 1.8, 200)
    ax.plot(w, w**2, color=plots.LIGHT, lw=2, ls="-")
    ax.axhline(1, color=plots.GREY, ls="--", lw=1)
    ax.text(-3.55, 1.2, "error before: 1", color=plots.GREY)
    ends = (
        (0, "rate 1/2: error 0", plots.UPDATE, (0.12, -0.75)),
        (-1, "rate 1: error 1", plots.GREY, (-0.92, 1.25)),
        (-3, "rate 2: error 9", plots.BACKWARD, (-2.8, 8.8)),
    )
    for end, text, colour, place in ends:
        ax.annotate("", (end, end**2), (1, 1), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.8,
                                                             "shrinkA": 6, "shrinkB": 4})  # fmt: skip
        ax.plot(end, end**2, "o", color=colour, ms=8)
        ax.text(*place, text, color=colour, weight="bold")
    ax.plot(1, 1, "o", color=plots.FORWARD, ms=10)
    ax.text(1.12, 0.3, "start", color=plots.FORWARD)
    ax.set(xlabel="w", ylabel="error w²", ylim=(-1.2, 10.5), xlim=(-3.6, 1.8))
    ax.set_title("One step down the gradient, and the error is 0, 1 or 9")
    return fig


# --- Error after one step, for every rate, from ten starts ---------------------------------------------

RATES = np.geomspace(0.01, 1000, 41)


def judged_by(
    falls: Callable[..., Any],
) -> tuple[Callable[[Figure, int], None], Callable[[int], str]]:
    """What draws and what describes the error after one step over the rate; ``falls`` colours the dots."""

    def found(start: int) -> tuple[float, Array, Flags]:
        w = xor_start(start)
        after = np.array([xor_error(w - rate * xor_gradient(w)) for rate in RATES])
        lower = np.array([falls(xor_error, xor_gradient, w, rate) for rate in RATES], dtype=bool)
        return xor_error(w), after, lower

    def draw(fig: Figure, start: int) -> None:
        before, after, lower = found(start)
        ax = fig.subplots()
        ax.axhline(before, color=plots.GREY, ls="--", lw=1)
        ax.text(1000, before - 0.015, "error before", color=plots.GREY, ha="right", va="top")
        ax.plot(RATES, after, color=plots.LIGHT, lw=1.5, ls="-")
        ax.plot(RATES[lower], after[lower], "o", color=plots.UPDATE, label="your function says: it falls")
        ax.plot(RATES[~lower], after[~lower], "X", color=plots.BACKWARD, label="it doesn't")
        ax.set(xscale="log", xlabel="rate", ylabel="error after one step", ylim=(0.4, 1.2))
        ax.set_title(_limit(start, lower))
        ax.legend(loc="upper left")

    def describe(start: int) -> str:
        before, after, lower = found(start)
        return (
            f"{_limit(start, lower)}. The error before the step is {before:.3f}; after it, the lowest is "
            f"{after.min():.4f}, and with the rate 1,000 it is {after[-1]:.3f}."
        )

    return draw, describe


def _limit(start: int, lower: Flags) -> str:
    """The largest rate tried up to which the error falls."""
    good = int(np.argmin(lower)) if not lower.all() else len(lower)
    reach = (
        f"falls with every rate up to {RATES[good - 1]:.1f}"
        if good
        else "doesn't even fall with the rate 0.01"
    )
    return f"Start {start}: the error {reach}"


# --- A sine, built and trained ------------------------------------------------------------------------


def draw_sines(x: Array, sines: dict[str, Sequence[Array]]) -> Figure:
    """The sine behind the curves that one network drew: built by hand, and after two ways of training."""
    fig = plots.new_figure(7.4, 3.0)
    axes = fig.subplots(1, 3, sharey=True)
    colours = (plots.FORWARD, plots.BACKWARD, plots.UPDATE)
    for ax, (name, curves), colour in zip(axes, sines.items(), colours, strict=True):
        ax.plot(x, np.sin(x), color=plots.LIGHT, lw=5, ls="-")
        for curve in curves:
            ax.plot(x, curve, color=colour, lw=1.4, ls="-")
        ax.text(0.2, -1.4, name, color=colour, weight="bold")
        ax.set(xlabel="x", ylim=(-1.6, 1.4))
    axes[0].text(2.3, 1.05, "sin x", color=plots.GREY)
    plots.titled(fig, "The network can draw a sine, but plain descent hasn't found it")
    return fig


def describe_sines(x: Array, sines: dict[str, Sequence[Array]]) -> str:
    """The picture in words."""
    hand, plain, adam = (
        [float(np.abs(np.ravel(curve) - np.sin(np.ravel(x))).max()) for curve in curves]
        for curves in sines.values()
    )
    # Adam's last steps swing: starts that differ in the last bit end at 0.03 or at 0.06.
    below = "below" if max(adam) < 0.2 else "not below"
    return (
        "A sine, and what a network with forty hidden units draws. Built by hand, it climbs in small stairs, "
        f"and its largest error is {hand[0]:.2f}. After plain descent from three starts the curve misses the "
        f"valley on the right, and its largest errors are {', '.join(f'{error:.1f}' for error in plain)}. "
        f"After Adam from the same starts it lies on the sine, and its largest errors are {below} 0.2."
    )


# --- The time line ------------------------------------------------------------------------------------


class Event(NamedTuple):
    """A work, whether derivatives go backwards in it, and where its label stands."""

    year: int
    lane: str
    who: str
    what: str
    back: bool = False
    above: bool = True
    align: str = "center"


LANES = (
    "calculus and descent",
    "optimal control",
    "derivatives of programs",
    "neurons",
    "learning in layers",
)
TIMELINE = (
    Event(1676, LANES[0], "Leibniz", "chain rule"),
    Event(1847, LANES[0], "Cauchy", "gradient descent", above=False),
    Event(1951, LANES[0], "Robbins, Monro", "noisy steps"),
    Event(1960, LANES[1], "Kelley", "flight paths", back=True, align="right"),
    Event(1961, LANES[1], "Bryson", "many stages", back=True, above=False, align="right"),
    Event(1962, LANES[1], "Dreyfus", "by the chain rule", back=True, align="left"),
    Event(1969, LANES[1], "Bryson, Ho", "a textbook", back=True, above=False),
    Event(1973, LANES[1], "Dreyfus", "time lags", back=True, align="left"),
    Event(1970, LANES[2], "Linnainmaa", "rounding errors", back=True),
    Event(1980, LANES[2], "Speelpenning", "a compiler", back=True, above=False),
    Event(1983, LANES[2], "Baur, Strassen", "why it is cheap", back=True),
    Event(1943, LANES[3], "McCulloch, Pitts", "threshold units"),
    Event(1949, LANES[3], "Hebb", "a learning rule", above=False),
    Event(1958, LANES[3], "Rosenblatt", "perceptron"),
    Event(1960, LANES[3], "Widrow, Hoff", "least squares", above=False),
    Event(1969, LANES[3], "Minsky, Papert", "limits of one layer"),
    Event(1967, LANES[4], "Amari", "noisy descent"),
    Event(1974, LANES[4], "Werbos", "thesis", back=True, above=False, align="right"),
    Event(1982, LANES[4], "Werbos", "for networks", back=True, align="right"),
    Event(1985, LANES[4], "Parker", "a report", back=True, above=False, align="right"),
    Event(1986, LANES[4], "Rumelhart, Hinton,", "Williams", back=True, align="left"),
    Event(1989, LANES[4], "LeCun and others", "zip codes", back=True, above=False, align="left"),
)


def timeline_in_words() -> str:
    """The picture in words, lane by lane."""
    lanes = []
    for lane in LANES:
        events = sorted(event for event in TIMELINE if event.lane == lane)
        each = [f"{e.year} {e.who} {e.what}{' (backwards)' if e.back else ''}" for e in events]
        lanes.append(f"{lane.capitalize()}: {'; '.join(each)}")
    return f"A time line in five lanes. {'. '.join(lanes)}."


def draw_timeline() -> Figure:
    """Five lanes from 1940 on, the two early works at the margin; orange where derivatives go backwards."""
    fig = plots.new_figure(9.0, 6.4)
    ax = plots.blank_axes(fig, (1923, 2001), (-0.85, 4.75), (0.0, 0.0, 1.0, 0.94))
    for year in range(1940, 1991, 10):
        ax.plot([year, year], [-0.6, 4.45], color=plots.LIGHT, lw=0.6, ls=":", zorder=0)
        ax.text(year, -0.78, str(year), ha="center", color=plots.GREY)
    for y, lane in zip(range(4, -1, -1), LANES, strict=True):
        if any(event.back for event in TIMELINE if event.lane == lane):
            ax.axhspan(y - 0.42, y + 0.42, color=plots.BACKWARD, alpha=0.07, lw=0, zorder=0)
        ax.plot([1924 if y == 4 else 1940, 1997], [y, y], color=plots.LIGHT, lw=1.2, ls="-", zorder=1)
        ax.text(1924, y + 0.47 if y == 4 else y, lane if y == 4 else lane.replace(" ", "\n", 1),
                va="center", weight="bold", fontsize=10)  # fmt: skip
    ax.text(1938.5, 4, "//", ha="center", va="center", color=plots.GREY, backgroundcolor=plots.PAPER)
    for event in TIMELINE:
        _draw_event(ax, event)
    ax.plot(1966, 4.3, "s", color=plots.BACKWARD, ms=7)
    ax.text(1967, 4.3, "derivatives are carried backwards", va="center", color=plots.BACKWARD)
    plots.titled(fig, "Found again and again, in three fields")
    return fig


def _draw_event(ax: Axes, event: Event) -> None:
    colour = plots.BACKWARD if event.back else plots.GREY
    x, y = {1676: 1928, 1847: 1934}.get(event.year, event.year), 4 - LANES.index(event.lane)
    nudge = {"left": -0.7, "center": 0.0, "right": 0.7}[event.align]
    ax.plot(x, y, "s" if event.back else "o", color=colour, ms=7)
    ax.text(x + nudge, y + (0.11 if event.above else -0.11), f"{event.year} {event.who}\n{event.what}",
            ha=event.align, va="bottom" if event.above else "top", color=colour, fontsize=8.5,
            linespacing=1.15)  # fmt: skip
