"""Data: what ships is whole, what is drawn is drawn as described, and bad input is named."""

import gzip
import hashlib
import json
import re
import shutil
import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from bphelpers import data, nn, optim, training

DATASETS = Path(data.__file__).parent / "datasets"
FASHION = Path("/usr/share/datasets/fashion-mnist")  # Debian's package dataset-fashion-mnist


@pytest.fixture
def rng():
    return np.random.default_rng(20)


@pytest.fixture
def copied_datasets(tmp_path, monkeypatch):
    folder = tmp_path / "datasets"
    shutil.copytree(DATASETS, folder)
    monkeypatch.setattr(data, "_DATASETS", folder)
    return folder


# --- Shipped images ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("load", "shape", "levels", "counts"),
    [
        (data.digits, (1797, 64), 16, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]),
        (data.mnist_small, (5000, 784), 255, [500] * 10),
    ],
)
def test_shipped_images(load, shape, levels, counts):
    X, y = load()
    assert X.shape == shape and X.dtype == np.float64
    assert X.min() == 0.0 and X.max() == 1.0
    np.testing.assert_allclose(X * levels, np.round(X * levels), atol=1e-12)
    assert y.shape == shape[:1] and y.dtype == np.int64
    assert np.bincount(y).tolist() == counts


def test_no_image_is_shipped_twice():
    for load in (data.digits, data.mnist_small):
        X, _ = load(dtype="float32")
        assert len({row.tobytes() for row in X}) == len(X)


def test_mnist_small_is_sorted_by_class_as_its_docstring_warns():
    assert (np.diff(data.mnist_small()[1]) >= 0).all()
    assert (np.diff(data.digits()[1]) < 0).any()


def test_an_image_looks_like_its_label():
    X, y = data.digits()
    zero, one = X[y == 0].mean(axis=0).reshape(8, 8), X[y == 1].mean(axis=0).reshape(8, 8)
    assert zero[3:5, 3:5].mean() < 0.2 < 0.6 < one[3:5, 3:5].mean()  # a ring has a hole, a stroke has none
    X, y = data.mnist_small()
    zero, one = X[y == 0].mean(axis=0).reshape(28, 28), X[y == 1].mean(axis=0).reshape(28, 28)
    assert zero[12:16, 12:16].mean() < 0.2 < 0.6 < one[12:16, 13:15].mean()


@pytest.mark.parametrize("load", [data.digits, data.mnist_small])
def test_float32_on_request(load):
    exact, same_labels = load()
    for dtype in ("float32", np.float32, np.dtype("float32")):
        X, y = load(dtype=dtype)
        assert X.dtype == np.float32
        assert np.array_equal(y, same_labels)
        np.testing.assert_allclose(X, exact, rtol=1e-6)
    for dtype in ("int64", None, 32, "no type"):
        with pytest.raises(ValueError, match=r"dtype must be 'float64' or 'float32', got"):
            load(dtype=dtype)


@pytest.mark.parametrize("load", [data.digits, data.mnist_small, data.study_sleep, data.xor, data.symmetry])
def test_each_call_returns_fresh_arrays(load):
    X, y = load()
    X[:], y[:] = 7, 7
    X_again, y_again = load()
    assert not (X_again == 7).all() and not (y_again == 7).all()


@pytest.mark.parametrize(
    ("load", "filename"), [(data.digits, "digits.npz"), (data.mnist_small, "mnist_small.npz")]
)
def test_damage_to_a_shipped_file_is_noticed(copied_datasets, load, filename):
    load()  # the copy is whole
    file = copied_datasets / filename
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1  # one bit
    file.write_bytes(content)
    with pytest.raises(OSError, match=rf"{filename} is damaged; reinstall bphelpers"):
        load()
    file.write_bytes(content[:100])
    with pytest.raises(OSError, match=rf"{filename} is damaged; reinstall bphelpers"):
        load()
    file.unlink()
    with pytest.raises(FileNotFoundError, match=rf"{filename} is missing; reinstall bphelpers"):
        load()


