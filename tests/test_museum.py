"""The bug museum: every exhibit is one line away from the right pass, wrong, and named."""

from __future__ import annotations

import difflib
import functools

import numpy as np
import pytest

from bphelpers import data, nn
from bphelpers.teaching.gradcheck import BUGS, BackwardPass, Bug, check_gradients, check_network

IDS = [bug.name for bug in BUGS]
SEEDS = range(5)
# What each exhibit spoils. The other gradients must stay right: one line, one place.
SPOILED = {
    "W2 turned on the way back": {"W1", "b1"},
    "dW2 turned": {"W2"},
    "weights moved too early": {"W1", "b1"},
    "bias not added up": {"b1"},
    "slope forgotten": {"W1", "b1"},
    "mask forgotten": {"W1", "b1"},
    "slope of the output twice": {"W1", "b1", "W2", "b2"},
    "diagonal only": {"W1", "b1", "W2", "b2"},
    "sign lost on the way back": {"W1", "b1"},
    "not averaged": {"W1", "b1", "W2", "b2"},
}


def room(hidden: str, seed: int):
    """A 4-3-3 network (W2 must be square for two exhibits), a batch of 7, and its parameters."""
    rng = np.random.default_rng(seed)
    activation = nn.Sigmoid() if hidden == "sigmoid" else nn.ReLU()
    net = nn.Sequential(nn.Linear(4, 3, rng=rng), activation, nn.Linear(3, 3, rng=rng))
    for p in net.parameters():
        p.data = rng.normal(size=p.data.shape)
    X, y = rng.normal(size=(7, 4)), np.array([0, 1, 2, 0, 1, 2, 1])
    return net, X, y, net.state_dict()


def checked(bug, backward, seed):
    net, X, y, start = room(bug.hidden, seed)
    grads = backward.gradients(X, y, lr=0.5, **start)
    return check_network(net, nn.CrossEntropyLoss(), X, y, grads=grads)


@pytest.mark.parametrize("bug", BUGS, ids=IDS)
def test_one_line_was_changed_and_nothing_is_written_into(bug):
    difference = difflib.ndiff(bug.intact.code.splitlines(), bug.broken.code.splitlines())
    assert [line for line in difference if line[0] in "-+"] == [f"- {bug.right}", f"+ {bug.wrong}"]
    assert bug.symptom.endswith(".") and bug.name in SPOILED
    _, X, y, start = room(bug.hidden, 0)
    before = {name: array.copy() for name, array in start.items()}
    bug.broken.gradients(X, y, **start)
    assert all(np.array_equal(start[name], before[name]) for name in before)


def test_what_cannot_be_an_exhibit_is_refused():
    assert len(SPOILED) == len({bug.broken for bug in BUGS}) == len(BUGS) == 10
    with pytest.raises(ValueError, match="hidden must be 'sigmoid' or 'relu', got 'tanh'"):
        BackwardPass("tanh", BUGS[0].intact.code)
    with pytest.raises(ValueError, match="right must be a line of the right pass, got 'dA1 = dZ2'"):
        Bug("half a line", "dA1 = dZ2", "dA1 = 0", "None.", "sign")
    with pytest.raises(ValueError, match="mistake must be a name in the table of mistakes, got 'sgin'"):
        Bug("no such mistake", "dA1 = dZ2 @ W2", "dA1 = 0", "None.", "sgin")


@pytest.mark.parametrize("labels", [[-1, 0, 1, 2, 0, 1, 2], [0], [3, 0, 1, 2, 0, 1, 2]])
def test_labels_that_do_not_fit_are_refused(labels):
    _, X, _, start = room("sigmoid", 0)
    with pytest.raises(ValueError, match="labels must"):
        BUGS[0].intact.gradients(X, labels, **start)


