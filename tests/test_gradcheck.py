"""The gradient check: right passes, wrong is found, each known mistake is named and no unknown one."""

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from gradient_tools import named, right_gradients, wrong_in
from hypothesis import given, settings
from hypothesis import strategies as st

from bphelpers import functional as F
from bphelpers import nn
from bphelpers.teaching.gradcheck import (
    assert_gradients_match,
    check_gradients,
    check_network,
    check_op,
    diagnose,
    numerical_gradient,
    op_mistakes,
)
from bphelpers.teaching.gradcheck.mistakes import MISTAKES, TABLE
from bphelpers.teaching.gradcheck.operations import OPERATIONS

SEEDS = range(5)


# ---------------------------------------------------------------- a two-layer network written out by hand


def sigma(z):
    return 1 / (1 + np.exp(-z))


SLOPES = {
    "sigmoid": (nn.Sigmoid, sigma, lambda z: sigma(z) * (1 - sigma(z)), lambda a: a * (1 - a)),
    "tanh": (nn.Tanh, np.tanh, lambda z: 1 - np.tanh(z) ** 2, lambda a: 1 - a * a),
    "relu": (nn.ReLU, lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0, None),
}


OUTPUT_MISTAKES = {
    "softmax Jacobian diagonal only": lambda p, y: (-y / p / len(p)) * p * (1 - p),
    "output derivative twice": lambda p, y: (p - y) / len(p) * p * (1 - p),
    "target not subtracted": lambda p, y: p / len(p),
    "not averaged": lambda p, y: p - y,
}


class Two:
    """Inputs, a network 3-4-3 and its gradients, right or with one mistake, in plain NumPy."""

    def __init__(self, seed, activation="sigmoid", n=5):
        rng = np.random.default_rng(seed)
        self.layer, self.act, self.slope, self.short = SLOPES[activation]
        self.net = nn.Sequential(nn.Linear(3, 4, rng=rng), self.layer(), nn.Linear(4, 3, rng=rng))
        for p in self.net.parameters():
            p.data = rng.normal(size=p.data.shape)
        self.x, self.labels, self.n = rng.normal(size=(n, 3)), rng.integers(0, 3, size=n), n
        self.loss = nn.CrossEntropyLoss()

    def grads(self, mistake=None, lr=0.3):
        W1, b1, W2, b2 = (p.data for p in self.net.parameters())
        z1 = self.x @ W1.T + b1
        a1 = self.act(z1)
        p, y = F.softmax(a1 @ W2.T + b2), np.eye(3)[self.labels]
        dz2 = OUTPUT_MISTAKES.get(mistake, lambda p, y: (p - y) / self.n)(p, y)
        dW2 = dz2.T @ a1
        da1 = dz2 @ (W2 - lr * dW2 if mistake == "hidden delta from updated weights" else W2)
        slope = {
            "activation derivative missing": np.ones_like,
            "ReLU mask missing": np.ones_like,
            "derivative at a instead of z": lambda z: self.slope(a1),
            "z in place of a": self.short,
            "ReLU mask inverted": lambda z: (z <= 0) * 1.0,
            "ReLU mask from the gradient": lambda z: (da1 > 0) * 1.0,
        }.get(mistake, self.slope)
        dz1 = da1 * slope(z1)
        rows = {"b1": dz1, "b2": dz2}
        axis = 1 if mistake == "bias summed over the wrong axis" else 0
        grads = {"W1": dz1.T @ self.x, "W2": dW2} | {name: dz.sum(axis=axis) for name, dz in rows.items()}
        return grads, rows

    def check(self, grads, **more):
        return check_network(self.net, self.loss, self.x, self.labels, grads=grads, **more)


