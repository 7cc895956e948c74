"""Lesson 19: the same bits whoever computes them, ten kills, the lesson without Dask, what was measured."""

import sys

import numpy as np
import pytest

from bphelpers import data, nn, numeric, scale
from bphelpers.lessons import lesson_19
from bphelpers.teaching import check, results
from tools.course.lesson import NOTEBOOKS, Lesson, lesson_paths
from tools.course.solved import run_solved, solved


def same_bits(a, b):
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


def test_the_first_screen():
    a, b = [1], [5, 2, 8]
    assert np.mean(a + b) == 4 and (np.mean(a) + np.mean(b)) / 2 == 3 and sum(b) / len(b) == 5
    assert (sum(a) + sum(b)) / (len(a) + len(b)) == 4
    assert all(f"{number}" in lesson_19.SHARES for number in (*a, *b, "3, which is wrong", "16 / 4 = 4"))
    # The first question at the end.
    assert lesson_19.combine(np.array([[6.0], [3], [1]]), np.array([10, 20, 70])) == pytest.approx(1.9)


def test_how_far_off_the_mean_of_means_is_from_ten_starts(lesson):
    X, y = data.digits()
    X, y = X[:1000], y[:1000]
    by_digit, off = np.argsort(y, kind="stable"), {"sorted": [], "shuffled": []}
    assert np.mean(y[by_digit][:100] == 0) > 0.97  # nearly all of them zeros
    for seed in range(10):
        rng = np.random.default_rng(seed)
        net = nn.Sequential(nn.Linear(64, 16, rng=rng), nn.Sigmoid(), nn.Linear(16, 10, rng=rng))
        whole = lesson.gradient(net, X, y)
        for name, order in {"sorted": by_digit, "shuffled": rng.permutation(1000)}.items():
            parts = [lesson.gradient(net, X[rows], y[rows]) for rows in (order[:100], order[100:])]
            off[name].append(np.linalg.norm(np.mean(parts, axis=0) - whole) / np.linalg.norm(whole))
            np.testing.assert_allclose(lesson.joined(parts, [100, 900]), whole, atol=1e-12)
        halves = [lesson.gradient(net, X[rows], y[rows]) for rows in (by_digit[:500], by_digit[500:])]
        np.testing.assert_allclose(np.mean(halves, axis=0), whole, atol=1e-12)
    assert (round(min(off["sorted"]), 1), round(max(off["sorted"]), 1)) == (1.9, 3.4)
    assert 0.2 < np.median(off["shuffled"]) < 0.3 and max(off["shuffled"]) < 0.5
    assert 0.2 < np.mean(off["shuffled"]) < 0.3


def test_one_worker_two_workers_and_a_death_give_the_same_bits_and_another_order_does_not(lesson):
    assert lesson.one.dtype == np.float32 and len(lesson.one) == 109_386
    assert same_bits(lesson.one, lesson.two) and same_bits(lesson.killed, lesson.two)
    assert not same_bits(lesson.reverse, lesson.two)
    assert 0 < np.abs(lesson.reverse - lesson.two).max() < 1e-5
    assert np.abs(lesson.two - lesson.network().flat.data).max() > 1e-3  # it did train


def handed_out(lesson, client):
    return [client.submit(lesson.images, k) for k in range(8)]


def test_three_workers_and_a_worker_that_dies_twice(lesson):
    with scale.workers(3) as client:
        chunks = handed_out(lesson, client)
        assert same_bits(lesson.train(client, chunks, kill_in=2), lesson.two)
        assert same_bits(lesson.train(client, chunks, kill_in=4), lesson.two)


@pytest.mark.ten_starts
def test_ten_kills_in_a_row(lesson):
    with scale.workers(2) as client:
        chunks = handed_out(lesson, client)
        for kill in range(10):
            assert same_bits(lesson.train(client, chunks, kill_in=kill % 5), lesson.two), kill


