"""Exercises and predictions of lesson 09, and the backward pass that its detective exercise is about."""

from collections.abc import Callable

import numpy as np

from bphelpers import functional as F
from bphelpers.lessons.shared import variations_of
from bphelpers.numeric import Array
from bphelpers.teaching.exercises import Exercise, Prediction

_Function = Callable[[Array], float]


def suspect(X: Array, Y: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> dict[str, Array]:
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


def _error_cases() -> list[tuple[Array, Array, float]]:
    rng = np.random.default_rng(9)
    a, b = rng.normal(size=(2, 3, 2))
    tiny = np.array([1e-12, -2e-12, 3.0]), np.array([3e-12, 1e-12, -1.0])
    return [(a, b, 1e-8), (*tiny, 1e-8), (np.array([5.0, -0.5]), np.array([2.0, 0.25]), 1.0)]


def _bowl(w: Array) -> float:
    return float(np.sum(np.sin(w) * w) + np.prod(np.cos(w)))


def _steep(w: Array) -> float:
    return float(np.sum(np.exp(w)))


def _direction_cases() -> list[tuple[_Function, Array, Array, Array, float]]:
    rng = np.random.default_rng(10)
    # Steps so large that one-sided and centred differences are far apart.
    return [
        (f, *rng.normal(size=(3, *shape)), h) for f, shape, h in ((_bowl, (2, 3), 0.1), (_steep, (4,), 0.2))
    ]


def _directional(f: _Function, w: Array, g: Array, v: Array, h: float) -> tuple[float, float]:
    return float(np.sum(g * v)), (f(w + h * v) - f(w - h * v)) / (2 * h)


_but = variations_of(_directional, "promised measured")


def _unit(v: Array) -> Array:
    return v / np.sqrt(np.sum(v * v))


def _over(size: Callable[..., Array]) -> Callable[..., Array]:
    """The absolute error over a size that is made from the two sizes and the floor."""
    return lambda a, b, floor: abs(a - b) / size(abs(a), abs(b), floor)


_relative_error = _over(lambda a, b, floor: np.maximum(np.maximum(a, b), floor))

EXERCISES = {
    "09.1": Exercise(
        reference=_relative_error,
        mistakes={
            "the floor is left out": _over(lambda a, b, floor: np.maximum(a, b)),
            "the floor is added to the larger number: it only counts where it is the largest": _over(
                lambda a, b, floor: np.maximum(a, b) + floor
            ),
            "the sum of both sizes stands where the larger of them belongs": _over(
                lambda a, b, floor: np.maximum(a + b, floor)
            ),
            "the smaller size stands where the larger belongs": _over(
                lambda a, b, floor: np.maximum(np.minimum(a, b), floor)
            ),
            "the size of b alone is used": _over(lambda a, b, floor: np.maximum(b, floor)),
            "the size of a alone is used": _over(lambda a, b, floor: np.maximum(a, floor)),
            "the sizes are taken without their absolute value": (
                lambda a, b, floor: abs(a - b) / np.maximum(np.maximum(a, b), floor)
            ),
            "the difference keeps its sign": lambda a, b, f: np.sign(a - b) * _relative_error(a, b, f),
            "the largest error alone is returned: one for each entry is asked for": (
                lambda a, b, f: _relative_error(a, b, f).max()
            ),
            "the difference is not divided by anything": lambda a, b, floor: abs(a - b),
        },
        cases=_error_cases,
    ),
    "09.2": Exercise(
        reference=_directional,
        mistakes={
            "the two numbers change places: the promise comes first": _but(
                promised="measured", measured="promised"
            ),
            "the 2 is missing: the two points are 2h apart": _but(
                measured=lambda f, w, g, v, h: (f(w + h * v) - f(w - h * v)) / h
            ),
            "the difference is one-sided": _but(measured=lambda f, w, g, v, h: (f(w + h * v) - f(w)) / h),
            "the change is not divided by the distance": _but(
                measured=lambda f, w, g, v, h: f(w + h * v) - f(w - h * v)
            ),
            "all weights move by h, whatever the direction": _but(
                measured=lambda f, w, g, v, h: (f(w + h) - f(w - h)) / (2 * h)
            ),
            "the direction is scaled to length 1 in the measurement and not in the promise": _but(
                measured=lambda f, w, g, v, h: (f(w + h * _unit(v)) - f(w - h * _unit(v))) / (2 * h)
            ),
            "the measurement is divided by the length of v as well": _but(
                measured=lambda f, w, g, v, h: (
                    (f(w + h * v) - f(w - h * v)) / (2 * h * float(np.sqrt(np.sum(v * v))))
                )
            ),
            "the promise is multiplied by h: a rate is asked for": _but(
                promised=lambda f, w, g, v, h: h * np.sum(g * v)
            ),
            "the products in the promise are not added up": _but(promised=lambda f, w, g, v, h: g * v),
        },
        cases=_direction_cases,
    ),
    "09.3": Exercise(
        reference="sigmoid",
        mistakes={
            "you suspect a forgotten slope, but then the ratio would be 1 / (1 - a^2), never below 1": (
                "forgotten"
            ),
            "you suspect a double slope, but then the ratio would be 1 - a^2, never negative": "twice",
            "you suspect the average, but with one example the batch size is 1 and changes nothing": (
                "averaged"
            ),
            "you suspect late weights, but then the ratio would not be a function of a alone": "late",
        },
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