@pytest.mark.parametrize("hidden", ["sigmoid", "relu"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_right_pass_is_right(hidden, seed):
    bug = next(bug for bug in BUGS if bug.hidden == hidden)
    assert checked(bug, bug.intact, seed).ok
    _, X, y, start = room(hidden, seed)
    loss = lambda **p: bug.intact.loss(X, y, **p)  # noqa: E731
    assert check_gradients(loss, start, bug.intact.gradients(X, y, **start)).ok


@pytest.mark.parametrize("bug", BUGS, ids=IDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_exhibit_fails_by_more_than_round_off_and_is_named(bug, seed):
    report = checked(bug, bug.broken, seed)
    wrong = [check for check in report.arrays if not check.ok]
    assert {check.name for check in wrong} == SPOILED[bug.name]
    assert {check.diagnosis.mistake for check in wrong} == {bug.mistake}
    # A wrong shape has no worst entry.
    gaps = [abs(check.analytic - check.numeric) for check in wrong if check.worst is not None]
    assert not gaps or max(gaps) > 1e-3


# --- the symptoms, on the digits of the lesson ---

DIGITS = tuple(array[:200] for array in data.digits())
RATES = {"sigmoid": 1.0, "relu": 0.3}


@functools.cache
def trained(backward):
    """Losses at updates 0, 10, ... 300 and the final accuracy, medians of three starts."""
    X, y = DIGITS
    lr, losses, hits = RATES[backward.hidden], [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        layers = nn.Linear(64, 10, rng=rng), nn.Linear(10, 10, rng=rng)
        p = nn.Sequential(layers[0], nn.Sigmoid(), layers[1]).state_dict()
        losses.append([])
        for update in range(301):
            if update % 10 == 0:
                losses[-1].append(backward.loss(X, y, **p))
            grads = backward.gradients(X, y, lr=lr, **p)
            p = {name: p[name] - lr * grads[name] for name in p}
        hits.append(np.mean(backward.forward(X, **p)["P"].argmax(axis=1) == y))
    return np.median(losses, axis=0), float(np.median(hits))


# Each label's words, and what they claim of the losses, those of the right pass, and the accuracy.
SYMPTOMS = {
    "None while the hidden layer is as wide as the output layer; with other widths the program stops.": (
        lambda loss, right, hits: hits > 0.95 and loss[-1] < 1.1 * right[-1]
    ),
    "Hardly any while W2 is square: the loss ends a little higher. With other widths the program stops.": (
        lambda loss, right, hits: hits > 0.95 and 1.1 * right[-1] < loss[-1] < 1.6 * right[-1]
    ),
    "None. The loss falls as it should.": (
        lambda loss, right, hits: hits > 0.95 and np.allclose(loss, right, rtol=0.1)
    ),
    "The training loss falls a little too well. Then a batch of another size stops the program.": (
        lambda loss, right, hits: 0.5 * right[-1] < loss[-1] < 0.95 * right[-1]
    ),
    "The loss falls faster at first, and as a rule less far in the end.": (
        lambda loss, right, hits: loss[5] < 0.9 * right[5] and loss[-1] > 1.5 * right[-1]
    ),
    "The loss falls, and stays too high.": (
        lambda loss, right, hits: loss[-1] < 0.5 * loss[0] and loss[-1] > 5 * right[-1]
    ),
    "Everything learns, about ten times too slowly.": (
        lambda loss, right, hits: right[5] < loss[-1] < right[2]  # 300 updates do what 20 to 50 should do
    ),
    "No class is ever told to be quiet: nothing is learned.": (
        lambda loss, right, hits: hits < 0.2 and 0.9 < loss[-1] / loss[0] < 1.1
    ),
    "The hidden layer climbs while the output layer descends: the loss hardly moves.": (
        lambda loss, right, hits: hits < 0.4 and 0.8 < loss[-1] / loss[0] < 1.1
    ),
    "Every step is too long by the batch size: the loss explodes.": (
        lambda loss, right, hits: loss[-1] > 10 * loss[0]
    ),
}


@pytest.mark.parametrize("bug", BUGS, ids=IDS)
def test_the_symptom_on_the_label_is_what_one_sees(bug):
    loss, hits = trained(bug.broken)
    right, _ = trained(bug.intact)
    assert SYMPTOMS[bug.symptom](loss, right, hits), (loss, right, hits)


@pytest.mark.parametrize("name", ["W2 turned on the way back", "dW2 turned"])
def test_other_widths_stop_the_program(name):
    bug = next(bug for bug in BUGS if bug.name == name)
    rng = np.random.default_rng(0)
    start = {"W1": (5, 4), "b1": (5,), "W2": (3, 5), "b2": (3,)}
    start = {key: rng.normal(size=shape) for key, shape in start.items()}
    with pytest.raises(ValueError, match=r"shape|broadcast|match"):  # at the update at the latest
        grads = bug.broken.gradients(rng.normal(size=(7, 4)), np.arange(7) % 3, **start)
        _ = {key: start[key] - grads[key] for key in start}


def test_the_bias_that_is_not_added_up_stops_at_another_batch_size():
    bug = next(bug for bug in BUGS if bug.name == "bias not added up")
    _, X, y, start = room("sigmoid", 0)
    grads = bug.broken.gradients(X, y, **start)
    moved = {name: start[name] - grads[name] for name in start}
    assert moved["b1"].shape == (7, 3)
    with pytest.raises(ValueError, match="broadcast"):
        bug.broken.forward(X[:4], **moved)


def test_behind_saturated_units_the_report_says_what_was_not_tested():
    """The headline counts as agreement only what could have disagreed."""
    bug = BUGS[0]
    net, X, y, start = room(bug.hidden, 0)
    start["b1"] = start["b1"] + 30
    net.load_state_dict(start)
    report = check_network(net, nn.CrossEntropyLoss(), X, y, grads=bug.broken.gradients(X, y, **start))
    assert report.ok
    assert str(report).startswith("2 of 4 gradients agree with centred differences, 2 not testable.\n")
