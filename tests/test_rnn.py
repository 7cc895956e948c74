"""The recurrent layer: against centred differences, plain steps and PyTorch, in chunks, and its mistakes.

What PyTorch computes is stored in ``torch_rnn.json``; ``python tests/test_rnn.py`` writes it anew, with
PyTorch.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from gradient_tools import named, wrong_in

from bphelpers import functional as F
from bphelpers import nn, optim, training
from bphelpers.teaching.gradcheck import check_network, check_op
from bphelpers.teaching.gradcheck.mistakes import mistakes_in

STORE = Path(__file__).with_name("torch_rnn.json")
N, T, D, M = 4, 6, 2, 5


def sines(*shape):
    """Numbers for any shape, without a generator."""
    return np.sin(np.arange(1, np.prod(shape) + 1) ** 1.5).reshape(shape)


WEIGHTS = {"Wx": sines(M, D), "Wh": 0.5 * sines(M, M + 1)[:, 1:], "b": 0.3 * sines(M)}
X, H0, DOUT = 2 * sines(N, T, D), sines(N, M), np.cos(np.arange(N * T * M)).reshape(N, T, M)


def made():
    layer = nn.RNN(D, M, rng=np.random.default_rng(0))
    layer.load_state_dict(WEIGHTS)
    return layer


@pytest.fixture
def layer():
    return made()


def network(**options):
    rng = np.random.default_rng(1)
    return nn.Sequential(
        nn.RNN(D, 3, rng=rng, **options),
        nn.RNN(3, M, rng=rng, **options),
        nn.Flatten(),
        nn.Linear(T * M, 1, rng=rng, **options),
    )


# ---------------------------------------------------------------- the layer


@pytest.mark.parametrize("began", [False, True])
def test_two_layers_agree_with_centred_differences(began):
    net = network()
    if began:
        net[0].h0, net[1].h0 = H0[:, :3], H0
    report = check_network(net, nn.MSELoss(), X, sines(N, 1))
    assert report.ok and [check.name for check in report.arrays][:6] == [
        "Wx1",
        "Wh1",
        "b1",
        "Wx2",
        "Wh2",
        "b2",
    ]


def test_what_goes_back_to_the_layer_below(layer):
    layer.h0 = H0
    layer(X)
    dx = layer.backward(DOUT)
    for index in np.ndindex(X.shape):
        step = np.zeros_like(X)
        step[index] = 1e-5
        slope = np.sum(DOUT * (layer(X + step) - layer(X - step))) / 2e-5
        assert dx[index] == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_it_is_a_network_of_layers_with_equal_weights(layer):
    """T linear layers with a tanh; the gradients of the copies add up."""
    h, dW, db = np.zeros((N, M)), 0.0, 0.0
    tied = np.hstack([WEIGHTS["Wx"], WEIGHTS["Wh"]])
    kept = []
    for t in range(T):
        row = np.hstack([X[:, t], h])
        h = F.tanh(F.linear(row, tied, WEIGHTS["b"]))
        kept.append((row, h))
    np.testing.assert_allclose(layer(X)[:, -1], h, rtol=1e-13)
    dout = np.zeros_like(DOUT)
    dout[:, -1] = DOUT[:, -1]
    layer.backward(dout)
    dh = DOUT[:, -1]
    for row, h in reversed(kept):
        drow, own, bias = F.linear_backward(F.tanh_backward(dh, h), row, tied)
        dh, dW, db = drow[:, D:], dW + own, db + bias
    np.testing.assert_allclose(np.hstack([layer.Wx.grad, layer.Wh.grad]), dW, rtol=1e-12)
    np.testing.assert_allclose(layer.b.grad, db, rtol=1e-12)


@pytest.mark.parametrize("cut", range(1, T))
def test_a_state_that_is_carried_on_makes_the_chunks_one_sequence(layer, cut):
    whole = layer(X)
    first = layer(X[:, :cut])
    layer.h0 = layer.last
    np.testing.assert_allclose(np.hstack([first, layer(X[:, cut:])]), whole, rtol=1e-13)
    np.testing.assert_array_equal(layer.last, whole[:, -1])
    layer.h0 = None
    np.testing.assert_array_equal(layer(X), whole)


def test_the_first_state_stays_until_it_is_set_anew(layer):
    from_zeros = layer(X)
    layer.h0 = H0
    first = layer(X)
    assert (first[:, 0] != from_zeros[:, 0]).all()
    np.testing.assert_array_equal(layer.eval()(X), first)
    layer.h0 = None
    np.testing.assert_array_equal(layer.train()(X), from_zeros)


def test_the_last_state_is_a_copy_and_needs_a_forward_pass(layer):
    with pytest.raises(RuntimeError, match=r"RNN\.backward needs a forward pass first"):
        _ = layer.last
    with pytest.raises(RuntimeError, match=r"RNN\.backward needs a forward pass first"):
        layer.backward(DOUT)
    layer.h0 = H0
    out = layer(X)
    layer.last[:] = 7
    assert np.abs(out).max() < 1
    layer(X[:, :0])
    layer.last[:] = 7
    np.testing.assert_array_equal(layer.last, H0)


def test_what_a_layer_is_given_alone(layer):
    whole = layer(X)
    np.testing.assert_array_equal(layer.last, whole[:, -1])
    np.testing.assert_array_equal(layer.forward(X.tolist()), whole)
    for wrong in (X[0], X[:, :, :1], np.ones((1, 2, 3, 4))):
        with pytest.raises(ValueError, match="x must have shape"):
            layer.forward(wrong)
    narrow = nn.RNN(D, M, rng=np.random.default_rng(0), dtype=np.float32)
    assert narrow.forward(X).dtype == np.float32
    smallest = nn.RNN(1, 1, rng=np.random.default_rng(0))
    assert smallest(np.ones((1, 1, 1))).shape == (1, 1, 1)
    layer.h0 = H0[:, :1]
    with pytest.raises(ValueError, match=r"h0 must have shape \(4, 5\), got \(4, 1\), beside x of shape"):
        layer(X)


def test_float32_stays():
    net = network(dtype=np.float32)
    net[0].h0 = np.zeros((N, 3))
    out = net(X)
    assert out.dtype == net.backward(np.ones((N, 1))).dtype == net.flat.grad.dtype == np.float32
    assert net[1].last.dtype == np.float32
    net.flat.data = network().flat.data
    np.testing.assert_allclose(net(X), network()(X), rtol=1e-5)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X[0], r"x must have shape \(n, t, 2\), got \(6, 2\)"),
        (X[:, :, :1], r"x must have shape \(n, t, 2\), got \(4, 6, 1\)"),
        ([["a"]], "x must hold real numbers"),
    ],
)
def test_input_that_does_not_fit(layer, x, message):
    for call in (layer, layer.forward):
        with pytest.raises(ValueError, match=message):
            call(x)


def test_other_arguments_that_do_not_fit(layer):
    layer.h0 = H0[:3]
    with pytest.raises(
        ValueError, match=r"h0 must have shape \(4, 5\), got \(3, 5\), beside x of shape \(4, 6, 2\)"
    ):
        layer(X)
    layer.h0 = None
    layer(X)
    with pytest.raises(ValueError, match=r"dout must have shape \(4, 6, 5\), got \(4, 5\)"):
        layer.backward(DOUT[:, 0])
    rng = np.random.default_rng(0)
    for sizes in (0, 3), (3, 0), (3, 2.0):
        with pytest.raises(ValueError, match="must be a whole number, at least 1"):
            nn.RNN(*sizes, rng=rng)
    assert repr(layer) == "RNN(2, 5)"


def test_it_trains_with_fit_also_by_a_backward_of_ones_own():
    def stepwise(dout, x, h0, h, Wx, Wh):
        return F.rnn_backward(dout, x, h0, h, Wx, Wh)

    for gradient in (F.rnn_backward.plain, stepwise):
        net = network()
        net[0].gradient = gradient
        data, rule = (X, sines(N, 1)), optim.Adam(0.02)
        history = training.fit(net, nn.MSELoss(), rule, data, 100, N, np.random.default_rng(0))
        assert history.loss[-1] < 0.01 * history.loss[0]


# ---------------------------------------------------------------- its mistakes


def backward_with(way):
    def wrong(dout, x, h0, h, Wx, Wh):
        names = "x", "h0", "Wx", "Wh", "b"
        right = dict(zip(names, F.rnn_backward(dout, x, h0, h, Wx, Wh), strict=True))
        return tuple((right | way(dout, x, h0, Wx, Wh, np.zeros(len(Wh)), h)).values())

    return wrong


WAYS = [pytest.param(row.name, way, id=row.name) for row in mistakes_in("rnn") for way in row.ways("rnn")]


@pytest.mark.parametrize(("mistake", "way"), WAYS)
def test_each_mistake_is_named_in_the_operation_and_in_a_network(mistake, way):
    wrong = backward_with(way)
    report = check_op("rnn", wrong, X, H0, *WEIGHTS.values())
    assert named(report) == {mistake} and not report.ok
    net = network()
    net[0].h0 = H0[:, :3]
    net[0].gradient = wrong
    report = check_network(net, nn.MSELoss(), X, sines(N, 1))
    assert named(report) == {mistake} and set(wrong_in(report)) <= {"Wx1", "Wh1", "b1"}
    assert "n layer 1, rnn" in str(report)


# ---------------------------------------------------------------- PyTorch's numbers


def our_numbers():
    layer = nn.RNN(D, M, rng=np.random.default_rng(0))
    layer.load_state_dict(WEIGHTS)
    layer.h0 = H0
    h = layer(X)
    dx = layer.backward(DOUT)
    return [array.ravel().tolist() for array in (h, dx, *(p.grad for p in layer.parameters()))]


def pytorchs_numbers():
    import torch

    layer = torch.nn.RNN(D, M, batch_first=True).double()
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.tensor(WEIGHTS["Wx"]))
        layer.weight_hh_l0.copy_(torch.tensor(WEIGHTS["Wh"]))
        layer.bias_ih_l0.copy_(torch.tensor(WEIGHTS["b"] - 0.25))
        layer.bias_hh_l0.fill_(0.25)
    x = torch.tensor(X, requires_grad=True)
    h, _ = layer(x, torch.tensor(H0)[None])
    h.backward(torch.tensor(DOUT))
    found = h.detach(), x.grad, layer.weight_ih_l0.grad, layer.weight_hh_l0.grad, layer.bias_ih_l0.grad
    return [array.numpy().ravel().tolist() for array in found]


def test_same_numbers_as_pytorch_gave():
    stored = json.loads(STORE.read_text(encoding="utf-8"))
    assert stored["from"].startswith("PyTorch ")
    for ours, theirs in zip(our_numbers(), stored["numbers"], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.torch
def test_stored_numbers_are_pytorchs():
    stored = json.loads(STORE.read_text(encoding="utf-8"))
    for now, then in zip(pytorchs_numbers(), stored["numbers"], strict=True):
        np.testing.assert_allclose(now, then, rtol=0, atol=1e-12)


if __name__ == "__main__":
    import torch

    source = f"PyTorch {torch.__version__.partition('+')[0]}, float64: python tests/test_rnn.py"
    rows = ",\n".join(f"  {json.dumps(row)}" for row in pytorchs_numbers())
    text = f'{{\n "from": {json.dumps(source)},\n "numbers": [\n{rows}\n ]\n}}\n'
    STORE.write_text(text, encoding="utf-8")
