"""Lesson 18: the first screen, the law at four sizes, the race from thirty starts, why a fixed B works."""

import itertools

import numpy as np
import pytest

from bphelpers import functional as F
from bphelpers import numeric
from bphelpers.lessons import lesson_18
from bphelpers.teaching import plots
from tools.course.lesson import NOTEBOOKS
from tools.course.solved import solved

SETS = range(1, 11), range(11, 21), range(21, 31)


def test_the_first_screen():
    g = np.array([3.0, 4.0])
    guesses = [(g @ v) * v for v in (np.array([1.0, 1.0]), np.array([1.0, -1.0]))]
    assert [guess.tolist() for guess in guesses] == [[7, 7], [-1, 1]]
    assert np.mean(guesses, axis=0).tolist() == [3, 4]
    assert [(guess - g).tolist() for guess in guesses] == [[4, 3], [-4, -3]]
    assert all(place in lesson_18.QUESTIONS for place in ("(7, 7)", "(-1, 1)", "(3, 4)"))
    # The first question at the end.
    g, v = np.array([3.0, 4.0, 12.0]), np.array([1.0, -1.0, 1.0])
    assert ((g @ v) * v).tolist() == [11, -11, 11] and ((g @ v) * v - g).tolist() == [8, -15, -1]


@pytest.mark.parametrize("weights", [2, 3, 5])
def test_over_all_flips_the_mean_guess_is_the_gradient_and_the_noise_has_its_length(weights):
    g = np.random.default_rng(weights).normal(size=weights)
    flips = np.array(list(itertools.product([-1.0, 1.0], repeat=weights)))
    guesses = (flips @ g)[:, None] * flips
    np.testing.assert_allclose(guesses.mean(axis=0), g, rtol=1e-12)
    noise = guesses - g
    np.testing.assert_allclose((noise**2).mean(axis=0), np.sum(g**2) - g**2, rtol=1e-12)
    np.testing.assert_allclose(np.sum(noise**2, axis=1).mean(), (weights - 1) * np.sum(g**2), rtol=1e-12)
    np.testing.assert_allclose((noise @ g).mean(), 0, atol=1e-12)  # at a right angle on average
    squared = (guesses @ g) ** 2 / (np.sum(guesses**2, axis=1) * np.sum(g**2))
    np.testing.assert_allclose(squared.mean(), 1 / weights, rtol=1e-12)


def test_noise_of_the_third_weight_in_whole_numbers():
    noise = [3 * a + 4 * b for a in (1, -1) for b in (1, -1)]
    assert sorted(noise) == [-7, -1, 1, 7]
    assert np.mean(np.square(noise)) == 25 == 3**2 + 4**2


def xor_loss(w):
    A = F.sigmoid(np.array(list(np.ndindex(2, 2))) @ w[:4].reshape(2, 2).T + w[4:6])
    return F.binary_cross_entropy((A @ w[6:8] + w[8])[:, None], np.array([[0.0], [1.0], [1.0], [0.0]]))


