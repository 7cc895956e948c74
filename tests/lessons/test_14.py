"""Lesson 14 and its deeper page: the six walks, the package's twin, twenty starts, what the exercises say."""

from operator import attrgetter

import numpy as np
import pytest

from bphelpers import autodiff
from bphelpers.lessons import lesson_14
from bphelpers.numeric import numerical_gradient
from bphelpers.teaching import check, plots, widgets, yours
from tools.course.lesson import NOTEBOOKS
from tools.course.solved import solved

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


def test_the_table_on_the_page_is_this_one(words):
    rows = [line.replace("*", "").split("|")[2:4] for line in words.splitlines()
            if line.startswith("| ") and line.count("|") == 4]  # fmt: skip
    numbers = [tuple(int(cell) for cell in row) for row in rows if all(c.strip().isdigit() for c in row)]
    assert numbers == list(SHOWN.values())


@pytest.mark.parametrize("product", lesson_14.PRODUCTS)
@pytest.mark.parametrize(
    ("walk", "ends"), zip(lesson_14.WALKS, ((7, 7), (11, 14), (4, 7), (4, 7)), strict=True)
)
def test_the_picture_ends_where_the_walk_does(walk, ends, product):
    """The picture follows the walks of the table, in both spellings, and the table has their names."""
    end, steps = ends[lesson_14.PRODUCTS.index(product)], len(lesson_14.visits(walk, product))
    assert steps <= 8  # where the slider ends
    grads, following = lesson_14.state(walk, product, steps)
    assert (grads, following) == lesson_14.state(walk, product, steps + 5)
    assert following is None and grads["x"] == end == SHOWN[NAMES[walk]][lesson_14.PRODUCTS.index(product)]
    assert f"x {end}" in lesson_14.describe_walk(walk, product, steps)
    assert ("right" in lesson_14.describe_walk(walk, product, steps)) == (end == 7)


NAMES = dict(zip(lesson_14.WALKS, ("in order", "at once", "each once", "level by level"), strict=True))


def test_the_picture_says_how_the_product_is_spelled():
    for product in lesson_14.PRODUCTS:
        fig = plots.new_figure(7.0, 3.6)
        lesson_14.draw_walk(fig, lesson_14.WALKS[0], product, 1)
        assert product in [words.get_text() for words in fig.axes[0].texts]


def test_table_and_picture_call_the_walks_by_the_same_names(words):
    assert all(f"| {walk}" in words for walk in lesson_14.WALKS)


def test_the_right_walk_waits():
    assert "u has 4 and has to wait" in lesson_14.describe_walk(lesson_14.WALKS[0], "u * v", 1)
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


def test_the_counts_on_the_page(lesson):
    assert lesson.visits == [2 ** (n + 1) - 1 for n in range(21)]
    assert "2,097,151" in lesson_14.VISITS and lesson.visits[-1] == 2_097_151
    assert (len(lesson.in_order(lesson.total)), lesson.x.grad) == (50_002, 50_000)
    assert len(lesson.in_order(lesson.f)) == 5  # the circles of lesson 07
    assert len(lesson.in_order(lesson.E)) > 40  # as the deeper page says


def test_twelve_derivatives_from_the_front_as_well(lesson):
    found = [lesson.from_the_front(lesson.E, weight) for weight in lesson.weights]
    np.testing.assert_allclose(found, [weight.grad for weight in lesson.weights], rtol=1e-12)


def test_xor_is_learned_from_twenty_starts(lesson):
    for seed in range(20):
        params, losses = lesson.trained(seed)
        answers = [lesson.answer(params, point).data for point in lesson.points]
        np.testing.assert_allclose(answers, lesson.targets, atol=0.2)
        assert losses[-1] < 0.1 < 0.9 < losses[0]
        assert max(np.diff(losses)) < 0
    assert len(lesson.in_order(lesson.xor_loss(params))) == 182


def test_the_scrubber_shows_what_the_page_says(lesson):
    one = widgets.scrubber(lesson.g, names=vars(lesson))
    autodiff.Value.backward(lesson.g)
    found = {step.name: step.value for step in one.steps}
    names = "abcdg"
    assert [found[f"{name}.grad"] for name in names] == [getattr(lesson, name).grad for name in names]
    assert (found["a.grad"], found["b.grad"]) == (24, -20)
    under_c = [text for frame in one.data["steps"] for name, text in frame["sets"] if name == "c.grad"]
    assert under_c == ["−4 (1 of 2)", "−10"]
    said = [str(step) for step in one.steps if step.name == "c.grad"]
    assert said[0].startswith("g reports ") and said[1].startswith("d reports ")


def test_the_scrubber_follows_the_lessons_own_class(lesson):
    """Without operations, which the page's class doesn't keep, and without touching its gradients."""
    x, y = lesson.Value(1.0), lesson.Value(2.0)
    u = x + y
    f = u * (u + 1)
    steps = widgets.scrubber(f, names={"x": x, "y": y, "u": u, "f": f}).steps
    assert steps[1].sentence == "u is made of x and y: 3. Its note: the slope towards x 1, towards y 1."
    assert {step.name: step.value for step in steps}["x.grad"] == 7
    assert x.grad == 0


