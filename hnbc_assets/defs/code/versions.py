"""Versions: an asset's code version, which says when it is stale although its inputs are the same.

In scope: what a code version is made of: code, checks, columns, settings. Out of scope: which code counts (closure.py),
comparing versions (lake/plan.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hnbc_assets.defs.code.closure import Code
from hnbc_assets.defs.frames import formed
from hnbc_assets.study import digest
from hnbc_assets.tables import Manifest, Table

if TYPE_CHECKING:
    from hnbc_assets.defs.stage import Described

SIMULATED = "hnbc_assets.sources.simulated"


def of_made(
    code: Code,
    function: Callable[..., Any],
    described: Sequence[Described],
    settings: Any = None,
    reads: Iterable[type] = (),
) -> str:
    """Of what a function makes: all code that decides its results, its checks and tables' columns, its
    settings, and the classes that it reads files by."""
    checks = [check for one in described for check in one.checks]
    tables = [one.table for one in described if one.table is not None]
    reached = code.version([function, formed, *reads, *(check.function for check in checks), *tables])
    ways = [[one.exact for one in described], [(c.name, c.blocking, c.gate) for c in checks]]
    return f"{reached}-{digest([settings, ways])[:8]}"


def of_fetched(code: Code, contract: Any, settings: Any = None, *, simulated: bool) -> str:
    """Of what a raw asset fetches: its source's contract, the manifest's columns, and its settings.

    Neither code that fetches nor checks count: the same bytes would be fetched again. The simulator does, where it is
    what answers.
    """
    made = [contract, code.version_of_columns(Manifest), code.version_of_package(SIMULATED) if simulated else ""]
    return f"{digest(made)[:8]}-{digest(settings)[:8]}"


def of_published(code: Code, function: Callable[..., Any], tables: Iterable[type[Table]], settings: Any) -> str:
    """Of the database: all code that builds it and, as comments are part of it, the words of all tables."""
    return f"{code.version([function, *tables], worded=True)}-{digest(settings)[:8]}"
