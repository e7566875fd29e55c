"""Scores: a frozen signature applied to patients, relative to their cohort or each patient alone.

In scope: the signature's table and identity, both forms of the score, risk groups. Out of scope: fitting coefficients
(lasso), training the single-sample form (single_sample), the evaluation of scores (performance).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from hnbc_assets.digits import DIGITS, rounded, rounded_score, rounded_signed
from hnbc_assets.science.signature.concordance import direction_concordance
from hnbc_assets.science.signature.lasso import LassoPath

MINIMUM_COVERAGE = 0.8
MINIMUM_PATIENTS = 30
SIGNATURE_TYPES = {
    "signature_id": object,
    "gene": object,
    "coefficient": float,
    "mean": float,
    "sd": float,
    "selection_frequency": float,
    "direction_concordant": "boolean",
}


@dataclass(frozen=True)
class Score:
    """A signature's scores in a cohort.

    `values` are by patient, rounded as published, missing where a patient lacks a gene's value or no score can be
    given. `coverage` is the share of the coefficients' absolute sum that belongs to the cohort's genes, `missing` the
    genes that it lacks. `reason` says why there are no scores, or no groups and no performance; it is null otherwise.
    """

    values: pd.Series
    form: str
    coverage: float
    missing: tuple[str, ...]
    reason: str | None


def rank_normalise(expression: pd.DataFrame) -> pd.DataFrame:
    """Each gene's values replaced by normal scores of their ranks (van der Waerden; Blom's offsets), ties averaged.

    For training cohorts given as z-scores, whose tails depend on a reference population that is not known.

    Parameters
    ----------
    expression : genes × patients; missing values stay missing and are not ranked

    Returns
    -------
    genes × patients, in standard normal deviates; a gene without variance is 0 throughout.
    """
    ranks = expression.rank(axis=1, method="average")
    counted = expression.notna().sum(axis=1).to_numpy()[:, None]
    scores = ndtri((ranks.to_numpy() - 0.375) / (counted + 0.25))
    return pd.DataFrame(scores, index=expression.index, columns=expression.columns)


def standardisation(expression: pd.DataFrame, genes: Iterable[str]) -> pd.DataFrame:
    """Mean and standard deviation (n - 1) of each gene over the given patients, rounded as published.

    Parameters
    ----------
    expression : genes × patients

    Returns
    -------
    gene, mean, sd, in the order of `genes`.

    Raises
    ------
    KeyError
        If a gene is not in `expression`.
    """
    rows = expression.loc[list(genes)]
    return pd.DataFrame(
        {
            "gene": rows.index.to_numpy(dtype=object),
            "mean": rounded_signed(rows.mean(axis=1)),
            "sd": rounded(rows.std(axis=1, ddof=1)),
        }
    )


def freeze(path: LassoPath, expression: pd.DataFrame, direction: pd.Series | None = None) -> pd.DataFrame:
    """The signature's table: the genes that the path keeps, with everything that a score needs.

    Parameters
    ----------
    path : fitted on the patients of `expression`
    expression : genes × training patients, the values that the path was fitted on
    direction : `up_in_rd` or `up_in_pcr` by gene, where known

    Returns
    -------
    signature_id, gene, coefficient (log hazard ratio per training sd), mean, sd, selection_frequency,
    direction_concordant, by decreasing absolute coefficient. No rows if the path keeps no gene.
    """
    coefficients = path.selected
    coefficients = coefficients.iloc[np.argsort(-coefficients.abs().to_numpy(), kind="stable")]
    table = standardisation(expression, coefficients.index)
    table["coefficient"] = coefficients.to_numpy()
    table["selection_frequency"] = path.selection_frequency.reindex(coefficients.index).to_numpy()
    directions = pd.Series(dtype=object) if direction is None else direction
    table["direction_concordant"] = direction_concordance(coefficients, directions).array
    table["signature_id"] = signature_id(table)
    return table[list(SIGNATURE_TYPES)].astype(SIGNATURE_TYPES)


def signature_id(table: pd.DataFrame) -> str:
    """Twelve hexadecimal digits that identify a signature by its content: genes, coefficients, means, sds.

    The order of rows does not matter; numbers are used with their published digits.
    """
    digits = DIGITS - 1
    lines = sorted(
        f"{row.gene}\t{row.coefficient:.{digits}e}\t{row.mean:.{digits}e}\t{row.sd:.{digits}e}"
        for row in table.itertuples()
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def coverage(signature: pd.DataFrame, genes: Iterable[str]) -> tuple[float, tuple[str, ...]]:
    """Share of the sum of absolute coefficients whose genes are among `genes`, and the genes that are not.

    An empty signature has the share 0.
    """
    present = signature["gene"].isin(list(genes)).to_numpy()
    weights = signature["coefficient"].abs().to_numpy()
    share = float(weights[present].sum() / weights.sum()) if weights.sum() > 0 else 0.0
    return share, tuple(signature["gene"][~present])


def score_training(
    expression: pd.DataFrame, signature: pd.DataFrame, *, minimum_coverage: float = MINIMUM_COVERAGE
) -> Score:
    """Σ coefficient · (x - mean) / sd, by the signature's own means and standard deviations.

    For the training cohort, on the values that the signature was fitted on, and for other patients on its scale.

    Parameters
    ----------
    expression : genes × patients, on the training cohort's scale
    signature : gene, coefficient, mean, sd
    minimum_coverage : below this share of the coefficients, there are no groups and no claims, and `reason` says so
    """
    used, share, missing = _present(expression, signature)
    z = (expression.loc[used["gene"]].to_numpy() - used[["mean"]].to_numpy()) / used[["sd"]].to_numpy()
    return _weighted_sum(z, used, expression.columns, "training", share, missing, minimum_coverage)


def score_within_cohort(
    expression: pd.DataFrame,
    signature: pd.DataFrame,
    *,
    minimum_patients: int = MINIMUM_PATIENTS,
    minimum_coverage: float = MINIMUM_COVERAGE,
) -> Score:
    """Σ coefficient · z, z within the cohort: comparable among its patients only, and dependent on its case mix.

    Genes that the cohort lacks, or that do not vary in it, are not imputed; they lower the coverage.

    Parameters
    ----------
    expression : genes × patients, any scale on which a gene's values compare
    signature : gene, coefficient
    minimum_patients : with fewer there is no score, and `reason` says so
    minimum_coverage : below this share of the coefficients, there are no groups and no claims, and `reason` says so
    """
    sd = expression.reindex(signature["gene"]).std(axis=1, ddof=1)
    varying = expression.loc[[gene for gene in expression.index.intersection(sd.index) if sd[gene] > 1e-12]]
    used, share, missing = _present(varying, signature)
    if expression.shape[1] < minimum_patients:
        nothing = pd.Series(np.nan, index=expression.columns, name="risk_score")
        reason = f"{expression.shape[1]} patients; a score within the cohort needs at least {minimum_patients}"
        return Score(nothing, "within_cohort", share, missing, reason)
    rows = varying.loc[used["gene"]]
    z = rows.sub(rows.mean(axis=1), axis=0).div(rows.std(axis=1, ddof=1), axis=0).to_numpy()
    return _weighted_sum(z, used, expression.columns, "within_cohort", share, missing, minimum_coverage)


def median_cutoff(scores: pd.Series) -> float:
    """The cut-off of the groups: the median of the scores, rounded as published."""
    return float(rounded_score(scores.median()))


def groups(score: pd.Series, cutoff: float) -> pd.Series:
    """`high` above the cut-off, `low` at or below it, null where the score (or the cut-off) is missing."""
    values = score.to_numpy(dtype=float)
    named = np.where(values > cutoff, "high", "low").astype(object)
    named[np.isnan(values) | np.isnan(cutoff)] = None
    return pd.Series(named, index=score.index, name="risk_group", dtype=object)


def weighted_sum(coefficients: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Σ coefficient · z over the genes of z (n_genes, n_patients), added gene by gene.

    A matrix product may add in another order for another number of patients, and a patient's score would then depend
    on the others in its last digit.
    """
    total = np.zeros(z.shape[1])
    for coefficient, row in zip(coefficients, z, strict=True):
        total += coefficient * row
    return total


def too_little(share: float, minimum_coverage: float) -> str | None:
    """Why a score over this share of the coefficients gives no groups and no claims; None when it does."""
    if share >= minimum_coverage:
        return None
    return f"the genes present carry {share:.2f} of the coefficients; groups and claims need {minimum_coverage:g}"


def _present(expression: pd.DataFrame, signature: pd.DataFrame) -> tuple[pd.DataFrame, float, tuple[str, ...]]:
    used = signature[signature["gene"].isin(expression.index)]
    return (used, *coverage(signature, expression.index))


def _weighted_sum(
    z: np.ndarray,
    used: pd.DataFrame,
    patients: pd.Index,
    form: str,
    share: float,
    missing: tuple[str, ...],
    minimum_coverage: float,
) -> Score:
    """Scores of z (n_genes, n_patients) under the coefficients of `used`."""
    total = weighted_sum(used["coefficient"].to_numpy(), z) if len(used) else np.full(len(patients), np.nan)
    reason = None
    if not len(used):
        reason = "none of the signature's genes is in the cohort" if missing else "the signature has no genes"
    else:
        reason = too_little(share, minimum_coverage)
    return Score(pd.Series(rounded_score(total), index=patients, name="risk_score"), form, share, missing, reason)
