"""The LASSO's coefficients to machine precision, from the solution of coordinate descent.

In scope: Newton's method for the penalised Cox model on a known active set. Out of scope: finding that set (lasso).

Coordinate descent stops when its steps are small, and where it stops depends on the machine. Once the genes that enter
and their signs are known, the penalised likelihood is smooth, and its maximum can be found to machine precision.
"""

from __future__ import annotations

import numpy as np

from hnbc_assets.arithmetic import exp
from hnbc_assets.science.signature.survival_data import BoolArray, FloatArray

STEPS = 40
SMALL = 1e-13  # iteration ends at a smaller step of the standardised coefficients
ROUNDS = 10  # in each of which genes leave or enter
SLACK = 1e-6  # share of the penalty by which an inactive gene's score may exceed it
LARGEST = 600.0  # linear predictor, below where its exponential overflows


def polished(x: FloatArray, time: FloatArray, event: BoolArray, found: FloatArray, penalty: float) -> FloatArray:
    """The maximum of log partial likelihood / n − penalty · Σ|coefficient|, ties by Breslow, starting from `found`.

    A gene leaves if its coefficient crosses zero, and enters if its score exceeds the penalty (Karush, Kuhn & Tucker's
    conditions; Simon et al. 2011, 10.18637/jss.v039.i05). If this does not settle, or the active genes are linearly
    dependent, `found` is returned unchanged.

    Parameters
    ----------
    x : (n_patients, n_genes), standardised
    time, event : (n_patients,)
    found : (n_genes,), a solution of coordinate descent, per unit of x
    penalty : as in lasso

    Returns
    -------
    (n_genes,)
    """
    order = np.argsort(-time, kind="stable")
    x, event = x[order], event[order]
    last = np.searchsorted(-time[order], -time[order], side="right") - 1
    beta = found.copy()
    for _ in range(ROUNDS):
        active = np.flatnonzero(beta)
        signs = np.sign(beta[active])
        within = _maximum(x[:, active], last, event, beta[active], penalty * signs)
        if within is None:
            return found
        beta = np.zeros_like(found)
        stays = within * signs > 0
        beta[active[stays]] = within[stays]
        if not stays.all():
            continue
        residuals = _residuals(_predictor(x, beta), last, event)
        score = (x * residuals[:, None]).sum(axis=0) / len(x)
        outside = np.abs(score) > penalty * (1 + SLACK)
        outside[active] = False
        if not outside.any():
            return beta
        worst = int(np.argmax(np.where(outside, np.abs(score), 0.0)))
        beta[worst] = np.sign(score[worst]) * SMALL
    return found


def _maximum(
    x: FloatArray, last: np.ndarray, event: BoolArray, start: FloatArray, pull: FloatArray
) -> FloatArray | None:
    """Where the score per patient equals `pull` (n_genes,), by Newton's method from `start`; None if not found."""
    if not len(start):
        return start
    beta, before = start.copy(), np.inf
    for _ in range(STEPS):
        predictor = _predictor(x, beta)
        if np.abs(predictor).max() > LARGEST:
            return None
        gradient = (x * _residuals(predictor, last, event)[:, None]).sum(axis=0) / len(x) - pull
        try:
            step = np.linalg.solve(_information(x, predictor, last, event) / len(x), gradient)
        except np.linalg.LinAlgError:
            return None
        size = float(np.abs(step).max())
        if not np.isfinite(size):
            return None
        beta = beta + step
        if size < SMALL or (size < 1e-9 and size > before / 4):
            return beta
        before = size
    return None


def _predictor(x: FloatArray, beta: FloatArray) -> FloatArray:
    used = np.flatnonzero(beta)
    return (x[:, used] * beta[used]).sum(axis=1)


def _hazards(predictor: FloatArray, last: np.ndarray, event: BoolArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(n,) each, patients by decreasing time: relative hazard, its sum at risk, cumulative baseline hazard."""
    relative = exp(predictor - predictor.max())
    at_risk = np.cumsum(relative)[last]
    from_the_end = np.cumsum((event / at_risk)[::-1])[::-1]
    first = np.concatenate([[0], np.flatnonzero(np.diff(last)) + 1])
    start = np.repeat(first, np.diff(np.append(first, len(last))))
    return relative, at_risk, from_the_end[start]


def _residuals(predictor: FloatArray, last: np.ndarray, event: BoolArray) -> FloatArray:
    """(n,) martingale residuals: observed minus expected events."""
    relative, _, cumulated = _hazards(predictor, last, event)
    return event - relative * cumulated


def _information(x: FloatArray, predictor: FloatArray, last: np.ndarray, event: BoolArray) -> FloatArray:
    relative, at_risk, cumulated = _hazards(predictor, last, event)
    means = (np.cumsum(relative[:, None] * x, axis=0)[last] / at_risk[:, None])[event]
    return (x * (relative * cumulated)[:, None]).T @ x - means.T @ means
