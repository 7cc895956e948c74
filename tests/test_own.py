"""Bring your own: code in the styles that people write, right and wrong, in every layout."""

import itertools
import linecache
import textwrap
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest

from bphelpers.teaching.gradcheck import check_function, check_layer, check_own, check_update
from bphelpers.teaching.gradcheck.mistakes import TABLE
from bphelpers.teaching.gradcheck.theirs import gradient_of, key

_texts = itertools.count()


def compiled(text, **known):
    """What a text defines; its lines can be found, as those of a cell can."""
    text, name = textwrap.dedent(text), f"<own {next(_texts)}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    names = {"np": np, "sigmoid": lambda z: 1 / (1 + np.exp(-z)), **known}
    exec(compile(text, name, "exec"), names)
    return SimpleNamespace(**names)


def batch(layout, kind, seed=0, n=6, d=4, h=5, k=3):
    """Inputs, targets and parameters of a d-h-k network."""
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(n, d)), rng.normal(size=(n, k))
    if kind == "bce":
        Y = (Y > 0) * 1.0
    if kind == "ce":
        Y = np.eye(k)[rng.integers(k, size=n)]
    params = {"W1": rng.normal(size=(h, d)), "b1": rng.normal(size=h),
              "W2": rng.normal(size=(k, h)), "b2": rng.normal(size=k)}  # fmt: skip
    if layout == "x @ W":
        params |= {"W1": params["W1"].T.copy(), "W2": params["W2"].T.copy()}
    if layout == "W @ x":
        X, Y = X.T.copy(), Y.T.copy()
        params |= {"b1": params["b1"][:, None], "b2": params["b2"][:, None]}
    return X, Y, params


FORWARD = {
    "x @ W": "Z1 = X @ W1 + b1; A1 = {act}; Z2 = A1 @ W2 + b2",
    "x @ W.T": "Z1 = X @ W1.T + b1; A1 = {act}; Z2 = A1 @ W2.T + b2",
    "W @ x": "Z1 = W1 @ X + b1; A1 = {act}; Z2 = W2 @ A1 + b2",
}
BACKWARD = {
    "x @ W": ["dW2 = A1.T @ dZ2", "db2 = dZ2.sum(axis=0)", "dA1 = dZ2 @ W2.T", "dW1 = X.T @ dZ1",
              "db1 = dZ1.sum(axis=0)"],
    "x @ W.T": ["dW2 = dZ2.T @ A1", "db2 = dZ2.sum(axis=0)", "dA1 = dZ2 @ W2", "dW1 = dZ1.T @ X",
                "db1 = dZ1.sum(axis=0)"],
    "W @ x": ["dW2 = dZ2 @ A1.T", "db2 = dZ2.sum(axis=1, keepdims=True)", "dA1 = W2.T @ dZ2",
              "dW1 = dZ1 @ X.T", "db1 = dZ1.sum(axis=1, keepdims=True)"],
}  # fmt: skip
ACTS = {
    "tanh": ("np.tanh(Z1)", "dA1 * (1 - A1**2)"),
    "sigmoid": ("sigmoid(Z1)", "dA1 * A1 * (1 - A1)"),
    "relu": ("np.maximum(Z1, 0)", "dA1 * (Z1 > 0)"),
    "leaky": ("np.where(Z1 > 0, Z1, 0.1 * Z1)", "dA1 * np.where(Z1 > 0, 1, 0.1)"),
}
# The loss of the outputs, with n examples; the gradient for Z2.
ENDS = {
    "mse": ("L = np.mean((Z2 - Y) ** 2)", "dZ2 = 2 * (Z2 - Y) / Y.size"),
    "half": ("L = np.sum((Z2 - Y) ** 2) / (2 * n)", "dZ2 = (Z2 - Y) / n"),
    "sum": ("L = 0.5 * np.sum((Z2 - Y) ** 2)", "dZ2 = Z2 - Y"),
    "sigmoid mse": ("P = sigmoid(Z2); L = np.mean((P - Y) ** 2)", "dZ2 = 2 * (P - Y) / Y.size * P * (1 - P)"),
    "bce": (
        "P = sigmoid(Z2); L = -np.sum(Y * np.log(P) + (1 - Y) * np.log(1 - P)) / n",
        "dZ2 = (P - Y) / n",
    ),
    "ce": (
        "E = np.exp(Z2); P = E / E.sum(axis={axis}, keepdims=True); L = -np.sum(Y * np.log(P + 1e-9)) / n",
        "dZ2 = (P - Y) / n",
    ),
    "l2": (
        "L = np.mean((Z2 - Y) ** 2) + 0.05 * (np.sum(W1**2) + np.sum(W2**2))",
        "dZ2 = 2 * (Z2 - Y) / Y.size",
    ),
}


def network(layout, act, end, *lines):
    """A module with loss and gradients, these lines in place of the right ones; batch, parameters."""
    X, Y, params = batch(layout, end)
    act, slope = ACTS[act]
    loss, dZ2 = (text.replace("{axis}", str(int(layout != "W @ x"))) for text in ENDS[end])
    body = [dZ2, *BACKWARD[layout][:3], f"dZ1 = {slope}", *BACKWARD[layout][3:]]
    if end == "l2":
        body += ["dW1 = dW1 + 0.1 * W1", "dW2 = dW2 + 0.1 * W2"]
    for line in lines:
        places = [i for i, known in enumerate(body) if known.split(" = ")[0] == line.split(" = ")[0]]
        body[places[-1]] = line
    forward = FORWARD[layout].format(act=act) + "; " + loss
    made = compiled(
        "def loss(W1, b1, W2, b2):\n    " + forward + "\n    return L\n\n"
        "def gradients(X, Y, W1, b1, W2, b2):\n    " + forward + "\n    "
        + "\n    ".join(body) + "\n    return {'W1': dW1, 'b1': db1, 'W2': dW2, 'b2': db2}\n",
        X=X, Y=Y, n=X.shape[layout == "W @ x"], lr=0.3,
    )  # fmt: skip
    return made, X, Y, params


