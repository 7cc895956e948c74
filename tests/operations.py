"""The operations under test, one row each: shapes, an independent reference, where there is no derivative.

Whoever needs to call an operation reads it here: the oracles (and through them the mutants), the property
tests, the twins of what lessons derive. A new operation is one new row.

The references are written in ``autograd.numpy`` from textbook formulas, not copied from the package: naive
where the package is careful, so the two agree only where both are right.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any

import autograd.numpy as anp
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

Arrays = dict[str, np.ndarray]

# --- The references -----------------------------------------------------------------------------------


def _linear(x, W, b):
    return anp.einsum("...k,jk->...j", x, W) + b


def _sigmoid(z):
    return 1 / (1 + anp.exp(-z))


def _tanh(z):
    return (anp.exp(z) - anp.exp(-z)) / (anp.exp(z) + anp.exp(-z))


def _softmax(z):
    return anp.exp(z) / anp.sum(anp.exp(z), axis=-1, keepdims=True)


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


def _conv2d(x, W, b, stride=1, padding=0):
    """Place by place: the weighted sum of what lies under the kernel."""
    around = (padding, padding)
    x = anp.pad(x, ((0, 0), (0, 0), around, around), mode="constant")
    return _each_window(x, W.shape[2:], stride, lambda seen: anp.einsum("ncij,kcij->nk", seen, W) + b)


def _max_pool2d(x, kernel_size=2, stride=None):
    def largest(seen):
        return anp.max(anp.reshape(seen, (*seen.shape[:2], kernel_size**2)), axis=2)

    return _each_window(x, (kernel_size, kernel_size), stride or kernel_size, largest)


def _each_window(x, window, stride, function):
    (height, width), (kh, kw) = x.shape[2:], window
    rows, columns = range(0, height - kh + 1, stride), range(0, width - kw + 1, stride)
    found = [[function(x[:, :, i : i + kh, j : j + kw]) for j in columns] for i in rows]
    return anp.stack([anp.stack(row, axis=-1) for row in found], axis=-2)


def _rnn(x, h0, Wx, Wh, b):
    states = [h0]
    for t in range(x.shape[1]):
        states.append(
            _tanh(anp.einsum("nd,md->nm", x[:, t], Wx) + anp.einsum("nk,mk->nm", states[-1], Wh) + b)
        )
    return anp.stack(states[1:], axis=1)


def _embedding(x, E):
    return anp.einsum("...k,kd->...d", np.eye(E.shape[0])[x], E)


def _attention(q, k, v, is_causal=False):
    """Query by query: it looks at the keys it may, one softmax for each."""
    outs = []
    for i in range(q.shape[-2]):
        seen = min(i + 1, k.shape[-2]) if is_causal else k.shape[-2]
        scores = anp.einsum("...d,...sd->...s", q[..., i, :], k[..., :seen, :]) / q.shape[-1] ** 0.5
        outs.append(anp.einsum("...s,...se->...e", _softmax(scores), v[..., :seen, :]))
    return anp.stack(outs, axis=-2)


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


def _dropout(F: ModuleType, x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Steer the draw so that exactly the given mask results: 0 or one common factor."""
    factor = float(mask.max(initial=1.0))
    out, found = F.dropout(x, 1 - 1 / factor, FixedDraw(np.where(mask > 0, 1.0, 0.0)))
    if factor > 1:  # with p = 0 nothing is dropped, whatever the mask says
        np.testing.assert_allclose(found, mask, rtol=1e-12)
    return out if factor > 1 else np.asarray(x) * mask


# --- What a row says ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Values:
    """The numbers an argument is tried on: from ``low`` to ``high``, none closer to 0 than ``gap``."""

    low: float = -4.0
    high: float = 4.0
    gap: float = 0.0

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        size = rng.uniform(max(self.low, self.gap), self.high, size=shape)
        return size * rng.choice([-1, 1], size=shape) if self.low < 0 else size

    @property
    def strategy(self) -> st.SearchStrategy[float]:
        if self.gap:
            return st.floats(self.low, -self.gap) | st.floats(self.gap, self.high)
        return st.floats(self.low, self.high)


LENGTHS = {"n": (1, 5), "d": (1, 6), "k": (1, 6)}


