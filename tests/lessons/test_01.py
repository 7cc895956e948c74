"""Lesson 01 and its deeper pages: displays, what one neuron can't do, the running example, the exercises."""

import re

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from bphelpers import data
from bphelpers import functional as F
from bphelpers.lessons import lesson_01
from bphelpers.lessons.lesson_01 import DIGITS, PATTERNS
from bphelpers.teaching import check
from tools.course.lesson import NOTEBOOKS
from tools.course.solved import solved

# What the digits score where a 3 is looked for, as the first screen says.
PLUS = [4, 2, 4, 5, 3, 4, 4, 3, 5, 5]
BOTH = [2, 2, 3, 5, 2, 3, 2, 3, 3, 4]


# --- The display --------------------------------------------------------------------------------------------


def test_the_scores_of_the_first_screen():
    three = DIGITS[3]
    assert (DIGITS @ three).tolist() == PLUS and (DIGITS @ (2 * three - 1)).tolist() == BOTH
    assert re.findall(r"\d", lesson_01.SCORES.split(":")[2].split("so")[0]) == list(map(str, PLUS))
    assert re.findall(r"\d", lesson_01.SCORES.split(":")[3].split("and")[0]) == list(map(str, BOTH))
    shown = [text.get_text() for text in lesson_01.keeping_score().axes[0].texts]
    assert [int(text) for text in shown if text.isdigit()] == PLUS + BOTH


def test_ten_digits_among_128_patterns():
    assert len(np.unique(DIGITS, axis=0)) == 10 and len(np.unique(PATTERNS, axis=0)) == len(PATTERNS) == 128
    names = dict(zip(lesson_01.SEGMENTS, DIGITS[3], strict=True))
    assert [name for name, lit in names.items() if not lit] == ["lower left", "upper left"]


@pytest.mark.parametrize("digit", range(10))
def test_a_detector_says_yes_to_its_digit_and_to_no_other_pattern(digit):
    weights, bias = lesson_01.detector(DIGITS[digit])
    z = PATTERNS @ weights + bias
    own = (DIGITS[digit] == PATTERNS).all(axis=1)
    assert z[own].tolist() == [1] and z[~own].max() == -1


def test_the_neuron_of_section_1(lesson):
    weights, bias = lesson_01.detector(DIGITS[3])
    assert np.array_equal(lesson.weights, weights) and lesson.bias == bias == -9
    assert [int(weights @ DIGITS[digit] + bias) for digit in (3, 9, 8)] == [1, -1, -3]
    assert weights @ lesson.weak + bias == 0


def test_the_curve_begins_with_three_yeses_and_ends_with_one():
    assert "says yes to 3, 8 and 9" in lesson_01.describe_on_curve(0, -9)
    assert "says yes to 3." in lesson_01.describe_on_curve(-2, -9)
    assert "says no to every digit" in lesson_01.describe_on_curve(-3, -13)
    apart = np.diff(lesson_01._neuron_of_3(-2, -9)), np.diff(lesson_01._neuron_of_3(-2, -12))
    assert np.array_equal(*apart)  # the bias moves them together


def test_the_still_pictures_show_the_slider_before_and_after(words):
    fig = lesson_01.before_and_after()
    assert [ax.get_title(loc="left") for ax in fig.axes] == ["Says yes to 3, 8 and 9", "Says yes to 3"]
    found = [
        f"{F.sigmoid(lesson_01._neuron_of_3(dark, -9)[d]):.2f}" for dark, d in ((0, 8), (-2, 9), (-2, 8))
    ]
    assert found == ["0.73", "0.27", "0.05"] and all(a in lesson_01.BEFORE_AND_AFTER for a in found)
    assert [half.axes[0].get_xlabel().split()[-1] for half in fig.subfigs] == ["0", "-2"]
    # Before the weights were doubled, the 3 was half a point above its line.
    assert BOTH[3] - (BOTH[3] + BOTH[9]) / 2 == 0.5 and "½ above" in words


def _numbers(ax):
    """The numbers in a picture, as they were written."""
    texts = (text.get_text().replace("−", "-") for text in ax.texts)
    return [int(text) for text in texts if re.fullmatch(r"-?\d+", text)]


