"""Exercises and predictions of lesson 04, computed from the one-neuron example."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bphelpers import functional as F
from bphelpers.data import worked_example
from bphelpers.exercises.records import Exercise, Prediction

_Array = NDArray[np.floating]
_Pair = tuple[_Array, float]


class _Neuron(NamedTuple):
    """The example's numbers, what comes out, how far off that is, and the delta."""

    x: _Array
    w: _Array
    b: float
    off: float
    delta: float


def _neuron() -> _Neuron:
    n = worked_example("one_neuron")
    p = float(F.sigmoid(n["w"] @ n["x"] + n["b"]))
    return _Neuron(n["x"], n["w"], n["b"], p - n["target"], (p - n["target"]) * p * (1 - p))


def _logistic_backward(x: _Array, w: _Array, b: float, y: float) -> _Pair:
    dz = float(F.sigmoid(w @ x + b)) - y
    return dz * x, dz


def _with_delta(delta: float, x: _Array) -> _Pair:
    return delta * x, delta


def _logistic_cases() -> list[tuple[_Array, _Array, float, float]]:
    rng = np.random.default_rng(4)
    return [(rng.normal(size=d), rng.normal(size=d), 0.5 + k, float(k)) for k, d in enumerate((2, 3))]


EXERCISES = {
    "04.1": Exercise(
        question="Write the derivatives of E with respect to w2 and b, in this order.",
        reference=lambda: (_neuron().delta * _neuron().x[1], _neuron().delta),
        mistakes={
            "the input x1 is used: w2 multiplies x2": lambda: (
                _neuron().delta * _neuron().x[0],
                _neuron().delta,
            ),
            "the weight w2 itself stands where its input x2 belongs": (
                lambda: (_neuron().delta * _neuron().w[1], _neuron().delta)
            ),
            "the slope of the sigmoid is left out": lambda: (_neuron().off * _neuron().x[1], _neuron().off),
            "the derivative of the bias is only its local one, 1: the rest of the chain is missing": (
                lambda: (_neuron().delta * _neuron().x[1], 1.0)
            ),
            "the bias is taken for a constant: it is a number that moves z like any other": (
                lambda: (_neuron().delta * _neuron().x[1], 0.0)
            ),
            "the derivative of the bias is multiplied by the bias: z rises by 1 for each unit of it": (
                lambda: (_neuron().delta * _neuron().x[1], _neuron().delta * _neuron().b)
            ),
            "the two stand in the other order": lambda: (_neuron().delta, _neuron().delta * _neuron().x[1]),
        },
        hints=(
            "The first two rates are those of $w_1$. Only the last one differs: how much does $z$ rise for "
            "each unit of $w_2$? And of $b$?",
            "$z = w_1 x_1 + w_2 x_2 + b$ rises by $x_2$ for each unit of $w_2$, and by 1 for each unit of "
            "$b$.",
            "`dz * x2` and `dz`, separated by a comma.",
        ),
        tolerance=5e-4,  # the lesson prints six decimals: an answer from a calculator carries four digits
    ),
    "04.2": Exercise(
        question="Write dL/dy for L = (x + y) y at x = -1, y = 4.",
        reference=lambda: (-1 + 4) + 4,
        mistakes={
            "only the way through the sum is counted: y also goes straight into the product": lambda: 4,
            "only the way straight into the product is counted: y also goes into the sum": lambda: -1 + 4,
            "the two parts are multiplied, which gives L itself: rates side by side add": lambda: (
                4 * (-1 + 4)
            ),
            "the two parts are averaged: they add up": lambda: ((-1 + 4) + 4) / 2,
            "one part is taken from the other: they add up": lambda: 4 - (-1 + 4),
        },
        hints=(
            "Two lines leave $y$. Find what comes back along each.",
            "The multiplication swaps: it sends $q$ back along the line to $y$, and $y$ back along the line "
            "to $q$. The addition hands on what it gets.",
            "Straight into the product: $q = 3$. Through the sum: 4, handed on. Add.",
        ),
    ),
    "04.3": Exercise(
        question="Write logistic_backward(x, w, b, y), which returns dw and db under cross-entropy.",
        reference=_logistic_backward,
        mistakes={
            "the slope p(1 - p) is multiplied in once more: against cross-entropy it has cancelled": (
                lambda x, w, b, y: _with_delta(
                    (F.sigmoid(w @ x + b) - y) * F.sigmoid(w @ x + b) * (1 - F.sigmoid(w @ x + b)), x
                )
            ),
            "the target is not subtracted": lambda x, w, b, y: _with_delta(float(F.sigmoid(w @ x + b)), x),
            "z stands where p belongs": lambda x, w, b, y: _with_delta(w @ x + b - y, x),
            "the bias is left out of z": lambda x, w, b, y: _with_delta(float(F.sigmoid(w @ x)) - y, x),
            "the chain stops at p: the slope of the sigmoid is missing": lambda x, w, b, y: _with_delta(
                -y / F.sigmoid(w @ x + b) + (1 - y) / (1 - F.sigmoid(w @ x + b)), x
            ),
            "dw is multiplied by the weights: z rises by x for each unit of w": (
                lambda x, w, b, y: (_logistic_backward(x, w, b, y)[1] * w, _logistic_backward(x, w, b, y)[1])
            ),
            "db is multiplied by the bias: the derivative of a bias is the delta itself": (
                lambda x, w, b, y: (_logistic_backward(x, w, b, y)[0], _logistic_backward(x, w, b, y)[1] * b)
            ),
            "dw and db stand in the other order": lambda x, w, b, y: _logistic_backward(x, w, b, y)[::-1],
        },
        hints=(
            "First forward: $z$, then $p$. Which delta belongs to a logistic unit under cross-entropy?",
            "The delta is $p - y$. From $z$ to a weight and to the bias the rates are the old ones.",
            "`dz = sigmoid(w @ x + b) - y`, then return `dz * x` and `dz`.",
        ),
        cases=_logistic_cases,
    ),
}

PREDICTIONS = {
    "04.A": Prediction(
        "With respect to which of the three is the derivative largest?", options=("w1", "w2", "b")
    ),
    "04.B": Prediction(
        "What does each of the three get of what arrives at the plus?",
        options=("a third", "the whole", "its share of the sum"),
    ),
    "04.C": Prediction(
        "If a is free to follow, does raising w lower or raise L?", options=("lowers", "raises")
    ),
    "04.D": Prediction("How many updates does the neuron under squared error need?", low=1),
    "04.E": Prediction(
        "With which step is the centred difference closest to the truth?",
        options=("1e-2", "1e-5", "1e-8", "1e-16"),
    ),
}