def test_the_measured_gradient_of_a_network_agrees_with_autograd():
    two = Two(0)
    W1, b1, W2, b2 = (p.data for p in two.net.parameters())

    def loss(W1, lib):
        scores = lib.dot(1 / (1 + lib.exp(-(lib.dot(two.x, W1.T) + b1))), W2.T) + b2
        return lib.mean(lib.log(lib.sum(lib.exp(scores), axis=1)) - scores[np.arange(two.n), two.labels])

    measured = numerical_gradient(lambda v: loss(v, np), W1)
    np.testing.assert_allclose(measured, autograd.grad(lambda v: loss(v, anp))(W1), rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(measured, two.grads()[0]["W1"], rtol=1e-6, atol=1e-10)


# ---------------------------------------------------------------- check_gradients


def quadratic(w, b=0.0):
    return np.sum(np.asarray(w, dtype=float) ** 2) + 3 * np.sum(b)


def check_one(loss, at, grad, **more):
    """The report on a loss of one array."""
    return check_gradients(loss, {"w": at}, {"w": grad}, **more)


def test_right_gradients_pass():
    w = np.array([[1.0, -2.0], [0.5, 0.0]])
    report = check_gradients(quadratic, {"w": w, "b": 1}, {"w": 2 * w, "b": 3})
    assert report.ok and report.max_error < 1e-8
    assert [check.name for check in report.arrays] == ["w", "b"]
    assert report["w"].diagnosis is None and report["w"].kinks == ()
    assert_gradients_match(quadratic, {"w": w, "b": 1}, {"w": 2 * w, "b": 3})
    assert check_one(quadratic, np.array([1, -3]), np.array([2, -6])).ok  # whole numbers
    with pytest.raises(KeyError, match="no gradient named 'v'"):
        report["v"]


def test_one_wrong_entry_is_found_and_not_explained():
    w = np.array([[1.0, -2.0], [0.5, 0.25]])
    wrong = 2 * w
    wrong[1, 0] += 1e-4
    check = check_one(quadratic, w, wrong)["w"]
    assert not check.ok and check.worst == (1, 0) and check.diagnosis is None
    assert check.analytic == wrong[1, 0] and check.numeric == pytest.approx(1.0)
    assert check.error == pytest.approx(1e-4, rel=1e-3)
    with pytest.raises(AssertionError, match=r"w\[1, 0\]: got 1, expected 1\.\nw: no known mistake"):
        assert_gradients_match(quadratic, {"w": w}, {"w": wrong})


def test_assertion_says_got_expected_where_and_why():
    with pytest.raises(AssertionError, match=r"(?s)w\[2\]: got -6, expected 6\..*sign flipped"):
        assert_gradients_match(quadratic, {"w": [1.0, 2.0, 3.0]}, {"w": [-2.0, -4.0, -6.0]})


def test_nothing_is_written_to():
    w, g, b = np.array([1.0, 2.0]), np.array([2.0, 9.0]), np.array([1.0])

    def rude(w, b):
        total = quadratic(w) * b[0]
        w[...] = b[...] = 0
        return total

    assert not check_gradients(rude, {"w": w, "b": b}, {"w": g, "b": [5.0]}).ok
    assert check_gradients(rude, {"w": w, "b": b}, {"w": 2 * w, "b": [5.0]}).ok
    assert w.tolist() == [1, 2] and g.tolist() == [2, 9] and b.tolist() == [1]


def test_float32_gradients_are_given_their_round_off():
    w = np.random.default_rng(0).normal(size=50).astype(np.float32)
    assert check_one(quadratic, w, (2 * w) * np.float32(1 + 3e-7)).ok
    assert check_one(quadratic, w, 2 * w * np.float32(1 + 1e-5)).ok
    assert not check_one(quadratic, w, 2 * w.astype(float) * (1 + 1e-5)).ok
    assert not check_one(quadratic, w, 2 * w * np.float32(1.001)).ok
    assert named(check_one(quadratic, w, 2 * -w)) == {"sign"}


def test_near_zero_gradients_are_no_false_alarm():
    for size, slopes in ((1.0, [1e-9, -3e-12, 0.0]), (0.0, [1.0, 1e-13, 0.0]), (5.0, [0.0, 0.0, 0.0])):
        assert check_one(lambda w, c=size, s=slopes: c + w @ s, np.ones(3), slopes).ok


def test_slopes_hidden_by_round_off_are_said_to_be_untested():
    slopes = np.array([1e-16, 2e-16])
    report = check_one(lambda w: 1.0 + slopes @ w, np.ones(2), -slopes)
    assert report.ok and report["w"].untested
    assert "not testable" in str(report) and "nothing was tested" in str(report)
    with pytest.raises(AssertionError, match="nothing was tested"):
        assert_gradients_match(lambda w: 1.0 + slopes @ w, {"w": np.ones(2)}, {"w": -slopes})
    half = {"v": 1.0, "w": np.ones(2)}  # v can be tested
    with pytest.raises(AssertionError, match="nothing was tested"):
        assert_gradients_match(lambda v, w: v + slopes @ w, half, {"v": 1.0, "w": -slopes})
    assert_gradients_match(lambda v, w: v + slopes @ w, half, {"v": 1.0, "w": -slopes}, allow_untested=True)
    small = np.array([1e-16, 2e-16, 5e-16])  # where the loss is small, small slopes are tested
    assert named(check_one(lambda w: small @ w, np.ones(3), -small)) == {"sign"}


@pytest.mark.parametrize(("times", "hidden"), [(0.5, True), (2.0, False)])
def test_round_off_hides_what_is_below_it_and_no_more(times, hidden):
    level = times * check_one(lambda w: 1.0 + w, 0.0, 1.0)["w"].noise
    assert (check_one(lambda w: 1.0 + level * w, 0.0, level)["w"].untested != "") is hidden


@pytest.mark.parametrize("factor", [2.3, -1.2, 0.4, -2.1])
def test_no_diagnosis_where_round_off_could_make_it_fit(factor):
    slopes = 3e-9 * np.array([1.0, 2.0, 3.0])
    assert named(check_one(lambda w: 1.0 + slopes @ w, np.ones(3), factor * slopes)) == {None}


@pytest.mark.parametrize(("off", "right"), [(5e-9, True), (5e-8, False)])
def test_entries_far_below_the_largest_are_measured_against_a_hundredth_of_it(off, right):
    slopes = np.array([1.0, 1e-4])
    assert check_one(lambda w: slopes @ w, np.ones(2), slopes + [0, off]).ok is right


def test_strong_bend_is_no_false_alarm():
    for rate, at in ((1e4, 0.3), (600, 0.3), (1e5, 0.0)):  # of the last, both sides agree, not with the truth
        assert check_one(lambda w, rate=rate: np.sin(rate * w), at, rate * np.cos(rate * at)).ok
    assert not check_one(lambda w: np.sin(1e4 * w), 0.3, 1.001e4 * np.cos(3e3)).ok
    report = check_one(lambda w: 1e6 * w**2, 0.0, 1.0)  # the lowest point of a parabola is no kink
    assert not report.ok and report["w"].kinks == ()


def test_what_cannot_be_checked_is_refused():
    rng = np.random.default_rng(0)
    one = {"w": 1.0}
    for refused, message in (
        (lambda: check_gradients(quadratic, one | {"b": 1.0}, {"w": 2.0, "c": 3.0}),
         r"missing: \['b'\], unknown: \['c'\]"),
        (lambda: assert_gradients_match(lambda: 1.0, {}, {}), "at least one array, got none"),
        (lambda: check_gradients(lambda w: np.nan, one, one), "loss must return a finite number"),
        (lambda: check_gradients(lambda w: np.inf, one, one), "loss must return a finite number"),
        (lambda: check_gradients(lambda w: float(w) + rng.normal(), one, one), "with the same seed"),
        (lambda: check_gradients(quadratic, one, {"w": 2.0}, tolerance=0), "tolerance must be .* above 0"),
        (lambda: check_one(lambda w: np.sqrt(w).sum(), [1.0, 0.0], [0.5, 1.0]),
         r"entry \[1\] moved by -6e-06, must return a finite number, got nan"),
        (lambda: diagnose(1.0, np.nan), "truth must be finite"),
        (lambda: diagnose("a", 1.0), "found must hold real numbers"),
        (lambda: diagnose(1.0, 2.0, batch_size=0), "batch_size must be a whole number, at least 1"),
        (lambda: op_mistakes("sigmiod", Z, Z), "name must be one of"),
        (lambda: op_mistakes("relu", Z), "relu needs dout, z: 2 arrays, got 1"),
        (lambda: check_op("linear", F.linear_backward, X, W), "linear needs x, W, b: 3 arrays, got 2"),
        (lambda: check_op("linear", lambda *args: X, X, W, B), "must return 3 gradients"),
        (lambda: check_op("sigmoid", F.sigmoid_backward, Z, dout=[1.0]), "dout must have the shape"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message), np.errstate(invalid="ignore"):
            refused()


# ---------------------------------------------------------------- kinks


def hinge(w):
    return np.maximum(w, 0).sum()


@pytest.mark.parametrize("offset", [1e-6, -1e-6, 5e-6, -5e-6, 1e-7, -1e-7, 3e-8, -3e-8])
def test_kink_within_the_step_is_stepped_around(offset):
    right = float(offset > 0)
    report = check_one(hinge, [offset, 2.0], [right, 1.0])
    assert report.ok and report["w"].kinks == ()
    check = check_one(hinge, [offset, 2.0], [1 - right, 1.0])["w"]
    assert not check.ok and check.worst == (0,) and check.numeric == pytest.approx(right, abs=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0, -0.01, 1.01, 5.0, -1.0])
def test_on_a_kink_any_subgradient_is_right_and_nothing_else_can_be_decided(value):
    report = check_one(hinge, [0.0, 2.0], [value, 1.0])
    (kink,) = report["w"].kinks
    assert kink.index == (0,) and kink.left == pytest.approx(0) and kink.right == pytest.approx(1)
    assert "w[0]: a kink of the loss, slope 0 on the left, 1 on the right" in str(report)
    assert report.ok and ("cannot be decided here" not in str(report)) is (0 <= value <= 1)
    assert not check_one(hinge, [0.0, 2.0], [value, 2.0]).ok  # an entry beside it is none the less tested
    alone = check_one(hinge, [0.0], [value])
    assert bool(alone["w"].untested) is not (0 <= value <= 1)


def test_many_kinks_and_a_wrong_neighbour():
    report = check_one(lambda w: -np.abs(w).sum(), np.zeros(6), np.full(6, 0.5))
    assert report.ok and len(report["w"].kinks) == 6 and "3 more entries sit on a kink" in str(report)
    report = check_one(hinge, [0.0, 2.0, 3.0, 4.0], [0.0, -1.0, -1.0, -1.0])
    assert not report.ok and report["w"].worst == (1,)


def test_relu_network_sitting_on_its_kinks():
    two = Two(0, "relu")
    for p in two.net.parameters()[:2]:  # every pre-activation is exactly 0
        p.data = np.zeros_like(p.data)
    report = check_network(two.net, two.loss, two.x, two.labels)
    assert report["b1"].ok and len(report["b1"].kinks) == 4
    # All examples turn at once: the sum of their subgradients need not lie between the two slopes of W1.
    # That is reported, and no mistake is blamed for it.
    assert all(check.diagnosis is None for check in report.arrays)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_kink_does_not_loosen_the_diagnosis(seed):
    """On a kink the slope is known coarsely; that must not let a mistake pass for an explanation."""
    rng = np.random.default_rng(seed)
    w, slopes = np.array([0.0, *rng.normal(size=6)]), 3 * np.arange(7) + 1
    wrong = ((w > 0) * 2.0 + slopes) * rng.uniform(1.5, 2.5, size=7)
    assert named(check_one(lambda w: 2 * hinge(w) + np.sum(slopes * w), w, wrong)) == {None}


# ---------------------------------------------------------------- printing


def test_report_prints_no_digit_of_round_off():
    two = Two(0)
    text = str(two.check(two.grads()[0]))
    assert text.splitlines() == [
        "4 of 4 gradients agree with centred differences.",
        "gradient  shape   relative error",
        "W1        (4, 3)  below 1e-06",
        "b1        (4,)    below 1e-06",
        "W2        (3, 4)  below 1e-06",
        "b2        (3,)    below 1e-06",
    ]
    assert repr(two.check(two.grads()[0])) == text
    report = check_one(lambda w: np.cos(w).sum(), [0.0, 1.0], [0.5, -np.sin(1.0)])
    assert "w[0]: got 0.5, expected 0." in str(report)
    w = np.array([1.0, 5.0, -5.0, 2.0])  # among equals the largest is the worst, and the first of those
    assert check_one(quadratic, w, -2 * w)["w"].worst == (1,)


@pytest.mark.parametrize(
    "mistake", ["not averaged", "activation derivative missing", "target not subtracted"]
)
def test_report_is_the_same_after_round_off(mistake):
    two = Two(1)
    wrong, _ = two.grads(mistake)
    expected = str(two.check(wrong))
    assert "expected" in expected
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        shaken = {name: g * (1 + 1e-14 * rng.normal(size=g.shape)) for name, g in wrong.items()}
        p = two.net.parameters()[seed % 4]
        p.data = p.data * (1 + 2e-16 * rng.integers(-2, 3, size=p.data.shape))
        assert str(two.check(shaken)) == expected


# ---------------------------------------------------------------- each diagnosis on each operation

rng0 = np.random.default_rng(42)
X, W, B = rng0.normal(size=(5, 3)), rng0.normal(size=(4, 3)), rng0.normal(size=4)
SQUARE = rng0.normal(size=(3, 3))
Z = rng0.normal(size=(5, 4))
LABELS = np.array([0, 1, 2, 3, 1])


def changed(backward, change, which=None):
    """A backward whose result, or one of its results, is changed."""

    def wrong(*args):
        out = backward(*args)
        if which is None:
            return change(out)
        return tuple(change(g) if i == which else g for i, g in enumerate(out))

    return wrong


GENERIC = {  # holds for every operation; n = 5
    "sign": lambda g: -g,
    "factor 2": lambda g: 2 * g,
    "factor 1/2": lambda g: g / 2,
    "not averaged": lambda g: 5 * g,
    "averaged twice": lambda g: g / 5,
    "sign and factor 2": lambda g: -2 * g,
    "sign and factor 1/2": lambda g: -g / 2,
    "sign and not averaged": lambda g: -5 * g,
    "sign and averaged twice": lambda g: -g / 5,
    "factor": lambda g: 1.7 * g,
    "all zero": np.zeros_like,
    "NaN": lambda g: np.where(np.arange(g.size).reshape(g.shape) == 1, np.nan, g),
    "transposed": np.transpose,
}
OPS = ["linear x", "linear W", "linear b", "sigmoid", "softmax_cross_entropy", "network"]


@pytest.mark.parametrize(
    ("op", "mistake"),
    [(op, m) for op in OPS for m in GENERIC if (op, m) != ("linear b", "transposed")],  # a vector has none
)
def test_generic_mistakes_are_named(op, mistake):
    change = GENERIC[mistake]
    if op.startswith("linear"):
        which = "xWb".index(op[-1])
        report, name = check_op("linear", changed(F.linear_backward, change, which), X, W, B), op[-1]
    elif op == "sigmoid":
        report, name = check_op("sigmoid", changed(F.sigmoid_backward, change), Z), "z"
    elif op == "softmax_cross_entropy":
        report, name = check_op(op, changed(F.softmax_cross_entropy_backward, change), Z, LABELS), "logits"
    else:
        two, name = Two(0), "W1"
        grads, _ = two.grads()
        report = two.check(grads | {name: change(grads[name])})
    if op == "network":  # W2, nearer to the loss, is right: no square and no average there can be the cause
        mistake = mistake.replace("factor 2", "added to an old gradient").replace(
            "sign and factor 1/2", "factor"
        )
        mistake = mistake.replace("factor 1/2", "factor")
    assert wrong_in(report) == [name] and named(report) == {mistake}, str(report)
    if change is GENERIC["factor"]:
        assert "1.7 times" in report[name].diagnosis.sentence


def test_a_factor_on_the_whole_network_is_named_everywhere():
    two = Two(0)
    report = two.check(two.grads("not averaged")[0])
    assert wrong_in(report) == ["W1", "b1", "W2", "b2"] and named(report) == {"not averaged"}
    assert str(report).count("times the batch size") == 1  # said once, for all four


OWN_BACKWARD = {  # what somebody writes, in plain NumPy: by operation and mistake
    ("sigmoid", "activation derivative missing"): lambda z: lambda dout, a: dout,
    ("sigmoid", "derivative at a instead of z"): lambda z: lambda dout, a: dout * sigma(a) * (1 - sigma(a)),
    ("sigmoid", "z in place of a"): lambda z: lambda dout, a: dout * z * (1 - z),
    ("tanh", "activation derivative missing"): lambda z: lambda dout, a: dout,
    ("tanh", "derivative at a instead of z"): lambda z: lambda dout, a: dout * (1 - np.tanh(a) ** 2),
    ("tanh", "z in place of a"): lambda z: lambda dout, a: dout * (1 - z * z),
    ("relu", "ReLU mask missing"): lambda z: lambda dout, z: dout,
    ("relu", "ReLU mask inverted"): lambda z: lambda dout, z: dout * (z < 0),
    ("relu", "ReLU mask from the gradient"): lambda z: lambda dout, z: dout * (dout > 0),
}


@pytest.mark.parametrize(("op", "mistake"), OWN_BACKWARD)
@pytest.mark.parametrize("seed", SEEDS)
def test_activation_mistakes(op, mistake, seed):
    z = np.random.default_rng(seed).normal(size=(4, 5))
    assert named(check_op(op, OWN_BACKWARD[op, mistake](z), z)) == {mistake}
    two = Two(seed, op)
    report = two.check(two.grads(mistake)[0])
    assert wrong_in(report) == ["W1", "b1"] and named(report) == {mistake}
    assert f"In layer 2, {op}" in report["W1"].diagnosis.sentence


@pytest.mark.parametrize("mistake", OUTPUT_MISTAKES)
@pytest.mark.parametrize("seed", SEEDS)
def test_softmax_cross_entropy_mistakes(mistake, seed):
    def wrong(logits, labels):
        return OUTPUT_MISTAKES[mistake](F.softmax(logits), np.eye(4)[labels])

    logits = np.random.default_rng(seed).normal(size=(5, 4))
    assert named(check_op("softmax_cross_entropy", wrong, logits, LABELS)) == {mistake}
    two = Two(seed)
    report = two.check(two.grads(mistake)[0])
    assert wrong_in(report) == ["W1", "b1", "W2", "b2"] and named(report) == {mistake}


def test_softmax_alone_and_the_other_losses():
    y, twice = (Z > 0.3) * 1.0, "output derivative twice"
    for report, mistake in (
        (check_op("softmax", lambda dout, p: dout * p * (1 - p), Z), "softmax Jacobian diagonal only"),
        (check_op("binary_cross_entropy", lambda z, y: OUTPUT_MISTAKES[twice](sigma(z), y), Z, y), twice),
        (check_op("mse", lambda y_hat, y: (y_hat - y) / 5, Z, y), "factor 1/2"),
        (check_op("gelu", lambda dout, x: dout, Z), "activation derivative missing"),
        (check_op("leaky_relu", lambda dout, x: dout, Z), "activation derivative missing"),
    ):  # fmt: skip
        assert named(report) == {mistake}


@pytest.mark.parametrize("op", OPERATIONS)
def test_the_packages_own_backward_passes(op):
    takes = OPERATIONS[op].takes
    known = {"W": W, "b": B, "gamma": B, "beta": 2 * B, "labels": LABELS, "y": (Z > 0.3) * 1.0, "E": X}
    known |= {"x": LABELS % len(X)} if op == "embedding" else {}
    args = [known.get(name, X if op == "linear" else Z) for name in takes]
    assert check_op(op, getattr(F, f"{op}_backward"), *args).ok


def test_bias_mistakes():
    for mistake, db in {
        "bias not summed": lambda dout: dout,
        "bias summed over the wrong axis": lambda dout: dout.sum(axis=1),
        "averaged twice": lambda dout: dout.mean(axis=0),
        "shape": lambda dout: dout.sum(axis=0, keepdims=True),
    }.items():
        report = check_op("linear", lambda dout, x, W, db=db: (dout @ W, dout.T @ x, db(dout)), X, W, B)
        assert wrong_in(report) == ["b"] and named(report) == {mistake}
    two = Two(0)
    grads, rows = two.grads()
    report = two.check(grads | rows)
    assert named(report, "b1", "b2") == {"bias not summed"} and "shape, not (4,)" in str(report)
    report = two.check(two.grads("bias summed over the wrong axis")[0])
    assert named(report, "b1") == {"bias summed over the wrong axis"}
    report = two.check(grads | {name: dz.mean(axis=0) for name, dz in rows.items()})
    assert named(report, "b1") == {"averaged twice"}


def test_weights_transposed():
    report = check_op(
        "linear", lambda dout, x, W: (dout @ W.T, dout.T @ x, dout.sum(axis=0)), X, SQUARE, B[:3]
    )
    assert named(report, "x") == {"weights transposed on the way back"}
    for weights in (W, SQUARE):  # a wrong shape, and a wrong square
        wrong = changed(F.linear_backward, np.transpose, 1)
        assert named(check_op("linear", wrong, X, weights, B[: len(weights)]), "W") == {"transposed"}


@pytest.mark.parametrize(
    ("mistake", "sizes", "dW"),
    [
        ("transpose of dz missing", (3, 3, 4), lambda dz, a: dz @ a),
        ("inputs transposed", (4, 3, 4), lambda dz, a: dz.T @ a.T),
        ("transpose of dz missing", (3, 3, 3), lambda dz, a: dz @ a),
        ("inputs transposed", (3, 3, 3), lambda dz, a: dz.T @ a.T),
    ],
)
def test_a_transpose_in_dw_that_shapes_cannot_see(mistake, sizes, dW):
    n, receivers, senders = sizes
    rng = np.random.default_rng(0)
    x, weights, b = rng.normal(size=(n, senders)), rng.normal(size=(receivers, senders)), np.zeros(receivers)
    report = check_op("linear", lambda dout, x, W: (dout @ W, dW(dout, x), dout.sum(axis=0)), x, weights, b)
    assert wrong_in(report) == ["W"] and named(report) == {mistake}
    assert report["W"].diagnosis.alternatives == ()
    net, loss = nn.Sequential(nn.Linear(senders, receivers, rng=rng), nn.Sigmoid()), nn.MSELoss()
    y = rng.uniform(size=(n, receivers))
    a = net.forward(x)
    dz = 2 * (a - y) / n * a * (1 - a)
    report = check_network(net, loss, x, y, grads={"W1": dW(dz, x), "b1": dz.sum(axis=0)})
    assert report["b1"].ok and named(report) == {mistake}


# ---------------------------------------------------------------- weights that moved too early


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("lr", [1e-3, 0.1, 3.0])
@pytest.mark.parametrize("known", [True, False])
def test_hidden_delta_from_updated_weights(activation, lr, known):
    two = Two(2, activation)
    late, _ = two.grads("hidden delta from updated weights", lr=lr)
    report = two.check(late, lr=lr if known else None)
    assert wrong_in(report) == ["W1", "b1"] and named(report) == {"hidden delta from updated weights"}
    assert f"At learning rate {lr:g}:" in report["W1"].diagnosis.sentence
    if known:
        assert two.check(late, lr=2 * lr)["W1"].diagnosis is None


@pytest.mark.parametrize("factor", [1.7, 0.3, -1.0])
def test_one_hidden_unit_is_no_excuse_to_blame_the_update(factor):
    """There the early update multiplies the gradient by a number set by lr, so any factor would fit."""
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(3, 1, rng=rng), nn.Tanh(), nn.Linear(1, 1, rng=rng))
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 1))
    grads = right_gradients(net, nn.MSELoss(), x, y)
    grads |= {name: factor * grads[name] for name in ("W1", "b1")}
    diagnosis = check_network(net, nn.MSELoss(), x, y, grads=grads)["W1"].diagnosis
    assert diagnosis.mistake == ("sign" if factor == -1 else "factor")
    assert diagnosis.alternatives == (("learning rate multiplied in",) if factor == 0.3 else ())


