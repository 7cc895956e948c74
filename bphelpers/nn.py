"""Layers and losses: pairs of functions that remember what their backward needs.

``net(x)`` looks at its argument; inside, a layer calls the plain formula of :mod:`bphelpers.functional` and
keeps what the matching backward asks for. All parameters of a network are parts of one array, ``net.flat``,
and their gradients parts of another: so a rule moves a network by one call, and each backward pass overwrites
``.grad``. [05] is the lesson.
"""

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from bphelpers import functional as F
from bphelpers.arguments import Array, generator, number, real, shaped, whole
from bphelpers.functional import at_least_one, mean_cost, p_minus_one_hot

# What a formula raises where an array does not fit. Then the arguments are looked at, and it is said why.
UNFIT = ArithmeticError, AttributeError, IndexError, TypeError, ValueError
_ndarray = np.ndarray
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


class Parameter:
    """An array that training changes, and the gradient of the loss with respect to it [05].

    What is put into ``data`` or ``grad`` is copied in, since both may be parts of larger arrays. Before the
    first backward pass ``grad`` is NaN.

    >>> Parameter(np.zeros((2, 3)), "W")
    Parameter W, shape (2, 3)
    """

    home: "Joined | None" = None  # the one array that it is a part of

    def __init__(self, data: ArrayLike, name: str) -> None:
        self._data = np.array(real("data", data))
        self._grad = np.full_like(self._data, np.nan)
        self.name = name

    @property
    def data(self) -> Array:
        """The values."""
        return self._data

    @data.setter
    def data(self, values: ArrayLike) -> None:
        self._put("data", self._data, values)

    @property
    def grad(self) -> Array:
        """The gradient that the latest backward pass found."""
        return self._grad

    @grad.setter
    def grad(self, values: ArrayLike) -> None:
        self._put("grad", self._grad, values)

    def _put(self, attribute: str, place: Array, values: ArrayLike) -> None:
        if values is not place:  # p.data -= step has written already
            array = real(f"{self.name}.{attribute}", values)
            if array.shape != place.shape:
                raise ValueError(f"{self.name}.{attribute} must have shape {place.shape}, got {array.shape}")
            place[...] = array

    def live_in(self, data: Array, grad: Array, home: "Joined | None" = None) -> None:
        """Move into these two arrays, keeping the values."""
        data[...], grad[...] = self._data, self._grad
        for joined, change in ((self.home, -1), (home, 1)):
            if joined is not None:
                joined.present += change
        self._data, self._grad, self.home = data, grad, home

    def __getstate__(self) -> dict[str, Any]:
        """A copy has arrays of its own."""
        return vars(self) | {"home": None}

    def __repr__(self) -> str:
        return f"Parameter {self.name}, shape {self.data.shape}"


class Joined(Parameter):
    """Parameters laid one after another into one array; each is a part of it from then on."""

    present = 0  # how many of the parts are here: one may have moved into another network

    def __init__(self, parts: list[Parameter]) -> None:
        kinds = sorted({str(p.data.dtype) for p in parts})
        if len(kinds) > 1 or len(set(parts)) < len(parts):
            found = " and ".join(kinds) if len(kinds) > 1 else "one of them twice"
            raise ValueError(f"flat must have parameters that fit into one array, got {found}")
        super().__init__(np.concatenate([p.data.ravel() for p in parts]) if parts else [], "all")
        self.parts = parts
        self.lay_out()

    def lay_out(self) -> None:
        """Make every part a part again."""
        for p, place in zip(self.parts, self.places(), strict=True):
            data, grad = (array[place].reshape(p.data.shape) for array in (self.data, self.grad))
            p.live_in(data, grad, self)
        self.present = len(self.parts)

    def places(self) -> Iterator[slice]:
        """Where each part lies."""
        end = 0
        for p in self.parts:
            begin, end = end, end + p.data.size
            yield slice(begin, end)


