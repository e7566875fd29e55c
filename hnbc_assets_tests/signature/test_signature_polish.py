"""The LASSO's coefficients to machine precision, wherever coordinate descent stopped."""

from __future__ import annotations

import numpy as np
import pytest

from hnbc_assets.digits import rounded_signed
from hnbc_assets.science.signature.lasso import fit_lasso, lasso_coefficients, penalty_grid
from hnbc_assets.science.signature.polish import polished

PENALTY = 0.05


@pytest.fixture
def solved(planted):
    """Standardised values, whole-day times with ties, events, and the coefficients of coordinate descent."""
    expression, days, event = planted(31, 160, 25, (0.6, -0.5, 0.4))
    days = np.ceil(days / 100) * 100
    x = expression.T.to_numpy()
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    found = lasso_coefficients(x, days, event, np.array([PENALTY]), 1e-6)[:, 0]
    return x, days, event, found


def score(x, days, event, beta):
    """The score of Breslow's log partial likelihood, per patient, in plain loops."""
    total = np.zeros(x.shape[1])
    relative = np.exp(x @ beta)
    for i in np.flatnonzero(event):
        at_risk = days >= days[i]
        total += x[i] - relative[at_risk] @ x[at_risk] / relative[at_risk].sum()
    return total / len(x)


def test_scores_of_genes_kept_equal_the_penalty_and_scores_of_the_others_do_not_exceed_it(solved):
    x, days, event, found = solved
    beta = polished(x, days, event, found, PENALTY)
    kept = beta != 0
    assert 3 <= kept.sum() < 25
    reached = score(x, days, event, beta)
    np.testing.assert_allclose(reached[kept], PENALTY * np.sign(beta[kept]), atol=1e-13)
    assert (np.abs(reached[~kept]) <= PENALTY).all()
    nearly = lasso_coefficients(x, days, event, np.array([PENALTY]))[:, 0]
    np.testing.assert_allclose(beta, nearly, atol=1e-6)


def test_the_result_does_not_depend_on_where_coordinate_descent_stopped(solved):
    x, days, event, found = solved
    rng = np.random.default_rng(1)
    starts = [found, *(found * (1 + 1e-4 * rng.normal(size=found.shape)) for _ in range(3))]
    made = [polished(x, days, event, start, PENALTY) for start in starts]
    for other in made[1:]:
        np.testing.assert_allclose(other, made[0], atol=1e-13)
        np.testing.assert_array_equal(rounded_signed(other), rounded_signed(made[0]))


def test_a_gene_kept_by_mistake_leaves_and_one_left_out_by_mistake_enters(solved):
    x, days, event, found = solved
    right = polished(x, days, event, found, PENALTY)
    wrong = found.copy()
    wrong[np.flatnonzero(right == 0)[0]] = 1e-5
    wrong[np.flatnonzero(right)[np.argmin(np.abs(right[right != 0]))]] = 0.0
    np.testing.assert_allclose(polished(x, days, event, wrong, PENALTY), right, atol=1e-13)


def test_identical_genes_keep_the_coefficients_of_coordinate_descent(solved):
    x, days, event, _ = solved
    x = np.column_stack([x, x[:, 0]])
    found = lasso_coefficients(x, days, event, np.array([PENALTY]))[:, 0]
    found[0], found[-1] = (found[0] + found[-1]) / 2, (found[0] + found[-1]) / 2
    made = polished(x, days, event, found, PENALTY)
    np.testing.assert_allclose(made[0] + made[-1], found[0] + found[-1], atol=1e-9)


def test_the_path_has_the_published_numbers(planted):
    expression, days, event = planted(32, 150, 20, (0.6, 0.5))
    fit = fit_lasso(expression.T, days, event, seed=1, folds=5, repeats=1)
    np.testing.assert_array_equal(fit.coefficients, rounded_signed(fit.coefficients))
    exact = lasso_coefficients(expression.T.to_numpy(), days, event, penalty_grid(fit.alphas[0], 0.05), exact=True)
    sd = expression.std(axis=1, ddof=1).to_numpy()[:, None]
    n = min(exact.shape[1], fit.coefficients.shape[1])
    np.testing.assert_allclose(fit.coefficients.to_numpy()[:, :n], (exact * sd)[:, :n], rtol=5e-8, atol=5e-11)
