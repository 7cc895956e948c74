"""Exercises, predictions and pictures of lesson 05: what comes back to a hidden neuron, and to a layer."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from numpy.typing import ArrayLike

from bphelpers import functional as F
from bphelpers.data import mazur
from bphelpers.lessons.shared import drawn
from bphelpers.numeric import Array
from bphelpers.teaching import plots
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction

_X, _Y, _W1, _b1, _W2, _b2, _ = mazur()
_A1 = F.sigmoid(F.linear(_X, _W1, _b1))
_A2 = F.sigmoid(F.linear(_A1, _W2, _b2))
_dZ2 = F.sigmoid_backward(_A2 - _Y, _A2)
_dZ1 = F.sigmoid_backward(F.linear_backward(_dZ2, _A1, _W2)[0], _A1)
_x, _dz1, _dz2 = _X[0], _dZ1[0], _dZ2[0]

DNET_H2 = float(_dz1[1])  # the lesson goes on with it, whether or not 05.1 has been answered

# --- Exercise 05.1: the slope for w4 ------------------------------------------------------------------------

_slope = _A1[0, 1] * (1 - _A1[0, 1])  # of h2's sigmoid
_DW4_MISTAKES = {
    "only what comes back from o1 counts: h2 feeds o2 as well": _slope * _dz2[0] * _W2[0, 1] * _x[1],
    "only what comes back from o2 counts: h2 feeds o1 as well": _slope * _dz2[1] * _W2[1, 1] * _x[1],
    "the slope of h2's own sigmoid is left out, out_h2 * (1 - out_h2)": _x[1] * (_dz2 @ _W2[:, 1]),
    "how wrong each output is goes back, instead of its delta: multiply by the slope of its sigmoid first": (
        _slope * ((_A2 - _Y)[0] @ _W2[:, 1]) * _x[1]
    ),
    "w5 and w7 are used, which leave h1": _slope * (_dz2 @ _W2[:, 0]) * _x[1],
    "w5 and w6 are used, which lead to o1: h2 sends through w6 and w8": _slope * (_dz2 @ _W2[0]) * _x[1],
    "w7 and w8 are used, which lead to o2: h2 sends through w6 and w8": _slope * (_dz2 @ _W2[1]) * _x[1],
    "i1 is used: w4 comes from i2": _dz1[1] * _x[0],
    "what came in, i2, is left out: that is the delta of h2 itself": _dz1[1],
    "the delta of h1 is used: that gives the slope for w2": _dz1[0] * _x[1],
    "the deltas of o1 and o2 are added without their weights": _slope * _dz2.sum() * _x[1],
    "what comes back from o2 is subtracted: it adds up": (
        _slope * (_dz2[0] * _W2[0, 1] - _dz2[1] * _W2[1, 1]) * _x[1]
    ),
}

# --- Exercise 05.2: the backward pass of a layer ------------------------------------------------------------


def linear_backward(dz: Array, a: Array, W: Array) -> tuple[Array, Array, Array]:
    """For one example, what comes back to the numbers ``a``, the weights ``W`` and the biases of a layer."""
    return dz @ W, np.outer(dz, a), dz.copy()


def _layer_mistakes(dz: Array, a: Array, W: Array) -> Mistakes:
    da, dW, db = linear_backward(dz, a, W)
    last = dz[-1] * W[-1]
    outside = np.where(np.arange(len(a)) == len(a) - 1, da, 0)
    return {
        "the three are returned in another order: it is da, dW, db": (dW, db, da),
        "da and dW change places: the order is da, dW, db": (dW, da, db),
        "each neuron overwrites what the one before sent back: a[k] feeds all of them, so da[k] needs +=": (
            (last, dW, db)
        ),
        "only the first neuron sends something back: a[k] feeds all of them": (dz[0] * W[0], dW, db),
        "nothing is sent back to a: the line for da is missing": (0 * da, dW, db),
        "da is filled outside the inner loop: its line needs every k": (outside, dW, db),
        "da is multiplied by a[k] * (1 - a[k]): the sigmoid doesn't belong to the linear part": (
            (da * a * (1 - a), dW, db)
        ),
        "the line for dW is missing": (da, 0 * dW, db),
        "the line for db is missing": (da, dW, 0 * db),
        "db gets a share for each number that comes in: its line belongs in the outer loop": (
            (da, dW, db * len(a))
        ),
        "db is multiplied by what came in: plus passes on the delta as it is": (da, dW, db * a.sum()),
        "da and dW have each other's factor: dW[j, k] gets dz[j] * a[k], and da[k] gets dz[j] * W[j, k]": (
            (len(dz) * 0 * da + dz.sum() * a, dz[:, None] * W, db)
        ),
        "dW[j, k] gets the weight itself: it needs the other factor, a[k]": (da, dz[:, None] * W, db),
        "da[k] gets a[k] itself: it needs the other factor, W[j, k]": (dz.sum() * a, dW, db),
        "the deltas that come back to a are added without their weights": (
            (np.full(len(a), dz.sum()), dW, db)
        ),
        "what comes back to a is averaged over the neurons: it adds up": (da / len(dz), dW, db),
        "dW has a row for each number that comes in: it needs one for each neuron, like W": (da, dW.T, db),
    }


# --- Exercise 05.3: a step to repair ------------------------------------------------------------------------


def repaired(
    x: Array, a1: Array, dz2: Array, W1: Array, W2: Array, lr: float, *, early: bool = False
) -> tuple[Array, Array]:
    """Both layers after one step. ``early`` makes the lesson's mistake: new weights carry deltas back."""
    moved = W2 - lr * np.outer(dz2, a1)
    dz1 = dz2 @ (moved if early else W2) * a1 * (1 - a1)
    return W1 - lr * np.outer(dz1, x), moved


