"""Exercises and predictions of lesson 13."""

import numpy as np

from bphelpers import functional as F
from bphelpers.lessons.shared import drawn
from bphelpers.numeric import Array
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction


def _spread(s: float, d: int) -> Mistakes:
    return {
        "it is He's formula for ReLU: the negative side is left out": np.sqrt(2 / d),
        "it is the variance: the standard deviation is its root": 2 / ((1 + s**2) * d),
        "the slope is not squared: a mean square is kept level": np.sqrt(2 / ((1 + s) * d)),
        "the two sides are not halved: each has half of the chance": np.sqrt(1 / ((1 + s**2) * d)),
        "only the negative side counts: the positive one adds 1": np.sqrt(2 / (s**2 * d)),
        "the leak is taken off instead of added": np.sqrt(2 / ((1 - s**2) * d)),
        "the factor 1 + s**2 stands above the line: a leak lets more through, so weights are smaller": (
            np.sqrt(2 * (1 + s**2) / d)
        ),
        "the factor stands there itself: the variance has to be one over it": np.sqrt((1 + s**2) / (2 * d)),
        "the slopes are added before they are squared: each side is squared by itself": (
            np.sqrt(2 / ((1 + s) ** 2 * d))
        ),
        "it is the variance 1 / d_in of a linear layer: what LeakyReLU takes away is left out": (
            np.sqrt(1 / d)
        ),
        "the 2 is not under the root": 2 / np.sqrt((1 + s**2) * d),
        "d_in is left out: the sum has d_in terms": np.sqrt(2 / (1 + s**2)),
        "the number of senders is not under the root": np.sqrt(2 / (1 + s**2)) / d,
    }


def _mean(array: Array, axis: int = 1) -> Array:
    return array.mean(axis=axis, keepdims=True)


def _layer_norm(dout: Array, x: Array, gamma: Array) -> Mistakes:
    dx, dgamma, dbeta = F.layer_norm_backward(dout, x, gamma)
    without_gamma = F.layer_norm_backward(dout, x, np.ones_like(gamma))[0]
    batch_norm = F.batch_norm_backward(dout, x, gamma)
    s, d, rest = np.sqrt(x.var(axis=1, keepdims=True) + 1e-5), dout * gamma, (dgamma, dbeta)
    xhat = (x - _mean(x)) / s
    level, tilt = _mean(d), xhat * _mean(d * xhat)
    return {
        "it is batch normalisation's backward: everything runs down the columns": batch_norm,
        "dx has only the first way, through x itself": (d / s, *rest),
        "the way through the mean is left out of dx": ((d - tilt) / s, *rest),
        "the way through the variance is left out of dx": ((d - level) / s, *rest),
        "gamma is left out of dx": (without_gamma, *rest),
        "gamma comes last in dx: it differs along the row, so it has to go into dxhat before the means": (
            (gamma * without_gamma, *rest)
        ),
        "dx is not divided by s": (dx * s, *rest),
        "dx has sums where the short form has means": ((d - (level + tilt) * len(gamma)) / s, *rest),
        "the two means in dx still run down the columns": (
            ((d - _mean(d, 0) - xhat * _mean(d * xhat, 0)) / s, *rest)
        ),
        "the xhat in dgamma is that of batch normalisation": (dx, batch_norm[1], dbeta),
        "dgamma and dbeta are collected along the rows: they belong to features, so it is axis 0": (
            (dx, (dout * xhat).sum(axis=1), dout.sum(axis=1))
        ),
        "dgamma and dbeta contain gamma: they collect dout, not dxhat": (dx, gamma * dgamma, gamma * dbeta),
        "dgamma is made with x, not with xhat": (dx, (dout * x).sum(axis=0), dbeta),
        "dgamma and dbeta are averaged over the examples: the 1/n belongs to the loss": (
            (dx, dgamma / len(x), dbeta / len(x))
        ),
        "dgamma and dbeta change places": (dx, dbeta, dgamma),
    }


EXERCISES = {
    "13.1": Exercise(
        lambda s, d: np.sqrt(2 / ((1 + s**2) * d)), _spread, cases=((0.2, 50), (0.01, 100), (0.5, 8))
    ),
    "13.2": Exercise(
        F.layer_norm_backward,
        _layer_norm,
        # Square and other shapes; the square ones let a wrong axis run, so that it can be named.
        cases=[
            (dout, 1 + 2 * x, gamma) for dout, x, gamma in drawn(13, "n d, n d, d", n=(4, 3, 3), d=(4, 5, 3))
        ],
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
        ("ten times larger", "the same", "ten times smaller"),
    ),
    "13.D": Prediction(
        "Twenty layers, twelve epochs at the rate 0.02: which single change ends with the lowest training "
        "loss?",
        ("He", "batch norm", "residual"),
    ),
}
