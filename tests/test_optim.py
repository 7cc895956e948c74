"""The update rules against formulas unrolled by hand, one number at a time.

A test that takes only ``optim`` is also run on broken copies of the module (test_mutants.py).
"""

import copy
import importlib
import itertools
import math
from unittest import mock

import numpy as np
import pytest
from oracles import refuses

from bphelpers import nn
from bphelpers.nn import Parameter
from bphelpers.teaching import gradcheck


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


def unrolled(start, step):
    """The same by a rule for one number: ``step(w, g, m, s, t)`` gives the next w, and two running values."""
    w, m, s, positions = start, 0.0, 0.0, []
    for t, g in enumerate(GRADIENTS, start=1):
        w, m, s = step(w, g, m, s, t)
        positions.append(w)
    return positions


def test_rules_with_memory_and_weight_decay(optim):
    def momentum(w, g, m, s, t):
        m = 0.9 * m + g
        return w - 0.1 * m, m, s

    # The same, unrolled: the third velocity remembers the first two gradients.
    g, lr, mu = GRADIENTS, 0.1, 0.9
    third = 1.0 - lr * (g[0] + (g[1] + mu * g[0]) + (g[2] + mu * g[1] + mu * mu * g[0]))
    assert unrolled(1.0, momentum)[2] == pytest.approx(third)

    def decayed(w, g, m, s, t):
        return w - 0.1 * g - 0.1 * 0.01 * w, m, s  # the gradient of 0.01 / 2 * w^2 is 0.01 * w

    def decayed_momentum(w, g, m, s, t):
        m = 0.5 * m + g + 0.1 * w
        return w - 0.2 * m, m, s

    def decayed_nesterov(w, g, m, s, t):
        g = g + 0.1 * w
        m = 0.5 * m + g
        return w - 0.2 * (g + 0.5 * m), m, s

    def rmsprop(w, g, m, s, t):
        s = 0.9 * s + 0.1 * g * g
        return w - 0.05 * g / (math.sqrt(s) + 0.2), m, s  # a large eps shows that it is outside the root

    def decayed_rmsprop(w, g, m, s, t):
        g = g + 0.2 * w
        s = 0.7 * s + 0.3 * g * g
        return w - 0.05 * g / (math.sqrt(s) + 1e-3), m, s

    def adamw(w, g, m, s, t):
        m, s, w = 0.6 * m + 0.4 * g, 0.8 * s + 0.2 * g * g, (1 - 0.05 * 0.3) * w
        return w - 0.05 * (m / (1 - 0.6**t)) / (math.sqrt(s / (1 - 0.8**t)) + 0.1), m, s

    def decayed_adam(w, g, m, s, t):
        g = g + 0.3 * w
        m, s = 0.6 * m + 0.4 * g, 0.8 * s + 0.2 * g * g
        return w - 0.05 * (m / (1 - 0.6**t)) / (math.sqrt(s / (1 - 0.8**t)) + 0.1), m, s

    adam = {"lr": 0.05, "betas": (0.6, 0.8), "eps": 0.1, "weight_decay": 0.3}
    for rule, start, step in [
        (optim.SGD(lr=0.1, momentum=0.9), 1.0, momentum),
        (optim.SGD(lr=0.1, weight_decay=0.01), 3.0, decayed),
        (optim.SGD(lr=0.2, momentum=0.5, weight_decay=0.1), 3.0, decayed_momentum),
        (optim.SGD(lr=0.2, momentum=0.5, nesterov=True, weight_decay=0.1), 3.0, decayed_nesterov),
        (optim.RMSprop(lr=0.05, alpha=0.9, eps=0.2), 1.0, rmsprop),
        (optim.RMSprop(lr=0.05, alpha=0.7, eps=1e-3, weight_decay=0.2), 3.0, decayed_rmsprop),
        (optim.Adam(**adam), 3.0, decayed_adam),
        (optim.AdamW(**adam), 3.0, adamw),
    ]:
        found, expected = walk(rule, start), unrolled(start, step)
        np.testing.assert_allclose(found, expected, rtol=1e-14, err_msg=step.__name__)


