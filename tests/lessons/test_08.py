"""Lesson 08 and its pages: what a step promises, momentum, Adam, the tournament, decay, noise, schedules."""

import re
from itertools import combinations

import numpy as np
import pytest

from bphelpers import data, nn, optim
from bphelpers.lessons import lesson_08
from bphelpers.numeric import numerical_gradient
from bphelpers.teaching import check, yours
from tests.starts import starts
from tools.course.lesson import NOTEBOOKS
from tools.course.solved import solved

SLOPES = np.array([1.0, 20.0])


def said(capsys):
    return " ".join(capsys.readouterr().out.split())


def walked(rule, start, updates, slopes):
    """What a rule of the package does."""
    p = nn.Parameter(start.copy(), "w")
    path = [start]
    for _ in range(updates):
        p.grad = slopes(p.data)
        rule.step([p])
        path.append(p.data.copy())
    return np.array(path)


# --- The first screen ---------------------------------------------------------------------------------------


def test_the_slopes_are_those_of_the_valley(lesson):
    for w in np.random.default_rng(0).normal(size=(5, 2)):
        np.testing.assert_allclose(SLOPES * w, numerical_gradient(lesson_08.height, w), rtol=1e-8)
        assert lesson.valley(*w) == pytest.approx(lesson_08.height(w))
    assert (SLOPES * lesson_08.START).tolist() == [20, 20]


def test_the_numbers_of_the_first_screen():
    bouncing, rolling = lesson_08.valley_walk(0.1, 0), lesson_08.valley_walk(0.1, 0.5)
    assert bouncing[1].tolist() == rolling[1].tolist() == [18, -1]
    np.testing.assert_allclose(rolling[2] - rolling[1], [-2.8, 1])
    np.testing.assert_allclose(np.abs(bouncing[:, 1]), 1)
    assert np.all(np.diff(np.sign(bouncing[:, 1])) != 0) and np.all(np.diff(bouncing[:, 0]) < 0)
    np.testing.assert_allclose(np.diag([20.0, 1.0]) - np.diag([1, 0.05]) * 20, 0)  # both arrive in one step
    for walk, place in ((lesson_08.valley_walk(0.02, 0), "13.4"), (bouncing, "2.4")):
        assert f"{walk[-1, 0]:.1f}" == place and f"to {place}" in lesson_08.STRIPS.replace("w1 = ", "")
    assert np.abs(rolling[-1]).max() < 0.01
    between = lesson_08.valley_walk(0.05, 0)
    assert between[1, 1] == 0
    np.testing.assert_allclose(between[1:, 0], 0.95 * between[:-1, 0])  # a twentieth closer in each step


def test_what_the_sliders_are_asked_for():
    start = lesson_08.height(lesson_08.START)
    assert lesson_08.valley_walk(0.1, 0.8)[:, 0].min() < -6
    assert lesson_08.height(lesson_08.valley_walk(0.11, 0)[-1]) > start
    assert "is lost" in lesson_08.describe_roll(0.11, 0.0)
    assert lesson_08.height(lesson_08.valley_walk(0.11, 0.15)[-1]) < start / 10
    np.testing.assert_allclose(np.abs(lesson_08.valley_walk(0.11, 0.1, 1000)[900:, 1]), 11 / 9)  # for ever
    assert "arrives" in lesson_08.describe_roll(0.1, 0.5)
    assert "overshoots to w1 = −6.6" in lesson_08.describe_roll(0.1, 0.8)


# --- What a step promises -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("lr", "brings"), [(0.1, (-38, 0)), (0.01, (-3.98, -3.6))])
def test_promises_in_the_valley(lesson, lr, brings):
    step = -20 * lr
    found = (
        lesson.valley(20 + step, 1) - lesson.valley(20, 1),
        lesson.valley(20, 1 + step) - lesson.valley(20, 1),
    )
    np.testing.assert_allclose(found, brings, atol=1e-9)
    np.testing.assert_allclose(np.subtract(found, 20 * step), [2, 40] if lr == 0.1 else [0.02, 0.4])


