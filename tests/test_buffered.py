"""The pass into arrays made once: the very numbers of the layers, or the layers themselves.

Bit by bit equal to the layers, whose own tests are tested on broken copies (test_mutants.py).
"""

import contextlib
import importlib
import itertools
import math
import tracemalloc
from typing import Any
from unittest import mock

import numpy as np
import pytest

from bphelpers import data, nn, optim, training


@pytest.fixture
def buffered():
    return importlib.import_module("bphelpers.buffered")


def chain(*sizes, activation=nn.ReLU, dtype=np.float64, seed=0, bias=True, last=False):
    rng = np.random.default_rng(seed)
    layers: list[Any] = []
    for d_in, d_out in itertools.pairwise(sizes):
        layers += [nn.Linear(d_in, d_out, rng=rng, dtype=dtype, bias=bias), activation()]
        if bias:
            layers[-2].b.data[:] = rng.normal(size=d_out)
    return nn.Sequential(*(layers if last else layers[:-1]))


def layered(net, loss, x, y):
    """Loss and gradients, by the layers."""
    value = loss.forward(net.forward(x), y)
    net.backward(loss.backward())
    return value, [p.grad.copy() for p in net.parameters()]


def quick(buffered, net, loss, x, y):
    """The same by the quick way, which the second batch of a shape takes."""
    gradients = buffered.BufferedPass(net, loss)
    rng = np.random.default_rng(99)
    gradients(rng.normal(size=np.shape(x)), y)
    for p in net.parameters():
        p.grad = None
    value = gradients(x, y)
    return value, [p.grad for p in net.parameters()]


def check_fit(net, rule):
    """Weights after some epochs: by fit, and by the loop as a reader writes it."""
    X, y = (part[:100] for part in data.digits())
    one, other = net(), net()
    rng, loss = np.random.default_rng(1), nn.CrossEntropyLoss()
    training.fit(one, loss, rule(), (X, y), 3, 32, rng, progress=False)
    rng, optimizer = np.random.default_rng(1), rule()
    for _ in range(3):
        for rows in data.minibatches(len(X), 32, rng):
            loss(other(X[rows].astype(one[0].W.data.dtype)), y[rows])
            other.backward(loss.backward())
            optimizer.step(other.parameters())
    for name, value in one.state_dict().items():
        assert value.tobytes() == other.state_dict()[name].tobytes()


def check_same(buffered, net, loss, x, y):
    value, grads = layered(net, loss, x, y)
    found, found_grads = quick(buffered, net, loss, x, y)
    assert found == value and type(found) is float
    for grad, expected in zip(found_grads, grads, strict=True):
        assert grad.dtype == expected.dtype
        assert grad.tobytes() == expected.tobytes()


NETS = {
    "sigmoid": lambda dtype: chain(5, 4, 3, activation=nn.Sigmoid, dtype=dtype, last=True),
    "tanh": lambda dtype: chain(5, 4, 6, 3, activation=nn.Tanh, dtype=dtype),
    "relu": lambda dtype: chain(5, 7, 3, activation=nn.ReLU, dtype=dtype),
    "no bias": lambda dtype: chain(5, 4, 3, bias=False, dtype=dtype),
    "one layer": lambda dtype: chain(5, 3, dtype=dtype),
    "two linear": lambda dtype: nn.Sequential(*chain(5, 4, dtype=dtype), *chain(4, 3, dtype=dtype)),
    "nested": lambda dtype: nn.Sequential(chain(5, 4, dtype=dtype, last=True), chain(4, 3, dtype=dtype)),
}


def mixture(dtype=np.float64):
    """Parameters also in layers that have no quick way."""
    rng = np.random.default_rng(3)
    linear = [nn.Linear(a, b, rng=rng, dtype=dtype) for a, b in ((64, 8), (8, 8), (8, 10))]
    inside = nn.Residual(linear[1], nn.GELU()), nn.LayerNorm(8, dtype=dtype), nn.LeakyReLU()
    return nn.Sequential(linear[0], nn.BatchNorm1d(8, dtype=dtype), nn.ReLU(), *inside, linear[2])


