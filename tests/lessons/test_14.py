"""Lesson 14: the six walks, the package's twin, training from ten starts, what the exercises say."""

from operator import attrgetter

import numpy as np
import pytest

from bphelpers import autodiff
from bphelpers.lessons import lesson_14
from bphelpers.teaching import check, yours

SHOWN = {  # as in the table on the first screen: f = u * v, f = v * u
    "at once": (11, 14),
    "each once": (4, 7),
    "level by level": (4, 7),
    "parents first": (0, 0),
    "along every path": (7, 7),
    "in order": (7, 7),
}


def _graph(turned):
    x, y = autodiff.Value(1.0), autodiff.Value(2.0)
    u = x + y
    v = u + 1
    f = v * u if turned else u * v
    f.grad = 1.0
    return x, f


def _hand_on(node):
    for parent, slope in zip(node.parents, node.slopes, strict=True):
        parent.grad += node.grad * slope


def _at_once(node):
    _hand_on(node)
    for parent in node.parents:
        _at_once(parent)


def _each_once(node, seen=None):
    seen = set() if seen is None else seen
    if node not in seen:
        seen.add(node)
        _hand_on(node)
        for parent in node.parents:
            _each_once(parent, seen)


def _level_by_level(root):
    queue = [root]
    for node in queue:
        _hand_on(node)
        queue += [parent for parent in node.parents if parent not in queue]


def _parents_first(node, seen=None):
    seen = set() if seen is None else seen
    if node not in seen:
        seen.add(node)
        for parent in node.parents:
            _parents_first(parent, seen)
        _hand_on(node)


def _along_every_path(node, blame=1.0):
    node.grad += blame
    for parent, slope in zip(node.parents, node.slopes, strict=True):
        _along_every_path(parent, blame * slope)


def _in_order(root):
    for node in reversed(autodiff.topological_order(root, attrgetter("parents"))):
        _hand_on(node)


WALKS = dict(zip(SHOWN, (_at_once, _each_once, _level_by_level, _parents_first, _along_every_path, _in_order),
                 strict=True))  # fmt: skip


@pytest.mark.parametrize("walk", SHOWN)
def test_the_six_walks_give_what_the_table_says(walk):
    found = []
    for turned in (False, True):
        x, f = _graph(turned)
        WALKS[walk](f)
        found.append(x.grad)
    assert tuple(found) == SHOWN[walk]


def test_the_table_on_the_page_is_this_one(lesson_text):
    rows = [line.replace("*", "").split("|")[2:4] for line in lesson_text.splitlines()
            if line.startswith("| ") and line.count("|") == 4]  # fmt: skip
    numbers = [tuple(int(cell) for cell in row) for row in rows if all(c.strip().isdigit() for c in row)]
    assert numbers == list(SHOWN.values())


@pytest.fixture
def lesson_text():
    from tools.course.lesson import NOTEBOOKS, Lesson

    return Lesson.read(NOTEBOOKS / "14_autodiff.ipynb").words


@pytest.mark.parametrize(
    ("walk", "end"), zip(lesson_14.WALKS, (7, 11, 4, 4), strict=True)
)  # the picture follows the same walks
def test_the_picture_ends_where_the_walk_does(walk, end):
    steps = len(lesson_14.visits(walk))
    assert lesson_14.state(walk, steps) == (lesson_14.state(walk, steps + 5)[0], None)
    assert lesson_14.state(walk, steps)[0]["x"] == end
    assert f"x {end}" in lesson_14.describe_walk(walk, steps)
    assert ("right" in lesson_14.describe_walk(walk, steps)) == (end == 7)


def test_the_right_walk_waits():
    assert "u has 4 and has to wait" in lesson_14.describe_walk(lesson_14.WALKS[0], 1)
    assert lesson_14.visits(lesson_14.WALKS[1]) == ["f", "u", "x", "y", "v", "u", "x", "y"]


def test_the_lessons_class_is_the_packages(lesson):
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b, c = rng.normal(size=3).tolist()
        grads = []
        for Value, backward in ((lesson.Value, lesson.backward), (autodiff.Value, autodiff.Value.backward)):
            x, y, z = Value(a), Value(b), Value(c)
            u = x * y + z
            f = u * (u + x) * y
            backward(f)
            grads.append([f.data, x.grad, y.grad, z.grad])
        np.testing.assert_allclose(grads[0], grads[1], rtol=1e-14)


def test_twelve_derivatives_by_forward_mode_as_well(lesson):
    Dual = lesson.Dual
    values = [w.data for w in lesson.weights]
    T, X = lesson.T[0], lesson.X[0]

    def squashed(z):
        a = 1 / (1 + np.exp(-z.value))
        return Dual(a, z.slope * a * (1 - a))

    for k, weight in enumerate(lesson.weights):
        w = [Dual(value, float(i == k)) for i, value in enumerate(values)]
        hidden = [squashed(w[2 * j] * Dual(X[0]) + w[2 * j + 1] * Dual(X[1]) + w[4 + j]) for j in (0, 1)]
        loss = Dual(0.0)
        for j in (0, 1):
            miss = squashed(w[6 + 2 * j] * hidden[0] + w[7 + 2 * j] * hidden[1] + w[10 + j]) + -T[j]
            loss = loss + miss * miss * Dual(0.5)
        assert np.isclose(loss.slope, weight.grad, rtol=1e-12)


def test_xor_is_learned_from_ten_starts(lesson):
    for seed in range(10):
        params, losses = lesson.trained(seed)
        answers = [lesson.output(params, p).data for p in ((0, 0), (0, 1), (1, 0), (1, 1))]
        assert losses[-1] < 1e-3 < losses[0]
        np.testing.assert_allclose(answers, [-1, 1, 1, -1], atol=0.1)
    assert len(lesson.in_order(lesson.xor_loss(params))) == 346


def test_a_recursive_order_stops_and_is_told_so(capsys):
    def recursive(root, parents_of):
        found = []

        def visit(node):
            if node not in found:
                for parent in parents_of(node):
                    visit(parent)
                found.append(node)

        visit(root)
        return found

    check("14.1", recursive)
    assert "RecursionError" in capsys.readouterr().out
    assert yours("14.1", recursive, sorted) is sorted


def test_the_lesson_goes_on_with_what_is_right(capsys):
    right = lesson_14.EXERCISES["14.3"].reference

    def mine(z):
        return right(z)

    assert yours("14.3", mine, right) is mine
    assert capsys.readouterr().out == "14.3: from here on, your function does the work.\n"
    for wrong in (lambda z: (z, z), lambda z: None, lambda z: 1 / 0, ..., 3.0):
        assert yours("14.3", wrong, right) is right
        assert "until yours is right" in capsys.readouterr().out


def test_the_broken_function_on_the_page_gives_three():
    def grads_of(order):
        order[-1].grad = 1.0
        for node in reversed(order):
            for parent, slope in zip(node.parents, node.slopes, strict=True):
                parent.grad = node.grad * slope
        return [node.grad for node in order]

    x, f = _graph(turned=False)
    grads_of(autodiff.topological_order(f, attrgetter("parents")))
    assert x.grad == 3


def test_nothing_set_back_to_zero_gives_24():
    x, f = _graph(turned=False)
    _in_order(f)
    f.grad = 1.0
    _in_order(f)
    assert x.grad == 24


def test_start_2_climbs_at_this_rate_and_never_at_half_of_it(lesson):
    climbs = [max(np.diff(lesson.trained(2, steps=200, lr=lr)[1])) for lr in (0.1, 0.05)]
    assert climbs[0] > 0.1
    assert climbs[1] < 0
