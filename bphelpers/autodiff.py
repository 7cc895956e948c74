"""Reverse mode on numbers: an operation notes who fed it and how fast it answers; `backward` reads the notes.

[14] derives it.
"""

import math
from collections.abc import Callable, Hashable, Iterable
from operator import attrgetter
from typing import Any, TypeVar, Union

from bphelpers.arguments import number, refuse

Operand = Union["Value", float]
Node = TypeVar("Node", bound=Hashable)


class Value:
    """A number that remembers what it was made of [14].

    ``parents`` are the values that went in, ``slopes`` how fast this one moves when each of them does: plain
    numbers, known as soon as the value is. `backward` writes into ``grad``, here and in everything that went
    in, how fast this value moves with it; each call begins at 0 again.

    Source: S. Linnainmaa, Taylor expansion of the accumulated rounding error, 1976.

    >>> x, y = Value(1.0), Value(2.0)
    >>> u = x + y
    >>> f = u * (u + 1)
    >>> f.backward()
    >>> f.data, u.grad, x.grad
    (12.0, 7.0, 7.0)
    """

    __slots__ = "data", "grad", "op", "parents", "slopes"
    __array_ufunc__ = None  # NumPy numbers leave the arithmetic to us

    def __init__(
        self,
        data: float,
        parents: tuple["Value", ...] = (),
        slopes: tuple[float, ...] = (),
        op: str = "",
    ) -> None:
        if type(data) is not float or not (parents or math.isfinite(data)):
            if isinstance(data, Value):
                refuse("data", "be a number", data, "use the Value itself: a copy would hide its parents")
            data = number("data", data)
        self.data = data
        if not (math.isfinite(data) and math.isfinite(sum(slopes))):
            refuse(f"a result of {op}", "be finite and have finite slopes", data)
        if len(parents) != len(slopes):
            refuse("slopes", f"be one for each of {len(parents)} parents", slopes)
        self.parents, self.slopes, self.op, self.grad = parents, slopes, op, 0.0

    def __add__(self, other: Operand) -> "Value":
        if isinstance(other, Value):
            return Value(self.data + other.data, (self, other), (1.0, 1.0), "+")
        return Value(self.data + _number(other), (self,), (1.0,), "+")

    def __mul__(self, other: Operand) -> "Value":
        if isinstance(other, Value):
            return Value(self.data * other.data, (self, other), (other.data, self.data), "*")
        factor = _number(other)
        return Value(self.data * factor, (self,), (factor,), "*")

    def __pow__(self, exponent: float) -> "Value":
        k = number("exponent", exponent)
        if (self.data == 0 and k < 1 and k != 0) or (self.data < 0 and not k.is_integer()):
            refuse("a base", f"have a real power {k:g} with a slope", self.data)
        try:
            power, slope = self.data**k, k * self.data ** (k - 1) if k else 0.0
        except OverflowError:
            power = slope = math.inf
        return Value(power, (self,), (slope,), f"**{k:g}")

    def __neg__(self) -> "Value":
        return Value(-self.data, (self,), (-1.0,), "-")

    def __sub__(self, other: Operand) -> "Value":
        if isinstance(other, Value):
            return Value(self.data - other.data, (self, other), (1.0, -1.0), "-")
        return Value(self.data - _number(other), (self,), (1.0,), "-")

    def __truediv__(self, other: Operand) -> "Value":
        divisor = other.data if isinstance(other, Value) else _number(other)
        if divisor == 0:
            refuse("a divisor", "be other than 0", divisor)
        ratio = self.data / divisor
        if isinstance(other, Value):
            return Value(ratio, (self, other), (1 / divisor, -ratio / divisor), "/")
        return Value(ratio, (self,), (1 / divisor,), "/")

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: Operand) -> "Value":
        return -self + other

    def __rtruediv__(self, other: Operand) -> "Value":
        return Value(_number(other)) / self

    def exp(self) -> "Value":
        """The exponential, with itself as slope."""
        try:
            power = math.exp(self.data)
        except OverflowError:
            power = math.inf
        return Value(power, (self,), (power,), "exp")

    def log(self) -> "Value":
        """Natural logarithm."""
        if self.data <= 0:
            refuse("the argument of log", "be above 0", self.data)
        return Value(math.log(self.data), (self,), (1 / self.data,), "log")

    def sigmoid(self) -> "Value":
        """Logistic function; the slope is ``a (1 - a)``."""
        a = 1 / (1 + math.exp(-self.data)) if self.data > -709 else 0.0
        return Value(a, (self,), (a * (1 - a),), "sigmoid")

    def tanh(self) -> "Value":
        """Hyperbolic tangent; the slope is ``1 - a**2``."""
        a = math.tanh(self.data)
        return Value(a, (self,), (1 - a * a,), "tanh")

    def relu(self) -> "Value":
        """``max(0, z)``; at 0 the slope is 0."""
        return Value(max(self.data, 0.0), (self,), (float(self.data > 0),), "relu")

    def backward(self) -> None:
        """Write into ``grad`` of everything that went in how fast this value moves with it."""
        order = topological_order(self, attrgetter("parents"))
        for value in order:
            value.grad = 0.0
        self.grad = 1.0
        for value in reversed(order):  # everybody who used it comes before it
            for parent, slope in zip(value.parents, value.slopes):  # noqa: B905  the constructor counted them
                parent.grad += value.grad * slope

    def __repr__(self) -> str:
        return f"Value({self.data:g})"


def topological_order(root: Node, parents_of: Callable[[Node], Iterable[Node]]) -> list[Node]:
    """Everything that ``root`` was made of, and itself, each once and after its parents [14].

    The stack is a list, so a long chain costs memory and no recursion. Depth first, as in R. Tarjan,
    Edge-disjoint spanning trees and depth-first search, 1976.

    >>> topological_order("f", {"f": "uv", "v": "u", "u": "xy", "x": "", "y": ""}.get)
    ['y', 'x', 'u', 'v', 'f']
    """
    order: list[Node] = []
    seen: set[Node] = set()
    stack = [(root, False)]
    while stack:
        node, parents_are_in = stack.pop()
        if parents_are_in:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            for parent in parents_of(node):
                stack.append((parent, False))
    return order


def _number(x: Any) -> float:
    return x if type(x) is float and math.isfinite(x) else number("an operand", x)
