"""Embedding, positions and attention as layers: a whole transformer, its gradients, weights from PyTorch."""

import json
from pathlib import Path

import numpy as np
import pytest
from gradient_tools import named, wrong_in
from operations import OPERATIONS
from oracles import centred_differences, refuses

from bphelpers import functional as F
from bphelpers import nn, optim
from bphelpers.functional.attention import join_heads, split_heads
from bphelpers.teaching.gradcheck import check_network, check_op

STORE = Path(__file__).with_name("torch_attention.json")
D, HEADS, N, T = 6, 2, 3, 5
CASES = {
    "all": {"is_causal": False, "bias": True},
    "causal": {"is_causal": True, "bias": True},
    "no bias": {"is_causal": True, "bias": False},
}


def seeded(seed=0):
    return np.random.default_rng(seed)


def transformer(rng, dtype=np.float64, act="ReLU", blocks=1):
    given = {"rng": rng, "dtype": dtype}

    def block():
        attention = nn.MultiheadAttention(D, HEADS, is_causal=True, **given)
        yield nn.Residual(nn.LayerNorm(D, dtype=dtype), attention)
        inner = nn.Linear(D, 2 * D, **given), getattr(nn, act)(), nn.Linear(2 * D, D, **given)
        yield nn.Residual(nn.LayerNorm(D, dtype=dtype), *inner)

    middle = [layer for _ in range(blocks) for layer in block()]
    ends = nn.Embedding(7, D, **given), nn.LearnedPositions(T + 1, D, **given)
    return nn.Sequential(
        *ends, *middle, nn.LayerNorm(D, dtype=dtype), nn.Linear(D, 7, **given), nn.Flatten(0, 1)
    )


def batch(rng, t=T):
    return rng.integers(0, 7, size=(N, t)), rng.integers(0, 7, size=N * t)


@pytest.mark.parametrize(("act", "blocks"), [("ReLU", 1), ("GELU", 2)])
def test_every_parameter_of_a_transformer_has_the_right_gradient(act, blocks):
    rng = seeded()
    net = transformer(rng, act=act, blocks=blocks)
    for p in net.parameters():
        p.data = p.data + 0.3 * rng.normal(size=p.data.shape)
    report = check_network(net, nn.CrossEntropyLoss(), *batch(rng))
    assert report.ok, report
    names = [p.name for p in net.parameters()]
    assert len(set(names)) == len(names) and names[:2] == ["E1", "P2"]
    assert not net.layers[1].P.grad[T:].any()  # no sequence was so long


def test_attention_against_centred_differences_of_everything():
    rng = seeded(1)
    layer = nn.MultiheadAttention(D, HEADS, is_causal=True, rng=rng)
    for p in layer.parameters():
        p.data = rng.normal(size=p.data.shape)
    x, dout = rng.normal(size=(N, T, D)), rng.normal(size=(N, T, D))
    layer(x)
    dx = layer.backward(dout)
    slopes = centred_differences(lambda moved: float(np.sum(layer(moved) * dout)), x)
    np.testing.assert_allclose(dx, slopes, rtol=1e-5, atol=1e-7)


def test_the_layer_is_heads_side_by_side():
    rng = seeded(2)
    for is_causal in (False, True):
        layer, x = nn.MultiheadAttention(D, HEADS, rng=rng, is_causal=is_causal), rng.normal(size=(N, T, D))
        out, (W, b) = layer(x), (p.data for p in layer.in_proj.parameters())
        found = []
        for head in range(HEADS):  # a head's own rows of the three blocks
            rows = [slice(part * D + head * 3, part * D + head * 3 + 3) for part in range(3)]
            q, k, v = (x @ W[r].T + b[r] for r in rows)
            row = OPERATIONS["scaled_dot_product_attention" + ", causal" * is_causal]
            found.append(row.reference(q, k, v))
            assert np.allclose(layer.weights[:, head] @ v, found[-1], rtol=1e-11)
        joined = np.concatenate(found, axis=-1)
        np.testing.assert_allclose(out, F.linear(joined, *(p.data for p in layer.out_proj.parameters())))
        assert layer.weights.shape == (N, HEADS, T, T)
        np.testing.assert_allclose(layer.weights.sum(axis=-1), 1)
        assert is_causal != bool(np.triu(layer.weights, 1).any())


