"""The release in use of an upstream object: the one that its raw asset holds, and the one that it replaced.

In scope: which release a fetched one is compared with. Out of scope: the comparison (gates.py, ingest_checks.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hnbc_assets.errors import ChecksumMismatch, NotInLake, StudyError
from hnbc_assets.lake import parquet
from hnbc_assets.lake.hashing import content_hash
from hnbc_assets.lake.paths import Lake
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.upstream import Upstream

VERSIONED_ON = ["source", "release", "file_id", "sha256"]


@dataclass(frozen=True)
class InUse:
    """The release in use of an object: what the raw asset holds before a fetched release replaces it."""

    lake: Lake
    archive: Archive
    upstream: Upstream

    def manifest(self) -> pd.DataFrame | None:
        """What the raw asset holds now; None before its first fetch."""
        try:
            return parquet.read(self._table)
        except NotInLake:
            return None

    def is_this(self, fetched: pd.DataFrame) -> bool:
        """Whether the fetched release is already in use: a run after a stopped one fetches it again."""
        held = self.manifest()
        return held is not None and version_of(held) == version_of(fetched)

    def replaced_by(self, fetched: pd.DataFrame) -> str:
        """The release that the fetched one replaces; empty for the first one."""
        held = parquet.find_provenance(self._table)
        if held is None:
            return ""
        return held.replaces if self.is_this(fetched) else held.release

    def before(self, fetched: pd.DataFrame) -> pd.DataFrame | None:
        """The release that the fetched one is compared with; None for the first one.

        It is the release in use. If the fetched release is already in use, it is the one that it replaced: so the
        result of a comparison depends on the data only, however often stopped runs fetch them again.
        """
        if not self.is_this(fetched):
            return self.manifest()
        from hnbc_assets.sources.archive.views import recall

        earlier = self.replaced_by(fetched)
        try:
            return recall(self.archive, self.upstream.name, earlier) if earlier else None
        except (StudyError, ChecksumMismatch):  # housekeeping removed it, or it is damaged
            return None

    @property
    def _table(self) -> Path:
        return self.lake.table(self.upstream.raw)


def version_of(manifest: pd.DataFrame) -> str:
    """The data version of a raw asset that holds these files."""
    return content_hash(manifest[VERSIONED_ON])
