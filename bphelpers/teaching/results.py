"""Results of benchmarks that lessons quote: measured once, stored with date and versions."""

import json
from importlib.resources import files
from typing import Any


def step_times() -> dict[str, Any]:
    """Time of a training step, here and in other libraries, as ``benchmarks/training.py`` measured it [07].

    ``"work"`` holds W1 (2-2-2), W2 (64-32-10) and W3 (784-128-64-10). A row has a ``"name"``, microseconds a
    ``"step"``, and ``"times"``: how many times as long as this package that is.

    >>> sorted(step_times()["work"])
    ['W1', 'W2', 'W3']
    """
    return _stored("step_times.json")


def remedies() -> dict[str, Any]:
    """How many held-out images twelve starts of each remedy read, by ``benchmarks/remedies.py`` [11].

    ``"right"`` has a list for each remedy, seeds 0 to 11, besides ``"plain"``, ``"3,500 images"``, those that
    early stopping trains on, for all ten epochs, and ``"784-10"``, without a hidden layer.

    >>> stored = remedies()
    >>> stored["held out"], stored["right"]["plain"][:3]
    (1000, [943, 942, 929])
    """
    return _stored("remedies.json")


def scikit_learn_on_moons() -> dict[str, Any]:
    """What scikit-learn makes of two moons with 2-25-50-50-25-1, by ``benchmarks/scikit_learn.py`` [12].

    ``"same start"``: losses, probabilities and norms after 1, 10 and 200 updates from our start.
    ``"same budget"``: accuracies of 20 seeds, each from its own start. ``"published recipe"``: where ten
    thousand updates of it lead, with this package.

    >>> scikit_learn_on_moons()["same start"]["updates"]
    [1, 10, 200]
    """
    return _stored("moons_scikit_learn.json")


def scaling() -> dict[str, Any]:
    """Milliseconds of a training step in one process and on Dask workers, by ``benchmarks/scaling.py`` [19].

    ``"milliseconds"`` has a row for each way, from a batch's number of images to the lowest and highest of
    ``"runs"`` runs; ``"empty tasks"``, what tasks take that compute nothing.

    >>> scaling()["milliseconds"]["two workers"]["64"]
    [17, 19]
    """
    return _stored("scaling.json")


def _stored(name: str) -> dict[str, Any]:
    return dict(json.loads(files("bphelpers.datasets").joinpath(name).read_text(encoding="utf-8")))
