"""Per-cohort work: a cohort's rows of a table are an asset of their own, made again only when that cohort changes.

In scope: putting the rows of all cohorts together as the published table. Out of scope: what is made for a cohort (the
stages' modules).
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from hnbc_assets.defs.stage import Build, Stage
from hnbc_assets.tables import Table

Frames = dict[str, pd.DataFrame]


def publish_rows_of_each_cohort(stage: Stage, *tables: type[Table]) -> None:
    """Declare published tables that are the rows of every cohort, in the study's order of cohorts."""
    for table in tables:
        stage.asset(table, inputs={"each": f"{table.table_name()}/*"}, settings=_cohorts)(rows_of_each_cohort)


def rows_of_each_cohort(each: Frames, table: type[Table]) -> pd.DataFrame:
    """The rows of every cohort, one cohort below the other."""
    return stacked(list(each.values()), table)


def stacked(frames: Sequence[pd.DataFrame], table: type[Table]) -> pd.DataFrame:
    """Frames one below the other in the table's columns; without a row, the empty table."""
    filled = [f for f in frames if len(f)]
    return pd.concat([table.conform(f) for f in filled], ignore_index=True) if filled else table.empty()


def _cohorts(build: Build) -> list[str]:
    return list(build.study.cohorts)
