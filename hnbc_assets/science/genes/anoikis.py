"""Anoikis genes: the study's lists merged into one, with the lists that name each gene.

In scope: merging lists by current symbol. Out of scope: reading them (sources/gene_sets).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from hnbc_assets.science.cohorts.symbols import current_list


def merge_lists(lists: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """One row per gene: gene (current symbol), sources (names of its lists in the given order, separated by `; `)."""
    rows = [(gene, name) for name, genes in lists.items() for gene in current_list(genes)]
    named = pd.DataFrame(rows, columns=["gene", "sources"])
    return named.groupby("gene", sort=True).sources.agg("; ".join).reset_index()
