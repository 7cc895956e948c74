"""The audit of a worked example: no false alarm, every planted error found where it is, slips by name."""

import numpy as np
import pytest
from oracles import refuses

from bphelpers import nn
from bphelpers.teaching.audit import audit
from bphelpers.teaching.trial import LOSSES

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "ReLU": nn.ReLU}


def texts(values, decimals):
    return np.vectorize(lambda value: f"{value:.{decimals}f}", otypes=[object])(values).tolist()


def right_numbers(rng, activation="sigmoid", loss="half squares", lr=0.5, biases_move=False):
    """What is given, and all numbers of one iteration of a 2-3-2 network, by the layers of the course."""
    x, target = rng.random(2).round(2), rng.random(2).round(2)
    layers = [nn.Linear(2, 3, rng=rng), nn.Linear(3, 2, rng=rng)]
    for layer in layers:
        layer.W.data = rng.normal(size=layer.W.data.shape).round(2)
        layer.b.data = rng.normal(size=layer.b.data.shape).round(2)
    given = {"x": texts(x, 2), "W": [texts(layer.W.data, 2) for layer in layers], "target": texts(target, 2),
             "b": [texts(layer.b.data, 2) for layer in layers], "activation": [activation, "sigmoid"],
             "loss": loss, "lr": lr, "biases_move": biases_move}  # fmt: skip
    price, slope = LOSSES[loss]
    squash, last = ACTIVATIONS[activation](), nn.Sigmoid()
    found, a = {}, x[None]
    for name, layer in zip(("z1", "a1", "z2", "a2"), (layers[0], squash, layers[1], last), strict=True):
        a = layer(a)
        found[name] = a[0]
    found["errors"] = price(a[0], target)
    found["loss"] = found["errors"].sum()
    dz2 = last.backward(slope(a, target))
    dz1 = squash.backward(layers[1].backward(dz2))
    layers[0].backward(dz1)
    found |= {"dz2": dz2[0], "dW2": layers[1].W.grad.copy(), "dz1": dz1[0], "dW1": layers[0].W.grad.copy()}
    for l, layer in enumerate(layers, start=1):
        found[f"W{l} new"] = layer.W.data = layer.W.data - lr * layer.W.grad
        layer.b.data = layer.b.data - lr * layer.b.grad * biases_move
    a = last(layers[1](squash(layers[0](x[None]))))[0]
    return given, found | {"output after": a, "loss after": price(a, target).sum()}


def with_an_error(found, decimals, rng):
    """The printed numbers with one of them off by 3 in some decimal, and its name."""
    name = str(rng.choice(list(found)))
    value = np.array(found[name])
    at = tuple(int(rng.integers(length)) for length in value.shape)
    value[at] += rng.choice([-1, 1]) * 3 * 10.0 ** -int(rng.integers(1, decimals + 1))
    head, space, rest = name.partition(" ")
    return {
        name: texts(value, decimals)
    }, f"{head}{'_' * bool(at)}{''.join(str(i + 1) for i in at)}{space}{rest}"


def alarms_and_blame(pages, seed):
    """False alarms and numbers judged; how many planted errors were found, blamed on the right number."""
    rng, alarms, judged, blamed, planted = np.random.default_rng(seed), 0, 0, 0, 0
    for _ in range(pages):
        decimals = int(rng.integers(3, 9))
        given, found = right_numbers(rng)
        printed = {name: texts(values, decimals) for name, values in found.items()}
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


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_and_loss(activation, loss):
    rng = np.random.default_rng(3)
    given, found = right_numbers(rng, activation, loss, biases_move=True)
    report = audit({name: texts(values, 6) for name, values in found.items()}, **given)
    assert {finding.verdict for finding in report.findings} <= {"right", "follows"}
    assert str(report).startswith("45 numbers: ")
    wrong = {name: texts(values + 0.003, 6) for name, values in found.items() if name == "dz1"}
    assert [slip.name for slip in audit(wrong, **given).slips] == ["dz1_1", "dz1_2", "dz1_3"]


@pytest.fixture(scope="module")
def page():
    return right_numbers(np.random.default_rng(4))


def verdict(page, name, values, decimals=6, **more):
    given, _ = page
    return audit({name: texts(values, decimals)}, **given | more).findings


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
    cut = np.trunc(found["a1"] * 1e3) / 1e3
    W2, b2 = (np.array(given[name][1], dtype=float) for name in ("W", "b"))
    assert "activations cut to 3 digits" in verdict(page, "z2", W2 @ cut + b2, 8)[0].why


def test_a_slip_is_named_only_if_it_gives_the_number(page):
    for finding in verdict(page, "z1", page[1]["z1"] + 0.0123):
        assert finding.verdict == "slip" and finding.why == ()


def test_rounding_is_followed_and_a_slip_is_not_blamed_twice(page):
    given, found = page
    coarse = {"z1": texts(found["z1"], 1)}
    rounded = np.array(coarse["z1"], dtype=float)
    report = audit(coarse | {"a1": texts(sigmoid(rounded), 8)}, **given)
    assert {finding.verdict for finding in report.findings} == {"right", "follows"}
    wrong = found["z1"] + [0.5, 0, 0]
    report = audit({"z1": texts(wrong, 8), "a1": texts(sigmoid(wrong), 8)}, **given)
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
