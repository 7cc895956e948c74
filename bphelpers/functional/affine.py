"""The weighted sum of a layer, and its gradients."""

from numpy.typing import ArrayLike

from bphelpers.functional._validation import Array, as_batch, as_float


def _weights(W: ArrayLike, x: Array) -> Array:
    W = as_float("W", W)
    if W.ndim != 2 or W.shape[1] != x.shape[1]:
        raise ValueError(
            f"W must have shape (d_out, {x.shape[1]}) to receive x of shape {x.shape}, got {W.shape}"
        )
    return W


def linear(x: ArrayLike, W: ArrayLike, b: ArrayLike | None = None) -> Array:
    r"""Weighted sums of a layer, ``x @ W.T + b``.

    Parameters
    ----------
    x : array (n, d_in)
        A batch of inputs, one example a row.
    W : array (d_out, d_in)
        Weights, one receiving neuron a row.
    b : array (d_out,), optional
        Biases.

    Returns
    -------
    array (n, d_out)
        The pre-activations :math:`z_{ij} = \sum_k W_{jk} x_{ik} + b_j`.

    Raises
    ------
    ValueError
        Where the shapes do not fit.

    Notes
    -----
    Layout of ``torch.nn.Linear``. Lesson: 01_forward_pass.

    Examples
    --------
    >>> linear([[1.0, 2.0]], [[3.0, 4.0]], [0.5])
    array([[11.5]])
    """
    x = as_batch("x", x)
    W = _weights(W, x)
    if b is None:
        return x.dot(W.T)
    b = as_float("b", b)
    if b.shape != (W.shape[0],):
        raise ValueError(f"b must have shape ({W.shape[0]},), one bias for each row of W, got {b.shape}")
    return x.dot(W.T) + b  # dot is @, and below 64 units three times as fast


def linear_backward(dout: ArrayLike, x: ArrayLike, W: ArrayLike) -> tuple[Array, Array, Array]:
    """Gradients of the loss with respect to ``x``, ``W`` and ``b`` of :func:`linear`.

    Parameters
    ----------
    dout : array (n, d_out)
        Gradient of the loss with respect to the output.
    x : array (n, d_in)
    W : array (d_out, d_in)

    Returns
    -------
    dx : array (n, d_in)
        ``dout @ W``: each input is told of every neuron it fed, in proportion to the weight between them.
    dW : array (d_out, d_in)
        ``dout.T @ x``: one outer product for each example, added up.
    db : array (d_out,)
        ``dout`` added up over the batch.

    Raises
    ------
    ValueError
        Where the shapes do not fit.

    Notes
    -----
    Lesson: 05_backprop_by_hand (number by number), 06_matrix_form (where the transpose comes from).

    Examples
    --------
    >>> dx, dW, db = linear_backward([[2.0]], [[1.0, 2.0]], [[3.0, 4.0]])
    >>> dx, dW, db
    (array([[6., 8.]]), array([[2., 4.]]), array([2.]))
    """
    x = as_batch("x", x)
    W = _weights(W, x)
    dout = as_batch("dout", dout)
    if dout.shape != (x.shape[0], W.shape[0]):
        raise ValueError(
            f"dout must have shape ({x.shape[0]}, {W.shape[0]}), as linear(x, W, b), got {dout.shape}"
        )
    return dout.dot(W), dout.T.dot(x), dout.sum(axis=0)
