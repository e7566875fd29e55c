"""Pieces: one module taken apart by its names, without importing it.

In scope: finding and reading the definition of a name. Out of scope: resolving names of other modules (closure.py).
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from hnbc_assets.defs.code.scopes import (
    FUNCTIONS,
    Bindings,
    Home,
    Target,
    bindings,
    is_for_types_only,
    without_docstring,
)
from hnbc_assets.defs.code.syntax import Piece, Reader

EFFECTS = "()"  # in the place of a name: what a module does when it is imported
Path = tuple[str, ...]  # the names that lead to a piece: `assets`, `train_signature`


@dataclass(frozen=True)
class Definition:
    """What a path names: its pieces; of classes the methods that only users call, and the names of their bases."""

    pieces: tuple[Piece, ...]
    methods: frozenset[str] = frozenset()
    bases: tuple[Target, ...] = ()


class Module:
    """One module. Its syntax tree is made when it is needed, and freed by `forget`; what was read of it stays."""

    def __init__(self, name: str, text: str, is_package: bool) -> None:
        self.name = name
        self.home = Home(name if is_package else name.rpartition(".")[0], ":=" in text)
        self._text = text
        self._known: dict[tuple[Path, bool, bool], Definition] = {}
        self._inner: dict[int, dict[str, list[ast.stmt]]] = {}

    def forget(self) -> None:
        """Free the syntax tree, which takes far more memory than what was read of it."""
        self.__dict__.pop("_body", None)
        self.__dict__.pop("_bindings", None)
        self._inner.clear()

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that it binds, without those of imports."""
        return frozenset(self._bindings.statements)

    @cached_property
    def imported(self) -> dict[str, Target]:
        """The names that imports bind, each with its target."""
        return self._bindings.imported

    def at(self, path: Path, *, worded: bool = False, bare: bool = False) -> Definition:
        """The definition at a path. A class comes without its methods, except those that Python itself calls.

        With `worded`, the words of a table's class count too; `bare` leaves out a function's decorators.
        """
        key = (path, worded, bare)
        if key not in self._known:
            found = self._found(path)
            classes = [node for node in found if isinstance(node, ast.ClassDef)]
            methods = {s.name for node in classes for s in node.body if isinstance(s, FUNCTIONS)}
            self._known[key] = Definition(
                tuple(self._piece(node, worded, bare) for node in found),
                frozenset(name for name in methods if not _is_called_by_python(name)),
                tuple(tuple(ast.unparse(b).split("[")[0].split(".")) for node in classes for b in node.bases),
            )
        return self._known[key]

    @cached_property
    def _body(self) -> list[ast.stmt]:
        return [node for node in ast.parse(self._text).body if not is_for_types_only(node)]

    @cached_property
    def _bindings(self) -> Bindings:
        return bindings(self._body, self.home)

    def _found(self, path: Path) -> Sequence[ast.stmt]:
        """The statements at a path."""
        bound = self._bindings.statements
        if path == (EFFECTS,):
            known = {id(node) for nodes in bound.values() for node in nodes}
            others = [node for node in without_docstring(self._body) if id(node) not in known]
            return [node for node in others if not isinstance(node, ast.Import | ast.ImportFrom)]
        level: Sequence[ast.stmt] = bound.get(path[0], ())
        for name in path[1:]:
            level = [inner for node in level for inner in self._within(node).get(name, ())]
        return level

    def _within(self, node: ast.stmt) -> dict[str, list[ast.stmt]]:
        """What the body of a function or a class binds."""
        if id(node) not in self._inner:
            is_scope = isinstance(node, (*FUNCTIONS, ast.ClassDef))
            self._inner[id(node)] = bindings(node.body, self.home).statements if is_scope else {}
        return self._inner[id(node)]

    def _piece(self, node: ast.stmt, worded: bool, bare: bool) -> Piece:
        reader = Reader(self.home)
        if isinstance(node, FUNCTIONS):
            reader.function(node, decorators=not bare)
        elif isinstance(node, ast.ClassDef):
            called = [s for s in node.body if not isinstance(s, FUNCTIONS) or _is_called_by_python(s.name)]
            reader.class_body(node, called, worded=worded)
        else:
            reader.read(node)
        return reader.piece()


def _is_called_by_python(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


@cache
def module_of(name: str, text: str, is_package: bool) -> Module:
    """The module of a text; of the same text once in a process."""
    return Module(name, text, is_package)
