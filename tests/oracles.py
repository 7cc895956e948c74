"""What is right, written a second time: checks of ``functional``, each given the module it is to check.

Because the module is an argument, a broken copy is judged by the very same code (test_mutants.py). How to
call each operation, and its reference, is in ``operations``. Values at which the naive references overflow
are checked one by one in ``check_extremes``.
"""

import inspect
import math
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import grad as autograd_gradient
from operations import OPERATIONS, Arrays, FixedDraw, Operation, operations

# --- The comparison -----------------------------------------------------------------------------------


def frozen(arguments: Arrays) -> Arrays:
    """Read-only copies: an operation that writes into what it was given raises."""
    copies = {name: np.array(value) for name, value in arguments.items()}
    for value in copies.values():
        value.flags.writeable = False
    return copies


def centred_differences(f: Callable[[np.ndarray], float], x: np.ndarray, h: float = 1e-5) -> np.ndarray:
    """Slope of ``f`` in each entry of ``x``, by stepping both ways."""
    slope = np.empty_like(x)
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += h
        down[index] -= h
        slope[index] = (f(up) - f(down)) / (up[index] - down[index])
    return slope


def check_pair(F: ModuleType, op: str, arguments: Arrays, dout: np.ndarray | None = None) -> None:
    """Forward against the reference; backward against autograd and against centred differences."""
    pair = OPERATIONS[op]
    arguments = frozen(arguments)
    out = pair.forward(F, **arguments)
    expected = pair.reference(**arguments)
    np.testing.assert_allclose(out, expected, rtol=1e-9, atol=1e-11, err_msg=f"{op} forward")
    if pair.is_loss:
        assert type(out) is float, f"{op} returned {type(out)}, not a float"
        dout = np.array(1.0)
    else:
        assert out.shape == expected.shape and out.dtype == np.float64, f"{op}: {out.shape}, {out.dtype}"
        dout = frozen({"dout": np.ones(out.shape) if dout is None else dout})["dout"]

    grads = pair.backward(F, dout, **arguments)
    for value in (out, *grads):
        for given in (dout, *arguments.values()):
            assert not np.shares_memory(value, given), f"{op} returns memory of its argument"
    found = dict(zip(pair.inputs, grads[: len(pair.inputs)], strict=True))
    assert len(grads) == len(pair.inputs), f"{op}_backward returned {len(grads)} gradients"
    for name in pair.inputs:
        _compare_gradient(F, pair, f"{op}_backward, d{name}", name, found[name], arguments, dout)


def _compare_gradient(
    F: ModuleType,
    pair: Operation,
    title: str,
    name: str,
    found: np.ndarray,
    arguments: Arrays,
    dout: np.ndarray,
) -> None:
    here = arguments[name]
    assert found.shape == here.shape, f"{title}: shape {found.shape}, expected {here.shape}"
    assert found.dtype == here.dtype, f"{title}: dtype {found.dtype}, expected {here.dtype}"

    def with_reference(value):
        return anp.sum(pair.reference(**{**arguments, name: value}) * dout)

    def with_module(value):
        return float(np.sum(pair.forward(F, **{**arguments, name: value}) * dout))

    scale = 1 + np.abs(dout).max(initial=0.0)
    exact = autograd_gradient(with_reference)(np.array(here))
    np.testing.assert_allclose(found, exact, rtol=1e-8, atol=1e-10 * scale, err_msg=f"{title}, autograd")
    slope = centred_differences(with_module, np.array(here))
    np.testing.assert_allclose(found, slope, rtol=1e-5, atol=1e-6 * scale, err_msg=f"{title}, differences")


def check_pair_at_seeds(F: ModuleType, op: str) -> None:
    """The pair at a few random points; shapes chosen so that no two axes are equally long."""
    for seed, (n, d) in enumerate([(4, 2), (1, 5), (2, 4)]):
        rng = np.random.default_rng(seed)
        arguments = OPERATIONS[op].sample(rng, n=n, d=d)
        check_pair(F, op, arguments, rng.normal(size=np.shape(OPERATIONS[op].reference(**arguments))))


# --- Checks of one property, over all operations ------------------------------------------------------


def check_complete(F: ModuleType) -> None:
    """Every public function is exported, has its backward, and has a row in the table of operations."""
    hidden = {name for name, value in vars(F).items() if hasattr(value, "plain")} - set(F.__all__)
    assert not hidden, f"not in __all__: {hidden}"
    rows = {row.name for row in OPERATIONS.values()}
    assert set(operations(F)) == rows, f"no row, or no operation: {set(operations(F)) ^ rows}"
    assert set(F.__all__) == rows | {f"{name}_backward" for name in rows}, "one of a pair is missing"


