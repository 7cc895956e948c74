"""Every operation as a pair of pure functions: ``op`` and ``op_backward``.

Conventions, the same in all pairs:

- A batch is rows: ``x`` is ``(n, d)``. A weight matrix is ``(d_out, d_in)``, row = receiving neuron.
- ``d`` + name is the gradient of the scalar loss with respect to name.
- A backward takes the upstream gradient ``dout`` first, then exactly the forward values that it needs, and
  returns gradients in the order of the forward's arguments. It never writes into its inputs.
- A loss averages over the ``n`` examples and sums over the outputs of one example; it is where the chain
  begins, so its backward needs no upstream gradient.
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
