"""Random numbers and rotations that are the same on every machine, for drawing a simulated world.

In scope: products, rotations and deviates whose bits depend on neither processor nor library. Out of scope: what is
drawn, exponentials (arithmetic).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from hnbc_assets.arithmetic import FloatArray

# Beyond this, numpy computes normal deviates with the C library's logarithm, whose last digit in single precision
# varies.
ZIGGURAT_EDGE, TAIL_STEP = 3.654152, 1 / 16


def add_products(
    total: NDArray[np.floating], columns: NDArray[np.floating], rows: Iterable[NDArray[np.floating]]
) -> None:
    """Add columns (n, k) times rows (k × (m,)) to total (n, m), one outer product after another."""
    for column, row in zip(columns.T, rows, strict=True):
        total += np.outer(column, row).astype(total.dtype, copy=False)


def orthonormal(columns: FloatArray) -> FloatArray:
    """(n, k) orthonormal columns with the span of `columns` (n, k), k well below n.

    Householder's reflections (1958, 10.1145/320941.320947), with LAPACK's signs; sums are numpy's pairwise sums, whose
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
