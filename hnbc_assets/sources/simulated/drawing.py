"""Arithmetic that gives the same bits on every machine: what a simulated world is drawn with.

Belongs here: exponentials, products and rotations made of single additions, multiplications, divisions and roots,
each of which IEEE 754 defines to the last bit. Does not: what is drawn.

Matrix products add in an order that depends on the processor, the library and its threads; exponentials and logarithms
of numpy and of the C library differ by a last digit between processors. Bytes made of either name a machine.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# ln 2 in two parts, the first with so few digits that its product with a whole number below 2^20 is exact.
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
LN2, LOG2_E = 0.6931471805599453, 1.4426950408889634
# 1 / k!, from the highest power that matters on ±ln 2 / 2 (0.35^14 / 14! is 4e-18) down to 1.
TAYLOR = np.cumprod(1.0 / np.maximum(np.arange(15.0), 1.0))[::-1]
# Beyond this numpy's normal deviates come from the C library's logarithm, in single precision to its last digit.
ZIGGURAT_EDGE, TAIL_STEP = 3.654152, 1 / 16


def exp(x: FloatArray | float) -> FloatArray:
    """e to the power of x, within 2 units of the last place; finite x, not above 700."""
    power = np.rint(np.asarray(x, dtype=np.float64) * LOG2_E)
    return np.ldexp(_near_zero((x - power * LN2_HIGH) - power * LN2_LOW), power.astype(np.int64))


def exp2(x: FloatArray) -> FloatArray:
    """2 to the power of x, within 2 units of the last place; finite x."""
    power = np.rint(x)
    return np.ldexp(_near_zero((x - power) * LN2), power.astype(np.int64))


def add_products(
    total: NDArray[np.floating], columns: NDArray[np.floating], rows: Iterable[NDArray[np.floating]]
) -> None:
    """Add columns (n, k) times rows (k × (m,)) to total (n, m), one outer product after the other."""
    for column, row in zip(columns.T, rows, strict=True):
        total += np.outer(column, row).astype(total.dtype, copy=False)


def orthonormal(columns: FloatArray) -> FloatArray:
    """(n, k) orthonormal columns that span what `columns` (n, k) do, k well below n.

    Householder's reflections (1958, 10.1145/320941.320947), with LAPACK's signs; sums are numpy's pairwise ones, whose
    order is fixed.
    """
    left, n_columns = np.array(columns), columns.shape[1]
    mirrors: list[FloatArray] = []
    for place in range(n_columns):
        mirror = left[place:, place].copy()
        mirror[0] += np.copysign(np.sqrt((mirror * mirror).sum()), mirror[0])
        mirrors.append(mirror / np.sqrt((mirror * mirror).sum()))
        _reflect(left[place:, place:], mirrors[-1])
    made = np.eye(len(columns), n_columns)
    for place in reversed(range(n_columns)):
        _reflect(made[place:], mirrors[place])
    return made


def normal32(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Standard normal deviates in single precision; the few beyond 3.65 are rounded to sixteenths."""
    drawn = rng.standard_normal(shape, dtype=np.float32)
    far = np.abs(drawn) > ZIGGURAT_EDGE
    drawn[far] = np.rint(drawn[far] / np.float32(TAIL_STEP)) * np.float32(TAIL_STEP)
    return drawn


def _reflect(columns: FloatArray, mirror: FloatArray) -> None:
    for column in columns.T:
        column -= 2.0 * (mirror * column).sum() * mirror


def _near_zero(x: FloatArray) -> FloatArray:
    """e to the power of x, for |x| up to ln 2 / 2, by Taylor's series."""
    total = np.full_like(x, TAYLOR[0])
    for term in TAYLOR[1:]:
        total = total * x + term
    return total
