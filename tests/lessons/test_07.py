"""Lesson 07 and its pages: the walks against each other and against differences, every count and formula."""

import inspect
import re
import textwrap
from collections import defaultdict
from itertools import pairwise, product

import numpy as np
import pytest

from bphelpers import data
from bphelpers.lessons import lesson_07, lesson_08
from bphelpers.numeric import numerical_gradient
from bphelpers.teaching import check
from bphelpers.teaching.counting import Tally
from tools.course.lesson import NOTEBOOKS
from tools.course.solved import solved

SHAPES = [sizes for depth in range(1, 5) for sizes in product(range(1, 5), repeat=depth + 1)]


# --- The walks ----------------------------------------------------------------------------------------------


def _f(p, q, more=False):
    s, t = p + q, p * q
    u, v = s + t, s * t
    return u * v if more else s * t


@pytest.mark.parametrize(("graph", "more"), [(lesson_07.FIVE, False), (lesson_07.SEVEN, True)])
def test_the_circles_of_the_pictures(graph, more):
    """Values, slopes and answers, as drawn and as said."""
    measured = numerical_gradient(lambda pq: _f(*pq, more), np.array([2.0, 3.0]))
    walks = [lesson_07.from_the_front(graph, start)["f"] for start in "pq"]
    answers = lesson_07.from_the_back(graph, "f")
    np.testing.assert_allclose(walks, measured, rtol=1e-8)
    assert walks == [answers["p"], answers["q"]] == ([351, 266] if more else [21, 16])
    words = lesson_07.SEVEN_CIRCLES if more else lesson_07.FIVE_CIRCLES
    assert all(f"{tip} {slope}" in words for (_, tip), slope in graph.items())
    values = {"s": 5, "t": 6, "u": 11, "v": 30, "f": _f(2, 3, more)}
    for circle in {tip for _, tip in graph}:
        assert f"= {values[circle]}" in words
        assert lesson_07.VALUES.get(circle, f"f = {values['f']}") == f"{circle} = {values[circle]}"


def test_the_lessons_walks_are_the_modules(lesson):
    assert lesson.arrows == lesson_07.FIVE and list(lesson.arrows) == list(lesson_07.FIVE)
    for graph in (lesson_07.FIVE, lesson_07.SEVEN, lesson_07.diamonds(4)):
        first, last = next(iter(graph))[0], next(reversed(graph))[1]
        assert lesson.from_the_front(graph, first) == lesson_07.from_the_front(graph, first)
        assert lesson.back(graph, last) == lesson_07.from_the_back(graph, last)


def test_what_is_crossed_on_five_circles_and_with_a_third_weight(lesson, monkeypatch):
    """From the front eight, from the back six; with a third weight, as in Check yourself, ten and seven."""
    for graph, crossed in (
        (lesson_07.FIVE, [4, 4]),
        ({("r", "t"): 6} | lesson_07.FIVE | {("p", "t"): 3, ("q", "t"): 2}, [4, 4, 2]),
    ):
        monkeypatch.setattr(lesson, "network", graph)
        assert [lesson.carrying(start) for start in "pqr"[: len(crossed)]] == crossed
        assert len(graph) == 4 + len(crossed)


def test_the_picture_of_three_walks_says_what_they_leave():
    for words, walk in (
        ("for p: ", lesson_07.from_the_front(lesson_07.FIVE, "p")),
        ("for q: ", lesson_07.from_the_front(lesson_07.FIVE, "q")),
        ("From the back: ", lesson_07.from_the_back(lesson_07.FIVE, "f")),
    ):
        said = lesson_07.THREE_WALKS.split(words)[1].split(".")[0].split(", ")
        assert {name: int(number) for name, number in map(str.split, said)} == walk


