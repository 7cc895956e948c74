"""Derived in a lesson, kept in the package: the two must give the same numbers."""

import inspect
import types
from typing import Any

import numpy as np
from operations import OPERATIONS

from bphelpers import functional, nn, numeric, optim
from bphelpers.teaching import gradcheck
from tools.course.solved import Run


def _bowl(x: np.ndarray) -> float:
    return float(np.sum(np.sin(x) * x))


# What lessons derive besides operations: what to call it with, and how far the two may differ.
BESIDES: dict[str, tuple[Any, float]] = {
    "he_normal": (lambda rng: (3, 4, rng), 1e-12),
    "xavier_uniform": (lambda rng: (3, 4, rng), 1e-12),
    "numerical_gradient": (lambda rng: (_bowl, rng.normal(size=(5, 4))), 1e-6),  # measured with another step
    "relative_error": (lambda rng: (rng.normal(size=(5, 4)), rng.normal(size=(5, 4))), 1e-12),
}


def twin_faults(run: Run) -> list[str]:
    """Functions that a lesson defines under a name of the package, and that give other numbers."""
    faults = []
    for index, name, derived in run.functions:
        if (kept := in_package(name)) is not None:
            faults += [f"cell {index}: {fault}" for fault in _differences(name, derived, kept)]
    return faults


def in_package(name: str) -> Any:
    """What the package keeps under a name, None where it keeps nothing."""
    for room in (functional, numeric, gradcheck, nn, optim):
        found = getattr(room, name, None)
        if getattr(found, "__module__", "").startswith(room.__name__):
            return found
    return None


def _differences(name: str, derived: Any, kept: Any) -> list[str]:
    is_operation = name.removesuffix("_backward") in OPERATIONS
    if not inspect.isfunction(derived) or not (is_operation or name in BESIDES):
        return [f"{name} is defined under a name of the package: tell BESIDES what to compare it on"]
    if list(inspect.signature(derived).parameters) == ["dz", "a", "W"]:
        derived = _by_rows(derived)
    rtol = 1e-12 if is_operation else BESIDES[name][1]
    for seed in range(5):
        ours, theirs = _results(name, derived, seed), _results(name, kept, seed)
        if len(ours) != len(theirs) or not all(
            np.shape(a) == np.shape(b) and np.allclose(a, b, rtol=rtol, atol=rtol)
            for a, b in zip(ours, theirs, strict=True)
        ):
            return [f"{name} gives other numbers than the package's"]
    return []


def _by_rows(backward: Any) -> Any:
    """Lesson 05's backward pass of a layer takes one example; here it is called for each of a batch."""

    def whole(dout: np.ndarray, x: np.ndarray, W: np.ndarray) -> tuple[Any, ...]:
        da, dW, db = zip(*(backward(dz, a, W) for dz, a in zip(dout, x, strict=True)), strict=True)
        return np.array(da), sum(dW), sum(db)

    return whole


def _results(name: str, function: Any, seed: int) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)  # afresh for each function: a generator has a memory
    if name in BESIDES:
        result = function(*BESIDES[name][0](rng))
    else:
        operation = OPERATIONS[name.removesuffix("_backward")]
        F = types.SimpleNamespace(**vars(functional) | {name: function})
        given = operation.sample(rng, n=5, d=4)
        dout = rng.normal(size=np.shape(operation.reference(**given)))
        backward = name.endswith("_backward")
        result = operation.backward(F, dout, **given) if backward else operation.forward(F, **given)
    return result if isinstance(result, tuple) else (result,)