def test_early_update_in_three_layers():
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.Linear(4, 4, rng=rng), nn.ReLU(), nn.Linear(4, 2, rng=rng)
    )
    x, y, loss, lr = rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), nn.MSELoss(), 0.05
    inputs = [x]
    for layer in net.layers:
        inputs.append(layer.forward(inputs[-1]))
    loss.forward(inputs[-1], y)
    kept, grads, dout = net.state_dict(), {}, loss.backward()
    for layer, layer_input in reversed(list(zip(net.layers, inputs[:-1], strict=True))):
        if isinstance(layer, nn.Linear):
            gradients = F.linear_backward(dout, layer_input, layer.W.data)
            grads |= dict(zip((layer.W.name, layer.b.name), gradients[1:], strict=True))
            layer.W.data = layer.W.data - lr * grads[layer.W.name]  # too early
        dout = layer.backward(dout)
    net.load_state_dict(kept)
    report = check_network(net, loss, x, y, grads=grads)
    assert wrong_in(report) == ["W1", "b1", "W2", "b2"]
    assert named(report) == {"hidden delta from updated weights"}


def test_weights_that_were_moved_the_wrong_way_are_not_called_early():
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.Linear(4, 2, rng=rng))
    x, y, loss = rng.normal(size=(5, 3)), rng.normal(size=(5, 2)), nn.MSELoss()
    right, kept = right_gradients(net, loss, x, y), net.state_dict()
    loss(net(x), y)
    net[2].W.data = net[2].W.data + 0.5 * right["W2"]
    net.backward(loss.backward())
    late = {p.name: p.grad.copy() for p in net.parameters()} | {"W2": right["W2"], "b2": right["b2"]}
    net.load_state_dict(kept)
    report = check_network(net, loss, x, y, grads=late)
    assert not report.ok and "learning rate -" not in str(report)


