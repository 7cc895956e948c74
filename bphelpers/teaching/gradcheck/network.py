"""The check of a whole network, and its backward pass rerun with one rule replaced."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bphelpers import functional as F
from bphelpers.functional._validation import as_float, as_generator
from bphelpers.numeric import STEP, Array, one_number
from bphelpers.teaching.gradcheck.compare import GradientReport, compare, repeatable, same_names
from bphelpers.teaching.gradcheck.diagnosis import Candidate, sentence_for, steady
from bphelpers.teaching.gradcheck.mistakes import (
    ACTIVATION_MISTAKES,
    LOSS_MISTAKES,
    ActivationRule,
    linear_mistakes,
)

Gradients = dict[str, Array]
_LAYERS = {"Linear": "linear", "Sigmoid": "sigmoid", "Tanh": "tanh", "ReLU": "relu", "Dropout": "dropout"}
_LOSSES = {
    "MSELoss": "mse",
    "BCEWithLogitsLoss": "binary_cross_entropy",
    "CrossEntropyLoss": "softmax_cross_entropy",
}


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
    """Compare the gradients of a network with centred differences, and name the rule that is broken.

    Parameters
    ----------
    net : Sequential-like
        Has ``layers``, ``forward(x)``, ``backward(dout)``, ``parameters()`` (``name``, ``data``, ``grad``).
    loss : loss module
        Has ``forward(y_hat, y)`` and ``backward()``.
    x, y : array
        A small batch.
    lr : float, optional
        Learning rate of an update that may have come too early. Without it, it is found from the numbers.
    grads : mapping of name to array, optional
        Your own gradients, by parameter name, to check instead of those of ``net.backward``.
    tolerance : float
        As in :func:`check_gradients`.

    Returns
    -------
    GradientReport

    Raises
    ------
    ValueError
        Where names are not unique, gradients are missing, or the loss is not one finite, repeatable number.

    Notes
    -----
    The check runs in float64 on copies: each ``data`` is the same untouched array afterwards, also when the
    check is interrupted. ``grad`` holds what the check found, and layers remember a different forward pass:
    call ``forward`` again before the next ``backward``. Running means and variances are put back.
    Structural mistakes are looked for in networks of Linear, Sigmoid, Tanh, ReLU and switched-off Dropout,
    and in subclasses of these.
    Lesson: 09_gradient_checking.

    Examples
    --------
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
    with _on_copies(net) as (parameters, _, points):

        def value(**arrays: Array) -> Any:
            for name, array in arrays.items():
                parameters[name].data = array
            return loss.forward(net.forward(x), y)

        if grads is None:
            value(**points)
            net.backward(loss.backward())
            grads = {name: np.array(p.grad) for name, p in parameters.items() if p.grad is not None}
        found = {name: np.asarray(array) for name, array in grads.items()}

        def candidates() -> dict[str, list[Candidate]]:
            own = value(**points)
            try:
                rerun = _Rerun.of(net, loss, x, y)
                return rerun.candidates(found, lr) if rerun and rerun.gives(own) else {}
            except ValueError:  # a subclass with shapes or labels of its own: we do not know its rules
                return {}

        def along(name: str) -> Callable[[Array], Any]:
            value(**{other: point.copy() for other, point in points.items()})
            return lambda moved: value(**{name: moved})

        return compare(value, points, grads, tolerance, len(np.asarray(x)), candidates, along)


