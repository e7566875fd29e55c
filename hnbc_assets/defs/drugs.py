"""Drugs: predicted sensitivity of every patient, and how it differs with risk.

Belongs here: the assets of this stage, in the order in which data flows. Does not: models (science/drugs).
"""

from __future__ import annotations

import dagster as dg
import pandas as pd

from hnbc_assets.defs.cohorts import expression_keys, included_keys, of_included
from hnbc_assets.defs.drug_checks import lines_matched
from hnbc_assets.defs.microenvironment import risk_groups
from hnbc_assets.defs.publishing import Described, Publication
from hnbc_assets.defs.releases import GDSC
from hnbc_assets.defs.resources import open_archive
from hnbc_assets.defs.stage import Stage
from hnbc_assets.tables import CellLines, DrugAssociations, DrugModels, DrugSensitivity

Frames = dict[str, pd.DataFrame]


def assets(stage: Stage) -> list[dg.AssetsDefinition]:
    """The drugs stage of the study."""
    study = stage.study
    settings = study.drugs
    mark = "SIMULATED" if stage.place.simulated else None

    @stage.assets(
        [
            Described(
                "cell_lines",
                CellLines,
                "GDSC's cell lines: which ones the models are fitted on, and why the others are not used.",
                checks=(lines_matched(),),
            ),
            Described("drug_models", DrugModels, "Ridge models of ln IC50 on cell lines, with cross-validated r."),
            Described(
                "drug_sensitivity", DrugSensitivity, "Predicted ln IC50 of every drug in every included patient."
            ),
        ],
        name="predict_sensitivity",
        inputs={"manifest": GDSC, "expression": expression_keys(study), "included": included_keys(study)},
        settings=settings.model_dump(),
    )
    def predict_sensitivity(
        manifest: pd.DataFrame, expression: Frames, included: Frames
    ) -> dict[str, Publication | pd.DataFrame]:
        """Ridge on GDSC in the manner of oncoPredict, one model a drug on the genes that lines and cohort share.

        Lines of the screen and of the expression are matched by Sanger model id; cell_lines says of each whether it
        is used.
        GDSC data are for non-commercial use. Predictions are research estimates, not advice on treatment.
        """
        from hnbc_assets.science.cohorts.expression import current_genes
        from hnbc_assets.science.drugs.prediction import predict_cohort, prepare
        from hnbc_assets.sources import gdsc

        archive = open_archive(stage.place)
        found = gdsc.read(archive, manifest, settings.line_expression)
        screen = prepare(found.dose_response, current_genes(found.expression), min_lines=settings.min_lines)
        models, predictions = [], []
        for name in study.cohorts:
            made = predict_cohort(
                screen,
                of_included(expression[name], included[name]),
                method=settings.homogenise,
                drop_low_variance=settings.variance_quantile,
                min_cv_pearson=settings.min_cv_pearson,
            )
            models.append(DrugModels.conform(made.models.assign(cohort_id=name, line_expression=found.kind)))
            predictions.append(DrugSensitivity.conform(made.predictions.assign(cohort_id=name)))
        return {
            "cell_lines": found.lines,
            "drug_models": pd.concat(models, ignore_index=True),
            "drug_sensitivity": pd.concat(predictions, ignore_index=True),
        }

    @stage.asset(DrugAssociations)
    def drug_associations(
        drug_sensitivity: pd.DataFrame, drug_models: pd.DataFrame, risk_scores: pd.DataFrame, confounders: pd.DataFrame
    ) -> Publication:
        """Predicted ln IC50 between high and low risk: Mann–Whitney, rank-biserial effect, BH over the cohort's drugs.

        Only drugs whose model predicts left-out cell lines well enough by the study's rule (drug_models.compared).
        Beside it the comparison adjusted for the cohort's confounders and for general drug sensitivity.
        """
        from hnbc_assets.report import figures
        from hnbc_assets.science.drugs.association import associate_compared
        from hnbc_assets.science.microenvironment.confounders import covariates

        groups, rows = risk_groups(risk_scores), []
        for name, predicted in drug_sensitivity.groupby("cohort_id", sort=False):
            if name in groups:
                models = drug_models[drug_models.cohort_id == name]
                compared = associate_compared(predicted, models, groups[name], covariates(confounders, name))
                rows.append(compared.assign(cohort_id=name).reindex(columns=list(DrugAssociations.columns)))
        table = (
            pd.concat([DrugAssociations.conform(r) for r in rows], ignore_index=True)
            if rows
            else DrugAssociations.empty()
        )
        figure = figures.drug_boxplots(
            drug_sensitivity, risk_scores, table, cohort_id=study.training, training=study.training, watermark=mark
        )
        return Publication(table, figure)

    return [predict_sensitivity, drug_associations]
