"""Lesson 20 and its deeper pages: what convicts nobody innocent, what tempts, what the audit finds."""

import re

import numpy as np
import pytest

from bphelpers import data
from bphelpers.lessons import lesson_20
from bphelpers.teaching import check, trial
from bphelpers.teaching.audit import audit
from tools.course.lesson import NOTEBOOKS
from tools.course.solved import solved

SOUND = {
    "nearer, yet charged more": lesson_20.nearer_but_worse,
    "farther, yet charged less": lesson_20.farther_pays_less,
    "one step, one rate": lesson_20.one_rate,
    "delta times output": lesson_20.delta_times_output,
}


@pytest.mark.parametrize("argument", SOUND.values(), ids=SOUND)
def test_sound_arguments_convict_the_page_and_nobody_of_200(argument):
    found = trial.verdict(argument)
    assert found.page and found.innocents == [] and max(found.found.values()) > 20


@pytest.mark.ten_starts
@pytest.mark.parametrize("argument", SOUND.values(), ids=SOUND)
def test_sound_arguments_convict_nobody_of_3000(argument):
    assert trial.verdict(argument, 3000).innocents == []


def test_the_page_s_own_functions_are_those(lesson):
    """On right pages and on planted ones, what the learner sees says what the package says."""
    rng = np.random.default_rng(0)
    pages = [trial.published(), *trial.innocents()]
    pages += [trial.planted(page, fault, rng) for page in pages[1:40] for fault in trial.FAULTS]
    for mine, argument in zip(
        (lesson.nearer, lesson.fair, lesson.one_rate, lesson.delta_times_output), SOUND.values(), strict=True
    ):
        assert [bool(mine(page)) for page in pages] == [bool(argument(page)) for page in pages]


# --- What tempts, and the innocent that answers it ---


def answers(name, page):
    """Whether this right page shows what the argument forgets."""
    d, new_d = np.abs(page.output - page.target), np.abs(page.new_output - page.target)
    jumps = (page.output - page.target) * (page.new_output - page.target) < 0
    loss, rate, rises = page.about["loss"], page.about["rate"], page.new_error > page.error
    own_rate = rate != "0.50" or page.about["printed update"] != "gradient"
    return {
        "an output at the same distance is charged more": loss == "cross-entropy",
        "nearer and charged more, side ignored": (jumps & (new_d < d) & rises).any(),
        "the squared error rises": loss != "squares" or float(rate) > 1,
        "the farthest output is not charged most": loss == "cross-entropy",
        "nearer and not charged less": ((new_d < d) & (page.new_error == page.error)).any(),
        "an error rises": rises.any() and (page.new_error.sum() < page.error.sum() or float(rate) > 0.5),
        "the weights of a column move both ways": any(c.min() < 0 < c.max() for c in page.changes),
        "an error is no square and no half square": loss in ("absolute", "cross-entropy"),
        "a rate of 0.5 doesn't give the new weights": own_rate,
    }[name]


@pytest.mark.parametrize("name", lesson_20.TEMPTING)
def test_what_tempts_convicts_an_innocent_who_can_say_why(name):
    found = trial.verdict(lesson_20.TEMPTING[name])
    assert found.page and found.innocents
    assert all(answers(name, page) for page in found.innocents)


def test_the_picture_counts_what_the_trial_counts(lesson):
    assert list(lesson.counts.values()) == [4, 4, 5, 16, 27, 38, 87, 103, 164]
    for name, count in lesson.counts.items():
        assert f"{name}: {count}".casefold() in lesson_20.CONVICTED.casefold()


def test_other_arguments_of_the_same_kind():
    """No argument at all; the sum of the errors, which doesn't even convict the page."""
    assert len(trial.verdict(lambda page: True).innocents) == 200
    summed = trial.verdict(lambda page: bool(page.new_error.sum() > page.error.sum()))
    assert not summed.page and summed.innocents


def test_the_squared_error_convicts_for_two_reasons(lesson):
    first, second = lesson.found.innocents[:2]
    assert (first.output[1], first.new_output[1], first.target[1]) == (0.734, 0.031, 0.5)
    assert (second.new_error < second.error).all() and second.about["loss"] == "cross-entropy"
    assert (second.new_output == 0.5).all() and second.about["activation"] == "ReLU"


def test_the_repair_mends_two_faults_one_after_the_other():
    def mended(**kept):
        return len(trial.verdict(lambda page: lesson_20._rows(page, **kept)).innocents)

    assert mended(target=False, side=False) == 39 > mended(side=False) > mended() == 0
    assert mended(target=False) > 0
    assert trial.verdict(lesson_20.farther_pays_less).found["swapped errors"] == 81
    for page in trial.innocents(100):  # whatever the first argument sees, the repaired one sees
        wrong = trial.planted(page, "swapped errors", np.random.default_rng(0))
        assert lesson_20.nearer_but_worse(wrong) <= lesson_20.farther_pays_less(wrong)


