"""`make test-matrix`: all tests on each supported Python found here, and with the oldest dependencies."""

from __future__ import annotations

import os
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = False  # what is not here is reported as skipped

# pyenv puts stand-ins on the PATH that refuse to run any version but the chosen one. The real first.
found = sorted(Path.home().glob(".pyenv/versions/3.1[1-5].*/bin"))
os.environ["PATH"] = os.pathsep.join([*map(str, found), os.environ["PATH"]])
os.environ.setdefault("UV_PYTHON_DOWNLOADS", "never")

PYTEST = ("python", "-m", "pytest", "-n", "2", "--dist", "loadfile")


@nox.session(python=["3.11", "3.12", "3.13", "3.14", "3.15"])
def tests(session: nox.Session) -> None:
    """The locked versions."""
    session.install("--require-hashes", "-r", "requirements.lock")
    session.install("--no-deps", "--no-build-isolation", "-e", ".")
    session.run(*PYTEST, *session.posargs)


@nox.session(python="3.11")
def oldest(session: nox.Session) -> None:
    """The oldest version of everything that pyproject.toml allows: its floors are tested, not guessed."""
    session.install("--resolution", "lowest-direct", "-e", ".[lab,scale,test]")
    # Other versions of the linters have other opinions, and an old matplotlib calls a new pyparsing by names
    # that are deprecated there: neither is what a floor is about.
    session.run(*PYTEST, "-m", "not lint", "-W", "ignore::DeprecationWarning", *session.posargs)
