"""Right backward passes: layers, losses, scales, kinks, layouts. Of none may the gradient check complain."""

import itertools
from collections.abc import Callable
from functools import partial

import numpy as np
import wrong_passes as wp
from wrong_passes import ONE, B, W, X, Z, own, sigmoid

from bphelpers import functional as F
from bphelpers import nn
from bphelpers.teaching.gradcheck import GradientReport, check_gradients, check_network, check_op
from bphelpers.teaching.trace import HalfSquares

RIGHT: dict[str, Callable[[], GradientReport]] = {}


def add(name, check, *args, **options):
    assert name not in RIGHT, name
    RIGHT[name] = partial(check, *args, **options)


# --- networks ---

ACTIVATIONS = nn.Sigmoid, nn.Tanh, nn.ReLU, nn.LeakyReLU, nn.GELU
TARGETS = {
    nn.MSELoss: lambda rng, n, k: rng.normal(size=(n, k)),
    nn.BCEWithLogitsLoss: lambda rng, n, k: rng.integers(0, 2, (n, k)) * 1.0,
    nn.CrossEntropyLoss: lambda rng, n, k: rng.integers(0, k, n),
}


def network(layers, loss=nn.MSELoss, n=5, sizes=(3, 2), change=None, training=True, seed=0):
    """The check of layers, made by ``layers(rng)``, on a random batch; no parameter is 0."""
    rng = np.random.default_rng(seed)
    net = nn.Sequential(*layers(rng)).train(training)
    for p in net.parameters():
        p.data = p.data + 0.3 * rng.normal(size=p.data.shape)
    x = rng.normal(size=(n, sizes[0])).astype(net.flat.data.dtype)
    if change:
        change(net, x)
    return check_network(net, loss(), x, TARGETS.get(loss, TARGETS[nn.MSELoss])(rng, n, sizes[1]))


def between(*layers, dtype=np.float64):
    """Layers between two linear ones, 3-4-2."""
    return lambda rng: [
        nn.Linear(3, 4, rng=rng, dtype=dtype),
        *(make() for make in layers),
        nn.Linear(4, 2, rng=rng, dtype=dtype),
    ]


def deep(activation, depth):
    def layers(rng):
        hidden = ((activation(), nn.Linear(3, 3, rng=rng)) for _ in range(depth))
        return [nn.Linear(3, 3, rng=rng), *itertools.chain(*hidden)]

    return layers


for kind, loss, n in itertools.product(ACTIVATIONS, TARGETS, (1, 2, 5)):
    add(f"{kind.__name__}, {loss.__name__}, {n} examples", network, between(kind), loss, n)
LAYERS = {
    "batch norm": lambda: nn.BatchNorm1d(4),
    "layer norm": lambda: nn.LayerNorm(4),
    "residual": lambda: nn.Residual(nn.Linear(4, 4, rng=np.random.default_rng(1)), nn.Tanh()),
    "dropout": lambda: nn.Dropout(0.5, rng=np.random.default_rng(1)),
    "little dropout": lambda: nn.Dropout(0.1, rng=np.random.default_rng(2)),
    "a network inside": lambda: nn.Sequential(
        nn.Linear(4, 4, rng=np.random.default_rng(1), bias=False), nn.Tanh()
    ),
}
for (name, layer), loss, training in itertools.product(LAYERS.items(), TARGETS, (True, False)):
    mode = "training" if training else "evaluation"
    add(f"{name}, {loss.__name__}, {mode}", network, between(layer, nn.Tanh), loss, training=training)
for kind, depth in itertools.product(ACTIVATIONS, (0, 2, 4, 6)):
    add(f"{depth} hidden {kind.__name__}", network, deep(kind, depth), nn.CrossEntropyLoss, sizes=(3, 3))
add("one weight", network, lambda rng: [nn.Linear(1, 1, rng=rng, bias=False)], n=1, sizes=(1, 1))
add("wide", network, lambda rng: [nn.Linear(30, 20, rng=rng), nn.ReLU(), nn.Linear(20, 10, rng=rng)],
    nn.CrossEntropyLoss, 20, (30, 10))  # fmt: skip
for kind in ACTIVATIONS:
    add(f"float32, {kind.__name__}", network, between(kind, dtype=np.float32))


# --- scales, units that are dead, kinks ---


def scaled(net, x, inputs, weights=1.0):
    x *= inputs
    net[0].W.data = net[0].W.data * weights


def biased(net, x, value):
    net[0].b.data = np.full(4, value)


def no_biases(net, x, zeros=0):
    x[:zeros] = 0
    for layer in net.layers[::2]:
        layer.b.data = 0 * layer.b.data


def whole_numbers(net, x):
    x[:] = np.round(x)
    for p in net.parameters():
        p.data = np.round(2 * p.data)