# ---------------------------------------------------------------- diagnose


def test_given_mistakes_come_first_and_alternatives_are_named():
    truth = np.array([1.0, 2.0])
    found = diagnose(2 * truth, truth, batch_size=2, mistakes={"forgot the half": 2 * truth, "other": truth})
    assert found.mistake == "forgot the half"
    rest = ("not averaged", "factor 2", "added to an old gradient", "dropout scale twice")
    assert found.alternatives == rest
    assert str(found).endswith(f"(The same numbers also come from: {'; '.join(rest)}.)")
    assert diagnose([[1.0, 2.0]], truth).mistake == "shape"
    assert diagnose([[1.0, 2.0]], truth).alternatives == ("bias not summed",)
    assert diagnose([[1.0, 2.0]], truth, batch_size=2).alternatives == ()
    mistakes = {"squared the slope": {"w": [4.0, 16.0]}, "another": {"b": 1.0}}
    report = check_gradients(
        quadratic, {"w": [1.0, 2.0], "b": 0.0}, {"w": [4.0, 16.0], "b": 3.0}, mistakes=mistakes
    )
    assert named(report) == {"squared the slope"}
    assert "squared the slope" in report["w"].diagnosis.sentence


def test_scalars():
    for found, mistake in (
        (-0.25, "sign"), (0.5, "factor 2"), (0.0, "all zero"), (float("nan"), "NaN"), ([0.25], "shape"),
    ):  # fmt: skip
        assert diagnose(found, 0.25).mistake == mistake
    assert diagnose(1.0, 0.25, batch_size=4).mistake == "not averaged"
    assert diagnose(0.25, 0.25) is None
    assert diagnose(0.3, 0.25) is None  # any single number is "a factor": say nothing


