"""Exercises, predictions and pictures of lesson 08 and its pages: what to do with a gradient."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bphelpers import data, nn, optim, training
from bphelpers import functional as F
from bphelpers.numeric import Array
from bphelpers.teaching import plots
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction

# --- The three rules that the exercises ask for -------------------------------------------------------------


def momentum_step(w: Any, dw: Any, v: Any, lr: float, mu: float) -> tuple[Any, Any]:
    """The new weights and the new velocity."""
    v = mu * v + dw
    return w - lr * v, v


def rmsprop_step(
    w: Array, dw: Array, s: Any, lr: float, alpha: float = 0.9, eps: float = 1e-8
) -> tuple[Array, Array]:
    """The new weights and the new average of the squared slopes."""
    s = alpha * s + (1 - alpha) * dw**2
    return w - lr * dw / (np.sqrt(s) + eps), s


def adam_step(
    w: Any, dw: Any, m: Any, s: Any, t: int, lr: float,
    beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8,
) -> tuple[Any, Any, Any]:  # fmt: skip
    """The new weights and both new averages, in update ``t`` = 1, 2, ..."""
    m = beta1 * m + (1 - beta1) * dw
    s = beta2 * s + (1 - beta2) * dw**2
    return w - lr * (m / (1 - beta1**t)) / (np.sqrt(s / (1 - beta2**t)) + eps), m, s


# --- Exercises ----------------------------------------------------------------------------------------------


def _momentum_mistakes(w: Array, dw: Array, v: Array, lr: float, mu: float) -> Mistakes:
    right, new = momentum_step(w, dw, v, lr, mu)

    def by(velocity: Array, rate: float = lr) -> tuple[Array, Array]:
        return w - rate * velocity, velocity

    return {
        "the weights move by the old velocity: the new one comes first": (w - lr * v, new),
        "the weights move by the slope alone": (w - lr * dw, new),
        "the velocity is added to the weights, which leads uphill": (w + lr * new, new),
        "the learning rate is missing": (w - new, new),
        "the velocity is a moving average: here the slope comes in whole, without 1 - mu": (
            by(mu * v + (1 - mu) * dw)
        ),
        "the velocity never fades: multiply the old one by mu": by(v + dw),
        "mu multiplies the slope: it belongs to the old velocity": by(v + mu * dw),
        "mu multiplies the sum of both: it belongs to the old velocity alone": by(mu * (v + dw)),
        "the old velocity is left out": by(dw),
        "the learning rate stands inside the velocity: here it multiplies the step": by(
            mu * v + lr * dw, 1.0
        ),
        "the learning rate acts twice, in the velocity and in the step": by(mu * v + lr * dw),
        "the velocity is a step already, as in another common form (v = mu * v - lr * dw, then w + v): "
        "here it collects slopes, and the rate comes in when the weights move": by(mu * v - lr * dw, -1.0),
        "the slope is counted again on top of the velocity": (w - lr * (dw + mu * new), new),
        "the old velocity is returned: the next step needs the new one": (right, v),
        "v and w change places: return the new w first": (new, right),
        "only the weights are returned: the next step needs the velocity as well": right,
    }


def _rmsprop_mistakes(w: Array, dw: Array, s: Array, lr: float, alpha: float, eps: float) -> Mistakes:
    right, new = rmsprop_step(w, dw, s, lr, alpha, eps)

    def by(average: Array) -> tuple[Array, Array]:
        return w - lr * dw / (np.sqrt(average) + eps), average

    return {
        "`-=` is repaired, and all weights still share one average: leave out np.mean": (
            by(alpha * s + (1 - alpha) * np.mean(dw**2))
        ),
        "the squares of all weights are added up: each weight has an average of its own": (
            by(alpha * s + (1 - alpha) * np.sum(dw**2))
        ),
        "the mean of the slopes is squared: square each slope, and leave out np.mean": by(
            alpha * s + (1 - alpha) * np.full_like(s, np.mean(dw) ** 2)
        ),
        "one number comes out of the averages of all weights: leave out np.mean": by(
            np.full_like(s, np.mean(new))
        ),
        "the slopes are averaged, and not their squares": by(alpha * s + (1 - alpha) * np.abs(dw)),
        "alpha and 1 - alpha have changed places": by((1 - alpha) * s + alpha * dw**2),
        "1 - alpha is missing": by(alpha * s + dw**2),
        "the root is missing": (w - lr * dw / (new + eps), new),
        "the weights are divided by the old average: the new one comes first": (
            w - lr * dw / (np.sqrt(s) + eps), new
        ),
        "eps stands inside the root: add it afterwards": (w - lr * dw / np.sqrt(new + eps), new),
        "the step is added, which leads uphill": (2 * w - right, new),
        "the old average is returned: the next step needs the new one": (right, s),
        "the weights that you were given are returned: return the new ones": (w, new),
    }  # fmt: skip


def _adam_mistakes(
    w: Array, dw: Array, m: Array, s: Array, t: int, lr: float, beta1: float, beta2: float, eps: float
) -> Mistakes:
    right, new_m, new_s = adam_step(w, dw, m, s, t, lr, beta1, beta2, eps)
    fair_m, fair_s = new_m / (1 - beta1**t), new_s / (1 - beta2**t)

    def by(above: Array, below: Array, m: Array = new_m, s: Array = new_s) -> tuple[Array, Array, Array]:
        return w - lr * above / (np.sqrt(below) + eps), m, s

    return {
        "neither average is corrected": by(new_m, new_s),
        "the average of the squares is not corrected": by(fair_m, new_s),
        "the average of the slopes is not corrected": by(new_m, fair_s),
        "the corrected averages are returned: keep the uncorrected ones for the next step": (
            by(fair_m, fair_s, fair_m, fair_s)
        ),
        "the averages are multiplied by 1 - beta**t: divide by it": (
            by(new_m * (1 - beta1**t), new_s * (1 - beta2**t))
        ),
        "the averages are divided by 1 - beta, as if every step were the first: it is beta**t": (
            by(new_m / (1 - beta1), new_s / (1 - beta2))
        ),
        "the averages are divided by (1 - beta)**t: the power belongs to beta alone": (
            by(new_m / (1 - beta1) ** t, new_s / (1 - beta2) ** t)
        ),
        "t is counted from 0: in the first update it is 1 already": (
            by(new_m / (1 - beta1 ** (t + 1)), new_s / (1 - beta2 ** (t + 1)))
        ),
        "beta1 corrects both averages: the squares go with beta2": by(fair_m, new_s / (1 - beta1**t)),
        "beta1 is used in both averages": by(
            fair_m,
            (beta1 * s + (1 - beta1) * dw**2) / (1 - beta1**t),
            s=beta1 * s + (1 - beta1) * dw**2,
        ),
        "the slope comes into m whole: multiply it by 1 - beta1": by(
            (beta1 * m + dw) / (1 - beta1**t), fair_s, m=beta1 * m + dw
        ),
        "beta and 1 - beta have changed places in both averages": by(
            ((1 - beta1) * m + beta1 * dw) / (1 - beta1**t),
            ((1 - beta2) * s + beta2 * dw**2) / (1 - beta2**t),
            m=(1 - beta1) * m + beta1 * dw,
            s=(1 - beta2) * s + beta2 * dw**2,
        ),
        "s averages the slopes: it should average their squares": by(
            fair_m,
            np.abs(beta2 * s + (1 - beta2) * dw) / (1 - beta2**t),
            s=beta2 * s + (1 - beta2) * dw,
        ),
        "s averages the squares of m: it should average the squares of the slopes": by(
            fair_m,
            (beta2 * s + (1 - beta2) * new_m**2) / (1 - beta2**t),
            s=beta2 * s + (1 - beta2) * new_m**2,
        ),
        "the slope stands above the fraction line, so nothing is remembered of its direction": by(dw, fair_s),
        "the root is missing": (w - lr * fair_m / (fair_s + eps), new_m, new_s),
        "eps is added to the weights: put parentheses around np.sqrt(s_hat) + eps": (
            w - lr * fair_m / np.sqrt(fair_s) + eps, new_m, new_s
        ),
        "eps stands inside the root: add it afterwards": (
            w - lr * fair_m / np.sqrt(fair_s + eps), new_m, new_s
        ),
        "the step is added, which leads uphill": (2 * w - right, new_m, new_s),
        "the learning rate is missing": (w - (w - right) / lr, new_m, new_s),
        "the old averages are returned: the next step needs the new ones": (right, m, s),
        "the two averages change places: return w, m, s": (right, new_s, new_m),
        "only the weights are returned: the next step needs m and s as well": right,
    }  # fmt: skip


_rng = np.random.default_rng(8)


def _state(*shape: int) -> tuple[Array, Array, Array, Array]:
    """Weights, slopes, an average of slopes, one of squares."""
    w, dw, m = _rng.normal(size=(3, *shape))
    return w, dw, m, _rng.uniform(0.2, 2, size=shape)


def _two(*shape: int) -> tuple[Array, Array, Array]:
    w, dw, _, s = _state(*shape)
    return w, dw, s


EXERCISES = {
    "08.1": Exercise(
        momentum_step,
        _momentum_mistakes,
        cases=[(*_state(3, 2)[:3], 0.2, 0.9), (*_state(4)[:3], 0.5, 0.8), (*_state(2)[:3], 0.2, 0.6)],
    ),
    "08.2": Exercise(
        rmsprop_step,
        _rmsprop_mistakes,
        cases=[(*_two(3, 2), 0.1, 0.9, 0.05), (*_two(4), 0.5, 0.8, 0.1), (*_two(2), 0.2, 0.6, 0.02)],
    ),
    "08.3": Exercise(
        adam_step,
        _adam_mistakes,
        cases=[
            (*_state(3, 2), 2, 0.1, 0.9, 0.99, 0.05),
            (*_state(4), 3, 0.5, 0.8, 0.95, 0.1),
            (*_state(3), 5, 0.2, 0.7, 0.9, 0.02),
        ],
    ),
}

PREDICTIONS = {
    "08.A": Prediction(
        "With momentum 0.9 and a slope that stays the same, how long do the steps become, compared with plain"
        " steps?",
        ("1.9 times as long", "10 times as long", "longer and longer, without end"),
        answer="10 times as long",
        explain="1.9 is only the second step. Without end is tempting, because something is added in every"
        " step. But the longer the step, the more of it is lost: a tenth of the velocity fades, and at 10"
        " that's as much as comes in.",
    ),
    "08.B": Prediction(
        "In Adam's first update the slope is 10, in its second −10. How long is the second step, compared"
        " with the first?",
        ("as long", "half as long", "about a twentieth"),
        answer="about a twentieth",
        explain="As long is what a division by the size alone would give. But Adam remembers the first slope,"
        " and the two nearly cancel: m is 1 at first, then 0.9 · 1 − 0.1 · 10 = −0.1. Corrected, that's −0.1"
        " / 0.19 = −10 / 19. The squares don't cancel, so it's divided by 10 all the same.",
    ),
    "08.C": Prediction(
        "On how many of the four problems does Adam come first?",
        ("one", "three", "all four"),
        answer="one",
        explain="All four is tempting, because Adam is what most people use. But each rule is made for one"
        " kind of trouble, and where that trouble is missing, it doesn't help.",
    ),
}

# --- The valley ---------------------------------------------------------------------------------------------

START = np.array([20.0, 1.0])
_CURVATURES = np.array([1.0, 20.0])


def height(w: Array) -> Any:
    """The loss in the valley of the first screen, ``w1**2 / 2 + 10 * w2**2``."""
    return np.sum(_CURVATURES * w**2, axis=-1) / 2


def valley_walk(lr: float, mu: float, steps: int = 20) -> Array:
    """All places of a walk in this valley, with momentum."""
    w, v, path = START, np.zeros(2), [START]
    for _ in range(steps):
        w, v = momentum_step(w, _CURVATURES * w, v, lr, mu)
        path.append(w)
    return np.array(path)


def _rings(ax: Axes) -> None:
    """The valley from above."""
    along, across = np.meshgrid(np.linspace(-19, 24, 216), np.linspace(-4, 4, 81))
    ax.contour(along, across, height(np.stack([along, across], axis=-1)),
               levels=[2, 10, 25, 50, 85, 130, 185, 250, 325], colors=plots.LIGHT, linewidths=0.9,
               linestyles="solid")  # fmt: skip
    ax.plot(0, 0, "*", color=plots.TARGET, ms=13, zorder=4)
    ax.grid(False)
    ax.set(ylabel="w2", yticks=[-2, 0, 2], aspect="equal")


STRIPS = (
    "A long valley from above, three times, with twenty steps from w1 = 20, w2 = 1 on the right towards the"
    " star at (0, 0). With rate 0.02 the steps are short, and the walk gets to w1 = 13.4. With rate 0.1 it"
    " bounces from side to side at every step, and gets to 2.4. With rate 0.1 and half of the last step"
    " kept, it rolls along the floor and arrives."
)


def strips() -> Figure:
    """The first screen: three walks of twenty steps."""
    fig = plots.new_figure(7.4, 3.3)
    walks = {
        "Learning rate 0.02: it creeps": (0.02, 0.0),
        "Learning rate 0.1: it bounces from side to side": (0.1, 0.0),
        "Learning rate 0.1, with half of the last step kept: it rolls along": (0.1, 0.5),
    }
    for ax, (title, (lr, mu)) in zip(fig.subplots(3, 1, sharex=True), walks.items(), strict=True):
        _rings(ax)
        ax.plot(*valley_walk(lr, mu).T, "o-", color=plots.UPDATE, lw=1.2, ms=4)
        ax.plot(*START, "s", color=plots.INK, ms=7, zorder=4)
        ax.set(xlim=(-2, 21.5), ylim=(-1.3, 1.3), yticks=[-1, 0, 1], aspect="auto")
        ax.set_title(title, size=10, weight="normal", pad=5)
    fig.axes[-1].set_xlabel("w1, the flat direction (w2 is the steep one)")
    plots.titled(fig, "Twenty steps each, and only one walk arrives")
    return fig


def draw_roll(fig: Figure, lr: float, mu: float) -> Callable[..., None]:
    """Twenty steps in the valley, and the loss after each."""
    above, below = fig.subplots(2, 1, height_ratios=(1.25, 1))
    _rings(above)
    above.plot(*START, "s", color=plots.INK, ms=7, zorder=4)
    above.set(xlim=(-18, 22), ylim=(-4, 4), xlabel="w1")
    above.set_title("The gradient says which way is down. The rest is yours to choose.")
    below.set(
        xlim=(0, 20), ylim=(1e-4, 1e4), yscale="log", xlabel="steps", ylabel="loss", xticks=range(0, 21, 5)
    )

    def update(lr: float, mu: float) -> None:
        path = valley_walk(lr, mu)
        shown = path[: 1 + int(np.argmax(np.abs(path).max(axis=1) > 1e3) or len(path))]
        above.plot(*shown.T, "o-", color=plots.UPDATE, lw=1.2, ms=4)
        below.plot(np.maximum(height(path), 1e-8), "o-", color=plots.UPDATE, lw=1.2, ms=4)

    return update


def describe_roll(lr: float, mu: float) -> str:
    """What the picture shows."""
    path = valley_walk(lr, mu)
    first, last = height(path[0]), float(height(path[-1]))
    said = f"Learning rate {lr:.2f}, momentum {mu:.2f}: "
    if last > first:
        return said + f"the walk is lost. After 20 steps the loss is above the {first:.0f} of the start."
    lowest = path[:, 0].min()
    beyond = f" On its way it overshoots to w1 = −{-lowest:.1f}." if lowest < -0.5 else ""
    left = f"{last:.1f}" if last >= 0.05 else "below 0.05"
    ended = "" if last >= 0.05 else "it arrives, and "
    return said + f"{ended}after 20 steps the loss is {left}.{beyond}"


# --- The network with eight weights -------------------------------------------------------------------------


def eight_weights() -> Array:
    """The weights w1 to w8 of lesson 05's network, in one array."""
    _, _, W1, _, W2, _, _ = data.mazur()
    return np.concatenate([W1.ravel(), W2.ravel()])


