"""Lesson 09 and its pages: what a check finds and misses, who learns all the same, what a repair is told."""

import inspect
import re
import textwrap

import numpy as np
import pytest

from bphelpers import data
from bphelpers import functional as F
from bphelpers.lessons import lesson_09
from bphelpers.nn import CrossEntropyLoss, Linear, Sequential, Sigmoid
from bphelpers.numeric import numerical_gradient
from bphelpers.teaching import check, gradcheck, yours
from tests.starts import starts
from tools.course.lesson import NOTEBOOKS, Lesson
from tools.course.solved import solved

DIGITS = tuple(array[:200] for array in data.digits())
FEW = tuple(array[:5] for array in DIGITS)
ten_starts = pytest.mark.parametrize("seed", starts(10, 1))


def deeper(name):
    return solved(NOTEBOOKS / "deeper" / f"09_{name}.ipynb").variables


@pytest.fixture(scope="module")
def close():
    return deeper("how_close_is_close")


@pytest.fixture(scope="module")
def museum():
    return deeper("ten_broken_passes")


@pytest.fixture(scope="module")
def programs():
    return deeper("three_published_programs")


def said(capsys, key, answer):
    check(key, answer)
    return " ".join(capsys.readouterr().out.split())


# --- What the loss says -------------------------------------------------------------------------------------


def test_the_whole_numbers_of_the_neuron():
    losses = [(2 * w - 4) ** 2 for w in (2, 3, 4)]
    assert losses == [0, 4, 16] and (losses[2] - losses[0]) / 2 == 8
    assert (2 * (3 - 4 / 4) - 4) ** 2 == 0 and (2 * (3 - 8 / 4) - 4) ** 2 == 4
    assert lesson_09.EXERCISES["09.1"].reference == (12, 4)


def test_the_course_and_the_page_have_one_network(lesson):
    params = lesson_09.first_weights(3)
    assert lesson.loss(params, *DIGITS) == pytest.approx(lesson_09.loss(params, *DIGITS), rel=1e-14)
    assert sum(array.size for array in params.values()) == 1210
    ours, theirs = (
        lesson.train(lesson_09.backward, params, 20),
        lesson_09.train(lesson_09.backward, params, *DIGITS, 20),
    )
    for name in params:
        np.testing.assert_allclose(ours[name], theirs[0][name], rtol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_courses_gradients_are_right_and_bs_are_wrong_in_two_arrays(seed):
    params = lesson_09.first_weights(seed)
    nudged = lesson_09.slopes_by_nudging(lambda p: lesson_09.loss(p, *FEW), params)
    for backward in (lesson_09.backward, lesson_09.backward_a):
        for name, found in backward(params, *FEW).items():
            assert lesson_09.off_by(found, nudged[name]) < 1e-7
    errors = {
        name: lesson_09.off_by(g, nudged[name]) for name, g in lesson_09.backward_b(params, *FEW).items()
    }
    assert min(errors["W1"], errors["b1"]) > 0.1 and max(errors["W2"], errors["b2"]) < 1e-7
    independent = numerical_gradient(lambda W: lesson_09.loss(params | {"W1": W}, *FEW), params["W1"])
    np.testing.assert_allclose(nudged["W1"], independent, rtol=0, atol=1e-9)


def test_the_one_weight_of_the_page(lesson):
    slope = (lesson.up - lesson.down) / (2 * lesson.h)
    a, b = (f(lesson.params, *DIGITS)["W1"][2, 3] for f in (lesson_09.backward_a, lesson_09.backward_b))
    assert slope == pytest.approx(a, rel=1e-7) and abs(b / a - 1) > 0.5
    assert lesson_09.PREDICTIONS["09.A"].options == ("A", "B")


@ten_starts
def test_the_wrong_network_is_ahead_from_ten_starts(seed):
    ends, losses = zip(*(lesson_09.train(f, lesson_09.first_weights(seed), *DIGITS, 301)
                         for f in (lesson_09.backward_a, lesson_09.backward_b)), strict=True)  # fmt: skip
    assert all(losses[1][k] < 0.8 * losses[0][k] for k in (20, 50, 100))
    for params in ends:
        wrong = np.sum(lesson_09.forward(params, DIGITS[0])[1].argmax(axis=1) != DIGITS[1])
        assert wrong <= (2 if seed == 0 else 4)


@ten_starts
def test_the_wrong_network_goes_downhill_with_some_wrong_signs(seed):
    params, wrong = lesson_09.first_weights(seed), 0
    for _ in range(300):
        right, found = (f(params, *DIGITS) for f in (lesson_09.backward_a, lesson_09.backward_b))
        for names in (("W1", "b1"), ("W1", "b1", "W2", "b2")):
            assert sum(np.sum(right[name] * found[name]) for name in names) > 0
        wrong += np.sum(np.sign(right["W1"]) != np.sign(found["W1"]))
        params = {name: params[name] - found[name] for name in params}
    assert wrong > 1000


# --- How close ----------------------------------------------------------------------------------------------


def test_relative_errors_of_the_table_and_of_the_page(lesson):
    for found, error in ((8, 0), (4, 0.5), (0, 1), (-8, 2)):
        assert lesson.relative_error_of(np.array([found]), np.array([8])) == error
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, 4))
    assert lesson.relative_error_of(a, b) == lesson_09.off_by(a, b)


