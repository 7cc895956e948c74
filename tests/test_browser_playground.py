"""The playground in JupyterLab in Chromium, and its drawing in a bare page."""

from __future__ import annotations

import base64
import contextlib
import json
import random
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser_tools import (
    LabServer,
    Seen,
    lowest_contrast,
    nameless,
    open_lesson,
    put,
    run_all,
    run_source,
)
from playwright.sync_api import Browser, Locator, Page

from bphelpers import nn
from bphelpers.teaching.widgets import Playground, playground
from bphelpers.teaching.widgets.playground import _MODULE, _STYLE

pytestmark = pytest.mark.browser

START = "import numpy as np\nimport bphelpers as bp\nfrom bphelpers import nn\n"
PLAY = START + "play = bp.widgets.playground()\nplay"


def shown(page: Page) -> Locator:
    page.wait_for_function("() => document.querySelector('.bp-playground')?.dataset.painted")
    return page.locator(".bp-playground")


Opening = Callable[..., tuple[Page, Locator]]


@pytest.fixture
def lab(browser: Browser, server: LabServer, request: pytest.FixtureRequest) -> Iterator[Opening]:
    """Runs a notebook of these cells in JupyterLab; in the end, nothing may have gone wrong."""
    with contextlib.ExitStack() as closing:
        all_seen = []

        def opened(*cells: str) -> tuple[Page, Locator]:
            opening = open_lesson(browser, server, put(server, request.node.name, *cells))
            page, seen = closing.enter_context(opening)
            all_seen.append(seen)
            assert run_all(page) == []
            return page, shown(page)

        yield opened
        assert all(map(fine, all_seen))


def choice(root: Locator, name: str) -> Locator:
    return root.get_by_role("combobox", name=name)


def click(page: Page, name: str) -> None:
    page.locator(".bp-playground").get_by_role("button", name=name, exact=True).click()


def step_of(page: Page) -> int:
    return int(page.locator(".bp-playground .count").inner_text().split()[1].rstrip(","))


def until_step(page: Page, least: int) -> None:
    page.wait_for_function(
        "least => document.querySelector('.bp-playground .count').innerText.match(/\\d+/)[0] >= least",
        arg=least,
        timeout=30_000,
    )


def until_text(page: Page, selector: str, text: str) -> None:
    page.wait_for_function(
        "([selector, text]) => document.querySelector(selector).innerText.includes(text)",
        arg=[f".bp-playground {selector}", text],
        timeout=30_000,
    )


def fine(seen: Seen) -> bool:
    return seen.errors == [] and seen.outside == []


def test_play_pause_step_reset_and_the_next_cell(lab: Opening) -> None:
    next_cell = (
        "import time\nbefore = play.history[-1].step\ntime.sleep(1)\n"
        "print(0 < before == play.history[-1].step, play.net(play.X).shape)"
    )
    page, _ = lab(PLAY, "0")
    assert nameless(page) == []
    assert page.locator(".bp-playground .sentence").inner_text().startswith("No step made yet")
    click(page, "Play")
    until_step(page, 50)
    # While it plays, another cell runs and uses the network, which waits for it.
    run_source(page, next_cell)
    page.wait_for_function(
        "() => [...document.querySelectorAll('pre')].some(e => e.innerText.startsWith('True (200, 1)'))"
    )
    until_step(page, step_of(page) + 50)
    click(page, "Pause")
    page.wait_for_timeout(700)
    stopped = step_of(page)
    page.wait_for_timeout(700)
    assert step_of(page) == stopped
    until_text(page, ".sentence", f"Step {stopped},")
    click(page, "Step")
    until_text(page, ".sentence", f"Step {stopped + 1},")
    click(page, "Reset")
    until_text(page, ".sentence", "No step made yet")


