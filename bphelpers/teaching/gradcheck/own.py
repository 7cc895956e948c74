"""Bring your own: backward passes written without the package, in any layout, as functions, classes or loops.

``recognise`` finds out which network they are, so that mistakes are named with their place, and ``lines``
which lines of the code the wrong gradients have in common.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bphelpers.arguments import number, refuse
from bphelpers.numeric import Array, float64_copy
from bphelpers.teaching.gradcheck import theirs
from bphelpers.teaching.gradcheck.diagnosis import counted
from bphelpers.teaching.gradcheck.gradients import Hypothesis, compare
from bphelpers.teaching.gradcheck.lines import suspects
from bphelpers.teaching.gradcheck.recognise import recognised
from bphelpers.teaching.gradcheck.report import GradientReport

MOST = 20_000  # numbers: each is moved by itself
UNKNOWN = "Not recognised as a network known here, so only what shows in one array alone is named."


def check_own(
    loss: Callable[..., Any],
    params: Mapping[str, ArrayLike],
    grads: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    lr: float | None = None,
    tolerance: float = 1e-6,
) -> GradientReport:
    """Check the gradients of a network of your own, written in NumPy; name the mistake, and its place [09].

    ``loss(**params)``, or ``loss(params, X, y)``, is its loss on the batch; ``grads`` are your gradients by
    name (``W1`` or ``dW1``), or the function that makes them, called with what its arguments are named: X, y,
    params or the arrays. With the function, the report also shows the lines that all wrong gradients depend
    on and no right one. Rows or columns, ``X @ W`` or ``W @ X``, the usual activations and losses are
    recognised; where the network is none of these, you get what :func:`check_gradients` can say.

    >>> X, y = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.0]]), np.array([[1.0, 0.0], [0.0, 2.0], [2.0, 1.0]])
    >>> def loss(w, b):
    ...     return np.mean((X @ w + b - y) ** 2)
    >>> def gradients(X, y, w, b):
    ...     miss = 2 * (X @ w + b - y) / y.size
    ...     return {"dw": miss.T @ X, "db": miss.sum(axis=0)}
    >>> print(check_own(loss, {"w": np.array([[0.3, 0.1], [-0.2, 0.4]]), "b": np.zeros(2)}, gradients, X, y))
    1 of 2 gradients agree with centred differences.
    gradient  shape   relative error  worst at  analytic  measured
    w         (2, 2)  0.438           [0, 1]    -1.1      -1.958
    b         (2,)    below 1e-06
    w[0, 1]: got -1.1, expected -1.958.
    w: This is the transpose of the right gradient: dw = X.T @ dz.
    Read as: X @ w + b, mse.
    w: look for the mistake in this line of gradients, which the right arrays don't use:
        3: return {"dw": miss.T @ X, "db": miss.sum(axis=0)}
    """
    points = {name: float64_copy(name, array) for name, array in params.items()}
    function = grads if callable(grads) else None
    if function:
        known = _named(X, y) | points | {"params": points, "parameters": points}
        grads = theirs.call("grads", function, known)
    found = theirs.named_gradients(grads, list(points), points)
    return _report(_by_name(loss, X, y), points, found, {"X": X}, [y], tolerance, lr=lr, source=function)


def check_function(
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    *args: Any,
    dout: ArrayLike | None = None,
    tolerance: float = 1e-6,
) -> GradientReport:
    """Check a backward function of your own, of a layer, an activation, a loss, a network [09].

    ``forward(*args)`` gives an array, a number, or (output, cache). ``backward`` is called as (dout, *args),
    (dout, cache), (dout, output) or, of a loss, (*args), as its arguments say; it returns the gradients as
    one array, a tuple, a list or a dict by name. What is measured is ``sum(dout * out)``.

    >>> def forward(x, W, b):
    ...     return x @ W + b
    >>> def backward(dout, x, W, b):
    ...     return dout @ W, x.T @ dout, dout.sum(axis=0)
    >>> x, W = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 4.0]]), np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> print(check_function(forward, backward, x, W, np.zeros(2))["x"].diagnosis)
    These numbers come out when the gradient goes back through the weights turned: forward is x @ W,
    so dx = dz @ W.T.
    """
    wanted = [p.name for p in theirs.parameters_of(forward)]
    names = [*wanted, *(f"x{i}" for i in range(len(args)))][: len(args)]
    values = {name: _as_array(arg) for name, arg in zip(names, args, strict=True)}

    def run(**moved: Array) -> tuple[Array, Sequence[Any]]:
        out = theirs.run("forward", forward, *copy.deepcopy(values | moved).values())
        out, *cache = out if isinstance(out, tuple) else (out,)
        return _output(out), cache

    out, cache = run()
    known = dict.fromkeys(theirs.OUTPUTS, out) | dict.fromkeys(("cache", "ctx") if cache else (), *cache[:1])
    upstream, given = _upstream(dout, out), copy.deepcopy(values)
    returned, asked = theirs.call_backward(backward, known | given, upstream, [*given.values()], cache)
    upstream = upstream if asked else np.ones(out.shape)
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    found = theirs.named_gradients(returned, list(arrays), arrays)
    points = {name: float64_copy(name, arrays[name]) for name in found}
    fixed = {name: array for name, array in arrays.items() if name not in found}
    inputs = {name: array for name, array in fixed.items() if array.dtype.kind == "f"}
    targets, weights = (fixed.values(), None) if fixed and out.ndim == 0 else ((), upstream)

    def loss(**moved: Array) -> Any:
        return np.sum(upstream * run(**moved)[0])

    return _report(loss, points, found, inputs, [*targets], tolerance, weights, backward)


def check_layer(
    layer: Any,
    x: ArrayLike,
    y: ArrayLike | None = None,
    *,
    loss: Callable[..., Any] | None = None,
    dout: ArrayLike | None = None,
    names: Mapping[str, str] | None = None,
    tolerance: float = 1e-6,
) -> GradientReport:
    """Check a class of your own: a layer, or a whole network with ``y`` and ``loss`` [09].

    Parameters and gradients are looked for where people keep them: ``W`` and ``dW``, ``weights`` and
    ``grad_weights``, in dicts or lists ``params`` and ``grads``, in layers inside. A backward that takes a
    learning rate and updates the parameters is checked by what it took off. If yours are called otherwise,
    say ``names={"W": "slope_of_W"}``. ``loss(out, y)`` is needed where backward begins at the loss, unless
    the class has a method ``loss``. All is done on a copy.

    >>> class Dense:
    ...     def __init__(self):
    ...         self.W = np.array([[1.0, -2.0], [0.5, 3.0]])
    ...     def forward(self, x):
    ...         self.x = x
    ...         return x @ self.W
    ...     def backward(self, dout):
    ...         self.dW = dout.T @ self.x
    ...         return dout @ self.W.T
    >>> print(check_layer(Dense(), [[1.0, 2.0], [3.0, -1.0], [0.5, 4.0]])["W"].diagnosis)
    This is the transpose of the right gradient: dW = x.T @ dz.
    """
    own, x = copy.deepcopy(layer), float64_copy("x", x)
    forward, backward = (_method(own, some) for some in (theirs.FORWARD, theirs.BACKWARD))
    measure: Any = loss or getattr(own, "loss", None) or getattr(own, "compute_loss", None)
    if y is not None and not callable(measure):
        refuse("loss", "be a function loss(out, y) where y is given", measure)
    held = theirs.parameters_in(own)
    for slot in held.values():
        slot.put(slot.array.astype(np.float64))

    def run(x: Array = x, **moved: Array) -> Array:
        for name, slot in held.items():
            slot.put(np.array(moved.get(name, slot.array), dtype=np.float64))
        out = _output(theirs.call("forward", forward, _named(x, y), [x]))
        if y is None:
            return out
        return _output(theirs.call("loss", measure, _named(x, y, out), [out, y]))

    out = run()
    upstream = _upstream(dout, out)
    known = _named(x, y, _output(theirs.call("forward", forward, _named(x, y), [x])))
    returned, _ = theirs.call_backward(backward, known, upstream, [x] if y is None else [x, y])
    found = _gradients_in(own, held, returned, names or {})
    points = {name: x if name == "x" else float64_copy(name, held[name].array) for name in found}
    weights = upstream if y is None else None
    left = [name for name, slot in held.items() if name not in found and slot.array.dtype.kind == "f"]
    silent = [name for name in left if not np.array_equal(run(**{name: held[name].array * 1.01 + 0.01}), out)]
    notes = [f"Parameters found: {', '.join(name for name in found if name != 'x') or 'none'}."]
    if silent:
        advice = "call it d and the name, or say names={'W': 'its gradient'}"
        notes.append(f"No gradient found for {', '.join(silent)}, which changes the output: {advice}.")
    if not found:
        refuse("layer", "keep gradients where they can be found, dW for W", sorted(held), notes[-1])

    def total(**moved: Array) -> Any:
        return np.sum(upstream * run(**moved))

    inputs, targets = ({} if "x" in found else {"x": x}), [] if y is None else [y]
    return _report(total, points, found, inputs, targets, tolerance, weights, backward, notes=notes)


def check_update(
    step: Callable[[], Any],
    loss: Callable[..., Any],
    params: Any,
    lr: float,
    X: ArrayLike | None = None,
    y: ArrayLike | None = None,
    *,
    tolerance: float = 1e-6,
) -> GradientReport:
    """Check one iteration of your training loop: the gradient that it used is (before - after) / lr [09].

    ``step()`` does one update with plain steps of size ``lr``. ``params`` holds the arrays by the names that
    ``loss(W1, b1, ...)`` has for them: a dict, an object whose attributes they are, or ``globals()``. They
    are changed there, or returned as a dict or in the loss's order. Afterwards all is as before.

    >>> w, x, y = np.array([2.0]), np.array([1.0, 2.0, 4.0]), np.array([0.0, 1.0, 1.0])
    >>> def loss(w):
    ...     return np.mean((w * x - y) ** 2)
    >>> def step():
    ...     w[:] = w - 0.1 * np.mean((w * x - y) * x)
    >>> check_update(step, loss, {"w": w}, 0.1, x, y)["w"].diagnosis.mistake
    'factor 1/2'
    """
    live, rate = (params if isinstance(params, Mapping) else vars(params)), number("lr", lr, above=0)
    names = [p.name for p in theirs.parameters_of(loss) if p.name in live] or list(live)
    held = {name: np.asarray(live[name]) for name in names}
    before = {name: float64_copy(name, array) for name, array in held.items()}
    try:
        returned = theirs.run("step", step)
        if isinstance(returned, tuple | list) and len(returned) == len(names):
            returned = dict(zip(names, returned, strict=True))
        moved = returned if isinstance(returned, Mapping) and returned.keys() >= set(names) else live
        after = {name: float64_copy(name, moved[name]) for name in names}
    finally:
        for name, array in held.items():
            if array.ndim and array.flags.writeable:
                array[...] = before[name]
            if isinstance(live, dict):
                live[name] = array if array.ndim else array[()]
    if all(np.array_equal(before[name], after[name]) for name in names):
        raise ValueError(
            f"step() must change {', '.join(names)} or return new arrays, got all of them as they were; "
            "inside a function, W = W - lr * dW makes a new W that nobody else sees; W -= lr * dW changes it"
        )
    found = {name: (before[name] - after[name]) / rate for name in names}
    inputs, targets = ({} if X is None else {"X": X}), [] if y is None else [y]
    return _report(loss, before, found, inputs, targets, tolerance, lr=rate, source=step)


def _by_name(loss: Callable[..., Any], X: ArrayLike, y: ArrayLike) -> Callable[..., Any]:
    """A loss of the whole dictionary, as one of the arrays by name; any other as it is."""
    if not {"params", "parameters"} & {p.name for p in theirs.parameters_of(loss)}:
        return loss

    def by_name(**arrays: Array) -> Any:
        return theirs.call("loss", loss, _named(X, y) | {"params": arrays, "parameters": arrays})

    return by_name


def _report(
    loss: Callable[..., Any],
    points: Mapping[str, Array],
    found: Mapping[str, Any],
    inputs: Mapping[str, Any],
    targets: Sequence[Any],
    tolerance: float,
    dout: Array | None = None,
    source: Callable[..., Any] | None = None,
    lr: float | None = None,
    notes: Sequence[str] = (),
) -> GradientReport:
    size = sum(array.size for array in points.values())
    if size > MOST:
        advice = "make the layers narrower, about 20 units, and the batch small: a bug stays where it is"
        refuse("params", f"hold at most {MOST:,} numbers, each of which is moved by itself", size, advice)
    batch = {name: float64_copy(name, array) for name, array in inputs.items()}

    def told(**arrays: Array) -> Any:
        return theirs.run("loss", loss, **arrays)

    known = recognised(told, points, batch, targets, dout)
    read = f"Read as: {known.reading}." if known else UNKNOWN

    def hypotheses() -> list[Hypothesis]:
        with np.errstate(all="ignore"):
            return known.hypotheses({k: np.asarray(g) for k, g in found.items()}, lr) if known else []

    n = next((len(a) for a in batch.values() if a.ndim), None)
    counts = known.counts(lr) if known else counted(n, [np.asarray(g) for g in found.values()])
    # What was recognised has no small number in its logarithms, and is as the gradient is derived.
    value, notes = known.value if known else told, [*notes, read]
    report = compare(value, points, found, tolerance, counts, hypotheses, one_chain=True, notes=notes)
    right, reasons = [check.name for check in report.arrays if check.ok], dict[str, list[str]]()
    for check in report.arrays:
        if not check.ok:
            reasons.setdefault(check.diagnosis.mistake if check.diagnosis else "", []).append(check.name)
    shown = [suspects(source, wrong, right, found) for wrong in reasons.values() if source]
    return GradientReport(report.arrays, (*report.notes, *filter(None, shown)))


def _gradients_in(
    own: Any, held: Mapping[str, theirs.Slot], returned: Any, names: Mapping[str, str]
) -> dict[str, Any]:
    """The gradients that a backward pass left in an object, or returned, or took off the parameters."""
    keys = {theirs.key(path): name for name, slot in held.items() for path in slot.paths}
    keys |= {"x": "x", "inputs": "x"}
    found = {keys[k]: gradient for k, gradient in theirs.gradients_in(own, returned, {*keys}).items()}
    now = theirs.slots(own)
    found |= {name: now[path].array for name, path in names.items() if name in held and path in now}
    if not found.keys() - {"x"}:
        for name, slot in held.items():
            holder, where = slot.places[0]
            if not np.array_equal(holder[where], slot.array):
                found[name] = slot.array - holder[where]
    if isinstance(returned, np.ndarray | list) and np.ndim(returned):
        found["x"] = np.asarray(returned)
    return found


def _method(thing: Any, names: Sequence[str]) -> Callable[..., Any]:
    for name in names:
        if callable(method := getattr(thing, name, None)):
            return method
    return refuse("layer", f"have a method {names[0]}", thing)


def _named(x: Any, y: Any, out: Any = None) -> dict[str, Any]:
    """What arguments are usually called."""
    known = dict.fromkeys(theirs.RATES, 1.0) | dict.fromkeys(theirs.INPUTS, x)
    known = known if out is None else dict.fromkeys(theirs.OUTPUTS, out) | known
    return known if y is None else known | dict.fromkeys(theirs.TARGETS, y)


def _as_array(value: Any) -> Any:
    array = np.asarray(value) if isinstance(value, np.ndarray | np.generic | list | float | int) else None
    return value if array is None or array.dtype.kind not in "fiub" else np.array(array)


def _output(out: Any) -> Array:
    """What forward returned, as numbers."""
    return float64_copy("what forward returns", out)


def _upstream(dout: ArrayLike | None, out: Array) -> Array:
    if dout is None:
        return np.asarray(np.cos(1 + np.arange(out.size)).reshape(out.shape) if out.ndim else 1.0)
    upstream = float64_copy("dout", dout)
    if upstream.shape != out.shape:
        raise ValueError(f"dout must have the shape of the output, {out.shape}, got {upstream.shape}")
    return upstream
