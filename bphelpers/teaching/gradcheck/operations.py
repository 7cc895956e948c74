"""The operations of :mod:`bphelpers.functional`, whose backward can be checked alone."""

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bphelpers import functional as F
from bphelpers.arguments import refuse
from bphelpers.numeric import Array, float64_copy
from bphelpers.teaching.gradcheck.gradients import Hypothesis, compare
from bphelpers.teaching.gradcheck.mistakes import Counts, Gradients, Mistake, mistakes_in
from bphelpers.teaching.gradcheck.report import GradientReport

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Operation:
    """A pair of functions. A loss begins the chain: its backward takes no dout, targets have no gradient."""

    name: str
    takes: tuple[str, ...]
    saved: tuple[str, ...]  # what the backward is given after dout; "out" is the output
    is_loss: bool = False
    whole: tuple[str, ...] = ()  # whole numbers, which have no gradient

    @property
    def with_gradient(self) -> tuple[str, ...]:
        """The arguments that have a gradient."""
        return (
            self.takes[:1] if self.is_loss else tuple(name for name in self.takes if name not in self.whole)
        )

    def forward(self, values: Values, **options: Any) -> Any:
        """The function of the package; dropout with the mask that was drawn."""
        if self.name == "dropout":
            return values["x"] * options["mask"]
        return getattr(F, self.name)(*values.values(), **options)

    def backward(
        self,
        dout: Array | None,
        values: Values,
        out: Any,
        own: Callable[..., Any] | None = None,
        **options: Any,
    ) -> Gradients:
        """Gradients by argument, found by the package or by somebody's own backward."""
        known = {**values, "out": out, "dout": dout}
        given = [known[key] for key in (*(() if self.is_loss else ("dout",)), *self.saved)]
        returned = (own or getattr(F, f"{self.name}_backward"))(*given, **options)
        gradients = (
            returned if isinstance(returned, tuple | list) and len(self.with_gradient) > 1 else (returned,)
        )
        names = self.with_gradient
        if len(gradients) != len(names):
            raise ValueError(
                f"the backward of {self.name} must return {len(names)} gradients, {names}, got "
                f"{len(gradients)}"
            )
        return dict(zip(names, gradients, strict=True))

    def with_mistake(
        self, mistake: Mistake, dout: Array | None, values: Values, out: Any, **options: Any
    ) -> list[Gradients]:
        """The gradients that the mistake changes, by argument, for each way to make it that shapes allow."""
        given = values.values() if self.is_loss else (dout, *values.values(), out)
        made = []
        for rule in mistake.ways(self.name):
            try:
                wrong = rule(*given, **options)
            except ValueError:
                continue
            made.append(wrong if isinstance(wrong, dict) else {self.with_gradient[0]: wrong})
        return [wrong for wrong in made if wrong]

    def mistakes(self, dout: Array | None, values: Values, out: Any, **options: Any) -> list[Hypothesis]:
        """What each row of the table gives here."""
        with np.errstate(all="ignore"):  # a mistake may divide by 0
            return [
                Hypothesis(row.name, wrong, in_rows=True)
                for row in mistakes_in(self.name)
                for wrong in self.with_mistake(row, dout, values, out, **options)
            ]


def _loss(name: str, *takes: str) -> Operation:
    return Operation(name, takes, takes, is_loss=True)


OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation("sigmoid", ("z",), ("out",)),
        Operation("tanh", ("z",), ("out",)),
        Operation("relu", ("z",), ("z",)),
        Operation("leaky_relu", ("x",), ("x",)),
        Operation("gelu", ("x",), ("x",)),
        Operation("softmax", ("z",), ("out",)),
        Operation("log_softmax", ("z",), ("out",)),
        Operation("layer_norm", ("x", "gamma", "beta"), ("x", "gamma")),
        Operation("batch_norm", ("x", "gamma", "beta"), ("x", "gamma")),
        _loss("mse", "y_hat", "y"),
        _loss("binary_cross_entropy", "logits", "y"),
        _loss("softmax_cross_entropy", "logits", "labels"),
        Operation("linear", ("x", "W", "b"), ("x", "W")),
        Operation("conv2d", ("x", "W", "b"), ("x", "W")),
        Operation("max_pool2d", ("x",), ("x",)),
        Operation("rnn", ("x", "h0", "Wx", "Wh", "b"), ("x", "h0", "out", "Wx", "Wh")),
        Operation("embedding", ("x", "E"), ("x", "E"), whole=("x",)),
        Operation("scaled_dot_product_attention", ("q", "k", "v"), ("q", "k", "v")),
    )
}
DROPOUT = Operation("dropout", ("x",), ())  # with the option mask


