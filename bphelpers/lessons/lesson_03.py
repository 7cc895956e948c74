"""Exercises and predictions of lesson 03."""

import numpy as np

from bphelpers.lessons.shared import drawn
from bphelpers.numeric import Array
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction


def _gradient(X: Array, y: Array, w: Array) -> Mistakes:
    off = X @ w - y
    return {
        "the error has the wrong sign: it is prediction minus target": -X.T @ off,
        "a 2 is left over: the half in E cancels it": 2 * X.T @ off,
        "it is averaged over the cases: this E adds them up": X.T @ off / len(X),
        "the targets are left out": X.T @ (X @ w),
        "only the first case is counted": X[0] * off[0],
        "the cases are not added up: there is a row for each": off[:, None] * X,
        "the errors are returned, not yet multiplied by the inputs": off,
    }


def _line(x: Array, y: Array) -> Array:
    X = np.column_stack([np.ones(len(x)), x])
    return np.linalg.solve(X.T @ X, X.T @ y)


def _line_mistakes(x: Array, y: Array) -> Mistakes:
    line, through_zero = _line(x, y), (x @ y) / (x @ x)
    sums, squares = np.array([y.sum(), x @ y]), np.array([[len(x), x.sum()], [x.sum(), x @ x]])
    return {
        "the weight comes first: the bias is asked for first": line[::-1],
        "the bias is set to 0: the line is forced through zero": np.array([0.0, through_zero]),
        "there is no column of ones before x, so the line has no bias": np.array([through_zero]),
        "X.T @ y is returned: the equations are not solved yet": sums,
        "the weight alone is returned: the bias belongs to the answer": line[1:],
        "the targets are multiplied by X.T @ X where they should be divided by it": squares @ sums,
    }


def _limit(X: Array) -> Mistakes:
    eig, unsorted = np.linalg.eigvalsh(X.T @ X), np.linalg.eigvals(X.T @ X).real
    return {
        "a 2 is missing: at 1/lambda_max the steep direction is done in one step": 1 / eig[-1],
        "the smallest eigenvalue is used: the steepest direction is the first to diverge": 2 / eig[0],
        "the best learning rate is given, not the largest": 2 / (eig[0] + eig[-1]),
        "all eigenvalues are added up: only the largest sets the limit": 2 / eig.sum(),
        "the singular values of X are used: the eigenvalues of X.T @ X are their squares": 2 / eig[-1] ** 0.5,
        "the Hessian is averaged over the cases: this E adds them up": 2 * len(X) / eig[-1],
        "the first of an unsorted list is taken: eigvals has no order, eigvalsh has": 2 / unsorted[0],
        "the last of an unsorted list is taken: eigvals has no order, eigvalsh has": 2 / unsorted[-1],
        "the largest eigenvalue itself is returned": eig[-1],
    }


_rng = np.random.default_rng(4)
_POINTS = [(_rng.uniform(1, 3, size=n), _rng.normal(5, 2, size=n)) for n in (3, 5, 8)]
_UNSORTED = np.diag([2.0, 3.0, 1.0, 1.5])[[0, 1, 2, 3, 1]]  # eigenvalues 4, 18, 1, 2.25 in this order

EXERCISES = {
    "03.1": Exercise(
        lambda X, y, w: X.T @ (X @ w - y),
        _gradient,
        cases=drawn(3, "n k, n, k", n=(3, 5, 4), k=(2, 4, 3)),
        gradient=True,
    ),
    "03.2": Exercise(_line, _line_mistakes, cases=_POINTS),
    "03.3": Exercise(
        lambda X: 2 / np.linalg.eigvalsh(X.T @ X)[-1],
        _limit,
        cases=[(_UNSORTED,), *drawn(5, "n k", n=(5, 8, 6), k=(3, 4, 3))],
    ),
}

PREDICTIONS = {
    "03.A": Prediction(
        "From which learning rate on does one step from W = 3 raise the error?",
        low=0.0,
        explain="The minimum is reached in one step at half of that.",
    ),
    "03.B": Prediction(
        "Which comes sooner within a thousandth of the minimum: 80 or 95 percent of 2/lambda_max?",
        ("80 percent", "95 percent"),
        explain="At 95 percent the steep side overshoots by almost as much as it was off.",
    ),
    "03.C": Prediction(
        "Two starts, one training case: do they end at the same weights?",
        ("same weights", "different weights"),
    ),
    "03.D": Prediction(
        "By what factor does the number of steps fall if the same masses are written in kilograms?",
        low=0.0,
        explain="The condition numbers of the two bowls have nearly the same ratio.",
    ),
}
