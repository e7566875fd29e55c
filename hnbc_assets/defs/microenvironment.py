"""Microenvironment: immune infiltration of every patient, and how it differs with risk.

In scope: the assets of this stage: those of each cohort, made by factories, and the tables over all cohorts.
Out of scope: methods (science/microenvironment).
"""

from __future__ import annotations

import dagster as dg
import pandas as pd

from hnbc_assets.defs.cohorts import of_included
from hnbc_assets.defs.genes import gene_set_path, read_sets
from hnbc_assets.defs.per_cohort import over_all
from hnbc_assets.defs.publishing import Described, Publication
from hnbc_assets.defs.releases import GENE_SETS
from hnbc_assets.defs.stage import Stage
from hnbc_assets.tables import Confounders, ImmuneAssociations, ImmuneInfiltration, ImmuneMethodUse

Frames = dict[str, pd.DataFrame]


def assets(stage: Stage) -> list[dg.AssetsDefinition]:
    """The microenvironment stage of the study."""
    study = stage.study
    mark = "SIMULATED" if stage.place.simulated else None

    @stage.asset(ImmuneAssociations)
    def immune_associations(
        immune_infiltration: pd.DataFrame, risk_scores: pd.DataFrame, confounders: pd.DataFrame
    ) -> Publication:
        """Cell populations between high and low risk: Mann–Whitney, rank-biserial effect, BH per method and cohort.

        Beside it the comparison adjusted for the cohort's confounders: oestrogen receptor, and purity where known.
        """
        from hnbc_assets.report import figures
        from hnbc_assets.science.group_comparison import compare_groups
        from hnbc_assets.science.microenvironment.confounders import covariates

        groups, rows = risk_groups(risk_scores), []
        for (name, method), scored in immune_infiltration.groupby(["cohort_id", "method"], sort=False):
            if name in groups:
                wide = scored.pivot(index="cell_type", columns="patient_id", values="score")
                compared = compare_groups(wide, groups[name], covariates=covariates(confounders, name))
                rows.append(compared.rename(columns={"feature": "cell_type"}).assign(cohort_id=name, method=method))
        table = _rows(rows, ImmuneAssociations)
        figure = figures.immune_boxplots(
            immune_infiltration, risk_scores, table, cohort_id=study.training, training=study.training, watermark=mark
        )
        return Publication(table, figure)

    return [
        *(_infiltration(stage, name) for name in study.cohorts),
        *(_confounders(stage, name) for name in study.cohorts),
        over_all(stage, ImmuneInfiltration, "Scores of cell populations in every included patient."),
        over_all(stage, ImmuneMethodUse, "Which method could be used where, and why not elsewhere."),
        over_all(
            stage,
            Confounders,
            "What adjusted comparisons hold fixed: oestrogen receptor, and a stand-in for purity where there is one.",
        ),
        immune_associations,
    ]


def _infiltration(stage: Stage, name: str) -> dg.AssetsDefinition:
    """One cohort's scores of cell populations."""
    settings, scale = stage.study.microenvironment, stage.study.cohorts[name].expression_scale
    files = stage.study.gene_sets(stage.place.simulated)

    @stage.assets(
        [
            Described(
                f"immune_infiltration/{name}",
                ImmuneInfiltration,
                f"Scores of cell populations in every included patient of cohort {name}.",
            ),
            Described(
                f"immune_method_use/{name}",
                ImmuneMethodUse,
                f"Which method could be used in cohort {name}, and why another could not.",
            ),
        ],
        name=f"estimate_infiltration_{name}",
        inputs={"manifest": GENE_SETS, "expression": f"cohorts/{name}", "included": f"included_patients/{name}"},
        settings=[settings.model_dump(mode="json"), scale],
    )
    def estimate_infiltration(
        manifest: pd.DataFrame, expression: pd.DataFrame, included: pd.DataFrame
    ) -> dict[str, pd.DataFrame]:
        """ssGSEA and MCP-counter where the scale allows ranks or means within a sample, mean z elsewhere (relative)."""
        from hnbc_assets.science.cohorts.symbols import current_list
        from hnbc_assets.science.microenvironment.infiltration import infiltrate
        from hnbc_assets.sources.gene_sets import read_marker_table

        markers = read_marker_table(gene_set_path(stage, manifest, files["markers"]))
        sets = read_sets(stage, manifest, files["cell_types"]) if "cell_types" in files else markers
        scores, uses = infiltrate(
            of_included(expression, included),
            {population: current_list(genes) for population, genes in sets.items()},
            {population: current_list(genes) for population, genes in markers.items()},
            scale,
            min_genes=settings.min_genes,
            min_coverage=settings.min_coverage,
        )
        return {
            f"immune_infiltration/{name}": scores.assign(cohort_id=name),
            f"immune_method_use/{name}": uses.assign(cohort_id=name),
        }

    return estimate_infiltration


def _confounders(stage: Stage, name: str) -> dg.AssetsDefinition:
    """What adjusted comparisons hold fixed in one cohort."""
    settings, files = stage.study.microenvironment, stage.study.gene_sets(stage.place.simulated)

    @stage.assets(
        [
            Described(
                f"confounders/{name}",
                Confounders,
                f"What adjusted comparisons hold fixed in cohort {name}: oestrogen receptor, and a stand-in for purity "
                "where there is one.",
            )
        ],
        name=f"confounders_{name}",
        inputs={"manifest": GENE_SETS, "expression": f"cohorts/{name}", "patients": f"patients/{name}"},
        settings=settings.model_dump(mode="json"),
    )
    def find_confounders(
        manifest: pd.DataFrame, expression: pd.DataFrame, patients: pd.DataFrame
    ) -> dict[str, pd.DataFrame]:
        """Oestrogen receptor as the patients have it; purity as the mean z of the study's purity genes."""
        from hnbc_assets.science.cohorts.symbols import current_list
        from hnbc_assets.science.microenvironment.confounders import confounders_of

        sets = read_sets(stage, manifest, files["purity"]) if "purity" in files else {}
        genes = current_list(gene for members in sets.values() for gene in members)
        made = confounders_of(
            patients, expression, genes, min_genes=settings.min_genes, min_coverage=settings.min_coverage
        )
        return {f"confounders/{name}": made.assign(cohort_id=name)}

    return find_confounders


def risk_groups(risk_scores: pd.DataFrame) -> Frames:
    """Risk group by patient of every cohort that has groups."""
    grouped = risk_scores.dropna(subset=["risk_group"])
    return {name: rows.set_index("patient_id").risk_group for name, rows in grouped.groupby("cohort_id", sort=False)}


def _rows(rows: list[pd.DataFrame], table: type) -> pd.DataFrame:
    return (
        pd.concat([table.conform(r[[c for c in table.columns if c in r]]) for r in rows], ignore_index=True)
        if rows
        else table.empty()
    )
