"""Lesson 13 and its pages: the factors, the first weights, what trains from ten starts, the exercises."""

import warnings
from itertools import combinations, pairwise, product

import numpy as np
import pytest

from bphelpers import functional as F
from bphelpers import nn, optim, training
from bphelpers.lessons import lesson_13
from bphelpers.lessons.lesson_13 import ACTIVATIONS, init_layers, network, size, sizes_in_layers
from bphelpers.numeric import numerical_gradient
from bphelpers.teaching import check, yours
from bphelpers.teaching.gradcheck import assert_gradients_match, check_gradients
from tests.starts import starts
from tools.course.lesson import NOTEBOOKS
from tools.course.solved import solved

SIZES = [64] + [100] * 19 + [10]


@pytest.fixture(scope="module")
def normalisation():
    return solved(NOTEBOOKS / "deeper" / "13_normalisation.ipynb").variables


@pytest.fixture(scope="module")
def others():
    return solved(NOTEBOOKS / "deeper" / "13_other_factors.ipynb").variables


# --- The factor ---------------------------------------------------------------------------------------------


def test_two_chains_double_and_halve():
    for w, first in ((2, 1), (0.5, 16)):
        values = [first * w**k for k in range(5)]
        gradients = [w**k for k in range(5)]
        assert values[-1] == {2: 16, 0.5: 1}[w] and gradients[-1] == {2: 16, 0.5: 1 / 16}[w]
        drawn = [text.get_text() for text in lesson_13.two_chains().axes[0].texts]
        assert {f"{value:g}" for value in values} < set(drawn)
    assert 2**20 > 1e6 and 0.5**20 < 1e-6
    assert pytest.approx(1 / 8, rel=0.03) == 0.9**20 and 0.9**6 > 0.5 > 0.9**7
    assert "0.12" in lesson_13.FACTORS and "6.7" in lesson_13.FACTORS


@pytest.mark.parametrize(
    ("w", "b"), [*product((0.3, 1, 2, 4, 8), (-3, -0.5, 0, 1)), (4, -2), (8, -4), (1, -0.5)]
)
def test_the_product_is_the_slope_of_the_chain_and_within_its_bound(lesson, w, b):
    rate = lesson.chain(0.5, w, b)[1]
    judge = numerical_gradient(lambda a: lesson.chain(a, w, b)[0], 0.5, method="complex")
    np.testing.assert_allclose(rate, judge, rtol=1e-9)
    assert 0 < rate <= (w / 4) ** 20 * (1 + 1e-12)


def test_the_table_of_chains(lesson):
    for w, b, left in ((1, -0.5, 1e-12), (4, -2, 1), (8, -4, 1e6)):
        a, rate = lesson.chain(0.5, w, b)
        assert a == 0.5 and rate == (w / 4) ** 20 == pytest.approx(left, rel=0.1)
    a, rate = lesson.chain(0.5, 4, 0)
    assert (
        round(a, 2) == 0.98
        and round(a * (1 - a), 2) == 0.02
        and 4 * a * (1 - a) == pytest.approx(0.08, abs=5e-3)
    )
    assert rate < lesson.chain(0.5, 1, 0)[1]  # the larger weight did worse


# --- The slider and the size of first weights ---------------------------------------------------------------


