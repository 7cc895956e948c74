"""Exercises and predictions of lesson 11."""

import numpy as np

from bphelpers import functional as F
from bphelpers.lessons.shared import known_mistake
from bphelpers.numeric import Array
from bphelpers.teaching.exercises import Exercise, Prediction


def _relu_cases() -> list[tuple[Array, Array]]:
    rng = np.random.default_rng(11)
    cases = [(rng.normal(size=shape), rng.normal(size=shape)) for shape in ((2, 3), (1, 4))]
    on_the_kink = np.array([[0.0, -1.5, 2.0], [0.75, 0.0, -0.5]])
    return [*cases, (rng.normal(size=(2, 3)), on_the_kink)]


EXERCISES = {
    "11.1": Exercise(
        reference=F.relu_backward,
        mistakes={
            "the result is divided by the number of rows": lambda dout, z: dout * (z > 0) / len(z),
            "the sign is turned round": lambda dout, z: -dout * (z > 0),
            "the mask is left out: the gradient passes where z is negative too": (
                known_mistake("relu", "ReLU mask missing")
            ),
            "the mask is the wrong way round": known_mistake("relu", "ReLU mask inverted"),
            "the mask is the wrong way round: z < 0 passes": lambda dout, z: dout * (z < 0),
            "the gradient passes at z = 0 too, where 0 is taken: z > 0 is wanted, not z >= 0": (
                lambda dout, z: dout * (z >= 0)
            ),
            "the two arguments are exchanged": lambda dout, z: z * (dout > 0),
            "the slope is returned without the gradient from above": lambda dout, z: (z > 0) * 1.0,
            "the mask looks at the sign of dout instead of z": (
                known_mistake("relu", "ReLU mask from the gradient")
            ),
            "this is ReLU itself, its forward pass": lambda dout, z: np.maximum(z, 0),
            "the output of ReLU is multiplied instead of its slope": lambda dout, z: dout * np.maximum(z, 0),
        },
        cases=_relu_cases,
        gradient=True,
    ),
    "11.2": Exercise(
        reference=0.8 - 0.5 * (0.1 + 0.01 * 0.8),
        mistakes={
            "only the gradient is given, without the step": 0.1 + 0.01 * 0.8,
            "only the step is given, not the weight after it": 0.5 * (0.1 + 0.01 * 0.8),
            "the decay is forgotten": 0.8 - 0.5 * 0.1,
            "the gradient of the loss is left out": 0.8 - 0.5 * 0.01 * 0.8,
            "the charge itself is added, not its derivative": 0.8 - 0.5 * (0.1 + 0.01 / 2 * 0.8**2),
            "the step goes uphill": 0.8 + 0.5 * (0.1 + 0.01 * 0.8),
            "the decay is subtracted from the gradient": 0.8 - 0.5 * (0.1 - 0.01 * 0.8),
            "the learning rate is forgotten": 0.8 - (0.1 + 0.01 * 0.8),
            "the decay is not multiplied by the weight": 0.8 - 0.5 * (0.1 + 0.01),
            "w squared is charged instead of w": 0.8 - 0.5 * (0.1 + 0.01 * 0.8**2),
            "the half is kept: the slope of half the square is w, without a half": (
                0.8 - 0.5 * (0.1 + 0.005 * 0.8)
            ),
            "the decay is not multiplied by the learning rate": 0.8 - 0.5 * 0.1 - 0.01 * 0.8,
        },
        gradient=True,
    ),
}

PREDICTIONS = {
    "11.A": Prediction(
        "What share of the held-out images will a single layer get right?", low=0, high=1, judged="difference"
    ),
    "11.B": Prediction(
        "By how many points of a hundred will 64-10-10 beat the baseline 64-10?",
        unit="points",
        judged="difference",
        explain="A gain of less than a point cannot be told from luck here.",
    ),
    "11.C": Prediction(
        "Hold out the last 450 images of the file instead of a random 450: what happens to the accuracy?",
        options=("higher", "about the same", "lower"),
    ),
    "11.D": Prediction(
        "Which remedy helps most here?", options=("early stopping", "weight decay", "dropout", "shifts")
    ),
}
