"""Each lesson in JupyterLab in Chromium: run all, move every slider by keyboard, ask no other machine.

The negative controls at the end send broken notebooks through the same function: it must say what is wrong.
"""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from browser_tools import (
    LabServer,
    Seen,
    faults_of,
    lab_server,
    lowest_contrast,
    open_lesson,
    put,
    run_all,
    run_source,
    scrub,
)
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, Page

from bphelpers import nn
from bphelpers.autodiff import Value
from bphelpers.teaching.trace import HalfSquares, running_example
from bphelpers.teaching.widgets import Scrubber, scrubber

LESSONS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))
pytestmark = pytest.mark.browser
# Each lesson's page, but for these two, is opened by `make test-all` and by `make check LESSON=NN`.
ALWAYS = ("00", "05")
PAGES = [
    pytest.param(path, id=path.stem, marks=() if path.name[:2] in ALWAYS else pytest.mark.all_pages)
    for path in LESSONS
]


@pytest.fixture(scope="module")
def server() -> Iterator[LabServer]:
    with lab_server(LESSONS) as running:
        yield running


def test_there_are_lessons() -> None:
    assert LESSONS, "no notebooks/*.ipynb: nothing was tested"


@pytest.mark.parametrize("lesson", PAGES)
def test_a_lesson_runs_and_its_sliders_move_its_pictures(
    lesson: Path, browser: Browser, server: LabServer
) -> None:
    moved, faults = faults_of(browser, server, lesson.name)
    assert not faults, "\n".join(faults)
    wanted = lesson.read_text(encoding="utf-8").count("live_figure(")
    assert moved >= wanted, f"{wanted} live figure(s) in the source, {moved} slider(s) moved in the page"


# ------------------------------------------------------------------------------ a live figure in the page


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


KINDS = """
import hashlib
import ipywidgets
import bphelpers as bp
kinds = {
    "whole": ("whole", 1, 9, 1, 3), "real": ("real", -1.0, 1.0, 0.1, -0.2),
    "short": ("short", 0.0, 1.0, 0.3, 0.6),
    "choice": ("choice", ["first", "second", "third"]),
    "powers": ipywidgets.FloatLogSlider(value=1e-14, min=-16, max=0, step=0.5, description="powers"),
}
def said(it):
    return f"{it:.6g}" if isinstance(it, float) else str(it)
def draw(fig, it):
    fig.text(0.3, 0.5, said(it), size=40)
lives = {name: bp.widgets.live_figure(draw, said, size=(4, 1), it=spec) for name, spec in kinds.items()}
ipywidgets.VBox(list(lives.values()))
"""
ALL_VIEWS = """
views = {}
for name, live in lives.items():
    fresh = bp.widgets.live_figure(draw, live._describe, size=(4, 1), it=kinds[name])
    for _ in fresh.frames():
        views[name + fresh.text] = hashlib.sha256(fresh._picture.value).hexdigest()
import json
print("VIEWS" + json.dumps(views))
"""
PICTURE = """async live => {
    const bytes = await (await fetch(live.querySelector('img').src)).arrayBuffer();
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    return [...hash].map(byte => byte.toString(16).padStart(2, '0')).join('');
}"""


def test_a_press_is_answered_while_the_kernel_is_busy(browser: Browser, server: LabServer) -> None:
    """Each kind of slider finds the picture that was drawn ahead, and it is the right one."""
    with open_lesson(browser, server, put(server, "kinds", KINDS, ALL_VIEWS, "0")) as (page, seen):
        assert run_all(page) == []
        said = page.locator("pre", has_text="VIEWS").inner_text()
        views = json.loads(said.removeprefix("VIEWS"))
        page.wait_for_timeout(1500)
        run_source(page, "import time; time.sleep(6); print('awake')")
        page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'busy'"
        )
        for k, name in enumerate(("whole", "real", "short", "choice", "powers")):
            live = page.locator(".bp-live-figure").nth(k)
            before = live.locator("[role=status]").inner_text()
            live.get_by_role("slider").press("ArrowRight")
            page.wait_for_function(
                "([k, before]) => document.querySelectorAll('[role=status]')[k].innerText !== before",
                arg=[k, before],
                timeout=2000,
            )
            words = live.locator("[role=status]").inner_text()
            assert live.evaluate(PICTURE) == views[name + words], name
        assert page.locator("pre", has_text="awake").count() == 0, "the cell was over too early to tell"
        page.locator("pre", has_text="awake").wait_for()
        page.wait_for_timeout(500)  # Python has drawn, if anything: still the same
        for k, name in enumerate(("whole", "real", "short", "choice", "powers")):
            live = page.locator(".bp-live-figure").nth(k)
            assert live.evaluate(PICTURE) == views[name + live.locator("[role=status]").inner_text()], name
        assert seen.errors == [] and seen.outside == []