def test_the_picture_follows_the_run_and_the_choices(lab: Opening) -> None:
    page, root = lab(PLAY)

    def picture(name: str) -> str:
        page.wait_for_timeout(400)
        return str(root.locator(f"canvas.{name}").evaluate("canvas => canvas.toDataURL()"))

    network, plane = picture("network"), picture("plane")
    choice(root, "steps per picture").select_option("100")
    click(page, "Play")
    until_step(page, 300)
    click(page, "Pause")
    assert picture("network") != network and picture("plane") != plane
    seen_before = {picture("network")}
    for kind in ("gradient", "last update"):
        choice(root, "lines show the").select_option(label=kind)
        assert picture("network") not in seen_before, kind
        seen_before.add(picture("network"))
        assert kind in root.locator(".middle .legend").inner_text()
    assert "Rings: the last batch." in root.locator(".middle .legend").inner_text()
    plane = picture("plane")
    choice(root, "map of").select_option(label="layer 1, neuron 2")
    assert picture("plane") != plane
    choice(root, "Learning rate").select_option("0.3")
    until_text(page, ".sentence", f"Step {step_of(page)}")
    assert step_of(page) >= 300, "another learning rate does not begin anew"
    choice(root, "Activation").select_option("ReLU")
    until_text(page, ".sentence", "No step made yet")
    click(page, "+ layer")
    page.wait_for_function("() => document.querySelectorAll('.bp-playground .heads > div').length === 5")
    root.get_by_role("button", name="One neuron fewer in layer 3").click()
    until_text(page, ".heads", "7")
    assert choice(root, "map of").input_value() == "layer 1, neuron 2", "the neuron that was chosen"
    root.get_by_text("The same run as code").click()
    until_text(page, "pre", "nn.Linear(8, 7, rng=rng), nn.ReLU(),")
    choice(root, "map of").select_option(label="output")
    for columns in (4, 3, 2):
        click(page, "\N{MINUS SIGN} layer")
        page.wait_for_function(
            f"() => document.querySelectorAll('.bp-playground .heads > div').length === {columns}"
        )
        assert choice(root, "map of").input_value() == "output", "the output stays the output"
    click(page, "+ layer")
    until_text(page, ".heads", "4")


def test_placing_points_by_mouse_and_by_keyboard(lab: Opening) -> None:
    source = PLAY.replace("playground()", "playground(problem='own points')")
    page, root = lab(source)
    click(page, "Play")
    until_text(page, ".trouble", "place some of both classes")
    assert root.get_by_role("button", name="Play", exact=True).count() == 1, "it does not go on asking"
    plane = root.locator(".plane")
    plane.click(position={"x": 60, "y": 60})
    until_text(page, ".sentence", "on one point")
    plane.focus()
    # In JupyterLab's command mode "0 0" restarts the kernel and "1" makes a heading.
    for key in ("ArrowRight", "Shift+ArrowRight", "ArrowDown", "0", "0", "Shift+ArrowDown", "1", " "):
        page.keyboard.press(key)
    until_text(page, ".sentence", "on 5 points")
    page.keyboard.press("Delete")
    until_text(page, ".sentence", "on 4 points")
    assert plane.evaluate("e => e === document.activeElement")
    assert page.locator(".jp-Dialog").count() == 0
    click(page, "Take one away")
    until_text(page, ".sentence", "on 3 points")
    click(page, "Step")
    until_text(page, ".sentence", "Step 1,")


def test_by_keyboard_alone(lab: Opening) -> None:
    page, root = lab(PLAY, "1 + 1")
    root.get_by_role("button", name="Play", exact=True).focus()
    page.keyboard.press("Enter")
    until_step(page, 20)
    page.keyboard.press(" ")
    page.wait_for_timeout(700)
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        name = page.evaluate(
            """() => {
                const e = document.activeElement;
                if (!e.closest('.bp-playground')) return '';
                const label = e.closest('label')?.querySelector('span').innerText;
                return label ?? e.getAttribute('aria-label') ?? e.innerText;
            }"""
        )
        if not name:
            break
        reached.append(name)
    wanted = {
        "Step", "Reset", "New start", "steps per picture", "Points", "Noise", "Activation",
        "First weights", "Optimizer", "Learning rate", "Batch size", "Weight decay", "lines show the",
        "One neuron more in layer 2", "+ layer", "map of", "a click places", "Check the gradient",
        "Numbers, layer by layer", "The same run as code",
    }  # fmt: skip
    assert wanted <= set(reached), wanted - set(reached)
    choice(root, "Optimizer").focus()
    page.keyboard.press("ArrowDown")
    until_text(page, ".sentence", "No step made yet")
    assert choice(root, "Optimizer").input_value() == "momentum"


BROKEN = (
    START
    + """
class Halved(nn.Tanh):
    def backward(self, dout):
        return super().backward(dout) / 2
rng = np.random.default_rng(0)
net = nn.Sequential(nn.Linear(2, 4, rng=rng), Halved(), nn.Linear(4, 1, rng=rng))
play = bp.widgets.playground(net)
play"""
)
FAILING = BROKEN.replace("return super().backward(dout) / 2", "raise RuntimeError('not written yet')")


