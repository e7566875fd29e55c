"""Drugs: predicted sensitivity of every patient, and how it differs with risk.

In scope: the assets of this stage: the screen, the models of each cohort, and the tables over all cohorts.
Out of scope: models (science/drugs).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from hnbc_assets.defs.checks import drugs as drug_checks
from hnbc_assets.defs.rows import stacked
from hnbc_assets.defs.stage import Build, Check, Described, Stage, cohorts
from hnbc_assets.defs.stages.cohorts import of_included
from hnbc_assets.defs.stages.microenvironment import risk_groups
from hnbc_assets.defs.stages.releases import GDSC
from hnbc_assets.study import Place, Study
from hnbc_assets.tables import CellLines, DrugAssociations, DrugModels, DrugSensitivity, ScreenedDrugs

if TYPE_CHECKING:
    from hnbc_assets.sources.archive.store import Archive

EXPRESSION, RESPONSE, DRUGS = "drug_screen/expression", "drug_screen/ln_ic50", "drug_screen/drugs"

stage = Stage("drugs", optional=True, when=lambda build: build.study.drugs is not None)


@stage.assets(
    Described("cell_lines", CellLines, checks=(Check(drug_checks.lines_matched),)),
    Described(EXPRESSION, description="Expression of the cell lines that the models are fitted on.", exact=True),
    Described(RESPONSE, description="ln IC50 (ln µM): cell lines × drugs, missing where not screened.", exact=True),
    Described(DRUGS, ScreenedDrugs),
    name="read_screen",
    inputs={"manifest": GDSC},
    settings=lambda build: [build.study.drugs.line_expression, build.study.drugs.min_lines],
)
def read_screen(study: Study, archive: Archive, manifest: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """GDSC's dose response and its lines' expression, matched by Sanger model id; genes by current symbol.

    GDSC data are for non-commercial use.
    """
    from hnbc_assets.science.cohorts.expression import current_genes
    from hnbc_assets.science.drugs.prediction import prepare
    from hnbc_assets.sources.gdsc import files as gdsc

    found = gdsc.read(archive, manifest, study.drugs.line_expression)
    made = prepare(found.dose_response, current_genes(found.expression), min_lines=study.drugs.min_lines)
    return {
        "cell_lines": found.lines,
        EXPRESSION: made.expression,
        RESPONSE: made.screen.ln_ic50,
        DRUGS: made.screen.drugs.assign(line_expression=found.kind),
    }


def _models(build: Build) -> dict[str, Any]:
    return build.study.drugs.model_dump(include={"homogenise", "variance_quantile", "min_lines", "min_cv_pearson"})


@stage.assets(
    Described("drug_models/{cohort}", DrugModels),
    Described("drug_sensitivity/{cohort}", DrugSensitivity),
    name="predict_sensitivity_{cohort}",
    each=cohorts,
    inputs={
        "lines": EXPRESSION,
        "ln_ic50": RESPONSE,
        "drugs": DRUGS,
        "expression": "cohorts/{cohort}",
        "included": "included_patients/{cohort}",
    },
    settings=_models,
    large=True,
)
def predict_sensitivity(
    study: Study,
    cohort: str,
    lines: pd.DataFrame,
    ln_ic50: pd.DataFrame,
    drugs: pd.DataFrame,
    expression: pd.DataFrame,
    included: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    """Ridge on GDSC in the manner of oncoPredict, one model per drug on the genes that lines and cohort share.

    GDSC data are for non-commercial use. Predictions are research estimates, not advice on treatment.
    """
    from hnbc_assets.science.drugs.prediction import Training, predict_cohort
    from hnbc_assets.science.drugs.screen import Screen

    settings = study.drugs
    made = predict_cohort(
        Training(Screen(ln_ic50, drugs), lines, settings.min_lines),
        of_included(expression, included),
        method=settings.homogenise,
        drop_low_variance=settings.variance_quantile,
        min_cv_pearson=settings.min_cv_pearson,
    )
    models = made.models.assign(cohort_id=cohort, line_expression=drugs.line_expression.iloc[0])
    return {"drug_models": models, "drug_sensitivity": made.predictions.assign(cohort_id=cohort)}


stage.rows_of_each_cohort(DrugModels, DrugSensitivity)


def draw_drug_associations(
    drug_sensitivity: pd.DataFrame,
    risk_scores: pd.DataFrame,
    drug_associations: pd.DataFrame,
    study: Study,
    place: Place,
) -> bytes:
    """Box plots of the drugs that differ most in the training cohort."""
    from hnbc_assets.report.figures.comparisons import drug_boxplots

    return drug_boxplots(
        drug_sensitivity,
        risk_scores,
        drug_associations,
        cohort_id=study.training,
        training=study.training,
        watermark=place.watermark,
    )


@stage.asset(DrugAssociations, figure=draw_drug_associations)
def drug_associations(
    drug_sensitivity: pd.DataFrame, drug_models: pd.DataFrame, risk_scores: pd.DataFrame, confounders: pd.DataFrame
) -> pd.DataFrame:
    """Predicted ln IC50 between high and low risk: Mann–Whitney, rank-biserial effect, BH over the cohort's drugs.

    Only drugs whose model predicts left-out cell lines well enough by the study's rule (drug_models.compared). A second
    comparison is adjusted for the cohort's confounders and for general drug sensitivity.
    """
    from hnbc_assets.science.drugs.association import associate_compared
    from hnbc_assets.science.microenvironment.confounders import covariates

    groups, rows = risk_groups(risk_scores), []
    for name, predicted in drug_sensitivity.groupby("cohort_id", sort=False):
        if name in groups:
            models = drug_models[drug_models.cohort_id == name]
            compared = associate_compared(predicted, models, groups[name], covariates(confounders, name))
            rows.append(compared.assign(cohort_id=name).reindex(columns=list(DrugAssociations.columns)))
    return stacked(rows, DrugAssociations)
