"""The built site in Chromium, opened from the disk: ``run.py test-site`` (``--site FOLDER`` for another one).

No server: what works without one works with one, and whatever leaves the folder is seen.
"""

from __future__ import annotations

import re
import statistics
import threading
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytestmark = [pytest.mark.site, pytest.mark.browser]
ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "build" / "site" / "html"

#: What axe finds in the theme, and where: by the rule, what the node's markup must hold. All else is ours.
THEME: dict[str, tuple[str, ...]] = {"region": ('class="title logo__title"',)}

LOADED = "image => image.decode().then(() => image.naturalWidth > 0)"
#: From the press of a key to the picture that it asks for, in milliseconds.
TIMER = """box => {
  const image = box.querySelector('img');
  let pressed = null;
  box.addEventListener('keydown', () => { pressed = performance.now(); }, true);
  new MutationObserver(async () => {
    const begun = pressed;
    await image.decode().catch(() => {});
    requestAnimationFrame(() => { (window.bpTimes ??= []).push(performance.now() - begun); });
  }).observe(image, { attributes: true, attributeFilter: ['src'] });
}"""
times: list[float] = []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", names(metafunc.config))


def folder(config: pytest.Config) -> Path:
    return Path(config.getoption("site") or BUILT).resolve()


def names(config: pytest.Config) -> list[str]:
    """The pages for readers: the index, the help, lessons and deeper pages."""
    built = folder(config)
    found = [*built.glob("*.html"), *built.glob("notebooks/**/*.html")]
    return sorted(path.relative_to(built).as_posix() for path in found)


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Path:
    return folder(request.config)


@pytest.fixture
def visit(browser, site):
    """Opens a page; at the end nothing may have left the folder, and no script may have failed."""
    strayed: list[str] = []
    trouble: list[str] = []
    contexts = []

    def open_page(name: str, width: int = 1280, colours: str = "light", address: str | None = None):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=colours)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: strayed.append(request.url))
        # (axe reads style sheets a second time, which a browser refuses from the disk.)
        failed = lambda request: request.resource_type in ("xhr", "fetch") or trouble.append(request.url)  # noqa: E731
        page.on("requestfailed", failed)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.goto(f"{address or site.as_uri()}/{name}")
        return page

    yield open_page
    found = list(trouble)  # before what is still on its way is cut off
    for context in contexts:
        context.close()
    assert not found
    at_home = (site.as_uri(), "data:", "blob:", "http://127.0.0.1:")
    assert not [url for url in strayed if not url.startswith(at_home)]


def state(box) -> list[str | None]:
    """What is seen, what is read out, and what stands for the picture."""
    image = box.locator("img")
    return [
        image.get_attribute("src"),
        box.locator("[role=status]").text_content(),
        image.get_attribute("alt"),
    ]


def test_page_moves_and_reads(name: str, visit) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = visit(name)
    for box in page.locator(".bp-live").all():
        box.evaluate(TIMER)
        for control in box.locator("input, select").all():
            moved(box, control)
        box.locator("button").click()
    times.extend(page.evaluate("window.bpTimes ?? []"))
    for box in page.locator(".bp-scrubber").all():
        scrubbed(box)
    for box in page.locator(".bp-recorded").all():
        replayed(box)
    pictures = page.locator("article img")
    without = [image.get_attribute("src") for image in pictures.all() if not image.get_attribute("alt")]
    assert not without
    assert all(image.evaluate(LOADED) for image in pictures.all())
    found = Axe().run(page).response["violations"]
    ours = [
        f"{rule['id']}: {node['html'][:200]}"
        for rule in found
        for node in rule["nodes"]
        if not any(part in node["html"] for part in THEME.get(rule["id"], ()))
    ]
    assert not ours, "\n".join(ours)


def moved(box, control) -> None:
    """One press of a key, then both ends: each time another picture; the sentence changes with them."""
    control.focus()
    seen = [state(box)]
    at_end = control.evaluate("it => it.value === (it.max || String(it.options?.length - 1))")
    for key in ("ArrowLeft" if at_end else "ArrowRight", "Home", "End"):
        before = control.input_value()
        control.press(key)
        if control.input_value() == before:
            continue
        seen.append(state(box))
        assert seen[-1][0] != seen[-2][0], "another position shows the same picture"
        assert seen[-1][1] == seen[-1][2], "the sentence is not the picture's alternative text"
        assert box.locator("img").evaluate(LOADED)
        said = control.get_attribute("aria-valuetext")
        assert said is None or said == control.evaluate("it => it.nextElementSibling.textContent")
    assert len({words for _, words, _ in seen}) > 1, "the sentence never changes"


