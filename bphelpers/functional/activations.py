"""Activations: applied to each number alone (sigmoid, tanh, ReLU) or to a row (softmax)."""

import numpy as np
from numpy.typing import ArrayLike

from bphelpers.functional._validation import Array, as_batch, as_float, same_shape


def _upstream(dout: ArrayLike, name: str, value: ArrayLike) -> tuple[Array, Array]:
    array = as_float(name, value)
    dout = as_float("dout", dout)
    same_shape("dout", dout, name, array)
    return dout, array


def sigmoid(z: ArrayLike) -> Array:
    r"""Logistic function :math:`\sigma(z) = 1 / (1 + e^{-z})`, element by element.

    Parameters
    ----------
    z : array, any shape

    Returns
    -------
    array, shape of ``z``
        Values from 0 to 1. The exponential is taken of ``-abs(z)`` only, so nothing overflows.

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
    shrunk = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, shrunk) / (1.0 + shrunk)


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
    dout, a = _upstream(dout, "a", a)
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
    dout, a = _upstream(dout, "a", a)
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
    dout, z = _upstream(dout, "z", z)
    return np.where(z > 0, dout, np.zeros_like(dout))


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
    dout, p = _upstream(dout, "p", as_batch("p", p))
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
    dout, log_p = _upstream(dout, "log_p", as_batch("log_p", log_p))
    dz: Array = dout - np.exp(log_p) * dout.sum(axis=1, keepdims=True)
    return dz
