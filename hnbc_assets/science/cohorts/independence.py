"""Independence: whether two cohorts share patients, by their ids or by their expression profiles.

Belongs here: finding patients that two cohorts have in common. Does not: what follows for a claim (defs/signature).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

FEWEST_GENES = 200
SAME_PROFILE = 0.97


def shared_patients(cohorts: dict[str, tuple[pd.DataFrame, pd.DataFrame]]) -> pd.DataFrame:
    """How many patients each pair of cohorts has in common.

    Ids are compared as they are (TCGA: 12-character barcodes). Profiles are compared by Spearman's correlation over
    the genes of both, on gene-wise ranks within each cohort, so that platform and scale do not matter: two samples of
    one tumour correlate by more than 0.97 then, two tumours of one subtype hardly above 0.8.

    Parameters
    ----------
    cohorts : cohort id to (patients, expression): rows of the table `patients`, genes × patients

    Returns
    -------
    cohort_a, cohort_b, n_shared_ids, n_similar_profiles (null where fewer than 200 genes are common), n_common_genes.
    """
    names = list(cohorts)
    rows = []
    for position, a in enumerate(names):
        for b in names[position + 1 :]:
            genes = cohorts[a][1].index.intersection(cohorts[b][1].index)
            similar = _similar(cohorts[a][1].loc[genes], cohorts[b][1].loc[genes])
            shared = set(cohorts[a][0]["patient_id"]) & set(cohorts[b][0]["patient_id"])
            rows.append((a, b, len(shared), similar, len(genes)))
    columns = ["cohort_a", "cohort_b", "n_shared_ids", "n_similar_profiles", "n_common_genes"]
    return pd.DataFrame(rows, columns=columns)


def _similar(a: pd.DataFrame, b: pd.DataFrame) -> int | None:
    """Patients of a with a twin in b."""
    if len(a) < FEWEST_GENES or not a.shape[1] or not b.shape[1]:
        return None
    correlation = _profiles(a).T @ _profiles(b)
    return int((correlation.max(axis=1) > SAME_PROFILE).sum())


def _profiles(expression: pd.DataFrame) -> np.ndarray:
    """(n_genes, n_patients): ranks across patients, centred and scaled to unit length within each patient."""
    ranks = rankdata(expression.to_numpy(dtype=float), axis=1, nan_policy="omit")
    share = np.nan_to_num(ranks / expression.notna().sum(axis=1).to_numpy()[:, None], nan=0.5)
    share -= share.mean(axis=0)
    return share / np.maximum(np.linalg.norm(share, axis=0), 1e-12)
