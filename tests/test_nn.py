"""Layers and losses with memory, against ``functional``, autograd, differences and their own promises.

A test that takes only ``nn`` is also run on broken copies of the module (test_mutants.py).
"""

import copy
import importlib
import inspect
import io
import itertools
import pickle
from unittest import mock

import numpy as np
import oracles
import pytest
from autograd import grad as autograd_gradient
from hypothesis import given, settings
from hypothesis import strategies as st
from operations import OPERATIONS
from oracles import refuses

import bphelpers.functional as F
from bphelpers import arguments
from bphelpers.optim import SGD


@pytest.fixture
def nn():
    return importlib.import_module("bphelpers.nn")


def seeded(seed=0):
    return np.random.default_rng(seed)


def small_net(nn, seed=0, **options):
    rng = seeded(seed)
    return nn.Sequential(nn.Linear(2, 3, rng=rng, **options), nn.Tanh(), nn.Linear(3, 4, rng=rng, **options))


def raises(kind, call, *fragments):
    with pytest.raises(kind) as caught:
        call()
    for fragment in fragments:
        assert fragment in str(caught.value), f"{fragment!r} is not in {caught.value!s}"


# --- Gradients ----------------------------------------------------------------------------------------

ACTIVATIONS, LOSSES = ("Sigmoid", "Tanh", "ReLU"), ("MSELoss", "BCEWithLogitsLoss", "CrossEntropyLoss")


def reference(nn, layer, x, values):
    """The output by the textbook formulas of ``operations``, with parameters and buffers by name."""
    if isinstance(layer, nn.Sequential):
        out = x
        for inner in layer.layers:
            out = reference(nn, inner, out, values)
        return x + out if isinstance(layer, nn.Residual) else out
    name = "linear" if isinstance(layer, nn.Linear) else layer.pair[0].__name__
    own = layer.parameters()
    if isinstance(layer, nn.BatchNorm1d) and not layer.training:
        name, own = "batch_norm, evaluation", own + layer.buffers()
    options = {"slope": layer.slope} if isinstance(layer, nn.LeakyReLU) else {}
    return OPERATIONS[name].reference(x, *(values[p.name] for p in own), **options)


def compare(nn, net, loss, X, y):
    """Loss and all gradients of a network against autograd."""

    def cost(values):
        return OPERATIONS[loss.pair[0].__name__].reference(reference(nn, net, values["X"], values), y)

    values = {"X": X, **net.state_dict()}
    assert loss(net(X), y) == pytest.approx(cost(values), rel=1e-10)
    dX = net.backward(loss.backward())
    expected = autograd_gradient(cost)(values)
    np.testing.assert_allclose(dX, expected["X"], rtol=1e-8, atol=1e-11)
    for p in net.parameters():
        np.testing.assert_allclose(p.grad, expected[p.name], rtol=1e-8, atol=1e-11, err_msg=p.name)


def compare_chain(nn, activation, loss, n, sizes, seed):
    rng = seeded(seed)
    layers = []
    for d_in, d_out in itertools.pairwise(sizes):
        layers += [nn.Linear(d_in, d_out, rng=rng), getattr(nn, activation)()]
    net, criterion = nn.Sequential(*layers[:-1]), getattr(nn, loss)()
    for p in net.parameters():
        p.data += rng.normal(size=p.data.shape) * 0.5  # biases that are not 0
    X, shape = rng.normal(size=(n, sizes[0])), (n, sizes[-1])
    y = rng.normal(size=shape) if loss == "MSELoss" else rng.integers(0, 2, size=shape)
    y = rng.integers(0, sizes[-1], size=n) if loss == "CrossEntropyLoss" else y
    compare(nn, net, criterion, X, y)
    return net, criterion, X, y


def compare_with_differences(net, criterion, X, y):
    """The module's own loss, each parameter wobbled in place."""
    expected = {p.name: p.grad.copy() for p in net.parameters()}
    for p in net.parameters():
        found, start = expected[p.name], p.data.copy()

        def loss_at(value, p=p):
            p.data = value
            return criterion(net(X), y)

        slope = oracles.centred_differences(loss_at, start)
        p.data = start
        np.testing.assert_allclose(found, slope, rtol=1e-5, atol=1e-7, err_msg=p.name)


def test_networks_against_autograd(nn):
    for activation, loss in itertools.product(ACTIVATIONS, LOSSES):
        compare_chain(nn, activation, loss, 3, [2, 4, 5, 3], seed=1)


def test_one_layer_and_a_batch_of_one(nn):
    for loss in LOSSES:
        compare_with_differences(*compare_chain(nn, "Tanh", loss, 1, [3, 2], seed=2))


def test_xor_network_against_differences(nn):
    rng = seeded(4)
    net = nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Sigmoid(), nn.Linear(3, 1, rng=rng), nn.Sigmoid())
    X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0], [1], [1], [0]])
    loss = nn.MSELoss()
    loss(net(X), y)
    net.backward(loss.backward())
    compare_with_differences(net, loss, X, y)


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(
    st.sampled_from(["Sigmoid", "Tanh"]),
    st.sampled_from(LOSSES),
    st.integers(1, 5),
    st.lists(st.integers(1, 5), min_size=2, max_size=5),
    st.integers(0, 1000),
)
def test_networks_of_any_shape(activation, loss, n, sizes, seed):
    compare_chain(importlib.import_module("bphelpers.nn"), activation, loss, n, sizes, seed)


# --- Each layer is its function -----------------------------------------------------------------------


def test_linear_is_functional_linear(nn):
    rng = seeded()
    layer = nn.Linear(3, 2, rng=rng)
    layer.b.data[:] = [1, 2]
    x, dout = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    np.testing.assert_array_equal(layer(x), F.linear(x, layer.W.data, layer.b.data))
    dx, dW, db = F.linear_backward(dout, x, layer.W.data)
    np.testing.assert_array_equal(layer.backward(dout), dx)
    np.testing.assert_array_equal(layer.W.grad, dW)
    np.testing.assert_array_equal(layer.b.grad, db)
    assert layer.parameters() == [layer.W, layer.b]


def test_linear_without_bias(nn):
    layer = nn.Linear(3, 2, rng=seeded(), bias=False)
    x = seeded(1).normal(size=(4, 3))
    assert layer.b is None and layer.parameters() == [layer.W]
    np.testing.assert_array_equal(layer(x), x @ layer.W.data.T)
    np.testing.assert_array_equal(layer.backward(np.ones((4, 2))), np.ones((4, 2)) @ layer.W.data)


