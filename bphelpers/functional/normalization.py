"""Normalisation: each feature over the batch, or each example over its features, to mean 0 and variance 1."""

from typing import Any

import numpy as np

from bphelpers.arguments import Array, number, op
from bphelpers.functional.losses import at_least_one

Given = Array | None


def _standardized(x: Array, mean: Array, var: Array, eps: float) -> tuple[Array, Array]:
    std: Array = np.sqrt(var + float(eps))
    return (x - mean) / std, std


def _standardized_backward(dx_hat: Array, x_hat: Array, std: Array, axis: int) -> Array:
    """The gradient without its mean and without its part along ``x_hat``: both are lost in standardising."""
    along = x_hat * (dx_hat * x_hat).mean(axis=axis, keepdims=True)
    return (dx_hat - dx_hat.mean(axis=axis, keepdims=True) - along) / std


def _over_batch(x: Array, mean: Given, var: Given, eps: float) -> tuple[Array, Array]:
    if mean is None or var is None:
        return _standardized(x, x.mean(axis=0), x.var(axis=0), eps)
    return _standardized(x, mean, var, eps)


def _both_or_neither(given: dict[str, Any]) -> None:
    number("eps", given.get("eps", 1e-5), above=0)
    mean, var = given.get("mean"), given.get("var")
    if mean is None and var is None:
        at_least_one("x", given["x"])
    elif mean is None or var is None:
        missing = "mean" if mean is None else "var"
        raise ValueError(f"mean and var must be given both (evaluation) or neither, got no {missing}")
    elif np.any(var < 0):
        raise ValueError(f"var must not be negative, got a smallest value of {var.min()}")


@op("x: n d, gamma: d, beta: d, mean: d, var: d", _both_or_neither)
def batch_norm(
    x: Array,
    gamma: Array,
    beta: Array,
    mean: Given = None,
    var: Given = None,
    *,
    eps: float = 1e-5,
) -> Array:
    r"""Each feature standardised over the batch: :math:`\gamma (x - \mu) / \sqrt{v + \epsilon} + \beta` [13].

    In training :math:`\mu, v` are the batch's (divided by n); in evaluation ``mean`` and ``var`` are given. A
    batch of one is its own mean: the output is ``beta``. Source: S. Ioffe and C. Szegedy, Batch
    normalization: accelerating deep network training by reducing internal covariate shift, 2015.

    >>> batch_norm([[1.0], [3.0]], gamma=[2.0], beta=[5.0], eps=3.0)
    array([[4.],
           [6.]])
    """
    return gamma * _over_batch(x, mean, var, eps)[0] + beta


@op("x: n d, gamma: d, mean: d, var: d, dout: n d", _both_or_neither)
def batch_norm_backward(
    dout: Array,
    x: Array,
    gamma: Array,
    mean: Given = None,
    var: Given = None,
    *,
    eps: float = 1e-5,
) -> tuple[Array, Array, Array]:
    r"""``dx, dgamma, dbeta``. In training x acts in three ways: itself, by the mean, by the variance [13].

    .. math:: dx_i = \frac{\gamma}{n \sqrt{v + \epsilon}}
        \Big(n\, dout_i - \sum_k dout_k - \hat x_i \sum_k dout_k \hat x_k\Big)

    >>> batch_norm_backward([[1.0], [0.0]], [[1.0], [3.0]], [2.0], eps=3.0)[1:]
    (array([-0.5]), array([1.]))
    """
    x_hat, std = _over_batch(x, mean, var, eps)
    dx_hat = dout * gamma
    dx = _standardized_backward(dx_hat, x_hat, std, axis=0) if mean is None else dx_hat / std
    return dx, (dout * x_hat).sum(axis=0), dout.sum(axis=0)


def _over_features(x: Array, eps: float) -> tuple[Array, Array]:
    return _standardized(x, x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True), eps)


def _some_features(given: dict[str, Any]) -> None:
    number("eps", given.get("eps", 1e-5), above=0)
    if given["x"].shape[-1] == 0:
        raise ValueError(f"x must have at least one feature on its last axis, got shape {given['x'].shape}")


@op("x: ... d, gamma: d, beta: d", _some_features)
def layer_norm(x: Array, gamma: Array, beta: Array, *, eps: float = 1e-5) -> Array:
    r"""Each example standardised over its features; training and evaluation do the same [13].

    Source: J. L. Ba, J. R. Kiros and G. E. Hinton, Layer normalization, 2016.

    >>> layer_norm([[1.0, 3.0]], gamma=[2.0, 2.0], beta=[5.0, 0.0], eps=3.0)
    array([[4., 1.]])
    """
    return gamma * _over_features(x, eps)[0] + beta


@op("x: ... d, gamma: d, dout: ... d", _some_features)
def layer_norm_backward(
    dout: Array, x: Array, gamma: Array, *, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    r"""``dx, dgamma, dbeta``: as batch norm, along rows, with :math:`g = \gamma\, dout` inside the sums [13].

    >>> layer_norm_backward([[1.0, 0.0]], [[1.0, 3.0]], [2.0, 2.0], eps=3.0)[0]
    array([[ 0.375, -0.375]])
    """
    x_hat, std = _over_features(x, eps)
    dx = _standardized_backward(dout * gamma, x_hat, std, axis=-1)
    rows = tuple(range(x.ndim - 1))
    return dx, (dout * x_hat).sum(axis=rows), dout.sum(axis=rows)
