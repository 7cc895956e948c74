"""The ground the course stands on: what is declared, locked, imported and started."""

from __future__ import annotations

import ast
import contextlib
import email
import email.message
import functools
import importlib.metadata
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import numpy as np
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import bphelpers as bp
from conftest import find_chromium, has_torch
from tools import launcher, notebooks

pytest_plugins = "pytester"
ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT, BUILD = PYPROJECT["project"], PYPROJECT["build-system"]["requires"]
EXTRAS, GROUPS = PROJECT["optional-dependencies"], PYPROJECT["dependency-groups"]
LAB_LOCK, LOCK = (path.read_text(encoding="utf-8") for path in (launcher.LAB_LOCK, launcher.LOCK))
PYTHONS = [f"3.{minor}" for minor in range(launcher.OLDEST[1], launcher.NEWEST_TESTED[1] + 1)]


def write_notebook(path: Path, *sources: str, tags: tuple[str, ...] = ()) -> Path:
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)}) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


# --- what is declared and locked ---


def specs(requirements: list[str]) -> dict[str, str]:
    parsed = [Requirement(text) for text in requirements]
    return {canonicalize_name(one.name): str(one.specifier) for one in parsed}


def conda_faults(environment: dict) -> list[str]:
    """Where environment.yml says something else than pyproject.toml."""
    names = {"matplotlib": "matplotlib-base"}  # conda-forge's name for it without a desktop toolkit
    expected = specs([*PROJECT["dependencies"], *EXTRAS["lab"], *EXTRAS["scale"], *BUILD])
    expected = {names.get(name, name): spec for name, spec in expected.items()}
    expected["python"] = str(Requirement(f"python{PROJECT['requires-python']}").specifier)
    plain = [entry for entry in environment["dependencies"] if isinstance(entry, str) and entry != "pip"]
    found = specs(plain)
    faults = [] if environment["channels"] == ["conda-forge"] else ["channels"]
    faults += [
        f"{name}: {found.get(name)} is not {expected.get(name)}"
        for name in sorted(expected | found)
        if found.get(name) != expected.get(name)
    ]
    if {"pip": ["-e ."]} not in environment["dependencies"] or "pip" not in environment["dependencies"]:
        faults.append("pip: -e . is missing")
    return faults


def test_conda_route_says_what_pyproject_says() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert conda_faults(environment) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("numpy >=2.0", "numpy >=2.1"),
        ("tqdm >=4.66", "tqdm"),
        ("  - anywidget >=0.9.13\n", ""),
        ("  - pip:", "  - scipy >=1.0\n  - pip:"),
        ("python >=3.11", "python >=3.11,<3.15"),
        ("-e .", "bphelpers"),
    ],
)
def test_conda_comparison_sees_a_difference(old: str, new: str) -> None:
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert old in text
    assert conda_faults(yaml.safe_load(text.replace(old, new))) != []


def test_run_time_dependencies_are_few() -> None:
    assert set(specs(PROJECT["dependencies"])) == {"numpy", "matplotlib", "ipywidgets", "anywidget", "tqdm"}


def test_one_range_of_pythons_everywhere() -> None:
    assert PROJECT["requires-python"] == ">=" + ".".join(map(str, launcher.OLDEST))
    assert f"sys.version_info[:2] < {launcher.OLDEST}" in (ROOT / "run.py").read_text(encoding="utf-8")
    assert PYTHONS[0] == "3.11" and PYTHONS[-1] == "3.15"
    assert f"PYTHONS = {json.dumps(PYTHONS)}" in (ROOT / "noxfile.py").read_text(encoding="utf-8")


def locked(lock: str) -> dict[str, list[Requirement]]:
    found: dict[str, list[Requirement]] = {}
    for line in re.findall(r"^([A-Za-z0-9].*?)(?: \\)?$", lock, flags=re.MULTILINE):
        requirement = Requirement(line)
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def pinned_files(lock: str) -> dict[str, set[str]]:
    """The hashes of each pin of a lock."""
    blocks = re.split(r"\n(?=[A-Za-z0-9])", lock)[1:]
    return {block.split()[0]: set(re.findall(r"sha256:\w+", block)) for block in blocks}


