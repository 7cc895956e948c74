"""Exercises and predictions of lesson 01."""

import numpy as np
from numpy.typing import NDArray

from bphelpers import functional as F
from bphelpers.teaching.exercises.records import Exercise, Prediction

_Array = NDArray[np.floating]


def _layer_cases() -> list[tuple[_Array, _Array, _Array]]:
    rng = np.random.default_rng(1)
    sizes = ((3, 2, 4), (1, 2, 2), (2, 3, 3))  # examples, neurons, inputs
    return [(rng.normal(size=(n, i)), rng.normal(size=(j, i)), rng.normal(size=j)) for n, j, i in sizes]


EXERCISES = {
    "01.1": Exercise(
        reference=lambda: -4 * 1.5,
        mistakes={
            "the sign is lost: 4 times 1.5 plus the bias is to be 0": lambda: 4 * 1.5,
            "the place is given instead of the bias": lambda: 1.5,
            "minus the place is given: the weight multiplies it": lambda: -1.5,
            "the place is divided by the weight": lambda: -1.5 / 4,
            "the sum is set to one half: the sigmoid is one half where the sum is 0": lambda: 0.5 - 4 * 1.5,
        },
        gradient=False,
    ),
    "01.2": Exercise(
        reference=F.linear,
        mistakes={
            "the bias is left out": lambda x, W, b: x @ W.T,
            "the bias is subtracted": lambda x, W, b: x @ W.T - b,
            "the result is transposed: rows are examples": lambda x, W, b: (x @ W.T + b).T,
            "the sums are squashed already: the weighted sums alone are asked for": (
                lambda x, W, b: F.sigmoid(x @ W.T + b)
            ),
            "only the first example is computed": lambda x, W, b: W @ x[0] + b,
        },
        cases=_layer_cases,
        gradient=False,
    ),
    "01.3": Exercise(
        reference=lambda: (2 * 4 + 2) + (2 * 2 + 2) + 1 * 2,
        mistakes={
            "the biases are left out": lambda: 2 * 4 + 2 * 2 + 1 * 2,
            "the output has a bias too: here it has none": lambda: (2 * 4 + 2) + (2 * 2 + 2) + (1 * 2 + 1),
            "the neurons are counted": lambda: 2 + 2 + 1,
            "the four hidden neurons are read as four in each layer": lambda: (4 * 4 + 4) + (4 * 4 + 4) + 4,
        },
    ),
}

PREDICTIONS = {
    "01.A": Prediction("What does the neuron h1 answer when both inputs are 0?", judged="difference"),
    "01.B": Prediction(
        "Can twenty layers without squashing compute more than one?", options=("more", "the same")
    ),
}
