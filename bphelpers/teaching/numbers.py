"""Numbers that a reader is shown: how they are written, and that they are fit to be shown at all."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bphelpers import arguments

MINUS = "\N{MINUS SIGN}"
POWER = " × 10^"


def number(
    value: Any,
    digits: int = 6,
    style: Literal["printed", "sentence", "label"] = "printed",
    *,
    decimals: int | None = None,
    zero_below: float = 0.0,
    steady: bool = False,
) -> str:
    """``value`` to some significant digits, or with some decimals; whole numbers, True and False in full.

    Rounding noise, up to ``zero_below``, is written as 0. ``steady`` is for measured numbers: a nudge keeps
    one that sits on the border between two roundings on one side of it, whatever its last bits.

    >>> number(0.08216704056), number(-1.25e-7), number(1e-18, zero_below=1e-12), number(3)
    ('0.082167', '-1.25e-07', '0', '3')
    >>> number(-1.25e-7, style="sentence"), number(-1.25e-7, 3, "label")
    ('−1.25 × 10^−7', '−1.25e−7')
    >>> number(-0.0004, style="label", decimals=3), number(0.12345 - 1e-12, 4, steady=True)
    ('0.000', '0.1235')
    """
    value = np.asarray(value).item()
    if isinstance(value, int) and decimals is None:
        return str(value)
    if abs(value) <= zero_below:
        value = 0.0
    nudge = 1e-7 if steady else 0.0
    text = f"{value * (1 + nudge):.{digits}g}" if decimals is None else f"{value:.{decimals}f}"
    mantissa, e, exponent = text.partition("e")
    if float(mantissa) == 0:
        mantissa = mantissa.removeprefix("-")  # minus zero is no number to show
    if style == "printed":
        return mantissa + e + exponent
    power = (POWER if style == "sentence" else "e") + str(int(exponent)) if exponent else ""
    return (mantissa + power).replace("-", MINUS)


def finite(name: str, values: ArrayLike, ndim: int | None = None) -> NDArray[np.float64]:
    """The values as an array of floats, or a ``ValueError`` where they cannot be shown.

    >>> finite("curve", [1, float("nan")])
    Traceback (most recent call last):
    ValueError: curve must be finite, got NaN or infinity in 1 of 2 places
    """
    array = arguments.real(name, values)
    if ndim is not None and array.ndim != ndim:
        arguments.refuse(name, f"have {ndim} dimension(s)", array)
    if array.size == 0:
        arguments.refuse(name, "hold at least one value", array)
    return arguments.finite(name, array).astype(np.float64)
