"""The gradient check: measures right, prints stable digits, names each known mistake and no unknown one."""

import re

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
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
    directional_check,
    numerical_gradient,
    op_mistakes,
    relative_error,
)
from bphelpers.teaching.trace import HalfSquares

SEEDS = range(5)


# ---------------------------------------------------------------- a two-layer network written out by hand


def sigma(z):
    return 1 / (1 + np.exp(-z))


SLOPES = {
    "sigmoid": (nn.Sigmoid, sigma, lambda z: sigma(z) * (1 - sigma(z)), lambda a: a * (1 - a)),
    "tanh": (nn.Tanh, np.tanh, lambda z: 1 - np.tanh(z) ** 2, lambda a: 1 - a * a),
    "relu": (nn.ReLU, lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0, None),
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
        p = F.softmax(a1 @ W2.T + b2)
        y = np.eye(3)[self.labels]
        dz2 = (p - y) / self.n
        if mistake == "softmax Jacobian diagonal only":
            dz2 = (-y / p / self.n) * p * (1 - p)
        if mistake == "output derivative twice":
            dz2 = dz2 * p * (1 - p)
        if mistake == "target not subtracted":
            dz2 = p / self.n
        if mistake == "not averaged":
            dz2 = dz2 * self.n
        dW2 = dz2.T @ a1
        back = W2 - lr * dW2 if mistake == "hidden delta from updated weights" else W2
        da1 = dz2 @ back
        slope = self.slope(z1)
        if mistake in ("activation derivative missing", "ReLU mask missing"):
            slope = np.ones_like(z1)
        if mistake == "derivative at a instead of z":
            slope = self.slope(a1)
        if mistake == "z in place of a":
            slope = self.short(z1)
        if mistake == "ReLU mask inverted":
            slope = (z1 <= 0) * 1.0
        if mistake == "ReLU mask from the gradient":
            slope = (da1 > 0) * 1.0
        dz1 = da1 * slope
        grads = {"W1": dz1.T @ self.x, "b1": dz1.sum(axis=0), "W2": dW2, "b2": dz2.sum(axis=0)}
        rows = {"b1": dz1, "b2": dz2}
        if mistake == "bias summed over the wrong axis":
            grads |= {name: dz.sum(axis=1) for name, dz in rows.items()}
        return grads, rows

    def check(self, grads, **more):
        return check_network(self.net, self.loss, self.x, self.labels, grads=grads, **more)


# ---------------------------------------------------------------- numerical_gradient


def test_centred_differences_agree_with_autograd():
    rng = np.random.default_rng(3)
    A = rng.normal(size=(4, 3))

    def f(x, lib):
        return lib.sum(lib.tanh(lib.dot(A, x)) ** 2) + lib.exp(lib.sin(x[0, 1]) * x[2, 0])

    for seed in SEEDS:
        x = np.random.default_rng(seed).normal(size=(3, 2))
        expected = autograd.grad(lambda v: f(v, anp))(x)
        np.testing.assert_allclose(numerical_gradient(lambda v: f(v, np), x), expected, rtol=1e-7, atol=1e-9)


def test_network_loss_agrees_with_autograd():
    two = Two(0)
    W1, b1, W2, b2 = (p.data for p in two.net.parameters())

    def loss(W1, lib):
        scores = lib.dot(1 / (1 + lib.exp(-(lib.dot(two.x, W1.T) + b1))), W2.T) + b2
        return lib.mean(lib.log(lib.sum(lib.exp(scores), axis=1)) - scores[np.arange(two.n), two.labels])

    measured = numerical_gradient(lambda v: loss(v, np), W1)
    np.testing.assert_allclose(measured, autograd.grad(lambda v: loss(v, anp))(W1), rtol=1e-6, atol=1e-10)
    np.testing.assert_allclose(measured, two.grads()[0]["W1"], rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32, np.float64])
def test_inputs_are_promoted_and_never_written_to(dtype):
    x = np.array([[1, 2], [3, 4]], dtype=dtype)
    x.flags.writeable = False

    def f(v):
        assert v.dtype == np.float64 and v is not x
        total = (v**2).sum()
        v[...] = 0  # a rude function cannot spoil the next evaluation
        return total

    gradient = numerical_gradient(f, x)
    assert gradient.dtype == np.float64
    np.testing.assert_allclose(gradient, 2 * x.astype(float), rtol=1e-9)


def test_scalars_lists_and_empty_arrays():
    assert numerical_gradient(lambda w: w**2, 3).shape == ()
    assert float(numerical_gradient(lambda w: w**2, 3)) == pytest.approx(6)
    assert numerical_gradient(lambda w: w.sum(), [1, 2]).tolist() == pytest.approx([1, 1])
    assert numerical_gradient(lambda w: 1.0, np.zeros((0, 3))).shape == (0, 3)


def test_step_grows_with_the_entry():
    assert float(numerical_gradient(lambda w: w**2, 1e9)) == pytest.approx(2e9, rel=1e-6)
    assert float(numerical_gradient(np.sin, 1e-9)) == pytest.approx(1, rel=1e-9)


def test_step_can_be_chosen():
    errors = [abs(float(numerical_gradient(np.exp, 0.0, h=h)) - 1) for h in (1e-1, 1e-5, 1e-13)]
    assert errors[1] < 1e-9 < errors[0] and errors[1] < errors[2]


@pytest.mark.parametrize("h", [0.0, -1e-5, np.nan, np.inf, 1e-30])
def test_useless_steps_are_refused(h):
    with pytest.raises(ValueError, match="h must be positive"):
        numerical_gradient(np.sin, 1.0, h=h)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (np.ones(3), re.escape("an array of shape (3,)")),
        (np.ones((1, 1)), re.escape("an array of shape (1, 1)")),
        (np.nan, "finite number, got nan"),
        (np.inf, "finite number, got inf"),
        (None, "one real number, got None"),
        (1j, "one real number, got 1j"),
        (np.float32(1), "float32, too coarse"),
    ],
)
def test_what_is_not_one_finite_number_is_refused(result, message):
    with pytest.raises(ValueError, match=message):
        numerical_gradient(lambda x: result, [1.0])


@pytest.mark.parametrize("method", ["centred", "forward", "complex"])
def test_a_point_that_is_not_finite_is_refused(method):
    with pytest.raises(ValueError, match="x must hold finite numbers"):
        numerical_gradient(np.sum, [1.0, np.nan], method=method)


def test_words_are_refused():
    with pytest.raises(ValueError, match="x must hold real numbers"):
        numerical_gradient(lambda x: 0.0, ["a"])


# ---------------------------------------------------------------- one-sided and complex steps


METHODS = ("centred", "forward", "complex")
SMOOTH = {
    "neuron": lambda v: 0.5 * (1 / (1 + np.exp(-(v @ [0.1, 0.3, 1.0]))) - 0.03) ** 2,
    "waves": lambda v: np.sum(np.tanh(v) ** 2) + np.exp(np.sin(v[0]) * v[2]),
    "large": lambda v: 1e9 + np.sum(v**3),
    "flat": lambda v: 0.0 * v[0] + 2.0,
    "wild": lambda v: np.sin(1e6 * v).sum(),
    "near the end of a domain": lambda v: np.log(v - 0.2 + 1e-6).sum(),
}


def exactly(f, x):
    """The gradient by complex steps written out, without the package's guards."""
    return np.array([f(x + 1e-25j * row).imag / 1e-25 for row in np.eye(len(x))])


