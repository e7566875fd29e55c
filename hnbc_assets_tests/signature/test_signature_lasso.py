"""LASSO-Cox: equal to glmnet on the same folds, well-formed null results, no leakage between folds."""

from __future__ import annotations

import numpy as np
import pytest

from hnbc_assets.errors import TooFewEvents
from hnbc_assets.science.signature.lasso import fit_lasso, lasso_coefficients, penalty_grid, stratified_folds


@pytest.fixture
def glmnet(reference):
    patients = reference("lasso", "patients")
    x = patients.drop(columns=["time", "event", "fold"])
    fold_ids = patients.fold.to_numpy(dtype=int)[None]
    fit = fit_lasso(x, patients.time, patients.event, fold_ids=fold_ids, min_ratio=1e-4, seed=0, fold_tolerance=1e-12)
    return x, fit, reference("lasso", "path"), reference("lasso", "chosen").iloc[0]


USED = slice(0, 42)  # down to 0.02 of the first penalty; below, the solver stops when the fit no longer improves


def test_cross_validation_matches_cv_glmnet(glmnet):
    """Penalties, grouped deviance, its standard error, lambda.min and lambda.1se equal cv.glmnet's on the same folds.

    Expected values: reference/lasso/ (glmnet 4.1-6). Penalties agree to 1e-7 relative, deviances to 2e-6 and their
    standard errors to 5e-6 relative, and the same grid points are chosen.
    """
    _, fit, path, chosen = glmnet
    np.testing.assert_allclose(fit.alphas, path["lambda"], rtol=1e-7)
    np.testing.assert_allclose(fit.deviance_mean[USED], path.cvm[USED], rtol=2e-6)
    np.testing.assert_allclose(fit.deviance_se[USED], path.cvsd[USED], rtol=5e-6)
    assert fit.alpha_min == pytest.approx(chosen.lambda_min, rel=1e-7)
    assert fit.alpha_1se == pytest.approx(chosen.lambda_1se, rel=1e-7)


def test_coefficients_match_glmnet(glmnet):
    """Coefficients along the path, per standard deviation of each gene, equal glmnet's to 5e-6."""
    x, fit, path, _ = glmnet
    theirs = path.drop(columns=["lambda", "cvm", "cvsd"]).to_numpy().T * x.std(ddof=1).to_numpy()[:, None]
    np.testing.assert_allclose(fit.coefficients.to_numpy()[:, USED], theirs[:, USED], atol=5e-6, rtol=0)


def test_the_default_tolerance_makes_the_same_choices(glmnet, reference):
    """Solving the folds' fits to 1e-7 changes the mean deviance by less than 5e-4 of it, and neither chosen penalty."""
    x, exact, *_ = glmnet
    patients = reference("lasso", "patients")
    fold_ids = patients.fold.to_numpy(dtype=int)[None]
    usual = fit_lasso(x, patients.time, patients.event, fold_ids=fold_ids, seed=0)
    assert (usual.alpha_min, usual.alpha_1se) == (exact.alpha_min, exact.alpha_1se)
    np.testing.assert_allclose(usual.deviance_mean, exact.deviance_mean[: len(usual.alphas)], rtol=5e-4)


def test_units_of_a_gene_do_not_matter(planted):
    """Coefficients are per standard deviation, so rescaled and shifted genes keep theirs."""
    expression, days, event = planted(11, 200, 15, (0.6, -0.5))
    plain = fit_lasso(expression.T, days, event, seed=1, folds=5, repeats=1)
    scaled = fit_lasso(expression.T * np.exp(np.linspace(-3, 3, 15)) + 7, days, event, seed=1, folds=5, repeats=1)
    assert list(scaled.selected.index) == list(plain.selected.index)
    np.testing.assert_allclose(scaled.selected, plain.selected, rtol=1e-6)


def test_planted_genes_are_selected_with_their_signs(planted):
    expression, days, event = planted(12, 400, 60, (0.5, -0.5, 0.4))
    fit = fit_lasso(expression.T, days, event, seed=1, folds=5, repeats=2, rule="1se")
    assert {"G0000", "G0001", "G0002"} <= set(fit.selected.index)
    assert np.sign(fit.selected[["G0000", "G0001", "G0002"]]).tolist() == [1, -1, 1]
    assert len(fit.selected) <= 10
    assert (fit.selection_frequency[["G0000", "G0001", "G0002"]] == 1).all()


def test_one_standard_error_never_keeps_more_genes_than_the_minimum(planted):
    expression, days, event = planted(13, 150, 30, (0.5,))
    least = fit_lasso(expression.T, days, event, seed=1, folds=5, repeats=2)
    sparse = fit_lasso(expression.T, days, event, seed=1, folds=5, repeats=2, rule="1se")
    assert sparse.chosen == least.alpha_1se >= least.alpha_min == least.chosen
    assert len(sparse.selected) <= len(least.selected)


