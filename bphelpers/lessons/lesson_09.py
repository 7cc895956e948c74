"""Exercises, predictions and pictures of lesson 09: what the loss itself says about a gradient."""

import functools
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bphelpers import data
from bphelpers import functional as F
from bphelpers.lessons import shared
from bphelpers.teaching import plots
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction
from bphelpers.teaching.exercises.differences import Unreadable
from bphelpers.teaching.gradcheck import Bug

Array = NDArray[Any]
Params = dict[str, Array]
Loss = Callable[[Params], float]
Backward = Callable[[Params, Array, Array], Params]

# --- The network of the lesson: 64 inputs, sigmoid, softmax, cross-entropy ----------------------------------


def first_weights(seed: int, sizes: Sequence[int] = (64, 16, 10)) -> Params:
    """Random weights, small enough for sums near 1, and biases of 0."""
    return shared.first_weights(sizes, seed)


def forward(params: Params, X: Array) -> tuple[Array, Array]:
    """Hidden outputs and probabilities."""
    A = F.sigmoid(X @ params["W1"].T + params["b1"])
    return A, F.softmax(A @ params["W2"].T + params["b2"])


def loss(params: Params, X: Array, y: Array) -> float:
    """Mean cross-entropy for the labels ``y``."""
    P = forward(params, X)[1]
    return float(-np.mean(np.log(P[np.arange(len(y)), y])))


# How dZ1 comes from dA, and a bias's gradient from dZ: rightly, and with mistakes.
SLOPES: dict[str, Callable[[Array, Array], Array]] = {
    "": lambda dA, A: dA * A * (1 - A),
    "tanh": lambda dA, A: dA * (1 - A * A),
    "forgotten": lambda dA, A: dA,
    "A alone": lambda dA, A: dA * A,
    "1 - A alone": lambda dA, A: dA * (1 - A),
    "twice": lambda dA, A: dA * (A * (1 - A)) ** 2,
    "without brackets": lambda dA, A: dA * A * 1 - A,
    "without dA": lambda dA, A: A * (1 - A),
}
SUMS: dict[str, Callable[[Array], Array]] = {
    "": lambda dZ: dZ.sum(axis=0),
    "mean": lambda dZ: dZ.mean(axis=0),
    "all": lambda dZ: np.sum(dZ),
    "rows": lambda dZ: dZ.sum(axis=1),
    "none": lambda dZ: dZ,
}


def backward(
    params: Params,
    X: Array,
    y: Array,
    *,
    slope: str = "",
    bias: str = "",
    sign: int = 1,
    averaged: bool = True,
) -> Params:
    """The gradients of :func:`loss`; or those that one or two mistakes would give."""
    A, P = forward(params, X)
    dZ2 = (P - np.eye(P.shape[1])[y]) / (len(X) if averaged else 1)
    dZ1 = SLOPES[slope](sign * dZ2 @ params["W2"], A)
    return {"W1": dZ1.T @ X, "b1": dZ1.sum(axis=0), "W2": dZ2.T @ A, "b2": SUMS[bias](dZ2)}


def backward_a(params: Params, X: Array, y: Array) -> Params:
    """The backward pass of network A. Whoever reads on knows more than the lesson wants."""
    return backward(params, X, y)


def backward_b(params: Params, X: Array, y: Array) -> Params:
    """The backward pass of network B. Whoever reads on knows more than the lesson wants."""
    A, P = forward(params, X)
    dZ2 = (P - np.eye(10)[y]) / len(X)
    dW2 = dZ2.T @ A
    db2 = dZ2.sum(axis=0)
    dA = dZ2 @ params["W2"]
    dZ1 = dA
    dW1 = dZ1.T @ X
    db1 = dZ1.sum(axis=0)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def backward_c(params: Params, X: Array, y: Array) -> Params:
    """The backward pass of exercise 09.3 as it stands there, with both of its mistakes."""
    return backward(params, X, y, slope="tanh", bias="mean")


def train(
    backward: Backward, params: Params, X: Array, y: Array, updates: int = 300, lr: float = 1.0
) -> tuple[Params, list[float]]:
    """Plain descent with all examples: the weights at the end, and the loss before each update."""
    losses = []
    for _ in range(updates):
        losses.append(loss(params, X, y))
        grads = backward(params, X, y)
        params = {name: params[name] - lr * grads[name] for name in params}
    return params, losses


