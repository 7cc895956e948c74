"""Lesson 03 and its pages: slopes and walks, the limit of the rate, units, where walks end, bowls."""

import re

import numpy as np
import pytest

from bphelpers import data
from bphelpers import functional as F
from bphelpers.lessons import lesson_03
from bphelpers.numeric import numerical_gradient
from bphelpers.teaching import check
from tests.starts import starts
from tools.course.lesson import NOTEBOOKS
from tools.course.solved import solved

# --- One weight ---------------------------------------------------------------------------------------------


def test_the_slope_is_that_of_the_loss(lesson):
    for w in (0.0, 1.0, 2.0, 3.0, 4.0, 6.0, -7.3):
        assert np.isclose(lesson.slope(w), numerical_gradient(lesson.loss, w), rtol=1e-8, atol=1e-8)
        assert np.isclose(lesson.slope(w), 5 * (w - 2))
        assert np.isclose(lesson.loss(w), 2.5 * (w - 2) ** 2)


def test_the_numbers_of_the_first_screen(lesson):
    path = lesson.walk(lesson.slope, 6.0, 0.1, 3)
    assert path == [6.0, 4.0, 3.0, 2.5]
    assert [lesson.loss(w) for w in path] == [40, 10, 2.5, 0.625]
    assert [lesson.slope(w) for w in path] == [20, 10, 5, 2.5]
    for words in ("w = 6 with loss 40", "w = 4 with loss 10", "w = 3 with loss 2.5", "20, 10 and 5"):
        assert words in lesson_03.FIRST_WALK
    assert (6 * lesson.x - lesson.y).tolist() == [4, 8]


def test_the_two_examples_are_those_of_the_tutorial_without_its_origin(lesson):
    table = data.worked_example("one_weight_table")
    assert (table["x"][0], table["t"][0]) == (0, 0)
    assert lesson.x.tolist() == [1, 2] and lesson.y.tolist() == [2, 4]


@pytest.mark.parametrize("lr", [0.01, 0.1, 0.2, 0.3, 0.4, 0.41, 0.5])
def test_each_step_multiplies_the_distance(lesson, lr):
    path = np.array(lesson.walk(lesson.slope, 6.0, lr, 5))
    np.testing.assert_allclose(path - 2, 4 * (1 - 5 * lr) ** np.arange(6), atol=1e-12)
    change = lesson.loss(path[1]) - lesson.loss(path[0])
    assert np.sign(round(change, 9)) == np.sign(round(lr - 2 / 5, 9))


def test_the_curvature_is_the_slope_of_the_slope(lesson):
    assert np.isclose(numerical_gradient(lesson.slope, 6.0), 5)
    assert np.isclose(2 * np.mean(lesson.x**2), 5)


def test_doubled_inputs_make_the_limit_a_quarter(lesson):
    assert 2 * np.mean((2 * lesson.x) ** 2) == 4 * 5


@pytest.mark.parametrize(
    ("lr", "says"), [(0.2, "to w = 2.00"), (0.36, "lower"), (0.4, "as high as before"), (0.42, "higher")]
)
def test_the_slider_says_what_its_picture_shows(lesson, lr, says):
    words = lesson_03.describe_walk(lr)
    assert says in words
    assert ("across the valley" in words) == (lr > 0.2)
    last = lesson.loss(lesson.walk(lesson.slope, 6.0, lr, 8)[-1])
    assert f"{last:,.2f}" in words


# --- Two weights --------------------------------------------------------------------------------------------


def test_the_two_receipts(lesson):
    misses = lesson.receipts @ lesson.guess - lesson.euros
    assert misses.tolist() == [3, -1] and lesson.price_loss(lesson.guess) == 5
    assert lesson.price_slopes(lesson.guess).tolist() == [6, 2]
    assert (2 * misses[:, None] * lesson.receipts).tolist() == [[12, 6], [0, -2]]  # the table on the page
    assert (lesson.receipts @ [1.0, 2.0]).tolist() == lesson.euros.tolist()
    assert lesson.receipts[0] @ [2.0, 0.0] == lesson.euros[0]  # the other end of the trough


