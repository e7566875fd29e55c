"""Cohorts: from archived files to patients, samples and a harmonised expression matrix of every cohort.

In scope: the assets of this stage: those of each cohort, then the tables over all of them. Out of scope: formats
(sources), rules (science/cohorts).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd

from hnbc_assets.defs.checks import ingest as ingest_checks
from hnbc_assets.defs.checks import results as checks
from hnbc_assets.defs.rows import Frames, stacked
from hnbc_assets.defs.stage import Build, Check, Described, Output, Stage, cohorts
from hnbc_assets.defs.upstreams import raw_key
from hnbc_assets.sources.kinds import source_of
from hnbc_assets.sources.reading import offers
from hnbc_assets.study import Place, Study
from hnbc_assets.tables import (
    ClinicalValues,
    Cohorts,
    GeneMappings,
    IncludedPatients,
    Patients,
    Samples,
    SharedPatients,
)

if TYPE_CHECKING:
    from hnbc_assets.science.cohorts.clinical import Harmonised
    from hnbc_assets.sources.archive.store import Archive
    from hnbc_assets.sources.reading import CohortFiles

stage = Stage("cohorts")


def _reader(build: Build) -> type[CohortFiles]:
    """How the cohort's files are read."""
    return source_of(build.study.cohorts[build.cohort].source.kind).files


def _offers(fact: str) -> Callable[[Build], bool]:
    return lambda build: offers(_reader(build), fact)


def _expression(build: Build) -> str:
    scale = build.study.cohorts[build.cohort].expression_scale
    return f"Expression of cohort {build.cohort}: genes × patients, {scale}, to 6 decimals."


def _raw(build: Build) -> str:
    return raw_key(build.cohort, build.study.cohorts[build.cohort].source)


def _gene_names(build: Build) -> str:
    """The raw asset whose files can name a user's Ensembl ids: a GDC project of the study, else the cohort's own."""
    return _raw(_naming(build))


def _naming(build: Build) -> Build:
    """The first cohort of the study whose files can name Ensembl ids, if this cohort's may need it; else itself."""
    able = (one for one in cohorts(build) if _offers("gene_names")(one))
    return next(able, build) if _reader(build).needs_names else build


@stage.assets(
    Described(
        "cohorts/{cohort}",
        description=_expression,
        checks=(
            # One file per sample, so that gene models can differ; a genome has many genes.
            Check(ingest_checks.gene_model, blocking=True, when=_offers("gene_models")),
            Check(ingest_checks.number_of_genes, when=_offers("n_features")),
            # A user's tables are written by hand, so that their ids can differ.
            Check(ingest_checks.ids_as_written, when=_offers("matched")),
        ),
    ),
    Described("samples/{cohort}", Samples, checks=(Check(checks.one_sample_a_patient, blocking=True),)),
    Described(
        "patients/{cohort}",
        Patients,
        checks=(Check(checks.survival_sane, blocking=True), Check(checks.her2_explained)),
    ),
    Described("included_patients/{cohort}", IncludedPatients),
    Described("gene_mappings/{cohort}", GeneMappings),
    Described(
        "clinical_values/{cohort}",
        ClinicalValues,
        checks=(Check(checks.event_codes_plain), Check(checks.values_plausible)),
    ),
    name="cohort_{cohort}",
    each=cohorts,
    inputs={"manifest": _raw, "gene_manifest": _gene_names},
    settings=lambda build: [
        build.study.cohorts[build.cohort].model_dump(mode="json"),
        build.study.cohorts[build.cohort].source.records,
        build.study.inclusion.model_dump(),
        build.study.signature.min_events,
    ],
    reads=lambda build: [_reader(build), _reader(_naming(build))],
)
def read_cohort(
    study: Study, archive: Archive, cohort: str, manifest: pd.DataFrame, gene_manifest: pd.DataFrame
) -> dict[str, Output | pd.DataFrame]:
    """One primary-tumour sample per patient, genes on a stated scale, HER2 and endpoints by rule."""
    from hnbc_assets.science.cohorts.expression import gene_matrix
    from hnbc_assets.science.cohorts.inclusion import decide_inclusion, require_role
    from hnbc_assets.science.cohorts.samples import choose_samples
    from hnbc_assets.sources.kinds import cohort_files

    settings = study.cohorts[cohort]
    files = cohort_files(archive, manifest, settings.source, gene_manifest)
    samples = choose_samples(files.samples)
    chosen = samples[samples.selected].set_index("sample_id").patient_id
    values, features = files.expression(list(chosen.index))
    genes, mapping = gene_matrix(
        values.rename(columns=chosen),
        features,
        scale=settings.expression_scale,
        collapse=settings.collapse,
        upstream=settings.values,
    )
    clinical = harmonised(study, cohort, files)
    patients = decide_inclusion(clinical.patients, set(genes.columns))
    min_events = study.signature.min_events
    require_role(patients, genes, settings.role, settings.endpoint, cohort_id=cohort, min_events=min_events)
    counts = {"patients": len(patients), "included": int(patients.included.sum()), "genes": len(genes)}
    return {
        "cohorts": Output(genes, metadata=counts),
        "samples": samples.assign(cohort_id=cohort),
        "patients": Output(patients, metadata=counts),
        "included_patients": patients.loc[patients.included, ["cohort_id", "patient_id"]],
        "gene_mappings": mapping.assign(cohort_id=cohort),
        "clinical_values": clinical.values,
    }


