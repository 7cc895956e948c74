"""Lesson 04 and its deeper pages: every slope against a nudge, the numbers said, what the exercises say."""

import re
from itertools import combinations

import numpy as np
import pytest

from bphelpers import data
from bphelpers import functional as F
from bphelpers.lessons import lesson_04
from bphelpers.numeric import numerical_gradient
from bphelpers.teaching import check, yours
from tools.course.lesson import NOTEBOOKS
from tools.course.solved import solved

TOY = {"w": 3, "x": 2, "b": 1, "y": 4}


def centred(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / (2 * h)


# --- Rates in a row -----------------------------------------------------------------------------------------


def test_the_first_screen_is_what_happens(lesson):
    values = [3, 6, 7, 9]
    moved = [3.01, 6.02, 7.02, 3.02**2]
    assert [round(b - a, 2) for a, b in zip(values, moved, strict=True)] == [0.01, 0.02, 0.02, 0.12]
    assert all(f"{name} by {up}" in lesson_04.CHAIN for name, up in
               (("w", "0.01"), ("u", "0.02"), ("z", "0.02"), ("L", "0.12")))  # fmt: skip
    assert lesson.loss_of(3) == 9
    np.testing.assert_allclose(centred(lesson.loss_of, 3), 2 * 1 * 6, rtol=1e-9)


def test_gears_cancel_the_teeth_in_the_middle():
    rates = -30 / 10, -10 / 20
    assert np.prod(rates) == 30 / 20 == 1.5
    turns = 30 * np.array([1, rates[0], np.prod(rates)])
    assert turns.tolist() == [30, -90, 45]
    drawn = [text.get_text() for text in lesson_04.gears().axes[0].texts]
    assert {"30 teeth\n+30°", "10 teeth\n-90°", "20 teeth\n+45°"} < set(drawn)


@pytest.mark.parametrize("step", [0.1, 0.01, 0.001])
def test_quotients_multiply_and_settle_on_the_slopes(step):
    x, u = 0.8, 0.8**2
    du = (x + step) ** 2 - u
    dL = np.exp(u + du) - np.exp(u)
    np.testing.assert_allclose((du / step) * (dL / du), dL / step, rtol=1e-12)
    np.testing.assert_allclose(dL / step, np.exp(u) * 2 * x, rtol=2 * step)


def test_the_slope_of_a_function_of_a_function_is_taken_where_its_input_stands():
    for f, df, g, dg in ((np.exp, np.exp, np.square, lambda x: 2 * x), (np.sin, np.cos, np.exp, np.exp)):
        x = np.linspace(-1, 1, 21)
        np.testing.assert_allclose(df(g(x)) * dg(x), centred(lambda x, f=f, g=g: f(g(x)), x), atol=1e-8)
        assert not np.allclose(df(x) * dg(x), centred(lambda x, f=f, g=g: f(g(x)), x), rtol=1e-2)


def test_the_slope_that_changes_is_the_last():
    slopes = [(2, 1, 2 * (2 * w + 1 - 4)) for w in (3, 4)]
    assert slopes == [(2, 1, 6), (2, 1, 10)]
    assert lesson_04.PREDICTIONS["04.A"].options[1] == "the last"


# --- In code ------------------------------------------------------------------------------------------------


def test_every_slope_of_the_small_network(lesson):
    def loss(**given):
        return (given["w"] * given["x"] + given["b"] - given["y"]) ** 2

    found = {name: centred(lambda v, name=name: loss(**TOY | {name: v}), TOY[name]) for name in "wbx"}
    np.testing.assert_allclose([found["w"], found["b"], found["x"]], [12, 6, 18], rtol=1e-8)
    assert (lesson.du, lesson.dx, lesson.nudged_w) == (6, 18, pytest.approx(12))
    assert all(f"{name} = {value}" in lesson_04.BACKWARD for name, value in
               (("dL", 1), ("dz", 6), ("du", 6), ("db", 6), ("dw", 12), ("dx", 18)))  # fmt: skip


def test_slopes_of_sigmoid_and_tanh():
    z = np.linspace(-4, 4, 33)
    a = F.sigmoid(z)
    np.testing.assert_allclose(a * (1 - a), centred(F.sigmoid, z), rtol=1e-7)
    np.testing.assert_allclose(1 - np.tanh(z) ** 2, centred(np.tanh, z), rtol=1e-6)
    np.testing.assert_allclose(np.tanh(z), 2 * F.sigmoid(2 * z) - 1, atol=1e-15)
    assert np.max(a * (1 - a)) == 0.25 and z[np.argmax(a * (1 - a))] == 0


def test_the_lessons_sigmoid_is_the_packages(lesson):
    z = np.linspace(-8, 8, 33)
    np.testing.assert_allclose(lesson.sigmoid(z), F.sigmoid(z), rtol=1e-14)


@pytest.mark.parametrize("change", [-4.0, 0.0, 3.0])
def test_every_slope_of_the_neuron_in_the_picture(change):
    known = lesson_04.one_neuron(change)

    def from_values(**moved):
        """The loss where some values are others, whatever they were made from."""
        now = dict(known)
        for name, line in lesson_04.LINES.items():
            if name == "dL":
                return now["L"] if "L" not in moved else moved["L"]
            now |= moved
            if name not in moved:
                now[name] = eval(line.partition("=")[2], {"sigmoid": F.sigmoid}, now)
        raise AssertionError

    for name in ("L", "p", "z", "u1", "u2", "b", "w1", "w2"):
        measured = centred(lambda v, name=name: from_values(**{name: np.float64(v)}), known[name])
        np.testing.assert_allclose(known[f"d{name}"], measured, rtol=1e-7, err_msg=name)


def test_the_lines_of_the_picture_are_the_pages(page, lesson):
    code = {re.sub(r"\s*#.*", "", line).strip() for cell in page.code for line in cell.source.splitlines()}
    assert set(lesson_04.LINES.values()) <= code
    known = lesson_04.one_neuron()
    for name in ("u1", "u2", "dp", "dz", "du1", "du2", "dw2", "dw1"):
        assert known[name] == pytest.approx(getattr(lesson, name), rel=1e-14), name


def test_what_the_lesson_says_of_a_higher_bias():
    now, higher = lesson_04.one_neuron(), lesson_04.one_neuron(3.0)
    assert higher["L"] > now["L"] and higher["dp"] > now["dp"]
    assert all(higher[name] < now[name] / 10 for name in ("dz", "du1", "du2", "db", "dw1", "dw2"))
    assert "only" in lesson_04.describe_walk(0, 0.0).lower()
    assert "dw1" not in lesson_04.describe_walk(12, 0.0) and "dw1" in lesson_04.describe_walk(13, 0.0)


# --- A value that is used twice -----------------------------------------------------------------------------


def test_two_routes_add(lesson):
    assert (lesson.s, lesson.f, lesson.ds) == (-3, -15, 5)
    total = centred(lambda w: w * (w - 8), 5.0)
    straight = centred(lambda w: w * (5.0 - 8), 5.0)
    np.testing.assert_allclose([total, straight], [2, -3], rtol=1e-8)
    assert all(
        text in lesson_04.FORK for text in ("f = w · s = −15", "is 5, through s", "−3, straight", "dw = 2")
    )


def test_a_partial_slope_may_have_the_wrong_sign():
    """A weight goes through a sigmoid, and straight into the product as well."""
    w, y = -2.0, 0.5
    a = F.sigmoid(np.float64(w))

    def loss(w, a):
        return (w * a - y) ** 2 / 2

    off = w * a - y
    straight, da = off * a, off * w
    by_way_of_a = da * a * (1 - a)
    np.testing.assert_allclose(straight, centred(lambda w: loss(w, a), w), rtol=1e-7)
    np.testing.assert_allclose(da, centred(lambda a: loss(w, a), a), rtol=1e-7)
    np.testing.assert_allclose(by_way_of_a, centred(lambda v: loss(w, F.sigmoid(v)), w), rtol=1e-7)
    np.testing.assert_allclose(straight + by_way_of_a, centred(lambda w: loss(w, F.sigmoid(w)), w), rtol=1e-7)
    assert straight < 0 < straight + by_way_of_a


def test_what_is_said_under_check_yourself():
    np.testing.assert_allclose(centred(lambda v: (2 + v) * v, 5.0), 12, rtol=1e-8)
    np.testing.assert_allclose(
        [centred(lambda u: 6 * max(u, 2), 5.0), centred(lambda v: 6 * max(5, v), 2.0)], [6, 0], atol=1e-8
    )
    x = 0.7
    np.testing.assert_allclose(np.cos(x**2) * 2 * x, centred(lambda x: np.sin(x**2), x), rtol=1e-8)


def test_the_function_of_the_exercise_gives_loss_and_slopes():
    for case in lesson_04.EXERCISES["04.2"].arguments():
        L, dw, db = lesson_04.loss_and_slopes(*case)
        w, b, *rest = case
        measured = numerical_gradient(
            lambda v, rest=rest: lesson_04.loss_and_slopes(*v, *rest)[0], np.array([w, b])
        )
        np.testing.assert_allclose([dw, db], measured, rtol=1e-7)
        assert L > 0


def test_the_neuron_learns_both_examples_from_ten_starts(lesson):
    assert lesson.L < 0.01 and lesson.sigmoid(lesson.w + lesson.b) < 0.1 < 0.9 < lesson.sigmoid(
        3 * lesson.w + lesson.b
    )
    for seed in range(10):
        w, b = np.random.default_rng(seed).normal(size=2)
        for _ in range(1000):
            _, dw, db = lesson.loss_and_slopes(w, b, 1, 0, 3, 1)
            w, b = w - dw, b - db
        assert F.sigmoid(w + b) < 0.1 < 0.9 < F.sigmoid(3 * w + b)


def test_the_broken_function_gives_18_twice_and_a_nudge_48_and_28(page, capsys):
    blocks = re.findall(r"```python\n(.*?)```", page.words, re.DOTALL)
    (source,) = [block for block in blocks if "ds = dt  " in block]
    scope = {}
    exec(source, scope)
    broken = scope["slopes_of"]
    assert broken(2, 3) == (18, 18) and lesson_04.repaired(2, 3) == (48, 28)
    nudged = centred(lambda a: a * 3 * (a * 3 + a), 2.0), centred(lambda b: 2 * b * (2 * b + 2), 3.0)
    np.testing.assert_allclose(nudged, [48, 28], rtol=1e-8)
    check("04.3", broken)
    assert "nothing has been repaired yet" in " ".join(capsys.readouterr().out.split())


def test_a_reply_names_the_part_that_is_off(capsys):
    check("04.2", lambda *given: lesson_04.loss_and_slopes(*given)[:2] + (7.0,))
    check("04.3", lambda a, b: (7.0, lesson_04.repaired(a, b).db))
    said = " ".join(capsys.readouterr().out.split())
    assert "In db: got 7" in said and "In da: got 7" in said


def test_the_square_handed_back_is_told_so(page, capsys):
    (source,) = [block for block in re.findall(r"```python\n(.*?)```", page.words, re.DOTALL)
                 if "dp1 = 2 * (p1 - y1)" in block]  # fmt: skip
    scope = {"sigmoid": F.sigmoid}
    exec(re.sub(r"(dp\d) = 2 \* (\(p\d - y\d\)) ", r"\1 = \2 ** 2 ", source), scope)
    check("04.2", lambda *given: scope["loss_and_slopes"](*map(np.float64, given)))
    assert "the square is handed back, not its slope" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("key", ["04.1", "04.2", "04.3"])
def test_mistakes_differ_from_the_answer_and_from_each_other(key):
    exercise = lesson_04.EXERCISES[key]
    cases = exercise.arguments() or [()]
    answers = {"right": [exercise.right(*case) for case in cases]}
    for clause in exercise.wrong(*cases[0]):
        answers[clause] = [exercise.wrong(*case)[clause] for case in cases]
    for (one, found), (other, also) in combinations(answers.items(), 2):
        assert not np.allclose(found, also, rtol=1e-5), (one, other)


def test_a_learners_own_way_is_taken(capsys):
    def with_zeros(w, b, x1, y1, x2, y2):
        L = dw = db = 0.0
        for x, y in ((x1, y1), (x2, y2)):
            p = F.sigmoid(np.float64(w * x + b))
            dz = 2 * (p - y) * p * (1 - p)
            L, dw, db = L + (p - y) ** 2, dw + dz * x, db + dz
        return L, dw, db

    assert yours("04.2", with_zeros, lesson_04.loss_and_slopes) is with_zeros
    check("04.3", lambda a, b: (2 * a * b**2 + 2 * a * b, 2 * a**2 * b + a**2))
    assert "04.3: right" in capsys.readouterr().out
    assert yours("04.2", lambda *given: with_zeros(*given)[1:], lesson_04.loss_and_slopes) is not with_zeros


# --- deeper/04_how_small_a_nudge.ipynb ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def nudge():
    return solved(NOTEBOOKS / "deeper" / "04_how_small_a_nudge.ipynb").variables


def test_too_small_a_nudge_finds_nothing(nudge):
    assert nudge.b + 1e-16 == nudge.b and nudge.centred(nudge.loss, nudge.b, 1e-16) == 0
    off = {h: abs(nudge.centred(nudge.loss, nudge.b, h) / nudge.slope(nudge.b) - 1) for h in (1e-5, 1e-8)}
    assert off[1e-8] > 10 * off[1e-5]


def test_truncation_is_the_first_term_left_out(nudge):
    np.testing.assert_allclose(nudge.off, nudge.left_out, rtol=1e-3)


def test_the_best_steps(nudge):
    assert 1 + nudge.eps > 1 and 1 + nudge.eps / 2 == 1
    for estimate, best in nudge.estimates.values():
        assert abs(centred(estimate, best, best / 1000)) < 1e-5 * estimate(best) / best  # level there
        assert estimate(best) < min(estimate(best / 2), estimate(best * 2))
    assert f"h = {nudge.best_one_sided:.0e}".replace("e-0", "e-") in lesson_04.ERRORS
    assert f"near {nudge.best_centred:.0e}".replace("e-0", "e-") in lesson_04.ERRORS


def test_the_measured_errors_follow_the_estimates(nudge):
    powers = nudge.powers
    for name, (estimate, _) in nudge.estimates.items():
        compared = np.array(nudge.errors[name]) / estimate(nudge.steps)
        np.testing.assert_allclose(compared[(powers >= -12) & (powers <= -4)], 1, rtol=0.05)  # truncation
        rounding = compared[(powers >= -49) & (powers <= -30)]
        assert np.median(rounding) > 0.03 and rounding.max() < 2
    assert (np.array(nudge.errors["complex step"])[nudge.steps < 1e-8] < 1e-14).all()


def test_three_ways_to_measure_all_three(nudge):
    known = lesson_04.one_neuron()
    truth = [known["dw1"], known["dw2"], known["db"]]
    f, at, h = nudge.loss_of_all, nudge.at, 2.0**-26
    forward = [(f(at + h * entry) - f(at)) / h for entry in np.eye(3)]
    np.testing.assert_allclose(forward, truth, rtol=1e-5)
    for method, rtol in (("centred", 1e-7), ("complex", 1e-14)):
        np.testing.assert_allclose(numerical_gradient(f, at, method=method), truth, rtol=rtol)


def test_the_packages_sigmoid_refuses_complex_numbers():
    with pytest.raises(ValueError, match="real numbers"):
        F.sigmoid(np.array(0.3 + 1e-20j))


# --- deeper/04_confidently_wrong.ipynb ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def wrong():
    return solved(NOTEBOOKS / "deeper" / "04_confidently_wrong.ipynb").variables


def test_both_deltas_for_66_pairs(wrong):
    z = np.linspace(-4, 4, 33)
    p, answers = F.sigmoid(z), np.array([[0.0], [1.0]])
    d_p = -answers / p + (1 - answers) / (1 - p)
    log_loss = -answers * np.log(p) - (1 - answers) * np.log(1 - p)
    np.testing.assert_allclose(wrong.cross_entropy(z, answers), log_loss, rtol=1e-12)
    np.testing.assert_allclose(d_p * p * (1 - p), wrong.delta_cross_entropy(p, answers), rtol=1e-12)
    for loss, delta in (
        (wrong.cross_entropy, wrong.delta_cross_entropy),
        (wrong.half_square, wrong.delta_squared),
    ):
        measured = centred(lambda z, loss=loss: loss(z, answers), z)
        np.testing.assert_allclose(delta(p, answers), measured, rtol=1e-6)


def test_updates_needed(wrong):
    assert wrong.updates_needed(wrong.delta_cross_entropy) == 9
    slow, first = (wrong.updates_needed(wrong.delta_squared, until=end) for end in (0.0, -7.0))
    assert (slow, first) == (3011, 1888) and first > slow / 2
    p = F.sigmoid(np.linspace(-10, 6, 3201))
    dip = wrong.delta_squared(p, 1)
    assert f"{dip.min():.3f}".replace("-", "−") in lesson_04.DELTAS
    assert np.linspace(-10, 6, 3201)[dip.argmin()] == pytest.approx(-0.7, abs=0.02)


def test_the_example_is_the_published_neuron(lesson):
    example = data.worked_example("one_neuron")
    assert [lesson.x1, lesson.x2, lesson.w1, lesson.w2] == [*example["x"], *example["w"]]
