"""The training loop: what it learns, what it reports, and how it ends.

A test that takes only ``training`` is also run on broken copies of the module (test_mutants.py).
"""

import contextlib
import importlib
import io
import os
import subprocess
import sys
import warnings
from itertools import chain
from pathlib import Path
from typing import ClassVar
from unittest import mock

import numpy as np
import pytest
from oracles import refuses

from bphelpers import nn
from bphelpers.optim import SGD, GradientNotFinite


@pytest.fixture
def training():
    return importlib.import_module("bphelpers.training")


X = np.linspace(-1, 1, 10)[:, None]
Y = 3 * X + 1


def one_weight():
    """y_hat = w * x, beginning at w = 0: small enough to be worked out by hand."""
    return nn.Sequential(nn.Linear(1, 1, rng=np.random.default_rng(0), bias=False, init=lambda *_: [[0.0]]))


def line(seed=0):
    return nn.Sequential(nn.Linear(1, 1, rng=np.random.default_rng(seed)))


def classifier(seed=0):
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Linear(2, 8, rng=rng), nn.ReLU(), nn.Dropout(0.3, rng=rng), nn.Linear(8, 2, rng=rng)
    )


def points(n, seed):
    x = np.random.default_rng(seed).normal(size=(n, 2))
    return x, (x[:, 0] * x[:, 1] > 0).astype(int)


def run(training, net=None, loss=None, optimizer=None, data=(X, Y), epochs=3, batch_size=4, **options):
    """fit with everything left at something harmless."""
    net, loss, optimizer = net or line(), loss or nn.MSELoss(), optimizer or SGD(lr=0.1)
    rng = np.random.default_rng(options.pop("seed", 0))
    return training.fit(net, loss, optimizer, data, epochs, batch_size, rng, **options)


def classify(training, net=None, loss=None, optimizer=None, n=12, **options):
    """The same on points of two classes."""
    loss, data = loss or nn.CrossEntropyLoss(), points(n, 1)
    return run(training, net or classifier(), loss, optimizer, data, **options)


class Spy:
    """An optimizer that does what it is told, and counts."""

    def __init__(self, before_step=lambda number: None):
        self.steps, self.before_step, self.inner = 0, before_step, SGD(lr=0.1)

    def step(self, parameters):
        self.steps += 1
        self.before_step(self.steps)
        self.inner.step(parameters)


def interrupt(*_):
    raise KeyboardInterrupt


# --- Learning -----------------------------------------------------------------------------------------


def test_learns_a_line(training):
    net = line()
    history = run(training, net, data=(X.tolist(), Y.tolist()), epochs=200, batch_size=3)  # lists will do
    assert net[0].W.data[0, 0] == pytest.approx(3, abs=1e-6)
    assert net[0].b.data[0] == pytest.approx(1, abs=1e-6)
    assert history.loss[-1] < 1e-12 < history.loss[0]
    assert history.stopped is None


def test_two_epochs_by_hand(training):
    """One example, so the order cannot matter: x = 2, y = 6, w <- w - 0.1 * 2 * (2w - 6) * 2."""
    net = one_weight()
    history = run(training, net, data=([[2.0]], [[6.0]]), epochs=2, batch_size=1)
    # w = 0: loss 36, gradient -24, w = 2.4.  Then 4.8 against 6: loss 1.44, gradient -4.8, w = 2.88.
    np.testing.assert_allclose(history.loss, [36, 1.44], rtol=1e-13)
    np.testing.assert_allclose(net[0].W.data, [[2.88]], rtol=1e-13)


def test_history_has_one_entry_an_epoch(training):
    history = run(training, epochs=5, batch_size=4, validation=(X, Y))
    assert len(history.loss) == len(history.val_loss) == history.epochs == 5
    assert history.val_accuracy == []
    assert history.steps == 5 * 3  # 10 examples: 4 + 4 + 2
    labelled = classify(training, validation=points(7, 2))
    assert len(labelled.loss) == len(labelled.val_loss) == len(labelled.val_accuracy) == 3
    assert run(training, epochs=0).epochs == 0
    assert run(training).val_loss == []