def test_activations_are_their_functions(nn):
    x, dout = seeded(2).normal(size=(4, 3)), seeded(3).normal(size=(4, 3))
    for layer, name, from_output, more in [
        (nn.Sigmoid(), "sigmoid", True, ()),
        (nn.Tanh(), "tanh", True, ()),
        (nn.ReLU(), "relu", False, ()),
        (nn.LeakyReLU(), "leaky_relu", False, (0.01,)),
        (nn.LeakyReLU(0.3), "leaky_relu", False, (0.3,)),
        (nn.GELU(), "gelu", False, ()),
    ]:
        out = layer(x)
        np.testing.assert_array_equal(out, getattr(F, name)(x, *more))
        expected = getattr(F, f"{name}_backward")(dout, out if from_output else x, *more)
        np.testing.assert_array_equal(layer.backward(dout), expected)
        assert layer.parameters() == [] == layer.buffers()


def test_losses_are_their_functions(nn):
    rng = seeded(4)
    out = rng.normal(size=(3, 2))
    cases = [
        (nn.MSELoss(), F.mse, F.mse_backward, rng.normal(size=(3, 2))),
        (nn.BCEWithLogitsLoss(), F.binary_cross_entropy, F.binary_cross_entropy_backward, rng.random((3, 2))),
        (nn.CrossEntropyLoss(), F.softmax_cross_entropy, F.softmax_cross_entropy_backward, [0, 1, 1]),
    ]
    for loss, value, gradient, y in cases:
        assert loss(out, y) == loss.forward(out, y) == value(out, y)
        np.testing.assert_array_equal(loss.backward(), gradient(out, y))


def test_who_is_right(nn):
    logits = [[1.0, -1.0], [1.0, 1.0], [0.0, 0.0]]
    assert nn.BCEWithLogitsLoss().is_right(logits, [[1, 0], [1, 0], [0, 0]]).tolist() == [True, False, True]
    assert nn.BCEWithLogitsLoss().is_right([[2.0], [0.5]], [[0.5], [1]]).tolist() == [False, True]
    assert nn.CrossEntropyLoss().is_right([[1, 2, 3], [5, 1, 1]], [2, 2]).tolist() == [True, False]
    assert nn.MSELoss().is_right([[1.0]], [[1.0]]) is None


# --- Promises -----------------------------------------------------------------------------------------


def test_names_count_the_layers_that_have_parameters(nn):
    rng = seeded()
    inner = nn.Sequential(nn.Linear(3, 3, rng=rng, bias=False), nn.ReLU())
    net = nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Sigmoid(), inner, nn.Linear(3, 1, rng=rng))
    assert [p.name for p in net.parameters()] == ["W1", "b1", "W2", "W3", "b3"]
    kinds = [nn.Linear, nn.Sigmoid, nn.Linear, nn.ReLU, nn.Linear]
    assert [type(leaf) for leaf in nn.leaves(net)] == kinds
    assert net.layers == [net[0], net[1], inner, net[3]], "a list, as it was given"
    assert net[-1] is net.layers[3] and len(net) == 4
    assert [p.name for p in nn.Linear(1, 1, rng=rng).parameters()] == ["W", "b"]
    many = nn.Sequential(*[nn.Linear(1, 1, rng=rng) for _ in range(12)])
    assert [p.name for p in many.parameters()][-2:] == ["W12", "b12"]
    again = nn.Sequential(*many.layers[9:])
    assert [p.name for p in again.parameters()] == ["W1", "b1", "W2", "b2", "W3", "b3"]


def test_backward_overwrites_gradients(nn):
    net = small_net(nn)
    assert all(np.isnan(p.grad).all() for p in net.parameters())
    x, dout = seeded(1).normal(size=(5, 2)), seeded(2).normal(size=(5, 4))
    net(x)
    net.backward(dout)
    once = [p.grad.copy() for p in net.parameters()]
    net.backward(dout)
    for p, grad in zip(net.parameters(), once, strict=True):
        np.testing.assert_array_equal(p.grad, grad)


def test_backward_belongs_to_the_latest_forward(nn):
    for batch in (5, 2):
        net = small_net(nn)
        net(seeded(8).normal(size=(7, 2)))
        x = seeded(batch).normal(size=(batch, 2))
        net(x)
        dx = net.backward(np.ones((batch, 4)))
        fresh = small_net(nn)
        fresh(x)
        np.testing.assert_array_equal(dx, fresh.backward(np.ones((batch, 4))))
    loss = nn.MSELoss()
    loss([[1.0]], [[0.0]])
    loss([[5.0]], [[1.0]])
    assert loss.backward().tolist() == [[8.0]]


def test_nothing_is_written_into_what_is_given(nn):
    fixed = oracles.frozen({"x": seeded(1).normal(size=(5, 2)), "dout": seeded(2).normal(size=(5, 4))})
    rng = seeded()
    middles = [nn.Sigmoid(), nn.Tanh(), nn.ReLU(), nn.Dropout(0.5, rng=rng), nn.LeakyReLU(), nn.GELU()]
    middles += [nn.BatchNorm1d(3), nn.BatchNorm1d(3).eval(), nn.LayerNorm(3)]
    middles += [nn.Residual(nn.Tanh()), nn.Residual()]
    for middle in middles:
        net = nn.Sequential(nn.Linear(2, 3, rng=rng), middle, nn.Linear(3, 4, rng=rng))
        net(fixed["x"])
        net.backward(fixed["dout"])
        for layer in (middle, nn.Residual(middle)):
            wide = oracles.frozen({"x": np.ones((5, 3)), "dout": np.ones((5, 3))})
            for value in (layer(wide["x"]), layer.backward(wide["dout"])):
                assert not any(np.shares_memory(value, given) for given in wide.values()), layer


def test_backward_before_forward_is_an_error_with_a_name(nn):
    rng = seeded()
    layers = [nn.Linear(2, 2, rng=rng), nn.Sigmoid(), nn.Tanh(), nn.ReLU(), nn.Dropout(0.5, rng=rng)]
    layers += [nn.LeakyReLU(), nn.GELU(), nn.BatchNorm1d(2), nn.LayerNorm(2)]
    for layer in layers:
        said = f"{type(layer).__name__}.backward needs a forward"
        raises(RuntimeError, lambda la=layer: la.backward(np.ones((1, 2))), said)
    for loss in (nn.MSELoss(), nn.BCEWithLogitsLoss(), nn.CrossEntropyLoss()):
        raises(RuntimeError, loss.backward, f"{type(loss).__name__}.backward needs a forward pass first")
    raises(RuntimeError, lambda: small_net(nn).backward(np.ones((1, 4))), "Linear.backward")


