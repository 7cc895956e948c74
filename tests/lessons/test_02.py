"""Lesson 02 and its pages: what a forecast pays, softmax, the stable loss, two readers, slopes."""

import re
from decimal import Decimal, localcontext

import numpy as np
import pytest

from bphelpers import data, nn
from bphelpers import functional as F
from bphelpers.lessons import lesson_01, lesson_02
from bphelpers.lessons.lesson_02 import log_probabilities
from bphelpers.numeric import numerical_gradient
from bphelpers.teaching import check
from tests.starts import starts
from tools.course.lesson import NOTEBOOKS
from tools.course.solved import solved

# --- What a forecaster pays ---------------------------------------------------------------------------------


def test_the_table_of_the_first_screen(words):
    for said in (0.9, 0.6):
        wet, dry = (f"{-np.log(given):.2f}" for given in (said, 1 - said))
        row = f"| said {100 * said:.0f}% | {wet} | {dry} |"
        assert row in words.replace("**", "")
        assert wet in lesson_02.FORECASTS and dry in lesson_02.FORECASTS
        for pays in (
            f"said {100 * said:.0f}%, it rains: {wet}",
            f"said {100 * said:.0f}%, it stays dry: {dry}",
        ):
            assert pays in [text.get_text() for text in lesson_02.forecasts().axes[0].texts]
    assert f"{-np.log(0.01):.1f}" == "4.6" and "4.6 on a dry day" in words


def test_the_likelihoods_of_three_days_in_whole_numbers(words):
    for tenths, product in ((9, 81), (6, 144)):
        assert tenths * tenths * (10 - tenths) == product and f"{product}/1000" in words
    assert 1.7 < 144 / 81 < 2  # nearly twice as probable
    assert 2000 * np.log10(0.6) < np.log10(5e-324)  # the smallest number there is


def test_two_thirds_is_the_best_forecast(lesson):
    p = np.linspace(0.01, 0.99, 9801)
    likelihood = p * p * (1 - p)
    assert abs(p[likelihood.argmax()] - 2 / 3) < 1e-4
    pays = [lesson.pay(np.full(3, one), np.array([1, 1, 0])) for one in p]
    np.testing.assert_allclose(pays, -np.log(likelihood) / 3, rtol=1e-12)
    assert np.argmin(pays) == likelihood.argmax()
    assert 0.6**2 * 0.4 < (2 / 3) ** 2 / 3 and 0.9**2 * 0.1 < 0.6**2 * 0.4
    assert -np.log(0.1) / -np.log(0.9) > 20  # at the slider's start
    best = [float(re.findall(r"That's (\S+) on", lesson_02.describe_days(k))[0]) for k in range(1, 100)]
    assert best[66] == min(best)


def test_the_loop_is_the_formula_and_the_packages_loss(lesson):
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=20), rng.integers(2, size=20)
    p = F.sigmoid(z)
    by_formula = np.mean(-y * np.log(p) - (1 - y) * np.log(1 - p))
    for found in (lesson.pay(p, y), F.binary_cross_entropy(z[:, None], y[:, None])):
        assert np.isclose(found, by_formula, rtol=1e-12)


def test_the_bell_and_its_parabola():
    left, right = lesson_02.bell().axes
    (curve,), (parabola,) = ([line for line in ax.lines if len(line.get_xdata()) > 9] for ax in (left, right))
    np.testing.assert_allclose(-np.log(curve.get_ydata()), parabola.get_ydata(), atol=1e-12)
    near, far = (line.get_ydata()[0] for line in right.lines if len(line.get_xdata()) == 1)
    assert np.isclose(far, 9 * near) and "nine times as far" in lesson_02.BELL


def test_the_running_example_is_wrong_by(lesson, words):
    squares = np.sum(lesson.off**2)
    assert np.isclose(squares, F.mse(lesson.y_hat, lesson.y), rtol=1e-14) and f"{squares:.3f}" in words
    assert round(squares / 2, 9) == data.worked_example("mazur")["published"]["E_total"]
    assert lesson.off[0, 0] ** 2 / squares > 0.9
    assert f"{lesson.y_hat[0, 0]:.3f}" in words.partition("**You will")[0]


