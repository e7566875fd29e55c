"""MCP-counter: the mean log expression of genes that only one cell population expresses.

In scope: the score. Out of scope: whether scale and coverage allow it (applicability.py).

Becht et al. 2016 (10.1186/s13059-016-1070-5). Scores are in units of the expression and can be compared between
patients, not between populations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from hnbc_assets.science.microenvironment.method import Method
from hnbc_assets.vocabulary import LOG2_SCALES


def mcp_counter(expression: pd.DataFrame, markers: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Mean expression of each population's markers.

    Parameters
    ----------
    expression : genes × patients, log2
    markers : population → symbols; genes missing in the expression, and repetitions, are ignored

    Returns
    -------
    populations × patients, log2; the mean of the markers observed in the patient, missing if none is.
    """
    scores = {
        population: expression.loc[expression.index.intersection(list(dict.fromkeys(genes)))].mean(axis=0)
        for population, genes in markers.items()
    }
    table = pd.DataFrame(scores, index=expression.columns, columns=list(markers), dtype=float).T
    table.index.name = "cell_type"
    return table


METHOD = Method(
    "mcp_counter",
    "MCP-counter",
    mcp_counter,
    LOG2_SCALES,
    refusal="it averages expression over genes",
    order=2,
    few_markers=True,
    on_markers=True,
)
