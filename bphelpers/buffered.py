"""One forward and one backward pass into arrays that are made once.

The layers of :mod:`bphelpers.nn` make a new array for each result, and look at their arguments each time. On
a network of a few dozen units that, and the number of NumPy calls, is what a step costs; the products are the
smaller part. Here the same operations are done in the same order, so the numbers are the same, bit by bit;
only they are written into arrays that are kept, shapes are looked at once, and the gradient for the inputs,
which training does not need, is left out. Above some hundred units the products take the time, and little is
gained.

Lesson: 07_why_it_is_cheap.
"""

import contextlib
import itertools
import math
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
        self._layers = list(net.chain()) if isinstance(net, nn.Sequential) and net.is_plain() else [net]
        dtypes = {p.data.dtype for p in net.parameters() + net.buffers()}
        self._dtype = next(iter(dtypes), None)
        self._known = (
            type(next(iter(self._layers), None)) is nn.Linear
            and all(_is_ours(part) for part in (*self._layers, *net.leaves(), loss))
            and dtypes in ({np.dtype(np.float32)}, {np.dtype(np.float64)})
        )
        self._quick: dict[Any, Callable[[Array, Array], float] | None] = {}
        self._joined: _Joined | None = None

    def __call__(self, x: ArrayLike, y: ArrayLike) -> float:
        """The loss; afterwards every ``.grad`` is filled."""
        x, y = np.asarray(x), np.asarray(y)
        if self._joined:
            self._joined.hand_out()
        key = x.shape, x.dtype, y.shape, y.dtype
        if key in self._quick:
            quick = self._quick[key] = self._quick[key] or self._made(len(x))
            value = quick(x if x.dtype == self._dtype else x.astype(self._dtype), y)
        else:
            value = self._through_layers(x, y)
            if self._known and np.isfinite(value):
                self._quick[key] = None  # a second batch of this shape makes it
        if self._joined and math.isfinite(value):
            self._joined.collect()
        return value

    def __getstate__(self) -> dict[str, Any]:
        """Without the arrays, which belong to this network: a copy makes its own."""
        return vars(self) | {"_quick": {}, "_joined": None}

    @contextlib.contextmanager
    def joined(self) -> Iterator[list[nn.Parameter]]:
        """The parameters as one, in a list: a rule then moves all of them by one call, not each by its own.

        For rules that treat all numbers alike and remember none of them, such as plain SGD. Inside the block
        every ``data`` and ``grad`` is a part of one array, and the next batch overwrites the gradients.
        A rule that puts another array in the place of ``data`` is heard at the next batch. Afterwards every
        ``data`` is the array that it was before, with the new values. Where parameters cannot be joined, or
        are so many that the products take the time, the list holds them as they are.

        Examples
        --------
        >>> from bphelpers import optim
        >>> rng = np.random.default_rng(0)
        >>> net = nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Tanh(), nn.Linear(3, 1, rng=rng))
        >>> gradients = BufferedPass(net, nn.MSELoss())
        >>> with gradients.joined() as parameters:
        ...     losses = [gradients([[1.0, 2.0]], [[3.0]])]
        ...     optim.SGD(lr=0.01).step(parameters)
        >>> parameters, losses[0] > gradients([[1.0, 2.0]], [[3.0]])
        ([Parameter all, shape (13,)], True)
        """
        parameters = self._net.parameters()
        if self._joined or not (self._known and _can_be_joined(parameters)):
            yield [self._joined.whole] if self._joined else parameters
            return
        self._quick.clear()
        self._joined = _Joined(parameters)
        try:
            yield [self._joined.whole]
        finally:
            self._joined.part()
            self._joined = None
            self._quick.clear()

    def _through_layers(self, x: Array, y: Array) -> float:
        value = self._loss.forward(self._net.forward(x), y)
        if np.isfinite(value):
            self._net.backward(self._loss.backward())
        return value

    def _made(self, n: int) -> Callable[[Array, Array], float]:
        pairs: list[tuple[Forward, Backward]] = []
        width = 0
        for layer in self._layers:
            if type(layer) is nn.Linear:
                width = layer.W.data.shape[0]
                pairs.append(_linear(layer, n, self._dtype, self._joined, first=not pairs))
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

        def through(a: Array) -> Array:
            for forward in forwards:
                a = forward(a)
            return a

        if nn.Sigmoid in map(type, self._layers):
            through = np.errstate(over="ignore")(through)  # asked once, not in each

        def quick(x: Array, y: Array) -> float:
            value = value_of(through(x), y)
            d = slope()
            for backward in backwards:
                d = backward(d)
            return value

        return quick


