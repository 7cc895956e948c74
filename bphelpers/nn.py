"""Layers that remember what their backward needs.

The functions in :mod:`bphelpers.functional` keep nothing. A layer calls one of them, keeps the values that
the matching backward asks for, and stores the gradients of its parameters in ``Parameter.grad``.

Lesson: 05_backprop_by_hand derives what ``Linear`` and ``Sigmoid`` do, 11_handwritten_digits puts them to
work.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from bphelpers import functional as F
from bphelpers.functional._validation import as_batch, as_float, as_generator, not_empty
from bphelpers.functional.losses import class_targets, mean_cost, p_minus_one_hot

Array = NDArray[np.floating]
Initializer = Callable[[int, int, np.random.Generator], Array]


def xavier_uniform(d_out: int, d_in: int, rng: np.random.Generator) -> Array:
    """Weights from the uniform distribution on ``+-sqrt(6 / (d_in + d_out))``.

    Source: X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward neural
    networks, 2010.
    Lesson: 13_deep_networks.

    >>> bool(abs(xavier_uniform(3, 3, np.random.default_rng(0))).max() <= 1)
    True
    """
    bound = np.sqrt(6 / (d_in + d_out))
    return rng.uniform(-bound, bound, size=(d_out, d_in))


def xavier_normal(d_out: int, d_in: int, rng: np.random.Generator) -> Array:
    """Weights from the normal distribution with variance ``2 / (d_in + d_out)``.

    Source: X. Glorot and Y. Bengio, as :func:`xavier_uniform`, whose variance is the same.
    Lesson: 13_deep_networks.

    >>> xavier_normal(3, 2, np.random.default_rng(0)).shape
    (3, 2)
    """
    return rng.normal(0.0, np.sqrt(2 / (d_in + d_out)), size=(d_out, d_in))


def he_normal(d_out: int, d_in: int, rng: np.random.Generator) -> Array:
    """Weights from the normal distribution with variance ``2 / d_in``, made for ReLU.

    Source: K. He and others, Delving deep into rectifiers, 2015. Lesson: 13_deep_networks.

    >>> he_normal(3, 2, np.random.default_rng(0)).shape
    (3, 2)
    """
    return rng.normal(0.0, np.sqrt(2 / d_in), size=(d_out, d_in))


def he_uniform(d_out: int, d_in: int, rng: np.random.Generator) -> Array:
    """Weights from the uniform distribution on ``+-sqrt(6 / d_in)``, with the variance of :func:`he_normal`.

    Source: K. He and others, as :func:`he_normal`. Lesson: 13_deep_networks.

    >>> bool(abs(he_uniform(3, 6, np.random.default_rng(0))).max() <= 1)
    True
    """
    bound = np.sqrt(6 / d_in)
    return rng.uniform(-bound, bound, size=(d_out, d_in))


INITIALIZERS: dict[str, Initializer] = {"xavier": xavier_uniform, "he": he_normal}


class Parameter:
    """An array that training changes, and the gradient of the loss with respect to it.

    Parameters
    ----------
    data : array
        The values; integers become float64.
    name : str
        Shown in reports, for example ``"W1"``.

    Attributes
    ----------
    grad : array, shape of ``data``, or None before the first backward pass

    Notes
    -----
    Lesson: 05_backprop_by_hand.

    Examples
    --------
    >>> Parameter(np.zeros((2, 3)), "W")
    Parameter W, shape (2, 3)
    """

    def __init__(self, data: ArrayLike, name: str) -> None:
        self.data = as_float("data", data)
        self.name = name
        self.grad: Array | None = None

    def __repr__(self) -> str:
        return f"Parameter {self.name}, shape {self.data.shape}"


class Module:
    """What every layer offers: ``forward``, ``backward``, ``parameters``.

    ``backward(dout)`` takes the gradient of the loss with respect to the output of the latest ``forward``,
    writes (does not add) the gradients of the parameters into their ``.grad``, and returns the gradient with
    respect to the input. Calling a module is calling its ``forward``.
    """

    training = True

    def forward(self, x: ArrayLike) -> Array:
        """Output for the batch ``x``; remembers what ``backward`` needs."""
        raise NotImplementedError

    def backward(self, dout: ArrayLike) -> Array:
        """Gradient with respect to the input of the latest ``forward``."""
        raise NotImplementedError

    def __call__(self, x: ArrayLike) -> Array:
        """Same as ``forward``."""
        return self.forward(x)

    def parameters(self) -> list[Parameter]:
        """All parameters, from input to output."""
        return []

    def buffers(self) -> list[Parameter]:
        """What is kept and saved with the parameters but has no gradient, such as a running mean."""
        return []

    def leaves(self) -> Iterator["Module"]:
        """The layers that have no layers inside, from input to output."""
        yield self

    def train(self, mode: bool = True) -> "Module":
        """Switch to training (dropout acts, batch norm looks at the batch); returns the module."""
        self.training = mode
        return self

    def eval(self) -> "Module":
        """Switch to evaluation (dropout does nothing, batch norm is fixed); returns the module."""
        return self.train(False)

    def state_dict(self) -> dict[str, Array]:
        """Copies of all parameters and buffers by name."""
        return {p.name: p.data.copy() for p in [*self.parameters(), *self.buffers()]}

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Put back what :meth:`state_dict` gave. Nothing is changed unless all names and shapes fit."""
        own = {p.name: p for p in [*self.parameters(), *self.buffers()]}
        if own.keys() != state.keys():
            raise ValueError(f"state must hold exactly {sorted(own)}, got {sorted(state)}")
        for name, p in own.items():
            if np.shape(state[name]) != p.data.shape:
                raise ValueError(f"{name} must have shape {p.data.shape}, got {np.shape(state[name])}")
        new = {name: as_float(name, value) for name, value in state.items()}
        for name, p in own.items():
            p.data = new[name].astype(p.data.dtype)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the parameters and buffers to ``path`` as a NumPy ``.npz`` archive, without pickle."""
        with open(path, "wb") as file:
            np.savez(file, **self.state_dict())  # type: ignore[arg-type]

    def load(self, path: str | os.PathLike[str]) -> None:
        """Read what :meth:`save` wrote for a network of the same shape."""
        with np.load(path, allow_pickle=False) as archive:
            self.load_state_dict(dict(archive))

    def _remembered(self, value: Any) -> Any:
        if value is None:
            raise RuntimeError(f"{type(self).__name__}.backward needs a forward pass first")
        return value


def _refuse_whole_numbers(dtype: DTypeLike) -> None:
    if np.dtype(dtype).kind != "f":
        raise ValueError(f"dtype must be a floating type such as np.float32, got {np.dtype(dtype)}")


class Linear(Module):
    """Weighted sums, ``x @ W.T + b``.

    Parameters
    ----------
    in_features, out_features : int
        Numbers of incoming values and of neurons.
    rng : numpy.random.Generator
        Source of the initial weights.
    bias : bool
        Without it, ``b`` is None.
    init : {"xavier", "he"} or callable ``(d_out, d_in, rng) -> array``
        How the weights begin; biases begin at 0.
    dtype : float64 or float32

    Raises
    ------
    ValueError
        Where a size is not positive, ``rng`` not a generator, ``dtype`` not a floating type, or ``init``
        unknown or its weights of another shape.

    Notes
    -----
    Layout of ``torch.nn.Linear``: ``W`` is ``(out_features, in_features)``. Lesson: 05_backprop_by_hand.

    Examples
    --------
    >>> layer = Linear(2, 3, rng=np.random.default_rng(0))
    >>> layer(np.ones((5, 2))).shape
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
        if in_features < 1 or out_features < 1:
            raise ValueError(
                f"in_features and out_features must be positive, got {in_features} and {out_features}"
            )
        _refuse_whole_numbers(dtype)
        if isinstance(init, str):
            if init not in INITIALIZERS:
                raise ValueError(f"init must be one of {sorted(INITIALIZERS)} or a function, got {init!r}")
            init = INITIALIZERS[init]
        weights = np.array(init(out_features, in_features, as_generator("rng", rng)), dtype=dtype)
        if weights.shape != (out_features, in_features):
            raise ValueError(f"init must return shape ({out_features}, {in_features}), got {weights.shape}")
        self.W = Parameter(weights, "W")
        self.b = Parameter(np.zeros(out_features, dtype=dtype), "b") if bias else None
        self._x: Array | None = None

    def forward(self, x: ArrayLike) -> Array:
        """Weighted sums ``(n, out_features)``."""
        x = np.asarray(as_batch("x", x), self.W.data.dtype)
        z = F.linear(x, self.W.data, None if self.b is None else self.b.data)
        self._x = x
        return z

    def backward(self, dout: ArrayLike) -> Array:
        """Fill ``W.grad`` and ``b.grad``; return the gradient with respect to the input."""
        x = self._remembered(self._x)
        dout = np.asarray(as_float("dout", dout), x.dtype)
        dx, self.W.grad, db = F.linear_backward(dout, x, self.W.data)
        if self.b is not None:
            self.b.grad = db
        return dx

    def parameters(self) -> list[Parameter]:
        """``[W, b]``, or ``[W]`` without bias."""
        return [self.W] if self.b is None else [self.W, self.b]

    def __repr__(self) -> str:
        d_out, d_in = self.W.data.shape
        return f"Linear({d_in}, {d_out})" if self.b is not None else f"Linear({d_in}, {d_out}, bias=False)"


