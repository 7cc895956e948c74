"""Reverse mode on numbers, against autograd, centred differences and lesson 06's matrices.

A test that takes only ``autodiff`` is also run on broken copies of the module (test_mutants.py).
"""

import importlib
import math
import operator
from operator import attrgetter

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from hypothesis import given
from hypothesis import strategies as st
from oracles import refuses

from bphelpers import autodiff as intact
from bphelpers import data
from bphelpers import functional as F


@pytest.fixture
def autodiff():
    return importlib.import_module("bphelpers.autodiff")


OPERATIONS = {
    "a + b": operator.add,
    "a - b": operator.sub,
    "a * b": operator.mul,
    "a / b": operator.truediv,
    "a - 2": lambda a, b: (a - 2) * (b / 4),
    "2 - a": lambda a, b: 2 - a + 0 * b,
    "1 / b": lambda a, b: 1 / b + 0 * a,
    "3 * a": lambda a, b: 3 * a + np.float64(2) * b,
    "-a": lambda a, b: -a + b,
    "a ** 3": lambda a, b: a**3 + b**-1,
    "b ** 0.5": lambda a, b: a * b**0.5 + a**0,
    "a * a": lambda a, b: a * a * b + a,
    "exp": lambda a, b: _of(a, "exp") * b,
    "log": lambda a, b: _of(b, "log") * a,
    "sigmoid": lambda a, b: _of(a, "sigmoid") * b,
    "tanh": lambda a, b: _of(a, "tanh") * b,
    "relu": lambda a, b: _of(a, "relu") * b,
}
REFERENCES = {
    "exp": anp.exp,
    "log": anp.log,
    "sigmoid": lambda z: 1 / (1 + anp.exp(-z)),
    "tanh": anp.tanh,
    "relu": lambda z: z * (z > 0),
}


def _of(x, name):
    return getattr(x, name)() if hasattr(x, "backward") else REFERENCES[name](x)


def compare(autodiff, name, a, b):
    f, va, vb, h = OPERATIONS[name], autodiff.Value(a), autodiff.Value(b), 1e-5
    out = f(va, vb)
    out.backward()
    assert math.isclose(out.data, f(a, b), rel_tol=1e-12, abs_tol=1e-12)
    found = va.grad, vb.grad
    oracle = grad(f, 0)(a, b), grad(f, 1)(a, b)
    measured = (f(a + h, b) - f(a - h, b)) / (2 * h), (f(a, b + h) - f(a, b - h)) / (2 * h)
    np.testing.assert_allclose(found, oracle, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found, measured, rtol=1e-7, atol=2e-7 * max(map(abs, oracle)) + 1e-8)


@pytest.mark.parametrize("name", OPERATIONS)
@given(a=st.floats(0.1, 3) | st.floats(-3, -0.1), b=st.floats(0.2, 3))
def test_an_operation_against_autograd_and_differences(name, a, b):
    compare(intact, name, a, b)


def test_each_operation_at_two_points(autodiff):
    for name in OPERATIONS:
        compare(autodiff, name, 0.7, 1.3)
        compare(autodiff, name, -1.1, 0.4)


def test_the_graph_of_the_first_screen_in_either_order(autodiff):
    for product in (lambda u, v: u * v, lambda u, v: v * u):
        x, y = autodiff.Value(1.0), autodiff.Value(2.0)
        u = x + y
        v = u + 1
        f = product(u, v)
        assert {value.grad for value in (x, y, u, v, f)} == {0}
        f.backward()
        assert (f.data, f.grad, v.grad, u.grad, x.grad, y.grad) == (12, 1, 3, 7, 7, 7)
        f.backward()  # begins at 0 again
        assert (u.grad, x.grad) == (7, 7)