def test_a_minimum_at_the_end_extends_the_path(planted):
    """With a strong dense signal almost no penalty is best: the path is extended on the same grid."""
    expression, days, event = planted(14, 300, 10, np.full(10, 0.7), event_share=0.9)
    fit = fit_lasso(expression.T, days, event, seed=1, folds=5, repeats=1, min_ratio=0.3)
    assert fit.alphas[-1] < 0.3 * fit.alphas[0] * 0.9
    assert np.argmin(fit.deviance_mean) < len(fit.alphas) - 2
    np.testing.assert_array_equal(penalty_grid(1.0, 0.3), penalty_grid(1.0, 0.05)[: len(penalty_grid(1.0, 0.3))])


def test_a_shorter_path_has_the_same_interior_minimum(planted):
    expression, days, event = planted(15, 200, 40, (0.5, 0.5))
    cut = fit_lasso(expression.T, days, event, seed=1, folds=5, repeats=1)
    whole = fit_lasso(expression.T, days, event, seed=1, folds=5, repeats=1, min_ratio=1e-4)
    assert cut.chosen == whole.chosen
    np.testing.assert_allclose(cut.selected, whole.selected, rtol=1e-6)


def test_events_are_distributed_evenly_over_folds():
    event = np.arange(103) < 37
    for ids in stratified_folds(event, 10, 5, seed=1):
        assert np.ptp(np.bincount(ids[event])) <= 1
        assert np.ptp(np.bincount(ids)) <= 1


def test_a_fold_standardises_with_its_own_patients_only(planted):
    """Extreme values in the left-out patients change nothing in the fit of the others."""
    expression, days, event = planted(16, 120, 8, (0.6,))
    x = expression.T.to_numpy()
    fitted = np.arange(120) < 90
    alphas = penalty_grid(0.1, 0.1)
    spoilt = np.where(fitted[:, None], x, x * 1e6)
    np.testing.assert_array_equal(
        lasso_coefficients(x[fitted], days[fitted], event[fitted], alphas),
        lasso_coefficients(spoilt[fitted], days[fitted], event[fitted], alphas),
    )


def test_the_seed_alone_decides(planted):
    expression, days, event = planted(17, 120, 20, (0.5,))
    fits = [fit_lasso(expression.T, days, event, seed=s, folds=5, repeats=1) for s in (1, 1, 2)]
    np.testing.assert_array_equal(fits[0].deviance_mean, fits[1].deviance_mean)
    assert not np.array_equal(fits[0].deviance_mean, fits[2].deviance_mean)


def test_survival_without_signal_selects_nothing_with_a_reason(planted):
    expression, days, event = planted(18, 200, 30)
    fit = fit_lasso(expression.T, days, event, seed=1, folds=5, repeats=3, rule="1se")
    assert fit.selected.empty
    assert fit.reason == "the cross-validated deviance is lowest without any gene"
    assert fit.table().is_chosen.any()


def test_no_candidates_give_a_null_result(planted):
    expression, days, event = planted(19, 50, 0)
    fit = fit_lasso(expression.T, days, event, seed=1)
    assert fit.reason == "there are no candidate genes"
    assert fit.selected.empty
    assert fit.table().empty
    assert np.isnan(fit.chosen)
    assert fit.n_features_in == 0


def test_genes_that_cannot_enter_are_listed(planted):
    expression, days, event = planted(20, 150, 6, (0.8,))
    expression.iloc[1] = 4.2
    expression.iloc[2, 7] = np.nan
    fit = fit_lasso(expression.T, days, event, seed=1, folds=5, repeats=1)
    assert dict(zip(fit.excluded.gene, fit.excluded.reason, strict=True)) == {
        "G0001": "no variance",
        "G0002": "missing values",
    }
    assert fit.n_features_in == 4
    assert "G0000" in fit.selected
    nothing = fit_lasso(expression.iloc[[1, 2]].T, days, event, seed=1)
    assert nothing.reason == "no candidate gene has variance and all its values"


def test_a_gene_constant_within_some_folds_is_harmless(planted):
    """A gene that varies in two patients only is constant wherever both are left out."""
    expression, days, event = planted(21, 80, 5, (0.8,))
    expression.iloc[3] = 0.0
    expression.iloc[3, :2] = 1.0
    fold_ids = np.where(np.arange(80) < 2, 0, np.arange(80) % 5)[None]
    fit = fit_lasso(expression.T, days, event, seed=1, fold_ids=fold_ids)
    assert np.isfinite(fit.deviance_mean).all()


def test_fewer_events_than_folds_make_fewer_folds(planted):
    expression, days, _ = planted(22, 60, 5)
    event = np.arange(60) < 4
    assert fit_lasso(expression.T, days, event, seed=1, repeats=1).n_folds == 4
    with pytest.raises(TooFewEvents, match="2 events among 60 patients"):
        fit_lasso(expression.T, days, np.arange(60) < 2, seed=1)


def test_the_table_has_each_path_gene_at_each_penalty(planted):
    expression, days, event = planted(23, 150, 12, (0.6, 0.5))
    fit = fit_lasso(expression.T, days, event, seed=1, folds=5, repeats=1)
    table = fit.table()
    assert not table.duplicated(["alpha", "gene"]).any()
    assert len(table) == table.gene.nunique() * len(fit.alphas)
    at_chosen = table[table.is_chosen & (table.coefficient != 0)].set_index("gene").coefficient
    assert at_chosen.to_dict() == fit.selected.to_dict()
    assert (at_chosen.size == table[table.is_chosen].n_selected).all()
