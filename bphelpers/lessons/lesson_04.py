"""Exercises, predictions and pictures of lesson 04: slopes along a route, backward passes in plain code."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from bphelpers import functional as F
from bphelpers.data import worked_example
from bphelpers.numeric import Array
from bphelpers.teaching import plots
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction

# --- Exercise 04.1: another input, on paper ---------------------------------------------------------------

_W, _X, _B, _Y = 3, 5, -2, 9
_U = _W * _X
_Z = _U + _B
_DZ = 2 * (_Z - _Y)

_PAPER_MISTAKES = {
    "4 stands where 8 belongs: the square brings a 2 with it, and plus passes on the whole, not a half": (
        (_DZ // 2 * _X, _DZ // 2)
    ),
    "dw lacks a 2: what comes back to line 1 is the same number as db": (_DZ // 2 * _X, _DZ),
    "db lacks a 2: it is what comes back to line 2, and plus passes on the whole": (_DZ * _X, _DZ // 2),
    "dz is 16, as it is for z = 15 + 2, for L, or with a 2 too many: line 3 gives 2 · (z − y)": (
        (2 * _DZ * _X, 2 * _DZ)
    ),
    "the way back begins with L: it begins with dL = 1": (_DZ * (_Z - _Y) ** 2 * _X, _DZ * (_Z - _Y) ** 2),
    "both signs are turned round: the miss is z − y, and that is positive": (-_DZ * _X, -_DZ),
    "the slope of the square is taken at z, without the y: it is 2 · (z − y)": (2 * _Z * _X, 2 * _Z),
    "z is taken without the b: it is u + b": (2 * (_U - _Y) * _X, 2 * (_U - _Y)),
    "dz is still the 6 of the picture: work it out for these numbers": (6 * _X, 6),
    "du is multiplied by w: times swaps, so dw is du times x": (_DZ * _W, _DZ),
    "du is multiplied by u: times swaps, so dw is du times x": (_DZ * _U, _DZ),
    "dw is only the local slope of line 1: multiply it by what comes back": (_X, _DZ),
    "dw is u, the value of line 1: it is what comes back to that line, times x": (_U, _DZ),
    "dz and x are added: slopes along a route multiply": (_DZ + _X, _DZ),
    "the 8 is not passed on to b: plus passes on the whole": (_DZ * _X, 1),
    "db is 0, as if b stood still for good: here it may be turned, and plus passes on the whole": (
        (_DZ * _X, 0)
    ),
    "db is b itself: it is how fast L moves when b does, and plus passes on the whole": (_DZ * _X, _B),
    "db is multiplied by b: z moves as fast as b, wherever b stands": (_DZ * _X, _DZ * _B),
    "db is multiplied by x: b isn't multiplied by anything on its way to z": (_DZ * _X, _DZ * _X),
    "the slopes along the route are added: they multiply": (_DZ + 1 + _X, _DZ + 1),
    "only the slopes nearest to w and b are given: the rest of the route is missing": (_X, 1),
    "the input is still 2, the bias 1 and the target 4, as in the picture": (12, 6),
    "the two are the wrong way round": (_DZ, _DZ * _X),
    "you give u and z, the values on the way forward: dw and db come from the way back": (_U, _Z),
    "dw isn't finished: the 8 that comes back to line 1 still has to be multiplied by x": (_DZ, _DZ),
}


# --- Exercise 04.2: a neuron and two examples ---------------------------------------------------------------


class LossAndSlopes(NamedTuple):
    """The results of exercise 04.2; a reply calls them by these names."""

    L: float
    dw: float
    db: float


def loss_and_slopes(w: float, b: float, x1: float, y1: float, x2: float, y2: float) -> LossAndSlopes:
    """The loss of one neuron on two examples, and how fast it moves with ``w`` and with ``b``."""
    x, y = np.array([x1, x2]), np.array([y1, y2])
    p = F.sigmoid(w * x + b)
    dz = 2 * (p - y) * p * (1 - p)
    return LossAndSlopes(float(np.sum((p - y) ** 2)), float(np.sum(dz * x)), float(np.sum(dz)))


def _two_mistakes(w: float, b: float, x1: float, y1: float, x2: float, y2: float) -> Mistakes:
    x = np.array([x1, x2])
    z = w * x + b
    p = F.sigmoid(z)
    off = p - np.array([y1, y2])
    dz = 2 * off * p * (1 - p)
    (dw1, dw2), (db1, db2) = dz * x, dz
    dw, db = dw1 + dw2, db1 + db2
    slopes = {
        "only the second example counts: w and b are used by both, so what comes back adds up": (dw2, db2),
        "the second example is overwritten by the first: where a name gets a further share, write +=": (
            dw1, db1
        ),
        "dw adds up and db is overwritten: b is used twice as well": (dw, db1),
        "db adds up and dw is overwritten: w is used twice as well": (dw1, db),
        "dw adds up, and only the second example's db counts": (dw, db2),
        "db adds up, and only the second example's dw counts": (dw2, db),
        "the slope of the sigmoid is left out: lines 3 and 6 have the slope p * (1 - p)": (
            np.sum(2 * off * x), np.sum(2 * off)
        ),
        "dw and db are half as large: is the 2 of the squares lost, or is it a mean? The loss is the sum": (
            dw / 2, db / 2
        ),
        "the square is handed back, not its slope: line 7 has the slope 2 * (p - y)": (
            np.sum(off * dz * x) / 2, np.sum(off * dz) / 2
        ),
        "what comes back is multiplied by w: times swaps, so dw gets du1 times x1": (db * w, db),
        "line 1 or 4 is missing its factor: towards w, the slope of w * x1 is x1": (db, db),
        "the slope of the sigmoid is taken at z, not at p: it is p * (1 - p)": (
            np.sum(2 * off * z * (1 - z) * x), np.sum(2 * off * z * (1 - z))
        ),
        "the second example's share is subtracted: what comes back adds up": (dw1 - dw2, db1 - db2),
        "the sign is turned round: it is p - y, not y - p": (-dw, -db),
        "dw and db are the wrong way round": (db, dw),
    }  # fmt: skip
    loss = np.sum(off**2)
    return {clause: (loss, *pair) for clause, pair in slopes.items()} | {
        "the loss is the mean, and so are its slopes: this time it is the sum": (loss / 2, dw / 2, db / 2),
        "the loss stands last: return the loss, then dw, then db": (dw, db, loss),
    }


# --- Exercise 04.3: a pass to repair ------------------------------------------------------------------------


class Slopes(NamedTuple):
    """The results of exercise 04.3."""

    da: float
    db: float


def repaired(a: float, b: float) -> Slopes:
    """Towards ``a`` and ``b``, the slopes of f = s · t with s = a · b and t = s + a."""
    s = a * b
    ds = (s + a) + s
    return Slopes(s + ds * b, ds * a)


def _repair_mistakes(a: float, b: float) -> Mistakes:
    s, t = a * b, a * b + a
    both = t + s
    return {
        "nothing has been repaired yet": (s + s * a, s * b),
        "line 2 is repaired, but line 1 still multiplies by the wrong factors: times swaps": (
            s + both * a, both * b
        ),
        "line 2 and da are repaired, but db still gets the wrong factor: times swaps": (
            s + both * b, both * b
        ),
        "line 2 and db are repaired, but da still gets the wrong factor: times swaps": (
            s + both * a, both * a
        ),
        "line 1 is repaired, but line 2 still overwrites what line 3 gave to ds: s is used twice": (
            s + s * b, s * a
        ),
        "line 2 gives nothing to ds: t = s + a uses s as well": (s + t * b, t * a),
        "line 1 overwrites what line 2 gave to da: a is used twice": (both * b, both * a),
        "line 1 gives nothing to da: s = a * b uses a as well": (s, both * a),
        "ds and dt are swapped in line 3, and line 2 works with the wrong one": (t + both * b, both * a),
        "line 2 passes on ds instead of dt": (t + 2 * t * b, 2 * t * a),
        "da and db are the wrong way round": (both * a, s + both * b),
        "48 and 28 come back for every a and b: the function has to work them out": (48.0, 28.0),
    }  # fmt: skip


EXERCISES = {
    "04.1": Exercise((_DZ * _X, _DZ), _PAPER_MISTAKES),
    "04.2": Exercise(
        loss_and_slopes,
        _two_mistakes,
        cases=[
            (0.0, 0.0, 1.0, 0.0, 3.0, 1.0),
            (0.7, -0.4, 2.0, 1.0, -1.5, 0.25),
            (-1.2, 0.5, 0.3, 0.9, 2.5, 0.1),
        ],
    ),
    "04.3": Exercise(repaired, _repair_mistakes, cases=[(2.0, 3.0), (-1.5, 0.4), (0.5, -4.0)]),
}

PREDICTIONS = {
    "04.A": Prediction(
        "Begin with w = 4 instead of 3. Which of the three slopes on the arrows changes?",
        ("the first", "the last", "none"),
        answer="the last",
        explain="The first is tempting, because w is what you changed. But u is twice w, so it moves twice as"
        " fast as w, wherever w stands.",
    ),
    "04.B": Prediction(
        "L moves 6 times as fast as z, and z = u + b. What do u and b get of this 6?",
        ("half each", "the whole each", "each its share of the sum"),
        answer="the whole each",
        explain="A share is tempting, because u is 6 and b is only 1. But z moves as fast as u, and as fast"
        " as b. Nothing is handed out here that could run short.",
    ),
    "04.C": Prediction(
        "If you turn w up a little, does f rise or fall?",
        ("rises", "falls"),
        answer="rises",
        explain="Falls is what you get when you look at the product only and hold s where it is.",
    ),
}

# --- The pictures -------------------------------------------------------------------------------------------

CHAIN = (
    "Four circles in a row: w = 3, u = 2 · w = 6, z = u + 1 = 7 and L = (z − 4)² = 9. The slopes on the"
    " arrows are 2, 1 and 6. Below the circles, by how much each value goes up: w by 0.01, u by 0.02, z by"
    " 0.02 and L by 0.12."
)


def chain() -> Figure:
    """The first screen: one weight, its route to the loss, and a nudge that travels along it."""
    fig = plots.new_figure(7.2, 2.3)
    ax = plots.blank_axes(fig, (-0.75, 7.95), (-1.2, 1.05), aspect="equal")
    circles = [
        ("w = 3", "", 0.01),
        ("u = 6", "2 · w", 0.02),
        ("z = 7", "u + 1", 0.02),
        ("L = 9", "(z − 4)²", 0.12),
    ]
    for k, (inside, above, moved) in enumerate(circles):
        ax.plot(2.4 * k, 0, "o", ms=46, mfc=plots.PAPER, mec=plots.FORWARD, mew=1.5)
        ax.text(2.4 * k, 0, inside, ha="center", va="center", color=plots.FORWARD)
        ax.text(2.4 * k, 0.72, above, ha="center", color=plots.GREY)
        ax.text(2.4 * k, -0.95, f"+{moved}", ha="center", color=plots.UPDATE, weight="bold")
    for k, slope in enumerate((2, 1, 6)):
        ax.annotate("", (2.4 * k + 1.75, 0), (2.4 * k + 0.65, 0),
                    arrowprops={"arrowstyle": "-|>", "lw": 1.6, "color": plots.INK})  # fmt: skip
        ax.text(2.4 * k + 1.2, 0.14, f"{slope}", ha="center", weight="bold", size=12)
    plots.titled(fig, "Turn w up, and L goes up 2 · 1 · 6 = 12 times as far")
    return fig


GEARS = (
    "Three gear wheels in a row, with 30, 10 and 20 teeth. The first has turned by 30 degrees, the second by"
    " 90 degrees the other way, and the third by 45 degrees in the direction of the first. The rates are"
    " −3 and −½."
)


def gears() -> Figure:
    """Three wheels after a turn of the first by 30 degrees."""
    fig = plots.new_figure(6.0, 3.2)
    ax = plots.blank_axes(fig, (-3.4, 9.4), (-4.6, 3.3), aspect="equal")
    around = np.linspace(0, 2 * np.pi, 721)
    wheels = ((30, 0.0, 30, "#C4C4C4"), (10, 4.0, -90, "#9A9A9A"), (20, 7.0, 45, "#C4C4C4"))
    for teeth, place, turn, shade in wheels:
        angle = np.radians(turn)
        radius = 0.098 * teeth + 0.12 * np.clip(1.5 * np.sin(teeth * around), -1, 1)
        ax.fill(
            place + radius * np.cos(around + angle),
            radius * np.sin(around + angle),
            color=shade,
            lw=0,
            ls="-",
        )
        tip = place - 0.075 * teeth * np.sin(angle), 0.075 * teeth * np.cos(angle)
        ax.plot([place, tip[0]], [0, tip[1]], "-", color=plots.FORWARD, lw=4)
        ax.text(place, -teeth / 10 - 0.35, f"{teeth} teeth\n{turn:+d}°", ha="center", va="top")
    for place, rate in ((3.7, "−3"), (5.6, "−½")):
        ax.text(place, 2.2, f"rate {rate}", ha="center")
    plots.titled(fig, "Rates in a row multiply: (−3) · (−½) = 1½")
    return fig


BACKWARD = (
    "The small network as a graph. On each line the value stands above and the slope of the loss below:"
    " L = 9 with dL = 1, z = 7 with dz = 6, u = 6 with du = 6, b = 1 with db = 6, w = 3 with dw = 12, and"
    " x = 2 with dx = 18."
)


def backward() -> Figure:
    """The first network, values above its lines and slopes of the loss below them."""
    return plots.computation_graph(
        {"u": ("×", ("w", "x")), "z": ("+", ("u", "b")), "L": ("(z−y)²", ("z",))},
        {"w": (0, 0), "x": (0, 1), "u": (1, 0.5), "b": (1, 1.7), "z": (2, 1), "L": (3.12, 1)},
        values={"w": 3, "x": 2, "b": 1, "u": 6, "z": 7, "L": 9},
        derivatives={"L": 1, "z": 6, "u": 6, "b": 6, "w": 12, "x": 18},
        digits=0,
        title="The slopes of the loss flow back, from right to left",
    )


SIGMOID = (
    "The sigmoid over z from −8 to 8, and below it its slope. The slope is 0.25 at 0, where the sigmoid is"
    " steepest, and close to 0 at both ends, where the sigmoid is flat."
)


def draw_sigmoid() -> Figure:
    """The sigmoid and its slope."""
    fig = plots.new_figure(6.4, 2.8)
    ax = fig.add_subplot(xlabel="z", ylim=(-0.03, 1.08))
    z = np.linspace(-8, 8, 321)
    a = F.sigmoid(z)
    ax.plot(z, a, color=plots.FORWARD)
    ax.plot(z, a * (1 - a), "--", color=plots.BACKWARD)
    ax.text(2.6, 0.8, "a, the sigmoid", color=plots.FORWARD)
    ax.text(1.9, 0.17, "a(1 − a), its slope", color=plots.BACKWARD)
    ax.set_title("Steepest in the middle, and nearly flat far out")
    return fig


FORK = (
    "A graph in which w = 5 goes into s = w − 8 = −3 and also straight into the product f = w · s = −15. What"
    " comes back along the two lines is 5, through s, and −3, straight. Together dw = 2."
)


def fork() -> Figure:
    """A value that is used twice."""
    return plots.computation_graph(
        {"s": ("−8", ("w",)), "f": ("×", ("w", "s"))},
        {"w": (0, 1.1), "s": (1, 0), "f": (2, 0.8)},
        values={"w": 5, "s": -3, "f": -15},
        derivatives={"f": 1, "s": 5, ("w", "s"): 5, ("w", "f"): -3, "w": 2},
        digits=0,
        title="Two routes add up: 5 + (−3) = 2",
    )


FITTED = (
    "The neuron's output over its input, with the examples (1, 0) and (3, 1). At the start the output is 0.5"
    " everywhere. After 5 steps it rises from left to right. After 1000 steps it rises steeply between the"
    " two examples and comes close to both."
)


def fitted(x: Sequence[float], y: Sequence[float], curves: dict[str, tuple[float, float]]) -> Figure:
    """Two examples, and the neuron's output over its input for each pair of weight and bias."""
    fig = plots.new_figure(6.4, 3.0)
    ax = fig.add_subplot(xlabel="input x", ylabel="output p", ylim=(-0.2, 1.2))
    grid = np.linspace(0, 4, 161)
    styles = ((":", plots.GREY), ("--", plots.GREY), ("-", plots.FORWARD))
    for (name, (w, b)), (line, colour) in zip(curves.items(), styles, strict=True):
        p = F.sigmoid(w * grid + b)
        ax.plot(grid, p, line, color=colour)
        ax.annotate(name, (grid[-1], p[-1]), (4, 0), textcoords="offset points", va="center", color=colour)
    ax.plot(x, y, "o", ms=9, color=plots.TARGET)
    for k, place in enumerate(zip(x, y, strict=True), start=1):
        ax.annotate(f"example {k}", place, (0, 9 if k > 1 else -18), textcoords="offset points", ha="center",
                    color=plots.TARGET)  # fmt: skip
    ax.set_title("The neuron bends towards both examples")
    return fig


