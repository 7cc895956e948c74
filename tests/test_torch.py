"""The update rules against PyTorch's, two hundred updates on the same network and batches; then the layers.

What PyTorch computes is stored in ``torch_runs.json``, so the comparison runs everywhere. Where PyTorch is
installed (the group ``bench``), the tests marked ``torch`` compare with it live, after every update. Where it
is not, conftest.py leaves them out: nothing is lost but the proof that the stored numbers are PyTorch's.

``python tests/test_torch.py`` prints the largest differences; ``python tests/test_torch.py store`` writes the
file anew. Both need PyTorch.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bphelpers import nn, optim

STORE = Path(__file__).with_name("torch_runs.json")
STEPS, BATCH = 200, 7
CHECKPOINTS = (1, 10, STEPS)
TOLERANCE = 1e-10

# 40 examples of 3 features in 3 classes, and the weights of 3-4-3: from sines, so no generator is needed.
X = np.sin(np.arange(1, 121) ** 1.5).reshape(40, 3)
Y = np.argmax(X + 0.5 * np.sin(np.arange(120)).reshape(40, 3), axis=1)
START = [
    0.7 * np.sin(3.0 * np.arange(12) + 1).reshape(4, 3),
    0.1 * np.cos(np.arange(4)),
    0.7 * np.sin(5.0 * np.arange(12) + 2).reshape(3, 4),
    0.1 * np.cos(np.arange(3) + 1),
]


def batches() -> Iterator[np.ndarray]:
    """Rows of each batch; 7 does not divide 40, so that they keep changing."""
    for step in range(STEPS):
        yield np.arange(step * BATCH, (step + 1) * BATCH) % len(X)


# Name to what the optimizer of either library is called, its options, and what surrounds its step.
RULES: dict[str, tuple[str, dict[str, Any], str]] = {
    "SGD": ("SGD", {"lr": 0.3}, ""),
    "SGD, weight decay": ("SGD", {"lr": 0.3, "weight_decay": 0.01}, ""),
    "momentum": ("SGD", {"lr": 0.05, "momentum": 0.9}, ""),
    "Nesterov": ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}, ""),
    "Nesterov, weight decay": (
        "SGD",
        {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
        "",
    ),
    "RMSprop": ("RMSprop", {"lr": 0.01, "alpha": 0.9}, ""),
    "RMSprop, defaults": ("RMSprop", {}, ""),
    "Adam": ("Adam", {"lr": 0.02}, ""),
    "Adam, all options": (
        "Adam",
        {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1},
        "",
    ),
    "Adam, defaults": ("Adam", {}, ""),
    "AdamW": ("AdamW", {"lr": 0.02, "weight_decay": 0.1}, ""),
    "AdamW, defaults": ("AdamW", {}, ""),
    "clipping": ("SGD", {"lr": 0.3, "momentum": 0.5}, "clip"),
    "steps": ("SGD", {"lr": 0.3}, "steps"),
    "cosine": ("AdamW", {"lr": 0.05}, "cosine"),
}
MAX_NORM, EVERY, FACTOR = 0.2, 60, 0.3


def ours(name: str) -> np.ndarray:
    """All parameters in one row, after each update: ``(STEPS, 31)``."""
    rule, options, around = RULES[name]
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.Linear(4, 3, rng=rng))
    net.load_state_dict(dict(zip(("W1", "b1", "W2", "b2"), START, strict=True)))
    loss, parameters, path = nn.CrossEntropyLoss(), net.parameters(), []
    optimizer = getattr(optim, rule)(**options)
    if around == "steps":
        optimizer = optim.Scheduled(optimizer, lambda step: optim.step_decay(step, EVERY, FACTOR))
    if around == "cosine":
        optimizer = optim.Scheduled(optimizer, lambda step: optim.cosine(step, STEPS))
    for rows in batches():
        loss.forward(net.forward(X[rows]), Y[rows])
        net.backward(loss.backward())
        if around == "clip":
            optim.clip_grad_norm(parameters, MAX_NORM)
        optimizer.step(parameters)
        path.append(np.concatenate([p.data.ravel() for p in parameters]))
    return np.array(path)


def pytorchs(name: str) -> np.ndarray:
    """The same from PyTorch, gradients included."""
    import torch

    rule, options, around = RULES[name]
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3)).double()
    parameters, path = list(net.parameters()), []
    with torch.no_grad():
        for parameter, start in zip(parameters, START, strict=True):
            parameter.copy_(torch.tensor(start))
    optimizer = getattr(torch.optim, rule)(parameters, **options)
    schedule: Callable[[], None] = lambda: None  # noqa: E731
    if around == "steps":
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, EVERY, FACTOR).step
    if around == "cosine":
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS).step
    for rows in batches():
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(torch.tensor(X[rows])), torch.tensor(Y[rows])).backward()
        if around == "clip":
            torch.nn.utils.clip_grad_norm_(parameters, MAX_NORM)
        optimizer.step()
        schedule()
        path.append(np.concatenate([p.detach().numpy().ravel() for p in parameters]))
    return np.array(path)


# Name to the layer of either library, which here have the same names, and its options.
LAYERS: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "batch norm": ("BatchNorm1d", (3,), {}),
    "batch norm, all options": ("BatchNorm1d", (3,), {"momentum": 0.3, "eps": 0.01}),
    "layer norm": ("LayerNorm", (3,), {}),
    "layer norm, all options": ("LayerNorm", (3,), {"eps": 0.01}),
    "leaky ReLU": ("LeakyReLU", (), {}),
    "leaky ReLU, all options": ("LeakyReLU", (0.2,), {}),
    "GELU": ("GELU", (), {}),
    "convolution": ("Conv2d", (2, 3, (3, 2)), {}),
    "convolution, all options": ("Conv2d", (2, 3, 3), {"stride": 2, "padding": 1, "bias": False}),
    "max pooling": ("MaxPool2d", (2,), {}),
    "max pooling, overlapping": ("MaxPool2d", (3,), {"stride": 2}),
    "linear, of places": ("Linear", (3, 2), {}),
}
GAMMA, BETA = START[1][:3] + 1, START[3]
IMAGES = np.sin(np.arange(1, 1201) ** 1.5).reshape(40, 2, 5, 3)  # some of them with equal numbers in a window
IMAGES[:5, :, :2, :2] = 0.5
OF_IMAGES = {"Conv2d", "MaxPool2d", "Linear"}
LAYER_BATCHES = (slice(0, 7), slice(7, 9), slice(9, 40))


def inputs(kind: str) -> np.ndarray:
    return IMAGES if kind in OF_IMAGES else X


def start_of(kind: str, k: int, shape: tuple[int, ...]) -> np.ndarray:
    """The k-th parameter at the start."""
    return (
        0.7 * np.sin(3.0 * np.arange(np.prod(shape)) + k).reshape(shape)
        if kind in OF_IMAGES
        else (GAMMA, BETA)[k]
    )


def upstream(shape: tuple[int, ...], batch: slice) -> np.ndarray:
    whole = len(X), *shape[1:]
    return np.cos(np.arange(np.prod(whole))).reshape(whole)[batch]


def our_layer(name: str) -> list[list[float]]:
    """Three batches in training, one in evaluation: outputs, gradients, running values, in rows."""
    kind, sizes, options = LAYERS[name]
    more = {"rng": np.random.default_rng(0)} if kind in ("Conv2d", "Linear") else {}
    layer, rows = getattr(nn, kind)(*sizes, **options, **more), []
    for k, p in enumerate(layer.parameters()):
        p.data = start_of(kind, k, p.data.shape)
    x = inputs(kind)
    for batch, training in [*((batch, True) for batch in LAYER_BATCHES), (slice(0, 3), False)]:
        out = layer.train(training)(x[batch])
        found = [out, layer.backward(upstream(out.shape, batch)), *(p.grad for p in layer.parameters())]
        rows += [array.ravel().tolist() for array in [*found, *(p.data for p in layer.buffers())]]
    return rows


def pytorchs_layer(name: str) -> list[list[float]]:
    """The same from PyTorch."""
    import torch

    kind, sizes, options = LAYERS[name]
    more = {"approximate": "tanh"} if kind == "GELU" else {}
    layer, rows = getattr(torch.nn, kind)(*sizes, **options, **more).double(), []
    with torch.no_grad():
        for k, parameter in enumerate(layer.parameters()):
            parameter.copy_(torch.tensor(start_of(kind, k, tuple(parameter.shape))))
    running = [value for key, value in layer.named_buffers() if key != "num_batches_tracked"]
    for batch, training in [*((batch, True) for batch in LAYER_BATCHES), (slice(0, 3), False)]:
        layer.zero_grad()
        x = torch.tensor(inputs(kind)[batch], requires_grad=True)
        out = layer.train(training)(x)
        out.backward(torch.tensor(upstream(tuple(out.shape), batch)))
        found = [out.detach(), x.grad, *(parameter.grad for parameter in layer.parameters()), *running]
        rows += [array.numpy().ravel().tolist() for array in found]
    return rows


def rows_apart(a: list[list[float]], b: list[list[float]]) -> float:
    return max(apart(np.array(ours), np.array(theirs)) for ours, theirs in zip(a, b, strict=True))


def stored() -> dict[str, Any]:
    return json.loads(STORE.read_text(encoding="utf-8"))


def apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max())


@pytest.mark.parametrize("name", RULES)
def test_same_numbers_as_pytorch_gave(name):
    expected = np.array(stored()["runs"][name])
    assert apart(ours(name)[[k - 1 for k in CHECKPOINTS]], expected) < TOLERANCE


@pytest.mark.torch
@pytest.mark.parametrize("name", RULES)
def test_same_steps_as_pytorch_live(name):
    assert apart(ours(name), pytorchs(name)) < TOLERANCE


@pytest.mark.torch
@pytest.mark.parametrize("name", RULES)
def test_stored_numbers_are_pytorchs(name):
    assert apart(pytorchs(name)[[k - 1 for k in CHECKPOINTS]], np.array(stored()["runs"][name])) < TOLERANCE


@pytest.mark.parametrize("name", LAYERS)
def test_same_layers_as_pytorch_gave(name):
    assert rows_apart(our_layer(name), stored()["layers"][name]) < TOLERANCE


@pytest.mark.torch
@pytest.mark.parametrize("name", LAYERS)
def test_stored_layers_are_pytorchs(name):
    assert rows_apart(pytorchs_layer(name), stored()["layers"][name]) < TOLERANCE


@pytest.mark.parametrize("options", [{"eps": 1e-4}, {"momentum": 0.11}])
def test_a_layer_that_departs_is_noticed(monkeypatch, options):
    monkeypatch.setitem(LAYERS, "batch norm", ("BatchNorm1d", (3,), options))
    assert rows_apart(our_layer("batch norm"), stored()["layers"]["batch norm"]) > 1e-5


def test_the_file_holds_every_rule_and_says_where_from():
    content = stored()
    assert content["from"].startswith("PyTorch ") and content["after"] == list(CHECKPOINTS)
    assert list(content["runs"]) == list(RULES) and list(content["layers"]) == list(LAYERS)
    assert {np.shape(run) for run in content["runs"].values()} == {(len(CHECKPOINTS), 31)}


def test_the_runs_can_tell_the_rules_apart():
    """No two rules agree, so a rule that did what another does would be noticed."""
    runs = {name: np.array(run) for name, run in stored()["runs"].items()}
    names = list(runs)
    close = [(a, b) for k, a in enumerate(names) for b in names[:k] if apart(runs[a][-1], runs[b][-1]) < 1e-3]
    assert close == []


def test_a_rule_that_departs_is_noticed(monkeypatch):
    monkeypatch.setitem(RULES, "AdamW", ("Adam", *RULES["AdamW"][1:]))
    expected = np.array(stored()["runs"]["AdamW"])
    assert apart(ours("AdamW")[[k - 1 for k in CHECKPOINTS]], expected) > 1e-3


def main(arguments: list[str]) -> None:
    import torch

    runs = {name: pytorchs(name) for name in RULES}
    for name, run in runs.items():
        print(f"{name:24} largest difference in {STEPS} updates: {apart(ours(name), run):.1e}")
    layers = {name: pytorchs_layer(name) for name in LAYERS}
    for name, layer in layers.items():
        print(f"{name:24} largest difference in four batches: {rows_apart(our_layer(name), layer):.1e}")
    if arguments == ["store"]:
        source = f"PyTorch {torch.__version__.partition('+')[0]}, float64: python tests/test_torch.py store"
        kept = {name: run[[k - 1 for k in CHECKPOINTS]].tolist() for name, run in runs.items()}
        rows, layer_rows = (
            ",\n".join(f"  {json.dumps(name)}: {json.dumps(run)}" for name, run in part.items())
            for part in (kept, layers)
        )
        head = f'{{\n "from": {json.dumps(source)},\n "after": {json.dumps(CHECKPOINTS)},\n "runs": {{\n'
        STORE.write_text(f'{head}{rows}\n }},\n "layers": {{\n{layer_rows}\n }}\n}}\n', encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
