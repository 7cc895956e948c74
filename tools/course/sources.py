"""The table of sources, notebooks/deeper/99_sources.md: what the course takes up, and in which cell.

Published networks are found in the code that loads them, claims by what their cards say, the rest by the
phrases of sources.toml. What has lost its place stops the table, so that none of its rows is empty.
"""

from __future__ import annotations

import ast
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tools.course.lesson import NOTEBOOKS, ROOT, Lesson, calls, without_fences

PAGE = NOTEBOOKS / "deeper" / "99_sources.md"
DATASETS = ROOT / "bphelpers" / "datasets"
HEADING = re.compile(r"^##?[ \t]+(.+?)[ \t]*$", re.MULTILINE)

OPENING = """\
# Where is it?

For looking things up, and for finding a lesson by what you wonder about: every published network, question,
application, date and claim that this course takes up, with its section and its cell. (`make notebooks` writes
this page.)
"""


@dataclass(frozen=True)
class Place:
    """A cell and the section that it stands in."""

    path: Path
    section: str
    cell: str

    @property
    def link(self) -> str:
        target = os.path.relpath(self.path, PAGE.parent).replace(os.sep, "/")
        anchor = quote(re.sub(r"\s+", "-", self.section))
        number = re.findall(r"^\d\d", self.path.stem)  # a page beside all lessons has none
        page = ", ".join(number + ["deeper"] * (self.path.parent.name == "deeper")) + ": "
        return f"[{page.removesuffix(self.section[:2] + ': ')}{self.section}]({target}#{anchor})"


class Sources:
    """The notebooks, the published networks, the cards and the phrases, and what follows from them."""

    def __init__(self, notebooks: Path = NOTEBOOKS) -> None:
        self.lessons = {
            path.relative_to(notebooks).with_suffix("").as_posix(): Lesson.read(path)
            for path in sorted(notebooks.rglob("*.ipynb"), key=lambda path: path.name)
            if ".ipynb_checkpoints" not in path.parts
        }
        self.phrases = tomllib.loads((Path(__file__).parent / "sources.toml").read_text("utf-8"))
        self.networks: dict[str, Any] = json.loads((DATASETS / "worked_examples.json").read_text("utf-8"))
        cards = json.loads((DATASETS / "claims.json").read_text("utf-8"))
        self.cards = {card["number"]: card for card in cards}

    @property
    def page(self) -> str:
        """The whole table, in Markdown."""
        parts = [
            OPENING,
            "## Published networks\n",
            table("source", "network", "where", rows=self.networks_rows()),
            "## Questions\n",
            table("question", "where", rows=self.phrase_rows("questions")),
            "## Applications\n",
            table("application", "where", rows=self.phrase_rows("applications")),
            "## Dates and names\n",
            table("what is said", "what holds", "where", rows=self.phrase_rows("history")),
            "## Claims\n",
            "Lesson 21 deals these as cards. Play first, and look here afterwards.\n",
        ]
        for topic in dict.fromkeys(card["topic"] for card in self.cards.values()):
            parts += [
                f"### {topic.capitalize()}\n",
                table("claim", "verdict", "where", rows=self.claims(topic)),
            ]
        return "\n".join(parts)

    def networks_rows(self) -> Iterator[list[str]]:
        for name, entry in self.networks.items():
            source = ", ".join(str(entry[key]) for key in ("author", "year") if entry[key])
            where = self.loaded.get(name, []) + self.places(self.phrases["systems"].get(name, {}))
            where.sort(key=lambda place: (place.path.name[:2], place.path.parent.name == "deeper"))
            yield [f"*{entry['title']}*, {source}", "; ".join(nets(entry)), links(where)]

    def phrase_rows(self, kind: str) -> Iterator[list[str]]:
        for row, spec in self.phrases[kind].items():
            claim = f"claim {spec['card']}, " if "card" in spec else ""
            places = self.places({key: value for key, value in spec.items() if key != "holds"})
            yield [row, *([spec["holds"]] if "holds" in spec else []), claim + links(places)]

    def claims(self, topic: str) -> Iterator[list[str]]:
        for number, card in self.cards.items():
            if card["topic"] == topic:
                yield [f"{number}. {card['claim']}", card["verdict"], links([self.of_card(number)])]

    @cached_property
    def loaded(self) -> dict[str, list[Place]]:
        """Where code loads each published network, by its name or by a function of its own."""
        found: dict[str, list[Place]] = {}
        for lesson in self.lessons.values():
            for index, tree in lesson.trees():
                given = [call.args[0] for call in calls(tree, "worked_example") if call.args]
                names = [node.value for node in given if isinstance(node, ast.Constant)]
                names += [name for function, name in self.phrases["calls"].items() if calls(tree, function)]
                for name in names:
                    found.setdefault(str(name), []).append(place(lesson, index))
        return found

    def places(self, spec: Mapping[str, Any]) -> list[Place]:
        return [self.of_card(to) if key == "card" else self.of_phrase(key, to) for key, to in spec.items()]

    def of_card(self, number: int) -> Place:
        card = self.cards[number]
        return self.of_phrase(card["lesson"], f"## {card['section']}")

    def of_phrase(self, notebook: str, phrase: str) -> Place:
        """The only cell of a notebook in which a phrase stands."""
        lesson = self.lessons[notebook]
        found = [index for index, cell in enumerate(lesson.cells) if phrase in cell.source]
        if len(found) != 1:
            raise ValueError(
                f"{phrase!r} stands in {len(found)} cells of {notebook}, not in one: write another phrase "
                "into tools/course/sources.toml, or another section on the card"
            )
        return place(lesson, found[0], lesson.cells[found[0]].source.index(phrase) + len(phrase))


def place(lesson: Lesson, index: int, end: int | None = None) -> Place:
    """A cell with the last heading above its character number ``end``."""
    cell = lesson.cells[index]
    above = [one.source for one in lesson.cells[:index] if one.cell_type == "markdown"]
    own = [cell.source[:end]] if cell.cell_type == "markdown" else []
    return Place(lesson.path, HEADING.findall(without_fences("\n\n".join(above + own)))[-1], cell.id)


def links(places: list[Place]) -> str:
    """Each section once, with its cells."""
    cells: dict[str, list[str]] = {}
    for one in places:
        cells.setdefault(one.link, []).append(f"`{one.cell}`")
    return "<br>".join(f"{link} {' '.join(dict.fromkeys(names))}" for link, names in cells.items())


def nets(entry: Any) -> list[str]:
    """The networks that an entry describes, at any depth."""
    if not isinstance(entry, dict):
        return []
    inner = [net for value in entry.values() for net in nets(value)]
    return [entry["net"], *inner] if "net" in entry else inner


def table(*head: str, rows: Iterator[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in rows:
        if len(row) != len(head) or not all(row):
            raise ValueError(f"the table of sources would have an empty cell: {row[0]}")
        lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |")
    return "\n".join(lines) + "\n"
