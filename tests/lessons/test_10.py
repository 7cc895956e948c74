"""Lesson 10 and its deeper pages: the plane bent, hundreds of starts, flat ground, the network of 1986."""

from itertools import pairwise

import numpy as np
import pytest

from bphelpers import data, nn, numeric, optim
from bphelpers import functional as F
from bphelpers.lessons import lesson_10
from bphelpers.teaching import check, gradcheck
from tools.course.lesson import NOTEBOOKS
from tools.course.solved import solved

X, y = data.xor()


def test_the_first_screen():
    places = [(float(x > 0.5), float(x > 1.5)) for x in (0, 1, 2)]
    assert places == [(0, 0), (1, 0), (1, 1)]
    assert [h1 - h2 > 0.5 for h1, h2 in places] == [False, True, False]


def test_the_network_of_the_picture_is_the_one_on_the_page(lesson):
    W1, b1, w2, b2 = lesson_10.MOONS
    hidden = F.sigmoid(lesson.points @ W1.T + b1)
    assert np.all((hidden @ w2 + b2 > 0) == (lesson.moon[:, 0] == 1))
    np.testing.assert_array_equal(lesson.points, lesson_10.PROBLEMS["two moons"][0])
    assert lesson_10.straight_line_misses() == 13 and "leaves 13 points" in lesson_10.BEFORE_AND_AFTER


def test_no_straight_line_separates_the_moons(lesson):
    """A line through two points each: whatever line separates can be moved until it touches two of them."""
    points, side = lesson.points, np.where(lesson.moon[:, 0] == 1, 1, -1)
    fewest = len(points)
    for a in range(len(points)):
        for b in range(a):
            normal = np.array([[0, -1], [1, 0]]) @ (points[b] - points[a])
            over = np.sign((points - points[a]) @ normal)
            over[[a, b]] = 0  # they may lie on either side
            fewest = min(fewest, np.sum(over * side < 0), np.sum(-over * side < 0))
    assert fewest > 5


@pytest.mark.parametrize("problem", lesson_10.PROBLEMS)
def test_up_to_half_way_the_grid_is_straight_and_then_the_border_is(problem):
    way = lesson_10._Way(problem)
    for percent in (0, 25, 50):
        for line in way.grid():
            assert np.abs(np.diff(way.at(line, percent), n=2, axis=0)).max() < 1e-12
    assert max(np.abs(np.diff(way.at(line, 100), n=2, axis=0)).max() for line in way.grid()) > 1e-3
    np.testing.assert_allclose(way.at(way.X, 100), F.sigmoid(way.X @ way.W1.T + way.b1), rtol=1e-12)
    assert all(np.abs(way.at(line, 100) @ way.w2 + way.b2).max() < 0.2 for line in way.border())
    assert way.right() == {"two moons": 100, "XOR": 4, "a disc in a ring": 82}[problem]


@pytest.mark.ten_starts
def test_few_starts_with_two_units_find_the_moons(lesson):
    """What the box says: the weights of the first screen are a lucky find. With three units it is no luck."""
    assert _moons_learned(2, lesson) <= 6 and _moons_learned(3, lesson) > _moons_learned(2, lesson)


def _moons_learned(units, lesson):
    weights = _adam(
        lesson.points, lesson.moon, lesson_10.first_weights(np.random.default_rng(0), 40, units, 2.0)
    )
    p = lesson_10.forward(lesson.points, *weights)[1]
    return int(np.all((p > 0.5) == (lesson.moon == 1), axis=(1, 2)).sum())


def _adam(X, y, weights, updates=2000, lr=0.03):
    m, s = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
    for t in range(1, updates + 1):
        A, p = lesson_10.forward(X, *weights)
        steps = lesson_10.backward((p - y) / len(X), X, A, weights[2])
        m = [0.9 * old + 0.1 * dw for old, dw in zip(m, steps, strict=True)]
        s = [0.999 * old + 0.001 * dw**2 for old, dw in zip(s, steps, strict=True)]
        fair = np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        weights = [w - lr * fair * a / (np.sqrt(b) + 1e-8) for w, a, b in zip(weights, m, s, strict=True)]
    return weights


# --- Two hundred networks at once ---------------------------------------------------------------------------


