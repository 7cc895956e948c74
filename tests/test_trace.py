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
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)


def steps_of(*arguments: Any, **more: Any) -> dict[str, Step]:
    return {step.name: step for step in trace(*arguments, **more)}


def by_functional(case: Case, example: int, lr: float) -> dict[str, float]:
    """Every number of the iteration, from bphelpers.functional alone."""
    net, loss, x, y = case
    found: dict[str, np.ndarray] = {"x": x[example]}
    tape: list[tuple[str, Any, Any]] = []
    out, l = x, 0
    for leaf in nn.leaves(net):
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
@each_case
def test_every_number_is_that_of_functional(case: Callable[[], Case], example: int) -> None:
    made = case()
    example %= len(made[2])
    steps = trace(*made, lr=0.3, example=example)
    found = {name: value for step in steps for name, value in step.finds.items()}
    expected = by_functional(made, example, 0.3)
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-12, abs=1e-300), name


def drawn(mathml: str) -> str:
    """What the browser draws, written as Python: W1_23 has letter, layer, index, dW1_23 is a derivative."""
    text = _python(ElementTree.fromstring(f"<math>{mathml}</math>")).replace(" ′", "_slope")
    return re.sub(r"(?<=[\w)])(?<!σ)(?<!tanh)(?<!ReLU)(?<!slope)(?<!log) (?=[(\w])", " * ", text)


def _python(node: ElementTree.Element) -> str:
    inside, text = [_python(child) for child in node], node.text or ""
    if node.tag == "mfrac":
        is_slope = node[0][0].text == "∂"
        return f"d{_python(node[1][-1])}" if is_slope else f"(({inside[0]})/({inside[1]}))"
    if node.tag in ("msub", "munder", "msubsup"):
        index = "".join(node[1].itertext())
        return f"{inside[0]}{inside[2].strip('( )') if len(node) == 3 else ''}_{index}"
    if node.tag == "msup":
        return f"{inside[0]}**({inside[1]})"
    if node.tag == "mover":
        return "ŷ"
    return {"−": "-", "·": "*", "∑": "sum"}.get(text, text) + " ".join(inside)


def computed(text: str, **known: float) -> np.ndarray:
    """The value of what `drawn` gives; numbers in a row are an array."""
    item = r"(?:[^(),]|\([^()]*\))*"
    text = re.sub(rf"\(({item}(?:,{item})+)\)", r"array([\1])", text)
    names = {"σ": lambda z: 1 / (1 + np.exp(-z)), "ReLU": lambda z: max(z, 0.0), "e": np.e, "array": np.array}
    names |= {"log": np.log, "tanh": np.tanh, "ReLU_slope": lambda z: float(z > 0)}
    return eval(text, {"__builtins__": {}}, names | known)  # our own text


@each_case
def test_every_number_shown_is_the_one_found(case: Callable[[], Case]) -> None:
    """The formula with numbers and the sentence end on the value, to six digits, and both are well formed."""
    steps = trace(*case(), lr=0.3)
    assert len({step.name for step in steps}) == len(steps)
    for step in steps:
        shown = computed(drawn(step.numbers).rpartition("=")[2])
        np.testing.assert_allclose(shown, step.value, rtol=5.1e-6, err_msg=step.name)
        numbers = re.findall(r"−?\d[\d.]*(?: × 10\^−?\d+)?", step.sentence)
        said = [float(text.replace("−", "-").replace(" × 10^", "e").rstrip(".")) for text in numbers]
        for value in step.finds.values():
            assert any(number == pytest.approx(value, rel=5.1e-6) for number in said), step.sentence
        assert str(step) == step.sentence and step.sentence[0].isupper() and step.sentence.endswith(".")
        assert not re.search(r"  |\\|nan", step.sentence)
        for line in (*step.formula.split("\n"), *step.numbers.split("\n")):
            ElementTree.fromstring(f"<math>{line}</math>")


@each_case
def test_numbers_plugged_in_give_the_value(case: Callable[[], Case]) -> None:
    """The right side, computed as it is printed, gives what stands behind its last equals sign."""
    net, loss, x, y = case()
    for step in (*trace(*case(), lr=0.3), *trace(net, loss, x[:1], y[:1])):
        left, _, right = drawn(step.numbers).rpartition(" = ")
        if left and "⋯" not in left:
            np.testing.assert_allclose(
                computed(left), computed(right), rtol=3e-4, atol=2e-6, err_msg=step.name
            )
        else:
            assert step.kind in ("input", "d_bias") or "⋯" in left, step.name