@pytest.mark.all_pages
def test_a_hasty_hand_ends_on_the_right_picture(browser: Browser, server: LabServer) -> None:
    """To and fro faster than Python draws: whatever came from the page's own store, the last one is right."""
    with open_lesson(browser, server, put(server, "hasty", KINDS, ALL_VIEWS)) as (page, seen):
        assert run_all(page) == []
        views = json.loads(page.locator("pre", has_text="VIEWS").inner_text().removeprefix("VIEWS"))
        draw = random.Random(20261)
        for k, name in ((0, "whole"), (1, "real"), (4, "powers")):
            live = page.locator(".bp-live-figure").nth(k)
            live.get_by_role("slider").focus()
            for _ in range(4):
                for _ in range(draw.randrange(5, 30)):
                    keys = ["ArrowRight", "ArrowRight", "ArrowLeft", "Home", "End", "PageUp", "PageDown"]
                    page.keyboard.press(draw.choice(keys))
                page.wait_for_timeout(700)
                words = live.locator("[role=status]").inner_text()
                assert live.evaluate(PICTURE) == views[name + words], (name, words)
                value = page.evaluate(
                    """k => document.querySelectorAll('.bp-live-figure')[k]
                             .querySelector('.widget-readout').innerText""",
                    k,
                )
                shown = float(value.replace("\u2212", "-"))
                assert shown == pytest.approx(float(words), rel=0.06, abs=1e-9), name
        assert seen.errors == [] and seen.outside == []


CHANGED = """
import bphelpers as bp
factor = 1
def draw(fig, k):
    ax = fig.subplots()
    ax.bar([0], [factor * k])
    ax.set_ylim(0, 90)
bp.widgets.live_figure(draw, lambda k: f"The bar is {factor * k} high.", k=("height", 0, 40, 1, 4))
"""


def test_what_a_cell_changes_is_seen_at_the_next_move(browser: Browser, server: LabServer) -> None:
    with open_lesson(browser, server, put(server, "changed", CHANGED, "0")) as (page, seen):
        assert run_all(page) == []
        page.wait_for_timeout(700)
        run_source(page, "factor = 2; print('done')")
        page.locator("pre", has_text="done").wait_for()
        page.get_by_role("slider").focus()
        page.keyboard.press("ArrowRight")
        page.locator("[role=status]", has_text="The bar is 10 high.").wait_for(timeout=5000)
        page.keyboard.press("ArrowLeft")
        page.locator("[role=status]", has_text="The bar is 8 high.").wait_for(timeout=5000)
        assert seen.errors == [] and seen.outside == []


# ------------------------------------------------------------------------------ the scrubber

SCRUBBER = """
import bphelpers as bp
net, x, y, lr = bp.trace.running_example()
bp.widgets.scrubber(net, bp.trace.HalfSquares(), x, y, lr)
"""


def test_a_scrubber_s_keys_do_not_reach_the_notebook(browser: Browser, server: LabServer) -> None:
    """Arrow keys would select another cell, Space would scroll; in the slider they step and play."""
    with open_lesson(browser, server, put(server, "keys", "%md one", SCRUBBER, "1 + 1")) as (page, seen):
        assert run_all(page) == []
        assert page.locator("[data-bp-scrubber]").count() == 0, "not mounted by anywidget"
        slider = page.locator(".bp-scrubber input")
        slider.focus()
        for key in ("End", "ArrowUp", "ArrowDown", "ArrowLeft", "PageDown", "Home", "ArrowRight"):
            slider.press(key)
            assert slider.evaluate("e => document.activeElement === e"), key
        assert slider.input_value() == "1"
        play_and_pause(page)
        assert seen.errors == [] and seen.outside == []


