"""The loss of the running example."""

from numpy.typing import ArrayLike

from bphelpers import nn


class HalfSquares(nn.MSELoss):
    """Half of :class:`~bphelpers.nn.MSELoss`: the loss of the running example, whose half cancels the 2.

    Lesson: 05_backprop_by_hand.

    >>> HalfSquares()([[3.0]], [[1.0]])
    2.0
    """

    def _value(self, y_hat: ArrayLike, y: ArrayLike) -> float:
        return super()._value(y_hat, y) / 2

    def _gradient(self, y_hat: ArrayLike, y: ArrayLike) -> nn.Array:
        return super()._gradient(y_hat, y) / 2
