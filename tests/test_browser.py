"""Each lesson in JupyterLab in Chromium: run all, move every slider by keyboard, ask no other machine.

The negative controls at the end send broken notebooks through the same function: it must say what is wrong.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from browser_tools import LabServer, chromium, faults_of, lab_server, open_lesson, run_all
from playwright.sync_api import Browser

LESSONS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server() -> Iterator[LabServer]:
    with lab_server(LESSONS) as running:
        yield running


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with chromium(chromium_path) as running:
        yield running


def test_there_are_lessons() -> None:
    assert LESSONS, "no notebooks/*.ipynb: nothing was tested"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_and_its_sliders_move_its_pictures(
    lesson: Path, browser: Browser, server: LabServer
) -> None:
    moved, faults = faults_of(browser, server, lesson.name)
    assert not faults, "\n".join(faults)
    wanted = lesson.read_text(encoding="utf-8").count("live_figure(")
    assert moved >= wanted, f"{wanted} live figure(s) in the source, {moved} slider(s) moved in the page"


# ------------------------------------------------------------------------------ a live figure in the page


def put(server: LabServer, name: str, *cells: str) -> str:
    """Write a small notebook next to the lessons. A cell that starts with %md is prose."""
    nb = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell(cell[4:])
            if cell.startswith("%md ")
            else nbformat.v4.new_code_cell(cell)
            for cell in cells
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.write(nb, server.folder / f"{name}.ipynb")
    return f"{name}.ipynb"


GOOD = """
import bphelpers as bp
def draw(fig, k):
    fig.subplots().bar([0], [k])
bp.widgets.live_figure(draw, lambda k: f"The bar is {k} high.", k=("height", 0, 40, 1, 4))
"""


def test_a_good_notebook_has_no_faults(browser: Browser, server: LabServer) -> None:
    assert faults_of(browser, server, put(server, "good", GOOD)) == (1, [])


SLOW = """
import time
import bphelpers as bp
drawn = []
def draw(fig, k):
    drawn.append(k)
    time.sleep(0.2)
    fig.subplots().bar([0], [k])
bp.widgets.live_figure(draw, lambda k: f"k = {k}, drawn {len(drawn)} times", k=("k", 0, 60, 1, 0))
"""


def test_a_slow_picture_skips_moves_and_ends_on_the_last(browser: Browser, server: LabServer) -> None:
    with open_lesson(browser, server, put(server, "slow", SLOW)) as (page, _):
        assert run_all(page) == []
        page.get_by_role("slider").focus()
        for _ in range(40):
            page.keyboard.press("ArrowRight")
        start = time.monotonic()
        page.wait_for_function(
            "() => document.querySelector('[role=status]').innerText.startsWith('k = 40,')"
        )
        lag = time.monotonic() - start
        page.wait_for_timeout(1000)
        words = page.locator("[role=status]").inner_text()
    drawn = int(words.split("drawn ")[1].split()[0])
    assert words.startswith("k = 40,"), words  # nothing older arrives after the last
    assert drawn < 30, words  # 40 moves and the start would be 41
    assert lag < 3.0, f"{lag:.1f} s behind the hand"  # drawing all would take 8 s


# ------------------------------------------------------------------------------ negative controls


RAISES_AT_END = GOOD.replace("fig.subplots()", "1 / (40 - k); fig.subplots()")
DEAD = GOOD.replace("[k])", "[4])")
MUTE = GOOD.replace("{k} high", "high")
CONTROLS = {
    "slider that raises": ((RAISES_AT_END,), "ZeroDivisionError"),
    "picture that stays": ((DEAD,), "leaves the picture as it was"),
    "sentence that stays": ((MUTE,), "leaves the sentence as it was"),
    "slider without a live figure": (
        ("import ipywidgets\nipywidgets.IntSlider()",),
        "outside of a live figure",
    ),
    "picture without words": (
        ("import matplotlib.pyplot as plt\nplt.plot([0, 1])\nplt.show()",),
        "without words",
    ),
    "cell that raises": (("1 / 0",), "ZeroDivisionError"),
    "warning": (("import warnings\nwarnings.warn('careful')",), "stderr"),
    "picture from outside": (("%md ![a digit](http://192.0.2.1/digit.png)",), "asked another machine"),
    "script error": (
        ("from IPython.display import HTML\nHTML('<script>setTimeout(() => { throw Error(7) })</script>')",),
        "page error",
    ),
}


@pytest.mark.parametrize("name", CONTROLS)
def test_a_broken_notebook_is_caught(
    name: str, browser: Browser, server: LabServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("browser_tools.PATIENCE_MS", 1500)
    cells, expected = CONTROLS[name]
    _, faults = faults_of(browser, server, put(server, name.replace(" ", "_"), *cells))
    assert any(expected in fault for fault in faults), faults