def play_and_pause(page: Page) -> None:
    """Space and the buttons, by keyboard alone, from step 1."""
    slider = page.locator(".bp-scrubber input")
    slider.press(" ")
    page.wait_for_function("() => Number(document.querySelector('.bp-scrubber input').value) >= 2")
    slider.press(" ")
    stopped = slider.input_value()
    page.wait_for_timeout(1500)
    assert slider.input_value() == stopped
    # At the first and the last step too, where two of them can do nothing more, the focus stays.
    for name, value in (("To the end", 41), ("One step forward", 41), ("One step back", 40),
                        ("To the start", 0), ("One step back", 0), ("One step forward", 1)):  # fmt: skip
        button = page.get_by_role("button", name=name)
        button.press("Enter")
        assert button.evaluate("e => document.activeElement === e"), name
        assert slider.input_value() == str(value), name
    for name in ("Play", "Pause"):
        page.get_by_role("button", name=name).press("Enter")
    assert page.get_by_role("button", name="Play").count() == 1


@pytest.fixture(scope="module")
def example() -> Scrubber:
    net, x, y, lr = running_example()
    return scrubber(net, HalfSquares(), x, y, lr)


@pytest.mark.parametrize("saved_by", ["make notebooks", "JupyterLab"])
def test_a_scrubber_works_in_a_saved_page_without_kernel_or_network(
    browser: Browser, tmp_path: Path, example: Scrubber, saved_by: str
) -> None:
    """Exported by nbconvert, opened as a file. JupyterLab also saves which widget it was, not its state."""
    data, metadata = example._repr_mimebundle_()
    if saved_by == "make notebooks":
        del data["application/vnd.jupyter.widget-view+json"]
    cell = nbformat.v4.new_code_cell(
        "x", outputs=[nbformat.v4.new_output("display_data", data, metadata=metadata)]
    )
    # nbconvert's own page asks for a formula typesetter and a module loader; the scrubber needs neither.
    exporter = HTMLExporter(mathjax_url="", require_js_url="", jquery_url="", mermaid_js_url="")
    page_text, _ = exporter.from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    path = tmp_path / "saved.html"
    path.write_text(page_text, encoding="utf-8")
    with saved_page(browser, path) as (page, seen):
        assert scrub(page.locator(".bp-scrubber")) == []
        assert not page.locator(".bp-scrubber li").first.is_visible()  # folded
        page.locator(".bp-scrubber summary").press("Enter")
        assert page.locator(".bp-scrubber li").all_inner_texts() == [step.sentence for step in example.steps]
        slider = page.locator(".bp-scrubber input")
        slider.press("Home")
        slider.press("ArrowRight")
        play_and_pause(page)
        assert [error for error in seen.errors if "ERR_" not in error] == []
        assert seen.outside == []


def shown_alone(one: Scrubber, path: Path) -> Path:
    """The scrubber on a page of its own."""
    path.write_text(f"<!doctype html><meta charset=utf-8><body>{one.html()}", encoding="utf-8")
    return path


# What a reader sees at one step. Points and lines are named by their coordinates, as the frames give them.
_DRAWN = """root => {
    const all = selector => [...root.querySelectorAll(selector)];
    const texts = selector => all(selector).map(e => e.textContent);
    const numbers = (e, ...names) => names.map(name => Number(e.getAttribute(name)));
    const visible = e => getComputedStyle(e).display !== 'none';
    return {
        edges: all('.edge.lit line').map(e => numbers(e, 'x1', 'y1', 'x2', 'y2').join()).sort(),
        neurons: all('.neuron.lit circle').map(e => numbers(e, 'cx', 'cy').join()).sort(),
        directions: [...new Set(all('.lit').map(e => e.getAttribute('class').split(' ').at(-1)))],
        heads: [...new Set(all('.edge.lit polygon').filter(visible).map(e => e.getAttribute('class')))],
        first: all('svg > g').filter(g => g.querySelector('.lit ~ :not(.lit)')).length,
        labels: all('svg .label').filter(visible).map(e => e.textContent),
        written: all('svg .label').map(e => e.getAttribute('class').match(/forward|backward|update|$/)[0]),
        fresh: texts('svg .label.fresh'),
        where: texts('.where span'),
        said: root.querySelector('input').getAttribute('aria-valuetext'),
        off: all('button[aria-disabled=true]').map(e => e.ariaLabel),
        formulas: ['.symbols', '.numbers'].map(s => all(`${s} math`).map(e => e.innerHTML).join('')),
    };
}"""