@pytest.mark.parametrize("which", range(4))
def test_all_four_gradients_agree_with_finite_differences(lesson, which):
    weights = [
        np.random.default_rng(1).normal(size=(3, *shape)) for shape in ((2, 2), (1, 2), (1, 2), (1, 1))
    ]

    def total(moved):
        return lesson.loss([*weights[:which], moved, *weights[which + 1 :]]).sum()

    A, p = lesson.forward(X, *weights)
    found = lesson.gradients((p - y) / 4, X, A, weights[2])[which]
    np.testing.assert_allclose(found, numeric.numerical_gradient(total, weights[which]), rtol=1e-6, atol=1e-9)


def test_network_7_is_trained_as_the_package_trains_it(lesson):
    weights = lesson.draw(np.random.default_rng(0), 200, 2, 1.0)
    net = nn.Sequential(
        nn.Linear(2, 2, rng=np.random.default_rng(0)),
        nn.Sigmoid(),
        nn.Linear(2, 1, rng=np.random.default_rng(0)),
    )
    names = ("W1", "b1", "W2", "b2")
    net.load_state_dict(
        {n: w[7].reshape(-1) if n[0] == "b" else w[7] for n, w in zip(names, weights, strict=True)}
    )
    loss = nn.BCEWithLogitsLoss()
    assert gradcheck.check_network(net, loss, X, y).ok
    for _ in range(200):
        loss(net(X), y)
        net.backward(loss.backward())
        optim.SGD(1.0).step(net.parameters())
    for ours, package in zip(lesson.train(weights, 200), net.parameters(), strict=True):
        np.testing.assert_allclose(ours[7].ravel(), package.data.ravel(), rtol=1e-9)


def test_equal_neurons_stay_equal_to_the_last_bit(lesson):
    W1, b1, W2, _ = lesson.train(lesson_10.copied_weights(np.random.default_rng(0), 200, 3, 1.0), 1000)
    for w in (W1.mT, b1, W2):
        assert np.array_equal(w[..., 0], w[..., 1]) and np.array_equal(w[..., 0], w[..., 2])


@pytest.mark.parametrize("difference", [1e-12, 1e-9, 1e-6])
def test_a_hair_of_a_difference_is_too_little(lesson, difference):
    W1 = np.array([[[0.5 + difference, -0.3], [0.5, -0.3]]])
    weights = [W1, np.full((1, 1, 2), 0.5), np.full((1, 1, 2), 0.5), np.zeros((1, 1, 1))]
    assert not lesson.learned(lesson.train(weights, 4000)).any()


@pytest.fixture(scope="module")
def ends(lesson):
    """Of 400 starts with a deviation of 1: the weights after 4,000 updates."""
    return after(lesson, 1.0)


def after(lesson, deviation):
    return lesson.train(lesson.draw(np.random.default_rng(7), 400, 2, deviation), 4000)


def test_more_than_a_quarter_of_the_starts_fail_at_deviation_1(lesson, ends):
    """Also what lesson 18 says."""
    assert 0.6 < lesson.learned(ends).mean() < 0.75
    assert lesson.good.sum() == 138 and len(lesson.good) == 200


def test_the_failures_end_at_two_losses_which_can_be_worked_out(lesson, ends):
    levels = np.log(2) / 2, -(np.log(1 / 3) + 2 * np.log(2 / 3)) / 4
    for failed, final in (
        (~lesson.good, lesson.final),
        (~lesson.learned(ends), lesson.loss(ends)),
    ):
        distances = np.abs(final[failed][:, None] - levels)
        assert (distances.min(axis=1) < 0.015).all()
    assert [len(of) for of in lesson_10.ends(lesson.final).values()] == [138, 57, 5]
    assert np.array_equal(lesson_10.ends(lesson.final)["learned"], np.flatnonzero(lesson.good))


def test_the_losses_of_the_others_go_on_falling_and_nearly_all_stay_where_they_are(lesson, ends):
    failed = [w[~lesson.learned(ends)] for w in ends]
    before, later = lesson.loss(failed), lesson.loss(lesson.train(failed, 4000))
    assert (later < before).all() and np.mean(before - later > 0.01) < 0.06
    fall = lesson.loss(lesson.stuck) - lesson.loss(lesson.later)
    assert fall.min() > 0 and fall[~lesson.learned(lesson.later)].max() < 0.01