def test_the_picture_of_one_neuron_is_a_row_of_x_by_a_row_of_w(lesson):
    x, w, bias = lesson.X[9], lesson.W[3], lesson.b[3]
    assert np.array_equal(w, lesson.weights) and bias == lesson.bias
    shown = _numbers(lesson_01.weighted_sum(x, w, bias).axes[0])
    rows, end = np.array(shown[:21]).reshape(3, 7), shown[21:]
    assert np.array_equal(rows, [x, w, x * w]) and end == [8, -9, -1] == [x @ w, bias, lesson.Z[2, 3]]
    told = list(map(int, re.findall(r"-?\d", lesson_01.WEIGHTED_SUM.partition("inputs")[2])))
    assert told == [*rows.ravel(), *end]


def test_the_picture_of_a_layer_is_w_by_x_plus_b(lesson):
    z = lesson.W @ lesson.X[9] + lesson.b
    shown = _numbers(lesson_01.draw_layer(lesson.X[9], lesson.W, lesson.b).axes[0])
    assert shown == [*lesson.X[9], *np.column_stack([lesson.W, lesson.b, z]).ravel()]
    told = re.findall(r"-?\d+", lesson_01.LAYER.partition("sums are")[2])
    assert list(map(int, told)) == [*z, 9] and np.flatnonzero(z > 0).tolist() == [9]


def test_the_picture_of_a_batch_is_z_and_its_frame_holds_the_entry_that_is_worked_out(lesson, words):
    ax = lesson_01.draw_batch(lesson.batch, lesson.W, lesson.b).axes[0]
    rows = [np.r_[lit, sums] for lit, sums in zip(lesson.batch, lesson.Z, strict=True)]
    columns = [np.r_[weights, bias] for weights, bias in zip(lesson.W, lesson.b, strict=True)]
    assert _numbers(ax) == np.concatenate([*columns, *rows]).tolist()
    assert np.array_equal(lesson.batch, DIGITS[[3, 8, 9]]) and lesson.Z.shape == (3, 10)
    np.testing.assert_array_equal(lesson.Z[2], lesson.W @ DIGITS[9] + lesson.b)
    own = np.arange(10) == np.array([[3], [8], [9]])
    assert (lesson.Z[own] == 1).all() and lesson.Z[~own].max() == -1
    (frame,) = (one for one in ax.patches if isinstance(one, Rectangle) and not one.get_fill())
    inside = [text.get_text() for text in ax.texts if frame.get_bbox().contains(*text.get_position())]
    assert inside == ["−3"] and lesson.Z[2, 4] == lesson.W[4] @ DIGITS[9] + lesson.b[4] == -3
    shaded = [one.get_bbox() for one in ax.patches if isinstance(one, Rectangle) and one.get_fill()]
    within = [[t.get_text() for t in ax.texts if box.contains(*t.get_position())] for box in shaded]
    told = [[int(t.replace("−", "-")) for t in texts] for texts in within]
    assert told == [lesson.batch[2].tolist(), [*lesson.W[4], lesson.b[4]]]
    sentence = next(t.get_text() for t in ax.texts if t.get_text().startswith("The 9"))
    assert sentence.endswith("−2 + 2 + 2 − 2 + 0 + 2 + 2 = 4\nand with the bias  4 − 7 = −3")
    assert (lesson.batch[2] * lesson.W[4]).tolist() == [-2, 2, 2, -2, 0, 2, 2] and lesson.b[4] == -7
    assert "The framed −3 is `Z[2, 4]`" in words and lesson_01.BATCH.endswith("-3, framed.")


def test_ten_times_as_large_is_surer_and_says_the_same():
    z = np.arange(-13, 2, 2.0)
    a, surer = F.sigmoid(z), F.sigmoid(10 * z)
    assert ((a > 0.5) == (surer > 0.5)).all() and (abs(surer - 0.5) > abs(a - 0.5)).all()


def test_one_neuron_cannot_tell_digits_from_the_rest():
    """The 1 and the 4 together light what two patterns light that are no digits: their sums add up alike."""
    left, middle = DIGITS[1].copy(), DIGITS[1].copy()
    left[5], middle[6] = 1, 1
    assert np.array_equal(DIGITS[1] + DIGITS[4], left + middle)
    assert not any((pattern == DIGITS).all(axis=1).any() for pattern in (left, middle))
    assert lesson_01.SEGMENTS[5:] == ("upper left", "middle")


