"""What a learner writes goes into copies in my/: the course's lessons, and their proof, stay as they are."""

import pytest

from tools import copies, launcher
from tools.course.lesson import NOTEBOOKS, Lesson
from tools.course.rules import link_faults


@pytest.fixture
def course(tmp_path):
    """A course of two lessons and a picture, and the copies that the first start makes."""
    lessons = tmp_path / "notebooks"
    (lessons / "deeper").mkdir(parents=True)
    for name in ("00_a.ipynb", "01_b.ipynb", "deeper/net.png"):
        (lessons / name).write_text(f"first {name}")
    mine = tmp_path / "my"
    assert copies.refresh(lessons, mine) == []
    return lessons, mine


def test_everything_is_copied_once(course):
    lessons, mine = course
    assert (mine / "deeper" / "net.png").read_text() == "first deeper/net.png"
    assert copies.refresh(lessons, mine) == []


def test_what_a_learner_wrote_is_never_overwritten(course):
    lessons, mine = course
    (mine / "00_a.ipynb").write_text("my answers")
    assert copies.refresh(lessons, mine) == []
    (lessons / "00_a.ipynb").write_text("second")
    for _ in range(2):
        (said,) = copies.refresh(lessons, mine)
        assert "00_a.ipynb is newer" in said and "rename my/00_a.ipynb" in said
    assert (mine / "00_a.ipynb").read_text() == "my answers"


def test_an_untouched_copy_follows_the_course_and_a_removed_one_comes_back(course):
    lessons, mine = course
    (lessons / "00_a.ipynb").write_text("second")
    (mine / "01_b.ipynb").unlink()
    assert copies.refresh(lessons, mine) == []
    assert (mine / "00_a.ipynb").read_text() == "second"
    assert (mine / "01_b.ipynb").read_text() == "first 01_b.ipynb"


def test_a_file_of_the_learner_s_own_is_left_alone(course):
    lessons, mine = course
    (mine / copies.RECORD).unlink()
    (mine / "00_a.ipynb").write_text("mine")
    (mine / "notes.md").write_text("mine")
    assert len(copies.refresh(lessons, mine)) == 1
    assert (mine / "00_a.ipynb").read_text() == (mine / "notes.md").read_text() == "mine"


def test_links_work_from_the_copies(tmp_path):
    copies.refresh(NOTEBOOKS, tmp_path / "my")
    lessons = sorted((tmp_path / "my").glob("*.ipynb"))
    assert len(lessons) >= 14
    assert [link_faults(Lesson.read(path)) for path in lessons] == [[]] * len(lessons)


def test_lab_opens_the_copies(tmp_path, monkeypatch):
    """And makes them first; nothing in notebooks/ is opened."""
    monkeypatch.setattr(launcher, "MINE", tmp_path / "my")
    monkeypatch.setattr(launcher, "ensure_environment", lambda *_: "python")
    started = []

    def become(command):
        started.append(command)
        raise SystemExit  # as the real one does not come back

    monkeypatch.setattr(launcher, "become", become)
    with pytest.raises(SystemExit):
        launcher.dispatch("lab", [])
    assert any(word.endswith("/lab/tree/my/00_start_here.ipynb") for word in started[0])
    assert (tmp_path / "my" / "00_start_here.ipynb").exists()
