"""Backpropagation by hand: the small helper package of the course.

The functions that lessons use name the lesson that derives or first uses them; all derivatives are checked
against finite differences and against an independent oracle. Start with ``notebooks/00_start_here.ipynb``.

>>> import bphelpers as bp
>>> float(bp.functional.sigmoid(0.0))
0.5
"""

import importlib
from types import ModuleType

import numpy as _np  # noqa: F401  the one thing that importing bphelpers costs

__version__ = "0.1.0"

_CORE = ("data", "functional", "nn", "numeric", "optim", "training")
_TEACHING = ("counting", "exercises", "gradcheck", "plots", "results", "trace", "widgets")

__all__ = [*_CORE, *_TEACHING, "setup"]


def __getattr__(name: str) -> ModuleType:
    # Submodules load when first asked for: matplotlib and ipywidgets cost nothing until a lesson draws.
    if name in _CORE:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _TEACHING:
        return importlib.import_module(f"{__name__}.teaching.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def setup() -> None:
    """Prepare a lesson: the course's figure style, and a check that Python and the packages are new enough.

    Lesson: 00_start_here.
    """
    from bphelpers.teaching.plots import use_style

    use_style()
