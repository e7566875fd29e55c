"""A cohort's predictions, and what is said where there are none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.science.drugs.prediction import predict_cohort, prepare
from hnbc_assets.tables import DrugModels, DrugSensitivity


@pytest.fixture
def training():
    rng = np.random.default_rng(5)
    genes = pd.Index([f"G{i}" for i in range(60)], name="gene")
    lines = pd.DataFrame(8 + rng.standard_normal((60, 40)), index=genes, columns=[str(i) for i in range(40)])
    rows = [
        (str(i), drug, f"Drug {drug}", rng.normal()) for drug in ("7", "8") for i in range(40 if drug == "7" else 5)
    ]
    response = pd.DataFrame(rows, columns=["cosmic_id", "drug_id", "drug_name", "ln_ic50"])
    return prepare(response, lines, min_lines=20)


def patients(n: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(6)
    values = 5 + rng.standard_normal((50, n))
    return pd.DataFrame(values, index=[f"G{i}" for i in range(50)], columns=[f"P{i}" for i in range(n)])


def test_every_patient_gets_every_drug_that_has_a_model(training):
    made = predict_cohort(training, patients(), scale="log2_tpm")
    assert len(made.predictions) == 30
    assert set(made.predictions["drug_name"]) == {"Drug 7"}
    assert not made.predictions["relative_only"].any()
    reasons = made.models.set_index("drug_id")["reason"]
    assert pd.isna(reasons["7"])
    assert reasons["8"] == "screened in 5 lines with expression, fewer than 20"


@pytest.mark.parametrize("scale", ["zscore", "probe_scaled", "rank_normal"])
def test_predictions_from_scaled_values_are_marked_as_relative(training, scale):
    assert predict_cohort(training, patients(), scale=scale).predictions["relative_only"].all()


def test_a_cohort_without_a_shared_gene_or_without_patients_says_so_in_every_row(training):
    stranger = predict_cohort(training, patients().rename(index="ENSG{}".format), scale="log2_tpm")
    assert stranger.models["reason"].str.contains("share no gene").all()
    assert stranger.predictions.empty
    nobody = predict_cohort(training, patients(0), scale="log2_tpm")
    assert nobody.models["reason"].str.startswith("0 patients").all()


def test_the_rows_fit_the_published_tables(training):
    for cohort in (patients(), patients(0)):
        made = predict_cohort(training, cohort, scale="log2_tpm")
        models = DrugModels.conform(made.models.assign(cohort_id="tcga"))
        assert DrugModels.problems(models).empty
        assert DrugSensitivity.problems(DrugSensitivity.conform(made.predictions.assign(cohort_id="tcga"))).empty