def test_unnamed_factor_needs_three_different_numbers():
    for truth in ([1.0, 2.0], [1.0, 1.0, 1.0], 1 + 1e-9 * np.arange(3), [1.0, 2.0, 0.0, 0.0]):
        assert diagnose(1.7 * np.array(truth), truth) is None
    assert diagnose(-1.7 * np.array([1.0, 2.0, 3.0]), [1.0, 2.0, 3.0]).mistake == "factor"


def test_rtol_serves_rounded_answers():
    assert diagnose(-0.3333, 1 / 3) is None
    assert diagnose(-0.3333, 1 / 3, rtol=1e-3).mistake == "sign"
    assert diagnose(0.3333, 1 / 3, rtol=1e-3) is None


def test_the_table_names_each_mistake_once():
    assert len(MISTAKES) == len(TABLE) and len({row.sentence for row in TABLE}) == len(TABLE)
    operations = {operation for row in TABLE for operation in row.rules}
    assert operations <= OPERATIONS.keys() | {"gradient", "early update", "dropout", "residual", "slope"}
    assert all(row.sentence.endswith(".") for row in TABLE)


# ---------------------------------------------------------------- no diagnosis where none fits


def shuffled(g, rng):
    wrong = g.copy()
    while np.array_equal(wrong, g):
        wrong = rng.permutation(g.ravel()).reshape(g.shape)
    return wrong


