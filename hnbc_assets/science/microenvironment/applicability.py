"""Applicability: which method may score which population on this scale with these genes.

In scope: what a method's requirements mean for a cohort, and the reason of every refusal. Out of scope: the scores.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from hnbc_assets.science.microenvironment.methods import METHODS
from hnbc_assets.vocabulary import Scale


def judge(
    method: str,
    scale: str,
    genes: Iterable[str],
    gene_sets: Mapping[str, Sequence[str]],
    *,
    min_genes: int = 5,
    min_coverage: float = 0.5,
) -> pd.DataFrame:
    """Decide for every population whether the method may score it, and give the reason if not.

    Parameters
    ----------
    method : one of METHODS
    scale : the cohort's expression_scale
    genes : symbols of the cohort
    gene_sets : population → symbols
    min_genes : genes of a set that must be measured; one is enough where the method is made for few markers
    min_coverage : share of a set's genes that must be measured

    Returns
    -------
    One row per population: cell_type, n_genes (distinct), n_found, usable, reason (None where usable).

    Raises
    ------
    ValueError
        If method or scale is unknown.
    """
    if method not in METHODS:
        raise ValueError(f"unknown method '{method}': there are {', '.join(METHODS)}")
    if scale not in Scale:
        raise ValueError(f"unknown expression scale '{scale}': there are {', '.join(sorted(Scale))}")
    needed = 1 if METHODS[method].few_markers else min_genes
    measured = set(genes)
    rows = []
    for cell_type, members in gene_sets.items():
        distinct = set(members)
        found = len(distinct & measured)
        reason = _scale_refusal(method, scale) or _coverage_refusal(found, len(distinct), needed, min_coverage)
        rows.append((cell_type, len(distinct), found, reason is None, reason))
    table = pd.DataFrame(rows, columns=["cell_type", "n_genes", "n_found", "usable", "reason"])
    return table.astype({"n_genes": "int64", "n_found": "int64", "usable": bool, "reason": object})


def _scale_refusal(method: str, scale: str) -> str | None:
    if scale in METHODS[method].scales:
        return None
    return f"{METHODS[method].refusal}, which is meaningless where each gene is scaled over the patients ({scale})"


def _coverage_refusal(found: int, n_genes: int, needed: int, min_coverage: float) -> str | None:
    if found < needed:
        return f"{found} of its {n_genes} genes measured, at least {needed} needed"
    if found < min_coverage * n_genes:
        return f"{found} of its {n_genes} genes measured, at least {min_coverage:.0%} needed"
    return None
