"""Univariate Cox models, thousands at once.

In scope: one-gene-at-a-time proportional hazards. Out of scope: several genes in one model (refit, lasso).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pandas as pd
from scipy.special import ndtr

from hnbc_assets.science.multiple_testing import benjamini_hochberg
from hnbc_assets.science.signature.survival_data import BoolArray, FloatArray, checked_survival

COLUMNS = [
    "gene",
    "coefficient",
    "standard_error",
    "hazard_ratio",
    "ci_lower",
    "ci_upper",
    "z",
    "p_value",
    "fdr",
    "iterations",
    "reason",
]
REASONS = {
    1: "no variance",
    2: "no event among the patients with a value",
    3: "no variance among the patients at risk when events happen",
    4: "no finite estimate: the gene separates the patients with events completely",
    5: "did not converge",
}
MAX_ITERATIONS = 60
CONVERGED = 1e-9  # the last step, in the gene's standard deviations; the step is still taken
LONGEST_STEP = 3.0  # at first, in log hazard per standard deviation; more at every iteration
EXPONENT_LIMIT = 600.0
FLAT = 1e-9  # remaining information, as a share of that at the null, when the estimate has diverged
VALUES_PER_BLOCK = 64_000  # half a megabyte: copied within the processor's cache
SERIES = tuple(1.0 / math.factorial(n) for n in range(11, -1, -1))
Z_95 = 1.959963984540054


def screen(
    x: FloatArray | pd.DataFrame,
    time: FloatArray,
    event: BoolArray,
    *,
    genes: Sequence[str] | None = None,
    threads: int | None = None,
) -> pd.DataFrame:
    """Fit one Cox model per column, all columns at once.

    Newton's method on the log partial likelihood with Efron's approximation for ties
    (Efron 1977, 10.1080/01621459.1977.10480613). One coefficient makes the likelihood concave in one dimension, so each
    column is solved by Newton steps on its score, kept inside the interval in which the score changes sign.
    A column's missing values leave those patients out of that column's model. P values are Wald's, false-discovery
    rates Benjamini–Hochberg's over the columns that could be fitted, intervals 95 %.

    Parameters
    ----------
    x : (n_patients, n_genes), any unit; a hazard ratio is per unit of x
    time : (n_patients,), days, > 0
    event : (n_patients,), True where the event was observed
    genes : names of the columns; default the columns of a frame, else their positions
    threads : the most that are used; default the usable cores for 2,000 genes or more, otherwise one

    Returns
    -------
    One row per gene, in the given order: gene, coefficient, standard_error, hazard_ratio, ci_lower, ci_upper, z,
    p_value, fdr, iterations, reason. A gene that cannot be fitted (no variance, complete separation) has nulls and a
    `reason`; the others have a null reason. No rows if there are no genes.

    Raises
    ------
    ValueError
        If lengths differ, or a time is not positive.
    TooFewEvents
        If no event was observed.
    """
    if genes is None:
        genes = list(x.columns) if isinstance(x, pd.DataFrame) else [str(i) for i in range(np.shape(x)[1])]
    values = np.asarray(x, dtype=float)
    if values.ndim != 2 or values.shape[1] != len(genes):
        raise ValueError(f"x has the shape {values.shape}; it must be patients × {len(genes)} genes.")
    days, observed = checked_survival(time, event, len(values))
    order = np.argsort(-days, kind="stable")
    ties = np.cumsum(np.diff(days[order], prepend=np.inf) != 0)
    fits = _fit_columns(values, order, ties, observed[order], _threads(threads, len(genes)))
    return _as_table(fits, genes)


def _threads(requested: int | None, n_genes: int) -> int:
    if requested is not None:
        return max(1, requested)
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return usable if n_genes >= 2000 else 1


def _fit_columns(values: FloatArray, order: np.ndarray, ties: np.ndarray, observed: BoolArray, threads: int):  # noqa: ANN202
    """(4, n_genes): coefficient, standard error, iterations, code of the reason (0 none)."""
    n_genes = values.shape[1]
    fits = np.empty((4, n_genes))
    genes_per_block = max(1, VALUES_PER_BLOCK // max(len(values), 1))

    def fit_block(start: int) -> None:
        stop = min(start + genes_per_block, n_genes)
        block = np.ascontiguousarray(values[order, start:stop].T)
        _fit_rows(block, ties, observed, fits[:, start:stop])

    starts = range(0, n_genes, genes_per_block)
    if threads == 1 or len(starts) < 2:
        for start in starts:
            fit_block(start)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fit_block, starts))
    return fits


def _as_table(fits: FloatArray, genes: Sequence[str]) -> pd.DataFrame:
    coefficient, standard_error, iterations, code = fits
    with np.errstate(over="ignore"):
        z = coefficient / standard_error
        p_value = 2 * ndtr(-np.abs(z))
        table = {
            "gene": np.asarray(genes, dtype=object),
            "coefficient": coefficient,
            "standard_error": standard_error,
            "hazard_ratio": np.exp(coefficient),
            "ci_lower": np.exp(coefficient - Z_95 * standard_error),
            "ci_upper": np.exp(coefficient + Z_95 * standard_error),
            "z": z,
            "p_value": p_value,
            "fdr": benjamini_hochberg(p_value),
            "iterations": iterations.astype(np.int64),
            "reason": np.array([REASONS.get(int(c)) for c in code], dtype=object),
        }
    return pd.DataFrame(table, columns=COLUMNS)


def _compiled(function: Callable) -> Callable:
    """Compile to machine code, kept for the next process where a folder can be written, and without the GIL."""
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        return numba.njit(nogil=True)(function)


@_compiled
def _exponentiate(values, beta, relative, powers):  # noqa: ANN001, ANN202
    """relative = exp(beta · values), to the last digit or so, |beta · values| < 700; `powers` is working space.

    exp(y) = 2^k exp(r), r = y - k log 2 (in two parts), exp(r) by its series to r^12. Loops without calls run several
    values at a time, in a third of the time of the library's exp.
    """
    for i in range(len(values)):
        y = beta * values[i]
        k = np.floor(y * 1.4426950408889634 + 0.5)
        r = (y - k * 0.69314718036912381649) - k * 1.90821492927058770002e-10
        series = 1.0 / 479001600.0
        for coefficient in SERIES:
            series = series * r + coefficient
        relative[i] = series
        powers[i] = (np.int64(k) + 1023) << 52  # the bits of 2^k
    factors = powers.view(np.float64)
    for i in range(len(values)):
        relative[i] *= factors[i]


@_compiled
def _moments(values, ties, observed, relative):  # noqa: ANN001, ANN202
    """Score and information of Efron's log partial likelihood; patients by decreasing time, (n_patients,).

    relative : the hazard of each patient relative to the others, exp(beta · value)
    """
    n = len(values)
    s0 = s1 = s2 = 0.0  # sums over the risk set of r, r·x and r·x², r being the relative hazard
    score = information = 0.0
    i = 0
    while i < n:
        now = ties[i]
        n_events = 0
        e0 = e1 = e2 = 0.0  # the same over the events at this time
        while i < n and ties[i] == now:
            x = values[i]
            r = relative[i]
            rx = r * x
            rxx = rx * x
            s0 += r
            s1 += rx
            s2 += rxx
            if observed[i]:
                n_events += 1
                e0 += r
                e1 += rx
                e2 += rxx
                score += x
            i += 1
        for k in range(n_events):
            left = k / n_events
            at_risk = 1.0 / (s0 - left * e0)
            mean = (s1 - left * e1) * at_risk
            score -= mean
            information += (s2 - left * e2) * at_risk - mean * mean
    return score, information


@_compiled
def _solve(values, ties, observed):  # noqa: ANN001, ANN202
    """Coefficient, its information, iterations and code of the reason, for standardised values (n_patients,)."""
    reach = np.max(np.abs(values))
    relative = np.ones(len(values))
    powers = np.empty(len(values), np.int64)
    beta = 0.0
    lower, upper = -np.inf, np.inf
    at_null = 0.0
    for iteration in range(1, MAX_ITERATIONS + 1):
        if iteration > 1:
            _exponentiate(values, beta, relative, powers)
        score, information = _moments(values, ties, observed, relative)
        if iteration == 1:
            at_null = information
            if at_null <= 1e-10:
                return np.nan, np.nan, iteration, 3
        flat = information < FLAT * at_null
        if flat and score * beta > 0.0:
            return np.nan, np.nan, iteration, 4
        if score > 0.0:
            lower = beta
        else:
            upper = beta
        longest = LONGEST_STEP * iteration
        step = longest if score > 0.0 else -longest
        if not flat:
            step = min(longest, max(-longest, score / information))
            if abs(step) < CONVERGED:
                return beta + step, information, iteration, 0
        following = beta + step
        if following <= lower or following >= upper:
            following = 0.5 * (lower + upper)
        beta = following
        if abs(beta) * reach > EXPONENT_LIMIT:
            return np.nan, np.nan, iteration, 4
    return np.nan, np.nan, MAX_ITERATIONS, 5


@_compiled
def _fit_rows(block, ties, observed, fits):  # noqa: ANN001, ANN202
    """Fit each row of block (n_genes, n_patients; patients by decreasing time) into fits (4, n_genes).

    ties numbers the distinct times, observed marks events, both (n_patients,). Missing values are left out.
    """
    n_genes, n_patients = block.shape
    values = np.empty(n_patients)
    own_ties = np.empty(n_patients, np.int64)
    own_events = np.empty(n_patients, np.bool_)
    for gene in range(n_genes):
        n = n_events = 0
        total = 0.0
        for i in range(n_patients):
            value = block[gene, i]
            if not np.isnan(value):
                values[n] = value
                own_ties[n] = ties[i]
                own_events[n] = observed[i]
                n_events += observed[i]
                total += value
                n += 1
        mean = total / max(n, 1)
        spread = 0.0
        for i in range(n):
            values[i] -= mean
            spread += values[i] * values[i]
        sd = np.sqrt(spread / max(n - 1, 1))
        fits[0, gene] = fits[1, gene] = np.nan
        fits[2, gene] = 0.0
        if n < 2 or not sd > 1e-12 * abs(mean):
            fits[3, gene] = 1.0
            continue
        if n_events == 0:
            fits[3, gene] = 2.0
            continue
        for i in range(n):
            values[i] /= sd
        beta, information, iterations, code = _solve(values[:n], own_ties[:n], own_events[:n])
        if code == 0:
            fits[0, gene] = beta / sd
            fits[1, gene] = 1.0 / np.sqrt(information) / sd
        fits[2, gene] = iterations
        fits[3, gene] = code