def test_heads_are_split_and_joined():
    x = np.arange(24).reshape(2, 3, 4)
    heads = split_heads(x, 2)
    assert heads.shape == (2, 2, 3, 2) and heads[1, 1, 0].tolist() == [14, 15]
    np.testing.assert_array_equal(join_heads(heads), x)


def test_a_causal_network_does_not_see_what_comes_later():
    net, (x, _) = transformer(seeded()), batch(seeded(3))
    before = net(x).reshape(N, T, 7)
    x[:, 3:] = (x[:, 3:] + 1) % 7
    after = net(x).reshape(N, T, 7)
    np.testing.assert_allclose(after[:, :3], before[:, :3], rtol=1e-12)
    assert (after[:, 3:] != before[:, 3:]).any(axis=-1).all()
    np.testing.assert_allclose(net(x[:, :2]).reshape(N, 2, 7), before[:, :2], rtol=1e-12)  # shorter ones fit


def test_float32_stays_through_training_and_all_moves():
    net = transformer(seeded(), np.float32)
    x, y = batch(seeded(4))
    loss, start = nn.CrossEntropyLoss(), net.flat.data.copy()
    rule, values = optim.Adam(lr=0.01), []
    for _ in range(60):
        values.append(loss(net(x), y))
        dx = net.backward(loss.backward())
        rule.step(net.parameters())
    assert net(x).dtype == dx.dtype == net.flat.grad.dtype == np.float32
    assert values[-1] < values[0] / 2 and (net.flat.data != start).mean() > 0.95
    assert net.layers[2].layers[1].weights.dtype == np.float32


def test_what_a_layer_is_given_is_left_alone():
    for layer, x in [
        (nn.Embedding(7, D, rng=seeded()), np.array([[1, 1, 2]])),
        (nn.LearnedPositions(4, D, rng=seeded()), seeded(5).normal(size=(2, 3, D))),
        (nn.MultiheadAttention(D, HEADS, rng=seeded()), seeded(5).normal(size=(2, 3, D))),
    ]:
        x.flags.writeable = False
        dout = np.ones((*x.shape[:2], D))
        dout.flags.writeable = False
        refused = pytest.raises(
            RuntimeError, match=f"{type(layer).__name__}.backward needs a forward pass first"
        )
        with refused:
            layer.backward(dout)
        layer(x)
        first = [layer.backward(dout), *(p.grad.copy() for p in layer.parameters())]
        again = [layer.backward(dout), *(p.grad for p in layer.parameters())]
        for a, b in zip(first, again, strict=True):
            np.testing.assert_array_equal(a, b)
        assert layer(x.astype(np.float32) if x.dtype.kind == "f" else x.astype(np.uint8)).dtype == np.float64
        refuses(lambda layer=layer, dout=dout: layer.backward(dout[:, :2]), "dout must have shape")


def test_embedding_begins_where_it_is_told():
    E = nn.Embedding(400, 50, rng=seeded(), std=0.5).E.data
    assert E.shape == (400, 50) and abs(E.std() - 0.5) < 0.02
    P = nn.LearnedPositions(400, 50, rng=seeded(), dtype="float32").P.data
    assert P.shape == (400, 50) and abs(P.std() - 1) < 0.03 and P.dtype == np.float32


def test_tables_begin_with_standard_normal_numbers():
    for table in (nn.Embedding(200, 50, rng=seeded()).E, nn.LearnedPositions(200, 50, rng=seeded()).P):
        assert abs(table.data.std() - 1) < 0.02