# --- The page -----------------------------------------------------------------------------------------------


def test_the_first_screen():
    page = trial.published()
    thousandths = [round(1000 * v) for v in (page.target[2], page.output[2], page.new_output[2])]
    assert thousandths == [800, 900, 894]
    assert [round(1000 * v) for v in (page.error[2], page.new_error[2])] == [34, 84]
    for number in (*page.target, *page.output, *page.new_output, *page.error, *page.new_error):
        assert f"{number:g}" in lesson_20.OUTPUTS


def test_outputs_2_and_3_are_impossible_and_1_is_not():
    page = trial.published()
    for k, wrong in enumerate((False, True, True)):
        alone = trial.Page(*(getattr(page, name)[k : k + 1] for name in
                             ("target", "output", "error", "new_output", "new_error")))  # fmt: skip
        assert lesson_20.nearer_but_worse(alone) == wrong
    price = trial.LOSSES["cross-entropy"][0]
    assert price(0.8, 0.9) != pytest.approx(price(0.9, 0.8))  # the same distance, and not the same error


@pytest.mark.parametrize("loss", trial.LOSSES)
@pytest.mark.parametrize("target", [0.1, 0.2, 0.5, 0.8, 0.9])
def test_every_loss_rises_away_from_its_target(loss, target):
    outputs = np.linspace(0.001, 0.999, 500)
    errors = trial.LOSSES[loss][0](outputs, target)
    assert (np.diff(errors[outputs >= target]) > 0).all() and (np.diff(errors[outputs <= target]) < 0).all()


def test_rounding_never_turns_a_rise_into_a_fall():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 10_000))
    assert ((np.round(a, 3) < np.round(b, 3)) <= (a < b)).all()


def test_rates_allowed_are_all_that_rounding_allows(lesson):
    rng = np.random.default_rng(1)
    for _ in range(300):
        old, update, rate = rng.normal(size=2).tolist() + [float(rng.choice([-1, 1]) * np.exp(rng.normal()))]
        new = old + rate * update
        low, high = lesson.rates_allowed(round(new, 3) - round(old, 3), round(update, 3))
        assert low - 1e-12 <= rate <= high + 1e-12
    for change, update in ((0.02, 0.005), (-0.02, 0.005), (0.0, 0.005), (0.02, 0.0)):
        assert lesson.rates_allowed(change, update) == lesson_20.rates_allowed(change, update)
        low, high = lesson.rates_allowed(change, update)
        if np.isfinite(low):  # at the end of the interval, numbers exist that print like this
            assert (
                min(abs(change + a - low * (update + b)) for a in (-1e-3, 1e-3) for b in (-5e-4, 5e-4))
                < 1e-12
            )


def test_some_columns_have_a_rate_if_each_number_may_be_off_by_a_thousandth():
    page = trial.published()
    fit = {
        half: [lesson_20.one_rate_fits(page.changes[2], u, half) for u in page.updates]
        for half in (5e-4, 1e-3)
    }
    assert not any(fit[5e-4]) and any(fit[1e-3]) and not all(fit[1e-3]) and len(fit[1e-3]) == 14
    assert "No rate" in lesson_20.describe_rates(5e-4, 1) and "All three allow" in lesson_20.describe_rates(
        1e-3, 1
    )


def test_how_much_doubt_the_arguments_bear(lesson):
    found = {name: lesson_20.bears(argument) for name, argument in lesson_20.ARGUMENTS.items()}
    assert list(found.values()) == pytest.approx([0.0029, 0.001, 0.001])
    for name, argument in lesson_20.ARGUMENTS.items():
        assert argument(trial.published(), found[name]) and not argument(
            trial.published(), found[name] + 1.01e-4
        )


def test_the_weights_move_the_wrong_way():
    page = trial.published()
    assert np.sign(page.target - page.output).tolist() == [1, -1, -1]
    assert (page.changes[2] < 0).all() and (page.hidden > 0).all()
    np.testing.assert_allclose(1000 * page.changes[2], [-6, -3, -4])


