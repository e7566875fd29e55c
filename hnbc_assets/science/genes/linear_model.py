"""Linear models of all genes at once: one design, one row per gene, some values missing.

In scope: least squares and which coefficients can be estimated. Out of scope: inference from them (differential.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hnbc_assets.arithmetic import product

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

COLLINEAR = 1e-7
"""A column is redundant when its part orthogonal to the previous ones is shorter than this share of it (as R's lm)."""

BLOCK = 2**16
"""Values handled at once: they stay in the processor's cache, and products this small are not spread over threads."""


@dataclass(frozen=True)
class Basis:
    """An orthonormal basis of a design's columns without redundant ones. q: (n, rank), r: (rank, rank)."""

    q: FloatArray
    r: FloatArray
    kept: list[int]
    n_columns: int

    @property
    def rank(self) -> int:
        return len(self.kept)

    def coefficients(self, y: FloatArray) -> FloatArray:
        """(n_columns,) least-squares coefficients of y (n,); 0 for a column left out."""
        found = np.zeros(self.n_columns)
        along = (self.q * y[:, None]).sum(axis=0)
        for i in reversed(range(self.rank)):
            along[i] = (along[i] - (self.r[i, i + 1 :] * along[i + 1 :]).sum()) / self.r[i, i]
        found[self.kept] = along
        return found

    def projections(self, x: FloatArray) -> FloatArray:
        """(n_genes, rank): products of the genes x (n_genes, n) with the basis vectors, always summed in one order."""
        return np.stack([np.einsum("ij,j->i", x, np.ascontiguousarray(vector)) for vector in self.q.T], axis=1)

    def residuals(self, x: FloatArray, along: FloatArray) -> FloatArray:
        """The genes x (n_genes, n) minus their projections on the basis, which are given."""
        part = np.multiply.outer(along[:, 0], self.q[:, 0])
        left = x - part
        for place in range(1, self.rank):
            left -= np.multiply.outer(along[:, place], self.q[:, place], out=part)
        return left


@dataclass(frozen=True)
class LastCoefficient:
    """Per gene: the coefficient of the design's last column, its standard error per residual sd, the residual variance
    and its degrees of freedom. Missing where not estimable. All (n_genes,)."""

    effect: FloatArray
    unscaled_error: FloatArray
    variance: FloatArray
    df: FloatArray


def orthogonal_basis(design: FloatArray) -> Basis:
    """Gram–Schmidt with reorthogonalisation of a design (n, k); redundant columns are left out."""
    n, k = design.shape
    q, r, kept = np.zeros((n, k)), np.zeros((k, k)), []
    for column in range(k):
        before, rest = q[:, : len(kept)], design[:, column].astype(float)
        length = np.sqrt((rest * rest).sum())
        along = np.zeros(len(kept))
        for _ in range(2):
            again = (before * rest[:, None]).sum(axis=0)
            rest = rest - (before * again).sum(axis=1)
            along += again
        height = np.sqrt((rest * rest).sum())
        if length > 0 and height >= COLLINEAR * length and len(kept) < n:
            at = len(kept)
            q[:, at], r[:at, at], r[at, at] = rest / height, along, height
            kept.append(column)
    return Basis(q[:, : len(kept)], r[: len(kept), : len(kept)], kept, k)


def fit_last_coefficient(x: FloatArray, design: FloatArray) -> LastCoefficient:
    """Ordinary least squares of every gene on the same design; the result is the coefficient of the last column.

    A gene with missing values is fitted to the samples in which it was observed, with fewer degrees of freedom. A
    gene without variance has effect 0 and variance 0.

    Parameters
    ----------
    x : (n_genes, n_samples), missing values as NaN
    design : (n_samples, k), of full rank, the column of interest last

    Raises
    ------
    ValueError
        If the columns of the design are linearly dependent.
    """
    basis = orthogonal_basis(design)
    if basis.rank < design.shape[1]:
        raise ValueError("the columns of the design are linearly dependent: the effect is confounded with the others")
    n_genes, n_samples = x.shape
    fits = LastCoefficient(*(np.full(n_genes, np.nan) for _ in range(4)))
    rows = max(1, BLOCK // n_samples)
    for start in range(0, n_genes, rows):
        block = x[start : start + rows]
        _fit_block(block, design, basis, _Part(fits, np.arange(start, start + len(block))))
        _zero_constant_genes(block, fits, start)
    return fits


@dataclass(frozen=True)
class _Part:
    """Some genes of a result, to be filled in."""

    fits: LastCoefficient
    genes: NDArray[np.intp]

    def fill(self, where: NDArray, effect: object, unscaled_error: object, variance: object, df: object) -> None:
        at = self.genes[where]
        self.fits.effect[at] = effect
        self.fits.unscaled_error[at] = unscaled_error
        self.fits.variance[at] = variance
        self.fits.df[at] = df


def _zero_constant_genes(x: FloatArray, fits: LastCoefficient, start: int) -> None:
    """Set effect and variance of genes with a single value to 0: least squares leave rounding noise there."""
    first, last = x[:, 0], x[:, -1]
    maybe = np.flatnonzero((first == last) | np.isnan(first) | np.isnan(last))  # few genes: only these are read in full
    constant = start + maybe[np.fmax.reduce(x[maybe], axis=1) == np.fmin.reduce(x[maybe], axis=1)]
    for fitted in (fits.effect, fits.variance):
        fitted[constant] = np.where(np.isnan(fitted[constant]), np.nan, 0.0)


def _fit_block(x: FloatArray, design: FloatArray, basis: Basis, part: _Part) -> None:
    in_basis = basis.projections(x)
    complete = np.isfinite(in_basis).all(axis=1)
    all_complete = complete.all()
    here = x if all_complete else x[complete]
    along = in_basis if all_complete else in_basis[complete]
    residuals = basis.residuals(here, along)
    df = x.shape[1] - basis.rank
    squares = np.einsum("ij,ij->i", residuals, residuals)
    to_last = 1 / basis.r[-1, -1]
    part.fill(complete, along[:, -1] * to_last, abs(to_last), squares / df if df else np.nan, df)
    if not all_complete:
        _fit_incomplete(x[~complete], design, basis, _Part(part.fits, part.genes[~complete]))


def _fit_incomplete(x: FloatArray, design: FloatArray, basis: Basis, part: _Part) -> None:
    """Each gene on its observed samples, by the normal equations in the orthonormal basis of all samples.

    Their matrix is the identity minus the part of the missing samples, hence well conditioned. The few genes for which
    it is not (a group hardly observed) are fitted one by one.
    """
    observed = np.isfinite(x)
    values = np.where(observed, x, 0.0)
    k = basis.rank
    products = (basis.q[:, :, None] * basis.q[:, None, :]).reshape(-1, k * k)
    normal = product(observed.astype(float), products).reshape(-1, k, k)
    well = np.linalg.eigvalsh(normal)[:, 0] > 1e-3
    along = np.linalg.solve(normal[well], basis.projections(values[well])[..., None])[..., 0]
    residuals = np.where(observed[well], basis.residuals(values[well], along), 0.0)
    df = observed[well].sum(axis=1) - k
    to_last = 1 / basis.r[-1, -1]
    inverse_corner = np.linalg.inv(normal[well])[:, -1, -1]
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.where(df > 0, np.einsum("ij,ij->i", residuals, residuals) / df, np.nan)
    part.fill(well, along[:, -1] * to_last, abs(to_last) * np.sqrt(inverse_corner), variance, df)
    for gene in np.flatnonzero(~well):
        part.fill(np.array([gene]), *_fit_one(x[gene], observed[gene], design))


def _fit_one(x: FloatArray, observed: BoolArray, design: FloatArray) -> tuple[float, float, float, float]:
    if not observed.any():
        return np.nan, np.nan, np.nan, 0.0
    basis = orthogonal_basis(design[observed])
    y = x[observed]
    along = basis.projections(y[None, :])
    df = len(y) - basis.rank
    variance = float((basis.residuals(y[None, :], along) ** 2).sum() / df) if df > 0 else np.nan
    if basis.kept[-1] != design.shape[1] - 1:
        return np.nan, np.nan, variance, float(df)
    to_last = 1 / basis.r[-1, -1]
    return float(along[0, -1] * to_last), float(abs(to_last)), variance, float(df)