# --- The deeper page ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page():
    return solved(NOTEBOOKS / "deeper" / "14_forward_mode_and_arrays.ipynb").variables


def test_a_dual_number_gives_each_of_the_twelve(lesson, page):
    Dual = page.Dual
    values = [w.data for w in lesson.weights]
    T, X = lesson.T[0].tolist(), lesson.X[0].tolist()

    def squashed(z):
        a = 1 / (1 + np.exp(-z.value))
        return Dual(a, z.rate * a * (1 - a))

    for k, weight in enumerate(lesson.weights):
        w = [Dual(value, float(i == k)) for i, value in enumerate(values)]
        hidden = [squashed(w[2 * j] * X[0] + w[2 * j + 1] * X[1] + w[4 + j]) for j in (0, 1)]
        loss = Dual(0.0)
        for j in (0, 1):
            miss = squashed(w[6 + 2 * j] * hidden[0] + w[7 + 2 * j] * hidden[1] + w[10 + j]) + -T[j]
            loss = loss + miss * miss * 0.5
        assert np.isclose(loss.rate, weight.grad, rtol=1e-12)


def test_nodes_of_arrays_give_what_nodes_of_numbers_give(lesson, page):
    found = np.concatenate([node.grad.ravel() for node in page.nodes])
    np.testing.assert_allclose(found / 2, [w.grad for w in lesson.weights], rtol=1e-12)  # no half in mse


@pytest.mark.parametrize(
    "shapes", [((2, 1), (3,)), ((3,), (4, 3)), ((), (2, 3)), ((5, 1, 2), (4, 1)), ((1, 1), (2, 3))]
)
def test_a_broadcast_is_undone(page, shapes):
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=shape) for shape in shapes)
    dout = rng.normal(size=(a + b).shape)
    for value, other in ((a, b), (b, a)):
        expected = numerical_gradient(lambda x, other=other: (dout * (x + other)).sum(), value)
        found = page.summed_to(value.shape, dout)
        assert found.shape == value.shape
        np.testing.assert_allclose(found, expected, atol=1e-8)


def test_a_dual_number_through_the_way_back_is_a_hessian_times_a_vector(page):
    x, y, v, w = 1.5, -2.0, 0.5, 3.0
    dx, dy = page.gradients(page.Dual(x, v), page.Dual(y, w))
    assert (dx.value, dy.value) == (2 * x * y, x * x)
    assert (dx.rate, dy.rate) == (2 * y * v + 2 * x * w, 2 * x * v)


def test_checkpoints_keep_the_root_of_the_steps(page):
    assert [most for _, most in page.found] == [every + 100 // every - 1 for every in page.spacings]
    assert len({round(grad, 12) for grad, _ in page.found}) == 1
    measured = numerical_gradient(lambda z: run(page.step, z), 0.01, method="complex")
    assert np.isclose(page.found[0][0], measured, rtol=1e-12)
    z = np.linspace(0, 1, 7)
    np.testing.assert_allclose((page.step(z + 1e-6) - page.step(z - 1e-6)) / 2e-6, page.slope(z), rtol=1e-7)


def run(step, z, steps=100):
    for _ in range(steps):
        z = step(z)
    return z


def test_the_pictures_of_the_page_say_what_is_computed(page):
    for number in (*page.row.grad, *page.column.grad.ravel()):
        assert f" {number:g}" in lesson_14.SUMS
    assert f" {min(most for _, most in page.found)} at a spacing of 10" in lesson_14.KEPT


# --- The exercises ------------------------------------------------------------------------------------------


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


def _kahn_with_sets(root, parents_of):
    """Right on most graphs, wrong where a node is a parent twice of the same one."""
    users, todo = {root: set()}, [root]
    for node in todo:
        for parent in parents_of(node):
            users.setdefault(parent, set()).add(node)
            todo += [parent] if parent not in todo else []
    order, left = [], {node: len(found) for node, found in users.items()}
    ready = [root]
    while ready:
        node = ready.pop()
        order.append(node)
        for parent in parents_of(node):
            left[parent] -= 1
            ready += [parent] if left[parent] == 0 else []
    return order[::-1]


def _one_report_for_each_parent(order):
    for node in order:
        node.grad = 0.0
    order[-1].grad = 1.0
    for node in reversed(order):
        for parent, slope in dict(zip(node.parents, node.slopes, strict=True)).items():
            parent.grad += node.grad * slope
    return [node.grad for node in order]


def test_a_parent_that_is_used_twice_is_asked_for(capsys):
    check("14.1", _kahn_with_sets)
    assert "parents_of, which gives 7: [], 2: [7], 5: [2, 7, 7]" in " ".join(capsys.readouterr().out.split())
    check("14.2", _one_report_for_each_parent)
    assert "right:" not in capsys.readouterr().out


@pytest.mark.parametrize(("one", "says"), [("old", "keeps the grad that it had"), ("after", "too late")])
def test_the_one_at_the_loss_is_asked_for(one, says, capsys):
    check("14.2", lambda order: lesson_14._handed_back(order, one=one))
    assert says in capsys.readouterr().out
