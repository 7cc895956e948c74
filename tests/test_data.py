"""Data: what ships is whole, what is drawn is drawn as described, and bad input is named."""

import gzip
import hashlib
import inspect
import json
import math
import re
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from bphelpers import data

DATASETS = Path(data.__file__).parent / "datasets"
FASHION = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist


def refuses(message, call, *args, **kwargs):
    """The call raises a ValueError that begins with just these words."""
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        call(*args, **kwargs)


@pytest.fixture
def rng():
    return np.random.default_rng(20)


# --- Shipped images ---------------------------------------------------------------------------------

IMAGES = [data.digits, data.mnist_small]


@pytest.mark.parametrize(
    ("load", "shape", "levels", "counts"),
    [
        (data.digits, (1797, 64), 16, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]),
        (data.mnist_small, (5000, 784), 255, [500] * 10),
    ],
)
def test_shipped_images(load, shape, levels, counts):
    X, y = load()
    assert len({row.tobytes() for row in X}) == len(X), "an image is shipped twice"
    assert X.shape == shape and X.dtype == np.float64
    assert X.min() == 0.0 and X.max() == 1.0
    np.testing.assert_allclose(X * levels, np.round(X * levels), atol=1e-12)
    assert y.shape == shape[:1] and y.dtype == np.int64
    assert np.bincount(y).tolist() == counts
    assert (np.diff(y) >= 0).all() == (load is data.mnist_small), "sorted by class, as its docstring warns"