FITTED = {
    "tanh": lambda: chain(64, 16, 10, activation=nn.Tanh),
    "float32": lambda: chain(64, 16, 10, dtype=np.float32),
    "no bias": lambda: chain(64, 16, 10, bias=False),
    "one layer": lambda: chain(64, 10),
    "mixture": mixture,
    "mixture, float32": lambda: mixture(np.float32),
}
RULES = {
    "sgd": lambda: optim.SGD(0.1),
    "weight decay": lambda: optim.SGD(0.1, weight_decay=0.01),
    "scheduled": lambda: optim.Scheduled(optim.SGD(0.1), lambda step: 1 / (1 + step)),
    "nesterov": lambda: optim.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": optim.Adam,
}
LOSSES = {"mse": nn.MSELoss, "bce": nn.BCEWithLogitsLoss, "softmax": nn.CrossEntropyLoss}


def targets(loss, n, rng):
    return rng.integers(0, 3, n) if loss == "softmax" else rng.random((n, 3))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [1, 2, 8])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("net", NETS)
def test_the_numbers_are_those_of_the_layers_bit_by_bit(buffered, net, loss, n, dtype):
    rng = np.random.default_rng(n)
    check_same(
        buffered,
        NETS[net](dtype),
        LOSSES[loss](),
        rng.normal(size=(n, 5)).astype(dtype),
        targets(loss, n, rng),
    )


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("loss", [nn.MSELoss, nn.CrossEntropyLoss])
def test_from_the_second_batch_on_no_layer_is_asked(buffered, net, loss):
    rng, net = np.random.default_rng(0), NETS[net](np.float64)
    x, y = rng.normal(size=(4, 5)), rng.integers(0, 3, 4)
    y = y if loss is nn.CrossEntropyLoss else np.eye(3)[y]
    gradients = buffered.BufferedPass(net, loss())
    gradients(x, y)
    nobody = mock.Mock(side_effect=AssertionError("asked"))
    kinds = [nn.Linear, nn.Sigmoid, nn.Tanh, nn.ReLU, nn.Sequential, loss]
    with contextlib.ExitStack() as stack:
        for kind, name in itertools.product(kinds, ("forward", "backward")):
            stack.enter_context(mock.patch.object(kind, name, nobody))
        gradients(x, y)


def test_far_out_on_the_sigmoid(buffered):
    net = chain(1, 1, activation=nn.Sigmoid, last=True)
    for x in (-1e4, 1e4, 0.0):
        check_same(buffered, net, nn.MSELoss(), [[x]], [[1.0]])


def test_float64_inputs_and_targets_leave_a_float32_network_float32(buffered):
    net, rng = chain(5, 4, 3, dtype=np.float32), np.random.default_rng(0)
    check_same(buffered, net, nn.MSELoss(), rng.normal(size=(6, 5)), rng.normal(size=(6, 3)))
    assert {p.grad.dtype for p in net.parameters()} == {np.dtype(np.float32)}


def test_whole_numbers_are_taken(buffered):
    check_same(buffered, chain(2, 3), nn.MSELoss(), np.ones((4, 2), int), np.ones((4, 3), int))
    check_same(buffered, chain(2, 3), nn.CrossEntropyLoss(), np.ones((4, 2), int), np.ones(4, np.uint8))


def test_the_package_s_other_layers_take_part(buffered):
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        nn.Linear(5, 4, rng=rng), nn.LayerNorm(4), nn.GELU(),
        nn.Residual(nn.Linear(4, 4, rng=rng), nn.ReLU()),
        nn.BatchNorm1d(4), nn.LeakyReLU(), nn.Linear(4, 3, rng=rng),
    )  # fmt: skip
    check_same(buffered, net, nn.CrossEntropyLoss(), rng.normal(size=(6, 5)), rng.integers(0, 3, 6))