def test_the_gradient_check_and_a_network_of_one_s_own(lab: Opening) -> None:
    page, root = lab(BROKEN)
    assert choice(root, "Activation").is_disabled()
    assert choice(root, "Activation").input_value() == "yours"
    assert root.get_by_role("button", name="+ layer").is_disabled()
    click(page, "Check the gradient")
    until_text(page, ".verdict", "The gradient is wrong.")
    assert "2 of 4 gradients agree" in root.locator(".verdict pre").inner_text()


def test_a_layer_that_raises_is_said_and_survived(lab: Opening) -> None:
    page, _ = lab(FAILING)
    click(page, "Play")
    until_text(page, ".trouble", "RuntimeError: not written yet")
    click(page, "Reset")
    page.wait_for_timeout(500)


def test_a_kernel_that_is_gone(browser: Browser, server: LabServer) -> None:
    with open_lesson(browser, server, put(server, "gone", PLAY)) as (page, seen):
        assert run_all(page) == []
        shown(page)
        page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        page.wait_for_timeout(1000)
        click(page, "Play")
        until_text(page, ".trouble", "kernel")
        assert [error for error in seen.errors if "page error" in error] == []


def test_it_is_drawn_while_the_kernel_is_busy(browser: Browser, server: LabServer) -> None:
    """Run all: the cell below takes its time, and the playground stands there nevertheless."""
    with open_lesson(browser, server, put(server, "busy", PLAY, "import time\ntime.sleep(9)")) as (
        page,
        seen,
    ):
        page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        shown(page)
        assert page.locator(".jp-InputPrompt", has_text="*").count() == 1, "the second cell is still running"
        until_text(page, ".sentence", "No step made yet")
        click(page, "Step")
        until_text(page, ".trouble", "Waiting for the kernel")
        until_text(page, ".sentence", "Step 1,")
        assert page.locator(".bp-playground .trouble").inner_text() == ""
        assert fine(seen)


ONE_OF = "const all = [...root.querySelectorAll('%s')]; const e = all[Math.floor(part * all.length)];"
PRESSED = {
    name: f"(root, part) => {{ {ONE_OF % which} e.focus(); {act} }}"
    for name, which, act in (
        ("button", "button:not(:disabled)", "e.click();"),
        ("fold", "summary", "e.click();"),
        (
            "select",
            "select:not(:disabled)",
            "e.selectedIndex = Math.floor((part * 7919 % 1) * e.options.length);"
            " e.dispatchEvent(new Event('change', {bubbles: true}));",
        ),
    )
}
FOCUSED = f"(root, part) => {{ {ONE_OF % 'button:not(:disabled), select, .plane, summary'} e.focus(); }}"


@pytest.mark.all_pages
def test_two_hundred_random_clicks_and_keys(lab: Opening) -> None:
    """Whatever is pressed, nothing breaks, and afterwards it trains as if nothing had been."""
    draw = random.Random(20260)
    keys = ["Enter", " ", "ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "Home", "End", "Tab",
            "Shift+Tab", "Delete", "0", "1", "d", "x", "b", "Escape", "PageDown"]  # fmt: skip
    page, root = lab(PLAY)
    done = []
    for _ in range(200):
        what = draw.choice(["button", "button", "select", "select", "plane", "network", "key", "key", "fold"])
        done.append(what)
        # Chosen and pressed in one go: between two, an answer may have taken a button away.
        if what in PRESSED:
            root.evaluate(PRESSED[what], draw.random())
        elif what == "key":
            root.evaluate(FOCUSED, draw.random())
            page.keyboard.press(draw.choice(keys))
        else:
            at = {"x": draw.randrange(5, 200), "y": draw.randrange(5, 200)}
            root.locator(f"canvas.{what}").click(position=at, timeout=5000)
    if root.get_by_role("button", name="Pause", exact=True).count():
        click(page, "Pause")
    page.wait_for_timeout(1000)
    choice(root, "Points").select_option("moons")
    choice(root, "Learning rate").select_option("0.1")
    choice(root, "steps per picture").select_option("5")
    click(page, "Reset")
    until_text(page, ".sentence", "No step made yet")
    click(page, "Play")
    until_step(page, 30)
    click(page, "Pause")
    assert page.locator(".jp-Cell").count() == 1, "no key reached the notebook"
    assert page.locator(".jp-Dialog").count() == 0


# ------------------------------------------------------------------------------ drawn in a bare page

