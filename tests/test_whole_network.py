"""The check of a whole network: it finds the layer, leaves the network as it was, and knows every layer."""

import itertools

import numpy as np
import pytest
from gradient_tools import named, right_gradients, wrong_in

from bphelpers import nn
from bphelpers.teaching.gradcheck import check_network, directional_check
from bphelpers.teaching.trace import HalfSquares

CHECKS = {
    "entry by entry": check_network,
    "along a direction": lambda *args: directional_check(*args, np.random.default_rng(0)),
}
both = pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)


def small_net(dtype=np.float64):
    """A network 3-4-2, its loss, a batch and its labels."""
    rng = np.random.default_rng(3)
    net = nn.Sequential(
        nn.Linear(3, 4, rng=rng, dtype=dtype), nn.Tanh(), nn.Linear(4, 2, rng=rng, dtype=dtype)
    )
    return net, nn.CrossEntropyLoss(), rng.normal(size=(5, 3)).astype(dtype), rng.integers(0, 2, 5)


class Forgetful(nn.Sigmoid):
    """Leaves its slope out."""

    def backward(self, dout):
        return dout


# ---------------------------------------------------------------- the place


def test_gradient_of_another_parameter():
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(3, 3, rng=rng), nn.Sigmoid(), nn.Linear(3, 3, rng=rng))
    x, loss, labels = rng.normal(size=(5, 3)), nn.CrossEntropyLoss(), np.array([0, 1, 2, 1, 0])
    g = right_gradients(net, loss, x, labels)
    swapped = {"W1": g["W2"], "W2": g["W1"], "b1": g["b2"], "b2": g["b1"]}
    report = check_network(net, loss, x, labels, grads=swapped)
    assert wrong_in(report) == ["W1", "b1", "W2", "b2"] and named(report) == {"another parameter"}
    assert "the gradient of W2" in report["W1"].diagnosis.sentence


@pytest.mark.parametrize(
    ("layers", "place", "wrong"),
    [
        ((Forgetful, nn.Sigmoid), "In layer 2, sigmoid", ["W1", "b1"]),
        ((nn.Sigmoid, Forgetful), "In layer 4, sigmoid", ["W1", "b1", "W2", "b2"]),
        ((Forgetful, Forgetful), "In every sigmoid", ["W1", "b1", "W2", "b2"]),
    ],
)
def test_one_broken_layer_among_several_is_located(layers, place, wrong):
    rng = np.random.default_rng(0)
    first, second = (layer() for layer in layers)
    inner = nn.Sequential(nn.Linear(4, 4, rng=rng), second)
    net = nn.Sequential(nn.Linear(3, 4, rng=rng), first, inner, nn.Linear(4, 2, rng=rng))
    report = check_network(net, nn.MSELoss(), rng.normal(size=(5, 3)), rng.normal(size=(5, 2)))
    assert wrong_in(report) == wrong and named(report) == {"activation derivative missing"}
    assert all(place in report[name].diagnosis.sentence for name in wrong)


@pytest.mark.parametrize("widths", [(4, 1), (4, 2), (1, 4)])
def test_a_layer_of_another_width_lends_no_slope(widths):
    rng = np.random.default_rng(0)
    first, second = (nn.Linear(*sizes, rng=rng) for sizes in itertools.pairwise((3, *widths)))
    net = nn.Sequential(first, Forgetful(), second, nn.Sigmoid())
    report = check_network(net, nn.MSELoss(), rng.normal(size=(5, 3)), rng.uniform(size=(5, widths[-1])))
    assert wrong_in(report) == ["W1", "b1"] and named(report) == {"activation derivative missing"}


# ---------------------------------------------------------------- which layers are known


class Cube(nn.Module):
    """A layer that the package does not know."""

    def forward(self, x):
        self.x = np.asarray(x)
        return self.x**3

    def backward(self, dout):
        return 3 * self.x**2 * dout


class WrongCube(Cube):
    def backward(self, dout):
        return np.asarray(dout)