def nothing(net, x):
    for p in net.parameters():
        p.data = 0 * p.data


def deep_relu(seed, sizes, scale):
    """Tiny weights, biases 0, two examples: behind a dead layer every unit sits on its kink."""
    rng = np.random.default_rng(seed)
    init = lambda d_out, d_in, rng: scale * rng.normal(size=(d_out, d_in))  # noqa: E731
    layers = [(nn.Linear(*pair, rng=rng, init=init), nn.ReLU()) for pair in itertools.pairwise(sizes)]
    net = nn.Sequential(*itertools.chain(*layers[:-1]), layers[-1][0])
    return check_network(
        net, nn.CrossEntropyLoss(), rng.normal(size=(2, sizes[0])), rng.integers(0, sizes[-1], 2)
    )


for kind, scale in itertools.product(ACTIVATIONS, (1e-6, 1e-3, 1e3, 1e6)):
    change = partial(scaled, inputs=scale, weights=1 / scale)
    name = f"inputs {scale:g}, weights {1 / scale:g}, {kind.__name__}"
    add(name, network, between(kind), nn.CrossEntropyLoss, change=change)
for scale in (1e-4, 1e2, 1e4):
    add(f"inputs {scale:g}", network, between(nn.ReLU), change=partial(scaled, inputs=scale))
for kind, value in itertools.product(ACTIVATIONS, (-40.0, 40.0, np.array([-40, 0.1, -40, 0.2]))):
    add(f"biases {value}, {kind.__name__}", network, between(kind), change=partial(biased, value=value))
KINKS = {
    "biases 0": no_biases,
    "biases 0, an example of zeros": partial(no_biases, zeros=1),
    "biases 0, all inputs 0": partial(no_biases, zeros=5),
    "whole numbers": whole_numbers,
    "all parameters 0": nothing,
}
for (name, change), kind, seed in itertools.product(KINKS.items(), (nn.ReLU, nn.LeakyReLU), range(3)):
    add(f"{name}, {kind.__name__}, start {seed}", network, between(kind), nn.CrossEntropyLoss,
        change=change, seed=seed)  # fmt: skip
for seed in (1, 4):
    add(f"deep and dead, start {seed}", deep_relu, seed, (15, 20, 10, 10, 10, 10, 10, 30, 10), 0.05)
for seed in range(1, 5):
    add(f"narrow and dead, start {seed}", deep_relu, seed, (4, 5, 5, 5, 5, 5, 3), 0.03)
    add(f"nearly no weights, start {seed}", deep_relu, seed, (5, 6, 6, 6, 4), 1e-3)


# --- functions of one array ---


def one(name, loss, at, grad):
    add(name, lambda: check_gradients(loss, {"w": at}, {"w": grad}))


w, w8 = np.array([0.3, -1.2, 0.7, 2.0]), np.array([1e-8, 3e-8, 2e-8])
for rate, at in itertools.product((1e2, 1e4, 1e5, 1e6), (0.3, 0.0, -1.7)):
    one(f"sin({rate:g} w) at {at}", lambda w, r=rate: np.sin(r * w), at, rate * np.cos(rate * at))
one("1e-8, a bowl", lambda w: ((w / 1e-8 - 1) ** 2).sum(), w8, 2 * (w8 / 1e-8 - 1) / 1e-8)
one("1e-8, exp", lambda w: np.exp(1e8 * w).sum(), w8, 1e8 * np.exp(1e8 * w8))
one("1e-8, tanh", lambda w: np.tanh(1e8 * w).sum(), w8, 1e8 * (1 - np.tanh(1e8 * w8) ** 2))
one("1e-8, log", lambda w: np.log(w).sum(), w8, 1 / w8)
one("1e-8, square root", lambda w: np.sqrt(w).sum(), w8, 0.5 / np.sqrt(w8))
one("1e-8, one over", lambda w: (1 / w).sum(), w8, -1 / w8**2)
one("1e8, a bowl", lambda w: ((w / 1e8 - 1) ** 2).sum(), 1e8 * w, 2 * (w - 1) / 1e8)
one("1e8, log", lambda w: np.log(w * w).sum(), 1e8 * w, 2e-8 / w)
for constant in (1e2, 1e4, 1e6, 1e9):
    one(f"a constant of {constant:g}", lambda w, c=constant: c + (w**2).sum(), w, 2 * w)
    one(f"a constant of -{constant:g}", lambda w, c=constant: np.cos(w).sum() - c, w, -np.sin(w))
for factor in (1e-12, 1e-6, 1e6, 1e12):
    one(f"a loss of {factor:g}", lambda w, c=factor: c * (w**3).sum(), w, factor * 3 * w**2)
