"""Two groups of patients compared by rank, many features at once: shared by the microenvironment and drug stages.

In scope: the Mann–Whitney test, its effect size and the covariate-adjusted form. Out of scope: where scores and groups
come from.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr
from scipy.stats import rankdata

from hnbc_assets.science.genes.linear_model import orthogonal_basis
from hnbc_assets.science.multiple_testing import benjamini_hochberg
from hnbc_assets.vocabulary import RiskGroup

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def compare_groups(values: pd.DataFrame, group: pd.Series, *, covariates: pd.DataFrame | None = None) -> pd.DataFrame:
    """Compare each feature between the high and the low group.

    Plain: the Mann–Whitney U test, two-sided, by its normal approximation with tie and continuity corrections (whatever
    the group sizes), and the rank-biserial correlation 2U/(n_high n_low) − 1 as effect (Kerby 2014, 10.2466/11.IT.3.1).
    Adjusted: the feature's ranks among the patients used become normal scores Φ⁻¹(rank / (n + 1)) (van der Waerden),
    and the effect is the group's coefficient, in standard deviations, in least squares on group and covariates, with
    its t-test (Conover & Iman 1981, 10.1080/00031305.1981.10479327).

    Parameters
    ----------
    values : features × patients, any unit; a missing value leaves the patient out of that feature
    group : by patient, "high" or "low"; a patient without one is left out
    covariates : patients × covariates; numbers, or words (dummy-coded, the first word as reference); a patient with a
        missing covariate is left out of the adjusted test only; a covariate that does not vary is dropped

    Returns
    -------
    One row per feature, in the given order: feature, n_high, n_low, median_high, median_low, effect (positive: higher
    in the high group), p_value, fdr, adjusted_effect, adjusted_p_value, adjusted_fdr, adjusted_for (names of the
    covariates, separated by commas). Missing: p values where either group is empty or nothing varies; the adjusted
    columns without covariates, or where the covariates determine the group.

    Raises
    ------
    ValueError
        If a group has another name, or values or covariates name a patient twice.
    """
    _check(values, group, covariates)
    group = group.reindex(values.columns).dropna()
    x = values[group.index].to_numpy(dtype=float)
    high = (group == RiskGroup.HIGH).to_numpy()
    table = pd.DataFrame({"feature": values.index.to_list(), **_mann_whitney(x, high)})
    table["fdr"] = benjamini_hochberg(table["p_value"])
    names, design = _numeric(covariates, group.index)
    table["adjusted_effect"], table["adjusted_p_value"] = _adjusted(x, high, design)
    table["adjusted_fdr"] = benjamini_hochberg(table["adjusted_p_value"])
    table["adjusted_for"] = ", ".join(names)
    return table


def _check(values: pd.DataFrame, group: pd.Series, covariates: pd.DataFrame | None) -> None:
    strange = sorted(set(group.dropna()) - set(RiskGroup))
    if strange:
        raise ValueError(f"unknown risk groups {strange}: they must be high and low")
    for what, index in (("values", values.columns), ("groups", group.index)):
        if index.has_duplicates:
            raise ValueError(f"the {what} name a patient twice: {index[index.duplicated()][0]}")
    if covariates is not None and covariates.index.has_duplicates:
        raise ValueError(f"the covariates name a patient twice: {covariates.index[covariates.index.duplicated()][0]}")


def _mann_whitney(x: FloatArray, high: BoolArray) -> dict[str, NDArray]:
    """Counts, medians, effect and p value of each row of x (n_features, n_patients)."""
    observed = np.isfinite(x)
    ranks, ties = _ranks(x, observed)
    n_high, n_low = (observed & high).sum(axis=1), (observed & ~high).sum(axis=1)
    n = n_high + n_low
    with np.errstate(invalid="ignore", divide="ignore"):
        u = np.where(observed & high, ranks, 0).sum(axis=1) - n_high * (n_high + 1) / 2
        pairs = (n_high * n_low).astype(float)
        spread = np.sqrt(pairs / 12 * (n + 1 - ties / (n * (n - 1))))
        z = (np.maximum(u, pairs - u) - pairs / 2 - 0.5) / spread
        testable = (pairs > 0) & (spread > 0)
        effect = np.where(pairs > 0, 2 * u / pairs - 1, np.nan)
        p_value = np.where(testable, np.minimum(2 * ndtr(-z), 1), np.nan)
    return {
        "n_high": n_high,
        "n_low": n_low,
        "median_high": _medians(x[:, high]),
        "median_low": _medians(x[:, ~high]),
        "effect": effect,
        "p_value": p_value,
    }


def _ranks(x: FloatArray, observed: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Ranks among the observed values of each row (ties share their mean; 0 where missing); Σ(t³ − t) over its ties."""
    n_features, n_patients = x.shape
    filled = np.where(observed, x, np.inf)
    ranks = rankdata(filled, axis=1) if x.size else np.zeros(x.shape)
    ordered = np.sort(filled, axis=1)
    ties = np.zeros(n_features)
    new_value = np.ones((n_features, n_patients), dtype=bool)
    new_value[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    for row in np.flatnonzero((~new_value).any(axis=1)):
        starts = np.flatnonzero(new_value[row])
        sizes = np.diff(np.append(starts, n_patients))[np.isfinite(ordered[row, starts])].astype(float)
        ties[row] = (sizes**3 - sizes).sum()
    return np.where(observed, ranks, 0.0), ties


def _medians(x: FloatArray) -> FloatArray:
    some = np.isfinite(x).any(axis=1)
    medians = np.full(len(x), np.nan)
    medians[some] = np.nanmedian(x[some], axis=1)
    return medians


def _numeric(covariates: pd.DataFrame | None, patients: pd.Index) -> tuple[list[str], FloatArray]:
    """Names of the covariates that vary among the patients, and their columns (n_patients, k), missing as NaN."""
    names, columns = [], [np.empty((len(patients), 0))]
    for name, values in ({} if covariates is None else covariates.reindex(patients)).items():
        if values.nunique() < 2:
            continue
        if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values.dropna().infer_objects()):
            column = values.astype(float).to_numpy()[:, None]
        else:
            column = pd.get_dummies(values.astype(object), drop_first=True).to_numpy(dtype=float)
            column[values.isna().to_numpy()] = np.nan
        names.append(str(name))
        columns.append(column)
    return names, np.hstack(columns)