def scrubbed(box) -> None:
    look = "box => [...box.querySelectorAll('svg, .formula, .sentence')].map(part => part.outerHTML)"
    slider = box.locator("input")
    before, said = box.evaluate(look), slider.get_attribute("aria-valuetext")
    slider.press("ArrowRight")
    assert all(one != other for one, other in zip(before, box.evaluate(look), strict=True))
    assert slider.get_attribute("aria-valuetext") != said


def replayed(box) -> None:
    box.scroll_into_view_if_needed()
    box.locator(".bp-playground[data-painted]").wait_for()
    page = box.page
    looks = "box => [...box.querySelectorAll('.network, .plane')].map(canvas => canvas.toDataURL())"

    def painted() -> list[str]:
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return [*box.evaluate(looks), box.locator(".sentence").text_content()]

    slider = box.get_by_label("Moment of the recorded run")
    seen = [painted()]
    for key in ("ArrowRight", "End"):
        slider.press(key)
        seen.append(painted())
        assert seen[-1] != seen[-2]
    assert seen[0][2] != seen[-1][2]
    assert slider.get_attribute("aria-valuetext") in box.locator(".count").text_content()
    box.locator("[name=kind]").select_option("gradient")
    assert painted()[0] != seen[-1][0], "the lines of the gradient are those of the weights"
    box.locator("[name=check]").click()
    box.locator(".verdict", has_text="The gradient is").wait_for()
    box.locator("[name=reset]").click()
    assert slider.input_value() == "0"
    box.locator("[name=play]").click()
    page.wait_for_function("input => Number(input.value) > 1", arg=slider.element_handle())
    box.locator("[name=play]").click()


def test_phone(name: str, visit) -> None:
    page = visit(name, width=390, colours="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, re.findall(r"\d+", background)[:3])) < 80, "not dark"


class Links(HTMLParser):
    """Ids and addresses of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids |= {given[key] for key in ("id", "name") if given.get(key)}
        self.links += [given[key] for key in ("href", "src") if given.get(key)]


def test_every_link_leads_somewhere(site: Path, request: pytest.FixtureRequest) -> None:
    pages = {site / name: Links(site / name) for name in names(request.config)}
    dead, checked = [], 0
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            apart = (
                target.is_relative_to(site / "lite") and not (site / "lite").exists()
            )  # built by run.py lite
            if parts.scheme or parts.netloc or apart:
                continue
            checked += 1
            heading = unquote(parts.fragment)
            if not target.exists() or (heading and target in pages and heading not in pages[target].ids):
                dead.append(f"{path.relative_to(site)}: {link}")
    assert not dead
    print(f"\n{checked} links on {len(pages)} pages")


def test_search_finds_a_lesson(visit) -> None:
    page = visit("search.html?q=transpose")
    page.locator("#search-results li a").first.wait_for(timeout=20_000)
    assert any("06" in text for text in page.locator("#search-results li a").all_text_contents())


def test_switch_reaches_the_scrubber(visit) -> None:
    page = visit("index.html")
    paper = "getComputedStyle(document.querySelector('.bp-scrubber')).backgroundColor"
    light = page.evaluate(paper)
    page.locator("button.theme-switch-button").first.click()
    page.locator("button[data-mode=dark]").first.click()
    page.wait_for_timeout(200)
    assert page.evaluate(paper) != light


@pytest.fixture
def served(site: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_served_as_well(visit, served: str) -> None:
    page = visit("notebooks/12_playground.html", address=served)
    replayed(page.locator(".bp-recorded").first)
    moved(box := page.locator(".bp-live").first, box.locator("input").first)
    assert page.locator(".bp-bar a").first.get_attribute("href").startswith("../lite/")


def test_pictures_come_at_once() -> None:
    """Last: over all pages above."""
    if not times:
        pytest.skip("no live figure was moved")
    print(f"\n{len(times)} pictures, median {statistics.median(times):.0f} ms from key to picture")
    assert statistics.median(times) < 100
