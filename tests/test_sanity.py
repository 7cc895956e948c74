"""What is looked at before training: fine on the networks of all lessons, and each kind of break is seen.

The limits in sanity.py are judged here, on ten starts each: no healthy network is called wrong, every broken
one is, in the line that it belongs to.
"""

import copy
import functools
import pickle
import sys
from itertools import pairwise

import numpy as np
import pytest
from oracles import refuses
from starts import spans

from bphelpers import data, nn, optim
from bphelpers.teaching.gradcheck import Sanity, sanity
from bphelpers.training import fit

sanity_module = sys.modules[sanity.__module__]

SEEDS = range(10)
CE, BCE, MSE = nn.CrossEntropyLoss, nn.BCEWithLogitsLoss, nn.MSELoss


def generator(seed=0):
    return np.random.default_rng(seed)


# --- The networks of the lessons, from any start ----------------------------------------------------------


def chain(*sizes, act=nn.Tanh, init="xavier", last=False, drop=0.0, bias=True):
    """Linear layers with an activation after each (after the last one on request), and dropout."""

    def build(rng):
        layers = []
        for d_in, d_out in pairwise(sizes):
            layers += [nn.Linear(d_in, d_out, rng=rng, init=init, bias=bias), act()]
            layers += [nn.Dropout(drop, rng=rng)] if drop else []
        return nn.Sequential(*(layers if last else layers[: -2 if drop else -1]))

    return build


def positive(rng):
    """Lesson 10's network for one example, with weights from 0 to 1 and no biases."""
    net = chain(3, 7, 5, 4, 1, act=nn.Sigmoid, last=True, bias=False)(rng)
    net.load_state_dict({name: rng.uniform(size=w.shape) for name, w in net.state_dict().items()})
    return net


def deep(kind):
    """Lesson 13's twenty layers."""

    def build(rng, d=32):
        init = "he" if kind == "He" else lambda d_out, d_in, rng: rng.normal(0, 0.1, size=(d_out, d_in))
        norm = [nn.BatchNorm1d] if "batch norm" in kind else []
        layers = [nn.Linear(64, d, rng=rng, init=init)]
        for _ in range(18):
            block = [*(make(d) for make in norm), nn.ReLU(), nn.Linear(d, d, rng=rng, init=init)]
            layers += [nn.Residual(*block)] if "residual" in kind else block
        last = [*(make(d) for make in norm), nn.ReLU(), nn.Linear(d, 10, rng=rng, init=init)]
        return nn.Sequential(*layers, *last)

    return build


def scaled(X):
    return (X - X.mean()) / X.std()


@functools.cache
def examples(name):
    if name == "mazur":
        return data.mazur()[:2]
    if name == "study_sleep":
        X, y = data.study_sleep()
        return X / X.max(axis=0), y / 100
    if name == "one":
        example = data.worked_example("generic_mlp")
        return example["x"][None], np.array([[example["y"]]])
    if name == "normal":
        return generator(9).normal(size=(5, 4)), generator(10).normal(size=(5, 2))
    if name in ("moons", "circles", "spirals"):
        return getattr(data, name)(200, 0.1, generator())
    if name == "thousand moons":
        return data.moons(1000, 0.2, generator())
    if name in ("xor", "symmetry"):
        return getattr(data, name)()
    X, _, y, _ = data.train_test_split(*getattr(data, name.split()[-1])(), 0.25, generator())
    return (scaled(X) if name.startswith("scaled") else X), y