def test_bare_modules_promise_nothing(nn):
    assert nn.Module().parameters() == [] == nn.Module().buffers() and nn.Module().training is True
    raises(NotImplementedError, lambda: nn.Module()([[1.0]]))
    raises(NotImplementedError, lambda: nn.Module().backward([[1.0]]))
    raises(NotImplementedError, lambda: nn.Loss()([[1.0]], [[1.0]]))


def test_a_layer_stands_in_a_network_once(nn):
    layer, act = nn.Linear(2, 2, rng=seeded()), nn.Tanh()
    for layers in [(layer, nn.Tanh(), layer), (nn.Sequential(act), act), (layer, nn.Residual(layer))]:
        refuses(lambda layers=layers: nn.Sequential(*layers), "each layer may stand in a network once")
    refuses(lambda: nn.Sequential(layer, np.tanh), "layers must be modules", "tanh")
    nn.Sequential(layer, act)


def test_train_and_eval_reach_every_layer(nn):
    inner = nn.Sequential(nn.Dropout(0.5, rng=seeded()))
    net = nn.Sequential(inner, nn.Linear(2, 2, rng=seeded()))
    everybody = [net, inner, inner[0], net[1]]
    assert all(m.training for m in everybody)
    assert net.eval() is net and not any(m.training for m in everybody)
    assert net.train() is net and all(m.training for m in everybody)
    assert net.train(False) is net and not any(m.training for m in everybody)


def test_dropout_acts_in_training_only(nn):
    layer = nn.Dropout(0.5, rng=seeded())
    x, dout = np.full((4, 50), 3.0), np.full((4, 50), 5.0)
    out, mask = F.dropout(x, 0.5, seeded())
    np.testing.assert_array_equal(layer(x), out)
    np.testing.assert_array_equal(layer.backward(dout), dout * mask)
    assert (layer(x) != out).any(), "every pass draws anew"
    state = layer.rng.bit_generator.state
    layer.eval()
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_array_equal(layer.backward(dout), dout)
    assert layer.rng.bit_generator.state == state, "evaluation must not use up random numbers"
    assert layer(np.ones((1, 2), dtype=int)).dtype == np.float64
    for p in (-0.1, 1.0, float("nan")):
        said = f"p must be a finite number, at least 0, below 1, got {p}"
        refuses(lambda p=p: nn.Dropout(p, rng=seeded()), said)
    said = "rng must be a numpy.random.Generator, got 42; pass np.random.default_rng(42)"
    refuses(lambda: nn.Dropout(0.5, rng=42), said)
    np.testing.assert_array_equal(nn.Dropout(0.0, rng=seeded())(x), x)


def test_float32_all_the_way(nn):
    rng = seeded()
    losses = [
        (nn.MSELoss(), np.ones((5, 3))),
        (nn.BCEWithLogitsLoss(), np.ones((5, 3))),
        (nn.CrossEntropyLoss(), [0] * 5),
    ]
    for loss, y in losses:
        first = nn.Linear(2, 4, rng=rng, dtype=np.float32)
        last = nn.Linear(4, 3, rng=rng, dtype="float32", bias=False)
        net = nn.Sequential(first, nn.Sigmoid(), nn.Tanh(), nn.ReLU(), nn.Dropout(0.1, rng=rng), last)
        out = net(rng.normal(size=(5, 2)))  # float64 data, as they come
        assert out.dtype == np.float32 and type(loss(out, y)) is float
        dx = net.backward(loss.backward())
        SGD(0.1, momentum=0.9, weight_decay=0.1).step(net.parameters())
        assert dx.dtype == np.float32
        for p in net.parameters():
            assert p.data.dtype == p.grad.dtype == np.float32, p.name
        net.load_state_dict({name: value.astype(float) for name, value in net.state_dict().items()})
        assert {p.data.dtype for p in net.parameters()} == {np.dtype(np.float32)}
    layer = nn.Linear(2, 2, rng=rng, dtype=np.float32)
    layer([[1, 2]])
    assert layer.backward(np.ones((1, 2))).dtype == layer.W.grad.dtype == np.float32


def test_integers_and_lists_are_welcome(nn):
    net = small_net(nn)
    out = net([[1, 2], [3, 4]])
    assert isinstance(out, np.ndarray) and out.dtype == np.float64
    np.testing.assert_array_equal(out, net(np.array([[1.0, 2.0], [3.0, 4.0]])))
    dx = net.backward([[1, 0, 0, 0], [0, 0, 0, 1]])
    fresh = small_net(nn)
    fresh(np.array([[1.0, 2.0], [3.0, 4.0]]))
    np.testing.assert_array_equal(dx, fresh.backward(np.array([[1.0, 0, 0, 0], [0, 0, 0, 1]])))
    np.testing.assert_array_equal(net.flat.grad, fresh.flat.grad)
    np.testing.assert_array_equal(net.flat.data, fresh.flat.data)
    assert isinstance(nn.Sequential()([[1.0]]), np.ndarray)
    relu = nn.ReLU()
    relu([[1, -1]])
    assert relu.backward([[2, 2]]).tolist() == [[2.0, 0.0]]
    parameter = nn.Parameter([1, 2], "w")
    assert parameter.data.dtype == np.float64 and parameter.name == "w" and np.isnan(parameter.grad).all()