def test_without_dask_the_lesson_says_so_and_prints_the_same(lesson, monkeypatch):
    (path,) = lesson_paths("19")
    for name in ("dask", "distributed"):
        monkeypatch.setitem(sys.modules, name, None)
    without, with_dask = run_solved(Lesson.read(path)).printed, solved(path).printed
    differing = {cell for cell, said in with_dask.items() if without[cell] != said}
    assert len(differing) == 1
    (cell,) = differing
    assert without[cell] == f"{scale.MISSING}\n" * 2 + with_dask[cell]


def test_the_learners_update_is_what_trains(lesson):
    """With a learner's function in place of the course's: here one that goes uphill."""
    theta = lesson.network().flat.data.copy()
    reports = [lesson.gradient_sum(theta, lesson.images(k)) for k in range(8)]
    assert lesson.step is lesson.update
    X, y = data.mnist_small(dtype="float32")
    assert [n for _, n in reports] == [625] * 8 and sorted(np.bincount(lesson.images(3)[1]))[0] > 50
    net = lesson.network()
    net.flat.data[:] = lesson.step(theta, reports, lr=0.1)
    assert nn.CrossEntropyLoss()(net(X), y) < nn.CrossEntropyLoss()(lesson.network()(X), y)


# --- what was measured ---


def test_the_answers_of_the_predictions(lesson):
    assert lesson.off > 1
    assert lesson.slower > 30


def test_the_stored_times_say_what_the_page_says():
    times = lesson_19.step_times()
    batch, low, high = times["two workers"]
    assert batch.tolist() == [64, 256, 1024, 4096, 16384, 60000]
    assert (low[:3].min(), high[:3].max()) == (17, 20)
    _, lowest, highest = times["one process"]
    assert low[0] / highest[0] > 40 and high[0] / lowest[0] < 65
    ahead = high < lowest
    assert ahead.tolist() == [False] * 4 + [False, True] and low[4] < highest[4]  # about even at 16,384
    assert (times["two workers, one core busy"][1] > highest).all()
    assert times["one process, two BLAS threads"][1][-1] == 183 and (low[-1], high[-1]) == (187, 196)
    assert results.scaling()["empty tasks"]["two, there and back"] == 12
    for number in ("0.3 for 64", "about 300 for 60,000", "about 18", "about 16,000", "about 190"):
        assert number in lesson_19.TIMES


# --- what is kept ---


def test_what_is_held_follows_the_law_and_the_walk_back(lesson):
    assert [lesson_19.held(k) for k in (1, 2, 4, 8, 16, 32, 64)] == [65, 34, 20, 16, 20, 34, 65]
    assert all(lesson_19.held(k) == 64 / k + k for k in (1, 2, 4, 8, 16, 32, 64))
    assert [k for k in range(1, 65) if lesson_19.held(k) == 16] == list(range(6, 12))
    assert min(lesson_19.held(k) for k in range(1, 65)) == 16
    assert lesson_19.held(10, layers=100) == 20 and lesson_19.held(1, layers=100) == 101
    for k in range(1, 65):
        kept = lesson.forward(lesson.x, lesson.Ws, k)
        grads, most = lesson.backward(kept, lesson.Ws, lesson.da)
        assert most == lesson_19.held(k) and np.array_equal(grads, lesson.all_kept), k


def test_every_layer_is_computed_once_more(lesson, monkeypatch):
    computed = []
    stretch = lesson.stretch
    monkeypatch.setitem(
        lesson.backward.__globals__,
        "stretch",
        lambda kept, Ws, start, end: computed.extend(range(start, end)) or stretch(kept, Ws, start, end),
    )
    lesson.backward(lesson.forward(lesson.x, lesson.Ws, 8), lesson.Ws, lesson.da)
    assert sorted(computed) == list(range(64))


