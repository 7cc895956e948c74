"""Lessons in JupyterLab in a real browser: run all cells, move every slider by keyboard, look at the page.

The tests use it; so can you:

    python tests/browser_tools.py check notebooks/05_backprop_by_hand.ipynb
    python tests/browser_tools.py screenshot notebooks/05_backprop_by_hand.ipynb /tmp/pictures

`check` prints what is wrong; each slider takes a step and visits its ends. `screenshot` runs the lesson and
writes the page as PNG files, top to bottom.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM_FLAGS = (
    "--no-sandbox",  # the tests also run as root, in containers
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TOKEN = "lessons"
AT_HOME = {"127.0.0.1", "localhost"}
PATIENCE_MS = 20_000  # how long one move of a slider may take before it counts as dead
RUN_MS = 180_000  # how long a lesson may run

#: Console errors that JupyterLab itself logs on any notebook, each by its whole text and the path it names.
KNOWN_NOISE = frozenset(
    {
        # JupyterLab asks whether there are language servers; tools/jupyter switches that extension off.
        "Failed to load resource: the server responded with a status of 404 (Not Found) /lsp/status",
    }
)


# --------------------------------------------------------------------------------------------------
# A server and a browser
# --------------------------------------------------------------------------------------------------


@dataclass
class LabServer:
    """One JupyterLab, with the settings of `make lab`, on a copy of the notebooks, in no one's home."""

    folder: Path
    address: str
    process: subprocess.Popen[bytes]
    idle: list[Page] = field(default_factory=list)  # JupyterLab with nothing open: loading it takes seconds


@contextlib.contextmanager
def lab_server(notebooks: list[Path]) -> Iterator[LabServer]:
    """Serve copies of the given notebooks; what Jupyter writes goes to a folder that is deleted."""
    with tempfile.TemporaryDirectory(prefix="lessons-") as name:
        home = Path(name)
        folder = home / "notebooks"
        folder.mkdir()
        for path in notebooks:
            shutil.copy(path, folder / path.name)
        # All cells stay in the page, also those scrolled out of sight, so that they can be looked at.
        settings = home / "settings" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
        settings.parent.mkdir(parents=True)
        settings.write_text('{"windowingMode": "none"}')
        port = _free_port()
        log = (home / "server.log").open("wb")
        process = subprocess.Popen(
            _server_command(folder, port), env=_server_environment(home), stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_until_up(process, address, home / "server.log")
            yield LabServer(folder, address, process)
        finally:
            _stop(process)
            log.close()


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _server_command(folder: Path, port: int) -> list[str]:
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": folder,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": True,
        "IdentityProvider.token": TOKEN,
        "LabApp.expose_app_in_browser": True,  # lets a test say "run all cells" without hunting through menus
    }
    return [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())]


def _server_environment(home: Path) -> dict[str, str]:
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH")) if p),
        "JUPYTER_CONFIG_PATH": str(ROOT / "tools" / "jupyter"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
        "OPENBLAS_NUM_THREADS": "1",
    }


def _wait_until_up(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=2).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"JupyterLab did not come up:\n{log.read_text(errors='replace')[-3000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and, through it, its kernels; insist after ten seconds."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)


@contextlib.contextmanager
def chromium(path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


# --------------------------------------------------------------------------------------------------
# One lesson in one page
# --------------------------------------------------------------------------------------------------


@dataclass
class Seen:
    """What the browser noticed while a page was watched."""

    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext, page: Page) -> None:
        context.route(lambda url: not _stays_here(url), lambda route: route.abort())
        context.on("request", self._note)
        for event, handler in self._handlers():
            page.on(event, handler)  # type: ignore[call-overload]

    def leave(self, context: BrowserContext, page: Page) -> None:
        context.unroute_all()
        context.remove_listener("request", self._note)
        for event, handler in self._handlers():
            page.remove_listener(event, handler)

    def _handlers(self) -> list[tuple[str, Callable[[Any], None]]]:
        return [("websocket", self._note), ("pageerror", self._page_error), ("console", self._console)]

    def _note(self, asked: Any) -> None:
        if not _stays_here(asked.url):
            self.outside.append(asked.url)

    def _page_error(self, error: Any) -> None:
        self.errors.append(f"page error: {error}")

    def _console(self, message: Any) -> None:
        text = f"{message.text} {urlsplit(message.location.get('url', '')).path}".strip()
        if message.type == "error" and text not in KNOWN_NOISE:
            self.errors.append(f"console error: {text}")


