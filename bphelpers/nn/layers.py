"""Layers of rows: weighted sums, activations, dropout, normalisation."""

import inspect
from collections.abc import Callable

import numpy as np
from numpy import ndarray
from numpy.typing import ArrayLike, DTypeLike

from bphelpers import functional as F
from bphelpers.arguments import Array, generator, number, whole
from bphelpers.functional import at_least_one
from bphelpers.nn.modules import UNFIT, Module, Parameter, fitting, shaped_as

Initializer = Callable[[int, int, np.random.Generator], Array]


def xavier_uniform(d_out: int, d_in: int, rng: np.random.Generator) -> Array:
    """Uniform on ``+-sqrt(6 / (d_in + d_out))`` [13].

    Source: X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward neural
    networks, 2010.
    """
    bound = np.sqrt(6 / (d_in + d_out))
    return rng.uniform(-bound, bound, size=(d_out, d_in))


def he_normal(d_out: int, d_in: int, rng: np.random.Generator) -> Array:
    """Normal with variance ``2 / d_in``, made for ReLU [13].

    Source: K. He and others, Delving deep into rectifiers, 2015.
    """
    return rng.normal(0.0, np.sqrt(2 / d_in), size=(d_out, d_in))


INITIALIZERS: dict[str, Initializer] = {"xavier": xavier_uniform, "he": he_normal}


def floats(dtype: DTypeLike) -> DTypeLike:
    """Refuse a type that holds no decimals."""
    if np.dtype(dtype).kind != "f":
        raise ValueError(f"dtype must be a floating type such as np.float32, got {np.dtype(dtype)}")
    return dtype


def drawn(
    init: str | Initializer, d_out: int, d_in: int, rng: np.random.Generator, dtype: DTypeLike
) -> Array:
    """Weights ``(d_out, d_in)`` by the name of an initializer, or by one's own."""
    if isinstance(init, str):
        if init not in INITIALIZERS:
            raise ValueError(f"init must be one of {sorted(INITIALIZERS)} or a function, got {init!r}")
        init = INITIALIZERS[init]
    weights = np.array(init(d_out, d_in, generator("rng", rng)), dtype=floats(dtype))
    if weights.shape != (d_out, d_in):
        raise ValueError(f"init must return shape {(d_out, d_in)}, got {weights.shape}")
    return weights


_linear, _linear_backward = F.linear.plain, F.linear_backward.plain


