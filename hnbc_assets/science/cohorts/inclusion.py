"""Inclusion: who is included in the study, why the others are not, and whether a cohort can play its role.

In scope: the reasons of exclusion and the minimum that a role needs. Out of scope: HER2 and endpoints themselves.
"""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from hnbc_assets.errors import CohortUnusable
from hnbc_assets.vocabulary import Endpoint, Her2Status, Response, Role

LEAST_RESPONSES = 5


def decide_inclusion(
    patients: pd.DataFrame, with_expression: Collection[str], *, her2_status: Her2Status = Her2Status.NEGATIVE
) -> pd.DataFrame:
    """The patients with `included` and `exclusion_reason` instead of `clinical_exclusion`.

    Patients with the wanted HER2 status, with expression, and without a clinical exclusion are included. A patient
    without a usable endpoint or response stays included: only the analysis that needs it excludes her.

    Parameters
    ----------
    patients : of `clinical.harmonise_clinical`
    with_expression : patient ids that have an expression profile
    """
    rule = patients["her2_rule"].astype(str)
    her2 = ("HER2 " + patients["her2_status"] + " (" + rule + ")").where(patients["her2_status"] != her2_status, "")
    clinical = patients["clinical_exclusion"].fillna("")
    expression = pd.Series("no expression", index=patients.index).mask(
        patients["patient_id"].isin(set(with_expression)), ""
    )
    reasons = ["; ".join(filter(None, why)) for why in zip(her2, clinical, expression, strict=True)]
    decided = patients.drop(columns="clinical_exclusion")
    decided["included"] = [not why for why in reasons]
    decided["exclusion_reason"] = pd.Series([why or None for why in reasons], index=patients.index, dtype=object)
    exclusions = decided.pop("endpoint_exclusions")
    return decided.assign(endpoint_exclusions=exclusions)


def require_role(
    patients: pd.DataFrame,
    expression: pd.DataFrame,
    role: str,
    endpoint: str | None,
    *,
    cohort_id: str,
    min_events: int,
) -> None:
    """Raise an error that says what the cohort lacks for its role, if anything.

    discovery needs at least 5 included patients with pCR and 5 with RD; training `min_events` events of its endpoint;
    validation an endpoint with an event; all need included patients and genes.

    Raises
    ------
    CohortUnusable
    """
    included = patients[patients["included"]]
    if role not in Role:
        raise CohortUnusable(f"{cohort_id}: {role!r} is not a role; roles are {', '.join(Role)}.")
    if not len(expression):
        raise CohortUnusable(f"{cohort_id} has no gene with expression. Is its profile or platform the right one?")
    if not len(included):
        why = patients["exclusion_reason"].value_counts().head(3).to_dict()
        raise CohortUnusable(f"{cohort_id} has no HER2-negative patient with expression; reasons: {why}.")
    if role == Role.DISCOVERY:
        complete, residual = (int((included["response"] == word).sum()) for word in (Response.PCR, Response.RD))
        if min(complete, residual) < LEAST_RESPONSES:
            raise CohortUnusable(
                f"{cohort_id} must find resistance genes but has {complete} pCR and {residual} RD among "
                f"{len(included)} patients (at least {LEAST_RESPONSES} each). If another column has the response, "
                f"name it in the study file: cohorts.{cohort_id}.columns.response."
            )
    if role in (Role.TRAINING, Role.VALIDATION):
        if endpoint not in Endpoint:
            raise CohortUnusable(
                f"{cohort_id} is for {role} but its endpoint is {endpoint!r}; give {', '.join(Endpoint)}."
            )
        n_events = int(included[f"{endpoint}_event"].fillna(False).sum())
        least = min_events if role == Role.TRAINING else 1
        if n_events < least:
            raise CohortUnusable(
                f"{cohort_id} is for {role} on {endpoint} but has {n_events} events among {len(included)} patients "
                f"(at least {least}{', signature.min_events' if role == Role.TRAINING else ''}). "
                f"Choose another endpoint in the study file: cohorts.{cohort_id}.endpoint."
            )
