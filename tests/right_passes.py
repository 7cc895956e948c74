"""Right backward passes, by the hundred: layers, losses, scales, kinks, layouts. Of none may the check complain."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from wrong_passes import BINARY, COLUMNS, DEEP, GATES, LABELS, ONE, PLAIN, RELU, RIDGE, SOFTMAX, SQUARES, X_AT_W, YES
from wrong_passes import B, Probabilities, Program, W, X, Z, own, sigmoid

from bphelpers import functional as F
from bphelpers import nn
from bphelpers.teaching.gradcheck import GradientReport, check_gradients, check_network, check_op
from bphelpers.teaching.trace import HalfSquares

Rows = Iterator[tuple[str, Callable[[], GradientReport]]]
ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU, "leaky relu": nn.LeakyReLU, "gelu": nn.GELU}
LOSSES = {
    "mse": (nn.MSELoss, lambda rng, n, k: rng.normal(size=(n, k))),
    "bce": (nn.BCEWithLogitsLoss, lambda rng, n, k: rng.integers(0, 2, (n, k)) * 1.0),
    "softmax": (nn.CrossEntropyLoss, lambda rng, n, k: rng.integers(0, k, n)),
}


def network(layers, loss="mse", n=5, sizes=(3, 2), scale=1.0, change=None, dtype=np.float64, training=True, seed=0):
    """The check of layers, made by ``layers(rng)``, on a random batch; the biases are not 0."""
    rng = np.random.default_rng(seed)
    net = nn.Sequential(*layers(rng)).train(training)
    for p in net.parameters():
        p.data = p.data + 0.3 * rng.normal(size=p.data.shape)
    x = (scale * rng.normal(size=(n, sizes[0]))).astype(dtype)
    if change:
        change(net, x)
    kind, targets = LOSSES[loss] if isinstance(loss, str) else (loss, LOSSES["mse"][1])
    return check_network(net, kind(), x, targets(rng, n, sizes[1]))


def between(*layers):
    """Layers between two linear ones, 3-4-2."""
    return lambda rng: [nn.Linear(3, 4, rng=rng), *(layer(rng) for layer in layers), nn.Linear(4, 2, rng=rng)]


def layers_and_losses() -> Rows:
    for (name, layer), loss, n in itertools.product(ACTIVATIONS.items(), LOSSES, (1, 2, 5)):
        yield f"{name}, {loss}, {n} examples", partial(network, between(lambda rng, layer=layer: layer()), loss, n)
    others = {
        "batch norm": lambda rng: nn.BatchNorm1d(4),
        "layer norm": lambda rng: nn.LayerNorm(4),
        "residual": lambda rng: nn.Residual(nn.Linear(4, 4, rng=rng), nn.Tanh()),
        "dropout": lambda rng: nn.Dropout(0.5, rng=np.random.default_rng(1)),
        "little dropout": lambda rng: nn.Dropout(0.1, rng=np.random.default_rng(2)),
        "layers in a row": lambda rng: nn.Sequential(nn.Linear(4, 4, rng=rng, bias=False), nn.Tanh()),
    }
    for (name, layer), loss, training in itertools.product(others.items(), LOSSES, (True, False)):
        mode = "training" if training else "evaluation"
        yield f"{name}, {loss}, {mode}", partial(network, between(layer, lambda rng: nn.Tanh()), loss, training=training)


def depths() -> Rows:
    for (name, layer), depth in itertools.product(ACTIVATIONS.items(), (0, 2, 4, 6)):

        def layers(rng, layer=layer, depth=depth):
            hidden = itertools.chain(*((layer(), nn.Linear(3, 3, rng=rng)) for _ in range(depth)))
            return [nn.Linear(3, 3, rng=rng), *hidden]

        yield f"{depth} hidden layers, {name}", partial(network, layers, "softmax", sizes=(3, 3))
    yield "one weight", partial(network, lambda rng: [nn.Linear(1, 1, rng=rng, bias=False)], sizes=(1, 1), n=1)
    yield "wide", partial(network, lambda rng: [nn.Linear(30, 20, rng=rng), nn.ReLU(), nn.Linear(20, 10, rng=rng)],
                          "softmax", sizes=(30, 10), n=20)  # fmt: skip


def scales() -> Rows:
    def balanced(net, x, scale):
        net[0].W.data = net[0].W.data / scale

    for (name, layer), scale in itertools.product(ACTIVATIONS.items(), (1e-6, 1e-3, 1e3, 1e6)):
        change = partial(balanced, scale=scale)
        yield f"inputs {scale:g}, weights {1 / scale:g}, {name}", partial(
            network, between(lambda rng, layer=layer: layer()), "softmax", scale=scale, change=change)  # fmt: skip
    for scale in (1e-4, 1e2, 1e4):
        yield f"inputs and outputs {scale:g}, mse", partial(network, between(lambda rng: nn.ReLU()), scale=scale)


def of_one(loss, at, grad):
    return check_gradients(loss, {"w": at}, {"w": grad})


def functions() -> Rows:
    w = np.array([0.3, -1.2, 0.7, 2.0])
    for rate in (1e2, 1e4, 1e5, 1e6):
        for at in (0.3, 0.0, -1.7):
            yield f"sin({rate:g} w) at {at}", partial(of_one, lambda w, r=rate: np.sin(r * w), at, rate * np.cos(rate * at))
    small = np.array([1e-8, 3e-8, -2e-8])
    yield "parameters of 1e-8, a bowl", partial(of_one, lambda w: ((w / 1e-8 - 1) ** 2).sum(), small, 2 * (small / 1e-8 - 1) / 1e-8)
    yield "parameters of 1e-8, exp", partial(of_one, lambda w: np.exp(1e8 * w).sum(), small, 1e8 * np.exp(1e8 * small))
    yield "parameters of 1e-8, tanh", partial(of_one, lambda w: np.tanh(1e8 * w).sum(), small, 1e8 * (1 - np.tanh(1e8 * small) ** 2))
    tiny = np.abs(small)
    yield "parameters of 1e-8, log", partial(of_one, lambda w: np.log(w).sum(), tiny, 1 / tiny)
    yield "parameters of 1e-8, square root", partial(of_one, lambda w: np.sqrt(w).sum(), tiny, 0.5 / np.sqrt(tiny))
    yield "parameters of 1e-8, one over", partial(of_one, lambda w: (1 / w).sum(), tiny, -1 / tiny**2)
    yield "parameters of 1e8, a bowl", partial(of_one, lambda w: ((w / 1e8 - 1) ** 2).sum(), 1e8 * w, 2 * (w - 1) / 1e8)
    yield "parameters of 1e8, log", partial(of_one, lambda w: np.log(w * w).sum(), 1e8 * w, 2e-8 / w)
    for constant in (1e2, 1e4, 1e6, 1e9):
        yield f"a constant of {constant:g}", partial(of_one, lambda w, c=constant: c + (w**2).sum(), w, 2 * w)
        yield f"a constant of -{constant:g}", partial(of_one, lambda w, c=constant: np.cos(w).sum() - c, w, -np.sin(w))
    for factor in (1e-12, 1e-6, 1e6, 1e12):
        yield f"a loss of {factor:g}", partial(of_one, lambda w, c=factor: c * (w**3).sum(), w, factor * 3 * w**2)
    for shape in ((), (1,), (2, 3), (2, 1, 3), (3, 1)):
        v = np.random.default_rng(1).normal(size=shape)
        yield f"shape {shape}", partial(of_one, lambda w: np.sum(w**3) + 1, v, 3 * v**2)
    yield "whole numbers", partial(of_one, lambda w: np.sum(w**2), np.array([1, -3, 2]), np.array([2, -6, 4]))
    yield "whole numbers, slopes that are none", partial(of_one, lambda w: np.sum(w**2) / 4, np.array([1, -3, 2]), [0.5, -1.5, 1.0])
    yield "all slopes 0", partial(of_one, lambda w: 3.0 + 0 * w.sum(), w, 0 * w)
    yield "slopes far apart", partial(of_one, lambda w: w @ [1, 1e-4, 1e4, 1e-9], w, [1, 1e-4, 1e4, 1e-9])
    yield "lowest point", partial(of_one, lambda w: 1e6 * w**2, 0.0, 0.0)


def deep_relu(seed, sizes, scale):
    rng = np.random.default_rng(seed)
    layers = []
    for d_in, d_out in itertools.pairwise(sizes):
        layers += [nn.Linear(d_in, d_out, rng=rng, init=lambda o, n, r: scale * r.normal(size=(o, n))), nn.ReLU()]
    x, y = rng.normal(size=(2, sizes[0])), rng.integers(0, sizes[-1], 2)
    return check_network(nn.Sequential(*layers[:-1]), nn.CrossEntropyLoss(), x, y)


def kinks() -> Rows:
    def no_biases(net, x):
        for layer in net.layers:
            if isinstance(layer, nn.Linear):
                layer.b.data = 0 * layer.b.data

    def an_example_of_zeros(net, x):
        no_biases(net, x)
        x[0] = 0

    def all_zeros(net, x):
        no_biases(net, x)
        x[:] = 0

    def whole_numbers(net, x):
        x[:] = np.round(x)
        for p in net.parameters():
            p.data = np.round(2 * p.data)

    for name, change in {"biases 0": no_biases, "biases 0, an example of zeros": an_example_of_zeros,
                         "biases 0, all inputs 0": all_zeros, "whole numbers": whole_numbers}.items():  # fmt: skip
        for layer, seed in itertools.product((nn.ReLU, nn.LeakyReLU), range(3)):
            yield f"{name}, {layer.__name__}, start {seed}", partial(
                network, between(lambda rng, layer=layer: layer()), "softmax", change=change, seed=seed)  # fmt: skip
    for seed in (1, 4):
        yield f"tiny weights, deep, start {seed}", partial(deep_relu, seed, (15, 20, 10, 10, 10, 10, 10, 30, 10), 0.05)
    for seed in range(1, 5):
        yield f"tiny weights, narrow and deep, start {seed}", partial(deep_relu, seed, (4, 5, 5, 5, 5, 5, 3), 0.03)
        yield f"tiny weights, deep, smaller still, start {seed}", partial(deep_relu, seed, (5, 6, 6, 6, 4), 1e-3)
    z = np.array([[0.0, 1.0, -1.0, 1e-7], [-1e-7, 2e-6, -2e-6, 0.0]])
    for name in ("relu", "leaky_relu"):
        yield f"{name} at 0 and close by", partial(check_op, name, getattr(F, f"{name}_backward"), z)
    yield "relu, 1 at 0", partial(check_op, "relu", lambda dout, z: dout * (z >= 0), z)
    yield "relu, half at 0", partial(check_op, "relu", lambda dout, z: dout * np.where(z == 0, 0.5, z > 0), z)
    yield "absolute values at 0", partial(of_one, lambda w: np.abs(w).sum(), [0.0, 1.0, -2.0], [0.0, 1.0, -1.0])
    yield "the larger of two equal numbers", partial(of_one, lambda w: np.max(w), [2.0, 2.0, 1.0], [1.0, 0.0, 0.0])
    yield "hinge on its edge", partial(of_one, lambda w: np.maximum(0, 1 - w).sum(), [1.0, 0.5, 3.0], [0.0, -1.0, 0.0])


ARGUMENTS = {"x": X, "W": W, "b": B, "gamma": B, "beta": 2 * B, "labels": LABELS, "y": YES}
TAKES = {
    "sigmoid": "z", "tanh": "z", "relu": "z", "leaky_relu": "z", "gelu": "z", "softmax": "z", "log_softmax": "z",
    "mse": "z y", "binary_cross_entropy": "z y", "softmax_cross_entropy": "z labels", "linear": "x W b",
    "layer_norm": "z gamma beta", "batch_norm": "z gamma beta",
}  # fmt: skip


def operations() -> Rows:
    for (name, takes), n in itertools.product(TAKES.items(), (1, 2, 5)):
        rows = {"z", "x", "y", "labels"}
        args = [array[:n] if key in rows else array for key in takes.split()
                for array in [Z if key == "z" else ARGUMENTS[key]]]  # fmt: skip
        yield f"{name}, {n} examples", partial(check_op, name, getattr(F, f"{name}_backward"), *args)
    for name in ("sigmoid", "tanh", "softmax", "log_softmax", "gelu"):
        yield f"{name}, far out", partial(check_op, name, getattr(F, f"{name}_backward"), 30 * Z)
    yield "softmax cross-entropy, sure and wrong", partial(
        check_op, "softmax_cross_entropy", F.softmax_cross_entropy_backward, 300 * Z, LABELS)  # fmt: skip
    yield "mse, no miss", partial(check_op, "mse", F.mse_backward, Z, Z)


def softmax_from_scores(dout, z):
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return np.einsum("nj,njk->nk", dout, p[:, :, None] * (np.eye(p.shape[1]) - p[:, None, :]))


def batch_norm_in_steps(dout, x, gamma):
    """Along the three paths, one after another, each from its own derivative."""
    n, middle = len(x), x - x.mean(axis=0)
    std = np.sqrt((middle**2).mean(axis=0) + 1e-5)
    d_hat = dout * gamma
    d_var = (d_hat * middle).sum(axis=0) * -0.5 / std**3
    d_mean = -(d_hat / std).sum(axis=0) + d_var * (-2 * middle).mean(axis=0)
    return d_hat / std + d_var * 2 * middle / n + d_mean / n, (dout * middle / std).sum(axis=0), dout.sum(axis=0)


def own_formulas() -> Rows:
    formulas = {
        "sigmoid, from z": ("sigmoid", lambda dout, z: dout * sigmoid(z) * (1 - sigmoid(z))),
        "sigmoid, from z, with exponentials": ("sigmoid", lambda dout, z: dout * np.exp(-z) / (1 + np.exp(-z)) ** 2),
        "sigmoid, squares": ("sigmoid", lambda dout, a: dout * (0.25 - (a - 0.5) ** 2)),
        "tanh, from z": ("tanh", lambda dout, z: dout * (1 - np.tanh(z) ** 2)),
        "tanh, from z, with cosh": ("tanh", lambda dout, z: dout / np.cosh(z) ** 2),
        "relu, from a": ("relu", lambda dout, a: dout * (np.maximum(a, 0) > 0)),
        "relu, written in place": ("relu", lambda dout, z: _zeroed(dout, z)),
        "softmax, the whole Jacobian from z": ("softmax", softmax_from_scores),
        "log softmax, from z": ("log_softmax", lambda dout, z: dout - F.softmax(z) * dout.sum(axis=1, keepdims=True)),
        "cross-entropy with one-hot rows": ("softmax_cross_entropy", lambda z, y: (F.softmax(z) - ONE[y]) / len(z)),
        "bce, in two steps": ("binary_cross_entropy", lambda z, y: _two_steps(sigmoid(z), y)),
        "mse, minus the other way": ("mse", lambda a, b: -2 / len(a) * (b - a)),
        "mse, as a list of rows": ("mse", lambda a, b: (2 * (a - b) / len(a)).tolist()),
        "linear, a list": ("linear", lambda d, x, W: [d @ W, d.T @ x, d.sum(axis=0)]),
        "linear, einsum": ("linear", lambda d, x, W: (np.einsum("nk,kd->nd", d, W), np.einsum("nk,nd->kd", d, x), np.ones(len(d)) @ d)),
        "linear, example by example": ("linear", lambda d, x, W: (d @ W, sum(map(np.outer, d, x)), sum(d))),
        "batch norm, in steps": ("batch_norm", batch_norm_in_steps),
        "layer norm, a list": ("layer_norm", lambda d, x, gamma: list(F.layer_norm_backward(d, x, gamma))),
        "float32": ("sigmoid", lambda dout, a: (dout * a * (1 - a)).astype(np.float32)),
        "linear, float32": ("linear", lambda *args: [g.astype(np.float32) for g in F.linear_backward(*args)]),
    }  # fmt: skip
    for title, (name, backward) in formulas.items():
        args = [Z if key == "z" else ARGUMENTS[key] for key in TAKES[name].split()]
        yield title, partial(check_op, name, backward, *args)


def _zeroed(dout, z):
    dout[z <= 0] = 0
    return dout


def _two_steps(p, y):
    return (-y / p + (1 - y) / (1 - p)) / len(p) * p * (1 - p)


def layouts() -> Rows:
    programs = {"rows, softmax": SOFTMAX, "rows, relu": RELU, "rows, squares": SQUARES, "rows, binary": BINARY,
                "rows, deep": DEEP, "x @ W": X_AT_W, "columns": COLUMNS, "penalty": RIDGE, "plain": PLAIN,
                "two gates": GATES}  # fmt: skip
    for (name, program), seed in itertools.product(programs.items(), range(3)):
        yield f"{name}, start {seed}", partial(Program.report, program, seed=seed)


class Softplus(nn.Module):
    def forward(self, x):
        self.x = x
        return np.log1p(np.exp(x))

    def backward(self, dout):
        return dout * sigmoid(self.x)


class Dense(nn.Module):
    """``x @ W + b``, a weight's row the sender."""

    def __init__(self, d_in, d_out, rng):
        self.W, self.b = nn.Parameter(rng.normal(size=(d_in, d_out)), "W"), nn.Parameter(np.zeros(d_out), "b")

    def forward(self, x):
        self.x = x
        return x @ self.W.data + self.b.data

    def backward(self, dout):
        self.W.grad, self.b.grad = self.x.T @ dout, dout.sum(axis=0)
        return dout @ self.W.data.T

    def parameters(self):
        return [self.W, self.b]


