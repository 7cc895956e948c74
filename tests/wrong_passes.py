"""Wrong backward passes: of each it is known what was done, so the gradient check can be judged by them.

Where a row says where it was seen, somebody made this mistake there; the code is our own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from bphelpers import functional as F
from bphelpers import nn
from bphelpers.teaching.gradcheck import BUGS, GradientReport, check_gradients, check_network, check_op


@dataclass(frozen=True)
class Row:
    """A wrong pass. ``true`` names what was done, with | between names as good as each other, or is empty."""

    name: str
    wrong: str  # the arrays that are wrong, or that nothing can be said of
    true: str
    report: Callable[..., GradientReport]
    seen: str = "own"
    place: str = ""
    kind: str = ""


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# --- networks written out, line by line: a wrong pass replaces the line that assigns the same name ---


@dataclass(frozen=True)
class Program:
    """A network as text: ``forward`` ends in the loss L, ``backward`` gives dW1 for W1, and so on."""

    forward: str
    backward: str
    shapes: dict[str, tuple[int, ...]]
    data: Callable[[np.random.Generator], dict[str, Any]]
    layers: Callable[[np.random.Generator], list[nn.Module]] | None = None  # the same of the package's layers
    loss: type[nn.Loss] | None = None
    known: dict[str, Any] = field(default_factory=dict)

    def run(self, code: str, names: dict[str, Any]) -> dict[str, Any]:
        names = {"np": np, "sigmoid": sigmoid, **self.known, **names}
        exec(self.forward + code, names)
        return names

    def report(self, *lines: str, seed: int = 0, **options: Any) -> GradientReport:
        """What the check says with these lines in place of the right ones."""
        code = self.backward
        for line in lines:
            target = line.split(" = ")[0]
            right = [known for known in code.splitlines() if known.split(" = ")[0] == target]
            assert len(right) == 1 and right[0] != line, target
            code = code.replace(right[0] + "\n", line + "\n")
        rng = np.random.default_rng(seed)
        data = self.data(rng)
        start = {name: rng.normal(size=shape) for name, shape in self.shapes.items()}
        names = self.run(code, data | start | {"lr": options.get("lr")})
        grads = {name: names[f"d{name}"] for name in start}
        if self.layers is None:
            return check_gradients(lambda **p: self.run("", data | p)["L"], start, grads,
                                   batch_size=data["n"], **options)  # fmt: skip
        net = nn.Sequential(*self.layers(rng))
        net.load_state_dict(start)
        return check_network(net, self.loss(), data["X"], data["y"], grads=grads, **options)

    def but(self, *lines: str, **options: Any) -> Callable[..., GradientReport]:
        return partial(self.report, *lines, **options)


def batch(columns=False, one_hot=True, n=7, d=4, k=3):
    """Inputs and targets: classes as labels y and rows Y, or T between 0 and 1."""

    def data(rng):
        X, y = rng.normal(size=(n, d)), np.arange(n) % k
        T = rng.integers(0, 2, size=(n, k)) * 1.0
        if columns:
            return {"X": X.T, "T": T.T, "n": n}
        return {"X": X, "n": n} | ({"Y": np.eye(k)[y], "y": y} if one_hot else {"T": T, "y": T})

    return data


WIDTHS = {"W1": (3, 4), "b1": (3,), "W2": (3, 3), "b2": (3,)}
SOFTMAX = Program(
    "Z1 = X @ W1.T + b1\nA1 = sigmoid(Z1)\nZ2 = A1 @ W2.T + b2\nE = np.exp(Z2)\n"
    "P = E / E.sum(axis=1, keepdims=True)\nL = -np.log(P[Y == 1]).mean()\n",
    "dZ2 = (P - Y) / n\ndW2 = dZ2.T @ A1\ndb2 = dZ2.sum(axis=0)\ndA1 = dZ2 @ W2\ndZ1 = dA1 * A1 * (1 - A1)\n"
    "dW1 = dZ1.T @ X\ndb1 = dZ1.sum(axis=0)\n",
    WIDTHS, batch(), lambda rng: [nn.Linear(4, 3, rng=rng), nn.Sigmoid(), nn.Linear(3, 3, rng=rng)],
    nn.CrossEntropyLoss,
)  # fmt: skip
RELU = Program(
    SOFTMAX.forward.replace("sigmoid(Z1)", "np.maximum(Z1, 0)"),
    SOFTMAX.backward.replace("A1 * (1 - A1)", "(Z1 > 0)"),
    WIDTHS, batch(), lambda rng: [nn.Linear(4, 3, rng=rng), nn.ReLU(), nn.Linear(3, 3, rng=rng)],
    nn.CrossEntropyLoss,
)  # fmt: skip
SQUARES = Program(  # a sigmoid at the output as well
    "Z1 = X @ W1.T + b1\nA1 = sigmoid(Z1)\nZ2 = A1 @ W2.T + b2\nA2 = sigmoid(Z2)\n"
    "L = ((A2 - T) ** 2).sum() / n\n",
    "dA2 = 2 * (A2 - T) / n\ndZ2 = dA2 * A2 * (1 - A2)\n" + SOFTMAX.backward.split("\n", 1)[1],
    WIDTHS, batch(one_hot=False),
    lambda rng: [nn.Linear(4, 3, rng=rng), nn.Sigmoid(), nn.Linear(3, 3, rng=rng), nn.Sigmoid()], nn.MSELoss,
)  # fmt: skip
BINARY = Program(
    "Z1 = X @ W1.T + b1\nA1 = np.tanh(Z1)\nZ2 = A1 @ W2.T + b2\nP = sigmoid(Z2)\n"
    "L = -(T * np.log(P) + (1 - T) * np.log(1 - P)).sum() / n\n",
    SOFTMAX.backward.replace("P - Y", "P - T").replace("A1 * (1 - A1)", "(1 - A1**2)"),
    WIDTHS, batch(one_hot=False), lambda rng: [nn.Linear(4, 3, rng=rng), nn.Tanh(), nn.Linear(3, 3, rng=rng)],
    nn.BCEWithLogitsLoss,
)  # fmt: skip
DEEP = Program(
    "Z1 = X @ W1.T + b1\nA1 = np.tanh(Z1)\nZ2 = A1 @ W2.T + b2\nA2 = sigmoid(Z2)\nZ3 = A2 @ W3.T + b3\n"
    "E = np.exp(Z3)\nP = E / E.sum(axis=1, keepdims=True)\nL = -np.log(P[Y == 1]).mean()\n",
    "dZ3 = (P - Y) / n\ndW3 = dZ3.T @ A2\ndb3 = dZ3.sum(axis=0)\ndA2 = dZ3 @ W3\ndZ2 = dA2 * A2 * (1 - A2)\n"
    "dW2 = dZ2.T @ A1\ndb2 = dZ2.sum(axis=0)\ndA1 = dZ2 @ W2\ndZ1 = dA1 * (1 - A1**2)\ndW1 = dZ1.T @ X\n"
    "db1 = dZ1.sum(axis=0)\n",
    WIDTHS | {"W3": (3, 3), "b3": (3,)}, batch(),
    lambda rng: [nn.Linear(4, 3, rng=rng), nn.Tanh(), nn.Linear(3, 3, rng=rng), nn.Sigmoid(),
                 nn.Linear(3, 3, rng=rng)],
    nn.CrossEntropyLoss,
)  # fmt: skip
# Of the others the check knows the loss alone, and the batch size.
X_AT_W = Program(
    "Z1 = X @ W1 + b1\nA1 = np.maximum(Z1, 0)\nZ2 = A1 @ W2 + b2\nE = np.exp(Z2)\n"
    "P = E / E.sum(axis=1, keepdims=True)\nL = -np.log(P[Y == 1]).mean()\n",
    "dZ2 = (P - Y) / n\ndW2 = A1.T @ dZ2\ndb2 = dZ2.sum(axis=0)\ndA1 = dZ2 @ W2.T\ndZ1 = dA1 * (Z1 > 0)\n"
    "dW1 = X.T @ dZ1\ndb1 = dZ1.sum(axis=0)\n",
    {"W1": (4, 3), "b1": (3,), "W2": (3, 3), "b2": (3,)}, batch(),
)  # fmt: skip
COLUMNS = Program(
    "Z1 = W1 @ X + b1\nA1 = np.tanh(Z1)\nP = sigmoid(W2 @ A1 + b2)\n"
    "L = -(T * np.log(P) + (1 - T) * np.log(1 - P)).sum() / n\n",
    "dP = (P - T) / (P * (1 - P)) / n\ndZ2 = dP * P * (1 - P)\ndW2 = dZ2 @ A1.T\n"
    "db2 = dZ2.sum(axis=1, keepdims=True)\ndA1 = W2.T @ dZ2\ndZ1 = dA1 * (1 - A1**2)\ndW1 = dZ1 @ X.T\n"
    "db1 = dZ1.sum(axis=1, keepdims=True)\n",
    {"W1": (3, 4), "b1": (3, 1), "W2": (3, 3), "b2": (3, 1)}, batch(columns=True),
)  # fmt: skip
RIDGE = Program(  # c is 0.1 unless it is said
    "R = X @ W.T + b - T\nL = (R**2).sum() / n + c * ((W**2).sum() + (b**2).sum())\n",
    "dW = 2 * R.T @ X / n + 2 * c * W\ndb = 2 * R.sum(axis=0) / n + 2 * c * b\n",
    {"W": (3, 4), "b": (3,)}, batch(one_hot=False), known={"c": 0.1},
)  # fmt: skip
PLAIN = Program(RIDGE.forward, RIDGE.backward, RIDGE.shapes, RIDGE.data, known={"c": 0.0})
GATES = Program(
    "F = sigmoid(X @ Wf.T + bf)\nI = sigmoid(X @ Wi.T + bi)\nL = ((F * 0.7 + I - T) ** 2).sum() / n\n",
    "dC = 2 * (F * 0.7 + I - T) / n\ndf = dC * 0.7 * F * (1 - F)\ndi = dC * I * (1 - I)\ndWf = df.T @ X\n"
    "dbf = df.sum(axis=0)\ndWi = di.T @ X\ndbi = di.sum(axis=0)\n",
    {"Wf": (3, 4), "bf": (3,), "Wi": (3, 4), "bi": (3,)}, batch(one_hot=False),
)  # fmt: skip

# --- one operation, one layer, all gradients of a network ---

_rng = np.random.default_rng(42)
X, W, B, Z = (_rng.normal(size=shape) for shape in ((5, 3), (4, 3), 4, (5, 4)))
LABELS, YES, ONE = np.array([0, 1, 2, 3, 1]), (Z[::-1] > 0) * 1.0, np.eye(4)
SPREAD, GAMMA = 3 * _rng.normal(size=(6, 4)) + np.arange(4), np.array([1.5, -0.7, 0.9, 2.0])


def op(name, backward, *args):
    return lambda: check_op(name, backward, *args)


def scores(backward):
    """A wrong backward of softmax cross-entropy, given the probabilities, the targets as rows, and n."""
    return op("softmax_cross_entropy", lambda z, y: backward(z, F.softmax(z), ONE[y], len(z)), Z, LABELS)


def yes_or_no(backward):
    return op("binary_cross_entropy", lambda z, y: backward(z, sigmoid(z), y, len(z)), Z, YES)


def linear(dW=None, db=None, dx=None, x=X, weights=W):
    def backward(dout, x, W):
        right = dout @ W, dout.T @ x, dout.sum(axis=0)
        return tuple(own(dout, x, W) if own else g for own, g in zip((dx, dW, db), right, strict=True))

    return op("linear", backward, x, weights, np.zeros(len(weights)))


def squared(shape, divide):
    y_hat, y = np.random.default_rng(3).normal(size=(2, *shape))
    return op("mse", lambda a, b: 2 * (a - b) / divide(a), y_hat, y)


def mean_of_all(loss, gradient, shape):
    """The learner's own loss is a mean over examples and outputs, the gradient is divided by n alone."""
    o, y = np.random.default_rng(3).normal(size=(2, *shape))
    found = gradient(o, y > 0) / shape[0]
    return lambda: check_gradients(
        lambda o: loss(o, y > 0).mean(), {"o": o}, {"o": found}, batch_size=shape[0]
    )