def expected(frames: dict[str, Any], k: int) -> dict[str, Any]:
    """The same, from the frames alone."""
    step, last = frames["steps"][k], len(frames["steps"]) - 1
    known = {label["id"]: (label["text"], "") for label in frames["labels"]}
    for one in frames["steps"][: k + 1]:
        known |= {name: (text, one["direction"]) for name, text in one["sets"]}
    fresh = {name for name, _ in step["sets"]} | set(step["edges"])
    of_lines = {label["id"] for label in frames["labels"] if label["kind"] == "edge"}
    hidden = of_lines - fresh if frames["crowded"] else set()
    edges = [e for e in frames["edges"] if e["id"] in step["edges"]]
    ways = [[(e["x1"], e["y1"]), *e.get("via", []), (e["x2"], e["y2"])] for e in edges]
    neurons = [n for n in frames["neurons"] if n["id"] in step["neurons"]]
    head = "back" if step["direction"] == "backward" else "ahead"
    phase, count = step["direction"].capitalize(), f"step {k + 1} of {last + 1}"
    return {
        "edges": sorted(f"{x1},{y1},{x2},{y2}" for way in ways for (x1, y1), (x2, y2) in pairwise(way)),
        "neurons": sorted(f"{n['x']},{n['y']}" for n in neurons),
        "directions": [step["direction"]],
        "heads": [head] if edges else [],
        "first": 0,  # what is lit lies in front
        "labels": [text for name, (text, _) in known.items() if name not in hidden],
        "written": [direction for _, direction in known.values()],
        "fresh": [text for name, (text, _) in known.items() if name in fresh],
        "where": [phase, step["what"], count],
        "said": f"{phase}, {step['what']}, {count}",
        "off": ["To the start", "One step back"] * (k == 0)
        + ["One step forward", "To the end"] * (k == last),
        "formulas": ["".join(step["symbols"]), '<mo form="infix">=</mo>' + "".join(step["numbers"])],
    }


@pytest.fixture
def alone(browser: Browser, tmp_path: Path, example: Scrubber) -> Iterator[Page]:
    """The running example on a page of its own."""
    with saved_page(browser, shown_alone(example, tmp_path / "page.html")) as (page, seen):
        yield page
        assert seen.errors == []


def of_network(hidden: int) -> Scrubber:
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(2, hidden, rng=rng), nn.Tanh(), nn.Linear(hidden, 2, rng=rng))
    return scrubber(net, HalfSquares(), [0.3, -0.7], [0.1, 0.9], lr=0.5)


def of_values(doublings: int) -> Scrubber:
    """An expression whose first value is used again at the end, so that a line goes around the others."""
    a = z = Value(1.5)
    for _ in range(doublings):
        z = z + z
    return scrubber(z * a, names={"a": a})


@pytest.mark.parametrize(
    ("make", "size", "crowded"),
    [(of_network, 2, False), (of_network, 5, True), (of_values, 3, False), (of_values, 8, True)],
)
def test_a_scrubber_draws_its_frames_and_nothing_else(
    browser: Browser, tmp_path: Path, make: Any, size: int, crowded: bool
) -> None:
    """Each step, forth and back: what is lit, written and said is what the frame holds."""
    drawn = make(size)
    assert drawn.data["crowded"] == crowded
    last = len(drawn.steps) - 1
    with saved_page(browser, shown_alone(drawn, tmp_path / "page.html")) as (page, seen):
        root = page.locator(".bp-scrubber")
        assert root.evaluate(_DRAWN) == expected(drawn.data, 0), "the start"
        for k in (*range(last + 1), *range(last, -1, -1)):
            root.locator("input").fill(str(k))
            assert root.evaluate(_DRAWN) == expected(drawn.data, k), k
        assert seen.errors == []


