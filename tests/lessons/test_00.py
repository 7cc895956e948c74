"""Lesson 00: the first screen, the numbers of the training, and the judge on the network's weights."""

import numpy as np
import pytest

from bphelpers import data, nn, optim, training
from bphelpers.lessons import lesson_00
from tests.starts import starts


def test_the_first_screen_shows_all_ten_digits_and_what_it_takes_them_for(lesson):
    axes = lesson_00.before_and_after().axes
    before, after = ([int(ax.texts[k].get_text()) for ax in axes] for k in (0, 1))
    X, y = lesson.X_train, lesson.y_train
    pictures = [ax.images[0].get_array().ravel() for ax in axes]
    labels = [y[np.flatnonzero((picture == X).all(axis=1))[0]] for picture in pictures]
    assert sorted(labels) == list(range(10)) and labels == after
    assert before == [4] * 10
    assert f"digits, {', '.join(map(str, labels[:9]))} and {labels[9]}. " in lesson_00.BEFORE_AND_AFTER


def test_the_numbers_of_the_network(lesson, page):
    assert sum(p.data.size for p in lesson.net.parameters()) == 2410 and page.words.count("2,410") >= 2
    assert (len(lesson.X), len(lesson.X_train), len(lesson.X_test)) == (1797, 1347, 450)
    assert len(lesson.said) == 31
    right = [int(np.sum(said == lesson.y_test)) for said in lesson.said]
    assert right[0] < 60 and right[3] == 301 and right[-1] == 434
    assert (
        np.sum(lesson.said[3][:20] == lesson.y_test[:20]) == 12 and "reads twelve of the twenty" in page.words
    )


@pytest.mark.parametrize("seed", starts(10))
def test_nearly_all_new_images_are_read_from_every_start_and_before_it_about_a_tenth(lesson, seed):
    rng = np.random.default_rng(seed)
    net = nn.Sequential(nn.Linear(64, 32, rng=rng), nn.Sigmoid(), nn.Linear(32, 10, rng=rng))
    before = np.mean(net(lesson.X_test).argmax(axis=1) == lesson.y_test)
    training.fit(net, nn.CrossEntropyLoss(), optim.SGD(lr=0.5), (lesson.X_train, lesson.y_train), epochs=30,
                 batch_size=32, rng=rng)  # fmt: skip
    assert before < 0.16 and np.mean(net(lesson.X_test).argmax(axis=1) == lesson.y_test) > 0.94


def test_the_slider_tells_how_far_it_is_and_what_is_misread(lesson):
    labels = np.arange(20) % 10
    said = [np.full(20, 4), labels, np.where(labels == 7, 1, labels), np.full(20, 3)]
    _, describe = lesson_00.through_the_training(np.zeros((20, 64)), labels, said)
    assert describe(0).startswith("Before any training, it reads 2 of 20 new images correctly. Of these")
    assert (
        describe(1) == "After 1 pass, it reads 20 of 20 new images correctly. Of these twenty, it reads 20."
    )
    assert describe(2).endswith("it reads 18, and says 1 for a 7, 1 for a 7.")
    assert describe(2).startswith("After 2 passes, it reads 18 of 20")
    assert describe(3).endswith("Of these twenty, it reads 2, and says 3 to all the others.")
    assert lesson.describe(3).split(". ")[0] == "After 3 passes, it reads 301 of 450 new images correctly"


def test_the_orange_weight_begins_at_pixel_20_and_ends_at_unit_3(lesson):
    image = np.zeros(64)
    image[20] = 1
    ax = lesson_00.one_weight(image).axes[0]
    orange = [line.get_xydata() for line in ax.lines if line.get_color() == "#D55E00"]
    (begin, end) = next(ends for ends in orange if len(ends) == 2)
    left, right, low, high = ax.images[0].get_extent()
    column, row = 8 * (begin[0] - left) / (right - left), 8 * (high - begin[1]) / (high - low)
    assert ax.images[0].get_array()[int(row), int(column)] == 1
    units = next(line.get_xydata() for line in ax.lines if len(line.get_xydata()) == 32)
    assert units[3].tolist() == end.tolist()


def test_a_slope_without_calculus(lesson):
    rise = lesson_00.two_points().axes[0].lines[1].get_xydata()
    np.testing.assert_allclose(rise, [[2, 4], [4, 16]])
    assert np.diff(rise, axis=0)[0].tolist() == [2, 12] and "12" in lesson_00.TWO_POINTS
    assert [lesson_00.my_slope(np.square, 3, h) for h in (1, 0.1)] == pytest.approx([6, 6], rel=1e-12)
    assert lesson_00.my_slope(np.exp, 0, 1) > 1.17 and lesson_00.my_slope(np.exp, 0, 1e-5) == pytest.approx(1)


def test_the_judge_and_backpropagation_agree_on_ten_weights_and_the_weight_goes_back(lesson):
    net, rng = lesson.net, np.random.default_rng(0)
    whole = [p.data.copy() for p in net.parameters()]
    eight = lesson.X_train[:8], lesson.y_train[:8]
    lesson.loss(net(eight[0]), eight[1])
    net.backward(lesson.loss.backward())
    slopes = net[0].W.grad.copy()
    for unit, pixel in [(3, 20), *zip(rng.integers(32, size=9), rng.integers(64, size=9), strict=True)]:

        def loss_with(weight, unit=unit, pixel=pixel):
            net[0].W.data[unit, pixel] = weight
            return lesson.loss(net(eight[0]), eight[1])

        here = float(net[0].W.data[unit, pixel])
        assert lesson_00.my_slope(loss_with, here, 1e-5) == pytest.approx(slopes[unit, pixel], abs=1e-9)
        loss_with(here)
    for before, p in zip(whole, net.parameters(), strict=True):
        np.testing.assert_array_equal(before, p.data)
    assert lesson.weight == net[0].W.data[3, 20] and abs(slopes[3, 20]) > 1e-4


def test_the_learners_judge_is_asked(lesson):
    assert lesson.judge is lesson.my_slope


def test_the_answers_folded_at_the_end(page):
    assert ((3 + 1) ** 2 - (3 - 1) ** 2) / 1 == 12 and "They get 12" in page.words
    assert data.digits()[0].shape == (1797, 64)
