"""Layers and losses with memory, against ``functional``, autograd, differences and their own promises.

A test that takes only ``nn`` is also run on broken copies of the module (test_mutants.py).
"""

import importlib
import itertools
import tempfile
from pathlib import Path

import autograd.numpy as anp
import numpy as np
import oracles
import pytest
from autograd import grad as autograd_gradient
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import refuses

import bphelpers.functional as F


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

ACTIVATIONS = {
    "Sigmoid": lambda z: 1 / (1 + anp.exp(-z)),
    "Tanh": anp.tanh,
    "ReLU": lambda z: z * (z > 0),
}
LOSSES = {
    "MSELoss": lambda out, y: anp.sum((out - y) ** 2) / len(y),
    "BCEWithLogitsLoss": lambda out, y: anp.sum(anp.log(1 + anp.exp(out)) - y * out) / len(y),
    "CrossEntropyLoss": lambda out, y: (
        anp.sum(anp.log(anp.sum(anp.exp(out), axis=1)) - anp.sum(out * np.eye(out.shape[1])[y], axis=1))
        / len(y)
    ),
}


def targets(rng, loss, n, k):
    if loss == "MSELoss":
        return rng.normal(size=(n, k))
    return rng.integers(0, k, size=n) if loss == "CrossEntropyLoss" else rng.integers(0, 2, size=(n, k))


def compare_network(nn, activation, loss, n, sizes, seed):
    """All gradients of a network against autograd, through formulas written here, and against differences."""
    rng = seeded(seed)
    layers = []
    for d_in, d_out in itertools.pairwise(sizes):
        layers += [nn.Linear(d_in, d_out, rng=rng), getattr(nn, activation)()]
    net, criterion = nn.Sequential(*layers[:-1]), getattr(nn, loss)()
    for p in net.parameters():
        p.data += rng.normal(size=p.data.shape) * 0.5  # biases that are not 0
    X, y = rng.normal(size=(n, sizes[0])), targets(rng, loss, n, sizes[-1])

    def reference(values):
        out, number = values["X"], 1
        for layer in net.layers:
            if isinstance(layer, nn.Linear):
                out = anp.dot(out, values[f"W{number}"].T) + values[f"b{number}"]
                number += 1
            else:
                out = ACTIVATIONS[activation](out)
        return LOSSES[loss](out, y)

    values = {"X": X, **net.state_dict()}
    assert criterion(net(X), y) == pytest.approx(reference(values), rel=1e-10)
    dX = net.backward(criterion.backward())
    expected = autograd_gradient(reference)(values)
    np.testing.assert_allclose(dX, expected["X"], rtol=1e-7, atol=1e-9)
    for p in net.parameters():
        np.testing.assert_allclose(p.grad, expected[p.name], rtol=1e-7, atol=1e-9, err_msg=p.name)
    return net, criterion, X, y


def compare_with_differences(net, criterion, X, y):
    """The module's own loss, each parameter wobbled in place."""
    for p in net.parameters():
        found, start = p.grad, p.data

        def loss_at(value, p=p):
            p.data = value
            return criterion(net(X), y)

        slope = oracles.centred_differences(loss_at, start.copy())
        p.data = start
        np.testing.assert_allclose(found, slope, rtol=1e-5, atol=1e-7, err_msg=p.name)


def test_networks_against_autograd(nn):
    for activation in ACTIVATIONS:
        for loss in LOSSES:
            compare_network(nn, activation, loss, 3, [2, 4, 5, 3], seed=1)


def test_one_layer_and_a_batch_of_one(nn):
    for loss in LOSSES:
        compare_with_differences(*compare_network(nn, "Tanh", loss, 1, [3, 2], seed=2))


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
    st.sampled_from(sorted(LOSSES)),
    st.integers(1, 5),
    st.lists(st.integers(1, 5), min_size=2, max_size=5),
    st.integers(0, 1000),
)
def test_networks_of_any_shape(activation, loss, n, sizes, seed):
    compare_network(importlib.import_module("bphelpers.nn"), activation, loss, n, sizes, seed)


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
    for name, kept in [("sigmoid", "output"), ("tanh", "output"), ("relu", "input")]:
        layer = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}[name]()
        out = layer(x)
        np.testing.assert_array_equal(out, getattr(F, name)(x))
        expected = getattr(F, f"{name}_backward")(dout, out if kept == "output" else x)
        np.testing.assert_array_equal(layer.backward(dout), expected)
        assert layer.parameters() == []


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
    assert [type(leaf).__name__ for leaf in net.leaves()] == ["Linear", "Sigmoid", "Linear", "ReLU", "Linear"]
    assert net.layers == [net[0], net[1], inner, net[3]], "a list, as it was given"
    assert net[-1] is net.layers[3] and len(net) == 4
    assert [p.name for p in nn.Linear(1, 1, rng=rng).parameters()] == ["W", "b"]
    many = nn.Sequential(*[nn.Linear(1, 1, rng=rng) for _ in range(12)])
    assert [p.name for p in many.parameters()][-2:] == ["W12", "b12"]
    again = nn.Sequential(*many.layers[9:])
    assert [p.name for p in again.parameters()] == ["W1", "b1", "W2", "b2", "W3", "b3"]