# --- Exercise 09.1: a nudge of 1 --------------------------------------------------------------------------


def _toy(w: float, b: float) -> float:
    return (3 * w + b - 5) ** 2


_UP, _DOWN, _HERE = (_toy(3, 1), _toy(2, 2)), (_toy(1, 1), _toy(2, 0)), _toy(2, 1)
_TOY = tuple((up - down) / 2 for up, down in zip(_UP, _DOWN, strict=True))
_TOY_SAYS: dict[str, tuple[float, ...]] = {
    "you stop at the difference of the losses: divide by the distance, which is 2": (
        tuple(up - down for up, down in zip(_UP, _DOWN, strict=True))
    ),
    "you nudge up only: on a curve, one side alone is too steep": tuple(up - _HERE for up in _UP),
    "you nudge down only: on a curve, one side alone is too flat": tuple(_HERE - down for down in _DOWN),
    "you believe the backward pass: work out the losses on both sides instead": (6.0, 2.0),
    "the lower loss is subtracted from the upper the wrong way round": tuple(-slope for slope in _TOY),
}
_TOY_MISTAKES = (
    _TOY_SAYS
    | {f"w is right, and for b {says}": (_TOY[0], b) for says, (_, b) in _TOY_SAYS.items()}
    | {f"b is right, and for w {says}": (w, _TOY[1]) for says, (w, _) in _TOY_SAYS.items()}
    | {"the two are the wrong way round": _TOY[::-1]}
)


# --- Exercise 09.2: the loop --------------------------------------------------------------------------------


def nudge_each(loss: Callable[[Array], float], array: Array, h: float = 1e-5) -> Array:
    """Centred differences of ``loss(array)``, one number of the array at a time."""
    return _nudged(loss, array, h, lambda up, down, _: (up - down) / (2 * h))


def slopes_by_nudging(loss: Loss, params: Params, h: float = 1e-5) -> Params:
    """The same for every array of a dictionary, and a loss of all of them."""
    return {
        name: nudge_each(lambda moved, name=name: loss(params | {name: moved}), array, h)  # type: ignore[misc]
        for name, array in params.items()
    }


def _nudged(loss: Callable[[Array], float], array: Array, h: float, slope: Callable[..., float]) -> Array:
    here, slopes = loss(array), np.zeros(array.shape)
    for place in np.ndindex(array.shape):
        up, down = array.copy(), array.copy()
        up[place] += h
        down[place] -= h
        slopes[place] = slope(loss(up), loss(down), here)
    return slopes


def _loop_mistakes(loss: Callable[[Array], float], array: Array, h: float) -> Mistakes:
    def of(slope: Callable[..., float]) -> Array:
        return _nudged(loss, array, h, slope)

    return {
        "the 2 is missing: from old - h to old + h it is 2 * h": of(lambda up, down, _: (up - down) / h),
        "the change is not divided by the distance": of(lambda up, down, _: up - down),
        "the brackets around 2 * h are missing: / 2 * h divides by 2 and multiplies by h": (
            of(lambda up, down, _: (up - down) / 2 * h)
        ),
        "you nudge up only: nudge down as well, and divide by 2 * h": of(lambda up, _, here: (up - here) / h),
        "the second nudge only takes you back to where you began: it should end at old - h": (
            of(lambda up, _, here: (up - here) / (2 * h))
        ),
        "up and down are the wrong way round": of(lambda up, down, _: (down - up) / (2 * h)),
        "h is 1e-5, whatever is handed over: use the argument": _nudged(
            loss, array, 1e-5, lambda up, down, _: (up - down) / 2e-5
        ),
        "the slopes are never written down: put each into slopes[place]": np.zeros(array.shape),
    }


def _watched(function: Callable[[Array], Any], start: Array) -> Callable[..., float]:
    """A loss of one array that says what is wrong where it is called otherwise than meant."""

    def loss(array: Any, *others: Any) -> float:
        if others or np.shape(array) != start.shape:
            raise Unreadable("`loss` takes the whole array, and nothing else: write `loss(array)`.")
        nudged = np.count_nonzero(array != start)
        if nudged == start.size > 1:
            raise Unreadable("A whole array is nudged at once: nudge `array[place]` alone.")
        if nudged > 1:
            raise Unreadable("The number stays nudged: put the old one back before you go on.")
        return float(function(array))

    return loss


