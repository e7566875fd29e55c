"""GDC's clinical records: API cases, the biotab of receptors, TCGA's curated survival; one row per patient.

In scope: from nested records and odd table formats to one frame, values as upstream has them. Out of scope: what a
value means for the study (HER2, endpoints: science/cohorts).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from hnbc_assets.errors import FormatError, UpstreamChanged
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.gdc.index import WHERE, read_pages
from hnbc_assets.sources.gdc.shape import NUMBER, SCALAR, TEXT, shaped

BIOTAB_FIELDS = (
    "er_status_by_ihc",
    "pr_status_by_ihc",
    "her2_status_by_ihc",
    "her2_ihc_score",
    "her2_fish_status",
    "menopause_status",
)
CDR_FIELDS = {
    "OS": "cdr_os",
    "OS.time": "cdr_os_time",
    "DSS": "cdr_dss",
    "DSS.time": "cdr_dss_time",
    "PFI": "cdr_pfi",
    "PFI.time": "cdr_pfi_time",
}
NUMBERS = ("days_to_death", "days_to_last_follow_up", "days_to_follow_up", "days_to_progression", "age_at_index")
PRIMARY_DIAGNOSIS_FIELDS = (
    "days_to_last_follow_up",
    "ajcc_pathologic_stage",
    "ajcc_pathologic_t",
    "ajcc_pathologic_n",
    "ajcc_pathologic_m",
)
COLUMNS = (
    "vital_status",
    "days_to_death",
    "days_to_last_follow_up",
    "days_to_follow_up",
    "days_to_progression",
    "progression_or_recurrence",
    "age_at_index",
    "sex",
    "ajcc_pathologic_stage",
    "ajcc_pathologic_t",
    "ajcc_pathologic_n",
    "ajcc_pathologic_m",
    "tissue_source_site",
    "treatments",
    "menopause_status",
)
NOT_STATED = ("unknown", "not reported", "not allowed to collect", "not available", "not applicable")
CASE = {
    "submitter_id": TEXT,
    "demographic": {
        **dict.fromkeys(("vital_status", "sex_at_birth", "gender"), TEXT),
        **dict.fromkeys(("days_to_death", "age_at_index"), NUMBER),
    },
    "diagnoses": [
        {
            "days_to_last_follow_up": NUMBER,
            **dict.fromkeys(PRIMARY_DIAGNOSIS_FIELDS[1:], TEXT),
            **dict.fromkeys(("diagnosis_is_primary_disease", "classification_of_tumor"), SCALAR),
            "treatments": [dict.fromkeys(("therapeutic_agents", "treatment_type", "treatment_or_therapy"), TEXT)],
        }
    ],
    "follow_ups": [
        {
            **dict.fromkeys(("days_to_follow_up", "days_to_progression", "days_to_recurrence"), NUMBER),
            "progression_or_recurrence": TEXT,
        }
    ],
}


def read_clinical(archive: Archive, manifest: pd.DataFrame) -> pd.DataFrame:
    """Every clinical record of the project, with or without files; values as upstream has them.

    Returns
    -------
    Index `patient_id` (12-character barcode). From the API: vital_status, days_to_death, days_to_last_follow_up (of
    the primary diagnosis), days_to_follow_up (latest follow-up), days_to_progression (earliest progression or
    recurrence), progression_or_recurrence ("yes" if any follow-up says so, otherwise "no" if any does), age_at_index,
    sex, ajcc_pathologic_*, tissue_source_site, treatments (those given, separated by semicolons), menopause_status.
    From the biotab, if there is one: biotab_er_status_by_ihc, …. From the CDR, if fetched: cdr_os, cdr_os_time,
    cdr_dss, cdr_dss_time, cdr_pfi, cdr_pfi_time (days). Missing where the upstream has nothing.

    Raises
    ------
    UpstreamChanged
        A patient has two records.
    FormatError
        Biotab or CDR do not have the known format.
    """
    cases = read_pages(archive, manifest, "cases")
    clinical = pd.DataFrame([read_case(case) for case in cases], columns=["patient_id", *COLUMNS])
    if clinical["patient_id"].duplicated().any():
        twice = clinical.loc[clinical["patient_id"].duplicated(), "patient_id"]
        raise UpstreamChanged(f"GDC has two clinical records of {', '.join(twice[:5])}.")
    clinical = clinical.set_index("patient_id").sort_index()
    for column in NUMBERS:
        clinical[column] = pd.to_numeric(clinical[column])
    readers = {"biotab": read_biotab, "cdr": read_cdr}
    for row in manifest.to_dict("records"):
        read = readers.get(PurePosixPath(row["path"]).parent.name)
        if read is not None:
            path = archive.locate(row)
            clinical = clinical.join(_of_these(read(path), clinical, path))
    return clinical


def unfollowed(clinical: pd.DataFrame) -> pd.Series:
    """Which living patients have no follow-up time: bool by patient_id, one row per living patient.

    GDC has moved this time between fields, and the status stays when the time is lost.
    """
    living = clinical[clinical["vital_status"].str.lower().eq("alive").fillna(False).astype(bool)]
    return living[["days_to_last_follow_up", "days_to_follow_up"]].isna().all(axis=1)


def _of_these(table: pd.DataFrame, clinical: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The table, if it has any of the patients. Otherwise its ids are written differently, and all rows would be
    lost.
    """
    if len(clinical) and not table.index.isin(clinical.index).any():
        raise FormatError(
            f"{path.name}: none of its {len(table)} patients ({', '.join(map(str, table.index[:2]))} …) is among the "
            f"{len(clinical)} cases ({', '.join(map(str, clinical.index[:2]))} …). Are its ids written differently?"
        )
    return table


