"""Training and application of a signature: populations, forms, cut-offs, and reasons where data are missing."""

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.science.signature.analysis_set import AnalysisSet, analysis_set
from hnbc_assets.science.signature.application import CASE_MIX, RANKED, apply_signature
from hnbc_assets.science.signature.method import Training
from hnbc_assets.science.signature.methods import METHODS
from hnbc_assets.science.signature.training import train

GENES = [f"G{i:03d}" for i in range(150)]
RULES = {"rule": "min", "folds": 5, "repeats": 2, "seed": 1}
ALL_RISE = pd.Series("up_in_rd", index=GENES)


def cohort(n, seed, *, prefix="P", shift=0.0):
    """Patients whose first three genes affect the hazard, with the rows of `patients` that analyses read."""
    rng = np.random.default_rng(seed)
    x = rng.normal(8 + shift, 1.5, (len(GENES), n))
    hazard = 0.7 * (x[0] - x[0].mean()) - 0.6 * (x[1] - x[1].mean()) + 0.5 * (x[2] - x[2].mean())
    time = rng.exponential(1500 * np.exp(-hazard))
    censored = rng.uniform(300, 4000, n)
    ids = [f"{prefix}{i}" for i in range(n)]
    patients = pd.DataFrame(
        {"patient_id": ids, "included": True, "os_days": np.minimum(time, censored) + 1, "os_event": time <= censored}
    )
    return patients, pd.DataFrame(x, index=pd.Index(GENES, name="gene"), columns=ids)


def trained_on(data, entered, direction=ALL_RISE):
    training = Training(data, entered, direction, reference_genes=GENES, scale="log2_tpm", **RULES)
    return train(METHODS["lasso_cox"], training)


@pytest.fixture(scope="module")
def trained():
    patients, expression = cohort(300, 7)
    data = analysis_set(patients, expression, "os", scale="log2_tpm")
    return data, expression, trained_on(data, GENES[:12])


def apply(trained, data, raw, **changes):
    _, _, made = trained
    arguments = {
        "cohort_id": "c", "training": False, "scale": "log2_tpm", "signature": made.signature,
        "description": made.description.iloc[0], "single_sample": made.single_sample, "min_share": 0.8,
        "min_patients": 30,
    }  # fmt: skip
    return apply_signature(data, raw=raw, **(arguments | changes))


def test_the_planted_genes_lead_the_signature(trained):
    _, _, made = trained
    assert list(made.signature.gene[:3].sort_values()) == GENES[:3]
    assert made.signature.set_index("gene").direction_concordant["G000"]
    assert not made.signature.set_index("gene").direction_concordant["G001"]


def test_the_cut_off_is_the_median_of_the_training_patients(trained):
    data, expression, made = trained
    scored = apply(trained, data, expression, training=True).scores
    assert scored.risk_score.median() == pytest.approx(made.description.cutoff[0], abs=1e-12)
    assert scored.risk_group.value_counts().to_dict() == {"high": 150, "low": 150}


def test_a_shifted_cohort_is_split_by_its_own_z_with_a_note(trained):
    patients, expression = cohort(120, 8, prefix="Q", shift=3.0)
    made = apply(trained, analysis_set(patients, expression, "os", scale="log2_tpm"), expression)
    assert made.coverage.grouped[0]
    assert 40 < made.coverage.n_high[0] < 80
    assert made.coverage.note[0] == CASE_MIX


def test_a_small_cohort_is_scored_patient_by_patient_with_its_own_cut_off(trained):
    _, _, signature = trained
    patients, expression = cohort(12, 9, prefix="R")
    made = apply(trained, analysis_set(patients, expression, "os", scale="log2_tpm"), expression)
    assert (made.scores.form == "single_sample").all()
    cutoff = signature.description.single_sample_cutoff[0]
    assert ((made.scores.risk_score > cutoff) == (made.scores.risk_group == "high")).all()
    assert "ranks within each patient" in made.coverage.note[0]
    alone = apply(trained, analysis_set(patients.head(1), expression, "os", scale="log2_tpm"), expression)
    assert alone.scores.risk_score[0] == made.scores.risk_score[0]


def test_too_few_coefficients_give_scores_but_no_groups_at_the_share_that_the_study_sets(trained):
    _, _, signature = trained
    patients, expression = cohort(60, 10, prefix="S")
    weakest = signature.signature.gene.iloc[-1]
    lacking = expression.drop(index=weakest)
    data = analysis_set(patients, lacking, "os", scale="log2_tpm")
    strict = apply(trained, data, lacking, min_share=1.0).coverage.iloc[0]
    assert not strict.grouped
    assert strict.missing_genes == weakest
    assert "groups and claims need 1" in strict.note
    assert apply(trained, data, lacking, min_share=0.5).coverage.grouped[0]


def test_scaled_values_become_normal_scores_with_a_note(trained):
    patients, expression = cohort(60, 11, prefix="T")
    heavy = np.exp(expression)
    made = apply(trained, analysis_set(patients, heavy, "os", scale="zscore"), heavy, scale="zscore")
    same = apply(trained, analysis_set(patients, expression, "os", scale="zscore"), expression, scale="zscore")
    assert RANKED in made.coverage.note[0]
    pd.testing.assert_series_equal(made.scores.risk_score, same.scores.risk_score)
    assert made.scores.single_sample_score.isna().all()


def test_without_an_entered_gene_the_result_is_null_with_a_reason(trained):
    data, expression, _ = trained
    made = trained_on(data, [], pd.Series(dtype=object))
    assert made.signature.empty
    assert made.description.signature_id[0] == "none"
    assert "no candidate genes" in made.description.note[0]
    scored = apply((data, expression, made), data, expression)
    assert scored.scores.empty
    assert scored.coverage.note[0] == "the signature has no genes"


def test_a_gene_that_could_not_enter_is_named(trained):
    data, _, _ = trained
    values = data.expression.copy()
    values.loc["G003", values.columns[0]] = np.nan
    made = trained_on(AnalysisSet(values, data.survival), GENES[:6])
    assert "G003 did not enter" in made.description.note[0]
    assert made.description.n_entered[0] == 5


def test_only_included_patients_with_time_and_event_are_evaluable():
    patients, expression = cohort(40, 12)
    patients.loc[0, "included"] = False
    patients.loc[1, "os_days"] = np.nan
    data = analysis_set(patients, expression, "os", scale="log2_tpm")
    assert data.expression.shape[1] == 39
    assert len(data.survival) == 38
    assert list(data.evaluable.columns) == list(data.survival.index)


def test_standardised_genes_have_mean_0_and_sd_1_over_the_evaluable_and_a_constant_one_is_missing():
    patients, expression = cohort(40, 13)
    patients.loc[0, "os_days"] = np.nan
    expression.loc["G001"] = 5.0
    z = analysis_set(patients, expression, "os", scale="log2_tpm").standardised(["G000", "G001"])
    assert z.shape == (2, 39)
    assert z.loc["G000"].mean() == pytest.approx(0, abs=1e-12)
    assert z.loc["G000"].std(ddof=1) == pytest.approx(1)
    assert z.loc["G001"].isna().all()
