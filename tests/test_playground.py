"""The playground without a browser: the run, its code, what the page gets, and what it may ask for."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import threading
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bphelpers import data, nn, optim
from bphelpers import functional as F
from bphelpers.teaching.plots import CLASS_0, CLASS_1, plane_maps
from bphelpers.teaching.widgets import Playground, live_figure, playground
from bphelpers.teaching.widgets.cell_thread import CellThread
from bphelpers.teaching.widgets.experiment import PROBLEMS, SURFACE, Experiment, Settings
from bphelpers.teaching.widgets.playground import MOST_SHOWN, _bytes, _thinned
from bphelpers.training import evaluate, fit

ROOT = Path(__file__).resolve().parents[1]


def run_code(code: str, **given: Any) -> dict[str, Any]:
    names: dict[str, Any] = dict(given)
    exec(code, names)
    return names


def same(net: nn.Module, other: nn.Module) -> bool:
    pairs = zip(net.parameters(), other.parameters(), strict=True)
    return all(np.array_equal(p.data, q.data) for p, q in pairs)


Messages = list[tuple[dict[str, Any], list[bytes]]]


def assert_states_equal(state: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in state.items():
        assert_array_equal(value, expected[name])


def heard(play: Playground) -> Messages:
    """What the playground sends to its page from now on."""
    messages: Messages = []
    play.send = lambda content, buffers=(): messages.append((content, list(buffers)))
    return messages


def ask(play: Playground, what: str, **given: Any) -> None:
    play._answer({"ask": what, **given})


def ask_steps(play: Playground, count: int, pictures: int = 1, take: int = 1) -> None:
    ask(play, "steps", count=count, pictures=pictures, take=take)


# ------------------------------------------------------------------------------ the same run as code

RUNS: dict[str, dict[str, Any]] = {
    "as it starts": {},
    "circles, ReLU, Adam": {"problem": "circles", "activation": "ReLU", "optimizer": "Adam", "lr": 0.01},
    "spirals, deep": {"problem": "spirals", "hidden": (12, 12, 12, 12), "optimizer": "momentum"},
    "xor, no hidden layer": {"problem": "xor", "hidden": (), "n": 10, "batch_size": 3},
    "small weights": {"init": "small", "activation": "sigmoid", "optimizer": "RMSprop", "lr": 0.01},
    "equal weights, decay": {"init": "equal", "weight_decay": 0.01, "seed": 3},
    "he, AdamW": {"init": "he", "optimizer": "AdamW", "weight_decay": 0.1, "hidden": (1,)},
    "AdamW without decay": {"optimizer": "AdamW", "weight_decay": 0.0},
    "points added": {"points": ((0.5, 0.25, 1), (-1.0, 2.0, 0)), "batch_size": 200},
    "own points": {"problem": "own points", "points": ((0, 0, 1), (1, 1, 0), (0, 1, 0)), "noise": 0.3},
}


@pytest.mark.parametrize("name", RUNS)
def test_the_code_makes_the_same_run(name: str) -> None:
    play = playground(**RUNS[name])
    play.run(30)
    play.run(7)
    names = run_code(play.code)
    assert same(names["net"], play.net)
    assert_array_equal(names["X"], play.X)
    assert evaluate(names["net"], nn.BCEWithLogitsLoss(), names["X"], names["y"])[0] == play.history[-1].loss


def test_the_code_is_short() -> None:
    play = playground()
    play.run(5)
    imports, run = play.code.split("\n\n")
    assert len(run.splitlines()) == 10 and len(imports.splitlines()) == 4
    assert max(map(len, playground(hidden=(8,) * 8).code.splitlines())) <= 120


def test_the_code_follows_a_learning_rate_that_was_changed() -> None:
    play = playground(lr=0.1)
    play.set(lr=0.3)
    assert play.rates == {0: 0.3}, "changed before the first step, it is the first rate"
    play.run(20)
    play.set(lr=0.01)
    play.run(10)
    play.set(lr=1.0)
    play.run(5)
    assert "rates = {0: 0.3, 20: 0.01, 30: 1.0}" in play.code
    assert same(run_code(play.code)["net"], play.net)
    assert [moment.step for moment in play.history] == [0, 20, 30, 35], "the run went on"
    play.restart()
    play.run(35)
    assert play.optimizer.lr == 1.0 and "rates" not in play.code, "begun anew, it has one learning rate"
    play.set(lr=0.3, seed=1)
    assert play.history[-1].step == 0, "with another setting, it begins anew"


def test_the_run_is_that_of_fit() -> None:
    """Whole epochs: the training loop of the package gives the same weights, bit for bit."""
    play = playground(optimizer="Adam", lr=0.01)
    play.run(3 * 20)
    rng = np.random.default_rng(0)
    X, y = data.moons(200, 0.1, rng)
    net = nn.Sequential(nn.Linear(2, 8, rng=rng), nn.Tanh(), nn.Linear(8, 8, rng=rng), nn.Tanh(),
                        nn.Linear(8, 1, rng=rng))  # fmt: skip
    fit(net, nn.BCEWithLogitsLoss(), optim.Adam(lr=0.01), (X, y), epochs=3, batch_size=10, rng=rng)
    assert same(net, play.net)


def test_steps_one_by_one_or_all_at_once() -> None:
    one, other = playground(seed=5), playground(seed=5)
    for _ in range(12):
        one.run(1)
    other.run(12)
    assert same(one.net, other.net) and one.history[-1] == other.history[-1]
    assert [moment.step for moment in one.history] == list(range(13))


# ------------------------------------------------------------------------------ the reader's own objects


def again(play: Playground) -> nn.Sequential:
    """What the code makes of a fresh copy of the network."""
    return run_code(play.code, play=SimpleNamespace(net=own_net(), start=play.start))["net"]


class Halved(nn.Tanh):
    """A tanh whose backward pass is wrong by a factor of two."""

    def backward(self, dout: Any) -> Any:
        return super().backward(dout) / 2


def own_net(activation: type[nn.Module] = nn.Tanh) -> nn.Sequential:
    rng = np.random.default_rng(7)
    return nn.Sequential(nn.Linear(2, 5, rng=rng), activation(), nn.Linear(5, 1, rng=rng))


def test_the_reader_s_own_network_is_trained_itself() -> None:
    net = own_net()
    before = net.state_dict()
    play = playground(net, problem="circles")
    play.run(25)
    assert play.net is net and not np.array_equal(net.state_dict()["W1"], before["W1"])
    copy = again(play)
    assert copy is not net and same(copy, net)
    assert run_code(play.code, play=play)["net"] is net and same(copy, net), (
        "it may be run on the network itself"
    )
    play.restart()
    assert_array_equal(net.state_dict()["W1"], before["W1"])
    assert play.grads == {} and np.isnan(play.history[-1].norms).all()


def test_the_reader_s_own_points() -> None:
    X, y = np.array([[0, 1], [2, 3], [4, 9]]), [1, 0, 1]
    assert playground(problem="own points", points=((0.1234, -0.9876, 1),)).X.tolist() == [[0.123, -0.988]]
    play = playground(data=(X, y), batch_size=2)
    play.run(4)
    assert_array_equal(play.X, X)
    assert_array_equal(play.y, [[1], [0], [1]])
    assert play.history[-1].new_loss is None and playground(points=((0, 0, 1),)).history[0].new_loss is None
    assert same(run_code(play.code, play=play)["net"], play.net)
    play.set(points=((1.0, 1.0, 0),))
    play.run(3)
    assert same(run_code(play.code, play=play)["net"], play.net)
    assert play.X.shape == (4, 2) and X.shape == (3, 2)


LINEAR = nn.Linear(2, 1, rng=np.random.default_rng(0))


def bad(name: str, message: str, *values: Any) -> list[tuple[dict[str, Any], str]]:
    return [({name: value}, message) for value in values]


NO_RUNS = [
    *bad("net", "net must be a Sequential, got Linear", LINEAR),
    *bad("net", "net must begin with a Linear", nn.Sequential(nn.Tanh())),
    *bad("net", "got a Sigmoid at the end; leave it out", nn.Sequential(LINEAR, nn.Sigmoid())),
    *bad("net", "net must have 2 inputs and 1 output, got no Linear", nn.Sequential()),
    *bad("net", "got 3 inputs and 1 outputs", nn.Sequential(nn.Linear(3, 1, rng=np.random.default_rng(0)))),
    *bad("net", "got 2 inputs and 2 outputs", nn.Sequential(nn.Linear(2, 2, rng=np.random.default_rng(0)))),
    *bad("data", "must be a pair", ([[1, 2]],)),
    *bad("data", "must be X of shape", ([[1, 2, 3]], [1]), ([[1, 2]], [1, 0])),
    *bad("data", "must have 1 to 2000 points, got 0", (np.empty((0, 2)), [])),
    *bad("data", "must be finite coordinates", ([[1, np.nan]], [1])),
    *bad("data", "classes 0 or 1", ([[1, 2]], [2])),
    *bad("data", "got 2001", (np.zeros((2001, 2)), np.zeros(2001))),
    *bad("problem", "problem must be one of", "mars"),
    *bad("activation", "activation must be", []),
    *bad("optimizer", "optimizer must be one of", "adam"),
    *bad("lr", "lr must be a finite number", np.nan, np.inf, "0.1", True),
    *bad("noise", "noise must be", -0.1, 1e300, np.inf),
    *bad("batch_size", "batch_size must be a whole number, at least 1", 0, 2.5),
    *bad("n", "n must be a whole number, at least 2", 1, True),
    *bad("seed", "seed must be", -1, True),
    *bad("hidden", "hidden must be", (0,)),
    *bad("hidden", "hidden must be a tuple of up to 8", 5, (8,) * 9),
    *bad("points", "points must be", ((0, 0, 2),), ((0, np.inf, 1),), ((0, 0, 0),) * 2001, (5,), ((1, 2),)),
    *bad("points", "points must be", ((0, 1e200, 1),), ("ab1",)),
    *bad("momentum", "settings must be among", 0.9),
]


@pytest.mark.parametrize(("given", "message"), NO_RUNS)
def test_what_makes_no_run_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        playground(**given)
    if not given.keys() & {"net", "data"}:
        play = playground(seed=1)
        play.run(3)
        with pytest.raises(ValueError, match=message):
            play.set(**given)
        assert play.settings == Settings(seed=1) and play.history[-1].step == 3, "nothing was changed"


# ------------------------------------------------------------------------------ what a run says of itself


def test_loss_accuracy_and_norms() -> None:
    play = playground(batch_size=200)
    play.run(40)
    now = play.history[-1]
    assert (now.loss, now.accuracy) == evaluate(play.net, play.loss, play.X, play.y)
    X, y = data.moons(200, 0.1, np.random.default_rng([0, 1]))
    assert now.new_loss == evaluate(play.net, nn.BCEWithLogitsLoss(), X, y)[0]
    lengths = [np.sqrt(np.sum(layer.W.grad**2) + np.sum(layer.b.grad**2)) for layer in play.net[::2]]
    assert_allclose(now.norms, lengths, rtol=1e-12)
    assert (now.step, now.epoch) == (40, 40)


def test_gradient_and_update_shown_are_those_of_the_last_step() -> None:
    """Against the formulas of lesson 06, written out, on a full batch."""
    play = playground(hidden=(3,), batch_size=200, lr=0.3)
    play.run(10)
    W1, b1, W2, b2 = (p.data.copy() for p in play.net.parameters())
    messages = heard(play)
    play.run(1)
    (content, (_, _, edges, _)) = messages[-1]
    a = np.tanh(play.X @ W1.T + b1)
    dz2 = (1 / (1 + np.exp(-(a @ W2.T + b2))) - play.y) / 200
    dz1 = dz2 @ W2 * (1 - a**2)
    # The order in which rows are added up is that of the shuffled batch: equal to round-off, not in bits.
    grads = [dz1.T @ play.X, dz1.sum(axis=0), dz2.T @ a, dz2.sum(axis=0)]
    weights = [W1 - 0.3 * grads[0], b1 - 0.3 * grads[1], W2 - 0.3 * grads[2], b2 - 0.3 * grads[3]]
    updates = [-0.3 * grad for grad in grads]
    shown = np.frombuffer(edges, "<f4")
    expected = np.concatenate([part.ravel() for kind in (weights, grads, updates) for part in kind])
    assert_allclose(shown, expected, rtol=1e-4, atol=1e-8)
    largest = [max(np.abs(part).max() for part in kind) for kind in (weights, grads, updates)]
    assert_allclose(content["frame"]["largest"], largest, rtol=1e-5)


def test_maps_are_what_the_neurons_answer() -> None:
    run = Experiment(Settings(hidden=(4, 3), activation="ReLU", problem="xor"))
    run.run(20)
    grid = run.grid(8)
    W1, b1, W2, b2, W3, b3 = (p.data for p in run.net.parameters())
    first = F.relu(grid @ W1.T + b1)
    second = F.relu(first @ W2.T + b2)
    out = F.sigmoid(second @ W3.T + b3)
    for found, expected in zip(run.maps(8), (first, second, out), strict=True):
        for k, answers in enumerate(found):
            assert_allclose(answers.ravel(), expected[:, k], rtol=1e-12)
    x, y, half = run.plane
    assert grid[0, 0] < x < grid[-1, 0] and grid[0, 1] > y > grid[-1, 1], "from the upper left corner"
    assert_allclose(grid[1, 0] - grid[0, 0], 2 * half / 8)
    assert (np.abs(run.X - [x, y]) <= half).all(), "all points are in the picture"


def test_looking_changes_nothing() -> None:
    run = Experiment(Settings())
    run.run(5)
    before, grads = run.net.state_dict(), [p.grad.copy() for p in run.net.parameters()]
    for training in (False, True):
        run.net.train(training)
        run.maps(16)
        run.check()
        assert run.net.training is training
    assert all(np.array_equal(before[p.name], p.data) for p in run.net.parameters())
    assert all(np.array_equal(grad, p.grad) for grad, p in zip(grads, run.net.parameters(), strict=True))


def test_the_gradient_check_tells_right_from_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    right, wrong = playground(own_net()), playground(own_net(Halved))
    right.run(50)
    wrong.run(50)
    messages = heard(wrong)
    ask(wrong, "check")
    check = messages[-1][0]["check"]
    assert check["title"].startswith("The gradient is wrong. Step 50, 20 points") and check["ok"] is False
    assert "2 of 4 gradients agree" in check["text"] and not wrong.check().ok
    seen: list[int] = []
    forward = nn.Sequential.forward
    monkeypatch.setattr(nn.Sequential, "forward", lambda net, X: seen.append(len(X)) or forward(net, X))
    assert right.check().ok and set(seen) == {20}


def test_a_learning_rate_that_is_far_too_large() -> None:
    play = playground(lr=1e9, activation="ReLU")
    play.run(500)
    assert play.history[-1].loss > 1e3 and repr(play).endswith("50 % are right."), "no use, but no fault"
    play.set(lr=1e200)
    play.restart()
    messages = heard(play)
    play.run(500)
    steps, moments, why = play.history[-1].step, len(play.history), play.stopped
    assert f"in step {steps + 1}. Reset, and try a smaller learning rate." in why
    assert messages[-1][0]["frame"]["stopped"] == why
    assert all(np.isfinite(p.data).all() for p in play.net.parameters())
    play.run(5)
    assert (play.history[-1].step, len(play.history)) == (steps, moments), "it stays where it is"
    play.set(lr=0.1)
    play.restart()
    assert play.updates == {} and np.isnan(play.history[0].norms).all() and play.stopped == ""
    play.run(5)
    assert not play.stopped and play.history[-1].step == 5


def test_the_plane_has_a_margin_a_least_size_and_holds_points_from_a_cell() -> None:
    assert playground(data=([[0, 0], [2, 1]], [0, 1])).plane == (1.0, 0.5, pytest.approx(1.2))
    assert playground(data=([[3, 3]], [1])).plane == (3.0, 3.0, 0.5)
    assert playground(problem="own points").plane == (0.0, 0.0, 1.5)
    play = playground(problem="own points", points=((10, 10, 1), (12, 9, 0)))
    x, y, half = play.plane
    assert (np.abs(play.X - [x, y]) <= half).all()


def test_text_is_stable_and_says_where_the_run_stands() -> None:
    one, two = playground(), playground()
    assert repr(one) == repr(two) and repr(one).startswith("No step made yet: the loss is ")
    one.run(5)
    assert repr(one).startswith("Step 5, epoch 1: the loss is ") and repr(one).endswith(" % are right.")
    bundle, _ = one._repr_mimebundle_()
    assert bundle["text/plain"] == repr(one) and "application/vnd.jupyter.widget-view+json" in bundle
    content, buffers = one.first
    assert content["frame"]["step"] == 5 and content["scene"]["sizes"] == [2, 8, 8, 1]
    assert buffers == one._frame()[1]
    assert repr(playground(problem="own points", points=((0, 0, 1),))).count("on one point") == 1
    assert (
        repr(playground(problem="own points"))
        == "No step made yet, and no points: place some of both classes."
    )


# ------------------------------------------------------------------------------ what the page gets


def test_messages_are_json_and_buffers_fit() -> None:
    for settings in ({}, {"hidden": ()}, {"hidden": (25, 50, 50, 25)}, {"problem": "own points"}):
        play = playground(**settings)
        messages = heard(play)
        ask(play, "scene")
        if len(play.X):
            ask_steps(play, 3)
        scene = messages[0][0]["scene"]
        shown = scene["shown"]
        assert max(shown) <= MOST_SHOWN and len(scene["points"]) == len(play.X)
        assert len(scene["names"]) == sum(shown) and scene["names"][-1] == "output"
        for moments, (content, (small, surface, edges, curves)) in enumerate(messages, start=1):
            json.dumps(content, allow_nan=False)
            assert len(small) == sum(shown) * (SURFACE // 2) ** 2
            assert len(surface) == SURFACE**2
            assert len(edges) == 4 * 3 * sum(d_out * d_in + d_out for d_in, d_out in pairwise(shown))
            assert len(curves) == 4 * moments * (3 + len(shown) - 1)


def test_the_surface_is_the_probability() -> None:
    play = playground()
    messages = heard(play)
    play.run(300)
    small = np.frombuffer(messages[-1][1][0], np.int8).reshape(-1, SURFACE // 2, SURFACE // 2)
    surface = np.frombuffer(messages[-1][1][1], np.int8).reshape(SURFACE, SURFACE)
    assert_array_equal(small[-1], surface[1::2, 1::2])
    assert np.abs(small).max(axis=(1, 2)).min() > 100, "every neuron's map uses its colours"
    first = play.maps(SURFACE)[0][3]
    assert_allclose(small[2 + 3] / 127, (first / np.abs(first[1::2, 1::2]).max())[1::2, 1::2], atol=0.5 / 127)
    p = F.sigmoid(play.net(play.grid(SURFACE))).reshape(SURFACE, SURFACE)
    assert_allclose(surface / 127, 2 * p - 1, atol=0.5 / 127 + 1e-9)
    assert surface.min() < -100 and surface.max() > 100


def test_the_maps_of_the_inputs_are_the_coordinates() -> None:
    play = playground(data=([[9, 9], [11, 11]], [0, 1]))
    small = np.frombuffer(play._frame()[1][0][: 2 * 32 * 32], np.int8).reshape(2, 32, 32)
    assert small[0, 0, 0] < -115 and small[0, 0, -1] == 127 and (small[0] == small[0][0]).all()
    assert small[1, 0, 0] > 115 and small[1, -1, 0] == -127


def test_infinite_answers_are_drawn_full() -> None:
    assert list(np.frombuffer(_bytes(np.array([[np.inf, -np.inf, np.nan]])), np.int8)) == [127, -127, 0]


def test_the_curves_are_the_history_and_bounded() -> None:
    play = playground(data=([[0, 1], [2, 3]], [1, 0]), hidden=(3,), batch_size=2)
    play.run(1)
    play.run(1)
    found = np.frombuffer(play._frame()[1][3], "<f4").reshape(5, 3)
    losses, norms = ([getattr(moment, name) for moment in play.history] for name in ("loss", "norms"))
    assert_allclose(found, [[0, 1, 2], losses, [0, 0, 0], *np.nan_to_num(norms).T], rtol=1e-6)
    play.history += [replace(play.history[-1], step=k, loss=np.inf) for k in range(3, 3001)]
    steps, losses, *_ = np.frombuffer(play._frame()[1][3], "<f4").reshape(5, -1).tolist()
    assert 300 < len(steps) <= 601 and steps[0] == 0 and steps[-1] == 3000 and steps == sorted(set(steps))
    assert np.isfinite(losses).all()
    assert set(_thinned(list(range(4000)))) <= {*_thinned(list(range(2000))), *range(2000, 4000)}
    assert _thinned(list(range(2402)))[-1] == 2401


def test_controls_offer_the_value_that_was_set() -> None:
    play = playground(lr=0.05, batch_size=16)
    found = play._everything()[0]["scene"]["controls"]
    assert 0.05 in found["lr"]["values"] and found["lr"]["values"] == sorted(found["lr"]["values"])
    assert 16 in found["batch_size"]["values"] and found["batch_size"]["value"] == 16
    assert found["problem"]["values"] == list(PROBLEMS)
    assert [name for group in play.controls.values() for name in group] == list(found)


def test_the_page_is_told_what_is_fixed_and_placed() -> None:
    play = playground(own_net(), data=([[0.04, 0], [1, 1], [0, 1]], [0, 1, 1]), points=((0.5, 0.5, 1),))
    messages = heard(play)
    play.restart()
    (content, _) = messages[0]
    controls = content["scene"]["controls"]
    own = {name for name, control in controls.items() if control["values"] == ["yours"]}
    assert own == {"problem", "noise", "activation", "init"} and content["scene"]["fixed"] is True
    assert content["scene"]["placed"] == 1 and "frame" in content
    x, y, half = play.plane
    assert content["scene"]["points"][0] == pytest.approx(
        [0.5 + (0.04 - x) / half / 2, 0.5 + y / half / 2, 0.0], abs=1e-4
    )


def test_table_and_frame_say_what_they_say() -> None:
    play = playground(hidden=(3,), lr=0.5, batch_size=200)
    assert [row[3:] for row in play._rows_of_numbers()] == 2 * [["–", "–", "–"]]
    play.run(3)
    layer, updates = play.net[0], play.updates
    pairs = (layer.W.data, layer.b.data), (layer.W.grad, layer.b.grad), (updates["W1"], updates["b1"])
    values = [np.hypot(*map(np.linalg.norm, pair)) for pair in pairs]
    row = play._rows_of_numbers()[0]
    assert row[:2] == ["1", "3 × 2"]
    assert [float(c.replace("−", "-")) for c in row[2:]] == pytest.approx(
        [*values, values[2] / values[0]], rel=5e-3
    )
    frame = play._frame()[0]["frame"]
    assert frame["code"] == play.code and frame["sentence"] == repr(play)
    assert frame["batch"] == [], "no rings where all points are in the batch"
    assert [float(t) for t in frame["thickest"]] == pytest.approx(frame["largest"], rel=5e-3)


def test_the_points_of_a_small_batch_get_rings() -> None:
    play = playground(batch_size=3)
    assert play._frame()[0]["frame"]["batch"] == [] and play.batch.size == 0
    play.run(1)
    rng = np.random.default_rng(0)
    data.moons(200, 0.1, rng)
    for d_out, d_in in ((8, 2), (8, 8), (1, 8)):
        nn.Linear(d_in, d_out, rng=rng)
    assert play._frame()[0]["frame"]["batch"] == next(data.minibatches(200, 3, rng)).tolist()
    play.restart()
    assert play.batch.size == 0


def test_the_script_does_no_mathematics_of_its_own() -> None:
    """Shades, places and axes apart, no number is made in JavaScript."""
    script = (ROOT / "bphelpers/teaching/widgets/playground.js").read_text(encoding="utf-8")
    assert not re.search(r"Math\.(exp|tanh|pow|random|sinh|cosh)|\*\*", script)
    assert not re.search(r"https?://|\bimport\b.*from|\bfetch\(", script)


# ------------------------------------------------------------------------------ what the page asks


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"ask": "set", "lr": -1}, "lr must be a finite number"),
        ({"ask": "set", "hidden": [0]}, "hidden must be"),
        (
            {"ask": "steps", "count": 0, "pictures": 1, "take": 1},
            "steps must be a whole number, at least 1, got 0",
        ),
        ({"ask": "fly"}, "KeyError"),
        ({"ask": "place", "at": [float("nan"), 0], "label": 1}, "points must be"),
        ({"ask": "take_away"}, "There is no placed point to take away."),
    ],
)
def test_a_request_that_fails_is_answered(asked: dict[str, Any], said: str) -> None:
    play = playground()
    messages = heard(play)
    play._answer(asked)
    assert said in messages[-1][0]["trouble"]
    ask_steps(play, 2)
    assert messages[-1][0]["frame"]["step"] == 2


def test_pause_lets_go_what_was_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    play = playground()
    messages = heard(play)
    send = play.send

    def paused_after_the_second(*message: Any) -> None:
        send(*message)
        if len(messages) == 2:
            play._heard(play, {"ask": "pause", "take": 1}, [])

    monkeypatch.setattr(play, "send", paused_after_the_second)
    ask_steps(play, 5, pictures=4, take=1)
    ask_steps(play, 5, pictures=4, take=1)
    assert play.history[-1].step == 10 and len(messages) == 2
    ask_steps(play, 5, pictures=4, take=2)
    assert play.history[-1].step == 30, "the next Play plays"


def test_requests_from_another_thread_are_answered_in_the_thread_of_the_cells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """JupyterLab has a thread for the messages of widgets; a cell that runs must not be trained under."""

    async def cell() -> None:
        play = playground()
        messages = heard(play)
        forward, threads = play.net.layers[0].forward, set()

        def noted(x: Any) -> Any:
            threads.add(threading.get_ident())
            return forward(x)

        monkeypatch.setattr(play.net.layers[0], "forward", noted)
        request = {"ask": "steps", "count": 2, "pictures": 1, "take": 1}
        for _ in range(5):
            await asyncio.to_thread(play._heard, play, request, [])
            play._heard(play, request, [])
        await asyncio.sleep(0)
        assert threads == {threading.get_ident()}
        assert play.history[-1].step == 20 and len(messages) == 10

    asyncio.run(cell())


def test_placing_points_and_taking_them_away() -> None:
    play = playground(problem="own points")  # the plane from -1.5 to 1.5
    messages = heard(play)
    ask_steps(play, 1)
    assert "place some of both classes" in messages[-1][0]["trouble"]

    def at(x: float, y: float) -> list[float]:
        return [0.5 + x / 3, 0.5 - y / 3]

    for x, label in ((0, 0), (1, 1), (1.4, 0)):
        ask(play, "place", at=at(x, 0.5), label=label)
    assert play.X.tolist() == [[0, 0.5], [1, 0.5], [1.4, 0.5]] and play.y.ravel().tolist() == [0, 1, 0]
    ask(play, "take_away", at=at(1.1, 0.4))
    assert play.X.tolist() == [[0, 0.5], [1.4, 0.5]], "the nearest goes"
    ask(play, "place", at=at(0, 0.5), label=1)
    ask(play, "take_away", at=at(0, 0.5))
    assert play.settings.points == ((0.0, 0.5, 0), (1.4, 0.5, 0)), "of two at one place, the last"
    ask_steps(play, 4)
    assert messages[-1][0]["frame"]["step"] == 4
    ask(play, "take_away")
    assert play.settings.points == ((0.0, 0.5, 0),), "the one placed last"


def test_points_are_placed_in_a_plane_that_is_elsewhere() -> None:
    play = playground()
    x, y, half = play.plane
    ask(play, "place", at=[0.75, 0.1], label=1)
    assert_allclose(play.X[-1], [x + 0.5 * half, y + 0.8 * half], atol=6e-4)


# ------------------------------------------------------------------------------ layers of other kinds


def test_dropout_is_off_where_it_would_blur() -> None:
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        nn.Linear(2, 8, rng=rng), nn.Tanh(), nn.Dropout(0.5, rng=rng), nn.Linear(8, 1, rng=rng)
    )
    run = Experiment(Settings(), net)
    run.run(5)
    assert run.check().ok
    assert all(np.array_equal(a, b) for a, b in zip(run.maps(8), run.maps(8), strict=True))
    assert net.training


def test_reset_puts_dropout_back_as_well() -> None:
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(2, 8, rng=rng), nn.Dropout(0.5, rng=rng), nn.Linear(8, 1, rng=rng)).eval()
    play = playground(net)
    play.run(20)
    once = play.net.state_dict()
    play.restart()
    play.run(20)
    assert all(np.array_equal(once[name], value) for name, value in play.net.state_dict().items())
    assert net.training, "trained with dropout, as fit does"


def test_a_normalised_network_with_a_way_round_plays_and_begins_anew() -> None:
    rng = np.random.default_rng(0)
    block = nn.Residual(nn.LayerNorm(4), nn.GELU(), nn.Linear(4, 4, rng=rng))
    first = nn.Sequential(nn.Linear(2, 4, rng=rng), nn.BatchNorm1d(4), nn.LeakyReLU())
    run = Experiment(Settings(), nn.Sequential(first, block, nn.Linear(4, 1, rng=rng)))
    assert [len(layer.W.data) for layer in run.linears] == [4, 1], "the block is no layer of neurons"
    begun = run.net.state_dict()
    run.run(5)
    ended = run.net.state_dict()
    assert not np.array_equal(begun["running_mean2"], ended["running_mean2"])
    assert run.check().ok
    net = run.net.eval()
    assert_allclose(run.maps(6)[-1], F.sigmoid(net(run.grid(6))).T.reshape(-1, 6, 6), rtol=1e-12)
    assert_allclose(run.maps(6)[0], block(first(run.grid(6))).T.reshape(-1, 6, 6), rtol=1e-12)
    assert_states_equal(run.net.state_dict(), ended)
    run.net.train()
    run.restart()
    assert_states_equal(run.net.state_dict(), begun)
    run.run(5)
    assert_states_equal(run.net.state_dict(), ended)


@pytest.mark.filterwarnings("error")
def test_a_float32_network_whose_neurons_are_dead() -> None:
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        nn.Linear(2, 3, rng=rng, dtype=np.float32), nn.ReLU(), nn.Linear(3, 1, rng=rng, dtype=np.float32)
    )
    net[0].b.data[:] = -50
    playground(net).run(2)


# ------------------------------------------------------------------------------ what may go wrong


def test_a_run_that_stopped_stays_stopped_and_shows_its_last_step() -> None:
    class Once(nn.Tanh):
        calls = 0

        def backward(self, dout: Any) -> Any:
            Once.calls += 1
            return super().backward(dout) * (np.nan if Once.calls == 5 else 1)

    play = playground(own_net(Once))
    play.run(10)
    play.run(10)
    assert play.history[-1].step == 4 and play.updates and np.isfinite(play.history[-1].norms).all()
    assert same(again(play), play.net)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("oh"), "RuntimeError: oh"),
        (KeyboardInterrupt, "Interrupted. The network keeps what it has learned."),
    ],
)
@pytest.mark.parametrize("where", ["forward", "backward"])
def test_after_a_failure_the_run_goes_on_as_if_nothing_had_been(
    error: Any, said: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    play = playground(own_net())
    right, calls = getattr(play.net[1], where), []

    def failing(x: Any) -> Any:
        if play.net.training:
            calls.append(0)
        if len(calls) == 8:
            calls.append(0)
            raise error
        return right(x)

    monkeypatch.setattr(play.net[1], where, failing)
    messages = heard(play)
    ask_steps(play, 20)
    assert [list(content) for content, _ in messages] == [["frame"], ["trouble"]]
    assert messages[0][0]["frame"]["step"] == 7 and messages[1][0]["trouble"] == said
    monkeypatch.setattr(play.net[1], where, right)
    play.run(5)
    assert same(again(play), play.net)


def test_plane_maps_refuses_classes_it_would_not_draw() -> None:
    for more in ({"X": [[0, 0]], "y": [-1]}, {"reach": 0}, {"plane": (0, 0, -1)}):
        with pytest.raises(ValueError):
            plane_maps(**{"maps": np.zeros((1, 8, 8)), "plane": (0, 0, 1.0), "title": ""} | more)


def test_sliders_moved_in_another_thread_draw_in_the_thread_of_the_cells() -> None:
    async def cell() -> None:
        threads = set()
        live = live_figure(
            lambda fig, k: threads.add(threading.get_ident()), lambda k: str(k), k=("k", 0, 9, 1, 1)
        )
        for k in (2, 3, 4):
            await asyncio.to_thread(setattr, live.sliders["k"], "value", k)
        await asyncio.sleep(0)
        assert threads == {threading.get_ident()} and live.text == "4"

    asyncio.run(cell())


def test_an_interrupt_between_cells_is_heard() -> None:
    """There the kernel ignores SIGINT, and work that a page asked for may last."""
    heard_it: list[bool] = []

    def lasting() -> None:
        heard_it.append(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
        raise KeyboardInterrupt

    async def cell() -> None:
        thread = CellThread()
        await asyncio.to_thread(thread.run, lasting)
        await asyncio.sleep(0)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN, "as the kernel had it"

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        asyncio.run(cell())
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard_it == [True]


def test_a_drawing_that_is_interrupted_is_drawn_anew() -> None:
    stop: list[int] = []

    def draw(fig: Any, k: int) -> None:
        if stop:
            raise KeyboardInterrupt
        fig.text(0.5, 0.5, str(k))

    live = live_figure(draw, lambda k: f"k = {k}", k=("k", 0, 9, 1, 1))
    stop.append(1)
    with pytest.raises(KeyboardInterrupt):
        live.sliders["k"].value = 2
    stop.clear()
    live.reset()
    assert live.text == "k = 1" and live.error is None
    live.sliders["k"].value = 2
    assert live.text == "k = 2"


def test_one_colour_one_meaning() -> None:
    """The widgets share their colours with each other and with the figures."""
    folder = ROOT / "bphelpers/teaching/widgets"
    common = (folder / "common.css").read_text(encoding="utf-8")
    for name in ("forward", "backward", "update"):
        assert len(re.findall(rf"--{name}: light-dark\(#\w+, #\w+\);", common)) == 1
        assert not any(
            f"--{name}:" in (folder / f"{one}.css").read_text() for one in ("playground", "scrubber")
        )
    for name, colour in (("class0", CLASS_0), ("class1", CLASS_1)):
        assert re.findall(rf"--{name}: (#\w+);", common) == [colour.lower()]
