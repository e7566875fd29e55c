"""Lineage: the footers of all tables combined, from a result back to the downloaded files.

In scope: reading the provenance of everything that a table depends on, as edges and as raw files. Out of scope: how one
file stores its provenance (parquet), what registered signatures were made from (signature_lineage), Dagster's own event
log (not used).

Walking back is a recursive query over `lineage`, joined to `raw_files` on the asset that downloaded them (README).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import pandas as pd

from hnbc_assets.lake import parquet
from hnbc_assets.lake.parquet import Provenance
from hnbc_assets.lake.paths import Lake

EDGE_COLUMNS = ["asset", "upstream_asset", "data_version", "upstream_data_version", "run_id", "code_version"]
RAW_COLUMNS = ["source", "release", "file_id", "url", "path", "size_bytes", "md5", "sha256", "retrieved_at", "asset"]
RAW_PREFIX = "raw/"
MISSING = "not made"  # no data version


def ancestry(lake: Lake, of: Collection[str] | None = None) -> dict[str, Provenance | None]:
    """The provenance of each of these assets and of everything that they were made from; None for one not in the lake.

    Without `of`, of everything in the lake.
    """
    found: dict[str, Provenance | None] = {}
    waiting = list(lake.assets() if of is None else of)
    while waiting:
        asset = waiting.pop()
        if asset in found:
            continue
        made = found[asset] = parquet.find_provenance(lake.table(asset))
        waiting.extend(made.inputs if made is not None else ())
    return dict(sorted(found.items(), key=lambda item: item[0]))


def lineage(lake: Lake, of: Collection[str] | None = None) -> pd.DataFrame:
    """One row per edge: an asset at its version, made from an upstream asset at the version that was read."""
    return edges(ancestry(lake, of))


def edges(known: Mapping[str, Provenance | None]) -> pd.DataFrame:
    """The edges of assets whose provenance is known: to what is in each table, and to everything else that was read for
    it.

    They lead up to the observed releases of the upstreams. Inputs that were only compared have none.
    """
    rows = [
        (made.asset, upstream, made.data_version, version, made.run_id, made.code_version)
        for made in known.values()
        if made is not None
        for upstream, version in sorted(_contained(made).items())
    ]
    return pd.DataFrame(rows, columns=EDGE_COLUMNS)


def _contained(made: Provenance) -> dict[str, str]:
    inputs = {asset: version for asset, version in made.inputs.items() if asset not in made.unused}
    return {**inputs, **made.observed, **made.read}


def changed_inputs(names: Iterable[str], recorded: Mapping[str, str], current: Mapping[str, str | None]) -> list[str]:
    """Those of these inputs whose version in the lake differs from the one that was read.

    Parameters
    ----------
    recorded : data version of each input that the asset was made from; an input that it was made without has none
    current : current data version of each asset; None for one that the asset must be made without, no entry for one not
        yet made
    """
    return [name for name in names if current.get(name, MISSING) != recorded.get(name)]


def outdated(known: Mapping[str, Provenance | None]) -> list[tuple[str, str]]:
    """The assets made from a version of an input that is not the one in the lake, each with that input."""
    made = {asset: one for asset, one in known.items() if one is not None}
    current = {asset: one.data_version for asset, one in made.items()}
    return [
        (asset, upstream)
        for asset, one in made.items()
        for upstream in changed_inputs([i for i in one.inputs if i in made], one.inputs, current)
    ]


def raw_files(lake: Lake, of: Collection[str] | None = None) -> pd.DataFrame:
    """One row per archived file that an asset `raw/…` downloaded: its manifest row and the `asset`."""
    manifests = [
        parquet.read(lake.table(asset)).assign(asset=asset)
        for asset, made in ancestry(lake, of).items()
        if made is not None and asset.startswith(RAW_PREFIX)
    ]
    if not manifests:
        return pd.DataFrame(columns=RAW_COLUMNS)
    return pd.concat(manifests, ignore_index=True)[RAW_COLUMNS]
