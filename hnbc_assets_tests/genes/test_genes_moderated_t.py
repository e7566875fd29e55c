"""The moderated t-test: equal to limma, with missing results where a test is impossible."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import polygamma

from hnbc_assets.science.genes.differential import ModeratedT, moderated_t
from hnbc_assets.science.genes.prior_variance import inverse_trigamma, natural_spline

REFERENCE = Path(__file__).parent.parent / "reference" / "limma"
EXPECTED = pd.read_csv(REFERENCE / "expected.tsv", sep="\t")
CASES = list(EXPECTED["case"].unique())


def ours_and_limma(case: str) -> tuple[ModeratedT, pd.DataFrame]:
    expected = EXPECTED[EXPECTED["case"] == case].reset_index(drop=True)
    x = pd.read_csv(REFERENCE / f"{expected['data'][0]}.tsv", sep="\t", index_col="gene")
    samples = pd.read_csv(REFERENCE / "samples.tsv", sep="\t")
    covariates = samples[["er", "age"][: expected["n_covariates"][0]]]
    ours = moderated_t(
        x,
        samples["group"] == 1,
        genes=list(x.index),
        covariates=None if covariates.empty else covariates,
        trend=bool(expected["trend"][0]),
    )
    return ours, expected


@pytest.mark.parametrize("case", CASES)
def test_moderated_t_equals_limma(case):
    """Effect, standard error, t, p value, average and residual sd equal limma 3.54.1's eBayes(lmFit()) to 1e-10.

    Expected values: reference/limma/, made by its make.R: covariates, missing values, trend, infinite prior d0.
    Near 0 an effect is compared on the scale of its standard error. For genes without variance limma's effect and
    residual sd are rounding noise; ours are 0.
    """
    ours, limma = ours_and_limma(case)
    flat = limma["residual_sd"].to_numpy() < 1e-12 * limma["average"].abs().to_numpy()
    assert (ours.table.loc[flat, ["effect", "t", "residual_sd"]] == 0).all(axis=None)
    assert (limma.loc[flat, "effect"].abs() < 1e-12 * limma.loc[flat, "average"].abs()).all()
    error = limma["standard_error"].to_numpy()
    atol = {"effect": 1e-11 * error, "t": 1e-11 * np.ones(len(limma))}
    for column in ("effect", "standard_error", "t", "p_value", "average", "residual_sd"):
        mine, theirs = ours.table[column].to_numpy(), limma[column].to_numpy()
        compared = ~(flat & (column in ("effect", "t", "residual_sd")))
        allowed = 1e-10 * np.abs(theirs) + atol.get(column, 0.0)
        np.testing.assert_array_equal(np.isnan(mine), np.isnan(theirs), err_msg=column)
        off = np.abs(mine - theirs) > allowed
        assert not (off & compared).any(), (column, limma.loc[off & compared, "gene"].to_list())


def test_a_gene_without_variance_has_no_effect_whatever_rounding_leaves():
    """Also where values are missing, where its level is large, and when a covariate is in the design."""
    rng = np.random.default_rng(11)
    x = rng.normal(size=(40, 21))
    x[:4] = [[1e-9], [0.1], [9.395224], [12345.678]]
    x[3, ::4] = np.nan
    group, age = np.arange(21) < 8, rng.normal(60, 9, 21)
    for covariates in (None, age):
        table = moderated_t(x, group, genes=[str(i) for i in range(40)], covariates=covariates).table
        assert (table.loc[:3, ["effect", "t", "residual_sd"]] == 0).all(axis=None)
        assert (table.loc[:3, "p_value"] == 1).all()
        assert (table.loc[4:, "residual_sd"] > 0).all()


@pytest.mark.parametrize("case", CASES)
def test_the_prior_equals_limmas(case):
    """d0 and s0² (per gene where it follows a trend) equal limma's df.prior and s2.prior to 1e-8.

    limma stops Newton's method for d0 at a relative step of 1e-8, and so do we.
    """
    ours, limma = ours_and_limma(case)
    np.testing.assert_allclose(ours.prior_df, limma["prior_df"], rtol=1e-8)
    np.testing.assert_allclose(np.broadcast_to(ours.prior_variance, len(limma)), limma["prior_variance"], rtol=1e-8)


def test_the_reference_contains_infinite_and_finite_priors():
    """Both branches of the prior are tested: d0 is infinite in two of the cases and finite in the others."""
    prior_df = EXPECTED.groupby("case")["prior_df"].first()
    assert set(prior_df.index[np.isinf(prior_df)]) == {"infinite_prior", "infinite_prior_trend"}


def test_the_effect_is_the_mean_where_true_less_the_mean_where_false():
    x = np.array([[1.0, 2.0, 5.0, 9.0, 7.0], [3.0, 1.0, 0.0, 1.0, 2.0]])
    table = moderated_t(x, [False, False, True, True, True], genes=["a", "b"]).table
    np.testing.assert_allclose(table["effect"], [7 - 1.5, 1 - 2])


def test_a_gene_not_observed_in_a_group_has_no_test():
    """It has no effect, t or p value, is not counted in the false-discovery rate, and keeps its average."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(50, 12))
    group = np.arange(12) < 5
    x[0, group] = np.nan
    table = moderated_t(x, group, genes=[f"g{n}" for n in range(50)]).table
    assert table.loc[0, ["effect", "t", "p_value", "fdr"]].isna().all()
    assert table.loc[0, "average"] == pytest.approx(x[0, ~group].mean())
    assert table.loc[1:, "fdr"].notna().all()