HEALTHY = {
    "00": (chain(64, 32, 10, act=nn.Sigmoid), CE, "digits", lambda: optim.SGD(0.5)),
    "05": (chain(2, 2, 2, act=nn.Sigmoid, last=True), MSE, "mazur", lambda: optim.SGD(0.5)),
    "08": (chain(64, 16, 10), CE, "digits", lambda: optim.SGD(0.5)),
    "09 museum": (chain(64, 10, 10, act=nn.Sigmoid), CE, "digits", lambda: optim.SGD(1.0)),
    "09 museum, ReLU": (chain(64, 10, 10, act=nn.ReLU), CE, "digits", lambda: optim.SGD(0.3)),
    "09 section 1": (chain(4, 3, 2), MSE, "normal", lambda: optim.SGD(0.1)),
    "10 XOR": (chain(2, 2, 1, act=nn.Sigmoid), BCE, "xor", lambda: optim.SGD(1.0)),
    "10 symmetry": (chain(6, 2, 1, act=nn.Sigmoid), BCE, "symmetry", lambda: optim.SGD(1.0)),
    "10 students": (
        chain(2, 3, 1, act=nn.Sigmoid, last=True, bias=False),
        MSE,
        "study_sleep",
        lambda: optim.SGD(1.0),
    ),
    "10 one example": (positive, MSE, "one", lambda: optim.SGD(0.7)),
    "11 one layer": (chain(64, 10, init="he"), CE, "scaled digits", lambda: optim.SGD(0.05)),
    "11": (chain(64, 32, 16, 10, act=nn.ReLU, init="he"), CE, "scaled digits", lambda: optim.SGD(0.05)),
    "11 large, dropout": (
        chain(784, 128, 64, 10, act=nn.ReLU, init="he", drop=0.2),
        CE,
        "scaled mnist_small",
        lambda: optim.SGD(0.05),
    ),
    "12": (chain(2, 8, 8, 1), BCE, "moons", lambda: optim.SGD(0.1)),
    "12 circles, ReLU": (chain(2, 4, 1, act=nn.ReLU), BCE, "circles", lambda: optim.Adam(0.01)),
    "12 spirals": (chain(2, 8, 8, 1), BCE, "spirals", lambda: optim.SGD(0.1, momentum=0.9)),
    "12 He": (
        chain(2, 25, 50, 50, 25, 1, act=nn.ReLU, init="he"),
        BCE,
        "thousand moons",
        lambda: optim.SGD(0.2),
    ),
    "12 Adam": (chain(2, 25, 50, 50, 25, 1, act=nn.ReLU), BCE, "thousand moons", lambda: optim.Adam(0.01)),
    "13 one wide layer": (chain(2, 50, 1, act=nn.ReLU, init="he"), BCE, "moons", lambda: optim.SGD(0.1)),
    **{
        f"13 {kind}": (deep(kind), CE, "scaled digits", lambda: optim.SGD(0.02))
        for kind in ("He", "batch norm", "residual", "batch norm and residual")
    },
}


@pytest.mark.parametrize("seeds", spans(10))
@pytest.mark.parametrize("name", HEALTHY)
def test_no_network_of_a_lesson_is_called_wrong(name, seeds):
    build, loss, given, rule = HEALTHY[name]
    for seed in seeds:
        report = sanity(
            build(generator(seed)), loss(), *examples(given), optimizer=rule(), rng=generator(seed)
        )
        assert report.ok and len(report.lines) == 11, f"seed {seed}\n{report}"
        assert sum(line.mark == "look" for line in report.lines) <= 3, report
        assert all(bool(line.advice) == (line.mark != "fine") for line in report.lines)


@pytest.mark.parametrize("name", ["00", "11", "12", "13 residual"])
def test_most_are_fine_in_every_line(name):
    build, loss, given, rule = HEALTHY[name]
    marks = [
        line.mark
        for seed in SEEDS
        for line in sanity(build(generator(seed)), loss(), *examples(given), optimizer=rule()).lines
    ]
    assert marks.count("look") <= 0.05 * len(marks)


def windows(rng, n=300, t=12, k=9):
    """Numbers of letters, and what follows each."""
    text = np.cumsum(rng.integers(1, 4, size=n + t)) % k
    at = rng.permutation(n)[:, None] + np.arange(t)
    return text[at], text[at + 1].ravel()


def letters(rng, *last, k=9, d=16):
    given = nn.Embedding(k, d, std=0.5, rng=rng), nn.LearnedPositions(12, d, std=0.5, rng=rng)
    look = nn.Residual(nn.LayerNorm(d), nn.MultiheadAttention(d, 2, is_causal=True, rng=rng))
    return nn.Sequential(*given, look, nn.LayerNorm(d), nn.Linear(d, k, rng=rng), *last, nn.Flatten(0, 1))


def test_a_network_of_sequences_is_fine():
    """Numbers of rows go in, and a row of scores comes out for each place: as many targets."""
    x, y = windows(generator())
    report = sanity(letters(generator()), CE(), x, y, optimizer=optim.Adam(0.005))
    assert {line.mark for line in report.lines} == {"fine"}
    assert report["inputs"].said == "300 of shape (12,), numbers of rows from 0 to 8"
    assert "of 240 right" in report["overfit"].said


