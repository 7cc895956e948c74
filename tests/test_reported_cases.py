"""Bugs of the kinds that people report, three inputs of each: what the check may say of them and what not."""

import contextlib
import io
import itertools

import numpy as np
import pytest
from gradient_tools import named, right_gradients, wrong_in

from bphelpers import functional as F
from bphelpers import nn, optim
from bphelpers.lessons.lesson_06 import repaired
from bphelpers.teaching import check as check_answer
from bphelpers.teaching.gradcheck import (
    assert_gradients_match,
    check_gradients,
    check_network,
    check_op,
    diagnose,
    directional_check,
)

SQUARES = {"factor 2", "factor 1/2"}  # said of a square and of nothing else


def sigma(z):
    return 1 / (1 + np.exp(-z))


class Written:
    """Three layers, each gradient written out by hand, so that one alone can be wrong."""

    def __init__(self, seed, layers=(nn.Sigmoid, nn.Sigmoid)):
        rng = np.random.default_rng(seed)
        self.net = nn.Sequential(nn.Linear(2, 3, rng=rng), layers[0](), nn.Linear(3, 2, rng=rng), layers[1]())
        self.X, self.y = rng.normal(size=(5, 2)), rng.uniform(size=(5, 2))
        self.right = right_gradients(self.net, nn.MSELoss(), self.X, self.y)

    def said_of(self, **wrong):
        report = check_network(self.net, nn.MSELoss(), self.X, self.y, grads=self.right | wrong)
        assert wrong_in(report) == list(wrong)
        return {name: report[name].diagnosis for name in wrong}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["W2", "b2"])
def test_a_place_is_not_given_that_right_arrays_refute(name, seed):
    """The output's slope is left out in one gradient alone: 'in every sigmoid' would be wrong in W1 too."""
    two = Written(seed)
    hidden = sigma(two.X @ two.net[0].W.data.T + two.net[0].b.data)
    out = sigma(hidden @ two.net[2].W.data.T + two.net[2].b.data)
    miss = 2 * (out - two.y) / len(two.X)
    said = two.said_of(**{name: miss.T @ hidden if name == "W2" else miss.sum(axis=0)})[name]
    assert said.sentence.startswith(f"In layer 4, sigmoid, in {name} alone: ")
    assert said.mistake == "activation derivative missing"


@pytest.mark.parametrize("factor", [0.5, 2.0, 5.0])
def test_a_factor_below_a_right_array_does_not_come_from_the_loss(factor):
    two = Written(0)
    said = two.said_of(**{name: factor * two.right[name] for name in ("W1", "b1")})
    for diagnosis in said.values():
        assert not SQUARES & {diagnosis.mistake, *diagnosis.alternatives}
        assert "factor" in (diagnosis.mistake, *diagnosis.alternatives)


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("11.1", lambda dout, z: F.relu_backward(dout, z).T),
        ("06.3", lambda *arrays: tuple(grad.T for grad in repaired(*arrays))),
        ("06.3", lambda *arrays: tuple(-grad.T for grad in repaired(*arrays))),
    ],
)
def test_formulas_of_rows_are_not_told_where_the_layout_is_another(key, answer):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        check_answer(key, answer)
    said = " ".join(out.getvalue().split())
    assert "not right yet" in said and "dW has the shape of W" not in said and "dz.T @ a" not in said


@pytest.mark.parametrize(("n", "k"), [(6, 2), (4, 4), (8, 10)])
def test_an_average_over_the_outputs_is_thought_of(n, k):
    y_hat, y = np.random.default_rng(3).normal(size=(2, n, k))
    too_small = check_op("mse", lambda a, b: 2 * (a - b) / a.size, y_hat, y)["y_hat"].diagnosis
    assert "averaged over the outputs too" in (too_small.mistake, *too_small.alternatives)

    def check_mean(grad):
        mean = check_gradients(lambda o: np.mean((o - y) ** 2), {"o": y_hat}, {"o": grad}, batch_size=n)
        return (mean["o"].diagnosis.mistake, *mean["o"].diagnosis.alternatives)

    assert "not averaged over the outputs" in check_mean(2 * (y_hat - y) / n)
    assert "not averaged at all" in check_mean(2 * (y_hat - y))
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(3, k, rng=rng))
    x = rng.normal(size=(n, 3))
    grads = {name: g / k for name, g in right_gradients(net, nn.MSELoss(), x, y).items()}
    for diagnosis in (c.diagnosis for c in check_network(net, nn.MSELoss(), x, y, grads=grads).arrays):
        assert "averaged over the outputs too" in (diagnosis.mistake, *diagnosis.alternatives)


