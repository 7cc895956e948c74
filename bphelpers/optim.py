"""Update rules: the gradient is known, now take a step.

An optimizer moves parameters by their ``.grad`` and keeps what it remembers of each in a dictionary.
`Scheduled` wraps one and changes its learning rate from update to update; it has a ``step`` of its own, so
``training.fit`` takes it like any other. `clip_grad_norm` shortens gradients before a step.
"""

import math
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from bphelpers.nn import Parameter

Array = NDArray[np.floating]


class GradientNotFinite(ValueError):
    """A gradient holds NaN or infinity; no parameter has moved."""


class _Optimizer:
    """What all rules share: a learning rate, weight decay, and a step that moves all parameters or none."""

    def __init__(self, lr: float, weight_decay: float) -> None:
        # Python floats: a NumPy float64 scalar would turn float32 gradients into float64.
        self.lr = _not_negative("lr", lr)
        self.weight_decay = _not_negative("weight_decay", weight_decay)

    def step(self, parameters: Iterable[Parameter]) -> None:
        """Move every parameter once, in place, by its ``.grad``.

        Raises
        ------
        ValueError
            Where a parameter is listed twice, has no gradient yet, one of another shape, or one that is not
            finite; then none has moved.
        """
        for p, grad in usable_gradients(parameters):
            p.data -= self.lr * self._direction(p, grad)

    def _direction(self, p: Parameter, grad: Array) -> Array:
        raise NotImplementedError

    def _decayed(self, p: Parameter, grad: Array) -> Array:
        """With the gradient of ``weight_decay / 2 * ||w||^2`` added."""
        return grad + self.weight_decay * p.data if self.weight_decay else grad


class _Rolling(_Optimizer):
    """A rule with a velocity for each parameter."""

    def __init__(self, lr: float, momentum: float, weight_decay: float) -> None:
        super().__init__(lr, weight_decay)
        self.momentum = _below_one("momentum", momentum)
        self._velocity: dict[Parameter, Array] = {}

    def _rolled(self, p: Parameter, push: Array) -> Array:
        velocity = self._velocity.get(p)
        # A copy: somebody may fill p.grad in place next time.
        velocity = push.copy() if velocity is None else self.momentum * velocity + push
        self._velocity[p] = velocity
        return velocity


class SGD(_Rolling):
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
    Sources: B. T. Polyak, Some methods of speeding up the convergence of iteration methods, 1964 (momentum);
    Y. Nesterov, A method for solving the convex programming problem with convergence rate O(1/k^2), 1983.
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
        super().__init__(lr, momentum, weight_decay)
        if nesterov and momentum == 0:
            raise ValueError("nesterov needs momentum above 0")
        self.nesterov = nesterov

    def _direction(self, p: Parameter, grad: Array) -> Array:
        grad = self._decayed(p, grad)
        if not self.momentum:
            return grad
        velocity = self._rolled(p, grad)
        return grad + self.momentum * velocity if self.nesterov else velocity


class RMSprop(_Rolling):
    r"""Divide each derivative by the root of a running mean of its square.

    .. math:: g = \nabla L + \lambda\, w, \qquad s \leftarrow \alpha s + (1 - \alpha) g^2, \qquad
              w \leftarrow w - \eta \frac{g}{\sqrt{s} + \varepsilon}

    with :math:`s = 0` at the start. With momentum, the fraction takes the place of g in
    :math:`v \leftarrow \mu v + g`, and :math:`w \leftarrow w - \eta v`.

    Parameters
    ----------
    lr : float
        Learning rate :math:`\eta`, not negative.
    alpha : float
        :math:`\alpha`, 0 to 1: how much of the mean stays.
    eps : float
        :math:`\varepsilon`, above 0; outside the root, as in ``torch.optim.RMSprop``.
    weight_decay : float
        :math:`\lambda`, not negative: adds the gradient of :math:`\frac{\lambda}{2} \|w\|^2`.
    momentum : float
        :math:`\mu`, 0 to 1.

    Raises
    ------
    ValueError
        Where a number lies outside its range.

    Notes
    -----
    A gradient above 1e19 in float32, or 1e154 in float64, has an infinite square, which stops its weight for
    good: clip such gradients first.
    Source: T. Tieleman and G. Hinton, Lecture 6.5, Coursera: Neural networks for machine learning, 2012.
    Lesson: 08_updates.

    Examples
    --------
    >>> w = Parameter(np.array([1.0, 1.0]), "w")
    >>> w.grad = np.array([0.5, 50.0])
    >>> RMSprop(lr=0.01).step([w])
    >>> w.data.round(6)
    array([0.9, 0.9])
    """

    def __init__(
        self,
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
    ) -> None:
        super().__init__(lr, momentum, weight_decay)
        self.alpha = _below_one("alpha", alpha)
        self.eps = _positive("eps", eps)
        self._squares: dict[Parameter, Array] = {}

    def _direction(self, p: Parameter, grad: Array) -> Array:
        grad = self._decayed(p, grad)
        self._squares[p] = _mixed(self._squares.get(p), grad**2, self.alpha)
        scaled = grad / (np.sqrt(self._squares[p]) + self.eps)
        return self._rolled(p, scaled) if self.momentum else scaled


