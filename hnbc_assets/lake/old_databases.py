"""Old databases: the last publications are kept, each readable by itself.

In scope: replacing the published database with a new one, keeping a copy of each, deleting the oldest. Out of scope:
building one (snapshot).

    ROOT/databases/hnbc-<time>-<sha256>.duckdb      the copy of one publication
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from hnbc_assets.lake import atomic, publications
from hnbc_assets.lake.paths import Lake

PATTERN = "hnbc-*.duckdb"
BEFORE = "releases"  # the folder of an older version


def kept(lake: Lake) -> list[Path]:
    """The copies, oldest first. Those that an older version made are moved to where they belong."""
    for copy in (lake.root / BEFORE).glob(PATTERN):
        lake.databases.mkdir(exist_ok=True)
        with suppress(FileNotFoundError):  # another process has moved it
            copy.rename(lake.databases / copy.name)
    with suppress(OSError):  # it is not there, or something else is in it
        (lake.root / BEFORE).rmdir()
    return sorted(lake.databases.glob(PATTERN))


def twin(lake: Lake, version: str, inputs: Mapping[str, str]) -> Path | None:
    """The copy of the published database, if the new one is the same."""
    before = publications.remembered(lake)
    if before is None or (before.data_version, before.inputs) != (version, inputs):
        return None
    name = f"hnbc-*-{_sha256(lake.database)[:8]}.duckdb"
    return next((copy for copy in kept(lake) if copy.match(name)), None)


def put_in_place(lake: Lake, temporary: Path, keep: int, now: datetime, twin: Path | None) -> str:
    """Flush the new database to the disk, rename it over the old one, keep a copy in place of its twin; returns
    its sha256.
    """
    atomic.sync_file(temporary)
    sha256 = _sha256(temporary)
    copy = lake.databases / f"hnbc-{now:%Y%m%dT%H%M%S%fZ}-{sha256[:8]}.duckdb" if keep > 0 else None
    temporary_copy = _copied(temporary, copy) if copy else None
    # A log left by someone who opened the old file for writing would be applied to the new file.
    lake.database.with_name(lake.database.name + ".wal").unlink(missing_ok=True)
    os.replace(temporary, lake.database)
    atomic.sync_folder(lake.root)
    if copy:
        os.replace(temporary_copy, copy)
        if twin is not None:
            twin.unlink(missing_ok=True)
        for old in kept(lake)[:-keep]:
            old.unlink()
        atomic.sync_folder(lake.databases)
    return sha256


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