@pytest.mark.parametrize(("weights", "hidden"), [(9, None), (85, 1), (1210, 16), (7510, 100)])
@pytest.mark.parametrize(("questions", "draws"), [(1, 60), (20, 20)])
def test_the_law_within_its_own_standard_error(lesson, weights, hidden, questions, draws):
    """Real networks at the four sizes: the noise for any number of questions, the cosine for one."""
    cosines, noises = [], []
    for seed in range(draws if weights < 7510 else draws // 2):
        rng = np.random.default_rng(100 + seed)
        if hidden is None:
            w, loss = rng.normal(size=9), xor_loss
            g = numeric.numerical_gradient(loss, w)
        else:
            w, loss = lesson_18.start(rng, hidden), lesson.loss_of
            g = lesson.gradient(w)
        assert len(w) == weights
        coins = rng.choice([-1.0, 1.0], size=(questions, weights))
        found = lesson_18.guess_gradient(loss, w, coins, 1e-3)
        cosines.append(lesson.cosine_of(found, g) ** 2)
        noises.append(np.sum((found - g) ** 2) / np.sum(g**2) * questions / (weights - 1))
    for measured, law in ((noises, 1.0), (cosines, questions / (questions + weights - 1))):
        if measured is noises or questions == 1 or weights > 9:  # with few weights the cosine is a bit larger
            error = np.std(measured, ddof=1) / np.sqrt(len(measured))
            assert abs(np.mean(measured) - law) < 3.5 * error


def test_questions_for_a_cosine():
    assert round(0.81 / 0.19, 1) == 4.3
    for weights in (1210, 7510):
        assert lesson_18.expected_cosine(round(4.263 * (weights - 1)), weights) == pytest.approx(
            0.9, abs=1e-3
        )
    assert 2 * 4.263 * 1209 > 10_000
    assert round(np.degrees(np.arccos(lesson_18.expected_cosine(1, 1210)))) == 88
    # Twice as many weights take about twice as many questions.
    assert lesson_18.expected_cosine(200, 2420) == pytest.approx(
        lesson_18.expected_cosine(100, 1210), rel=1e-3
    )


def test_gradients_of_the_page_are_right(lesson):
    w = lesson_18.start(np.random.default_rng(3), hidden=2)
    numerical = numeric.numerical_gradient(lesson.loss_of, w)
    np.testing.assert_allclose(lesson.gradient(w), numerical, rtol=1e-5, atol=1e-8)
    assert len(lesson_18.start(np.random.default_rng(0))) == 1210
    assert len(lesson_18.start(np.random.default_rng(0), 64)) == 4810
    assert [part.shape for part in lesson_18.parts(w)] == [(2, 64), (2,), (10, 2), (10,)]


# --- The race -------------------------------------------------------------------------------------------


def after_budget(lesson, method, seed):
    """The network after 900 forward passes; each start has its own B."""
    rng = np.random.default_rng(seed)
    w = lesson_18.start(rng)
    if method == "genetic algorithm":
        population = np.stack([w] + [lesson_18.start(rng) for _ in range(49)])
        for _ in range(18):
            population = lesson.next_generation(population, lesson.loss_of, 0.1, rng)
        return min(population, key=lesson.loss_of)
    if method == "hill climbing":
        return lesson.climber(lesson.loss_of, w, 0.03 * rng.normal(size=(900, len(w))))
    B = rng.normal(size=(10, 16)) / 4 if method == "fixed B on the way back" else None
    passes, step = {
        "backpropagation": (3, lesson.going_back),
        "fixed B on the way back": (3, lambda w, rng: w - 1.0 * lesson.through(w, B)),
        "hidden layer frozen": (3, lesson.frozen),
        "another B at every step": (3, lesson.another_B),
        "asking, one question a step": (2, lesson.asking),
    }[method]
    for _ in range(900 // passes):
        w = step(w, rng)
    return w


def share_right(lesson, w):
    return np.mean(np.argmax(lesson.forward(w)[1], axis=1) == lesson.y)


@pytest.mark.ten_starts
@pytest.mark.parametrize("method", lesson_18.THIRTY_STARTS)
def test_the_table_from_three_disjoint_sets_of_starts(lesson, method):
    low, high, right = lesson_18.THIRTY_STARTS[method]
    found, losses = [], []
    for starts in SETS:
        nets = [after_budget(lesson, method, seed) for seed in starts]
        found.append(sum(share_right(lesson, w) >= 0.95 for w in nets))
        losses += [lesson.loss_of(w) for w in nets]
    assert min(losses) == pytest.approx(low, rel=0.06) and max(losses) == pytest.approx(high, rel=0.06)
    np.testing.assert_allclose(
        found, right, atol=1
    )  # one image more or less, where sums are rounded otherwise


@pytest.mark.parametrize("start", [4, 11])
def test_the_order_of_the_table_from_two_starts(lesson, start):
    loss = {method: lesson.loss_of(after_budget(lesson, method, start)) for method in lesson_18.THIRTY_STARTS}
    assert loss["backpropagation"] < loss["fixed B on the way back"] < 0.03 < 10 * loss["hidden layer frozen"]
    only_ask = ("asking, one question a step", "hill climbing", "genetic algorithm")
    assert all(loss[method] > loss["hidden layer frozen"] for method in only_ask)
    for method, (low, high, _) in lesson_18.THIRTY_STARTS.items():
        assert 0.93 * low < loss[method] < 1.07 * high


def test_the_table_says_what_the_page_says_of_it():
    rows = lesson_18.THIRTY_STARTS
    frozen = rows["hidden layer frozen"]
    for method in ("asking, one question a step", "hill climbing", "genetic algorithm"):
        assert all(asked < kept for asked, kept in zip(rows[method][2], frozen[2], strict=True))
    assert all(name in lesson_18.thirty_starts() for name in rows)


@pytest.mark.ten_starts
def test_another_B_is_worse_than_frozen_in_22_of_thirty_starts(lesson):
    pairs = [
        [
            lesson.loss_of(after_budget(lesson, m, s))
            for m in ("another B at every step", "hidden layer frozen")
        ]
        for s in range(1, 31)
    ]
    assert abs(sum(another > frozen for another, frozen in pairs) - 22) <= 1


@pytest.mark.ten_starts
def test_asking_4810_weights_takes_19_to_29_times_as_many_passes_from_ten_starts(lesson):
    factors = []
    for seed in range(1, 11):
        spent = {}
        for name, passes, step in (
            ("back", 3, lesson.going_back),
            ("ask", 2, lambda w, rng: lesson.asking(w, rng, lr=0.02)),
        ):
            rng = np.random.default_rng(seed)
            w, spent[name] = lesson_18.start(rng, 64), 0
            while lesson.loss_of(w) > 0.5:
                w = step(w, rng)
                spent[name] += passes
        factors.append(spent["ask"] / spent["back"])
    assert 18.5 < min(factors) < 20.5 and 27 < max(factors) < 30
    assert 22.5 < lesson.asked_for / lesson.back < 27.5


def test_the_third_prediction(lesson):
    assert lesson.curves["fixed B"][1][-1] < 0.05


@pytest.mark.parametrize("weights", [10, 100])
def test_a_round_bowl_does_take_about_so_many_questions_as_it_has_weights(weights):
    """One question at its best rate, 1/P, leaves 1 - 1/P of the loss, and one gradient leaves nothing."""
    left = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        w, v = rng.normal(size=weights), rng.choice([-1.0, 1.0], size=weights)
        stepped = w - (w @ v) * v / weights
        left.append(np.sum(stepped**2) / np.sum(w**2))
    error = np.std(left, ddof=1) / np.sqrt(len(left))
    assert abs(np.mean(left) - (1 - 1 / weights)) < 3 * error


def test_a_networks_loss_is_strongly_curved_in_few_directions(lesson):
    """Trace of the Hessian over its largest eigenvalue: so many directions, if all were curved alike."""
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        w = lesson_18.start(rng)
        while lesson.loss_of(w) > 1:
            w = lesson.going_back(w, rng)

        def curved(v, w=w):
            return (lesson.gradient(w + 1e-4 * v) - lesson.gradient(w - 1e-4 * v)) / 2e-4

        v = rng.normal(size=len(w))
        for _ in range(40):
            v = curved(v / np.linalg.norm(v))
        coins = rng.choice([-1.0, 1.0], size=(30, len(w)))
        assert np.mean([c @ curved(c) for c in coins]) / np.linalg.norm(v) < 20


# --- A wrong way back -----------------------------------------------------------------------------------


def test_w2_turns_towards_b_and_the_gradient_with_it(lesson):
    hidden = slice(0, 65 * 16)
    for seed in (1, 2, 3):
        rng = np.random.default_rng(seed)
        w, B = lesson_18.start(rng), rng.normal(size=(10, 16)) / 4
        before = lesson.cosine_of(lesson_18.parts(w)[2], B)
        for _ in range(300):
            w = w - 1.0 * lesson.through(w, B)
        assert abs(before) < 0.3 and lesson.cosine_of(lesson_18.parts(w)[2], B) > 0.6
        assert lesson.cosine_of(lesson.through(w, B)[hidden], lesson.gradient(w)[hidden]) > 0.4


def test_the_second_step_moves_w2_along_b(lesson):
    """What the page says row by row: the step holds MᵀM B with M = Xᵀ dlogits, which never turns B round."""
    rng = np.random.default_rng(0)
    X, dlogits, B = rng.normal(size=(50, 6)), rng.normal(size=(50, 3)), rng.normal(size=(3, 4))
    shift = (
        -0.05 * X @ lesson_18.way_back(X, np.zeros((50, 4)), dlogits, B)[0].T
    )  # of A, where tanh is straight
    second = -0.05 * dlogits.T @ shift
    M = X.T @ dlogits
    np.testing.assert_allclose(second, 0.05**2 * M.T @ M @ B, rtol=1e-12)
    assert np.sum(second * B) > 0


# --- No slope ---------------------------------------------------------------------------------------------


def test_the_stairs_are_flat(lesson):
    counts = [lesson.wrong_answers(w) for w in lesson.along]
    steps = [counts[0]] + [b for a, b in itertools.pairwise(counts) if a != b]
    assert steps == [1, 0, 1, 2]
    assert "1, then 0, then 1, then 2" in lesson_18.STAIRS


def test_climbing_and_evolving_from_thirty_starts(lesson):
    """Three sets of ten, and the climber as it was before its repair."""
    climbed = [sum(lesson.climbed[k - 1] == 0 for k in starts) for starts in SETS]
    evolved = [sum(lesson.evolved[k - 1] == 0 for k in starts) for starts in SETS]
    assert min(climbed) >= 5 and sum(climbed) == 19
    assert min(evolved) >= 8 and sum(evolved) == 27
    broken = 0
    for seed in range(1, 31):
        rng = np.random.default_rng(seed)
        w, nudges = rng.normal(size=17), 0.5 * rng.normal(size=(500, 17))
        tries = [w + nudge for nudge in nudges if lesson.wrong_answers(w + nudge) < lesson.wrong_answers(w)]
        broken += bool(tries) and lesson.wrong_answers(tries[-1]) == 0
    assert broken <= 3


# --- Pictures and exercises ---------------------------------------------------------------------------------


def test_every_picture_of_the_widget_says_its_angle(lesson):
    for values in lesson.asked.frames(most=12):
        fig = plots.new_figure(7.4, 3.4)
        lesson_18.draw_questions(fig, **values)
        cosine = lesson_18.expected_cosine(values["questions"], values["weights"])
        assert f"{np.degrees(np.arccos(cosine)):.0f}°" in [text.get_text() for text in fig.axes[0].texts]
        assert f"cosine is {cosine:.2f}" in lesson.asked.text
    assert "85 degrees" in str(lesson.asked) and "cosine is 0.09" in str(lesson.asked)


# --- The deeper pages ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def local():
    return solved(NOTEBOOKS / "deeper" / "18_local_rules.ipynb").variables


@pytest.fixture(scope="module")
def more():
    return solved(NOTEBOOKS / "deeper" / "18_more_than_one_gradient.ipynb").variables


def test_one_weight_by_hebb_and_by_oja():
    hebb, x, lr = 1.0, 2.0, 1 / 8
    for grown in (1.5, 2.25):
        hebb += lr * (hebb * x) * x
        assert hebb == grown
    assert lr * (1 * x) * (x - (1 * x) * 1) == 0
    w = 0.5
    assert w * x == 1 and lr * 1 * (x - 1 * w) == 1 / 8 * (2 - 1 / 2)
    for _ in range(20):
        w += lr * (w * x) * (x - (w * x) * w)
    assert w == pytest.approx(1)


def test_hebb_explodes_and_oja_finds_the_long_axis_from_ten_starts(local):
    for seed in range(1, 11):
        _, lengths, to_axis = local.hebb_and_oja(seed)
        assert lengths[-1, 0] > 1e6 and 0.97 < lengths[-1, 1] < 1.03 and abs(to_axis) > 0.99


def test_ojas_mean_step_is_a_gradient_step_on_the_unit_circle(local):
    for angle in np.linspace(0.1, 3, 12):
        w = np.array([np.cos(angle), np.sin(angle)])
        outputs = local.cloud @ w
        step = outputs @ (local.cloud - np.outer(outputs, w)) / 500
        np.testing.assert_allclose(step, -numeric.numerical_gradient(local.missing, w), rtol=1e-4, atol=1e-6)


@pytest.mark.ten_starts
def test_guesses_rewards_and_goodness_from_ten_starts(local):
    losses = [local.with_guesses(seed) for seed in range(1, 11)]
    assert min(losses) > 0.015 and max(losses) < 0.045
    assert min(local.from_rewards(seed) for seed in range(1, 11)) > 0.95
    good = [local.forward_forward(seed) for seed in range(1, 11)]
    assert min(good) > 0.905 and max(good) < 0.935


@pytest.mark.ten_starts
@pytest.mark.parametrize("way", lesson_18.DEEP)
def test_the_table_of_depths_from_ten_starts(local, way):
    for layers, (low, high) in zip((1, 2, 4, 8), lesson_18.DEEP[way], strict=True):
        right = [local.deep(way, layers, seed) for seed in range(1, 11)]
        assert min(right) == pytest.approx(low, abs=0.011) and max(right) == pytest.approx(high, abs=0.011)


def test_the_order_of_the_ways_back_at_four_hidden_layers(local):
    assert local.shares["backprop"] > local.shares["direct"] > local.shares["fixed"] > local.shares["frozen"]


def test_rewards_follow_the_gradient_of_the_expected_reward(local):
    """Over all answers, REINFORCE has the mean it should have, whatever the baseline."""
    rng = np.random.default_rng(0)
    logits, right = rng.normal(size=(1, 4)), 2
    p = F.softmax(logits)[0]
    for baseline in (0.0, 0.3):
        mean = sum(p[a] * -((a == right) - baseline) * (np.eye(4)[a] - p) for a in range(4))
        slope = numeric.numerical_gradient(lambda z: -float(F.softmax(z)[0, right]), logits)
        np.testing.assert_allclose(mean, slope[0], rtol=1e-5, atol=1e-8)


def test_evolved_wires(local):
    """Ten starts at each price, and among them the network with one hidden unit and two skipping wires."""
    famous, solved_at = 0, {}
    for price in (0, 0.003, 0.01):
        runs = [local.evolve(seed, price) for seed in range(1, 11)]
        good = [wires for w, wires in runs if local.xor_loss(w) < 0.1]
        solved_at[price] = len(good)
        for wires in good:
            units = [j for j in range(3) if wires[2 * j : 2 * j + 2].any() and wires[9 + j]]
            famous += len(units) == 1 and wires[12:14].all()
        if price == 0.003:
            assert max(wires.sum() for wires in good) <= 9
    assert solved_at[0] == 10 and solved_at[0.003] >= 9 > solved_at[0.01] and famous >= 1


def test_newton_on_a_bowl_and_mazurs_negative_curvatures(more):
    assert 3 - 6 / 2 == 0
    np.testing.assert_allclose(more.curvatures[[0, 1, 7]], [-0.0250, -0.0039, 0.0365], atol=1e-4)
    assert (more.curvatures < -1e-3).sum() == 2


def test_a_row_of_j_is_the_gradient_of_a_miss(more):
    w = np.random.default_rng(3).normal(size=9)
    for i in range(4):
        slope = numeric.numerical_gradient(lambda v, i=i: float(more.misses(v)[0][i]), w)
        np.testing.assert_allclose(more.misses(w)[1][i], slope, rtol=1e-5, atol=1e-8)


def test_curvature_speeds_up_and_does_not_rescue_from_forty_starts(more):
    for hidden, least, most in ((2, 20, 30), (4, 38, 40)):
        starts = [np.random.default_rng(seed).normal(size=4 * hidden + 1) for seed in range(1, 41)]
        steps = {f: [s for w in starts if (s := f(w)) is not None] for f in (more.descent, more.marquardt)}
        assert all(least <= len(found) <= most for found in steps.values())
        assert 4 * np.median(steps[more.marquardt]) < np.median(steps[more.descent])


def test_lbfgs_from_ten_starts(more):
    starts = [lesson_18.start(np.random.default_rng(seed)) for seed in range(1, 11)]
    quick, slow = ([method(w) for w in starts] for method in (more.lbfgs, more.plain))
    assert min(quick) >= 10 and max(quick) <= 16 and min(slow) >= 50 and max(slow) <= 69


@pytest.mark.ten_starts
def test_ensembles_of_three_disjoint_sets(more):
    for starts in SETS:
        answers = np.array(
            [more.probabilities(more.trained(np.arange(1000), seed), more.new_X) for seed in starts]
        )
        alone = np.mean(answers.argmax(axis=2) == more.new_y, axis=1)
        together = np.mean(answers.mean(axis=0).argmax(axis=1) == more.new_y)
        assert 0.935 < together < 0.944 and min(alone) > 0.924 and max(alone) < 0.946
        assert together > alone.mean()


@pytest.mark.ten_starts
def test_leaving_one_out_tells_the_error_of_new_runs_over_ten_sets(more):
    found = np.array([[more.three_errors(fit, np.random.default_rng(seed)) for fit in more.models.values()]
                      for seed in range(1, 11)])  # fmt: skip
    training, left_out, new = np.median(found, axis=0).T
    np.testing.assert_allclose(left_out, new, atol=0.1)
    assert new[0] > 1 and new[1] == pytest.approx(0.7, abs=0.05) and new[2] > 1
    assert new[3] == pytest.approx(0.9, abs=0.05) and training[2] < 0.06


# --- A rate of one's own, and other controls ---------------------------------------------------------------


def _after_900_passes(lesson, step, passes):
    found = []
    for seed in range(1, 11):
        rng = np.random.default_rng(seed)
        w = lesson_18.start(rng)
        for _ in range(900 // passes):
            w = step(w, rng)
        found.append((lesson.loss_of(w), np.mean(lesson.forward(w)[1].argmax(axis=1) == lesson.y)))
    losses, shares = np.array(found).T
    return losses, int(np.sum(shares >= 0.95))


@pytest.mark.ten_starts
@pytest.mark.timeout(1800)
def test_with_rates_of_their_own_the_order_stays(lesson):
    def frozen(w, rng):
        step = lesson.gradient(w)
        step[: 65 * 16] = 0
        return w - 8.0 * step

    back, _ = _after_900_passes(lesson, lambda w, rng: w - 2 * lesson.gradient(w), 3)
    fixed, _ = _after_900_passes(lesson, lambda w, rng: w - 2 * lesson.through(w, lesson.fixed), 3)
    kept, all_ten = _after_900_passes(lesson, frozen, 3)
    asked, six = _after_900_passes(lesson, lambda w, rng: lesson.asking(w, rng, lr=0.05), 2)
    assert back.max() < fixed.min() < fixed.max() < kept.min() < kept.max() < asked.min()
    assert all_ten == 10 and 5 <= six <= 7


@pytest.mark.ten_starts
@pytest.mark.timeout(1800)
def test_asking_falls_behind_as_networks_grow(lesson):
    def factor(seed):
        spent = []
        for step, passes in ((lambda w, rng: lesson.asking(w, rng, lr=0.05), 2), (lesson.going_back, 3)):
            rng = np.random.default_rng(seed)
            w, count = lesson_18.start(rng, 4), 0
            while lesson.loss_of(w) > 0.5:
                w = step(w, rng)
                count += passes
            spent.append(count)
        return spent[0] / spent[1]

    factors = [factor(seed) for seed in range(1, 11)]
    assert min(factors) > 7 and max(factors) < 13.5


def test_rows_drawn_at_random_solve_fewer(lesson):
    best = [min(map(lesson.wrong_answers, np.random.default_rng(seed).normal(size=(500, 17))))
            for seed in range(1, 31)]  # fmt: skip
    assert best.count(0) == 12 < lesson.climbed.count(0) < lesson.evolved.count(0)