def test_bad_input_is_named(nn):
    rng = seeded()
    layer = nn.Linear(2, 3, rng=rng)
    refuses(lambda: layer(np.ones(2)), "x must have shape (n, 2), got (2,)", "x[None, :]")
    refuses(lambda: layer(np.ones((4, 3))), "x must have shape (n, 2), got (4, 3)")
    refuses(lambda: layer([["1", "2"]]), "x must hold real numbers")
    refuses(lambda: layer([[None, 2]]), "x must hold real numbers")
    refuses(lambda: layer(np.ones((4, 2)) * 1j), "x must hold real numbers")
    layer(np.ones((4, 2)))
    refuses(lambda: layer.backward(np.ones((4, 2))), "dout must have shape (4, 3)", "(4, 2)")
    refuses(lambda: layer.backward(np.ones((4, 3)) * 1j), "dout must hold real numbers")
    for name, sizes in [("in", (0, 3)), ("out", (3, 0)), ("in", (-1, 3)), ("out", (3, 1.5))]:
        want = f"{name}_features must be a whole number, at least 1, got {sizes[name == 'out']}"
        refuses(lambda s=sizes: nn.Linear(*s, rng=rng), want)
    refuses(lambda: nn.Linear(1, 1, rng=7), "rng must be a numpy.random.Generator", "got 7")
    refuses(lambda: nn.Linear(1, 1, rng=rng, init="zero"), "init must be one of ['he', 'xavier']", "'zero'")
    refuses(lambda: nn.Linear(1, 1, rng=rng, dtype=int), "dtype must be a floating type", "int64")
    refuses(lambda: nn.Linear(2, 3, rng=rng, init=lambda o, i, r: np.ones((i, o))), "(3, 2), got (2, 3)")
    refuses(lambda: nn.ReLU()([["a"]]), "x must hold real numbers")
    dropout = nn.Dropout(0.5, rng=rng)
    dropout(np.ones((4, 2)))
    refuses(lambda: dropout.backward(np.ones((4, 1))), "dout must have shape (4, 2), got (4, 1)")
    refuses(lambda: nn.MSELoss()(np.ones((4, 2)), np.ones((4, 1))), "y must have shape (4, 2), got (4, 1)")
    refuses(lambda: nn.Parameter(["a"], "w"), "data must hold real numbers")


def test_initial_weights(nn):
    wide = nn.Linear(300, 100, rng=seeded(1)).W.data
    bound = np.sqrt(6 / 400)
    assert wide.shape == (100, 300) and np.abs(wide).max() <= bound
    assert wide.min() < -0.99 * bound and wide.max() > 0.99 * bound
    assert abs(wide.mean()) < 5 * bound / np.sqrt(3 * wide.size)
    he = nn.Linear(300, 100, rng=seeded(1), init="he").W.data
    assert he.std() == pytest.approx(np.sqrt(2 / 300), rel=0.02) and abs(he.mean()) < 5 * he.std() / 173
    for name, expected, fan in [("xavier_uniform", wide, 400), ("he_normal", he, 300)]:
        np.testing.assert_array_equal(getattr(nn, name)(100, 300, seeded(1)), expected)
        assert expected.var() == pytest.approx(2 / fan, rel=0.03), name
    # Which weights a seed gives is part of the promise: every stored output of the lessons rests on it.
    np.testing.assert_array_equal(wide, seeded(1).uniform(-bound, bound, size=(100, 300)))
    np.testing.assert_array_equal(he, seeded(1).normal(0, np.sqrt(2 / 300), size=(100, 300)))
    assert (nn.Linear(2, 3, rng=seeded(1)).b.data == 0).all()
    mine = np.arange(6.0).reshape(3, 2)
    layer = nn.Linear(2, 3, rng=seeded(), init=lambda d_out, d_in, rng: mine)
    layer.W.data[0, 0] = 99
    assert mine[0, 0] == 0, "the layer must not share the array that init returned"


# The least sizes of each layer, all of which work, and the shape of what it then takes.
SIZES = {
    "Linear": ({"in_features": 1, "out_features": 1}, (1, 1)),
    "LayerNorm": ({"features": 1}, (1, 1)),
    "BatchNorm1d": ({"features": 1}, (1, 1)),
    "Conv2d": (
        {"in_channels": 1, "out_channels": 1, "kernel_size": 1, "stride": 1, "padding": 0},
        (1, 1, 1, 1),
    ),
    "MaxPool2d": ({"kernel_size": 1, "stride": 1}, (1, 1, 1, 1)),
    "Flatten": ({"start_dim": 0, "end_dim": -1}, (1,)),
    "RNN": ({"input_size": 1, "hidden_size": 1}, (1, 1, 1)),
    "Embedding": ({"num_embeddings": 1, "embedding_dim": 1}, (1,)),
    "LearnedPositions": ({"num_embeddings": 1, "embedding_dim": 1}, (1, 1, 1)),
    "MultiheadAttention": ({"embed_dim": 1, "num_heads": 1}, (1, 1, 1)),
}


@pytest.mark.parametrize("kind", SIZES)
def test_the_least_sizes_work_and_no_others(nn, kind):
    sizes, shape = SIZES[kind]
    make = getattr(nn, kind)
    given = {"rng": seeded()} if "rng" in inspect.signature(make).parameters else {}
    layer = make(**sizes, **given)
    out = layer(np.zeros(shape, int))
    assert out.size == 1 and layer.backward(np.ones_like(out)).size == 1
    for name, least in sizes.items():
        for bad in (least - 1, least - 2, True, 1.5, "3"):
            said = f"{name} must be a whole number, at least {least}, got"
            refuses(lambda n=name, b=bad: make(**(sizes | {n: b}), **given), said)
        if name not in ("num_heads", "start_dim", "end_dim"):
            make(**(sizes | {name: np.int64(least + 1)}), **given)


# --- Normalisation, leaky ReLU, GELU, residual connections --------------------------------------------


def deep_net(nn, seed=0, dtype=np.float64):
    """Every layer of lesson 13, with parameters and running values that are not those they begin with."""
    rng = seeded(seed)
    inner = nn.Residual(nn.LayerNorm(4, dtype=dtype), nn.GELU(), nn.Linear(4, 4, rng=rng, dtype=dtype))
    net = nn.Sequential(
        nn.Linear(2, 4, rng=rng, dtype=dtype),
        nn.BatchNorm1d(4, dtype=dtype),
        nn.LeakyReLU(0.2),
        nn.Sequential(inner),
        nn.Linear(4, 3, rng=rng, dtype=dtype),
    )
    for p in [*net.parameters(), *net.buffers()]:
        p.data = p.data + np.abs(rng.normal(size=p.data.shape)).astype(dtype) * 0.5
    return net


def test_deep_networks_against_autograd_and_differences(nn):
    for training, n in [(True, 6), (False, 6), (False, 1)]:
        net, loss = deep_net(nn).train(training), nn.CrossEntropyLoss()
        X, y = seeded(1).normal(size=(n, 2)), seeded(2).integers(0, 3, size=n)
        compare(nn, net, loss, X, y)
        compare_with_differences(net, loss, X, y)