def noise_in_one_entry(g, rng):
    wrong = g.copy()
    index = tuple(rng.integers(s) for s in g.shape)
    wrong[index] += rng.normal() * np.abs(g).max()
    return wrong


UNKNOWN = {
    "noise in one entry": noise_in_one_entry,
    "entries shuffled": shuffled,
    "flipped sign in half of the entries": lambda g, rng: (
        g * np.where(np.arange(g.size).reshape(g.shape) % 2, 1, -1)
    ),
    "unrelated numbers": lambda g, rng: rng.normal(size=g.shape),
    "a constant added": lambda g, rng: g + 0.1,
    "a factor that grows": lambda g, rng: g * np.linspace(1.5, 2.5, g.size).reshape(g.shape),
    "unrelated numbers, wrong shape": lambda g, rng: rng.normal(size=(5, *g.shape)),
    "squared": lambda g, rng: g**2,
}


@pytest.mark.parametrize("change", UNKNOWN)
@pytest.mark.parametrize("seed", SEEDS)
def test_unknown_mistakes_are_not_named(change, seed):
    rng = np.random.default_rng(seed)
    wrong = UNKNOWN[change]
    reports = [
        check_op("linear", lambda *a: tuple(wrong(g, rng) for g in F.linear_backward(*a)), X, W, B),
        check_op("sigmoid", lambda *a: wrong(F.sigmoid_backward(*a), rng), Z),
        check_op(
            "softmax_cross_entropy", lambda *a: wrong(F.softmax_cross_entropy_backward(*a), rng), Z, LABELS
        ),
    ]
    for activation in SLOPES:
        two = Two(seed, activation)
        reports.append(two.check({name: wrong(g, rng) for name, g in two.grads()[0].items()}))
        assert not any(check.ok for check in reports[-1].arrays)
    for report in reports:
        assert named(report) == {None}, str(report)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_mistakes_at_once_are_not_named(seed):
    two = Two(seed)
    missing, _ = two.grads("activation derivative missing")
    for change in (lambda g: -g, lambda g: g / 5, lambda g: 3 * g):
        report = two.check({name: change(g) for name, g in missing.items()})
        assert named(report, "W1", "b1") == {None}, str(report)
    grads, _ = two.grads()
    for change in (lambda g: -g.T, lambda g: 2 * g.T, lambda g: np.where(g > 0, g, 0)):
        assert two.check(grads | {"W2": change(grads["W2"])})["W2"].diagnosis is None