def test_dropout_draws_as_ever(buffered):
    def net():
        rng = np.random.default_rng(5)
        return nn.Sequential(nn.Linear(5, 8, rng=rng), nn.Dropout(0.5, rng=rng), nn.Linear(8, 3, rng=rng))

    rng, one, other = np.random.default_rng(0), net(), net()
    x, y = rng.normal(size=(6, 5)), rng.integers(0, 3, 6)
    gradients = buffered.BufferedPass(one, nn.CrossEntropyLoss())
    for _ in range(4):
        value, grads = layered(other, nn.CrossEntropyLoss(), x, y)
        assert gradients(x, y) == value
        for p, expected in zip(one.parameters(), grads, strict=True):
            np.testing.assert_array_equal(p.grad, expected)


class Halved(nn.Tanh):
    """A layer of a reader's own, which keeps what it saw."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        self.seen.append(x)
        return super().forward(x)

    def backward(self, dout):
        return super().backward(dout) / 2


@pytest.mark.parametrize("wrap", [lambda layer: layer, lambda layer: nn.Residual(layer)])
def test_a_layer_of_one_s_own_is_asked_and_keeps_what_it_saw(buffered, wrap):
    rng, own = np.random.default_rng(0), Halved()
    net = nn.Sequential(nn.Linear(2, 3, rng=rng), wrap(own), nn.Linear(3, 1, rng=rng))
    gradients = buffered.BufferedPass(net, nn.MSELoss())
    batches = [(rng.normal(size=(4, 2)), rng.normal(size=(4, 1))) for _ in range(3)]
    for x, y in batches:
        gradients(x, y)
    assert len(own.seen) == 3
    for (x, _), z in zip(batches, own.seen, strict=True):
        np.testing.assert_array_equal(z, net[0](x))


def test_a_function_put_in_place_of_a_layer_s_own_is_asked(buffered, monkeypatch):
    net, calls = chain(2, 3, 1), []
    right = net[1].backward
    monkeypatch.setattr(net[1], "backward", lambda dout: calls.append(0) or right(dout))
    gradients = buffered.BufferedPass(net, nn.MSELoss())
    for _ in range(3):
        gradients(np.ones((2, 2)), np.ones((2, 1)))
    assert len(calls) == 3


def test_a_loss_of_one_s_own_is_asked(buffered):
    class Twice(nn.MSELoss):
        def _value(self, y_hat, y):
            return 2 * super()._value(y_hat, y)

        def _gradient(self, y_hat, y):
            return 2 * super()._gradient(y_hat, y)

    check_same(buffered, chain(2, 3, 1), Twice(), np.ones((4, 2)), np.zeros((4, 1)))


def test_each_shape_has_arrays_of_its_own(buffered):
    """The last batch of an epoch is smaller; then comes a large one again."""
    rng, net = np.random.default_rng(0), chain(5, 4, 3)
    gradients = buffered.BufferedPass(net, nn.CrossEntropyLoss())
    for n in (4, 4, 2, 2, 4, 2):
        x, y = rng.normal(size=(n, 5)), rng.integers(0, 3, n)
        expected, grads = layered(chain(5, 4, 3), nn.CrossEntropyLoss(), x, y)
        assert gradients(x, y) == expected
        for p, grad in zip(net.parameters(), grads, strict=True):
            np.testing.assert_array_equal(p.grad, grad)


def mixed(first, second):
    rng = np.random.default_rng(0)
    return nn.Sequential(
        nn.Linear(5, 4, rng=rng, dtype=first), nn.BatchNorm1d(4, dtype=second), nn.ReLU(),
        nn.Linear(4, 3, rng=rng, dtype=first),
    )  # fmt: skip


@pytest.mark.parametrize("first", [np.float32, np.float64, ">f8"])
@pytest.mark.parametrize("second", [np.float32, np.float64])
def test_layers_of_several_dtypes_train(buffered, first, second):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 5)), rng.integers(0, 3, 6)
    check_same(buffered, mixed(first, second), nn.CrossEntropyLoss(), x, y)


def test_running_values_of_another_dtype_than_the_weights(buffered):
    rng = np.random.default_rng(0)
    linear = [nn.Linear(a, b, rng=rng, dtype=np.float32) for a, b in ((5, 4), (4, 3))]
    net = nn.Sequential(linear[0], nn.BatchNorm1d(4, dtype=np.float32), linear[1]).eval()
    for buffer in net.buffers():
        buffer.data = buffer.data.astype(np.float64)
    check_same(buffered, net, nn.MSELoss(), rng.normal(size=(6, 5)), rng.normal(size=(6, 3)))


@pytest.mark.parametrize("first", [nn.Tanh, nn.ReLU, lambda: nn.LayerNorm(5)])
def test_a_network_may_begin_with_any_layer(buffered, first):
    rng = np.random.default_rng(0)
    net = nn.Sequential(first(), nn.Linear(5, 3, rng=rng))
    check_same(buffered, net, nn.MSELoss(), rng.normal(size=(6, 5)), rng.normal(size=(6, 3)))


def test_weights_that_are_put_in_later_are_used(buffered):
    rng, net, other = np.random.default_rng(0), chain(5, 4, 3), chain(5, 4, 3, seed=1)
    gradients = buffered.BufferedPass(net, nn.MSELoss())
    x, y = rng.normal(size=(6, 5)), rng.normal(size=(6, 3))
    for _ in range(2):
        gradients(x, y)
    net.load_state_dict(other.state_dict())
    value, grads = layered(other, nn.MSELoss(), x, y)
    assert gradients(x, y) == value
    for p, grad in zip(net.parameters(), grads, strict=True):
        np.testing.assert_array_equal(p.grad, grad)


def test_a_loss_of_zero_has_no_sign(buffered):
    net = chain(1, 2)
    net[0].W.data[:], net[0].b.data[:] = [[1e3], [-1e3]], 0
    value, _ = quick(buffered, net, nn.CrossEntropyLoss(), [[1.0]], [0])
    assert value == 0 and math.copysign(1, value) == 1


def test_weights_in_columns_are_taken(buffered):
    net, rng = chain(5, 4, 3), np.random.default_rng(0)
    state = {name: np.asfortranarray(value) for name, value in net.state_dict().items()}
    net.load_state_dict(state)
    assert not net[0].W.data.flags.c_contiguous
    check_same(
        buffered, net, nn.MSELoss(), np.asfortranarray(rng.normal(size=(6, 5))), rng.normal(size=(6, 3))
    )


@pytest.mark.parametrize("dtype", ["u1", "i1", ">u2", ">i4", "u8", ">i8", "i8"])
def test_labels_of_every_kind_of_whole_number(buffered, dtype):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 6).astype(dtype)
    check_same(buffered, chain(5, 4, 3), nn.CrossEntropyLoss(), rng.normal(size=(6, 5)), labels)


def test_gradients_that_somebody_kept_stay_as_they_were(buffered):
    rng, net = np.random.default_rng(0), chain(5, 4, 3)
    gradients = buffered.BufferedPass(net, nn.CrossEntropyLoss())
    kept = []
    for _ in range(4):
        gradients(rng.normal(size=(4, 5)), rng.integers(0, 3, 4))
        kept.append([p.grad for p in net.parameters()])
    for several in zip(*kept, strict=True):
        assert len({grad.tobytes() for grad in several}) == 4


def test_other_inputs_of_the_same_shape_are_looked_at(buffered):
    gradients = buffered.BufferedPass(chain(5, 4, 3), nn.CrossEntropyLoss())
    y = np.array([0, 1, 2, 0])
    for _ in range(2):
        gradients(np.ones((4, 5)), y)
    for bad in (np.full((4, 5), "1"), np.ones((4, 5), complex)):
        with pytest.raises(ValueError, match="real numbers"):
            gradients(bad, y)


def test_a_broken_layer_shown_in_a_lesson_is_asked(buffered):
    net, rng = chain(5, 4, 3), np.random.default_rng(0)
    x, y = rng.normal(size=(4, 5)), rng.integers(0, 3, 4)
    with mock.patch.object(nn.ReLU, "backward", lambda self, dout: 0 * dout):
        gradients = buffered.BufferedPass(net, nn.CrossEntropyLoss())
        for _ in range(2):
            gradients(x, y)
    assert not net[0].W.grad.any() and net[2].W.grad.any()
    loss = nn.CrossEntropyLoss()
    loss._gradient = lambda y_hat, y: np.zeros_like(y_hat)
    gradients = buffered.BufferedPass(net, loss)
    for _ in range(2):
        gradients(x, y)
    assert not net[2].W.grad.any()


def test_fit_trains_what_on_epoch_puts_in():
    rng, net = np.random.default_rng(0), chain(5, 4, 3)
    X, y = rng.normal(size=(30, 5)), rng.integers(0, 3, 30)
    new = nn.Linear(4, 3, rng=rng)
    before = new.W.data.copy()

    def replace(history):
        if history.epochs == 1:
            net.layers[2] = new

    data_ = (X, y)
    history = training.fit(
        net, nn.CrossEntropyLoss(), optim.SGD(0.1), data_, 4, 10, rng, validation=data_, on_epoch=replace,
        progress=False,
    )  # fmt: skip
    assert not np.array_equal(new.W.data, before)
    assert history.val_loss[-1] < history.val_loss[0]


def test_an_optimizer_of_one_s_own_may_keep_the_last_gradient():
    class Averaged:
        def __init__(self):
            self.last = None

        def step(self, parameters):
            now = [p.grad for p in parameters]
            for p, grad, last in zip(parameters, now, self.last or now, strict=True):
                p.data -= 0.05 * (grad + last)
            self.last = now

    check_fit(lambda: chain(64, 8, 10), Averaged)


def test_nothing_that_was_given_is_written_to(buffered):
    rng, net = np.random.default_rng(0), chain(5, 4, 3)
    for loss, y in ((nn.MSELoss(), rng.normal(size=(4, 3))), (nn.CrossEntropyLoss(), rng.integers(0, 3, 4))):
        x, before = rng.normal(size=(4, 5)), net.state_dict()
        kept = x.copy(), y.copy()
        gradients = buffered.BufferedPass(net, loss)
        for _ in range(3):
            gradients(x, y)
        np.testing.assert_array_equal(x, kept[0])
        np.testing.assert_array_equal(y, kept[1])
        for name, value in net.state_dict().items():
            np.testing.assert_array_equal(value, before[name])


BAD = {
    "too wide": (np.ones((4, 6)), np.zeros(4, int)),
    "no batch": (np.ones(5), np.zeros(1, int)),
    "empty": (np.ones((0, 5)), np.zeros(0, int)),
    "labels too few": (np.ones((4, 5)), np.zeros(3, int)),
    "labels as numbers": (np.ones((4, 5)), np.zeros(4)),
    "label too large": (np.ones((4, 5)), np.array([0, 1, 2, 3])),
    "label negative": (np.ones((4, 5)), np.array([0, 1, 2, -1])),
}


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_is_refused_also_after_what_did(buffered, name):
    gradients = buffered.BufferedPass(chain(5, 4, 3), nn.CrossEntropyLoss())
    for _ in range(2):
        gradients(np.ones((4, 5)), np.array([0, 1, 2, 0]))
    for _ in range(2):
        with pytest.raises(ValueError, match=r"x |labels|logits|y "):
            gradients(*BAD[name])


def test_a_loss_that_is_not_finite_is_returned(buffered):
    net = chain(5, 3)
    gradients = buffered.BufferedPass(net, nn.MSELoss())
    x = np.ones((4, 5))
    with np.errstate(invalid="ignore", over="ignore"):
        assert np.isnan(gradients(x * np.nan, np.ones((4, 3))))
        gradients(x, np.ones((4, 3)))
        assert np.isnan(gradients(x * np.nan, np.ones((4, 3))))
        assert gradients(x, np.ones((4, 3))) == layered(net, nn.MSELoss(), x, np.ones((4, 3)))[0]


@pytest.mark.parametrize("net", FITTED)
@pytest.mark.parametrize("rule", RULES)
def test_fit_gives_the_weights_of_the_plain_loop(net, rule):
    check_fit(FITTED[net], RULES[rule])


# --- Parameters joined to one ----------------------------------------------------------------------------


def fit(net, rule, epochs=2, **options):
    """A short training on some digits; 100 examples in batches of 32, so the last is smaller."""
    X, y = (part[:100] for part in data.digits())
    loss, rng = nn.CrossEntropyLoss(), np.random.default_rng(1)
    return training.fit(net, loss, rule, (X, y), epochs, 32, rng, progress=False, **options)


def test_each_parameter_has_its_own_array_again_with_the_new_values():
    net = chain(64, 8, 10)
    before = [p.data for p in net.parameters()]
    start = net.state_dict()
    fit(net, optim.SGD(0.1))
    assert [p.data is data for p, data in zip(net.parameters(), before, strict=True)] == [True] * 4
    assert not any(np.array_equal(p.data, start[p.name]) for p in net.parameters())


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ZeroDivisionError])
def test_what_was_learned_before_an_interrupt_stays(kind):
    def interrupted(step):
        if step == 5:
            raise kind
        return 1.0

    net, other = chain(64, 8, 10), chain(64, 8, 10)
    before = [p.data for p in net.parameters()]
    with contextlib.suppress(ZeroDivisionError):
        fit(net, optim.Scheduled(optim.SGD(0.1), interrupted))
    assert [p.data is data for p, data in zip(net.parameters(), before, strict=True)] == [True] * 4
    fit(other, optim.Scheduled(optim.SGD(0.1), lambda step: float(step < 5)))
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, other.state_dict()[name])


def test_on_epoch_finds_arrays_that_nobody_overwrites():
    net, kept, values = chain(64, 8, 10), [], []
    before = [p.data for p in net.parameters()]

    def keep(history):
        kept.append([p.grad for p in net.parameters()])
        values.append([grad.copy() for grad in kept[-1]])
        assert all(p.data is data for p, data in zip(net.parameters(), before, strict=True))

    fit(net, optim.SGD(0.1), epochs=3, on_epoch=keep)
    for grad, value in zip(itertools.chain(*kept), itertools.chain(*values), strict=True):
        np.testing.assert_array_equal(grad, value)


def tied(width, share):
    """Two parameters, one array."""
    net = chain(64, width, 64, 10, activation=nn.Tanh)
    net[2].W.data = share(net[0].W.data)
    return net


@pytest.mark.parametrize(("width", "share"), [(8, np.transpose), (64, lambda data: data)])
def test_parameters_that_share_numbers_go_on_sharing_them(width, share):
    net = tied(width, share)
    fit(net, optim.SGD(0.1))
    assert np.shares_memory(net[0].W.data, net[2].W.data)
    check_fit(lambda: tied(width, share), lambda: optim.SGD(0.1))


def test_weights_that_must_not_be_written_are_refused():
    net = chain(64, 8, 10)
    net[0].W.data.flags.writeable = False
    before = net.state_dict()
    with pytest.raises(ValueError, match="read-only"):
        fit(net, optim.SGD(0.1))
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_a_step_put_in_place_of_the_rule_s_own_is_given_the_parameters():
    names, rule = [], optim.SGD(0.1)
    right = rule.step
    rule.step = lambda parameters: names.append([p.name for p in parameters]) or right(parameters)
    fit(chain(64, 8, 10), rule, epochs=1)
    assert names == [["W1", "b1", "W2", "b2"]] * 4


def test_a_step_before_the_first_batch_is_refused(buffered):
    net = chain(5, 4, 3)
    before = net.state_dict()
    with buffered.BufferedPass(net, nn.MSELoss()).joined() as parameters:
        assert len(parameters) == 1
        with pytest.raises(ValueError, match="finite"):
            optim.SGD(0.1).step(parameters)
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


class Replacing:
    """A rule of a reader's own, which makes new arrays."""

    def step(self, parameters):
        for p in parameters:
            p.data = p.data - 0.1 * p.grad