class NoScale(nn.Dropout):
    def backward(self, dout):
        return dout * (self._kept > 0)


class NoMask(nn.Dropout):
    def backward(self, dout):
        return np.asarray(dout) / (1 - self.p)


class NoDropout(nn.Dropout):
    def backward(self, dout):
        return dout


class GlobalNoise(nn.Module):
    """Draws from NumPy's own generator, and passes the gradient on doubled."""

    def forward(self, x):
        return x + np.random.normal(size=x.shape)

    def backward(self, dout):
        return 2 * dout


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("p", [0.5, 0.2])
@pytest.mark.parametrize(
    ("kind", "mistake"),
    [
        (NoScale, "dropout scale missing"),
        (NoMask, "dropout mask missing"),
        (NoDropout, "dropout mask missing"),
    ],
)
def test_dropout_is_tested_with_its_mask_held_still(kind, mistake, p, training):
    rng = np.random.default_rng(5)
    net = nn.Sequential(
        nn.Linear(4, 6, rng=rng),
        nn.Tanh(),
        kind(p, rng=np.random.default_rng(0)),
        nn.Linear(6, 2, rng=rng),
    )
    report = check_network(
        net.train(training), nn.MSELoss(), rng.normal(size=(5, 4)), rng.normal(size=(5, 2))
    )
    assert wrong_in(report) == ["W1", "b1"] and named(report) == {mistake}
    assert "In layer 3, dropout" in str(report) and "square" not in str(report)
    assert "Dropout was on, with one mask held still." in str(report)


def test_what_is_drawn_elsewhere_is_held_still_too():
    rng = np.random.default_rng(5)
    net = nn.Sequential(nn.Linear(4, 6, rng=rng), GlobalNoise(), nn.Linear(6, 2, rng=rng))
    x, y = rng.normal(size=(5, 4)), rng.normal(size=(5, 2))
    before = np.random.get_state()[2]
    assert wrong_in(check_network(net, nn.MSELoss(), x, y)) == ["W1", "b1"]
    assert np.random.get_state()[2] == before
    with pytest.raises(ValueError, match="grads must be left out where layers draw random numbers"):
        check_network(net, nn.MSELoss(), x, y, grads={p.name: p.grad for p in net.parameters()})


def test_gradients_of_a_pass_with_dropout_are_checked_with_the_mask_of_that_pass():
    rng = np.random.default_rng(5)
    net = nn.Sequential(nn.Linear(4, 6, rng=rng), nn.Dropout(0.5, rng=rng), nn.Linear(6, 2, rng=rng))
    x, y = rng.normal(size=(5, 4)), rng.normal(size=(5, 2))
    grads = right_gradients(net, nn.MSELoss(), x, y)
    assert check_network(net, nn.MSELoss(), x, y, grads=grads).ok
    assert not np.array_equal(net(x), net(x))  # afterwards it draws again
    grads = right_gradients(net, nn.MSELoss(), x, y)
    with pytest.raises(ValueError, match="grads must come from the last forward pass of net"):
        check_network(net, nn.MSELoss(), x[:3], y[:3], grads=grads)
    grads = right_gradients(net.eval(), nn.MSELoss(), x, y)
    report = check_network(net, nn.MSELoss(), x, y, grads=grads)
    assert report.ok and "Dropout was off: its own backward was not tested." in str(report)


def test_each_direction_is_a_new_one_though_the_network_draws_from_the_same_generator():
    rng = np.random.default_rng(5)
    net = nn.Sequential(nn.Linear(4, 6, rng=rng), nn.Dropout(0.5, rng=rng), nn.Linear(6, 2, rng=rng))
    x, y = rng.normal(size=(5, 4)), rng.normal(size=(5, 2))
    slopes = [directional_check(net, nn.MSELoss(), x, y, rng) for _ in range(4)]
    assert len({promised for promised, _ in slopes}) == 4
    np.testing.assert_allclose(*np.transpose(slopes), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("advice", ["eval", "square"])
def test_a_loss_that_draws_anew_is_not_sent_into_evaluation(advice):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="with the same seed") as refused:
        check_gradients(lambda w: float(np.sum(w * rng.random(3))), {"w": np.ones(3)}, {"w": np.ones(3)})
    assert advice not in str(refused.value)


def narrow_relu(seed, scale=0.05):
    rng, layers = np.random.default_rng(seed), []
    sizes = (15, 20, 10, 10, 10, 10, 10, 30, 10)
    for d_in, d_out in itertools.pairwise(sizes):
        layers += [
            nn.Linear(d_in, d_out, rng=rng, init=lambda o, n, r: scale * r.normal(size=(o, n))),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers[:-1]), rng.normal(size=(2, 15)), rng.integers(0, 10, 2)