def _passes(w: Array) -> tuple[Array, Array, Array, Array, Array]:
    x, y, _, b1, _, b2, _ = data.mazur()
    A1 = F.sigmoid(F.linear(x, w[:4].reshape(2, 2), b1))
    return x, y, A1, F.sigmoid(F.linear(A1, w[4:].reshape(2, 2), b2)), w[4:].reshape(2, 2)


def loss(w: Array) -> float:
    """The loss of lesson 05's network at these eight weights."""
    _, y, _, A2, _ = _passes(w)
    return float(np.sum((A2 - y) ** 2) / 2)


def gradient(w: Array) -> Array:
    """The eight slopes, by the backward pass of lesson 06."""
    x, y, A1, A2, W2 = _passes(w)
    dA1, dW2, _ = F.linear_backward((A2 - y) * A2 * (1 - A2), A1, W2)
    dW1 = (dA1 * A1 * (1 - A1)).T @ x
    return np.concatenate([dW1.ravel(), dW2.ravel()])


def draw_first_steps(plain: Array, adam: Array) -> Figure:
    """How far each of eight weights moves in a first step, by two rules."""
    fig = plots.new_figure(6.8, 3.1)
    ax = fig.subplots()
    for steps, marker, colour, name in ((adam, "D", plots.UPDATE, "Adam"), (plain, "s", plots.INK, "plain")):
        ax.plot(range(1, 9), np.abs(steps), marker, color=colour, ls="none")
        ax.annotate(name, (8, abs(steps[-1])), (12, 0), textcoords="offset points", va="center", color=colour)
    ax.set(yscale="log", xlim=(0.6, 9.2), ylim=(1e-6, 0.1), xticks=range(1, 9), ylabel="length of the step",
           xticklabels=[f"w{k}" for k in range(1, 9)],
           title="Adam's first step is equally long for every weight")  # fmt: skip
    return fig