class _Joined:
    """Parameters as parts of ``whole``."""

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        self._before = [(p, p.data) for p in parameters]
        self._data = np.concatenate([data.ravel() for _, data in self._before])
        self._grad = np.full_like(self._data, np.nan)  # a step before the first batch refuses that
        self.whole = nn.Parameter(self._data, "all")
        self.whole.grad = self._grad
        self.parts: dict[nn.Parameter, tuple[Array, Array]] = {}
        end = 0
        for p, data in self._before:
            begin, end = end, end + data.size
            p.data, grad = (array[begin:end].reshape(data.shape) for array in (self._data, self._grad))
            self.parts[p] = p.data, grad

    def hand_out(self) -> None:
        """A rule may have put another array in the place of the values."""
        if self.whole.data is not self._data:
            self._data[...], self.whole.data = self.whole.data, self._data

    def collect(self) -> None:
        """Somebody may have put other arrays in the place of values, a layer in that of a gradient, and
        clipping in that of all.
        """
        for p, (data, grad) in self.parts.items():
            if p.data is not data:
                data[...], p.data = p.data, data
            if p.grad is not grad:
                if p.grad is None:
                    raise ValueError(f"{p.name} has no gradient yet: run a backward pass first")
                grad[...], p.grad = p.grad, grad
        self.whole.grad = self._grad

    def part(self) -> None:
        """Each parameter has its own array again, with the new values."""
        self.hand_out()
        for p, data in self._before:
            data[...], p.data = p.data, data
        self.whole.grad = None  # a step from now on would move nothing that counts


def _can_be_joined(parameters: list[nn.Parameter]) -> bool:
    """Whether each can be laid out in a row and written back: two that share numbers would part.

    Large ones are left alone: one array of all would only take memory.
    """
    arrays = [p.data for p in parameters]
    return (
        all(type(p) is nn.Parameter for p in parameters)
        and all(type(array) is np.ndarray and array.flags.carray for array in arrays)
        and sum(array.size for array in arrays) <= 200_000
        and _apart(arrays)
    )


def _apart(arrays: list[Array]) -> bool:
    """Whether no two arrays without gaps share numbers."""
    spans = sorted((array.__array_interface__["data"][0], array.nbytes) for array in arrays)
    return all(begin + size <= after for (begin, size), (after, _) in itertools.pairwise(spans))


def _is_ours(part: Any) -> bool:
    """Whether we know what it does: nobody has put a function of their own in the place of one of ours."""
    return not vars(part).keys() & _NAMES and all(
        _OURS.get((type(part), name)) is getattr(type(part), name, None) for name in _NAMES
    )


# --- Layers: how forward and backward are done in arrays for n examples of `width` numbers -----------------


def _linear(
    layer: nn.Linear, n: int, dtype: Any, joined: "_Joined | None", first: bool
) -> tuple[Forward, Backward]:
    W, b = layer.W, layer.b
    parts: dict[Any, Any] = joined.parts if joined else {}
    _, dW = parts.get(W, (None, None))  # where it is None, a new array each time: somebody may keep the last
    _, db = parts.get(b, (None, None))
    width, width_before = W.data.shape
    z, dx = np.empty((n, width), dtype), np.empty((n, width_before), dtype)
    row = z[0] if n == 1 else z  # one row needs no broadcasting, which takes longer than the sum
    kept, zero = z, np.zeros((), dtype)

    def forward(x: Array) -> Array:
        nonlocal kept
        kept = x
        x.dot(W.data.T, z)
        if b is not None:
            add(row, b.data, row)
        return z

    def backward(dz: Array) -> Array | None:
        W.grad = dz.T.dot(kept, dW)
        if b is not None:
            b.grad = add(dz[0], zero, db) if n == 1 else add.reduce(dz, 0, None, db)
        return None if first else dz.dot(W.data, dx)

    return forward, backward


def _sigmoid(n: int, width: int, dtype: Any) -> tuple[Forward, Backward]:
    a, rest, dz = (np.empty((n, width), dtype) for _ in range(3))
    one = np.ones((), dtype)

    def forward(z: Array) -> Array:
        negative(z, a)
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
        return slope if n == 1 else divide(slope, count, slope)

    return value, gradient


def _cross_entropy(n: int, width: int, dtype: Any) -> Cost:
    log_p, p = np.empty((n, width), dtype), np.empty((n, width), dtype)
    total = np.empty((n, 1), dtype)
    starts, right = width * np.arange(n), np.empty(n, np.int64)
    flat_log_p, flat_p, count = log_p.reshape(-1), p.reshape(-1), np.full((), n, dtype)

    def value(logits: Array, y: Array) -> float:
        y = y.astype(np.int64, copy=False)
        if maximum.reduce(y.view(np.uint64)) >= width:  # read as unsigned, a negative number is huge
            raise ValueError(f"labels must lie from 0 to {width - 1}, got {y.min()} to {y.max()}")
        largest = logits.take(starts + logits.argmax(1))  # the maximum of each row, in half the time
        subtract(logits, largest[:, None], log_p)
        exp(log_p, p)
        add.reduce(p, axis=1, out=total, keepdims=True)
        log(total, total)
        subtract(log_p, total, log_p)
        add(starts, y, right)
        return 0.0 - float(add.reduce(flat_log_p.take(right))) / n

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
