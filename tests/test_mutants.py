"""A test of the tests: break the package in every small way, one at a time, and see that it is noticed.

Each mutant is one edit of the syntax tree of one source file: a flipped sign, a dropped factor, a missing or
surplus transpose, another axis, a shifted constant, a skipped check. The broken file is loaded in place of
the real one, in this process and for one moment only, and judged by the checks that the real one has to pass.

A sample runs always, all of them with ``pytest --all tests/test_mutants.py``.
"""

import ast
import contextlib
import importlib
import inspect
import itertools
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import oracles
import pytest
import test_attention
import test_autodiff
import test_images
import test_nn
import test_optim
import test_raw_errors
import test_rnn
import test_training

import bphelpers

PACKAGE = Path(bphelpers.__file__).parent

# Mutants that change nothing that anybody could observe, by file, and why not. Each is asserted to survive.
PROVED: dict[str, dict[str, str]] = {
    "autodiff.py": {
        "a = 1 / (1 + math.exp(-self.data)) if self.data > -709 else 0.0 | Gt -> GtE": "at -709 it is 1e-308",
        'return x if type(x) is float and math.isfinite(x) else number("an operand", x) '
        "| drop type": "number returns the same float; skipped for speed",
    },
    "functional/__init__.py": {
        "return np.where(x > 0, x, float(slope) * x) | Gt -> GtE": "at x == 0, slope * 0 = 0 is x itself",
        "error = y_hat - y | Sub: operands swapped": "it is squared: (y - y_hat)^2 = (y_hat - y)^2, exactly",
        "return float(np.vdot(error, error)) / len(y) | arguments 1 and 2 of vdot swapped": "the same array",
        **{
            'given["y"] = given["y"].astype(y_hat.dtype, copy=False)  '
            f"# float64 targets must not slow a float32 network | {edit}": "a copy costs time only"
            for edit in ("drop copy= of astype", "False -> True")
        },
        "if mean is None or var is None: | and <-> or": "one without the other has been refused",
        **{
            f"if x.ndim > 2:  # places of sequences or images: rows like any others | {edit}": (
                "dot takes more axes by itself, and longer"
            )
            for edit in ("never", "Gt -> Lt")
        },
        "var = _means(centred, centred, axis) | arguments 1 and 2 of _means swapped": "the same array",
        "products = np.vecdot(a, b, axis=axis)  # type: ignore[call-overload] "
        "| arguments 1 and 2 of vecdot swapped": "a product",
        "along = x_hat * _means(dx_hat, x_hat, axis) | arguments 1 and 2 of _means swapped": "a product",
    },
    "functional/attention.py": {
        "a in (1, b) for a, b in zip(mask.shape[::-1], scores[::-1], strict=False) | drop strict= of zip": (
            "False without being told"
        ),
        "if is_causal or attn_mask is not None: | always": "nothing is masked; skipped for speed",
        **{
            f"{line} | -1 -> -2": "any negative length is the one that is left"
            for line in (
                "rows = p.reshape(-1, k.shape[-2])  "
                "# down the columns of a copy, a maximum takes a third of the time",
                "sums = p.reshape(-1, s).dot(np.ones(s, p.dtype))",
            )
        },
        "p -= np.maximum.reduce(np.ascontiguousarray(rows.T), 0).reshape(*p.shape[:-1], 1) "
        "| drop ascontiguousarray": "the same numbers in another order in memory: slower",
    },
    "functional/convolution.py": {
        **{
            f"{line} | {edit}": "two sides each, and as many views"
            for line in (
                "places = [_places(*both, stride, padding) for both in zip(sides, kernel, strict=True)]",
                "for view, dview in zip(views, dviews, strict=True):",
            )
            for edit in ("drop strict= of zip", "True -> False")
        },
        **{
            f"{line} | -1 -> -2": "any negative length is the one that is left"
            for line in (
                "z = W.reshape(len(W), -1) @ patches(x, W.shape[2:], stride, padding)",
                "dz = dout.transpose(1, 2, 3, 0).reshape(len(W), -1)",
                "dseen = W.reshape(len(W), -1).T @ dz",
            )
        },
        "if not ask_dx: | never": "it saves the time that dx takes, which nobody looks at",
        "return dout, dW, db | returned item 1 negated": "nobody looks at it",
        "corners = np.ndindex(size, size) | arguments 1 and 2 of ndindex swapped": "the same number",
    },
    "functional/recurrence.py": {
        **{
            f"return [array.astype(dtype, copy=False) for array in arrays] | {edit}": "a copy costs time only"
            for edit in ("drop copy= of astype", "False -> True")
        },
        "turned, product = np.ascontiguousarray(Wh.T), np.empty(before.shape, before.dtype) "
        "| drop ascontiguousarray": "the same numbers in another order in memory: slower",
        "before = np.tanh(now, now) | arguments 1 and 2 of tanh swapped": "the same array",
        "np.subtract(1, dz, dz)  # the slopes, which become dz step by step "
        "| arguments 2 and 3 of subtract swapped": "the same array",
        **{
            "for now, arriving in zip(dz[::-1], dout.transpose(1, 0, 2)[::-1], strict=True): "
            f"| {edit}": "as many steps"
            for edit in ("drop strict= of zip", "True -> False")
        },
    },
    "nn/attention.py": {
        "self.out_proj = Linear(d, d, rng=rng, bias=bias, dtype=dtype) "
        "| arguments 1 and 2 of Linear swapped": "the same number",
    },
    "nn/layers.py": {
        "if dout.shape == kept.shape: | never": "shaped_as lets it through as well; skipped for speed",
        "return F.dropout_backward.plain(shaped_as(mask, dout), mask) "
        "| arguments 1 and 2 of plain swapped": "a product",
        'return fitting("x", x, self.pair[0].shapes["x"], gamma, d=len(gamma)) '
        "| 0 -> 1": "both functions say the same of x",
    },
    "nn/losses.py": {
        'look = getattr(self.pair[0], "look", None) | 0 -> 1': "both functions look at the same two arrays",
    },
    "nn/modules.py": {
        "if values is not place:  # p.data -= step has written already | always": "a copy onto itself",
        "present = 0  # how many of the parts are here: one may have moved into another network "
        "| 0 -> 1": "lay_out sets it",
        **{
            f"for p, place in zip(self.parts, self.places(), strict=True): | {edit}": "as many as parts"
            for edit in ("drop strict= of zip", "True -> False")
        },
    },
    "nn/sequences.py": {
        'self.Wh = Parameter(drawn(init, m, m, rng, dtype), "Wh") '
        "| arguments 2 and 3 of drawn swapped": "the same number",
    },
    "optim.py": {
        "if not self.momentum: | never": "with momentum 0 the velocity is 0 * v + g = g; skipped for speed",
        "p.grad *= min(1.0, float(max_norm) / (norm + 1e-6)) | drop float": "in place, so float32 stays",
        "if _whole(parts): | never": "the same is asked of each below; this is quicker",
        "if not math.isfinite(np.vdot(p.grad, p.grad)) and not np.isfinite(p.grad).all(): "
        "| arguments 1 and 2 of vdot swapped": "the same array",
        "return home if math.isfinite(np.vdot(home._grad, home._grad)) else None "
        "| arguments 1 and 2 of vdot swapped": "the same array",
        **{
            f"for p, place in zip(joined.parts, joined.places(), strict=True): | {edit}": "as many as parts"
            for edit in ("drop strict= of zip", "True -> False")
        },
    },
}
EQUIVALENT = {(file, mutant): why for file, mutants in PROVED.items() for mutant, why in mutants.items()}

