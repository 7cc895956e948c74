"""Random numbers held still: the same mask in every forward pass of a check [11]."""

import contextlib
from collections.abc import Iterator
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
    """The generators that layers draw from, as they are now; NumPy's global one too, if ``globally``."""

    def __init__(self, *layers: Any, globally: bool = False) -> None:
        generators = [np.random.get_bit_generator()] if globally else []  # type: ignore[attr-defined]
        for part in (part for layer in layers for part in inside(layer)):
            for value in getattr(part, "__dict__", {}).values():
                if isinstance(value, np.random.Generator):
                    generators.append(value.bit_generator)
        self._before = [(generator, generator.state) for generator in generators]

    def again(self) -> None:
        """What was drawn since will be drawn once more."""
        for generator, state in self._before:
            generator.state = state

    def keep_used(self) -> bool:
        """Look after those only that have drawn meanwhile; whether there is one."""
        self._before = [(g, state) for g, state in self._before if not _equal(g.state, state)]
        return bool(self._before)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return all(_equal(one[key], other[key]) for key in one)
    return bool(np.array_equal(one, other))


@contextlib.contextmanager
def held_still(net: Any, loss: Any, given: bool) -> Iterator[list[str]]:
    """Dropout with one mask: a new one, or that of the last forward pass if gradients from it are ``given``.

    Yields what there is to say about it. A dropout layer that is switched off is switched on to be tested.
    """
    layers = [part for part in inside(net) if isinstance(part, nn.Dropout) and part.p > 0]
    modes, draws = [(layer, layer.training) for layer in layers], Draws(net, loss)
    notes = ["Dropout was on, with one mask held still."] if layers else []
    try:
        for layer, training in modes:
            if not given:
                layer.training = True
            elif training:
                vars(layer)["forward"] = _with_mask(getattr(layer, "_kept", None))
            else:
                notes = ["Dropout was off: its own backward was not tested."]
        yield notes
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