stage.rows_of_each_cohort(Patients, Samples, GeneMappings, ClinicalValues)


@stage.asset(
    Cohorts,
    inputs={
        "patients": "patients/*",
        "expression": "cohorts/*",
        "manifests": lambda build: {name: raw_key(name, c.source) for name, c in build.study.cohorts.items()},
    },
    settings=lambda build: {
        name: [c.model_dump(mode="json"), c.source.description] for name, c in build.study.cohorts.items()
    },
)
def describe_cohorts(
    study: Study, place: Place, patients: Frames, expression: Frames, manifests: Frames
) -> pd.DataFrame:
    """What each cohort is, is for, and holds: patients, genes, events, follow-up by reverse Kaplan–Meier."""
    from hnbc_assets.science.cohorts.description import describe_cohort

    label = "SIMULATED " if place.simulated else ""
    rows = [
        describe_cohort(
            patients[name],
            expression[name],
            cohort_id=name,
            source=label + cohort.source.description,
            role=cohort.role,
            release=str(manifests[name].release.iloc[0]),
            expression_scale=cohort.expression_scale,
            endpoint=cohort.endpoint,
            time_origin=cohort.time_origin,
        ).assign(scaled_with=cohort.scaled_with, caution=cohort.caution)
        for name, cohort in study.cohorts.items()
    ]
    return stacked(rows, Cohorts)


@stage.asset(
    SharedPatients,
    inputs={"patients": "patients/*", "expression": "cohorts/*"},
    settings=lambda build: [[name, c.role] for name, c in build.study.cohorts.items()],
    checks=(Check(checks.no_shared_patients),),
)
def shared_patients(study: Study, patients: Frames, expression: Frames) -> pd.DataFrame:
    """Whether two cohorts have patients in common: by id, and by near-identical expression profiles."""
    from hnbc_assets.science.cohorts.independence import shared_patients as compare

    return compare({name: (patients[name], expression[name]) for name in study.cohorts})


def harmonised(study: Study, name: str, files: CohortFiles) -> Harmonised:
    """A cohort's clinical records by the study's rules, before it is decided who is included."""
    from hnbc_assets.science.cohorts.clinical import harmonise_clinical
    from hnbc_assets.science.cohorts.vocabulary import MEANINGS, Mappings

    cohort, inclusion = study.cohorts[name], study.inclusion
    return harmonise_clinical(
        cohort.source.records,
        files.clinical,
        cohort_id=name,
        mappings=Mappings(**{setting: getattr(cohort, setting) for setting in MEANINGS}),
        columns=cohort.columns,
        chemotherapy=cohort.chemotherapy,
        exclude_males=inclusion.exclude_males,
        exclude_stage_iv_from_progression=inclusion.exclude_stage_iv_from_progression,
    )


def of_included(expression: pd.DataFrame, included: pd.DataFrame) -> pd.DataFrame:
    """genes × included patients. A step that reads only who is included is not stale when follow-up changes."""
    wanted = set(included.patient_id)
    return expression[[p for p in expression.columns if p in wanted]]
