"""Convolution and pooling of images ``x: n c h w``: examples, channels, height, width [15].

Inside, the batch is the last axis in memory: a patch is copied as one long run of numbers, several times as
fast. What is returned has the shape that it promises, as a view of such an array.
"""

from typing import Any

import numpy as np

from bphelpers.arguments import Array, op, whole


def _places(size: int, window: int, stride: int, padding: int = 0) -> int:
    """How often a window fits into a padded side."""
    return (size + 2 * padding - window) // stride + 1


def _fits(given: dict[str, Any]) -> None:
    stride = given["stride"] = whole("stride", given.get("stride", 1), 1)
    padding = given["padding"] = whole("padding", given.get("padding", 0), 0)
    sides, kernel = given["x"].shape[2:], given["W"].shape[2:]
    if not given["W"].size:
        raise ValueError(f"W must hold at least one weight, got shape {given['W'].shape}")
    if sides[0] + 2 * padding < kernel[0] or sides[1] + 2 * padding < kernel[1]:
        raise ValueError(
            f"x must be at least as large as the kernel, {kernel}, got {sides}, padding {padding}"
        )
    places = [_places(*both, stride, padding) for both in zip(sides, kernel, strict=True)]
    _as_many_places(given, places)


def _as_many_places(given: dict[str, Any], places: list[int]) -> None:
    if "dout" in given and list(given["dout"].shape[2:]) != places:
        raise ValueError(f"dout must have {tuple(places)} places, got {given['dout'].shape[2:]}")


def patches(x: Array, kernel: tuple[int, int], stride: int, padding: int) -> Array:
    """What the kernel sees at each place, a column each: ``(c*kh*kw, oh*ow*n)``."""
    (n, c, h, w), (kh, kw) = x.shape, kernel
    oh, ow = _places(h, kh, stride, padding), _places(w, kw, stride, padding)
    padded = np.zeros((c, h + 2 * padding, w + 2 * padding, n), x.dtype)
    padded[:, padding : padding + h, padding : padding + w] = x.transpose(1, 2, 3, 0)
    seen = np.empty((c, kh, kw, oh, ow, n), x.dtype)
    for i, j in np.ndindex(kh, kw):
        seen[:, i, j] = padded[:, i : i + stride * oh : stride, j : j + stride * ow : stride]
    return seen.reshape(c * kh * kw, oh * ow * n)


def patches_backward(
    dseen: Array, shape: tuple[int, ...], kernel: tuple[int, int], stride: int, padding: int
) -> Array:
    """Each number goes back to the pixel it was copied from; a pixel that was copied often adds up."""
    (n, c, h, w), (kh, kw) = shape, kernel
    oh, ow = _places(h, kh, stride, padding), _places(w, kw, stride, padding)
    dseen = dseen.reshape(c, kh, kw, oh, ow, n)
    dpadded = np.zeros((c, h + 2 * padding, w + 2 * padding, n), dseen.dtype)
    for i, j in np.ndindex(kh, kw):
        dpadded[:, i : i + stride * oh : stride, j : j + stride * ow : stride] += dseen[:, i, j]
    return dpadded[:, padding : padding + h, padding : padding + w].transpose(3, 0, 1, 2)


@op("x: n c h w, W: k c i j, b: k", _fits)
def conv2d(x: Array, W: Array, b: Array | None = None, *, stride: int = 1, padding: int = 0) -> Array:
    r"""Slide each of the k kernels over the image and take a weighted sum at each place [15].

    :math:`z_{kyx} = b_k + \sum_{cij} W_{kcij}\, x_{c,\,sy+i,\,sx+j}`, x with ``padding`` zeros around: what
    libraries call convolution and mathematics cross-correlation. Layout and names of ``torch.nn.Conv2d``.
    Source: Y. LeCun and others, Backpropagation applied to handwritten zip code recognition, 1989.

    >>> conv2d([[[[1.0, 0.0, 2.0, -1.0, 3.0]]]], [[[[1.0, 2.0, 3.0]]]])
    array([[[[7., 1., 9.]]]])
    """
    z = W.reshape(len(W), -1) @ patches(x, W.shape[2:], stride, padding)
    if b is not None:
        z += b[:, None]
    oh, ow = (_places(x.shape[axis], W.shape[axis], stride, padding) for axis in (2, 3))
    return z.reshape(len(W), oh, ow, len(x)).transpose(3, 0, 1, 2)


