"""Layers of images: a network against centred differences, what they take and refuse, mistakes in them."""

import copy
import importlib

import numpy as np
import pytest
from operations import OPERATIONS

import bphelpers
from bphelpers import functional as F
from bphelpers import optim, training
from bphelpers.numeric import relative_error
from bphelpers.teaching import gradcheck
from bphelpers.teaching.gradcheck.mistakes import mistakes_in
from bphelpers.teaching.gradcheck.operations import OPERATIONS as KNOWN


@pytest.fixture
def nn():
    return importlib.import_module("bphelpers.nn")


def small_net(nn, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Conv2d(2, 3, (3, 2), padding=1, rng=rng, dtype=dtype),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(3, 4, 2, stride=2, bias=False, rng=rng, dtype=dtype),
        nn.Tanh(),
        nn.MaxPool2d(2, stride=1),
        nn.Flatten(),
        nn.Linear(4, 3, rng=rng, dtype=dtype),
    )


def batch(n=4, dtype=np.float64):
    rng = np.random.default_rng(1)
    return rng.normal(size=(n, 2, 8, 9)).astype(dtype), rng.integers(0, 3, size=n)


def test_every_gradient_of_a_network_agrees_with_centred_differences(nn):
    check_against_differences(nn, 1)
    check_against_differences(nn, 4)


def check_against_differences(nn, n):
    net, loss, (X, y) = small_net(nn), nn.CrossEntropyLoss(), batch(n)
    loss(net(X), y)
    dx = net.backward(loss.backward())
    for array, found in [(X, dx), *((p.data, p.grad.copy()) for p in net.parameters())]:
        slope = np.empty_like(array)
        for index in np.ndindex(array.shape):
            kept, values = array[index], []
            for h in (1e-5, -1e-5):
                array[index] = kept + h
                values.append(loss(net(X), y))
            array[index] = kept
            slope[index] = (values[0] - values[1]) / 2e-5
        assert relative_error(found, slope, np.abs(slope).max() / 100).max() < 1e-6


def test_shapes_names_and_parameters(nn):
    net, (X, _) = small_net(nn), batch()
    assert net(X).shape == (4, 3)
    assert [(p.name, p.data.shape) for p in net.parameters()] == [
        ("W1", (3, 2, 3, 2)), ("b1", (3,)), ("W2", (4, 3, 2, 2)), ("W3", (3, 4)), ("b3", (3,)),
    ]  # fmt: skip
    assert repr(net[0]) == "Conv2d(2, 3, (3, 2), padding=1)"
    assert repr(net[3]) == "Conv2d(3, 4, 2, stride=2, bias=False)"
    assert repr(net[2]), repr(net[5]) == ("MaxPool2d(2)", "MaxPool2d(2, stride=1)")
    assert repr(net[6]) == "Flatten()"


def test_float32_stays_and_other_arrays_are_taken(nn):
    net, (X, y) = small_net(nn, np.float32), batch()
    loss = nn.CrossEntropyLoss()
    loss(net(X), y)  # float64 goes in
    assert net.backward(loss.backward()).dtype == np.float32
    assert {p.grad.dtype for p in net.parameters()} == {np.dtype(np.float32)}
    whole_numbers = np.ones((1, 2, 8, 9), int)
    np.testing.assert_array_equal(net(whole_numbers.tolist()), net(whole_numbers.astype(np.float32)))
    layer = nn.MaxPool2d(2)
    layer(whole_numbers)
    assert layer.backward([[[[1] * 4] * 4] * 2]).sum() == 32


def test_an_array_of_another_shape_after_one_that_fitted(nn):
    layer = nn.Conv2d(2, 3, 2, rng=np.random.default_rng(0))
    for shape in [(4, 2, 8, 9), (1, 2, 8, 9), (4, 2, 3, 3)]:
        out = layer.forward(np.ones(shape))
        assert layer.backward(np.ones_like(out)).shape == shape
    pool = nn.MaxPool2d(2)
    pool.forward(np.ones((1, 1, 4, 4)))
    with pytest.raises(ValueError, match=r"dout must have shape \(1, 1, 2, 2\), got \(1, 1, 1, 1\)"):
        pool.backward(np.ones((1, 1, 1, 1)))
    with pytest.raises(ValueError, match=r"x must have shape \(n, 2, h, w\), got \(4, 3, 3, 3\)"):
        layer.forward(np.ones((4, 3, 3, 3)))
    with pytest.raises(ValueError, match=r"dout must have shape \(4, 3, 2, 2\), got \(4, 3, 2, 1\)"):
        layer.backward(np.ones((4, 3, 2, 1)))


