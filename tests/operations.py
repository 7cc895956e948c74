"""The operations under test, one row each: shapes, an independent reference, where there is no derivative.

Whoever needs to call an operation reads it here: the oracles (and through them the mutants), the property
tests, the twins of what lessons derive. A new operation is one new row.

The references are written in ``autograd.numpy`` from textbook formulas, not copied from the package: naive
where the package is careful, so the two agree only where both are right.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import autograd.numpy as anp
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

Arrays = dict[str, np.ndarray]

# --- The references -----------------------------------------------------------------------------------


def _linear(x, W, b):
    return anp.einsum("ik,jk->ij", x, W) + b


def _sigmoid(z):
    return 1 / (1 + anp.exp(-z))


def _tanh(z):
    return (anp.exp(z) - anp.exp(-z)) / (anp.exp(z) + anp.exp(-z))


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


@dataclass(frozen=True)
class Operation:
    """How to call an operation and its backward, and what they must agree with.

    ``shapes`` as in ``@op``: a letter for a length, ``...`` any axes, ``int`` for labels; ``dout`` has the
    shape of the output, and a loss has none. ``back`` names what the backward wants after ``dout``, ``out``
    being the forward's result; ``grads`` the arguments whose gradients it returns, in its order.
    """

    title: str
    shapes: str
    reference: Callable[..., Any]
    back: str = ""
    grads: str = ""  # the first argument, where nothing else is said
    values: dict[str, Values] = field(default_factory=dict)
    options: dict[str, Values] = field(default_factory=dict)
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
        return {name: letters.replace("...", "n d" if letters.strip() == "..." else "n").split()
                for name, letters in parts}  # fmt: skip

    @property
    def is_loss(self) -> bool:
        return "dout" not in self.letters

    @property
    def inputs(self) -> list[str]:
        return self.grads.split() or list(self.letters)[:1]

    def _called_with(self, arguments: Arrays) -> tuple[list[Any], dict[str, Any]]:
        options = {name: value for name, value in arguments.items() if name in self.options}
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
        lengths = {"n": 4, "d": 2, "k": 3} | lengths
        return self._filled(lengths, lambda values, shape: values.draw(rng, shape),
                            lambda k, shape: rng.integers(0, max(k, 1), size=shape))  # fmt: skip

    def _filled(self, lengths: dict[str, int], numbers: Callable, labels: Callable) -> Arrays:
        arguments = {}
        for name, letters in self.letters.items():
            shape = tuple(lengths[letter] for letter in letters if letter != "int")
            if name == "dout":
                continue
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
                "n": draw(st.integers(1, 5)),
                "d": draw(st.integers(1, 6)),
                "k": draw(st.integers(1, 6)),
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


NORM: dict[str, Any] = {"grads": "x gamma beta", "options": {"eps": Values(1e-6, 1.0)}}

ROWS = [
    Operation("linear", "x: n d, W: k d, b: k, dout: n k", _linear, "x W", grads="x W b"),
    Operation("sigmoid", "z: ..., dout: ...", _sigmoid, "out"),
    Operation("tanh", "z: ..., dout: ...", _tanh, "out"),
    Operation("relu", "z: ..., dout: ...", lambda z: z * (z > 0), "z", values={"z": OFF_ZERO}),
    Operation("leaky_relu", "x: ..., dout: ...", _leaky_relu, "x",
              values={"x": OFF_ZERO}, options={"slope": Values(0.0, 1.0)}),
    Operation("gelu", "x: ..., dout: ...", _gelu, "x"),
    Operation("softmax", "z: n d, dout: n d", _softmax, "out", needs="d"),
    Operation("log_softmax", "z: n d, dout: n d", _log_softmax, "out", needs="d"),
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
]  # fmt: skip
OPERATIONS = {row.title: row for row in ROWS}


def operations(F: ModuleType) -> list[str]:
    """The public operations, without their backwards."""
    return [name for name in F.__all__ if not name.endswith("_backward")]
