"""Arguments on trial: what convicts a wrong worked example has to spare the right ones [20].

An argument is a function of a :class:`Page` that returns True where it convicts. `verdict` asks it about the
published page, about right pages whose authors chose what they liked, and about pages with a planted fault.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy import ndarray

from bphelpers import data, nn
from bphelpers.arguments import refuse

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "ReLU": nn.ReLU}
#: What an output o costs whose target is t, and how fast that grows with o.
LOSSES: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "half squares": (lambda o, t: 0.5 * (o - t) ** 2, lambda o, t: o - t),
    "squares": (lambda o, t: (o - t) ** 2, lambda o, t: 2 * (o - t)),
    "absolute": (lambda o, t: np.abs(o - t), lambda o, t: np.sign(o - t)),
    "cross-entropy": (
        lambda o, t: -t * np.log(o) - (1 - t) * np.log(1 - o),
        lambda o, t: (o - t) / (o * (1 - o)),
    ),
}
#: What an author may call an update, as a multiple of the gradient.
UPDATES: dict[str, Callable[[float], float]] = {
    "gradient": lambda rate: 1.0,
    "minus gradient": lambda rate: -1.0,
    "rate times gradient": lambda rate: rate,
}
#: Which three weights of each layer a page may show.
LAYOUTS = ("into one neuron", "out of one neuron", "on the diagonal")
FAULTS = ("swapped errors", "weights sent the wrong way", "shuffled updates")

Argument = Callable[["Page"], bool]


def _not_shown() -> ndarray:
    return np.zeros((0, 3))


@dataclass(frozen=True, eq=False)
class Page:
    """What a worked example prints of one training step, to three decimals [20].

    ``target``, ``output`` and ``error`` have a number for each output of the network, ``new_output`` and
    ``new_error`` those after the step. ``hidden`` has three outputs of the last hidden layer, ``weights`` and
    ``new_weights`` three weights of each layer, and each row of ``updates`` three that stand below each
    other. ``about`` is what the author chose and did not print.
    """

    target: ndarray
    output: ndarray
    error: ndarray
    new_output: ndarray
    new_error: ndarray
    hidden: ndarray = field(default_factory=_not_shown)
    weights: ndarray = field(default_factory=_not_shown)
    new_weights: ndarray = field(default_factory=_not_shown)
    updates: ndarray = field(default_factory=_not_shown)
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> list[tuple[float, float, float]]:
        """``(target, output, error)`` for each output, before the step and then after it."""
        moments = ((self.output, self.error), (self.new_output, self.new_error))
        table = [np.stack([self.target, output, error], axis=1) for output, error in moments]
        return [(t, o, e) for t, o, e in np.concatenate(table).tolist()]

    @property
    def changes(self) -> ndarray:
        """By how much the step moved the weights that are shown; a row for each layer."""
        return self.new_weights - self.weights

    def __str__(self) -> str:
        about = [f"{name}: {value}" for name, value in self.about.items()]
        return "\n".join(["; ".join(part) for part in (about[:3], about[3:]) if part] + self._lines())

    @property
    def __name__(self) -> str:  # by which `check` says with what it called an answer
        return f"a page with {'; '.join(self._lines())}"

    def _lines(self) -> list[str]:
        columns = zip(self.target, self.output, self.new_output, self.error, self.new_error, strict=True)
        return [
            f"output {k}, target {t:g}: {o:.3f} -> {new_o:.3f}, error {e:.3f} -> {new_e:.3f}"
            for k, (t, o, new_o, e, new_e) in enumerate(columns, start=1)
        ]


def published() -> Page:
    """The unsigned page with ten tables for a 5-8-6-3 network, the defendant of lesson 20.

    >>> print(published())
    output 1, target 0.9: 0.800 -> 0.804, error 0.428 -> 0.313
    output 2, target 0.1: 0.650 -> 0.658, error 0.029 -> 0.027
    output 3, target 0.8: 0.900 -> 0.894, error 0.034 -> 0.084
    """
    given = data.worked_example("tables_5_8_6_3")
    columns = [*given["backward_hidden2"].values(), *given["backward_hidden1"].values()]
    threes = [column[k : k + 3] for column in columns for k in range(len(column) - 2)]
    old, new = ([*given[table].values()] for table in ("initial_weights_table", "updated_weights"))
    before, after = given["forward"], given["forward_updated"]
    return Page(
        given["target"], before["Output"], given["error"], after["Output"], given["final_error"],
        before["Hidden2"], np.array(old), np.array(new), np.array(threes),
    )  # fmt: skip


def worked(
    x: ndarray,
    target: ndarray,
    rng: np.random.Generator,
    *,
    activation: str = "sigmoid",
    loss: str = "half squares",
    rate: float = 0.5,
    biases: bool = True,
    update: str = "gradient",
    shown: str = LAYOUTS[0],
    spread: float = 1.0,
    positive: bool = False,
) -> Page:
    """A right page: one step of a 5-8-6-3 network with random weights and a sigmoid at each output.

    ``spread`` and ``positive`` say how large the weights are and whether all are above 0. ``shown`` is one of
    ``LAYOUTS``, or ``"any three"``, or ``"updates of others"``.

    >>> page = worked(np.ones(5), np.array([0.9, 0.1, 0.8]), np.random.default_rng(0))
    >>> (abs(page.new_output - page.target) < abs(page.output - page.target)) == (page.new_error < page.error)
    array([ True,  True,  True])
    """
    price, slope = LOSSES[loss]

    def draw(d_out: int, d_in: int, rng: np.random.Generator) -> ndarray:
        W = rng.normal(0, spread / np.sqrt(d_in), size=(d_out, d_in))
        return np.abs(W) if positive else W

    layers = [nn.Linear(*sizes, bias=biases, init=draw, rng=rng) for sizes in ((5, 8), (8, 6), (6, 3))]
    squash = ACTIVATIONS[activation]
    net = nn.Sequential(layers[0], squash(), layers[1], squash(), layers[2], nn.Sigmoid())
    for layer in layers:
        if layer.b is not None:
            layer.b.data = rng.normal(0, 0.3, size=layer.b.data.shape)

    output = net(x[None])[0]
    hidden = layers[2].remembered()[0]
    net.backward(slope(output, target)[None])
    old = [layer.W.data.copy() for layer in layers]
    grads = [layer.W.grad.copy() for layer in layers]
    for p in net.parameters():
        p.data = p.data - rate * p.grad
    new_output = net(x[None])[0]

    pick, pick_updates = _picks(shown, rng)
    page = Page(
        target, output, price(output, target), new_output, price(new_output, target), hidden[:3],
        np.array([pick(W) for W in old]), np.array([pick(layer.W.data) for layer in layers]),
        np.array([UPDATES[update](rate) * pick_updates(dW) for dW in grads]),
    )  # fmt: skip
    rounded = {name: np.round(value, 3) for name, value in vars(page).items() if name != "about"}
    about = {"activation": activation, "loss": loss, "rate": f"{rate:.2f}", "biases": ("no", "yes")[biases],
             "printed update": update, "weights shown": shown}  # fmt: skip
    return Page(**rounded, about=about)


def _picks(shown: str, rng: np.random.Generator) -> tuple[Callable[[ndarray], ndarray], ...]:
    """How three entries of a layer's array are taken, and three of its updates."""
    if shown == "any three":
        rows, columns = rng.integers(3, size=3), rng.integers(5, size=3)
    else:
        step = np.arange(3)
        rows = step * (shown != LAYOUTS[0])
        columns = step * (shown != LAYOUTS[1])

    def pick(array: ndarray) -> ndarray:
        return array[rows, columns]

    return pick, (lambda array: array[1, 2:5]) if shown == "updates of others" else pick


