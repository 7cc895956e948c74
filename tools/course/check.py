"""``make check LESSON=15``: everything that is asked of one lesson, and what to do about each fault.

First the rules, fault by fault. Then it is executed and compared with its stored outputs, its solutions, its
sliders and the claims in tests/lessons/test_15.py are tried, and its page is opened in Chromium.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tools.course.lesson import ROOT, Lesson, lesson_paths
from tools.course.rules import RULES


def faults_by_cell(lesson: Lesson) -> list[tuple[int, str, str]]:
    """The cell (-1 for the whole lesson), what is wrong and what to do, from top to bottom."""
    found = []
    for rule, advice in RULES.items():
        for fault in rule(lesson):
            cell = re.match(r"cell (\d+):? ", fault)
            found.append((int(cell[1]) if cell else -1, fault, advice.format(number=lesson.number)))
    return sorted(found)


def report(lesson: Lesson) -> str:
    """What the rules say, readable: each cell by its first line."""
    lines = []
    for index, fault, advice in faults_by_cell(lesson):
        first = lesson.cells[index].source.partition("\n")[0] if index >= 0 else ""
        lines += [f"- {fault}" + (f"   [{first}]" if first else ""), f"    what to do: {advice}"]
    count = len(lines) // 2
    return "\n".join([f"{lesson.path.name}: {count or 'no'} fault{'s' * (count != 1)} by the rules", *lines])


def pytest_command(path: Path) -> list[str]:
    """What is executed: the notebook in a kernel, what tests say of it, its page."""
    chosen = f"({path.stem} or test_{path.name[:2]}) and not test_rules"
    files = [path, ROOT / "tests" / "lessons", ROOT / "tests" / "test_browser.py"]
    where = [str(file.relative_to(ROOT)) for file in files]
    return [sys.executable, "-m", "pytest", "-q", "--tb=short", "--all", "-k", chosen, *where]


def main(arguments: list[str]) -> int:
    paths = [path for number in arguments for path in lesson_paths(number)]
    if not paths:
        print(f"no lesson {' '.join(arguments) or 'named'}: make check LESSON=15", file=sys.stderr)
        return 1
    failed = False
    for path in paths:
        print(report(Lesson.read(path)), flush=True)
        failed |= bool(faults_by_cell(Lesson.read(path)))
        failed |= bool(subprocess.run(pytest_command(path), cwd=ROOT).returncode)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
