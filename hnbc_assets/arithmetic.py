"""Arithmetic that gives the same bits on every machine.

In scope: exponentials, logarithms and matrix products made of single additions, multiplications and divisions, each of
which IEEE 754 defines to the last bit. Out of scope: rounding of numbers that cannot be computed identically everywhere
(digits).

A matrix product adds in an order that depends on the processor, the library and its threads; exponentials and
logarithms of numpy and of the C library differ in the last digit between processors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# ln 2 in two parts, the first with so few digits that its product with a whole number below 2^20 is exact.
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
LN2, LOG2_E = 0.6931471805599453, 1.4426950408889634
# 1 / k!, from the highest power that matters on ±ln 2 / 2 (0.35^14 / 14! is 4e-18) down to 1.
EXPONENTIAL = np.cumprod(1.0 / np.maximum(np.arange(15.0), 1.0))[::-1]
# 2 / (2k + 1), from the highest power that matters up to 0.1716² (0.0295^11 / 23 is 6e-19) down to 2.
LOGARITHM = (2.0 / (2.0 * np.arange(12.0) + 1.0))[::-1]
AT_ONCE = 2**14  # values that stay in the processor's cache
SLICES = 3
MANTISSA = 53


def exp(x: FloatArray | float) -> FloatArray:
    """e to the power of x, within 2 units of the last place; finite x, not above 700."""
    power = np.rint(np.asarray(x, dtype=np.float64) * LOG2_E)
    return np.ldexp(_series(EXPONENTIAL, (x - power * LN2_HIGH) - power * LN2_LOW), power.astype(np.int64))


def exp2(x: FloatArray) -> FloatArray:
    """2 to the power of x, within 2 units of the last place; finite x."""
    power = np.rint(x)
    return np.ldexp(_series(EXPONENTIAL, (x - power) * LN2), power.astype(np.int64))


def log2(x: FloatArray) -> FloatArray:
    """The logarithm to base 2 of x > 0, within 3 units of the last place; missing where x is, infinite where x is.

    log m = 2 artanh((m − 1) / (m + 1)) by its series, m within √½ and √2.
    """
    made = np.empty(x.shape)
    flat, out = np.ascontiguousarray(x, dtype=np.float64).reshape(-1), made.reshape(-1)
    for start in range(0, flat.size, AT_ONCE):
        part = flat[start : start + AT_ONCE]
        mantissa, power = np.frexp(part)
        small = mantissa < 0.7071067811865476
        mantissa, power = np.where(small, 2.0 * mantissa, mantissa), power - small
        with np.errstate(invalid="ignore"):
            ratio = (mantissa - 1.0) / (mantissa + 1.0)
            found = power + ratio * _series(LOGARITHM, ratio * ratio) * LOG2_E
        out[start : start + AT_ONCE] = np.where(np.isinf(part), part, found)
    return made


def product(a: FloatArray, b: FloatArray) -> FloatArray:
    """The matrix product a (m, k) · b (k, n), the same to the last bit with every linear-algebra library.

    Rows of a and columns of b are cut into slices of so few bits that products of slices are exact in any order of
    addition (Ozaki et al. 2012, 10.1007/s11075-011-9478-1); these are added in a fixed order. This costs six products
    and is more accurate than one. A missing value makes its row or column missing.
    """
    n_terms = max(a.shape[1], 1)
    bits = (MANTISSA - int(np.ceil(np.log2(n_terms))) - 1) // 2
    left, right = _slices(a, bits, axis=1), _slices(b, bits, axis=0)
    total = np.zeros((a.shape[0], b.shape[1]))
    for order in reversed(range(SLICES)):  # the smallest first
        for i in range(order + 1):
            total += left[i] @ right[order - i]
    return total


def _slices(x: FloatArray, bits: int, axis: int) -> list[FloatArray]:
    """x as a sum of slices: whole multiples, below 2^bits, of a power of two that falls from slice to slice."""
    largest = np.abs(x).max(axis=axis, keepdims=True, initial=0.0)
    _, exponent = np.frexp(np.where(np.isfinite(largest), largest, 1.0))
    made, left = [], np.asarray(x, dtype=np.float64)
    for number in range(1, SLICES + 1):
        unit = np.ldexp(1.0, exponent - number * bits)
        made.append(np.rint(left / unit) * unit)
        left = left - made[-1]
    return made


def _series(coefficients: FloatArray, x: FloatArray) -> FloatArray:
    """Horner's scheme, coefficients from the highest power down."""
    total = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        total = total * x + coefficient
    return total