def test_nesterov_is_a_plain_step_from_where_momentum_leads(optim):
    """Nesterov's own form, for w^2 / 2: the gradient is taken where the velocity leads."""
    lr, mu = 0.1, 0.9
    w, v, parameter = 1.0, 0.0, Parameter(np.array([1.0]), "w")
    optimizer = optim.SGD(lr=lr, momentum=mu, nesterov=True)
    for _ in range(5):
        v = mu * v - lr * (w + mu * v)
        w = w + v
        parameter.grad = parameter.data
        optimizer.step([parameter])
        # The look-ahead point is what this implementation stores.
        np.testing.assert_allclose(parameter.data, [w + mu * v], rtol=1e-12)


def test_the_step_moves_the_array_itself(optim):
    w = Parameter(np.array([1.0]), "w")
    seen = w.data
    w.grad = np.array([1.0])
    optim.SGD(lr=0.5).step([w])
    assert seen is w.data and seen[0] == 0.5


RULES = {
    "SGD": lambda optim, **more: optim.SGD(lr=0.1, **more),
    "momentum": lambda optim, **more: optim.SGD(lr=0.1, momentum=0.9, **more),
    "nesterov": lambda optim, **more: optim.SGD(lr=0.1, momentum=0.9, nesterov=True, **more),
    "RMSprop": lambda optim, **more: optim.RMSprop(lr=0.1, **more),
    "Adam": lambda optim, **more: optim.Adam(lr=0.1, **more),
    "AdamW": lambda optim, **more: optim.AdamW(lr=0.1, **more),
}


def test_first_step_of_adam_is_the_learning_rate(optim):
    for gradient in (1e-3, -7.0, 1e5):
        (found,) = walk(optim.Adam(lr=0.01), 0.0, [gradient])
        assert found == pytest.approx(-0.01 * np.sign(gradient), rel=1e-4)


def test_defaults_are_those_of_pytorch(optim):
    rmsprop, adam, adamw = optim.RMSprop(), optim.Adam(), optim.AdamW()
    assert (rmsprop.lr, rmsprop.alpha, rmsprop.eps) == (0.01, 0.99, 1e-8)
    assert rmsprop.weight_decay == 0
    assert (adam.lr, adam.betas, adam.eps, adam.weight_decay) == (0.001, (0.9, 0.999), 1e-8, 0)
    assert (adamw.lr, adamw.betas, adamw.eps, adamw.weight_decay) == (0.001, (0.9, 0.999), 1e-8, 0.01)


def test_each_parameter_has_its_own_averages(optim):
    """A parameter that joins later starts at its own first update, and others do not disturb it."""
    for rule in (RULES["RMSprop"], RULES["momentum"], RULES["Adam"], RULES["AdamW"]):
        together = rule(optim)
        a, b = Parameter(np.array([1.0]), "a"), Parameter(np.array([[2.0, -1.0]]), "b")
        for k, gradient in enumerate(GRADIENTS):
            a.grad, b.grad = np.array([gradient]), np.full((1, 2), -3 * gradient)
            together.step(parameter for parameter in ([a] if k < 2 else [a, b]))
        assert a.data[0] == walk(rule(optim), 1.0)[-1]
        late = [-3 * gradient for gradient in GRADIENTS[2:]]
        assert b.data[0].tolist() == [walk(rule(optim), start, late)[-1] for start in (2.0, -1.0)]


def test_no_rule_writes_into_the_gradient_or_keeps_it(optim):
    for rule, options in itertools.product(RULES.values(), ({}, {"weight_decay": 0.5})):
        in_place, fresh = rule(optim, **options), rule(optim, **options)
        w, again = Parameter(np.ones(1), "w"), Parameter(np.ones(1), "w")
        w.grad = np.zeros(1)
        for gradient in GRADIENTS:
            w.grad[:] = gradient
            again.grad = np.array([gradient])
            in_place.step([w])
            fresh.step([again])
            assert w.grad == gradient
        assert w.data == again.data


