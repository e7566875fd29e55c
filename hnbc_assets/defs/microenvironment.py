"""Microenvironment: immune infiltration of every patient, and how it differs with risk.

Belongs here: the assets of this stage, in the order in which data flows. Does not: methods (science/microenvironment).
"""

from __future__ import annotations

import dagster as dg
import pandas as pd

from hnbc_assets.defs.cohorts import expression_keys, included_keys, of_included, patients_keys
from hnbc_assets.defs.genes import gene_set_path, read_sets
from hnbc_assets.defs.publishing import Described, Publication
from hnbc_assets.defs.releases import GENE_SETS
from hnbc_assets.defs.stage import Stage
from hnbc_assets.tables import Confounders, ImmuneAssociations, ImmuneInfiltration, ImmuneMethodUse

Frames = dict[str, pd.DataFrame]


def assets(stage: Stage) -> list[dg.AssetsDefinition]:
    """The microenvironment stage of the study."""
    study = stage.study
    settings, files = study.microenvironment, study.gene_sets(stage.place.simulated)
    mark = "SIMULATED" if stage.place.simulated else None

    @stage.assets(
        [
            Described(
                "immune_infiltration", ImmuneInfiltration, "Scores of cell populations in every included patient."
            ),
            Described("immune_method_use", ImmuneMethodUse, "Which method could be used where, and why not elsewhere."),
        ],
        name="estimate_infiltration",
        inputs={"manifest": GENE_SETS, "expression": expression_keys(study), "included": included_keys(study)},
        settings=settings.model_dump(mode="json"),
    )
    def estimate_infiltration(manifest: pd.DataFrame, expression: Frames, included: Frames) -> dict[str, pd.DataFrame]:
        """ssGSEA and MCP-counter where the scale allows ranks or means within a sample, mean z elsewhere (relative)."""
        from hnbc_assets.science.cohorts.symbols import current_list
        from hnbc_assets.science.microenvironment.infiltration import infiltrate
        from hnbc_assets.sources.gene_sets import read_marker_table

        markers = read_marker_table(gene_set_path(stage, manifest, files["markers"]))
        sets = read_sets(stage, manifest, files["cell_types"]) if "cell_types" in files else markers
        markers = {name: current_list(genes) for name, genes in markers.items()}
        sets = {name: current_list(genes) for name, genes in sets.items()}
        scores, uses = [], []
        for name, cohort in study.cohorts.items():
            scored, used = infiltrate(
                of_included(expression[name], included[name]),
                sets,
                markers,
                cohort.expression_scale,
                min_genes=settings.min_genes,
                min_coverage=settings.min_coverage,
            )
            scores.append(ImmuneInfiltration.conform(scored.assign(cohort_id=name)))
            uses.append(ImmuneMethodUse.conform(used.assign(cohort_id=name)))
        return {
            "immune_infiltration": pd.concat(scores, ignore_index=True),
            "immune_method_use": pd.concat(uses, ignore_index=True),
        }

    @stage.asset(
        Confounders,
        inputs={"manifest": GENE_SETS, "expression": expression_keys(study), "patients": patients_keys(study)},
        settings=settings.model_dump(mode="json"),
    )
    def confounders(manifest: pd.DataFrame, expression: Frames, patients: Frames) -> pd.DataFrame:
        """What adjusted comparisons hold fixed: oestrogen receptor, and a stand-in for purity where there is one."""
        from hnbc_assets.science.cohorts.symbols import current_list
        from hnbc_assets.science.microenvironment.confounders import confounders_of

        sets = read_sets(stage, manifest, files["purity"]) if "purity" in files else {}
        genes = current_list(gene for members in sets.values() for gene in members)
        made = [
            confounders_of(
                patients[name],
                expression[name],
                genes,
                min_genes=settings.min_genes,
                min_coverage=settings.min_coverage,
            ).assign(cohort_id=name)
            for name in study.cohorts
        ]
        return pd.concat([Confounders.conform(m) for m in made], ignore_index=True)

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

    return [estimate_infiltration, confounders, immune_associations]


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