@pytest.mark.parametrize("name", ["neuron", "waves"])
@pytest.mark.parametrize(("method", "rtol"), [("forward", 1e-6), ("centred", 1e-8), ("complex", 1e-14)])
def test_each_method_is_as_good_as_it_says(name, method, rtol):
    f = SMOOTH[name]
    for seed in SEEDS:
        x = np.random.default_rng(seed).normal(size=3)
        np.testing.assert_allclose(
            numerical_gradient(f, x, method=method), exactly(f, x), rtol=rtol, atol=rtol
        )


@pytest.mark.parametrize("name", SMOOTH)
def test_the_complex_step_raises_no_false_alarm(name):
    x = np.array([0.5, 0.2, 1.83])
    with np.errstate(all="ignore"):
        assert np.array_equal(numerical_gradient(SMOOTH[name], x, h=1e-25, method="complex"),
                              exactly(SMOOTH[name], x))  # fmt: skip


def test_a_large_complex_step_is_crude_and_no_cause_for_alarm():
    assert numerical_gradient(np.sin, 1.0, 0.125, "complex") == np.sin(1 + 0.125j).imag / 0.125


@pytest.mark.parametrize("h", [1e-6, 1e-10, 1e-20])
def test_steps_up_to_a_millionth_are_compared(h):
    with pytest.raises(ValueError, match="not analytic"):
        numerical_gradient(lambda v: v * np.conj(v), 1.0, h, "complex")


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda v: v[0] ** 3 + 5e-7 * v[1] * np.conj(v[1]), [0.0, 1.0]),  # two steps differ 300 times less
        (lambda v: v @ np.conj(v), [1e9, 1e9]),  # steps that do not grow with x drown in round-off
    ],
)
def test_a_small_spoilt_part_is_seen(f, x):
    with pytest.raises(ValueError, match="not analytic"):
        numerical_gradient(f, x, method="complex")


def test_what_the_comparison_cannot_see_is_as_documented():
    assert numerical_gradient(lambda v: v * np.conj(v), 1.0, 1e-5, "complex") == 0  # nothing compared
    spoilt = numerical_gradient(lambda v: 1e7 * v[0] + v[1] * np.conj(v[1]), [1.0, 1.0], method="complex")
    assert spoilt[1] == 0  # a millionth of the largest is 10, the truth is 2
    assert numerical_gradient(lambda v: np.maximum(v, 0) ** 2, 1.0, method="complex") == 2  # no kink near


def test_methods_by_hand():
    h = 2.0**-20  # a power of two: 1 + h is exact
    assert numerical_gradient(np.exp, 1.0, h, "forward") == (np.exp(1 + h) - np.exp(1.0)) / h
    assert numerical_gradient(np.exp, 1.0, h, "centred") == (np.exp(1 + h) - np.exp(1 - h)) / (2 * h)
    assert numerical_gradient(np.exp, 1.0, h, "complex") == np.exp(1 + 1j * h).imag / h
    assert numerical_gradient(np.exp, 1.0, h) == numerical_gradient(np.exp, 1.0, h, method="centred")


def test_default_steps_and_calls():
    moved: dict[str, list[float]] = {}
    for method in METHODS:
        seen = moved[method] = []
        numerical_gradient(lambda v, s=seen: [s.append(v[0] - 8), v[0] * v[1]][1], [8.0, 1.0], method=method)
    eps = np.finfo(float).eps
    assert max(moved["forward"]) == pytest.approx(8 * eps ** (1 / 2), rel=1e-6) and len(moved["forward"]) == 3
    assert max(moved["centred"]) == pytest.approx(8 * eps ** (1 / 3), rel=1e-6) and len(moved["centred"]) == 4
    assert moved["complex"][0] == 1e-20j and len(moved["complex"]) == 2 + 4


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float64])
def test_every_method_promotes_and_never_writes(method, dtype):
    x = np.array([[1, 2], [3, 4]], dtype=dtype)
    x.flags.writeable = False

    def f(v):
        total = (v**2).sum()
        v[...] = 0
        return total

    gradient = numerical_gradient(f, x, method=method)
    assert gradient.dtype == np.float64
    np.testing.assert_allclose(gradient, 2 * x.astype(float), rtol=1e-6)
    assert numerical_gradient(lambda v: 1.0 + v.sum(), np.zeros((0, 3)), method=method).shape == (0, 3)
    assert numerical_gradient(lambda v: v * v, 3, method=method).shape == ()


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda v: np.abs(v).sum(), "one complex number, got the real number 3"),
        (lambda v: v.real.sum(), "one complex number, got the real number 3"),
        (lambda v: 1.0, "one complex number, got the real number 1"),
        (lambda v: float(v[0]), "got an imaginary part dropped on the way"),
        (lambda v: v.astype(float).sum(), "got an imaginary part dropped on the way"),
        (lambda v: (v * v.conj()).sum(), "not analytic at x, or has a kink"),
        (lambda v: v[0] + np.abs(v[1]), "not analytic at x, or has a kink"),
        (lambda v: v[0] + np.maximum(v[1] - 2, 0), "not analytic at x, or has a kink"),
        (lambda v: v, re.escape("one complex number, got an array of shape (2,)")),
        (lambda v: v.sum() * np.nan, "finite number, got"),
        (lambda v: v.sum().astype(np.complex64), "of dtype complex64"),
        (lambda v: None, "one complex number, got None"),
        (lambda v: F.sigmoid(v).sum(), "z must hold real numbers, got dtype complex128"),
    ],
)
def test_what_spoils_a_complex_step_is_named(f, message):
    with pytest.raises(ValueError, match=message):
        numerical_gradient(f, [1.0, 2.0], method="complex")


@pytest.mark.parametrize("h", [0.0, -1e-5, np.nan, np.inf, 1e-200])
def test_useless_complex_steps_are_refused(h):
    with pytest.raises(ValueError, match="h must be positive"):
        numerical_gradient(np.sin, 1.0, h, "complex")


def test_unknown_methods_are_refused():
    with pytest.raises(ValueError, match="method must be 'centred', 'forward' or 'complex', got 'central'"):
        numerical_gradient(np.sin, 1.0, method="central")


# ---------------------------------------------------------------- relative_error


def test_relative_error_by_hand():
    error = relative_error([1, 1, -1, 0, 0, 2e-9, np.nan, np.inf], [1, 2, 1, 5, 0, 1e-9, 1, np.inf])
    np.testing.assert_allclose(error, [0, 0.5, 2, 1, 0, 0.1, np.inf, np.inf])
    assert relative_error(1.0, 4.0).shape == () and float(relative_error(1.0, 4.0)) == 0.75
    assert float(relative_error(0.0, 1e-9, floor=1e-3)) == pytest.approx(1e-6)


def test_relative_error_does_not_broadcast():
    with pytest.raises(ValueError, match=re.escape("got (2, 1) and (2,)")):
        relative_error([[1.0], [2.0]], [1.0, 2.0])
    with pytest.raises(ValueError, match="floor must be positive"):
        relative_error(1.0, 1.0, floor=0)


# ---------------------------------------------------------------- check_gradients


def quadratic(w, b=0.0):
    return np.sum(np.asarray(w, dtype=float) ** 2) + 3 * np.sum(b)


def test_right_gradients_pass():
    w = np.array([[1.0, -2.0], [0.5, 0.0]])
    report = check_gradients(quadratic, {"w": w, "b": 1}, {"w": 2 * w, "b": 3})
    assert report.ok and report.max_error < 1e-8
    assert [check.name for check in report.arrays] == ["w", "b"]
    assert report["w"].diagnosis is None and report["w"].kinks == ()
    assert_gradients_match(quadratic, {"w": w, "b": 1}, {"w": 2 * w, "b": 3})


