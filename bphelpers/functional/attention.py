"""Attention and embeddings, of sequences ``x: n t d``: examples, places, features [17].

An axis of heads stands before the places, ``n h t d``: to an operation it is one more ``...``.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bphelpers.arguments import Array, as_array, op


def _rows_exist(given: dict[str, Any]) -> None:
    x, rows = given["x"], len(given["E"])
    if rows == 0:
        raise ValueError(f"E must hold at least one row, got shape {given['E'].shape}")
    if x.size and (x.min() < 0 or x.max() >= rows):
        raise ValueError(f"x must lie from 0 to {rows - 1}, got {x.min()} to {x.max()}")


@op("x: n ... int, E: k d", _rows_exist)
def embedding(x: NDArray[np.integer], E: Array) -> Array:
    """The row of ``E`` that each whole number names, ``E[x]`` [17]. Layout of ``torch.nn.Embedding``.

    >>> embedding([1, 0, 1], [[1.0, 2.0], [3.0, 4.0]])
    array([[3., 4.],
           [1., 2.],
           [3., 4.]])
    """
    return E.take(x, 0)


@op("x: n ... int, E: k d, dout: n ... d", _rows_exist)
def embedding_backward(dout: Array, x: NDArray[np.integer], E: Array) -> Array:
    r"""``dE``: a row that was looked up often adds up, :math:`\text{one-hot}^T dout` [17].

    >>> embedding_backward([[1.0], [10.0], [100.0]], [1, 0, 1], [[0.0], [0.0]])
    array([[ 10.],
           [101.]])
    """
    one_hot = np.zeros((x.size, len(E)), dout.dtype)
    one_hot[np.arange(x.size), x.ravel()] = 1
    return one_hot.T @ dout.reshape(x.size, E.shape[1])


def split_heads(x: Array, heads: int) -> Array:
    """``n t d`` to ``n h t d/h``: each head gets features of its own. Back: :func:`join_heads` [17]."""
    n, t, d = x.shape
    return x.reshape(n, t, heads, d // heads).transpose(0, 2, 1, 3)


def join_heads(x: Array) -> Array:
    """``n h t d`` to ``n t h*d``, heads side by side. Back: :func:`split_heads` [17]."""
    n, h, t, d = x.shape
    return x.transpose(0, 2, 1, 3).reshape(n, t, h * d)


def _can_attend(given: dict[str, Any]) -> None:
    q, k, mask = given["q"], given["k"], given.get("attn_mask")
    for name, axis, what in (("q", -1, "feature"), ("k", -2, "key")):
        if given[name].shape[axis] == 0:
            raise ValueError(f"{name} must hold at least one {what}, got shape {given[name].shape}")
    if mask is None:
        return
    given["attn_mask"] = mask = as_array("attn_mask", mask)
    scores = *q.shape[:-1], k.shape[-2]
    fits = mask.ndim <= len(scores) and all(
        a in (1, b) for a, b in zip(mask.shape[::-1], scores[::-1], strict=False)
    )
    if mask.dtype != bool or not fits:
        wanted = f"attn_mask must hold True where a query may look, in a shape that fits {scores}"
        raise ValueError(f"{wanted}, got dtype {mask.dtype}, shape {mask.shape}")
    if not _allowed(scores, mask, given.get("is_causal", False)).any(axis=-1).all():
        raise ValueError("attn_mask must leave each query at least one key, got one without any")


def _allowed(scores: tuple[int, ...], attn_mask: Any, is_causal: bool) -> NDArray[np.bool_]:
    t, s = scores[-2:]
    earlier: NDArray[np.bool_] = np.arange(s) <= np.arange(t)[:, None] if is_causal else np.ones((t, s), bool)
    return earlier if attn_mask is None else np.logical_and(earlier, attn_mask)


def attention_weights(q: Array, k: Array, attn_mask: Any = None, is_causal: bool = False) -> Array:
    """``p: ... t s``: how much each query listens to each key; a row adds up to 1."""
    p = (q * (1 / math.sqrt(q.shape[-1]))) @ k.swapaxes(-1, -2)
    if is_causal or attn_mask is not None:
        np.copyto(p, -np.inf, where=~_allowed(p.shape, attn_mask, is_causal))
    rows = p.reshape(-1, k.shape[-2])  # down the columns of a copy, a maximum takes a third of the time
    p -= np.maximum.reduce(np.ascontiguousarray(rows.T), 0).reshape(*p.shape[:-1], 1)
    np.exp(p, out=p)
    p /= _row_sums(p)
    return p


def _row_sums(p: Array) -> Array:
    """``p.sum(axis=-1, keepdims=True)`` as a product, which takes a fifth of the time."""
    s = p.shape[-1]
    sums = p.reshape(-1, s).dot(np.ones(s, p.dtype))
    return sums.reshape(*p.shape[:-1], 1)


@op("q: ... t d, k: ... s d, v: ... s e", _can_attend)
def scaled_dot_product_attention(
    q: Array, k: Array, v: Array, attn_mask: Any = None, *, is_causal: bool = False
) -> Array:
    r"""For each query an average of the values, :math:`\text{softmax}(q k^T / \sqrt d)\, v` [17].

    ``attn_mask`` is True where a query may look; with ``is_causal``, query i looks at keys 0 to i. Name and
    arguments of PyTorch's function. Source: A. Vaswani and others, Attention is all you need, 2017.

    >>> scaled_dot_product_attention([[0.0]], [[0.0], [0.0]], [[4.0], [8.0]])
    array([[6.]])
    """
    return attention_weights(q, k, attn_mask, is_causal) @ v


@op("q: ... t d, k: ... s d, v: ... s e, dout: ... t e", _can_attend)
def scaled_dot_product_attention_backward(
    dout: Array,
    q: Array,
    k: Array,
    v: Array,
    attn_mask: Any = None,
    *,
    is_causal: bool = False,
    p: Array | None = None,
) -> tuple[Array, Array, Array]:
    r"""``dq, dk, dv``: a score is blamed by how far its value lies from the average [17].

    With the weights p: :math:`dv = p^T dout`, :math:`dp = dout\, v^T`, :math:`ds = p (dp - \sum p\, dp)`,
    :math:`dq = ds\, k / \sqrt d`, :math:`dk = ds^T q / \sqrt d`. What is masked has p = 0, and so no blame.
    A layer passes the p that it kept.

    >>> scaled_dot_product_attention_backward([[1.0]], [[1.0]], [[0.0], [0.0]], [[4.0], [8.0]])[1]
    array([[-1.],
           [ 1.]])
    """
    if p is None:
        p = attention_weights(q, k, attn_mask, is_causal)
    ds = dout @ v.swapaxes(-1, -2)
    ds *= p
    ds -= p * _row_sums(ds)
    ds *= 1 / math.sqrt(q.shape[-1])
    return ds @ k, ds.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ dout
