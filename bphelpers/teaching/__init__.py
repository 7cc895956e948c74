"""The teaching apparatus: what asks, shows and diagnoses. It imports the core, never the other way.

A lesson's set-up cell takes what it asks with from here: ``from bphelpers.teaching import check, predict``.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bphelpers.teaching.exercises import agree, check, predict, yours

_ROOMS = ("counting", "exercises", "gradcheck", "plots", "trace", "widgets", "trial", "audit", "claims")

__all__ = [*_ROOMS, "agree", "check", "predict", "yours"]


def __getattr__(name: str) -> Any:
    # Loaded when first asked for, so that one room does not bring in the libraries of another.
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name in __all__:
        return getattr(importlib.import_module(f"{__name__}.exercises"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
