"""Challenge: two scores on the same patients, against R, against the truth of a simulation, and edge cases."""

from __future__ import annotations

import re

import numpy as np
import pytest

from hnbc_assets.science.signature.challenge import concordance_difference, difference_samples
from hnbc_assets.science.signature.discrimination import harrell_c

N_BOOTSTRAP = 1000


@pytest.fixture
def tied(reference):
    patients = reference("concordance_difference", "patients")
    time, event = patients.time.to_numpy(dtype=float), patients.event.to_numpy() == 1
    return time, event, patients.published.to_numpy(), patients.challenger.to_numpy()


def simulated(rng: np.random.Generator, n: int) -> tuple[np.ndarray, ...]:
    """Two scores that share a cause of the hazard, the second the better one; a third of the patients censored."""
    cause = rng.normal(size=n)
    published, challenger = cause + rng.normal(0, 1.4, n), cause + rng.normal(0, 0.9, n)
    died, left = rng.exponential(500 * np.exp(-0.8 * cause)), rng.exponential(1000, n)
    return np.minimum(died, left) + 1, died <= left, published, challenger


def test_concordances_and_their_difference_match_r(reference, tied):
    """To 1e-12. Expected values: reference/concordance_difference/, with tied times and scores."""
    expected = reference("concordance_difference", "expected").iloc[0]
    found = concordance_difference(*tied, n_bootstrap=200, seed=1)
    assert (found.n_patients, found.n_events, found.reason) == (400, int(tied[1].sum()), None)
    for name in ("c_published", "c_challenger", "difference"):
        assert getattr(found, name) == pytest.approx(expected[name], abs=1e-12), name


def test_the_spread_of_the_bootstrap_is_the_standard_error_of_r(reference, tied):
    """Within 10 % of the infinitesimal jackknife's, and the interval is as wide as 2 × 1.96 of them."""
    expected = reference("concordance_difference", "expected")["standard_error"].iloc[0]
    samples = difference_samples(*tied, n_bootstrap=4000, seed=1)
    assert samples.std(ddof=1) == pytest.approx(expected, rel=0.1)
    found = concordance_difference(*tied, n_bootstrap=4000, seed=1)
    assert found.ci_upper - found.ci_lower == pytest.approx(2 * 1.96 * expected, rel=0.1)
    assert (found.ci_lower, found.ci_upper) == tuple(np.quantile(samples, [0.025, 0.975]))


def test_the_interval_contains_the_true_difference_in_95_of_100_studies():
    """400 studies of 150 patients: with 95 % coverage, the share is between 0.929 and 0.971 in 19 of 20 such tests.

    The true difference is that of 20,000 patients.
    """
    rng = np.random.default_rng(20250718)
    time, event, published, challenger = simulated(rng, 20_000)
    truth = float(harrell_c(challenger, time, event)[0] - harrell_c(published, time, event)[0])
    assert truth > 0.02
    runs = [concordance_difference(*simulated(rng, 150), n_bootstrap=300, seed=i) for i in range(400)]
    covered = np.mean([run.ci_lower <= truth <= run.ci_upper for run in runs])
    assert 0.925 <= covered <= 0.975
    assert np.mean([run.difference for run in runs]) == pytest.approx(truth, abs=0.005)


def test_pairing_narrows_the_interval(tied):
    """The difference of correlated scores is more precise than with separate resampling."""
    time, event, published, challenger = tied
    paired = difference_samples(time, event, published, published + 0.3 * challenger, n_bootstrap=N_BOOTSTRAP, seed=1)
    apart = difference_samples(time, event, published, 0 * published, n_bootstrap=N_BOOTSTRAP, seed=1)
    assert paired.std() < 0.5 * apart.std()


@pytest.mark.parametrize("same_order", [lambda s: s, lambda s: 3 * s - 7, np.exp])
def test_scores_of_the_same_order_differ_by_exactly_zero(tied, same_order):
    time, event, published, _ = tied
    found = concordance_difference(time, event, published, same_order(published), n_bootstrap=N_BOOTSTRAP, seed=1)
    assert (found.difference, found.ci_lower, found.ci_upper) == (0.0, 0.0, 0.0)
    assert found.c_published == found.c_challenger


def test_exchanging_the_scores_changes_the_sign(tied):
    time, event, published, challenger = tied
    one = concordance_difference(time, event, published, challenger, n_bootstrap=N_BOOTSTRAP, seed=1)
    other = concordance_difference(time, event, challenger, published, n_bootstrap=N_BOOTSTRAP, seed=1)
    assert one.difference == -other.difference
    assert (one.ci_lower, one.ci_upper) == pytest.approx((-other.ci_upper, -other.ci_lower), abs=1e-14)


def test_the_same_seed_gives_the_same_interval_and_another_one_another(tied):
    one, again, other = (concordance_difference(*tied, n_bootstrap=N_BOOTSTRAP, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one.ci_lower != other.ci_lower
    assert one.difference == other.difference


def test_patients_without_either_score_are_left_out(tied):
    time, event, published, challenger = (values[:100].copy() for values in tied)
    published[3], challenger[[5, 6]] = np.nan, (np.nan, np.inf)
    kept = ~np.isin(np.arange(100), [3, 5, 6])
    whole = concordance_difference(time, event, published, challenger, n_bootstrap=50, seed=1)
    cut = concordance_difference(*(v[kept] for v in (time, event, published, challenger)), n_bootstrap=50, seed=1)
    assert whole == cut
    assert whole.n_patients == 97


@pytest.mark.parametrize(
    ("time", "event", "reason"),
    [
        ([5.0, 6.0, 7.0], [True, False, False], "1 event among .* needs at least 2"),
        ([5.0, 6.0, 7.0], [False, False, False], "0 events among"),
        ([7.0, 7.0, 5.0], [True, True, False], "no pair of patients can be compared"),
        ([], [], "0 events among"),
    ],
)
def test_without_events_or_pairs_there_is_no_comparison_but_a_reason(time, event, reason):
    score = np.arange(len(time), dtype=float)
    found = concordance_difference(np.array(time), np.array(event, dtype=bool), score, -score, n_bootstrap=20, seed=1)
    nothing = (found.c_published, found.c_challenger, found.difference, found.ci_lower, found.ci_upper)
    assert nothing == (None,) * 5
    assert found.n_patients == len(time)
    assert re.search(reason, found.reason)


def test_scores_that_do_not_match_the_patients_are_refused(tied):
    time, event, published, challenger = tied
    with pytest.raises(ValueError, match="400 patients need as many challenger scores"):
        concordance_difference(time, event, published, challenger[:-1], n_bootstrap=20, seed=1)
    with pytest.raises(ValueError, match="at least 1 sample"):
        concordance_difference(time, event, published, challenger, n_bootstrap=0, seed=1)
