"""``run.py lite [OUT]``: the course in JupyterLite, which runs it in the reader's browser.

The site serves Python, all pure packages and the course's own wheel; a lesson's imports find them in the lock
file of Pyodide, so that no set-up cell is needed. The compiled packages (NumPy, Matplotlib and their like)
come from Pyodide's CDN: when the site is built, and with --no-cdn only when a reader opens a lesson.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.request
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tools.rooms import BUILD, PROJECT, ROOT, Problem, anywhere, install, pinned, pip, run

HERE = Path(__file__).parent
ROOM = BUILD / "lite"
TOOLS, WHEELS, CORE = ROOM / "tools", ROOM / "wheels", ROOM / "core"
VERSION = PROJECT["version"]
JUPYTERLITE = ["jupyterlite-core==0.8.6", "jupyterlite-pyodide-kernel==0.8.6"]
# What the kernel imports, and what the lessons do; packages that these need are found in Pyodide's lock.
KERNEL = ["ipython", "micropip", "packaging", "tqdm", "typing-extensions"]
ADDED = {"comm": [], "psygnal": [], "ipywidgets": ["comm", "ipython", "traitlets"]}
ADDED["anywidget"] = ["ipywidgets", "psygnal", "typing-extensions"]


def canonical(name: str) -> str:
    """How the lock spells a package."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pyodide() -> tuple[Path, str]:
    """Return the folder with Pyodide's core, from npm, and the address of its CDN, for one version."""
    sys.path.append(str(TOOLS))
    from jupyterlite_pyodide_kernel.constants import PYODIDE_LOCK_DEFAULT_URL, PYODIDE_VERSION

    core = CORE / PYODIDE_VERSION
    if not (core / "package").exists():
        core.mkdir(parents=True, exist_ok=True)
        if shutil.which("npm") is None:
            raise Problem("npm is not here: install Node.js, from which Pyodide comes")
        fetch_core = ["npm", "pack", "--silent", f"pyodide@{PYODIDE_VERSION}"]
        run(fetch_core, "npm could not fetch Pyodide", cwd=core, stdout=subprocess.DEVNULL)
        with tarfile.open(next(core.glob("*.tgz"))) as archive:
            archive.extractall(core, filter="data")
    return core / "package", PYODIDE_LOCK_DEFAULT_URL.removesuffix("pyodide-lock.json")


def needed(packages: dict[str, Any]) -> list[str]:
    """Everything in Pyodide's lock that the kernel and the package need."""
    found: list[str] = []
    names = [*KERNEL, *requirements()]
    while names:
        name = canonical(names.pop())
        if name in packages and name not in found:
            found.append(name)
            names += packages[name]["depends"]
    return sorted(found)


def requirements() -> list[str]:
    """What the course's package depends on."""
    return [canonical(re.split(r"[^\w.-]", one)[0]) for one in PROJECT["dependencies"]]


def entry(wheel: Path, depends: list[str]) -> dict[str, Any]:
    """What the lock says of a wheel beside it."""
    name, version = wheel.name.split("-")[:2]
    return {
        "name": name,
        "version": version,
        "file_name": wheel.name,
        "install_dir": "site",
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "package_type": "package",
        "imports": [name],
        "depends": depends,
        "unvendored_tests": False,
    }


def wheel_of(name: str) -> Path:
    """Return the wheel of a package."""
    return next(path for path in WHEELS.glob("*.whl") if canonical(path.name.split("-")[0]) == name)


def lock(static: Path, cdn: str, from_cdn: bool) -> None:
    """Write Pyodide's lock as the site needs it, and beside it the wheels that it names."""
    path = static / "pyodide-lock.json"
    locked = json.loads(path.read_text(encoding="utf-8"))
    packages = locked["packages"]
    mine = needed(packages)
    pure = [name for name in mine if packages[name]["file_name"].endswith("-none-any.whl")]
    shutil.rmtree(WHEELS, ignore_errors=True)
    wanted = [f"{name}=={packages[name]['version']}" for name in pure] + pinned(*ADDED)
    print(f"Fetching {len(wanted)} wheels.", flush=True)
    python = ".".join(locked["info"]["python"].split(".")[:2])
    pip("download", "--no-deps", *anywhere(python), "--dest", str(WHEELS), *wanted)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(WHEELS), str(ROOT))
    # Pyodide packs the same files anew, so that their hash is another one.
    for name in pure:
        packages[name] |= {key: entry(wheel_of(name), [])[key] for key in ("file_name", "sha256")}
    for name, depends in [*ADDED.items(), ("bphelpers", requirements())]:
        packages[name] = entry(wheel_of(name), depends)
    for wheel in WHEELS.glob("*.whl"):
        shutil.copy(wheel, static)
    compiled = sorted(set(mine) - set(pure)) if from_cdn else []
    for name in tqdm(compiled, desc="compiled packages", disable=None):
        fetch(cdn, packages[name], static)
    for package in packages.values():
        if not (static / package["file_name"]).exists():
            package["file_name"] = cdn + package["file_name"]
    path.write_text(json.dumps(locked), encoding="utf-8")


