"""How long convolution, recurrence and attention take, here and in PyTorch: forward and backward.

    python benchmarks/layers.py [convolution] [recurrence] [attention] [--python PYTHON] [--rounds 5]

convolution  a whole training step of lesson 15's network (Adam, batch of 32, float32), and its first layer
recurrence   50 steps of 64 units, batch of 32, one input a step, and 64 of them; float32 and float64
attention    forward and backward of lesson 17's transformer, batch of 16, float32

Each contender has a process of its own, on one thread, and the contenders take turns, so that whatever else
the machine does hits both. PyTorch keeps the memory it has been given, with which it is at its
best. A time is the best of many calls, a ratio the median over the rounds. ``--python`` has PyTorch.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

KEEP = {
    "MALLOC_MMAP_THRESHOLD_": "400000000",
    "MALLOC_TRIM_THRESHOLD_": "400000000",
    "MALLOC_TOP_PAD_": "100000000",
}
THREADS = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
BIASED = "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"
Call = Callable[[], object]


def our_convolution() -> dict[str, Call]:
    import numpy as np

    from bphelpers import nn, optim

    rng = np.random.default_rng(0)
    options = {"rng": rng, "dtype": "float32"}
    net = nn.Sequential(
        nn.Conv2d(1, 8, 5, **options), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5, **options), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(256, 10, **options),
    )  # fmt: skip
    net[0].asked = False
    loss, rule = nn.CrossEntropyLoss(), optim.Adam(0.005)
    x, y = rng.normal(size=(32, 1, 28, 28)).astype("float32"), rng.integers(0, 10, size=32)
    dout = rng.normal(size=(32, 8, 24, 24)).astype("float32")

    def step() -> None:
        loss.forward(net.forward(x), y)
        net.backward(loss.backward())
        rule.step([net.flat])

    def first() -> None:
        net[0].forward(x)
        net[0].backward(dout)

    return {"whole step": step, "first layer": first}


def torchs_convolution() -> dict[str, Call]:
    import torch
    from torch import nn

    torch.set_num_threads(1)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(256, 10),
    )  # fmt: skip
    loss, rule = nn.CrossEntropyLoss(), torch.optim.Adam(net.parameters(), 0.005, fused=True)
    x, y, dout = torch.randn(32, 1, 28, 28), torch.randint(0, 10, (32,)), torch.randn(32, 8, 24, 24)

    def step() -> None:
        rule.zero_grad()
        loss(net(x), y).backward()
        rule.step()

    def first() -> None:
        net[0].zero_grad()
        net[0](x).backward(dout)

    return {"whole step": step, "first layer": first}


STEPS, UNITS, BATCH = 50, 64, 32


def our_recurrence() -> dict[str, Call]:
    import numpy as np

    from bphelpers import functional as F

    rng, calls = np.random.default_rng(0), {}
    for inputs in (1, 64):
        for dtype in ("float32", "float64"):
            shapes = (BATCH, STEPS, inputs), (BATCH, UNITS), (UNITS, inputs), (UNITS, UNITS), (UNITS,)
            x, h0, Wx, Wh, b = (0.1 * rng.normal(size=shape).astype(dtype) for shape in shapes)
            dout = rng.normal(size=(BATCH, STEPS, UNITS)).astype(dtype)

            def both(x=x, h0=h0, Wx=Wx, Wh=Wh, b=b, dout=dout) -> None:
                h = F.rnn.plain(x, h0, Wx, Wh, b)
                F.rnn_backward.plain(dout, x, h0, h, Wx, Wh)

            calls[f"{inputs} inputs, {dtype}"] = both
    return calls


def torchs_recurrence() -> dict[str, Call]:
    import torch

    torch.set_num_threads(1)
    calls = {}
    for inputs in (1, 64):
        for dtype in (torch.float32, torch.float64):
            net = torch.nn.RNN(inputs, UNITS, batch_first=True).to(dtype)
            x = torch.randn(BATCH, STEPS, inputs, dtype=dtype, requires_grad=True)
            h0 = torch.zeros(1, BATCH, UNITS, dtype=dtype, requires_grad=True)
            dout = torch.randn(BATCH, STEPS, UNITS, dtype=dtype)

            def both(net=net, x=x, h0=h0, dout=dout) -> None:
                net.zero_grad()
                x.grad = h0.grad = None
                net(x, h0)[0].backward(dout)

            calls[f"{inputs} inputs, {str(dtype)[6:]}"] = both
    return calls


CONTENDERS: dict[str, tuple[Callable[[], dict[str, Call]], Callable[[], dict[str, Call]]]] = {
    "convolution": (our_convolution, torchs_convolution),
    "recurrence": (our_recurrence, torchs_recurrence),
}


def best(call: Call, seconds: float = 1.0) -> float:
    for _ in range(5):
        call()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def measured(python: str, what: str, who: int) -> dict[str, float]:
    """The times of one contender, from a process of its own."""
    environment = {name: value for name, value in os.environ.items() if name not in BIASED} | THREADS | KEEP
    command = [python, __file__, what, "--who", str(who)]
    lines = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    return {name: float(value) for name, value in (line.rsplit("\t", 1) for line in lines.splitlines())}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", default=list(CONTENDERS), help=", ".join(CONTENDERS))
    parser.add_argument("--python", default=sys.executable, help="one that has PyTorch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--who", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.who is not None:
        for name, call in CONTENDERS[chosen.what[0]][chosen.who]().items():
            print(f"{name}\t{best(call)}")
        return
    for what in chosen.what:
        rounds = [
            (measured(sys.executable, what, 0), measured(chosen.python, what, 1))
            for _ in range(chosen.rounds)
        ]
        for name in rounds[0][0]:
            ours, theirs = (min(pair[k][name] for pair in rounds) * 1e6 for k in (0, 1))
            ratio = statistics.median(pair[0][name] / pair[1][name] for pair in rounds)
            print(
                f"{what}, {name:20} here {ours:7,.0f} us, PyTorch {theirs:7,.0f} us, ratio {ratio:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