def _step_mistakes(x: Array, a1: Array, dz2: Array, W1: Array, W2: Array, lr: float) -> Mistakes:
    right, moved = repaired(x, a1, dz2, W1, W2, lr)
    slope = a1 * (1 - a1)

    def first(da1: Array) -> tuple[Array, Array]:
        return W1 - lr * np.outer(da1 * slope, x), moved

    return {
        "nothing has been repaired yet: W2 still moves before the deltas go back through it": (
            repaired(x, a1, dz2, W1, W2, lr, early=True)
        ),
        "each output overwrites what the one before sent back: da1[k] needs +=": first(dz2[-1] * W2[-1]),
        "the slope of the hidden neurons' sigmoid is lost": (W1 - lr * np.outer(dz2 @ W2, x), moved),
        "W2 no longer moves": (right, W2),
        "W1 no longer moves": (W1, moved),
        "nothing moves any more": (W1, W2),
        "W2 moves uphill: each weight moves against its slope": (right, 2 * W2 - moved),
        "W1 moves uphill: each weight moves against its slope": (2 * W1 - right, moved),
        "the two are the wrong way round: return W1, then W2": (moved, right),
    }


# The lesson prints six decimals, so an answer from a calculator carries about four digits.
_ROUNDED = 5e-4

EXERCISES = {
    "05.1": Exercise(_dz1[1] * _x[1], _DW4_MISTAKES, tolerance=_ROUNDED, gradient=True),
    "05.2": Exercise(
        linear_backward, _layer_mistakes, cases=drawn(5, "j, k, j k", j=(2, 3, 1, 4), k=(3, 2, 4, 1))
    ),
    "05.3": Exercise(
        repaired,
        _step_mistakes,
        cases=[
            (*case, lr)
            for case, lr in zip(
                drawn(7, "i, h, o, h i, o h", i=(2, 3), h=(3, 2), o=(2, 4)), (0.5, 0.25), strict=True
            )
        ],
    ),
}

