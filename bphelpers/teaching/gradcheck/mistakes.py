"""The table of mistakes: a name, what the learner reads, what it gives in each operation that it befalls.

Whoever names mistakes reads it here: the diagnosis, the rerun of a network, the museum, exercises. To teach
the check a new mistake, add a row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bphelpers import functional as F
from bphelpers.functional.attention import attention_weights
from bphelpers.numeric import Array

Gradients = dict[str, Array]
# A rule of an operation is given dout, the arguments and the output, that of a loss its two arguments, both
# also the operation's options. It returns the wrong gradient of the one argument; where there are several,
# those that it changes, by argument. Where shapes do not fit, NumPy's ValueError says that the mistake cannot
# have been made. "early update" is linear at a learning rate, "residual" is given dout and what came through
# the layers, "slope" an activation with the slope of another. "gradient" is any, whatever it belongs to: its
# rule is given what was found and the right one, and returns None where it cannot be that.
Rule = Callable[..., Any]


@dataclass(frozen=True)
class Counts:
    """What a factor may come from; None where it is not known or does not occur."""

    n: float | None = None  # examples
    k: float | None = None  # outputs
    lr: float | None = None
    p: float | None = None  # of dropout
    summed: float | None = None  # examples, where the loss adds them up and n says nothing


@dataclass(frozen=True)
class Mistake:
    """A row. ``factor``: what a mistake multiplies by; ``in_rows``: the sentence for a linear layer.

    ``in_letters``: the same in any layout; {z}, {dW}, {db}, {dx} are right lines in the learner's own names.

    ``of_the_loss``: made where the chain begins, so that it reaches every gradient.
    """

    name: str  # stable: exercises, museum and tests refer to it
    sentence: str
    rules: Mapping[str, Rule | tuple[Rule, ...]] = field(default_factory=dict)  # several: ways to make it
    factor: Callable[[Counts], float | None] | None = None
    of_the_loss: bool = False
    in_rows: str = ""
    in_letters: str = ""

    def ways(self, operation: str) -> tuple[Rule, ...]:
        """The rules for one operation."""
        rule = self.rules[operation]
        return rule if isinstance(rule, tuple) else (rule,)


def _one_hot(logits: Array, labels: Any, shift: int = 0) -> Array:
    return np.eye(logits.shape[1])[(labels + shift) % logits.shape[1]]


def _passed_on(dout: Array, *_: Array, **options: Any) -> Array:
    return dout


def _local_slope(backward: Callable[..., Array], at: int) -> Rule:
    return lambda dout, *saved, **options: backward(np.ones_like(dout), saved[at], **options)


def _one_example(row: int) -> dict[str, Rule]:
    """The rules of a backward pass in which one example alone counts."""

    def of_loss(backward: Callable[..., Array]) -> Rule:
        def rule(y_hat: Array, y: Any) -> Array:
            gradient = backward(y_hat, y)
            return np.where(np.arange(len(gradient))[:, None] == row % len(gradient), gradient, 0.0)

        return rule

    return {
        "linear": lambda dout, x, W, *_: {"W": np.outer(dout[row], x[row]), "b": dout[row]},
        "mse": of_loss(F.mse_backward),
        "binary_cross_entropy": of_loss(F.binary_cross_entropy_backward),
        "softmax_cross_entropy": of_loss(F.softmax_cross_entropy_backward),
    }


def _statistics(mean_moves: bool, variance_moves: bool) -> dict[str, Rule]:
    """The rules of a normalisation that forgets that its statistics move with x."""

    def over(axis: int) -> Rule:
        def rule(
            dout: Array, x: Array, gamma: Array, *_: Any, eps: float = 1e-5, mean: Any = None, var: Any = None
        ) -> Gradients:
            if mean is not None:  # in evaluation they do not
                return {}
            std = np.sqrt(x.var(axis=axis, keepdims=True) + eps)
            x_hat, d = (x - x.mean(axis=axis, keepdims=True)) / std, dout * gamma
            through_mean = d.mean(axis=axis, keepdims=True) * mean_moves
            through_variance = x_hat * (d * x_hat).mean(axis=axis, keepdims=True) * variance_moves
            return {"x": (d - through_mean - through_variance) / std}

        return rule

    return {"batch_norm": over(0), "layer_norm": over(1)}


def _put_back(
    put: Callable[[Array, Array], Array], moves: Callable[[int], int] | None = None, cut: int | None = None
) -> Rule:
    """conv2d's dx when numbers are put back to their pixels in another way, or to other pixels."""

    def rule(
        dout: Array, x: Array, W: Array, *_: Array, stride: int = 1, padding: int = 0, **rest: Any
    ) -> Gradients:
        dx = np.zeros((*x.shape[:2], x.shape[2] + 2 * padding, x.shape[3] + 2 * padding))
        step = moves(stride) if moves else stride
        for i, j in np.ndindex(dout.shape[2:]):
            window = dx[:, :, i * step : i * step + W.shape[2], j * step : j * step + W.shape[3]]
            window[...] = put(window, np.tensordot(dout[:, :, i, j], W, 1))
        first = padding if cut is None else cut
        return {"x": dx[:, :, first : first + x.shape[2], first : first + x.shape[3]]}

    return rule


