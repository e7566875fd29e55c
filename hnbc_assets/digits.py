"""The digits with which numbers are published: those on which every machine agrees.

In scope: rounding. Out of scope: which column keeps how many digits (tables), arithmetic that needs no rounding
(arithmetic).

Processors, linear-algebra libraries and the C library differ in a number's last digits. What is stored, compared with a
cut-off or named by a hash is rounded first, so that the published number and its identity agree.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

DIGITS = 8
"""Significant digits of a published number."""
DECIMALS = 10
"""The most decimals kept for a number that may be negative: near zero, more are only the rounding errors of larger
numbers that cancelled."""
SCORE_DIGITS, SCORE_DECIMALS = 12, 8
"""Of risk scores and the cut-offs that they are compared with: a score that is computed again is within 1e-8."""
EXPRESSION_DECIMALS = 6
"""Decimals of expression matrices, in the units of their scale: far below any measurement's error."""

_LOWEST, _HIGHEST = -307, 308
_TENS = np.array([float(f"1e{power}") for power in range(_LOWEST, _HIGHEST + 1)])
_EXACT = 22  # the largest power of ten that a double represents exactly


def rounded(values: ArrayLike, digits: int = DIGITS, decimals: int | None = None) -> FloatArray:
    """Values rounded to significant digits, and to no more than so many decimals: the double nearest to the decimal.

    Rounding twice changes nothing. Missing and infinite values stay.

    Parameters
    ----------
    values : of any shape
    digits : significant digits kept
    decimals : digits kept after the point, at most; None for as many as `digits` asks for
    """
    x = np.asarray(values, dtype=np.float64)
    size = np.abs(x)
    exponent = np.searchsorted(_TENS, size, side="right") - 1 + _LOWEST
    places = digits - 1 - exponent
    if decimals is not None:
        places = np.minimum(places, decimals)
    known = np.isfinite(x) & (size >= _TENS[0])
    plain = known & (np.abs(places) <= _EXACT)
    factor = _TENS[np.where(plain, np.abs(places), 0) - _LOWEST]
    with np.errstate(over="ignore", invalid="ignore"):
        made = np.where(places >= 0, np.rint(x * factor) / factor, np.rint(x / factor) * factor)
    made = np.where(plain, made, np.where(np.isfinite(x) & ~known, 0.0, x))
    far = known & ~plain
    if far.any():
        made[far] = [float(f"{value:.{digits - 1}e}") for value in x[far]]
    return made + 0.0


def rounded_signed(values: ArrayLike, digits: int = DIGITS) -> FloatArray:
    """Values of either sign, such as coefficients: to significant digits, and to at most 10 decimals."""
    return rounded(values, digits, DECIMALS)


def rounded_score(values: ArrayLike) -> FloatArray:
    """Risk scores and cut-offs rounded to 8 decimals."""
    return rounded(values, SCORE_DIGITS, SCORE_DECIMALS)


def rounded_expression(values: FloatArray) -> FloatArray:
    """Expression values rounded to 6 decimals; missing values stay."""
    return np.round(values, EXPRESSION_DECIMALS) + 0.0
