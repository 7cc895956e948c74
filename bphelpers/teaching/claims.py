"""Fifty-two things that are said of backpropagation, each with a verdict and, where one can, a cell that decides [21].

A claim is a prediction. A card's cell looks whether what the claim predicts has happened, and ends in `judge`,
which makes the verdict of it. A cell that could not have come out otherwise shows nothing, so each card also
names one thing to turn round, with which its cell gives another verdict: `trial_of` runs both.
"""

import ast
import functools
import html
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

import bphelpers
from bphelpers import data, nn, optim
from bphelpers import functional as F
from bphelpers.arguments import Array, refuse
from bphelpers.teaching.trace import HalfSquares, running_example

if TYPE_CHECKING:
    from bphelpers.teaching.widgets.deck import Deck

#: What a card may be, and what that means.
VERDICTS = {
    "right": "it holds as it is said",
    "half right": "it holds only with a condition that it leaves out, or in one of its parts",
    "wrong": "what it predicts does not happen, or the record says otherwise",
    "unsupported": "it may be so, but what is given for it does not show it",
}

Update = Callable[[Array, Array, float], Array]

# --- What a cell is made of ---------------------------------------------------------------------------------


def judge(*held: Any) -> str:
    """The verdict of a cell, from one truth for each thing that the claim predicts: did it happen?

    >>> judge(True), judge(True, False), judge(False, False)
    ('right', 'half right', 'wrong')
    """
    if not held:
        refuse("held", "be at least one True or False", held)
    for one in held:
        if not isinstance(one, bool | np.bool_):
            refuse("held", "be True or False each", one)
    return "right" if all(held) else "half right" if any(held) else "wrong"


def descend(w: Array, dw: Array, rate: float) -> Array:
    """A step against the gradient."""
    return w - rate * dw


def ascend(w: Array, dw: Array, rate: float) -> Array:
    """A step along the gradient: the world turned round."""
    return w + rate * dw


def stay(w: Array, dw: Array, rate: float) -> Array:
    """No step at all."""
    return w.copy()


def xor_loss(rate: float = 0.0, update: Update = descend, updates: int = 1) -> float:
    """Half the squares of the 2-2-1 network with fixed weights on XOR's four cases, after so many updates [10].

    >>> round(xor_loss(), 7), round(xor_loss(rate=0.1), 7), round(xor_loss(rate=10), 7)
    (0.5028763, 0.5028142, 0.5088358)
    """
    net, X, y = _xor_network()
    return _loss_after(net, X, y, rate, update, updates, net.parameters())


def xor_gradient() -> Array:
    """The nine slopes of `xor_loss` at its start, in a row."""
    net, X, y = _xor_network()
    _loss_after(net, X, y, 0.0, stay, 1, net.parameters())
    return net.flat.grad.copy()


def running_loss(updates: int = 0, biases: bool = False) -> float:
    """The error of the running example after so many updates, its biases held or not [05].

    >>> round(running_loss(), 9), round(running_loss(1), 9)
    (0.298371109, 0.291027774)
    """
    net, x, y, lr = running_example()
    moving = [p for p in net.parameters() if biases or p.name.startswith("W")]
    return _loss_after(net, x, y, lr, descend, updates, moving)


def _xor_network() -> tuple[nn.Sequential, Array, Array]:
    fixed, rng = data.worked_example("xor_fixture"), np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(2, 2, rng=rng), nn.Sigmoid(), nn.Linear(2, 1, rng=rng), nn.Sigmoid())
    net.load_state_dict({name: fixed[name] for name in ("W1", "b1", "W2", "b2")})
    return net, *data.xor()


def _loss_after(
    net: nn.Sequential,
    X: Array,
    y: Array,
    rate: float,
    update: Update,
    updates: int,
    moving: list[nn.Parameter],
) -> float:
    """Half the squares of all examples; the slopes of the last update are left in the network."""
    for _ in range(updates):
        net.backward(net(X) - y)
        for p in moving:
            p.data = update(p.data, p.grad, rate)
    return float(np.sum((net(X) - y) ** 2) / 2)