@dataclass(frozen=True)
class Operation:
    """How to call an operation and its backward, and what they must agree with.

    ``shapes`` as in ``@op``: a letter for a length, ``...`` any axes, ``int`` for labels; ``dout`` has the
    shape of the output, and a loss has none. ``lengths`` of letters besides n, d and k run from a smallest to
    a largest, which is the one of a sample. ``back`` names what the backward wants after ``dout``, ``out``
    being the forward's result; ``grads`` the arguments whose gradients it returns, in its order.
    """

    title: str
    shapes: str
    reference: Callable[..., Any]
    back: str = ""
    grads: str = ""  # the first argument, where nothing else is said
    values: dict[str, Values] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)  # numbers, not arrays: drawn by hypothesis
    fixed: dict[str, Any] = field(default_factory=dict)  # the same in every call of this row
    lengths: dict[str, tuple[int, int]] = field(default_factory=dict)
    needs: str = ""  # letters of lengths that must not be 0
    couples_rows: bool = False
    arranged: Callable[[Arrays], Arrays] = lambda arguments: arguments
    called: Callable[..., Any] | None = None  # where the arguments are not those of the function

    @property
    def name(self) -> str:
        return self.title.split(",")[0]

    @property
    def letters(self) -> dict[str, list[str]]:
        parts = (part.split(":") for part in self.shapes.split(", "))
        return {name: letters.replace("n ...", "n").replace("...", "n d" if letters.strip() == "..." else "n")
                .split() for name, letters in parts}  # fmt: skip

    @property
    def is_loss(self) -> bool:
        return "dout" not in self.letters

    @property
    def inputs(self) -> list[str]:
        return self.grads.split() or list(self.letters)[:1]

    def _called_with(self, arguments: Arrays) -> tuple[list[Any], dict[str, Any]]:
        drawn = {name: np.asarray(arguments[name]).item() for name in self.options if name in arguments}
        options = drawn | self.fixed
        return [value for name, value in arguments.items() if name not in options], options

    def forward(self, F: ModuleType, **arguments: Any) -> Any:
        if self.called:
            return self.called(F, **arguments)
        plain, options = self._called_with(arguments)
        return getattr(F, self.name)(*plain, **options)

    def backward_arguments(self, F: ModuleType, dout: Any, **arguments: Any) -> list[Any]:
        if self.is_loss:
            return list(arguments.values())
        known = {"out": self.forward(F, **arguments)} if "out" in self.back else {}
        return [dout, *((arguments | known)[name] for name in self.back.split())]

    def backward(self, F: ModuleType, dout: Any, **arguments: Any) -> tuple[np.ndarray, ...]:
        given = self.backward_arguments(F, dout, **arguments)
        found = getattr(F, f"{self.name}_backward")(*given, **self._called_with(arguments)[1])
        return found if isinstance(found, tuple) else (found,)

    def sample(self, rng: np.random.Generator, **lengths: int) -> Arrays:
        """Arguments at random; lengths not given are different from one another."""
        largest = {letter: most for letter, (_, most) in self.lengths.items()}
        lengths = {"n": 4, "d": 2, "k": 3} | largest | lengths
        return self._filled(lengths, lambda values, shape: values.draw(rng, shape),
                            lambda k, shape: rng.integers(0, max(k, 1), size=shape))  # fmt: skip

    def _filled(self, lengths: dict[str, int], numbers: Callable, labels: Callable) -> Arrays:
        arguments = {}
        for name, letters in self.letters.items():
            if name == "dout":
                continue
            shape = tuple(lengths[letter] for letter in letters if letter != "int")
            if letters[-1] == "int":
                arguments[name] = labels(lengths["d"], shape)
            else:
                arguments[name] = numbers(self.values.get(name, Values()), shape)
        return self.arranged(arguments)

    @property
    def arguments(self) -> st.SearchStrategy[Arrays]:
        """What hypothesis draws from."""

        @st.composite
        def drawn(draw: Callable[..., Any]) -> Arrays:
            lengths = {
                letter: draw(st.integers(*bounds)) for letter, bounds in (LENGTHS | self.lengths).items()
            }
            filled = self._filled(
                lengths,
                lambda values, shape: draw(arrays(np.float64, shape, elements=values.strategy)),
                lambda k, shape: draw(arrays(np.int64, shape, elements=st.integers(0, k - 1))),
            )
            return filled | {name: draw(values.strategy) for name, values in self.options.items()}

        return drawn()


# --- The table ----------------------------------------------------------------------------------------

OFF_ZERO = Values(gap=1e-2)  # a centred difference across a kink is no derivative: see oracles.check_kinks


def _spread(axis: int) -> Callable[[Arrays], Arrays]:
    """Rows or columns far from constant, where the slope of a normalisation changes within a difference."""
    return lambda given: {**given, "x": given["x"] + 10 * np.indices(given["x"].shape)[axis]}


def _kept_six_in_ten(given: Arrays) -> Arrays:
    return {**given, "mask": (given["mask"] < 0.6) / 0.6}


def _apart(given: Arrays) -> Arrays:
    """No two numbers closer than a twentieth: at a tie a maximum has no derivative."""
    x = given["x"]
    ranks = np.argsort(np.argsort(x, axis=None, kind="stable"))
    return {**given, "x": x + 0.05 * ranks.reshape(x.shape)}


@dataclass(frozen=True)
class Whole:
    """A whole number among the options, from ``low`` to ``high``."""

    low: int
    high: int

    @property
    def strategy(self) -> st.SearchStrategy[int]:
        return st.integers(self.low, self.high)


