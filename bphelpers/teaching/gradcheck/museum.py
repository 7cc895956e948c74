"""The bug museum: ten broken backward passes of a two-layer network, each one line away from the right one.

Every exhibit can be run. What is shown is what runs: the right pass is a text of seven lines, an exhibit
replaces one of them, and :meth:`BackwardPass.gradients` executes the text.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bphelpers import functional as F
from bphelpers.arguments import refuse
from bphelpers.numeric import Array
from bphelpers.teaching.gradcheck.mistakes import MISTAKES

# X, Y (labels as rows of 0 and 1), n, Z1, A1, P, W2 and lr are known when it runs.
_SIGMOID = """\
dZ2 = (P - Y) / n
dW2 = dZ2.T @ A1
db2 = dZ2.sum(axis=0)
dA1 = dZ2 @ W2
dZ1 = dA1 * A1 * (1 - A1)
dW1 = dZ1.T @ X
db1 = dZ1.sum(axis=0)
"""
_RELU = _SIGMOID.replace("dA1 * A1 * (1 - A1)", "dA1 * (Z1 > 0)")


@dataclass(frozen=True)
class BackwardPass:
    """Linear, "sigmoid" or "relu", linear, softmax cross-entropy, and the code of its backward [09].

    >>> print(BUGS[0].intact.code.splitlines()[3])
    dA1 = dZ2 @ W2
    """

    hidden: str
    code: str

    def __post_init__(self) -> None:
        if self.hidden not in ("sigmoid", "relu"):
            refuse("hidden", "be 'sigmoid' or 'relu'", self.hidden)

    def forward(
        self, X: ArrayLike, W1: ArrayLike, b1: ArrayLike, W2: ArrayLike, b2: ArrayLike
    ) -> dict[str, Array]:
        """Everything that the backward pass needs. Plain NumPy: a bias of a wrong shape is broadcast."""
        X, W2 = np.asarray(X), np.asarray(W2)
        Z1 = X @ np.asarray(W1).T + b1
        A1 = F.sigmoid(Z1) if self.hidden == "sigmoid" else F.relu(Z1)
        Z2 = A1 @ W2.T + b2
        return {"X": X, "Z1": Z1, "A1": A1, "W2": W2, "Z2": Z2, "P": F.softmax(Z2)}

    def loss(self, X: ArrayLike, y: ArrayLike, **parameters: ArrayLike) -> float:
        """The softmax cross-entropy, an average over the examples. ``parameters``: W1, b1, W2, b2."""
        return F.softmax_cross_entropy(self.forward(X, **parameters)["Z2"], y)

    def gradients(
        self, X: ArrayLike, y: ArrayLike, *, lr: float = 1.0, **parameters: ArrayLike
    ) -> dict[str, Array]:
        """What ``code`` makes of a batch ``X`` (n, d) and its labels: by name, a gradient for each parameter.

        ``lr`` is read by an exhibit that confuses gradient and update. The parameters are ``W1`` (h, d),
        ``b1`` (h,), ``W2`` (k, h), ``b2`` (k,).
        """
        known = self.forward(X, **parameters)
        F.softmax_cross_entropy(known["Z2"], y)  # refuses labels that do not fit
        Y = np.eye(known["P"].shape[1])[np.asarray(y)]
        names: dict[str, Any] = known | {"Y": Y, "n": len(Y), "lr": lr}
        exec(self.code, {}, names)
        return {name: names[f"d{name}"] for name in ("W1", "b1", "W2", "b2")}


@dataclass(frozen=True)
class Bug:
    """One exhibit: a line as it should be and as it is, what one sees, its row of the table of mistakes [09].

    >>> bug = BUGS[0]
    >>> bug.right, bug.wrong
    ('dA1 = dZ2 @ W2', 'dA1 = dZ2 @ W2.T')
    """

    name: str
    right: str
    wrong: str
    symptom: str
    mistake: str
    hidden: str = "sigmoid"

    def __post_init__(self) -> None:
        if self.mistake not in MISTAKES:
            refuse("mistake", "be a name in the table of mistakes", self.mistake)
        if self.right not in self.intact.code.splitlines():
            refuse("right", "be a line of the right pass", self.right)

    @property
    def intact(self) -> BackwardPass:
        """The right pass that this one was made from."""
        return BackwardPass(self.hidden, _SIGMOID if self.hidden == "sigmoid" else _RELU)

    @property
    def broken(self) -> BackwardPass:
        """The pass with its one wrong line."""
        return BackwardPass(self.hidden, self.intact.code.replace(f"{self.right}\n", f"{self.wrong}\n"))


#: All ten, those that hide best first.
BUGS = (
    Bug(
        "W2 turned on the way back",
        "dA1 = dZ2 @ W2",
        "dA1 = dZ2 @ W2.T",
        "None while the hidden layer is as wide as the output layer; with other widths the program stops.",
        "weights transposed on the way back",
    ),
    Bug(
        "dW2 turned",
        "dW2 = dZ2.T @ A1",
        "dW2 = A1.T @ dZ2",
        "Hardly any while W2 is square: the loss ends a little higher. With other widths the program stops.",
        "transposed",
    ),
    Bug(
        "weights moved too early",
        "dA1 = dZ2 @ W2",
        "dA1 = dZ2 @ (W2 - lr * dW2)",
        "None. The loss falls as it should.",
        "hidden delta from updated weights",
    ),
    Bug(
        "bias not added up",
        "db1 = dZ1.sum(axis=0)",
        "db1 = dZ1",
        "The training loss falls a little too well. Then a batch of another size stops the program.",
        "bias not summed",
    ),
    Bug(
        "slope forgotten",
        "dZ1 = dA1 * A1 * (1 - A1)",
        "dZ1 = dA1",
        "The loss falls faster at first, and as a rule less far in the end.",
        "activation derivative missing",
    ),
    Bug(
        "mask forgotten",
        "dZ1 = dA1 * (Z1 > 0)",
        "dZ1 = dA1",
        "The loss falls, and stays too high.",
        "ReLU mask missing",
        hidden="relu",
    ),
    Bug(
        "slope of the output twice",
        "dZ2 = (P - Y) / n",
        "dZ2 = (P - Y) * P * (1 - P) / n",
        "Everything learns, about ten times too slowly.",
        "output derivative twice",
    ),
    Bug(
        "diagonal only",
        "dZ2 = (P - Y) / n",
        "dZ2 = -Y * (1 - P) / n",
        "No class is ever told to be quiet: nothing is learned.",
        "softmax Jacobian diagonal only",
    ),
    Bug(
        "sign lost on the way back",
        "dA1 = dZ2 @ W2",
        "dA1 = -dZ2 @ W2",
        "The hidden layer climbs while the output layer descends: the loss hardly moves.",
        "sign",
    ),
    Bug(
        "not averaged",
        "dZ2 = (P - Y) / n",
        "dZ2 = P - Y",
        "Every step is too long by the batch size: the loss explodes.",
        "not averaged",
    ),
)