def judged(layout, act, end, *lines, **options):
    made, X, Y, params = network(layout, act, end, *lines)
    return check_own(made.loss, params, made.gradients, X, Y, **options)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("layout", FORWARD)
def test_right_networks_pass_and_are_read(layout, act, end):
    report = judged(layout, act, end)
    assert report.ok, report
    assert report.notes[-1].startswith("Read as"), report


@pytest.mark.parametrize("scale", [1e-4, 1e-2])
@pytest.mark.parametrize("end", ["mse", "ce", "bce"])
@pytest.mark.parametrize("act", ["relu", "tanh", "leaky"])
def test_at_small_weights_and_without_biases_right_networks_pass(act, end, scale):
    made, X, Y, params = network("x @ W", act, end)
    small = {name: array * (scale if array.ndim == 2 else 0) for name, array in params.items()}
    report = check_own(made.loss, small, made.gradients, X, Y)
    assert report.ok, report
    kind = {"leaky": "leaky_relu"}.get(act, act)
    assert f", {kind}, " in report.notes[-1]


def test_types_that_people_have():
    made, X, Y, params = network("x @ W", "tanh", "ce")
    coarse = {name: array.astype(np.float32) for name, array in params.items()}
    grads = {name: g.astype(np.float32) for name, g in made.gradients(X, Y, **coarse).items()}
    assert check_own(made.loss, coarse, grads, X, Y).ok
    whole = {name: np.round(array).astype(int) for name, array in params.items()}
    assert check_own(made.loss, whole, made.gradients, X, Y).ok
    named = check_own(made.loss, params, made.gradients(X, Y, **params), X.tolist(), Y.argmax(axis=1))
    assert named.ok and "softmax_cross_entropy" in named.notes[-1]


