"""Tables in which the database describes itself: raw files, lineage, checks, dictionary, and the simulation's truth.

In scope: descriptions of columns. Out of scope: how they are gathered (lake).
"""

from __future__ import annotations

from hnbc_assets.tables.schema import Table, column


class Manifest(Table):
    """The archived files that one asset fetched."""

    source: str = column("upstream of the file")
    release: str = column("the upstream's release or date")
    file_id: str = column("the upstream's identifier, or our name for a request")
    url: str = column("requested address")
    path: str = column("path relative to the lake's raw folder")
    size_bytes: int = column("size", unit="bytes", ge=0)
    md5: str = column("md5 as the upstream gives it; null where it gives none", nullable=True)
    sha256: str = column("sha256 of the bytes")
    retrieved_at: str = column("when it was fetched", unit="UTC, ISO 8601")


class RawFiles(Manifest):
    """An archived file, as it came from upstream, and the asset that fetched it."""

    key = ("asset", "file_id")
    asset: str = column("asset that fetched it (lineage.upstream_asset); with @ID, as signature ID was trained on it")


class Lineage(Table):
    """An edge: an asset was made from an upstream asset, or from another recorded input, each at a version."""

    key = ("asset", "upstream_asset")
    asset: str = column(
        "asset made; registry/ID is a signature that was trained earlier, asset@ID what it was made from"
    )
    upstream_asset: str = column(
        "asset it was made from, or a signature (registry/), a decision (decision/), an archived release (views/), the "
        "previous database (hnbc_database@TIME), an observed release; unknown where none was recorded"
    )
    data_version: str = column("content hash of the asset")
    upstream_data_version: str = column(
        "content hash of the upstream as it was read; an observed release itself; the time of a decision"
    )
    run_id: str = column("Dagster run that made the asset")
    code_version: str = column("version of code and settings that made it")


class CheckResults(Table):
    """A check's latest outcome."""

    key = ("asset", "check_name")
    asset: str = column("asset checked")
    check_name: str = column("check")
    passed: bool = column("whether it passed")
    severity: str = column("ERROR or WARN", isin=("ERROR", "WARN"))
    value: str = column("what was found", nullable=True)
    threshold: str = column("what was allowed", nullable=True)
    description: str = column("what the check tests, and what it found")
    evaluated_at: str = column("when", unit="UTC, ISO 8601")


class ColumnDictionary(Table):
    """A column of a published table."""

    key = ("table_name", "column_name")
    table_name: str = column("table")
    column_name: str = column("column")
    type: str = column("DuckDB type")
    unit: str = column("unit", nullable=True)
    description: str = column("meaning")
    allowed_values: str = column("allowed values, or their range; null where any value is allowed", nullable=True)
    key_position: int = column(
        "position in the table's unique key, from 1; null when not part of it", nullable=True, ge=1
    )
    nullable: bool = column("whether a value may be missing", nullable=True)


class Truth(Table):
    """An effect planted in the simulated data. Absent when the data are real."""

    key = ("entity_type", "entity", "question")
    entity_type: str = column("gene, cell_type (sets of cell types), population (marker table) or drug")
    entity: str = column("its name")
    entity_class: str = column("class of planted effect, or module of a gene that is not an anoikis gene")
    anoikis_gene: bool = column("whether a gene is an anoikis gene")
    question: str = column("resistance_plain, resistance_er_adjusted, survival, risk or risk_adjusted")
    holds: bool = column("whether the effect differs from zero; null where that depends on the score", nullable=True)
    effect: float = column("size of the effect", unit="see unit", nullable=True)
    unit: str = column("unit of the effect")
    adjusted_for: str = column("covariates of the adjusted effect; empty when there are none", nullable=True)