def test_each_way_has_its_colour_and_its_arrowheads(alone: Page, example: Scrubber) -> None:
    colours = []
    for step in (0, 20, 41):  # forward, backward, update
        alone.locator("input").fill(str(step))
        colours.append(alone.locator(".phase").evaluate("e => getComputedStyle(e).color"))
    assert colours == ["rgb(0, 114, 178)", "rgb(196, 85, 0)", "rgb(0, 125, 91)"]
    tips = alone.locator("g.edge").evaluate_all(_TIPS)
    assert len(tips) == 2 * len(example.data["edges"]) and all(tips), "a tip lies at its end of the line"


_TIPS = """edges => edges.flatMap(edge => {
    const lines = edge.querySelectorAll('line');
    const at = (line, end) => ['x', 'y'].map(name => Number(line.getAttribute(name + end)));
    const [first, last] = [lines[0], lines[lines.length - 1]];
    const ends = {back: [at(first, 1), at(first, 2)], ahead: [at(last, 2), at(last, 1)]};
    return Object.entries(ends).map(([name, [end, before]]) => {
        const head = edge.querySelector(`.${name}`);
        const turned = head.transform.baseVal.consolidate().matrix;
        const points = [...head.points].map(point => point.matrixTransform(turned));
        const [tip, ...wings] = points.map(({x, y}) => [x, y]);
        const far = ([x, y]) => Math.hypot(x - before[0], y - before[1]);
        return tip.join() === end.join() && wings.every(wing => far(wing) < far(tip));
    });
})"""


def test_a_graph_of_values_fits_and_keeps_what_is_lit_in_view(browser: Browser, tmp_path: Path) -> None:
    """A long one is not shrunk until nobody can read it. It scrolls by itself, so that keys are enough."""
    drawn = of_values(20)
    with saved_page(browser, shown_alone(drawn, tmp_path / "page.html")) as (page, seen):
        assert scrub(page.locator(".bp-scrubber")) == []
        assert all(page.locator("g.edge").evaluate_all(_TIPS))
        for width, theme in product((320, 600, 1180), ("light", "dark")):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=theme)
            for step in range(0, len(drawn.steps), 3):
                page.locator("input").fill(str(step))
                assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
                user = drawn.data["steps"][step]["neurons"][0]
                x = next(n["x"] for n in drawn.data["neurons"] if n["id"] == user)
                seen_at = page.locator(f".neuron.lit circle[cx='{x}']").first.bounding_box()
                assert seen_at is not None and 0 < seen_at["x"] < width - seen_at["width"]
                assert seen_at["width"] > 30, "large enough to be read"
            assert lowest_contrast(page, ".bp-scrubber", TEXTS) > 4.5
        assert page.locator("svg").get_attribute("aria-label") == repr(drawn)
        assert seen.errors == []


_TIMERS = """
const [start, stop] = [window.setInterval, window.clearInterval];
window.timers = new Set();
window.setInterval = (...how) => { const timer = start(...how); timers.add(timer); return timer; };
window.clearInterval = timer => { timers.delete(timer); stop(timer); };
"""


def test_playing_ends_with_the_scrubber(browser: Browser, tmp_path: Path, example: Scrubber) -> None:
    """anywidget calls what mount() returned; a page may also drop the node."""
    path = shown_alone(example, tmp_path / "page.html")
    text = path.read_text(encoding="utf-8").replace("if (frames) mount(", "if (frames) window.end = mount(")
    path.write_text(text.replace("<body>", f"<body><script>{_TIMERS}</script>"), encoding="utf-8")
    with saved_page(browser, path) as (page, _):
        slider, status = page.locator("input"), page.locator("[role=status]")
        page.get_by_role("button", name="Play").click()
        assert status.get_attribute("aria-live") == "off"
        page.get_by_role("button", name="Pause").click()
        assert status.get_attribute("aria-live") == "polite"
        slider.press("End")
        page.get_by_role("button", name="Play").click()
        assert slider.input_value() == "0", "from the end, Play begins anew"
        for take_away in ("end()", "document.querySelector('.bp-scrubber').remove()"):
            page.reload()
            page.get_by_role("button", name="Play").click()
            assert page.evaluate("timers.size") == 1
            page.evaluate(take_away)
            page.wait_for_function("timers.size === 0", timeout=3000)