@functools.cache
def xor_solved(starts: int = 20, hidden: int = 2) -> Array:
    """Which of so many random starts learn all four cases of XOR, sigmoid throughout, in 4,000 updates [10]."""
    X, y = data.xor()
    rng = np.random.default_rng(0)
    W1, W2 = rng.normal(0, 1.4, (starts, hidden, 2)), rng.normal(0, 1.4, (starts, 1, hidden))
    b1, b2 = np.zeros((starts, 1, hidden)), np.zeros((starts, 1, 1))

    def forward() -> tuple[Array, Array]:
        A = F.sigmoid.plain(X @ W1.swapaxes(1, 2) + b1)
        return A, F.sigmoid.plain(A @ W2.swapaxes(1, 2) + b2)

    for _ in range(4000):
        A, output = forward()
        dz2 = (output - y) / len(X)
        dz1 = dz2 @ W2 * A * (1 - A)
        for W, b, dz, x in ((W1, b1, dz1, X), (W2, b2, dz2, A)):
            W -= 2 * dz.swapaxes(1, 2) @ x
            b -= 2 * dz.sum(axis=1, keepdims=True)
    return np.all(np.abs(forward()[1] - y) < 0.1, axis=(1, 2))


def trained(
    X: Array, y: Array, updates: int = 500, hidden: int = 8, activation: type = nn.Tanh
) -> nn.Sequential:
    """A network with one hidden layer and a logit, after so many updates on y of 0 and 1."""
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(X.shape[1], hidden, rng=rng), activation(), nn.Linear(hidden, 1, rng=rng))
    loss, rule = nn.BCEWithLogitsLoss(), optim.SGD(lr=0.5)
    for _ in range(updates):
        loss(net(X), y)
        net.backward(loss.backward())
        rule.step([net.flat])
    return net


def read_digits(updates: int, wrong_labels: float = 0.0) -> tuple[float, float]:
    """The loss on 200 digits of which a share has wrong labels, and the share read rightly of 500 others [11]."""
    X, y = data.digits()
    rng = np.random.default_rng(0)
    labels = np.where(rng.random(200) < wrong_labels, rng.integers(10, size=200), y[:200])
    net = nn.Sequential(nn.Linear(64, 32, rng=rng), nn.Tanh(), nn.Linear(32, 10, rng=rng))
    loss, rule = nn.CrossEntropyLoss(), optim.SGD(lr=0.5)
    for _ in range(updates):
        loss(net(X[:200]), labels)
        net.backward(loss.backward())
        rule.step([net.flat])
    return loss(net(X[:200]), labels), float(np.mean(net(X[200:700]).argmax(axis=1) == y[200:700]))


def moved(rule: optim.Optimizer, gradient: Array) -> Array:
    """How one step of a rule moves parameters that have this gradient [08]."""
    p = nn.Parameter(np.zeros(len(gradient)), "w")
    p.grad = gradient
    rule.step([p])
    return p.data.copy()


