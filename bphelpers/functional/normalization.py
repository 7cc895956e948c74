"""Normalisation: each feature over the batch, or each example over its features, to mean 0 and variance 1."""

import numpy as np
from numpy.typing import ArrayLike

from bphelpers.functional._validation import Array, as_batch, as_float, not_empty, upstream


def batch_norm(
    x: ArrayLike,
    gamma: ArrayLike,
    beta: ArrayLike,
    mean: ArrayLike | None = None,
    var: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
) -> Array:
    r"""Each feature standardised over the batch, then scaled and shifted: :math:`\gamma \hat x + \beta`.

    :math:`\hat x_{ij} = (x_{ij} - \mu_j) / \sqrt{v_j + \epsilon}`. In training :math:`\mu_j` and :math:`v_j`
    are the mean and the variance of column j over the batch (divided by n, not n - 1), so each output depends
    on every example. In evaluation they are given, and each example is treated alone.

    Parameters
    ----------
    x : array (n, d)
    gamma, beta : array (d,)
        Scale and shift of each feature.
    mean, var : array (d,), optional
        Given constants (evaluation). Without them, those of the batch (training).
    eps : float
        Added to the variance, so that a feature that does not vary is not divided by 0.

    Returns
    -------
    array (n, d)
        In training a batch of one is its own mean: the output is ``beta``, whatever ``x`` is.

    Raises
    ------
    ValueError
        Where shapes do not fit, only one of ``mean`` and ``var`` is given, a variance is negative, ``eps`` is
        not positive, or there is no example to average over.

    Notes
    -----
    Source: S. Ioffe and C. Szegedy, Batch normalization: accelerating deep network training by reducing
    internal covariate shift, 2015. Lesson: 13_deep_networks.

    Examples
    --------
    >>> batch_norm([[1.0], [3.0]], gamma=[2.0], beta=[5.0], eps=3.0)
    array([[4.],
           [6.]])
    """
    x = as_batch("x", x)
    x_hat, _ = _over_batch(x, mean, var, eps)
    return _one_for_each_feature("gamma", gamma, x) * x_hat + _one_for_each_feature("beta", beta, x)


def batch_norm_backward(
    dout: ArrayLike,
    x: ArrayLike,
    gamma: ArrayLike,
    mean: ArrayLike | None = None,
    var: ArrayLike | None = None,
    *,
    eps: float = 1e-5,
) -> tuple[Array, Array, Array]:
    r"""Gradients of the loss with respect to ``x``, ``gamma`` and ``beta`` of :func:`batch_norm`.

    In training an input reaches the loss in three ways: itself, through the mean and through the variance.
    The last two take from the gradient of each column its mean and its part along :math:`\hat x`:

    .. math:: dx_i = \frac{\gamma}{n \sqrt{v + \epsilon}}
        \Big(n\, dout_i - \sum_k dout_k - \hat x_i \sum_k dout_k \hat x_k\Big)

    Parameters
    ----------
    dout : array (n, d)
        Gradient of the loss with respect to the output.
    x : array (n, d)
    gamma : array (d,)
    mean, var : array (d,), optional
        As given to :func:`batch_norm`. They are constants: no gradient is returned for them.
    eps : float

    Returns
    -------
    dx : array (n, d)
        In training each column adds up to 0, and a batch of one gets 0. In evaluation,
        ``dout * gamma / sqrt(var + eps)``.
    dgamma : array (d,)
        ``dout * x_hat`` added up over the batch.
    dbeta : array (d,)
        ``dout`` added up over the batch.

    Raises
    ------
    ValueError
        As :func:`batch_norm`, and where the shape of ``dout`` is not that of ``x``.

    Notes
    -----
    Lesson: 13_deep_networks.

    Examples
    --------
    >>> dx, dgamma, dbeta = batch_norm_backward([[1.0], [0.0]], [[1.0], [3.0]], [2.0], eps=3.0)
    >>> dx, dgamma, dbeta
    (array([[ 0.375],
           [-0.375]]), array([-0.5]), array([1.]))
    """
    dout, x = upstream(dout, "x", as_batch("x", x))
    x_hat, std = _over_batch(x, mean, var, eps)
    dx_hat = dout * _one_for_each_feature("gamma", gamma, x)
    dx = _standardized_backward(dx_hat, x_hat, std, axis=0) if mean is None else dx_hat / std
    return dx, (dout * x_hat).sum(axis=0), dout.sum(axis=0)


