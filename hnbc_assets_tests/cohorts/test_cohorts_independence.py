"""Whether two cohorts share patients: by id, and by profile where ids cannot be compared."""

import numpy as np
import pandas as pd

from hnbc_assets.science.cohorts.independence import shared_patients


def cohort(ids, seed=1, n_genes=300, values=None):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_genes, len(ids))) if values is None else values
    genes = pd.Index([f"G{i}" for i in range(n_genes)], name="gene")
    return pd.DataFrame({"patient_id": ids}), pd.DataFrame(x, index=genes, columns=ids)


def test_barcodes_are_matched_by_their_patient_part():
    pairs = shared_patients({
        "a": cohort(["TCGA-AB-1234", "TCGA-AB-5678"]),
        "b": cohort(["TCGA-AB-1234-01A-11R-A10Y-07", "TCGA-XY-0001-01A"], seed=2),
    })  # fmt: skip
    assert pairs.n_shared_ids[0] == 1
    assert pairs.n_similar_profiles[0] == 0


def test_numbers_are_no_evidence_of_identity():
    ids = [str(i) for i in range(20)]
    pairs = shared_patients({"a": cohort(ids), "b": cohort(ids, seed=2)})
    assert pd.isna(pairs.n_shared_ids[0])


def test_the_same_tumours_under_other_names_and_on_another_scale_are_found():
    _, first = cohort([f"A{i}" for i in range(40)])
    noise = np.random.default_rng(3).normal(0, 0.05, first.shape)
    again = cohort([f"B{i}" for i in range(40)], values=np.exp(first.to_numpy() + noise))
    pairs = shared_patients({"a": cohort(list(first.columns), values=first.to_numpy()), "b": again})
    assert pairs.n_shared_ids[0] == 0
    assert pairs.n_similar_profiles[0] == 40


def test_too_few_common_genes_give_no_answer_instead_of_none_shared():
    pairs = shared_patients({"a": cohort(["A1", "A2"], n_genes=20), "b": cohort(["B1", "B2"], n_genes=20)})
    assert pd.isna(pairs.n_similar_profiles[0])
    assert pairs.n_common_genes[0] == 20
