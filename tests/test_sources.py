"""The table of sources gives every network, question, date and claim a place; the maps list every page."""

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
HISTORY = "Leibniz", "Cauchy", "1960s", "Linnainmaa", "Dreyfus", "Werbos", "Rumelhart", "Wan", "Jaderberg"


@pytest.fixture(scope="module")
def table():
    return sources.Sources()


@pytest.fixture
def changed(table):
    """A table to be changed; the notebooks that it has read stay shared."""
    one = copy.copy(table)
    one.phrases, one.cards = copy.deepcopy(table.phrases), dict(table.cards)
    return one


def test_the_page_on_disk_is_what_the_lessons_say(table):
    assert sources.PAGE.read_text(encoding="utf-8") == table.page, "make notebooks writes it anew"


def test_every_network_application_date_and_card_has_its_row(table):
    rows = [line for line in table.page.splitlines() if line.startswith("| ")]
    for entry in json.loads((sources.DATASETS / "worked_examples.json").read_text("utf-8")).values():
        assert sum(row.startswith(f"| *{entry['title']}*") for row in rows) == 1
    for card in json.loads((sources.DATASETS / "claims.json").read_text("utf-8")):
        claim = f"| {card['number']}. {card['claim']} | {card['verdict']} |"
        assert sum(row.startswith(claim) for row in rows) == 1
    assert set(table.phrases["applications"]) == APPLICATIONS
    said = [f"{claim} {spec['holds']}" for claim, spec in table.phrases["history"].items()]
    assert all(any(name in one for one in said) for name in HISTORY) and len(said) == len(HISTORY)
    for row in rows:
        assert all(cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]), row


def test_every_link_leads_to_a_heading_and_names_cells_of_its_notebook(table):
    lessons = {lesson.path: lesson for lesson in table.lessons.values()}
    found = re.findall(r"\[[^]]*\]\(([^)#]+)#([^)]+)\) ((?:`[^`]+` ?)+)", table.page)
    assert len(found) == table.page.count("](") > 100
    for target, anchor, cells in found:
        lesson = lessons[(sources.PAGE.parent / target).resolve()]
        titles = [re.sub(r"\s+", "-", title) for _, title in lesson.headings]
        assert unquote(anchor) in titles, (target, anchor)
        assert set(re.findall("`([^`]+)`", cells)) <= {cell.id for cell in lesson.cells}


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ({"08_updates": "no such phrase anywhere"}, "stands in 0 cells of 08_updates"),
        ({"08_updates": "the"}, r"stands in \d\d cells of 08_updates"),
        ({}, "empty cell: A question"),
    ],
)
def test_what_has_no_place_or_several_stops_the_table(changed, spec, fault):
    changed.phrases["questions"]["A question"] = spec
    with pytest.raises(ValueError, match=fault):
        _ = changed.page


def test_a_network_that_nobody_loads_stops_the_table(changed):
    changed.networks = {"new": {"title": "New", "author": "nobody", "year": 2030, "net": "2-2-1"}}
    with pytest.raises(ValueError, match=r"empty cell: \*New\*, nobody, 2030"):
        _ = changed.page


def test_a_card_whose_section_is_gone_stops_the_table(changed):
    changed.cards[1] = changed.cards[1] | {"section": "7. What did nobody find?"}
    with pytest.raises(ValueError, match="stands in 0 cells of 10_hidden_units"):
        _ = changed.page


def test_a_phrase_belongs_to_the_heading_above_it(tmp_path):
    nb = notebooks.nbformat.v4.new_notebook()
    texts = ["# 98. Small\n\nfirst", "second\n\n## 1. Why?\n\nthird\n\n## 2. How?\n\nfourth"]
    nb.cells = [notebooks.nbformat.v4.new_markdown_cell(text, id=f"c{k}") for k, text in enumerate(texts)]
    (tmp_path / "98_small.ipynb").write_text(notebooks.dumps(nb))
    table = sources.Sources(tmp_path)
    found = [table.of_phrase("98_small", word) for word in ("first", "second", "third", "fourth")]
    assert [one.section for one in found] == ["98. Small", "98. Small", "1. Why?", "2. How?"]
    assert [one.cell for one in found] == ["c0", "c1", "c1", "c1"]


def test_making_notebooks_writes_the_page_and_says_what_is_missing(table, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(notebooks, "execute", lambda path: [])
    monkeypatch.setattr(sources, "PAGE", tmp_path / "99_sources.md")
    monkeypatch.setattr(sources, "Sources", lambda: table)
    assert notebooks.main(["00"]) == 0
    assert (tmp_path / "99_sources.md").read_text("utf-8").startswith("# Where is it?")
    monkeypatch.setattr(table, "networks", {"new": {"title": "New", "author": "nobody", "year": 2030}})
    assert notebooks.main(["00"]) == 1
    assert "99_sources.md: the table of sources would have an empty cell: *New*" in capsys.readouterr().err


# --- The maps of the lessons ---

PAGES = sorted((NOTEBOOKS / "deeper").glob("*.*"))
README = (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_deeper_page_stands_in_the_row_of_its_lesson_and_at_the_end_of_it(page):
    lines = [line for line in README.splitlines() if f"](notebooks/deeper/{page.name})" in line]
    assert lines
    own = list(NOTEBOOKS.glob(f"{page.name[:2]}_*.ipynb"))
    if own:
        (row,) = (line for line in lines if line.startswith("|"))
        assert f"](notebooks/{page.name[:2]}_" in row
    at_the_end = Lesson.read(*own or [NOTEBOOKS / "00_start_here.ipynb"]).words.partition(
        "What you now know"
    )[2 if own else 0]
    assert f"](deeper/{page.name})" in at_the_end