@pytest.mark.parametrize("lock", [LAB_LOCK, LOCK], ids=["lab", "whole"])
def test_lock_pins_everything_with_hashes_and_without_addresses(lock: str) -> None:
    for block in re.split(r"\n(?=[A-Za-z0-9])", lock)[1:]:
        assert re.match(r"[\w.-]+==[\w.]+( ; [^\\\n]+)? \\\n +--hash=sha256:[0-9a-f]{64}", block), block[:80]
    assert "://" not in lock
    assert not re.search(r"--(extra-)?index-url|--find-links|(^|\s)-[if]\s|@ ", lock)
    assert "make lock" in lock[:200]


@pytest.mark.parametrize(("lock", "more"), [(LAB_LOCK, []), (LOCK, GROUPS["test"])], ids=["lab", "whole"])
def test_lock_holds_what_pyproject_asks_for(lock: str, more: list[str]) -> None:
    found = locked(lock)
    for text in [*PROJECT["dependencies"], *BUILD, *EXTRAS["lab"], *EXTRAS["scale"], *more]:
        requirement = Requirement(text)
        pins = found.get(canonicalize_name(requirement.name))
        assert pins, f"{text} is not locked: make lock"
        assert all(requirement.specifier.contains(str(pin.specifier)[2:]) for pin in pins), text


def test_readers_lock_is_a_part_of_the_whole() -> None:
    """So `make test` only adds to the environment of `make lab`."""
    part, whole = pinned_files(LAB_LOCK), pinned_files(LOCK)
    assert {pin: whole.get(pin) for pin in part} == part
    assert not {"pytest", "playwright", "mypy", "ruff", "hypothesis"} & set(locked(LAB_LOCK))


def test_lock_serves_every_supported_python_and_system() -> None:
    found = locked(LOCK)
    for version in (f"{python}.9" for python in PYTHONS):
        for system, os_name in (("linux", "posix"), ("darwin", "posix"), ("win32", "nt")):
            here = {
                "python_full_version": version,
                "python_version": version[:4],
                "sys_platform": system,
                "os_name": os_name,
                "platform_python_implementation": "CPython",
            }
            chosen = [pin for pin in found["numpy"] if pin.marker is None or pin.marker.evaluate(here)]
            assert len(chosen) == 1, (version, system)
    assert "colorama" in found
    assert "pywinpty" in found
    assert "jupyterlab-myst" not in found


# --- what imports what ---


# The rooms as the design draws them, from the ground up: the core, the teaching apparatus, the lessons.
CORE = ("arguments", "autodiff", "functional", "data", "numeric", "nn", "optim", "training", "scale")
TEACHING = ("results", "numbers", "wrapping", "counting", "gradcheck", "trace", "plots", "exercises",
            "widgets", "trial", "audit", "claims")  # fmt: skip
ROOMS = (*CORE, *(f"teaching.{room}" for room in TEACHING), "lessons")


def package_modules(package: Path) -> Iterator[tuple[str, ast.Module]]:
    """Each module's dotted name within the package (without bphelpers itself), and its syntax tree."""
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        yield ".".join(parts), ast.parse(path.read_text(encoding="utf-8"))


def room_of(dotted: str) -> str:
    """The room that a module stands in, by its dotted name within the package."""
    parts = dotted.split(".")
    return ".".join(parts[: 2 if parts[0] == "teaching" else 1])


def imported_rooms(module: str, tree: ast.Module) -> Iterator[str]:
    """The package's rooms that a module imports, also inside functions; '' is the package itself."""
    here = ["bphelpers", *module.split(".")]
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{start}.{alias.name}" for alias in node.names]
        for name in names:
            root, _, rest = name.partition(".")
            if root == "bphelpers":
                yield room_of(rest)


def layering_faults(package: Path) -> list[str]:
    """Imports that point up, and rooms that are on no list.

    Down means a room named earlier, or the room itself: gradcheck may use functional, and never the other way
    round. So there are no circles, and nothing of the core reaches over the wall.
    """
    faults = []
    for module, tree in package_modules(package):
        room = room_of(module)
        if room in ("__init__", "teaching.__init__"):
            continue  # the roofs: they name every room and load none
        if room not in ROOMS:
            faults.append(f"{module} is in no room")
            continue
        for target in imported_rooms(module, tree):
            if target not in ROOMS[: ROOMS.index(room) + 1]:
                faults.append(f"{module} imports {target or 'the package itself'}")
    return faults


