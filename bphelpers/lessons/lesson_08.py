"""Exercises and predictions of lesson 08."""

from collections.abc import Callable

import numpy as np

from bphelpers.lessons.shared import variations_of
from bphelpers.numeric import Array
from bphelpers.teaching.exercises import Exercise, Prediction


def _momentum(w: Array, g: Array, v: Array, lr: float, mu: float) -> tuple[Array, Array]:
    v = mu * v + g
    return w - lr * v, v


_but = variations_of(_momentum, "w v")


def _with_velocity(rule: Callable[..., Array], lr: float | None = None) -> Callable[..., tuple[Array, Array]]:
    """A momentum step with another velocity; with ``lr``, the weights move by that many velocities."""

    def step(w: Array, g: Array, v: Array, rate: float, mu: float) -> tuple[Array, Array]:
        v = rule(g, v, rate, mu)
        return w - (rate if lr is None else lr) * v, v

    return step


def _momentum_cases() -> list[tuple[Array, Array, Array, float, float]]:
    rng = np.random.default_rng(8)
    w, g, v = rng.normal(size=(3, 2, 2))
    return [(w, g, v, 0.1, 0.9), (w[0], g[0], v[0], 0.5, 0.8)]


def _second_step(
    beta1: float = 0.9, beta2: float = 0.999, mean_sum: float | None = None, square_sum: float | None = None
) -> float:
    """Adam's second change for derivatives 1 and 0; the sums are what the two means are divided by."""
    mean, square = beta1 * (1 - beta1), beta2 * (1 - beta2)
    mean /= 1 - beta1**2 if mean_sum is None else mean_sum
    square /= 1 - beta2**2 if square_sum is None else square_sum
    return float(-0.01 * mean / np.sqrt(square))


_norm = np.linalg.norm


def _clipped(g: Array, c: float) -> Array:
    return g * min(1.0, float(c / _norm(g)))


def _clip_cases() -> list[tuple[Array, float]]:
    rng = np.random.default_rng(9)
    long, short = 3 * rng.normal(size=5), np.array([0.3, -0.4])
    return [(np.array([3.0, -4.0]), 4.5), (short, 1.5), (long, 0.7), (short, 0.2)]