def own(kind, *args, backward=None, **options):
    """A learner's layer: one of the package's with another backward."""
    return type(f"My{kind.__name__}", (kind,), {"backward": backward})(*args, **options)


def inside(*layers, evaluation=False, loss=nn.MSELoss):
    """Layers between two linear ones, 3-4-2; the first of them is layer 2."""

    def report():
        rng = np.random.default_rng(5)
        first, last = nn.Linear(3, 4, rng=rng), nn.Linear(4, 2, rng=rng)
        net = nn.Sequential(first, *(make() for make in layers), last)
        for p in net.parameters():
            p.data = p.data + 0.3 * rng.normal(size=p.data.shape)
        net.train(not evaluation)
        return check_network(net, loss(), rng.normal(size=(6, 3)), rng.uniform(size=(6, 2)))

    return report


def all_of(change, **options):
    """The right gradients of a 3-4-3 network, each changed."""

    def report():
        rng = np.random.default_rng(3)
        net = nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.Linear(4, 3, rng=rng))
        x, y, loss = rng.normal(size=(5, 3)), rng.integers(0, 3, 5), nn.CrossEntropyLoss()
        loss(net(x), y)
        net.backward(loss.backward())
        grads = {p.name: change(p.grad) for p in net.parameters()}
        return check_network(net, loss, x, y, grads=grads, **options)

    return report


