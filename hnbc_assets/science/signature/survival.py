"""Survival curves of groups, and the test that they are equal.

In scope: non-parametric survival of groups. Out of scope: how patients are grouped (scoring), drawing (report).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hnbc_assets.science.signature.survival_data import BoolArray, FloatArray, checked_survival

CURVE_COLUMNS = ["risk_group", "time_days", "survival", "ci_lower", "ci_upper", "at_risk"]


@dataclass(frozen=True)
class LogRank:
    """A log-rank test; statistic and p are null, with a `reason`, where it is not possible."""

    statistic: float
    p_value: float
    sizes: dict[str, int]
    events: dict[str, int]
    reason: str | None = None


def kaplan_meier(time: FloatArray, event: BoolArray, group: ArrayLike) -> pd.DataFrame:
    """Kaplan–Meier curve of each group (Kaplan & Meier 1958, 10.1080/01621459.1958.10501452).

    Intervals are 95 %, of the log(-log) kind, by Greenwood's variance.

    Parameters
    ----------
    time : (n_patients,), days, > 0
    event : (n_patients,), True where the event was observed
    group : (n_patients,), names; patients with a missing group are left out

    Returns
    -------
    One row per group and distinct time, beginning with time 0: risk_group, time_days, survival, ci_lower, ci_upper,
    at_risk (just before that time). No rows if no patient has a group.
    """
    days, observed, groups = _grouped(time, event, group)
    if not len(days):
        return pd.DataFrame({c: pd.Series(dtype=object if c == "risk_group" else float) for c in CURVE_COLUMNS})
    from lifelines import KaplanMeierFitter

    curves = []
    for name in sorted(set(groups)):
        member = groups == name
        fit = KaplanMeierFitter().fit(days[member], observed[member])
        interval = fit.confidence_interval_survival_function_
        curves.append(
            pd.DataFrame(
                {
                    "risk_group": name,
                    "time_days": fit.survival_function_.index.to_numpy(dtype=float),
                    "survival": fit.survival_function_.iloc[:, 0].to_numpy(),
                    "ci_lower": interval.iloc[:, 0].to_numpy(),
                    "ci_upper": interval.iloc[:, 1].to_numpy(),
                    "at_risk": fit.event_table["at_risk"].to_numpy(dtype=np.int64),
                }
            )
        )
    return pd.concat(curves, ignore_index=True)[CURVE_COLUMNS]


def log_rank(time: FloatArray, event: BoolArray, group: ArrayLike) -> LogRank:
    """Log-rank test of equal survival in all groups (Mantel 1966; Peto & Peto 1972, 10.2307/2344317).

    Parameters are those of `kaplan_meier`. With fewer than two groups, or no event, p is null and `reason` says why.
    """
    days, observed, groups = _grouped(time, event, group)
    names = sorted(set(groups))
    sizes = {name: int((groups == name).sum()) for name in names}
    events = {name: int(observed[groups == name].sum()) for name in names}
    if len(names) < 2:
        return LogRank(np.nan, np.nan, sizes, events, f"{len(names)} group(s) with patients; two are needed")
    if not observed.any():
        return LogRank(np.nan, np.nan, sizes, events, "no event was observed")
    from lifelines.statistics import multivariate_logrank_test

    test = multivariate_logrank_test(days, groups, observed)
    return LogRank(float(test.test_statistic), float(test.p_value), sizes, events)


def _grouped(time: FloatArray, event: BoolArray, group: ArrayLike) -> tuple[FloatArray, BoolArray, np.ndarray]:
    names = pd.Series(np.asarray(group, dtype=object))
    known = names.notna().to_numpy()
    if len(known) != len(np.asarray(time)):
        raise ValueError(f"{len(known)} groups for {len(np.asarray(time))} patients: align them first.")
    days, observed = checked_survival(np.asarray(time)[known], np.asarray(event)[known], min_events=0)
    return days, observed, names[known].astype(str).to_numpy()