def test_the_ruler_shows_what_is_said_of_it():
    (ax,) = lesson_09.ruler().axes
    a, b, single = [line.get_xdata() for line in ax.lines if len(line.get_xdata()) == 4]
    assert max(a) < 1e-7 and max(b[2:]) < 1e-7 and min(b[:2]) > 0.3
    assert min(single) > 1e-3  # in float32, the right gradient is among the wrong ones


# --- Where --------------------------------------------------------------------------------------------------


def test_the_package_names_bs_mistake_and_half_of_those_to_repair(lesson, page):
    params = lesson_09.first_weights(0)
    report = gradcheck.check_own(lesson.loss, params, lesson_09.backward_b, *FEW)
    assert {a.name for a in report.arrays if not a.ok} == {"W1", "b1"}
    assert report["W1"].diagnosis.mistake == "activation derivative missing"
    assert "one of these lines of backward_b, which the right arrays don't use:" in report.reasons.replace(
        "\n", " "
    )
    assert report.reasons.splitlines()[-1] == "    8: dZ1 = dA" and "relative error" not in report.reasons
    assert max(map(len, report.reasons.splitlines())) <= 88

    broken = lesson_09.backward_c
    report = gradcheck.check_own(lesson.loss, params, broken, *FEW)
    assert [a.name for a in report.arrays if a.ok] == ["W2"]
    assert report["b2"].diagnosis and report["W1"].diagnosis is None
    stub = next(cell.source for cell in page.code if "two lines below are wrong" in cell.source)
    names = vars(lesson) | {"print": lambda *_: None}
    exec(stub, names)
    for name, array in names["backward"](params, *FEW).items():
        np.testing.assert_allclose(array, broken(params, *FEW)[name], rtol=1e-12)


REPAIR = (
    inspect.getsource(lesson_09.backward_b)
    .replace("backward_b", "backward")
    .replace("np.eye(10)", "np.eye(P.shape[1])")
)


