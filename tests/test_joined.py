"""Parameters joined to one: fit does as the plain loop does, whatever a reader has put in its way."""

import contextlib
import copy
import pickle
import tracemalloc

import numpy as np
import pytest

from bphelpers import buffered, nn, optim, training
from bphelpers.data import minibatches

R = np.random.default_rng(1)
X, Y = R.normal(size=(20, 3)), R.normal(size=(20, 2))


def two(seed=0, kind=nn.Sequential):
    rng = np.random.default_rng(seed)
    return kind(nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.Linear(4, 2, rng=rng))


def fit(net, rule=None, epochs=3, **more):
    rng = np.random.default_rng(2)
    return training.fit(
        net, nn.MSELoss(), rule or optim.SGD(0.1), (X, Y), epochs, 5, rng, progress=False, **more
    ).loss


def plain(net, rule=None, epochs=3):
    """The loop of lesson 08."""
    rule, loss, rng, losses = rule or optim.SGD(0.1), nn.MSELoss(), np.random.default_rng(2), []
    for _ in range(epochs):
        total = 0.0
        for rows in minibatches(len(X), 5, rng):
            total += loss(net.forward(X[rows]), Y[rows]) * len(rows)
            net.backward(loss.backward())
            rule.step(net.parameters())
        losses.append(total / len(X))
    return losses


class Head(nn.Sequential):
    def parameters(self):
        return self.layers[-1].parameters()


def frozen_by_heir():
    return two(kind=Head)


def frozen_by_net():
    net = two()
    net.parameters = net[2].parameters
    return net


def frozen_by_layer():
    net = two()
    net[0].parameters = list
    return net


def fed_by_another():
    inner, other = two(1), two(5)
    inner.forward, inner.backward, inner.parameters = other.forward, other.backward, other.parameters
    return nn.Sequential(inner)


class Copying(nn.Parameter):
    @property
    def data(self):
        return self._data

    @data.setter
    def data(self, value):
        self._data = np.array(value)


def with_a_parameter_of_its_own():
    net = two()
    net[0].W = Copying(net[0].W.data, "W1")
    return net


@pytest.mark.parametrize(
    "made", [frozen_by_heir, frozen_by_net, frozen_by_layer, fed_by_another, with_a_parameter_of_its_own]
)
def test_fit_does_as_the_loop(made):
    assert fit(made()) == plain(made())


@pytest.mark.parametrize("way", ["forward", "backward"])
def test_a_function_put_in_place_of_the_class_s_own(monkeypatch, way):
    right = getattr(nn.Sequential, way)
    monkeypatch.setattr(nn.Sequential, way, lambda self, a: 2 * right(self, a))
    one, other = (nn.Sequential(nn.Linear(3, 3, rng=np.random.default_rng(4)), two()) for _ in range(2))
    assert fit(one) == plain(other)


def without_first(right):
    return lambda *args: right(*args[:-1], [p for p in args[-1] if p.name != "W1"])


def test_a_rule_of_one_s_own_is_given_the_parameters(monkeypatch):
    def scheduled():
        rule = optim.Scheduled(optim.SGD(0.1), lambda step: 1.0)
        rule.step = without_first(rule.step)
        return rule

    def decayed():
        rule = optim.SGD(0.1)
        rule._decayed = lambda p, grad: grad + 0.5 * p.data if p.name[0] == "W" else grad
        return rule

    for rule in (scheduled, decayed):
        assert fit(two(), rule()) == plain(two(), rule())
    monkeypatch.setattr(optim.SGD, "step", without_first(optim.SGD.step))
    assert fit(two()) == plain(two())


def test_a_schedule_may_load_weights():
    def rule(net):
        def schedule(step):
            if step == 4:
                net.load_state_dict(two(7).state_dict())
            return 1.0

        return optim.Scheduled(optim.SGD(0.1), schedule)

    one, other = two(), two()
    assert fit(one, rule(one)) == plain(other, rule(other))


def test_gradients_are_left_alone_where_there_was_no_batch():
    net = two()
    fit(net, epochs=0)
    assert all(p.grad is None for p in net.parameters())
    with pytest.raises(ValueError, match="receive x of shape"):
        training.fit(net, nn.MSELoss(), optim.SGD(0.1), (X[:, :2], Y), 1, 5, R, progress=False)
    assert all(p.grad is None for p in net.parameters())


