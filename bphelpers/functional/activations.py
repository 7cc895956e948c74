"""Activations: of each number alone (sigmoid, tanh, ReLU, leaky ReLU, GELU), or of a row (softmax)."""

import math
from typing import Any

import numpy as np

from bphelpers.arguments import Array, number, op


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

    >>> relu_backward([5.0, 5.0], [-2.0, 3.0])
    array([0., 5.])
    """
    return np.where(z > 0, dout, 0.0)


def _slope_fits(given: dict[str, Any]) -> None:
    number("slope", given.get("slope", 0.01), least=0, most=1)


@op("x: ...", _slope_fits)
def leaky_relu(x: Array, slope: float = 0.01) -> Array:
    """``x`` where ``x > 0``, else ``slope * x``; slope from 0 (ReLU) to 1 [13].

    Source: A. L. Maas, A. Y. Hannun and A. Y. Ng, Rectifier nonlinearities improve neural network acoustic
    models, 2013.

    >>> leaky_relu([-2.0, 3.0], slope=0.1)
    array([-0.2,  3. ])
    """
    return np.where(x > 0, x, float(slope) * x)


@op("x: ..., dout: ...", _slope_fits)
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
    if given["z"].shape[1] == 0:
        raise ValueError(f"z must have at least one score in each row, got shape {given['z'].shape}")


@op("z: n k", _some_scores)
def softmax(z: Array) -> Array:
    r"""Each row of scores as probabilities, :math:`p_j = e^{z_j} / \sum_k e^{z_k}`, without overflow [02].

    >>> softmax([[0.0, 0.0], [1e4, -1e4]])
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    return np.exp(log_softmax.plain(z))


@op("p: n k, dout: n k")
def softmax_backward(dout: Array, p: Array) -> Array:
    r""":math:`p_j (d_j - \sum_k d_k p_k)`, from the output ``p``: the whole Jacobian, not its diagonal [02].

    >>> softmax_backward([[1.0, 0.0]], [[0.5, 0.5]])
    array([[ 0.25, -0.25]])
    """
    return p * (dout - (dout * p).sum(axis=1, keepdims=True))


@op("z: n k", _some_scores)
def log_softmax(z: Array) -> Array:
    r"""Logarithm of :func:`softmax`, :math:`z_j - \log \sum_k e^{z_k}`, without overflow or log of 0 [02].

    >>> log_softmax([[1e4, 0.0]])
    array([[     0., -10000.]])
    """
    shifted = z - np.maximum.reduce(z, axis=1, keepdims=True)
    return shifted - np.log(np.add.reduce(np.exp(shifted), axis=1, keepdims=True))


@op("log_p: n k, dout: n k")
def log_softmax_backward(dout: Array, log_p: Array) -> Array:
    r""":math:`d_j - p_j \sum_k d_k`, from the output ``log_p`` [02].

    >>> log_softmax_backward([[1.0, 0.0]], log_softmax([[0.0, 0.0]]))
    array([[ 0.5, -0.5]])
    """
    return dout - np.exp(log_p) * dout.sum(axis=1, keepdims=True)
