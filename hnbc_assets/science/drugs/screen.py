"""A drug screen as a matrix: cell lines × drugs.

In scope: from a long dose-response table to the matrix that models are fitted on, and which drugs have enough lines.
Out of scope: reading files (sources/gdsc), fitting (ridge).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

DESCRIPTION = ["drug_name", "putative_target", "pathway_name"]


@dataclass(frozen=True)
class Screen:
    """ln_ic50: lines × drugs, ln µM, missing where not screened; drugs: what each column is, one row per drug."""

    ln_ic50: pd.DataFrame
    drugs: pd.DataFrame


def arrange(dose_response: pd.DataFrame, line_ids: Iterable[str], *, min_lines: int = 50) -> Screen:
    """Arrange a long dose-response table as lines × drugs, for the lines whose expression is known.

    Parameters
    ----------
    dose_response : line_id, drug_id, ln_ic50 (ln of µM), and any of drug_name, putative_target, pathway_name;
        one row per pair of line and drug
    line_ids : lines with expression, in the wanted order
    min_lines : a drug screened in fewer of these lines is left out of the matrix and marked in `drugs`

    Returns
    -------
    Screen, with identifiers as text. `drugs` has every drug that was screened: drug_id, its description, n_lines,
    usable.

    Raises
    ------
    ValueError
        If a pair of line and drug occurs twice, or no line is in both tables.
    """
    identified = dose_response.assign(**{key: dose_response[key].astype(str) for key in ("line_id", "drug_id")})
    long = identified.dropna(subset=["ln_ic50"])
    repeated = long.duplicated(["line_id", "drug_id"])
    if repeated.any():
        line, drug = long.loc[repeated, ["line_id", "drug_id"]].iloc[0]
        raise ValueError(f"drug {drug} has more than one ln IC50 in line {line}: keep one row per pair")
    order = [str(line) for line in line_ids]
    matrix = long.pivot(index="line_id", columns="drug_id", values="ln_ic50").astype(float)
    known = [line for line in order if line in matrix.index]
    if not known:
        raise ValueError("no screened cell line has expression: are both tables keyed by the same line ids?")
    matrix = matrix.loc[known]
    drugs = identified.drop_duplicates("drug_id").set_index("drug_id").reindex(matrix.columns)
    drugs = drugs[[column for column in DESCRIPTION if column in drugs]]
    n_lines = matrix.notna().sum()
    drugs = drugs.assign(n_lines=n_lines, usable=n_lines >= min_lines).reset_index()
    return Screen(matrix.loc[:, (n_lines >= min_lines).to_numpy()], drugs)
