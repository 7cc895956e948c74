"""Update rules: the gradient is known, now take a step.

A rule moves parameters by their ``.grad``, all or none, and remembers what it needs of each. Every rule
treats each number alike, so the parameters of a network, which lie in one array, move by one call. The
numbers are those of PyTorch's rules of the same name. [08] is the lesson.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np

from bphelpers.arguments import Array, number, refuse
from bphelpers.nn import Joined, Parameter

Memory = dict[str, Any]
Betas = tuple[float, float]


class GradientNotFinite(ValueError):
    """A gradient holds NaN or infinity; no parameter has moved."""


class Optimizer(Protocol):
    """Anything with a ``step`` that moves parameters by their ``.grad``."""

    def step(self, parameters: list[Parameter]) -> None:
        """Move every parameter once."""


class _Rule:
    """A learning rate, weight decay, a memory of each parameter."""

    decoupled = False  # weight decay is a part of the gradient, and so of what is remembered of it

    def __init__(self, lr: float, weight_decay: float) -> None:
        self.lr = number("lr", lr, least=0)
        self.weight_decay = number("weight_decay", weight_decay, least=0)
        self.memory: dict[Parameter, Memory] = {}

    def step(self, parameters: Iterable[Parameter]) -> None:
        """Move every parameter once, in place; where a gradient is unfit, a ValueError, and none moves."""
        for p in self._together(_listed(parameters)):
            w, g = p.data, p.grad
            if self.weight_decay and not self.decoupled:  # the gradient of weight_decay / 2 * ||w||^2
                g = g + self.weight_decay * w
            w -= self.lr * self.direction(w, g, self.memory.setdefault(p, {}))

    def direction(self, w: Array, g: Array, kept: Memory) -> Array:
        """What the learning rate multiplies, from values, gradient and what is remembered of them."""
        raise NotImplementedError

    def _together(self, parts: list[Parameter]) -> list[Parameter]:
        """The one array that all of them make up, unless they have been moved apart before."""
        home = _whole(parts)
        if home in self.memory:
            return [home]
        usable(parts)
        for other in [known for known in self.memory if isinstance(known, Joined)]:
            if not set(other.parts).isdisjoint(parts):
                self._part(other)
        return [home] if home and self.memory.keys().isdisjoint(parts) else parts

    def _part(self, joined: Joined) -> None:
        """What is remembered of all becomes what is remembered of each."""
        kept = self.memory.pop(joined)
        for p, place in zip(joined.parts, joined.places(), strict=True):
            self.memory[p] = {
                name: value[place].reshape(p.data.shape) if isinstance(value, np.ndarray) else value
                for name, value in kept.items()
            }


class SGD(_Rule):
    r"""Gradient descent [05], with momentum and weight decay on request [08].

    .. math:: g = \nabla L + \lambda w, \qquad v \leftarrow \mu v + g, \qquad w \leftarrow w - \eta v

    (Nesterov's form: :math:`w - \eta (g + \mu v)`). Sources: B. T. Polyak, Some methods of speeding up the
    convergence of iteration methods, 1964; Y. Nesterov, A method for solving the convex programming problem
    with convergence rate O(1/k^2), 1983.

    >>> w = Parameter([1.0], "w")
    >>> w.grad = [0.5]
    >>> SGD(lr=0.1).step([w])
    >>> w.data
    array([0.95])
    """

    def __init__(
        self, lr: float, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0
    ) -> None:
        super().__init__(lr, weight_decay)
        self.momentum, self.nesterov = number("momentum", momentum, least=0, below=1), nesterov
        if nesterov and momentum == 0:
            raise ValueError("nesterov needs momentum above 0")

    def direction(self, w: Array, g: Array, kept: Memory) -> Array:
        if not self.momentum:
            return g
        v = kept["v"] = self.momentum * kept["v"] + g if kept else g.copy()
        return g + self.momentum * v if self.nesterov else v


class RMSprop(_Rule):
    r"""Each derivative over the root of a running mean of its square [08].

    .. math:: s \leftarrow \alpha s + (1 - \alpha) g^2, \ w \leftarrow w - \eta g / (\sqrt s + \varepsilon)

    A gradient above 1e19 in float32, or 1e154 in float64, has an infinite square, which stops its weight for
    good: clip such gradients first. Source: T. Tieleman and G. Hinton, Lecture 6.5, Coursera: Neural networks
    for machine learning, 2012.

    >>> w = Parameter([1.0, 1.0], "w")
    >>> w.grad = [0.5, 50.0]
    >>> RMSprop(lr=0.01).step([w])
    >>> w.data.round(6)
    array([0.9, 0.9])
    """

    def __init__(
        self, lr: float = 0.01, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0
    ) -> None:
        super().__init__(lr, weight_decay)
        self.alpha, self.eps = number("alpha", alpha, least=0, below=1), number("eps", eps, above=0)

    def direction(self, w: Array, g: Array, kept: Memory) -> Array:
        s = kept["s"] = self.alpha * kept.get("s", 0.0) + (1 - self.alpha) * g**2
        return g / (np.sqrt(s) + self.eps)


class Adam(_Rule):
    r"""Momentum and a scale for each weight, both corrected for having started at zero [08].

    .. math:: m \leftarrow \beta_1 m + (1 - \beta_1) g, \qquad s \leftarrow \beta_2 s + (1 - \beta_2) g^2
    .. math:: w \leftarrow w - \eta\, \frac{m / (1 - \beta_1^t)}{\sqrt{s / (1 - \beta_2^t)} + \varepsilon}

    in update t = 1, 2, ... Source: D. P. Kingma and J. Ba, Adam: a method for stochastic optimization, 2015.

    >>> w = Parameter([1.0, 1.0], "w")
    >>> w.grad = [0.5, -50.0]
    >>> Adam(lr=0.01).step([w])
    >>> w.data.round(6)
    array([0.99, 1.01])
    """

    def __init__(
        self, lr: float = 0.001, betas: Betas = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.0
    ) -> None:
        super().__init__(lr, weight_decay)
        if len(betas) != 2:
            raise ValueError(f"betas must be two numbers, got {betas}")
        self.betas = tuple(number(f"betas[{i}]", beta, least=0, below=1) for i, beta in enumerate(betas))
        self.eps = number("eps", eps, above=0)

    def direction(self, w: Array, g: Array, kept: Memory) -> Array:
        beta1, beta2 = self.betas
        t = kept["t"] = kept.get("t", 0) + 1
        m = kept["m"] = beta1 * kept.get("m", 0.0) + (1 - beta1) * g
        s = kept["s"] = beta2 * kept.get("s", 0.0) + (1 - beta2) * g**2
        mean = m / (1 - beta1**t)
        return mean / (np.sqrt(s / (1 - beta2**t)) + self.eps)


class AdamW(Adam):
    r"""Adam with weight decay left out of the averages: :math:`\eta\lambda w` is taken off as well [08].

    Source: I. Loshchilov and F. Hutter, Decoupled weight decay regularization, 2019, where the learning rate
    does not multiply the decay (a schedule scales both).

    >>> w = Parameter([1.0], "w")
    >>> w.grad = [0.0]
    >>> AdamW(lr=0.1, weight_decay=0.5).step([w])
    >>> w.data
    array([0.95])
    """

    decoupled = True

    def __init__(
        self, lr: float = 0.001, betas: Betas = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.01
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay)

    def direction(self, w: Array, g: Array, kept: Memory) -> Array:
        return super().direction(w, g, kept) + self.weight_decay * w


class Scheduled:
    """A rule whose learning rate is multiplied by ``schedule(step)``, step = 0, 1, ...; factors multiply.

    >>> w = Parameter([1.0], "w")
    >>> rule = Scheduled(SGD(lr=0.1), lambda step: step_decay(step, every=2, factor=0.5))
    >>> for _ in range(4):
    ...     w.grad = [1.0]
    ...     rule.step([w])
    >>> w.data.round(6), rule.lr
    (array([0.7]), 0.05)
    """

    lr = property(lambda self: self.optimizer.lr)  # of the latest update

    def __init__(self, optimizer: _Rule, schedule: Callable[[int], float]) -> None:
        if isinstance(optimizer, Scheduled):
            raise ValueError("optimizer is scheduled already: multiply the factors in one schedule instead")
        self.optimizer, self.schedule = optimizer, schedule
        self.updates, self._base = 0, optimizer.lr

    def step(self, parameters: Iterable[Parameter]) -> None:
        """Move every parameter once, at the rate whose turn it is, or none."""
        factor = number(f"schedule({self.updates})", self.schedule(self.updates), least=0)
        before, self.optimizer.lr = self.optimizer.lr, self._base * factor
        try:
            self.optimizer.step(parameters)
        except ValueError:
            self.optimizer.lr = before
            raise
        self.updates += 1


def warmup(step: int, steps: int) -> float:
    """Factor that rises in a line over the first ``steps`` updates and is 1 from then on [08].

    >>> [warmup(step, 4) for step in range(6)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]
    """
    return min(1.0, (number("step", step, least=0) + 1) / number("steps", steps, above=0))


def step_decay(step: int, every: int, factor: float = 0.1) -> float:
    """Factor that starts at 1 and is multiplied by ``factor`` after each ``every`` updates [08].

    >>> [step_decay(step, every=2, factor=0.5) for step in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """
    times = number("step", step, least=0) // number("every", every, above=0)
    return number("factor", factor, above=0) ** times


def cosine(step: int, steps: int) -> float:
    """Factor that falls from 1 to 0 over ``steps`` updates along half a cosine wave, and then stays [08].

    Source: I. Loshchilov and F. Hutter, SGDR: stochastic gradient descent with warm restarts, 2017.

    >>> [round(cosine(step, 4), 3) for step in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """
    part = number("step", step, least=0) / number("steps", steps, above=0)
    return (1 + math.cos(math.pi * min(part, 1))) / 2


def inverse_decay(step: int, scale: float) -> float:
    """Factor ``1 / (1 + step / scale)``, which goes to 0 so slowly that its sum has no bound [08].

    Source: H. Robbins and S. Monro, A stochastic approximation method, 1951.

    >>> [inverse_decay(step, 2) for step in (0, 2, 6)]
    [1.0, 0.5, 0.25]
    """
    return 1 / (1 + number("step", step, least=0) / number("scale", scale, above=0))


def clip_grad_norm(parameters: Iterable[Parameter], max_norm: float) -> float:
    r"""Shorten all gradients by one factor where their joint length exceeds ``max_norm``; return that [08].

    As in ``torch.nn.utils.clip_grad_norm_``, :math:`g \leftarrow g \min(1, c / (\|g\| + 10^{-6}))`. Source:
    R. Pascanu, T. Mikolov and Y. Bengio, On the difficulty of training recurrent neural networks, 2013.

    >>> w = Parameter([0.0, 0.0], "w")
    >>> w.grad = [30.0, 40.0]
    >>> clip_grad_norm([w], max_norm=5.0), w.grad.round(4)
    (50.0, array([3., 4.]))
    """
    if not (isinstance(max_norm, int | float | np.number) and max_norm > 0):
        refuse("max_norm", "be above 0", max_norm)
    parts = usable(parameters)
    norm = math.hypot(*(np.linalg.norm(p.grad.astype(np.float64)) for p in parts))
    if not math.isfinite(norm):
        raise ValueError("the squares of the gradients are too large to be added up")
    for p in parts:
        p.grad *= min(1.0, float(max_norm) / (norm + 1e-6))
    return norm


def usable(parameters: Iterable[Parameter]) -> list[Parameter]:
    """The parameters, all with gradients fit for a step; else a ValueError says which is not."""
    parts = _listed(parameters)
    if _whole(parts):
        return parts
    for p in parts:
        if not isinstance(p, Parameter):
            refuse("parameters", "be a list of Parameters", p, "net.parameters() gives those of a network")
    if len(set(parts)) < len(parts):
        raise ValueError(f"parameters must be different, got {[p.name for p in parts]}")
    for p in parts:
        # The sum of squares is quick and finite if all are; if it is not, it may have overflowed.
        if not math.isfinite(np.vdot(p.grad, p.grad)) and not np.isfinite(p.grad).all():
            bad = np.sum(~np.isfinite(p.grad))
            found = f"{bad} of {p.grad.size} that are NaN or infinite"
            never = "; before the first backward pass all are NaN" if np.isnan(p.grad).all() else ""
            raise GradientNotFinite(f"{p.name}.grad must be finite, got {found}{never}")
    return parts


def _listed(parameters: Iterable[Parameter]) -> list[Parameter]:
    try:
        return list(parameters)
    except TypeError:
        refuse("parameters", "be a list of Parameters", parameters, "a single one goes into a list of one")


def _whole(parts: list[Parameter]) -> Joined | None:
    """The one array that they make up, if its gradients are fit for a step."""
    try:
        home = parts[0].home if parts else None
    except AttributeError:  # usable says what it is
        return None
    if home is None or home.present < len(parts) or home.parts != parts:
        return None
    return home if math.isfinite(np.vdot(home._grad, home._grad)) else None
