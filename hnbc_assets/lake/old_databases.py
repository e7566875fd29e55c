"""Old databases: the last publications are kept, each readable by itself.

In scope: replacing the published database with a new one, keeping a copy of each, deleting the oldest. Out of scope:
building one (snapshot).
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from hnbc_assets.lake import atomic, publications
from hnbc_assets.lake.paths import Lake

PATTERN = "hnbc-*.duckdb"


def kept(lake: Lake) -> list[Path]:
    """The copies, oldest first."""
    return sorted(lake.releases.glob(PATTERN))


def twin(lake: Lake, version: str, inputs: Mapping[str, str]) -> Path | None:
    """The copy of the published database, if the new one is the same."""
    before = publications.remembered(lake)
    if before is None or (before.data_version, before.inputs) != (version, inputs):
        return None
    return next(lake.releases.glob(f"hnbc-*-{_sha256(lake.database)[:8]}.duckdb"), None)


def put_in_place(lake: Lake, temporary: Path, keep: int, now: datetime, twin: Path | None) -> tuple[str, Path | None]:
    """Flush the new database to the disk, rename it over the old one, keep a copy in place of its twin; returns
    its sha256 and the copy.
    """
    atomic.sync_file(temporary)
    sha256 = _sha256(temporary)
    release = lake.releases / f"hnbc-{now:%Y%m%dT%H%M%S%fZ}-{sha256[:8]}.duckdb" if keep > 0 else None
    copy = _copied(temporary, release) if release else None
    # A log left by someone who opened the old file for writing would be applied to the new file.
    lake.database.with_name(lake.database.name + ".wal").unlink(missing_ok=True)
    os.replace(temporary, lake.database)
    atomic.sync_folder(lake.root)
    if release:
        os.replace(copy, release)
        if twin is not None:
            twin.unlink(missing_ok=True)
        for old in kept(lake)[:-keep]:
            old.unlink()
        atomic.sync_folder(lake.releases)
    return sha256, release


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copied(source: Path, target: Path) -> Path:
    """A copy of `source` under a temporary name next to `target`, flushed to the disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    copy = atomic.temporary_beside(target)
    try:
        shutil.copyfile(source, copy)
        atomic.sync_file(copy)
    except OSError:
        copy.unlink(missing_ok=True)
        raise
    return copy