def test_tables_are_looked_up_and_added():
    rng = seeded(2)
    embedding, positions = nn.Embedding(7, D, rng=rng), nn.LearnedPositions(T, D, rng=rng)
    ids, dout = rng.integers(0, 7, size=(N, T)), rng.normal(size=(N, T, D))
    x = embedding(ids)
    np.testing.assert_array_equal(x, embedding.E.data[ids])
    np.testing.assert_array_equal(positions(x), x + positions.P.data)  # the longest that fits
    np.testing.assert_array_equal(embedding.backward(positions.backward(dout)), dout)
    np.testing.assert_array_equal(embedding.E.grad, F.embedding_backward(dout, ids, embedding.E.data))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_types_go_through_each_layer(dtype):
    given = {"rng": seeded(), "dtype": dtype}
    ids, x = np.array([[1, 2, 2]]), np.ones((1, 3, D), "float32")
    for layer in (nn.Embedding(7, D, **given), nn.LearnedPositions(3, D, **given), attention(**given)):
        out = layer(ids if isinstance(layer, nn.Embedding) else x)
        assert out.dtype == dtype == layer.backward(np.ones(out.shape)).dtype
        assert {p.data.dtype for p in layer.parameters()} == {np.dtype(dtype)}


def attention(**given):
    return nn.MultiheadAttention(D, HEADS, **given)


def test_attention_sees_all_unless_it_is_told():
    layer = attention(rng=seeded())
    layer(seeded(1).normal(size=(N, T, D)))
    assert (layer.weights > 0).all()
    refuses(lambda: layer(np.ones((2, 0, D))), "x must hold at least one place, got shape (2, 0, 6)")
    assert layer(np.ones((0, T, D))).shape == (0, T, D)


def test_places_that_no_sequence_reached_get_nothing():
    layer = nn.LearnedPositions(6, 3, rng=seeded())
    before = layer.P.data.copy()
    layer(np.ones((2, 4, 3)))
    dout = seeded(1).normal(size=(2, 4, 3))
    np.testing.assert_array_equal(layer.backward(dout), dout)
    np.testing.assert_allclose(layer.P.grad[:4], dout.sum(axis=0), rtol=1e-12)
    assert not layer.P.grad[4:].any()
    np.testing.assert_array_equal(layer.P.data, before)


def test_errors_name_what_is_wrong():
    rng = seeded()
    embedding, positions = nn.Embedding(7, D, rng=rng), nn.LearnedPositions(4, D, rng=rng)
    attention = nn.MultiheadAttention(D, HEADS, rng=rng)
    refuses(lambda: embedding([[0, 7]]), "x must lie from 0 to 6, got 0 to 7")
    refuses(lambda: embedding([[0.0, 1.0]]), "x must be whole numbers", "float64")
    refuses(lambda: positions(np.ones((2, 5, D))), "x must have at most 4 places, got 5")
    for layer in (positions, attention):
        refuses(lambda layer=layer: layer(np.ones((5, D))), "x must have shape (n, t, 6), got (5, 6)")
        refuses(lambda layer=layer: layer(np.ones((2, 5, 4))), "x must have shape (n, t, 6), got (2, 5, 4)")
    refuses(
        lambda: nn.MultiheadAttention(6, 4, rng=rng), "embed_dim must be a multiple of num_heads, 4, got 6"
    )
    refuses(lambda: nn.MultiheadAttention(6, 0, rng=rng), "num_heads must be a whole number, at least 1")
    refuses(lambda: nn.MultiheadAttention(6, 2, rng=3), "rng must be a numpy.random.Generator")
    refuses(lambda: nn.Embedding(0, 6, rng=rng), "num_embeddings must be a whole number, at least 1, got 0")
    refuses(lambda: nn.Embedding(6, 6, rng=rng, dtype=int), "dtype must be a floating type")
    refuses(lambda: nn.LearnedPositions(6, 1.5, rng=rng), "embedding_dim must be a whole number")
    refuses(lambda: nn.LearnedPositions(6, 1, rng=0), "rng must be a numpy.random.Generator")