class Clipping(optim.SGD):
    def step(self, parameters):
        optim.clip_grad_norm(parameters, 0.5)
        super().step(parameters)


@pytest.mark.parametrize("rule", [Replacing, lambda: Clipping(0.1)])
def test_a_rule_may_put_other_arrays_in_their_places(buffered, rule):
    rng, one, other = np.random.default_rng(0), mixture(), mixture()
    batches = [(rng.normal(size=(n, 64)), rng.integers(0, 10, n)) for n in (8, 8, 3, 8)]
    gradients, loss = buffered.BufferedPass(one, nn.CrossEntropyLoss()), nn.CrossEntropyLoss()
    with gradients.joined() as parameters:
        for x, y in batches:
            gradients(x, y)
            rule().step(parameters)
    for x, y in batches:
        layered(other, loss, x, y)
        rule().step(other.parameters())
    for name, value in one.state_dict().items():
        np.testing.assert_allclose(value, other.state_dict()[name], rtol=1e-9, atol=1e-12)


def test_inside_the_block_each_parameter_is_a_part(buffered):
    net = mixture()
    gradients = buffered.BufferedPass(net, nn.CrossEntropyLoss())
    batch = np.ones((4, 64)), np.arange(4)
    with gradients.joined() as (whole,):
        for _ in range(2):
            gradients(*batch)
            for p in net.parameters():
                assert np.shares_memory(p.data, whole.data) and np.shares_memory(p.grad, whole.grad)
    assert not any(np.shares_memory(p.data, whole.data) for p in net.parameters())


