"""Scopes: which names a body of code binds, and by which of its statements.

In scope: Python's rules of scopes, over syntax trees. Out of scope: what code means (syntax.py), which code counts
(closure.py).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Target = tuple[str, ...]  # an imported module, then attributes of it


class Home(NamedTuple):
    """Of a module: the package that dots of its imports begin at, and whether it has `:=`, which is searched for."""

    package: str
    walrus: bool


@dataclass
class Scope:
    """The names that a function, a comprehension or a class body binds; `imported` are those bound by an import."""

    bound: set[str] = field(default_factory=set)
    imported: dict[str, Target] = field(default_factory=dict)


@dataclass
class Bindings:
    """What statements bind in their own scope: `statements` that bind or change a name, `imported`, `elsewhere` named.

    `rows = []`, `rows["a"] = 1` and `rows.append(1)` all belong to `rows`.
    """

    statements: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imported: dict[str, Target] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)


def bindings(body: Sequence[ast.stmt], home: Home) -> Bindings:
    """What a body binds; of a statement within another, the outermost counts."""
    found, bound = Bindings(), set[str]()
    for statement in body:
        if is_for_types_only(statement):
            continue
        own, changed = set[str](), set[str]()
        _scan(statement, home, own, changed, found)
        bound |= own
        for name in own | changed:
            found.statements.setdefault(name, []).append(statement)
    found.statements = {name: nodes for name, nodes in found.statements.items() if name in bound}
    return found


def _scan(node: ast.stmt, home: Home, own: set[str], changed: set[str], found: Bindings) -> None:
    """Note what one statement binds; functions and classes are not entered."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        own.add(node.name)
        return
    if isinstance(node, ast.Import | ast.ImportFrom):
        found.imported |= dict(_imported(node, home.package))
        return
    if isinstance(node, ast.Global | ast.Nonlocal):
        found.elsewhere.update(node.names)
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        changed.update(_base(node.value.func))
    for name in _TARGETS:
        if (target := getattr(node, name, None)) is not None:
            for one in target if isinstance(target, list) else (target,):
                _bind(one, own, changed)
    for item in getattr(node, "items", ()):
        if item.optional_vars is not None:
            _bind(item.optional_vars, own, changed)
    for handler in getattr(node, "handlers", ()):
        own.update(filter(None, [handler.name]))
        for inner in handler.body:
            _scan(inner, home, own, changed, found)
    for case in getattr(node, "cases", ()):
        named = (getattr(n, "name", None) or getattr(n, "rest", None) for n in ast.walk(case.pattern))
        own.update(filter(None, named))
        for inner in case.body:
            _scan(inner, home, own, changed, found)
    for name in _BODIES:
        for inner in getattr(node, name, ()):
            _scan(inner, home, own, changed, found)
    for name in _EXPRESSIONS if home.walrus else ():
        if isinstance(value := getattr(node, name, None), ast.AST):
            own.update(n.target.id for n in ast.walk(value) if isinstance(n, ast.NamedExpr))


_TARGETS, _BODIES = ("targets", "target"), ("body", "orelse", "finalbody")
_EXPRESSIONS = ("value", "test", "iter", "subject")


def _bind(target: ast.expr, own: set[str], changed: set[str]) -> None:
    for node in (target,) if isinstance(target, ast.Name) else ast.walk(target):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            own.add(node.id)
        elif isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            changed.update(_base(node))


def _base(node: ast.expr) -> Iterator[str]:
    """The name of the object at the beginning of `a.b["c"].d`."""
    inner = node
    while isinstance(inner, ast.Attribute | ast.Subscript):
        inner = inner.value
    if inner is not node and isinstance(inner, ast.Name):
        yield inner.id


def _imported(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, Target]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.split(".")[0]
            yield (alias.asname, (alias.name,)) if alias.asname else (top, (top,))
        return
    above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
    module = ".".join([*above, *filter(None, [node.module])])
    for alias in node.names:
        yield alias.asname or alias.name, (module, alias.name)


def is_for_types_only(node: ast.AST) -> bool:
    """Whether it is `if TYPE_CHECKING:`, which no program runs."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def scope_of(function: FunctionNode | ast.Lambda, home: Home) -> Scope:
    """What a function binds: its parameters, and the names that its body does."""
    body = function.body if isinstance(function.body, list) else [ast.Expr(function.body)]
    given, made = function.args, bindings(body, home)
    parameters = {a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg) if a}
    return Scope(parameters.union(made.statements, made.imported) - made.elsewhere, made.imported)


def without_docstring(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Statements without those that only state a string."""
    return [s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