@each_case
def test_the_formula_in_symbols_gives_the_value(case: Callable[[], Case]) -> None:
    """Each symbol replaced by what an earlier step found: the right side is the value, to all its digits."""
    net, loss, x, y = case()
    known = {"η": 0.3}
    for p in net.parameters():
        known |= {f"{p.name}_{''.join(str(i + 1) for i in at)}": float(v) for at, v in np.ndenumerate(p.data)}
    classes = isinstance(loss, nn.CrossEntropyLoss)
    known |= {f"y_{j}": float(v) for j, v in enumerate(np.eye(3)[y[0]] if classes else y[0], 1)}
    depth = sum(isinstance(leaf, nn.Linear) for leaf in nn.leaves(net))
    tried = 0
    for step in trace(net, loss, x[:1], y[:1], lr=0.3):
        if step.kind != "input":
            right = re.split(" = | ← ", drawn(step.formula))[-1]
            assert computed(right, **known) == pytest.approx(step.value, rel=1e-11), step.formula
            tried += 1
        for name, value in step.finds.items():
            known |= {name: value, name.replace("dz", "δ"): value, name.replace(f"a{depth}", "ŷ"): value}
            if step.kind == "sum":  # without an activation, the sum is what comes out
                known |= {name.replace(f"z{depth}", "ŷ"): value}
            if step.kind == "d_sum":
                known |= {name.replace(f"dz{depth}", "dŷ"): value}
    assert tried > 4


def test_names_do_not_become_markup() -> None:
    names = {"L": "a<b & c", "x_1": "i_<&"}
    for step in trace(*running(), names=names):
        letters = [mi.text for mi in ElementTree.fromstring(f"<math>{step.formula}</math>").iter("mi")]
        assert ("a<b & c" in letters) == (step.kind == "loss" or step.direction == "backward")
        assert ("<" in letters) == ("<mi>i</mi>" in step.formula)


def test_a_probability_next_to_one_does_not_hide_the_other() -> None:
    """At logit 40, 1 - p would be printed as 1 - 1, and its logarithm is -40."""
    net = nn.Sequential(linear(1, 1, bias=False))
    net.parameters()[0].data[:] = 40.0
    loss = steps_of(net, nn.BCEWithLogitsLoss(), [1.0], [0.0])["L"]
    assert drawn(loss.numbers) == "- ( 0 * log ( 1 ) + 1 * log ( 4.24835 * 10**(- 18) ) ) = 40"


def test_formulas_and_words_of_a_batch() -> None:
    found = steps_of(*yes_or_no(), lr=0.3)
    assert drawn(found["L"].formula) == "L = ((1)/(4)) * sum_n * L_n"
    assert drawn(found["dz2_1"].formula).endswith("= ((1)/(4)) * ( p_1 - y_1 )")
    assert drawn(found["dW2_12"].formula).endswith("= sum_n * δ2_n1 * a1_n2")
    assert drawn(found["dW1_12"].formula).endswith("= sum_n * δ1_n1 * x_n2")
    assert "divided by the 4 examples" in found["dz2_1"].sentence


@each_case
def test_words_fit_the_numbers(case: Callable[[], Case]) -> None:
    net, loss, *_ = made = case()
    old = net.state_dict()
    for step in trace(*made, lr=0.3):
        said = step.sentence
        if step.kind == "update":
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
    assert f"{words}. " in steps_of(net, nn.BCEWithLogitsLoss(), np.eye(2), targets)["L"].sentence


def test_the_running_example_s_published_numbers() -> None:
    net, x, y, lr = running_example()
    found = steps_of(net, HalfSquares(), x, y, lr, fixed=("b1", "b2"))
    assert drawn(found["L"].numbers).endswith("= 0.298371")
    assert drawn(found["dW2_11"].numbers) == "0.138499 * 0.59327 = 0.082167"
    assert drawn(found["W2_11 new"].numbers) == "0.4 - 0.5 * 0.082167 = 0.358916"
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
    found = steps_of(*yes_or_no(), lr=0.1)
    assert found["da1_2"].weights == ((2, 1, 2),)
    assert found["z1_3"].weights == ((1, 3, 1), (1, 3, 2))
    assert found["dW2_13"].neurons == ((2, 1), (1, 3))
    assert np.shape(found["z1_3"].value) == () and np.shape(found["x"].value) == (2,)


