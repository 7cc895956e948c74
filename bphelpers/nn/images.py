"""Layers of images, ``(n, c, h, w)``: examples, channels, height, width [15]."""

import math
from collections.abc import Mapping

import numpy as np
from numpy import ndarray
from numpy.typing import ArrayLike, DTypeLike

from bphelpers import functional as F
from bphelpers.arguments import Array, shaped, whole
from bphelpers.nn.layers import Initializer, drawn
from bphelpers.nn.modules import Module, Parameter, fitting, shaped_as

Window = int | tuple[int, int]


class _Images(Module):
    """Looks at an array only where it is not like the one before: a look costs as much as a small image."""

    _fits: tuple[object, ...] | None = None

    def looked_at(self, x: Array) -> Array:
        if self._like(x) != self._fits:
            x = self.entering(x)
            self._fits = self._like(x)
        return x

    def _like(self, x: Array) -> tuple[object, ...]:
        return (x.shape[1:], x.dtype, self.options()) if type(x) is ndarray else ()

    def options(self) -> dict[str, int]:
        """What the functions are told besides arrays."""
        raise NotImplementedError


class Conv2d(_Images):
    """:func:`~bphelpers.functional.conv2d` as a layer; W is ``(out_channels, in_channels, kh, kw)`` [15].

    ``kernel_size`` is one number or ``(kh, kw)``. ``init`` as in :class:`Linear`: a receiver has
    ``in_channels * kh * kw`` senders. Weights can be carried over from ``torch.nn.Conv2d``.

    >>> layer = Conv2d(1, 8, 5, padding=2, rng=np.random.default_rng(0))
    >>> layer(np.ones((32, 1, 28, 28))).shape
    (32, 8, 28, 28)
    """

    pair = F.conv2d, F.conv2d_backward

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Window,
        *,
        rng: np.random.Generator,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
        init: str | Initializer = "he",
        dtype: DTypeLike = np.float64,
    ) -> None:
        c, k = whole("in_channels", in_channels, 1), whole("out_channels", out_channels, 1)
        sides = kernel_size if isinstance(kernel_size, tuple) and len(kernel_size) == 2 else [kernel_size] * 2
        kh, kw = (whole("kernel_size", side, 1) for side in sides)
        # A pixel feeds k * kh * kw sums, which is what an initializer counts; k of its rows are the kernels.
        weights = drawn(init, k * kh * kw, c * kh * kw, rng, dtype)[:k]
        self.W = Parameter(weights.reshape(k, c, kh, kw), "W")
        self.b = Parameter(np.zeros(k, dtype), "b") if bias else None
        self.stride, self.padding = whole("stride", stride, 1), whole("padding", padding, 0)

    def options(self) -> dict[str, int]:
        return {"stride": self.stride, "padding": self.padding}

    def entering(self, x: ArrayLike) -> Array:
        W = self.W.data
        x = fitting("x", x, "n c h w", W, c=W.shape[1])
        F.conv2d.look(x, W, **self.options())
        return x

    def forward(self, x: Array) -> Array:
        x, b = self.looked_at(x), None if self.b is None else self.b.data
        out = self.function(x, self.W.data, b, **self.options())
        self._kept = x, out
        return out

    def backward(self, dout: Array) -> Array:
        x, out = self.remembered()
        dout, W = shaped_as(out, dout), self.W.data
        dx, self.W.grad, db = self.gradient(dout, x, W, **self.options(), ask_dx=self.asked)
        if self.b is not None:
            self.b.grad = db
        return dx

    def parameters(self) -> list[Parameter]:
        return [self.W] if self.b is None else [self.W, self.b]

    def __repr__(self) -> str:
        k, c, kh, kw = self.W.data.shape
        sides = kh if kh == kw else (kh, kw)
        more = {"stride": (self.stride, 1), "padding": (self.padding, 0), "bias": (self.b is not None, True)}
        return f"Conv2d({c}, {k}, {sides}{_unusual(more)})"


def _unusual(options: Mapping[str, tuple[object, object]]) -> str:
    return "".join(f", {name}={value}" for name, (value, usual) in options.items() if value != usual)


class MaxPool2d(_Images):
    """:func:`~bphelpers.functional.max_pool2d` as a layer [15].

    >>> MaxPool2d(2)(np.ones((32, 8, 24, 24))).shape
    (32, 8, 12, 12)
    """

    pair = F.max_pool2d, F.max_pool2d_backward

    def __init__(self, kernel_size: int, stride: int | None = None) -> None:
        self.kernel_size = whole("kernel_size", kernel_size, 1)
        self.stride = self.kernel_size if stride is None else whole("stride", stride, 1)

    def options(self) -> dict[str, int]:
        return {"kernel_size": self.kernel_size, "stride": self.stride}

    def entering(self, x: ArrayLike) -> Array:
        return F.max_pool2d.look(x, **self.options())["x"]

    def forward(self, x: Array) -> Array:
        x = self.looked_at(x)
        out = self.function(x, **self.options())
        self._kept = x, out
        return out

    def backward(self, dout: Array) -> Array:
        x, out = self.remembered()
        return self.gradient(shaped_as(out, dout), x, **self.options())

    def __repr__(self) -> str:
        return f"MaxPool2d({self.kernel_size}{_unusual({'stride': (self.stride, self.kernel_size)})})"


class Flatten(Module):
    """Axes from ``start_dim`` to ``end_dim`` become one: all numbers of an example in one row [15].

    With ``Flatten(0, 1)`` all places of all sequences become rows, which is what a loss takes [17].

    >>> Flatten()(np.ones((32, 16, 4, 4))).shape, Flatten(0, 1)(np.ones((32, 10, 48))).shape
    ((32, 256), (320, 48))
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = whole("start_dim", start_dim, 0), whole("end_dim", end_dim, -1)

    def entering(self, x: ArrayLike) -> Array:
        x = shaped("x", x, "n ...")
        if not self.start_dim <= self.end_dim % x.ndim or self.end_dim >= x.ndim:
            raise ValueError(f"x must have axes {self.start_dim} to {self.end_dim}, got shape {x.shape}")
        return x

    def forward(self, x: Array) -> Array:
        self._kept = x = self.entering(x)
        start, end = self.start_dim, self.end_dim % x.ndim + 1
        return x.reshape(*x.shape[:start], math.prod(x.shape[start:end]), *x.shape[end:])

    def backward(self, dout: Array) -> Array:
        x = self.remembered()
        return shaped_as(self.forward(x), dout).reshape(x.shape)
