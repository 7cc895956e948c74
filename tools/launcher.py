"""What run.py does: make the environment once, then start JupyterLab, the tests and the rest in it.

Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tools import copies

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LAB_LOCK = ROOT / "requirements-lab.lock"  # what a reader needs: part of the other
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "installed.stamp"  # written last: says which lock this environment was made from
UNFINISHED = VENV / "installing"  # there while packages are installed; one found: it was cut short
LOG = VENV / "install.log"
SETTINGS = VENV / "settings"  # where the home folder cannot be written to
MINE = ROOT / "my"  # the learner's own copies of the lessons: what is written there changes nothing here
FIRST_LESSON = f"{MINE.name}/00_start_here.ipynb"
# For the small lock and for the large: the environment takes 460 or 760, downloads and unpacking the rest.
NEEDED_MB = (700, 1200)
OLDEST = (3, 11)  # also in run.py, which an older one can read
NEWEST_TESTED = (3, 15)

COMMANDS = {
    "lab": "open the course in JupyterLab (installs what it needs the first time)",
    "test": "run every test, every docstring example and every lesson; further arguments go to pytest",
    "test-all": "the same, all mutants, all lessons in Chromium, and each Python found here: takes an hour",
    "check": "one lesson: its rules, its outputs, its claims, its page (check 05)",
    "lint": "check style and types, and the workflows",
    "notebooks": "execute the lessons again and store their outputs (notebooks 05: only lesson 05)",
    "lock": "resolve both lock files anew from pyproject.toml",
    "test-matrix": "run the tests on Python 3.11 to 3.15 and with the oldest allowed dependencies",
    "test-wheel": "build the package as for the package index, and run the lessons with it alone",
    "test-wasm": "every lesson under WebAssembly, compared with its stored outputs (test-wasm 05)",
    "lite": "build JupyterLite with the course in it (lite FOLDER; lite --help)",
    "site": "make the course's pages in build/site/html (site 05: only lesson 05, to look at it)",
    "test-site": "look at every page of the built site in Chromium; further arguments go to pytest",
    "bench": "measure speed against other libraries",
    "clean": "remove the environment and all caches",
}


# What pip, venv and the system say when they fail, and what helps.
CAUSES = {
    r"No space left|Errno 28|disk full|WinError 112": "no space left on the disk; make room, run again",
    r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerification": (
        "the network's certificate is not trusted (is there a proxy?); tell pip of it, for example with "
        "PIP_CERT=/path/to/certificates.pem, and run this again"
    ),
    r"NewConnectionError|name resolution|NameResolution|getaddrinfo|ConnectTimeout|ReadTimeout|ProxyError"
    # The last one: no version at all of a package that is locked, so the index was not reached.
    r"|timed out|from versions: none|Connection refused|ConnectionError"
    r"|Connection broken|ConnectionReset|Network is unreachable": (
        "no network: the packages could not be downloaded; connect to the Internet (behind a proxy, set "
        "HTTPS_PROXY) and run this again"
    ),
    r"Permission denied|Errno 13|Read-only file system": (
        f"{ROOT} cannot be written to; copy the course to a folder of your own and run this again"
    ),
    r"do not match the hashes": (
        "a downloaded file is not the one in the lock file; run this again, and if it stays so, report it"
    ),
}


class Problem(Exception):
    """Something the reader of the terminal can mend; its text is one line that says how."""


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the exit status."""
    listing = "\n".join(f"  {name:<12} {what}" for name, what in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="run.py",
        description="Backpropagation by hand: a course that runs.",
        epilog=f"commands:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="command", help="one of those below")
    # Not argparse.REMAINDER: options meant for pytest or JupyterLab pass through untouched.
    known, rest = parser.parse_known_args(list(arguments) or ["--help"])
    if sys.version_info[:2] > NEWEST_TESTED:
        version, newest = (".".join(map(str, pair)) for pair in (sys.version_info[:2], NEWEST_TESTED))
        print(
            f"Python {version} is newer than what the course was tested on (up to {newest}); going on.",
            file=sys.stderr,
        )
    try:
        return dispatch(known.command, rest)
    except Problem as problem:
        print(f"run.py {known.command}: {problem}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"run.py {known.command}: {explain(str(error), 'the system refused')}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(file=sys.stderr)  # leave the ^C on a line of its own
        return 130


def dispatch(command: str, rest: list[str]) -> int:
    """Do what the command says."""
    if command == "clean":
        return clean()
    python = ensure_environment(LAB_LOCK if command == "lab" else LOCK)
    if command == "lab":
        if not home_is_writable():
            print(f"Your home folder cannot be written to: Jupyter keeps its settings in {SETTINGS}.")
        print("JupyterLab starts. Press Ctrl-C in this window to stop it.", flush=True)
        for line in copies.refresh(ROOT / "notebooks", MINE):
            print(line, flush=True)
        become(lab_command(python, rest))
    if command == "test-all":
        return test_all(python, rest)
    if command == "lint":
        return lint(python)
    if command == "lock":
        return lock(python, rest)
    if command == "bench":
        return bench(python, rest)
    if command in ("test-matrix", "test-wheel"):
        ensure_group(python, "dev", "nox")
    if command in ("site", "test-site"):
        ensure_group(python, "site", "axe_playwright_python, myst_nb, sphinx_book_theme, sphinxcontrib.katex")
    modules = {
        "check": ["tools.course.check"],
        "site": ["tools.site"],
        "test-site": ["pytest", "--site=build/site/html", "tests/test_site.py", "-s"],
        "notebooks": ["tools.notebooks"],
        "test-matrix": ["nox"],
        "test-wheel": ["nox", "--session", "wheel"],
        "test-wasm": ["tools.wasm"],
        "lite": ["tools.lite"],
    }
    become([python, "-m", *modules[command], *rest] if command in modules else test_command(python, rest))


# ---------------------------------------------------------------------------------------------- environment


def ensure_environment(lock: Path) -> str:
    """Return the environment's Python; install the versions of the lock where that has not been done."""
    installed = STAMP.read_text(encoding="utf-8") if STAMP.is_file() and venv_python().exists() else ""
    if installed in (fingerprint(lock), fingerprint(LOCK)):
        return str(venv_python())
    check_space(NEEDED_MB[lock == LOCK])
    if UNFINISHED.exists() or not usable(venv_python()):
        create_environment()
    # What only adds to a reader's environment leaves it valid, so that `lab` works offline if that fails.
    adds = installed == fingerprint(LAB_LOCK) and STAMP.exists()
    UNFINISHED.touch()
    if not adds:
        STAMP.unlink(missing_ok=True)
    what = "the packages that the tests need" if adds else "the course's packages"
    print(f"Installing {what} into .venv. This happens once and takes a minute or two.", flush=True)
    try:
        pip("install", "--require-hashes", "-r", str(lock))
    except Problem:
        if adds:
            UNFINISHED.unlink()
        raise
    pip("install", "--no-deps", "--no-build-isolation", "--quiet", "-e", str(ROOT))
    # Stamp first, marker last: whatever moment is cut short, the next start sees an unfinished installation.
    replace_text(STAMP, fingerprint(lock))
    UNFINISHED.unlink()
    LOG.unlink(missing_ok=True)
    return str(venv_python())


def fingerprint(lock: Path) -> str:
    """Tell apart environments that need not be made again from those that do."""
    digest = hashlib.sha256()
    for path in (lock, ROOT / "pyproject.toml"):
        digest.update(path.read_bytes())
    digest.update(str(ROOT).encode())  # the editable install holds this path: a moved folder installs again
    return digest.hexdigest()


def venv_python() -> Path:
    """Path of the environment's own Python."""
    return VENV / "Scripts" / "python.exe" if os.name == "nt" else VENV / "bin" / "python"


def usable(python: Path) -> bool:
    """Whether this is a Python of a supported version with a working pip."""
    test = f"import sys, pip; sys.exit(sys.version_info[:2] < {OLDEST})"
    return python.exists() and subprocess.run([str(python), "-c", test], capture_output=True).returncode == 0


def create_environment() -> None:
    """Make an empty .venv, in place of whatever was there."""
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            version = f"{sys.version_info[0]}.{sys.version_info[1]}"
            raise Problem(
                f"this Python ({sys.executable}) comes without its {module} module; install it "
                f"(Debian, Ubuntu: apt install python{version}-venv) and run this again"
            )
    done = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        raise Problem(explain(done.stderr + done.stdout, "the folder .venv could not be made"))


def check_space(needed: int) -> None:
    """Stop before a disk runs full half-way."""
    free = shutil.disk_usage(ROOT).free // 2**20
    if free < needed and not STAMP.exists():
        raise Problem(
            f"no space: {free} MB are free in {ROOT} and about {needed} are needed; make room, run again"
        )


def pip(*arguments: str) -> None:
    """Run the environment's pip: its progress is shown, its complaints become one line."""
    command = [str(venv_python()), "-m", "pip", *arguments, "--disable-pip-version-check", "--no-input"]
    # PIP_USER: a personal setting that asks for --user installs cannot be obeyed inside an environment.
    env = {**environment(), "PIP_USER": "0"}
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", env=env)
    if done.returncode:
        with contextlib.suppress(OSError):  # the disk may be what is full
            LOG.write_text(done.stderr, encoding="utf-8")
        raise Problem(explain(done.stderr, "pip could not install the packages") + f" (all it said: {LOG})")


def explain(log: str, what: str) -> str:
    """One line for what went wrong: the usual causes by name, any other by its own last words."""
    for pattern, advice in CAUSES.items():
        if re.search(pattern, log, re.IGNORECASE):
            return advice
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines or ["no message"]
    return f"{what}: {errors[-1]}"


def ensure_group(python: str, group: str, module: str) -> None:
    """Install a dependency group that only one command needs, unless it is there."""
    found = subprocess.run([python, "-c", f"import {module}"], capture_output=True)
    if found.returncode:
        print(f"Installing what this command needs (the group {group!r} in pyproject.toml).", flush=True)
        # Read here: a pip older than 25.1, which most Pythons bring, does not know --group.
        groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
        pip("install", *groups[group])


def replace_text(path: Path, text: str) -> None:
    """Write a file in one step: it is there whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


# ------------------------------------------------------------------------------------------------- commands


def environment() -> dict[str, str]:
    """Return the environment variables for whatever is started."""
    env = dict(os.environ)
    # One BLAS thread: at this course's sizes more threads only wait for each other, and with one the terms
    # of a sum are added in one order, so stored numbers repeat. Who sets the variable keeps their setting.
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        env.setdefault(name, "1")
    # Settings of another Python on this machine must not reach into the course's own.
    # And without compiled files each process of the tests would spend seconds on compiling them again.
    for name in ("PYTHONHOME", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"):
        env.pop(name, None)
    # JupyterLab's settings for the course: tools/jupyter/jupyter_server_config.py says which and why.
    paths = [str(ROOT / "tools" / "jupyter"), env.get("JUPYTER_CONFIG_PATH", "")]
    env["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    if not home_is_writable():
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR", "MPLCONFIGDIR"):
            env.setdefault(name, str(SETTINGS / name.lower()))
    return env


def home_is_writable() -> bool:
    """Whether a file can be made there; permissions alone do not say (read-only disks, network drives)."""
    try:
        with tempfile.TemporaryFile(dir=os.path.expanduser("~")):
            return True
    except OSError:
        return False


def lab_command(python: str, rest: Sequence[str] = ()) -> list[str]:
    """Return the command that serves lesson 00 in JupyterLab."""
    command = [python, "-m", "jupyterlab", f"--ServerApp.root_dir={ROOT}"]
    command.append(f"--LabApp.default_url=/lab/tree/{FIRST_LESSON}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # a container or a classroom server: Jupyter refuses root unless told
    if not has_display():
        command.append("--no-browser")  # it then prints the address
    return [*command, *rest]


def has_display() -> bool:
    """Whether a browser could open a window here."""
    if os.name == "nt" or sys.platform == "darwin":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def test_command(python: str, rest: Sequence[str] = ()) -> list[str]:
    """Return the command that runs all tests; pyproject.toml says what they are."""
    workers = min(4, os.cpu_count() or 1)
    # loadfile: the cells of one notebook share a kernel, so they stay with one worker, in order.
    command = [python, "-m", "pytest", "-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder"]
    command += ["--durations", "10"]
    return [*command, *rest]


def test_all(python: str, rest: Sequence[str] = ()) -> int:
    """Run everything there is on this Python, then what `test` runs on each Python found here."""
    here = run(test_command(python, ["--all", *rest]))
    ensure_group(python, "dev", "nox")
    return run([python, "-m", "nox"]) or here


def lint_commands(python: str) -> list[list[str]]:
    """Return the linters' commands; tests/test_ground.py runs the same ones."""
    # The schema comes with the linter: nothing is fetched.
    schema = "vendor.github-workflows"
    workflows = sorted(str(path) for path in (ROOT / ".github" / "workflows").glob("*.yml"))
    return [
        [python, "-m", "ruff", "check", "--quiet", "."],
        [python, "-m", "mypy", "--no-error-summary"],
        [python, "-m", "check_jsonschema", "--quiet", "--builtin-schema", schema, *workflows],
    ]


def lint(python: str) -> int:
    """Run all linters, also after one has failed."""
    failed = [command[2] for command in lint_commands(python) if run(command)]
    print(f"failed: {', '.join(failed)}" if failed else "ruff, mypy and check-jsonschema have nothing to say")
    return 1 if failed else 0


def lock(python: str, rest: Sequence[str]) -> int:
    """Resolve both locks for all Pythons and systems: first the whole, then a reader's part of it."""
    ensure_group(python, "dev", "uv")
    compile_ = [python, "-m", "uv", "pip", "compile", "pyproject.toml", "--universal", "--python-version"]
    compile_ += ["3.11", "--extra", "lab", "--extra", "scale", "--group", "build", "--generate-hashes"]
    compile_ += ["--no-emit-index-url"]
    compile_ += ["--quiet", "--custom-compile-command", "make lock"]
    return run([*compile_, "--group", "test", "--output-file", LOCK.name, *rest]) or run(
        [*compile_, "--constraints", LOCK.name, "--output-file", LAB_LOCK.name]
    )


def bench(python: str, rest: Sequence[str]) -> int:
    """Run each file in benchmarks/."""
    ensure_group(python, "bench", "micrograd")
    return max(run([python, str(path), *rest]) for path in sorted((ROOT / "benchmarks").glob("[!_]*.py")))


def clean() -> int:
    """Remove what can be made again; the lessons and their outputs stay."""
    names = (".venv", ".nox", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", "build", "dist")
    rooms = (ROOT / room for room in ("bphelpers", "tests", "tools", "benchmarks"))
    caches = [path for room in rooms for path in room.rglob("__pycache__")]
    for path in [*(ROOT / name for name in names), ROOT / "__pycache__", *caches]:
        shutil.rmtree(path, ignore_errors=True)
    return 0


def run(command: Sequence[str]) -> int:
    """Run a command to its end and return its status."""
    return subprocess.run(list(command), cwd=ROOT, env=environment()).returncode


def become(command: Sequence[str]) -> NoReturn:
    """Hand this process over to a command, so that signals and the exit status are the command's own."""
    sys.stdout.flush()
    if os.name != "nt":
        os.chdir(ROOT)
        os.execve(command[0], list(command), environment())
    # Windows has no exec that keeps the console: wait instead, and leave Ctrl-C to the command.
    with subprocess.Popen(list(command), cwd=ROOT, env=environment()) as process:
        while process.poll() is None:
            try:
                process.wait()
            except KeyboardInterrupt:
                continue
    sys.exit(process.returncode)