def _loop_cases() -> list[tuple[Callable[..., float], Array, float]]:
    """No parabolas, so that every mistake shows; eighths, so that a nudge there and back is exact."""
    W, b = np.array([[0.5, -1.25, 0.75], [1.5, 0.25, -0.5]]), np.array([1.0, -0.5])
    return [
        (_watched(lambda W: np.sum(np.sin(W) * W) + np.prod(np.cos(W)), W), W, 0.125),
        (_watched(lambda b: np.sum(b**3) + b[0] * b[1], b), b, 0.5),
    ]


# --- Exercise 09.3: a pass to repair ------------------------------------------------------------------------

_SLOPE_SAYS = {
    "tanh": "dZ1 still takes 1 - A * A, which is the slope of tanh: the hidden layer is a sigmoid",
    "forgotten": "dZ1 has no slope at all: through the sigmoid, dA is multiplied by A * (1 - A)",
    "A alone": "dZ1 multiplies by A alone: the slope of the sigmoid is A * (1 - A)",
    "1 - A alone": "dZ1 multiplies by 1 - A alone: the slope of the sigmoid is A * (1 - A)",
    "twice": "dZ1 is multiplied by the slope twice",
    "without brackets": "the brackets around 1 - A are missing in dZ1, so Python multiplies first",
    "without dA": "dZ1 holds the slope alone: multiply it by dA, which is what comes back",
}
_BIAS_SAYS = {
    "mean": "db2 is still a mean: dZ2 has been divided by the number of examples already, so add up its rows",
    "all": "db2 adds up all of dZ2: each class has a bias of its own, so add up over the examples, axis=0",
    "rows": "db2 adds up along each row: add up over the examples, axis=0",
    "none": "db2 is dZ2 itself: a bias serves every example, so add up its rows",
}


def _repair_mistakes(params: Params, X: Array, y: Array) -> Mistakes:
    wrong: Mistakes = {}
    for slope, bias in product(SLOPES, SUMS):
        says = [_SLOPE_SAYS.get(slope), _BIAS_SAYS.get(bias)]
        clause = "; and ".join(filter(None, says))
        if (slope, bias) == ("tanh", "mean"):
            clause = "nothing has been repaired yet: one fault spoils W1 and b1, the other b2"
        if clause:
            wrong[clause] = backward(params, X, y, slope=slope, bias=bias)
    return wrong | {
        "dZ2 is no longer divided by the number of examples: the loss is a mean, and db2 alone was wrong": (
            backward(params, X, y, averaged=False)
        ),
        "a minus sign got into dZ1": backward(params, X, y, sign=-1),
    }


def _repair_cases() -> list[tuple[Params, Array, Array]]:
    cases = []
    for seed, (n, *sizes) in enumerate([(5, 4, 3, 2), (3, 2, 6, 4)]):
        rng = np.random.default_rng(seed)
        params = first_weights(seed, sizes)
        params |= {name: rng.normal(size=params[name].shape) for name in ("b1", "b2")}
        cases.append((params, rng.normal(size=(n, sizes[0])), rng.integers(sizes[2], size=n)))
    return cases


EXERCISES = {
    "09.1": Exercise(_TOY, _TOY_MISTAKES),
    "09.2": Exercise(nudge_each, _loop_mistakes, cases=_loop_cases),
    "09.3": Exercise(backward, _repair_mistakes, cases=_repair_cases, gradient=True),
}

PREDICTIONS = {
    "09.A": Prediction(
        "One of the two networks has a wrong gradient. Which one?",
        ("A", "B"),
        answer="B",
        explain="'A' is tempting, because its loss falls more slowly. But how fast a loss falls doesn't tell"
        " you whether the gradient is right.",
    ),
    "09.B": Prediction(
        "A network has a thousand classes and hasn't learned anything yet. What is its loss?",
        ("about 1.0", "about 6.9", "about 1000"),
        answer="about 6.9",
        explain="'About 1.0' is tempting, because 999 guesses out of 1000 are wrong. But the loss isn't a"
        " share of errors. It's minus the logarithm of the probability that the right class gets.",
    ),
    "09.C": Prediction(
        "Somebody puts a sigmoid after the last layer, although a softmax follows, and its backward pass is"
        " right. Does the gradient check complain?",
        ("yes", "no"),
        answer="no",
        explain="'Yes' is tempting, because this network can't be what you meant. But the check compares a"
        " gradient with the loss of the network that is there. It can't know which one you meant.",
    ),
}