def repaired(dZ1="dA * A * (1 - A)", db2="dZ2.sum(axis=0)", dZ2="(P - np.eye(P.shape[1])[y]) / len(X)"):
    code = REPAIR.replace("dZ1 = dA\n", f"dZ1 = {dZ1}\n").replace("db2 = dZ2.sum(axis=0)", f"db2 = {db2}")
    code = code.replace("dZ2 = (P - np.eye(P.shape[1])[y]) / len(X)", f"dZ2 = {dZ2}")
    names = {"np": np, "forward": lesson_09.forward, "Params": dict, "Array": np.ndarray}
    exec(code, names)
    return names["backward"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "09.3: right"),
        ({"dZ1": "(A - A**2) * dA"}, "09.3: right"),
        ({"db2": "np.ones(len(X)) @ dZ2"}, "09.3: right"),
        ({"db2": "dZ2.mean(axis=0) * len(X)"}, "09.3: right"),
        ({"dZ1": "dA * (1 - A * A)", "db2": "dZ2.mean(axis=0)"}, "nothing has been repaired yet"),
        ({"dZ1": "dA * (1 - A * A)"}, "slope of tanh: the hidden layer is a sigmoid"),
        ({"db2": "dZ2.mean(axis=0)"}, "db2 is still a mean"),
        ({"dZ1": "dA * A * 1 - A"}, "brackets around 1 - A are missing"),
        ({"dZ1": "dA * (1 - A)"}, "multiplies by 1 - A alone"),
        ({"dZ1": "dA"}, "dZ1 has no slope at all"),
        ({"dZ1": "A * (1 - A)"}, "dZ1 holds the slope alone"),
        ({"db2": "dZ2.sum()"}, "each class has a bias of its own"),
        ({"db2": "dZ2.sum(axis=1)"}, "db2 adds up along each row"),
        ({"db2": "dZ2"}, "add up its rows"),
        ({"dZ1": "dA", "db2": "dZ2.sum(axis=1)"}, "; and db2 adds up along each row"),
        ({"dZ2": "P - np.eye(P.shape[1])[y]"}, "dZ2 is no longer divided by the number of examples"),
        ({"dZ1": "-dA * A * (1 - A)"}, "a minus sign got into dZ1"),
        ({"dZ1": "dA * Q"}, "Your function stopped"),
    ],
)  # fmt: skip
def test_what_a_repair_is_told(changes, says, capsys):
    text = said(capsys, "09.3", repaired(**changes))
    assert says in text and text.startswith("09.3: right") == says.endswith("right")


def test_a_repaired_pass_does_the_work_also_with_the_dots_left_in(lesson, capsys):
    def backward(params, X, y):
        ...
        return lesson_09.backward(params, X, y)

    for mine in (backward, lesson.backward):
        assert yours("09.3", mine, None) is mine
    assert "your function does the work" in capsys.readouterr().out
    right = np.mean(lesson.forward(lesson.trained, DIGITS[0])[1].argmax(axis=1) == DIGITS[1])
    assert right >= 0.985 and lesson.loss(lesson.trained, *DIGITS) < 0.1


# --- Before training ----------------------------------------------------------------------------------------


def test_the_loss_at_chance_from_ten_starts():
    for seed in range(10):
        params = lesson_09.first_weights(seed)
        assert abs(lesson_09.loss(params, *DIGITS) - np.log(10)) < 0.3
        assert lesson_09.loss({name: 10 * array for name, array in params.items()}, *DIGITS) > 6
    assert lesson_09.PREDICTIONS["09.B"].options[1] == f"about {np.log(1000):.1f}"
    assert f"{np.log(3):.2f}" == "1.10"


@ten_starts
def test_what_each_test_catches_from_ten_starts(seed):
    ends = {fault: lesson_09.by_heart(fault, seed)[0][-1] for fault in lesson_09.FAULTS}
    errors = {fault: lesson_09.by_heart(fault, seed)[1] for fault in lesson_09.FAULTS}
    assert ends["nothing"] < 0.02 and ends["the slope is forgotten"] < 0.02
    assert 2.2 < ends["dA has the wrong sign"] < 2.4 and 1.5 < ends["one sigmoid too many"] < 1.65
    for fault in ("nothing", "one sigmoid too many"):
        assert max(errors[fault].values()) < 1e-6
    for fault in ("the slope is forgotten", "dA has the wrong sign"):
        assert {name for name, error in errors[fault].items() if error > 1e-3} == {"W1", "b1"}
        assert max(errors[fault]["W2"], errors[fault]["b2"]) < 1e-6
    assert all(
        "finds every array right" in lesson_09.describe_by_heart(f)
        for f in ("one sigmoid too many", "nothing")
    )


