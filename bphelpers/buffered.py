"""One forward and one backward pass into arrays that are made once.

The layers of :mod:`bphelpers.nn` make a new array for each result, and look at their arguments each time. On
a network of a few dozen units that, and the number of NumPy calls, is what a step costs; the products are the
smaller part. Here the same operations are done in the same order, so the numbers are the same, bit by bit;
only they are written into arrays that are kept, and shapes are looked at once. Above some hundred units the
products take the time, and nothing is gained.

Lesson: 07_why_it_is_cheap.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy import add, divide, exp, log, maximum, multiply, negative, subtract, tanh
from numpy.typing import ArrayLike, NDArray

from bphelpers import nn

Array = NDArray[Any]
Forward = Callable[[Array], Array]
Backward = Callable[[Array], Any]
Cost = tuple[Callable[[Array, Array], float], Callable[[], Array]]


class BufferedPass:
    """Loss of a batch, and the gradients of all parameters, as ``net`` and ``loss`` themselves give them.

    The first batch of a shape goes through the layers, which say what does not fit. Every further one of that
    shape takes the quick way. A network with a layer that is not the package's own always goes through its
    layers, and so does one whose parameters are not all float64, or all float32. Where the loss is not
    finite, the gradients need not be filled.

    Parameters
    ----------
    net : Module
        As it is now: parameters may be given other values, but layers and parameters that are put in, taken
        out or made over later are not noticed.
    loss : Loss

    Notes
    -----
    The layers remember nothing of the quick way: call ``forward`` before ``backward``. An infinite gradient
    at a ReLU that is off becomes NaN here and 0 there. Lesson: 07_why_it_is_cheap.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> net = nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Tanh(), nn.Linear(3, 1, rng=rng))
    >>> gradients = BufferedPass(net, nn.MSELoss())
    >>> x, y = rng.normal(size=(4, 2)), rng.normal(size=(4, 1))
    >>> gradients(x, y) == gradients(x, y) == nn.MSELoss()(net(x), y)
    True
    """

    def __init__(self, net: nn.Module, loss: nn.Loss) -> None:
        self._net, self._loss = net, loss
        self._layers = list(_chain(net))
        dtypes = {p.data.dtype for p in net.parameters() + net.buffers()}
        self._dtype = next(iter(dtypes), None)
        self._known = (
            bool(self._layers)
            and type(self._layers[0]) is nn.Linear
            and all(_is_ours(part) for part in (net, *self._layers, *net.leaves(), loss))
            and (dtypes <= {np.dtype(np.float32)} or dtypes <= {np.dtype(np.float64)})
        )
        self._quick: dict[Any, Callable[[Array, Array], float]] = {}

    def __call__(self, x: ArrayLike, y: ArrayLike) -> float:
        """The loss; afterwards every ``.grad`` is filled."""
        x, y = np.asarray(x), np.asarray(y)
        key = x.shape, x.dtype, y.shape, y.dtype
        quick = self._quick.get(key)
        if quick is not None:
            return quick(x if x.dtype == self._dtype else x.astype(self._dtype), y)
        value = self._loss.forward(self._net.forward(x), y)
        if np.isfinite(value):
            self._net.backward(self._loss.backward())
            if self._known:
                self._quick[key] = self._made(len(x))
        return value

    def _made(self, n: int) -> Callable[[Array, Array], float]:
        pairs: list[tuple[Forward, Backward]] = []
        width = 0
        for layer in self._layers:
            if type(layer) is nn.Linear:
                width = layer.W.data.shape[0]
                pairs.append(_linear(layer, n, self._dtype, first=not pairs))
            elif type(layer) in _ELEMENTWISE:
                pairs.append(_ELEMENTWISE[type(layer)](n, width, self._dtype))
            else:
                pairs.append((layer.forward, layer.backward))
        forwards = [forward for forward, _ in pairs]
        backwards = [backward for _, backward in reversed(pairs)]
        value_of: Callable[[Array, Array], float] = self._loss.forward
        slope: Callable[[], Array] = self._loss.backward
        if type(self._loss) in _COSTS:
            value_of, slope = _COSTS[type(self._loss)](n, width, self._dtype)

        def quick(x: Array, y: Array) -> float:
            a = x
            for forward in forwards:
                a = forward(a)
            value = value_of(a, y)
            d = slope()
            for backward in backwards:
                d = backward(d)
            return value

        return quick


def _chain(net: nn.Module) -> Iterator[nn.Module]:
    if type(net) is nn.Sequential:
        for layer in net.layers:
            yield from _chain(layer)
    else:
        yield net


def _is_ours(part: Any) -> bool:
    """Whether we know what it does: nobody has put a function of their own in the place of one of ours."""
    return not vars(part).keys() & _NAMES and all(
        _OURS.get((type(part), name)) is getattr(type(part), name, None) for name in _NAMES
    )


# --- Layers: how forward and backward are done in arrays for n examples of `width` numbers -----------------


def _linear(layer: nn.Linear, n: int, dtype: Any, first: bool) -> tuple[Forward, Backward]:
    W, b = layer.W, layer.b
    width, width_before = W.data.shape
    z, dx = np.empty((n, width), dtype), np.empty((n, width_before), dtype)
    row = z[0] if n == 1 else z  # one row needs no broadcasting, which takes longer than the sum
    kept = z

    def forward(x: Array) -> Array:
        nonlocal kept
        kept = x
        x.dot(W.data.T, z)
        if b is not None:
            add(row, b.data, row)
        return z

    def backward(dz: Array) -> Array | None:
        W.grad = dz.T.dot(kept)  # a new array: somebody may keep the last one
        if b is not None:
            b.grad = add.reduce(dz, axis=0)
        return None if first else dz.dot(W.data, dx)

    return forward, backward


def _sigmoid(n: int, width: int, dtype: Any) -> tuple[Forward, Backward]:
    a, rest, dz = (np.empty((n, width), dtype) for _ in range(3))
    one = np.ones((), dtype)

    def forward(z: Array) -> Array:
        negative(z, a)
        with np.errstate(over="ignore"):
            exp(a, a)
        add(a, one, a)
        return divide(one, a, a)

    def backward(dout: Array) -> Array:
        multiply(dout, a, dz)
        subtract(one, a, rest)
        return multiply(dz, rest, dz)

    return forward, backward


def _tanh(n: int, width: int, dtype: Any) -> tuple[Forward, Backward]:
    a, dz = np.empty((n, width), dtype), np.empty((n, width), dtype)
    one = np.ones((), dtype)

    def backward(dout: Array) -> Array:
        multiply(a, a, dz)
        subtract(one, dz, dz)
        return multiply(dout, dz, dz)

    return lambda z: tanh(z, a), backward


def _relu(n: int, width: int, dtype: Any) -> tuple[Forward, Backward]:
    a, dz = np.empty((n, width), dtype), np.empty((n, width), dtype)
    zero = np.zeros((), dtype)

    def backward(dout: Array) -> Array:
        return multiply(dout, a > zero, dz)

    return lambda z: maximum(z, zero, out=a), backward


# --- Losses: value, and the gradient of the latest value -------------------------------------------------


def _mse(n: int, width: int, dtype: Any) -> Cost:
    error, slope = np.empty((n, width), dtype), np.empty((n, width), dtype)
    flat, two, count = error.reshape(-1), np.full((), 2, dtype), np.full((), n, dtype)

    def value(y_hat: Array, y: Array) -> float:
        subtract(y_hat, y.astype(dtype, copy=False), error)
        return float(flat.dot(flat)) / n

    def gradient() -> Array:
        multiply(error, two, slope)
        return divide(slope, count, slope)

    return value, gradient


def _cross_entropy(n: int, width: int, dtype: Any) -> Cost:
    log_p, p = np.empty((n, width), dtype), np.empty((n, width), dtype)
    largest, total = np.empty((n, 1), dtype), np.empty((n, 1), dtype)
    starts, right = width * np.arange(n), np.empty(n, np.int64)
    flat_log_p, flat_p, count = log_p.reshape(-1), p.reshape(-1), np.full((), n, dtype)

    def value(logits: Array, y: Array) -> float:
        y = y.astype(np.int64, copy=False)
        if maximum.reduce(y.view(np.uint64)) >= width:  # read as unsigned, a negative number is huge
            raise ValueError(f"labels must lie from 0 to {width - 1}, got {y.min()} to {y.max()}")
        maximum.reduce(logits, axis=1, out=largest, keepdims=True)
        subtract(logits, largest, log_p)
        exp(log_p, p)
        add.reduce(p, axis=1, out=total, keepdims=True)
        log(total, total)
        subtract(log_p, total, log_p)
        add(starts, y, right)
        return 0.0 - float(flat_log_p.take(right).sum()) / n

    def gradient() -> Array:
        exp(log_p, p)
        flat_p[right] -= 1.0
        return divide(p, count, p)

    return value, gradient


_ELEMENTWISE: dict[type, Callable[[int, int, Any], tuple[Forward, Backward]]] = {
    nn.Sigmoid: _sigmoid, nn.Tanh: _tanh, nn.ReLU: _relu,
}  # fmt: skip
_COSTS: dict[type, Callable[[int, int, Any], Cost]] = {
    nn.MSELoss: _mse,
    nn.CrossEntropyLoss: _cross_entropy,
}
_NAMES = {"forward", "backward", "_value", "_gradient"}
_OURS = {  # as they were when this was loaded: a lesson may break one to show a mistake
    (kind, name): getattr(kind, name, None)
    for kind in vars(nn).values()
    if isinstance(kind, type) and kind.__module__ == nn.__name__
    for name in _NAMES
}
