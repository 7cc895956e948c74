"""The gradient check before a jury: wrong backward passes whose mistake is known, and right ones.

``python tests/test_corpus.py`` prints the table of the wrong ones as Markdown.
"""

import functools
import re
from dataclasses import dataclass

import pytest
from gradient_tools import wrong_in
from right_passes import RIGHT
from wrong_passes import WRONG, Row

UNTESTABLE = "not testable"  # a kind of rows, and what the report must say of them


@dataclass(frozen=True)
class Verdict:
    """What the check said of a row."""

    detected: bool
    text: str
    said: str = "nothing"
    misnamed: str = ""  # what was said and is not so
    named: bool = False  # every wrong array got a right name

    @property
    def word(self) -> str:
        if not self.detected or self.misnamed:
            return "misnamed" if self.detected else "not detected"
        return "named" if self.named else "detected"


@functools.cache
def verdict(row: Row) -> Verdict:
    report, wrong = row.report(), set(row.wrong.split())
    text = str(report)
    if row.kind == UNTESTABLE:
        told = {
            line.split()[0] for line in text.splitlines() if re.search("not (testable|measurable)$", line)
        }
        return Verdict(told == wrong, text, UNTESTABLE if told else "nothing")
    given = {name: d for name in sorted(wrong) if (d := report[name].diagnosis)}
    faults = [fault for name, d in given.items() if (fault := _fault(row, name, d))]
    said = dict.fromkeys(", or ".join([d.mistake, *d.alternatives]) + _where(d) for d in given.values())
    return Verdict(
        set(wrong_in(report)) == wrong,
        text,
        "; ".join(said) or "nothing",
        "; ".join(faults),
        set(given) == wrong,
    )


def _place(diagnosis) -> str:
    found = re.match(r"In (layer \d+|every)", diagnosis.sentence)
    return found[1] if found else ""


def _where(diagnosis) -> str:
    return f" ({_place(diagnosis)})" if _place(diagnosis) else ""


def _fault(row: Row, name: str, diagnosis) -> str:
    """What a diagnosis says that is not so."""
    true = row.true.split("|") if row.true else []
    if not {diagnosis.mistake, *diagnosis.alternatives} & set(true):
        return f"{name}: {diagnosis.mistake!r}, but {row.true or 'something without a name'!r} was done"
    place = _place(diagnosis) if diagnosis.mistake in true else ""
    return (
        f"{name}: {place}, but it was done in {row.place}"
        if row.place and place not in ("", row.place)
        else ""
    )


each = pytest.mark.parametrize("row", WRONG, ids=[f"{row.kind}: {row.name}" for row in WRONG])


@each
def test_a_wrong_pass_is_detected_and_no_array_beside_it(row):
    assert verdict(row).detected, verdict(row).text


@each
def test_a_wrong_pass_is_not_misnamed(row):
    assert not verdict(row).misnamed, f"{verdict(row).misnamed}\n{verdict(row).text}"


def test_three_quarters_are_named():
    testable = [row for row in WRONG if row.kind != UNTESTABLE]
    unnamed = [f"{row.kind}: {row.name}" for row in testable if verdict(row).word != "named"]
    assert len(unnamed) <= len(testable) / 4, "\n".join(unnamed)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_pass_is_no_false_alarm(name):
    report = RIGHT[name]()
    assert report.ok, report


def test_the_tables_are_large_and_much_was_seen_in_public():
    assert len({(row.kind, row.name) for row in WRONG}) == len(WRONG) >= 80 and len(RIGHT) >= 220
    assert len({row.seen for row in WRONG} - {"own"}) >= 30


def as_markdown() -> str:
    """The table of the wrong passes, with what was said of each."""
    lines = ["| What was wrong | Seen | Kind | Detected | Said | Verdict |", "|---|---|---|---|---|---|"]
    for row in WRONG:
        v = verdict(row)
        cells = row.name, row.seen, row.kind, "yes" if v.detected else "no", v.said, v.word
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(as_markdown())