def _convolved(kernels: Callable[[Array], Array]) -> Rule:
    """conv2d's dx by other kernels."""
    return lambda dout, x, W, *_, **options: {"x": F.conv2d_backward(dout, x, kernels(W), **options)[0]}


def _of_kernels(change: Callable[[Array, Array], Array]) -> Rule:
    """conv2d's dW, changed; the change is told dout too."""
    return lambda dout, x, W, *_, **options: {"W": change(F.conv2d_backward(dout, x, W, **options)[1], dout)}


def _pooled(share: Callable[[Array, Array, int], Array], adds_up: bool = True) -> Rule:
    """max_pool2d's dx when each window hands on ``share(seen, largest, its area)`` of dout."""

    def rule(dout: Array, x: Array, out: Array, kernel_size: int = 2, stride: int | None = None) -> Array:
        dx, step = np.zeros_like(x), stride or kernel_size
        for i, j in np.ndindex(dout.shape[2:]):
            seen = (..., slice(i * step, i * step + kernel_size), slice(j * step, j * step + kernel_size))
            here = (..., slice(i, i + 1), slice(j, j + 1))
            given = dout[here] * share(x[seen], out[here], kernel_size**2)
            dx[seen] = dx[seen] + given if adds_up else np.where(given != 0, given, dx[seen])
        return dx

    return rule


def _first_winner(seen: Array, largest: Array, area: int) -> Array:
    wins = (seen == largest).reshape(*seen.shape[:2], -1)
    return (wins & (wins.cumsum(axis=-1) == 1)).reshape(seen.shape)


def _cut_off(found: Array, truth: Array) -> Array | None:
    whole = np.trunc(truth)
    return whole if whole.any() and (found == np.trunc(found)).all() else None


def _reshaped(found: Array, truth: Array) -> Array | None:
    return truth.reshape(found.shape) if found.size == truth.size and found.shape != truth.shape else None


def _through_time(
    arriving: Callable[[Array, Array], Array] = np.add,
    slope_of: int = 0,
    passed_back: Callable[[Array, Array], Array] = np.matmul,
    order: Callable[[int], Any] = lambda steps: range(steps, 0, -1),
    counted: Callable[[Gradients, Array, Array], Gradients] | None = None,
    slope: Callable[[Array], Array] = lambda state: 1 - state**2,
) -> Rule:
    """A recurrent layer's backward with one part replaced. Steps are counted from 1, states from 0."""

    def rule(dout: Array, x: Array, h0: Array, Wx: Array, Wh: Array, b: Array, h: Array) -> Gradients:
        states, later, dz = [h0, *h.transpose(1, 0, 2)], np.zeros_like(h0), np.zeros_like(h)
        for t in order(h.shape[1]):
            dz[:, t - 1] = arriving(dout[:, t - 1], later) * slope(states[t + slope_of])
            later = passed_back(dz[:, t - 1], Wh)
        before = np.stack(states, axis=1)[:, :-1]
        dWx, dWh = (np.einsum("ntk,ntj->tkj", dz, sender) for sender in (x, before))
        uses = {"Wx": dWx, "Wh": dWh, "b": dz.sum(axis=0)}  # by step
        if counted is not None:
            return counted(uses, dz, h)
        return {"x": dz @ Wx, "h0": later} | _over_steps(uses, np.sum)

    return rule


def _one_step(at: int) -> Callable[..., Gradients]:
    return lambda uses, dz, h: {name: use[at] for name, use in uses.items()}


