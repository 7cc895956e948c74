"""Every operation as a pair of pure functions, ``op`` and ``op_backward``.

A batch is rows, ``x: n d``; images are ``x: n c h w``. Weights are ``W: k d``, one receiving neuron a row.
``d`` + name is the gradient of the loss with respect to name. A backward takes the upstream gradient
``dout``, then exactly the forward values that it needs; it returns gradients in the order of the forward's
arguments and never writes into its inputs. A loss averages over the n examples and sums over the outputs of
one; the chain begins there, so its backward takes no ``dout``.

The line above each function is its shapes, checked at every call: float32 stays, whole numbers become
float64, a ValueError says what does not fit. ``linear.plain`` is the formula alone. [05] is the lesson that
derives it.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bphelpers.arguments import Array, generator, op

Given = Array | None

# --- The weighted sums of a layer ---------------------------------------------------------------------------


@op("x: n ... d, W: k d, b: k")
def linear(x: Array, W: Array, b: Given = None) -> Array:
    r"""Weighted sums, :math:`z_{ij} = \sum_k W_{jk} x_{ik} + b_j` [01]. Layout of ``torch.nn.Linear``.

    >>> linear([[1.0, 2.0]], [[3.0, 4.0]], [0.5])
    array([[11.5]])
    """
    if x.ndim > 2:  # places of sequences or images: rows like any others
        return linear.plain(_rows(x), W, b).reshape(*x.shape[:-1], len(W))
    z = x.dot(W.T)  # dot is @, and below 64 units three times as fast
    return z if b is None else z + b


@op("x: n ... d, W: k d, dout: n ... k")
def linear_backward(
    dout: Array, x: Array, W: Array, dW: Given = None, db: Given = None, ask_dx: bool = True
) -> tuple[Array, Array, Array]:
    """``dx`` sums over the neurons that each input feeds, ``dW`` and ``db`` over the batch [05, 06].

    A layer passes arrays of its own to write dW and db into; training skips the dx of the first layer.

    >>> linear_backward([[2.0]], [[1.0, 2.0]], [[3.0, 4.0]])
    (array([[6., 8.]]), array([[2., 4.]]), array([2.]))
    """
    if dout.ndim > 2:
        dx, dW, db = linear_backward.plain(_rows(dout), _rows(x), W, dW, db, ask_dx)
        return dx.reshape(x.shape) if ask_dx else dout, dW, db
    dW, db = np.dot(dout.T, x, dW), np.add.reduce(dout, 0, None, db)  # type: ignore[arg-type]
    return dout.dot(W) if ask_dx else dout, dW, db


def _rows(array: Array) -> Array:
    return array.reshape(math.prod(array.shape[:-1]), array.shape[-1])


# --- Activations: of each number alone, or of a row (softmax) -----------------------------------------------


@op("z: ...")
def sigmoid(z: Array) -> Array:
    r"""Logistic function :math:`\sigma(z) = 1 / (1 + e^{-z})`, from 0 to 1 [01].

    >>> sigmoid([-1e4, 0.0, 1e4])
    array([0. , 0.5, 1. ])
    """
    return np.reciprocal(1.0 + np.exp(-z))


@op("a: ..., dout: ...")
def sigmoid_backward(dout: Array, a: Array) -> Array:
    r""":math:`\sigma'(z) = a (1 - a)`, from the output ``a`` [05].

    >>> sigmoid_backward([1.0], [0.5])
    array([0.25])
    """
    return dout * a * (1.0 - a)


@op("z: ...")
def tanh(z: Array) -> Array:
    """Hyperbolic tangent, from -1 to 1 [01].

    >>> tanh([0.0])
    array([0.])
    """
    return np.tanh(z)


@op("a: ..., dout: ...")
def tanh_backward(dout: Array, a: Array) -> Array:
    r""":math:`1 - a^2`, from the output ``a`` [04].

    >>> tanh_backward([1.0], [0.5])
    array([0.75])
    """
    return dout * (1.0 - a * a)


@op("z: ...")
def relu(z: Array) -> Array:
    r"""Rectifier :math:`\max(0, z)` [01].

    >>> relu([-2.0, 3.0])
    array([0., 3.])
    """
    return np.maximum(z, 0.0)


@op("z: ..., dout: ...")
def relu_backward(dout: Array, z: Array) -> Array:
    """``dout`` where ``z > 0``, else 0; at 0, where there is no derivative, 0 as in the frameworks [11].

    ``dout`` must be finite: 0 times infinity is NaN.

    >>> relu_backward([5.0, 5.0], [-2.0, 3.0])
    array([0., 5.])
    """
    return dout * (z > 0)  # np.where takes nine times as long where signs alternate


@op("x: ...", slope={"least": 0, "most": 1})
def leaky_relu(x: Array, slope: float = 0.01) -> Array:
    """``x`` where ``x > 0``, else ``slope * x``; slope from 0 (ReLU) to 1 [13].

    Source: A. L. Maas, A. Y. Hannun and A. Y. Ng, Rectifier nonlinearities improve neural network acoustic
    models, 2013.

    >>> leaky_relu([-2.0, 3.0], slope=0.1)
    array([-0.2,  3. ])
    """
    return np.where(x > 0, x, float(slope) * x)


@op("x: ..., dout: ...", slope={"least": 0, "most": 1})
def leaky_relu_backward(dout: Array, x: Array, slope: float = 0.01) -> Array:
    """``dout`` where ``x > 0``, else ``slope * dout``, at 0 as well [13].

    >>> leaky_relu_backward([5.0, 5.0], [-2.0, 3.0], slope=0.1)
    array([0.5, 5. ])
    """
    return np.where(x > 0, dout, float(slope) * dout)


_SCALE, _CUBE, _FLAT = math.sqrt(2 / math.pi), 0.044715, 10.0


def _bend(x: Array) -> tuple[Array, Array]:
    x = np.clip(x, -_FLAT, _FLAT)  # beyond, tanh is +-1 to the last digit, while x^3 would overflow far out
    return x, np.tanh(_SCALE * (x + _CUBE * x**3))


@op("x: ...")
def gelu(x: Array) -> Array:
    r"""Gaussian error linear unit, :math:`\tfrac12 x (1 + \tanh(\sqrt{2/\pi}\,(x + 0.044715 x^3)))` [13].

    Within 0.00048 of :math:`x \Phi(x)`, for which NumPy has no function. PyTorch's ``approximate="tanh"``.
    Source: D. Hendrycks and K. Gimpel, Gaussian error linear units (GELUs), 2016.

    >>> gelu([-1.0, 0.0, 1.0]).round(4)
    array([-0.1588,  0.    ,  0.8412])
    """
    return 0.5 * x * (1.0 + _bend(x)[1])


@op("x: ..., dout: ...")
def gelu_backward(dout: Array, x: Array) -> Array:
    r"""By the product rule: :math:`\tfrac12 (1 + t) + \tfrac12 x (1 - t^2)\, u'`, :math:`t = \tanh u` [13].

    >>> gelu_backward([1.0, 1.0], [0.0, 20.0])
    array([0.5, 1. ])
    """
    x, t = _bend(x)
    du = _SCALE * (1.0 + 3.0 * _CUBE * x * x)
    return dout * 0.5 * (1.0 + t + x * (1.0 - t * t) * du)


def _some_scores(given: dict[str, Any]) -> None:
    at_least_one("z", given["z"], "score in each row", axis=-1)


@op("z: n ... k", _some_scores)
def softmax(z: Array) -> Array:
    r"""Each row of scores as probabilities, :math:`p_j = e^{z_j} / \sum_k e^{z_k}`, without overflow [02].

    >>> softmax([[0.0, 0.0], [1e4, -1e4]])
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    return np.exp(log_softmax.plain(z))