def check_known_values(F: ModuleType) -> None:
    """Numbers that were worked out on paper."""
    log = math.log
    same(F.linear([[1, 2], [3, 4]], [[5, 6], [7, 8], [9, 10]], [1, 0, -1]), [[18, 23, 28], [40, 53, 66]])
    same(F.linear([[1, 2]], [[3, 4]]), [[11]])
    dx, dW, db = F.linear_backward([[1, 10], [2, 20]], [[1, 2, 3], [4, 5, 6]], [[1, 2, 3], [4, 5, 6]])
    same(dx, [[41, 52, 63], [82, 104, 126]])
    same(dW, [[9, 12, 15], [90, 120, 150]])
    same(db, [3, 30])
    close(F.sigmoid([0, log(3), -log(3)]), [0.5, 0.75, 0.25])
    close(F.tanh([0, log(2), -log(2)]), [0, 0.6, -0.6])
    same(F.relu([-3, 0, 2]), [0, 0, 2])
    close(F.softmax([[0, log(2), log(3)]]), [[1 / 6, 2 / 6, 3 / 6]])
    close(F.log_softmax([[0, log(2), log(3)]]), [[-log(6), -log(3), -log(2)]])
    same(F.mse([[1, 2], [3, 4]], [[1, 1], [3, 1]]), 5.0)
    close(F.binary_cross_entropy([[log(3)], [-log(3)]], [[1], [1]]), (log(4 / 3) + log(4)) / 2)
    close(F.softmax_cross_entropy([[0, log(2), log(3)], [0, 0, 0]], [2, 0]), (log(2) + log(3)) / 2)
    close(F.leaky_relu([-3, 0, 2]), [-0.03, 0, 2])
    same(F.leaky_relu([-3, 0, 2], 0.5), [-1.5, 0, 2])
    for slope in (0.0, 1.0):  # ReLU, and the identity
        same(F.leaky_relu([-3, 2], slope), [-3 * slope, 2])
    close(F.gelu([0, 1, -1]), [0, 0.8411919906082768, -0.15880800939172324])  # PyTorch 2.13, "tanh"
    # Standard deviations of 2 and of 3: exact in floating point.
    same(
        F.batch_norm([[1, 0], [3, 6]], [2, 3], [5, -1], eps=3), [[4, -1 - 9 / 12**0.5], [6, -1 + 9 / 12**0.5]]
    )
    same(F.batch_norm([[7, 1]], [2, 3], [5, 6], [1, 3], [8, 3], eps=1), [[9, 3]])
    same(F.layer_norm([[1, 3], [3, 1]], [2, 10], [5, 0], eps=3), [[4, 5], [6, -5]])
    x, W = [[[[1, 0, 2, -1, 3]]]], [[[[1, 2, 3]]]]
    same(F.conv2d(x, W, [10]), [[[[17, 11, 19]]]])
    same(F.conv2d(x, W, stride=2), [[[[7, 9]]]])
    same(F.conv2d.plain(np.array(x), np.array(W)), [[[[7, 1, 9]]]])
    framed = F.conv2d(x, W, padding=2)
    same(framed[0, 0, 2], [3, 2, 7, 1, 9, 5, 3])
    assert framed.shape == (1, 1, 5, 7) and not np.delete(framed, 2, axis=2).any()
    only_the_middle = np.zeros((1, 1, 5, 7))
    only_the_middle[0, 0, 2, 2:5] = 1, -1, 2
    same(F.conv2d_backward(only_the_middle, x, W, padding=2)[0], [[[[1, 1, 3, 1, 6]]]])
    same(F.conv2d(x, [[[[1], [2], [4]]]], padding=1), [[[[0, 2, 0, 4, -2, 6, 0]]]])
    dx, dW, db = F.conv2d_backward([[[[1, -1, 2]]]], x, W)
    same(dx, [[[[1, 1, 3, 1, 6]]]])
    same(F.conv2d_backward.plain(*map(np.array, ([[[[1, -1, 2]]]], x, W)))[0], dx)
    same(dW, [[[[5, -4, 9]]]])
    same(db, [2])
    image = [[[[1, 5, 2], [3, 2, 7], [0, 0, 0]]]]
    same(F.max_pool2d(image, 2), [[[[5]]]])  # what is left over at the sides is not looked at
    same(F.max_pool2d(image, 2, 1), [[[[5, 7], [3, 7]]]])
    same(F.max_pool2d_backward([[[[1, 2], [4, 8]]]], image, 2, 1), [[[[0, 1, 0], [4, 0, 10], [0, 0, 0]]]])
    close(F.rnn([[[5], [0]]], [[1]], [[log(2)]], [[-log(16)]], [0])[0, 0], [0.6])
    close(F.rnn([[[1], [0]]], [[0]], [[log(2)]], [[log(3) / 0.6]], [0]), [[[0.6], [0.8]]])
    begins = np.array([[0.5, -0.5]])
    for h0 in (np.broadcast_to(begins, (3, 2)), np.asfortranarray(np.repeat(begins, 3, axis=0))):
        states = F.rnn(np.ones((3, 2, 1)), h0, [[1], [1]], np.eye(2), [0, 0])
        close(states[0], states[2])
        dh0 = F.rnn_backward(np.ones((3, 2, 2)), np.ones((3, 2, 1)), h0, states, [[1], [1]], np.eye(2))[1]
        close(dh0[0], dh0[2])
    grads = F.rnn_backward([[[1], [1]]], [[[1], [2]]], [[5]], [[[0.5], [0]]], [[2]], [[4]])
    for found, right in zip(grads, ([[[7.5], [2]]], [[15]], [[5.75]], [[19.25]], [4.75]), strict=True):
        same(found, right)


