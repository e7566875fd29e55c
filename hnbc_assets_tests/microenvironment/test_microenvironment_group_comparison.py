"""High against low: equal to scipy's Mann–Whitney and to a linear model of normal scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import mannwhitneyu, norm, rankdata

from hnbc_assets.science.group_comparison import compare_groups

N = 90
PATIENTS = [f"p{n}" for n in range(N)]


@pytest.fixture(name="data")
def values_groups_covariates():
    """30 features: 10 distinct, 10 heavily tied, 10 with missing values; a covariate of each kind, some missing."""
    rng = np.random.default_rng(20250101)
    values = pd.DataFrame(rng.normal(size=(30, N)), index=[f"f{n}" for n in range(30)], columns=PATIENTS)
    values.iloc[10:20] = values.iloc[10:20].round(0)
    values.iloc[20:] = values.iloc[20:].mask(rng.random((10, N)) < 0.1)
    group = pd.Series(np.where(rng.random(N) < 0.4, "high", "low"), index=PATIENTS)
    covariates = pd.DataFrame(
        {"purity": rng.random(N), "er": rng.choice(["pos", "neg"], N), "stage": rng.choice(["I", "II", "III"], N)},
        index=PATIENTS,
    )
    covariates.iloc[4, 0] = np.nan
    covariates.iloc[7, 1] = None
    return values, group, covariates


def test_p_values_equal_scipys_mann_whitney(data):
    """scipy's mannwhitneyu(method="asymptotic"), continuity and ties corrected, on observed values; to 1e-12."""
    values, group, _ = data
    table = compare_groups(values, group).set_index("feature")
    for feature, row in values.iterrows():
        high, low = row[group == "high"].dropna(), row[group == "low"].dropna()
        expected = mannwhitneyu(high, low, method="asymptotic")
        ours = table.loc[feature]
        assert ours["p_value"] == pytest.approx(expected.pvalue, rel=1e-12)
        assert ours["effect"] == pytest.approx(2 * expected.statistic / (len(high) * len(low)) - 1, abs=1e-12)
        assert (ours["n_high"], ours["n_low"]) == (len(high), len(low))
        assert (ours["median_high"], ours["median_low"]) == pytest.approx((high.median(), low.median()))


def test_adjusted_effects_equal_a_linear_model_of_normal_scores(data):
    """statsmodels' OLS of Φ⁻¹(rank/(n + 1)) on group, purity, dummies of ER and stage; complete patients; to 1e-9."""
    values, group, covariates = data
    table = compare_groups(values, group, covariates=covariates).set_index("feature")
    assert set(table["adjusted_for"]) == {"purity, er, stage"}
    for feature, row in values.iterrows():
        used = row.notna() & covariates.notna().all(axis=1)
        scores = norm.ppf(rankdata(row[used]) / (used.sum() + 1))
        dummies = pd.get_dummies(covariates.loc[used, ["er", "stage"]], drop_first=True, dtype=float)
        design = np.column_stack([group[used] == "high", covariates.loc[used, "purity"], dummies]).astype(float)
        expected = sm.OLS(scores, sm.add_constant(design)).fit()
        assert table.loc[feature, "adjusted_effect"] == pytest.approx(expected.params[1], rel=1e-9)
        assert table.loc[feature, "adjusted_p_value"] == pytest.approx(expected.pvalues[1], rel=1e-9)


def test_the_effect_is_positive_where_the_high_group_is_higher():
    values = pd.DataFrame([[1.0, 2, 3, 4], [4.0, 3, 2, 1]], index=["up", "down"], columns=list("abcd"))
    group = pd.Series(["low", "low", "high", "high"], index=list("abcd"))
    assert list(compare_groups(values, group)["effect"]) == [1.0, -1.0]


def test_differences_due_to_a_covariate_vanish_when_adjusted_for_it():
    """300 features driven by purity, which drives the group too: nearly all differ unadjusted, 5 % adjusted."""
    rng = np.random.default_rng(20250101)
    patients = [f"p{n}" for n in range(400)]
    purity = rng.normal(size=400)
    group = pd.Series(np.where(purity + rng.normal(size=400) > 0, "high", "low"), index=patients)
    values = pd.DataFrame(purity + rng.normal(size=(300, 400)), columns=patients)
    table = compare_groups(values, group, covariates=pd.DataFrame({"purity": purity}, index=patients))
    assert (table["fdr"] < 0.05).mean() > 0.95
    assert abs((table["adjusted_p_value"] < 0.05).mean() - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 300)


def test_without_a_difference_p_values_are_uniform():
    """2,000 features, unadjusted and adjusted: 5 % below 0.05, within 4 binomial standard errors."""
    rng = np.random.default_rng(1)
    patients = [f"p{n}" for n in range(80)]
    values = pd.DataFrame(rng.exponential(size=(2000, 80)), columns=patients)
    group = pd.Series(np.where(np.arange(80) < 30, "high", "low"), index=patients)
    covariates = pd.DataFrame({"age": rng.normal(55, 10, 80)}, index=patients)
    table = compare_groups(values, group, covariates=covariates)
    for column in ("p_value", "adjusted_p_value"):
        assert abs((table[column] < 0.05).mean() - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 2000)


def test_patients_without_a_group_are_left_out(data):
    values, group, covariates = data
    fewer = group.mask(np.arange(N) < 10)
    pd.testing.assert_frame_equal(
        compare_groups(values, fewer, covariates=covariates),
        compare_groups(values[PATIENTS[10:]], group.iloc[10:], covariates=covariates.iloc[10:]),
    )


def test_the_unit_of_a_covariate_does_not_matter(data):
    values, group, covariates = data
    moved = covariates.assign(purity=1e6 + 1e-3 * covariates["purity"])
    once = compare_groups(values, group, covariates=covariates)
    again = compare_groups(values, group, covariates=moved)
    np.testing.assert_allclose(again["adjusted_effect"], once["adjusted_effect"], rtol=1e-5)


def test_what_cannot_be_tested_is_missing_not_significant(data):
    values, group, covariates = data
    flat = compare_groups(values * 0 + 3, group, covariates=covariates)
    assert flat[["p_value", "fdr", "adjusted_p_value", "adjusted_fdr"]].isna().all(axis=None)
    one_group = compare_groups(values, group.mask(group == "low"), covariates=covariates)
    assert one_group[["effect", "p_value", "adjusted_effect"]].isna().all(axis=None)
    nobody = compare_groups(values, group.mask(group.notna()), covariates=covariates)
    assert (nobody["n_high"] == 0).all()
    assert nobody["p_value"].isna().all()


def test_a_covariate_that_is_the_group_leaves_nothing_to_test(data):
    values, group, _ = data
    table = compare_groups(values, group, covariates=pd.DataFrame({"same": group == "high"}))
    assert table["adjusted_p_value"].isna().all()
    assert table["p_value"].notna().all()


def test_a_constant_covariate_is_dropped(data):
    values, group, covariates = data
    table = compare_groups(values, group, covariates=covariates[["er"]].assign(site=1))
    assert set(table["adjusted_for"]) == {"er"}
    alone = compare_groups(values, group, covariates=pd.DataFrame({"site": 1}, index=PATIENTS))
    assert alone["adjusted_effect"].isna().all()
    assert set(alone["adjusted_for"]) == {""}


def test_other_group_names_and_repeated_patients_are_refused(data):
    values, group, _ = data
    with pytest.raises(ValueError, match="High"):
        compare_groups(values, group.replace("high", "High"))
    with pytest.raises(ValueError, match="twice: p0"):
        compare_groups(pd.concat([values, values[["p0"]]], axis=1), group)