class Adds(Dense):
    """Adds to ``grad``, as frameworks do."""

    def backward(self, dout):
        self.W.grad += self.x.T @ dout
        self.b.grad += dout.sum(axis=0)
        return dout @ self.W.data.T


class LogCosh(nn.Loss):
    def entering(self, y_hat, y):
        return y_hat, y

    def forward(self, y_hat, y):
        self.off = y_hat - y
        return float(np.log(np.cosh(self.off)).sum() / len(y))

    def backward(self):
        return np.tanh(self.off) / len(self.off)


class MeanOfAll(LogCosh):
    """A mean over examples and outputs, as ``torch.nn.MSELoss``."""

    def forward(self, y_hat, y):
        self.off = y_hat - y
        return float(np.mean(self.off**2))

    def backward(self):
        return 2 * self.off / self.off.size


class OfProbabilities(Probabilities):
    def backward(self):
        p, y = self._kept
        return (p - y) / (p * (1 - p)) / len(p)


def probabilities():
    rng = np.random.default_rng(4)
    net = nn.Sequential(nn.Linear(3, 2, rng=rng), nn.Sigmoid())
    return check_network(net, OfProbabilities(), rng.normal(size=(5, 3)), rng.integers(0, 2, (5, 2)) * 1.0)


def own_layers() -> Rows:
    layers = {
        "sigmoid": lambda: own(nn.Sigmoid, backward=lambda self, dout: dout * self._kept * (1 - self._kept)),
        "tanh": lambda: own(nn.Tanh, backward=lambda self, dout: dout * (1 - self._kept**2)),
        "relu": lambda: own(nn.ReLU, backward=lambda self, dout: dout * (self._kept > 0)),
        "leaky relu": lambda: own(nn.LeakyReLU, 0.3, backward=lambda self, dout: dout * np.where(self._kept > 0, 1, 0.3)),
        "dropout": lambda: own(nn.Dropout, 0.4, rng=np.random.default_rng(0), backward=lambda self, dout: dout * self._kept),
        "residual": lambda: own(nn.Residual, nn.Tanh(), backward=lambda self, dout: dout + self.body.backward(dout)),
        "batch norm, as it is": lambda: own(nn.BatchNorm1d, 4, backward=nn.BatchNorm1d.backward),
        "softplus": Softplus,
    }  # fmt: skip
    for name, layer in layers.items():
        for training in (True, False):
            mode = "training" if training else "evaluation"
            yield f"{name}, {mode}", partial(network, between(lambda rng, layer=layer: layer()), training=training)
    for kind in (Dense, Adds):
        yield kind.__name__, partial(network, lambda rng, kind=kind: [kind(3, 4, rng), nn.Tanh(), kind(4, 2, rng)])
    for loss in (LogCosh, MeanOfAll, HalfSquares):
        yield loss.__name__, partial(network, between(lambda rng: nn.GELU()), loss)
    yield "cross-entropy of probabilities", probabilities


