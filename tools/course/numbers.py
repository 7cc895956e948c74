"""Numbers in prose are earned: each one was computed, or published, where a reader can look it up.

A number with three significant digits or more in the markdown of a lesson must be a rounding, or the first
digits, of a number in the lesson's stored outputs, in its code, or in what was published about the worked
examples. Excepted by rule: years, versions, links and DOIs, numbers of sections, lessons and exercises, whole
numbers in Sources (pages and volumes).
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any

from tools.course.lesson import ROOT, Lesson, texts, without_fences

PUBLISHED = ROOT / "bphelpers" / "datasets" / "worked_examples.json"

# 1,797 or 10_000 or 0.0822 or .5 or 3.51e-05; then, in prose, a power of ten in LaTeX or in Unicode.
NUMBER = re.compile(
    r"(?<![\w.])(?P<digits>\d{1,3}(?:(?:,|\{,\}|\\,|_)\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?:[eE](?P<e>[-+]?\d+)|\s*(?:\\times|\\cdot|×|·)\s*10\^\{?(?P<tex>-?\d+)\}?)?"
    r"(?![\w]|\.\d)"
    r"(?P<percent>\s*(?:\\?%|percent\b))?"
)

EXCEPTED = [
    r"https?://\S+",
    r"\]\([^)]*\)",  # the target of a link; its text stays
    r"\b(?:doi|arXiv)\b[:\s]*\S+",
    r"\b10\.\d{4,}/\S+",
    r"</?\w[^>]*>",
    r"(?i:\b(?:section|chapter|lesson|exercise|equation|eq\.|figure|fig\.|table|version|cell)s?\s+|§\s*)\d+(?:\.\w+)*",
    r"\b(?:Python|NumPy|JupyterLab|matplotlib|ipywidgets)\s+\d+(?:\.\d+)*(?:(?:,| to| and| or)+\s+\d+\.\d+)*",
    r"\b\d\d\.[A-Z1-9]\b(?=[:\s])",  # a key such as 05.1 or 05.A
]


@dataclass(frozen=True)
class Number:
    """A number as it was written: its value, the place of its last digit, how many digits it shows."""

    written: str
    value: Decimal
    unit: Decimal  # of the last written digit
    digits: int
    percent: bool = False


def numbers_in(text: str) -> Iterator[Number]:
    for match in NUMBER.finditer(text):
        plain = re.sub(r",|\{,\}|\\,|_", "", match["digits"])
        exponent = int(match["e"] or match["tex"] or 0)
        value = Decimal(plain).scaleb(exponent)
        unit = Decimal(1).scaleb(exponent - len(plain.partition(".")[2]))
        shown = plain.replace(".", "").lstrip("0")
        digits = len(shown if "." in plain else shown.rstrip("0"))
        yield Number(match[0].strip(), value, unit, digits, bool(match["percent"]))


def claimed(lesson: Lesson) -> list[Number]:
    """The numbers in prose that have to be earned."""
    body, heading, sources = lesson.words.partition("\n## Sources")
    found = [*_claimed_in(body), *(n for n in _claimed_in(heading + sources) if n.unit < 1)]
    return list({n.written: n for n in found}.values())


def _claimed_in(text: str) -> Iterator[Number]:
    text = without_fences(text)
    for pattern in EXCEPTED:
        text = re.sub(pattern, " ", text)
    for number in numbers_in(text):
        year = number.unit == 1 and 1600 <= number.value < 2100 and re.fullmatch(r"\d{4}", number.written)
        if number.digits >= 3 and not year:
            yield number


def pool(lesson: Lesson) -> list[Decimal]:
    """All numbers that were computed, written in code, or published, in order."""
    found: set[Decimal] = set()
    for cell in lesson.code:
        for text in (cell.source, *texts(cell, "text/plain")):  # a page fragment holds sizes and colours
            found |= {number.value for number in numbers_in(text)}
    found |= {abs(value) for value in _published(json.loads(PUBLISHED.read_text()))}
    return sorted(found)


def _published(node: Any) -> Iterator[Decimal]:
    if isinstance(node, dict):
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from _published(item)
    elif isinstance(node, str):
        yield from (number.value for number in numbers_in(node))
    elif isinstance(node, (int, float)) and not isinstance(node, bool):
        yield Decimal(repr(node))


def is_earned(number: Number, known: list[Decimal]) -> bool:
    """Whether a known number, rounded or cut to the digits that were written, is this one."""
    scales = (Decimal(1), Decimal(100)) if number.percent else (Decimal(1),)
    for scale in scales:
        first = bisect_left(known, (number.value - number.unit) / scale)
        last = bisect_right(known, (number.value + number.unit) / scale)
        if any(_shortened(value * scale, number) for value in known[first:last]):
            return True
    return False


def _shortened(value: Decimal, number: Number) -> bool:
    steps = value / number.unit
    wanted = number.value / number.unit
    return any(
        steps.quantize(Decimal(1), way) == wanted for way in (ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_DOWN)
    )


def unearned(lesson: Lesson, given: Iterable[str] = ()) -> list[str]:
    """Numbers in prose that occur nowhere else; ``given`` are allowed, and must be needed."""
    known = pool(lesson)
    missing = [number.written for number in claimed(lesson) if not is_earned(number, known)]
    faults = [f"{written} is in the prose and nowhere else" for written in missing if written not in given]
    return faults + [f"{written} is allowed and not needed" for written in given if written not in missing]
