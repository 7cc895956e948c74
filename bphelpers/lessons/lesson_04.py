"""Exercises and predictions of lesson 04, computed from the one-neuron example."""

import numpy as np

from bphelpers import functional as F
from bphelpers.data import worked_example
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction

_neuron = worked_example("one_neuron")
_x, _w, _b = _neuron["x"], _neuron["w"], _neuron["b"]
_p = F.sigmoid(_w @ _x + _b)
_off, _slope = _p - _neuron["target"], _p * (1 - _p)
_delta = _off * _slope


_two_derivatives = {
    "the input x1 is used: w2 multiplies x2": [_delta * _x[0], _delta],
    "the weight w2 itself stands where its input x2 belongs": [_delta * _w[1], _delta],
    "the slope of the sigmoid is left out": [_off * _x[1], _off],
    "the first rate is left out: dp, how wrong the output is": [_slope * _x[1], _slope],
    "only the last rates are given, x2 and 1: the rest of the chain is missing": [_x[1], 1.0],
    "the derivative of the bias is only its local one, 1: the rest of the chain is missing": (
        [_delta * _x[1], 1.0]
    ),
    "the bias is taken for a constant: it is a number that moves z like any other": [_delta * _x[1], 0.0],
    "the derivative of the bias is multiplied by the bias: z rises by 1 for each unit of it": (
        [_delta * _x[1], _delta * _b]
    ),
    "the two stand in the other order": [_delta, _delta * _x[1]],
}

_two_ways = {
    "only the way through the sum is counted (which is also dL/du): v goes straight into the product "
    "as well": 5,
    "only the way straight into the product is counted: v goes into the sum as well": 2 + 5,
    "the sum hands on 1 instead of what arrives there, which is 5": (2 + 5) + 1,
    "only v² is differentiated: multiplied out, L has the term u v as well": 2 * 5,
    "the two parts are multiplied, which gives L itself: side by side they add": (2 + 5) * 5,
    "the two parts are averaged: they add up": ((2 + 5) + 5) / 2,
    "one part is taken from the other: they add up": (2 + 5) - 5,
}


def _best_step(f: float, f3: float, eps: float) -> Mistakes:
    a, b = abs(f), abs(f3)
    return {
        "the two errors are set equal, or the 2 of (h²)' is lost: the derivative of their sum is zero": (
            np.cbrt(6 * eps * a / b)
        ),
        "the square root is taken: with the h of (h²)' and the 1/h² of (1/h)' it is h³": (
            np.sqrt(3 * eps * a / b)
        ),
        "the root is missing: this is h³": 3 * eps * a / b,
        "the factor 3 is lost": np.cbrt(eps * a / b),
        "the factor 3 stands outside the root": 3 * np.cbrt(eps * a / b),
        "f and f''' have changed places": np.cbrt(3 * eps * b / a),
        "the signs are kept: only the sizes |f| and |f'''| count": np.cbrt(3 * eps * f / f3),
        "the formula of the one-sided difference is used": 2 * np.sqrt(eps * a / b),
        "the sizes of f and f''' are left out": np.cbrt(eps),
    }


_ROUNDED = 2e-3  # three digits from a calculator will do

EXERCISES = {
    "04.1": Exercise([_delta * _x[1], _delta], _two_derivatives, tolerance=_ROUNDED, gradient=True),
    "04.2": Exercise((2 + 5) + 5, _two_ways),
    "04.3": Exercise(
        lambda f, f3, eps: np.cbrt(3 * eps * abs(f) / abs(f3)),
        _best_step,
        cases=[(0.35, 0.02, 2.0**-52), (-2.0, 5.0, 2.0**-52), (3.0, -0.7, 2.0**-23)],
    ),
}

PREDICTIONS = {
    "04.A": Prediction("With respect to which of the three is the derivative largest?", ("w1", "w2", "b")),
    "04.B": Prediction(
        "What does each of the three get of what arrives at the plus?",
        ("a third", "the whole", "its share of the sum"),
    ),
    "04.C": Prediction("If w is raised a little, does E rise or fall?", ("rises", "falls")),
    "04.D": Prediction("How many updates does the neuron under squared error need?", low=1),
    "04.E": Prediction(
        "With 1e-8 instead of 1e-5, will more of the judge's digits be right, as many, or fewer?",
        ("more", "as many", "fewer"),
    ),
}
