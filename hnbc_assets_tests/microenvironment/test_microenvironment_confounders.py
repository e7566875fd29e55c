"""Covariates of adjusted comparisons: given where they are known, missing where they are not."""

import numpy as np
import pandas as pd

from hnbc_assets.science.microenvironment.confounders import confounders_of, covariates

LEAST = {"min_genes": 5, "min_coverage": 0.5}


def cohort(n=30):
    rng = np.random.default_rng(2)
    ids = [f"P{i}" for i in range(n)]
    purity = rng.normal(size=n)
    x = rng.normal(size=(20, n))
    x[:8] += 3 * purity
    er = np.where(np.arange(n) % 2, "positive", "negative").astype(object)
    er[0] = "indeterminate"
    patients = pd.DataFrame({"patient_id": ids, "included": True, "er_status": er})
    genes = pd.Index([f"G{i}" for i in range(20)], name="gene")
    return patients, pd.DataFrame(x, index=genes, columns=ids), purity


def test_the_purity_proxy_follows_purity():
    patients, expression, purity = cohort()
    made = confounders_of(patients, expression, [f"G{i}" for i in range(8)], **LEAST)
    assert set(made.er_status.dropna()) == {"positive", "negative"}  # as in patients
    assert np.corrcoef(made.purity, purity)[0, 1] > 0.95
    assert made.er_status.isna().sum() == 1


def test_without_enough_of_its_genes_purity_stays_unknown():
    patients, expression, _ = cohort()
    made = confounders_of(patients, expression, ["G0", "G1", *(f"X{i}" for i in range(8))], **LEAST)
    assert made.purity.isna().all()


def test_covariates_are_those_that_are_known_and_vary():
    patients, expression, _ = cohort()
    made = confounders_of(patients, expression, [], **LEAST).assign(cohort_id="c")
    assert list(covariates(made, "c").columns) == ["er_status"]
    assert len(covariates(made, "c")) == 29
    assert set(covariates(made, "c").er_status) == {0.0, 1.0}
    alike = made.assign(er_status="positive")
    assert covariates(alike, "c") is None