# --- The slider: a neuron, line by line -------------------------------------------------------------------

_STEPS = {
    "u1": ("×", ("w1", "x1")), "u2": ("×", ("w2", "x2")), "z": ("+", ("u1", "u2", "b")), "p": ("σ", ("z",)),
    "L": ("(p−y)²", ("p",)),
}  # fmt: skip
_PLACES = {
    "w1": (0, 0), "x1": (0, 1), "w2": (0, 2.3), "x2": (0, 3.3), "b": (1, 4.2), "u1": (1, 0.5), "u2": (1, 2.8),
    "z": (2, 2), "p": (3, 2), "L": (4.12, 2),
}  # fmt: skip
LINES = {
    "u1": "u1 = w1 * x1", "u2": "u2 = w2 * x2", "z": "z = u1 + u2 + b", "p": "p = sigmoid(z)",
    "L": "L = (p - y) ** 2", "dL": "dL = 1", "dp": "dp = dL * 2 * (p - y)", "dz": "dz = dp * p * (1 - p)",
    "du1": "du1 = dz", "du2": "du2 = dz", "db": "db = dz", "dw2": "dw2 = du2 * x2", "dw1": "dw1 = du1 * x1",
}  # fmt: skip


def one_neuron(change: float = 0.0) -> dict[str, float]:
    """What the neuron of the lesson is given, and then each of its lines; the bias moved by ``change``."""
    example = worked_example("one_neuron")
    (x1, x2), (w1, w2) = example["x"].tolist(), example["w"].tolist()
    known = {"x1": x1, "w1": w1, "x2": x2, "w2": w2, "b": example["b"] + change, "y": example["target"]}
    for name, line in LINES.items():
        known[name] = float(
            eval(line.partition("=")[2], {"sigmoid": lambda z: F.sigmoid(np.float64(z))}, known)
        )
    return known


