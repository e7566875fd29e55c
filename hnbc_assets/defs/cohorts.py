"""Cohorts: from archived files to patients, samples and a harmonised expression matrix of every cohort.

In scope: the assets of this stage, one set a cohort made by a factory, then the tables over all of them. Out of scope:
formats (sources), rules (science/cohorts).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pandas as pd

from hnbc_assets.defs import checks, ingest_checks
from hnbc_assets.defs.per_cohort import over_all
from hnbc_assets.defs.publishing import Check, Described, Publication
from hnbc_assets.defs.resources import open_archive
from hnbc_assets.defs.stage import Stage
from hnbc_assets.defs.upstreams import raw_key
from hnbc_assets.study import Study
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
    from hnbc_assets.sources.archive import Archive
    from hnbc_assets.sources.cohort_files import CohortFiles

Frames = dict[str, pd.DataFrame]


def expression_keys(study: Study) -> dict[str, str]:
    """Cohort to the asset of its expression matrix."""
    return {name: f"cohorts/{name}" for name in study.cohorts}


def patients_keys(study: Study) -> dict[str, str]:
    """Cohort to the asset of its patients."""
    return {name: f"patients/{name}" for name in study.cohorts}


def of_included(expression: pd.DataFrame, included: pd.DataFrame) -> pd.DataFrame:
    """genes × included patients. A step that reads only who is included is not stale when follow-up changes."""
    wanted = set(included.patient_id)
    return expression[[p for p in expression.columns if p in wanted]]


def assets(stage: Stage) -> list[dg.AssetsDefinition]:
    """The cohorts stage of the study."""
    return [*(_cohort(stage, name) for name in stage.study.cohorts), *_over_all(stage)]


def _cohort(stage: Stage, name: str) -> dg.AssetsDefinition:
    """One cohort: its expression, samples, patients and how its genes were made of features."""
    cohort, inclusion = stage.study.cohorts[name], stage.study.inclusion
    min_events = stage.study.signature.min_events
    archive = open_archive(stage.place)  # the step's and its checks': a file that both read is hashed once

    @stage.assets(
        [
            Described(
                f"cohorts/{name}",
                None,
                f"Expression of cohort {name}: genes × patients, {cohort.expression_scale}, to 6 decimals.",
                _expression_checks(stage, name, archive),
            ),
            Described(
                f"samples/{name}",
                Samples,
                f"Expression samples of cohort {name}, and which one stands for a patient.",
                (Check(checks.one_sample_a_patient, blocking=True),),
            ),
            Described(
                f"patients/{name}",
                Patients,
                f"Patients of cohort {name}, harmonised: HER2, endpoints, inclusion.",
                (Check(checks.survival_sane, blocking=True), Check(checks.her2_explained)),
            ),
            Described(
                f"included_patients/{name}", IncludedPatients, f"Patients of cohort {name} that enter the analysis."
            ),
            Described(f"gene_mappings/{name}", GeneMappings, f"How the genes of cohort {name} were made of features."),
            Described(
                f"clinical_values/{name}",
                ClinicalValues,
                f"What the values of cohort {name}'s clinical records were taken for.",
                (Check(checks.event_codes_plain(name)), Check(checks.values_plausible)),
            ),
        ],
        name=f"cohort_{name}",
        inputs={"manifest": raw_key(name, cohort.source), "gene_manifest": _gene_names_from(stage, name)},
        settings=[cohort.model_dump(mode="json"), inclusion.model_dump(), min_events],
    )
    def read_cohort(manifest: pd.DataFrame, gene_manifest: pd.DataFrame) -> dict[str, Publication | pd.DataFrame]:
        """One primary-tumour sample a patient, genes on a stated scale, HER2 and endpoints by rule."""
        from hnbc_assets.science.cohorts.expression import gene_matrix
        from hnbc_assets.science.cohorts.inclusion import decide_inclusion, require_role
        from hnbc_assets.science.cohorts.samples import choose_samples
        from hnbc_assets.sources.cohort_files import CohortFiles

        archive.forget()
        files = CohortFiles(archive, manifest, cohort.source, gene_manifest)
        samples = choose_samples(files.samples)
        chosen = samples[samples.selected].set_index("sample_id").patient_id
        values, features = files.expression(list(chosen.index))
        genes, mapping = gene_matrix(
            values.rename(columns=chosen),
            features,
            scale=cohort.expression_scale,
            collapse=cohort.collapse,
            upstream=cohort.values,
        )
        clinical = harmonised(stage, name, files)
        patients = decide_inclusion(clinical.patients, set(genes.columns))
        require_role(patients, genes, cohort.role, cohort.endpoint, cohort_id=name, min_events=min_events)
        counts = {"patients": len(patients), "included": int(patients.included.sum()), "genes": len(genes)}
        return {
            f"cohorts/{name}": Publication(genes, metadata=counts),
            f"samples/{name}": samples.assign(cohort_id=name),
            f"patients/{name}": Publication(patients, metadata=counts),
            f"included_patients/{name}": patients.loc[patients.included, ["cohort_id", "patient_id"]],
            f"gene_mappings/{name}": mapping.assign(cohort_id=name),
            f"clinical_values/{name}": clinical.values,
        }

    return read_cohort


def harmonised(stage: Stage, name: str, files: CohortFiles) -> Harmonised:
    """A cohort's clinical records by the study's rules, before it is decided who is included."""
    from hnbc_assets.science.cohorts.clinical import harmonise_clinical
    from hnbc_assets.science.cohorts.vocabulary import MEANINGS, Mappings

    cohort, inclusion = stage.study.cohorts[name], stage.study.inclusion
    return harmonise_clinical(
        cohort.source.kind,
        files.clinical,
        cohort_id=name,
        mappings=Mappings(**{setting: getattr(cohort, setting) for setting in MEANINGS}),
        columns=cohort.columns,
        chemotherapy=cohort.chemotherapy,
        exclude_males=inclusion.exclude_males,
        exclude_stage_iv_from_progression=inclusion.exclude_stage_iv_from_progression,
    )


def _gene_names_from(stage: Stage, name: str) -> str:
    """The raw asset whose files can name a user's Ensembl ids: a GDC project of the study, else the cohort's own."""
    cohorts = stage.study.cohorts
    if cohorts[name].source.kind == "table":
        for other, cohort in cohorts.items():
            if cohort.source.kind == "gdc":
                return raw_key(other, cohort.source)
    return raw_key(name, cohorts[name].source)


def _expression_checks(stage: Stage, name: str, archive: Archive) -> tuple[Check, ...]:
    """The GDC has one file per sample, so that gene models can differ; a genome has many genes. A user's tables are
    written by hand, so that their ids can differ.
    """
    if stage.study.cohorts[name].source.kind == "table":
        return (ingest_checks.ids_match(archive),)
    if stage.study.cohorts[name].source.kind != "gdc":
        return ()
    least = 0 if stage.place.simulated else ingest_checks.GENES_OF_A_GENOME
    return (
        ingest_checks.one_gene_model(archive),
        ingest_checks.expected_genes(archive, at_least=least),
    )


def _over_all(stage: Stage) -> list[dg.AssetsDefinition]:
    """The tables over all cohorts."""
    study = stage.study
    stacked = {
        Patients: "Every patient of every cohort: every clinical record, with or without expression.",
        Samples: "Every expression sample, whether it stands for its patient, by which rule, and the raw file it is "
        "in.",
        GeneMappings: "How each cohort's genes were made of the upstream's probes or rows, and what was dropped.",
        ClinicalValues: "What each value of the cohorts' clinical records was taken for, how often it occurs, and by "
        "what rule.",
    }

    @stage.asset(
        Cohorts,
        inputs={
            "patients": patients_keys(study),
            "expression": expression_keys(study),
            "manifests": {name: raw_key(name, c.source) for name, c in study.cohorts.items()},
        },
        settings={name: c.model_dump(mode="json") for name, c in study.cohorts.items()},
    )
    def cohorts(patients: Frames, expression: Frames, manifests: Frames) -> pd.DataFrame:
        """What each cohort is, is for, and holds: patients, genes, events, follow-up by reverse Kaplan–Meier."""
        from hnbc_assets.science.cohorts.description import describe_cohort
        from hnbc_assets.sources.cohort_files import describe

        label = "SIMULATED " if stage.place.simulated else ""
        rows = [
            describe_cohort(
                patients[name],
                expression[name],
                cohort_id=name,
                source=label + describe(cohort.source),
                role=cohort.role,
                release=str(manifests[name].release.iloc[0]),
                expression_scale=cohort.expression_scale,
                endpoint=cohort.endpoint,
                time_origin=cohort.time_origin,
            ).assign(scaled_with=cohort.scaled_with, caution=cohort.caution)
            for name, cohort in study.cohorts.items()
        ]
        return pd.concat([Cohorts.conform(row) for row in rows], ignore_index=True)

    @stage.asset(
        SharedPatients,
        inputs={"patients": patients_keys(study), "expression": expression_keys(study)},
        settings=[[name, c.role] for name, c in study.cohorts.items()],
        checks=(checks.cohorts_disjoint({name: c.role for name, c in study.cohorts.items()}),),
    )
    def shared_patients(patients: Frames, expression: Frames) -> pd.DataFrame:
        """Whether two cohorts have patients in common: by id, and by near-identical expression profiles."""
        from hnbc_assets.science.cohorts.independence import shared_patients as compare

        return compare({name: (patients[name], expression[name]) for name in study.cohorts})

    return [*(over_all(stage, table, text) for table, text in stacked.items()), cohorts, shared_patients]
