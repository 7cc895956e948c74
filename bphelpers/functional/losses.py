"""Losses: one number for a whole batch. Each averages over the examples and sums over the outputs of one."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bphelpers.functional._validation import Array, as_batch, as_float, not_empty, same_shape
from bphelpers.functional.activations import log_softmax, sigmoid, softmax


def _pair(y_hat_name: str, y_hat: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    y_hat = as_batch(y_hat_name, y_hat)
    y = np.asarray(as_float("y", y), dtype=y_hat.dtype)  # float64 targets must not slow a float32 network
    same_shape("y", y, y_hat_name, y_hat)
    not_empty(y_hat_name, y_hat)
    return y_hat, y


def mse(y_hat: ArrayLike, y: ArrayLike) -> float:
    r"""Mean over the batch of the squared error, :math:`\frac1n \sum_i \sum_j (\hat y_{ij} - y_{ij})^2`.

    Summed over the outputs of an example, averaged over examples, like every loss of this course.
    (``torch.nn.MSELoss`` also divides by the number of outputs.)

    Parameters
    ----------
    y_hat, y : array (n, k)
        Predictions and targets, in the same unit.

    Returns
    -------
    float
        In that unit squared.

    Raises
    ------
    ValueError
        Where the shapes differ or the batch is empty.

    Notes
    -----
    Lesson: 02_loss.

    Examples
    --------
    >>> mse([[1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0], [3.0, 1.0]])
    5.0
    """
    y_hat, y = _pair("y_hat", y_hat, y)
    error = y_hat - y
    return float(np.vdot(error, error)) / len(y)


def mse_backward(y_hat: ArrayLike, y: ArrayLike) -> Array:
    r"""Gradient of :func:`mse` with respect to ``y_hat``: :math:`2 (\hat y - y) / n`.

    Parameters
    ----------
    y_hat, y : array (n, k)

    Returns
    -------
    array (n, k)

    Raises
    ------
    ValueError
        Where the shapes differ or the batch is empty.

    Notes
    -----
    Lesson: 02_loss.

    Examples
    --------
    >>> mse_backward([[3.0], [1.0]], [[1.0], [1.0]])
    array([[2.],
           [0.]])
    """
    y_hat, y = _pair("y_hat", y_hat, y)
    return 2.0 * (y_hat - y) / len(y)


def binary_cross_entropy(logits: ArrayLike, y: ArrayLike) -> float:
    r"""Cross-entropy of yes-or-no targets, from the logits :math:`z`.

    With :math:`p = \sigma(z)` an output costs :math:`-y \log p - (1-y) \log(1-p)`, which is
    :math:`\max(z, 0) - z y + \log(1 + e^{-|z|})`: that form neither overflows nor takes the logarithm of 0.

    Parameters
    ----------
    logits : array (n, k)
        Scores before the sigmoid.
    y : array (n, k)
        Targets from 0 to 1.

    Returns
    -------
    float
        In nats, summed over the ``k`` outputs, averaged over the ``n`` examples.

    Raises
    ------
    ValueError
        Where the shapes differ, the batch is empty or a target lies outside 0 to 1.

    Notes
    -----
    Lesson: 02_loss.

    Examples
    --------
    >>> round(binary_cross_entropy([[0.0]], [[1.0]]), 6)
    0.693147
    >>> binary_cross_entropy([[1e4]], [[0.0]])
    10000.0
    """
    z, y = _probability_targets(logits, y)
    cost = np.maximum(z, 0.0) - z * y + np.log1p(np.exp(-np.abs(z)))
    return float(np.sum(cost) / len(y))


def binary_cross_entropy_backward(logits: ArrayLike, y: ArrayLike) -> Array:
    r"""Gradient of :func:`binary_cross_entropy` with respect to the logits: :math:`(\sigma(z) - y) / n`.

    Parameters
    ----------
    logits, y : array (n, k)

    Returns
    -------
    array (n, k)

    Raises
    ------
    ValueError
        Where the shapes differ, the batch is empty or a target lies outside 0 to 1.

    Notes
    -----
    Lesson: 02_loss.

    Examples
    --------
    >>> binary_cross_entropy_backward([[0.0]], [[1.0]])
    array([[-0.5]])
    """
    z, y = _probability_targets(logits, y)
    return (sigmoid(z) - y) / len(y)


def _probability_targets(logits: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    z, y = _pair("logits", logits, y)
    if np.any((y < 0) | (y > 1)):
        raise ValueError(f"y must lie from 0 to 1, got values from {y.min():g} to {y.max():g}")
    return z, y


def softmax_cross_entropy(logits: ArrayLike, labels: ArrayLike) -> float:
    r"""Cross-entropy of one class out of ``k``: the mean of :math:`-\log p_{label}`, :math:`p` = softmax.

    Parameters
    ----------
    logits : array (n, k)
        Scores before the softmax.
    labels : integer array (n,)
        The right class of each example, 0 to k-1.

    Returns
    -------
    float
        In nats. Guessing at random among ``k`` classes costs :math:`\log k`.

    Raises
    ------
    ValueError
        Where shapes do not fit, the batch is empty or a label is not a class.

    Notes
    -----
    Lesson: 02_loss.

    Examples
    --------
    >>> round(softmax_cross_entropy([[0.0, 0.0]], [1]), 6)
    0.693147
    """
    z, labels = class_targets(logits, labels)
    return mean_cost(log_softmax(z), labels)


def mean_cost(log_p: Array, labels: NDArray[np.integer]) -> float:
    """Minus the logarithm of the right class's probability, averaged."""
    # 0.0 - ... instead of -...: a perfect prediction costs 0.0, not -0.0.
    return 0.0 - float(log_p[np.arange(len(labels)), labels].sum()) / len(labels)


def softmax_cross_entropy_backward(logits: ArrayLike, labels: ArrayLike) -> Array:
    r"""Gradient of :func:`softmax_cross_entropy` for the logits: :math:`(p - \text{one-hot}) / n`.

    Parameters
    ----------
    logits : array (n, k)
    labels : integer array (n,)

    Returns
    -------
    array (n, k)
        Each row adds up to 0.

    Raises
    ------
    ValueError
        Where shapes do not fit, the batch is empty or a label is not a class.

    Notes
    -----
    Lesson: 02_loss.

    Examples
    --------
    >>> softmax_cross_entropy_backward([[0.0, 0.0]], [1])
    array([[ 0.5, -0.5]])
    """
    z, labels = class_targets(logits, labels)
    return p_minus_one_hot(softmax(z), labels)


def p_minus_one_hot(p: Array, labels: NDArray[np.integer]) -> Array:
    """The gradient for the logits, written over ``p``."""
    p[np.arange(len(p)), labels] -= 1.0
    p /= len(p)
    return p


def class_targets(logits: ArrayLike, labels: ArrayLike) -> tuple[Array, NDArray[np.integer]]:
    """Both as arrays; refuses labels that are no classes, and an empty batch."""
    z = as_batch("logits", logits)
    not_empty("logits", z)
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu" or labels.shape != (len(z),):
        raise ValueError(
            f"labels must be integers of shape ({len(z)},), one class for each row of logits, "
            f"got dtype {labels.dtype}, shape {labels.shape}; "
            "one-hot targets become labels by y.argmax(axis=1)"
        )
    if labels.min() < 0 or labels.max() >= z.shape[1]:
        raise ValueError(f"labels must lie from 0 to {z.shape[1] - 1}, got {labels.min()} to {labels.max()}")
    return z, labels
