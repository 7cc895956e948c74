"""What does not fit gets a sentence of the package's own, whatever it is: no error of NumPy's gets through.

Every kind of thing is put into every door: layers and networks called or asked for ``forward`` alone, their
backward passes, losses, ``evaluate``, ``fit``, rules. Each works, or says what must be and what was found.
"""

import itertools
import warnings
from functools import partial

import numpy as np
import pytest
from oracles import refuses

from bphelpers import data, nn, optim, training
from bphelpers import functional as F


class SeriesLike:
    """An array in a coat of its own, as of pandas: it has a shape and a dtype, and no arithmetic."""

    def __init__(self, values):
        self.values = np.asarray(values)
        self.shape, self.dtype, self.ndim = self.values.shape, self.values.dtype, self.values.ndim

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, key):
        raise KeyError(key)


def rng():
    return np.random.default_rng(0)


def small():
    return nn.Sequential(nn.Linear(2, 3, rng=rng()), nn.Sigmoid(), nn.Linear(3, 2, rng=rng()))


MODULES = {
    "network": small,
    "activation first": lambda: nn.Sequential(nn.Tanh(), nn.Linear(2, 1, rng=rng())),
    "no layer": nn.Sequential,
    "Linear": lambda: nn.Linear(2, 3, rng=rng()),
    "Sigmoid": nn.Sigmoid,
    "Tanh": nn.Tanh,
    "ReLU": nn.ReLU,
    "LeakyReLU": nn.LeakyReLU,
    "GELU": nn.GELU,
    "Dropout": lambda: nn.Dropout(0.5, rng=rng()),
    "Dropout, evaluation": lambda: nn.Dropout(0.5, rng=rng()).eval(),
    "LayerNorm": lambda: nn.LayerNorm(2),
    "BatchNorm1d": lambda: nn.BatchNorm1d(2),
    "Residual": lambda: nn.Residual(nn.Linear(2, 2, rng=rng())),
    "Residual, activation": lambda: nn.Residual(nn.ReLU()),
}
THINGS = {
    "list": [[1.0, 2.0]],
    "whole numbers": [[1, 2]],
    "tuple": ((1.0, 2.0),),
    "rows of two lengths": [[1.0], [1.0, 2.0]],
    "objects": np.array([[1.0, 2.0]], object),
    "None among them": np.array([[1.0, None]], object),
    "words": np.array([["a", "b"]]),
    "numbers in words": np.array([["1", "2"]]),
    "a word": "abc",
    "a number": 1.0,
    "an array without axes": np.array(1.0),
    "one axis": np.array([1.0, 2.0]),
    "three axes": np.ones((1, 1, 2)),
    "wide": np.ones((1, 3)),
    "no example": np.ones((0, 2)),
    "empty list": [],
    "NaN": np.array([[np.nan, 1.0]]),
    "int array": np.array([[1, 2]]),
    "bool": np.array([[True, False]]),
    "complex": np.array([[1j, 2]]),
    "float16": np.ones((1, 2), np.float16),
    "float32": np.ones((1, 2), np.float32),
    "None": None,
    "dict": {"a": 1},
    "set": {1, 2},
    "generator": (i for i in range(3)),
    "series": SeriesLike(np.ones((1, 2))),
    "matrix": np.ma.array([[1.0, 2.0]]),
    "dates": np.array([["2020-01-01", "2020-01-02"]], "M8[D]"),
    "huge": np.full((1, 2), 1e308),
}
TARGETS = THINGS | {
    "labels": np.array([0]),
    "labels in a column": np.array([[1]]),
    "labels as floats": np.array([0.0]),
    "a label below 0": np.array([-1]),
    "a label too large": np.array([7]),
    "two labels": np.array([0, 1]),
    "words as labels": np.array(["a"]),
    "a list of labels": [0],
    "a series of labels": SeriesLike(np.array([0])),
    "bool labels": np.array([True]),
    "uint8 labels": np.array([1], np.uint8),
    "objects as labels": np.array([1], object),
    "a label": 0,
}
OWN_WORDS = ("must ", "needs a forward pass first", "at least one")


