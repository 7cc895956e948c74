"""Exercises and predictions of lesson 08."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bphelpers.exercises.records import Exercise, Prediction

_Array = NDArray[np.floating]


def _momentum(w: _Array, g: _Array, v: _Array, lr: float, mu: float) -> tuple[_Array, _Array]:
    v = mu * v + g
    return w - lr * v, v


def _momentum_with(new_v: Any, move: Any) -> Any:
    """A momentum step made of two other formulas."""

    def step(w: _Array, g: _Array, v: _Array, lr: float, mu: float) -> tuple[_Array, _Array]:
        after = new_v(g, v, lr, mu)
        return move(w, g, v, after, lr), after

    return step


def _momentum_cases() -> list[tuple[_Array, _Array, _Array, float, float]]:
    rng = np.random.default_rng(8)
    w, g, v = rng.normal(size=(3, 2, 2))
    return [(w, g, v, 0.1, 0.9), (w[0], g[0], v[0], 0.5, 0.8)]


def _corrected_cases() -> list[tuple[_Array, float, int]]:
    rng = np.random.default_rng(9)
    return [(rng.normal(size=3), beta, t) for beta, t in ((0.9, 2), (0.999, 3), (0.9, 12))]


def _first_step(mean_share: float = 1.0, square_share: float = 1.0) -> float:
    """Adam's first change for the derivative -0.003, with running means that hold these shares of it."""
    g = -0.003
    return float(-0.01 * (mean_share * g) / np.sqrt(square_share * g**2))


EXERCISES = {
    "08.1": Exercise(
        question="Write my_momentum(w, g, v, lr, mu), which returns the new w and the new v.",
        reference=_momentum,
        mistakes={
            "the weights move by the old velocity: the new one comes first": _momentum_with(
                lambda g, v, lr, mu: mu * v + g, lambda w, g, v, after, lr: w - lr * v
            ),
            "the weights move by the gradient alone": _momentum_with(
                lambda g, v, lr, mu: mu * v + g, lambda w, g, v, after, lr: w - lr * g
            ),
            "the velocity is added to the weights: it points uphill": _momentum_with(
                lambda g, v, lr, mu: mu * v + g, lambda w, g, v, after, lr: w + lr * after
            ),
            "the learning rate is missing": _momentum_with(
                lambda g, v, lr, mu: mu * v + g, lambda w, g, v, after, lr: w - after
            ),
            "the velocity is a running mean: here the gradient comes in whole, without 1 - mu": (
                _momentum_with(
                    lambda g, v, lr, mu: mu * v + (1 - mu) * g, lambda w, g, v, after, lr: w - lr * after
                )
            ),
            "the velocity does not fade: the old one is multiplied by mu": _momentum_with(
                lambda g, v, lr, mu: v + g, lambda w, g, v, after, lr: w - lr * after
            ),
            "mu multiplies the gradient: it belongs to the old velocity": _momentum_with(
                lambda g, v, lr, mu: v + mu * g, lambda w, g, v, after, lr: w - lr * after
            ),
            "the learning rate stands inside the velocity: here it multiplies the step": _momentum_with(
                lambda g, v, lr, mu: mu * v + lr * g, lambda w, g, v, after, lr: w - after
            ),
            "the learning rate acts twice, in the velocity and in the step": _momentum_with(
                lambda g, v, lr, mu: mu * v + lr * g, lambda w, g, v, after, lr: w - lr * after
            ),
            "v and w change places: the new w comes first": (
                lambda w, g, v, lr, mu: _momentum(w, g, v, lr, mu)[::-1]
            ),
        },
        hints=(
            "Two formulas, two lines. Which one needs the result of the other?",
            "First the velocity: the old one shrinks by `mu`, the gradient comes on top. The weights then "
            "use the new one.",
            "`v = mu * v + g`, then return `w - lr * v` and `v`.",
        ),
        cases=_momentum_cases,
        gradient=False,
    ),
    "08.2": Exercise(
        question="Write my_corrected(mean, beta, t), the running mean after t updates, with weights that add "
        "up to 1.",
        reference=lambda mean, beta, t: mean / (1 - beta**t),
        mistakes={
            "the mean is multiplied by 1 - beta^t: it is too small already": (
                lambda mean, beta, t: mean * (1 - beta**t)
            ),
            "the mean is divided by beta^t": lambda mean, beta, t: mean / beta**t,
            "the mean is divided by 1 - beta, which is right for t = 1 only": (
                lambda mean, beta, t: mean / (1 - beta)
            ),
            "beta is multiplied by t: it is to the power of t": lambda mean, beta, t: mean / (1 - beta * t),
            "one update too few is counted": lambda mean, beta, t: mean / (1 - beta ** (t - 1)),
            "one update too many is counted: t begins at 1": lambda mean, beta, t: (
                mean / (1 - beta ** (t + 1))
            ),
            "the mean is divided by the number of updates": lambda mean, beta, t: mean / t,
        },
        hints=(
            "The weights add up to too little. To how much, after `t` updates?",
            r"To $1 - \beta^t$. What turns that into 1?",
            "Divide: `mean / (1 - beta**t)`.",
        ),
        cases=_corrected_cases,
        gradient=False,
    ),
    "08.3": Exercise(
        question="By how much does Adam change a weight in its first update, at learning rate 0.01, if the "
        "derivative is -0.003?",
        reference=_first_step,
        mistakes={
            "the sign is lost: against a negative derivative the weight rises": lambda: -_first_step(),
            "the step is that of plain descent, learning rate times gradient": lambda: 0.01 * 0.003,
            "the step is that of plain descent, and its sign is lost": lambda: -0.01 * 0.003,
            "neither mean is corrected": lambda: _first_step(0.1, 0.001),
            "the mean of the squares is not corrected": lambda: _first_step(1.0, 0.001),
            "the mean of the gradients is not corrected": lambda: _first_step(0.1, 1.0),
            "the learning rate is left out": lambda: 100 * _first_step(),
            "the root is left out": lambda: 0.01 * 0.003 / 0.003**2,
        },
        hints=(
            "What is the corrected mean of a single gradient?",
            "That gradient, $-0.003$; and the corrected mean of the squares is its square. What is the one "
            "over the root of the other?",
            "$-0.003 / 0.003 = -1$, and the update subtracts the learning rate times that.",
        ),
        tolerance=1e-3,
        gradient=False,
    ),
}

PREDICTIONS = {
    "08.A": Prediction(
        "How long is Adam's first step for w1, at learning rate 0.01?",
        low=0,
        explain="It is the learning rate, whatever the gradient.",
    ),
    "08.B": Prediction(
        "With momentum 0.9 and a gradient that never changes, how many times longer does the step become?",
        low=0,
        explain="1 / (1 - 0.9).",
    ),
    "08.C": Prediction(
        "Which rules do worse in the valley that was turned?",
        options=("all of them", "none of them", "those that scale each weight"),
    ),
    "08.D": Prediction("Which batch size ends with the lowest loss?", options=(1, 32, 512)),
}
