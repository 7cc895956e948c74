"""Any expression of Values, step by step: numbers, words, refusals, and where circles and lines stand."""

from __future__ import annotations

import json
import re
from itertools import combinations, pairwise
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from bphelpers import nn
from bphelpers.autodiff import Value
from bphelpers.teaching.plots.layered import layered
from bphelpers.teaching.trace import HalfSquares, running_example, value_graph
from bphelpers.teaching.widgets import scrubber


def first_screen() -> tuple[Value, dict[str, Any]]:
    x, y = Value(1.0), Value(2.0)
    u = x + y
    v = u + 1
    f = u * v
    return f, locals()


def neuron() -> tuple[Value, dict[str, Any]]:
    x_1, w_1, x_2, w_2, b = map(Value, (2.0, -3.0, 0.0, 1.0, 6.88))
    out = (x_1 * w_1 + x_2 * w_2 + b).tanh()
    return out, locals()


def every_operation() -> tuple[Value, dict[str, Any]]:
    a, b = Value(0.5), Value(-1.25)
    c = (2 / (a * -3 - 1)) ** 2 + (-a).exp() * b.sigmoid()
    out = c - (a / 7).log().tanh() + (a - b).relu() / (a + c) + (1 - a)
    return out, locals()


def used_twice_at_once() -> tuple[Value, dict[str, Any]]:
    a = Value(3.0)
    b = a * a
    return (b / b - a**2) * a, locals()


def doublings() -> tuple[Value, dict[str, Any]]:
    z = Value(1.0)
    out = z
    for _ in range(20):
        out = out + out
    return out, {"z": z}


def many_inputs() -> tuple[Value, dict[str, Any]]:
    leaves = [Value(0.125 * k) for k in range(1, 17)]
    out = leaves[0]
    for leaf in leaves[1:15]:
        out = out * leaf
    return out, {}


def alone() -> tuple[Value, dict[str, Any]]:
    return Value(-2.5), {}


CASES = [first_screen, neuron, every_operation, used_twice_at_once, doublings, many_inputs, alone]
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)


def random_parents(rng: np.random.Generator, nodes: int) -> list[tuple[int, ...]]:
    """A graph of one end: each node that nobody uses is used by a later one."""
    parents: list[tuple[int, ...]] = []
    free: list[int] = []
    for k in range(nodes):
        if k < 2 or (rng.random() < 0.3 and k + len(free) < nodes - 1):
            parents.append(())
        else:
            parents.append((free.pop(rng.integers(len(free))) if free else k - 1, int(rng.integers(k))))
            if free and k + len(free) >= nodes:
                parents[-1] = (parents[-1][0], free.pop())
        free.append(k)
    return parents


# ---------------------------------------------------------------------------------- the steps


@each_case
def test_the_numbers_are_those_of_backward(case: Any) -> None:
    root, names = case()
    graph = value_graph(root, names)
    found: dict[str, float] = {}
    for step in graph.steps():
        found |= step.finds
    root.backward()
    for name, value in zip(graph.names, graph.values, strict=True):
        assert found[name] == value.data
        assert found[f"{name}.grad"] == pytest.approx(value.grad, rel=1e-12)
    assert len(found) == 2 * len(graph.values)


@each_case
def test_a_gradient_is_partial_until_the_last_report_is_in(case: Any) -> None:
    root, names = case()
    graph = value_graph(root, names)
    steps = [step for step in graph.steps() if step.direction == "backward"]
    assert steps[0].kind == "d_start" and steps[0].neurons == ((len(graph.values) - 1,),)
    come, grads = [0] * len(graph.values), [0.0] * len(graph.values)
    grads[-1] = 1.0
    for step in steps[1:]:
        (k,), (p,) = step.neurons
        assert come[k] == graph.users(k), "nobody reports before all that used it have"
        ((user, slot),) = step.weights
        assert user == k and graph.parents[k][slot] == p
        come[p] += 1
        grads[p] += grads[k] * graph.values[k].slopes[slot]
        assert step.value == grads[p]
        assert ("is partial" in step.sentence) == (come[p] < graph.users(p))
        assert ("complete" in step.sentence) == (come[p] == graph.users(p))
        if graph.users(p) > 1:
            assert f"with {come[p]} of {graph.users(p)} reports in." in step.sentence
    assert come == [graph.users(k) for k in range(len(come))]


@each_case
def test_values_appear_after_their_parents_and_once(case: Any) -> None:
    root, names = case()
    graph = value_graph(root, names)
    known: set[int] = set()
    for step in graph.steps():
        if step.direction == "forward":
            new = {k for (k,) in step.neurons}
            assert not known & new and {p for k in new for p in graph.parents[k]} <= known
            known |= new
    assert known == set(range(len(graph.values))) and graph.values[-1] is root


