"""Errors at the door: what every operation asks of its arguments."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating]


def as_float(name: str, value: ArrayLike) -> Array:
    """``value`` as a floating-point array: float32 stays, integers and booleans become float64."""
    array = np.asarray(value)
    if array.dtype.kind == "f":
        return array
    if array.dtype.kind in "iub":
        return array.astype(np.float64)
    raise ValueError(f"{name} must hold real numbers, got dtype {array.dtype}")


def as_batch(name: str, value: ArrayLike) -> Array:
    """``value`` as a float array of shape ``(n, d)``."""
    array = as_float(name, value)
    if array.ndim == 2:
        return array
    fix = f"; for one example, add the batch axis with {name}[None, :]" if array.ndim == 1 else ""
    raise ValueError(f"{name} must have shape (n, d), got {array.shape}{fix}")


def same_shape(name: str, array: Array, other_name: str, other: Array) -> None:
    """Refuse two arrays that NumPy would otherwise broadcast in silence."""
    if array.shape != other.shape:
        raise ValueError(f"{name} must have the shape of {other_name}, {other.shape}, got {array.shape}")


def upstream(dout: ArrayLike, name: str, value: ArrayLike) -> tuple[Array, Array]:
    """The gradient that comes back and the value that it belongs to, of one shape."""
    array = as_float(name, value)
    dout = as_float("dout", dout)
    same_shape("dout", dout, name, array)
    return dout, array


def as_generator(name: str, value: np.random.Generator) -> np.random.Generator:
    """Refuse a seed or a missing generator before anything is drawn."""
    if isinstance(value, np.random.Generator):
        return value
    raise ValueError(f"{name} must be a generator such as np.random.default_rng(0), got {value!r}")


def not_empty(name: str, array: Array) -> None:
    """Refuse an empty batch where an average is taken."""
    if array.shape[0] == 0:
        raise ValueError(f"{name} must hold at least one example to average over, got shape {array.shape}")
