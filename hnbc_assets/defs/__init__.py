"""Defs: thin orchestration. A file a stage, in the order in which data flows.

In scope: assets, checks, jobs and what they need to run. Out of scope: statistics (science), formats (sources),
files (lake), figures (report).
"""

from __future__ import annotations

import dagster as dg

from hnbc_assets.defs import (
    alerts,
    automation,
    changes,
    cohorts,
    database,
    drugs,
    genes,
    looks,
    microenvironment,
    promotion,
    releases,
    retention,
    scores,
    signature,
)
from hnbc_assets.defs.code import Code
from hnbc_assets.defs.stage import CODE, STUDY_TAG, Stage
from hnbc_assets.defs.step import LARGE
from hnbc_assets.defs.upstreams import upstreams
from hnbc_assets.lake.io_manager import LakeIOManager
from hnbc_assets.study import Place, Study

JOB, REFRESH = "study", "refresh"


def build_definitions(study: Study, place: Place | None = None, code: Code = CODE) -> dg.Definitions:
    """Everything Dagster needs for one study in one place; without a place, that of the environment.

    `code` is what the assets' code versions are computed from: that of the package.
    """
    place = place or Place.from_environment()
    study.require_fit(place.upstream)
    with code.in_memory():
        made = _made(study, place, code)
    known = upstreams(study, simulated=place.simulated)
    observed = looks.assets(study, place, known)
    tags = {STUDY_TAG: study.hash}
    look = looks.job(observed, tags)
    assets = [*observed, *automation.automated(list(made.values()), study, place)]
    house, weekly = retention.housekeeping(study, place, assets)
    return dg.Definitions(
        assets=assets,
        jobs=[
            dg.define_asset_job(
                JOB,
                selection=dg.AssetSelection.all(),
                description=f"The whole study: {study.title}.",
                tags=tags,
            ),
            dg.define_asset_job(
                REFRESH,
                selection=dg.AssetSelection.all(),
                description="What a refresh makes: only stale assets.",
                tags=tags,
            ),
            look,
            house,
        ],
        schedules=[automation.schedule(study, look), weekly],
        sensors=[automation.sensor(study), *alerts.sensors(study, place)],
        executor=_executor(study),
        resources={
            "io_manager": LakeIOManager(root=str(place.data_lake), study_hash=study.hash, upstream=place.upstream)
        },
    )


def _made(study: Study, place: Place, code: Code) -> dict[str, dg.AssetsDefinition]:
    """The steps that make assets, by name."""

    def stage(name: str, optional: bool = False) -> Stage:
        return Stage(name, study, place, optional, code)

    results = [
        *cohorts.assets(stage("cohorts")),
        *genes.assets(stage("genes")),
        *signature.assets(stage("signature")),
        *promotion.assets(stage("signature")),
        *scores.assets(stage("signature")),
        *changes.assets(stage("signature")),
        *microenvironment.assets(stage("microenvironment")),
    ]
    if study.drugs:
        results += drugs.assets(stage("drugs", optional=True))
    raw = releases.assets(stage("releases"))
    # What changed between releases is published with the results; manifests are, as raw_files.
    results += [a for a in raw if all(len(key.path) == 1 for key in a.keys)]
    published = database.assets(stage("database"), raw, results)
    return {asset.op.name: asset for asset in [*raw, *results, *published]}


def _executor(study: Study) -> dg.ExecutorDefinition:
    """In-process unless the study asks for processes: kernels are parallel inside, and processes start slowly.

    Steps that need much memory are made one after the other.
    """
    if study.execution.executor == "multiprocess":
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
