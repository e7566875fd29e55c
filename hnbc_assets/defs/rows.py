"""Rows: frames of several cohorts put together as one table.

In scope: the published table of what is made for each cohort. Out of scope: what is made for a cohort (defs/stages),
how assets are declared (stage.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from hnbc_assets.tables import Table

Frames = dict[str, pd.DataFrame]


def rows_of_each_cohort(each: Frames, table: type[Table]) -> pd.DataFrame:
    """The rows of every cohort, one cohort below the other, in the study's order of cohorts."""
    return stacked(list(each.values()), table)


def stacked(frames: Sequence[pd.DataFrame], table: type[Table]) -> pd.DataFrame:
    """Frames one below the other in the table's columns; without a row, the empty table."""
    filled = [f for f in frames if len(f)]
    return pd.concat([table.conform(f) for f in filled], ignore_index=True) if filled else table.empty()