# --- The pictures -------------------------------------------------------------------------------------------

TWO_NETWORKS = (
    "The losses of two networks, A and B, over 300 updates. Both fall from 2.5 to below 0.1. B's falls"
    " faster, and A's nearly catches up."
)


def two_networks() -> Figure:
    """The first screen: two networks learn 200 digits, one of them with a wrong gradient."""
    X, y = (array[:200] for array in data.digits())
    fig = plots.new_figure(7.2, 2.7)
    ax = fig.add_subplot(xlabel="updates", ylabel="loss", xlim=(0, 300), ylim=(0, 2.7))
    for name, backward, style, colour, place in (
        ("network A", backward_a, "-", plots.FORWARD, (46, 1.15)),
        ("network B", backward_b, "--", plots.BACKWARD, (4, 0.2)),
    ):
        _, losses = train(backward, first_weights(0), X, y)
        ax.plot(losses, style, color=colour)
        ax.text(*place, name, color=colour)
    ax.set_title("Both networks learn to read digits")
    return fig


RULER = (
    "A ruler for relative errors, in powers of ten. Below 1e-6 is marked right, above 1e-3 wrong, and between"
    " the two look closer. All four arrays of A lie near 1e-9. Of B, W2 and b2 lie there too, and W1 and b1"
    " near 1. In float32, all four arrays of A lie near 0.1 or above, among the wrong ones."
)


def off_by(mine: Array, nudged: Array) -> float:
    """Largest gap between two arrays, as a part of the largest number in them."""
    return float(np.abs(mine - nudged).max() / max(np.abs(mine).max(), np.abs(nudged).max()))


def _zones(ax: Axes, left: float, right: float) -> None:
    for start, end, shade, word in ((left, 1e-6, "#DCEFE7", "right"), (1e-6, 1e-3, "#F1F1F1", "look closer"),
                                    (1e-3, right, "#F8E2D5", "wrong")):  # fmt: skip
        ax.axvspan(start, end, color=shade, lw=0, zorder=0)
        ax.text(
            np.sqrt(start * end), 1.01, word, transform=ax.get_xaxis_transform(), ha="center", va="bottom"
        )
    ax.set(xscale="log", xlim=(left, right))


def ruler() -> Figure:
    """Relative errors of A and B, and of A in float32, on a scale with three zones."""
    X, y = (array[:5] for array in data.digits())
    small = {name: array.astype(np.float32) for name, array in first_weights(0).items()}
    fig = plots.new_figure(7.2, 2.7)
    ax = fig.add_subplot(xlabel="relative error", ylim=(2.6, -0.6))
    _zones(ax, 1e-11, 20)
    rows = (("A", backward_a, first_weights(0)), ("B", backward_b, first_weights(0)),
            ("A in float32", backward_a, small))  # fmt: skip
    for row, (_, backward, params) in enumerate(rows):
        inputs, h = X.astype(params["W1"].dtype), params["W1"].dtype.type(1e-5)
        nudged = slopes_by_nudging(lambda p, inputs=inputs: loss(p, inputs, y), params, h)  # type: ignore[misc]
        grads = backward(params, inputs, y)
        errors = [max(off_by(grads[name], nudged[name]), 1e-12) for name in grads]
        ax.plot(errors, [row] * 4, "o", ms=8, mfc="none", mec=plots.INK, mew=1.6, ls="none")
        ends = {"W1, b1": errors[0], "W2, b2": errors[2]} if row == 1 else {"all four": errors[0]}
        for words, error in ends.items():
            ax.annotate(words, (error, row), (0, 9), textcoords="offset points", ha="center", size=9.5)
    ax.set_yticks(range(3), [name for name, *_ in rows])
    ax.grid(visible=False)
    plots.titled(fig, "Right and wrong are far apart, unless float32 meets a tiny nudge")
    return fig


