"""What the exercises of several lessons are made with."""

import numpy as np

from bphelpers.numeric import Array


def drawn(seed: int, shapes: str, **sizes: tuple[int, ...]) -> list[tuple[Array, ...]]:
    """Cases of standard normal numbers, one array for each shape; each letter has a size for each case.

    >>> [[array.shape for array in case] for case in drawn(1, "n d, d", n=(3, 1), d=(2, 4))]
    [[(3, 2), (2,)], [(1, 4), (4,)]]
    """
    rng = np.random.default_rng(seed)
    cases = [dict(zip(sizes, case, strict=True)) for case in zip(*sizes.values(), strict=True)]
    letters = [shape.split() for shape in shapes.split(",")]
    return [tuple(rng.normal(size=[size[name] for name in shape]) for shape in letters) for size in cases]