BARE = """<!doctype html><meta charset=utf-8><style>{style}</style><body><div id=here></div>
<script type=module>
{module}
const answers = {answers};
let hear = null;
window.sent = [];
window.ticks = ticks;
const bytes = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
const model = {{
  on: (_, f) => (hear = f), off: () => (hear = null), get: (name) => ({traits})[name],
  send: (message) => {{
    window.sent.push(message);
    if (message.ask === "scene") for (const [content, buffers] of answers) hear(content, buffers.map(bytes));
  }},
}};
mount(document.getElementById("here"), model);
window.frame = [answers[0][0], answers[0][1].map(bytes)];
window.tell = (content, buffers) => hear(content, buffers);
</script>"""


def bare_page(play: Playground) -> str:
    """The playground as a page of its own, which answers with what Python sent last."""
    sent: list[Any] = []
    play.send = lambda content, buffers=(): sent.append(
        [content, [base64.b64encode(buffer).decode() for buffer in buffers]]
    )
    play._answer({"ask": "scene"})
    play._answer({"ask": "check"})
    traits = {"first": [], "controls": play.controls}
    return BARE.format(style=_STYLE, module=_MODULE, answers=json.dumps(sent), traits=json.dumps(traits))


TEXTS = "p, span, legend, figcaption, td, th, pre, button:not(:disabled), select:not(:disabled)"


@pytest.fixture
def bare(browser: Browser, tmp_path: Path) -> Iterator[Callable[[Playground], Page]]:
    """Opens a playground on a page of its own; in the end, nothing may have gone wrong."""
    context, seen = browser.new_context(offline=True, color_scheme="light"), Seen()

    def opened(play: Playground) -> Page:
        path = tmp_path / "page.html"
        path.write_text(bare_page(play), encoding="utf-8")
        page = context.new_page()
        seen.watch(context, page)
        page.goto(path.as_uri())
        shown(page)
        return page

    yield opened
    context.close()
    assert fine(seen)