# --- Where edits are made -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A node and where it hangs, so that it can be exchanged and put back."""

    node: ast.AST
    parent: ast.AST
    field: str
    index: int | None

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


# Types and imports are not behaviour, __repr__ is for the eye; literal pieces of messages are free wording.
SKIPPED_FIELDS = {"annotation", "returns", "decorator_list", "bases", "ctx", "op", "ops"}
SKIPPED_NODES = (ast.Import, ast.ImportFrom)


def places(tree: ast.Module) -> Iterator[Place]:
    """Every node inside a function or class, outermost first."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield from _below(node)


def _below(node: ast.AST) -> Iterator[Place]:
    if isinstance(node, ast.FunctionDef) and node.name == "__repr__":
        return
    for field, value in ast.iter_fields(node):
        if field in SKIPPED_FIELDS:
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or isinstance(child, SKIPPED_NODES) or _is_docstring(child):
                continue
            yield Place(child, node, field, index)
            yield from _below(child)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


# --- The edits ----------------------------------------------------------------------------------------

BINARY = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.BitAnd: [ast.BitOr],
    ast.BitXor: [ast.BitOr],
}
COMPARISON = {
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
}
TWINS = {"max": "min", "min": "max", "maximum": "minimum", "exp": "exp2", "random": "standard_normal"}
CONSTANTS = {0: [1], 1: [2, 0], 2: [1]}
COMMUTING = {"maximum", "minimum", "max", "min", "equal", "logical_and", "swapaxes"}


def edits(place: Place) -> Iterator[tuple[str, ast.AST]]:
    """Replacements for one node, each with a description."""
    node = place.node
    if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.BitOr):
        yield from _arithmetic(node)
    elif isinstance(node, ast.UnaryOp):
        yield f"drop {type(node.op).__name__}", node.operand
    elif isinstance(node, ast.Compare):
        yield from _comparison(node)
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "and <-> or", ast.BoolOp(other, node.values)
    elif isinstance(node, ast.IfExp):
        yield "branches swapped", ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.Constant):
        negative = isinstance(place.parent, ast.UnaryOp) and isinstance(place.parent.op, ast.USub)
        yield from _constant(node, "-" if negative else "")
    elif isinstance(node, ast.Call):
        yield from _call(node)
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield "drop .T", node.value
    elif isinstance(node, ast.stmt):
        yield from _statement(node)


def _arithmetic(node: ast.BinOp) -> Iterator[tuple[str, ast.AST]]:
    for other in BINARY.get(type(node.op), []):
        yield f"{type(node.op).__name__} -> {other.__name__}", ast.BinOp(node.left, other(), node.right)
    yield f"{type(node.op).__name__}: drop the left operand", node.right
    yield f"{type(node.op).__name__}: drop the right operand", node.left
    if isinstance(node.op, (ast.MatMult, ast.Sub, ast.Div)):
        yield f"{type(node.op).__name__}: operands swapped", ast.BinOp(node.right, node.op, node.left)
    if isinstance(node.op, ast.MatMult):
        yield "surplus .T on the left", ast.BinOp(_transposed(node.left), node.op, node.right)
        yield "surplus .T on the right", ast.BinOp(node.left, node.op, _transposed(node.right))


def _transposed(node: ast.expr) -> ast.expr:
    return ast.Attribute(node, "T", ast.Load())


def _comparison(node: ast.Compare) -> Iterator[tuple[str, ast.AST]]:
    for i, op in enumerate(node.ops):
        for other in COMPARISON[type(op)]:
            ops = [*node.ops[:i], other(), *node.ops[i + 1 :]]
            yield f"{type(op).__name__} -> {other.__name__}", ast.Compare(node.left, ops, node.comparators)


def _constant(node: ast.Constant, sign: str) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node.value, bool):
        yield f"{node.value} -> {not node.value}", ast.Constant(not node.value)
    elif isinstance(node.value, (int, float)):
        for other in CONSTANTS.get(node.value, [node.value + 1]):
            yield f"{sign}{node.value} -> {sign}{other}", ast.Constant(type(node.value)(other))


def _call(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    """Drop the call and keep what went in; drop one keyword; take the twin; swap two arguments."""
    f = node.func
    name = f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "")
    reductions = {"sum", "max", "min", "mean", "copy", "astype"}
    if isinstance(f, ast.Attribute) and (
        name in reductions or not isinstance(f.value, (ast.Name, ast.Attribute))
    ):
        yield f"drop .{name}()", f.value
    if name.startswith("as_"):
        yield f"drop {name}", node.args[1]
    elif node.args and not isinstance(node.args[0], ast.Starred):
        yield f"drop {name}", node.args[0]
    for i, keyword in enumerate(node.keywords):
        rest = [*node.keywords[:i], *node.keywords[i + 1 :]]
        yield f"drop {keyword.arg}= of {name}", ast.Call(f, node.args, rest)
    if name in TWINS and isinstance(f, ast.Attribute):
        twin = ast.Attribute(f.value, TWINS[name], f.ctx)
        yield f"{name} -> {TWINS[name]}", ast.Call(twin, node.args, node.keywords)
    for i in range(0 if name in COMMUTING else len(node.args) - 1):
        args = [*node.args[:i], node.args[i + 1], node.args[i], *node.args[i + 2 :]]
        yield f"arguments {i + 1} and {i + 2} of {name} swapped", ast.Call(f, args, node.keywords)


def _statement(node: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.Return) and node.value is not None:
        yield from _returned(node.value)
    elif isinstance(node, ast.If):
        yield "condition negated", ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        yield "never", ast.If(ast.Constant(False), node.body, node.orelse)
        yield "always", ast.If(ast.Constant(True), node.body, node.orelse)
    elif isinstance(node, ast.AugAssign):
        other = BINARY[type(node.op)][0]
        yield f"{type(node.op).__name__} -> {other.__name__}", ast.AugAssign(node.target, other(), node.value)
        yield "statement dropped", ast.Pass()
    elif isinstance(node, ast.Expr) or (
        isinstance(node, ast.Assign) and isinstance(node.targets[0], (ast.Attribute, ast.Subscript))
    ):
        yield "statement dropped", ast.Pass()


def _returned(value: ast.expr) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(value, ast.Constant) and not isinstance(value.value, (int, float)):
        return
    yield "return value negated", ast.Return(ast.UnaryOp(ast.USub(), value))
    if isinstance(value, ast.Tuple):
        for i, item in enumerate(value.elts):
            items = [*value.elts[:i], ast.UnaryOp(ast.USub(), item), *value.elts[i + 1 :]]
            yield f"returned item {i + 1} negated", ast.Return(ast.Tuple(items, ast.Load()))


# --- Making, loading and judging mutants --------------------------------------------------------------


@dataclass(frozen=True)
class Mutant:
    file: str
    line: int
    source: str
    edit: str
    caught_by: str | None

    @property
    def key(self) -> tuple[str, str]:
        return self.file, f"{self.source} | {self.edit}"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.source}   [{self.edit}] -> {self.caught_by or 'SURVIVED'}"


Check = tuple[str, Callable[[ModuleType], Any]]


def mutants(module: str, checks: list[Check], every: int = 1) -> Iterator[Mutant]:
    """Every such mutant of ``bphelpers.<module>``, judged: the first check that fails is what caught it."""
    count, checks = itertools.count(), list(checks)
    source = PACKAGE / module
    files = sorted(source.glob("*.py")) if source.is_dir() else [source.with_suffix(".py")]
    for path in files:
        lines = path.read_text(encoding="utf-8").splitlines()
        tree = ast.parse("\n".join(lines))
        for place in list(places(tree)):
            for edit, replacement in edits(place):
                if next(count) % every:
                    continue
                node = ast.copy_location(replacement, place.node)
                place.put(ast.fix_missing_locations(node))
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", SyntaxWarning)  # such as "is" with a literal
                    code = compile(tree, str(path), "exec")
                caught = judge(module, path, code, checks)
                place.put(place.node)
                checks.sort(key=lambda check: check[0] != caught)  # the next one often fails it as well
                line = place.node.lineno
                name = path.relative_to(PACKAGE).as_posix()
                yield Mutant(name, line, lines[line - 1].strip(), edit, caught)


def judge(module: str, path: Path, code: Any, checks: list[Check]) -> str | None:
    """The name of the first check that the broken module fails, None where it passes all."""
    try:
        broken = load(module, path, code)
    except Exception:
        return "import"
    for name, check in checks:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a broken formula may divide by zero on its way to being caught
            try:
                check(broken)
            except (Exception, KeyboardInterrupt, pytest.fail.Exception):
                return name
    return None


def load(module: str, path: Path, code: Any) -> ModuleType:
    """A fresh ``bphelpers.<module>`` in which ``path`` runs ``code``; the real one stays in place."""
    get_code = SourceFileLoader.get_code

    def given(loader: SourceFileLoader, name: str) -> Any:
        return code if loader.path == str(path) else get_code(loader, name)

    with _set_aside(f"bphelpers.{module}"), mock.patch.object(SourceFileLoader, "get_code", given):
        return importlib.import_module(f"bphelpers.{module}")


@contextlib.contextmanager
def _set_aside(name: str) -> Iterator[None]:
    def belongs(key: str) -> bool:
        return key == name or key.startswith(name + ".")

    importlib.import_module(name)
    real = {key: value for key, value in sys.modules.items() if belongs(key)}
    for key in real:
        del sys.modules[key]
    try:
        yield
    finally:
        for key in [key for key in sys.modules if belongs(key)]:
            del sys.modules[key]
        sys.modules.update(real)
        setattr(bphelpers, name.split(".")[1], real[name])


def runnable_tests(test_module: ModuleType, argument: str) -> list[Check]:
    """The tests that take the module under test, and besides it only what ``parametrize`` gives them."""
    return [
        (name, partial(_with_each, test, argument))
        for name, test in vars(test_module).items()
        if name.startswith("test_") and _taken(test) == [argument]
    ]


def _parametrized(test: Callable[..., Any]) -> list[dict[str, Any]]:
    """The arguments that ``parametrize`` gives a test, all combinations."""
    rows: list[dict[str, Any]] = [{}]
    for mark in getattr(test, "pytestmark", []):
        if mark.name == "parametrize":
            names, values = mark.args
            names = [names] if isinstance(names, str) else names
            given = [getattr(value, "values", value if len(names) > 1 else [value]) for value in values]
            rows = [row | dict(zip(names, value, strict=True)) for row in rows for value in given]
    return rows


def _taken(test: Callable[..., Any]) -> list[str]:
    return [name for name in inspect.signature(test).parameters if name not in _parametrized(test)[0]]


def _with_each(test: Callable[..., Any], argument: str, value: Any) -> None:
    for given in _parametrized(test):
        test(**given, **{argument: value})


def on_another(test_module: ModuleType, argument: str) -> list[Check]:
    """The tests of a file that imports the module under test itself, with a broken one in its place.

    Those are left out that hand layers to what knows the types of the real ones.
    """

    def with_it(test: Callable[..., Any]) -> Callable[[ModuleType], Any]:
        def check(module: ModuleType) -> None:
            with mock.patch.object(test_module, argument, module):
                for given in _parametrized(test):
                    test(**given, **{name: test_module.made() for name in _taken(test)})

        return check

    tests = {name: test for name, test in vars(test_module).items() if name.startswith("test_")}
    knowing = ("check_network", "check_op", "training.fit(", "optim.", "import torch", "pytorchs")
    return [
        (name, with_it(test))
        for name, test in tests.items()
        if _taken(test) in ([], ["layer"]) and not any(k in inspect.getsource(test) for k in knowing)
    ]


CHECKS: dict[str, list[Check]] = {
    "autodiff": runnable_tests(test_autodiff, "autodiff"),
    "functional": list(oracles.CHECKS.items()),
    "nn": (
        runnable_tests(test_nn, "nn")
        + runnable_tests(test_images, "nn")
        + runnable_tests(test_raw_errors, "nn")
        + on_another(test_attention, "nn")
        + on_another(test_rnn, "nn")
    ),
    "optim": runnable_tests(test_optim, "optim") + runnable_tests(test_raw_errors, "optim"),
    "training": runnable_tests(test_training, "training") + runnable_tests(test_raw_errors, "training"),
}


def misjudged(found: list[Mutant]) -> list[Mutant]:
    """Survivors that nobody has proved equivalent, and proved ones that were caught all the same."""
    return [mutant for mutant in found if (mutant.caught_by is None) != (mutant.key in EQUIVALENT)]


# --- The tests ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", CHECKS)
def test_a_sample_of_mutants_is_caught(module):
    found = list(mutants(module, CHECKS[module], every=97))
    assert len(found) >= 2
    assert not misjudged(found), "\n".join(map(str, misjudged(found)))


@pytest.mark.all_mutants
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("module", CHECKS)
def test_every_mutant_is_caught(module, capsys):
    found = list(mutants(module, CHECKS[module]))
    with capsys.disabled():
        survivors = sum(mutant.caught_by is None for mutant in found)
        print(f"\n{module}: {len(found)} mutants, {len(found) - survivors} caught, {survivors} equivalent")
    assert len(found) > 20
    assert not misjudged(found), "\n".join(map(str, misjudged(found)))
    stale = {key for key in EQUIVALENT if key[0].startswith(module)} - {mutant.key for mutant in found}
    assert not stale, f"no longer in the source: {stale}"


@pytest.mark.parametrize("module", CHECKS)
def test_the_intact_module_passes_in_the_same_harness(module):
    path = PACKAGE / module / "__init__.py"
    path = path if path.exists() else PACKAGE / f"{module}.py"
    code = compile(path.read_text(encoding="utf-8"), str(path), "exec")
    before = importlib.import_module(f"bphelpers.{module}")
    assert judge(module, path, code, CHECKS[module]) is None
    assert importlib.import_module(f"bphelpers.{module}") is before is getattr(bphelpers, module)


def test_the_edits_include_the_classic_mistakes():
    def made(source: str) -> set[str]:
        tree = ast.parse(f"def f(dout, x, W):\n    return {source}")
        results = set()
        for place in list(places(tree)):
            for _, replacement in edits(place):
                place.put(ast.fix_missing_locations(ast.copy_location(replacement, place.node)))
                results.add(ast.unparse(tree).split("return ")[-1])
                place.put(place.node)
        return results

    assert {"dout.T @ W", "dout @ W.T", "-(dout @ W)", "W @ dout"} <= made("dout @ W")
    assert {"dout @ x", "dout.T @ x.T"} <= made("dout.T @ x")
    assert {"dout.sum(axis=1)", "dout.sum()", "dout"} <= made("dout.sum(axis=0)")
    assert {"x >= 0", "x < 0", "x > 1"} <= made("x > 0")
    assert {"dout * (1.0 + x)", "dout", "1.0 - x", "dout / (1.0 - x)", "dout * (2.0 - x)"} <= made(
        "dout * (1.0 - x)"
    )
