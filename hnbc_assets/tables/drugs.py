"""Tables of the drugs stage: models of drug response, predictions and their association with risk.

In scope: descriptions of columns. Out of scope: how they are filled (science/drugs).
"""

from __future__ import annotations

from hnbc_assets.tables.schema import Table, column
from hnbc_assets.vocabulary import Assay


class CellLines(Table):
    """A cell line of the drug screen or with expression, and whether the models were fitted on it."""

    key = ("line_id",)
    line_id: str = column("Sanger model id (SIDM…), or the COSMIC id of a line without one")
    cell_line_name: str = column("name in the screen", nullable=True)
    cancer_type: str = column("cancer type as the screen names it", nullable=True)
    cosmic_ids: str = column("COSMIC ids of the model, separated by commas", nullable=True)
    n_drugs: int = column("drugs that it was screened for", unit="drugs", ge=0)
    has_expression: bool = column("whether its expression was measured")
    used: bool = column("whether models are fitted on it: screened, and with expression")
    reason: str = column("why it is not used", nullable=True)


class ScreenedDrugs(Table):
    """A drug of the screen, and whether enough cell lines with expression were screened for a model."""

    key = ("drug_id",)
    drug_id: str = column("GDSC drug identifier")
    drug_name: str = column("drug")
    putative_target: str = column("putative target, as GDSC gives it", nullable=True)
    pathway_name: str = column("pathway of the target, as GDSC gives it", nullable=True)
    line_expression: str = column("how the cell lines' expression was measured", isin=Assay)
    n_lines: int = column("cell lines with response and expression", unit="cell lines", ge=0)
    usable: bool = column("screened in enough lines for a model")


class DrugModels(Table):
    """A drug's ridge model, fitted on cell lines with the genes that they share with a cohort."""

    key = ("cohort_id", "drug_id")
    cohort_id: str = column("cohort whose genes the model uses")
    drug_id: str = column("GDSC drug identifier")
    drug_name: str = column("drug")
    putative_target: str = column("putative target, as GDSC gives it", nullable=True)
    pathway_name: str = column("pathway of the target, as GDSC gives it", nullable=True)
    line_expression: str = column("how the cell lines' expression was measured", isin=Assay)
    n_lines: int = column("cell lines with response and expression", unit="cell lines", ge=0)
    n_genes: int = column("genes in the model", unit="genes", ge=0)
    penalty: float = column("ridge penalty chosen by leave-one-out cross-validation", nullable=True, ge=0)
    penalty_at_edge: bool = column("the penalty is the smallest or the largest that was tried", nullable=True)
    cv_pearson: float = column(
        "correlation of the predictions for left-out lines with the measured ln IC50", nullable=True, ge=-1, le=1
    )
    cv_r2: float = column("1 − prediction error of left-out lines over variance", nullable=True, le=1)
    ln_ic50_min: float = column("smallest ln IC50 measured in the cell lines", unit="ln µM", nullable=True)
    ln_ic50_max: float = column("largest ln IC50 measured in the cell lines", unit="ln µM", nullable=True)
    min_cv_pearson: float = column("smallest cv_pearson with which the study compares a drug", ge=-1, le=1)
    compared: bool = column("good enough to be compared between risk groups in drug_associations")
    reason: str = column("why there is no model", nullable=True)
    note: str = column("why a model's predictions are not compared, and other caveats", nullable=True)


class DrugSensitivity(Table):
    """A drug's predicted ln IC50 in a patient."""

    key = ("cohort_id", "patient_id", "drug_id")
    cohort_id: str = column("cohort")
    patient_id: str = column("patient")
    drug_id: str = column("GDSC drug identifier")
    drug_name: str = column("drug")
    ln_ic50_um: float = column("predicted natural logarithm of IC50; lower is more sensitive", unit="ln µM", decimals=6)
    relative_only: bool = column(
        "only differences between patients of this cohort are meaningful: always true, as every gene is scaled within "
        "the patients and within the lines, so that a prediction depends on the cohort's case mix"
    )


class DrugAssociations(Table):
    """A drug's predicted sensitivity compared between high and low risk, unadjusted and adjusted.

    Only drugs whose model predicts left-out cell lines well enough (drug_models.compared).
    """

    key = ("cohort_id", "drug_id")
    cohort_id: str = column("cohort")
    drug_id: str = column("GDSC drug identifier")
    drug_name: str = column("drug")
    n_high: int = column("patients of high risk", unit="patients", ge=0)
    n_low: int = column("patients of low risk", unit="patients", ge=0)
    median_high: float = column("median prediction in high risk, relative", unit="ln µM", nullable=True, decimals=6)
    median_low: float = column("median prediction in low risk, relative", unit="ln µM", nullable=True, decimals=6)
    effect: float = column(
        "rank-biserial correlation, positive when high risk is less sensitive (higher ln IC50)",
        nullable=True,
        ge=-1,
        le=1,
    )
    p_value: float = column("Mann–Whitney, two-sided", nullable=True, ge=0, le=1)
    fdr: float = column("Benjamini–Hochberg over the cohort's drugs compared", nullable=True, ge=0, le=1)
    adjusted_effect: float = column(
        "adjusted difference of normal scores; opposite in sign to effect where adjustment reverses it",
        unit="sd",
        nullable=True,
    )
    adjusted_p_value: float = column("t test of the adjusted difference", nullable=True, ge=0, le=1)
    adjusted_fdr: float = column("Benjamini–Hochberg of the adjusted test", nullable=True, ge=0, le=1)
    adjusted_for: str = column("covariates of the adjusted comparison", nullable=True)
    cv_pearson: float = column("the model's cross-validated correlation", nullable=True, ge=-1, le=1)