# --- Softmax and its loss -----------------------------------------------------------------------------------


def test_the_three_bars_are_softmax(lesson):
    logits, exponentials, shares = (
        [bar.get_height() for bar in ax.patches] for ax in lesson_02.three_bars().axes
    )
    assert logits == [1, 0, -1] == lesson.z.tolist()
    np.testing.assert_allclose(shares, lesson.probabilities(lesson.z), rtol=1e-14)
    np.testing.assert_allclose(shares, F.softmax(lesson.z[None])[0], rtol=1e-14)
    for number in (*exponentials, sum(exponentials), *shares):
        assert f"{number:.2f}" in lesson_02.BARS


def test_only_differences_count_and_two_classes_are_a_sigmoid(lesson):
    z = np.random.default_rng(0).normal(size=5)
    for t in (-3.0, 1.0, 7.0):
        np.testing.assert_allclose(lesson.probabilities(z + t), lesson.probabilities(z), rtol=1e-13)
    np.testing.assert_allclose(lesson.probabilities(np.array([0.7, 0.0]))[0], F.sigmoid(0.7), rtol=1e-14)
    np.testing.assert_allclose(lesson.probabilities(z).sum(), 1, rtol=1e-14)


def test_what_the_naive_formula_gives(lesson):
    with np.errstate(all="ignore"):
        assert np.isnan(lesson.probabilities(np.array([1000.0, 0.0]))[0])
        assert np.log(lesson.probabilities(np.array([0.0, -800.0])))[1] == -np.inf
        shifted_only = np.log(lesson.probabilities(np.array([0.0, -1000.0])))
    assert shifted_only[1] == -np.inf  # the first step alone is not enough
    assert lesson.log_p(np.array([0.0, -800.0])).tolist() == [0, -800]
    assert lesson.log_p(np.array([1000.0, 0.0])).tolist() == [0, -1000]


def test_row_by_row_it_is_the_packages(lesson):
    rng = np.random.default_rng(1)
    logits, labels = 30 * rng.normal(size=(12, 4)), rng.integers(4, size=12)
    rows = [lesson.log_p(z) for z in logits]
    np.testing.assert_allclose(rows, F.log_softmax(logits), rtol=1e-14, atol=1e-15)
    assert np.isclose(lesson.loss(logits, labels), F.softmax_cross_entropy(logits, labels), rtol=1e-14)


def true_loss(z, label):
    """To fifty digits."""
    with localcontext(prec=50):
        exact = [Decimal(float(one)) for one in z]
        return sum(one.exp() for one in exact).ln() - exact[label]


@pytest.mark.parametrize("scale", [0.1, 1, 10, 100])
def test_the_stable_loss_is_right_to_fifteen_decimals_and_not_to_fifteen_digits(scale):
    rng = np.random.default_rng(int(10 * scale))
    for _ in range(200):
        z = scale * rng.normal(size=rng.integers(2, 11))
        label = int(rng.integers(len(z)))
        exact = true_loss(z, label)
        for found in (F.softmax_cross_entropy(z[None], [label]), -log_probabilities(z)[label]):
            assert abs(Decimal(float(found)) - exact) <= Decimal("1e-15") * (1 + exact)


def test_where_the_right_class_is_far_ahead_the_loss_is_rounded_to_0(slopes_page):
    far = np.array([40.0, 0.0])
    assert F.softmax_cross_entropy(far[None], [0]) == 0
    exact = true_loss(far, 0)
    assert f"{exact:.3g}" == "4.25e-18"
    assert abs(Decimal(float(slopes_page.every_digit(far, 0))) / exact - 1) < Decimal("1e-14")
    rng = np.random.default_rng(0)
    for _ in range(100):
        z, label = 20 * rng.normal(size=5), int(rng.integers(5))
        assert abs(Decimal(float(slopes_page.every_digit(z, label))) / true_loss(z, label) - 1) < Decimal(
            "1e-13"
        )


