"""Which lines of a backward pass could be wrong: those that every wrong gradient needs, and no right one."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from bphelpers.teaching.gradcheck.theirs import gradient_of, key

MOST = 6
Part = tuple[int, str]  # a line, and what gets a value there


def suspects(
    function: Callable[..., Any], wrong: Sequence[str], right: Sequence[str], order: Iterable[str]
) -> str:
    """Those lines of the function, numbered from its first; nothing where they cannot be told.

    ``order`` are the names of the arrays, as the function returns their gradients.
    """
    try:
        lines, _ = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return ""
    needs = _needs(tree.body[0], list(order))
    sets = [needs[name] for name in wrong if name in needs]
    if len(sets) < len(wrong):
        return ""
    cleared = set().union(*(needs.get(name, set()) for name in right))
    found = sorted({line for line, _ in set.intersection(*sets) - cleared})
    if not 0 < len(found) <= MOST:
        return ""
    what = "this line" if len(found) == 1 else "one of these lines"
    clause = ", which the right arrays don't use" if right else ""
    shown = "".join(f"\n    {i}: {lines[i - 1].strip()}" for i in found)
    name = getattr(function, "__name__", "your code")
    return f"{', '.join(wrong)}: look for the mistake in {what} of {name}{clause}:{shown}"


def _needs(function: ast.AST, order: list[str]) -> dict[str, set[Part]]:
    """By array, the parts of lines that its gradient depends on."""
    needs: dict[str, set[Part]] = {}  # of every name
    found: dict[str, set[Part]] = {}
    keys = {key(name): name for name in order}
    statements = list(_statements(getattr(function, "body", [])))
    loops = any(isinstance(node, ast.For | ast.While) for node in ast.walk(function))
    for statement in statements * (2 if loops else 1):
        for target, value in _assignments(statement, order):
            used = set().union(*(needs.get(name, set()) for name in _names(value)))
            if _computes(statement, value):
                used.add((statement.lineno, target))
            whole = re.sub(r"\[(?!['\"]).*$", "", target)  # z[rows, y] is a part of z, grads["W1"] is not
            if isinstance(statement, ast.AugAssign) or whole != target or loops:
                used |= needs.get(whole, set())
            needs[whole] = used
            # W1 = params["W1"] is no gradient, dW1, grads["dW1"] and an update of W1 are.
            paths = [whole, *re.findall(r"\w+", whole)[-1:]]
            named = [gradient_of(path, set(keys)) or key(path) for path in paths]
            if name := next((k for k in named if k in keys), ""):
                found[keys[name]] = used
    return found


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        inside = [*getattr(statement, "body", []), *getattr(statement, "orelse", [])]
        if inside and not isinstance(statement, ast.FunctionDef):
            yield from _statements(inside)
        else:
            yield statement


def _assignments(statement: ast.stmt, order: list[str]) -> Iterator[tuple[str, ast.expr]]:
    """What a statement gives a value: its name, the expression; what is returned is named by its array."""
    value: Any = getattr(statement, "value", None)
    if isinstance(statement, ast.Return) and isinstance(value, ast.Dict):
        names = [str(k.value) if isinstance(k, ast.Constant) else "" for k in value.keys]
        yield from zip(names, value.values, strict=True)
    elif isinstance(statement, ast.Return) and value:
        elements = value.elts if isinstance(value, ast.Tuple | ast.List) else [value]
        yield from zip(order, elements, strict=True) if len(elements) == len(order) else ()
    elif isinstance(statement, ast.AugAssign):
        yield ast.unparse(statement.target), value
    for target in getattr(statement, "targets", []) if value else []:
        targets = target.elts if isinstance(target, ast.Tuple) else [target]
        alike = isinstance(value, ast.Tuple) and len(value.elts) == len(targets)
        yield from zip(
            map(ast.unparse, targets), value.elts if alike else [value] * len(targets), strict=True
        )


def _names(value: ast.expr) -> set[str]:
    kinds = ast.Name | ast.Attribute | ast.Subscript
    return {ast.unparse(node) for node in ast.walk(value) if isinstance(node, kinds)}


def _computes(statement: ast.stmt, value: ast.expr) -> bool:
    """Whether it does more than fetch or return what is there."""
    if isinstance(value, ast.Name):
        return not isinstance(statement, ast.Return)
    kinds = ast.BinOp | ast.UnaryOp | ast.Call
    return isinstance(statement, ast.AugAssign) or any(isinstance(node, kinds) for node in ast.walk(value))
