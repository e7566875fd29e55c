"""Prognostic performance: the figures of merit of a score in one cohort.

In scope: which figures are given, with which interval, and when they are withheld. Out of scope: their computation
(discrimination, cox, survival), resampling of the whole procedure (not implemented).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hnbc_assets.science.signature import discrimination
from hnbc_assets.science.signature.cox import Z_95, screen
from hnbc_assets.science.signature.scoring import groups
from hnbc_assets.science.signature.survival import log_rank
from hnbc_assets.science.signature.survival_data import BoolArray, FloatArray, checked_survival
from hnbc_assets.vocabulary import RiskGroup

DAYS_PER_YEAR = 365.25
EVENTS_BEFORE = 10
AT_RISK_AFTER = 20
AT_RISK_SHARE = 0.1
COLUMNS = ["metric", "time_days", "estimate", "ci_lower", "ci_upper", "method", "reason"]

HALF_WIDTH = "1.96 · training sd / (sd of these scores · √events)"

Row = dict[str, object]


def performance(
    score: FloatArray | pd.Series,
    time: FloatArray,
    event: BoolArray,
    *,
    train_time: FloatArray,
    train_event: BoolArray,
    cutoff: float,
    training_sd: float | None = None,
    years: Sequence[float] = (1, 3, 5),
    seed: int,
    n_bootstrap: int = 500,
    reason: str | None = None,
) -> pd.DataFrame:
    """How strongly a score is associated with survival in these patients.

    Figures: `n_patients`, `n_events`; `hazard_ratio_per_sd` (per training sd, the headline); `c_index_harrell`;
    `c_index_uno`, up to the training cohort's follow-up and while a tenth of these patients is at risk; `auc` at each
    of `years`, only where at least 10 events come before, 20 patients remain and training was followed that long;
    `n_high`, `n_low`, `log_rank_p` and `hazard_ratio_high_vs_low` of the split at `cutoff`; and
    `expected_ci_half_width_log_hr`, 1.96 · training sd / (sd here · √events), the best precision with these events.
    Censoring weights come from the scored patients, since censoring differs between cohorts.

    Parameters
    ----------
    score : (n_patients,); patients without a score are left out
    time, event : (n_patients,), days > 0 and observed events
    train_time, train_event : of the training cohort
    cutoff : the training median; missing for no groups
    training_sd : standard deviation of the score in training; default that of these scores
    years : of the AUC
    seed, n_bootstrap : of the percentile intervals (95 %) of concordance and AUC; patients are resampled
    reason : if given, every estimate is null with this reason

    Returns
    -------
    One row per figure: metric, time_days (τ or the AUC's time), estimate, ci_lower, ci_upper, method, reason. A figure
    that cannot be given is null with its reason.
    """
    values = np.asarray(score, dtype=float)
    scored = np.isfinite(values)
    days, observed = checked_survival(
        np.asarray(time)[scored], np.asarray(event)[scored], int(scored.sum()), min_events=0
    )
    training_days, _ = checked_survival(train_time, train_event, min_events=0)
    values = values[scored]
    reason = reason or _unanswerable(values, observed, training_days)
    if reason is not None:
        return _table([*_sizes(days, observed), *_withheld(years, reason)])
    sd = float(values.std(ddof=1)) if training_sd is None else training_sd
    counts = discrimination.bootstrap_counts(len(values), n_bootstrap, seed)
    method = f"percentile bootstrap, {n_bootstrap} samples"
    rows = [
        *_sizes(days, observed),
        _hazard_ratio("hazard_ratio_per_sd", values / sd, days, observed, "Cox, Wald"),
        _interval(
            "c_index_harrell",
            np.nan,
            discrimination.harrell_c(values, days, observed),
            discrimination.harrell_c(values, days, observed, counts),
            method,
        ),
        _uno(values, days, observed, counts, training_days, method),
        *(_auc(values, days, observed, counts, year, training_days, method) for year in years),
        *_split(values, days, observed, cutoff),
        _row("expected_ci_half_width_log_hr", Z_95 * sd / (values.std(ddof=1) * np.sqrt(observed.sum())), HALF_WIDTH),
    ]
    return _table(rows)


def _unanswerable(values: FloatArray, observed: BoolArray, training_days: FloatArray) -> str | None:
    if not len(values):
        return "no patient has a score"
    if not observed.any():
        return "no event was observed"
    if len(values) < 2 or not values.std() > 0:
        return "the score does not vary"
    if not len(training_days):
        return "there is no training cohort"
    return None


def _sizes(days: FloatArray, observed: BoolArray) -> list[Row]:
    return [_row("n_patients", float(len(days)), "count"), _row("n_events", float(observed.sum()), "count")]


def _uno(
    values: FloatArray,
    days: FloatArray,
    observed: BoolArray,
    counts: FloatArray,
    training_days: FloatArray,
    method: str,
) -> Row:
    still_at_risk = np.sort(days)[len(days) - int(np.ceil(AT_RISK_SHARE * len(days)))]
    tau = float(min(training_days.max(), still_at_risk))
    estimate = discrimination.uno_c(values, days, observed, tau)
    return _interval("c_index_uno", tau, estimate, discrimination.uno_c(values, days, observed, tau, counts), method)


def _auc(
    values: FloatArray,
    days: FloatArray,
    observed: BoolArray,
    counts: FloatArray,
    year: float,
    training_days: FloatArray,
    method: str,
) -> Row:
    at = year * DAYS_PER_YEAR
    before, after = int((observed & (days <= at)).sum()), int((days > at).sum())
    withheld = None
    if before < EVENTS_BEFORE or after < AT_RISK_AFTER:
        withheld = (
            f"{before} events before and {after} patients at risk after; {EVENTS_BEFORE} and {AT_RISK_AFTER} are needed"
        )
    elif at > training_days.max():
        withheld = f"the training cohort was followed for {training_days.max():.0f} days only"
    if withheld is not None:
        return _row("auc", np.nan, method, time_days=at, reason=withheld)
    estimate = discrimination.auc_at(values, days, observed, at)
    return _interval("auc", at, estimate, discrimination.auc_at(values, days, observed, at, counts), method)


def _split(values: FloatArray, days: FloatArray, observed: BoolArray, cutoff: float) -> list[Row]:
    if np.isnan(cutoff):
        why = "there is no cut-off"
        return [_row(metric, np.nan, "split at the training median", reason=why) for metric in _SPLIT]
    names = groups(pd.Series(values), cutoff).to_numpy()
    high = names == RiskGroup.HIGH
    test = log_rank(days, observed, names)
    rows = [
        _row("n_high", float(high.sum()), "count"),
        _row("n_low", float((~high).sum()), "count"),
        _row("log_rank_p", test.p_value, "log-rank", reason=test.reason),
    ]
    if test.reason is not None:
        return [*rows, _row("hazard_ratio_high_vs_low", np.nan, "Cox, Wald", reason=test.reason)]
    return [*rows, _hazard_ratio("hazard_ratio_high_vs_low", high.astype(float), days, observed, "Cox, Wald")]


_SPLIT = ("n_high", "n_low", "log_rank_p", "hazard_ratio_high_vs_low")


def _withheld(years: Sequence[float], reason: str) -> list[Row]:
    rows = [_row(metric, np.nan, "", reason=reason) for metric in ("hazard_ratio_per_sd", "c_index_harrell")]
    rows.append(_row("c_index_uno", np.nan, "", reason=reason))
    rows.extend(_row("auc", np.nan, "", time_days=year * DAYS_PER_YEAR, reason=reason) for year in years)
    rows.extend(_row(metric, np.nan, "", reason=reason) for metric in (*_SPLIT, "expected_ci_half_width_log_hr"))
    return rows


def _hazard_ratio(metric: str, x: FloatArray, days: FloatArray, observed: BoolArray, method: str) -> Row:
    fit = screen(x[:, None], days, observed).iloc[0]
    return _row(metric, fit.hazard_ratio, method, fit.ci_lower, fit.ci_upper, reason=fit.reason)


def _interval(metric: str, time_days: float, estimate: ArrayLike, samples: FloatArray, method: str) -> Row:
    given = samples[np.isfinite(samples)]
    lower, upper = np.quantile(given, [0.025, 0.975]) if len(given) else (np.nan, np.nan)
    value = float(np.asarray(estimate)[0])
    reason = "no pair of patients can be compared" if np.isnan(value) else None
    return _row(metric, value, method, lower, upper, time_days=time_days, reason=reason)


def _row(
    metric: str,
    estimate: float,
    method: str,
    ci_lower: float = np.nan,
    ci_upper: float = np.nan,
    *,
    time_days: float = np.nan,
    reason: str | None = None,
) -> Row:
    return dict(zip(COLUMNS, (metric, time_days, estimate, ci_lower, ci_upper, method, reason), strict=True))


def _table(rows: list[Row]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=COLUMNS)
    numbers = ["time_days", "estimate", "ci_lower", "ci_upper"]
    texts = ["metric", "method", "reason"]
    return table.astype(dict.fromkeys(numbers, float) | dict.fromkeys(texts, object))