def one_array(loss, at, found, **options):
    return lambda: check_gradients(lambda w: loss(w), {"w": at}, {"w": found}, **options)


def entries(*numbers):
    return np.array(numbers, dtype=float)


class Probabilities(nn.Loss):
    """Cross-entropy of probabilities, with p - y for its gradient: right for the scores, and not for p."""

    def forward(self, p, y):
        self._kept = p, y
        return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).sum() / len(y))

    def backward(self):
        p, y = self._kept
        return (p - y) / len(p)


class Softplus(nn.Module):
    """A right layer that the package does not know."""

    def forward(self, x):
        self.x = x
        return np.log1p(np.exp(x))

    def backward(self, dout):
        return dout * sigmoid(self.x)


class Times(nn.Module):
    """Times a constant; on the way back divided by it."""

    def forward(self, x):
        return 1.7 * x

    def backward(self, dout):
        return dout / 1.7


def over_probabilities():
    rng = np.random.default_rng(4)
    net = nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.Linear(4, 2, rng=rng), nn.Sigmoid())
    return check_network(net, Probabilities(), rng.normal(size=(5, 3)), rng.integers(0, 2, (5, 2)) * 1.0)


def underflowing(z, y):
    with np.errstate(all="ignore"):
        e = np.exp(z - z.max())  # of all rows, where each needs its own
        return (e / e.sum(axis=1, keepdims=True) - ONE[y]) / len(z)


def elu(w):
    return np.where(w > 0, w, np.exp(np.minimum(w, 0)) - 1).sum()


def normed(paths, norm="batch_norm", dx=None):
    """dx of a normalisation along some of its three paths."""
    axis = 0 if norm == "batch_norm" else -1

    def backward(dout, x, gamma):
        mean, std = x.mean(axis=axis, keepdims=True), np.sqrt(x.var(axis=axis, keepdims=True) + 1e-5)
        x_hat, g = (x - mean) / std, dout * gamma
        along = x_hat * (g * x_hat).mean(axis=axis, keepdims=True) if "v" in paths else 0
        middle = g.mean(axis=axis, keepdims=True) if "m" in paths else 0
        wrong = dx(g, x_hat) if dx else g - middle - along
        return wrong / std, (dout * x_hat).sum(axis=0), dout.sum(axis=0)

    return op(norm, backward, SPREAD, GAMMA, np.zeros(4))


def statistics_held(self, dout):
    """Batch norm's backward as in evaluation, with the batch's own numbers."""
    x, *_ = self._kept
    std = np.sqrt(x.var(axis=0) + self.eps)
    self.gamma.grad, self.beta.grad = (dout * (x - x.mean(axis=0)) / std).sum(axis=0), dout.sum(axis=0)
    return dout * self.gamma.data / std


def dropout(backward, p=0.5, seed=0):
    return lambda: own(nn.Dropout, p, rng=np.random.default_rng(seed), backward=backward)


def no_mask(self, dout):
    return np.asarray(dout) / (1 - self.p)


def no_scale(self, dout):
    return dout * (self._kept > 0)


def another_mask(self, dout):
    return dout * (np.random.default_rng(9).random(np.shape(dout)) >= self.p) / (1 - self.p)


def forgets(self, dout):
    return np.asarray(dout)


def no_skip(self, dout):
    return self.body.backward(dout)


def one_hundredth(layer):
    layer.backward = lambda dout: np.where(layer._kept > 0, dout, 0.01 * dout)
    return layer


def all_weights_zero():
    def linear(d_in, d_out):
        return nn.Linear(d_in, d_out, rng=rng, init=lambda d_out, d_in, rng: np.zeros((d_out, d_in)))

    rng = np.random.default_rng(9)
    net = nn.Sequential(linear(4, 5), own(nn.Tanh, backward=forgets), linear(5, 3))
    return check_network(net, nn.CrossEntropyLoss(), rng.normal(size=(6, 4)), np.arange(6) % 2)


