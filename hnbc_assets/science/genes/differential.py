"""Differential expression between two groups: limma's moderated t-test, all genes at once.

In scope: the test. Out of scope: the linear models (linear_model.py), the prior of the variances (prior_variance.py),
which patients and scales it is used on (resistance.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc

from hnbc_assets.science.genes.linear_model import LastCoefficient, fit_last_coefficient
from hnbc_assets.science.genes.prior_variance import Prior, fit_prior
from hnbc_assets.science.multiple_testing import benjamini_hochberg

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ModeratedT:
    """A moderated t-test of every gene, with the prior that moderated it."""

    table: pd.DataFrame
    prior_df: float
    prior_variance: float | FloatArray


def moderated_t(
    x: ArrayLike,
    group: ArrayLike,
    *,
    genes: Sequence[str],
    covariates: ArrayLike | None = None,
    trend: bool = False,
) -> ModeratedT:
    """Compare two groups of samples gene by gene, each gene's variance shrunk towards a prior fitted to all genes.

    t = effect / (u · s̃), with s̃² = (d0 s0² + d s²) / (d0 + d) and d0 + d degrees of freedom, at most the sum of all
    genes' d (Smyth 2004, 10.2202/1544-6115.1027). The effect is the coefficient of the group in least squares on an
    intercept, the covariates and the group; u comes from the design. Equal to limma's lmFit and eBayes.

    Parameters
    ----------
    x : (n_genes, n_samples), an expression on a logarithmic or standardised scale; missing values as NaN
    group : (n_samples,) Boolean
    genes : (n_genes,) names
    covariates : (n_samples,) or (n_samples, k), no value missing
    trend : let the prior variance follow average expression (limma-trend)

    Returns
    -------
    One row per gene, in the given order: gene, effect (mean where the group is True minus mean where it is False,
    adjusted, in units of x), standard_error (moderated), t, p_value (two-sided), fdr (Benjamini–Hochberg), average (of
    the observed values), residual_sd (unmoderated). What cannot be estimated is missing.

    Raises
    ------
    ValueError
        If lengths differ, a group is empty, a covariate is missing, covariates determine each other or the group, or no
        gene has a residual degree of freedom.
    """
    x = np.asarray(x, dtype=float)
    design = _design(x, np.asarray(group), covariates)
    if len(genes) != len(x):
        raise ValueError(f"{len(genes)} names for {len(x)} genes")
    fits = fit_last_coefficient(x, design)
    if not (np.isfinite(fits.variance) & (fits.df > 0)).any():
        raise ValueError(f"no gene has a residual degree of freedom left with {x.shape[1]} samples")
    average = _averages(x)
    prior = fit_prior(fits.variance, fits.df, average if trend else None)
    return ModeratedT(_table(genes, fits, average, prior), prior.df, prior.variance)


def posterior_variance(variance: FloatArray, df: FloatArray, prior: Prior) -> FloatArray:
    """Residual variances (n_genes,) on df degrees of freedom, shrunk towards the prior's; without df, the prior's."""
    if np.isinf(prior.df):
        return np.broadcast_to(np.asarray(prior.variance, dtype=float), variance.shape)
    variance = np.where(df == 0, 0.0, variance)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (df * variance + prior.df * prior.variance) / (df + prior.df)


def _design(x: FloatArray, group: NDArray, covariates: ArrayLike | None) -> FloatArray:
    """(n_samples, 2 + k): intercept, covariates, and last the group, the column that collinearity makes inestimable."""
    n_samples = x.shape[1]
    if group.shape != (n_samples,):
        raise ValueError(f"{group.size} group labels for {n_samples} samples")
    if pd.isna(group).any():
        raise ValueError("a sample has no group: leave it out before the comparison")
    group = group.astype(bool)
    if group.all() or not group.any():
        raise ValueError(f"a comparison needs two groups; {int(group.sum())} of {n_samples} samples are in the first")
    columns = [np.ones(n_samples)]
    if covariates is not None:
        covariates = np.asarray(covariates, dtype=float).reshape(n_samples, -1)
        if np.isnan(covariates).any():
            raise ValueError("a covariate is missing: leave its sample out before the comparison")
        columns.append(covariates)
    return np.column_stack([*columns, group.astype(float)])


def _averages(x: FloatArray) -> FloatArray:
    average = x.mean(axis=1)
    missing = np.isnan(average)
    if missing.any():
        observed = np.isfinite(x[missing])
        with np.errstate(invalid="ignore"):
            average[missing] = np.where(observed, x[missing], 0).sum(axis=1) / observed.sum(axis=1)
    return average


def _table(genes: Sequence[str], fits: LastCoefficient, average: FloatArray, prior: Prior) -> pd.DataFrame:
    error = fits.unscaled_error * np.sqrt(posterior_variance(fits.variance, fits.df, prior))
    with np.errstate(invalid="ignore", divide="ignore"):
        t = fits.effect / error
    df = np.minimum(fits.df + prior.df, fits.df.sum())
    p_value = two_sided_p(t, df)
    return pd.DataFrame(
        {
            "gene": pd.Index(genes, name=None),
            "effect": fits.effect,
            "standard_error": error,
            "t": t,
            "p_value": p_value,
            "fdr": benjamini_hochberg(p_value),
            "average": average,
            "residual_sd": np.sqrt(fits.variance),
        }
    )


def two_sided_p(t: FloatArray, df: FloatArray) -> FloatArray:
    """P(|T| ≥ |t|) of Student's t with df degrees of freedom, by the incomplete beta function: exact in the tail."""
    return betainc(df / 2, 0.5, df / (df + t * t))
