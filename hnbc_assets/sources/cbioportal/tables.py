"""cBioPortal's clinical and mutation tables, with the portal's own values, every row complete and every id known.

In scope: the layout that all tables of the portal share, patients, samples, mutations. Out of scope: the expression
profile, which is too large for this (profile); what a status means for the study (science/cohorts).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from hnbc_assets.errors import FormatError
from hnbc_assets.sources.archive import archived

if TYPE_CHECKING:
    from hnbc_assets.sources.archive.store import Archive

MISSING = ["", "NA", "NaN", "nan", "null", "[Not Available]", "[Not Applicable]", "[Not Evaluated]", "[Unknown]"]
CLINICAL = ("data_clinical_patient", "data_clinical_sample")
MUTATIONS = "data_mutations"
REQUIRED = {
    CLINICAL[0]: ("PATIENT_ID",),
    CLINICAL[1]: ("PATIENT_ID", "SAMPLE_ID"),
    MUTATIONS: ("Hugo_Symbol", "Tumor_Sample_Barcode"),
}
IDS = ("PATIENT_ID", "SAMPLE_ID", "Tumor_Sample_Barcode")
SAMPLE_TYPES = {"primary": "primary", "metastasis": "metastatic", "metastatic": "metastatic", "recurrence": "recurrent"}
TCGA_CODES = {"01": "primary", "02": "recurrent", "06": "metastatic", "11": "normal"}
# The hub's tables may lack single records of each other; a truncated table lacks many.
LARGEST_LOST_SHARE = 0.05
REMEDY = (
    "Delete it and fetch the study again; if the error remains, the hub's own file is damaged: report it at "
    "github.com/cBioPortal/datahub."
)


def read_clinical(archive: Archive, manifest: pd.DataFrame) -> pd.DataFrame:
    """Patient and sample tables merged, one row per patient.

    Returns
    -------
    Index patient_id; the portal's upper-case columns, all text. For a patient with several samples, the first primary
    one supplies the sample's columns. A column in both tables keeps the patient's value, filled from the sample's.

    Raises
    ------
    FormatError
        A table is truncated or has rows of another shape, a patient has two rows, more than one in twenty patients of
        the sample table has none; names file and line.
    """
    path = archived.locate(archive, manifest, pattern_of(CLINICAL[0]), "clinical patient table")
    patients = read_table(path, REQUIRED[CLINICAL[0]])
    samples = _samples(archive, manifest)
    _require_unique(patients["PATIENT_ID"], "patient", path)
    require_known(
        samples["PATIENT_ID"].drop_duplicates(),
        patients["PATIENT_ID"],
        f"{label(path)} has no row for",
        "patients of the sample table",
    )
    first = samples.assign(_late=_sample_types(samples).ne("primary")).sort_values("_late", kind="stable")
    first = first.drop(columns="_late").drop_duplicates("PATIENT_ID").set_index("PATIENT_ID")
    patients = patients.set_index("PATIENT_ID")
    merged = patients.join(first[first.columns.difference(patients.columns, sort=False)])
    for column in patients.columns.intersection(first.columns):
        merged[column] = merged[column].where(merged[column].notna(), first[column].reindex(merged.index))
    return merged.rename_axis("patient_id")


def read_samples(archive: Archive, manifest: pd.DataFrame) -> pd.DataFrame:
    """One row per sample: sample_id, patient_id, sample_type, file_id (the sample table's)."""
    samples = _samples(archive, manifest)
    return pd.DataFrame(
        {
            "sample_id": samples["SAMPLE_ID"],
            "patient_id": samples["PATIENT_ID"],
            "sample_type": _sample_types(samples),
            "file_id": next(i for i in manifest["file_id"] if re.fullmatch(pattern_of(CLINICAL[1]), i)),
        }
    )


def read_mutations(archive: Archive, manifest: pd.DataFrame) -> pd.DataFrame:
    """The study's MAF, its own columns as text (positions and counts too), and patient_id."""
    path = archived.locate(archive, manifest, pattern_of(MUTATIONS), "mutation table")
    maf = read_table(path, REQUIRED[MUTATIONS])
    samples = read_samples(archive, manifest).set_index("sample_id")["patient_id"]
    barcode = maf["Tumor_Sample_Barcode"]
    tcga = barcode.str.extract(r"^(TCGA-\w{2}-\w{4})", expand=False)
    known = barcode.map(samples)
    return maf.assign(patient_id=known.where(known.notna(), tcga))


def read_table(path: Path, required: Sequence[str]) -> pd.DataFrame:
    """A table of the portal as text; rows that begin with # are comments. Line ends may be CR.

    Raises
    ------
    FormatError
        It cannot be read, lacks a required column, has two columns of one name, or a row with more or fewer cells than
        the header; names file and line.
    """
    about = _examine(path, required)
    with archived.open_text(path) as stream:
        try:
            table = pd.read_csv(
                stream,
                sep="\t",
                skiprows=about,
                dtype=str,
                keep_default_na=False,
                na_values=MISSING,
                quoting=3,
                index_col=False,
            )
        except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise FormatError(f"{label(path)} cannot be read: it is truncated or damaged. {REMEDY}") from error
    for name in IDS:
        if name in table:
            table[name] = table[name].str.strip()
    return table.astype(object).where(table.notna(), None)


def header_names(line: str, path: Path) -> list[str]:
    """The columns that a header line names.

    Raises
    ------
    FormatError
        It has no columns, or two have the same name.
    """
    names = line.rstrip("\r\n").split("\t")
    if names == [""]:
        raise FormatError(f"{label(path)} has no header. {REMEDY}")
    twice = next((name for position, name in enumerate(names) if name in names[:position]), None)
    if twice is not None:
        raise FormatError(f"{label(path)} has two columns named {twice!r}, so neither can be trusted. {REMEDY}")
    return names


def wrong_row(path: Path, line: int, n_cells: int, n_columns: int, *, last: bool) -> FormatError:
    """The error for a row that is not as wide as its header."""
    cut = " It is the last one: the file is truncated." if last and n_cells < n_columns else ""
    return FormatError(f"{label(path)}, line {line}: {n_cells} cells where the header has {n_columns}.{cut} {REMEDY}")


def require_known(ids: pd.Series, known: pd.Series, lacks: str, what: str) -> None:
    """Raise an error for a table that lacks too many of another table's ids.

    Raises
    ------
    FormatError
        More than one in twenty is missing; `lacks` begins the sentence, `what` ends it.
    """
    lost = ids[~ids.isin(known)]
    if len(lost) > LARGEST_LOST_SHARE * len(ids):
        raise FormatError(
            f"{lacks} {len(lost)} of {len(ids)} {what}, e.g. {lost.iloc[0]}: it is truncated, or the two are of "
            f"different studies. {REMEDY}"
        )


def label(path: Path) -> str:
    """A file's name for messages: STUDY/FILE."""
    return "/".join(path.parts[-2:])


def pattern_of(name: str) -> str:
    """The file id of a table, packed or plain."""
    return rf"[^/]+/{name}\.txt(\.gz)?"


def _examine(path: Path, required: Sequence[str]) -> int:
    """Read a whole table; return the number of # rows before its header if every row is as wide as the header."""
    names: list[str] = []
    about = wrong = cells = 0
    with archived.open_text(path) as stream:
        for number, line in enumerate(stream, start=1):
            if not names:
                if line.startswith("#"):
                    about = number
                    continue
                names = header_names(line, path)
                lost = [column for column in required if column not in names]
                if lost:
                    shown = ", ".join(names[:8])
                    raise FormatError(f"{label(path)} has no column {lost[0]}; it has {shown}. {REMEDY}")
            elif wrong:
                raise wrong_row(path, wrong, cells, len(names), last=False)
            elif line != "\n" and line.count("\t") != len(names) - 1:
                wrong, cells = number, line.count("\t") + 1
    if wrong:
        raise wrong_row(path, wrong, cells, len(names), last=True)
    if not names:
        raise FormatError(f"{label(path)} has no header, only {about} lines that begin with #. {REMEDY}")
    return about


def _samples(archive: Archive, manifest: pd.DataFrame) -> pd.DataFrame:
    path = archived.locate(archive, manifest, pattern_of(CLINICAL[1]), "clinical sample table")
    samples = read_table(path, REQUIRED[CLINICAL[1]])
    _require_unique(samples["SAMPLE_ID"], "sample", path)
    return samples


def _require_unique(ids: pd.Series, what: str, path: Path) -> None:
    if ids.isna().any():
        raise FormatError(f"{label(path)} has {int(ids.isna().sum())} rows without {what} id. {REMEDY}")
    if ids.duplicated().any():
        raise FormatError(f"{label(path)} has two rows for {what} {ids[ids.duplicated()].iloc[0]}. {REMEDY}")


def _sample_types(samples: pd.DataFrame) -> pd.Series:
    """The sample table's type in this project's terms: its own column, else TCGA's code, else primary."""
    given = samples.get("SAMPLE_TYPE", pd.Series(None, index=samples.index, dtype=object))
    named = given.str.lower().str.split().str[0].map(SAMPLE_TYPES)
    coded = samples["SAMPLE_ID"].str.extract(r"^TCGA-\w{2}-\w{4}-(\d{2})", expand=False).map(TCGA_CODES)
    unnamed = given.map(lambda value: "other" if value else "primary")
    return coded.where(coded.notna(), named.where(named.notna(), unnamed))