EXERCISES = {
    "08.1": Exercise(
        reference=_momentum,
        mistakes={
            "the weights move by the old velocity: the new one comes first": _but(
                w=lambda w, g, v, lr, mu: w - lr * v
            ),
            "the weights move by the gradient alone": _but(w=lambda w, g, v, lr, mu: w - lr * g),
            "the velocity is added to the weights: it points uphill": _but(
                w=lambda w, g, v, lr, mu: w + lr * (mu * v + g)
            ),
            "the learning rate is missing": _but(w=lambda w, g, v, lr, mu: w - (mu * v + g)),
            "the velocity is a running mean: here the gradient comes in whole, without 1 - mu": (
                _with_velocity(lambda g, v, lr, mu: mu * v + (1 - mu) * g)
            ),
            "the velocity does not fade: the old one is multiplied by mu": _with_velocity(
                lambda g, v, lr, mu: v + g
            ),
            "mu multiplies the gradient: it belongs to the old velocity": _with_velocity(
                lambda g, v, lr, mu: v + mu * g
            ),
            "the learning rate stands inside the velocity: here it multiplies the step": _with_velocity(
                lambda g, v, lr, mu: mu * v + lr * g, lr=1.0
            ),
            "the learning rate acts twice, in the velocity and in the step": _with_velocity(
                lambda g, v, lr, mu: mu * v + lr * g
            ),
            "the velocity is a step already, as in the other common form (v = mu * v - lr * g, then w + v): "
            "here it collects gradients, and the rate comes in when the weights move": _with_velocity(
                lambda g, v, lr, mu: mu * v - lr * g, lr=-1.0
            ),
            "the gradient is counted again on top of the velocity: that is Nesterov's step, of section 4": (
                _but(w=lambda w, g, v, lr, mu: w - lr * (g + mu * (mu * v + g)))
            ),
            "the old velocity is returned: the next step needs the new one": _but(
                v=lambda w, g, v, lr, mu: v
            ),
            "v and w change places: the new w comes first": _but(w="v", v="w"),
        },
        cases=_momentum_cases,
    ),
    "08.2": Exercise(
        reference=_second_step(),
        mistakes={
            "the sign is lost: the weight goes on the way it went": -_second_step(),
            "no step is taken: the derivative is 0, but the mean of the gradients is not": 0.0,
            "it is the first step once more: both means have changed since": -0.01,
            "neither mean is made fair": _second_step(mean_sum=1, square_sum=1),
            "the mean of the squares is not made fair": _second_step(square_sum=1),
            "the mean of the gradients is not made fair": _second_step(mean_sum=1),
            "the means are made fair for t = 1: this is the second update": (
                _second_step(mean_sum=1 - 0.9, square_sum=1 - 0.999)
            ),
            "1 - beta is squared: it is 1 minus the square of beta": (
                _second_step(mean_sum=(1 - 0.9) ** 2, square_sum=(1 - 0.999) ** 2)
            ),
            "0.9 is used in both means: the squares fade with 0.999": _second_step(beta2=0.9),
            "0.999 is used in both means: the gradients fade with 0.9": _second_step(beta1=0.999),
            "the learning rate is left out": 100 * _second_step(),
            "the root is left out": -0.01 * (0.09 / 0.19) / (0.999e-3 / (1 - 0.999**2)),
            "both updates are added up: the second alone is asked for": _second_step() - 0.01,
        },
        tolerance=3e-3,
    ),
    "08.3": Exercise(
        reference=_clipped,
        mistakes={
            "short gradients are made longer: they stay as they are": lambda g, c: g * c / _norm(g),
            "each component is clipped by itself, which changes the direction": (
                lambda g, c: np.clip(g, -c, c)
            ),
            "it is shortened only if a component is larger than c: the length is what counts": (
                lambda g, c: g * c / _norm(g) if g.max() > c else g
            ),
            "large components are cut off: one factor shortens all": lambda g, c: np.minimum(g, c),
            "it is divided by c: the factor is c over the length": lambda g, c: g / c if _norm(g) > c else g,
            "the result has length 1 where it should have c": (
                lambda g, c: g / _norm(g) if _norm(g) > c else g
            ),
            "long gradients are left alone and short ones are made longer: min, not max": (
                lambda g, c: g * max(1.0, c / _norm(g))
            ),
            "it is divided by the square of the length: the root is missing": (
                lambda g, c: g * min(1.0, c / np.sum(g**2))
            ),
            "the length is the sum of the absolute values: it is the root of the sum of squares": (
                lambda g, c: g * min(1.0, c / np.sum(np.abs(g)))
            ),
            "the largest component is taken for the length": lambda g, c: g * min(1.0, c / np.abs(g).max()),
            "the sum is taken for the length": lambda g, c: g * min(1.0, c / np.abs(g.sum())),
            "a long gradient is thrown away: its direction is worth keeping": (
                lambda g, c: g if _norm(g) <= c else 0 * g
            ),
            "the factor is returned, not yet multiplied by the gradient": lambda g, c: min(1.0, c / _norm(g)),
        },
        tolerance=1e-5,  # 1e-6 added to the length, as the package does, is right too
        cases=_clip_cases,
    ),
}

PREDICTIONS = {
    "08.A": Prediction(
        "How long is Adam's first step for w1, at learning rate 0.01?",
        low=0,
        explain="It is the learning rate, for the small derivative of w1 as for the large one of w5.",
    ),
    "08.B": Prediction(
        "With momentum 0.9 and a gradient that never changes, how many times longer does the step become?",
        low=0,
        explain="1 / (1 - 0.9).",
    ),
    "08.C": Prediction(
        "For which rules is the path in the turned valley not the old path, turned?",
        options=("none", "momentum and Nesterov", "RMSProp and Adam", "all five"),
    ),
    "08.D": Prediction("Which batch size ends with the lowest loss?", options=(16, 32, 512)),
}
