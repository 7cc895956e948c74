"""`make test-matrix`: all tests on each supported Python found here, and with the oldest dependencies.

`make test-wheel`: the package as it would be on the package index.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = False  # what is not here is reported as skipped

# pyenv puts stand-ins on the PATH that refuse to run any version but the chosen one. The real first.
found = sorted(Path.home().glob(".pyenv/versions/3.1[1-5].*/bin"))
os.environ["PATH"] = os.pathsep.join([*map(str, found), os.environ["PATH"]])
os.environ.setdefault("UV_PYTHON_DOWNLOADS", "never")

ROOT = Path(__file__).resolve().parent
DIST = ROOT / "dist"
PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]
TEST = nox.project.load_toml(ROOT / "pyproject.toml")["dependency-groups"]["test"]
PYTEST = ("python", "-m", "pytest", "-n", "2", "--dist", "loadfile")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The locked versions."""
    session.install("--require-hashes", "-r", "requirements.lock")
    session.install("--no-deps", "--no-build-isolation", "-e", ".")
    session.run(*PYTEST, *session.posargs)


@nox.session(python="3.11")
@nox.parametrize("extras", ["lab,scale", "scale"])
def oldest(session: nox.Session, extras: str) -> None:
    """The oldest version of everything that pyproject.toml allows: its floors are tested, not guessed.

    The extra `lab` asks for a newer ipywidgets than the package alone, which must do with the one on Colab.
    """
    session.install("--resolution", "lowest-direct", "-e", f".[{extras}]", "--group", "test")
    # Other versions of the linters have other opinions, and an old matplotlib calls a new pyparsing by names
    # that are deprecated there: neither is what a floor is about.
    chosen = "not lint" if "lab" in extras else "not lint and not browser"
    session.run(*PYTEST, "-m", chosen, "-W", "ignore::DeprecationWarning", *session.posargs)


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """`make test-wheel`: the files for the package index, and what three linters say of them."""
    session.install("--group", "wheel")
    shutil.rmtree(DIST, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(DIST))  # the wheel is made from the sdist
    (sdist,), (wheel,) = DIST.glob("*.tar.gz"), DIST.glob("*.whl")
    session.run("twine", "check", "--strict", str(sdist), str(wheel))
    session.run("check-wheel-contents", str(wheel))
    # The one test left out asks for an author's e-mail address, which the course has not.
    session.run("pyroma", "--min", "10", "--skip-tests", "AuthorEmail", str(sdist))


@nox.session(default=False, requires=["build"])
@nox.parametrize(
    ("python", "packages"),
    # Nothing on Colab's list has been built for a Python newer than Colab's.
    [*((python, "newest") for python in PYTHONS), ("3.11", "colab"), ("3.13", "colab")],
    ids=[*(f"{python}, newest" for python in PYTHONS), "3.11, colab", "3.13, colab"],
)
def wheel(session: nox.Session, packages: str) -> None:
    """`make test-wheel`: the wheel alone, far from this folder, gives every stored output of every lesson."""
    (built,) = DIST.glob("*.whl")
    if packages == "colab":  # to what is there only one package is added, and that is enough
        session.install("-r", "tools/colab.txt")
        session.install("--no-deps", str(built))
        session.run("uv", "pip", "check", external=True)
    else:
        session.install(f"{built}[scale]")
    session.install("ipykernel", "pytest", *(text for text in TEST if text.startswith("nbval")))
    with tempfile.TemporaryDirectory() as elsewhere:
        shutil.copytree("notebooks", f"{elsewhere}/notebooks")
        session.chdir(elsewhere)
        Path("pytest.ini").write_text("[pytest]\n", encoding="utf-8")  # not the settings of a folder above
        session.run("python", "-c", "import bphelpers; assert 'site-packages' in bphelpers.__file__")
        command = ("python", "-m", "pytest", "-p", "no:cacheprovider", "--nbval", "--nbval-current-env")
        # No progress bar, whatever the machine's speed: conftest.py says why.
        session.run(*command, "--nbval-cell-timeout=120", *session.posargs, env={"TQDM_DISABLE": "1"})
