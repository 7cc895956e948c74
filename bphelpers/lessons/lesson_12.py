"""Exercises and predictions of lesson 12."""

import numpy as np

from bphelpers.numeric import Array
from bphelpers.teaching.exercises import Exercise, Prediction


def _edges() -> list[tuple[Array, float]]:
    return [(np.array([3.0, -4.0]), 2.0), (np.array([0.5, 1.5]), -1.0), (np.array([-2.0, 0.3]), 0.7)]


def _nearest_point(w: Array, b: float) -> Array:
    return -b * w / (w @ w)


def _their_epsilon(t: int) -> float:
    return float(1e-8 / np.sqrt(1 - 0.999**t))


EXERCISES = {
    "12.1": Exercise(
        reference=_nearest_point,
        mistakes={
            "the sign of b is lost: the point lies on the other side of the origin": (
                lambda w, b: b * w / (w @ w)
            ),
            "w is divided by its length once: that gives the distance, where w @ x must give -b": (
                lambda w, b: -b * w / np.sqrt(w @ w)
            ),
            "the division by w @ w is left out": lambda w, b: -b * w,
            "b is left out": lambda w, b: -w / (w @ w),
            "only the distance from the origin is given, not the point": lambda w, b: abs(b) / np.sqrt(w @ w),
            "w is turned by a right angle: that goes along the line, where the way out is across it": (
                lambda w, b: -b * np.array([-w[1], w[0]]) / (w @ w)
            ),
            "the point where the line meets the x_1 axis is given": lambda w, b: np.array([-b / w[0], 0.0]),
            "the point where the line meets the x_2 axis is given": lambda w, b: np.array([0.0, -b / w[1]]),
            "both axes are mixed: each coordinate is where the line meets that axis": lambda w, b: -b / w,
        },
        cases=_edges,
    ),
    "12.2": Exercise(
        reference=_their_epsilon,
        mistakes={
            "the root is multiplied where it divides": lambda t: 1e-8 * np.sqrt(1 - 0.999**t),
            "the root is left out": lambda t: 1e-8 / (1 - 0.999**t),
            "beta_1 stands where beta_2 belongs": lambda t: 1e-8 / np.sqrt(1 - 0.9**t),
            "beta_2 is not raised to the power t": lambda t: 1e-8 / np.sqrt(1 - 0.999),
            "the correction of m is taken along; it stands in both formulas alike": (
                lambda t: 1e-8 * (1 - 0.9**t) / np.sqrt(1 - 0.999**t)
            ),
            "the whole factor is taken along; 1 - beta_1^t stands in both formulas alike": (
                lambda t: 1e-8 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            ),
            "epsilon is left as it is": lambda t: 1e-8,
            "the power is one too high: the first step has t = 1": lambda t: (
                1e-8 / np.sqrt(1 - 0.999 ** (t + 1))
            ),
            "0.999 is multiplied by t, where it is raised to the power t": (
                lambda t: 1e-8 / np.sqrt(abs(1 - 0.999 * t))
            ),
        },
        cases=[(1,), (2,), (10,), (200,)],
    ),
}

PREDICTIONS = {
    "12.A": Prediction(
        "What does the border look like after the first 100 updates?",
        options=("nearly straight", "an arch", "an S"),
    ),
    "12.B": Prediction(
        "How many different maps do the 16 hidden neurons show between them?",
        low=1,
        high=16,
        judged="difference",
    ),
    "12.C": Prediction(
        "The learning rate is 10. In which of the three layers does the gradient become exactly zero?",
        options=("in the last", "in the first two", "in all three", "in none"),
    ),
    "12.D": Prediction(
        "What gets the network off the straight line?",
        options=("a third hidden layer", "twice the neurons", "points four times as far apart"),
    ),
    "12.E": Prediction(
        "How many times as long as a typical point's is the gradient of the one wrong point?",
        low=0,
        explain="A typical point: the median of the 201 lengths.",
    ),
    "12.F": Prediction(
        "How many of the six arrays W1, b1, W2, b2, W3, b3 get a wrong gradient?",
        low=0,
        high=6,
        judged="difference",
    ),
}