def first_steps_in_words(plain: Array, adam: Array) -> str:
    """The same in words."""
    return (
        "The length of the first step of each weight, on a logarithmic axis. Plain: "
        + ", ".join(f"w{k} {abs(step):.1e}" for k, step in enumerate(plain, start=1))
        + f". Adam: {np.abs(adam).min():.2f} for every weight."
    )


# --- The network that reads digits --------------------------------------------------------------------------


class Digits:
    """512 handwritten digits and a network 64-16-10, whose 1,210 weights and biases are one array."""

    def __init__(self, seed: int = 0) -> None:
        X, labels = data.digits()
        self.X, self.labels, self._loss = X[:512], labels[:512], nn.CrossEntropyLoss()
        rng = np.random.default_rng(seed)
        self.net = nn.Sequential(nn.Linear(64, 16, rng=rng), nn.Sigmoid(), nn.Linear(16, 10, rng=rng))
        self.start = self.net.flat.data.copy()

    def loss_and_gradient(self, w: Array, rows: Any = slice(None)) -> tuple[float, Array]:
        """Both at weights ``w``, for the images with these numbers; forward and backward as in lesson 06."""
        self.net.flat.data[:] = w
        value = self._loss(self.net(self.X[rows]), self.labels[rows])
        self.net.backward(self._loss.backward())
        return float(value), self.net.flat.grad.copy()

    def share_right(self, w: Array) -> float:
        """How many of the 512 images it reads correctly."""
        self.net.flat.data[:] = w
        return float(np.mean(self.net(self.X).argmax(axis=1) == self.labels))