def test_a_sigmoid_before_the_softmax_costs_at_least_146(lesson):
    best = F.softmax_cross_entropy(np.eye(10)[[3]], [3])
    assert best == pytest.approx(np.log(1 + 9 / np.e)) and f"{best:.2f}" == "1.46"
    assert f"{np.exp(-best):.2f}" == "0.23"
    looks = gradcheck.sanity(lesson.net, CrossEntropyLoss(), *DIGITS, lr=1.0)
    assert not looks["last layer"].ok and looks["gradients"].ok and looks["overfit"].mark == "look"
    rng = np.random.default_rng(6)
    meant = Sequential(Linear(64, 16, rng=rng), Sigmoid(), Linear(16, 10, rng=rng))
    assert gradcheck.sanity(meant, CrossEntropyLoss(), *DIGITS, lr=1.0).ok


# --- The other exercises ------------------------------------------------------------------------------------


def _in_copies(loss, array, h=1e-5):
    steps = h * np.eye(array.size).reshape(-1, *array.shape)
    slopes = [(loss(array + step) - loss(array - step)) / (2 * h) for step in steps]
    return np.array(slopes).reshape(array.shape)


def _without_return(loss, array, h=1e-5):
    slopes = lesson_09.nudge_each(loss, array, h)
    slopes.copy()


def looping(body):
    """The function with these lines in its loop."""
    code = "def nudge_each(loss, array, h=1e-5):\n    slopes = np.zeros(array.shape)\n"
    code += (
        "    for place in np.ndindex(array.shape):\n" + textwrap.indent(body, 8 * " ") + "\n    return slopes"
    )
    names = {"np": np, "params": {}, "X": DIGITS[0], "y": DIGITS[1]}
    exec(code, names)
    return names["nudge_each"]


GO, BACK = "old = array[place]\narray[place] = old + h\nup = loss(array)", "array[place] = old"
DOWN, WRITE = "array[place] = old - h\ndown = loss(array)", "slopes[place] = (up - down) / (2 * h)"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (_in_copies, "09.2: right"),
        (looping("\n".join([GO, DOWN, BACK, WRITE])), "09.2: right"),
        (looping("array[place] += h\nup = loss(array)\narray[place] -= 2 * h\ndown = loss(array)\n"
                 "array[place] += h\n" + WRITE), "09.2: right"),
        (looping("\n".join([GO, DOWN, WRITE])), "the number stays nudged: put the old one back"),
        (looping("\n".join([GO, "array[place] -= h\ndown = loss(array)", BACK, WRITE])),
         "the second nudge only takes you back"),
        (looping("up = loss(array + h)"), "a whole array is nudged at once: nudge `array[place]` alone"),
        (looping("up = loss(array[place] + h)"), "the whole array, and nothing else: write `loss(array)`"),
        (looping("\n".join([GO.replace("(array)", "(params, X, y)"), DOWN, BACK, WRITE])),
         "the whole array, and nothing else: write `loss(array)`"),
        (looping("up = loss(params)"), "the whole array, and nothing else"),
        (lambda loss, array, h: lesson_09.nudge_each(loss, array), "h is 1e-5, whatever is handed over"),
        (looping("\n".join([GO, DOWN, BACK])), "the slopes are never written down"),
        (_without_return, "missing the word return"),
        (lambda loss, array, h: loss(array), "got one number"),
    ],
)  # fmt: skip
def test_what_a_loop_is_told(answer, says, capsys):
    text = said(capsys, "09.2", answer)
    assert says.casefold() in text.casefold(), text
    assert text.startswith("09.2: right") == says.endswith("right")


@pytest.mark.parametrize(
    ("pair", "says"),
    [
        ((12, 4), "09.1: right"),
        ((24, 4), "b is right, and for w you stop at the difference of the losses"),
        ((12, 8), "w is right, and for b you stop at the difference of the losses"),
        ((24, 8), "when you stop at the difference of the losses"),
        ((6, 2), "when you believe the backward pass"),
        ((12, 2), "w is right, and for b you believe the backward pass"),
        ((21, 4), "b is right, and for w you nudge up only"),
        ((4, 12), "the two are the wrong way round"),
    ],
)
def test_what_a_pair_of_slopes_is_told(pair, says, capsys):
    assert says in said(capsys, "09.1", pair)


