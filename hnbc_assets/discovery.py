"""Discovery: what the modules of a package declare, without a list of them.

In scope: importing every module of a package. Out of scope: what they declare.

Code versions follow it: who calls `declared_in` depends on every module of its own package (defs/code/closure.py).
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any


def declared_in(package: str, name: str) -> list[Any]:
    """What each module of the calling package declares under a name, in the order of the modules' names.

    Raises
    ------
    AttributeError
        If a module does not declare it.
    """
    folder = import_module(package).__path__
    return [getattr(import_module(f"{package}.{found.name}"), name) for found in iter_modules(folder)]