def test_one_wrong_entry_is_found_and_not_explained():
    w = np.array([[1.0, -2.0], [0.5, 0.25]])
    wrong = 2 * w
    wrong[1, 0] += 1e-4
    report = check_gradients(quadratic, {"w": w}, {"w": wrong})
    check = report["w"]
    assert not report.ok and check.worst == (1, 0) and check.diagnosis is None
    assert check.analytic == wrong[1, 0] and check.numeric == pytest.approx(1.0)
    assert check.error == pytest.approx(1e-4, rel=1e-3)
    with pytest.raises(AssertionError, match=r"w\[1, 0\]: got 1, expected 1\.\nw: no known mistake"):
        assert_gradients_match(quadratic, {"w": w}, {"w": wrong})


def test_assertion_says_got_expected_where_and_why():
    with pytest.raises(AssertionError) as caught:
        assert_gradients_match(quadratic, {"w": [1.0, 2.0, 3.0]}, {"w": [-2.0, -4.0, -6.0]})
    text = str(caught.value)
    assert "w[2]: got -6, expected 6." in text and "sign flipped" in text


def test_missing_and_unknown_names():
    with pytest.raises(ValueError, match=r"missing: \['b'\], unknown: \['c'\]"):
        check_gradients(quadratic, {"w": 1.0, "b": 1.0}, {"w": 2.0, "c": 3.0})
    with pytest.raises(ValueError, match="at least one array, got none"):
        assert_gradients_match(lambda: 1.0, {}, {})
    with pytest.raises(KeyError, match="no gradient named 'v'"):
        check_gradients(quadratic, {"w": 1.0}, {"w": 2.0})["v"]


def test_nothing_is_written_to():
    w, g = np.array([1.0, 2.0]), np.array([2.0, 9.0])

    def rude(w, b):
        total = quadratic(w) * b[0]
        w[...] = b[...] = 0
        return total

    b = np.array([1.0])
    assert not check_gradients(rude, {"w": w, "b": b}, {"w": g, "b": [5.0]}).ok
    assert check_gradients(rude, {"w": w, "b": b}, {"w": 2 * w, "b": [5.0]}).ok
    assert w.tolist() == [1, 2] and g.tolist() == [2, 9] and b.tolist() == [1]


def test_integer_and_float32_parameters():
    report = check_gradients(quadratic, {"w": np.array([1, -3])}, {"w": np.array([2, -6])})
    assert report.ok
    w = np.random.default_rng(0).normal(size=50).astype(np.float32)
    rounded = (2 * w) * np.float32(1 + 3e-7)
    assert check_gradients(quadratic, {"w": w}, {"w": rounded}).ok
    assert check_gradients(quadratic, {"w": w}, {"w": 2 * w * np.float32(1 + 1e-5)}).ok
    assert not check_gradients(quadratic, {"w": w}, {"w": 2 * w.astype(float) * (1 + 1e-5)}).ok
    assert check_gradients(quadratic, {"w": w}, {"w": 2 * -w})["w"].diagnosis.mistake == "sign"
    assert not check_gradients(quadratic, {"w": w}, {"w": 2 * w * np.float32(1.001)}).ok


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_loss_that_is_not_finite(value):
    with pytest.raises(ValueError, match="loss must return a finite number"):
        check_gradients(lambda w: value, {"w": 1.0}, {"w": 1.0})


def test_loss_that_becomes_nan_nearby_says_where():
    with (
        np.errstate(invalid="ignore"),
        pytest.raises(ValueError, match=r"entry \[1\] moved by -6e-06, must return a finite number, got nan"),
    ):
        check_gradients(lambda w: np.sqrt(w).sum(), {"w": [1.0, 0.0]}, {"w": [0.5, 1.0]})


def test_loss_that_changes_by_itself():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=re.escape("net.eval()")):
        check_gradients(lambda w: float(w) + rng.normal(), {"w": 1.0}, {"w": 1.0})


def test_near_zero_gradients_are_no_false_alarm():
    tiny = np.array([1e-9, -3e-12, 0.0])
    report = check_gradients(lambda w: 1.0 + tiny @ w, {"w": np.ones(3)}, {"w": tiny})
    assert report.ok
    # One entry far below its neighbours.
    slopes = np.array([1.0, 1e-13, 0.0])
    assert check_gradients(lambda w: slopes @ w, {"w": np.ones(3)}, {"w": slopes}).ok
    assert check_gradients(lambda w: 5.0, {"w": np.ones(3)}, {"w": np.zeros(3)}).ok


def test_slopes_hidden_by_round_off_are_said_to_be_untested():
    slopes = np.array([1e-16, 2e-16])
    report = check_gradients(lambda w: 1.0 + slopes @ w, {"w": np.ones(2)}, {"w": -slopes})
    assert report.ok and report["w"].hidden
    assert "not testable" in str(report) and "nothing was tested" in str(report)
    with pytest.raises(AssertionError, match="nothing was tested"):
        assert_gradients_match(lambda w: 1.0 + slopes @ w, {"w": np.ones(2)}, {"w": -slopes})
    half = {"v": 1.0, "w": np.ones(2)}  # v can be tested
    assert_gradients_match(lambda v, w: v + slopes @ w, half, {"v": 1.0, "w": -slopes})


@pytest.mark.parametrize(("times", "hidden"), [(0.5, True), (2.0, False)])
def test_round_off_hides_what_is_below_it_and_no_more(times, hidden):
    level = times * check_gradients(lambda w: 1.0 + w, {"w": 0.0}, {"w": 1.0})["w"].noise
    report = check_gradients(lambda w: 1.0 + level * w, {"w": 0.0}, {"w": level})
    assert report["w"].hidden is hidden


def test_no_diagnosis_where_round_off_could_make_it_fit():
    slopes = 3e-9 * np.array([1.0, 2.0, 3.0])
    for factor in (2.3, -1.2, 0.4, -2.1):
        report = check_gradients(lambda w: 1.0 + slopes @ w, {"w": np.ones(3)}, {"w": factor * slopes})
        assert not report.ok and report["w"].diagnosis is None, str(report)


def test_entries_far_below_the_largest_are_measured_against_a_hundredth_of_it():
    slopes = np.array([1.0, 1e-4])
    for off, right in ((5e-9, True), (5e-8, False)):
        report = check_gradients(lambda w: slopes @ w, {"w": np.ones(2)}, {"w": slopes + [0, off]})
        assert report.ok is right


def test_small_gradients_are_tested_where_the_loss_is_small():
    slopes = np.array([1e-16, 2e-16, 5e-16])
    report = check_gradients(lambda w: slopes @ w, {"w": np.ones(3)}, {"w": -slopes})
    assert report["w"].diagnosis.mistake == "sign"


def test_strong_bend_is_no_false_alarm():
    def loss(w):
        return np.sin(1e4 * w)

    assert check_gradients(loss, {"w": 0.3}, {"w": 1e4 * np.cos(3e3)}).ok
    assert not check_gradients(loss, {"w": 0.3}, {"w": 1.001e4 * np.cos(3e3)}).ok
    # The plain centred difference is 2e-6 off here, twice the tolerance.
    assert check_gradients(lambda w: np.sin(600 * w), {"w": 0.3}, {"w": 600 * np.cos(180)}).ok
    # At its zero a sine is symmetric: the two sides agree with each other and not yet with the truth.
    assert check_gradients(lambda w: np.sin(1e5 * w), {"w": 0.0}, {"w": 1e5}).ok
    # The lowest point of a parabola is no kink.
    report = check_gradients(lambda w: 1e6 * w**2, {"w": 0.0}, {"w": 1.0})
    assert not report.ok and report["w"].kinks == ()