# Layout, activation, loss, the wrong line, wrong arrays, the name (| between equals), what the report says.
WRONG = [
    ("x @ W", "tanh", "mse", "dW1 = dZ1.T @ X", "W1", "transposed", "dW1 = X.T @ dz1"),
    ("x @ W", "tanh", "mse", "dW2 = dZ2.T @ A1", "W2", "transposed", "dW2 = a1.T @ dz2"),
    ("x @ W.T", "tanh", "mse", "dW1 = X.T @ dZ1", "W1", "transposed", "dW1 = dz1.T @ X"),
    ("W @ x", "relu", "ce", "dW1 = X @ dZ1.T", "W1", "transposed", "dW1 = dz1 @ X.T"),
    ("x @ W", "sigmoid", "ce", "db1 = dZ1", "b1", "bias not summed", "db1 = dz1.sum(axis=0)"),
    ("W @ x", "sigmoid", "ce", "db1 = dZ1", "b1", "bias not summed", "db1 = dz1.sum(axis=1)"),
    ("x @ W", "relu", "ce", "db2 = dZ2.sum(axis=1)", "b2", "bias summed over the wrong axis", "axis=0"),
    ("x @ W", "tanh", "mse", "dZ1 = dA1", "W1 b1", "activation derivative missing", "the tanh after W1"),
    ("W @ x", "sigmoid", "bce", "dZ1 = dA1", "W1 b1",
     "activation derivative missing", "the sigmoid after W1"),
    ("x @ W.T", "relu", "ce", "dZ1 = dA1", "W1 b1", "ReLU mask missing", "the relu after W1"),
    ("x @ W", "relu", "mse", "dZ1 = dA1 * (dA1 > 0)", "W1 b1", "ReLU mask from the gradient", "after W1"),
    ("x @ W", "relu", "ce", "dZ1 = dA1 * (Z1 <= 0)", "W1 b1", "ReLU mask inverted", "after W1"),
    ("x @ W", "sigmoid", "mse", "dZ1 = dA1 * Z1 * (1 - Z1)", "W1 b1", "z in place of a", "after W1"),
    ("W @ x", "sigmoid", "mse", "dZ1 = dA1 * sigmoid(A1) * (1 - sigmoid(A1))", "W1 b1",
     "derivative at a instead of z", "after W1"),
    ("x @ W", "tanh", "ce", "dZ2 = (P - Y) * P * (1 - P) / n", "W1 b1 W2 b2",
     "output derivative twice", "scores"),
    ("W @ x", "tanh", "bce", "dZ2 = (P - Y) * P * (1 - P) / n", "W1 b1 W2 b2",
     "output derivative twice", "scores"),
    ("x @ W", "tanh", "ce", "dZ2 = P - Y", "W1 b1 W2 b2", "not averaged", "batch size"),
    ("x @ W", "tanh", "ce", "dZ2 = (Y - P) / n", "W1 b1 W2 b2", "sign", "sign flipped"),
    ("x @ W", "tanh", "ce", "dZ2 = P / n", "W1 b1 W2 b2", "target not subtracted", "p - y"),
    ("x @ W", "tanh", "half", "dZ2 = 2 * (Z2 - Y) / n", "W1 b1 W2 b2", "factor 2", "a half"),
    ("x @ W", "tanh", "mse", "dZ2 = 2 * (Z2 - Y) / n", "W1 b1 W2 b2",
     "not averaged over the outputs", "outputs"),
    ("W @ x", "tanh", "sum", "dZ2 = (Z2 - Y) / n", "W1 b1 W2 b2",
     "averaged, and the loss adds up", "adds up"),
    ("x @ W", "relu", "half", "dW2 = A1.T @ dZ2 / n", "W2", "averaged twice", "a sum and not a mean"),
    ("W @ x", "relu", "ce", "db1 = dZ1.mean(axis=1, keepdims=True)", "b1", "averaged twice", "batch size"),
    ("x @ W", "leaky", "mse", "dZ1 = dA1", "W1 b1", "activation derivative missing", "leaky_relu after W1"),
    ("x @ W", "tanh", "l2", "dW1 = dW1", "W1", "L2 term", "penalty"),
    ("W @ x", "tanh", "l2", "dW2 = dW2 + 0.05 * W2", "W2", "L2 term", "penalty"),
    ("x @ W", "tanh", "l2", "dZ1 = dA1", "W1 b1", "activation derivative missing", "the tanh after W1"),
    ("x @ W.T", "tanh", "ce", "dA1 = dZ2 @ (W2 - lr * dW2)", "W1 b1",
     "hidden delta from updated weights", "0.3"),
    ("x @ W", "tanh", "half", "dA1 = dZ2 @ (W2 - lr * dW2).T", "W1 b1",
     "hidden delta from updated weights", "0.3"),
    ("W @ x", "tanh", "half", "dA1 = (W2 - lr * dW2).T @ dZ2", "W1 b1",
     "hidden delta from updated weights", "0.3"),
    ("x @ W", "sigmoid", "sigmoid mse", "dZ2 = 2 * (P - Y) / Y.size", "W1 b1 W2 b2",
     "activation derivative missing", "the sigmoid after W2"),
    ("W @ x", "tanh", "ce", "dW1 = np.outer(dZ1[:, -1], X[:, -1])", "W1",
     "only the last example", "last example"),
    ("x @ W", "tanh", "mse", "dZ1 = 1 - A1**2", "W1 b1", "upstream left out", "the tanh after W1"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("layout", "act", "end", "line", "wrong", "name", "said"), WRONG, ids=[f"{r[0]}, {r[3]}" for r in WRONG]
)
def test_wrong_networks_are_named_in_their_layout(layout, act, end, line, wrong, name, said):
    report = judged(layout, act, end, line)
    assert {check.name for check in report.arrays if not check.ok} == set(wrong.split()), report
    for array in wrong.split():
        assert report[array].diagnosis, report
        assert report[array].diagnosis.mistake == name, report
    assert said in str(report)
    if wrong != "W1 b1 W2 b2":
        assert line in str(report.notes[-1]), report


def test_a_part_written_into_an_array_is_a_line_too():
    made = compiled(SOFTMAX_LOSS.replace("p[range(len(y)), y] -= 1", "p[range(len(y)), y] -= 2"))
    report = check_function(made.forward, made.backward, z, labels)
    assert "p[range(len(y)), y] -= 2" in report.notes[-1], report
    text = """
    def backward(dout, z):
        dz = -dout
        dz[z <= 0] = 0
        return dz
    """
    report = check_function(lambda z: np.maximum(z, 0), compiled(text).backward, z)
    assert "dz = -dout" in report.notes[-1], report


def test_the_backward_of_a_loss_may_have_names_of_its_own():
    right = check_function(
        lambda y_hat, y: np.mean((y_hat - y) ** 2), lambda q, r: 2 * (q - r) / q.size, z, one_hot
    )
    assert right.ok


def test_what_is_not_recognised_is_checked_all_the_same():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 1))
    loss = lambda W: np.mean(np.abs(np.sin(X @ W) - y) ** 1.5)  # noqa: E731
    W = rng.normal(size=(3, 1))
    miss = np.sin(X @ W) - y
    right = X.T @ (1.5 * np.sign(miss) * np.abs(miss) ** 0.5 * np.cos(X @ W)) / 5
    assert check_own(loss, {"W": W}, {"dW": right}, X, y).ok
    report = check_own(loss, {"W": W}, {"dW": -right}, X, y)
    assert report["W"].diagnosis.mistake == "sign"
    assert "Not recognised" in report.notes[-1]


def test_a_loss_may_take_the_whole_dictionary_and_the_batch():
    made, X, Y, params = network("x @ W", "tanh", "mse", "dW1 = -(X.T @ dZ1)")
    named = check_own(made.loss, params, made.gradients, X, Y)
    for loss in (
        lambda params: made.loss(**params),
        lambda parameters, X, y: made.loss(**parameters) + 0 * y.sum(),
    ):
        assert str(check_own(loss, params, made.gradients, X, Y)) == str(named)
    with pytest.raises(ValueError, match=r"loss must take arguments by names known here.*'depth'"):
        check_own(lambda params, depth: 0.0, params, made.gradients, X, Y)


def test_reasons_come_without_the_table_in_lines_that_fit_a_page():
    report = judged("x @ W", "tanh", "mse", "dZ1 = dA1")
    assert "measured" in str(report) and "measured" not in report.reasons
    flat = " ".join(report.reasons.split())
    assert all(" ".join(note.split()) in flat for note in report.notes)
    assert max(map(len, report.reasons.splitlines())) <= 88
    assert judged("x @ W", "tanh", "mse").reasons.startswith("Read as")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("dW1 = -(X.T @ dZ1)", "W1: look for the mistake in this line of gradients, which"),
        ("dZ1 = dA1", "W1, b1: look for the mistake in one of these lines of gradients, which"),
    ],
)  # fmt: skip
def test_one_line_or_several_may_hold_the_mistake(line, says):
    assert f"{says} the right arrays don't use:\n" in judged("x @ W", "tanh", "mse", line).notes[-1]


