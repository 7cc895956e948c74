"""Exercises and predictions of lesson 05, computed from the worked example."""

import numpy as np

from bphelpers import functional as F
from bphelpers.data import mazur
from bphelpers.lessons.shared import drawn
from bphelpers.numeric import Array
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction
from bphelpers.teaching.gradcheck import op_mistakes

_X, _Y, _W1, _b1, _W2, _b2, _ = mazur()
_A1 = F.sigmoid(F.linear(_X, _W1, _b1))
_A2 = F.sigmoid(F.linear(_A1, _W2, _b2))
_dZ2 = F.sigmoid_backward(_A2 - _Y, _A2)
_dZ1 = F.sigmoid_backward(F.linear_backward(_dZ2, _A1, _W2)[0], _A1)
_x, _a1, _error, _dz1, _dz2 = _X[0], _A1[0], (_A2 - _Y)[0], _dZ1[0], _dZ2[0]
_rest = _a1[1] * (1 - _a1[1]) * _x[1]  # what follows the blame of h2 on the way to w4


_dE_dw7 = {
    "the slope of the sigmoid of o2 is left out": _error[1] * _a1[0],
    "the delta of o1 is used: w7 feeds o2": _dz2[0] * _a1[0],
    "the output of h2 is used: w7 comes from h1": _dz2[1] * _a1[1],
    "the delta alone is given, without the output of the sender": _dz2[1],
    "the weight w7 itself stands where the output of the sender belongs": _dz2[1] * _W2[1, 0],
}

_dE_dw4 = {
    "only the way through o1 is counted: h2 also feeds o2": _rest * _dz2[0] * _W2[0, 1],
    "only the way through o2 is counted: h2 also feeds o1": _rest * _dz2[1] * _W2[1, 1],
    "the slope of the sigmoid of h2 is left out": _x[1] * (_dz2 @ _W2[:, 1]),
    "the weights w5 and w7 are used, which leave h1": _rest * (_dz2 @ _W2[:, 0]),
    "the weights w5 and w6 are used, which enter o1: h2 leaves by w6 and w8": _rest * (_dz2 @ _W2[0]),
    "the weights w7 and w8 are used, which enter o2: h2 leaves by w6 and w8": _rest * (_dz2 @ _W2[1]),
    "the input i1 is used, where w4 comes from i2 (or a half is left over)": (
        _rest / _x[1] * _x[0] * (_dz2 @ _W2[:, 1])
    ),
    "the input i2 is left out: this is the delta of h2 itself": _dz1[1],
    "the delta of h1 is used: that gives the derivative of w2": _dz1[0] * _x[1],
    "the weights are left out, or added up alone (w6 + w8 is 1): each delta needs its own weight": (
        _rest * _dz2.sum() * _W2[:, 1].sum()
    ),
}

_dE_db1 = {
    "both deltas are given: b1 reaches the error in two ways, so add them": _dz1,
    "only the delta of h1 is counted": _dz1[0],
    "only the delta of h2 is counted": _dz1[1],
    "the deltas are averaged instead of added": _dz1.mean(),
    "the deltas of the output neurons are added: b1 serves the hidden ones": _dz2.sum(),
    "all four deltas are added": _dz1.sum() + _dz2.sum(),
    "the deltas are multiplied by the value of the bias": 0.35 * _dz1.sum(),
}


def _linear_backward(dz: Array, x: Array, W: Array) -> Mistakes:
    dx, dW, db = F.linear_backward(dz, x, W)
    n, senders = x.shape
    known = op_mistakes("linear", dz, x, W, W[:, 0])
    return {
        "dW and dx change places: the order is dx, dW, db": (dW, dx, db),
        "dW and db are averaged over the examples: here they add up": (dx, dW / n, db / n),
        "dW is averaged over the examples: here they add up": (dx, dW / n, db),
        "all three are averaged over the examples: here they add up, and dx has a row for each": (
            (dx / n, dW / n, db / n)
        ),
        "each example overwrites the one before: dW and db need += where = stands": (
            (dx, np.outer(dz[-1], x[-1]), dz[-1])
        ),
        "each receiver overwrites the one before: dx needs += where = stands": (
            (np.outer(dz[:, -1], W[-1]), dW, db)
        ),
        "db grows in the innermost loop, once for each sender: it belongs one loop further out": (
            (dx, dW, db * senders)
        ),
        "dW has its indices the wrong way round: receiver first, sender second": (
            (dx, known["transposed"]["W"], db)
        ),
        "db is not added up over the examples": (dx, dW, known["bias not summed"]["b"]),
    }


# The lesson prints six decimals, so an answer from a calculator carries about four digits.
_ROUNDED = 5e-4

EXERCISES = {
    "05.1": Exercise(_dz2[1] * _a1[0], _dE_dw7, tolerance=_ROUNDED, gradient=True),
    "05.2": Exercise(_dz1[1] * _x[1], _dE_dw4, tolerance=_ROUNDED, gradient=True),
    "05.3": Exercise(_dz1.sum(), _dE_db1, tolerance=_ROUNDED, gradient=True),
    "05.4": Exercise(
        F.linear_backward,
        _linear_backward,
        cases=drawn(5, "n j, n k, j k", n=(3, 1, 2), j=(2, 2, 3), k=(4, 2, 3)),
        gradient=True,
    ),
}

PREDICTIONS = {
    "05.A": Prediction(
        "o1 says 0.751 and should say 0.01. Does turning w5 up help or hurt?", ("helps", "hurts")
    ),
    "05.B": Prediction(
        "Do the two messages that reach h1 agree on the direction?", ("same direction", "opposite directions")
    ),
    "05.C": Prediction(
        "By what factor is the derivative of w1 smaller than that of w5?",
        low=0.001,
        explain="Anything from 50 to 500 is a good guess.",
    ),
    "05.D": Prediction(
        "Which version ends with the smallest error?",
        ("biases fixed", "one for each layer", "one for each neuron"),
    ),
    "05.E": Prediction(
        "What did the program behind the published end numbers do differently?", ("biases", "halves", "order")
    ),
}
