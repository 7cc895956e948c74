"""Milliseconds of a training step in one process and on Dask workers, for batches of 64 to 60,000 images.

    OPENBLAS_NUM_THREADS=1 python benchmarks/scaling.py [--runs 3] [--images 60000]
        [--busy-cores 0] [--file bphelpers/datasets/scaling.json]

The network is 784-128-64-10 with ReLU, in float32; the images are the 5,000 that ship, shifted twelve ways.
A step on workers sends the weights to two chunks' tasks, and adds up the two sums that come back. The lowest
and the highest of the runs are stored. `--busy-cores 1` keeps a core busy with something else meanwhile, and
adds that to the rows' names. The load is printed, because without it such times say little. Some minutes.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bphelpers import data, nn, scale

STEPS = {64: 60, 256: 60, 1024: 30, 4096: 12, 16384: 4, 60000: 2}
Chunk = tuple[NDArray, NDArray]
NET: nn.Sequential | None = None  # one for each process: to draw its weights takes as long as a small batch


def images(k: int, chunks: int, count: int) -> Chunk:
    """Every so-many-th of the images, shifted by up to two pixels."""
    X, y = data.mnist_small(dtype="float32")
    rows = np.arange(count)[k::chunks]
    shifts, which = np.divmod(rows, len(X))
    moved = [np.roll(X[i].reshape(28, 28), (s // 4 - 1, s % 4 - 1), (0, 1)).ravel()
             for i, s in zip(which, shifts, strict=True)]  # fmt: skip
    return np.array(moved), y[which]


def network() -> nn.Sequential:
    rng, sizes = np.random.default_rng(0), [(784, 128), (128, 64), (64, 10)]
    first, second, third = (nn.Linear(*size, rng=rng, dtype="float32") for size in sizes)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), third)


def gradient_sum(theta: NDArray, chunk: Chunk, begin: int, end: int) -> tuple[NDArray, int]:
    global NET
    NET = NET or network()
    X, y = chunk[0][begin:end], chunk[1][begin:end]
    loss = nn.CrossEntropyLoss()
    NET.flat.data[:] = theta
    loss(NET(X), y)
    NET.backward(loss.backward())
    return np.float32(len(y)) * NET.flat.grad, len(y)


def nothing() -> None:
    """What an empty task does."""


def milliseconds(step: Callable[[NDArray, int], NDArray], batch: int) -> float:
    theta = network().flat.data.copy()
    theta = step(theta, 0)
    start = time.perf_counter()
    for number in range(STEPS[batch]):
        theta = step(theta, number)
    return 1000 * (time.perf_counter() - start) / STEPS[batch]


def update(theta: NDArray, reports: list[tuple[NDArray, int]]) -> NDArray:
    total = sum(gradient for gradient, _ in reports)
    return theta - np.float32(0.1) * (total / np.float32(sum(n for _, n in reports)))


def in_one_process(count: int) -> dict[int, float]:
    global NET
    chunk = images(0, 1, count)
    found = {}
    for batch in (size for size in STEPS if size <= count):

        def step(theta: NDArray, number: int, batch: int = batch) -> NDArray:
            begin = number * batch % (count - batch + 1)
            return update(theta, [gradient_sum(theta, chunk, begin, begin + batch)])

        found[batch] = milliseconds(step, batch)
    NET = None  # it would travel to the workers with every task, and its 60,000 rows of activations with it
    return found


def on_workers(workers: int, count: int) -> tuple[dict[int, float], dict[str, float]]:
    found, empty = {}, {}
    with scale.workers(workers) as client:
        chunks = [client.submit(images, k, 2, count) for k in range(2)]
        client.gather([client.submit(len, chunk) for chunk in chunks])
        for batch in (size for size in STEPS if size <= count):

            def step(theta: NDArray, number: int, half: int = batch // 2) -> NDArray:
                begin = number * half % (count // 2 - half + 1)
                tasks = [client.submit(gradient_sum, theta, chunk, begin, begin + half) for chunk in chunks]
                return update(theta, client.gather(tasks))

            found[batch] = milliseconds(step, batch)
        for name, tasks in {"two, there and back": 2, "eight, there and back": 8}.items():
            start = time.perf_counter()
            for _ in range(50):
                client.gather([client.submit(nothing) for _ in range(tasks)])
            empty[name] = 20 * (time.perf_counter() - start)
    return found, empty


def keep_busy() -> None:
    while True:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--images", type=int, default=60000, help="how many images (60000)")
    parser.add_argument("--busy-cores", type=int, default=0, help="cores that something else uses meanwhile")
    parser.add_argument("--file", type=Path, help="where to write what lesson 19 quotes")
    options = parser.parse_args()
    others = [multiprocessing.Process(target=keep_busy, daemon=True) for _ in range(options.busy_cores)]
    for other in others:
        other.start()
    suffix = {0: "", 1: ", one core busy"}.get(options.busy_cores, f", {options.busy_cores} cores busy")
    rows: dict[str, dict[int, list[float]]] = {}
    empty: dict[str, float] = {}
    for _ in range(options.runs):
        if hasattr(os, "getloadavg"):
            print(f"load {os.getloadavg()[0]:.1f}")
        one, (two, empty) = on_workers(1, options.images)[0], on_workers(2, options.images)
        found = {"one process": in_one_process(options.images), "one worker": one, "two workers": two}
        for name, times in found.items():
            for batch, time_taken in times.items():
                rows.setdefault(name + suffix, {}).setdefault(batch, []).append(time_taken)
    for other in others:
        other.terminate()
    for name, times_of in rows.items():
        listed = ", ".join(f"{batch:,}: {min(t):.3g} to {max(t):.3g}" for batch, t in times_of.items())
        print(f"{name}: {listed}")
    print("empty tasks:", {name: f"{time_taken:.3g}" for name, time_taken in empty.items()})
    if options.file:
        stored: dict[str, Any] = json.loads(options.file.read_text("utf-8")) if options.file.exists() else {}
        stored |= {
            "made by": "benchmarks/scaling.py",
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
            "versions": {"Python": platform.python_version(), "NumPy": np.__version__},
            "network": "784-128-64-10, float32, 109,386 weights and biases",
            "images": options.images,
            "empty tasks": {name: round(time_taken, 1) for name, time_taken in empty.items()},
        }
        measured: dict[str, dict[str, list[float]]] = {name: {} for name in rows}
        for name, row in rows.items():
            for batch, t in row.items():
                measured[name][str(batch)] = [float(f"{edge:.3g}") for edge in (min(t), max(t))]
        stored.pop("note", None)
        stored["runs"] = stored.get("runs", {}) | dict.fromkeys(measured, options.runs)
        stored["milliseconds"] = stored.get("milliseconds", {}) | measured
        options.file.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