def test_imports_point_downwards_only() -> None:
    assert layering_faults(ROOT / "bphelpers") == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("down/nn.py", "from bphelpers.functional import linear"),
        ("down/nn.py", "from . import data"),
        ("down/nn.py", "import numpy"),
        ("data.py", "from bphelpers import nn"),
        ("functional/losses.py", "from ..optim import SGD"),
        ("numeric.py", "from bphelpers.teaching import gradcheck"),
        ("training.py", "import bphelpers.teaching.gradcheck"),
        ("nn.py", "from bphelpers.lessons import lesson_05"),
        ("teaching/trace/steps.py", "from ..widgets import live"),
        ("teaching/plots/style.py", "from bphelpers.teaching import widgets"),
        ("teaching/helpers.py", ""),
        ("nn.py", "import bphelpers.training"),
        ("optim.py", "def step():\n    from bphelpers.training import fit"),
        ("plots.py", "import bphelpers as bp"),
        ("helpers.py", ""),
    ],
)
def test_layering_sees_an_upward_import_and_allows_one_down(tmp_path: Path, module: str, source: str) -> None:
    path = tmp_path / "bphelpers" / module.removeprefix("down/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
    assert len(layering_faults(tmp_path / "bphelpers")) == (not module.startswith("down/"))


# --- what an import costs ---


def import_times(statement: str) -> dict[str, int]:
    """Microseconds each module's import took, with everything it pulled in."""
    command = [sys.executable, "-X", "importtime", "-c", statement]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    rows = re.findall(r"^import time:\s+\d+ \|\s+(\d+) \| +(\S+)$", done.stderr, flags=re.MULTILINE)
    return {name: int(total) for total, name in rows}


def test_importing_the_package_loads_numpy_and_nothing_heavy() -> None:
    loaded = {name.split(".")[0] for name in import_times("import bphelpers")}
    assert {"bphelpers", "numpy"} <= loaded
    heavy = {"matplotlib", "ipywidgets", "anywidget", "traitlets", "IPython", "tqdm", "PIL", "scipy", "dask"}
    assert loaded & heavy == set()


def test_the_core_runs_without_the_teaching_apparatus() -> None:
    """The wall from the other side: what really loads, not what the text says."""
    loaded = import_times("import " + ", ".join(f"bphelpers.{room}" for room in CORE))
    assert "bphelpers.training" in loaded
    above = [name for name in loaded if name.startswith(("bphelpers.teaching", "bphelpers.lessons"))]
    assert above == []


def test_importing_the_package_costs_numpy_and_at_most_30_ms() -> None:
    # The best of several: a busy machine makes an import slower, never faster.
    best = float("inf")
    for _ in range(12):
        times = import_times("import bphelpers")
        best = min(best, (times["bphelpers"] - times["numpy"]) / 1000)
        if best <= 30:
            break
    assert best <= 30, f"importing bphelpers takes {best:.0f} ms on top of NumPy"


# --- what is installed, and how old it may be ---


def declare(monkeypatch: pytest.MonkeyPatch, python: str = PROJECT["requires-python"]) -> None:
    """Let the package's metadata be what pyproject.toml says, whenever it was installed."""
    declared = email.message.Message()
    declared["Requires-Python"] = python
    extras = [f"{text}; extra == '{extra}'" for extra, texts in EXTRAS.items() for text in texts]
    for text in [*PROJECT["dependencies"], *extras, "jupyterlab>=99; extra == 'lab'"]:
        declared["Requires-Dist"] = text
    monkeypatch.setattr(importlib.metadata, "metadata", lambda _: declared)


def test_setup_says_nothing_where_all_is_new_enough(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    declare(monkeypatch)
    bp.setup()
    monkeypatch.setattr(np, "__version__", "10.0.0rc1+local")
    bp.setup()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("module", "old"),
    [("numpy", "1.26.4"), ("matplotlib", "3.9.2"), ("ipywidgets", "7.6.5"), ("anywidget", "0.9.2")],
)
def test_setup_refuses_what_is_too_old(monkeypatch: pytest.MonkeyPatch, module: str, old: str) -> None:
    declare(monkeypatch)
    monkeypatch.setattr(importlib.import_module(module), "__version__", old)
    (floor,) = (text for text in PROJECT["dependencies"] if text.startswith(module))
    with pytest.raises(ImportError) as said:
        bp.setup()
    assert str(said.value) == (
        f"{floor.replace('>=', ' must be ')} or newer, got {old}; "
        f'run %pip install --upgrade "{floor}" in a cell, then restart the kernel'
    )


def test_setup_refuses_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, python=">=3.99")
    with pytest.raises(
        ImportError, match=r"^Python must be 3.99 or newer, got 3\.\d+.*; start Jupyter with a newer"
    ):
        bp.setup()


