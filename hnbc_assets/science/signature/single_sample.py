"""The single-sample form of the score: a patient's score does not depend on who else is in the cohort.

In scope: ranks within a patient, their own training coefficients and cut-off. Out of scope: the score within a
cohort (scoring).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from hnbc_assets.digits import rounded, rounded_score, rounded_signed
from hnbc_assets.science.signature.identity import identified, numbers
from hnbc_assets.science.signature.lasso import fit_lasso
from hnbc_assets.science.signature.scoring import (
    MINIMUM_COVERAGE,
    Score,
    coverage,
    median_cutoff,
    too_little,
    weighted_sum,
)
from hnbc_assets.science.signature.survival_data import BoolArray, FloatArray
from hnbc_assets.vocabulary import LOG2_SCALES, Form, Penalty

FEWEST_REFERENCE_GENES = 100
REFERENCE_SHARE = 0.8


@dataclass(frozen=True)
class SingleSampleSignature:
    """The single-sample form: genes with coefficients, and the training mean and sd of their rank scores.

    `table` has gene, coefficient, mean, sd; `reference_genes` are those among which a patient's genes are ranked;
    `cutoff` is the training median. `reason` says why there is no such form (`table` is then empty), else it is null.
    """

    signature_id: str
    table: pd.DataFrame
    reference_genes: tuple[str, ...]
    cutoff: float
    reason: str | None


def train_single_sample(
    expression: pd.DataFrame,
    time: FloatArray,
    event: BoolArray,
    *,
    genes: Sequence[str],
    reference_genes: Sequence[str],
    scale: str,
    seed: int,
    folds: int = 10,
    repeats: int = 10,
    rule: Penalty = Penalty.MIN,
) -> SingleSampleSignature:
    """Refit the signature's genes on their ranks within each patient, by the same LASSO.

    Parameters
    ----------
    expression : genes × training patients
    time, event : (n_patients,), days and observed events, in the order of the columns
    genes : the signature's
    reference_genes : genes that a patient's genes are ranked among, where the training cohort has them
    scale : `expression_scale` of the cohort; ranks within a patient are meaningless where genes were scaled separately
    seed, folds, repeats, rule : of the cross-validation

    Returns
    -------
    SingleSampleSignature, empty with a reason when the scale forbids ranks, too few reference genes are shared, or the
    LASSO keeps no gene.
    """
    reference = tuple(sorted(set(reference_genes) & set(expression.index)))
    used = [gene for gene in genes if gene in set(reference)]
    if scale not in LOG2_SCALES:
        return _none(reference, f"ranks within a patient are meaningless on the scale {scale}")
    if len(reference) < FEWEST_REFERENCE_GENES:
        return _none(reference, f"{len(reference)} reference genes; ranks need at least {FEWEST_REFERENCE_GENES}")
    if not used:
        return _none(reference, "none of the signature's genes is among the reference genes")
    ranks = rank_scores(expression, used, reference)
    path = fit_lasso(ranks.T, time, event, seed=seed, folds=folds, repeats=repeats, rule=rule)
    kept = path.selected
    if kept.empty:
        return _none(reference, f"no gene is kept on ranks within a patient: {path.reason}")
    rows = ranks.loc[kept.index]
    table = pd.DataFrame(
        {
            "gene": kept.index.to_numpy(dtype=object),
            "coefficient": kept.to_numpy(),
            "mean": rounded_signed(rows.mean(axis=1)),
            "sd": rounded(rows.std(axis=1, ddof=1)),
        }
    )
    trained = SingleSampleSignature(identified(numbers(table)), table, reference, float("nan"), None)
    cutoff = median_cutoff(score_single_sample(expression, trained, scale=scale).values)
    return SingleSampleSignature(trained.signature_id, table, reference, cutoff, None)


def score_single_sample(
    expression: pd.DataFrame,
    signature: SingleSampleSignature,
    *,
    scale: str,
    minimum_coverage: float = MINIMUM_COVERAGE,
) -> Score:
    """Σ coefficient · (rank score - mean) / sd, each patient's ranks taken among the reference genes alone.

    Parameters
    ----------
    expression : genes × patients (one is enough)
    signature : from `train_single_sample`
    scale : `expression_scale` of these patients
    """
    nothing = pd.Series(np.nan, index=expression.columns, name="risk_score")
    share, missing = coverage(signature.table, expression.index)
    reference = [gene for gene in signature.reference_genes if gene in expression.index]
    reason = signature.reason
    if reason is None and scale not in LOG2_SCALES:
        reason = f"ranks within a patient are meaningless on the scale {scale}"
    if reason is None and len(reference) < REFERENCE_SHARE * len(signature.reference_genes):
        reason = (
            f"{len(reference)} of {len(signature.reference_genes)} reference genes; ranks need {REFERENCE_SHARE:.0%}"
        )
    used = signature.table[signature.table["gene"].isin(reference)]
    if reason is None and used.empty:
        reason = "none of the signature's genes is in the cohort"
    if reason is not None:
        return Score(nothing, Form.SINGLE_SAMPLE, share, missing, reason)
    ranks = rank_scores(expression, list(used["gene"]), reference).to_numpy()
    z = (ranks - used[["mean"]].to_numpy()) / used[["sd"]].to_numpy()
    total = pd.Series(
        rounded_score(weighted_sum(used["coefficient"].to_numpy(), z)), index=expression.columns, name="risk_score"
    )
    reason = too_little(share, minimum_coverage)
    return Score(total, Form.SINGLE_SAMPLE, share, missing, reason)


def rank_scores(expression: pd.DataFrame, genes: Sequence[str], reference: Sequence[str]) -> pd.DataFrame:
    """genes × patients: the normal score of each gene's rank among the reference genes that the patient has.

    A rank r of n becomes the normal quantile of (r - 0.5) / n, ties averaged; a missing value stays missing.
    """
    within = expression.loc[list(reference)]
    values = within.to_numpy(dtype=float)
    wanted = values[within.index.get_indexer(list(genes))]
    ranks = np.full(wanted.shape, np.nan)
    for patient in range(values.shape[1]):  # one gene's rank needs the others sorted, not ranked
        ordered = np.sort(values[:, patient])
        below = np.searchsorted(ordered, wanted[:, patient], "left")
        ranks[:, patient] = (below + np.searchsorted(ordered, wanted[:, patient], "right") + 1) / 2
    ranks[np.isnan(wanted)] = np.nan
    share = (ranks - 0.5) / within.notna().sum(axis=0).to_numpy()
    return pd.DataFrame(ndtri(share), index=pd.Index(genes, name="gene"), columns=expression.columns)


def _none(reference: tuple[str, ...], reason: str) -> SingleSampleSignature:
    empty = pd.DataFrame(
        {"gene": pd.Series(dtype=object), **{c: pd.Series(dtype=float) for c in ("coefficient", "mean", "sd")}}
    )
    return SingleSampleSignature(identified(numbers(empty)), empty, reference, float("nan"), reason)
