"""Infiltration: every method that a cohort allows, side by side.

In scope: running the methods and collecting their scores and refusals in two tables. Out of scope: the methods
themselves (one file each), the comparison of risk groups (science/group_comparison.py).
"""

from __future__ import annotations

import pandas as pd

from hnbc_assets.science.microenvironment.applicability import judge
from hnbc_assets.science.microenvironment.method import GeneSets, Method
from hnbc_assets.science.microenvironment.methods import METHODS

SCORE_COLUMNS = ["patient_id", "method", "cell_type", "score", "relative_only"]
REASON_COLUMNS = ["method", "cell_type", "usable", "reason", "n_genes", "n_found"]


def infiltrate(
    expression: pd.DataFrame,
    gene_sets: GeneSets,
    markers: GeneSets,
    scale: str,
    *,
    min_genes: int = 5,
    min_coverage: float = 0.5,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score every cell population in every patient by every method, where it is allowed.

    Parameters
    ----------
    expression : genes × patients
    gene_sets : population → symbols; without any, all methods score the markers
    markers : population → symbols, for the methods that score only these
    scale : the cohort's expression_scale
    min_genes, min_coverage : what a set needs (applicability.judge)

    Returns
    -------
    Scores, one row per patient, method and population: patient_id, method, cell_type, score, relative_only. Reasons,
    one row per method and population: method, cell_type, usable, reason (None where usable), n_genes, n_found.
    """
    scores, reasons = [], []
    for name, method in METHODS.items():
        sets = markers if method.on_markers else gene_sets or markers
        verdict = judge(name, scale, expression.index, sets, min_genes=min_genes, min_coverage=min_coverage)
        reasons.append(verdict.assign(method=name)[REASON_COLUMNS])
        usable = {one: sets[one] for one in verdict.loc[verdict["usable"], "cell_type"]}
        if usable:
            scores.append(_long(method.score(expression, usable), method))
    return _stacked(scores, SCORE_COLUMNS), _stacked(reasons, REASON_COLUMNS)


def _long(scores: pd.DataFrame, method: Method) -> pd.DataFrame:
    """populations × patients → one row per patient and population."""
    long = scores.T.rename_axis(index="patient_id", columns="cell_type").stack(future_stack=True).rename("score")
    return long.reset_index().assign(method=method.name, relative_only=method.relative_only)[SCORE_COLUMNS]


def _stacked(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    kinds = {"score": float, "relative_only": bool, "usable": bool, "n_genes": "int64", "n_found": "int64"}
    if tables:
        return pd.concat(tables, ignore_index=True)
    return pd.DataFrame({column: pd.Series(dtype=kinds.get(column, object)) for column in columns})