def check_attention(F: ModuleType) -> None:
    """On paper; masks; heads as one more axis; what must not matter; what is masked gets no blame."""
    log = math.log
    q, k, v = [[1]], [[log(2)], [0], [0]], [[4], [0], [8]]  # weights of 1/2, 1/4, 1/4
    close(F.scaled_dot_product_attention(q, k, v), [[4]])
    dq, dk, dv = F.scaled_dot_product_attention_backward([[1]], q, k, v)
    np.testing.assert_allclose(dk, [[0], [-1], [1]], atol=1e-15)
    np.testing.assert_allclose(dq, [[0]], atol=1e-15)
    close(dv, [[0.5], [0.25], [0.25]])
    close(
        F.scaled_dot_product_attention([[1, 0, 0, 5]], [[2 * log(3), 7, 7, 0], [0, 0, 0, 0]], [[1], [0]]),
        [[0.75]],
    )
    same(F.embedding([[1, 0], [1, 1]], [[1, 2], [3, 4]]), [[[3, 4], [1, 2]], [[3, 4], [3, 4]]])
    same(
        F.embedding_backward([[1, 2], [4, 8], [16, 32]], [2, 0, 2], np.zeros((3, 2))),
        [[4, 8], [0, 0], [17, 34]],
    )
    rng = np.random.default_rng(14)
    x = rng.normal(size=(2, 5, 6))
    split = F.attention.split_heads(x, 3)
    same(split[:, 1], x[:, :, 2:4])
    same(F.attention.join_heads(split), x)
    q, k, v, dout = (rng.normal(size=(2, 3, t, d)) for t, d in [(4, 5), (6, 5), (6, 2), (4, 2)])
    causal = np.tri(4, 6, dtype=bool)
    holes = rng.random((2, 1, 4, 6)) < 0.5
    holes[..., 1] = True
    for mask in (None, causal, causal[2], holes, holes[0]):
        for is_causal in (False, True):
            allowed = np.ones((2, 3, 4, 6), bool) if mask is None else np.broadcast_to(mask, (2, 3, 4, 6))
            allowed = allowed & causal if is_causal else allowed
            if not allowed.any(axis=-1).all():
                given = (q, k, v, mask)
                refuses(
                    lambda g=given: F.scaled_dot_product_attention(*g, is_causal=True), "at least one key"
                )
                continue
            out = F.scaled_dot_product_attention(q, k, v, mask, is_causal=is_causal)
            found = F.scaled_dot_product_attention_backward(dout, q, k, v, mask, is_causal=is_causal)
            grads = [np.zeros_like(array) for array in (q, k, v)]
            for at in np.ndindex(2, 3, 4):  # a query alone, with the keys it may look at
                here, keys = (*at[:2], slice(at[2], at[2] + 1)), (*at[:2], allowed[at])
                alone = q[here], k[keys], v[keys]
                close(F.scaled_dot_product_attention(*alone)[0], out[at], rtol=1e-11)
                parts = F.scaled_dot_product_attention_backward(dout[here], *alone)
                for grad, place, part in zip(grads, (here, keys, keys), parts, strict=True):
                    grad[place] += part
            for a, e in zip(found, grads, strict=True):
                np.testing.assert_allclose(a, e, rtol=1e-10, atol=1e-13)
    close(F.attention.attention_weights(q, k) @ v, F.scaled_dot_product_attention(q, k, v))
    far = F.scaled_dot_product_attention(1e4 * q, k, v)
    assert np.isfinite(far).all() and far.max() <= v.max()
    shifted = F.scaled_dot_product_attention(q, k + 3, v)  # every key's score moves by as much
    np.testing.assert_allclose(shifted, F.scaled_dot_product_attention(q, k, v), rtol=1e-11)
    p = rng.dirichlet(np.ones(6), size=(2, 3, 4))  # what a layer kept is taken as it is
    dv = F.scaled_dot_product_attention_backward(dout, q, k, v, p=p)[2]
    np.testing.assert_allclose(dv, np.einsum("abts,abte->abse", p, dout), rtol=1e-12)


def check_rows_add_up(F: ModuleType) -> None:
    """Probabilities of a row add up to 1, gradients of its scores to 0, whatever the scale of the scores."""
    rng = np.random.default_rng(5)
    for scale in (1e-3, 1, 30, 1e3, 1e6):
        z = rng.normal(size=(4, 6)) * scale
        p = F.softmax(z)
        assert p.min() >= 0, f"negative probability at scale {scale}"
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-13)
        np.testing.assert_allclose(np.exp(F.log_softmax(z)).sum(axis=1), 1, rtol=1e-13)
        dout = rng.normal(size=z.shape)
        np.testing.assert_allclose(F.softmax_backward(dout, p).sum(axis=1), 0, atol=1e-13)
        np.testing.assert_allclose(F.log_softmax_backward(dout, F.log_softmax(z)).sum(axis=1), 0, atol=1e-13)
        labels = rng.integers(0, 6, size=4)
        np.testing.assert_allclose(F.softmax_cross_entropy_backward(z, labels).sum(axis=1), 0, atol=1e-13)


def check_extremes(F: ModuleType) -> None:
    """Right, and no overflow, division by zero or NaN on the way, at +-1e4 and +-1e300."""
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        for big in (1e4, 1e300):
            same(F.sigmoid([-big, big]), [0, 1])
            same(F.tanh([-big, big]), [-1, 1])
            same(F.relu([-big, big]), [0, big])
            same(F.leaky_relu([-big, big], 0.5), [-big / 2, big])
            same(F.gelu([-big, big]), [0, big])
            same(F.gelu_backward([1, 1], [-big, big]), [0, 1])
            z = [[big, -big], [-big, big], [big, big], [-big, -big], [big, 0.0], [0.0, big]]
            same(F.softmax(z), [[1, 0], [0, 1], [0.5, 0.5], [0.5, 0.5], [1, 0], [0, 1]])
            half = -math.log(2)
            right = [[0, -2 * big], [-2 * big, 0], [half, half], [half, half], [0, -big], [-big, 0]]
            close(F.log_softmax(z), right)
            _extreme_losses(F, big)
        _small_tails(F)


def check_nan(F: ModuleType) -> None:
    """A NaN is passed on, both ways: what is wrong must be seen."""
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    for holes, winner in ([(1, 0)], (1, 0)), ([(0, 1)], (0, 1)), ([(1, 1), (0, 0)], (0, 0)):
        holed, dx = x.copy(), np.zeros((4, 4))
        for i, j in holes:
            holed[0, 0, i, j] = np.nan
        dx[winner], dx[1, 3], dx[3, 1], dx[3, 3] = 6, 7, 8, 9
        same(F.max_pool2d(holed, 2), [[[[np.nan, 7], [13, 15]]]])
        same(F.max_pool2d_backward([[[[6, 7], [8, 9]]]], holed, 2)[0, 0], dx)
    for op in ("sigmoid", "tanh", "relu", "leaky_relu", "gelu"):
        same(np.isnan(getattr(F, op)([np.nan, 1.0])), [True, False])
    for op in ("softmax", "log_softmax"):
        same(np.isnan(getattr(F, op)([[np.nan, 1.0], [0.0, 1.0]])), [[True, True], [False, False]])