def test_digests_in_the_code_the_readme_and_the_files_agree():
    readme = (DATASETS / "README.md").read_text(encoding="utf-8")
    assert {file.name for file in DATASETS.glob("*.npz")} == set(data._SHA256)
    for name, digest in data._SHA256.items():
        assert hashlib.sha256((DATASETS / name).read_bytes()).hexdigest() == digest
        assert f"{digest}  {name}" in readme


def test_shipped_files_are_small_named_in_the_readme_and_hold_no_pickles():
    files = [file for file in DATASETS.iterdir() if not file.name.startswith((".", "__"))]
    assert sum(file.stat().st_size for file in files) < 1_500_000
    readme = (DATASETS / "README.md").read_text(encoding="utf-8")
    for file in files:
        assert file.name == "README.md" or file.name in readme
    for name in data._SHA256:
        with np.load(DATASETS / name, allow_pickle=False) as arrays:
            assert {key: arrays[key].dtype for key in arrays} == {"images": np.uint8, "labels": np.uint8}


# --- Worked examples --------------------------------------------------------------------------------


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def names_of_worked_examples():
    return list(json.loads((DATASETS / "worked_examples.json").read_text(encoding="utf-8")))


def is_the_same(stored, loaded):
    """Equal, with a float64 array for each list of numbers and for nothing else."""
    if isinstance(stored, dict):
        return stored.keys() == loaded.keys() and all(is_the_same(stored[key], loaded[key]) for key in stored)
    if isinstance(loaded, np.ndarray):
        return bool(stored) and loaded.dtype == np.float64 and loaded.tolist() == stored
    if isinstance(stored, list):
        no_numbers = all(isinstance(item, str | dict) for item in stored)
        return no_numbers and all(is_the_same(a, b) for a, b in zip(stored, loaded, strict=True))
    return type(stored) is type(loaded) and stored == loaded


@pytest.mark.parametrize("name", names_of_worked_examples())
def test_every_worked_example_says_where_it_is_from_and_holds_arrays(name):
    example = data.worked_example(name)
    assert all(isinstance(example[key], str) and example[key] for key in ("title", "author", "inputs_from"))
    assert example["year"] is None or 1900 < example["year"] < 2030
    assert all(sentence.endswith(".") for sentence in example["known_trouble"])
    stored = json.loads((DATASETS / "worked_examples.json").read_text(encoding="utf-8"))[name]
    assert is_the_same(stored, example)


def test_numbers_nested_in_dicts_and_lists_become_arrays_too():
    assert data.worked_example("kostadinov")["inputs_ours"]["W2"].shape == (2, 2)
    assert data.worked_example("linear_neuron")["badly_scaled"][1]["X"].tolist() == [[0.1, 10], [0.1, -10]]
    assert isinstance(data.worked_example("skalski")["learning_rate"], float)


def test_an_unknown_worked_example_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"name must be one of .*mazur.*xor_skip.*; got 'mazzur'"):
        data.worked_example("mazzur")


def test_mazur_published_numbers_follow_from_its_inputs():
    net, published = data.mazur(), data.worked_example("mazur")["published"]
    net_h = net.x @ net.W1.T + net.b1
    out_h = sigmoid(net_h)
    out_o = sigmoid(out_h @ net.W2.T + net.b2)
    errors = (net.y - out_o)[0] ** 2 / 2
    delta_o = (out_o - net.y) * out_o * (1 - out_o)
    delta_h = delta_o @ net.W2 * out_h * (1 - out_h)
    W1, W2 = net.W1 - net.lr * delta_h.T @ net.x, net.W2 - net.lr * delta_o.T @ out_h
    found = {
        "net_h1": net_h[0, 0],
        "out_h1": out_h[0, 0],
        "out_h2": out_h[0, 1],
        "out_o1": out_o[0, 0],
        "out_o2": out_o[0, 1],
        "E_o1": errors[0],
        "E_o2": errors[1],
        "E_total": errors.sum(),
        "dE_dnet_o1": delta_o[0, 0],
        "dE_dw5": delta_o[0, 0] * out_h[0, 0],
        "dE_dw1": delta_h[0, 0] * net.x[0, 0],
        **{f"w{i + 1}": w for i, w in enumerate([*W1.ravel(), *W2.ravel()])},
    }
    for name, value in found.items():
        assert value == pytest.approx(published[name], abs=6e-9), name


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