class _Elementwise(Module):
    """An activation without parameters; remembers the one array that its backward needs."""

    def __init__(self) -> None:
        self._kept: Array | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Sigmoid(_Elementwise):
    """:func:`~bphelpers.functional.sigmoid` as a layer. Lesson: 05_backprop_by_hand.

    >>> Sigmoid()([[0.0]])
    array([[0.5]])
    """

    def forward(self, x: ArrayLike) -> Array:
        """Squash to 0..1; remembers the output."""
        self._kept = F.sigmoid(x)
        return self._kept

    def backward(self, dout: ArrayLike) -> Array:
        """Gradient with respect to the input."""
        return F.sigmoid_backward(dout, self._remembered(self._kept))


class Tanh(_Elementwise):
    """:func:`~bphelpers.functional.tanh` as a layer. Lesson: 04_chain_rule.

    >>> Tanh()([[0.0]])
    array([[0.]])
    """

    def forward(self, x: ArrayLike) -> Array:
        """Squash to -1..1; remembers the output."""
        self._kept = F.tanh(x)
        return self._kept

    def backward(self, dout: ArrayLike) -> Array:
        """Gradient with respect to the input."""
        return F.tanh_backward(dout, self._remembered(self._kept))


class ReLU(_Elementwise):
    """:func:`~bphelpers.functional.relu` as a layer. Lesson: 11_handwritten_digits.

    >>> ReLU()([[-1.0, 2.0]])
    array([[0., 2.]])
    """

    def forward(self, x: ArrayLike) -> Array:
        """Cut at 0; remembers the input."""
        self._kept = as_float("x", x)
        return F.relu(self._kept)

    def backward(self, dout: ArrayLike) -> Array:
        """Gradient with respect to the input."""
        return F.relu_backward(dout, self._remembered(self._kept))


