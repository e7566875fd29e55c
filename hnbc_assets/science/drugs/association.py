"""Predicted drug sensitivity between risk groups, with and without a patient's general sensitivity.

In scope: the covariate for sensitivity to drugs in general, and the comparison by group.
Out of scope: the test (science/group_comparison), the predictions (ridge).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hnbc_assets.science.multiple_testing import benjamini_hochberg
from hnbc_assets.vocabulary import RiskGroup

GENERAL = "general_sensitivity"


def general_sensitivity(predictions: pd.DataFrame) -> pd.DataFrame:
    """How sensitive a patient is to drugs in general, for each drug from the predictions of all others.

    Some tumours are more resistant to almost all drugs; a marker of that looks like a marker of every drug. Geeleher,
    Gamazon, Seoighe, Cox & Huang 2016 (10.1186/s13059-016-1050-9) therefore adjust for the level over unrelated drugs.
    Here that level is the mean of the other drugs' predictions, each standardised over the patients. Also leaving out
    the drugs of the same pathway made the level less similar to the general one: over 12 simulated worlds of 40 drugs
    the false-discovery proportion of the adjusted comparison rose from .04 to .12.

    Limitation: when most drugs truly differ with risk in one direction, that is general sensitivity by this
    definition, and the remaining drugs seem to differ in the opposite direction.

    Parameters
    ----------
    predictions : drugs × patients, ln IC50

    Returns
    -------
    drugs × patients, mean of standardised ln IC50: high is resistant. With a single drug, all 0.
    """
    values = predictions.to_numpy(dtype=float)
    spread = values.std(axis=1, keepdims=True)
    centred = values - values.mean(axis=1, keepdims=True)
    z = np.divide(centred, spread, out=np.zeros_like(values), where=spread > 1e-12 * np.abs(values).max(initial=1.0))
    levels = (z.sum(axis=0) - z) / max(len(z) - 1, 1)
    return pd.DataFrame(levels, index=predictions.index, columns=predictions.columns)


def associate(
    predictions: pd.DataFrame,
    group: pd.Series,
    covariates: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Compare predicted ln IC50 between high and low risk, drug by drug.

    The plain comparison is the rank test of `compare_groups`. The adjusted one adds, drug by drug, the patient's
    general sensitivity (see `general_sensitivity`) to the given covariates. Both false-discovery rates are over drugs.

    Parameters
    ----------
    predictions : drugs × patients, ln IC50 (ln µM)
    group : "high" or "low" by patient; patients without a group are left out
    covariates : patients × k, such as ER status; None adjusts for general sensitivity alone

    Returns
    -------
    The columns of `compare_groups`, `feature` named drug_id, and `more_sensitive`: the group with the lower ln IC50.
    """
    from hnbc_assets.science.group_comparison import compare_groups

    compared = predictions[[patient for patient in predictions.columns if group.get(patient) in RiskGroup]]
    result = compare_groups(compared, group, covariates=covariates)
    if len(compared) > 1 and compared.shape[1] > 0:
        level = general_sensitivity(compared)
        adjusted = [
            compare_groups(compared.loc[[drug]], group, covariates=_with_level(covariates, level.loc[drug]))
            for drug in compared.index
        ]
        replaced = ["adjusted_effect", "adjusted_p_value", "adjusted_for"]
        result[replaced] = pd.concat(adjusted, ignore_index=True)[replaced]
        result["adjusted_fdr"] = benjamini_hochberg(result["adjusted_p_value"])
    result = result.rename(columns={"feature": "drug_id"})
    lower = pd.Series(np.where(result["effect"] < 0, RiskGroup.HIGH, RiskGroup.LOW), index=result.index)
    result["more_sensitive"] = lower.where(result["effect"].abs() > 0, None)
    return result


def associate_compared(
    predictions: pd.DataFrame, models: pd.DataFrame, group: pd.Series, covariates: pd.DataFrame | None = None
) -> pd.DataFrame:
    """`associate` for one cohort's published predictions, for the drugs whose models are good enough.

    The other drugs are left out completely: of the false-discovery rates and of general sensitivity.

    Parameters
    ----------
    predictions : rows of drug_sensitivity (patient_id, drug_id, ln_ic50_um)
    models : rows of drug_models (drug_id, drug_name, cv_pearson, compared)
    group, covariates : see `associate`

    Returns
    -------
    The columns of `associate`, with drug_name and cv_pearson. No rows if no model is good enough.
    """
    drugs = models[models["compared"].astype(bool)].set_index("drug_id")
    wide = predictions.pivot(index="drug_id", columns="patient_id", values="ln_ic50_um")
    wide = wide.loc[wide.index.isin(drugs.index)]
    if wide.empty:
        return pd.DataFrame(columns=["drug_id"])
    compared = associate(wide, group, covariates)
    return compared.join(drugs[["drug_name", "cv_pearson"]], on="drug_id")


def _with_level(covariates: pd.DataFrame | None, level: pd.Series) -> pd.DataFrame:
    """The patients' covariates and one drug's general sensitivity."""
    own = level.rename(GENERAL).to_frame()
    return own if covariates is None else covariates.reindex(own.index).join(own)