def test_float32_stays_float32(optim):
    rate = np.float64(0.1)
    for optimizer in (
        optim.SGD(rate, weight_decay=rate),
        optim.SGD(rate, rate, weight_decay=rate),
        optim.RMSprop(rate, rate, rate, rate),
        optim.Adam(rate, (rate, rate), rate, rate),
        optim.AdamW(rate, (rate, rate), rate, rate),
        optim.Scheduled(optim.Adam(rate), lambda step: np.float64(0.5)),
    ):
        w = Parameter(np.ones(3, dtype=np.float32), "w")
        w.grad = np.ones(3, dtype=np.float32)
        assert optim.clip_grad_norm([w], np.float64(0.5)) == pytest.approx(math.sqrt(3))
        assert w.grad.dtype == np.float32
        optimizer.step([w])
        optimizer.step([w])
        assert w.data.dtype == np.float32
        state = [value for name, value in vars(optimizer).items() if name[0] != "_"]
        assert not [value for value in state if isinstance(value, np.generic)]
        rule = getattr(optimizer, "optimizer", optimizer)
        kept = [entry for entry in rule.memory[w].values() if isinstance(entry, np.ndarray)]
        assert {array.dtype for array in kept} <= {np.dtype(np.float32)}
        assert type(optimizer.lr) is float
    assert [type(beta) for beta in optim.Adam(betas=(rate, rate)).betas] == [float, float]


def test_what_is_refused(optim):
    makers = [optim.SGD, optim.RMSprop, optim.Adam, optim.AdamW]
    for wrong in (-0.1, float("nan"), float("inf")):
        for make in makers:
            refuses(lambda w=wrong, m=make: m(w), "lr must be a finite number, at least 0", f"got {wrong}")
            said = "weight_decay must be a finite", f"got {wrong}"
            refuses(lambda w=wrong, m=make: m(0.1, weight_decay=w), *said)
    for wrong in (-0.1, 1.0, float("nan")):
        said = ("must be a finite number, at least 0, below 1", f"got {wrong}")
        refuses(lambda w=wrong: optim.SGD(0.1, w), "momentum", *said)
        refuses(lambda w=wrong: optim.RMSprop(alpha=w), "alpha", *said)
        for make in (optim.Adam, optim.AdamW):
            refuses(lambda w=wrong, m=make: m(betas=(w, 0.9)), "betas[0]", *said)
            refuses(lambda w=wrong, m=make: m(betas=(0.9, w)), "betas[1]", *said)
    for wrong in (0.0, -1e-8, float("nan"), float("inf")):
        for make in (optim.RMSprop, optim.Adam, optim.AdamW):
            refuses(lambda w=wrong, m=make: m(eps=w), "eps must be a finite number, above 0", f"got {wrong}")
    for betas in ((0.9,), (0.9, 0.99, 0.999)):
        refuses(lambda betas=betas: optim.Adam(betas=betas), "betas must be two numbers", str(betas))
    refuses(lambda: optim.SGD(0.1, nesterov=True), "nesterov needs momentum")
    optim.SGD(0.0, momentum=0.0, weight_decay=0.0)
    optim.RMSprop(0.0, alpha=0.0)
    optim.Adam(0.0, betas=(0.0, 0.0))
    assert optim.SGD(0.1).momentum == optim.SGD(0.1).weight_decay == 0
    assert optim.SGD(0.1).nesterov is False


def test_a_refused_step_moves_nothing(optim):
    for rule in RULES.values():
        optimizer = rule(optim)
        w, b = Parameter(np.ones((2, 3)), "W1"), Parameter(np.ones(2), "b1")
        w.grad = np.ones((2, 3))
        said = "b1.grad must be finite, got 2 of 2 that are NaN or infinite; before the first backward pass"
        refuses(lambda o=optimizer, w=w, b=b: o.step([w, b]), said)
        for shape in [(1,), (), (2, 2)]:
            said = f"b1.grad must have shape (2,), got {shape}"
            refuses(lambda b=b, shape=shape: setattr(b, "grad", np.ones(shape)), said)
        for wrong in (float("nan"), float("inf"), -float("inf")):
            b.grad = np.array([1.0, wrong])
            said = refuses(lambda o=optimizer, w=w, b=b: o.step([w, b]), "b1.grad must be finite, got 1 of 2")
            assert "first backward" not in said
        refuses(lambda o=optimizer, w=w: o.step([w, w]), "parameters must be different, got ['W1', 'W1']")
        assert (w.data == 1).all() and (b.data == 1).all()
        b.grad = np.ones(2)
        optimizer.step([w, b])
        assert w.data[0, 0] == b.data[0] == walk(rule(optim), 1.0, [1.0])[0], "a refused step was remembered"


