"""Exercises and predictions of lesson 07: multiplications, paths and memory."""

from itertools import pairwise
from math import prod

from bphelpers.teaching.exercises import Exercise, Prediction


def _parameters(sizes: list[int]) -> int:
    return sum(n_in * n_out for n_in, n_out in pairwise(sizes)) + sum(sizes[1:])


EXERCISES = {
    "07.1": Exercise(
        reference=2 * 30 + 30 * 20 + 30 * 20,
        mistakes={
            "the deltas themselves are left out: da * a * (1 - a) multiplies too": 2 * 30 * 20,
            "a delta is counted as one multiplication: da * a * (1 - a) is two": 30 + 2 * 30 * 20,
            "the deltas are counted for the 20 inputs: each of the 30 neurons has one": 2 * 20 + 2 * 30 * 20,
            "each of the 20 numbers that come in takes one multiplication: it is each of the 30 neurons, and "
            "two, for da * a * (1 - a)": 20 + 2 * 30 * 20,
            "nothing is handed on: that is right for a first layer only": 2 * 30 + 30 * 20,
            "dW alone is counted": 30 * 20,
            "the forward pass is counted as well": 2 * 30 + 3 * 30 * 20,
        },
    ),
    "07.2": Exercise(
        reference=lambda n, k: prod(n[k + 1 :]),
        mistakes={
            "the receiver is chosen again: the weight fixes it": lambda n, k: prod(n[k:]),
            "the paths of all weights of the layer are counted together": lambda n, k: prod(n[k - 1 :]),
            "the choices are added: they multiply": lambda n, k: sum(n[k + 1 :]),
            "the outputs are left out: a path ends at one of them": lambda n, k: prod(n[k + 1 : -1]),
            "the layers on the way are counted instead of the paths": lambda n, k: len(n) - 1 - k,
            "the layers before the weight are taken: a path goes on to the outputs": lambda n, k: prod(n[:k]),
        },
        cases=[([784, 128, 64, 10], 1), ([4, 3, 5, 2], 1), ([4, 3, 5, 2], 2), ([4, 3, 5, 2], 3)],
    ),
    "07.3": Exercise(
        reference=lambda n: _parameters(n) // sum(n) + 1,
        mistakes={
            "the division is rounded down and left so: there the activations are not yet more": (
                lambda n: _parameters(n) // sum(n)
            ),
            "a tie is taken for more: the division is rounded up": lambda n: -(-_parameters(n) // sum(n)),
            "the biases are left out: they are parameters too": (
                lambda n: (_parameters(n) - sum(n[1:])) // sum(n) + 1
            ),
            "the inputs are left out: the first layer's dW needs them": (
                lambda n: _parameters(n) // sum(n[1:]) + 1
            ),
            "the outputs are left out: their slopes need them": lambda n: _parameters(n) // sum(n[:-1]) + 1,
            "the hidden layers alone are counted: inputs and outputs are remembered as well": (
                lambda n: _parameters(n) // sum(n[1:-1]) + 1
            ),
            "the parameters are counted in bytes and the activations in numbers": (
                lambda n: 8 * _parameters(n) // sum(n) + 1
            ),
        },
        cases=[([64, 32, 10],), ([16, 10, 4],), ([784, 128, 64, 10],), ([2, 2, 2],)],
    ),
}

PREDICTIONS = {
    "07.A": Prediction(
        "Five layers of ten, forward pass included: the recursion takes 1,500 multiplications. How many "
        "times as many do path sums take?",
        low=1,
    ),
    "07.B": Prediction(
        "Layers of ten: from how many layers on are one-sided differences cheaper than path sums?",
        low=1,
        judged="difference",
        unit="layers",
    ),
    "07.C": Prediction(
        "784-128-64-10: for each multiplication of its forward pass, how many does its backward pass take?",
        low=0,
        explain="It would be about two if every layer handed blame on. The first does not.",
    ),
}