# --- The tournament -----------------------------------------------------------------------------------------

RULES: dict[str, Callable[[float], Any]] = {
    "plain": optim.SGD,
    "momentum": lambda lr: optim.SGD(lr, momentum=0.9),
    "RMSProp": lambda lr: optim.RMSprop(lr, alpha=0.9),
    "Adam": optim.Adam,
}
_TURN = np.array([[1, 1], [-1, 1]]) / np.sqrt(2)
#: Curvatures along two directions, and whether these are turned by 45 degrees against the weights.
VALLEYS = {
    "round:\n1 and 5": (5.0, False),
    "long, turned:\n1 and 500": (500.0, True),
    "long, along a weight:\n1 and 100,000": (100_000.0, False),
}
RATES = 10.0 ** np.arange(-6, 1.3, 0.25)
#: The best of each rule's rates for the network, found by tests/lessons/test_08.py.
DIGITS_RATES = {"plain": 6.0, "momentum": 4.0, "RMSProp": 0.1, "Adam": 0.1}


def curvatures(k: float, turned: bool) -> Array:
    """The matrix of a valley with curvatures 1 and ``k``."""
    return _TURN.T @ np.diag([1.0, k]) @ _TURN if turned else np.diag([1.0, k])


def distances_left(rule: str, k: float, turned: bool, seed: int = 0, steps: int = 240) -> Array:
    """How much of the distance 20 starts have left at the end, at the best rate; the last ten steps' largest.

    All rates and all starts walk side by side: every rule treats each number alike.
    """
    starts = np.random.default_rng(seed).uniform(-3, 3, (20, 2))
    w = np.broadcast_to(starts, (len(RATES), 20, 2)).copy()
    kept: dict[str, Any] = {}
    left = np.zeros((len(RATES), 20))
    one = RULES[rule](1.0)
    with np.errstate(all="ignore"):
        for done in range(steps):
            w = w - RATES[:, None, None] * one.direction(w, w @ curvatures(k, turned), kept)
            if done >= steps - 10:
                left = np.maximum(left, np.hypot(w[..., 0], w[..., 1]))
    left = np.where(np.isfinite(left), left, np.inf) / np.hypot(*starts.T)
    return left[np.median(left, axis=1).argmin()]