PREDICTIONS = {
    "05.A": Prediction(
        "Set w2 to 0 and run the network again. Which of the two weights gets a slope of 0?",
        ("w1", "w2", "both"),
        answer="w1",
        explain="'w2' is tempting, because w2 is what you set to 0. But its slope is do times h, and neither"
        " is 0. It's h that no output gets, so nothing comes back to it, or to w1.",
    ),
    "05.B": Prediction(
        "o1 sends back 20 and o2 sends back −6. What comes back to h in all?",
        ("20", "14", "7"),
        answer="14",
        explain="7 is the mean, and 20 the larger of the two. But when h moves, it moves both outputs at"
        " once, so the loss moves by both amounts.",
    ),
    "05.C": Prediction(
        "Take 10,000 steps with the function before its repair. How does the loss at the end compare with"
        " that of the right one?",
        ("much higher", "about the same", "it never falls"),
        answer="about the same",
        explain="'much higher' is tempting, because half the slopes are wrong. But taken together they still"
        " point downhill here, and you take 10,000 small steps.",
    ),
}

# --- The pictures -------------------------------------------------------------------------------------------

CHAIN = (
    "Four circles in a row: x = 3, h = 6, o = 30 and L = 8. Forward, w1 = 2 leads from x to h, and w2 = 5"
    " from h to o, whose target is 26. There is no target at h."
)
CHAIN_BACK = CHAIN + " 30 − 26 = 4 comes back to o, and through w2, 4 · 5 = 20 comes back to h."


def _neuron(ax: Axes, place: tuple[float, float], inside: str, colour: str = plots.FORWARD) -> None:
    ax.plot(*place, "o", ms=48, mfc=plots.PAPER, mec=colour, mew=1.5)
    ax.text(*place, inside, ha="center", va="center", color=colour)


def _wire(
    ax: Axes, a: tuple[float, float], b: tuple[float, float], above: str, below: str = "", side: float = 0.24
) -> None:
    """An arrow from a to b with a word beside it, and one back again where something comes back."""
    (x1, y1), (x2, y2) = a, b
    long = np.hypot(x2 - x1, y2 - y1)
    along = np.array([x2 - x1, y2 - y1]) / long
    across = np.array([-along[1], along[0]])
    angle = float(np.degrees(np.arctan2(along[1], along[0])))
    for word, off, colour, back in ((above, 0.1, plots.INK, False), (below, -0.1, plots.BACKWARD, True)):
        if not word:
            continue
        tail, tip = (np.array(p) + s * 0.55 * along + off * across for p, s in ((a, 1), (b, -1)))
        if back:
            tail, tip = tip, tail
        ax.annotate("", tip, tail, arrowprops={"arrowstyle": "-|>", "lw": 1.5, "color": colour,
                                               "ls": "--" if back else "-"})  # fmt: skip
        middle = (np.array(a) + np.array(b)) / 2 + (off + side * np.sign(off)) * across
        ax.text(middle[0], middle[1], word, ha="center", va="center", color=colour, rotation=angle,
                weight="bold" if back else "normal")  # fmt: skip


def chain(*, answered: bool = False) -> Figure:
    """The first screen: one neuron in each layer; with ``answered``, what comes back to the hidden one."""
    fig = plots.new_figure(7.2, 2.25 if answered else 1.65)
    ax = plots.blank_axes(fig, (-0.7, 8.9), (-1.35 if answered else -0.75, 1.25), aspect="equal")
    circles = (("x = 3", "", ""), ("h = 6", "no target", "dh = 20"), ("o = 30", "target 26", "do = 4"),
               ("L = 8", "½ · 4²", ""))  # fmt: skip
    for k, (inside, above, below) in enumerate(circles):
        _neuron(ax, (2.75 * k, 0), inside)
        ax.text(2.75 * k, 0.72, above, ha="center", color=plots.TARGET if k in (1, 2) else plots.GREY)
        if answered:
            ax.text(2.75 * k, -0.98, below, ha="center", color=plots.BACKWARD, weight="bold")
    for k, (above, below) in enumerate((("w1 = 2", ""), ("w2 = 5", "4 · 5"), (" ", "30 − 26"))):
        _wire(ax, (2.75 * k, 0), (2.75 * k + 2.75, 0), above, below if answered else "")
    plots.titled(fig, "h gets what came back to o, times the weight w2" if answered
                 else "o has a target, and h has none")  # fmt: skip
    return fig