def test_where_nothing_is_right_no_right_array_is_spoken_of():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(5, 3)), rng.normal(size=5)
    made = compiled("def gradient(X, y, w):\n    return {'w': -2 * (X @ w - y) @ X / len(y)}\n")
    report = check_own(lambda w: np.mean((X @ w - y) ** 2), {"w": np.ones(3)}, made.gradient, X, y)
    assert "w: look for the mistake in this line of gradient:\n" in report.notes[-1]


def test_two_mistakes_have_lines_of_their_own():
    report = judged("x @ W", "tanh", "mse", "dW1 = -(X.T @ dZ1)", "db1 = dZ1", "dW2 = A1.T @ dZ2 * n")
    assert [note.split(":")[0] for note in report.notes[1:]] == ["W1", "b1", "W2"]
    assert [note.splitlines()[-1].split(": ")[1] for note in report.notes[1:]] == [
        "dW1 = -(X.T @ dZ1)", "db1 = dZ1", "dW2 = A1.T @ dZ2 * n"]  # fmt: skip


# --- functions ---

rng = np.random.default_rng(1)
N, K = 5, 3
x, W, b = rng.normal(size=(N, 4)), rng.normal(size=(4, K)), rng.normal(size=K)
z, labels = rng.normal(size=(N, K)), rng.integers(K, size=N)
one_hot = np.eye(K)[labels]
gamma, beta = rng.normal(size=K), rng.normal(size=K)