class Scale(nn.Module):
    """Unknown, with a parameter."""

    def __init__(self, kind=nn.Parameter):
        self.s = kind(np.array([0.5, 2.0, -1.0, 1.5]), "s")

    def forward(self, x):
        self.x = x
        return x * self.s.data

    def backward(self, dout):
        self.s.grad = (dout * self.x).sum(axis=0)
        return dout * self.s.data

    def parameters(self):
        return [self.s]


class Quartic(nn.Loss):
    """A loss that the package does not know."""

    sign = 1

    def entering(self, y_hat, y):
        return y_hat, y

    def forward(self, y_hat, y):
        self.off = y_hat - y
        return float(np.sum(self.off**4) / len(y))

    def backward(self):
        return self.sign * 4 * self.off**3 / len(self.off)


class Negative(Quartic):
    sign = -1


OTHER_LAYERS = {
    "LeakyReLU": lambda rng: nn.LeakyReLU(0.1),
    "GELU": lambda rng: nn.GELU(),
    "Tanh": lambda rng: nn.Tanh(),
    "ReLU": lambda rng: nn.ReLU(),
    "Dropout": lambda rng: nn.Dropout(0.5, rng=rng).eval(),
    "BatchNorm1d": lambda rng: nn.BatchNorm1d(4),
    "BatchNorm1d in evaluation": lambda rng: nn.BatchNorm1d(4).eval(),
    "LayerNorm": lambda rng: nn.LayerNorm(4),
    "Residual": lambda rng: nn.Residual(nn.Linear(4, 4, rng=rng), nn.Tanh()),
    "Sequential": lambda rng: nn.Sequential(nn.Linear(4, 4, rng=rng, bias=False)),
    "an unknown layer": lambda rng: Cube(),
    "an unknown layer with a parameter": lambda rng: Scale(),
}


@pytest.mark.parametrize("loss", [nn.MSELoss, HalfSquares, nn.BCEWithLogitsLoss, Quartic])
@pytest.mark.parametrize("name", OTHER_LAYERS)
def test_a_mistake_is_named_whatever_stands_beside_it(name, loss):
    rng = np.random.default_rng(0)
    beside = OTHER_LAYERS[name](rng)
    net = nn.Sequential(nn.Linear(3, 4, rng=rng), Forgetful(), beside, nn.Linear(4, 2, rng=rng))
    report = check_network(net, loss(), rng.normal(size=(5, 3)), rng.uniform(size=(5, 2)))
    first = net.parameters()[0].name
    assert wrong_in(report)[:2] == [first, "b1"] and len(wrong_in(report)) == 2
    assert named(report) == {"activation derivative missing"}
    assert "In layer 2, sigmoid" in str(report)


def test_a_broken_unknown_layer_blames_nobody():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    net = nn.Sequential(
        nn.Linear(3, 4, rng=rng), nn.Tanh(), WrongCube(), nn.Linear(4, 2, rng=rng, bias=False)
    )
    report = check_network(net, nn.MSELoss(), x, y)
    assert wrong_in(report) == ["W1", "b1"] and named(report) == {None}
    report = check_network(nn.Sequential(nn.Linear(3, 2, rng=rng)), Negative(), x, y)
    assert wrong_in(report) == ["W1", "b1"] and named(report) == {"sign"}


def test_paths_that_were_forgotten_are_named():
    class Detached(nn.BatchNorm1d):
        """Forgets that the mean and the variance depend on the batch: the classic mistake."""

        def forward(self, x):
            self.x = np.asarray(x)
            return super().forward(x)

        def backward(self, dout):
            super().backward(dout)
            return dout * self.gamma.data / np.sqrt(self.x.var(axis=0) + self.eps)

    class Plain(nn.Residual):
        def backward(self, dout):
            return nn.Sequential.backward(self, dout)

    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    for wrong, mistake in (
        (
            Detached(4),
            "In layer 2, batch_norm: these numbers come out when mean and variance are taken for constants",
        ),
        (
            Plain(nn.Tanh()),
            "Around layer 2, residual: these numbers come out when the gradient comes back through",
        ),
    ):
        net = nn.Sequential(nn.Linear(3, 4, rng=rng), wrong, nn.Linear(4, 2, rng=rng))
        report = check_network(net, nn.MSELoss(), x, y)
        last = net.parameters()[-2].name
        assert report[last].ok and not report["W1"].ok
        assert report["W1"].diagnosis.sentence.startswith(mistake) and not report["W1"].diagnosis.alternatives