@pytest.mark.parametrize("seed", starts(10))
def test_what_is_said_of_the_slider(seed):
    change = {
        (name, s): sizes_in_layers(name, s, seed)[1][0] / sizes_in_layers(name, s, seed)[1][-1]
        for name, s in product(ACTIVATIONS, (0.05, 0.1, 0.12, 0.14, 0.2, 0.4))
    }
    assert change["ReLU", 0.05] < 1e-8 and change["ReLU", 0.1] < 0.01 < 100 < change["ReLU", 0.2]
    assert 1 / 8 < change["ReLU", 0.14] < 8 and 1 / 8 < change["tanh", 0.12] < 8
    assert change["tanh", 0.05] < 1e-3 and change["tanh", 0.4] > 100
    for s in (0.05, 0.1, 0.12, 0.14, 0.2, 0.4):
        assert change["sigmoid", s] < 1e-3
        forward = sizes_in_layers("sigmoid", s, seed)[0]
        assert forward.min() > 0.45 and forward.max() < 0.7
    back = {s: sizes_in_layers("ReLU", s, seed)[1][0] for s in (0.05, 0.4)}  # what FOUR_SIZES says
    assert 1e-10 < back[0.05] < 1e-8 and back[0.4] > 1e8 > 1e-9 > sizes_in_layers("sigmoid", 0.14, seed)[1][0]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_slider_goes_back_as_the_layers_do(name):
    """The gradient at the sums of layer 1, against centred differences of a small copy."""
    rng, s = np.random.default_rng(3), 0.3
    weights = rng.normal(0, s, size=(3, 5, 5))
    z1, dout = rng.normal(size=(4, 5)), rng.normal(size=(4, 5))
    act = {"ReLU": F.relu, "tanh": F.tanh, "sigmoid": F.sigmoid}[name]

    def output(z):
        a = act(z)
        for W in weights:
            a = act(a @ W.T)
        return np.sum(dout * a)

    units, a = [ACTIVATIONS[name]() for _ in range(4)], z1
    for k, unit in enumerate(units):
        a = unit.forward(a if k == 0 else a @ weights[k - 1].T)
    da = dout
    for k in reversed(range(4)):
        dz = units[k].backward(da)
        da = dz @ weights[k - 1]
    np.testing.assert_allclose(dz, numerical_gradient(output, z1), rtol=1e-6, atol=1e-9)


def test_coins():
    for n, worth in product((1, 2, 3, 10), (1, 3, 0.5)):
        assert np.mean([sum(throw) ** 2 for throw in product([worth, -worth], repeat=n)]) == n * worth**2


def test_a_product_adds_the_square_of_its_weight(lesson):
    """The sums of the page, and those of weights that aren't normal."""
    n, s = 100, 3
    coins = s * np.random.default_rng(1).choice([-1, 1], size=(10_000, n))
    for sums in (lesson.sums, coins @ np.ones(n)):
        assert np.mean(sums**2) == pytest.approx(n * s**2, rel=0.03)


@pytest.mark.parametrize("gain", [1.0, np.sqrt(2)])
def test_eight_layers_multiply_by_gain_over_root_two(gain, monkeypatch):
    """The mean over 300 networks, forward and back."""
    monkeypatch.setattr(lesson_13, "WIDTH", 64)
    runs = [sizes_in_layers("ReLU", gain / 8, seed, layers=8) for seed in range(300)]
    forward, backward = (np.sqrt(np.mean(np.square(runs), axis=0))[k] for k in (0, 1))
    for ratio in (forward[-1] / forward[0], backward[0] / backward[-1]):
        np.testing.assert_allclose(ratio ** (1 / 7), gain / np.sqrt(2), rtol=0.02)


def test_first_weights_have_the_said_deviation(lesson):
    weights = lesson.draw([200, 8, 400], np.random.default_rng(0))
    assert [W.shape for W in weights] == [(8, 200), (400, 8)]
    assert [round(W.std(), 2) for W in weights] == [0.1, 0.5]
    kept = nn.Linear(30, 20, rng=np.random.default_rng(4), init="he").W.data
    np.testing.assert_allclose(init_layers([30, 20], np.random.default_rng(4))[0], kept, rtol=1e-12)
    assert np.sqrt(2 / 100) == pytest.approx(0.14, abs=2e-3)


# --- Twenty layers ------------------------------------------------------------------------------------------


