"""How long from a key press to the painted frame, in JupyterLab in Chromium.

    python benchmarks/widgets.py [scrubber|playground|sliders] [--lesson 05] [--presses 20]

`scrubber`: sixty presses of the arrow key per network, one after another, each timed in the page: from the
slider's input event until the first animation frame after the one that paints it has begun. So up to two
intervals of the screen (16.7 ms each) are waiting for the screen, not work; the work alone stands in the
second column. The target is a median of at most 16 ms.

`playground`: pictures painted a second while it trains, of a network 2-8-8-1 on 200 points, each picture of
another state of the network; three times five seconds. The target is at least 20.

`sliders`: every slider of every live figure of the course, against `interact` with an inline figure
that shows the same picture. The two stand in one notebook and are moved in turn, so that whatever else the
machine does hits both. Timed from the key press until the first animation frame after the new picture is
decoded. The target is a ratio of at most 0.5. Without an argument all parts run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import nbformat
from browser_tools import ROOT, chromium, lab_server, open_lesson, run_all
from playwright.sync_api import Browser, Page

PRESSES = 60
START = """import numpy as np
import bphelpers as bp
from bphelpers import nn
rng = np.random.default_rng(0)
"""
NETWORKS = {
    "2-2-2, sigmoid": """net, x, y, lr = bp.trace.running_example()
bp.widgets.scrubber(net, bp.trace.HalfSquares(), x, y, lr)""",
    "4-8-3, ReLU, softmax": """
net = nn.Sequential(nn.Linear(4, 8, rng=rng), nn.ReLU(), nn.Linear(8, 3, rng=rng))
bp.widgets.scrubber(net, nn.CrossEntropyLoss(), rng.normal(size=4), 2, lr=0.1)""",
    "five layers of 8, tanh": """
parts = [part for _ in range(5) for part in (nn.Linear(8, 8, rng=rng), nn.Tanh())]
bp.widgets.scrubber(nn.Sequential(*parts), nn.MSELoss(), rng.normal(size=8), np.ones(8), lr=0.1)""",
}

# Timed in the page, where the driver's own delays do not count. `work` ends when style and layout are done.
WATCH = """() => {
    const slider = document.querySelector('.bp-scrubber input');
    window.times = [];
    let began = 0;
    slider.addEventListener('input', () => { began = performance.now(); }, true);
    slider.addEventListener('input', () => {
        const start = began;
        slider.closest('.bp-scrubber').getBoundingClientRect();
        const work = performance.now() - start;
        requestAnimationFrame(() => {
            const channel = new MessageChannel();  // its message arrives after this frame has been painted
            channel.port1.onmessage = () => window.times.push([performance.now() - start, work]);
            channel.port2.postMessage(0);
        });
    });
}"""


@contextlib.contextmanager
def executed(browser: Browser, notebook: nbformat.NotebookNode) -> Iterator[Page]:
    """The notebook's page in JupyterLab, all cells run. Faults, then or while it is used, are raised."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "benchmark.ipynb"
        nbformat.write(notebook, path)
        with lab_server([path]) as server, open_lesson(browser, server, path.name) as (page, seen):
            faults = run_all(page)
            yield page
            if faults or seen.errors or seen.outside:
                raise RuntimeError(f"{faults} {seen.errors} {seen.outside}")


def one_cell(source: str) -> nbformat.NotebookNode:
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(START + source)], metadata=kernel)


def measure(browser: Browser, source: str) -> list[list[float]]:
    with executed(browser, one_cell(source)) as page:
        slider = page.locator(".bp-scrubber input")
        slider.focus()
        page.evaluate(WATCH)
        for press in range(PRESSES):
            forth = press % 40 < 20
            slider.press("ArrowRight" if forth else "ArrowLeft")
            page.wait_for_function(f"() => window.times.length > {press}")
        return page.evaluate("() => window.times")


def scrubber(browser: Browser, _: argparse.Namespace) -> None:
    print(f"The scrubber: {PRESSES} steps each; ms\n")
    print(f"{'network':<24}{'to the painted frame':>36}{'work alone':>14}")
    print(f"{'':<24}{'median':>12}{'90 %':>12}{'longest':>12}{'median':>14}")
    for name, source in NETWORKS.items():
        painted, work = (sorted(column) for column in zip(*measure(browser, source), strict=True))
        print(
            f"{name:<24}{statistics.median(painted):>12.1f}{painted[int(0.9 * PRESSES)]:>12.1f}"
            f"{painted[-1]:>12.1f}{statistics.median(work):>14.1f}"
        )