REFUSED = [
    (lambda nn, net: net(np.ones((4, 784))), r"shape \(n, 2, h, w\), got \(4, 784\); rows become images by"),
    (lambda nn, net: net(np.ones((4, 2, 8))), r"x must have shape \(n, 2, h, w\), got \(4, 2, 8\)"),
    (lambda nn, net: net(np.ones((4, 2, 0, 9))), r"x must be at least as large as the kernel"),
    (lambda nn, net: nn.MaxPool2d(3)(np.ones((4, 2, 2, 9))), r"x must be at least as large as the window"),
    (lambda nn, net: nn.MaxPool2d(2)(np.ones((4, 9))), r"x must have shape \(n, c, h, w\)"),
    (lambda nn, net: nn.Flatten()(1.0), "x must have shape"),
    (lambda nn, net: nn.Flatten()(np.ones(3)), r"x must have axes 1 to -1, got shape \(3,\)"),
    (lambda nn, net: nn.Flatten(2, 1)(np.ones((1, 1, 1))), r"x must have axes 2 to 1, got shape \(1, 1, 1\)"),
    (lambda nn, net: nn.Flatten(0, 3)(np.ones((1, 1, 1))), r"x must have axes 0 to 3, got shape \(1, 1, 1\)"),
    (lambda nn, net: net[0].backward(np.ones(3)), "needs a forward pass first"),
    (lambda nn, net: net[2].backward(np.ones(3)), "needs a forward pass first"),
    (lambda nn, net: net[6].backward(np.ones(3)), "needs a forward pass first"),
    (lambda nn, net: nn.Conv2d(1, 2, 0, rng=None), "kernel_size must be a whole number, at least 1, got 0"),
    (lambda nn, net: nn.Conv2d(1, 2, (3, 3, 3), rng=None), "kernel_size must be a whole number"),
    (lambda nn, net: nn.Conv2d(0, 2, 3, rng=None), "in_channels must be"),
    (lambda nn, net: nn.Conv2d(1, 2.0, 3, rng=None), "out_channels must be"),
    (lambda nn, net: nn.Conv2d(1, 2, 3, rng=7), "rng must be a"),
    (lambda nn, net: nn.Conv2d(1, 2, 3, rng=np.random.default_rng(0), stride=0), "stride must be"),
    (lambda nn, net: nn.Conv2d(1, 2, 3, rng=np.random.default_rng(0), padding=-1), "padding must be"),
    (lambda nn, net: nn.MaxPool2d(2, stride=0), "stride must be"),
]  # fmt: skip


def test_what_does_not_fit_is_refused_in_words(nn):
    for call, said in REFUSED:
        with pytest.raises((ValueError, RuntimeError), match=said):
            call(nn, small_net(nn))


