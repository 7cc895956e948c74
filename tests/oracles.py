"""What is right, written a second time: checks of ``functional``, each given the module it is to check.

Because the module is an argument, a deliberately broken copy is judged by the very same code
(test_mutants.py). The references below are written in ``autograd.numpy`` from textbook formulas, not copied
from the package: naive where the package is careful, so the two agree only where both are right. Values at
which the naive formulas overflow are checked one by one in ``check_extremes``.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import autograd.numpy as anp
import numpy as np
from autograd import grad as autograd_gradient

Arrays = dict[str, np.ndarray]

# --- The references -----------------------------------------------------------------------------------


def _linear(x, W, b):
    return anp.einsum("ik,jk->ij", x, W) + b


def _sigmoid(z):
    return 1 / (1 + anp.exp(-z))


def _tanh(z):
    return (anp.exp(z) - anp.exp(-z)) / (anp.exp(z) + anp.exp(-z))


def _relu(z):
    return z * (z > 0)


def _softmax(z):
    return anp.exp(z) / anp.sum(anp.exp(z), axis=1, keepdims=True)


def _log_softmax(z):
    return anp.log(_softmax(z))


def _mse(y_hat, y):
    return anp.sum(anp.square(y - y_hat)) / y.shape[0]


def _binary_cross_entropy(logits, y):
    p = _sigmoid(logits)
    return -anp.sum(y * anp.log(p) + (1 - y) * anp.log(1 - p)) / y.shape[0]


def _softmax_cross_entropy(logits, labels):
    one_hot = np.eye(logits.shape[1])[labels]
    return -anp.sum(one_hot * _log_softmax(logits)) / logits.shape[0]


def _dropout(x, mask):
    return x * mask


def _leaky_relu(x, slope=0.01):
    return x * (x > 0) + slope * x * (x <= 0)


def _gelu(x):
    return x * _sigmoid(2 * anp.sqrt(2 / anp.pi) * (x + 0.044715 * x**3))  # (1 + tanh(u)) / 2 = sigma(2u)


def _normalized(x, axis, eps):
    count = x.shape[axis]
    centred = x - anp.sum(x, axis=axis, keepdims=True) / count
    return centred * (anp.sum(centred**2, axis=axis, keepdims=True) / count + eps) ** -0.5


def _batch_norm(x, gamma, beta, eps=1e-5):
    return _normalized(x, 0, eps) * gamma + beta


def _batch_norm_given(x, gamma, beta, mean, var, eps=1e-5):
    return gamma * (x - mean) * (var + eps) ** -0.5 + beta


def _layer_norm(x, gamma, beta, eps=1e-5):
    return _normalized(x, -1, eps) * gamma + beta


# --- The pairs ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pair:
    """How to call an operation and its backward, and what they must agree with.

    ``inputs`` names the arguments that have a gradient, in the order in which the backward returns them.
    ``forward(F, **arguments)`` and ``backward(F, dout, **arguments)`` call the module under test.
    ``sample(rng, n, d)`` draws arguments for the fixed seeds; hypothesis draws its own.
    """

    inputs: tuple[str, ...]
    reference: Callable[..., Any]
    forward: Callable[..., Any]
    backward: Callable[..., Any]
    sample: Callable[[np.random.Generator, int, int], Arrays]
    is_loss: bool = False
    refuses_empty_batch: bool = False
    refuses_no_columns: bool = False
    couples_rows: bool = False


def _scores(rng: np.random.Generator, n: int, d: int) -> Arrays:
    return {"z": rng.normal(size=(n, d)) * 2}


def _away_from_zero(rng: np.random.Generator, n: int, d: int) -> Arrays:
    return {"z": rng.uniform(0.1, 2, size=(n, d)) * rng.choice([-1, 1], size=(n, d))}


def _layer(rng: np.random.Generator, n: int, d: int) -> Arrays:
    return {"x": rng.normal(size=(n, d)), "W": rng.normal(size=(3, d)), "b": rng.normal(size=3)}


def _normed(rng: np.random.Generator, n: int, d: int) -> Arrays:
    return {
        "x": 3 * rng.normal(size=(n, d)) + 1,
        "gamma": rng.normal(size=d) + 1,
        "beta": rng.normal(size=d),
    }


def _through_output(op: str) -> dict[str, Callable[..., Any]]:
    """An activation whose backward wants the forward's output."""
    return {
        "forward": lambda F, z: getattr(F, op)(z),
        "backward": lambda F, dout, z: (getattr(F, f"{op}_backward")(dout, getattr(F, op)(z)),),
    }


