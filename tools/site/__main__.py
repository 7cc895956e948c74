"""Build the course's pages: ``run.py site`` (``run.py site 03 05``: only these lessons).

A lesson in which something moves is executed once. What it prints must be what is stored; then what moves
takes the place of the sentences that stand for it (`moving`). Sphinx makes the pages.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from sphinx.cmd.build import build_main
from tqdm import tqdm

from tools import published
from tools.notebooks import CELL_TIMEOUT, complaints, dumps, normalise
from tools.site.pages import page, write_others, write_widgets

ROOT = Path(__file__).resolve().parents[2]
LESSONS, BUILD = ROOT / "notebooks", ROOT / "build" / "site"
CACHE, SOURCE, HTML = BUILD / "cache", BUILD / "source", BUILD / "html"
MOVING = ("live_figure(", "widgets.playground(")
PICTURES = "_moving"  # the folder beside the pages that holds what `moving` draws


class Failed(Exception):
    """A page that cannot be built; the text says why."""


# ------------------------------------------------------------------------------------------ what moves


def moving(path: Path) -> bool:
    """Whether a lesson has something that moves by what a kernel does."""
    nb = nbformat.read(path, as_version=4)
    return any(word in cell.source for cell in nb.cells if cell.cell_type == "code" for word in MOVING)


def fingerprint() -> str:
    """Changes with all that a picture depends on beside its lesson."""
    digest = hashlib.sha256(sys.version.encode())
    for name in ("numpy", "matplotlib", "pillow", "ipywidgets"):
        digest.update(importlib.metadata.version(name).encode())
    package = (path for path in (ROOT / "bphelpers").rglob("*") if path.is_file() and path.suffix != ".pyc")
    for path in sorted([*package, Path(__file__).with_name("moving.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def drawn(path: Path, stamp: str) -> Path:
    """The folder of a lesson that was executed with everything that moves drawn; kept for the next build."""
    name = path.relative_to(LESSONS).with_suffix("").as_posix().replace("/", "-")
    room = CACHE / f"{name}-{hashlib.sha256(path.read_bytes() + stamp.encode()).hexdigest()[:16]}"
    if room.exists():
        return room
    part = room.with_suffix(".part")  # so that what an interrupt leaves is not taken for the whole
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    up = "../" * len(path.relative_to(ROOT).parent.parts)
    nb = nbformat.read(path, as_version=4)
    begin = (
        f"from tools.site import moving; moving.install({str(part)!r}, {up + PICTURES + '/' + room.name!r})"
    )
    client = NotebookClient(
        nb,
        timeout=10 * CELL_TIMEOUT,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR", f"--IPKernelApp.exec_lines={begin}"],
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        store_widget_state=False,
    )
    client.execute(env={**os.environ, "TQDM_DISABLE": "1", "PYTHONPATH": str(ROOT)})
    if found := complaints(nb):
        raise Failed(f"{path.name}: {found[0]}")
    (part / path.name).write_text(dumps(normalise(nb)), encoding="utf-8")
    for old in CACHE.glob(f"{name}-{'?' * 16}"):
        shutil.rmtree(old)
    part.rename(room)
    return room


def with_moving(stored: NotebookNode, run: NotebookNode, name: str) -> NotebookNode:
    """The stored lesson with the page pieces of the executed one; refuses any other difference."""
    for position, (cell, new) in enumerate(zip(stored.cells, run.cells, strict=True)):
        outputs, others = cell.get("outputs", []), new.get("outputs", [])
        ignored = "nbval-ignore-output" in cell.metadata.get("tags", [])
        if not ignored and list(map(said, outputs)) != list(map(said, others)):
            raise Failed(
                f"{name}, cell {position}: prints something else than is stored; run.py check says more"
            )
        for output, other in zip(outputs, others, strict=False):
            piece = other.get("data", {}).get("text/html", "")
            if piece.startswith('<div class="bp-'):
                output.data["text/html"] = piece
    return stored


def said(output: NotebookNode) -> Any:
    """What an output says in words; of a page piece, which is new, nothing."""
    data = output.get("data", {})
    piece = "" if data.get("text/html", "").startswith('<div class="bp-') else data.get("text/html", "")
    alt = output.get("metadata", {}).get("image/png", {}).get("alt")
    return output.get("name"), output.get("text"), data.get("text/plain"), piece, alt


# ------------------------------------------------------------------------------------------ the build


def build(numbers: list[str]) -> None:
    """Draw, write the pages' sources, and hand them to Sphinx."""
    start = time.perf_counter()
    if shutil.which("node") is None:
        raise Failed("node was not found: install Node.js (https://nodejs.org), which sets the formulas")
    paths = sorted(path for folder in (LESSONS, LESSONS / "deeper") for path in folder.glob("*.ipynb"))
    chosen = [path for path in paths if not numbers or path.name[:2] in numbers]
    if not chosen:
        raise Failed(f"no lesson {' '.join(numbers)}")
    stamp, live = fingerprint(), [path for path in chosen if moving(path)]
    # Threads: each only waits for a kernel. Those that take longest come first.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        work = pool.map(lambda path: drawn(path, stamp), live)
        rooms = dict(zip(live, tqdm(work, "drawing", len(live), unit="lesson", disable=None), strict=True))
    drawn_at = time.perf_counter()

    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.rmtree(HTML, ignore_errors=True)
    for path in chosen:
        nb = nbformat.read(path, as_version=4)
        if path in rooms:
            nb = with_moving(nb, nbformat.read(rooms[path] / path.name, as_version=4), path.name)
        target = SOURCE / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(dumps(page(nb, path, chosen)), encoding="utf-8")
    write_others(SOURCE, chosen)
    write_widgets()
    strict = ["--fail-on-warning", "--keep-going", "--nitpicky"] if not numbers else []
    # Not in parallel: each of Sphinx's processes would leave KaTeX's own running.
    config = ["--conf-dir", str(Path(__file__).parent), "--quiet", "--fresh-env", "--write-all"]
    if build_main([*config, *strict, "-d", str(BUILD / "doctrees"), str(SOURCE), str(HTML)]):
        raise Failed("Sphinx has found what is written above")
    for room in rooms.values():
        shutil.copytree(room, HTML / PICTURES / room.name, ignore=shutil.ignore_patterns("*.ipynb"))
    if not numbers:
        published.write(HTML / "ipynb")
    end = time.perf_counter()
    size = sum(path.stat().st_size for path in HTML.rglob("*") if path.is_file())
    pictures = sum(1 for _ in (HTML / PICTURES).rglob("*.png"))
    print(
        f"{len(chosen)} pages, {pictures} pictures, {size / 1e6:.0f} MB in {end - start:.0f} s "
        f"({drawn_at - start:.0f} s to draw what moves). Open {HTML / 'index.html'}"
    )


def main() -> int:
    """Build all pages, or those of some lessons to look at."""
    parser = argparse.ArgumentParser(prog="run.py site", description=__doc__)
    parser.add_argument("lessons", nargs="*", help="numbers such as 05; all where none is given")
    try:
        build(parser.parse_args().lessons)
    except Failed as failed:
        print(failed, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what was drawn is kept for the next build", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
