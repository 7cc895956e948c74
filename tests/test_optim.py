"""The update rules against formulas unrolled by hand, one number at a time.

A test that takes only ``optim`` is also run on broken copies of the module (test_mutants.py).
"""

import importlib

import numpy as np
import pytest
from oracles import refuses

from bphelpers.nn import Parameter


@pytest.fixture
def optim():
    return importlib.import_module("bphelpers.optim")


GRADIENTS = [0.5, -1.0, 2.0, 0.25, -3.0]


def walk(optimizer, start, gradients=GRADIENTS):
    """Where a single weight stands after each of the gradients."""
    w = Parameter(np.array([start]), "w")
    positions = []
    for gradient in gradients:
        w.grad = np.array([gradient])
        optimizer.step([w])
        positions.append(float(w.data[0]))
    return positions


def test_plain_step(optim):
    # 1 - 0.1 * 0.5 = 0.95, and so on: each position is the one before minus a tenth of the gradient.
    expected = [0.95, 1.05, 0.85, 0.825, 1.125]
    np.testing.assert_allclose(walk(optim.SGD(lr=0.1), 1.0), expected, rtol=1e-15)


def test_momentum(optim):
    g, w, mu, lr, v, expected = GRADIENTS, 1.0, 0.9, 0.1, 0.0, []
    for gradient in g:
        v = mu * v + gradient
        w = w - lr * v
        expected.append(w)
    # The same, unrolled: the third velocity remembers the first two gradients.
    assert expected[2] == pytest.approx(
        1.0 - lr * (g[0] + (g[1] + mu * g[0]) + (g[2] + mu * g[1] + mu * mu * g[0]))
    )
    np.testing.assert_allclose(walk(optim.SGD(lr=0.1, momentum=0.9), 1.0), expected, rtol=1e-14)


def test_nesterov(optim):
    g, mu, lr = GRADIENTS, 0.8, 0.05
    v1 = g[0]
    v2 = g[1] + mu * v1
    v3 = g[2] + mu * v2
    w1 = 2.0 - lr * (g[0] + mu * v1)
    w2 = w1 - lr * (g[1] + mu * v2)
    w3 = w2 - lr * (g[2] + mu * v3)
    found = walk(optim.SGD(lr=lr, momentum=mu, nesterov=True), 2.0, g[:3])
    np.testing.assert_allclose(found, [w1, w2, w3], rtol=1e-14)


def test_nesterov_is_a_plain_step_from_where_momentum_leads(optim):
    """Nesterov's own form, for w^2 / 2: the gradient is taken where the velocity leads."""
    lr, mu = 0.1, 0.9
    w, v, textbook = 1.0, 0.0, []
    for _ in range(5):
        v = mu * v - lr * (w + mu * v)
        w = w + v
        textbook.append(w + mu * v)  # the look-ahead point is what this implementation stores
    parameter = Parameter(np.array([1.0]), "w")
    optimizer = optim.SGD(lr=lr, momentum=mu, nesterov=True)
    found = []
    for _ in range(5):
        parameter.grad = parameter.data.copy()
        optimizer.step([parameter])
        found.append(float(parameter.data[0]))
    np.testing.assert_allclose(found, textbook, rtol=1e-12)


def test_weight_decay(optim):
    w, expected = 3.0, []
    for gradient in GRADIENTS:
        w = w - 0.1 * gradient - 0.1 * 0.01 * w  # the gradient of 0.01 / 2 * w^2 is 0.01 * w
        expected.append(w)
    np.testing.assert_allclose(walk(optim.SGD(lr=0.1, weight_decay=0.01), 3.0), expected, rtol=1e-14)


def test_weight_decay_goes_through_the_velocity(optim):
    for nesterov in (False, True):
        w, v, expected = 3.0, 0.0, []
        for gradient in GRADIENTS:
            g = gradient + 0.1 * w
            v = 0.5 * v + g
            w = w - 0.2 * (g + 0.5 * v if nesterov else v)
            expected.append(w)
        optimizer = optim.SGD(lr=0.2, momentum=0.5, nesterov=nesterov, weight_decay=0.1)
        np.testing.assert_allclose(walk(optimizer, 3.0), expected, rtol=1e-14)


