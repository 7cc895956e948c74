"""What does not fit gets a sentence of the package's own, whatever it is: no error of NumPy's gets through.

Every kind of thing is put into every door: layers and networks called or asked for ``forward`` alone, their
backward passes, losses, ``evaluate``, ``fit``, rules. Each works, or says what must be and what was found.
All tests take one module alone, and are also run on broken copies of it (test_mutants.py).
"""

import importlib
import itertools
import warnings
from functools import partial

import numpy as np
import pytest
from oracles import refuses

from bphelpers import data
from bphelpers import functional as F
from bphelpers import nn as layers
from bphelpers import optim as rules


@pytest.fixture
def nn():
    return importlib.import_module("bphelpers.nn")


@pytest.fixture
def optim():
    return importlib.import_module("bphelpers.optim")


@pytest.fixture
def training():
    return importlib.import_module("bphelpers.training")


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


def small(nn=layers):
    return nn.Sequential(nn.Linear(2, 3, rng=rng()), nn.Sigmoid(), nn.Linear(3, 2, rng=rng()))


def modules(nn):
    """One of each, by name: a fresh one each time."""
    yield from {
        "network": small(nn),
        "activation first": nn.Sequential(nn.Tanh(), nn.Linear(2, 1, rng=rng())),
        "no layer": nn.Sequential(),
        "Linear": nn.Linear(2, 3, rng=rng()),
        "Sigmoid": nn.Sigmoid(),
        "Tanh": nn.Tanh(),
        "ReLU": nn.ReLU(),
        "LeakyReLU": nn.LeakyReLU(),
        "GELU": nn.GELU(),
        "Dropout": nn.Dropout(0.5, rng=rng()),
        "Dropout, evaluation": nn.Dropout(0.5, rng=rng()).eval(),
        "LayerNorm": nn.LayerNorm(2),
        "BatchNorm1d": nn.BatchNorm1d(2),
        "Residual": nn.Residual(nn.Linear(2, 2, rng=rng())),
        "Residual, activation": nn.Residual(nn.ReLU()),
        "Flatten": nn.Flatten(),
        "Flatten, examples too": nn.Flatten(0, 1),
        "Embedding": nn.Embedding(3, 2, rng=rng()),
        "LearnedPositions": nn.LearnedPositions(3, 2, rng=rng()),
        "MultiheadAttention": nn.MultiheadAttention(2, 1, rng=rng()),
        "RNN": nn.RNN(2, 3, rng=rng()),
        "Conv2d": nn.Conv2d(1, 2, 1, rng=rng()),
        "MaxPool2d": nn.MaxPool2d(1),
    }.items()


AXES = {"LearnedPositions": 3, "MultiheadAttention": 3, "RNN": 3, "Conv2d": 4, "MaxPool2d": 4}


def with_axes(thing, kind):
    """A thing made for rows, with as many axes as the layer takes."""
    for _ in range(AXES.get(kind, 2) - 2):
        thing = thing[None] if isinstance(thing, np.ndarray) else [thing]
    return thing


