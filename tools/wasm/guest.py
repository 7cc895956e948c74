"""What runs under WebAssembly: IPython without a terminal or threads, which prints what a kernel would send.

Each call of `run` prints one line of JSON: the messages of one cell, in order.
"""

from __future__ import annotations

import contextlib
import json
import sys
from base64 import b64encode
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

MESSAGES: list[dict[str, Any]] = []
OUT = sys.__stdout__


def send(kind: str, **content: Any) -> None:
    """Keep a message of this kind."""
    MESSAGES.append({"msg_type": kind, "content": content})


class Publisher(DisplayPublisher):
    """What `display` hands over."""

    def publish(self, data: Any, metadata: Any = None, *_: Any, **__: Any) -> None:
        send("display_data", data=data, metadata=metadata or {})

    def clear_output(self, wait: bool = False) -> None:
        """Nothing was shown, so there is nothing to clear."""


class Hook(DisplayHook):
    """The value of a cell's last line."""

    def __call__(self, result: Any = None) -> None:
        if result is not None:
            SHELL.user_ns["_"] = result
            data, metadata = SHELL.display_formatter.format(result)  # type: ignore[union-attr]
            # An object that displays itself, as a widget may, leaves nothing over.
            if data:
                send("execute_result", data=data, metadata=metadata, execution_count=1)


class Shell(InteractiveShell):
    """IPython as in a kernel, as far as a cell can tell."""

    display_pub_class = Type(Publisher)
    displayhook_class = Type(Hook)

    def enable_gui(self, gui: Any = None) -> None:
        """Have no event loop to join."""

    def _showtraceback(self, etype: Any, evalue: Any, stb: list[str]) -> None:
        send("error", ename=etype.__name__, evalue=str(evalue), traceback=stb)


class Stream:
    """A standard stream whose text becomes messages."""

    def __init__(self, name: str) -> None:
        self.name = name

    def write(self, text: str) -> int:
        if text:
            send("stream", name=self.name, text=text)
        return len(text)

    def flush(self) -> None:
        """Have nothing left to write."""

    def isatty(self) -> bool:
        return False


# No history: it is kept in a file, by a thread.
SHELL = Shell.instance(config=Config({"HistoryManager": {"enabled": False}}), colors="nocolor")


def run(source: str) -> None:
    """Execute a cell and print what a kernel would have sent."""
    MESSAGES.clear()
    out: Any = Stream("stdout")
    err: Any = Stream("stderr")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        SHELL.run_cell(source, store_history=False)
    # Pictures are bytes: as in a kernel they become text.
    print(json.dumps(MESSAGES, default=lambda data: b64encode(data).decode()), file=OUT)