@pytest.mark.parametrize("activation", SLOPES)
def test_correct_gradients_have_no_diagnosis(activation):
    for seed in SEEDS:
        two = Two(seed, activation)
        grads, _ = two.grads()
        report = two.check(grads)
        assert report.ok and all(check.diagnosis is None for check in report.arrays)
        assert all(diagnose(g, g * (1 + 1e-12), batch_size=5) is None for g in grads.values())


arrays_of_numbers = st.tuples(st.integers(2, 6), st.integers(2, 6), st.integers(0, 2**32 - 1))


@given(arrays_of_numbers)
@settings(deadline=None)
def test_property_noise_is_never_explained(spec):
    rows, columns, seed = spec
    rng = np.random.default_rng(seed)
    truth, dout, z = rng.normal(size=(3, rows, columns))
    mistakes = {
        name: g["z"] for op in ("sigmoid", "tanh", "relu") for name, g in op_mistakes(op, dout, z).items()
    }
    others = {"another": rng.normal(size=truth.shape)}
    for found in (
        rng.normal(size=truth.shape),
        truth + 1e-3 * rng.normal(size=truth.shape),
        -truth + 1e-3 * rng.normal(size=truth.shape),
        1.7 * truth + 1e-4 * rng.normal(size=truth.shape),
        rng.normal(size=truth.T.shape),
    ):
        assert diagnose(found, truth, batch_size=7, others=others, mistakes=mistakes) is None


