"""What an author writes down about an exercise or a prediction, and how it is found by its key."""

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Cases = Sequence[tuple[Any, ...]] | Callable[[], Sequence[tuple[Any, ...]]]


@dataclass(frozen=True)
class Exercise:
    """One exercise: its question, the right answer as a computation, the likely wrong ones, three hints.

    Parameters
    ----------
    question : str
        What is asked, in one sentence, for a reader of the module; the lesson asks it at more length.
    reference : callable
        Without ``cases``: a function without arguments that computes the right value: a number, an array, a
        text, or a tuple or dict of these. With ``cases``: the function that the learner is asked to write.
    mistakes : mapping from str to callable
        Each key is a clause that goes on from "You get exactly this when ...", such as
        ``"the slope of the sigmoid is left out"``. Each value is like ``reference``, with that mistake in it.
    hints : three str
        From a nudge to nearly the solution.
    tolerance : float
        Largest accepted error of an entry, relative to that entry (to a hundredth of the largest entry where
        it is smaller than that). Larger, for example 1e-3, where the answer is worked out on paper.
    cases : sequence of argument tuples, or a function that makes one, optional
        Arguments on which a function that the learner writes is compared with ``reference``.
    batch_size : int, optional
        Number of examples behind the value, so that a forgotten 1/n can be named. With ``cases``, the rows
        of the first two-dimensional argument count.
    gradient : bool
        Whether the answer is a gradient, so that the diagnoses of the gradient check apply (a flipped sign, a
        factor of two, a transpose ...).

    Raises
    ------
    ValueError
        Where there are not exactly three hints, or the tolerance is not positive.

    Notes
    -----
    Lesson: 00_start_here.

    Examples
    --------
    >>> area = Exercise("What is the area?", lambda: 3.0 * 4.0,
    ...                 {"the sides are added": lambda: 3.0 + 4.0}, ("Draw it.", "Count rows.", "Multiply."))
    >>> area.reference()
    12.0
    """

    question: str
    reference: Callable[..., Any]
    mistakes: Mapping[str, Callable[..., Any]]
    hints: tuple[str, str, str]
    tolerance: float = 1e-6
    cases: Cases | None = None
    batch_size: int | None = None
    gradient: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.hints, str) or len(self.hints) != 3:
            raise ValueError(f"hints must be three texts, got {self.hints!r}")
        if not self.tolerance > 0:
            raise ValueError(f"tolerance must be positive, got {self.tolerance}")

    def arguments(self) -> list[tuple[Any, ...]]:
        """The argument tuples to call with: one empty tuple where a value is asked for."""
        if self.cases is None:
            return [()]
        return list(self.cases() if callable(self.cases) else self.cases)


@dataclass(frozen=True)
class Prediction:
    """A question to commit to before the reveal.

    Parameters
    ----------
    question : str
        Ends with a question mark; :func:`bphelpers.teaching.exercises.predict` prints it.
    options : tuple, optional
        The choices. Without it, a guess is a number.
    unit : str, optional
        Printed after a number; in the plural, such as ``"points"``: after 1 the s is dropped.
    low, high : float, optional
        Smallest and largest number that can be guessed. From 0 to 1 it is a share, and a guess of 50 is
        told to be written as 0.5.
    judged : ``"factor"`` or ``"difference"``
        How far off a number is said to be: a factor and its power of ten, or the difference in ``unit``.
    explain : str, optional
        One or two sentences printed after the reveal.

    Raises
    ------
    ValueError
        Where there is one option only, ``judged`` is neither word, or ``low`` is not below ``high``.

    Notes
    -----
    Lesson: 00_start_here.

    Examples
    --------
    >>> Prediction("Does the error rise or fall?", options=("rises", "falls")).options
    ('rises', 'falls')
    """

    question: str
    options: tuple[Any, ...] | None = None
    unit: str | None = None
    explain: str | None = None
    low: float | None = None
    high: float | None = None
    judged: str = "factor"

    def __post_init__(self) -> None:
        if self.options is not None and (isinstance(self.options, str) or len(self.options) < 2):
            raise ValueError(f"options must be two choices or more, got {self.options!r}")
        if self.judged not in ("factor", "difference"):
            raise ValueError(f"judged must be 'factor' or 'difference', got {self.judged!r}")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"low must be below high, got {self.low} and {self.high}")

    def allows(self, number: float) -> bool:
        """Whether a number lies in the range.

        >>> Prediction("What share?", low=0, high=1).allows(96)
        False
        """
        return (self.low is None or self.low <= number) and (self.high is None or number <= self.high)


def find_exercise(key: str) -> Exercise:
    """The exercise with this key, for example ``"05.1"``; ``ValueError`` lists the known ones."""
    return _find(key, "EXERCISES", "exercise", "05.1")


def find_prediction(key: str) -> Prediction:
    """The prediction with this key, for example ``"05.A"``; ``ValueError`` lists the known ones."""
    return _find(key, "PREDICTIONS", "prediction", "05.A")


def is_prediction(key: str) -> bool:
    """Whether a prediction has this key."""
    try:
        find_prediction(key)
    except ValueError:
        return False
    return True


def _find(key: str, table: str, kind: str, example: str) -> Any:
    match = re.fullmatch(r"(\d\d)\.\w+", key) if isinstance(key, str) else None
    if match is None:
        raise ValueError(f'key must be a text such as "{example}", got {key!r}')
    lesson = match[1]
    if lesson not in lessons():
        raise ValueError(
            f'no {kind} "{key}": lessons with exercises are {", ".join(lessons()) or "none yet"}'
        )
    known = getattr(importlib.import_module(f"bphelpers.lessons.lesson_{lesson}"), table, {})
    if key not in known:
        raise ValueError(f'no {kind} "{key}": lesson {lesson} has {", ".join(known) or "none"}')
    return known[key]


def lessons() -> list[str]:
    """Two-digit numbers of the lessons that have a module here."""
    folders = importlib.import_module("bphelpers.lessons").__path__  # by name: they stand above
    files = (path for folder in folders for path in Path(folder).glob("lesson_[0-9][0-9].py"))
    return sorted(path.stem[-2:] for path in files)
