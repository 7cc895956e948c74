"""The deeper page of lesson 11: wrong labels."""

import numpy as np
import pytest

from bphelpers import functional as F
from tools.course.lesson import NOTEBOOKS
from tools.course.solved import solved


@pytest.fixture(scope="module")
def page():
    return solved(NOTEBOOKS / "deeper" / "11_wrong_labels.ipynb").variables


def test_wrong_labels_are_wrong_and_the_others_are_not(page):
    given, wrong = page.with_wrong_labels(0.3, np.random.default_rng(7))
    assert np.array_equal(given != page.y, wrong) and 0.25 < wrong.mean() < 0.35
    assert set(given) == set(range(10))


def test_the_gradient_of_a_wrong_label_of_a_network_that_reads_well():
    scores = np.array([[9.0, 0.0, 0.0]])
    right, wrong = (F.softmax_cross_entropy_backward(scores, np.array([label])) for label in (0, 1))
    assert np.abs(right).max() < 0.001
    np.testing.assert_allclose(wrong, [[1, -1, 0]], atol=0.001)


def test_the_curve_without_wrong_labels_rises_and_the_others_fall(page):
    for share, (*_, right) in page.runs.items():
        assert (right[1000] > right[100]) == (share == 0)


RANGES = {0.0: (0.92, 0.94, 0.94, 0.95), 0.1: (0.90, 0.93, 0.80, 0.87),
          0.3: (0.83, 0.91, 0.73, 0.79), 0.5: (0.77, 0.85, 0.58, 0.69)}  # fmt: skip


@pytest.mark.ten_starts
@pytest.mark.parametrize("share", RANGES)
def test_the_table_of_wrong_labels_from_ten_starts(page, share):
    found = np.array([list(page.trained(share, (100, 1000), seed)[3].values()) for seed in range(10)])
    lowest_and_highest = np.stack([found.min(axis=0), found.max(axis=0)], axis=1).ravel()
    np.testing.assert_allclose(lowest_and_highest, RANGES[share], atol=0.01)


@pytest.mark.ten_starts
def test_suspicious_labels_are_wrong_from_ten_starts(page):
    found, shares = [], []
    for updates in (100, 1000):
        for seed in range(10):
            net, given, wrong, _ = page.trained(0.1, [updates], seed)
            found.append(wrong[page.most_suspicious(net, given, wrong.sum())].mean())
            pull = np.abs(F.softmax(net(page.X)) - np.eye(10)[given]).sum(axis=1)
            shares.append(pull[wrong].sum() / pull.sum())
    early, late = np.reshape(found, (2, 10))
    assert early.min() > 0.9 and (late < early).all()
    early, late = np.reshape(shares, (2, 10))
    assert early.min() > 0.3 and early.max() < 0.4 and 0.45 < np.median(late) < 0.55
