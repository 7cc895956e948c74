"""Every lesson, as it is committed, obeys the rules.

What happens when it is executed is compared by strict validation (nbval), in a kernel that answers for its
solutions and sliders as well: see kernel_questions.py.
"""

import pytest

from tools.course import rules
from tools.course.lesson import NOTEBOOKS, Lesson, lesson_paths
from tools.course.numbers import unearned
from tools.course.rules import RULES

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
