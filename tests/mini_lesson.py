"""A small lesson, number 98, that obeys every rule, for tests that break one thing at a time."""

from __future__ import annotations

import base64
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.course.lesson import Lesson
from tools.course.rules import ADVICE, UNANSWERED
from tools.notebooks import normalise

MODULE = """
from bphelpers import functional
from bphelpers.teaching.exercises import Exercise, Prediction

EXERCISES = {
    "98.1": Exercise(0.75 * (1 - 0.75) * 0.3, {"the slope of the sigmoid is left out": 0.3}),
    "98.2": Exercise(
        functional.sigmoid,
        lambda z: {"the sign of z is lost": functional.sigmoid(-z)},
        cases=[(0.5,), (-1.25,)],
    ),
}
PREDICTIONS = {"98.A": Prediction("Does the error rise or fall?", options=("rises", "falls"), answer="falls")}
"""

SETUP = f"{ADVICE}\nimport bphelpers as bp\nfrom bphelpers.teaching import check, predict\n\nbp.setup()"

OPENING = """# 98. A small lesson

Which way is down?

**You will**

- see a slope,
- check it,
- change it.

**You need** nothing.

**Time** 30 minutes."""

LIVE = """def draw(fig, slope):
    fig.subplots().plot([0, 1], [0, slope])

live = bp.widgets.live_figure(
    draw, lambda slope: f"The line rises by {slope:.1f}.", slope=("slope", 0.0, 2.0, 0.5, 1.0)
)
live"""

CLOSING = """## What you now know

- A slope is a rate.

## Check yourself

<details><summary>One?</summary>

Yes.

</details>
<details><summary>Two?</summary>

Yes.

</details>
<details><summary>Three?</summary>

Yes.

</details>

## Sources

Rumelhart, Hinton and Williams, Nature 323, 533, 1986, doi:10.1038/323533a0.

Next: lesson 99, to come."""


def exercise_text(key: str, question: str, solution: str) -> str:
    hints = ("Look at the sum.", "One rate for each step.", "Multiply the rates.")
    folds = {f"Hint {i}": hint for i, hint in enumerate(hints, 1)}
    folds["Solution"] = f"```python\n{solution}\n```"
    texts = (f"<details><summary>{name}</summary>\n\n{text}\n\n</details>" for name, text in folds.items())
    return "\n".join([f"### Exercise {key}. Try it", "", question, "", *texts])


def printed(text: str) -> list[nbformat.NotebookNode]:
    return [new_output("stream", name="stdout", text=text + "\n")]


def picture(alt: str) -> list[nbformat.NotebookNode]:
    data = {"image/png": base64.b64encode(b"not looked at").decode(), "text/plain": alt}
    return [new_output("display_data", data=data, metadata={"image/png": {"alt": alt}})]


def answer(text: str) -> list[nbformat.NotebookNode]:
    return [new_output("execute_result", data={"text/plain": text}, execution_count=1)]


def mini_lesson(folder: Path) -> Lesson:
    """The lesson, not written to disk, but standing in ``folder``."""
    cells = [
        new_markdown_cell(OPENING),
        new_code_cell(SETUP),
        new_markdown_cell("## 1. Which way?\n\nCommit to a guess. The slope comes to 0.0563."),
        new_code_cell('predict("98.A", ...)', outputs=printed("98.A: Does the error rise or fall?")),
        new_markdown_cell("Now look."),
        new_code_cell(
            'print(f"{0.75 * (1 - 0.75) * 0.3:.6f}")\npredict("98.A", reveal=True)',
            outputs=printed('0.056250\n98.A: the answer is "falls".'),
        ),
        new_markdown_cell("The picture, then the same with a slider."),
        new_code_cell(
            'bp.plots.show(bp.plots.learning_curves({"loss": [2.0, 1.0]}, title="It falls"),\n'
            '              alt="From 2 to 1.")',
            outputs=picture("From 2 to 1."),
        ),
        new_code_cell(LIVE, outputs=answer("The line rises by 1.0.")),
        new_markdown_cell(exercise_text("98.1", "What is the slope?", "slope = 0.05625")),
        new_code_cell("slope = ..."),
        new_code_cell('check("98.1", slope)', outputs=printed(f"98.1: {UNANSWERED}")),
        new_markdown_cell(
            exercise_text(
                "98.2",
                "Write the sigmoid.",
                "import numpy as np\n\ndef sigmoid(z):\n    return 1 / (1 + np.exp(-z))",
            )
        ),
        new_code_cell("def sigmoid(z):\n    return ..."),
        new_code_cell('check("98.2", sigmoid)', outputs=printed(f"98.2: {UNANSWERED}")),
        new_markdown_cell("The judge."),
        new_code_cell("assert abs(0.25 - bp.functional.sigmoid_backward(1.0, 0.5)) < 1e-12"),
        new_markdown_cell(CLOSING),
    ]
    for count, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), start=1):
        cell.execution_count = count
    return Lesson(folder / "98_small.ipynb", normalise(new_notebook(cells=cells)))
