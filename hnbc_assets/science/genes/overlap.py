"""Candidates: anoikis-related genes that are resistance genes, and whether they are more than expected by chance.

In scope: the intersection and its hypergeometric test. Out of scope: where either list comes from (resistance.py,
sources/gene_sets/files.py), what the candidates have in common (enrichment.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np
import pandas as pd

from hnbc_assets.vocabulary import Contrast

CANDIDATE_COLUMNS = ["gene", "contrast", "effect", "fdr", "er_adjusted_fdr", "direction", "in_training_cohort"]


def candidates(
    resistance: pd.DataFrame,
    anoikis_genes: Iterable[str],
    *,
    contrast: str,
    fdr: float,
    training_genes: Collection[str],
) -> pd.DataFrame:
    """Anoikis-related genes whose expression differs between residual disease and pCR.

    Parameters
    ----------
    resistance : rows of `drug_resistance_genes` of one cohort, one contrast or both
    anoikis_genes : symbols
    contrast : the selecting contrast, "plain" or "er_adjusted"
    fdr : genes with a smaller false-discovery rate, over all tested genes, are selected
    training_genes : symbols that the training cohort has

    Returns
    -------
    One row per candidate: gene, contrast, effect and fdr of the selecting contrast, er_adjusted_fdr (missing where that
    contrast was not made), direction, in_training_cohort; the smallest FDR first. No rows if there is no candidate.

    Raises
    ------
    ValueError
        If the selecting contrast is not among the rows, or a gene was tested twice in it.
    """
    deciding = resistance[resistance["contrast"] == contrast]
    if deciding.empty and not resistance.empty:
        raise ValueError(f"no gene was tested in the contrast '{contrast}'; there are {_words(resistance['contrast'])}")
    if deciding["gene"].duplicated().any():
        raise ValueError(f"genes tested twice in the contrast '{contrast}': the rows are of more than one cohort")
    adjusted = resistance[resistance["contrast"] == Contrast.ER_ADJUSTED].set_index("gene")["fdr"]
    chosen = deciding[deciding["gene"].isin(set(anoikis_genes)) & (deciding["fdr"] < fdr)]
    chosen = chosen.sort_values(["fdr", "p_value", "gene"], ignore_index=True)
    chosen = chosen.assign(
        er_adjusted_fdr=chosen["gene"].map(adjusted).astype(float),
        in_training_cohort=chosen["gene"].isin(set(training_genes)).astype(bool),
    )
    return chosen[CANDIDATE_COLUMNS]


def overlap_enrichment(n_universe: int, n_anoikis: int, n_resistance: int, n_overlap: int) -> pd.DataFrame:
    """Are there more anoikis genes among the resistance genes than in a random draw?

    The hypergeometric tail P(X ≥ n_overlap), which is Fisher's exact test, one-sided.

    Parameters
    ----------
    n_universe : genes tested
    n_anoikis : anoikis-related genes among them
    n_resistance : resistance genes among them
    n_overlap : genes that are both

    Returns
    -------
    One row: the four counts, expected (overlap by chance), fold_enrichment (overlap over expected, missing where none
    is expected), p_value.

    Raises
    ------
    ValueError
        If the counts contradict each other.
    """
    from scipy.stats import hypergeom

    neither = n_universe - n_anoikis - n_resistance + n_overlap
    if min(n_overlap, n_anoikis - n_overlap, n_resistance - n_overlap, neither) < 0:
        raise ValueError(
            f"{n_overlap} genes cannot be both one of {n_anoikis} and one of {n_resistance} among {n_universe}"
        )
    expected = n_anoikis * n_resistance / n_universe if n_universe else np.nan
    return pd.DataFrame(
        {
            "n_universe": [n_universe],
            "n_anoikis": [n_anoikis],
            "n_resistance": [n_resistance],
            "n_overlap": [n_overlap],
            "expected": [expected],
            "fold_enrichment": [n_overlap / expected if expected > 0 else np.nan],
            "p_value": [float(hypergeom.sf(n_overlap - 1, n_universe, n_anoikis, n_resistance))],
        }
    )


def _words(labels: pd.Series) -> str:
    return ", ".join(sorted(labels.unique()))