def test_the_verdicts_on_the_small_tables():
    """Section 5: biases that fit the first; a falling output in the second; the third is possible."""
    given = data.worked_example("tables_5_8_6_3")

    def logit(p):
        return np.log(p / (1 - p))

    biases = [logit(row["output"]) - row["input"] * row["weight"] for row in given["neuron_weight_table"]]
    np.testing.assert_allclose(biases, [0.728, 0.976], atol=1e-3)
    rows = given["neuron_bias_table"]
    sums = [row["input"] + row["bias"] for row in rows]
    assert sums[0] < sums[1] and rows[0]["output"] > rows[1]["output"]
    np.testing.assert_allclose(sums, [0.6, 0.7])
    weights = [(logit(row["output"]) - row["bias"]) / row["input"] for row in rows]
    assert not np.isclose(*weights, atol=0.1)  # with a weight each, anything goes
    answers = np.where(np.arange(10) == 3, 0.51, 0.49)
    assert round(np.mean((answers - (np.arange(10) == 3)) ** 2), 2) == 0.24
    assert (given["epoch_table"][0]["error"], given["epoch_table"][0]["accuracy"]) == (0.25, 0.92)


def test_the_right_page_is_right_and_described(lesson):
    page = lesson.right
    assert (np.abs(page.new_output - page.target) < np.abs(page.output - page.target)).all()
    assert (page.new_error < page.error).all()
    for number in (*page.output, *page.new_output, *page.error, *page.new_error):
        assert f"{number:.3f}" in lesson_20.RIGHT


# --- The audit ----------------------------------------------------------------------------------------------


def test_pages_are_written_as_they_were_published():
    """The texts of the lesson and the numbers of the package's data are the same."""
    given = data.worked_example("mazur")
    published = given["published"]
    mine = {float(text) for text in flat(lesson_20.MAZUR_PRINTED)}
    theirs = {abs(v) for v in published.values() if isinstance(v, float)}
    assert len(list(flat(lesson_20.MAZUR_PRINTED))) == 21 and mine <= theirs
    for name, key in (("x", "inputs"), ("target", "targets")):
        assert [float(text) for text in lesson_20.MAZUR[name]] == given[key].tolist()
    assert np.array(lesson_20.MAZUR["W"], dtype=float).tolist() == [
        given["W1"].tolist(),
        given["W2"].tolist(),
    ]
    forward = data.worked_example("pyimagesearch")["xor_forward"]
    assert [float(text) for text in lesson_20.XOR_PRINTED["a1"]] == forward["published"]["hidden"].tolist()
    assert np.array(lesson_20.XOR["W"][0], dtype=float).tolist() == forward["W1_rows_into_hidden"].tolist()


def flat(values):
    if isinstance(values, dict):
        values = list(values.values())
    if isinstance(values, list):
        return [text for value in values for text in flat(value)]
    return [] if values is None else [values]


def named(report):
    return {
        finding.name: (finding.verdict, finding.why)
        for finding in report.findings
        if finding.verdict != "right"
    }


def test_the_running_examples_one_slip():
    report = audit(lesson_20.MAZUR_PRINTED, **lesson_20.MAZUR)
    assert len(report.findings) == 21
    assert named(report) == {"loss after": ("slip", ("updated weights used on the way back",))}


def test_its_copies_on_the_web():
    printed = {"z1": ["0.3825", None], "errors": ["0.298371109", "0.023560026"], "loss": "0.321931135"}
    assert named(audit(printed, **lesson_20.MAZUR)) == {
        "z1_1": ("slip", ("weight 1 of neuron 2 in place of its own",)),
        "errors_1": ("slip", ("the total in the place of one output's error",)),
        "loss": ("follows a slip", ()),
    }


def test_every_slip_of_the_study_and_sleep_page_has_its_name():
    example = data.worked_example("study_sleep")
    published = example["published"]
    printed = {"z1": published["hidden sums"], "a1": published["hidden activations"],
               "z2": [published["output sum"]], "a2": [published["output"]]}  # fmt: skip
    texts = {name: [repr(float(v)) for v in values] for name, values in printed.items()}
    W = [
        [[repr(float(w)) for w in row] for row in example["W1_in_by_hidden"].T],
        [[repr(float(w)) for w in example["W2"]]],
    ]
    report = audit(texts, x=["2", "9"], W=W)
    assert named(report) == {
        "z1_2": ("slip", ("weight 2 of neuron 3 in place of its own",)),
        "a1_2": ("slip", ("sigmoid not divided",)),
        "z2_1": ("slip", ("activations cut to 4 digits",)),
        "a2_1": ("follows a slip", ()),
    }
    assert [finding.name for finding in report.findings if finding.impossible] == ["a1_2"]


def test_the_xor_page_cuts_digits_off():
    report = audit(lesson_20.XOR_PRINTED, **lesson_20.XOR)
    assert named(report) == {"a1_1": ("cut off", ()), "a2_1": ("cut off", ())}
    assert report.slips == []


# --- The exercises ------------------------------------------------------------------------------------------


