"""The pass into arrays made once: the very numbers of the layers, or the layers themselves.

Bit by bit equal to the layers, whose own tests are tested on broken copies (test_mutants.py).
"""

import contextlib
import importlib
import itertools
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

    X, y = data.digits()
    X, y = X[:200], y[:200]
    one, other = chain(64, 8, 10), chain(64, 8, 10)
    rng = np.random.default_rng(1)
    training.fit(one, nn.CrossEntropyLoss(), Averaged(), (X, y), 2, 32, rng, progress=False)
    rng, loss, optimizer = np.random.default_rng(1), nn.CrossEntropyLoss(), Averaged()
    for _ in range(2):
        for rows in data.minibatches(len(X), 32, rng):
            loss(other(X[rows]), y[rows])
            other.backward(loss.backward())
            optimizer.step(other.parameters())
    for name, value in one.state_dict().items():
        np.testing.assert_array_equal(value, other.state_dict()[name])


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


def test_fit_gives_the_weights_of_the_plain_loop():
    X, y = data.digits()
    X, y = X[:300], y[:300]
    rules = (lambda: optim.SGD(0.1), lambda: optim.SGD(0.05, momentum=0.9, nesterov=True), optim.Adam)
    for rule in rules:
        one, other = chain(64, 16, 10, activation=nn.Tanh), chain(64, 16, 10, activation=nn.Tanh)
        training.fit(
            one, nn.CrossEntropyLoss(), rule(), (X, y), 3, 32, np.random.default_rng(1), progress=False
        )
        rng, loss, optimizer = np.random.default_rng(1), nn.CrossEntropyLoss(), rule()
        for _ in range(3):
            for rows in data.minibatches(len(X), 32, rng):
                loss(other(X[rows]), y[rows])
                other.backward(loss.backward())
                optimizer.step(other.parameters())
        for name, value in one.state_dict().items():
            np.testing.assert_array_equal(value, other.state_dict()[name])


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