@op("x: n c h w, W: k c i j, dout: n k p q", _fits)
def conv2d_backward(
    dout: Array, x: Array, W: Array, *, stride: int = 1, padding: int = 0, ask_dx: bool = True
) -> tuple[Array, Array, Array]:
    """``dx`` adds up over all places whose window saw a pixel, ``dW`` and ``db`` over all places [15].

    These are the three products of :func:`linear_backward`, on patches. Training skips the dx of the first
    layer.

    >>> x, W = [[[[1.0, 0.0, 2.0, -1.0, 3.0]]]], [[[[1.0, 2.0, 3.0]]]]
    >>> conv2d_backward([[[[1.0, -1.0, 2.0]]]], x, W)
    (array([[[[1., 1., 3., 1., 6.]]]]), array([[[[ 5., -4.,  9.]]]]), array([2.]))
    """
    dz = dout.transpose(1, 2, 3, 0).reshape(len(W), -1)
    dW = (dz @ patches(x, W.shape[2:], stride, padding).T).reshape(W.shape)
    db = dz.sum(axis=1)
    if not ask_dx:
        return dout, dW, db
    dseen = W.reshape(len(W), -1).T @ dz
    return patches_backward(dseen, x.shape, W.shape[2:], stride, padding), dW, db


def _has_windows(given: dict[str, Any]) -> None:
    size = given["kernel_size"] = whole("kernel_size", given["kernel_size"], 1)
    stride = given["stride"] = whole("stride", size if given.get("stride") is None else given["stride"], 1)
    sides = given["x"].shape[2:]
    if min(sides) < size:
        raise ValueError(f"x must be at least as large as the window, {(size, size)}, got {sides}")
    _as_many_places(given, [_places(side, size, stride) for side in sides])


def _corners(x: Array, size: int, stride: int | None) -> list[Array]:
    """A view of x for each place in the window: what all windows see there."""
    stride = stride or size
    oh, ow = (_places(side, size, stride) for side in x.shape[2:])
    corners = np.ndindex(size, size)
    return [x[:, :, i : i + stride * oh : stride, j : j + stride * ow : stride] for i, j in corners]


@op("x: n c h w", _has_windows)
def max_pool2d(x: Array, kernel_size: int, stride: int | None = None) -> Array:
    """The largest number in each window of ``kernel_size`` by ``kernel_size`` [15].

    Windows lie side by side; with a ``stride`` smaller than the window they overlap.

    >>> max_pool2d([[[[1.0, 5.0], [3.0, 2.0]]]], 2)
    array([[[[5.]]]])
    """
    first, *others = _corners(x, kernel_size, stride)
    out = np.array(first)
    for view in others:
        np.maximum(out, view, out=out)
    return out


@op("x: n c h w, dout: n c p q", _has_windows)
def max_pool2d_backward(dout: Array, x: Array, kernel_size: int, stride: int | None = None) -> Array:
    """The winner of each window gets all of its ``dout``; of equals, the first in reading order [15].

    A NaN wins over any number, as it does on the way forward.

    >>> max_pool2d_backward([[[[7.0]]]], [[[[5.0, 5.0], [3.0, 2.0]]]], 2)
    array([[[[7., 0.],
             [0., 0.]]]])
    """
    out, dx = max_pool2d.plain(x, kernel_size, stride), np.zeros_like(x)
    waiting = np.ones_like(out, bool)
    views, dviews = (_corners(array, kernel_size, stride) for array in (x, dx))
    for view, dview in zip(views, dviews, strict=True):
        wins = waiting & ((view == out) | np.isnan(view))
        dview += np.where(wins, dout, 0.0)
        waiting ^= wins
    return dx