SPOILED = (
    "The backward pass as a chain from right to left: dZ2 gives dW2 and db2, and by way of dA it gives dZ1,"
    " from which dW1 and db1 come. dZ1, dW1 and db1 are marked as wrong, and dZ2, dW2 and db2 are right."
    " Nothing is known of dA, so the steps before and after it are both marked as suspects."
)


def spoiled() -> Figure:
    """What is right, what is wrong, and the two steps between."""
    fig = plots.new_figure(7.2, 2.0)
    ax = plots.blank_axes(fig, (-0.8, 8.3), (-1.5, 0.8), aspect="equal")
    places = {"P − Y": (7.5, 0.0), "dZ2": (5.4, 0.0), "dW2": (6.1, -1.1), "db2": (4.7, -1.1),
              "dA": (2.9, 0.0),
              "dZ1": (0.4, 0.0), "dW1": (1.1, -1.1), "db1": (-0.3, -1.1)}  # fmt: skip
    wrong = {"dZ1", "dW1", "db1"}
    arrows = [("P − Y", "dZ2"), ("dZ2", "dW2"), ("dZ2", "db2"), ("dZ2", "dA"), ("dA", "dZ1"), ("dZ1", "dW1"),
              ("dZ1", "db1")]  # fmt: skip
    for tail, tip in arrows:
        suspect, bad = "dA" in (tail, tip), tip in wrong
        style, colour = ("--", plots.TARGET) if suspect else ("-", plots.BACKWARD if bad else plots.INK)
        ax.annotate("", places[tip], places[tail],
                    arrowprops={"arrowstyle": "-|>", "lw": 1.6, "ls": style, "shrinkA": 19, "shrinkB": 19,
                                "color": colour})  # fmt: skip
    for name, place in places.items():
        colour = plots.BACKWARD if name in wrong else plots.TARGET if name == "dA" else plots.INK
        ax.text(*place, name, ha="center", va="center", color=colour, size=12,
                weight="bold" if name in wrong else "normal")  # fmt: skip
    ax.text(2.9, 0.4, "one of these two steps", ha="center", color=plots.TARGET)
    plots.titled(fig, "The mistake is after the last right array, and before the first wrong one")
    return fig


# --- The slider: four networks, twenty images ---------------------------------------------------------------

FAULTS = ("one sigmoid too many", "the slope is forgotten", "dA has the wrong sign", "nothing")


def squashed_loss(params: Params, X: Array, y: Array) -> float:
    """The loss of a network with a sigmoid before its softmax."""
    return F.softmax_cross_entropy(F.sigmoid(forward_scores(params, X)), y)


def forward_scores(params: Params, X: Array) -> Array:
    """What the last layer puts out, before any softmax."""
    return F.linear(F.sigmoid(F.linear(X, params["W1"], params["b1"])), params["W2"], params["b2"])


def squashed_backward(params: Params, X: Array, y: Array) -> Params:
    """The right gradients of :func:`squashed_loss`."""
    A = F.sigmoid(F.linear(X, params["W1"], params["b1"]))
    S = F.sigmoid(F.linear(A, params["W2"], params["b2"]))
    dZ2 = F.sigmoid_backward(F.softmax_cross_entropy_backward(S, y), S)
    dA, dW2, db2 = F.linear_backward(dZ2, A, params["W2"])
    _, dW1, db1 = F.linear_backward(F.sigmoid_backward(dA, A), X, params["W1"])
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


@functools.cache
def by_heart(fault: str, seed: int = 0) -> tuple[tuple[float, ...], dict[str, float]]:
    """Losses on twenty images over 500 updates, and the relative error of each array before the first."""
    X, y = (array[:20] for array in data.digits())
    wrong = {"the slope is forgotten": {"slope": "forgotten"}, "dA has the wrong sign": {"sign": -1}}.get(
        fault, {}
    )
    squashed = fault == "one sigmoid too many"
    measure = squashed_loss if squashed else loss
    backwards: Backward = squashed_backward if squashed else functools.partial(backward, **wrong)  # type: ignore[arg-type]
    params = first_weights(seed)
    nudged = slopes_by_nudging(lambda p: measure(p, X[:5], y[:5]), params)
    grads = backwards(params, X[:5], y[:5])
    errors = {name: off_by(grads[name], nudged[name]) for name in grads}
    losses = []
    for _ in range(500):
        losses.append(measure(params, X, y))
        grads = backwards(params, X, y)
        params = {name: params[name] - grads[name] for name in params}
    return tuple(losses), errors


