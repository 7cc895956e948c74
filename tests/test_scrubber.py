"""The scrubber without a browser: its frames, texts and page fragment, and that its files are shipped."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from test_trace import CASES, Case

from bphelpers import data, nn
from bphelpers.teaching.trace import HalfSquares, running_example, running_names
from bphelpers.teaching.widgets import Scrubber, scrubber
from bphelpers.teaching.widgets.scrubber import KINDS, short

ROOT = Path(__file__).resolve().parents[1]


def example(**more: Any) -> Scrubber:
    net, x, y, lr = running_example()
    return scrubber(net, HalfSquares(), x, y, lr, **more)


def shown_number(text: str) -> float:
    return float(text.split()[-1].replace("−", "-"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_labels_show_what_the_steps_find(case: Any) -> None:
    made: Case = case()
    drawn = scrubber(*made, lr=0.3)
    labels = {label["id"] for label in drawn.data["labels"]}
    for step, frame in zip(drawn.steps, drawn.data["steps"], strict=True):
        digits = (2 if drawn.data["crowded"] else 3) + (step.direction == "update")
        sets = dict(frame["sets"])
        assert set(sets) <= labels
        for name, value in step.finds.items():
            label = name.removesuffix(" new")
            if label in labels:
                assert shown_number(sets[label]) == pytest.approx(value, rel=5.1 * 10**-digits), name
        if not drawn.data["crowded"]:
            assert {name.removesuffix(" new") for name in step.finds} <= set(sets), "a number without a place"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_frames_point_at_what_is_drawn(case: Any) -> None:
    frames = scrubber(*case(), lr=0.3).data
    neurons, edges, labels = ({item["id"] for item in frames[key]} for key in ("neurons", "edges", "labels"))
    to_the_loss = {edge for edge in edges if edge.startswith(f"W{max(neurons)[0]}_")}
    assert edges - labels == to_the_loss
    for step in frames["steps"]:
        assert set(step["neurons"]) <= neurons and step["neurons"]
        assert set(step["edges"]) <= edges
        assert step["direction"] in ("forward", "backward", "update") and step["what"] and step["sentence"]
        for part in step["symbols"] + step["numbers"]:
            ElementTree.fromstring(f"<math>{part}</math>")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_everything_stands_inside_the_picture(case: Any) -> None:
    frames = scrubber(*case()).data
    for thing in frames["neurons"] + frames["labels"]:
        assert 0 < thing["x"] < frames["width"] and 8 < thing["y"] < frames["height"], thing


def test_the_drawing_is_that_of_the_network() -> None:
    """Every number at its own place: weights, biases, names, order, headings, targets."""
    rng = np.random.default_rng(3)
    layers = nn.Linear(3, 2, rng=rng), nn.Linear(2, 2, rng=rng)
    for layer in layers:
        layer.b.data[:] = rng.normal(size=2)
    net = nn.Sequential(layers[0], nn.Tanh(), layers[1], nn.Sigmoid())
    X, Y = rng.normal(size=(2, 3)), np.array([[0.25, 0.5], [0.75, 0.125]])
    frames = scrubber(net, HalfSquares(), X, Y, lr=0.3, example=1).data
    labels = {label["id"]: label for label in frames["labels"]}
    for l, layer in enumerate(layers, start=1):
        for (j, k), w in np.ndenumerate(layer.W.data):
            weight, slope = labels[f"W{l}_{j + 1}{k + 1}"], labels[f"dW{l}_{j + 1}{k + 1}"]
            assert weight["text"] == short(w)
            assert slope["x"] == weight["x"] and 0 < slope["y"] - weight["y"] < 20
        for j, b in enumerate(layer.b.data, start=1):
            assert labels[f"b{l}_{j}"]["text"] == f"b {short(b)}"
    places = {n["id"]: n for n in frames["neurons"]}
    for row in (["0_1", "1_1", "2_1", "3_1"], ["0_2", "1_2", "2_2"]):
        assert sorted(row, key=lambda name: places[name]["x"]) == row
    for column in (["0_1", "0_2", "0_3"], ["1_1", "1_2"], ["2_1", "2_2"]):
        assert sorted(column, key=lambda name: places[name]["y"]) == column
    names = [places[name]["name"] + places[name]["sub"] for name in ("0_3", "1_2", "2_1", "3_1")]
    assert names == ["x3", "a2", "ŷ1", "L"]
    headings = {label["x"]: label["text"] for label in labels.values() if label["kind"] == "heading"}
    assert [headings[x] for x in sorted(headings)] == ["inputs", "hidden", "outputs", "loss"]
    texts = dict(pair for step in frames["steps"] for pair in step["sets"])
    assert (texts["y_1"], texts["y_2"]) == ("y 0.75", "y 0.125")
    begin = {"da2_1": "∂ŷ ", "da1_2": "∂a ", "db1_1": "∂b ", "dz2_1": "δ ", "dW1_13": "∂ ", "z1_1": "z "}
    assert all(texts[name].startswith(words) for name, words in begin.items())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_frames_say_what_the_steps_say(case: Any) -> None:
    drawn = scrubber(*case(), lr=0.3)
    the_loss = max(neuron["id"] for neuron in drawn.data["neurons"])
    for step, frame in zip(drawn.steps, drawn.data["steps"], strict=True):
        assert frame["symbols"] == step.formula.split("\n")
        assert frame["numbers"] == step.numbers.split("\n")
        assert frame["neurons"] == [f"{l}_{j}" for l, j in step.neurons]
        weights = [f"W{l}_{j}{k}" for l, j, k in step.weights]
        assert frame["edges"][: len(weights)] == weights
        assert (len(frame["edges"]) > len(weights)) == (the_loss in frame["neurons"])
        assert (frame["what"], frame["direction"]) == (KINDS[step.kind], step.direction)
    counted = [
        sum(step.direction == way for step in drawn.steps) for way in ("forward", "backward", "update")
    ]
    assert [int(word) for word in re.findall(r"\d+(?= forward| backward| to update)", repr(drawn))] == counted


def test_the_right_class_is_the_target() -> None:
    net = nn.Sequential(nn.Linear(2, 3, rng=np.random.default_rng(0)))
    frames = scrubber(net, nn.CrossEntropyLoss(), np.eye(2), np.array([0, 2]), example=1).data
    sets = dict(frames["steps"][0]["sets"])
    assert [sets[f"y_{j}"] for j in (1, 2, 3)] == ["y 0", "y 0", "y 1"]


def test_all_edges_of_a_layer_light_up_when_its_neuron_adds() -> None:
    frames = example().data
    assert frames["steps"][2]["edges"] == ["W1_21", "W1_22"]
    loss = next(step for step in frames["steps"] if step["what"] == "loss")
    assert loss["edges"] == ["W3_11", "W3_12"] and "3_1" in loss["neurons"]


def test_labels_of_the_running_example_do_not_cover_each_other() -> None:
    """Weights and their derivatives stand apart from one another and from the neurons."""
    frames = example().data
    spots = [(label["x"], label["y"]) for label in frames["labels"] if label["kind"] == "edge"]
    for k, (x, y) in enumerate(spots):
        for other_x, other_y in spots[:k]:
            assert abs(x - other_x) >= 70 or abs(y - other_y) >= 14
        assert all(np.hypot(x - n["x"], y - n["y"]) > n["r"] for n in frames["neurons"])


def test_the_author_s_names() -> None:
    frames = example(names=running_names(), fixed=("b1", "b2")).data
    texts = {label["id"]: label["text"] for label in frames["labels"]}
    assert texts["W2_11"] == "w5 0.4" and ["y_1", "t 0.01"] in frames["steps"][0]["sets"]
    assert {(n["name"], n["sub"]) for n in frames["neurons"]} >= {("out", "h1"), ("i", "2"), ("L", "")}
    assert ["W2_11", "w5 0.3589"] in [pair for step in frames["steps"] for pair in step["sets"]]


def test_a_batch_says_which_example_its_neurons_show() -> None:
    X, y = data.xor()
    net = nn.Sequential(nn.Linear(2, 1, rng=np.random.default_rng(0)))
    frames = scrubber(net, nn.BCEWithLogitsLoss(), X, y, example=2).data
    assert frames["steps"][0]["sentence"].endswith("of example 3 of 4.")
    assert dict(frames["steps"][0]["sets"]) == {"x_1": "1", "x_2": "0", "y_1": "y 1"}
    for wrong in (4, 0.5):
        with pytest.raises((ValueError, IndexError), match=r"a row of the batch|only integers"):
            scrubber(net, nn.BCEWithLogitsLoss(), X, y, example=wrong)


def test_a_weighted_sum_without_activation_stands_in_the_circle() -> None:
    net = nn.Sequential(nn.Linear(1, 1, rng=np.random.default_rng(0)))
    frames = scrubber(net, nn.MSELoss(), [1.0], [2.0]).data
    sets = dict(frames["steps"][1]["sets"])
    assert sets["a1_1"] == sets["z1_1"].removeprefix("z ")


def test_text_and_page_fragment_are_stable() -> None:
    """Compared by nbval: no address, nothing random; and the same after the network has been used."""
    one, two = example(), example()
    assert repr(one) == repr(two) and repr(one).startswith("One training iteration of a 2-2-2 network")
    assert one.html() == two.html()
    assert one.model_id not in one.html()
    bundle, _ = one._repr_mimebundle_()
    assert bundle["text/plain"] == repr(one) and bundle["text/html"] == one.html()
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_page_fragment_holds_all_that_it_needs() -> None:
    page = example().html()
    (frames,) = re.findall(r'<script type="application/json">(.*?)</script>', page, re.DOTALL)
    assert json.loads(frames) == example().data
    assert "function mount(" in page and "@media print" in page
    addresses = set(re.findall(r"https?://[^\"' ]+", page))
    assert addresses == {"http://www.w3.org/2000/svg", "http://www.w3.org/1998/Math/MathML"}, (
        "only namespaces"
    )
    assert not re.search(r"\bimport\b.*from|\burl\(|\bsrc=|\bfetch\(", page)
    assert page.count("<li>") == len(example().steps), "the words stand there without the script"
    assert len(page) < 80_000


def test_a_page_cannot_be_broken_by_a_name() -> None:
    net, x, y, _ = running_example()
    page = scrubber(net, HalfSquares(), x, y, names={"L": "</script><b>"}).html()
    assert "</script><b>" not in page


def test_the_script_does_no_mathematics_of_its_own() -> None:
    """The picture's geometry apart, no number is made in JavaScript."""
    script = (ROOT / "bphelpers/teaching/widgets/scrubber.js").read_text(encoding="utf-8")
    assert not re.search(r"Math\.(exp|log|tanh|pow|random)|toFixed|toPrecision|parseFloat", script)
    assert len(script.splitlines()) < 250


@pytest.mark.slow
def test_script_and_style_are_shipped(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    shipped = {f"bphelpers/teaching/widgets/{name}" for name in ("scrubber.js", "scrubber.css", "common.css")}
    assert shipped <= set(names)