def _extreme_losses(F: ModuleType, big: float) -> None:
    for z, y, loss, dz in [
        (big, 1.0, 0.0, 0.0),
        (big, 0.0, big, 1.0),
        (-big, 1.0, big, -1.0),
        (-big, 0.0, 0.0, 0.0),
        (big, 0.5, big / 2, 0.5),
        (-big, 0.5, big / 2, -0.5),
    ]:
        same(F.binary_cross_entropy([[z]], [[y]]), loss)
        same(F.binary_cross_entropy_backward([[z]], [[y]]), [[dz]])
    logits = [[big, 0.0, -big], [big, 0.0, -big]]
    same(F.softmax_cross_entropy(logits, [0, 1]), big / 2)
    same(F.softmax_cross_entropy_backward(logits, [0, 1]), [[0, 0, 0], [0.5, -0.5, 0]])
    perfect = F.softmax_cross_entropy([[big, 0.0]], [0])
    assert perfect == 0 and math.copysign(1, perfect) == 1, f"a perfect prediction costs {perfect}, not 0.0"


def _small_tails(F: ModuleType) -> None:
    """Where a careless formula rounds to 0 or 1: relative accuracy down to the smallest probabilities."""
    for z in (20.0, 40.0, 300.0, 700.0):
        tail = math.exp(-z)
        close(F.sigmoid([-z]), [tail / (1 + tail)])
        close(F.binary_cross_entropy([[z]], [[1.0]]), math.log1p(tail))
        close(F.binary_cross_entropy([[-z]], [[0.0]]), math.log1p(tail))
        close(F.softmax([[0.0, z]])[0, 0], tail / (1 + tail), rtol=1e-12)
    # One unit in the last place of 1e6 is 1e-10; the shift must happen before the exponential.
    close(F.log_softmax([[1e6 + 1, 1e6]]), [[-math.log1p(math.exp(-1)), -1 - math.log1p(math.exp(-1))]])


def check_kinks(F: ModuleType) -> None:
    """The documented convention where there is no derivative: 0 at z == 0, on both sides of zero's sign."""
    same(F.relu_backward([5, 5, 5, 5], [0.0, -0.0, 5e-324, -5e-324]), [0, 0, 5, 0])
    same(F.leaky_relu_backward([5, 5, 5, 5], [0.0, -0.0, 5e-324, -5e-324], 0.2), [1, 1, 5, 1])
    same(F.sigmoid([0.0, -0.0]), [0.5, 0.5])
    ties = [[[[3, 3, 1], [3, 3, 3]]]]  # of equals the first in reading order gets it all
    same(F.max_pool2d_backward([[[[5]]]], ties, 2), [[[[5, 0, 0], [0, 0, 0]]]])
    same(F.max_pool2d_backward([[[[5, 7]]]], ties, 2, 1), [[[[5, 7, 0], [0, 0, 0]]]])
    same(F.max_pool2d_backward([[[[np.inf]]]], [[[[3, 1], [0, 2]]]], 2), [[[[np.inf, 0], [0, 0]]]])


def check_dtypes(F: ModuleType) -> None:
    """float32 stays, integers and booleans become float64, float64 targets leave a float32 network alone."""
    rng = np.random.default_rng(3)
    for op, pair in OPERATIONS.items():
        double = pair.sample(rng, n=3, d=2)
        dout = np.asarray(rng.normal(size=np.shape(pair.reference(**double))))
        for dtype, expected in [("float32", np.float32), ("float16", np.float16), ("int64", np.float64)]:
            given = {name: _as(dtype, value) for name, value in double.items()}
            if pair.is_loss:
                assert type(pair.forward(F, **given)) is float, f"{op} of {dtype} is not a float"
            elif not (op == "dropout" and dtype != "float32"):  # the steered mask needs float's precision
                assert pair.forward(F, **given).dtype == expected, f"{op} of {dtype}"
            for grad in pair.backward(F, _as(dtype, dout), **given):
                assert grad.dtype == expected, f"{op}_backward of {dtype} gives {grad.dtype}"
    narrow = np.ones((2, 1), dtype=np.float32)
    for backward in (F.mse_backward, F.binary_cross_entropy_backward):
        assert backward(narrow, np.ones((2, 1))).dtype == np.float32, f"{backward.__name__}, float64 targets"
        assert backward(narrow, [[1], [0]]).dtype == np.float32, f"{backward.__name__}, integer targets"
    assert F.linear(np.ones((1, 1), dtype=bool), [[1]]).dtype == np.float64
    for dtype in (np.float32, np.float64):
        out, mask = F.dropout(np.ones((2, 2), dtype=dtype), 0.5, np.random.default_rng(0))
        assert out.dtype == mask.dtype == dtype, "dropout"
    close(F.sigmoid(np.float32([-20.0])), np.float32([math.exp(-20)]), rtol=1e-6)


def _as(dtype: str, value: np.ndarray) -> np.ndarray:
    return value if value.dtype.kind == "i" else np.asarray(value).astype(dtype)


def check_rows_are_independent(F: ModuleType) -> None:
    """A batch of one gives what the same example gives among others."""
    for op, pair in OPERATIONS.items():
        if pair.is_loss or pair.couples_rows or op == "dropout":
            continue
        arguments = pair.sample(np.random.default_rng(7), n=5, d=3)
        of_examples = [name for name in arguments if "n" in pair.letters[name]]
        together = pair.forward(F, **arguments)
        for row in range(5):
            own = {name: arguments[name][row : row + 1] for name in of_examples}
            alone = pair.forward(F, **{**arguments, **own})
            np.testing.assert_allclose(alone, together[row : row + 1], rtol=1e-13, err_msg=op)


