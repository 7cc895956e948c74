"""Exercises and predictions of lesson 10, and pictures of its deeper page."""

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bphelpers import data
from bphelpers import functional as F
from bphelpers.numeric import Array
from bphelpers.teaching import plots
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction


def _xor(x1: float, x2: float) -> Mistakes:
    either, both = x1 + x2 > 0.5, x1 + x2 > 1.5
    said = {
        "the second hidden unit is ignored: that is OR": either,
        "the first hidden unit is ignored or fires late: that is AND": both,
        "every answer is turned around": both or not either,
        "the output fires where neither input is on": not either,
        "the output fires unless both inputs are on": not both,
    }
    return {clause: float(fires) for clause, fires in said.items()}


_study = data.worked_example("study_sleep")
_x, _W1, _w2 = _study["X"][0], _study["W1_in_by_hidden"], _study["W2"]
_sums = _x @ _W1
_a = F.sigmoid(_sums)


def _output(a: Array) -> float:
    return float(F.sigmoid(a @ _w2))


_published = {
    "the printed second sum 7.5 is kept; its sigmoid is right": _output(F.sigmoid([_sums[0], 7.5, _sums[2]])),
    "the published answer is kept": 0.8579443067,
    "the number above 1 is kept": _output(np.array([_a[0], 1.000553084, _a[2]])),
    "the output has no sigmoid": float(_a @ _w2),
    "the hidden neurons have no sigmoid": _output(_sums),
    "neither layer has a sigmoid": float(_sums @ _w2),
    "the six weights are read column by column": _output(F.sigmoid(_x @ _W1.reshape(3, 2).T)),
    "the inputs are scaled; the published calculation takes them as they are": (
        _output(F.sigmoid(np.array([2 / 3, 1.0]) @ _W1))
    ),
    "the answer is multiplied by 100 already": 100 * _output(_a),
}

_X, _y = data.symmetry()
_symmetric, _left, _mirrored = _y[:, 0] == 1, _X[:, :3], _X[:, :2:-1]


def _fooled(w: Array) -> NDArray[np.bool_]:
    """For each of the 64 patterns: does it give the sum 0 without being symmetric?"""
    return ((_left - _mirrored) @ w == 0) & ~_symmetric


def _fooled_mistakes(w: Array) -> Mistakes:
    at_zero, in_order = (_left - _mirrored) @ w == 0, (_left - _X[:, 3:]) @ w == 0
    return {
        "the 8 symmetric patterns are marked as well": at_zero,
        "the 8 symmetric patterns are marked instead": at_zero & _symmetric,
        "the last three places are left out": (_left @ w == 0) & ~_symmetric,
        "the weights are always 1, 2, 3, whatever w is": _fooled(np.array([1.0, 2.0, 3.0])),
        "place 1 is compared with place 4, where its mirror place is 6": in_order & ~_symmetric,
        "place 1 is compared with place 4 (its mirror place is 6), and 8 patterns too many are marked": (
            in_order
        ),
        "mirrored places are added; their weights are opposite": ((_left + _mirrored) @ w == 0) & ~_symmetric,
        "the patterns that are not fooled are marked": ~_fooled(w),
    }


EXERCISES = {
    "10.1": Exercise(
        lambda x1, x2: float(0.5 < x1 + x2 <= 1.5),
        _xor,
        cases=[(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)],
    ),
    "10.2": Exercise(_output(_a), _published, tolerance=2e-5),
    "10.3": Exercise(
        _fooled,
        _fooled_mistakes,
        cases=[(np.array(w),) for w in ([1.0, 2.0, 3.0], [1.0, 2.0, 4.0], [1.0, 1.0, 2.0], [3.0, -1.0, 1.0])],
    ),
}

PREDICTIONS = {
    "10.A": Prediction(
        "Of the four examples of the last round, how many does the neuron get right when it is shown them?",
        low=0,
        high=4,
        judged="difference",
    ),
    "10.B": Prediction("What share of 400 starts learns XOR with two hidden neurons?", low=0, high=1),
    "10.C": Prediction(
        "How many of 400 starts learn XOR with one hidden neuron and two direct wires?",
        low=0,
        high=400,
        unit="starts",
        judged="difference",
    ),
    "10.D": Prediction(
        "Which of these printed numbers is impossible, whatever the inputs and the weights are?",
        ("7.6", "7.5", "0.999499799", "1.000553084", "1.79832", "0.8579443067"),
    ),
    "10.E": Prediction(
        "What share of 200 starts has learned symmetry after 3,000 sweeps at the printed learning rate?",
        low=0,
        high=1,
    ),
}


# --- Pictures of the deeper page: parity and encoders -------------------------------------------------


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
    plots.titled(fig, "Four units count up or down, and the output (dashed) adds and subtracts them")
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
