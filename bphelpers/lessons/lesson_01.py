"""Exercises and predictions of lesson 01."""

from bphelpers import functional as F
from bphelpers.lessons.shared import drawn
from bphelpers.teaching.exercises import Exercise, Prediction

EXERCISES = {
    "01.1": Exercise(
        reference=-4 * 1.5,
        mistakes={
            "the sign is lost: 4 times 1.5 plus the bias is to be 0": 4 * 1.5,
            "the place is given instead of the bias": 1.5,
            "minus the place is given: the weight multiplies it": -1.5,
            "the place is divided by the weight": -1.5 / 4,
            "the sum is set to one half: the sigmoid is one half where the sum is 0": 0.5 - 4 * 1.5,
        },
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
        cases=drawn(1, "n i, j i, j", n=(3, 1, 2), j=(2, 2, 3), i=(4, 2, 3)),
    ),
    "01.3": Exercise(
        reference=(2 * 4 + 2) + (2 * 2 + 2) + 1 * 2,
        mistakes={
            "the biases are left out": 2 * 4 + 2 * 2 + 1 * 2,
            "the output has a bias too: here it has none": (2 * 4 + 2) + (2 * 2 + 2) + (1 * 2 + 1),
            "the neurons are counted": 2 + 2 + 1,
            "the four hidden neurons are read as four in each layer": (4 * 4 + 4) + (4 * 4 + 4) + 4,
        },
    ),
}

PREDICTIONS = {
    "01.A": Prediction("What does the neuron h1 answer when both inputs are 0?", judged="difference"),
    "01.B": Prediction(
        "Can twenty layers without squashing compute more than one?", options=("more", "the same")
    ),
}
