"""Exercises and predictions of lesson 06."""

from bphelpers import functional as F
from bphelpers.lessons.shared import drawn
from bphelpers.numeric import Array
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction


def _in_columns(dZ: Array, A: Array, W: Array) -> Mistakes:
    dA, dW, db = W.T @ dZ, dZ @ A.T, dZ.sum(axis=1)
    n = dZ.shape[1]
    return {
        "the formulas are those of this course, where examples are rows": (dZ @ W, dZ.T @ A, dZ.sum(axis=0)),
        "dA and dW are those of this course, where examples are rows": (dZ @ W, dZ.T @ A, db),
        "dA is that of this course: with examples in columns, the j of W and the j of dZ have to meet": (
            (dZ @ W, dW, db)
        ),
        "W is not turned on the way back: in W @ dZ a k meets a j": (W @ dZ, dW, db),
        "W is turned and stands on the wrong side: in dZ @ W.T an n meets a k": (dZ @ W.T, dW, db),
        "dA lies on its side: senders are its rows": (dA.T, dW, db),
        "dW is that of this course: in dZ.T @ A a j meets a k": (dA, dZ.T @ A, db),
        "dW has no transpose: in dZ @ A an n meets a k": (dA, dZ @ A, db),
        "dW lies on its side: receivers are its rows": (dA, dW.T, db),
        "dA and dW change places: the order is dA, dW, db": (dW, dA, db),
        "db adds up over the receivers: examples are the columns, so it is axis 1": (dA, dW, dZ.sum(axis=0)),
        "db is not added up over the examples": (dA, dW, dZ),
        "db is added up over everything: each neuron has a bias of its own": (dA, dW, dZ.sum()),
        "db has a second axis: its shape is (receivers,)": (dA, dW, db[:, None]),
        "dW and db are averaged over the examples: the 1/n belongs to the loss": (dA, dW / n, db / n),
        "db is averaged over the examples: the 1/n belongs to the loss": (dA, dW, db / n),
        "everything is averaged over the examples: the 1/n belongs to the loss": (dA / n, dW / n, db / n),
    }


def _hidden_deltas(d: Array, W: Array, a: Array) -> Mistakes:
    blame = d @ W
    dz = blame * a * (1 - a)
    return {
        "the weights are transposed: the j of dz_next and the j of W_next meet without it": (
            d @ W.T * a * (1 - a)
        ),
        "the weights are left out: dz_next is only multiplied by the slope": d * a * (1 - a),
        "the slope of the sigmoid is left out": blame,
        "only half of the slope stands there: it is a * (1 - a)": blame * (1 - a),
        "the activation stands where its slope belongs: a * (1 - a)": blame * a,
        "the brackets around 1 - a are missing": blame * a * 1 - a,
        "the slope of tanh stands where the sigmoid's belongs: a * (1 - a)": blame * (1 - a**2),
        "sigmoid is applied to a once more: a is its output already": F.sigmoid_backward(blame, F.sigmoid(a)),
        "the result lies on its side: examples are the rows": dz.T,
        "the deltas are averaged over the examples: the 1/n belongs to the loss": dz / len(a),
    }


EXERCISES = {
    "06.1": Exercise(
        lambda dZ, A, W: (W.T @ dZ, dZ @ A.T, dZ.sum(axis=1)),
        _in_columns,
        cases=drawn(6, "n n, n n, n n", n=(2, 3, 4)),  # square, so that a wrong transpose runs and is named
        gradient=True,
    ),
    "06.2": Exercise(
        lambda d, W, a: d @ W * a * (1 - a),
        _hidden_deltas,
        # As many neurons as in the next layer, so that weights wrongly turned run and can be named.
        cases=[(d, W, F.sigmoid(z)) for d, W, z in drawn(66, "n k, k k, n k", n=(2, 5, 3), k=(3, 2, 3))],
        gradient=True,
    ),
}

PREDICTIONS = {
    "06.A": Prediction(
        "As many receivers as senders: how many of the five wrong lines run, fit, and are wrong?",
        low=0,
        high=5,
        unit="lines",
        judged="difference",
    ),
    "06.B": Prediction(
        "With a wrong transpose on the way back, what share of the test images is read after 60 passes?",
        low=0,
        high=1,
        judged="difference",
    ),
}