def test_without_gradient_weight_decay_shrinks_by_a_constant_factor(optim):
    found = walk(optim.SGD(lr=0.5, weight_decay=0.2), 1.0, [0.0] * 4)
    np.testing.assert_allclose(found, [0.9, 0.81, 0.729, 0.6561], rtol=1e-14)


def test_each_parameter_has_its_own_velocity(optim):
    optimizer = optim.SGD(lr=1.0, momentum=0.5)
    a, b = Parameter(np.zeros((2, 3)), "a"), Parameter(np.zeros(2), "b")
    for step in (1, 2):
        a.grad, b.grad = np.full((2, 3), 1.0), np.full(2, 10.0)
        optimizer.step(parameter for parameter in [a, b])  # a generator will do
        # 1, then 1 + (1 + 0.5)
        np.testing.assert_allclose(a.data, -[1, 2.5][step - 1])
        np.testing.assert_allclose(b.data, -[10, 25][step - 1])


def test_a_gradient_filled_in_place_does_not_rewrite_the_velocity(optim):
    for options in ({}, {"weight_decay": 0.5}, {"nesterov": True}):
        w, again = Parameter(np.zeros(1), "w"), Parameter(np.zeros(1), "w")
        in_place, fresh = (optim.SGD(lr=1.0, momentum=0.5, **options) for _ in range(2))
        w.grad = np.zeros(1)
        for gradient in (1.0, -2.0, 4.0):
            w.grad[:] = gradient
            again.grad = np.array([gradient])
            in_place.step([w])
            fresh.step([again])
            assert w.grad == gradient, "the optimizer wrote into the gradient"
        assert w.data == again.data


def test_the_step_moves_the_array_itself(optim):
    w = Parameter(np.array([1.0]), "w")
    seen = w.data
    w.grad = np.array([1.0])
    optim.SGD(lr=0.5).step([w])
    assert seen is w.data and seen[0] == 0.5


def test_float32_stays_float32(optim):
    for momentum in (0.0, 0.9):
        optimizer = optim.SGD(np.float64(0.1), np.float64(momentum), weight_decay=np.float64(0.1))
        w = Parameter(np.ones(3, dtype=np.float32), "w")
        w.grad = np.ones(3, dtype=np.float32)
        optimizer.step([w])
        optimizer.step([w])
        assert w.data.dtype == np.float32
        assert {type(optimizer.lr), type(optimizer.momentum), type(optimizer.weight_decay)} == {float}


def test_what_is_refused(optim):
    for lr in (-0.1, float("nan"), float("inf")):
        refuses(lambda lr=lr: optim.SGD(lr), "lr must be a finite number, 0 or more", f"got {lr}")
        refuses(lambda lr=lr: optim.SGD(0.1, weight_decay=lr), "weight_decay must be a finite", f"got {lr}")
    for momentum in (-0.1, 1.0, float("nan")):
        refuses(
            lambda m=momentum: optim.SGD(0.1, m), "momentum must lie from 0 to below 1", f"got {momentum}"
        )
    refuses(lambda: optim.SGD(0.1, nesterov=True), "nesterov needs momentum")
    optim.SGD(0.0, momentum=0.0, weight_decay=0.0)
    assert optim.SGD(0.1).momentum == optim.SGD(0.1).weight_decay == 0
    assert optim.SGD(0.1).nesterov is False


def test_a_refused_step_moves_nothing(optim):
    w, b = Parameter(np.ones((2, 3)), "W1"), Parameter(np.ones(2), "b1")
    w.grad = np.ones((2, 3))
    refuses(lambda: optim.SGD(0.1).step([w, b]), "b1 has no gradient yet")
    for shape in [(1,), (), (2, 2)]:
        b.grad = np.ones(shape)
        refuses(lambda: optim.SGD(0.1).step([w, b]), f"b1.grad must have shape (2,), got {shape}")
    assert (w.data == 1).all() and (b.data == 1).all()
