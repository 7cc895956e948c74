"""What an author writes down about an exercise or a prediction, and how it is found by its key."""

import copy
import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

Mistakes = dict[str, Any]
Cases = Sequence[tuple[Any, ...]] | Callable[[], Sequence[tuple[Any, ...]]]


@dataclass(frozen=True)
class Exercise:
    """The right answer as a computation, and the likely wrong ones; question and hints stand in the lesson.

    Without ``cases``, ``reference`` is the value asked for: a number, an array, a text, or a tuple or dict of
    these. With ``cases``, tuples of arguments or a function that makes them, it is the function that the
    learner is asked to write.

    ``mistakes`` says what each mistake gives, by a clause that goes on from "You get exactly this when ...".
    With ``cases`` it is a function of the same arguments that returns this (or holds a function for each).

    ``tolerance`` is the largest accepted error of an entry, relative to that entry (or to a hundredth of the
    largest entry, where it is smaller than that): about 1e-3 for what is worked out on paper. Where the
    answer is a ``gradient``, the gradient check says what is wrong if no listed mistake does.

    >>> Exercise(reference=3.0 * 4.0, mistakes={"the sides are added": 3.0 + 4.0}).reference
    12.0
    """

    reference: Any
    mistakes: Mistakes | Callable[..., Mistakes]
    tolerance: float = 1e-6
    cases: Cases | None = None
    gradient: bool = False

    def arguments(self) -> list[tuple[Any, ...]]:
        """The argument tuples to call with: one empty tuple where a value is asked for."""
        if self.cases is None:
            return [()]
        return list(self.cases() if callable(self.cases) else self.cases)

    def made_by(self, rule: Any, arguments: tuple[Any, ...]) -> Any:
        """What the reference or a mistake gives, which cannot spoil the arguments by writing into them."""
        return rule if self.cases is None else rule(*copy.deepcopy(arguments))

    def wrong(self, arguments: tuple[Any, ...]) -> Mistakes:
        """What each mistake gives, by its clause."""
        with np.errstate(all="ignore"):  # a mistake may overflow on purpose
            if callable(self.mistakes):
                return self.mistakes(*copy.deepcopy(arguments))
            return {clause: self.made_by(rule, arguments) for clause, rule in self.mistakes.items()}


@dataclass(frozen=True)
class Prediction:
    """A question to commit to before the reveal, which ``explain`` may follow in a sentence or two.

    Without ``options``, a guess is a number from ``low`` to ``high``; from 0 to 1 it is a share, and who
    writes 50 is told to write 0.5. How far off it is, is said as a factor or, where it is ``judged`` so, as a
    ``"difference"`` in ``unit``, a plural such as ``"points"`` (after 1 its s is dropped).

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

    def allows(self, number: float) -> bool:
        """Whether a number lies in the range, both ends included."""
        return (self.low is None or self.low <= number) and (self.high is None or number <= self.high)


def find_exercise(key: str) -> Exercise:
    """The exercise with this key, for example ``"05.1"``; ``ValueError`` lists the known ones."""
    exercise: Exercise = _find(key, "exercise")
    return exercise


def find_prediction(key: str) -> Prediction:
    """The prediction with this key, for example ``"05.A"``; ``ValueError`` lists the known ones."""
    prediction: Prediction = _find(key, "prediction")
    return prediction


def _find(key: str, kind: str) -> Any:
    if not (isinstance(key, str) and re.match(r"\d\d\.", key)):
        raise ValueError(f'key must be a text such as "05.1" or "05.A", got {key!r}')
    module = f"bphelpers.lessons.lesson_{key[:2]}"  # by name: lessons stand above
    known = vars(importlib.import_module(module))[f"{kind.upper()}S"] if find_spec(module) else {}
    if key not in known:
        raise ValueError(f'no {kind} "{key}": lesson {key[:2]} has {", ".join(known) or "none"}')
    return known[key]