def test_what_is_wrong_with_a_network_of_sequences(monkeypatch):
    monkeypatch.setattr(sanity_module, "STEPS", 2)
    x, y = windows(generator())
    told = sanity(letters(generator(), Softmax()), CE(), x, y)["last layer"]
    assert told.mark == "wrong" and "Softmax" in told.said
    for given, line, said in (
        ((x, y[:-1]), "inputs", "x and y must hold as many examples"),
        (
            (x, y[: len(x)]),
            "targets",
            "a target for each output, got shapes (3600, 9) and (300,)",
        ),
        ((x + 1, y), "outputs", "x must lie from 0 to 8, got 1 to 9"),
        ((x / 2, y), "outputs", "x must be whole numbers"),
    ):
        found = sanity(letters(generator()), CE(), *given)[line]
        assert found.mark == "wrong" and said in found.said


def test_a_recurrent_network_and_one_of_images_are_fine():
    rng = generator()
    bits = rng.choice([-1.0, 1.0], size=(100, 8, 1))
    net = nn.Sequential(nn.RNN(1, 16, rng=rng), nn.Linear(16, 1, rng=rng), nn.Flatten())
    assert sanity(net, BCE(), bits, np.cumsum(bits[:, :, 0], axis=1) > 0).ok
    X, y = examples("scaled digits")
    kernels = nn.Conv2d(1, 8, 3, rng=rng), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()
    net = nn.Sequential(*kernels, nn.Linear(72, 10, rng=rng))
    assert sanity(net, CE(), X.reshape(-1, 1, 8, 8), y).ok


# --- Broken ones: the break, the line that must see it, its mark, a fragment of what is said or advised ----


class Softmax(nn.Module):
    def forward(self, x):
        self._kept = np.exp(x - x.max(axis=-1, keepdims=True))
        self._kept /= self._kept.sum(axis=-1, keepdims=True)
        return self._kept

    def backward(self, dout):
        p = self.remembered()
        return p * (dout - (dout * p).sum(axis=-1, keepdims=True))


class NotFilled(nn.Linear):
    def backward(self, dout):
        return dout @ self.W.data


class Uphill(CE):
    def backward(self):
        return -super().backward()


def squared(y_hat, y):
    return float(np.mean((y_hat - y) ** 2))


class Broadcasting(nn.Loss):
    """Written by hand, as in many a notebook: outputs (n, 1) and targets (n,) give (n, n)."""

    pair = squared, lambda y_hat, y: 2 * (y_hat - y) / y_hat.size


def layered(build, *last):
    return lambda rng: nn.Sequential(*build(rng).layers, *last)


def weights(build, change):
    def changed(rng):
        net = build(rng)
        for p in net.parameters():
            p.data = change(p.name, p.data)
        return net

    return changed


def of_digits(change=lambda X, y, rng: (X, y)):
    return lambda rng: change(*examples("scaled digits"), rng)


def of_moons(change=lambda X, y, rng: (X, y)):
    return lambda rng: change(*examples("moons"), rng)


def with_nan(X):
    X = X.copy()
    X[7, 0] = np.nan
    return X


DIGITS, MOONS = chain(64, 32, 10, act=nn.ReLU, init="he"), chain(2, 8, 1)
SIGMOIDS = chain(64, 32, 10, act=nn.Sigmoid)
LINE = chain(2, 8, 1)