def _adjusted(x: FloatArray, high: BoolArray, covariates: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Coefficient of the group and its p value, per feature; features missing the same patients are fitted together."""
    effect, p_value = np.full(len(x), np.nan), np.full(len(x), np.nan)
    if covariates.shape[1] == 0 or not x.size:
        return effect, p_value
    used = np.isfinite(x) & np.isfinite(covariates).all(axis=1)
    patterns, which = np.unique(used, axis=0, return_inverse=True)
    for number, patients in enumerate(patterns):
        features = np.flatnonzero(which.ravel() == number)
        scores = _normal_scores(x[np.ix_(features, patients)])
        effect[features], p_value[features] = _group_coefficient(scores, high[patients], covariates[patients])
    return effect, p_value


def _normal_scores(x: FloatArray) -> FloatArray:
    """Van der Waerden's scores of each row: Φ⁻¹(rank / (n + 1))."""
    return ndtri(rankdata(x, axis=1) / (x.shape[1] + 1)) if x.size else x


def _group_coefficient(scores: FloatArray, high: BoolArray, covariates: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Frisch–Waugh: scores regressed on group, both as residuals from intercept and covariates."""
    n = len(high)
    nothing = np.full(len(scores), np.nan), np.full(len(scores), np.nan)
    if n == 0:
        return nothing
    nuisance = orthogonal_basis(_unit_columns(covariates))
    groups = high.astype(float)[None, :]
    wanted = nuisance.residuals(groups, nuisance.projections(groups))[0]
    length = (wanted * wanted).sum()
    df = n - nuisance.rank - 1
    if df < 1 or length < 1e-10 * n:
        return nothing
    cleared = nuisance.residuals(scores, nuisance.projections(scores))
    effect = (cleared * wanted).sum(axis=1) / length
    residuals = cleared - effect[:, None] * wanted
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt((residuals**2).sum(axis=1) / df / length)
        p_value = 2 * stdtr(df, -np.abs(effect / error))
    flat = np.ptp(scores, axis=1) == 0
    return np.where(flat, np.nan, effect), np.where(flat, np.nan, p_value)


def _unit_columns(covariates: FloatArray) -> FloatArray:
    """Intercept and covariates, centred and of unit length, so that their units do not decide what is collinear."""
    centred = covariates - covariates.mean(axis=0)
    lengths = np.sqrt((centred * centred).sum(axis=0))
    varying = lengths > 1e-12 * np.maximum(np.abs(covariates).max(axis=0), 1e-300)
    return np.column_stack([np.full(len(covariates), len(covariates) ** -0.5), centred[:, varying] / lengths[varying]])
