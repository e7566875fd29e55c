"""Code: the version of everything that decides what a function gives, and of nothing else.

In scope: which pieces of the package a function reaches, their digest as one word. Out of scope: settings and inputs
(stage.py), what a piece of syntax means (syntax.py).

A function reaches the functions, classes and constants that its names refer to, and what those reach, not whole
modules. Of a class it reaches the methods whose names occur after a dot somewhere in what is reached. Data files count
with their bytes where a string names them and they are in the module's folder. Comments, docstrings, layout and
annotations do not count, and neither does any module of `NOT_ENTERED`. Code that fetches needs no rule: a function gets
the archive and the client as arguments, and the readers that it calls do not fetch.
"""

from __future__ import annotations

import gc
import hashlib
import inspect
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hnbc_assets.defs.code.pieces import EFFECTS, Module, module_of
from hnbc_assets.defs.code.scopes import Target
from hnbc_assets.defs.code.syntax import Piece

OWN = "hnbc_assets"
NOT_ENTERED = {
    "report": "figures and sentences, which no result depends on; a figure is drawn again with its results",
    "errors": "messages",
    "redaction": "messages",
    "addresses": "settings count by their values",
    "study": "settings (and study_*) count by their values",
    "defs.resources": "provides the archive, whose bytes are verified, and the client",
    "defs.upstreams": "provides the requests; a source's contract is the version of what it fetches",
    "sources.kinds": "provides the class that reads a source's files, which counts by itself (`Declaration.reads`)",
    "defs.stage": "carries frames",
    "defs.step": "carries frames",
    "defs.attempting": "remembers attempts",
}
TABLES, DISCOVERY = f"{OWN}.tables", f"{OWN}.discovery"
WHOLE = "*"  # in the place of a name: everything in a module
Place = tuple[str, tuple[str, ...]]  # a module, and the names that lead to a piece of it


def is_own(module: str) -> bool:
    """Whether a module is the project's."""
    return module.split(".")[0].startswith(OWN)


def is_entered(module: str) -> bool:
    """Whether code of this module can decide a result."""
    room = module.removeprefix(f"{OWN}.")
    return not any(room == name or room.startswith((f"{name}.", f"{name}_")) for name in NOT_ENTERED)


@dataclass(frozen=True)
class Entry:
    """One place: its digest, the places that it leads to, the names in it, and a class's methods."""

    digest: str
    leads: frozenset[Place]
    attributes: frozenset[str] = frozenset()
    other: frozenset[str] = frozenset()  # names imported from other packages
    files: frozenset[tuple[str, str]] = frozenset()
    methods: frozenset[str] = frozenset()
    open: bool = False  # its methods may be called by another package