# --- schedules ---


def test_schedules_give_these_factors(optim):
    def factors(schedule, n):
        return [schedule(step) for step in range(n)]

    assert factors(lambda k: optim.warmup(k, 4), 6) == [0.25, 0.5, 0.75, 1, 1, 1]
    assert factors(lambda k: optim.warmup(k, 1), 2) == [1, 1]
    assert factors(lambda k: optim.step_decay(k, 2), 5) == pytest.approx([1, 1, 0.1, 0.1, 0.01])
    assert factors(lambda k: optim.step_decay(k, 3, 0.5), 7) == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]
    assert factors(lambda k: optim.inverse_decay(k, 3), 7)[::3] == pytest.approx([1, 1 / 2, 1 / 3])
    wave = [1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2, 0, 0, 0]
    assert factors(lambda k: optim.cosine(k, 4), 7) == pytest.approx(wave, abs=1e-15)


def test_what_schedules_refuse(optim):
    for wrong in (0, -3, float("nan")):
        refuses(lambda w=wrong: optim.warmup(0, w), "steps must be a finite number, above 0", f"got {wrong}")
        refuses(lambda w=wrong: optim.cosine(0, w), "steps must be a finite number, above 0", f"got {wrong}")
        refuses(lambda w=wrong: optim.step_decay(0, w), "every must be a finite number, above 0")
        refuses(lambda w=wrong: optim.step_decay(0, 2, w), "factor must be a finite number, above 0")
        refuses(lambda w=wrong: optim.inverse_decay(0, w), "scale must be a finite number, above 0")
    for schedule in (optim.warmup, optim.step_decay, optim.cosine, optim.inverse_decay):
        for wrong in (-1, float("nan")):
            refuses(lambda s=schedule, w=wrong: s(w, 4), "step must be a finite number, at least 0")


def test_scheduled_multiplies_the_learning_rate(optim):
    asked = []

    def schedule(step):
        asked.append(step)
        return [1.0, 0.5, 0.0, 3.0, 0.25][step]

    optimizer = optim.Scheduled(optim.SGD(lr=0.1), schedule)
    assert optimizer.lr == 0.1
    found = walk(optimizer, 1.0)
    steps = np.array([1.0, 0.5, 0.0, 3.0, 0.25]) * 0.1 * GRADIENTS
    np.testing.assert_allclose(found, 1.0 - np.cumsum(steps), rtol=1e-14)
    refuses(lambda: optim.Scheduled(optimizer, lambda step: 1.0), "optimizer is scheduled already")
    assert asked == [0, 1, 2, 3, 4]
    assert optimizer.lr == optimizer.optimizer.lr == 0.1 * 0.25
    assert optimizer.updates == 5


def test_scheduled_refuses_a_wrong_factor_and_does_not_count_a_refused_step(optim):
    for wrong in (-1.0, float("nan"), float("inf")):
        optimizer = optim.Scheduled(optim.SGD(lr=0.1), lambda step, wrong=wrong: wrong)
        said = "schedule(0) must be a finite number, at least 0", str(wrong)
        refuses(lambda o=optimizer: walk(o, 1.0), *said)
    w = Parameter(np.ones(1), "w")
    optimizer = optim.Scheduled(optim.SGD(lr=0.1), lambda step: 1 / (2 + step))
    refuses(lambda: optimizer.step([w]), "w.grad must be finite, got 1 of 1")
    assert (optimizer.updates, optimizer.lr, w.data[0]) == (0, 0.1, 1.0)
    w.grad = np.ones(1)
    optimizer.step([w])
    assert w.data[0] == pytest.approx(0.95)


# --- clipping ---