def test_the_update_table_of_the_network(lesson):
    w, dw = lesson.w, lesson.dw
    np.testing.assert_allclose(dw, numerical_gradient(lesson_08.loss, w), rtol=1e-6)
    assert round(lesson_08.loss(w), 9) == data.worked_example("mazur")["published"]["E_total"]
    assert round(dw[4] / dw[0]) == round(float(f"{dw[4]:.5f}") / float(f"{dw[0]:.5f}")) == 187
    for k in range(8):
        step = np.where(np.arange(8) == k, -0.5 * dw, 0)
        promised, actual = dw @ step, lesson_08.loss(w + step) - lesson_08.loss(w)
        assert promised < 0 and abs(actual / promised - 1) < 0.01


@pytest.mark.parametrize("rate", [2.0, 0.5, 0.125])
def test_half_the_step_has_half_the_promise_and_a_quarter_of_the_gap(lesson, rate):
    def promise_and_gap(rate):
        step = -rate * lesson.dw
        promised = lesson.dw @ step
        return promised, lesson_08.loss(lesson.w + step) - lesson_08.loss(lesson.w) - promised

    (promised, gap), (half, half_gap) = promise_and_gap(rate), promise_and_gap(rate / 2)
    assert promised == pytest.approx(2 * half, rel=1e-14)
    assert abs(gap / half_gap - 4) < 0.2 * rate


# --- Memory -------------------------------------------------------------------------------------------------


def test_the_tables_of_slopes_and_velocities():
    path = lesson_08.valley_walk(0.1, 0)
    np.testing.assert_allclose(path[:4, 0], [20, 18, 16.2, 14.58])
    np.testing.assert_allclose(20 * path[:4, 1], [20, -20, 20, -20])
    for slopes, velocities in (((8, 8, 8, 8), [8, 12, 14, 15]), ((8, -8, 8, -8), [8, -4, 6, -5])):
        v, found = 0.0, []
        for slope in slopes:
            _, v = lesson_08.momentum_step(0.0, slope, v, 0.1, 0.5)
            found.append(v)
        assert found == velocities


@pytest.mark.parametrize("mu", [0.5, 0.9])
def test_agreement_and_quarrel(mu):
    steady = flipping = average = 0.0
    for k in range(400):
        _, steady = lesson_08.momentum_step(0.0, 1.0, steady, 0.1, mu)
        _, flipping = lesson_08.momentum_step(0.0, (-1.0) ** k, flipping, 0.1, mu)
        average = mu * average + 1 - mu
    np.testing.assert_allclose([steady, abs(flipping)], [1 / (1 - mu), 1 / (1 + mu)])
    np.testing.assert_allclose(average, (1 - mu) * steady)