class Dropout(_Elementwise):
    """:func:`~bphelpers.functional.dropout` in training, nothing in evaluation.

    Lesson: 11_handwritten_digits.

    Parameters
    ----------
    p : float
        Probability of switching a unit off.
    rng : numpy.random.Generator

    Examples
    --------
    >>> Dropout(0.5, rng=np.random.default_rng(0)).eval()([[1.0, 2.0]])
    array([[1., 2.]])
    """

    def __init__(self, p: float, *, rng: np.random.Generator) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"p must be a probability, 0 <= p < 1, got {p}")
        self.p = p
        self.rng = as_generator("rng", rng)

    def forward(self, x: ArrayLike) -> Array:
        """Switch units off at random, in training only."""
        if self.training:
            out, self._kept = F.dropout(x, self.p, self.rng)
            return out
        out = as_float("x", x)
        self._kept = np.ones_like(out)
        return out

    def backward(self, dout: ArrayLike) -> Array:
        """Gradient with respect to the input."""
        return F.dropout_backward(dout, self._remembered(self._kept))

    def __repr__(self) -> str:
        return f"Dropout({self.p})"


class Sequential(Module):
    """Layers one after another: a network as a function of a function.

    The parameters are named by the layer they belong to, counted from 1: ``W1, b1, W2, b2, ...``.

    Parameters
    ----------
    *layers : Module

    Raises
    ------
    ValueError
        Where something is not a layer, or one layer is given twice (its gradient would be overwritten).

    Notes
    -----
    Lesson: 05_backprop_by_hand.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> net = Sequential(Linear(2, 3, rng=rng), Sigmoid(), Linear(3, 1, rng=rng))
    >>> [p.name for p in net.parameters()]
    ['W1', 'b1', 'W2', 'b2']
    """

    def __init__(self, *layers: Module) -> None:
        for layer in layers:
            if not isinstance(layer, Module):
                raise ValueError(f"layers must be modules such as nn.Linear, got {layer!r}")
        self.layers = list(layers)
        leaves = list(self.leaves())
        if len(set(leaves)) < len(leaves):
            raise ValueError("each layer may stand in a network once; make a second one, do not use it again")
        for number, leaf in enumerate(
            (leaf for leaf in leaves if leaf.parameters() or leaf.buffers()), start=1
        ):
            for p in [*leaf.parameters(), *leaf.buffers()]:
                p.name = p.name.rstrip("0123456789") + str(number)

    def train(self, mode: bool = True) -> "Sequential":
        """Switch all layers to training; returns the network."""
        for layer in self.layers:
            layer.train(mode)
        self.training = mode
        return self

    def leaves(self) -> Iterator[Module]:
        """The layers, those of inner networks included."""
        for layer in self.layers:
            yield from layer.leaves()

    def forward(self, x: ArrayLike) -> Array:
        """Feed ``x`` through all layers, first to last."""
        out = x
        for layer in self.layers:
            out = layer.forward(out)
        return np.asarray(out)

    def backward(self, dout: ArrayLike) -> Array:
        """Feed the gradient through all layers, last to first."""
        grad = dout
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        return np.asarray(grad)

    def parameters(self) -> list[Parameter]:
        """All parameters, from input to output."""
        return [p for layer in self.layers for p in layer.parameters()]

    def buffers(self) -> list[Parameter]:
        """All buffers, from input to output."""
        return [p for layer in self.layers for p in layer.buffers()]

    def chain(self) -> Iterator[Module]:
        """The layers as they are fed, those of inner networks included.

        What feeds its layers in another way is one layer: a :class:`Residual`, or a network whose ``forward``
        or ``backward`` somebody has replaced.
        """
        for layer in self.layers:
            if isinstance(layer, Sequential) and layer.is_plain():
                yield from layer.chain()
            else:
                yield layer

    def is_plain(self) -> bool:
        """Whether ``forward`` and ``backward`` are those of this class, in an heir and in this object."""
        ways = type(self).forward, type(self).backward
        return ways == _AS_WRITTEN and not vars(self).keys() & {"forward", "backward"}

    def __getitem__(self, index: int) -> Module:
        return self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        return "Sequential(\n" + "".join(f"  {layer!r},\n" for layer in self.layers) + ")"