def draw_by_heart(fig: Figure, fault: str) -> Callable[..., None]:
    """What the loss does on twenty images, and what the gradient check says of each array."""
    curve, check = fig.subplots(1, 2, width_ratios=(3, 2))
    curve.set(xlabel="updates", ylabel="loss on twenty images", xlim=(0, 500), ylim=(0, 2.7))
    curve.axhline(np.log(10), color=plots.GREY, lw=1, ls=":")
    curve.text(490, np.log(10) + 0.05, "chance", ha="right", color=plots.GREY)
    _zones(check, 1e-11, 20)
    check.set(xlabel="relative error", ylim=(3.6, -0.6), xticks=[1e-9, 1e-6, 1e-3, 1])
    check.set_yticks(range(4), ["W1", "b1", "W2", "b2"])

    def update(fault: str) -> None:
        losses, errors = by_heart(fault)
        curve.plot(losses, "-", color=plots.BACKWARD)
        curve.set_title(f"Mistake: {fault}" if fault != "nothing" else "Nothing is wrong")
        for row, error in enumerate(errors.values()):
            bad = error > 1e-3
            check.plot(max(error, 1e-12), row, "o" if bad else "s", ms=8, ls="none",
                       color=plots.BACKWARD if bad else plots.UPDATE)  # fmt: skip

    return update


def describe_by_heart(fault: str) -> str:
    """The picture in words."""
    losses, errors = by_heart(fault)
    end = f"{losses[-1]:.1f}"
    wrong = [name for name, error in errors.items() if error > 1e-3]
    says = f"finds {' and '.join(wrong)} wrong" if wrong else "finds every array right"
    first = "Nothing is wrong" if fault == "nothing" else f"Mistake: {fault}"
    return f"{first}. After 500 updates the loss on twenty images is {end}. The gradient check {says}."


# --- What deeper/09_ten_broken_passes.ipynb is about --------------------------------------------------------