@pytest.mark.parametrize(("seed", "scale"), [*((seed, 0.05) for seed in range(1, 9)), (0, 0.02), (1, 0.02)])
def test_a_right_relu_network_on_its_kinks_is_not_accused(seed, scale):
    net, x, labels = narrow_relu(seed, scale)
    report = check_network(net, nn.CrossEntropyLoss(), x, labels)
    assert report.ok, report
    if "kink" in str(report):
        assert "cannot be decided here" in str(report) or "counts as right" in str(report)


def test_a_wrong_entry_beside_kinks_is_still_accused():
    net, x, labels = narrow_relu(4)
    grads = right_gradients(net, nn.CrossEntropyLoss(), x, labels)
    last = list(grads)[-1]
    report = check_network(net, nn.CrossEntropyLoss(), x, labels, grads=grads | {last: -grads[last]})
    assert wrong_in(report) == [last]


W, INPUTS, LABELS = (
    np.random.default_rng(6).normal(size=(3, 4)),
    np.random.default_rng(7).normal(size=(5, 4)),
    np.array([0, 1, 2, 1, 0]),
)
RIGHT = F.softmax_cross_entropy_backward(INPUTS @ W.T, LABELS).T @ INPUTS


@pytest.mark.parametrize(
    ("loss", "why"),
    [
        (lambda W: F.softmax_cross_entropy(INPUTS @ globals()["W"].T, LABELS), "does it use its argument?"),
        (lambda W: 2.5, "does it use its argument?"),
        (lambda W: np.mean((INPUTS @ W.T).argmax(axis=1) == LABELS), "steps, as accuracy is?"),
    ],
)
def test_a_loss_that_does_not_react_gives_no_truth(loss, why):
    report = check_gradients(loss, {"W": W}, {"W": RIGHT})
    assert "the loss does not change with W" in str(report) and why in str(report)
    assert "expected 0" not in str(report) and "no known mistake" not in str(report)
    with pytest.raises(AssertionError, match="does not change with W"):
        assert_gradients_match(loss, {"W": W}, {"W": RIGHT})


@pytest.mark.parametrize("activation", [nn.Tanh, nn.ReLU, nn.GELU])
def test_arrays_of_exact_zeros_are_not_tested_and_that_is_said(activation):
    class Forgets(activation):
        def backward(self, dout):
            return np.asarray(dout)

    def zero(d_out, d_in, rng):
        return np.zeros((d_out, d_in))

    rng = np.random.default_rng(9)
    net = nn.Sequential(nn.Linear(4, 5, rng=rng, init=zero), Forgets(), nn.Linear(5, 3, rng=rng, init=zero))
    report = check_network(net, nn.CrossEntropyLoss(), rng.normal(size=(6, 4)), rng.integers(0, 3, 6))
    assert str(report).startswith("1 of 4 gradients agree with centred differences, 3 not testable.")
    assert "W1: derived and measured are exactly 0" in str(report)


def test_what_is_not_testable_makes_an_assertion_speak():
    slopes = np.array([1e-16, 2e-16])
    params, wrong = {"v": 1.0, "w": np.ones(2)}, {"v": 1.0, "w": -slopes}
    for loss, grads in (
        (lambda v, w: v + slopes @ w, wrong),
        (lambda v, w: v + 0 * w.sum(), {"v": 1.0, "w": np.zeros(2)}),
        (lambda v, w: v + np.floor(w).sum(), {"v": 1.0, "w": np.zeros(2)}),  # a jump at whole numbers
    ):
        with pytest.raises(AssertionError, match="not testable"):
            assert_gradients_match(loss, params, grads)
        assert_gradients_match(loss, params, grads, allow_untested=True)


@pytest.mark.parametrize(
    ("size", "bound"), [(1.0, "below 1e-06"), (1e6, "below 4e-03"), (1e8, "hardly testable")]
)
def test_no_bound_is_printed_that_was_not_tested(size, bound):
    slopes = np.array([0.1, 0.2])
    report = check_gradients(lambda w: size + slopes @ w, {"w": np.ones(2)}, {"w": slopes})
    assert report.ok and bound in str(report)


@pytest.mark.parametrize("seed", range(10))
def test_a_factor_within_rounding_of_one_accuses_nobody(seed):
    two = Written(seed, (nn.Tanh, nn.Sigmoid))
    grads = {name: g * (1 + 1.5e-6) for name, g in two.right.items()}
    report = check_network(two.net, nn.MSELoss(), two.X, two.y, grads=grads)
    assert wrong_in(report) and named(report) == {None}
    assert diagnose(two.right["W1"] * (1 + 1e-5), two.right["W1"]) is None


