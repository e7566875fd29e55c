"""Patients: the clinical records of any source, harmonised into the columns of the table `patients`.

Belongs here: the order of the steps, which are the same for every source. Does not: a source's own fields
(clinical_gdc, clinical_cbioportal, clinical_named), the rules (her2, endpoints), who enters (inclusion).
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from hnbc_assets.errors import CohortUnusable, StudyError
from hnbc_assets.science.cohorts import clinical_cbioportal, clinical_gdc, clinical_named, endpoints, her2
from hnbc_assets.science.cohorts import clinical_words as words

KINDS = ("gdc", "geo", "cbioportal", "table")
WORDS = {
    "sex": words.sex,
    "menopause": words.menopause,
    "stage": words.stage,
    "t_stage": words.tnm,
    "n_stage": words.tnm,
    "m_stage": words.tnm,
    "er_status": words.receptor,
    "pr_status": words.receptor,
    "pam50": words.subtype,
    "site": words.text,
    "chemotherapy": words.text,
    "response": words.response,
}
COLUMNS = [
    "patient_id",
    "age_years",
    *("sex", "menopause", "stage", "t_stage", "n_stage", "m_stage", "er_status", "pr_status"),
    *her2.COLUMNS,
    *("pam50", "site", "chemotherapy"),
    *(f"{endpoint}_{part}" for endpoint in endpoints.ENDPOINTS for part in ("days", "event")),
    "response",
    "endpoint_exclusions",
    "clinical_exclusion",
]


def harmonise_clinical(
    kind: str,
    clinical: pd.DataFrame,
    *,
    cohort_id: str | None = None,
    her2_values: Mapping[str, str] | None = None,
    chemotherapy: str | None = None,
    columns: Mapping[str, str] | None = None,
    exclude_males: bool = False,
    exclude_stage_iv_from_progression: bool = True,
) -> pd.DataFrame:
    """A row a patient, every clinical record kept, in the columns of `patients`.

    Parameters
    ----------
    kind : gdc, geo, cbioportal or table
    clinical : what the source's `read_clinical` gives, index patient_id
    cohort_id : first column of the result when given; named in errors
    her2_values : the cohort's HER2 values -> negative, positive or indeterminate, for a cohort that reports a status
    chemotherapy : what all patients of the cohort received, where the source does not say it patient by patient
    columns : slot -> upstream column, for geo and table cohorts with unusual names
    exclude_males : males get a `clinical_exclusion`
    exclude_stage_iv_from_progression : stage IV has no pfi and drfs, with the reason in `endpoint_exclusions`

    Returns
    -------
    COLUMNS, of which `clinical_exclusion` is for `inclusion.decide_inclusion`, which replaces it by
    `included` and `exclusion_reason`. Times in days (> 0), events and her2_low nullable booleans, the rest text.

    Raises
    ------
    StudyError
        If the kind is unknown, or a HER2 value is not mapped.
    CohortUnusable
        If there is no clinical record, or one comes twice.
    """
    name = cohort_id or kind
    if kind not in KINDS:
        raise StudyError(f"{name}: {kind!r} is no kind of source; kinds are {', '.join(KINDS)}.")
    if not len(clinical) or clinical.index.has_duplicates:
        twice = clinical.index[clinical.index.duplicated()]
        raise CohortUnusable(
            f"{name}: {f'patient {twice[0]} has two records' if len(twice) else 'no clinical record'}."
        )
    if kind == "gdc":
        recorded = clinical_gdc.record(clinical)
    elif kind == "cbioportal":
        recorded = clinical_cbioportal.record(clinical)
    else:
        recorded = clinical_named.record(clinical, columns)
    absent = pd.Series(None, index=clinical.index, dtype=object)
    patients = pd.DataFrame({"patient_id": clinical.index.astype(str)}, index=clinical.index)
    patients["age_years"] = pd.to_numeric(recorded.slots.get("age_years", absent), errors="coerce").astype(float)
    for column, spell in WORDS.items():
        patients[column] = recorded.slots.get(column, absent).map(spell).astype(object)
    if chemotherapy is not None:
        patients["chemotherapy"] = patients["chemotherapy"].fillna(chemotherapy)
    patients = patients.join(_her2(recorded, her2_values, name))
    patients = patients.join(
        endpoints.harmonise(
            recorded.endpoints,
            vital_status=recorded.vital_status,
            stage=patients["stage"],
            exclude_stage_iv_from_progression=exclude_stage_iv_from_progression,
            index=clinical.index,
        )
    )
    excluded = patients["sex"].eq("male") & exclude_males
    patients["clinical_exclusion"] = pd.Series(None, index=clinical.index, dtype=object).mask(excluded, "male")
    patients = patients[COLUMNS].reset_index(drop=True)
    text = patients.select_dtypes(object).columns
    patients[text] = patients[text].where(patients[text].notna(), None)
    if cohort_id is not None:
        patients.insert(0, "cohort_id", cohort_id)
    return patients


def _her2(recorded: words.Recorded, her2_values: Mapping[str, str] | None, name: str) -> pd.DataFrame:
    """From tests where the source has them, else from its reported status."""
    if recorded.her2_tests is not None:
        return her2.decide(*recorded.her2_tests)
    if recorded.her2_reported is not None:
        return her2.reported(recorded.her2_reported, her2_values, where=name)
    return her2.reported(pd.Series(None, index=recorded.index, dtype=object), her2_values, where=name)