def fetch(cdn: str, package: dict[str, Any], static: Path) -> None:
    """Copy a compiled package onto the site, if it is the one that the lock means."""
    name = package["file_name"]
    try:
        with urllib.request.urlopen(cdn + name, timeout=60) as answer:
            data = answer.read()
    except OSError as error:
        raise Problem(
            f"{cdn}{name} is out of reach ({error}); with --no-cdn readers' browsers fetch what is compiled"
        ) from error
    if hashlib.sha256(data).hexdigest() != package["sha256"]:
        raise Problem(f"{cdn}{name} is not the file that Pyodide's lock means; try again later")
    (static / name).write_bytes(data)


def contents(folder: Path) -> None:
    """Put the lessons there, as they are, and a first page."""
    shutil.copytree(ROOT / "notebooks", folder, ignore=shutil.ignore_patterns(".*"))
    text = (HERE / "README.md").read_text(encoding="utf-8")
    (folder / "README.md").write_text(text.replace("VERSION", VERSION), encoding="utf-8")


def build(out: Path, from_cdn: bool) -> None:
    """Build the site into a folder that holds one already, or nothing."""
    if out.exists() and any(out.iterdir()) and not (out / "jupyter-lite.json").exists():
        raise Problem(f"{out} holds something else: name an empty folder")
    install(TOOLS, *JUPYTERLITE, *pinned("ipywidgets", "anywidget"))
    core, cdn = pyodide()
    source = ROOM / "source"
    shutil.rmtree(source, ignore_errors=True)
    static = source / "static" / "pyodide"
    static.mkdir(parents=True)
    for pattern in ("pyodide.asm.*", "pyodide.mjs", "pyodide-lock.json", "python_stdlib.zip"):
        for file in core.glob(pattern):
            shutil.copy(file, static)
    lock(static, cdn, from_cdn)
    contents(source / "contents")
    write(source / "jupyter-lite.json", settings())
    write(source / "overrides.json", json.loads((HERE / "overrides.json").read_text(encoding="utf-8")))
    extensions = [TOOLS / "share" / "jupyter" / "labextensions", ROOT / "tools" / "jupyter" / "labextensions"]
    where = {"extra_labextensions_path": [str(path) for path in extensions]}
    write(source / "jupyter_lite_config.json", {"FederatedExtensionAddon": where})
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "jupyterlite_core", "build", "--ignore-sys-prefix", "--no-sourcemaps"]
    command += ["--no-libarchive", "--contents", "contents", "--apps", "lab", "--output-dir", str(out)]
    env = os.environ | {"PYTHONPATH": str(TOOLS)}
    log = ROOM / "build.log"
    with log.open("w") as said:
        run(command, f"JupyterLite could not be built ({log})", cwd=source, env=env, stdout=said, stderr=said)


def write(path: Path, data: dict[str, Any]) -> None:
    """Write JSON."""
    path.write_text(json.dumps(data, indent=1), encoding="utf-8")


def settings() -> dict[str, Any]:
    """Return JupyterLite's settings: above all, a new release never shows a reader's copies of an old one."""
    name = "Backpropagation by hand"
    storage = f"{name} {VERSION}"
    data = {"appName": name, "contentsStorageName": storage, "settingsStorageName": storage}
    return {"jupyter-lite-schema-version": 0, "jupyter-config-data": data}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="run.py lite", description=__doc__)
    parser.add_argument("out", nargs="?", type=Path, default=ROOM / "site", help="default: build/lite/site")
    parser.add_argument("--no-cdn", action="store_true", help="without Pyodide's CDN; readers still need it")
    parser.add_argument("--check", action="store_true", help="afterwards open it in Chromium and try it")
    chosen = parser.parse_args(arguments)
    out = chosen.out.resolve()
    try:
        build(out, not chosen.no_cdn)
    except Problem as problem:
        print(f"run.py lite: {problem}", file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{size / 1e6:.0f} MB. To look at it: python -m http.server --bind 127.0.0.1 --directory {out}")
    if not chosen.check:
        return 0
    command = [sys.executable, "-m", "pytest", "-o", "addopts=", "-q", "-rs", "tests/check_lite.py"]
    return subprocess.run(command, cwd=ROOT, env=os.environ | {"LITE_SITE": str(out)}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
