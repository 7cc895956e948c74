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
from bphelpers.functional._validation import as_batch, as_float, as_generator

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


def he_normal(d_out: int, d_in: int, rng: np.random.Generator) -> Array:
    """Weights from the normal distribution with variance ``2 / d_in``, made for ReLU.

    Source: K. He and others, Delving deep into rectifiers, 2015. Lesson: 13_deep_networks.

    >>> he_normal(3, 2, np.random.default_rng(0)).shape
    (3, 2)
    """
    return rng.normal(0.0, np.sqrt(2 / d_in), size=(d_out, d_in))


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

    def leaves(self) -> Iterator["Module"]:
        """The layers that have no layers inside, from input to output."""
        yield self

    def train(self, mode: bool = True) -> "Module":
        """Switch to training (dropout acts); returns the module."""
        self.training = mode
        return self

    def eval(self) -> "Module":
        """Switch to evaluation (dropout does nothing); returns the module."""
        return self.train(False)

    def state_dict(self) -> dict[str, Array]:
        """Copies of all parameters by name."""
        return {p.name: p.data.copy() for p in self.parameters()}

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Put back what :meth:`state_dict` gave. Nothing is changed unless all names and shapes fit."""
        own = {p.name: p for p in self.parameters()}
        if own.keys() != state.keys():
            raise ValueError(f"state must hold exactly {sorted(own)}, got {sorted(state)}")
        for name, p in own.items():
            if np.shape(state[name]) != p.data.shape:
                raise ValueError(f"{name} must have shape {p.data.shape}, got {np.shape(state[name])}")
        new = {name: as_float(name, value) for name, value in state.items()}
        for name, p in own.items():
            p.data = new[name].astype(p.data.dtype)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the parameters to ``path`` as a NumPy ``.npz`` archive, without pickle."""
        with open(path, "wb") as file:
            np.savez(file, **self.state_dict())  # type: ignore[arg-type]

    def load(self, path: str | os.PathLike[str]) -> None:
        """Read parameters that :meth:`save` wrote for a network of the same shape."""
        with np.load(path, allow_pickle=False) as archive:
            self.load_state_dict(dict(archive))

    def _remembered(self, value: Any) -> Any:
        if value is None:
            raise RuntimeError(f"{type(self).__name__}.backward needs a forward pass first")
        return value


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
        if np.dtype(dtype).kind != "f":
            raise ValueError(f"dtype must be a floating type such as np.float32, got {np.dtype(dtype)}")
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
        x = np.asarray(as_batch("x", x), dtype=self.W.data.dtype)
        z = F.linear(x, self.W.data, None if self.b is None else self.b.data)
        self._x = x
        return z

    def backward(self, dout: ArrayLike) -> Array:
        """Fill ``W.grad`` and ``b.grad``; return the gradient with respect to the input."""
        x = self._remembered(self._x)
        dout = np.asarray(as_float("dout", dout), dtype=x.dtype)
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
        for number, leaf in enumerate((leaf for leaf in leaves if leaf.parameters()), start=1):
            for p in leaf.parameters():
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

    def __getitem__(self, index: int) -> Module:
        return self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        return "Sequential(\n" + "".join(f"  {layer!r},\n" for layer in self.layers) + ")"


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
        return F.softmax_cross_entropy(y_hat, y)

    def _gradient(self, y_hat: ArrayLike, y: ArrayLike) -> Array:
        return F.softmax_cross_entropy_backward(y_hat, y)

    def is_right(self, y_hat: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """The largest logit names the class."""
        right: NDArray[np.bool_] = np.equal(np.argmax(y_hat, axis=1), y)
        return right