def fits(kind):
    return np.array([[1, 2]]) if kind == "Embedding" else with_axes(np.ones((1, 2)), kind)


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
    "no example, three axes": np.ones((0, 1, 2)),
    "no example, four axes": np.ones((0, 1, 1, 2)),
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
    """Nothing where it works, or fails with a sentence in the grammar of the house; else the error."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            act()
        except (ValueError, RuntimeError) as error:
            return "" if any(words in str(error) for words in OWN_WORDS) else repr(error)
        except Exception as error:
            return repr(error)
    return ""


def there_and_back(module, _, x):
    module.backward(np.ones_like(module(x)))


def there_and_back_inside(module, _, x):
    module.backward(np.ones_like(module.forward(x)))


def back(module, kind, dout):
    module.forward(fits(kind))
    module.backward(dout)


def test_layers_and_networks(nn):
    for name, thing in THINGS.items():
        for act, axes in itertools.product((back, there_and_back, there_and_back_inside), (False, True)):
            for kind, module in modules(nn):
                given = with_axes(thing, kind) if axes else thing
                if not axes or kind in AXES:
                    assert speaks_for_itself(partial(act, module, kind, given)) == "", (kind, name)


def test_losses(nn):
    def compute(loss, called, y_hat, y):
        (loss if called else loss.forward)(y_hat, y)
        loss.backward()
        loss.is_right(y_hat, y)

    for (x_name, x), (y_name, y) in itertools.product(THINGS.items(), TARGETS.items()):
        for kind in (nn.MSELoss, nn.BCEWithLogitsLoss, nn.CrossEntropyLoss):
            for called in (True, False):
                told = speaks_for_itself(partial(compute, kind(), called, x, y))
                assert told == "", (kind, called, x_name, y_name)


def refused_entry(*_):
    raise AssertionError("the door was asked")


def test_the_door_is_not_asked_where_all_fits(nn):
    """Inside, and in a loop, a look at what fits would cost time."""
    x, y, labels = np.ones((1, 2)), np.ones((1, 2)), np.array([1])
    for kind, module in modules(nn):
        if kind in ("network", "activation first", "no layer", "Linear", "Sigmoid", "Tanh", "ReLU"):
            for layer in (module, *module.children()):
                layer.entering = refused_entry
            module.backward(np.ones_like(module.forward(x)))
    for kind in ("Conv2d", "MaxPool2d"):  # here a look takes as long as a small image: the first one counts
        layer, image = dict(modules(nn))[kind], fits(kind)
        layer(image)
        layer.entering = refused_entry
        for n in (1, 3):
            layer.forward(image.repeat(n, axis=0))
    for loss, target in ((nn.MSELoss(), y), (nn.BCEWithLogitsLoss(), y), (nn.CrossEntropyLoss(), labels)):
        loss.entering = refused_entry
        loss.forward(x, target)


def test_what_the_door_lets_in_is_computed_as_ever(nn):
    for kind, target in (
        (nn.MSELoss, [[1.0, 3.0]]),
        (nn.BCEWithLogitsLoss, [[1, 0]]),
        (nn.CrossEntropyLoss, [1]),
    ):
        told = kind().forward([[0.5, 2.0]], target)
        assert told == kind()(np.array([[0.5, 2.0]]), np.array(target)) > 0
    for kind, module in modules(nn):
        x = fits(kind)
        if kind != "Dropout":
            np.testing.assert_array_equal(module.forward(x.tolist()), module(x))
    yes_and_no = np.array([[True, False]])
    assert np.array_equal(nn.Sigmoid().forward(yes_and_no), F.sigmoid([[1.0, 0.0]]))
    for layer in (nn.Sigmoid(), nn.Tanh(), nn.GELU()):
        assert np.array_equal(layer.forward([[1, 0]]), layer(np.array([[1.0, 0.0]])))


def test_a_layer_alone_takes_rows_and_keeps_its_type(nn):
    layer = nn.Linear(2, 3, rng=rng(), dtype=np.float32)
    for x in (np.ones(2), np.ones((1, 3)), np.float32([1, 2])):
        refuses(lambda x=x: layer.forward(x), "x must have shape (n, 2), got")
    refuses(lambda: layer.forward(np.ones((1, 1, 3))), "x must have shape (n, ..., 2), got (1, 1, 3)")
    for places in ((1, 2), (4, 1, 2), (4, 5, 6, 2)):
        out = layer.forward(np.ones(places))
        assert (out.shape, out.dtype) == ((*places[:-1], 3), np.float32)
        assert layer.backward(np.ones(out.shape)).shape == places


def test_which_loss_takes_labels(nn):
    kinds = nn.Loss, nn.MSELoss, nn.BCEWithLogitsLoss, nn.CrossEntropyLoss
    assert [kind.labels for kind in kinds] == [False, False, False, True]


def test_evaluate_and_fit(training):
    for (x_name, x), (y_name, y) in itertools.product(THINGS.items(), TARGETS.items()):
        for loss in (layers.MSELoss(), layers.CrossEntropyLoss()):
            given = small(), loss, rules.SGD(0.1), (x, y), 1, 1, rng()
            for act in (
                partial(training.evaluate, small(), loss, x, y),
                partial(training.fit, *given, progress=False),
            ):
                assert speaks_for_itself(act) == "", (loss, x_name, y_name)


# --- What is said -----------------------------------------------------------------------------------------


def test_targets_for_numbers(nn):
    for shape, y, fragments in (
        ((4, 1), np.ones(4), ("(4, 1), got (4,), beside", "make a column of it: y[:, None]")),
        ((4, 2), np.ones(4), ("(4, 2), got (4,), beside",)),
        ((1, 4), np.ones(4), ("(1, 4), got (4,), beside", "add the batch axis: y[None, :]")),
    ):
        for loss in (nn.MSELoss(), nn.MSELoss().forward, nn.BCEWithLogitsLoss().forward, F.mse):
            said = refuses(partial(loss, np.ones(shape), y), *fragments)
            assert said.count("batch axis") == (shape == (1, 4))


def test_a_flat_target_is_no_column_in_a_loop_without_doors(nn):
    """It was (n, n) numbers, without a word."""
    net, x = nn.Sequential(nn.Linear(2, 1, rng=rng())), np.ones((5, 2))
    refuses(lambda: nn.MSELoss().forward(net.forward(x), np.ones(5)), "y[:, None]")


def test_labels(nn):
    for labels, fragments in (
        ([[0], [1], [2], [0]], ("shape (4, 1)", "a column becomes labels by labels[:, 0]")),
        ([0.0, 1.0, 2.0, 0.0], ("dtype float64", "labels.astype(int)")),
        (np.eye(3)[[0, 1, 2, 0]], ("one-hot rows by labels.argmax(axis=1)",)),
        ([0, 1, 2], ("must be whole numbers of shape (4,)", "shape (3,), beside logits of shape (4, 3)")),
        ([0, 1, 2, 3], ("from 0 to 2, got 0 to 3",)),
    ):
        for loss in (nn.CrossEntropyLoss(), nn.CrossEntropyLoss().forward, F.softmax_cross_entropy):
            refuses(partial(loss, np.ones((4, 3)), np.array(labels)), *fragments)


def test_weights_set_by_hand(nn):
    for values, fragment in (
        (None, "W1.data must hold real numbers, got None"),
        ([[1, 2], [3]], "W1.data must have rows of one length"),
        ([["1", "2"]] * 3, "np.array(W1.data, float)"),
        (np.ones((2, 3)), "W1.data must have shape (3, 2), got (2, 3)"),
    ):
        net = small(nn)
        refuses(partial(setattr, net[0].W, "data", values), fragment)
        refuses(partial(setattr, net[0].W, "grad", values), fragment.replace("data", "grad"))


def test_whole_numbers_as_weights_train(nn):
    net = small(nn)
    net[0].W.data = np.array([[1, 2], [3, 4], [5, 6]])
    net.backward(np.ones_like(net.forward([[1, 2]])))
    net[0].W.data -= 0.1 * net[0].W.grad
    assert net[0].W.data.dtype == np.float64 and not np.array_equal(net[0].W.data, [[1, 2], [3, 4], [5, 6]])


def w(grad=1.0):
    p = layers.Parameter([1.0], "w")
    p.grad = [grad]
    return p


def test_what_is_no_list_of_parameters(optim):
    arrays = np.ones(3), [np.ones(3)], [1.0], [w(), 3], [[w()]], small().state_dict()
    for given in (small(), None, 3, "abc", *arrays):
        for act in (optim.SGD(0.1).step, optim.Adam().step, partial(optim.clip_grad_norm, max_norm=1.0)):
            refuses(partial(act, given), "parameters must be a list of Parameters, got")
    refuses(
        lambda: optim.SGD(0.1).step(w()), "got Parameter w, shape (1,)", "a single one goes into a list of"
    )
    refuses(lambda: optim.SGD(0.1).step(small()), "got Linear(2, 3)", "net.parameters() gives those of a")


def test_a_norm_that_is_no_number(optim):
    for max_norm in ("a", None, np.ones(2), [1.0], 0, -1.0, float("nan")):
        refuses(lambda m=max_norm: optim.clip_grad_norm([w()], m), "max_norm must be above 0, got")
    for max_norm in (2, 2.0, np.float32(2), float("inf")):
        assert optim.clip_grad_norm([w()], max_norm) == 1.0


class Own(layers.Module):
    def __init__(self, rule):
        self.rule = rule

    def forward(self, x):
        return self.rule(x)

    def backward(self, dout):
        return dout


class OwnLoss(layers.Loss):
    def __init__(self, value, gradient):
        self.value, self.given = value, gradient

    def forward(self, y_hat, y):
        return self.value

    def backward(self):
        return self.given


X, Y = np.ones((4, 2)), np.ones((4, 2))


def test_what_fit_is_given(training):
    for change, fragment in (
        ({"net": 3}, "net must be a Module"),
        ({"net": layers.Sequential}, "net must be a Module"),
        ({"loss": "mse"}, "loss must be a Loss"),
        ({"loss": layers.MSELoss}, "loss must be a Loss"),
        ({"optimizer": 0.1}, "optimizer must be a rule"),
        ({"optimizer": rules.SGD}, "optimizer must be a rule"),
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
    ):
        given = {"net": small(), "loss": layers.MSELoss(), "optimizer": rules.SGD(0.1), "data": (X, Y)}
        act = partial(training.fit, **(given | change), epochs=1, batch_size=4, rng=rng(), progress=False)
        refuses(act, fragment)
    refuses(lambda: training.evaluate(3, layers.MSELoss(), X, Y), "net must be a Module")
    refuses(lambda: training.evaluate(small(), "mse", X, Y), "loss must be a Loss")


def test_what_fit_takes_all_the_same(training):
    """Lists from layers of one's own, numbers of NumPy's as a loss, a pair in one array."""
    for net, loss, pair in (
        (Own(lambda x: x.tolist()), layers.MSELoss(), (X, Y)),
        (small(), OwnLoss(np.array(1.0), Y), [X, Y]),
        (small(), OwnLoss(1, Y), np.stack([X, Y])),
    ):
        history = training.fit(net, loss, rules.SGD(0.1), pair, 2, 4, rng(), progress=False)
        assert history.epochs == 2


# --- Where NaN comes from ---------------------------------------------------------------------------------


class Logarithm(layers.Module):
    def forward(self, x):
        self._kept = x
        return np.log(x)

    def backward(self, dout):
        return dout / self.remembered()


def changed(net, **factors):
    for p in net.parameters():
        p.data[0] *= factors.get(p.name, 1.0)
    return net


def two():
    return layers.Sequential(layers.Linear(2, 3, rng=rng()), layers.Linear(3, 2, rng=rng()))


def with_one(value, array):
    array = array.copy()
    array[2, 0] = value
    return array


GIVEN = data.moons(10, 0.1, np.random.default_rng(0))[0], np.random.default_rng(1).normal(size=(10, 2))
HOLED = with_one(np.nan, GIVEN[0]), GIVEN[1]
ENDLESS = GIVEN[0], with_one(np.inf, GIVEN[1])


def stopped(training, net=None, given=GIVEN, **options):
    """Why ``fit`` stopped, and what it warned of."""
    args = net or small(), layers.MSELoss(), rules.SGD(0.1), given, 1, 10, rng()
    with pytest.warns(RuntimeWarning) as caught:
        history = training.fit(*args, progress=False, **options)
    return history.stopped, str(caught[0].message)


def test_a_loss_that_is_not_finite_is_traced(training):
    for change, told in (
        ({"given": HOLED}, "the inputs hold NaN or infinity in 1 of 20 places"),
        ({"given": ENDLESS}, "the targets hold NaN or infinity in 1 of 20 places"),
        ({"net": changed(small(), W2=np.nan)}, "W2 holds NaN or infinity in 3 of 6 places"),
        ({"net": layers.Sequential(*small().layers, Logarithm())}, "layer 4, Logarithm(), gave NaN"),
        ({"net": changed(two(), W1=1e200, W2=1e200)}, "layer 2, Linear(3, 2), gave infinity"),
        ({"net": changed(small(), W2=1e200)}, "all outputs are finite, and the loss of them is not"),
        ({"validation": HOLED}, "the inputs hold NaN or infinity in 1 of 20 places"),
    ):
        why, warned = stopped(training, **change)
        assert "loss became" in why and why.endswith(f": {told}")
        assert why in warned


def test_infinity_that_a_later_layer_takes_is_not_blamed(training):
    net = layers.Sequential(two()[0], layers.Tanh(), layers.Linear(3, 2, rng=rng()))
    found = training.not_finite(changed(net, W1=1e308, W2=1e200), 1e3 * GIVEN[0], GIVEN[1])
    assert found == "all outputs are finite, and the loss of them is not"


def test_the_search_for_it_leaves_the_network_alone(training):
    dropout = layers.Dropout(0.5, rng=rng())
    net = layers.Sequential(two()[0], layers.BatchNorm1d(3), dropout, Logarithm())
    before, state = net.state_dict(), dropout.rng.bit_generator.state
    with np.errstate(all="ignore"):
        assert training.not_finite(net, *GIVEN).startswith("layer 4, Logarithm(), gave")
    assert all(np.array_equal(before[name], now) for name, now in net.state_dict().items())
    assert dropout.rng.bit_generator.state == state and "forward" not in vars(net[0])


def test_what_is_watched_is_each_layer_in_its_order(training):
    net = small()
    seen = training.watch(net, GIVEN[0])
    assert [type(layer) for layer, _, _ in seen] == [layers.Linear, layers.Sigmoid, layers.Linear]
    assert all(np.array_equal(before[2], after[1]) for before, after in itertools.pairwise(seen))
    assert np.array_equal(seen[0][1], GIVEN[0]) and np.array_equal(seen[-1][2], net(GIVEN[0]))


def test_layers_inside_others_are_watched(training):
    inside = layers.Residual(layers.Sequential(layers.ReLU(), layers.Linear(2, 2, rng=rng())))
    seen = training.watch(layers.Sequential(inside, layers.Tanh()), GIVEN[0])
    assert [type(layer) for layer, _, _ in seen] == [layers.ReLU, layers.Linear, layers.Tanh]


def test_a_layer_that_cannot_be_copied_does_not_hide_the_loss(training):
    net = layers.Sequential(*small().layers, Logarithm())
    net[1].open = (one for one in [])
    assert stopped(training, net)[0] == "the loss became nan in epoch 1, step 1"
