"""Partial-likelihood deviance, for many coefficient vectors at once.

In scope: the loss by which a penalty is chosen. Out of scope: the fits themselves (lasso).
"""

from __future__ import annotations

import numpy as np

from hnbc_assets.science.signature.survival_data import BoolArray, FloatArray


def fold_deviances(
    x: FloatArray, time: FloatArray, event: BoolArray, fold_ids: np.ndarray, coefficients: FloatArray
) -> FloatArray:
    """Each fold's grouped deviance (Verweij & van Houwelingen 1993, 10.1002/sim.4780122407), per event of the fold.

    The deviance of all patients minus that of the fitted patients, both under the coefficients fitted without the
    fold: unlike in the fold's own deviance, the fold's patients share risk sets with the others.

    Parameters
    ----------
    x : (n_patients, n_genes)
    time, event : (n_patients,)
    fold_ids : (n_patients,), 0 … n_folds - 1
    coefficients : (n_folds, n_genes, n_alphas), per unit of x

    Returns
    -------
    (n_folds, n_alphas); missing for a fold without events.
    """
    order = np.argsort(-time, kind="stable")
    x, time, event, fold_ids = x[order], time[order], event[order], fold_ids[order]
    deviance = np.full((len(coefficients), coefficients.shape[2]), np.nan)
    for fold, beta in enumerate(coefficients):
        n_events = event[fold_ids == fold].sum()
        if n_events == 0:
            continue
        predictor = x @ beta
        fitted = fold_ids != fold
        whole = breslow_deviance(predictor, time, event)
        deviance[fold] = (whole - breslow_deviance(predictor[fitted], time[fitted], event[fitted])) / n_events
    return deviance


def breslow_deviance(predictor: FloatArray, time: FloatArray, event: BoolArray) -> FloatArray:
    """Twice the difference of the saturated and the actual log partial likelihood, ties by Breslow.

    Parameters
    ----------
    predictor : (n_patients, n_models), log relative hazards
    time, event : (n_patients,), by decreasing time

    Returns
    -------
    (n_models,)
    """
    if not event.any():
        return np.zeros(predictor.shape[1])
    highest = predictor.max(axis=0)
    at_risk = np.cumsum(np.exp(predictor - highest), axis=0)
    last_of_tie = np.searchsorted(-time, -time[event], side="right") - 1
    log_likelihood = (predictor[event] - np.log(at_risk[last_of_tie]) - highest).sum(axis=0)
    tied_events = np.unique(time[event], return_counts=True)[1]
    saturated = -(tied_events * np.log(tied_events)).sum()
    return 2 * (saturated - log_likelihood)