def test_reprs_and_saving():
    net = transformer(seeded())
    for words in ("Embedding(7, 6)", "LearnedPositions(6, 6)", "MultiheadAttention(6, 2, is_causal=True)"):
        assert words in repr(net)
    assert repr(nn.MultiheadAttention(6, 3, rng=seeded())) == "MultiheadAttention(6, 3)"
    other, (x, _) = transformer(seeded(9)), batch(seeded(6))
    assert not np.allclose(other(x), net(x))
    other.load_state_dict(net.state_dict())
    np.testing.assert_array_equal(other(x), net(x))


def test_flatten_joins_the_axes_it_is_told():
    x = seeded().normal(size=(2, 3, 4, 5))
    for given, shape in [
        ((), (2, 60)),
        ((0, 1), (6, 4, 5)),
        ((1, 2), (2, 12, 5)),
        ((0, -1), (120,)),
        ((3,), x.shape),
    ]:
        layer = nn.Flatten(*given)
        np.testing.assert_array_equal(layer(x), x.reshape(shape))
        np.testing.assert_array_equal(layer.backward(x.reshape(shape)), x)
    assert nn.Flatten()(np.ones((0, 3, 4))).shape == (0, 12)
    refuses(lambda: nn.Flatten(-1), "start_dim must be a whole number, at least 0, got -1")
    layer(x)
    refuses(lambda: layer.backward(np.ones((2, 3))), "dout must have shape")


# --- The gradient check names what is wrong ----------------------------------------------------------


def attention_backward(dout, q, k, v, ds=None, scale=1.0, dk=None, dv=None, dq=None):
    """The right one, or with one wrong line."""
    p = F.softmax(q @ k.T / np.sqrt(q.shape[-1]))
    dp = dout @ v.T
    d = (p * (dp - (p * dp).sum(axis=-1, keepdims=True)) if ds is None else ds(p, dp)) / np.sqrt(q.shape[-1])
    d = d * scale
    found = {"dq": d @ k, "dk": d.T @ q, "dv": p.T @ dout}
    for name, wrong in (("dq", dq), ("dk", dk), ("dv", dv)):
        found[name] = wrong(d, p, q, k, dout) if wrong else found[name]
    return tuple(found.values())


WRONG = {
    "average not subtracted": {"ds": lambda p, dp: p * dp},
    "diagonal of the softmax only": {"ds": lambda p, dp: p * (1 - p) * dp},
    "softmax skipped on the way back": {"ds": lambda p, dp: dp},
    "plain mean subtracted": {"ds": lambda p, dp: p * (dp - dp.mean(axis=-1, keepdims=True))},
    "average over the queries": {"ds": lambda p, dp: p * (dp - (p * dp).sum(axis=-2, keepdims=True))},
    "scale of the scores missing": {"scale": np.sqrt(6)},
    "scale of the scores twice": {"scale": 1 / np.sqrt(6)},
    "ds not transposed for the keys": {"dk": lambda d, p, q, k, dout: d @ q},
    "p not transposed for the values": {"dv": lambda d, p, q, k, dout: p @ dout},
    "queries and keys exchanged": {
        "dq": lambda d, p, q, k, dout: d @ q,
        "dk": lambda d, p, q, k, dout: d.T @ k,
    },
}


@pytest.mark.parametrize("mistake", WRONG)
def test_a_mistake_in_attention_is_named(mistake):
    rng = seeded(7)
    given = [rng.normal(size=(4, 6)) for _ in range(3)]
    assert check_op("scaled_dot_product_attention", attention_backward, *given).ok
    report = check_op(
        "scaled_dot_product_attention", lambda *args: attention_backward(*args, **WRONG[mistake]), *given
    )
    assert named(report) == {mistake}


