"""How published tables are read and worded in all passages of the headline.

In scope: rows of a table that may be missing, figures of merit, cohorts that were scaled together.
Out of scope: the passages of the headline (text, differences, reading).
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from hnbc_assets.report.wording import known

Tables = Mapping[str, pd.DataFrame]
TIE = "\u00a0"


def rows(tables: Tables, name: str, *columns: str) -> pd.DataFrame:
    """A table, or an empty one with the given columns."""
    frame = tables.get(name)
    return pd.DataFrame(columns=list(columns)) if frame is None else frame


def performance(tables: Tables, metric: str) -> pd.DataFrame:
    """The rows of one metric, apparent ones first, then the independent ones; each with `scaled_with`."""
    found = rows(tables, "prognostic_performance", "metric", "apparent", "independent", "cohort_id")
    found = found[found["metric"] == metric]
    facts = {"apparent": found["apparent"].astype(bool), "independent": found["independent"].astype(bool)}
    facts["scaled_with"] = found["cohort_id"].map(scaled_with(tables)).astype(object)
    return found.assign(**facts).sort_values(["apparent", "independent"], ascending=False, kind="stable")


def scaled_with(tables: Tables) -> dict[str, str]:
    """By cohort: the cohorts whose values were scaled together with its own."""
    cohorts = rows(tables, "cohorts", "cohort_id", "scaled_with")
    if "scaled_with" not in cohorts:
        return {}
    return cohorts.dropna(subset=["scaled_with"]).set_index("cohort_id")["scaled_with"].astype(str).to_dict()


def estimate(row: pd.Series, *, why: bool = True) -> str:
    """A figure with its interval, or that it is missing and, with `why`, the reason."""
    if not known(row["estimate"]):
        return f"no figure ({row['reason']})" if why and known(row.get("reason")) else "no figure"
    interval = f"{TIE}({row['ci_lower']:.2f}–{row['ci_upper']:.2f})" if known(row["ci_lower"]) else ""
    return f"{row['estimate']:.2f}{interval}"


def label(row: pd.Series) -> str:
    """Why a figure is not a validation, to be written after it."""
    if row["apparent"]:
        return " apparent"
    limits = [] if row["independent"] else ["not independent"]
    if known(row["scaled_with"]):
        limits.append(f"values scaled together with {row['scaled_with']}")
    return f" ({', '.join(limits)})" if limits else ""