CONVOLUTION: dict[str, Any] = {
    "shapes": "x: n c h w, W: k c i j, b: k, dout: n k p q", "back": "x W", "grads": "x W b",
    "lengths": {"k": (1, 5), "c": (1, 4), "i": (1, 3), "j": (1, 2), "h": (3, 7), "w": (3, 6)},
}  # fmt: skip
POOLING: dict[str, Any] = {
    "shapes": "x: n c h w, dout: n c p q", "back": "x", "arranged": _apart,
    "lengths": {"c": (1, 2), "h": (3, 7), "w": (3, 6)},
}  # fmt: skip
ATTENTION: dict[str, Any] = {
    "shapes": "q: ... t d, k: ... s d, v: ... s e, dout: ... t e", "back": "q k v",
    "grads": "q k v", "needs": "d", "couples_rows": True, "lengths": {"t": (1, 4), "s": (1, 5), "e": (1, 6)},
}  # fmt: skip
NORM: dict[str, Any] = {"grads": "x gamma beta", "options": {"eps": Values(1e-6, 1.0)}}

ROWS = [
    Operation("linear", "x: n ... d, W: k d, b: k, dout: n ... k", _linear, "x W", grads="x W b"),
    Operation("sigmoid", "z: ..., dout: ...", _sigmoid, "out"),
    Operation("tanh", "z: ..., dout: ...", _tanh, "out"),
    Operation("relu", "z: ..., dout: ...", lambda z: z * (z > 0), "z", values={"z": OFF_ZERO}),
    Operation("leaky_relu", "x: ..., dout: ...", _leaky_relu, "x",
              values={"x": OFF_ZERO}, options={"slope": Values(0.0, 1.0)}),
    Operation("gelu", "x: ..., dout: ...", _gelu, "x"),
    Operation("softmax", "z: n ... d, dout: n ... d", _softmax, "out", needs="d"),
    Operation("log_softmax", "z: n ... d, dout: n ... d", _log_softmax, "out", needs="d"),
    Operation("mse", "y_hat: n d, y: n d", _mse, needs="n"),
    Operation("binary_cross_entropy", "logits: n d, y: n d", _binary_cross_entropy, needs="n",
              values={"y": Values(0.0, 1.0)}),
    Operation("softmax_cross_entropy", "logits: n d, labels: n int", _softmax_cross_entropy, needs="nd"),
    Operation("dropout", "x: ..., mask: ..., dout: ...", lambda x, mask: x * mask, "mask", called=_dropout,
              values={"mask": Values(0.0, 1.0)}, arranged=_kept_six_in_ten),
    Operation("batch_norm", "x: n d, gamma: d, beta: d, dout: n d", _batch_norm, "x gamma", needs="n",
              couples_rows=True, arranged=_spread(0), **NORM),
    Operation("batch_norm, evaluation", "x: n d, gamma: d, beta: d, mean: d, var: d, dout: n d",
              _batch_norm_given, "x gamma mean var", values={"var": Values(0.01, 4.0)}, **NORM),
    Operation("layer_norm", "x: ... d, gamma: d, beta: d, dout: ... d", _layer_norm, "x gamma", needs="d",
              arranged=_spread(1), **NORM),
    Operation("conv2d", reference=_conv2d, **CONVOLUTION,
              options={"stride": Whole(1, 3), "padding": Whole(0, 2)}),
    Operation("conv2d, stride 2 and padding", reference=partial(_conv2d, stride=2, padding=1),
              fixed={"stride": 2, "padding": 1}, **CONVOLUTION),
    Operation("max_pool2d", reference=_max_pool2d, fixed={"kernel_size": 2}, **POOLING),
    Operation("max_pool2d, overlapping", reference=partial(_max_pool2d, kernel_size=3, stride=2),
              fixed={"kernel_size": 3, "stride": 2}, **POOLING),
    Operation("rnn", "x: n t d, h0: n m, Wx: m d, Wh: m m, b: m, dout: n t m", _rnn, "x h0 out Wx Wh",
              grads="x h0 Wx Wh b", lengths={"t": (1, 6), "m": (1, 5)},
              values={"Wx": Values(-1, 1), "Wh": Values(-1, 1), "x": Values(-2, 2)}),
    Operation("embedding", "x: n ... int, E: d k, dout: n ... k", _embedding, "x E", grads="E", needs="d",
              couples_rows=True),
    Operation("scaled_dot_product_attention", reference=_attention, **ATTENTION),
    Operation("scaled_dot_product_attention, causal", reference=partial(_attention, is_causal=True),
              fixed={"is_causal": True}, **ATTENTION),
]  # fmt: skip
OPERATIONS = {row.title: row for row in ROWS}


def operations(F: ModuleType) -> list[str]:
    """The public operations, without their backwards."""
    return [name for name in F.__all__ if not name.endswith("_backward")]