AFFINE = """
def forward(x, W, b):
    return x @ W + b, (x, W, b)

def backward(dout, cache):
    x, W, b = cache
    dx = dout @ W.T
    dW = x.T @ dout
    db = dout.sum(axis=0)
    return dx, dW, db
"""
COLUMNS = """
def forward(A_prev, W, b):
    return W @ A_prev + b

def backward(dZ, A_prev, W, b):
    dW = dZ @ A_prev.T
    db = dZ.sum(axis=1, keepdims=True)
    dA_prev = W.T @ dZ
    return dA_prev, dW, db
"""
IN_ONE = """
def forward(x, W, b):
    return sigmoid(x @ W + b)

def backward(dout, x, W, b):
    a = sigmoid(x @ W + b)
    dz = dout * a * (1 - a)
    return dz @ W.T, x.T @ dz, dz.sum(axis=0)
"""
SIGMOID = "def forward(z): return sigmoid(z)\n\ndef backward(dout, a): return dout * a * (1 - a)\n"
RELU = "def forward(z): return np.maximum(z, 0), z\n\ndef backward(dout, cache): return dout * (cache > 0)\n"
PRIME = "def forward(z): return np.tanh(z)\n\ndef backward(z): return 1 - np.tanh(z) ** 2\n"
SOFTMAX_LOSS = """
def forward(scores, y):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -np.mean(np.log(p[range(len(y)), y]))

def backward(scores, y):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    p[range(len(y)), y] -= 1
    return p / len(y)
"""
MSE_PRIME = """
def forward(y_true, y_pred): return np.mean((y_true - y_pred) ** 2)

def backward(y_true, y_pred): return 2 * (y_pred - y_true) / y_true.size
"""
BATCH_NORM = """
def forward(x, gamma, beta):
    mu, var = x.mean(axis=0), x.var(axis=0)
    x_hat = (x - mu) / np.sqrt(var + 1e-5)
    return gamma * x_hat + beta, (x_hat, gamma, np.sqrt(var + 1e-5))

def backward(dout, cache):
    x_hat, gamma, std = cache
    d = dout * gamma
    dx = (d - d.mean(axis=0) - x_hat * (d * x_hat).mean(axis=0)) / std
    return dx, (dout * x_hat).sum(axis=0), dout.sum(axis=0)
"""
AS_LIST = AFFINE.replace("return dx, dW, db", "return [dW, db]")
BY_NAME = AFFINE.replace("return dx, dW, db", 'return {"dW": dW, "db": db, "dx": dx}')
NEURON = """
def forward(x, w, b): return np.tanh(x @ w + b)

def backward(dout, x, w, b):
    dz = dout * (1 - np.tanh(x @ w + b) ** 2)
    return np.outer(dz, w), x.T @ dz, dz.sum()
"""
ONE_EXAMPLE = """
def forward(x, W, b): return W @ x + b

def backward(dout, x, W, b): return W.T @ dout, np.outer(dout, x), dout
"""
LINE = """
def loss(w, b, x, y): return np.mean((w * x + b - y) ** 2)

forward = loss

def backward(w, b, x, y):
    miss = w * x + b - y
    return 2 * np.mean(miss * x), 2 * np.mean(miss)
"""
square = rng.normal(size=(4, 4))
FUNCTIONS = {
    "affine": (AFFINE, x, W, b),
    "columns": (COLUMNS, x.T, W.T, b[:, None]),
    "in one": (IN_ONE, x, W, b),
    "sigmoid": (SIGMOID, z),
    "relu": (RELU, z),
    "prime": (PRIME, z),
    "softmax loss": (SOFTMAX_LOSS, z, labels),
    "mse prime": (MSE_PRIME, one_hot, z),
    "batch norm": (BATCH_NORM, z, gamma, beta),
    "list": (AS_LIST, x, W, b),
    "by name": (BY_NAME, x, W, b),
    "neuron": (NEURON, x, W[:, 0], 0.3),
    "one example": (ONE_EXAMPLE, x[0], W.T, b),
    "line": (LINE, 0.5, 0.1, x[:, 0], x[:, 1]),
    "square": (AFFINE, x, square, np.arange(4.0)),
    "other order of arguments": (AFFINE.replace("forward(x, W, b)", "forward(W, b, x)").replace(
        "return dx, dW, db", "return dW, db, dx"), W, b, x),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_right_functions_pass(name):
    text, *args = FUNCTIONS[name]
    made = compiled(text)
    report = check_function(made.forward, made.backward, *args)
    assert report.ok, report
    assert name == "line" or report.notes[-1].startswith("Read as"), report


@pytest.mark.parametrize(
    ("name", "old", "new", "wrong", "mistake", "said"),
    [
        ("affine", "dW = x.T @ dout", "dW = dout.T @ x", "W", "transposed", "dW = x.T @ dz"),
        ("affine", "db = dout.sum(axis=0)", "db = dout", "b", "bias not summed", "db = dz.sum(axis=0)"),
        ("affine", "db = dout.sum(axis=0)", "db = dout.sum(axis=1)", "b",
         "bias summed over the wrong axis", "0)"),
        ("affine", "return dx, dW, db", "return dW, db, dx", "x W b", "another order", "order"),
        ("square", "dx = dout @ W.T", "dx = dout @ W", "x", "weights transposed on the way back",
         "dx = dz @ W.T"),
        ("columns", "dZ @ A_prev.T", "A_prev @ dZ.T", "W", "transposed", "dW = dz @ A_prev.T"),
        ("columns", "dZ.sum(axis=1, keepdims=True)", "dZ", "b", "bias not summed", "axis=1"),
        ("columns", "dA_prev = W.T @ dZ", "dA_prev = -W.T @ dZ", "A_prev", "sign", "sign"),
        ("in one", "dz = dout * a * (1 - a)", "dz = dout", "x W b", "activation derivative missing",
         "after W"),
        ("in one", "dz = dout * a * (1 - a)", "dz = a * (1 - a)", "x W b", "upstream left out", "after W"),
        ("sigmoid", "dout * a", "a", "z", "upstream left out", "alone"),
        ("sigmoid", "dout * a * (1 - a)", "dout", "z", "activation derivative missing", "f'(z)"),
        ("sigmoid", "dout * a * (1 - a)", "dout * sigmoid(a) * (1 - sigmoid(a))", "z",
         "derivative at a instead of z", "f'(a)"),
        ("relu", "dout * (cache > 0)", "dout", "z", "ReLU mask missing", "z > 0"),
        ("relu", "dout * (cache > 0)", "dout * (dout > 0)", "z", "ReLU mask from the gradient", "forward"),
        ("prime", "1 - np.tanh(z) ** 2", "1 - z ** 2", "z", "z in place of a", "a * (1 - a)"),
        ("softmax loss", "return p / len(y)", "return p", "scores", "not averaged", "batch size"),
        ("softmax loss", "p[range(len(y)), y] -= 1", "", "scores", "target not subtracted", "p - y"),
        ("softmax loss", "    p[range(len(y)), y] -= 1", "    p[range(len(y)), (y + 1) % 3] -= 1", "scores",
         "labels shifted by one", "counted from 0"),
        ("mse prime", "(y_pred - y_true)", "(y_true - y_pred)", "y_pred", "sign", "sign"),
        ("mse prime", "/ y_true.size", "/ len(y_true)", "y_pred", "not averaged over the outputs", "outputs"),
        ("batch norm", " - d.mean(axis=0)", "", "x", "mean path missing", "mean"),
        ("batch norm", " - x_hat * (d * x_hat).mean(axis=0)", "", "x", "variance path missing", "variance"),
        ("list", "return [dW, db]", "return [db, dW]", "W b", "another order", "order"),
        ("by name", "dW = x.T @ dout", "dW = x.T @ dout / len(x)", "W", "averaged twice", "batch size"),
        ("one example", "np.outer(dout, x)", "np.outer(x, dout)", "W", "transposed", "dW = np.outer(dz, x)"),
        ("neuron", "dz = dout * (1 - np.tanh(x @ w + b) ** 2)", "dz = dout", "x w b",
         "activation derivative missing", "tanh"),
    ],
)  # fmt: skip
def test_wrong_functions_are_named(name, old, new, wrong, mistake, said):
    text, *args = FUNCTIONS[name]
    made = compiled(text.replace(old, new))
    report = check_function(made.forward, made.backward, *args)
    assert {check.name for check in report.arrays if not check.ok} == set(wrong.split()), report
    for array in wrong.split():
        assert report[array].diagnosis, report
        assert report[array].diagnosis.mistake == mistake, report
    assert said in str(report)


# --- classes ---

DENSE = """
class Layer:
    def __init__(self):
        self.weights = 0.5 * np.cos(np.arange(12.0)).reshape(4, 3)
        self.biases = np.zeros((1, 3))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases

        return self.output

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = dvalues.sum(axis=0, keepdims=True)
        self.dinputs = dvalues @ self.weights.T
"""
UPDATES = """
class Layer:
    def __init__(self):
        self.weights = 0.5 * np.cos(np.arange(12.0)).reshape(3, 4)
        self.bias = 0.1 * np.arange(3.0).reshape(3, 1)

    def forward(self, input):
        self.input = input
        return np.dot(self.weights, self.input) + self.bias

    def backward(self, output_gradient, learning_rate):
        weights_gradient = np.dot(output_gradient, self.input.T)
        input_gradient = np.dot(self.weights.T, output_gradient)
        self.weights -= learning_rate * weights_gradient
        self.bias -= learning_rate * output_gradient
        return input_gradient
"""
IN_DICTS = """
class Layer:
    def __init__(self):
        self.params = {"W": 0.5 * np.cos(np.arange(12.0)).reshape(4, 3), "b": np.zeros(3)}
        self.grads = {}

    def __call__(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dout):
        self.grads["W"] = self.x.T @ dout
        self.grads["b"] = dout.sum(axis=0)
        return dout @ self.params["W"].T
"""
IN_LISTS = """
class Layer:
    def __init__(self):
        self.params = [0.5 * np.cos(np.arange(12.0)).reshape(4, 3), np.zeros(3)]
        self.grads = [np.zeros((4, 3)), np.zeros(3)]

    def forward(self, x):
        W, b = self.params
        self.x = x
        return x @ W + b

    def backward(self, dout):
        W, b = self.params
        dx = dout @ W.T
        self.grads[0][...] = self.x.T @ dout
        self.grads[1][...] = dout.sum(axis=0)
        return dx
"""
OF_LAYERS = """
class Dense:
    def __init__(self, d, k):
        self.w = np.cos(np.arange(1.0 * d * k)).reshape(d, k)
        self.b = np.zeros(k)

    def forward(self, x):
        self.x = x
        return x @ self.w + self.b

    def backward(self, grad):
        self.grad_w = self.x.T @ grad
        self.grad_b = grad.sum(axis=0)
        return grad @ self.w.T


class Tanh:
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out

    def backward(self, grad):
        return grad * (1 - self.out ** 2)


class Layer:
    def __init__(self):
        self.layers = [Dense(4, 5), Tanh(), Dense(5, 3)]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, grad):
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return grad
"""
PARAMETERS = """
class Parameter:
    def __init__(self, data):
        self.data, self.grad = data, np.zeros_like(data)


class Layer:
    def __init__(self):
        self.W, self.b = Parameter(np.cos(np.arange(12.0)).reshape(3, 4)), Parameter(np.zeros(3))

    def forward(self, x):
        self.x = x
        return x @ self.W.data.T + self.b.data

    def backward(self, dout):
        self.W.grad += dout.T @ self.x
        self.b.grad += dout.sum(axis=0)
        return dout @ self.W.data
"""
WHOLE = """
class Layer:
    def __init__(self):
        self.weights1 = np.cos(np.arange(20.0)).reshape(4, 5)
        self.weights2 = np.sin(np.arange(15.0)).reshape(5, 3)

    def feedforward(self, x):
        self.input = x
        self.layer1 = sigmoid(x @ self.weights1)
        self.output = sigmoid(self.layer1 @ self.weights2)
        return self.output

    def loss(self, out, y):
        return np.sum((y - out) ** 2)

    def backprop(self, y):
        delta2 = 2 * (y - self.output) * self.output * (1 - self.output)
        delta1 = delta2 @ self.weights2.T * self.layer1 * (1 - self.layer1)
        self.weights1 += self.input.T @ delta1
        self.weights2 += self.layer1.T @ delta2
"""
GIVES_GRADS = """
class Layer:
    def __init__(self):
        self.params = {"W1": np.cos(np.arange(20.0)).reshape(4, 5), "b1": np.zeros(5),
                       "W2": np.sin(np.arange(15.0)).reshape(5, 3), "b2": np.zeros(3)}

    def predict(self, x):
        W1, b1, W2, b2 = (self.params[name] for name in ("W1", "b1", "W2", "b2"))
        z = sigmoid(x @ W1 + b1) @ W2 + b2
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def loss(self, x, t):
        return -np.sum(t * np.log(self.predict(x) + 1e-7)) / len(x)

    def gradient(self, x, t):
        W1, b1, W2, b2 = (self.params[name] for name in ("W1", "b1", "W2", "b2"))
        z1 = sigmoid(x @ W1 + b1)
        dy = (self.predict(x) - t) / len(x)
        grads = {}
        grads["W2"] = z1.T @ dy
        grads["b2"] = dy.sum(axis=0)
        da1 = dy @ W2.T
        dz1 = z1 * (1 - z1) * da1
        grads["W1"] = x.T @ dz1
        grads["b1"] = dz1.sum(axis=0)
        return grads
"""
ACTIVATION = """
class Layer:
    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dout[self.mask] = 0
        return dout
"""
one_column = rng.normal(size=(4, 1))
CLASSES = {
    "dense": (DENSE, x),
    "updates": (UPDATES, one_column),
    "dicts": (IN_DICTS, x),
    "lists": (IN_LISTS, x),
    "layers": (OF_LAYERS, x),
    "parameters": (PARAMETERS, x),
    "whole": (WHOLE, x, one_hot),
    "grads": (GIVES_GRADS, x, one_hot),
    "activation": (ACTIVATION, z),
}


@pytest.mark.parametrize("name", CLASSES)
def test_right_classes_pass_and_stay_as_they_are(name):
    text, *args = CLASSES[name]
    layer = compiled(text).Layer()
    report = check_layer(layer, *args)
    assert report.ok, report
    assert report.notes[1].startswith("Read as"), report
    assert len(report.notes) == 2
    fresh = compiled(text).Layer()
    assert repr(vars(layer)) == repr(vars(fresh)) or name in ("layers", "parameters")


@pytest.mark.parametrize(
    ("name", "old", "new", "wrong", "mistake", "said"),
    [
        ("dense", "self.inputs.T @ dvalues", "dvalues.T @ self.inputs", "weights", "transposed",
         "dweights = "),
        ("dense", "dvalues.sum(axis=0, keepdims=True)", "dvalues", "biases", "bias not summed", "axis=0"),
        ("dense", "dvalues.sum(axis=0, keepdims=True)", "dvalues.mean(axis=0, keepdims=True)", "biases",
         "averaged twice", "batch size"),
        ("updates", "-= learning_rate * weights", "+= learning_rate * weights", "weights", "sign", "sign"),
        ("dicts", "self.x.T @ dout", "self.x.T @ dout / len(dout)", "params.W", "averaged twice", "batch"),
        ("lists", "self.x.T @ dout", "-self.x.T @ dout", "params.0", "sign", "sign"),
        ("layers", "grad * (1 - self.out ** 2)", "grad", "x layers.0.w layers.0.b",
         "activation derivative missing", "the tanh after w"),
        ("parameters", "+= dout.sum(axis=0)", "= dout", "b.data", "bias not summed", "axis=0"),
        ("whole", " * self.layer1 * (1 - self.layer1)", "", "weights1", "activation derivative missing",
         "the sigmoid after weights1"),
        ("whole", "* self.output * (1 - self.output)", "", "weights1 weights2",
         "activation derivative missing",
         "the sigmoid after weights2"),
        ("grads", "z1 * (1 - z1) * da1", "da1", "params.W1 params.b1", "activation derivative missing",
         "dz1 = da1"),
        ("grads", "(self.predict(x) - t) / len(x)", "self.predict(x) - t",
         "params.W1 params.b1 params.W2 params.b2", "not averaged", "batch size"),
        ("activation", "dout[self.mask] = 0", "dout[~self.mask] = 0", "x", "ReLU mask inverted", "z > 0"),
    ],
)  # fmt: skip
def test_wrong_classes_are_named(name, old, new, wrong, mistake, said):
    text, *args = CLASSES[name]
    assert old in text
    report = check_layer(compiled(text.replace(old, new)).Layer(), *args)
    assert {check.name for check in report.arrays if not check.ok} == set(wrong.split()), report
    for array in wrong.split():
        assert report[array].diagnosis, report
        assert report[array].diagnosis.mistake == mistake, report
    assert said in str(report)


def test_what_has_no_gradient_is_said_and_can_be_named():
    text = IN_DICTS.replace('self.grads["b"]', "self.slope")
    report = check_layer(compiled(text).Layer(), x)
    assert "No gradient found for params.b" in report.notes[1]
    report = check_layer(compiled(text).Layer(), x, names={"params.b": "slope"})
    assert report.ok and report["params.b"].ok and len(report.arrays) == 3


# --- loops ---

LOOP = """
def loss(W1, W2):
    return 0.5 * np.sum((sigmoid(sigmoid(X @ W1) @ W2) - y) ** 2)

def step():
    l1 = sigmoid(X @ W1)
    l2 = sigmoid(l1 @ W2)
    l2_error = y - l2
    l2_delta = l2_error * l2 * (1 - l2)
    l1_error = l2_delta @ W2.T
    l1_delta = l1_error * l1 * (1 - l1)
    W2[...] += 0.5 * l1.T @ l2_delta
    W1[...] += 0.5 * X.T @ l1_delta
"""
RETURNS = """
def loss(w, b):
    return np.mean((X @ w + b - y[:, 0]) ** 2)

def step():
    miss = X @ w + b - y[:, 0]
    dw = 2 * X.T @ miss / len(X)
    db = 2 * np.mean(miss)
    return w - 0.5 * dw, b - 0.5 * db
"""
REBINDS = """
def loss(W1, b1, W2, b2):
    h = np.maximum(X @ W1 + b1, 0)
    return np.mean((h @ W2 + b2 - y) ** 2)

def step():
    h = np.maximum(X @ p["W1"] + p["b1"], 0)
    dout = 2 * (h @ p["W2"] + p["b2"] - y) / y.size
    dh = dout @ p["W2"].T * (h > 0)
    p["W2"] = p["W2"] - 0.5 * h.T @ dout
    p["b2"] = p["b2"] - 0.5 * dout.sum(axis=0)
    p["W1"] = p["W1"] - 0.5 * X.T @ dh
    p["b1"] = p["b1"] - 0.5 * dh.sum(axis=0)
"""
LOOPS = {"in place": LOOP, "returns": RETURNS, "rebinds": REBINDS}


def looped(name, *change):
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(6, 4)), rng.uniform(size=(6, 2))
    params = {
        "in place": {"W1": rng.normal(size=(4, 5)), "W2": rng.normal(size=(5, 2))},
        "returns": {"w": rng.normal(size=4), "b": 0.1},
        "rebinds": {"W1": rng.normal(size=(4, 5)), "b1": rng.normal(size=5), "W2": rng.normal(size=(5, 2)),
                    "b2": np.zeros(2)},
    }[name]  # fmt: skip
    text = LOOPS[name]
    if change:
        assert change[0] in text
        text = text.replace(*change)
    made = compiled(text, X=X, y=y, p=params, **params)
    before = {key: np.array(value) for key, value in params.items()}
    report = check_update(made.step, made.loss, params, 0.5, X, y[:, 0] if name == "returns" else y)
    assert all(np.array_equal(before[key], params[key]) for key in params)
    return report


