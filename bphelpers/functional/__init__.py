"""Every operation as a pair of pure functions, ``op`` and ``op_backward``.

A batch is rows, ``x: n d``. Weights are ``W: k d``, one receiving neuron a row. ``d`` + name is the gradient
of the loss with respect to name. A backward takes the upstream gradient ``dout``, then exactly the forward
values that it needs; it returns gradients in the order of the forward's arguments and writes into none of
them. A loss averages over the n examples and sums over the outputs of one; the chain begins there, so its
backward takes no ``dout``.

The line above each function is its shapes, checked at every call: float32 stays, whole numbers become
float64, a ValueError says what does not fit. ``linear.plain`` is the formula alone. [05] is the lesson that
derives it.
"""

from bphelpers.functional.activations import (
    gelu,
    gelu_backward,
    leaky_relu,
    leaky_relu_backward,
    log_softmax,
    log_softmax_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    softmax,
    softmax_backward,
    tanh,
    tanh_backward,
)
from bphelpers.functional.affine import linear, linear_backward
from bphelpers.functional.losses import (
    binary_cross_entropy,
    binary_cross_entropy_backward,
    mse,
    mse_backward,
    softmax_cross_entropy,
    softmax_cross_entropy_backward,
)
from bphelpers.functional.normalization import (
    batch_norm,
    batch_norm_backward,
    layer_norm,
    layer_norm_backward,
)
from bphelpers.functional.regularization import dropout, dropout_backward

__all__ = [
    "batch_norm",
    "batch_norm_backward",
    "binary_cross_entropy",
    "binary_cross_entropy_backward",
    "dropout",
    "dropout_backward",
    "gelu",
    "gelu_backward",
    "layer_norm",
    "layer_norm_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "linear",
    "linear_backward",
    "log_softmax",
    "log_softmax_backward",
    "mse",
    "mse_backward",
    "relu",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "softmax_cross_entropy_backward",
    "tanh",
    "tanh_backward",
]
