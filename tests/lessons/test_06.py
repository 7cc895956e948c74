"""Lesson 06 and its pages: rows and columns, a batch's tables, what shapes stop, any number of layers."""

import functools
import re
from itertools import product

import numpy as np
import pytest

from bphelpers import functional as F
from bphelpers import nn
from bphelpers.lessons import lesson_06
from bphelpers.numeric import numerical_gradient
from bphelpers.teaching import check, yours
from bphelpers.teaching.gradcheck import check_network, check_op
from tools.course.lesson import NOTEBOOKS
from tools.course.solved import solved

RIGHT = lesson_06.RIGHT
WRONG = [line for line in lesson_06.LINES if line not in RIGHT]


@pytest.fixture(scope="module")
def letters():
    return solved(NOTEBOOKS / "deeper" / "06_which_letter_is_summed.ipynb").variables


@pytest.fixture(scope="module")
def routes():
    return solved(NOTEBOOKS / "deeper" / "06_every_route.ipynb").variables


# --- Rows and columns ---------------------------------------------------------------------------------------


def test_the_first_screen_is_what_happens(lesson, words):
    W, a, dz = lesson.W, lesson_06.A[0], lesson_06.DZ[0]
    np.testing.assert_array_equal(W, lesson_06.W)
    assert lesson.a.tolist() == a.tolist() and lesson.dz.tolist() == dz.tolist()
    sums, slopes = W @ a, dz @ W
    assert sums.tolist() == [6, 7, 9] and slopes.tolist() == [5, 4] == lesson.da.tolist()
    assert W[1].tolist() == [2, 3] and W[:, 0].tolist() == [1, 2, 5]
    for said in ("2 · 2 + 1 · 3 = 7", "2 · 1 + (−1) · 2 + 1 · 5 = 5"):
        assert said in lesson_06.FIRST and said in words.replace("**", "")
        assert eval(said.split("=")[0].replace("·", "*").replace("−", "-")) == int(said.split("=")[1])


def test_either_layout_needs_one_transpose():
    W, a, dz = lesson_06.W, lesson_06.A[0], lesson_06.DZ[0]
    forward = [sum(W[j, k] * a[k] for k in range(2)) for j in range(3)]
    backward = [sum(W[j, k] * dz[j] for j in range(3)) for k in range(2)]
    for columns, rows in ((W @ a, a @ W.T), (W @ a[:, None], (a[None, :] @ W.T).T)):
        np.testing.assert_array_equal(np.ravel(columns), forward)
        np.testing.assert_array_equal(rows, columns)
    np.testing.assert_array_equal(W.T @ dz, backward)
    np.testing.assert_array_equal(dz @ W, backward)


def test_the_three_products_of_the_batch(lesson):
    np.testing.assert_array_equal(lesson_06.A, [[2, 1], [-1, 2]])
    A, dZ, W, b = (np.array(array, dtype=float) for array in (
        lesson_06.A, lesson_06.DZ, lesson_06.W, [1, -1, 2]))  # fmt: skip

    def loss(A, W, b):
        return np.sum(dZ * (A @ W.T + b))

    measured = (
        numerical_gradient(lambda v: loss(v, W, b), A),
        numerical_gradient(lambda v: loss(A, v, b), W),
        numerical_gradient(lambda v: loss(A, W, v), b),
    )
    for found, truth in zip((lesson.dA, lesson.dW, lesson.db), measured, strict=True):
        np.testing.assert_allclose(found, truth, rtol=1e-7)
    assert lesson.dW.tolist() == [[3, 4], [-5, 5], [4, -3]] and lesson.db.tolist() == [3, 2, -1]
    for found, kept in zip((lesson.dA, lesson.dW, lesson.db), F.linear_backward(dZ, A, W), strict=True):
        np.testing.assert_array_equal(found, kept)


def test_the_tables_in_the_picture_and_in_words():
    tables = [np.outer(dz, a) for dz, a in zip(lesson_06.DZ, lesson_06.A, strict=True)]
    said = lesson_06.TABLES.replace("−", "-")
    for table in (*tables, sum(tables)):
        assert "rows " + ", ".join(" ".join(map(str, row)) for row in table.tolist()) in said
    drawn = [text.get_text().replace("−", "-") for text in lesson_06.tables().axes[0].texts]
    for table in (*tables, sum(tables)):
        assert all(str(number) in drawn for number in table.ravel())