def test_clipping_keeps_the_direction_and_bounds_the_joint_length(optim):
    a, b = Parameter(np.zeros((2, 1)), "a"), Parameter(np.zeros(2), "b")
    given = [np.array([[3.0], [-4.0]]), np.array([0.0, 12.0])]  # of length 13
    a.grad, b.grad = given
    norm = optim.clip_grad_norm((p for p in [a, b]), max_norm=2.6)
    assert type(norm) is float and norm == pytest.approx(13.0, rel=1e-15)
    np.testing.assert_allclose(a.grad, [[0.6], [-0.8]], rtol=1e-7)
    np.testing.assert_allclose(b.grad, [0.0, 2.4], rtol=1e-7)
    # To the last digit with the small number that keeps the fraction from 0 / 0, as in PyTorch.
    np.testing.assert_allclose(b.grad[1], 12.0 * 2.6 / (13.0 + 1e-6), rtol=1e-14)
    assert given[0].tolist() == [[3.0], [-4.0]] and given[1].tolist() == [0.0, 12.0]


def test_clipping_leaves_short_gradients_alone(optim):
    w = Parameter(np.zeros(2), "w")
    for gradient, limit in (([3.0, 4.0], 5.1), ([0.0, 0.0], 1e-9), ([1e5, 0.0], math.inf)):
        w.grad = np.array(gradient)
        assert optim.clip_grad_norm([w], limit) == np.hypot(*gradient)
        assert w.grad.tolist() == gradient
    assert optim.clip_grad_norm([], 1.0) == 0.0


def test_what_clipping_refuses_changes_nothing(optim):
    a, b = Parameter(np.zeros(1), "a"), Parameter(np.zeros(2), "b")
    a.grad = np.array([10.0])
    refuses(lambda: optim.clip_grad_norm([a, b], 1.0), "b.grad must be finite, got 2 of 2")
    refuses(lambda: optim.clip_grad_norm([a, a], 1.0), "parameters must be different, got ['a', 'a']")
    b.grad = np.array([math.nan, math.inf])
    refuses(lambda: optim.clip_grad_norm([a, b], 1.0), "b.grad must be finite, got 2 of 2")
    b.grad = np.array([1e200, 1.0])
    with np.errstate(over="ignore"):
        refuses(lambda: optim.clip_grad_norm([a, b], 1.0), "too large to be added up")
    assert a.grad[0] == 10 and b.grad[1] == 1
    b.grad = np.array([1.0, 1.0])
    for wrong in (0.0, -1.0, math.nan):
        refuses(lambda w=wrong: optim.clip_grad_norm([a, b], w), "max_norm must be above 0", f"got {wrong}")


def test_clipping_measures_float32_in_float64(optim):
    w = Parameter(np.zeros(2, dtype=np.float32), "w")
    w.grad = np.array([3e30, 4e30], dtype=np.float32)  # whose squares float32 cannot hold
    assert optim.clip_grad_norm([w], 1.0) == pytest.approx(5e30, rel=1e-6)
    np.testing.assert_allclose(w.grad, [0.6, 0.8], rtol=1e-6)


def network(seed=0):
    rng = np.random.default_rng(seed)
    return nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Tanh(), nn.Linear(3, 1, rng=rng))


def some_gradient(net, rng):
    for p in net.parameters():
        p.grad = rng.normal(size=p.data.shape)


def test_a_network_moves_as_its_parameters_do_one_by_one(optim):
    """Bit for bit, whole, in parts, and from one to the other and back in the middle of training."""
    everything, all_but_first = slice(None), slice(1, None)
    for rule in RULES.values():
        for turns in ([everything] * 5, [everything, everything, all_but_first, everything, all_but_first]):
            net, rng = network(), np.random.default_rng(1)
            lone = [Parameter(p.data, p.name) for p in net.parameters()]
            joined, apart = rule(optim, weight_decay=0.01), rule(optim, weight_decay=0.01)
            for turn in turns:
                some_gradient(net, rng)
                for p, q in zip(net.parameters(), lone, strict=True):
                    q.grad = p.grad
                joined.step(net.parameters()[turn])
                apart.step(lone[turn])
                for p, q in zip(net.parameters(), lone, strict=True):
                    np.testing.assert_array_equal(p.data, q.data)
            assert (set(joined.memory) == {net.flat}) is (turns[2] is everything)