# --- Two readers of digits ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", starts(10))
def test_untrained_is_near_chance_and_the_misread_pay_half(seed):
    untrained, trained, images, labels = lesson_02.readers(seed)
    assert abs(F.softmax_cross_entropy(untrained(images), labels) - np.log(10)) < 0.25
    assert abs(np.mean(untrained(images).argmax(axis=1) == labels) - 0.1) < 0.04
    log_p = F.log_softmax(trained(images))
    pays, misread = -log_p[np.arange(450), labels], log_p.argmax(axis=1) != labels
    assert 0.025 < misread.mean() < 0.10 and 0.4 < pays[misread].sum() / pays.sum() < 0.75


def test_the_numbers_that_the_page_quotes(lesson, words):
    payments = -F.log_softmax(lesson.logits)[np.arange(450), lesson.labels]
    assert f"{payments.max():.2f}" == "5.73" and "5.73" in lesson_02.PAYMENTS and "5.73" in words
    assert np.isclose(lesson.everything / 450, lesson.loss(lesson.logits, lesson.labels), rtol=1e-12)
    worst = payments.argmax()
    p = F.softmax(lesson.logits)[worst]
    assert lesson.labels[worst] == 6 and p.argmax() == 1 and f"{p[1]:.2f}" == "0.99"
    misread = lesson.logits.argmax(axis=1) != lesson.labels
    assert lesson.misread == misread.sum() == 18 and "Only 18 of the 450 images are misread" in words
    assert np.isclose(lesson.by_misread, payments[misread].sum(), rtol=1e-12)
    assert lesson.by_misread > lesson.everything / 2
    parts = lesson_02.draw_payments(lesson.images, lesson.logits, lesson.labels).subfigs
    shown = [ax.get_title(loc="left") for part in parts for ax in part.axes]
    assert shown == ["a 5", "pays 0.00", "a 9", "pays 0.69", "a 6", "pays 5.73"]


def test_the_check_yourself_answers(words):
    assert f"{np.log(100):.1f}" == "4.6" and "which is 4.6" in words
    p = np.linspace(0.01, 0.99, 981)
    assert abs(p[np.argmin(-0.7 * np.log(p) - 0.3 * np.log(1 - p))] - 0.7) < 1e-3


# --- The slopes of the losses -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def slopes_page():
    return solved(NOTEBOOKS / "deeper" / "02_slopes_of_the_losses.ipynb").variables


def test_minus_log_likelihood_is_minus_the_log_of_the_likelihood(slopes_page):
    page, measured = slopes_page, slopes_page.measured
    for m in (1.5, 2.0, 2.5):
        product = -np.log(np.prod(page.density(measured, m)))
        assert np.isclose(page.minus_log_likelihood(m), product, rtol=1e-12)
        by_hand = np.sum(m - measured) / page.s**2
        assert np.isclose(by_hand, numerical_gradient(page.minus_log_likelihood, m), rtol=1e-8)
    assert abs(numerical_gradient(page.minus_log_likelihood, measured.mean())) < 1e-7
    y = np.linspace(-1, 5, 6001)
    assert np.isclose(np.trapezoid(page.density(y, 2.0), y), 1) and page.density(2.0, 2.0) > 1


def test_the_slip_moves_the_mean_and_hardly_the_median(slopes_page):
    page = slopes_page
    assert np.isclose(page.lengths[page.squares.argmin()], page.with_slip.mean(), atol=0.006)
    assert np.isclose(page.lengths[page.distances.argmin()], np.median(page.with_slip), atol=0.006)
    assert np.isclose(page.with_slip.mean(), 5.52) and np.median(page.with_slip) == 2.2
    assert "5.52" in lesson_02.SLIP and "2.20" in lesson_02.SLIP


