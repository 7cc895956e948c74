"""The table of mistakes: a name, what the learner reads, what it gives in each operation that it befalls.

Whoever names mistakes reads it here: the diagnosis, the rerun of a network, the museum, exercises. To teach
the check a new mistake, add a row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bphelpers import functional as F
from bphelpers.numeric import Array

Gradients = dict[str, Array]
# A rule of an operation is given dout, the arguments and the output, that of a loss its two arguments. It
# returns the wrong gradient of the one argument; where there are several, those that it changes, by argument.
# Where shapes do not fit, NumPy's ValueError says that the mistake cannot have been made.
# "early update" is linear at a learning rate. "gradient" is any, whatever it belongs to: its rule is given
# what was found and the right one, and returns None where it cannot be that.
Rule = Callable[..., Any]


@dataclass(frozen=True)
class Mistake:
    """A row. ``factor`` says by what a mistake multiplies any gradient, given the batch size or None."""

    name: str  # stable: exercises, museum and tests refer to it
    sentence: str
    rules: Mapping[str, Rule] = field(default_factory=dict)
    factor: Callable[[int | None], float | None] | None = None


def _one_hot(logits: Array, labels: Any) -> Array:
    return np.eye(logits.shape[1])[labels]


def _passed_on(dout: Array, z: Array, a: Array) -> Array:
    return dout


def _reshaped(found: Array, truth: Array) -> Array | None:
    return truth.reshape(found.shape) if found.size == truth.size and found.shape != truth.shape else None


_SQUARE = (
    "Every number is {times} the right one: look at the derivative of a square, and at whether this loss "
    "carries a half."
)

TABLE = (
    # --- in any gradient ---
    Mistake(
        "all zero",
        "Every number is 0 and the right ones are not: look for a gradient that is never filled in, or that "
        "is stopped on its way back.",
        factor=lambda n: 0.0,
    ),
    Mistake(
        "sign",
        "These are the right numbers with the sign flipped: look for a minus sign lost or gained, often a "
        "target minus prediction where prediction minus target belongs.",
        factor=lambda n: -1.0,
    ),
    Mistake(
        "not averaged",
        "Every number is the right one times the batch size: the loss averages over the batch, so its "
        "gradient is divided by the batch size, once.",
        factor=lambda n: n,
    ),
    Mistake(
        "averaged twice",
        "Every number is the right one divided by the batch size once too often: the loss has averaged "
        "already, so dW and db add up over the batch, with a sum and not a mean.",
        factor=lambda n: n and 1 / n,
    ),
    Mistake("factor 2", _SQUARE.format(times="twice"), factor=lambda n: 2.0),
    Mistake("factor 1/2", _SQUARE.format(times="half"), factor=lambda n: 0.5),
    Mistake("factor", "Every number is {factor} times the right one: a constant factor was lost or gained."),
    Mistake(
        "another parameter",
        "This is the gradient of {name}, of the same shape: look at what is stored under which name.",
    ),
    Mistake(
        "NaN",
        "{bad} of {all} numbers are NaN or infinite{where}: look for a division by 0, a logarithm of 0 or an "
        "exponential that overflows.",
    ),
    # --- in weights and biases ---
    Mistake(
        "transposed",
        "This is the transpose of the right gradient: dW has the shape of W, one receiving neuron a row, so "
        "it is dz.T @ a and not a.T @ dz.",
        {
            "gradient": lambda found, truth: truth.T if truth.ndim == 2 else None,
            "linear": lambda dout, x, W, *_: {"W": x.T @ dout},
        },
    ),
    Mistake(
        "shape",
        "The numbers are right and the shape is {found}: it should be {right}.",
        {"gradient": _reshaped},
    ),
    Mistake(
        "bias not summed",
        "This has one row for each example: a bias is shared by the whole batch, so add up the rows with "
        "dz.sum(axis=0).",
        {"linear": lambda dout, x, W, *_: {"b": dout}},
    ),
    Mistake(
        "bias summed over the wrong axis",
        "These numbers come out when the bias gradient is added up over the neurons: rows are examples, so "
        "add up over the rows with dz.sum(axis=0).",
        {"linear": lambda dout, x, W, *_: {"b": dout.sum(axis=1)}},
    ),
    Mistake(
        "weights transposed on the way back",
        "These numbers come out when the gradient goes back through W.T: forward is x @ W.T, so the way "
        "back is dz @ W.",
        {"linear": lambda dout, x, W, *_: {"x": dout @ W.T}},
    ),
    Mistake(
        "transpose of dz missing",
        "These numbers come out when dz is not transposed: dz @ a pairs receivers with examples, and dz.T @ "
        "a adds up over the examples.",
        {"linear": lambda dout, x, W, *_: {"W": dout @ x}},
    ),
    Mistake(
        "inputs transposed",
        "These numbers come out when the layer's inputs are transposed: dz.T @ a.T pairs examples with "
        "senders, and dz.T @ a adds up over the examples.",
        {"linear": lambda dout, x, W, *_: {"W": dout.T @ x.T}},
    ),
    Mistake(
        "hidden delta from updated weights",
        "These numbers come out when the weights of the layer above are updated before the gradient has "
        "passed through them: compute all gradients first, then update.",
        {"early update": lambda dout, x, W, *_, lr: {"x": dout @ (W - lr * (dout.T @ x))}},
    ),
    # --- in activations ---
    Mistake(
        "activation derivative missing",
        "These numbers come out when the derivative of the activation is left out: on its way back through "
        "a = f(z), the gradient is multiplied by f'(z).",
        dict.fromkeys(("sigmoid", "tanh", "softmax", "leaky_relu", "gelu"), _passed_on),
    ),
    Mistake(
        "derivative at a instead of z",
        "These numbers come out when the derivative of the activation is taken at its output a instead of "
        "its input z: f'(z) is wanted, not f'(a).",
        {
            "sigmoid": lambda dout, z, a: F.sigmoid_backward(dout, F.sigmoid(a)),
            "tanh": lambda dout, z, a: F.tanh_backward(dout, F.tanh(a)),
        },
    ),
    Mistake(
        "z in place of a",
        "These numbers come out when z stands where a belongs: the short form of the derivative, such as "
        "a * (1 - a), needs the output a.",
        {
            "sigmoid": lambda dout, z, a: F.sigmoid_backward(dout, z),
            "tanh": lambda dout, z, a: F.tanh_backward(dout, z),
        },
    ),
    Mistake(
        "ReLU mask missing",
        "These numbers come out when the gradient passes through ReLU everywhere: it passes only where z > "
        "0, elsewhere it is 0.",
        {"relu": _passed_on},
    ),
    Mistake(
        "ReLU mask inverted",
        "These numbers come out when the mask of ReLU is the wrong way round: the gradient passes where z > "
        "0, not where z <= 0.",
        {"relu": lambda dout, z, a: dout * (z <= 0)},
    ),
    Mistake(
        "ReLU mask from the gradient",
        "These numbers come out when ReLU cuts the gradient where the gradient is negative: what decides is "
        "the sign of z in the forward pass.",
        {"relu": lambda dout, z, a: dout * (dout > 0)},
    ),
    # --- at the output ---
    Mistake(
        "softmax Jacobian diagonal only",
        "These numbers come out when only p * (1 - p), the diagonal of softmax's Jacobian, is used: every "
        "probability depends on every score of its row.",
        {
            "softmax": lambda dout, z, a: F.sigmoid_backward(dout, a),
            # dL/dp = -y / (n p), times the diagonal p (1 - p): p cancels, so that p = 0 does no harm.
            "softmax_cross_entropy": lambda z, y: -_one_hot(z, y) * (1 - F.softmax(z)) / len(z),
        },
    ),
    Mistake(
        "output derivative twice",
        "These numbers come out when p * (1 - p) multiplies p - y once more: for this loss, the gradient "
        "with respect to the scores is p - y already.",
        {
            "binary_cross_entropy": lambda z, y: F.sigmoid_backward(
                F.binary_cross_entropy_backward(z, y), F.sigmoid(z)
            ),
            "softmax_cross_entropy": lambda z, y: F.sigmoid_backward(
                F.softmax_cross_entropy_backward(z, y), F.softmax(z)
            ),
        },
    ),
    Mistake(
        "target not subtracted",
        "These numbers come out when the target is not subtracted: the gradient with respect to the scores "
        "is p - y, not p.",
        {
            "binary_cross_entropy": lambda z, y: F.sigmoid(z) / len(z),
            "softmax_cross_entropy": lambda z, y: F.softmax(z) / len(z),
        },
    ),
)
MISTAKES = {mistake.name: mistake for mistake in TABLE}


def mistakes_in(operation: str) -> list[Mistake]:
    """The rows that have a rule for this operation."""
    return [mistake for mistake in TABLE if operation in mistake.rules]


def sentence_for(mistake: str, place: str = "", **numbers: Any) -> str:
    """The sentence of a mistake, the place in front; a plain one for a name that is not in the table."""
    if mistake not in MISTAKES:
        return f"These numbers come out with this mistake: {mistake}."
    sentence = MISTAKES[mistake].sentence.format(**numbers)
    return f"{place}: {sentence[0].lower()}{sentence[1:]}" if place else sentence
