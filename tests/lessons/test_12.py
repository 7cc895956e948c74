"""Lesson 12 and its deeper pages: edges, lines, four ways to fail, and the same numbers as a library."""

import numpy as np
import pytest
from starts import starts

from bphelpers import data, nn
from bphelpers import functional as F
from bphelpers.lessons import lesson_12
from bphelpers.numeric import numerical_gradient
from bphelpers.teaching import check
from tools.course.lesson import NOTEBOOKS
from tools.course.solved import solved


@pytest.fixture(scope="module")
def reading():
    return solved(NOTEBOOKS / "deeper" / "12_reading_the_lines.ipynb").variables


@pytest.fixture(scope="module")
def numbers():
    return solved(NOTEBOOKS / "deeper" / "12_the_same_numbers.ipynb").variables


# --- 1. Which neuron draws which side? ----------------------------------------------------------------------


def test_the_first_playground_is_the_one_of_the_pictures(lesson):
    assert lesson.three == lesson_12.THREE
    for p, q in zip(lesson.run.net.parameters(), lesson_12._three().net.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)


def test_ten_lines_make_the_same_run(lesson, words):
    _, lines = lesson.run.code.split("\n\n")
    assert len(lines.splitlines()) == 10 and "the ten lines that do all of this" in words
    exec(lesson.run.code, script := {})
    for p, q in zip(lesson.run.net.parameters(), script["net"].parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)


def test_an_edge_is_where_the_answer_is_zero(lesson):
    """On the trained network: at both points and beyond; each of them lies on its axis."""
    first = lesson.run.net[0]
    for w, b in zip(first.W.data, first.b.data, strict=True):
        start, end = lesson.edges(w, b)
        along = np.array([start + t * (end - start) for t in (-1.0, 0.0, 1.0, 2.0)])
        np.testing.assert_allclose(np.tanh(along @ w + b), 0, atol=1e-12)
        assert start[1] == 0 == end[0]


def test_the_table_of_the_triangle(lesson):
    """The rounded weights, and that they put the plane together as the table says."""
    first, last = lesson.run.net[0], lesson.run.net[2]
    rounded = np.round(np.append(last.W.data, last.b.data))
    np.testing.assert_array_equal(rounded, [4, -4, -4, -6])
    for answers, total in (((1, -1, -1), 6), ((0, -1, -1), 2), ((-1, -1, -1), -2), ((0, 0, -1), -2)):
        assert np.dot([*answers, 1], rounded) == total
    inside = np.tanh(first(np.zeros((1, 2))))[0]
    np.testing.assert_array_equal(np.sign(inside), [1, -1, -1])
    assert np.abs(inside).min() > 0.9
    places = [("upper right", (1, 1)), ("the left", (-1, 0)), ("the bottom", (0, -1))]
    for k, (name, direction) in enumerate(places):
        w, b = first.W.data[k], first.b.data[k]
        nearest = -b / (w @ w) * w
        assert nearest @ direction > 0.7 * np.linalg.norm(nearest) * np.linalg.norm(direction), name


def test_the_border_runs_along_the_edges(lesson):
    """Where the network says one half, one of the three edges is not far."""
    border = _border(lesson.run)
    W, b = lesson.run.net[0].W.data, lesson.run.net[0].b.data
    distances = np.abs(border @ W.T + b) / np.linalg.norm(W, axis=1)
    assert distances.min(axis=1).max() < 0.25 and np.median(distances.min(axis=1)) < 0.1
    assert set(distances.argmin(axis=1)) == {0, 1, 2}


def _border(run, size=64):
    inside = run.maps(size)[-1][0].ravel() > 0.5
    grid, square = run.grid(size), inside.reshape(size, size)
    changes = np.zeros((size, size), bool)
    changes[:, 1:] |= square[:, 1:] != square[:, :-1]
    changes[1:] |= square[1:] != square[:-1]
    return grid[changes.ravel()]


def test_when_to_look(words):
    run = lesson_12.trained(0, **lesson_12.THREE)
    for _ in range(25):
        run.run(20)
    assert max(moment.accuracy for moment in run.history[:21]) < 0.8
    assert run.history[-1].accuracy == pytest.approx(0.94)
    assert "For the first 400 steps, fewer than 80 % of the points are right" in words
    assert "By step 500 the border has closed in, and 94 % are" in words


@pytest.mark.ten_starts
def test_three_neurons_after_1000_steps():
    slow, *others = (
        lesson_12.trained(1000, **lesson_12.THREE | {"seed": seed}).history[-1].accuracy for seed in range(10)
    )
    assert slow == pytest.approx(0.76) and min(others) > 0.96
    late = lesson_12.trained(3000, **lesson_12.THREE | {"seed": 0}).history[-1].accuracy
    assert late == pytest.approx(0.985)


