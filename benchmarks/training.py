"""How long a training step takes, here and elsewhere, and how much of it is matrix products.

    python benchmarks/training.py [W1] [W2] [W3] [W7] [memory] [--rules plain momentum Adam] [--rounds 9]
        [--file bphelpers/datasets/step_times.json] [--figure docs/speed.png]

W1  2-2-2, sigmoid, one example, 10,000 updates with all of it, float64
W2  64-32-10, ReLU, the 8x8 digits in batches of 32, 50 epochs, float64
W3  784-128-64-10, ReLU, 60,000 images of 28x28 in batches of 64, an epoch a round, float32
W7  a check of every gradient of 64-32-10 by centred differences, and one along a random direction

bphelpers is `training.fit`, the code that people run: shuffling, record and all. Everybody starts from the
same weights, sees the same batches in the same order, and takes the same steps, on one thread: plain ones,
with momentum (0.9), or Adam's, each a table of its own. Each part is cut into rounds; in each round all
contenders run, one after another, so that whatever else the machine does hits all. A ratio is the median of
the rounds' ratios. At the end the losses are compared: who computes something else is not listed but refused.
`products` is the matrix products of the same steps alone, into arrays made before: what multiplies with the
same library cannot be faster. `bphelpers, autodiff` is lesson 14: a node for each number, as in micrograd.

Peers that are not installed are left out. W3 needs the images of Debian's package dataset-fashion-mnist.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib.metadata
import importlib.util
import itertools
import json
import math
import os
import platform
import random
import statistics
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy is imported
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["TQDM_DISABLE"] = "1"

import numpy as np  # noqa: E402

import bphelpers  # noqa: E402
from bphelpers import autodiff, data, nn, optim, training  # noqa: E402
from bphelpers.teaching import gradcheck, plots  # noqa: E402

FASHION = Path("/usr/share/datasets/fashion-mnist")
SEED = 1
Round = Callable[[], float]  # trains for one round, returns the loss of its last step or epoch


@dataclass
class Work:
    """What all contenders are given."""

    name: str
    title: str
    X: Any
    y: Any
    weights: list[tuple[Any, Any]]
    batch_size: int
    lr: float
    activation: str
    steps: int  # in one round
    rounds: int
    rule: str = "plain"

    def __post_init__(self) -> None:
        """The rows of each step, round by round, in the order in which `training.fit` takes them."""
        rng = np.random.default_rng(SEED)
        steps = (
            rows for _ in itertools.count() for rows in data.minibatches(len(self.X), self.batch_size, rng)
        )
        self._rows = [list(itertools.islice(steps, self.steps)) for _ in range(self.rounds)]

    def batches(self) -> Iterator[list[Any]]:
        """One list for each round."""
        return iter(self._rows)

    @property
    def seen(self) -> int:
        """Examples in one round."""
        return sum(len(rows) for rows in self._rows[0])

    @property
    def whole(self) -> bool:
        """Whether each step sees all examples: then nothing has to be picked."""
        return self.batch_size >= len(self.X)


def starting_weights(sizes: tuple[int, ...], dtype: Any) -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(0)
    return [(nn.he_normal(o, i, rng).astype(dtype), np.zeros(o, dtype)) for i, o in itertools.pairwise(sizes)]


def w1(rounds: int = 10) -> Work:
    example = data.mazur()
    weights = [(example.W1, example.b1), (example.W2, example.b2)]
    X, y = np.atleast_2d(example.x), np.atleast_2d(example.y)
    return Work("W1", "2-2-2, one example", X, y, weights, 1, example.lr / 2, "sigmoid", 1000, rounds)


def w2(rounds: int = 10) -> Work:
    X, y = data.digits()
    n = len(X) // 32 * 32  # whole batches: then five epochs are one long one for who takes rows as they come
    weights = starting_weights((64, 32, 10), np.float64)
    return Work("W2", "64-32-10, batches of 32", X[:n], y[:n], weights, 32, 0.1, "relu", 5 * n // 32, rounds)


def w3(rounds: int = 4) -> Work:
    images = data.load_idx(FASHION / "train-images-idx3-ubyte.gz")
    X = images.reshape(len(images), -1).astype(np.float32) / 255
    y = data.load_idx(FASHION / "train-labels-idx1-ubyte.gz").astype(np.int64)
    weights = starting_weights((784, 128, 64, 10), np.float32)
    return Work(
        "W3", "784-128-64-10, batches of 64", X, y, weights, 64, 0.1, "relu", -(-len(X) // 64), rounds
    )


# ------------------------------------------------------------------------------ the contenders


def our_network(work: Work) -> nn.Sequential:
    layers: list[nn.Module] = []
    for W, b in work.weights:
        linear = nn.Linear(W.shape[1], W.shape[0], rng=np.random.default_rng(0), dtype=W.dtype)
        linear.load_state_dict({"W": W, "b": b})
        layers += [linear, nn.Sigmoid() if work.activation == "sigmoid" else nn.ReLU()]
    return nn.Sequential(*layers[: None if work.activation == "sigmoid" else -1])


def our_loss(work: Work) -> nn.Loss:
    return nn.MSELoss() if work.activation == "sigmoid" else nn.CrossEntropyLoss()


MOMENTUM, EPS = 0.9, 1e-12  # an epsilon so small that where it stands in Adam's fraction does not matter


def rate(work: Work) -> float:
    return work.lr / {"plain": 1, "momentum": 10, "Adam": 100}[work.rule]


def our_rule(work: Work) -> Any:
    if work.rule == "Adam":
        return optim.Adam(rate(work), eps=EPS)
    return optim.SGD(rate(work), momentum=MOMENTUM if work.rule == "momentum" else 0.0)


def loop(work: Work, step: Callable[[Any], float]) -> Round:
    """Mean loss over a round of steps, each of which is given the numbers of its rows."""
    batches = work.batches()

    def run() -> float:
        total = 0.0
        for rows in next(batches):
            total += step(rows) * len(rows)
        return total / work.seen

    return run


def layer_by_layer(work: Work) -> Round:
    """The step as a reader of lesson 08 writes it."""
    net, loss, optimizer = our_network(work), our_loss(work), our_rule(work)
    parameters = net.parameters()

    def step(rows: Any) -> float:
        x, y = (work.X, work.y) if work.whole else (work.X[rows], work.y[rows])
        value = loss(net(x), y)
        net.backward(loss.backward())
        optimizer.step(parameters)
        return value

    return loop(work, step)


def ours(work: Work) -> Round:
    net, loss, optimizer = our_network(work), our_loss(work), our_rule(work)
    rng, epochs = np.random.default_rng(SEED), work.seen // len(work.X)

    def run() -> float:
        pair = (work.X, work.y)
        history = training.fit(net, loss, optimizer, pair, epochs, work.batch_size, rng, progress=False)
        return float(np.mean(history.loss))

    return run


def products(work: Work) -> Round:
    weights = [W.copy() for W, _ in work.weights]
    n = min(work.batch_size, len(work.X))
    x = np.ascontiguousarray(work.X[:n])
    sums = [np.zeros((n, len(W)), W.dtype) for W in weights]
    slopes = [np.empty_like(W) for W in weights]
    deltas = [np.empty((n, W.shape[1]), W.dtype) for W in weights]

    def run() -> float:
        for _ in range(work.steps):
            a = x
            for W, z in zip(weights, sums, strict=True):
                a = np.dot(a, W.T, out=z)
            for k in reversed(range(len(weights))):
                np.dot(sums[k].T, sums[k - 1] if k else x, out=slopes[k])
                if k:
                    np.dot(sums[k], weights[k], out=deltas[k])
        return math.nan

    return run


def pytorch(work: Work, manual: bool = False, fused: bool = False) -> Round:
    import torch

    torch.set_num_threads(1)
    X, y = torch.from_numpy(work.X), torch.from_numpy(np.asarray(work.y))
    layers: list[Any] = []
    for W, b in work.weights:
        linear = torch.nn.Linear(W.shape[1], W.shape[0], dtype=torch.from_numpy(W).dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W))
            linear.bias.copy_(torch.from_numpy(b))
        layers += [linear, torch.nn.Sigmoid() if work.activation == "sigmoid" else torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[: None if work.activation == "sigmoid" else -1])
    parameters = list(net.parameters())
    if work.rule == "Adam":
        optimizer = torch.optim.Adam(parameters, lr=rate(work), eps=EPS, fused=fused or None)
    else:
        momentum = MOMENTUM if work.rule == "momentum" else 0.0
        optimizer = torch.optim.SGD(parameters, lr=rate(work), momentum=momentum, fused=fused or None)

    def loss(y_hat: Any, target: Any) -> Any:
        if work.activation == "sigmoid":
            return ((y_hat - target) ** 2).sum()
        return torch.nn.functional.cross_entropy(y_hat, target)

    def step(rows: Any) -> float:
        chosen = None if work.whole else torch.from_numpy(rows)
        value = loss(net(X), y) if work.whole else loss(net(X[chosen]), y[chosen])
        if manual:
            for p in parameters:
                p.grad = None
            value.backward()
            with torch.no_grad():
                for p in parameters:
                    p -= work.lr * p.grad
        else:
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
        return float(value.item())

    return loop(work, step)


def jax(work: Work) -> Round:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    X, y = jnp.array(work.X), jnp.array(work.y)

    def loss(parameters: Any, X: Any, y: Any, rows: Any) -> Any:
        a = X if work.whole else X[rows]
        for k, (W, b) in enumerate(parameters):
            a = a @ W.T + b
            if work.activation == "sigmoid":
                a = jax.nn.sigmoid(a)
            elif k < len(parameters) - 1:
                a = jnp.maximum(a, 0)
        if work.activation == "sigmoid":
            return ((a - y) ** 2).sum()
        return -jax.nn.log_softmax(a)[jnp.arange(len(rows)), y[rows]].mean()

    @jax.jit
    def compiled(parameters: Any, X: Any, y: Any, rows: Any) -> Any:
        value, slopes = jax.value_and_grad(loss)(parameters, X, y, rows)
        return jax.tree.map(lambda p, g: p - work.lr * g, parameters, slopes), value

    parameters = [(jnp.array(W), jnp.array(b)) for W, b in work.weights]

    def step(rows: Any) -> float:
        nonlocal parameters
        parameters, value = compiled(parameters, X, y, rows)
        return float(value)

    return loop(work, step)


def scikit_learn(work: Work) -> Round:
    """Its own loop, from our weights; where it shuffles, it is handed our order."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier, _multilayer_perceptron

    hidden = tuple(len(b) for _, b in work.weights[:-1])
    rule: dict[str, Any] = {"solver": "sgd", "momentum": 0 if work.rule == "plain" else MOMENTUM}
    if work.rule == "Adam":
        rule = {"solver": "adam", "epsilon": EPS}
    model = MLPClassifier(
        hidden,
        learning_rate_init=rate(work),
        batch_size=work.batch_size,
        max_iter=1,
        warm_start=True,
        n_iter_no_change=10**9,
        nesterovs_momentum=False,
        alpha=0,
        **rule,
    )
    per_epoch, batches = -(-len(work.X) // work.batch_size), work.batches()
    _multilayer_perceptron.shuffle = lambda order, random_state: order
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(work.X[:500], work.y[:500])  # to have arrays to write to
    model.coefs_ = [W.T.copy() for W, _ in work.weights]
    model.intercepts_ = [b.copy() for _, b in work.weights]
    epochs = work.steps // per_epoch
    if work.rule == "plain":
        model.max_iter = epochs
    else:
        del model._optimizer  # which has seen those rows; partial_fit makes one, and keeps it

    def run() -> float:
        rows = next(batches)
        orders = iter([np.concatenate(rows[k : k + per_epoch]) for k in range(0, len(rows), per_epoch)])
        _multilayer_perceptron.shuffle = lambda order, random_state: next(orders)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            if work.rule == "plain":
                model.fit(work.X, work.y)
            else:
                for _ in range(epochs):
                    model.partial_fit(work.X, work.y)
        return float(np.mean(model.loss_curve_[-epochs:]))

    return run


def autograd(work: Work) -> Round:
    import autograd
    import autograd.numpy as anp

    parameters = [(W.copy(), b.copy()) for W, b in work.weights]

    def loss(parameters: Any, x: Any, y: Any) -> Any:
        a = x
        for k, (W, b) in enumerate(parameters):
            a = anp.dot(a, W.T) + b
            if work.activation == "sigmoid":
                a = 1 / (1 + anp.exp(-a))
            elif k < len(parameters) - 1:
                a = anp.maximum(a, 0)
        if work.activation == "sigmoid":
            return anp.sum((a - y) ** 2)
        shifted = a - anp.max(a, axis=1, keepdims=True)
        log_p = shifted - anp.log(anp.sum(anp.exp(shifted), axis=1, keepdims=True))
        return -anp.mean(log_p[np.arange(len(y)), y])

    both = autograd.value_and_grad(loss)

    def step(rows: Any) -> float:
        x, y = (work.X, work.y) if work.whole else (work.X[rows], work.y[rows])
        value, slopes = both(parameters, x, y)
        for pair, slope in zip(parameters, slopes, strict=True):
            for p, g in zip(pair, slope, strict=True):
                p -= work.lr * g
        return float(value)

    return loop(work, step)


def micrograd(work: Work) -> Round:
    """It has no exponential of a variable, so the sigmoid is told its slope."""
    from micrograd.engine import Value

    def sigmoid(z: Value) -> Value:
        out = Value(1 / (1 + math.exp(-z.data)), (z,), "sigmoid")

        def backward() -> None:
            z.grad += out.data * (1 - out.data) * out.grad

        out._backward = backward
        return out

    return number_by_number(work, Value, sigmoid)


def ours_by_numbers(work: Work) -> Round:
    return number_by_number(work, autodiff.Value, autodiff.Value.sigmoid)


def number_by_number(work: Work, Value: Any, sigmoid: Callable[[Any], Any]) -> Round:
    """A node for each number, and the same lines for whoever makes the nodes."""
    layers = [([[Value(float(w)) for w in row] for row in W], [Value(float(v)) for v in b])
              for W, b in work.weights]  # fmt: skip
    parameters = [w for W, b in layers for w in [*itertools.chain(*W), *b]]
    x, y = work.X[0].tolist(), work.y[0].tolist()

    def step(rows: Any) -> float:
        a = x
        for W, b in layers:
            a = [
                sigmoid(sum((w * v for w, v in zip(row, a, strict=True)), start))
                for row, start in zip(W, b, strict=True)
            ]
        value = sum((out - target) ** 2 for out, target in zip(a, y, strict=True))
        for p in parameters:
            p.grad = 0.0
        value.backward()
        for p in parameters:
            p.data -= work.lr * p.grad
        return float(value.data)

    return loop(work, step)


Contender = Callable[[Work], Round]
OURS = "bphelpers"
PEERS: dict[str, tuple[str, Contender]] = {  # what is printed: the module it needs, and how it is made
    "bphelpers, layer by layer": ("bphelpers", layer_by_layer),
    "bphelpers, autodiff": ("bphelpers", ours_by_numbers),
    "PyTorch, update by hand": ("torch", lambda work: pytorch(work, manual=True)),
    "PyTorch, its optimizer": ("torch", pytorch),
    "PyTorch, fused optimizer": ("torch", lambda work: pytorch(work, fused=True)),
    "JAX, jit": ("jax", jax),
    "scikit-learn": ("sklearn", scikit_learn),
    "autograd": ("autograd", autograd),
    "micrograd": ("micrograd", micrograd),
    "products": ("numpy", products),
}
RULES = ("plain", "momentum", "Adam")
NUMBERS = {"micrograd", "bphelpers, autodiff"}
PLAIN_ONLY = {"PyTorch, update by hand", "JAX, jit", "autograd", *NUMBERS}
NOT_IN = {"W1": {"scikit-learn"}, "W2": NUMBERS, "W3": NUMBERS}
AIMS = {  # how many times as fast as they
    ("W1", "plain"): {"micrograd": 3.3, "PyTorch, update by hand": 4, "autograd": 20},
    ("W2", "plain"): {"PyTorch, update by hand": 3.3, "scikit-learn": 3.3},
    ("W3", "plain"): {"PyTorch, update by hand": 2, "scikit-learn": 1.75},
    ("W1", "Adam"): {"PyTorch, its optimizer": 6},
    ("W2", "Adam"): {"PyTorch, its optimizer": 4.3},
    ("W3", "Adam"): {"PyTorch, its optimizer": 1.8},
}
EQUAL = {"W1": 1e-9, "W2": 1e-6, "W3": 1e-2}


# ------------------------------------------------------------------------------ measuring


@dataclass
class Result:
    """Of one contender: microseconds a step, and its time over ours, each the median of the rounds."""

    name: str
    step: float
    ratio: float
    loss: float


def measure(work: Work) -> list[Result]:
    made = {OURS: ours(work)}
    for name, (module, make) in PEERS.items():
        left_out = NOT_IN[work.name] | (PLAIN_ONLY if work.rule != "plain" else {"PyTorch, fused optimizer"})
        if name not in left_out and importlib.util.find_spec(module):
            made[name] = make(work)
    taken: dict[str, list[float]] = {name: [] for name in made}
    losses = {}
    for k in range(work.rounds):
        for name in random.Random(k).sample(list(made), len(made)):
            began = time.perf_counter()
            losses[name] = made[name]()
            taken[name].append(time.perf_counter() - began)
    counted = slice(1 if work.rounds > 2 else 0, None)  # the first round warms up
    for name, loss in losses.items():
        if name != "products" and not math.isclose(loss, losses[OURS], rel_tol=EQUAL[work.name]):
            print(f"{work.name}: {name} is refused: it ends at loss {loss}, {OURS} at {losses[OURS]}")
            del taken[name]
    return [
        Result(
            name,
            1e6 * statistics.median(times[counted]) / work.steps,
            statistics.median(a / b for a, b in zip(times[counted], taken[OURS][counted], strict=True)),
            losses[name],
        )
        for name, times in taken.items()
    ]


def show(work: Work, results: list[Result]) -> None:
    print(f"{work.name}  {work.title}: {work.rounds} rounds of {work.steps} steps, rule: {work.rule}")
    print(f"{'':<28}{'us a step':>11}{'times ours':>12}{'aim':>8}{'loss':>16}")
    for result in results:
        aim = AIMS.get((work.name, work.rule), {}).get(result.name)
        ratio = result.ratio
        wanted = "" if aim is None else f"{aim:.3g}"
        met = "" if aim is None else "  met" if ratio >= aim else f"  missed: {ratio / aim:.0%}"
        loss = "" if math.isnan(result.loss) else f"{result.loss:.9g}"
        print(f"{result.name:<28}{result.step:>11.1f}{ratio:>12.2f}{wanted:>8}{loss:>16}{met}")
    print(flush=True)


def w7() -> None:
    """The checks, in forward and backward passes."""
    X, y = data.digits()
    X, y = X[:32], y[:32]
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(64, 32, rng=rng, init="he"), nn.ReLU(), nn.Linear(32, 10, rng=rng))
    loss = nn.CrossEntropyLoss()
    entries = sum(p.data.size for p in net.parameters())

    def backward() -> None:
        net.backward(loss.backward())

    per_entry, along = [], []
    for _ in range(9):
        forward = timed(lambda: loss.forward(net.forward(X), y), 1000)
        full = timed(lambda: gradcheck.check_network(net, loss, X, y), 1)
        back = timed(backward, 1000)
        one = timed(lambda: gradcheck.directional_check(net, loss, X, y, rng), 200)
        per_entry.append(full / forward / entries)
        along.append(one / back)
    print(f"W7  the gradient of 64-32-10, {entries} entries, on 32 examples")
    print(f"every entry: {statistics.median(per_entry):.2f} forward passes an entry (aim: at most 2.20)")
    print(f"along one direction: {statistics.median(along):.1f} backward passes (aim: at most 8)\n")


