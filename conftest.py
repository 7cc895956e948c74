"""What all tests share: where Chromium is, and that nothing is skipped in CI without being seen.

At the root, so that it also holds for the lessons and for the docstrings' examples.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
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


def has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without PyTorch, which nothing here depends on, what compares with it live is left out, not skipped.

    The same comparison with the numbers that PyTorch gave is always run: see tests/test_torch.py.
    """
    if not has_torch():
        live = [item for item in items if item.get_closest_marker("torch")]
        items[:] = [item for item in items if item not in live]
        if live:
            config.hook.pytest_deselected(items=live)


def pytest_report_header() -> list[str]:
    torch = "compared with live" if has_torch() else "not installed; compared with the numbers it gave"
    return [f"browser: {find_chromium() or 'none found'}; Python: {sys.executable}", f"PyTorch: {torch}"]
