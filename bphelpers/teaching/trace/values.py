"""An expression of `Value`s as a list of steps: values forward, reports to parents backward."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from bphelpers.arguments import refuse
from bphelpers.autodiff import Value, topological_order
from bphelpers.teaching.numbers import finite
from bphelpers.teaching.trace import formula as f
from bphelpers.teaching.trace.steps import Step, said

MOST_VALUES = 30  # more can neither be drawn nor followed

# By operation; one that is not here takes its operands in parentheses.
WORDS = {"+": "{} plus {}", "-": "{} minus {}", "*": "{} times {}", "/": "{} divided by {}",
         "**": "{} to the power {}", "negative": "the negative of {}", "exp": "the exponential of {}",
         "log": "the natural logarithm of {}", "sigmoid": "the sigmoid of {}",
         "tanh": "the hyperbolic tangent of {}", "relu": "the ReLU of {}"}  # fmt: skip
FUNCTIONS = {"sigmoid": "σ", "relu": "ReLU"}


@dataclass(frozen=True)
class ValueGraph:
    """What an expression was made of, in the order of computation: its last value is the expression. [14]

    ``parents`` are numbers of ``values``, counted from 0; a step names a value by its number, and a line
    between two by the number of the user and which of its parents it leads to.
    """

    values: tuple[Value, ...]
    names: tuple[str, ...]
    parents: tuple[tuple[int, ...], ...]

    def steps(self) -> list[Step]:
        """The inputs, each value computed from them, the 1 at the end, and each report to a parent.

        >>> x = Value(3.0)
        >>> for step in value_graph(x * x, {"x": x}).steps()[-2:]:
        ...     print(step)
        v1 reports 1 times 3, which is 3, to x. So far x.grad is 3. That is partial, with 1 of 2 reports in.
        v1 reports 1 times 3, which is 3, to x. With the 3 from before, x.grad is 6. That is complete, with 2
        of 2 reports in.
        """
        return [*self._forward(), *self._backward()]

    def users(self, k: int) -> int:
        """How many reports value k waits for."""
        return sum(parents.count(k) for parents in self.parents)

    def said(self, k: int) -> str:
        """The name of a value in words."""
        return self.names[k].replace("_", "")

    def symbol(self, k: int) -> str:
        """The name of a value in a formula."""
        letter, _, index = self.names[k].partition("_")
        return f.symbol(letter, "", index)

    def operation(self, k: int) -> tuple[str, tuple[float, ...]]:
        """What value k was computed by, and the plain number that went in beside its parents, if one did.

        >>> x = Value(3.0)
        >>> [value_graph(one).operation(-1) for one in (x - 1, -x, x / 8, x**2, x.tanh())]
        [('-', (1.0,)), ('negative', ()), ('/', (8.0,)), ('**', (2.0,)), ('tanh', ())]
        """
        value = self.values[k]
        op = getattr(value, "op", "")  # a class of the learner's own may have none
        if op.startswith("**"):
            return "**", (float(op[2:]),)
        if len(value.parents) != 1 or op not in ("+", "-", "*", "/"):
            return op, ()
        (parent,), (slope,) = value.parents, value.slopes
        if op == "-" and slope < 0:
            return "negative", ()
        number = {"+": value.data - parent.data, "-": parent.data - value.data, "*": slope}
        return op, (number[op] if op in number else 1 / slope,)

    def _forward(self) -> Iterator[Step]:
        inputs = [k for k, parents in enumerate(self.parents) if not parents]
        finds = {self.names[k]: self.values[k].data for k in inputs}
        symbols, numbers = (
            f.parens(f.COMMA.join(shown)) if len(shown) > 1 else shown[0]
            for shown in (list(map(self.symbol, inputs)), list(map(f.number, finds.values())))
        )
        which = ", ".join(f"{self.said(k)} = {said(self.values[k].data)}" for k in inputs)
        words = f"The expression begins with {which}."
        yield Step("inputs", "input", symbols, numbers, words, finds, tuple((k,) for k in inputs))
        yield from (self._computed(k) for k, parents in enumerate(self.parents) if parents)

    def _computed(self, k: int) -> Step:
        value, parents, name = self.values[k], self.parents[k], self.said(k)
        op, constants = self.operation(k)
        operands = [self.values[p].data for p in parents] + [*constants]
        numbers = f.number(value.data)
        if op:
            numbers = _written(op, [*map(f.number, operands)]) + f.EQUALS + numbers
            symbols = _written(op, [*map(self.symbol, parents), *map(f.number, constants)])
            made = WORDS.get(op, f"{op} of " + " and ".join(["{}"] * len(operands)))
            words = f"{name} is {made.format(*map(said, operands))}, which makes {said(value.data)}."
        else:
            symbols = f.parens(f.COMMA.join(map(self.symbol, parents)))
            words = f"{name} is made of {' and '.join(map(self.said, parents))}: {said(value.data)}."
        slopes = [f"towards {self.said(p)} {said(s)}" for p, s in zip(parents, value.slopes, strict=True)]
        words += f" Its note: the slope {', '.join(slopes)}."
        lines = tuple((k, slot) for slot in range(len(parents)))
        found = {self.names[k]: value.data}
        symbols = self.symbol(k) + f.EQUALS + symbols
        return Step(self.names[k], "value", symbols, numbers, words, found, ((k,),), lines)

    def _backward(self) -> Iterator[Step]:
        end = len(self.values) - 1
        grads, come = [0.0] * end + [1.0], [0] * (end + 1)
        words = f"The way back begins at {self.said(end)}: {self.said(end)}.grad is 1."
        name = f"{self.names[end]}.grad"
        yield Step(name, "d_start", self._grad(end), f.ONE, words, {name: 1.0}, ((end,),))
        for k in range(end, -1, -1):
            for slot, (p, slope) in enumerate(zip(self.parents[k], self.values[k].slopes, strict=True)):
                before, grads[p], come[p] = grads[p], grads[p] + grads[k] * slope, come[p] + 1
                report = f"{said(grads[k])} times {said(slope)}, which is {said(grads[k] * slope)}"
                words = f"{self.said(k)} reports {report}, to {self.said(p)}. "
                words += self._so_far(p, come[p], before, grads[p])
                slope_symbol = f.fraction(*(f.symbol("∂") + self.symbol(one) for one in (k, p)))
                symbols = self._grad(p) + f.PLUS + self._grad(k) + f.TIMES + slope_symbol
                symbols = self._grad(p) + f.BECOMES + symbols
                numbers = f.number(before) + f.PLUS + f.product(f.number(grads[k]), f.number(slope))
                numbers += f.EQUALS + f.number(grads[p])
                name, places = f"{self.names[p]}.grad", ((k,), (p,))
                yield Step(name, "d_report", symbols, numbers, words, {name: grads[p]}, places, ((k, slot),))

    def _grad(self, k: int) -> str:
        return self.symbol(k) + "<mi>.grad</mi>"

    def _so_far(self, p: int, come: int, before: float, now: float) -> str:
        """What the last report to value p changed, and whether more will come."""
        grad, users = f"{self.said(p)}.grad", self.users(p)
        if users == 1:
            return f"{self.said(p)} is used once, so {grad} is {said(now)} and complete."
        since = "So far" if come == 1 else f"With the {said(before)} from before,"
        partial = "complete" if come == users else "partial"
        return f"{since} {grad} is {said(now)}. That is {partial}, with {come} of {users} reports in."


def _written(op: str, operands: list[str]) -> str:
    """An operation as a formula of its operands."""
    first, *others = operands
    if op in ("+", "-"):
        return (f.PLUS if op == "+" else f.LESS).join([first, *map(f.factor, others)])
    if op == "*":
        return f.product(*operands)
    if op == "/":
        return f.fraction(*operands)
    if op == "**":
        return f.power(f.factor(first), *others)
    if op == "negative":
        return f.NEGATIVE + f.factor(first)
    if op == "exp":
        return f.power(f.symbol("e"), first)
    return f.call(FUNCTIONS.get(op, op), f.COMMA.join(operands))


def value_graph(root: Value, names: Mapping[str, Any] | None = None) -> ValueGraph:
    """Everything that ``root`` was made of, up to 30 values, each with a name. [14]

    ``root`` is a Value of :mod:`bphelpers.autodiff`, or of a class of your own with ``data``, ``parents`` and
    ``slopes``. ``names`` gives Values their names; what is not in the graph is passed over, so it may be
    ``globals()``. A value without a name is v1, v2, ... in the order of computation.

    >>> x = Value(3.0)
    >>> value_graph(x * x + x, {"x": x}).names
    ('x', 'v_1', 'v_2')
    """
    if not all(hasattr(root, name) for name in ("data", "parents", "slopes")):
        refuse("net", "be a Value, or a Sequential with its loss, x and y", root)
    # The last parent comes off the stack first: turned, values stand in the order in which Python made them.
    values = topological_order(root, lambda value: value.parents[::-1])
    if len(values) > MOST_VALUES:
        raise ValueError(
            f"the expression must be made of at most {MOST_VALUES} values to be followed step by step, got "
            f"{len(values)}; give a part of it, or make a smaller one"
        )
    finite("the values", [value.data for value in values])
    at = {id(value): k for k, value in enumerate(values)}
    given: dict[int, str] = {}
    for name, value in (names or {}).items():
        if not isinstance(name, str):
            refuse("names", "hold Values by their names, as in {'x': x}", name)
        if id(value) in at and not name.startswith("_"):
            given.setdefault(at[id(value)], name)
    taken = {name.replace("_", "") for name in given.values()}
    unnamed = (f"v_{k}" for k in count(1) if f"v{k}" not in taken)
    return ValueGraph(
        tuple(values),
        tuple(given.get(k) or next(unnamed) for k in range(len(values))),
        tuple(tuple(at[id(parent)] for parent in value.parents) for value in values),
    )