def test_each_line_in_the_picture_has_one_of_the_four_on_the_wrong_side():
    lines = lesson_01.four_corners().axes[0].lines
    assert len(lines) == 2
    for line in lines:
        (x0, x1), (y0, y1) = line.get_data()
        side = {(x, y): (x1 - x0) * (y - y0) > (y1 - y0) * (x - x0) for x in (0, 1) for y in (0, 1)}
        yes = {corner: corner[0] == corner[1] for corner in side}
        assert len({side[corner] == yes[corner] for corner in side}) == 2


def test_the_network_says_yes_to_the_ten_digits_alone(lesson):
    hidden, y_hat = lesson.run(PATTERNS, lesson.layers)
    yes = PATTERNS[y_hat[:, 0] > 0.5]
    assert sorted(map(tuple, yes)) == sorted(map(tuple, DIGITS))
    assert (np.round(hidden).sum(axis=1) <= 1).all() and (abs(y_hat - 0.5) > 0.4999).all()
    assert sum(W.size + b.size for W, b in lesson.layers) == 91


def test_unsure_neurons_add_up_to_twelve_yeses_too_many(lesson):
    *_, y_hat = lesson.run(PATTERNS, [(lesson.W, lesson.b), lesson.listener])
    yes = set(map(tuple, PATTERNS[y_hat[:, 0] > 0.5]))
    assert len(yes) == 22 and yes > set(map(tuple, DIGITS))
    hidden, _ = lesson.run(PATTERNS, [(lesson.W, lesson.b), lesson.listener])
    others = [row for row, pattern in zip(hidden, PATTERNS, strict=True) if tuple(pattern) not in yes]
    assert 2 * F.sigmoid(-1.0) > 0.5 > max(map(sum, others))  # the sum of the ten decides


def test_the_network_for_one_display_is_the_one_for_a_batch(lesson):
    hidden, y_hat = lesson.run(DIGITS[[3]], [(lesson.W, lesson.b), lesson.listener])
    np.testing.assert_allclose(lesson.answers, hidden[0], rtol=1e-12)
    np.testing.assert_allclose(lesson.last, y_hat[0, 0], rtol=1e-12)
    shown = [
        text.get_text() for text in lesson_01.draw_network(DIGITS[3], hidden[0], y_hat[0, 0]).axes[0].texts
    ]
    words = ["7 inputs", "10 hidden neurons", "1 output"]
    assert sorted(shown) == sorted([*words, *(f"{a:.2f}" for a in hidden[0]), "1.00"])
    told = {3: "0.73", 9: "0.27"}
    assert {digit: f"{a:.2f}" for digit, a in enumerate(hidden[0]) if round(a, 2) > 0.05} == told
    assert all(answer in lesson_01.NETWORK for answer in told.values())


def test_without_a_sigmoid_between_them_two_layers_are_one_neuron(lesson):
    (W1, b1), (W2, b2) = lesson.layers
    assert (W2 @ W1).shape == (1, 7)
    np.testing.assert_array_equal((PATTERNS @ W1.T + b1) @ W2.T + b2, PATTERNS @ (W2 @ W1).T + W2 @ b1 + b2)
    x = np.arange(-3, 4)
    assert np.array_equal(3 * (2 * x + 1) + 4, 6 * x + 7)


