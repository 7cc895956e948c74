"""Backward passes with one rule replaced: what the usual mistakes give, to compare a wrong gradient with."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bphelpers import functional as F
from bphelpers.numeric import Array, as_float64
from bphelpers.teaching.gradcheck.compare import GradientReport, check_gradients

Gradients = dict[str, Array]
# dz from the upstream gradient, the input z and the output a of an activation.
ActivationRule = Callable[[Array, Array, Array], Array]
# The gradient with respect to the predictions, from the predictions and the targets.
LossRule = Callable[[Array, NDArray[Any]], Array]

ACTIVATION_MISTAKES: dict[str, dict[str, ActivationRule]] = {
    "sigmoid": {
        "activation derivative missing": lambda dout, z, a: dout,
        "derivative at a instead of z": lambda dout, z, a: F.sigmoid_backward(dout, F.sigmoid(a)),
        "z in place of a": lambda dout, z, a: dout * z * (1 - z),
    },
    "tanh": {
        "activation derivative missing": lambda dout, z, a: dout,
        "derivative at a instead of z": lambda dout, z, a: F.tanh_backward(dout, np.tanh(a)),
        "z in place of a": lambda dout, z, a: dout * (1 - z * z),
    },
    "relu": {
        "ReLU mask missing": lambda dout, z, a: dout,
        "ReLU mask inverted": lambda dout, z, a: dout * (z <= 0),
        "ReLU mask from the gradient": lambda dout, z, a: dout * (dout > 0),
    },
    "softmax": {
        "activation derivative missing": lambda dout, z, a: dout,
        "softmax Jacobian diagonal only": lambda dout, z, a: dout * a * (1 - a),
    },
}


def _one_hot(logits: Array, labels: NDArray[Any]) -> Array:
    return np.eye(logits.shape[1])[labels]


def _diagonal_only(logits: Array, labels: NDArray[Any]) -> Array:
    p = F.softmax(logits)
    # dL/dp = -y / (n p), times the diagonal p (1 - p): p cancels, so that p = 0 does no harm.
    return -_one_hot(logits, labels) * (1 - p) / len(logits)


LOSS_MISTAKES: dict[str, dict[str, LossRule]] = {
    "mse": {},
    "binary_cross_entropy": {
        "output derivative twice": lambda z, y: F.sigmoid_backward(
            F.binary_cross_entropy_backward(z, y), F.sigmoid(z)
        ),
        "target not subtracted": lambda z, y: F.sigmoid(z) / len(z),
    },
    "softmax_cross_entropy": {
        "softmax Jacobian diagonal only": _diagonal_only,
        "output derivative twice": lambda z, y: F.sigmoid_backward(
            F.softmax_cross_entropy_backward(z, y), F.softmax(z)
        ),
        "target not subtracted": lambda z, y: F.softmax(z) / len(z),
    },
}

# The arguments of each operation that have a gradient, in the order in which its backward returns them.
_ARGUMENTS = {
    "linear": ("x", "W", "b"),
    **{name: ("z",) for name in ACTIVATION_MISTAKES},
    **{name: ("y_hat" if name == "mse" else "logits",) for name in LOSS_MISTAKES},
}


def linear_mistakes(dout: Array, x: Array, W: Array) -> dict[str, Gradients]:
    """Wrong gradients of ``linear``. A mistake that changes one gradient lists that one alone."""
    _, dW, _ = F.linear_backward(dout, x, W)
    wrong: dict[str, Gradients] = {
        "transposed": {"W": dW.T},
        "bias not summed": {"b": dout},
        "bias summed over the wrong axis": {"b": dout.sum(axis=1)},
    }
    (n, receivers), senders = dout.shape, x.shape[1]
    if receivers == senders:
        wrong["weights transposed on the way back"] = {"x": dout @ W.T}
    if n == receivers:
        wrong["transpose of dz missing"] = {"W": dout @ x}
    if n == senders:
        wrong["inputs transposed"] = {"W": dout.T @ x.T}
    return wrong


def op_mistakes(name: str, *args: ArrayLike) -> dict[str, Gradients]:
    """What the usual mistakes in one backward function give: by mistake, then by argument.

    Parameters
    ----------
    name : str
        ``"linear"``, ``"sigmoid"``, ``"tanh"``, ``"relu"``, ``"softmax"``, ``"mse"``,
        ``"binary_cross_entropy"`` or ``"softmax_cross_entropy"``.
    *args : array
        The upstream gradient, except for a loss, then the arguments of the forward function:
        ``op_mistakes("linear", dout, x, W, b)``, ``op_mistakes("softmax_cross_entropy", logits, labels)``.

    Returns
    -------
    dict of mistake to (dict of argument to float64 array)
        The form that ``mistakes`` of :func:`check_gradients` has. Mistakes that need no rerun, such as a
        flipped sign, are not listed: :func:`diagnose` knows them.

    Raises
    ------
    ValueError
        Where the operation is unknown or the number of arguments does not fit.

    Notes
    -----
    Lesson: 09_gradient_checking.

    Examples
    --------
    >>> op_mistakes("relu", [1.0, 1.0], [-2.0, 3.0])["ReLU mask inverted"]
    {'z': array([1., 0.])}
    """
    _known(name)
    if name in LOSS_MISTAKES:
        logits, target = _exactly(name, ("predictions", "targets"), args)
        z, y = as_float64("predictions", logits), np.asarray(target)
        return {mistake: {_ARGUMENTS[name][0]: rule(z, y)} for mistake, rule in LOSS_MISTAKES[name].items()}
    values = _exactly(name, ("dout", *_ARGUMENTS[name]), args)
    dout, z, *rest = (as_float64(f"argument of {name}", value) for value in values)
    if name == "linear":
        return linear_mistakes(dout, z, rest[0])
    a = getattr(F, name)(z)
    return {mistake: {"z": rule(dout, z, a)} for mistake, rule in ACTIVATION_MISTAKES[name].items()}


def check_op(
    name: str,
    backward: Callable[..., Any],
    *args: ArrayLike,
    dout: ArrayLike | None = None,
    tolerance: float = 1e-6,
) -> GradientReport:
    """Check your own backward of one operation against centred differences of the forward, and diagnose it.

    Parameters
    ----------
    name : str
        One of the operations of :func:`op_mistakes`.
    backward : callable
        Called as the package's own: ``(dout, x, W)`` for linear, ``(dout, z)`` for relu, ``(dout, a)``, with
        the output ``a``, for sigmoid, tanh and softmax; ``(y_hat, y)`` or ``(logits, labels)`` for a loss.
        Returns the gradients in the order of the forward's arguments.
    *args : array
        Arguments of the forward: ``x, W, b`` for linear, ``z`` for an activation, predictions and targets for
        a loss.
    dout : array, optional
        Upstream gradient, by default numbers without a pattern. What is measured is ``sum(dout * out)``.
    tolerance : float
        As in :func:`check_gradients`.

    Returns
    -------
    GradientReport

    Raises
    ------
    ValueError
        Where the operation is unknown, or ``backward`` returns a different number of gradients.

    Notes
    -----
    Lesson: 09_gradient_checking.

    Examples
    --------
    >>> def my_sigmoid_backward(dout, a):
    ...     return dout
    >>> report = check_op("sigmoid", my_sigmoid_backward, [[-1.0, 0.5, 2.0]])
    >>> report.ok, report["z"].diagnosis.mistake
    (False, 'activation derivative missing')
    """
    _known(name)
    names = _ARGUMENTS[name]
    forward = getattr(F, name)
    if name in LOSS_MISTAKES:
        predictions, targets = _exactly(name, ("predictions", "targets"), args)
        grads = _by_argument(name, backward(np.array(predictions), np.array(targets)))
        return check_gradients(
            lambda **arrays: forward(arrays[names[0]], targets),
            {names[0]: predictions},
            grads,
            tolerance=tolerance,
            batch_size=len(np.asarray(predictions)),
            mistakes=op_mistakes(name, predictions, targets),
        )
    values = [as_float64(key, value) for key, value in zip(names, _exactly(name, names, args), strict=True)]
    out = forward(*values)
    upstream = (
        np.cos(1 + np.arange(out.size)).reshape(out.shape) if dout is None else as_float64("dout", dout)
    )
    if upstream.shape != out.shape:
        raise ValueError(f"dout must have the shape of the output, {out.shape}, got {upstream.shape}")
    remembered = {"linear": values[:2], "relu": values}.get(name, [out])
    grads = _by_argument(name, backward(upstream.copy(), *(value.copy() for value in remembered)))
    return check_gradients(
        lambda **arrays: np.sum(upstream * forward(*(arrays[key] for key in names))),
        dict(zip(names, values, strict=True)),
        grads,
        tolerance=tolerance,
        batch_size=len(out) if out.ndim else None,
        mistakes=op_mistakes(name, upstream, *values),
    )


def _known(name: str) -> None:
    if name not in _ARGUMENTS:
        raise ValueError(f"name must be one of {sorted(_ARGUMENTS)}, got {name!r}")


def _exactly(name: str, names: tuple[str, ...], args: tuple[ArrayLike, ...]) -> tuple[ArrayLike, ...]:
    if len(args) != len(names):
        raise ValueError(f"{name} needs {', '.join(names)}: {len(names)} arrays, got {len(args)}")
    return args


def _by_argument(name: str, returned: Any) -> Mapping[str, ArrayLike]:
    """What a backward returned, by argument: one array, or a tuple of one for each argument."""
    names = _ARGUMENTS[name]
    values = returned if isinstance(returned, tuple) else (returned,)
    if len(values) != len(names):
        raise ValueError(
            f"the backward of {name} must return {len(names)} gradients, {names}, got {len(values)}"
        )
    return dict(zip(names, values, strict=True))