@given(arrays_of_numbers, st.floats(-8, 8))
@settings(deadline=None)
def test_property_each_mistake_is_recognised_in_random_numbers(spec, scale):
    rows, columns, seed = spec
    rng = np.random.default_rng(seed)
    truth = 10**scale * rng.normal(size=(rows, columns))
    other = rng.normal(size=truth.shape)
    assert diagnose(truth, truth, batch_size=7) is None
    for mistake, change in GENERIC.items():
        wrong = np.array(change(truth)) * (7 / 5 if "not averaged" in mistake else 1)
        wrong = wrong * (5 / 7 if "averaged twice" in mistake else 1)
        assert diagnose(wrong, truth, batch_size=7).mistake == mistake
    assert diagnose(other, truth, others={"V": other}).mistake == "another parameter"
    assert diagnose(truth, truth.sum(axis=0)).mistake == "bias not summed"


@given(arrays_of_numbers)
@settings(deadline=None)
def test_property_each_rule_is_recognised_in_random_numbers(spec):
    rows, columns, seed = spec
    rng = np.random.default_rng(seed)
    dout, z = rng.normal(size=(2, rows, columns))
    for op in ("sigmoid", "tanh", "relu", "softmax"):
        saved = z if op == "relu" else getattr(F, op)(z)
        truth = getattr(F, f"{op}_backward")(dout, saved)
        wrong = {name: g["z"] for name, g in op_mistakes(op, dout, z).items()}
        for name, array in wrong.items():
            found = diagnose(array, truth, mistakes=wrong)
            if np.array_equal(array, truth):
                assert found is None
            else:
                assert name == found.mistake or name in found.alternatives
