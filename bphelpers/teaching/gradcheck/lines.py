"""Which lines of a backward pass could be wrong: those that every wrong gradient needs, and no right one."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from bphelpers.teaching.gradcheck.theirs import gradient_of, key

MOST = 6


def suspects(function: Callable[..., Any], wrong: set[str], right: set[str], order: Iterable[str]) -> str:
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
    found = sorted({s.lineno for s in set.intersection(*sets) - cleared if _computes(s)})
    if not 0 < len(found) <= MOST:
        return ""
    name = getattr(function, "__name__", "it")
    said = "This line of {}" if len(found) == 1 else "One of these lines of {}"
    shown = "\n".join(f"    {i}: {lines[i - 1].strip()}" for i in found)
    return f"{said.format(name)} is wrong, as the gradients that need it are:\n{shown}"


def _needs(function: ast.AST, order: list[str]) -> dict[str, set[ast.stmt]]:
    """By array, the statements that its gradient depends on."""
    needs: dict[str, set[ast.stmt]] = {}  # of every name
    found: dict[str, set[ast.stmt]] = {}
    keys = {key(name): name for name in order}
    statements = list(_statements(getattr(function, "body", [])))
    loops = any(isinstance(node, ast.For | ast.While) for node in ast.walk(function))
    for statement in statements * (2 if loops else 1):
        for target, value in _assignments(statement, order):
            used = set().union(*(needs.get(name, set()) for name in _names(value)))
            if not isinstance(statement, ast.Return) or not isinstance(value, ast.Name):
                used.add(statement)
            if isinstance(statement, ast.AugAssign) or loops:
                used |= needs.get(target, set())
            needs[target] = used
            if isinstance(statement, ast.Return):
                name = key(target) if target in order else ""
            else:
                paths = [target, *re.findall(r"\w+", target)[-1:]]  # dW1, grads["dW1"], and updates of W1
                named = [gradient_of(path, set(keys)) or key(path) for path in paths]
                name = next((k for k in named if k in keys), "")
            if name:
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
    """What a statement gives a value: its name, the expression."""
    value = getattr(statement, "value", None)
    if isinstance(statement, ast.Return):
        elements = value.elts if isinstance(value, ast.Tuple | ast.List) else [value]
        if isinstance(value, ast.Dict):
            keys = [k.value if isinstance(k, ast.Constant) else "" for k in value.keys]
            yield from (
                (gradient_of(str(k), set(order)) or str(k), v)
                for k, v in zip(keys, value.values, strict=True)
            )
        elif len(elements) == len(order):
            yield from zip(order, elements, strict=True)
    elif isinstance(statement, ast.AugAssign):
        yield ast.unparse(statement.target), statement.value
    elif isinstance(statement, ast.Assign):
        for target in statement.targets:
            targets = target.elts if isinstance(target, ast.Tuple) else [target]
            alike = isinstance(value, ast.Tuple) and len(value.elts) == len(targets)
            values = value.elts if alike else [value] * len(targets)
            yield from ((ast.unparse(t), v) for t, v in zip(targets, values, strict=True))


def _names(value: ast.expr | None) -> set[str]:
    kinds = ast.Name | ast.Attribute | ast.Subscript
    return {ast.unparse(node) for node in ast.walk(value) if isinstance(node, kinds)} if value else set()


def _computes(statement: ast.stmt) -> bool:
    """Whether it does more than fetch or hand on what is there."""
    if isinstance(getattr(statement, "value", None), ast.Name):
        return not isinstance(statement, ast.Return)
    kinds = ast.BinOp | ast.UnaryOp | ast.Call | ast.AugAssign
    return any(isinstance(node, kinds) for node in ast.walk(statement))
