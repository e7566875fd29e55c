"""Scores: recomputable, with missing genes reported, and in the single-sample form independent of other patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from hnbc_assets.science.signature.concordance import direction_concordance
from hnbc_assets.science.signature.identity import identified
from hnbc_assets.science.signature.lasso import fit_lasso
from hnbc_assets.science.signature.lasso_path import strongest_first
from hnbc_assets.science.signature.methods import METHODS
from hnbc_assets.science.signature.scoring import (
    coverage,
    groups,
    rank_normalise,
    score_cohort,
)
from hnbc_assets.science.signature.single_sample import score_single_sample, train_single_sample
from hnbc_assets.science.signature.training import freeze

PLANTED = (0.6, -0.5, 0.4)
LASSO = METHODS["lasso_cox"]


@pytest.fixture
def trained(planted):
    """Training expression, survival, path and frozen signature."""
    expression, days, event = planted(51, 250, 120, PLANTED)
    candidates = expression.iloc[:20]
    path = fit_lasso(candidates.T, days, event, seed=1, folds=5, repeats=1)
    direction = pd.Series({"G0000": "up_in_rd", "G0001": "up_in_rd"})
    return expression, days, event, path, freeze(LASSO, strongest_first(path), candidates, direction)


HALF_A_DECIMAL = 5.01e-9  # scores are published to 8 decimals


def rounding_bound(rows, coefficients):
    """How much two computations of a score may differ: means and sds are rounded to 8 digits, scores to 8 decimals."""
    mean, sd = rows.mean(axis=1), rows.std(axis=1)
    z = rows.sub(mean, axis=0).div(sd, axis=0)
    return 5.01e-8 * (z.abs().add(mean.abs() / sd, axis=0)).T @ coefficients.abs() + 2 * HALF_A_DECIMAL


def test_training_scores_are_the_lasso_predictor(trained):
    """That of the published numbers to the last decimal, and the fitted model's within their 8 digits."""
    expression, _, _, path, signature = trained
    rows, published = expression.loc[path.selected.index], signature.set_index("gene").loc[path.selected.index]
    score = score_cohort(LASSO, expression, signature, own=True)
    of_published = rows.sub(published["mean"], axis=0).div(published["sd"], axis=0).T @ published["coefficient"]
    np.testing.assert_allclose(score.values, of_published, rtol=0, atol=HALF_A_DECIMAL)
    of_fit = rows.sub(rows.mean(axis=1), axis=0).div(rows.std(axis=1), axis=0).T @ path.selected
    assert (np.abs(score.values - of_fit) <= rounding_bound(rows, path.selected)).all()
    assert score.reason is None
    assert score.coverage == 1


def test_within_the_training_cohort_both_ways_agree_as_far_as_8_digits_allow(trained):
    expression, *_, path, signature = trained
    own = score_cohort(LASSO, expression, signature, own=True).values
    difference = score_cohort(LASSO, expression, signature).values - own
    assert (np.abs(difference) <= rounding_bound(expression.loc[path.selected.index], path.selected)).all()


def test_the_signature_records_what_a_score_needs(trained):
    expression, _, _, path, signature = trained
    assert signature.gene.tolist()[0] == path.selected.abs().idxmax()
    assert signature.coefficient.abs().is_monotonic_decreasing
    first = signature.set_index("gene").loc["G0000"]
    assert first["mean"] == pytest.approx(expression.loc["G0000"].mean())
    assert first["sd"] == pytest.approx(expression.loc["G0000"].std())
    assert first["direction_concordant"]
    assert not signature.set_index("gene").direction_concordant["G0001"]
    assert signature.set_index("gene").direction_concordant.drop(["G0000", "G0001"]).isna().all()


def id_of(signature):
    return identified(LASSO.identity(signature))


def test_the_identity_is_the_content(trained):
    signature = trained[-1]
    assert len(id_of(signature)) == 12
    assert id_of(signature.iloc[::-1]) == signature.signature_id.iloc[0]
    assert id_of(signature.assign(coefficient=signature.coefficient * 1.001)) != id_of(signature)
    assert id_of(signature.assign(coefficient=signature.coefficient * (1 + 1e-13))) == id_of(signature)


def test_a_cohort_on_another_scale_has_the_same_scores(trained):
    """Within-cohort scores do not change when every gene has another unit and offset."""
    expression, *_, signature = trained
    factor = np.linspace(0.5, 3, len(expression))[:, None]
    np.testing.assert_allclose(
        score_cohort(LASSO, expression * factor + 6, signature).values,
        score_cohort(LASSO, expression, signature).values,
        atol=1e-10,
    )


def test_missing_genes_are_named_weighed_and_not_imputed(trained):
    expression, *_, signature = trained
    strongest = signature.gene.iloc[0]
    score = score_cohort(LASSO, expression.drop(index=strongest), signature)
    weights = signature.coefficient.abs()
    assert score.missing == (strongest,)
    assert score.coverage == pytest.approx(1 - weights.iloc[0] / weights.sum())
    assert score.coverage < 0.8
    assert "groups and claims need 0.8" in score.reason
    rest = score_cohort(LASSO, expression, signature.iloc[1:])
    np.testing.assert_allclose(score.values, rest.values, atol=1e-12)


def test_a_gene_without_variance_counts_as_missing(trained):
    expression, *_, signature = trained
    flat = expression.copy()
    flat.loc[signature.gene.iloc[-1]] = 5.0
    assert score_cohort(LASSO, flat, signature).missing == (signature.gene.iloc[-1],)