@given(st.lists(st.tuples(st.sampled_from("+*-t"), st.integers(0, 99), st.integers(0, 99)), max_size=30))
def test_any_graph_with_shared_values(plan):
    def build(leaves):
        made = list(leaves)
        for kind, i, j in plan:
            a, b = made[i % len(made)], made[j % len(made)]
            made.append({"+": lambda a=a, b=b: (a + b) * 0.5, "*": lambda a=a, b=b: _of(a * b, "tanh"),
                         "-": lambda a=a, b=b: a - b, "t": lambda a=a: _of(a, "tanh")}[kind]())  # fmt: skip
        return made[-1] + made[0] * 0

    start = [0.5, -1.2, 0.8]
    leaves = [intact.Value(v) for v in start]
    out = build(leaves)
    out.backward()
    expected = grad(lambda x: build([x[0], x[1], x[2]]))(np.array(start))
    np.testing.assert_allclose([leaf.grad for leaf in leaves], expected, rtol=1e-9, atol=1e-12)
    order = intact.topological_order(out, attrgetter("parents"))
    position = {value: k for k, value in enumerate(order)}
    assert len(position) == len(order)
    assert all(position[p] < position[v] for v in order for p in v.parents)


def test_an_order_has_each_once_and_after_its_parents(autodiff):
    used = {"f": "uv", "v": "u", "u": "xy", "x": "", "y": ""}
    asked = []
    order = autodiff.topological_order("f", lambda node: asked.append(node) or used[node])
    assert sorted(order) == sorted(asked) == sorted(used)  # and each is asked once
    assert all(order.index(parent) < order.index(node) for node in used for parent in used[node])


def test_twelve_derivatives_of_the_running_example(autodiff):
    X, T, W1, b1, W2, b2, _ = data.mazur()
    layers = [
        [[[autodiff.Value(w) for w in row] for row in W], [autodiff.Value(v) for v in b]]
        for W, b in ((W1, b1), (W2, b2))
    ]
    a = list(X[0])
    for W, b in layers:
        a = [(row[0] * a[0] + row[1] * a[1] + bias).sigmoid() for row, bias in zip(W, b, strict=True)]
    loss = sum((out - t) ** 2 for out, t in zip(a, T[0], strict=True)) * 0.5
    loss.backward()
    A1 = F.sigmoid(F.linear(X, W1, b1))
    A2 = F.sigmoid(F.linear(A1, W2, b2))
    dZ2 = F.sigmoid_backward(A2 - T, A2)
    dA1, dW2, db2 = F.linear_backward(dZ2, A1, W2)
    _, dW1, db1 = F.linear_backward(F.sigmoid_backward(dA1, A1), X, W1)
    for (W, b), dW, db in zip(layers, (dW1, dW2), (db1, db2), strict=True):
        np.testing.assert_allclose([[w.grad for w in row] for row in W], dW, rtol=1e-14)
        np.testing.assert_allclose([v.grad for v in b], db, rtol=1e-14)


