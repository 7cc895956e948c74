"""Layers of sequences, ``(n, t, d)``: examples, places, features [17]."""

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from bphelpers import functional as F
from bphelpers.arguments import Array, generator, refuse, whole
from bphelpers.functional import at_least_one
from bphelpers.functional.attention import attention_weights, join_heads, split_heads
from bphelpers.nn.layers import Linear, floats
from bphelpers.nn.modules import Module, Parameter, fitting, shaped_as


class _Table(Module):
    """A learned row for each of ``num_embeddings`` things, ``std`` times normal numbers at the start."""

    name: str

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        *,
        rng: np.random.Generator,
        std: float = 1.0,
        dtype: DTypeLike = np.float64,
    ) -> None:
        shape = whole("num_embeddings", num_embeddings, 1), whole("embedding_dim", embedding_dim, 1)
        rows = std * generator("rng", rng).normal(size=shape)
        self.table = Parameter(rows.astype(floats(dtype)), self.name)

    def parameters(self) -> list[Parameter]:
        return [self.table]

    def __repr__(self) -> str:
        return "{}({}, {})".format(type(self).__name__, *self.table.data.shape)


class Embedding(_Table):
    """:func:`~bphelpers.functional.embedding` as a layer: whole numbers in, rows of ``E`` out [17].

    ``E (num_embeddings, embedding_dim)`` begins at ``std`` times normal numbers; PyTorch's ``weight`` begins
    at 1 times them. The numbers that come in have no gradient: ``backward`` returns ``dout``.

    >>> Embedding(39, 48, rng=np.random.default_rng(0))([[3, 1, 4]]).shape
    (1, 3, 48)
    """

    pair = F.embedding, F.embedding_backward
    name, E = "E", property(lambda self: self.table)

    def entering(self, x: ArrayLike) -> Array:
        return F.embedding.look(x, self.E.data)["x"]

    def forward(self, x: Array) -> Array:
        self._kept = x = self.entering(x)
        return self.function(x, self.E.data)

    def backward(self, dout: Array) -> Array:
        x, E = self.remembered(), self.E.data
        dout = fitting("dout", dout, "...", E, **{"...": (*x.shape, E.shape[1])})
        self.E.grad = self.gradient(dout, x, E)
        return dout


class LearnedPositions(_Table):
    """Adds a learned row to each place, ``x + P[:t]``, so that attention can tell places apart [17].

    ``P (num_embeddings, embedding_dim)`` has a row for each place up to the longest sequence.

    >>> LearnedPositions(16, 48, rng=np.random.default_rng(0))(np.zeros((2, 10, 48))).shape
    (2, 10, 48)
    """

    name, P = "P", property(lambda self: self.table)

    def entering(self, x: ArrayLike) -> Array:
        most, d = self.P.data.shape
        x = fitting("x", x, "n t d", self.P.data, d=d)
        if x.shape[1] > most:
            raise ValueError(f"x must have at most {most} places, got {x.shape[1]}")
        return x

    def forward(self, x: Array) -> Array:
        self._kept = x = self.entering(x)
        return x + self.P.data[: x.shape[1]]

    def backward(self, dout: Array) -> Array:
        dout, dP = shaped_as(self.remembered(), dout), np.zeros_like(self.P.data)
        dP[: dout.shape[1]] = dout.sum(axis=0)
        self.P.grad = dP
        return dout


class MultiheadAttention(Module):
    """Self-attention: each place takes an average of all, in each of ``num_heads`` ways [17].

    ``in_proj`` makes queries, keys and values, ``out_proj`` mixes what the heads found. Their weights are
    those of ``torch.nn.MultiheadAttention`` with ``batch_first=True``: ``in_proj.W`` is ``in_proj_weight``,
    ``(3 * embed_dim, embed_dim)`` with the rows of queries, keys, values; ``out_proj.W`` is
    ``out_proj.weight``. After a forward pass, ``weights (n, h, t, t)`` says how much each place listened to
    each. With ``is_causal`` a place listens to itself and to earlier ones. PyTorch's heads take x three
    times, as query, key and value: so does this layer, by itself.

    >>> layer = MultiheadAttention(8, 2, is_causal=True, rng=np.random.default_rng(0))
    >>> layer(np.ones((1, 3, 8))).shape, layer.weights[0, 0].round(2).tolist()
    ((1, 3, 8), [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.33, 0.33, 0.33]])
    """

    pair = F.scaled_dot_product_attention, F.scaled_dot_product_attention_backward

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        *,
        rng: np.random.Generator,
        is_causal: bool = False,
        bias: bool = True,
        dtype: DTypeLike = np.float64,
    ) -> None:
        d, self.num_heads = whole("embed_dim", embed_dim, 1), whole("num_heads", num_heads, 1)
        if d % num_heads:
            refuse("embed_dim", f"be a multiple of num_heads, {num_heads}", d)
        self.in_proj = Linear(d, 3 * d, rng=rng, bias=bias, dtype=dtype)
        self.out_proj = Linear(d, d, rng=rng, bias=bias, dtype=dtype)
        self.is_causal = is_causal

    def children(self) -> list[Module]:
        return [self.in_proj, self.out_proj]

    @property
    def weights(self) -> Array:
        """How much each place listened to each in the latest forward pass, ``(n, h, t, t)``."""
        return self.remembered()[-1]  # type: ignore[no-any-return]

    def entering(self, x: ArrayLike) -> Array:
        W = self.in_proj.W.data
        x = fitting("x", x, "n t d", W, d=W.shape[1])
        at_least_one("x", x, "place", axis=1)
        return x

    def forward(self, x: Array) -> Array:
        projected = self.in_proj.forward(self.entering(x))
        n, t, d = projected.shape
        heads = projected.reshape(n, t, 3, self.num_heads, d // 3 // self.num_heads)
        q, k, v = heads.transpose(2, 0, 3, 1, 4)
        p = attention_weights(q, k, is_causal=self.is_causal)
        self._kept = q, k, v, p
        return self.out_proj.forward(join_heads(p @ v))

    def backward(self, dout: Array) -> Array:
        q, k, v, p = self.remembered()
        dheads = self.gradient(split_heads(self.out_proj.backward(dout), self.num_heads), q, k, v, p=p)
        return self.in_proj.backward(np.concatenate([join_heads(part) for part in dheads], axis=-1))

    def __repr__(self) -> str:
        causal = ", is_causal=True" if self.is_causal else ""
        return f"MultiheadAttention({self.in_proj.W.data.shape[1]}, {self.num_heads}{causal})"