def _loss(op: str) -> dict[str, Any]:
    """A loss: its backward takes the arguments of the forward and no upstream gradient."""
    return {
        "forward": lambda F, **arguments: getattr(F, op)(*arguments.values()),
        "backward": lambda F, dout, **arguments: (getattr(F, f"{op}_backward")(*arguments.values()),),
        "is_loss": True,
        "refuses_empty_batch": True,
    }


def _dropout_masks(rng: np.random.Generator, n: int, d: int) -> Arrays:
    return {"x": rng.normal(size=(n, d)), "mask": (rng.random((n, d)) < 0.6) / 0.6}


def _dropout_forward(F: ModuleType, x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Steer the draw so that exactly the given mask results: 0 or one common factor."""
    factor = float(mask.max(initial=1.0))
    draw = FixedDraw(np.where(mask > 0, 1.0, 0.0))
    out, found = F.dropout(x, 1 - 1 / factor, draw)
    if factor > 1:  # with p = 0 nothing is dropped, whatever the mask says
        np.testing.assert_allclose(found, mask, rtol=1e-12)
    return out if factor > 1 else np.asarray(x) * mask


PAIRS: dict[str, Pair] = {
    "linear": Pair(
        ("x", "W", "b"),
        _linear,
        lambda F, x, W, b: F.linear(x, W, b),
        lambda F, dout, x, W, b: F.linear_backward(dout, x, W),
        _layer,
    ),
    "sigmoid": Pair(("z",), _sigmoid, sample=_scores, **_through_output("sigmoid")),
    "tanh": Pair(("z",), _tanh, sample=_scores, **_through_output("tanh")),
    "relu": Pair(
        ("z",),
        _relu,
        lambda F, z: F.relu(z),
        lambda F, dout, z: (F.relu_backward(dout, z),),
        _away_from_zero,
    ),
    "softmax": Pair(("z",), _softmax, sample=_scores, refuses_no_columns=True, **_through_output("softmax")),
    "log_softmax": Pair(
        ("z",), _log_softmax, sample=_scores, refuses_no_columns=True, **_through_output("log_softmax")
    ),
    "mse": Pair(
        ("y_hat",),
        _mse,
        sample=lambda rng, n, d: {"y_hat": rng.normal(size=(n, d)), "y": rng.normal(size=(n, d))},
        **_loss("mse"),
    ),
    "binary_cross_entropy": Pair(
        ("logits",),
        _binary_cross_entropy,
        sample=lambda rng, n, d: {"logits": 2 * rng.normal(size=(n, d)), "y": rng.random((n, d))},
        **_loss("binary_cross_entropy"),
    ),
    "softmax_cross_entropy": Pair(
        ("logits",),
        _softmax_cross_entropy,
        sample=lambda rng, n, d: {
            "logits": 2 * rng.normal(size=(n, d)),
            "labels": rng.integers(0, max(d, 1), size=n),
        },
        refuses_no_columns=True,
        **_loss("softmax_cross_entropy"),
    ),
    "dropout": Pair(
        ("x",),
        _dropout,
        _dropout_forward,
        lambda F, dout, x, mask: (F.dropout_backward(dout, mask),),
        _dropout_masks,
    ),
    "leaky_relu": Pair(
        ("x",),
        _leaky_relu,
        lambda F, x, **slope: F.leaky_relu(x, **slope),
        lambda F, dout, x, **slope: (F.leaky_relu_backward(dout, x, **slope),),
        lambda rng, n, d: {"x": _away_from_zero(rng, n, d)["z"]},
    ),
    "gelu": Pair(
        ("x",),
        _gelu,
        lambda F, x: F.gelu(x),
        lambda F, dout, x: (F.gelu_backward(dout, x),),
        lambda rng, n, d: {"x": 2 * rng.normal(size=(n, d))},
    ),
    "batch_norm": Pair(
        ("x", "gamma", "beta"),
        _batch_norm,
        lambda F, x, gamma, beta, **eps: F.batch_norm(x, gamma, beta, **eps),
        lambda F, dout, x, gamma, beta, **eps: F.batch_norm_backward(dout, x, gamma, **eps),
        _normed,
        refuses_empty_batch=True,
        couples_rows=True,
    ),
    "layer_norm": Pair(
        ("x", "gamma", "beta"),
        _layer_norm,
        lambda F, x, gamma, beta, **eps: F.layer_norm(x, gamma, beta, **eps),
        lambda F, dout, x, gamma, beta, **eps: F.layer_norm_backward(dout, x, gamma, **eps),
        _normed,
        refuses_no_columns=True,
    ),
}

# Operations that do something else where they are given more.
VARIANTS: dict[str, Pair] = {
    "batch_norm, evaluation": Pair(
        ("x", "gamma", "beta"),
        _batch_norm_given,
        lambda F, x, gamma, beta, mean, var, **eps: F.batch_norm(x, gamma, beta, mean, var, **eps),
        lambda F, dout, x, gamma, beta, mean, var, **eps: F.batch_norm_backward(
            dout, x, gamma, mean, var, **eps
        ),
        lambda rng, n, d: {**_normed(rng, n, d), "mean": rng.normal(size=d), "var": rng.random(d) + 0.1},
    ),
}
ALL = {**PAIRS, **VARIANTS}


class FixedDraw(np.random.Generator):
    """A generator whose next ``random()`` is known, also where it hits a threshold exactly."""

    def __new__(cls, values):
        return super().__new__(cls, np.random.PCG64(0))

    def __init__(self, values):
        super().__init__(np.random.PCG64(0))
        self.values = np.asarray(values, dtype=float)

    def random(self, size=None, dtype=np.float64, out=None):
        assert tuple(size) == self.values.shape, f"asked for {size}, expected {self.values.shape}"
        return self.values.copy()


def operations(F: ModuleType) -> list[str]:
    """The public operations, without their backwards."""
    return [name for name in F.__all__ if not name.endswith("_backward")]


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
    pair = ALL[op]
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
    pair: Pair,
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
        arguments = ALL[op].sample(rng, n, d)
        shape = np.shape(ALL[op].reference(**arguments))
        check_pair(F, op, arguments, rng.normal(size=shape))


# --- Checks of one property, over all operations ------------------------------------------------------


def check_complete(F: ModuleType) -> None:
    """Every public function is exported, has its backward, and has an entry in PAIRS above."""
    public = {name for name, value in vars(F).items() if callable(value) and not name.startswith("_")}
    assert set(F.__all__) == public, f"__all__ and the public functions differ in {set(F.__all__) ^ public}"
    assert set(operations(F)) == set(PAIRS), f"no oracle, or no operation: {set(operations(F)) ^ set(PAIRS)}"
    missing = [op for op in operations(F) if f"{op}_backward" not in F.__all__]
    assert not missing, f"no backward: {missing}"
    assert len(F.__all__) == 2 * len(PAIRS), "a backward without its forward"


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


def check_dtypes(F: ModuleType) -> None:
    """float32 stays, integers and booleans become float64, float64 targets leave a float32 network alone."""
    rng = np.random.default_rng(3)
    for op, pair in ALL.items():
        double = pair.sample(rng, 3, 2)
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
    for op, pair in ALL.items():
        if pair.is_loss or pair.couples_rows or op == "dropout":
            continue
        arguments = pair.sample(np.random.default_rng(7), 5, 3)
        first = pair.inputs[0]
        together = pair.forward(F, **arguments)
        for row in range(5):
            alone = pair.forward(F, **{**arguments, first: arguments[first][row : row + 1]})
            np.testing.assert_allclose(alone, together[row : row + 1], rtol=1e-13, err_msg=op)


def check_losses_average(F: ModuleType) -> None:
    """The same batch twice costs the same and has half the gradient in each copy; outputs are added up."""
    for op in operations(F):
        pair = PAIRS[op]
        if not pair.is_loss:
            continue
        once = pair.sample(np.random.default_rng(8), 3, 4)
        twice = {name: np.concatenate([value, value]) for name, value in once.items()}
        close(pair.forward(F, **twice), pair.forward(F, **once))
        (grad,), (grads,) = pair.backward(F, None, **once), pair.backward(F, None, **twice)
        close(grads, np.concatenate([grad, grad]) / 2)
        if op != "softmax_cross_entropy":
            wide = {name: np.hstack([value, value]) for name, value in once.items()}
            close(pair.forward(F, **wide), 2 * pair.forward(F, **once))


def check_any_shape(F: ModuleType) -> None:
    """What acts on each number alone takes a number, a vector, a cube, in whatever order in memory."""
    for op in ("sigmoid", "tanh", "relu", "leaky_relu", "gelu"):
        forward, backward = getattr(F, op), getattr(F, f"{op}_backward")
        cube = np.asfortranarray(np.random.default_rng(9).normal(size=(2, 3, 4)))
        flat = forward(cube.ravel())
        assert np.shape(forward(0.5)) == () and np.shape(backward(2.0, 0.5)) == (), f"{op} of a number"
        same(forward(cube), flat.reshape(cube.shape))
        same(backward(cube, cube), backward(cube.ravel(), cube.ravel()).reshape(cube.shape))
        same(forward(cube[:, ::-1]), forward(cube)[:, ::-1])


def check_edges(F: ModuleType) -> None:
    """No examples, or no columns: an empty answer where that means something, a clear error where not."""
    for op, pair in ALL.items():
        first = pair.inputs[0]
        for n, d in [(0, 3), (2, 0), (0, 0)]:
            given = pair.sample(np.random.default_rng(0), n, d)
            if "labels" in given:
                given["labels"] = np.zeros(n, dtype=int)
            if (n == 0 and pair.refuses_empty_batch) or (d == 0 and pair.refuses_no_columns):
                name = "labels" if "labels" in given and n > 0 else first
                refuses(lambda p=pair, g=given: p.forward(F, **g), name)
                if pair.is_loss or pair.couples_rows or op == "layer_norm":
                    dout = np.zeros((n, d))
                    refuses(lambda p=pair, g=given, dout=dout: p.backward(F, dout, **g), name)
            else:
                check_pair(F, op, given)
    refuses(lambda: F.log_softmax(np.zeros((2, 0))), "z must have at least one score", "(2, 0)")
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
    """Bad input is refused by name, with what was found and what was expected."""
    x, W, b = np.ones((4, 2)), np.ones((3, 2)), np.ones(3)
    rng = np.random.default_rng(0)
    refuses(lambda: F.linear(np.ones(2), W, b), "x must have shape (n, d)", "(2,)", "x[None, :]")
    said = refuses(lambda: F.linear(np.ones((1, 4, 2)), W, b), "x must have shape (n, d)", "(1, 4, 2)")
    assert "None" not in said, said
    bad_W = "W must have shape (d_out, 2) to receive x of shape (4, 2), got "
    refuses(lambda: F.linear(x, np.ones((3, 5)), b), bad_W + "(3, 5)")
    refuses(lambda: F.linear(x, np.ones(2)), bad_W + "(2,)")
    refuses(lambda: F.linear(x, np.ones((3, 2, 1))), bad_W + "(3, 2, 1)")
    refuses(lambda: F.linear(x, W, np.ones(2)), "b must have shape (3,)", "got (2,)")
    refuses(lambda: F.linear(x, W, np.ones((3, 1))), "b must have shape (3,)", "got (3, 1)")
    refuses(lambda: F.linear(x, W, 1.0), "b must have shape (3,)", "got ()")
    refuses(lambda: F.linear_backward(np.ones((4, 5)), x, W), "dout must have shape (4, 3)", "got (4, 5)")
    refuses(lambda: F.linear_backward(np.ones((1, 3)), x, W), "dout must have shape (4, 3)", "got (1, 3)")
    refuses(lambda: F.linear_backward(np.ones(3), x, W), "dout must have shape (n, d)", "dout[None, :]")
    refuses(lambda: F.linear_backward(np.ones((4, 3)), x[0], W), "x must have shape (n, d)", "(2,)")
    refuses(lambda: F.linear_backward(np.ones((4, 3)), x, W.T), bad_W + "(2, 3)")
    for op, value in [
        ("sigmoid", "a"),
        ("tanh", "a"),
        ("relu", "z"),
        ("softmax", "p"),
        ("log_softmax", "log_p"),
    ]:
        backward = getattr(F, f"{op}_backward")
        want = f"dout must have the shape of {value}, (4, 2), got "
        refuses(lambda f=backward: f(np.ones((4, 1)), x), want + "(4, 1)")
        refuses(lambda f=backward: f(1.0, x), want + "()")
        refuses(lambda f=backward: f(x + 1j, x), "dout must hold real numbers", "complex128")
        refuses(lambda f=backward: f(x, x + 1j), f"{value} must hold real numbers", "complex128")
        refuses(lambda o=op: getattr(F, o)([["1"]]), "z must hold real numbers", "<U1")
        refuses(lambda o=op: getattr(F, o)([[None]]), "z must hold real numbers", "object")
    for op, value in [("softmax", "p"), ("log_softmax", "log_p")]:
        refuses(lambda o=op: getattr(F, o)([1.0, 2.0]), "z must have shape (n, d)", "(2,)", "z[None, :]")
        backward = getattr(F, f"{op}_backward")
        refuses(lambda f=backward: f([1.0], [1.0]), f"{value} must have shape (n, d)", "(1,)")
    _loss_errors(F, x)
    _activation_errors(F, x)
    _normalization_errors(F, x)
    for p in (-0.1, 1.0, 1.5, float("nan")):
        refuses(lambda p=p: F.dropout(x, p, rng), "p must be a probability", f"got {p}")
    refuses(lambda: F.dropout(x, 0.5, 3), "rng must be a generator", "got 3")
    refuses(lambda: F.dropout([["a"]], 0.5, rng), "x must hold real numbers")
    refuses(lambda: F.dropout_backward(np.ones((4, 1)), x), "dout", "mask", "(4, 2), got (4, 1)")
    refuses(lambda: F.dropout_backward([1j], [1]), "dout must hold real numbers")
    refuses(lambda: F.dropout_backward([1], [1j]), "mask must hold real numbers")


def _activation_errors(F: ModuleType, x: np.ndarray) -> None:
    for op in ("leaky_relu", "gelu"):
        forward, backward = getattr(F, op), getattr(F, f"{op}_backward")
        refuses(lambda f=forward: f([["1"]]), "x must hold real numbers", "<U1")
        refuses(lambda f=backward: f(np.ones((4, 1)), x), "dout must have the shape of x, (4, 2), got (4, 1)")
        refuses(lambda f=backward: f(x + 1j, x), "dout must hold real numbers")
        refuses(lambda f=backward: f(x, x + 1j), "x must hold real numbers")
    for slope in (-0.01, 1.01, float("nan")):
        refuses(lambda s=slope: F.leaky_relu(x, s), "slope must lie from 0 to 1", f"got {slope}")
        refuses(lambda s=slope: F.leaky_relu_backward(x, x, s), "slope must lie from 0 to 1", f"got {slope}")
    narrow = F.leaky_relu(np.float32([-1]), np.float64(0.5))
    assert narrow.dtype == np.float32, "a slope that was computed must not widen a float32 network"


def _normalization_errors(F: ModuleType, x: np.ndarray) -> None:
    two = np.ones(2)
    for op in ("batch_norm", "layer_norm"):
        forward, backward = getattr(F, op), getattr(F, f"{op}_backward")
        for bad in (np.ones(3), np.ones((2, 1)), 1.0):
            want = "must have shape (2,), one number for each feature of x, got " + str(np.shape(bad))
            refuses(lambda f=forward, b=bad: f(x, b, two), f"gamma {want}")
            refuses(lambda f=forward, b=bad: f(x, two, b), f"beta {want}")
            refuses(lambda f=backward, b=bad: f(x, x, b), f"gamma {want}")
        for eps in (0.0, -1e-5, float("nan")):
            refuses(lambda f=forward, e=eps: f(x, two, two, eps=e), "eps must be positive", f"got {eps}")
            refuses(lambda f=backward, e=eps: f(x, x, two, eps=e), "eps must be positive", f"got {eps}")
        refuses(lambda f=forward: f(x * 1j, two, two), "x must hold real numbers")
        refuses(lambda f=forward: f(x, two * 1j, two), "gamma must hold real numbers")
        refuses(lambda f=forward: f(x, two, two * 1j), "beta must hold real numbers")
        refuses(lambda f=backward: f(x * 1j, x, two), "dout must hold real numbers")
        refuses(lambda f=backward: f(x, x * 1j, two), "x must hold real numbers")
        refuses(lambda f=backward: f(x[:, :1], x, two), "dout must have the shape of x, (4, 2), got (4, 1)")
        single = np.float32(x), np.float32(two), np.float32(two)
        assert forward(*single, eps=np.float64(1)).dtype == np.float32, "eps must not widen float32"
    refuses(lambda: F.batch_norm(two, two, two), "x must have shape (n, d)", "(2,)", "x[None, :]")
    refuses(lambda: F.batch_norm_backward(two, two, two), "x must have shape (n, d)", "(2,)")
    refuses(lambda: F.batch_norm(x[:0], two, two), "x must hold at least one example", "(0, 2)")
    for empty in (1.0, np.ones((2, 0))):
        want = f"at least one feature on its last axis, got shape {np.shape(empty)}"
        refuses(lambda e=empty: F.layer_norm(e, two, two), "x must have", want)
        refuses(lambda e=empty: F.layer_norm_backward(e, e, two), "x must have", want)
    want = "beta must have shape (2,), one number for each feature of x, got (3,)"
    refuses(lambda: F.layer_norm(np.ones((4, 3, 2)), two, np.ones(3)), want)
    calls = [
        lambda *given: F.batch_norm(x, two, two, *given),
        lambda *given: F.batch_norm_backward(x, x, two, *given),
    ]
    for call in calls:
        refuses(lambda c=call: c(two), "mean and var must be given both", "got no var")
        refuses(lambda c=call: c(None, two), "mean and var must be given both", "got no mean")
        refuses(lambda c=call: c(np.ones(3), two), "mean must have shape (2,)", "got (3,)")
        refuses(lambda c=call: c(two, np.ones((1, 2))), "var must have shape (2,)", "got (1, 2)")
        refuses(lambda c=call: c(two, [1, -0.5]), "var must not be negative", "smallest value of -0.5")
        refuses(lambda c=call: c(two * 1j, two), "mean must hold real numbers")
        refuses(lambda c=call: c(two, two * 1j), "var must hold real numbers")
        call([0, 0], [0, 0])  # a variance of 0 is one: eps is added


def _loss_errors(F: ModuleType, x: np.ndarray) -> None:
    for f in (F.mse, F.mse_backward, F.binary_cross_entropy, F.binary_cross_entropy_backward):
        name = "y_hat" if f.__name__.startswith("mse") else "logits"
        want = f"y must have the shape of {name}, (4, 2), got "
        refuses(lambda f=f: f(x, np.ones((4, 1))), want + "(4, 1)")
        refuses(lambda f=f: f(x, np.ones(2)), want + "(2,)")
        refuses(lambda f=f: f(x[0], x[0]), f"{name} must have shape (n, d), got (2,)")
        refuses(lambda f=f: f(x, x + 1j), "y must hold real numbers")
        refuses(lambda f=f: f(x[:0], x[:0]), f"{name} must hold at least one example", "(0, 2)")
    for f in (F.binary_cross_entropy, F.binary_cross_entropy_backward):
        refuses(lambda f=f: f([[1, 1]], [[-0.5, 1]]), "y must lie from 0 to 1", "from -0.5 to 1")
        refuses(lambda f=f: f([[1, 1]], [[0, 1.5]]), "y must lie from 0 to 1", "from 0 to 1.5")
    for f in (F.softmax_cross_entropy, F.softmax_cross_entropy_backward):
        refuses(lambda f=f: f(np.ones((4, 3)), [0, 1, 1, 3]), "labels must lie from 0 to 2, got 0 to 3")
        refuses(lambda f=f: f(np.ones((4, 3)), [0, 1, 1, -1]), "labels must lie from 0 to 2, got -1 to 1")
        refuses(lambda f=f: f(x, [0, 1, 1]), "labels", "shape (4,)", "shape (3,)", "argmax(axis=1)")
        refuses(lambda f=f: f(x, np.eye(4, 2)), "labels", "integers of shape (4,)", "float64, shape (4, 2)")
        refuses(lambda f=f: f(x, np.ones(4)), "labels", "integers", "float64")
        refuses(lambda f=f: f(x[0], [0, 1]), "logits must have shape (n, d), got (2,)")
        refuses(lambda f=f: f(x[:0], np.zeros(0, int)), "logits must hold at least one example", "(0, 2)")
        f(x, np.array([0, 1, 1, 0], dtype=np.uint8))  # labels as they come from an image file


CHECKS: dict[str, Callable[[ModuleType], None]] = {
    **{f"pair: {op}": lambda F, op=op: check_pair_at_seeds(F, op) for op in ALL},
    "complete": check_complete,
    "known values": check_known_values,
    "rows add up": check_rows_add_up,
    "extremes": check_extremes,
    "kinks": check_kinks,
    "dtypes": check_dtypes,
    "rows are independent": check_rows_are_independent,
    "losses average": check_losses_average,
    "any shape": check_any_shape,
    "edges": check_edges,
    "gelu": check_gelu,
    "normalization": check_normalization,
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
