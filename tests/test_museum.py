"""The bug museum: every exhibit is one line away from the right pass, wrong, and named."""

from __future__ import annotations

import difflib

import numpy as np
import pytest

from bphelpers import nn
from bphelpers.gradcheck import BUGS, check_gradients, check_network

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


def test_there_are_ten_different_exhibits():
    assert len({bug.name for bug in BUGS}) == len({bug.broken for bug in BUGS}) == len(BUGS) == 10
    assert set(SPOILED) == set(IDS)


@pytest.mark.parametrize("bug", BUGS, ids=IDS)
def test_one_line_was_changed(bug):
    difference = difflib.ndiff(bug.intact.code.splitlines(), bug.broken.code.splitlines())
    changed = [line for line in difference if line[0] in "-+"]
    assert changed == [f"- {bug.right}", f"+ {bug.wrong}"]
    assert bug.symptom.endswith(".")


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
def test_every_exhibit_fails_and_is_named(bug, seed):
    report = checked(bug, bug.broken, seed)
    wrong = {check.name for check in report.arrays if not check.ok}
    assert wrong == SPOILED[bug.name]
    assert {report[name].diagnosis.mistake for name in wrong} == {bug.mistake}


@pytest.mark.parametrize("bug", BUGS, ids=IDS)
def test_nothing_is_written_into(bug):
    _, X, y, start = room(bug.hidden, 0)
    before = {name: array.copy() for name, array in start.items()}
    bug.broken.gradients(X, y, **start)
    assert all(np.array_equal(start[name], before[name]) for name in before)


def test_a_wrong_gradient_differs_by_more_than_round_off():
    for bug in BUGS:
        _, X, y, start = room(bug.hidden, 1)
        right, wrong = (p.gradients(X, y, lr=0.5, **start) for p in (bug.intact, bug.broken))
        gap = max(
            np.inf if right[k].shape != wrong[k].shape else np.abs(right[k] - wrong[k]).max() for k in right
        )
        assert gap > 1e-3, bug.name