@op("p: n ... k, dout: n ... k")
def softmax_backward(dout: Array, p: Array) -> Array:
    r""":math:`p_j (d_j - \sum_k d_k p_k)`, from the output ``p``: the whole Jacobian, not its diagonal [02].

    >>> softmax_backward([[1.0, 0.0]], [[0.5, 0.5]])
    array([[ 0.25, -0.25]])
    """
    return p * (dout - (dout * p).sum(axis=-1, keepdims=True))


@op("z: n ... k", _some_scores)
def log_softmax(z: Array) -> Array:
    r"""Logarithm of :func:`softmax`, :math:`z_j - \log \sum_k e^{z_k}`, without overflow or log of 0 [02].

    >>> log_softmax([[1e4, 0.0]])
    array([[     0., -10000.]])
    """
    shifted = z - np.maximum.reduce(z, axis=-1, keepdims=True)
    return shifted - np.log(np.add.reduce(np.exp(shifted), axis=-1, keepdims=True))


@op("log_p: n ... k, dout: n ... k")
def log_softmax_backward(dout: Array, log_p: Array) -> Array:
    r""":math:`d_j - p_j \sum_k d_k`, from the output ``log_p`` [02].

    >>> log_softmax_backward([[1.0, 0.0]], log_softmax([[0.0, 0.0]]))
    array([[ 0.5, -0.5]])
    """
    return dout - np.exp(log_p) * dout.sum(axis=-1, keepdims=True)