@each_case
def test_formulas_are_whole(case: Any) -> None:
    for step in value_graph(*case()).steps():
        for text in (step.formula, step.numbers):
            for part in text.split("\n"):
                ElementTree.fromstring(f"<math>{part}</math>")
        assert step.sentence.endswith(".") and "  " not in step.sentence


def read(formula: str) -> str:
    return re.sub(r"<[^>]*>|\n", "", formula.replace("<mfrac>", "over"))


@pytest.mark.parametrize(
    ("made", "symbols", "numbers", "words"),
    [
        (lambda a, b: a + b, "v1=a+b", "4+(−2)=2", "4 plus −2"),
        (lambda a, b: a - b, "v1=a−b", "4−(−2)=6", "4 minus −2"),
        (lambda a, b: a * b, "v1=a·b", "4·(−2)=−8", "4 times −2"),
        (lambda a, b: a / b, "v1=overab", "over4−2=−2", "4 divided by −2"),
        (lambda a, b: a + 3, "v1=a+3", "4+3=7", "4 plus 3"),
        (lambda a, b: a - 3, "v1=a−3", "4−3=1", "4 minus 3"),
        (lambda a, b: a * 3, "v1=a·3", "4·3=12", "4 times 3"),
        (lambda a, b: a / 8, "v1=overa8", "over48=0.5", "4 divided by 8"),
        (lambda a, b: b**2, "v1=b2", "(−2)2=4", "−2 to the power 2"),
        (lambda a, b: -b, "v1=−b", "−(−2)=2", "the negative of −2"),
        (lambda a, b: b.exp(), "v1=eb", "e−2=0.135335", "the exponential of −2"),
        (lambda a, b: a.log(), "v1=log(a)", "log(4)=1.38629", "the natural logarithm of 4"),
        (lambda a, b: b.sigmoid(), "v1=σ(b)", "σ(−2)=0.119203", "the sigmoid of −2"),
        (lambda a, b: b.tanh(), "v1=tanh(b)", "tanh(−2)=−0.964028", "the hyperbolic tangent of −2"),
        (lambda a, b: b.relu(), "v1=ReLU(b)", "ReLU(−2)=0", "the ReLU of −2"),
    ],
)
def test_an_operation_in_symbols_numbers_and_words(made: Any, symbols: str, numbers: str, words: str) -> None:
    a, b = Value(4.0), Value(-2.0)
    step = next(step for step in value_graph(made(a, b), {"a": a, "b": b}).steps() if step.kind == "value")
    assert read(step.formula) == symbols
    assert read(step.numbers) == numbers
    assert step.sentence.startswith(f"v1 is {words}, which makes ")


def test_the_words_of_the_first_screen() -> None:
    said = [str(step) for step in value_graph(*first_screen()).steps()]
    assert said[0] == "The expression begins with x = 1, y = 2."
    assert said[3] == "f is 3 times 4, which makes 12. Its note: the slope towards u 4, towards v 3."
    assert said[4] == "The way back begins at f: f.grad is 1."
    assert said[5] == (
        "f reports 1 times 4, which is 4, to u. So far u.grad is 4. That is partial, with 1 of 2 reports in."
    )
    assert said[7] == (
        "v reports 3 times 1, which is 3, to u. With the 4 from before, u.grad is 7. "
        "That is complete, with 2 of 2 reports in."
    )
    assert said[8] == "u reports 7 times 1, which is 7, to x. x is used once, so x.grad is 7 and complete."
    step = value_graph(*first_screen()).steps()[7]
    assert (read(step.formula), read(step.numbers)) == ("u.grad←u.grad+v.grad·over∂v∂u", "4+3·1=7")


def test_names_are_those_given_and_the_others_are_counted() -> None:
    a, b = Value(1.0), Value(2.0)
    c = a * b
    d = c + 1
    root = d * a
    names = {"_": a, "v1": a, "twin": a, "w_in": b, "other": Value(3.0), "number": 3, "v_3": c}
    assert value_graph(root, names).names == ("v1", "w_in", "v_3", "v_2", "v_4")
    assert value_graph(root).names == ("v_1", "v_2", "v_3", "v_4", "v_5")


def test_a_class_without_operations_is_followed_too() -> None:
    """Lesson 14's own: data, parents and slopes are enough."""
    x = SimpleNamespaceValue(2.0, (), ())
    f = SimpleNamespaceValue(4.0, (x, x), (2.0, 2.0))
    one = scrubber(f, names={"x": x, "f": f})
    assert [str(step) for step in one.steps[:2]] == [
        "The expression begins with x = 2.",
        "f is made of x and x: 4. Its note: the slope towards x 2, towards x 2.",
    ]
    assert one.steps[-1].finds == {"x.grad": 4.0}
    sine = SimpleNamespaceValue(0.909, (x,), (-0.416,), "sin")
    step = value_graph(sine, {"x": x}).steps()[1]
    assert read(step.formula) == "v1=sin(x)" and step.sentence.startswith(
        "v1 is sin of 2, which makes 0.909."
    )


