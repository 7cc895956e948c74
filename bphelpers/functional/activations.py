"""Activations: applied to each number alone (sigmoid, tanh, ReLU, leaky ReLU, GELU) or to a row (softmax)."""

import math

import numpy as np
from numpy.typing import ArrayLike

from bphelpers.functional._validation import Array, as_batch, as_float, upstream


def sigmoid(z: ArrayLike) -> Array:
    r"""Logistic function :math:`\sigma(z) = 1 / (1 + e^{-z})`, element by element.

    Parameters
    ----------
    z : array, any shape

    Returns
    -------
    array, shape of ``z``
        Values from 0 to 1. Where the exponential overflows to infinity, 1 over it is 0, as it should be.

    Raises
    ------
    ValueError
        Where ``z`` does not hold real numbers.

    Notes
    -----
    Lesson: 01_forward_pass.

    Examples
    --------
    >>> sigmoid([-1e4, 0.0, 1e4])
    array([0. , 0.5, 1. ])
    """
    z = as_float("z", z)
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-z))


def sigmoid_backward(dout: ArrayLike, a: ArrayLike) -> Array:
    r"""Gradient through :func:`sigmoid`, :math:`\sigma'(z) = a (1 - a)`.

    Parameters
    ----------
    dout : array, shape of ``a``
        Gradient of the loss with respect to the output.
    a : array
        The output ``sigmoid(z)``, not ``z``.

    Returns
    -------
    array, shape of ``a``

    Raises
    ------
    ValueError
        Where the shapes differ.

    Notes
    -----
    Lesson: 05_backprop_by_hand.

    Examples
    --------
    >>> sigmoid_backward([1.0], [0.5])
    array([0.25])
    """
    dout, a = upstream(dout, "a", a)
    return dout * a * (1.0 - a)


def tanh(z: ArrayLike) -> Array:
    """Hyperbolic tangent, element by element: values from -1 to 1.

    Parameters
    ----------
    z : array, any shape

    Returns
    -------
    array, shape of ``z``

    Raises
    ------
    ValueError
        Where ``z`` does not hold real numbers.

    Notes
    -----
    Lesson: 01_forward_pass.

    Examples
    --------
    >>> tanh([0.0])
    array([0.])
    """
    return np.tanh(as_float("z", z))


def tanh_backward(dout: ArrayLike, a: ArrayLike) -> Array:
    r"""Gradient through :func:`tanh`, :math:`1 - a^2`.

    Parameters
    ----------
    dout : array, shape of ``a``
    a : array
        The output ``tanh(z)``, not ``z``.

    Returns
    -------
    array, shape of ``a``

    Raises
    ------
    ValueError
        Where the shapes differ.

    Notes
    -----
    Lesson: 04_chain_rule.

    Examples
    --------
    >>> tanh_backward([1.0], [0.5])
    array([0.75])
    """
    dout, a = upstream(dout, "a", a)
    return dout * (1.0 - a * a)


def relu(z: ArrayLike) -> Array:
    r"""Rectifier :math:`\max(0, z)`, element by element.

    Parameters
    ----------
    z : array, any shape

    Returns
    -------
    array, shape of ``z``

    Raises
    ------
    ValueError
        Where ``z`` does not hold real numbers.

    Notes
    -----
    Lesson: 01_forward_pass.

    Examples
    --------
    >>> relu([-2.0, 3.0])
    array([0., 3.])
    """
    return np.maximum(as_float("z", z), 0.0)


def relu_backward(dout: ArrayLike, z: ArrayLike) -> Array:
    """Gradient through :func:`relu`: ``dout`` where ``z > 0``, else 0.

    At ``z == 0`` there is no derivative; like the common frameworks this takes 0.

    Parameters
    ----------
    dout : array, shape of ``z``
    z : array
        The input of the forward pass.

    Returns
    -------
    array, shape of ``z``

    Raises
    ------
    ValueError
        Where the shapes differ.

    Notes
    -----
    Lesson: 11_handwritten_digits.

    Examples
    --------
    >>> relu_backward([5.0, 5.0], [-2.0, 3.0])
    array([0., 5.])
    """
    dout, z = upstream(dout, "z", z)
    return np.where(z > 0, dout, 0.0)