# --- Losses: a mean over the examples, a sum over the outputs of one ----------------------------------------


def at_least_one(name: str, array: Array, what: str = "example to average over", axis: int = 0) -> None:
    """Refuse an array that is empty along an axis."""
    if array.shape[axis] == 0:
        raise ValueError(f"{name} must hold at least one {what}, got shape {array.shape}")


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
def softmax_cross_entropy(logits: Array, labels: NDArray[np.integer]) -> float:
    r"""One class of k, in nats: the mean of :math:`-\log p_{label}` [02]. Guessing costs :math:`\log k`.

    >>> round(softmax_cross_entropy([[0.0, 0.0]], [1]), 6)
    0.693147
    """
    return mean_cost(log_softmax.plain(logits), (np.arange(len(labels)), labels))


@op("logits: n k, labels: n int", _classes)
def softmax_cross_entropy_backward(logits: Array, labels: NDArray[np.integer]) -> Array:
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


# --- Normalisation: over the batch, or over the features of an example --------------------------------------


def _standardized(
    x: Array, axis: int, eps: float, mean: Given = None, var: Given = None
) -> tuple[Array, Array]:
    """By what is given, or by the mean and variance along the axis; and the deviation."""
    if mean is None or var is None:
        centred = x - x.mean(axis=axis, keepdims=True)
        var = _means(centred, centred, axis)
    else:
        centred = x - mean
    std: Array = np.sqrt(var + float(eps))
    return centred / std, std


def _means(a: Array, b: Array, axis: int) -> Array:
    """``(a * b).mean(axis, keepdims=True)``, without the array of products."""
    products = np.vecdot(a, b, axis=axis)  # type: ignore[call-overload]
    return np.expand_dims(products, axis) / a.shape[axis]


def _standardized_backward(dx_hat: Array, x_hat: Array, std: Array, axis: int) -> Array:
    """The gradient without its mean and without its part along ``x_hat``: both are lost in standardising."""
    along = x_hat * _means(dx_hat, x_hat, axis)
    return (dx_hat - dx_hat.mean(axis=axis, keepdims=True) - along) / std


def _both_or_neither(given: dict[str, Any]) -> None:
    mean, var = given.get("mean"), given.get("var")
    if mean is None and var is None:
        at_least_one("x", given["x"])
    elif mean is None or var is None:
        missing = "mean" if mean is None else "var"
        raise ValueError(f"mean and var must be given both (evaluation) or neither, got no {missing}")
    elif np.any(var < 0):
        raise ValueError(f"var must not be negative, got a smallest value of {var.min()}")


@op("x: n d, gamma: d, beta: d, mean: d, var: d", _both_or_neither, eps={"above": 0})
def batch_norm(
    x: Array, gamma: Array, beta: Array, mean: Given = None, var: Given = None, *, eps: float = 1e-5
) -> Array:
    r"""Each feature standardised over the batch: :math:`\gamma (x - \mu) / \sqrt{v + \epsilon} + \beta` [13].

    In training :math:`\mu, v` are the batch's (divided by n); in evaluation ``mean`` and ``var`` are given. A
    batch of one is its own mean: the output is ``beta``. Source: S. Ioffe and C. Szegedy, Batch
    normalization: accelerating deep network training by reducing internal covariate shift, 2015.

    >>> batch_norm([[1.0], [3.0]], gamma=[2.0], beta=[5.0], eps=3.0)
    array([[4.],
           [6.]])
    """
    return gamma * _standardized(x, 0, eps, mean, var)[0] + beta


