"""Publications: what was published before, to continue from and to compare with.

In scope: reading tables back from the published database, the record of each publication. Out of scope: building and
replacing the database (snapshot), what is compared (defs).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from hnbc_assets.errors import FormatError
from hnbc_assets.lake.lineage import RAW_PREFIX
from hnbc_assets.lake.parquet import Provenance, read
from hnbc_assets.lake.paths import DATABASE, Lake
from hnbc_assets.lake.records import Records
from hnbc_assets.tables.changes import Publications

SIGNATURE = "signature"
REMEDY = "Delete it: the database is then published again."
LOCK_HOLDER = re.compile(r"lock is held in (?P<program>.+?) \(PID (?P<process>\d+)\)")


@dataclass(frozen=True)
class Remembered:
    """What the published database was made from: its content hash, its code, the versions of what its tables are
    made from.
    """

    data_version: str
    code_version: str
    inputs: Mapping[str, str]
    written_at: str = ""


def read_published(lake: Lake, names: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Those of these tables that the published database has; none if there is no database.

    Raises
    ------
    FormatError
        If it cannot be opened: it is not a DuckDB database, or another program has it open for writing.
    """
    import duckdb

    if not lake.database.exists():
        return {}
    try:
        return read_tables(lake.database, names)
    except duckdb.Error as error:
        raise FormatError(not_opened(lake, error)) from error


def read_tables(path: Path, names: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Those of these tables that a DuckDB database has. Raises duckdb.Error if it cannot be opened."""
    import duckdb

    with duckdb.connect(str(path), read_only=True) as database:
        there = {name for (name,) in database.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        return {name: database.table(name).df() for name in names if name in there}


def not_opened(lake: Lake, error: Exception) -> str:
    """Why DuckDB cannot open the published database, in one line, and what to do."""
    reason = str(error)
    if "Could not set lock" not in reason:
        reason = " ".join(reason.split())
        return f"{lake.database} cannot be opened: {reason} Put one of {lake.databases} in its place, or delete it."
    holder = LOCK_HOLDER.search(reason)
    who = f"{Path(holder['program']).name}, process {holder['process']}," if holder else "another program"
    return (
        f"{who} has {lake.database} open for writing, which keeps all others out. Close it there, or open it read-only."
    )


def latest(lake: Lake) -> dict[str, Any] | None:
    """The row of `publications` of the published database; None if there is no database.

    A database of a version that kept no record gets its file's time and no releases.
    """
    if not lake.database.exists():
        return None
    known = read_published(lake, ["publications"]).get("publications")
    if known is not None and len(known):
        return dict(known.sort_values("published_at").iloc[-1])
    moment = datetime.fromtimestamp(lake.database.stat().st_mtime, UTC).isoformat(timespec="milliseconds")
    return {"published_at": moment, "releases": "", "signature_id": None}


def as_read(row: Mapping[str, Any]) -> dict[str, str]:
    """A publication as lineage names it, by its time, with its data version; `row` is what `latest` returns."""
    return {f"{DATABASE}@{row['published_at']}": str(row.get("data_version") or "unknown")}


def releases(known: Mapping[str, Provenance | None]) -> dict[str, str]:
    """The upstream releases of these assets: object to release."""
    return {
        asset.removeprefix(RAW_PREFIX): made.release
        for asset, made in known.items()
        if made is not None and asset.startswith(RAW_PREFIX)
    }


def as_text(objects: Mapping[str, str]) -> str:
    """Releases as `publications` has them."""
    return "; ".join(f"{name} {release}" for name, release in sorted(objects.items()))


def as_releases(text: str) -> dict[str, str]:
    """What `as_text` wrote."""
    pairs = (part.split(" ", 1) for part in text.split("; ") if " " in part)
    return dict(pairs)


def entry(
    lake: Lake, known: Mapping[str, Provenance | None], now: datetime, *, data_version: str, study_hash: str
) -> pd.DataFrame:
    """Rows of `publications`: those of the existing database, and one for the database that is being made."""
    before = read_published(lake, ["publications"]).get("publications", Publications.empty())
    signature = (
        read(lake.table(SIGNATURE)).signature_id if known.get(SIGNATURE) is not None else pd.Series(dtype=object)
    )
    row = {
        "published_at": now.isoformat(timespec="milliseconds"),
        "data_version": data_version,
        "study_hash": study_hash,
        "releases": as_text(releases(known)),
        "signature_id": signature.iloc[0] if len(signature) else None,
    }
    return pd.concat([Publications.conform(before), Publications.conform(pd.DataFrame([row]))], ignore_index=True)


def remember(lake: Lake, data_version: str, code_version: str, inputs: Mapping[str, str], now: datetime) -> None:
    """Record what the database was made from. If this is lost in a crash, the database is published again."""
    made = Remembered(data_version, code_version, inputs, now.isoformat(timespec="seconds"))
    _records(lake).write(lake.publication.stem, made)


def remembered(lake: Lake) -> Remembered | None:
    """What `remember` recorded of the existing database; None if there is no database or no record."""
    return _records(lake).find(lake.publication.stem) if lake.database.exists() else None


def _records(lake: Lake) -> Records[Remembered]:
    return Records(Remembered, lake.publication.parent, REMEDY)
