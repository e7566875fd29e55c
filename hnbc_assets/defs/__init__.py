"""Defs: thin orchestration. A file a stage, in the order in which data flows.

Belongs here: assets, checks, jobs and what they need to run. Does not: statistics (science), formats (sources),
files (lake), figures (report).
"""

from __future__ import annotations

import dagster as dg

from hnbc_assets.defs import cohorts, database, drugs, genes, microenvironment, releases, signature
from hnbc_assets.defs.stage import STUDY_TAG, Stage
from hnbc_assets.lake.io_manager import LakeIOManager
from hnbc_assets.study import Place, Study

JOB = "study"


def build_definitions(study: Study, place: Place | None = None) -> dg.Definitions:
    """Everything Dagster needs for one study in one place; without a place, that of the environment."""
    place = place or Place.from_environment()

    def stage(name: str, *modules: str) -> Stage:
        return Stage(name, study, place, modules)

    results = [
        *cohorts.assets(stage("cohorts", "defs/cohorts.py", "science/cohorts", "sources", "tables/cohorts.py")),
        *genes.assets(stage("genes", "defs/genes.py", "science/genes", "tables/genes.py")),
        *signature.assets(stage("signature", "defs/signature.py", "science/signature", "tables/signature.py")),
        *microenvironment.assets(
            stage(
                "microenvironment",
                "defs/microenvironment.py",
                "science/microenvironment",
                "science/group_comparison.py",
                "tables/microenvironment.py",
            )
        ),
    ]
    if study.drugs:
        results += drugs.assets(
            stage("drugs", "defs/drugs.py", "science/drugs", "science/group_comparison.py", "tables/drugs.py")
        )
    raw = releases.assets(stage("releases", "defs/releases.py", "sources"))
    published = database.assets(stage("database", "defs/database.py", "lake", "tables"), raw, results)
    return dg.Definitions(
        assets=[*raw, *results, *published],
        jobs=[
            dg.define_asset_job(
                JOB,
                selection=dg.AssetSelection.all(),
                description=f"The whole study: {study.title}.",
                tags={STUDY_TAG: study.hash},
            )
        ],
        executor=_executor(study),
        resources={
            "io_manager": LakeIOManager(root=str(place.data_lake), study_hash=study.hash, upstream=place.upstream)
        },
    )


def _executor(study: Study) -> dg.ExecutorDefinition:
    """In-process unless the study asks for processes: kernels are parallel inside, and processes start slowly."""
    if study.execution.executor == "multiprocess":
        preload = {"forkserver": {"preload_modules": ["hnbc_assets.definitions"]}}
        return dg.multiprocess_executor.configured(
            {"max_concurrent": study.execution.max_concurrent, "start_method": preload}
        )
    return dg.in_process_executor
