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


@dataclass(frozen=True)
class Verdict:
    """What the check said of a row, and whether it could say so."""

    row: Row
    detected: bool
    said: str
    misnamed: str  # what was said and is not so
    named: bool  # every wrong array got the right name
    text: str

    @property
    def word(self) -> str:
        if not self.detected:
            return "not detected"
        if self.misnamed:
            return "misnamed"
        if self.row.kind == "not testable":
            return "said so"
        return "named" if self.named else "detected"


@functools.cache
def verdict(row: Row) -> Verdict:
    try:
        report = row.report()
    except ValueError as error:  # refused with a sentence
        refused = row.kind == "not testable" and "argument" in str(error)
        return Verdict(row, refused, f"refused: {error}", "", False, str(error))
    text, wrong = str(report), set(row.wrong.split())
    if row.kind == "not testable":
        lines = [line for line in text.splitlines() if "not testable" in line]
        said = {name for name in wrong if any(re.match(rf"{name}\b", line) for line in lines)}
        return Verdict(row, said == wrong, "not testable" if lines else "nothing", "", False, text)
    diagnoses = {name: report[name].diagnosis for name in sorted(wrong)}
    given = {name: d for name, d in diagnoses.items() if d}
    misnamed = [fault for name, d in given.items() if (fault := _fault(row, name, d))]
    said = "; ".join(dict.fromkeys(" / ".join([d.mistake, *d.alternatives]) + _where(d) for d in given.values()))
    return Verdict(row, set(wrong_in(report)) == wrong, said, "; ".join(misnamed),
                   len(given) == len(wrong) and not misnamed, text)  # fmt: skip


def _places(diagnosis) -> set[str]:
    return set(re.findall(r"layer \d+|every", diagnosis.sentence.split(":")[0]))


def _where(diagnosis) -> str:
    return "".join(f" ({place})" for place in sorted(_places(diagnosis)))


def _fault(row: Row, name: str, diagnosis) -> str:
    """What a diagnosis says that is not so."""
    true = set(row.true.split("|")) - {""}
    if not true & {diagnosis.mistake, *diagnosis.alternatives}:
        return f"{name}: {diagnosis.mistake!r}, {row.true or 'which has no name'!r} was made"
    elsewhere = _places(diagnosis) - {row.place}
    if row.place and elsewhere and diagnosis.mistake in true:
        return f"{name}: {elsewhere.pop()}, it was made in {row.place}"
    return ""


each = pytest.mark.parametrize("row", WRONG, ids=[f"{row.kind}, {row.name}" for row in WRONG])


@each
def test_a_wrong_pass_is_detected_and_no_array_beside_it(row):
    assert verdict(row).detected, verdict(row).text


@each
def test_a_wrong_pass_is_not_misnamed(row):
    assert not verdict(row).misnamed, f"{verdict(row).misnamed}\n{verdict(row).text}"


def test_three_quarters_are_named():
    testable = [row for row in WRONG if row.kind != "not testable"]
    unnamed = [f"{row.name}: {row.true}" for row in testable if not verdict(row).named]
    assert len(testable) - len(unnamed) >= 0.75 * len(testable), "\n".join(unnamed)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_pass_is_no_false_alarm(name):
    report = RIGHT[name]()
    assert report.ok, report


def test_the_tables_are_large_and_much_was_seen_in_public():
    assert len({(row.kind, row.name) for row in WRONG}) == len(WRONG) >= 80
    assert len({row.source for row in WRONG} - {"own"}) >= 30
    assert len(RIGHT) >= 220


def as_markdown() -> str:
    """The table of the wrong passes, with what was said of each."""
    lines = ["| What was wrong | Seen | Kind | Detected | Said | Verdict |", "|---|---|---|---|---|---|"]
    for row in WRONG:
        v = verdict(row)
        lines.append(f"| {row.name} | {row.source} | {row.kind} | {'yes' if v.detected else 'no'} | {v.said} | {v.word} |")
    words = [verdict(row).word for row in WRONG]
    return "\n".join([*lines, "", *(f"{word}: {words.count(word)}" for word in sorted(set(words)))])


if __name__ == "__main__":
    print(as_markdown())