def draw_walk(fig: Figure, step: int, change: float) -> Callable[..., None]:
    """The neuron as a graph, with what is known after so many lines."""
    fig.text(
        0.02,
        0.97,
        "Each orange number is the one to its right, times a slope",
        weight="bold",
        size=12,
        va="top",
    )
    ax = fig.add_axes((0, 0, 1, 0.92))

    def update(step: int, change: float) -> None:
        known, done = one_neuron(change), list(LINES)[:step]
        values = {name: known[name] for name in ("x1", "w1", "x2", "w2", "b")}
        values |= {name: known[name] for name in done if name in _STEPS}
        derivatives: dict[str | tuple[str, str], float] = {
            name[1:]: known[name] for name in done if name not in _STEPS
        }
        now = done[-1].removeprefix("d") if done else None
        plots.computation_graph(_STEPS, _PLACES, values=values, derivatives=derivatives, now=now, ax=ax)
        if done:
            colour = plots.FORWARD if done[-1] in _STEPS else plots.BACKWARD
            fig.text(0.52, 0.14, LINES[done[-1]], size=12, color=colour, family="monospace")

    return update


def describe_walk(step: int, change: float) -> str:
    """The picture in words."""
    known, done = one_neuron(change), list(LINES)[:step]
    if not done:
        return f"Only the inputs, the weights and the bias {known['b']:.2f} are known."
    first = f"Bias {known['b']:.2f}, after line {step} of {len(LINES)}, {LINES[done[-1]]}. "
    return first + ", ".join(f"{name} {known[name]:.4f}" for name in done) + "."