class Linear(Module):
    """Weighted sums, ``x @ W.T + b``; W is ``(out_features, in_features)`` as in ``torch.nn.Linear`` [05].

    ``init`` is "xavier", "he" or a function ``(d_out, d_in, rng) -> array``; biases begin at 0.

    >>> Linear(2, 3, rng=np.random.default_rng(0))(np.ones((5, 2))).shape
    (5, 3)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        rng: np.random.Generator,
        bias: bool = True,
        init: str | Initializer = "xavier",
        dtype: DTypeLike = np.float64,
    ) -> None:
        shape = whole("out_features", out_features, 1), whole("in_features", in_features, 1)
        weights = drawn(init, *shape, rng, dtype)
        self.W = Parameter(weights, "W")
        self.b = Parameter(np.zeros(out_features, dtype), "b") if bias else None

    def entering(self, x: ArrayLike) -> Array:
        W = self.W.data
        return fitting("x", x, "n ... d", W, d=W.shape[1])

    def forward(self, x: Array) -> Array:
        W, b = self.W._data, None if self.b is None else self.b._data
        try:
            if x.dtype is W.dtype and x.ndim > 1:
                self._kept = x
                return _linear(x, W, b)
        except UNFIT:  # a list, or an array of another library
            pass
        self._kept = x = self.entering(x)
        return _linear(x, W, b)

    def backward(self, dout: Array) -> Array:
        x, W, dW = self._kept, self.W._data, self.W._grad
        db = None if self.b is None else self.b._grad
        try:
            return _linear_backward(dout, x, W, dW, db, self.asked)[0]
        except (AttributeError, TypeError, ValueError):  # a list, another shape, other floats
            x = self.remembered()
            dout = fitting("dout", dout, "n ... k", W, **{"n": len(x), "...": x.shape[1:-1], "k": len(W)})
            return _linear_backward(dout, x, W, dW, db, self.asked)[0]

    def parameters(self) -> list[Parameter]:
        return [self.W] if self.b is None else [self.W, self.b]

    def __repr__(self) -> str:
        d_out, d_in = self.W.data.shape
        return f"Linear({d_in}, {d_out})" if self.b is not None else f"Linear({d_in}, {d_out}, bias=False)"


class Activation(Module):
    """A pair of functions without parameters: remembers the one array that the backward asks for."""

    _keeps_input: bool

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        taken, asked_for = (list(inspect.signature(function).parameters) for function in cls.pair)
        cls._keeps_input = asked_for[1] in taken  # the argument after dout

    def forward(self, x: Array) -> Array:
        if type(x) is not ndarray:
            x = self.entering(x)
        try:
            out = self.function(x)
        except TypeError:  # no numbers: the door says so
            out = self.function(x := self.entering(x))
        self._kept = x if self._keeps_input else out
        return out

    def backward(self, dout: Array) -> Array:
        kept = self._kept
        try:
            if dout.shape == kept.shape:
                return self.gradient(dout, kept)
        except UNFIT:  # a list, or nothing that was remembered
            pass
        return self.gradient(shaped_as(self.remembered(), dout), kept)


class Sigmoid(Activation):
    """:func:`~bphelpers.functional.sigmoid` as a layer [05]."""

    pair = F.sigmoid, F.sigmoid_backward


class Tanh(Activation):
    """:func:`~bphelpers.functional.tanh` as a layer [04]."""

    pair = F.tanh, F.tanh_backward


class ReLU(Activation):
    """:func:`~bphelpers.functional.relu` as a layer [11]."""

    pair = F.relu, F.relu_backward


class GELU(Activation):
    """:func:`~bphelpers.functional.gelu` as a layer [13]."""

    pair = F.gelu, F.gelu_backward


class LeakyReLU(Activation):
    """:func:`~bphelpers.functional.leaky_relu` as a layer; ``slope`` from 0 to 1 below 0 [13].

    >>> LeakyReLU(0.1)([[-1.0, 2.0]])
    array([[-0.1,  2. ]])
    """

    pair = F.leaky_relu, F.leaky_relu_backward

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = number("slope", slope, least=0, most=1)

    def function(self, x: Array) -> Array:  # type: ignore[override]
        return F.leaky_relu.plain(x, self.slope)

    def gradient(self, dout: Array, x: Array) -> Array:  # type: ignore[override]
        return F.leaky_relu_backward.plain(dout, x, self.slope)

    def __repr__(self) -> str:
        return f"LeakyReLU({self.slope})"


class Dropout(Module):
    """:func:`~bphelpers.functional.dropout` in training, a new mask each time; nothing in evaluation [11].

    >>> Dropout(0.5, rng=np.random.default_rng(0)).eval()([[1.0, 2.0]])
    array([[1., 2.]])
    """

    def __init__(self, p: float, *, rng: np.random.Generator) -> None:
        self.p, self.rng = number("p", p, least=0, below=1), generator("rng", rng)

    def forward(self, x: Array) -> Array:
        x = self.entering(x)
        out, self._kept = F.dropout.plain(x, self.p, self.rng) if self.training else (x, np.ones_like(x))
        return out

    def backward(self, dout: Array) -> Array:
        mask = self.remembered()
        return F.dropout_backward.plain(shaped_as(mask, dout), mask)

    def __repr__(self) -> str:
        return f"Dropout({self.p})"


class _Norm(Module):
    """What both normalisations have: a scale ``gamma`` and a shift ``beta`` for each feature."""

    def __init__(self, features: int, *, eps: float = 1e-5, dtype: DTypeLike = np.float64) -> None:
        self.gamma = Parameter(np.ones(whole("features", features, 1), floats(dtype)), "gamma")
        self.beta = Parameter(np.zeros(features, dtype), "beta")
        self.eps = number("eps", eps, above=0)

    def parameters(self) -> list[Parameter]:
        return [self.gamma, self.beta]

    def entering(self, x: ArrayLike) -> Array:
        gamma = self.gamma.data
        return fitting("x", x, self.pair[0].shapes["x"], gamma, d=len(gamma))

    def forward(self, x: Array) -> Array:
        self._kept = (self.entering(x),)
        return self.function(*self._kept, self.gamma.data, self.beta.data, eps=self.eps)

    def backward(self, dout: Array) -> Array:
        x, *given = self.remembered()
        dout = shaped_as(x, dout)
        dx, self.gamma.grad, self.beta.grad = self.gradient(dout, x, self.gamma.data, *given, eps=self.eps)
        return dx

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.gamma.data.size})"


class LayerNorm(_Norm):
    """:func:`~bphelpers.functional.layer_norm` as a layer: each example standardised over its features [13].

    >>> LayerNorm(2)([[1.0, 3.0]]).round(3)
    array([[-1.,  1.]])
    """

    pair = F.layer_norm, F.layer_norm_backward


class BatchNorm1d(_Norm):
    """:func:`~bphelpers.functional.batch_norm` as a layer: each feature standardised over the batch [13].

    In training by the batch, which also moves the running mean and variance, ``running = (1 - momentum) *
    running + momentum * batch``; in evaluation by the running ones. They begin at 0 and 1. As in PyTorch, the
    running variance takes variances divided by ``n - 1``; a batch of one, which PyTorch refuses, leaves it.

    >>> layer = BatchNorm1d(1)
    >>> layer([[1.0], [3.0]]).round(3).tolist(), layer.running_mean, layer.running_var
    ([[-1.0], [1.0]], array([0.2]), array([1.1]))
    """

    pair = F.batch_norm, F.batch_norm_backward
    running_mean = property(lambda self: self._mean.data)
    running_var = property(lambda self: self._var.data)

    def __init__(
        self, features: int, *, momentum: float = 0.1, eps: float = 1e-5, dtype: DTypeLike = np.float64
    ) -> None:
        super().__init__(features, eps=eps, dtype=dtype)
        self.momentum = number("momentum", momentum, least=0, most=1)
        self._mean = Parameter(np.zeros(features, dtype), "running_mean")
        self._var = Parameter(np.ones(features, dtype), "running_var")

    def buffers(self) -> list[Parameter]:
        return [self._mean, self._var]

    def forward(self, x: Array) -> Array:
        x = self.entering(x)
        if self.training:
            at_least_one("x", x)
            mean, var = x.mean(axis=0), x.var(axis=0)  # once, for the output and for the running values
            self._kept = (x,)
            if np.isfinite(var).all():  # else training stops at this batch; what was learned before it stays
                n, keep, take = len(x), 1 - self.momentum, self.momentum
                self._mean.data = keep * self.running_mean + take * mean
                if n > 1:
                    self._var.data = keep * self.running_var + take * (var * (n / (n - 1)))
        else:
            mean, var = self.running_mean, self.running_var
            self._kept = x, mean, var
        return self.function(x, self.gamma.data, self.beta.data, mean, var, eps=self.eps)
