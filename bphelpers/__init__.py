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

_CORE = ("autodiff", "data", "functional", "nn", "numeric", "optim", "scale", "training")
_TEACHING = ("claims", "counting", "exercises", "gradcheck", "plots", "results", "trace", "widgets")

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

    ImportError, with the line that mends it, where one is too old. [00]
    """
    if too_old := _too_old():
        raise ImportError("; ".join(too_old))
    from bphelpers.teaching.plots import use_style

    use_style()


def _too_old() -> list[str]:
    """What is older than the package's metadata ask for, and what to do about it."""
    import platform
    import re
    import sys
    from importlib import metadata

    def release(version: str) -> list[int]:
        return [int(part) for part in re.findall(r"\d+", version)]

    try:
        declared = metadata.metadata(__name__)
    except metadata.PackageNotFoundError:  # used from its folder: nothing is declared
        return []
    faults, upgrades = [], []
    for text in (f"Python{declared['Requires-Python']}", *(declared.get_all("Requires-Dist") or ())):
        floor = re.fullmatch(r"([\w-]+)>=([\d.]+)", text)
        if floor is None:
            continue  # an extra: no lesson imports it
        name, oldest = floor.groups()
        # What is loaded counts: it is older than what is installed after an upgrade without a new kernel.
        loaded = getattr(sys.modules.get(name), "__version__", None)
        found = platform.python_version() if name == "Python" else loaded or metadata.version(name)
        if release(found) >= release(oldest):
            continue
        if name == "Python":
            faults.append(f"Python must be {oldest} or newer, got {found}; start Jupyter with a newer one")
        else:
            faults.append(f"{name} must be {oldest} or newer, got {found}")
            upgrades.append(f'"{text}"')
    if upgrades:
        faults.append(f"run %pip install --upgrade {' '.join(upgrades)} in a cell, then restart the kernel")
    return faults
