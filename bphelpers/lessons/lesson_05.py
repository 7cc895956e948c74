"""Exercises and predictions of lesson 05, computed from the worked example."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bphelpers import functional as F
from bphelpers.data import mazur
from bphelpers.teaching.exercises.records import Exercise, Prediction

_Array = NDArray[np.floating]
_Layer = tuple[_Array, _Array, _Array]


class _Pass(NamedTuple):
    """One forward and backward pass of the 2-2-2 network, single example."""

    x: NDArray[np.floating]
    W2: NDArray[np.floating]
    a1: NDArray[np.floating]
    error: NDArray[np.floating]
    dz1: NDArray[np.floating]
    dz2: NDArray[np.floating]


def _pass() -> _Pass:
    x, y, W1, b1, W2, b2, _ = mazur()
    a1 = F.sigmoid(F.linear(x, W1, b1))
    a2 = F.sigmoid(F.linear(a1, W2, b2))
    dz2 = F.sigmoid_backward(a2 - y, a2)
    da1, _, _ = F.linear_backward(dz2, a1, W2)
    dz1 = F.sigmoid_backward(da1, a1)
    return _Pass(x[0], W2, a1[0], (a2 - y)[0], dz1[0], dz2[0])


def _dw4(blame: NDArray[np.floating], slope: bool = True, sender: int = 1) -> float:
    p = _pass()
    derivative = p.a1[1] * (1 - p.a1[1]) if slope else 1.0
    return float(blame.sum() * derivative * p.x[sender])


def _layer_cases() -> list[_Layer]:
    rng = np.random.default_rng(5)
    sizes = ((3, 2, 4), (1, 2, 2), (2, 3, 3))  # examples, receivers, senders
    return [(rng.normal(size=(n, i)), rng.normal(size=(n, j)), rng.normal(size=(i, j))) for n, i, j in sizes]


def _exchanged(dz: _Array, x: _Array, W: _Array) -> _Layer:
    dx, dW, db = F.linear_backward(dz, x, W)
    return dW, dx, db


def _averaged(dz: _Array, x: _Array, W: _Array) -> _Layer:
    dx, dW, db = F.linear_backward(dz, x, W)
    return dx, dW / len(x), db / len(x)


def _last_receiver_only(dz: _Array, x: _Array, W: _Array) -> _Layer:
    _, dW, db = F.linear_backward(dz, x, W)
    return dz[:, -1:] @ W[-1:], dW, db


def _turned(dz: _Array, x: _Array, W: _Array) -> _Layer:
    dx, dW, db = F.linear_backward(dz, x, W)
    return dx, dW.T, db


def _last_example_only(dz: _Array, x: _Array, W: _Array) -> _Layer:
    _, dW, db = F.linear_backward(dz[-1:], x[-1:], W)
    return dz @ W, dW, db


# The lesson prints six decimals, so an answer from a calculator carries about four digits.
_ROUNDED = 5e-4

EXERCISES = {
    "05.1": Exercise(
        reference=lambda: _pass().dz2[1] * _pass().a1[0],
        mistakes={
            "the slope of the sigmoid of o2 is left out": lambda: _pass().error[1] * _pass().a1[0],
            "the delta of o1 is used: w7 feeds o2": lambda: _pass().dz2[0] * _pass().a1[0],
            "the output of h2 is used: w7 comes from h1": lambda: _pass().dz2[1] * _pass().a1[1],
            "the delta alone is given, without the output of the sender": lambda: _pass().dz2[1],
            "the weight w7 itself stands where the output of the sender belongs": (
                lambda: _pass().dz2[1] * _pass().W2[1, 0]
            ),
        },
        tolerance=_ROUNDED,
    ),
    "05.2": Exercise(
        reference=lambda: _pass().dz1[1] * _pass().x[1],
        mistakes={
            "only the way through o1 is counted: h2 also feeds o2": (
                lambda: _dw4(_pass().dz2[:1] * _pass().W2[:1, 1])
            ),
            "only the way through o2 is counted: h2 also feeds o1": (
                lambda: _dw4(_pass().dz2[1:] * _pass().W2[1:, 1])
            ),
            "the slope of the sigmoid of h2 is left out": (
                lambda: _dw4(_pass().dz2 * _pass().W2[:, 1], slope=False)
            ),
            "the weights w5 and w7 are used, which leave h1": lambda: _dw4(_pass().dz2 * _pass().W2[:, 0]),
            "the weights w5 and w6 are used, which enter o1: h2 leaves by w6 and w8": (
                lambda: _dw4(_pass().dz2 * _pass().W2[0])
            ),
            "the weights w7 and w8 are used, which enter o2: h2 leaves by w6 and w8": (
                lambda: _dw4(_pass().dz2 * _pass().W2[1])
            ),
            "the input i1 is used, where w4 comes from i2 (or a half is left over)": (
                lambda: _dw4(_pass().dz2 * _pass().W2[:, 1], sender=0)
            ),
            "the input i2 is left out: this is the delta of h2 itself": lambda: _pass().dz1[1],
            "the delta of h1 is used: that gives the derivative of w2": lambda: _pass().dz1[0] * _pass().x[1],
            "the weights are left out, or added up alone (w6 + w8 is 1): each delta needs its own weight": (
                lambda: _dw4(_pass().dz2.sum() * _pass().W2[:, 1])
            ),
        },
        tolerance=_ROUNDED,
    ),
    "05.3": Exercise(
        reference=lambda: _pass().dz1.sum(),
        mistakes={
            "both deltas are given: b1 reaches the error in two ways, so add them": lambda: _pass().dz1,
            "only the delta of h1 is counted": lambda: _pass().dz1[0],
            "only the delta of h2 is counted": lambda: _pass().dz1[1],
            "the deltas are averaged instead of added": lambda: _pass().dz1.mean(),
            "the deltas of the output neurons are added: b1 serves the hidden ones": lambda: (
                _pass().dz2.sum()
            ),
            "all four deltas are added": lambda: _pass().dz1.sum() + _pass().dz2.sum(),
            "the deltas are multiplied by the value of the bias": lambda: 0.35 * _pass().dz1.sum(),
        },
        tolerance=_ROUNDED,
    ),
    "05.4": Exercise(
        reference=F.linear_backward,
        mistakes={
            "dW and dx change places: the order is dx, dW, db": _exchanged,
            "dW and db are averaged over the examples: here they add up": _averaged,
            "dW is averaged over the examples: here they add up": (
                lambda dz, x, W: (dz @ W, dz.T @ x / len(x), dz.sum(axis=0))
            ),
            "all three are averaged over the examples: here they add up, and dx has a row for each": (
                lambda dz, x, W: (dz @ W / len(x), dz.T @ x / len(x), dz.mean(axis=0))
            ),
            "each example overwrites the one before: dW and db need += where = stands": _last_example_only,
            "each receiver overwrites the one before: dx needs += where = stands": _last_receiver_only,
            "db grows in the innermost loop, once for each sender: it belongs one loop further out": (
                lambda dz, x, W: (*F.linear_backward(dz, x, W)[:2], dz.sum(axis=0) * x.shape[1])
            ),
            "dW has its indices the wrong way round: receiver first, sender second": _turned,
            "db is not added up over the examples": (lambda dz, x, W: (*F.linear_backward(dz, x, W)[:2], dz)),
        },
        cases=_layer_cases,
    ),
}

PREDICTIONS = {
    "05.A": Prediction(
        "o1 says 0.751 and should say 0.01. Does turning w5 up help or hurt?", options=("helps", "hurts")
    ),
    "05.B": Prediction(
        "Do the two messages that reach h1 agree on the direction?",
        options=("same direction", "opposite directions"),
    ),
    "05.C": Prediction(
        "By what factor is the derivative of w1 smaller than that of w5?",
        low=0.001,
        explain="Anything from 50 to 500 is a good guess.",
    ),
    "05.D": Prediction(
        "Which version ends with the smallest error?",
        options=("biases fixed", "one for each layer", "one for each neuron"),
    ),
    "05.E": Prediction(
        "What did the program behind the published end numbers do differently?",
        options=("biases", "halves", "order"),
    ),
}