def op_mistakes(name: str, *args: ArrayLike) -> dict[str, Gradients]:
    """What mistakes in one backward give, by mistake and argument, as ``check_gradients`` takes them [09].

    ``op_mistakes("linear", dout, x, W, b)``, ``op_mistakes("softmax_cross_entropy", logits, labels)``. What
    needs no rerun, such as a flipped sign, is not listed: :func:`diagnose` knows it.

    >>> op_mistakes("relu", [1.0, 1.0], [-2.0, 3.0])["ReLU mask inverted"]
    {'z': array([1., 0.])}
    """
    operation = _known(name)
    values = _arrays(operation, args, () if operation.is_loss else ("dout",))
    dout = values.pop("dout", None)
    made = operation.mistakes(dout, values, operation.forward(values))
    return {h.mistake: dict(h.arrays) for h in reversed(made)}  # of several ways the first


def check_op(
    name: str,
    backward: Callable[..., Any],
    *args: ArrayLike,
    dout: ArrayLike | None = None,
    tolerance: float = 1e-6,
    **options: Any,
) -> GradientReport:
    """Check your own backward of one operation against centred differences, and diagnose it [09].

    It is called as the package's: ``(dout, x, W)`` for linear, ``(dout, z)`` for relu, ``(dout, a)`` with the
    output for sigmoid, tanh and softmax, ``(logits, labels)`` for a loss. One that is written for z is
    given z, and the report says so. ``args`` are the forward's; ``options``, such as ``stride=2`` or
    ``kernel_size=2``, go to both. What is measured is ``sum(dout * out)``, by
    default with numbers without a pattern.

    >>> def my_sigmoid_backward(dout, a):
    ...     return dout
    >>> report = check_op("sigmoid", my_sigmoid_backward, [[-1.0, 0.5, 2.0]])
    >>> report.ok, report["z"].diagnosis.mistake
    (False, 'activation derivative missing')
    """
    operation = _known(name)
    if not callable(backward):
        refuse("backward", "be a function that returns gradients", backward)
    values = _arrays(operation, args)
    out = operation.forward(values, **options)
    upstream = None
    if not operation.is_loss:
        no_pattern = np.cos(1 + np.arange(out.size)).reshape(out.shape)
        upstream = no_pattern if dout is None else float64_copy("dout", dout)
        if upstream.shape != out.shape:
            raise ValueError(f"dout must have the shape of the output, {out.shape}, got {upstream.shape}")

    def loss(**arrays: Array) -> Any:
        moved = operation.forward(values | arrays, **options)
        return moved if upstream is None else np.sum(upstream * moved)

    first = values[operation.takes[0]]
    counts = Counts(
        n=len(first) if first.ndim else None,
        k=first.shape[1] if operation.is_loss and first.ndim == 2 else None,
    )

    def report(operation: Operation, *notes: str) -> GradientReport:
        given = copy.deepcopy((upstream, values, out))  # your backward may write into what it is given
        return compare(
            loss,
            {key: values[key] for key in operation.with_gradient},
            operation.backward(*given, backward, **options),
            tolerance,
            counts,
            lambda: operation.mistakes(upstream, values, out, **options),
            notes=notes,
        )

    if operation.saved == ("out",) and _written_for(backward) not in OUTPUT_NAMES:
        note = f"Your backward is written for {operation.takes[0]}; the package's is given the output."
        try:
            of_z = report(replace(operation, saved=operation.takes), note)
            if of_z.ok:
                return of_z
        except Exception:
            pass
    return report(operation)


OUTPUT_NAMES = {"a", "out", "output", "p", "y", "y_hat", "s", "h", "probs", "activation"}


def _written_for(backward: Callable[..., Any]) -> str | None:
    """The name of its second argument."""
    try:
        return list(inspect.signature(backward).parameters)[1]
    except (IndexError, TypeError, ValueError):
        return "out"


def _known(name: str) -> Operation:
    if not isinstance(name, str) or name not in OPERATIONS:
        raise ValueError(f"name must be one of {sorted(OPERATIONS)}, got {name!r}")
    return OPERATIONS[name]


def _arrays(
    operation: Operation, args: tuple[ArrayLike, ...], before: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The arguments by name, in float64; targets as they are, since they may be labels."""
    names = before + operation.takes
    if len(args) != len(names):
        raise ValueError(f"{operation.name} needs {', '.join(names)}: {len(names)} arrays, got {len(args)}")
    as_they_are = operation.takes[1:] if operation.is_loss else operation.whole
    return {
        name: np.array(array) if name in as_they_are else float64_copy(name, array)
        for name, array in zip(names, args, strict=True)
    }
