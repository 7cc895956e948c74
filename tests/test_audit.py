"""The audit of a worked example: no false alarm, every planted error found where it is, slips by name."""

import numpy as np
import pytest
from oracles import refuses

from bphelpers.lessons.lesson_20 import as_texts, right_example, with_an_error
from bphelpers.teaching import trial
from bphelpers.teaching.audit import audit


def alarms_and_blame(pages, seed):
    """False alarms and numbers judged; how many planted errors were found, blamed on the right number."""
    rng, alarms, judged, blamed, planted = np.random.default_rng(seed), 0, 0, 0, 0
    for _ in range(pages):
        decimals = int(rng.integers(3, 9))
        given, found = right_example(rng)
        printed = {name: as_texts(values, decimals) for name, values in found.items()}
        report = audit(printed, **given)
        alarms += len(report.slips)
        judged += len(report.findings)
        for _ in range(4):
            wrong, name = with_an_error(found, decimals, rng)
            slips = audit(printed | wrong, **given).slips
            blamed += bool(slips) and slips[0].name == name
            planted += 1
    return alarms, judged, blamed, planted


def test_no_false_alarm_and_every_error_is_blamed_where_it_is():
    assert alarms_and_blame(10, seed=1) == (0, 450, 40, 40)


@pytest.mark.ten_starts
def test_2700_right_numbers_and_240_planted_errors():
    assert alarms_and_blame(60, seed=0) == (0, 2700, 240, 240)


@pytest.mark.parametrize("decimals", [2, 3, 4])
def test_an_author_who_goes_on_with_rounded_numbers_is_innocent(decimals):
    """Every number is computed from the printed ones; or with one digit more, and then rounded again."""
    rng, verdicts = np.random.default_rng(decimals), set()
    for kept in (decimals, decimals + 1):
        for _ in range(10):
            given, _ = right_example(rng)
            x, target = (np.array(given[name], dtype=float) for name in ("x", "target"))
            W, b = ([np.array(part, dtype=float) for part in given[name]] for name in ("W", "b"))
            found, a = {}, x
            for l in (0, 1):
                z = found[f"z{l + 1}"] = np.round(W[l] @ a + b[l], kept)
                a = found[f"a{l + 1}"] = np.round(sigmoid(z), kept)
            errors = found["errors"] = np.round(0.5 * (a - target) ** 2, kept)
            found["loss"] = errors.sum()
            dz = found["dz2"] = np.round((a - target) * a * (1 - a), kept)
            h = found["a1"]
            found["dW2"] = np.round(np.outer(dz, h), kept)
            found["dz1"] = np.round(dz @ W[1] * h * (1 - h), kept)
            report = audit({name: as_texts(values, decimals) for name, values in found.items()}, **given)
            assert report.slips == [], str(report)
            verdicts |= {finding.verdict for finding in report.findings}
    assert "follows" in verdicts  # so what is printed before a number does count


@pytest.mark.parametrize("loss", trial.LOSSES)
@pytest.mark.parametrize("activation", trial.ACTIVATIONS)
def test_every_activation_and_loss(activation, loss):
    rng = np.random.default_rng(3)
    given, found = right_example(rng, activation, loss, biases_move=True)
    report = audit({name: as_texts(values, 6) for name, values in found.items()}, **given)
    assert {finding.verdict for finding in report.findings} <= {"right", "follows"}
    assert str(report).startswith("45 numbers: ")
    wrong = {name: as_texts(values + 0.003, 6) for name, values in found.items() if name == "dz1"}
    assert [slip.name for slip in audit(wrong, **given).slips] == ["dz1_1", "dz1_2", "dz1_3"]


@pytest.fixture(scope="module")
def page():
    return right_example(np.random.default_rng(4))


def verdict(page, name, values, decimals=6, **more):
    given, _ = page
    return audit({name: as_texts(values, decimals)}, **given | more).findings


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def slipped(page):
    """What each slip makes of a number, worked out here anew."""
    given, found = page
    b1 = np.array(given["b"][0], dtype=float)
    target, z, a1, a2 = (
        np.array(v, dtype=float) for v in (given["target"], found["z1"], found["a1"], found["a2"])
    )
    W2, new_W2 = np.array(given["W"][1], dtype=float), found["W2 new"]
    dz2, slope = found["dz2"], a1 * (1 - a1)
    yield "bias forgotten", "z1", z - b1
    yield "bias added twice", "z1", z + b1
    yield "sigmoid not divided", "a1", 1 + np.exp(-z)
    yield "tanh in place of sigmoid", "a1", np.tanh(z)
    yield "half forgotten", "errors", (a2 - target) ** 2
    yield "half too many", "errors", 0.25 * (a2 - target) ** 2
    yield "mean in place of sum", "loss", 0.25 * ((a2 - target) ** 2).sum()
    yield "slope of the output forgotten", "dz2", a2 - target
    yield "wrong sign", "dz2", -dz2
    yield "hidden slope forgotten", "dz1", dz2 @ W2
    yield "updated weights used on the way back", "dz1", dz2 @ new_W2 * slope


