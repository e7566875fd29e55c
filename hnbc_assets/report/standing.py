"""Standing: whether a cohort's figures are apparent, not independent or independent, in the same words everywhere.

In scope: reading it from published rows and wording it. Out of scope: deciding it (defs/stages/cohort_data,
science/cohorts/independence).
"""

from __future__ import annotations

import pandas as pd

from hnbc_assets.report.wording import known
from hnbc_assets.vocabulary import Role

APPARENT_HERE = "apparent: trained on these patients"
NOT_KNOWN, NOT_INDEPENDENT = "independence not known", "not independent"
SCALED = "values scaled"


def standing(rows: pd.DataFrame | None, role: str = "") -> str:
    """Whether a cohort's figures are apparent, not independent (with the reason) or independent (with the evidence).

    Parameters
    ----------
    rows : the cohort's rows of prognostic_performance, which has no rows of a cohort without an endpoint
    role : the cohort's role in the study
    """
    if role == Role.DISCOVERY and (rows is None or rows.empty):
        return f"{NOT_INDEPENDENT}: it chose the genes"
    if rows is None or rows.empty or "apparent" not in rows or not known(rows["apparent"].iloc[0]):
        return NOT_KNOWN
    row = rows.iloc[0]
    if bool(row["apparent"]):
        return APPARENT_HERE
    if not known(row.get("independent")):
        return NOT_KNOWN
    basis = str(row["independence_basis"]) if known(row.get("independence_basis")) else ""
    if not bool(row["independent"]):
        return NOT_INDEPENDENT + (f": {basis}" if basis else "")
    return independent_by(basis) + "".join(f", {part}" for part in basis.split("; ") if part.startswith(SCALED))


def independent_by(basis: str) -> str:
    """ "ids; profiles not screened" as "independent by ids (profiles could not be compared)"."""
    parts = [part for part in basis.split("; ") if part and not part.startswith(SCALED)]
    compared = [part for part in parts if " not " not in part]
    lacking = [part.split(" not ")[0] for part in parts if " not " in part]
    if not parts:
        return "independent"
    text = f"independent by {' and '.join(compared)}" if compared else "not shown to be independent"
    return text + (f" ({' and '.join(lacking)} could not be compared)" if lacking else "")
