"""From how many starts a claim about training is tried."""

import pytest


def starts(count: int, always: int = 2) -> list:
    """The seeds of so many starts: the first are always tried, the others with --all."""
    return [
        *range(always),
        *(pytest.param(seed, marks=pytest.mark.ten_starts) for seed in range(always, count)),
    ]


def spans(count: int, always: int = 2) -> list:
    """The same for a test that goes through its seeds in a loop."""
    return [range(always), pytest.param(range(always, count), marks=pytest.mark.ten_starts)]