def test_the_exercise_on_paper_is_what_a_nudge_finds(lesson, words):
    W, A, dZ = (np.array(eval(re.search(rf"`{name} = (\[\[.*?\]\])`", words)[1]), dtype=float)
                for name in ("W", "A", "dZ"))  # fmt: skip
    dA = numerical_gradient(lambda v: np.sum(dZ * (v @ W.T)), A)
    dW = numerical_gradient(lambda v: np.sum(dZ * (A @ v.T)), W)
    np.testing.assert_allclose(lesson.da_first, dA[0], rtol=1e-8)
    np.testing.assert_allclose(lesson.dW_batch, dW, rtol=1e-8)
    for table in (np.outer(dZ[0], A[0]), np.outer(dZ[1], A[1])):
        for row in table.astype(int):
            assert ", ".join(map(str, row)).replace("-", "−") in words


# --- What shapes stop ---------------------------------------------------------------------------------------


def _computed(line, dZ, A, W):
    arrays = {"dZ": dZ, "dZ.T": dZ.T, "A": A, "A.T": A.T, "W": W, "W.T": W.T}
    _, left, right = lesson_06.LINES[line]
    return arrays[left] @ arrays[right]


def _measured_verdict(line, n, k, j):
    rng = np.random.default_rng(6)
    dZ, A, W = rng.normal(size=(n, j)), rng.normal(size=(n, k)), rng.normal(size=(j, k))
    truth = {"dA": dZ @ W, "dW": dZ.T @ A}[lesson_06.LINES[line][0]]
    try:
        found = _computed(line, dZ, A, W)
    except ValueError:
        return "error"
    if found.shape != truth.shape:
        return "wrong shape"
    return "right" if np.allclose(found, truth) else "wrong numbers"


def test_the_words_on_the_sides_foretell_every_verdict():
    trials = [(line, *sizes) for line in lesson_06.LINES for sizes in product(range(2, 6), repeat=3)]
    assert len(trials) == 448
    for trial in trials:
        assert lesson_06.verdict(*trial) == _measured_verdict(*trial), trial
    let_through = [trial for trial in trials if lesson_06.verdict(*trial) == "wrong numbers"]
    assert all(len({*sizes}) < 3 for _, *sizes in let_through)
    assert all(lesson_06.verdict(line, n, n, n) == "wrong numbers" for line in WRONG for n in range(2, 6))


def test_when_each_wrong_line_gets_through(words):
    said = dict(re.findall(r"\| `(d[AW] = [^`]+)` \| (\w+ = \w+) \|", words))
    assert set(said) == set(WRONG) and len(WRONG) == 5
    for line, condition in said.items():
        one, other = condition.split(" = ")
        for sizes in product(range(2, 6), repeat=3):
            size = dict(zip(("examples", "inputs", "neurons"), sizes, strict=True))
            through = lesson_06.verdict(line, *sizes) == "wrong numbers"
            assert through == (size[one] == size[other]), (line, sizes)


def test_the_slider_opens_with_the_point(lesson):
    first = lesson.shapes.values
    assert first["line"] in ("dA = dZ @ W.T", lesson_06.LINES["dA = dZ @ W.T"])
    assert (first["examples"], first["inputs"], first["neurons"]) == (4, 3, 3)
    assert "neurons meet inputs" in str(lesson.shapes) and "numbers are wrong" in str(lesson.shapes)
    said = {lesson_06.describe_shapes(line, 4, 2, 3).split(". ", 2)[2] for line in lesson_06.LINES}
    assert len(said) == 3  # error, wrong shape, right


def test_the_check_notices_all_five_and_names_four(routes):
    expected = [["weights transposed on the way back"], ["no name"], ["transpose of dz missing"],
                ["inputs transposed"], ["transposed"]]  # fmt: skip
    assert [routes.names[line] for line in WRONG] == expected
    assert all(routes.names[line] == [] for line in RIGHT)


# --- Any number of layers -----------------------------------------------------------------------------------

EIGHT = [0.000439, 0.000877, 0.000498, 0.000995, 0.082167, 0.082668, -0.022603, -0.022740]