def test_backward_overwrites_gradients(nn):
    net = small_net(nn)
    assert all(p.grad is None for p in net.parameters())
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
    for middle in (nn.Sigmoid(), nn.Tanh(), nn.ReLU(), nn.Dropout(0.5, rng=rng)):
        net = nn.Sequential(nn.Linear(2, 3, rng=rng), middle, nn.Linear(3, 4, rng=rng))
        net(fixed["x"])
        net.backward(fixed["dout"])


def test_backward_before_forward_is_an_error_with_a_name(nn):
    rng = seeded()
    for layer in (nn.Linear(2, 2, rng=rng), nn.Sigmoid(), nn.Tanh(), nn.ReLU(), nn.Dropout(0.5, rng=rng)):
        name = type(layer).__name__
        raises(
            RuntimeError, lambda la=layer: la.backward(np.ones((1, 2))), f"{name}.backward needs a forward"
        )
    for loss in (nn.MSELoss(), nn.BCEWithLogitsLoss(), nn.CrossEntropyLoss()):
        raises(RuntimeError, loss.backward, f"{type(loss).__name__}.backward needs a forward pass first")
    raises(RuntimeError, lambda: small_net(nn).backward(np.ones((1, 4))), "Linear.backward")


def test_bare_modules_promise_nothing(nn):
    assert nn.Module().parameters() == [] and nn.Module().training is True
    raises(NotImplementedError, lambda: nn.Module()([[1.0]]))
    raises(NotImplementedError, lambda: nn.Module().backward([[1.0]]))
    raises(NotImplementedError, lambda: nn.Loss()([[1.0]], [[1.0]]))


def test_a_layer_stands_in_a_network_once(nn):
    layer, act = nn.Linear(2, 2, rng=seeded()), nn.Tanh()
    refuses(lambda: nn.Sequential(layer, nn.Tanh(), layer), "each layer may stand in a network once")
    refuses(lambda: nn.Sequential(nn.Sequential(act), act), "each layer may stand in a network once")
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
    layer = nn.Dropout(0.5, rng=seeded())
    assert layer.eval() is layer and layer.training is False
    assert layer.train() is layer and layer.training is True


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
        refuses(lambda p=p: nn.Dropout(p, rng=seeded()), "p must be a probability", f"got {p}")
    refuses(lambda: nn.Dropout(0.5, rng=42), "rng must be a generator", "got 42")
    np.testing.assert_array_equal(nn.Dropout(0.0, rng=seeded())(x), x)


def test_float32_all_the_way(nn):
    from bphelpers.optim import SGD

    rng = seeded()
    losses = [
        (nn.MSELoss(), np.ones((5, 3))),
        (nn.BCEWithLogitsLoss(), np.ones((5, 3))),
        (nn.CrossEntropyLoss(), [0] * 5),
    ]
    for loss, y in losses:
        net = nn.Sequential(
            nn.Linear(2, 4, rng=rng, dtype=np.float32),
            nn.Sigmoid(),
            nn.Tanh(),
            nn.ReLU(),
            nn.Dropout(0.1, rng=rng),
            nn.Linear(4, 3, rng=rng, dtype="float32", bias=False),
        )
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
    assert isinstance(dx, np.ndarray) and dx.shape == (2, 2) and net[0].W.grad.dtype == np.float64
    empty = nn.Sequential()
    assert isinstance(empty([[1.0]]), np.ndarray) and isinstance(empty.backward([[1.0]]), np.ndarray)
    relu = nn.ReLU()
    relu([[1, -1]])
    assert relu.backward([[2, 2]]).tolist() == [[2.0, 0.0]]
    parameter = nn.Parameter([1, 2], "w")
    assert parameter.data.dtype == np.float64 and parameter.name == "w" and parameter.grad is None


def test_bad_input_is_named(nn):
    rng = seeded()
    layer = nn.Linear(2, 3, rng=rng)
    refuses(lambda: layer(np.ones(2)), "x must have shape (n, d)", "(2,)")
    refuses(lambda: layer(np.ones((4, 3))), "W must have shape (d_out, 3)", "(3, 2)")
    refuses(lambda: layer([["1", "2"]]), "x must hold real numbers")
    refuses(lambda: layer([[None, 2]]), "x must hold real numbers")
    refuses(lambda: layer(np.ones((4, 2)) * 1j), "x must hold real numbers")
    layer(np.ones((4, 2)))
    refuses(lambda: layer.backward(np.ones((4, 2))), "dout must have shape (4, 3)", "(4, 2)")
    refuses(lambda: layer.backward(np.ones((4, 3)) * 1j), "dout must hold real numbers")
    for sizes in [(0, 3), (3, 0), (-1, 3)]:
        want = f"in_features and out_features must be positive, got {sizes[0]} and {sizes[1]}"
        refuses(lambda s=sizes: nn.Linear(*s, rng=rng), want)
    refuses(lambda: nn.Linear(1, 1, rng=7), "rng must be a generator", "got 7")
    refuses(lambda: nn.Linear(1, 1, rng=rng, init="zero"), "init must be one of ['he', 'xavier']", "'zero'")
    refuses(lambda: nn.Linear(1, 1, rng=rng, dtype=int), "dtype must be a floating type", "int64")
    refuses(lambda: nn.Linear(2, 3, rng=rng, init=lambda o, i, r: np.ones((i, o))), "(3, 2), got (2, 3)")
    refuses(lambda: nn.ReLU()([["a"]]), "x must hold real numbers")
    dropout = nn.Dropout(0.5, rng=rng)
    dropout(np.ones((4, 2)))
    refuses(lambda: dropout.backward(np.ones((4, 1))), "dout must have the shape of mask, (4, 2), got (4, 1)")
    refuses(lambda: nn.MSELoss()(np.ones((4, 2)), np.ones((4, 1))), "shape of y_hat, (4, 2), got (4, 1)")
    refuses(lambda: nn.Parameter(["a"], "w"), "data must hold real numbers")


