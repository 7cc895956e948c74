"""Lesson 05 and its deeper pages, above all against fifty digits that share no code with them."""

import json
import re
from importlib.resources import files

import numpy as np
import pytest
from mpmath import exp, mp, mpf

import bphelpers as bp
from bphelpers import data, nn, optim
from bphelpers import functional as F
from bphelpers.lessons import lesson_05
from bphelpers.numeric import numerical_gradient
from bphelpers.teaching import check, gradcheck, yours
from tests.starts import starts
from tools.course.lesson import NOTEBOOKS
from tools.course.solved import solved

DIGITS = 50
CLAIMS = json.loads(files("bphelpers.datasets").joinpath("worked_examples.json").read_text("utf-8"))["mazur"]


def sigma(z):
    return 1 / (1 + exp(-z))


def loss_of(w, b):
    """Outputs of the four neurons and the loss, in whatever precision is set."""
    i1, i2, t1, t2 = (mpf(text) for text in ("0.05", "0.10", "0.01", "0.99"))
    h1, h2 = sigma(w[0] * i1 + w[1] * i2 + b[0]), sigma(w[2] * i1 + w[3] * i2 + b[1])
    o1, o2 = sigma(w[4] * h1 + w[5] * h2 + b[2]), sigma(w[6] * h1 + w[7] * h2 + b[3])
    return h1, h2, o1, o2, ((t1 - o1) ** 2 + (t2 - o2) ** 2) / 2


@pytest.fixture(scope="module")
def exact():
    """All numbers of one update; derivatives from differences so small that fifty digits are right."""
    with mp.workdps(3 * DIGITS):
        w = [mpf(text) for text in ("0.15", "0.20", "0.25", "0.30", "0.40", "0.45", "0.50", "0.55")]
        b = [mpf(text) for text in ("0.35", "0.35", "0.60", "0.60")]
        h = mpf(10) ** -DIGITS

        def slope(values, k, f):
            up, down = ([v + s * h * (j == k) for j, v in enumerate(values)] for s in (1, -1))
            return (f(up) - f(down)) / (2 * h)

        dw = [slope(w, k, lambda moved: loss_of(moved, b)[-1]) for k in range(8)]
        db = [slope(b, k, lambda moved: loss_of(w, moved)[-1]) for k in range(4)]
        after = [value - d / 2 for value, d in zip(w, dw, strict=True)]
        return {"w": w, "b": b, "forward": loss_of(w, b), "dw": dw, "db": db, "after": after,
                "L_after": loss_of(after, b)[-1]}  # fmt: skip


def close(ours, exactly, tolerance=1e-12):
    pairs = zip(np.ravel(ours), exactly, strict=True)
    worst = max(abs((mpf(float(a)) - e) / e) for a, e in pairs)
    assert worst < tolerance, f"relative difference {mp.nstr(worst, 3)}"


def numbers(lesson):
    """The lesson's twelve slopes, weights first, as its own function finds them."""
    start = lesson.start_W1, lesson.start_b1, lesson.start_W2, lesson.start_b2
    dW1, db1, dW2, db2 = lesson.gradient(lesson.x, lesson.y, *start)
    return np.append(dW1, dW2), np.append(db1, db2)


# --- The first screen and the fork --------------------------------------------------------------------------


def test_the_chain_in_whole_numbers():
    def loss(w1, w2, x=3, y=26):
        return (w2 * w1 * x - y) ** 2 / 2

    assert loss(2, 5) == 8
    np.testing.assert_allclose(
        numerical_gradient(lambda w: loss(*w), np.array([2.0, 5.0])), [60, 24], rtol=1e-8
    )
    np.testing.assert_allclose(
        numerical_gradient(lambda h: (5 * h[0] - 26) ** 2 / 2, np.array([6.0])), 20, rtol=1e-8
    )
    np.testing.assert_allclose(
        numerical_gradient(lambda w: loss(*w), np.array([2.0, 0.0])), [0, -156], atol=1e-7
    )
    for told in ("h = 6", "o = 30", "L = 8", "target is 26"):
        assert told in lesson_05.CHAIN
    for told in ("30 − 26 = 4 comes back to o", "4 · 5 = 20 comes back to h"):
        assert told in lesson_05.CHAIN_BACK and told not in lesson_05.CHAIN


def test_two_outputs_send_back_two_amounts(lesson):
    def loss(h, y1=26, y2=20):
        return (5 * h - y1) ** 2 / 2 + (3 * h - y2) ** 2 / 2

    assert (loss(6), lesson.do1, lesson.do2) == (10, 4, -2)
    slope = numerical_gradient(lambda h: loss(h[0]), np.array([6.0]))
    np.testing.assert_allclose(slope, 14, rtol=1e-8)
    assert lesson_05.PREDICTIONS["05.B"].options == ("20", "14", "7")
    assert all(told in lesson_05.TWO_ANSWERS for told in ("4 · 5 = 20", "−2 · 3 = −6", "together 14"))