def test_the_cake_gets_cheaper_and_then_dearer(lesson):
    coffee, cake = lesson.path.T
    assert coffee[1] == 1.5 and cake[1] < cake[0] < 2
    assert lesson.price_slopes(lesson.path[1])[1] < 0 and cake[2] > cake[1]
    np.testing.assert_allclose(lesson.path[-1], [1, 2], atol=1e-3)
    assert np.all(np.diff([lesson.price_loss(w) for w in lesson.path]) < 0)


def test_no_direction_is_steeper_than_against_the_gradient(lesson):
    degrees = np.arange(360)
    directions = np.column_stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    rises = np.array([
        numerical_gradient(lambda s, d=d: lesson.price_loss(lesson.guess + s * d), np.array(0.0))
        for d in directions
    ])  # fmt: skip
    down = -lesson.price_slopes(lesson.guess)
    np.testing.assert_allclose(rises, -directions @ down, atol=1e-8)
    angle = np.degrees(np.arctan2(down[1], down[0])) % 360
    assert abs(degrees[rises.argmin()] - angle) <= 0.5 and rises.min() >= -np.hypot(*down)
    assert abs(np.mean(rises < 0) - 0.5) < 0.01


def test_the_picture_misses_the_lowest_point(lesson):
    """The arrow is no multiple of the way to (1, 2)."""
    down, way = -lesson.price_slopes(lesson.guess), np.array([1.0, 2.0]) - lesson.guess
    assert abs(down[0] * way[1] - down[1] * way[0]) > 1


def test_the_gradient_in_its_three_spellings(lesson):
    rng = np.random.default_rng(0)
    X, y, w = rng.normal(size=(7, 3)), rng.normal(size=7), rng.normal(size=3)
    found = lesson.gradient_of(X, y, w)
    np.testing.assert_allclose(found, lesson_03.gradient(X, y, w), rtol=1e-12)
    np.testing.assert_allclose(found, numerical_gradient(lambda w: np.mean((X @ w - y) ** 2), w), rtol=1e-7)
    by_package = X.T @ F.mse_backward((X @ w)[:, None], y[:, None])  # (n, 1): one output
    np.testing.assert_allclose(found, by_package[:, 0], rtol=1e-12)


def test_the_broken_gradient_gives_what_the_page_says(lesson):
    total = np.zeros(2)
    for x, target in zip(lesson.receipts, lesson.euros, strict=True):
        total = 2 * (x @ lesson.guess - target) * x
    assert total.tolist() == [0, -2]


# --- The spring and its units -------------------------------------------------------------------------------


def test_the_closed_form_is_where_descent_ends(lesson):
    line = np.array([lesson.bias, lesson.weight])
    X = lesson_03.with_ones(lesson.kilograms)
    np.testing.assert_allclose(lesson.places[1000], line, rtol=1e-9)
    assert np.abs(lesson_03.gradient(X, lesson.centimetres, line)).max() < 1e-9
    np.testing.assert_allclose(line, np.linalg.lstsq(X, lesson.centimetres)[0], rtol=1e-10)
    assert f"{lesson.bias:.2f} cm" in lesson_03.LINE and f"{lesson.weight:.2f} cm" in lesson_03.LINE