def test_a_parameter_that_no_layer_uses_is_named():
    class Extra(nn.Sequential):
        extra = nn.Parameter(np.ones(2), "extra")

        def parameters(self):
            return [*super().parameters(), self.extra]

    with pytest.raises(ValueError, match="extra has no gradient yet"):
        fit(two(kind=Extra))


def test_many_epochs_take_no_memory():
    tracemalloc.start()
    fit(two(), epochs=10**8, on_epoch=lambda history: True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6


def test_large_networks_are_not_copied():
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(3, 1000, rng=rng), nn.Tanh(), nn.Linear(1000, 1000, rng=rng))
    with buffered.BufferedPass(net, nn.MSELoss()).joined() as parameters:
        assert parameters == net.parameters()


def steps(gradients, parameters, times, x=X, y=Y):
    losses = []
    for _ in range(times):
        losses.append(gradients(x, y))
        optim.SGD(0.1).step(parameters)
    return losses


def test_weights_loaded_inside_the_block_learn():
    one, other = two(), two()
    inside, outside = (buffered.BufferedPass(net, nn.MSELoss()) for net in (one, other))
    with inside.joined() as parameters:
        for net, gradients, moved in ((one, inside, parameters), (other, outside, other.parameters())):
            steps(gradients, moved, 2)
            net.load_state_dict(two(7).state_dict())
            steps(gradients, moved, 3)
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)


def test_after_the_block_the_joined_parameter_is_refused():
    gradients = buffered.BufferedPass(two(), nn.MSELoss())
    with gradients.joined() as parameters:
        steps(gradients, parameters, 2)
    with pytest.raises(ValueError, match="no gradient yet"):
        steps(gradients, parameters, 1)


def test_a_block_inside_a_block():
    net = two()
    gradients = buffered.BufferedPass(net, nn.MSELoss())
    with gradients.joined() as outer:
        with gradients.joined() as inner:
            found = steps(gradients, inner, 2)
        found += steps(gradients, outer, 2)
    again = two()
    assert found == steps(buffered.BufferedPass(again, nn.MSELoss()), again.parameters(), 4)


def test_two_networks_that_share_a_layer():
    def trained(joined):
        one = two()
        other = nn.Sequential(one[0], nn.Tanh(), nn.Linear(4, 3, rng=np.random.default_rng(3)))
        a, b = (buffered.BufferedPass(net, nn.MSELoss()) for net in (one, other))
        with contextlib.ExitStack() as blocks:
            p, q = one.parameters(), other.parameters()
            if joined:
                p, q = (blocks.enter_context(gradients.joined()) for gradients in (a, b))
            return [steps(a, p, 1) + steps(b, q, 1, y=X) for _ in range(4)] + [
                net(X).tolist() for net in (one, other)
            ]

    assert trained(True) == trained(False)


def test_a_copy_belongs_to_the_copied_network():
    gradients = buffered.BufferedPass(two(), nn.MSELoss())
    right = [gradients(X, Y) for _ in range(2)]
    for other in (copy.deepcopy(gradients), pickle.loads(pickle.dumps(gradients))):
        net = other._net
        net.load_state_dict(two(7).state_dict())
        assert other(X, Y) == other(X, Y) == nn.MSELoss()(net(X), Y) != right[1]


def test_matrices_and_masks_stay_what_they_are():
    one, other = two(), two()
    for net in (one, other):
        W = net[0].W.data
        net[0].W.data = np.ma.masked_array(W, mask=W > 0.5)
    assert fit(one) == plain(other)


def test_a_first_loss_that_is_not_finite_ends_training_and_leaves_no_gradients():
    net, rng = two(), np.random.default_rng(0)
    with pytest.warns(RuntimeWarning, match="the loss became nan in epoch 1, step 1"):
        training.fit(net, nn.MSELoss(), optim.SGD(0.1), (X * np.nan, Y), 9, 5, rng, progress=False)
    assert all(p.grad is None for p in net.parameters())
