"""Exercises, predictions and pictures of lesson 06: a layer's backward pass in matrices, for any depth."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bphelpers import functional as F
from bphelpers.lessons.shared import Arrays, first_weights
from bphelpers.numeric import Array, numerical_gradient
from bphelpers.teaching import plots
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction
from bphelpers.teaching.exercises.differences import Unreadable

# The layer of the first screen and its batch of two examples, of which the first screen shows the first.
W = np.array([[1, 4], [2, 3], [5, -1]])
A = np.array([[2, 1], [-1, 2]])
DZ = np.array([[2, -1, 1], [1, 3, -2]])


# --- Any number of layers -----------------------------------------------------------------------------------


def fresh(sizes: Sequence[int], seed: int) -> Arrays:
    """Random weights, and biases of 0, for sigmoid layers of these sizes, inputs first."""
    return first_weights(sizes, seed, scale=2)


def forward_all(X: Array, p: Mapping[str, Array]) -> list[Array]:
    """What comes in, and what each layer of sigmoid neurons puts out."""
    A = [X]
    for layer in range(1, len(p) // 2 + 1):
        A.append(F.sigmoid.plain(A[-1] @ p[f"W{layer}"].T + p[f"b{layer}"]))
    return A


def backward_all(dA: Array, A: Sequence[Array], p: Mapping[str, Array]) -> Arrays:
    """The gradient of every weight and bias, from the slopes at the outputs and all activations."""
    grads: Arrays = {}
    for layer in range(len(A) - 1, 0, -1):
        dZ = dA * A[layer] * (1 - A[layer])
        grads[f"W{layer}"] = dZ.T @ A[layer - 1]
        grads[f"b{layer}"] = dZ.sum(axis=0)
        dA = dZ @ p[f"W{layer}"]
    return grads


def nudged(loss: Callable[..., float], p: Arrays, *data: Array) -> Arrays:
    """The slope of ``loss(p, *data)`` with respect to every number in ``p``, each nudged up and down."""

    def slope(name: str) -> Array:
        return numerical_gradient(lambda moved: loss(p | {name: moved}, *data), p[name])

    return {name: slope(name) for name in p}


# --- Exercise 06.1: a batch on paper ------------------------------------------------------------------------

_PAPER_W = np.array([[1, 2], [3, -1]])
_PAPER_A = np.array([[1, 2], [3, 0]])
_PAPER_DZ = np.array([[2, 1], [-1, 3]])
_PAPER_DA, _PAPER_DW = (_PAPER_DZ @ _PAPER_W)[0], _PAPER_DZ.T @ _PAPER_A


def _paper_mistakes() -> Mistakes:
    first, second = (np.outer(dz, a) for dz, a in zip(_PAPER_DZ, _PAPER_A, strict=True))
    da = {
        "da reads the rows of W: input 1 collects down column 1": _PAPER_W @ _PAPER_DZ[0],
        "da belongs to the second example": _PAPER_DZ[1] @ _PAPER_W,
        "da is added up over the examples: each example has its own": (_PAPER_DZ @ _PAPER_W).sum(axis=0),
        "da is the sum forward: it takes the deltas, not what came in": _PAPER_W @ _PAPER_A[0],
    }
    dW = {
        "dW lies on its side: it has a row for each neuron, like W": _PAPER_DW.T,
        "dW holds the first example's table only: add the second": first,
        "dW holds the second example's table only: add the first": second,
        "the two tables are averaged: they add up": _PAPER_DW / 2,
        "dW multiplies number by number: a table has every delta times every input": _PAPER_DZ * _PAPER_A,
        "dW comes from the rows of dZ: the deltas of one neuron are a column of dZ": (_PAPER_DZ @ _PAPER_A),
    }
    mistakes: Mistakes = {clause: (wrong, _PAPER_DW) for clause, wrong in da.items()}
    mistakes |= {clause: (_PAPER_DA, wrong) for clause, wrong in dW.items()}
    mistakes |= {f"{one}. And {two}": (da[one], dW[two]) for one in da for two in dW}
    return mistakes | {"da and dW have changed places: da comes first": (_PAPER_DW, _PAPER_DA)}


# --- Exercise 06.2: the backward pass of a whole network ----------------------------------------------------


class _Activations(list[Array]):
    """All activations of a network; who asks for one too many is told how many there are."""

    __name__ = "list"  # what check calls it

    def __getitem__(self, layer: Any) -> Any:
        try:
            return super().__getitem__(layer)
        except IndexError:
            last = len(self) - 1
            raise Unreadable(
                f"There is no A[{layer}]: this network has {last} layer{'s' * (last > 1)}, and `A` one entry"
                f" more than there are layers, from A[0] to A[{last}]."
            ) from None


def _network_case(seed: int, width: int, layers: int, n: int) -> tuple[Array, list[Array], Arrays]:
    """What backward_all is called with. Layers of one width, so that a wrong transpose runs and is named."""
    rng = np.random.default_rng(seed)
    sizes = [width] * (layers + 1)
    p: Arrays = {name: rng.normal(size=array.shape) for name, array in fresh(sizes, 0).items()}
    A = _Activations(forward_all(rng.normal(size=(n, width)), p))
    return rng.normal(size=(n, width)), A, p


def _faulty_pass(dA: Array, A: Sequence[Array], p: Arrays, fault: str) -> Arrays:
    grads: Arrays = {}
    last = len(A) - 1
    for layer in range(last, 0, -1):
        a, came_in, W = A[layer], A[layer - 1], p[f"W{layer}"]
        flat = np.ones_like(a)
        slopes = {
            "no slope": flat,
            "no slope but in the last layer": flat if layer < last else a * (1 - a),
            "no slope in the last layer": flat if layer == last else a * (1 - a),
            "half a slope": 1 - a,
            "a for its slope": a,
            "tanh": 1 - a**2,
            "slope of what came in": came_in * (1 - came_in),
            "sigmoid twice": F.sigmoid(a) * (1 - F.sigmoid(a)),
        }
        dZ = dA * slopes.get(fault, a * (1 - a))
        dW, db = dZ.T @ (a if fault == "what went out" else came_in), dZ.sum(axis=0)
        weights = {"on its side": dW.T, "averaged": dW / len(a), "dW averaged": dW / len(a)}
        biases = {
            "averaged": db / len(a),
            "db averaged": db / len(a),
            "db of one": dZ[0],
            "db with axis": db[None, :],
            "db of all": np.full_like(db, dZ.sum()),
        }
        grads |= {f"W{layer}": weights.get(fault, dW), f"b{layer}": biases.get(fault, db)}
        back = {
            "turned": dZ @ W.T,
            "no W": dZ,
            "dA from dA": dA @ W,
            "never moves on": dA,
            "the layer before's W": dZ @ p[f"W{max(layer - 1, 1)}"],
            "the next layer's W": dZ @ p[f"W{min(layer + 1, last)}"],
        }
        dA = back.get(fault, dZ @ W)
    return grads


_PASS_FAULTS = {
    "turned": "dA is dZ @ W.T: back to the inputs you need the columns of W, and `@` takes them as they are",
    "no slope": "the slope of the sigmoid is left out: dZ is dA * A[layer] * (1 - A[layer])",
    "half a slope": "only half of the slope is there: it is A[layer] * (1 - A[layer])",
    "a for its slope": "the activation stands where its slope belongs: A[layer] * (1 - A[layer])",
    "tanh": "the slope is that of tanh: the sigmoid's is A[layer] * (1 - A[layer])",
    "slope of what came in": "the slope is taken at A[layer - 1]: the layer puts out A[layer]",
    "sigmoid twice": "sigmoid is applied once more: A[layer] is already its output",
    "no slope but in the last layer": "only the last layer has its slope: every layer has a sigmoid",
    "no slope in the last layer": "the last layer's slope is left out: it has a sigmoid as well",
    "what went out": "dZ meets A[layer], which the layer put out: the weights multiply A[layer - 1]",
    "on its side": "dW lies on its side: it has a row for each neuron, so it is dZ.T @ A[layer - 1]",
    "averaged": "dW and db are averaged over the examples: the 1/n is already in dA",
    "dW averaged": "dW is averaged over the examples: the 1/n is already in dA",
    "db averaged": "db is averaged over the examples: the 1/n is already in dA, so take sum and not mean",
    "db of one": "db holds the first example's deltas only: add them up over the examples",
    "db with axis": "db has a second axis: without keepdims it has one number for each neuron",
    "db of all": "db is added up over everything: each neuron has a bias of its own, so it is axis=0",
    "no W": "the deltas are passed on without the weights: dA is dZ @ W",
    "dA from dA": "dA @ W is passed on: it is dZ @ W, with the slope in it",
    "never moves on": "dA stays what it was: at the end of the loop, set it to dZ @ W",
    "the layer before's W": "dZ passes through the weights of the layer before: layer 2 has W2",
    "the next layer's W": "dZ passes through the weights of the layer after: layer 2 has W2",
}


def _pass_mistakes(dA: Array, A: list[Array], p: Arrays) -> Mistakes:
    return {clause: _faulty_pass(dA, A, p, fault) for fault, clause in _PASS_FAULTS.items()}


# --- Exercise 06.3: a pass to repair, in another layout -----------------------------------------------------


def repaired(*arrays: Array, faults: Sequence[str] = ()) -> tuple[Array, ...]:
    """dW1, db1, dW2 and db2 of two sigmoid layers with a row of weights for each input; or with faults.

    The arrays are X, y, W1, b1, W2 and b2.
    """
    X, y, W1, b1, W2, b2 = arrays
    A1 = F.sigmoid(X @ W1 + b1)
    A2 = F.sigmoid(A1 @ W2 + b2)
    dZ2 = (A2 - y) / len(X) * A2 * (1 - A2)
    weights_back = {"back": W2, "W1": W1, "W1.T": W1.T}
    dA1 = dZ2 @ next((weights_back[fault] for fault in faults if fault in weights_back), W2.T)
    dZ1 = dA1 if "slope" in faults else dA1 * A1 * (1 - A1)
    dW1, dW2 = X.T @ dZ1, A1.T @ dZ2
    return (
        dW1.T if "W1 side" in faults else dW1,
        dZ1.mean(axis=0) if "both means" in faults else dZ1.sum(axis=0),
        dW2.T if "W2 side" in faults else dW2,
        dZ2.mean(axis=0) if {"mean", "both means"} & set(faults) else dZ2.sum(axis=int("axis" in faults)),
    )


_REPAIR_FAULTS = {
    ("back", "mean"): "nothing has been repaired yet",
    ("mean",): "only dA1 is repaired. Look at db2 again: the 1/n is already in dZ2",
    ("back",): "only db2 is repaired. Look at dA1 again: forward reads the columns of W2, so backward needs"
    " rows",
    ("both means",): "both biases are averaged now, and both should add up: the 1/n is already in dZ2",
    ("back", "both means"): "both biases are averaged now, and both should add up. And dA1 is still wrong",
    ("W1 side", "W2 side"): "dW1 and dW2 lie on their sides: in this program W has a row for each input",
    ("W1 side",): "dW1 lies on its side: in this program W has a row for each input",
    ("W2 side",): "dW2 lies on its side: in this program W has a row for each input",
    ("back", "W1 side", "W2 side"): "dW1 and dW2 lie on their sides now, because in this program W has a row"
    " for each input. And dA1 is still wrong",
    ("W1",): "dA1 comes back through W1: between the hidden neurons and the outputs there's W2",
    ("W1.T",): "dA1 comes back through W1.T: between the hidden neurons and the outputs there's W2",
    ("slope",): "dZ1 has lost the slope of the sigmoid",
    ("axis",): "db2 is added up along the wrong axis: examples are rows, so it's axis=0",
}


def _repair_mistakes(*arrays: Array) -> Mistakes:
    X, y, W1, b1, W2, b2 = arrays
    dW1, db1, dW2, db2 = repaired(*arrays)
    ours = repaired(X, y, W1.T, b1, W2.T, b2)
    named = {clause: repaired(*arrays, faults=faults) for faults, clause in _REPAIR_FAULTS.items()}
    return named | {
        "it's rewritten in our layout: in this program W has a row for each input, and forward is `X @ W1`": (
            ours[0].T,
            ours[1],
            ours[2].T,
            ours[3],
        ),
        "layer 2 comes first: the order is dW1, db1, dW2, db2": (dW2, db2, dW1, db1),
        "the weights come first, and then the biases: the order is dW1, db1, dW2, db2": (dW1, dW2, db1, db2),
    }


def _repair_cases() -> list[tuple[Array, ...]]:
    """As many inputs as hidden neurons and outputs, so that the faults run."""
    cases: list[tuple[Array, ...]] = []
    for seed, (n, width) in enumerate([(4, 3), (5, 2), (2, 4)]):
        rng = np.random.default_rng(seed)
        shapes = (n, width), (n, width), (width, width), (width,), (width, width), (width,)
        cases.append(tuple(rng.normal(size=shape) for shape in shapes))
    return cases


EXERCISES = {
    "06.1": Exercise((_PAPER_DA, _PAPER_DW), _paper_mistakes()),
    "06.2": Exercise(
        backward_all,
        _pass_mistakes,
        cases=[_network_case(1, 3, 2, 5), _network_case(2, 4, 3, 2), _network_case(3, 2, 1, 3)],
        gradient=True,
    ),
    "06.3": Exercise(repaired, _repair_mistakes, cases=_repair_cases),
}

PREDICTIONS = {
    "06.A": Prediction(
        "Forward, a batch goes through Z = A @ W.T + b. Which product takes the deltas dZ back to the"
        " inputs?",
        ("dZ @ W", "dZ @ W.T"),
        answer="dZ @ W",
        explain="dZ @ W.T is tempting, because in so many books it's the way back that has a transpose.",
    ),
    "06.B": Prediction(
        "A layer has 3 inputs and 3 neurons, and somebody writes dA = dZ @ W.T. What happens?",
        ("an error", "a wrong shape", "wrong numbers"),
        answer="wrong numbers",
        explain="An error would be nice. But NumPy compares sizes, and here they all fit. It can't know that"
        " one 3 counts the inputs and the other the neurons.",
    ),
    "06.C": Prediction(
        "On the way back, W2 is transposed by mistake. Which gradients come out wrong?",
        ("those of layer 1", "those of layers 1 and 2", "those of all three layers"),
        answer="those of layer 1",
        explain="Layers 1 and 2 are tempting, because W2 belongs to layer 2. But to find layer 2's own"
        " gradients you don't need W2. You only need it to hand dA on to layer 1.",
    ),
}

# --- The pictures -------------------------------------------------------------------------------------------


def _signed(number: float) -> str:
    return f"{number:g}".replace("-", "\N{MINUS SIGN}")


def _factor(number: float) -> str:
    return _signed(number) if number >= 0 else f"({_signed(number)})"


_INPUTS = [(0.0, 1.85), (0.0, 0.55)]
_NEURONS = [(2.7, 2.4), (2.7, 1.2), (2.7, 0.0)]

FIRST = (
    "Left, forward: the inputs 2 and 1 feed three neurons, whose sums are 6, 7 and 9. The two wires into"
    " neuron 2, with the weights 2 and 3, are blue: 2 · 2 + 1 · 3 = 7. Middle: the table W with the rows"
    " 1 4, 2 3 and 5 −1. Row 2 has a blue frame, column 1 an orange one. Right, backward: the deltas 2, −1"
    " and 1 at the neurons. The three wires to input 1, with the weights 1, 2 and 5, are orange:"
    " 2 · 1 + (−1) · 2 + 1 · 5 = 5. Input 2 collects 4."
)


def first_screen() -> Figure:
    """One layer forward and backward, and its table of weights between the two."""
    fig = plots.new_figure(8.2, 3.5, layout=None)
    sums, slopes = W @ A[0], DZ[0] @ W
    ways = (
        ("forward", plots.FORWARD, A[0], sums, [(1, 0), (1, 1)], (0.0, 0.0, 0.37, 0.9)),
        ("backward", plots.BACKWARD, slopes, DZ[0], [(0, 0), (1, 0), (2, 0)], (0.63, 0.0, 0.37, 0.9)),
    )
    for way, colour, left, right, lit, place in ways:
        ax = plots.blank_axes(fig, (-0.75, 3.45), (-1.05, 3.5), place, aspect="equal")
        _wires(ax, way == "backward", colour, lit)
        for values, spots, name in ((left, _INPUTS, "input"), (right, _NEURONS, "neuron")):
            for k, (value, (x, y)) in enumerate(zip(values, spots, strict=True)):
                found = (way == "forward") == (name == "neuron") and k == (way == "forward")
                ax.plot(x, y, "o", ms=27, mfc=plots.PAPER, mec=colour if found else plots.GREY,
                        mew=2.8 if found else 1.2)  # fmt: skip
                ax.text(x, y, _signed(value), ha="center", va="center", color=colour,
                        weight="bold" if found else "normal")  # fmt: skip
                ax.text(x, y + 0.43, f"{name} {k + 1}", ha="center", va="bottom", color=plots.GREY)
        says = "forward, values" if way == "forward" else "backward, deltas"
        ax.text(-0.55, 3.45, says, va="top", color=colour, weight="bold")
    fig.axes[0].text(1.35, -0.95, "2 · 2 + 1 · 3 = 7", ha="center", color=plots.FORWARD, weight="bold")
    fig.axes[1].text(1.35, -0.95, "2 · 1 + (−1) · 2 + 1 · 5 = 5", ha="center", color=plots.BACKWARD,
                     weight="bold")  # fmt: skip
    ax = plots.blank_axes(fig, (-0.95, 2.15), (-1.05, 3.5), (0.37, 0.0, 0.26, 0.9), aspect="equal")
    for (j, k), weight in np.ndenumerate(W):
        ax.text(k + 0.5, 2 - j + 0.2, _signed(weight), ha="center", va="center", size=13)
    ax.add_patch(Rectangle((0.02, 0.75), 1.96, 0.9, fc=(plots.FORWARD, 0.12), ec=plots.FORWARD, lw=2))
    ax.add_patch(Rectangle((0.12, -0.35), 0.76, 3.1, fc=(plots.BACKWARD, 0.12), ec=plots.BACKWARD, lw=2,
                           ls="--"))  # fmt: skip
    ax.text(-0.12, 1.2, "row 2", ha="right", va="center", color=plots.FORWARD, weight="bold")
    ax.text(0.5, -0.42, "column 1", ha="center", va="top", color=plots.BACKWARD, weight="bold")
    ax.text(1.0, 3.45, "the weights W", ha="center", va="top", weight="bold")
    plots.titled(fig, "Forward you read a row of W, backward you read a column")
    return fig


def _wires(ax: Axes, back: bool, colour: str, lit: Sequence[tuple[int, int]]) -> None:
    for j, k in np.ndindex(W.shape):
        marked = (j, k) in lit
        tail, tip = _INPUTS[k], _NEURONS[j]
        start, end = (tip, tail) if back else (tail, tip)
        ax.annotate("", end, start, arrowprops={
            "arrowstyle": "-|>", "shrinkA": 15, "shrinkB": 15, "lw": 2.4 if marked else 0.9,
            "color": colour if marked else plots.LIGHT})  # fmt: skip
    for (j, k), weight in np.ndenumerate(W):
        if (j, k) in lit:
            share = 0.36 if k == 0 else 0.4
            x, y = (1 - share) * np.array(_INPUTS[k]) + share * np.array(_NEURONS[j])
            ax.text(x, y, _signed(weight), ha="center", va="center", color=colour, weight="bold", size=11,
                    bbox={"facecolor": plots.PAPER, "edgecolor": "none", "pad": 1.2})  # fmt: skip


TABLES = (
    "Three tables with a row for each neuron and a column for each input. Example 1 has the inputs 2 and 1"
    " above and the deltas 2, −1, 1 beside it: rows 4 2, −2 −1, 2 1. Example 2 has the inputs −1 and 2 and"
    " the deltas 1, 3, −2: rows −1 2, −3 6, 2 −4. Their sum is dW: rows 3 4, −5 5, 4 −3."
)


def tables() -> Figure:
    """A multiplication table for each example, and their sum."""
    fig = plots.new_figure(7.6, 2.6, layout=None)
    ax = plots.blank_axes(fig, (-1.0, 11.2), (-0.75, 4.3), (0.0, 0.0, 1.0, 0.9), aspect="equal")
    names = ["example 1", "example 2", "dW"]
    found = [np.outer(dz, a) for dz, a in zip(DZ, A, strict=True)]
    for place, name, table in zip((0.0, 4.4, 8.8), names, [*found, sum(found)], strict=True):
        total = name == "dW"
        ax.text(place + 1, 4.15, name, ha="center", va="top", weight="bold" if total else "normal")
        ax.add_patch(Rectangle((place, -0.2), 2, 3, fc=(plots.BACKWARD, 0.12), ec=plots.BACKWARD, lw=1.2))
        for (j, k), product in np.ndenumerate(table):
            look: dict[str, Any] = {"weight": "bold", "color": plots.BACKWARD} if (j, k) == (1, 0) else {}
            ax.text(place + k + 0.5, 2.3 - j, _signed(product), ha="center", va="center", size=12, **look)
    for place, dz, a in zip((0.0, 4.4), DZ, A, strict=True):
        for k, value in enumerate(a):
            ax.text(place + k + 0.5, 3.1, _signed(value), ha="center", va="center", size=12,
                    color=plots.FORWARD)  # fmt: skip
        for j, value in enumerate(dz):
            ax.text(place - 0.4, 2.3 - j, _signed(value), ha="center", va="center", size=12,
                    color=plots.BACKWARD)  # fmt: skip
    for place in (0.0, 4.4):
        ax.text(place + 2.15, 3.1, "came in", va="center", color=plots.FORWARD)
        ax.text(place - 0.4, -0.25, "deltas", ha="center", va="top", color=plots.BACKWARD)
    for x, sign in ((3.0, "+"), (7.6, "=")):
        ax.text(x, 1.3, sign, ha="center", va="center", size=16)
    plots.titled(fig, "Each example brings a table, and the tables add up")
    return fig


TWO_RUNS = (
    "The share of the 450 test images that is read correctly over 60 passes. Both curves begin below 20% and"
    " end near 95%. The one with the wrong way back rises later, and catches up."
)


def two_runs(right: Sequence[float], wrong: Sequence[float]) -> Figure:
    """The share of test images read after each pass, with the right and with the wrong way back."""
    fig = plots.new_figure(7.0, 3.2)
    ax = fig.add_subplot(xlabel="passes over the training images", ylabel="test images read", ylim=(0, 1))
    passes = np.arange(1, len(right) + 1)
    ax.plot(passes, right, color=plots.INK)
    ax.plot(passes, wrong, "--", color=plots.BACKWARD)
    ax.text(0.5, 0.82, "dA = dZ @ W")
    ax.text(14, 0.5, "dA = dZ @ W.T in layer 2", color=plots.BACKWARD)
    ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f}%")
    ax.set_title("With the wrong transpose it learns too, only later")
    return fig


# --- The slider: which lines do the shapes stop? ------------------------------------------------------------

LINES = {  # the first is what the slider opens with
    "dA = dZ @ W.T": ("dA", "dZ", "W.T"),
    "dA = dZ @ W": ("dA", "dZ", "W"),
    "dA = dZ.T @ W": ("dA", "dZ.T", "W"),
    "dW = dZ.T @ A": ("dW", "dZ.T", "A"),
    "dW = dZ @ A": ("dW", "dZ", "A"),
    "dW = dZ.T @ A.T": ("dW", "dZ.T", "A.T"),
    "dW = A.T @ dZ": ("dW", "A.T", "dZ"),
}
RIGHT = ("dA = dZ @ W", "dW = dZ.T @ A")
_SIDES = {
    "dZ": ("examples", "neurons"), "A": ("examples", "inputs"), "dA": ("examples", "inputs"),
    "W": ("neurons", "inputs"), "dW": ("neurons", "inputs"),
}  # fmt: skip


def sides(name: str) -> tuple[str, str]:
    """What the rows and the columns of an array count."""
    rows, columns = _SIDES[name.removesuffix(".T")]
    return (columns, rows) if name.endswith(".T") else (rows, columns)


def verdict(line: str, examples: int, inputs: int, neurons: int) -> str:
    """What the shapes of a line come to: "error", "wrong shape", "wrong numbers" or "right"."""
    size = {"examples": examples, "inputs": inputs, "neurons": neurons}
    result, left, right = map(sides, LINES[line])
    if size[left[1]] != size[right[0]]:
        return "error"
    if (size[left[0]], size[right[1]]) != (size[result[0]], size[result[1]]):
        return "wrong shape"
    return "right" if line in RIGHT else "wrong numbers"


_SAID = {
    "error": "NumPy stops with an error: the sides that meet have different sizes.",
    "wrong shape": "It runs, but the result has the wrong shape.",
    "wrong numbers": "It runs, and the shape is right. The numbers are wrong.",
    "right": "It runs, and it's right.",
}


def draw_shapes(fig: Figure, line: str, examples: int, inputs: int, neurons: int) -> Callable[..., None]:
    """A line of the backward pass as two boxes and their product, each side with what it counts."""
    ax = plots.blank_axes(fig, (0, 30), (0, 12), (0.0, 0.0, 1.0, 1.0), aspect="equal")
    ax.text(0.3, 11.8, "NumPy compares sizes, not meanings", size=12, weight="bold", va="top")

    def update(line: str, examples: int, inputs: int, neurons: int) -> None:
        size = {"examples": examples, "inputs": inputs, "neurons": neurons}
        said = verdict(line, examples, inputs, neurons)
        wanted, left, right = LINES[line]
        meet, remain = (sides(left)[1], sides(right)[0]), (sides(left)[0], sides(right)[1])
        ax.text(0.3, 10.2, line, size=12, family="monospace", va="top")
        ax.text(0.3, 0.2, _SAID[said], weight="bold",
                color=plots.UPDATE if said == "right" else plots.BACKWARD)  # fmt: skip
        _box(ax, 3.6, left, sides(left), size)
        _box(ax, 12.4, right, sides(right), size)
        ink = plots.INK if meet[0] == meet[1] else plots.BACKWARD
        ax.plot([3.6, 3.6 + size[meet[0]]], [5.3 + size[remain[0]] / 2] * 2, "-", color=ink, lw=4)
        ax.plot([12.4] * 2, [5.3 - size[meet[1]] / 2, 5.3 + size[meet[1]] / 2], "-", color=ink, lw=4)
        ax.text(10.2, 1.7, f"{meet[0]} meet {meet[1]}", ha="center", color=ink)
        if said != "error":
            ax.text(18.9, 5.3, "=", ha="center", va="center", size=14)
            _box(ax, 22.6, wanted, remain, size)
            alike = remain == sides(wanted)
            ax.text(25.0, 1.7, "as it should be" if alike else f"it should be {' × '.join(sides(wanted))}",
                    ha="center", color=plots.INK if alike else plots.BACKWARD)  # fmt: skip

    return update


def _box(ax: Axes, x: float, name: str, counted: tuple[str, str], size: Mapping[str, int]) -> None:
    height, width = (size[side] for side in counted)
    colour = plots.BACKWARD if name.startswith("d") else plots.FORWARD
    ax.add_patch(Rectangle((x, 5.3 - height / 2), width, height, fc=(colour, 0.14), ec=colour, lw=1.2))
    ax.text(x + width / 2, 5.3, name, ha="center", va="center")
    ax.text(x + width / 2, 5.3 + height / 2 + 0.3, f"{width} {counted[1]}", ha="center", va="bottom")
    ax.text(x - 0.3, 5.3, f"{height}\n{counted[0]}", ha="right", va="center")


def describe_shapes(line: str, examples: int, inputs: int, neurons: int) -> str:
    """The picture in words."""
    _, left, right = LINES[line]
    said = _SAID[verdict(line, examples, inputs, neurons)]
    return (
        f"{examples} examples, {inputs} inputs, {neurons} neurons. In {line},"
        f" {sides(left)[1]} meet {sides(right)[0]}. {said}"
    )
