"""The prior of limma's empirical Bayes: the distribution of the residual variances of all genes.

In scope: fitting the scaled F distribution of residual variances (Smyth 2004, 10.2202/1544-6115.1027, section 6.2)
and its trend with average expression (limma-trend: Law et al. 2014, 10.1186/gb-2014-15-2-r29). Out of scope: the linear
models and the test (differential.py).

A residual variance s² on d degrees of freedom is modelled as s0² · F(d, d0). Then e = log s² − digamma(d/2) + log(d/2)
has mean log s0² − digamma(d0/2) + log(d0/2) and variance trigamma(d/2) + trigamma(d0/2), which gives d0 and s0². When
the variances vary no more than sampling explains, d0 is infinite and every gene has the prior variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, polygamma

from hnbc_assets.science.genes.linear_model import orthogonal_basis

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Prior:
    """The prior of the residual variances. `variance` is one number, or one per gene where it follows a trend."""

    df: float
    variance: float | FloatArray


def fit_prior(variance: FloatArray, df: FloatArray, average: FloatArray | None = None) -> Prior:
    """Fit s0² · F(d, d0) to residual variances, by moments on the logarithmic scale.

    Parameters
    ----------
    variance : (n_genes,), residual variances; missing where no residual degree of freedom is left
    df : (n_genes,), residual degrees of freedom
    average : (n_genes,), average expression; when given, log s0² is a natural cubic spline of it

    Returns
    -------
    d0 (may be infinite) and s0². Where no variance can be used both are missing; with just one, d0 is 0.
    """
    usable = np.isfinite(variance) & np.isfinite(df) & (df > 1e-15) & (variance > -1e-15)
    if average is not None:
        usable &= np.isfinite(average)
    n_usable = int(usable.sum())
    if n_usable == 0:
        return Prior(np.nan, np.nan)
    if n_usable == 1:
        return Prior(0.0, float(variance[usable][0]))
    d = df[usable]
    s2 = _away_from_zero(variance[usable])
    e = np.log(s2) - digamma(d / 2) + np.log(d / 2)
    n_splines = 0 if average is None else _spline_df(average[usable])
    if n_splines < 2:
        level: float | FloatArray = float(e.mean())
        spread = float(((e - level) ** 2).sum() / (n_usable - 1))
    else:
        level, spread = _trend(average, usable, e, n_splines)
    spread -= float(polygamma(1, d / 2).mean())
    if spread > 0:
        d0 = 2 * inverse_trigamma(spread)
        return Prior(d0, _like(level, np.exp(level + digamma(d0 / 2) - np.log(d0 / 2))))
    return Prior(np.inf, float(s2.mean()) if n_splines < 2 else np.exp(level))


def inverse_trigamma(x: float) -> float:
    """The y with trigamma(y) = x, by Newton's method on 1/trigamma, which is convex and nearly linear (Smyth 2004)."""
    if x > 1e7:
        return 1 / np.sqrt(x)
    if x < 1e-6:
        return 1 / x
    y = 0.5 + 1 / x
    for _ in range(50):
        trigamma = float(polygamma(1, y))
        step = trigamma * (1 - trigamma / x) / float(polygamma(2, y))
        y += step
        if -step / y < 1e-8:
            break
    return y


def _away_from_zero(variance: FloatArray) -> FloatArray:
    """Variances of zero have no logarithm: they are raised to 1e-5 of the median (of 1 where the median is zero)."""
    variance = np.maximum(variance, 0)
    median = float(np.median(variance)) or 1.0
    return np.maximum(variance, 1e-5 * median)


def _spline_df(average: FloatArray) -> int:
    n = len(average)
    return min(1 + (n >= 3) + (n >= 6) + (n >= 30), len(np.unique(average)))


def _trend(average: FloatArray, usable: NDArray[np.bool_], e: FloatArray, n_splines: int) -> tuple[FloatArray, float]:
    """Least squares of e on a natural spline of average expression: fitted values of all genes, residual variance."""
    finite = np.where(np.isnan(average), np.median(average[usable]), average)
    basis = natural_spline(finite, finite[usable], n_splines)
    fit = orthogonal_basis(basis[usable])
    residuals = fit.residuals(e[None, :], fit.projections(e[None, :]))
    spread = float((residuals**2).sum() / (len(e) - fit.rank))
    return (basis * fit.coefficients(e)).sum(axis=1), spread


def natural_spline(x: FloatArray, data: FloatArray, df: int) -> FloatArray:
    """Natural cubic splines with an intercept: knots at quantiles of the data, linear beyond its range.

    Spans what R's `splines::ns(data, df, intercept = TRUE)` spans (Hastie, Tibshirani & Friedman 2009, eq. 5.4–5.5).

    Parameters
    ----------
    x : (n,), where the splines are evaluated
    data : (m,), whose range gives the outer knots and whose quantiles give the df − 2 inner ones
    df : at least 2

    Returns
    -------
    (n, df); fewer columns where knots coincide.
    """
    low, high = float(data.min()), float(data.max())
    knots = np.unique((np.quantile(data, np.linspace(0, 1, df)) - low) / (high - low))
    x = (x - low) / (high - low)

    def cubic(knot: float) -> FloatArray:
        return (np.maximum(x - knot, 0) ** 3 - np.maximum(x - 1, 0) ** 3) / (1 - knot)

    last = cubic(knots[-2])
    return np.column_stack([np.ones_like(x), x, *(cubic(knot) - last for knot in knots[:-2])])


def _like(level: float | FloatArray, value: float | FloatArray) -> float | FloatArray:
    return value if isinstance(level, np.ndarray) else float(value)