def test_the_eight_slopes_are_lesson_05s(lesson):
    p = {"W1": lesson.W1, "b1": lesson.b1, "W2": lesson.W2, "b2": lesson.b2}
    A = lesson.forward_all(lesson.X, p)
    grads = lesson.backward((A[-1] - lesson.y) / len(lesson.X), A, p)
    assert [*grads["W1"].ravel().round(6), *grads["W2"].ravel().round(6)] == EIGHT
    x, h, o, y = (array[0] for array in (lesson.X, A[1], A[2], lesson.y))
    d_o = [(o[j] - y[j]) * o[j] * (1 - o[j]) for j in range(2)]  # number by number
    d_h = [sum(d_o[j] * p["W2"][j, k] for j in range(2)) * h[k] * (1 - h[k]) for k in range(2)]
    np.testing.assert_allclose(grads["W1"], np.outer(d_h, x), rtol=1e-13)
    np.testing.assert_allclose(grads["W2"], np.outer(d_o, h), rtol=1e-13)
    np.testing.assert_allclose(grads["b1"], d_h, rtol=1e-13)
    np.testing.assert_allclose(grads["b2"], d_o, rtol=1e-13)
    assert p["W2"].ravel().tolist() == [0.4, 0.45, 0.5, 0.55]  # w5 to w8: w5 and w7 are column 1


def test_the_lessons_functions_are_the_modules(lesson):
    p = lesson_06.fresh([3, 4, 2], 1)
    X, dA = np.random.default_rng(0).normal(size=(5, 3)), np.random.default_rng(1).normal(size=(5, 2))
    A = lesson.forward_all(X, p)
    for found, kept in zip(A, lesson_06.forward_all(X, p), strict=True):
        np.testing.assert_allclose(found, kept, rtol=1e-14)
    found, kept = lesson.backward_all(dA, A, p), lesson_06.backward_all(dA, A, p)
    assert set(found) == set(kept) == set(p)
    for name in p:
        np.testing.assert_array_equal(found[name], kept[name])
    y = np.random.default_rng(2).uniform(size=(5, 2))
    measured = lesson_06.nudged(lesson.loss, p, X, y)
    for name, grad in lesson.backward_all((A[-1] - y) / 5, A, p).items():
        np.testing.assert_allclose(grad, measured[name], rtol=1e-6, atol=1e-10)


def test_any_depth_agrees_with_differences_and_with_the_package(letters):
    assert [report.ok for report in letters.reports] == [True] * 3
    rng = np.random.default_rng(6)
    for sizes in ([3, 5, 2], [3, 4, 5, 2], [4, 5, 3, 6, 2, 5, 3]):
        p = {name: rng.normal(size=array.shape) for name, array in lesson_06.fresh(sizes, 0).items()}
        net, loss = letters.as_layers(sizes, p, rng), nn.MSELoss()
        X, y = rng.normal(size=(7, sizes[0])), rng.uniform(size=(7, sizes[-1]))
        A = lesson_06.forward_all(X, p)
        grads = lesson_06.backward_all(2 * (A[-1] - y) / len(X), A, p)
        loss.forward(net.forward(X), y)
        net.backward(loss.backward())
        for parameter in net.parameters():
            np.testing.assert_allclose(grads[parameter.name], parameter.grad, rtol=1e-12)


def test_a_batch_is_the_mean_of_its_examples(letters):
    for name, found in letters.together.items():
        np.testing.assert_allclose(found, sum(s[name] for s in letters.singles) / 3, rtol=1e-12)
    p = {name: getattr(letters, name) for name in ("W1", "b1", "W2", "b2")}

    def mean_loss(p):
        return np.sum((lesson_06.forward_all(letters.X, p)[-1] - letters.y) ** 2) / 2 / 3

    measured = lesson_06.nudged(mean_loss, p)
    for name in p:
        np.testing.assert_allclose(letters.together[name], measured[name], rtol=1e-6, atol=1e-10)


def test_only_what_came_through_the_turned_matrix_is_wrong(lesson, routes):
    off = {name for name in lesson.p if not np.allclose(lesson.grads[name], lesson.nudged[name])}
    assert off == {"W1", "b1"}
    assert [found.name for found in routes.report.arrays if not found.ok] == ["W1", "b1"]
    assert routes.report["W1"].diagnosis.mistake == "weights transposed on the way back"
    assert sum(array.size for array in lesson.p.values()) == 1482


