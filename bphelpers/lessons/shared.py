"""What the exercises of several lessons are made with."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bphelpers import functional as F
from bphelpers.numeric import Array
from bphelpers.teaching.gradcheck import op_mistakes


def drawn(seed: int, shapes: str, **sizes: tuple[int, ...]) -> list[tuple[Array, ...]]:
    """Cases of standard normal numbers, one array for each shape; each letter has a size for each case.

    >>> [[array.shape for array in case] for case in drawn(1, "n d, d", n=(3, 1), d=(2, 4))]
    [[(3, 2), (2,)], [(1, 4), (4,)]]
    """
    rng = np.random.default_rng(seed)
    cases = [dict(zip(sizes, case, strict=True)) for case in zip(*sizes.values(), strict=True)]
    letters = [shape.split() for shape in shapes.split(",")]
    return [tuple(rng.normal(size=[size[name] for name in shape]) for shape in letters) for size in cases]


def variations_of(reference: Callable[..., Any], names: str) -> Callable[..., Callable[..., Any]]:
    """A maker of mistakes: the parts that ``reference`` returns, but some made by another rule or exchanged.

    >>> but = variations_of(divmod, "quotient remainder")
    >>> but(remainder=lambda a, b: a - b)(7, 2), but(quotient="remainder", remainder="quotient")(7, 2)
    ((3, 5), (1, 3))
    """

    def but(**rules: Callable[..., Any] | str) -> Callable[..., Any]:
        def computed(*arguments: Any) -> tuple[Any, ...]:
            right = dict(zip(names.split(), reference(*arguments), strict=True))
            made = {name: rules.get(name, name) for name in right}
            return tuple(right[rule] if isinstance(rule, str) else rule(*arguments) for rule in made.values())

        return computed

    return but


def known_mistake(operation: str, name: str) -> Callable[..., Any]:
    """The backward pass of an operation with a mistake of the gradient check's table in it.

    >>> known_mistake("relu", "ReLU mask inverted")(np.array([1.0, 1.0]), np.array([-2.0, 3.0]))
    array([1., 0.])
    """

    def computed(*arguments: Any) -> Any:
        right = getattr(F, f"{operation}_backward")(*arguments)
        bias = (
            [np.zeros(len(arguments[-1]))] if operation == "linear" else []
        )  # which its backward does not need
        wrong = op_mistakes(operation, *arguments, *bias)[name]
        if not isinstance(right, tuple):
            return next(iter(wrong.values()))
        return tuple(wrong.get(argument, part) for argument, part in zip("xWb", right, strict=True))

    return computed