class Adam(_Optimizer):
    r"""Momentum and a scale for each weight, both corrected for having started at zero.

    .. math:: g = \nabla L + \lambda\, w, \qquad
              m \leftarrow \beta_1 m + (1 - \beta_1) g, \qquad s \leftarrow \beta_2 s + (1 - \beta_2) g^2
    .. math:: w \leftarrow w - \eta \,
              \frac{m / (1 - \beta_1^t)}{\sqrt{s / (1 - \beta_2^t)} + \varepsilon}
              \qquad \text{in update } t = 1, 2, \dots

    Parameters
    ----------
    lr : float
        Learning rate :math:`\eta`, not negative.
    betas : pair of float
        :math:`\beta_1, \beta_2`, each 0 to 1.
    eps : float
        :math:`\varepsilon`, above 0.
    weight_decay : float
        :math:`\lambda`, not negative: adds the gradient of :math:`\frac{\lambda}{2} \|w\|^2`, which is then
        scaled with the rest. See :class:`AdamW`.

    Raises
    ------
    ValueError
        Where a number lies outside its range.

    Notes
    -----
    The numbers are those of ``torch.optim.Adam``. A gradient with an infinite square stops its weight for
    good, as in :class:`RMSprop`.
    Source: D. P. Kingma and J. Ba, Adam: a method for stochastic optimization, 2015.
    Lesson: 08_updates.

    Examples
    --------
    >>> w = Parameter(np.array([1.0, 1.0]), "w")
    >>> w.grad = np.array([0.5, -50.0])
    >>> Adam(lr=0.01).step([w])
    >>> w.data.round(6)
    array([0.99, 1.01])
    """

    def __init__(
        self,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(lr, weight_decay)
        if len(betas) != 2:
            raise ValueError(f"betas must be two numbers, got {betas}")
        self.betas = _below_one("betas[0]", betas[0]), _below_one("betas[1]", betas[1])
        self.eps = _positive("eps", eps)
        self._updates: dict[Parameter, int] = {}
        self._means: dict[Parameter, Array] = {}
        self._squares: dict[Parameter, Array] = {}

    def _direction(self, p: Parameter, grad: Array) -> Array:
        return self._adapted(p, self._decayed(p, grad))

    def _adapted(self, p: Parameter, grad: Array) -> Array:
        beta1, beta2 = self.betas
        t = self._updates[p] = self._updates.get(p, 0) + 1
        self._means[p] = _mixed(self._means.get(p), grad, beta1)
        self._squares[p] = _mixed(self._squares.get(p), grad**2, beta2)
        mean = self._means[p] / (1 - beta1**t)
        return mean / (np.sqrt(self._squares[p] / (1 - beta2**t)) + self.eps)


class AdamW(Adam):
    r"""Adam with weight decay left out of the averages: each update also takes :math:`\eta\lambda w` off.

    Parameters
    ----------
    lr, betas, eps
        As in :class:`Adam`.
    weight_decay : float
        :math:`\lambda`, not negative: every weight shrinks by the factor :math:`1 - \eta\lambda` an update,
        whatever the size of its gradients.

    Raises
    ------
    ValueError
        Where a number lies outside its range.

    Notes
    -----
    The numbers are those of ``torch.optim.AdamW``. Source: I. Loshchilov and F. Hutter, Decoupled weight
    decay regularization, 2019, where the learning rate does not multiply the decay (a schedule scales both).
    Lesson: 08_updates.

    Examples
    --------
    >>> w = Parameter(np.array([1.0]), "w")
    >>> w.grad = np.array([0.0])
    >>> AdamW(lr=0.1, weight_decay=0.5).step([w])
    >>> w.data
    array([0.95])
    """

    def __init__(
        self,
        lr: float = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay)

    def _direction(self, p: Parameter, grad: Array) -> Array:
        return self._adapted(p, grad) + self.weight_decay * p.data


class Scheduled:
    """An optimizer whose learning rate is multiplied by ``schedule(step)``, with step = 0, 1, 2, ...

    Parameters
    ----------
    optimizer : SGD, RMSprop, Adam or AdamW
        Its ``lr`` at this moment is the one that the factors multiply; afterwards its ``lr`` is that of the
        latest update.
    schedule : callable
        Number of updates already made to factor, for example ``lambda step: cosine(step, 1000)``. Factors
        multiply: ``lambda step: warmup(step, 100) * cosine(step, 1000)``.

    Raises
    ------
    ValueError
        Where the optimizer is scheduled already.

    Notes
    -----
    Lesson: 08_updates.

    Examples
    --------
    >>> w = Parameter(np.array([1.0]), "w")
    >>> optimizer = Scheduled(SGD(lr=0.1), lambda step: step_decay(step, every=2, factor=0.5))
    >>> for _ in range(4):
    ...     w.grad = np.array([1.0])
    ...     optimizer.step([w])
    >>> w.data.round(6), optimizer.lr
    (array([0.7]), 0.05)
    """

    def __init__(self, optimizer: _Optimizer, schedule: Callable[[int], float]) -> None:
        if isinstance(optimizer, Scheduled):
            raise ValueError("optimizer is scheduled already: multiply the factors in one schedule instead")
        self.optimizer = optimizer
        self.schedule = schedule
        self.updates = 0
        self._base = optimizer.lr

    @property
    def lr(self) -> float:
        """Learning rate of the latest update."""
        return self.optimizer.lr

    def step(self, parameters: Iterable[Parameter]) -> None:
        """Move every parameter once, at the learning rate whose turn it is.

        Raises
        ------
        ValueError
            Where the factor is negative or not finite, or the optimizer refuses; then nothing has moved.
        """
        factor = _not_negative(f"schedule({self.updates})", self.schedule(self.updates))
        before, self.optimizer.lr = self.optimizer.lr, self._base * factor
        try:
            self.optimizer.step(parameters)
        except ValueError:
            self.optimizer.lr = before
            raise
        self.updates += 1


def warmup(step: int, steps: int) -> float:
    """Factor that rises in a line over the first ``steps`` updates and is 1 from then on.

    Lesson: 08_updates.

    >>> [warmup(step, 4) for step in range(6)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """
    return min(1.0, (_not_negative("step", step) + 1) / _positive("steps", steps))


def step_decay(step: int, every: int, factor: float = 0.1) -> float:
    """Factor that starts at 1 and is multiplied by ``factor`` after each ``every`` updates.

    Lesson: 08_updates.

    >>> [step_decay(step, every=2, factor=0.5) for step in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """
    return _positive("factor", factor) ** (_not_negative("step", step) // _positive("every", every))


def cosine(step: int, steps: int) -> float:
    """Factor that falls from 1 to 0 over ``steps`` updates along half a cosine wave, and then stays.

    Source: I. Loshchilov and F. Hutter, SGDR: stochastic gradient descent with warm restarts, 2017.
    Lesson: 08_updates.

    >>> [round(cosine(step, 4), 3) for step in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """
    part = _not_negative("step", step) / _positive("steps", steps)
    return (1 + math.cos(math.pi * min(part, 1))) / 2


def inverse_decay(step: int, scale: float) -> float:
    """Factor ``1 / (1 + step / scale)``, which goes to 0 so slowly that its sum has no bound.

    Source: H. Robbins and S. Monro, A stochastic approximation method, 1951. Lesson: 08_updates.

    >>> [inverse_decay(step, 2) for step in (0, 2, 6)]
    [1.0, 0.5, 0.25]
    """
    return 1 / (1 + _not_negative("step", step) / _positive("scale", scale))


def clip_grad_norm(parameters: Iterable[Parameter], max_norm: float) -> float:
    r"""Shorten all gradients by one factor where their joint length exceeds ``max_norm``.

    .. math:: g \leftarrow g \cdot \min\Big(1, \frac{c}{\|g\| + 10^{-6}}\Big)

    with the norm taken over all parameters together, as ``torch.nn.utils.clip_grad_norm_`` does. The
    direction stays. ``.grad`` is replaced; the old array is left as it was.

    Parameters
    ----------
    parameters : iterable of Parameter
    max_norm : float
        :math:`c`, above 0.

    Returns
    -------
    float
        The norm before clipping.

    Raises
    ------
    ValueError
        Where ``max_norm`` is not above 0, a parameter is listed twice, or a gradient is missing, of another
        shape or not finite; then none has been changed.

    Notes
    -----
    Source: R. Pascanu, T. Mikolov and Y. Bengio, On the difficulty of training recurrent neural networks,
    2013. Lesson: 08_updates.

    Examples
    --------
    >>> w = Parameter(np.zeros(2), "w")
    >>> w.grad = np.array([30.0, 40.0])
    >>> clip_grad_norm([w], max_norm=5.0)
    50.0
    >>> w.grad.round(4)
    array([3., 4.])
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm must be above 0, got {max_norm}")
    pairs = usable_gradients(parameters)
    norm = math.hypot(*(np.linalg.norm(grad.astype(np.float64)) for _, grad in pairs))
    if not math.isfinite(norm):
        raise ValueError("the squares of the gradients are too large to be added up")
    for p, grad in pairs:
        p.grad = grad * min(1.0, float(max_norm) / (norm + 1e-6))
    return norm


def moves_numbers_alone(optimizer: object) -> bool:
    """Whether each number moves by itself and nothing is remembered: then parameters may be joined to one.

    Not so where somebody may look or has put in a function of their own, as in a schedule.
    """
    return (
        type(optimizer) is SGD
        and optimizer.momentum == 0
        and not any(map(callable, vars(optimizer).values()))
        and (SGD.step, SGD._direction, SGD._decayed) == _AS_WRITTEN
    )


_AS_WRITTEN = SGD.step, SGD._direction, SGD._decayed


def usable_gradients(parameters: Iterable[Parameter]) -> list[tuple[Parameter, Array]]:
    """Each parameter with its gradient, all fit for a step; else a ValueError says which is not."""
    pairs = [(p, _gradient(p)) for p in parameters]
    if len({p for p, _ in pairs}) < len(pairs):
        raise ValueError(f"parameters must be different, got {[p.name for p, _ in pairs]}")
    return pairs


def _gradient(p: Parameter) -> Array:
    grad = p.grad
    if grad is None:
        raise ValueError(f"{p.name} has no gradient yet: run a backward pass first")
    if grad.shape != p.data.shape:
        raise ValueError(f"{p.name}.grad must have shape {p.data.shape}, got {grad.shape}")
    # The sum of squares is quick and finite if all are; if it is not, it may have overflowed.
    if not math.isfinite(np.vdot(grad, grad)) and not np.isfinite(grad).all():
        bad = np.sum(~np.isfinite(grad))
        raise GradientNotFinite(
            f"{p.name}.grad must be finite, got {bad} of {grad.size} that are NaN or infinite"
        )
    return grad


def _mixed(mean: Array | None, new: Array, keep: float) -> Array:
    """A running mean that starts at 0: ``keep`` of the old one, the rest of the new value."""
    return (1 - keep) * new if mean is None else keep * mean + (1 - keep) * new


def _not_negative(name: str, value: float) -> float:
    if not (np.isfinite(value) and value >= 0):
        raise ValueError(f"{name} must be a finite number, 0 or more, got {value}")
    return float(value)


def _positive(name: str, value: float) -> float:
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a finite number above 0, got {value}")
    return float(value)


def _below_one(name: str, value: float) -> float:
    if not 0 <= value < 1:
        raise ValueError(f"{name} must lie from 0 to below 1, got {value}")
    return float(value)