def test_the_steps_are_those_of_descent(lesson):
    """Against a plain walk at the best rate; and the count follows from the condition number alone."""
    for column in (lesson.kilograms, lesson.kilograms - 0.3, lesson.z):
        X = lesson_03.with_ones(column)
        low, high = np.linalg.eigvalsh(2 * X.T @ X / 5)
        count = lesson_03.steps_needed(X, lesson.centimetres)
        path = np.array(lesson.walk(lambda w, X=X: lesson_03.gradient(X, lesson.centimetres, w), np.zeros(2),
                                    2 / (low + high), count))  # fmt: skip
        losses = np.mean((path @ X.T - lesson.centimetres) ** 2, axis=1)
        line = np.linalg.solve(X.T @ X, X.T @ lesson.centimetres)
        excess = losses - np.mean((X @ line - lesson.centimetres) ** 2)
        assert excess[-1] <= 1e-6 * excess[0] * (1 + 1e-6) and np.all(excess[:-1] > 1e-6 * excess[0])


@pytest.mark.parametrize(("unit", "count"), [(1000, 2_089_628), (1, 206)])
def test_grams_and_kilograms(lesson, unit, count):
    X = lesson_03.with_ones(unit * lesson.kilograms)
    low, high = np.linalg.eigvalsh(X.T @ X)
    rate = (high - low) / (high + low)
    assert rate ** (2 * count) <= 1e-6 < rate ** (2 * count - 2)
    assert lesson_03.steps_needed(X, lesson.centimetres) == count
    assert 9_000 < 2_089_628 / 206 < 11_000


def test_standardised_the_valley_is_round(lesson):
    X = lesson_03.with_ones(lesson.z)
    np.testing.assert_allclose(X.T @ X, 5 * np.eye(2), atol=1e-12)
    theirs, mean, std = data.standardize(lesson.grams[:, None])
    np.testing.assert_allclose(lesson.z, theirs[:, 0], rtol=1e-12)
    assert mean == 300 and np.isclose(std, 141.421, atol=1e-3)
    line = np.linalg.solve(X.T @ X, X.T @ lesson.centimetres)
    np.testing.assert_allclose(X @ line, lesson.bias + lesson.weight * lesson.kilograms)
    assert lesson_03.steps_needed(X, lesson.centimetres) == 1


def test_inputs_that_rise_and_fall_together_stay_a_long_valley():
    rng = np.random.default_rng(0)
    first = rng.normal(size=200)
    both = np.column_stack([first, first + rng.normal(0, 0.05, size=200)])
    Z, _, _ = data.standardize(both)
    assert np.linalg.cond(Z.T @ Z) > 100


# --- Where a walk ends --------------------------------------------------------------------------------------


def test_two_valleys():
    for w in np.linspace(-3, 3, 13):
        assert np.isclose(
            lesson_03.two_valleys_slope(w), numerical_gradient(lesson_03.two_valleys, w), atol=1e-6
        )
        assert np.isclose(lesson_03.two_valleys(w), (w**2 - 4) ** 2 + (w - 1) ** 2)
    ends = [lesson_03.descend(lesson_03.two_valleys_slope, start, 0.01, 40)[-1] for start in (-0.5, 0.5)]
    assert ends[0] < 0 < ends[1]
    for end in ends:
        height = lesson_03.two_valleys(end)
        assert f"loss of {height:.1f}" in lesson_03.GROUNDS
        assert min(lesson_03.two_valleys(end - 0.3), lesson_03.two_valleys(end + 0.3)) > height
    assert lesson_03.two_valleys(ends[1]) < lesson_03.two_valleys(ends[0])


def saddle(w):
    return (w[0] * w[1] - 1) ** 2


def test_the_saddle():
    for w in np.random.default_rng(0).normal(size=(10, 2)):
        np.testing.assert_allclose(lesson_03.saddle_gradient(w), numerical_gradient(saddle, w), atol=1e-7)
    assert not lesson_03.saddle_gradient(np.zeros(2)).any()
    h = 0.1
    assert saddle([h, h]) < saddle([0, 0]) < saddle([h, -h])
    stuck, away = (np.array(lesson_03.descend(lesson_03.saddle_gradient, np.array([1.0, second]), 0.05, 120))
                   for second in (-1.0, -0.99))  # fmt: skip
    assert np.abs(stuck[-1]).max() < 0.01 and np.isclose(saddle(stuck[-1]), 1, atol=0.001)
    assert saddle(away[-1]) < 0.001
    lengths = np.hypot(*np.diff(away, axis=0).T)
    assert lengths[20:60].min() < 0.1 * lengths[0]  # it slows down, and then turns away
    assert np.isclose(np.abs(away).sum(axis=1).argmin(), 40, atol=20)