def leaky_relu(x: ArrayLike, slope: float = 0.01) -> Array:
    r"""Rectifier that lets a little through below 0: :math:`x` where :math:`x > 0`, else ``slope * x``.

    Parameters
    ----------
    x : array, any shape
    slope : float
        From 0 (:func:`relu`) to 1 (the identity).

    Returns
    -------
    array, shape of ``x``

    Raises
    ------
    ValueError
        Where ``x`` does not hold real numbers, or ``slope`` does not lie from 0 to 1.

    Notes
    -----
    Source: A. L. Maas, A. Y. Hannun and A. Y. Ng, Rectifier nonlinearities improve neural network acoustic
    models, 2013. Lesson: 13_deep_networks.

    Examples
    --------
    >>> leaky_relu([-2.0, 3.0], slope=0.1)
    array([-0.2,  3. ])
    """
    x = as_float("x", x)
    return np.where(x > 0, x, _slope(slope) * x)


def leaky_relu_backward(dout: ArrayLike, x: ArrayLike, slope: float = 0.01) -> Array:
    """Gradient through :func:`leaky_relu`: ``dout`` where ``x > 0``, else ``slope * dout``.

    At ``x == 0`` there is no derivative; like the common frameworks this takes ``slope``.

    Parameters
    ----------
    dout : array, shape of ``x``
    x : array
        The input of the forward pass.
    slope : float
        As given to :func:`leaky_relu`.

    Returns
    -------
    array, shape of ``x``

    Raises
    ------
    ValueError
        Where the shapes differ, or ``slope`` does not lie from 0 to 1.

    Notes
    -----
    Lesson: 13_deep_networks.

    Examples
    --------
    >>> leaky_relu_backward([5.0, 5.0], [-2.0, 3.0], slope=0.1)
    array([0.5, 5. ])
    """
    dout, x = upstream(dout, "x", x)
    return np.where(x > 0, dout, _slope(slope) * dout)


def _slope(slope: float) -> float:
    if not 0 <= slope <= 1:
        raise ValueError(f"slope must lie from 0 to 1, got {slope}")
    return float(slope)


# Beyond +-10 the tanh of GELU is +-1 to the last digit, while x^3 would overflow far out.
_GELU_SCALE, _GELU_CUBE, _GELU_FLAT = math.sqrt(2 / math.pi), 0.044715, 10.0


def _gelu_parts(x: Array) -> tuple[Array, Array]:
    """``x`` within the range where GELU bends, and the tanh there."""
    x = np.clip(x, -_GELU_FLAT, _GELU_FLAT)
    return x, np.tanh(_GELU_SCALE * (x + _GELU_CUBE * x**3))


def gelu(x: ArrayLike) -> Array:
    r"""Gaussian error linear unit: :math:`x` times the probability that a standard normal number is below it.

    That is :math:`x \Phi(x)`, here in the form with the hyperbolic tangent,
    :math:`\tfrac12 x (1 + \tanh(\sqrt{2/\pi}\,(x + 0.044715 x^3)))`, because NumPy has no error function, of
    which :math:`\Phi` is made. The two are nowhere further apart than 0.00048.

    Parameters
    ----------
    x : array, any shape

    Returns
    -------
    array, shape of ``x``

    Raises
    ------
    ValueError
        Where ``x`` does not hold real numbers.

    Notes
    -----
    Source: D. Hendrycks and K. Gimpel, Gaussian error linear units (GELUs), 2016. The same as PyTorch's
    ``GELU(approximate="tanh")``. Lesson: 13_deep_networks.

    Examples
    --------
    >>> gelu([-1.0, 0.0, 1.0]).round(4)
    array([-0.1588,  0.    ,  0.8412])
    """
    x = as_float("x", x)
    _, t = _gelu_parts(x)
    return 0.5 * x * (1.0 + t)


