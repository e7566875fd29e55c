"""Releases: the files of every upstream that the study names, fetched into the archive; one asset an upstream.

Belongs here: the `raw/…` assets, whose table is the manifest of what was fetched. Does not: formats and network
(sources), what the files mean (cohorts.py, genes.py, drugs.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import dagster as dg
import pandas as pd

from hnbc_assets.defs import ingest_checks
from hnbc_assets.defs.publishing import Check, Publication
from hnbc_assets.defs.resources import open_archive, open_archive_to_fetch, open_client
from hnbc_assets.defs.stage import Stage
from hnbc_assets.sources import cbioportal, gdc, gdsc, gene_sets, geo, user_table
from hnbc_assets.sources.progress import ConsoleProgress
from hnbc_assets.study import Study
from hnbc_assets.study_sources import CbioportalSource, GdcSource, GeoSource, LocalOrRemote, TableSource
from hnbc_assets.tables import Manifest

GENE_SETS = "raw/gene_sets"
GDSC = "raw/gdsc"
VERSIONED_ON = ("source", "release", "file_id", "sha256")
Fetch = Callable[..., pd.DataFrame]


def raw_key(cohort_id: str, source: GeoSource | GdcSource | CbioportalSource | TableSource) -> str:
    """The raw asset that holds a cohort's files; cohorts cut from one series share it."""
    if isinstance(source, GeoSource):
        return f"raw/geo/{source.series}"
    if isinstance(source, GdcSource):
        return f"raw/gdc/{source.project}"
    if isinstance(source, CbioportalSource):
        return f"raw/cbioportal/{source.study}"
    return f"raw/table/{cohort_id}"


def gene_set_files(study: Study, simulated: bool) -> dict[str, LocalOrRemote]:
    """Every gene-set file that the study needs, by what it is for."""
    named = study.gene_sets(simulated)
    for position, genes in enumerate(study.anoikis_genes):
        named[f"anoikis_{position}"] = genes.gmt or genes.genecards
    for position, collection in enumerate(study.enrichment.collections.values()):
        named[f"collection_{position}"] = collection
    return named


def assets(stage: Stage) -> list[dg.AssetsDefinition]:
    """The raw assets of the study."""
    study = stage.study
    made = {}
    for cohort_id, cohort in study.cohorts.items():
        key = raw_key(cohort_id, cohort.source)
        if key not in made:
            made[key] = _raw(stage, key, *_cohort_fetch(cohort_id, cohort.source, study))
    files = gene_set_files(study, stage.place.simulated)
    made[GENE_SETS] = _raw(
        stage, GENE_SETS, "The gene sets and marker lists that the study names.", _gene_sets(study, files)
    )
    if study.drugs:
        made[GDSC] = _raw(
            stage,
            GDSC,
            f"GDSC release {study.drugs.release}: dose response and expression of cell lines. Non-commercial use.",
            lambda client, archive, progress: gdsc.fetch(client, archive, study.drugs.release, progress=progress),
        )
    return list(made.values())


def _raw(stage: Stage, key: str, description: str, fetch: Fetch) -> dg.AssetsDefinition:
    def raw() -> Publication:
        with open_client(stage.place, stage.study) as client:
            manifest = fetch(client, open_archive_to_fetch(stage.place, stage.study), ConsoleProgress(key))
        return Publication(
            manifest,
            versioned_on=VERSIONED_ON,
            metadata={"files": len(manifest), "bytes": int(manifest.size_bytes.sum()), **_releases(manifest)},
        )

    raw.__doc__ = description
    return stage.asset(Manifest, key=key, settings=_settings(stage, key), checks=_checks(stage, key), kinds=("file",))(
        raw
    )


def _checks(stage: Stage, key: str) -> tuple[Check, ...]:
    """Bytes are verified everywhere; hosts that number their releases are compared with the one before."""
    archive = open_archive(stage.place)
    verified = (ingest_checks.archive_verified(archive),)
    if key.startswith("raw/gdc/"):
        return (*verified, ingest_checks.warnings_empty(archive), ingest_checks.compared_with_previous_release(archive))
    if key == GENE_SETS or key.startswith("raw/table/"):
        return verified
    return (*verified, ingest_checks.compared_with_previous_release(archive))


def _releases(manifest: pd.DataFrame) -> Mapping[str, str]:
    return {"release": ", ".join(sorted(set(manifest.release)))}


def _settings(stage: Stage, key: str) -> object:
    """The settings that decide what a raw asset fetches."""
    study = stage.study
    if key == GENE_SETS:
        return {n: f.model_dump(mode="json") for n, f in gene_set_files(study, stage.place.simulated).items()}
    if key == GDSC:
        return study.drugs.release if study.drugs else None
    return [c.source.model_dump(mode="json") for i, c in study.cohorts.items() if raw_key(i, c.source) == key]


def _cohort_fetch(
    cohort_id: str, source: GeoSource | GdcSource | CbioportalSource | TableSource, study: Study
) -> tuple[str, Fetch]:
    """A raw asset's description, and the function that fetches its files."""
    if isinstance(source, GeoSource):
        return (
            f"GEO series {source.series} (series matrix) and the annotation of platform {source.platform}.",
            lambda client, archive, progress: geo.fetch(
                client, archive, source.series, source.platform, progress=progress
            ),
        )
    if isinstance(source, GdcSource):
        return (
            f"GDC project {source.project}: STAR counts, clinical records, masked somatic mutations (open access).",
            lambda client, archive, progress: gdc.fetch(
                client,
                archive,
                source.project,
                mutations=source.mutations,
                endpoints=source.endpoints,
                progress=progress,
            ),
        )
    if isinstance(source, CbioportalSource):
        return (
            f"cBioPortal study {source.study}: clinical tables and the profile {source.profile}.",
            lambda client, archive, progress: cbioportal.fetch(
                client, archive, source.study, profile=source.profile, mutations=source.mutations, progress=progress
            ),
        )
    return (
        f"The user's own tables of cohort {cohort_id}.",
        lambda client, archive, progress: user_table.fetch(
            archive, cohort_id, source.expression, source.clinical, folder=study.folder
        ),
    )


def _gene_sets(study: Study, files: Mapping[str, LocalOrRemote]) -> Fetch:
    locations = [file.location for file in files.values()]
    return lambda client, archive, progress: gene_sets.fetch(
        client, archive, locations, folder=study.folder, progress=progress
    )
