"""Both contrasts of one cohort: who is compared, and what happens where ER or treatment is unknown."""

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.errors import CohortUnusable
from hnbc_assets.science.genes.contrasts import both_contrasts, overlap_of_contrasts

SCALE = {"scale": "log2_intensity", "trend": False}


@pytest.fixture
def cohort():
    rng = np.random.default_rng(5)
    n = 80
    ids = [f"P{i}" for i in range(n)]
    response = np.where(rng.uniform(size=n) < 0.3, "pCR", "RD")
    er = np.where(rng.uniform(size=n) < 0.5, "positive", "negative").astype(object)
    er[:3] = "indeterminate"
    x = rng.normal(8, 1, (50, n))
    x[0] += np.where(response == "RD", 2.0, 0.0)
    patients = pd.DataFrame(
        {"patient_id": ids, "included": True, "response": response, "er_status": er,
         "chemotherapy": "taxane and anthracycline, neoadjuvant"}
    )  # fmt: skip
    return pd.DataFrame(x, index=pd.Index([f"G{i}" for i in range(50)], name="gene"), columns=ids), patients


def test_both_contrasts_find_the_planted_gene(cohort):
    table, note = both_contrasts(*cohort, **SCALE)
    assert note is None
    assert set(table[table.fdr < 0.05].groupby("contrast").gene.apply(list).map(tuple)) == {("G0",)}
    assert (table[table.gene == "G0"].direction == "up_in_rd").all()


def test_patients_not_treated_with_both_drugs_are_left_out(cohort):
    expression, patients = cohort
    patients.loc[:39, "chemotherapy"] = "cyclophosphamide alone"
    some, _ = both_contrasts(expression, patients, **SCALE)
    half, _ = both_contrasts(expression, patients[40:], **SCALE)
    pd.testing.assert_frame_equal(some, half)


def test_a_cohort_of_unknown_treatment_cannot_find_resistance_genes(cohort):
    expression, patients = cohort
    with pytest.raises(CohortUnusable, match=r"cohorts\.NAME\.chemotherapy"):
        both_contrasts(expression, patients.assign(chemotherapy=None), **SCALE)


def test_without_er_there_is_only_the_plain_contrast_unless_the_study_needs_the_other(cohort):
    expression, patients = cohort
    patients = patients.assign(er_status=None)
    table, note = both_contrasts(expression, patients, **SCALE)
    assert set(table.contrast) == {"plain"}
    assert "no ER-adjusted contrast" in note
    with pytest.raises(CohortUnusable, match=r"resistance\.contrast to plain"):
        both_contrasts(expression, patients, **SCALE, needed="er_adjusted")


def test_overlap_is_counted_in_each_contrast(cohort):
    table, _ = both_contrasts(*cohort, **SCALE)
    genes = ["G0", "G1", "not measured"]
    overlap = overlap_of_contrasts(table, genes, contrast="er_adjusted", fdr=0.05).set_index("contrast")
    assert overlap.n_overlap.to_dict() == {"plain": 1, "er_adjusted": 1}
    assert (overlap.n_anoikis == 2).all()


def test_the_overlap_names_the_selecting_contrast_and_its_false_discovery_rate(cohort):
    table, _ = both_contrasts(*cohort, **SCALE)
    overlap = overlap_of_contrasts(table, ["G0"], contrast="plain", fdr=0.2).set_index("contrast")
    assert overlap.deciding.to_dict() == {"plain": True, "er_adjusted": False}
    assert (overlap.fdr_threshold == 0.2).all()
