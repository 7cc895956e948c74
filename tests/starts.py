"""From how many starts a claim about training is tried."""

import pytest


def starts(count: int, always: int = 2) -> list:
    """The seeds of so many starts: the first are always tried, the others with --all."""
    return [
        *range(always),
        *(pytest.param(seed, marks=pytest.mark.ten_starts) for seed in range(always, count)),
    ]
