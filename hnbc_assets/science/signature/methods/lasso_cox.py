"""LASSO-Cox: genes chosen and weighted by Cox regression with an L1 penalty; a score is Σ coefficient · z.

In scope: the method's declaration and its score. Out of scope: the penalised path (lasso.py), the rank-based form of
the score (single_sample.py).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hnbc_assets.science.signature.identity import numbers
from hnbc_assets.science.signature.method import Fitted, Method, Training
from hnbc_assets.science.signature.scoring import weighted_sum
from hnbc_assets.science.signature.survival_data import FloatArray


class LassoCox(Method):
    """Cox regression with an L1 penalty, chosen by repeated cross-validation."""

    name = "lasso_cox"
    label = "LASSO-Cox"
    citation = "Simon et al. 2011, 10.18637/jss.v039.i05"
    rules = ("lambda.min", "lambda.1se")

    def fit(self, training: Training) -> Fitted:
        """The genes that the chosen penalty keeps, by decreasing absolute coefficient (log hazard ratio per sd)."""
        from hnbc_assets.science.signature.lasso import fit_lasso
        from hnbc_assets.science.signature.lasso_path import coefficient_rows, path_rows, strongest_first
        from hnbc_assets.science.signature.single_sample import train_single_sample

        data, values = training.data, training.data.evaluable
        by = {
            "folds": training.folds,
            "repeats": training.repeats,
            "rule": training.rule,
            "seed": training.seed,
        }
        path = fit_lasso(values.loc[list(training.entered)].T, data.time, data.event, **by)
        genes = strongest_first(path)
        alone = train_single_sample(
            values,
            data.time,
            data.event,
            genes=list(genes.gene),
            reference_genes=training.reference_genes,
            scale=training.scale,
            **by,
        )
        excluded = [f"{gene} did not enter: {reason}" for gene, reason in path.excluded.itertuples(index=False)]
        return Fitted(
            genes,
            n_entered=path.n_features_in,
            rule=f"lambda.{training.rule}",
            alpha=path.chosen,
            notes=[*([path.reason] if path.reason else []), *excluded],
            single_sample=alone,
            tables={"lasso_path": path_rows(path), "lasso_coefficients": coefficient_rows(path)},
        )

    def score(self, expression: pd.DataFrame, genes: pd.DataFrame, *, own: bool) -> FloatArray:
        """Σ coefficient · z; z by the training cohort's means and sds for its own patients, else within the cohort."""
        if own:
            z = (expression.to_numpy() - genes[["mean"]].to_numpy()) / genes[["sd"]].to_numpy()
        else:
            z = expression.sub(expression.mean(axis=1), axis=0).div(expression.std(axis=1, ddof=1), axis=0).to_numpy()
        return weighted_sum(genes["coefficient"].to_numpy(), z)

    def recompute(self, expression: pd.DataFrame, genes: pd.DataFrame, *, own: bool) -> pd.Series:
        """Gene by gene in plain arithmetic."""
        total = pd.Series(0.0, index=expression.columns)
        for gene in genes.itertuples():
            x = expression.loc[gene.gene].to_numpy(dtype=float)
            mean, sd = (gene.mean, gene.sd) if own else (np.nanmean(x), np.nanstd(x, ddof=1))
            if sd > 0:
                total += gene.coefficient * (x - mean) / sd
        return total

    def identity(self, genes: pd.DataFrame) -> str:
        """The numbers alone: signatures were identified so when there was no other method."""
        return numbers(genes)


METHOD = LassoCox()