# ---------------------------------------------------------------- kinks


def hinge(w):
    return np.maximum(w, 0).sum()


@pytest.mark.parametrize("offset", [1e-6, -1e-6, 5e-6, -5e-6, 1e-7, -1e-7, 3e-8, -3e-8])
def test_kink_within_the_step_is_stepped_around(offset):
    right = float(offset > 0)
    report = check_gradients(hinge, {"w": [offset, 2.0]}, {"w": [right, 1.0]})
    assert report.ok and report["w"].kinks == ()
    report = check_gradients(hinge, {"w": [offset, 2.0]}, {"w": [1 - right, 1.0]})
    assert (
        not report.ok and report["w"].worst == (0,) and report["w"].numeric == pytest.approx(right, abs=1e-6)
    )


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_on_a_kink_any_subgradient_is_right(value):
    report = check_gradients(hinge, {"w": [0.0, 2.0]}, {"w": [value, 1.0]})
    assert report.ok
    (kink,) = report["w"].kinks
    assert kink.index == (0,) and kink.left == pytest.approx(0) and kink.right == pytest.approx(1)
    assert "w[0]: a kink of the loss, slope 0 on the left, 1 on the right" in str(report)


@pytest.mark.parametrize("value", [-0.01, 1.01, 5.0, -1.0])
def test_on_a_kink_other_values_are_wrong(value):
    report = check_gradients(hinge, {"w": [0.0, 2.0]}, {"w": [value, 1.0]})
    assert not report.ok and report["w"].worst == (0,)
    assert len(report["w"].kinks) == 1
    assert report["w"].numeric == pytest.approx(np.clip(value, 0, 1))


def test_concave_kink_and_many_kinks():
    report = check_gradients(lambda w: -np.abs(w).sum(), {"w": np.zeros(6)}, {"w": np.full(6, 0.5)})
    assert report.ok and len(report["w"].kinks) == 6
    assert "3 more entries sit on a kink" in str(report)


def test_kink_does_not_hide_a_wrong_neighbour():
    report = check_gradients(hinge, {"w": [0.0, 2.0, 3.0, 4.0]}, {"w": [0.0, -1.0, -1.0, -1.0]})
    assert not report.ok and report["w"].worst == (1,)


def test_relu_network_sitting_on_its_kinks():
    two = Two(0, "relu")
    for name in ("W1", "b1"):  # every pre-activation is exactly 0
        p = next(p for p in two.net.parameters() if p.name == name)
        p.data = np.zeros_like(p.data)
    report = check_network(two.net, two.loss, two.x, two.labels)
    assert report["b1"].ok and len(report["b1"].kinks) == 4
    # All examples turn at once: the sum of their subgradients need not lie between the two slopes of W1.
    # That is reported, and no mistake is blamed for it.
    assert all(check.diagnosis is None for check in report.arrays)


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


def test_worst_entry_among_equals_is_the_largest():
    w = np.array([1.0, 5.0, -5.0, 2.0])
    assert check_gradients(quadratic, {"w": w}, {"w": -2 * w})["w"].worst == (1,)


def test_right_zero_prints_as_zero():
    report = check_gradients(lambda w: np.cos(w).sum(), {"w": [0.0, 1.0]}, {"w": [0.5, -np.sin(1.0)]})
    assert "w[0]: got 0.5, expected 0." in str(report)


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
    [
        (op, m) for op in OPS for m in GENERIC if (op, m) != ("linear b", "transposed")
    ],  # a vector has no transpose
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
    assert not report.ok
    assert report[name].diagnosis is not None, str(report)
    assert report[name].diagnosis.mistake == mistake
    assert all(check.ok for check in report.arrays if check.name != name)
    if mistake == "factor":
        assert "1.7 times" in report[name].diagnosis.sentence


def test_a_factor_on_the_whole_network_is_named_everywhere():
    two = Two(0)
    report = two.check(two.grads("not averaged")[0])
    assert {check.diagnosis.mistake for check in report.arrays} == {"not averaged"}
    assert str(report).count("times the batch size") == 1  # said once, for all four


@pytest.mark.parametrize("op", ["sigmoid", "tanh"])
@pytest.mark.parametrize(
    "mistake", ["activation derivative missing", "derivative at a instead of z", "z in place of a"]
)
@pytest.mark.parametrize("seed", SEEDS)
def test_smooth_activation_mistakes(op, mistake, seed):
    _, _, slope, short = SLOPES[op]
    z = np.random.default_rng(seed).normal(size=(4, 3))
    wrong = {
        "activation derivative missing": lambda dout, a: dout,
        "derivative at a instead of z": lambda dout, a: dout * slope(a),
        "z in place of a": lambda dout, a: dout * short(z),
    }[mistake]
    assert check_op(op, wrong, z)["z"].diagnosis.mistake == mistake
    two = Two(seed, op)
    report = two.check(two.grads(mistake)[0])
    assert [report[name].ok for name in ("W1", "b1", "W2", "b2")] == [False, False, True, True]
    assert report["W1"].diagnosis.mistake == report["b1"].diagnosis.mistake == mistake
    assert f"In layer 2, {op}" in report["W1"].diagnosis.sentence


@pytest.mark.parametrize(
    "mistake", ["ReLU mask missing", "ReLU mask inverted", "ReLU mask from the gradient"]
)
@pytest.mark.parametrize("seed", SEEDS)
def test_relu_mistakes(mistake, seed):
    z = np.random.default_rng(seed).normal(size=(4, 5))
    wrong = {
        "ReLU mask missing": lambda dout, z: dout,
        "ReLU mask inverted": lambda dout, z: dout * (z < 0),
        "ReLU mask from the gradient": lambda dout, z: dout * (dout > 0),
    }[mistake]
    assert check_op("relu", wrong, z)["z"].diagnosis.mistake == mistake
    two = Two(seed, "relu")
    report = two.check(two.grads(mistake)[0])
    assert report["W1"].diagnosis.mistake == report["b1"].diagnosis.mistake == mistake
    assert report["W2"].ok


@pytest.mark.parametrize(
    "mistake", ["softmax Jacobian diagonal only", "output derivative twice", "target not subtracted"]
)
@pytest.mark.parametrize("seed", SEEDS)
def test_softmax_cross_entropy_mistakes(mistake, seed):
    def wrong(logits, labels):
        p, y, n = F.softmax(logits), np.eye(logits.shape[1])[labels], len(labels)
        return {
            "softmax Jacobian diagonal only": (-y / p / n) * p * (1 - p),
            "output derivative twice": (p - y) / n * p * (1 - p),
            "target not subtracted": p / n,
        }[mistake]

    logits = np.random.default_rng(seed).normal(size=(5, 4))
    assert check_op("softmax_cross_entropy", wrong, logits, LABELS)["logits"].diagnosis.mistake == mistake
    two = Two(seed)
    report = two.check(two.grads(mistake)[0])
    assert {check.diagnosis.mistake for check in report.arrays} == {mistake}


def test_softmax_alone_and_binary_cross_entropy():
    report = check_op("softmax", lambda dout, p: dout * p * (1 - p), Z)
    assert report["z"].diagnosis.mistake == "softmax Jacobian diagonal only"
    y = (Z > 0.3) * 1.0
    report = check_op(
        "binary_cross_entropy", lambda z, y: F.sigmoid(z) * (1 - F.sigmoid(z)) * (F.sigmoid(z) - y) / 5, Z, y
    )
    assert report["logits"].diagnosis.mistake == "output derivative twice"
    report = check_op("mse", lambda y_hat, y: (y_hat - y) / 5, Z, y)
    assert report["y_hat"].diagnosis.mistake == "factor 1/2"


