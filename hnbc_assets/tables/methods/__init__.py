"""Tables that one signature method alone fills: each module of this folder has the method's name and declares `TABLES`.

In scope: finding them. Out of scope: the tables of every method (signature.py).
"""

from __future__ import annotations

from hnbc_assets.discovery import declared_in, modules_of
from hnbc_assets.tables.schema import Table

TABLES: dict[str, tuple[type[Table], ...]] = dict(
    zip(modules_of(__name__), declared_in(__name__, "TABLES"), strict=True)
)
"""A method's tables, by its name."""
