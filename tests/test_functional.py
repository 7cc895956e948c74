"""Every operation of ``functional``: random shapes and values, then the checks of ``oracles`` one by one."""

import types

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import bphelpers.functional as F

SETTINGS = settings(max_examples=40, deadline=None, derandomize=True, database=None)

numbers = st.floats(-4, 4)
probabilities = st.floats(0.01, 0.99)
batch_sizes = st.integers(1, 5)
widths = st.integers(1, 6)


def matrix(n, d, elements=numbers):
    return arrays(np.float64, (n, d), elements=elements)


@st.composite
def linear_arguments(draw):
    n, d_in, d_out = draw(batch_sizes), draw(widths), draw(widths)
    return {
        "x": draw(matrix(n, d_in)),
        "W": draw(matrix(d_out, d_in)),
        "b": draw(arrays(np.float64, (d_out,), elements=numbers)),
    }


@st.composite
def score_arguments(draw, elements=numbers):
    return {"z": draw(matrix(draw(batch_sizes), draw(widths), elements))}


@st.composite
def target_arguments(draw, name, targets):
    n, k = draw(batch_sizes), draw(widths)
    return {name: draw(matrix(n, k)), "y": draw(matrix(n, k, targets))}


@st.composite
def label_arguments(draw):
    n, k = draw(batch_sizes), draw(widths)
    labels = draw(arrays(np.int64, (n,), elements=st.integers(0, k - 1)))
    return {"logits": draw(matrix(n, k)), "labels": labels}


@st.composite
def dropout_arguments(draw):
    n, d, p = draw(batch_sizes), draw(widths), draw(st.floats(0.05, 0.9))
    kept = draw(arrays(np.bool_, (n, d)))
    return {"x": draw(matrix(n, d)), "mask": kept / (1 - p)}


@st.composite
def norm_arguments(draw, axis=None):
    """Rows or columns far from constant, where the slope of a normalisation changes within a difference."""
    n, d = draw(batch_sizes), draw(widths)
    x = draw(matrix(n, d))
    if axis is not None:
        x += 10 * np.indices(x.shape)[axis]
    row = arrays(np.float64, (d,), elements=numbers)
    arguments = {"x": x, "gamma": draw(row), "beta": draw(row), "eps": draw(st.floats(1e-6, 1))}
    if axis is None:
        given = arrays(np.float64, (d,), elements=st.floats(0.01, 4))
        arguments |= {"mean": draw(row), "var": draw(given)}
    return arguments


# A centred difference across ReLU's kink is no derivative; what holds at 0 itself is in oracles.check_kinks.
off_the_kink = st.one_of(st.floats(-4, -1e-3), st.floats(1e-3, 4))


@st.composite
def leaky_arguments(draw):
    return {"x": draw(matrix(draw(batch_sizes), draw(widths), off_the_kink)), "slope": draw(st.floats(0, 1))}


ARGUMENTS = {
    "linear": linear_arguments(),
    "sigmoid": score_arguments(),
    "tanh": score_arguments(),
    "relu": score_arguments(off_the_kink),
    "softmax": score_arguments(),
    "log_softmax": score_arguments(),
    "mse": target_arguments("y_hat", numbers),
    "binary_cross_entropy": target_arguments("logits", st.one_of(st.sampled_from([0.0, 1.0]), probabilities)),
    "softmax_cross_entropy": label_arguments(),
    "dropout": dropout_arguments(),
    "leaky_relu": leaky_arguments(),
    "gelu": st.fixed_dictionaries({"x": matrix(3, 4)}),
    "batch_norm": norm_arguments(axis=0),
    "layer_norm": norm_arguments(axis=1),
    "batch_norm, evaluation": norm_arguments(),
}


@pytest.mark.parametrize("op", oracles.ALL)
def test_backward_agrees_with_autograd_and_with_differences(op):
    @SETTINGS
    @given(data=st.data())
    def check(data):
        arguments = data.draw(ARGUMENTS[op])
        shape = np.shape(oracles.ALL[op].reference(**arguments))
        dout = data.draw(arrays(np.float64, shape, elements=st.floats(-10, 10)))
        oracles.check_pair(F, op, arguments, dout)

    check()


@SETTINGS
@given(score_arguments(st.floats(-1e300, 1e300)))
def test_probabilities_at_any_scale(arguments):
    z = arguments["z"]
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        p, log_p = F.softmax(z), F.log_softmax(z)
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
        assert (p >= 0).all() and (log_p <= 0).all() and np.isfinite(log_p).all()
        assert (np.take_along_axis(p, z.argmax(axis=1)[:, None], axis=1)[:, 0] == p.max(axis=1)).all()
        assert ((F.sigmoid(z) >= 0) & (F.sigmoid(z) <= 1)).all()
        # sigma(-z) = 1 - sigma(z): the two branches of the stable form agree.
        np.testing.assert_allclose(F.sigmoid(z) + F.sigmoid(-z), 1, rtol=1e-15)


@SETTINGS
@given(score_arguments(st.floats(-700, 700)), st.floats(-1e3, 1e3))
def test_softmax_ignores_a_shift_of_the_scores(arguments, shift):
    z = arguments["z"]
    np.testing.assert_allclose(F.softmax(z + shift), F.softmax(z), rtol=1e-9, atol=1e-300)


@SETTINGS
@given(score_arguments(st.floats(-700, 700)))
def test_binary_cross_entropy_is_softmax_cross_entropy_with_a_second_score_of_zero(arguments):
    z = arguments["z"].reshape(-1, 1)
    for label in (0, 1):
        labels = np.full(len(z), label)
        two = F.softmax_cross_entropy(np.hstack([np.zeros_like(z), z]), labels)
        assert F.binary_cross_entropy(z, labels[:, None]) == pytest.approx(two, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", oracles.CHECKS)
def test_check(name):
    oracles.CHECKS[name](F)


def test_every_operation_has_arguments_to_try():
    assert set(ARGUMENTS) == set(oracles.ALL)
    assert set(oracles.PAIRS) == set(oracles.operations(F))


def test_a_new_operation_without_a_test_is_noticed():
    grown = types.ModuleType("grown")
    vars(grown).update({name: getattr(F, name) for name in F.__all__})
    grown.__all__ = [*F.__all__, "swish", "swish_backward"]
    grown.swish = grown.swish_backward = lambda x: x
    with pytest.raises(AssertionError, match="swish"):
        oracles.check_complete(grown)


@pytest.mark.parametrize("name", F.__all__)
def test_every_docstring_names_its_lesson_and_shows_an_example(name):
    text = getattr(F, name).__doc__
    for part in ("Parameters", "Returns", "Raises", "Lesson: ", ">>> "):
        assert part in text, f"{name} lacks {part}"