@pytest.mark.parametrize("op", ["linear", "sigmoid", "tanh", "relu", "softmax"])
def test_the_packages_own_backward_passes(op):
    args = (X, W, B) if op == "linear" else (Z,)
    assert check_op(op, getattr(F, f"{op}_backward"), *args).ok


def test_bias_mistakes():
    def linear_with(db):
        return lambda dout, x, W: (dout @ W, dout.T @ x, db(dout))

    for mistake, db in {
        "bias not summed": lambda dout: dout,
        "bias summed over the wrong axis": lambda dout: dout.sum(axis=1),
        "averaged twice": lambda dout: dout.mean(axis=0),
        "shape": lambda dout: dout.sum(axis=0, keepdims=True),
    }.items():
        report = check_op("linear", linear_with(db), X, W, B)
        assert report["b"].diagnosis.mistake == mistake, mistake
        assert report["x"].ok and report["W"].ok
    two = Two(0)
    grads, rows = two.grads()
    report = two.check(grads | rows)
    assert report["b1"].diagnosis.mistake == report["b2"].diagnosis.mistake == "bias not summed"
    assert "shape, not (4,)" in str(report)
    report = two.check(two.grads("bias summed over the wrong axis")[0])
    assert report["b1"].diagnosis.mistake == "bias summed over the wrong axis"
    report = two.check(grads | {name: dz.mean(axis=0) for name, dz in rows.items()})
    assert report["b1"].diagnosis.mistake == "averaged twice"


def test_weights_transposed():
    report = check_op(
        "linear", lambda dout, x, W: (dout @ W.T, dout.T @ x, dout.sum(axis=0)), X, SQUARE, B[:3]
    )
    assert report["x"].diagnosis.mistake == "weights transposed on the way back"
    for weights in (W, SQUARE):  # a wrong shape, and a wrong square
        wrong = changed(F.linear_backward, np.transpose, 1)
        report = check_op("linear", wrong, X, weights, B[: len(weights)])
        assert report["W"].diagnosis.mistake == "transposed"


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
    assert [array.ok for array in report.arrays] == [True, False, True]
    assert report["W"].diagnosis.mistake == mistake
    assert report["W"].diagnosis.alternatives == ()
    net, loss = nn.Sequential(nn.Linear(senders, receivers, rng=rng), nn.Sigmoid()), nn.MSELoss()
    y = rng.uniform(size=(n, receivers))
    a = net.forward(x)
    dz = 2 * (a - y) / n * a * (1 - a)
    report = check_network(net, loss, x, y, grads={"W1": dW(dz, x), "b1": dz.sum(axis=0)})
    assert report["b1"].ok and report["W1"].diagnosis.mistake == mistake


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
@pytest.mark.parametrize("lr", [1e-3, 0.1, 3.0])
@pytest.mark.parametrize("known", [True, False])
def test_hidden_delta_from_updated_weights(activation, lr, known):
    two = Two(2, activation)
    report = two.check(two.grads("hidden delta from updated weights", lr=lr)[0], lr=lr if known else None)
    assert report["W2"].ok and report["b2"].ok
    assert (
        report["W1"].diagnosis.mistake
        == report["b1"].diagnosis.mistake
        == "hidden delta from updated weights"
    )
    assert f"At learning rate {lr:g}:" in report["W1"].diagnosis.sentence
    if known:
        wrong_lr = two.check(two.grads("hidden delta from updated weights", lr=lr)[0], lr=2 * lr)
        assert wrong_lr["W1"].diagnosis is None


@pytest.mark.parametrize("factor", [1.7, 0.3, -1.0])
def test_one_hidden_unit_is_no_excuse_to_blame_the_update(factor):
    """There the early update multiplies the gradient by a number set by lr, so any factor would fit."""
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(3, 1, rng=rng), nn.Tanh(), nn.Linear(1, 1, rng=rng))
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 1))
    assert check_network(net, nn.MSELoss(), x, y).ok
    grads = {p.name: p.grad * (factor if p.name in ("W1", "b1") else 1) for p in net.parameters()}
    diagnosis = check_network(net, nn.MSELoss(), x, y, grads=grads)["W1"].diagnosis
    assert diagnosis.mistake == ("sign" if factor == -1 else "factor") and diagnosis.alternatives == ()


def test_early_update_in_three_layers():
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.Linear(4, 4, rng=rng), nn.ReLU(), nn.Linear(4, 2, rng=rng)
    )
    x, y, loss, lr = rng.normal(size=(6, 3)), rng.normal(size=(6, 2)), nn.MSELoss(), 0.05
    loss.forward(net.forward(x), y)
    kept = {p.name: p.data.copy() for p in net.parameters()}
    grads, dout = {}, loss.backward()
    for layer in reversed(net.layers):
        if isinstance(layer, nn.Linear):
            _, grads[layer.W.name], grads[layer.b.name] = F.linear_backward(dout, layer._x, layer.W.data)
            layer.W.data = layer.W.data - lr * grads[layer.W.name]  # too early
        dout = layer.backward(dout)
    for p in net.parameters():
        p.data = kept[p.name]
    report = check_network(net, loss, x, y, grads=grads)
    assert [check.ok for check in report.arrays] == [False, False, False, False, True, True]
    assert {check.diagnosis.mistake for check in report.arrays[:4]} == {"hidden delta from updated weights"}


def test_gradient_of_another_parameter():
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(3, 3, rng=rng), nn.Sigmoid(), nn.Linear(3, 3, rng=rng))
    x, loss = rng.normal(size=(5, 3)), nn.CrossEntropyLoss()
    labels = np.array([0, 1, 2, 1, 0])
    assert check_network(net, loss, x, labels).ok
    g = {p.name: p.grad for p in net.parameters()}
    swapped = {"W1": g["W2"], "W2": g["W1"], "b1": g["b2"], "b2": g["b1"]}
    report = check_network(net, loss, x, labels, grads=swapped)
    assert {check.diagnosis.mistake for check in report.arrays} == {"another parameter"}
    assert "the gradient of W2" in report["W1"].diagnosis.sentence


def test_one_broken_layer_among_several_is_located():
    class Forgetful(nn.Sigmoid):
        def backward(self, dout):
            return dout

    rng = np.random.default_rng(0)

    def network(first, second):
        return nn.Sequential(
            nn.Linear(3, 4, rng=rng),
            first,
            nn.Sequential(nn.Linear(4, 4, rng=rng), second),
            nn.Linear(4, 2, rng=rng),
        )

    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    for layers, place, wrong in [
        ((Forgetful(), nn.Sigmoid()), "In layer 2, sigmoid", ["W1", "b1"]),
        ((nn.Sigmoid(), Forgetful()), "In layer 4, sigmoid", ["W1", "b1", "W2", "b2"]),
        ((Forgetful(), Forgetful()), "In every sigmoid", ["W1", "b1", "W2", "b2"]),
    ]:
        report = check_network(network(*layers), nn.MSELoss(), x, y)
        assert [check.name for check in report.arrays if not check.ok] == wrong
        for name in wrong:
            assert report[name].diagnosis.mistake == "activation derivative missing"
            assert place in report[name].diagnosis.sentence


