"""A lesson as an object: its prose, its code, its exercises, its stored outputs."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
Cell = Any  # a nbformat.NotebookNode


def lesson_paths(number: str = "") -> list[Path]:
    """The committed lessons, in order, or those whose number begins so."""
    return sorted(NOTEBOOKS.glob(f"{number or '[0-9][0-9]'}*_*.ipynb"))


@dataclass(frozen=True)
class Fold:
    """A ``<details>`` block."""

    summary: str
    body: str


@dataclass
class NotebookExercise:
    """An exercise as it stands in a notebook: one markdown cell, the stub cell, the check cell."""

    key: str
    text: str
    folds: list[Fold]
    stub: int  # index of the cell, counted over all cells
    check: int

    def body(self, summary: str) -> str:
        return next((fold.body for fold in self.folds if fold.summary == summary), "")

    @property
    def solution(self) -> str:
        blocks = re.findall(r"^```python\n(.*?)^```", self.body("Solution"), re.DOTALL | re.MULTILINE)
        return "\n".join(blocks).strip()


@dataclass
class Lesson:
    """A notebook and where it would stand."""

    path: Path
    nb: Cell

    @classmethod
    def read(cls, path: Path) -> Lesson:
        import nbformat  # takes two seconds to load, and a kernel that answers questions need not read

        return cls(path, nbformat.read(path, as_version=4))

    @property
    def number(self) -> str:
        return self.path.name[:2]

    @property
    def cells(self) -> list[Cell]:
        return self.nb.cells

    @property
    def prose(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.cell_type == "markdown"]

    @property
    def code(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.cell_type == "code" and cell.source.strip()]

    @property
    def code_cells(self) -> Iterator[tuple[int, Cell]]:
        """Each code cell with its index, counted over all cells."""
        return ((index, cell) for index, cell in enumerate(self.cells) if cell.cell_type == "code")

    @cached_property
    def words(self) -> str:
        return "\n\n".join(cell.source for cell in self.prose)

    @cached_property
    def headings(self) -> list[tuple[int, str]]:
        """Level and title of each."""
        found = re.findall(r"^(#{1,6})[ \t]+(.+?)[ \t]*$", without_fences(self.words), re.MULTILINE)
        return [(len(marks), title) for marks, title in found]

    @cached_property
    def exercises(self) -> list[NotebookExercise]:
        return [
            NotebookExercise(match[1], cell.source, folds_of(cell.source), index + 1, index + 2)
            for index, cell in enumerate(self.cells)
            if cell.cell_type == "markdown"
            for match in re.finditer(r"^### Exercise (\S+?)[.:]?(?=\s|$)", cell.source, re.MULTILINE)
        ]

    def source_of(self, index: int) -> str:
        """The source of a code cell, or nothing where there is none at this index."""
        inside = 0 <= index < len(self.cells) and self.cells[index].cell_type == "code"
        return str(self.cells[index].source) if inside else ""

    def trees(self) -> Iterator[tuple[int, ast.Module]]:
        """Each code cell's index and syntax tree; cells that do not parse are another check's fault."""
        for index, cell in self.code_cells:
            with contextlib.suppress(SyntaxError):
                yield index, ast.parse(cell.source)

    def section(self, title: str) -> str:
        """The markdown below ``## title``, up to the next heading of that level."""
        pattern = rf"^## {re.escape(title)}[ \t]*$(.*?)(?=^## |\Z)"
        match = re.search(pattern, self.words, re.DOTALL | re.MULTILINE)
        return match[1] if match else ""


def folds_of(text: str) -> list[Fold]:
    pattern = r"<details>\s*<summary>(.*?)</summary>(.*?)</details>"
    return [Fold(one_line(a), b.strip()) for a, b in re.findall(pattern, text, re.DOTALL)]


def one_line(text: str) -> str:
    return " ".join(text.split())


def without_fences(text: str) -> str:
    """Markdown without its fenced code blocks."""
    return re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.DOTALL | re.MULTILINE)


def calls(tree: ast.AST, name: str) -> list[ast.Call]:
    """Calls of ``name(...)`` or ``something.name(...)``."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in found if getattr(call.func, "id", getattr(call.func, "attr", None)) == name]


def texts(cell: Cell, mimes: str = "text/") -> Iterator[str]:
    """Every stored text of a code cell that strict validation compares."""
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            yield output.text
        for mime, value in output.get("data", {}).items():
            if isinstance(value, str) and mime.startswith(mimes):
                yield value


def tags(cell: Cell) -> list[Any]:
    return list(cell.get("metadata", {}).get("tags", []))


def is_compared(cell: Cell) -> bool:
    return "nbval-ignore-output" not in tags(cell)
