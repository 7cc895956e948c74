"""Update rules: the gradient is known, now take a step."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from bphelpers.nn import Parameter


class SGD:
    r"""Gradient descent, with momentum and weight decay on request.

    .. math:: g = \nabla L + \lambda\, w, \qquad v \leftarrow \mu v + g, \qquad w \leftarrow w - \eta v

    (with Nesterov's form, :math:`w \leftarrow w - \eta (g + \mu v)`). Without momentum this is
    :math:`w \leftarrow w - \eta g`.

    Parameters
    ----------
    lr : float
        Learning rate :math:`\eta`, not negative.
    momentum : float
        :math:`\mu`, 0 to 1.
    nesterov : bool
        Look ahead; needs momentum.
    weight_decay : float
        :math:`\lambda`, not negative: adds the gradient of :math:`\frac{\lambda}{2} \|w\|^2`. It acts on
        every parameter, biases included, as ``torch.optim.SGD`` does.

    Raises
    ------
    ValueError
        Where a number lies outside its range.

    Notes
    -----
    Lesson: 05_backprop_by_hand (the plain step), 08_updates (momentum), 11_handwritten_digits (weight decay).

    Examples
    --------
    >>> w = Parameter(np.array([1.0]), "w")
    >>> w.grad = np.array([0.5])
    >>> SGD(lr=0.1).step([w])
    >>> w.data
    array([0.95])
    """

    def __init__(
        self, lr: float, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0
    ) -> None:
        if not (np.isfinite(lr) and lr >= 0):
            raise ValueError(f"lr must be a finite number, 0 or more, got {lr}")
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must lie from 0 to below 1, got {momentum}")
        if nesterov and momentum == 0:
            raise ValueError("nesterov needs momentum above 0")
        if not (np.isfinite(weight_decay) and weight_decay >= 0):
            raise ValueError(f"weight_decay must be a finite number, 0 or more, got {weight_decay}")
        # Python floats: a NumPy float64 scalar would turn float32 gradients into float64.
        self.lr = float(lr)
        self.momentum = float(momentum)
        self.nesterov = nesterov
        self.weight_decay = float(weight_decay)
        self._velocity: dict[Parameter, NDArray[np.floating]] = {}

    def step(self, parameters: Iterable[Parameter]) -> None:
        """Move every parameter once, in place, by its ``.grad``.

        Raises
        ------
        ValueError
            Where a parameter has no gradient yet, or one of another shape; then none has moved.
        """
        pairs = [(p, _gradient(p)) for p in parameters]
        for p, grad in pairs:
            p.data -= self.lr * self._direction(p, grad)

    def _direction(self, p: Parameter, grad: NDArray[np.floating]) -> NDArray[np.floating]:
        if self.weight_decay:
            grad = grad + self.weight_decay * p.data
        if not self.momentum:
            return grad
        velocity = self._velocity.get(p)
        # A copy: somebody may fill p.grad in place next time.
        velocity = grad.copy() if velocity is None else self.momentum * velocity + grad
        self._velocity[p] = velocity
        return grad + self.momentum * velocity if self.nesterov else velocity


def _gradient(p: Parameter) -> NDArray[np.floating]:
    if p.grad is None:
        raise ValueError(f"{p.name} has no gradient yet: run a backward pass before step()")
    if p.grad.shape != p.data.shape:
        raise ValueError(f"{p.name}.grad must have shape {p.data.shape}, got {p.grad.shape}")
    return p.grad
