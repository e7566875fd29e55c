"""The result of a LASSO-Cox fit: the path, the chosen penalty, and how it was chosen.

In scope: this result and its tables. Out of scope: the fit (lasso).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hnbc_assets.science.signature.survival_data import FloatArray

TABLE_TYPES = {
    "alpha": float,
    "gene": object,
    "coefficient": float,
    "n_selected": np.int64,
    "deviance_mean": float,
    "deviance_se": float,
    "is_min": bool,
    "is_1se": bool,
    "is_chosen": bool,
}


@dataclass(frozen=True)
class LassoPath:
    """A cross-validated LASSO-Cox path.

    Coefficients are log hazard ratios per standard deviation (n - 1) of the gene in the given patients, rounded as
    published. `chosen` is the penalty of the study's rule, one of `alphas`, missing when there is no path.
    `fold_deviance` is (n_repeats, n_folds, n_alphas), per event of the fold. `selection_frequency` is each gene's share
    of the cross-validation's fits, at the chosen penalty, that keep it. `excluded` lists genes that could not enter,
    with the reason. `reason` says why nothing was selected, and is null when something was.
    """

    alphas: FloatArray
    deviance_mean: FloatArray
    deviance_se: FloatArray
    alpha_min: float
    alpha_1se: float
    chosen: float
    coefficients: pd.DataFrame
    n_folds: int
    n_repeats: int
    n_features_in: int
    fold_deviance: FloatArray
    selection_frequency: pd.Series
    excluded: pd.DataFrame
    reason: str | None

    @property
    def selected(self) -> pd.Series:
        """Coefficients that are not 0 at the chosen penalty, by gene; empty for a null result."""
        if np.isnan(self.chosen):
            return pd.Series(dtype=float, index=pd.Index([], name="gene", dtype=object), name="coefficient")
        at_chosen = self.coefficients.iloc[:, int(np.flatnonzero(self.alphas == self.chosen)[0])]
        return at_chosen[at_chosen != 0].rename("coefficient")

    def table(self) -> pd.DataFrame:
        """One row per penalty and gene that is ever in the path, by decreasing penalty.

        Columns: alpha, gene, coefficient, n_selected (genes at this penalty), deviance_mean, deviance_se, is_min,
        is_1se, is_chosen.
        """
        coefficients = self.coefficients[(self.coefficients != 0).any(axis=1)]
        n_genes, n_alphas = coefficients.shape
        rows = {
            "alpha": np.repeat(self.alphas, n_genes),
            "gene": np.tile(coefficients.index.to_numpy(dtype=object), n_alphas),
            "coefficient": coefficients.to_numpy().T.ravel(),
            "n_selected": np.repeat((coefficients.to_numpy() != 0).sum(axis=0), n_genes),
            "deviance_mean": np.repeat(self.deviance_mean, n_genes),
            "deviance_se": np.repeat(self.deviance_se, n_genes),
            "is_min": np.repeat(self.alphas == self.alpha_min, n_genes),
            "is_1se": np.repeat(self.alphas == self.alpha_1se, n_genes),
            "is_chosen": np.repeat(self.alphas == self.chosen, n_genes),
        }
        return pd.DataFrame(rows).astype(TABLE_TYPES)


def strongest_first(path: LassoPath) -> pd.DataFrame:
    """The genes that the chosen penalty keeps, the strongest first: gene, coefficient, selection_frequency."""
    kept = path.selected
    kept = kept.iloc[np.argsort(-kept.abs().to_numpy(), kind="stable")]
    return pd.DataFrame(
        {
            "gene": kept.index.to_numpy(dtype=object),
            "coefficient": kept.to_numpy(),
            "selection_frequency": path.selection_frequency.reindex(kept.index).to_numpy(),
        }
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


def coefficient_rows(path: LassoPath) -> pd.DataFrame:
    """One row per penalty and gene with a coefficient there: alpha, gene, coefficient."""
    rows = path.table()
    return rows.loc[rows.coefficient != 0, ["alpha", "gene", "coefficient"]]


def null_path(fold_ids: np.ndarray, genes: Sequence[str], excluded: pd.DataFrame, reason: str) -> LassoPath:
    """The path when no gene can enter, with the reason."""
    nothing = np.empty(0)
    index = pd.Index([], name="gene", dtype=object)
    n_folds = int(fold_ids.max()) + 1
    return LassoPath(
        alphas=nothing,
        deviance_mean=nothing,
        deviance_se=nothing,
        alpha_min=float("nan"),
        alpha_1se=float("nan"),
        chosen=float("nan"),
        coefficients=pd.DataFrame(index=index, columns=pd.Index([], name="alpha", dtype=float), dtype=float),
        n_folds=n_folds,
        n_repeats=len(fold_ids),
        n_features_in=len(genes) - len(excluded),
        fold_deviance=np.empty((len(fold_ids), n_folds, 0)),
        selection_frequency=pd.Series(dtype=float, index=index, name="selection_frequency"),
        excluded=excluded,
        reason=reason,
    )
