"""Defs: thin orchestration. A file a stage, in the order in which data flows.

In scope: assets, checks, jobs and what they need to run. Out of scope: statistics (science), formats (sources),
files (lake), figures (report).
"""

from __future__ import annotations

import dagster as dg

from hnbc_assets.defs.attempting import STUDY_TAG
from hnbc_assets.defs.code.closure import Code
from hnbc_assets.defs.keeping import ONLY_STALE_TAG
from hnbc_assets.defs.operation import alerts, automation, looks, retention
from hnbc_assets.defs.resources import resources_of
from hnbc_assets.defs.stage import CODE, Build
from hnbc_assets.defs.stages import database, every_stage
from hnbc_assets.defs.step import LARGE, definitions
from hnbc_assets.defs.upstreams import upstreams
from hnbc_assets.study import Place, Study
from hnbc_assets.vocabulary import Executor

JOB, REFRESH = "study", "refresh"


def build_definitions(study: Study, place: Place | None = None, code: Code = CODE) -> dg.Definitions:
    """Everything Dagster needs for one study in one place; without a place, that of the environment.

    `code` is what the assets' code versions are computed from: that of the package.
    """
    place = place or Place.from_environment()
    study.require_fit(place.upstream)
    with code.in_memory():
        made = _made(Build(study, place, code))
    known = upstreams(study, simulated=place.simulated)
    observed = looks.assets(study, place, known)
    tags = {STUDY_TAG: study.hash}
    look = looks.job(observed, tags)
    made = automation.with_freshness(made, study)
    assets = [*observed, *made]
    house, weekly = retention.housekeeping(study, place, assets)
    everything = dg.AssetSelection.all()
    whole = dg.define_asset_job(JOB, everything, description=f"The whole study: {study.title}.", tags=tags)
    refresh = dg.define_asset_job(
        REFRESH, everything, description="What is stale in the study.", tags=tags | {ONLY_STALE_TAG: "true"}
    )
    return dg.Definitions(
        assets=assets,
        jobs=[whole, refresh, look, house],
        schedules=[automation.schedule(study, look), weekly],
        sensors=[automation.sensor(study, place, made, refresh, whole), *alerts.sensors(study, place)],
        executor=_executor(study),
        resources=resources_of(study, place),
    )


def _made(build: Build) -> list[dg.AssetsDefinition]:
    """The assets of every stage, and the database of their tables."""
    stages = every_stage()
    made = [asset for stage in stages for asset in definitions(stage, build)]
    tables = [one.table for stage in stages for declared in stage.declared for one in declared.described if one.table]
    return [*made, database.database(build, made, tables)]


def _executor(study: Study) -> dg.ExecutorDefinition:
    """In-process unless the study asks for processes: kernels are parallel inside, and processes start slowly.

    Steps that need much memory are made one after the other.
    """
    if study.execution.executor == Executor.MULTIPROCESS:
        preload = {"forkserver": {"preload_modules": ["hnbc_assets.definitions"]}}
        [(key, value)] = LARGE.items()
        in_turn = [{"key": key, "value": value, "limit": 1}]
        return dg.multiprocess_executor.configured(
            {
                "max_concurrent": study.execution.max_concurrent,
                "start_method": preload,
                "tag_concurrency_limits": in_turn,
            }
        )
    return dg.in_process_executor