def timed(work: Callable[[], Any], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times


def memory() -> None:
    """The most that is allocated while 784-128-64-10 learns 60,000 images."""
    tracemalloc.start()
    work = w3()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    run = ours(work)
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    size = work.X.nbytes + work.y.nbytes
    print(f"memory: data {size / 1e6:.0f} MB, at the most {peak / 1e6:.0f} MB with them, while training; ")
    print(f"training adds {(peak - before) / 1e6:.1f} MB, {peak / size:.3f} times the data (aim: below 2)\n")


def draw(all_results: list[tuple[Work, list[Result]]], path: Path) -> None:
    """The figure of the README: how long a step takes, in steps of ours."""
    import matplotlib.pyplot as plt

    bphelpers.setup()
    plain = [(work, results) for work, results in all_results if work.rule == "plain"]
    fig, axes = plt.subplots(1, len(plain), figsize=(10.5, 3.4), layout="constrained")
    for ax, (work, results) in zip(np.atleast_1d(axes), plain, strict=True):
        shown = sorted((r for r in results if "bphelpers," not in r.name), key=lambda r: -r.ratio)
        for k, result in enumerate(shown):
            colour = {OURS: plots.FORWARD, "products": plots.LIGHT}.get(result.name, plots.GREY)
            ax.barh(k, result.ratio, color=colour, height=0.7)
            ax.text(result.ratio, k, f" {round(result.ratio, 2):.2g}", va="center", size=9)
        ax.set_yticks(range(len(shown)), [r.name for r in shown], size=9)
        ax.set_xlim(0, 1.2 * max(r.ratio for r in shown))
        ax.set_title(work.title.replace(", ", "\n"), fontsize=11)
        ax.set_xlabel("time of a step, bphelpers = 1", fontsize=9)
    fig.savefig(path, dpi=110)
    print(f"wrote {path}")


def write(all_results: list[tuple[Work, list[Result]]], path: Path) -> None:
    """What lesson 07 shows."""
    modules = {"NumPy": "numpy", "PyTorch": "torch", "JAX": "jax"}
    modules |= {"scikit-learn": "scikit-learn", "autograd": "autograd", "micrograd": "micrograd"}
    found = {"Python": platform.python_version(), "bphelpers": bphelpers.__version__}
    for name, module in modules.items():
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(module)
    works: dict[str, dict[str, Any]] = {}
    for work, results in all_results:
        rows = [{"name": r.name, "step": round(r.step, 1), "times": round(r.ratio, 2)} for r in results]
        works.setdefault(work.name, {"title": work.title})[work.rule] = rows
    content = {
        "made by": "benchmarks/training.py",
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, one thread used",
        "versions": found,
        "work": works,
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {path}")


PARTS = ("W1", "W2", "W3", "W7", "memory")


def main() -> None:
    """Measure what is asked for, by default all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; by default all")
    parser.add_argument("--rules", nargs="+", default=RULES, choices=RULES, help="by default all")
    parser.add_argument("--rounds", type=int, help="by default 10 of W1 and W2, 4 of W3")
    parser.add_argument("--file", type=Path, help="where to write the numbers of W1 to W3")
    parser.add_argument("--figure", type=Path, help="where to write the picture of W1 to W3")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    parts = asked.parts or PARTS
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, one thread\n")
    measured: list[tuple[Work, list[Result]]] = []
    for make in (w1, w2, w3):
        name = make.__name__.upper()
        if name not in parts:
            continue
        if name == "W3" and not FASHION.is_dir():
            print(f"W3  left out: install Debian's package dataset-fashion-mnist for {FASHION}\n")
            continue
        for rule in asked.rules:
            work = make(asked.rounds) if asked.rounds else make()
            work.rule = rule
            measured.append((work, measure(work)))
            show(*measured[-1])
    if "W7" in parts:
        w7()
    if "memory" in parts and FASHION.is_dir():
        memory()
    if asked.file and measured:
        write(measured, asked.file)
    if asked.figure and measured:
        draw(measured, asked.figure)


if __name__ == "__main__":
    sys.exit(main())