def fitted(lesson, weights, residual=False):
    net, rule = network(weights, residual), optim.SGD(lr=0.001, momentum=0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where the loss becomes infinite
        return training.fit(net, nn.CrossEntropyLoss(), rule, (lesson.X_train, lesson.y_train), 8, 32,
                            np.random.default_rng(0), progress=False).loss  # fmt: skip


@pytest.mark.parametrize("seed", starts(10, always=1))
def test_twenty_layers_train_from_the_right_size_or_with_a_shortcut(lesson, seed):
    weights = init_layers(SIZES, np.random.default_rng(seed))
    small = [W / 3 for W in weights]
    stuck, good, shortcut = (
        fitted(lesson, small),
        fitted(lesson, weights),
        fitted(lesson, small, residual=True),
    )
    assert max(abs(loss - np.log(10)) for loss in stuck) < 0.01
    assert good[-1] < 0.7 and shortcut[-1] < 0.1 and shortcut[-1] < good[-1]
    assert good[1] < np.log(10)  # although some begin far above a guess
    assert len(fitted(lesson, [3 * W for W in weights])) == 0  # stopped in the first epoch


@pytest.mark.parametrize("seed", starts(10))
def test_a_gradient_reaches_every_layer_only_from_the_right_size(lesson, seed):
    weights = init_layers(SIZES, np.random.default_rng(seed))
    for factor, low, high in ((1 / 3, 0, 1e-9), (1, 1e-3, 10), (3, 1e6, np.inf)):
        value, sizes = lesson.gradient_sizes([factor * W for W in weights])
        assert len(sizes) == 20 and all(low < one < high for one in sizes)
        assert factor != 3 or value > 1e9


def test_the_network_is_the_one_of_lesson_06_in_layers():
    weights = init_layers([4, 3, 3, 2], np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(5, 4))
    a, b, c = weights
    h = F.relu(x @ a.T)
    np.testing.assert_allclose(network(weights)(x), F.relu(h @ b.T) @ c.T)
    first = x @ a.T
    np.testing.assert_allclose(network(weights, True)(x), F.relu(first + F.relu(first) @ b.T) @ c.T)


@pytest.mark.parametrize("seed", range(5))
def test_block_backward_against_differences(lesson, seed):
    rng = np.random.default_rng(seed)
    x, dout, W = rng.normal(size=(4, 3)), rng.normal(size=(4, 3)), rng.normal(size=(3, 3))
    dx, dW = lesson.back(dout, x, W)

    def output(x, W):
        return np.sum(dout * (x + F.relu(x) @ W.T))

    np.testing.assert_allclose(dx, numerical_gradient(lambda x: output(x, W), x), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(dW, numerical_gradient(lambda W: output(x, W), W), rtol=1e-6, atol=1e-8)
    block = nn.Residual(nn.ReLU(), nn.Linear(3, 3, rng=rng, init=lambda *_: W))
    block(x)
    np.testing.assert_allclose(block.backward(dout), dx, rtol=1e-12)


def test_the_shortcut_in_the_picture():
    drawn = {text.get_text() for text in lesson_13.shortcut().axes[0].texts}
    said = {f"{factor**k:.3g}" for factor in (0.1, 1.1) for k in range(4)}
    assert said == {"1", "0.1", "0.01", "0.001", "1.1", "1.21", "1.33"} < drawn
    assert all(number in lesson_13.SHORTCUT for number in said)
    assert pytest.approx(1e-20) == 0.1**20


# --- The exercises ------------------------------------------------------------------------------------------


def test_the_mistakes_lie_apart_from_each_other():
    for exercise in lesson_13.EXERCISES.values():
        for case in exercise.arguments()[:1] or [()]:
            wrong = exercise.wrong(*case)
            for (a, one), (b, other) in combinations(wrong.items(), 2):
                assert len(one) != len(other) or not all(
                    np.shape(p) == np.shape(q) and np.allclose(p, q, rtol=0.03)
                    for p, q in zip(one, other, strict=True)
                ), (a, b)


def _too_soon(sizes, rng):
    weights = []
    for d_in, d_out in pairwise(sizes):
        weights.append(rng.normal(0, np.sqrt(2 / d_in), size=(d_out, d_in)))
        return weights


def _second_name(dout, x, W):
    dx = dout
    dW = dout.T @ F.relu(x)
    da = dout @ W
    dx += da * (x > 0)
    return dx, dW


def _layers(deviation, shape=lambda d_in, d_out: (d_out, d_in)):
    def init_layers(sizes, rng):
        return [rng.normal(0, deviation(i, o), size=shape(i, o)) for i, o in pairwise(sizes)]

    return init_layers


@pytest.mark.parametrize(
    "right",
    [
        _layers(lambda d_in, d_out: (2 / d_in) ** 0.5),
        lambda sizes, rng: [
            rng.standard_normal((sizes[k + 1], sizes[k])) * np.sqrt(2 / sizes[k])
            for k in range(len(sizes) - 1)
        ],
        lambda sizes, rng: tuple(init_layers(sizes, rng)),
    ],
)
def test_other_ways_to_draw_are_right(right, capsys):
    check("13.2", right)
    assert capsys.readouterr().out.startswith("13.2: right")


@pytest.mark.parametrize(
    ("key", "wrong", "says"),
    [
        ("13.1", (np.sqrt(2 / 450), 1 / 1024), "fan-in"),
        ("13.1", (0.2, 0.05), "multiply"),
        ("13.2", _layers(lambda d_in, d_out: np.sqrt(2 / d_out)), "fan-out"),
        ("13.2", _layers(lambda d_in, d_out: np.sqrt(2 / d_in), lambda i, o: (i, o)), "rows and columns"),
        ("13.2", _layers(lambda d_in, d_out: 2 / d_in), "root is missing"),
        ("13.2", lambda sizes, rng: init_layers(sizes, rng)[:-1], "Expected"),
        ("13.2", _too_soon, "`return` stands inside the loop"),
        ("13.3", _second_name, "`b = a` copies nothing"),
        ("13.3", lambda dout, x, W: ((dout @ W) * (x > 0), dout.T @ F.relu(x)), "plus passes on"),
        ("13.3", lambda dout, x, W: (dout + dout @ W, dout.T @ F.relu(x)), "slope is left out"),
    ],
)
def test_what_a_wrong_answer_hears(key, wrong, says, capsys):
    check(key, wrong)
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith(f"{key}: not right yet") and says in said


def test_the_broken_block_on_the_page_is_the_listed_one(page):
    (stub,) = (cell.source for cell in page.code if cell.source.startswith("def block_backward"))
    room = {"np": np}
    exec(stub, room)
    exercise = lesson_13.EXERCISES["13.3"]
    for case in exercise.arguments():
        broken, listed = room["block_backward"](*case), exercise.wrong(*case)["nothing is repaired yet"]
        assert all(np.array_equal(a, b) for a, b in zip(broken, listed, strict=True))


def test_a_right_function_draws_the_weights(capsys):
    def mine(sizes, rng):
        return init_layers(sizes, rng)

    assert yours("13.2", mine, init_layers) is mine
    assert "your function" in capsys.readouterr().out


# --- deeper/13_normalisation.ipynb --------------------------------------------------------------------------


def test_three_paths_the_short_form_and_differences(normalisation):
    page = normalisation
    short = page.batch_norm_backward(page.g, page.x, page.gamma)
    np.testing.assert_allclose(sum(page.paths.values()), short[0], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(short[0].sum(axis=0), 0, atol=1e-14)
    assert np.array_equal(page.batch_norm(page.x[:1], page.gamma, page.beta), page.beta[None])
    assert np.abs(page.batch_norm_backward(page.g[:2], page.x[:2], page.gamma)[0]).max() < 1e-4
    for name in ("batch_norm", "layer_norm"):
        found = getattr(page, f"{name}_backward")(page.g, page.x, page.gamma)
        kept = getattr(F, f"{name}_backward")(page.g, page.x, page.gamma)
        for ours, theirs in zip(found, kept, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)
        given, forward = {"x": page.x, "gamma": page.gamma, "beta": page.beta}, getattr(page, name)
        assert_gradients_match(
            lambda x, gamma, beta, f=forward: np.sum(page.g * f(x, gamma, beta)),
            given,
            dict(zip(given, found, strict=True)),
        )


def test_the_size_of_the_weights_no_longer_counts(normalisation):
    page = normalisation
    np.testing.assert_allclose(size(page.dz_large @ (10 * page.W)), size(page.dz_small @ page.W), rtol=1e-4)
    np.testing.assert_allclose(10 * size(page.dz_large), size(page.dz_small), rtol=1e-4)


def test_the_factor_of_batch_normalisation_and_the_step_into_layer_1(normalisation):
    page = normalisation
    level = np.sqrt(np.pi / (np.pi - 1))
    assert np.abs(page.inner / level - 1).max() < 0.03
    assert page.found[:, -1].max() < 0.85
    narrow = np.exp(np.log(np.array([page.factors(seed, width=64) for seed in range(5)])[:, :-1]).mean())
    assert page.inner.mean() < narrow == pytest.approx(1.23, abs=0.01)
    assert page.inner.mean() ** 20 == pytest.approx(45, abs=15)


# --- deeper/13_other_factors.ipynb --------------------------------------------------------------------------


def test_one_layer_of_300_by_200(others):
    rng = np.random.default_rng(1)
    a, dz = F.relu(rng.normal(1.0, 2.0, size=(300, 300))), rng.normal(size=(300, 200))
    for init, variance in ((others.he_normal, 2 / 300), (others.xavier_uniform, 2 / 500)):
        draws = [init(200, 300, rng) for _ in range(20)]
        found = np.mean([(W.var(), size(a @ W.T) ** 2, size(dz @ W) ** 2) for W in draws], axis=0)
        predicted = variance, 300 * variance * size(a) ** 2, 200 * variance * size(dz) ** 2
        np.testing.assert_allclose(found, predicted, rtol=0.04)
    for init, kept in ((others.he_normal, "he"), (others.xavier_uniform, "xavier")):
        theirs = nn.Linear(4, 3, rng=np.random.default_rng(2), init=kept).W.data
        np.testing.assert_allclose(init(3, 4, np.random.default_rng(2)), theirs, rtol=1e-12)


@pytest.mark.parametrize("c", [0.01, 0.2, 0.5])
def test_the_deviation_for_a_leaky_relu(c):
    rng, d = np.random.default_rng(0), 100
    a = rng.normal(size=(400, d))
    deviation = np.sqrt(2 / ((1 + c**2) * d))
    squares = [np.mean(F.leaky_relu(a @ rng.normal(0, deviation, size=(d, d)).T, c) ** 2) for _ in range(30)]
    np.testing.assert_allclose(np.mean(squares), 1, rtol=0.03)


def test_dead_neurons(others):
    assert others.after(nn.ReLU(), 0.1, 100, bias=-20.0) == (1, 0)
    assert 0 < others.after(nn.LeakyReLU(0.01), 0.1, 100, bias=-20.0)[1] < 0.01
    dead = [others.after(nn.ReLU(), lr, 20)[0] for lr in (0.1, 1.0, 10.0, 30.0)]
    assert dead == sorted(dead) and dead[1] == 0 < dead[2]
    assert others.gelu_backward(1.0, -20.0) == 0
    z = np.random.default_rng(5).normal(size=(6, 3))
    ones = np.ones_like(z)
    np.testing.assert_allclose(others.gelu_backward(1.0, z), F.gelu_backward(ones, z), rtol=1e-12)
    np.testing.assert_allclose(others.leaky_relu_backward(1.0, z), F.leaky_relu_backward(ones, z), rtol=1e-12)


@pytest.mark.parametrize(("slope", "decided"), [(0.0, True), (0.5, True), (1.0, True), (1.2, False)])
def test_at_the_corner_any_slope_between_the_sides_counts_as_right(slope, decided):
    corner = np.zeros((1, 1))
    report = check_gradients(lambda z: F.relu(z).sum(), {"z": corner}, {"z": corner + slope})
    assert report.ok and (not report["z"].untested) == decided


@pytest.mark.parametrize(("g", "rtol"), [(0.1, 0.02), (0.25, 0.02), (np.sqrt(2), 0.1)])
def test_blocks_grow_as_predicted(others, g, rtol):
    found = np.sqrt(np.mean([others.way_back(g, 1, seed) ** 2 for seed in range(30)]))
    np.testing.assert_allclose(found, (1 + g**2 / 2) ** 10, rtol=rtol)


def test_dropout_keeps_the_mean_and_not_the_mean_square(others):
    assert np.array_equal(others.outs == 0, others.backs == 0)
    found = [others.outs.mean(), others.backs.mean(), np.mean(others.backs**2)]
    np.testing.assert_allclose(found, [3, -1, 1 / 0.8], rtol=0.02)
    assert pytest.approx(0.01, abs=2e-3) == 0.8**20 and 50 < 1.25**20 < 100


def test_clipping_keeps_the_direction(others):
    def cliff(w):
        return (w**20 - 1) ** 2 / 2

    slope = (1.2**20 - 1) * 20 * 1.2**19
    np.testing.assert_allclose(slope, numerical_gradient(cliff, 1.2), rtol=1e-6)
    np.testing.assert_allclose([others.wild, others.clipped], [1.2 - 0.01 * slope, 1.2 - 0.01], rtol=1e-12)
    assert cliff(others.clipped) < cliff(1.2) < cliff(others.wild)


@pytest.mark.parametrize("seed", starts(10, always=0))
@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [("plain", 2.29, 2.31), ("He", 0.4, 1.1), ("batch norm", 0.6, 0.9), ("shortcut", 0.0, 0.3),
     ("batch norm and shortcut", 0.0, 0.35)],
)  # fmt: skip
def test_five_networks_from_ten_starts(others, kind, low, high, seed):
    """Twelve epochs at the rate 0.02."""
    net, rng = others.deep(kind, seed), np.random.default_rng(seed)
    examples = others.X_train, others.y_train
    history = training.fit(net, nn.CrossEntropyLoss(), optim.SGD(0.02), examples, 12, 33, rng, progress=False)
    assert low <= history.loss[-1] <= high
