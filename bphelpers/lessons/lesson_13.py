"""Exercises and predictions of lesson 13."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bphelpers import functional as F
from bphelpers.lessons.shared import variations_of
from bphelpers.numeric import Array
from bphelpers.teaching.exercises import Exercise, Prediction


def _norm_cases() -> list[tuple[Array, ...]]:
    """Square and other shapes; the square ones let a wrong axis run, so that it can be named."""
    rng = np.random.default_rng(13)
    return [
        (rng.normal(size=(n, d)), rng.normal(1.0, 2.0, size=(n, d)), rng.normal(size=d))
        for n, d in ((4, 4), (3, 5), (3, 3))
    ]


def _parts(dout: Array, x: Array, gamma: Array, axis: int = 1) -> tuple[Array, Array, Array]:
    """xhat, dxhat and s."""
    s = np.sqrt(x.var(axis=axis, keepdims=True) + 1e-5)
    return (x - x.mean(axis=axis, keepdims=True)) / s, dout * gamma, s


def _dx(rule: Callable[..., Array]) -> Callable[..., Any]:
    """The right backward pass, but for a dx made from xhat, dxhat and s."""
    return _but(dx=lambda dout, x, gamma: rule(*_parts(dout, x, gamma)))


def _mean(array: Array, axis: int = 1) -> Array:
    return array.mean(axis=axis, keepdims=True)


_but = variations_of(F.layer_norm_backward, "dx dgamma dbeta")


EXERCISES = {
    "13.1": Exercise(
        reference=lambda s, d: np.sqrt(2 / ((1 + s**2) * d)),
        mistakes={
            "it is He's formula for ReLU: the negative side is left out": lambda s, d: np.sqrt(2 / d),
            "it is the variance: the standard deviation is its root": lambda s, d: 2 / ((1 + s**2) * d),
            "the slope is not squared: a mean square is kept level": lambda s, d: np.sqrt(2 / ((1 + s) * d)),
            "the two sides are not halved: each has half of the chance": (
                lambda s, d: np.sqrt(1 / ((1 + s**2) * d))
            ),
            "only the negative side counts: the positive one adds 1": lambda s, d: np.sqrt(2 / (s**2 * d)),
            "the leak is taken off instead of added": lambda s, d: np.sqrt(2 / ((1 - s**2) * d)),
            "the factor 1 + s**2 stands above the line: a leak lets more through, so weights are smaller": (
                lambda s, d: np.sqrt(2 * (1 + s**2) / d)
            ),
            "the factor stands there itself: the variance has to be one over it": (
                lambda s, d: np.sqrt((1 + s**2) / (2 * d))
            ),
            "the slopes are added before they are squared: each side is squared by itself": (
                lambda s, d: np.sqrt(2 / ((1 + s) ** 2 * d))
            ),
            "it is the variance 1 / d_in of a linear layer: what LeakyReLU takes away is left out": (
                lambda s, d: np.sqrt(1 / d)
            ),
            "the 2 is not under the root": lambda s, d: 2 / np.sqrt((1 + s**2) * d),
            "d_in is left out: the sum has d_in terms": lambda s, d: np.sqrt(2 / (1 + s**2)),
            "the number of senders is not under the root": lambda s, d: np.sqrt(2 / (1 + s**2)) / d,
        },
        cases=((0.2, 50), (0.01, 100), (0.5, 8)),
    ),
    "13.2": Exercise(
        reference=F.layer_norm_backward,
        mistakes={
            "it is batch normalisation's backward: everything runs down the columns": F.batch_norm_backward,
            "dx has only the first way, through x itself": _dx(lambda xhat, dxhat, s: dxhat / s),
            "the way through the mean is left out of dx": _dx(
                lambda xhat, dxhat, s: (dxhat - xhat * _mean(dxhat * xhat)) / s
            ),
            "the way through the variance is left out of dx": _dx(
                lambda xhat, dxhat, s: (dxhat - _mean(dxhat)) / s
            ),
            "gamma is left out of dx": _but(
                dx=lambda dout, x, gamma: F.layer_norm_backward(dout, x, np.ones_like(gamma))[0]
            ),
            "gamma comes last in dx: it differs along the row, so it has to go into dxhat before the means": (
                _but(dx=lambda dout, x, gamma: gamma * F.layer_norm_backward(dout, x, np.ones_like(gamma))[0])
            ),
            "dx is not divided by s": _dx(
                lambda xhat, dxhat, s: dxhat - _mean(dxhat) - xhat * _mean(dxhat * xhat)
            ),
            "dx has sums where the short form has means": _dx(
                lambda xhat, d, s: (d - (_mean(d) + xhat * _mean(d * xhat)) * d.shape[1]) / s
            ),
            "the two means in dx still run down the columns": _dx(
                lambda xhat, dxhat, s: (dxhat - _mean(dxhat, 0) - xhat * _mean(dxhat * xhat, 0)) / s
            ),
            "the xhat in dgamma is that of batch normalisation": _but(
                dgamma=lambda dout, x, gamma: (dout * _parts(dout, x, gamma, axis=0)[0]).sum(axis=0)
            ),
            "dgamma and dbeta are collected along the rows: they belong to features, so it is axis 0": _but(
                dgamma=lambda dout, x, gamma: (dout * _parts(dout, x, gamma)[0]).sum(axis=1),
                dbeta=lambda dout, x, gamma: dout.sum(axis=1),
            ),
            "dgamma and dbeta contain gamma: they collect dout, not dxhat": _but(
                dgamma=lambda dout, x, gamma: gamma * F.layer_norm_backward(dout, x, gamma)[1],
                dbeta=lambda dout, x, gamma: gamma * dout.sum(axis=0),
            ),
            "dgamma is made with x, not with xhat": _but(
                dgamma=lambda dout, x, gamma: (dout * x).sum(axis=0)
            ),
            "dgamma and dbeta are averaged over the examples: the 1/n belongs to the loss": _but(
                dgamma=lambda dout, x, gamma: F.layer_norm_backward(dout, x, gamma)[1] / len(x),
                dbeta=lambda dout, x, gamma: dout.mean(axis=0),
            ),
            "dgamma and dbeta change places": _but(dgamma="dbeta", dbeta="dgamma"),
        },
        cases=_norm_cases,
        gradient=True,
    ),
}

PREDICTIONS = {
    "13.A": Prediction(
        "Twenty sigmoid layers, w = 4, b = 0, and a bound of 1: how large is the derivative itself?", low=0
    ),
    "13.B": Prediction(
        "At which gain do ReLU's activations and deltas stay level through 40 layers?",
        low=0.25,
        high=4,
        judged="difference",
    ),
    "13.C": Prediction(
        "Weights ten times larger before batch normalisation: what becomes of the gradient that is "
        "handed back, da = delta W?",
        options=("ten times larger", "the same", "ten times smaller"),
    ),
    "13.D": Prediction(
        "Twenty layers, twelve epochs at the rate 0.02: which single change ends with the lowest training "
        "loss?",
        options=("He", "batch norm", "residual"),
    ),
}