def _stays_here(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("data", "blob", "about", "file") or parts.hostname in AT_HOME


def put(server: LabServer, name: str, *cells: str) -> str:
    """Write a small notebook to the server's folder. A cell that starts with %md is prose."""
    made = [
        nbformat.v4.new_markdown_cell(cell[4:])
        if cell.startswith("%md ")
        else nbformat.v4.new_code_cell(cell)
        for cell in cells
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata=kernel), server.folder / f"{name}.ipynb")
    return f"{name}.ipynb"


@contextlib.contextmanager
def open_lesson(
    browser: Browser, server: LabServer, notebook: str, *, width: int = 1280, height: int = 900
) -> Iterator[tuple[Page, Seen]]:
    """The notebook in JupyterLab, kernel ready, nothing run yet; afterwards it is closed, its kernel ended.

    JupyterLab itself stays for the next one, unless there was an error or something still covers the page.
    """
    page = server.idle.pop() if server.idle else browser.new_context(service_workers="block").new_page()
    page.set_viewport_size({"width": width, "height": height})
    seen, fit = Seen(), False
    seen.watch(page.context, page)
    try:
        if page.url == "about:blank":
            page.goto(f"{server.address}/lab?token={TOKEN}&reset")
            page.wait_for_function("() => window.jupyterapp?.restored.then(() => true)", timeout=60_000)
        page.evaluate(_OPEN, notebook)
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        page.wait_for_function(_READY, timeout=60_000)
        yield page, seen
        fit = not seen.errors
    finally:
        with contextlib.suppress(Exception):  # the page may be broken: that is what the test is about to say
            fit = page.evaluate(_CLOSE) and fit
        if fit:
            seen.leave(page.context, page)
            server.idle.append(page)
        else:
            page.context.close()


_OPEN = "path => window.jupyterapp.commands.execute('docmanager:open', { path }).then(Boolean)"

_CLOSE = """async () => {
    [...window.jupyterapp.shell.widgets('main')].forEach(widget => widget.dispose());
    await window.jupyterapp.serviceManager.sessions.shutdownAll();
    return !document.querySelector('.Toastify__toast, .jp-Dialog');
}"""

_READY = """async () => {
    const panel = window.jupyterapp?.shell.currentWidget;
    if (!panel?.sessionContext) return false;
    await panel.sessionContext.ready;
    return panel.sessionContext.session?.kernel?.status === 'idle';
}"""

_RUN = "() => window.jupyterapp.commands.execute('notebook:run-all-cells').then(Boolean)"

_IDLE = """() => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel;
    const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(e => e.textContent);
    return kernel?.status === 'idle' && !prompts.some(text => text.includes('*'));
}"""

_CELLS = "() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells"

_RUN_SOURCE = """source => {
    const panel = window.jupyterapp.shell.currentWidget;
    const last = panel.content.model.cells.length - 1;
    panel.content.model.cells.get(last).sharedModel.setSource(source);
    panel.content.activeCellIndex = last;
    window.jupyterapp.commands.execute('notebook:run-cell');
}"""


def run_all(page: Page) -> list[str]:
    """Run all cells, wait until the kernel has nothing left to do, and say what went wrong."""
    page.set_default_timeout(RUN_MS)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.evaluate(_RUN)
    page.wait_for_function(_IDLE, timeout=RUN_MS)
    page.wait_for_timeout(500)  # widgets build their views after the kernel is idle
    faults = []
    for number, cell in enumerate(page.evaluate(_CELLS)):
        if cell["cell_type"] != "code" or not "".join(cell["source"]).strip():
            continue
        if cell.get("execution_count") is None:
            faults.append(f"cell {number} was not executed")
        expected = "raises-exception" in cell["metadata"].get("tags", [])
        for output in cell["outputs"]:
            if output["output_type"] == "error" and not expected:
                faults.append(f"cell {number} raises {output['ename']}: {output['evalue']}")
            if output.get("name") == "stderr":
                faults.append(f"cell {number} writes to stderr: {''.join(output['text'])[:200]}")
    return faults


