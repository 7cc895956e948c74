"""What functions ask of their arguments. One grammar: what must be, what was found, what to do.

``@op("x: n d, W: k d, b: k")`` says the shapes of an operation once, in a line that is read and checked:
arrays of real numbers, one letter for one length, ``...`` for any axes, the same wherever it stands, ``int``
for whole numbers; ``p={"least": 0}`` bounds a number. ``linear.plain`` is the bare formula, for layers, which
have looked already.
"""

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, Generic, NoReturn, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating]
R = TypeVar("R")
Lengths = dict[str, Any]
_WHOLE = int, np.integer  # a tuple: to make the union int | np.integer at each call takes as long as the rest


def refuse(name: str, wanted: str, value: Any, advice: str = "") -> NoReturn:
    """Raise the ValueError that every function here ends in.

    >>> refuse("lr", "be a number above 0", -1)
    Traceback (most recent call last):
    ValueError: lr must be a number above 0, got -1
    """
    raise ValueError(f"{name} must {wanted}, got {shown(value)}{advice and '; ' + advice}")


def shown(value: Any) -> str:
    """A value for an error message: short, and with its type where that is the point."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    plain = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return f"{value}" if plain else f"{value!r} ({type(value).__name__})"


def number(
    name: str,
    value: Any,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    most: float = math.inf,
    below: float = math.inf,
) -> float:
    """``value`` as a Python float (a NumPy float64 would turn float32 arrays into float64) within its bounds.

    >>> number("p", 1.5, least=0, below=1)
    Traceback (most recent call last):
    ValueError: p must be a finite number, at least 0, below 1, got 1.5
    """
    array = np.asarray(value)
    is_number = array.shape == () and array.dtype.kind in "fiu"
    if is_number and math.isfinite(value) and least <= value <= most and above < value < below:
        return float(value)
    bounds = {"at least": least, "above": above, "at most": most, "below": below}
    words = "".join(f", {word} {bound:g}" for word, bound in bounds.items() if math.isfinite(bound))
    refuse(name, f"be a finite number{words}", value)


def whole(name: str, value: Any, least: int) -> int:
    """``value`` as an int of at least ``least``.

    >>> whole("batch_size", 2.0, least=1)
    Traceback (most recent call last):
    ValueError: batch_size must be a whole number, at least 1, got 2.0
    """
    if isinstance(value, _WHOLE) and not isinstance(value, bool) and value >= least:
        return int(value)
    refuse(name, f"be a whole number, at least {least}", value)


def generator(name: str, value: Any) -> np.random.Generator:
    """Refuse a seed or a missing generator before anything is drawn."""
    if isinstance(value, np.random.Generator):
        return value
    is_seed = isinstance(value, _WHOLE) and not isinstance(value, bool) and value >= 0
    seed = int(value) if is_seed else 0
    refuse(name, "be a numpy.random.Generator", value, f"pass np.random.default_rng({seed})")


def real(name: str, value: ArrayLike) -> Array:
    """``value`` as a floating-point array: float32 stays, integers and booleans become float64."""
    array = as_array(name, value)
    if array.dtype.kind == "f":
        return array
    if array.dtype.kind in "iub":
        return array.astype(np.float64)
    if array.dtype == object and array.ndim == 0:
        refuse(name, "hold real numbers", value)
    advice = f"; if they are numbers, np.array({name}, float)" if array.dtype.kind in "OUS" else ""
    raise ValueError(f"{name} must hold real numbers, got dtype {array.dtype}{advice}")


def as_array(name: str, value: Any) -> NDArray[Any]:
    """``value`` as an array, or a ValueError where its rows are not equally long."""
    try:
        return np.asarray(value)
    except ValueError as error:
        advice = "pad the short ones, or leave them out"
        raise ValueError(f"{name} must have rows of one length, got rows of several; {advice}") from error


def finite(name: str, array: Array) -> Array:
    """Refuse NaN and infinity, and say how many.

    >>> finite("X", np.array([1.0, np.nan]))
    Traceback (most recent call last):
    ValueError: X must be finite, got NaN or infinity in 1 of 2 places
    """
    if np.isfinite(array).all():
        return array
    wrong = np.count_nonzero(~np.isfinite(array))
    raise ValueError(f"{name} must be finite, got NaN or infinity in {wrong} of {array.size} places")


def shaped(
    name: str, value: ArrayLike, shape: str, lengths: Lengths | None = None, beside: Lengths | None = None
) -> NDArray[Any]:
    """``value`` as an array of that shape; ``lengths`` remembers what each letter stands for.

    An error names the arrays ``beside`` it, which set the lengths.

    >>> shaped("x", [1, 2], "n d")
    Traceback (most recent call last):
    ValueError: x must have shape (n, d), got (2,); for one example, add the batch axis: x[None, :]
    """
    lengths = {} if lengths is None else lengths
    letters = shape.split()
    if whole_numbers := letters[-1] == "int":
        letters.pop()
    array: NDArray[Any] = as_array(name, value) if whole_numbers else real(name, value)
    found: tuple[Any, ...] = array.shape
    if "..." in letters:
        at, rest = letters.index("..."), max(array.ndim - len(letters) + 1, 0)
        found = *found[:at], found[at : at + rest], *found[at + rest :]
    if len(found) == len(letters) and not (whole_numbers and array.dtype.kind not in "iu"):
        own: Lengths = {}
        pairs = zip(letters, found, strict=True)
        if all(own.setdefault(letter, lengths.get(letter, length)) == length for letter, length in pairs):
            lengths.update(own)
            return array
    if "..." in letters[1:] and "..." not in lengths and array.ndim < len(letters):
        letters.remove("...")  # not needed to say what so few axes should be
    wanted: list[str] = []
    for letter in letters:
        length = lengths.get(letter, letter)
        wanted += map(str, length) if isinstance(length, tuple) else [str(length)]
    row = f"({', '.join(wanted)}{',' * (len(wanted) == 1)})"
    known = "".join(f", beside {other} of shape {found.shape}" for other, found in (beside or {}).items())
    if whole_numbers:
        wanted_is = f"be whole numbers of shape {row}"
        got = f"dtype {array.dtype}, shape {array.shape}"
    else:
        wanted_is, got = f"have shape {row}", str(array.shape)
    advice = _to_labels(name, array, wanted) if whole_numbers else _to_rows(name, array, letters, wanted)
    raise ValueError(f"{name} must {wanted_is}, got {got}{known}{advice and '; ' + advice}")


def _to_labels(name: str, array: NDArray[Any], wanted: list[str]) -> str:
    if array.ndim == 2 and array.shape[1] == 1:
        return f"a column becomes labels by {name}[:, 0]"
    if array.ndim == 2:
        return f"one-hot rows by {name}.argmax(axis=1)"
    return f"{name}.astype(int)" if array.dtype.kind in "fb" and wanted == [str(array.size)] else ""


def _to_rows(name: str, array: NDArray[Any], letters: list[str], wanted: list[str]) -> str:
    if letters[-2:] == ["h", "w"] and array.ndim == 2:
        return f"rows become images by {name}.reshape(-1, {wanted[1]}, height, width)"
    if array.ndim != 1 or len(letters) != 2 or letters[0] == "...":
        return ""
    if wanted == [str(len(array)), "1"]:
        return f"make a column of it: {name}[:, None]"
    fits = wanted[0] in (letters[0], "1") and wanted[1] in (letters[1], str(len(array)))
    return f"for one example, add the batch axis: {name}[None, :]" if fits else ""


class Op(Protocol, Generic[R]):
    """An operation with its arguments looked at, and what it consists of."""

    __name__: str
    plain: Callable[..., R]
    shapes: dict[str, str]
    look: Callable[..., dict[str, Any]]

    def __call__(self, *args: Any, **kwargs: Any) -> R:
        """Look at the arguments, then compute."""


def op(
    spec: str, also: Callable[[dict[str, Any]], object] | None = None, **bounds: dict[str, float]
) -> Callable[[Callable[..., R]], Op[R]]:
    """Have a formula's arguments looked at: shapes, bounds of numbers, and what ``also(given)`` asks of all.

    >>> @op("x: n d, W: k d")
    ... def linear(x, W):
    ...     return x @ W.T
    >>> linear([[1, 2]], [[3, 4]])
    array([[11.]])
    """
    shapes = {name.strip(): shape.strip() for name, shape in (part.split(":") for part in spec.split(","))}

    def with_shapes(formula: Callable[..., R]) -> Op[R]:
        signature = inspect.signature(formula)
        names = list(signature.parameters)
        needed = {name for name, p in signature.parameters.items() if p.default is p.empty}

        def look(*args: Any, **kwargs: Any) -> dict[str, Any]:
            given = dict(zip(names, args, strict=False)) | kwargs
            if needed - given.keys() or len(given) < len(args) + len(kwargs):
                signature.bind(*args, **kwargs)  # raises Python's own TypeError
            lengths: Lengths = {}
            beside: Lengths = {}
            for name, shape in shapes.items():
                if name in needed or given.get(name) is not None:
                    beside[name] = given[name] = shaped(name, given[name], shape, lengths, beside)
            for name in bounds.keys() & given.keys():
                number(name, given[name], **bounds[name])
            if also is not None:
                also(given)
            return given

        @functools.wraps(formula)
        def looked_at(*args: Any, **kwargs: Any) -> R:
            with np.errstate(over="ignore"):  # where a sigmoid's exponential is infinite, 1 over it is 0
                return formula(**look(*args, **kwargs))

        lines = ", ".join(f"{name} ({shape})" for name, shape in shapes.items())
        looked_at.__doc__ = f"{inspect.cleandoc(formula.__doc__ or '')}\n\nShapes: {lines}."
        vars(looked_at).update(plain=formula, shapes=shapes, look=look)
        return cast(Op[R], looked_at)

    return with_shapes