def speaks_for_itself(act):
    """Whether it works, or fails with a sentence in the grammar of the house; returns the fault."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            act()
        except (ValueError, RuntimeError) as error:
            return "" if any(words in str(error) for words in OWN_WORDS) else repr(error)
        except Exception as error:
            return repr(error)
    return ""


@pytest.mark.parametrize("kind", MODULES)
def test_layers_and_networks(kind):
    def there_and_back(called, thing):
        module = MODULES[kind]()
        out = module(thing) if called else module.forward(thing)
        module.backward(np.ones_like(out))

    def back(thing):
        module = MODULES[kind]()
        module.forward(np.ones((1, 2)))
        module.backward(thing)

    for name, thing in THINGS.items():
        for act in (
            partial(there_and_back, True),
            partial(there_and_back, False),
            back,
        ):
            assert speaks_for_itself(partial(act, thing)) == "", (kind, name)


@pytest.mark.parametrize("kind", [nn.MSELoss, nn.BCEWithLogitsLoss, nn.CrossEntropyLoss])
def test_losses_evaluate_and_fit(kind):
    def compute(called, y_hat, y):
        loss = kind()
        (loss if called else loss.forward)(y_hat, y)
        loss.backward()
        loss.is_right(y_hat, y)

    for (x_name, x), (y_name, y) in itertools.product(THINGS.items(), TARGETS.items()):
        for act in (
            partial(compute, True),
            partial(compute, False),
            partial(training.evaluate, small(), kind()),
            lambda *pair: training.fit(small(), kind(), optim.SGD(0.1), pair, 1, 1, rng(), progress=False),
        ):
            assert speaks_for_itself(partial(act, x, y)) == "", (x_name, y_name)


# --- What is said -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y_hat", "y", "fragments"),
    [
        (
            (4, 1),
            np.ones(4),
            ("(4, 1), got (4,), beside y_hat of shape (4, 1)", "make a column of it: y[:, None]"),
        ),
        ((4, 2), np.ones(4), ("(4, 2), got (4,)",)),
        ((1, 4), np.ones(4), ("add the batch axis: y[None, :]",)),
    ],
)
def test_targets_for_numbers(y_hat, y, fragments):
    for loss in (nn.MSELoss(), nn.MSELoss().forward, F.mse, nn.BCEWithLogitsLoss().forward):
        said = refuses(lambda f=loss: f(np.ones(y_hat), y))
        assert all(
            fragment.replace("y_hat", "") in said.replace("y_hat", "").replace("logits", "")
            for fragment in fragments
        )


@pytest.mark.parametrize(
    ("labels", "fragments"),
    [
        ([[0], [1], [2], [0]], ("shape (4, 1)", "a column becomes labels by labels[:, 0]")),
        ([0.0, 1.0, 2.0, 0.0], ("dtype float64", "labels.astype(int)")),
        (np.eye(3)[[0, 1, 2, 0]], ("one-hot rows by labels.argmax(axis=1)",)),
        ([0, 1, 2], ("must be whole numbers of shape (4,)", "shape (3,), beside logits of shape (4, 3)")),
        ([0, 1, 2, 3], ("from 0 to 2, got 0 to 3",)),
    ],
)
def test_labels(labels, fragments):
    for loss in (nn.CrossEntropyLoss(), nn.CrossEntropyLoss().forward, F.softmax_cross_entropy):
        refuses(lambda f=loss: f(np.ones((4, 3)), np.array(labels)), *fragments)


def test_a_flat_target_is_no_column_in_a_loop_without_doors():
    """It was (n, n) numbers, without a word."""
    net, x = nn.Sequential(nn.Linear(2, 1, rng=rng())), np.ones((5, 2))
    refuses(lambda: nn.MSELoss().forward(net.forward(x), np.ones(5)), "y[:, None]")


@pytest.mark.parametrize(
    ("values", "fragment"),
    [
        (None, "W1.data must hold real numbers, got None"),
        ([[1, 2], [3]], "W1.data must have rows of one length"),
        ([["1", "2"]] * 3, "np.array(W1.data, float)"),
        (np.ones((2, 3)), "W1.data must have shape (3, 2), got (2, 3)"),
    ],
)
def test_weights_set_by_hand(values, fragment):
    net = small()
    refuses(lambda: setattr(net[0].W, "data", values), fragment)
    refuses(lambda: setattr(net[0].W, "grad", values), fragment.replace("data", "grad"))


def test_whole_numbers_as_weights_train():
    net = small()
    net[0].W.data = np.array([[1, 2], [3, 4], [5, 6]])
    net.backward(np.ones_like(net.forward([[1, 2]])))
    optim.SGD(lr=0.1).step(net.parameters())
    assert net[0].W.data.dtype == np.float64 and not np.array_equal(net[0].W.data, [[1, 2], [3, 4], [5, 6]])


@pytest.mark.parametrize(
    "given",
    [
        small(),
        None,
        3,
        "abc",
        np.ones(3),
        [np.ones(3)],
        [1.0],
        small().state_dict(),
        [[nn.Parameter([1.0], "w")]],
    ],
    ids=lambda given: type(given).__name__,
)
def test_what_is_no_list_of_parameters(given):
    for act in (optim.SGD(0.1).step, optim.Adam().step, lambda p: optim.clip_grad_norm(p, 1.0)):
        refuses(lambda a=act: a(given), "parameters must be a list of Parameters, got")


def test_a_single_parameter_is_no_list():
    refuses(lambda: optim.SGD(0.1).step(nn.Parameter([1.0], "w")), "a single one goes into a list")


@pytest.mark.parametrize("max_norm", ["a", None, np.ones(2), [1.0]])
def test_a_norm_that_is_no_number(max_norm):
    w = nn.Parameter([1.0], "w")
    w.grad = [1.0]
    refuses(lambda: optim.clip_grad_norm([w], max_norm), "max_norm must be above 0, got")


class Own(nn.Module):
    def __init__(self, rule):
        self.rule = rule

    def forward(self, x):
        return self.rule(x)

    def backward(self, dout):
        return dout


class OwnLoss(nn.Loss):
    def __init__(self, value, gradient):
        self.value, self.given = value, gradient

    def forward(self, y_hat, y):
        return self.value

    def backward(self):
        return self.given


X, Y = np.ones((4, 2)), np.ones((4, 2))


@pytest.mark.parametrize(
    ("change", "fragment"),
    [
        ({"net": 3}, "net must be a Module"),
        ({"net": nn.Sequential}, "net must be a Module"),
        ({"loss": "mse"}, "loss must be a Loss"),
        ({"loss": nn.MSELoss}, "loss must be a Loss"),
        ({"optimizer": 0.1}, "optimizer must be a rule"),
        ({"optimizer": optim.SGD}, "optimizer must be a rule"),
        ({"data": None}, "data must be a pair (X, y), got None"),
        ({"data": X}, "data must be a pair (X, y), got 4 parts"),
        ({"data": zip(X, Y, strict=True)}, "data must be a pair (X, y)"),
        ({"data": ([[1.0], [1.0, 2.0]], [0, 1])}, "X of data must have rows of one length"),
        ({"validation": "a"}, "validation must be a pair"),
        ({"net": Own(lambda x: None)}, "y_hat must hold real numbers, got None"),
        ({"net": Own(lambda x: x[:, 0])}, "y_hat must have shape"),
        ({"net": Own(lambda x: x.sum())}, "y_hat must have shape"),
        ({"loss": OwnLoss(None, Y)}, "loss.forward must return one number, got None"),
        ({"loss": OwnLoss(np.ones(2), Y)}, "loss.forward must return one number, got an array"),
        ({"loss": OwnLoss(1.0, None)}, "dout must hold real numbers, got None"),
        ({"loss": OwnLoss(1.0, np.ones((3, 2)))}, "dout must have shape (4, 2)"),
    ],
)
def test_what_fit_is_given(change, fragment):
    given = {"net": small(), "loss": nn.MSELoss(), "optimizer": optim.SGD(0.1), "data": (X, Y)} | change
    refuses(lambda: training.fit(**given, epochs=1, batch_size=4, rng=rng(), progress=False), fragment)


@pytest.mark.parametrize(("net", "loss"), [(3, nn.MSELoss()), (small(), "mse")])
def test_what_evaluate_is_given(net, loss):
    refuses(lambda: training.evaluate(net, loss, X, Y), "must be a ")


# --- Where NaN comes from ---------------------------------------------------------------------------------


class Logarithm(nn.Module):
    def forward(self, x):
        self._kept = x
        return np.log(x)

    def backward(self, dout):
        return dout / self._remembered()


def changed(net, name, factor):
    next(p for p in net.parameters() if p.name == name).data[0] *= factor
    return net


def with_one(value, array):
    array = array.copy()
    array[2, 0] = value
    return array


GIVEN = data.moons(10, 0.1, np.random.default_rng(0))[0], np.random.default_rng(1).normal(size=(10, 2))
HOLED = with_one(np.nan, GIVEN[0])
TWO = nn.Sequential(nn.Linear(2, 3, rng=rng()), nn.Linear(3, 2, rng=rng()))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"data": (HOLED, GIVEN[1])}, "the inputs hold NaN or infinity in 1 of 20 places"),
        ({"data": (GIVEN[0], with_one(np.inf, GIVEN[1]))}, "the targets hold NaN or infinity in 1 of 20"),
        ({"net": changed(small(), "W2", np.nan)}, "W2 holds NaN or infinity in 3 of 6 places"),
        ({"net": nn.Sequential(*small().layers, Logarithm())}, "layer 4, Logarithm(), gave NaN"),
        ({"net": changed(changed(TWO, "W1", 1e200), "W2", 1e200)}, "layer 2, Linear(3, 2), gave infinity"),
        ({"net": changed(small(), "W2", 1e200)}, "all outputs are finite, and the loss of them is not"),
        ({"validation": (HOLED, GIVEN[1])}, "the inputs hold NaN or infinity in 1 of 20 places"),
    ],
)
def test_a_loss_that_is_not_finite_is_traced(change, told):
    given = {"net": small(), "loss": nn.MSELoss(), "optimizer": optim.SGD(0.1), "data": GIVEN} | change
    with pytest.warns(RuntimeWarning) as caught:
        history = training.fit(**given, epochs=1, batch_size=10, rng=rng(), progress=False)
    assert "loss became" in history.stopped and f": {told}" in history.stopped
    assert told in str(caught[0].message)


def test_infinity_that_a_later_layer_takes_is_not_blamed():
    net = changed(
        nn.Sequential(nn.Linear(2, 2, rng=rng()), nn.Tanh(), nn.Linear(2, 2, rng=rng())), "W1", 1e308
    )
    found = training.not_finite(changed(net, "W2", 1e200), 1e3 * GIVEN[0], GIVEN[1])
    assert found == "all outputs are finite, and the loss of them is not"


def test_the_search_for_it_leaves_the_network_alone():
    net = nn.Sequential(
        nn.Linear(2, 3, rng=rng()), nn.BatchNorm1d(3), nn.Dropout(0.5, rng=rng()), Logarithm()
    )
    before, state = net.state_dict(), net[2].rng.bit_generator.state
    assert training.not_finite(net, *GIVEN).startswith("layer 4, Logarithm(), gave")
    assert all(np.array_equal(before[name], now) for name, now in net.state_dict().items())
    assert net[2].rng.bit_generator.state == state and "forward" not in vars(net[0])


def test_a_layer_that_cannot_be_copied_does_not_hide_the_loss():
    net = small()
    net[1].open = (one for one in [])
    with pytest.warns(RuntimeWarning, match="the loss became nan in epoch 1, step 1. A smaller"):
        training.fit(
            nn.Sequential(*net.layers, Logarithm()),
            nn.MSELoss(),
            optim.SGD(0.1),
            GIVEN,
            1,
            10,
            rng(),
            progress=False,
        )
