"""The training loop: forward, loss, backward, update, again."""

import copy
import math
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bphelpers.arguments import Array, as_array, real, refuse, whole
from bphelpers.data import minibatches
from bphelpers.nn import Linear, Loss, Module, Parameter, Sequential, leaves
from bphelpers.optim import GradientNotFinite, Optimizer

Pair = tuple[ArrayLike, ArrayLike]


@dataclass
class History:
    """What happened in training, one entry an epoch.

    ``loss`` is the mean over the epoch's examples, measured as the weights moved; ``val_loss`` and
    ``val_accuracy`` (0 to 1, where the loss knows classes) are measured after the epoch; ``stopped`` says why
    training ended early.
    """

    loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_accuracy: list[float] = field(default_factory=list)
    steps: int = 0
    stopped: str | None = None

    @property
    def epochs(self) -> int:
        """Number of epochs completed."""
        return len(self.loss)

    def __repr__(self) -> str:
        end = f", loss {self.loss[-1]:.4f}" if self.loss else ""
        why = f", stopped: {self.stopped}" if self.stopped else ""
        return f"History({self.epochs} epochs, {self.steps} steps{end}{why})"


class _NotFinite(Exception):
    """The loss or a gradient is NaN or infinite; says which, in which epoch and step."""


def evaluate(net: Module, loss: Loss, X: ArrayLike, y: ArrayLike) -> tuple[float, float | None]:
    """Loss, and accuracy from 0 to 1 (None where the loss knows no classes), in evaluation mode [11].

    >>> from bphelpers import nn
    >>> net = nn.Sequential(nn.Linear(1, 2, rng=np.random.default_rng(0), init=lambda *_: np.eye(2, 1)))
    >>> value, accuracy = evaluate(net, nn.CrossEntropyLoss(), [[5.0], [-5.0]], [0, 1])
    >>> round(value, 4), accuracy
    (0.0067, 1.0)
    """
    _of_the_right_kind(net, loss)
    was_training = net.training
    net.eval()
    try:
        y_hat = net(X)
        value = loss(y_hat, y)  # first, because it refuses targets that do not fit
        right = loss.is_right(y_hat, y)
        return value, None if right is None else float(np.mean(right))
    finally:
        net.train(was_training)


def fit(
    net: Module,
    loss: Loss,
    optimizer: Optimizer,
    data: Pair,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
    *,
    validation: Pair | None = None,
    on_epoch: Callable[[History], bool | None] | None = None,
    progress: bool = True,
) -> History:
    """Train ``net`` on ``data = X, y`` by mini-batches and return what happened [11].

    Interrupting (the stop button, Ctrl-C) ends training and returns the history so far; the network keeps the
    weights it has reached. A loss or gradient that is no longer finite ends training before the step that
    would use it, with a warning that names the epoch and step. An epoch cut short is not in the lists.
    ``rng`` shuffles the examples; ``validation = X, y`` is measured after each epoch; ``on_epoch(history)``
    may change the network, and stops training by returning True; ``progress`` shows a bar after a second.

    >>> from bphelpers import nn, optim
    >>> rng = np.random.default_rng(0)
    >>> net = nn.Sequential(nn.Linear(1, 1, rng=rng))
    >>> X = np.linspace(-1, 1, 20)[:, None]
    >>> history = fit(net, nn.MSELoss(), optim.SGD(lr=0.1), (X, 3 * X + 1), epochs=200, batch_size=5, rng=rng)
    >>> net[0].W.data.round(3), net[0].b.data.round(3)
    (array([[3.]]), array([1.]))
    """
    _of_the_right_kind(net, loss)
    if isinstance(optimizer, type) or not hasattr(optimizer, "step"):
        refuse("optimizer", "be a rule such as optim.SGD(lr=0.1)", optimizer)
    X, y = _same_length("data", data)
    if y.dtype.kind == "f":  # float64 targets must not slow a float32 network
        y = y.astype(_own_dtype(net.parameters()), copy=False)
    whole("epochs", epochs, 0)
    whole("batch_size", batch_size, 1)
    net.entering(X[:1])
    if validation is not None:
        validation = _same_length("validation", validation)
    from tqdm.auto import tqdm  # costs an import of ipywidgets in a notebook, so not before it is needed

    if sys.platform in ("emscripten", "wasi"):
        tqdm.monitor_interval = 0  # there are no threads for it

    history = History()
    net.train()
    # TQDM_DISABLE is tqdm's own switch, but its notebook bar ignores it.
    off = not progress or bool(os.environ.get("TQDM_DISABLE"))
    bar = tqdm(total=epochs, desc="training", unit="epoch", delay=1, leave=False, disable=off)
    try:
        with bar, np.errstate(over="ignore", invalid="ignore"):
            parameters = net.parameters()
            for _ in range(epochs):
                trained = _one_epoch(net, parameters, loss, optimizer, X, y, batch_size, rng, history)
                if validation is not None:
                    value, accuracy = evaluate(net, loss, *validation)
                    if not math.isfinite(value):
                        where = f"epoch {history.epochs + 1}, after step {history.steps}"
                        raise _NotFinite(
                            f"the validation loss became {value} in {where}{_origin(net, *validation)}"
                        )
                    history.val_loss.append(value)
                    if accuracy is not None:
                        history.val_accuracy.append(accuracy)
                history.loss.append(trained)  # together, so that a full list is as long as the others
                bar.update()
                if on_epoch is not None:
                    if on_epoch(history):
                        history.stopped = f"on_epoch asked for it after epoch {history.epochs}"
                        break
                    parameters = net.parameters()  # it may have put in others
    except KeyboardInterrupt:
        history.stopped = f"interrupted after {history.epochs} full epochs and {history.steps} steps"
    except _NotFinite as error:
        history.stopped = str(error)
        advice = "A smaller learning rate may help, or a look for NaN in the data."
        warnings.warn(f"Training stopped: {error}. {advice}", RuntimeWarning, stacklevel=2)
    return history