def test_given_mistakes_come_first_and_alternatives_are_named():
    truth = np.array([1.0, 2.0])
    found = diagnose(2 * truth, truth, batch_size=2, mistakes={"forgot the half": 2 * truth, "other": truth})
    assert found.mistake == "forgot the half"
    assert found.alternatives == ("not averaged", "factor 2")
    assert str(found).endswith("(The same numbers also come from: not averaged; factor 2.)")
    assert diagnose([[1.0, 2.0]], truth).mistake == "shape"
    assert diagnose([[1.0, 2.0]], truth).alternatives == ("bias not summed",)
    assert diagnose([[1.0, 2.0]], truth, batch_size=2).alternatives == ()


def test_mistakes_reach_check_gradients():
    mistakes = {"squared the slope": {"w": [4.0, 16.0]}, "another": {"b": 1.0}}
    report = check_gradients(
        quadratic, {"w": [1.0, 2.0], "b": 0.0}, {"w": [4.0, 16.0], "b": 3.0}, mistakes=mistakes
    )
    assert report["w"].diagnosis.mistake == "squared the slope"
    assert "squared the slope" in report["w"].diagnosis.sentence


def test_scalars():
    assert diagnose(0.25, 0.25) is None
    assert diagnose(-0.25, 0.25).mistake == "sign"
    assert diagnose(0.5, 0.25).mistake == "factor 2"
    assert diagnose(0.0, 0.25).mistake == "all zero"
    assert diagnose(float("nan"), 0.25).mistake == "NaN"
    assert diagnose(1.0, 0.25, batch_size=4).mistake == "not averaged"
    assert diagnose(0.3, 0.25) is None  # any single number is "a factor": say nothing
    assert diagnose([0.25], 0.25).mistake == "shape"


def test_unnamed_factor_needs_three_different_numbers():
    assert diagnose(1.7 * np.array([1.0, 2.0]), [1.0, 2.0]) is None
    assert diagnose(1.7 * np.array([1.0, 1.0, 1.0]), [1.0, 1.0, 1.0]) is None
    nearly_one = 1 + 1e-9 * np.arange(3)
    assert diagnose(1.7 * nearly_one, nearly_one) is None
    assert diagnose(1.7 * np.array([1.0, 2.0, 0.0, 0.0]), [1.0, 2.0, 0.0, 0.0]) is None
    assert diagnose(-1.7 * np.array([1.0, 2.0, 3.0]), [1.0, 2.0, 3.0]).mistake == "factor"


def test_rtol_serves_rounded_answers():
    assert diagnose(-0.3333, 1 / 3) is None
    assert diagnose(-0.3333, 1 / 3, rtol=1e-3).mistake == "sign"
    assert diagnose(0.3333, 1 / 3, rtol=1e-3) is None


def test_wrong_arguments_of_diagnose():
    with pytest.raises(ValueError, match="truth must be finite"):
        diagnose(1.0, np.nan)
    with pytest.raises(ValueError, match="found must hold real numbers"):
        diagnose("a", 1.0)
    with pytest.raises(ValueError, match="batch_size must be positive"):
        diagnose(1.0, 2.0, batch_size=0)


def test_wrong_arguments_of_the_op_helpers():
    with pytest.raises(ValueError, match="name must be one of"):
        op_mistakes("sigmiod", Z, Z)
    with pytest.raises(ValueError, match="linear needs x, W, b: 3 arrays, got 2"):
        check_op("linear", F.linear_backward, X, W)
    with pytest.raises(ValueError, match="must return 3 gradients"):
        check_op("linear", lambda *args: X, X, W, B)
    with pytest.raises(ValueError, match="dout must have the shape of the output"):
        check_op("sigmoid", F.sigmoid_backward, Z, dout=[1.0])
    with pytest.raises(ValueError, match="tolerance must be positive"):
        check_gradients(quadratic, {"w": 1.0}, {"w": 2.0}, tolerance=0)


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
    for activation in SLOPES:
        two = Two(seed, activation)
        grads, _ = two.grads()
        report = two.check({name: wrong(g, rng) for name, g in grads.items()})
        for check in report.arrays:
            assert not check.ok and check.diagnosis is None, str(report)
    for report in (
        check_op("linear", lambda *a: tuple(wrong(g, rng) for g in F.linear_backward(*a)), X, W, B),
        check_op("sigmoid", lambda *a: wrong(F.sigmoid_backward(*a), rng), Z),
        check_op(
            "softmax_cross_entropy", lambda *a: wrong(F.softmax_cross_entropy_backward(*a), rng), Z, LABELS
        ),
    ):
        assert not report.ok
        assert all(check.diagnosis is None for check in report.arrays), str(report)


@pytest.mark.parametrize("seed", SEEDS)
def test_two_mistakes_at_once_are_not_named(seed):
    two = Two(seed)
    missing, _ = two.grads("activation derivative missing")
    for change in (lambda g: -g, lambda g: g / 5, lambda g: 3 * g):
        report = two.check({name: change(g) for name, g in missing.items()})
        assert report["W1"].diagnosis is None and report["b1"].diagnosis is None, str(report)
    grads, _ = two.grads()
    for change in (lambda g: -g.T, lambda g: 2 * g.T, lambda g: np.where(g > 0, g, 0)):
        assert two.check(grads | {"W2": change(grads["W2"])})["W2"].diagnosis is None


@pytest.mark.parametrize("seed", SEEDS)
def test_a_kink_does_not_loosen_the_diagnosis(seed):
    """On a kink the slope is known coarsely; that must not let a mistake pass for an explanation."""
    rng = np.random.default_rng(seed)
    w = np.array([0.0, *rng.normal(size=6)])
    truth = (w > 0) * 2.0 + 3 * np.arange(7) + 1
    wrong = truth * rng.uniform(1.5, 2.5, size=7)

    def loss(w):
        return 2 * hinge(w) + np.sum((3 * np.arange(7) + 1) * w)

    report = check_gradients(loss, {"w": w}, {"w": wrong})
    assert not report.ok and report["w"].diagnosis is None, str(report)


def test_correct_gradients_have_no_diagnosis():
    for seed in SEEDS:
        for activation in SLOPES:
            two = Two(seed, activation)
            grads, _ = two.grads()
            report = two.check(grads)
            assert report.ok and all(check.diagnosis is None for check in report.arrays)
            for g in grads.values():
                assert diagnose(g, g * (1 + 1e-12), batch_size=5) is None


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
    for mistake, change in GENERIC.items():
        wrong = np.array(change(truth)) * (7 / 5 if "not averaged" in mistake else 1)
        wrong = wrong * (5 / 7 if "averaged twice" in mistake else 1)
        assert diagnose(wrong, truth, batch_size=7).mistake == mistake
        assert diagnose(truth, truth, batch_size=7) is None
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
            if np.array_equal(array, truth):
                assert diagnose(array, truth, mistakes=wrong) is None
                continue
            found = diagnose(array, truth, mistakes=wrong)
            assert name == found.mistake or name in found.alternatives


# ---------------------------------------------------------------- check_network leaves the network as it was


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_parameters_come_back_untouched(dtype):
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        nn.Linear(3, 4, rng=rng, dtype=dtype), nn.Tanh(), nn.Linear(4, 2, rng=rng, dtype=dtype)
    )
    before = [(p.data, p.data.copy()) for p in net.parameters()]
    x, y = rng.normal(size=(5, 3)).astype(dtype), rng.normal(size=(5, 2)).astype(dtype)
    x.flags.writeable = y.flags.writeable = False
    report = check_network(net, nn.MSELoss(), x, y)
    assert report.ok and report.max_error < 1e-6  # float32 networks are checked in float64
    for p, (same_object, values) in zip(net.parameters(), before, strict=True):
        assert p.data is same_object and p.data.dtype == dtype
        assert np.array_equal(p.data, values)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("call", [1, 2, 10, 40])