class _Remembers:
    """What a forward pass keeps for the backward pass; a ``pair`` of functions, called without a look."""

    pair: tuple[Any, Any] = None, None
    function: Callable[..., Any]
    gradient: Callable[..., Any]
    _kept: Any = None

    def __init_subclass__(cls) -> None:
        if "pair" in vars(cls) and "function" not in vars(cls):
            cls.function, cls.gradient = (staticmethod(getattr(f, "plain", f)) for f in cls.pair)

    def _remembered(self) -> Any:
        if self._kept is None:
            raise RuntimeError(f"{type(self).__name__}.backward needs a forward pass first")
        return self._kept

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Module(_Remembers):
    """What every layer offers. A layer of your own defines ``forward``, ``backward`` and ``parameters``.

    ``backward(dout)`` takes the gradient of the loss with respect to the output of the latest ``forward``,
    writes (does not add) the gradients of the parameters into their ``.grad``, and returns that of the input.
    """

    training = True
    asked = True  # for the gradient of its input: in training nobody asks the first layer

    def __call__(self, x: ArrayLike) -> Array:
        """Validate ``x``, then run ``forward``."""
        with np.errstate(over="ignore"):  # where a sigmoid's exponential is infinite, 1 over it is 0
            return self.forward(self.entering(x))

    def entering(self, x: ArrayLike) -> Array:
        """``x`` as this module takes it, or a ValueError that says what it takes."""
        return real("x", x)

    def forward(self, x: Array) -> Array:
        """Output for the batch ``x``; remembers what ``backward`` needs."""
        raise NotImplementedError

    def backward(self, dout: Array) -> Array:
        """Gradient with respect to the input of the latest ``forward``."""
        raise NotImplementedError

    def children(self) -> list["Module"]:
        """The modules directly inside."""
        return []

    def parameters(self) -> list[Parameter]:
        """All parameters, from input to output."""
        return [p for child in self.children() for p in child.parameters()]

    def buffers(self) -> list[Parameter]:
        """What is kept and saved with the parameters but has no gradient, such as a running mean."""
        return [p for child in self.children() for p in child.buffers()]

    def train(self, mode: bool = True) -> "Module":
        """Switch to training (dropout acts, batch norm looks at the batch); returns the module."""
        for child in self.children():
            child.train(mode)
        self.training = mode
        return self

    def eval(self) -> "Module":
        """Switch to evaluation (dropout does nothing, batch norm is fixed); returns the module."""
        return self.train(False)

    def state_dict(self) -> dict[str, Array]:
        """Copies of all parameters and buffers by name; ``np.savez(path, **net.state_dict())`` saves them."""
        return {name: p.data.copy() for name, p in self._by_name().items()}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Put back what :meth:`state_dict` gave, or ``np.load(path)``. Nothing is changed unless all fits."""
        own = self._by_name()
        if own.keys() != state.keys():
            raise ValueError(f"state must hold exactly {sorted(own)}, got {sorted(state)}")
        for name, p in own.items():
            if real(name, state[name]).shape != p.data.shape:
                raise ValueError(f"{name} must have shape {p.data.shape}, got {np.shape(state[name])}")
        for name, p in own.items():
            p.data = state[name]

    def _by_name(self) -> dict[str, Parameter]:
        kept = [*self.parameters(), *self.buffers()]
        named = {p.name: p for p in kept}
        if len(named) < len(kept):  # a network made of some of these layers has named them anew
            raise ValueError(f"parameters must have different names, got {[p.name for p in kept]}")
        return named


def leaves(net: Module, into: type[Module] | None = None) -> Iterator[Module]:
    """The layers that have none inside, from input to output.

    With ``into=Sequential`` only plain networks are opened: a :class:`Residual`, or a subclass of Sequential,
    which may feed its layers in another way, counts as one layer.
    """
    if isinstance(net, Sequential) or net.children() if into is None else type(net) is into:
        for child in net.children():
            yield from leaves(child, into)
    else:
        yield net


def _floats(dtype: DTypeLike) -> DTypeLike:
    if np.dtype(dtype).kind != "f":
        raise ValueError(f"dtype must be a floating type such as np.float32, got {np.dtype(dtype)}")
    return dtype


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
        if isinstance(init, str):
            if init not in INITIALIZERS:
                raise ValueError(f"init must be one of {sorted(INITIALIZERS)} or a function, got {init!r}")
            init = INITIALIZERS[init]
        weights = np.array(init(*shape, generator("rng", rng)), dtype=_floats(dtype))
        if weights.shape != shape:
            raise ValueError(f"init must return shape {shape}, got {weights.shape}")
        self.W = Parameter(weights, "W")
        self.b = Parameter(np.zeros(out_features, dtype), "b") if bias else None

    def entering(self, x: ArrayLike) -> Array:
        W = self.W.data
        return shaped("x", x, "n d", {"d": W.shape[1]}).astype(W.dtype, copy=False)

    def forward(self, x: Array) -> Array:
        W, b = self.W._data, None if self.b is None else self.b._data
        try:
            if x.dtype is W.dtype and x.ndim == 2:
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
            x = self._remembered()
            dout = shaped("dout", dout, "n k", {"n": len(x), "k": len(W)}).astype(W.dtype)
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
        if type(x) is not _ndarray:
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
        return self.gradient(_shaped_as(self._remembered(), dout), kept)


def _shaped_as(kept: Array, dout: Array) -> Array:
    return shaped("dout", dout, "...", {"...": kept.shape}).astype(kept.dtype, copy=False)


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
        mask = self._remembered()
        return F.dropout_backward.plain(_shaped_as(mask, dout), mask)

    def __repr__(self) -> str:
        return f"Dropout({self.p})"


class _Norm(Module):
    """What both normalisations have: a scale ``gamma`` and a shift ``beta`` for each feature."""

    def __init__(self, features: int, *, eps: float = 1e-5, dtype: DTypeLike = np.float64) -> None:
        self.gamma = Parameter(np.ones(whole("features", features, 1), _floats(dtype)), "gamma")
        self.beta = Parameter(np.zeros(features, dtype), "beta")
        self.eps = number("eps", eps, above=0)

    def parameters(self) -> list[Parameter]:
        return [self.gamma, self.beta]

    def entering(self, x: ArrayLike) -> Array:
        gamma = self.gamma.data
        return shaped("x", x, self.pair[0].shapes["x"], {"d": len(gamma)}).astype(gamma.dtype, copy=False)

    def forward(self, x: Array) -> Array:
        self._kept = (self.entering(x),)
        return self.function(*self._kept, self.gamma.data, self.beta.data, eps=self.eps)

    def backward(self, dout: Array) -> Array:
        x, *given = self._remembered()
        dout = _shaped_as(x, dout)
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


class Sequential(Module):
    """Layers one after another. Parameters are named by their layer: ``W1, b1, W2, b2, ...`` [05].

    >>> rng = np.random.default_rng(0)
    >>> net = Sequential(Linear(2, 3, rng=rng), Sigmoid(), Linear(3, 1, rng=rng))
    >>> [p.name for p in net.parameters()], net.flat
    (['W1', 'b1', 'W2', 'b2'], Parameter all, shape (13,))
    """

    _joined: Joined | None = None

    def __init__(self, *layers: Module) -> None:
        for layer in layers:
            if not isinstance(layer, Module):
                raise ValueError(f"layers must be modules such as nn.Linear, got {layer!r}")
        self.layers = list(layers)
        inside = list(leaves(self))
        if len(set(inside)) < len(inside):
            raise ValueError("each layer may stand in a network once; make a second one, do not use it again")
        with_numbers = [own for own in ([*leaf.parameters(), *leaf.buffers()] for leaf in inside) if own]
        for count, own in enumerate(with_numbers, start=1):
            for p in own:
                p.name = p.name.rstrip("0123456789") + str(count)
        parts = self.parameters()
        # Those that belong to a larger network stay there: ask for flat to have them.
        if all(p.home is None or set(p.home.parts) <= set(parts) for p in parts):
            with contextlib.suppress(ValueError):  # they do not fit into one array
                self._joined = Joined(parts)

    @property
    def flat(self) -> Parameter:
        """All parameters as one, for rules and vectors: ``W1`` row by row, ``b1``, ``W2``, ..."""
        parts = self.parameters()
        if self._joined is None or self._joined.parts != parts:
            self._joined = Joined(parts)
        elif self._joined.present < len(parts):
            self._joined.lay_out()
        return self._joined

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy lays its own parameters into its own array."""
        vars(self).update(state)
        if self._joined is not None:
            self._joined.lay_out()

    def children(self) -> list[Module]:
        return self.layers

    def entering(self, x: ArrayLike) -> Array:
        return self.layers[0].entering(x) if self.layers else real("x", x)

    def forward(self, x: Array) -> Array:
        if type(x) is not _ndarray:
            x = self.entering(x)
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout: Array) -> Array:
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout

    def __getitem__(self, index: int) -> Module:
        return self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        return "Sequential(\n" + "".join(f"  {layer!r},\n" for layer in self.layers) + ")"


