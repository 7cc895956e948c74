"""Dropout: switch off units at random, so that no unit relies on one other."""

import numpy as np
from numpy.typing import ArrayLike

from bphelpers.functional._validation import Array, as_float, as_generator, upstream


def dropout(x: ArrayLike, p: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Set each number to 0 with probability ``p`` and divide the others by ``1 - p``.

    The division keeps the expected value, so at test time the layer is left out and nothing else changes.

    Parameters
    ----------
    x : array, any shape
    p : float
        Probability of dropping, 0 <= p < 1.
    rng : numpy.random.Generator

    Returns
    -------
    out : array, shape of ``x``
    mask : array, shape of ``x``
        0 where dropped, ``1 / (1 - p)`` where kept; the backward needs it.

    Raises
    ------
    ValueError
        Where ``p`` is not a probability below 1, or ``rng`` is not a generator.

    Notes
    -----
    Source: N. Srivastava and others, Dropout: a simple way to prevent neural networks from overfitting, 2014.
    Lesson: 11_handwritten_digits.

    Examples
    --------
    >>> out, mask = dropout([[1.0, 1.0, 1.0, 1.0]], 0.5, np.random.default_rng(0))
    >>> out
    array([[2., 0., 0., 0.]])
    """
    x = as_float("x", x)
    if not 0 <= p < 1:
        raise ValueError(f"p must be a probability, 0 <= p < 1, got {p}")
    mask = (as_generator("rng", rng).random(x.shape) >= p) / x.dtype.type(1 - p)
    return x * mask, mask


def dropout_backward(dout: ArrayLike, mask: ArrayLike) -> Array:
    """Gradient through :func:`dropout`: what was dropped gets none, what was kept is scaled alike.

    Parameters
    ----------
    dout, mask : array, same shape

    Returns
    -------
    array, shape of ``mask``

    Raises
    ------
    ValueError
        Where the shapes differ.

    Notes
    -----
    Lesson: 11_handwritten_digits.

    Examples
    --------
    >>> dropout_backward([[3.0, 3.0]], [[2.0, 0.0]])
    array([[6., 0.]])
    """
    dout, mask = upstream(dout, "mask", mask)
    return dout * mask
