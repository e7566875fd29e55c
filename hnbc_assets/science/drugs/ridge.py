"""Ridge regression of drug response on expression, all drugs at once, and its prediction in patients.

Belongs here: the models. Does not: making lines and patients comparable (homogenise), comparing groups (association).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular
from threadpoolctl import threadpool_limits

Array = NDArray[np.float64]
RELATIVE_PENALTIES = np.logspace(3, -3, 25)
MIN_LINES = 20


@dataclass(frozen=True)
class Ridge:
    """Fitted models, one a drug.

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
        values = self.weights.to_numpy().T @ x + self.intercepts.to_numpy()[:, None]
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
    dual form is solved, exactly: w = Xᵀα, with K = XXᵀ of the lines, decomposed once for all drugs. A drug screened in
    some lines only has its own inverse, had from the common one by removing the other lines (Schur complement).

    λ is the one of `relative_penalties` × mean diagonal of K with the least squared leave-one-out error, in closed
    form: e_i = α_i / C_ii, C the upper left block of the inverse of [[K + λI, 1], [1ᵀ, 0]] (Allen 1974,
    10.1080/00401706.1974.10489157; the intercept is refitted too). This rule stands in place of linearRidge's automatic
    penalty, which jumps between numbers of components.

    cv_r2 is 1 − Σe² / Σ(y_i − mean of the other lines)². cv_pearson correlates the leave-one-out prediction with the
    observation, both as differences from the mean of the other lines: without that, the correlation of a drug that
    cannot be predicted would not be 0 but nearly −1, since leaving out a high value lowers the mean of the rest. Both
    use the λ that they helped to choose; what that adds for drugs unrelated to expression is measured in the tests.

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
    kernel = x @ x.T
    with threadpool_limits(1, user_api="blas"):  # many small factorisations: a second thread waits more than it helps
        solution = _solve(kernel, np.where(screened, y, 0.0)[:, usable], screened[:, usable], grid)

    drugs = ln_ic50.columns
    table = pd.DataFrame({"drug_id": drugs, "n_lines": screened.sum(axis=0), "n_genes": x.shape[1]})
    fitted = _quality(y[:, usable], screened[:, usable], solution)
    for column, values in fitted.items():
        table.loc[usable, column] = values
    table["penalty_at_edge"] = table["penalty_at_edge"].astype("boolean")
    table["reason"] = reason
    names = pd.Index(drugs[usable], name=drugs.name or "drug_id")
    return Ridge(
        table,
        pd.DataFrame(x.T @ solution.alpha, index=lines.index, columns=names),
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
    at_edge: NDArray[np.bool_]


def _unusable(y: Array, screened: NDArray[np.bool_], min_lines: int) -> list[str | None]:
    """Why a drug gets no model, or None."""
    reasons: list[str | None] = []
    for known, response in zip(screened.T, y.T, strict=True):
        values = response[known]
        if len(values) < min_lines:
            reasons.append(f"screened in {len(values)} lines with expression, fewer than {min_lines}")
        else:
            reasons.append(None if np.ptp(values) > 0 else "the response does not vary")
    return reasons


def _solve(kernel: Array, y: Array, screened: NDArray[np.bool_], grid: Array) -> _Solution:
    """Over the grid from strong to weak penalties, keep each drug's fit with the least leave-one-out error.

    kernel : (n, n); y : (n, k), 0 where not screened; screened : (n, k)
    """
    n, k = y.shape
    roots, vectors = np.linalg.eigh(kernel)
    penalties = grid * max(np.trace(kernel) / n, np.finfo(float).tiny)
    patterns = list(_patterns(screened))
    best = _Solution(np.zeros((n, k)), np.zeros(k), np.zeros((n, k)), np.zeros(k), np.zeros(k, dtype=bool))
    least = np.full(k, np.inf)
    right = np.hstack([y, screened.astype(float)])
    for i, penalty in enumerate(penalties):
        inverse = (vectors / (roots.clip(min=0) + penalty)) @ vectors.T
        product = inverse @ right
        for known, drugs in patterns:
            columns = np.concatenate([drugs, drugs[:1] + k])
            diagonal, solved = _without_the_others(
                kernel, inverse, product[:, columns], right[:, columns], known, penalty
            )
            alpha, intercept, error = _leave_one_out(diagonal, solved[:, :-1], solved[:, -1], known)
            press = (error**2).sum(axis=0)
            better = press < least[drugs]
            chosen = drugs[better]
            least[chosen], best.penalty[chosen] = press[better], penalty
            best.alpha[:, chosen], best.error[:, chosen] = alpha[:, better], error[:, better]
            best.intercept[chosen], best.at_edge[chosen] = intercept[better], i in (0, len(penalties) - 1)
    return best


def _patterns(screened: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.intp]]]:
    """Drugs screened in the same lines share their inverse: (lines screened, indices of the drugs)."""
    distinct, which = np.unique(screened, axis=1, return_inverse=True)
    for j in range(distinct.shape[1]):
        yield distinct[:, j], np.flatnonzero(which.ravel() == j)


def _without_the_others(
    kernel: Array, inverse: Array, product: Array, right: Array, known: NDArray[np.bool_], penalty: float
) -> tuple[Array, Array]:
    """P = (K_known + λI)⁻¹, padded with zeros: its diagonal (n,) and P·right (n, k), from the inverse over all lines.

    With A the inverse over all lines, P = A − A_·u A_uu⁻¹ A_u·, u the unscreened lines. Where they are the majority,
    inverting the smaller matrix is the shorter way.
    """
    n, n_known = len(known), int(known.sum())
    if n_known == n:
        return inverse.diagonal(), product
    if 2 * n_known < n:
        factor = cho_factor(kernel[np.ix_(known, known)] + penalty * np.eye(n_known), check_finite=False)
        small = cho_solve(factor, np.eye(n_known), check_finite=False)
        diagonal, solved = np.zeros(n), np.zeros(right.shape)
        diagonal[known], solved[known] = small.diagonal(), small @ right[known]
        return diagonal, solved
    rows = inverse[~known]
    root = cholesky(rows[:, ~known], lower=True, check_finite=False)
    removed = solve_triangular(root, rows, lower=True, check_finite=False)
    return inverse.diagonal() - np.einsum("ij,ij->j", removed, removed), product - removed.T @ (removed @ right)


def _leave_one_out(diagonal: Array, py: Array, p1: Array, known: NDArray[np.bool_]) -> tuple[Array, Array, Array]:
    """α (n, k), b (k,) and leave-one-out errors (n, k) from the diagonal of P, P·y and P·1; 0 where not screened."""
    total = p1[known].sum()
    intercept = py[known].sum(axis=0) / total
    alpha = np.where(known[:, None], py - p1[:, None] * intercept, 0.0)
    leverage = np.where(known, diagonal - p1**2 / total, 1.0)
    return alpha, intercept, alpha / leverage[:, None]


def _quality(y: Array, screened: NDArray[np.bool_], solution: _Solution) -> dict[str, Array]:
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
        "penalty_at_edge": solution.at_edge,
        "cv_pearson": pearson,
        "cv_r2": 1 - (solution.error**2).sum(axis=0) / squared,
        "ln_ic50_min": np.where(screened, y, np.inf).min(axis=0),
        "ln_ic50_max": np.where(screened, y, -np.inf).max(axis=0),
    }