# --- The pictures of deeper/04_how_small_a_nudge.ipynb and deeper/04_confidently_wrong.ipynb ----------------

ERRORS = (
    "Relative errors over the step h, two of them U-shaped. The one-sided difference is best near h = 7e-8"
    " and the centred one near 4e-5, where stars mark the estimates. The complex step falls beside the"
    " centred difference and stays down."
)

Estimate = Callable[[Array], Array]


def draw_errors(
    steps: Array,
    errors: Mapping[str, Sequence[float]],
    estimates: Mapping[str, tuple[Estimate, float]],
) -> Figure:
    """The errors of three ways to measure a slope, with the estimates for two of them."""
    fig = plots.new_figure(7.2, 4.4)
    ax = fig.add_subplot(xlabel="step h", ylabel="relative error")
    looks = {"one-sided": ("s", plots.GREY, (3e-5, 1e-3)), "centred": ("o", plots.BACKWARD, (4e-9, 1e-11)),
             "complex step": ("^", plots.FORWARD, (3e-14, 2e-15))}  # fmt: skip
    for name, (marker, colour, place) in looks.items():
        ax.loglog(steps, np.maximum(errors[name], 1e-17), marker, ms=3.5, color=colour, ls="none")
        ax.text(*place, name, color=colour)
    for name, (estimate, best) in estimates.items():
        colour = looks[name][1]
        ax.loglog(steps, estimate(steps), "-", lw=0.9, color=colour)
        ax.plot(best, estimate(np.array(best)), "*", ms=13, color=colour, mec="white", zorder=5)
    ax.set(xlim=(2e-17, 3), ylim=(5e-18, 30))
    ax.set_title("A smaller step helps, until rounding takes over")
    return fig


DELTAS = (
    "Delta over z for the target 1. Under cross-entropy it goes from 0 on the right to −1 on the left. Under"
    " squared error it dips to −0.148 near z = −0.7 and returns to 0 on the left."
)

Delta = Callable[[Array, int], Array]


def draw_deltas(cross_entropy: Delta, squared: Delta) -> Figure:
    """The delta of a sigmoid under two losses, for the target 1."""
    fig = plots.new_figure(7.0, 3.6)
    ax = fig.add_subplot(xlabel="sum z (the target is 1, so the left end is wrong)", ylabel="delta")
    z = np.linspace(-10, 6, 321)
    p = F.sigmoid(z)
    ax.plot(z, cross_entropy(p, 1), color=plots.BACKWARD)
    ax.plot(z, squared(p, 1), "--", color=plots.INK)
    ax.text(-8, -0.94, "cross-entropy", color=plots.BACKWARD)
    ax.text(-8, -0.06, "squared error", va="top")
    ax.set(ylim=(-1.1, 0.1))
    ax.set_title("Confidently wrong, and squared error says next to nothing")
    return fig
