"""Losses: a mean over the examples, a sum over the outputs of one. Here the chain begins: no ``dout``."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bphelpers.arguments import Array, op
from bphelpers.functional.activations import log_softmax, sigmoid

Labels = NDArray[np.integer]


def at_least_one(name: str, batch: Array) -> None:
    """Refuse an empty batch where an average is taken."""
    if len(batch) == 0:
        raise ValueError(f"{name} must hold at least one example to average over, got shape {batch.shape}")


def _alike(given: dict[str, Any]) -> None:
    name, y_hat = next(iter(given.items()))
    at_least_one(name, y_hat)
    given["y"] = given["y"].astype(y_hat.dtype, copy=False)  # float64 targets must not slow a float32 network


@op("y_hat: n k, y: n k", _alike)
def mse(y_hat: Array, y: Array) -> float:
    r"""Squared error, :math:`\frac1n \sum_{ij} (\hat y_{ij} - y_{ij})^2` [02]. PyTorch also divides by k.

    >>> mse([[1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0], [3.0, 1.0]])
    5.0
    """
    error = y_hat - y
    return float(np.vdot(error, error)) / len(y)


@op("y_hat: n k, y: n k", _alike)
def mse_backward(y_hat: Array, y: Array) -> Array:
    r""":math:`2 (\hat y - y) / n` [02].

    >>> mse_backward([[3.0], [1.0]], [[1.0], [1.0]])
    array([[2.],
           [0.]])
    """
    return 2.0 * (y_hat - y) / len(y)


def _shares(given: dict[str, Any]) -> None:
    _alike(given)
    y = given["y"]
    if np.any((y < 0) | (y > 1)):
        raise ValueError(f"y must lie from 0 to 1, got values from {y.min():g} to {y.max():g}")


@op("logits: n k, y: n k", _shares)
def binary_cross_entropy(logits: Array, y: Array) -> float:
    r"""Yes or no, in nats: :math:`-y \log p - (1-y) \log(1-p)`, :math:`p = \sigma(z)`, y from 0 to 1 [02].

    Written :math:`\max(z, 0) - z y + \log(1 + e^{-|z|})`, it neither overflows nor takes the logarithm of 0.

    >>> binary_cross_entropy([[1e4]], [[0.0]])
    10000.0
    """
    cost = np.maximum(logits, 0.0) - logits * y + np.log1p(np.exp(-np.abs(logits)))
    return float(np.sum(cost) / len(y))


@op("logits: n k, y: n k", _shares)
def binary_cross_entropy_backward(logits: Array, y: Array) -> Array:
    r""":math:`(\sigma(z) - y) / n` [02].

    >>> binary_cross_entropy_backward([[0.0]], [[1.0]])
    array([[-0.5]])
    """
    return (sigmoid.plain(logits) - y) / len(y)


def _classes(given: dict[str, Any]) -> None:
    labels, k = given["labels"], given["logits"].shape[1]
    at_least_one("logits", given["logits"])
    if labels.min() < 0 or labels.max() >= k:
        raise ValueError(f"labels must lie from 0 to {k - 1}, got {labels.min()} to {labels.max()}")


@op("logits: n k, labels: n int", _classes)
def softmax_cross_entropy(logits: Array, labels: Labels) -> float:
    r"""One class of k, in nats: the mean of :math:`-\log p_{label}` [02]. Guessing costs :math:`\log k`.

    >>> round(softmax_cross_entropy([[0.0, 0.0]], [1]), 6)
    0.693147
    """
    return mean_cost(log_softmax.plain(logits), (np.arange(len(labels)), labels))


@op("logits: n k, labels: n int", _classes)
def softmax_cross_entropy_backward(logits: Array, labels: Labels) -> Array:
    r""":math:`(p - \text{one-hot}) / n` [02].

    >>> softmax_cross_entropy_backward([[0.0, 0.0]], [1])
    array([[ 0.5, -0.5]])
    """
    return p_minus_one_hot(log_softmax.plain(logits), (np.arange(len(labels)), labels))


def mean_cost(log_p: Array, right: tuple[Any, Any]) -> float:
    """Minus the logarithm of the right class's probability; ``right`` are its rows and columns."""
    # 0.0 - ... instead of -...: a perfect prediction costs 0.0, not -0.0.
    return 0.0 - float(log_p[right].sum()) / len(log_p)


def p_minus_one_hot(log_p: Array, right: tuple[Any, Any]) -> Array:
    """Its gradient for the logits."""
    p = np.exp(log_p)
    p[right] -= 1.0
    p /= len(p)
    return p