# --- All eight ----------------------------------------------------------------------------------------------


def test_the_network_on_the_page_is_the_published_one(lesson):
    example = data.mazur()
    np.testing.assert_array_equal(lesson.w, np.append(example.W1, example.W2))
    np.testing.assert_array_equal(lesson.b, np.append(example.b1, example.b2))
    np.testing.assert_array_equal([lesson.x, lesson.y], [example.x[0], example.y[0]])
    assert lesson.lr == example.lr == 0.5
    for W, start in ((example.W1, lesson.start_W1), (example.W2, lesson.start_W2)):
        np.testing.assert_array_equal(W, start)


def test_forward_values(lesson, exact):
    close([*lesson.forward(lesson.w, lesson.b), lesson.loss(lesson.w, lesson.b)], exact["forward"])


def test_eight_derivatives_and_four_of_the_biases(lesson, exact):
    close(lesson.dw, exact["dw"])
    dw, db = numbers(lesson)
    close(dw, exact["dw"])
    close(db, exact["db"])
    close([lesson.dnet_h1, lesson.dnet_h2, lesson.dnet_o1, lesson.dnet_o2], exact["db"])
    close(lesson_05.EXERCISES["05.1"].reference, [exact["dw"][3]])
    close(lesson_05.DNET_H2, [exact["db"][1]])


def test_how_wrong_how_steep_what_came_in(lesson):
    h1, h2, o1, o2 = lesson.forward(lesson.w, lesson.b)
    i1, i2 = lesson.x
    wrong = {"o1": o1 - lesson.t1, "o2": o2 - lesson.t2}
    steep = {"h1": h1 * (1 - h1), "h2": h2 * (1 - h2), "o1": o1 * (1 - o1), "o2": o2 * (1 - o2)}
    delta = {name: wrong[name] * steep[name] for name in wrong}
    for k, name in enumerate(("h1", "h2")):
        delta[name] = (delta["o1"] * lesson.w[4 + k] + delta["o2"] * lesson.w[6 + k]) * steep[name]
    edges = [("h1", i1), ("h1", i2), ("h2", i1), ("h2", i2), ("o1", h1), ("o1", h2), ("o2", h1), ("o2", h2)]
    np.testing.assert_allclose([delta[name] * came_in for name, came_in in edges], lesson.dw, rtol=1e-14)
    assert [f"{delta[name]:.4f}" for name in ("o1", "o2", "h1", "h2")] == [
        "0.1385",
        "-0.0381",
        "0.0088",
        "0.0100",
    ]
    assert "o1 +0.1385, o2 −0.0381, h1 +0.0088, h2 +0.0100" in lesson_05.SLOPES
    assert 180 < lesson.dw5 / lesson.dw1 < 200


def test_the_formulas_in_the_moves(lesson):
    """The roundings in the text."""
    products = (0.7414 * 0.1868, -0.2171 * 0.1755, 0.1385 * 0.40 - 0.0381 * 0.50, 0.1385 * 0.5933)
    assert [f"{value:.4f}" for value in products] == ["0.1385", "-0.0381", "0.0364", "0.0822"]
    assert f"{0.0364 * 0.2413:.4f}" == "0.0088" and f"{0.0088 * 0.05:.5f}" == "0.00044"
    found = (lesson.dnet_o1, lesson.dnet_o2, lesson.dout_h1, lesson.dnet_h1, lesson.dw5, lesson.dw1)
    told = ["0.138", "-0.0381", "0.0364", "0.00877", "0.0822", "0.000439"]
    assert [f"{value:.3g}" for value in found] == told


def test_the_scrubbers_steps_are_the_lessons_numbers(lesson):
    net, x, y, lr = bp.trace.running_example()
    step = {one.name: one.value for one in bp.trace.trace(net, bp.trace.HalfSquares(), x, y, lr)}
    rows = [f"dW{layer}_{j}{k}" for layer in (1, 2) for j in (1, 2) for k in (1, 2)]
    np.testing.assert_allclose([step[row] for row in rows], lesson.dw, rtol=1e-13)
    deltas = [step[name] for name in ("dz1_1", "dz1_2", "dz2_1", "dz2_2")]
    np.testing.assert_allclose(deltas, numbers(lesson)[1], rtol=1e-13)
    assert step["L"] == pytest.approx(lesson.loss(lesson.w, lesson.b), rel=1e-13)


