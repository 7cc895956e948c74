"""The operation counter: every operation is counted once, and the numbers are those of plain floats."""

import math
import operator
from dataclasses import astuple

import numpy as np
import pytest

from bphelpers.teaching.counting import Counted, Tally

KINDS = {operator.mul: "multiplications", operator.add: "additions", operator.sub: "additions",
         operator.truediv: "divisions"}  # fmt: skip
each_operator = pytest.mark.parametrize(("operation", "kind"), KINDS.items())


def plain(values):
    return np.array(values, dtype=float)


def counts(tally):
    return list(astuple(tally))


@pytest.fixture
def tally():
    return Tally()


@each_operator
@pytest.mark.parametrize("other", [3, -0.3, np.float64(0.7), np.float32(0.5), np.int64(7), "counted"])
def test_each_operator_costs_one_from_either_side(operation, kind, other, tally):
    x, value = tally.watch(1.7), 1.7
    number = float(-2.3 if other == "counted" else other)
    other = tally.watch(number) if other == "counted" else other
    for result, expected in ((operation(x, other), operation(value, number)),
                             (operation(other, x), operation(number, value))):  # fmt: skip
        assert isinstance(result, Counted) and float(result) == expected
        assert result.tally is tally
    assert tally == Tally(**{kind: 2})


@each_operator
def test_arrays_cost_one_for_each_entry_of_the_result(operation, kind, tally):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 1)), rng.normal(size=(1, 4))
    for left, right in ((tally.watch(a), tally.watch(b)), (a, tally.watch(b)), (tally.watch(a), b)):
        np.testing.assert_array_equal(plain(operation(left, right)), operation(a, b))
    assert tally == Tally(**{kind: 3 * 12})
    x = tally.watch(1.7)  # one number and an array
    np.testing.assert_array_equal(plain(operation(x, b)), operation(1.7, b))
    np.testing.assert_array_equal(plain(operation(tally.watch(b), x)), operation(b, 1.7))
    assert tally == Tally(**{kind: 36 + 8})


@pytest.mark.parametrize(("rows", "inner", "columns"), [(1, 1, 1), (1, 3, 4), (2, 1, 5), (4, 5, 3)])
def test_a_matrix_product(rows, inner, columns, tally):
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(rows, inner)), rng.normal(size=(columns, inner))
    np.testing.assert_allclose(plain(tally.watch(a) @ tally.watch(b).T), a @ b.T, rtol=1e-13)
    assert counts(tally) == [rows * inner * columns, rows * (inner - 1) * columns, 0, 0]


def test_products_of_vectors_sums_and_means(tally):
    a = np.arange(12.0).reshape(3, 4)
    watched, row = tally.watch(a), tally.watch([1.0, 2.0, 3.0])
    for calculate, result, cost in [
        (lambda: row @ tally.watch([4.0, 5.0, 6.0]), 32, [3, 2, 0, 0]),
        (lambda: np.outer(row, tally.watch([4.0, 5.0])), [[4, 5], [8, 10], [12, 15]], [6, 0, 0, 0]),
        (lambda: watched.sum(), 66, [0, 11, 0, 0]),
        (lambda: watched.sum(axis=0), a.sum(axis=0), [0, 8, 0, 0]),
        (lambda: watched.mean(), 5.5, [0, 11, 1, 0]),
        (lambda: sum(row), 6, [0, 3, 0, 0]),  # begins with 0, and so does einsum
        (lambda: np.einsum("ij,kj->ik", watched, a), a @ a.T, [36, 36, 0, 0]),
    ]:
        before = counts(tally)
        assert np.array_equal(plain(calculate()), result)
        assert np.subtract(counts(tally), before).tolist() == cost


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


def test_watching_costs_nothing_and_copies(tally):
    values = np.ones((2, 3))
    watched = tally.watch(values)
    watched[0, 0] = tally.watch(7.0)
    assert watched.shape == (2, 3) and values[0, 0] == 1 and plain(tally.watch([])).shape == (0,)
    assert counts(tally) == [0, 0, 0, 0]
    assert isinstance(tally.watch(3), Counted) and repr(tally.watch(3)) == "Counted(3.0)"


@pytest.mark.parametrize("operation", KINDS)
def test_tallies_are_independent_and_do_not_mix(operation, tally):
    other = Tally()
    a = tally.watch([1.0, 2.0])
    _ = a * a
    assert counts(other) == [0, 0, 0, 0] != counts(tally)
    for one in (tally.watch(2.0), Tally().watch(2.0)):  # two that count the same are not the same
        with pytest.raises(ValueError, match=r"^both numbers must mark the same tally, got two tallies$"):
            operation(one, other.watch(3.0))
    assert counts(tally) == [2, 0, 0, 0] and counts(other) == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "values", [["a"], [1j], [True], [None], [[1.0], "x"], [Counted(1.0, Tally())]], ids=repr
)
def test_what_is_not_a_real_number_is_refused(values, tally):
    with pytest.raises(ValueError, match=r"^values must hold real numbers, got dtype|inhomogeneous"):
        tally.watch(values)


@pytest.mark.parametrize(
    "operation",
    [lambda x: x**2, lambda x: x % 2, lambda x: x // 2, lambda x: x < 2, lambda x: abs(x), lambda x: x * "a",
     lambda x: 1j + x, lambda x: np.tanh(np.array([x])), lambda x: x / None, lambda x: x - [1],
     lambda x: x == 2.0, lambda x: x != x, lambda x: np.float64(2) == x,
     lambda x: np.array([x]) == np.array([x]), lambda x: np.array([x]) != 2.0, lambda x: x > 1,
     lambda x: np.maximum(np.array([x]), 0), hash, bool, lambda x: np.where(np.array([x]), 1, 0)],
)  # fmt: skip
@pytest.mark.parametrize("value", [0.0, 2.0])
def test_what_is_not_counted_is_refused(operation, value, tally):
    with pytest.raises(TypeError):
        operation(tally.watch(value))
    assert counts(tally) == [0, 0, 0, 0]


def test_what_has_no_operator_says_to_take_the_value_out(tally):
    x = tally.watch(2.0)
    with pytest.raises(TypeError, match=r"^a counted number has no truth value: take float\(x\) first$"):
        bool(x)
    with pytest.raises(TypeError, match=r"^a counted number is not compared: take float\(x\) first$"):
        x == 2.0  # noqa: B015


def test_taking_the_value_out_is_the_one_way_that_goes_uncounted(tally):
    x = tally.watch([1.0, 2.0])
    floats = np.zeros(2)
    floats[:] = x
    assert floats.tolist() == [1.0, 2.0] and math.exp(x[0]) == math.e and float(x[1]) * 2 == 4
    assert counts(tally) == [0, 0, 0, 0]


@pytest.mark.parametrize("operation", KINDS)
def test_an_operand_that_is_no_number_is_refused_from_either_side(operation, tally):
    for pair in ((tally.watch(2.0), "a"), (None, tally.watch(2.0))):
        with pytest.raises(TypeError):
            operation(*pair)
    assert counts(tally) == [0, 0, 0, 0]