# ------------------------------------------------------------------------------ the playground

PLAYGROUND = "play = bp.widgets.playground(hidden=(8, 8), n=200)\nplay"
ROUNDS, SECONDS = 3, 5
STATE = """() => {
    const root = document.querySelector('.bp-playground');
    return [Number(root.dataset.painted), Number(root.querySelector('.count').innerText.match(/\\d+/)[0])];
}"""


def playground(browser: Browser, _: argparse.Namespace) -> None:
    print(f"The playground, 2-8-8-1 on 200 points: pictures a second, {ROUNDS} rounds of {SECONDS} s\n")
    print(f"{'steps per picture':<20}{'rounds':>24}{'median':>10}{'updates a second':>20}")
    with executed(browser, one_cell(PLAYGROUND)) as page:
        root = page.locator(".bp-playground")
        root.scroll_into_view_if_needed()
        for steps in (1, 5, 20):
            root.get_by_role("combobox", name="steps per picture").select_option(str(steps))
            rates, updates = played(page)
            rounds = "".join(f"{rate:>8.1f}" for rate in rates)
            print(f"{steps:<20}{rounds:>24}{statistics.median(rates):>10.1f}{updates:>20.0f}", flush=True)


def played(page: Page) -> tuple[list[float], float]:
    """Pictures a second in each round, and updates a second in all, from Reset on."""
    root = page.locator(".bp-playground")
    root.get_by_role("button", name="Reset").click()
    root.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_timeout(1500)  # to warm up
    rates, updates = [], 0.0
    for _ in range(ROUNDS):
        (painted, steps), began = page.evaluate(STATE), time.perf_counter()
        page.wait_for_timeout(1000 * SECONDS)
        (painted_then, steps_then), taken = page.evaluate(STATE), time.perf_counter() - began
        rates.append((painted_then - painted) / taken)
        updates += (steps_then - steps) / taken / ROUNDS
    root.get_by_role("button", name="Pause", exact=True).click()
    return rates, updates


# ------------------------------------------------------------------------------ the sliders of the lessons

# Run after a lesson's own cells: of each live figure a fresh one, and its twin by `interact`. The twin's
# sliders are copies; its figure is made by pyplot, laid out as the live one is, and shown inline.
PAIRS = """
import json
import ipywidgets
import matplotlib.pyplot as plt
from IPython.display import display

def copied(slider):
    traits = ("value", "min", "max", "step", "base", "options", "description", "readout_format")
    given = {name: getattr(slider, name) for name in traits if slider.has_trait(name)}
    return type(slider)(**given, style={"description_width": "initial"}, layout={"width": "420px"})

def twin(live):
    def show(**values):
        fig = plt.figure(figsize=live._size, layout="constrained")
        update = live._draw(fig, **values)
        if callable(update):
            update(**values)
        plt.show()
    return ipywidgets.interactive(show, **{name: copied(slider) for name, slider in live.sliders.items()})

lives = {id(value): (name, value) for name, value in globals().items()
         if isinstance(value, bp.widgets.LiveFigure) and not name.startswith("_")}
for number, (name, live) in enumerate(lives.values()):
    sliders = {key: copied(slider) for key, slider in live.sliders.items()}
    pair = (bp.widgets.live_figure(live._draw, live._describe, size=live._size, **sliders), twin(live))
    for kind, widget in zip(("live", "interact"), pair):
        widget.add_class(f"{kind}-{number}")
        display(widget)
print("PAIRS", json.dumps([(name, list(live.sliders), [len(bp.widgets.slider.positions(slider)) for slider
                            in live.sliders.values()]) for name, live in lives.values()]))
"""

# From the key press until the frame after the decoded picture, as above.
WATCH_PICTURE = """box => {
    const source = () => box.querySelector('img')?.src ?? '';
    let before = source();
    let start = null;
    const pressed = () => { start ??= performance.now(); };
    window.taken = null;
    document.addEventListener('keydown', pressed, true);
    const watcher = new MutationObserver(async () => {
        if (start === null) before = source() || before;  // a late answer to what was pressed earlier
        if (start === null || !source() || source() === before) return;
        watcher.disconnect();
        document.removeEventListener('keydown', pressed, true);
        // A late answer to the press before may put in its picture, and the page its own again: decode anew.
        const decoded = () => box.querySelector('img')?.decode().then(() => true, () => false);
        while (!await decoded()) await new Promise(requestAnimationFrame);
        requestAnimationFrame(() => {
            const channel = new MessageChannel();
            channel.port1.onmessage = () => { window.taken = performance.now() - start; };
            channel.port2.postMessage(0);
        });
    });
    watcher.observe(box, {subtree: true, childList: true, attributes: true, attributeFilter: ['src']});
}"""
IDLE = """() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'"""
SAID = """() => [...document.querySelectorAll('.jp-OutputArea-output pre')].map(e => e.textContent)
    .find(text => text.startsWith('PAIRS')).slice(5)"""


