"""Rows of tables that reports read, in short."""

from __future__ import annotations

import pandas as pd


def performance(rows: list[tuple]) -> pd.DataFrame:
    columns = [
        "cohort_id",
        "endpoint",
        "metric",
        "estimate",
        "ci_lower",
        "ci_upper",
        "apparent",
        "independent",
        "reason",
    ]
    return pd.DataFrame(rows, columns=columns)


def comparison(**columns) -> pd.DataFrame:
    return pd.DataFrame({"cohort_id": "tcga", "adjusted_for": "er_status, general_sensitivity", **columns})


def flat(text: str) -> str:
    """The text without its line breaks and indents."""
    return " ".join(text.split())
