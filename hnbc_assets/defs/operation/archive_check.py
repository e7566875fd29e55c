"""What depends on the archive, and whether its files still match what was recorded.

In scope: all rows that name archived files (tables, views, the published and kept databases, signatures), hashing
the files. Out of scope: reading one step's files (sources/archive/intact.py), fetching them again (releases.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hnbc_assets.errors import FormatError
from hnbc_assets.lake import damage, old_databases, parquet, registry, signature_lineage
from hnbc_assets.lake.lineage import RAW_PREFIX
from hnbc_assets.lake.paths import Lake
from hnbc_assets.lake.publications import as_releases, read_tables
from hnbc_assets.sources.archive.store import Archive

ROW = ["path", "sha256", "size_bytes"]


@dataclass(frozen=True)
class Verified:
    """What was hashed, and what differs.

    Attributes
    ----------
    files, bytes : how many were hashed
    lost : for each path that differs or is missing, a description of what depends on it
    unread : why a database could not be opened; files that only such a database names were not hashed
    """

    files: int
    bytes: int
    lost: dict[str, list[str]]
    unread: tuple[str, ...] = ()


def manifests(lake: Lake) -> dict[str, pd.DataFrame]:
    """The present manifest of each raw asset."""
    return {asset: parquet.read(lake.table(asset)) for asset in lake.assets() if asset.startswith(RAW_PREFIX)}


def databases(lake: Lake) -> list[Path]:
    """The published database and those that are kept."""
    return [path for path in (lake.database, *old_databases.kept(lake)) if path.exists()]


def verify(lake: Lake, *, note: bool = False) -> Verified:
    """Hash every archived file that something depends on; with `note` the lake remembers what is damaged."""
    archive, present = Archive(lake.raw), manifests(lake)
    named: dict[str, dict[str, list[str]]] = {}  # path -> sha256 -> who names it
    sizes: dict[str, int] = {}
    of_databases, unread = _of_databases(lake)
    for who, rows in (*_named(lake, archive, present), *of_databases):
        for path, sha256, size in rows[ROW].drop_duplicates().itertuples(index=False):
            named.setdefault(str(path), {}).setdefault(str(sha256), []).append(who)
            sizes[str(path)] = int(size)
    pairs = [(path, sha256) for path, by_sha256 in named.items() for sha256 in by_sha256]
    frame = pd.DataFrame(pairs, columns=["path", "sha256"])
    lost: dict[str, list[str]] = {}
    for path in archive.damaged(frame):
        for whos in named[path].values():
            lost.setdefault(path, []).extend(whos)
    if note:
        damage.note(lake, present, list(lost))
    return Verified(len(named), sum(sizes.values()), lost, unread)


def needed(lake: Lake) -> tuple[set[tuple[str, str]], set[str]]:
    """What the archive must keep: object and release of signatures and databases; paths of these and of tables.

    Raises
    ------
    FormatError
        If a database cannot be opened (another program writes to it): what it needs is not known.
    """
    releases, paths = set(), set()
    for one in registry.registered(lake).values():
        releases |= set(as_releases(one.trained_on).items())
    for files in signature_lineage.files_of_signatures(lake).values():
        paths |= set(files.path)
    for path in databases(lake):
        tables = _tables(path, ["publications", "raw_files"])
        if len(made := tables.get("publications", pd.DataFrame())):
            releases |= set(as_releases(made.sort_values("published_at").releases.iloc[-1]).items())
        if len(files := tables.get("raw_files", pd.DataFrame())):
            paths |= set(files.path)
    return releases, paths | {path for manifest in manifests(lake).values() for path in manifest.path}


def _named(lake: Lake, archive: Archive, present: dict[str, pd.DataFrame]) -> Iterator[tuple[str, pd.DataFrame]]:
    from hnbc_assets.sources.archive.views import all_views

    for asset, manifest in present.items():
        n = len(damage.dependents(lake, [asset]))
        yield f"{asset} and {n} tables made from it", manifest
    for name, release, rows in all_views(archive):
        yield f"release {release} of {name}", rows
    for signature_id, files in signature_lineage.files_of_signatures(lake).items():
        yield f"signature {signature_id}", files


def _of_databases(lake: Lake) -> tuple[list[tuple[str, pd.DataFrame]], tuple[str, ...]]:
    """The files that each database names, and why a database could not be opened."""
    named, unread = [], []
    for path in databases(lake):
        try:
            files = _tables(path, ["raw_files"]).get("raw_files")
        except FormatError as error:
            unread.append(str(error))
            continue
        if files is not None:
            named.append(
                ("the published database" if path == lake.database else f"the kept database {path.name}", files)
            )
    return named, tuple(unread)


def _tables(path: Path, names: list[str]) -> dict[str, pd.DataFrame]:
    """Those of these tables that a database has. Raises FormatError if it cannot be opened."""
    import duckdb

    try:
        return read_tables(path, names)
    except duckdb.Error as error:
        raise FormatError(f"{path} cannot be opened now: {' '.join(str(error).split())}") from error
