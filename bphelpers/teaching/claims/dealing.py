"""The deck of claims: a card, four answers, then what holds, and the cell that decides."""

from importlib.resources import files
from typing import Any

import anywidget
import traitlets

from bphelpers.arguments import refuse
from bphelpers.teaching.claims.judging import VERDICTS, Card, trial_of
from bphelpers.teaching.widgets.cell_thread import CellThread

_MODULE, *_STYLES = (
    files(f"bphelpers.teaching.{room}").joinpath(name).read_text(encoding="utf-8")
    for room, name in (("claims", "deck.js"), ("widgets", "common.css"), ("claims", "deck.css"))
)
_STYLE = "".join(_STYLES)


class Deck(anywidget.AnyWidget):  # type: ignore[misc]
    """What `claims.deck` returns: cards in Jupyter, the present one in words where it is printed [21].

    ``at`` is the card that is shown, from 0; ``view`` is "card" or "score". ``answers`` has what was said, by
    number of the card, ``runs`` what the cells returned, and ``score`` a row for each topic. The page and the
    methods set them alike. The first ``answered`` cards are answered already and do not count.
    """

    _esm = _MODULE
    _css = _STYLE
    _ipython_display_ = None  # as in LiveFigure: ipywidgets 7 would not ask for `_repr_mimebundle_`
    verdicts = traitlets.Dict(VERDICTS).tag(sync=True)
    cards: Any = traitlets.List().tag(sync=True)
    at = traitlets.Int(0).tag(sync=True)
    view = traitlets.Unicode("card").tag(sync=True)
    first = traitlets.Dict().tag(sync=True)
    answers = traitlets.Dict().tag(sync=True)
    runs = traitlets.Dict().tag(sync=True)
    score: Any = traitlets.List().tag(sync=True)
    total = traitlets.Unicode().tag(sync=True)

    def __init__(self, cards: list[Card], answered: int = 0) -> None:
        self._deck = cards
        self._thread = CellThread()
        first = {str(card.number): card.verdict for card in cards[:answered]}
        super().__init__(cards=[_sent(card) for card in cards], first=first, answers=first)
        self._count()
        self.observe(self._count, "answers")
        self.on_msg(self._heard)

    @property
    def card(self) -> Card:
        """The card that is shown."""
        return self._deck[self.at]

    def answer(self, verdict: str) -> None:
        """Say what the present card is; the first answer counts."""
        if verdict not in VERDICTS:
            refuse("verdict", f"be one of {', '.join(VERDICTS)}", verdict)
        self.answers = {str(self.card.number): verdict} | self.answers

    def next(self) -> None:
        """The next card, or after the last one the score."""
        if self.at + 1 < len(self._deck):
            self.at += 1
        else:
            self.view = "score"

    def run(self) -> str:
        """Run the present card's cell as it is and in a turned world, and say what it returned."""
        self._run(self.card)
        return str(self.runs[str(self.card.number)])

    def reset(self) -> None:
        """Take all answers back."""
        self.at, self.view, self.answers = 0, "card", self.first

    def _heard(self, _: Any, content: dict[str, Any], buffers: Any) -> None:
        (card,) = (card for card in self._deck if card.number == content["number"])
        self._thread.run(lambda: self._run(card))

    def _run(self, card: Card) -> None:
        try:
            said = str(trial_of(card))
        except KeyboardInterrupt:
            said = "Interrupted before the cell was through."
        except Exception as error:
            said = f"The cell stopped with {type(error).__name__}: {error}"
        self.runs = self.runs | {str(card.number): said}

    def _count(self, _: Any = None) -> None:
        """What was answered as the deck does, topic by topic, and the lessons to go back to."""
        counted = [card for card in self._deck if str(card.number) in self.answers.keys() - self.first.keys()]
        missed = [card for card in counted if self.answers[str(card.number)] != card.verdict]
        self.score = [
            {
                "topic": topic,
                "right": sum(card.topic == topic for card in counted)
                - sum(card.topic == topic for card in missed),
                "of": sum(card.topic == topic for card in counted),
                "back": sorted(
                    {(f"lesson {card.of_lesson}", card.file) for card in missed if card.topic == topic}
                ),
            }
            for topic in dict.fromkeys(card.topic for card in counted)
        ]
        right = len(counted) - len(missed)
        self.total = (
            f"You judged {right} of {len(counted)} claims as the deck does."
            if counted
            else "You haven't judged a claim yet."
        )

    def __repr__(self) -> str:
        done = str(self.card.number) in self.answers
        head = f"{self.at + 1} of {len(self._deck)}: {self.card.claim}"
        return f"{head}\n{self.card.verdict}: {self.card.say}" if done else head

    def _repr_mimebundle_(self, **options: Any) -> Any:
        data, metadata = super()._repr_mimebundle_(**options) or ({}, {})
        shown = (
            self.card._repr_html_()
            if str(self.card.number) in self.answers
            else f"<p>{self.card.claim}</p>\n"
        )
        page = f"{shown}<p>This is the first of {len(self._deck)} cards. Run the cell for the deck.</p>\n"
        return {**data, "text/plain": repr(self), "text/html": page}, metadata


def _sent(card: Card) -> dict[str, Any]:
    """What the page gets of a card."""
    return {
        "number": card.number,
        "topic": card.topic,
        "claim": card.claim,
        "verdict": card.verdict,
        "say": card.say,
        "source": f"Source: {card.source}." if card.source else "",
        "lesson": card.place,
        "link": card.link,
        "code": "\n".join(card.code),
    }