for shape in ((), (1,), (2, 3), (2, 1, 3), (3, 1)):
    at = np.random.default_rng(1).normal(size=shape)
    one(f"shape {shape}", lambda w: np.sum(w**3) + 1, at, 3 * at**2)
one("whole numbers", lambda w: np.sum(w**2), np.array([1, -3, 2]), np.array([2, -6, 4]))
one("whole numbers, slopes that are none", lambda w: np.sum(w**2) / 4, np.array([1, -3, 2]), [0.5, -1.5, 1.0])
one("all slopes 0", lambda w: 3.0 + 0 * w.sum(), w, 0 * w)
one("slopes far apart", lambda w: w @ [1, 1e-4, 1e4, 1e-9], w, [1, 1e-4, 1e4, 1e-9])
one("lowest point", lambda w: 1e6 * w**2, 0.0, 0.0)
one("absolute values at 0", lambda w: np.abs(w).sum(), [0.0, 1.0, -2.0], [0.0, 1.0, -1.0])
one("the larger of two equals", lambda w: np.max(w), [2.0, 2.0, 1.0], [1.0, 0.0, 0.0])
one("hinge on its edge", lambda w: np.maximum(0, 1 - w).sum(), [1.0, 0.5, 3.0], [0.0, -1.0, 0.0])


# --- one operation ---

ARGUMENTS = {"x": X, "W": W, "b": B, "gamma": B, "beta": 2 * B, "labels": wp.LABELS, "y": wp.YES, "z": Z}
TAKES = {
    **dict.fromkeys(("sigmoid", "tanh", "relu", "leaky_relu", "gelu", "softmax", "log_softmax"), "z"),
    "mse": "z y", "binary_cross_entropy": "z y", "softmax_cross_entropy": "z labels", "linear": "x W b",
    "layer_norm": "z gamma beta", "batch_norm": "z gamma beta",
}  # fmt: skip


def operation(name, backward=None, n=5, scale=1.0):
    given = [
        ARGUMENTS[key][:n] if key in ["x", "y", "z", "labels"] else ARGUMENTS[key]
        for key in TAKES[name].split()
    ]
    return check_op(name, backward or getattr(F, f"{name}_backward"), scale * given[0], *given[1:])


def own_softmax(dout, z):
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return np.einsum("nj,njk->nk", dout, p[:, :, None] * (np.eye(p.shape[1]) - p[:, None, :]))


def own_batch_norm(dout, x, gamma):
    """Along the three paths, one after another."""
    n, middle = len(x), x - x.mean(axis=0)
    std, d_hat = np.sqrt((middle**2).mean(axis=0) + 1e-5), dout * gamma
    d_var = (d_hat * middle).sum(axis=0) * -0.5 / std**3
    d_mean = -(d_hat / std).sum(
        axis=0
    )  # what the variance would add here is 0: the x are as far above as below
    dx = d_hat / std + d_var * 2 * middle / n + d_mean / n
    return dx, (dout * middle / std).sum(axis=0), dout.sum(axis=0)


def in_place(dout, z):
    dout[z <= 0] = 0
    return dout


for name, n in itertools.product(TAKES, (1, 2, 5)):
    add(f"{name}, {n} examples", operation, name, n=n)
for name, scale in itertools.product(
    ("sigmoid", "tanh", "softmax", "gelu", "softmax_cross_entropy"), (0.0, 30.0, 300.0)
):
    add(f"{name}, times {scale:g}", operation, name, scale=scale)
