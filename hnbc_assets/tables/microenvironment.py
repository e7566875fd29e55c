"""Tables of the microenvironment stage: immune infiltration and its association with risk.

In scope: descriptions of columns. Out of scope: how they are filled (science/microenvironment).
"""

from __future__ import annotations

from hnbc_assets.tables.schema import Table, column
from hnbc_assets.vocabulary import Receptor


class ImmuneInfiltration(Table):
    """A cell population's score in a patient by one method."""

    key = ("cohort_id", "patient_id", "method", "cell_type")
    cohort_id: str = column("cohort")
    patient_id: str = column("patient")
    method: str = column("method, such as ssgsea")
    cell_type: str = column("cell population or gene set")
    score: float = column("the method's score, comparable within method and cohort", unit="method's own", nullable=True)
    relative_only: bool = column("only differences between patients of this cohort are meaningful")


class ImmuneMethodUse(Table):
    """Whether a method could be used for a cell population in a cohort, and if not, why."""

    key = ("cohort_id", "method", "cell_type")
    cohort_id: str = column("cohort")
    method: str = column("method")
    cell_type: str = column("cell population or gene set")
    n_genes: int = column("genes of the set", unit="genes", ge=0)
    n_found: int = column("genes of the set that were measured", unit="genes", ge=0)
    usable: bool = column("whether the method was used")
    reason: str = column("why it was not used", nullable=True)


class ImmuneAssociations(Table):
    """A cell population compared between high and low risk: Mann–Whitney test, and an adjusted comparison."""

    key = ("cohort_id", "method", "cell_type")
    cohort_id: str = column("cohort")
    method: str = column("method")
    cell_type: str = column("cell population or gene set")
    n_high: int = column("patients of high risk", unit="patients", ge=0)
    n_low: int = column("patients of low risk", unit="patients", ge=0)
    median_high: float = column("median score in high risk", nullable=True)
    median_low: float = column("median score in low risk", nullable=True)
    effect: float = column("rank-biserial correlation, positive when higher in high risk", nullable=True, ge=-1, le=1)
    p_value: float = column("Mann–Whitney, two-sided", nullable=True, ge=0, le=1)
    fdr: float = column("Benjamini–Hochberg over the cohort's populations of the method", nullable=True, ge=0, le=1)
    adjusted_effect: float = column("adjusted difference of normal scores", unit="sd", nullable=True)
    adjusted_p_value: float = column("t test of the adjusted difference", nullable=True, ge=0, le=1)
    adjusted_fdr: float = column("Benjamini–Hochberg of the adjusted test", nullable=True, ge=0, le=1)
    adjusted_for: str = column("covariates of the adjusted comparison", nullable=True)


class Confounders(Table):
    """Covariates of the adjusted comparisons for an included patient; null where unknown."""

    key = ("cohort_id", "patient_id")
    cohort_id: str = column("cohort")
    patient_id: str = column("patient")
    er_status: str = column(
        "oestrogen receptor, as in patients", nullable=True, isin=(Receptor.POSITIVE, Receptor.NEGATIVE)
    )
    purity: float = column("mean z of the study's purity sets, a proxy for tumour purity", unit="sd", nullable=True)
