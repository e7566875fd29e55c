"""Mean z: the average of a set's genes, each standardised over the given patients.

In scope: the score, the only one that gene-wise scaled cohorts allow. Out of scope: whether coverage allows it
(applicability.py). Lee et al. 2008 (10.1371/journal.pcbi.1000217) also average z-scores of a set.

Scores are relative: they order these patients, are no absolute amounts, and depend on which patients are in the cohort.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from hnbc_assets.science.microenvironment.method import Method
from hnbc_assets.vocabulary import Scale


def mean_z(expression: pd.DataFrame, gene_sets: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Mean over a set's genes of (value − the gene's mean) / the gene's sd.

    Parameters
    ----------
    expression : genes × patients, any scale
    gene_sets : name → symbols; genes missing in the expression, constant genes and repetitions are ignored

    Returns
    -------
    sets × patients, in standard deviations; the mean of the genes observed in the patient, missing if none is.
    """
    used = expression.index.intersection(list(dict.fromkeys(gene for genes in gene_sets.values() for gene in genes)))
    x = expression.loc[used]
    centre, sd = x.mean(axis=1), x.std(axis=1, ddof=1)
    varies = sd > 1e-12 * x.abs().max(axis=1)
    z = x.sub(centre, axis=0).div(sd.where(varies, np.nan), axis=0)
    scores = {
        name: z.loc[z.index.intersection(list(dict.fromkeys(genes)))].mean(axis=0) for name, genes in gene_sets.items()
    }
    table = pd.DataFrame(scores, index=expression.columns, columns=list(gene_sets), dtype=float).T
    table.index.name = "cell_type"
    return table


METHOD = Method("mean_z", "mean z", mean_z, tuple(Scale), order=3, relative_only=True)