def test_interrupt_restores_the_parameters(error, call):
    class Interrupted(nn.CrossEntropyLoss):
        calls = 0

        def forward(self, y_hat, y):
            self.calls += 1
            if self.calls == call:
                raise error
            return super().forward(y_hat, y)

    two = Two(0)
    before = [(p.data, p.data.copy()) for p in two.net.parameters()]
    with pytest.raises(error):
        check_network(two.net, Interrupted(), two.x, two.labels)
    for p, (same_object, values) in zip(two.net.parameters(), before, strict=True):
        assert p.data is same_object and np.array_equal(p.data, values)


def test_dropout_in_training_is_refused_and_switched_off_is_fine():
    rng = np.random.default_rng(0)

    class Forgetful(nn.Sigmoid):
        def backward(self, dout):
            return dout

    net = nn.Sequential(
        nn.Linear(3, 8, rng=rng), Forgetful(), nn.Dropout(0.5, rng=rng), nn.Linear(8, 2, rng=rng)
    )
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    with pytest.raises(ValueError, match=re.escape("net.eval()")):
        check_network(net, nn.MSELoss(), x, y)
    report = check_network(net.eval(), nn.MSELoss(), x, y)
    assert report["W1"].diagnosis.mistake == "activation derivative missing"


def normed_net(dtype=np.float64, activation=nn.LeakyReLU):
    rng = np.random.default_rng(0)
    inside = nn.Residual(nn.LayerNorm(6, dtype=dtype), nn.GELU(), nn.Linear(6, 6, rng=rng, dtype=dtype))
    first, last = (nn.Linear(*sizes, rng=rng, dtype=dtype) for sizes in [(3, 6), (6, 2)])
    return nn.Sequential(first, nn.BatchNorm1d(6, dtype=dtype), activation(), inside, last)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("training", [True, False])
def test_normalised_networks_are_checked_and_their_running_values_stay(dtype, training):
    net, rng = normed_net(dtype).train(training), np.random.default_rng(1)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    net(x)
    before = [(p, p.data, p.data.copy()) for p in [*net.parameters(), *net.buffers()]]
    assert check_network(net, nn.MSELoss(), x, y).ok
    promised, measured = directional_check(net, nn.MSELoss(), x, y, rng)
    assert promised == pytest.approx(measured, rel=1e-6)
    for p, same_object, values in before:
        assert p.data is same_object and np.array_equal(p.data, values), p.name
    with pytest.raises(ValueError):
        check_network(net, nn.MSELoss(), x, y[:, :1])
    with pytest.raises(ValueError):
        directional_check(net, nn.MSELoss(), x, y[:, :1], rng)
    assert [p.data is kept for p, kept, _ in before] == [True] * len(before)


def test_a_wrong_gradient_in_a_normalised_network_is_noticed_and_not_misnamed():
    class Detached(nn.BatchNorm1d):
        """Forgets that the mean and the variance depend on the batch: the classic mistake."""

        def backward(self, dout):
            super().backward(dout)
            x = self._kept[0]
            return dout * self.gamma.data / np.sqrt(x.var(axis=0) + self.eps)

    class Plain(nn.Residual):
        def backward(self, dout):
            return self.body.backward(dout)

    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    for wrong in (Detached(4), Plain(nn.Tanh())):
        net = nn.Sequential(nn.Linear(3, 4, rng=rng), wrong, nn.Linear(4, 2, rng=rng))
        report = check_network(net, nn.MSELoss(), x, y)
        last = net.parameters()[-2].name
        assert report[last].ok and not report["W1"].ok and report["W1"].diagnosis is None


def test_unknown_layers_and_losses_are_compared_without_structural_diagnosis():
    class Cube(nn.Module):
        def forward(self, x):
            self.x = x
            return x**3

        def backward(self, dout):
            return dout

    class Quartic(nn.Loss):
        def _value(self, y_hat, y):
            return float(np.mean((y_hat - y) ** 4))

        def _gradient(self, y_hat, y):
            return -4 * (y_hat - y) ** 3 / y.size

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    net = nn.Sequential(nn.Linear(3, 4, rng=rng), Cube(), nn.Linear(4, 2, rng=rng, bias=False))
    report = check_network(net, nn.MSELoss(), x, y)
    assert report["W2"].ok and not report["W1"].ok and report["W1"].diagnosis is None
    report = check_network(nn.Sequential(nn.Linear(3, 2, rng=rng)), Quartic(), x, y)
    assert {check.diagnosis.mistake for check in report.arrays} == {"sign"}


def test_subclass_with_labels_of_its_own():
    class OneHot(nn.CrossEntropyLoss):
        def _value(self, y_hat, y):
            return super()._value(y_hat, y.argmax(axis=1))

        def _gradient(self, y_hat, y):
            return -super()._gradient(y_hat, y.argmax(axis=1))

    two = Two(0)
    report = check_network(two.net, OneHot(), two.x, np.eye(3)[two.labels])
    assert {check.diagnosis.mistake for check in report.arrays} == {"sign"}


class Doubled(nn.Tanh):
    """A layer with rules of its own."""

    def forward(self, x):
        return 2 * super().forward(x)

    def backward(self, dout):
        return 2 * super().backward(dout)


