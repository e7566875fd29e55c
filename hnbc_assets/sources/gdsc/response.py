"""GDSC's fitted dose responses: a workbook of one sheet, in the official layout (16 columns) or the legacy one (19).

In scope: reading either, one fit per line and drug. Out of scope: the address it came from (files.py), expression
(expression).

The official copy identifies a line by SANGER_MODEL_ID and has its CANCER_TYPE; the legacy one has COSMIC_ID and
TCGA_DESC in addition or instead.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path

import numpy as np
import pandas as pd

from hnbc_assets.errors import FormatError

# The names that a column may have; the first that is present is used.
COLUMNS = {
    "model_id": ("SANGER_MODEL_ID",),
    "cosmic_id": ("COSMIC_ID",),
    "cell_line_name": ("CELL_LINE_NAME",),
    "cancer_type": ("CANCER_TYPE", "TCGA_DESC"),
    "drug_id": ("DRUG_ID",),
    "drug_name": ("DRUG_NAME",),
    "putative_target": ("PUTATIVE_TARGET",),
    "pathway_name": ("PATHWAY_NAME",),
    "ln_ic50": ("LN_IC50",),
    "auc": ("AUC",),
    "rmse": ("RMSE",),
}
REQUIRED = ("CELL_LINE_NAME", "DRUG_ID", "DRUG_NAME", "LN_IC50")
NUMBERS = ("ln_ic50", "auc", "rmse")
IDENTIFIERS = ("cosmic_id", "drug_id")


def read_responses(path: Path) -> pd.DataFrame:
    """One row per fit: model_id, cosmic_id (either may be null), cell_line_name, cancer_type, drug_id, drug_name,
    putative_target, pathway_name, ln_ic50 (ln µM), auc, rmse.

    Returns
    -------
    Identifiers as text, missing values null; rows without a line, a drug or an ln IC50 are left out.

    Raises
    ------
    FormatError
        If the workbook has the columns of neither layout, or a value that should be a number is not one.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        sheet = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0)
        rows = sheet.iter_rows()
        header = [str(cell).strip() for cell in next(rows, [])]
    except CalamineError as error:
        raise FormatError(
            f"{path.name} cannot be read as a workbook ({error}). Delete it and fetch it again."
        ) from error
    lost = [column for column in REQUIRED if column not in header]
    if not {"SANGER_MODEL_ID", "COSMIC_ID"} & set(header):
        lost.append("SANGER_MODEL_ID and no COSMIC_ID")
    if lost or sheet.height < 2:
        raise FormatError(f"{path.name} has no {lost[0] if lost else 'row'}; its first row is {header[:8]}.")
    given = {name: next((one for one in names if one in header), None) for name, names in COLUMNS.items()}
    there = [column for column in given.values() if column is not None]
    with _collector_paused():
        try:
            cells = dict(zip(there, zip(*map(itemgetter(*map(header.index, there)), rows), strict=True), strict=True))
        except (CalamineError, LookupError, ValueError) as error:  # also rows of unequal length
            raise FormatError(
                f"{path.name}: its sheet cannot be read ({error}). Delete it and fetch it again."
            ) from error
    del sheet, rows
    table = pd.DataFrame(index=range(len(cells["DRUG_ID"])))
    for name, upstream in given.items():
        column = cells.pop(upstream, None) if upstream is not None else None
        if column is None:
            column = (None,) * len(table)
        if name in NUMBERS:
            table[name] = _numbers(column, upstream or name, path.name)
        else:
            table[name] = _by_value(column, name, upstream or name, path.name)
    table = table.dropna(subset=["drug_id", "ln_ic50"])
    table = table[table["model_id"].notna() | table["cosmic_id"].notna()]
    if table.empty:
        raise FormatError(f"{path.name} has no row with a line, a drug and an ln IC50. Delete it and fetch it again.")
    return table.reset_index(drop=True)