def check_losses_average(F: ModuleType) -> None:
    """The same batch twice costs the same and has half the gradient in each copy; outputs are added up."""
    for op, pair in OPERATIONS.items():
        if not pair.is_loss:
            continue
        once = pair.sample(np.random.default_rng(8), n=3, d=4)
        twice = {name: np.concatenate([value, value]) for name, value in once.items()}
        close(pair.forward(F, **twice), pair.forward(F, **once))
        (grad,), (grads,) = pair.backward(F, None, **once), pair.backward(F, None, **twice)
        close(grads, np.concatenate([grad, grad]) / 2)
        if op != "softmax_cross_entropy":
            wide = {name: np.hstack([value, value]) for name, value in once.items()}
            close(pair.forward(F, **wide), 2 * pair.forward(F, **once))


def check_any_shape(F: ModuleType) -> None:
    """What acts on each number alone takes a number, a vector, a cube, in whatever order in memory."""
    for op in (
        name for name, row in OPERATIONS.items() if row.shapes.endswith("dout: ...") and not row.called
    ):
        forward, backward = getattr(F, op), getattr(F, f"{op}_backward")
        cube = np.asfortranarray(np.random.default_rng(9).normal(size=(2, 3, 4)))
        flat = forward(cube.ravel())
        assert np.shape(forward(0.5)) == () and np.shape(backward(2.0, 0.5)) == (), f"{op} of a number"
        same(forward(cube), flat.reshape(cube.shape))
        same(backward(cube, cube), backward(cube.ravel(), cube.ravel()).reshape(cube.shape))
        same(forward(cube[:, ::-1]), forward(cube)[:, ::-1])


def check_edges(F: ModuleType) -> None:
    """No examples, or no columns: an empty answer where that means something, a clear error where not."""
    for op, pair in OPERATIONS.items():
        for n, d in [(0, 3), (2, 0), (0, 0)]:
            given = pair.sample(np.random.default_rng(0), n=n, d=d)
            if (n == 0 and "n" in pair.needs) or (d == 0 and "d" in pair.needs):
                name = "labels" if "labels" in given and n > 0 else pair.inputs[0]
                refuses(lambda p=pair, g=given: p.forward(F, **g), name)
                if "out" not in pair.back:  # where the output is asked for, there is none
                    refuses(lambda p=pair, g=given: p.backward(F, np.zeros((n, d)), **g), name)  # noqa: B023
            else:
                check_pair(F, op, given)
    refuses(lambda: F.log_softmax(np.zeros((2, 0))), "z must hold at least one score", "(2, 0)")
    refuses(lambda: F.mse(np.zeros((0, 3)), np.zeros((0, 3))), "y_hat", "at least one example", "(0, 3)")


def check_gelu(F: ModuleType) -> None:
    """How far the form with tanh is from x Phi(x): the docstring's 0.00048, and hardly less."""
    x = np.linspace(-8, 8, 3201)
    exact = [v * math.erfc(-v / math.sqrt(2)) / 2 for v in x]
    assert 0.00047 < np.abs(F.gelu(x) - exact).max() < 0.00048


def check_normalization(F: ModuleType) -> None:
    """What is normalised has mean 0 and variance 1; what the gradient loses; batches of one; all axes."""
    rng = np.random.default_rng(11)
    x, dout = 50 + 3 * rng.normal(size=(6, 5)), rng.normal(size=(6, 5))
    one, nil, gamma = np.ones(5), np.zeros(5), rng.normal(size=5)
    for axis, op in enumerate(("batch_norm", "layer_norm")):
        forward, backward = getattr(F, op), getattr(F, f"{op}_backward")
        x_hat = forward(x, one, nil, eps=1e-12)
        np.testing.assert_allclose(x_hat.mean(axis=axis), 0, atol=1e-13, err_msg=op)
        np.testing.assert_allclose(x_hat.std(axis=axis), 1, rtol=1e-12, err_msg=op)
        dx, _, _ = backward(dout, x, gamma, eps=1e-12)
        np.testing.assert_allclose(dx.sum(axis=axis), 0, atol=1e-13, err_msg=op)
        np.testing.assert_allclose((dx * x_hat).sum(axis=axis), 0, atol=1e-11, err_msg=op)
        constant = np.full((3, 5), 7.0)
        same(forward(constant, gamma, one), np.ones((3, 5)))  # a feature, or a row, that does not vary
        check_pair(F, op, {"x": constant, "gamma": gamma, "beta": one}, dout[:3])
    for dtype in (np.float32, np.float64):
        row = x[:1].astype(dtype)
        same(F.batch_norm(row, gamma, one), one[None])
        dx, dgamma, dbeta = F.batch_norm_backward(dout[:1], row, gamma)
        same(dx, np.zeros((1, 5)))
        same(dgamma, nil)
        same(dbeta, dout[0])
    dx, dgamma, dbeta = F.batch_norm_backward(dout, x, gamma, nil, np.full(5, 3.0), eps=1.0)
    close(dx, dout * gamma / 2)  # given statistics are constants
    flat = {"gamma": one + gamma, "beta": gamma}
    for shape in [(5,), (2, 3, 5), (3, 0, 5)]:
        cube = rng.normal(size=shape)
        together = F.layer_norm(cube, **flat)
        rows = F.layer_norm(cube.reshape(-1, 5), **flat)
        np.testing.assert_allclose(together, rows.reshape(shape), rtol=1e-13)
        d_cube = rng.normal(size=shape)
        found = F.layer_norm_backward(d_cube, cube, gamma)
        expected = F.layer_norm_backward(d_cube.reshape(-1, 5), cube.reshape(-1, 5), gamma)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b.reshape(a.shape), rtol=1e-12, atol=1e-15)
        assert found[0].shape == shape
    same(F.layer_norm([[3], [4]], [2], [5]), [[5], [5]])  # one feature is its own mean


