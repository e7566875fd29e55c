"""Discovery: what the modules of a package declare, without a list of them.

In scope: the modules of a package, and importing them. Out of scope: what they declare.

Code versions follow it: who calls `declared_in` depends on every module of its own package (defs/code/closure.py).
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any


def declared_in(package: str, name: str) -> list[Any]:
    """What each module of the calling package declares under a name, in the order of the modules' names.

    Raises
    ------
    AttributeError
        If a module does not declare it.
    """
    return [getattr(import_module(f"{package}.{module}"), name) for module in modules_of(package)]


def modules_of(package: str) -> list[str]:
    """The names of a package's modules, in their order; none of them is imported."""
    spec = find_spec(package)
    return [found.name for found in iter_modules(spec.submodule_search_locations if spec else [])]


def folders_with(package: str, name: str) -> list[str]:
    """The folders of a package that have a module of this name, in alphabetical order; `__init__.py` is not needed."""
    folders = import_module(package).__path__
    return sorted(file.parent.name for folder in folders for file in Path(folder).glob(f"*/{name}.py"))
