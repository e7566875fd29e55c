"""Drugs: predicted sensitivity of every patient, and how it differs with risk.

In scope: the assets of this stage: the screen, the models of each cohort, made by a factory, and the tables over
all cohorts. Out of scope: models (science/drugs).
"""

from __future__ import annotations

import dagster as dg
import pandas as pd

from hnbc_assets.defs.cohorts import of_included
from hnbc_assets.defs.drug_checks import lines_matched
from hnbc_assets.defs.microenvironment import risk_groups
from hnbc_assets.defs.per_cohort import over_all
from hnbc_assets.defs.publishing import Described, Publication
from hnbc_assets.defs.releases import GDSC
from hnbc_assets.defs.resources import open_archive
from hnbc_assets.defs.stage import Stage
from hnbc_assets.tables import CellLines, DrugAssociations, DrugModels, DrugSensitivity, ScreenedDrugs

EXPRESSION, RESPONSE, DRUGS = "drug_screen/expression", "drug_screen/ln_ic50", "drug_screen/drugs"


def assets(stage: Stage) -> list[dg.AssetsDefinition]:
    """The drugs stage of the study."""
    study = stage.study
    mark = "SIMULATED" if stage.place.simulated else None

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

    return [
        _screen(stage),
        *(_sensitivity(stage, name) for name in study.cohorts),
        over_all(stage, DrugModels, "Ridge models of ln IC50 on cell lines, with cross-validated r."),
        over_all(stage, DrugSensitivity, "Predicted ln IC50 of every drug in every included patient."),
        drug_associations,
    ]


def _screen(stage: Stage) -> dg.AssetsDefinition:
    """The screen, read and arranged once for all cohorts."""
    settings = stage.study.drugs

    @stage.assets(
        [
            Described(
                "cell_lines",
                CellLines,
                "GDSC's cell lines: which ones the models are fitted on, and why the others are not used.",
                checks=(lines_matched(),),
            ),
            Described(EXPRESSION, None, "Expression of the cell lines that the models are fitted on.", exact=True),
            Described(RESPONSE, None, "ln IC50 (ln µM): cell lines × drugs, missing where not screened.", exact=True),
            Described(DRUGS, ScreenedDrugs, "The screen's drugs, and which of them get a model."),
        ],
        name="read_screen",
        inputs={"manifest": GDSC},
        settings=[settings.line_expression, settings.min_lines],
    )
    def read_screen(manifest: pd.DataFrame) -> dict[str, pd.DataFrame]:
        """GDSC's dose response and its lines' expression, matched by Sanger model id; genes by current symbol.

        GDSC data are for non-commercial use.
        """
        from hnbc_assets.science.cohorts.expression import current_genes
        from hnbc_assets.science.drugs.prediction import prepare
        from hnbc_assets.sources import gdsc

        found = gdsc.read(open_archive(stage.place), manifest, settings.line_expression)
        made = prepare(found.dose_response, current_genes(found.expression), min_lines=settings.min_lines)
        return {
            "cell_lines": found.lines,
            EXPRESSION: made.expression,
            RESPONSE: made.screen.ln_ic50,
            DRUGS: made.screen.drugs.assign(line_expression=found.kind),
        }

    return read_screen


def _sensitivity(stage: Stage, name: str) -> dg.AssetsDefinition:
    """Models on the genes of one cohort, and what they predict for its patients."""
    settings = stage.study.drugs

    @stage.assets(
        [
            Described(
                f"drug_models/{name}",
                DrugModels,
                f"Ridge models of ln IC50 on the genes that cell lines and cohort {name} share.",
            ),
            Described(
                f"drug_sensitivity/{name}",
                DrugSensitivity,
                f"Predicted ln IC50 of every drug in every included patient of cohort {name}.",
            ),
        ],
        name=f"predict_sensitivity_{name}",
        inputs={
            "lines": EXPRESSION,
            "ln_ic50": RESPONSE,
            "drugs": DRUGS,
            "expression": f"cohorts/{name}",
            "included": f"included_patients/{name}",
        },
        settings=settings.model_dump(include={"homogenise", "variance_quantile", "min_lines", "min_cv_pearson"}),
        large=True,
    )
    def predict_sensitivity(
        lines: pd.DataFrame,
        ln_ic50: pd.DataFrame,
        drugs: pd.DataFrame,
        expression: pd.DataFrame,
        included: pd.DataFrame,
    ) -> dict[str, pd.DataFrame]:
        """Ridge on GDSC in the manner of oncoPredict, one model a drug on the genes that lines and cohort share.

        GDSC data are for non-commercial use. Predictions are research estimates, not advice on treatment.
        """
        from hnbc_assets.science.drugs.prediction import Training, predict_cohort
        from hnbc_assets.science.drugs.screen import Screen

        made = predict_cohort(
            Training(Screen(ln_ic50, drugs), lines, settings.min_lines),
            of_included(expression, included),
            method=settings.homogenise,
            drop_low_variance=settings.variance_quantile,
            min_cv_pearson=settings.min_cv_pearson,
        )
        models = made.models.assign(cohort_id=name, line_expression=drugs.line_expression.iloc[0])
        return {f"drug_models/{name}": models, f"drug_sensitivity/{name}": made.predictions.assign(cohort_id=name)}

    return predict_sensitivity