def innocent(rng: np.random.Generator, layouts: Sequence[str] = LAYOUTS) -> Page:
    """A right page whose author chose activation, loss, rate and all the rest at random."""
    while True:
        with np.errstate(all="ignore"):  # a large rate may drive an output to 1, which has no logarithm
            page = worked(
                rng.random(5),
                rng.choice([0.1, 0.2, 0.5, 0.8, 0.9], size=3),
                rng,
                activation=str(rng.choice(list(ACTIVATIONS))),
                loss=str(rng.choice(list(LOSSES))),
                rate=float(np.exp(rng.uniform(np.log(0.05), np.log(5)))),
                biases=bool(rng.random() < 0.5),
                update=str(rng.choice(list(UPDATES))),
                shown=str(rng.choice(layouts)),
                spread=rng.uniform(0.75, 2.25),
                positive=bool(rng.random() < 0.5),
            )
        if np.isfinite([page.error, page.new_error]).all() and np.abs(page.new_weights).max() < 50:
            return page


@functools.cache
def innocents(count: int = 200, layouts: tuple[str, ...] = LAYOUTS) -> tuple[Page, ...]:
    """Right pages, the same ones every time."""
    rng = np.random.default_rng(20)
    return tuple(innocent(rng, layouts) for _ in range(count))


def planted(page: Page, fault: str, rng: np.random.Generator) -> Page:
    """The page with one of ``FAULTS`` in it."""
    if fault == FAULTS[0]:
        return replace(page, error=page.new_error, new_error=page.error)
    layer, k = rng.integers(len(page.weights)), rng.integers(3)
    if fault == FAULTS[1]:
        new = page.new_weights.copy()
        new[layer, k] = np.round(2 * page.weights[layer, k] - new[layer, k], 3)
        return replace(page, new_weights=new)
    if fault == FAULTS[2]:
        updates = page.updates.copy()
        updates[layer] = rng.permutation(updates[layer])
        return replace(page, updates=updates)
    refuse("fault", f"be one of {', '.join(FAULTS)}", fault)


@dataclass(frozen=True, eq=False)
class Verdict:
    """What an argument convicts: the published page, which of ``tried`` right ones, which planted faults."""

    page: bool
    innocents: list[Page]
    tried: int
    found: dict[str, int]
    planted: int

    def __str__(self) -> str:
        found = ", ".join(f"{fault} {count}" for fault, count in self.found.items())
        return (
            f"convicts the page: {'yes' if self.page else 'no'}\n"
            f"convicts right pages: {len(self.innocents)} of {self.tried}\n"
            f"finds, of {self.planted} each: {found}"
        )


def verdict(argument: Argument, count: int = 200, layouts: tuple[str, ...] = LAYOUTS) -> Verdict:
    """Ask an argument about the published page, ``count`` right ones, and 100 with each planted fault [20].

    ``ValueError`` where it answers something else than True or False.

    >>> print(verdict(lambda page: True))
    convicts the page: yes
    convicts right pages: 200 of 200
    finds, of 100 each: swapped errors 100, weights sent the wrong way 100, shuffled updates 100
    """

    def convicts(page: Page) -> bool:
        answer = argument(page)
        if not isinstance(answer, bool | np.bool_):
            refuse("argument", "return True or False", answer)
        return bool(answer)

    pile, rng = innocents(count, layouts), np.random.default_rng(0)
    wrong = {fault: [planted(page, fault, rng) for page in pile[:100]] for fault in FAULTS}
    return Verdict(
        convicts(published()),
        [page for page in pile if convicts(page)],
        count,
        {fault: sum(map(convicts, pages)) for fault, pages in wrong.items()},
        min(count, 100),
    )
