"""A cohort's predicted drug sensitivity, from the screen to the published rows.

In scope: screen, homogenisation and ridge joined for one cohort, and why a cohort or drug has no prediction.
Out of scope: the steps themselves (screen, homogenise, ridge), comparing groups (association).
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from hnbc_assets.science.drugs.homogenise import NoSharedGenes, homogenise
from hnbc_assets.science.drugs.ridge import fit
from hnbc_assets.science.drugs.screen import Screen, arrange
from hnbc_assets.vocabulary import Homogenise

DESCRIBED = ["drug_name", "putative_target", "pathway_name"]
FITTED = ["penalty", "penalty_at_edge", "cv_pearson", "cv_r2", "ln_ic50_min", "ln_ic50_max"]
JUDGED = ["min_cv_pearson", "compared", "reason", "note"]
MODEL_COLUMNS = ["drug_id", *DESCRIBED, "n_lines", "n_genes", *FITTED, *JUDGED]
PREDICTION_COLUMNS = ["patient_id", "drug_id", "drug_name", "ln_ic50_um", "relative_only"]
MIN_PATIENTS = 10
AT_EDGE = "the penalty is at the edge of those tried"


@dataclass(frozen=True)
class Training:
    """What models are fitted on: the screen, and expression (genes × lines) of exactly its lines."""

    screen: Screen
    expression: pd.DataFrame
    min_lines: int


@dataclass(frozen=True)
class CohortPrediction:
    """models: one row per drug (MODEL_COLUMNS); predictions: one row per patient and drug (PREDICTION_COLUMNS)."""

    models: pd.DataFrame
    predictions: pd.DataFrame


def prepare(dose_response: pd.DataFrame, expression: pd.DataFrame, *, min_lines: int) -> Training:
    """Join dose response (see `arrange`) and expression (genes × line ids) of the cell lines.

    Drugs screened in fewer than `min_lines` lines with expression get no model.
    """
    screen = arrange(dose_response, expression.columns, min_lines=min_lines)
    return Training(screen, expression[screen.ln_ic50.index], min_lines)


def predict_cohort(
    training: Training,
    patients: pd.DataFrame,
    *,
    method: Homogenise = Homogenise.STANDARDISE,
    drop_low_variance: float = 0.2,
    min_cv_pearson: float = 0.1,
) -> CohortPrediction:
    """Fit every drug on the genes that lines and this cohort share, and predict its patients.

    Predictions are always `relative_only`: both homogenisation methods scale each gene within the patients, so that a
    patient's prediction depends on the composition of the cohort, on whatever scale its expression is.

    Parameters
    ----------
    patients : genes × patients, any scale on which a gene's patients can be compared
    method, drop_low_variance : see `homogenise`
    min_cv_pearson : a drug with a lower cross-validated correlation is predicted, but marked as not to be compared

    Returns
    -------
    Models of all drugs of the screen; those that could not be fitted have a reason. A cohort of fewer than 10
    patients, or without a shared gene, has that reason in every row and no prediction.
    """
    if patients.shape[1] < MIN_PATIENTS:
        reason = f"{patients.shape[1]} patients with expression: too few to homogenise with cell lines"
        return _none(training, reason, min_cv_pearson)
    try:
        both = homogenise(training.expression, patients, method=method, drop_low_variance=drop_low_variance)
    except NoSharedGenes as error:
        return _none(training, str(error), min_cv_pearson)
    models = fit(both.lines, training.screen.ln_ic50, min_lines=training.min_lines)
    described = training.screen.drugs.set_index("drug_id").reindex(columns=DESCRIBED)
    name = described["drug_name"]
    table = models.table.set_index("drug_id").reindex(name.index)
    left_out = ~training.screen.drugs.set_index("drug_id")["usable"]
    table.loc[left_out, "reason"] = _too_few(training)[left_out]
    table["n_lines"] = training.screen.drugs.set_index("drug_id")["n_lines"]
    table = _judged(table.join(described).assign(n_genes=len(both.lines)).reset_index(), min_cv_pearson)
    predicted = models.predict(both.patients)
    long = predicted.T.rename_axis(index="patient_id", columns="drug_id").stack().rename("ln_ic50_um").reset_index()
    long = long.assign(drug_name=long["drug_id"].map(name), relative_only=True)
    return CohortPrediction(table, long[PREDICTION_COLUMNS])


def _judged(table: pd.DataFrame, min_cv_pearson: float) -> pd.DataFrame:
    """MODEL_COLUMNS: whether each drug is good enough to be compared, and the caveats of its model."""
    table = table.reindex(columns=MODEL_COLUMNS)
    table["min_cv_pearson"], table["compared"] = min_cv_pearson, table["cv_pearson"].astype(float) >= min_cv_pearson
    poor = table["penalty"].notna() & ~table["compared"]
    why = table["cv_pearson"].map(lambda r: f"cross-validated r is not {min_cv_pearson:g} or more but {r:.3f}")
    why = why.where(table["cv_pearson"].notna(), "there is no cross-validated r")
    at_edge = table["penalty_at_edge"].astype("boolean").fillna(False).astype(bool)
    notes = pd.concat([("not compared: " + why).where(poor), pd.Series(AT_EDGE, table.index).where(at_edge)], axis=1)
    table["note"] = notes.apply(lambda row: "; ".join(row.dropna()) or None, axis=1)
    return table


def _none(training: Training, reason: str, min_cv_pearson: float) -> CohortPrediction:
    """Every drug without a model, and why."""
    drugs = training.screen.drugs.reindex(columns=["drug_id", *DESCRIBED, "n_lines"])
    table = _judged(drugs.assign(n_genes=0, reason=reason), min_cv_pearson)
    return CohortPrediction(table, pd.DataFrame(columns=PREDICTION_COLUMNS))


def _too_few(training: Training) -> pd.Series:
    """The reason for each drug that the screen leaves out, by drug."""
    n_lines = training.screen.drugs.set_index("drug_id")["n_lines"]
    return n_lines.map(lambda n: f"screened in {n} lines with expression, fewer than {training.min_lines}")