def _over_steps(uses: Gradients, how: Callable[..., Array]) -> Gradients:
    return {name: how(use, axis=0) for name, use in uses.items()}


def _attention(gradients: Callable[[Array, Array, Array, Array, Array, Array], Gradients]) -> dict[str, Rule]:
    """A rule of attention, given p, dp, ds, q, k and dout; q and k are scaled already."""

    def rule(dout: Array, q: Array, k: Array, v: Array, *_: Any) -> Gradients:
        p, scale = attention_weights(q, k), q.shape[-1] ** -0.5
        dp = dout @ v.swapaxes(-1, -2)
        return gradients(p, dp, F.softmax_backward(dp, p), scale * q, scale * k, dout)

    return {"scaled_dot_product_attention": rule}


def _scores(wrong: Callable[[Array, Array], Array]) -> dict[str, Rule]:
    """The rule of attention whose ds is wrong, of p and dp."""
    return _attention(
        lambda p, dp, ds, q, k, dout: {"q": wrong(p, dp) @ k, "k": wrong(p, dp).swapaxes(-1, -2) @ q}
    )


def _scaled(power: float) -> dict[str, Rule]:
    """The rule of attention that takes the scale of the scores to another power."""

    def rule(dout: Array, q: Array, k: Array, v: Array, *_: Any) -> Gradients:
        dq, dk, _dv = F.scaled_dot_product_attention_backward(dout, q, k, v)
        factor = q.shape[-1] ** (-0.5 * (power - 1))
        return {"q": factor * dq, "k": factor * dk}

    return {"scaled_dot_product_attention": rule}


def _last_lookup(dout: Array, x: Any, E: Array, *_: Array) -> Gradients:
    dE = np.zeros_like(E)
    dE[x] += dout
    return {"E": dE}


def _mean_of_lookups(dout: Array, x: Any, E: Array, *_: Array) -> Gradients:
    counts = np.bincount(x.ravel(), minlength=len(E))[:, None]
    return {"E": F.embedding_backward(dout, x, E) / np.maximum(counts, 1)}


_SQUARE = (
    "Every number is {times} the right one: look at the derivative of a square, and at whether this loss "
    "carries a half."
)
_TURNED = "These numbers come out with a transpose too many, or one missing: {dW}."