@pytest.mark.parametrize("dust", [0.0, 1e-17, -3e-16])
def test_zero_but_for_round_off_is_all_zero(dust):
    truth = np.array([0.3, -1.2, 2.0])
    assert diagnose(dust * truth[::-1], truth).mistake == "all zero"


def test_a_backward_written_for_z_is_recognised():
    z = np.random.default_rng(0).normal(size=(4, 3))
    for op, of_z in {
        "sigmoid": lambda dout, z: dout * sigma(z) * (1 - sigma(z)),
        "tanh": lambda dout, inputs: dout / np.cosh(inputs) ** 2,
        "softmax": lambda d, z: F.softmax_backward(d, F.softmax(z)),
    }.items():
        report = check_op(op, of_z, z)
        assert report.ok and "Your backward is written for z" in str(report)
    wrong = check_op("sigmoid", lambda dout, z: dout * sigma(z), z)  # for z, and wrong
    assert not wrong.ok


@pytest.mark.parametrize("op", ["linear", "layer_norm", "batch_norm"])
def test_gradients_in_another_order_or_as_a_list(op):
    rng = np.random.default_rng(1)
    args = (
        rng.normal(size=(5, 4)),
        rng.normal(size=(3, 4) if op == "linear" else 4),
        rng.normal(size=3 if op == "linear" else 4),
    )
    backward = getattr(F, f"{op}_backward")
    assert check_op(op, lambda *given: list(backward(*given)), *args).ok
    report = check_op(op, lambda *given: backward(*given)[::-1], *args)
    assert named(report) <= {"another order", "another parameter"}


def test_whole_numbers_neither_stop_a_step_nor_hide_decimals():
    net = nn.Sequential(nn.Linear(2, 2, rng=np.random.default_rng(0)))
    net[0].W.data = np.array([[1, 2], [3, 4]])
    net.backward(net.forward([[1.0, 2.0]]))
    optim.SGD(lr=0.1).step(net.parameters())
    assert net[0].W.data.dtype.kind == "f" and net[0].W.data[0, 0] != 1
    truth = np.array([3.2, -1.7, 0.4])
    assert diagnose(truth.astype(int), truth).mistake == "whole numbers"
    report = check_gradients(lambda w: np.sum(w**2), {"w": [1, -3]}, {"w": [2, -6]})
    assert report.ok


class Adds(nn.Linear):
    """Adds its gradients to what is there, and nobody clears that."""

    def backward(self, dout):
        kept = [np.array(p.grad) for p in self.parameters()]
        dx = super().backward(dout)
        for p, old in zip(self.parameters(), kept, strict=True):
            p.grad = p.grad + np.nan_to_num(old)
        return dx


def test_gradients_that_pile_up_are_noticed():
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Tanh(), Adds(4, 2, rng=rng))
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    report = check_network(net, nn.MSELoss(), x, y)
    assert report.ok and "W2, b2: a second backward pass adds to .grad" in str(report)
    grads = {p.name: np.array(p.grad) for p in net.parameters()}
    assert check_network(net, nn.MSELoss(), x, y, grads=grads).ok
    grads |= {name: 2 * grads[name] for name in ("W2", "b2")}  # of two passes
    report = check_network(net, nn.MSELoss(), x, y, grads=grads)
    assert wrong_in(report) == ["W2", "b2"] and named(report) == {"added to an old gradient"}


def given():
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(3, 2, rng=rng))
    return {"net": net, "loss": nn.MSELoss(), "x": rng.normal(size=(4, 3)), "y": rng.normal(size=(4, 2))}


@pytest.mark.parametrize("value", [[1.0], (), np.ones(2), 3.0, "W", {1}, nn.MSELoss], ids=repr)
def test_what_a_check_cannot_use_is_refused_in_words(value):
    w = {"w": np.ones(2)}
    for name, refused in (
        ("net", lambda: check_network(**given() | {"net": value})),
        ("loss", lambda: check_network(**given() | {"loss": value})),
        ("grads", lambda: check_network(**given(), grads=value)),
        ("lr", lambda: check_network(**given(), lr="fast" if isinstance(value, float) else value)),
        ("params", lambda: check_gradients(np.sum, value, w)),
        ("grads", lambda: check_gradients(np.sum, w, value)),
        ("loss", lambda: check_gradients(None if callable(value) else value, w, w)),
        ("name", lambda: check_op(value, F.relu_backward, np.ones(2))),
        ("backward", lambda: check_op("relu", None if callable(value) else value, np.ones(2))),
    ):
        with pytest.raises(ValueError, match=f"^{name} must"):
            refused()