def test_a_plausible_wrong_answer_is_not_accepted(capsys):
    def in_thousandths(page):  # only this page's own outputs are known to be wrong
        return bool(np.isclose(page.output, [0.8, 0.65, 0.9]).all()) if len(page.output) == 3 else False

    check("20.1", in_thousandths)
    check("20.2", lesson_20.nearer_but_worse)
    check("20.3", lambda changes, updates: bool(np.corrcoef(changes, updates)[0, 1] ** 2 > 0.5))
    said = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert said.count("not right yet") == 3 and "another may have the same target" in said


def test_the_page_that_an_answer_fails_on_is_printed(capsys):
    answer = lambda page: len(page.target) == 3  # noqa: E731
    check("20.1", answer)
    said = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert (
        "Called with a page with output 1, target 0.9: 0.700 -> 0.750, error 0.020 -> 0.011; output 2" in said
    )


def test_a_more_generous_answer_is_right_too(capsys):
    check("20.1", lambda page: lesson_20.nearer_but_worse(page, half=5e-4))
    assert "20.1: right" in capsys.readouterr().out


# --- The deeper pages ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ifs():
    return solved(NOTEBOOKS / "deeper" / "20_arguments_with_an_if.ipynb").variables


@pytest.fixture(scope="module")
def full():
    return solved(NOTEBOOKS / "deeper" / "20_audit_in_full.ipynb").variables


def test_what_the_last_two_arguments_assume():
    """Another layout lets the argument that assumes one convict innocents, and no other argument."""
    for layout, guilty in (("any three", "delta times output"), ("updates of others", "one step, one rate")):
        found = {
            name: len(trial.verdict(argument, 300, (layout,)).innocents) for name, argument in SOUND.items()
        }
        assert found.pop(guilty) > 60 and not any(found.values())
    assert lesson_20.one_rate_fits(np.array([6.0, 4, 2]), np.array([3.0, 2, 1]))
    assert not lesson_20.one_rate_fits(np.array([6.0, 4, 2]), np.array([1.0, 3, 2]))


@pytest.mark.ten_starts
def test_only_the_arguments_on_errors_survive_every_layout_of_1000():
    for name in list(SOUND)[:2]:
        for layout in ("any three", "updates of others"):
            assert trial.verdict(SOUND[name], 1000, (layout,)).innocents == []


def test_a_hidden_neuron_moves_too_far(ifs):
    assert ifs.most == pytest.approx(0.008) and ifs.possible == pytest.approx(0.036)
    assert ifs.needed == pytest.approx(0.0365) and ifs.needed / 0.25 > 4 * ifs.possible
    z = np.linspace(-9, 9, 4001)
    for activation, slope in (("sigmoid", 0.25), ("tanh", 1), ("ReLU", 1)):
        steps = np.diff(trial.ACTIVATIONS[activation]()(z[None])[0]) / np.diff(z)
        assert steps.max() <= slope + 1e-9


def test_one_pass_over_the_digits_is_not_enough_and_two_may_be(ifs):
    one, two = ifs.accuracies[1], ifs.accuracies[2]
    assert len(one) == len(two) == 10
    assert 0.77 < min(one) <= max(one) < 0.89 and 0.87 < min(two) <= max(two) < 0.945
    assert max(one) < 0.92 < max(two)


def test_the_audit_of_ten_examples(full):
    assert (full.alarms, full.judged, full.blamed, full.planted) == (0, 450, 40, 40)
    assert set(full.numbers) == {
        "z1", "a1", "z2", "a2", "errors", "loss", "dz2", "dW2", "dz1", "dW1", "W2 new", "W1 new",
        "output after", "loss after",
    }  # fmt: skip


def test_what_the_page_would_show_with_fewer_decimals():
    """Two decimals refute outputs 2 and 3 as three do; if 0.9 is anything from 0.85 to 0.95, 3 goes free."""
    page = trial.published()
    for half, still in ((0.005, (1, 2)), (0.05, (1,))):
        refuted = []
        for k, output in enumerate(page.output):
            off = half if k == 2 or half < 0.01 else 0.005
            least, most = abs(output - page.target[k]) - off, abs(output - page.target[k]) + off
            after = abs(page.new_output[k] - page.target[k])
            nearer, farther = after + 0.0005 < least, after - 0.0005 > most
            dearer, cheaper = page.new_error[k] > page.error[k], page.new_error[k] < page.error[k]
            refuted += [k] * bool(nearer & dearer or farther & cheaper)
        assert tuple(refuted) == still


def test_at_a_whole_unit_the_middle_layer_alone_has_no_rate():
    page = trial.published()
    fits = [any(lesson_20.one_rate_fits(c, u, 0.001) for u in page.updates) for c in page.changes]
    assert fits == [True, False, True]