def digits_loss(rule: str, rate: float, seed: int, updates: int = 60) -> float:
    """The loss on all 512 digits after so many steps that look at all of them."""
    digits, mover = Digits(seed), RULES[rule](rate)
    for _ in range(updates):
        digits.loss_and_gradient(digits.net.flat.data.copy())
        mover.step([digits.net.flat])
    return digits.loss_and_gradient(digits.net.flat.data.copy())[0]


Results = dict[str, dict[str, Array]]


def tournament() -> Results:
    """Problem, then rule: what is left at the end, for each start."""
    results = {
        name: {rule: distances_left(rule, *valley) for rule in RULES} for name, valley in VALLEYS.items()
    }
    results["digits:\n1,210 weights"] = {
        rule: np.array([digits_loss(rule, rate, seed) for seed in range(10)])
        for rule, rate in DIGITS_RATES.items()
    }
    return results


def winners(results: Results) -> list[str]:
    """The rule with the lowest median on each problem."""
    return [min(found, key=lambda rule: float(np.median(found[rule]))) for found in results.values()]


def draw_tournament(results: Results) -> Figure:
    """A panel for each problem, a row for each rule: a dot for each start, a large mark for the median."""
    fig = plots.new_figure(8.4, 3.0)
    floor = 1e-12
    axes = fig.subplots(1, len(results), sharey=True)
    for ax, (problem, found), first in zip(axes, results.items(), winners(results), strict=True):
        for row, (rule, values) in enumerate(found.items()):
            colour = plots.UPDATE if rule == first else plots.GREY
            ax.plot(np.maximum(values, floor), np.full(len(values), row), ".", color=colour, alpha=0.4)
            ax.plot(max(float(np.median(values)), floor), row, "D", ms=9, color=colour,
                    mfc=colour if rule == first else plots.PAPER)  # fmt: skip
        ax.set(xscale="log", xlim=(1e-13, 10), ylim=(3.5, -0.5), yticks=range(len(found)))
        ax.set_xticks([floor, 1e-6, 1], ["10⁻¹²\nor less", "10⁻⁶", "1"])
        ax.set_yticklabels(list(found))
        ax.set_title(f"{problem}\n{first} wins", size=10, weight="normal")
    axes[1].set_xlabel("share of the distance left")
    axes[-1].set(xlim=(0.0015, 0.6), xlabel="loss")
    axes[-1].set_xticks([0.01, 0.1], ["0.01", "0.1"])
    axes[-1].minorticks_off()
    plots.titled(fig, "Further left is better, and no rule is the best everywhere")
    return fig


