"""Invented clinical records: a source's columns as `read_clinical` returns them.

In scope: the frame. Out of scope: tests, values.
"""

from __future__ import annotations

import pandas as pd


def records(ids: list[str] | None = None, **columns: list) -> pd.DataFrame:
    """One row per patient; patients without ids are p0, p1 …"""
    names = ids or [f"p{n}" for n in range(len(next(iter(columns.values()))))]
    return pd.DataFrame(columns, index=pd.Index(names, name="patient_id"), dtype=object)
