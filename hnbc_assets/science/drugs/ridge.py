"""Ridge regression of drug response on expression, all drugs at once, and its prediction in patients.

In scope: the models. Out of scope: making lines and patients comparable (homogenise), comparing groups (association).
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_info, threadpool_limits

from hnbc_assets.arithmetic import product

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Indices = NDArray[np.intp]
RELATIVE_PENALTIES = np.logspace(3, -3, 25)
MIN_LINES = 20
REFINEMENTS = 2
TIED = 1e-9  # relative difference of squared errors below which penalties tie; the stronger one is kept
NEARLY_ALL = 0.2  # share of lines not screened up to which removing them is cheaper than decomposing the rest


@dataclass(frozen=True)
class Ridge:
    """Fitted models, one per drug.

    table : drug_id, n_lines, n_genes, penalty (λ), penalty_at_edge, cv_pearson, cv_r2, ln_ic50_min, ln_ic50_max (of the
        lines), reason (why a drug has no model, else null)
    weights : genes × drugs, ln µM per unit of the gene
    intercepts : by drug, ln µM at `centre`; centre : the lines' mean, by gene
    """

    table: pd.DataFrame
    weights: pd.DataFrame
    intercepts: pd.Series
    centre: pd.Series

    def predict(self, patients: pd.DataFrame) -> pd.DataFrame:
        """Predicted ln IC50 (ln µM), drugs × patients, of `patients` (genes × patients, homogenised with the lines).

        Raises
        ------
        ValueError
            If the patients' genes are not the models' genes, in their order.
        """
        if not patients.index.equals(self.weights.index):
            raise ValueError("patients and models have different genes: homogenise the patients with these lines first")
        x = patients.to_numpy(dtype=float) - self.centre.to_numpy()[:, None]
        values = product(self.weights.to_numpy().T, x) + self.intercepts.to_numpy()[:, None]
        return pd.DataFrame(values, index=self.weights.columns, columns=patients.columns)


@dataclass(frozen=True)
class DrugModels:
    """table: as Ridge.table; predictions: ln IC50 (ln µM), drugs × patients, drugs without a model left out."""

    table: pd.DataFrame
    predictions: pd.DataFrame


def fit_predict(lines: pd.DataFrame, ln_ic50: pd.DataFrame, patients: pd.DataFrame) -> DrugModels:
    """Fit every drug on the lines and predict the patients: `fit`, then `Ridge.predict`; see there."""
    models = fit(lines, ln_ic50)
    return DrugModels(models.table, models.predict(patients))


def fit(
    lines: pd.DataFrame, ln_ic50: pd.DataFrame, *, relative_penalties: Array | None = None, min_lines: int = MIN_LINES
) -> Ridge:
    """Ridge-regress each drug's ln IC50 on all genes, in the manner of Geeleher 2014 and oncoPredict.

    Minimises |y − b − Xw|² + λ|w|² with b unpenalised (Hoerl & Kennard 1970, 10.1080/00401706.1970.10488634; Geeleher
    2014, 10.1186/gb-2014-15-3-r47; Maeser 2021, 10.1093/bib/bbab260). There are far more genes than lines, so the
    dual form is solved, exactly: w = Xᵀα, with one kernel K = XXᵀ of the lines, decomposed once for all drugs: the
    inverse for a drug that was not screened in every line follows from the common one by removing the other lines. Only
    where more than a fifth is missing the remaining lines are decomposed separately, which is then faster.

    λ is the one of `relative_penalties` × mean diagonal of K with the least squared leave-one-out error, in closed
    form: e_i = α_i / C_ii, C the upper left block of the inverse of [[K + λI, 1], [1ᵀ, 0]] (Allen 1974,
    10.1080/00401706.1974.10489157; the intercept is refitted too). This rule replaces linearRidge's automatic penalty,
    which jumps between numbers of components.

    cv_r2 is 1 − Σe² / Σ(y_i − mean of the other lines)². cv_pearson correlates the leave-one-out prediction with the
    observation, both as differences from the mean of the other lines: without that, the correlation of a drug that
    cannot be predicted would not be 0 but nearly −1, since leaving out a high value lowers the mean of the rest. Both
    use the λ that they helped to choose; the resulting bias for drugs unrelated to expression is measured in the tests.

    Parameters
    ----------
    lines : genes × lines, homogenised, no missing value
    ln_ic50 : lines × drugs, ln µM, missing where not screened; lines without expression are ignored
    relative_penalties : (n,), positive; default 25 from 10³ to 10⁻³
    min_lines : drugs with fewer lines, or without variance, get no model but a reason

    Raises
    ------
    ValueError
        If `lines` has a missing value or no line is in both.
    """
    shared = lines.columns[lines.columns.isin(ln_ic50.index)]
    if shared.empty:
        raise ValueError("no cell line has both expression and drug response")
    x = lines[shared].to_numpy(dtype=float).T
    if not np.isfinite(x).all():
        raise ValueError("the lines' expression has missing values: homogenise first")
    y = ln_ic50.loc[shared].to_numpy(dtype=float)
    screened = np.isfinite(y)
    reason = _unusable(y, screened, min_lines)
    usable = np.array([text is None for text in reason], dtype=bool)
    centre = x.mean(axis=0)
    x -= centre
    grid = np.sort(RELATIVE_PENALTIES if relative_penalties is None else np.asarray(relative_penalties, float))[::-1]
    threads = max((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"), default=1)
    # Threads help over drugs, not inside one.
    known, response = screened[:, usable], np.where(screened, y, 0.0)[:, usable]
    with threadpool_limits(1, user_api="blas"):
        kernel = product(x, x.T)
        penalties = grid * max(np.trace(kernel) / len(kernel), np.finfo(float).tiny)
        solution = _solve(kernel, response, known, penalties, threads)
        _polish(kernel, response, known, solution)
        weights = product(x.T, solution.alpha)

    drugs = ln_ic50.columns
    table = pd.DataFrame({"drug_id": drugs, "n_lines": screened.sum(axis=0), "n_genes": x.shape[1]})
    fitted = _quality(y[:, usable], known, solution)
    for column, values in fitted.items():
        table.loc[usable, column] = values
    table.loc[usable, "penalty_at_edge"] = np.isin(solution.penalty, penalties[[0, -1]])
    table["penalty_at_edge"] = table["penalty_at_edge"].astype("boolean")
    table["reason"] = reason
    names = pd.Index(drugs[usable], name=drugs.name or "drug_id")
    return Ridge(
        table,
        pd.DataFrame(weights, index=lines.index, columns=names),
        pd.Series(solution.intercept, index=names),
        pd.Series(centre, index=lines.index),
    )


@dataclass
class _Solution:
    """The best fit so far of each drug: α (n_lines, n_drugs; 0 where not screened), b, leave-one-out errors, λ."""

    alpha: Array
    intercept: Array
    error: Array
    penalty: Array
    press: Array

    @classmethod
    def none_yet(cls, n: int, k: int) -> _Solution:
        return cls(np.zeros((n, k)), np.zeros(k), np.zeros((n, k)), np.zeros(k), np.full(k, np.inf))

    def consider(self, drugs: Indices, known: Mask, penalty: float, diagonal: Array, py: Array, p1: Array) -> None:
        """Keep the fits of these drugs, screened in the lines `known`, that are better than the best so far.

        diagonal (n,), py (n, k), p1 (n,) : diagonal of P = (K_known + λI)⁻¹, P·y and P·1, any value outside `known`
        """
        total = p1[known].sum()
        intercept = py[known].sum(axis=0) / total
        alpha = np.where(known[:, None], py - p1[:, None] * intercept, 0.0)
        error = alpha / np.where(known, diagonal - p1**2 / total, 1.0)[:, None]
        press = (error**2).sum(axis=0)
        better = press < self.press[drugs] * (1 - TIED)
        chosen = drugs[better]
        self.alpha[:, chosen], self.error[:, chosen] = alpha[:, better], error[:, better]
        self.intercept[chosen], self.press[chosen], self.penalty[chosen] = intercept[better], press[better], penalty


def _unusable(y: Array, screened: Mask, min_lines: int) -> list[str | None]:
    """Why a drug gets no model, or None."""
    reasons: list[str | None] = []
    for known, response in zip(screened.T, y.T, strict=True):
        values = response[known]
        if len(values) < min_lines:
            reasons.append(f"screened in {len(values)} lines with expression, fewer than {min_lines}")
        else:
            reasons.append(None if np.ptp(values) > 0 else "the response does not vary")
    return reasons


def _solve(kernel: Array, y: Array, screened: Mask, penalties: Array, threads: int) -> _Solution:
    """Over the penalties, strongest first, keep each drug's fit with the least leave-one-out error.

    kernel : (n, n); y : (n, k), 0 where not screened; screened : (n, k)
    """
    n, k = y.shape
    best = _Solution.none_yet(n, k)
    patterns = list(_patterns(screened))
    nearly_all = [pattern for pattern in patterns if (~pattern[0]).sum() <= NEARLY_ALL * n]
    some = [pattern for pattern in patterns if (~pattern[0]).sum() > NEARLY_ALL * n]
    if nearly_all:
        _solve_from_the_common_inverse(kernel, y, nearly_all, penalties, best, threads)
    for known, drugs in some:
        roots, vectors = np.linalg.eigh(kernel[np.ix_(known, known)])
        full = np.zeros((n, len(roots)))
        full[known] = vectors
        right = vectors.T @ np.column_stack([y[np.ix_(known, drugs)], np.ones(len(roots))])
        for penalty in penalties:
            shrunk = 1 / (roots.clip(min=0) + penalty)
            solved = full @ (right * shrunk[:, None])
            best.consider(drugs, known, penalty, full**2 @ shrunk, solved[:, :-1], solved[:, -1])
    return best


def _solve_from_the_common_inverse(
    kernel: Array, y: Array, patterns: list[tuple[Mask, Indices]], penalties: Array, best: _Solution, threads: int
) -> None:
    """For drugs screened in nearly all lines: one decomposition of all lines, the few others removed.

    With A = (K + λI)⁻¹ over all lines and u the unscreened, P = A − A_·u A_uu⁻¹ A_u· (Schur complement). Drugs are
    distributed over threads: numpy releases the GIL in these products, and each drug has its own columns.
    """
    n, k = y.shape
    roots, vectors = np.linalg.eigh(kernel)
    right = np.hstack([y, np.zeros((n, len(patterns)))])
    for i, (known, _) in enumerate(patterns):
        right[known, k + i] = 1.0

    def remove(i: int, penalty: float, inverse: Array, product: Array) -> None:
        known, drugs = patterns[i]
        columns = np.append(drugs, k + i)
        diagonal, solved = inverse.diagonal(), product[:, columns]
        if not known.all():
            rows = inverse[~known]
            removed = np.linalg.inv(np.linalg.cholesky(rows[:, ~known])) @ rows
            diagonal = diagonal - np.einsum("ij,ij->j", removed, removed)
            solved = solved - removed.T @ (removed @ right[:, columns])
        best.consider(drugs, known, penalty, diagonal, solved[:, :-1], solved[:, -1])

    with ThreadPoolExecutor(threads) as pool:
        for penalty in penalties:
            inverse = (vectors / (roots.clip(min=0) + penalty)) @ vectors.T
            product = inverse @ right
            list(pool.map(partial(remove, penalty=penalty, inverse=inverse, product=product), range(len(patterns))))


def _polish(kernel: Array, y: Array, screened: Mask, solution: _Solution) -> None:
    """Refine each drug's α and b in place, until they solve (K + λI) α + b·1 = y, 1ᵀα = 0 to machine precision.

    A decomposition leaves errors of K's condition number times machine precision, which differ between machines.
    Residuals are computed by exact products (Higham 2002, Accuracy and Stability, ch. 12). Corrections need not be
    exact, so each drug's come from its Cholesky factor.
    """
    from scipy.linalg import cho_factor, cho_solve

    factors = []
    for known, penalty in zip(screened.T, solution.penalty, strict=True):
        within = kernel[np.ix_(known, known)]
        factor = cho_factor(within + penalty * np.eye(len(within)), lower=True, check_finite=False)
        factors.append((factor, cho_solve(factor, np.ones(len(within)), check_finite=False)))
    for _ in range(REFINEMENTS):
        fitted = product(kernel, solution.alpha) + solution.penalty * solution.alpha + solution.intercept
        residuals = np.where(screened, y - fitted, 0.0)
        total = solution.alpha.sum(axis=0)
        for drug, (known, (factor, ones)) in enumerate(zip(screened.T, factors, strict=True)):
            solved = cho_solve(factor, residuals[known, drug], check_finite=False)
            shift = (solved.sum() + total[drug]) / ones.sum()
            solution.intercept[drug] += shift
            solution.alpha[known, drug] += solved - shift * ones


def _patterns(screened: Mask) -> Iterator[tuple[Mask, Indices]]:
    """Drugs screened in the same lines share their inverse: (lines screened, indices of the drugs)."""
    distinct, which = np.unique(screened, axis=1, return_inverse=True)
    for j in range(distinct.shape[1]):
        yield distinct[:, j], np.flatnonzero(which.ravel() == j)


def _quality(y: Array, screened: Mask, solution: _Solution) -> dict[str, Array]:
    """The columns of the table that need the fit."""
    n = screened.sum(axis=0)
    known = np.where(screened, y, 0.0)
    from_others = np.where(screened, y - (known.sum(axis=0) - known) / (n - 1), 0.0)
    predicted = from_others - solution.error
    squared = (from_others**2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = np.where(screened, predicted - predicted.sum(axis=0) / n, 0.0)
        pearson = (centred * from_others).sum(axis=0) / np.sqrt((centred**2).sum(axis=0) * squared)
    return {
        "penalty": solution.penalty,
        "cv_pearson": pearson,
        "cv_r2": 1 - (solution.error**2).sum(axis=0) / squared,
        "ln_ic50_min": np.where(screened, y, np.inf).min(axis=0),
        "ln_ic50_max": np.where(screened, y, -np.inf).max(axis=0),
    }