def test_padding_makes_room(nn):
    layer = nn.Conv2d(1, 1, 3, padding=1, bias=False, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(layer(np.ones((1, 1, 1, 1)))[0, 0, 0, 0], layer.W.data[0, 0, 1, 1])


def test_no_examples(nn):
    net = small_net(nn)
    assert net(np.ones((0, 2, 8, 9))).shape == (0, 3)
    assert net.backward(np.ones((0, 3))).shape == (0, 2, 8, 9)
    assert all(not p.grad.any() for p in net.parameters())


def test_initializers_count_senders_and_receivers(nn):
    rng, spread = np.random.default_rng(0), {}
    for name in ("he", "xavier"):
        W = nn.Conv2d(6, 50, 5, init=name, rng=rng).W.data
        spread[name] = W.std()
        assert W.shape == (50, 6, 5, 5)
    assert spread["he"] == pytest.approx(np.sqrt(2 / (6 * 25)), rel=0.03)
    assert spread["xavier"] == pytest.approx(np.sqrt(2 / (56 * 25)), rel=0.03)


def test_a_network_of_images_trains_is_saved_and_copied():
    nn = bphelpers.nn
    X = np.zeros((40, 1, 6, 6))
    y = np.arange(40) % 2
    rng = np.random.default_rng(3)
    for image, label in zip(X[:, 0], y, strict=True):  # an upright or a lying stroke, anywhere
        i, j = rng.integers(0, 4, size=2)
        image[(slice(i, i + 3), j) if label else (i, slice(j, j + 3))] = 1.0

    def net(seed):
        rng = np.random.default_rng(seed)
        return nn.Sequential(nn.Conv2d(1, 4, 3, rng=rng), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(),
                             nn.Linear(4, 2, rng=rng))  # fmt: skip

    for seed in range(10):
        learner = net(seed)
        training.fit(
            learner, nn.CrossEntropyLoss(), optim.Adam(0.02), (X, y), 60, 8, np.random.default_rng(seed)
        )
        assert (learner(X).argmax(axis=1) == y).mean() > 0.9, seed
    again = net(99)
    again.load_state_dict(learner.state_dict())
    np.testing.assert_array_equal(again(X), learner(X))
    twin = copy.deepcopy(learner)
    twin[0].W.data = np.zeros((4, 1, 3, 3))
    assert learner[0].W.data.any()


def test_the_first_layer_s_dx_is_left_out_where_nobody_asks(nn):
    net, (X, y), loss = small_net(nn), batch(), nn.CrossEntropyLoss()
    loss(net(X), y)
    dout = loss.backward()
    net.backward(dout)
    with_dx = [p.grad.copy() for p in net.parameters()]
    net[0].asked = False
    assert net.backward(dout).shape == (4, 3, 8, 10), "what arrived there"
    for p, grad in zip(net.parameters(), with_dx, strict=True):
        np.testing.assert_array_equal(p.grad, grad)


# --- The check knows them ---------------------------------------------------------------------------------

OPTIONS = {
    "conv2d": [{}, {"stride": 2, "padding": 1}],
    "max_pool2d": [{"kernel_size": 2}, {"kernel_size": 2, "stride": 1}],
}
HIDDEN = {  # a mistake that changes nothing where windows do not meet, or where nothing is padded or skipped
    ("conv2d", 0): {"stride left out on the way back", "padding cut at one end"},
    ("conv2d", 1): set(),
    ("max_pool2d", 0): {"overlaps overwritten", "every maximum gets it all"},
    ("max_pool2d", 1): {"every maximum gets it all"},
}


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("which", [0, 1])
def test_each_mistake_in_convolution_and_pooling_is_named(name, which):
    options, rng = OPTIONS[name][which], np.random.default_rng(5)
    shapes = {"conv2d": [(3, 4, 7, 6), (4, 4, 3, 3), (4,)], "max_pool2d": [(3, 2, 6, 5)]}[name]
    args = [rng.normal(size=shape) for shape in shapes]
    operation, truth = KNOWN[name], getattr(F, f"{name}_backward")
    assert gradcheck.check_op(name, truth, *args, **options).ok
    named, silent = [], set()
    for mistake in mistakes_in(name):
        for rule in mistake.ways(name):

            def wrong(*given, rule=rule, **options):
                dout = given[0]
                values = dict(zip(operation.takes, args, strict=True))
                right = operation.backward(dout, values, None, **options)
                made = rule(dout, *values.values(), operation.forward(values, **options),
                                               **options)  # fmt: skip
                made = made if isinstance(made, dict) else {operation.takes[0]: made}
                return tuple((right | made).values()) if len(right) > 1 else made["x"]

            report = gradcheck.check_op(name, wrong, *args, **options)
            if report.ok:
                silent.add(mistake.name)
            else:
                found = [report[argument].diagnosis for argument in operation.takes]
                said = {other for one in found if one for other in (one.mistake, *one.alternatives)}
                assert mistake.name in said, (mistake.name, said)
                named.append(mistake.name)
    assert silent == HIDDEN[name, which]
    assert len(named) + len(silent) >= len(mistakes_in(name)) and named


def test_a_mistake_in_a_layer_of_a_network_is_named_with_its_place():
    nn = bphelpers.nn

    class Unturned(nn.Conv2d):
        def backward(self, dout):
            x, W = self._kept[0], self.W.data
            _, self.W.grad, _ = F.conv2d_backward(dout, x, W, **self.options())
            return F.conv2d_backward(dout, x, W[:, :, ::-1, ::-1], **self.options())[0]

    net, (X, y) = small_net(nn), batch()
    rng = np.random.default_rng(0)
    net = nn.Sequential(*net.layers[:3], Unturned(3, 4, 2, stride=2, bias=False, rng=rng), *net.layers[4:])
    report = gradcheck.check_network(net, nn.CrossEntropyLoss(), X, y)
    assert "In layer 4, conv2d: these numbers come out when the kernel is not flipped" in str(report)
    assert gradcheck.check_network(small_net(nn), nn.CrossEntropyLoss(), X, y).ok


def test_the_rows_of_both_tables_agree():
    for name, known in KNOWN.items():
        assert list(known.takes) == [n for n in OPERATIONS[name].letters if n != "dout"][: len(known.takes)]