_AS_WRITTEN = Sequential.forward, Sequential.backward  # a lesson may replace them to show something


class LeakyReLU(_Elementwise):
    """:func:`~bphelpers.functional.leaky_relu` as a layer.

    Lesson: 13_deep_networks.

    Parameters
    ----------
    slope : float
        Below 0; from 0 to 1.

    Raises
    ------
    ValueError
        Where ``slope`` does not lie from 0 to 1.

    Examples
    --------
    >>> LeakyReLU(0.1)([[-1.0, 2.0]])
    array([[-0.1,  2. ]])
    """

    def __init__(self, slope: float = 0.01) -> None:
        super().__init__()
        if not 0 <= slope <= 1:
            raise ValueError(f"slope must lie from 0 to 1, got {slope}")
        self.slope = slope

    def forward(self, x: ArrayLike) -> Array:
        """Shrink what is below 0; remembers the input."""
        self._kept = as_float("x", x)
        return F.leaky_relu(self._kept, self.slope)

    def backward(self, dout: ArrayLike) -> Array:
        """Gradient with respect to the input."""
        return F.leaky_relu_backward(dout, self._remembered(self._kept), self.slope)

    def __repr__(self) -> str:
        return f"LeakyReLU({self.slope})"


class GELU(_Elementwise):
    """:func:`~bphelpers.functional.gelu` as a layer. Lesson: 13_deep_networks.

    >>> GELU()([[0.0, 20.0]])
    array([[ 0., 20.]])
    """

    def forward(self, x: ArrayLike) -> Array:
        """Times the share of a standard normal distribution below; remembers the input."""
        self._kept = as_float("x", x)
        return F.gelu(self._kept)

    def backward(self, dout: ArrayLike) -> Array:
        """Gradient with respect to the input."""
        return F.gelu_backward(dout, self._remembered(self._kept))