def dead_and_coarse() -> Rows:
    def biases(net, x, value):
        net[0].b.data = np.full(4, value)

    for (name, layer), value in itertools.product(ACTIVATIONS.items(), (-40.0, 40.0)):
        yield f"{name}, all biases {value:g}", partial(
            network, between(lambda rng, layer=layer: layer()), change=partial(biases, value=value))  # fmt: skip

    def half_dead(net, x):
        net[0].b.data = np.array([-40.0, 0.1, -40.0, 0.2])

    yield "half of the units dead", partial(network, between(lambda rng: nn.ReLU()), "softmax", change=half_dead)

    def zeros(net, x):
        for p in net.parameters():
            p.data = 0 * p.data

    yield "all parameters 0", partial(network, between(lambda rng: nn.Tanh()), "softmax", change=zeros)
    for name, layer in ACTIVATIONS.items():

        def layers(rng, layer=layer):
            return [nn.Linear(3, 4, rng=rng, dtype=np.float32), layer(), nn.Linear(4, 2, rng=rng, dtype=np.float32)]

        yield f"float32, {name}", partial(network, layers, "softmax", dtype=np.float32)
    yield "float32, batch norm", partial(
        network, lambda rng: [nn.Linear(3, 4, rng=rng, dtype=np.float32), nn.BatchNorm1d(4, dtype=np.float32)],
        sizes=(3, 4), dtype=np.float32)  # fmt: skip


FAMILIES = (layers_and_losses, depths, scales, functions, kinks, operations, own_formulas, layouts, own_layers, dead_and_coarse)
RIGHT = {f"{rows.__name__}: {name}": check for rows in FAMILIES for name, check in rows()}
