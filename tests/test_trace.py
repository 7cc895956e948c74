"""The trace: every number against the pure functions, the order of the steps, words, and refusals."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from bphelpers import data, nn
from bphelpers import functional as F
from bphelpers.teaching.trace import HalfSquares, Step, running_example, running_names, trace

Case = tuple[nn.Sequential, nn.Loss, np.ndarray, np.ndarray]


def rng() -> np.random.Generator:
    return np.random.default_rng(8)


def linear(d_in: int, d_out: int, **more: Any) -> nn.Linear:
    layer = nn.Linear(d_in, d_out, rng=rng(), **more)
    if layer.b is not None:
        layer.b.data[:] = rng().normal(size=d_out)
    return layer


def running() -> Case:
    net, x, y, _ = running_example()
    return net, HalfSquares(), x, y


def yes_or_no() -> Case:
    net = nn.Sequential(linear(2, 3), nn.Tanh(), linear(3, 1))
    X, y = data.xor()
    return net, nn.BCEWithLogitsLoss(), X, y


def three_classes() -> Case:
    net = nn.Sequential(linear(4, 5), nn.ReLU(), nn.Dropout(0.5, rng=rng()), linear(5, 3)).eval()
    return net, nn.CrossEntropyLoss(), rng().normal(size=(6, 4)), np.array([0, 2, 1, 1, 0, 2])


def regression() -> Case:
    net = nn.Sequential(linear(1, 1, bias=False))
    return net, nn.MSELoss(), np.array([[2.0], [3.0]]), np.array([[1.0], [-1.0]])


def largest() -> Case:
    inner = [part for _ in range(4) for part in (linear(8, 8), nn.Tanh())]
    return nn.Sequential(*inner, linear(8, 8)), nn.MSELoss(), rng().normal(size=(1, 8)), np.ones((1, 8))


def bare_layers() -> Case:
    net = nn.Sequential(nn.Sequential(linear(3, 2), linear(2, 2)), nn.Sigmoid())
    return net, nn.BCEWithLogitsLoss(), rng().normal(size=(2, 3)), np.array([[0.0, 1.0], [0.5, 1.0]])


CASES = [running, yes_or_no, three_classes, regression, largest, bare_layers]


def by_functional(case: Case, example: int, lr: float) -> dict[str, float]:
    """Every number of the iteration, from bphelpers.functional alone."""
    net, loss, x, y = case
    found: dict[str, np.ndarray] = {"x": x[example]}
    tape: list[tuple[str, Any, Any]] = []
    out, l = x, 0
    for leaf in net.leaves():
        if isinstance(leaf, nn.Linear):
            l += 1
            W, b = leaf.W.data, None if leaf.b is None else leaf.b.data
            tape.append(("linear", (out, W, b), l))
            out = found[f"z{l}"] = F.linear(out, W, b)
        elif not isinstance(leaf, nn.Dropout):
            kind = type(leaf).__name__
            z, out = out, {"Sigmoid": F.sigmoid, "Tanh": F.tanh, "ReLU": F.relu}[kind](out)
            found[f"a{l}"] = out
            tape.append((kind, z if kind == "ReLU" else out, l))
    forward, backward = {
        "HalfSquares": (lambda p, y: F.mse(p, y) / 2, lambda p, y: F.mse_backward(p, y) / 2),
        "MSELoss": (F.mse, F.mse_backward),
        "BCEWithLogitsLoss": (F.binary_cross_entropy, F.binary_cross_entropy_backward),
        "CrossEntropyLoss": (F.softmax_cross_entropy, F.softmax_cross_entropy_backward),
    }[type(loss).__name__]
    if not isinstance(loss, nn.MSELoss):
        found["p"] = F.softmax(out) if isinstance(loss, nn.CrossEntropyLoss) else F.sigmoid(out)
    grad = backward(out, y)
    for kind, kept, l in reversed(tape):
        if kind == "linear":
            a, W, b = kept
            found[f"dz{l}"] = grad
            grad, dW, db = F.linear_backward(grad, a, W)
            found |= {f"dW{l}": dW, f"W{l} new": W - lr * dW}
            if b is not None:
                found |= {f"db{l}": db, f"b{l} new": b - lr * db}
        else:
            found[f"da{l}"] = grad
            back = {"Sigmoid": F.sigmoid_backward, "Tanh": F.tanh_backward, "ReLU": F.relu_backward}[kind]
            grad = back(grad, kept)
    return {"L": forward(out, y)} | dict(_flat(found, example))


def _flat(found: dict[str, np.ndarray], example: int) -> Iterator[tuple[str, float]]:
    for key, array in found.items():
        name, _, new = key.partition(" ")
        after = f" {new}" if new else ""
        if "W" in name:
            for (j, k), value in np.ndenumerate(array):
                yield f"{name}_{j + 1}{k + 1}{after}", float(value)
        else:
            row = array if array.ndim == 1 else array[example]
            for j, value in enumerate(row, 1):
                yield f"{name}_{j}{after}", float(value)


@pytest.mark.parametrize("example", [0, -1])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_every_number_is_that_of_functional(case: Callable[[], Case], example: int) -> None:
    made = case()
    example %= len(made[2])
    steps = trace(*made, lr=0.3, example=example)
    found = {name: value for step in steps for name, value in step.finds.items()}
    expected = by_functional(made, example, 0.3)
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-12, abs=1e-300), name


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_every_number_shown_is_the_one_found(case: Callable[[], Case]) -> None:
    """The formula with numbers, its MathML and the sentence end on the value, to the six digits shown."""
    for step in trace(*case(), lr=0.3):
        shown = [_read(text) for text in re.findall(_NUMBER, step.numbers)]
        for k, value in enumerate(reversed(list(step.finds.values()))):
            assert shown[-1 - k] == pytest.approx(value, rel=5.1e-6), step.name
        said = [_read(text) for text in re.findall(_NUMBER, step.sentence)]
        for value in step.finds.values():
            assert any(number == pytest.approx(value, rel=5.1e-6) for number in said), step.sentence


_NUMBER = r"[-−]?\d[\d.]*(?: \\cdot 10\^\{-?\d+\}| × 10\^−?\d+)?"


def _read(text: str) -> float:
    text = text.replace("−", "-").replace(r" \cdot 10^{", "e").replace(" × 10^", "e").rstrip("}.")
    return float(text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_numbers_plugged_in_give_the_value(case: Callable[[], Case]) -> None:
    """The right side, computed as it is printed, gives what stands behind its last equals sign."""
    net, loss, x, y = case()
    for step in (*trace(*case(), lr=0.3), *trace(net, loss, x[:1], y[:1])):
        if step.kind in ("input", "d_bias") or "cdots" in step.numbers or len(step.finds) > 1:
            continue
        left, _, right = step.numbers.rpartition(" = ")
        if left:
            assert _calculated(left) == pytest.approx(_read(right), rel=3e-4, abs=2e-6), (step.name, left)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_formula_in_symbols_gives_the_value(case: Callable[[], Case]) -> None:
    """Each symbol replaced by what an earlier step found: the right side is the value, to all its digits."""
    net, loss, x, y = case()
    known = {f"{p.name}_{i + 1}": float(v) for p in net.parameters() if p.data.ndim == 1
             for i, v in enumerate(p.data)}  # fmt: skip
    known |= {f"{p.name}_{j + 1}{k + 1}": float(v) for p in net.parameters() if p.data.ndim == 2
              for (j, k), v in np.ndenumerate(p.data)}  # fmt: skip
    classes = isinstance(loss, nn.CrossEntropyLoss)
    known |= {f"y_{j}": float(v) for j, v in enumerate(np.eye(3)[y[0]] if classes else y[0], 1)}
    tried = 0
    for step in trace(net, loss, x[:1], y[:1], lr=0.3):
        if step.kind != "input" and len(step.finds) == 1:
            right = re.split(r" = |\\leftarrow", step.formula)[-1]
            assert _calculated(_valued(right, known)) == pytest.approx(step.value, rel=1e-11), step.formula
            tried += 1
        known |= step.finds
        if step.kind in ("sum", "d_sum"):  # without an activation, the sum is what comes out
            known |= {
                name.replace("z", "a"): v
                for name, v in step.finds.items()
                if name.replace("z", "a") not in known
            }
    assert tried > 4


def _valued(latex: str, known: dict[str, float]) -> str:
    """The formula with the values of its symbols."""
    depth = max(int(name[1]) for name in known if name[0] == "W")

    def value(name: str) -> str:
        return f"({known[name]!r})"

    def name_of(symbol: re.Match[str]) -> str:
        letter, layer, index = symbol.groups()
        if "hat" in letter:
            return f"a{depth}_{index}"
        return f"{letter.replace(chr(92) + 'delta', 'dz')}{layer or ''}_{index}"

    def slope(match: re.Match[str]) -> str:
        inner = re.fullmatch(_SYMBOL, match[1])
        assert inner, match[0]
        return value(f"d{name_of(inner)}")

    latex = re.sub(r"\\frac\{\\partial L\}\{\\partial ((?:[^{}]|\{[^{}]*\})*)\}", slope, latex)
    latex = re.sub(_SYMBOL, lambda match: value(name_of(match)), latex)
    return latex.replace(r"\eta", "0.3")


_SYMBOL = r"(\\hat y|\\delta|[abpxyzW])(?:\^\{\((\d)\)\})?_\{(\d+)\}"


def _calculated(latex: str) -> float:
    """A right side of ours, as Python: only the few signs that it can hold."""
    text = latex.replace(r" \cdot 10^", "*10^").replace(r"\cdot", "*")
    text = re.sub(r"\\mathrm\{(\w+)\}'", r"slope\1", text)
    text = re.sub(r"\\mathrm\{(\w+)\}", r"\1", text).replace(r"\sigma", "sigma")
    text = text.replace(r"\log", "log").replace(r"\tanh", "tanh").replace("^", "**")
    while r"\frac" in text:
        text = re.sub(
            r"\\frac\{((?:[^{}]|\{[^{}]*\})*)\}\{((?:[^{}]|\{[^{}]*\})*)\}", r"((\1)/(\2))", text, count=1
        )
    text = text.replace("{", "(").replace("}", ")")
    text = re.sub(r"([\d)]) (?=\(|\d|log)", r"\1*", text).replace(" ", "")
    names = {"sigma": lambda z: 1 / (1 + np.exp(-z)), "ReLU": lambda z: max(z, 0.0), "e": np.e}
    names |= {"log": np.log, "tanh": np.tanh, "slopeReLU": lambda z: float(z > 0)}
    return float(eval(text, {"__builtins__": {}}, names))  # our own text


_SIGNS = {"−": "-", "·": r"\cdot", "←": r"\leftarrow", "∑": r"\sum", "⋯": r"\cdots", "′": "'"}
_WORDS = {"δ": r"\delta", "η": r"\eta", "σ": r"\sigma", "∂": r"\partial", "tanh": r"\tanh", "log": r"\log"}
_SHAPES = {"mfrac": r"\frac{%s}{%s}", "msup": "%s^{%s}", "msub": "%s_{%s}", "munder": "%s_{%s}"}


def _as_latex(node: ElementTree.Element) -> str:
    """What the browser draws, written as LaTeX."""
    text, inside = node.text or "", tuple(map(_as_latex, node))
    if node.tag == "mi":
        return _WORDS.get(text, text if len(text) == 1 else rf"\mathrm{{{text}}}")
    if node.tag == "msubsup":
        base, below, above = inside
        return f"{base}^{{{above}}}_{{{below}}}"
    if node.tag == "mover":
        return rf"\hat{inside[0]}"
    return _SHAPES[node.tag] % inside if node.tag in _SHAPES else _SIGNS.get(text, text) + "".join(inside)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_what_the_browser_draws_is_the_formula(case: Callable[[], Case]) -> None:
    """The numbers are tested in LaTeX, and readers see MathML: it says the same."""
    for step in (*trace(*case(), lr=0.3), *trace(*running(), lr=1e-7, names=running_names())):
        for side in (step.symbols, step.plugged):
            drawn = _as_latex(ElementTree.fromstring(f"<math>{side.mathml}</math>"))
            assert drawn == side.latex.replace(" ", ""), step.name


def test_names_do_not_become_markup() -> None:
    names = {"L": "a<b & c", "x_1": "i_<&"}
    for step in trace(*running(), names=names):
        letters = [mi.text for mi in ElementTree.fromstring(f"<math>{step.symbols.mathml}</math>").iter("mi")]
        assert ("a<b & c" in letters) == (step.kind == "loss" or step.direction == "backward")
        assert ("<" in letters) == ("i_{<&}" in step.formula)


def test_a_probability_next_to_one_does_not_hide_the_other() -> None:
    """At logit 40, 1 - p would be printed as 1 - 1, and its logarithm is -40."""
    net = nn.Sequential(linear(1, 1, bias=False))
    net.parameters()[0].data[:] = 40.0
    (loss,) = (s for s in trace(net, nn.BCEWithLogitsLoss(), [1.0], [0.0]) if s.kind == "loss")
    assert loss.numbers == r"- ( 0 \cdot \log ( 1 ) + 1 \cdot \log ( 4.24835 \cdot 10^{-18} ) ) = 40"


def test_formulas_and_words_of_a_batch() -> None:
    found = {step.name: step for step in trace(*yes_or_no(), lr=0.3)}
    quarter = r"\frac{1}{4}"
    assert found["L"].formula == rf"L = {quarter} \sum_{{n}} L_{{n}}"
    assert found["dz2_1"].formula.endswith(rf"= {quarter} ( p_{{1}} - y_{{1}} )")
    assert found["dW2_12"].formula.endswith(r"= \sum_{n} \delta^{(2)}_{n1} \cdot a^{(1)}_{n2}")
    assert found["dW1_12"].formula.endswith(r"= \sum_{n} \delta^{(1)}_{n1} \cdot x_{n2}")
    assert "divided by the 4 examples" in found["dz2_1"].sentence


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_words_fit_the_numbers(case: Callable[[], Case]) -> None:
    net, loss, *_ = made = case()
    old = net.state_dict()
    for step in trace(*made, lr=0.3):
        said = step.sentence
        if step.kind == "update" and len(step.finds) == 1:
            name, index = step.name.removesuffix(" new").split("_")
            before = old[name][tuple(int(digit) - 1 for digit in index)]
            moves = "rises" if step.value > before else "falls" if step.value < before else "stays"
            sender = f"{'input' if name == 'W1' else 'hidden neuron'} {index[1:]}"
            assert f" {moves}: " in said and (name[0] == "b" or sender in said), said
        if "feeds" in said:
            assert ("neurons that it feeds" in said) == (len(step.weights) > 1), said
        if "minus its target" in said or "minus target" in said:
            assert ("twice" in said) == (type(loss) is nn.MSELoss), said


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ([[1.0], [0.0]], "the probability given to the truth"),
        ([[1.0], [0.5]], "the cross-entropy of targets and probabilities"),
        ([[1.0, 0.0], [0.0, 1.0]], "targets and probabilities, added up over the outputs"),
    ],
)
def test_a_cross_entropy_is_called_what_it_is(targets: list[list[float]], words: str) -> None:
    net = nn.Sequential(linear(2, len(targets[0])))
    (loss,) = (s for s in trace(net, nn.BCEWithLogitsLoss(), np.eye(2), targets) if s.kind == "loss")
    assert f"{words}. " in loss.sentence


def test_rows_of_a_large_network_add_up() -> None:
    """Where a step finds a row of numbers, the row before the equals sign gives the row behind it."""
    for step in trace(*largest(), lr=0.1):
        if step.kind in ("d_weight", "update") and len(step.finds) > 1:
            left, _, right = step.numbers.rpartition(" = ")
            first, *row = (_read(one) for one in re.findall(_NUMBER, left))
            given = first * np.array(row)
            if step.kind == "update":  # eight old weights, the learning rate, eight derivatives
                given = np.array([first, *row[:7]]) - 0.1 * np.array(row[8:])
            shown = [_read(one) for one in re.findall(_NUMBER, right)]
            np.testing.assert_allclose(given, shown, rtol=3e-4, atol=2e-6, err_msg=step.name)


def test_the_running_example_s_published_numbers() -> None:
    net, x, y, lr = running_example()
    found = {step.name: step for step in trace(net, HalfSquares(), x, y, lr, fixed=("b1", "b2"))}
    assert found["L"].numbers.endswith("= 0.298371")
    assert found["dW2_11"].numbers == r"0.138499 \cdot 0.59327 = 0.082167"
    assert found["W2_11 new"].numbers == r"0.4 - 0.5 \cdot 0.082167 = 0.358916"
    assert not [name for name in found if "b" in name]


def test_the_order_is_that_of_backpropagation() -> None:
    net, x, y, lr = running_example()
    names = [step.name for step in trace(net, HalfSquares(), x, y, lr, fixed=("b1",))]
    # fmt: off
    forward = ["x", "z1_1", "z1_2", "a1_1", "a1_2", "z2_1", "z2_2", "a2_1", "a2_2", "L"]
    last = ["da2_1", "da2_2", "dz2_1", "dz2_2", "dW2_11", "dW2_12", "db2_1", "dW2_21", "dW2_22", "db2_2"]
    first = ["da1_1", "da1_2", "dz1_1", "dz1_2", "dW1_11", "dW1_12", "dW1_21", "dW1_22"]
    assert names[:28] == forward + last + first
    updates = ["W1_11", "W1_12", "W1_21", "W1_22", "W2_11", "W2_12", "W2_21", "W2_22", "b2_1", "b2_2"]
    # fmt: on
    assert names[28:] == [f"{name} new" for name in updates]
    assert len(trace(net, HalfSquares(), x, y)) == len(names[:28]) + 2  # no update, but the fixed biases


def test_directions_and_places() -> None:
    for step in trace(*yes_or_no(), lr=0.1):
        new = step.name.endswith(" new")
        backward = step.name.startswith("d")
        assert step.direction == ("update" if new else "backward" if backward else "forward")
        assert step.neurons
    found = {step.name: step for step in trace(*yes_or_no(), lr=0.1)}
    assert found["da1_2"].weights == ((2, 1, 2),)
    assert found["z1_3"].weights == ((1, 3, 1), (1, 3, 2))
    assert found["dW2_13"].neurons == ((2, 1), (1, 3))
    assert found["z1_3"].shape == () and found["x"].shape == (2,)


def test_a_large_network_goes_neuron_by_neuron() -> None:
    found = {step.name: step for step in trace(*largest(), lr=0.1)}
    assert found["dW3_2"].shape == (8,) and len(found["W3_2 new"].weights) == 8
    assert len(found) == 1 + 9 * 8 + 1 + 9 * 8 + 10 * 8 + 10 * 8


def test_the_network_is_left_alone() -> None:
    net, loss, x, y = yes_or_no()
    before = net.state_dict()
    trace(net, loss, x, y, lr=1.0)
    assert all((net.state_dict()[name] == before[name]).all() for name in before)
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_sentences_and_formulas_are_well_formed(case: Callable[[], Case]) -> None:
    steps = trace(*case(), lr=0.3)
    assert len({step.name for step in steps}) == len(steps)
    for step in steps:
        assert str(step) == step.sentence
        assert step.sentence[0].isupper() and step.sentence.endswith(".") and "  " not in step.sentence
        assert "\\" not in step.sentence and "nan" not in step.sentence
        for side in (step.symbols, step.plugged):
            assert side.latex.count("{") == side.latex.count("}")
            for part in side.parts:
                ElementTree.fromstring(f"<math>{part.mathml}</math>")


def test_other_names() -> None:
    net, x, y, lr = running_example()
    found = {s.name: s for s in trace(net, HalfSquares(), x, y, lr, names=running_names())}
    assert found["z1_1"].formula == (r"\mathrm{net}_{h1} = w_{1} \cdot i_{1} + w_{2} \cdot i_{2} + b_{h1}")
    assert found["dW2_11"].formula == (
        r"\frac{\partial E}{\partial w_{5}} = \delta_{o1} \cdot \mathrm{out}_{h1}"
    )


def test_a_single_example_may_come_without_its_batch() -> None:
    net, loss, X, y = three_classes()
    alone = trace(net, loss, X[1], y[1])
    assert [s.numbers for s in alone] == [s.numbers for s in trace(net, loss, X[1:2], y[1:2])]


def spoilt(p: int = 0) -> nn.Sequential:
    net = running()[0]
    net.parameters()[p].data[0] = np.nan
    return net


def draws() -> nn.Sequential:
    return nn.Sequential(linear(2, 2), nn.Dropout(0.5, rng=rng()), linear(2, 2))


X, Y = np.ones((1, 2)), np.ones((1, 2))
BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "not a net": (lambda: trace(linear(2, 2), HalfSquares(), X, Y), "net: expected a Sequential"),
    "empty": (lambda: trace(nn.Sequential(), HalfSquares(), X, Y), "net: expected 1 to 5 layers"),
    "too wide": (lambda: trace(nn.Sequential(linear(9, 2)), HalfSquares(), X, Y), "up to 9"),
    "too deep": (
        lambda: trace(nn.Sequential(*(linear(2, 2) for _ in range(6))), HalfSquares(), X, Y),
        "6 layers",
    ),
    "no linear": (lambda: trace(nn.Sequential(nn.ReLU()), HalfSquares(), X, Y), "Linear before"),
    "two activations": (
        lambda: trace(nn.Sequential(linear(2, 2), nn.ReLU(), nn.Tanh()), HalfSquares(), X, Y),
        "Linear before",
    ),
    "dropout": (lambda: trace(draws(), HalfSquares(), X, Y), r"net.eval\(\)"),
    "unknown layer": (lambda: trace(nn.Sequential(nn.Module()), HalfSquares(), X, Y), "net: expected Linear"),
    "batch norm": (
        lambda: trace(nn.Sequential(linear(2, 2), nn.BatchNorm1d(2)), HalfSquares(), X, Y),
        r"net: expected Linear.*got BatchNorm1d\(2\)",
    ),
    "residual": (
        lambda: trace(nn.Sequential(linear(2, 2), nn.Residual(linear(2, 2))), HalfSquares(), X, Y),
        r"net: expected Linear.*got Residual\(Linear\(2, 2\)\)",
    ),
    "unknown loss": (lambda: trace(running()[0], nn.Loss(), X, Y), "loss: expected one of"),
    "x shape": (lambda: trace(running()[0], HalfSquares(), np.ones((1, 3)), Y), "x: expected shape"),
    "y shape": (lambda: trace(running()[0], HalfSquares(), X, np.ones((2, 2))), "y: expected shape"),
    "outputs": (lambda: trace(running()[0], HalfSquares(), X, np.ones((1, 3))), "y must have"),
    "nan x": (lambda: trace(running()[0], HalfSquares(), X * np.nan, Y), "x: expected finite"),
    "nan y": (lambda: trace(running()[0], HalfSquares(), X, Y * np.inf), "y: expected finite"),
    "nan weights, shortly": (lambda: trace(spoilt(), HalfSquares(), X, Y), "got 2 of 4 that are not"),
    "words": (lambda: trace(running()[0], HalfSquares(), X.astype(str), Y), "x: .* got 2 of 2 that are not"),
    "nan weight": (lambda: trace(spoilt(), HalfSquares(), X, Y), "W1: expected finite"),
    "example": (lambda: trace(running()[0], HalfSquares(), X, Y, example=1), "example: expected 0 to 0"),
    "fixed": (lambda: trace(running()[0], HalfSquares(), X, Y, fixed=["b7"]), "fixed: .*b7"),
    "names": (lambda: trace(running()[0], HalfSquares(), X, Y, names={"q_1": "r"}), "names: .*q_1"),
    "lr": (lambda: trace(running()[0], HalfSquares(), X, Y, lr=-1.0), "lr"),
}


@pytest.mark.parametrize(("w", "x", "what"), [(1e200, 1, "the loss"), (1e-50, 1e200, "the gradient of W1")])
def test_overflow_is_refused(w: float, x: float, what: str) -> None:
    net = nn.Sequential(linear(1, 1, bias=False))
    net.parameters()[0].data[:] = w
    with np.errstate(over="ignore"), pytest.raises(ValueError, match=f"{what}: expected finite"):
        trace(net, nn.MSELoss(), [x], [0.0])


@pytest.mark.parametrize("name", BAD)
def test_refusals_name_what_is_wrong(name: str) -> None:
    call, words = BAD[name]
    with pytest.raises(ValueError, match=words):
        call()


def test_steps_are_frozen() -> None:
    step: Step = trace(*running())[0]
    with pytest.raises(AttributeError):
        step.name = "y"  # type: ignore[misc]
