"""The table of sources names every network, claim, question and date, with a place that exists; maps list every page."""

import copy
import json
import re
from urllib.parse import unquote

import pytest

from tools import notebooks
from tools.course import sources
from tools.course.lesson import NOTEBOOKS, ROOT, Lesson

APPLICATIONS = {
    "character recognition",
    "handwritten digits",
    "signature verification",
    "image recognition",
    "natural language processing",
    "speech recognition",
    "forecasting",
    "predicting a test score",
    "thermal design of gas burners from a few experiments",
    "modelling brain responses, N400 and P600",
}
NAMES_IN_HISTORY = (
    "Leibniz",
    "Cauchy",
    "1960s",
    "Linnainmaa",
    "Dreyfus",
    "Werbos",
    "Rumelhart",
    "Wan",
    "Jaderberg",
)


@pytest.fixture(scope="module")
def table():
    return sources.Sources()


def test_the_page_on_disk_is_what_the_lessons_say(table):
    assert sources.PAGE.read_text(encoding="utf-8") == table.page, "make notebooks writes it anew"


def test_every_network_application_date_and_card_has_its_row(table):
    rows = [line for line in table.page.splitlines() if line.startswith("| ")]
    for entry in json.loads((sources.DATASETS / "worked_examples.json").read_text("utf-8")).values():
        assert sum(row.startswith(f"| *{entry['title']}*") for row in rows) == 1
    for card in json.loads((sources.DATASETS / "claims.json").read_text("utf-8")):
        assert (
            sum(row.startswith(f"| {card['number']}. {card['claim']} | {card['verdict']} |") for row in rows)
            == 1
        )
    assert set(table.phrases["applications"]) == APPLICATIONS
    for name in NAMES_IN_HISTORY:
        assert sum(name in row for row in table.phrases["history"]) + sum(
            name in spec["holds"] for spec in table.phrases["history"].values()
        )
    for row in rows:
        assert all(cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]), row


def test_every_link_leads_to_a_heading_and_every_cell_stands_below_it(table):
    lessons = {lesson.path: lesson for lesson in table.lessons.values()}
    found = re.findall(r"\[[^]]*\]\(([^)#]+)#([^)]+)\) ((?:`[^`]+` ?)+)", table.page)
    assert len(found) == table.page.count("](") > 100
    for target, anchor, cells in found:
        lesson = lessons[(sources.PAGE.parent / target).resolve()]
        titles = [re.sub(r"\s+", "-", title) for _, title in lesson.headings]
        assert unquote(anchor) in titles, (target, anchor)
        assert set(re.findall("`([^`]+)`", cells)) <= {cell.id for cell in lesson.cells}


def _with(kind, row, spec):
    phrases = copy.deepcopy(sources.Sources().phrases)
    phrases[kind][row] = spec
    return sources.Sources(phrases=phrases)


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ({"08_updates": "no such phrase anywhere"}, "stands in no cell of 08_updates"),
        ({"08_updates": "the"}, r"stands in \d+ cells of 08_updates"),
        ({}, "empty cell: A question"),
    ],
)
def test_what_has_no_place_or_several_stops_the_table(spec, fault):
    with pytest.raises(ValueError, match=fault):
        _ = _with("questions", "A question", spec).page


def test_a_network_that_nobody_loads_stops_the_table(table):
    orphan = sources.Sources()
    orphan.networks = {"new": {"title": "New", "author": "nobody", "year": 2030, "net": "2-2-1"}}
    with pytest.raises(ValueError, match="empty cell"):
        _ = orphan.page


def test_a_card_whose_section_is_gone_stops_the_table():
    table = sources.Sources()
    table.cards[1] = table.cards[1] | {"section": "7. What did nobody find?"}
    with pytest.raises(ValueError, match="stands in no cell of 10_hidden_units"):
        _ = table.page


def test_a_phrase_belongs_to_the_heading_above_it(tmp_path):
    nb = notebooks.nbformat.v4.new_notebook()
    texts = ["# 98. Small\n\nfirst", "second\n\n## 1. Why?\n\nthird\n\n## 2. How?\n\nfourth"]
    nb.cells = [notebooks.nbformat.v4.new_markdown_cell(text, id=f"c{k}") for k, text in enumerate(texts)]
    (tmp_path / "98_small.ipynb").write_text(notebooks.dumps(nb))
    table = sources.Sources(notebooks=tmp_path)
    found = {word: table.of_phrase("98_small", word) for word in ("first", "second", "third", "fourth")}
    assert [one.section for one in found.values()] == ["98. Small", "98. Small", "1. Why?", "2. How?"]
    assert [one.cell for one in found.values()] == ["c0", "c1", "c1", "c1"]


def test_making_notebooks_writes_the_page_and_says_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(notebooks, "execute", lambda path: [])
    monkeypatch.setattr(sources, "PAGE", tmp_path / "99_sources.md")
    assert notebooks.main(["00"]) == 0
    assert (tmp_path / "99_sources.md").read_text("utf-8").startswith("# Where is it?")
    monkeypatch.setattr(sources.Sources, "networks_rows", lambda self: iter([["New", "2-2-1", ""]]))
    assert notebooks.main(["00"]) == 1
    assert "99_sources.md: the table of sources would have an empty cell: New" in capsys.readouterr().err


# --- The maps of the lessons ---

DEEPER = sorted((NOTEBOOKS / "deeper").glob("*"))
MAPS = {
    "README": ("notebooks/", (ROOT / "README.md").read_text("utf-8")),
    "lesson 00": ("", Lesson.read(NOTEBOOKS / "00_start_here.ipynb").words),
}


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("page", DEEPER, ids=lambda page: page.stem)
def test_every_deeper_page_stands_beside_its_lesson(page, name):
    folder, text = MAPS[name]
    link = f"]({folder}deeper/{page.name})"
    assert text.count(link) == 1
    if list(NOTEBOOKS.glob(f"{page.name[:2]}_*.ipynb")):
        (row,) = (line for line in text.splitlines() if line.startswith("|") and link in line)
        assert f"]({folder}{page.name[:2]}_" in row