@pytest.mark.parametrize("hidden", [(8, 8), (25, 50, 50, 25), ()], ids=str)
def test_it_fits_and_can_be_read(hidden: tuple[int, ...], bare: Any) -> None:
    play = playground(hidden=hidden)
    play.run(200)
    page = bare(play)
    for summary in page.locator("summary").all():
        summary.click()
    for width, theme in product((320, 600, 1180), ("light", "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)
        page.wait_for_timeout(200)
        assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
        assert lowest_contrast(page, ".bp-playground", TEXTS) > 4.5
    assert page.locator(".sentence").inner_text() == repr(play)
    assert page.locator("tbody tr").count() == len(hidden) + 1


# What stands at a point of a canvas, in CSS pixels from its upper left corner.
_PIXEL = """([name, x, y]) => {
    const canvas = document.querySelector(`canvas.${name}`);
    const ratio = canvas.width / canvas.clientWidth;
    return [...canvas.getContext('2d').getImageData(x * ratio, y * ratio, 1, 1).data];
}"""


@pytest.fixture
def drawn(bare: Any) -> tuple[Page, Playground]:
    """A 2-2-1 network whose thickest lines are known, on points that leave most of the plane free."""
    rng = np.random.default_rng(0)
    net = nn.Sequential(nn.Linear(2, 2, rng=rng), nn.Tanh(), nn.Linear(2, 1, rng=rng))
    net.load_state_dict({"W1": [[0.0, 2.0], [0.0, 0.0]], "b1": [0.0, 0.0], "W2": [[1.9, 0.0]], "b2": [0.0]})
    play = playground(net, data=([[-1.0, -1.0], [1.0, 1.0]], [1, 0]), lr=0.0, batch_size=2)
    play.run(1)
    return bare(play), play


def line_colours(page: Page) -> dict[tuple[int, int], list[int]]:
    """Colour of each line of the first layer, a quarter of the way from (sender) to (receiver)."""
    width, height = page.locator("canvas.network").evaluate("c => [c.clientWidth, c.clientHeight]")
    size = min(40, width / 3 - 26)
    x1, x2 = width / 6 + size / 2, width / 2 - size / 2
    ys = [height / 2 - (size + 22) / 2, height / 2 + (size + 22) / 2]
    x = x1 + (x2 - x1) * (3 * 0.75**2 * 0.25 * 0.5 + 3 * 0.75 * 0.25**2 * 0.5 + 0.25**3)
    part = 3 * 0.75 * 0.25**2 + 0.25**3
    return {
        (k, j): page.evaluate(_PIXEL, ["network", x, ys[k] + part * (ys[j] - ys[k])])
        for k in range(2)
        for j in range(2)
    }


def test_the_thick_line_is_the_large_weight(drawn: tuple[Page, Playground]) -> None:
    page, play = drawn
    colours = line_colours(page)
    assert colours[1, 0][:3] == [0, 114, 178], "from input 2 to neuron 1, in the colour of the forward pass"
    assert all(pixel[3] < 120 for edge, pixel in colours.items() if edge != (1, 0)), "the others are faint"
    choice(page.locator(".bp-playground"), "lines show the").select_option(label="gradient")
    page.wait_for_timeout(300)
    colours = line_colours(page)
    grad = np.abs(play.net[0].W.grad)
    assert grad[0, 0] == grad[0, 1] > 0 and not grad[1].any()
    (red, green, blue, alpha), faint = colours[0, 0], max(colours[0, 1][3], colours[1, 1][3])
    assert red > 2 * green > 2 * blue, "vermilion, the colour of the backward pass"
    assert alpha > 2 * faint and colours[1, 0][3] > 2 * faint, "both lines into neuron 1, no other"


def test_the_plane_has_the_colour_of_the_answer(drawn: tuple[Page, Playground]) -> None:
    """p is near 1 above and near 0 below; neuron 2 answers 0 everywhere."""
    page, play = drawn
    size = page.locator("canvas.plane").evaluate("c => c.clientWidth")
    x, y, half = play.plane

    def at(x1: float, x2: float) -> list[int]:
        place = [((x1 - x) / half + 1) * size / 2, (1 - (x2 - y) / half) * size / 2]
        return page.evaluate(_PIXEL, ["plane", *place])[:3]

    def orange(pixel: list[int]) -> bool:
        return pixel[0] > pixel[1] > pixel[2]

    def blue(pixel: list[int]) -> bool:
        return pixel[0] < pixel[1] < pixel[2]

    def becomes(colour: list[int]) -> bool:
        for _ in range(50):  # up to five seconds, on a machine that is busy
            page.wait_for_timeout(100)
            if at(0.0, 0.8) == colour:
                return True
        return False

    assert orange(at(0.0, 0.8)) and blue(at(0.0, -0.8))
    assert orange(at(-1.0, -1.0)) and blue(at(1.0, 1.0)), "points have the colour of their own class"
    choice(page.locator(".bp-playground"), "map of").select_option(label="layer 1, neuron 2")
    assert becomes([255, 255, 255])
    page.emulate_media(color_scheme="dark")
    assert becomes([22, 22, 22]), "the paper of the other theme"


def test_a_click_and_a_key_place_a_point_where_they_are(drawn: tuple[Page, Playground]) -> None:
    page, _ = drawn
    size = page.locator("canvas.plane").evaluate("c => c.clientWidth")
    page.locator("canvas.plane").click(position={"x": 0.75 * size, "y": 0.1 * size})
    for key in ("ArrowUp", "Shift+ArrowRight", "1"):
        page.keyboard.press(key)
    placed = [(*m["at"], m["label"]) for m in page.evaluate("sent") if m["ask"] == "place"]
    assert placed[0] == (pytest.approx(0.75, abs=0.01), pytest.approx(0.1, abs=0.01), 0)
    assert placed[1] == (pytest.approx(placed[0][0] + 0.1), pytest.approx(placed[0][1] - 0.02), 1)


def test_the_marks_of_an_axis_hold_the_values(drawn: tuple[Page, Playground]) -> None:
    page, _ = drawn
    for low, high in ((0.01, 0.7), (1e6, 2e6), (0.5, 1e9), (1e-9, 1e4), (1e-30, 1.0), (1e300, 1e300)):
        marks = page.evaluate("values => ticks(values)", [low, high])
        assert 2 <= len(marks) <= 5 and marks == sorted(set(marks)), (low, high, marks)
        assert marks[0] <= low and (marks[-1] >= high or high > 1e30), (low, high, marks)


@pytest.mark.all_pages
def test_it_plays_on_for_a_very_long_time(bare: Any) -> None:
    """Eight layers, six thousand pictures: the curves are thinned, the page goes on."""
    deep = playground(hidden=(8,) * 8)
    deep.run(1)
    page = bare(deep)
    page.evaluate("""async () => {
        const [content, buffers] = window.frame;
        for (let k = 0; k < 6000; k++) {
            window.tell({ frame: { ...content.frame, step: k + 2 } }, buffers);
            if (k % 50 === 0) await new Promise(requestAnimationFrame);
        }
    }""")
    page.wait_for_timeout(300)
    assert step_of(page) == 6001