def test_no_rule_of_a_base_class_is_blamed_for_a_subclass():
    """With MSELoss's rules, a missing transpose that changes nothing would seem to double HalfSquares's."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(1, 2)), rng.normal(size=(1, 2))
    for layer, loss in ((nn.Sigmoid(), HalfSquares()), (Doubled(), nn.MSELoss())):
        net = nn.Sequential(nn.Linear(2, 2, rng=rng), layer, nn.Linear(2, 2, rng=rng))
        assert check_network(net, loss, x, y).ok
        doubled = {p.name: 2 * p.grad for p in net.parameters()}
        report = check_network(net, loss, x, y, grads=doubled)
        assert {(c.diagnosis.mistake, c.diagnosis.alternatives) for c in report.arrays} == {("factor 2", ())}


def test_network_without_bias_and_missing_gradients():
    rng = np.random.default_rng(0)

    class Lazy(nn.Linear):
        def backward(self, dout):
            return dout @ self.W.data

    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    net = nn.Sequential(nn.Linear(3, 4, rng=rng, bias=False), nn.ReLU(), nn.Linear(4, 2, rng=rng, bias=False))
    assert check_network(net, nn.MSELoss(), x, y).ok
    wrong = {p.name: -p.grad for p in net.parameters()}
    assert check_network(net, nn.MSELoss(), x, y, grads=wrong)["W2"].diagnosis.mistake == "sign"
    with pytest.raises(ValueError, match=r"missing: \['W1', 'b1'\]"):
        check_network(nn.Sequential(Lazy(3, 2, rng=rng)), nn.MSELoss(), x, y)
    net[2].W.name = "W1"
    with pytest.raises(ValueError, match="different names"):
        check_network(net, nn.MSELoss(), x, y)


# ------------------------------------------------------------------------------ along a random direction


def small_net(dtype=np.float64):
    rng = np.random.default_rng(3)
    net = nn.Sequential(
        nn.Linear(3, 4, rng=rng, dtype=dtype), nn.Tanh(), nn.Linear(4, 2, rng=rng, dtype=dtype)
    )
    return net, nn.CrossEntropyLoss(), rng.normal(size=(5, 3)), rng.integers(0, 2, 5)


def right_gradients(net, loss, x, y):
    loss(net(x), y)
    net.backward(loss.backward())
    return {p.name: p.grad.copy() for p in net.parameters()}


@pytest.mark.parametrize("seed", range(5))
def test_along_a_direction_promise_and_measurement_agree(seed):
    promised, measured = directional_check(*small_net(), np.random.default_rng(seed))
    assert abs(promised) > 1e-4
    assert promised == pytest.approx(measured, abs=1e-9)


@pytest.mark.parametrize("name", ["W1", "b1", "W2", "b2"])
def test_a_wrong_gradient_does_not_keep_its_promise(name):
    net, loss, x, y = small_net()
    grads = right_gradients(net, loss, x, y)
    grads[name] = 1.1 * grads[name]
    promised, measured = directional_check(net, loss, x, y, np.random.default_rng(0), grads=grads)
    assert abs(promised - measured) > 1e-6


def test_the_direction_has_length_one_and_reaches_every_array():
    """Linear in all parameters: the slope along v is v . x, whose mean square is |x|^2 over their number."""
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(3, 1, rng=rng))

    class Sum(nn.MSELoss):
        def _value(self, y_hat, y):
            return float(y_hat.sum())

        def _gradient(self, y_hat, y):
            return np.ones_like(y_hat)

    x = np.array([[3.0, -2.0, 1.0]])
    slopes = [directional_check(net, Sum(), x, x, rng)[1] for _ in range(4000)]
    assert np.mean(np.square(slopes)) == pytest.approx((9 + 4 + 1 + 1) / 4, rel=0.1)
    assert max(map(abs, slopes)) <= np.sqrt(15) + 1e-6


def test_two_forward_passes_and_one_both_ways():
    net, loss, x, y = small_net()
    calls = []
    forward = net.forward
    net.forward = lambda x: calls.append(0) or forward(x)
    directional_check(net, loss, x, y, np.random.default_rng(0))
    assert len(calls) == 3
    grads = {p.name: p.grad for p in net.parameters()}
    directional_check(net, loss, x, y, np.random.default_rng(0), grads=grads)
    assert len(calls) == 5


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_the_weights_are_put_back_whatever_happens(error):
    net, loss, x, y = small_net(np.float32)
    kept = [p.data for p in net.parameters()]
    copies = [data.copy() for data in kept]
    promised, measured = directional_check(net, loss, x, y, np.random.default_rng(0))
    assert promised == pytest.approx(measured, abs=1e-9), "measured in float64"
    calls, forward = [], net.forward

    def failing(x):
        calls.append(0)
        if len(calls) == 2:
            raise error
        return forward(x)

    net.forward = failing
    with pytest.raises(error):
        directional_check(net, loss, x, y, np.random.default_rng(0))
    for p, data, copy in zip(net.parameters(), kept, copies, strict=True):
        assert p.data is data
        np.testing.assert_array_equal(data, copy)


def test_running_statistics_are_left_alone_along_a_direction():
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(3, 4, rng=rng), nn.BatchNorm1d(4), nn.Linear(4, 2, rng=rng))
    before = net.state_dict()
    x, y = rng.normal(size=(6, 3)), rng.integers(0, 2, 6)
    promised, measured = directional_check(net, nn.CrossEntropyLoss(), x, y, rng)
    assert promised == pytest.approx(measured, abs=1e-8)
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_along_a_direction_bad_input_is_named():
    net, loss, x, y = small_net()
    rng = np.random.default_rng(0)
    grads = right_gradients(net, loss, x, y)
    with pytest.raises(ValueError, match="rng"):
        directional_check(net, loss, x, y, 0)
    with pytest.raises(ValueError, match=r"missing: \['W2'\]"):
        without = {name: grad for name, grad in grads.items() if name != "W2"}
        directional_check(net, loss, x, y, rng, grads=without)
    with pytest.raises(ValueError, match=r"gradient of b1 must have shape \(4,\), got \(1, 4\)"):
        directional_check(net, loss, x, y, rng, grads=grads | {"b1": grads["b1"][None]})
    net[0].W.name = "b1"
    with pytest.raises(ValueError, match="different names"):
        directional_check(net, loss, x, y, rng)


def test_along_a_direction_what_cannot_be_checked_is_refused():
    net, loss, x, y = small_net()
    rng = np.random.default_rng(0)
    dropped = nn.Sequential(net[0], nn.Dropout(0.5, rng=rng), net[2])
    with pytest.raises(ValueError, match=r"switch dropout off with net.eval\(\)"):
        directional_check(dropped, loss, x, y, rng)
    promised, measured = directional_check(dropped.eval(), loss, x, y, rng)
    assert promised == pytest.approx(measured, abs=1e-8)
    with pytest.raises(ValueError, match="loss must return a finite number"), np.errstate(invalid="ignore"):
        directional_check(net, loss, x * np.nan, y, rng)
    with pytest.raises(ValueError, match=r"unknown: \['W9'\]"):
        grads = right_gradients(net, loss, x, y)
        directional_check(net, loss, x, y, rng, grads=grads | {"W9": grads["W1"]})
    with pytest.raises(ValueError, match="at least one parameter"):
        directional_check(nn.Sequential(nn.Tanh()), nn.MSELoss(), x, x, rng)


class Clipped(nn.Linear):
    """A layer that writes into its weights."""

    def forward(self, x):
        np.clip(self.W.data, -1, 1, out=self.W.data)
        return super().forward(x)


@pytest.mark.parametrize("check", [check_network, lambda *a: directional_check(*a, np.random.default_rng(0))])
def test_what_a_layer_writes_goes_into_copies(check):
    net = nn.Sequential(Clipped(2, 3, rng=np.random.default_rng(0)))
    net[0].W.data[:] = 2
    check(net, nn.MSELoss(), np.ones((4, 2)), np.zeros((4, 3)))
    assert (net[0].W.data == 2).all()


@pytest.mark.parametrize("seed", range(8))
def test_along_a_direction_dropout_is_refused_whatever_it_draws(seed):
    rng = np.random.default_rng(seed)
    net = nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Dropout(0.5, rng=rng), nn.Linear(4, 2, rng=rng))
    x, y = rng.normal(size=(5, 3)), rng.integers(0, 2, 5)
    with pytest.raises(ValueError, match="switch dropout off"):
        directional_check(net, nn.CrossEntropyLoss(), x, y, rng)


def test_weights_that_were_moved_the_wrong_way_are_not_called_early():
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.Linear(4, 2, rng=rng))
    x, y, loss = rng.normal(size=(5, 3)), rng.normal(size=(5, 2)), nn.MSELoss()
    right = right_gradients(net, loss, x, y)
    W = net[2].W.data
    loss(net(x), y)
    net[2].W.data = W + 0.5 * right["W2"]
    net.backward(loss.backward())
    late = {p.name: p.grad for p in net.parameters()} | {"W2": right["W2"], "b2": right["b2"]}
    net[2].W.data = W
    report = check_network(net, loss, x, y, grads=late)
    assert not report.ok and "learning rate -" not in str(report)


class Bare:
    """What check_network asks for, and no more."""

    def __init__(self, net):
        self.layers, self.parameters = net.layers, net.parameters
        self.forward, self.backward = net.forward, net.backward


def test_what_is_like_a_sequential_needs_no_buffers():
    rng = np.random.default_rng(0)
    net = Bare(nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Tanh()))
    x, y = rng.normal(size=(4, 2)), rng.normal(size=(4, 3))
    assert check_network(net, nn.MSELoss(), x, y).ok
    promised, measured = directional_check(net, nn.MSELoss(), x, y, rng)
    assert promised == pytest.approx(measured, abs=1e-8)