BROKEN = {
    # inputs
    "NaN": (DIGITS, CE, of_digits(lambda X, y, r: (with_nan(X), y)), "inputs", "wrong", "in 1 of"),
    "pixels 0 to 255": (
        SIGMOIDS,
        CE,
        of_digits(lambda X, y, r: (np.round(255 * (X - X.min()) / np.ptp(X)), y)),
        "inputs",
        "look",
        "/ 255",
    ),
    "inputs in thousands": (
        MOONS,
        BCE,
        of_moons(lambda X, y, r: (1000 * X, y)),
        "inputs",
        "look",
        "standardize",
    ),
    "inputs of a millionth": (
        MOONS,
        BCE,
        of_moons(lambda X, y, r: (1e-6 * X, y)),
        "inputs",
        "look",
        "standardize",
    ),
    "years": (MOONS, BCE, of_moons(lambda X, y, r: (2000 + X, y)), "inputs", "look", "standardize"),
    "words": (MOONS, BCE, of_moons(lambda X, y, r: (X.astype(str), y)), "inputs", "wrong", "real numbers"),
    "rows of several lengths": (
        MOONS,
        BCE,
        lambda r: ([[1.0, 2.0], [1.0]], [[0], [1]]),
        "inputs",
        "wrong",
        "one length",
    ),
    "fewer targets": (MOONS, BCE, of_moons(lambda X, y, r: (X, y[:-1])), "inputs", "wrong", "as many"),
    "no example": (MOONS, BCE, of_moons(lambda X, y, r: (X[:0], y[:0])), "inputs", "wrong", "at least one"),
    "a number": (MOONS, BCE, lambda r: (1.0, 2.0), "inputs", "wrong", "as many"),
    # examples
    "all the same": (DIGITS, CE, of_digits(lambda X, y, r: (X * 0 + 1, y)), "examples", "wrong", "the same"),
    "copies": (
        MOONS,
        BCE,
        of_moons(lambda X, y, r: (np.repeat(X[:20], 10, 0), np.repeat(y[:20], 10, 0))),
        "examples",
        "look",
        "20 of 200",
    ),
    "torn apart": (
        MOONS,
        BCE,
        of_moons(lambda X, y, r: (np.repeat(X[:100], 2, 0), r.permutation(y))),
        "examples",
        "look",
        "shuffled apart",
    ),
    "still columns": (
        DIGITS,
        CE,
        of_digits(lambda X, y, r: (X * (np.arange(64) < 20), y)),
        "examples",
        "look",
        "still",
    ),
    # order
    "sorted labels": (chain(784, 16, 10), CE, lambda r: data.mnist_small(), "order", "look", "shuffle"),
    "labels in blocks": (
        DIGITS,
        CE,
        of_digits(lambda X, y, r: (X[o := np.argsort(y * 7 % 10, kind="stable")], y[o])),
        "order",
        "look",
        "shuffle",
    ),
    "sorted yes and no": (
        MOONS,
        BCE,
        of_moons(lambda X, y, r: (X[o := np.argsort(y[:, 0], kind="stable")], y[o])),
        "order",
        "look",
        "shuffle",
    ),
    "a curve from left to right": (
        chain(1, 8, 1),
        MSE,
        lambda r: (x := np.linspace(-1, 1, 300)[:, None], 3 * x),
        "order",
        "look",
        "shuffle",
    ),
    # outputs
    "a weight that is NaN": (
        weights(MOONS, lambda n, w: w * (np.nan if n == "W2" else 1)),
        BCE,
        of_moons(),
        "outputs",
        "wrong",
        "W2 holds NaN",
    ),
    "too wide": (DIGITS, CE, of_moons(), "outputs", "wrong", "(n, 64)"),
    "overflow": (
        weights(DIGITS, lambda n, w: w * 1e200),
        CE,
        of_digits(),
        "outputs",
        "wrong",
        "layer 3, Linear(32, 10), gave",
    ),
    "no layer": (lambda r: nn.Sequential(), BCE, of_moons(), "outputs", "wrong", "at least one layer"),
    # targets
    "flat targets": (LINE, MSE, of_moons(lambda X, y, r: (X, X[:, 0])), "targets", "wrong", "y[:, None]"),
    "flat targets, own loss": (
        LINE,
        Broadcasting,
        of_moons(lambda X, y, r: (X, X[:, 0])),
        "targets",
        "wrong",
        "(200, 200)",
    ),
    "labels from 1": (DIGITS, CE, of_digits(lambda X, y, r: (X, y + 1)), "targets", "wrong", "from 0 to 9"),
    "labels in a column": (
        DIGITS,
        CE,
        of_digits(lambda X, y, r: (X, y[:, None])),
        "targets",
        "wrong",
        "[:, 0]",
    ),
    "labels as floats": (
        DIGITS,
        CE,
        of_digits(lambda X, y, r: (X, y * 1.0)),
        "targets",
        "wrong",
        "astype(int)",
    ),
    "one-hot rows": (DIGITS, CE, of_digits(lambda X, y, r: (X, np.eye(10)[y])), "targets", "wrong", "argmax"),
    "labels in words": (
        DIGITS,
        CE,
        of_digits(lambda X, y, r: (X, y.astype(str))),
        "targets",
        "wrong",
        "whole numbers",
    ),
    "minus one and one": (
        MOONS,
        BCE,
        of_moons(lambda X, y, r: (X, 2 * y - 1)),
        "targets",
        "wrong",
        "from 0 to 1",
    ),
    "a target that is NaN": (
        LINE,
        MSE,
        of_moons(lambda X, y, r: (X, with_nan(y))),
        "targets",
        "wrong",
        "targets hold NaN",
    ),
    "classes without examples": (chain(64, 32, 12), CE, of_digits(), "targets", "look", "10 of 12"),
    "one class": (DIGITS, CE, of_digits(lambda X, y, r: (X, 0 * y)), "targets", "look", "all are 0"),
    "one class nearly always": (
        DIGITS,
        CE,
        of_digits(lambda X, y, r: (X, np.where(r.random(len(y)) < 0.9, 3, y))),
        "targets",
        "look",
        "compare",
    ),
    "targets up to a thousand": (
        LINE,
        MSE,
        of_moons(lambda X, y, r: (X, 1000 * X[:, :1])),
        "targets",
        "look",
        "standardize(y)",
    ),
    "targets around 500": (
        LINE,
        MSE,
        of_moons(lambda X, y, r: (X, 500 + X[:, :1])),
        "targets",
        "look",
        "standardize(y)",
    ),
    # last layer
    "sigmoid twice": (
        layered(MOONS, nn.Sigmoid()),
        BCE,
        of_moons(),
        "last layer",
        "wrong",
        "leave the Sigmoid",
    ),
    "sigmoid before softmax": (
        layered(DIGITS, nn.Sigmoid()),
        CE,
        of_digits(),
        "last layer",
        "wrong",
        "which squashes by itself",
    ),
    "softmax twice": (
        layered(DIGITS, Softmax()),
        CE,
        of_digits(),
        "last layer",
        "wrong",
        "which squashes by itself",
    ),
    "ReLU at the end": (layered(DIGITS, nn.ReLU()), CE, of_digits(), "last layer", "wrong", "leave the ReLU"),
    "ReLU, targets below 0": (
        layered(LINE, nn.ReLU()),
        MSE,
        of_moons(lambda X, y, r: (X, X[:, :1])),
        "last layer",
        "wrong",
        "below 0",
    ),
    "ReLU, targets above 0": (layered(LINE, nn.ReLU()), MSE, of_moons(), "last layer", "look", "below 0"),
    "tanh before softmax": (layered(DIGITS, nn.Tanh()), CE, of_digits(), "last layer", "look", "never sure"),
    "sigmoid, targets up to 3": (
        layered(LINE, nn.Sigmoid()),
        MSE,
        of_moons(lambda X, y, r: (X, 3 * y)),
        "last layer",
        "wrong",
        "0 to 3",
    ),
    "tanh, targets down to -3": (
        layered(LINE, nn.Tanh()),
        MSE,
        of_moons(lambda X, y, r: (X, -3 * y)),
        "last layer",
        "wrong",
        "-3 to 0",
    ),
    # first loss
    "weights four times as large": (
        weights(DIGITS, lambda n, w: 4 * w),
        CE,
        of_digits(),
        "first loss",
        "look|wrong",
        "smaller",
    ),
    "weights twenty times as large": (
        weights(DIGITS, lambda n, w: 20 * w),
        CE,
        of_digits(),
        "first loss",
        "wrong",
        "smaller",
    ),
    "outputs and targets of two sizes": (
        LINE,
        MSE,
        of_moons(lambda X, y, r: (X, 300 + 9 * y)),
        "first loss",
        "look",
        "one size",
    ),
    # units
    "dead from the start": (
        weights(DIGITS, lambda n, w: w - 30 if n == "b1" else w),
        CE,
        of_digits(),
        "units",
        "wrong",
        "100% dead",
    ),
    "most are dead": (
        weights(DIGITS, lambda n, w: w - 30 * (np.arange(32) > 10) if n == "b1" else w),
        CE,
        of_digits(),
        "units",
        "look",
        "66% dead",
    ),
    "saturated by large inputs": (
        SIGMOIDS,
        CE,
        of_digits(lambda X, y, r: (300 * X, y)),
        "units",
        "wrong",
        "saturated",
    ),
    "saturated by large weights": (
        weights(chain(64, 32, 10), lambda n, w: 50 * w),
        CE,
        of_digits(),
        "units",
        "wrong",
        "Tanh",
    ),
    # gradients
    "all weights 0": (
        weights(DIGITS, lambda n, w: 0 * w),
        CE,
        of_digits(),
        "gradients",
        "wrong",
        "zero: W1, b1, W2",
    ),
    "second matrix 0": (
        weights(SIGMOIDS, lambda n, w: w * (n != "W2")),
        CE,
        of_digits(),
        "gradients",
        "wrong",
        "zero: W1, b1",
    ),
    "all weights equal": (
        weights(SIGMOIDS, lambda n, w: 0 * w + 0.1),
        CE,
        of_digits(),
        "gradients",
        "wrong",
        "W1",
    ),
    "twins": (
        weights(SIGMOIDS, lambda n, w: w * 0 + w[:, :1] * (n == "W2") + 0.1 if n[0] == "W" else w),
        CE,
        of_digits(),
        "gradients",
        "wrong",
        "the same in all rows: W1",
    ),
    "gradient not filled in": (
        lambda r: nn.Sequential(NotFilled(64, 32, rng=r), nn.ReLU(), nn.Linear(32, 10, rng=r)),
        CE,
        of_digits(),
        "gradients",
        "wrong",
        "not filled in: W1, b1",
    ),
    "vanished": (chain(2, *[8] * 30, 1, act=nn.Sigmoid), BCE, of_moons(), "gradients", "wrong", "zero: W1"),
    "nothing to train": (
        lambda r: nn.Sequential(nn.Tanh()),
        MSE,
        of_moons(lambda X, y, r: (X, X / 9)),
        "gradients",
        "wrong",
        "parameters",
    ),
    # step
    "rate 300": (DIGITS, CE, of_digits(), "step", "wrong", "smaller rate", optim.SGD(300.0)),
    "rate 1 with Adam": (DIGITS, CE, of_digits(), "step", "wrong", "smaller rate", optim.Adam(1.0)),
    "a somewhat large rate": (DIGITS, CE, of_digits(), "step", "look", "smaller rate", optim.SGD(2.0)),
    "a small rate": (DIGITS, CE, of_digits(), "step", "look", "larger rate", optim.SGD(1e-5)),
    "small weights, twenty layers": (
        deep("plain"),
        CE,
        of_digits(),
        "step",
        "look|wrong",
        "larger gradients",
        optim.SGD(0.02),
    ),
    "rate 1e-9": (DIGITS, CE, of_digits(), "step", "wrong", "larger rate", optim.SGD(1e-9)),
    # overfit
    "uphill": (DIGITS, Uphill, of_digits(), "overfit", "wrong", "check_network"),
    "dead, but for the last bias": (
        weights(DIGITS, lambda n, w: w - 300 if n == "b1" else w),
        CE,
        of_digits(),
        "overfit",
        "wrong",
        "check_network",
    ),
    "a straight line for XOR": (chain(2, 1), BCE, lambda r: data.xor(), "overfit", "look|wrong", ""),
}