def gelu_backward(dout: ArrayLike, x: ArrayLike) -> Array:
    r"""Gradient through :func:`gelu`, by the product rule.

    With :math:`t = \tanh u` and :math:`u = \sqrt{2/\pi}\,(x + 0.044715 x^3)` the slope is
    :math:`\tfrac12 (1 + t) + \tfrac12 x (1 - t^2)\, u'`, of this form and not of :math:`x \Phi(x)`.

    Parameters
    ----------
    dout : array, shape of ``x``
    x : array
        The input of the forward pass.

    Returns
    -------
    array, shape of ``x``

    Raises
    ------
    ValueError
        Where the shapes differ.

    Notes
    -----
    Lesson: 13_deep_networks.

    Examples
    --------
    >>> gelu_backward([1.0, 1.0], [0.0, 20.0])
    array([0.5, 1. ])
    """
    dout, x = upstream(dout, "x", x)
    x, t = _gelu_parts(x)
    du = _GELU_SCALE * (1.0 + 3.0 * _GELU_CUBE * x * x)
    return dout * 0.5 * (1.0 + t + x * (1.0 - t * t) * du)


def softmax(z: ArrayLike) -> Array:
    r"""Each row of scores as probabilities, :math:`p_j = e^{z_j} / \sum_k e^{z_k}`.

    The largest score of the row is subtracted first: the ratio stays the same and nothing overflows.

    Parameters
    ----------
    z : array (n, k)

    Returns
    -------
    array (n, k)
        Non-negative, each row adds up to 1.

    Raises
    ------
    ValueError
        Where ``z`` is not a batch of rows.

    Notes
    -----
    Lesson: 02_loss.

    Examples
    --------
    >>> softmax([[0.0, 0.0], [1e4, -1e4]])
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    return np.exp(log_softmax(z))


def softmax_backward(dout: ArrayLike, p: ArrayLike) -> Array:
    r"""Gradient through :func:`softmax`: :math:`p_j (d_j - \sum_k d_k p_k)`.

    Every output depends on every input of its row, so the whole Jacobian takes part, not its diagonal alone.

    Parameters
    ----------
    dout : array (n, k)
    p : array (n, k)
        The output ``softmax(z)``.

    Returns
    -------
    array (n, k)
        Each row adds up to 0.

    Raises
    ------
    ValueError
        Where the shapes differ.

    Notes
    -----
    Lesson: 02_loss.

    Examples
    --------
    >>> softmax_backward([[1.0, 0.0]], [[0.5, 0.5]])
    array([[ 0.25, -0.25]])
    """
    dout, p = upstream(dout, "p", as_batch("p", p))
    dz: Array = p * (dout - (dout * p).sum(axis=1, keepdims=True))
    return dz


def log_softmax(z: ArrayLike) -> Array:
    r"""Logarithm of :func:`softmax`, :math:`z_j - \log \sum_k e^{z_k}`, without overflow or log of 0.

    Parameters
    ----------
    z : array (n, k)

    Returns
    -------
    array (n, k)

    Raises
    ------
    ValueError
        Where ``z`` is not a batch of rows, or a row has no scores.

    Notes
    -----
    Lesson: 02_loss.

    Examples
    --------
    >>> log_softmax([[1e4, 0.0]])
    array([[     0., -10000.]])
    """
    z = as_batch("z", z)
    if z.shape[1] == 0:
        raise ValueError(f"z must have at least one score in each row, got shape {z.shape}")
    shifted = z - z.max(axis=1, keepdims=True)
    log_p: Array = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return log_p


def log_softmax_backward(dout: ArrayLike, log_p: ArrayLike) -> Array:
    r"""Gradient through :func:`log_softmax`: :math:`d_j - p_j \sum_k d_k`.

    Parameters
    ----------
    dout : array (n, k)
    log_p : array (n, k)
        The output ``log_softmax(z)``.

    Returns
    -------
    array (n, k)
        Each row adds up to 0.

    Raises
    ------
    ValueError
        Where the shapes differ.

    Notes
    -----
    Lesson: 02_loss.

    Examples
    --------
    >>> log_softmax_backward([[1.0, 0.0]], log_softmax([[0.0, 0.0]]))
    array([[ 0.5, -0.5]])
    """
    dout, log_p = upstream(dout, "log_p", as_batch("log_p", log_p))
    dz: Array = dout - np.exp(log_p) * dout.sum(axis=1, keepdims=True)
    return dz