def test_kostadinov_layers_fit_together():
    net = data.worked_example("kostadinov")["inputs_ours"]
    assert [net[name].shape for name in ("x", "W1", "b1", "W2", "b2", "W3")] == [
        (4,), (2, 4), (2,), (2, 2), (2,), (1, 2),
    ]  # fmt: skip


def test_pyimagesearch_forward_pass_follows_from_its_weights():
    example = data.worked_example("pyimagesearch")["xor_forward"]
    hidden = sigmoid(example["W1_rows_into_hidden"] @ example["x_with_bias_column"])
    np.testing.assert_allclose(hidden, example["published"]["hidden"], atol=6e-4)
    assert sigmoid(hidden @ example["W2"]) == pytest.approx(example["published"]["output"], abs=6e-4)


def test_xor_with_one_hidden_unit_and_skips_is_solved_by_the_stored_weights():
    net = data.worked_example("xor_skip")
    X, y = data.xor()
    hidden = sigmoid(X @ net["W_in_hidden"] + net["b_hidden"])
    out = sigmoid(X @ net["skip"] + net["w_hidden_out"] * hidden + net["b_out"])
    assert ((out > 0.5) == (y[:, 0] == 1)).all()


def test_symmetry_is_solved_by_the_weights_of_the_1986_figure():
    figure = data.worked_example("symmetry_1986")["figure_weights"]
    W = np.array([figure["hidden 1"], figure["hidden 2"]])
    np.testing.assert_array_equal(W, -W[:, ::-1])
    X, y = data.symmetry()
    out = sigmoid(sigmoid(X @ W.T + figure["b_hidden"]).sum(axis=1) * figure["w_out"] + figure["b_out"])
    assert ((out > 0.5) == (y[:, 0] == 1)).all()


# --- Small problems ---------------------------------------------------------------------------------


def test_xor():
    X, y = data.xor()
    assert X.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert y.tolist() == [[0], [1], [1], [0]]
    assert X.dtype == y.dtype == np.float64


def test_symmetry():
    X, y = data.symmetry()
    assert X.shape == (64, 6) and y.shape == (64, 1) and X.dtype == y.dtype == np.float64
    assert len(np.unique(X, axis=0)) == 64
    assert set(np.unique(X)) == {0.0, 1.0}
    for pattern, target in zip(X.tolist(), y[:, 0], strict=True):
        assert target == (pattern == pattern[::-1])
    assert y.sum() == 8


CLOUDS = [data.moons, data.circles, data.spirals]


@pytest.mark.parametrize("make", CLOUDS)
@pytest.mark.parametrize("n", [2, 3, 10, 501])
def test_clouds_have_both_classes_in_halves(make, n, rng):
    X, y = make(n, 0.1, rng)
    assert X.shape == (n, 2) and y.shape == (n, 1) and X.dtype == y.dtype == np.float64
    assert set(np.unique(y)) == {0.0, 1.0}
    assert y.sum() == n // 2