def test_those_that_learned_put_opposite_corners_in_one_place_and_the_others_neighbours(lesson, ends):
    hidden, p = lesson.forward(X, *ends)
    learned = lesson.learned(ends)
    diagonals = np.linalg.norm(hidden[:, [0, 1]] - hidden[:, [3, 2]], axis=2)[learned]
    assert (diagonals.min(axis=1) < 0.05).all() and (diagonals.max(axis=1) > 1.2).all()
    stuck = ~learned & (lesson.loss(ends) < 0.4)
    sides = np.linalg.norm(hidden[:, [0, 0, 1, 2]] - hidden[:, [1, 2, 3, 3]], axis=2)[stuck]
    assert (sides.min(axis=1) < 0.05).mean() > 0.95
    assert (np.sum(np.abs(p[stuck] - 0.5) < 0.05, axis=(1, 2)) == 2).mean() > 0.95


@pytest.mark.ten_starts
@pytest.mark.parametrize(
    ("deviation", "least", "most"), [(0.1, 0.1, 0.35), (0.3, 0.8, 0.95), (1.0, 0.6, 0.75), (3.0, 0.3, 0.5)]
)
def test_small_first_weights_are_late_and_large_ones_stuck(lesson, deviation, least, most):
    weights = after(lesson, deviation)
    failed = ~lesson.learned(weights)
    assert least < 1 - failed.mean() < most
    waiting = (lesson.loss(weights)[failed] > 0.6).mean()
    later = lesson.learned(lesson.train([w[failed] for w in weights], 8000)).mean()
    if deviation == 0.1:
        assert waiting > 0.8 and later > 0.4
    if deviation >= 1:
        assert waiting < 0.02 and later < 0.2


def test_the_counts_in_the_picture(lesson):
    assert lesson.early == [28, 93, 79, 43] and lesson.late == [72, 97, 79, 45]


@pytest.mark.ten_starts
def test_more_units_fail_less(lesson):
    shares = []
    for units in (1, 2, 3, 8):
        weights = lesson.draw(np.random.default_rng(3), 200, units, 1.0)
        shares.append(lesson.learned(lesson.train(weights, 4000)).mean())
    assert shares[0] == 0 and all(a < b for a, b in pairwise(shares)) and shares[-1] > 0.98


def test_zero_is_a_saddle_point(lesson):
    """The gradient is zero there, and close by the loss is lower."""
    assert lesson.loss(lesson.zeros) == pytest.approx(np.log(2), abs=1e-15)
    A, p = lesson.forward(X, *lesson.zeros)
    assert all(np.abs(dw).max() < 1e-15 for dw in lesson.gradients((p - y) / 4, X, A, lesson.zeros[2]))
    for s in (0.3, 0.1, 0.03):
        W1, b1 = np.array([[[s, s], [0, 0]]]), np.array([[[s, 0]]])
        W2, b2 = np.array([[[0.1 * s, 0]]]), np.full((1, 1, 1), -0.1 * s * F.sigmoid(2 * s))
        assert np.log(2) - lesson.loss([W1, b1, W2, b2])[0] > 1e-10


def test_the_three_curves_are_what_the_words_say(lesson):
    at_once, waits, stuck = lesson_10.watched().T
    assert len(at_once) == 60
    assert at_once[10] < 0.1 and waits[30] > 0.69 and waits[-1] < 0.1
    assert all(0.34 < value < 0.36 for value in stuck[-20:])


# --- The network of 1986 ------------------------------------------------------------------------------------


def test_the_gradient_of_the_summed_squares_is_right(lesson):
    X6, y6 = data.symmetry()
    weights = [
        np.random.default_rng(1).normal(size=(1, *shape)) for shape in ((2, 6), (1, 2), (1, 2), (1, 1))
    ]

    def half_squares(W1, b1, W2, b2):
        return 0.5 * np.sum((lesson.forward(X6, W1, b1, W2, b2)[1] - y6) ** 2)

    A, p = lesson.forward(X6, *weights)
    found = lesson.gradients((p - y6) * p * (1 - p), X6, A, weights[2])
    names = ("W1", "b1", "W2", "b2")
    gradcheck.assert_gradients_match(
        half_squares, dict(zip(names, weights, strict=True)), dict(zip(names, found, strict=True))
    )


