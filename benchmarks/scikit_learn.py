r"""The network 2-25-50-50-25-1 on two moons: bphelpers beside scikit-learn's MLPClassifier.

    OPENBLAS_NUM_THREADS=1 python benchmarks/scikit_learn.py [--part A ...]
    OPENBLAS_NUM_THREADS=1 python benchmarks/scikit_learn.py --part A B P \
        --file bphelpers/datasets/moons_scikit_learn.json

Prints five comparisons: A the same numbers, B the same budget, C time, D lines of code, P the published
recipe (ten thousand updates of the full batch for each of 20 seeds, so some minutes). With --file, writes
what lesson 12 compares with where scikit-learn is absent: theirs of A and B, and the outcome of P.
One BLAS thread, because on layers this small a second one costs more than it brings.
"""

from __future__ import annotations

import argparse
import ast
import datetime
import inspect
import itertools
import json
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from bphelpers import data, functional, nn, optim, training

Array = NDArray[np.floating]
SIZES = (2, 25, 50, 50, 25, 1)
POINTS, NOISE, TEST_SHARE = 1000, 0.2, 0.1  # as published
CHECKPOINTS = (1, 10, 200)
SEEDS = range(20)
FRESH, FRESH_SEED = 10_000, 1_000_000  # a test set large enough to see a difference of 0.001
DEFAULT = {"lr": 0.001, "batch": 200, "epochs": 200}  # MLPClassifier's own defaults; alpha is 1e-4
QUICK = {"lr": 0.01, "batch": 200, "epochs": 40}  # 200 updates, about 0.15 s: what the lesson trains
PROBES = np.array([[0.0, 0.5], [1.0, 0.0], [0.5, 0.25], [-1.0, 0.0], [2.0, 0.5]])


def moons(seed: int) -> tuple[Array, Array, Array, Array]:
    """``X_train, X_test, y_train, y_test`` of one seed."""
    rng = np.random.default_rng(seed)
    return data.train_test_split(*data.moons(POINTS, NOISE, rng), TEST_SHARE, rng)


def network(seed: int, init: str = "he") -> nn.Sequential:
    """Ours, with zero biases."""
    rng = np.random.default_rng(seed)
    layers: list[nn.Module] = []
    for d_in, d_out in itertools.pairwise(SIZES):
        layers += [nn.Linear(d_in, d_out, init=init, rng=rng), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def linears(net: nn.Sequential) -> list[nn.Linear]:
    return [layer for layer in net.layers if isinstance(layer, nn.Linear)]


def classifier(**settings: Any) -> MLPClassifier:
    """Theirs, told never to stop early. ``fit`` then always warns that ``max_iter`` was reached."""
    return MLPClassifier(SIZES[1:-1], tol=0.0, n_iter_no_change=np.inf, **settings)


def fitted(model: MLPClassifier, X: Array, y: Array) -> MLPClassifier:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y.ravel())


# --- A. The same numbers ---------------------------------------------------------------------------


def carry(net: nn.Sequential, model: MLPClassifier, X: Array, y: Array) -> MLPClassifier:
    """Our weights into their classifier, which has ``warm_start=True``; theirs are ``(d_in, d_out)``.

    ``partial_fit`` makes the arrays, and its one epoch is thrown away; ``fit`` with a warm start goes on from
    ``coefs_`` and ``intercepts_``, with a new optimizer.
    """
    model.partial_fit(X, y.ravel(), classes=[0, 1])
    model.coefs_ = [layer.W.data.T.copy() for layer in linears(net)]
    model.intercepts_ = [layer.b.data.copy() for layer in linears(net)]
    return model


class Decayed:
    """Their ``alpha``: weights shrink, biases do not; the strength is divided by the size of the batch."""

    def __init__(self, make: Any, alpha: float, batch: int) -> None:
        self.on_weights, self.on_biases = make(weight_decay=alpha / batch), make()

    def step(self, parameters: list[nn.Parameter]) -> None:
        self.on_weights.step([p for p in parameters if p.data.ndim == 2])
        self.on_biases.step([p for p in parameters if p.data.ndim == 1])


