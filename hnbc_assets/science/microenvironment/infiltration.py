"""Infiltration: every method that a cohort allows, side by side.

In scope: running the methods and collecting their scores and refusals in two tables. Out of scope: the methods
themselves (one file each), the comparison of risk groups (science/group_comparison.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from hnbc_assets.science.microenvironment.applicability import METHODS, judge
from hnbc_assets.science.microenvironment.mcp_counter import mcp_counter
from hnbc_assets.science.microenvironment.mean_z import mean_z
from hnbc_assets.science.microenvironment.ssgsea import ssgsea

GeneSets = Mapping[str, Sequence[str]]

SCORE_COLUMNS = ["patient_id", "method", "cell_type", "score", "relative_only"]
REASON_COLUMNS = ["method", "cell_type", "usable", "reason", "n_genes", "n_found"]

SCORERS: dict[str, Callable[[pd.DataFrame, GeneSets], pd.DataFrame]] = {
    "ssgsea": ssgsea,
    "mcp_counter": mcp_counter,
    "mean_z": mean_z,
}


def infiltrate(
    expression: pd.DataFrame,
    gene_sets: GeneSets,
    markers: GeneSets,
    scale: str,
    *,
    min_genes: int = 5,
    min_coverage: float = 0.5,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score every cell population in every patient by ssGSEA, MCP-counter and mean z, where each is allowed.

    Parameters
    ----------
    expression : genes × patients
    gene_sets : population → symbols, for ssGSEA and mean z; if empty, these use the markers
    markers : population → symbols, for MCP-counter
    scale : the cohort's expression_scale
    min_genes, min_coverage : what a set needs (applicability.judge)

    Returns
    -------
    Scores, one row per patient, method and population: patient_id, method, cell_type, score, relative_only. Reasons,
    one row per method and population: method, cell_type, usable, reason (None where usable), n_genes, n_found.
    """
    sets_of = {"ssgsea": gene_sets or markers, "mcp_counter": markers, "mean_z": gene_sets or markers}
    scores, reasons = [], []
    for method in METHODS:
        sets = sets_of[method]
        verdict = judge(method, scale, expression.index, sets, min_genes=min_genes, min_coverage=min_coverage)
        reasons.append(verdict.assign(method=method)[REASON_COLUMNS])
        usable = {name: sets[name] for name in verdict.loc[verdict["usable"], "cell_type"]}
        if usable:
            scores.append(_long(SCORERS[method](expression, usable), method))
    return _stacked(scores, SCORE_COLUMNS), _stacked(reasons, REASON_COLUMNS)


def _long(scores: pd.DataFrame, method: str) -> pd.DataFrame:
    """populations × patients → one row per patient and population."""
    long = scores.T.rename_axis(index="patient_id", columns="cell_type").stack(future_stack=True).rename("score")
    return long.reset_index().assign(method=method, relative_only=METHODS[method].relative_only)[SCORE_COLUMNS]


def _stacked(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    kinds = {"score": float, "relative_only": bool, "usable": bool, "n_genes": "int64", "n_found": "int64"}
    if tables:
        return pd.concat(tables, ignore_index=True)
    return pd.DataFrame({column: pd.Series(dtype=kinds.get(column, object)) for column in columns})
