"""Univariate Cox screen: equal to R, with reasons where a fit is impossible, calibrated without signal."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from hnbc_assets.errors import TooFewEvents
from hnbc_assets.science.signature.cox import COLUMNS, screen


def test_screen_matches_r_coxph(reference):
    """Coefficients, standard errors, p values and intervals equal R survival 3.5-3's coxph(ties="efron") to 1e-9.

    Expected values: reference/cox/, made by reference/cox/make.R on 100 simulated genes, ties and missing values
    included.
    """
    patients, expected = reference("cox", "patients"), reference("cox", "expected")
    fits = screen(patients.drop(columns=["time", "event"]), patients.time, patients.event)
    assert list(fits.gene) == list(expected.gene)
    for column in ("coefficient", "standard_error", "z", "p_value", "ci_lower", "ci_upper"):
        np.testing.assert_allclose(fits[column], expected[column], rtol=1e-9, atol=1e-12, err_msg=column)


def test_efron_ties_match_statsmodels():
    """With most events tied, coefficients equal statsmodels' PHReg(ties="efron") to 1e-6."""
    from statsmodels.duration.hazard_regression import PHReg

    rng = np.random.default_rng(3)
    x, days, event = rng.normal(size=(150, 3)), rng.integers(1, 8, 150).astype(float), rng.random(150) < 0.7
    for column, fit in zip(x.T, screen(x, days, event).itertuples(), strict=True):
        peer = PHReg(days, column, status=event.astype(int), ties="efron").fit()
        assert fit.coefficient == pytest.approx(peer.params[0], abs=1e-6)
        assert fit.standard_error == pytest.approx(peer.bse[0], abs=1e-6)


def test_genes_that_cannot_be_fitted_are_reported():
    rng = np.random.default_rng(4)
    days = np.arange(1.0, 41.0)
    event = np.arange(40) < 20
    late_only = np.where(np.arange(40) == 39, 1.0, 0.0)
    late_only[:20] = 0.0
    x = pd.DataFrame(
        {
            "constant": np.full(40, 3.7),
            "absent": np.full(40, np.nan),
            "censored_only": np.where(event, np.nan, rng.normal(size=40)),
            "separating": np.where(event, 1.0, 0.0),
            "ordinary": rng.normal(size=40),
        }
    )
    fits = screen(x, days, event).set_index("gene")
    assert fits.reason.to_dict() == {
        "constant": "no variance",
        "absent": "no variance",
        "censored_only": "no event among the patients with a value",
        "separating": "no finite estimate: the gene separates the patients with events completely",
        "ordinary": None,
    }
    unfitted = fits.drop(index="ordinary")
    assert unfitted[["coefficient", "standard_error", "hazard_ratio", "z", "p_value", "fdr"]].isna().all(axis=None)
    assert fits.fdr["ordinary"] == fits.p_value["ordinary"]


def test_variance_only_outside_every_risk_set_is_reported():
    days = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    event = np.array([False, False, True, True, True])
    fit = screen(np.array([[1.0], [2.0], [0.0], [0.0], [0.0]]), days, event).iloc[0]
    assert fit.reason == "no variance among the patients at risk when events happen"


def test_units_and_offsets_only_rescale_the_coefficient(planted):
    expression, days, event = planted(5, 200, 20, (0.5,))
    plain = screen(expression.T, days, event)
    shifted = screen(expression.T * 1e-3 + 50, days, event)
    np.testing.assert_allclose(shifted.coefficient * 1e-3, plain.coefficient, rtol=1e-8)
    np.testing.assert_allclose(shifted.p_value, plain.p_value, rtol=1e-7)


@pytest.mark.parametrize(
    ("x", "coefficient", "standard_error"),
    [
        (np.append(1000.0, np.sin(np.arange(2, 31))), 0.206043652325514, 0.269813905608052),
        (np.append(np.sin(np.arange(1, 29)), [40.0, -3.0]), -0.0249327126930206, 0.0227654244318438),
    ],
)
def test_an_outlier_does_not_break_the_fit(x, coefficient, standard_error):
    """One value far from all others, where a plain Newton step overshoots, or the estimate is 37 per sd.

    Expected: coxph(Surv(1:30, rep(1, 30)) ~ x) of R survival 3.5-3 at eps = 1e-14.
    """
    fit = screen(x[:, None], np.arange(1.0, 31.0), np.ones(30, dtype=bool)).iloc[0]
    assert fit.coefficient == pytest.approx(coefficient, rel=1e-8)
    assert fit.standard_error == pytest.approx(standard_error, rel=1e-8)


def test_one_thread_and_many_give_the_same(planted):
    expression, days, event = planted(6, 60, 3000)
    x = expression.T.to_numpy()
    pd.testing.assert_frame_equal(screen(x, days, event, threads=1), screen(x, days, event, threads=4))


def test_no_gene_gives_no_row(planted):
    expression, days, event = planted(7, 30, 0)
    table = screen(expression.T, days, event)
    assert table.empty
    assert list(table.columns) == COLUMNS


def test_survival_that_cannot_be_used_is_refused(planted):
    expression, days, event = planted(8, 30, 2)
    with pytest.raises(TooFewEvents, match="0 events among 30 patients"):
        screen(expression.T, days, np.zeros(30, dtype=bool))
    with pytest.raises(ValueError, match="1 of 30 times are missing, infinite or not above 0"):
        screen(expression.T, np.where(np.arange(30) == 4, 0.0, days), event)
    with pytest.raises(ValueError, match="align them first"):
        screen(expression.T, days[:-1], event[:-1])
    with pytest.raises(ValueError, match="event is missing"):
        screen(expression.T, days, pd.Series(event).astype("boolean").where(np.arange(30) != 3))


def test_planted_genes_are_found(planted):
    """At about 400 events four genes of hazard ratio 1.5 per sd are all found at FDR .05, with at most two others."""
    expression, days, event = planted(9, 500, 2000, [0.405, -0.405, 0.405, -0.405], event_share=0.8)
    found = screen(expression.T, days, event).fdr.to_numpy() < 0.05
    assert found[:4].all()
    assert found[4:].sum() <= 2


def test_shuffled_survival_gives_uniform_p_values(planted):
    """5,000 independent genes without effect: p values are uniform (Kolmogorov–Smirnov p > .01)."""
    expression, days, event = planted(10, 400, 5000)
    p_values = screen(expression.T, days, event).p_value
    assert kstest(p_values, "uniform").pvalue > 0.01
