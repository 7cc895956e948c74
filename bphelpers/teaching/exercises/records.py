"""What an author writes down about an exercise or a prediction, and how it is found by its key."""

import copy
import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

Arguments = tuple[Any, ...]
Cases = Sequence[Arguments] | Callable[[], Sequence[Arguments]]
Mistakes = dict[str, Any]


@dataclass(frozen=True)
class Exercise:
    """The right answer as a computation, and the likely wrong ones; question and hints stand in the lesson.

    ``reference`` is the value asked for: a number, an array, a text, or a tuple or dict of these (with a
    NamedTuple, replies name its parts). With ``cases``, tuples of arguments or a function that makes them, it
    is the function that the learner is asked to write.
    ``mistakes`` says what each mistake gives, by a clause that goes on from "You get exactly this when ...";
    with ``cases``, it is a function of the same arguments that returns this, or holds a function for each.

    ``tolerance`` is the largest accepted error of an entry, relative to that entry (or to a hundredth of the
    largest entry, where it is smaller than that): about 1e-3 for what is worked out on paper. Where the
    answer is a ``gradient``, the gradient check says what is wrong if no listed mistake does.

    >>> Exercise(reference=3.0 * 4.0, mistakes={"the sides are added": 3.0 + 4.0}).right()
    12.0
    >>> area = Exercise(lambda a, b: a * b, lambda a, b: {"the sides are added": a + b}, cases=[(3, 4)])
    >>> area.right(3, 4), area.wrong(3, 4)
    (12, {'the sides are added': 7})
    """

    reference: Any
    mistakes: Mistakes | Callable[..., Mistakes]
    tolerance: float = 1e-6
    cases: Cases | None = None
    gradient: bool = False

    def arguments(self) -> list[Arguments]:
        """The argument tuples to call with."""
        return list(self.cases() if callable(self.cases) else self.cases or ())

    def right(self, *arguments: Any) -> Any:
        """The right answer."""
        return _called(self.reference, arguments)

    def wrong(self, *arguments: Any) -> Mistakes:
        """What each mistake gives, by its clause."""
        with np.errstate(all="ignore"):  # a mistake may overflow on purpose
            mistakes = _called(self.mistakes, arguments)
            return {clause: _called(wrong, arguments) for clause, wrong in mistakes.items()}


def _called(rule: Any, arguments: Arguments) -> Any:
    """A value, or what a function makes of copies of the arguments, lest it write into them."""
    return rule(*copy.deepcopy(arguments)) if callable(rule) else rule


@dataclass(frozen=True)
class Prediction:
    """A question to commit to before the reveal, which ``explain`` may follow in a sentence or two.

    >>> Prediction("Does the error rise or fall?", options=("rises", "falls"), answer="falls").answer
    'falls'
    """

    question: str
    options: tuple[Any, ...]
    answer: Any
    explain: str | None = None


def find(kind: str, key: str) -> Any:
    """The ``"exercise"`` or ``"prediction"`` with this key; ``ValueError`` lists the known ones."""
    if not (isinstance(key, str) and re.match(r"\d\d\.", key)):
        raise ValueError(f'key must be a text such as "05.1" or "05.A", got {key!r}')
    module = f"bphelpers.lessons.lesson_{key[:2]}"  # by name: lessons stand above
    known = vars(importlib.import_module(module))[f"{kind.upper()}S"] if find_spec(module) else {}
    if key not in known:
        raise ValueError(f'no {kind} "{key}": lesson {key[:2]} has {", ".join(known) or "none"}')
    return known[key]