def check_places(F: ModuleType) -> None:
    """Sequences and images: for a weighted sum, each place is a row; a kernel as large as x sees one row."""
    rng = np.random.default_rng(13)
    x, W, b, dout = (rng.normal(size=shape) for shape in [(2, 3, 4, 5), (6, 5), (6,), (2, 3, 4, 6)])
    close(F.linear(x, W, b), F.linear(x.reshape(24, 5), W, b).reshape(2, 3, 4, 6))
    found = F.linear_backward(dout, x, W)
    expected = F.linear_backward(dout.reshape(24, 6), x.reshape(24, 5), W)
    for a, e in zip(found, expected, strict=True):
        close(a, e.reshape(a.shape))
    assert found[0].shape == x.shape
    same(F.linear(np.zeros((0, 3, 5)), W).shape, (0, 3, 6))
    same(F.linear_backward(np.zeros((2, 0, 6)), np.zeros((2, 0, 5)), W)[1], np.zeros((6, 5)))
    for op in ("softmax", "log_softmax"):
        forward, backward = getattr(F, op), getattr(F, f"{op}_backward")
        z = forward(x)
        close(z, forward(x.reshape(24, 5)).reshape(x.shape))
        close(backward(x, z), backward(x.reshape(24, 5), z.reshape(24, 5)).reshape(x.shape), rtol=1e-12)
    dW, db = np.empty((6, 5)), np.empty(6)
    F.linear_backward.plain(dout, x, W, dW, db, False)
    close(dW, expected[1])
    close(db, expected[2])
    kernels = rng.normal(size=(6, 3, 4, 5))
    together = F.linear(x.reshape(2, 60), kernels.reshape(6, 60), b)
    np.testing.assert_allclose(F.conv2d(x, kernels, b)[:, :, 0, 0], together, rtol=1e-12)
    dx, dW, db = F.conv2d_backward(dout[:, :1, :1].transpose(0, 3, 1, 2), x, kernels)
    np.testing.assert_allclose(dx.reshape(2, 60), dout[:, 0, 0] @ kernels.reshape(6, 60), rtol=1e-12)
    skipped = F.conv2d_backward(dout[:, :1, :1].transpose(0, 3, 1, 2), x, kernels, ask_dx=False)
    for a, e in zip(skipped[1:], (dW, db), strict=True):
        same(a, e)
    empty = np.zeros((2, 0, 5)), np.ones((2, 6)), np.ones((6, 5)), np.ones((6, 6))
    assert F.rnn(*empty, b).shape == (2, 0, 6)  # no steps: the state is still the first
    dx, dh0, *_ = F.rnn_backward(np.zeros((2, 0, 6)), *empty[:2], np.zeros((2, 0, 6)), *empty[2:])
    same(dx, empty[0])
    same(dh0, np.zeros((2, 6)))
    single = [np.float32(a) for a in (x[:, 0], np.ones((2, 6)), W, kernels[:, 0, 0, :1] * np.ones(6), b)]
    mixed = F.rnn(*single[:3], single[3].astype(float), single[4])
    np.testing.assert_allclose(mixed, F.rnn(*single), rtol=1e-5)
    assert mixed.dtype == np.float64


def check_dropout(F: ModuleType) -> None:
    """The share that is dropped, the factor, the expected value, the threshold itself, the seed."""
    x = np.full((100, 100), 3.0)
    out, mask = F.dropout(x, 0.3, np.random.default_rng(0))
    np.testing.assert_allclose(np.unique(mask), [0, 1 / 0.7], rtol=1e-13)
    assert abs((mask == 0).mean() - 0.3) < 5 * math.sqrt(0.3 * 0.7 / mask.size), "share dropped"
    same(out, x * mask)
    again, _ = F.dropout(x, 0.3, np.random.default_rng(0))
    same(again, out)
    for p, draws, kept in [(0.25, [0.2, 0.25, 0.3], [0, 1, 1]), (0.0, [0.0, 0.5, 0.99], [1, 1, 1])]:
        out, mask = F.dropout([4.0, 5.0, 6.0], p, FixedDraw(draws))
        close(mask, np.array(kept) / (1 - p))
        close(out, np.array([4.0, 5.0, 6.0]) * kept / (1 - p))


def check_errors(F: ModuleType) -> None:
    """Each argument of each function: not numbers, an axis too few or too long. It is refused by name."""
    for pair in OPERATIONS.values():
        rng = np.random.default_rng(2)
        given = pair.sample(rng)
        dout = rng.normal(size=np.shape(pair.reference(**given)))
        letters = pair.letters | {"out": pair.letters.get("dout", [])}
        free = {name for name in letters if f"{name}: ..." in pair.shapes}
        back = list(given) if pair.is_loss else ["dout", *pair.back.split()]
        calls = [(f"{pair.name}_backward", back, pair.backward_arguments(F, dout, **given))]
        if not pair.called:
            calls.append((pair.name, list(given), list(given.values())))
        for function, arguments, values in calls:
            alone = len(free & set(arguments)) == 1  # it may have any axes: nothing else has to have the same
            shapes = [letters[name][1 if alone and name in free else 0 :] for name in arguments]
            for wrong, blamed in _wrong_arguments(shapes, values):
                _refused(partial(getattr(F, function), **pair.fixed), wrong, blamed)
            if not free & set(arguments):  # one example without its batch axis, everywhere
                rows = [
                    value[0] if "n" in letters[name] else value
                    for name, value in zip(arguments, values, strict=True)
                ]
                _refused(partial(getattr(F, function), **pair.fixed), rows, set(range(len(rows))))
    _refused_values(F, np.ones((4, 2)), np.ones(2))


