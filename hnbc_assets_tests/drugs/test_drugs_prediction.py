"""A cohort's predictions, and what is reported where there are none."""

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
    response = pd.DataFrame(rows, columns=["line_id", "drug_id", "drug_name", "ln_ic50"])
    return prepare(response, lines, min_lines=20)


def patients(n: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(6)
    values = 5 + rng.standard_normal((50, n))
    return pd.DataFrame(values, index=[f"G{i}" for i in range(50)], columns=[f"P{i}" for i in range(n)])


def test_every_patient_gets_every_drug_that_has_a_model(training):
    made = predict_cohort(training, patients())
    assert len(made.predictions) == 30
    assert set(made.predictions["drug_name"]) == {"Drug 7"}
    reasons = made.models.set_index("drug_id")["reason"]
    assert pd.isna(reasons["7"])
    assert reasons["8"] == "screened in 5 lines with expression, fewer than 20"


@pytest.mark.parametrize("method", ["standardise", "rank"])
def test_predictions_are_relative_to_the_cohort_on_any_scale(training, method):
    """Shifting and stretching every gene of all patients changes no prediction, so none can be absolute; leaving half
    of the patients out changes those of the other half."""
    here = predict_cohort(training, patients(), method=method).predictions
    moved = predict_cohort(training, 3 * patients() + 4, method=method).predictions
    np.testing.assert_allclose(moved["ln_ic50_um"], here["ln_ic50_um"], rtol=1e-9)
    half = predict_cohort(training, patients().iloc[:, :15], method=method).predictions.set_index("patient_id")
    assert not np.allclose(half["ln_ic50_um"], here.set_index("patient_id").loc[half.index, "ln_ic50_um"])
    assert here["relative_only"].all()


def test_a_model_without_skill_is_published_with_its_correlation_and_marked_as_not_compared(training):
    """The only drug's response is noise: its cross-validated r is below 0.9 and above −1; the note says why."""
    strict = predict_cohort(training, patients(), min_cv_pearson=0.9).models.set_index("drug_id")
    r = strict.loc["7", "cv_pearson"]
    assert not strict["compared"].any()
    assert strict.loc["7", "note"].startswith(f"not compared: cross-validated r is not 0.9 or more but {r:.3f}")
    assert pd.isna(strict.loc["8", "note"])
    lenient = predict_cohort(training, patients(), min_cv_pearson=-1).models.set_index("drug_id")
    assert lenient["compared"].to_dict() == {"7": True, "8": False}
    assert lenient.loc["7", "cv_pearson"] == r


def test_a_penalty_at_the_edge_and_the_range_of_the_measured_response_are_published(training):
    """Noise is best predicted by its mean: the strongest penalty wins."""
    model = predict_cohort(training, patients()).models.set_index("drug_id").loc["7"]
    measured = training.screen.ln_ic50["7"]
    assert (model["ln_ic50_min"], model["ln_ic50_max"]) == (measured.min(), measured.max())
    assert bool(model["penalty_at_edge"])
    assert "the penalty is at the edge of those tried" in model["note"]


def test_a_cohort_without_a_shared_gene_or_patients_has_the_reason_in_every_row(training):
    stranger = predict_cohort(training, patients().rename(index="ENSG{}".format))
    assert stranger.models["reason"].str.contains("share no gene").all()
    assert stranger.predictions.empty
    nobody = predict_cohort(training, patients(0))
    assert nobody.models["reason"].str.startswith("0 patients").all()


def test_the_rows_conform_to_the_published_tables(training):
    for cohort in (patients(), patients(0)):
        made = predict_cohort(training, cohort)
        models = DrugModels.conform(made.models.assign(cohort_id="tcga", line_expression="rma"))
        assert DrugModels.problems(models).empty
        assert DrugSensitivity.problems(DrugSensitivity.conform(made.predictions.assign(cohort_id="tcga"))).empty
