"""The lessons as they are handed out one by one: for Colab, Kaggle, ``uvx juv run`` or a download.

A lesson in notebooks/ expects the course around it. Its published copy brings the package along, in one
folded cell in front, and its links lead somewhere from anywhere. ``run.py site`` writes the copies.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from tqdm import tqdm

from tools import notebooks
from tools.course.lesson import NOTEBOOKS, ROOT
from tools.course.rules import ADVICE

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SITE, SOURCE = PROJECT["urls"]["Homepage"], PROJECT["urls"]["Source"]

ADVICE_THERE = "# ModuleNotFoundError? Run the cell at the top first."


def set_up(code: str) -> str:
    """The cell in front of a lesson with this code.

    Its comment is PEP 723, which `uvx juv run` reads; what it makes has no pip unless it is named.
    A copy goes with the release it was made from: it takes corrections of it (0.1.4 for 0.1.0), and no other.
    """
    extra = "[scale]" if "scale.workers(" in code else ""
    package = f"{PROJECT['name']}{extra}~={PROJECT['version']}"
    return f"""\
# @title Set-up: run this first
# /// script
# requires-python = "{PROJECT["requires-python"]}"
# dependencies = ["{package}", "pip"]
# ///
%pip install -q "{package}\""""


def addresses(path: Path) -> dict[str, str]:
    """Where a lesson or deeper page can be run or had, by the words of its bar."""
    name = path.relative_to(NOTEBOOKS).as_posix()
    repository = SOURCE.removeprefix("https://github.com/")
    return {
        "Run in this browser": f"{SITE}lite/lab/index.html?path={name}",
        "Colab": f"https://colab.research.google.com/github/{repository}/blob/colab/{name}",
        "Download": f"{SITE}ipynb/{name}",
    }


def absolute(target: str, page: Path) -> str:
    """The address of a file that a page links to: its place on the site, or else among the sources."""
    file, hash_, anchor = target.partition("#")
    path = (page.parent / file).resolve()
    if not file or not path.is_relative_to(ROOT) or not path.exists():
        return target  # an address already, a heading of this page, or no link: layers[0](x)
    name = path.relative_to(ROOT)
    if path.is_relative_to(NOTEBOOKS) and path.suffix in (".ipynb", ".md"):
        return f"{SITE}{name.with_suffix('.html').as_posix()}{hash_}{anchor}"
    return f"{SOURCE}/blob/main/{name.as_posix()}{hash_}{anchor}"


def published(path: Path) -> NotebookNode:
    """A copy of a lesson that runs on its own."""
    nb = nbformat.read(path, as_version=4)
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\]\(([^)\s]+)", lambda link: f"]({absolute(link[1], path)}", cell.source)
        cell.source = cell.source.replace(ADVICE, ADVICE_THERE)
    title, _, rest = nb.cells[0].source.partition("\n")
    bar = " | ".join(f"[{words}]({address})" for words, address in addresses(path).items())
    nb.cells[0].source = f"{title}\n\n{bar}\n{rest}"
    folded = {"cellView": "form", "jupyter": {"source_hidden": True}, "tags": ["nbval-ignore-output"]}
    code = "\n".join(cell.source for cell in nb.cells if cell.cell_type == "code")
    nb.cells.insert(0, nbformat.v4.new_code_cell(set_up(code), id="set-up", metadata=folded))
    return nb


def write(folder: Path) -> list[Path]:
    """Write a copy of each lesson and deeper page to a folder; return them."""
    written = []
    pages = sorted(path for part in (".", "deeper") for path in (NOTEBOOKS / part).glob("*.ipynb"))
    for path in tqdm(pages, desc="published copies", unit="page", leave=False, disable=None):
        target = folder / path.relative_to(NOTEBOOKS)
        target.parent.mkdir(parents=True, exist_ok=True)
        notebooks.write(target, notebooks.dumps(published(path)))
        written.append(target)
    return written


if __name__ == "__main__":
    print(f"{len(write(Path(sys.argv[1])))} copies in {sys.argv[1]}")
