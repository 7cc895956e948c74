"""Exercises and predictions of lesson 11, and a picture of its deeper page."""

import numpy as np
from matplotlib.figure import Figure

from bphelpers import functional as F
from bphelpers.lessons.shared import drawn
from bphelpers.numeric import Array
from bphelpers.teaching import plots
from bphelpers.teaching.exercises import Exercise, Mistakes, Prediction
from bphelpers.teaching.gradcheck import op_mistakes


def _relu_backward(dout: Array, z: Array) -> Mistakes:
    right, known = F.relu_backward(dout, z), op_mistakes("relu", dout, z)
    return {
        "the result is divided by the number of rows": right / len(z),
        "the sign is turned round": -right,
        "the mask is left out: the gradient passes where z is negative too": known["ReLU mask missing"]["z"],
        "the mask is the wrong way round": known["ReLU mask inverted"]["z"],
        "the mask is the wrong way round: z < 0 passes": dout * (z < 0),
        "the gradient passes at z = 0 too, where 0 is taken: z > 0 is wanted, not z >= 0": dout * (z >= 0),
        "the two arguments are exchanged": F.relu_backward(z, dout),
        "the slope is returned without the gradient from above": (z > 0) * 1.0,
        "the mask looks at the sign of dout instead of z": known["ReLU mask from the gradient"]["z"],
        "this is ReLU itself, its forward pass": F.relu(z),
        "the output of ReLU is multiplied instead of its slope": dout * F.relu(z),
    }


*_TWO, (_dout, _) = drawn(11, "n d, n d", n=(2, 1, 2), d=(3, 4, 3))
_ON_THE_KINK = np.array([[0.0, -1.5, 2.0], [0.75, 0.0, -0.5]])

_decay = {
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
    "the half is kept: the slope of half the square is w, without a half": 0.8 - 0.5 * (0.1 + 0.005 * 0.8),
    "the decay is not multiplied by the learning rate": 0.8 - 0.5 * 0.1 - 0.01 * 0.8,
}

EXERCISES = {
    "11.1": Exercise(F.relu_backward, _relu_backward, cases=[*_TWO, (_dout, _ON_THE_KINK)], gradient=True),
    "11.2": Exercise(0.8 - 0.5 * (0.1 + 0.01 * 0.8), _decay, gradient=True),
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
        ("higher", "about the same", "lower"),
    ),
    "11.D": Prediction(
        "Which remedy helps most here?", ("early stopping", "weight decay", "dropout", "shifts")
    ),
}


# --- A picture of the deeper page: wrong labels -------------------------------------------------------


def draw_wrong_labels(right: dict[float, dict[int, float]]) -> Figure:
    """For each share of wrong labels, the share of new images read right over the updates."""
    fig = plots.new_figure(6.4, 3.4)
    ax = fig.add_subplot()
    for marker, (share, curve) in zip("osD^", right.items(), strict=True):
        colour = plots.BACKWARD if share else plots.FORWARD
        ax.plot([*curve], [*curve.values()], f"{marker}-", color=colour, ms=4)
        ax.annotate(f"{share:.0%} wrong", (max(curve), curve[max(curve)]), (8, 0), color=colour,
                    textcoords="offset points", va="center", annotation_clip=False)  # fmt: skip
    ax.set(xscale="log", xlabel="updates", ylabel="new images read right", ylim=(0.4, 1))
    ax.set_title("A network that trains too long learns the mistakes as well")
    return fig


WRONG_LABELS = (
    "Four curves of new images read right, over 10 to 1,000 updates on a logarithmic axis. Without wrong "
    "labels the curve rises to 0.9 and stays. With 10, 30 and 50 percent wrong it rises first and then "
    "falls, the further the more labels are wrong."
)