def test_the_loop_as_it_stands_is_open(page, capsys):
    stub = next(cell.source for cell in page.code if cell.source.startswith("def nudge_each"))
    names = {"np": np}
    exec(compile(stub, inspect.__file__, "exec"), names)  # zeros come back
    found = names["nudge_each"](np.sum, np.array([2.0]))
    assert not found.any() and "..." in textwrap.dedent(stub)


# --- deeper/09_how_close_is_close.ipynb ---------------------------------------------------------------------


def test_floors(close):
    assert close.worst < 1e-9 and close.larger.max() < 1e-9 and close.relative.max() > 0.9
    for params in (close.params, close.at_minimum):
        assert all(close.check_by_hand(close.loss, params, close.gradients(params)).values())

    def loss(**params):
        return close.loss(params)

    report = gradcheck.check_gradients(loss, close.params, close.averaged, batch_size=5)
    assert {a.name: a.ok for a in report.arrays} == close.check_by_hand(
        close.loss, close.params, close.averaged
    )
    assert [a.name for a in report.arrays if not a.ok] == ["b1"]
    assert gradcheck.check_gradients(loss, close.params, close.derived).ok
    assert not close.check_by_hand(close.loss, close.params, close.late)["W1"]


def test_float32_sees_no_mild_mistake(close):
    least = {key: errors.min() for key, errors in close.curves.items()}
    assert least["right", "float64"] < 1e-8 and 1e-4 < least["late", "float64"] < 1e-2
    assert min(least["right", "float32"], least["late", "float32"]) > 2e-4
    stand = [close.curves["right", "float64"] < 1e-6]
    assert np.ptp(np.log10(close.steps[stand[0]])) > 3
    assert max(least["right", "float32"], least["late", "float32"]) < 1e-2  # a percent stands out


def test_kinks(close):
    assert close.report.ok and len(close.report["b1"].kinks) == 3
    assert [name for name, ok in close.by_hand.items() if not ok] == ["b1"]
    for z, slope in ((-2.0, 0.0), (0.0, 0.5), (2.0, 1.0)):
        assert f"says {slope:.2f}" in lesson_09.describe_kink(z)
        h = 0.01
        assert (F.relu(np.array(z * h + h)) - F.relu(np.array(z * h - h))) / (2 * h) == pytest.approx(slope)


def test_directions(close):
    for seed in range(3):
        right, rate = close.along(close.loss, close.params, close.derived, np.random.default_rng(seed))
        wrong, _ = close.along(close.loss, close.params, close.late, np.random.default_rng(seed))
        assert abs(right - rate) < 1e-7 and abs(wrong - rate) > 1e-5
    unseen = [np.mean(np.abs((v * close.error).sum(axis=(1, 2))) < 1e-9) for v in (close.signs, close.bell)]
    assert abs(unseen[0] - 0.5) < 0.01 and unseen[1] == 0
    assert abs(close.promised - close.rate) < 1e-7


# --- deeper/09_ten_broken_passes.ipynb ----------------------------------------------------------------------


def test_half_of_the_museum_learns(museum):
    hits = {name: np.median([hit for _, hit, _ in of]) for name, of in museum.runs.items()}
    good = [name for name, hit in hits.items() if hit >= 0.95]
    assert good == [bug.name for bug in museum.BUGS[:5]]
    assert [name for name, hit in hits.items() if hit < 0.2] == [bug.name for bug in museum.BUGS[7:]]
    lower = [bug.name for bug in museum.BUGS
             if all(run[0][-1] < right[0][-1] for run, right
                    in zip(museum.runs[bug.name], museum.right_runs[bug.hidden], strict=True))]  # fmt: skip
    assert lower == ["bias not added up"]
    assert museum.runs["bias not added up"][0][2]["b1"].shape == (200, 10)