def run_source(page: Page, source: str) -> None:
    """Have the last cell run this instead, and do not wait."""
    page.evaluate(_RUN_SOURCE, source)


_NAMELESS = """() => {
    // '<Figure size 640x480>' is no description.
    const wordless = img => img.alt.length <= 10 || img.alt.startsWith('<');
    const pictures = [...document.querySelectorAll('.jp-OutputArea img')].filter(wordless);
    const sliders = [...document.querySelectorAll('.jp-OutputArea [role=slider]:not([aria-label])')];
    const popups = [...document.querySelectorAll('.Toastify__toast, .jp-Dialog')];
    return [...pictures.map(() => 'a picture without words for those who cannot see it'),
            ...sliders.map(() => 'a slider without a name'),
            ...popups.map(popup => 'something stands on top of the page: ' + popup.textContent)];
}"""


# The lowest contrast of any of the texts with the widget's ground, as WCAG defines it.
_CONTRAST = """([widget, texts]) => {
    const root = document.querySelector(widget);
    const light = css => {
        const [r, g, b] = css.match(/[\\d.]+/g).slice(0, 3).map(Number).map(v => v / 255)
            .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
    };
    const ground = light(getComputedStyle(root).backgroundColor);
    const colours = [...root.querySelectorAll(texts)]
        .map(e => getComputedStyle(e)[e.closest('svg') ? 'fill' : 'color']);
    return Math.min(...colours.map(light).map(l => Math.max(l, ground) / Math.min(l, ground)));
}"""


def lowest_contrast(page: Page, widget: str, texts: str) -> float:
    """From 1, not to be seen, to 21. Both arguments are CSS selectors."""
    return float(page.evaluate(_CONTRAST, [widget, texts]))


def nameless(page: Page) -> list[str]:
    """Pictures without alternative text, sliders without a name, and whatever covers the page unasked."""
    return list(page.evaluate(_NAMELESS))


def move_sliders(page: Page) -> tuple[int, list[str]]:
    """Move every slider by keyboard. Returns how many there are, and what went wrong."""
    faults: list[str] = []
    handles = "[role=slider], input[type=range]"
    lives = page.locator(".bp-live-figure")
    scrubbers = page.locator(".bp-scrubber")
    inside = lives.locator(handles).count() + scrubbers.count()
    total = page.locator(f".jp-OutputArea :is({handles})").count()
    if total != inside:
        faults.append(f"{total - inside} slider(s) outside of a live figure: not moved")
    for k in range(lives.count()):
        live = lives.nth(k)
        for j in range(live.locator(handles).count()):
            label = live.locator(".widget-label").nth(j).inner_text()
            faults += [f"slider {label!r}: {fault}" for fault in _move(live, live.locator(handles).nth(j))]
    for k in range(scrubbers.count()):
        faults += [f"scrubber {k + 1}: {fault}" for fault in scrub(scrubbers.nth(k))]
    return inside, faults


def scrub(scrubber: Locator) -> list[str]:
    """From the first step to the last by keyboard: each must change picture, formula and sentence."""
    slider = scrubber.locator("input[type=range]")
    slider.focus()
    slider.press("Home")
    faults = []
    before = _frame(scrubber)
    for step in range(1, int(slider.get_attribute("max") or 0) + 1):
        slider.press("ArrowRight")
        after = _frame(scrubber)
        if int(after[0]) != step:
            return [*faults, f"ArrowRight leads to step {after[0]} instead of {step}"]
        parts = zip(("", "picture", "formula", "sentence"), before, after, strict=True)
        faults += [f"step {step} leaves the {part} as it was" for part, a, b in parts if part and a == b]
        before = after
    return faults


_FRAME = """scrubber => {
    const text = selector => scrubber.querySelector(selector).textContent;
    return [scrubber.querySelector('input').value, scrubber.querySelector('svg').outerHTML,
            text('.symbols') + text('.numbers'), text('[role=status]')];
}"""


def _frame(scrubber: Locator) -> list[str]:
    return list(scrubber.evaluate(_FRAME))


