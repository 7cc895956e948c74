"""The net holds: what must fail does fail, and nothing else.

First every digit of every stored text is changed, one at a time, and handed to nbval's own comparison, which
must notice; no lesson is executed for that. Then, in a kernel: small cells with one fault each fail, and
clean ones pass.
"""

from __future__ import annotations

import copy
import os
import random
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from nbval.plugin import IPyNbCell, IPyNbFile, coalesce_streams

from tools.course.lesson import ROOT, is_compared, lesson_paths

LESSONS = lesson_paths()
IDS = [path.stem for path in LESSONS]


def failing_cells(notebook: Path) -> set[int]:
    """Run nbval strictly over a notebook in a process of its own; the numbers of the code cells that fail."""
    folder = notebook.parent
    report = folder / "report.xml"
    (folder / "pytest.ini").write_text("[pytest]\n")  # the project's own settings stay out of it
    command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider"]
    command += ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=120"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    environment.pop("PYTEST_ADDOPTS", None)
    command += [f"--junitxml={report}", str(notebook)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode in (0, 1), said  # all passed, some failed; else nothing was run
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    assert not any(case.find("skipped") is not None for case in cases), "a skipped cell is not compared"
    assert len(cases) == sum(c.cell_type == "code" for c in nbformat.read(notebook, as_version=4).cells)
    failed = [c for c in cases if c.find("failure") is not None or c.find("error") is not None]
    return {int(case.attrib["name"].removeprefix("Cell ")) for case in failed}


# --- changing one stored digit ---


def digits_of(cell: Any) -> list[tuple[Any, str, int]]:
    """Each digit of the stored texts of a cell: the mapping it is in, its name there, its place."""
    texts = [(output, "text") for output in cell.outputs if output.output_type == "stream"]
    for output in cell.outputs:
        texts += [(output.data, mime) for mime in output.get("data", {}) if mime.startswith("text/")]
    return [
        (holder, name, digit.start()) for holder, name in texts for digit in re.finditer(r"\d", holder[name])
    ]


@pytest.mark.parametrize("path", LESSONS, ids=IDS)
def test_every_digit_of_every_stored_output_is_compared(path, request, monkeypatch):
    monkeypatch.setattr(IPyNbCell, "format_output_compare", lambda *_: None)  # only the verdict is wanted
    rng = random.Random(f"{path.name}: every digit")
    tried = 0
    for item in IPyNbFile.from_parent(request.session, path=path).collect():
        if not is_compared(item.cell):
            continue  # a measured time: the notebook tests see to it that it is nothing else
        assert item.options["check"] and not item.options["skip"]
        stored = copy.deepcopy(coalesce_streams(item.cell.outputs))
        assert item.compare_outputs(copy.deepcopy(stored), stored)
        changed = copy.deepcopy(item.cell)
        for holder, name, at in digits_of(changed):
            before = holder[name]
            other = rng.choice([digit for digit in "0123456789" if digit != before[at]])
            holder[name] = before[:at] + other + before[at + 1 :]
            noticed = not item.compare_outputs(stored, coalesce_streams(copy.deepcopy(changed.outputs)))
            assert noticed, (item.name, holder)
            holder[name] = before
            tried += 1
    assert tried > 20


# --- small cells with one fault each, in one notebook ---

SETUP = "import numpy as np\nimport bphelpers as bp\n\nbp.setup()"

PRINT = 'print(f"{0.25:.3f}")\nprint("done")'

GRADIENT = """from bphelpers.teaching.gradcheck import assert_gradients_match

w = np.array([0.4, -0.7, 1.1])
assert_gradients_match(lambda w: float(np.sum(w**2)), {"w": w}, {"w": 2.0 * w})"""

SLIDER = """def draw(fig, slope):
    fig.subplots().plot([0, 1], [0, 1 / slope])

bp.widgets.live_figure(draw, lambda slope: f"{1 / slope:.2f}", slope=("slope", -2.0, 2.0, 0.5, 1.0))"""

FIGURE = """fig = bp.plots.learning_curves({"loss": [2.0, 1.0]}, title="The loss halves")
bp.plots.show(fig, alt="The loss falls from 2 to 1.")"""

ALT = "The loss falls from 2 to 1."
TABLE = 'from IPython.display import HTML, Latex, display\n\ndisplay(HTML("<b>0.25</b>"), Latex("$0.25$"))'


def _display(data: dict[str, str], kind: str = "display_data") -> Any:
    more = {"execution_count": 1} if kind == "execute_result" else {}
    return new_output(kind, data=data, **more)


def _result(text: str) -> list[Any]:
    return [_display({"text/plain": text}, "execute_result")]


def clean_cells() -> dict[str, Any]:
    """One cell of each kind, with the output that it makes."""
    table = [
        _display({"text/html": "<b>0.25</b>", "text/plain": "<IPython.core.display.HTML object>"}),
        _display({"text/latex": "$0.25$", "text/plain": "<IPython.core.display.Latex object>"}),
    ]
    return {
        "print": new_code_cell(PRINT, outputs=[new_output("stream", text="0.250\ndone\n")]),
        "value": new_code_cell("1 / 4", outputs=_result("0.25")),
        "figure": new_code_cell(FIGURE, outputs=[_display({"image/png": "AAAA", "text/plain": ALT})]),
        "table": new_code_cell(TABLE, outputs=table),
        "slider": new_code_cell(SLIDER, outputs=_result("1.00")),
        "gradient": new_code_cell(GRADIENT),
    }


def _source(kind: str, old: str, new: str) -> Any:
    cell = clean_cells()[kind]
    assert old in cell.source
    cell.source = cell.source.replace(old, new)
    return cell


def _stored(kind: str, name: str, old: str, new: str, output: int = 0) -> Any:
    cell = clean_cells()[kind]
    holder = cell.outputs[output] if name == "text" else cell.outputs[output].data
    assert old in holder[name]
    holder[name] = holder[name].replace(old, new)
    return cell


def _without_output(kind: str) -> Any:
    cell = clean_cells()[kind]
    cell.outputs = []
    return cell


FAULTS: dict[str, Any] = {
    "a printed digit": _stored("print", "text", "0.250", "0.251"),
    "a printed word": _stored("print", "text", "done", "gone"),
    "a shown value": _stored("value", "text/plain", "0.25", "0.26"),
    "a digit of the alt text": _stored("figure", "text/plain", "from 2", "from 3"),
    "a word of the alt text": _stored("figure", "text/plain", "falls", "rises"),
    "a digit in HTML": _stored("table", "text/html", "0.25", "0.24"),
    "a digit in LaTeX": _stored("table", "text/latex", "0.25", "0.24", output=1),
    "the words under a slider": _stored("slider", "text/plain", "1.00", "1.01"),
    "print without output": _without_output("print"),
    "a figure without output": _without_output("figure"),
    "a slider whose picture raises": _source("slider", "0.5, 1.0)", "0.5, 0.0)"),
    "a slider whose words raise": _source("slider", '{1 / slope:.2f}"', '{slope.missing}"'),
    "a gradient of the wrong sign": _source("gradient", "2.0 * w}", "-2.0 * w}"),
    "a gradient off by a hair": _source("gradient", "2.0 * w}", "1.9999 * w}"),
    "a warning": _source("value", "1 / 4", "import warnings\nwarnings.warn('old')\n1 / 4"),
    "other code": _source("print", "0.25", "0.26"),
}


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the cells that fail, of one notebook that holds them all: clean first, then each fault."""
    cells = {"set-up": new_code_cell(SETUP)} | clean_cells() | FAULTS
    for count, cell in enumerate(cells.values(), start=1):
        cell.execution_count = count
    path = tmp_path_factory.mktemp("controls") / "controls.ipynb"
    nbformat.write(new_notebook(cells=list(cells.values())), path)
    return {list(cells)[number] for number in failing_cells(path)}


@pytest.mark.parametrize("kind", ["set-up", *clean_cells()])
def test_a_clean_cell_passes(verdict, kind):
    assert kind not in verdict


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails(verdict, fault):
    assert fault in verdict
