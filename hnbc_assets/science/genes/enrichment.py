"""Over-representation: which known gene sets contain more candidates than expected by chance.

In scope: the one-sided Fisher's exact test against collections of gene sets, offline. Out of scope: reading the sets
(sources/gene_sets/files.py), the overlap of resistance and anoikis genes (overlap.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from hnbc_assets.science.multiple_testing import benjamini_hochberg

ENRICHMENT_COLUMNS = ["collection", "term", "n_overlap", "n_term", "odds_ratio", "p_value", "fdr", "genes"]


def over_representation(
    genes: Iterable[str],
    gene_sets: Mapping[str, Mapping[str, Sequence[str]]],
    background: Iterable[str],
    *,
    min_term: int = 5,
    max_term: int = 1000,
) -> pd.DataFrame:
    """Test every term of every collection for an excess of the genes, by gseapy (hypergeometric tail).

    Parameters
    ----------
    genes : symbols of interest; those outside the background do not count
    gene_sets : collection → term → symbols
    background : symbols that could have been chosen: all tested genes
    min_term, max_term : terms with fewer or more genes of the background are not tested

    Returns
    -------
    One row per term with at least one of the genes: collection, term, n_overlap, n_term (genes of the background in
    it), odds_ratio (a half added to each count), p_value, fdr (Benjamini–Hochberg over all tested terms of the
    collection, those without overlap counting with p = 1), genes (separated by semicolons); within a collection the
    smallest p value first. No rows if there is no gene of interest.
    """
    background = set(background)
    chosen = sorted(set(genes) & background)
    tested = [_collection(name, chosen, sets, background, min_term, max_term) for name, sets in gene_sets.items()]
    tested = [table for table in tested if len(table)]
    return pd.concat(tested, ignore_index=True) if tested else _nothing()


def _collection(
    name: str, chosen: list[str], sets: Mapping[str, Sequence[str]], background: set[str], min_term: int, max_term: int
) -> pd.DataFrame:
    within = {term: background.intersection(members) for term, members in sets.items()}
    within = {term: members for term, members in within.items() if min_term <= len(members) <= max_term}
    if not any(members.intersection(chosen) for members in within.values()):
        return _nothing()
    import gseapy

    found = gseapy.enrich(
        gene_list=chosen,
        gene_sets={term: sorted(members) for term, members in within.items()},
        background=sorted(background),
        outdir=None,
        no_plot=True,
        cutoff=1,
    ).results
    p_value = found["P-value"].to_numpy(dtype=float)
    overlap = [sorted(hits.split(";")) for hits in found["Genes"]]
    table = pd.DataFrame(
        {
            "collection": name,
            "term": found["Term"].to_numpy(),
            "n_overlap": [len(hits) for hits in overlap],
            "n_term": [len(within[term]) for term in found["Term"]],
            "odds_ratio": found["Odds Ratio"].to_numpy(dtype=float),
            "p_value": p_value,
            "fdr": benjamini_hochberg(np.append(p_value, np.ones(len(within) - len(p_value))))[: len(p_value)],
            "genes": [";".join(hits) for hits in overlap],
        }
    )
    return table.sort_values(["p_value", "term"], ignore_index=True)


def _nothing() -> pd.DataFrame:
    kinds = dict.fromkeys(ENRICHMENT_COLUMNS, "float64")
    kinds |= dict.fromkeys(("collection", "term", "genes"), "object") | dict.fromkeys(("n_overlap", "n_term"), "int64")
    return pd.DataFrame({column: pd.Series(dtype=kinds[column]) for column in ENRICHMENT_COLUMNS})