def test_setup_works_from_a_folder_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "metadata", missing)
    bp.setup()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_wheel_brings_the_extension_for_readers_who_hear_the_page(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    extension = "data/share/jupyter/labextensions/alternative-text"
    for file in ("package.json", "static/extension.js"):
        assert any(name.endswith(f"{extension}/{file}") for name in names)
    assert any(name.startswith("bphelpers/datasets/") for name in names)


def test_wheel_says_what_pyproject_says_with_absolute_addresses(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    said = email.message_from_bytes(wheel.read(name))
    needed = [text for text in said.get_all("Requires-Dist") if ";" not in text]
    assert sorted(needed) == sorted(PROJECT["dependencies"])
    assert set(said.get_all("Provides-Extra")) == {"lab", "scale"}, "tools for contributors are no extras"
    pythons = [f"Programming Language :: Python :: {python}" for python in PYTHONS]
    assert set(pythons) <= set(said.get_all("Classifier"))
    text = said.get_payload(decode=True).decode()
    links = re.findall(r"\]\(([^)]+)\)", text)
    source = PROJECT["urls"]["Source"]
    assert f"{source}/raw/main/docs/scrubber.png" in links and f"{source}/blob/main/CONTRIBUTING.md" in links
    assert [link for link in links if not re.match("https?://|#", link)] == []


# --- linters ---


@pytest.mark.lint
@pytest.mark.parametrize("command", launcher.lint_commands(sys.executable), ids=lambda command: command[2])
def test_linters_have_nothing_to_say(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


WORKFLOWS = {
    path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / ".github/workflows").glob("*.yml"))
}


@pytest.mark.lint
def test_workflow_linter_sees_a_fault(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS["test"].replace("runs-on:", "run-on:"), encoding="utf-8")
    command = launcher.lint_commands(sys.executable)[-1][: -len(WORKFLOWS)]
    assert command[2] == "check_jsonschema"
    assert subprocess.run([*command, str(broken)], capture_output=True).returncode != 0


def test_workflow_runs_the_same_commands_on_all_systems_and_pythons() -> None:
    told = yaml.safe_load(WORKFLOWS["test"])
    jobs = told["jobs"]
    assert {name: job["steps"][-1]["run"] for name, job in jobs.items()} == {
        "test": "python run.py test",
        "oldest": "python run.py test-matrix --session oldest",
        "test-all": "python run.py test-all",
    }
    matrix = jobs["test"]["strategy"]["matrix"]
    assert matrix["python"] == PYTHONS
    assert {system.split("-")[0] for system in matrix["os"]} == {"ubuntu", "macos", "windows"}
    assert told[True]["schedule"]  # YAML reads `on` as True
    assert all("schedule" in jobs[name]["if"] for name in ("oldest", "test-all"))


@pytest.mark.parametrize("text", WORKFLOWS.values(), ids=WORKFLOWS)
def test_a_workflow_says_that_it_was_not_run_and_may_do_little(text: str) -> None:
    assert text.startswith("# Not run where the course is developed")
    actions = re.findall(r"uses: (?!\./)(.*)", text)
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}  # v[\d.]+", action) for action in actions), actions
    told = yaml.safe_load(text)
    assert told["permissions"] in ({}, {"contents": "read"}) and "secrets." not in text
    asked = re.findall(r"run\.py ([\w-]+)", text)
    assert set(asked) <= set(launcher.COMMANDS), "a command that run.py does not know"
    for job in told["jobs"].values():
        assert "uses" in job or job["timeout-minutes"] <= 180


def test_a_release_is_what_was_tested_and_the_site_follows_it() -> None:
    told = yaml.safe_load(WORKFLOWS["release"])
    jobs = told["jobs"]
    assert told[True] == {"push": {"tags": ["v*"]}}
    assert [jobs[name]["needs"] for name in ("index", "pages", "downloads")] == ["build", "index", "pages"]
    tried = [step.get("run", "") for step in jobs["build"]["steps"]]
    assert "python run.py test" in tried and "python run.py test-wheel" in tried
    assert jobs["index"]["permissions"] == {"id-token": "write"}, "trusted publishing, and nothing else"
    assert set(yaml.safe_load(WORKFLOWS["pages"])[True]) == {"workflow_call", "workflow_dispatch"}


