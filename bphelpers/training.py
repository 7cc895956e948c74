"""The training loop: forward, loss, backward, update, again."""

import math
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bphelpers.buffered import BufferedPass
from bphelpers.data import minibatches
from bphelpers.nn import Loss, Module, Parameter
from bphelpers.optim import GradientNotFinite, moves_numbers_alone, usable_gradients


class Optimizer(Protocol):
    """Anything with a ``step`` that moves parameters by their ``.grad``."""

    def step(self, parameters: list[Parameter]) -> None:
        """Move every parameter once."""
        ...


@dataclass
class History:
    """What happened in training, one entry an epoch.

    Attributes
    ----------
    loss : list of float
        Mean training loss over the epoch's examples, measured as the weights moved.
    val_loss, val_accuracy : list of float
        On the validation set after the epoch; empty without one. Accuracy (0 to 1) only where the loss knows
        classes.
    steps : int
        Updates made.
    stopped : str or None
        Why training ended before the last epoch, in words; None where it did not.
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
    """Loss and accuracy on a data set, in evaluation mode; changes no parameter.

    Parameters
    ----------
    net : Module
    loss : Loss
    X : array (n, d_in)
    y : array
        Targets, as the loss wants them.

    Returns
    -------
    loss : float
    accuracy : float, 0 to 1, or None where the loss knows no classes

    Notes
    -----
    Lesson: 11_handwritten_digits.

    Examples
    --------
    >>> from bphelpers import nn
    >>> net = nn.Sequential(nn.Linear(1, 2, rng=np.random.default_rng(0), init=lambda *_: np.eye(2, 1)))
    >>> value, accuracy = evaluate(net, nn.CrossEntropyLoss(), [[5.0], [-5.0]], [0, 1])
    >>> round(value, 4), accuracy
    (0.0067, 1.0)
    """
    was_training = net.training
    net.eval()
    try:
        y_hat = net.forward(X)
        value = loss.forward(y_hat, y)  # first, because it refuses targets that do not fit
        right = loss.is_right(y_hat, y)
        return value, None if right is None else float(np.mean(right))
    finally:
        net.train(was_training)


def fit(
    net: Module,
    loss: Loss,
    optimizer: Optimizer,
    data: tuple[ArrayLike, ArrayLike],
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
    *,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    on_epoch: Callable[[History], bool | None] | None = None,
    progress: bool = True,
) -> History:
    """Train ``net`` by mini-batches and return what happened.

    Interrupting (the stop button, Ctrl-C) ends training and returns the history so far; the network keeps the
    weights it has reached. A loss that is no longer finite, in training or validation, ends training before
    the step that would use it, with a warning that names the epoch and step. An epoch cut short is not in the
    lists.

    The numbers are those of the layers, but most steps do not go through them (:mod:`bphelpers.buffered`):
    afterwards call ``net.forward`` before ``net.backward``. With plain SGD, an array
    of weights that you hold is brought up to date before each call of ``on_epoch`` and at the end, not at
    each step.

    Parameters
    ----------
    net : Module
    loss : Loss
    optimizer : anything with ``step(parameters)``
    data : (X, y)
        Training inputs and targets, the same number of rows.
    epochs : int
        How many times every example is seen.
    batch_size : int
        Examples a step; the last batch of an epoch may be smaller.
    rng : numpy.random.Generator
        Shuffles the examples each epoch.
    validation : (X, y), optional
        Measured after each epoch, in evaluation mode.
    on_epoch : callable, optional
        Called with the history after each epoch; return True to stop. It may change the network.
    progress : bool
        Show a bar where training takes longer than a second.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        Where sizes do not fit or the data are empty.

    Notes
    -----
    Lesson: 11_handwritten_digits.

    Examples
    --------
    >>> from bphelpers import nn, optim
    >>> rng = np.random.default_rng(0)
    >>> net = nn.Sequential(nn.Linear(1, 1, rng=rng))
    >>> X = np.linspace(-1, 1, 20)[:, None]
    >>> history = fit(net, nn.MSELoss(), optim.SGD(lr=0.1), (X, 3 * X + 1), epochs=200, batch_size=5, rng=rng)
    >>> net[0].W.data.round(3), net[0].b.data.round(3)
    (array([[3.]]), array([1.]))
    """
    X, y = _same_length("data", data)
    if epochs < 0 or batch_size < 1:
        raise ValueError(f"epochs must be 0 or more and batch_size 1 or more, got {epochs} and {batch_size}")
    if validation is not None:
        validation = _same_length("validation", validation)
    from tqdm.auto import tqdm  # costs an import of ipywidgets in a notebook, so not before it is needed

    history = History()
    net.train()
    # TQDM_DISABLE is tqdm's own switch, but its notebook bar ignores it.
    off = not progress or bool(os.environ.get("TQDM_DISABLE"))
    bar = tqdm(total=epochs, desc="training", unit="epoch", delay=1, leave=False, disable=off)
    try:
        with bar, np.errstate(over="ignore", invalid="ignore"):
            for span in [epochs] if on_epoch is None else repeat(1, epochs):
                steps = span * -(-len(X) // batch_size)
                with _ready(net, loss, optimizer, steps) as (gradients, parameters):
                    for _ in range(span):
                        trained = _one_epoch(
                            net, gradients, parameters, optimizer, X, y, batch_size, rng, history
                        )
                        validated = _validate(net, loss, validation, history)
                        _record(history, trained, validated)
                        bar.update()
                if on_epoch is not None and on_epoch(history):  # it may have changed the network
                    history.stopped = f"on_epoch asked for it after epoch {history.epochs}"
                    break
    except KeyboardInterrupt:
        history.stopped = f"interrupted after {history.epochs} full epochs and {history.steps} steps"
    except _NotFinite as error:
        history.stopped = str(error)
        advice = "A smaller learning rate may help, or a look for NaN in the data."
        warnings.warn(f"Training stopped: {error}. {advice}", RuntimeWarning, stacklevel=2)
    return history


@contextmanager
def _ready(
    net: Module, loss: Loss, optimizer: Optimizer, steps: int
) -> Iterator[tuple[BufferedPass, list[Parameter]]]:
    """What gives the gradients, and the parameters as the optimizer takes them, until the network changes."""
    gradients = BufferedPass(net, loss)
    if steps < 8 or not moves_numbers_alone(optimizer):  # joining takes the time that it saves in eight
        yield gradients, net.parameters()
        return
    with gradients.joined() as parameters:
        yield gradients, parameters


def _same_length(name: str, data: tuple[ArrayLike, ArrayLike]) -> tuple[NDArray[Any], NDArray[Any]]:
    if len(data) != 2:
        raise ValueError(f"{name} must be a pair (X, y), got {len(data)} parts")
    X, y = (np.asarray(part) for part in data)
    if X.ndim == 0 or X.shape[:1] != y.shape[:1] or len(X) == 0:
        raise ValueError(
            f"{name} must hold as many targets as inputs, at least one, got shapes {X.shape} and {y.shape}"
        )
    return X, y


def _named(error: GradientNotFinite, net: Module) -> GradientNotFinite:
    """The error with the name of the parameter, also where all had been joined to one."""
    try:
        usable_gradients(net.parameters())
    except GradientNotFinite as named:
        return named
    except ValueError:  # a rule of one's own may take what ours refuses
        pass
    return error


def _one_epoch(
    net: Module,
    gradients: BufferedPass,
    parameters: list[Parameter],
    optimizer: Optimizer,
    X: NDArray[Any],
    y: NDArray[Any],
    batch_size: int,
    rng: np.random.Generator,
    history: History,
) -> float:
    total = 0.0
    for rows in minibatches(len(X), batch_size, rng):
        value = gradients(X.take(rows, axis=0), y.take(rows, axis=0))  # X[rows], but faster
        if not math.isfinite(value):
            raise _NotFinite(f"the loss became {value} in {_where(history)}")
        try:
            optimizer.step(parameters)
        except GradientNotFinite as error:
            raise _NotFinite(f"{_named(error, net)}, in {_where(history)}") from error
        history.steps += 1
        total += value * len(rows)
    return total / len(X)


def _where(history: History) -> str:
    return f"epoch {history.epochs + 1}, step {history.steps + 1}"


def _validate(
    net: Module, loss: Loss, validation: tuple[ArrayLike, ArrayLike] | None, history: History
) -> tuple[float, float | None] | None:
    if validation is None:
        return None
    value, accuracy = evaluate(net, loss, *validation)
    if not np.isfinite(value):
        where = f"epoch {history.epochs + 1}, after step {history.steps}"
        raise _NotFinite(f"the validation loss became {value} in {where}")
    return value, accuracy


def _record(history: History, trained: float, validated: tuple[float, float | None] | None) -> None:
    # All at once, so that the lists stay equally long when training is interrupted.
    history.loss.append(trained)
    if validated is not None:
        history.val_loss.append(validated[0])
        if validated[1] is not None:
            history.val_accuracy.append(validated[1])