@pytest.mark.parametrize("name", LOOPS)
def test_right_loops_pass_and_leave_the_arrays(name):
    report = looped(name)
    assert report.ok, report
    assert report.notes[-1].startswith("Read as")


@pytest.mark.parametrize(
    ("name", "old", "new", "wrong", "mistake", "said"),
    [
        ("in place", "l1_error * l1 * (1 - l1)", "l1_error", "W1", "activation derivative missing",
         "after W1"),
        ("in place", "+= 0.5 * l1.T", "-= 0.5 * l1.T", "W2", "sign", "sign"),
        ("in place", "l2_error * l2 * (1 - l2)", "l2_error", "W1 W2", "activation derivative missing",
         "after W2"),
        ("in place", "l1_error * l1 * (1 - l1)", "l1_error * sigmoid(l1) * (1 - sigmoid(l1))", "W1",
         "derivative at a instead of z", "l1_delta = l1_error * sigmoid(l1)"),
        ("returns", "miss = X @ w + b - y[:, 0]", "miss = y[:, 0] - X @ w - b", "w b", "sign", "miss = y"),
        ("returns", "db = 2 * np.mean(miss)", "db = 2 * np.sum(miss)", "b", "not averaged",
         "db = 2 * np.sum"),
        ("rebinds", "* (h > 0)", "", "W1 b1", "ReLU mask missing", "dh = dout @"),
        ("rebinds", "- 0.5 * dout.sum(axis=0)", "- 0.25 * dout.sum(axis=0)", "b2",
         "learning rate multiplied in", "- 0.25 * dout"),
    ],
)  # fmt: skip
def test_wrong_loops_are_named(name, old, new, wrong, mistake, said):
    report = looped(name, old, new)
    assert {check.name for check in report.arrays if not check.ok} == set(wrong.split()), report
    for array in wrong.split():
        assert report[array].diagnosis, report
        assert report[array].diagnosis.mistake == mistake, report
    assert said in str(report)


