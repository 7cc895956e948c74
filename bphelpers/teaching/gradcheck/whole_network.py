"""The gradients of a whole network: entry by entry with a diagnosis, or along one direction."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bphelpers.arguments import generator, number, real, refuse
from bphelpers.numeric import STEP, Array, one_number
from bphelpers.teaching.gradcheck.diagnosis import same
from bphelpers.teaching.gradcheck.gradients import Hypothesis, by_name, compare, repeatable, same_names
from bphelpers.teaching.gradcheck.held import Draws, held_still
from bphelpers.teaching.gradcheck.mistakes import Counts
from bphelpers.teaching.gradcheck.report import GradientReport
from bphelpers.teaching.gradcheck.rerun import Rerun

NOT_FILLED = 1.25e-300  # no gradient is this number


def check_network(
    net: Any,
    loss: Any,
    x: ArrayLike,
    y: ArrayLike,
    *,
    lr: float | None = None,
    grads: Mapping[str, ArrayLike] | None = None,
    tolerance: float = 1e-6,
) -> GradientReport:
    """Compare the gradients of a network with centred differences, and name the rule that is broken [09].

    ``net`` is like a Sequential: ``layers``, ``forward(x)``, ``backward(dout)``, ``parameters()`` with
    ``name``, ``data`` and ``grad``; the loss has ``forward(y_hat, y)`` and ``backward()``. ``grads`` are your
    own, by name, to check instead of those of ``net.backward``; ``lr`` is the rate of an update that may have
    come too early (without it, it is found from the numbers). What layers draw, as dropout does, is held
    still; dropout is tested in evaluation too.

    All is done in float64 on copies, and put back also when the check is interrupted. ``grad`` holds what the
    check found; layers remember another forward pass. A layer that is not one of the package's is used as it
    is.

    >>> from bphelpers import nn
    >>> rng = np.random.default_rng(0)
    >>> net = nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Sigmoid(), nn.Linear(3, 1, rng=rng))
    >>> print(check_network(net, nn.MSELoss(), rng.normal(size=(4, 2)), rng.normal(size=(4, 1))))
    4 of 4 gradients agree with centred differences.
    gradient  shape   relative error
    W1        (3, 2)  below 1e-06
    b1        (3,)    below 1e-06
    W2        (1, 3)  below 1e-06
    b2        (1,)    below 1e-06
    """
    own = grads is None
    _look(net, loss, grads)
    lr = None if lr is None else number("lr", lr)
    with _on_copies(net) as (parameters, points), held_still(net, loss, not own, True) as (draws, notes):
        value = _LossOfParameters(net, loss, x, y, parameters, draws)
        if grads is None:
            value(**points)
            grads = _backward(net, loss, parameters)
            value(**points)
            notes += _piling_up(net, loss, parameters, grads)
        found = {name: np.asarray(array) for name, array in grads.items()}

        def hypotheses() -> list[Hypothesis]:
            value(**points)
            kept = [(p, None if p.grad is None else np.array(p.grad)) for p in parameters.values()]
            draws.again()
            with np.errstate(all="ignore"):
                known = Rerun(net, loss, value.x, value.y).hypotheses(found, lr)
            for p, grad in kept:
                p.grad = grad
            return known

        def along(name: str) -> Callable[[Array], Any]:
            value(**{other: point.copy() for other, point in points.items()})
            return lambda moved: value(**{name: moved})

        if not own:
            value(**points)
            if value.random:
                raise ValueError(
                    "grads must be left out where layers draw random numbers, got some from another draw; "
                    "without them the check makes its own, with what was drawn held still"
                )
        counts = Counts(len(value.x), value.outputs, lr)
        return compare(
            value, points, grads, tolerance, counts, hypotheses, along, one_chain=True, notes=notes
        )


def directional_check(
    net: Any,
    loss: Any,
    x: ArrayLike,
    y: ArrayLike,
    rng: np.random.Generator,
    *,
    grads: Mapping[str, ArrayLike] | None = None,
) -> tuple[float, float]:
    r"""The slope that the gradient promises along a random direction, and the slope measured there [09].

    All parameters :math:`w` move at once, along a direction :math:`v` of length 1: :math:`g \cdot v` against
    :math:`(L(w + hv) - L(w - hv)) / 2h`. That takes two forward passes, however many parameters there are. It
    says that something is wrong, and not what or where. Of a right gradient the two differ by round-off,
    about 1e-10 of the loss, unless a kink lies in between or the loss bends within 1e-5: then try another
    direction.

    >>> from bphelpers import nn
    >>> rng = np.random.default_rng(0)
    >>> net = nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Tanh(), nn.Linear(3, 1, rng=rng))
    >>> x, y = rng.normal(size=(4, 2)), rng.normal(size=(4, 1))
    >>> promised, measured = directional_check(net, nn.MSELoss(), x, y, rng)
    >>> abs(promised - measured) < 1e-8
    True
    """
    rng = generator("rng", rng)
    _look(net, loss, grads)
    size = sum(p.data.size for p in net.parameters())
    if not size:
        raise ValueError("net must have at least one parameter, got none")
    # Before what layers draw is held still: the generator may be theirs. In float32, in half the time.
    v = rng.standard_normal(size, np.float32).astype(np.float64)
    v /= math.sqrt(v.dot(v))
    with _on_copies(net) as (parameters, points), held_still(net, loss, grads is not None) as (draws, _):
        value = _LossOfParameters(net, loss, x, y, parameters, draws)
        w = np.concatenate([point.ravel() for point in points.values()])
        if grads is None:
            value(**points)
            grads = _backward(net, loss, parameters)
        same_names(points, grads)
        found = {name: real(f"the gradient of {name}", grads[name]) for name in points}
        for name, point in points.items():
            if found[name].shape != point.shape:
                got = found[name].shape
                raise ValueError(f"the gradient of {name} must have shape {point.shape}, got {got}")
        promised = sum(float(np.vdot(found[name], part)) for name, part in _split(v, points).items())
        ends = (value(**_split(w + h * v, points)) for h in (STEP, -STEP))
        after, before = (one_number(end, "loss") for end in ends)
        measured = (after - before) / (2 * STEP)
        if not math.isclose(promised, measured, rel_tol=0.1, abs_tol=1e-6):
            repeatable(value, points)
        return promised, measured


def _look(net: Any, loss: Any, grads: Any) -> None:
    """Refuse what is no network, no loss, no gradients by name."""
    for what, thing, asked in (
        ("net", net, "forward backward parameters"),
        ("loss", loss, "forward backward"),
    ):
        missing = [name for name in asked.split() if not callable(getattr(thing, name, None))]
        if missing or isinstance(thing, type):
            refuse(what, f"have the methods {asked.replace(' ', ', ')}", thing)
    if grads is not None:
        by_name("grads", grads)


class _LossOfParameters:
    """The loss as a function of named arrays; x and y are looked at the first time, at the network's door."""

    def __init__(
        self, net: Any, loss: Any, x: ArrayLike, y: ArrayLike, parameters: dict[str, Any], draws: Draws
    ) -> None:
        self.net, self.loss, self.parameters = net, loss, parameters
        self.x: NDArray[Any] = np.asarray(x)
        self.x, self.y = self.x.astype(np.float64) if self.x.dtype.kind == "f" else self.x, np.asarray(y)
        self.draws, self.looked_at, self.random = draws, False, False
        self.outputs: int | None = None

    def __call__(self, **arrays: Array) -> Any:
        for name, array in arrays.items():
            self.parameters[name].data = array
        if self.looked_at:
            if self.random:
                self.draws.again()
            return self.loss.forward(self.net.forward(self.x), self.y)
        net, loss = (thing if callable(thing) else thing.forward for thing in (self.net, self.loss))
        outputs = net(self.x)
        value = loss(outputs, self.y)
        self.looked_at, self.random = True, self.draws.find_used()
        self.outputs = outputs.shape[1] if np.ndim(outputs) == 2 else None
        return value