REFUSED = [
    (lambda Value: Value("1"), "data must be a finite number"),
    (lambda Value: Value(float("nan")), "data must be a finite number"),
    (lambda Value: Value(np.inf), "data must be a finite number"),
    (lambda Value: Value(Value(1.0)), "data must be a number, got Value(1) (Value); use the Value itself"),
    (lambda Value: Value(1.0, (Value(1.0),), ()), "slopes must be one for each of 1 parents"),
    (lambda Value: Value(1.0, (Value(1.0),), (1.0, 2.0)), "slopes must be one for each of 1 parents"),
    (lambda Value: Value(1.0, (Value(1.0),), (math.inf,), "mine"), "a result of mine must be finite"),
    (lambda Value: Value(1.0) + "a", "an operand must be a finite number"),
    (lambda Value: Value(1.0) - "a", "an operand must be a finite number"),
    (lambda Value: Value(1.0) - math.inf, "an operand must be a finite number"),
    (lambda Value: Value(1.0) * np.ones(2), "an operand must be a finite number"),
    (lambda Value: np.ones(2) * Value(1.0), "an operand must be a finite number"),
    (lambda Value: Value(1.0) / "a", "an operand must be a finite number"),
    (lambda Value: "a" / Value(1.0), "an operand must be a finite number"),
    (lambda Value: Value(1.0) ** Value(2.0), "exponent must be a finite number"),
    (lambda Value: Value(0.0) ** -1, "a base must have a real power -1 with a slope"),
    (lambda Value: Value(0.0) ** 0.5, "a base must have a real power 0.5 with a slope"),
    (lambda Value: Value(-1.0) ** 0.5, "a base must have a real power 0.5 with a slope"),
    (lambda Value: 1 / Value(0.0), "a divisor must be other than 0"),
    (lambda Value: Value(1.0) / 0, "a divisor must be other than 0, got 0"),
    (lambda Value: Value(0.0).log(), "the argument of log must be above 0, got 0"),
    (lambda Value: Value(-1.0).log(), "the argument of log must be above 0"),
    (lambda Value: Value(1e3).exp(), "a result of exp must be finite"),
    (lambda Value: Value(710.0).exp(), "a result of exp must be finite"),
    (lambda Value: Value(1e308) + Value(1e308), "a result of + must be finite"),
    (lambda Value: Value(1e308) + 1e308, "a result of + must be finite"),
    (lambda Value: Value(-1e308) - Value(1e308), "a result of - must be finite"),
    (lambda Value: Value(-1e308) - 1e308, "a result of - must be finite"),
    (lambda Value: Value(1e200) * Value(1e200), "a result of * must be finite"),
    (lambda Value: Value(1e200) * 1e200, "a result of * must be finite"),
    (lambda Value: Value(1e200) ** 2, "a result of **2 must be finite"),
    (lambda Value: Value(1e-200) ** -1, "a result of **-1 must be finite and have finite slopes"),
    (lambda Value: 1 / Value(1e-200), "a result of / must be finite and have finite slopes"),
    (lambda Value: Value(1e200) / 1e-200, "a result of / must be finite and have finite slopes"),
    (lambda Value: Value(5e-324).log(), "a result of log must be finite and have finite slopes"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_what_cannot_be_computed_is_said(call, words):
    refuses(lambda: call(intact.Value), words)


def test_all_that_cannot_be_computed_is_said(autodiff):
    for call, words in REFUSED:
        refuses(lambda call=call: call(autodiff.Value), words)


def test_extremes_are_quiet(autodiff):
    Value = autodiff.Value
    assert Value(-1e9).sigmoid().data == 0
    assert Value(1e9).sigmoid().data == 1
    assert math.isclose(Value(709.7).exp().data, math.exp(709.7))
    assert 0 <= Value(-709.9).sigmoid().data < 1e-300
    assert [(type(slope), slope) for slope in Value(0.0).relu().slopes] == [(float, 0)]
    assert (Value(0.0) ** 2).slopes == (0.0,)
    assert (Value(0.0) ** 1).slopes == (1.0,)
    assert (Value(0.0) ** 1.5).slopes == (0.0,)
    assert (Value(0.0) ** 0).slopes == (0.0,)
    assert (Value(-2.0) ** 3).data == -8


def test_a_value_holds_plain_floats_and_shows_its_number(autodiff):
    for given_as in (2, np.float32(2), np.int64(2)):
        value = autodiff.Value(given_as)
        assert (type(value.data), value.data, value.parents, value.slopes, value.op) == (float, 2, (), (), "")
    assert [p.data for p in (autodiff.Value(2.0) * autodiff.Value(3.0)).parents] == [2, 3]
    assert repr(autodiff.Value(0.5)) == "Value(0.5)"


def test_doubling_twenty_times_visits_each_once(autodiff):
    x = z = autodiff.Value(1.0)
    for _ in range(20):
        z = z + z
    z.backward()
    assert (x.grad, len(autodiff.topological_order(z, attrgetter("parents")))) == (2.0**20, 21)


def test_a_chain_of_fifty_thousand_needs_no_recursion(autodiff):
    x = z = autodiff.Value(1.0)
    try:
        for _ in range(50_000):
            z = z + 1.0
        z.backward()
        assert x.grad == 1
        assert (
            len(autodiff.topological_order(z, attrgetter("parents"))) == 50_001
        )  # a plain number is no node
    finally:
        while z.parents:  # taken apart from the end
            z = z.parents[0]
