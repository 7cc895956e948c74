"""Fifty-two things that people say of backpropagation, each with a verdict, and cells that decide [21].

A claim is a prediction. A card's cell looks whether what the claim predicts has happened, and ends in
`judge`, which makes the verdict of it. A cell that could not have come out otherwise shows nothing, so each
card also names one thing to turn round, with which its cell gives another verdict: `trial_of` runs both.
"""

import functools
import html
import json
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from bphelpers.arguments import refuse
from bphelpers.teaching.claims.cells import ascend, descend, judge, stay, xor_loss
from bphelpers.teaching.claims.judging import VERDICTS, Card, Trial, trial_of

if TYPE_CHECKING:
    from bphelpers.teaching.claims.dealing import Deck

__all__ = ["VERDICTS", "Card", "Table", "Trial", "ascend", "card", "cards", "deck", "descend", "judge",
           "stay", "table", "topics", "trial_of", "xor_loss"]  # fmt: skip


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
            f"<details><summary>{html.escape(topic)} ({len(shown)} cards)</summary>\n"
            + "\n".join(one.folded() for one in shown)
            + "</details>\n"
            for topic, shown in by_topic.items()
        )


def table(topic: str | None = None) -> Table:
    """All cards of a topic, or of each, with their verdicts, folded: for readers without a kernel."""
    return Table(cards(topic))


def deck(topic: str | None = None) -> "Deck":
    """The cards one by one: you say what you think, then the card says what holds, and can be run [21].

    The whole deck opens on card 6, answered, which doesn't count. A topic opens on its first card.

    >>> deck()
    1 of 52: Subtracting rate times gradient always decreases the error.
    half right: It does so if the rate is small enough, because the gradient only knows what happens close by.
    With a long step, the error can rise.
    """
    from bphelpers.teaching.claims.dealing import Deck

    shown = cards(topic)
    if topic is not None:
        return Deck(shown)
    order = np.random.default_rng(21).permutation(len(shown))
    mixed = [shown[k] for k in order if shown[k].number != 6]
    return Deck([card(6), *mixed], answered=1)