def directional_check(
    net: Any,
    loss: Any,
    x: ArrayLike,
    y: ArrayLike,
    rng: np.random.Generator,
    *,
    grads: Mapping[str, ArrayLike] | None = None,
) -> tuple[float, float]:
    r"""The slope that the gradient promises along a random direction, and the slope measured there.

    All parameters :math:`w` move at once, along a direction :math:`v` of length 1:
    :math:`g \cdot v` against :math:`(L(w + hv) - L(w - hv)) / 2h`. That takes two forward passes, however
    many parameters there are: for networks too large for :func:`check_network`. It says that something is
    wrong, and not what or where.

    Parameters
    ----------
    net, loss, x, y, grads
        As in :func:`check_network`.
    rng : numpy.random.Generator
        Draws the direction, from the bell curve.

    Returns
    -------
    promised, measured : float
        Of a right gradient they differ by round-off, about 1e-10 of the loss, unless a kink lies in between
        or the loss bends within 1e-5: very deep networks do. Then try another direction.

    Raises
    ------
    ValueError
        Where names are not unique, a gradient is missing or of another shape, ``rng`` is no generator, the
        loss is not one finite number, or it is another one each time, as with dropout.

    Notes
    -----
    In float64 on copies, as :func:`check_network`. Lesson: 09_gradient_checking.

    Examples
    --------
    >>> from bphelpers import nn
    >>> rng = np.random.default_rng(0)
    >>> net = nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Tanh(), nn.Linear(3, 1, rng=rng))
    >>> x, y = rng.normal(size=(4, 2)), rng.normal(size=(4, 1))
    >>> promised, measured = directional_check(net, nn.MSELoss(), x, y, rng)
    >>> abs(promised - measured) < 1e-8
    True
    """
    rng = as_generator("rng", rng)
    with _on_copies(net) as (parameters, w, points):
        if not parameters:
            raise ValueError("net must have at least one parameter, got none")

        def value(**arrays: Array) -> float:
            for name, array in arrays.items():
                parameters[name].data = array
            return one_number(loss.forward(net.forward(x), y), "loss")

        if grads is None:
            value(**points)
            net.backward(loss.backward())
            grads = {name: p.grad for name, p in parameters.items() if p.grad is not None}
        same_names(points, grads)
        found = {name: as_float(f"the gradient of {name}", grads[name]) for name in points}
        for name, point in points.items():
            if found[name].shape != point.shape:
                got = found[name].shape
                raise ValueError(f"the gradient of {name} must have shape {point.shape}, got {got}")
        v = rng.standard_normal(w.size, np.float32).astype(np.float64)  # in half the time of float64
        v /= math.sqrt(v.dot(v))
        promised = sum(float(np.vdot(found[name], part)) for name, part in _split(v, points).items())
        after, before = (value(**_split(w + h * v, points)) for h in (STEP, -STEP))
        measured = (after - before) / (2 * STEP)
        if not math.isclose(promised, measured, rel_tol=0.1, abs_tol=1e-6):
            repeatable(value, points)
        return promised, measured


@contextmanager
def _on_copies(net: Any) -> Iterator[tuple[dict[str, Any], Array, dict[str, Array]]]:
    """The parameters, all that they hold as one float64 array, and its parts by their names.

    Afterwards parameters and buffers hold what they held before.
    """
    parameters = _by_name(net.parameters())
    kept = [(p, p.data) for p in [*parameters.values(), *getattr(net, "buffers", list)()]]
    held = {name: np.asarray(p.data) for name, p in parameters.items()}
    w = np.concatenate([np.empty(0), *(array.ravel() for array in held.values())], dtype=np.float64)
    try:
        yield parameters, w, _split(w, held)
    finally:
        for p, data in kept:
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


def _kind(thing: Any, known: Mapping[str, str]) -> str | None:
    """What a layer or loss is, by the name of its class or a base class (nn is a floor above)."""
    return next((known[c.__name__] for c in type(thing).__mro__ if c.__name__ in known), None)


def _leaves(net: Any) -> Iterator[Any]:
    for layer in net.layers:
        if hasattr(layer, "layers"):
            yield from _leaves(layer)
        else:
            yield layer