def test_the_activation_functions_are_the_packages(lesson, close):
    z = np.linspace(-5, 5, 41)
    np.testing.assert_allclose(lesson.sigmoid(z), F.sigmoid(z), rtol=1e-12)
    np.testing.assert_allclose(close.tanh(z), F.tanh(z), rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(np.maximum(z, 0), F.relu(z))
    assert list(lesson_01.ACTIVATIONS) == ["sigmoid", "tanh", "relu"]


def test_no_pixel_is_black_in_all_three_3s():
    pictures = [ax.images[0].get_array() for ax in lesson_01.keeping_score().axes if ax.images]
    black = np.array(pictures) > 0.5
    assert black.shape == (3, 28, 28) and not black.all(axis=0).any()
    assert (black.sum(axis=(1, 2)) > 50).all()


def test_training_finds_the_two_openings_of_the_3_ten_times():
    """On different images in a different order; and the middle of the 0. Nine in ten new images are read."""
    for seed in range(10):
        W, share = lesson_01.learned(seed)
        three, zero = W[3].reshape(28, 28), W[0].reshape(28, 28)
        assert three[9:12, 9:13].mean() < -0.1 and three[15:18, 9:13].mean() < -0.1
        assert three[9:12, 15:19].mean() > 0 and three[15:18, 16:20].mean() > 0
        assert zero[11:17, 12:16].mean() < -0.1
        assert round(10 * share) == 9


# --- The running example ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sums(lesson):
    """The sums of the running example, from what the page holds."""
    return lesson.x @ lesson.W1.T + lesson.b1, lesson.A1 @ lesson.W2.T + lesson.b2


def test_scalars_sums_loops_and_products_give_one_forward_pass(lesson, sums):
    x, _, W1, b1, *_ = data.mazur()
    by_sums = [0.15 * 0.05 + 0.20 * 0.10 + 0.35, 0.25 * 0.05 + 0.30 * 0.10 + 0.35]
    h1, h2 = F.sigmoid(np.array(by_sums))
    by_hand = [0.40 * h1 + 0.45 * h2 + 0.60, 0.50 * h1 + 0.55 * h2 + 0.60]
    by_loop = [sum(W1[j, k] * x[0, k] for k in range(2)) + b1[j] for j in range(2)]
    for found in (by_loop, W1 @ x[0] + b1, (x @ W1.T + b1)[0], sums[0][0], F.linear(x, W1, b1)[0]):
        np.testing.assert_allclose(found, by_sums, rtol=1e-14)
    np.testing.assert_allclose(lesson.A1[0], [h1, h2], rtol=1e-14)
    np.testing.assert_allclose(sums[1][0], by_hand, rtol=1e-14)
    np.testing.assert_allclose(lesson.A2[0], F.sigmoid(np.array(by_hand)), rtol=1e-14)


def test_the_numbers_are_the_published_ones(lesson, sums):
    published = data.worked_example("mazur")["published"]
    (h1, h2), (o1, o2) = lesson.A1[0], lesson.A2[0]
    found = {"net_h1": sums[0][0, 0], "net_o1": sums[1][0, 0], "out_h1": h1, "out_h2": h2,
             "out_o1": o1, "out_o2": o2}  # fmt: skip
    for name, value in found.items():
        assert round(value, 9) == published[name]
        assert f"{value:.{4 if name.startswith('net') else 3}f}" in lesson_01.RUNNING


def test_the_picture_of_the_running_example_shows_its_sums(lesson, sums):
    shown = [text.get_text() for text in lesson_01.running_example(lesson.A1, lesson.A2).axes[0].texts]
    under = [text for text in shown if text.startswith("sum")]
    assert under == [f"sum {z:.4f}" for z in np.hstack(sums)[0]]
    assert all(text.removeprefix("sum ") in lesson_01.RUNNING for text in under)


def test_each_row_of_a_batch_is_worked_out_separately(lesson):
    x, _, W1, b1, W2, b2, _ = data.mazur()
    layers, batch = [(W1, b1), (W2, b2)], np.array([x[0], [1.0, 0.0], [0.3, -0.7]])
    together = lesson.run(batch, layers)[1]
    one_by_one = np.vstack([lesson.run(row[None, :], layers)[1] for row in batch])
    by_package = F.sigmoid(F.linear(F.sigmoid(F.linear(batch, W1, b1)), W2, b2))
    for found in (one_by_one, by_package):
        np.testing.assert_allclose(found, together, rtol=1e-14)
    np.testing.assert_allclose(together[0], lesson.A2[0], rtol=1e-14)
    turned = lesson.run(batch[::-1], layers)[1]
    np.testing.assert_array_equal(turned, together[::-1])


def test_the_check_yourself_answers(words):
    assert round(float(F.sigmoid(0.35)), 2) == 0.59 and "about 0.59" in words
    X, W, b = np.ones((32, 64)), np.ones((10, 64)), np.ones(10)
    assert F.linear(X, W, b).shape == (32, 10)


# --- The exercises ------------------------------------------------------------------------------------------


def test_one_fault_of_the_broken_program_is_loud_and_the_other_quiet(lesson, words):
    task = words.partition("### Exercise 01.3")[2].partition("<details>")[0]
    names = {"sigmoid": F.sigmoid}
    exec(re.findall(r"```python\n(.*?)```", task, re.DOTALL)[0], names)
    x, _, W1, b1, W2, b2, _ = data.mazur()
    right = lesson.A2[0]
    assert (names["two_layers"](x, W1, b1, W2, b2) > 1).all()
    quiet = F.sigmoid(F.sigmoid(x @ W1 + b1) @ W2.T + b2)[0]
    assert np.array_equal(quiet.round(3), right.round(3)) and (quiet.round(4) != right.round(4)).any()
    still_loud = F.sigmoid(F.sigmoid(x @ W1.T + b1) @ W2.T) + b2
    assert (still_loud > 1).all()


def by_loop(lit):
    weights = np.zeros(7)
    for k in range(7):
        weights[k] = 2 if lit[k] == 1 else -2
    return weights, 1 - weights @ lit


def as_positions(lit):
    weights = np.zeros(7)
    for k in lit:
        weights[k] = 2
    return weights, 1 - 2 * lit.sum()


def from_x(X, layers):
    return [F.sigmoid(A @ W.T + b) for A, (W, b) in zip([X, *lesson_01.forward(X, layers)], layers)]  # noqa: B905


def only_the_first(X, layers):
    (W, b) = layers[0]
    return [F.sigmoid(X @ W.T + b)]


def list_made_anew(X, layers):
    for W, b in layers:
        outputs = []
        X = F.sigmoid(X @ W.T + b)
        outputs.append(X)
    return outputs


def append_assigned(X, layers):
    outputs = []
    for W, b in layers:
        X = F.sigmoid(X @ W.T + b)
        outputs = outputs.append(X)
    return outputs


def as_wide_as_x(X, layers):
    outputs = [np.zeros_like(X) for _ in layers]
    for (W, b), out in zip(layers, outputs, strict=True):
        out[:] = X = F.sigmoid(X @ W.T + b)
    return outputs


def that_empties_the_list(X, layers):
    outputs = []
    while layers:
        W, b = layers.pop(0)
        X = F.sigmoid(X @ W.T + b)
        outputs.append(X)
    return outputs


def not_transposed(X, layers):
    outputs = []
    for W, b in layers:
        X = F.sigmoid(X @ W + b)
        outputs.append(X)
    return outputs


@pytest.mark.parametrize(
    ("key", "answer", "says"),
    [
        ("01.1", by_loop, "right"),
        ("01.1", lambda lit: list(by_loop(lit)), "right"),
        ("01.1", lambda lit: by_loop(lit)[0], "Expected 2 results"),
        ("01.1", lambda lit: (np.where(lit, 2, -2), -9), "every digit gets the bias of the 3"),
        ("01.1", lambda lit: (np.where(lit, 2, 0), 1 - 2 * lit.sum()), "the dark segments have the weight 0"),
        ("01.1", lambda lit: (4 * lit - 2, 1 - (4 * lit - 2).sum()), "the dark segments are counted in"),
        ("01.1", as_positions, "`lit` is read as a list of positions"),
        ("01.2", from_x, "right"),
        ("01.2", only_the_first, "when the return stands inside the loop, so the function stops"),
        ("01.2", list_made_anew, "the list is made anew each time round the loop"),
        ("01.2", append_assigned, "`append` changes its list and returns None"),
        ("01.2", as_wide_as_x, "Your function stopped"),
        ("01.2", that_empties_the_list, "Your function stopped"),
        ("01.2", not_transposed, "the left factor must have as many columns as the right one has rows"),
        ("01.2", lambda X, layers: lesson_01.forward(X, layers)[-1], "only the last layer's activations"),
        ("01.2", lambda X, layers: [X] + list(lesson_01.forward(X, layers)), "the list begins with X"),
        ("01.2", lambda X, layers: ..., "not answered yet"),
        ("01.3", lesson_01.two_layers, "right"),
        ("01.3", lambda X, W1, b1, W2, b2: F.sigmoid(F.sigmoid(X @ W1 + b1) @ W2.T + b2), "W1 still isn't"),
        ("01.3", lambda X, W1, b1, W2, b2: F.sigmoid(F.sigmoid(X @ W1 + b1) @ W2.T) + b2, "both faults"),
        ("01.3", lambda X, W1, b1, W2, b2: F.sigmoid(F.sigmoid(X @ W1.T + b1) @ W2.T + b1),
         "b1 is used in place of b2"),
    ],
)  # fmt: skip
def test_what_is_said_of_an_answer(key, answer, says, capsys):
    check(key, answer)
    assert says in " ".join(capsys.readouterr().out.split())


def test_a_bias_in_brackets_makes_the_same_layer(lesson):
    rows = [lesson_01.detector(lit) for lit in DIGITS]
    for bracketed in ([[bias] for _, bias in rows], [np.array([bias]) for _, bias in rows]):
        assert np.array_equal(np.hstack(bracketed), lesson.b)


# --- The deeper pages ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def close():
    return solved(NOTEBOOKS / "deeper" / "01_one_neuron_up_close.ipynb").variables


@pytest.fixture(scope="module")
def others():
    return solved(NOTEBOOKS / "deeper" / "01_other_peoples_networks.ipynb").variables


@pytest.mark.parametrize(("w", "b"), [(2.0, -1.0), (2.0, -6.0), (6.0, 3.0), (-4.0, 1.0), (200.0, -600.0)])
def test_the_border_lies_at_minus_b_over_w_where_the_slope_is_a_quarter_of_w(close, w, b):
    assert close.sigmoid(w * (-b / w) + b) == 0.5
    assert close.slope_at_border(w, b) == pytest.approx(w / 4, rel=1e-6)


@pytest.mark.parametrize(("w", "b"), [((3.0, 4.0), -10.0), ((2.0, 1.0), -1.0), ((-1.0, 0.5), 4.0)])
def test_the_weights_stand_across_the_border(w, b):
    w = np.array(w)
    nearest, along = -b / (w @ w) * w, np.array([-w[1], w[0]])
    assert w @ along == 0 and w @ (nearest + 3 * along) + b == pytest.approx(0)
    assert np.hypot(*nearest) == pytest.approx(abs(b) / np.hypot(*w), rel=1e-14)
    assert f"{abs(b) / np.hypot(*w):.2f} from the centre" in lesson_01.describe_plane(*w, b)


def test_the_page_s_border_is_two_away(close):
    assert close.nearest.round(12).tolist() == [1.2, 1.6] and close.w @ close.along_the_border == 0
    assert np.hypot(*close.nearest) == pytest.approx(2)


def test_large_sums(close):
    np.testing.assert_array_equal(close.safe_sigmoid(close.z), F.sigmoid(close.z))
    with np.errstate(all="ignore"):
        assert np.isnan(close.tanh(1000.0)) and F.tanh(1000.0) == 1
        assert np.array_equal(close.sigmoid(close.z), F.sigmoid(close.z))
    with np.errstate(over="raise"):
        close.safe_sigmoid(np.array([-1e4, 1e4]))


def test_the_bias_trick_and_where_it_goes_wrong(others):
    _, _, W1, b1, *_ = data.mazur()
    np.testing.assert_allclose(others.with_ones @ others.W_and_b.T, others.batch @ W1.T + b1, rtol=1e-14)
    assert np.array_equal(np.floor(1000 * others.hidden[0]) / 1000, others.published["hidden"])
    assert np.floor(1000 * others.output[0]) / 1000 == others.published["output"]
    assert np.ptp(others.third) > 0.1  # no constant
    assert others.W1_xor.size + others.W2_xor.size == 12 == 3 * 2 + 3 + 3 and 2 * 2 + 2 + 2 + 1 == 9


def test_two_readings_of_a_drawing(others):
    found = [sum(np.size(others.k[name]) for name in ("W1", "b1", "W2", "b2", "W3"))]
    assert found == [18] and (4 * 4 + 4) + (4 * 4 + 4) + 4 == 44


def test_the_weight_that_kostadinov_works_out(others):
    assert round(float(others.by_chain_rule), 7) == 0.0853483
    moved = (others.cost(others.w22 + 1e-5) - others.cost(others.w22 - 1e-5)) / 2e-5
    assert moved == pytest.approx(others.by_chain_rule, rel=1e-7)


def test_twenty_layers_are_one(others):
    off = np.abs(others.deep - (others.X @ others.W.T + others.b)).max() / np.abs(others.deep).max()
    assert off < 1e-13
    assert sum(W.size + b.size for W, b in others.layers) == 600 == 20 * (others.W.size + others.b.size)