def seen_by(name, seed):
    build, loss, given, line, marks, fragment, *rule = BROKEN[name]
    report = sanity(
        build(generator(seed)),
        loss(),
        *given(generator(seed)),
        optimizer=copy.deepcopy(*rule) if rule else None,
        rng=generator(seed),
    )
    return report, line, marks.split("|"), fragment


@pytest.mark.parametrize("seeds", spans(10))
@pytest.mark.parametrize("name", BROKEN)
def test_each_break_is_seen_in_its_line(monkeypatch, name, seeds):
    line = BROKEN[name][3]
    if line != "overfit":
        monkeypatch.setattr(sanity_module, "STEPS", 2)  # the twenty are another test's matter
    for seed in seeds[: 3 if name == "sorted labels" else 10]:
        report, line, marks, fragment = seen_by(name, seed)
        found = report[line]
        assert found.mark in marks and found.advice, report
        assert fragment in found.said + " " + found.advice, report
        assert report.ok == all(one.mark != "wrong" for one in report.lines)
        assert "ufunc" not in str(report) and "broadcast" not in str(report) and "Error" not in str(report)


def test_classes_in_turn_are_not_sorted():
    y = np.arange(520) % 26
    report = sanity(chain(2, 8, 26)(generator()), CE(), generator().normal(size=(520, 2)), y)
    assert report["order"].mark == "fine"