class Doubled(nn.Tanh):
    """A layer with rules of its own."""

    def forward(self, x):
        return 2 * super().forward(x)

    def backward(self, dout):
        return 2 * super().backward(dout)


@pytest.mark.parametrize(("layer", "loss"), [(nn.Sigmoid, HalfSquares), (Doubled, nn.MSELoss)])
def test_no_rule_of_a_base_class_is_blamed_for_a_subclass(layer, loss):
    """With MSELoss's rules, a missing transpose that changes nothing would seem to double HalfSquares's."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(1, 2)), rng.normal(size=(1, 2))
    net = nn.Sequential(nn.Linear(2, 2, rng=rng), layer(), nn.Linear(2, 2, rng=rng))
    assert check_network(net, loss(), x, y).ok
    doubled = {name: 2 * grad for name, grad in right_gradients(net, loss(), x, y).items()}
    report = check_network(net, loss(), x, y, grads=doubled)
    counts = ("not averaged over the outputs", "not averaged at all", "added to an old gradient")
    assert {(c.diagnosis.mistake, c.diagnosis.alternatives) for c in report.arrays} == {("factor 2", counts)}


def test_a_loss_with_labels_of_its_own():
    class OneHot(nn.CrossEntropyLoss):
        def entering(self, y_hat, y):
            return y_hat, y

        def forward(self, y_hat, y):
            return super().forward(y_hat, y.argmax(axis=1))

        def backward(self):
            return -super().backward()

    net, _, x, labels = small_net()
    report = check_network(net, OneHot(), x, np.eye(2)[labels])
    assert not any(check.ok for check in report.arrays) and named(report) == {"sign"}


def test_network_without_bias_and_missing_gradients():
    class Lazy(nn.Linear):
        def backward(self, dout):
            return dout @ self.W.data

    rng = np.random.default_rng(0)
    x, y, loss = rng.normal(size=(5, 3)), rng.normal(size=(5, 2)), nn.MSELoss()
    net = nn.Sequential(nn.Linear(3, 4, rng=rng, bias=False), nn.ReLU(), nn.Linear(4, 2, rng=rng, bias=False))
    assert check_network(net, loss, x, y).ok
    wrong = {name: -grad for name, grad in right_gradients(net, loss, x, y).items()}
    assert named(check_network(net, loss, x, y, grads=wrong)) == {"sign"}
    with pytest.raises(ValueError, match=r"missing: \['W1', 'b1'\]"):
        check_network(nn.Sequential(Lazy(3, 2, rng=rng)), loss, x, y)


# ---------------------------------------------------------------- the network stays as it was


def normed_net(dtype=np.float64):
    rng = np.random.default_rng(0)
    inside = nn.Residual(nn.LayerNorm(6, dtype=dtype), nn.GELU(), nn.Linear(6, 6, rng=rng, dtype=dtype))
    first, last = (nn.Linear(*sizes, rng=rng, dtype=dtype) for sizes in [(3, 6), (6, 2)])
    return nn.Sequential(first, nn.BatchNorm1d(6, dtype=dtype), nn.LeakyReLU(), inside, last)


def contents(net):
    return [(p, p.data, p.data.copy()) for p in [*net.parameters(), *getattr(net, "buffers", list)()]]


def assert_untouched(before, dtype=np.float64):
    for p, same_object, values in before:
        assert p.data is same_object and p.data.dtype == dtype, p.name
        assert np.array_equal(p.data, values), p.name


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("training", [True, False])
def test_everything_comes_back_untouched_and_is_checked_in_float64(dtype, training):
    net, rng, loss = normed_net(dtype).train(training), np.random.default_rng(1), nn.MSELoss()
    x, y = rng.normal(size=(5, 3)).astype(dtype), rng.normal(size=(5, 2)).astype(dtype)
    x.flags.writeable = y.flags.writeable = False
    net(x)
    before = contents(net)
    report = check_network(net, loss, x, y)
    assert report.ok and report.max_error < 1e-6
    promised, measured = directional_check(net, loss, x, y, rng)
    assert promised == pytest.approx(measured, rel=1e-6)
    assert_untouched(before, dtype)
    for check in CHECKS.values():
        with pytest.raises(ValueError):
            check(net, loss, x, y[:, :1])
    assert_untouched(before, dtype)
    found = {p.name: p.grad for p in net.parameters()}
    right = right_gradients(net, loss, x, y)
    assert all(np.allclose(found[name], right[name], rtol=1e-3, atol=1e-5) for name in right)


@both
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("call", [1, 2, 3, 10, 40])
def test_interrupt_restores_the_parameters(check, error, call):
    class Interrupted(nn.CrossEntropyLoss):
        calls = 0

        def forward(self, y_hat, y):
            self.calls += 1
            if self.calls == call:
                raise error
            return super().forward(y_hat, y)

    net, _, x, labels = small_net(np.float32)
    before = contents(net)
    if check is check_network or call <= 3:
        with pytest.raises(error):
            check(net, Interrupted(), x, labels)
    assert_untouched(before, np.float32)


@pytest.mark.parametrize("seed", range(8))
@both
def test_the_mask_of_dropout_is_held_still(check, seed):
    rng = np.random.default_rng(seed)
    net = nn.Sequential(
        nn.Linear(3, 4, rng=rng), Forgetful(), nn.Dropout(0.5, rng=rng), nn.Linear(4, 2, rng=rng)
    )
    x, y = rng.normal(size=(5, 3)), rng.integers(0, 2, 5)
    before = rng.bit_generator.state
    for mode in (True, False):
        report = check(net.train(mode), nn.CrossEntropyLoss(), x, y)
        assert rng.bit_generator.state == before and net[2].training is mode and "forward" not in vars(net[2])
        if check is check_network:
            assert named(report) == {"activation derivative missing"} and "held still" in str(report)


class Clipped(nn.Linear):
    """A layer that writes into its weights."""

    def forward(self, x):
        np.clip(self.W.data, -1, 1, out=self.W.data)
        return super().forward(x)


@both
def test_what_a_layer_writes_goes_into_copies(check):
    net = nn.Sequential(Clipped(2, 3, rng=np.random.default_rng(0)))
    net[0].W.data[:] = 2
    check(net, nn.MSELoss(), np.ones((4, 2)), np.zeros((4, 3)))
    assert (net[0].W.data == 2).all()


class Own:
    """A learner's parameter."""

    def __init__(self, data, name):
        self.data, self.name, self.grad = data, name, None


