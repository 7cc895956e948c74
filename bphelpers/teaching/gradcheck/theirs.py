"""Somebody else's code: how its functions want to be called, where its classes keep arrays and gradients."""

import inspect
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bphelpers.arguments import refuse
from bphelpers.numeric import Array
from bphelpers.teaching.gradcheck.operations import OUTPUT_NAMES

INPUTS = ("x", "X", "inputs", "input", "data", "input_data", "x_train", "X_train")
TARGETS = ("y", "t", "Y", "T", "target", "targets", "labels", "label", "y_true", "y_train")
OUTPUTS = (*sorted(OUTPUT_NAMES), "y_pred", "pred", "predictions", "yhat", "A", "A2", "AL")
RATES = ("lr", "learning_rate", "eta", "alpha", "rate", "learn_rate", "l_rate")
FORWARD = ("forward", "feedforward", "feed_forward", "forward_pass", "predict", "__call__")
BACKWARD = ("backward", "backprop", "backpropagate", "back_propagation", "backward_pass", "gradient")
GRADIENT = {"grad", "grads", "gradient", "gradients", "d", "g", "delta", "nabla"}
NEUTRAL = {"params", "param", "parameters", "data", "value", "val"}


def run(what: str, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """Call it; what goes wrong inside is told with what it was given."""
    try:
        with np.errstate(all="ignore"):
            return function(*args, **named)
    except Exception as error:
        given = [*args, *named.values()]
        shapes = ", ".join(str(np.shape(a)) if isinstance(a, np.ndarray) else type(a).__name__ for a in given)
        text = f"your {what} stopped with {type(error).__name__}: {error}"
        raise ValueError(f"{text}; it was given {shapes}" if shapes else text) from error


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Its arguments, without *args and **kwargs; none where Python cannot tell."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def call(what: str, function: Callable[..., Any], known: Mapping[str, Any], order: Sequence[Any] = ()) -> Any:
    """Call it with what its arguments are named, or else with ``order``."""
    wanted = parameters_of(function)
    needed = [p.name for p in wanted if p.default is p.empty]
    if all(name in known for name in needed) and wanted:
        return run(what, function, **{p.name: known[p.name] for p in wanted if p.name in known})
    if len(order) != len(needed) and wanted:
        refuse(what, f"take arguments by names known here, such as {', '.join(known)[:60]}", needed)
    return run(what, function, *order)


def call_backward(
    function: Callable[..., Any],
    known: Mapping[str, Any],
    dout: Array,
    args: Sequence[Any],
    cache: Sequence[Any] = (),
) -> tuple[Any, bool]:
    """What a backward returns, and whether it asked for the upstream gradient."""
    dout = dout.copy()  # it may be written into
    wanted = [p.name for p in parameters_of(function) if p.default is p.empty or p.name in known]
    unknown = [name for name in wanted if name not in known]
    of_a_loss = np.ndim(dout) == 0
    if of_a_loss and unknown and len(wanted) == len(args):
        return run("backward", function, *args), False
    if of_a_loss and cache and len(wanted) == 1:
        return run("backward", function, cache[0]), False
    if wanted and len(unknown) <= 1:
        given = dict(known) | dict.fromkeys(unknown, dout)
        return run("backward", function, **{name: given[name] for name in wanted}), bool(unknown)
    for order in ((dout, *args), (dout, *cache)):
        if len(wanted) == len(order):
            return run("backward", function, *order), True
    return refuse(
        "backward", "take (dout, x, W, b), that is dout and forward's arguments, or (dout, cache)", wanted
    )


def named_gradients(returned: Any, names: Sequence[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Gradients by the names of the arrays that they belong to; without names, by number, shape and order."""
    if isinstance(returned, Mapping):
        keys = {key(name): name for name in names}
        found = {
            keys.get(gradient_of(str(k), set(keys)) or key(str(k)), str(k)): g for k, g in returned.items()
        }
        if unknown := [name for name in found if name not in names]:
            refuse("grads", f"hold gradients of {list(names)}, as W1 or dW1", unknown)
        return {name: found[name] for name in names if name in found}
    several = isinstance(returned, tuple | list) and len(names) > 1
    gradients = [g for g in (returned if several else [returned]) if g is not None]
    if not 0 < len(gradients) <= len(names):
        refuse("backward", f"return a gradient for each of {list(names)}, or a dict by name", len(gradients))

    def fit(some: tuple[str, ...]) -> tuple[bool, int, int]:
        shapes, wanted = [np.shape(g) for g in gradients], [np.shape(values[name]) for name in some]
        wrong = sum(a != b for a, b in zip(shapes, wanted, strict=True))
        return sorted(shapes) != sorted(wanted), wrong, sum(name in TARGETS for name in some)

    chosen = min(itertools.combinations(names, len(gradients)), key=fit)
    return dict(zip(chosen, gradients, strict=True))


@dataclass
class Slot:
    """An array in an object, all its paths, and the places that hold it."""

    array: Array
    paths: list[str]
    places: list[tuple[Any, Any]]

    def put(self, array: Array) -> None:
        """Another array, in all the places."""
        for holder, where in self.places:
            holder[where] = array


def slots(thing: Any) -> dict[str, Slot]:
    """The arrays in an object, its lists, dicts and the objects inside, by path."""
    found: dict[int, Slot] = {}
    for path, holder, where in _walk(thing, "", set()):
        array = holder[where]
        slot = found.setdefault(id(array), Slot(array, [], []))
        slot.paths.append(path)
        slot.places.append((holder, where))
    return {slot.paths[0]: slot for slot in found.values()}


def parameters_in(thing: Any) -> dict[str, Slot]:
    """The arrays in an object that are no gradients of others."""
    found = slots(thing)
    keys = {key(path) for slot in found.values() for path in slot.paths}
    return {name: slot for name, slot in found.items() if not any(gradient_of(p, keys) for p in slot.paths)}


def gradients_in(thing: Any, returned: Any, keys: set[str]) -> dict[str, Any]:
    """By key, the gradients that an object holds, or that its backward returned by name."""
    filled = {gradient_of(p, keys): slot.array for slot in slots(thing).values() for p in slot.paths}
    if isinstance(returned, Mapping):
        filled |= {gradient_of(str(name), keys) or key(str(name)): array for name, array in returned.items()}
    return {k: array for k, array in filled.items() if k in keys}


def _walk(thing: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any, Any]]:
    holder = thing if isinstance(thing, dict | list) else getattr(thing, "__dict__", {})
    if id(thing) in seen or isinstance(thing, type) or inspect.ismodule(thing) or callable(holder):
        return
    seen.add(id(thing))
    for where in list(holder) if isinstance(holder, dict) else range(len(holder)):
        inner = f"{path}.{where}".lstrip(".")
        if isinstance(holder[where], np.ndarray):
            if holder[where].dtype.kind in "fi" and holder[where].ndim:
                yield inner, holder, where
        else:
            yield from _walk(holder[where], inner, seen)


def key(path: str) -> str:
    """A name without what people put around it: "params.W1", "self.weights1" and "W1" are all w1."""
    return ".".join(token for token in _tokens(path) if token not in GRADIENT) or path


def gradient_of(path: str, keys: set[str]) -> str:
    """The key of the parameter whose gradient this is by its name, or nothing."""
    tokens = _tokens(path)
    if set(tokens) & GRADIENT and key(path) in keys:
        return key(path)
    for i, token in enumerate(tokens):
        inner = re.sub(r"^(grad|delta|d|g)(?=.)", "", token)
        changed = ".".join([*tokens[:i], *_tokens(inner), *tokens[i + 1 :]])
        if inner != token and changed in keys:
            return changed
    return ""


def _tokens(path: str) -> list[str]:
    words = re.findall(
        r"[A-Za-z]+\d*|\d+", re.sub(r"(?<=[a-z])(?=[A-Z])", ".", path.removeprefix("self.")).replace("_", ".")
    )
    short = [
        re.sub(r"^(weights?|kernel)(?=\d*$)", "w", re.sub(r"^bias(es)?(?=\d*$)", "b", w.lower()))
        for w in words
    ]
    return [word for word in short if word not in NEUTRAL]