def tournament_in_words(results: Results) -> str:
    """The medians in words."""
    said = []
    for problem, found in results.items():
        medians = ", ".join(
            f"{rule} {'below 1e-12' if (m := float(np.median(values))) < 1e-12 else f'{m:.0e}'}"
            for rule, values in found.items()
        )
        said.append(f"{problem.replace(chr(10), ' ')}: {medians}")
    return "What is left at the end, the middle of all starts. " + ". ".join(said) + "."


# --- Batches ------------------------------------------------------------------------------------------------


def draw_batches(curves: Mapping[str, Sequence[float]]) -> Figure:
    """The loss over the passes through the images, for several sizes of batch."""
    fig = plots.new_figure(6.8, 3.1)
    ax = fig.subplots()
    styles = (("--", plots.GREY), ("-.", plots.INK), ("-", plots.UPDATE))
    for (name, losses), (style, colour) in zip(curves.items(), styles, strict=True):
        ax.plot(losses, style, color=colour)
        ax.annotate(name, (len(losses) - 1, losses[-1]), (6, 0), textcoords="offset points", va="center",
                    color=colour)  # fmt: skip
    ax.set(yscale="log", xlim=(0, 13), xticks=range(0, 11, 2), ylabel="loss",
           xlabel="times through the 512 images",
           title="Smaller batches get further with the same images")  # fmt: skip
    return fig


def batches_in_words(curves: Mapping[str, Sequence[float]]) -> str:
    """The same in words."""
    ends = ", ".join(f"{name}: {losses[-1]:.2f}" for name, losses in curves.items())
    return f"The loss over ten passes through 512 images. It begins at 2.4 and ends lower, {ends}."


# --- The deeper page on decay, noise and schedules ----------------------------------------------------------


def plain_loss(batch_size: int, epochs: int, rate: float, seed: int) -> float:
    """The loss on all 512 digits after so many passes through them with plain steps."""
    digits = Digits(seed)
    training.fit(digits.net, nn.CrossEntropyLoss(), optim.SGD(rate), (digits.X, digits.labels), epochs,
                 batch_size, np.random.default_rng(seed), progress=False)  # fmt: skip
    return digits.loss_and_gradient(digits.net.flat.data.copy())[0]