def test_training_does_not_tell(lesson, routes):
    right, turned, closed = (routes.results[way] for way in ("right", "transposed", "closed"))
    assert right.shape == turned.shape == closed.shape == (10, 3)
    assert all(turned[:, 0] < right[:, 0])  # after ten passes, behind from each start
    assert abs(turned[:, 2] - right[:, 2]).max() < 0.02 and min(turned[:, 2].min(), right[:, 2].min()) > 0.93
    assert all(closed[:, 2] < turned[:, 2])
    assert [lesson.right[done] for done in (9, 29, 59)] == list(right[0])
    assert [lesson.wrong[done] for done in (9, 29, 59)] == list(turned[0])
    assert max(lesson.right[0], lesson.wrong[0]) < 0.2


# --- The pages beside the lesson ----------------------------------------------------------------------------


def test_letters_and_products(letters):
    A, dZ, W = letters.A, letters.dZ, letters.W
    assert np.array_equal(np.einsum("nk,jk->nj", A, W), A @ W.T)
    assert np.array_equal(letters.by_letters["dA"], dZ @ W)
    assert np.array_equal(letters.by_letters["dW"], dZ.T @ A)
    for name, found in letters.by_products.items():
        np.testing.assert_allclose(found, letters.nudged[name], rtol=1e-8)
    assert letters.nudged["dW"][1, 2] == pytest.approx(sum(dZ[n, 1] * A[n, 2] for n in range(4)), rel=1e-8)
    assert np.array_equal(letters.both, np.column_stack([dZ.T @ A, dZ.sum(axis=0)]))
    found = letters.columns_backward(dZ.T, A.T, W)
    for one, other in zip((found[0].T, *found[1:]), letters.by_products.values(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert check_op("linear", lambda d, x, W: (d @ W, d.T @ x, d.sum(axis=0)), A, W, letters.b).ok


def test_jacobians(letters):
    a, dz, W = letters.a, letters.dz, letters.W
    np.testing.assert_allclose(letters.J, W, rtol=1e-8)
    np.testing.assert_allclose(W @ (a + letters.movement) - W @ a, letters.J @ letters.movement, rtol=1e-8)
    np.testing.assert_allclose(dz @ letters.J, letters.nudged_a, rtol=1e-8)
    np.testing.assert_allclose(letters.J.T @ dz, letters.nudged_a, rtol=1e-8)
    np.testing.assert_allclose(letters.J_W, np.kron(np.eye(2), a), rtol=0, atol=1e-8)
    np.testing.assert_allclose((dz @ letters.J_W).reshape(2, 3), np.outer(dz, a), rtol=1e-8)
    np.testing.assert_allclose(letters.J_sigmoid, np.diag(letters.slope), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(dz @ letters.J_sigmoid, dz * letters.slope, rtol=1e-8)
    assert round(letters.megabytes) == 103


def test_the_routes_of_kostadinovs_network(routes):
    s, k, h, p = routes.s, routes.k, routes.h, routes.ours
    by_hand = [2 * (s - routes.y) * s * (1 - s) * p["W3"][0, m] * k[m] * (1 - k[m]) * p["W2"][m, 1]
               * h[1] * (1 - h[1]) * routes.x[2] for m in range(2)]  # fmt: skip
    np.testing.assert_allclose(routes.routes, by_hand, rtol=1e-12)
    assert sum(by_hand) == pytest.approx(1.181589e-03, rel=1e-6)
    net = nn.Sequential(*(layer for n_in, n_out in ((4, 2), (2, 2), (2, 1)) for layer in (
        nn.Linear(n_in, n_out, rng=np.random.default_rng(0)), nn.Sigmoid())))  # fmt: skip
    p = {name: p[name] for name in ("W1", "b1", "W2", "b2", "W3")} | {"b3": np.zeros(1)}
    net.load_state_dict(p)
    A = lesson_06.forward_all(routes.x[None, :], p)
    grads = lesson_06.backward_all(2 * (A[-1] - routes.y), A, p)
    assert grads["W1"][1, 2] == pytest.approx(sum(by_hand), rel=1e-12)
    assert check_network(net, nn.MSELoss(), routes.x[None, :], np.array([[routes.y]]), grads=grads).ok


# --- The exercises ------------------------------------------------------------------------------------------


def _said(capsys, key, answer):
    check(key, answer)
    return " ".join(capsys.readouterr().out.split())


def test_other_right_answers_are_right(lesson, capsys):
    def with_loops(dA, A, p):
        grads = {name: np.zeros(array.shape) for name, array in p.items()}
        for l in reversed(range(1, len(p) // 2 + 1)):
            dZ = dA * (A[l] - A[l] ** 2)
            for n in range(len(dZ)):
                for j in range(dZ.shape[1]):
                    grads[f"b{l}"][j] += dZ[n, j]
                    for k in range(A[l - 1].shape[1]):
                        grads[f"W{l}"][j, k] += dZ[n, j] * A[l - 1][n, k]
            dA = np.einsum("nj,jk->nk", dZ, p[f"W{l}"])
        return grads

    def from_first_to_last(dA, A, p):
        grads, last = {}, len(A) - 1
        for back in range(last):
            l = last - back
            dZ = F.sigmoid_backward(dA, A[l])
            dA, grads["W" + str(l)], grads["b" + str(l)] = F.linear_backward(dZ, A[l - 1], p["W" + str(l)])
        return dict(sorted(grads.items())) | {"dX": dA}

    for answer in (with_loops, from_first_to_last):
        assert _said(capsys, "06.2", answer).startswith("06.2: right")
    for paper in (([5, 3], [[-1, 4], [10, 2]]), (np.array([5.0, 3]), np.array([[-1, 4], [10, 2]]))):
        assert _said(capsys, "06.1", paper).startswith("06.1: right")

    def repaired(X, y, W1, b1, W2, b2):
        A1 = F.sigmoid(X @ W1 + b1)
        A2 = F.sigmoid(A1 @ W2 + b2)
        dZ2 = (A2 - y) / len(X) * A2 * (1 - A2)
        dZ1 = (W2 @ dZ2.T).T * A1 * (1 - A1)
        return [X.T @ dZ1, sum(dZ1), A1.T @ dZ2, len(X) * dZ2.mean(axis=0)]

    assert _said(capsys, "06.3", repaired).startswith("06.3: right")


def _pass(
    line_of_dA="dZ @ p[f'W{l}']",
    line_of_dW="dZ.T @ A[l - 1]",
    before="",
    last="grads",
    count="len(A) - 1, 0, -1",
):
    source = (
        f"def backward_all(dA, A, p):\n    grads = {{}}\n    for l in range({count}):\n"
        f"        {before or 'pass'}\n        dZ = dA * A[l] * (1 - A[l])\n"
        f"        grads[f'W{{l}}'] = {line_of_dW}\n        grads[f'b{{l}}'] = dZ.sum(axis=0)\n"
        f"        dA = {line_of_dA}\n    return {last}\n"
    )
    room = {"np": np}
    exec(source, room)
    return room["backward_all"]


def two_layers_written_out(dA, A, p):
    dZ2 = dA * A[2] * (1 - A[2])
    dZ1 = dZ2 @ p["W2"] * A[1] * (1 - A[1])
    return {"W1": dZ1.T @ A[0], "b1": dZ1.sum(axis=0), "W2": dZ2.T @ A[1], "b2": dZ2.sum(axis=0)}


def open_stub(dA, A, p):
    grads = {}
    for _ in range(len(A) - 1, 0, -1):
        ...
    return grads


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (_pass(line_of_dA="dZ @ p[f'W{l}'].T"), "dA is dZ @ W.T: back to the inputs you need the columns"),
        (
            _pass(line_of_dW="dZ @ A[l - 1]"),
            "the left factor must have as many columns as the right one has rows",
        ),
        (_pass(line_of_dW="A[l - 1].T @ dZ"), "dW lies on its side"),
        (_pass(line_of_dW="dZ.T @ A[l]"), "the weights multiply A[layer - 1]"),
        (_pass(before="dA *= 1"), "right"),
        (_pass(before="dA *= 2"), "changed its argument dA"),
        (_pass(last="tuple(grads.values())"), "Expected a dictionary"),
        (_pass(last="{'W1': grads['W1']}"), "Your dictionary has no"),
        (
            _pass(line_of_dA="0; return grads"),
            "has no W1, b1. If a loop fills it, `return` stands after the loop",
        ),
        (_pass(count="len(A), 0, -1"), "There is no A[3]: this network has 2 layers, and `A` one entry more"),
        (two_layers_written_out, "There is no A[2]: this network has 1 layer, and `A` one entry more"),
        (open_stub, "not answered yet"),
    ],
)
def test_what_is_said_of_a_wrong_pass(wrong, says, capsys):
    assert says in _said(capsys, "06.2", wrong)


def test_the_pass_is_tried_on_more_than_one_shape():
    """One, two and three layers, three widths, and batches of other sizes than the layers."""
    shapes = [(len(A) - 1, A[0].shape) for _, A, _ in lesson_06.EXERCISES["06.2"].arguments()]
    assert {depth for depth, _ in shapes} == {1, 2, 3} and all(n != width for _, (n, width) in shapes)
    p = lesson_06.fresh([2, 3, 4, 1], 0)  # and the course's runs where all sizes differ
    A = lesson_06.forward_all(np.ones((5, 2)), p)
    grads = lesson_06.backward_all(np.ones((5, 1)), A, p)
    assert {name: grad.shape for name, grad in grads.items()} == {name: a.shape for name, a in p.items()}


def test_the_broken_program_is_wrong_as_the_page_says(capsys, page):
    (stub,) = [cell.source for cell in page.code if cell.source.startswith("def gradients")]
    room = {"F": F}
    exec("\n".join(line for line in stub.splitlines() if "..." not in line), room)
    assert "You get exactly this when nothing has been repaired yet." in _said(
        capsys, "06.3", room["gradients"]
    )
    for case in lesson_06.EXERCISES["06.3"].arguments():
        X, y, *p = case

        def loss(k, v, X=X, y=y, p=p):
            W1, b1, W2, b2 = (*p[:k], v, *p[k + 1 :])
            return np.sum((F.sigmoid(F.sigmoid(X @ W1 + b1) @ W2 + b2) - y) ** 2) / 2 / len(X)

        found, truth = room["gradients"](*case), lesson_06.repaired(*case)
        for k, right in enumerate(truth):
            nudged = numerical_gradient(functools.partial(loss, k), p[k])
            np.testing.assert_allclose(right, nudged, rtol=1e-6, atol=1e-9)
        assert not np.allclose(found[0], truth[0]) and not np.allclose(found[1], truth[1])
        np.testing.assert_allclose(found[2], truth[2])
        np.testing.assert_allclose(found[3] * len(X), truth[3])


def test_what_is_said_of_a_rewritten_program_and_of_another_order(capsys):
    def ours(X, y, W1, b1, W2, b2):
        A1 = F.sigmoid(X @ W1.T + b1)
        A2 = F.sigmoid(A1 @ W2.T + b2)
        dZ2 = (A2 - y) / len(X) * A2 * (1 - A2)
        dZ1 = dZ2 @ W2 * A1 * (1 - A1)
        return dZ1.T @ X, dZ1.sum(axis=0), dZ2.T @ A1, dZ2.sum(axis=0)

    def last_layer_first(*arrays):
        dW1, db1, dW2, db2 = lesson_06.repaired(*arrays)
        return dW2, db2, dW1, db1

    assert "rewritten in our layout" in _said(capsys, "06.3", ours)
    assert "layer 2 comes first" in _said(capsys, "06.3", last_layer_first)


def test_the_lesson_goes_on_with_the_learners_function(lesson, capsys):
    assert yours("06.2", lesson.backward_all, lesson_06.backward_all) is lesson.backward_all
    assert "your function does the work" in capsys.readouterr().out


def test_what_is_said_under_check_yourself():
    assert (np.zeros((1, 4)) - 0.1 * np.zeros((4, 1))).shape == (4, 4)
    p = lesson_06.fresh([2, 3, 2], 0)
    X, y = np.array([[0.3, -1.0]]), np.array([[1.0, 0.0]])

    def gradient(X, y):
        A = lesson_06.forward_all(X, p)
        return lesson_06.backward_all((A[-1] - y) / len(X), A, p)

    twice, once = gradient(np.vstack([X, X]), np.vstack([y, y])), gradient(X, y)
    for name in p:
        np.testing.assert_allclose(twice[name], once[name], rtol=1e-12)


def test_each_of_the_fields_words_is_bold_once(words):
    for term in ("transpose", "vectorisation", "Jacobian", "outer product"):
        assert words.count(f"**{term}**") == 1
