"""Layers and losses: pairs of functions that remember what their backward needs.

``net(x)`` looks at its argument; inside, a layer calls the plain formula of :mod:`bphelpers.functional` and
keeps what the matching backward asks for. All parameters of a network are parts of one array, ``net.flat``,
and their gradients parts of another: so a rule moves a network by one call, and each backward pass overwrites
``.grad``. [05] is the lesson.
"""

from bphelpers.nn.attention import Embedding, LearnedPositions, MultiheadAttention
from bphelpers.nn.images import Conv2d, Flatten, MaxPool2d
from bphelpers.nn.layers import (
    GELU,
    INITIALIZERS,
    Activation,
    BatchNorm1d,
    Dropout,
    Initializer,
    LayerNorm,
    LeakyReLU,
    Linear,
    ReLU,
    Sigmoid,
    Tanh,
    he_normal,
    xavier_uniform,
)
from bphelpers.nn.losses import BCEWithLogitsLoss, CrossEntropyLoss, Loss, MSELoss
from bphelpers.nn.modules import Joined, Module, Parameter, Residual, Sequential, leaves
from bphelpers.nn.sequences import RNN

__all__ = [
    "GELU",
    "INITIALIZERS",
    "RNN",
    "Activation",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "Conv2d",
    "CrossEntropyLoss",
    "Dropout",
    "Embedding",
    "Flatten",
    "Initializer",
    "Joined",
    "LayerNorm",
    "LeakyReLU",
    "LearnedPositions",
    "Linear",
    "Loss",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "MultiheadAttention",
    "Parameter",
    "ReLU",
    "Residual",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "he_normal",
    "leaves",
    "xavier_uniform",
]