@pytest.mark.parametrize("seed", starts(20))
def test_mini_batches_get_there_and_stagger(seed):
    X, y, straight = lesson_03.noisy_walk(200, seed)
    _, _, staggering = lesson_03.noisy_walk(10, seed)
    best = np.linalg.lstsq(X, y)[0]
    distances = np.hypot(*(staggering - best).T)
    assert distances[0] > 3 and distances[-10:].mean() < 0.6
    assert np.any(np.diff(distances) > 0.01) and np.all(np.diff(np.hypot(*(straight - best).T)) < 0)


def test_the_gradient_of_a_batch_is_right_on_average():
    X, y, _ = lesson_03.noisy_walk(200)
    w = np.array([-1.5, -1.5])
    parts = [lesson_03.gradient(X[k : k + 10], y[k : k + 10], w) for k in range(0, 200, 10)]
    np.testing.assert_allclose(np.mean(parts, axis=0), lesson_03.gradient(X, y, w), rtol=1e-12)


# --- Bowls and troughs --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bowls():
    return solved(NOTEBOOKS / "deeper" / "03_bowls_and_troughs.ipynb").variables


def test_the_normal_equations_and_the_hessian(bowls):
    assert np.abs(numerical_gradient(bowls.loss, bowls.w_star)).max() < 1e-9
    np.testing.assert_allclose(bowls.H, [[2.25, 1.5], [1.5, 5.25]])
    np.testing.assert_allclose(
        bowls.gradient(bowls.start), bowls.H @ (bowls.start - bowls.w_star), rtol=1e-12
    )
    by_sums = [sum((row @ bowls.start - t) * row[k] for row, t in zip(bowls.X, bowls.y, strict=True))
               for k in range(2)]  # fmt: skip
    np.testing.assert_allclose(by_sums, bowls.gradient(bowls.start), rtol=1e-12)


def test_eigenvalues_by_hand_and_at_a_right_angle(bowls):
    H = bowls.H
    by_hand = np.trace(H) / 2 + np.hypot((H[0, 0] - H[1, 1]) / 2, H[0, 1]) * np.array([-1, 1])
    np.testing.assert_allclose(by_hand, bowls.lam, rtol=1e-12)
    assert abs(bowls.V[:, 0] @ bowls.V[:, 1]) < 1e-14
    assert all(f"{one:.2f}" in lesson_03.BOWL for one in (*bowls.lam, *bowls.w_star))


def test_a_bowl_is_two_parabolas_and_its_rings_are_ellipses(bowls):
    v1, v2 = bowls.V.T
    low = bowls.loss(bowls.w_star)
    for s1, s2 in ((-2.0, 0.0), (0.0, 0.5), (3.0, -1.0)):
        risen = bowls.loss(bowls.w_star + s1 * v1 + s2 * v2) - low
        assert np.isclose(risen, (bowls.lam[0] * s1**2 + bowls.lam[1] * s2**2) / 2, rtol=1e-12)
    turn = np.linspace(0, 2 * np.pi, 121)
    along = np.sqrt(2 * 2.5 / bowls.lam)[:, None] * np.array([np.cos(turn), np.sin(turn)])
    ring = bowls.w_star[:, None] + bowls.V @ along
    np.testing.assert_allclose([bowls.loss(w) for w in ring.T], low + 2.5, rtol=1e-12)


