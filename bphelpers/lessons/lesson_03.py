"""Exercises and predictions of lesson 03."""

import numpy as np

from bphelpers.lessons.shared import drawn
from bphelpers.numeric import Array
from bphelpers.teaching.exercises import Exercise, Prediction


def _gradient(X: Array, y: Array, w: Array) -> Array:
    return X.T @ (X @ w - y)


def _line(x: Array, y: Array) -> Array:
    X = np.column_stack([np.ones(len(x)), x])
    return np.linalg.solve(X.T @ X, X.T @ y)


def _line_cases() -> list[tuple[Array, Array]]:
    rng = np.random.default_rng(4)
    return [(rng.uniform(1, 3, size=n), rng.normal(5, 2, size=n)) for n in (3, 5, 8)]


def _sums(x: Array, y: Array) -> Array:
    return np.array([y.sum(), x @ y])


def _through_zero(x: Array, y: Array) -> Array:
    return np.array([0.0, (x @ y) / (x @ x)])


def _eig(X: Array) -> Array:
    return np.linalg.eigvalsh(X.T @ X)


_UNSORTED = np.diag([2.0, 3.0, 1.0, 1.5])[[0, 1, 2, 3, 1]]  # eigenvalues 4, 18, 1, 2.25 in this order

EXERCISES = {
    "03.1": Exercise(
        reference=_gradient,
        mistakes={
            "the error has the wrong sign: it is prediction minus target": lambda X, y, w: X.T @ (y - X @ w),
            "a 2 is left over: the half in E cancels it": lambda X, y, w: 2 * _gradient(X, y, w),
            "it is averaged over the cases: this E adds them up": lambda X, y, w: _gradient(X, y, w) / len(X),
            "the targets are left out": lambda X, y, w: X.T @ (X @ w),
            "only the first case is counted": lambda X, y, w: _gradient(X[:1], y[:1], w),
            "the cases are not added up: there is a row for each": lambda X, y, w: (X @ w - y)[:, None] * X,
            "the errors are returned, not yet multiplied by the inputs": lambda X, y, w: X @ w - y,
        },
        cases=drawn(3, "n k, n, k", n=(3, 5, 4), k=(2, 4, 3)),
        gradient=True,
    ),
    "03.2": Exercise(
        reference=_line,
        mistakes={
            "the weight comes first: the bias is asked for first": lambda x, y: _line(x, y)[::-1],
            "the bias is set to 0: the line is forced through zero": _through_zero,
            "there is no column of ones before x, so the line has no bias": (
                lambda x, y: _through_zero(x, y)[1:]
            ),
            "X.T @ y is returned: the equations are not solved yet": _sums,
            "the weight alone is returned: the bias belongs to the answer": lambda x, y: _line(x, y)[1:],
            "the targets are multiplied by X.T @ X where they should be divided by it": (
                lambda x, y: np.array([[len(x), x.sum()], [x.sum(), x @ x]]) @ _sums(x, y)
            ),
        },
        cases=_line_cases,
    ),
    "03.3": Exercise(
        reference=lambda X: 2 / _eig(X)[-1],
        mistakes={
            "a 2 is missing: at 1/lambda_max the steep direction is done in one step": (
                lambda X: 1 / _eig(X)[-1]
            ),
            "the smallest eigenvalue is used: the steepest direction is the first to diverge": (
                lambda X: 2 / _eig(X)[0]
            ),
            "the best learning rate is given, not the largest": lambda X: 2 / (_eig(X)[0] + _eig(X)[-1]),
            "all eigenvalues are added up: only the largest sets the limit": lambda X: 2 / _eig(X).sum(),
            "the singular values of X are used: the eigenvalues of X.T @ X are their squares": (
                lambda X: 2 / np.sqrt(_eig(X)[-1])
            ),
            "the Hessian is averaged over the cases: this E adds them up": lambda X: 2 * len(X) / _eig(X)[-1],
            "the first of an unsorted list is taken: eigvals has no order, eigvalsh has": (
                lambda X: 2 / np.linalg.eigvals(X.T @ X).real[0]
            ),
            "the last of an unsorted list is taken: eigvals has no order, eigvalsh has": (
                lambda X: 2 / np.linalg.eigvals(X.T @ X).real[-1]
            ),
            "the largest eigenvalue itself is returned": lambda X: _eig(X)[-1],
        },
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
        options=("80 percent", "95 percent"),
        explain="At 95 percent the steep side overshoots by almost as much as it was off.",
    ),
    "03.C": Prediction(
        "Two starts, one training case: do they end at the same weights?",
        options=("same weights", "different weights"),
    ),
    "03.D": Prediction(
        "By what factor does the number of steps fall if the same masses are written in kilograms?",
        low=0.0,
        explain="The condition numbers of the two bowls have nearly the same ratio.",
    ),
}
