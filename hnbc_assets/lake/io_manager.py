"""The interface between Dagster and the lake: assets write tables and read them only through it.

In scope: Dagster's IO manager. Out of scope: file formats (parquet), file names (paths).
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pandas as pd

from hnbc_assets.errors import NotInLake
from hnbc_assets.lake import parquet
from hnbc_assets.lake.parquet import Stored
from hnbc_assets.lake.paths import Lake

KEPT = "kept"  # in place of a table that stays as it is in the lake


class LakeIOManager(dg.ConfigurableIOManager):
    """Keeps each asset as a parquet file with its provenance under the lake's `tables` folder.

    It takes a `Stored` and fills in run id, study hash, upstream and time where they are empty; for
    `KEPT` it writes nothing.
    It returns the frame, with `asset` and `data_version` in its `attrs`.
    """

    root: str
    study_hash: str = ""
    upstream: str = ""

    @property
    def lake(self) -> Lake:
        """The lake at `root`."""
        return Lake(Path(self.root))

    def handle_output(self, context: dg.OutputContext, obj: Stored | str) -> None:
        """Write a table to the lake, unless it stays as it is."""
        if isinstance(obj, str) and obj == KEPT:
            return
        asset = asset_name(context.asset_key)
        if not isinstance(obj, Stored):
            raise TypeError(f"{asset} returned {type(obj).__name__}; an asset of the lake returns a Stored table")
        given = obj.provenance
        if given.asset != asset:
            raise ValueError(f"{asset} returned a table whose provenance names {given.asset!r}")
        path = self.lake.table(asset)
        parquet.write(
            path,
            obj.frame,
            dataclasses.replace(
                given,
                run_id=given.run_id or context.run_id,
                study_hash=given.study_hash or self.study_hash,
                upstream=given.upstream or self.upstream,
                written_at=given.written_at or datetime.now(UTC).isoformat(timespec="seconds"),
            ),
            obj.content_hash,
        )
        context.add_output_metadata({"path": dg.MetadataValue.path(str(path)), "bytes": path.stat().st_size})

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """Read a table from the lake, as `load` does."""
        return load(self.lake, asset_name(context.asset_key))


def load(lake: Lake, asset: str) -> pd.DataFrame:
    """A table of the lake, with its `asset` and `data_version` in its `attrs`.

    Raises
    ------
    NotInLake
        If the asset has not been materialised in this lake.
    """
    try:
        stored = parquet.read_stored(lake.table(asset))
    except NotInLake as error:
        raise NotInLake(
            f"{asset} is needed and is not in {lake.root} yet. Materialise it first: hnbc run --select {asset}"
        ) from error
    stored.frame.attrs |= {"asset": asset, "data_version": stored.provenance.data_version}
    return stored.frame


def asset_name(key: dg.AssetKey) -> str:
    """`AssetKey(["cohorts", "brca_tcga"])` is `cohorts/brca_tcga` in the lake."""
    return "/".join(key.path)
