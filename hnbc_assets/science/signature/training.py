"""Training: the signature, both forms of its score and their cut-offs, from one training set.

In scope: the order of the steps. Out of scope: the steps themselves (lasso, scoring, single_sample).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hnbc_assets.science.signature.analysis_set import AnalysisSet
from hnbc_assets.science.signature.lasso import LassoPath, Rule, fit_lasso
from hnbc_assets.science.signature.scoring import freeze, median_cutoff, score_training
from hnbc_assets.science.signature.single_sample import (
    SingleSampleSignature,
    score_single_sample,
    train_single_sample,
)

NO_SIGNATURE = "none"


@dataclass(frozen=True)
class Trained:
    """A trained signature, as rows of the five tables that it fills."""

    signature: pd.DataFrame
    description: pd.DataFrame
    single_sample: pd.DataFrame
    path: pd.DataFrame
    coefficients: pd.DataFrame


def train(
    data: AnalysisSet,
    *,
    entered: Sequence[str],
    direction: pd.Series,
    reference_genes: Sequence[str],
    scale: str,
    rule: Rule,
    folds: int,
    repeats: int,
    seed: int,
) -> Trained:
    """Fit the LASSO on the evaluable patients, freeze the selected genes, and set the cut-off at the median score.

    Parameters
    ----------
    data : the training cohort
    entered : genes that enter the LASSO
    direction : `up_in_rd` or `up_in_pcr` by gene
    reference_genes : genes among which a patient's genes may be ranked, where the training cohort has them
    scale : `expression_scale` of the training cohort
    rule, folds, repeats, seed : of the cross-validation

    Returns
    -------
    Trained; if no gene is selected, empty tables and a description that says why.
    """
    values = data.evaluable
    lasso = fit_lasso(
        values.loc[list(entered)].T, data.time, data.event, folds=folds, repeats=repeats, rule=rule, seed=seed
    )
    signature = freeze(lasso, values, direction)
    signature["direction"] = direction.reindex(signature.gene).to_numpy()
    scores = score_training(values, signature).values if len(signature) else pd.Series(dtype=float)
    alone = train_single_sample(
        values,
        data.time,
        data.event,
        genes=list(signature.gene),
        reference_genes=reference_genes,
        scale=scale,
        seed=seed,
        folds=folds,
        repeats=repeats,
        rule=rule,
    )
    alone_scores = score_single_sample(values, alone, scale=scale).values
    excluded = "; ".join(f"{gene} did not enter: {reason}" for gene, reason in lasso.excluded.itertuples(index=False))
    notes = [n for n in (lasso.reason, excluded, f"single-sample form: {alone.reason}" if alone.reason else None) if n]
    description = {
        "signature_id": signature.signature_id.iloc[0] if len(signature) else NO_SIGNATURE,
        "n_patients": len(data.event),
        "n_events": int(data.event.sum()),
        "n_entered": lasso.n_features_in,
        "n_genes": len(signature),
        "alpha": lasso.chosen,
        "cutoff": median_cutoff(scores) if len(signature) else np.nan,
        "single_sample_cutoff": alone.cutoff,
        "score_sd": float(scores.std(ddof=1)) if len(signature) else np.nan,
        "single_sample_score_sd": float(alone_scores.std(ddof=1)) if alone.reason is None else np.nan,
        "events_per_candidate": float(data.event.sum()) / lasso.n_features_in if lasso.n_features_in else np.nan,
        "note": "; ".join(notes) or None,
    }
    coefficients = lasso.table()
    return Trained(
        signature,
        pd.DataFrame([description]),
        single_sample_rows(alone),
        path_rows(lasso),
        coefficients.loc[coefficients.coefficient != 0, ["alpha", "gene", "coefficient"]],
    )


def path_rows(path: LassoPath) -> pd.DataFrame:
    """One row per penalty: alpha, deviance, deviance_se, n_genes, is_minimum, is_one_se, chosen."""
    return pd.DataFrame(
        {
            "alpha": path.alphas,
            "deviance": path.deviance_mean,
            "deviance_se": path.deviance_se,
            "n_genes": (path.coefficients.to_numpy() != 0).sum(axis=0) if len(path.alphas) else [],
            "is_minimum": path.alphas == path.alpha_min,
            "is_one_se": path.alphas == path.alpha_1se,
            "chosen": path.alphas == path.chosen,
        }
    )


def single_sample_rows(trained: SingleSampleSignature) -> pd.DataFrame:
    """Rows of single_sample_signature; no rows when this form could not be trained."""
    reference = pd.DataFrame({"gene": list(trained.reference_genes)}, dtype=object)
    if trained.reason is not None:
        reference = reference.iloc[:0]
    return reference.merge(trained.table, on="gene", how="left").assign(single_sample_id=trained.signature_id)
