"""A network as layers of neurons, and one iteration through it.

All values come from the network's own layers and from the loss; nothing is computed a second way here.
"""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bphelpers import data, nn, optim
from bphelpers import functional as F
from bphelpers.arguments import refuse, shaped
from bphelpers.teaching.numbers import finite

Array = NDArray[np.floating]
Arrays = dict[str, Array]

MOST_LAYERS, MOST_NEURONS = 5, 8  # more can neither be drawn nor followed


class HalfSquares(nn.MSELoss):
    """Half of ``nn.MSELoss``: the loss of the running example, whose half cancels the 2. [05]

    >>> HalfSquares()([[3.0]], [[1.0]])
    2.0
    """

    def forward(self, y_hat: Array, y: NDArray[Any]) -> float:
        """Half the mean of the squares."""
        return super().forward(y_hat, y) / 2

    def backward(self) -> Array:
        """The miss, over the number of examples."""
        return super().backward() / 2


ACTIVATIONS: dict[type[nn.Module], str] = {nn.Sigmoid: "σ", nn.Tanh: "tanh", nn.ReLU: "ReLU"}
LOSSES = (HalfSquares, nn.MSELoss, nn.BCEWithLogitsLoss, nn.CrossEntropyLoss)


@dataclass
class Layer:
    """One layer of neurons: a ``Linear``, and the activation after it if there is one."""

    linear: nn.Linear
    activation: nn.Module | None = None

    @property
    def function(self) -> str:
        """Symbol of the activation, or nothing."""
        return "" if self.activation is None else ACTIVATIONS[type(self.activation)]


@dataclass(frozen=True)
class Iteration:
    """Everything that one training iteration finds, by name: ``z1`` is of layer 1, ``dz1`` its gradient."""

    layers: list[Layer]
    loss: nn.Loss
    lr: float | None
    value: float
    costs: list[float]  # the loss of each example alone
    rows: Arrays  # x, y, z1, a1, slope1, da1, dz1, p: (n, d), one example a row
    parameters: Arrays  # before the update, W1, b1, and their gradients, dW1, db1
    new: Arrays  # W1, b1 after the update; empty without a learning rate


def layers(net: nn.Sequential) -> list[Layer]:
    """The layers of neurons of a network: 1 to 5 of up to 8 neurons, dropout switched off. [05]

    >>> net, *_ = running_example()
    >>> [layer.function for layer in layers(net)]
    ['σ', 'σ']
    """
    if not isinstance(net, nn.Sequential):
        refuse("net", "be a Sequential", net)
    found: list[Layer] = []
    for leaf in nn.leaves(net, into=nn.Sequential):
        if isinstance(leaf, nn.Linear):
            found.append(Layer(leaf))
        elif type(leaf) in ACTIVATIONS:
            if not found or found[-1].activation is not None:
                refuse("net", "have a Linear before each activation", leaf)
            found[-1].activation = leaf
        elif not isinstance(leaf, nn.Dropout):
            refuse("net", "consist of Linear, Sigmoid, Tanh, ReLU and Dropout", leaf)
        elif leaf.training and leaf.p > 0:
            refuse("net", "draw nothing at random", leaf, "call net.eval() first")
    widest = max((size for layer in found for size in layer.linear.W.data.shape), default=0)
    if not 1 <= len(found) <= MOST_LAYERS or widest > MOST_NEURONS:
        raise ValueError(
            f"net must have 1 to {MOST_LAYERS} layers of at most {MOST_NEURONS} neurons and inputs, got "
            f"{len(found)} layers of up to {widest}"
        )
    return found


def iterate(net: nn.Sequential, loss: nn.Loss, x: ArrayLike, y: ArrayLike, lr: float | None) -> Iteration:
    """One iteration on a copy: forward, loss, backward, update."""
    net, loss = copy.deepcopy(net), copy.deepcopy(loss)
    found = layers(net)
    if type(loss) not in LOSSES:
        refuse("loss", f"be one of {', '.join(c.__name__ for c in LOSSES)}", loss)
    classes = isinstance(loss, nn.CrossEntropyLoss)
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim == 1:  # one example
        x, y = x[None], y[None]
    lengths = {"d_in": found[0].linear.W.data.shape[1]}
    x, y = shaped("x", x, "n d_in", lengths), shaped("y", y, "n int" if classes else "n outputs", lengths)
    finite("x", x)
    finite("y", y)
    parameters: Arrays = {p.name: finite(p.name, p.data) for p in net.parameters()}  # a copy

    rows, out = {"x": x}, x
    for l, layer in enumerate(found, 1):
        out = rows[f"z{l}"] = layer.linear.forward(out)
        if layer.activation is not None:
            out = layer.activation.forward(out)
        rows[f"a{l}"] = out
    finite("the network's output", out)
    costs = [loss(out[i : i + 1], y[i : i + 1]) for i in range(len(out))]
    value = loss(out, y)  # the last call: what backward starts from
    finite("the loss", value)
    rows["y"] = np.eye(out.shape[1])[y] if classes else y  # a class as 0 and 1, as the pictures show it
    rows["p"] = F.softmax(out) if classes else F.sigmoid(out)

    grad = loss.backward()
    for l, layer in reversed([*enumerate(found, 1)]):
        rows[f"da{l}"] = grad
        if layer.activation is not None:
            rows[f"slope{l}"] = layer.activation.backward(np.ones_like(grad))
            grad = layer.activation.backward(grad)
        rows[f"dz{l}"] = grad
        grad = layer.linear.backward(grad)
    for p in net.parameters():
        parameters[f"d{p.name}"] = finite(f"the gradient of {p.name}", np.asarray(p.grad))
    if lr is not None:
        optim.SGD(lr).step(net.parameters())
    new = {} if lr is None else net.state_dict()
    return Iteration(found, loss, lr, value, costs, rows, parameters, new)


def running_example() -> tuple[nn.Sequential, Array, Array, float]:
    """The running example of the course as a network, with its input, target and learning rate. [05]

    >>> net, x, y, lr = running_example()
    >>> net(x).round(3)
    array([[0.751, 0.773]])
    """
    example = data.mazur()
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(2, 2, rng=rng), nn.Sigmoid(), nn.Linear(2, 2, rng=rng), nn.Sigmoid())
    net.load_state_dict({name: getattr(example, name) for name in ("W1", "b1", "W2", "b2")})
    return net, example.x, example.y, example.lr


def running_names() -> dict[str, str]:
    """What the running example's author calls the quantities: w1 to w8, net, out. [05]

    The author has one bias for each layer; here each neuron's is named in the same manner.

    >>> running_names()["W2_11"]
    'w_5'
    """
    names: dict[str, str] = {}
    for j in (1, 2):
        names |= {f"x_{j}": f"i_{j}", f"y_{j}": f"t_{j}"}
        for layer, letter in ((1, "h"), (2, "o")):
            names |= {f"z{layer}_{j}": f"net_{letter}{j}", f"a{layer}_{j}": f"out_{letter}{j}"}
            names |= {f"dz{layer}_{j}": f"δ_{letter}{j}", f"b{layer}_{j}": f"b_{letter}{j}"}
            names |= {f"W{layer}_{j}{k}": f"w_{4 * layer + 2 * j + k - 6}" for k in (1, 2)}
    return names