def read_case(case: Mapping[str, Any]) -> dict[str, Any]:
    """One patient's row from the nested record; parts that are absent (one case has no demographic) are missing.

    Raises
    ------
    FormatError
        If a part has another type; the message names file, record and field.
    """
    shaped(case, CASE, where=str(case.get(WHERE, "GDC's case")), required=("submitter_id",))
    demographic = case.get("demographic") or {}
    diagnosis = primary_diagnosis(case.get("diagnoses") or [])
    follow_ups = case.get("follow_ups") or []
    row = {
        "patient_id": case["submitter_id"][:12],
        "vital_status": demographic.get("vital_status"),
        "days_to_death": demographic.get("days_to_death"),
        "days_to_follow_up": max(numbers(follow_ups, "days_to_follow_up"), default=None),
        "days_to_progression": min(numbers(follow_ups, "days_to_progression", "days_to_recurrence"), default=None),
        "progression_or_recurrence": progression(follow_ups),
        "age_at_index": demographic.get("age_at_index"),
        "sex": demographic.get("sex_at_birth") or demographic.get("gender"),
        "tissue_source_site": case["submitter_id"].split("-")[1] if case["submitter_id"].count("-") >= 2 else None,
        "treatments": given_treatments(diagnosis.get("treatments") or []),
        "menopause_status": next((v for v in values_of(case, "menopause_status") if isinstance(v, str)), None),
    }
    return row | {field: diagnosis.get(field) for field in PRIMARY_DIAGNOSIS_FIELDS}


def primary_diagnosis(diagnoses: list[dict[str, Any]]) -> dict[str, Any]:
    """The diagnosis of the primary disease: marked as such, otherwise classified as primary, otherwise the first."""

    def rank(diagnosis: Mapping[str, Any]) -> tuple[bool, bool]:
        marked = str(diagnosis.get("diagnosis_is_primary_disease")).lower() == "true"
        return not marked, str(diagnosis.get("classification_of_tumor")).lower() != "primary"

    return min(diagnoses, key=rank, default={})


def numbers(records: Iterable[Mapping[str, Any]], *fields: str) -> list[float]:
    """All values of these fields that are present."""
    return [float(record[field]) for record in records for field in fields if record.get(field) is not None]


def progression(follow_ups: Iterable[Mapping[str, Any]]) -> str | None:
    """yes if any follow-up says so ("Yes - Progression or Recurrence"), otherwise no if any does, otherwise
    another word.
    """
    words = [word for f in follow_ups if (word := str(f.get("progression_or_recurrence") or "").strip())]
    for answer in ("yes", "no"):
        if any(re.match(rf"{answer}\b", word, flags=re.I) for word in words if word.lower() not in NOT_STATED):
            return answer
    return next((word for word in words if word.lower() not in NOT_STATED), words[0] if words else None)


def given_treatments(treatments: Iterable[Mapping[str, Any]]) -> str | None:
    """The treatments given: agents if they are named, otherwise the kind. Treatments not given or unknown are left out.

    A treatment counts as given if it is listed and its `treatment_or_therapy` is null or absent.
    """
    given = [
        str(t.get("therapeutic_agents") or t.get("treatment_type"))
        for t in treatments
        if (t.get("therapeutic_agents") or t.get("treatment_type"))
        and str(t.get("treatment_or_therapy") or "yes").lower() == "yes"
    ]
    return ";".join(dict.fromkeys(given)) or None