def test_what_comes_back_to_h1_is_added_up_in_step_19(words):
    net, x, y, lr = bp.trace.running_example()
    steps = bp.widgets.scrubber(
        net, bp.trace.HalfSquares(), x, y, lr, fixed=("b1", "b2"), names=bp.trace.running_names()
    ).steps
    assert steps[18].name == "da1_1" and "Back to hidden neuron 1" in steps[18].sentence
    assert "Step 19 adds up what comes back to `h1`" in words


# --- The backward pass of a layer, and the training with it -------------------------------------------------


@pytest.mark.parametrize("whole", [False, True])
def test_a_layers_backward_pass_is_what_a_nudge_finds(lesson, whole):
    """Its loss is the sums, each times a constant."""
    rng = np.random.default_rng(3)
    for neurons, came_in in ((2, 3), (3, 2), (1, 4), (4, 1)):
        dz, a, W, b = (rng.normal(size=size) for size in (neurons, came_in, (neurons, came_in), neurons))
        if whole:
            dz, a, W = (np.round(3 * one).astype(int) for one in (dz, a, W))
        for backward in (lesson.linear_backward, lesson_05.linear_backward):
            da, dW, db = backward(dz, a, W)
            measured = [
                numerical_gradient(lambda a, W=W, dz=dz, b=b: dz @ (W @ a + b), a * 1.0),
                numerical_gradient(lambda W, a=a, dz=dz, b=b: dz @ (W @ a + b), W * 1.0),
                numerical_gradient(lambda b, a=a, dz=dz, W=W: dz @ (W @ a + b), b),
            ]
            for found, nudged in zip((da, dW, db), measured, strict=True):
                np.testing.assert_allclose(found, nudged, rtol=1e-7, atol=1e-8)


def test_two_examples_add_up(lesson):
    rng = np.random.default_rng(5)
    dZ, A, W = rng.normal(size=(2, 3)), rng.normal(size=(2, 4)), rng.normal(size=(3, 4))
    (da1, dW1, db1), (da2, dW2, db2) = (lesson.linear_backward(dz, a, W) for dz, a in zip(dZ, A, strict=True))
    dA, dW, db = F.linear_backward(dZ, A, W)
    np.testing.assert_allclose(dA, [da1, da2])
    np.testing.assert_allclose(dW, dW1 + dW2)
    np.testing.assert_allclose(db, db1 + db2)


def test_the_packages_layers_find_the_same(lesson):
    net, x, y, lr = bp.trace.running_example()
    net.backward(net(x) - y)
    dw, db = numbers(lesson)
    np.testing.assert_allclose(np.append(net[0].W.grad, net[2].W.grad), dw, rtol=1e-13)
    np.testing.assert_allclose(np.append(net[0].b.grad, net[2].b.grad), db, rtol=1e-13)
    before = net[0].b.data.copy()
    optim.SGD(lr).step([net[0].W, net[2].W])
    moved = np.append(net[0].W.data, net[2].W.data)
    np.testing.assert_allclose(moved, lesson.w - lr * lesson.dw, rtol=1e-13)
    np.testing.assert_array_equal(net[0].b.data, before)


def test_the_learners_function_trains_the_network(lesson):
    assert lesson.back is lesson.linear_backward
    assert len(lesson.losses) == 10_000 and lesson.losses[-1] < 3e-6
    told = [lesson.losses[0], lesson.losses[99], lesson.losses[-1]]
    assert [f"{told[0]:.2f}", f"{told[1]:.3f}", f"{told[2]:.7f}"] == ["0.28", "0.006", "0.0000024"]
    assert all(one in lesson_05.FALLING for one in ("0.28 ", "0.006 ", "0.0000024 "))
    w, b = lesson.w, lesson.b
    for _ in range(10):
        dw, db = lesson_05.gradients(w, b)
        w, b = w - 0.5 * dw, b - 0.5 * db
    assert lesson.losses[9] == pytest.approx(lesson_05.loss(w, b), rel=1e-12)


# --- The early update ---------------------------------------------------------------------------------------


def hidden_part_last(w, b, rate):
    """One update as the first published program did it: the output weights have moved already."""
    h1, h2, o1, o2, _ = loss_of(w, b)
    d1, d2 = (o1 - mpf("0.01")) * o1 * (1 - o1), (o2 - mpf("0.99")) * o2 * (1 - o2)
    new = [w[4] - rate * d1 * h1, w[5] - rate * d1 * h2, w[6] - rate * d2 * h1, w[7] - rate * d2 * h2]
    g1, g2 = (d1 * new[0] + d2 * new[2]) * h1 * (1 - h1), (d1 * new[1] + d2 * new[3]) * h2 * (1 - h2)
    steps = [g1 * mpf("0.05"), g1 * mpf("0.10"), g2 * mpf("0.05"), g2 * mpf("0.10")]
    return [v - rate * s for v, s in zip(w[:4], steps, strict=True)] + new


