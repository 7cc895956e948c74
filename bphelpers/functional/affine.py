"""The weighted sums of a layer."""

import numpy as np

from bphelpers.arguments import Array, op


@op("x: n d, W: k d, b: k")
def linear(x: Array, W: Array, b: Array | None = None) -> Array:
    r"""Weighted sums, :math:`z_{ij} = \sum_k W_{jk} x_{ik} + b_j` [01]. Layout of ``torch.nn.Linear``.

    >>> linear([[1.0, 2.0]], [[3.0, 4.0]], [0.5])
    array([[11.5]])
    """
    z = x.dot(W.T)  # dot is @, and below 64 units three times as fast
    return z if b is None else z + b


@op("x: n d, W: k d, dout: n k")
def linear_backward(
    dout: Array,
    x: Array,
    W: Array,
    dW: Array | None = None,
    db: Array | None = None,
    ask_dx: bool = True,
) -> tuple[Array, Array, Array]:
    """``dx, dW, db``: an input is told of every neuron it fed; the batch adds up [05, in matrices 06].

    A layer has dW and db written into arrays of its own; in training nobody asks the first one for its dx.

    >>> linear_backward([[2.0]], [[1.0, 2.0]], [[3.0, 4.0]])
    (array([[6., 8.]]), array([[2., 4.]]), array([2.]))
    """
    dW, db = np.dot(dout.T, x, dW), np.add.reduce(dout, axis=0, out=db)
    return dout.dot(W) if ask_dx else dout, dW, db