def test_the_network_is_left_alone() -> None:
    net, loss, x, y = yes_or_no()
    before = [(p.data.copy(), str(p.grad)) for p in net.parameters()]
    trace(net, loss, x, y, lr=1.0)
    for p, (data_before, grad_before) in zip(net.parameters(), before, strict=True):
        assert (p.data == data_before).all() and str(p.grad) == grad_before


def test_other_names() -> None:
    net, x, y, lr = running_example()
    found = steps_of(net, HalfSquares(), x, y, lr, names=running_names())
    assert drawn(found["z1_1"].formula) == "net_h1 = w_1 * i_1 + w_2 * i_2 + b_h1"
    assert drawn(found["dW2_11"].formula) == "dw_5 = δ_o1 * out_h1"
    assert "<mi>∂</mi><mi>L</mi>" in found["dW2_11"].formula


def test_a_single_example_may_come_without_its_batch() -> None:
    net, loss, X, y = three_classes()
    alone = trace(net, loss, X[1], y[1])
    assert [s.numbers for s in alone] == [s.numbers for s in trace(net, loss, X[1:2], y[1:2])]


def spoilt() -> nn.Sequential:
    net = running()[0]
    net.parameters()[0].data[0] = np.nan
    return net


X, Y = np.ones((1, 2)), np.ones((1, 2))


def asked(net: Any = None, loss: Any = None, x: Any = X, y: Any = Y, **more: Any) -> Callable[[], list[Step]]:
    return lambda: trace(running()[0] if net is None else net, loss or HalfSquares(), x, y, **more)


def chain(*parts: nn.Module) -> Callable[[], list[Step]]:
    return asked(nn.Sequential(*parts))


BAD = {
    "not a net": (asked(linear(2, 2)), "net must be a Sequential"),
    "empty": (chain(), "net must have 1 to 5 layers"),
    "too wide": (chain(linear(9, 2)), "up to 9"),
    "too deep": (chain(*(linear(2, 2) for _ in range(6))), "6 layers"),
    "no linear": (chain(nn.ReLU()), "net must have a Linear before"),
    "two activations": (chain(linear(2, 2), nn.ReLU(), nn.Tanh()), "net must have a Linear before"),
    "dropout": (chain(linear(2, 2), nn.Dropout(0.5, rng=rng())), r"net.eval\(\)"),
    "unknown layer": (chain(nn.Module()), "net must consist of Linear"),
    "batch norm": (
        chain(linear(2, 2), nn.BatchNorm1d(2)),
        r"net must consist of Linear.*got BatchNorm1d\(2\)",
    ),
    "residual": (
        chain(nn.Residual(linear(2, 2))),
        r"net must consist of Linear.*got Residual\(Linear\(2, 2\)\)",
    ),
    "unknown loss": (asked(loss=nn.Loss()), "loss must be one of"),
    "x shape": (asked(x=np.ones((1, 3))), r"x must have shape \(n, 2\), got \(1, 3\)"),
    "y shape": (asked(y=np.ones((2, 2))), r"y must have shape \(1, outputs\), got \(2, 2\)"),
    "outputs": (asked(y=np.ones((1, 3))), "y must have"),
    "classes": (asked(loss=nn.CrossEntropyLoss()), r"y must be whole numbers of shape \(1,\)"),
    "nan x": (asked(x=X * np.nan), "x must be finite"),
    "nan y": (asked(y=Y * np.inf), "y must be finite"),
    "words": (asked(x=X.astype(str)), "x must hold real numbers"),
    "nan weight": (asked(spoilt()), "W1 must be finite, got NaN or infinity in 2 of 4 places"),
    "example": (asked(example=1), "example must be a row of the batch, 0 to 0"),
    "fixed": (asked(fixed=["b7"]), "fixed .*b7"),
    "names": (asked(names={"q_1": "r"}), "names .*q_1"),
    "lr": (asked(lr=-1.0), "lr"),
}


@pytest.mark.parametrize(("w", "x", "what"), [(1e200, 1, "the loss"), (1e-50, 1e200, "the gradient of W1")])
def test_overflow_is_refused(w: float, x: float, what: str) -> None:
    net = nn.Sequential(linear(1, 1, bias=False))
    net.parameters()[0].data[:] = w
    with np.errstate(over="ignore"), pytest.raises(ValueError, match=f"{what} must be finite"):
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
