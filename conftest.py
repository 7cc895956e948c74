"""What all tests share: where Chromium is, and that nothing is skipped in CI without being seen.

At the root, so that it also holds for the lessons and for the docstrings' examples.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
import types
from pathlib import Path

import pytest

# training.fit shows a progress bar once a training takes over a second. On a slow machine that would be one
# more output of a cell, and the comparison with stored outputs would depend on speed. Kernels inherit this.
os.environ.setdefault("TQDM_DISABLE", "1")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Where macOS and Windows keep it, off the PATH.
USUAL_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
)


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def find_chromium() -> str | None:
    """The browser named by CHROMIUM, or the first on the PATH, or one in its usual place."""
    named = [os.environ["CHROMIUM"]] if os.environ.get("CHROMIUM") else BROWSERS
    found = (shutil.which(name) for name in named)
    places = () if os.environ.get("CHROMIUM") else USUAL_PLACES
    return next((path for path in (*found, *places) if path and Path(path).exists()), None)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Path of a Chromium or Chrome for the browser tests."""
    path = find_chromium()
    if path is None:
        message = "no Chromium found: install it (Debian: apt install chromium) or set CHROMIUM to its path"
        if in_ci():
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    return path


@pytest.fixture(scope="module")
def browser(chromium_path: str):
    """A Chromium for the tests of a file."""
    from browser_tools import chromium

    with chromium(chromium_path) as running:
        yield running


@pytest.fixture(scope="module")
def server():
    """A JupyterLab in an empty folder for the tests of a file."""
    from browser_tools import lab_server

    with lab_server([]) as running:
        yield running


def skipped_in(terminal) -> list[str]:
    """One line for each test that was skipped: where, and why."""
    return [
        f"{report.nodeid}: {report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr}"
        for report in terminal.stats.get("skipped", [])
    ]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failed run: nobody is there to read that it was skipped."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if not in_ci() or terminal is None or hasattr(session.config, "workerinput"):
        return
    if skipped_in(terminal) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter) -> None:
    skipped = skipped_in(terminalreporter)
    if skipped and in_ci():
        terminalreporter.section("skipped, which CI does not allow", sep="=", red=True)
        for line in skipped:
            terminalreporter.line(f"ERROR {line}")


@pytest.fixture(scope="module")
def lesson_path(request: pytest.FixtureRequest) -> Path:
    from tools.course.lesson import lesson_paths

    (path,) = lesson_paths(re.fullmatch(r"test_(\d\d)", request.path.stem)[1])
    return path


@pytest.fixture(scope="module")
def lesson(lesson_path: Path) -> types.ModuleType:
    """In tests/lessons/test_05.py: lesson 05, every solution in its stub; ``lesson.dw`` is its ``dw``."""
    from tools.course.solved import solved

    return solved(lesson_path).variables


@pytest.fixture(scope="module")
def page(lesson_path: Path):
    """In tests/lessons/test_05.py: the notebook of lesson 05, as it is committed."""
    from tools.course.lesson import Lesson

    return Lesson.read(lesson_path)


@pytest.fixture(scope="module")
def words(lesson_path: Path) -> str:
    """What the lesson of this file says."""
    from tools.course.lesson import Lesson

    return Lesson.read(lesson_path).words


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    """The kernel that nbval starts for a lesson answers questions as well: see tests/kernel_questions.py."""
    report = yield
    if collector.path.suffix == ".ipynb" and report.passed:
        from kernel_questions import with_questions

        report.result = with_questions(collector, report.result)
    return report


# What is left out unless --all is given: see `make test-all`.
LONG = ("all_mutants", "all_pages", "ten_starts")


def pytest_addoption(parser: pytest.Parser) -> None:
    more = "all mutants, all lessons in Chromium, and training from ten starts"
    parser.addoption("--all", action="store_true", help=f"also {more}")
    parser.addoption(
        "--site", nargs="?", const="build/site/html", help="the built site instead (run.py test-site)"
    )


def has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes long, and without PyTorch, which nothing here depends on, what needs it.

    The same comparison with the numbers that PyTorch gave is always run: see tests/test_torch.py.
    """
    unwanted = (() if config.getoption("all") else LONG) + (() if has_torch() else ("torch",))
    unwanted += () if config.getoption("site") else ("site",)
    left_out = {item for item in items if any(map(item.get_closest_marker, unwanted))}
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=list(left_out))
    # What takes longest is begun first: else one worker is still busy with it when the other has finished.
    browser = {item.path for item in items if item.get_closest_marker("browser")}
    long = {item.path for item in items if any(map(item.get_closest_marker, ("slow", "lint")))}
    long |= {item.path for item in items if item.path.suffix == ".ipynb"}
    items.sort(key=lambda item: (item.path not in browser, item.path not in long))


def pytest_report_header(config: pytest.Config) -> list[str]:
    torch = "compared with live" if has_torch() else "not installed; compared with the numbers it gave"
    long = "run as well" if config.getoption("all") else "left out (--all, or make test-all)"
    where = f"browser: {find_chromium() or 'none found'}; Python: {sys.executable}"
    return [where, f"PyTorch: {torch}", f"all mutants, all lessons in the browser: {long}"]
