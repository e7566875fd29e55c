"""Predicted drug sensitivity between risk groups, with and without a patient's general sensitivity.

In scope: the covariate that stands for sensitivity to drugs at large, and the comparison by group.
Out of scope: the test (science/group_comparison), the predictions (ridge).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hnbc_assets.science.multiple_testing import benjamini_hochberg

GENERAL = "general_sensitivity"


def general_sensitivity(predictions: pd.DataFrame) -> pd.DataFrame:
    """How sensitive a patient is to drugs at large, as seen for each drug from all others.

    Some tumours are more resistant to almost anything; a marker of that looks like a marker of every drug. Geeleher,
    Gamazon, Seoighe, Cox & Huang 2016 (10.1186/s13059-016-1050-9) therefore adjust for the level over unrelated drugs.
    Here that level is the mean of the other drugs' predictions, each standardised over the patients. Leaving out the
    drugs of the same pathway too made the level less like the general one: over 12 simulated worlds of 40 drugs the
    false-discovery proportion of the adjusted comparison rose from .04 to .12.

    What it cannot do: when most drugs truly differ with risk in one direction, that is general sensitivity by this
    definition, and the remaining drugs seem to differ the other way.

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
    general sensitivity (see `general_sensitivity`) to the covariates given. Both false-discovery rates are over drugs.

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

    compared = predictions[[patient for patient in predictions.columns if group.get(patient) in ("high", "low")]]
    result = compare_groups(compared, group, covariates=covariates)
    if len(compared) > 1 and compared.shape[1] > 0:
        level = general_sensitivity(compared)
        adjusted = [
            compare_groups(compared.loc[[drug]], group, covariates=_with_level(covariates, level.loc[drug]))
            for drug in compared.index
        ]
        taken = ["adjusted_effect", "adjusted_p_value", "adjusted_for"]
        result[taken] = pd.concat(adjusted, ignore_index=True)[taken]
        result["adjusted_fdr"] = benjamini_hochberg(result["adjusted_p_value"])
    result = result.rename(columns={"feature": "drug_id"})
    lower = pd.Series(np.where(result["effect"] < 0, "high", "low"), index=result.index)
    result["more_sensitive"] = lower.where(result["effect"].abs() > 0, None)
    return result


def associate_compared(
    predictions: pd.DataFrame, models: pd.DataFrame, group: pd.Series, covariates: pd.DataFrame | None = None
) -> pd.DataFrame:
    """`associate` for one cohort's published predictions, of the drugs whose models are good enough.

    Drugs that are not good enough take no part at all: neither in the false-discovery rates nor in general sensitivity.

    Parameters
    ----------
    predictions : rows of drug_sensitivity (patient_id, drug_id, ln_ic50_um)
    models : rows of drug_models (drug_id, drug_name, cv_pearson, compared)
    group, covariates : see `associate`

    Returns
    -------
    The columns of `associate`, with drug_name and cv_pearson. No drug good enough, no row.
    """
    drugs = models[models["compared"].astype(bool)].set_index("drug_id")
    wide = predictions.pivot(index="drug_id", columns="patient_id", values="ln_ic50_um")
    wide = wide.loc[wide.index.isin(drugs.index)]
    if wide.empty:
        return pd.DataFrame(columns=["drug_id"])
    compared = associate(wide, group, covariates)
    return compared.join(drugs[["drug_name", "cv_pearson"]], on="drug_id")


def _with_level(covariates: pd.DataFrame | None, level: pd.Series) -> pd.DataFrame:
    """The covariates of the patients with one drug's general sensitivity beside them."""
    own = level.rename(GENERAL).to_frame()
    return own if covariates is None else covariates.reindex(own.index).join(own)