@dataclass(frozen=True)
class _Step:
    """One layer of the forward pass: what went in, what came out, and for a linear layer its weights."""

    kind: str
    z: Array
    a: Array
    W: Array | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Rerun:
    """A network's forward pass as plain arrays, so that backward can be run again with one rule replaced."""

    steps: list[_Step]
    loss: str
    y: NDArray[Any]

    @classmethod
    def of(cls, net: Any, loss: Any, x: ArrayLike, y: ArrayLike) -> "_Rerun | None":
        """The rerun, or None where a layer or the loss is not one whose rules we know."""
        kind = _kind(loss, _LOSSES)
        out: Array = np.asarray(x, dtype=np.float64)
        steps = []
        for layer in _leaves(net) if hasattr(net, "layers") else ():
            step = _step(layer, out)
            if step is None:
                return None
            steps.append(step)
            out = step.a
        return cls(steps, kind, np.asarray(y)) if kind and steps else None

    def gives(self, own: float) -> bool:
        """Whether the rules give the network's own loss: a subclass may have rules of its own."""
        return bool(np.isclose(getattr(F, self.loss)(self.steps[-1].a, self.y), own, rtol=1e-9, atol=0))

    def backward(
        self,
        dy_hat: Array | None = None,
        rules: Mapping[int, ActivationRule] | None = None,
        linear: str | None = None,
        early_update: float = 0.0,
    ) -> Gradients:
        """Backward pass, with the loss gradient or a rule replaced, or updating too early."""
        dout = getattr(F, f"{self.loss}_backward")(self.steps[-1].a, self.y) if dy_hat is None else dy_hat
        grads: Gradients = {}
        for i, step in reversed(list(enumerate(self.steps))):
            if step.kind == "linear":
                assert step.W is not None
                _, dW, db = F.linear_backward(dout, step.z, step.W)
                passed = {"x": dout @ (step.W - early_update * dW), "W": dW, "b": db}
                passed |= linear_mistakes(dout, step.z, step.W).get(linear, {}) if linear else {}
                grads |= dict(zip(step.names, (passed["W"], passed["b"]), strict=False))
                dout = passed["x"]
            elif step.kind != "dropout":
                dout = (rules or {}).get(i, _RIGHT[step.kind])(dout, step.z, step.a)
        return grads

    def candidates(self, found: Gradients, lr: float | None) -> dict[str, list[Candidate]]:
        """What each structural mistake gives, by the name of the parameter."""
        by_name: dict[str, list[Candidate]] = {name: [] for step in self.steps for name in step.names}
        for mistake, place, grads in [*self._structural(), *self._early_update(found, lr)]:
            for name, array in grads.items():
                by_name[name].append(Candidate(mistake, array, sentence_for(mistake, place)))
        return by_name

    def _structural(self) -> Iterator[tuple[str, str, Gradients]]:
        """Every network with one rule replaced: mistake, place, gradients."""
        for kind, table in ACTIVATION_MISTAKES.items():
            places = [i for i, step in enumerate(self.steps) if step.kind == kind]
            for mistake, rule in table.items():
                if len(places) > 1:
                    yield mistake, f"In every {kind}", self.backward(rules=dict.fromkeys(places, rule))
                for i in places:
                    yield mistake, f"In layer {i + 1}, {kind}", self.backward(rules={i: rule})
        for mistake, loss_rule in LOSS_MISTAKES[self.loss].items():
            yield (
                mistake,
                f"In the gradient of {self.loss}",
                self.backward(loss_rule(self.steps[-1].a, self.y)),
            )
        for mistake in (
            "bias summed over the wrong axis",
            "weights transposed on the way back",
            "transpose of dz missing",
            "inputs transposed",
        ):
            yield mistake, "", self.backward(linear=mistake)

    def _early_update(self, found: Gradients, lr: float | None) -> Iterator[tuple[str, str, Gradients]]:
        """Gradients that went back through weights already updated, W - lr dW.

        In the last hidden layer the effect is linear in lr, so least squares finds it there from the numbers;
        the whole backward pass with that lr is then compared like any other mistake.
        """
        linear = [step for step in self.steps if step.kind == "linear"]
        if len(linear) < 2:
            return
        if lr is None:
            lr = _fitted_rate(found, self.backward(), self.backward(early_update=1.0), linear[-2].names)
        if lr is not None:
            place = f"At learning rate {steady(lr)}"
            yield "hidden delta from updated weights", place, self.backward(early_update=lr)


def _fitted_rate(
    found: Gradients, right: Gradients, at_one: Gradients, names: tuple[str, ...]
) -> float | None:
    """The lr > 0 with ``found`` nearest to ``right + lr * (at_one - right)``.

    None where the effect is 0 or parallel to the gradient, as between one hidden unit and one output:
    any factor would fit.
    """
    if any(found[name].shape != right[name].shape for name in names):
        return None
    gradient = np.concatenate([right[name].ravel() for name in names])
    effect = np.concatenate([at_one[name].ravel() for name in names]) - gradient
    wanted = np.concatenate([found[name].ravel() for name in names]) - gradient
    parallel = (effect @ gradient) ** 2 >= (1 - 1e-9) * (effect @ effect) * (gradient @ gradient)
    if parallel or not np.isfinite(wanted).all():
        return None
    lr = float(wanted @ effect / (effect @ effect))
    return lr if lr > 0 else None


def _step(layer: Any, x: Array) -> _Step | None:
    kind = _kind(layer, _LAYERS)
    if kind == "linear":
        both = [layer.W] if layer.b is None else [layer.W, layer.b]
        return _Step(kind, x, F.linear(x, *(p.data for p in both)), layer.W.data, tuple(p.name for p in both))
    if kind == "dropout":
        return None if layer.training else _Step(kind, x, x)
    return None if kind is None else _Step(kind, x, getattr(F, kind)(x))


_RIGHT: dict[str, Callable[[Array, Array, Array], Array]] = {
    "sigmoid": lambda dout, z, a: F.sigmoid_backward(dout, a),
    "tanh": lambda dout, z, a: F.tanh_backward(dout, a),
    "relu": lambda dout, z, a: F.relu_backward(dout, z),
}
