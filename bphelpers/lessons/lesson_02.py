"""Exercises and predictions of lesson 02."""

import numpy as np
from numpy.typing import NDArray

from bphelpers import functional as F
from bphelpers.lessons.shared import drawn
from bphelpers.numeric import Array
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction
from bphelpers.teaching.gradcheck import op_mistakes


def _mse(p: Array, y: Array) -> Mistakes:
    off, total, n = p - y, np.sum((p - y) ** 2), len(y)
    return {
        "the sum is divided by the number of entries: divide by the number of examples, the rows": (
            total / y.size
        ),
        "the sum is divided by the number of outputs instead of the number of examples": total / y.shape[1],
        "the sum is not divided by the number of examples": total,
        "the half of the running example is put in: the mean squared error has none": total / n / 2,
        "the sum is halved, as in the E of section 1, and not divided by the number of examples": total / 2,
        "the absolute differences are added instead of the squares": np.sum(abs(off)) / n,
        "the differences are added before they are squared": np.sum(off) ** 2 / n,
        "the root is taken": np.sqrt(total / n),
    }


def _softmax_cross_entropy(z: Array, labels: NDArray[np.int64]) -> Mistakes:
    n, k = z.shape
    p, one_hot = F.softmax(z), np.eye(k)[labels]
    known = op_mistakes("softmax_cross_entropy", z, labels)
    return {
        "the probabilities are returned: the right answer has still to be subtracted": (
            known["target not subtracted"]["logits"]
        ),
        "1 is subtracted from every class: only the label's is to lose it": (p - 1) / n,
        "1 is subtracted in the columns of all labels, in every row: each row has a label of its own": (
            (p - one_hot.sum(axis=0)) / n
        ),
        "1 is subtracted after the division: it, too, has to be divided by n": p / n - one_hot,
        "the probabilities are divided by the number of classes instead of the number of examples": (
            (p - one_hot) / k
        ),
        "the logits are used where their probabilities belong": (z - one_hot) / n,
        "the sigmoid is taken of each logit instead of the softmax of the row": (F.sigmoid(z) - one_hot) / n,
    }


def _binary_cross_entropy(z: Array, y: Array) -> Mistakes:
    p, positive, tail = F.sigmoid(z), np.maximum(z, 0), np.log1p(np.exp(-np.abs(z)))
    by_p, by_clipped = (-y * np.log(q) - (1 - y) * np.log(1 - q) for q in (p, np.clip(p, 1e-12, 1 - 1e-12)))
    return {
        "the formula is typed in as it stands, and e^1000 overflows": np.mean(np.log(1 + np.exp(z)) - y * z),
        "the formula with p is typed in: at z = 1000 it multiplies 0 by the logarithm of 0": np.mean(by_p),
        "p is clipped away from 0 and 1: that invents a loss where the true one is large": (
            np.mean(by_clipped)
        ),
        "the exponent is -z instead of -|z|": np.mean(positive + np.log1p(np.exp(-z)) - y * z),
        "the larger of z and 0 is left out": np.mean(tail - y * z),
        "y z is left out, so every answer counts as no": np.mean(positive + tail),
        "y z is added instead of subtracted": np.mean(positive + tail + y * z),
        "the sum is returned instead of the mean": np.sum(positive + tail - y * z),
    }


_rng = np.random.default_rng(3)
_LOGITS_AND_LABELS = [(_rng.normal(size=(n, k)), _rng.permutation(k)[:n]) for n, k in ((3, 4), (2, 5))]
_MODERATE = np.array([[-2.0], [0.5], [3.0]]), np.array([[0.0], [1.0], [0.0]])
_EXTREME = np.array([[1000.0], [-1000.0], [1.5], [-1000.0]]), np.array([[0.0], [0.0], [1.0], [1.0]])

EXERCISES = {
    "02.1": Exercise(F.mse, _mse, cases=drawn(2, "n k, n k", n=(3, 1, 5), k=(2, 2, 1))),
    "02.2": Exercise(
        F.softmax_cross_entropy_backward, _softmax_cross_entropy, cases=_LOGITS_AND_LABELS, gradient=True
    ),
    "02.3": Exercise(F.binary_cross_entropy, _binary_cross_entropy, cases=[_MODERATE, _EXTREME]),
}

PREDICTIONS = {
    "02.A": Prediction("How many times as large is the first output's share of the error?", low=0),
    "02.B": Prediction("How many times as large is the loss of the network that said 0.99?", low=0),
    "02.C": Prediction("From which whole number z on is the formula infinite?", low=0, judged="difference"),
    "02.D": Prediction(
        "With w5 at 0, does E rise, fall or stay if w2 is turned up?", ("rises", "falls", "stays")
    ),
}
