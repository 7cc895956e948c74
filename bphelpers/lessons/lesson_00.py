"""Exercises and predictions of lesson 00."""

from collections.abc import Callable

import numpy as np

from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction

_slope_at_3 = {
    "the value of the function is given instead of its slope": 3**2,
    "3 is not put in: the derivative is 2x, and 2 is only its factor": 2,
    "the exponent does not go down by one": 2 * 3**2,
}


def _slope(f: Callable[[float], float], x: float, h: float) -> Mistakes:
    left, here, right = f(x - h), f(x), f(x + h)
    slope = (right - left) / (2 * h)
    return {
        "the difference is divided by h: the two points are 2h apart": (right - left) / h,
        "only the right side is used, a one-sided difference": (right - here) / h,
        "only the left side is used, a one-sided difference": (here - left) / h,
        "brackets are missing around 2 * h: dividing by 2 and multiplying by h": (right - left) / 2 * h,
        "brackets are missing around the difference": right - left / (2 * h),
        "the size of the slope is given, without its sign": abs(slope),
        "left and right are exchanged": -slope,
        "the difference is not divided by the distance": right - left,
    }


def _cases() -> list[tuple[Callable[[float], float], float, float]]:
    def cube(x: float) -> float:  # the names are printed: "Called with cube, 2, 0.1."
        return x**3

    def exponential(x: float) -> float:
        return float(np.exp(x))

    def line(x: float) -> float:
        return -5 * x - 1

    return [(cube, 2.0, 0.1), (exponential, 0.5, 0.01), (line, -4.0, 0.5)]


EXERCISES = {
    "00.1": Exercise(2 * 3, _slope_at_3, tolerance=1e-4),
    "00.2": Exercise(lambda f, x, h: (f(x + h) - f(x - h)) / (2 * h), _slope, cases=_cases(), gradient=True),
}

PREDICTIONS = {
    "00.A": Prediction(
        "What share of the 450 images put aside will the network read correctly?",
        low=0,
        high=1,
        judged="difference",
    )
}
