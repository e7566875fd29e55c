"""Scores: a frozen signature applied to patients, relative to their cohort or each patient alone.

In scope: what the scores of every method have in common: standardisation, coverage, risk groups. Out of scope: the
arithmetic of a score (methods/), the single-sample form (single_sample), the evaluation of scores (performance).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from hnbc_assets.digits import rounded, rounded_score, rounded_signed
from hnbc_assets.science.signature.method import Method, refused
from hnbc_assets.vocabulary import Form, RiskGroup

MINIMUM_COVERAGE = 0.8
MINIMUM_PATIENTS = 30


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


def coverage(signature: pd.DataFrame, genes: Iterable[str]) -> tuple[float, tuple[str, ...]]:
    """Share of the sum of absolute coefficients whose genes are among `genes`, and the genes that are not.

    An empty signature has the share 0. Of a method without coefficients, every gene counts as one.
    """
    present = signature["gene"].isin(list(genes)).to_numpy()
    weights = signature["coefficient"].abs().to_numpy()
    if np.isnan(weights).any():
        weights = np.ones(len(weights))
    share = float(weights[present].sum() / weights.sum()) if weights.sum() > 0 else 0.0
    return share, tuple(signature["gene"][~present])


def score_cohort(
    method: Method,
    expression: pd.DataFrame,
    signature: pd.DataFrame,
    *,
    own: bool = False,
    scale: str | None = None,
    minimum_patients: int = MINIMUM_PATIENTS,
    minimum_coverage: float = MINIMUM_COVERAGE,
) -> Score:
    """The method's score of every patient of a cohort.

    A score that depends on the other patients is comparable among the patients of the cohort only, and depends on its
    case mix. Genes that the cohort lacks are not imputed; they lower the coverage, and so do genes that do not vary,
    where the score depends on the other patients. Scores of the training cohort are by its own means and deviations.

    Parameters
    ----------
    expression : genes × patients, any scale on which a gene's values compare; for the training cohort, and for other
        patients on its scale, the values that the signature was fitted on
    signature : gene, coefficient, mean, sd
    own : whether it is the training cohort
    scale : of the values, if the method may not allow it
    minimum_patients : with fewer there is no score that depends on the others, and `reason` says so
    minimum_coverage : below this share of the coefficients, there are no groups and no claims, and `reason` says so
    """
    together = method.relative and not own
    usable = _varying(expression, signature) if together else expression
    used = signature[signature["gene"].isin(usable.index)]
    share, missing = coverage(signature, usable.index)
    form = Form.WITHIN_COHORT if method.relative else Form.SINGLE_SAMPLE
    patients = expression.columns
    reason = refused(method, scale) if scale else None
    if reason is None and together and len(patients) < minimum_patients:
        reason = f"{len(patients)} patients; a score within the cohort needs at least {minimum_patients}"
    if reason is None and not len(used):
        reason = "none of the signature's genes is in the cohort" if missing else "the signature has no genes"
    if reason is not None:
        return Score(pd.Series(np.nan, index=patients, name="risk_score"), form, share, missing, reason)
    total = np.asarray(method.score(usable.loc[used["gene"]], used, own=own), dtype=float)
    values = pd.Series(rounded_score(total), index=patients, name="risk_score")
    return Score(values, form, share, missing, too_little(share, minimum_coverage))


def median_cutoff(scores: pd.Series) -> float:
    """The cut-off of the groups: the median of the scores, rounded as published."""
    return float(rounded_score(scores.median()))


def groups(score: pd.Series, cutoff: float) -> pd.Series:
    """`high` above the cut-off, `low` at or below it, null where the score (or the cut-off) is missing."""
    values = score.to_numpy(dtype=float)
    named = np.where(values > cutoff, RiskGroup.HIGH, RiskGroup.LOW).astype(object)
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


def _varying(expression: pd.DataFrame, signature: pd.DataFrame) -> pd.DataFrame:
    """The rows of expression whose gene is in the signature and has variance."""
    sd = expression.reindex(signature["gene"]).std(axis=1, ddof=1)
    return expression.loc[[gene for gene in expression.index.intersection(sd.index) if sd[gene] > 1e-12]]
