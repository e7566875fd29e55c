"""Concordance and AUC: equal to R and scikit-survival, and bootstraps equal to explicit resampling."""

from __future__ import annotations

import numpy as np
import pytest

from hnbc_assets.science.signature import discrimination
from hnbc_assets.science.signature.discrimination import auc_at, bootstrap_counts, harrell_c, uno_c


@pytest.fixture
def tied(reference):
    patients = reference("discrimination", "patients")
    return patients.score.to_numpy(), patients.time.to_numpy(dtype=float), patients.event.to_numpy() == 1


@pytest.fixture
def untied():
    rng = np.random.default_rng(41)
    score = rng.normal(size=250)
    time, censoring = rng.exponential(500 * np.exp(-0.5 * score)), rng.exponential(800, size=250)
    return score, np.minimum(time, censoring), time <= censoring


def test_concordance_and_auc_match_r(reference, tied):
    """Harrell's C, Uno's C and AUC(t) equal R survival's concordance and riskRegression's Score to 1e-12.

    Expected values: reference/discrimination/, with tied times and scores. R counts events up to tau, we those before
    it, so tau is put a little later here.
    """
    score, time, event = tied
    for row in reference("discrimination", "expected").itertuples():
        if row.metric == "harrell":
            ours = harrell_c(score, time, event)
        elif row.metric == "uno":
            ours = uno_c(score, time, event, np.inf if np.isnan(row.time_days) else row.time_days + 0.5)
        else:
            ours = auc_at(score, time, event, row.time_days)
        assert ours[0] == pytest.approx(row.expected, abs=1e-12), row


def test_harrell_matches_scikit_survival_and_lifelines(tied, untied):
    from lifelines.utils import concordance_index
    from sksurv.metrics import concordance_index_censored

    for score, time, event in (tied, untied):
        ours = harrell_c(score, time, event)[0]
        assert ours == pytest.approx(concordance_index_censored(event, time, score)[0], abs=1e-14)
    assert ours == pytest.approx(concordance_index(time, -score, event), abs=1e-14)


def test_uno_and_auc_match_scikit_survival(untied):
    """To 1e-12, without ties of events with censorings, which scikit-survival weights differently."""
    from sksurv.metrics import concordance_index_ipcw, cumulative_dynamic_auc
    from sksurv.util import Surv

    score, time, event = untied
    y = Surv.from_arrays(event, time)
    for tau in (300.0, 700.0):
        assert uno_c(score, time, event, tau)[0] == pytest.approx(
            concordance_index_ipcw(y, y, score, tau=tau)[0], abs=1e-12
        )
        assert auc_at(score, time, event, tau)[0] == pytest.approx(
            cumulative_dynamic_auc(y, y, score, [tau])[0][0], abs=1e-12
        )


@pytest.mark.parametrize("cohort", ["tied", "untied"])
def test_bootstraps_equal_explicit_resampling(cohort, request):
    """Evaluating counts gives, up to rounding, the same as evaluating the resampled patients."""
    score, time, event = request.getfixturevalue(cohort)
    counts = bootstrap_counts(len(score), 25, seed=1)
    assert (counts.sum(axis=1) == len(score)).all()
    figures = [harrell_c, lambda *s: uno_c(*s[:3], 400.0, *s[3:]), lambda *s: auc_at(*s[:3], 300.0, *s[3:])]
    for figure in figures:
        at_once = figure(score, time, event, counts)
        for sample, value in zip(counts.astype(int), at_once, strict=True):
            drawn = np.repeat(np.arange(len(score)), sample)
            assert value == pytest.approx(figure(score[drawn], time[drawn], event[drawn])[0], abs=1e-12)


def test_large_cohorts_are_evaluated_in_parts(untied, monkeypatch):
    score, time, event = untied
    counts = bootstrap_counts(len(score), 5, seed=1)
    whole = harrell_c(score, time, event, counts), auc_at(score, time, event, 300, counts)
    monkeypatch.setattr(discrimination, "PAIRS_AT_ONCE", 1000)
    parts = harrell_c(score, time, event, counts), auc_at(score, time, event, 300, counts)
    np.testing.assert_allclose(parts, whole, rtol=1e-12)


def test_a_perfect_score_is_one_and_its_reverse_zero(untied):
    _, time, event = untied
    assert harrell_c(-time, time, event)[0] == 1
    assert harrell_c(time, time, event)[0] == 0
    for figure in (uno_c, auc_at):
        assert figure(-time, time, event, 500.0)[0] == pytest.approx(1, abs=1e-14)
        assert figure(time, time, event, 500.0)[0] == 0


def test_without_comparable_pairs_there_is_no_figure():
    score, time, event = np.array([1.0, 2.0]), np.array([5.0, 5.0]), np.array([True, True])
    assert np.isnan(harrell_c(score, time, event)[0])
    assert np.isnan(uno_c(score, time, event, 4.0)[0])
    assert np.isnan(auc_at(score, time, event, 9.0)[0])