class _Norm(Module):
    """What both normalisations have: a scale ``gamma`` and a shift ``beta`` for each feature."""

    def __init__(self, features: int, eps: float, dtype: DTypeLike) -> None:
        if features < 1:
            raise ValueError(f"features must be positive, got {features}")
        if not eps > 0:
            raise ValueError(f"eps must be positive, got {eps}")
        _refuse_whole_numbers(dtype)
        self.gamma = Parameter(np.ones(features, dtype=dtype), "gamma")
        self.beta = Parameter(np.zeros(features, dtype=dtype), "beta")
        self.eps = eps

    def parameters(self) -> list[Parameter]:
        """``[gamma, beta]``."""
        return [self.gamma, self.beta]

    def _own_dtype(self, x: Array) -> Array:
        features = self.gamma.data.shape
        if x.shape[-1:] != features:
            raise ValueError(f"x must have {features[0]} features on its last axis, got shape {x.shape}")
        return np.asarray(x, dtype=self.gamma.data.dtype)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.gamma.data.size})"


class BatchNorm1d(_Norm):
    """:func:`~bphelpers.functional.batch_norm` as a layer: each feature standardised over the batch.

    In training by the mean and the variance of the batch, which also move the running ones:
    ``running = (1 - momentum) * running + momentum * batch``. In evaluation by the running ones.

    Parameters
    ----------
    features : int
        Columns of the input.
    momentum : float
        Weight of the latest batch in the running mean and variance, 0 to 1.
    eps : float
        Added to the variance.
    dtype : float64 or float32

    Attributes
    ----------
    gamma, beta : Parameter
        Scale and shift of each feature; they begin at 1 and 0.
    running_mean, running_var : array (features,)
        They begin at 0 and 1. The running variance takes those of the batches divided by ``n - 1``, while
        the output is divided by that divided by ``n``, as in PyTorch.

    Raises
    ------
    ValueError
        Where ``features`` or ``eps`` is not positive, ``momentum`` not from 0 to 1, or ``dtype`` not a
        floating type.

    Notes
    -----
    A batch of one has no variance. In training its output is ``beta``, its gradient is 0, and the running
    variance stays as it is. (PyTorch refuses it.) The running values are part of :meth:`state_dict`.
    Lesson: 13_deep_networks.

    Examples
    --------
    >>> layer = BatchNorm1d(1)
    >>> layer([[1.0], [3.0]]).round(3)
    array([[-1.],
           [ 1.]])
    >>> layer.running_mean, layer.running_var
    (array([0.2]), array([1.1]))
    """

    def __init__(
        self, features: int, *, momentum: float = 0.1, eps: float = 1e-5, dtype: DTypeLike = np.float64
    ) -> None:
        super().__init__(features, eps, dtype)
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum must lie from 0 to 1, got {momentum}")
        self.momentum = momentum
        self._mean = Parameter(np.zeros(features, dtype=dtype), "running_mean")
        self._var = Parameter(np.ones(features, dtype=dtype), "running_var")
        self._kept: tuple[Array, Array | None, Array | None] | None = None

    @property
    def running_mean(self) -> Array:
        """Mean of each feature, as evaluation uses it."""
        return self._mean.data

    @property
    def running_var(self) -> Array:
        """Variance of each feature, as evaluation uses it."""
        return self._var.data

    def buffers(self) -> list[Parameter]:
        """``running_mean`` and ``running_var``."""
        return [self._mean, self._var]

    def forward(self, x: ArrayLike) -> Array:
        """Standardise, scale and shift; in training, move the running mean and variance."""
        x = self._own_dtype(as_batch("x", x))
        if not self.training:
            self._kept = x, self.running_mean, self.running_var
            return F.batch_norm(x, self.gamma.data, self.beta.data, *self._kept[1:], eps=self.eps)
        not_empty("x", x)
        mean, var = x.mean(axis=0), x.var(axis=0)  # once, for the output and for the running values
        self._kept = x, None, None
        self._follow(mean, var, len(x))
        return F.batch_norm(x, self.gamma.data, self.beta.data, mean, var, eps=self.eps)

    def backward(self, dout: ArrayLike) -> Array:
        """Fill ``gamma.grad`` and ``beta.grad``; return the gradient with respect to the input."""
        x, mean, var = self._remembered(self._kept)
        dout = np.asarray(as_float("dout", dout), dtype=x.dtype)
        dx, self.gamma.grad, self.beta.grad = F.batch_norm_backward(
            dout, x, self.gamma.data, mean, var, eps=self.eps
        )
        return dx

    def _follow(self, mean: Array, var: Array, n: int) -> None:
        if not np.isfinite(var).all():  # as it is where the mean is not finite
            return  # training stops at such a batch; what was learned before it stays good
        moved = [(self._mean, mean)]
        if n > 1:
            moved += [(self._var, var * (n / (n - 1)))]
        for running, latest in moved:
            new = (1 - self.momentum) * running.data + self.momentum * latest
            running.data = new.astype(running.data.dtype)