class SimpleNamespaceValue(SimpleNamespace):
    __hash__ = object.__hash__

    def __init__(
        self, data: float, parents: tuple[Any, ...], slopes: tuple[float, ...], op: str = ""
    ) -> None:
        super().__init__(data=data, parents=parents, slopes=slopes, op=op)


def test_the_values_stay_as_they_are() -> None:
    root, names = first_screen()
    names["u"].grad = 5.0
    scrubber(root, names=names)
    assert (names["u"].grad, root.grad) == (5.0, 0.0)


def test_what_cannot_be_followed_is_refused() -> None:
    z = Value(1.0)
    for _ in range(30):
        z = z + z
    with pytest.raises(
        ValueError, match="at most 30 values to be followed step by step, got 31; give a part"
    ):
        scrubber(z)
    x = Value(1.0)
    with pytest.raises(ValueError, match="names must hold Values by their names"):
        scrubber(x * x, names={x: "x"})
    for stranger in (3.0, None, running_example()[0]):
        with pytest.raises(ValueError, match="net must be a Value, or a Sequential with its loss, x and y"):
            scrubber(stranger)
    for more in ({"lr": 0.1}, {"example": 1}, {"fixed": ("b1",)}, {"x": [1.0], "y": [1.0]}):
        with pytest.raises(TypeError, match="a Value is shown without loss, x, y, lr, example and fixed"):
            scrubber(x, **more)
    with pytest.raises(ValueError, match="net must be a Sequential"):
        scrubber(x, HalfSquares(), [1.0], [1.0])
    with pytest.raises(ValueError, match="the values must be finite"):
        scrubber(SimpleNamespaceValue(np.nan, (), ()))


# ---------------------------------------------------------------------------------- the places


