"""Microenvironment: immune infiltration of every patient, and how it differs with risk.

In scope: the assets of this stage: those of each cohort, and the tables over all cohorts. Out of scope: methods
(science/microenvironment).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from hnbc_assets.defs.rows import Frames, stacked
from hnbc_assets.defs.stage import Build, Described, Stage, cohorts
from hnbc_assets.defs.stages.cohorts import of_included
from hnbc_assets.defs.stages.genes import gene_set_path, read_sets
from hnbc_assets.defs.stages.releases import GENE_SETS
from hnbc_assets.study import Place, Study
from hnbc_assets.tables import Confounders, ImmuneAssociations, ImmuneInfiltration, ImmuneMethodUse

if TYPE_CHECKING:
    from hnbc_assets.sources.archive.store import Archive

stage = Stage("microenvironment")


def _methods(build: Build) -> list[Any]:
    scale = build.study.cohorts[build.cohort].expression_scale
    return [build.study.microenvironment.model_dump(mode="json"), scale]


@stage.assets(
    Described("immune_infiltration/{cohort}", ImmuneInfiltration),
    Described("immune_method_use/{cohort}", ImmuneMethodUse),
    name="estimate_infiltration_{cohort}",
    each=cohorts,
    inputs={"manifest": GENE_SETS, "expression": "cohorts/{cohort}", "included": "included_patients/{cohort}"},
    settings=_methods,
)
def estimate_infiltration(
    study: Study,
    place: Place,
    archive: Archive,
    cohort: str,
    manifest: pd.DataFrame,
    expression: pd.DataFrame,
    included: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    """ssGSEA and MCP-counter where the scale allows ranks or means within a sample, mean z elsewhere (relative)."""
    from hnbc_assets.science.cohorts.symbols import current_list
    from hnbc_assets.science.microenvironment.infiltration import infiltrate
    from hnbc_assets.sources.gene_sets.files import read_marker_table

    settings, files = study.microenvironment, study.gene_sets(place.simulated)
    markers = read_marker_table(gene_set_path(archive, manifest, files["markers"]))
    sets = read_sets(archive, manifest, files["cell_types"]) if "cell_types" in files else markers
    scores, uses = infiltrate(
        of_included(expression, included),
        {population: current_list(genes) for population, genes in sets.items()},
        {population: current_list(genes) for population, genes in markers.items()},
        study.cohorts[cohort].expression_scale,
        min_genes=settings.min_genes,
        min_coverage=settings.min_coverage,
    )
    return {
        "immune_infiltration": scores.assign(cohort_id=cohort),
        "immune_method_use": uses.assign(cohort_id=cohort),
    }


@stage.asset(
    Described("confounders/{cohort}", Confounders),
    name="confounders_{cohort}",
    each=cohorts,
    inputs={"manifest": GENE_SETS, "expression": "cohorts/{cohort}", "patients": "patients/{cohort}"},
    settings=lambda build: build.study.microenvironment.model_dump(mode="json"),
)
def find_confounders(
    study: Study,
    place: Place,
    archive: Archive,
    cohort: str,
    manifest: pd.DataFrame,
    expression: pd.DataFrame,
    patients: pd.DataFrame,
) -> pd.DataFrame:
    """Oestrogen receptor status from the records; purity as the mean z of the study's purity genes."""
    from hnbc_assets.science.cohorts.symbols import current_list
    from hnbc_assets.science.microenvironment.confounders import confounders_of

    settings, files = study.microenvironment, study.gene_sets(place.simulated)
    sets = read_sets(archive, manifest, files["purity"]) if "purity" in files else {}
    genes = current_list(gene for members in sets.values() for gene in members)
    made = confounders_of(patients, expression, genes, min_genes=settings.min_genes, min_coverage=settings.min_coverage)
    return made.assign(cohort_id=cohort)


stage.rows_of_each_cohort(ImmuneInfiltration, ImmuneMethodUse, Confounders)


def draw_immune_associations(
    immune_infiltration: pd.DataFrame,
    risk_scores: pd.DataFrame,
    immune_associations: pd.DataFrame,
    study: Study,
    place: Place,
) -> bytes:
    """Box plots of the populations that differ most in the training cohort."""
    from hnbc_assets.report.figures.comparisons import immune_boxplots

    return immune_boxplots(
        immune_infiltration,
        risk_scores,
        immune_associations,
        cohort_id=study.training,
        training=study.training,
        watermark=place.watermark,
    )


@stage.asset(ImmuneAssociations, figure=draw_immune_associations)
def immune_associations(
    immune_infiltration: pd.DataFrame, risk_scores: pd.DataFrame, confounders: pd.DataFrame
) -> pd.DataFrame:
    """Cell populations between high and low risk: Mann–Whitney, rank-biserial effect, BH per method and cohort.

    A second comparison is adjusted for the cohort's confounders: oestrogen receptor, and purity where known.
    """
    from hnbc_assets.science.group_comparison import compare_groups
    from hnbc_assets.science.microenvironment.confounders import covariates

    groups, rows = risk_groups(risk_scores), []
    for (name, method), scored in immune_infiltration.groupby(["cohort_id", "method"], sort=False):
        if name in groups:
            wide = scored.pivot(index="cell_type", columns="patient_id", values="score")
            compared = compare_groups(wide, groups[name], covariates=covariates(confounders, name))
            named = compared.rename(columns={"feature": "cell_type"}).assign(cohort_id=name, method=method)
            rows.append(named[[column for column in ImmuneAssociations.columns if column in named]])
    return stacked(rows, ImmuneAssociations)


def risk_groups(risk_scores: pd.DataFrame) -> Frames:
    """Risk group by patient of every cohort that has groups."""
    grouped = risk_scores.dropna(subset=["risk_group"])
    return {name: rows.set_index("patient_id").risk_group for name, rows in grouped.groupby("cohort_id", sort=False)}
