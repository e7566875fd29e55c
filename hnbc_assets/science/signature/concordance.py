"""Concordance: does a gene's hazard agree with its direction in drug resistance?

In scope: that comparison. Out of scope: how directions (science/genes) or coefficients (cox, lasso) are found.
"""

from __future__ import annotations

import pandas as pd

from hnbc_assets.vocabulary import Direction

HAZARD_OF_DIRECTION = {Direction.UP_IN_RD: 1.0, Direction.UP_IN_PCR: -1.0}


def direction_concordance(coefficients: pd.Series, direction: pd.Series) -> pd.Series:
    """Whether each gene's hazard agrees with its direction in drug resistance.

    A gene is concordant when it is higher in residual disease and raises the hazard, or higher in pathologic complete
    response and lowers it.

    Parameters
    ----------
    coefficients : log hazard ratios, indexed by gene
    direction : `up_in_rd` or `up_in_pcr`, indexed by gene; one value per gene

    Returns
    -------
    Nullable booleans in the order of `coefficients`; null where the direction is unknown or the coefficient is 0 or
    missing.

    Raises
    ------
    ValueError
        If a direction has another name.
    """
    known = direction.dropna()
    unknown = sorted(set(known) - set(HAZARD_OF_DIRECTION))
    if unknown:
        raise ValueError(f"Directions {unknown} are not known; they are {sorted(HAZARD_OF_DIRECTION)}.")
    sign = known.map(HAZARD_OF_DIRECTION).reindex(coefficients.index).astype(float)
    agreement = sign * coefficients.astype(float)
    concordant = (agreement > 0).astype("boolean")
    concordant[agreement.isna() | (agreement == 0)] = pd.NA
    return concordant.rename("direction_concordant")
