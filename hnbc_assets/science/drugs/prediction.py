"""Prediction: a cohort's patients under every drug's model, from a screen to rows of the tables.

Belongs here: the order of the steps and what makes a prediction relative. Does not: the steps (screen, homogenise,
ridge).
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from hnbc_assets.science.drugs.homogenise import Method, homogenise
from hnbc_assets.science.drugs.ridge import fit
from hnbc_assets.science.drugs.screen import Screen, arrange

ABSOLUTE_SCALES = frozenset({"log2_tpm", "log2_cpm", "log2_intensity"})


@dataclass(frozen=True)
class Lines:
    """lines: genes × lines, log2; screen: their responses and the drugs."""

    lines: pd.DataFrame
    screen: Screen


@dataclass(frozen=True)
class Prediction:
    """models: rows of drug_models; predictions: rows of drug_sensitivity (both without cohort_id)."""

    models: pd.DataFrame
    predictions: pd.DataFrame


def prepare(dose_response: pd.DataFrame, lines: pd.DataFrame, *, min_lines: int) -> Lines:
    """The screen as a matrix over the lines whose expression is known; see `screen.arrange`.

    Parameters
    ----------
    dose_response : long table of cosmic_id, drug_id, drug_name, ln_ic50 (ln µM)
    lines : genes × lines (columns are cosmic_id as text), log2
    """
    screen = arrange(dose_response, lines.columns, min_lines=min_lines)
    return Lines(lines[list(screen.ln_ic50.index)], screen)


def predict_cohort(
    screened: Lines, patients: pd.DataFrame, *, scale: str, method: Method, drop_low_variance: float
) -> Prediction:
    """Fit every drug on the genes that the lines share with this cohort, and predict its patients.

    Parameters
    ----------
    screened : from `prepare`
    patients : genes × patients
    scale : `expression_scale` of the cohort; on gene-wise scales a prediction is relative only
    method, drop_low_variance : as for `homogenise`
    """
    common = homogenise(screened.lines, patients, method=method, drop_low_variance=drop_low_variance)
    ridge = fit(common.lines, screened.screen.ln_ic50)
    names = screened.screen.drugs.set_index("drug_id").drug_name
    models = ridge.table.assign(drug_name=lambda t: t.drug_id.map(names))
    wide = ridge.predict(common.patients)
    long = wide.rename_axis(index="drug_id", columns="patient_id").stack().rename("ln_ic50_um").reset_index()
    return Prediction(
        models[["drug_id", "drug_name", "n_lines", "n_genes", "penalty", "cv_pearson", "cv_r2", "reason"]],
        long.assign(drug_name=long.drug_id.map(names), relative_only=scale not in ABSOLUTE_SCALES),
    )