class Residual(Sequential):
    """``x + f(x)``: the derivative is 1 plus that of the layers, so a gradient also gets past them [13].

    Source: K. He and others, Deep residual learning for image recognition, 2015.

    >>> Residual(ReLU())([[-1.0, 2.0]])
    array([[-1.,  4.]])
    """

    @property
    def body(self) -> Any:
        """The layers without the skip: ``self.body.backward(dout)``."""
        return super()

    def forward(self, x: Array) -> Array:
        x = self.entering(x)
        found = self.body.forward(x)
        if found.shape != x.shape:
            wanted = f"layers must keep the shape of x, {x.shape}, to be added to it"
            raise ValueError(f"{wanted}, got {found.shape}")
        return found + x.astype(found.dtype, copy=False)

    def backward(self, dout: Array) -> Array:
        dout = real("dout", dout)
        through = self.body.backward(dout)
        return through + np.asarray(dout, through.dtype)

    def __repr__(self) -> str:
        return f"Residual({', '.join(map(repr, self.layers))})"


class Loss(_Remembers):
    """A loss with memory: ``loss(y_hat, y)`` gives a float, ``backward()`` the gradient for ``y_hat``.

    A loss of your own says ``pair = value, gradient``, two functions of ``y_hat`` and ``y``.
    """

    labels = False  # whether a target is one whole number instead of one number for each output

    def function(self, y_hat: Array, y: NDArray[Any]) -> float:  # type: ignore[override]
        raise NotImplementedError

    def __call__(self, y_hat: ArrayLike, y: ArrayLike) -> float:
        """Validate both, then run ``forward``."""
        return self.forward(*self.entering(y_hat, y))

    def entering(self, y_hat: ArrayLike, y: ArrayLike) -> tuple[Array, NDArray[Any]]:
        """Both as arrays that fit each other, or a ValueError that says what does not."""
        look = getattr(self.pair[0], "look", None)
        return tuple(look(y_hat, y).values()) if look else (np.asarray(y_hat), np.asarray(y))

    def forward(self, y_hat: Array, y: NDArray[Any]) -> float:
        """Loss of the predictions; remembers both."""
        try:
            if type(y_hat) is type(y) is _ndarray and y_hat.shape == y.shape:
                self._kept = y_hat, y
                return self.function(y_hat, y)
        except UNFIT:
            pass
        self._kept = self.entering(y_hat, y)
        return self.function(*self._kept)

    def backward(self) -> Array:
        """Gradient of the loss with respect to ``y_hat`` of the latest ``forward``."""
        return self.gradient(*(self._kept or self._remembered()))

    def is_right(self, y_hat: ArrayLike, y: ArrayLike) -> NDArray[np.bool_] | None:
        """Which predictions name the right class; None where the loss knows no classes."""
        return None


