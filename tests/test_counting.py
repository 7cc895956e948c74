"""The operation counter: every operation is counted once, and the numbers are those of plain floats."""

import math
import operator
from dataclasses import astuple

import numpy as np
import pytest

from bphelpers.teaching.counting import Counted, Tally

MULTIPLICATION, ADDITION, DIVISION, EXPONENTIAL = np.eye(4, dtype=int).tolist()
OPERATORS = [
    (operator.mul, MULTIPLICATION),
    (operator.add, ADDITION),
    (operator.sub, ADDITION),
    (operator.truediv, DIVISION),
]
IDS = [operation.__name__ for operation, _ in OPERATORS]


def plain(values):
    return np.array(values, dtype=float)


def counts(tally):
    return list(astuple(tally))


@pytest.fixture
def tally():
    return Tally()


@pytest.mark.parametrize(("operation", "cost"), OPERATORS, ids=IDS)
@pytest.mark.parametrize(
    "other", [3, -0.3, np.float64(0.7), np.float32(0.5), np.int64(7), "counted"], ids=repr
)
def test_each_operator_costs_one_from_either_side(operation, cost, other, tally):
    x, value = tally.watch(1.7), 1.7
    number = float(-2.3 if other == "counted" else other)
    other = tally.watch(number) if other == "counted" else other
    for result, expected in ((operation(x, other), operation(value, number)),
                             (operation(other, x), operation(number, value))):  # fmt: skip
        assert isinstance(result, Counted) and float(result) == expected
        assert result.tally is tally
    assert counts(tally) == [2 * one for one in cost]


@pytest.mark.parametrize(("operation", "cost"), OPERATORS, ids=IDS)
def test_arrays_cost_one_for_each_entry_of_the_result(operation, cost, tally):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 1)), rng.normal(size=(1, 4))
    for left, right in ((tally.watch(a), tally.watch(b)), (a, tally.watch(b)), (tally.watch(a), b)):
        np.testing.assert_array_equal(plain(operation(left, right)), operation(a, b))
    assert counts(tally) == [3 * 12 * one for one in cost]


@pytest.mark.parametrize(("operation", "cost"), OPERATORS, ids=IDS)
def test_one_number_and_an_array(operation, cost, tally):
    a = np.array([0.3, -1.2, 2.5])
    x = tally.watch(1.7)
    np.testing.assert_array_equal(plain(operation(x, a)), operation(1.7, a))
    np.testing.assert_array_equal(plain(operation(tally.watch(a), x)), operation(a, 1.7))
    assert counts(tally) == [6 * one for one in cost]


@pytest.mark.parametrize(("rows", "inner", "columns"), [(1, 1, 1), (1, 3, 4), (2, 1, 5), (4, 5, 3)])
def test_a_matrix_product(rows, inner, columns, tally):
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(rows, inner)), rng.normal(size=(columns, inner))
    np.testing.assert_allclose(plain(tally.watch(a) @ tally.watch(b).T), a @ b.T, rtol=1e-13)
    assert counts(tally) == [rows * inner * columns, rows * (inner - 1) * columns, 0, 0]


def test_a_product_of_vectors(tally):
    assert float(tally.watch([1.0, 2.0, 3.0]) @ tally.watch([4.0, 5.0, 6.0])) == 32
    assert counts(tally) == [3, 2, 0, 0]
    np.outer(tally.watch([1.0, 2.0, 3.0]), tally.watch([4.0, 5.0]))
    assert counts(tally) == [3 + 6, 2, 0, 0]


def test_sums_and_means(tally):
    a = np.arange(12.0).reshape(3, 4)
    assert float(tally.watch(a).sum()) == 66
    assert counts(tally) == [0, 11, 0, 0]
    assert plain(tally.watch(a).sum(axis=0)).tolist() == a.sum(axis=0).tolist()
    assert counts(tally) == [0, 11 + 8, 0, 0]
    assert float(tally.watch(a).mean()) == 5.5
    assert counts(tally) == [0, 19 + 11, 1, 0]


def test_exponentials_and_signs(tally):
    z = np.array([[-1.5, 0.0], [0.3, 800.0]])
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(plain(np.exp(tally.watch(z))), np.exp(z), rtol=1e-15)
    assert counts(tally) == [0, 0, 0, 4]
    np.testing.assert_array_equal(plain(-tally.watch(z)), -z)
    assert counts(tally) == [0, 0, 0, 4]


def test_writing_into_an_array_in_place(tally):
    a = tally.watch(np.ones(3))
    a += 2.0
    a[0] *= 3
    assert plain(a).tolist() == [9.0, 3.0, 3.0]
    assert counts(tally) == [1, 3, 0, 0]