def _wrong_arguments(shapes: list[list[str]], values: list[Any]) -> Iterator[tuple[list[Any], set[int]]]:
    """Calls that are wrong in one place, and the places that may be named as the culprit."""
    for place, (letters, value) in enumerate(zip(shapes, values, strict=True)):

        def put(bad: Any, place: int = place) -> list[Any]:
            return [*values[:place], bad, *values[place + 1 :]]

        for bad in (value * 1j, np.full(np.shape(value), "1"), np.full(np.shape(value), None)):
            yield put(bad), {place}
        if letters and letters[-1] == "int":
            yield put(value * 1.0), {place}
        lengths = [letter for letter in letters if letter != "int"]
        if len(lengths) == np.ndim(value) > 0:
            yield put(value[0]), set(range(len(values)))
        for axis, letter in enumerate(lengths, start=np.ndim(value) - len(lengths)):
            sharing = {k for k, others in enumerate(shapes) if letter in others}
            if len(sharing) > 1:
                yield put(np.concatenate([value, value.take([0], axis)], axis)), sharing


def _refused(function: Callable[..., Any], values: list[Any], blamed: set[int]) -> None:
    said = refuses(lambda: function(*values), " must ")
    names = [name for name in inspect.signature(function).parameters]
    culprit = said.split()[0]
    assert culprit in {names[k] for k in blamed}, said
    value = np.asarray(values[names.index(culprit)])
    found = str(value.dtype) if " hold " in said else str(value.shape)
    assert found in said or (value.ndim and str(value.dtype) in said), said


def _refused_values(F: ModuleType, x: np.ndarray, two: np.ndarray) -> None:
    """What a line of shapes cannot say: bounds, advice, statistics that come in pairs."""
    rng = np.random.default_rng(0)
    refuses(lambda: F.linear(two, np.ones((3, 2))), "x must have shape (n, d)", "(2,)", "x[None, :]")
    refuses(lambda: F.linear(x, np.ones((3, 5))), "W must have shape", "2)", "(3, 5)")
    for p in (-0.1, 1.0, 1.5, float("nan")):
        refuses(lambda p=p: F.dropout(x, p, rng), "p must be", f"got {p}")
    refuses(lambda: F.dropout(x, 0.5, 3), "rng must be a", "3")
    refuses(lambda: F.dropout([["a"]], 0.5, rng), "x must hold real numbers")
    for slope in (-0.01, 1.01, float("nan")):
        refuses(lambda s=slope: F.leaky_relu(x, s), "slope must", f"got {slope}")
        refuses(lambda s=slope: F.leaky_relu_backward(x, x, s), "slope must", f"got {slope}")
    one, half = np.float32([-1]), np.float64(0.5)  # a slope that was computed must not widen float32
    assert F.leaky_relu(one, half).dtype == F.leaky_relu_backward(one, one, half).dtype == np.float32
    for f in (F.binary_cross_entropy, F.binary_cross_entropy_backward):
        refuses(lambda f=f: f([[1, 1]], [[-0.5, 1]]), "y must lie from 0 to 1", "from -0.5 to 1")
        refuses(lambda f=f: f([[1, 1]], [[0, 1.5]]), "y must lie from 0 to 1", "from 0 to 1.5")
    for f in (F.softmax_cross_entropy, F.softmax_cross_entropy_backward):
        refuses(lambda f=f: f(np.ones((4, 3)), [0, 1, 1, 3]), "labels must lie from 0 to 2, got 0 to 3")
        refuses(lambda f=f: f(np.ones((4, 3)), [0, 1, 1, -1]), "labels must lie from 0 to 2, got -1 to 1")
        refuses(lambda f=f: f(x, np.eye(4, 2)), "labels", "float64")
        f(x, np.array([0, 1, 1, 0], dtype=np.uint8))  # labels as they come from an image file
    for softmax in (F.softmax, F.log_softmax):
        refuses(lambda f=softmax: f(np.ones((2, 3, 0))), "z must hold at least one score in each row")
        same(softmax(np.ones((2, 0, 3))).shape, (2, 0, 3))
    _refused_windows(F)
    _refused_lookups(F)
    for op in ("batch_norm", "layer_norm"):
        forward, backward = getattr(F, op), getattr(F, f"{op}_backward")
        for eps in (0.0, -1e-5, float("nan")):
            refuses(lambda f=forward, e=eps: f(x, two, two, eps=e), "eps must be", f"got {eps}")
            refuses(lambda f=backward, e=eps: f(x, x, two, eps=e), "eps must be", f"got {eps}")
        single = np.float32(x), np.float32(two), np.float32(two)
        assert forward(*single, eps=np.float64(1)).dtype == np.float32, "eps must not widen float32"
    for call in (lambda *given: F.batch_norm(x, two, two, *given),
                 lambda *given: F.batch_norm_backward(x, x, two, *given)):  # fmt: skip
        refuses(lambda c=call: c(two), "mean and var must be given both", "got no var")
        refuses(lambda c=call: c(None, two), "mean and var must be given both", "got no mean")
        refuses(lambda c=call: c(two, [1, -0.5]), "var must not be negative", "value of -0.5")
        call([0, 0], [0, 0])  # a variance of 0 is one: eps is added