@pytest.mark.parametrize("seed", range(20))
def test_nodes_and_bends_keep_apart_and_lines_lead_to_the_right(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parents = random_parents(rng, int(rng.integers(1, 31)))
    places, bends = layered(parents)
    assert (places, bends) == layered(parents), "the same every time"
    assert set(bends) == {(k, slot) for k, ps in enumerate(parents) for slot in range(len(ps))}
    for (k, slot), way in bends.items():
        columns = [column for column, _ in (places[parents[k][slot]], *way, places[k])]
        assert columns == list(range(round(columns[0]), round(columns[-1]) + 1))
    everything = [*places, *(bend for way in bends.values() for bend in way)]
    for (column, row), (other, height) in combinations(everything, 2):
        assert column != other or abs(row - height) > 1 - 1e-9
    assert min(row for _, row in everything) == 0


def test_a_tree_has_no_crossings() -> None:
    parents = [(), (), (), (), (), (), (), (), (0, 5), (4, 1), (2, 7), (6, 3), (8, 10), (11, 9), (12, 13)]
    places, _ = layered(parents)
    lines = [(places[p], places[k]) for k, ps in enumerate(parents) for p in ps]
    for ((c, a), (_, b)), ((d, p), (_, q)) in combinations(lines, 2):
        assert c != d or (a - p) * (b - q) >= 0


@each_case
def test_everything_stands_inside_the_picture(case: Any) -> None:
    root, names = case()
    frames = scrubber(root, names=names).data
    for thing in frames["neurons"] + frames["labels"]:
        assert 0 < thing["x"] < frames["width"] and 8 < thing["y"] < frames["height"], thing
    for edge in frames["edges"]:
        for x, y in points(edge):
            assert 0 < x < frames["width"] and 0 < y < frames["height"]
    circles = [(neuron["x"], neuron["y"], neuron["r"]) for neuron in frames["neurons"]]
    for (x, y, r), (other_x, other_y, _) in combinations(circles, 2):
        assert np.hypot(x - other_x, y - other_y) > 2.5 * r


def points(edge: dict[str, Any]) -> list[tuple[float, float]]:
    return [(edge["x1"], edge["y1"]), *edge["via"], (edge["x2"], edge["y2"])]


@each_case
def test_lines_run_from_rim_to_rim_and_each_is_its_own(case: Any) -> None:
    root, names = case()
    one = scrubber(root, names=names)
    graph, frames = value_graph(root, names), one.data
    circles = [np.array([neuron["x"], neuron["y"]]) for neuron in frames["neurons"]]
    r = frames["neurons"][0]["r"]
    lines = [(k, p) for k, parents in enumerate(graph.parents) for p in parents]
    assert len(lines) == len(frames["edges"])
    for (k, p), edge in zip(lines, frames["edges"], strict=True):
        way = points(edge)
        assert np.hypot(*(circles[p] - way[0])) == pytest.approx(r + 2, abs=1.5)
        assert np.hypot(*(circles[k] - way[-1])) == pytest.approx(r + 2, abs=1.5)
        for (x, y), (next_x, next_y) in pairwise(way):
            along = np.array([x, y]) + np.linspace(0, 1, 50)[:, None] * [next_x - x, next_y - y]
            others = (circle for n, circle in enumerate(circles) if n not in (k, p))
            assert all(np.hypot(*(along - circle).T).min() > 0.75 * r for circle in others)
    assert len({json.dumps(points(edge)) for edge in frames["edges"]}) == len(lines)


@each_case
def test_frames_show_what_the_steps_find(case: Any) -> None:
    root, names = case()
    one = scrubber(root, names=names)
    graph, frames = value_graph(root, names), one.data
    digits = 2 if frames["crowded"] else 3
    ids = {key: {item["id"] for item in frames[key]} for key in ("neurons", "edges", "labels")}
    assert ids["edges"] <= ids["labels"] and {"name " + name for name in graph.names} <= ids["labels"]
    come: dict[str, int] = {}
    found: dict[str, float] = {}
    for step, frame in zip(one.steps, frames["steps"], strict=True):
        sets = dict(frame["sets"])
        assert set(frame["neurons"]) <= ids["neurons"] and set(frame["edges"]) <= ids["edges"]
        assert set(sets) == set(step.finds) | set(frame["edges"]) and set(sets) <= ids["labels"]
        for name, value in step.finds.items():
            shown, *part = sets[name].split(" ", 1)
            assert float(shown.replace("−", "-")) == pytest.approx(value, rel=5.1 * 10**-digits)
            if step.kind == "d_report":
                come[name] = come.get(name, 0) + 1
                users = graph.users(graph.names.index(name.removesuffix(".grad")))
                assert part == ([f"({come[name]} of {users})"] if come[name] < users else [])
        for (k, slot), edge in zip(step.weights, frame["edges"], strict=True):
            word, number = sets[edge].split(" ")
            slope = graph.values[k].slopes[slot]
            report = slope * found[f"{graph.names[k]}.grad"] if word == "+" else slope
            assert word == ("+" if step.kind == "d_report" else "slope")
            assert float(number.replace("−", "-")) == pytest.approx(report, rel=5.1 * 10**-digits)
        found |= step.finds


def test_circles_hold_operations_and_names_stand_above() -> None:
    root, names = every_operation()
    long = {**names, "a_name_that_is_too_long": root}
    long.pop("out")
    frames = scrubber(root, names=long).data
    assert {neuron["name"] for neuron in frames["neurons"]} == {
        "", "+", "−", "×", "÷", "**2", "exp", "log", "σ", "tanh", "ReLU"}  # fmt: skip
    texts = {label["id"]: label["text"] for label in frames["labels"]}
    assert texts["name a"] == "a" and texts["name v_1"] == "v1"
    assert texts["name a_name_that_is_too_long"] == "anamethatis…"


def test_a_large_graph_shows_the_labels_of_its_lines_only_when_they_are_lit() -> None:
    for case, crowded in ((first_screen, False), (neuron, False), (every_operation, True), (doublings, True)):
        root, names = case()
        assert scrubber(root, names=names).data["crowded"] == crowded


# ---------------------------------------------------------------------------------- the widget


def test_text_and_page_fragment() -> None:
    """The still twin of the widget: one sentence, and all steps in words, the same every time."""
    root, names = first_screen()
    one, two = scrubber(root, names=names), scrubber(root, names=names)
    assert repr(one) == (
        "The graph of f, with 5 values, in 10 steps: 4 forward to 12, 6 backward. "
        "At the end x.grad is 7, y.grad is 7."
    )
    assert one.html() == two.html() and one.data["summary"] == repr(one)
    assert one.html().count("<li>") == len(one.steps) == 10
    bundle, _ = one._repr_mimebundle_()
    assert bundle["text/plain"] == repr(one) and bundle["text/html"] == one.html()
    (frames,) = re.findall(r'<script type="application/json">(.*?)</script>', one.html(), re.DOTALL)
    assert json.loads(frames) == json.loads(json.dumps(one.data))


def test_a_network_s_lines_stay_straight() -> None:
    net, x, y, _ = running_example()
    drawn = scrubber(net, nn.MSELoss(), x, y).data
    assert "least" not in drawn and not any("via" in edge for edge in drawn["edges"])
