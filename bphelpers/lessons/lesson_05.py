"""Exercises and predictions of lesson 05, computed from the worked example."""

from bphelpers import functional as F
from bphelpers.data import mazur
from bphelpers.lessons.shared import drawn, known_mistake, variations_of
from bphelpers.numeric import Array
from bphelpers.teaching.exercises import Exercise, Prediction

_X, _Y, _W1, _b1, _W2, _b2, _ = mazur()
_A1 = F.sigmoid(F.linear(_X, _W1, _b1))
_A2 = F.sigmoid(F.linear(_A1, _W2, _b2))
_dZ2 = F.sigmoid_backward(_A2 - _Y, _A2)
_dZ1 = F.sigmoid_backward(F.linear_backward(_dZ2, _A1, _W2)[0], _A1)
_x, _a1, _error, _dz1, _dz2 = _X[0], _A1[0], (_A2 - _Y)[0], _dZ1[0], _dZ2[0]
_rest = _a1[1] * (1 - _a1[1]) * _x[1]  # what follows the blame of h2 on the way to w4

_but = variations_of(F.linear_backward, "dx dW db")


def _last_example_only(dz: Array, x: Array, W: Array) -> tuple[Array, ...]:
    return dz @ W, *F.linear_backward(dz[-1:], x[-1:], W)[1:]


# The lesson prints six decimals, so an answer from a calculator carries about four digits.
_ROUNDED = 5e-4

EXERCISES = {
    "05.1": Exercise(
        reference=_dz2[1] * _a1[0],
        mistakes={
            "the slope of the sigmoid of o2 is left out": _error[1] * _a1[0],
            "the delta of o1 is used: w7 feeds o2": _dz2[0] * _a1[0],
            "the output of h2 is used: w7 comes from h1": _dz2[1] * _a1[1],
            "the delta alone is given, without the output of the sender": _dz2[1],
            "the weight w7 itself stands where the output of the sender belongs": _dz2[1] * _W2[1, 0],
        },
        tolerance=_ROUNDED,
        gradient=True,
    ),
    "05.2": Exercise(
        reference=_dz1[1] * _x[1],
        mistakes={
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
        },
        tolerance=_ROUNDED,
        gradient=True,
    ),
    "05.3": Exercise(
        reference=_dz1.sum(),
        mistakes={
            "both deltas are given: b1 reaches the error in two ways, so add them": _dz1,
            "only the delta of h1 is counted": _dz1[0],
            "only the delta of h2 is counted": _dz1[1],
            "the deltas are averaged instead of added": _dz1.mean(),
            "the deltas of the output neurons are added: b1 serves the hidden ones": _dz2.sum(),
            "all four deltas are added": _dz1.sum() + _dz2.sum(),
            "the deltas are multiplied by the value of the bias": 0.35 * _dz1.sum(),
        },
        tolerance=_ROUNDED,
        gradient=True,
    ),
    "05.4": Exercise(
        reference=F.linear_backward,
        mistakes={
            "dW and dx change places: the order is dx, dW, db": _but(dx="dW", dW="dx"),
            "dW and db are averaged over the examples: here they add up": _but(
                dW=lambda dz, x, W: dz.T @ x / len(x), db=lambda dz, x, W: dz.mean(axis=0)
            ),
            "dW is averaged over the examples: here they add up": _but(dW=lambda dz, x, W: dz.T @ x / len(x)),
            "all three are averaged over the examples: here they add up, and dx has a row for each": (
                lambda dz, x, W: (dz @ W / len(x), dz.T @ x / len(x), dz.mean(axis=0))
            ),
            "each example overwrites the one before: dW and db need += where = stands": _last_example_only,
            "each receiver overwrites the one before: dx needs += where = stands": _but(
                dx=lambda dz, x, W: dz[:, -1:] @ W[-1:]
            ),
            "db grows in the innermost loop, once for each sender: it belongs one loop further out": _but(
                db=lambda dz, x, W: dz.sum(axis=0) * x.shape[1]
            ),
            "dW has its indices the wrong way round: receiver first, sender second": (
                known_mistake("linear", "transposed")
            ),
            "db is not added up over the examples": known_mistake("linear", "bias not summed"),
        },
        cases=drawn(5, "n j, n k, j k", n=(3, 1, 2), j=(2, 2, 3), k=(4, 2, 3)),
        gradient=True,
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
