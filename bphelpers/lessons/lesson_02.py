"""Exercises and predictions of lesson 02."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bphelpers import functional as F
from bphelpers.teaching.exercises.records import Exercise, Prediction

_Array = NDArray[np.floating]


def _outputs_and_targets() -> list[tuple[_Array, _Array]]:
    rng = np.random.default_rng(2)
    return [(rng.normal(size=shape), rng.normal(size=shape)) for shape in ((3, 2), (1, 2), (5, 1))]


def _logits_and_labels() -> list[tuple[_Array, NDArray[np.int64]]]:
    rng = np.random.default_rng(3)
    return [(rng.normal(size=(n, k)), rng.permutation(k)[:n]) for n, k in ((3, 4), (2, 5))]


def _logits_and_answers() -> list[tuple[_Array, _Array]]:
    moderate = np.array([[-2.0], [0.5], [3.0]]), np.array([[0.0], [1.0], [0.0]])
    extreme = np.array([[1000.0], [-1000.0], [1.5], [-1000.0]]), np.array([[0.0], [0.0], [1.0], [1.0]])
    return [moderate, extreme]


def _one_hot(logits: _Array, labels: NDArray[np.int64]) -> _Array:
    return np.eye(logits.shape[1])[labels]


def _from_clipped(p: _Array, y: _Array) -> float:
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return float(np.mean(-y * np.log(p) - (1 - y) * np.log(1 - p)))


def _every_column(logits: _Array, labels: NDArray[np.int64]) -> _Array:
    p = F.softmax(logits)
    p[:, labels] -= 1
    return p / len(labels)


def _quietly(loss: Callable[[_Array, _Array], float]) -> Callable[[_Array, _Array], float]:
    def computed(logits: _Array, y: _Array) -> float:
        with np.errstate(all="ignore"):
            return loss(logits, y)

    return computed


EXERCISES = {
    "02.1": Exercise(
        reference=F.mse,
        mistakes={
            "the sum is divided by the number of entries: divide by the number of examples, the rows": (
                lambda y_hat, y: np.mean((y_hat - y) ** 2)
            ),
            "the sum is divided by the number of outputs instead of the number of examples": (
                lambda y_hat, y: np.sum((y_hat - y) ** 2) / y.shape[1]
            ),
            "the sum is not divided by the number of examples": lambda y_hat, y: np.sum((y_hat - y) ** 2),
            "the half of the running example is put in: the mean squared error has none": (
                lambda y_hat, y: np.sum((y_hat - y) ** 2) / len(y) / 2
            ),
            "the sum is halved, as in the E of section 1, and not divided by the number of examples": (
                lambda y_hat, y: np.sum((y_hat - y) ** 2) / 2
            ),
            "the absolute differences are added instead of the squares": (
                lambda y_hat, y: np.sum(abs(y_hat - y)) / len(y)
            ),
            "the differences are added before they are squared": (
                lambda y_hat, y: np.sum(y_hat - y) ** 2 / len(y)
            ),
            "the root is taken": lambda y_hat, y: np.sqrt(np.sum((y_hat - y) ** 2) / len(y)),
        },
        cases=_outputs_and_targets,
        gradient=False,
    ),
    "02.2": Exercise(
        reference=F.softmax_cross_entropy_backward,
        mistakes={
            "the probabilities are returned: the right answer has still to be subtracted": (
                lambda logits, labels: F.softmax(logits) / len(labels)
            ),
            "1 is subtracted from every class: only the label's is to lose it": (
                lambda logits, labels: (F.softmax(logits) - 1) / len(labels)
            ),
            "1 is subtracted in the columns of all labels, in every row: each row has a label of its own": (
                _every_column
            ),
            "1 is subtracted after the division: it, too, has to be divided by n": (
                lambda logits, labels: F.softmax(logits) / len(labels) - _one_hot(logits, labels)
            ),
            "the probabilities are divided by the number of classes instead of the number of examples": (
                lambda logits, labels: (F.softmax(logits) - _one_hot(logits, labels)) / logits.shape[1]
            ),
            "the logits are used where their probabilities belong": (
                lambda logits, labels: (logits - _one_hot(logits, labels)) / len(labels)
            ),
            "the sigmoid is taken of each logit instead of the softmax of the row": (
                lambda logits, labels: (F.sigmoid(logits) - _one_hot(logits, labels)) / len(labels)
            ),
        },
        cases=_logits_and_labels,
    ),
    "02.3": Exercise(
        reference=F.binary_cross_entropy,
        mistakes={
            "the formula is typed in as it stands, and e^1000 overflows": _quietly(
                lambda logits, y: float(np.mean(np.log(1 + np.exp(logits)) - y * logits))
            ),
            "the formula with p is typed in: at z = 1000 it multiplies 0 by the logarithm of 0": _quietly(
                lambda logits, y: float(
                    np.mean(-y * np.log(F.sigmoid(logits)) - (1 - y) * np.log(1 - F.sigmoid(logits)))
                )
            ),
            "p is clipped away from 0 and 1: that invents a loss where the true one is large": _quietly(
                lambda logits, y: float(_from_clipped(F.sigmoid(logits), y))
            ),
            "the exponent is -z instead of -|z|": _quietly(
                lambda logits, y: float(
                    np.mean(np.maximum(logits, 0) + np.log1p(np.exp(-logits)) - y * logits)
                )
            ),
            "the larger of z and 0 is left out": (
                lambda logits, y: np.mean(np.log1p(np.exp(-np.abs(logits))) - y * logits)
            ),
            "y z is left out, so every answer counts as no": (
                lambda logits, y: np.mean(np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits))))
            ),
            "y z is added instead of subtracted": (
                lambda logits, y: np.mean(
                    np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits))) + y * logits
                )
            ),
            "the sum is returned instead of the mean": (
                lambda logits, y: np.sum(
                    np.maximum(logits, 0) + np.log1p(np.exp(-np.abs(logits))) - y * logits
                )
            ),
        },
        cases=_logits_and_answers,
        gradient=False,
    ),
}

PREDICTIONS = {
    "02.A": Prediction("How many times as large is the first output's share of the error?", low=0),
    "02.B": Prediction("How many times as large is the loss of the network that said 0.99?", low=0),
    "02.C": Prediction("From which whole number z on is the formula infinite?", low=0, judged="difference"),
    "02.D": Prediction(
        "With w5 at 0, does E rise, fall or stay if w2 is turned up?", options=("rises", "falls", "stays")
    ),
}
