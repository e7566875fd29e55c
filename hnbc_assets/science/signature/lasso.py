"""LASSO-Cox: which candidate genes form the signature, and with which coefficients.

In scope: the penalised path, its cross-validation and the choice of the penalty. Out of scope: univariate models (cox),
the unpenalised refit (refit), scores (scoring).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from hnbc_assets.digits import rounded, rounded_signed
from hnbc_assets.science.signature.blas import one_thread
from hnbc_assets.science.signature.deviance import fold_deviances
from hnbc_assets.science.signature.lasso_path import LassoPath, null_path
from hnbc_assets.science.signature.polish import polished
from hnbc_assets.science.signature.survival_data import BoolArray, FloatArray, checked_survival
from hnbc_assets.vocabulary import Penalty

# The grid decreases by the same factor as R glmnet's default one: 100 points over four decades.
GRID_STEP = 1e-4 ** (1 / 99)
# Where the path ends next, as shares of its first penalty, when the least deviance is at its end.
EXTENSIONS = (0.05, 0.01, 1e-3, 1e-4)
INTERIOR_MARGIN = 2
FEWEST_FOLDS = 3
LOSS_DIGITS = 10


def fit_lasso(
    x: FloatArray | pd.DataFrame,
    time: FloatArray,
    event: BoolArray,
    *,
    genes: Sequence[str] | None = None,
    folds: int = 10,
    repeats: int = 10,
    rule: Penalty = Penalty.MIN,
    seed: int,
    min_ratio: float = 0.05,
    fold_ids: np.ndarray | None = None,
    fold_tolerance: float = 1e-7,
) -> LassoPath:
    """Cox regression with an L1 penalty chosen by repeated cross-validation.

    The path is scikit-survival's coordinate descent (Simon et al. 2011, 10.18637/jss.v039.i05; ties by Breslow), every
    fit on features standardised with its own patients. Folds are stratified by event. A fold's loss is the grouped
    partial-likelihood deviance, all patients' minus that of the patients fitted (Verweij & van Houwelingen 1993,
    10.1002/sim.4780122407), averaged over folds by their events and over repeats before the penalty is chosen.
    The path ends at `min_ratio` of its first penalty; when the least deviance is at that end, the path is extended, to
    0.01 with fewer patients than genes, else to 0.0001.

    Parameters
    ----------
    x : (n_patients, n_genes), any unit
    time : (n_patients,), days, > 0
    event : (n_patients,), True where the event was observed
    genes : names of the columns; default the columns of a frame, else their positions
    folds, repeats : of the cross-validation; never more folds than events
    rule : `min`, the least deviance, or `1se`, the largest penalty within one standard error of it
    seed : of the folds
    min_ratio : where the path ends first, as a share of its first penalty
    fold_ids : (n_repeats, n_patients), 0 … n_folds - 1, made elsewhere; `folds`, `repeats`, `seed` are then unused
    fold_tolerance : of the solver in the cross-validation's fits (1e-7 leaves the deviance about 1e-4 of its value);
        the path of all patients is solved to 1e-12, refined to machine precision and rounded

    Returns
    -------
    LassoPath. No gene, no gene with variance, or no gene kept by the chosen penalty is a null result, with a `reason`.
    Genes that are constant or have missing values cannot enter and are listed in `excluded`.

    Raises
    ------
    ValueError
        If lengths differ, a time is not positive, or the rule is unknown.
    TooFewEvents
        If there are fewer than three events.
    """
    if rule not in Penalty:
        raise ValueError(f"The rule is '{rule}'; it must be 'min' or '1se'.")
    if genes is None:
        genes = list(x.columns) if isinstance(x, pd.DataFrame) else [str(i) for i in range(np.shape(x)[1])]
    values = np.asarray(x, dtype=float)
    if values.ndim != 2 or values.shape[1] != len(genes):
        raise ValueError(f"x has the shape {values.shape}; it must be patients × {len(genes)} genes.")
    days, observed = checked_survival(time, event, len(values), min_events=FEWEST_FOLDS)
    if fold_ids is None:
        fold_ids = stratified_folds(observed, min(folds, int(observed.sum())), repeats, seed)
    values, entering, excluded = _entering(values, genes)
    if not len(entering):
        why = "there are no candidate genes" if not len(genes) else "no candidate gene has variance and all its values"
        return null_path(fold_ids, genes, excluded, why)
    top = _first_penalty(values, days, observed)
    if top <= 0:
        return null_path(fold_ids, genes, excluded, "no candidate gene varies among the patients at risk at an event")

    lowest = 1e-4 if len(values) > len(entering) else 0.01
    cuts = [min_ratio, *(ratio for ratio in EXTENSIONS if lowest <= ratio < min_ratio)]
    for cut in cuts:
        alphas = penalty_grid(top, cut)
        with one_thread():
            loss, fold_coefficients = _cross_validate(values, days, observed, fold_ids, alphas, fold_tolerance)
        mean, standard_error = _summarise(loss, observed, fold_ids)
        least = int(np.argmin(mean))
        if least < len(alphas) - INTERIOR_MARGIN:
            break
    sparse = int(np.argmax(mean <= mean[least] + standard_error[least]))
    chosen = least if rule == Penalty.MIN else sparse
    sd = values.std(axis=0, ddof=1)
    with one_thread():
        found = lasso_coefficients(values, days, observed, alphas, exact=True)
    coefficients = pd.DataFrame(
        rounded_signed(found * sd[:, None]),
        index=pd.Index(entering, name="gene", dtype=object),
    )
    coefficients.columns = pd.Index(alphas, name="alpha")
    kept = (fold_coefficients[:, :, chosen] != 0).mean(axis=0)
    nothing = not (coefficients.iloc[:, chosen] != 0).any()
    return LassoPath(
        alphas=alphas,
        deviance_mean=mean,
        deviance_se=standard_error,
        alpha_min=float(alphas[least]),
        alpha_1se=float(alphas[sparse]),
        chosen=float(alphas[chosen]),
        coefficients=coefficients,
        n_folds=int(fold_ids.max()) + 1,
        n_repeats=len(fold_ids),
        n_features_in=len(entering),
        fold_deviance=loss,
        selection_frequency=pd.Series(kept, index=coefficients.index, name="selection_frequency"),
        excluded=excluded,
        reason="the cross-validated deviance is lowest without any gene" if nothing else None,
    )


def stratified_folds(event: BoolArray, folds: int, repeats: int, seed: int) -> np.ndarray:
    """(repeats, n_patients) fold numbers, with events and censored patients each distributed evenly, at random."""
    rng = np.random.default_rng(seed)
    fold_ids = np.empty((repeats, len(event)), dtype=np.int64)
    for repeat in range(repeats):
        dealt = np.concatenate([rng.permutation(np.flatnonzero(event)), rng.permutation(np.flatnonzero(~event))])
        fold_ids[repeat, dealt] = np.arange(len(event)) % folds
    return fold_ids


def penalty_grid(top: float, min_ratio: float) -> FloatArray:
    """Penalties from `top` down to `min_ratio` of it, by a constant factor; a longer grid extends a shorter one."""
    steps = int(np.ceil(np.log(min_ratio) / np.log(GRID_STEP) - 1e-9))
    return top * GRID_STEP ** np.arange(steps + 1)


def lasso_coefficients(
    x: FloatArray,
    time: FloatArray,
    event: BoolArray,
    alphas: FloatArray,
    tolerance: float = 1e-12,
    *,
    exact: bool = False,
) -> FloatArray:
    """(n_genes, n_alphas) coefficients per unit of x, fitted on features standardised here (sd with n).

    With `exact` they are refined to machine precision (see polish).
    """
    from sksurv.linear_model import CoxnetSurvivalAnalysis
    from sksurv.util import Surv

    sd = x.std(axis=0)
    varies = sd > 1e-12 * np.maximum(np.abs(x).max(axis=0), 1e-300)
    coefficients = np.zeros((x.shape[1], len(alphas)))
    if not varies.any() or not event.any():
        return coefficients
    standardised = (x[:, varies] - x[:, varies].mean(axis=0)) / sd[varies]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="all coefficients are zero")
        fit = CoxnetSurvivalAnalysis(alphas=alphas, l1_ratio=1.0, tol=tolerance).fit(
            standardised, Surv.from_arrays(event, time)
        )
    found = fit.coef_
    if exact:
        found = np.stack(
            [polished(standardised, time, event, beta, a) for beta, a in zip(found.T, alphas, strict=False)], axis=1
        )
    # The solver stops early once the model explains all; the last fit is used for the smaller penalties.
    n_fitted = found.shape[1]
    filled = np.minimum(np.arange(len(alphas)), n_fitted - 1)
    coefficients[varies] = (found / sd[varies, None])[:, filled]
    return coefficients


def _entering(values: FloatArray, genes: Sequence[str]) -> tuple[FloatArray, list[str], pd.DataFrame]:
    missing = ~np.isfinite(values).all(axis=0)
    with np.errstate(invalid="ignore"):
        constant = ~missing & ~(values.std(axis=0) > 1e-12 * np.abs(values).max(axis=0, initial=0))
    reason = np.where(missing, "missing values", np.where(constant, "no variance", None))
    names = np.asarray(genes, dtype=object)
    left_out = missing | constant
    excluded = pd.DataFrame({"gene": names[left_out], "reason": reason[left_out]}, dtype=object)
    return values[:, ~left_out], list(names[~left_out]), excluded


def _first_penalty(values: FloatArray, time: FloatArray, event: BoolArray) -> float:
    """The least penalty that keeps no gene: the largest score at the null, per patient, of the standardised genes."""
    standardised = (values - values.mean(axis=0)) / values.std(axis=0)
    order = np.argsort(-time, kind="stable")
    days, sorted_x = time[order], standardised[order]
    last = np.searchsorted(-days, -days, side="right") - 1
    at_risk_mean = (np.cumsum(sorted_x, axis=0) / np.arange(1, len(days) + 1)[:, None])[last]
    score = (sorted_x - at_risk_mean)[event[order]].sum(axis=0)
    top = float(np.abs(score).max() / len(days))
    return top if top > 1e-12 else 0.0


def _cross_validate(
    values: FloatArray,
    time: FloatArray,
    event: BoolArray,
    fold_ids: np.ndarray,
    alphas: FloatArray,
    tolerance: float,
) -> tuple[FloatArray, FloatArray]:
    """Deviances (n_repeats, n_folds, n_alphas) per event, and coefficients (n_fits, n_genes, n_alphas)."""
    n_folds = int(fold_ids.max()) + 1
    loss = np.empty((len(fold_ids), n_folds, len(alphas)))
    coefficients = []
    for repeat, ids in enumerate(fold_ids):
        fits = []
        for fold in range(n_folds):
            fitted = ids != fold
            fits.append(lasso_coefficients(values[fitted], time[fitted], event[fitted], alphas, tolerance))
        loss[repeat] = fold_deviances(values, time, event, ids, np.stack(fits))
        coefficients.extend(fits)
    return loss, np.stack(coefficients)


def _summarise(loss: FloatArray, event: BoolArray, fold_ids: np.ndarray) -> tuple[FloatArray, FloatArray]:
    """Mean over folds (by events) and repeats; the standard error is one repeat's: repeats add no patients.

    Rounded, so that equal losses are equal on every machine and the larger of their penalties is chosen.
    """
    n_folds = loss.shape[1]
    events = np.stack([np.bincount(ids, weights=event, minlength=n_folds) for ids in fold_ids])
    weights = (events / events.sum(axis=1, keepdims=True))[:, :, None]
    usable = np.where(weights > 0, loss, 0.0)
    means = (weights * usable).sum(axis=1)
    variance = (weights * (usable - means[:, None]) ** 2).sum(axis=1) / (n_folds - 1)
    return rounded(means.mean(axis=0), LOSS_DIGITS), rounded(np.sqrt(variance.mean(axis=0)), LOSS_DIGITS)