def test_norms_are_their_functions(nn):
    x, dout = seeded(2).normal(size=(4, 3)), seeded(3).normal(size=(4, 3))
    given = [seeded(4).normal(size=3), seeded(5).random(3)]
    for kind, name, statistics in [
        (nn.BatchNorm1d, "batch_norm", []),
        (nn.BatchNorm1d, "batch_norm", given),
        (nn.LayerNorm, "layer_norm", []),
    ]:
        for eps in (1e-5, 0.1):
            layer = kind(3, eps=eps).train(not statistics)
            assert [p.name for p in layer.parameters()] == ["gamma", "beta"]
            assert layer.gamma.data.tolist() == [1, 1, 1] and layer.beta.data.tolist() == [0, 0, 0]
            layer.gamma.data, layer.beta.data = seeded(6).normal(size=(2, 3))
            for buffer, value in zip(layer.buffers(), statistics, strict=False):
                buffer.data = value
            out = getattr(F, name)(x, layer.gamma.data, layer.beta.data, *statistics, eps=eps)
            np.testing.assert_allclose(layer(x), out, rtol=1e-13, atol=1e-15)
            backward = getattr(F, f"{name}_backward")(dout, x, layer.gamma.data, *statistics, eps=eps)
            layer.train(bool(statistics))  # backward belongs to the forward that was, whatever comes next
            found = layer.backward(dout), layer.gamma.grad, layer.beta.grad
            for a, b in zip(found, backward, strict=True):
                np.testing.assert_array_equal(a, b)
    cube = seeded(7).normal(size=(2, 4, 3))
    layer = nn.LayerNorm(3)
    assert layer(cube).shape == layer.backward(cube).shape == (2, 4, 3) and layer.gamma.grad.shape == (3,)


def test_running_mean_and_variance(nn):
    for momentum in (0.1, 0.25, 0.0, 1.0):
        layer = nn.BatchNorm1d(2) if momentum == 0.1 else nn.BatchNorm1d(2, momentum=momentum)
        mean, var = np.zeros(2), np.ones(2)
        assert layer.running_mean.tolist() == [0, 0] and layer.running_var.tolist() == [1, 1]
        for n in (5, 2, 9):
            x = 3 + seeded(n).normal(size=(n, 2))
            layer(x)
            mean = (1 - momentum) * mean + momentum * x.mean(axis=0)
            var = (1 - momentum) * var + momentum * x.var(axis=0, ddof=1)
            np.testing.assert_allclose(layer.running_mean, mean, rtol=1e-13)
            np.testing.assert_allclose(layer.running_var, var, rtol=1e-13)
        one = np.array([[1.0, -4.0]])
        assert layer(one).tolist() == [[0, 0]], "a batch of one is its own mean"
        np.testing.assert_allclose(layer.running_mean, (1 - momentum) * mean + momentum * one[0], rtol=1e-13)
        np.testing.assert_allclose(layer.running_var, var, rtol=1e-13, err_msg="it has no variance")
        assert layer.backward([[5.0, 6.0]]).tolist() == [[0, 0]] and layer.beta.grad.tolist() == [5, 6]
        kept = layer.running_mean, layer.running_var
        out = layer.eval()(one)
        expected = (one - kept[0]) / np.sqrt(kept[1] + 1e-5)
        np.testing.assert_allclose(out, expected, rtol=1e-13)
        assert layer.running_mean is kept[0] and layer.running_var is kept[1], "evaluation moves nothing"
        assert layer.eval()(np.ones((0, 2))).shape == (0, 2)


def test_buffers_are_named_saved_and_loaded(nn):
    net, other = deep_net(nn, seed=1), deep_net(nn, seed=2)
    parameters = ["W1", "b1", "gamma2", "beta2", "gamma3", "beta3", "W4", "b4", "W5", "b5"]
    assert [p.name for p in net.parameters()] == parameters
    assert list(net.state_dict()) == [*parameters, "running_mean2", "running_var2"]
    two = nn.Sequential(nn.BatchNorm1d(1), nn.Residual(nn.BatchNorm1d(1)))
    assert " ".join(p.name for p in two.buffers()) == "running_mean1 running_var1 running_mean2 running_var2"
    assert list(nn.BatchNorm1d(1).state_dict()) == ["gamma", "beta", "running_mean", "running_var"]
    other.load_state_dict(before := net.state_dict())
    other(seeded(3).normal(size=(4, 2)))
    unchanged(net, before)
    before["running_mean2"][:] = 9
    assert (net[1].running_mean != 9).all(), "a state is a copy"


def test_deep_networks_keep_float32(nn):
    net = deep_net(nn, dtype=np.float32)
    for mode in (True, False):
        out = net.train(mode)(seeded().normal(size=(5, 2)))
        dx = net.backward(np.ones((5, 3)))
        assert out.dtype == dx.dtype == np.float32
        assert {p.data.dtype for p in [*net.parameters(), *net.buffers()]} == {np.dtype(np.float32)}
        assert {p.grad.dtype for p in net.parameters()} == {np.dtype(np.float32)}
    for layer in (nn.BatchNorm1d(2, dtype="float32"), nn.LayerNorm(2, dtype="float32")):
        for mode in (True, False):
            assert layer.train(mode)([[1, 2], [3, 5]]).dtype == np.float32
            assert layer.backward([[1, 2], [3, 5]]).dtype == layer.gamma.grad.dtype == np.float32
    residual = nn.Residual(nn.Linear(2, 2, rng=seeded(), dtype=np.float32))
    assert residual([[1, 2]]).dtype == residual.backward(np.ones((1, 2))).dtype == np.float32
    widened = nn.Residual(nn.Tanh(), nn.Linear(2, 2, rng=seeded(), dtype=np.float32))
    assert widened([[1, 2]]).dtype == np.float32
    layer = nn.BatchNorm1d(2, dtype=np.float32)
    layer.gamma.live_in(np.ones(2), np.ones(2))  # as a gradient check does
    assert layer(np.ones((3, 2))).dtype == np.float64 and layer.running_var.dtype == np.float32
    assert nn.BatchNorm1d(2).gamma.data.dtype == nn.LayerNorm(2).beta.data.dtype == np.float64
    assert nn.BatchNorm1d(2).running_var.dtype == np.float64