@op("x: n d, gamma: d, mean: d, var: d, dout: n d", _both_or_neither, eps={"above": 0})
def batch_norm_backward(
    dout: Array, x: Array, gamma: Array, mean: Given = None, var: Given = None, *, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    r"""``dx, dgamma, dbeta``. In training x acts in three ways: itself, by the mean, by the variance [13].

    .. math:: dx_i = \frac{\gamma}{n \sqrt{v + \epsilon}}
        \Big(n\, dout_i - \sum_k dout_k - \hat x_i \sum_k dout_k \hat x_k\Big)

    >>> batch_norm_backward([[1.0], [0.0]], [[1.0], [3.0]], [2.0], eps=3.0)[1:]
    (array([-0.5]), array([1.]))
    """
    x_hat, std = _standardized(x, 0, eps, mean, var)
    dx_hat = dout * gamma
    dx = _standardized_backward(dx_hat, x_hat, std, axis=0) if mean is None else dx_hat / std
    return dx, (dout * x_hat).sum(axis=0), dout.sum(axis=0)


def _some_features(given: dict[str, Any]) -> None:
    at_least_one("x", given["x"], "feature on its last axis", axis=-1)


@op("x: ... d, gamma: d, beta: d", _some_features, eps={"above": 0})
def layer_norm(x: Array, gamma: Array, beta: Array, *, eps: float = 1e-5) -> Array:
    r"""Each example standardised over its features; training and evaluation do the same [13].

    Source: J. L. Ba, J. R. Kiros and G. E. Hinton, Layer normalization, 2016.

    >>> layer_norm([[1.0, 3.0]], gamma=[2.0, 2.0], beta=[5.0, 0.0], eps=3.0)
    array([[4., 1.]])
    """
    return gamma * _standardized(x, -1, eps)[0] + beta


@op("x: ... d, gamma: d, dout: ... d", _some_features, eps={"above": 0})
def layer_norm_backward(
    dout: Array, x: Array, gamma: Array, *, eps: float = 1e-5
) -> tuple[Array, Array, Array]:
    r"""``dx, dgamma, dbeta``: as batch norm, along rows, with :math:`g = \gamma\, dout` inside the sums [13].

    >>> layer_norm_backward([[1.0, 0.0]], [[1.0, 3.0]], [2.0, 2.0], eps=3.0)[0]
    array([[ 0.375, -0.375]])
    """
    x_hat, std = _standardized(x, -1, eps)
    dx = _standardized_backward(dout * gamma, x_hat, std, axis=-1)
    return dx, _rows(dout * x_hat).sum(axis=0), _rows(dout).sum(axis=0)


@op("x: ...", lambda given: generator("rng", given["rng"]), p={"least": 0, "below": 1})
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
    """Dropped entries get no gradient, the others are scaled as they were [11].

    >>> dropout_backward([[3.0, 3.0]], [[2.0, 0.0]])
    array([[6., 0.]])
    """
    return dout * mask


from bphelpers.functional.attention import embedding as embedding  # noqa: E402
from bphelpers.functional.attention import embedding_backward as embedding_backward  # noqa: E402
from bphelpers.functional.attention import (  # noqa: E402
    scaled_dot_product_attention as scaled_dot_product_attention,
)
from bphelpers.functional.attention import (  # noqa: E402
    scaled_dot_product_attention_backward as scaled_dot_product_attention_backward,
)
from bphelpers.functional.convolution import conv2d as conv2d  # noqa: E402
from bphelpers.functional.convolution import conv2d_backward as conv2d_backward  # noqa: E402
from bphelpers.functional.convolution import max_pool2d as max_pool2d  # noqa: E402
from bphelpers.functional.convolution import max_pool2d_backward as max_pool2d_backward  # noqa: E402
from bphelpers.functional.recurrence import rnn as rnn  # noqa: E402
from bphelpers.functional.recurrence import rnn_backward as rnn_backward  # noqa: E402

__all__ = [name for name, thing in list(globals().items()) if hasattr(thing, "plain")]
