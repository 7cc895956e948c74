"""Lesson 05 against a calculation with fifty digits that shares no code with it."""

import json
from importlib.resources import files

import numpy as np
import pytest
from mpmath import exp, mp, mpf

DIGITS = 50
CLAIMS = json.loads(files("bphelpers.datasets").joinpath("worked_examples.json").read_text("utf-8"))["mazur"]


def sigma(z):
    return 1 / (1 + exp(-z))


def loss_of(w, b):
    """Outputs of the four neurons and the error, in whatever precision is set."""
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
                "E_after": loss_of(after, b)[-1]}  # fmt: skip


def agree(ours, exactly, tolerance=1e-12):
    pairs = zip(np.ravel(ours), exactly, strict=True)
    worst = max(abs((mpf(float(a)) - e) / e) for a, e in pairs)
    assert worst < tolerance, f"relative difference {mp.nstr(worst, 3)}"


def test_forward_values(lesson, exact):
    names = ("out_h1", "out_h2", "out_o1", "out_o2", "E")
    agree([getattr(lesson, name) for name in names], exact["forward"])


def test_eight_derivatives_and_four_of_the_biases(lesson, exact):
    agree(lesson.dw, exact["dw"])
    agree(lesson.db, exact["db"])
    agree([lesson.dE_dw1, lesson.dE_dw4, lesson.dE_dw5, lesson.dE_dw7],
          [exact["dw"][k] for k in (0, 3, 4, 6)])  # fmt: skip
    agree([lesson.dE_db1], [exact["db"][0] + exact["db"][1]])


def test_updated_weights_and_the_error_after(lesson, exact):
    agree(lesson.w_new, exact["after"])
    agree([lesson.E_new], [exact["E_after"]])


def test_which_published_numbers_depart(lesson):
    departing = {name for name, value in lesson.ours.items() if not lesson.agrees(lesson.claims[name], value)}
    assert departing == {"dEo2_douth1", "E_after_1", "E_after_10000"}
    assert len(lesson.ours) == 28


def hidden_part_last(w, b, rate):
    """One update as the first published program did it: the output weights have moved already."""
    h1, h2, o1, o2, _ = loss_of(w, b)
    d1, d2 = (o1 - mpf("0.01")) * o1 * (1 - o1), (o2 - mpf("0.99")) * o2 * (1 - o2)
    new = [w[4] - rate * d1 * h1, w[5] - rate * d1 * h2, w[6] - rate * d2 * h1, w[7] - rate * d2 * h2]
    g1, g2 = (d1 * new[0] + d2 * new[2]) * h1 * (1 - h1), (d1 * new[1] + d2 * new[3]) * h2 * (1 - h2)
    steps = [g1 * mpf("0.05"), g1 * mpf("0.10"), g2 * mpf("0.05"), g2 * mpf("0.10")]
    return [v - rate * s for v, s in zip(w[:4], steps, strict=True)] + new


def test_the_late_order_reproduces_the_published_error_after_one_update(lesson, exact):
    with mp.workdps(DIGITS):
        late = loss_of(hidden_part_last(exact["w"], exact["b"], mpf(1) / 2), exact["b"])[-1]
    assert round(float(late), 9) == CLAIMS["published"]["E_after_1"]
    agree([lesson.errors_late[1]], [late])


def test_both_orders_after_ten_thousand_updates(lesson):
    published = CLAIMS["published"]["out_10000"]
    late = lesson.forward(lesson.v_late, lesson.c_late)[2:4]
    right = lesson.forward(lesson.v, lesson.c)[2:4]
    assert [round(float(out), 9) for out in late] == published
    assert all(abs(float(out) - claim) > 1e-6 for out, claim in zip(right, published, strict=True))


# --- what the lesson says besides, on its own variables ---


def test_the_scrubber_s_steps_are_the_lesson_s_numbers(lesson):
    step = {one.name: one.value for one in lesson.scrubber.steps}
    rows = [f"dW{layer}_{j}{k}" for layer in (1, 2) for j in (1, 2) for k in (1, 2)]
    np.testing.assert_allclose([step[row] for row in rows], lesson.dw, rtol=1e-13)
    deltas = [step[name] for name in ("dz1_1", "dz1_2", "dz2_1", "dz2_2")]
    np.testing.assert_allclose(deltas, lesson.db, rtol=1e-13)
    assert step["L"] == pytest.approx(lesson.E, rel=1e-13)


def test_the_step_does_what_its_derivative_promises(lesson):
    promised = -lesson.lr * np.sum(lesson.dw**2)
    assert lesson.E_new < lesson.E
    assert promised / (lesson.E_new - lesson.E) == pytest.approx(1, abs=0.01)


def test_four_reasons_make_up_the_whole_ratio_of_w5_to_w1(lesson):
    assert np.prod(list(lesson.factors.values())) == pytest.approx(lesson.dE_dw5 / lesson.dE_dw1)
