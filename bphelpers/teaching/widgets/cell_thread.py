"""Work in the thread of the cells, and in turn with them."""

import asyncio
import signal
import threading
from collections.abc import Callable


class CellThread:
    """Hands work to the thread that it was made in: a notebook's, when it is made in a cell [12].

    JupyterLab gives messages of widgets to a thread of their own. What they ask for would then run beside a
    cell that uses the same network or draws, and matplotlib's settings are shared by all threads.

    >>> CellThread().run(lambda: print("at once, where there is no other thread"))
    at once, where there is no other thread
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:  # not in a notebook
            self._loop = None

    def run(self, work: Callable[[], None]) -> None:
        """Do the work now if this is the thread, else as soon as no cell is running."""
        if self._loop is None or self._loop.is_closed() or threading.get_ident() == self._thread:
            work()
        else:
            self._loop.call_soon_threadsafe(_between_cells, work)

    def run_later(self, seconds: float, work: Callable[[], None]) -> asyncio.TimerHandle | None:
        """Do the work after some seconds, once no cell is running; nothing where there is no notebook."""
        if self._loop is None or self._loop.is_closed():
            return None
        return self._loop.call_later(seconds, _between_cells, work)


def _between_cells(work: Callable[[], None]) -> None:
    """Between cells the kernel ignores interrupts; work that may last must hear them."""
    if threading.current_thread() is not threading.main_thread():
        return work()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        work()
    except KeyboardInterrupt:  # there is no cell that it could be reported to
        pass
    finally:
        signal.signal(signal.SIGINT, before)
