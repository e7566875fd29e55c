"""The unpenalised Cox model of the selected genes, and whether hazards are proportional.

In scope: several genes in one model, after selection. Out of scope: the signature's own coefficients, which are the
LASSO's (lasso): the refit is descriptive only, because the genes were selected on the same patients.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import chdtrc
from scipy.stats import norm

from hnbc_assets.science.signature.survival_data import BoolArray, FloatArray, checked_survival

REFIT_TYPES = {
    "gene": object,
    "coefficient": float,
    "standard_error": float,
    "hazard_ratio": float,
    "ci_lower": float,
    "ci_upper": float,
    "p_value": float,
    "reason": object,
}
GLOBAL = "GLOBAL"
VANISHED = 1e3


def multivariable(
    x: FloatArray | pd.DataFrame, time: FloatArray, event: BoolArray, genes: Sequence[str] | None = None
) -> pd.DataFrame:
    """One Cox model of all genes (lifelines, ties by Efron).

    Patients with a missing value in any gene are left out. Coefficients are biased away from 0 and intervals are too
    narrow when the genes were chosen on the same patients.

    Parameters
    ----------
    x : (n_patients, n_genes), any unit; a hazard ratio is per unit of x
    time : (n_patients,), days, > 0
    event : (n_patients,), True where the event was observed
    genes : names of the columns; default the columns of a frame

    Returns
    -------
    One row per gene: gene, coefficient, standard_error, hazard_ratio, ci_lower, ci_upper, p_value (Wald), reason. Where
    the model has no estimate (collinear genes, more genes than events, separation) only gene and reason are not null.
    No rows if there are no genes.
    """
    names = _names(x, genes)
    values, days, observed = _complete(x, time, event)
    table = pd.DataFrame({"gene": names}, dtype=object).reindex(columns=list(REFIT_TYPES)).astype(REFIT_TYPES)
    table["reason"] = None
    if not names:
        return table
    problem = _unfittable(values, observed, names)
    if problem is None:
        fitted = _lifelines_fit(values, days, observed)
        if fitted is None:
            problem = "the model has no finite estimate"
        else:
            table["coefficient"], table["standard_error"] = fitted
    if problem is not None:
        table["reason"] = problem
        return table
    z_95 = norm.ppf(0.975)
    table["hazard_ratio"] = np.exp(table["coefficient"])
    table["ci_lower"] = np.exp(table["coefficient"] - z_95 * table["standard_error"])
    table["ci_upper"] = np.exp(table["coefficient"] + z_95 * table["standard_error"])
    table["p_value"] = 2 * norm.sf(np.abs(table["coefficient"] / table["standard_error"]))
    return table


def proportional_hazards(
    x: FloatArray | pd.DataFrame, time: FloatArray, event: BoolArray, genes: Sequence[str] | None = None
) -> pd.DataFrame:
    """Score test of proportional hazards, for each gene and for all together.

    Grambsch & Therneau's test (1994, 10.1093/biomet/81.3.515) in the exact form of R survival 3's cox.zph: the score
    test of adding gene × g(t), where g is 1 minus the Kaplan–Meier estimate just before t. (lifelines tests each gene
    by the older approximation and has no global test.)

    Parameters are those of `multivariable`.

    Returns
    -------
    gene (the last row is GLOBAL), statistic (chi-squared), degrees_of_freedom, p_value, reason. No rows if there are no
    genes.
    """
    names = _names(x, genes)
    values, days, observed = _complete(x, time, event)
    columns = {"gene": object, "statistic": float, "degrees_of_freedom": np.int64, "p_value": float, "reason": object}
    if not names:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
    degrees = np.append(np.ones(len(names), dtype=np.int64), len(names))
    statistic = np.full(len(names) + 1, np.nan)
    problem = _unfittable(values, observed, names)
    if problem is None:
        fitted = _lifelines_fit(values, days, observed)
        if fitted is None:
            problem = "the model has no finite estimate"
        else:
            statistic = _score_tests(values, days, observed, fitted[0])
    table = {
        "gene": [*names, GLOBAL],
        "statistic": statistic,
        "degrees_of_freedom": degrees,
        "p_value": chdtrc(degrees, statistic),
        "reason": pd.Series([problem] * len(degrees), dtype=object),
    }
    return pd.DataFrame(table)


def _names(x: FloatArray | pd.DataFrame, genes: Sequence[str] | None) -> list[str]:
    if genes is not None:
        return list(genes)
    if isinstance(x, pd.DataFrame):
        return list(x.columns)
    raise ValueError("The genes of an array must be named: give `genes`.")


def _complete(
    x: FloatArray | pd.DataFrame, time: FloatArray, event: BoolArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    values = np.asarray(x, dtype=float)
    days, observed = checked_survival(time, event, len(values), min_events=0)
    complete = np.isfinite(values).all(axis=1)
    return values[complete], days[complete], observed[complete]


def _unfittable(values: FloatArray, observed: BoolArray, names: list[str]) -> str | None:
    n_events = int(observed.sum())
    if n_events <= len(names):
        return f"{n_events} events are too few for {len(names)} genes in one model"
    sd = values.std(axis=0)
    constant = ~(sd > 1e-12 * np.abs(values).max(axis=0))
    if constant.any():
        return f"{names[int(constant.argmax())]} has no variance"
    if np.linalg.matrix_rank((values - values.mean(axis=0)) / sd, tol=1e-8 * len(values)) < len(names):
        return "the genes are linearly dependent"
    return None


def _lifelines_fit(values: FloatArray, days: FloatArray, observed: BoolArray) -> tuple[FloatArray, FloatArray] | None:
    """Coefficients and standard errors per unit, or None where there is no finite estimate."""
    import warnings

    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError, ConvergenceWarning

    sd = values.std(axis=0)
    frame = pd.DataFrame((values - values.mean(axis=0)) / sd).assign(days=days, observed=observed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            fit = CoxPHFitter().fit(frame, "days", "observed", fit_options={"precision": 1e-12})
        except (ConvergenceError, ValueError, np.linalg.LinAlgError):
            return None
    coefficient, error = fit.params_.to_numpy(), fit.standard_errors_.to_numpy()
    # The information is at most about the number of events; where almost none is left, the estimate has diverged.
    if not np.isfinite(coefficient).all() or not (error * np.sqrt(observed.sum()) < VANISHED).all():
        return None
    return coefficient / sd, error / sd


def _score_tests(values: FloatArray, days: FloatArray, observed: BoolArray, beta: FloatArray) -> FloatArray:
    """(n_genes + 1,) chi-squared statistics, the last one global."""
    order = np.argsort(days, kind="stable")
    x, days, observed = values[order] - values.mean(axis=0), days[order], observed[order]
    relative = np.exp(x @ beta)
    n_genes = x.shape[1]
    score = np.zeros(n_genes)
    fitted = np.zeros((n_genes, n_genes))  # information of the coefficients, of them with their g(t), of g(t) alone
    crossed = np.zeros((n_genes, n_genes))
    added = np.zeros((n_genes, n_genes))
    event_times, transformed = _one_less_survival(days, observed)
    for now, g in zip(event_times, transformed, strict=True):
        at_risk = days >= now
        dying = (days == now) & observed
        n_events = int(dying.sum())
        for k in range(n_events):
            # Efron: for the k-th of tied events, the patients with an event now have a share of their weight.
            weight = relative * at_risk - (k / n_events) * relative * dying
            mean = weight @ x / weight.sum()
            spread = (x.T * weight) @ x / weight.sum() - np.outer(mean, mean)
            score -= g * mean
            fitted += spread
            crossed += g * spread
            added += g * g * spread
        score += g * x[dying].sum(axis=0)
    inverse = np.linalg.inv(fitted)
    variance = added - crossed @ inverse @ crossed
    each = score**2 / np.diag(variance)
    together = score @ np.linalg.solve(variance, score)
    return np.append(each, together)


def _one_less_survival(days: FloatArray, observed: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Event times, and 1 minus the Kaplan–Meier estimate just before each; `days` ascending."""
    times, first, inverse = np.unique(days, return_index=True, return_inverse=True)
    died = np.bincount(inverse, weights=observed)
    survival = np.cumprod(1 - died / (len(days) - first))
    before = np.concatenate([[1.0], survival[:-1]])
    return times[died > 0], 1 - before[died > 0]
