"""What several lessons are made with."""

import copy
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from bphelpers import nn, optim, training
from bphelpers.data import Integers
from bphelpers.numeric import Array

Arrays = dict[str, Array]  # by name: W1, b1, W2, b2, ...


def first_weights(sizes: Sequence[int], seed: int, scale: float = 1.0) -> Arrays:
    """Random weights, for sums of about the size ``scale``, and biases of 0; ``sizes`` begin with the inputs.

    >>> {name: array.shape for name, array in first_weights([64, 10], seed=0).items()}
    {'W1': (10, 64), 'b1': (10,)}
    """
    rng = np.random.default_rng(seed)
    params: Arrays = {}
    for layer, (d_in, d_out) in enumerate(pairwise(sizes), start=1):
        params[f"W{layer}"] = scale * rng.normal(size=(d_out, d_in)) / np.sqrt(d_in)
        params[f"b{layer}"] = np.zeros(d_out)
    return params


def digit_reader(X: Array, y: Integers, rng: np.random.Generator) -> tuple[nn.Sequential, nn.Sequential]:
    """A 64-32-10 network with the weights that ``rng`` draws, and the same after thirty passes over X, y."""
    untrained = nn.Sequential(nn.Linear(64, 32, rng=rng), nn.Sigmoid(), nn.Linear(32, 10, rng=rng))
    trained = copy.deepcopy(untrained)
    training.fit(trained, nn.CrossEntropyLoss(), optim.SGD(lr=0.5), (X, y), epochs=30, batch_size=32, rng=rng,
                 progress=False)  # fmt: skip
    return untrained, trained


def drawn(seed: int, shapes: str, **sizes: tuple[int, ...]) -> list[tuple[Array, ...]]:
    """Cases of standard normal numbers, one array for each shape; each letter has a size for each case.

    >>> [[array.shape for array in case] for case in drawn(1, "n d, d", n=(3, 1), d=(2, 4))]
    [[(3, 2), (2,)], [(1, 4), (4,)]]
    """
    rng = np.random.default_rng(seed)
    cases = [dict(zip(sizes, case, strict=True)) for case in zip(*sizes.values(), strict=True)]
    letters = [shape.split() for shape in shapes.split(",")]
    return [tuple(rng.normal(size=[size[name] for name in shape]) for shape in letters) for size in cases]
