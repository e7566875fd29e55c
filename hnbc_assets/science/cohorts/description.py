"""Description: one row of `cohorts`.

In scope: counts, follow-up and time origin of a cohort. Out of scope: anything that changes it.
"""

from __future__ import annotations

import pandas as pd

from hnbc_assets.science.cohorts.endpoints import median_follow_up
from hnbc_assets.vocabulary import Her2Status, Response


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
    time_origin : the event from which times are counted, as the source states it; missing where it does not

    Returns
    -------
    cohort_id, source, role, release, expression_scale, n_patients (clinical records), n_with_expression,
    n_her2_negative (with or without expression), n_included, n_genes, endpoint, n_evaluable (included with a usable
    endpoint), n_events and median_follow_up_days (reverse Kaplan–Meier) among these, time_origin, n_zero_time
    (included whose endpoint was dropped for a time of zero), n_responders (pCR) and n_non_responders (RD) among the
    included. Without an endpoint, its counts are 0 and its follow-up is missing.
    """
    included = patients[patients["included"]]
    evaluable = included
    n_events, follow_up, n_zero = None, None, 0
    if endpoint is not None:
        evaluable = included[included[f"{endpoint}_days"].notna()]
        days, event = evaluable[f"{endpoint}_days"], evaluable[f"{endpoint}_event"]
        n_events, follow_up = int(event.sum()), median_follow_up(days, event)
        n_zero = int(included["endpoint_exclusions"].fillna("").str.contains(f"{endpoint}: time is zero").sum())
    row = {
        "cohort_id": cohort_id,
        "source": source,
        "role": role,
        "release": release,
        "expression_scale": expression_scale,
        "n_patients": len(patients),
        "n_with_expression": int(patients["patient_id"].isin(expression.columns).sum()),
        "n_her2_negative": int((patients["her2_status"] == Her2Status.NEGATIVE).sum()),
        "n_included": len(included),
        "n_genes": len(expression),
        "endpoint": endpoint,
        "n_evaluable": len(evaluable) if endpoint is not None else 0,
        "n_events": n_events,
        "median_follow_up_days": follow_up,
        "time_origin": time_origin,
        "n_zero_time": n_zero,
        "n_responders": int((included["response"] == Response.PCR).sum()),
        "n_non_responders": int((included["response"] == Response.RD).sum()),
    }
    types = {"n_events": "Int64", "median_follow_up_days": float, "endpoint": object, "time_origin": object}
    return pd.DataFrame([row]).astype(types)