def test_the_slopes_of_all_three_losses(slopes_page):
    page = slopes_page
    for name in ("mse", "mse_backward"):
        np.testing.assert_allclose(
            getattr(page, name)(page.Y_hat, page.Y), getattr(F, name)(page.Y_hat, page.Y)
        )
    dY_hat = numerical_gradient(lambda y_hat: F.mse(y_hat, page.Y), page.Y_hat)
    np.testing.assert_allclose(page.mse_backward(page.Y_hat, page.Y), dY_hat, rtol=1e-8)
    p = F.sigmoid(page.logits)
    np.testing.assert_allclose(
        (p - page.targets) / 3, F.binary_cross_entropy_backward(page.logits, page.targets)
    )
    by_p = np.mean(-page.targets * np.log(p) - (1 - page.targets) * np.log(1 - p))
    assert np.isclose(page.yes_or_no(page.logits, page.targets), by_p, rtol=1e-13)
    assert np.isclose(F.binary_cross_entropy(page.logits, page.targets), by_p, rtol=1e-13)
    np.testing.assert_allclose(page.dz[None], F.softmax_cross_entropy_backward(page.z[None], [page.label]))
    np.testing.assert_allclose(page.dz, numerical_gradient(page.one_of_several, page.z), rtol=1e-8)
    assert abs(page.dz.sum()) < 1e-15 and np.isclose(-page.dz[2], F.softmax(page.z[None])[0, :2].sum())
    assert np.isclose(page.one_of_several(page.z), F.softmax_cross_entropy(page.z[None], [page.label]))


def test_sure_and_wrong_under_the_two_losses(slopes_page):
    assert 0 < 1000 * slopes_page.by_squares < slopes_page.by_entropy
    assert np.isclose(slopes_page.by_entropy, F.sigmoid(8.0), rtol=1e-8)


def test_the_stable_yes_or_no(slopes_page):
    z = np.array([[-1000.0], [-3.0], [0.0], [2.0], [1000.0]])
    for y in (np.zeros((5, 1)), np.ones((5, 1))):
        assert np.isclose(slopes_page.stable(z, y), F.binary_cross_entropy(z, y), rtol=1e-14)
    assert slopes_page.broken[0] == 37 and F.sigmoid(37.0) == 1 > F.sigmoid(36.0)
    with np.errstate(all="ignore"):
        assert np.isinf(np.log(1 + np.exp(1000.0)))


# --- What a loss must do ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def conditions():
    return solved(NOTEBOOKS / "deeper" / "02_what_a_loss_must_do.ipynb").variables


def test_a_count_has_no_slope(conditions):
    assert not lesson_02.slopes(conditions.share_wrong, conditions.z).any()
    assert lesson_02.slopes(conditions.cross_entropy, conditions.z)[2] < 0


@pytest.mark.parametrize(("name", "is_average"), [("mean_of_squares", True), ("square_of_mean", False)])
def test_a_batch_can_be_cut_where_the_loss_is_an_average(conditions, name, is_average):
    loss = getattr(conditions, name)
    first, second, both = (conditions.slope_of_w(loss, rows) for rows in ([0], [1], [0, 1]))
    assert np.isclose(both, (first + second) / 2, atol=1e-9) == is_average


def test_starting_at_the_outputs_misses_what_enters_in_the_middle(conditions):
    page, W1 = conditions, conditions.W1
    alone = numerical_gradient(page.output_loss, W1)
    both = numerical_gradient(lambda W1: page.output_loss(W1) + page.activity(W1), W1)
    np.testing.assert_allclose(page.found, alone, rtol=1e-6)
    np.testing.assert_allclose(page.found + numerical_gradient(page.activity, W1), both, rtol=1e-6)
    assert np.all((both / page.found > 2.3) & (both / page.found < 2.8))


def test_which_way_is_down_depends_on_w5(conditions):
    page = conditions
    x, y, W1, b1, W2, b2, _ = data.mazur()
    y_hat = lesson_01.forward(x, [(W1, b1), (W2, b2)])[-1]
    assert np.isclose(page.loss_at(W1[0, 1], W2[0, 0]), F.mse(y_hat, y) / 2, rtol=1e-14)
    along = [
        float(numerical_gradient(lambda w2, w5=w5: page.loss_at(w2, w5), W1[0, 1])) for w5 in (-4, 0, 0.4, 4)
    ]
    assert np.sign(along).tolist() == [-1, -1, 1, 1]
    assert np.isclose(2 * along[2], page.found[0, 1], rtol=1e-6)
    for height, ends in ((4.0, ("0.28", "0.50")), (-4.0, ("0.28", "0.02"))):
        assert tuple(f"{page.loss_at(w2, height):.2f}" for w2 in (-60, 60)) == ends
        assert all(end in lesson_02.SURFACE for end in ends)
    assert page.loss_at(60, 0.0) < page.loss_at(-60, 0.0)