def test_residual_adds_what_went_in(nn):
    x, dout = seeded(1).normal(size=(4, 3)), seeded(2).normal(size=(4, 3))
    inside, alone = (nn.Linear(3, 3, rng=seeded(5)) for _ in range(2))
    layer = nn.Residual(inside, nn.Tanh())
    body = nn.Sequential(alone, nn.Tanh())
    np.testing.assert_allclose(layer(x), x + body(x), rtol=1e-15)
    np.testing.assert_allclose(layer.backward(dout), dout + body.backward(dout), rtol=1e-14)
    np.testing.assert_array_equal(inside.W.grad, alone.W.grad)
    assert layer.parameters() == [inside.W, inside.b] and layer.buffers() == []
    net = nn.Sequential(nn.ReLU(), layer, nn.Sequential(nn.GELU(), nn.Linear(3, 1, rng=seeded())))
    assert [p.name for p in net.parameters()] == ["W1", "b1", "W2", "b2"]
    names = [type(leaf).__name__ for leaf in nn.leaves(net)]
    assert names == ["ReLU", "Linear", "Tanh", "GELU", "Linear"]
    links = [type(link).__name__ for link in nn.leaves(net, into=nn.Sequential)]
    assert links == ["ReLU", "Residual", "GELU", "Linear"]
    wrong = nn.Residual(nn.Linear(3, 1, rng=seeded()))
    refuses(lambda: wrong(x), "layers must keep the shape of x, (4, 3)", "got (4, 1)")
    relu = nn.Residual(nn.ReLU())
    assert relu([[1, -1]]).tolist() == [[2, -1]] and relu.backward([[2, 2]]).tolist() == [[4, 2]]
    refuses(lambda: relu.backward([["a", "b"]]), "dout must hold real numbers")


def test_bad_input_of_deep_networks_is_named(nn):
    for kind in (nn.BatchNorm1d, nn.LayerNorm):
        layer = kind(3)
        inside = nn.Sequential(nn.Linear(2, 2, rng=seeded()), layer)
        for call in (layer, inside):
            refuses(lambda call=call: call(np.ones((4, 2))), "x must have shape (", ", 3), got (4, 2)")
        refuses(lambda la=layer: la([["a"]]), "x must hold real numbers")
        layer(np.ones((4, 3)))
        refuses(lambda la=layer: la.backward(np.ones((4, 1))), "dout must have shape (4, 3), got (4, 1)")
        refuses(lambda la=layer: la.backward([["a"]]), "dout must hold real numbers")
        for features in (0, -1):
            said = f"features must be a whole number, at least 1, got {features}"
            refuses(lambda k=kind, f=features: k(f), said)
        for eps in (0.0, -1.0, float("nan")):
            refuses(lambda k=kind, e=eps: k(3, eps=e), f"eps must be a finite number, above 0, got {eps}")
        refuses(lambda k=kind: k(3, dtype=int), "dtype must be a floating type", "int64")
        kind(1), kind(3, eps=1e-300)
    refuses(lambda: nn.LayerNorm(3)(1.0), "x must have shape (..., 3), got ()")
    refuses(lambda: nn.LayerNorm(3)(np.ones((3, 2))), "x must have shape (..., 3), got (3, 2)")
    refuses(lambda: nn.BatchNorm1d(3)(np.ones(3)), "x must have shape (n, 3)", "(3,)", "x[None, :]")
    layer = nn.BatchNorm1d(3)
    refuses(lambda: layer(np.ones((0, 3))), "x must hold at least one example", "(0, 3)")
    assert layer.running_mean.tolist() == [0, 0, 0]
    for momentum in (-0.1, 1.1, float("nan")):
        want = f"momentum must be a finite number, at least 0, at most 1, got {momentum}"
        refuses(lambda m=momentum: nn.BatchNorm1d(3, momentum=m), want)
    for slope in (-0.1, 1.1, float("nan")):
        said = f"slope must be a finite number, at least 0, at most 1, got {slope}"
        refuses(lambda s=slope: nn.LeakyReLU(s), said)
    for kind in (nn.LeakyReLU, nn.GELU):
        refuses(lambda k=kind: k()([["a"]]), "x must hold real numbers")
        layer = kind()
        layer([[1, -1]])
        assert layer.backward([[2, 0]]).dtype == np.float64
        whole = np.array([[1, -1]])
        layer(whole)
        before = layer.backward([[1, 1]])
        whole[:] = 0  # integers were copied on the way in
        np.testing.assert_array_equal(layer.backward([[1, 1]]), before)
        refuses(lambda la=layer: la.backward([[1.0]]), "dout must have shape (1, 2), got (1, 1)")
    same = [nn.LeakyReLU(0), nn.LeakyReLU(1)]
    assert [layer([[-2.0, 3.0]]).tolist() for layer in same] == [[[0, 3]], [[-2, 3]]]


# --- Saving and loading -------------------------------------------------------------------------------


def test_a_state_goes_through_a_file(nn):
    net, other = deep_net(nn, seed=1).eval(), deep_net(nn, seed=2).eval()
    file = io.BytesIO()
    np.savez(file, **net.state_dict())
    file.seek(0)
    other.load_state_dict(np.load(file))
    x = seeded(3).normal(size=(4, 2))
    np.testing.assert_array_equal(net(x), other(x))


def test_state_is_a_copy_both_ways(nn):
    net = small_net(nn)
    state = net.state_dict()
    state["W1"][:] = 7
    assert (net[0].W.data != 7).all()
    net.load_state_dict(state)
    state["W1"][:] = 8
    assert (net[0].W.data == 7).all()
    net.load_state_dict({name: value.tolist() for name, value in net.state_dict().items()})
    assert (net[0].W.data == 7).all()


def test_a_refused_state_changes_nothing(nn):
    net = deep_net(nn)
    before = net.state_dict()
    new = {name: value + 1 for name, value in before.items()}
    for name, value, said in [
        ("W5", new["W5"].T, "W5 must have shape (3, 4), got (4, 3)"),
        ("b5", 0.0, "b5 must have shape (3,), got ()"),
        ("b5", ["a"] * 3, "b5 must hold real numbers"),
        ("b5", new["b5"] * 1j, "b5 must hold real numbers"),
        ("running_var2", [1.0], "running_var2 must have shape (4,)"),
        ("W3", new["W5"], f"state must hold exactly {sorted(before)}, got {sorted([*before, 'W3'])}"),
    ]:
        refuses(lambda name=name, value=value: net.load_state_dict({**new, name: value}), said)
    for name in ("b1", "running_mean2"):
        less = {key: value for key, value in new.items() if key != name}
        refuses(lambda less=less: net.load_state_dict(less), f"state must hold exactly {sorted(before)}, got")
    unchanged(net, before)


