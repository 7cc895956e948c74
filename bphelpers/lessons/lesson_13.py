"""Exercises and predictions of lesson 13."""

import numpy as np
from numpy.typing import NDArray

from bphelpers import functional as F
from bphelpers.teaching.exercises.records import Exercise, Prediction

_Array = NDArray[np.floating]
_Case = tuple[_Array, _Array, _Array]


def _norm_cases() -> list[_Case]:
    """Square and other shapes; the square ones let a wrong axis run, so that it can be named."""
    rng = np.random.default_rng(13)
    return [
        (rng.normal(size=(n, d)), rng.normal(1.0, 2.0, size=(n, d)), rng.normal(size=d))
        for n, d in ((4, 4), (3, 5), (3, 3))
    ]


def _parts(dout: _Array, x: _Array, gamma: _Array, axis: int = 1) -> tuple[_Array, _Array, _Array]:
    """xhat, dxhat and s."""
    s = np.sqrt(x.var(axis=axis, keepdims=True) + 1e-5)
    return (x - x.mean(axis=axis, keepdims=True)) / s, dout * gamma, s


def _parameters(dout: _Array, x: _Array, gamma: _Array) -> tuple[_Array, _Array]:
    _, dgamma, dbeta = F.layer_norm_backward(dout, x, gamma)
    return dgamma, dbeta


def _mean(array: _Array) -> _Array:
    return array.mean(axis=1, keepdims=True)


def _only_itself(dout: _Array, x: _Array, gamma: _Array) -> _Case:
    _, dxhat, s = _parts(dout, x, gamma)
    return dxhat / s, *_parameters(dout, x, gamma)


def _without_mean(dout: _Array, x: _Array, gamma: _Array) -> _Case:
    xhat, dxhat, s = _parts(dout, x, gamma)
    return (dxhat - xhat * _mean(dxhat * xhat)) / s, *_parameters(dout, x, gamma)


def _without_variance(dout: _Array, x: _Array, gamma: _Array) -> _Case:
    _, dxhat, s = _parts(dout, x, gamma)
    return (dxhat - _mean(dxhat)) / s, *_parameters(dout, x, gamma)


def _without_gamma(dout: _Array, x: _Array, gamma: _Array) -> _Case:
    return F.layer_norm_backward(dout, x, np.ones_like(gamma))[0], *_parameters(dout, x, gamma)


def _gamma_outside(dout: _Array, x: _Array, gamma: _Array) -> _Case:
    return gamma * F.layer_norm_backward(dout, x, np.ones_like(gamma))[0], *_parameters(dout, x, gamma)


def _not_divided(dout: _Array, x: _Array, gamma: _Array) -> _Case:
    _, _, s = _parts(dout, x, gamma)
    return F.layer_norm_backward(dout, x, gamma)[0] * s, *_parameters(dout, x, gamma)


def _sums(dout: _Array, x: _Array, gamma: _Array) -> _Case:
    xhat, dxhat, s = _parts(dout, x, gamma)
    d = x.shape[1]
    return (dxhat - d * _mean(dxhat) - xhat * d * _mean(dxhat * xhat)) / s, *_parameters(dout, x, gamma)


def _sums_down_the_columns(dout: _Array, x: _Array, gamma: _Array) -> _Case:
    """The forward along the rows, the two means of the short form still down the columns."""
    xhat, dxhat, s = _parts(dout, x, gamma)
    dx = (dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0)) / s
    return dx, *_parameters(dout, x, gamma)


def _batch_statistics_for_gamma(dout: _Array, x: _Array, gamma: _Array) -> _Case:
    xhat, _, _ = _parts(dout, x, gamma, axis=0)
    return F.layer_norm_backward(dout, x, gamma)[0], (dout * xhat).sum(axis=0), dout.sum(axis=0)


def _collected_along_rows(dout: _Array, x: _Array, gamma: _Array) -> _Case:
    xhat, _, _ = _parts(dout, x, gamma)
    return F.layer_norm_backward(dout, x, gamma)[0], (dout * xhat).sum(axis=1), dout.sum(axis=1)


def _gamma_everywhere(dout: _Array, x: _Array, gamma: _Array) -> _Case:
    dx, dgamma, dbeta = F.layer_norm_backward(dout, x, gamma)
    return dx, gamma * dgamma, gamma * dbeta


