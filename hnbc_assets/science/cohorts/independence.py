"""Independence: whether two cohorts share patients, by their ids or by their expression profiles.

In scope: finding patients that two cohorts share. Out of scope: the consequences for a claim (defs/stages/cohort_data).
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

FEWEST_GENES = 50
SAME_PROFILE = 0.95
TCGA = re.compile(r"TCGA-\w{2}-\w{4}")


def shared_patients(cohorts: dict[str, tuple[pd.DataFrame, pd.DataFrame]]) -> pd.DataFrame:
    """How many patients each pair of cohorts shares.

    Ids are compared unchanged, TCGA barcodes by their patient part; ids that are mere numbers are not. Profiles
    are compared by the correlation, over the genes of both cohorts, of gene-wise ranks within each cohort. Two
    quantifications of the same TCGA tumours correlated by .988 and more over 97 genes (934 patients), different tumours
    by at most .82 there and .87 over 1,341 genes (two breast cohorts of one array); 0.95 is between. The correlation of
    one tumour's profiles by array and by sequencing has not been measured.

    Parameters
    ----------
    cohorts : cohort id to (patients, expression): rows of the table `patients`, genes × patients

    Returns
    -------
    cohort_a, cohort_b, n_shared_ids (null for numbers), n_similar_profiles (null where fewer than 50 genes are common),
    n_common_genes.
    """
    names = list(cohorts)
    ids = {name: patient_ids(patients["patient_id"]) for name, (patients, _) in cohorts.items()}
    ranks = {name: _ranks(expression) for name, (_, expression) in cohorts.items()}
    rows = []
    for position, a in enumerate(names):
        for b in names[position + 1 :]:
            genes = ranks[a].index.intersection(ranks[b].index)
            similar = _similar(ranks[a].loc[genes], ranks[b].loc[genes])
            shared = None if ids[a] is None or ids[b] is None else len(ids[a] & ids[b])
            rows.append((a, b, shared, similar, len(genes)))
    columns = ["cohort_a", "cohort_b", "n_shared_ids", "n_similar_profiles", "n_common_genes"]
    return pd.DataFrame(rows, columns=columns).astype({"n_shared_ids": "Int64", "n_similar_profiles": "Int64"})


def patient_ids(ids: pd.Series) -> set[str] | None:
    """Ids that can be compared between cohorts: TCGA barcodes cut to the patient; None where all are mere numbers."""
    known = {str(i) for i in ids}
    if known and all(i.isdecimal() for i in known):
        return None
    return {match[0] if (match := TCGA.match(i)) else i for i in known}


def _ranks(expression: pd.DataFrame) -> pd.DataFrame:
    """genes × patients: each gene's ranks over the patients with a value, as a share of them; missing is 0.5."""
    return expression.rank(axis=1, pct=True).fillna(0.5)


def _similar(a: pd.DataFrame, b: pd.DataFrame) -> int | None:
    """Patients of a with a near-identical profile in b, by their ranks over the same genes."""
    if len(a) < FEWEST_GENES or not a.shape[1] or not b.shape[1]:
        return None
    correlation = _profiles(a).T @ _profiles(b)  # rounding is harmless: no pair is near the limit
    return int((correlation.max(axis=1) > SAME_PROFILE).sum())


def _profiles(ranks: pd.DataFrame) -> np.ndarray:
    """(n_genes, n_patients): ranks centred and scaled to unit length within each patient."""
    centred = ranks.to_numpy(dtype=float) - ranks.to_numpy(dtype=float).mean(axis=0)
    return centred / np.maximum(np.sqrt((centred * centred).sum(axis=0)), 1e-12)