def unchanged(net, before):
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_what_is_printed():
    from bphelpers import nn

    net = nn.Sequential(nn.Linear(2, 3, rng=seeded()), nn.ReLU(), nn.Dropout(0.2, rng=seeded()))
    assert repr(net) == "Sequential(\n  Linear(2, 3),\n  ReLU(),\n  Dropout(0.2),\n)"
    assert repr(nn.Linear(2, 3, rng=seeded(), bias=False)) == "Linear(2, 3, bias=False)"
    deep = nn.Sequential(nn.BatchNorm1d(3), nn.Residual(nn.LayerNorm(3), nn.GELU()), nn.LeakyReLU(0.2))
    inner = "Residual(LayerNorm(3), GELU())"
    assert repr(deep) == f"Sequential(\n  BatchNorm1d(3),\n  {inner},\n  LeakyReLU(0.2),\n)"
    assert repr(net[0].W) == "Parameter W1, shape (3, 2)" and repr(nn.MSELoss()) == "MSELoss()"


def test_a_batch_that_is_not_finite_leaves_the_running_values_alone(nn):
    layer = nn.BatchNorm1d(2)
    layer([[1.0, 2.0], [3.0, 5.0]])
    before = layer.running_mean.copy(), layer.running_var.copy()
    bad = [[[np.nan, 2.0], [3.0, 5.0]], [[np.inf, 2.0], [3.0, 5.0]], [[3.0, 2.0], [3.0, -np.inf]]]
    bad += [[[1e200, 2.0], [-1e200, 5.0]]]  # the variance overflows
    with np.errstate(invalid="ignore"):
        for batch in bad:
            layer(batch)
    np.testing.assert_array_equal(layer.running_mean, before[0])
    np.testing.assert_array_equal(layer.running_var, before[1])
    layer([[4.0, 2.0], [4.0, 2.0]])  # a variance of 0 is finite
    np.testing.assert_allclose(layer.running_mean, 0.9 * before[0] + [0.4, 0.2])


def test_a_feature_that_never_varied(nn):
    layer = nn.BatchNorm1d(1, momentum=1.0, eps=0.25)
    layer([[3.0], [3.0]])
    assert layer.running_var.tolist() == [0] and layer.eval()([[4.0]]).tolist() == [[2.0]]


def test_walking_into_plain_networks_only(nn):
    class Own(nn.Sequential):
        pass

    deep = nn.Sequential(nn.Sequential(nn.Sequential(nn.ReLU()), nn.Tanh()), Own(nn.ReLU()), nn.Sequential())
    assert [type(link) for link in nn.leaves(deep, into=nn.Sequential)] == [nn.ReLU, nn.Tanh, Own]
    assert [type(link) for link in nn.leaves(deep)] == [nn.ReLU, nn.Tanh, nn.ReLU]
    assert list(nn.leaves(deep[1], into=nn.Sequential)) == [deep[1]]


# --- One array ----------------------------------------------------------------------------------------


def lies_in(net, p):
    parts = p.data, p.grad  # as they are now: to ask for flat lays them out
    return np.shares_memory(parts[0], net.flat.data) and np.shares_memory(parts[1], net.flat.grad)


def lies(p, home):
    return np.shares_memory(p.data, home.data) and np.shares_memory(p.grad, home.grad)


def test_all_parameters_lie_in_one_array_from_birth(nn):
    net = deep_net(nn)
    held = [p.data for p in net.parameters()]
    rows = [p.data.ravel() for p in net.parameters()]
    np.testing.assert_array_equal(net.flat.data, np.concatenate(rows))
    assert all(lies_in(net, p) for p in net.parameters())
    net.flat.data[:] = 7
    assert all((array == 7).all() for array in held), "what was held stays theirs"
    assert np.isnan(net.flat.grad).all()
    assert nn.Sequential(nn.ReLU()).flat.data.size == 0
    kinds = nn.Sequential(*(nn.Linear(1, 1, rng=seeded(), dtype=dtype) for dtype in ("float32", "float64")))
    refuses(lambda: kinds.flat, "flat must have parameters that fit into one array, got float32 and float64")
    assert copy.deepcopy(kinds)(np.ones((1, 1))) == kinds(np.ones((1, 1)))
    tied = nn.Sequential(*(nn.Linear(2, 2, rng=seeded()) for _ in range(2)))
    tied[1].W = tied[0].W
    refuses(lambda: tied.flat, "got one of them twice")


def test_what_is_put_into_a_parameter_is_copied_in(nn):
    net, values = small_net(nn), np.ones((3, 2))
    W, place = net[0].W, net[0].W.data
    values = np.full_like(W.data, 2.0)
    W.data, W.grad = values, values
    values[:] = 5
    assert W.data is place and (W.data == 2).all() and (W.grad == 2).all() and lies_in(net, W)
    W.data -= 1
    assert W.data is place and (W.data == 1).all()
    for attribute in ("data", "grad"):
        said = f"W1.{attribute} must have shape {W.data.shape}, got (3,)"
        refuses(lambda a=attribute: setattr(W, a, np.ones(3)), said)
        refuses(lambda a=attribute: setattr(W, a, "x"), f"W1.{attribute} must hold real numbers")
    assert (W.data == 1).all()
    given = np.ones(2)
    assert not np.shares_memory(nn.Parameter(given, "w").data, given)


def test_layers_that_two_networks_share(nn):
    """The larger has them from birth; who asks for flat has them from then on, with the values of now."""
    net = small_net(nn)
    part = nn.Sequential(*net.layers[:2])
    assert all(lies_in(net, p) for p in net.parameters())
    larger = nn.Sequential(net, nn.Linear(4, 1, rng=seeded()))
    net[0].W.data[:] = 3
    for owner in (larger, net, part, net, larger):
        flat = owner.flat
        assert flat is owner.flat and all(lies_in(owner, p) for p in owner.parameters())
        assert (net[0].W.data == 3).all() and flat.data.size == sum(p.data.size for p in owner.parameters())