@pytest.mark.parametrize("load", IMAGES)
def test_an_image_looks_like_its_label(load):
    X, y = load()
    side = int(X.shape[1] ** 0.5)
    zero, one = (X[y == digit].mean(axis=0).reshape(side, side) for digit in (0, 1))
    middle = slice(3 * side // 7, -(-4 * side // 7))
    assert zero[middle, middle].mean() < 0.2 < 0.6 < one[middle, side // 2 - 1 : side // 2 + 1].mean()


def test_sunspots_come_and_go_in_eleven_years():
    years, numbers = data.sunspots()
    assert years.dtype == np.int64 and numbers.dtype == np.float64
    np.testing.assert_array_equal(years, np.arange(1700, 2009))
    assert numbers.min() == 0 and dict(zip(years, numbers, strict=True))[1957] == numbers.max() == 190.2
    strength = np.abs(np.fft.rfft(numbers - numbers.mean()))
    assert 309 / strength.argmax() == pytest.approx(11, abs=0.1)


@pytest.mark.parametrize("load", IMAGES)
def test_float32_on_request(load):
    exact, same_labels = load()
    for dtype in ("float32", np.float32, np.dtype("float32")):
        X, y = load(dtype=dtype)
        assert X.dtype == np.float32
        assert np.array_equal(y, same_labels)
        np.testing.assert_allclose(X, exact, rtol=1e-6)
    wrong = {"int64": "'int64' (str)", None: "None (NoneType)", 32: "32", "no": "'no' (str)"}
    for dtype, found in wrong.items():
        refuses(f"dtype must be 'float64' or 'float32', got {found}", load, dtype=dtype)


@pytest.mark.parametrize("load", [*IMAGES, data.sunspots, data.study_sleep, data.xor, data.symmetry])
def test_each_call_returns_fresh_arrays(load):
    X, y = load()
    X[:], y[:] = 7, 7
    X_again, y_again = load()
    assert not (X_again == 7).all() and not (y_again == 7).all()


@pytest.mark.parametrize("filename", data._SHA256)
def test_damage_to_a_shipped_file_is_noticed(tmp_path, monkeypatch, filename):
    load = getattr(data, filename.partition(".")[0])
    file = Path(shutil.copy(DATASETS / filename, tmp_path))
    monkeypatch.setattr(data, "_DATASETS", tmp_path)
    load()  # the copy is whole
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1  # one bit
    for damaged in (content, content[:100]):
        file.write_bytes(damaged)
        digests = f"must be {data._SHA256[filename]}, got {hashlib.sha256(damaged).hexdigest()}"
        with pytest.raises(OSError, match=rf"{filename} is damaged, SHA-256 {digests}; reinstall bphelpers$"):
            load()
    file.unlink()
    with pytest.raises(FileNotFoundError, match=rf"{filename} is missing; reinstall bphelpers"):
        load()


def test_digests_in_the_code_the_readme_and_the_files_agree():
    readme = (DATASETS / "README.md").read_text(encoding="utf-8")
    kinds = ".npz", ".csv", ".gz"
    assert {file.name for file in DATASETS.iterdir() if file.suffix in kinds} == set(data._SHA256)
    for name, digest in data._SHA256.items():
        assert hashlib.sha256((DATASETS / name).read_bytes()).hexdigest() == digest
        assert f"{digest}  {name}" in readme


def test_shipped_files_are_small_named_in_the_readme_and_hold_no_pickles():
    files = [file for file in DATASETS.iterdir() if not file.name.startswith((".", "__"))]
    assert sum(file.stat().st_size for file in files) < 1_500_000
    readme = (DATASETS / "README.md").read_text(encoding="utf-8")
    for file in files:
        assert file.name == "README.md" or file.name in readme
    for name in (file.name for file in DATASETS.glob("*.npz")):
        with np.load(DATASETS / name, allow_pickle=False) as arrays:
            assert {key: arrays[key].dtype for key in arrays} == {"images": np.uint8, "labels": np.uint8}


def test_alice_reads_like_the_book():
    text = data.alice()
    assert set(text.lower()) == set("abcdefghijklmnopqrstuvwxyz '!(),-.:;?\n")
    assert text.endswith("the happy summer days.\n") and "  " not in text and "\n\n" not in text
    assert text.lower().count("alice") > 390 and "CHAPTER" not in text and "Rabbit-Hole" not in text
    assert "don't" in text and "WAISTCOAT-POCKET" in text and "that's different" in text.lower()


# --- Worked examples --------------------------------------------------------------------------------


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


STORED = json.loads((DATASETS / "worked_examples.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", STORED)
def test_every_worked_example_says_where_it_is_from_and_holds_arrays(name):
    example, arrays = data.worked_example(name), []
    assert all(isinstance(example[key], str) and example[key] for key in ("title", "author", "inputs_from"))
    assert example["year"] is None or 1900 < example["year"] < 2030
    assert all(sentence.endswith(".") for sentence in example["known_trouble"])
    assert json.loads(json.dumps(example, default=np.ndarray.tolist)) == STORED[name]
    the_rest = json.dumps(example, default=lambda array: arrays.append(array))
    assert not re.search(r'": \[+[-\d]', the_rest), "a list of numbers is no array"
    assert all(array.dtype == np.float64 and array.size for array in arrays)


def test_numbers_nested_in_dicts_and_lists_become_arrays_too():
    assert data.worked_example("kostadinov")["inputs_ours"]["W2"].shape == (2, 2)
    assert data.worked_example("linear_neuron")["badly_scaled"][1]["X"].tolist() == [[0.1, 10], [0.1, -10]]
    assert isinstance(data.worked_example("skalski")["learning_rate"], float)


def test_an_unknown_worked_example_is_answered_with_the_known_ones():
    known = ", ".join(sorted(STORED))
    refuses(f"name must be one of {known}, got 'mazzur' (str)", data.worked_example, "mazzur")


def test_mazur_has_the_shapes_of_the_course_and_is_fresh_each_time():
    net = data.mazur()
    shapes = {name: np.shape(value) for name, value in net._asdict().items()}
    assert shapes == dict(x=(1, 2), y=(1, 2), W1=(2, 2), b1=(2,), W2=(2, 2), b2=(2,), lr=())
    assert (net.W1[0].tolist(), net.W2[0].tolist(), net.lr) == ([0.15, 0.2], [0.4, 0.45], 0.5)
    net.W1[:] = 0
    assert data.mazur().W1[0, 0] == 0.15


def test_study_sleep_and_its_published_impossibility():
    X, y = data.study_sleep()
    example = data.worked_example("study_sleep")
    assert (X.shape, y.shape, X.dtype, y.dtype) == ((3, 2), (3, 1), np.float64, np.float64)
    hidden_sums = X[0] @ example["W1_in_by_hidden"]
    follows = np.isclose(hidden_sums, example["published"]["hidden sums"])
    assert follows.tolist() == [True, False, True]
    activations, output_sum = (example["published"][key] for key in ("hidden activations", "output sum"))
    assert (activations > 1).tolist() == [False, True, False]
    assert activations @ example["W2"] - output_sum == pytest.approx(4.05e-4, rel=1e-2)
    assert np.array([0.9994, 1.000, 0.9984]) @ example["W2"] == pytest.approx(output_sum, abs=1e-9)


def test_symmetry_is_solved_by_the_weights_of_the_1986_figure():
    figure = data.worked_example("symmetry_1986")["figure_weights"]
    W = np.array([figure["hidden 1"], figure["hidden 2"]])
    np.testing.assert_array_equal(W, -W[:, ::-1])
    X, y = data.symmetry()
    out = sigmoid(sigmoid(X @ W.T + figure["b_hidden"]).sum(axis=1) * figure["w_out"] + figure["b_out"])
    assert ((out > 0.5) == (y[:, 0] == 1)).all()


# --- Small problems ---------------------------------------------------------------------------------


def test_xor_and_symmetry():
    X, y = data.xor()
    assert X.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]] and y.tolist() == [[0], [1], [1], [0]]
    assert X.dtype == y.dtype == np.float64
    X, y = data.symmetry()
    assert X.shape == (64, 6) and y.shape == (64, 1) and X.dtype == y.dtype == np.float64
    assert len(np.unique(X, axis=0)) == 64 and set(np.unique(X)) == {0.0, 1.0} and y.sum() == 8
    for pattern, target in zip(X.tolist(), y[:, 0], strict=True):
        assert target == (pattern == pattern[::-1])


CLOUDS = [data.moons, data.circles, data.spirals]


@pytest.mark.parametrize("make", CLOUDS)
@pytest.mark.parametrize("n", [2, 3, 10, 501])
def test_clouds_have_both_classes_in_halves_and_mixed(make, n, rng):
    X, y = make(n, 0.1, rng)
    assert X.shape == (n, 2) and y.shape == (n, 1) and X.dtype == y.dtype == np.float64
    assert set(np.unique(y)) == {0.0, 1.0} and y.sum() == n // 2
    changes = np.count_nonzero(np.diff(y[:, 0]))  # sorted by class there would be one
    assert n < 100 or 0.4 * n < changes < 0.6 * n


@pytest.mark.parametrize("make", CLOUDS)
def test_clouds_are_drawn_by_the_generator_alone(make):
    first, again, other = (make(50, 0.1, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


def test_moons_without_noise_lie_on_two_half_circles(rng):
    X, y = data.moons(201, 0.0, rng)
    upper, lower = X[y[:, 0] == 0], X[y[:, 0] == 1]
    np.testing.assert_allclose(np.hypot(*upper.T), 1)
    np.testing.assert_allclose(np.hypot(*(lower - [1, 0.5]).T), 1)
    assert upper[:, 1].min() >= -1e-12 and lower[:, 1].max() <= 0.5 + 1e-12
    assert (np.ptp(upper[:, 0]), np.ptp(lower[:, 0])) == pytest.approx((2, 2))


def test_circles_without_noise_have_radius_one_and_a_half(rng):
    X, y = data.circles(201, 0.0, rng)
    np.testing.assert_allclose(np.hypot(*X.T), np.where(y[:, 0] == 0, 1.0, 0.5))
    assert len(np.unique(X.round(9), axis=0)) == 201  # no point twice where the circle closes


def test_spirals_without_noise_grow_evenly_and_mirror_each_other(rng):
    X, y = data.spirals(200, 0.0, rng)
    arms = [X[y[:, 0] == k] for k in (0, 1)]
    arms = [arm[np.argsort(np.hypot(*arm.T))] for arm in arms]
    np.testing.assert_allclose(arms[0], -arms[1], atol=1e-12)
    radius = np.hypot(*arms[0].T)
    np.testing.assert_allclose(radius, np.linspace(0.1, 1, 100))
    angle = np.unwrap(np.arctan2(arms[0][:, 1], arms[0][:, 0]))
    np.testing.assert_allclose(angle, np.linspace(0, 3 * np.pi, 100), atol=1e-9)


@pytest.mark.parametrize("make", CLOUDS)
def test_noise_is_a_standard_deviation_per_coordinate(make):
    clean, noisy = (make(3000, noise, np.random.default_rng(3))[0] for noise in (0, 0.3))  # in the same order
    np.testing.assert_allclose(np.std(noisy - clean, axis=0), 0.3, rtol=0.06)
    np.testing.assert_allclose(np.mean(noisy - clean, axis=0), 0, atol=0.03)
    assert abs(np.corrcoef((noisy - clean).T)[0, 1]) < 0.1


@pytest.mark.parametrize("make", CLOUDS)
def test_clouds_name_the_argument_that_is_wrong(make, rng):
    for n in (1, 0, -3, 2.5, 10.0, "10", True, None):
        refuses(f"n must be a whole number, at least 2, got {n!r}", make, n, 0.1, rng)
    for noise in (-0.1, float("nan"), float("inf"), "0.1", None, True):
        refuses(f"noise must be a finite number, at least 0, got {noise!r}", make, 10, noise, rng)


WANT_RNG = [
    *(lambda rng, make=make: make(10, 0.1, rng) for make in CLOUDS),
    lambda rng: data.train_test_split(np.eye(4), np.arange(4), 1, rng),
    lambda rng: data.minibatches(4, 2, rng),
]


@pytest.mark.parametrize("call", WANT_RNG)
def test_a_seed_in_place_of_a_generator_is_told_what_to_pass(call):
    wanted, advice = "rng must be a numpy.random.Generator, got", "; pass np.random.default_rng"
    for seed in (42, np.int64(42)):
        refuses(f"{wanted} 42{advice}(42)", call, seed)
    for wrong in (np.random.RandomState(0), "0", True, np.random, -1):
        shown = "-1" if wrong == -1 else f"{wrong!r} ({type(wrong).__name__})"
        refuses(f"{wanted} {shown}{advice}(0)", call, wrong)


# --- Standardising ----------------------------------------------------------------------------------


def test_standardize_gives_mean_zero_and_deviation_one(rng):
    X = rng.normal([5, -300, 0.01], [2, 50, 1e-6], size=(400, 3))
    before = X.copy()
    Xs, mean, std = data.standardize(X)
    np.testing.assert_allclose(Xs.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(Xs.std(axis=0), 1)
    np.testing.assert_allclose(Xs * std + mean, X)
    assert (Xs.shape, mean.shape, std.shape) == ((400, 3), (3,), (3,))
    assert np.array_equal(X, before)


def test_standardize_leaves_constant_columns_at_zero():
    X = np.column_stack([np.full(7, 0.1), np.full(7, -3e7 / 7), np.arange(7.0)])
    assert X.std(axis=0)[0] != 0  # rounding: why the columns are not compared with std == 0
    Xs, mean, std = data.standardize(X)
    assert std[:2].tolist() == [1, 1] and mean[:2].tolist() == X[0, :2].tolist()
    assert not Xs[:, :2].any()
    assert data.standardize([[3.0, 4.0]])[0].tolist() == [[0, 0]]
    tiny = np.array([[0.0], [1e-200]])  # its variance is below the smallest number
    assert np.isfinite(data.standardize(tiny)[0]).all()


def test_standardize_uses_the_statistics_it_is_given(rng):
    train, test = rng.normal(3, 2, (50, 4)), rng.normal(7, 5, (20, 4))
    _, mean, std = data.standardize(train)
    Xs, mean_used, std_used = data.standardize(test, mean=mean, std=std)
    np.testing.assert_array_equal(Xs, (test - train.mean(axis=0)) / train.std(axis=0))
    assert np.array_equal(mean_used, mean) and np.array_equal(std_used, std)
    assert data.standardize(np.empty((0, 4)), mean=mean, std=std)[0].shape == (0, 4)


def test_standardize_dtype():
    for dtype in ("float32", "float64", "float16", "longdouble", "int64", "uint8", "bool"):
        becomes = "float32" if dtype == "float32" else "float64"
        X = np.array([[0, 1], [1, 1], [1, 0]], dtype=dtype)
        assert [part.dtype for part in data.standardize(X)] == [np.dtype(becomes)] * 3
        assert data.standardize(X, mean=[0, 0], std=[1, 2])[0].dtype == becomes
    many = np.full((300_000, 2), 0.1, dtype=np.float32)
    many[::2] = 0.3
    _, mean, _ = data.standardize(many)
    assert mean[0] == pytest.approx(0.2, rel=1e-6)  # summed in float32 it would be off by far more


def test_standardize_names_the_argument_that_is_wrong():
    for wrong, message in [
        (np.zeros(3), "have shape (n, d), got (3,); for one example, add the batch axis: X[None, :]"),
        (np.zeros((2, 3, 4)), "have shape (n, d), got (2, 3, 4)"),
        ([[1.0, np.nan]], "be finite, got NaN or infinity in 1 of 2 places"),
        ([[np.inf], [-np.inf]], "be finite, got NaN or infinity in 2 of 2 places"),
        ([["a"]], "hold real numbers, got dtype <U1"),
        ([[1j]], "hold real numbers, got dtype complex128"),
        (np.empty((0, 3)), "hold at least one row to take statistics of, got shape (0, 3)"),
    ]:
        refuses(f"X must {message}", data.standardize, wrong)
    ones = np.ones(3)
    for mean, std, message in [
        (ones, None, "mean and std must be given together, got mean alone"),
        (None, ones, "mean and std must be given together, got std alone"),
        (np.ones(2), ones, "mean must have shape (3,), got (2,)"),
        (ones, np.ones((1, 3)), "std must have shape (3,), got (1, 3)"),
        (ones, ["a", "b", "c"], "std must hold real numbers, got dtype <U1"),
        (ones, [1, 0, 1], "std must be above 0 in every column, got 0"),
        (ones, [1, -2, 1], "std must be above 0 in every column, got -2"),
        ([1, np.nan, 1], ones, "mean must be finite, got NaN or infinity in 1 of 3 places"),
        (ones, [np.inf, 1, 1], "std must be finite, got NaN or infinity in 1 of 3 places"),
    ]:
        refuses(message, data.standardize, np.eye(3), mean=mean, std=std)


# --- Splitting and batching -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "test_size", "rows"),
    [(10, 3, 3), (10, 0.3, 3), (10, 0.25, 3), (100, 0.07, 7), (1797, 0.25, 450), (2, 1, 1), (3, 0.01, 1),
     (10, np.int64(9), 9), (10, np.float64(0.5), 5), (10, np.float32(0.3), 3)],
)  # fmt: skip
def test_split_is_disjoint_complete_and_keeps_rows_with_their_targets(n, test_size, rows, rng):
    X, y = np.arange(n)[:, None] * [1, 10], np.arange(n)
    X_train, X_test, y_train, y_test = data.train_test_split(X, y, test_size, rng)
    assert (len(X_train), len(X_test), len(y_train), len(y_test)) == (n - rows, rows, n - rows, rows)
    assert sorted([*y_train, *y_test]) == list(range(n))
    assert np.array_equal(X_train[:, 1], 10 * y_train) and np.array_equal(X_test[:, 1], 10 * y_test)


def test_split_shuffles_copies_and_repeats():
    X, y = data.mnist_small(dtype="float32")
    parts = data.train_test_split(X, y, 1000, np.random.default_rng(0))
    again = data.train_test_split(X, y, 1000, np.random.default_rng(0))
    assert all(np.array_equal(a, b) for a, b in zip(parts, again, strict=True))
    assert np.bincount(parts[3], minlength=10).min() > 60  # sorted in the file, mixed in the test set
    assert parts[0].dtype == np.float32 and parts[2].dtype == np.int64
    other = data.train_test_split(X, y, 1000, np.random.default_rng(1))
    assert not np.array_equal(parts[3], other[3])
    assert not any(np.shares_memory(part, whole) for part, whole in zip(parts, (X, X, y, y), strict=True))
    parts = data.train_test_split(np.zeros((6, 1, 8, 8)), np.zeros((6, 1)), 2, np.random.default_rng(0))
    assert [part.shape for part in parts] == [(4, 1, 8, 8), (2, 1, 8, 8), (4, 1), (2, 1)]


def test_split_names_the_argument_that_is_wrong(rng):
    X, y = np.eye(4), np.arange(4)
    for few, shape in ((y[:3], "(3,)"), (3, "()")):
        message = f"X and y must have the same number of rows, got shapes (4, 4) and {shape}"
        refuses(message, data.train_test_split, X, few, 1, rng)
    for wrong in (0, 4, 5, -1, 0.99, np.int64(4)):
        message = f"test_size must leave at least one of 4 rows on either side, got {wrong}"
        refuses(message, data.train_test_split, X, y, wrong, rng)
    for wrong in (0.0, 1.0, 1.5, -0.5, float("nan"), "0.5", None, True):
        message = f"test_size must be a whole number of rows or a share between 0 and 1, got {wrong!r}"
        refuses(message, data.train_test_split, X, y, wrong, rng)


@pytest.mark.parametrize(("n", "batch_size"), [(10, 3), (10, 5), (10, 1), (10, 10), (10, 99), (1, 1)])
@pytest.mark.parametrize("shuffled", [False, True])
def test_minibatches_cover_every_row_exactly_once(n, batch_size, shuffled, rng):
    batches = list(data.minibatches(n, batch_size, rng if shuffled else None))
    assert sorted(np.concatenate(batches)) == list(range(n))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert 1 <= len(batches[-1]) <= batch_size
    assert all(batch.dtype == np.int64 for batch in batches)


def test_minibatches_order():
    assert [batch.tolist() for batch in data.minibatches(5, 2)] == [[0, 1], [2, 3], [4]]
    generator = np.random.default_rng(0)
    epochs = [data.minibatches(100, 7, draws) for draws in (generator, generator, np.random.default_rng(0))]
    first, second, again = (np.concatenate(list(epoch)).tolist() for epoch in epochs)
    assert first != second != list(range(100)) != first  # a new order each epoch
    assert first == again


def test_minibatches_complain_at_the_call_and_not_at_the_first_batch():
    for wrong in (0, -1, 2.0, "3", None, True):
        refuses(f"n must be a whole number, at least 1, got {wrong!r}", data.minibatches, wrong, 2)
        refuses(f"batch_size must be a whole number, at least 1, got {wrong!r}", data.minibatches, 3, wrong)
    message = "n must be a whole number, at least 1, got an array of shape (3, 3)"
    refuses(message, data.minibatches, np.eye(3), 2)


# --- IDX --------------------------------------------------------------------------------------------

IDX_TYPES = {0x08: ("B", "uint8"), 0x09: ("b", "int8"), 0x0B: ("h", "int16"), 0x0C: ("i", "int32"),
             0x0D: ("f", "float32"), 0x0E: ("d", "float64")}  # fmt: skip


def idx_bytes(code, shape, values):
    """An IDX file written with the standard library, so that it cannot share a mistake with the reader."""
    letter = IDX_TYPES[code][0]
    return struct.pack(f">BBBB{len(shape)}I{len(values)}{letter}", 0, 0, code, len(shape), *shape, *values)


@pytest.mark.parametrize("code", IDX_TYPES)
@pytest.mark.parametrize("shape", [(6,), (2, 3), (1, 2, 3), (1, 1, 6, 1), (0,), (0, 28, 28)])
@pytest.mark.parametrize("compress", [lambda content: content, gzip.compress])
def test_idx_of_every_type_and_shape(tmp_path, code, shape, compress):
    small = {0x08: [0, 1, 127, 128, 254, 255], 0x09: [-128, -1, 0, 1, 2, 127]}
    values = small.get(code, [-300, -1, 0, 1, 256, 32767])[: math.prod(shape)]
    file = tmp_path / "anything"
    file.write_bytes(compress(idx_bytes(code, shape, values)))
    for path in (file, str(file)):
        array = data.load_idx(path)
        assert array.shape == shape
        assert array.dtype == np.dtype(IDX_TYPES[code][1]) and array.dtype.isnative
        assert array.ravel().tolist() == values
        assert array.flags.writeable


@pytest.mark.parametrize("compress", [lambda content: content, gzip.compress])
def test_idx_errors_name_the_file_and_the_trouble(tmp_path, compress):
    whole = idx_bytes(0x0C, (2, 3), [1, 2, 3, 4, 5, 6])
    file = tmp_path / "images-idx2-int"
    begins = "begin with 00 00, one of 08, 09, 0b, 0c, 0d, 0e, and the number of axes, got"
    for content, message in [
        (b"", f"{begins} an empty file"),
        (whole[:3], f"{begins} 00 00 0c"),
        (b"PK\3\4" + whole, f"{begins} 50 4b 03 04"),
        (b"\0\1" + whole[2:], f"{begins} 00 01 0c 02"),
        (b"\1\0" + whole[2:], f"{begins} 01 00 0c 02"),
        (b"\0\0\x0a" + whole[3:], f"{begins} 00 00 0a 02"),
        (b"\0\0\x0c\0" + whole[4:], f"{begins} 00 00 0c 00"),
        (whole[:11], "have a header of 12 bytes, got 11"),
        (whole[:-1], "hold 24 bytes for int32 (2, 3), got 23"),
        (whole[:12], "hold 24 bytes for int32 (2, 3), got 0"),
        (whole + b"\0", "hold 24 bytes for int32 (2, 3), got 25"),
    ]:
        file.write_bytes(compress(content))
        refuses(f"{file} must {message}", data.load_idx, file)


def test_idx_of_absurd_size_is_refused_without_asking_for_memory(tmp_path):
    file = tmp_path / "huge"
    for shape in [(2**32 - 1,) * 3, (2**31, 2**31, 4)]:  # the second is 0 modulo 2 to the 64
        file.write_bytes(struct.pack(">BBBB3I", 0, 0, 0x0E, 3, *shape))
        message = f"{file} must hold {8 * math.prod(shape)} bytes for float64 {shape}, got 0"
        refuses(message, data.load_idx, file)


def test_damaged_gzip_and_missing_file(tmp_path):
    whole = gzip.compress(idx_bytes(0x08, (200,), list(range(200))))
    file = tmp_path / "labels.gz"
    wrong_sum = bytearray(whole)
    wrong_sum[-6] ^= 1
    garbled = whole[:10] + b"\xff" * 20 + whole[30:]
    for content in (whole[:-20], whole[:-4], bytes(wrong_sum), garbled, whole[:2]):
        file.write_bytes(content)
        refuses(f"{file} must be a whole gzip file, got a damaged one: ", data.load_idx, file)
    with pytest.raises(FileNotFoundError, match="nothing-here"):
        data.load_idx(tmp_path / "nothing-here")


if FASHION.is_dir():

    @pytest.mark.parametrize(("part", "n"), [("train", 60_000), ("t10k", 10_000)])
    def test_idx_reads_debians_fashion_mnist(part, n):
        images = data.load_idx(FASHION / f"{part}-images-idx3-ubyte.gz")
        labels = data.load_idx(FASHION / f"{part}-labels-idx1-ubyte.gz")
        assert (images.shape, images.dtype, labels.shape) == ((n, 28, 28), np.uint8, (n,))
        assert (images.min(), images.max()) == (0, 255)
        assert np.bincount(labels).tolist() == [n // 10] * 10


# --- The module itself ------------------------------------------------------------------------------


def test_every_public_function_names_its_lesson_and_shows_an_example():
    public = [f for name, f in vars(data).items() if inspect.isfunction(f) and f.__module__ == data.__name__
              and not name.startswith("_")]  # fmt: skip
    assert len(public) == 16
    for function in public:
        assert re.search(r"\[\d\d[\],]", function.__doc__) and ">>>" in function.__doc__, function.__name__