@pytest.mark.parametrize("seed", starts(10))
def test_three_edges_close_a_ring_and_two_do_not(seed, words):
    three = lesson_12.trained(2000, **lesson_12.THREE | {"seed": seed}).history[-1].accuracy
    two = lesson_12.trained(2000, **lesson_12.THREE | {"seed": seed, "hidden": (2,)}).history[-1].accuracy
    assert two <= 0.81 < 0.95 < three and "never got more than 81 %" in words


# --- 2. Which lines are thick? ------------------------------------------------------------------------------


@pytest.mark.parametrize("where", lesson_12.POINTS)
def test_a_thick_line_ends_at_a_neuron_whose_edge_is_near(where):
    """All round both circles: the neuron that gets most is the one with the nearest edge, or one as near."""
    run = lesson_12._three()
    W, b = run.net[0].W.data, run.net[0].b.data
    for angle in range(0, 360, 10):
        x, y = lesson_12._at(where, angle)
        grads = lesson_12.gradient_at(run, x, y)
        most = int(np.abs(grads["b1"]).argmax())
        distances = np.abs(W @ x[0] + b) / np.linalg.norm(W, axis=1)
        assert distances[most] < distances.min() + 0.01
        assert str(most + 1) in lesson_12._who_gets_most(grads)
        a = np.tanh(W @ x[0] + b)
        p = F.sigmoid(run.net(x))[0, 0]
        delta = (p - y[0, 0]) * run.net[2].W.data[0] * (1 - a**2)
        np.testing.assert_allclose(grads["b1"], delta, rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(grads["W1"], np.outer(delta, x), rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(grads["W2"], (p - y) * a, rtol=1e-9)


def test_at_minus_one_and_zero(lesson):
    grads, W1 = lesson.grads, lesson.run.net[0].W.data
    assert (grads["W1"][:, 1] == 0).all()
    first, second, third = np.abs(grads["b1"])
    assert first < 1e-3 < third < second / 5, "neuron 2 gets most, neuron 3 little and neuron 1 nothing"
    outgoing = np.abs(lesson.run.net[2].W.data[0])
    assert outgoing.max() < 1.05 * outgoing.min()
    run, loss = lesson.run, nn.BCEWithLogitsLoss()

    def at(W):
        a = np.tanh(lesson.point @ W.T + run.net[0].b.data)
        return loss(a @ run.net[2].W.data.T + run.net[2].b.data, lesson.target)

    np.testing.assert_allclose(grads["W1"], numerical_gradient(at, W1), rtol=0, atol=1e-9)


def test_the_last_batch_is_what_made_the_step(lesson):
    run = lesson_12.trained(7, **lesson.three, batch_size=1)
    assert run.batch.shape == (1,)
    before = lesson_12.trained(6, **lesson.three, batch_size=1)
    grads = lesson_12.gradient_at(before, run.X[run.batch], run.y[run.batch])
    for name, part in run.grads.items():
        np.testing.assert_allclose(part, grads[name], rtol=1e-12, atol=0)


# --- 3. How do you break it? --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", starts(10))
def test_equal_first_weights_leave_two_maps_and_a_straight_border(seed):
    run = lesson_12.trained(500, init="equal", seed=seed)
    *hidden, answer = run.maps(24)
    assert [len(np.unique(layer.round(9).reshape(8, -1), axis=0)) for layer in hidden] == [1, 1]
    w, b = run.net[0].W.data[0], run.net[0].b.data[0]
    z, orange = run.grid(24) @ w + b, answer.ravel() > 0.5
    order = orange[np.argsort(z)]
    assert np.sum(order[1:] != order[:-1]) <= 1, "orange on one side of a line across w"


def test_the_dead_layer(lesson):
    wild, now = lesson.wild, lesson.wild.history[-1]
    assert not wild.maps()[1][:, 20:44, 20:44].any() and now.norms[:2] == [0, 0]
    assert not _alive(wild)
    assert [name for name, part in wild.grads.items() if part.any()] == ["b3"]
    assert now.loss == pytest.approx(np.log(2), abs=1e-3) and now.accuracy == 0.5


def _alive(run):
    """Whether the second layer answers anything but 0 to any point; if not, no gradient comes back ever."""
    return F.relu(run.net[2](F.relu(run.net[0](run.X)))).any()


def _recovers(seed):
    run = lesson_12.trained(20, problem="circles", activation="ReLU", lr=10.0, seed=seed)
    run.set(lr=0.1)
    run.run(200)
    return _alive(run)


@pytest.mark.parametrize("seed", starts(10))
def test_after_twenty_steps_at_ten_it_stays_stuck(seed):
    assert not _recovers(seed)


@pytest.mark.ten_starts
def test_one_start_of_thirty_recovers(words):
    assert [seed for seed in range(30) if _recovers(seed)] == [23] and "thirty starts" in words


CHANGES = {
    "as it is": {},
    "twice the neurons": {"hidden": (32, 32)},
    "a third hidden layer": {"hidden": (16, 16, 16)},
    "ReLU": {"activation": "ReLU"},
}


@pytest.mark.parametrize("seed", starts(10))
def test_more_network_does_not_get_the_spiral(seed, lesson):
    assert list(CHANGES) == list(lesson_12.SPIRALS)
    for name, change in CHANGES.items():
        run = lesson_12.trained(1000, **lesson.settings | change | {"seed": seed})
        low, high = lesson_12.SPIRALS[name]
        assert low - 2 <= round(200 * run.history[-1].accuracy) <= high + 2, name


# --- 4. One wrong label -------------------------------------------------------------------------------------


def test_the_pulls_of_the_picture(lesson):
    factors = []
    for stage in lesson.stages:
        lengths = lesson_12.gradient_lengths(stage)
        factors.append(lengths[-1] / np.median(lengths))
    assert factors[0] < 1 < 8 < factors[1] < 12 < 400 < factors[2]
    assert lengths.argmax() == 200 and 0.35 < lengths[-1] / lengths.sum() < 0.45
    last = lesson.stages[-1]
    assert (F.sigmoid(last.net(last.X[-1:])) - last.y[-1:])[0, 0] < -0.95


@pytest.mark.ten_starts
def test_the_wrong_label_from_ten_starts(lesson, words):
    shares = []
    for seed in range(10):
        lengths = lesson_12.gradient_lengths(lesson_12.trained(1000, **lesson.mislabelled, seed=seed))
        shares.append(lengths[-1] / lengths.sum())
    low, least, most = np.sort(shares)[[1, 2, -1]]
    assert (low < 0.1, round(least, 2), round(most, 2)) == (True, 0.29, 0.40)
    assert "from eight of ten starts it's between 0.29 and 0.40, from the other two below 0.1" in words


# --- 5. A layer of your own ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", starts(10))
def test_the_sine_learns_with_the_bug_and_is_convicted(seed, lesson, words):
    def made(backward):
        rng = np.random.default_rng(seed)
        layers = nn.Linear(2, 8, rng=rng), lesson_12.Layer(np.sin, backward), nn.Linear(8, 1, rng=rng)
        return lesson_12.trained(1000, nn.Sequential(*layers), lr=0.3, seed=seed)

    wrong, right = made(lesson.first_try), made(lesson_12.sine_backward)
    assert [entry.ok for entry in wrong.check().arrays] == [False, False, True, True]
    assert right.check().ok
    assert wrong.history[-1].loss < wrong.history[0].loss and wrong.history[-1].accuracy > 0.8
    accuracies = wrong.history[-1].accuracy, right.history[-1].accuracy
    assert accuracies == pytest.approx((0.865, 0.865)) if seed == 2 else accuracies[0] < accuracies[1]
    assert "From nine of ten starts the repaired one gets more points right" in words
    assert "From the tenth, both get 86.5 %" in words


# --- deeper/12_reading_the_lines.ipynb ----------------------------------------------------------------------


def test_a_line_first(reading):
    assert reading.same_side(reading.early, reading.straight) > 0.95
    assert reading.same_side(reading.late, reading.straight) < 0.95


def test_the_second_layer_blends_the_first(reading):
    np.testing.assert_allclose(reading.blends, reading.second, rtol=0, atol=1e-12)
    np.testing.assert_allclose(F.sigmoid(reading.logit), reading.answer[0], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(reading.logit > 0, reading.answer[0] > 0.5)


def test_a_batch_is_a_sample(reading):
    for one, ten, fifty in reading.shares.values():
        assert one > ten > fifty
    assert reading.shares[500][0] == pytest.approx(0.5, abs=0.02)


def test_the_first_step_of_adam(reading):
    np.testing.assert_allclose(reading.plain, -0.1 * reading.g, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(reading.g, reading.g_adam)
    np.testing.assert_allclose(reading.adam, -0.1 * np.sign(reading.g), rtol=1e-3)


def test_depth_starves_the_first_layer(reading):
    each = reading.norms["sigmoid", 8]
    assert each[-1] > 1000 * each[0] and reading.norms["tanh", 8][-1] < 20 * reading.norms["tanh", 8][0]
    assert reading.stuck["sigmoid"].loss == pytest.approx(np.log(2), abs=1e-3)
    assert reading.stuck["tanh"].accuracy == reading.stuck["ReLU"].accuracy == 1


@pytest.mark.parametrize("seed", starts(10, always=1))
def test_what_gets_the_spiral(seed, reading):
    for name, change in reading.ways.items():
        settings = {"data": (reading.X, reading.y)} | reading.spiral | change | {"seed": seed}
        accuracy = lesson_12.trained(2000, **settings).history[-1].accuracy
        assert accuracy < 0.66 if name == "as it is" else accuracy > 0.98, name


# --- deeper/12_the_same_numbers.ipynb -----------------------------------------------------------------------


def test_the_playground_has_no_trick(numbers):
    assert numbers.same == [True] * 6 and len(numbers.lines.splitlines()) == 10
    report = numbers.played.check()
    assert report.ok and len(report.arrays) == 6


def test_the_same_numbers_as_the_library(numbers):
    stored = numbers.stored
    for update, value in zip(stored["updates"], stored["sgd 0.2"]["loss"], strict=True):
        assert abs(numbers.history.loss[update - 1] - value) < 1e-10
    np.testing.assert_allclose(numbers.p, stored["sgd 0.2"]["probability"][-1], rtol=0, atol=1e-10)
    for gap in numbers.gaps.values():
        assert abs(gap.mean()) < 3 * gap.std(ddof=1) / np.sqrt(len(gap))


def test_two_adams(numbers):
    for t, value in zip(numbers.stored["updates"], numbers.stored["adam"]["loss"], strict=True):
        assert abs(numbers.losses["theirs"][t - 1] - value) < 1e-10
    for t in (1, 2, 10, 200):  # the two ways to write the step, as fractions of m and s
        m, s = 0.3, 1e-9
        theirs = np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(s) + 1e-8)
        ours = m / (1 - 0.9**t) / (np.sqrt(s / (1 - 0.999**t)) + numbers.their_epsilon(t))
        assert theirs == pytest.approx(ours, rel=1e-12)
    assert numbers.their_epsilon(1) == pytest.approx(32e-8, rel=0.02)


def test_what_0_98_is_worth(numbers):
    recipe = numbers.recipe
    assert recipe["published seeds"]["held out"] == 0.98
    assert np.argmin(recipe["held out"]) == np.argmin(recipe["fresh points"])
    worst, *others = sorted(recipe["fresh points"])
    assert worst == pytest.approx(0.919, abs=5e-4) and others[-1] - others[0] < 0.006


# --- The exercises ------------------------------------------------------------------------------------------


def test_the_broken_function_of_the_page_is_refused(capsys, lesson):
    check("12.3", lesson.first_try)
    assert "its slope belongs to what goes in" in " ".join(capsys.readouterr().out.split())


def test_other_right_answers_are_right(capsys):
    def by_a_list(w, b):
        return [[-b / w[0], 0], [0, -b / w[1]]]

    def by_a_loop(arm):
        X, y = [], []
        for sign, label in ((1, 0), (-1, 1)):
            for point in arm:
                X.append(sign * point)
                y.append(label)
        return np.array(X), np.array(y)

    def with_a_name(dout, z):
        slope = np.cos(z)
        return slope * dout

    for key, found in (("12.1", by_a_list), ("12.2", by_a_loop), ("12.3", with_a_name)):
        check(key, found)
        assert capsys.readouterr().out.startswith(f"{key}: right")


def test_the_spiral_is_the_course_s_but_for_the_middle():
    """That of `data.spirals` begins at 0.1 from the origin as well, and ends at 1."""
    X, _ = lesson_12.spiral(np.linspace(0.1, 1, 100))
    other, _ = data.spirals(200, 0.0, np.random.default_rng(0))
    for points in (X, other):
        assert np.linalg.norm(points, axis=1).min() == pytest.approx(0.1)
        assert np.linalg.norm(points, axis=1).max() == pytest.approx(1.0)


def test_wrong_answers_get_a_sentence(capsys):
    def one_point(w, b):
        return np.array([-b / w[0], 0])

    def one_arm(arm):
        return arm, np.zeros(len(arm))

    def into_its_argument(dout, z):
        dout *= np.cos(z)
        return dout

    for key, wrong, says in (
        ("12.1", one_point, "not right yet"),
        ("12.2", one_arm, "not right yet"),
        ("12.3", into_its_argument, "argument dout"),
    ):
        check(key, wrong)
        assert says in capsys.readouterr().out, key