def test_the_walks_of_the_page_are_those_of_the_packages_momentum(lesson):
    for mu in (0.0, 0.5, 0.8):
        path = walked(optim.SGD(0.1, momentum=mu), lesson_08.START, 20, lambda w: SLOPES * w)
        np.testing.assert_allclose(lesson.roll(mu), path[-1], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(lesson_08.valley_walk(0.1, mu), path, rtol=1e-12, atol=1e-12)


# --- A rate for each weight ---------------------------------------------------------------------------------


def test_rmsprop_is_the_packages_and_does_not_hear_how_loud_the_loss_is():
    w, s, path = lesson_08.START, 0.0, [lesson_08.START]
    for _ in range(100):
        w, s = lesson_08.rmsprop_step(w, SLOPES * w, s, 0.05, 0.9)
        path.append(w)
    theirs = walked(optim.RMSprop(0.05, alpha=0.9), path[0], 100, lambda w: SLOPES * w)
    np.testing.assert_allclose(path, theirs)
    louder = walked(optim.RMSprop(0.05, alpha=0.9), path[0], 100, lambda w: 1000 * SLOPES * w)
    np.testing.assert_allclose(louder, path, atol=1e-6)


def test_adam_is_the_packages(lesson):
    w, m, s, path = lesson_08.START, 0, 0, [lesson_08.START]
    for t in range(1, 101):
        w, m, s = lesson.adam(w, SLOPES * w, m, s, t, 0.1)
        path.append(w)
    np.testing.assert_allclose(path, walked(optim.Adam(0.1), path[0], 100, lambda w: SLOPES * w), rtol=1e-10)


@pytest.mark.parametrize("beta", [0.9, 0.999])
def test_a_corrected_average_of_a_steady_slope_is_the_slope(beta):
    average = 0.0
    for t in range(1, 20):
        average = beta * average + (1 - beta) * 10
        np.testing.assert_allclose(average / (1 - beta**t), 10)


def test_the_first_steps(lesson):
    np.testing.assert_allclose(np.abs(lesson.moved - lesson.w), 0.01, rtol=1e-4)
    np.testing.assert_array_equal(np.sign(lesson.moved - lesson.w), -np.sign(lesson.dw))
    np.testing.assert_allclose(lesson.plain[4] / lesson.plain[0], 187, rtol=0.01)
    _, m, s = lesson_08.adam_step(0.0, 20.0, 0.0, 0.0, 1, 0.01)
    np.testing.assert_allclose([m, s, m / 0.1, s / 0.001], [2, 0.4, 20, 400])
    first, _ = lesson_08.rmsprop_step(np.zeros(1), np.full(1, 20.0), 0.0, 0.01, 0.9)
    np.testing.assert_allclose(first, -0.01 / np.sqrt(0.1))  # three times too long


def test_check_yourself_adam_goes_on_when_the_slope_is_gone():
    w, m, s = np.zeros(1), 0, 0
    steps = []
    for t in range(1, 3000):
        new, m, s = lesson_08.adam_step(w, np.full(1, 1.0 if t < 2000 else 0.0), m, s, t, 0.01)
        steps.append(float(abs(new - w)[0]))
        w = new
    assert 0.008 < steps[1999] < 0.0095 and steps[-1] < 1e-12


# --- The network that reads digits --------------------------------------------------------------------------


def test_the_gradient_of_the_network(lesson):
    rows, digits = np.arange(3), lesson_08.Digits(1)
    assert len(digits.start) == 1210
    _, found = digits.loss_and_gradient(digits.start, rows)
    picked = np.random.default_rng(0).choice(1210, 20, replace=False)
    for k in picked:
        nudge = 1e-5 * (np.arange(1210) == k)
        up, down = (digits.loss_and_gradient(digits.start + sign * nudge, rows)[0] for sign in (1, -1))
        np.testing.assert_allclose(found[k], (up - down) / 2e-5, rtol=1e-5, atol=1e-9)


def test_the_learners_adam_trains_it(lesson):
    assert lesson.losses[10] < 0.1 < 2 < lesson.losses[0]
    assert lesson.digits.share_right(lesson.trained) > 0.99


@pytest.mark.parametrize("seed", starts(10, always=1))
def test_more_steps_get_further_with_the_same_images(lesson, seed):
    digits, ends = lesson_08.Digits(seed), []
    for size, lr in ((512, 0.1), (128, 0.1), (32, 0.06)):
        rng, mover = np.random.default_rng(seed), optim.Adam(lr)
        for _ in range(10):
            for rows in data.minibatches(512, size, rng):
                digits.loss_and_gradient(digits.net.flat.data.copy(), rows)
                mover.step([digits.net.flat])
        ends.append(digits.loss_and_gradient(digits.net.flat.data.copy())[0])
        digits.net.flat.data[:] = digits.start
    assert ends[0] > 3 * ends[1] > 3 * ends[2]


# --- The tournament -----------------------------------------------------------------------------------------


def test_what_is_said_of_rmsprop(lesson):
    along = lesson_08.VALLEYS["long, along a weight:\n1 and 100,000"]
    early = {rule: np.median(lesson_08.distances_left(rule, *along, steps=60)) for rule in lesson_08.RULES}
    assert min(early, key=early.get) == "RMSProp"  # and later it hovers
    found = list(lesson.results.values())
    assert np.median(found[2]["RMSProp"]) > 10 * early["RMSProp"]
    assert [np.sum(race["RMSProp"] < 1e-12) for race in found[:3]] == [2, 0, 2]  # happens to hit the star
    assert len(lesson_08.RATES) == 30


def test_the_winners(lesson):
    assert lesson_08.winners(lesson.results) == ["plain", "momentum", "Adam", "momentum"]
    found = list(lesson.results.values())[-1]
    assert all(found["momentum"].max() < found[rule].min() for rule in ("plain", "RMSProp", "Adam"))
    assert [len(values) for values in found.values()] == [10] * 4


@pytest.mark.parametrize("seed", range(1, 4))
def test_the_winners_in_the_valleys_from_other_starts(seed):
    for (k, turned), first in zip(lesson_08.VALLEYS.values(), ("plain", "momentum", "Adam"), strict=True):
        medians = {
            rule: np.median(lesson_08.distances_left(rule, k, turned, seed)) for rule in lesson_08.RULES
        }
        assert min(medians, key=medians.get) == first
        others = sorted(value for rule, value in medians.items() if rule != first)
        assert medians[first] < others[0] / 30


def test_the_race_walks_as_the_package_does():
    """All rates and starts side by side, against one rule that takes one walk; and no best rate at an end."""
    starts_ = np.random.default_rng(0).uniform(-3, 3, (20, 2))
    for k, turned in lesson_08.VALLEYS.values():
        H = lesson_08.curvatures(k, turned)
        np.testing.assert_allclose(np.linalg.eigvalsh(H), [1, k], rtol=1e-9)
        for rule, make in lesson_08.RULES.items():
            found, ends = lesson_08.distances_left(rule, k, turned), []
            for rate in lesson_08.RATES:
                with np.errstate(all="ignore"):
                    mover, p = make(rate), nn.Parameter(starts_.copy(), "w")
                    left = np.zeros(20)
                    for done in range(240):
                        p.grad = p.data @ H
                        if not np.all(np.abs(p.data) < 1e100):
                            left = np.full(20, np.inf)
                            break
                        mover.step([p])
                        left = np.maximum(left, np.hypot(*p.data.T) * (done >= 230))
                ends.append(np.median(left / np.hypot(*starts_.T)))
            assert 0 < np.argmin(ends) < len(ends) - 1
            np.testing.assert_allclose(np.median(found), min(ends), rtol=1e-6, atol=1e-30)


@pytest.mark.slow
@pytest.mark.ten_starts
@pytest.mark.parametrize(
    ("rule", "others"),
    [
        ("plain", (4.0, 5.0, 8.0)),
        ("momentum", (2.0, 3.0, 6.0)),
        ("RMSProp", (0.03, 0.06, 0.15)),
        ("Adam", (0.06, 0.15, 0.2)),
    ],
)
def test_the_rates_for_the_network_are_the_best(rule, others):
    def median(rate):
        return np.median([lesson_08.digits_loss(rule, rate, seed) for seed in range(10)])

    best = median(lesson_08.DIGITS_RATES[rule])
    assert all(best < median(rate) for rate in others)


# --- deeper/08_how_fast_may_it_roll.ipynb -------------------------------------------------------------------


@pytest.fixture(scope="module")
def roll():
    return solved(NOTEBOOKS / "deeper" / "08_how_fast_may_it_roll.ipynb").variables


@pytest.mark.parametrize("mu", [0.0, 0.3, 0.5, 0.9])
def test_the_edge_of_momentum_and_of_nesterov(roll, mu):
    limit = 2 * (1 + mu) / 20
    assert roll.survives(optim.SGD(0.99 * limit, momentum=mu))
    assert not roll.survives(optim.SGD(1.01 * limit, momentum=mu))
    if mu:
        limit /= 1 + 2 * mu
        assert roll.survives(optim.SGD(0.99 * limit, momentum=mu, nesterov=True))
        assert not roll.survives(optim.SGD(1.01 * limit, momentum=mu, nesterov=True))


def test_polyaks_settings_shrink_both_directions_alike(roll):
    for kappa in (20, 100, 10_000):
        lr, mu = roll.polyak(kappa).values()
        for curvature in (1, kappa):
            sizes = np.abs(np.roots([1, -(1 + mu - lr * curvature), mu]))
            np.testing.assert_allclose(sizes, 1 - 2 / (1 + np.sqrt(kappa)), rtol=1e-4)
    assert np.log(1 - 2 / 11) / np.log(1 - 2 / 101) == pytest.approx(10, abs=0.1)  # "about ten times"
    assert roll.arrived["momentum"] < roll.arrived["plain"] / 3


def test_a_step_with_momentum_may_promise_to_go_uphill(roll):
    assert roll.uphill.sum() > 10
    plain = walked(optim.SGD(0.09), lesson_08.START, 100, lambda w: SLOPES * w)
    assert np.all(np.sum(SLOPES * plain[:-1] * np.diff(plain, axis=0), axis=1) < 0)


def test_nesterov_three_times(roll):
    theirs = walked(optim.SGD(0.03, momentum=0.9, nesterov=True), lesson_08.START, 100, lambda w: SLOPES * w)
    np.testing.assert_allclose(roll.ours, theirs, atol=1e-11)
    np.testing.assert_allclose(roll.ours, roll.looking_ahead(100, 0.03, 0.9), atol=1e-11)
    beyond = {name: np.abs(path[30:, 1]).max() for name, path in roll.braked.items()}
    assert beyond["Nesterov"] < beyond["momentum"] / 1000
    assert roll.braked["momentum"][:, 0].min() < roll.braked["Nesterov"][:, 0].min() < 0


def test_each_rule_is_blind_to_one_of_the_two(roll):
    assert roll.sees == {
        "plain": [False, True], "momentum": [False, True], "RMSProp": [True, False], "Adam": [True, False]
    }  # fmt: skip


def test_rmsprop_settles_with_a_longer_memory_only(roll):
    assert roll.settled[0.999] < 1e-6 < 1e-2 < roll.settled[0.9]
    for alpha in (0.9, 0.999):
        path = walked(optim.RMSprop(0.05, alpha=alpha), lesson_08.START, 1, lambda w: SLOPES * w)
        np.testing.assert_allclose(path[0] - path[1], 0.05 / np.sqrt(1 - alpha), rtol=1e-6)


# --- deeper/08_decay_noise_and_schedules.ipynb --------------------------------------------------------------


@pytest.fixture(scope="module")
def noisy():
    return solved(NOTEBOOKS / "deeper" / "08_decay_noise_and_schedules.ipynb").variables


def test_weight_decay_is_the_gradient_of_a_penalty(noisy):
    p = nn.Parameter(noisy.w.copy(), "w")
    p.grad = noisy.dw
    optim.SGD(0.5, weight_decay=noisy.decay).step([p])
    np.testing.assert_allclose(p.data, (1 - 0.5 * noisy.decay) * noisy.w - 0.5 * noisy.dw, rtol=1e-14)


def test_adamw_shrinks_both_weights_alike(noisy):
    np.testing.assert_allclose(noisy.shrunk["AdamW"], (1 - 0.001 * 0.1) ** 2000, rtol=0.005)
    small, large = noisy.shrunk["Adam"]
    assert small < 0.2 and large > 0.97
    w, m, s = lesson_08.START, 0, 0
    for t in range(1, 101):
        new, m, s = lesson_08.adam_step(w, SLOPES * w, m, s, t, 0.1)
        w = new - 0.1 * 0.01 * w
    path = walked(optim.AdamW(0.1, weight_decay=0.01), lesson_08.START, 100, lambda w: SLOPES * w)
    np.testing.assert_allclose(w, path[-1], rtol=1e-10)


def test_the_noise_of_a_batch(noisy):
    np.testing.assert_allclose(noisy.each.mean(axis=0), noisy.full, atol=1e-14)
    for size, found in noisy.noise.items():
        assert abs(found / (noisy.single / np.sqrt(size)) - 1) < 0.1
    assert noisy.single > 5 * np.linalg.norm(noisy.full)


def test_batches_for_the_same_images_and_for_the_same_updates(noisy):
    ends = {key: np.array(values) for key, values in noisy.ends.items()}
    assert np.all(ends[16, 10] < ends[32, 10]) and np.all(ends[32, 10] < ends[512, 10])
    assert np.all(ends[512, 160] < ends[32, 10]) and np.all(ends[512, 160] > ends[32, 10] / 3)


def test_where_a_constant_rate_hovers_and_a_falling_one_settles(noisy):
    for rate in (0.5, 0.02):
        level = np.mean(noisy.curves[f"rate {rate}"][-200:])
        assert abs(level / (rate / (2 - rate) / 2) - 1) < 0.05
    assert abs(2000 * noisy.curves["1 / t"][-1] - 1) < 0.15  # the mean of 1,000 noises
    assert noisy.curves["1 / t"][-1] < noisy.curves["cosine"][-1] < noisy.curves["rate 0.02"][-1]


def test_clipping(noisy):
    np.testing.assert_allclose([*noisy.p.grad, *noisy.q.grad], np.array([3, 4, 12]) / 13, rtol=1e-6)
    optim.clip_grad_norm([noisy.p, noisy.q], max_norm=2.0)
    np.testing.assert_allclose([*noisy.p.grad, *noisy.q.grad], np.array([3, 4, 12]) / 13, rtol=1e-6)
    np.testing.assert_allclose(noisy.clipped(np.array([0.3, 0.4]), 1.0), [0.3, 0.4])


# --- The exercises ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["08.1", "08.2", "08.3"])
def test_mistakes_differ_from_the_answer_and_from_each_other(key):
    def flat(answer):
        parts = answer if isinstance(answer, tuple) else (answer,)
        return np.concatenate([np.ravel(part) for part in parts])

    exercise = lesson_08.EXERCISES[key]
    for case in exercise.arguments():
        answers = {"right": exercise.right(*case), **exercise.wrong(*case)}
        for (one, found), (other, also) in combinations(answers.items(), 2):
            a, b = flat(found), flat(also)
            assert a.shape != b.shape or not np.allclose(a, b, rtol=1e-4), (one, other)


def test_the_broken_rmsprop_does_what_the_page_says(capsys, page):
    (source,) = [cell.source for cell in page.code if "np.mean(dw**2)" in cell.source]
    scope = {"np": np}
    exec(re.sub(r" *return \.\.\..*\n", "", source), scope)
    given = np.ones(2)
    w, _ = scope["rmsprop_step"](given, np.array([3.0, 300.0]), np.zeros(2), 0.01)
    assert w is given
    np.testing.assert_allclose((w - 1)[1] / (w - 1)[0], 100)
    check("08.2", scope["rmsprop_step"])
    assert "changed its argument w:" in said(capsys)

    def half_repaired(w, dw, s, lr, alpha=0.9, eps=1e-8):
        s = alpha * s + (1 - alpha) * np.mean(dw**2)
        return w - lr * dw / (np.sqrt(s) + eps), s

    check("08.2", half_repaired)
    assert "all weights still share one average" in said(capsys)


def test_other_right_answers_are_taken(capsys):
    def as_torch_writes_it(w, dw, m, s, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
        m = m + (1 - beta1) * (dw - m)
        s = beta2 * s + (1 - beta2) * dw * dw
        return w - lr / (1 - beta1**t) * m / (np.sqrt(s) / np.sqrt(1 - beta2**t) + eps), m, s

    assert yours("08.3", as_torch_writes_it, lesson_08.adam_step) is as_torch_writes_it
    check("08.1", lambda w, dw, v, lr, mu: [w - lr * (mu * v + dw), mu * v + dw])
    assert "08.1: right" in said(capsys)


def test_an_adam_that_forgets_the_correction_is_told_so(capsys):
    def uncorrected(w, dw, m, s, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
        m = beta1 * m + (1 - beta1) * dw
        s = beta2 * s + (1 - beta2) * dw**2
        return w - lr * m / (np.sqrt(s) + eps), m, s

    check("08.3", uncorrected)
    assert "neither average is corrected" in said(capsys)
