"""Database: the published DuckDB, and what the simulation planted.

In scope: which tables are published under which name. Out of scope: how a database is built and replaced (lake).
"""

from collections.abc import Iterable, Mapping

import dagster as dg
import pandas as pd

from hnbc_assets.defs.attempting import attempting, guard
from hnbc_assets.defs.code.versions import of_published
from hnbc_assets.defs.frames import check_result
from hnbc_assets.defs.graph import nodes
from hnbc_assets.defs.keeping import kept
from hnbc_assets.defs.stage import Build, Stage
from hnbc_assets.defs.step import OWNERS, source_link
from hnbc_assets.lake.decisions import accepted_releases, as_read, decisions
from hnbc_assets.lake.hashing import content_hash
from hnbc_assets.lake.io_manager import asset_name
from hnbc_assets.lake.lineage import ancestry
from hnbc_assets.lake.optional import COMPLETE, OptionalAsset, unfit
from hnbc_assets.lake.parquet import Provenance
from hnbc_assets.lake.paths import DATABASE, Lake
from hnbc_assets.lake.plan import Node
from hnbc_assets.lake.snapshot import publish
from hnbc_assets.study import Study
from hnbc_assets.tables import AcceptedReleases, Table, Truth

stage = Stage("database")


def _if_simulated(build: Build) -> list[Build]:
    return [build] if build.place.simulated else []


@stage.asset(Truth, each=_if_simulated, settings=lambda build: build.study.simulation.model_dump())
def truth(study: Study) -> pd.DataFrame:
    """Every effect that the simulated upstream planted, and everything that it left without one."""
    from hnbc_assets.sources.simulated import Simulation
    from hnbc_assets.sources.simulated import truth as planted

    return planted(Simulation(**study.simulation.model_dump()))


def database(build: Build, assets: Iterable[dg.AssetsDefinition], tables: Iterable[type[Table]]) -> dg.AssetsDefinition:
    """The asset that publishes the tables of all these assets.

    Assets with a key of one name are published under it; what changed between releases is one, manifests are not: they
    are published as raw_files.
    """
    made, study, place, lake = list(assets), build.study, build.place, Lake(build.place.data_lake)
    keys = sorted({key for one in made for key in one.keys})
    names = {key.path[0]: key.path[0] for key in keys if len(key.path) == 1}
    described, inputs = {table.table_name(): table for table in tables}, tuple(asset_name(key) for key in keys)
    optional = optional_assets(nodes(made).values(), described)
    stages = sorted({one.stage for one in optional})
    version = of_published(build.code, database, described.values(), [names, study.database.model_dump()])

    @dg.asset(
        name=DATABASE,
        deps=keys,
        group_name=stage.name,
        kinds={"duckdb"},
        owners=OWNERS,
        code_version=version,
        metadata=source_link(database),
        check_specs=[
            dg.AssetCheckSpec(
                f"{name}{COMPLETE}", asset=DATABASE, description=f"All tables of the stage {name} are there."
            )
            for name in stages
        ],
    )
    def hnbc_database(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """The published database: every table with its comments, lineage, raw files, check results, dictionary.

        Built in a temporary file in one transaction, then renamed over the old one; readers are never disturbed. It is
        not replaced while a blocking check fails or an outcome belongs to other data than the lake's. If the drugs
        stage failed, its tables are published empty, and a check says so.
        """
        guard(context, study, place)
        node = Node(DATABASE, DATABASE, inputs, version, publishes=True)
        read = {asset: made.data_version for asset, made in ancestry(lake, inputs).items() if made is not None}
        lost = unfit(lake, [one.asset for one in optional])
        fitting = {asset: version for asset, version in read.items() if asset not in lost}
        if results := kept(context, lake, [node], fitting, {DATABASE: [f"{name}{COMPLETE}" for name in stages]}):
            return results[0]
        with attempting(lake, [node], {asset: read[asset] for asset in inputs if asset in read}, context.run_id):
            published = publish(
                lake,
                names,
                {"accepted_releases": _accepted(lake, version, context.run_id)},
                described=described,
                keep=study.database.keep,
                comment=place.watermark or "",
                code_version=version,
                study_hash=study.hash,
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
            check_results=[check_result(outcome) for outcome in published.complete],
        )

    return hnbc_database


def optional_assets(known: Iterable[Node], tables: Mapping[str, type[Table]]) -> tuple[OptionalAsset, ...]:
    """The assets of optional stages, with the tables that are published empty if such a stage failed."""
    return tuple(OptionalAsset(node.asset, node.optional, tables.get(node.asset)) for node in known if node.optional)


def _accepted(lake: Lake, code_version: str, run_id: str) -> tuple[pd.DataFrame, Provenance]:
    """The releases that people accepted."""
    made = decisions(lake, "accept")
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