def test_the_gradient_of_a_chain_agrees_with_finite_differences(lesson):
    Ws = list(lesson.Ws[:5, :4, :4])
    x = lesson.x[:3, :4]

    def total(W):
        return lesson_19.recompute({0: x}, [*Ws[:2], W, *Ws[3:]], 0, 5)[-1].sum()

    a = lesson_19.recompute({0: x}, Ws, 0, 5)
    grads, _ = lesson.backward({0: a[0], 3: a[3]}, Ws, np.ones((3, 4)))
    np.testing.assert_allclose(grads[::-1][2], numeric.numerical_gradient(total, Ws[2]), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("every", [1, 8, 9, 64])
def test_the_words_below_the_picture(every):
    words = lesson_19.describe_kept(every)
    assert f" {lesson_19.held(every)} " in words and ("All 64" in words) == (every == 1)


# --- the exercises ---


def test_a_listed_update_is_what_its_clause_says():
    theta, reports, lr = lesson_19.EXERCISES["19.2"].arguments()[0]
    inside, total, count = theta, 0, 0
    for gradient, n in reports:
        total, count = total + gradient, count + n
        inside = inside - lr * total / count
    wrong = lesson_19.EXERCISES["19.2"].wrong(theta, reports, lr)
    (clause,) = [name for name in wrong if "update stands inside" in name]
    np.testing.assert_allclose(wrong[clause], inside)
    assert lesson_19.update(theta.astype(np.float32), reports, lr).dtype == np.float64  # reports decide
    reports = [(g.astype(np.float32), n) for g, n in reports]
    assert lesson_19.update(theta.astype(np.float32), reports, lr).dtype == np.float32


# --- The deeper page ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page():
    return solved(NOTEBOOKS / "deeper" / "19_a_thousand_workers.ipynb").variables


@pytest.mark.parametrize("p", [2, 3, 4, 8, 16])
def test_a_ring_sends_what_the_law_says_and_all_end_with_the_same_bits(page, p):
    vectors = np.random.default_rng(p).normal(size=(p, 48 * 5)).astype(np.float32)
    sums, sent = page.ring(vectors)
    assert sent == 2 * (p - 1) / p * 240
    assert all(same_bits(sums[0], other) for other in sums)
    np.testing.assert_allclose(sums[0], vectors.astype(float).sum(axis=0), atol=1e-5)


def test_what_a_message_costs(page):
    for numbers, best in {109_386: "tree", 1_000_000_000: "ring"}.items():
        for latency, bandwidth in page.links.values():
            times = lesson_19.ring_times(1000, numbers, latency, bandwidth)
            assert min(times, key=times.get) == best
            assert times["star"] == pytest.approx(2 * latency + 2 * 999 * 4 * numbers / bandwidth)
            assert times["tree"] == pytest.approx(20 * (latency + 4 * numbers / bandwidth))
            assert times["ring"] == pytest.approx(1998 * latency + 1.998 * 4 * numbers / bandwidth)
    assert times["ring"] > 10 * 60


def test_local_steps_and_late_gradients_from_one_start(page):
    holds_for(page, seed=1)


@pytest.mark.ten_starts
@pytest.mark.parametrize("seed", range(10))
def test_local_steps_and_late_gradients_from_ten_starts(page, seed):
    holds_for(page, seed)


def holds_for(page, seed):
    every_step, seldom = (page.local_steps(every, seed=seed) for every in (1, 60))
    assert 1.2 < seldom / every_step < 1.5
    for lr, bears in {1.0: [True, True, False, False], 0.3: [True, True, True, False]}.items():
        found = [page.late_gradients(late, lr, seed=seed) for late in (0, 1, 4, 16)]
        assert [loss < 0.2 for loss in found] == bears and all(loss < 0.1 or loss > 5 for loss in found)


def test_a_stretch_leaves_what_was_kept_alone(capsys):
    def pops(kept, Ws, start, end):
        a = [kept.pop(start)]
        for W in Ws[start:end]:
            a.append(np.tanh(a[-1] @ W.T))
        return a

    check("19.3", pops)
    assert "changed its argument kept" in capsys.readouterr().out


def test_the_gradients_of_all_digits_mostly_cancel(lesson):
    """Why the mean of means can be off by more than the gradient's length."""
    one_by_one = [np.linalg.norm(lesson.gradient(lesson.net, lesson.X[i : i + 1], lesson.y[i : i + 1]))
                  for i in range(0, 1000, 20)]  # fmt: skip
    zeros = np.linalg.norm(lesson.means[0])
    assert np.linalg.norm(lesson.whole) < 0.3 * np.mean(one_by_one) < 0.4 * zeros