def keyed(responses: pd.DataFrame, model_of: Mapping[str, str]) -> pd.DataFrame:
    """One row per line and drug. `line_id` is the model id, otherwise that of the COSMIC id, otherwise the COSMIC id
    itself.

    A drug name can have several ids (other batches or concentrations); they are kept separate. If a line was fitted
    twice for one drug id, the fit with the smallest RMSE is kept, the first if equal; without an RMSE, the mean.

    Parameters
    ----------
    responses : as `read_responses`
    model_of : COSMIC id to model id

    Returns
    -------
    line_id and the columns of `responses` without rmse; sorted by drug_id (as a number), then line_id.
    """
    mapped = responses["cosmic_id"].map(model_of).astype(object)
    line_id = responses["model_id"].where(responses["model_id"].notna(), mapped)
    line_id = line_id.where(line_id.notna(), responses["cosmic_id"])
    table = responses.assign(line_id=line_id)
    keys = ["line_id", "drug_id"]
    twice = table.duplicated(keys, keep=False)
    if twice.any():
        again = table[twice]
        means = again.groupby(keys)[["ln_ic50", "auc"]].transform("mean")
        unjudged = again.groupby(keys)["rmse"].transform(lambda rmse: rmse.isna().any())
        again = again.assign(ln_ic50=again["ln_ic50"].where(~unjudged, means["ln_ic50"]))
        again = again.assign(auc=again["auc"].where(~unjudged, means["auc"]))
        again = again.sort_values("rmse", kind="stable").drop_duplicates(keys)
        table = pd.concat([table[~twice], again])
    order = np.lexsort((table["line_id"].to_numpy(str), pd.to_numeric(table["drug_id"])))
    table = table.iloc[order].reset_index(drop=True)
    return table[["line_id", *responses.columns.drop("rmse")]]


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Switch off the cyclic garbage collector: it would take most of the time while millions of cells are created."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _by_value(cells: Sequence[object], name: str, column: str, file: str) -> np.ndarray:
    """A column of text or identifiers; each distinct value is read once, because there are few.

    Raises
    ------
    FormatError
        If an identifier is not a whole number.
    """
    codes, values = pd.factorize(np.array(cells, dtype=object), use_na_sentinel=False)
    read = [_identifier(value) if name in IDENTIFIERS else _text(value) for value in values]
    if name in IDENTIFIERS:
        for code, value in enumerate(read):
            if value is not None and not value.isdigit():
                row = int(np.flatnonzero(codes == code)[0]) + 2
                raise FormatError(f"{file}: {column} has {value!r} in row {row}, not a number.")
    return np.array(read, dtype=object)[codes]


def _identifier(cell: object) -> str | None:
    """906826.0 and '906826' are the same id."""
    if isinstance(cell, float):
        return (str(int(cell)) if cell.is_integer() else str(cell)) if cell == cell else None
    text = _text(cell)
    return None if text in (None, "NA") else text.removesuffix(".0")


def _text(cell: object) -> str | None:
    text = "" if cell is None or cell != cell else str(cell).strip()
    return text or None


def _numbers(cells: Sequence[object], column: str, file: str) -> np.ndarray:
    """A column of a workbook as float64; empty cells are missing.

    Raises
    ------
    FormatError
        If a cell is not empty and not a finite number.
    """
    try:
        numbers = np.array(cells, dtype=float)
    except (ValueError, TypeError):
        series = pd.Series(cells, dtype=object)
        parsed = pd.to_numeric(series.where(series != "", None), errors="coerce")
        strange = series[parsed.isna() & series.notna() & (series != "") & (series != "NA")]
        if len(strange):
            raise FormatError(
                f"{file}: {column} has {strange.iloc[0]!r} in row {strange.index[0] + 2}, not a number."
            ) from None
        numbers = parsed.to_numpy(float)
    if np.isinf(numbers).any():
        raise FormatError(f"{file}: {column} is infinite in row {int(np.flatnonzero(np.isinf(numbers))[0]) + 2}.")
    return numbers
