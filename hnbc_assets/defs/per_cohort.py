"""Per-cohort work: a cohort's rows of a table are an asset of their own, made again only when that cohort changes.

In scope: the names of these assets, putting their rows together again, the step that publishes them as one table.
Out of scope: what is made for a cohort (the stages' files).
"""

from __future__ import annotations

import dagster as dg
import pandas as pd

from hnbc_assets.defs.publishing import Described
from hnbc_assets.defs.stage import Stage
from hnbc_assets.study import Study
from hnbc_assets.tables import Table


def rows_keys(study: Study, table: type[Table]) -> dict[str, str]:
    """Cohort to the asset that holds its rows of a table."""
    return {name: f"{table.table_name()}/{name}" for name in study.cohorts}


def stacked(frames: list[pd.DataFrame], table: type[Table]) -> pd.DataFrame:
    """Frames one below the other in the table's columns; without a row, the empty table."""
    filled = [f for f in frames if len(f)]
    return pd.concat([table.conform(f) for f in filled], ignore_index=True) if filled else table.empty()


def over_all(stage: Stage, table: type[Table], description: str) -> dg.AssetsDefinition:
    """The published table: the rows of every cohort, in the study's order of cohorts."""
    name = table.table_name()

    @stage.assets(
        [Described(name, table, description)],
        name=name,
        inputs={"each": rows_keys(stage.study, table)},
        settings=list(stage.study.cohorts),
    )
    def stack(each: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        """The rows of every cohort, one cohort below the other."""
        return {name: stacked(list(each.values()), table)}

    return stack