@pytest.mark.parametrize("part", [0.80, 0.95, 1.00, 1.05])
def test_the_steep_share_shrinks_below_the_limit_only(bowls, part):
    lr = part * bowls.limit
    points = np.array(lesson_03.descend(bowls.gradient, bowls.start, lr, 20))
    side = np.abs((points - bowls.w_star) @ bowls.V[:, 1])
    steep = abs(1 - lr * bowls.lam[1])
    np.testing.assert_allclose(side, side[0] * steep ** np.arange(21), rtol=1e-9)
    assert np.sign(round(steep - 1, 12)) == np.sign(part - 1)


def test_the_best_rate_and_its_factor(bowls):
    candidates = np.linspace(0.0001, bowls.limit, 10_001)
    slower = np.abs(1 - candidates[:, None] * bowls.lam).max(axis=1)
    assert abs(candidates[slower.argmin()] - 2 / bowls.lam.sum()) < 1e-4
    assert abs(slower.min() - (bowls.kappa - 1) / (bowls.kappa + 1)) < 1e-3
    shares = np.arange(5, 100, 5) / 100 * bowls.limit
    assert np.isclose(
        shares[np.abs(1 - shares[:, None] * bowls.lam).max(axis=1).argmin()], 0.75 * bowls.limit
    )
    assert bowls.arrival[75] < bowls.arrival[95] < bowls.arrival[5] and bowls.arrival[105] == "never"


def test_each_walk_in_a_trough_ends_at_the_nearest_perfect_weights(bowls):
    floor = np.linspace(-6, 6, 120_001)[:, None] * np.array([1.0, -1.0])
    for w, trail in zip(bowls.starts, bowls.trails, strict=True):
        nearest = floor[np.argmin(np.hypot(*(floor - w).T))]
        np.testing.assert_allclose(trail[-1], nearest, atol=1e-4)
    judged = [numerical_gradient(lambda w, j=j: bowls.gradient_single(w)[j], bowls.at) for j in range(2)]
    np.testing.assert_allclose(bowls.H_single, judged, rtol=1e-8)
    assert not np.allclose(bowls.trails[0][-1], bowls.trails[1][-1], atol=0.01)
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.solve(np.outer(bowls.x_only, bowls.x_only), bowls.y_only * bowls.x_only)


def test_every_version_of_the_spring_is_the_same_line(bowls, lesson):
    for name, (columns, targets) in bowls.versions.items():
        line = columns @ np.linalg.solve(columns.T @ columns, columns.T @ targets)
        best = lesson.bias + lesson.weight * lesson.kilograms if name.startswith("spring") else targets
        np.testing.assert_allclose(line, best, atol=1e-6)
        low, high = np.linalg.eigvalsh(columns.T @ columns)
        rate, count = (high - low) / (high + low), lesson_03.steps_needed(columns, targets)
        assert rate ** (2 * count) <= 1e-6 and (count == 1 or rate ** (2 * count - 2) > 1e-6)


# --- Close to a minimum -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def close():
    return solved(NOTEBOOKS / "deeper" / "03_close_to_a_minimum.ipynb").variables


def test_the_promise_is_kept_to_three_percent_up_to_ten(close):
    kept = (close.losses[0] - close.losses[1:21]) / (close.rates[1:21] * (close.g @ close.g))
    assert np.all(abs(kept - 1) < 0.03) and np.all(kept > 1)
    assert close.losses[0] - 30 * (close.g @ close.g) < 0
    assert f"{close.losses[0]:.3f}" in lesson_03.PROMISE
    assert round(close.losses[0], 9) == data.worked_example("mazur")["published"]["E_total"]


def test_the_ground_at_the_start_is_indefinite(close):
    found = np.round(close.curvatures, 4)
    assert found.tolist() == [-0.0250, -0.0039, 0, 0, 0, 0.0004, 0.0039, 0.0365]
    assert close.g @ close.H @ close.g < 0
    finer = close.hessian(close.loss, close.start, h=2e-3)
    np.testing.assert_allclose(finer, close.H, atol=1e-6)