@pytest.mark.parametrize("number", range(11))
def test_slips_have_names(page, number):
    slip, name, values = list(slipped(page))[number]
    for finding in verdict(page, name, values):
        assert finding.verdict == "slip" and slip in finding.why, str(finding)


def test_a_neighbours_weight_and_a_total_have_names(page):
    given, found = page
    x, W = (np.array(given[name], dtype=object) for name in ("x", "W"))
    moved = found["z1"][0] + (float(W[0][1][0]) - float(W[0][0][0])) * float(x[0])
    (finding, *_) = verdict(page, "z1", np.array([moved, *found["z1"][1:]]))
    assert finding.why == ("weight 1 of neuron 2 in place of its own",)
    (finding, *_) = verdict(page, "errors", np.array([found["loss"], found["errors"][1]]))
    assert finding.why[0] == "the total in the place of one output's error"
    cut = np.array([float(f"{a:.12e}"[:4] + f"{a:.12e}"[-4:]) for a in found["a1"]])  # of 1.234e-01, 1.23
    W2, b2 = (np.array(given[name][1], dtype=float) for name in ("W", "b"))
    assert "activations cut to 3 digits" in verdict(page, "z2", W2 @ cut + b2, 8)[0].why


def test_a_slip_is_named_only_if_it_gives_the_number(page):
    for finding in verdict(page, "z1", page[1]["z1"] + 0.0123):
        assert finding.verdict == "slip" and finding.why == ()


def test_rounding_is_followed_and_a_slip_is_not_blamed_twice(page):
    given, found = page
    coarse = {"z1": as_texts(found["z1"], 1)}
    rounded = np.array(coarse["z1"], dtype=float)
    report = audit(coarse | {"a1": as_texts(sigmoid(rounded), 8)}, **given)
    assert {finding.verdict for finding in report.findings} == {"right", "follows"}
    wrong = found["z1"] + [0.5, 0, 0]
    report = audit({"z1": as_texts(wrong, 8), "a1": as_texts(sigmoid(wrong), 8)}, **given)
    assert [finding.verdict for finding in report.findings[:4]] == [
        "slip",
        "right",
        "right",
        "follows a slip",
    ]


def test_digits_may_be_cut_off_or_missing():
    given = {"x": ["1"], "W": [[["0.5"], ["-0.5"]]]}
    report = audit({"a1": ["0.62245", "0.3775"]}, **given)
    assert str(report).splitlines() == [
        "2 numbers: 1 right, 1 cut off",
        "a1_1 = 0.62245: cut off, not rounded, from 0.62245933",
    ]
    assert str(audit({"a1": [None, "3.775406e-1"]}, **given)).startswith("1 numbers: 1 cut off")
    assert [f.verdict for f in audit({"a1": ["0.6225", None]}, **given).findings] == ["right"]
    (finding,) = audit({"a1": ["1.2", None]}, **given).findings
    assert finding.impossible and ": slip, and impossible, expected" in str(finding)


def test_what_cannot_be_audited_is_refused():
    given = {"x": ["1"], "W": [[["0.5"]]]}
    refuses(lambda: audit({}, **given, activation="cube"), "activation must be one of sigmoid, tanh")
    refuses(lambda: audit({}, **given, loss="hinge"), "loss must be one of half squares")
    refuses(lambda: audit({"loss": "1"}, **given), "printed must name some of z1, a1")
    refuses(lambda: audit({"z1": ["1", "2"]}, **given), "printed['z1'] must have shape (1,)")
    assert str(audit({}, **given)) == "0 numbers: nothing to judge"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"W": [[["0.5"], ["0.1"]]]}, r"W\[0\] must have a row for each neuron, with 2 weights in it"),
        ({"W": [[["0.5", "0.1"], ["0.2"]]]}, r"W\[0\] must have rows of one length"),
        ({"W": [[["0.5", None]]]}, r"W\[0\] must be finite"),
        ({"x": ["1", None]}, "x must be finite"),
        ({"x": [["1", "2"]]}, "x must be the numbers of one example"),
        ({"x": ["0,7", "1"]}, "x must hold numbers such as '0.70', with a point and .*, got '0,7'"),
        ({"x": ["70%", "1"]}, "got '70%'"),
        ({"b": [["0.1", "0.2"]]}, r"b\[0\] must hold one bias for each of 1 neurons"),
        ({"b": []}, "b must have one entry for each of the 1 layers in W"),
        ({"activation": ["sigmoid", "tanh"]}, "activation must have one entry for each of the 1 layers"),
        ({"target": ["1", "2"]}, "target must hold one number for each of 1 outputs"),
        ({"lr": "0.5"}, "lr must be a finite number"),
        ({"lr": float("nan")}, "lr must be a finite number"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_a_sentence(change, says):
    given = {"x": ["1", "2"], "W": [[["0.5", "0.1"]]]} | change
    with pytest.raises(ValueError, match=says):
        audit({"z1": ["0.7"]}, **given)


def test_a_minus_sign_as_printers_set_it():
    report = audit({"z1": ["\N{MINUS SIGN}0.3"]}, x=["1", "2"], W=[[["\N{MINUS SIGN}0.5", "0.1"]]])
    assert report.findings[0].verdict == "right"
