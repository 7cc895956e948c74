"""Exercises and predictions of lesson 06."""

import numpy as np

from bphelpers import functional as F
from bphelpers.lessons.shared import drawn, variations_of
from bphelpers.numeric import Array
from bphelpers.teaching.exercises import Exercise, Prediction

_Layer = tuple[Array, Array, Array]


def _columns(dZ: Array, A: Array, W: Array) -> _Layer:
    return W.T @ dZ, dZ @ A.T, dZ.sum(axis=1)


_but = variations_of(_columns, "dA dW db")


def _delta_cases() -> list[_Layer]:
    """As many neurons as in the next layer, so that weights wrongly turned run and can be named."""
    rng = np.random.default_rng(66)
    return [
        (rng.normal(size=(n, k)), rng.normal(size=(k, k)), F.sigmoid(rng.normal(size=(n, k))))
        for n, k in ((2, 3), (5, 2), (3, 3))
    ]


EXERCISES = {
    "06.1": Exercise(
        reference=_columns,
        mistakes={
            "the formulas are those of this course, where examples are rows": (
                lambda dZ, A, W: (dZ @ W, dZ.T @ A, dZ.sum(axis=0))
            ),
            "dA and dW are those of this course, where examples are rows": (
                lambda dZ, A, W: (dZ @ W, dZ.T @ A, dZ.sum(axis=1))
            ),
            "dA is that of this course: with examples in columns, the j of W and the j of dZ have to meet": (
                _but(dA=lambda dZ, A, W: dZ @ W)
            ),
            "W is not turned on the way back: in W @ dZ a k meets a j": _but(dA=lambda dZ, A, W: W @ dZ),
            "W is turned and stands on the wrong side: in dZ @ W.T an n meets a k": _but(
                dA=lambda dZ, A, W: dZ @ W.T
            ),
            "dA lies on its side: senders are its rows": _but(dA=lambda dZ, A, W: dZ.T @ W),
            "dW is that of this course: in dZ.T @ A a j meets a k": _but(dW=lambda dZ, A, W: dZ.T @ A),
            "dW has no transpose: in dZ @ A an n meets a k": _but(dW=lambda dZ, A, W: dZ @ A),
            "dW lies on its side: receivers are its rows": _but(dW=lambda dZ, A, W: A @ dZ.T),
            "dA and dW change places: the order is dA, dW, db": _but(dA="dW", dW="dA"),
            "db adds up over the receivers: examples are the columns, so it is axis 1": _but(
                db=lambda dZ, A, W: dZ.sum(axis=0)
            ),
            "db is not added up over the examples": _but(db=lambda dZ, A, W: dZ),
            "db is added up over everything: each neuron has a bias of its own": _but(
                db=lambda dZ, A, W: dZ.sum()
            ),
            "db has a second axis: its shape is (receivers,)": _but(
                db=lambda dZ, A, W: dZ.sum(axis=1, keepdims=True)
            ),
            "dW and db are averaged over the examples: the 1/n belongs to the loss": _but(
                dW=lambda dZ, A, W: dZ @ A.T / dZ.shape[1], db=lambda dZ, A, W: dZ.mean(axis=1)
            ),
            "db is averaged over the examples: the 1/n belongs to the loss": _but(
                db=lambda dZ, A, W: dZ.mean(axis=1)
            ),
            "everything is averaged over the examples: the 1/n belongs to the loss": (
                lambda dZ, A, W: tuple(array / dZ.shape[1] for array in _columns(dZ, A, W))
            ),
        },
        cases=drawn(6, "n n, n n, n n", n=(2, 3, 4)),  # square, so that a wrong transpose runs and is named
        gradient=True,
    ),
    "06.2": Exercise(
        reference=lambda d, W, a: d @ W * a * (1 - a),
        mistakes={
            "the weights are transposed: the j of dz_next and the j of W_next meet without it": (
                lambda d, W, a: d @ W.T * a * (1 - a)
            ),
            "the weights are left out: dz_next is only multiplied by the slope": (
                lambda d, W, a: d * a * (1 - a)
            ),
            "the slope of the sigmoid is left out": lambda d, W, a: d @ W,
            "only half of the slope stands there: it is a * (1 - a)": lambda d, W, a: d @ W * (1 - a),
            "the activation stands where its slope belongs: a * (1 - a)": lambda d, W, a: d @ W * a,
            "the brackets around 1 - a are missing": lambda d, W, a: d @ W * a * 1 - a,
            "the slope of tanh stands where the sigmoid's belongs: a * (1 - a)": (
                lambda d, W, a: d @ W * (1 - a**2)
            ),
            "sigmoid is applied to a once more: a is its output already": (
                lambda d, W, a: d @ W * F.sigmoid(a) * (1 - F.sigmoid(a))
            ),
            "the result lies on its side: examples are the rows": lambda d, W, a: (d @ W * a * (1 - a)).T,
            "the deltas are averaged over the examples: the 1/n belongs to the loss": (
                lambda d, W, a: d @ W * a * (1 - a) / len(a)
            ),
        },
        cases=_delta_cases,
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