class LayerNorm(_Norm):
    """:func:`~bphelpers.functional.layer_norm` as a layer: each example standardised over its features.

    Training and evaluation do the same.

    Parameters
    ----------
    features : int
        Length of the input's last axis.
    eps : float
        Added to the variance.
    dtype : float64 or float32

    Attributes
    ----------
    gamma, beta : Parameter
        Scale and shift of each feature; they begin at 1 and 0.

    Raises
    ------
    ValueError
        Where ``features`` or ``eps`` is not positive, or ``dtype`` not a floating type.

    Notes
    -----
    Lesson: 13_deep_networks.

    Examples
    --------
    >>> LayerNorm(2)([[1.0, 3.0]]).round(3)
    array([[-1.,  1.]])
    """

    def __init__(self, features: int, *, eps: float = 1e-5, dtype: DTypeLike = np.float64) -> None:
        super().__init__(features, eps, dtype)
        self._x: Array | None = None

    def forward(self, x: ArrayLike) -> Array:
        """Standardise, scale and shift; remembers the input."""
        x = self._own_dtype(as_float("x", x))
        out = F.layer_norm(x, self.gamma.data, self.beta.data, eps=self.eps)
        self._x = x
        return out

    def backward(self, dout: ArrayLike) -> Array:
        """Fill ``gamma.grad`` and ``beta.grad``; return the gradient with respect to the input."""
        x = self._remembered(self._x)
        dout = np.asarray(as_float("dout", dout), dtype=x.dtype)
        dx, self.gamma.grad, self.beta.grad = F.layer_norm_backward(dout, x, self.gamma.data, eps=self.eps)
        return dx


class Residual(Module):
    """What the layers find is added to what went in: ``x + f(x)``.

    The derivative is 1 plus that of the layers, so a gradient also gets past layers that let little through.

    Parameters
    ----------
    *layers : Module
        One after another, as in :class:`Sequential`; their output must have the shape of ``x``.

    Raises
    ------
    ValueError
        As :class:`Sequential`; in ``forward``, where the layers change the shape.

    Notes
    -----
    Source: K. He and others, Deep residual learning for image recognition, 2015. Lesson: 13_deep_networks.

    Examples
    --------
    >>> Residual(ReLU())([[-1.0, 2.0]])
    array([[-1.,  4.]])
    """

    def __init__(self, *layers: Module) -> None:
        self.body = Sequential(*layers)

    def train(self, mode: bool = True) -> "Residual":
        """Switch all layers to training; returns the module."""
        self.body.train(mode)
        self.training = mode
        return self

    def leaves(self) -> Iterator[Module]:
        """The layers inside."""
        return self.body.leaves()

    def forward(self, x: ArrayLike) -> Array:
        """Add what the layers find to ``x``."""
        x = as_float("x", x)
        found = self.body.forward(x)
        if found.shape != x.shape:
            raise ValueError(
                f"layers must keep the shape of x, {x.shape}, to be added to it, got {found.shape}"
            )
        return found + np.asarray(x, dtype=found.dtype)

    def backward(self, dout: ArrayLike) -> Array:
        """Gradient with respect to the input: what comes through the layers, and ``dout`` itself."""
        through = self.body.backward(dout)
        return through + np.asarray(dout, dtype=through.dtype)

    def parameters(self) -> list[Parameter]:
        """Those of the layers."""
        return self.body.parameters()

    def buffers(self) -> list[Parameter]:
        """Those of the layers."""
        return self.body.buffers()

    def __repr__(self) -> str:
        return f"Residual({', '.join(map(repr, self.body.layers))})"


