"""Discrimination: how well a score orders patients by survival, with bootstrap intervals.

In scope: Harrell's and Uno's concordance, time-dependent AUC, their bootstraps. Out of scope: which of them are
reported, and when (performance).

Every figure is a weighted share of ordered pairs, and a bootstrap sample is a vector of patient counts. So all
samples are evaluated by one matrix product per figure: counts × pairs, and no sample is constructed.
"""

from __future__ import annotations

import numpy as np

from hnbc_assets.science.signature.blas import one_thread
from hnbc_assets.science.signature.survival_data import BoolArray, FloatArray

PAIRS_AT_ONCE = 4_000_000


def bootstrap_counts(n_patients: int, n_samples: int, seed: int) -> FloatArray:
    """(n_samples, n_patients): how often each patient is drawn, with replacement, into each sample."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, n_patients, size=(n_samples, n_patients)) + np.arange(n_samples)[:, None] * n_patients
    counts = np.bincount(drawn.ravel(), minlength=n_samples * n_patients)
    return counts.reshape(n_samples, n_patients).astype(float)


def harrell_c(score: FloatArray, time: FloatArray, event: BoolArray, counts: FloatArray | None = None) -> FloatArray:
    """Harrell's concordance (Harrell et al. 1996, 10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4).

    The share of usable pairs in which the patient with the earlier event has the higher score; equal scores count
    half. A pair is usable when the earlier time is an event; at equal times, when just one is.

    Parameters
    ----------
    score, time, event : (n_patients,); a higher score means a higher hazard
    counts : (n_samples, n_patients) weights of the patients, for instance `bootstrap_counts`; default one sample of
        everyone once

    Returns
    -------
    (n_samples,); missing where no pair is usable.
    """
    weights = _weights(counts, len(score))
    return _concordance(score, time, event, weights, weights, np.inf)


def uno_c(
    score: FloatArray, time: FloatArray, event: BoolArray, tau: float, counts: FloatArray | None = None
) -> FloatArray:
    """Uno's concordance up to tau (Uno et al. 2011, 10.1002/sim.4154).

    Harrell's with each pair weighted by the inverse square of the probability of not being censored before its event,
    estimated by Kaplan–Meier in the same patients (separately in each sample). It does not depend on the censoring
    distribution.

    Parameters are those of `harrell_c`; only events before `tau` (days) count.
    """
    weights = _weights(counts, len(score))
    uncensored = uncensored_before(time, event, weights)
    by_event = np.divide(weights, uncensored**2, out=np.zeros_like(weights), where=weights > 0)
    return _concordance(score, time, event, by_event, weights, tau)


def auc_at(
    score: FloatArray, time: FloatArray, event: BoolArray, at: float, counts: FloatArray | None = None
) -> FloatArray:
    """Cumulative/dynamic AUC: patients with an event by `at` against those event-free then (Uno et al. 2007;
    Hung & Chiang 2010, 10.1002/cjs.10046).

    Cases are weighted by the inverse probability of not being censored before their event, as in `uno_c`; patients
    censored before `at` are neither case nor control. Equal scores count half.

    Parameters are those of `harrell_c`; `at` is in days.

    Returns
    -------
    (n_samples,); missing where there is no case or no control.
    """
    weights = _weights(counts, len(score))
    uncensored = uncensored_before(time, event, weights)
    cases = np.flatnonzero(event & (time <= at))
    controls = np.flatnonzero(time > at)
    by_case = np.divide(weights, uncensored, out=np.zeros_like(weights), where=weights > 0)[:, cases]
    by_control = weights[:, controls]
    higher = np.zeros(len(weights))
    for part in _parts(len(cases), len(controls)):
        above = _above(score[cases[part]], score[controls])
        with one_thread():
            above_by_case = by_case[:, part] @ above
        higher += np.einsum("ij,ij->i", above_by_case, by_control)
    pairs = by_case.sum(axis=1) * by_control.sum(axis=1)
    return np.divide(higher, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)


def uncensored_before(time: FloatArray, event: BoolArray, weights: FloatArray) -> FloatArray:
    """(n_samples, n_patients): Kaplan–Meier probability of not having been censored before each patient's own time.

    At equal times events come first: they have left the risk set of censoring.
    """
    order = np.argsort(time, kind="stable")
    starts = np.flatnonzero(np.diff(time[order], prepend=-np.inf))
    died = np.add.reduceat(weights[:, order] * event[order], starts, axis=1)
    left = np.add.reduceat(weights[:, order] * ~event[order], starts, axis=1)
    at_risk = np.cumsum((died + left)[:, ::-1], axis=1)[:, ::-1] - died
    staying = 1 - np.divide(left, at_risk, out=np.zeros_like(left), where=at_risk > 0)
    before = np.ones_like(staying)
    np.cumprod(staying[:, :-1], axis=1, out=before[:, 1:])
    which = np.empty(len(time), dtype=np.int64)
    which[order] = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(time)))
    return before[:, which]


def _weights(counts: FloatArray | None, n_patients: int) -> FloatArray:
    return np.ones((1, n_patients)) if counts is None else np.asarray(counts, dtype=float)


def _concordance(
    score: FloatArray, time: FloatArray, event: BoolArray, by_event: FloatArray, by_other: FloatArray, tau: float
) -> FloatArray:
    events = np.flatnonzero(event & (time < tau))
    higher, pairs = np.zeros(len(by_other)), np.zeros(len(by_other))
    for part in _parts(len(events), len(time)):
        rows = events[part]
        own = time[rows, None]
        usable = ((time > own) | ((time == own) & ~event)).astype(float)
        weight = by_event[:, rows]
        with one_thread():
            usable_by_event, higher_by_event = weight @ usable, weight @ (usable * _above(score[rows], score))
        pairs += np.einsum("ij,ij->i", usable_by_event, by_other)
        higher += np.einsum("ij,ij->i", higher_by_event, by_other)
    return np.divide(higher, pairs, out=np.full(len(by_other), np.nan), where=pairs > 0)


def _above(left: FloatArray, right: FloatArray) -> FloatArray:
    """(n_left, n_right): 1 where left is higher, 0.5 where equal."""
    return (left[:, None] > right) + 0.5 * (left[:, None] == right)


def _parts(n_rows: int, n_columns: int) -> list[slice]:
    """Slices of the rows, such that a matrix of pairs stays small."""
    step = max(1, PAIRS_AT_ONCE // max(n_columns, 1))
    return [slice(start, start + step) for start in range(0, n_rows, step)]
