"""ssGSEA: how high a gene set ranks within one patient's transcriptome.

In scope: the score. Out of scope: whether scale and coverage allow it (applicability.py).

Barbie et al. 2009 (10.1038/nature08460), as GSVA computes it (Hänzelmann et al. 2013, 10.1186/1471-2105-14-7). Walking
down the n genes of a patient from the highest to the lowest, the score is the sum over all steps of the difference of
two cumulative distributions: genes in the set, weighted by rank^alpha, and genes outside it. A gene at position p
counted from the lowest is inside the first sum for p steps, so no walk is needed:

    score = Σ_set p·rank^alpha / Σ_set rank^alpha − (n(n+1)/2 − Σ_set p) / (n − k)

Tied genes get their mean rank, truncated to an integer; among ties the gene that is first in the matrix is higher.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hnbc_assets.arithmetic import product
from hnbc_assets.science.microenvironment.method import Method
from hnbc_assets.vocabulary import LOG2_SCALES

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

PATIENTS_AT_ONCE = 16


def ssgsea(
    expression: pd.DataFrame,
    gene_sets: Mapping[str, Sequence[str]],
    *,
    alpha: float = 0.25,
    normalise: bool = False,
    workers: int = 2,
) -> pd.DataFrame:
    """Score every gene set in every patient.

    A patient's missing genes are left out, as if that patient's platform did not measure them.

    Parameters
    ----------
    expression : genes × patients, on a scale on which a patient's genes can be ranked against each other
    gene_sets : name → symbols; genes missing in the expression, and repetitions, are ignored
    alpha : weight of the rank, 0 for none
    normalise : divide by the range of all scores, as GSVA does by default; scores then depend on the other patients
    workers : threads

    Returns
    -------
    sets × patients, from about −n/2 to n/2 for n genes. Missing where a set has none, or all, of a patient's genes.

    Raises
    ------
    ValueError
        If a gene occurs twice in the expression.
    """
    if expression.index.has_duplicates:
        twice = expression.index[expression.index.duplicated()][0]
        raise ValueError(f"the gene {twice} occurs twice in the expression: collapse duplicates first")
    sets = _Membership.of(gene_sets, expression.index)
    values = expression.to_numpy(dtype=float)
    scores = np.full((len(gene_sets), values.shape[1]), np.nan)

    def score(start: int) -> None:
        block = np.ascontiguousarray(values[:, start : start + PATIENTS_AT_ONCE].T)
        scores[:, start : start + len(block)] = _score_block(block, sets, alpha)

    with ThreadPoolExecutor(workers) as threads:
        list(threads.map(score, range(0, values.shape[1], PATIENTS_AT_ONCE)))
    if normalise:
        scores /= np.nanmax(scores) - np.nanmin(scores)
    return pd.DataFrame(scores, index=pd.Index(list(gene_sets), name="cell_type"), columns=expression.columns)


@dataclass(frozen=True)
class _Membership:
    """The rows of the expression that are in any set, and their sets: within is (n_sets, n_genes_used)."""

    genes: IntArray
    within: FloatArray

    @classmethod
    def of(cls, gene_sets: Mapping[str, Sequence[str]], rows: pd.Index) -> _Membership:
        found = [np.unique(rows.get_indexer(pd.Index(list(genes), dtype=object))) for genes in gene_sets.values()]
        found = [genes[genes >= 0] for genes in found]
        used = np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.intp)
        within = np.zeros((len(found), len(used)))
        for row, genes in enumerate(found):
            within[row, np.searchsorted(used, genes)] = 1
        return cls(used, within)


def _score_block(block: FloatArray, sets: _Membership, alpha: float) -> FloatArray:
    """Scores (n_sets, n_patients) of some patients (n_patients, n_genes)."""
    n_patients, n_genes = block.shape
    place = np.empty((n_patients, len(sets.genes)))
    rank = np.empty_like(place)
    n_observed = np.empty(n_patients)
    where = np.empty(n_genes, dtype=np.intp)
    for patient, values in enumerate(block):
        order = np.argsort(values)
        ordered = values[order]
        observed = n_genes - int(np.isnan(ordered[-1]) and np.isnan(ordered).sum())
        mean_rank = _settle_ties(order[:observed], ordered[:observed])
        where[order] = np.arange(n_genes)
        at = where[sets.genes]
        seen = at < observed
        place[patient] = np.where(seen, at + 1, 0)
        rank[patient] = (
            place[patient] if mean_rank is None else np.where(seen, mean_rank[np.minimum(at, observed - 1)], 0)
        )
        n_observed[patient] = observed
    weight = np.where(place > 0, _power(rank, alpha), 0)
    in_set = (place > 0).astype(float) @ sets.within.T  # whole numbers: exact in any order
    with np.errstate(invalid="ignore", divide="ignore"):
        inside = product(weight * place, sets.within.T) / product(weight, sets.within.T)
        all_places = (n_observed * (n_observed + 1) / 2)[:, None]
        outside = (all_places - place @ sets.within.T) / (n_observed[:, None] - in_set)
        return (inside - outside).T


def _power(rank: FloatArray, alpha: float) -> FloatArray:
    """rank^alpha; for the usual alpha by square roots, which are the same on every machine."""
    return np.sqrt(np.sqrt(rank)) if alpha == 0.25 else rank**alpha


def _settle_ties(order: IntArray, ordered: FloatArray) -> FloatArray | None:
    """Order ties in `order` with later rows lower; mean ranks truncated to integers, or None without ties."""
    n = len(order)
    new = np.empty(n, dtype=bool)
    new[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    if new.all():
        return None
    starts = np.flatnonzero(new)
    sizes = np.diff(np.append(starts, n))
    tied = np.flatnonzero(np.repeat(sizes > 1, sizes))
    run = np.repeat(np.arange(len(starts)), sizes)[tied]
    longest = int(order.max()) + 1
    order[tied] = order[tied][np.argsort(run * longest + (longest - 1 - order[tied]))]
    return np.repeat((2 * starts + sizes + 1) // 2, sizes).astype(float)


METHOD = Method("ssgsea", "ssGSEA", ssgsea, LOG2_SCALES, refusal="it ranks genes within a patient", order=1)