def test_a_hundred_starts_find_two_solutions(lesson):
    W = lesson.weights[0]
    largest = np.abs(W).max(axis=(1, 2))
    assert (np.abs(W + W[:, :, ::-1]).max(axis=(1, 2)) < 0.002 * largest).all()
    assert (np.abs(W[:, 0] + W[:, 1]).max(axis=1) < 0.05 * largest).all()
    sizes = np.sort(np.abs(W[:, 0, :3]), axis=1)
    ratios = sizes / sizes[:, :1]
    kinds = [np.all(np.abs(ratios - ratio) < 0.15, axis=1) for ratio in ([1, 2, 4], [1, 1.5, 2])]
    assert [int(kind.sum()) for kind in kinds] == [70, 30]
    assert np.array_equal(kinds[0], sizes[:, 2] > sizes[:, 0] + sizes[:, 1])
    assert np.array_equal(lesson.sizes[kinds[0]], np.tile([1, 2, 4], (70, 1)))
    assert np.array_equal(lesson.sizes[kinds[1]], np.tile([2, 3, 4], (30, 1)))


def test_each_left_half_has_a_number_of_its_own(lesson):
    bits = np.array(list(np.ndindex(2, 2, 2)))
    for W in lesson.W[:, 0, :3]:
        assert np.diff(np.sort(bits @ W)).min() > 0.9
    assert sorted((bits @ [4, 2, 1]).tolist()) == list(range(8))
    assert sorted((bits @ [2, 3, 4]).tolist()) == [0, 2, 3, 4, 5, 6, 7, 9]
    first = lesson.examples[0]
    np.testing.assert_allclose(first[0], [4, 2, 1, -1, -2, -4], atol=0.05)
    np.testing.assert_allclose(first[1], -first[0], atol=0.05)
    assert round(float(first[0] @ [1, 1, 0, 0, 0, 1])) == 2


def test_symmetric_patterns_silence_both_neurons_and_any_other_pattern_wakes_one(lesson):
    X6, y6 = data.symmetry()
    A, p = lesson.forward(X6, *lesson.weights)
    symmetric = y6[:, 0] == 1
    assert A[:, symmetric].max() < 0.15 < A[:, ~symmetric].max(axis=2).min()
    assert (p[:, symmetric] > 0.5).all() and (p[:, ~symmetric] < 0.5).all()
    assert (lesson.weights[1] < 0).all() and (lesson.weights[3] > 0).all() and (lesson.weights[2] < 0).all()


def test_one_two_three_is_fooled_by_two_patterns():
    X6, _ = data.symmetry()
    for sizes, patterns in {(1, 2, 3): ["001011", "110100"], (1, 2, 4): [], (2, 3, 4): []}.items():
        fooled = X6[lesson_10.fooled(np.array(sizes))].astype(int).tolist()
        assert ["".join(map(str, row)) for row in fooled] == patterns


# --- Check yourself -----------------------------------------------------------------------------------------


def test_zeros_on_the_way_out_alone_break_the_symmetry(lesson):
    weights = list(lesson.draw(np.random.default_rng(0), 1, 2, 1.0))
    weights[2] = np.zeros_like(weights[2])
    once = lesson.train(weights, 1)
    assert np.array_equal(once[0], weights[0]) and once[2][0, 0, 0] != once[2][0, 0, 1]
    assert np.abs(lesson.train(once, 1)[0] - weights[0]).max() > 0


# --- The exercises ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "wrong", "says"),
    [
        ("10.1", lambda x1, x2: float(x1 != x2), "3 results"),
        ("10.1", lambda x1, x2: (float(x1 + x2 > 0), float(x1 + x2 > 1), x1 + x2 > 0), "gives OR"),
        ("10.2", lambda dZ2, X, A, W2: lesson_10.backward(dZ2, X, A, W2)[:2], "4 results"),
        ("10.3", lesson_10.copied_weights, "nothing is repaired yet"),
    ],
)
def test_what_a_wrong_answer_hears(key, wrong, says, capsys):
    check(key, wrong)
    said = capsys.readouterr().out
    assert "right:" not in said
    assert says in " ".join(said.split())