def test_the_twenty_are_as_many_of_each_class():
    look = sanity_module._Look(DIGITS(generator()), CE(), None, generator())
    look.given = examples("scaled digits")
    look.inputs()
    assert np.bincount(look.y[look.few()]).tolist() == [2] * 10


def test_an_old_gradient_is_no_gradient():
    net = BROKEN["gradient not filled in"][0](generator())
    net[0].W.grad, net[0].b.grad = np.ones((32, 64)), np.ones(32)
    assert sanity(net, CE(), *examples("scaled digits"))["gradients"].said == "not filled in: W1, b1"


def test_a_trained_network_is_no_start():
    rng = generator()
    net, (X, y) = DIGITS(rng), examples("scaled digits")
    fit(net, CE(), optim.SGD(0.05), (X, y), 20, 32, rng, progress=False)
    assert sanity(net, CE(), X, y)["first loss"].mark == "look"


# --- What the report is ------------------------------------------------------------------------------------


def test_the_report_reads_like_this():
    net = layered(MOONS, nn.Sigmoid())(generator())
    report = sanity(net, BCE(), *examples("moons"), lr=0.1, rng=generator())
    assert isinstance(report, Sanity) and not report.ok
    rows = str(report).splitlines()
    assert rows[0] == "Before training: 9 fine, 1 look, 1 wrong."
    assert max(map(len, rows)) <= 88
    assert [row[:5].rstrip() for row in rows[1:] if not row.startswith(" ")] == [
        line.mark for line in report.lines
    ]
    assert (
        len({row.index(line.said[:9]) for line in report.lines for row in rows if f"  {line.name}  " in row})
        == 1
    )
    squashed = report["last layer"]
    assert (squashed.name, squashed.mark, squashed.ok) == ("last layer", "wrong", False)
    assert "Do: leave the Sigmoid away" in str(report) and repr(report) == str(report)
    with pytest.raises(KeyError, match="no check named 'loss'; there are"):
        report["loss"]


