"""Exercises and predictions of lesson 06."""

import numpy as np
from numpy.typing import NDArray

from bphelpers import functional as F
from bphelpers.exercises.records import Exercise, Prediction

_Array = NDArray[np.floating]
_Layer = tuple[_Array, _Array, _Array]


def _layer_cases() -> list[_Layer]:
    rng = np.random.default_rng(6)
    sizes = ((2, 3, 4), (5, 2, 3), (4, 6, 2))  # examples, receivers, senders: all different
    return [(rng.normal(size=(n, j)), rng.normal(size=(n, k)), rng.normal(size=(j, k))) for n, j, k in sizes]


def _delta_cases() -> list[_Layer]:
    rng = np.random.default_rng(66)
    sizes = ((2, 3, 4), (5, 2, 3), (4, 6, 2))
    return [
        (rng.normal(size=(n, j)), rng.normal(size=(j, k)), F.sigmoid(rng.normal(size=(n, k))))
        for n, j, k in sizes
    ]


def _averaged(dz: _Array, x: _Array, W: _Array) -> _Layer:
    dx, dW, db = F.linear_backward(dz, x, W)
    return dx, dW / len(x), db / len(x)


EXERCISES = {
    "06.1": Exercise(
        question="Write my_linear_backward(dz, x, W) without loops: dx and dW as matrix products, then db.",
        reference=F.linear_backward,
        mistakes={
            "dW and dx change places: the order is dx, dW, db": (
                lambda dz, x, W: (dz.T @ x, dz @ W, dz.sum(axis=0))
            ),
            "dW lies on its side: receivers are its rows, so dz lies down and not x": (
                lambda dz, x, W: (dz @ W, x.T @ dz, dz.sum(axis=0))
            ),
            "dx lies on its side: examples are its rows": (
                lambda dz, x, W: (W.T @ dz.T, dz.T @ x, dz.sum(axis=0))
            ),
            "dW and db are averaged over the examples: the 1/n belongs to the loss": _averaged,
            "db adds up over the neurons: examples are the rows, so it is axis 0": (
                lambda dz, x, W: (dz @ W, dz.T @ x, dz.sum(axis=1))
            ),
            "db is not added up over the examples": lambda dz, x, W: (dz @ W, dz.T @ x, dz),
            "db is averaged over the examples: the 1/n belongs to the loss": (
                lambda dz, x, W: (dz @ W, dz.T @ x, dz.mean(axis=0))
            ),
            "db is added up over everything: each neuron has a bias of its own": (
                lambda dz, x, W: (dz @ W, dz.T @ x, dz.sum())
            ),
            "db has a second axis: its shape is (neurons,)": (
                lambda dz, x, W: (dz @ W, dz.T @ x, dz.sum(axis=0, keepdims=True))
            ),
        },
        hints=(
            "Three sums: `dx[n, k]` over `j`, `dW[j, k]` over `n`, `db[j]` over `n`. The summed index has to "
            "stand inside.",
            "In `dz[n, j] * W[j, k]` the `j` stands inside already. In `dz[n, j] * x[n, k]` the `n` stands "
            "outside: which factor has to lie down?",
            "`dz` lies down: `dz.T @ x`. For `db`, add up the rows of `dz`.",
        ),
        cases=_layer_cases,
    ),
    "06.2": Exercise(
        question="How many terms are added up in one entry of Z (bias aside), of dA, and of dW?",
        reference=lambda: (64, 10, 32),
        mistakes={
            "the terms of dA and of dW change places": lambda: (64, 32, 10),
            "the terms of Z and of dA change places": lambda: (10, 64, 32),
            "the entries are counted instead of the terms in one": lambda: (32 * 10, 32 * 64, 10 * 64),
            "every sum is taken over the senders": lambda: (64, 64, 64),
            "the terms of Z are counted in dA as well: on the way back the receivers are summed": (
                lambda: (64, 64, 32)
            ),
            "the terms of Z are counted in dW as well: there the examples are summed": lambda: (64, 10, 64),
            "one example is counted in dW: the batch has 32": lambda: (64, 10, 1),
        },
        hints=(
            "Each of the three arrays shares one letter with each other. What is summed is the letter that "
            "the result does not have.",
            "Z is (examples, receivers): the senders are missing. dA is (examples, senders): what is "
            "missing?",
            "dA lacks the receivers, dW lacks the examples.",
        ),
        gradient=False,
    ),
    "06.3": Exercise(
        question="Write my_delta(dz_next, W_next, a): the deltas of a sigmoid layer from those of the next.",
        reference=lambda dz_next, W_next, a: dz_next @ W_next * a * (1 - a),
        mistakes={
            "the slope of the sigmoid is left out": lambda dz_next, W_next, a: dz_next @ W_next,
            "only half of the slope stands there: it is a * (1 - a)": (
                lambda dz_next, W_next, a: dz_next @ W_next * (1 - a)
            ),
            "the activation stands where its slope belongs: a * (1 - a)": (
                lambda dz_next, W_next, a: dz_next @ W_next * a
            ),
            "the slope of tanh stands where the sigmoid's belongs: a * (1 - a)": (
                lambda dz_next, W_next, a: dz_next @ W_next * (1 - a**2)
            ),
            "sigmoid is applied to a once more: a is its output already": (
                lambda dz_next, W_next, a: dz_next @ W_next * F.sigmoid(a) * (1 - F.sigmoid(a))
            ),
            "the result lies on its side: examples are the rows": (
                lambda dz_next, W_next, a: (dz_next @ W_next * a * (1 - a)).T
            ),
            "the deltas are averaged over the examples: the 1/n belongs to the loss": (
                lambda dz_next, W_next, a: dz_next @ W_next * a * (1 - a) / len(a)
            ),
        },
        hints=(
            "Two steps: through the weights, back along the wires; then through the sigmoid.",
            "Back along the wires sums over the receivers `j` of `dz_next[n, j] * W_next[j, k]`.",
            "`dz_next @ W_next`, then entry by entry times the slope `a * (1 - a)`.",
        ),
        cases=_delta_cases,
    ),
}

PREDICTIONS = {
    "06.A": Prediction(
        "All sizes equal: how many of the seven wrong products run and have the right shape?",
        low=0,
        high=7,
        unit="products",
        judged="difference",
    ),
    "06.B": Prediction(
        "How many numbers does the full Jacobian of 128 sums with respect to their 128 x 784 weights hold?",
        low=1,
    ),
    "06.C": Prediction(
        "With a wrong transpose in the hidden layer, what share of the test images is read correctly?",
        low=0,
        high=1,
        judged="difference",
    ),
}