# --- Cards --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Card:
    """A claim with its verdict, and what decides it.

    A card of the course has ``code``, lines of which the last is a call of `judge`, and ``turned`` holds one
    text in them and what takes its place in the turned world. A card of your own has ``evidence``, a function
    that returns True or False, or several of them, for what the claim predicts; ``turned`` are keywords for it.
    """

    claim: str
    verdict: str
    evidence: Callable[..., Any] | None = None
    turned: Mapping[str, Any] = field(default_factory=lambda: {"update": ascend})
    code: tuple[str, ...] = ()
    number: int = 0
    topic: str = ""
    say: str = ""
    source: str = ""
    lesson: str = ""
    section: str = ""

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            refuse("verdict", f"be one of {', '.join(VERDICTS)}", self.verdict)

    def run(self, turned: bool = False) -> str:
        """The verdict that the cell gives, in this world or in the turned one."""
        if self.evidence is not None:
            held = self.evidence(**self._keywords() if turned else {})
            return judge(*held) if isinstance(held, tuple) else judge(held)
        if not self.code:
            refuse("card", "have code or evidence", self.claim)
        code = "\n".join(self.code)
        for old, new in self.turned.items() if turned else ():
            code = code.replace(old, new)
        *body, last = ast.parse(code).body
        names = _names_in_a_cell()
        exec(compile(ast.Module(body, []), "the cell", "exec"), names)
        verdict = eval(compile(ast.Expression(last.value), "the cell", "eval"), names)  # type: ignore[attr-defined]
        return str(verdict)

    def _keywords(self) -> Mapping[str, Any]:
        try:
            inspect.signature(self.evidence).bind(**self.turned)  # type: ignore[arg-type]
        except TypeError as error:
            raise ValueError(
                f"evidence must take the keyword {', '.join(self.turned)}, so that its world can be turned: {error}"
            ) from error
        return self.turned

    @property
    def turn(self) -> str:
        """What is different in the turned world, in words."""
        shown = {name: getattr(value, "__name__", value) for name, value in self.turned.items()}
        if self.evidence is not None:
            return "with " + ", ".join(f"{name}={value}" for name, value in shown.items())
        return " and ".join(
            f"with `{new}` in place of `{old}`" if new else f"without `{old.strip()}`"
            for old, new in shown.items()
        )

    @property
    def link(self) -> str:
        """Where the lesson explains it: a file beside this one, and the heading in it."""
        return f"{self.file}#{self.section.replace(' ', '-')}"

    @property
    def file(self) -> str:
        """The lesson's notebook."""
        return f"{self.lesson}.ipynb"

    @property
    def place(self) -> str:
        """Lesson and section in words."""
        return f"Lesson {self.lesson[:2]}, section {self.section}"

    def __str__(self) -> str:
        code = "".join(f"\n    {line}" for line in self.code)
        head = f"{self.number}. {self.claim}" if self.number else self.claim
        told = [f"{head}\n{self.verdict}: {self.say}".rstrip(": "), *self._where()]
        return "\n".join(told) + code

    __repr__ = __str__

    def _where(self) -> list[str]:
        found = [f"Source: {self.source}."] if self.source else []
        return found + ([self.place] if self.lesson else [])

    def _repr_html_(self) -> str:
        where = [html.escape(line) for line in self._where()]
        if self.lesson:
            where[-1] = f'<a href="{html.escape(self.link)}">{where[-1]}</a>'
        code = "\n".join(self.code)
        return (
            f"<p><b>{html.escape(self.claim)}</b></p>\n"
            f"<p><b>{self.verdict}</b>: {html.escape(self.say)}</p>\n"
            f"<p>{'<br>'.join(where)}</p>\n" + (f"<pre>{html.escape(code)}</pre>\n" if code else "")
        )


@functools.cache
def _all() -> tuple[Card, ...]:
    text = files("bphelpers").joinpath("datasets", "claims.json").read_text(encoding="utf-8")
    return tuple(Card(**{**entry, "code": tuple(entry.get("code", ()))}) for entry in json.loads(text))


def topics() -> list[str]:
    """What the cards are about, in the order of the cards.

    >>> len(topics()), topics()[0]
    (6, 'who and when')
    """
    return list(dict.fromkeys(card.topic for card in _all()))


def cards(topic: str | None = None) -> list[Card]:
    """The cards of a topic, or all.

    >>> len(cards()), len(cards("what it promises"))
    (52, 7)
    """
    if topic is not None and topic not in topics():
        refuse("topic", f"be one of {', '.join(topics())}", topic)
    return [card for card in _all() if topic in (None, card.topic)]


