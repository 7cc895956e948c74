"""A card, and whether its cell could have come out otherwise."""

import ast
import html
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bphelpers.arguments import refuse
from bphelpers.teaching.claims.cells import SETUP, ascend, judge

#: What a card may be, and what that means.
VERDICTS = {
    "right": "it holds as it is said",
    "half right": "it holds only with a condition that it leaves out, or in one of its parts",
    "wrong": "what it predicts does not happen, or the record says otherwise",
    "unsupported": "it may be so, but what is given for it does not show it",
}


@dataclass(frozen=True)
class Card:
    """A claim with its verdict, and what decides it.

    A card of the course has ``code``, lines of which the last is a call of `judge`, and ``turned`` holds one
    text in them and what takes its place in the turned world. A card of your own has ``evidence``, a function
    that returns True or False, or a tuple of them, for what the claim predicts; ``turned`` are its keywords.
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
        names: dict[str, Any] = {}
        exec(SETUP, names)
        exec(compile(ast.Module(body, []), "the cell", "exec"), names)
        verdict = eval(compile(ast.Expression(last.value), "the cell", "eval"), names)  # type: ignore[attr-defined]
        return str(verdict)

    def _keywords(self) -> Mapping[str, Any]:
        try:
            inspect.signature(self.evidence).bind(**self.turned)  # type: ignore[arg-type]
        except TypeError as error:
            raise ValueError(
                f"evidence must take the keyword {', '.join(self.turned)}, which turns its world: {error}"
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
        page = "A page beside lesson" if "/" in self.lesson else "Lesson"
        return f"{page} {self.of_lesson}, section {self.section}"

    @property
    def of_lesson(self) -> str:
        """The lesson's two digits."""
        return self.lesson.rpartition("/")[2][:2]

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
        return f"<p><b>{html.escape(self.claim)}</b></p>\n{self._told()}"

    def folded(self) -> str:
        """The claim, and behind it, to unfold, the verdict."""
        return f"<details><summary>{html.escape(self.claim)}</summary>\n{self._told()}</details>\n"

    def _told(self) -> str:
        where = [html.escape(line) for line in self._where()]
        if self.lesson:
            where[-1] = f'<a href="{html.escape(self.link)}">{where[-1]}</a>'
        code = "\n".join(self.code)
        return f"<p><b>{self.verdict}</b>: {html.escape(self.say)}</p>\n<p>{'<br>'.join(where)}</p>\n" + (
            f"<pre>{html.escape(code)}</pre>\n" if code else ""
        )


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

    >>> from bphelpers.teaching.claims import descend, xor_loss
    >>> def evidence(update=descend):
    ...     return xor_loss(rate=0.1, update=update) < xor_loss()
    >>> trial_of(Card("A small step down makes the error smaller.", "right", evidence))
    The cell says right, as the card does. With update=ascend it says wrong, so it could have come out
    otherwise.
    """
    return Trial(card, card.run(), card.run(turned=True))