def _refused_windows(F: ModuleType) -> None:
    image, W = np.ones((2, 1, 5, 4)), np.ones((3, 1, 2, 3))
    for options, out in ({}, (4, 2)), ({"stride": 2}, (2, 1)), ({"padding": 1}, (6, 4)):
        F.conv2d_backward(np.ones((2, 3, *out)), image, W, **options)
        wrong = np.ones((2, 3, out[0], out[1] + 1))
        refuses(
            lambda w=wrong, o=options: F.conv2d_backward(w, image, W, **o), f"dout must have {out} places"
        )
    for bad in (0, 1.5, "2", True):
        refuses(lambda b=bad: F.conv2d(image, W, stride=b), "stride must be a whole number", "1")
        refuses(lambda b=bad: F.max_pool2d(image, b), "kernel_size must be a whole number, at least 1")
        refuses(lambda b=bad: F.max_pool2d(image, 2, b), "stride must be a whole number, at least 1")
    refuses(lambda: F.conv2d(image, W, padding=-1), "padding must be a whole number, at least 0")
    refuses(lambda: F.conv2d(image[:, :, :1], W), "x must be at least", "kernel, (2, 3)", "(1, 4), padding 0")
    refuses(lambda: F.conv2d(image[:, :, :, :1], W), "x must be at least as large")
    F.conv2d(image[:, :, :, :1], W, padding=1)
    for kernel in (1, 5), (6, 1):  # too wide, too high
        refuses(lambda k=kernel: F.conv2d(image, np.ones((3, 1, *k))), "x must be at least", str(kernel))
    for none in (W[:, :, :0], W[:0]):
        refuses(lambda n=none: F.conv2d(image, n), "W must hold at least one weight", str(none.shape))
    refuses(lambda: F.max_pool2d(image, 5), "x must be at least as large as the window")
    for small in (np.uint8, np.int8):  # a number of few bits must not overflow when it is multiplied
        wide = np.ones((1, 1, 300, 3))
        same(F.conv2d(wide, np.ones((1, 1, 2, 2)), stride=small(2), padding=small(1)).shape, (1, 1, 151, 2))
        same(F.max_pool2d(wide, small(3), small(100)).shape, (1, 1, 3, 1))
    refuses(
        lambda: F.conv2d(np.ones((2, 784)), W), "(n, c, h, w)", "(2, 784)", "x.reshape(-1, c, height, width)"
    )
    refuses(lambda: F.max_pool2d(image, 5), "x must be at least", "(5, 5)", "(5, 4)")
    refuses(
        lambda: F.max_pool2d_backward(np.ones((2, 1, 2, 3)), image, 2),
        "dout must have (2, 2) places, got (2, 3)",
    )


def _refused_lookups(F: ModuleType) -> None:
    E, two = np.ones((3, 2)), np.ones((2, 2))
    for bad, found in ([0, 3], "0 to 3"), ([-1, 2], "-1 to 2"):
        refuses(lambda b=bad: F.embedding(b, E), "x must lie from 0 to 2", found)
        refuses(lambda b=bad: F.embedding_backward(two, b, E), "x must lie from 0 to 2", found)
    same(F.embedding(np.zeros((0, 4), int), E).shape, (0, 4, 2))
    attend, back = F.scaled_dot_product_attention, F.scaled_dot_product_attention_backward
    refuses(lambda: attend(np.ones((2, 0)), np.ones((3, 0)), E), "q must hold at least one feature", "(2, 0)")
    refuses(lambda: attend(two, np.ones((0, 2)), np.ones((0, 2))), "k must hold at least one key", "(0, 2)")
    refuses(lambda: attend(two, E, np.ones((4, 2))), "v must have shape (3, e)", "(4, 2)")
    wrong = (3, 2), (4, 3), (2, 2), (1, 2, 3)
    for mask in (np.ones((2, 3)), *(np.ones(shape, bool) for shape in wrong), [True, False]):
        refuses(lambda m=mask: attend(two, E, E, m), "attn_mask must hold True where", "(2, 3)")
        refuses(lambda m=mask: back(two, two, E, E, m), "attn_mask must hold True where", "(2, 3)")
    for open_late in ([[False, True, True]] * 2, [[False, False, True], [True, False, False]]):
        same(attend(two, E, E, np.array(open_late)).shape, (2, 2))  # nothing else is masked
        same(back(two, two, E, E, np.array(open_late))[0].shape, (2, 2))
    closed = np.array([[True, False, True], [False, False, False]])
    refuses(lambda: attend(two, E, E, closed), "attn_mask must leave each query at least one key")


CHECKS: dict[str, Callable[[ModuleType], None]] = {
    **{f"pair: {op}": lambda F, op=op: check_pair_at_seeds(F, op) for op in OPERATIONS},
    "complete": check_complete,
    "known values": check_known_values,
    "attention": check_attention,
    "rows add up": check_rows_add_up,
    "extremes": check_extremes,
    "NaN": check_nan,
    "kinks": check_kinks,
    "dtypes": check_dtypes,
    "rows are independent": check_rows_are_independent,
    "losses average": check_losses_average,
    "any shape": check_any_shape,
    "edges": check_edges,
    "gelu": check_gelu,
    "normalization": check_normalization,
    "places": check_places,
    "dropout": check_dropout,
    "errors": check_errors,
}


# --- Small tools --------------------------------------------------------------------------------------


def same(found: Any, expected: Any) -> None:
    np.testing.assert_array_equal(found, expected, strict=False)
    assert np.shape(found) == np.shape(expected), f"shape {np.shape(found)}, expected {np.shape(expected)}"


def close(found: Any, expected: Any, rtol: float = 1e-13) -> None:
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=0)
    assert np.shape(found) == np.shape(expected), f"shape {np.shape(found)}, expected {np.shape(expected)}"


def refuses(call: Callable[[], Any], *fragments: str) -> str:
    """The call raises ValueError and its message holds every fragment; returns the message."""
    try:
        result = call()
    except ValueError as error:
        message = str(error)
    else:
        raise AssertionError(f"accepted, gave {result!r}; expected an error about {fragments}")
    for fragment in fragments:
        assert fragment in message, f"{fragment!r} is not in the error {message!r}"
    return message