def test_both_numbers_are_said():
    for build, loss, given, told in (
        (DIGITS, CE, "scaled digits", "a guess (ln 10) 2.3"),
        (MOONS, BCE, "moons", "a guess (ln 2) 0.69"),
        (chain(2, 8, 3), BCE, "three", "a guess (3 ln 2) 2.1"),
        (MOONS, MSE, "moons", "the mean of y (its variance) 0.25"),
    ):
        X, y = (
            examples(given)
            if given != "three"
            else (examples("moons")[0], np.repeat(examples("moons")[1], 3, 1))
        )
        said = sanity(build(generator()), loss(), X, y)["first loss"].said
        assert said.startswith("untrained ") and told in said


def test_without_a_rule_a_rate_is_named():
    net, (X, y) = DIGITS(generator()), examples("scaled digits")
    said = sanity(net, CE(), X, y)["step"].said
    lr = float(said.split("lr = ")[1].split()[0])
    assert "0.0005" in sanity(net, CE(), X, y, lr=lr / 2)["step"].said.replace("0.0006", "0.0005").replace(
        "0.0004", "0.0005"
    )


@pytest.mark.parametrize("name", ["00", "10 XOR", "11", "12", "12 Adam", "13 batch norm"])
def test_the_same_words_on_every_machine(name):
    """Round-off, here a change of the weights by 1e-13, changes no digit."""
    build, loss, given, rule = HEALTHY[name]
    for seed in SEEDS[:3]:
        nets = [build(generator(seed)), build(generator(seed))]
        for p in nets[1].parameters():
            p.data *= 1 + 1e-13 * generator(1).normal(size=p.data.shape)
        texts = [str(sanity(net, loss(), *examples(given), optimizer=rule())) for net in nets]
        assert texts[0] == texts[1]


# --- What it leaves alone ----------------------------------------------------------------------------------


def everything(seed=0):
    """Network with dropout and batch norm, loss and rule in use, all drawing from one generator."""
    rng = generator(seed)
    net = nn.Sequential(
        nn.Linear(2, 8, rng=rng),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Dropout(0.3, rng=rng),
        nn.Linear(8, 1, rng=rng),
    )
    loss, rule = BCE(), optim.Adam(0.01)
    X, y = (array.copy() for array in examples("moons"))
    loss(net(X), y)
    net.backward(loss.backward())
    rule.step(net.parameters())
    return net, loss, rule, rng, X, y


