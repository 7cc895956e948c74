"""The sources that Sphinx gets: each lesson with its bar and its place in the contents, and the rest."""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

import nbformat
from docutils.nodes import make_id
from myst_parser.mdit_to_docutils.base import default_slugify
from nbformat import NotebookNode

from tools import published

ROOT = Path(__file__).resolve().parents[2]
LESSONS, TEXT = ROOT / "notebooks", Path(__file__).with_name("text")
SOURCES = LESSONS / "deeper" / "99_sources.md"
WIDGETS = ROOT / "build" / "site" / "widgets"  # what playgrounds bring along, as files that pages load


def up(path: Path) -> str:
    """From a page of the site to its root."""
    return "../" * len(path.relative_to(ROOT).parent.parts)


def bar(path: Path) -> str:
    """Where this lesson can be run: addresses on the site itself are relative, so that a copy of it works."""
    links = []
    for words, address in published.addresses(path).items():
        here = address.startswith(published.SITE)
        target = up(path) + address.removeprefix(published.SITE) if here else address
        # A page opened from a disk has no JupyterLite beside it that could run: course.js knows where one is.
        more = {"Run in this browser": f' data-published="{html.escape(address)}"', "Download": " download"}
        links.append(f'<a href="{html.escape(target)}"{more.get(words, "")}>{words}</a>')
    return f'<nav class="bp-bar" aria-label="Run this lesson">{"".join(links)}</nav>'


def page(nb: NotebookNode, path: Path, chosen: Sequence[Path]) -> NotebookNode:
    """A lesson as Sphinx gets it."""
    title, _, rest = nb.cells[0].source.partition("\n")
    nb.cells[0].source = f"{title}\n\n{bar(path)}\n{rest}"
    for cell in list(nb.cells):
        if cell.cell_type == "markdown":
            cell.source = linked(cell.source, path, chosen)
        elif ".static()" in cell.source:  # the still twin of what moves on this page
            cell.outputs = [output for output in cell.outputs if "image/png" not in output.get("data", {})]
            if not cell.outputs:
                nb.cells.remove(cell)
        for output in cell.get("outputs", []):
            if alt := output.get("metadata", {}).get("image/png", {}).get("alt"):
                cell.metadata["mystnb"] = {"image": {"alt": alt}}
            if piece := output.get("data", {}).get("text/html"):
                output["data"]["text/html"] = re.sub(r'href="([^":#]+)\.ipynb(?:#([^"]*))?"', to_page, piece)
    if path.parent == LESSONS:
        deeper = [f"deeper/{other.stem}" for other in chosen if other.parent != LESSONS and same(other, path)]
        if deeper:
            nb.cells.append(nbformat.v4.new_markdown_cell(toctree(deeper), id="contents"))
    return nb


def to_page(link: re.Match[str]) -> str:
    """The address of a page for a link that an output holds, which Sphinx does not read."""
    heading = unquote(html.unescape(link[2] or "")).replace("-", " ")
    return f'href="{link[1]}.html{"#" * bool(heading)}{make_id(heading)}"'


def same(one: Path, other: Path) -> bool:
    """Whether two pages belong to one lesson."""
    return one.name[:2] == other.name[:2]


def linked(text: str, path: Path, chosen: Sequence[Path]) -> str:
    """A text of that file with each link as the site needs it.

    A heading is named as Jupyter names it: with its own letters. What is no page here (a lesson that is left
    out, a file of the package) is found among the sources.
    """

    def target(link: re.Match[str]) -> str:
        name, hash_, heading = link[1].partition("#")
        file = (path.parent / name).resolve()
        if ":" in name or not (name or heading):
            return link[1]
        if name and file not in chosen and file != SOURCES and file.is_relative_to(ROOT) and file.exists():
            return published.absolute(link[1], path)
        return name + hash_ + default_slugify(unquote(heading).replace("-", " "))

    return re.sub(r"(?<=\]\()([^)\s]+)", target, text)


def toctree(names: Sequence[str], caption: str = "") -> str:
    options = [":hidden:", *([f":caption: {caption}"] if caption else [])]
    return "\n".join(["```{toctree}", *options, "", *names, "```"])


def write_others(source: Path, chosen: Sequence[Path]) -> None:
    """The front page, whose map and first words are README's, the help, and the table of sources."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (lead,) = re.findall(r"\A# .*\n+((?:.+\n)+)", readme)
    (table,) = re.findall(r"^## The lessons\n+((?:\|.*\n)+)", readme, re.MULTILINE)
    scrubber = nbformat.read(LESSONS / "05_backprop_by_hand.ipynb", as_version=4)
    (moves,) = (
        output.data["text/html"]
        for cell in scrubber.cells
        for output in cell.get("outputs", [])
        if "data-bp-scrubber" in output.get("data", {}).get("text/html", "")
    )
    index = (TEXT / "index.md").read_text(encoding="utf-8")
    for name, text in {"lead": lead, "map": parted(table), "scrubber": moves}.items():
        index = index.replace("{{" + name + "}}", text.strip())
    index = linked(index, ROOT / "README.md", chosen)
    (source / "index.md").write_text(index + contents(table, chosen), encoding="utf-8")
    shutil.copy(TEXT / "help.md", source)
    table_of_sources = source / SOURCES.relative_to(ROOT)
    table_of_sources.parent.mkdir(parents=True, exist_ok=True)
    table_of_sources.write_text(linked(SOURCES.read_text("utf-8"), SOURCES, chosen), encoding="utf-8")


def parted(table: str) -> str:
    """The map with a heading over its first column, which names the parts."""
    return table.replace("| |", "| part |", 1)


def contents(table: str, chosen: Sequence[Path]) -> str:
    """The contents beside each page: lessons in the parts that the map shows, then what stands apart."""
    parts: dict[str, list[str]] = {}
    for part, lesson in re.findall(r"^\| *(\w*) *\| \[.*?\]\((.+?)\.ipynb\)", table, re.MULTILINE):
        part = part or list(parts)[-1]
        parts.setdefault(part, [])
        if ROOT / f"{lesson}.ipynb" in chosen:
            parts[part].append(lesson)
    apart = [path.stem for path in chosen if path.parent != LESSONS and not path.name[:2].isdigit()]
    more = ["help", *(f"notebooks/deeper/{name}" for name in [*apart, "99_sources"])]
    trees = [toctree(names, f"Part {part}") for part, names in parts.items() if names]
    return "\n\n" + "\n\n".join([*trees, toctree(more, "More")]) + "\n"


def write_widgets() -> None:
    """The playground's styles, and its script as one that a page loads without a server: not as a module."""
    room = ROOT / "bphelpers" / "teaching" / "widgets"
    WIDGETS.mkdir(parents=True, exist_ok=True)
    for name in ("common.css", "playground.css"):
        shutil.copy(room / name, WIDGETS)
    script = (room / "playground.js").read_text(encoding="utf-8")
    script = script.replace("export default", "window.bpPlayground =").replace("export function", "function")
    (WIDGETS / "playground.js").write_text(f"(() => {{\n{script}}})();\n", encoding="utf-8")
