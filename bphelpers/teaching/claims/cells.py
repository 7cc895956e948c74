"""What a card's cell is made of: the judge, and short experiments that several cards share."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from bphelpers import data, nn, optim
from bphelpers import functional as F
from bphelpers.arguments import Array, refuse
from bphelpers.teaching.trace import running_example

__all__ = [
    "ascend",
    "descend",
    "judge",
    "moved",
    "read_digits",
    "running_loss",
    "stay",
    "trained",
    "xor_gradient",
    "xor_loss",
    "xor_solved",
]

#: What is run before each cell; with it, a cell can be copied into a notebook.
SETUP = """\
import numpy as np
import bphelpers as bp
from bphelpers import functional as F
from bphelpers.autodiff import Value
from bphelpers.teaching import trial
from bphelpers.teaching.claims.cells import *
"""

Update = Callable[[Array, Array, float], Array]


def judge(*held: Any) -> str:
    """The verdict of a cell, from one truth for each thing that the claim predicts: did it happen?

    >>> judge(True), judge(True, False), judge(False, False)
    ('right', 'half right', 'wrong')
    """
    if not held:
        refuse("held", "be at least one True or False", held)
    for one in held:
        if not isinstance(one, bool | np.bool_):
            refuse("held", "be True or False each", one)
    return "right" if all(held) else "half right" if any(held) else "wrong"


def descend(w: Array, dw: Array, rate: float) -> Array:
    """A step against the gradient."""
    return w - rate * dw


def ascend(w: Array, dw: Array, rate: float) -> Array:
    """A step along the gradient: the world turned round."""
    return w + rate * dw


def stay(w: Array, dw: Array, rate: float) -> Array:
    """No step at all."""
    return w.copy()


def xor_loss(rate: float = 0.0, update: Update = descend, updates: int = 1) -> float:
    """Half the squares of the 2-2-1 network with fixed weights on XOR, after so many updates [10].

    >>> round(xor_loss(), 7), round(xor_loss(rate=0.1), 7), round(xor_loss(rate=10), 7)
    (0.5028763, 0.5028142, 0.5088358)
    """
    net, X, y = xor_network()
    return _loss_after(net, X, y, rate, update, updates, net.parameters())


def xor_gradient() -> Array:
    """The nine slopes of `xor_loss` at its start, in a row."""
    net, X, y = xor_network()
    _loss_after(net, X, y, 0.0, stay, 1, net.parameters())
    return net.flat.grad.copy()


def running_loss(updates: int = 0, biases: bool = False) -> float:
    """The error of the running example after so many updates, its biases held or not [05].

    >>> round(running_loss(), 9), round(running_loss(1), 9)
    (0.298371109, 0.291027774)
    """
    net, x, y, lr = running_example()
    moving = [p for p in net.parameters() if biases or p.name.startswith("W")]
    return _loss_after(net, x, y, lr, descend, updates, moving)


def xor_network() -> tuple[nn.Sequential, Array, Array]:
    """The 2-2-1 network with fixed weights, and the four cases of XOR."""
    fixed, rng = data.worked_example("xor_fixture"), np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(2, 2, rng=rng), nn.Sigmoid(), nn.Linear(2, 1, rng=rng), nn.Sigmoid())
    net.load_state_dict({name: fixed[name] for name in ("W1", "b1", "W2", "b2")})
    return net, *data.xor()


def _loss_after(
    net: nn.Sequential,
    X: Array,
    y: Array,
    rate: float,
    update: Update,
    updates: int,
    moving: list[nn.Parameter],
) -> float:
    """Half the squares of all examples; the slopes of the last update are left in the network."""
    for _ in range(updates):
        net.backward(net(X) - y)
        for p in moving:
            p.data = update(p.data, p.grad, rate)
    return float(np.sum((net(X) - y) ** 2) / 2)


def xor_answers(W1: Array, b1: Array, W2: Array, b2: Array, rate: float = 1.0, updates: int = 0) -> Array:
    """What n networks side by side, shapes as in lesson 10, answer to XOR after so many updates: (n, 4)."""
    X, y = data.xor()
    W1, b1, W2, b2 = (w.copy() for w in (W1, b1, W2, b2))

    def forward() -> tuple[Array, Array]:
        A = F.sigmoid.plain(X @ W1.swapaxes(1, 2) + b1)
        return A, F.sigmoid.plain(A @ W2.swapaxes(1, 2) + b2)

    for _ in range(updates):
        A, output = forward()
        dz2 = (output - y) / len(X)
        dz1 = dz2 @ W2 * A * (1 - A)
        for W, b, dz, x in ((W1, b1, dz1, X), (W2, b2, dz2, A)):
            W -= rate * dz.swapaxes(1, 2) @ x
            b -= rate * dz.sum(axis=1, keepdims=True)
    return forward()[1][..., 0]


@functools.cache
def xor_solved(starts: int = 20, hidden: int = 2) -> Array:
    """Which of so many random starts learn all four cases of XOR in 4,000 updates, with sigmoids [10]."""
    rng = np.random.default_rng(0)
    W1, W2 = rng.normal(0, 1.4, (starts, hidden, 2)), rng.normal(0, 1.4, (starts, 1, hidden))
    b1, b2 = np.zeros((starts, 1, hidden)), np.zeros((starts, 1, 1))
    answers = xor_answers(W1, b1, W2, b2, rate=2.0, updates=4000)
    return np.all(np.abs(answers - data.xor()[1].T) < 0.1, axis=1)


def trained(
    X: Array, y: Array, updates: int = 500, activation: type = nn.Tanh, seed: int = 0
) -> nn.Sequential:
    """A network with eight hidden units and a logit, after so many updates on y of 0 and 1."""
    rng = np.random.default_rng(seed)
    net = nn.Sequential(nn.Linear(X.shape[1], 8, rng=rng), activation(), nn.Linear(8, 1, rng=rng))
    return _descended(net, nn.BCEWithLogitsLoss(), X, y, updates)


def read_digits(updates: int, wrong_labels: float = 0.0, seed: int = 0) -> tuple[float, float]:
    """The loss on 200 digits, some with wrong labels, and the share of 500 others that is read right [11]."""
    X, y = data.digits()
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random(200) < wrong_labels, rng.integers(10, size=200), y[:200])
    net = nn.Sequential(nn.Linear(64, 32, rng=rng), nn.Tanh(), nn.Linear(32, 10, rng=rng))
    loss = nn.CrossEntropyLoss()
    _descended(net, loss, X[:200], labels, updates)
    return loss(net(X[:200]), labels), float(np.mean(net(X[200:700]).argmax(axis=1) == y[200:700]))


def _descended(net: nn.Sequential, loss: nn.Loss, X: Array, y: Array, updates: int) -> nn.Sequential:
    rule = optim.SGD(lr=0.5)
    for _ in range(updates):
        loss(net(X), y)
        net.backward(loss.backward())
        rule.step([net.flat])
    return net


def moved(rule: optim.Optimizer, gradient: Array) -> Array:
    """How one step of a rule moves parameters that have this gradient [08]."""
    p = nn.Parameter(np.zeros(len(gradient)), "w")
    p.grad = gradient
    rule.step([p])
    return p.data.copy()