def test_genes_without_difference_have_uniform_p_values():
    """Over 4,000 null genes with unequal variances, at most 5 % + 4 binomial standard errors fall below 0.05."""
    rng = np.random.default_rng(20250101)
    x = rng.normal(size=(4000, 30)) * rng.gamma(3, 0.3, (4000, 1))
    p_value = moderated_t(x, np.arange(30) < 9, genes=[str(n) for n in range(4000)]).table["p_value"]
    assert abs((p_value < 0.05).mean() - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 4000)


def test_values_far_from_zero_keep_their_precision():
    """Adding 1e5 to every value, which by itself rounds them by up to 1e-11, changes no t by as much as 1e-9."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(40, 20))
    group = np.arange(20) < 8
    genes = [str(n) for n in range(40)]
    near, far = (moderated_t(values, group, genes=genes).table["t"] for values in (x, x + 1e5))
    np.testing.assert_allclose(far, near, rtol=0, atol=1e-9)


def test_covariates_that_determine_the_group_are_refused():
    group = np.arange(10) < 4
    with pytest.raises(ValueError, match="linearly dependent"):
        moderated_t(np.ones((3, 10)), group, genes=list("abc"), covariates=(~group).astype(float))


@pytest.mark.parametrize(
    ("group", "covariates", "message"),
    [
        ([True, None, False, True], None, "no group"),
        ([True, True, True, True], None, "needs two groups"),
        ([True, False, True], None, "3 group labels for 4 samples"),
        ([True, False, True, False], [1.0, np.nan, 2.0, 0.0], "covariate is missing"),
    ],
)
def test_samples_without_a_group_are_refused(group, covariates, message):
    with pytest.raises(ValueError, match=message):
        moderated_t(np.ones((2, 4)), np.array(group), genes=["a", "b"], covariates=covariates)


def test_too_few_samples_to_have_a_variance_are_refused():
    with pytest.raises(ValueError, match="residual degree of freedom"):
        moderated_t(np.ones((2, 2)), [True, False], genes=["a", "b"])


@pytest.mark.parametrize("x", [1e-7, 1e-3, 0.5, 3.0, 1e4, 1e8])
def test_the_inverse_of_trigamma_is_its_inverse(x):
    assert polygamma(1, inverse_trigamma(x)) == pytest.approx(x, rel=1e-6)


def test_the_spline_is_linear_beyond_its_data():
    """Second differences vanish on both sides of the range, and not within."""
    data = np.random.default_rng(3).normal(size=200)
    outside = natural_spline(np.array([4.0, 5.0, 6.0, -4.0, -5.0, -6.0]) * 2, data, 4)
    inside = natural_spline(np.array([-0.5, 0.0, 0.5]), data, 4)
    scale = np.abs(outside).max()
    np.testing.assert_allclose(np.diff(outside[:3], 2, axis=0), 0, atol=1e-12 * scale)
    np.testing.assert_allclose(np.diff(outside[3:], 2, axis=0), 0, atol=1e-12 * scale)
    assert np.abs(np.diff(inside, 2, axis=0)).max() > 1e-3
