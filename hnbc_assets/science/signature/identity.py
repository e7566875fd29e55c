"""Identity: a signature's id is a hash of its content.

In scope: the hash, and a signature's numbers as text. Out of scope: what else a method's identity contains (methods/).
"""

from __future__ import annotations

import hashlib

import pandas as pd

from hnbc_assets.digits import DIGITS


def identified(content: str) -> str:
    """Twelve hexadecimal digits that identify a content."""
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def numbers(genes: pd.DataFrame) -> str:
    """A line for each gene: gene, coefficient, mean, sd.

    The order of rows does not matter; numbers are used with their published digits.
    """
    digits = DIGITS - 1
    lines = sorted(
        f"{row.gene}\t{row.coefficient:.{digits}e}\t{row.mean:.{digits}e}\t{row.sd:.{digits}e}"
        for row in genes.itertuples()
    )
    return "\n".join(lines)