def test_weights_updated_before_the_delta():
    late = REBINDS.split("\n")
    i = next(i for i, line in enumerate(late) if "dh =" in line)
    late.insert(i + 1, late.pop(i))  # after the update of W2
    LOOPS["late"] = "\n".join(late)
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(6, 4)), rng.uniform(size=(6, 2))
    params = {"W1": rng.normal(size=(4, 5)), "b1": rng.normal(size=5), "W2": rng.normal(size=(5, 2)),
              "b2": np.zeros(2)}  # fmt: skip
    made = compiled(LOOPS.pop("late"), X=X, y=y, p=params)
    report = check_update(made.step, made.loss, params, 0.5, X, y)
    assert report["W1"].diagnosis.mistake == "hidden delta from updated weights", report
    assert "At learning rate 0.5" in str(report)


# --- errors ---


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda: check_function(lambda x: x @ x, lambda d, x: d, x), "your forward stopped with ValueError"),
        (lambda: check_function(lambda x: x, lambda d, x: d @ d, x), "your backward stopped with ValueError"),
        (lambda: check_function(lambda x: x, lambda a, b, c, d: a, x), "backward must take (dout, x, W, b)"),
        (lambda: check_function(lambda x: x, lambda d, x: None, x), "must return a gradient"),
        (lambda: check_function(lambda x: x, lambda d, x: {"z": d}, x), "hold gradients of ['x']"),
        (lambda: check_function(lambda x: x, lambda d, x: d, x, dout=np.ones(2)), "dout must have the shape"),
        (lambda: check_function(lambda x: "a", lambda d, x: d, x),
         "what forward returns must hold real numbers"),
        (lambda: check_function(lambda x: None, lambda d, x: d, x),
         "what forward returns must hold real numbers"),
        (lambda: check_layer(3, x), "layer must have a method forward"),
        (lambda: check_layer(compiled(DENSE).Layer(), x[:, :2]), "your forward stopped with ValueError"),
        (lambda: check_layer(compiled(DENSE).Layer(), x, one_hot), "loss must be a function loss(out, y)"),
        (lambda: check_update(lambda: None, lambda w: w @ w, {"w": np.ones(2)}, 0.1), "W -= lr * dW"),
        (lambda: check_update(lambda: 1 / 0, lambda w: w @ w, {"w": np.ones(2)}, 0.1), "ZeroDivisionError"),
        (lambda: check_own(lambda w: w @ x, {"w": np.ones(2)}, {"w": np.ones(2)}, x, x), "your loss stopped"),
        (lambda: check_own(lambda w: w, {"w": np.ones(2)}, {"w": np.ones(2)}, x, x), "loss must return one"),
        (lambda: check_own(lambda w: w @ w, {"w": np.ones(2)}, {"v": np.ones(2)}, x, x), "grads must hold"),
        (lambda: check_own(lambda w: w @ w, {"w": np.ones(2)}, lambda q, r: 1, x, x), "grads must take"),
        (lambda: check_own(np.sum, {"w": np.ones((200, 200))}, {"w": np.ones((200, 200))}, x, x), "narrower"),
    ],
)  # fmt: skip
def test_errors_are_sentences(act, said):
    with pytest.raises(ValueError, match=r".") as raised:
        act()
    assert said in str(raised.value)
    assert not str(raised.value).startswith("operands")


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("dW1", "w1"), ("grad_W1", "w1"), ("grads.W1", "w1"), ("W1_grad", "w1"), ("self.dweights1", "w1"),
        ("grads['W1']", "w1"), ("delta_w1", "w1"), ("gradW1", "w1"), ("d_weights1", "w1"), ("nabla_w1", "w1"),
        ("db", "b"), ("dbias", "b"), ("W1", ""), ("decay", ""), ("bias", ""), ("velocity", ""),
    ],
)  # fmt: skip
def test_names_of_gradients(path, found):
    assert gradient_of(path, {"w1", "b"}) == found


def test_names_of_parameters():
    assert key("params.W1") == key("self.weights1") == key("W1") == "w1"


# ---------------------------------------------------------------- the page

PAGE = nbformat.read(
    Path(__file__).parents[1] / "notebooks" / "deeper" / "my_network_does_not_learn.ipynb", as_version=4
)


@pytest.mark.parametrize("seed", range(10))
def test_the_network_of_the_page_learns_by_heart_from_all_ten_starts(seed, capsys):
    code = [cell.source for cell in PAGE.cells if cell.cell_type == "code"]
    compiled("\n".join([*code[:3], code[-1]]).replace("default_rng(0)", f"default_rng({seed})"))
    assert "learned by heart, loss below 0.05: True" in capsys.readouterr().out


def test_the_page_counts_the_mistakes():
    assert any("about eighty known mistakes" in cell.source for cell in PAGE.cells) and 75 <= len(TABLE) <= 85