@pytest.mark.parametrize("training", [True, False])
def test_nothing_changes(training):
    net, loss, rule, rng, X, y = everything()
    net.train(training)
    arrays = [(p.data, p.grad) for p in net.parameters()]
    before = pickle.dumps((net, loss, rule, rng, X, y))
    drawn = np.random.get_state()[1].copy()
    sanity(net, loss, X, y, optimizer=rule, rng=rng)
    assert pickle.dumps((net, loss, rule, rng, X, y)) == before
    assert all(p.data is d and p.grad is g for p, (d, g) in zip(net.parameters(), arrays, strict=True))
    assert np.array_equal(np.random.get_state()[1], drawn)


class Stopping(BCE):
    calls = 0

    def forward(self, y_hat, y):
        Stopping.calls -= 1
        if Stopping.calls == 0:
            raise KeyboardInterrupt
        return super().forward(y_hat, y)


@pytest.mark.parametrize("at", [1, 2, 3, 4, 5, 9, 50, 200])
def test_nothing_changes_when_it_is_interrupted(at):
    net, _, rule, rng, X, y = everything()
    loss = Stopping()
    before = pickle.dumps((net, loss, rule, rng, X, y))
    Stopping.calls = at
    with pytest.raises(KeyboardInterrupt):
        sanity(net, loss, X, y, optimizer=rule, rng=rng)
    assert pickle.dumps((net, loss, rule, rng, X, y)) == before


def test_right_and_never_sure():
    line = sanity(layered(DIGITS, nn.Sigmoid())(generator()), CE(), *examples("scaled digits"))["overfit"]
    assert "20 of 20 right" in line.said and "keeps the outputs small" in line.advice


def test_dropout_is_off_for_the_twenty_and_on_again_for_the_owner():
    rng = generator()
    net = nn.Sequential(
        nn.Linear(64, 32, rng=rng), nn.ReLU(), nn.Dropout(0.9, rng=rng), nn.Linear(32, 10, rng=rng)
    )
    assert sanity(net, CE(), *examples("scaled digits"))["overfit"].mark == "fine"
    assert net[2].p == 0.9 and net[2].training


def test_float32_and_lists_are_taken():
    net = nn.Sequential(
        nn.Linear(2, 8, rng=generator(), dtype=np.float32),
        nn.Tanh(),
        nn.Linear(8, 1, rng=generator(), dtype=np.float32),
    )
    X, y = examples("moons")
    assert sanity(net, BCE(), X.tolist(), y.tolist(), lr=0.1).ok


@pytest.mark.parametrize(
    ("change", "fragments"),
    [
        ({"net": [1]}, ("net must be a Module", "[1]")),
        ({"loss": "mse"}, ("loss must be a Loss", "'mse'")),
        ({"loss": MSE}, ("loss must be a Loss",)),
        ({"optimizer": 0.1}, ("optimizer must be a rule", "0.1")),
        ({"optimizer": optim.SGD}, ("optimizer must be a rule",)),
        ({"optimizer": optim.SGD(0.1), "lr": 0.1}, ("lr must be left out",)),
        ({"lr": -1}, ("lr must be a finite number, at least 0, got -1",)),
        ({"rng": 3}, ("rng must be a numpy.random.Generator", "default_rng(3)")),
    ],
)
def test_what_is_no_network_is_refused(change, fragments):
    X, y = examples("moons")
    given = {"net": MOONS(generator()), "loss": BCE(), "x": X, "y": y} | change
    refuses(lambda: sanity(**given), *fragments)


def test_what_cannot_be_copied_is_refused():
    net = MOONS(generator())
    net.lock = (one for one in [])  # a generator
    refuses(lambda: sanity(net, BCE(), *examples("moons")), "must bear copy.deepcopy")


def test_an_error_of_a_layer_is_named_with_its_kind():
    class Faulty(nn.Module):
        def forward(self, x):
            return x.transposed()

    line = sanity(nn.Sequential(Faulty()), MSE(), *examples("moons"))["outputs"]
    assert line.mark == "wrong" and line.said.startswith("AttributeError: ")
