"""Exercises and predictions of lesson 07: multiplications, paths and bytes."""

from math import prod

from bphelpers.exercises.records import Exercise, Prediction

_SIZES = [64, 32, 10]  # of the network in exercise 07.3, inputs first


def _bytes(sizes: list[int], examples: int = 50, each: int = 8) -> int:
    return each * examples * sum(sizes)


EXERCISES = {
    "07.1": Exercise(
        question="How many multiplications does backward take in a layer of 20 inputs, 30 neurons?",
        reference=lambda: 2 * 30 + 30 * 20 + 30 * 20,
        mistakes={
            "the deltas themselves are left out: da * a * (1 - a) multiplies too": lambda: 2 * 30 * 20,
            "a delta is counted as one multiplication: da * a * (1 - a) is two": lambda: 30 + 2 * 30 * 20,
            "the deltas are counted for the 20 inputs: each of the 30 neurons has one": (
                lambda: 2 * 20 + 2 * 30 * 20
            ),
            "nothing is handed on: that is right for a first layer only": lambda: 2 * 30 + 30 * 20,
            "dW alone is counted": lambda: 30 * 20,
            "the forward pass is counted as well": lambda: 2 * 30 + 3 * 30 * 20,
        },
        hints=(
            "Three things happen: the deltas, `dW`, and the blame that is handed on.",
            "`da * a * (1 - a)` is two multiplications for each neuron. `dz.T @ a_before` has an entry for "
            "each weight.",
            "And `dz @ W` multiplies each weight by a delta, once. So $2 \\cdot 30 + 600 + 600$.",
        ),
        gradient=False,
    ),
    "07.2": Exercise(
        question="Write number_of_paths(sizes, layer), from one weight of a layer to the error.",
        reference=lambda sizes, layer: prod(sizes[layer + 1 :]),
        mistakes={
            "the receiver is chosen again: the weight fixes it": lambda sizes, layer: prod(sizes[layer:]),
            "the paths of all weights of the layer are counted together": (
                lambda sizes, layer: prod(sizes[layer - 1 :])
            ),
            "the choices are added: they multiply": lambda sizes, layer: sum(sizes[layer + 1 :]),
            "the outputs are left out: a path ends at one of them": (
                lambda sizes, layer: prod(sizes[layer + 1 : -1])
            ),
            "the layers on the way are counted instead of the paths": (
                lambda sizes, layer: len(sizes) - 1 - layer
            ),
            "the layers before the weight are taken: a path goes on to the outputs": (
                lambda sizes, layer: prod(sizes[:layer])
            ),
        },
        hints=(
            "The weight fixes its receiver. In each layer after that one, the path passes one neuron.",
            "The receiver stands in layer `layer`, which has `sizes[layer]` neurons. The choices begin with "
            "`sizes[layer + 1]`, and choices that follow one another multiply.",
            "The product of `sizes[layer + 1:]`. `math.prod` of an empty list is 1.",
        ),
        cases=[([784, 128, 64, 10], 1), ([4, 3, 5, 2], 1), ([4, 3, 5, 2], 2), ([4, 3, 5, 2], 3)],
        gradient=False,
    ),
    "07.3": Exercise(
        question="How many bytes does 64-32-10 remember for backward, with a batch of 50 examples?",
        reference=lambda: _bytes(_SIZES),
        mistakes={
            "numbers are counted, and each takes 8 bytes": lambda: _bytes(_SIZES, each=1),
            "one example is counted, and the batch has 50": lambda: _bytes(_SIZES, examples=1),
            "the inputs are left out: the first layer's dW needs them": lambda: _bytes(_SIZES[1:]),
            "the outputs are left out: their slopes need them": lambda: _bytes(_SIZES[:-1]),
            "the hidden layer alone is counted": lambda: _bytes(_SIZES[1:-1]),
            "each number is taken for 4 bytes: float64 has 8": lambda: _bytes(_SIZES, each=4),
            "the parameters are counted": lambda: 8 * (64 * 32 + 32 + 32 * 10 + 10),
        },
        hints=(
            "Backward needs the inputs of every layer and the outputs of every sigmoid. Which arrays are "
            "these?",
            "The batch itself, the hidden activations and the outputs: $64 + 32 + 10$ numbers for each "
            "example.",
            "Times 50 examples, times 8 bytes.",
        ),
        gradient=False,
    ),
}

PREDICTIONS = {
    "07.A": Prediction(
        "Through five layers of ten, the recursion goes back with 1,000 multiplications. How many do path "
        "sums take?",
        low=1,
    ),
    "07.B": Prediction(
        "Layers of ten: from how many layers on are forward differences cheaper than path sums?",
        low=1,
        judged="difference",
        unit="layers",
    ),
    "07.C": Prediction(
        "784-128-64-10: for each multiplication of its forward pass, how many does its backward pass take?",
        low=0,
    ),
}