def check_twin(net, twin):
    before = net.flat.data.copy()
    np.testing.assert_array_equal(twin.flat.data, before)
    assert all(lies_in(twin, p) for p in twin.parameters()) and (twin.flat.grad == 1).all()
    twin.flat.data += 1
    np.testing.assert_array_equal(net.flat.data, before)
    np.testing.assert_array_equal(twin.parameters()[0].data, net.parameters()[0].data + 1)


def test_a_pickled_network_has_an_array_of_its_own():
    net = deep_net(importlib.import_module("bphelpers.nn"))
    net.flat.grad[:] = 1
    check_twin(net, pickle.loads(pickle.dumps(net)))


def test_a_copy_has_an_array_of_its_own(nn):
    net = deep_net(nn)
    net.flat.grad[:] = 1
    check_twin(net, copy.deepcopy(net))
    lone = copy.deepcopy(net.parameters())
    lone[0].data += 1
    assert (lone[0].data == net.parameters()[0].data + 1).all() and lone[0].home is None


def test_names_that_stand_twice_are_refused_and_not_lost(nn):
    net = small_net(nn)
    nn.Sequential(net[2])  # has named W2 anew: W1
    for call in (net.state_dict, lambda: net.load_state_dict({})):
        refuses(call, "parameters must have different names, got ['W1', 'b1', 'W1', 'b1']")


def test_an_activation_of_one_s_own(nn):
    """The array that its backward names is the one that is kept, in whatever order shapes are told."""

    class Softplus(nn.Activation):
        pair = (lambda z: np.log1p(np.exp(z)), lambda dout, z: dout / (1 + np.exp(-z)))

    layer = Softplus()
    layer(np.zeros((1, 1)))
    assert layer.backward(np.ones((1, 1))).tolist() == [[0.5]]


def test_a_loss_of_one_s_own(nn):
    class Excess(nn.Loss):
        pair = (lambda y_hat, y: float(y_hat.sum() - y.sum()), lambda y_hat, y: np.ones_like(y_hat))

    loss = Excess()
    assert loss([[1.0]], [[3.0]]) == -2.0 and loss.backward().tolist() == [[1.0]]


def test_a_part_that_went_away_and_came_home(nn):
    """Whose parts are all here is known without a look at each."""
    net = small_net(nn)
    p, other = net.parameters()[:2]
    home, data, grad = p.home, p.data, p.grad
    for part, count in ((net, 4), (copy.deepcopy(net), 4)):
        assert part.parameters()[0].home.present == count
    p.live_in(np.empty_like(data), np.empty_like(grad))
    assert home.present == 3 and not lies(p, home)
    p.live_in(data, grad, home)
    assert home.present == 4 and lies(p, home)
    other.live_in(np.empty_like(other.data), np.empty_like(other.grad))
    assert all(lies_in(net, p) for p in net.parameters()) and home.present == 4


def test_the_later_of_two_networks_of_the_same_layers_has_them(nn):
    net = small_net(nn)
    first = net[0].W.home
    again = nn.Sequential(*net.layers)
    assert net[0].W.home is not first and again.flat is net[0].W.home


def test_a_large_exponential_is_no_warning(nn):
    loss = nn.BCEWithLogitsLoss()
    with np.errstate(over="raise"):
        assert nn.Sigmoid()([[-1e4]]).tolist() == [[0.0]]
        loss([[-1e4]], [[0.0]])
        assert loss.backward().tolist() == [[0.0]]


def test_a_loss_can_be_copied_whatever_it_was_given(nn):
    for loss, y in ((nn.MSELoss(), [[3.0]]), (nn.BCEWithLogitsLoss(), [[1]]), (nn.CrossEntropyLoss(), [0])):
        loss.forward([[1.0]], y)
        np.testing.assert_array_equal(copy.deepcopy(loss).backward(), loss.backward())


@pytest.mark.parametrize("kind", ["Sigmoid", "Tanh", "ReLU", "LeakyReLU", "GELU"])
def test_a_gradient_that_would_be_stretched_is_refused(nn, kind):
    layer = getattr(nn, kind)()
    layer(np.ones((2, 3)))
    for shape in ((1, 3), (2, 1), (3,), ()):
        refuses(lambda s=shape: layer.backward(np.ones(s)), f"dout must have shape (2, 3), got {shape}")


def test_a_layer_put_in_later_is_asked_for_as_well(nn):
    net = small_net(nn)
    new = nn.Linear(2, 3, rng=seeded(8))
    net.layers[0] = new
    assert net.flat.data.size == sum(p.data.size for p in net.parameters())
    assert all(lies_in(net, p) for p in net.parameters())


def test_nobody_asks_the_first_layer(nn):
    net, x, dout = small_net(nn), seeded(1).normal(size=(5, 2)), seeded(2).normal(size=(5, 4))
    net(x)
    net.backward(dout)
    right = net.flat.grad.copy()
    net[0].asked = False
    net.flat.grad[:] = np.nan
    net.backward(dout)
    np.testing.assert_array_equal(net.flat.grad, right)


def test_inside_a_network_nothing_is_looked_at_again(nn):
    net, loss, x, y = small_net(nn), nn.MSELoss(), seeded(1).normal(size=(5, 2)), np.ones((5, 4))
    more = nn.Sequential(nn.LayerNorm(4), nn.Dropout(0.5, rng=seeded()), nn.BatchNorm1d(4))
    out = more(y)
    for room in (nn.modules, arguments):
        with mock.patch.object(room, "shaped", side_effect=AssertionError):
            loss.forward(net.forward(x), y)
            net.backward(loss.backward())
            more.backward(out)


def test_dropout_s_backward_belongs_to_the_latest_forward(nn):
    layer, x = nn.Dropout(0.5, rng=seeded()), np.ones((4, 5))
    out = layer(x)
    np.testing.assert_array_equal(layer.eval().backward(x), out)
    layer(x)
    np.testing.assert_array_equal(layer.train().backward(x), x)


def test_a_layer_with_buffers_only_is_counted(nn):
    class Counter(nn.Module):
        def __init__(self):
            self.seen = nn.Parameter(np.zeros(1), "seen")

        def buffers(self):
            return [self.seen]

    net = nn.Sequential(Counter(), nn.Linear(1, 1, rng=seeded()), Counter())
    assert list(net.state_dict()) == ["W2", "b2", "seen1", "seen3"]
