"""Every operation of ``functional``: random shapes and values, then the checks of ``oracles`` one by one."""

import re
import types

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from operations import OPERATIONS

import bphelpers.functional as F

SETTINGS = settings(max_examples=40, deadline=None, derandomize=True, database=None)

scores = st.integers(1, 5).flatmap(lambda n: st.integers(1, 6).map(lambda d: (n, d)))


def matrices(low: float, high: float) -> st.SearchStrategy[np.ndarray]:
    return scores.flatmap(lambda shape: arrays(np.float64, shape, elements=st.floats(low, high)))


@pytest.mark.parametrize("op", OPERATIONS)
def test_backward_agrees_with_autograd_and_with_differences(op):
    @SETTINGS
    @given(data=st.data())
    def check(data):
        arguments = data.draw(OPERATIONS[op].arguments)
        shape = np.shape(OPERATIONS[op].reference(**arguments))
        dout = data.draw(arrays(np.float64, shape, elements=st.floats(-10, 10)))
        oracles.check_pair(F, op, arguments, dout)

    check()


@SETTINGS
@given(matrices(-1e300, 1e300))
def test_probabilities_at_any_scale(z):
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        p, log_p = F.softmax(z), F.log_softmax(z)
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
        assert (p >= 0).all() and (log_p <= 0).all() and np.isfinite(log_p).all()
        assert (np.take_along_axis(p, z.argmax(axis=1)[:, None], axis=1)[:, 0] == p.max(axis=1)).all()
        assert ((F.sigmoid(z) >= 0) & (F.sigmoid(z) <= 1)).all()
        # sigma(-z) = 1 - sigma(z): the two branches of the stable form agree.
        np.testing.assert_allclose(F.sigmoid(z) + F.sigmoid(-z), 1, rtol=1e-15)


@SETTINGS
@given(matrices(-700, 700), st.floats(-1e3, 1e3))
def test_softmax_ignores_a_shift_of_the_scores(z, shift):
    np.testing.assert_allclose(F.softmax(z + shift), F.softmax(z), rtol=1e-9, atol=1e-300)


@SETTINGS
@given(matrices(-700, 700))
def test_binary_cross_entropy_is_softmax_cross_entropy_with_a_second_score_of_zero(z):
    z = z.reshape(-1, 1)
    for label in (0, 1):
        labels = np.full(len(z), label)
        two = F.softmax_cross_entropy(np.hstack([np.zeros_like(z), z]), labels)
        assert F.binary_cross_entropy(z, labels[:, None]) == pytest.approx(two, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", oracles.CHECKS)
def test_check(name):
    oracles.CHECKS[name](F)


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
    assert ">>> " in text
    assert re.search(r"\[[^\]]*\d\d|Lesson: ", text), (
        f"{name} does not say which lesson derives it, as in [05]"
    )


@pytest.mark.parametrize(
    "call", [lambda: F.softmax(), lambda: F.dropout([1.0], 0.5), lambda: F.sigmoid(1.0, z=2.0)]
)
def test_arguments_that_are_missing_or_given_twice(call):
    with pytest.raises(TypeError, match="argument"):
        call()
