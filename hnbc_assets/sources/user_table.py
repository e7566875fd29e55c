"""A user's own cohort: an expression table and a clinical table (csv, tsv or parquet).

Belongs here: archiving a copy, finding out how the tables lie, reading them with the user's own words. Does not: what
a clinical column means (science/cohorts/clinical_table), symbols' currency (science/cohorts/symbols).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hnbc_assets.errors import FormatError, StudyError
from hnbc_assets.sources import archived
from hnbc_assets.sources.listing import InHand, Listing, digest, fetch_listing

if TYPE_CHECKING:
    from hnbc_assets.sources.archive import Archive

ENSEMBL = r"^ENSG\d{11}(?:\.\d+)?(?:_PAR_Y)?$"
ID_NAMES = ("patient_id", "patient", "sample_id", "sample", "id")
SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".csv.gz", ".tsv.gz", ".txt.gz")
SHARE_ENSEMBL = 0.5


def release(expression_path: str | Path, clinical_path: str | Path, *, folder: Path | None = None) -> str:
    """One short word for the present state of both tables: it changes with their content and their paths as given.

    Raises
    ------
    StudyError
        If a file cannot be read.
    """
    return _state(_contents(expression_path, clinical_path, folder))


def listing(
    archive: Archive,
    cohort_id: str,
    expression_path: str | Path,
    clinical_path: str | Path,
    *,
    folder: Path | None = None,
) -> Listing:
    """Both tables as they are now (file ids COHORT/expression and COHORT/clinical).

    Their archived release is the first 12 digits of the sha256 over both: what changes with either is another release.
    The address is the path as given, so that a study may move with its files.

    Parameters
    ----------
    folder : where relative paths start; default the working directory

    Raises
    ------
    StudyError
        If a file cannot be read or is of no kind that is understood.
    """
    contents = _contents(expression_path, clinical_path, folder)
    version = hashlib.sha256(b"".join(hashlib.sha256(c).digest() for _, c in contents.values())).hexdigest()[:12]
    tables = []
    for kind, (path, content) in contents.items():
        suffix = next((s for s in sorted(SUFFIXES, key=len, reverse=True) if path.name.lower().endswith(s)), None)
        if suffix is None:
            raise StudyError(f"{path} is no csv, tsv or parquet table; convert it and name it in the study file.")
        name = f"{cohort_id}/{kind}"
        tables.append(InHand(version, name, f"file:{path.as_posix()}", f"{name}{suffix}", content))
    return Listing("table", _state(contents), replies=tuple(tables))


def fetch(
    archive: Archive,
    cohort_id: str,
    expression_path: str | Path,
    clinical_path: str | Path,
    *,
    folder: Path | None = None,
) -> pd.DataFrame:
    """Copy both tables into the archive (see `listing`); returns their manifest rows.

    Raises
    ------
    StudyError
        If a file cannot be read or is of no kind that is understood.
    """
    listed = listing(archive, cohort_id, expression_path, clinical_path, folder=folder)
    return fetch_listing(None, archive, listed)


def read_clinical(archive: Archive, manifest: pd.DataFrame) -> pd.DataFrame:
    """The clinical table as text, index patient_id: the column of that name (or patient, sample_id, sample, id), else
    the first.

    Raises
    ------
    FormatError
        If a patient has two rows.
    """
    table = _read_table(archived.locate(archive, manifest, r".+/clinical", "clinical table"), text=True)
    named = {str(column).strip().lower(): column for column in table.columns}
    key = next((named[name] for name in ID_NAMES if name in named), table.columns[0])
    table = table.rename(columns={key: "patient_id"})
    table["patient_id"] = table["patient_id"].astype(str).str.strip()
    twice = table.loc[table["patient_id"].duplicated(), "patient_id"]
    if len(twice):
        raise FormatError(
            f"The clinical table has two rows for {twice.iloc[0]!r} (column {key!r}); keep one a patient."
        )
    return table.set_index("patient_id")


def read_expression(
    archive: Archive,
    manifest: pd.DataFrame,
    *,
    gene_ids: pd.DataFrame | None = None,
    sample_ids: Sequence[str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The expression table, features × samples (float64), and features[feature_id, symbol].

    Genes may be in rows or in columns: the side that has the clinical table's patients is the samples'.

    Parameters
    ----------
    gene_ids : frame with feature_id (Ensembl) and symbol, needed when the table names genes by Ensembl id; versions
        are ignored on both sides
    sample_ids : samples to read, in this order; default those that the clinical table has

    Raises
    ------
    FormatError
        If neither side has a patient, a gene or patient label comes twice among the samples, or a value is no number.
    StudyError
        If the genes are Ensembl ids and no `gene_ids` was given.
    """
    patients = set(read_clinical(archive, manifest).index)
    table = _oriented(archive, manifest, patients)
    wanted = [label for label in table.columns if label in patients] if sample_ids is None else list(sample_ids)
    lost = sorted(set(wanted) - set(table.columns))
    if lost:
        raise FormatError(f"The expression table lacks {len(lost)} samples, e.g. {lost[:3]}.")
    if table.columns[table.columns.isin(wanted)].has_duplicates:
        twice = table.columns[table.columns.duplicated()][0]
        raise FormatError(f"The expression table has {twice!r} twice; keep one sample a patient.")
    frame = _numeric(table[wanted])
    symbols = pd.Series(frame.index, dtype=object)
    features = pd.DataFrame({"feature_id": _unique(symbols), "symbol": _symbols(symbols, gene_ids).to_numpy()})
    frame.index = pd.Index(features["feature_id"], name="feature_id")
    frame.columns.name = "sample_id"
    return frame, features


