"""Challenge: does another score order the same patients by survival better than the published one?

In scope: the difference of two concordances on one set of patients, with its interval. Out of scope: concordance itself
(discrimination), fitting a challenger (training), which cohorts are compared and with which consequence (defs).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from hnbc_assets.science.signature.discrimination import bootstrap_counts, harrell_c
from hnbc_assets.science.signature.survival_data import BoolArray, FloatArray, checked_survival

MINIMUM_EVENTS = 2


@dataclass(frozen=True)
class ConcordanceDifference:
    """Harrell's C of two scores on the same patients.

    `difference` is challenger minus published, `ci_lower` and `ci_upper` are its 95 % limits by `method`. They and both
    concordances are null (None) where there is no comparison; `reason` then says why, and is null otherwise.
    """

    n_patients: int
    n_events: int
    c_published: float | None
    c_challenger: float | None
    difference: float | None
    ci_lower: float | None
    ci_upper: float | None
    method: str
    reason: str | None


def concordance_difference(
    time: ArrayLike,
    event: ArrayLike,
    published: FloatArray | pd.Series,
    challenger: FloatArray | pd.Series,
    *,
    n_bootstrap: int,
    seed: int,
) -> ConcordanceDifference:
    """Harrell's C of a challenger minus that of the published score, with a 95 % paired percentile bootstrap.

    Patients are resampled, and both scores are evaluated on the same samples, so that their shared variation cancels
    (Efron & Tibshirani 1993, ch. 13). Samples without a usable pair are left out. Scores that order the patients in the
    same way differ by exactly 0, with the interval [0, 0].

    Parameters
    ----------
    time, event : (n_patients,), days > 0 and observed events
    published, challenger : (n_patients,), in the order of `time`; a higher score means a higher hazard. Patients
        without either score (missing or infinite) are left out
    n_bootstrap : samples, at least 1
    seed : of the resampling

    Raises
    ------
    ValueError
        If lengths differ, a time is missing or not above 0, an event is missing, or `n_bootstrap` is below 1.
    """
    if n_bootstrap < 1:
        raise ValueError(f"n_bootstrap is {n_bootstrap}: an interval needs at least 1 sample.")
    days, observed = checked_survival(time, event, min_events=0)
    scores = [_scores(score, len(days), name) for score, name in ((published, "published"), (challenger, "challenger"))]
    scored = np.isfinite(scores[0]) & np.isfinite(scores[1])
    days, observed = days[scored], observed[scored]
    ours, theirs = (score[scored] for score in scores)
    sizes = {"n_patients": len(days), "n_events": int(observed.sum())}
    method = f"paired percentile bootstrap, {n_bootstrap} samples"
    if sizes["n_events"] < MINIMUM_EVENTS:
        many = f"{sizes['n_events']} event{'s' if sizes['n_events'] != 1 else ''}"
        reason = f"{many} among the patients with both scores; a comparison needs at least {MINIMUM_EVENTS}"
        return ConcordanceDifference(**sizes, **_nothing(), method=method, reason=reason)
    c_published, c_challenger = (float(harrell_c(score, days, observed)[0]) for score in (ours, theirs))
    if np.isnan(c_published):
        reason = "no pair of patients can be compared"
        return ConcordanceDifference(**sizes, **_nothing(), method=method, reason=reason)
    samples = difference_samples(days, observed, ours, theirs, n_bootstrap=n_bootstrap, seed=seed)
    given = samples[np.isfinite(samples)]
    lower, upper = (float(limit) for limit in np.quantile(given, [0.025, 0.975])) if len(given) else (None, None)
    return ConcordanceDifference(
        **sizes,
        c_published=c_published,
        c_challenger=c_challenger,
        difference=c_challenger - c_published,
        ci_lower=lower,
        ci_upper=upper,
        method=method,
        reason=None,
    )


def difference_samples(
    time: FloatArray, event: BoolArray, published: FloatArray, challenger: FloatArray, *, n_bootstrap: int, seed: int
) -> FloatArray:
    """(n_bootstrap,): challenger's C minus published C, patients resampled; missing where no pair is usable.

    Arrays are (n_patients,) and complete; times in days.
    """
    counts = bootstrap_counts(len(time), n_bootstrap, seed)
    return harrell_c(challenger, time, event, counts) - harrell_c(published, time, event, counts)


def _scores(score: FloatArray | pd.Series, n_patients: int, name: str) -> FloatArray:
    values = np.asarray(score, dtype=float)
    if values.shape != (n_patients,):
        raise ValueError(f"{n_patients} patients need as many {name} scores, not {values.shape}: align them first.")
    return values


def _nothing() -> dict[str, None]:
    return dict.fromkeys(("c_published", "c_challenger", "difference", "ci_lower", "ci_upper"))
