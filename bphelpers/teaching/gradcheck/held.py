"""Random numbers held still: the same mask in every forward pass of a check [11]."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from bphelpers import nn
from bphelpers.arguments import refuse
from bphelpers.numeric import Array


def inside(thing: Any) -> Iterator[Any]:
    """A layer and all layers in it, whatever attributes they are kept in."""
    yield thing
    for value in vars(thing).values() if hasattr(thing, "__dict__") else ():
        for part in value if isinstance(value, list | tuple) else (value,):
            if hasattr(part, "forward"):
                yield from inside(part)


class Draws:
    """The generators that these draw from, as they are now; NumPy's global one too, if ``globally``."""

    def __init__(self, parts: Iterable[Any], globally: bool = False) -> None:
        held = (value for part in parts for value in getattr(part, "__dict__", {}).values())
        generators = {v.bit_generator for v in held if isinstance(v, np.random.Generator)}
        if globally:
            generators.add(np.random.get_bit_generator())  # type: ignore[attr-defined]
        self._before = [(generator, generator.state) for generator in generators]
        self._used = self._before

    def again(self) -> None:
        """What was drawn since will be drawn once more."""
        for generator, state in self._used:
            generator.state = state

    def find_used(self) -> bool:
        """Look from now on after those only that have drawn meanwhile; whether there is one."""
        self._used = [(g, state) for g, state in self._before if not _equal(g.state, state)]
        return bool(self._used)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return all(_equal(one[key], other[key]) for key in one)
    return bool(np.array_equal(one, other))


@contextlib.contextmanager
def held_still(net: Any, loss: Any, given: bool, globally: bool = False) -> Iterator[tuple[Draws, list[str]]]:
    """Dropout with one mask: a new one, or that of the last forward pass if gradients from it are ``given``.

    Yields what may be drawn again, and what there is to say about it. A dropout layer that is switched off is
    switched on to be tested.
    """
    parts = [*inside(net), *inside(loss)]
    draws = Draws(parts, globally)
    layers = [part for part in parts if isinstance(part, nn.Dropout) and part.p > 0]
    modes = [(layer, layer.training) for layer in layers]
    notes = ["Dropout was on, with one mask held still."] if layers else []
    try:
        for layer, training in modes:
            if not given:
                layer.training = True
            elif training:
                vars(layer)["forward"] = _with_mask(getattr(layer, "_kept", None))
            else:
                notes = ["Dropout was off: its own backward was not tested."]
        yield draws, notes
    finally:
        for layer, training in modes:
            layer.training = training
            vars(layer).pop("forward", None)
        draws.again()


def _with_mask(mask: Array | None) -> Any:
    def forward(x: Array) -> Array:
        if mask is None or mask.shape != x.shape:
            refuse("grads", "come from the last forward pass of net, with its masks", x)
        return np.asarray(x * mask)

    return forward
