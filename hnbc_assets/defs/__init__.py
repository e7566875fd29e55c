"""Defs: thin orchestration. A file a stage, in the order in which data flows.

Belongs here: assets, checks, jobs and what they need to run. Does not: statistics (science), formats (sources),
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
from hnbc_assets.defs.stage import PACKAGE, STUDY_TAG, Stage
from hnbc_assets.defs.step import LARGE
from hnbc_assets.defs.upstreams import upstreams
from hnbc_assets.lake.io_manager import LakeIOManager
from hnbc_assets.study import Place, Study

JOB, REFRESH = "study", "refresh"


def code_of(stage: str, *, simulated: bool) -> tuple[str, ...]:
    """The files and folders whose content is a stage's code version: what decides its results, and nothing else.

    The simulator belongs to what is fetched, and only where it is what answers: mending it makes no real cohort stale.
    """
    readers = modules_in("sources", but=("simulated",))
    report = sorted(path.name for path in (PACKAGE / "report").glob("release*.py"))
    figures = modules_in("report", but=("headline.py", *report))
    fdr, groups = "science/multiple_testing.py", ("science/group_comparison.py", "science/genes/linear_model.py")
    symbols = ("science/cohorts/symbols.py", "science/cohorts/symbol_aliases.tsv")
    gene_sets = ("sources/gene_sets.py", "sources/listing.py", "sources/archived.py")
    gdsc = tuple(f"sources/gdsc{part}.py" for part in ("", "_expression", "_models", "_response"))
    own = {
        "releases": (
            *("defs/ingest_checks.py", "defs/gates.py", "defs/in_use.py", "defs/upstreams.py", "science/cohorts"),
            *(("sources",) if simulated else readers),
            *("tables/database.py", "tables/changes.py"),
        ),
        "cohorts": ("defs/ingest_checks.py", "defs/checks.py", "defs/per_cohort.py", "science/cohorts", *readers),
        "genes": ("defs/checks.py", "science/genes", fdr, *symbols, *gene_sets, *figures),
        "signature": ("defs/checks.py", "defs/cohort_data.py", "science/signature", fdr, *figures),
        "promotion": (
            *("defs/checks.py", "defs/cohort_data.py", "science/signature", fdr, "lake/registry.py"),
            *("defs/per_cohort.py", "tables/signature.py", "tables/changes.py"),
        ),
        "scores": (
            *("defs/checks.py", "defs/cohort_data.py", "science/signature", fdr, "tables/signature.py"),
            *("defs/per_cohort.py", *figures),
        ),
        "changes": ("science/signature/comparison.py", *(f"report/{name}" for name in report), *figures),
        "microenvironment": (
            *("defs/genes.py", "defs/per_cohort.py", "science/microenvironment", *groups, fdr),
            *(*symbols, *gene_sets, *figures),
        ),
        "drugs": (
            *("defs/microenvironment.py", "defs/drug_checks.py", "defs/per_cohort.py", "science/drugs", *groups, fdr),
            *("science/microenvironment/confounders.py", "science/microenvironment/mean_z.py"),
            *("science/cohorts/expression.py", *symbols),
            *(*gdsc, "sources/listing.py", "sources/archived.py", *figures),
        ),
        "database": ("lake", "tables", *(("sources/simulated",) if simulated else ())),
    }
    described = f"tables/{stage}.py"
    return (f"defs/{stage}.py", *own[stage], *((described,) if (PACKAGE / described).is_file() else ()))


def modules_in(folder: str, *, but: tuple[str, ...]) -> tuple[str, ...]:
    """The modules and folders of a folder of the package, without some."""
    found = sorted(p.name for p in (PACKAGE / folder).iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file())
    return tuple(f"{folder}/{name}" for name in found if name not in but)


def build_definitions(study: Study, place: Place | None = None) -> dg.Definitions:
    """Everything Dagster needs for one study in one place; without a place, that of the environment."""
    place = place or Place.from_environment()
    study.require_fit(place.upstream)

    def stage(name: str, group: str | None = None, optional: bool = False) -> Stage:
        return Stage(group or name, study, place, code_of(name, simulated=place.simulated), optional)

    results = [
        *cohorts.assets(stage("cohorts")),
        *genes.assets(stage("genes")),
        *signature.assets(stage("signature")),
        *promotion.assets(stage("promotion", group="signature")),
        *scores.assets(stage("scores", group="signature")),
        *changes.assets(stage("changes", group="signature")),
        *microenvironment.assets(stage("microenvironment")),
    ]
    if study.drugs:
        results += drugs.assets(stage("drugs", optional=True))
    raw = releases.assets(stage("releases"))
    # What changed between releases is published with the results; manifests are, as raw_files.
    results += [a for a in raw if all(len(key.path) == 1 for key in a.keys)]
    published = database.assets(stage("database"), raw, results)
    known = upstreams(study, simulated=place.simulated)
    observed = looks.assets(study, place, known)
    tags = {STUDY_TAG: study.hash}
    look = looks.job(observed, tags)
    made = {asset.op.name: asset for asset in [*raw, *results, *published]}
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
                description="What a refresh makes: only what is behind.",
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
