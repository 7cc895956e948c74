"""Lesson 15: its first screen, the windows, the functions on the page, and what it says of training."""

import numpy as np
import pytest

from bphelpers import functional as F
from bphelpers import nn, optim
from bphelpers.lessons import lesson_15
from tools.course.lesson import NOTEBOOKS
from tools.course.solved import solved


def test_the_first_screen(lesson):
    x, w, dz = (np.array(numbers, float) for numbers in (lesson_15.X, lesson_15.W, lesson_15.DZ))
    z, dx, dw = np.correlate(x, w), np.convolve(dz, w), np.correlate(x, dz)
    assert tuple(z) == lesson_15.Z and dx[2] == 3
    for name, expected in {"z": z, "dx": dx, "dw": dw}.items():
        np.testing.assert_array_equal(getattr(lesson, name), expected)
    assert z @ dz == x @ dx == w @ dw == 24


def test_rows_read_1_2_3_and_columns_3_2_1():
    matrix = np.array([np.correlate(row, lesson_15.W) for row in np.eye(5)]).T
    assert [row[row != 0].tolist() for row in matrix] == [[1, 2, 3]] * 3
    assert matrix[:, 2].tolist() == [3, 2, 1]


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", [0, 1])
def test_the_picture_shows_which_outputs_saw_a_pixel_and_through_which_weight(stride, padding):
    kernel = np.arange(1.0, 10).reshape(1, 1, 3, 3)
    for row, column in np.ndindex(5, 5):
        image = np.zeros((1, 1, 5, 5))
        image[0, 0, row, column] = 1
        out = F.conv2d(image, kernel, stride=stride, padding=padding)[0, 0]
        shown = lesson_15.reached(row, column, stride, padding)
        assert shown == {place: out[place] for place in zip(*np.nonzero(out), strict=True)}
        words = lesson_15.describe_windows(row + 1, column + 1, stride, padding)
        assert all(f"({i + 1}, {j + 1}) through weight {weight}" in words for (i, j), weight in shown.items())
    first = lesson_15.describe_windows(3, 3, 1, 0)
    assert "Nine outputs saw the pixel, through the flipped kernel" in first
    assert list(lesson_15.reached(2, 2, 1, 0).values()) == [9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert len(lesson_15.reached(0, 0, 1, 0)) == 1  # a corner


def test_the_functions_on_the_page_are_the_packages(lesson):
    rng = np.random.default_rng(0)
    for n, c, k, h, w, kh, kw in [(2, 3, 4, 6, 5, 3, 2), (1, 1, 1, 4, 4, 2, 2), (3, 2, 2, 5, 7, 5, 1)]:
        X, W, b = rng.normal(size=(n, c, h, w)), rng.normal(size=(k, c, kh, kw)), rng.normal(size=k)
        np.testing.assert_allclose(lesson.conv2d(X, W, b), F.conv2d(X, W, b), rtol=1e-12, atol=1e-13)
        dz = rng.normal(size=F.conv2d(X, W, b).shape)
        for mine in (lesson.conv2d_backward, lesson.repaired_backward):
            for found, expected in zip(mine(dz, X, W), F.conv2d_backward(dz, X, W), strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)
        seen = lesson.patches(X, kh, kw)
        back = rng.normal(size=seen.shape)
        assert np.sum(back * seen) == pytest.approx(
            np.sum(X * lesson.patches_backward(back, X.shape, kh, kw))
        )
    X = rng.normal(size=(2, 3, 6, 4))
    np.testing.assert_array_equal(lesson.max_pool(X), F.max_pool2d(X, 2))
    dout = rng.normal(size=(2, 3, 3, 2))
    X[0, 0] = X[1, 0, :2] = 1.0  # ties
    np.testing.assert_array_equal(lesson.max_pool_backward(dout, X), F.max_pool2d_backward(dout, X, 2))


def test_the_function_that_was_found(lesson):
    for dz, X, W in lesson_15.CONVOLUTIONS:
        for found, fast in zip(
            lesson.found_backward(dz, X, W), lesson_15.found_backward(dz, X, W), strict=True
        ):
            np.testing.assert_allclose(found, fast, rtol=1e-12, atol=1e-13)
    rng = np.random.default_rng(1)
    X, W, dz = (rng.normal(size=shape) for shape in [(8, 8, 12, 12), (16, 8, 5, 5), (8, 16, 8, 8)])
    (dx, dW, db), right = lesson_15.found_backward(dz, X, W), F.conv2d_backward(dz, X, W)
    assert (
        np.abs(dx - right[0]) > 1e-2 * np.abs(right[0]).max()
    ).mean() > 0.9  # wrong in nearly every number
    np.testing.assert_allclose(dW, right[1], rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(db, right[2], rtol=1e-12)


def test_no_overlap_no_difference():
    """What check yourself 3 says: with stride 2 and a kernel of 2 by 2, = and += are the same."""
    rng = np.random.default_rng(2)
    X, W = rng.normal(size=(2, 1, 6, 6)), rng.normal(size=(3, 1, 2, 2))
    dz, dx = rng.normal(size=(2, 3, 3, 3)), np.zeros((2, 1, 6, 6))
    for i, j in np.ndindex(3, 3):
        dx[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] = np.tensordot(dz[:, :, i, j], W, (1, 0))
    np.testing.assert_allclose(dx, F.conv2d_backward(dz, X, W, stride=2)[0], rtol=1e-12)


def test_the_counts_on_the_page(lesson):
    assert lesson.net.flat.data.size == 5994
    assert lesson.dense(np.random.default_rng(0)).flat.data.size == 109_386
    assert lesson.net[0].forward(lesson.digit).shape == (1, 8, 24, 24) and 24 * 24 * 32 == 18_432
    assert F.conv2d(np.ones((1, 1, 8, 8)), np.ones((1, 1, 3, 3))).size == 36
    assert type(lesson.net[0]).__name__ == "Convolution" and type(lesson.net[2]).__name__ == "Pooling"


def test_a_tie_after_relu_does_no_harm():
    z = np.array([[[[-1.0, -2.0], [-3.0, -4.0]]]])
    handed = F.max_pool2d_backward([[[[5.0]]]], F.relu(z), 2)
    assert handed.sum() == 5 and not F.relu_backward(handed, z).any()


# --- Training: one start always, ten with --all -----------------------------------------------------------


class Untold(nn.Conv2d):
    """Hands nothing on: the convolution before it never learns anything."""

    def backward(self, dout):
        return np.zeros_like(super().backward(dout))


def scores(lesson, conv=nn.Conv2d, build=None, rule=None, **options):
    found = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        net = build(rng) if build else lesson.network(rng, conv)
        found.append(lesson.trained(net, rng, rule=rule and rule(), **options))
    return found


def test_one_start(lesson):
    assert lesson.score > 0.92 and lesson.found_score > 0.9
    (conv_plain, conv_shuffled), (dense_plain, dense_shuffled) = lesson.scores.values()
    assert conv_plain - conv_shuffled > 0.1 and abs(dense_plain - dense_shuffled) < 0.03
    assert conv_plain > dense_plain > 0.91


@pytest.mark.ten_starts
@pytest.mark.timeout(1800)
def test_ten_starts(lesson, capsys):
    shuffled = dict(zip(("X", "X_test"), lesson.shuffled, strict=True))
    dense = {"build": lesson.dense, "epochs": 10, "rule": lambda: optim.SGD(0.05)}
    table = {
        "right, two epochs": (scores(lesson), 0.915, 0.97),
        "found, two epochs": (scores(lesson, lesson_15.FoundConv2d), 0.905, 0.955),
        "first layer untold, two epochs": (scores(lesson, Untold), 0.905, 0.965),
        "right, five epochs": (scores(lesson, epochs=5), 0.944, 0.98),
        "shuffled, two epochs": (scores(lesson, **shuffled), 0.7, 0.87),
        "dense": (scores(lesson, **dense), 0.915, 0.952),
        "dense, shuffled": (scores(lesson, **dense, **shuffled), 0.915, 0.952),
    }
    with capsys.disabled():
        for name, (found, *_) in table.items():
            print(f"\n{name}: {np.mean(found):.3f} ({min(found):.3f} to {max(found):.3f})", end="")
    for name, (found, least, most) in table.items():
        assert least < min(found) <= max(found) < most, name
    assert min(table["right, five epochs"][0]) > max(table["dense"][0])


@pytest.mark.ten_starts
@pytest.mark.timeout(1800)
def test_moved_digits_from_ten_starts():
    page = solved(NOTEBOOKS / "deeper" / "15_strides_and_speed.ipynb").variables
    assert (page.moved(page.X_test, 2, -3)[:, :, 2:, :-3] == page.X_test[:, :, :-2, 3:]).all()
    found = {
        convolutional: np.array(
            [page.read_after_moving(page.trained(seed, convolutional)) for seed in range(10)]
        )
        for convolutional in (True, False)
    }
    conv, dense = found[True], found[False]
    for shares, name in ((conv, "Convolutional"), (dense, "Dense")):
        listed = lesson_15.MOVED.split(f"{name}: ")[1].split(".\n")[0].split(" for")[0].rstrip(".")
        np.testing.assert_allclose(shares[0], [float(part) for part in listed.split(", ")], atol=0.02)
    assert 0.72 < conv[:, 2].min() <= conv[:, 2].max() < 0.84
    assert 0.58 < dense[:, 2].min() <= dense[:, 2].max() < 0.66
    assert max(conv[:, 4].max(), dense[:, 4].max()) < 0.5 and (conv[:, 1:] > dense[:, 1:]).all()