def profiled_samples(archive: Archive, manifest: pd.DataFrame) -> list[str]:
    """The clinical table's patients that the expression table has, in its order."""
    patients = set(read_clinical(archive, manifest).index)
    return [label for label in _oriented(archive, manifest, patients).columns if label in patients]


def _oriented(archive: Archive, manifest: pd.DataFrame, patients: set[str]) -> pd.DataFrame:
    """The expression table with genes in rows, labels as text."""
    table = _read_table(archived.locate(archive, manifest, r".+/expression", "expression table"), text=False)
    table = table.set_index(table.columns[0])
    table.index, table.columns = table.index.astype(str).str.strip(), table.columns.astype(str).str.strip()
    in_columns, in_rows = table.columns.isin(patients).sum(), table.index.isin(patients).sum()
    if not in_columns and not in_rows:
        raise FormatError(
            "The expression table names none of the clinical table's patients: columns are "
            f"{list(table.columns[:3])}, rows {list(table.index[:3])}, patients {sorted(patients)[:3]}."
        )
    return table.T if in_rows > in_columns else table


def _symbols(labels: pd.Series, gene_ids: pd.DataFrame | None) -> pd.Series:
    """Symbols of the labels: themselves, or by Ensembl id without version."""
    ensembl = labels.str.match(ENSEMBL).fillna(False).astype(bool)
    if not len(labels) or ensembl.mean() < SHARE_ENSEMBL:
        return labels.where(labels.ne("") & labels.ne("nan") & ~ensembl, None)
    if gene_ids is None:
        raise StudyError(
            f"The expression table names genes by Ensembl id ({labels[ensembl].iloc[0]}), which needs a translation: "
            "add a GDC cohort to the study, whose files carry both, or give gene symbols."
        )
    known = gene_ids.assign(feature_id=gene_ids["feature_id"].str.split(".").str[0]).drop_duplicates("feature_id")
    par_y = labels.str.endswith("_PAR_Y")
    return labels.str.split(".").str[0].map(known.set_index("feature_id")["symbol"]).where(~par_y, None)


def _unique(labels: pd.Series) -> pd.Series:
    """Labels that come again are followed by #2, #3 …"""
    repeat = labels.groupby(labels).cumcount()
    return labels.where(repeat == 0, labels + "#" + (repeat + 1).astype(str))


def _numeric(table: pd.DataFrame) -> pd.DataFrame:
    try:
        return table.astype(float)
    except (TypeError, ValueError):
        pass
    numbers = table.apply(pd.to_numeric, errors="coerce")
    strange = table[numbers.isna() & table.notna() & ~table.isin(["", "NA", "null"])].stack()
    if len(strange):
        (gene, sample), value = strange.index[0], strange.iloc[0]
        raise FormatError(f"The expression table has {value!r} for gene {gene}, sample {sample}: not a number.")
    return numbers.astype(float)


def _read_table(path: Path, *, text: bool) -> pd.DataFrame:
    """csv, tsv or parquet, by content rather than by name."""
    content = archived.read_bytes(path)
    if content[:4] == b"PAR1":
        table = pd.read_parquet(io.BytesIO(content))
        if table.index.name or not isinstance(table.index, pd.RangeIndex):
            table = table.reset_index()
        return table.map(lambda cell: None if pd.isna(cell) else str(cell)) if text else table
    header = content[: content.find(b"\n")].decode("utf-8-sig", errors="replace")
    separator = max("\t,;", key=header.count)
    if separator not in header:
        raise FormatError(f"{path.name}: its first line has no tab, comma or semicolon: {header[:60]!r}.")
    table = pd.read_csv(io.BytesIO(content), sep=separator, dtype=str if text else None, encoding="utf-8-sig")
    if len(table.columns) < 2 or not len(table):
        raise FormatError(f"{path.name} has {len(table)} rows and {len(table.columns)} columns: nothing to read.")
    return table.astype(object).where(table.notna(), np.nan).replace({np.nan: None}) if text else table


def _contents(expression: str | Path, clinical: str | Path, folder: Path | None) -> dict[str, tuple[Path, bytes]]:
    """Both tables by kind: the path as given, and the bytes."""
    given = {"expression": Path(expression), "clinical": Path(clinical)}
    return {kind: (path, _read((folder or Path()) / path, path)) for kind, path in given.items()}


def _state(contents: dict[str, tuple[Path, bytes]]) -> str:
    return digest((f"file:{path.as_posix()}", hashlib.sha256(told).hexdigest()) for path, told in contents.values())


def _read(path: Path, given: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StudyError(
            f"The table {given} cannot be read ({error.strerror}: {path}). Paths in a study file start at its folder."
        ) from error