@pytest.mark.parametrize("make", CLOUDS)
def test_clouds_are_drawn_by_the_generator_alone(make):
    first, again, other = (make(50, 0.1, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("make", CLOUDS)
def test_clouds_come_in_random_order(make, rng):
    _, y = make(200, 0.0, rng)
    assert 60 < np.count_nonzero(np.diff(y[:, 0])) < 140  # sorted by class there would be one change


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
    # Two points are always the two starts of the curves, so many pairs measure the noise.
    rng = np.random.default_rng(3)
    clean, labels = make(2, 0.0, rng)
    home = clean[np.argsort(labels[:, 0])]
    off = []
    for _ in range(3000):
        X, y = make(2, 0.3, rng)
        off.append(X[np.argsort(y[:, 0])] - home)
    np.testing.assert_allclose(np.std(off, axis=0), 0.3, rtol=0.06)
    np.testing.assert_allclose(np.mean(off, axis=0), 0, atol=0.03)


@pytest.mark.parametrize("make", CLOUDS)
def test_clouds_name_the_argument_that_is_wrong(make, rng):
    for n in (1, 0, -3, 2.5, 10.0, "10", True, None):
        with pytest.raises(ValueError, match=rf"n must be a whole number, at least 2, got {n!r}"):
            make(n, 0.1, rng)
    for noise in (-0.1, float("nan"), float("inf"), "0.1", None, True):
        with pytest.raises(ValueError, match=rf"noise must be a finite number, at least 0, got {noise!r}"):
            make(10, noise, rng)


WANT_RNG = [
    lambda rng: data.moons(10, 0.1, rng),
    lambda rng: data.circles(10, 0.1, rng),
    lambda rng: data.spirals(10, 0.1, rng),
    lambda rng: data.train_test_split(np.eye(4), np.arange(4), 1, rng),
    lambda rng: data.minibatches(4, 2, rng),
]


@pytest.mark.parametrize("call", WANT_RNG)
def test_a_seed_in_place_of_a_generator_is_told_what_to_pass(call):
    for seed in (42, np.int64(42)):
        message = "rng must be a numpy.random.Generator, got .*42.*; pass numpy.random.default_rng(42)"
        with pytest.raises(ValueError, match=message.replace("(", r"\(").replace(")", r"\)")):
            call(seed)
    for wrong in (np.random.RandomState(0), "0", True, np.random):
        with pytest.raises(ValueError, match=r"rng must be .*; pass numpy\.random\.default_rng\(0\)"):
            call(wrong)


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
    for dtype, becomes in [
        ("float32", "float32"),
        ("int64", "float64"),
        ("uint8", "float64"),
        ("bool", "float64"),
    ]:
        X = np.array([[0, 1], [1, 1], [1, 0]], dtype=dtype)
        assert [part.dtype for part in data.standardize(X)] == [np.dtype(becomes)] * 3
        assert data.standardize(X, mean=[0, 0], std=[1, 2])[0].dtype == becomes
    many = np.full((300_000, 2), 0.1, dtype=np.float32)
    many[::2] = 0.3
    _, mean, _ = data.standardize(many)
    assert mean[0] == pytest.approx(0.2, rel=1e-6)  # summed in float32 it would be off by far more


def test_standardize_names_the_argument_that_is_wrong():
    X = np.eye(3)
    for wrong, message in [
        (np.zeros(3), r"X must have shape \(n, d\), got \(3,\)"),
        ([[1.0, np.nan]], r"X must be finite, got NaN or infinity in 1 of 2 places"),
        ([[1.0, np.inf]], r"X must be finite"),
        ([["a"]], r"X must hold real numbers, got dtype <U1"),
        ([[1j]], r"X must hold real numbers, got dtype complex128"),
        (np.empty((0, 3)), r"X must have at least one row to take statistics of, got shape \(0, 3\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            data.standardize(wrong)
    ones = np.ones(3)
    for statistics, message in [
        (dict(mean=ones), "mean and std must be given together, got mean without std"),
        (dict(std=ones), "mean and std must be given together, got std without mean"),
        (
            dict(mean=np.ones(2), std=ones),
            r"mean must have shape \(3,\) to fit X of shape \(3, 3\), got \(2,\)",
        ),
        (dict(mean=ones, std=np.ones((1, 3))), r"std must have shape \(3,\) .* got \(1, 3\)"),
        (dict(mean=ones, std=np.array([1, 0, 1])), r"std must be positive in every column, got 0"),
        (dict(mean=ones, std=np.array([1, -2, 1])), r"std must be positive in every column, got -2"),
        (dict(mean=np.array([1, np.nan, 1]), std=ones), r"mean must be finite, got NaN or infinity"),
    ]:
        with pytest.raises(ValueError, match=message):
            data.standardize(X, **statistics)


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
    assert (
        np.bincount(parts[3], minlength=10).min() > 60
    )  # sorted by class in the file, mixed in the test set
    assert parts[0].dtype == np.float32 and parts[2].dtype == np.int64
    other = data.train_test_split(X, y, 1000, np.random.default_rng(1))
    assert not np.array_equal(parts[3], other[3])
    assert not any(np.shares_memory(part, whole) for part, whole in zip(parts, (X, X, y, y), strict=True))


def test_split_accepts_targets_and_inputs_of_any_shape(rng):
    X_train, X_test, y_train, y_test = data.train_test_split(np.zeros((6, 1, 8, 8)), np.zeros((6, 1)), 2, rng)
    assert [part.shape for part in (X_train, X_test, y_train, y_test)] == [
        (4, 1, 8, 8), (2, 1, 8, 8), (4, 1), (2, 1),
    ]  # fmt: skip


def test_split_names_the_argument_that_is_wrong(rng):
    X, y = np.eye(4), np.arange(4)
    with pytest.raises(
        ValueError, match=r"X and y must have the same number of rows, got shapes \(4, 4\) and \(3,\)"
    ):
        data.train_test_split(X, y[:3], 1, rng)
    with pytest.raises(ValueError, match=r"X and y must have the same number of rows"):
        data.train_test_split(X, 3, 1, rng)
    for wrong in (0, 4, 5, -1, 0.99, np.int64(4)):
        with pytest.raises(ValueError, match=rf"test_size must leave rows on both sides, got {wrong}: "):
            data.train_test_split(X, y, wrong, rng)
    for wrong in (0.0, 1.0, 1.5, -0.5, float("nan"), "0.5", None, True):
        with pytest.raises(ValueError, match=rf"test_size must be a whole number .* got {wrong!r}"):
            data.train_test_split(X, y, wrong, rng)


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

    def epoch(generator):
        return np.concatenate(list(data.minibatches(100, 7, generator))).tolist()

    generator = np.random.default_rng(0)
    first, second = epoch(generator), epoch(generator)
    assert first != second != list(range(100)) != first  # a new order each epoch
    assert first == epoch(np.random.default_rng(0))


def test_minibatches_complain_at_the_call_and_not_at_the_first_batch():
    for n in (0, -1, 2.0, "3", None, True):
        with pytest.raises(ValueError, match=rf"n must be a whole number, at least 1, got {n!r}"):
            data.minibatches(n, 2)
    for batch_size in (0, -1, 2.0, "3", None, True):
        with pytest.raises(
            ValueError, match=rf"batch_size must be a whole number, at least 1, got {batch_size!r}"
        ):
            data.minibatches(3, batch_size)
    with pytest.raises(
        ValueError, match=r"n must be a whole number, at least 1, got an array of shape \(3, 3\)"
    ):
        data.minibatches(np.eye(3), 2)


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
    values = {"uint8": [0, 1, 127, 128, 254, 255], "int8": [-128, -1, 0, 1, 2, 127]}.get(
        IDX_TYPES[code][1], [-300, -1, 0, 1, 256, 32767]
    )
    values = values[: int(np.prod(shape))]
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
    for content, message in [
        (b"", "is not an IDX file: .*got an empty file"),
        (whole[:3], "is not an IDX file: .*got 00 00 0c"),
        (b"PK\3\4" + whole, "is not an IDX file: .*got 50 4b 03 04"),
        (b"\0\1" + whole[2:], "is not an IDX file: .*got 00 01 0c 02"),
        (b"\1\0" + whole[2:], "is not an IDX file: .*got 01 00 0c 02"),
        (b"\0\0\x0a" + whole[3:], "is not an IDX file: .*one of 08, 09, 0b, 0c, 0d, 0e, .*got 00 00 0a 02"),
        (b"\0\0\x0c\0" + whole[4:], "is not an IDX file: .*got 00 00 0c 00"),
        (whole[:11], "is cut short: its header takes 12 bytes, got 11"),
        (whole[:-1], r"is cut short: int32 \(2, 3\) takes 24 bytes, got 23"),
        (whole[:12], r"is cut short: int32 \(2, 3\) takes 24 bytes, got 0"),
        (whole + b"\0", r"is too long: int32 \(2, 3\) takes 24 bytes, got 25"),
    ]:
        file.write_bytes(compress(content))
        with pytest.raises(ValueError, match=rf"images-idx2-int {message}"):
            data.load_idx(file)


def test_idx_of_absurd_size_is_refused_without_asking_for_memory(tmp_path):
    file = tmp_path / "huge"
    for shape in [(2**32 - 1,) * 3, (2**31, 2**31, 4)]:  # the second is 0 modulo 2 to the 64
        file.write_bytes(struct.pack(">BBBB3I", 0, 0, 0x0E, 3, *shape))
        with pytest.raises(ValueError, match="huge is cut short"):
            data.load_idx(file)


def test_damaged_gzip_and_missing_file(tmp_path):
    whole = gzip.compress(idx_bytes(0x08, (200,), list(range(200))))
    file = tmp_path / "labels.gz"
    wrong_sum = bytearray(whole)
    wrong_sum[-6] ^= 1
    garbled = whole[:10] + b"\xff" * 20 + whole[30:]
    for content in (whole[:-20], whole[:-4], bytes(wrong_sum), garbled, whole[:2]):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"labels\.gz is a damaged or cut gzip file: "):
            data.load_idx(file)
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


# --- What scikit-learn made of the moons -----------------------------------------------------------


def test_what_scikit_learn_made_of_the_moons_is_whole_and_fresh():
    theirs = data.scikit_learn_on_moons()
    assert theirs["made by"] == "benchmarks/scikit_learn.py"
    for recipe in ("sgd 0.2", "adam"):
        stored = theirs["same start"][recipe]
        assert {len(values) for values in stored.values()} == {len(theirs["same start"]["updates"])}
    for part, names in {
        "same budget": ("accuracy on the 100 held out", "accuracy on the fresh points"),
        "published recipe": ("held out", "fresh points"),
    }.items():
        for name in names:
            assert len(theirs[part][name]) == len(theirs[part]["seeds"]) == 20
            assert all(0.5 < share <= 1 for share in theirs[part][name])
    theirs["same start"].clear()
    assert data.scikit_learn_on_moons()["same start"]


@pytest.mark.slow
def test_the_published_recipe_leads_where_is_stored():
    """Ten thousand updates for one of the twenty seeds, made again."""
    stored = data.scikit_learn_on_moons()["published recipe"]
    seed = 3
    rng = np.random.default_rng(seed)
    X, X_test, y, y_test = data.train_test_split(*data.moons(1000, 0.2, rng), 0.1, rng)
    layers, draw = [], np.random.RandomState(seed)
    for d_in, d_out in pairwise((2, 25, 50, 50, 25, 1)):
        linear = nn.Linear(d_in, d_out, rng=rng)
        linear.W.data, linear.b.data = 0.1 * draw.randn(d_out, d_in), 0.1 * draw.randn(d_out)
        layers += [linear, nn.ReLU()]
    net, loss = nn.Sequential(*layers[:-1]), nn.BCEWithLogitsLoss()
    training.fit(net, loss, optim.SGD(0.01), (X, y), 10_000, len(X), rng, progress=False)
    fresh = data.moons(10_000, 0.2, np.random.default_rng(1_000_000))
    held_out, on_fresh = (training.evaluate(net, loss, *part)[1] for part in ((X_test, y_test), fresh))
    assert abs(held_out - stored["held out"][seed]) < 0.015, "a point more or less on another BLAS"
    assert abs(on_fresh - stored["fresh points"][seed]) < 0.001


# --- Twelve starts of each remedy ------------------------------------------------------------------


def test_the_stored_remedies_are_whole_and_fresh():
    stored = data.remedies()
    assert stored["made by"] == "benchmarks/remedies.py" and stored["held out"] == 1000
    remedies = {"early stopping", "weight decay", "dropout", "shifts"}
    assert set(stored["right"]) == remedies | {"plain", "3,500 images", "784-10"}
    for counts in stored["right"].values():
        assert len(counts) == 12 and all(type(count) is int and 850 < count < 1000 for count in counts)
    stored["right"].clear()
    assert data.remedies()["right"]


@pytest.mark.slow
def test_a_start_of_each_remedy_reads_as_many_images_as_is_stored():
    """One start of the twelve that the lesson does not train, made again."""
    seed = 2
    stored = {name: counts[seed] for name, counts in data.remedies()["right"].items()}
    X, X_test, y, y_test = data.train_test_split(*data.mnist_small(), 1000, np.random.default_rng(0))
    mean, std = X.mean(), X.std()
    X, X_test = (X - mean) / std, (X_test - mean) / std

    def reads(
        sizes=(784, 128, 64, 10), dropped=0.0, lr=0.05, decay=0.0, rows=(X, y), epochs=10, validation=None
    ):
        rng, weights = np.random.default_rng(seed), []
        layers = []
        for linear in [nn.Linear(d_in, d_out, rng=rng, init="he") for d_in, d_out in pairwise(sizes)]:
            layers += [linear, nn.ReLU(), nn.Dropout(dropped, rng=rng)] if dropped else [linear, nn.ReLU()]
        net = nn.Sequential(*layers[: -2 if dropped else -1])

        def stop_early(history):
            weights.append(net.state_dict())
            return len(weights) - 1 - np.argmin(history.val_loss) >= 2

        history = training.fit(
            net, nn.CrossEntropyLoss(), optim.SGD(lr, weight_decay=decay), rows, epochs, 32, rng,
            validation=validation, on_epoch=stop_early if validation else None, progress=False,
        )  # fmt: skip
        if validation:
            net.load_state_dict(weights[np.argmin(history.val_loss)])
        return np.sum(net.eval()(X_test).argmax(axis=1) == y_test)

    pictures = X.reshape(-1, 28, 28)
    moved = [np.roll(pictures, step, axis) for axis, step in ((1, 1), (1, -1), (2, 1), (2, -1))]
    shifted = np.vstack([pictures, *moved]).reshape(-1, 784), np.tile(y, 5)
    fit_X, val_X, fit_y, val_y = data.train_test_split(X, y, 500, np.random.default_rng(1))
    found = {
        "plain": reads(),
        "early stopping": reads(rows=(fit_X, fit_y), validation=(val_X, val_y)),
        "weight decay": reads(decay=0.002),
        "dropout": reads(dropped=0.2),
        "shifts": reads(rows=shifted, epochs=2),
        "3,500 images": reads(rows=(fit_X, fit_y)),
        "784-10": reads(sizes=(784, 10), lr=0.03),
    }
    # The same on three kinds of OpenBLAS kernels; another BLAS may turn an image that is a near tie.
    assert {name for name in stored if abs(found[name] - stored[name]) > 1} == set()


# --- The module itself ------------------------------------------------------------------------------


def test_every_function_is_documented_with_source_or_reason_lesson_and_example():
    for name in data.__all__:
        doc = getattr(data, name).__doc__
        if name == "Mazur":
            continue
        assert ">>>" in doc, name
        assert re.search(r"Lesson:\s+\d\d_\w+", doc), name
        assert "Returns" in doc, name


# --- How long a step takes ---------------------------------------------------------------------------


def test_the_stored_times_are_whole():
    stored = data.step_times()
    assert stored["made by"] == "benchmarks/training.py"
    peers = {"PyTorch", "JAX", "scikit-learn", "autograd", "micrograd", "NumPy", "Python", "bphelpers"}
    assert peers == set(stored["versions"])
    for name, work in stored["work"].items():
        rows = {row["name"]: row for row in work["rows"]}
        assert rows["bphelpers"]["times"] == 1 and "products" in rows
        assert {"PyTorch, optim.SGD", "JAX, jit", "autograd"} <= set(rows)
        assert ("scikit-learn" in rows) == (name != "W1") and ("micrograd" in rows) == (name == "W1")
        for row in rows.values():
            assert row["times"] == pytest.approx(row["step"] / rows["bphelpers"]["step"], rel=0.25)


def test_the_readme_tells_the_stored_times():
    readme = (Path(data.__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    told = readme.split("![Time of a training step")[1].split("](docs/speed.png)")[0]
    for name, work in data.step_times()["work"].items():
        sentence = told.split(work["title"].split(",")[0] + ": ")[1].split(". ")[0]
        times = {row["name"]: f"{row['times']:.2g}" for row in work["rows"]}
        wanted = [value for name, value in times.items() if not name.startswith(("bphelpers", "products"))]
        assert all(value in sentence.replace(",", "").split() for value in wanted), (name, wanted, sentence)
        assert times["products"] in told.split("The matrix products alone take ")[1]
    after = readme.split("](docs/speed.png)")[1].split("## Start")[0]
    for name in ("bphelpers, training.fit", "bphelpers, layer by layer"):
        works = data.step_times()["work"].values()
        a, b, c = (next(row["times"] for row in work["rows"] if row["name"] == name) for work in works)
        assert f"{a:.2f}, {b:.2f} and {c:.2f}" in " ".join(after.split())