class Loss:
    """A loss with memory: ``forward(y_hat, y)`` gives a float, ``backward()`` the gradient for ``y_hat``."""

    def __init__(self) -> None:
        self._pair: tuple[ArrayLike, ArrayLike] | None = None

    def forward(self, y_hat: ArrayLike, y: ArrayLike) -> float:
        """Loss of the predictions; remembers both arguments."""
        value = self._value(y_hat, y)
        self._pair = y_hat, y
        return value

    def backward(self) -> Array:
        """Gradient of the loss with respect to ``y_hat`` of the latest ``forward``."""
        if self._pair is None:
            raise RuntimeError(f"{type(self).__name__}.backward needs a forward pass first")
        return self._gradient(*self._pair)

    def __call__(self, y_hat: ArrayLike, y: ArrayLike) -> float:
        """Same as ``forward``."""
        return self.forward(y_hat, y)

    def is_right(self, y_hat: ArrayLike, y: ArrayLike) -> NDArray[np.bool_] | None:
        """Which predictions name the right class; None where the loss knows no classes."""
        return None

    def _value(self, y_hat: ArrayLike, y: ArrayLike) -> float:
        raise NotImplementedError

    def _gradient(self, y_hat: ArrayLike, y: ArrayLike) -> Array:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class MSELoss(Loss):
    """:func:`~bphelpers.functional.mse` with memory. Lesson: 02_loss.

    >>> MSELoss()([[3.0]], [[1.0]])
    4.0
    """

    def _value(self, y_hat: ArrayLike, y: ArrayLike) -> float:
        return F.mse(y_hat, y)

    def _gradient(self, y_hat: ArrayLike, y: ArrayLike) -> Array:
        return F.mse_backward(y_hat, y)


class BCEWithLogitsLoss(Loss):
    """:func:`~bphelpers.functional.binary_cross_entropy` with memory. Lesson: 02_loss.

    >>> round(BCEWithLogitsLoss()([[0.0]], [[1.0]]), 6)
    0.693147
    """

    def _value(self, y_hat: ArrayLike, y: ArrayLike) -> float:
        return F.binary_cross_entropy(y_hat, y)

    def _gradient(self, y_hat: ArrayLike, y: ArrayLike) -> Array:
        return F.binary_cross_entropy_backward(y_hat, y)

    def is_right(self, y_hat: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """A logit above 0 says yes."""
        right: NDArray[np.bool_] = np.all((np.asarray(y_hat) > 0) == (np.asarray(y) > 0.5), axis=1)
        return right


class CrossEntropyLoss(Loss):
    """:func:`~bphelpers.functional.softmax_cross_entropy` with memory. Lesson: 02_loss.

    >>> round(CrossEntropyLoss()([[0.0, 0.0]], [1]), 6)
    0.693147
    """

    def _value(self, y_hat: ArrayLike, y: ArrayLike) -> float:
        logits, self._labels = class_targets(y_hat, y)
        self._log_p = F.log_softmax(logits)
        return mean_cost(self._log_p, self._labels)

    def _gradient(self, y_hat: ArrayLike, y: ArrayLike) -> Array:
        return p_minus_one_hot(np.exp(self._log_p), self._labels)

    def is_right(self, y_hat: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """The largest logit names the class."""
        right: NDArray[np.bool_] = np.equal(np.argmax(y_hat, axis=1), y)
        return right