def test_a_layer_with_a_sigmoid(tally):
    rng = np.random.default_rng(2)
    x, W, b = rng.normal(size=(5, 3)), rng.normal(size=(4, 3)), rng.normal(size=4)
    z = tally.watch(x) @ tally.watch(W).T + tally.watch(b)
    a = 1 / (1 + np.exp(-z))
    np.testing.assert_allclose(plain(a), 1 / (1 + np.exp(-(x @ W.T + b))), rtol=1e-14)
    assert counts(tally) == [5 * 4 * 3, 5 * 4 * 2 + 5 * 4 + 5 * 4, 5 * 4, 5 * 4]


def test_watching_costs_nothing_and_copies(tally):
    values = np.ones((2, 3))
    watched = tally.watch(values)
    watched[0, 0] = tally.watch(7.0)
    assert watched.shape == (2, 3) and values[0, 0] == 1 and plain(tally.watch([])).shape == (0,)
    assert counts(tally) == [0, 0, 0, 0]
    assert isinstance(tally.watch(3), Counted) and repr(tally.watch(3)) == "Counted(3.0)"


def test_tallies_are_independent_and_do_not_mix(tally):
    other = Tally()
    a = tally.watch([1.0, 2.0])
    _ = a * a
    assert counts(other) == [0, 0, 0, 0]
    with pytest.raises(ValueError, match="same tally"):
        a * other.watch([1.0, 2.0])
    assert counts(tally) == [2, 0, 0, 0] and counts(other) == [0, 0, 0, 0]


@pytest.mark.parametrize("operation", [operation for operation, _ in OPERATORS], ids=IDS)
def test_two_fresh_tallies_do_not_mix(operation):
    """They count the same, and are not the same."""
    with pytest.raises(ValueError, match="same tally"):
        operation(Tally().watch(2.0), Tally().watch(3.0))


def test_sums_that_begin_with_zero_cost_one_addition_more(tally):
    a = tally.watch(np.ones((2, 3)))
    sum(a[0])
    assert counts(tally) == [0, 3, 0, 0]
    np.einsum("ij,kj->ik", a, np.ones((2, 3)))
    assert counts(tally) == [12, 3 + 12, 0, 0]


@pytest.mark.parametrize("values", [["a"], [1j], [True], [None], [[1.0], "x"]], ids=repr)
def test_what_is_not_a_real_number_is_refused(values, tally):
    with pytest.raises(ValueError, match=r"real numbers|inhomogeneous"):
        tally.watch(values)


def test_counted_numbers_are_not_watched_twice(tally):
    with pytest.raises(ValueError, match="real numbers"):
        tally.watch(tally.watch([1.0]))


@pytest.mark.parametrize(
    "operation",
    [lambda x: x**2, lambda x: x % 2, lambda x: x // 2, lambda x: x < 2, lambda x: abs(x), lambda x: x * "a",
     lambda x: 1j + x, lambda x: np.tanh(np.array([x])), lambda x: x / None, lambda x: x - [1],
     lambda x: x == 2.0, lambda x: x != x, lambda x: np.float64(2) == x,
     lambda x: np.array([x]) == np.array([x]), lambda x: np.array([x]) != 2.0, lambda x: x > 1,
     lambda x: np.maximum(np.array([x]), 0), hash],
)  # fmt: skip
def test_what_is_not_counted_is_refused(operation, tally):
    with pytest.raises(TypeError):
        operation(tally.watch(2.0))
    assert counts(tally) == [0, 0, 0, 0]


@pytest.mark.parametrize("value", [0.0, 2.0])
def test_a_truth_value_is_refused(value, tally):
    with pytest.raises(TypeError, match="truth value"):
        bool(tally.watch(value))
    with pytest.raises(TypeError):
        np.where(tally.watch([value]), 1, 0)


def test_taking_the_value_out_is_the_one_way_that_goes_uncounted(tally):
    x = tally.watch([1.0, 2.0])
    floats = np.zeros(2)
    floats[:] = x
    assert floats.tolist() == [1.0, 2.0] and math.exp(x[0]) == math.e and float(x[1]) * 2 == 4
    assert counts(tally) == [0, 0, 0, 0]


@pytest.mark.parametrize("operation", [operation for operation, _ in OPERATORS], ids=IDS)
def test_an_operand_that_is_no_number_is_refused_from_either_side(operation, tally):
    for pair in ((tally.watch(2.0), "a"), (None, tally.watch(2.0))):
        with pytest.raises(TypeError):
            operation(*pair)
    assert counts(tally) == [0, 0, 0, 0]