def test_a_network_moves_by_one_call_for_all(optim):
    net, rule, seen = network(), optim.Adam(), []
    with mock.patch.object(rule, "direction", lambda w, g, kept: seen.append(w.size) or g):
        some_gradient(net, np.random.default_rng(0))
        rule.step(net.parameters())
        rule.step([net.flat])
        rule.step(reversed(net.parameters()))
    assert seen == [13, 13, 1, 3, 3, 6]


def test_two_networks_and_one_rule(optim):
    nets, twins, rng = [network(1), network(2)], [network(1), network(2)], np.random.default_rng(3)
    rule, own = optim.Adam(), [optim.Adam(), optim.Adam()]
    for turn in (0, 1, 0, 0, 1):
        some_gradient(nets[turn], rng)
        twins[turn].flat.grad = nets[turn].flat.grad
        rule.step(nets[turn].parameters())
        own[turn].step(twins[turn].parameters())
        np.testing.assert_array_equal(nets[turn].flat.data, twins[turn].flat.data)
    assert set(rule.memory) == {net.flat for net in nets}


def test_layers_that_have_moved_elsewhere_go_on_learning(optim):
    """Bit for bit as in a network that nobody touched, whatever takes layers away or looks at them."""
    thefts = [
        lambda net: nn.Sequential(net[2]),
        lambda net: nn.Sequential(net[2]).flat,
        lambda net: nn.Sequential(*net.layers, nn.Linear(1, 1, rng=np.random.default_rng(0))),
        lambda net: copy.copy(net).flat,
        lambda net: gradcheck.check_network(net, nn.MSELoss(), np.ones((1, 2)), np.ones((1, 1))),
    ]
    for theft in thefts:
        net, twin, rng = network(), network(), np.random.default_rng(3)
        rule, its_rule = optim.Adam(), optim.Adam()
        for turn in range(4):
            some_gradient(net, rng)
            for p, q in zip(net.parameters(), twin.parameters(), strict=True):
                q.grad = p.grad
            rule.step(net.parameters())
            its_rule.step(twin.parameters())
            for p, q in zip(net.parameters(), twin.parameters(), strict=True):
                np.testing.assert_array_equal(p.data, q.data, err_msg=f"{turn} {p.name}")
            if turn == 1:
                theft(net)
        last = theft is thefts[-1]  # a check leaves a network in one piece
        assert not last or list(rule.memory) == [net.flat]


def test_a_copied_network_and_rule_go_on_as_the_originals_do(optim):
    net, rule, rng = network(), optim.Adam(), np.random.default_rng(0)
    for _ in range(2):
        some_gradient(net, rng)
        rule.step(net.parameters())
    twin, its_rule = copy.deepcopy((net, rule))
    some_gradient(net, rng)
    twin.flat.grad = net.flat.grad
    before = net.flat.data.copy()
    its_rule.step(twin.parameters())
    np.testing.assert_array_equal(net.flat.data, before)
    rule.step(net.parameters())
    np.testing.assert_array_equal(net.flat.data, twin.flat.data)


def test_the_parameter_whose_gradient_is_unfit_is_named_in_a_network_too(optim):
    net = network()
    some_gradient(net, np.random.default_rng(0))
    net[2].b.grad = [np.inf]
    before = net.flat.data.copy()
    refuses(lambda: optim.Adam().step(net.parameters()), "b2.grad must be finite, got 1 of 1")
    net[0].W.grad = net[0].W.grad * 0 + 1e200  # whose square overflows, and which is fit
    net[2].b.grad = [1.0]
    optim.SGD(1e-200).step(net.parameters())
    assert np.isclose(net.flat.data, before - 1e-200 * net.flat.grad, rtol=1e-15, atol=0).all()


def test_two_parameters_may_have_one_name(optim):
    two = [Parameter(np.ones(1), "w"), Parameter(np.ones(1), "w")]
    for p in two:
        p.grad = np.ones(1)
    optim.SGD(0.5).step(two)
    assert [p.data[0] for p in two] == [0.5, 0.5]
