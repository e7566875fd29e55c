"""Signature lineage: what each registered signature was made from, kept as long as the signature.

In scope: keeping the edges and raw files of a signature when it is registered, adding them to the lineage of what later
reads it. Out of scope: the signature itself (registry), the lineage of what is in the lake now (lineage).

A registered signature is `registry/<signature_id>` in the lineage. What it was made from has names of its own that end
in `@<signature_id>`: `raw/gdc/TCGA-BRCA@0a1b2c` are the files that 0a1b2c was trained on, whatever release is in
`raw/gdc/TCGA-BRCA` today.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from hnbc_assets.lake import lineage, registry
from hnbc_assets.lake.lineage import EDGE_COLUMNS, RAW_COLUMNS, RAW_PREFIX
from hnbc_assets.lake.parquet import Provenance
from hnbc_assets.lake.paths import Lake
from hnbc_assets.lake.records import Records
from hnbc_assets.lake.registry import Registered

PREFIX = "registry/"
UNKNOWN = "unknown"
REMEDY = "Put back a copy, or delete it: what the signature was made from is then unknown."


@dataclass(frozen=True)
class Written:
    """A `SignatureLineage` as it is kept: frames as rows."""

    made_from: dict[str, str]
    edges: list[list[Any]]
    raw_files: list[list[Any]]


@dataclass(frozen=True)
class SignatureLineage:
    """What a signature was made from when it was registered.

    Attributes
    ----------
    made_from : the tables that hold it, with their data versions
    edges : the lineage of these tables back to the upstreams' releases: columns EDGE_COLUMNS
    raw_files : the files at its end, with the asset that downloaded them: columns RAW_COLUMNS
    """

    made_from: dict[str, str]
    edges: pd.DataFrame
    raw_files: pd.DataFrame


def keep(lake: Lake, signature: Registered, tables: Collection[str]) -> bool:
    """Keep what these tables were made from as the lineage of the signature in them; returns whether it is known.

    Call this before the signature is registered: from then on its lineage is never changed. One that was registered
    without a lineage, by an older version, gets one if it was trained on the same releases. While a table is missing
    or stale, the files in the lake are not those that the signature was made from, and nothing is kept.
    """
    records, registered = _records(lake), registry.is_registered(lake, signature.signature_id)
    if registered and records.path(signature.signature_id).exists():
        return True
    if registered and registry.signature_of(lake, signature.signature_id).trained_on != signature.trained_on:
        return False
    known = lineage.ancestry(lake, tables)
    if None in known.values() or lineage.outdated(known):
        records.delete(signature.signature_id)
        return False
    made_from = {table: known[table].data_version for table in tables}
    written = Written(made_from, _rows(lineage.edges(known)), _rows(lineage.raw_files(lake, tables)))
    records.write(signature.signature_id, written)
    return True


def find(lake: Lake, signature_id: str) -> SignatureLineage | None:
    """What a signature was made from; None if an older version registered it, which did not keep this."""
    written = _records(lake).find(signature_id)
    if written is None:
        return None
    return SignatureLineage(
        written.made_from,
        pd.DataFrame(written.edges, columns=EDGE_COLUMNS),
        pd.DataFrame(written.raw_files, columns=RAW_COLUMNS),
    )


def same_files(lake: Lake, signature_id: str, tables: Collection[str]) -> bool:
    """Whether a signature was made from the same files as these tables are now."""
    kept = find(lake, signature_id)
    return kept is not None and _raw_versions(kept.edges) == _raw_versions(lineage.lineage(lake, tables))


def as_read(signatures: Iterable[Registered]) -> dict[str, str]:
    """Registered signatures as lineage names them, with their versions."""
    return {f"{PREFIX}{one.signature_id}": one.data_version for one in signatures}


def edges(lake: Lake, known: Mapping[str, Provenance | None]) -> pd.DataFrame:
    """The edges of these assets, and those of the registered signatures that were read for them."""
    found, registered = [lineage.edges(known)], registry.registered(lake)
    for signature_id, version in _read(known).items():
        name, kept, trained = f"{PREFIX}{signature_id}", find(lake, signature_id), registered.get(signature_id)
        who = (trained.run_id, trained.code_version) if trained else (UNKNOWN, UNKNOWN)
        tables = {_own(table, signature_id): v for table, v in kept.made_from.items()} if kept else {UNKNOWN: UNKNOWN}
        rows = [(name, table, version, table_version, *who) for table, table_version in sorted(tables.items())]
        found.append(pd.DataFrame(rows, columns=EDGE_COLUMNS))
        if kept:
            found.append(_renamed(kept.edges, signature_id, "asset", "upstream_asset"))
    return pd.concat(found, ignore_index=True)


def raw_files(lake: Lake, known: Mapping[str, Provenance | None]) -> pd.DataFrame:
    """The raw files of these assets, and those of the registered signatures that were read for them."""
    found = [lineage.raw_files(lake, known)]
    for signature_id in _read(known):
        if kept := find(lake, signature_id):
            found.append(_renamed(kept.raw_files, signature_id, "asset"))
    filled = [frame for frame in found if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else found[0]


def files_of_signatures(lake: Lake) -> dict[str, pd.DataFrame]:
    """The raw files of every registered signature whose lineage is known, by its id: columns RAW_COLUMNS."""
    kept = {signature_id: find(lake, signature_id) for signature_id in registry.registered(lake)}
    return {signature_id: one.raw_files for signature_id, one in kept.items() if one is not None}


def _read(known: Mapping[str, Provenance | None]) -> dict[str, str]:
    """The registered signatures that were read for these assets, with their versions, by id."""
    read = {name: version for made in known.values() if made is not None for name, version in made.read.items()}
    ids = {name.removeprefix(PREFIX): version for name, version in sorted(read.items()) if name.startswith(PREFIX)}
    return {
        signature_id: version for signature_id, version in ids.items() if registry.SIGNATURE_ID.fullmatch(signature_id)
    }


def _raw_versions(found: pd.DataFrame) -> dict[str, str]:
    raw = found[found.upstream_asset.str.startswith(RAW_PREFIX)]
    return dict(zip(raw.upstream_asset, raw.upstream_data_version, strict=True))


def _records(lake: Lake) -> Records[Written]:
    return Records(Written, lake.signatures, REMEDY, ".lineage.json", registry.SIGNATURE_ID)


def _own(asset: Any, signature_id: str) -> Any:
    """An asset's name, or a column of such names, as what a signature was made from."""
    return asset + f"@{signature_id}"


def _renamed(frame: pd.DataFrame, signature_id: str, *columns: str) -> pd.DataFrame:
    return frame.assign(**{column: _own(frame[column], signature_id) for column in columns})


def _rows(frame: pd.DataFrame) -> list[list[object]]:
    """Rows as JSON stores them: missing values are null."""
    return [list(row.values()) for row in registry.records(frame)]
