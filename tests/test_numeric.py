"""Measured slopes: as good as they say, write into nothing they are given, say what they cannot do."""

import re

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

from bphelpers import functional as F
from bphelpers.numeric import numerical_gradient, relative_error

SEEDS = range(5)
METHODS = ("centred", "complex")
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


@pytest.mark.parametrize("seed", SEEDS)
def test_centred_differences_agree_with_autograd(seed):
    A = np.random.default_rng(3).normal(size=(4, 3))

    def f(x, lib):
        return lib.sum(lib.tanh(lib.dot(A, x)) ** 2) + lib.exp(lib.sin(x[0, 1]) * x[2, 0])

    x = np.random.default_rng(seed).normal(size=(3, 2))
    expected = autograd.grad(lambda v: f(v, anp))(x)
    np.testing.assert_allclose(numerical_gradient(lambda v: f(v, np), x), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", ["neuron", "waves"])
@pytest.mark.parametrize(("method", "rtol"), [("centred", 1e-8), ("complex", 1e-14)])
def test_each_method_is_as_good_as_it_says(name, method, rtol):
    f = SMOOTH[name]
    for seed in SEEDS:
        x = np.random.default_rng(seed).normal(size=3)
        found = numerical_gradient(f, x, method=method)
        np.testing.assert_allclose(found, exactly(f, x), rtol=rtol, atol=rtol)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32, np.float64])
