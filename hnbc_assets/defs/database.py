"""Database: the published DuckDB, and what the simulation planted.

In scope: which tables are published under which name. Out of scope: how a database is built and replaced (lake).
"""

from collections.abc import Iterable

import dagster as dg
import pandas as pd

from hnbc_assets import tables as tables_of_the_study
from hnbc_assets.defs.graph import nodes
from hnbc_assets.defs.publishing import Publication, source_link
from hnbc_assets.defs.stage import OWNERS, Stage, attempting, guard
from hnbc_assets.defs.versions import of_published
from hnbc_assets.lake.decisions import accepted_releases, as_read, decisions
from hnbc_assets.lake.hashing import content_hash
from hnbc_assets.lake.io_manager import asset_name
from hnbc_assets.lake.lineage import ancestry
from hnbc_assets.lake.optional import COMPLETE, OptionalAsset
from hnbc_assets.lake.parquet import Provenance
from hnbc_assets.lake.paths import DATABASE
from hnbc_assets.lake.plan import Node
from hnbc_assets.lake.snapshot import publish
from hnbc_assets.tables import AcceptedReleases, Table, Truth


def assets(
    stage: Stage, raw: Iterable[dg.AssetsDefinition], results: Iterable[dg.AssetsDefinition]
) -> list[dg.AssetsDefinition]:
    """The database over all tables of the other stages; with the simulated upstream, its truth too."""
    made = [_truth(stage)] if stage.place.simulated else []
    tables = {key.path[-1]: key.path[-1] for a in [*results, *made] for key in a.keys if len(key.path) == 1}
    beneath = sorted({key for a in [*raw, *results, *made] for key in a.keys})
    optional = optional_assets(nodes([*raw, *results]).values())
    return [*made, _database(stage, dict(sorted(tables.items())), beneath, optional)]


def optional_assets(known: Iterable[Node]) -> tuple[OptionalAsset, ...]:
    """The assets of optional stages, with the tables that are published empty if such a stage failed."""
    tables = described()
    return tuple(OptionalAsset(node.asset, node.optional, tables.get(node.asset)) for node in known if node.optional)


def described() -> dict[str, type[Table]]:
    """Every table of the study by its name."""
    every = (t for t in vars(tables_of_the_study).values() if isinstance(t, type) and issubclass(t, Table))
    return {table.table_name(): table for table in every}


def _truth(stage: Stage) -> dg.AssetsDefinition:
    settings = stage.study.simulation

    @stage.asset(Truth, settings=settings.model_dump())
    def truth() -> Publication:
        """Every effect that the simulated upstream planted, and everything that it left without one."""
        from hnbc_assets.sources.simulated import Simulation
        from hnbc_assets.sources.simulated import truth as planted

        return Publication(planted(Simulation(**settings.model_dump())))

    return truth


def _database(
    stage: Stage, tables: dict[str, str], beneath: list[dg.AssetKey], optional: tuple[OptionalAsset, ...]
) -> dg.AssetsDefinition:
    label = "SIMULATED" if stage.place.simulated else ""
    version = of_published(stage.code, _database, [tables, stage.study.database.model_dump()])
    inputs = tuple(asset_name(key) for key in beneath)

    @dg.asset(
        name=DATABASE,
        deps=beneath,
        group_name=stage.name,
        kinds={"duckdb"},
        owners=OWNERS,
        code_version=version,
        metadata=source_link(_database),
        check_specs=[
            dg.AssetCheckSpec(
                f"{name}{COMPLETE}", asset=DATABASE, description=f"All tables of the stage {name} are in the database."
            )
            for name in sorted({one.stage for one in optional})
        ],
    )
    def hnbc_database(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """The published database: every table with its comments, lineage, raw files, check results, dictionary.

        Built beside the old one in one transaction and put in its place in one step; readers are never disturbed. It is
        not replaced while a blocking check fails, or belongs to other data than are now in the lake. If the drugs
        stage failed, its tables are published empty, and a check says so.
        """
        guard(context, stage.study, stage.place)
        node = Node(DATABASE, DATABASE, inputs, version, published=True)
        read = {asset: made.data_version for asset, made in ancestry(stage.lake, inputs).items() if made is not None}
        with attempting(stage.lake, [node], {asset: read[asset] for asset in inputs if asset in read}, context.run_id):
            published = publish(
                stage.lake,
                tables,
                {"accepted_releases": _accepted(stage, version, context.run_id)},
                described=described(),
                keep=stage.study.database.keep,
                comment=label,
                code_version=version,
                study_hash=stage.study.hash,
                optional=optional,
                publisher=DATABASE,
            )
        return dg.MaterializeResult(
            data_version=dg.DataVersion(published.data_version),
            metadata={
                "path": dg.MetadataValue.path(str(published.path)),
                "tables": published.n_tables,
                "rows": published.n_rows,
                "sha256": published.sha256,
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=outcome.check_name,
                    passed=outcome.passed,
                    severity=dg.AssetCheckSeverity.ERROR,
                    description=outcome.description,
                )
                for outcome in published.complete
            ],
        )

    return hnbc_database


def _accepted(stage: Stage, code_version: str, run_id: str) -> tuple[pd.DataFrame, Provenance]:
    """The releases that people let through."""
    made = decisions(stage.lake, "accept")
    frame = AcceptedReleases.conform(accepted_releases(made))
    described = Provenance(
        "accepted_releases",
        content_hash(frame),
        code_version,
        run_id,
        read=as_read(made),
        table_description=AcceptedReleases.comment(),
        columns=AcceptedReleases.dictionary(),
    )
    return frame, described