def test_updated_weights_and_the_loss_after(lesson, exact):
    after = np.append(
        *lesson.repaired(lesson.x, lesson.a1, lesson.dz2, lesson.start_W1, lesson.start_W2, lesson.lr)
    )
    close(after, exact["after"])
    close([lesson.loss(after, lesson.b)], [exact["L_after"]])


def test_the_early_update_reproduces_the_published_loss_after_one(lesson, exact):
    with mp.workdps(DIGITS):
        late = loss_of(hidden_part_last(exact["w"], exact["b"], mpf(1) / 2), exact["b"])[-1]
    assert round(float(late), 9) == CLAIMS["published"]["E_after_1"]
    faulty = lesson.new_weights(lesson.x, lesson.a1, lesson.dz2, lesson.start_W1, lesson.start_W2, lesson.lr)
    close([lesson.loss(np.append(*faulty), lesson.b)], [late])
    printed = np.array([CLAIMS["published"][f"w{k}"] for k in range(1, 9)])
    assert f"{lesson.loss(printed, lesson.b):.9f}" == "0.291027774"


def test_both_orders_after_ten_thousand_updates(lesson):
    published = CLAIMS["published"]["out_10000"]
    assert [round(float(out), 9) for out in lesson.forward(lesson.faulty, lesson.b)[2:]] == published
    off = lesson.forward(lesson.right, lesson.b)[2:]
    assert all(abs(float(out) - claim) > 1e-6 for out, claim in zip(off, published, strict=True))
    assert (
        lesson.loss(lesson.faulty, lesson.b)
        < lesson.loss(lesson.right, lesson.b)
        < 1.01 * lesson.loss(lesson.faulty, lesson.b)
    )


