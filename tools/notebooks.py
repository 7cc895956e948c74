"""Execute the lessons in place and store their outputs in one canonical form: ``make notebooks [LESSON=05]``.

A lesson whose cells raise, write to stderr or take too long is reported and left as it was. Then the table of
sources is written anew, since it names sections and cells.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from tqdm import tqdm

from tools.course import sources

LESSONS = Path(__file__).resolve().parent.parent / "notebooks"
CELL_TIMEOUT = 120  # seconds; as for nbval in pyproject.toml

# No version of Python: it would change with every machine that runs the lesson.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}
# All else in a cell's metadata was left there by an editor or a run.
KEPT_METADATA = ("tags",)
# Holds the random id of a model that ended with its kernel. Readers see the widget's text and its static
# twin; nbval leaves this key out of its comparison.
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def normalise(nb: NotebookNode) -> NotebookNode:
    """Bring a notebook into the one form that is committed, in place.

    Source, outputs, tags and cell ids stay; counters run from 1; other metadata and widget state go.
    """
    nb.metadata = NotebookNode(nbformat.from_dict(METADATA))
    nb.nbformat, nb.nbformat_minor = 4, 5
    taken = {cell.get("id") for cell in nb.cells}
    count = 0
    for position, cell in enumerate(nb.cells):
        if not cell.get("id"):
            cell["id"] = new_id(position, taken)
        for key in set(cell.metadata) - set(KEPT_METADATA):
            del cell.metadata[key]
        if cell.cell_type != "code":
            continue
        if cell.get("execution_count") is not None:
            count += 1
            cell.execution_count = count
        cell.outputs = merged_streams(cell.outputs)
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = cell.execution_count
            output.get("data", {}).pop(WIDGET_VIEW, None)
    return nb


def new_id(position: int, taken: set[str | None]) -> str:
    """Return the first free id of the form ``cell-012``, counted from the cell's position."""
    while f"cell-{position:03d}" in taken:
        position += 1
    taken.add(f"cell-{position:03d}")
    return f"cell-{position:03d}"


def merged_streams(outputs: Iterable[NotebookNode]) -> list[NotebookNode]:
    """Join neighbouring pieces of one stream: where the kernel cut them is a matter of timing."""
    merged: list[NotebookNode] = []
    for output in outputs:
        last = merged[-1] if merged else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            merged.append(output)
    return merged


def dumps(nb: NotebookNode) -> str:
    """Return a notebook as the text that is committed, with one newline at its end."""
    return nbformat.writes(nb).rstrip("\n") + "\n"


def complaints(nb: NotebookNode) -> list[str]:
    """Say which cells hold an error or a word on stderr, warnings included."""
    found = []
    for position, cell in enumerate(nb.cells):
        expected = "raises-exception" in cell.metadata.get("tags", [])
        for output in cell.get("outputs", []):
            if output.output_type == "error" and not expected:
                found.append(f"cell {position} ({cell.id}) raises {output.ename}: {output.evalue}")
            if output.output_type == "stream" and output.name == "stderr":
                found.append(f"cell {position} ({cell.id}) writes to stderr: {output.text.strip()}")
    return found


def execute(path: Path, timeout: float = CELL_TIMEOUT) -> list[str]:
    """Run a lesson from top to bottom and store it; return complaints instead where there are any."""
    nb = nbformat.read(path, as_version=4)
    code = [cell for cell in nb.cells if cell.cell_type == "code" and cell.source.strip()]
    bar = tqdm(total=len(code), desc=path.stem, unit="cell", leave=False, disable=None)
    client = NotebookClient(
        nb,
        timeout=timeout,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        store_widget_state=False,
        on_cell_executed=lambda **_: bar.update(),
    )
    try:
        with bar:
            # Without the bar that training.fit shows on slow machines: outputs must not depend on speed.
            client.execute(env={**os.environ, "TQDM_DISABLE": "1"})
    except CellTimeoutError:
        return [f"a cell took more than {timeout:g} s (after {bar.n} cells)"]
    except DeadKernelError:
        return [f"the kernel died (after {bar.n} cells)"]
    except CellExecutionError:
        pass  # the error is stored in its cell, where complaints() finds it
    if found := complaints(nb):
        return found
    write(path, dumps(normalise(nb)))
    return []


def write(path: Path, text: str) -> None:
    """Replace a file in one step, so that no interruption leaves half a lesson."""
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8", newline="\n")
    os.replace(part, path)


def main(arguments: list[str] | None = None) -> int:
    """Execute all lessons, or those whose numbers are given."""
    parser = argparse.ArgumentParser(prog="tools.notebooks", description=__doc__)
    parser.add_argument("lessons", nargs="*", help="numbers such as 05; all lessons where none is given")
    parser.add_argument("--folder", type=Path, default=LESSONS, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    numbers = chosen.lessons or [""]
    folders = chosen.folder, chosen.folder / "deeper"
    paths = sorted({path for number in numbers for f in folders for path in f.glob(f"{number}*.ipynb")})
    if not paths:
        print(f"no lesson {' '.join(numbers).strip() or 'at all'} in {chosen.folder}", file=sys.stderr)
        return 1
    failed = False
    for path in paths:
        start = time.perf_counter()
        found = execute(path)
        if found:
            failed = True
            for line in [*found, "left as it was"]:
                print(f"{path.name}: {line}", file=sys.stderr)
        else:
            print(f"{path.name}: {time.perf_counter() - start:.1f} s", flush=True)
    if chosen.folder == LESSONS:
        try:
            write(sources.PAGE, sources.Sources().page)
        except ValueError as error:
            failed = True
            print(f"{sources.PAGE.name}: {error}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