def _backward(net: Any, loss: Any, parameters: dict[str, Any]) -> dict[str, Array]:
    """Gradients by name, of the parameters that the backward pass fills."""
    own = [p for p in parameters.values() if hasattr(p, "live_in")]  # others begin at None
    for p in own:
        p.grad[...] = NOT_FILLED
    net.backward(loss.backward())
    empty = [p for p in own if (p.grad == NOT_FILLED).all()]
    for p in empty:
        p.grad[...] = np.nan
    filled = {name: p for name, p in parameters.items() if p.grad is not None and p not in empty}
    return {name: np.array(p.grad) for name, p in filled.items()}


def _piling_up(net: Any, loss: Any, parameters: dict[str, Any], grads: Mapping[str, Array]) -> list[str]:
    """What there is to say if a second backward pass adds to the first; the gradients are put back."""
    net.backward(loss.backward())
    twice = [name for name, g in grads.items() if g.any() and same(parameters[name].grad, 2 * g, 1e-9)]
    for name in twice:
        parameters[name].grad = grads[name]
    if not twice:
        return []
    what = "a second backward pass adds to .grad; clear it before each pass, or write = and not +=."
    return [f"{', '.join(twice)}: {what}"]


@contextmanager
def _on_copies(net: Any) -> Iterator[tuple[dict[str, Any], dict[str, Array]]]:
    """The parameters by name, which live in float64 copies, and their values; afterwards all is as it was."""
    parameters = _by_name(net.parameters())
    held = [*parameters.values(), *getattr(net, "buffers", list)()]
    homes = [(p, p.data, p.grad, getattr(p, "home", None), p.data.astype(np.float64)) for p in held]
    try:
        for p, *_, values in homes:
            if hasattr(p, "live_in"):  # it would not become float64 by assignment
                if p.data.dtype != np.float64:
                    p.live_in(np.empty(values.shape), np.empty(values.shape))
            else:
                p.data = values
        with np.errstate(over="ignore"):  # where a sigmoid's exponential is infinite, 1 over it is 0
            yield parameters, {name: home[-1] for name, home in zip(parameters, homes, strict=False)}
    finally:
        for p, data, grad, home, values in homes:
            if hasattr(p, "live_in"):
                if p.data is not data:
                    p.live_in(data, grad, home)
                p.data = values
            else:
                p.data = data


def _split(w: Array, like: Mapping[str, Array]) -> dict[str, Array]:
    """Arrays of these names and shapes, cut from one after another."""
    parts, end = {}, 0
    for name, array in like.items():
        begin, end = end, end + array.size
        parts[name] = w[begin:end].reshape(array.shape)
    return parts


def _by_name(parameters: list[Any]) -> dict[str, Any]:
    names = [p.name for p in parameters]
    if len(set(names)) < len(names):
        raise ValueError(f"parameters must have different names, got {names}")
    return dict(zip(names, parameters, strict=True))