class Bare:
    """What the checks ask for, and no more."""

    def __init__(self, *layers):
        self.layers = layers

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.layers):
            dout = layer.backward(dout)


def test_what_is_like_a_sequential_needs_no_more():
    rng = np.random.default_rng(0)
    x, y, loss = rng.normal(size=(4, 2)), rng.normal(size=(4, 4)), nn.MSELoss()
    net = Bare(nn.Linear(2, 4, rng=rng), nn.Tanh(), Scale(Own))
    before = contents(net)
    assert check_network(net, loss, x, y).ok
    promised, measured = directional_check(net, loss, x, y, rng)
    assert promised == pytest.approx(measured, abs=1e-8)
    assert_untouched(before)
    net.layers = net.layers[0], Forgetful(), net.layers[2]
    report = check_network(net, loss, x, y)
    assert wrong_in(report) == ["W", "b"] and named(report) == {"activation derivative missing"}


def test_parameters_that_live_in_a_larger_array_come_home():
    net, loss, x, labels = small_net(np.float32)
    last = net[2]
    before, grads = contents(net), [p.grad for p in net.parameters()]
    report = check_network(net, loss, x, labels)
    assert report.ok and report.max_error < 1e-6
    assert_untouched(before, np.float32)
    assert all(
        p.grad is grad and np.isfinite(grad).all() for p, grad in zip(net.parameters(), grads, strict=True)
    )
    last.backward = lambda dout: dout @ last.W.data  # fills nothing; what the last check found is no gradient
    with pytest.raises(ValueError, match=r"missing: \['W2', 'b2'\]"):
        check_network(net, loss, x, labels)
    assert np.isnan(last.W.grad).all()
    assert_untouched(before, np.float32)


