"""Every lesson, as it is committed, obeys the rules.

What happens when it is executed is compared by strict validation (nbval), in a kernel that answers for its
solutions and sliders as well: see kernel_questions.py.
"""

import pytest

from tools.course.lesson import Lesson, lesson_paths
from tools.course.rules import RULES

LESSONS = lesson_paths()
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=[path.stem for path in LESSONS])


def test_there_are_lessons():
    assert LESSONS, "no lesson found in notebooks/"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@every_lesson
def test_rules(path, rule):
    lesson = Lesson.read(path)
    assert rule(lesson) == [], RULES[rule].format(number=lesson.number)
