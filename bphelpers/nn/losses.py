"""Losses with memory."""

from typing import Any

import numpy as np
from numpy import ndarray
from numpy.typing import ArrayLike, NDArray

from bphelpers import functional as F
from bphelpers.arguments import Array
from bphelpers.functional import mean_cost, p_minus_one_hot
from bphelpers.nn.modules import UNFIT, Remembers


class Loss(Remembers):
    """A loss with memory: ``loss(y_hat, y)`` gives a float, ``backward()`` the gradient for ``y_hat``.

    A loss of your own says ``pair = value, gradient``, two functions of ``y_hat`` and ``y``.
    """

    labels = False  # whether a target is one whole number instead of one number for each output

    def function(self, y_hat: Array, y: NDArray[Any]) -> float:  # type: ignore[override]
        raise NotImplementedError

    def __call__(self, y_hat: ArrayLike, y: ArrayLike) -> float:
        """Validate both, then run ``forward``."""
        return self.forward(*self.entering(y_hat, y))

    def entering(self, y_hat: ArrayLike, y: ArrayLike) -> tuple[Array, NDArray[Any]]:
        """Both as arrays that fit each other, or a ValueError that says what does not."""
        look = getattr(self.pair[0], "look", None)
        return tuple(look(y_hat, y).values()) if look else (np.asarray(y_hat), np.asarray(y))

    def forward(self, y_hat: Array, y: NDArray[Any]) -> float:
        """Loss of the predictions; remembers both."""
        try:
            if type(y_hat) is type(y) is ndarray and y_hat.shape == y.shape:
                self._kept = y_hat, y
                return self.function(y_hat, y)
        except UNFIT:
            pass
        self._kept = self.entering(y_hat, y)
        return self.function(*self._kept)

    def backward(self) -> Array:
        """Gradient of the loss with respect to ``y_hat`` of the latest ``forward``."""
        return self.gradient(*(self._kept or self.remembered()))

    def is_right(self, y_hat: ArrayLike, y: ArrayLike) -> NDArray[np.bool_] | None:
        """Which predictions name the right class; None where the loss knows no classes."""
        return None


class MSELoss(Loss):
    """:func:`~bphelpers.functional.mse` with memory [02].

    >>> MSELoss()([[3.0]], [[1.0]])
    4.0
    """

    pair = F.mse, F.mse_backward


class BCEWithLogitsLoss(Loss):
    """:func:`~bphelpers.functional.binary_cross_entropy` with memory [02]."""

    pair = F.binary_cross_entropy, F.binary_cross_entropy_backward

    def backward(self) -> Array:
        with np.errstate(over="ignore"):  # where a sigmoid's exponential is infinite, 1 over it is 0
            return super().backward()

    def is_right(self, y_hat: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        y_hat, y = self.entering(y_hat, y)
        right: NDArray[np.bool_] = np.all((y_hat > 0) == (y > 0.5), axis=1)
        return right


class CrossEntropyLoss(Loss):
    """:func:`~bphelpers.functional.softmax_cross_entropy` with memory: one softmax for both passes [02]."""

    pair = F.softmax_cross_entropy, F.softmax_cross_entropy_backward
    labels = True

    def forward(self, y_hat: Array, y: NDArray[Any]) -> float:
        try:
            if type(y_hat) is type(y) is ndarray and y_hat.shape[:1] == y.shape:
                return self._cost(y_hat, y)
        except UNFIT:
            pass
        return self._cost(*self.entering(y_hat, y))

    def _cost(self, y_hat: Array, y: NDArray[Any]) -> float:
        self._kept = F.log_softmax.plain(y_hat), (np.arange(len(y)), y)
        return mean_cost(*self._kept)

    def backward(self) -> Array:
        return p_minus_one_hot(*self.remembered())

    def is_right(self, y_hat: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        y_hat, y = self.entering(y_hat, y)
        right: NDArray[np.bool_] = np.equal(np.argmax(y_hat, axis=1), y)
        return right