def test_above_the_limit_it_leaves_the_minimum(close):
    assert close.distances[0.9] < close.distances[0.99] < 0.001 < close.distances[1.01] < close.distances[1.1]
    a = F.sigmoid(close.bottom)
    assert np.isclose(close.curvature, (a * (1 - a)) ** 2, rtol=1e-5)


# --- The page and its exercises -----------------------------------------------------------------------------


def test_pictures_and_page_speak_of_the_same_walks(words):
    for start in ("(1, −1)", "(1, −0.99)"):
        assert start in words
    assert "(1, -1)" in lesson_03.GROUNDS


def test_the_numbers_of_the_units(lesson):
    """The picture of the spring and the reasons that section 5 gives."""
    X = lesson_03.with_ones(lesson.kilograms)
    smallest, largest = lesson_03.curvatures(X)
    np.testing.assert_allclose(largest / smallest, np.linalg.cond(X.T @ X), rtol=1e-9)
    assert 0.97 * 2 / largest < 0.9 < 2 / largest  # "a rate just below the limit"
    in_grams = np.divide(*lesson_03.curvatures(lesson_03.with_ones(lesson.grams))[::-1])
    assert round(in_grams) == 605_009 and round(in_grams / (largest / smallest), -3) == 10_000
    assert np.sqrt(in_grams) > 500  # how many times as long as wide: too narrow to draw


def test_a_walk_with_the_slope_of_section_1_is_told_so(lesson, capsys):
    def walk(slope_at, w, lr, steps):
        path = [w]
        for _ in range(steps):
            w = w - lr * lesson.slope(w)
            path.append(w)
        return path

    check("03.1", walk)
    assert "ask slope_at(w)" in " ".join(capsys.readouterr().out.split())


def test_a_walk_that_stores_the_step_is_told_so(capsys):
    def walk(slope_at, w, lr, steps):
        path = [w]
        for _ in range(steps):
            w = lr * slope_at(w)
            path.append(w)
        return path

    check("03.1", walk)
    assert "the step itself is stored, not the place" in " ".join(capsys.readouterr().out.split())


def test_a_walk_that_changes_its_start_in_place_is_told_so(capsys):
    def in_place(slope_at, w, lr, steps):
        path = [w]
        for _ in range(steps):
            w -= lr * slope_at(w)
            path.append(w)
        return path

    check("03.1", in_place)
    said = " ".join(capsys.readouterr().out.split())
    assert "changed its argument w: here it is an array" in said and "as in `a = a - b`" in said


@pytest.mark.parametrize(
    "answer",
    [
        lambda X, y, w: 2 * X.T @ (X @ w - y) / len(y),
        lambda X, y, w: np.mean(2 * (X @ w - y)[:, None] * X, axis=0),
        lambda X, y, w: [sum(2 * (x @ w - t) * x[k] for x, t in zip(X, y, strict=True)) / len(y)
                         for k in range(len(w))],
    ],
)  # fmt: skip
def test_other_right_gradients_are_right(answer, capsys):
    check("03.2", answer)
    assert "right: the same numbers" in capsys.readouterr().out


def test_the_slopes_of_exercise_03_1_are_what_their_names_say():
    for slope, w in (
        (lesson_03._twice_the_distance, 5.0),
        (lesson_03._steeper, -1.0),
        (lesson_03._two_slopes, np.array([4.0, -2.0])),
    ):
        said = eval(re.sub("^the slopes? ", "", slope.__name__), {"w": w})
        np.testing.assert_array_equal(slope(w), said)


def test_the_map_of_two_prices_is_the_loss():
    rng = np.random.default_rng(0)
    X, y, prices = rng.normal(size=(5, 2)), rng.normal(size=5), rng.normal(size=(20, 2))
    losses = [np.mean((X @ price - y) ** 2) for price in prices]
    np.testing.assert_allclose(lesson_03._quadratic(X, y)(*prices.T), losses, rtol=1e-12)