class MSELoss(Loss):
    """:func:`~bphelpers.functional.mse` with memory [02].

    >>> MSELoss()([[3.0]], [[1.0]])
    4.0
    """

    pair = F.mse, F.mse_backward


class BCEWithLogitsLoss(Loss):
    """:func:`~bphelpers.functional.binary_cross_entropy` with memory [02]."""

    pair = F.binary_cross_entropy, F.binary_cross_entropy_backward

    def backward(self) -> Array:
        with np.errstate(over="ignore"):  # where a sigmoid's exponential is infinite, 1 over it is 0
            return super().backward()

    def is_right(self, y_hat: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        y_hat, y = self.entering(y_hat, y)
        right: NDArray[np.bool_] = np.all((y_hat > 0) == (y > 0.5), axis=1)
        return right


class CrossEntropyLoss(Loss):
    """:func:`~bphelpers.functional.softmax_cross_entropy` with memory: one softmax for both passes [02]."""

    pair = F.softmax_cross_entropy, F.softmax_cross_entropy_backward
    labels = True

    def forward(self, y_hat: Array, y: NDArray[Any]) -> float:
        try:
            if type(y_hat) is type(y) is _ndarray and y_hat.shape[:1] == y.shape:
                return self._cost(y_hat, y)
        except UNFIT:
            pass
        return self._cost(*self.entering(y_hat, y))

    def _cost(self, y_hat: Array, y: NDArray[Any]) -> float:
        self._kept = F.log_softmax.plain(y_hat), (np.arange(len(y)), y)
        return mean_cost(*self._kept)

    def backward(self) -> Array:
        return p_minus_one_hot(*self._remembered())

    def is_right(self, y_hat: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        y_hat, y = self.entering(y_hat, y)
        right: NDArray[np.bool_] = np.equal(np.argmax(y_hat, axis=1), y)
        return right
