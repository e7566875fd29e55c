"""Figures of merit: right where they are given, withheld with a reason where they are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.science.signature.cox import screen
from hnbc_assets.science.signature.performance import COLUMNS, performance

FIGURES = [
    "n_patients",
    "n_events",
    "hazard_ratio_per_sd",
    "c_index_harrell",
    "c_index_uno",
    "auc",
    "auc",
    "auc",
    "n_high",
    "n_low",
    "log_rank_p",
    "hazard_ratio_high_vs_low",
    "expected_ci_half_width_log_hr",
]


def assess(score, days, event, cutoff=None, **settings):
    split = float(np.median(score[np.isfinite(score)])) if cutoff is None else cutoff
    given = {"train_time": days, "train_event": event, "cutoff": split, "seed": 1}
    return performance(score, days, event, **(given | {"n_bootstrap": 200} | settings))


def by_metric(table):
    return table.drop_duplicates("metric").set_index("metric")


@pytest.fixture
def cohort(planted):
    expression, days, event = planted(61, 400, 1, (0.5,))
    return expression.iloc[0].to_numpy(), days, event


def test_every_figure_is_given_with_its_interval(cohort):
    table = assess(*cohort)
    assert table.metric.tolist() == FIGURES
    assert list(table.columns) == COLUMNS
    assert table.reason.isna().all()
    assert table.estimate.notna().all()
    bounded = table[table.metric.str.startswith(("hazard", "c_index", "auc"))]
    assert ((bounded.ci_lower < bounded.estimate) & (bounded.estimate < bounded.ci_upper)).all()
    assert table[table.metric == "auc"].time_days.tolist() == [365.25, 1095.75, 1826.25]


def test_the_hazard_ratio_is_per_training_sd(cohort):
    score, days, event = cohort
    fit = screen(score[:, None], days, event).iloc[0]
    per_two = by_metric(assess(score, days, event, training_sd=2.0)).loc["hazard_ratio_per_sd"]
    assert per_two.estimate == pytest.approx(fit.hazard_ratio**2)
    assert per_two.ci_lower == pytest.approx(fit.ci_lower**2)


def test_a_validation_score_needs_no_recalibration_to_keep_its_figures(cohort):
    """Concordance and AUC depend on the order alone."""
    score, days, event = cohort
    plain, other = assess(score, days, event), assess(np.exp(score), days, event)
    ordered = plain.metric.str.startswith(("c_index", "auc", "log_rank"))
    pd.testing.assert_frame_equal(plain[ordered], other[ordered])


def test_auc_is_withheld_where_events_or_patients_are_few(cohort):
    score, days, event = (values[:120] for values in cohort)
    auc = assess(score, days, event, years=(0.01, 2, 40)).query("metric == 'auc'")
    assert auc.estimate.isna().tolist() == [True, False, True]
    assert auc.reason.iloc[0].startswith("0 events before and 119 patients at risk after; 10 and 20 are needed")
    assert auc.reason.iloc[2].endswith("0 patients at risk after; 10 and 20 are needed")


def test_figures_stay_within_the_follow_up_of_training(cohort):
    score, days, event = cohort
    short = np.minimum(days, 900.0)
    table = assess(score, days, event, train_time=short, train_event=event)
    assert by_metric(table).time_days["c_index_uno"] <= 900
    auc = table[table.metric == "auc"].set_index("time_days").reason
    assert auc.isna().tolist() == [True, False, False]
    assert auc.iloc[1] == "the training cohort was followed for 900 days only"


def test_an_empty_group_gives_no_split_but_a_reason(cohort):
    table = by_metric(assess(*cohort, cutoff=1e9))
    assert table.estimate["n_high"] == 0
    assert table.reason["log_rank_p"] == "1 group(s) with patients; two are needed"
    assert np.isnan(table.estimate["hazard_ratio_high_vs_low"])
    assert table.reason["hazard_ratio_per_sd"] is None


def test_without_a_cut_off_the_continuous_figures_remain(cohort):
    table = by_metric(assess(*cohort, cutoff=np.nan))
    assert table.reason["log_rank_p"] == "there is no cut-off"
    assert table.estimate["hazard_ratio_per_sd"] > 1


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda s, d, e: (s * np.nan, d, e), "no patient has a score"),
        (lambda s, d, e: (s * 0, d, e), "the score does not vary"),
        (lambda s, d, e: (s, d, e & False), "no event was observed"),
    ],
)
def test_all_figures_are_withheld_where_none_can_be_given(cohort, spoil, reason):
    table = assess(*spoil(*cohort), cutoff=0.0)
    assert table.metric.tolist() == FIGURES
    claims = table[~table.metric.isin(["n_patients", "n_events"])]
    assert claims.estimate.isna().all()
    assert (claims.reason == reason).all()


def test_all_figures_are_withheld_for_a_given_reason(cohort):
    table = assess(*cohort, reason="the genes present carry 0.41 of the coefficients")
    claims = table[~table.metric.isin(["n_patients", "n_events"])]
    assert claims.estimate.isna().all()
    assert claims.reason.eq("the genes present carry 0.41 of the coefficients").all()


def test_patients_without_a_score_are_left_out(cohort):
    score, days, event = cohort
    partial = np.where(np.arange(400) < 100, np.nan, score)
    pd.testing.assert_frame_equal(
        assess(partial, days, event), assess(score[100:], days[100:], event[100:], train_time=days, train_event=event)
    )


def test_the_seed_alone_decides_the_intervals(cohort):
    pd.testing.assert_frame_equal(assess(*cohort), assess(*cohort))
    assert not assess(*cohort).ci_lower.equals(assess(*cohort, seed=2).ci_lower)


def test_expected_width_is_what_the_events_allow(cohort):
    """The Wald interval of a weak standardised score is as wide as 1.96 / √events predicts, within 10 %."""
    _, days, event = cohort
    noise = np.random.default_rng(1).normal(size=400)
    table = by_metric(assess(noise, days, event))
    row = table.loc["hazard_ratio_per_sd"]
    half_width = np.log(row.ci_upper / row.ci_lower) / 2
    assert table.estimate["expected_ci_half_width_log_hr"] == pytest.approx(half_width, rel=0.1)


@pytest.mark.full
def test_bootstrap_intervals_cover_the_true_concordance(planted):
    """Over 300 simulated cohorts the 95 % interval of Harrell's C contains the true value in 91–98 %.

    Exponential times under log hazard 0.5 · x, x normal, independent proportional thinning of events: the truth is
    taken from one cohort of 20,000.
    """
    expression, days, event = planted(62, 20000, 1, (0.5,))
    truth = by_metric(assess(expression.iloc[0].to_numpy(), days, event, n_bootstrap=2)).estimate["c_index_harrell"]
    covered = 0
    for seed in range(300):
        expression, days, event = planted(1000 + seed, 200, 1, (0.5,))
        row = by_metric(assess(expression.iloc[0].to_numpy(), days, event, n_bootstrap=300)).loc["c_index_harrell"]
        covered += row.ci_lower <= truth <= row.ci_upper
    assert 0.91 <= covered / 300 <= 0.98