def test_the_faulty_function_is_the_mistake_that_lists_itself(lesson, capsys):
    for case in lesson_05.EXERCISES["05.3"].arguments():
        for ours, theirs in zip(
            lesson.new_weights(*case), lesson_05.repaired(*case, early=True), strict=True
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    check("05.3", lesson.new_weights)
    assert "nothing has been repaired yet" in " ".join(capsys.readouterr().out.split())


def test_the_faulty_slopes_are_a_sixth_too_small_and_point_downhill(lesson):
    w, b = lesson.w, lesson.b
    first = lesson_05.gradients(w, b, early=0.5)[0][:4] / lesson_05.gradients(w, b)[0][:4]
    np.testing.assert_allclose(first, 1 - 1 / 6, atol=0.02)
    for _ in range(1000):
        dw, early = lesson_05.gradients(w, b)[0], lesson_05.gradients(w, b, early=0.5)[0]
        assert dw @ early > 0
        w = w - 0.5 * early


# --- What is said of answers --------------------------------------------------------------------------------


def test_a_learners_own_way_is_taken():
    def by_products(dz, a, W):
        return W.T @ dz, np.outer(dz, a), dz.copy()

    def senders_first(dz, a, W):
        da = [sum(dz[j] * W[j, k] for j in range(len(dz))) for k in range(len(a))]
        return np.array(da), np.array([[d * one for one in a] for d in dz]), dz * 1

    for function in (by_products, senders_first):
        assert yours("05.2", function, lesson_05.linear_backward) is function

    def all_slopes_first(x, a1, dz2, W1, W2, lr):
        dz1 = (W2.T @ dz2) * a1 * (1 - a1)
        return W1 - lr * np.outer(dz1, x), W2 - lr * np.outer(dz2, a1)

    assert yours("05.3", all_slopes_first, lesson_05.repaired) is all_slopes_first


def test_indices_the_wrong_way_round_are_told_so(capsys):
    def turned(dz, a, W):
        da = np.array([sum(dz[j] * W[k, j] for j in range(len(dz))) for k in range(len(a))])
        return da, np.outer(dz, a), dz.copy()

    check("05.2", turned)
    assert "In `W[j, k]`, j counts the rows" in " ".join(capsys.readouterr().out.split())


def test_a_step_that_writes_into_the_weights_is_told_so(capsys):
    def in_place(x, a1, dz2, W1, W2, lr):
        dz1 = (W2.T @ dz2) * a1 * (1 - a1)
        W1 -= lr * np.outer(dz1, x)
        W2 -= lr * np.outer(dz2, a1)
        return W1, W2

    check("05.3", in_place)
    assert "changed its argument W1" in " ".join(capsys.readouterr().out.split())


# --- deeper/05_published_numbers.ipynb ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def published():
    return solved(NOTEBOOKS / "deeper" / "05_published_numbers.ipynb").variables


def test_which_published_numbers_depart(published):
    ours, claims = published.ours, published.claims
    departing = {name for name, value in ours.items() if not published.agrees(claims[name], value)}
    assert departing == {"dEo2_douth1", "E_after_1", "E_after_10000"} == set(published.departing)
    assert len(ours) == 28


def test_what_each_suspect_leaves_behind(published, exact):
    close(published.dw, exact["dw"])
    close(published.db, exact["db"])
    assert published.agrees(published.claims["E_after_1"], published.losses_early[1])
    for k in (0, 1):
        claim = published.claims["out_10000"][k]
        assert published.agrees(claim, lesson_05.outputs(published.trained_early, published.b)[1][k])
        assert not published.agrees(claim, lesson_05.outputs(published.trained, published.b)[1][k])
    assert published.agrees(published.claims["E_after_10000"], published.losses[-2])
    assert not published.agrees(published.claims["E_after_10000"], published.losses_early[-1])


def test_a_check_finds_the_mistake_and_with_the_network_names_it(published):
    assert not published.report.ok
    assert published.diagnosed["W1"].diagnosis.mistake == "hidden delta from updated weights"
    right = {"w": published.dw, "b": published.db}
    at = {"w": published.w, "b": published.b}
    assert gradcheck.check_gradients(lesson_05.loss, at, right).ok
    assert isinstance(bp.nn.MSELoss(), nn.MSELoss)


# --- deeper/05_biases_and_steps.ipynb -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def steps():
    return solved(NOTEBOOKS / "deeper" / "05_biases_and_steps.ipynb").variables


def test_four_reasons_make_up_the_whole_ratio_of_w5_to_w1(steps):
    assert np.prod(list(steps.factors.values())) == pytest.approx(steps.dw[4] / steps.dw[0])


def test_the_step_does_what_its_slopes_promise(steps):
    assert steps.bought < 0 and steps.promised / steps.bought == pytest.approx(1, abs=0.01)


def test_the_line_touches_the_curve_and_leaves_it():
    w, b = lesson_05.turned(5, 0.0), np.array([0.35, 0.35, 0.6, 0.6])
    now, dw = lesson_05.loss(w, b), lesson_05.gradients(w, b)[0]
    assert abs(lesson_05.loss(lesson_05.turned(5, 1e-4), b) - (now + dw[4] * 1e-4)) < 1e-9
    assert now - 4 * dw[4] < 0 < lesson_05.loss(lesson_05.turned(5, -4.0), b)
    assert lesson_05.outputs(lesson_05.turned(5, -4.0), b)[1][0] == pytest.approx(0.22, abs=0.005)
    flat = [abs(lesson_05.loss(lesson_05.turned(1, s), b) - now - dw[0] * s) for s in (-6, 6)]
    bent = [abs(lesson_05.loss(lesson_05.turned(5, s), b) - now - dw[4] * s) for s in (-6, 6)]
    assert max(flat) < 0.05 * min(bent)


def test_three_ways_to_treat_the_biases(steps, exact):
    w, b, lr, dw, db = steps.w, steps.b, steps.lr, steps.dw, steps.db
    close(steps.shared(db)[[0, 2]], [exact["db"][0] + exact["db"][1], exact["db"][2] + exact["db"][3]])
    for name, step in (("one for each layer", steps.shared(db)), ("one for each neuron", db)):
        assert steps.runs[name][1] == pytest.approx(lesson_05.loss(w - lr * dw, b - lr * step), rel=1e-13)
    ends = [run[-1] for run in steps.runs.values()]
    assert ends[0] > 8 * ends[1] and ends[1] > ends[2]
    told = re.findall(r"\d\.\de-\d", lesson_05.BIASES)
    assert [float(one) for one in told] == [float(f"{end:.1e}") for end in ends]
    assert all(run[499] < 0.01 for run in steps.runs.values())


@pytest.mark.parametrize("seed", starts(10, always=1))
def test_other_starts_give_the_same_order(steps, seed):
    w = np.random.default_rng(seed).uniform(0, 1, 8)
    fixed, one_a_layer, free = (
        steps.train(w, steps.b, step)[-1] for step in (np.zeros_like, steps.shared, np.array)
    )
    assert 2.5e-5 < fixed < 4e-5 and 4e-6 < one_a_layer < 5e-6 and free < 3e-6