def test_initial_weights(nn):
    wide = nn.Linear(300, 100, rng=seeded(1)).W.data
    bound = np.sqrt(6 / 400)
    assert wide.shape == (100, 300) and np.abs(wide).max() <= bound
    assert wide.min() < -0.99 * bound and wide.max() > 0.99 * bound
    assert abs(wide.mean()) < 5 * bound / np.sqrt(3 * wide.size)
    he = nn.Linear(300, 100, rng=seeded(1), init="he").W.data
    assert he.std() == pytest.approx(np.sqrt(2 / 300), rel=0.02) and abs(he.mean()) < 5 * he.std() / 173
    # Which weights a seed gives is part of the promise: every stored output of the lessons rests on it.
    np.testing.assert_array_equal(wide, seeded(1).uniform(-bound, bound, size=(100, 300)))
    np.testing.assert_array_equal(he, seeded(1).normal(0, np.sqrt(2 / 300), size=(100, 300)))
    assert (nn.Linear(2, 3, rng=seeded(1)).b.data == 0).all()
    mine = np.arange(6.0).reshape(3, 2)
    layer = nn.Linear(2, 3, rng=seeded(), init=lambda d_out, d_in, rng: mine)
    layer.W.data[0, 0] = 99
    assert mine[0, 0] == 0, "the layer must not share the array that init returned"


# --- Saving and loading -------------------------------------------------------------------------------


def test_save_and_load(nn):
    net, other = small_net(nn, seed=1), small_net(nn, seed=2)
    x = seeded(3).normal(size=(4, 2))
    assert (net(x) != other(x)).any()
    with tempfile.TemporaryDirectory() as folder:
        for path in (Path(folder) / "weights.npz", str(Path(folder) / "no_suffix")):
            net.save(path)
            assert Path(path).exists(), "the file is named as asked"
            with np.load(path, allow_pickle=False) as archive:
                assert sorted(archive.files) == ["W1", "W2", "b1", "b2"]
            other.load(path)
            np.testing.assert_array_equal(net(x), other(x))
            for p in other.parameters():
                p.data += 1
        assert (net(x) != other(x)).any(), "nothing is shared after loading"


def test_pickled_archives_are_refused(nn):
    net = small_net(nn)
    before = net.state_dict()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bad.npz"
        np.savez(path, **{**before, "W1": np.array([{}], dtype=object)})
        with pytest.raises(ValueError, match="allow_pickle"):
            net.load(path)
    unchanged(net, before)


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
    net = small_net(nn)
    before = net.state_dict()
    new = {name: value + 1 for name, value in before.items()}
    refuses(lambda: net.load_state_dict({**new, "W2": new["W2"].T}), "W2 must have shape (4, 3), got (3, 4)")
    refuses(lambda: net.load_state_dict({**new, "b2": 0.0}), "b2 must have shape (4,), got ()")
    refuses(lambda: net.load_state_dict({**new, "b2": ["a"] * 4}), "b2 must hold real numbers")
    refuses(lambda: net.load_state_dict({**new, "b2": new["b2"] * 1j}), "b2 must hold real numbers")
    refuses(
        lambda: net.load_state_dict({**new, "W3": new["W2"]}), "exactly ['W1', 'W2', 'b1', 'b2'], got", "W3"
    )
    del new["b1"]
    refuses(lambda: net.load_state_dict(new), "state must hold exactly", "got ['W1', 'W2', 'b2']")
    unchanged(net, before)


def unchanged(net, before):
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_what_is_printed():
    from bphelpers import nn

    net = nn.Sequential(nn.Linear(2, 3, rng=seeded()), nn.ReLU(), nn.Dropout(0.2, rng=seeded()))
    assert repr(net) == "Sequential(\n  Linear(2, 3),\n  ReLU(),\n  Dropout(0.2),\n)"
    assert repr(nn.Linear(2, 3, rng=seeded(), bias=False)) == "Linear(2, 3, bias=False)"
    assert repr(net[0].W) == "Parameter W1, shape (3, 2)" and repr(nn.MSELoss()) == "MSELoss()"