def _move(live: Locator, handle: Locator) -> list[str]:
    """One slider: a step, both ends, and back by Reset."""
    handle.scroll_into_view_if_needed()
    first = before = _state(handle)
    for key in ("ArrowLeft" if _at(handle, "max") else "ArrowRight", "Home", "End", "PageDown", "PageUp"):
        at_its_end = _at(handle, "min") if key == "Home" else key in ("End", "PageUp") and _at(handle, "max")
        handle.press(key)
        if at_its_end:
            continue
        pairs = list(zip(before, _until(handle, lambda now, old=before: _all_new(old, now)), strict=True))
        parts = ("value", "picture", "sentence")
        faults = [
            f"{key} leaves the {part} as it was" for part, (a, b) in zip(parts, pairs, strict=True) if a == b
        ]
        if live.locator(".bp-failed").count():
            faults.append(f"{key}: {live.locator('[role=status]').inner_text()}")
        if faults:
            return faults
        before = [now for _, now in pairs]
    live.get_by_role("button", name="Reset").press("Enter")
    return (
        [] if _until(handle, lambda now: now == first) == first else ["Reset does not bring back the start"]
    )


def _at(handle: Locator, end: str) -> bool:
    return handle.get_attribute("aria-valuenow") == handle.get_attribute(f"aria-value{end}")


# The number beside the slider, since its own aria-valuenow is rounded; a digest of the picture; the sentence.
_STATE = """async handle => {
    const live = handle.closest('.bp-live-figure');
    let around = handle;
    while (!around.querySelector('.widget-readout')) around = around.parentElement;
    const bytes = await (await fetch(live.querySelector('img').src)).arrayBuffer();
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    return [around.querySelector('.widget-readout').innerText, hash.join(),
            live.querySelector('[role=status]').innerText];
}"""


def _state(handle: Locator) -> list[str]:
    return list(handle.evaluate(_STATE))


def _until(handle: Locator, wanted: Callable[[list[str]], bool]) -> list[str]:
    """The state once it is as wanted, or a figure has failed, or patience has run out."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not wanted(now := _state(handle)) and time.monotonic() < deadline:
        if handle.page.locator(".bp-failed").count():
            break
        handle.page.wait_for_timeout(50)
    return now


def _all_new(before: list[str], now: list[str]) -> bool:
    return all(a != b for a, b in zip(before, now, strict=True))


def faults_of(browser: Browser, server: LabServer, notebook: str) -> tuple[int, list[str]]:
    """How many sliders a lesson has in the browser, and everything that is wrong there."""
    with open_lesson(browser, server, notebook) as (page, seen):
        faults = run_all(page)
        faults += nameless(page)
        moved, more = move_sliders(page)
        page.wait_for_timeout(300)
        return moved, faults + more + seen.errors + [f"asked another machine: {url}" for url in seen.outside]


# --------------------------------------------------------------------------------------------------
# Looking at it
# --------------------------------------------------------------------------------------------------


def screenshots(browser: Browser, server: LabServer, notebook: str, out: Path) -> list[Path]:
    """Run the lesson and write its page in tiles, each as high as the window, with a little overlap."""
    out.mkdir(parents=True, exist_ok=True)
    written = []
    with open_lesson(browser, server, notebook, width=1180, height=1400) as (page, _):
        page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
        for fault in run_all(page):
            print("fault:", fault)
        scroller = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer")
        total, view = scroller.evaluate("e => [e.scrollHeight, e.clientHeight]")
        top = 0
        while True:
            scroller.evaluate("(e, top) => { e.scrollTop = top }", top)
            page.wait_for_timeout(250)
            path = out / f"{Path(notebook).stem}_{len(written):02d}.png"
            scroller.screenshot(path=path)
            written.append(path)
            if top + view >= total:
                return written
            top += view - 60


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["check", "screenshot"])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=Path("pictures"))
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    asked = parser.parse_args()
    if not asked.chromium:
        parser.error("no Chromium found: say where it is with --chromium")
    with lab_server([asked.notebook]) as server, chromium(asked.chromium) as browser:
        if asked.what == "screenshot":
            for path in screenshots(browser, server, asked.notebook.name, asked.out):
                print(path)
            return 0
        moved, faults = faults_of(browser, server, asked.notebook.name)
        print(f"{moved} slider(s) moved, {len(faults)} fault(s)")
        print(*faults, sep="\n")
        return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
