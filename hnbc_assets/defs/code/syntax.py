"""Syntax: what a piece of code means, without its comments, docstrings and layout, and which names it refers to.

In scope: one canonical form of syntax trees, equal on all Python versions. Out of scope: which names a scope binds
(scopes.py), which pieces count for an asset (closure.py).

`ast.dump` and `ast.unparse` are not that form: their text differs between Python versions.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hnbc_assets.defs.code.scopes import (
    FUNCTIONS,
    FunctionNode,
    Home,
    Scope,
    Target,
    bindings,
    scope_of,
    without_docstring,
)

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SILENT = {"ctx", "kind", "type_comment", "lineno", "col_offset", "end_lineno", "end_col_offset"}
COLUMNS = ("column", "score")  # functions that make a table's column
WORDS = ("description", "unit")  # those of their arguments that only describe it


@dataclass(frozen=True)
class Piece:
    """A piece of code: the digest of its canonical form, and what it refers to.

    `names` are dotted names that begin with a name of the module. `targets` are names bound by an import in a function:
    the name, its target, and the attributes that follow. `attributes` are all names after a dot. `texts` are its
    strings.
    """

    digest: str
    names: frozenset[Target]
    targets: frozenset[tuple[str, Target, Target]]
    attributes: frozenset[str]
    texts: frozenset[str]


class Reader:
    """Reads nodes into one canonical text, and collects what they refer to.

    Annotations of parameters, results and local names are skipped, and so are imports: their targets count where
    the names are used. Of a class body annotations count, as text: dataclasses and tables are made of them.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self.scopes: list[Scope] = []
        self.text: list[str] = []
        self.names: set[Target] = set()
        self.targets: set[tuple[str, Target, Target]] = set()
        self.attributes: set[str] = set()
        self.texts: set[str] = set()

    def piece(self) -> Piece:
        """What has been read."""
        return Piece(
            hashlib.sha256("\x1f".join(self.text).encode("utf-8", "surrogatepass")).hexdigest(),
            frozenset(self.names),
            frozenset(self.targets),
            frozenset(self.attributes),
            frozenset(self.texts),
        )

    def read(self, node: ast.AST | None) -> None:
        """Add a node."""
        if node is None:
            self.text.append("None")
            return
        kind = node.__class__
        if kind in OWN_WAYS:
            OWN_WAYS[kind](self, node)
            return
        self.text.append(kind.__name__)
        for name in node._fields:
            if name not in SILENT:
                self._field(name, getattr(node, name, None))

    def read_all(self, nodes: Iterable[ast.AST | None]) -> None:
        """Add nodes, one after the other."""
        self.text.append("[")
        for node in nodes:
            self.read(node)
        self.text.append("]")

    def _field(self, name: str, value: object) -> None:
        if value is None or value == []:
            return
        self.text.append(name)
        if isinstance(value, ast.AST):
            self.read(value)
        elif isinstance(value, list) and isinstance(value[0], ast.AST | None):
            self.read_all(value)
        else:
            self.text.append(repr(value))

    # -- names ---------------------------------------------------------------------------------------------------------
    def _name(self, node: ast.Name) -> None:
        self.text += ("Name", node.id)
        self._refer((node.id,))

    def _attribute(self, node: ast.Attribute) -> None:
        dotted: list[str] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            dotted.append(inner.attr)
            inner = inner.value
        self.attributes.update(dotted)
        self.text += ("Attribute", *dotted)
        if isinstance(inner, ast.Name):
            self.text.append(inner.id)
            self._refer((inner.id, *reversed(dotted)))
        else:
            self.read(inner)

    def _refer(self, dotted: Target) -> None:
        for scope in reversed(self.scopes):
            if dotted[0] not in scope.bound:
                continue
            if dotted[0] in scope.imported:
                self.targets.add((dotted[0], scope.imported[dotted[0]], dotted[1:]))
            return
        self.names.add(dotted)

    def _nothing(self, node: ast.Import | ast.ImportFrom) -> None:
        pass

    # -- values --------------------------------------------------------------------------------------------------------
    def _constant(self, node: ast.Constant) -> None:
        self.text += ("Constant", type(node.value).__name__, repr(node.value))
        if isinstance(node.value, str):
            self.texts.add(node.value)

    def _joined(self, node: ast.JoinedStr) -> None:
        """Its texts together: Python versions cut them at other places."""
        self.text.append("JoinedStr")
        plain = ""
        for value in node.values:
            if isinstance(value, ast.Constant):
                plain += str(value.value)
                continue
            self.text.append(repr(plain))
            plain = ""
            self.read(value)
        self.text += (repr(plain), "]")

    def _expression(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.text.append("Expr")
            self.read(node.value)

    # -- annotations ---------------------------------------------------------------------------------------------------
    def _parameter(self, node: ast.arg) -> None:
        self.text += ("arg", node.arg)

    def _annotated(self, node: ast.AnnAssign) -> None:
        self.text.append("Assign")
        self.read(node.target)
        if node.value is not None:
            self.read(node.value)

    # -- scopes --------------------------------------------------------------------------------------------------------
    def function(self, node: FunctionNode, *, decorators: bool = True) -> None:
        """Add a function; without its decorators if these are accounted for elsewhere."""
        self.text += ("Function", type(node).__name__, node.name)
        if decorators:
            self.read_all(node.decorator_list)
        self._defaults(node.args)
        self.scopes.append(scope_of(node, self.home))
        self.read(node.args)
        self.read_all(without_docstring(node.body))
        self.scopes.pop()

    def _lambda(self, node: ast.Lambda) -> None:
        self.text.append("Lambda")
        self._defaults(node.args)
        self.scopes.append(scope_of(node, self.home))
        self.read(node.args)
        self.read(node.body)
        self.scopes.pop()

    def _defaults(self, given: ast.arguments) -> None:
        """Default values are made outside of the function."""
        self.read_all(given.defaults)
        self.read_all(given.kw_defaults)

    def _parameters(self, node: ast.arguments) -> None:
        self.text.append("arguments")
        for name in ("posonlyargs", "args", "vararg", "kwonlyargs", "kwarg"):
            self._field(name, getattr(node, name))

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self.text.append(type(node).__name__)
        first = node.generators[0]
        self.read(first.iter)  # in the scope around
        bound = {
            n.id
            for one in node.generators
            for n in ast.walk(one.target)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        self.scopes.append(Scope(bound))
        for one in node.generators:
            self.text += ("for", str(one.is_async))
            self.read(one.target)
            if one is not first:
                self.read(one.iter)
            self.read_all(one.ifs)
        for made in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self.read(made)
        self.scopes.pop()

    def _class(self, node: ast.ClassDef) -> None:
        self.class_body(node, node.body)

    def class_body(self, node: ast.ClassDef, body: Sequence[ast.stmt], *, worded: bool = False) -> None:
        """Add a class with these statements of its body.

        With `worded` its docstring counts too, otherwise the description and the unit of a column do not.
        """
        self.text += ("Class", node.name)
        self.read_all(node.decorator_list)
        self.read_all(node.bases)
        self.read_all(node.keywords)
        if worded:
            self.text.append(repr(ast.get_docstring(node)))
        made = bindings(node.body, self.home)
        own = Scope({*made.statements, *made.imported}, made.imported)
        for statement in without_docstring(body):
            if isinstance(statement, FUNCTIONS):  # does not see the names of the class body
                self.function(statement)
                continue
            self.scopes.append(own)
            if isinstance(statement, ast.AnnAssign):
                self.text += ("annotated", _as_text(statement.annotation))
            self.read(statement if worded else _without_words(statement))
            self.scopes.pop()
        self.text.append("end")


OWN_WAYS: dict[type[ast.AST], Callable[[Reader, Any], None]] = {
    ast.Name: Reader._name,
    ast.Attribute: Reader._attribute,
    ast.Import: Reader._nothing,
    ast.ImportFrom: Reader._nothing,
    ast.Constant: Reader._constant,
    ast.JoinedStr: Reader._joined,
    ast.Expr: Reader._expression,
    ast.arg: Reader._parameter,
    ast.arguments: Reader._parameters,
    ast.AnnAssign: Reader._annotated,
    ast.Lambda: Reader._lambda,
    ast.ClassDef: Reader._class,
    **dict.fromkeys(FUNCTIONS, Reader.function),
    **dict.fromkeys(COMPREHENSIONS, Reader._comprehension),
}


def _as_text(annotation: ast.expr) -> str:
    """An annotation; what it names is not followed."""
    reader = Reader(Home("", False))
    reader.read(annotation)
    return " ".join(reader.text)


def _without_words(statement: ast.stmt) -> ast.stmt:
    """A statement of a class body; of a column without its description and its unit."""
    made = statement.value if isinstance(statement, ast.AnnAssign) else None
    if not (isinstance(made, ast.Call) and isinstance(made.func, ast.Name) and made.func.id in COLUMNS):
        return statement
    keywords = [one for one in made.keywords if one.arg not in WORDS]
    return ast.AnnAssign(statement.target, statement.annotation, ast.Call(made.func, made.args[1:], keywords), 1)