def test_everything_is_this_python_and_then_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    run: list[list[str]] = []
    monkeypatch.setattr(launcher, "ensure_group", lambda *_: None)
    monkeypatch.setattr(launcher, "run", lambda command: run.append(command) or len(run) == 1)
    assert launcher.test_all("python", ["-x"]) == 1, (
        "a failure here is kept, and the others are run all the same"
    )
    assert run[0][-2:] == ["--all", "-x"] and run[1] == ["python", "-m", "nox"]


# --- the launcher ---


def run_launcher(code: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run launcher.main in a process of its own, after some code that has changed what it stands on."""
    program = f"import sys\nfrom tools import launcher\n{code}\nsys.exit(launcher.main({list(arguments)!r}))"
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, env={**os.environ, **env}
    )


def assert_one_clear_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    for word in words:
        assert word in done.stderr


def elsewhere(folder: Path) -> str:
    """Code that lets the launcher make its environment in another folder."""
    return (
        "from pathlib import Path\n"
        f"launcher.VENV = Path({str(folder / 'env')!r})\n"
        "launcher.STAMP, launcher.UNFINISHED = launcher.VENV / 'stamp', launcher.VENV / 'installing'\n"
        "launcher.LOG = launcher.VENV / 'log'\n"
    )


def test_run_py_can_be_read_by_old_pythons() -> None:
    tree = ast.parse((ROOT / "run.py").read_text(encoding="ascii"), feature_version=(3, 6))
    new = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Match, ast.AsyncFunctionDef)
    assert not [node for node in ast.walk(tree) if isinstance(node, new)]


@pytest.mark.parametrize(
    ("version", "system", "command"),
    [
        ((2, 7), "linux", "python3.12 run.py lab"),
        ((3, 6), "darwin", "python3.12 run.py lab"),
        ((3, 10), "win32", "py -3.12 run.py lab"),
    ],
)
def test_old_python_is_one_clear_line(version: tuple[int, int], system: str, command: str) -> None:
    source = f"import sys; sys.version_info, sys.platform = {version}, {system!r}; import run"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, cwd=ROOT)
    assert_one_clear_line(done, "Python 3.11 or newer", f"{version[0]}.{version[1]} (", command)


def test_python_newer_than_tested_is_said_in_one_line_and_goes_on() -> None:
    code = "sys.version_info = (3, 16, 0)\nlauncher.clean = lambda: print('goes on') or 0"
    done = run_launcher(code, "clean")
    assert (done.returncode, done.stdout) == (0, "goes on\n")
    assert done.stderr == (
        "Python 3.16 is newer than what the course was tested on (up to 3.15); going on.\n"
    )
    assert run_launcher("launcher.clean = lambda: 0", "clean").stderr == ""


FIND = "find = launcher.importlib.util.find_spec\nlauncher.importlib.util.find_spec = "


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            FIND + "lambda name: None if name == 'venv' else find(name)",
            ("venv", "apt install python3", "-venv"),
        ),
        (
            FIND + "lambda name: None if name == 'ensurepip' else find(name)",
            ("ensurepip", "apt install python3"),
        ),
        ("launcher.NEEDED_MB = (10**12, 10**12)", ("no space",)),
    ],
)
def test_what_is_missing_is_one_clear_line(tmp_path: Path, changed: str, words: tuple[str, ...]) -> None:
    assert_one_clear_line(run_launcher(elsewhere(tmp_path) + changed, "lab"), *words)


def test_no_network_is_one_clear_line(tmp_path: Path) -> None:
    # A proxy that is not there stands for a network that is not there; nothing is sent to any other machine.
    proxy = "http://127.0.0.1:9"
    (tmp_path / "lock").write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    code = elsewhere(tmp_path) + f"launcher.LAB_LOCK = Path({str(tmp_path / 'lock')!r})"
    done = run_launcher(
        code,
        "lab",
        PIP_RETRIES="0",
        PIP_NO_CACHE_DIR="1",
        PIP_PROXY=proxy,
        PIP_CONFIG_FILE=os.devnull,
        PIP_NO_INDEX="0",
        PIP_FIND_LINKS="",
        NO_PROXY="",
        no_proxy="",
    )
    assert_one_clear_line(done, "no network", "run this again")
    assert "takes a minute" in done.stdout
    assert not (tmp_path / "env" / "stamp").exists()
    assert (tmp_path / "env" / "installing").exists()


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "no space"),
        ("SSLError(SSLCertVerificationError('CERTIFICATE_VERIFY_FAILED'))", "PIP_CERT"),
        ("PermissionError: [Errno 13] Permission denied: '.venv'", "folder of your own"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "lock file"),
        ("WARNING: x\nERROR: something new\n", "what: ERROR: something new"),
        ("", "what: no message"),
    ],
)
def test_other_failures_are_named(said: str, advice: str) -> None:
    explained = launcher.explain(said, "what")
    assert advice in explained
    assert "\n" not in explained


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the launcher takes for the course, with a finished environment of the small lock."""
    for name in ("pyproject.toml", "lab", "whole"):
        (tmp_path / name).write_text(name)
    names = {"LAB_LOCK": "lab", "LOCK": "whole", "STAMP": "stamp", "UNFINISHED": "installing", "LOG": "log"}
    for name, file in names.items():
        monkeypatch.setattr(launcher, name, tmp_path / file)
    monkeypatch.setattr(launcher, "ROOT", tmp_path)
    monkeypatch.setattr(launcher, "venv_python", lambda: Path(sys.executable))
    monkeypatch.setattr(launcher, "create_environment", lambda: pytest.fail("made from scratch"))
    launcher.STAMP.write_text(launcher.fingerprint(launcher.LAB_LOCK))
    return tmp_path


def test_finished_environment_is_not_made_again(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the stamp fits nothing is run; when the lock changes, it no longer fits."""
    monkeypatch.setattr(launcher.subprocess, "run", lambda *_, **__: pytest.fail("something was run"))
    assert launcher.ensure_environment(launcher.LAB_LOCK) == sys.executable
    launcher.STAMP.write_text(launcher.fingerprint(launcher.LOCK))
    assert launcher.ensure_environment(launcher.LAB_LOCK) == sys.executable  # the whole holds the part
    assert launcher.ensure_environment(launcher.LOCK) == sys.executable
    fits = launcher.fingerprint(launcher.LOCK)
    (course / "whole").write_text("c")
    assert launcher.fingerprint(launcher.LOCK) != fits


def test_what_the_tests_need_is_added_and_the_lab_outlives_a_failure(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: str) -> None:
        raise launcher.Problem("no network")

    monkeypatch.setattr(launcher, "pip", no_network)
    with pytest.raises(launcher.Problem):
        launcher.ensure_environment(launcher.LOCK)
    assert launcher.ensure_environment(launcher.LAB_LOCK) == sys.executable
    asked = []
    monkeypatch.setattr(launcher, "pip", lambda *arguments: asked.append(arguments[-1]))
    launcher.ensure_environment(launcher.LOCK)
    assert asked == [str(course / "whole"), str(course)]
    assert launcher.STAMP.read_text() == launcher.fingerprint(launcher.LOCK)
    assert not launcher.UNFINISHED.exists()


def test_what_is_started_uses_one_blas_thread_and_keeps_what_is_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert launcher.environment()["OPENBLAS_NUM_THREADS"] == "1"
    assert launcher.environment()["OMP_NUM_THREADS"] == "3"
    assert "PYTHONDONTWRITEBYTECODE" not in launcher.environment()


def test_without_a_writable_home_settings_go_into_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR", "MPLCONFIGDIR")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    assert launcher.home_is_writable()
    assert not set(names) & set(launcher.environment())
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "missing"))
    assert not launcher.home_is_writable()
    assert all(str(launcher.SETTINGS) in launcher.environment()[name] for name in names)
    monkeypatch.setenv("JUPYTER_DATA_DIR", "mine")
    assert launcher.environment()["JUPYTER_DATA_DIR"] == "mine"


@pytest.mark.skipif(os.name == "nt", reason="stopped with a signal that Windows does not have")
def test_lab_serves_lesson_00_offline(tmp_path: Path) -> None:
    """What `make lab` starts answers on the address it prints, asks no other machine, and ends on Ctrl-C."""
    display = {"DISPLAY", "WAYLAND_DISPLAY"}
    env = {name: value for name, value in launcher.environment().items() if name not in display}
    env.update(HOME=str(tmp_path), JUPYTER_RUNTIME_DIR=str(tmp_path), IPYTHONDIR=str(tmp_path))
    command = launcher.lab_command(sys.executable)
    if "--no-browser" not in command:
        command.append("--no-browser")
    # A shell that starts the tests in the background has them ignore Ctrl-C, and they would pass that on.
    heed_ctrl_c = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        command, env=env, cwd=ROOT, stderr=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c
    ) as process:
        try:
            address = re.compile(r"http://localhost:\d+(/\S+)\?token=\w+")
            match = next(filter(None, map(address.search, process.stderr)))
            assert match[1] == f"/lab/tree/{launcher.FIRST_LESSON}"
            page = fetch(match[0])
            settings = re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.DOTALL)
            config = json.loads(settings[1])
            assert config["news"] == {"disabled": True}
            assert config["extensionManager"]["can_install"] is False
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
    assert process.returncode == 0


def fetch(address: str) -> str:
    for _ in range(100):  # the address is printed a moment before the server listens
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=20) as answer:
            return answer.read().decode()
        time.sleep(0.1)
    raise AssertionError(f"nothing listens at {address}")


# --- executing the lessons ---


def test_execution_stores_outputs_in_one_form_and_strict_validation_accepts_it(
    tmp_path: Path, pytester: pytest.Pytester
) -> None:
    path = write_notebook(
        tmp_path / "00_small.ipynb",
        "import ipywidgets\nprint('a')\nprint('b', flush=True)\nprint('c')",
        "ipywidgets.IntSlider(3)",
        "import os\nos.environ.get('TQDM_DISABLE')",  # no progress bar, whatever the machine's speed
    )
    assert notebooks.execute(path) == []
    first = path.read_bytes()
    nb = nbformat.read(path, as_version=4)
    assert [cell.execution_count for cell in nb.cells] == [1, 2, 3]
    assert nb.metadata == notebooks.METADATA
    assert [output.text for output in nb.cells[0].outputs] == ["a\nb\nc\n"]
    assert list(nb.cells[1].outputs[0].data) == ["text/plain"]
    assert nb.cells[2].outputs[0].data == {"text/plain": "'1'"}
    assert first.endswith(b"}\n") and b"\r" not in first
    assert notebooks.execute(path) == []
    assert path.read_bytes() == first, "a second execution changed the file"
    options = ("-p", "no:cacheprovider", "--rootdir", tmp_path, "-c", ROOT / "pyproject.toml")
    pytester.runpytest_inprocess(*options, path).assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import warnings; warnings.warn('old')", "old"),
        ("import sys; print('hm', file=sys.stderr)", "hm"),
        ("import time; time.sleep(60)", "more than 2 s"),
        ("import os; os._exit(1)", "kernel died"),
    ],
)
def test_execution_refuses_and_leaves_the_file(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    complaint: str,
) -> None:
    path = write_notebook(tmp_path / "01_bad.ipynb", "x = 1", source)
    before = path.read_bytes()
    monkeypatch.setattr(notebooks.execute, "__defaults__", (2,))
    assert notebooks.main(["--folder", str(tmp_path), "01"]) == 1
    said = capsys.readouterr().err
    assert complaint in said
    assert "01_bad.ipynb" in said
    assert path.read_bytes() == before


def test_a_cell_that_is_meant_to_raise_may_raise(tmp_path: Path) -> None:
    path = write_notebook(tmp_path / "01_raises.ipynb", "1 / 0", tags=("raises-exception",))
    assert notebooks.execute(path) == []


def test_unknown_lesson_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert notebooks.main(["--folder", str(tmp_path), "77"]) == 1
    assert "77" in capsys.readouterr().err


def untidy() -> nbformat.NotebookNode:
    """A notebook with everything in it that editors leave behind."""
    code = nbformat.v4.new_code_cell("f()", execution_count=17)
    code.metadata = nbformat.from_dict({"execution": {"a": "b"}, "scrolled": True, "tags": ["t"]})
    code.outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="a"),
        nbformat.v4.new_output("stream", name="stdout", text="b"),
        nbformat.v4.new_output("stream", name="stderr", text="c"),
        nbformat.v4.new_output(
            "execute_result", {"text/plain": "W", notebooks.WIDGET_VIEW: {}}, execution_count=17
        ),
    ]
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# T"), code])
    language = {"name": "python", "version": "3.11.7"}
    nb.metadata = nbformat.from_dict({"widgets": {"x": 1}, "language_info": language})
    del nb.cells[0]["id"]
    return nb


def test_normalisation_is_idempotent_and_keeps_what_was_written() -> None:
    once = notebooks.dumps(notebooks.normalise(untidy()))
    assert notebooks.dumps(notebooks.normalise(nbformat.reads(once, as_version=4))) == once
    nb = nbformat.reads(once, as_version=4)
    nbformat.validate(nb)
    prose, code = nb.cells
    assert (prose.id, prose.source, code.source, code.metadata) == ("cell-000", "# T", "f()", {"tags": ["t"]})
    assert code.execution_count == code.outputs[2].execution_count == 1
    assert [output.get("text") for output in code.outputs] == ["ab", "c", None]
    assert code.outputs[2].data == {"text/plain": "W"}
    assert "version" not in nb.metadata.language_info
    assert "widgets" not in nb.metadata


# --- the tests' ground ---


Suite = Callable[..., tuple[str, int]]


@pytest.fixture
def small_suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Runs one test file under this suite's conftest.py; what that prints, and its exit status."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(source: str, *options: str, ci: str = "") -> tuple[str, int]:
        monkeypatch.setenv("CI", ci)
        pytester.makeconftest((ROOT / "conftest.py").read_text(encoding="utf-8"))
        pytester.makepyfile(test_one="import pytest\n" + source)
        done = pytester.runpytest_inprocess("-rs", "-c", os.devnull, "-p", "no:cacheprovider", *options)
        return done.stdout.str(), done.ret

    return run


SKIPS = "def test_a(): pass\ndef test_b(): pytest.skip('no reason')\n"


@pytest.mark.parametrize(("ci", "status"), [("true", 1), ("", 0)])
@pytest.mark.parametrize("plugins", [(), ("-p", "xdist", "-n", "1")], ids=["alone", "xdist"])
def test_a_skip_fails_in_ci_only(small_suite: Suite, plugins: tuple[str, ...], ci: str, status: int) -> None:
    said, returned = small_suite(SKIPS, *plugins, ci=ci)
    assert "1 passed, 1 skipped" in said.splitlines()[-1]
    assert returned == status, said
    assert ("ERROR test_one.py::test_b: Skipped: no reason" in said) == bool(ci)


LIVE = "@pytest.mark.torch\ndef test_live(): import torch\ndef test_c(): pass\n"


@pytest.mark.parametrize(("ci", "status"), [("true", 1), ("", 0)])
def test_only_what_compares_with_pytorch_live_may_be_left_out(
    small_suite: Suite, ci: str, status: int
) -> None:
    for source, expected in ((LIVE, 0), (LIVE + SKIPS, status)):
        said, returned = small_suite(source, ci=ci)
        assert returned == expected, said
        assert ("deselected" not in said.splitlines()[-1] and "live" in said) == has_torch()
        assert ("1 deselected" in said.splitlines()[-1] and "PyTorch: not installed" in said) != has_torch()


LONG = "@pytest.mark.all_pages\ndef test_long(): pass\ndef test_short(): pass\n"


@pytest.mark.parametrize(("option", "said"), [("-rs", "1 passed, 1 deselected"), ("--all", "2 passed")])
def test_what_takes_long_is_left_out_unless_asked_for(small_suite: Suite, option: str, said: str) -> None:
    assert said in small_suite(LONG, option)[0].splitlines()[-1]


@pytest.mark.parametrize(("ci", "outcome"), [("true", "1 error"), ("", "1 skipped")])
def test_a_missing_browser_fails_in_ci_only(
    small_suite: Suite, monkeypatch: pytest.MonkeyPatch, ci: str, outcome: str
) -> None:
    monkeypatch.setenv("CHROMIUM", "/no/such/browser")
    said, _ = small_suite("def test_a(chromium_path): pass\n", ci=ci)
    assert outcome in said.splitlines()[-1]
    assert "no Chromium found" in said


def test_browser_is_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = tmp_path / ("chrome.exe" if os.name == "nt" else "chrome")
    browser.write_text("")
    browser.chmod(0o755)
    monkeypatch.setenv("CHROMIUM", str(browser))
    assert find_chromium() == str(browser)


def test_package_is_installed_from_this_folder() -> None:
    spec = importlib.util.find_spec("bphelpers")
    assert spec is not None and Path(spec.origin).parent == ROOT / "bphelpers"