def _of_the_right_kind(net: Module, loss: Loss) -> None:
    if not isinstance(net, Module):
        refuse("net", "be a Module such as nn.Sequential(...)", net)
    if not isinstance(loss, Loss):
        refuse("loss", "be a Loss such as nn.MSELoss()", loss)


def _same_length(name: str, data: Pair) -> tuple[NDArray[Any], NDArray[Any]]:
    if not isinstance(data, tuple | list | np.ndarray):
        refuse(name, "be a pair (X, y)", data)
    if len(data) != 2:
        raise ValueError(f"{name} must be a pair (X, y), got {len(data)} parts")
    X, y = as_array(f"X of {name}", data[0]), as_array(f"y of {name}", data[1])
    if X.ndim == 0 or X.shape[:1] != y.shape[:1] or len(X) == 0:
        raise ValueError(
            f"{name} must hold as many targets as inputs, at least one, got shapes {X.shape} and {y.shape}"
        )
    return X, y


def _one_epoch(
    net: Module,
    parameters: list[Parameter],
    loss: Loss,
    optimizer: Optimizer,
    X: NDArray[Any],
    y: NDArray[Any],
    batch_size: int,
    rng: np.random.Generator,
    history: History,
) -> float:
    total, first, fits = 0.0, net, X.dtype == _own_dtype(parameters)
    while type(first) is Sequential and first.layers:
        first = first.layers[0]
    first.asked = type(first) is not Linear  # nobody needs the gradient of the inputs
    try:
        for rows in minibatches(len(X), batch_size, rng):
            x = X.take(rows, 0)  # X[rows], but faster
            y_hat = net.forward(x if fits else net.entering(x))
            if history.steps == 0:  # the targets are looked at once, all of them
                first_row = np.atleast_1d(real("y_hat", y_hat))[:1]
                loss.entering(np.broadcast_to(first_row, (len(y), *first_row.shape[1:])), y)
            value = loss.forward(y_hat, y.take(rows, 0))
            try:
                finite = math.isfinite(value)
            except TypeError:
                refuse("loss.forward", "return one number", value)
            if not finite:
                raise _NotFinite(f"the loss became {value} in {_where(history)}{_origin(net, x, y[rows])}")
            net.backward(loss.backward())
            try:
                optimizer.step(parameters)
            except GradientNotFinite as error:
                raise _NotFinite(f"{error}, in {_where(history)}") from error
            history.steps += 1
            total += value * len(rows)
    finally:
        first.asked = True
    return total / len(X)


def _own_dtype(parameters: list[Parameter]) -> np.dtype[Any]:
    return parameters[0].data.dtype if parameters else np.dtype(np.float64)


def _where(history: History) -> str:
    return f"epoch {history.epochs + 1}, step {history.steps + 1}"


def _origin(net: Module, x: ArrayLike, y: ArrayLike) -> str:
    try:
        return f": {not_finite(net, x, y)}"
    except Exception:  # a layer that cannot be copied, say: the loss stays the message
        return ""


def not_finite(net: Module, x: ArrayLike, y: ArrayLike) -> str:
    """Where NaN or infinity in the loss comes from: the data, a parameter, the first layer, or the loss."""
    given = {"the inputs": x, "the targets": y} | {p.name: p.data for p in net.parameters()}
    for name, values in given.items():
        if faults := np.count_nonzero(~np.isfinite(values)):
            verb = "hold" if name.startswith("the") else "holds"
            return f"{name} {verb} NaN or infinity in {faults} of {np.size(values)} places"
    found = "all outputs are finite, and the loss of them is not"
    for count, (layer, _, out) in reversed(list(enumerate(watch(net, x), start=1))):
        if np.isfinite(out).all():  # a layer before it may have given infinity, and this one took it
            break
        found = f"layer {count}, {layer!r}, gave {'NaN' if np.isnan(out).any() else 'infinity'}"
    return found


def watch(net: Module, x: ArrayLike) -> list[tuple[Module, Array, Array]]:
    """Each layer of a copy of ``net`` with what it was given and what it gave, from input to output."""
    net, seen = copy.deepcopy(net), []

    def noted(layer: Module, forward: Callable[[Array], Array]) -> Callable[[Array], Array]:
        def forward_and_note(x: Array) -> Array:
            out = forward(x)
            seen.append((layer, x, out))
            return out

        return forward_and_note

    for layer in leaves(net):
        vars(layer)["forward"] = noted(layer, layer.forward)
    net(x)
    return seen