FORMULAS = {
    "from z": ("sigmoid", lambda dout, z: dout * sigmoid(z) * (1 - sigmoid(z))),
    "from z, with exponentials": ("sigmoid", lambda dout, z: dout * np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "a square": ("sigmoid", lambda dout, a: dout * (0.25 - (a - 0.5) ** 2)),
    "float32": ("sigmoid", lambda dout, a: (dout * a * (1 - a)).astype(np.float32)),
    "from z ": ("tanh", lambda dout, z: dout * (1 - np.tanh(z) ** 2)),
    "from z, with cosh": ("tanh", lambda dout, z: dout / np.cosh(z) ** 2),
    "in place": ("relu", in_place),
    "1 at 0": ("relu", lambda dout, z: dout * (z >= 0)),
    "the whole Jacobian, from z": ("softmax", own_softmax),
    "from the scores": ("log_softmax", lambda dout, z: dout - F.softmax(z) * dout.sum(axis=1, keepdims=True)),
    "one-hot rows": ("softmax_cross_entropy", lambda z, y: (F.softmax(z) - ONE[y]) / len(z)),
    "in two steps": ("binary_cross_entropy", lambda z, y: (sigmoid(z) - y) / len(z)),
    "the other way round": ("mse", lambda a, b: -2 / len(a) * (b - a)),
    "rows as lists": ("mse", lambda a, b: (2 * (a - b) / len(a)).tolist()),
    "a list": ("linear", lambda d, x, W: [d @ W, d.T @ x, d.sum(axis=0)]),
    "einsum": ("linear", lambda d, x, W: (d @ W, np.einsum("nk,nd->kd", d, x), np.ones(len(d)) @ d)),
    "example by example": ("linear", lambda d, x, W: (d @ W, sum(map(np.outer, d, x)), sum(d))),
    "a list of float32": ("linear", lambda *args: [g.astype(np.float32) for g in F.linear_backward(*args)]),
    "path by path": ("batch_norm", own_batch_norm),
    "a list ": ("layer_norm", lambda *args: list(F.layer_norm_backward(*args))),
}
for title, (name, backward) in FORMULAS.items():
    add(f"{name}, {title}", operation, name, backward)
ON_KINKS = np.array([[0.0, 1.0, -1.0, 1e-7], [-1e-7, 2e-6, -2e-6, 0.0]])
for name in ("relu", "leaky_relu"):
    add(f"{name} at 0 and close by", check_op, name, getattr(F, f"{name}_backward"), ON_KINKS)
for value in (0.5, 1.0):
    add(
        f"relu, {value} at 0",
        check_op,
        "relu",
        lambda d, z, v=value: d * np.where(z == 0, v, z > 0),
        ON_KINKS,
    )
add("no miss", check_op, "mse", F.mse_backward, Z, Z)


# --- layouts, and layers of one's own ---

for name in ["SOFTMAX", "RELU", "SQUARES", "BINARY", "DEEP", "X_AT_W", "COLUMNS", "RIDGE", "PLAIN", "GATES"]:
    for seed in range(3):
        add(f"{name}, start {seed}", getattr(wp, name).report, seed=seed)


class Dense(nn.Module):
    """``x @ W + b``; adds to ``grad``, as frameworks do."""

    def __init__(self, d_in, d_out):
        self.W = nn.Parameter(np.random.default_rng(d_in).normal(size=(d_in, d_out)), "W")
        self.b = nn.Parameter(np.zeros(d_out), "b")

    def forward(self, x):
        self.x = x
        return x @ self.W.data + self.b.data

    def backward(self, dout):
        self.W.grad += self.x.T @ dout
        self.b.grad += dout.sum(axis=0)
        return dout @ self.W.data.T

    def parameters(self):
        return [self.W, self.b]


class LogCosh(nn.Loss):
    def entering(self, y_hat, y):
        return y_hat, y

    def forward(self, y_hat, y):
        self.off = y_hat - y
        return float(np.log(np.cosh(self.off)).sum() / len(y))

    def backward(self):
        return np.tanh(self.off) / len(self.off)


class MeanOfAll(LogCosh):
    """As ``torch.nn.MSELoss``."""

    def forward(self, y_hat, y):
        self.off = y_hat - y
        return float(np.mean(self.off**2))

    def backward(self):
        return 2 * self.off / self.off.size


class OfProbabilities(wp.Probabilities):
    def backward(self):
        p, y = self._kept
        return (p - y) / (p * (1 - p)) / len(p)


TARGETS[OfProbabilities] = TARGETS[nn.BCEWithLogitsLoss]
OWN = {
    "sigmoid": lambda: own(nn.Sigmoid, backward=lambda self, dout: dout * self._kept * (1 - self._kept)),
    "relu": lambda: own(nn.ReLU, backward=lambda self, dout: dout * (self._kept > 0)),
    "leaky relu": lambda: own(
        nn.LeakyReLU, 0.3, backward=lambda self, d: d * np.where(self._kept > 0, 1, 0.3)
    ),
    "dropout": lambda: own(
        nn.Dropout, 0.4, rng=np.random.default_rng(0), backward=lambda self, d: d * self._kept
    ),
    "residual": lambda: own(
        nn.Residual, nn.Tanh(), backward=lambda self, dout: dout + self.body.backward(dout)
    ),
    "batch norm": lambda: own(nn.BatchNorm1d, 4, backward=nn.BatchNorm1d.backward),
    "softplus": wp.Softplus,
    "x @ W": lambda: Dense(4, 4),
}
for (name, layer), training in itertools.product(OWN.items(), (True, False)):
    mode = "training" if training else "evaluation"
    add(f"own {name}, {mode}", network, between(layer), training=training)
for loss in (LogCosh, MeanOfAll, HalfSquares):
    add(loss.__name__, network, between(nn.GELU), loss)
add("OfProbabilities", network, lambda rng: [nn.Linear(3, 2, rng=rng), nn.Sigmoid()], OfProbabilities)
