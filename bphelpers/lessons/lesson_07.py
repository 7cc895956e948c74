"""Exercises and predictions of lesson 07: multiplications, paths and memory."""

from itertools import pairwise
from math import prod

from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction

_multiplications = {
    "the deltas themselves are left out: da * a * (1 - a) multiplies too": 2 * 30 * 20,
    "a delta is counted as one multiplication: da * a * (1 - a) is two": 30 + 2 * 30 * 20,
    "the deltas are counted for the 20 inputs: each of the 30 neurons has one": 2 * 20 + 2 * 30 * 20,
    "each of the 20 numbers that come in takes one multiplication: it is each of the 30 neurons, and "
    "two, for da * a * (1 - a)": 20 + 2 * 30 * 20,
    "nothing is handed on: that is right for a first layer only": 2 * 30 + 30 * 20,
    "dW alone is counted": 30 * 20,
    "the forward pass is counted as well": 2 * 30 + 3 * 30 * 20,
}


def _path_count(n: list[int], k: int) -> Mistakes:
    return {
        "the receiver is chosen again: the weight fixes it": prod(n[k:]),
        "the paths of all weights of the layer are counted together": prod(n[k - 1 :]),
        "the choices are added: they multiply": sum(n[k + 1 :]),
        "the outputs are left out: a path ends at one of them": prod(n[k + 1 : -1]),
        "the layers on the way are counted instead of the paths": len(n) - 1 - k,
        "the layers before the weight are taken: a path goes on to the outputs": prod(n[:k]),
    }


def _parameters(n: list[int]) -> int:
    return sum(n_in * n_out for n_in, n_out in pairwise(n)) + sum(n[1:])


def _batch_size(n: list[int]) -> Mistakes:
    count = _parameters(n)
    return {
        "the division is rounded down and left so: there the activations are not yet more": (count // sum(n)),
        "a tie is taken for more: the division is rounded up": -(-count // sum(n)),
        "the biases are left out: they are parameters too": (count - sum(n[1:])) // sum(n) + 1,
        "the inputs are left out: the first layer's dW needs them": count // sum(n[1:]) + 1,
        "the outputs are left out: their slopes need them": count // sum(n[:-1]) + 1,
        "the hidden layers alone are counted: inputs and outputs are remembered as well": (
            count // sum(n[1:-1]) + 1
        ),
        "the parameters are counted in bytes and the activations in numbers": (8 * count // sum(n) + 1),
    }


EXERCISES = {
    "07.1": Exercise(2 * 30 + 30 * 20 + 30 * 20, _multiplications),
    "07.2": Exercise(
        lambda n, k: prod(n[k + 1 :]),
        _path_count,
        cases=[([784, 128, 64, 10], 1), ([4, 3, 5, 2], 1), ([4, 3, 5, 2], 2), ([4, 3, 5, 2], 3)],
    ),
    "07.3": Exercise(
        lambda n: _parameters(n) // sum(n) + 1,
        _batch_size,
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