def press(page: Page, box: str, slider: int, key: str) -> float:
    """One press of a key in a slider; milliseconds."""
    handle = page.locator(f"{box} [role=slider]").nth(slider)
    handle.evaluate("e => { e.scrollIntoView({block: 'start'}); e.focus(); }")
    page.wait_for_timeout(50)
    page.locator(box).evaluate(WATCH_PICTURE)
    handle.press(key)
    page.wait_for_function("() => window.taken !== null", timeout=20_000)
    page.wait_for_timeout(50)
    page.wait_for_function(IDLE)
    return float(page.evaluate("() => window.taken"))


def compare(page: Page, number: int, slider: int, positions: int, presses: int) -> list[list[float]]:
    """Both widgets of a pair in turn, from the low end of the slider up, and down again at its other end."""
    boxes = [f".live-{number}", f".interact-{number}"]
    for box in boxes:
        page.locator(f"{box} [role=slider]").nth(slider).press("Home")
        page.wait_for_timeout(500)
        page.wait_for_function(IDLE)
        for key in ("ArrowRight", "ArrowLeft"):  # to warm up
            press(page, box, slider, key)
    taken: list[list[float]] = [[], []]
    for k in range(presses):
        key = "ArrowRight" if k // (positions - 1) % 2 == 0 else "ArrowLeft"
        for which in (0, 1) if k % 2 else (1, 0):
            taken[which].append(press(page, boxes[which], slider, key))
    return taken


def lesson_pairs(browser: Browser, notebook: Path, presses: int) -> Iterator[tuple[Any, ...]]:
    """(name of the live figure, name of the slider, milliseconds of both) for each slider of a lesson."""
    lesson = nbformat.read(notebook, as_version=4)
    code = [cell for cell in lesson.cells if cell.cell_type == "code"]
    last = max((k for k, cell in enumerate(code) if "live_figure(" in cell.source), default=None)
    if last is None:
        return
    lesson.cells = [*code[: last + 1], nbformat.v4.new_code_cell(PAIRS)]
    with executed(browser, lesson) as page:
        for number, (name, sliders, positions) in enumerate(json.loads(page.evaluate(SAID))):
            for k, slider in enumerate(sliders):
                yield name, slider, compare(page, number, k, positions[k], presses)


def sliders(browser: Browser, asked: argparse.Namespace) -> None:
    print(f"Live figures and interact with an inline figure, {asked.presses} presses each; medians, ms\n")
    print(f"{'lesson':<8}{'figure':<20}{'slider':<14}{'live':>8}{'interact':>10}{'ratio':>8}")
    ratios = []
    for notebook in sorted((ROOT / "notebooks").glob(f"{asked.lesson or '[0-9][0-9]'}_*.ipynb")):
        for name, slider, taken in lesson_pairs(browser, notebook, asked.presses):
            live, twin = (statistics.median(column) for column in taken)
            ratios.append(live / twin)
            print(
                f"{notebook.name[:2]:<8}{name:<20}{slider:<14}{live:>8.0f}{twin:>10.0f}{live / twin:>8.2f}",
                flush=True,
            )
    print(
        f"\n{len(ratios)} sliders; ratio: median {statistics.median(ratios):.2f}, largest {max(ratios):.2f}"
    )


PARTS = {"scrubber": scrubber, "playground": playground, "sliders": sliders}


def main() -> None:
    from conftest import find_chromium

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="?", choices=PARTS)
    parser.add_argument("--lesson", help="only this lesson's sliders: its two digits")
    parser.add_argument("--presses", type=int, default=20, help="per slider of a lesson")
    asked = parser.parse_args()
    path = find_chromium()
    if path is None:
        sys.exit("no Chromium found: set CHROMIUM to its path")
    with chromium(path) as browser:
        for name in [asked.part] if asked.part else PARTS:
            print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
            PARTS[name](browser, asked)
            print()


if __name__ == "__main__":
    main()
