"""Exercises and predictions of lesson 02."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bphelpers import functional as F
from bphelpers.lessons.shared import drawn, known_mistake
from bphelpers.numeric import Array
from bphelpers.teaching.exercises import Exercise, Prediction


def _logits_and_labels() -> list[tuple[Array, NDArray[np.int64]]]:
    rng = np.random.default_rng(3)
    return [(rng.normal(size=(n, k)), rng.permutation(k)[:n]) for n, k in ((3, 4), (2, 5))]


def _logits_and_answers() -> list[tuple[Array, Array]]:
    moderate = np.array([[-2.0], [0.5], [3.0]]), np.array([[0.0], [1.0], [0.0]])
    extreme = np.array([[1000.0], [-1000.0], [1.5], [-1000.0]]), np.array([[0.0], [0.0], [1.0], [1.0]])
    return [moderate, extreme]


def _one_hot(logits: Array, labels: NDArray[np.int64]) -> Array:
    return np.eye(logits.shape[1])[labels]


def _from_probability(p: Array, y: Array) -> Array:
    return -y * np.log(p) - (1 - y) * np.log(1 - p)


def _every_column(logits: Array, labels: NDArray[np.int64]) -> Array:
    p = F.softmax(logits)
    p[:, labels] -= 1
    return p / len(labels)


def _mean_of(rule: Callable[[Array, Array], Array]) -> Callable[[Array, Array], float]:
    def loss(z: Array, y: Array) -> float:
        with np.errstate(all="ignore"):
            return float(np.mean(rule(z, y)))

    return loss


def _tail(z: Array) -> Array:
    return np.log1p(np.exp(-np.abs(z)))


EXERCISES = {
    "02.1": Exercise(
        reference=F.mse,
        mistakes={
            "the sum is divided by the number of entries: divide by the number of examples, the rows": (
                lambda p, y: np.mean((p - y) ** 2)
            ),
            "the sum is divided by the number of outputs instead of the number of examples": (
                lambda p, y: np.sum((p - y) ** 2) / y.shape[1]
            ),
            "the sum is not divided by the number of examples": lambda p, y: np.sum((p - y) ** 2),
            "the half of the running example is put in: the mean squared error has none": (
                lambda p, y: np.sum((p - y) ** 2) / len(y) / 2
            ),
            "the sum is halved, as in the E of section 1, and not divided by the number of examples": (
                lambda p, y: np.sum((p - y) ** 2) / 2
            ),
            "the absolute differences are added instead of the squares": (
                lambda p, y: np.sum(abs(p - y)) / len(y)
            ),
            "the differences are added before they are squared": lambda p, y: np.sum(p - y) ** 2 / len(y),
            "the root is taken": lambda p, y: np.sqrt(np.sum((p - y) ** 2) / len(y)),
        },
        cases=drawn(2, "n k, n k", n=(3, 1, 5), k=(2, 2, 1)),
    ),
    "02.2": Exercise(
        reference=F.softmax_cross_entropy_backward,
        mistakes={
            "the probabilities are returned: the right answer has still to be subtracted": known_mistake(
                "softmax_cross_entropy", "target not subtracted"
            ),
            "1 is subtracted from every class: only the label's is to lose it": (
                lambda z, y: (F.softmax(z) - 1) / len(y)
            ),
            "1 is subtracted in the columns of all labels, in every row: each row has a label of its own": (
                _every_column
            ),
            "1 is subtracted after the division: it, too, has to be divided by n": (
                lambda z, y: F.softmax(z) / len(y) - _one_hot(z, y)
            ),
            "the probabilities are divided by the number of classes instead of the number of examples": (
                lambda z, y: (F.softmax(z) - _one_hot(z, y)) / z.shape[1]
            ),
            "the logits are used where their probabilities belong": (
                lambda z, y: (z - _one_hot(z, y)) / len(y)
            ),
            "the sigmoid is taken of each logit instead of the softmax of the row": (
                lambda z, y: (F.sigmoid(z) - _one_hot(z, y)) / len(y)
            ),
        },
        cases=_logits_and_labels,
        gradient=True,
    ),
    "02.3": Exercise(
        reference=F.binary_cross_entropy,
        mistakes={
            "the formula is typed in as it stands, and e^1000 overflows": _mean_of(
                lambda z, y: np.log(1 + np.exp(z)) - y * z
            ),
            "the formula with p is typed in: at z = 1000 it multiplies 0 by the logarithm of 0": _mean_of(
                lambda z, y: _from_probability(F.sigmoid(z), y)
            ),
            "p is clipped away from 0 and 1: that invents a loss where the true one is large": _mean_of(
                lambda z, y: _from_probability(np.clip(F.sigmoid(z), 1e-12, 1 - 1e-12), y)
            ),
            "the exponent is -z instead of -|z|": _mean_of(
                lambda z, y: np.maximum(z, 0) + np.log1p(np.exp(-z)) - y * z
            ),
            "the larger of z and 0 is left out": _mean_of(lambda z, y: _tail(z) - y * z),
            "y z is left out, so every answer counts as no": _mean_of(
                lambda z, y: np.maximum(z, 0) + _tail(z)
            ),
            "y z is added instead of subtracted": _mean_of(lambda z, y: np.maximum(z, 0) + _tail(z) + y * z),
            "the sum is returned instead of the mean": lambda z, y: len(y) * F.binary_cross_entropy(z, y),
        },
        cases=_logits_and_answers,
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