class TheirAdam(optim.Adam):
    """Adam with epsilon where they put it: added to the root before the root is corrected."""

    def step(self, parameters: Iterable[nn.Parameter]) -> None:
        self.update = getattr(self, "update", 0) + 1
        self.eps = 1e-8 / np.sqrt(1 - self.betas[1] ** self.update)
        super().step(parameters)


def in_order(net: nn.Sequential, optimizer: Any, X: Array, y: Array, batch: int, epochs: int) -> float:
    """Train on batches 0, 1, 2, ... of every epoch; the loss as the weights moved, in the last epoch."""
    loss = nn.BCEWithLogitsLoss()
    total = 0.0
    for _ in range(epochs):
        total = 0.0
        for rows in data.minibatches(len(X), batch):
            total += loss(net(X[rows]), y[rows]) * len(rows)
            net.backward(loss.backward())
            optimizer.step(net.parameters())
    return total / len(X)


def largest_difference(net: nn.Sequential, model: MLPClassifier) -> float:
    pairs = zip(linears(net), model.coefs_, model.intercepts_, strict=True)
    return max(max(abs(a.W.data - W.T).max(), abs(a.b.data - b).max()) for a, W, b in pairs)


RECIPES: dict[str, tuple[Any, dict[str, Any]]] = {
    "sgd 0.2": (
        lambda batch: optim.SGD(lr=0.2),
        {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.2},
    ),
    "sgd 0.01": (
        lambda batch: optim.SGD(lr=0.01),
        {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.01},
    ),
    "sgd 0.01, momentum 0.9": (
        lambda batch: optim.SGD(lr=0.01, momentum=0.9),
        {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": False, "learning_rate_init": 0.01},
    ),
    "sgd 0.01, Nesterov 0.9": (
        lambda batch: optim.SGD(lr=0.01, momentum=0.9, nesterov=True),
        {"solver": "sgd", "momentum": 0.9, "learning_rate_init": 0.01},
    ),
    "sgd 0.01, alpha 1": (
        lambda batch: Decayed(lambda **decay: optim.SGD(0.01, **decay), 1.0, batch),
        {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.01, "alpha": 1.0},
    ),
    "adam": (lambda batch: optim.Adam(), {"solver": "adam"}),
    "adam, their epsilon": (lambda batch: TheirAdam(), {"solver": "adam"}),
    "adam, their epsilon, alpha 1": (
        lambda batch: Decayed(TheirAdam, 1.0, batch),
        {"solver": "adam", "alpha": 1.0},
    ),
}


def pair_after(updates: int, recipe: str, batch: int) -> tuple[nn.Sequential, float, MLPClassifier]:
    """Both networks from one start after so many updates, and our loss. ``batch`` must divide 900."""
    X, _, y, _ = moons(0)
    X, y = (X, y) if updates * batch >= len(X) else (X[: updates * batch], y[: updates * batch])
    epochs = updates * batch // len(X)
    if epochs * len(X) != updates * batch:
        raise ValueError(f"{updates} updates of {batch} are no whole number of epochs of {len(X)}")
    make, settings = RECIPES[recipe]
    net = network(0)
    settings = {"alpha": 0.0, **settings, "batch_size": batch, "max_iter": epochs}
    model = carry(net, classifier(warm_start=True, shuffle=False, random_state=0, **settings), X, y)
    value = in_order(net, make(batch), X, y, batch, epochs)
    return net, value, fitted(model, X, y)


def same_numbers() -> dict[str, Any]:
    print("A. From one start, the same batches: largest difference of a weight, difference of the loss")
    for batch in (900, 45):
        for recipe in RECIPES:
            cells = []
            for updates in CHECKPOINTS:
                net, value, model = pair_after(updates, recipe, batch)
                penalty = model.alpha * sum((W**2).sum() for W in model.coefs_)
                gap = "    with penalty" if penalty else f"{abs(value - model.loss_):8.1e}"
                cells.append(f"{updates:4}: {largest_difference(net, model):8.1e} {gap}")
            print(f"  batch {batch:3}, {recipe:30}", "  ".join(cells))
    stored: dict[str, Any] = {"updates": list(CHECKPOINTS), "probes": PROBES.tolist()}
    for recipe in ("sgd 0.2", "adam"):
        models = [pair_after(updates, recipe, 900)[2] for updates in CHECKPOINTS]
        stored[recipe] = {
            "loss": [float(model.loss_) for model in models],
            "probability": [model.predict_proba(PROBES)[:, 1].tolist() for model in models],
            "norm of W1..W5": [[float(np.linalg.norm(W)) for W in model.coefs_] for model in models],
            "norm of b1..b5": [[float(np.linalg.norm(b)) for b in model.intercepts_] for model in models],
        }
    return stored


# --- B. The same budget ----------------------------------------------------------------------------


def ours_by_default(seed: int, init: str, epochs: int, lr: float, batch: int) -> nn.Sequential:
    X, _, y, _ = moons(seed)
    net, rng = network(seed, init), np.random.default_rng(seed)
    training.fit(net, nn.BCEWithLogitsLoss(), optim.Adam(lr), (X, y), epochs, batch, rng, progress=False)
    return net


def theirs_by_default(seed: int, epochs: int, lr: float, batch: int) -> MLPClassifier:
    X, _, y, _ = moons(seed)
    model = classifier(random_state=seed, max_iter=epochs, learning_rate_init=lr, batch_size=batch)
    return fitted(model, X, y)


def scores(probability_of_1: Array, y: Array) -> tuple[float, float]:
    """Accuracy and mean cross-entropy."""
    p = np.clip(probability_of_1, 1e-15, 1 - 1e-15)
    y = y.ravel()
    return float(np.mean((p > 0.5) == (y > 0.5))), float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


def best_possible(X: Array, n_angles: int = 500) -> Array:
    """Probability of the lower moon for one who knows how the moons are made: densities by quadrature."""
    angle = np.linspace(0, np.pi, n_angles)
    upper = np.column_stack([np.cos(angle), np.sin(angle)])
    lower = np.column_stack([1 - np.cos(angle), 0.5 - np.sin(angle)])

    def density(curve: Array, x: Array) -> Array:
        squares = ((x[:, None, :] - curve[None]) ** 2).sum(axis=2)
        return np.exp(-squares / (2 * NOISE**2)).mean(axis=1)

    parts = [(density(upper, x), density(lower, x)) for x in np.array_split(X, max(1, len(X) // 500))]
    up, low = (np.concatenate(column) for column in zip(*parts, strict=True))
    return low / (up + low)


def same_budget(budget: dict[str, Any], seeds: Iterable[int] = SEEDS) -> dict[str, Any]:
    print(f"\nB. {POINTS} points, a tenth held out; Adam {budget}")
    fresh_X, fresh_y = data.moons(FRESH, NOISE, np.random.default_rng(FRESH_SEED))
    rows: dict[str, list[list[float]]] = {}
    for seed in seeds:
        X_train, X_test, y_train, y_test = moons(seed)
        runs = {f"ours, {init}": ours_by_default(seed, init, **budget) for init in ("he", "xavier")}
        runs["scikit-learn"] = theirs_by_default(seed, **budget)
        for name, run in runs.items():
            sets = (X_test, y_test), (fresh_X, fresh_y), (X_train, y_train)
            rows.setdefault(name, []).append([v for X, y in sets for v in scores(probabilities(run, X), y)])
    tables = {name: np.array(values) for name, values in rows.items()}
    best = scores(best_possible(fresh_X), fresh_y)
    print(
        "  accuracy and loss on the 100 held out, on fresh points, on the training set; (standard deviation)"
    )
    print(f"  best possible on the {FRESH} fresh points: {best[0]:.4f}, loss {best[1]:.4f}")
    for name, table in tables.items():
        print(
            f"  {name:14}",
            *(f"{m:.4f} ({s:.4f})" for m, s in zip(table.mean(0), table.std(0, ddof=1), strict=True)),
        )
        print(f"  {'median':14}", *(f"{m:.4f}         " for m in np.median(table, axis=0)))
    theirs = tables.pop("scikit-learn")
    for name, table in tables.items():
        gap = table - theirs
        errors = gap.std(0, ddof=1) / np.sqrt(len(gap))
        print(
            f"  {name} minus theirs, seed by seed:",
            *(f"{g:+.4f}+-{e:.4f}" for g, e in zip(gap.mean(0), errors, strict=True)),
        )
    return {
        "budget": budget,
        "seeds": list(seeds),
        "accuracy on the 100 held out": [round(row[0], 4) for row in theirs.tolist()],
        "fresh points": {"n": FRESH, "seed": FRESH_SEED, "best possible": round(best[0], 4)},
        "accuracy on the fresh points": [round(row[2], 4) for row in theirs.tolist()],
    }


def probabilities(run: nn.Sequential | MLPClassifier, X: Array) -> Array:
    if isinstance(run, MLPClassifier):
        return run.predict_proba(X)[:, 1]
    return functional.sigmoid(run(X))[:, 0]


# --- P. The published recipe ------------------------------------------------------------------------


def published_recipe(seeds: Iterable[int] = SEEDS) -> dict[str, Any]:
    """P. Skalski, Let's code a neural network in plain NumPy, 2018: full batch, small start."""
    print("\nP. The published recipe: 10,000 updates of the full batch, learning rate 0.01")
    X, y = make_moons(n_samples=POINTS, noise=NOISE, random_state=100)
    parts = train_test_split(X, y, test_size=TEST_SHARE, random_state=42)
    theirs = _published_run(2, *(part if part.ndim == 2 else part[:, None] * 1.0 for part in parts))
    print(f"  published seeds: held out {theirs[0]:.2f}, fresh {theirs[1]:.4f}, {theirs[2]:.0f} s")
    rows = [_published_run(seed, *moons(seed)) for seed in seeds]
    held_out, fresh, times = (list(column) for column in zip(*rows, strict=True))
    print("  other seeds, held out:", *(f"{value:.2f}" for value in sorted(held_out)))
    print(f"  mean {np.mean(held_out):.4f}, fresh {np.mean(fresh):.4f}, {np.median(times):.0f} s each")
    return {
        "published seeds": {"held out": round(theirs[0], 4), "fresh points": round(theirs[1], 4)},
        "seeds": list(seeds),
        "held out": [round(value, 4) for value in held_out],
        "fresh points": [round(value, 4) for value in fresh],
    }


def _published_run(seed: int, X: Array, X_test: Array, y: Array, y_test: Array) -> tuple[float, float, float]:
    """Accuracy on the points held out and on fresh ones, and processor seconds."""
    net, rng = network(0), np.random.RandomState(seed)  # the generator of 2018
    for layer in linears(net):
        layer.W.data = 0.1 * rng.randn(*layer.W.data.shape)
        layer.b.data = 0.1 * rng.randn(len(layer.b.data))
    loss, start = nn.BCEWithLogitsLoss(), time.process_time()
    training.fit(net, loss, optim.SGD(0.01), (X, y), 10_000, len(X), np.random.default_rng(0), progress=False)
    used = time.process_time() - start
    fresh = data.moons(FRESH, NOISE, np.random.default_rng(FRESH_SEED))
    shares = [scores(probabilities(net, A), b)[0] for A, b in ((X_test, y_test), fresh)]
    return shares[0], shares[1], used


# --- C. Time ---------------------------------------------------------------------------------------


def seconds(work: Callable[[], None]) -> float:
    start = time.process_time()  # of this process, so other programs on the machine count for less
    work()
    return time.process_time() - start


def timing(rounds: int = 11) -> None:
    print(f"\nC. Processor ms an update, medians of {rounds} interleaved rounds; ratio ours / scikit-learn")
    X, _, y, _ = moons(0)
    for solver, batch, epochs in (
        ("sgd", 900, 200), ("adam", 900, 200), ("adam", 200, 40), ("adam", 32, 8), ("sgd", 32, 8)
    ):  # fmt: skip
        updates = epochs * -(-len(X) // batch)

        def ours(solver: str = solver, batch: int = batch, epochs: int = epochs) -> None:
            optimizer = optim.SGD(0.01) if solver == "sgd" else optim.Adam()
            rng = np.random.default_rng(0)
            training.fit(
                network(0), nn.BCEWithLogitsLoss(), optimizer, (X, y), epochs, batch, rng, progress=False
            )

        def theirs(solver: str = solver, batch: int = batch, epochs: int = epochs) -> None:
            settings = {"momentum": 0.0, "learning_rate_init": 0.01} if solver == "sgd" else {}
            model = classifier(
                solver=solver, batch_size=batch, max_iter=epochs, alpha=0.0, random_state=0, **settings
            )
            fitted(model, X, y)

        ours()
        theirs()
        pairs = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
        a, b = (1000 * statistics.median(column) / updates for column in zip(*pairs, strict=True))
        ratios = sorted(first / second for first, second in pairs)
        print(
            f"  {solver:4} batch {batch:3}: ours {a:6.3f}  theirs {b:6.3f}"
            f"  ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


# --- D. Lines --------------------------------------------------------------------------------------


def code_lines(source: str) -> int:
    """Lines that hold code: no blank lines, comments or docstrings."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {
        line
        for node in ast.walk(tree)
        if isinstance(node, documented) and ast.get_docstring(node) is not None
        for line in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    lines = enumerate(source.splitlines(), start=1)
    return sum(
        1 for n, line in lines if n not in docstrings and line.strip() and not line.strip().startswith("#")
    )


def lines() -> None:
    from sklearn.neural_network import _base, _multilayer_perceptron, _stochastic_optimizers

    from bphelpers.functional import _validation, activations, affine, losses

    print("\nD. Lines of code, without blank lines, comments and docstrings")
    parts: dict[str, list[Any]] = {
        "nn: Parameter, Module, Linear, ReLU, Sequential, BCE": [
            *(nn.Parameter, nn.Module, nn.Linear, nn._Elementwise, nn.ReLU, nn.Sequential, nn.Loss),
            *(nn.BCEWithLogitsLoss, nn.xavier_uniform, nn.he_normal),
        ],
        "functional: linear, relu, sigmoid, cross-entropy": [
            *(functional.linear, functional.linear_backward, functional.relu, functional.relu_backward),
            *(functional.sigmoid, functional.binary_cross_entropy, functional.binary_cross_entropy_backward),
            *(affine._weights, losses._probability_targets, losses._pair, activations._upstream),
        ],
        "functional: checks at the door": [_validation],
        "optim: Adam": [
            *(optim._Optimizer, optim.Adam, optim._gradient, optim._mixed, optim._not_negative),
            *(optim._positive, optim._below_one, optim.GradientNotFinite),
        ],
        "training: fit, History, evaluate": [training],
        "data: minibatches": [data.minibatches],
    }
    total = 0
    for name, objects in parts.items():
        count = sum(code_lines(inspect.getsource(thing)) for thing in objects)
        total += count
        print(f"  {name:54} {count:4}")
    print(f"  {'ours together':54} {total:4}")
    peers = (_multilayer_perceptron, _stochastic_optimizers, _base)
    count = sum(code_lines(inspect.getsource(module)) for module in peers)
    print(f"  {'scikit-learn: three modules of neural_network':54} {count:4}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--file", type=Path, help="where to write what a lesson needs")
    parser.add_argument("--part", nargs="+", default=list("ABCDP"), choices=list("ABCDP"))
    options = parser.parse_args()
    stored: dict[str, Any] = {
        "made by": "benchmarks/scikit_learn.py",
        "date": datetime.date.today().isoformat(),
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
    if "A" in options.part:
        stored["same start"] = same_numbers()
    if "B" in options.part:
        stored["same budget"] = same_budget(QUICK)
        same_budget(DEFAULT)
    if "P" in options.part:
        stored["published recipe"] = published_recipe()
    if "C" in options.part:
        timing()
    if "D" in options.part:
        lines()
    if options.file:
        options.file.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
