"""Multiple testing: the false-discovery rate used by every stage.

In scope: adjustment of p values. Out of scope: the tests that give them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import false_discovery_control


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """Benjamini–Hochberg adjusted p values (Benjamini & Hochberg 1995, 10.1111/j.2517-6161.1995.tb02031.x).

    Parameters
    ----------
    p_values : (n,), in [0, 1]; a missing value marks a test that was not made and is not counted

    Returns
    -------
    (n,) adjusted values, missing where the p value is missing.
    """
    p = np.asarray(p_values, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    tested = ~np.isnan(p)
    if tested.any():
        adjusted[tested] = false_discovery_control(p[tested])
    return adjusted