# --- The exercises ------------------------------------------------------------------------------------------


def with_the_packages_loss(logits, labels):
    return F.softmax_cross_entropy(logits, labels)


def all_rows_at_once(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -np.mean(log_p[np.arange(len(labels)), labels])


def loss_as_one_difference(z):
    largest = max(z)
    return z - (largest + np.log(sum(np.exp(one - largest) for one in z)))


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("02.1", lambda p, y: -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))),
        ("02.1", lambda p, y: sum(-np.log(a if b else 1 - a) for a, b in zip(p, y, strict=True)) / len(p)),
        ("02.1", lambda p, y: np.mean(-np.log(np.abs(1 - y - p)))),
        ("02.2", loss_as_one_difference),
        ("02.2", lambda z: list(log_probabilities(z))),
        ("02.2", lambda z: z - np.logaddexp.reduce(z)),
        ("02.3", with_the_packages_loss),
        ("02.3", all_rows_at_once),
    ],
)
def test_other_right_answers_are_right(key, answer, capsys):
    check(key, answer)
    assert "right: the same numbers" in capsys.readouterr().out


def test_what_the_broken_code_is_told(words, capsys, page):
    """Its stub, with the line of dots taken out; and with the first step alone."""
    source = next(cell.source for cell in page.code
                  if cell.source.startswith("def log_probabilities"))  # fmt: skip
    body = [line for line in source.splitlines() if "..." not in line]
    first_step = [body[0], "    z = z - np.max(z)", *body[1:]]
    for lines, said in ((body, "two lines are as they were"), (first_step, "a probability is rounded to 0")):
        names = {"np": np}
        exec("\n".join(lines), names)
        check("02.2", names["log_probabilities"])
        assert said in " ".join(capsys.readouterr().out.split())


def _by_rows(pays):
    return lambda logits, labels: sum(map(pays, logits, labels)) / len(labels)


@pytest.mark.parametrize(
    ("key", "answer", "said"),
    [
        ("02.2", lambda z: np.log(log_probabilities(z)), "there's a logarithm already"),
        ("02.2", lambda z: z - np.sum(z), "the sum of the logits is subtracted"),
        ("02.3", lambda logits, labels: -np.mean(log_probabilities(logits)), "given the whole batch at once"),
        ("02.3", _by_rows(lambda z, c: -np.mean(log_probabilities(z))), "the mean is taken over every class"),
        ("02.3", _by_rows(lambda z, c: -np.log(log_probabilities(z)[c])), "gives logarithms already"),
        ("02.3", _by_rows(lambda z, c: -log_probabilities(z[c])), "it needs the whole row"),
        ("02.3", _by_rows(lambda z, c: -log_probabilities(z)[c - 1]), "the classes are counted from 1"),
        ("02.3", _by_rows(lambda z, c: -log_probabilities(z) * c), "is multiplied by the label"),
    ],
)
def test_what_is_said_of_a_label_or_a_logarithm_out_of_place(key, answer, said, capsys):
    check(key, answer)
    assert said in " ".join(capsys.readouterr().out.split())


def test_an_array_that_is_changed_in_place_is_told_so(capsys):
    def in_place(z):
        z -= np.max(z)
        return z - np.log(np.sum(np.exp(z)))

    check("02.2", in_place)
    assert "changed its argument z" in " ".join(capsys.readouterr().out.split())


def test_the_stub_of_the_loss_class_is_the_lessons():
    rng = np.random.default_rng(2)
    logits, labels = rng.normal(size=(6, 3)), rng.integers(3, size=6)
    assert np.isclose(
        nn.CrossEntropyLoss()(logits, labels), lesson_02.cross_entropy(logits, labels), rtol=1e-14
    )