TWO_OUTPUTS = (
    "x = 3 feeds h = 6 through w1 = 2. h feeds two outputs, o1 = 30 through w2 = 5 and o2 = 18 through"
    " w3 = 3. The targets are 26 and 20."
)
TWO_ANSWERS = TWO_OUTPUTS + " Back to h come 4 · 5 = 20 from o1 and −2 · 3 = −6 from o2, together 14."


def two_outputs(*, answered: bool = False) -> Figure:
    """A hidden neuron that feeds two outputs; with ``answered``, what they send back."""
    fig = plots.new_figure(7.2, 3.4)
    ax = plots.blank_axes(fig, (-0.9, 8.1), (-1.95, 1.95), aspect="equal")
    x, h, o1, o2 = (0.0, 0.0), (2.8, 0.0), (5.9, 1.3), (5.9, -1.3)
    for place, inside in ((x, "x = 3"), (h, "h = 6"), (o1, "o1 = 30"), (o2, "o2 = 18")):
        _neuron(ax, place, inside)
    for place, target, back in ((o1, 26, "do1 = 4"), (o2, 20, "do2 = −2")):
        ax.text(place[0] + 0.65, place[1] + 0.12, f"target {target}", color=plots.TARGET)
        if answered:
            ax.text(place[0] + 0.65, place[1] - 0.32, back, color=plots.BACKWARD, weight="bold")
    _wire(ax, x, h, "w1 = 2")
    _wire(ax, h, o1, "w2 = 5", "4 · 5 = 20" if answered else "")
    _wire(ax, h, o2, "w3 = 3", "−2 · 3 = −6" if answered else "")
    if answered:
        ax.text(2.5, -1.0, "dh = 14", ha="center", color=plots.BACKWARD, weight="bold")
    plots.titled(fig, "What comes back to h adds up: 20 − 6 = 14" if answered
                 else "One hidden neuron, two outputs, two targets")  # fmt: skip
    return fig


_NAMES = [["i1", "i2"], ["h1", "h2"], ["o1", "o2"]]
NETWORK = (
    "Inputs i1 = 0.05 and i2 = 0.10 feed the hidden neurons h1 and h2 through w1 = 0.15, w2 = 0.20, w3 = 0.25"
    " and w4 = 0.30. These feed the outputs o1 and o2 through w5 = 0.40, w6 = 0.45, w7 = 0.50 and w8 = 0.55."
    " The biases are 0.35 in the hidden and 0.60 in the output layer, and the targets are 0.01 and 0.99."
)


def network() -> Figure:
    """The running example before anything is computed."""
    return plots.network_diagram(
        [_W1, _W2], values=[_X[0], None, None], biases=[_b1, _b2], targets=_Y[0], neuron_names=_NAMES,
        digits=2, title="w5 to w8 end at an output, and w1 to w4 at a hidden neuron",
    )  # fmt: skip


SLOPES = (
    "The network with arrows pointing back from the outputs to the hidden neurons, a slope on each line and"
    " a delta under each neuron but the inputs: o1 +0.1385, o2 −0.0381, h1 +0.0088, h2 +0.0100."
)


def slopes(dw: Sequence[float]) -> Figure:
    """The running example on the way back: eight slopes on the lines, a delta under each neuron."""
    dW1, dW2 = np.reshape(dw, (2, 2, 2))
    fig = plots.network_diagram(
        [_W1, _W2], values=[_X[0], _A1[0], _A2[0]], gradients=[dW1, dW2], deltas=[None, _dz1, _dz2],
        targets=_Y[0], neuron_names=_NAMES, direction="backward", digits=4,
        title="A delta for each neuron, a slope for each weight",
    )  # fmt: skip
    for line in (patch for patch in fig.axes[0].patches[:4] if isinstance(patch, FancyArrowPatch)):
        line.set_arrowstyle("-")  # no delta is worked out at the inputs
    return fig


FALLING = (
    "The loss over the updates, both axes logarithmic. It is 0.28 after the first, 0.006 after a hundred, and"
    " 0.0000024 after 10,000."
)