def layer_norm(x: ArrayLike, gamma: ArrayLike, beta: ArrayLike, *, eps: float = 1e-5) -> Array:
    r"""Each example standardised over its features, then scaled and shifted: :math:`\gamma \hat x + \beta`.

    The mean and the variance are those of one row, so a batch of one, or a word of a sentence, is treated as
    it is among others, and training and evaluation do the same.

    Parameters
    ----------
    x : array (..., d)
        A batch ``(n, d)``, or any other number of axes before the last.
    gamma, beta : array (d,)
        Scale and shift of each feature.
    eps : float
        Added to the variance, so that a row that does not vary is not divided by 0.

    Returns
    -------
    array, shape of ``x``

    Raises
    ------
    ValueError
        Where shapes do not fit, the last axis is empty or ``eps`` is not positive.

    Notes
    -----
    Source: J. L. Ba, J. R. Kiros and G. E. Hinton, Layer normalization, 2016. Lesson: 13_deep_networks.

    Examples
    --------
    >>> layer_norm([[1.0, 3.0]], gamma=[2.0, 2.0], beta=[5.0, 0.0], eps=3.0)
    array([[4., 1.]])
    """
    x = _with_features(x)
    x_hat, _ = _over_features(x, eps)
    return _one_for_each_feature("gamma", gamma, x) * x_hat + _one_for_each_feature("beta", beta, x)


def layer_norm_backward(
    dout: ArrayLike, x: ArrayLike, gamma: ArrayLike, *, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    r"""Gradients of the loss with respect to ``x``, ``gamma`` and ``beta`` of :func:`layer_norm`.

    The rule of :func:`batch_norm_backward` along rows instead of columns, with
    :math:`g = \gamma\, dout` inside the sums, because :math:`\gamma` differs from feature to feature:

    .. math:: dx_j = \frac{1}{d \sqrt{v + \epsilon}}
        \Big(d\, g_j - \sum_k g_k - \hat x_j \sum_k g_k \hat x_k\Big)

    Parameters
    ----------
    dout : array (..., d)
        Gradient of the loss with respect to the output.
    x : array (..., d)
    gamma : array (d,)
    eps : float

    Returns
    -------
    dx : array (..., d)
        Each row adds up to 0.
    dgamma : array (d,)
        ``dout * x_hat`` added up over all rows.
    dbeta : array (d,)
        ``dout`` added up over all rows.

    Raises
    ------
    ValueError
        As :func:`layer_norm`, and where the shape of ``dout`` is not that of ``x``.

    Notes
    -----
    Lesson: 13_deep_networks.

    Examples
    --------
    >>> dx, dgamma, dbeta = layer_norm_backward([[1.0, 0.0]], [[1.0, 3.0]], [2.0, 2.0], eps=3.0)
    >>> dx, dgamma, dbeta
    (array([[ 0.375, -0.375]]), array([-0.5,  0. ]), array([1., 0.]))
    """
    dout, x = upstream(dout, "x", _with_features(x))
    x_hat, std = _over_features(x, eps)
    dx_hat = dout * _one_for_each_feature("gamma", gamma, x)
    dx = _standardized_backward(dx_hat, x_hat, std, axis=-1)
    rows = tuple(range(x.ndim - 1))
    return dx, (dout * x_hat).sum(axis=rows), dout.sum(axis=rows)


def _over_batch(x: Array, mean: ArrayLike | None, var: ArrayLike | None, eps: float) -> tuple[Array, Array]:
    """``x_hat`` of a batch norm, and what it was divided by."""
    if mean is None and var is None:
        not_empty("x", x)
        return _standardized(x, x.mean(axis=0), x.var(axis=0), eps)
    if mean is None or var is None:
        missing = "mean" if mean is None else "var"
        raise ValueError(f"mean and var must be given both (evaluation) or neither, got no {missing}")
    var = _one_for_each_feature("var", var, x)
    if np.any(var < 0):
        raise ValueError(f"var must not be negative, got a smallest value of {var.min()}")
    return _standardized(x, _one_for_each_feature("mean", mean, x), var, eps)


def _over_features(x: Array, eps: float) -> tuple[Array, Array]:
    """``x_hat`` of a layer norm, and what it was divided by."""
    return _standardized(x, x.mean(axis=-1, keepdims=True), x.var(axis=-1, keepdims=True), eps)


def _standardized(x: Array, mean: Array, var: Array, eps: float) -> tuple[Array, Array]:
    if not eps > 0:
        raise ValueError(f"eps must be positive, got {eps}")
    std: Array = np.sqrt(var + float(eps))
    return (x - mean) / std, std


def _standardized_backward(dx_hat: Array, x_hat: Array, std: Array, axis: int) -> Array:
    """The gradient without its mean and without its part along ``x_hat``: both are lost in standardising."""
    along = x_hat * (dx_hat * x_hat).mean(axis=axis, keepdims=True)
    dx: Array = (dx_hat - dx_hat.mean(axis=axis, keepdims=True) - along) / std
    return dx


def _with_features(x: ArrayLike) -> Array:
    x = as_float("x", x)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ValueError(f"x must have at least one feature on its last axis, got shape {x.shape}")
    return x


def _one_for_each_feature(name: str, value: ArrayLike, x: Array) -> Array:
    array = as_float(name, value)
    if array.shape != x.shape[-1:]:
        wanted = f"({x.shape[-1]},), one number for each feature of x"
        raise ValueError(f"{name} must have shape {wanted}, got {array.shape}")
    return array
