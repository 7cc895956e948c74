"""Calls handed out to several processes at once, by Dask where it is installed [19].

>>> def area(a, b):
...     return a * b
>>> with OneProcess(2) as client:  # what ``workers(2)`` gives where Dask is not installed
...     tasks = [client.submit(area, 3, side) for side in (4, 5)]
...     client.gather(tasks)
[12, 15]
"""

import itertools
import logging
import os
import re
import weakref
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from bphelpers.arguments import refuse, whole

MISSING = (
    "Dask is not installed, so the same tasks run in this process, one after the other. "
    '(To have it: pip install "distributed")'
)


def workers(where: int | str) -> "Processes | OneProcess":
    """So many processes on this machine, or those of the Dask scheduler at an address [19].

    ``with workers(2) as client:`` ends them; ``workers("tcp://127.0.0.1:8786")`` only leaves that scheduler.
    Without Dask it says so in a line, and the tasks run here. ``ValueError`` where the number is below 1,
    and where a text is no address.
    """
    if not isinstance(where, str):
        whole("workers", where, least=1)
    elif not re.fullmatch(r"\w+://.+:\d+", where):
        refuse("workers", "be a number, or an address such as tcp://127.0.0.1:8786", where)
    try:
        import distributed  # noqa: F401
    except ImportError:
        print(MISSING)
        return OneProcess(1 if isinstance(where, str) else where)
    return Processes(where)


class _Client:
    """What is closed at the end of a ``with`` block."""

    def close(self) -> None:
        """End the processes that were started here."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Processes(_Client):
    """What `workers` gives where Dask is installed: a Dask client with what lesson 19 uses of it.

    Each process has one thread, and so has its BLAS. A worker that dies is started again, and what it held
    is computed again, from the calls that made it.
    """

    def __init__(self, where: int | str) -> None:
        import dask
        from distributed import Client, LocalCluster

        # Who kills ten in a row may hit the same task four times, and may kill a worker again before the 15
        # seconds are over after which Dask gives up one that is missing. A slow machine takes as long.
        dask.config.set({"distributed.scheduler.allowed-failures": 100})
        dask.config.set({"distributed.deploy.lost-worker-timeout": "1d"})
        self._cluster = None
        if not isinstance(where, str):
            # The dashboard's usual port may be taken, and a death that is meant is nothing to warn of.
            quiet = {"dashboard_address": ":0", "silence_logs": logging.CRITICAL}
            self._cluster = LocalCluster(n_workers=where, threads_per_worker=1, **quiet)
        self._client = Client(self._cluster or where)

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Have a worker call ``function(*arguments)``, and return at once what stands for its result.

        That may be an argument of another task. The result stays with the worker until it is gathered.
        """
        return self._client.submit(function, *arguments, pure=False)

    def gather(self, tasks: Sequence[Any]) -> list[Any]:
        """The results in the order of the tasks, once all are there; what a task raised is raised here."""
        from distributed import Future

        return list(self._client.gather(_all_tasks(tasks, Future)))

    def kill(self, worker: int) -> None:
        """End a worker's process as a power cut would; ``worker`` counts from 0 those alive at the moment.

        ``ValueError`` where the workers were not started here.
        """
        import psutil

        if self._cluster is None:
            raise ValueError("kill must be called where the workers were started, got those of a scheduler")
        alive = sorted(self._client.run(os.getpid).values())
        psutil.Process(alive[_one_of(worker, len(alive))]).kill()

    def close(self) -> None:
        """Leave the scheduler, and end the processes that were started here."""
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()


class OneProcess(_Client):
    """The same verbs without Dask: each task runs here when it is gathered, and is done once.

    What a killed worker held is forgotten. A task knows its call, so it is done again when it is asked for.
    """

    def __init__(self, count: int) -> None:
        self._turns = itertools.cycle(range(count))
        self._held: list[weakref.WeakSet[_Task]] = [weakref.WeakSet() for _ in range(count)]

    def submit(self, function: Callable[..., Any], *arguments: Any) -> "_Task":
        """What stands for ``function(*arguments)``; it may be an argument of another task."""
        task = _Task(function, arguments)
        self._held[next(self._turns)].add(task)
        return task

    def gather(self, tasks: Sequence["_Task"]) -> list[Any]:
        """The results in the order of the tasks; what a task raised is raised here."""
        return [task.result() for task in _all_tasks(tasks, _Task)]

    def kill(self, worker: int) -> None:
        """Forget what this worker would have held."""
        for task in self._held[_one_of(worker, len(self._held))]:
            task.found.clear()


class _Task:
    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.function, self.arguments = function, arguments
        self.found: list[Any] = []  # the result, once it is there

    def result(self) -> Any:
        if not self.found:
            given = [one.result() if isinstance(one, _Task) else one for one in self.arguments]
            self.found.append(self.function(*given))
        return self.found[0]


def _all_tasks(tasks: Any, kind: type) -> list[Any]:
    if not isinstance(tasks, list | tuple) or not all(isinstance(task, kind) for task in tasks):
        refuse("tasks", "be a list of what submit returned", tasks)
    return list(tasks)


def _one_of(worker: int, count: int) -> int:
    if not 0 <= whole("worker", worker, least=0) < count:
        refuse("worker", f"be below {count}, the number of workers", worker)
    return worker