def falling(losses: Sequence[float]) -> Figure:
    """The loss of the running example while it is trained."""
    return plots.learning_curves(
        {"your network": losses},
        title=f"After one update the loss is {losses[0]:.2f}, and at the end {losses[-1]:.7f}",
        xlabel="updates", ylabel="loss L", log_x=True, log_y=True,
    )  # fmt: skip


# --- The running example as functions of eight weights and four biases, for the deeper pages ----------------

Pair = tuple[Array, Array]


def outputs(w: Array, b: Array) -> Pair:
    """What the hidden neurons and the outputs say, for w1 to w8 and the biases of h1, h2, o1 and o2."""
    W1, W2 = w.reshape(2, 2, 2)
    a1 = F.sigmoid.plain(W1 @ _x + b[:2])
    return a1, F.sigmoid.plain(W2 @ a1 + b[2:])


def loss(w: Array, b: Array) -> float:
    """The halved squares of the running example."""
    return float(np.sum((outputs(w, b)[1] - _Y[0]) ** 2) / 2)


def gradients(w: Array, b: Array, *, early: float = 0.0) -> Pair:
    """Slopes for eight weights and four biases; ``early`` is the rate of an update that came too early."""
    a1, a2 = outputs(w, b)
    dz2 = (a2 - _Y[0]) * a2 * (1 - a2)
    dW2 = np.outer(dz2, a1)
    dz1 = dz2 @ (w[4:].reshape(2, 2) - early * dW2) * a1 * (1 - a1)
    return np.append(np.outer(dz1, _x), dW2), np.append(dz1, dz2)


# --- The pictures of deeper/05_biases_and_steps.ipynb -------------------------------------------------------

BIASES = (
    "The loss over the updates, both axes logarithmic. All three curves fall. After 10,000 updates the loss"
    " is 3.5e-5 with fixed biases, 4.4e-6 with one for each layer, and 2.4e-6 with one for each neuron."
)


def biases_compared(runs: Mapping[str, ArrayLike]) -> Figure:
    """The loss with fixed, shared and free biases, without the value before the first update."""
    return plots.learning_curves(
        {name: np.asarray(losses)[1:] for name, losses in runs.items()}, accent="one for each neuron",
        title="With free biases, the loss ends at a tenth or less", xlabel="updates", ylabel="loss L",
        log_x=True, log_y=True,
    )  # fmt: skip


_START = np.append(_W1, _W2), np.append(_b1, _b2)
_SHIFTS = np.linspace(-6, 6, 121)


def turned(number: int, change: float) -> Array:
    """The eight first weights, one of them changed."""
    return np.asarray(_START[0] + change * (np.arange(1, 9) == number))


def draw_knob(fig: Figure, number: int, change: float) -> Callable[[int, float], None]:
    """The loss as one weight changes, and the line that its slope promises."""
    ax = fig.add_subplot(ylabel="loss L", ylim=(-0.1, 0.8), xlim=(-6, 6))
    now, dw = loss(*_START), gradients(*_START)[0]

    def update(number: int, change: float) -> None:
        curve = [loss(turned(number, shift), _START[1]) for shift in _SHIFTS]
        ax.plot(_SHIFTS, curve, color=plots.FORWARD)
        ax.plot(_SHIFTS, now + dw[number - 1] * _SHIFTS, "--", color=plots.BACKWARD)
        ax.plot(change, loss(turned(number, change), _START[1]), "o", color=plots.FORWARD)
        ax.plot(change, now + dw[number - 1] * change, "s", color=plots.BACKWARD)
        ax.text(
            0.02, 0.95, "solid: the loss   dashed: what the slope promises", transform=ax.transAxes, va="top"
        )
        ax.set_xlabel(f"change of w{number}")
        ax.set_title("Near zero the line and the curve are one, further out they part")

    return update


def describe_knob(number: int, change: float) -> str:
    """The picture in words."""
    promised = loss(*_START) + gradients(*_START)[0][number - 1] * change
    return (
        f"With w{number} changed by {change:+.2f}, the slope promises a loss of {promised:.4f}, and the"
        f" network has {loss(turned(number, change), _START[1]):.4f}."
    ).replace("-", "−")