def test_a_notebook_that_is_not_trusted_shows_the_words(
    browser: Browser, server: LabServer, example: Scrubber
) -> None:
    """JupyterLab runs no script of a notebook that came from elsewhere until its cells are run."""
    data = {"text/plain": repr(example), "text/html": example.html()}
    output = nbformat.v4.new_output("execute_result", data, execution_count=1)
    name = put(server, "untrusted", SCRUBBER)
    nb = nbformat.read(server.folder / name, as_version=4)
    nb.cells[0].outputs = [output]
    nbformat.write(nb, server.folder / name)
    with open_lesson(browser, server, name) as (page, seen):
        page.locator(".jp-OutputArea summary").click()
        assert page.locator(".jp-OutputArea li").all_inner_texts() == [str(step) for step in example.steps]
        assert page.locator(".jp-OutputArea p").inner_text().startswith(repr(example))
        assert "function mount" not in page.locator(".jp-OutputArea").inner_text()
        assert page.locator(".bp-scrubber").count() == 0 and seen.errors == []


@contextlib.contextmanager
def saved_page(browser: Browser, path: Path) -> Iterator[tuple[Page, Seen]]:
    context = browser.new_context(offline=True)
    page = context.new_page()
    seen = Seen()
    seen.watch(context, page)
    try:
        page.goto(path.as_uri())
        page.wait_for_selector(".bp-scrubber", timeout=10_000)
        yield page, seen
    finally:
        context.close()


TEXTS = "text, p, span, .formula, button:not(:disabled)"


def test_a_scrubber_fits_and_can_be_read(alone: Page) -> None:
    for width, theme, step in product((320, 600, 1180), ("light", "dark"), (0, 14, 20, 41)):
        alone.set_viewport_size({"width": width, "height": 900})
        alone.emulate_media(color_scheme=theme)
        alone.locator("input").fill(str(step))
        assert alone.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
        assert lowest_contrast(alone, ".bp-scrubber", TEXTS) > 4.5


def test_a_scrubber_prints_its_frame_and_all_steps(alone: Page) -> None:
    alone.emulate_media(media="print", color_scheme="dark")
    ground = alone.locator(".bp-scrubber").evaluate("e => getComputedStyle(e).backgroundColor")
    assert ground == "rgb(255, 255, 255)"
    assert alone.locator("svg").is_visible()
    assert alone.locator("li").last.is_visible()
    assert not alone.get_by_role("button").first.is_visible()


# ------------------------------------------------------------------------------ negative controls

DEAD = GOOD.replace("[k])", "[4])").replace("height", "dead")
MUTE = GOOD.replace("{k} high", "high").replace('"height', '"mute')
RAISES_AT_END = GOOD.replace("fig.subplots()", "1 / (40 - k); fig.subplots()").replace("height", "raises")
STUCK = (
    SCRUBBER.replace("bp.widgets", "stuck = bp.widgets")
    + """
stuck.data = stuck.data | {"steps": [stuck.data["steps"][k // 2] for k in range(8)]}
stuck
"""
)
THROWS = """
from IPython.display import HTML
HTML('<script>setTimeout(() => { throw Error(7) })</script>')
"""
CONTROLS = {  # in this order: after a failed figure no other is tried, after a cell that raises none is run
    DEAD: "slider 'dead': ArrowRight leaves the picture as it was",
    MUTE: "slider 'mute': ArrowRight leaves the sentence as it was",
    RAISES_AT_END: "slider 'raises': End: No picture for k = 40 (ZeroDivisionError",
    STUCK: "scrubber 1: step 1 leaves the picture as it was",
    "import ipywidgets\nipywidgets.IntSlider()": "1 slider(s) outside of a live figure",
    "import matplotlib.pyplot as plt\nplt.plot([0, 1])\nplt.show()": "a picture without words",
    "import warnings\nwarnings.warn('careful')": "stderr",
    "%md ![a digit](http://192.0.2.1/digit.png)": "asked another machine",
    THROWS: "page error",
    "1 / 0": "raises ZeroDivisionError",
}


def test_whatever_is_broken_is_said(
    browser: Browser, server: LabServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("browser_tools.PATIENCE_MS", 2000)
    _, faults = faults_of(browser, server, put(server, "broken", *CONTROLS))
    for expected in CONTROLS.values():
        assert any(expected in fault for fault in faults), f"{expected!r} is not among {faults}"