def values_of(record: Any, field: str) -> Iterable[Any]:
    """Every value of a field that is not null, wherever it is nested."""
    if isinstance(record, dict):
        for key, value in record.items():
            if key == field and value is not None:
                yield value
            else:
                yield from values_of(value, field)
    elif isinstance(record, list):
        for item in record:
            yield from values_of(item, field)


def read_biotab(path: Path) -> pd.DataFrame:
    """Receptor status from a biotab: three header rows, the third of them CDE ids; `[Not Available]` and the like.

    Returns
    -------
    Index patient_id; biotab_er_status_by_ihc … those that the file has, missing where it has brackets.

    Raises
    ------
    FormatError
        Its header rows are not those of a biotab.
    """
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE)
    except (ValueError, OSError) as error:
        raise FormatError(
            f"{path.name}: not a biotab (tab-separated text with rows of equal length). Fetch it again."
        ) from error
    if "bcr_patient_barcode" not in table or len(table) < 2 or not str(table.iloc[1, 0]).startswith("CDE_ID:"):
        raise FormatError(f"{path.name}: not a biotab with its three header rows (names, names, CDE_ID:…).")
    table = table.iloc[2:].set_index("bcr_patient_barcode").rename_axis("patient_id")
    _plain_ids(table.index, path)
    table = table[[field for field in BIOTAB_FIELDS if field in table]].add_prefix("biotab_")
    return table.fillna("").mask(lambda t: t.apply(lambda c: c.str.fullmatch(r"\s*(\[.*\])?\s*")).astype(bool))


def read_cdr(path: Path) -> pd.DataFrame:
    """Curated survival from the TCGA Clinical Data Resource's workbook (days; events 0 or 1).

    Returns
    -------
    Index patient_id (all cancer types); cdr_os, cdr_os_time, cdr_dss, cdr_dss_time, cdr_pfi, cdr_pfi_time.

    Raises
    ------
    FormatError
        It is not a workbook, no sheet has the resource's columns, an event is not 0 or 1, or a time is not a number.
    """
    from python_calamine import CalamineError

    try:
        sheets = pd.read_excel(path, sheet_name=None, engine="calamine")
    except (CalamineError, ValueError) as error:
        raise FormatError(f"{path.name}: cannot be read as a workbook (xlsx). Fetch it again.") from error
    for sheet in sheets.values():
        if {"bcr_patient_barcode", *CDR_FIELDS} <= set(sheet.columns):
            table = sheet.drop_duplicates("bcr_patient_barcode").set_index("bcr_patient_barcode")
            _plain_ids(table.index, path)
            return _curated(table.rename_axis("patient_id")[list(CDR_FIELDS)], path)
    raise FormatError(f"{path.name}: no sheet has bcr_patient_barcode, {', '.join(CDR_FIELDS)}.")


def _curated(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Times as numbers and events as 0 or 1; brackets and `#N/A` are missing values."""
    missing = table.apply(lambda c: c.isna() | c.astype(str).str.fullmatch(r"\s*(\[.*\]|#N/A|NA)?\s*"))
    numbers = table.mask(missing).apply(pd.to_numeric, errors="coerce").astype(float)
    for field, name in CDR_FIELDS.items():
        wrong = numbers[field].isna() & ~missing[field]
        if not name.endswith("_time"):
            wrong |= numbers[field].notna() & ~numbers[field].isin([0.0, 1.0])
        if wrong.any():
            raise FormatError(
                f"{path.name}: {field} of {table.index[wrong][0]} is {str(table.loc[wrong, field].iloc[0])[:60]!r}, "
                f"not {'a number' if name.endswith('_time') else '0 or 1'}. Fetch it again."
            )
    return numbers.rename(columns=CDR_FIELDS)


def _plain_ids(index: pd.Index, path: Path) -> None:
    """Check that every row has a patient id, once and without spaces around it, so that joining tables loses no row."""
    for number, name in enumerate(index):
        if not isinstance(name, str) or not name or name != name.strip():
            raise FormatError(f"{path.name}: patient {number + 1} has the id {str(name)[:60]!r}. Fetch it again.")
    if not index.is_unique:
        raise FormatError(f"{path.name}: patient {index[index.duplicated()][0]} has two rows. Fetch it again.")
