"""Where everything in the lake is.

In scope: the folders and file names of the lake. Out of scope: reading or writing what is in those files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hnbc_assets.errors import StudyError
from hnbc_assets.lake.records import NAME, names_in

DATABASE = "hnbc_database"  # the asset that publishes


@dataclass(frozen=True)
class Lake:
    """A data lake on disk. `root` is absolute."""

    root: Path

    def __post_init__(self) -> None:
        if not Path(self.root).is_absolute():
            raise ValueError(f"a lake's root is an absolute path, not {str(self.root)!r}")
        object.__setattr__(self, "root", Path(self.root))

    @property
    def raw(self) -> Path:
        """The archive of files as the upstream served them."""
        return self.root / "raw"

    @property
    def tables(self) -> Path:
        """One parquet file per asset."""
        return self.root / "tables"

    @property
    def databases(self) -> Path:
        """Copies of the last publications of the database."""
        return self.root / "databases"

    @property
    def database(self) -> Path:
        """The published database."""
        return self.root / "hnbc.duckdb"

    @property
    def dagster_home(self) -> Path:
        """Dagster's own storage (DAGSTER_HOME)."""
        return self.root / "dagster"

    @property
    def publishing_lock(self) -> Path:
        """Held by the process that publishes."""
        return self.root / ".publishing.lock"

    @property
    def origin_lock(self) -> Path:
        """Held while the record of the lake's upstream is rewritten."""
        return self.root / ".upstream.lock"

    @property
    def checks_lock(self) -> Path:
        """Held while an asset's check outcomes are rewritten."""
        return self.root / ".checks.lock"

    def table(self, asset: str) -> Path:
        """The parquet file of an asset: `cohorts/brca_tcga` is `tables/cohorts/brca_tcga.parquet`."""
        if not NAME.fullmatch(asset):
            raise ValueError(f"{asset!r} is not an asset name: letters, digits, '_', '-' and '.', parts joined by '/'")
        return self.tables / f"{asset}.parquet"

    @property
    def observations(self) -> Path:
        """What was last observed of each upstream object."""
        return self.root / "observations"

    @property
    def attempts(self) -> Path:
        """The latest attempt to make an asset, of each whose latest did not succeed."""
        return self.root / "attempts"

    @property
    def decisions(self) -> Path:
        """The decisions of people, one line of JSON each."""
        return self.root / "decisions.jsonl"

    @property
    def publication(self) -> Path:
        """What the published database was made from."""
        return self.root / "publication.json"

    @property
    def signatures(self) -> Path:
        """Every signature that was trained here, one file each."""
        return self.root / "signatures"

    @property
    def reports(self) -> Path:
        """Reports of releases, in HTML."""
        return self.root / "reports"

    @property
    def unfinished_run(self) -> Path:
        """Exists from the start of a run of everything until everything is made."""
        return self.root / "unfinished_run.json"

    @property
    def refresh_lock(self) -> Path:
        """Held by a command in a terminal that makes assets; the automation waits meanwhile."""
        return self.root / ".refresh.lock"

    def assets(self) -> list[str]:
        """The names of all assets that have a parquet file here, sorted."""
        return sorted(names_in(self.tables, ".parquet"))

    def check_place(self) -> None:
        """Check that the lake's path, and every folder above it, is not a file. Raises StudyError."""
        there = next(path for path in (self.root, *self.root.parents) if path.exists())
        if not there.is_dir():
            raise StudyError(
                f"{self.root}: a data lake cannot be kept there, as {there} is a file. Set HNBC_DATA_LAKE to a folder."
            )
