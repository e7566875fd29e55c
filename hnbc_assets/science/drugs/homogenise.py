"""Homogenisation of cell lines and patients, so that a model of the lines may be applied to the patients.

In scope: which genes are used, and how their values are made comparable. Out of scope: fitting (ridge).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import rankdata

from hnbc_assets.vocabulary import Homogenise

MAX_MISSING = 0.1


class NoSharedGenes(ValueError):
    """Lines and patients have no usable gene in common."""


@dataclass(frozen=True)
class Homogenised:
    """lines: genes × lines and patients: genes × patients, the same genes in the same order, no missing value.

    genes: gene, variance_in_lines, kept, reason (why it was left out); one row per gene of the lines.
    """

    lines: pd.DataFrame
    patients: pd.DataFrame
    genes: pd.DataFrame


def homogenise(
    lines: pd.DataFrame,
    patients: pd.DataFrame,
    *,
    method: Homogenise = Homogenise.STANDARDISE,
    drop_low_variance: float = 0.2,
    among: Collection[str] | None = None,
) -> Homogenised:
    """Keep the genes that lines and patients share and vary, and scale each gene within its own dataset.

    Predicting patients from cell lines needs the two homogenised first (Geeleher, Cox & Huang 2014,
    10.1186/gb-2014-15-3-r47); standardising each gene within its dataset is oncoPredict's choice where the platforms
    differ (Maeser, Gruener & Huang 2021, 10.1093/bib/bbab260). Both remove a gene's platform-wide shift and scale;
    both make a prediction relative to the cohort's other patients.

    The variance rule: of all genes of the lines, the share `drop_low_variance` (a fifth, as in both papers) with the
    least variance over the lines is dropped. This is decided on the lines alone, on their own scale and before any
    scaling: after standardising, every variance is 1, and a filter would select by rounding errors.
    Genes constant in either dataset, or missing in more than a tenth of either, are dropped too; other missing values
    become the gene's mean.

    Parameters
    ----------
    lines : genes × lines, log2 expression
    patients : genes × patients, any scale on which a gene's patients can be compared
    method : "standardise": mean 0, sd 1 over each dataset; "rank": normal quantiles of the ranks in each dataset
    drop_low_variance : share of the lines' genes, in [0, 1)
    among : consider these genes only (for one model for several cohorts: the genes that all of them have)

    Raises
    ------
    NoSharedGenes
        If no gene remains.
    ValueError
        If a gene occurs twice in either, or a setting is out of range.
    """
    if not 0 <= drop_low_variance < 1:
        raise ValueError(f"drop_low_variance is a share in [0, 1), not {drop_low_variance}")
    if method not in Homogenise:
        raise ValueError(f"no homogenisation is called {method!r}: {' or '.join(Homogenise)}")
    for name, frame in (("lines", lines), ("patients", patients)):
        if not frame.index.is_unique:
            raise ValueError(f"{name}: gene {frame.index[frame.index.duplicated()][0]!r} occurs twice: collapse first")
    genes = _judge(lines, patients, drop_low_variance, among)
    kept = genes.loc[genes["kept"], "gene"]
    if kept.empty:
        raise NoSharedGenes("lines and patients share no gene that varies in both: are both keyed by gene symbol?")
    scale = _standardise if method == Homogenise.STANDARDISE else _rank_normalise
    return Homogenised(_scaled(lines.loc[kept], scale), _scaled(patients.loc[kept], scale), genes)


def _judge(
    lines: pd.DataFrame, patients: pd.DataFrame, drop_low_variance: float, among: Collection[str] | None
) -> pd.DataFrame:
    """One row per gene of the lines, with the first reason, if any, for leaving it out."""
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = lines.var(axis=1, ddof=1)
    n_low = int(drop_low_variance * len(variance))
    low = variance.rank(method="first", na_option="top") <= n_low
    elsewhere = patients.reindex(lines.index)
    spread = elsewhere.max(axis=1) - elsewhere.min(axis=1)
    reasons = [
        (low, "low variance in lines"),
        (~(variance > 0), "constant in lines"),
        (lines.isna().mean(axis=1) > MAX_MISSING, "missing in lines"),
        (~lines.index.isin(patients.index), "not measured in patients"),
        (~lines.index.isin(list(among if among is not None else lines.index)), "not among the requested genes"),
        (elsewhere.isna().mean(axis=1) > MAX_MISSING, "missing in patients"),
        (~(spread > 0), "constant in patients"),
    ]
    reason = np.select([np.asarray(mask, dtype=bool) for mask, _ in reasons], [text for _, text in reasons], default="")
    return pd.DataFrame(
        {
            "gene": lines.index.to_numpy(),
            "variance_in_lines": variance.to_numpy(),
            "kept": reason == "",
            "reason": pd.Series(reason).replace("", None),
        }
    )


def _scaled(frame: pd.DataFrame, scale: object) -> pd.DataFrame:
    """`scale` applied to the values of an expression frame."""
    return pd.DataFrame(scale(frame.to_numpy(dtype=float)), index=frame.index, columns=frame.columns)


def _standardise(x: np.ndarray) -> np.ndarray:
    """(n_genes, n_samples): each gene to mean 0 and sd 1 over its known values; missing values to the mean."""
    centred = x - np.nanmean(x, axis=1, keepdims=True)
    centred /= np.nanstd(x, axis=1, ddof=1, keepdims=True)
    return np.nan_to_num(centred, copy=False, nan=0.0)


def _rank_normalise(x: np.ndarray) -> np.ndarray:
    """(n_genes, n_samples): each gene's known values to normal quantiles of (rank − ½)/n; missing values to 0."""
    known = (~np.isnan(x)).sum(axis=1, keepdims=True)
    ranks = rankdata(x, axis=1, nan_policy="omit")
    return np.nan_to_num(ndtri((ranks - 0.5) / known), nan=0.0)
