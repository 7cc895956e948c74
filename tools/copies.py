"""The learner's own copies of the lessons: ``make lab`` opens these, so an answer never changes the course.

Standard library only: this runs with the launcher.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

RECORD = ".copied.json"  # which version of each file a copy was made from


def refresh(lessons: Path, mine: Path) -> list[str]:
    """Copy what is not there yet, or is there untouched; say what has a newer version and was written in."""
    mine.mkdir(exist_ok=True)
    record = mine / RECORD
    copied: dict[str, str] = json.loads(record.read_text("utf-8")) if record.exists() else {}
    news = []
    for path in sorted(lessons.rglob("*")):
        if not path.is_file() or ".ipynb_checkpoints" in path.parts:
            continue
        name, newest = path.relative_to(lessons).as_posix(), digest(path)
        copy = mine / name
        if not copy.exists() or digest(copy) in (copied.get(name), newest):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            copied[name] = newest
        elif copied.get(name) != newest:
            news.append(
                f"{path.name} is newer than your copy, which stays as it is. For the new one, rename "
                f"{mine.name}/{name} and start again."
            )
    record.write_text(json.dumps(copied, indent=1), encoding="utf-8")
    return news


def digest(path: Path) -> str:
    """Tell one version of a file from another."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