def all_units_dead():
    rng = np.random.default_rng(9)
    layers = nn.Linear(3, 4, rng=rng), own(nn.ReLU, backward=lambda self, dout: -dout * (self._kept > 0))
    net = nn.Sequential(*layers, nn.Linear(4, 2, rng=rng))
    net[0].b.data = np.full(4, -50.0)
    return check_network(net, nn.MSELoss(), rng.normal(size=(5, 3)), rng.normal(size=(5, 2)))


def beside_a_right_one():
    slopes = entries(1e-16, 2e-16)
    return check_gradients(lambda v, w: v + slopes @ w, {"v": 1.0, "w": np.ones(2)}, {"v": 1.0, "w": -slopes})


def ignores_its_argument():
    W = np.random.default_rng(6).normal(size=(3, 4))
    z = Z[:, :4] @ W.T
    return check_gradients(lambda W: F.softmax_cross_entropy(z, LABELS % 3), {"W": W},
                           {"W": F.softmax_cross_entropy_backward(z, LABELS % 3).T @ Z[:, :4]})  # fmt: skip


def reused_node():
    """c = w x feeds a square and a cube; the way back through it is walked twice, once with the sum."""
    x, w = entries(0.5, -1.2, 2.0), entries(0.3, 0.8, -0.4)
    c = w * x
    return check_gradients(lambda w: ((w * x) ** 2 + (w * x) ** 3).sum(), {"w": w},
                           {"w": x * (2 * c + (2 * c + 3 * c**2))})  # fmt: skip


def loss_is_the_output():
    x, w, b = entries(1.0, 0.0), entries(0.34, 0.56), 0.54
    off = w @ x + b - 0.1056
    return check_gradients(lambda w, b: w @ x + b, {"w": w, "b": b}, {"w": off * x, "b": off})


def centres():
    """Half the squared distance to each example's centre, averaged."""
    f, c = np.random.default_rng(1).normal(size=(2, 5, 3))
    return check_gradients(lambda f: ((f - c) ** 2).sum() / 2 / 5, {"f": f}, {"f": f - c}, batch_size=5)


def turned_dA():
    A, W, T = (np.random.default_rng(2).normal(size=shape) for shape in ((3, 3), (2, 3), (2, 3)))
    return check_gradients(lambda A: ((W @ A - T) ** 2).sum(), {"A": A}, {"A": (2 * W.T @ (W @ A - T)).T})


ALL, HIDDEN = "W1 b1 W2 b2", "W1 b1"
SLOPE, TWICE = "activation derivative missing", "output derivative twice"
DIAGONAL, EARLY = "softmax Jacobian diagonal only", "hidden delta from updated weights"
AT_A, OVER_OUTPUTS = "derivative at a instead of z", "averaged over the outputs too"
HELD = "both statistics taken as constants"

