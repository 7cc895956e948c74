"""Exercises and predictions of lesson 00."""

from collections.abc import Callable

import numpy as np

from bphelpers.teaching.exercises import Exercise, Prediction

_Function = Callable[[float], float]


def _slope(f: _Function, x: float, h: float) -> float:
    return (f(x + h) - f(x - h)) / (2 * h)


def _cases() -> list[tuple[_Function, float, float]]:
    def cube(x: float) -> float:  # the names are printed: "Called with cube, 2, 0.1."
        return x**3

    def exponential(x: float) -> float:
        return float(np.exp(x))

    def line(x: float) -> float:
        return -5 * x - 1

    return [(cube, 2.0, 0.1), (exponential, 0.5, 0.01), (line, -4.0, 0.5)]


EXERCISES = {
    "00.1": Exercise(
        reference=2 * 3,
        mistakes={
            "the value of the function is given instead of its slope": 3**2,
            "3 is not put in: the derivative is 2x, and 2 is only its factor": 2,
            "the exponent does not go down by one": 2 * 3**2,
        },
        tolerance=1e-4,
    ),
    "00.2": Exercise(
        reference=_slope,
        mistakes={
            "the difference is divided by h: the two points are 2h apart": lambda f, x, h: (
                (f(x + h) - f(x - h)) / h
            ),
            "only the right side is used, a one-sided difference": lambda f, x, h: (f(x + h) - f(x)) / h,
            "only the left side is used, a one-sided difference": lambda f, x, h: (f(x) - f(x - h)) / h,
            "brackets are missing around 2 * h: dividing by 2 and multiplying by h": (
                lambda f, x, h: (f(x + h) - f(x - h)) / 2 * h
            ),
            "brackets are missing around the difference": lambda f, x, h: f(x + h) - f(x - h) / (2 * h),
            "the size of the slope is given, without its sign": lambda f, x, h: abs(_slope(f, x, h)),
            "left and right are exchanged": lambda f, x, h: (f(x - h) - f(x + h)) / (2 * h),
            "the difference is not divided by the distance": lambda f, x, h: f(x + h) - f(x - h),
        },
        cases=_cases,
        gradient=True,
    ),
}

PREDICTIONS = {
    "00.A": Prediction(
        "What share of the 450 images put aside will the network read correctly?",
        low=0,
        high=1,
        judged="difference",
    )
}