TABLE = (
    # --- in any gradient ---
    Mistake(
        "all zero",
        "Every number is 0 and the right ones are not: look for a gradient that is never filled in, or that "
        "is stopped on its way back.",
        factor=lambda c: 0.0,
    ),
    Mistake(
        "sign",
        "These are the right numbers with the sign flipped: look for a minus sign lost or gained, often a "
        "target minus prediction where prediction minus target belongs.",
        factor=lambda c: -1.0,
    ),
    Mistake(
        "not averaged",
        "Every number is the right one times the batch size: the loss averages over the batch, so its "
        "gradient is divided by the batch size, once.",
        factor=lambda c: c.n,
    ),
    Mistake(
        "averaged twice",
        "Every number is the right one divided by the batch size once too often: the loss has averaged "
        "already, so dW and db add up over the batch, with a sum and not a mean.",
        factor=lambda c: c.n and 1 / c.n,
    ),
    Mistake(
        "averaged, and the loss adds up",
        "Every number is the right one divided by the batch size: this loss adds up over the examples, so "
        "its gradient is not averaged.",
        factor=lambda c: c.summed and 1 / c.summed,
        of_the_loss=True,
    ),
    Mistake("factor 2", _SQUARE.format(times="twice"), factor=lambda c: 2.0, of_the_loss=True),
    Mistake("factor 1/2", _SQUARE.format(times="half"), factor=lambda c: 0.5, of_the_loss=True),
    Mistake(
        "not averaged over the outputs",
        "Every number is the right one times the number of outputs: this loss averages over the outputs too, "
        "so its gradient is divided by their number.",
        factor=lambda c: c.k,
        of_the_loss=True,
    ),
    Mistake(
        "averaged over the outputs too",
        "Every number is the right one divided by the number of outputs: this loss averages over the "
        "examples and adds up over the outputs.",
        factor=lambda c: c.k and 1 / c.k,
        of_the_loss=True,
    ),
    Mistake(
        "not averaged at all",
        "Every number is the right one times the number of all outputs of the batch: this loss averages over "
        "examples and outputs, so its gradient is divided by both numbers.",
        factor=lambda c: c.n and c.k and c.n * c.k,
        of_the_loss=True,
    ),
    Mistake(
        "added to an old gradient",
        "Every number is twice the right one: look for a gradient that was added to one from before, such as "
        "a .grad that was not cleared.",
        factor=lambda c: 2.0,
    ),
    Mistake(
        "dropout scale twice",
        "Every number is the right one divided by dropout's 1 - p once too often: kept units are scaled "
        "once.",
        factor=lambda c: c.p and 1 / (1 - c.p),
    ),
    Mistake(
        "dropout scale missing",
        "These numbers come out when kept units are not scaled on the way back: the forward pass divided "
        "them by 1 - p, so is their gradient.",
        {"dropout": lambda dout, x, out, mask: dout * (mask > 0)},
        factor=lambda c: c.p and 1 - c.p,
    ),
    Mistake(
        "learning rate multiplied in",
        "Every number is the right one times the learning rate: a gradient is the slope alone, the rate "
        "belongs in the update.",
        factor=lambda c: c.lr,
    ),
    Mistake("factor", "Every number is {factor} times the right one: a constant factor was lost or gained."),
    Mistake(
        "another parameter",
        "This is the gradient of {name}, of the same shape: look at what is stored under which name.",
    ),
    Mistake(
        "another order",
        "This is the gradient of {name}: gradients are returned in the order of the forward's arguments.",
    ),
    Mistake(
        "L2 term",
        "What is off is {factor} times the parameter itself: look at the gradient of a penalty on the "
        "weights (L2, weight decay), whether it is missing, twice there, or without the 2 of its square.",
    ),
    Mistake(
        "whole numbers",
        "These are the right numbers without their decimals: an array of whole numbers cuts them off, so "
        "make it one of floats.",
        {"gradient": _cut_off},
    ),
    Mistake(
        "NaN",
        "{bad} of {all} numbers are NaN or infinite{where}: look for a division by 0, a logarithm of 0 or an "
        "exponential that overflows.",
    ),
    # --- in weights and biases ---
    Mistake(
        "transposed",
        "This is the transpose of the right gradient: a gradient has the shape of what it belongs to.",
        {
            "gradient": lambda found, truth: truth.T if truth.ndim == 2 else None,
            "linear": lambda dout, x, W, *_: {"W": x.T @ dout},
        },
        in_rows="This is the transpose of the right gradient: dW has the shape of W, one receiving neuron a "
        "row, so it is dz.T @ a and not a.T @ dz.",
        in_letters="This is the transpose of the right gradient: {dW}.",
    ),
    Mistake(
        "shape",
        "The numbers are right and the shape is {found}: it should be {right}.",
        {"gradient": _reshaped},
    ),
    Mistake(
        "bias not summed",
        "This has one number for each example: a bias is shared by the whole batch, so add up over the "
        "examples.",
        {"linear": lambda dout, x, W, *_: {"b": dout}},
        in_rows="This has one row for each example: a bias is shared by the whole batch, so add up the rows "
        "with dz.sum(axis=0).",
        in_letters="This has one number for each example: a bias is shared by the whole batch, so add up "
        "over the examples, {db}.",
    ),
    Mistake(
        "bias summed over the wrong axis",
        "These numbers come out when the bias gradient is added up over the neurons: rows are examples, so "
        "add up over the rows with dz.sum(axis=0).",
        {
            "linear": tuple(
                lambda dout, x, W, *_, k=keepdims: {"b": dout.sum(axis=1, keepdims=k)}
                for keepdims in (False, True)
            )
        },
        in_letters="These numbers come out when the bias gradient is added up over the neurons: add up over "
        "the examples, {db}.",
    ),
    Mistake(
        "weights transposed on the way back",
        "These numbers come out when the gradient goes back through W.T: forward is x @ W.T, so the way "
        "back is dz @ W.",
        {"linear": lambda dout, x, W, *_: {"x": dout @ W.T}},
        in_letters="These numbers come out when the gradient goes back through the weights turned: forward "
        "is {z}, so {dx}.",
    ),
    Mistake(
        "transpose of dz missing",
        "These numbers come out when dz is not transposed: dz @ a pairs receivers with examples, and dz.T @ "
        "a adds up over the examples.",
        {"linear": lambda dout, x, W, *_: {"W": dout @ x}},
        in_letters=_TURNED,
    ),
    Mistake(
        "inputs transposed",
        "These numbers come out when the layer's inputs are transposed: dz.T @ a.T pairs examples with "
        "senders, and dz.T @ a adds up over the examples.",
        {"linear": lambda dout, x, W, *_: {"W": dout.T @ x.T}},
        in_letters=_TURNED,
    ),
    Mistake(
        "hidden delta from updated weights",
        "These numbers come out when the weights of the layer above are updated before the gradient has "
        "passed through them: compute all gradients first, then update.",
        {"early update": lambda dout, x, W, *_, lr: {"x": dout @ (W - lr * (dout.T @ x))}},
    ),
    Mistake(
        "only the last example",
        "These numbers come out when the last example alone counts: add up over the batch (in a loop, += and "
        "not =).",
        _one_example(-1),
    ),
    Mistake(
        "only the first example",
        "These numbers come out when the first example alone counts: add up over the batch.",
        _one_example(0),
    ),
    # --- in activations ---
    Mistake(
        "activation derivative missing",
        "These numbers come out when the derivative of the activation is left out: on its way back through "
        "a = f(z), the gradient is multiplied by f'(z).",
        dict.fromkeys(("sigmoid", "tanh", "softmax", "leaky_relu", "gelu"), _passed_on),
    ),
    Mistake(
        "derivative at a instead of z",
        "These numbers come out when the derivative of the activation is taken at its output a instead of "
        "its input z: f'(z) is wanted, not f'(a).",
        {
            "sigmoid": lambda dout, z, a: F.sigmoid_backward(dout, F.sigmoid(a)),
            "tanh": lambda dout, z, a: F.tanh_backward(dout, F.tanh(a)),
        },
    ),
    Mistake(
        "z in place of a",
        "These numbers come out when z stands where a belongs: the short form of the derivative, such as "
        "a * (1 - a), needs the output a.",
        {
            "sigmoid": lambda dout, z, a: F.sigmoid_backward(dout, z),
            "tanh": lambda dout, z, a: F.tanh_backward(dout, z),
        },
    ),
    Mistake(
        "ReLU mask missing",
        "These numbers come out when the gradient passes through ReLU everywhere: it passes only where z > "
        "0, elsewhere it is 0.",
        {"relu": _passed_on},
    ),
    Mistake(
        "ReLU mask inverted",
        "These numbers come out when the mask of ReLU is the wrong way round: the gradient passes where z > "
        "0, not where z <= 0.",
        {"relu": lambda dout, z, a: dout * (z <= 0)},
    ),
    Mistake(
        "ReLU mask from the gradient",
        "These numbers come out when ReLU cuts the gradient where the gradient is negative: what decides is "
        "the sign of z in the forward pass.",
        {"relu": lambda dout, z, a: dout * (dout > 0)},
    ),
    Mistake(
        "upstream left out",
        "These numbers come out when the layer's own derivative stands alone: on its way back, the gradient "
        "that arrives is multiplied by it.",
        {
            "linear": lambda dout, x, W, *_: dict(
                zip("xW", F.linear_backward(np.ones_like(dout), x, W), strict=False)
            ),
            "sigmoid": _local_slope(F.sigmoid_backward, 1),
            "tanh": _local_slope(F.tanh_backward, 1),
            "relu": _local_slope(F.relu_backward, 0),
            "leaky_relu": _local_slope(F.leaky_relu_backward, 0),
            "gelu": _local_slope(F.gelu_backward, 0),
        },
    ),
    Mistake(
        "another layer's slope",
        "These numbers come out when the derivative is that of another layer's activation: each layer takes "
        "it at its own z.",
        {"slope": lambda dout, *_, slope: dout * slope},
    ),
    # --- in layers that do more ---
    Mistake(
        "mean path missing",
        "These numbers come out when the mean is taken for a constant: it moves with x, so one more term is "
        "subtracted, the mean of dout * gamma.",
        _statistics(False, True),
    ),
    Mistake(
        "variance path missing",
        "These numbers come out when the variance is taken for a constant: it moves with x, so one more term "
        "is subtracted, x_hat times the mean of dout * gamma * x_hat.",
        _statistics(True, False),
    ),
    Mistake(
        "both statistics taken as constants",
        "These numbers come out when mean and variance are taken for constants: both move with x, so two "
        "more terms are subtracted.",
        _statistics(False, False),
    ),
    Mistake(
        "dropout mask missing",
        "These numbers come out when dropped units get a gradient too: on the way back, multiply by the mask "
        "of the forward pass.",
        {
            "dropout": (
                lambda dout, x, out, mask: dout * mask.max(),
                lambda dout, x, out, mask: dout,
            )
        },
    ),
    Mistake(
        "skip missing",
        "These numbers come out when the gradient comes back through the layers alone: x reaches the sum "
        "directly too, so dout is added.",
        {"residual": lambda dout, through: through},
    ),
    # --- in convolution and pooling ---
    Mistake(
        "kernel not flipped",
        "These numbers come out when the kernel is not flipped: dx[k] adds up dout[i] * W[k - i], so on "
        "the way back the kernel is read from its end, in height and in width.",
        {"conv2d": _convolved(lambda W: W[:, :, ::-1, ::-1])},
    ),
    Mistake(
        "channels not exchanged",
        "These numbers come out when the channels keep their places: on the way back a kernel's output "
        "channels are summed over, and its input channels remain.",
        {"conv2d": _convolved(lambda W: W.transpose(1, 0, 2, 3) if len(W) == W.shape[1] else W)},
    ),
    Mistake(
        "overlaps overwritten",
        "These numbers come out when windows that overlap overwrite each other: a pixel that was seen "
        "several times adds up what comes back (+= and not =).",
        {
            "conv2d": _put_back(lambda before, given: given),
            "max_pool2d": _pooled(_first_winner, adds_up=False),
        },
    ),
    Mistake(
        "stride left out on the way back",
        "These numbers come out when the windows lie side by side on the way back: window i begins at pixel "
        "i * stride, as it did on the way there.",
        {"conv2d": _put_back(np.add, lambda stride: 1)},
    ),
    Mistake(
        "padding cut at one end",
        "These numbers come out when the padding is cut off at the far end alone: x begins after the first "
        "padding zeros, dx[:, :, p:p+h, p:p+w].",
        {"conv2d": _put_back(np.add, cut=0)},
    ),
    Mistake(
        "kernel's gradient flipped",
        "This is the right dW, flipped: only dx reads the kernel from its end, dW[i] adds up dout[y] * "
        "x[y + i].",
        {"conv2d": _of_kernels(lambda dW, dout: dW[:, :, ::-1, ::-1])},
    ),
    Mistake(
        "height and width exchanged",
        "This is the right dW with height and width exchanged.",
        {"conv2d": _of_kernels(lambda dW, dout: dW.transpose(0, 1, 3, 2))},
    ),
    Mistake(
        "averaged over the places",
        "Every number is the right one divided by the number of places: a kernel is used at every place, and "
        "its gradient adds up over them.",
        {"conv2d": _of_kernels(lambda dW, dout: dW / dout[0, 0].size)},
    ),
    Mistake(
        "every maximum gets it all",
        "These numbers come out when all equal maxima of a window get the whole of dout: one of them gets "
        "it, or they share it.",
        {"max_pool2d": _pooled(lambda seen, largest, area: seen == largest)},
    ),
    Mistake(
        "everyone in the window gets it",
        "These numbers come out when every number of the window gets what belongs to the largest: the others "
        "could move a little and the maximum would not.",
        {
            "max_pool2d": (
                _pooled(lambda seen, largest, area: np.ones_like(seen)),
                _pooled(lambda seen, largest, area: np.full_like(seen, 1 / area)),
            )
        },
    ),
    # --- at the output ---
    Mistake(
        "softmax Jacobian diagonal only",
        "These numbers come out when only p * (1 - p), the diagonal of softmax's Jacobian, is used: every "
        "probability depends on every score of its row.",
        {
            "softmax": lambda dout, z, a: F.sigmoid_backward(dout, a),
            # dL/dp = -y / (n p), times the diagonal p (1 - p): p cancels, so that p = 0 does no harm.
            "softmax_cross_entropy": lambda z, y: -_one_hot(z, y) * (1 - F.softmax(z)) / len(z),
        },
    ),
    Mistake(
        "output derivative twice",
        "These numbers come out when p * (1 - p) multiplies p - y once more: for this loss, the gradient "
        "with respect to the scores is p - y already.",
        {
            "binary_cross_entropy": lambda z, y: F.sigmoid_backward(
                F.binary_cross_entropy_backward(z, y), F.sigmoid(z)
            ),
            "softmax_cross_entropy": tuple(
                lambda z, y, p=p: F.sigmoid_backward(F.softmax_cross_entropy_backward(z, y), p(z))
                for p in (F.softmax, F.sigmoid)
            ),
        },
    ),
    Mistake(
        "target not subtracted",
        "These numbers come out when the target is not subtracted: the gradient with respect to the scores "
        "is p - y, not p.",
        {
            "binary_cross_entropy": lambda z, y: F.sigmoid(z) / len(z),
            "softmax_cross_entropy": lambda z, y: F.softmax(z) / len(z),
            "mse": lambda y_hat, y: 2 * y_hat / len(y_hat),
        },
    ),
    Mistake(
        "output slope left out",
        "These numbers come out when dL/dp is handed on as if it were dL/dz: multiplied by the slope of the "
        "sigmoid, p * (1 - p), it becomes p - y.",
        {
            "binary_cross_entropy": lambda z, y: (
                (F.sigmoid(z) - y) / F.sigmoid_backward(np.ones_like(z), F.sigmoid(z)) / len(z)
            )
        },
    ),
    Mistake(
        "sign between the two terms",
        "These numbers come out when the two terms of dL/dp have the same sign: it is (1 - y) / (1 - p) "
        "minus y / p.",
        {
            "binary_cross_entropy": tuple(
                lambda z, y, s=s: s * (y * (1 - F.sigmoid(z)) + (1 - y) * F.sigmoid(z)) / len(z)
                for s in (-1, 1)
            )
        },
    ),
    Mistake(
        "softmax over the batch",
        "These numbers come out when the softmax is taken over the batch: rows are examples, so the numbers "
        "of a row add up to 1, with axis=1.",
        {
            "softmax": lambda dout, z, a: a * (dout - (dout * a).sum(axis=0)),
            "softmax_cross_entropy": lambda z, y: (F.softmax(z.T).T - _one_hot(z, y)) / len(z),
        },
    ),
    Mistake(
        "labels shifted by one",
        "These numbers come out when every label is one too high or too low: classes are counted from 0, as "
        "columns are.",
        {
            "softmax_cross_entropy": tuple(
                lambda z, y, s=s: (F.softmax(z) - _one_hot(z, y, s)) / len(z) for s in (1, -1)
            )
        },
    ),
    # --- in a recurrent layer ---
    Mistake(
        "later steps forgotten",
        "These numbers come out when each step hears only from its own loss: a state also moves the states "
        "after it, so add what comes back from the next step, dz[t] = (dh[t] + dz[t+1] @ Wh) * slope.",
        {"rnn": _through_time(arriving=lambda own, later: own)},
    ),
    Mistake(
        "slope missing in the loop",
        "These numbers come out when no step multiplies by its tanh slope: dz[t] is what reaches h[t], times "
        "1 - h[t] ** 2.",
        {"rnn": _through_time(slope=np.ones_like)},
    ),
    Mistake(
        "slope of the step before",
        "These numbers come out with the slope of the state before, 1 - h[t-1] ** 2: the tanh of step t gave "
        "h[t], so its slope is 1 - h[t] ** 2.",
        {"rnn": _through_time(slope_of=-1)},
    ),
    Mistake(
        "recurrent weights transposed on the way back",
        "These numbers come out when a step goes back through Wh.T: forward it was h @ Wh.T, so the way back "
        "is dz @ Wh.",
        {"rnn": _through_time(passed_back=lambda dz, Wh: dz @ Wh.T)},
    ),
    Mistake(
        "steps in forward order",
        "These numbers come out when the backward pass walks from the first step to the last: a step can "
        "answer only after the one behind it, so t runs backward.",
        {"rnn": _through_time(order=lambda steps: range(1, steps + 1))},
    ),
    Mistake(
        "state after the step for the one before",
        "These numbers come out when step t is paired with its own state: what Wh multiplied was the state "
        "before, h[t-1], and h0 in the first step.",
        {"rnn": _through_time(counted=lambda uses, dz, h: {"Wh": np.einsum("ntk,ntj->kj", dz, h)})},
    ),
    Mistake(
        "only one step counted",
        "These numbers come out when one step's gradient is taken for the whole: the weights are used at "
        "every step, so write += for =, and add up all of them.",
        {"rnn": tuple(_through_time(counted=_one_step(at)) for at in (0, -1))},
    ),
    Mistake(
        "first state forgotten",
        "These numbers come out when the first step is left out of dWh: its sender is h0.",
        {"rnn": _through_time(counted=lambda uses, dz, h: {"Wh": uses["Wh"][1:].sum(axis=0)})},
    ),
    Mistake(
        "averaged over the steps",
        "These are the right numbers divided by the number of steps: a weight that is used t times adds up "
        "its t gradients.",
        {"rnn": _through_time(counted=lambda uses, dz, h: _over_steps(uses, np.mean))},
    ),
    # --- in attention and embeddings ---
    Mistake(
        "average not subtracted",
        "These numbers come out when a score is blamed for its value alone, p * dp: what counts is how far "
        "the value lies from the average, p * (dp - (p * dp).sum(axis=-1, keepdims=True)).",
        _scores(lambda p, dp: p * dp),
    ),
    Mistake(
        "diagonal of the softmax only",
        "These numbers come out when each weight is said to depend on its own score alone, p * (1 - p) * dp: "
        "the weights of a query share a sum of 1, so a score moves all of them.",
        _scores(lambda p, dp: p * (1 - p) * dp),
    ),
    Mistake(
        "softmax skipped on the way back",
        "These numbers come out when dp is handed on as if it were ds: between weights and scores stands the "
        "softmax.",
        _scores(lambda p, dp: dp),
    ),
    Mistake(
        "plain mean subtracted",
        "These numbers come out when the plain mean of dp is subtracted: the average of a query is weighted, "
        "with its p.",
        _scores(lambda p, dp: p * (dp - dp.mean(axis=-1, keepdims=True))),
    ),
    Mistake(
        "average over the queries",
        "These numbers come out when the average is taken over the queries: each query has an average of its "
        "own, over its keys, axis=-1.",
        _scores(lambda p, dp: p * (dp - (p * dp).sum(axis=-2, keepdims=True))),
    ),
    Mistake(
        "scale of the scores missing",
        "Every number is sqrt(d) times the right one: the scores were divided by sqrt(d) on the way there, "
        "so dq and dk are as well.",
        _scaled(0),
    ),
    Mistake(
        "scale of the scores twice",
        "Every number is the right one divided by sqrt(d) once too often: the scores were divided by sqrt(d) "
        "once.",
        _scaled(2),
    ),
    Mistake(
        "ds not transposed for the keys",
        "These numbers come out when ds is not transposed: ds has a row for each query, and a key adds up "
        "over the queries that looked at it, dk = ds.T @ q.",
        _attention(lambda p, dp, ds, q, k, dout: {"k": ds @ q}),
    ),
    Mistake(
        "p not transposed for the values",
        "These numbers come out when p is not transposed: p has a row for each query, and a value adds "
        "up over the queries that listened to it, dv = p.T @ dout.",
        _attention(lambda p, dp, ds, q, k, dout: {"v": p @ dout}),
    ),
    Mistake(
        "queries and keys exchanged",
        "These numbers come out when queries and keys change places: a score is q times k, so dq is made of "
        "keys and dk of queries.",
        _attention(lambda p, dp, ds, q, k, dout: {"q": ds @ q, "k": ds.swapaxes(-1, -2) @ k}),
    ),
    Mistake(
        "repeats lost",
        "These numbers come out when each row keeps its last visit only: dE[x] += dout adds to a row once, "
        "however often x names it; np.add.at(dE, x, dout) adds every time.",
        {"embedding": _last_lookup},
    ),
    Mistake(
        "repeats averaged",
        "These numbers come out when a row's visits are averaged: what is used more than once adds up its "
        "blame.",
        {"embedding": _mean_of_lookups},
    ),
)
MISTAKES = {mistake.name: mistake for mistake in TABLE}


def mistakes_in(operation: str) -> list[Mistake]:
    """The rows that have a rule for this operation."""
    return [mistake for mistake in TABLE if operation in mistake.rules]


def sentence_for(
    mistake: str,
    place: str = "",
    in_rows: bool = False,
    letters: Mapping[str, str] | None = None,
    **numbers: Any,
) -> str:
    """The sentence of a mistake, the place in front; a plain one for a name that is not in the table."""
    if mistake not in MISTAKES:
        return f"These numbers come out with this mistake: {mistake}."
    row = MISTAKES[mistake]
    in_letters = letters and row.in_letters.format(**letters)
    sentence = in_letters or ((in_rows and row.in_rows) or row.sentence).format(**numbers)
    return f"{place}: {sentence[0].lower()}{sentence[1:]}" if place else sentence