# fmt: off
TABLE = {
    "averages and factors": [
        Row("dlogits not divided by n", ALL, "not averaged", SOFTMAX.but("dZ2 = P - Y"),
            "victorlempitsky/Mate#2"),
        Row("p - y, the loss a mean", "logits", "not averaged", scores(lambda z, p, y, n: p - y),
            "tensorflow/swift-apis#42"),
        Row("linear regression, a mini-batch not averaged", "W b", "not averaged",
            PLAIN.but("dW = 2 * R.T @ X", "db = 2 * R.sum(axis=0)"), "ageron/handson-ml#179"),
        Row("examples in columns, not averaged", ALL, "not averaged",
            COLUMNS.but("dP = (P - T) / (P * (1 - P))"), "TheIndependentCode/Neural-Network#1"),
        Row("centre loss not averaged", "f", "not averaged", centres, "jxgu1016/MNIST_center_loss_pytorch#9"),
        Row("bias gradient a mean, columns", "b1", "averaged twice",
            COLUMNS.but("db1 = dZ1.mean(axis=1, keepdims=True)"), "kvfrans/notes#5"),
        Row("bias gradient a mean, rows", "b1", "averaged twice", SOFTMAX.but("db1 = dZ1.mean(axis=0)")),
        Row("dW averaged once more", "W1", "averaged twice", RELU.but("dW1 = dZ1.T @ X / n")),
        Row("1/n where 2/n belongs", ALL, "factor 1/2", SQUARES.but("dA2 = (A2 - T) / n"),
            "Open-Deep-ML/DML-OpenProblem#54"),
        Row("the 2 of the square lost", "y_hat", "factor 1/2",
            op("mse", lambda a, b: (a - b) / len(a), Z, YES), "davisking/dlib#1169"),
        Row("softmax twice too large", "z", "factor 2",
            op("softmax", lambda dout, p: 2 * F.softmax_backward(dout, p), Z),
            "markroxor/fromscratchtoml#65"),
        Row("dW2 times 2", "W2", "factor 2", COLUMNS.but("dW2 = dZ2 @ A1.T * 2"),
            "bighuang624/Andrew-Ng-Deep-Learning-notes#10"),
        Row("db1 times 4", "b1", "factor", COLUMNS.but("db1 = 4 * dZ1.sum(axis=1, keepdims=True)"),
            "bighuang624/Andrew-Ng-Deep-Learning-notes#10"),
        Row("a mean over all entries, 6 by 2", "y_hat", OVER_OUTPUTS, squared((6, 2), np.size),
            "bfortuner/ml-glossary#6"),
        Row("a mean over all entries, 4 by 4", "y_hat", OVER_OUTPUTS, squared((4, 4), np.size),
            "geohot/ai-notebooks#9"),
        Row("a mean over all entries, 8 by 10", "y_hat", OVER_OUTPUTS, squared((8, 10), np.size)),
        Row("a mean over all entries, in a network", ALL, OVER_OUTPUTS,
            SQUARES.but("dA2 = 2 * (A2 - T) / A2.size")),
        Row("np.mean, and a gradient divided by n", "o", "not averaged over the outputs",
            mean_of_all(lambda a, y: (a - y) ** 2, lambda a, y: 2 * (a - y), (8, 10)),
            "pytorch/pytorch#3924"),
        Row("np.mean of two outputs, a gradient divided by n", "o", "not averaged over the outputs",
            mean_of_all(lambda a, y: (a - y) ** 2, lambda a, y: 2 * (a - y), (6, 2))),
        Row("cross-entropy a mean over outputs too", "o", "not averaged over the outputs",
            mean_of_all(lambda z, y: np.log1p(np.exp(z)) - z * y, lambda z, y: sigmoid(z) - y, (5, 3)),
            "oysteijo/simd_neuralnet#1"),
        Row("learning rate in the gradient", ALL, "learning rate multiplied in",
            all_of(lambda g: 0.05 * g, lr=0.05), "PrincetonUniversity/PsyNeuLink#1745"),
        Row("learning rate in the gradient, not told", ALL, "learning rate multiplied in|factor",
            all_of(lambda g: 0.01 * g), "gpleiss/nnlr#4"),
        Row("backward called twice", ALL, "added to an old gradient", all_of(lambda g: g + g),
            "karpathy/micrograd#53"),
        Row("a factor in one array", "W2", "factor", SOFTMAX.but("dW2 = 1.7 * dZ2.T @ A1")),
        Row("twice on the way back, below a right layer", HIDDEN, "factor|factor 2",
            RELU.but("dA1 = 2 * dZ2 @ W2")),
        Row("half on the way back, below a right layer", HIDDEN, "factor|factor 1/2",
            SQUARES.but("dA1 = dZ2 @ W2 / 2")),
        Row("averaged again on the way back", HIDDEN, "averaged twice", SOFTMAX.but("dA1 = dZ2 @ W2 / n")),
        Row("divided where it should be multiplied", HIDDEN, "factor", inside(Times), "torch/nn#451"),
        Row("target minus prediction", ALL, "sign", SOFTMAX.but("dZ2 = (Y - P) / n"), "haifengl/smile#151"),
        Row("target minus prediction, x @ W", ALL, "sign", X_AT_W.but("dZ2 = (Y - P) / n")),
        Row("minus lost, the 2 lost", ALL, "sign and factor 1/2", SQUARES.but("dA2 = (T - A2) / n")),
        Row("times 1.000003", ALL, "", all_of(lambda g: g * (1 + 3e-6))),
    ],
    "at the output": [
        Row("p (1 - p) on top of softmax", ALL, TWICE, SOFTMAX.but("dZ2 = (P - Y) * P * (1 - P) / n"),
            "hunkim/DeepLearningZeroToAll#25"),
        Row("p (1 - p) on top of p - y", ALL, TWICE, BINARY.but("dZ2 = (P - T) * P * (1 - P) / n"),
            "mnielsen/neural-networks-and-deep-learning#77"),
        Row("p - y for probabilities", ALL, TWICE, over_probabilities, "tf-encrypted/tf-encrypted#727"),
        Row("slope of the scores' sigmoid on top of softmax", "logits", TWICE,
            scores(lambda z, p, y, n: (p - y) * sigmoid(z) * (1 - sigmoid(z)) / n)),
        Row("+ between the two terms", "logits", "sign between the two terms",
            yes_or_no(lambda z, p, y, n: -(y / p + (1 - y) / (1 - p)) * p * (1 - p) / n),
            "math.stackexchange.com, 2503428"),
        Row("+ between the two terms, in a network", ALL, "sign between the two terms",
            BINARY.but("dZ2 = -(T / P + (1 - T) / (1 - P)) * P * (1 - P) / n")),
        Row("dL/dp handed on", "logits", "output slope left out",
            yes_or_no(lambda z, p, y, n: (p - y) / (p * (1 - p)) / n)),
        Row("dL/dp handed on, in a network", ALL, "output slope left out",
            BINARY.but("dZ2 = (P - T) / (P * (1 - P)) / n")),
        Row("dL/dp handed on past softmax", "logits", "output slope left out|" + SLOPE,
            scores(lambda z, p, y, n: -y / p / n)),
        Row("dL/dp times p (1 - p), one example a row", ALL, DIAGONAL,
            SOFTMAX.but("dZ2 = -Y / P * P * (1 - P) / n"), "ai.stackexchange.com, 35741"),
        Row("softmax treated like a sigmoid", "z", DIAGONAL,
            op("softmax", lambda dout, p: dout * p * (1 - p), Z), "SebLague/Neural-Network-Experiments#5"),
        Row("softmax copies its gradient", "z", SLOPE, op("softmax", lambda dout, p: dout, Z),
            "pjreddie/darknet#96"),
        Row("softmax without the sum", "z", "", op("softmax", lambda dout, p: dout * p, Z),
            "HomericIntelligence/Odyssey#2134"),
        Row("nothing where the label is 0", "logits", "", yes_or_no(lambda z, p, y, n: -y * (1 - p) / n),
            "deeplearning4j/nd4j#1328"),
        Row("scores where probabilities belong", "logits", "",
            yes_or_no(lambda z, p, y, n: ((1 - y) / (1 - z) - y / z) * p * (1 - p) / n),
            "mlpack/mlpack#2873"),
        Row("softmax along the batch", "logits", "softmax over the batch",
            scores(lambda z, p, y, n: (np.exp(z) / np.exp(z).sum(axis=0) - y) / n), "ethanfetaya/NRI#25"),
        Row("softmax along the batch, in a network", ALL, "softmax over the batch",
            SOFTMAX.but("dZ2 = (E / E.sum(axis=0) - Y) / n")),
        Row("softmax along the batch, as many examples as classes", ALL, "softmax over the batch",
            replace(SOFTMAX, data=batch(n=3)).but("dZ2 = (E / E.sum(axis=0) - Y) / n")),
        Row("softmax over all entries", "logits", "",
            scores(lambda z, p, y, n: (np.exp(z) / np.exp(z).sum() - y) / n),
            "rickwierenga/MLFundamentals#1"),
        Row("labels counted from 1", "logits", "labels shifted by one",
            op("softmax_cross_entropy", lambda z, y: (F.softmax(z) - ONE[(y + 1) % 4]) / len(z), Z, LABELS)),
        Row("labels one too low, in a network", ALL, "labels shifted by one",
            SOFTMAX.but("dZ2 = (P - np.roll(Y, -1, axis=1)) / n")),
        Row("target not subtracted", ALL, "target not subtracted", SOFTMAX.but("dZ2 = P / n")),
        Row("one maximum for all rows", "logits", "NaN",
            op("softmax_cross_entropy", underflowing, Z - 800 * (np.arange(5) == 2)[:, None], LABELS),
            "manassharma07/crysx_nn#7"),
        Row("slope taken of the error", ALL, "", BINARY.but("dZ2 = (P - T) * (1 - (P - T))"),
            "datascience.stackexchange.com, 20139"),
        Row("slopes of the output compared with those of the loss", "w b", "", loss_is_the_output,
            "stats.stackexchange.com, 188678"),
    ],
    "activations": [
        Row("output's slope left out of dW2 alone", "W2", SLOPE, SQUARES.but("dW2 = dA2.T @ A1"),
            "stackoverflow.com, 59399842", "layer 4"),
        Row("output's slope left out on the way to the hidden layer", HIDDEN, SLOPE,
            SQUARES.but("dA1 = dA2 @ W2"), "stackoverflow.com, 53287032", "layer 4"),
        Row("output's slope left out", ALL, SLOPE, SQUARES.but("dZ2 = dA2"),
            "Bot-Academy/NeuralNetworkFromScratch#3", "layer 4"),
        Row("hidden slope left out, a sigmoid at the output too", HIDDEN, SLOPE, SQUARES.but("dZ1 = dA1"),
            place="layer 2"),
        Row("hidden slope left out of db1 alone", "b1", SLOPE, SOFTMAX.but("db1 = dA1.sum(axis=0)"),
            place="layer 2"),
        Row("both slopes left out", ALL, SLOPE, SQUARES.but("dZ2 = dA2", "dZ1 = dA1"), place="every"),
        Row("middle slope left out", "W1 b1 W2 b2", SLOPE, DEEP.but("dZ2 = dA2"), place="layer 4"),
        Row("sigmoid of a sigmoid", ALL, AT_A,
            SQUARES.but("dZ2 = dA2 * sigmoid(A2) * (1 - sigmoid(A2))",
                        "dZ1 = dA1 * sigmoid(A1) * (1 - sigmoid(A1))"),
            "dwhitena/gophernet#6", "every"),
        Row("slope taken at the output", HIDDEN, AT_A, BINARY.but("dZ1 = dA1 * (1 - np.tanh(A1) ** 2)"),
            "davidrmiller/neural2d#40", "layer 2"),
        Row("activation in place of the weighted sum", HIDDEN, AT_A,
            SQUARES.but("dZ1 = dA1 * sigmoid(A1) * (1 - sigmoid(A1))"), "benoitfragit/libBrain#78",
            "layer 2"),
        Row("1 - z * z", HIDDEN, "z in place of a", BINARY.but("dZ1 = dA1 * (1 - Z1**2)"),
            "apache/incubator-retired-horn#4", "layer 2"),
        Row("z * (1 - z)", HIDDEN, "z in place of a", SOFTMAX.but("dZ1 = dA1 * Z1 * (1 - Z1)"),
            place="layer 2"),
        Row("1 + a * a", "z", "", op("tanh", lambda dout, a: dout * (1 + a * a), Z),
            "gy910210/neural-network-from-scratch#2"),
        Row("the 1 of 1 - a * a lost", "z", "", op("tanh", lambda dout, a: -dout * a * a, Z),
            "scutan90/DeepLearning-500-questions#544"),
        Row("leaky ReLU goes back with another slope", HIDDEN, "",
            inside(lambda: one_hundredth(nn.LeakyReLU(0.3))), "deeplearning4j/deeplearning4j#8178"),
        Row("ReLU times its output", HIDDEN, "",
            inside(lambda: own(nn.ReLU, backward=lambda self, dout: dout * np.maximum(self._kept, 0))),
            "denggaoshan/DeepLearningStudy#1"),
        Row("ELU's slope from its input", "w", "",
            one_array(elu, np.array([-1.2, 0.5, -0.3, 2.0]), np.array([-0.2, 1.0, 0.7, 1.0])),
            "mlpack/mlpack#1540"),
        Row("slope of the layer before", "W1 b1 W2 b2", "another layer's slope",
            DEEP.but("dZ2 = dA2 * (1 - A1**2)"), "unda-ml/unda#1", "layer 4"),
        Row("slope of the layer above", HIDDEN, "another layer's slope",
            DEEP.but("dZ1 = dA1 * A2 * (1 - A2)"), place="layer 2"),
        Row("mask on the gradient two steps above", HIDDEN, "", RELU.but("dZ1 = dZ2 * (Z1 > 0)"),
            "ImagineAILab/ai-by-hand-excel#9"),
        Row("slope left out beside leaky ReLU", HIDDEN, SLOPE,
            inside(partial(nn.LeakyReLU, 0.1), partial(own, nn.Tanh, backward=forgets)),
            place="layer 3"),
        Row("slope left out beside a layer of one's own", HIDDEN, SLOPE,
            inside(partial(own, nn.Sigmoid, backward=forgets), Softplus),
            place="layer 2"),
        Row("GELU's slope left out", "x", SLOPE, op("gelu", lambda dout, x: dout, Z)),
        Row("upstream left out", "z", "upstream left out", op("sigmoid", lambda dout, a: a * (1 - a), Z)),
        Row("ReLU returns its mask", "z", "upstream left out", op("relu", lambda dout, z: (z > 0) * 1.0, Z)),
        Row("upstream left out, in a network", HIDDEN, "upstream left out",
            inside(lambda: own(nn.Tanh, backward=lambda self, dout: 1 - self._kept**2)), place="layer 2"),
        Row("ReLU's mask upside down", HIDDEN, "ReLU mask inverted", RELU.but("dZ1 = dA1 * (Z1 <= 0)"),
            place="layer 2"),
        Row("ReLU's mask upside down, all units alive", "z", "ReLU mask inverted",
            op("relu", lambda dout, z: dout * (z <= 0), np.abs(Z))),
        Row("ReLU's mask from the gradient", HIDDEN, "ReLU mask from the gradient",
            RELU.but("dZ1 = dA1 * (dA1 > 0)"), place="layer 2"),
    ],
    "weights": [
        Row("weight deltas lie on their side", "W", "transposed", linear(dW=lambda d, x, W: x.T @ d),
            "iamtrask/Grokking-Deep-Learning#22"),
        Row("dW1 lies on its side, x @ W", "W1", "transposed", X_AT_W.but("dW1 = dZ1.T @ X")),
        Row("dW2 turned, x @ W and square", "W2", "transposed", X_AT_W.but("dW2 = dZ2.T @ A1")),
        Row("dW2 turned, columns and square", "W2", "transposed", COLUMNS.but("dW2 = A1 @ dZ2.T")),
        Row("dlogits turned", "logits", "transposed", scores(lambda z, p, y, n: ((p - y) / n).T)),
        Row("dA turned, examples in columns", "A", "transposed", turned_dA),
        Row("W2 turned on the way back, x @ W", HIDDEN, "weights transposed on the way back",
            X_AT_W.but("dA1 = dZ2 @ W2")),
        Row("W2 turned on the way back, columns", HIDDEN, "weights transposed on the way back",
            COLUMNS.but("dA1 = W2 @ dZ2")),
        Row("W2 turned on the way back, one example", HIDDEN, "weights transposed on the way back",
            replace(X_AT_W, data=batch(n=1)).but("dA1 = dZ2 @ W2")),
        Row("dz @ a", "W", "transpose of dz missing",
            linear(dW=lambda d, x, W: d @ x, x=X[:3], weights=W[:3])),
        Row("dz.T @ a.T", "W", "inputs transposed", linear(dW=lambda d, x, W: d.T @ x.T, x=X[:3], weights=W)),
        Row("updated before the gradient went through", HIDDEN, EARLY,
            SQUARES.but("dA1 = dZ2 @ (W2 - 0.5 * dW2)"), "joelgrus/data-science-from-scratch#31"),
        Row("updated early, the rate is told", HIDDEN, EARLY,
            SQUARES.but("dA1 = dZ2 @ (W2 - 0.1 * dW2)", lr=0.1), "kim-marcel/basic_neural_network#7"),
        Row("updated early in two layers", "W1 b1 W2 b2", EARLY,
            DEEP.but("dA2 = dZ3 @ (W3 - 0.2 * dW3)", "dA1 = dZ2 @ (W2 - 0.2 * dW2)"),
            "VikParuchuri/zero_to_gpt#12"),
        Row("multiplied by the inputs twice", "W", "", PLAIN.but("dW = 2 * R.T @ X**2 / n"),
            "udacity/deep-learning-v2-pytorch#409"),
        Row("output in place of the layer's input", "W2", "", COLUMNS.but("dW2 = dZ2 @ P.T"),
            "datascience.stackexchange.com, 25394"),
        Row("delta of the neighbouring gate", "bi", "another parameter", GATES.but("dbi = df.sum(axis=0)"),
            "hanbt/learn_dl#63"),
        Row("two gates under each other's name", "Wf Wi", "another parameter|another order",
            GATES.but("dWf = di.T @ X", "dWi = df.T @ X")),
        Row("dW and dx in the wrong order", "x W", "another order|another parameter",
            op("linear", lambda d, x, W: (d.T @ x, d @ W, d.sum(axis=0)), X, W, B)),
        Row("all three in another order", "x W b", "another order|another parameter",
            op("linear", lambda d, x, W: (d.sum(axis=0), d @ W, d.T @ x), X, W, B)),
        Row("= for += in the loop over examples", "W b", "only the last example",
            linear(dW=lambda d, x, W: np.outer(d[-1], x[-1]), db=lambda d, x, W: d[-1])),
        Row("return inside the loop over examples", "W b", "only the first example",
            linear(dW=lambda d, x, W: np.outer(d[0], x[0]), db=lambda d, x, W: d[0])),
        Row("dW of the last example, in a network", "W1", "only the last example",
            SOFTMAX.but("dW1 = np.outer(dZ1[-1], X[-1])")),
        Row("a node that is used twice", "w", "", reused_node, "karpathy/micrograd#2"),
        Row("one entry off", "W1", "",
            SOFTMAX.but("dW1 = dZ1.T @ X + 0.1 * (np.arange(12).reshape(3, 4) == 5)")),
        Row("dz squared", HIDDEN, "", SOFTMAX.but("dZ1 = dA1**2 * A1 * (1 - A1)")),
    ],
    "biases": [
        Row("one row for each example", "b", "bias not summed", linear(db=lambda d, x, W: d),
            "mlpack/mlpack#3679"),
        Row("one row for each example, x @ W", "b1", "bias not summed", X_AT_W.but("db1 = dZ1")),
        Row("one column for each example", "b1", "bias not summed", COLUMNS.but("db1 = dZ1")),
        Row("added up over the wrong dimension", "b", "bias summed over the wrong axis",
            linear(db=lambda d, x, W: d.sum(axis=1), x=X[:4]), "deeplearning4j/deeplearning4j#364"),
        Row("one sum for all biases", "b", "", linear(db=lambda d, x, W: d.sum()),
            "rasbt/stat453-deep-learning-ss21#5"),
        Row("a row sum of the weights' gradient", "b1", "",
            COLUMNS.but("db1 = (dZ1 @ X.T).sum(axis=1, keepdims=True)"),
            "rust0258/Deeplearning.ai-Natural-Language-Processing-Specialization#64"),
        Row("squeezed", "b1", "shape", COLUMNS.but("db1 = dZ1.sum(axis=1)"),
            "Kulbear/deep-learning-coursera#8"),
        Row("kept as one row", "b", "shape", linear(db=lambda d, x, W: d.sum(axis=0, keepdims=True))),
        Row("kept as a column", "b", "shape", linear(db=lambda d, x, W: d.sum(axis=0)[:, None])),
        Row("never filled", "b1", "all zero", SOFTMAX.but("db1 = 0 * b1"), "mattm/simple-neural-network#5"),
    ],
    "normalisation": [
        Row("mean's path n times too large", "x", "",
            normed("", dx=lambda g, x_hat: g - g.sum(axis=0) - x_hat * (g * x_hat).mean(axis=0)),
            "mlpack/mlpack#1923"),
        *(Row(f"{title}, {norm} norm", "x", true, normed(paths, f"{norm}_norm"))
          for norm in ("batch", "layer")
          for title, true, paths in (("mean's path left out", "mean path missing", "v"),
                                     ("variance's path left out", "variance path missing", "m"),
                                     ("statistics held", HELD, ""))),
        Row("batch norm's statistics held, in a network", HIDDEN, HELD,
            inside(lambda: own(nn.BatchNorm1d, 4, backward=statistics_held)), place="layer 2"),
    ],
    "dropout and skips": [
        Row("no mask on the way back", HIDDEN, "dropout mask missing", inside(nn.Tanh, dropout(no_mask)),
            "ddbourgin/numpy-ml#94", "layer 3"),
        Row("no scale on the way back, checked in evaluation", HIDDEN, "dropout scale missing",
            inside(nn.Tanh, dropout(no_scale), evaluation=True), "cs231n/cs231n.github.io#11", "layer 3"),
        Row("no scale on the way back", HIDDEN, "dropout scale missing",
            inside(nn.Tanh, dropout(no_scale, 0.2)), place="layer 3"),
        Row("no mask on the way back, checked in evaluation", HIDDEN, "dropout mask missing",
            inside(dropout(no_mask, 0.3), evaluation=True), place="layer 2"),
        Row("another mask on the way back", HIDDEN, "", inside(nn.Tanh, dropout(another_mask))),
        Row("slope left out above dropout", HIDDEN, SLOPE,
            inside(dropout(nn.Dropout.backward), lambda: own(nn.Sigmoid, backward=forgets)), place="layer 3"),
        Row("skip left out", HIDDEN, "skip missing",
            inside(lambda: own(nn.Residual, nn.Tanh(), backward=no_skip))),
        Row("skip left out around two layers", HIDDEN, "skip missing",
            inside(nn.GELU, lambda: own(nn.Residual, nn.Linear(4, 4, rng=np.random.default_rng(1)),
                                        nn.Sigmoid(), backward=no_skip))),
    ],
    "penalties": [
        Row("reg * W", "W", "L2 term", RIDGE.but("dW = 2 * R.T @ X / n + c * W"),
            "jingtinghuang/CS231n-Spring-2017#3"),
        Row("minus the weight decay", "W", "L2 term", RIDGE.but("dW = 2 * R.T @ X / n - 2 * c * W"),
            "andersbll/nnet#4"),
        Row("biases in the penalty, not in their gradient", "b", "L2 term",
            RIDGE.but("db = 2 * R.sum(axis=0) / n"), "Burton2000/CS231n-2017#9"),
        Row("penalty without a gradient", "W b", "L2 term",
            RIDGE.but("dW = 2 * R.T @ X / n", "db = 2 * R.sum(axis=0) / n")),
        Row("penalty's gradient twice", "W", "L2 term", RIDGE.but("dW = 2 * R.T @ X / n + 4 * c * W")),
        Row("average lost beside a penalty", "W", "", RIDGE.but("dW = 2 * R.T @ X + 2 * c * W"),
            "stephencwelch/Neural-Networks-Demystified#15"),
    ],
    "kinds of numbers": [
        Row("stored in an array of whole numbers", "w", "whole numbers",
            one_array(lambda w: 1.5 * w @ w, 2 * Z[0], np.array([int(g) for g in 6 * Z[0]])),
            "nu-radio/NuRadioMC#1061"),
        Row("zeros_like of whole numbers", "w", "whole numbers",
            one_array(lambda w: 1.3 * (w**2).sum(), np.array([1, 2, -4, 7]), np.array([2, 5, -10, 18])),
            "oreilly-japan/deep-learning-from-scratch#51"),
        Row("truncated, in a matrix", "w", "whole numbers",
            one_array(lambda w: (w**2).sum(), 1.5 * Z, np.trunc(3 * Z))),
        Row("zero but for round-off", "W1", "all zero", SOFTMAX.but("dW1 = 1e-17 * (dZ1.T @ X + 1)")),
    ],
    "museum": [
        Row(bug.name, wrong, bug.mistake, (RELU if bug.hidden == "relu" else SOFTMAX).but(bug.wrong, lr=1.0))
        for bug, wrong in zip(BUGS, (HIDDEN, "W2", HIDDEN, "b1", *2 * [HIDDEN], ALL, ALL, HIDDEN, ALL),
                              strict=True)
    ],
    "not testable": [
        Row("all weights 0, tanh's slope left out", "W1 b1 W2", "", all_weights_zero, "wagonhelm/NaNmnist#2"),
        Row("the loss ignores its argument", "W", "", ignores_its_argument, "cthorey/CS231#2"),
        Row("a jump", "w", "", one_array(lambda w: np.sum(w > 0), np.zeros(3), np.ones(3))),
        Row("slopes below round-off beside a right array", "w", "", beside_a_right_one),
        Row("all units dead, the sign lost", "W1 b1 W2", "", all_units_dead),
    ],
}
# fmt: on
WRONG = [replace(row, kind=kind) for kind, rows in TABLE.items() for row in rows]