def suspect(X: Array, Y: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Params:
    """Gradients of mean squared error for linear, tanh, linear, with one mistake."""
    A1 = np.tanh(F.linear(X, W1, b1))
    dY_hat = F.mse_backward(F.linear(A1, W2, b2), Y)
    dA1, dW2, db2 = F.linear_backward(dY_hat, A1, W2)
    dZ1 = F.sigmoid_backward(dA1, A1)  # tanh_backward belongs here
    _, dW1, db1 = F.linear_backward(dZ1, X, W1)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


Runs = Mapping[str, Sequence[tuple[Array, float, Params]]]


def draw_museum(bugs: Sequence[Bug], runs: Runs, right_runs: Runs) -> Figure:
    """Ten broken passes against the right ones: loss over updates, three starts each."""
    fig = plots.new_figure(9.4, 4.6)
    axes = fig.subplots(2, 5, sharex=True, sharey=True).ravel()
    at = np.arange(0, 301, 5)
    for number, (ax, bug) in enumerate(zip(axes, bugs, strict=True), start=1):
        for (right, _, _), (losses, _, _) in zip(right_runs[bug.hidden], runs[bug.name], strict=True):
            ax.plot(at, right, ":", color=plots.GREY, lw=1.2)
            ax.plot(at, np.minimum(losses, 9), "-", color=plots.BACKWARD, lw=1.4)
        ax.set_yscale("log")
        ax.set(ylim=(0.02, 8), yticks=[0.1, 1])
        words = [str(number), *bug.name.split()]
        half = (len(words) + 1) // 2 if len(bug.name) > 18 else len(words)
        ax.set_title(" ".join(words[:half]) + "\n" + " ".join(words[half:]), size=9.5, weight="normal")
    fig.supxlabel("updates", size=10)
    fig.supylabel("loss", size=10)
    plots.titled(
        fig, "Broken (orange) against right (dotted): the upper row would pass for a training that works"
    )
    return fig


def museum_in_words(runs: Runs) -> str:
    """The same in words: the median of the final accuracies."""
    ends = {name: float(np.median([hits for _, hits, _ in of])) for name, of in runs.items()}
    said = (f"{name} {f'{end:.2f}' if end > 0.5 else 'below 0.2'}" for name, end in ends.items())
    return f"Ten small plots of loss against updates, three starts each. Final accuracy: {', '.join(said)}."


def draw_hiding(bugs: Sequence[Bug], places: Sequence[str], caught: Array) -> Figure:
    """Which bugs a check catches at which point."""
    fig = plots.new_figure(7.6, 4.3)
    ax = fig.add_subplot(title="A check at a special point sees less")
    rows, columns = np.nonzero(caught)
    ax.plot(columns, rows, "s", ms=13, color=plots.UPDATE, ls="none")
    rows, columns = np.nonzero(~caught)
    ax.plot(columns, rows, "o", ms=12, mfc="none", mec=plots.BACKWARD, mew=2, ls="none")
    ax.set_xticks(range(len(places)), [name.replace(" ", "\n") for name in places])
    ax.set_yticks(range(len(bugs)), [bug.name for bug in bugs])
    ax.set(xlim=(-0.6, 5.6), ylim=(9.6, -0.6), xlabel="filled square: caught      open ring: passes as right")
    ax.tick_params(length=0)
    return fig


def hiding_in_words(places: Sequence[str], caught: Array) -> str:
    """The same in words."""
    missed = ", ".join(
        f"{name} {int(count)}" for name, count in zip(places, (~caught).sum(axis=0), strict=True)
    )
    return f"Which of the ten bugs a check catches at which point. Passed as right: {missed}."


# --- The pictures of deeper/09_how_close_is_close.ipynb ----------------------------------------------------

PRECISION = (
    "Largest relative error against the step, four curves. In float64 the right gradient falls below 1e-8 and"
    " the late one stays near 1e-3. In float32 both come no lower than about 1e-3, whatever the step."
)


def draw_precision(steps: Array, curves: Mapping[tuple[str, str], Array]) -> Figure:
    """Errors of a right and a mildly wrong gradient over the step, in two precisions."""
    fig = plots.new_figure(7.0, 3.9)
    ax = fig.add_subplot(xscale="log", yscale="log", xlabel="step h", ylabel="largest relative error",
                         title="In float32 a mild error looks like none")  # fmt: skip
    for (verdict, dtype), errors in curves.items():
        colour, width = (plots.FORWARD, 3.5) if verdict == "right" else (plots.BACKWARD, 1.8)
        ax.plot(steps, errors, color=colour, lw=width, ls="-" if dtype == "float64" else ":")
    ax.axhline(1e-6, color=plots.GREY, lw=0.8, ls=(0, (4, 3)))
    for x, y, word in ((1.5e-10, 1.2e-6, "tolerance"), (1e-8, 3e-9, "right, float64"),
                       (3e-10, 3e-3, "late, float64"),
                       (2e-9, 2.0, "right and late in float32 (dotted)")):  # fmt: skip
        ax.text(x, y, word, va="bottom" if y > 1e-7 else "top", size=9.5)
    return fig


def _relu_slope(z: float) -> float:
    return float(F.relu(np.array(z + 1)) - F.relu(np.array(z - 1))) / 2


def draw_kink(fig: Figure, z: float) -> Callable[..., None]:
    """Two probes around a point near the corner of a ReLU."""
    ax = fig.add_subplot(
        xlabel="pre-activation, in units of h", ylabel="ReLU", xlim=(-3.5, 3.5), ylim=(-0.4, 3.5)
    )
    grid = np.array([-3.5, 0.0, 3.5])
    ax.plot(grid, F.relu(grid), color=plots.FORWARD)
    ax.text(-3.3, 3.05, "square: where we stand   dots: the two probes")

    def update(z: float) -> None:
        probes = np.array([z - 1, z + 1])
        ax.plot(probes, F.relu(probes), "o--", color=plots.BACKWARD)
        ax.plot([z], F.relu(np.array([z])), "s", color=plots.INK)
        ax.set_title(f"z = {z:g}h: the centred difference says {_relu_slope(z):.2f}")

    return update


def describe_kink(z: float) -> str:
    """The picture in words."""
    truth = "the slope is 0" if z < 0 else "the slope is 1" if z > 0 else "there is no slope"
    return f"At z = {z:g} h {truth}; the centred difference says {_relu_slope(z):.2f}."
