"""Exercises and predictions of lesson 08."""

import numpy as np

from bphelpers.numeric import Array
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction


def _momentum(w: Array, g: Array, v: Array, lr: float, mu: float) -> tuple[Array, Array]:
    v = mu * v + g
    return w - lr * v, v


def _momentum_mistakes(w: Array, g: Array, v: Array, lr: float, mu: float) -> Mistakes:
    right, new = _momentum(w, g, v, lr, mu)

    def by(velocity: Array, rate: float = lr) -> tuple[Array, Array]:
        return w - rate * velocity, velocity

    return {
        "the weights move by the old velocity: the new one comes first": (w - lr * v, new),
        "the weights move by the gradient alone": (w - lr * g, new),
        "the velocity is added to the weights: it points uphill": (w + lr * new, new),
        "the learning rate is missing": (w - new, new),
        "the velocity is a running mean: here the gradient comes in whole, without 1 - mu": (
            by(mu * v + (1 - mu) * g)
        ),
        "the velocity does not fade: the old one is multiplied by mu": by(v + g),
        "mu multiplies the gradient: it belongs to the old velocity": by(v + mu * g),
        "the learning rate stands inside the velocity: here it multiplies the step": by(mu * v + lr * g, 1.0),
        "the learning rate acts twice, in the velocity and in the step": by(mu * v + lr * g),
        "the velocity is a step already, as in the other common form (v = mu * v - lr * g, then w + v): "
        "here it collects gradients, and the rate comes in when the weights move": by(mu * v - lr * g, -1.0),
        "the gradient is counted again on top of the velocity: that is Nesterov's step, of section 4": (
            (w - lr * (g + mu * new), new)
        ),
        "the old velocity is returned: the next step needs the new one": (right, v),
        "v and w change places: the new w comes first": (new, right),
    }


_m, _v = 0.9 * (1 - 0.9), 0.999 * (1 - 0.999)  # Adam's two means after the derivatives 1 and 0
_fair_m, _fair_v = _m / (1 - 0.9**2), _v / (1 - 0.999**2)


def _change(m: float, v: float) -> float:
    return float(-0.01 * m / np.sqrt(v))


_second_change = {
    "the sign is lost: the weight goes on the way it went": -_change(_fair_m, _fair_v),
    "no step is taken: the derivative is 0, but the mean of the gradients is not": 0.0,
    "it is the first step once more: both means have changed since": -0.01,
    "neither mean is made fair": _change(_m, _v),
    "the mean of the squares is not made fair": _change(_fair_m, _v),
    "the mean of the gradients is not made fair": _change(_m, _fair_v),
    "the means are made fair for t = 1: this is the second update": _change(_m / (1 - 0.9), _v / (1 - 0.999)),
    "1 - beta is squared: it is 1 minus the square of beta": (
        _change(_m / (1 - 0.9) ** 2, _v / (1 - 0.999) ** 2)
    ),
    "0.9 is used in both means: the squares fade with 0.999": _change(_fair_m, _fair_m),
    "0.999 is used in both means: the gradients fade with 0.9": _change(_fair_v, _fair_v),
    "the learning rate is left out": 100 * _change(_fair_m, _fair_v),
    "the root is left out": -0.01 * _fair_m / _fair_v,
    "both updates are added up: the second alone is asked for": _change(_fair_m, _fair_v) - 0.01,
}


def _clipping(g: Array, c: float) -> Mistakes:
    length = float(np.linalg.norm(g))
    cut, long = g * c / length, length > c
    return {
        "short gradients are made longer: they stay as they are": cut,
        "each component is clipped by itself, which changes the direction": np.clip(g, -c, c),
        "it is shortened only if a component is larger than c: the length is what counts": (
            cut if g.max() > c else g
        ),
        "large components are cut off: one factor shortens all": np.minimum(g, c),
        "it is divided by c: the factor is c over the length": g / c if long else g,
        "the result has length 1 where it should have c": g / length if long else g,
        "long gradients are left alone and short ones are made longer: min, not max": g if long else cut,
        "it is divided by the square of the length: the root is missing": g * min(1.0, c / length**2),
        "the length is the sum of the absolute values: it is the root of the sum of squares": (
            g * min(1.0, c / np.sum(np.abs(g)))
        ),
        "the largest component is taken for the length": g * min(1.0, c / np.abs(g).max()),
        "the sum is taken for the length": g * min(1.0, c / np.abs(g.sum())),
        "a long gradient is thrown away: its direction is worth keeping": 0 * g if long else g,
        "the factor is returned, not yet multiplied by the gradient": min(1.0, c / length),
    }


_STATE = np.random.default_rng(8).normal(size=(3, 2, 2))  # w, g, v
_LONG = 3 * np.random.default_rng(9).normal(size=5)
_SHORT = np.array([0.3, -0.4])

EXERCISES = {
    "08.1": Exercise(_momentum, _momentum_mistakes, cases=[(*_STATE, 0.1, 0.9), (*_STATE[:, 0], 0.5, 0.8)]),
    "08.2": Exercise(_change(_fair_m, _fair_v), _second_change, tolerance=3e-3),
    "08.3": Exercise(
        lambda g, c: g * min(1.0, c / np.linalg.norm(g)),
        _clipping,
        tolerance=1e-5,  # 1e-6 added to the length, as the package does, is right too
        cases=[(np.array([3.0, -4.0]), 4.5), (_SHORT, 1.5), (_LONG, 0.7), (_SHORT, 0.2)],
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
        ("none", "momentum and Nesterov", "RMSProp and Adam", "all five"),
    ),
    "08.D": Prediction("Which batch size ends with the lowest loss?", (16, 32, 512)),
}