def test_mistakes_of_an_embedding_are_named():
    rng, x = seeded(8), np.array([[0, 2, 2], [1, 2, 0]])
    E = rng.normal(size=(4, 3))

    def last(dout, x, E):
        dE = np.zeros_like(E)
        dE[x] += dout
        return dE

    def averaged(dout, x, E):
        counts = np.bincount(x.ravel(), minlength=len(E))
        return F.embedding_backward(dout, x, E) / np.maximum(counts, 1)[:, None]

    for wrong, mistake in ((last, "repeats lost"), (averaged, "repeats averaged")):
        assert named(check_op("embedding", wrong, x, E)) == {mistake}
    net, (ids, y) = transformer(seeded()), batch(seeded(3))
    net.layers[0].gradient = last
    report = check_network(net, nn.CrossEntropyLoss(), ids, y)
    assert wrong_in(report) == ["E1"] and named(report) == {"repeats lost"}


# --- PyTorch's numbers ------------------------------------------------------------------------------


def given_weights(bias):
    """From sines, so no generator is needed."""
    shapes = {
        "in_proj_weight": (3 * D, D),
        "in_proj_bias": (3 * D,),
        "out_proj.weight": (D, D),
        "out_proj.bias": (D,),
    }
    made = {
        name: np.sin(np.arange(np.prod(shape)) * 1.7 + k).reshape(shape)
        for k, (name, shape) in enumerate(shapes.items())
    }
    return {name: array for name, array in made.items() if bias or not name.endswith("bias")}


X, DOUT = (np.sin(np.arange(1, N * T * D + 1) ** power).reshape(N, T, D) for power in (1.5, 1.2))


def ours(case):
    layer = nn.MultiheadAttention(D, HEADS, rng=seeded(), **CASES[case])
    state = given_weights(CASES[case]["bias"])
    parameters = layer.parameters()  # in PyTorch's order
    for p, value in zip(parameters, state.values(), strict=True):
        p.data = value
    out = layer(X)
    return [out, layer.weights, layer.backward(DOUT), *(p.grad for p in parameters)]


def pytorchs(case):
    import torch

    options = CASES[case]
    layer = torch.nn.MultiheadAttention(D, HEADS, bias=options["bias"], batch_first=True).double()
    layer.load_state_dict(
        {name: torch.tensor(value) for name, value in given_weights(options["bias"]).items()}
    )
    x = torch.tensor(X, requires_grad=True)
    mask = torch.triu(torch.ones(T, T, dtype=torch.bool), 1) if options["is_causal"] else None
    out, weights = layer(x, x, x, attn_mask=mask, average_attn_weights=False)
    out.backward(torch.tensor(DOUT))
    named = dict(layer.named_parameters())
    grads = [named[name].grad for name in given_weights(options["bias"])]
    return [array.detach().numpy() for array in (out, weights, x.grad, *grads)]


@pytest.mark.parametrize("case", CASES)
def test_same_numbers_as_pytorch_gave(case):
    stored = json.loads(STORE.read_text(encoding="utf-8"))
    assert stored["from"].startswith("PyTorch ") and list(stored["layers"]) == list(CASES)
    for found, expected in zip(ours(case), stored["layers"][case], strict=True):
        np.testing.assert_allclose(found, np.array(expected), rtol=1e-10, atol=1e-12)


@pytest.mark.torch
@pytest.mark.parametrize("case", CASES)
def test_stored_numbers_are_pytorchs(case):
    stored = json.loads(STORE.read_text(encoding="utf-8"))["layers"][case]
    for found, expected in zip(pytorchs(case), stored, strict=True):
        np.testing.assert_allclose(found, np.array(expected), rtol=1e-10, atol=1e-12)


if __name__ == "__main__":  # writes the stored numbers anew; needs PyTorch
    import torch

    source = f"PyTorch {torch.__version__.partition('+')[0]}, float64: python tests/test_attention.py"
    layers = {case: [array.tolist() for array in pytorchs(case)] for case in CASES}
    STORE.write_text(json.dumps({"from": source, "layers": layers}) + "\n", encoding="utf-8")