def test_epoch_loss_weighs_every_example_alike(training):
    """Targets 0, .., 4 for a net that stays at 0: losses 0, 1, 4, 9, 16, mean 6, however they are batched."""
    data = (np.ones((5, 1)), np.arange(5.0)[:, None])
    for batch_size in (1, 2, 3, 5, 50):
        history = run(training, one_weight(), optimizer=SGD(lr=0.0), data=data, batch_size=batch_size)
        np.testing.assert_allclose(history.loss, [6, 6, 6], rtol=1e-13)
        assert history.steps == 3 * -(-5 // batch_size)


def test_every_example_once_an_epoch_in_a_new_order(training):
    seen = []

    class Watch(nn.Module):
        def forward(self, x):
            seen.append(np.asarray(x)[:, 0].tolist())
            return np.asarray(x)

        def backward(self, dout):
            return np.asarray(dout)

    data = (np.arange(7.0)[:, None], np.zeros((7, 1)))
    run(training, Watch(), data=data, epochs=2, batch_size=3)
    assert [len(batch) for batch in seen] == [3, 3, 1, 3, 3, 1]
    first, second = list(chain(*seen[:3])), list(chain(*seen[3:]))
    assert sorted(first) == sorted(second) == list(range(7))
    assert first != second


def test_the_step_uses_gradients_of_its_own_batch(training):
    """Backward before step, on the weights that the loss was computed with."""
    order = []

    class Loud(nn.MSELoss):
        def forward(self, y_hat, y):
            order.append("loss")
            return super().forward(y_hat, y)

        def backward(self):
            order.append("backward")
            return super().backward()

    run(training, loss=Loud(), optimizer=Spy(lambda _: order.append("step")), epochs=1, batch_size=5)
    assert order == ["loss", "backward", "step"] * 2


def test_the_seed_decides_everything(training):
    def weights(seed):
        net = classifier()
        classify(training, net, n=30, seed=seed)
        return net.state_dict()

    once, again, other = weights(1), weights(1), weights(2)
    assert all((once[name] == again[name]).all() for name in once)
    assert any((once[name] != other[name]).any() for name in once)


# --- Validation ---------------------------------------------------------------------------------------


def test_validation_does_not_disturb_training(training):
    """Same weights and same losses with and without, though the network has dropout."""
    results = []
    for validation in (None, points(20, 2)):
        net, rule = classifier(), SGD(lr=0.1, momentum=0.9)
        history = classify(training, net, optimizer=rule, n=30, validation=validation, epochs=4)
        results.append((net.state_dict(), history.loss))
        assert all(layer.training for layer in nn.leaves(net))
    (plain, losses), (validated, same_losses) = results
    assert losses == same_losses
    for name in plain:
        np.testing.assert_array_equal(plain[name], validated[name])


def test_validation_is_measured_in_evaluation_mode_after_the_epoch(training):
    net, held_out = classifier(), points(20, 2)
    history = classify(training, net, n=30, validation=held_out)
    loss, accuracy = training.evaluate(net, nn.CrossEntropyLoss(), *held_out)
    assert history.val_loss[-1] == loss and history.val_accuracy[-1] == accuracy
    net.eval()
    assert loss == nn.CrossEntropyLoss()(net(held_out[0]), held_out[1])


def test_fit_trains_a_network_that_was_left_in_evaluation_mode(training):
    net, modes = classifier().eval(), []
    spy = Spy(lambda _: modes.append(net[2].training))
    classify(training, net, optimizer=spy, validation=points(5, 2))
    assert modes and all(modes)


def test_evaluate(training):
    rng, inputs = np.random.default_rng(0), [[0, 0], [0, 0], [0, 9], [9, 0]]
    eye = nn.Sequential(nn.Linear(2, 2, rng=rng, init=lambda *_: np.eye(2)), nn.Dropout(0.9, rng=rng))
    for mode in (True, False):
        eye.train(mode)
        loss, accuracy = training.evaluate(eye, nn.CrossEntropyLoss(), inputs, [0, 0, 1, 1])
        assert loss == pytest.approx((2 * np.log(2) + np.log1p(np.exp(-9)) + 9 + np.log1p(np.exp(-9))) / 4)
        assert accuracy == 0.75 and type(accuracy) is float
        assert {layer.training for layer in [eye, *nn.leaves(eye)]} == {mode}, "the mode is put back"
    loss, accuracy = training.evaluate(eye, nn.MSELoss(), [[3, 4]], [[0, 0]])
    assert loss == 25 and accuracy is None


def test_evaluate_puts_the_mode_back_when_it_fails(training):
    net = classifier()
    loss, none = nn.CrossEntropyLoss(), np.array([], int)
    refuses(lambda: training.evaluate(net, loss, np.ones((3, 2)), [0, 1]), "labels", "(3,)", "(2,)")
    refuses(lambda: training.evaluate(net, loss, np.ones((0, 2)), none), "at least one example")
    assert net.training and net[2].training


# --- Endings ------------------------------------------------------------------------------------------


def stopped(training, message, **options):
    """fit warns once, with these words, and NumPy says nothing."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = run(training, **options)
    assert [w.category for w in caught] == [RuntimeWarning], [str(w.message) for w in caught]
    assert message in history.stopped and history.stopped in str(caught[0].message)
    assert caught[0].filename == __file__, "the warning points at whoever called fit"
    return history


def test_a_diverging_loss_stops(training):
    # x = 1, y = 1: each step multiplies the error by 1 - 2e9, the squared error by 4e18; it starts at 1.
    # 4e18^16 is 4e297, 4e18^17 too large for a float: the 18th loss. That is epoch 6, with 3 steps an epoch.
    data = (np.ones((3, 1)), np.ones((3, 1)))
    net, rule = one_weight(), SGD(lr=1e9)
    options = {"net": net, "optimizer": rule, "data": data, "epochs": 50, "batch_size": 1}
    history = stopped(training, "the loss became inf in epoch 6, step 18", **options)
    assert history.epochs == 5 and history.steps == 17
    assert np.isfinite(history.loss).all() and np.isfinite(net[0].W.data).all()


def test_a_diverging_network_says_nothing_else(training):
    for loss, data in [
        (nn.MSELoss(), (points(20, 1)[0], np.ones((20, 2)))),
        (nn.CrossEntropyLoss(), points(20, 1)),
    ]:
        options = {"net": classifier(), "loss": loss, "optimizer": SGD(lr=1e200), "data": data, "epochs": 50}
        stopped(training, "the loss became", **options)


def test_a_gradient_that_is_not_finite_stops_before_the_step(training):
    # y_hat = 0, target 1e9: the loss is 1e18, but its slope 2e9 times the input 1e300 is beyond all floats.
    net = one_weight()
    data = (np.full((1, 1), 1e300), np.full((1, 1), 1e9))
    before = net.state_dict()
    message = "W1.grad must be finite, got 1 of 1 that are NaN or infinite, in epoch 1, step 1"
    history = stopped(training, message, net=net, data=data, epochs=8, batch_size=1)
    assert history.steps == 0 and (net[0].W.data == before["W1"]).all()


def test_nan_in_the_data_stops_before_the_step(training):
    for bad in (np.nan, np.inf):
        inputs = X.copy()
        inputs[3] = bad
        net = line()
        before = net.state_dict()
        history = stopped(training, "in epoch 1, step 1", net=net, data=(inputs, Y), batch_size=10)
        assert history.loss == [] and history.steps == 0
        assert (net[0].W.data == before["W1"]).all()


def test_nan_in_the_validation_data_stops(training):
    said = "the validation loss became nan in epoch {}, after step {}"
    history = stopped(training, said.format(1, 3), validation=(X * np.nan, Y))
    assert history.loss == history.val_loss == [] and history.steps == 3
    inputs = X.copy()

    def spoil(_):
        inputs[0] = np.nan

    history = stopped(training, said.format(2, 6), validation=(inputs, Y), on_epoch=spoil)
    assert history.epochs == len(history.val_loss) == 1


def test_interrupted_in_a_step(training):
    def at_five(number):
        if number == 5:
            raise KeyboardInterrupt

    net = classifier()
    history = classify(training, net, optimizer=Spy(at_five), epochs=9, validation=points(6, 2))
    assert history.epochs == 1 == len(history.val_loss) == len(history.val_accuracy)
    assert history.steps == 4
    assert history.stopped == "interrupted after 1 full epochs and 4 steps"
    value, accuracy = training.evaluate(net, nn.CrossEntropyLoss(), *points(6, 2))
    assert np.isfinite(value) and 0 <= accuracy <= 1
    assert classify(training, net).epochs == 3, "the network can be trained on"


def test_interrupted_between_epochs(training):
    history = run(training, on_epoch=lambda history: history.epochs == 2 and interrupt())
    assert history.epochs == 2 and history.steps == 6
    assert history.stopped == "interrupted after 2 full epochs and 6 steps"


def test_interrupted_in_validation_keeps_the_lists_equally_long(training):
    class SlowLoss(nn.CrossEntropyLoss):
        calls = 0

        def is_right(self, y_hat, y):
            self.calls += 1
            return interrupt() if self.calls == 2 else super().is_right(y_hat, y)

    net = classifier()
    history = classify(training, net, SlowLoss(), validation=points(6, 2))
    assert len(history.loss) == len(history.val_loss) == len(history.val_accuracy) == 1
    assert history.steps == 6 and history.stopped.startswith("interrupted")
    assert net.training and net[2].training


def test_other_errors_are_not_swallowed(training):
    def broken(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(training, optimizer=Spy(broken))


def test_on_epoch_can_stop(training):
    seen = []

    def enough(history):
        seen.append((history.epochs, len(history.val_loss), history.steps))
        return history.epochs == 2

    history = run(training, epochs=10, on_epoch=enough, validation=(X, Y))
    assert seen == [(1, 1, 3), (2, 2, 6)] and history.epochs == 2
    assert history.stopped == "on_epoch asked for it after epoch 2"
    assert run(training, epochs=4, on_epoch=lambda history: None).epochs == 4
    for answer in (1, np.True_):  # any true answer
        assert run(training, epochs=9, on_epoch=lambda history, answer=answer: answer).epochs == 1


# --- The progress bar ---------------------------------------------------------------------------------


class FakeBar:
    """Remembers what fit asks of tqdm."""

    made: ClassVar[list] = []

    def __init__(self, **options):
        self.options, self.n = options, 0
        self.made.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.options["closed"] = True

    def update(self):
        self.n += 1


def bar_of(training, environment=None, **options):
    FakeBar.made = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tqdm.auto.tqdm", FakeBar)
        patch.delenv("TQDM_DISABLE", raising=False)
        if environment is not None:
            patch.setenv("TQDM_DISABLE", environment)
        run(training, **options)
    (bar,) = FakeBar.made
    return bar


def test_the_bar_counts_epochs(training):
    bar = bar_of(training, epochs=4)
    options = {"total": 4, "desc": "training", "unit": "epoch", "delay": 1, "leave": False, "closed": True}
    assert bar.options == {**options, "disable": False}
    assert bar.n == 4
    assert bar_of(training, on_epoch=interrupt).options["closed"], "also when interrupted"


def test_the_bar_can_be_switched_off(training):
    for environment, progress, off in [
        (None, True, False), ("", True, False), ("1", True, True), (None, False, True)
    ]:  # fmt: skip
        bar = bar_of(training, environment, progress=progress)
        assert bar.options["disable"] is off, f"TQDM_DISABLE={environment!r}, progress={progress}"


def test_a_short_run_prints_nothing(training):
    stream = io.StringIO()
    with contextlib.redirect_stderr(stream), contextlib.redirect_stdout(stream):
        run(training)
    assert stream.getvalue() == ""


def test_no_bar_where_the_environment_says_so():
    """In a fresh Python, with the real tqdm, whose delay is taken out so that it has something to show."""
    program = (
        "import sys; sys.path.insert(0, 'tests'); import test_training as t, bphelpers.training as training\n"
        "import tqdm.auto, functools\n"
        "real = tqdm.auto.tqdm\n"
        "tqdm.auto.tqdm = lambda **options: real(**{**options, 'delay': 0, 'mininterval': 0})\n"
        "t.run(training)\n"
    )
    root, printed = str(Path(__file__).parents[1]), {}
    for value in ("1", ""):
        environment = {**os.environ, "TQDM_DISABLE": value, "PYTHONPATH": root}
        command, options = [sys.executable, "-c", program], {"capture_output": True, "text": True}
        done = subprocess.run(command, cwd=root, env=environment, timeout=120, **options)
        assert done.returncode == 0, done.stderr
        printed[value] = done.stdout + done.stderr
    assert printed["1"] == "" and "training" in printed[""]


# --- Bad input ----------------------------------------------------------------------------------------


def test_bad_data_is_named(training):
    for name in ("data", "validation"):
        for bad in [(X, Y[:-1]), (X[:0], Y[:0]), (X[:-1], Y), (5.0, 5.0)]:
            said = f"{name} must hold as many targets as inputs, at least one, got shapes"
            shapes = f"{np.shape(bad[0])} and {np.shape(bad[1])}"
            refuses(lambda n=name, b=bad: run(training, **{n: b}), said, shapes)
        refuses(lambda n=name: run(training, **{n: (X, Y, Y)}), f"{name} must be a pair (X, y), got 3 parts")
    refuses(lambda: run(training, batch_size=0), "batch_size must be a whole number, at least 1, got 0")
    refuses(lambda: run(training, epochs=-1), "epochs must be a whole number, at least 0, got -1")
    refuses(lambda: run(training, data=(np.ones((10, 3)), Y)), "x must have shape (n, 1), got (1, 3)")
    refuses(lambda: run(training, data=(X, Y[:, 0])), "y must have shape (10, 1), got (10,)")


def test_refused_data_leave_the_network_alone(training):
    net = line()
    net.eval()
    refuses(lambda: run(training, net, validation=(X, Y[:-1])), "validation")
    refuses(lambda: run(training, net, batch_size=0), "batch_size")
    assert not net.training and np.isnan(net[0].W.grad).all()


def test_a_batch_larger_than_the_data_is_the_whole_of_it(training):
    large, exact = line(), line()
    run(training, large, batch_size=1000)
    run(training, exact, batch_size=10)
    np.testing.assert_allclose(large[0].W.data, exact[0].W.data, rtol=1e-14)


def test_what_a_history_prints(training):
    assert repr(training.History()) == "History(0 epochs, 0 steps)"
    history = training.History(loss=[2.0, 0.5], steps=6, stopped="enough")
    assert repr(history) == "History(2 epochs, 6 steps, loss 0.5000, stopped: enough)"


def test_a_rule_that_finds_fault_itself_is_quoted(training):
    class Strict(SGD):
        def step(self, parameters):
            raise GradientNotFinite("too steep for me")

    with pytest.warns(RuntimeWarning, match="too steep for me, in epoch 1, step 1"):
        assert run(training, optimizer=Strict(0.1)).stopped == "too steep for me, in epoch 1, step 1"


def test_an_accuracy_of_zero_is_recorded(training):
    net = nn.Sequential(nn.Linear(1, 2, rng=np.random.default_rng(0)))
    net[0].W.data[:], net[0].b.data[:] = [[5.0], [-5.0]], 0
    data = np.ones((4, 1)), [1] * 4
    history = run(training, net, nn.CrossEntropyLoss(), SGD(0.0), data, epochs=2, validation=data)
    assert history.val_accuracy == [0.0, 0.0]


def test_float64_targets_do_not_slow_a_float32_network(training):
    seen = []

    class Loss(nn.MSELoss):
        def forward(self, y_hat, y):
            seen.append((y_hat.dtype, y.dtype))
            return super().forward(y_hat, y)

    net = nn.Sequential(nn.Linear(1, 1, rng=np.random.default_rng(0), dtype=np.float32))
    run(training, net, Loss())
    assert set(seen) == {(np.dtype(np.float32), np.dtype(np.float32))}


def test_nobody_asks_for_the_gradient_of_the_inputs_while_training(training):
    rng, asked = np.random.default_rng(0), []
    net = nn.Sequential(nn.Sequential(nn.Linear(1, 2, rng=rng)), nn.Tanh(), nn.Linear(2, 1, rng=rng))
    backward = nn.layers._linear_backward

    def spy(*arguments):
        asked.append(arguments[-1])
        return backward(*arguments)

    def between_epochs(history):
        asked.append("now" if net[0][0].asked else "still not")

    with mock.patch.object(nn.layers, "_linear_backward", spy):
        run(training, net, epochs=2, batch_size=len(X), on_epoch=between_epochs)
    assert asked == [True, False, "now"] * 2
    assert net[0][0].asked and net[2].asked
