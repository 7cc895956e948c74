"""A recurrent layer: sequences ``x: n t d``, and the state ``h: n t m`` after each step [16].

Inside, time is the first axis in memory, so that a step is one block of numbers. What is returned has the
shape that it promises, as a view of such an array.
"""

import numpy as np

from bphelpers.arguments import Array, op


def _alike(*arrays: Array) -> list[Array]:
    """Of one type, the widest among them."""
    dtype = np.result_type(*arrays)
    return [array.astype(dtype, copy=False) for array in arrays]


def _steps(array: Array) -> Array:
    """Time first: all examples of step 1, then all of step 2, each a row."""
    n, t, d = array.shape
    return array.transpose(1, 0, 2).reshape(t * n, d)


@op("x: n t d, h0: n m, Wx: m d, Wh: m m, b: m")
def rnn(x: Array, h0: Array, Wx: Array, Wh: Array, b: Array) -> Array:
    r"""The states of a recurrent network, :math:`h_t = \tanh(W_x x_t + W_h h_{t-1} + b)`, ``(n, t, m)`` [16].

    Every step uses the same weights. Source: J. L. Elman, Finding structure in time, 1990; D. E. Rumelhart,
    G. E. Hinton and R. J. Williams, Learning representations by back-propagating errors, 1986.

    >>> rnn([[[0.0], [0.0]]], [[0.5]], [[1.0]], [[2.0]], [0.0]).round(4)  # tanh 1, then tanh of twice that
    array([[[0.7616],
            [0.9093]]])
    """
    x, before, Wx, Wh, b = _alike(x, h0, Wx, Wh, b)
    z = _steps(x).dot(Wx.T)  # one product for all steps
    z += b
    h = z.reshape(x.shape[1], *before.shape)  # overwritten step by step
    turned, product = np.ascontiguousarray(Wh.T), np.empty(before.shape, before.dtype)
    for now in h:
        now += np.dot(before, turned, product)  # the one product that must wait for the step before
        before = np.tanh(now, now)
    return h.transpose(1, 0, 2)


@op("x: n t d, h0: n m, h: n t m, Wx: m d, Wh: m m, dout: n t m")
def rnn_backward(
    dout: Array, x: Array, h0: Array, h: Array, Wx: Array, Wh: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """Backpropagation through time: ``dx, dh0, dWx, dWh, db``, from ``h``, the output [16].

    ``dout`` is what reaches each state from outside; what comes from the step after is added on the way.
    The weights are the same at every step, so their gradients add up over the steps. Source: P. J. Werbos,
    Backpropagation through time: what it does and how to do it, 1990.

    >>> dx, dh0, dWx, dWh, db = rnn_backward([[[1.0]]], [[[3.0]]], [[5.0]], [[[0.5]]], [[2.0]], [[4.0]])
    >>> dx, dh0, dWx, dWh, db  # dz is 1 - 0.5 ** 2 = 0.75
    (array([[[1.5]]]), array([[3.]]), array([[2.25]]), array([[3.75]]), array([0.75]))
    """
    dout, x, h0, h, Wx, Wh = _alike(dout, x, h0, h, Wx, Wh)
    n, t, d = x.shape
    h, dh = h.transpose(1, 0, 2), np.zeros(h0.shape, h0.dtype)
    dz = h * h
    np.subtract(1, dz, dz)  # the slopes, which become dz step by step
    for now, arriving in zip(dz[::-1], dout.transpose(1, 0, 2)[::-1], strict=True):
        now *= arriving + dh
        np.dot(now, Wh, dh)
    rows = dz.reshape(t * n, dz.shape[2])
    before = np.concatenate([h0[None], h])[:t]
    dWh = rows.T.dot(before.reshape(rows.shape))  # sums over examples and over steps
    dWx = rows.T.dot(_steps(x))
    return rows.dot(Wx).reshape(t, n, d).transpose(1, 0, 2), dh, dWx, dWh, rows.sum(axis=0)