def test_the_broken_function_on_the_page_is_the_one_that_is_run():
    lines = (NOTEBOOKS / "10_hidden_units.ipynb").read_text()
    assert "rng.normal(deviation, size=shape) for shape in shapes" in lines
    W1, b1, W2, b2 = lesson_10.copied_weights(np.random.default_rng(0), 3, 2, 0.5)
    assert [w.shape for w in (W1, b1, W2, b2)] == [(3, 2, 2), (3, 1, 2), (3, 1, 2), (3, 1, 1)]


# --- The deeper pages ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def few():
    return solved(NOTEBOOKS / "deeper" / "10_how_few_units.ipynb").variables


@pytest.fixture(scope="module")
def numbers():
    return solved(NOTEBOOKS / "deeper" / "10_published_numbers.ipynb").variables


def test_the_cycle_of_a_single_neuron(few):
    np.testing.assert_allclose(few.ends, np.tile(few.ends[0], (10, 1)), atol=1e-9)
    shown = np.array([before[0] for before, _ in few.shown]) / (few.lr * few.r)
    np.testing.assert_allclose(shown, [[-2, -1, 1], [-2, -1, 0], [-2, 0, 1], [-1, 0, 2]], atol=1e-9)
    np.testing.assert_allclose([p[0] for _, p in few.shown], [few.r, 1 - few.r, 1 - few.r, few.r], atol=1e-12)
    np.testing.assert_allclose(few.inputs.T @ (0.5 - y[:, 0]), 0, atol=1e-15)
    np.testing.assert_allclose(few.found_by_squares, np.tile(few.printed, (10, 1)), atol=5.1e-5)


@pytest.mark.ten_starts
def test_with_wires_no_start_is_stuck_anywhere_but_on_the_plateau(few):
    for deviation in (0.3, 1.0, 3.0):
        rng = np.random.default_rng(1)
        weights = [rng.normal(0, deviation, size=(50, *size)) for size in few.shapes]
        weights = few.train(weights, 12_000, few.with_wires)
        on_plateau = np.abs(few.loss(few.with_wires(*weights)[0]) - np.log(2)) < 0.02
        assert on_plateau.sum() < 10
        others = few.train([w[~on_plateau] for w in weights], 4000, few.with_wires)
        assert (np.abs(few.with_wires(*others)[0] - y) < 0.1).all()


def test_a_ring_needs_three_units(few):
    assert few.counted[2] == 0 and few.counted[3] > 12


def test_the_sweeps_of_1986(numbers):
    first = numbers.first
    assert np.sum(first[0.1] < 1425) == 37 and np.isfinite(first[0.05]).all()
    W = numbers.W
    largest = np.abs(W).max(axis=(1, 2))
    assert (np.abs(W[:, 0] + W[:, 1]).max(axis=1) < 0.03 * largest).all()
    sizes = np.sort(np.abs(W[:, 0, :3]), axis=1)
    ratios = sizes / sizes[:, :1]
    assert sum(int(np.all(np.abs(ratios - r) < 0.1, axis=1).sum()) for r in ([1, 2, 4], [1, 1.5, 2])) == 100


def test_thirty_students_answer_90_to_92(numbers):
    said = [round(100 * net(numbers.asked / numbers.largest)[0, 0]) for net in numbers.nets]
    assert set(said) == {90, 91, 92} and said.count(92) < 4


def test_the_network_with_one_example_has_right_gradients(numbers):
    rng, parts = np.random.default_rng(0), []
    for d_in, d_out in pairwise((3, 7, 5, 4, 1)):
        parts += [nn.Linear(d_in, d_out, bias=False, rng=rng), nn.Sigmoid()]
    assert gradcheck.check_network(nn.Sequential(*parts), nn.MSELoss(), numbers.one, numbers.target).ok


# --- Parity and encoders ---


@pytest.fixture(scope="module")
def encoders():
    return solved(NOTEBOOKS / "deeper" / "10_parity_and_encoders.ipynb").variables


