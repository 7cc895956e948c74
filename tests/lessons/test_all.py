"""Every lesson, as it is committed: the rules, and what it does with every solution in its stub.

Strict validation (nbval) runs each lesson in a kernel and compares what it prints. Here is the rest.
"""

import pytest
from twins import twin_faults

from tools.course import rules
from tools.course.lesson import NOTEBOOKS, Lesson, lesson_paths
from tools.course.numbers import unearned
from tools.course.rules import RULES
from tools.course.solved import slider_faults, solution_faults, solved

LESSONS = lesson_paths()
# Pages beside the lessons have an anatomy of their own.
DEEPER = sorted((NOTEBOOKS / "deeper").glob("*.ipynb"))
RULES_OF_PAGES = (
    rules.stored_output_faults,
    rules.unstable_outputs,
    rules.accessibility_faults,
    rules.link_faults,
    rules.package_name_faults,
    unearned,
)
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=[path.stem for path in LESSONS])


def test_there_are_lessons():
    assert LESSONS, "no lesson found in notebooks/"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@every_lesson
def test_rules(path, rule):
    lesson = Lesson.read(path)
    assert rule(lesson) == [], RULES[rule].format(number=lesson.number)


@pytest.mark.parametrize("rule", RULES_OF_PAGES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", DEEPER, ids=[path.stem for path in DEEPER])
def test_rules_of_deeper_pages(path, rule):
    assert rule(Lesson.read(path)) == []


@every_lesson
def test_solutions_are_right(path):
    assert solution_faults(Lesson.read(path), solved(path)) == []


@every_lesson
def test_sliders_hold_over_their_whole_range(path):
    assert slider_faults(solved(path)) == []


@every_lesson
def test_what_is_derived_is_what_is_kept(path):
    assert twin_faults(solved(path)) == []