def _from_x(dout: _Array, x: _Array, gamma: _Array) -> _Case:
    dx, _, dbeta = F.layer_norm_backward(dout, x, gamma)
    return dx, (dout * x).sum(axis=0), dbeta


def _averaged(dout: _Array, x: _Array, gamma: _Array) -> _Case:
    dx, dgamma, dbeta = F.layer_norm_backward(dout, x, gamma)
    return dx, dgamma / len(x), dbeta / len(x)


def _exchanged(dout: _Array, x: _Array, gamma: _Array) -> _Case:
    dx, dgamma, dbeta = F.layer_norm_backward(dout, x, gamma)
    return dx, dbeta, dgamma


EXERCISES = {
    "13.1": Exercise(
        reference=lambda s, d_in: np.sqrt(2 / ((1 + s**2) * d_in)),
        mistakes={
            "it is He's formula for ReLU: the negative side is left out": lambda s, d_in: np.sqrt(2 / d_in),
            "it is the variance: the standard deviation is its root": lambda s, d_in: 2 / ((1 + s**2) * d_in),
            "the slope is not squared: a mean square is kept level": (
                lambda s, d_in: np.sqrt(2 / ((1 + s) * d_in))
            ),
            "the two sides are not halved: each has half of the chance": (
                lambda s, d_in: np.sqrt(1 / ((1 + s**2) * d_in))
            ),
            "only the negative side counts: the positive one adds 1": (
                lambda s, d_in: np.sqrt(2 / (s**2 * d_in))
            ),
            "the leak is taken off instead of added": lambda s, d_in: np.sqrt(2 / ((1 - s**2) * d_in)),
            "the factor 1 + s**2 stands above the line: a leak lets more through, so weights are smaller": (
                lambda s, d_in: np.sqrt(2 * (1 + s**2) / d_in)
            ),
            "the factor stands there itself: the variance has to be one over it": (
                lambda s, d_in: np.sqrt((1 + s**2) / (2 * d_in))
            ),
            "the slopes are added before they are squared: each side is squared by itself": (
                lambda s, d_in: np.sqrt(2 / ((1 + s) ** 2 * d_in))
            ),
            "it is the variance 1 / d_in of a linear layer: what LeakyReLU takes away is left out": (
                lambda s, d_in: np.sqrt(1 / d_in)
            ),
            "the 2 is not under the root": lambda s, d_in: 2 / np.sqrt((1 + s**2) * d_in),
            "d_in is left out: the sum has d_in terms": lambda s, d_in: np.sqrt(2 / (1 + s**2)),
            "the number of senders is not under the root": lambda s, d_in: np.sqrt(2 / (1 + s**2)) / d_in,
        },
        cases=((0.2, 50), (0.01, 100), (0.5, 8)),
        gradient=False,
    ),
    "13.2": Exercise(
        reference=F.layer_norm_backward,
        mistakes={
            "it is batch normalisation's backward: everything runs down the columns": (
                lambda dout, x, gamma: F.batch_norm_backward(dout, x, gamma)
            ),
            "dx has only the first way, through x itself": _only_itself,
            "the way through the mean is left out of dx": _without_mean,
            "the way through the variance is left out of dx": _without_variance,
            "gamma is left out of dx": _without_gamma,
            "gamma comes last in dx: it differs along the row, so it has to go into dxhat before the means": (
                _gamma_outside
            ),
            "dx is not divided by s": _not_divided,
            "dx has sums where the short form has means": _sums,
            "the two means in dx still run down the columns": _sums_down_the_columns,
            "the xhat in dgamma is that of batch normalisation": _batch_statistics_for_gamma,
            "dgamma and dbeta are collected along the rows: they belong to features, so it is axis 0": (
                _collected_along_rows
            ),
            "dgamma and dbeta contain gamma: they collect dout, not dxhat": _gamma_everywhere,
            "dgamma is made with x, not with xhat": _from_x,
            "dgamma and dbeta are averaged over the examples: the 1/n belongs to the loss": _averaged,
            "dgamma and dbeta change places": _exchanged,
        },
        cases=_norm_cases,
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