@pytest.mark.parametrize("seed", range(20))
def test_both_walks_and_differences_agree_on_random_graphs(lesson, seed):
    """Up to forty circles; each takes a random mixture of some before it, through a sine."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(5, 41))
    inputs = int(rng.integers(1, 5))
    factors = {}
    for k in range(inputs, count):
        for i in rng.choice(k, size=min(k, int(rng.integers(1, 4))), replace=False):
            factors[int(i), k] = rng.normal()
    used = {i for i, _ in factors}
    factors |= {(k, count): 1.0 for k in range(count) if k not in used}  # what nobody uses goes to the end

    def values(given):
        value = list(given)
        for k in range(inputs, count + 1):
            value.append(np.sin(sum(factor * value[i] for (i, tip), factor in factors.items() if tip == k)))
        return value

    given = rng.normal(size=inputs)
    inner = values(given)
    slope = {k: np.cos(sum(f * inner[i] for (i, tip), f in factors.items() if tip == k))
             for k in range(inputs, count + 1)}  # fmt: skip
    arrows = {(f"n{i}", f"n{k}"): factor * slope[k]
              for (i, k), factor in sorted(factors.items(), key=lambda item: item[0][1])}  # fmt: skip
    answers = lesson.back(arrows, f"n{count}")
    measured = numerical_gradient(lambda given: values(given)[-1], given)
    front = [lesson.from_the_front(arrows, f"n{i}")[f"n{count}"] for i in range(inputs)]
    np.testing.assert_allclose([answers[f"n{i}"] for i in range(inputs)], front, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(front, measured, rtol=1e-5, atol=1e-8)


def test_routes_are_counted_in_as_many_crossings_as_there_are_arrows(lesson):
    for number in (1, 2, 10):
        chain = lesson_07.diamonds(number)
        assert len(chain) == 4 * number and lesson.back(chain, "end")["start"] == 2**number
    assert lesson.routes == 1024 and len(lesson.chain) == 40


# --- The network as arrows ----------------------------------------------------------------------------------


def test_the_network_as_drawn(lesson):
    assert {circle for arrow in lesson.network for circle in arrow} == set(lesson_07.PLACES_OF_THE_NETWORK)
    route = re.findall(r"(\w\d) to (\w\d?) (\d\.\d+)", lesson_07.NETWORK)
    assert [tail for tail, _, _ in route] + ["L"] == ["w1", *(tip for _, tip, _ in route)]
    for tail, tip, slope in route:
        assert slope == f"{lesson.network[tail, tip]:.3g}"
    assert "21 circles and 22 arrows" in lesson_07.NETWORK
    assert len(lesson_07.PLACES_OF_THE_NETWORK) == 21 and len(route) == 5


def test_arrows_of_the_running_example(lesson):
    assert len(lesson.network) == 22
    x, W2 = data.mazur()[0][0], data.mazur()[4]
    assert [lesson.network["w1", "z1"], lesson.network["w2", "z1"]] == list(x)
    assert [lesson.network[a, z] for z in ("z3", "z4") for a in ("a1", "a2")] == W2.ravel().tolist()
    found = [lesson.answers[name] for name in lesson.names[:8]]
    np.testing.assert_allclose(found, lesson_08.gradient(lesson_08.eight_weights()), rtol=1e-12)
    assert sum(map(lesson.carrying, lesson.names)) == 66 == lesson_07.crossings([2, 2, 2])["from the front"]


@pytest.mark.parametrize("sizes", [[1, 1], [2, 2, 2], [4, 3, 2], [3, 2, 4, 2], [2, 3, 3, 2, 3]])
def test_arrows_give_the_gradients_of_the_matrices_and_the_counts(page, sizes):
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(n_out, n_in)) for n_in, n_out in pairwise(sizes)]
    biases = [rng.normal(size=n_out) for n_out in sizes[1:]]
    x, y = rng.normal(size=(1, sizes[0])), rng.uniform(size=(1, sizes[-1]))
    arrows = lesson_07.as_arrows(weights, biases, x, y)
    answers = lesson_07.from_the_back(arrows, "L")
    gradients = page.handing_back(weights, biases, x, y)
    P, N = page.forward_cost(sizes), sum(sizes[1:])
    names = [f"w{k}" for k in range(1, P + 1)] + [f"b{k}" for k in range(1, N + 1)]
    by_matrices = np.concatenate([gradient.ravel() for gradient in gradients])
    np.testing.assert_allclose([answers[name] for name in names], by_matrices, rtol=1e-11)

    walks = [lesson_07.from_the_front(arrows, name) for name in names]
    np.testing.assert_allclose([walk["L"] for walk in walks], by_matrices, rtol=1e-11)
    found = lesson_07.crossings(sizes)
    assert found["the loss"] == found["from the back"] == len(arrows)
    assert found["from the front"] == sum(walk[tail] != 0 for walk in walks for tail, _ in arrows)
    assert found["along every route"] == sum(length for name in names for length in _routes(arrows, name))


def _routes(arrows, circle, length=0):
    """The length of each route from a circle to the loss."""
    if circle == "L":
        yield length
    for tail, tip in arrows:
        if tail == circle:
            yield from _routes(arrows, tip, length + 1)


def test_what_the_lesson_says_of_the_slider():
    """The width hardly matters with one hidden layer; from two on, it does, and more so with five."""
    for layers, ratios in ((1, [31, 31, 31]), (2, [200, 1153, 1846]), (5, [883, 25_626, 73_543])):
        assert [round(lesson_07.front_over_back(layers, width)) for width in (16, 128, 256)] == ratios
    assert max(lesson_07.crossings([784, *[256] * 5, 10]).values()) < 1e18  # fits on the axis


# --- Costs --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page():
    return solved(NOTEBOOKS / "deeper" / "07_counting.ipynb").variables


@pytest.fixture(scope="module")
def clock():
    return solved(NOTEBOOKS / "deeper" / "07_where_the_time_goes.ipynb").variables


def test_the_same_formulas_on_both_pages(page, clock):
    for sizes in SHAPES:
        for name in ("forward_cost", "backward_cost"):
            assert getattr(page, name)(sizes) == getattr(clock, name)(sizes)


def test_the_table_of_a_layer(page):
    """20 numbers in, 30 neurons, in the middle of a network: 600 forward; 60 + 600 + 600 on the way back."""
    around = [5, 20, 30, 7]
    without = page.forward_cost([20, 30])
    assert without == 600
    outside = page.backward_cost([5, 20]) + 2 * 7 + 2 * 30 * 7  # the layers before and after
    assert page.backward_cost(around) - outside == 600 + 600 + 2 * 30
    tally, rng = Tally(), np.random.default_rng(0)
    da, a, before, W = (
        tally.watch(rng.normal(size=shape)) for shape in ((1, 30), (1, 30), (1, 20), (30, 20))
    )
    dz = da * a * (1 - a)
    assert tally.multiplications == 60
    _ = dz.T @ before
    assert tally.multiplications == 660
    _ = dz @ W
    assert tally.multiplications == 1260


def test_what_the_lesson_says_of_memory_and_of_nudging(lesson, page, clock, words):
    P, N = page.forward_cost(lesson.sizes), sum(lesson.sizes[1:])
    assert (lesson.parameters, sum(lesson.sizes), N) == (P + N, 986, 202) and lesson.parameters == 109_386
    assert 111 * 986 > 109_386 >= 110 * 986 and 542 * 202 > 109_386 >= 541 * 202
    assert clock.smallest_batch(lesson.sizes) == 111
    assert clock.held(lesson.sizes) // clock.kept(lesson.sizes[1:], 1) + 1 == 542
    assert lesson.passes == P + N + 1 == 109_387 and "109,387" in lesson_07.PREDICTIONS["07.C"].explain
    assert round(lesson.passes / 3 / 60 / 24) == 25 and round(page.days) == 36
    assert page.step == pytest.approx(2.08, abs=0.005) and round(100 * page.first) == 92
    for deep in (
        [784, 128, 64, 10],
        [10] * 6,
        [1000] * 51,
    ):  # a step takes two to three passes, or a bit more
        assert 2 < 1 + page.backward_cost(deep) / page.forward_cost(deep) < 3.1
    assert 3.1 < 1 + page.backward_cost([2, 2, 2]) / page.forward_cost([2, 2, 2]) < 4
    for term in ("forward mode", "reverse mode", "dynamic programming"):
        assert words.count(f"**{term}**") == 1


# --- deeper/07_counting.ipynb -------------------------------------------------------------------------------


def _networks(page):
    rng = np.random.default_rng(7)
    sizes = [4, 3, 3, 2]
    weights = [rng.normal(size=(n_out, n_in)) for n_in, n_out in pairwise(sizes)]
    biases = [rng.normal(size=n_out) for n_out in sizes[1:]]
    batch = rng.normal(size=(5, 4)), rng.uniform(size=(5, 2))
    return ([page.W1, page.W2], [page.b1, page.b2], page.x, page.y), (weights, biases, *batch)


@pytest.mark.parametrize("which", [0, 1])
def test_three_ways_agree_with_centred_differences(page, which):
    """On the running example, and on three layers with a batch of five."""
    network = _networks(page)[which]
    up, down = (page.nudging(*network, h=h) for h in (1e-5, -1e-5))
    for name, way in page.ways.items():
        for dp, one, other in zip(way(*network), up, down, strict=True):
            atol = 2e-8 if name == "nudging" else 1e-9
            np.testing.assert_allclose(dp, (one + other) / 2, rtol=0, atol=atol)
    for dp, other in zip(page.handing_back(*network), page.over_routes(*network), strict=True):
        np.testing.assert_allclose(dp, other, rtol=1e-11)


def test_a_delta_is_the_bracket_of_the_routes(page):
    activations = page.forward([page.W1, page.W2], [page.b1, page.b2], page.x)
    x, a_h, a_o = (a[0] for a in activations)
    s_h, s_o, e = a_h * (1 - a_h), a_o * (1 - a_o), a_o - page.y[0]
    w5, w7 = page.W2[:, 0]
    delta = s_h[0] * (w5 * s_o[0] * e[0] + w7 * s_o[1] * e[1])
    truth = page.handing_back([page.W1, page.W2], [page.b1, page.b2], page.x, page.y)
    for k in range(2):
        written_out = x[k] * s_h[0] * w5 * s_o[0] * e[0] + x[k] * s_h[0] * w7 * s_o[1] * e[1]
        assert np.isclose(x[k] * delta, written_out, rtol=1e-13)
        assert np.isclose(written_out, truth[0][0, k], rtol=1e-12)
    assert np.isclose(delta, truth[2][0], rtol=1e-12)


def test_how_often_each_weight_is_a_factor(page):
    # 3 neurons of layer 1, 4 parameters each, 6 routes of 2 weights; in layer 2, 2 routes of 1 weight
    assert page.on_routes.total() == 3 * 4 * 6 * 2 + 3 * 4 * 2 * 1
    assert sum(page.handed_back.values()) == 3 * 3 + 2 * 3  # the weights of layers 2 and 3
    assert page.uses == [0, 8, 16]
    for line, n in page.on_routes.items():
        assert n == page.uses[line[0] - 1]


def test_every_formula_is_what_is_counted(page):
    for sizes in page.networks:
        assert page.counted(page.forward, sizes).multiplications == page.forward_cost(sizes)
        for name in page.ways:
            assert page.tallies[name, *sizes].multiplications == page.costs(sizes)[name]
        for name in (
            "handing back",
            "routes",
        ):  # one sigmoid for each neuron, and nothing more on the way back
            tally = page.tallies[name, *sizes]
            assert tally.exponentials == tally.divisions == sum(sizes[1:])
    for name, way in page.ways.items():  # six examples cost six times as much
        assert page.counted(way, [3, 4, 2], 6).multiplications == 6 * page.costs([3, 4, 2])[name]


def test_one_more_layer(page):
    for depth in (5, 6, 7):
        now, deeper = page.costs([10] * (depth + 1)), page.costs([10] * (depth + 2))
        assert deeper["handing back"] - now["handing back"] == 320
        assert deeper["routes"] > 10 * now["routes"]


def _nudging_is_cheaper(page, sizes):
    return page.costs(sizes)["nudging"] < page.costs(sizes)["routes"]


def test_nudging_beats_routes_from_four_equal_layers_on(page):
    for depth, gap in page.gaps.items():
        assert (gap < 0).all() if depth < 4 else (gap > 0).all()
    for depth in range(1, 30):
        assert {_nudging_is_cheaper(page, [m] * (depth + 1)) for m in range(2, 40)} == {depth >= 4}
    for sizes in ([4, 2, 2, 1, 1], [784, 128, 64, 10, 10]):
        assert not _nudging_is_cheaper(page, sizes)


def test_handing_back_is_the_cheapest_and_never_takes_four_passes(page):
    for sizes in SHAPES:
        cost = page.costs(sizes)
        assert cost["handing back"] == min(cost.values()) < sorted(cost.values())[1]
        assert page.backward_cost(sizes) < 4 * page.forward_cost(sizes)
    for depth, m in product((1, 2, 5, 50), (1, 2, 10, 1000)):
        ratio = page.backward_cost([m] * (depth + 1)) / page.forward_cost([m] * (depth + 1))
        assert np.isclose(ratio, 2 - 1 / depth + 2 / m, rtol=1e-12)


def test_the_function_and_all_its_derivatives_take_three_times_the_function(page):
    for sizes in [*map(list, product((1, 2, 4), repeat=3)), [4, 2, 2, 1]]:
        P, N, n_out = page.forward_cost(sizes), sum(sizes[1:]), sizes[-1]
        assert page.work(page.loss, sizes) == P + N + n_out
        assert page.work(page.everything, sizes) == 3 * P + 3 * N + n_out
    network = _networks(page)[0]
    dx = numerical_gradient(lambda x: page.loss(*network[:2], x, network[3]), network[2])
    np.testing.assert_allclose(page.everything(*network)[-1], dx[0], rtol=0, atol=1e-9)


# --- deeper/07_where_the_time_goes.ipynb --------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [[4, 3, 2], [5, 5], [3, 4, 4, 2]])
def test_passes_into_arrays_give_the_same_gradients(page, clock, sizes):
    weights, biases, targets, activations, deltas, slopes, gradients = clock.prepared(sizes, 5)
    clock.forward_into(activations, weights, biases)
    clock.backward_into(gradients, deltas, slopes, weights, activations, targets)
    for dp, same in zip(gradients, page.handing_back(weights, biases, activations[0], targets), strict=True):
        np.testing.assert_allclose(dp, same, rtol=1e-12)


@pytest.mark.parametrize(("sizes", "n"), [([64, 32, 10], 1), ([64, 32, 10], 32), ([784, 128, 64, 10], 256)])
def test_what_is_kept_and_held(page, clock, sizes, n):
    weights, biases, _, activations, *_ = clock.prepared(sizes, n)
    assert sum(a.nbytes for a in page.forward(weights, biases, activations[0])) == clock.kept(sizes, n)
    assert clock.held(sizes) == sum(p.nbytes for p in weights + biases)
    smallest = clock.smallest_batch(sizes)
    assert clock.kept(sizes, smallest) > clock.held(sizes) >= clock.kept(sizes, smallest - 1)


# --- The exercises ------------------------------------------------------------------------------------------


def test_the_slow_function_on_the_page_is_right_and_refused(capsys, words):
    def answer_of(start, end, leaving):
        answers = {end: 1}

        def answer(circle):
            if circle in answers:
                return answers[circle]
            total = 0
            for tip, slope in leaving[circle].items():
                total += answer(tip) * slope
            return total

        return answer(start)

    shown = words.split("right, but slow")[1].split("```python\n")[1].split("```")[0]
    assert textwrap.dedent(inspect.getsource(answer_of)) == shown
    for start, end, leaving in lesson_07.EXERCISES["07.3"].arguments()[:3]:
        assert answer_of(start, end, leaving) == lesson_07.answer_of(start, end, leaving)
    check("07.3", answer_of)
    said = " ".join(capsys.readouterr().out.split())
    assert "Your function looked at 120 circles more than 24,000 times. Each should keep its answer." in said


def test_other_right_answers_are_right(capsys):
    def with_get(arrows, end):
        answer = {circle: 0 for arrow in arrows for circle in arrow} | {end: 1}
        for tail, tip in list(arrows)[::-1]:
            answer[tail] = answer[tail] + arrows[tail, tip] * answer[tip]
        return answer

    def by_asking_once(arrows, end):
        answers = {end: 1}

        def answer(circle):
            if circle not in answers:
                answers[circle] = sum(s * answer(tip) for (a, tip), s in arrows.items() if a == circle)
            return answers[circle]

        return {circle: answer(circle) for arrow in arrows for circle in arrow}

    def in_the_loop(start, end, leaving):
        answers = {end: 1}

        def answer(circle):
            if circle not in answers:
                answers[circle] = sum(answer(tip) * slope for tip, slope in leaving[circle].items())
            return answers[circle]

        return answer(start)

    def with_all_items(start, end, leaving):
        answers = {end: 1}

        def answer(circle):
            if circle not in answers:
                parts = [
                    (tip, s) for tail, tips in leaving.items() if tail == circle for tip, s in tips.items()
                ]
                answers[circle] = sum(answer(tip) * s for tip, s in parts)
            return answers[circle]

        return answer(start)

    right = ("07.2", with_get), ("07.2", by_asking_once), ("07.3", in_the_loop), ("07.3", with_all_items)
    for key, found in right:
        check(key, found)
        assert capsys.readouterr().out.startswith(f"{key}: right")


def _walk_for_each_circle(arrows, end):
    return {circle: lesson_07.from_the_front(arrows, circle)[end] for arrow in arrows for circle in arrow}


def _along_every_route(arrows, end):
    def answer(circle):
        if circle == end:
            return 1
        return sum(s * answer(tip) for (tail, tip), s in arrows.items() if tail == circle)

    return {circle: answer(circle) for arrow in arrows for circle in arrow}


def _without_zeros(arrows, end):
    answer = {}
    answer[end] = 1
    for (tail, tip), slope in reversed(arrows.items()):
        answer[tail] += answer[tip] * slope
    return answer


def _multiplied(arrows, end):
    answer = defaultdict(int)
    answer[end] = 1
    for (tail, tip), slope in reversed(arrows.items()):
        answer[tail] *= answer[tip] * slope
    return answer


def _always_f(arrows, end):
    return lesson_07.from_the_back(arrows, "f")


def _emptied(arrows, end):
    answer = defaultdict(int)
    answer[end] = 1
    while arrows:
        (tail, tip), slope = arrows.popitem()
        answer[tail] += answer[tip] * slope
    return answer


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (_walk_for_each_circle, "crossed more arrows than there are"),
        (_along_every_route, "crossed more arrows than there are"),
        (
            _without_zeros,
            "the five circles, end = 'f'. The dictionary holds no 't' yet. Is that the right name? (A "
            "`defaultdict(int)` would answer 0.)",
        ),
        (_multiplied, "no answer leaves the end"),
        (_always_f, "the 1 always stands at f"),
        (_emptied, "changed its argument arrows: leave it as it was"),
    ],
)
def test_what_the_exercise_forbids_is_refused(wrong, says, capsys):
    check("07.2", wrong)
    said = " ".join(capsys.readouterr().out.split())
    assert says in said and "right:" not in said


@pytest.mark.parametrize(
    "look",
    [
        lambda leaving, circle: leaving[circle],
        lambda leaving, circle: leaving.get(circle, {}),
        lambda leaving, circle: dict(leaving.items())[circle],
    ],
)
def test_the_slow_function_is_stopped_however_it_looks(look, capsys):
    def answer_of(start, end, leaving):
        def answer(circle):
            return 1 if circle == end else sum(answer(tip) * s for tip, s in look(leaving, circle).items())

        return answer(start)

    check("07.3", answer_of)
    assert "Each should keep its answer." in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda arrows, end: {end: 1}, "has no"),
        (lambda arrows, end: 21, "Expected a dictionary, got the number 21"),
        (lambda arrows, end: {circle: ... for arrow in arrows for circle in arrow}, "not"),
    ],
)
def test_what_is_no_dictionary_of_every_circle_is_refused(wrong, says, capsys):
    check("07.2", wrong)
    said = " ".join(capsys.readouterr().out.split())
    assert says in said and "right:" not in said