class Code:
    """The package's code in the folder `root`; each file is read once, and not before it is needed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._modules: dict[str, Module | None] = {}
        self._beside: dict[str, frozenset[str]] = {}
        self._entries: dict[tuple[Place, bool, bool], Entry] = {}

    def version(self, roots: Iterable[Any], *, worded: bool = False) -> str:
        """The version of all that functions and classes reach; with `worded`, with the words of tables."""
        return _digest(self.reached(roots, worded=worded))

    def version_of_package(self, package: str) -> str:
        """The version of all modules of a package and of what they reach."""
        return _digest(self._follow(self._every_module(package)))

    def version_of_columns(self, table: type) -> str:
        """The version of a table's columns, without their words; what makes frames fit them is not part of it."""
        place = self._place_of(table)
        return _digest({place: self._entry(place)})

    def reached(self, roots: Iterable[Any], *, worded: bool = False) -> dict[Place, Entry]:
        """All that functions and classes reach; decorators of the functions themselves do not count.

        Raises
        ------
        ValueError
            If one has no name by which it can be found, such as a lambda.
        """
        return self._follow([self._place_of(root) for root in roots], worded=worded, bare=True)

    @contextmanager
    def in_memory(self) -> Iterator[None]:
        """Keep syntax trees until the end of the block, then free them: all of them take 60 MB.

        Garbage is not collected meanwhile: the collector would look at all of their nodes again and again.
        """
        running = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            for module in filter(None, self._modules.values()):
                module.forget()
            if running:
                gc.enable()

    def _place_of(self, root: Any) -> Place:
        path = tuple(name for name in root.__qualname__.split(".") if name != "<locals>")
        module = self._module(root.__module__, of=root)
        if module is None or not module.at(path, bare=True).pieces:
            raise ValueError(f"{root.__module__}.{root.__qualname__} cannot be found in its file: name it there.")
        return module.name, path

    def _module(self, name: str, of: Any = None) -> Module | None:
        """A module of the project, or the one that defines a function or class; None for others."""
        if self._modules.get(name) is None and (name not in self._modules or of is not None):
            base = self.root.joinpath(*name.split("."))
            files = [base.with_suffix(".py"), base / "__init__.py"] if is_own(name) else []
            file = next((one for one in files if one.is_file()), None)
            if file is None and of is not None:
                file = Path(inspect.getfile(sys.modules[name]))
            bare = file is None and is_own(name) and base.is_dir()  # a folder of modules without __init__.py
            is_package = bare or (file is not None and file.name == "__init__.py")
            text = file.read_text(encoding="utf-8") if file is not None else ""
            self._modules[name] = module_of(name, text, is_package) if file is not None or bare else None
        return self._modules[name]

    def _follow(self, roots: Sequence[Place], *, worded: bool = False, bare: bool = False) -> dict[Place, Entry]:
        found: dict[Place, Entry] = {}
        named, pending = set[str](), defaultdict[str, list[Place]](list)  # methods of reached classes, by name
        waiting, bared = list(roots), frozenset(roots if bare else ())
        while waiting:
            place = waiting.pop()
            if place in found:
                continue
            entry = found[place] = self._entry(place, worded, place in bared)
            waiting += entry.leads
            for method in entry.methods:
                inner = (place[0], (*place[1], method))
                if entry.open or method in named:
                    waiting.append(inner)
                else:
                    pending[method].append(inner)
            for name in entry.attributes - named:
                waiting += pending.pop(name, ())
            named |= entry.attributes
        return found

    def _entry(self, place: Place, worded: bool = False, bare: bool = False) -> Entry:
        key = (place, worded, bare)
        if key not in self._entries:
            self._entries[key] = self._examined(place, worded, bare)
        return self._entries[key]

    def _examined(self, place: Place, worded: bool, bare: bool) -> Entry:
        name, path = place
        module, other = self._module(name), set[str]()
        if path == (WHOLE,):
            leads = {(name, (one,)) for one in (*module.names, EFFECTS)}
            for one, target in module.imported.items():
                leads.update(self._resolved(target, _noted(name, one, target), other))
            return Entry("", frozenset(leads), other=frozenset(other))
        here = module.at(path, worded=worded and name.startswith(TABLES), bare=bare)
        leads = {(name, (EFFECTS,))}.union(*(self._named(module, piece, other) for piece in here.pieces))
        return Entry(
            " ".join(piece.digest for piece in here.pieces),
            frozenset(leads),
            frozenset().union(*map(_asked_for, here.pieces)),
            frozenset(other),
            frozenset(named for piece in here.pieces for named in self._files(module, piece)),
            here.methods,
            self._is_open(module, here.bases),
        )

    def _every_module(self, package: str) -> list[Place]:
        """All modules of a package, whole."""
        folder = self.root.joinpath(*package.split("."))
        names = (
            ".".join((package, *p.relative_to(folder).with_suffix("").parts)) for p in sorted(folder.rglob("*.py"))
        )
        return [(name.removesuffix(".__init__"), (WHOLE,)) for name in names]

    def _named(self, module: Module, piece: Piece, other: set[str]) -> Iterator[Place]:
        """The places that a piece's names lead to; names from other packages are noted."""
        for name, target, rest in piece.targets:
            yield from self._resolved((*target, *rest), _noted(module.name, name, target), other)
        for name, *rest in piece.names:
            if name in module.names:
                yield module.name, (name,)
            if name in module.imported:
                target = module.imported[name]
                yield from self._resolved((*target, *rest), _noted(module.name, name, target), other)
                if target[0] == DISCOVERY:  # it imports every module of the package that calls it
                    yield from self._every_module(module.home.package)

    def _resolved(self, target: Target, note: str, other: set[str]) -> Iterator[Place]:
        """The places that an imported dotted name refers to; for one of another package, the note goes to `other`."""
        source, *dotted = target
        if not is_own(source):
            other.add(note)
            return
        module = self._module(source) if is_entered(source) else None
        if module is None:
            return
        if not dotted:
            yield source, (WHOLE,)
        elif dotted[0] in module.names:
            yield source, (dotted[0],)
        elif module.imported.get(dotted[0], target[:2]) != target[:2]:  # a package may import its own modules
            yield from self._resolved((*module.imported[dotted[0]], *dotted[1:]), note, other)
        elif self._module(f"{source}.{dotted[0]}") is not None:
            yield from self._resolved((f"{source}.{dotted[0]}", *dotted[1:]), note, other)
        else:
            yield source, (WHOLE,)

    def _is_open(self, module: Module, bases: Iterable[Target]) -> bool:
        """Whether a class has a base from another package, which may call its methods by their names."""
        for name, *rest in bases:
            places = [(module.name, (name,))] if name in module.names else []
            if name in module.imported:
                places = list(self._resolved((*module.imported[name], *rest), "", set()))
            if not places or any(self._entry(place).open for place in places):
                return True
        return False

    def _files(self, module: Module, piece: Piece) -> Iterator[tuple[str, str]]:
        """The data files in a module's folder that the piece names, each with its digest."""
        package = module.home.package
        folder = self.root.joinpath(*package.split("."))
        if package not in self._beside:
            kept = folder.iterdir() if folder.is_dir() else ()
            self._beside[package] = frozenset(p.name for p in kept if p.is_file() and p.suffix != ".py")
        for file in piece.texts & self._beside[package]:
            yield f"{package}/{file}", hashlib.sha256((folder / file).read_bytes()).hexdigest()


def _asked_for(piece: Piece) -> frozenset[str]:
    """The names after a dot; where attributes are asked for by strings, these too."""
    return piece.attributes | piece.texts if ("getattr",) in piece.names else piece.attributes


def _noted(module: str, name: str, target: Target) -> str:
    """What a name of another package refers to, as text."""
    return f"{module}: {name} = {'.'.join(target)}"


def _digest(found: Mapping[Place, Entry]) -> str:
    """What was reached, as one word."""
    content = hashlib.sha256()
    for (module, path), entry in sorted(found.items()):
        files = (f"{name} {sha256}" for name, sha256 in sorted(entry.files))
        content.update("\x1f".join([module, *path, entry.digest, *sorted(entry.other), *files, "\n"]).encode())
    return content.hexdigest()[:8]