def test_inputs_are_promoted_and_never_written_to(method, dtype):
    x = np.array([[1, 2], [3, 4]], dtype=dtype)
    x.flags.writeable = False

    def f(v):
        assert v.dtype == (np.complex128 if method == "complex" else np.float64)
        total = (v**2).sum()
        v[...] = 0  # a rude function cannot spoil the next evaluation
        return total

    gradient = numerical_gradient(f, x, method=method)
    assert gradient.dtype == np.float64
    np.testing.assert_allclose(gradient, 2 * x.astype(float), rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_scalars_lists_and_empty_arrays(method):
    slope = numerical_gradient(lambda w: w**2, 3, method=method)
    assert slope.shape == () and float(slope) == pytest.approx(6)
    found = numerical_gradient(lambda w: w.sum(), [1, 2], method=method)
    assert found.tolist() == pytest.approx([1, 1])
    assert numerical_gradient(lambda w: 1.0 + w.sum(), np.zeros((0, 3)), method=method).shape == (0, 3)


def test_steps():
    grown = float(numerical_gradient(lambda w: w**2, 1e9))  # the step grows with the entry
    assert grown == pytest.approx(2e9, rel=1e-6)
    assert float(numerical_gradient(np.sin, 1e-9)) == pytest.approx(1, rel=1e-9)
    errors = [abs(float(numerical_gradient(np.exp, 0.0, h=h)) - 1) for h in (1e-1, 1e-5, 1e-13)]
    assert errors[1] < 1e-9 < errors[0] and errors[1] < errors[2]  # and can be chosen
    h = 2.0**-20  # a power of two: 1 + h is exact
    assert numerical_gradient(np.exp, 1.0, h) == (np.exp(1 + h) - np.exp(1 - h)) / (2 * h)
    assert numerical_gradient(np.exp, 1.0, h) == numerical_gradient(np.exp, 1.0, h, method="centred")
    assert numerical_gradient(np.exp, 1.0, h, "complex") == np.exp(1 + 1j * h).imag / h
    moved: dict[str, list[float]] = {}
    for method in METHODS:
        seen = moved[method] = []
        numerical_gradient(lambda v, s=seen: [s.append(v[0] - 8), v[0] * v[1]][1], [8.0, 1.0], method=method)
    step = 8 * np.finfo(float).eps ** (1 / 3)
    assert max(moved["centred"]) == pytest.approx(step, rel=1e-6) and len(moved["centred"]) == 4
    assert moved["complex"][0] == 1e-20j and len(moved["complex"]) == 2 + 4


@pytest.mark.parametrize(
    ("f", "x", "options", "message"),
    [
        *((np.sin, 1.0, {"h": h}, "h must be above 0") for h in (0.0, -1e-5, np.nan, np.inf, 1e-30)),
        *((np.sin, 1.0, {"h": h, "method": "complex"}, "h must be a finite number, at least 1e-150")
          for h in (0.0, -1e-5, np.nan, np.inf, 1e-200)),
        *((np.sum, [1, np.nan], {"method": name}, "x must be finite, got NaN") for name in METHODS),
        (np.sum, ["a"], {}, "x must hold real numbers"),
        (np.sin, 1.0, {"method": "central"}, "method must be 'centred' or 'complex', got 'central'"),
        *((lambda x, result=result: result, [1.0], {}, re.escape(message)) for result, message in [
            (np.ones(3), "return one real number, got an array of shape (3,)"),
            (np.ones((1, 1)), "return one real number, got an array of shape (1, 1)"),
            (np.nan, "return a finite number, got nan"),
            (np.inf, "return a finite number, got inf"),
            (None, "return one real number, got None"),
            (1j, "return one real number, got 1j"),
            (np.float32(1), "return float64, got float32, too coarse"),
        ]),
        *((f, [1.0, 2.0], {"method": "complex"}, re.escape(message)) for f, message in [
            (lambda v: np.abs(v).sum(), "one complex number, got 3.0; abs, max, float and np.real lose the"),
            (lambda v: v.real.sum(), "one complex number, got 3.0; abs"),
            (lambda v: 1.0, "one complex number, got 1.0; abs"),
            (lambda v: v, "one complex number, got an array of shape (2,)"),
            (lambda v: v.sum() * np.nan, "finite number, got"),
            (lambda v: v.sum().astype(np.complex64), "return complex128, got complex64, too coarse"),
            (lambda v: None, "one complex number, got None"),
            (lambda v: F.sigmoid(v).sum(), "z must hold real numbers, got dtype complex128"),
            (lambda v: (v * v.conj()).sum(), "analytic at x, without a kink"),
            (lambda v: v[0] + np.abs(v[1]), "analytic at x, without a kink"),
            (lambda v: v[0] + np.maximum(v[1] - 2, 0), "analytic at x, without a kink"),
        ]),
        # Of what is spoilt, a small part is seen: two steps differ 300 times less; steps drown in round-off.
        (lambda v: v[0] ** 3 + 5e-7 * v[1] * np.conj(v[1]), [0.0, 1.0], {"method": "complex"}, "analytic"),
        (lambda v: v @ np.conj(v), [1e9, 1e9], {"method": "complex"}, "analytic"),
        *((lambda v: v * v.conj(), 1, {"h": h, "method": "complex"}, "analytic") for h in (1e-6, 1e-20)),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused(f, x, options, message):
    with pytest.raises(ValueError, match=message):
        numerical_gradient(f, x, **options)


def test_an_imaginary_part_dropped_on_the_way_is_numpy_s_to_tell():
    for f in (lambda v: float(v[0]), lambda v: v.astype(float)[0] + v[1]):
        with pytest.raises(np.exceptions.ComplexWarning, match="discards the imaginary part"):
            numerical_gradient(f, [1.0, 2.0], method="complex")


@pytest.mark.parametrize("name", SMOOTH)
def test_the_complex_step_raises_no_false_alarm(name):
    x = np.array([0.5, 0.2, 1.83])
    with np.errstate(all="ignore"):
        found = numerical_gradient(SMOOTH[name], x, h=1e-25, method="complex")
        assert np.array_equal(found, exactly(SMOOTH[name], x))


def test_what_the_comparison_cannot_see_is_as_documented():
    crude = numerical_gradient(np.sin, 1.0, 0.125, "complex")
    assert crude == np.sin(1 + 0.125j).imag / 0.125  # no alarm
    assert numerical_gradient(lambda v: v * np.conj(v), 1.0, 1e-5, "complex") == 0  # nothing compared
    spoilt = numerical_gradient(lambda v: 1e7 * v[0] + v[1] * np.conj(v[1]), [1.0, 1.0], method="complex")
    assert spoilt[1] == 0  # a millionth of the largest is 10, the truth is 2
    assert numerical_gradient(lambda v: np.maximum(v, 0) ** 2, 1.0, method="complex") == 2  # no kink near


def test_relative_error_by_hand():
    error = relative_error([1, 1, -1, 0, 0, 2e-9, np.nan, np.inf], [1, 2, 1, 5, 0, 1e-9, 1, np.inf])
    np.testing.assert_allclose(error, [0, 0.5, 2, 1, 0, 0.1, np.inf, np.inf])
    assert relative_error(1.0, 4.0).shape == () and float(relative_error(1.0, 4.0)) == 0.75
    assert float(relative_error(0.0, 1e-9, floor=1e-3)) == pytest.approx(1e-6)
    with pytest.raises(ValueError, match=re.escape("b must have the shape of a, (2, 1), got (2,)")):
        relative_error([[1.0], [2.0]], [1.0, 2.0])
    with pytest.raises(ValueError, match="floor must be above 0, got 0"):
        relative_error(1.0, 1.0, floor=0)
