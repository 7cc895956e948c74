"""Dropout: switch off units at random, so that no unit relies on one other."""

from typing import Any

import numpy as np

from bphelpers.arguments import Array, generator, number, op


def _draws(given: dict[str, Any]) -> None:
    number("p", given["p"], least=0, below=1)
    generator("rng", given["rng"])


@op("x: ...", _draws)
def dropout(x: Array, p: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """``out, mask``: 0 with probability ``p``, else divided by ``1 - p``, which keeps the mean [11].

    Source: N. Srivastava and others, Dropout: a simple way to prevent neural networks from overfitting, 2014.

    >>> dropout([[1.0, 1.0, 1.0, 1.0]], 0.5, np.random.default_rng(0))[0]
    array([[2., 0., 0., 0.]])
    """
    mask = (rng.random(x.shape) >= p) / x.dtype.type(1 - p)
    return x * mask, mask


@op("mask: ..., dout: ...")
def dropout_backward(dout: Array, mask: Array) -> Array:
    """What was dropped gets none, what was kept is scaled alike [11].

    >>> dropout_backward([[3.0, 3.0]], [[2.0, 0.0]])
    array([[6., 0.]])
    """
    return dout * mask
