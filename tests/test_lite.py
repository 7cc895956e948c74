"""What `run.py lite` and `run.py test-wasm` say and refuse, without building or executing anything."""

from __future__ import annotations

import hashlib
import tomllib

import pytest

from tools.course.lesson import Lesson, lesson_paths
from tools.lite import __main__ as lite
from tools.rooms import ROOT, Problem, pinned


def test_each_cell_that_may_differ_under_webassembly_exists():
    rows = tomllib.loads((ROOT / "tools" / "wasm" / "differ.toml").read_text(encoding="utf-8"))
    cells = {path.stem: {cell.id for cell in Lesson.read(path).code} for path in lesson_paths()}
    assert rows and all(set(row) <= cells[stem] for stem, row in rows.items())


def test_versions_are_those_of_the_lock():
    (line,) = pinned("psygnal")
    assert f"\n{line} " in (ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_a_compiled_package_is_taken_only_if_it_is_the_one_meant(tmp_path):
    far, near = tmp_path / "far", tmp_path / "near"
    far.mkdir(), near.mkdir()
    (far / "numpy.whl").write_bytes(b"numpy")
    package = {"file_name": "numpy.whl", "sha256": hashlib.sha256(b"numpy").hexdigest()}
    lite.fetch(f"{far.as_uri()}/", package, near)
    assert (near / "numpy.whl").read_bytes() == b"numpy"
    with pytest.raises(Problem, match="not the file"):
        lite.fetch(f"{far.as_uri()}/", package | {"sha256": "0"}, near)
    with pytest.raises(Problem, match="--no-cdn"):
        lite.fetch(f"{far.as_uri()}/", package | {"file_name": "gone.whl"}, near)


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(Problem, match="empty folder"):
        lite.build(tmp_path, from_cdn=False)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_what_a_lesson_needs_is_found_through_the_lock():
    entry = {"depends": []}
    packages = {"numpy": entry, "six": entry, "pandas": entry, "matplotlib": {"depends": ["NumPy", "six"]}}
    assert lite.needed(packages) == ["matplotlib", "numpy", "six"]


def test_a_release_has_a_place_of_its_own_for_what_readers_write():
    assert lite.settings()["jupyter-config-data"]["contentsStorageName"].endswith(f" {lite.VERSION}")
