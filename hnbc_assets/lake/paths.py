"""Where everything in the lake is, and which upstream the lake belongs to.

In scope: the folders and file names of the lake, and the rule that a lake belongs to one upstream.
Out of scope: reading or writing what is in those files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hnbc_assets.errors import LakeBelongsElsewhere, StudyError
from hnbc_assets.lake.atomic import locked, write_bytes
from hnbc_assets.redaction import redacted

DATABASE = "hnbc_database"  # the asset that publishes
ASSET_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_CHECKS_SUFFIX = ".checks.json"


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
    def releases(self) -> Path:
        """The last publications of the database."""
        return self.root / "releases"

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
    def checks_lock(self) -> Path:
        """Held while an asset's check outcomes are rewritten."""
        return self.root / ".checks.lock"

    def table(self, asset: str) -> Path:
        """The parquet file of an asset: `cohorts/brca_tcga` is `tables/cohorts/brca_tcga.parquet`."""
        return self.tables / f"{_checked(asset)}.parquet"

    def checks(self, asset: str) -> Path:
        """The check outcomes of an asset, next to its parquet file."""
        return self.tables / f"{_checked(asset)}{_CHECKS_SUFFIX}"

    def observation(self, name: str) -> Path:
        """What was last observed of an upstream object: `gdc/TCGA-BRCA` is `observations/gdc/TCGA-BRCA.json`."""
        return self.root / "observations" / f"{_checked(name)}.json"

    def attempt(self, asset: str) -> Path:
        """The latest attempt to make an asset that did not succeed."""
        return self.root / "attempts" / f"{_checked(asset)}.json"

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

    def observed_objects(self) -> list[str]:
        """The names of all upstream objects that were looked at, sorted."""
        return sorted(_names(self.root / "observations", ".json"))

    def attempted_assets(self) -> list[str]:
        """The names of all assets whose latest attempt did not succeed, sorted."""
        return sorted(_names(self.root / "attempts", ".json"))

    def assets(self) -> list[str]:
        """The names of all assets that have a parquet file here, sorted."""
        return sorted(_names(self.tables, ".parquet"))

    def checked_assets(self) -> list[str]:
        """The names of all assets that have check outcomes here, sorted."""
        return sorted(_names(self.tables, _CHECKS_SUFFIX))

    def upstream(self) -> str | None:
        """The upstream that this lake belongs to, or None if it is new."""
        owner = self._owned().get("upstream")
        return None if owner is None else redacted(owner)

    def simulated_release(self) -> str | None:
        """The GDC release of a simulated upstream that was moved to another release; None otherwise."""
        return self._owned().get("release")

    def simulate_release(self, release: str) -> None:
        """Move the simulated upstream of this lake to another GDC release."""
        with locked(self.root / ".upstream.lock", wait_seconds=60):
            write_bytes(self._owner, json.dumps(self._owned() | {"release": release}).encode())

    def _owned(self) -> dict[str, str]:
        try:
            return json.loads(self._owner.read_text())
        except FileNotFoundError:
            return {}

    @property
    def _owner(self) -> Path:
        return self.root / "upstream.json"

    def check_place(self) -> None:
        """Check that the lake's path, and every folder above it, is not a file. Raises StudyError."""
        there = next(path for path in (self.root, *self.root.parents) if path.exists())
        if not there.is_dir():
            raise StudyError(
                f"{self.root}: a data lake cannot be kept there, as {there} is a file. Set HNBC_DATA_LAKE to a folder."
            )

    def claim(self, upstream: str, simulation: str | None = None) -> None:
        """Make this the lake of `upstream` at its first use; later, check that it still is.

        `simulation` identifies the simulation's settings if the upstream is one: its files have the same addresses and
        dates whatever its size and seed, so a lake contains one simulation only.

        Raises
        ------
        LakeBelongsElsewhere
            If the lake was filled from another upstream, or another simulation.
        StudyError
            If the lake cannot be made there.
        """
        upstream = redacted(upstream.rstrip("/"))
        self.check_place()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with locked(self.root / ".upstream.lock", wait_seconds=60):
                owner = self.upstream()
                known = self._owned()
                kept = {"upstream": upstream} | ({"simulation": simulation} if simulation else {}) | known
                kept |= {} if owner is None else {"upstream": owner}
                if kept != known and owner in (None, upstream):
                    write_bytes(self._owner, json.dumps(kept).encode())
        except OSError as error:
            raise StudyError(
                f"{self.root}: a data lake cannot be kept there ({error.strerror or error}). Set HNBC_DATA_LAKE to a "
                "writable folder."
            ) from error
        if owner not in (None, upstream):
            raise LakeBelongsElsewhere(
                f"{self.root} contains results of the upstream {owner!r}; it cannot be mixed with {upstream!r}. Set "
                f"HNBC_DATA_LAKE to another folder, or HNBC_UPSTREAM={owner}."
            )
        if simulation and kept["simulation"] != simulation:
            raise LakeBelongsElsewhere(
                f"{self.root} contains another simulation: `simulation` in the study file has changed. Set "
                "HNBC_DATA_LAKE to another folder, or change it back."
            )


def _names(folder: Path, suffix: str) -> Iterator[str]:
    for path in folder.rglob(f"*{suffix}"):
        if not path.name.startswith("."):
            yield path.relative_to(folder).as_posix().removesuffix(suffix)


def _checked(asset: str) -> str:
    if not ASSET_NAME.fullmatch(asset):
        raise ValueError(f"{asset!r} is not an asset name: letters, digits, '_', '-' and '.', parts joined by '/'")
    return asset
