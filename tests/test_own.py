"""Bring your own: code in the styles that people write, right and wrong, in every layout."""

import itertools
import linecache
import textwrap
from types import SimpleNamespace

import numpy as np
import pytest

from bphelpers.teaching.gradcheck import check_function, check_layer, check_own, check_update
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
    ("W @ x", "sigmoid", "bce", "dZ1 = dA1", "W1 b1", "activation derivative missing", "the sigmoid after W1"),
    ("x @ W.T", "relu", "ce", "dZ1 = dA1", "W1 b1", "ReLU mask missing", "the relu after W1"),
    ("x @ W", "relu", "mse", "dZ1 = dA1 * (dA1 > 0)", "W1 b1", "ReLU mask from the gradient", "after W1"),
    ("x @ W", "relu", "ce", "dZ1 = dA1 * (Z1 <= 0)", "W1 b1", "ReLU mask inverted", "after W1"),
    ("x @ W", "sigmoid", "mse", "dZ1 = dA1 * Z1 * (1 - Z1)", "W1 b1", "z in place of a", "after W1"),
    ("W @ x", "sigmoid", "mse", "dZ1 = dA1 * sigmoid(A1) * (1 - sigmoid(A1))", "W1 b1",
     "derivative at a instead of z", "after W1"),
    ("x @ W", "tanh", "ce", "dZ2 = (P - Y) * P * (1 - P) / n", "W1 b1 W2 b2", "output derivative twice", "scores"),
    ("W @ x", "tanh", "bce", "dZ2 = (P - Y) * P * (1 - P) / n", "W1 b1 W2 b2", "output derivative twice", "scores"),
    ("x @ W", "tanh", "ce", "dZ2 = P - Y", "W1 b1 W2 b2", "not averaged", "batch size"),
    ("x @ W", "tanh", "ce", "dZ2 = (Y - P) / n", "W1 b1 W2 b2", "sign", "sign flipped"),
    ("x @ W", "tanh", "ce", "dZ2 = P / n", "W1 b1 W2 b2", "target not subtracted", "p - y"),
    ("x @ W", "tanh", "half", "dZ2 = 2 * (Z2 - Y) / n", "W1 b1 W2 b2", "factor 2", "a half"),
    ("x @ W", "tanh", "mse", "dZ2 = 2 * (Z2 - Y) / n", "W1 b1 W2 b2", "not averaged over the outputs", "outputs"),
    ("W @ x", "tanh", "sum", "dZ2 = (Z2 - Y) / n", "W1 b1 W2 b2", "averaged, and the loss adds up", "adds up"),
    ("x @ W", "relu", "half", "dW2 = A1.T @ dZ2 / n", "W2", "averaged twice", "a sum and not a mean"),
    ("W @ x", "relu", "ce", "db1 = dZ1.mean(axis=1, keepdims=True)", "b1", "averaged twice", "batch size"),
    ("x @ W", "leaky", "mse", "dZ1 = dA1", "W1 b1", "activation derivative missing", "leaky_relu after W1"),
    ("x @ W", "tanh", "l2", "dW1 = dW1", "W1", "L2 term", "penalty"),
    ("W @ x", "tanh", "l2", "dW2 = dW2 + 0.05 * W2", "W2", "L2 term", "penalty"),
    ("x @ W.T", "tanh", "ce", "dA1 = dZ2 @ (W2 - lr * dW2)", "W1 b1", "hidden delta from updated weights", "0.3"),
    ("x @ W", "tanh", "half", "dA1 = dZ2 @ (W2 - lr * dW2).T", "W1 b1", "hidden delta from updated weights", "0.3"),
    ("W @ x", "tanh", "half", "dA1 = (W2 - lr * dW2).T @ dZ2", "W1 b1", "hidden delta from updated weights", "0.3"),
    ("x @ W", "sigmoid", "sigmoid mse", "dZ2 = 2 * (P - Y) / Y.size", "W1 b1 W2 b2",
     "activation derivative missing", "the sigmoid after W2"),
    ("W @ x", "tanh", "ce", "dW1 = np.outer(dZ1[:, -1], X[:, -1])", "W1", "only the last example", "last example"),
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