def test_a_network_that_is_not_known_keeps_its_parameters(buffered):
    net = nn.Sequential(Halved(), *chain(5, 4, 3))
    with buffered.BufferedPass(net, nn.MSELoss()).joined() as parameters:
        assert parameters == net.parameters()


def test_after_the_block_gradients_are_new_arrays_again(buffered):
    rng, net = np.random.default_rng(0), chain(5, 4, 3)
    gradients = buffered.BufferedPass(net, nn.MSELoss())
    batch = rng.normal(size=(4, 5)), rng.normal(size=(4, 3))
    with gradients.joined():
        for _ in range(3):
            gradients(*batch)
    kept = [p.grad for p in net.parameters()]
    values = [grad.copy() for grad in kept]
    for _ in range(3):
        gradients(rng.normal(size=(4, 5)), batch[1])
    for grad, value in zip(kept, values, strict=True):
        np.testing.assert_array_equal(grad, value)


# --- Networks of networks --------------------------------------------------------------------------------


class Doubled(nn.Sequential):
    """A network of a reader's own, which does more than its layers."""

    def forward(self, x):
        return 2 * super().forward(x)

    def backward(self, dout):
        return super().backward(2 * np.asarray(dout))


def test_an_inner_network_of_one_s_own_is_asked(buffered):
    net = nn.Sequential(chain(5, 4, last=True), Doubled(*chain(4, 3)))
    assert [type(layer) for layer in net.chain()] == [nn.Linear, nn.ReLU, Doubled]
    check_same(buffered, net, nn.MSELoss(), np.ones((2, 5)), np.zeros((2, 3)))
    check_same(buffered, Doubled(*chain(5, 3)), nn.MSELoss(), np.ones((2, 5)), np.zeros((2, 3)))


@pytest.mark.parametrize("outer", [True, False])
def test_a_function_put_in_place_of_a_network_s_own_is_asked(buffered, outer):
    inner = chain(4, 3)
    net = nn.Sequential(*chain(5, 4), inner)
    patched = net if outer else inner
    right = patched.forward
    patched.forward = lambda x: 3 * right(x)
    assert len(list(net.chain())) == 2
    value, _ = layered(net, nn.MSELoss(), np.ones((2, 5)), np.zeros((2, 3)))
    assert quick(buffered, net, nn.MSELoss(), np.ones((2, 5)), np.zeros((2, 3)))[0] == value


def test_training_adds_little_to_the_memory_of_the_data():
    rng = np.random.default_rng(0)
    X, y = rng.random((6000, 784), dtype=np.float32), rng.integers(0, 10, 6000)
    net = chain(784, 128, 64, 10, dtype=np.float32)
    tracemalloc.start()
    try:
        training.fit(net, nn.CrossEntropyLoss(), optim.SGD(0.1), (X, y), 1, 64, rng, progress=False)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4e6 < X.nbytes / 4