def test_three_bits_say_nothing_about_parity(encoders):
    for bit in range(4):
        others = np.delete(encoders.bits, bit, axis=1)
        for three in np.ndindex(2, 2, 2):
            assert encoders.parity[(others == three).all(axis=1)].sum() == 1  # of two


def test_the_table_of_four_counting_units(encoders):
    for ones in range(5):
        rows = encoders.fires[encoders.bits.sum(axis=1) == ones]
        assert (rows == (np.arange(4) < ones)).all()
        assert (rows @ [1, -1, 1, -1] == ones % 2).all()


@pytest.mark.parametrize("task", ["parity", "encoder"])
def test_gradients_of_many_networks_at_once(encoders, task):
    X, Y, squash = {
        "parity": (encoders.bits, encoders.parity, F.sigmoid),
        "encoder": (encoders.names, encoders.names, F.softmax),
    }[task]
    w = encoders.trained(X, Y, 2, 3, squash, updates=2)

    def loss(changed, part):
        _, Z = encoders.forward(X, *w[:part], changed, *w[part + 1 :])
        p = squash(Z)
        costs = Y * np.log(p) + ((1 - Y) * np.log(1 - p) if squash is F.sigmoid else 0)
        return -costs.sum() / len(X)

    for part, grad in enumerate(encoders.gradients(X, Y, squash, *w)):
        measured = numeric.numerical_gradient(lambda changed, part=part: loss(changed, part), w[part])
        np.testing.assert_allclose(grad, measured, rtol=1e-5, atol=1e-8)


def test_a_network_that_counts(encoders):
    W1, b1, W2, _ = encoders.found
    assert np.ptp(np.abs(W1), axis=1).max() < 0.2
    changes = np.argsort(-b1 / W1.mean(axis=1))
    np.testing.assert_allclose((-b1 / W1.mean(axis=1))[changes], [0.5, 1.5, 2.5, 3.5], atol=0.25)
    assert np.sign(W2[0] * np.sign(W1[:, 0]))[changes].tolist() == [1, -1, 1, -1]  # turned the right way up


def test_a_softmax_reads_the_nearest_code(encoders):
    rng = np.random.default_rng(0)
    for numbers in (1, 2, 3):
        codes, h = rng.normal(size=(8, numbers)), rng.normal(size=(500, numbers))
        scores = 2 * h @ codes.T - np.sum(codes**2, axis=1)
        distances = np.linalg.norm(h[:, None] - codes, axis=2)
        assert (scores.argmax(axis=1) == distances.argmin(axis=1)).all()
        assert ((2 * codes @ codes.T - np.sum(codes**2, axis=1)).argmax(axis=1) == np.arange(8)).all()


def test_one_unit_stops_with_names_at_both_ends(encoders):
    ends = encoders.forward(encoders.names, *encoders.w)[0][:, :, 0]
    assert encoders.w[0].shape == (50, 1, 8)
    low, high = np.sum(ends < 0.01, axis=1), np.sum(ends > 0.99, axis=1)
    assert (np.maximum(low, high) >= 2).all() and low[0] == high[0] == 2
    assert (encoders.right < 8).all()


@pytest.mark.ten_starts
def test_parity_from_three_sets_of_a_hundred_starts(encoders):
    learned = {}
    for hidden in (3, 4, 8):
        sets = [
            encoders.trained(encoders.bits, encoders.parity, hidden, 100, F.sigmoid, 2000, seed)
            for seed in (1, 2)
        ]
        learned[hidden] = [int(np.sum(encoders.patterns_right(w) == 16)) for w in sets]
    assert sum(learned[3]) <= 2 and (encoders.counts[3] < 16).all()
    np.testing.assert_allclose(learned[4], [18, 25], atol=2)
    np.testing.assert_allclose(learned[8], [92, 95], atol=2)


@pytest.mark.ten_starts
def test_encoders_from_three_sets_of_fifty_starts(encoders):
    right = {hidden: [] for hidden in (1, 2, 3)}
    for hidden, found in right.items():
        for seed in (1, 2):
            w = encoders.trained(encoders.names, encoders.names, hidden, 50, F.softmax, 1000, seed)
            found.append(int(np.sum(encoders.names_right(w) == 8)))
    assert right[1] == [0, 0] and right[3] == [50, 50] and 98 <= sum(right[2]) <= 100