# ---------------------------------------------------------------- along a random direction


@pytest.mark.parametrize("seed", range(5))
def test_along_a_direction_promise_and_measurement_agree(seed):
    promised, measured = directional_check(*small_net(), np.random.default_rng(seed))
    assert abs(promised) > 1e-4
    assert promised == pytest.approx(measured, abs=1e-9)


@pytest.mark.parametrize("name", ["W1", "b1", "W2", "b2"])
def test_a_wrong_gradient_does_not_keep_its_promise(name):
    grads = right_gradients(*small_net())
    grads[name] = 1.1 * grads[name]
    promised, measured = directional_check(*small_net(), np.random.default_rng(0), grads=grads)
    assert abs(promised - measured) > 1e-6


def test_the_direction_has_length_one_and_reaches_every_array():
    """Linear in all parameters: the slope along v is v . x, whose mean square is |x|^2 over their number."""
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(3, 1, rng=rng))

    class Sum(Quartic):
        def forward(self, y_hat, y):
            self.y_hat = y_hat
            return float(y_hat.sum())

        def backward(self):
            return np.ones_like(self.y_hat)

    x = np.array([[3.0, -2.0, 1.0]])
    slopes = [directional_check(net, Sum(), x, x, rng)[1] for _ in range(4000)]
    assert np.mean(np.square(slopes)) == pytest.approx((9 + 4 + 1 + 1) / 4, rel=0.1)
    assert max(map(abs, slopes)) <= np.sqrt(15) + 1e-6


def test_two_forward_passes_and_one_both_ways():
    net, loss, x, y = small_net()
    grads, calls, forward = right_gradients(net, loss, x, y), [], net.forward
    net.forward = lambda x: calls.append(0) or forward(x)
    directional_check(net, loss, x, y, np.random.default_rng(0))
    assert len(calls) == 3
    directional_check(net, loss, x, y, np.random.default_rng(0), grads=grads)
    assert len(calls) == 5


def test_what_cannot_be_checked_is_refused():
    net, loss, x, y = small_net()
    rng, grads = np.random.default_rng(0), right_gradients(net, loss, x, y)
    without = {name: grad for name, grad in grads.items() if name != "W2"}
    for args, options, message in (
        ((net, loss, x, y, 0), {}, "rng must be a numpy.random.Generator"),
        ((net, loss, x, y, rng), {"grads": without}, r"missing: \['W2'\]"),
        ((net, loss, x, y, rng), {"grads": grads | {"W9": grads["W1"]}}, r"unknown: \['W9'\]"),
        ((net, loss, x, y, rng), {"grads": grads | {"b1": grads["b1"][None]}},
         r"gradient of b1 must have shape \(4,\), got \(1, 4\)"),
        ((net, loss, x * np.nan, y, rng), {}, "loss must return a finite number"),
        ((nn.Sequential(nn.Tanh()), nn.MSELoss(), x, x, rng), {}, "at least one parameter"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message), np.errstate(invalid="ignore"):
            directional_check(*args, **options)
    net[0].W.name = "b1"
    for check in CHECKS.values():
        with pytest.raises(ValueError, match="different names"):
            check(net, loss, x, y)
