"""Layers of sequences, ``(n, t, d)``: examples, steps, features [16]."""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from bphelpers import functional as F
from bphelpers.arguments import Array, shaped, whole
from bphelpers.nn.layers import Initializer, drawn
from bphelpers.nn.modules import Module, Parameter, fitting, shaped_as


class RNN(Module):
    """:func:`~bphelpers.functional.rnn` as a layer: ``(n, t, input_size)`` to ``(n, t, hidden_size)`` [16].

    Layout of ``torch.nn.RNN`` with ``batch_first=True``; Wx is its ``weight_ih_l0``, Wh its ``weight_hh_l0``,
    b the sum of its two biases. ``init`` as in :class:`Linear`, for both. It begins with the states ``h0``,
    ``(n, hidden_size)``, or with zeros if that is None. After a forward pass ``last`` holds the states at the
    end: ``layer.h0 = layer.last`` goes on where a sequence was cut. PyTorch takes h0 with each call and
    forgets it; here it stays until it is set anew: say ``layer.h0 = None`` before other sequences.

    >>> layer = RNN(1, 16, rng=np.random.default_rng(0))
    >>> layer(np.ones((32, 50, 1))).shape, layer.last.shape
    ((32, 50, 16), (32, 16))
    """

    pair = F.rnn, F.rnn_backward
    h0: ArrayLike | None = None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        rng: np.random.Generator,
        init: str | Initializer = "xavier",
        dtype: DTypeLike = np.float64,
    ) -> None:
        m, d = whole("hidden_size", hidden_size, 1), whole("input_size", input_size, 1)
        self.Wx = Parameter(drawn(init, m, d, rng, dtype), "Wx")
        self.Wh = Parameter(drawn(init, m, m, rng, dtype), "Wh")
        self.b = Parameter(np.zeros(m, dtype), "b")

    @property
    def last(self) -> Array:
        """The states after the last step of the latest forward pass, ``(n, hidden_size)``: a copy."""
        _, h0, h = self.remembered()
        return np.array(h[:, -1] if h.shape[1] else h0)

    def entering(self, x: ArrayLike) -> Array:
        Wx = self.Wx.data
        return fitting("x", x, "n t d", Wx, d=Wx.shape[1])

    def forward(self, x: Array) -> Array:
        Wx, Wh, b = (p.data for p in self.parameters())
        x = self.entering(x)
        if self.h0 is None:
            h0 = np.zeros((len(x), len(Wh)), Wh.dtype)
        else:
            h0 = shaped("h0", self.h0, "n m", {"n": len(x), "m": len(Wh)}, {"x": x}).astype(Wh.dtype)
        h = self.function(x, h0, Wx, Wh, b)
        self._kept = x, h0, h
        return h

    def backward(self, dout: Array) -> Array:
        x, h0, h = self.remembered()
        dout = shaped_as(h, dout)
        dx, _, self.Wx.grad, self.Wh.grad, self.b.grad = self.gradient(
            dout, x, h0, h, self.Wx.data, self.Wh.data
        )
        return dx

    def parameters(self) -> list[Parameter]:
        return [self.Wx, self.Wh, self.b]

    def __repr__(self) -> str:
        m, d = self.Wx.data.shape
        return f"RNN({d}, {m})"
