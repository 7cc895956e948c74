"""Exercises and predictions of lesson 01."""

from bphelpers import functional as F
from bphelpers.lessons.shared import drawn
from bphelpers.numeric import Array
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction

_bias = {
    "the sign is lost: 4 times 1.5 plus the bias is to be 0": 4 * 1.5,
    "the place is given instead of the bias": 1.5,
    "minus the place is given: the weight multiplies it": -1.5,
    "the place is divided by the weight": -1.5 / 4,
    "the sum is set to one half: the sigmoid is one half where the sum is 0": 0.5 - 4 * 1.5,
}


def _linear(x: Array, W: Array, b: Array) -> Mistakes:
    z = F.linear(x, W, b)
    return {
        "the bias is left out": x @ W.T,
        "the bias is subtracted": x @ W.T - b,
        "the result is transposed: rows are examples": z.T,
        "the sums are squashed already: the weighted sums alone are asked for": F.sigmoid(z),
        "only the first example is computed": z[0],
    }


_count = {
    "the biases are left out": 2 * 4 + 2 * 2 + 1 * 2,
    "the output has a bias too: here it has none": (2 * 4 + 2) + (2 * 2 + 2) + (1 * 2 + 1),
    "the neurons are counted": 2 + 2 + 1,
    "the four hidden neurons are read as four in each layer": (4 * 4 + 4) + (4 * 4 + 4) + 4,
}

EXERCISES = {
    "01.1": Exercise(-4 * 1.5, _bias),
    "01.2": Exercise(F.linear, _linear, cases=drawn(1, "n i, j i, j", n=(3, 1, 2), j=(2, 2, 3), i=(4, 2, 3))),
    "01.3": Exercise((2 * 4 + 2) + (2 * 2 + 2) + 1 * 2, _count),
}

PREDICTIONS = {
    "01.A": Prediction("What does the neuron h1 answer when both inputs are 0?", judged="difference"),
    "01.B": Prediction("Can twenty layers without squashing compute more than one?", ("more", "the same")),
}
