"""Exercises and predictions of lesson 09, and the backward pass that its detective exercise is about."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bphelpers import functional as F
from bphelpers.teaching.exercises.records import Exercise, Prediction

_Array = NDArray[np.floating]
_Function = Callable[[_Array], float]


def suspect(X: _Array, Y: _Array, W1: _Array, b1: _Array, W2: _Array, b2: _Array) -> dict[str, _Array]:
    """Gradients of mean squared error for linear, tanh, linear, with one mistake. Whoever reads on knows it.

    Notes
    -----
    Lesson: 09_gradient_checking.
    """
    A1 = np.tanh(F.linear(X, W1, b1))
    dY_hat = F.mse_backward(F.linear(A1, W2, b2), Y)
    dA1, dW2, db2 = F.linear_backward(dY_hat, A1, W2)
    dZ1 = F.sigmoid_backward(dA1, A1)  # tanh_backward belongs here
    _, dW1, db1 = F.linear_backward(dZ1, X, W1)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def _relative_error(a: _Array, b: _Array, floor: float) -> _Array:
    return np.abs(a - b) / np.maximum(np.maximum(np.abs(a), np.abs(b)), floor)


def _error_cases() -> list[tuple[_Array, _Array, float]]:
    rng = np.random.default_rng(9)
    a, b = rng.normal(size=(2, 3, 2))
    tiny = np.array([1e-12, -2e-12, 3.0]), np.array([3e-12, 1e-12, -1.0])
    return [(a, b, 1e-8), (*tiny, 1e-8), (np.array([5.0, -0.5]), np.array([2.0, 0.25]), 1.0)]


def _bowl(w: _Array) -> float:
    return float(np.sum(np.sin(w) * w) + np.prod(np.cos(w)))


def _steep(w: _Array) -> float:
    return float(np.sum(np.exp(w)))


def _direction_cases() -> list[tuple[_Function, _Array, _Array, _Array, float]]:
    rng = np.random.default_rng(10)
    # Steps so large that one-sided and centred differences are far apart.
    return [
        (f, *rng.normal(size=(3, *shape)), h) for f, shape, h in ((_bowl, (2, 3), 0.1), (_steep, (4,), 0.2))
    ]


def _directional(f: _Function, w: _Array, g: _Array, v: _Array, h: float) -> tuple[float, float]:
    return float(np.sum(g * v)), (f(w + h * v) - f(w - h * v)) / (2 * h)


def _with_measured(measured: Callable[..., float]) -> Callable[..., tuple[float, float]]:
    def wrong(f: _Function, w: _Array, g: _Array, v: _Array, h: float) -> tuple[float, float]:
        return float(np.sum(g * v)), measured(f, w, v, h)

    return wrong


def _unit(v: _Array) -> _Array:
    return v / np.sqrt(np.sum(v * v))


def _exchanged(*arguments: Any) -> tuple[float, float]:
    promised, measured = _directional(*arguments)
    return measured, promised


EXERCISES = {
    "09.1": Exercise(
        question="Write my_relative_error(a, b, floor), the relative error of every entry, with a floor.",
        reference=_relative_error,
        mistakes={
            "the floor is left out": (lambda a, b, floor: np.abs(a - b) / np.maximum(np.abs(a), np.abs(b))),
            "the floor is added to the larger number: it only counts where it is the largest": (
                lambda a, b, floor: np.abs(a - b) / (np.maximum(np.abs(a), np.abs(b)) + floor)
            ),
            "the sum of both sizes stands where the larger of them belongs": (
                lambda a, b, floor: np.abs(a - b) / np.maximum(np.abs(a) + np.abs(b), floor)
            ),
            "the smaller size stands where the larger belongs": (
                lambda a, b, floor: np.abs(a - b) / np.maximum(np.minimum(np.abs(a), np.abs(b)), floor)
            ),
            "the size of b alone is used": lambda a, b, floor: np.abs(a - b) / np.maximum(np.abs(b), floor),
            "the size of a alone is used": lambda a, b, floor: np.abs(a - b) / np.maximum(np.abs(a), floor),
            "the sizes are taken without their absolute value": (
                lambda a, b, floor: np.abs(a - b) / np.maximum(np.maximum(a, b), floor)
            ),
            "the difference keeps its sign": (
                lambda a, b, floor: (a - b) / np.maximum(np.maximum(np.abs(a), np.abs(b)), floor)
            ),
            "the largest error alone is returned: one for each entry is asked for": (
                lambda a, b, floor: _relative_error(a, b, floor).max()
            ),
            "the difference is not divided by anything": lambda a, b, floor: np.abs(a - b),
        },
        hints=(
            "The numerator is `np.abs(a - b)`. What is the largest of three things, entry by entry?",
            "`max` compares whole arrays; `np.maximum(u, v)` takes the larger of two, entry by entry. Use it "
            "twice.",
            "The denominator is `np.maximum(np.maximum(np.abs(a), np.abs(b)), floor)`.",
        ),
        cases=_error_cases,
        gradient=False,
    ),
    "09.2": Exercise(
        question="Write my_directional_check(f, w, g, v, h): the promised and the measured rate along v.",
        reference=_directional,
        mistakes={
            "the two numbers change places: the promise comes first": _exchanged,
            "the 2 is missing: the two points are 2h apart": _with_measured(
                lambda f, w, v, h: (f(w + h * v) - f(w - h * v)) / h
            ),
            "the difference is one-sided": _with_measured(lambda f, w, v, h: (f(w + h * v) - f(w)) / h),
            "the change is not divided by the distance": _with_measured(
                lambda f, w, v, h: f(w + h * v) - f(w - h * v)
            ),
            "all weights move by h, whatever the direction": _with_measured(
                lambda f, w, v, h: (f(w + h) - f(w - h)) / (2 * h)
            ),
            "the direction is scaled to length 1 in the measurement and not in the promise": _with_measured(
                lambda f, w, v, h: (f(w + h * _unit(v)) - f(w - h * _unit(v))) / (2 * h)
            ),
            "the measurement is divided by the length of v as well": _with_measured(
                lambda f, w, v, h: (f(w + h * v) - f(w - h * v)) / (2 * h * float(np.sqrt(np.sum(v * v))))
            ),
            "the promise is multiplied by h: a rate is asked for": (
                lambda f, w, g, v, h: (h * float(np.sum(g * v)), _directional(f, w, g, v, h)[1])
            ),
            "the products in the promise are not added up": (
                lambda f, w, g, v, h: (g * v, _directional(f, w, g, v, h)[1])
            ),
        },
        hints=(
            "The promise needs `g` and `v`, no call of `f`. The measurement needs `f`, `w`, `v` and `h`, and "
            "no `g`.",
            "The promise adds up `g` times `v` over all entries; for matrices that is `np.sum(g * v)`, not "
            "`g @ v`.",
            "The measurement is `(f(w + h * v) - f(w - h * v)) / (2 * h)`.",
        ),
        cases=_direction_cases,
        gradient=False,
    ),
    "09.3": Exercise(
        question="Which mistake is in the backward pass that you may call and not read?",
        reference=lambda: "sigmoid",
        mistakes={
            "you suspect a forgotten slope, but then the ratio would be 1 / (1 - a^2), never below 1": (
                lambda: "forgotten"
            ),
            "you suspect a double slope, but then the ratio would be 1 - a^2, never negative": (
                lambda: "twice"
            ),
            "you suspect the average, but with one example the batch size is 1 and changes nothing": (
                lambda: "averaged"
            ),
            "you suspect late weights, but then the ratio would not be a function of a alone": (
                lambda: "late"
            ),
        },
        hints=(
            "`W2` and `b2` are right, so the mistake lies on the way back. With a batch of one, dividing by "
            "the batch size changes nothing. Divide found by true, unit by unit.",
            "The ratio depends on $a$ alone and changes its sign with $a$. A forgotten slope would give "
            "$1/(1-a^2)$, a double one $1-a^2$: neither is ever negative.",
            r"Write the wrong slope over the right one, $\frac{a(1-a)}{1-a^2} = \frac{a}{1+a}$, and put in "
            "the first unit.",
        ),
        gradient=False,
    ),
}

PREDICTIONS = {
    "09.A": Prediction(
        "Float32, the best step: how large is the largest relative error of a right gradient?",
        options=("near 1e-9", "near 1e-6", "near 1e-3"),
        explain="Float32 keeps seven digits of each loss. "
        "The difference of two nearly equal losses keeps fewer.",
    ),
    "09.B": Prediction(
        "In what share of the directions made of signs does a transposed 2 by 2 gradient pass unseen?",
        low=0,
        high=1,
        judged="difference",
    ),
    "09.C": Prediction(
        "How many of the ten broken programs get at least 95 % of their training images right?",
        low=0,
        high=10,
        judged="difference",
        unit="exhibits",
    ),
    "09.D": Prediction(
        "With all weights and biases at 0, how many of the ten bugs does the check catch?",
        low=0,
        high=10,
        judged="difference",
        unit="bugs",
    ),
    "09.E": Prediction(
        "How does the gradient of chapter 9 train, next to the right one?",
        options=("as fast", "half as fast", "never"),
    ),
}
