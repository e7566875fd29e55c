"""GDC's clinical records: API cases, the biotab of receptors, TCGA's curated survival; one row a patient.

Belongs here: from nested records and odd table formats to one frame, values as upstream has them. Does not: what a
value means for the study (HER2, endpoints: science/cohorts).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from hnbc_assets.errors import FormatError, UpstreamChanged
from hnbc_assets.sources.archive import Archive
from hnbc_assets.sources.gdc_index import read_pages

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


def read_clinical(archive: Archive, manifest: pd.DataFrame) -> pd.DataFrame:
    """Every clinical record of the project, with or without files; values as upstream has them.

    Returns
    -------
    Index `patient_id` (12-character barcode). From the API: vital_status, days_to_death, days_to_last_follow_up (of
    the primary diagnosis), days_to_follow_up (latest of the follow-ups), days_to_progression (earliest progression or
    recurrence), progression_or_recurrence ("yes" if any follow-up says so, else "no" if any does), age_at_index, sex,
    ajcc_pathologic_*, tissue_source_site, treatments (what was given, semicolons between), menopause_status.
    From the biotab, where there is one: biotab_er_status_by_ihc, …. From the CDR, where fetched: cdr_os, cdr_os_time,
    cdr_dss, cdr_dss_time, cdr_pfi, cdr_pfi_time (days). Missing where upstream has nothing.

    Raises
    ------
    UpstreamChanged
        A patient has two records.
    FormatError
        Biotab or CDR are not in the format known.
    """
    cases = read_pages(archive, manifest, "cases")
    clinical = pd.DataFrame([read_case(case) for case in cases], columns=["patient_id", *COLUMNS])
    if clinical["patient_id"].duplicated().any():
        twice = clinical.loc[clinical["patient_id"].duplicated(), "patient_id"]
        raise UpstreamChanged(f"GDC has two clinical records of {', '.join(twice[:5])}.")
    clinical = clinical.set_index("patient_id").sort_index()
    for column in NUMBERS:
        clinical[column] = pd.to_numeric(clinical[column])
    for row in manifest.to_dict("records"):
        if "/biotab/" in row["path"]:
            clinical = clinical.join(read_biotab(archive.locate(row)))
        elif "/cdr/" in row["path"]:
            clinical = clinical.join(read_cdr(archive.locate(row)))
    return clinical


def read_case(case: Mapping[str, Any]) -> dict[str, Any]:
    """One patient's row from the nested record; parts that are absent (one case has no demographic) are missing."""
    demographic = case.get("demographic") or {}
    diagnosis = primary_diagnosis(case.get("diagnoses") or [])
    follow_ups = case.get("follow_ups") or []
    progressed = {str(f.get("progression_or_recurrence")).lower() for f in follow_ups}
    row = {
        "patient_id": case["submitter_id"][:12],
        "vital_status": demographic.get("vital_status"),
        "days_to_death": demographic.get("days_to_death"),
        "days_to_follow_up": max(numbers(follow_ups, "days_to_follow_up"), default=None),
        "days_to_progression": min(numbers(follow_ups, "days_to_progression", "days_to_recurrence"), default=None),
        "progression_or_recurrence": next((word for word in ("yes", "no") if word in progressed), None),
        "age_at_index": demographic.get("age_at_index"),
        "sex": demographic.get("sex_at_birth") or demographic.get("gender"),
        "tissue_source_site": case["submitter_id"].split("-")[1] if case["submitter_id"].count("-") >= 2 else None,
        "treatments": given_treatments(diagnosis.get("treatments") or []),
        "menopause_status": next(values_of(case, "menopause_status"), None),
    }
    return row | {field: diagnosis.get(field) for field in PRIMARY_DIAGNOSIS_FIELDS}


def primary_diagnosis(diagnoses: list[dict[str, Any]]) -> dict[str, Any]:
    """The diagnosis of the primary disease: marked so, else classified as primary, else the first."""

    def rank(diagnosis: Mapping[str, Any]) -> tuple[bool, bool]:
        marked = str(diagnosis.get("diagnosis_is_primary_disease")).lower() == "true"
        return not marked, str(diagnosis.get("classification_of_tumor")).lower() != "primary"

    return min(diagnoses, key=rank, default={})


def numbers(records: Iterable[Mapping[str, Any]], *fields: str) -> list[float]:
    """All values of these fields that are there."""
    return [float(record[field]) for record in records for field in fields if record.get(field) is not None]


def given_treatments(treatments: Iterable[Mapping[str, Any]]) -> str | None:
    """What was given: agents where they are named, else the kind; not what was not, or of which nothing is known."""
    given = [
        str(t.get("therapeutic_agents") or t.get("treatment_type"))
        for t in treatments
        if (t.get("therapeutic_agents") or t.get("treatment_type"))
        and str(t.get("treatment_or_therapy", "yes")).lower() == "yes"
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
    Index patient_id; biotab_er_status_by_ihc … as far as the file has them, missing where it has brackets.

    Raises
    ------
    FormatError
        The header rows are not those of a biotab.
    """
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    if "bcr_patient_barcode" not in table or len(table) < 2 or not str(table.iloc[1, 0]).startswith("CDE_ID:"):
        raise FormatError(f"{path.name}: no biotab with its three header rows (names, names, CDE_ID:…).")
    table = table.iloc[2:].set_index("bcr_patient_barcode").rename_axis("patient_id")
    if not table.index.is_unique:
        raise FormatError(f"{path.name}: a patient has two rows.")
    table = table[[field for field in BIOTAB_FIELDS if field in table]].add_prefix("biotab_")
    return table.mask(table.apply(lambda column: column.str.fullmatch(r"\s*(\[.*\])?\s*")).astype(bool))


def read_cdr(path: Path) -> pd.DataFrame:
    """Curated survival from the TCGA Clinical Data Resource's workbook (days; events 0 or 1).

    Returns
    -------
    Index patient_id (all cancer types); cdr_os, cdr_os_time, cdr_dss, cdr_dss_time, cdr_pfi, cdr_pfi_time.

    Raises
    ------
    FormatError
        No sheet has the columns of the resource.
    """
    sheets = pd.read_excel(path, sheet_name=None, engine="calamine")
    for sheet in sheets.values():
        if {"bcr_patient_barcode", *CDR_FIELDS} <= set(sheet.columns):
            table = sheet.drop_duplicates("bcr_patient_barcode").set_index("bcr_patient_barcode")
            table = table.rename_axis("patient_id")[list(CDR_FIELDS)].rename(columns=CDR_FIELDS)
            return table.apply(pd.to_numeric, errors="coerce").astype(float)
    raise FormatError(f"{path.name}: no sheet has bcr_patient_barcode, {', '.join(CDR_FIELDS)}.")
