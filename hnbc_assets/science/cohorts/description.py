"""Description: one row of `cohorts`.

Belongs here: counts, follow-up and time origin of a cohort. Does not: anything that changes it.
"""

from __future__ import annotations

import pandas as pd

from hnbc_assets.science.cohorts.endpoints import median_follow_up


def describe_cohort(
    patients: pd.DataFrame,
    expression: pd.DataFrame,
    *,
    cohort_id: str,
    source: str,
    role: str,
    release: str,
    expression_scale: str,
    endpoint: str | None = None,
    time_origin: str | None = None,
) -> pd.DataFrame:
    """One row of `cohorts`.

    Parameters
    ----------
    patients : of `inclusion.decide_inclusion`
    expression : genes × patients
    time_origin : from when times are counted, as the source says; missing means that it does not say

    Returns
    -------
    n_patients counts clinical records; n_her2_negative those of HER2-negative status, with expression or without;
    n_events and median_follow_up_days (reverse Kaplan–Meier) are of the endpoint among the included.
    """
    included = patients[patients["included"]]
    n_events, follow_up = None, None
    if endpoint is not None:
        days, event = included[f"{endpoint}_days"], included[f"{endpoint}_event"]
        n_events, follow_up = int(event.fillna(False).sum()), median_follow_up(days, event)
    row = {
        "cohort_id": cohort_id,
        "source": source,
        "role": role,
        "release": release,
        "expression_scale": expression_scale,
        "n_patients": len(patients),
        "n_her2_negative": int((patients["her2_status"] == "negative").sum()),
        "n_included": len(included),
        "n_genes": len(expression),
        "endpoint": endpoint,
        "n_events": n_events,
        "median_follow_up_days": follow_up,
        "time_origin": time_origin,
    }
    frame = pd.DataFrame([row])
    return frame.astype(
        {"n_events": "Int64", "median_follow_up_days": float, "endpoint": object, "time_origin": object}
    )
