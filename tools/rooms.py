"""Folders in build/ with packages that only one command needs, apart from the course's own environment."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def anywhere(python: str) -> list[str]:
    """Return pip's options for pure wheels, as they are right for another system and another Python."""
    kind = ["--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none"]
    return [*kind, f"--python-version={python}"]


class Problem(Exception):
    """What stops a command; its text says what to do."""


def run(command: list[str], what: str, **options: Any) -> None:
    """Run a command to its end; `what` is what could not be done if it fails."""
    if subprocess.run(command, **options).returncode:
        raise Problem(f"{what}; the reason stands above: mend it and run this again")


def pip(command: str, *arguments: str) -> None:
    """Let this Python's pip do something."""
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    run([sys.executable, "-m", "pip", command, *quiet, *arguments], f"pip {command} failed")


def install(where: Path, *what: str) -> None:
    """Install packages into a folder, unless it holds exactly these."""
    stamp = where / "installed"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == " ".join(what):
        return
    shutil.rmtree(where, ignore_errors=True)
    print(f"Installing {what[0]} into {where.relative_to(ROOT)}.", flush=True)
    pip("install", "--target", str(where), *what)
    stamp.write_text(" ".join(what), encoding="utf-8")


def pinned(*names: str) -> list[str]:
    """Requirements for these packages in the versions that the lock names."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return [re.findall(rf"^{re.escape(name)}==[^\s;]+", lock, re.MULTILINE)[0] for name in names]
