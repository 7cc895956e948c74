"""What is asked of the built JupyterLite, in Chromium: ``run.py lite --check``, not a part of ``make test``.

NumPy is on the site if Pyodide's CDN was there when it was built; without it, what needs NumPy is skipped.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_tools import _READY as READY
from browser_tools import Seen, run_all, scrub
from playwright.sync_api import Browser, Page

import bphelpers as bp
from tools.course.lesson import lesson_paths
from tools.lite.__main__ import ADDED, VERSION

SITE = Path(os.environ.get("LITE_SITE", "build/lite/site"))
START_MS = 120_000  # Pyodide, and a slow machine

OPEN = """async cells => {
    const app = window.jupyterapp;
    const metadata = { kernelspec: { name: 'python', display_name: 'Python', language: 'python' } };
    const made = cells.map(source => ({
        cell_type: 'code', source, metadata: {}, outputs: [], execution_count: null }));
    const content = { cells: made, metadata, nbformat: 4, nbformat_minor: 4 };
    await app.serviceManager.contents.save('check.ipynb', { type: 'notebook', format: 'json', content });
    await app.commands.execute('docmanager:open', { path: 'check.ipynb' });
}"""


IMPORT = """import importlib.metadata
try:
    import bphelpers
    print("imported")
except ModuleNotFoundError as missing:
    print("no", missing.name)
print(importlib.metadata.version("bphelpers"))"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A plain file server, as a static host is one."""

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the site is served: in a folder, as it is beside the book."""
    handler = functools.partial(Quiet, directory=SITE.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{SITE.name}"
        server.shutdown()


@contextlib.contextmanager
def opened(browser: Browser, address: str, query: str = "") -> Iterator[tuple[Page, Seen]]:
    """The site in a browser that has never seen it; JupyterLab is told to be at hand as `jupyterapp`."""
    context = browser.new_context(service_workers="block")
    page, seen = context.new_page(), Seen()
    seen.watch(context, page)

    def at_hand(route: Any) -> None:
        settings = json.loads((SITE / "jupyter-lite.json").read_text(encoding="utf-8"))
        settings["jupyter-config-data"]["exposeAppInBrowser"] = True
        route.fulfill(json=settings)

    context.route(f"{address}/jupyter-lite.json*", at_hand)
    page.goto(f"{address}/lab/index.html{query}")
    page.wait_for_function("() => window.jupyterapp?.restored.then(() => true)", timeout=START_MS)
    yield page, seen
    context.close()


def outputs(page: Page) -> list[str]:
    """The text of each cell's outputs."""
    areas = page.locator(".jp-CodeCell .jp-OutputArea")
    return [areas.nth(k).inner_text().strip() for k in range(areas.count())]


def ran(page: Page, *cells: str) -> list[str]:
    """Faults of a notebook of these cells."""
    page.evaluate(OPEN, list(cells))
    page.wait_for_function(READY, timeout=START_MS)
    return run_all(page)


def test_the_lessons_are_listed_and_nothing_is_fetched_elsewhere(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, seen):
        listed = "() => jupyterapp.serviceManager.contents.get('').then(all => all.content.map(x => x.name))"
        names = page.evaluate(listed)
        assert {path.name for path in lesson_paths()} | {"README.md", "deeper"} <= set(names)
        page.get_by_text("00_start_here.ipynb").first.wait_for()
        assert seen.outside == []


def test_a_link_opens_a_lesson(browser: Browser, address: str) -> None:
    with opened(browser, address, "?path=05_backprop_by_hand.ipynb") as (page, seen):
        page.locator(".jp-Notebook h1", has_text="05.").wait_for(timeout=START_MS)
        assert seen.outside == []


def test_imports_are_found_in_the_lock(browser: Browser, address: str) -> None:
    """The course's package and what it adds to Pyodide's, without a line that installs them."""
    cells = [f"import {name}\nprint({name}.__file__)" for name in ADDED]
    with opened(browser, address) as (page, seen):
        assert ran(page, *cells, IMPORT) == []
        said = outputs(page)
        assert all("site-packages" in text for text in said[: len(ADDED)]), said
        # Where NumPy is missing, the package is there all the same, and stops at its first import.
        assert said[-1].split("\n") == ["imported" if has_numpy() else "no numpy", VERSION]
        assert all("/pyodide/" in url and url.endswith(".whl") for url in seen.outside), seen.outside
        assert not (has_numpy() and seen.outside)


def test_a_slider_reaches_python_and_the_scrubber_moves(browser: Browser, address: str) -> None:
    """The scrubber's own script, with frames made here: making them needs NumPy, moving them does not."""
    net, *example = bp.trace.running_example()
    frames = bp.widgets.scrubber(net, bp.trace.HalfSquares(), *example).data
    slider = """import ipywidgets
slider = ipywidgets.IntSlider(3, 0, 9, description="k")
said = ipywidgets.Label("")
slider.observe(lambda change: setattr(said, "value", f"squared {change.new ** 2}"), "value")
ipywidgets.VBox([slider, said])"""
    scrubber = f"""import anywidget, json, pathlib, traitlets
folder = pathlib.Path(anywidget.__file__).parents[1] / "bphelpers" / "teaching" / "widgets"
class Scrubber(anywidget.AnyWidget):
    _esm = (folder / "scrubber.js").read_text()
    _css = (folder / "scrubber.css").read_text()
    data = traitlets.Dict().tag(sync=True)
Scrubber(data=json.loads({json.dumps(frames)!r}))"""
    with opened(browser, address) as (page, _seen):
        assert ran(page, IMPORT, slider, scrubber) == []
        handle = page.locator(".jp-OutputArea [role=slider]").first
        handle.wait_for(timeout=START_MS)
        handle.focus()
        handle.press("ArrowRight")
        page.get_by_text("squared 16").wait_for(timeout=START_MS)
        assert scrub(page.locator(".bp-scrubber")) == []


def has_numpy() -> bool:
    return any(SITE.glob("static/pyodide/numpy-*.whl"))


@pytest.mark.parametrize("name", ["00_start_here.ipynb", "05_backprop_by_hand.ipynb"])
def test_a_lesson_runs(browser: Browser, address: str, name: str) -> None:
    if not has_numpy():
        pytest.skip("built with --no-cdn: NumPy is not on the site")
    with opened(browser, address, f"?path={name}") as (page, seen):
        page.wait_for_function(READY, timeout=START_MS)
        assert run_all(page) == [] and seen.outside == []
