"""Confounders: covariates of the adjusted comparisons, which may differ with risk for other reasons.

In scope: oestrogen receptor and a proxy for tumour purity (Aran 2015, 10.1038/ncomms9971: purity confounds
comparisons of bulk expression). Out of scope: the comparison (science/group_comparison), general drug sensitivity
(science/drugs/association).
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from hnbc_assets.science.microenvironment.methods.mean_z import mean_z
from hnbc_assets.vocabulary import Receptor

ER = {Receptor.POSITIVE: 1.0, Receptor.NEGATIVE: 0.0}
NAMES = ("er_status", "purity")


def confounders_of(
    patients: pd.DataFrame,
    expression: pd.DataFrame,
    purity_genes: Sequence[str],
    *,
    min_genes: int,
    min_coverage: float,
) -> pd.DataFrame:
    """One row per included patient: patient_id, er_status (positive, negative or missing), purity (mean z, in sd).

    Parameters
    ----------
    patients : rows of the table `patients` of one cohort
    expression : genes × patients
    purity_genes : genes that rise with the share of tumour cells; purity is missing throughout where the cohort has
        fewer than `min_genes` of them or less than the share `min_coverage`
    """
    included = patients[patients["included"].astype(bool) & patients["patient_id"].isin(expression.columns)]
    found = [gene for gene in purity_genes if gene in expression.index]
    er = included["er_status"].where(included["er_status"].isin(list(ER)), None)
    table = pd.DataFrame({"patient_id": included["patient_id"].to_numpy(), "er_status": er.to_numpy(object)})
    table["purity"] = float("nan")
    if len(found) >= max(min_genes, 1) and len(found) >= min_coverage * len(purity_genes):
        scored = mean_z(expression[list(included["patient_id"])], {"purity": found})
        table["purity"] = scored.loc["purity"].to_numpy(dtype=float)
    return table


def covariates(confounders: pd.DataFrame, cohort_id: str) -> pd.DataFrame | None:
    """The confounders of a cohort that are known and vary, patients × k; None if there are none.

    er_status is coded 1 for positive and 0 for negative. Patients with a missing value are left out of adjusted
    comparisons.
    """
    own = confounders[confounders["cohort_id"] == cohort_id].set_index("patient_id")
    own = own.assign(er_status=own["er_status"].map(ER).astype(float))
    known = [name for name in NAMES if own[name].nunique() > 1]
    return own[known].dropna() if known else None
