"""Expression: from features as upstream names them to a genes × samples matrix on a stated scale.

In scope: the logarithm, current symbols, the collapse of features to genes. Out of scope: which sample represents a
patient (samples), scaling of genes (the analyses that need it).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hnbc_assets.arithmetic import log2
from hnbc_assets.errors import CohortUnusable, StudyError
from hnbc_assets.science.cohorts import symbols
from hnbc_assets.vocabulary import GENE_WISE_SCALES, LOG2_SCALES, Scale, Values

LARGEST_LOG2 = 32.0
SMALLEST_LINEAR_MAXIMUM = 30.0
LINEAR = {Scale.LOG2_TPM: "TPM", Scale.LOG2_CPM: "count", Scale.LOG2_INTENSITY: "intensity"}
LINEAR_BY_DEFAULT = (Scale.LOG2_TPM, Scale.LOG2_CPM)


def gene_matrix(
    expression: pd.DataFrame,
    features: pd.DataFrame,
    *,
    scale: str,
    collapse: str | None = None,
    upstream: str | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Genes × samples, one row per current symbol, and how each row was made.

    Parameters
    ----------
    expression : features × samples
    features : feature_id, symbol; symbols of several genes are joined by '///'
    scale : the scale of the result, a Scale
    collapse : mean or max_variance, for genes of several features; by default the mean on gene-wise scales, where
        variance is not informative, and the feature of the highest variance on the others
    upstream : what the values are: linear (TPM for log2_tpm, counts for log2_cpm, intensities for log2_intensity) or
        log2, used unchanged. By default linear for log2_tpm and log2_cpm, log2 for log2_intensity; gene-wise scales
        are used unchanged

    Returns
    -------
    matrix : float64, index gene, sorted by symbol
    report : gene, n_features, rule, upstream_symbols; rows without a gene count dropped features and give the reason

    Raises
    ------
    StudyError
        If scale, collapse or upstream is unknown, or the values contradict it: linear ones whose largest is below 30
        (only logarithms are that small), logarithms above 32, negative linear ones.
    CohortUnusable
        If no feature has a usable symbol.
    """
    if scale not in Scale or collapse not in (None, "mean", "max_variance"):
        raise StudyError(f"scale {scale!r}, collapse {collapse!r}: scales are {', '.join(Scale)}; mean, max_variance.")
    collapse = collapse or ("mean" if scale in GENE_WISE_SCALES else "max_variance")
    if upstream not in (None, *Values):
        raise StudyError(f"values are {upstream!r}: write linear or log2.")
    linear = upstream == Values.LINEAR or (upstream is None and scale in LINEAR_BY_DEFAULT)
    values = to_log2(expression.to_numpy(float), scale) if linear else expression.to_numpy(float)
    if scale in LOG2_SCALES and np.nanmax(values, initial=-np.inf) > LARGEST_LOG2:
        raise StudyError(
            f"{scale}: the largest value is {np.nanmax(values):.4g}, too large for a logarithm. "
            "Are the values linear? Then write `values: linear` in the cohort's source in the study file."
        )
    named = symbols.current(features.set_index("feature_id")["symbol"].reindex(expression.index))
    par_y = pd.Series(expression.index.astype(str)).str.endswith("_PAR_Y")
    named.loc[par_y, "gene"], named.loc[par_y, "reason"] = None, "second_copy_on_y"
    empty = pd.Series(np.isnan(values).all(axis=1)) & named["gene"].notna()
    named.loc[empty, "gene"], named.loc[empty, "reason"] = None, "no_value"
    if named["gene"].isna().all():
        raise CohortUnusable(
            f"None of {len(named)} features has a usable gene symbol, e.g. {list(expression.index[:3])}."
        )
    matrix, kept = _collapse(values, named["gene"], expression.index, collapse)
    frame = pd.DataFrame(matrix, index=pd.Index(kept["gene"], name="gene", dtype=object), columns=expression.columns)
    return frame, _report(kept, named)


def current_genes(expression: pd.DataFrame) -> pd.DataFrame:
    """Genes × samples in current symbols, for a frame whose rows are already symbols; rows of one gene are averaged."""
    features = pd.DataFrame({"feature_id": np.arange(len(expression)), "symbol": expression.index})
    frame, _ = gene_matrix(expression.set_axis(features["feature_id"]), features, scale="rank_normal", collapse="mean")
    return frame


