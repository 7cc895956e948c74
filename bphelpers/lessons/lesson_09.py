"""Exercises and predictions of lesson 09, and the backward pass that its detective exercise is about."""

from collections.abc import Callable

import numpy as np

from bphelpers import functional as F
from bphelpers.lessons.shared import drawn
from bphelpers.numeric import Array
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction


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


def _relative_error(a: Array, b: Array, floor: float) -> Array:
    return abs(a - b) / np.maximum(np.maximum(abs(a), abs(b)), floor)


def _relative_error_mistakes(a: Array, b: Array, floor: float) -> Mistakes:
    of_a, of_b, apart, right = abs(a), abs(b), abs(a - b), _relative_error(a, b, floor)
    larger, smaller = np.maximum(of_a, of_b), np.minimum(of_a, of_b)
    return {
        "the floor is left out": apart / larger,
        "the floor is added to the larger number: it only counts where it is the largest": (
            apart / (larger + floor)
        ),
        "the sum of both sizes stands where the larger of them belongs": (
            apart / np.maximum(of_a + of_b, floor)
        ),
        "the smaller size stands where the larger belongs": apart / np.maximum(smaller, floor),
        "the size of b alone is used": apart / np.maximum(of_b, floor),
        "the size of a alone is used": apart / np.maximum(of_a, floor),
        "the sizes are taken without their absolute value": apart / np.maximum(np.maximum(a, b), floor),
        "the difference keeps its sign": np.sign(a - b) * right,
        "the largest error alone is returned: one for each entry is asked for": right.max(),
        "the difference is not divided by anything": apart,
    }


def _bowl(w: Array) -> float:
    return float(np.sum(np.sin(w) * w) + np.prod(np.cos(w)))


def _steep(w: Array) -> float:
    return float(np.sum(np.exp(w)))


def _directional(f: Callable[[Array], float], w: Array, g: Array, v: Array, h: float) -> tuple[float, float]:
    return float(np.sum(g * v)), (f(w + h * v) - f(w - h * v)) / (2 * h)


def _directional_mistakes(f: Callable[[Array], float], w: Array, g: Array, v: Array, h: float) -> Mistakes:
    promised, measured = _directional(f, w, g, v, h)
    length = np.sqrt(np.sum(v * v))
    return {
        "the two numbers change places: the promise comes first": (measured, promised),
        "the 2 is missing: the two points are 2h apart": (promised, 2 * measured),
        "the difference is one-sided": (promised, (f(w + h * v) - f(w)) / h),
        "the change is not divided by the distance": (promised, 2 * h * measured),
        "all weights move by h, whatever the direction": (promised, (f(w + h) - f(w - h)) / (2 * h)),
        "the direction is scaled to length 1 in the measurement and not in the promise": (
            (promised, _directional(f, w, g, v / length, h)[1])
        ),
        "the measurement is divided by the length of v as well": (promised, measured / length),
        "the promise is multiplied by h: a rate is asked for": (h * promised, measured),
        "the products in the promise are not added up": (g * v, measured),
    }


_TINY = np.array([1e-12, -2e-12, 3.0]), np.array([3e-12, 1e-12, -1.0])
_rng = np.random.default_rng(10)

_culprit = {
    "you suspect a forgotten slope, but then the ratio would be 1 / (1 - a^2), never below 1": "forgotten",
    "you suspect a double slope, but then the ratio would be 1 - a^2, never negative": "twice",
    "you suspect the average, but with one example the batch size is 1 and changes nothing": "averaged",
    "you suspect late weights, but then the ratio would not be a function of a alone": "late",
}

EXERCISES = {
    "09.1": Exercise(
        _relative_error,
        _relative_error_mistakes,
        cases=[
            (*drawn(9, "n d, n d", n=(3,), d=(2,))[0], 1e-8),
            (*_TINY, 1e-8),
            (np.array([5.0, -0.5]), np.array([2.0, 0.25]), 1.0),
        ],
    ),
    "09.2": Exercise(
        _directional,
        _directional_mistakes,
        # Steps so large that one-sided and centred differences are far apart.
        cases=[(_bowl, *_rng.normal(size=(3, 2, 3)), 0.1), (_steep, *_rng.normal(size=(3, 4)), 0.2)],
    ),
    "09.3": Exercise("sigmoid", _culprit),
}

PREDICTIONS = {
    "09.A": Prediction(
        "Float32, the best step: how large is the largest relative error of a right gradient?",
        ("near 1e-9", "near 1e-6", "near 1e-3"),
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
        ("as fast", "half as fast", "never"),
    ),
}
