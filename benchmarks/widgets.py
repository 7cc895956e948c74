"""How long from a key press to the painted frame: the scrubber in JupyterLab in Chromium.

    python benchmarks/widgets.py

Sixty presses of the arrow key per network, one after another, each timed in the page: from the slider's input
event until the first animation frame after the one that paints it has begun. So up to two intervals of the
screen (16.7 ms each) are waiting for the screen, not work; the work alone stands in the second column.
The target is a median of at most 16 ms.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import nbformat
from browser_tools import chromium, lab_server, open_lesson, run_all

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


def measure(path: str, source: str) -> list[list[float]]:
    cells = [nbformat.v4.new_code_cell(START + source)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    with tempfile.TemporaryDirectory() as folder:
        notebook = Path(folder) / "latency.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), notebook)
        with (
            lab_server([notebook]) as server,
            chromium(path) as browser,
            open_lesson(browser, server, notebook.name) as (page, seen),
        ):
            faults = run_all(page)
            slider = page.locator(".bp-scrubber input")
            slider.focus()
            page.evaluate(WATCH)
            for press in range(PRESSES):
                forth = press % 40 < 20
                slider.press("ArrowRight" if forth else "ArrowLeft")
                page.wait_for_function(f"() => window.times.length > {press}")
            if faults or seen.errors or seen.outside:
                raise RuntimeError(f"{faults} {seen.errors} {seen.outside}")
            return page.evaluate("() => window.times")


def main() -> None:
    from conftest import find_chromium

    path = find_chromium()
    if path is None:
        sys.exit("no Chromium found: set CHROMIUM to its path")
    print(f"{os.cpu_count()} cores; {PRESSES} steps each; ms\n")
    print(f"{'network':<24}{'to the painted frame':>36}{'work alone':>14}")
    print(f"{'':<24}{'median':>12}{'90 %':>12}{'longest':>12}{'median':>14}")
    for name, source in NETWORKS.items():
        painted, work = (sorted(column) for column in zip(*measure(path, source), strict=True))
        print(
            f"{name:<24}{statistics.median(painted):>12.1f}{painted[int(0.9 * PRESSES)]:>12.1f}"
            f"{painted[-1]:>12.1f}{statistics.median(work):>14.1f}"
        )


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