def test_a_patient_without_a_value_has_no_score_and_leaves_the_others_scored(trained):
    expression, *_, signature = trained
    gappy = expression.copy()
    gappy.loc[signature.gene.iloc[0], "P0003"] = np.nan
    values = score_cohort(LASSO, gappy, signature).values
    assert values.index[values.isna()].tolist() == ["P0003"]


def test_few_patients_are_not_scored_within_their_cohort(trained):
    expression, *_, signature = trained
    score = score_cohort(LASSO, expression.iloc[:, :29], signature)
    assert score.values.isna().all()
    assert score.reason == "29 patients; a score within the cohort needs at least 30"


def test_a_cohort_without_any_gene_has_no_score(trained):
    expression, *_, signature = trained
    score = score_cohort(LASSO, expression.drop(index=signature.gene), signature)
    assert score.values.isna().all()
    assert score.coverage == 0
    assert score.reason == "none of the signature's genes is in the cohort"


def test_a_null_signature_gives_null_results(planted):
    expression, days, event = planted(52, 60, 40)
    path = fit_lasso(expression.iloc[:0].T, days, event, seed=1)
    signature = freeze(LASSO, strongest_first(path), expression, pd.Series(dtype=object))
    assert signature.empty
    for score in (score_cohort(LASSO, expression, signature), score_cohort(LASSO, expression, signature, own=True)):
        assert score.values.isna().all()
        assert score.reason == "the signature has no genes"
        assert groups(score.values, np.nan).isna().all()


def test_groups_split_above_the_cut_off():
    score = pd.Series([0.1, 0.5, 0.6, np.nan], index=list("abcd"))
    assert groups(score, 0.5).tolist() == ["low", "low", "high", None]
    assert groups(score, np.nan).tolist() == [None] * 4


def test_coverage_is_by_absolute_coefficient():
    signature = pd.DataFrame({"gene": ["A", "B"], "coefficient": [0.3, -0.1]})
    assert coverage(signature, ["A", "X"]) == (pytest.approx(0.75), ("B",))
    assert coverage(signature.iloc[:0], ["A"]) == (0.0, ())


def test_rank_normalisation_gives_blom_scores():
    expression = pd.DataFrame([[5.0, -1, 100, np.nan], [2, 2, 2, 2]], index=["A", "B"])
    scores = rank_normalise(expression)
    np.testing.assert_allclose(scores.loc["A"], [0, norm.ppf(0.625 / 3.25), norm.ppf(2.625 / 3.25), np.nan], atol=1e-15)
    np.testing.assert_allclose(scores.loc["B"], 0, atol=1e-15)


def test_concordance_compares_hazard_and_direction():
    coefficients = pd.Series({"A": 0.2, "B": -0.2, "C": 0.2, "D": -0.2, "E": 0.0, "F": 0.1})
    direction = pd.Series({"A": "up_in_rd", "B": "up_in_pcr", "C": "up_in_pcr", "D": "up_in_rd", "E": "up_in_rd"})
    assert direction_concordance(coefficients, direction).tolist() == [True, True, False, False, pd.NA, pd.NA]
    with pytest.raises(ValueError, match="'up'"):
        direction_concordance(coefficients, pd.Series({"A": "up"}))


@pytest.fixture
def single(trained):
    expression, days, event, _, signature = trained
    return train_single_sample(
        expression,
        days,
        event,
        genes=signature.gene,
        reference_genes=expression.index,
        scale="log2_tpm",
        seed=1,
        folds=5,
        repeats=1,
    )


def test_single_sample_scores_do_not_depend_on_other_patients(trained, single):
    """Each patient scored alone has exactly the score that the whole cohort gives."""
    expression = trained[0]
    together = score_single_sample(expression, single, scale="log2_intensity").values
    for patient in expression.columns[:10]:
        alone = score_single_sample(expression[[patient]], single, scale="log2_intensity").values
        assert alone[patient] == together[patient]


def test_single_sample_scores_ignore_a_patients_scale(trained, single):
    expression = trained[0]
    factor = np.linspace(0.5, 4, expression.shape[1])
    plain = score_single_sample(expression, single, scale="log2_tpm").values
    np.testing.assert_array_equal(score_single_sample(expression * factor + 9, single, scale="log2_tpm").values, plain)


def test_single_sample_scores_order_patients_as_the_main_form_does(trained, single):
    expression, *_, signature = trained
    main = score_cohort(LASSO, expression, signature, own=True).values
    alone = score_single_sample(expression, single, scale="log2_tpm").values
    assert main.corr(alone, method="spearman") > 0.9
    assert alone.median() == pytest.approx(single.cutoff)


def test_single_sample_form_is_refused_where_ranks_are_meaningless(trained, single):
    expression, days, event, _, signature = trained
    for scale in ("zscore", "probe_scaled", "rank_normal"):
        score = score_single_sample(expression, single, scale=scale)
        assert score.values.isna().all()
        assert score.reason == f"ranks within a patient are meaningless on the scale {scale}"
    refused = train_single_sample(
        expression, days, event, genes=signature.gene, reference_genes=expression.index, scale="zscore", seed=1
    )
    assert refused.table.empty
    assert score_single_sample(expression, refused, scale="log2_tpm").reason == refused.reason


def test_single_sample_form_needs_its_reference_genes(trained, single):
    expression = trained[0]
    few = pd.Index(single.table.gene).union(expression.index[-40:])
    assert (
        "reference genes; ranks need 80%" in score_single_sample(expression.loc[few], single, scale="log2_tpm").reason
    )