def to_log2(values: np.ndarray, scale: str) -> np.ndarray:
    """Linear values as logarithms: log2(TPM + 1), log2(intensity + 1); log2 counts per million,
    (count + ½)/(library + 1)·10⁶ as in voom; values of gene-wise scales unchanged.

    Parameters
    ----------
    values : (n_features, n_samples); all features of the sample, for the library size

    Raises
    ------
    StudyError
        If a value is negative, or all are so small that they must already be logarithms.
    """
    if scale not in LOG2_SCALES:
        return values
    if np.nanmin(values, initial=np.inf) < 0:
        raise StudyError(
            f"{scale}: a value is negative ({np.nanmin(values):.4g}), which no {LINEAR[scale]} is. Are they already "
            "logarithms? Then write `values: log2` in the cohort's source in the study file."
        )
    largest = np.nanmax(values, initial=-np.inf)
    if np.isfinite(largest) and largest < SMALLEST_LINEAR_MAXIMUM:
        raise StudyError(
            f"{scale}: the largest value is {largest:.4g}. A {LINEAR[scale]} table has larger values; a table of "
            "logarithms has not, and logarithms of logarithms would flatten every difference. Write `values: log2` in "
            "the cohort's source in the study file. (If the values are linear nevertheless, write log2(value + 1) of "
            "them to the table first.)"
        )
    logarithms = _per_million(values) if scale == Scale.LOG2_CPM else values + 1
    return log2(logarithms)


def _per_million(counts: np.ndarray) -> np.ndarray:
    """Counts per million of each sample's library, with half a count added as in voom."""
    library = np.nansum(counts, axis=0)
    return (counts + 0.5) * (1e6 / (library + 1))


def _collapse(
    values: np.ndarray, genes: pd.Series, feature_ids: pd.Index, collapse: str
) -> tuple[np.ndarray, pd.DataFrame]:
    """(genes, samples), and a frame with gene, n_features, rule; genes sorted."""
    usable = np.flatnonzero(genes.notna())
    codes, names = pd.factorize(genes.iloc[usable], sort=True)
    counts = np.bincount(codes)
    rule = np.full(len(names), "its only feature", dtype=object)
    order = np.argsort(codes, kind="stable")
    rows, starts = usable[order], np.concatenate([[0], np.cumsum(counts)])
    matrix = values[rows[starts[:-1]]]
    for gene in np.flatnonzero(counts > 1):
        block = rows[starts[gene] : starts[gene + 1]]
        if collapse == "mean":
            matrix[gene] = _mean(values[block])
            rule[gene] = f"mean of {len(block)} features"
        else:
            best = block[int(np.argmax(_variance(values[block])))]
            matrix[gene] = values[best]
            rule[gene] = f"highest variance of {len(block)} features: {feature_ids[best]}"
    return matrix, pd.DataFrame({"gene": np.asarray(names, dtype=object), "n_features": counts, "rule": rule})


def _mean(block: np.ndarray) -> np.ndarray:
    """Mean of the present values by column; NaN where all are missing."""
    present = ~np.isnan(block)
    n = present.sum(axis=0)
    return np.where(n > 0, np.where(present, block, 0).sum(axis=0) / np.maximum(n, 1), np.nan)


def _variance(block: np.ndarray) -> np.ndarray:
    """Variance of the present values by row, −1 with fewer than two; of equal ones the caller takes the first row."""
    present = ~np.isnan(block)
    n = present.sum(axis=1)
    mean = np.where(present, block, 0).sum(axis=1) / np.maximum(n, 1)
    squares = np.where(present, (block - mean[:, None]) ** 2, 0).sum(axis=1)
    return np.where(n > 1, squares / np.maximum(n - 1, 1), -1.0)


def _report(kept: pd.DataFrame, named: pd.DataFrame) -> pd.DataFrame:
    """Kept genes with the upstream symbols that were renamed, then dropped features, counted by reason."""
    renamed = named[named["gene"].notna() & named["reason"].ne("as_given")]
    old = renamed.groupby("gene")["upstream"].agg(lambda given: ";".join(dict.fromkeys(given)))
    report = kept.assign(upstream_symbols=kept["gene"].map(old))
    dropped = named[named["gene"].isna()].groupby("reason", sort=True)["upstream"]
    rows = [
        {
            "gene": None,
            "n_features": len(given),
            "rule": f"dropped: {reason}",
            "upstream_symbols": ";".join(list(dict.fromkeys(given.dropna().astype(str)))[:5]) or None,
        }
        for reason, given in dropped
    ]
    report = pd.concat([report, pd.DataFrame(rows)], ignore_index=True) if rows else report
    return report.astype({"upstream_symbols": object}).where(report.notna(), None)
