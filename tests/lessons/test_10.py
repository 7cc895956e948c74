"""The deeper page of lesson 10: parity and encoders."""

import numpy as np
import pytest

from bphelpers import functional as F
from bphelpers import numeric
from tools.course.lesson import NOTEBOOKS
from tools.course.solved import solved


@pytest.fixture(scope="module")
def page():
    return solved(NOTEBOOKS / "deeper" / "10_parity_and_encoders.ipynb").variables


def test_three_bits_say_nothing_about_parity(page):
    for bit in range(4):
        others = np.delete(page.bits, bit, axis=1)
        for three in np.ndindex(2, 2, 2):
            assert page.parity[(others == three).all(axis=1)].sum() == 1  # of two


def test_the_table_of_four_counting_units(page):
    for ones in range(5):
        rows = page.fires[page.bits.sum(axis=1) == ones]
        assert (rows == (np.arange(4) < ones)).all()
        assert (rows @ [1, -1, 1, -1] == ones % 2).all()


@pytest.mark.parametrize("task", ["parity", "encoder"])
def test_gradients_of_many_networks_at_once(page, task):
    X, Y, squash = {
        "parity": (page.bits, page.parity, F.sigmoid),
        "encoder": (page.names, page.names, F.softmax),
    }[task]
    w = page.trained(X, Y, 2, 3, squash, updates=2)

    def loss(changed, part):
        _, Z = page.forward(X, *w[:part], changed, *w[part + 1 :])
        p = squash(Z)
        costs = Y * np.log(p) + ((1 - Y) * np.log(1 - p) if squash is F.sigmoid else 0)
        return -costs.sum() / len(X)

    for part, grad in enumerate(page.gradients(X, Y, squash, *w)):
        measured = numeric.numerical_gradient(lambda changed, part=part: loss(changed, part), w[part])
        np.testing.assert_allclose(grad, measured, rtol=1e-5, atol=1e-8)


def test_a_network_that_counts(page):
    W1, b1, W2, _ = page.found
    assert np.ptp(np.abs(W1), axis=1).max() < 0.2
    changes = np.argsort(-b1 / W1.mean(axis=1))
    np.testing.assert_allclose((-b1 / W1.mean(axis=1))[changes], [0.5, 1.5, 2.5, 3.5], atol=0.25)
    assert np.sign(W2[0] * np.sign(W1[:, 0]))[changes].tolist() == [1, -1, 1, -1]  # turned the right way up


def test_a_softmax_reads_the_nearest_code(page):
    rng = np.random.default_rng(0)
    for numbers in (1, 2, 3):
        codes, h = rng.normal(size=(8, numbers)), rng.normal(size=(500, numbers))
        scores = 2 * h @ codes.T - np.sum(codes**2, axis=1)
        distances = np.linalg.norm(h[:, None] - codes, axis=2)
        assert (scores.argmax(axis=1) == distances.argmin(axis=1)).all()
        assert ((2 * codes @ codes.T - np.sum(codes**2, axis=1)).argmax(axis=1) == np.arange(8)).all()


def test_one_unit_stops_with_names_at_both_ends(page):
    ends = page.forward(page.names, *page.w)[0][:, :, 0]
    assert page.w[0].shape == (50, 1, 8)
    low, high = np.sum(ends < 0.01, axis=1), np.sum(ends > 0.99, axis=1)
    assert (np.maximum(low, high) >= 2).all() and low[0] == high[0] == 2
    assert (page.right < 8).all()


@pytest.mark.ten_starts
def test_parity_from_three_sets_of_a_hundred_starts(page):
    learned = {}
    for hidden in (3, 4, 8):
        sets = [page.trained(page.bits, page.parity, hidden, 100, F.sigmoid, 2000, seed) for seed in (1, 2)]
        learned[hidden] = [int(np.sum(page.patterns_right(w) == 16)) for w in sets]
    assert sum(learned[3]) <= 2 and (page.counts[3] < 16).all()
    np.testing.assert_allclose(learned[4], [18, 25], atol=2)
    np.testing.assert_allclose(learned[8], [92, 95], atol=2)


@pytest.mark.ten_starts
def test_encoders_from_three_sets_of_fifty_starts(page):
    right = {hidden: [] for hidden in (1, 2, 3)}
    for hidden, found in right.items():
        for seed in (1, 2):
            w = page.trained(page.names, page.names, hidden, 50, F.softmax, 1000, seed)
            found.append(int(np.sum(page.names_right(w) == 8)))
    assert right[1] == [0, 0] and right[3] == [50, 50] and 98 <= sum(right[2]) <= 100