def card(number: int) -> Card:
    """One card, with its verdict.

    >>> card(6).verdict, card(6).run(), card(6).run(turned=True)
    ('half right', 'half right', 'right')
    """
    found = [card for card in _all() if card.number == number]
    if not found:
        refuse("number", f"be one from 1 to {len(_all())}", number)
    return found[0]


class Table:
    """Cards below one another: folded in a notebook, plain where it is printed."""

    def __init__(self, shown: list[Card]) -> None:
        self.cards = shown

    def __repr__(self) -> str:
        return "\n\n".join(map(str, self.cards))

    def _repr_html_(self) -> str:
        by_topic: dict[str, list[Card]] = {}
        for one in self.cards:
            by_topic.setdefault(one.topic, []).append(one)
        return "".join(
            f"<details><summary>{html.escape(topic)} ({len(shown)} cards, with their verdicts)</summary>\n"
            + "<hr>\n".join(one._repr_html_() for one in shown)
            + "</details>\n"
            for topic, shown in by_topic.items()
        )


def table(topic: str | None = None) -> Table:
    """All cards of a topic with their verdicts, or of each topic, folded: the deck for readers without a kernel."""
    return Table(cards(topic))


def deck(topic: str | None = None) -> "Deck":
    """The cards one by one: you say what you think, then the card says what holds, and its cell can be run [21].

    The whole deck opens on card 6, answered, which doesn't count. A topic opens on its first card.

    >>> deck()
    1 of 52: Subtracting rate times gradient always decreases the error.
    half right: It does so if the rate is small enough, because the gradient only knows what happens close by.
    With a long step, the error can rise.
    """
    from bphelpers.teaching.widgets.deck import Deck

    shown = cards(topic)
    if topic is not None:
        return Deck(shown)
    order = np.random.default_rng(21).permutation(len(shown))
    mixed = [shown[k] for k in order if shown[k].number != 6]
    return Deck([card(6), *mixed], answered=1)


# --- Could it have come out otherwise? ----------------------------------------------------------------------


@dataclass(frozen=True)
class Trial:
    """What a card's cell says in this world and in the turned one."""

    card: Card
    verdict: str
    turned_verdict: str

    @property
    def agrees(self) -> bool:
        """Whether the cell gives the verdict that stands on the card."""
        return self.verdict == self.card.verdict

    @property
    def could_fail(self) -> bool:
        """Whether the turned world gives another verdict."""
        return self.verdict != self.turned_verdict

    def __str__(self) -> str:
        here = "as the card does" if self.agrees else f"but the card says {self.card.verdict}"
        there = (
            f"{self.turned_verdict}, so it could have come out otherwise."
            if self.could_fail
            else f"{self.turned_verdict} as well, so it cannot fail, and it shows nothing about the claim."
        )
        turn = self.card.turn
        return f"The cell says {self.verdict}, {here}. {turn[0].upper()}{turn[1:]} it says {there}"

    __repr__ = __str__


def trial_of(card: Card) -> Trial:
    """Run a card's cell in this world and in the turned one.

    >>> def evidence(update=descend):
    ...     return xor_loss(rate=0.1, update=update) < xor_loss()
    >>> trial_of(Card("A small step down makes the error smaller.", "right", evidence))
    The cell says right, as the card does. With update=ascend it says wrong, so it could have come out otherwise.
    """
    return Trial(card, card.run(), card.run(turned=True))


def _names_in_a_cell() -> dict[str, Any]:
    """What a cell may use: NumPy, the package, and the functions above."""
    from bphelpers.autodiff import Value
    from bphelpers.teaching import trial

    own = (
        judge,
        descend,
        ascend,
        stay,
        xor_loss,
        xor_gradient,
        xor_solved,
        running_loss,
        trained,
        read_digits,
        moved,
    )
    return {"np": np, "bp": bphelpers, "F": F, "Value": Value, "trial": trial} | {f.__name__: f for f in own}