@pytest.mark.ten_starts
def test_the_forgotten_mask_learns_in_about_half_of_its_starts(museum):
    learned = [museum.train(museum.BUGS[5].broken, museum.start_of(seed))[1] >= 0.95 for seed in range(30)]
    assert 10 <= sum(learned) <= 20


def test_a_turned_matrix_gets_nearly_symmetric(museum):
    for seed, (_, _, trained) in enumerate(museum.runs[museum.turned.name]):
        found, right = (code.gradients(*DIGITS, lr=1.0, **trained)["W1"]
                        for code in (museum.turned.broken, museum.turned.intact))  # fmt: skip
        assert museum.cosine_and_ratio([found], [right])[0] > 0.5, seed
        assert museum.cosine_and_ratio([trained["W2"]], [trained["W2"].T])[0] > 0.5


def test_every_exhibit_is_found_and_named_at_ordinary_weights(museum):
    for bug in museum.BUGS:
        given = museum.X7, museum.y7, museum.ordinary
        assert museum.verdict(bug, bug.intact, *given).ok
        wrong = [a for a in museum.verdict(bug, bug.broken, *given).arrays if not a.ok]
        assert wrong and all(a.diagnosis.mistake == bug.mistake for a in wrong)


def test_where_bugs_hide(museum):
    assert museum.caught.sum(axis=0).tolist() == [10, 6, 6, 9, 9, 6]
    assert list(museum.places) == ["random weights", "all weights 0", "all weights equal", "all positive",
                                   "one example", "saturated"]  # fmt: skip


def test_the_detectives_ratio(museum):
    a = museum.a[0]
    np.testing.assert_allclose(museum.found / museum.true, a / (1 + a), rtol=1e-9)
    others = 1 / (1 - a * a), 1 - a * a
    assert all(np.abs(museum.found / museum.true / other - 1).max() > 0.1 for other in others)


# --- deeper/09_three_published_programs.ipynb ---------------------------------------------------------------


def test_every_printed_gradient_is_refuted_and_trains(programs):
    for name in programs.right:
        off = [[programs.mismatch(name, rules[name], seed) for seed in range(5)]
               for rules in (programs.right, programs.printed)]  # fmt: skip
        assert max(off[0]) < 1e-6 and min(off[1]) > 1e-3
    chapter_9, chapter_3, softmax = (programs.outcomes[name] for name in programs.right)
    assert chapter_9[1] / chapter_9[0] < 1.5 and chapter_3[1] < chapter_3[0]
    assert 0.7 < softmax[1] < softmax[0]


def test_two_fates_of_the_diagonal(programs):
    z, y = np.random.default_rng(1).normal(size=(3, 4)), np.eye(4)[[2, 0, 3]]
    p = F.softmax(z)
    dp = numerical_gradient(lambda p: -np.sum(y * np.log(p)), p)
    dz = numerical_gradient(lambda z: -np.sum(y * np.log(F.softmax(z))), z)
    for found, right in ((dp, -y / p), (programs.softmax_end(dp, p), dz), (p - y, dz),
                         (programs.diagonal_end(dp, p), -y * (1 - p))):  # fmt: skip
        np.testing.assert_allclose(found, right, rtol=1e-7, atol=1e-9)


def test_words_of_the_lesson(page):
    for term in ("gradient check", "relative error", "float32", "centred difference", "loss at chance"):
        assert page.words.count(f"**{term}**") == 1, term
    assert Lesson.read(NOTEBOOKS / "deeper" / "09_how_close_is_close.ipynb").words.count("**kink**") == 1
    assert re.search(r"\]\(deeper/my_network_does_not_learn\.ipynb\)", page.words)


def test_after_a_softmax_the_slopes_are_the_probabilities_minus_the_targets(lesson):
    z = np.log([0.7, 0.2, 0.1])
    slopes = lesson.nudge(lambda z: -np.log(F.softmax(z[None])[0, 1]), z)
    np.testing.assert_allclose(slopes, [0.7, -0.8, 0.1], atol=1e-9)
