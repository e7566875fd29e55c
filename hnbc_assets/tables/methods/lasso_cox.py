"""LASSO-Cox's own tables: its path.

In scope: descriptions of columns. Out of scope: how they are filled (science/signature/lasso_path).
"""

from __future__ import annotations

from hnbc_assets.tables.schema import Table, column


class LassoPath(Table):
    """A penalty of the LASSO-Cox path with its cross-validated partial-likelihood deviance."""

    key = ("alpha",)
    alpha: float = column("penalty", gt=0)
    deviance: float = column(
        "cross-validated deviance, mean over repeats; optimistic where genes entered by their univariate p",
        nullable=True,
    )
    deviance_se: float = column("standard error over folds", nullable=True, ge=0)
    n_genes: int = column("genes with a coefficient at this penalty", unit="genes", ge=0)
    is_minimum: bool = column("the penalty of the smallest deviance")
    is_one_se: bool = column("the largest penalty within one standard error of it")
    chosen: bool = column("the penalty that made the signature")


class LassoCoefficients(Table):
    """A gene's coefficient along the LASSO-Cox path; zero coefficients are left out."""

    key = ("alpha", "gene")
    alpha: float = column("penalty", gt=0)
    gene: str = column("HGNC symbol")
    coefficient: float = column("log hazard ratio", unit="per training sd")


TABLES = (LassoPath, LassoCoefficients)
