"""Patients: the clinical records of any source, harmonised into the columns of the table `patients`.

In scope: the order of the steps, which are the same for every source. Out of scope: a source's own fields
(clinical_gdc, clinical_cbioportal, clinical_named), the rules (her2, endpoints), who is included (inclusion).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from hnbc_assets.errors import CohortUnusable, StudyError
from hnbc_assets.science.cohorts import clinical_cbioportal, clinical_gdc, clinical_named, endpoints, her2
from hnbc_assets.science.cohorts import clinical_words as words
from hnbc_assets.science.cohorts.vocabulary import Mappings, Vocabulary
from hnbc_assets.vocabulary import Endpoint

OWN_FIELDS = {"gdc": clinical_gdc.record, "cbioportal": clinical_cbioportal.record}
NAMED = "named"
LENIENT = {
    "sex": words.sex,
    "menopause": words.menopause,
    "stage": words.stage,
    "t_stage": words.tnm,
    "n_stage": words.tnm,
    "m_stage": words.tnm,
    "pam50": words.subtype,
}
PLAUSIBLE_AGES = (0.0, 120.0)  # years
COLUMNS = [
    "patient_id",
    "age_years",
    *("sex", "menopause", "stage", "stage_group", "t_stage", "n_stage", "m_stage", "er_status", "pr_status"),
    *her2.COLUMNS,
    *("pam50", "site", "chemotherapy"),
    *(f"{endpoint}_{part}" for endpoint in Endpoint for part in ("days", "event")),
    "response",
    "endpoint_exclusions",
    "clinical_exclusion",
]


@dataclass(frozen=True)
class Harmonised:
    """A cohort's patients (COLUMNS), and how each value of its records was understood (`vocabulary.COLUMNS`)."""

    patients: pd.DataFrame
    values: pd.DataFrame


def harmonise_clinical(
    records: str,
    clinical: pd.DataFrame,
    *,
    cohort_id: str | None = None,
    mappings: Mappings | None = None,
    chemotherapy: str | None = None,
    columns: Mapping[str, str] | None = None,
    exclude_males: bool = False,
    exclude_stage_iv_from_progression: bool = True,
) -> Harmonised:
    """One row per clinical record, none left out, in the columns of `patients`; and how its values were understood.

    Parameters
    ----------
    records : how the columns are named: `gdc`, `cbioportal` (their own fields), or `named` (freely)
    clinical : the result of the source's `read_clinical`, index patient_id
    cohort_id : first column of both results when given; named in errors
    mappings : the meanings that the study gives the cohort's values
    chemotherapy : what all patients of the cohort received, where the source does not give it by patient
    columns : slot -> upstream column, for freely named columns with unusual names
    exclude_males : males get a `clinical_exclusion`
    exclude_stage_iv_from_progression : stage IV has no pfi and drfs, with the reason in `endpoint_exclusions`

    Returns
    -------
    patients: COLUMNS; `inclusion.decide_inclusion` replaces `clinical_exclusion` by `included` and `exclusion_reason`.
    Times are in days (> 0), events and her2_low are nullable booleans, the rest is text.

    Raises
    ------
    StudyError
        If the form of the records is unknown, a value of an event, a response, ER, PR or HER2 is not understood, or
        times cannot be in the unit that their column's name gives.
    CohortUnusable
        If there is no clinical record, or a patient has two.
    """
    name = cohort_id or records
    if records not in (*OWN_FIELDS, NAMED):
        raise StudyError(f"{name}: {records!r} is no form of records; there are {', '.join((*OWN_FIELDS, NAMED))}.")
    if not len(clinical) or clinical.index.has_duplicates:
        twice = clinical.index[clinical.index.duplicated()]
        raise CohortUnusable(
            f"{name}: {f'patient {twice[0]} has two records' if len(twice) else 'no clinical record'}."
        )
    vocabulary = Vocabulary(name, mappings or Mappings())
    recorded = _recorded(records, clinical, columns, vocabulary)
    patients = _spelled(clinical.index, recorded, vocabulary)
    if chemotherapy is not None:
        patients["chemotherapy"] = patients["chemotherapy"].fillna(chemotherapy)
    patients = patients.join(_her2(recorded, vocabulary))
    patients = patients.join(
        endpoints.harmonise(
            recorded.endpoints,
            vital_status=recorded.vital_status,
            stage=patients["stage"],
            exclude_stage_iv_from_progression=exclude_stage_iv_from_progression,
            unread={endpoint: endpoints.unreadable(time.values) for endpoint, time in recorded.times.items()},
            index=clinical.index,
        )
    )
    excluded = patients["sex"].eq("male") & exclude_males
    patients["clinical_exclusion"] = pd.Series(None, index=clinical.index, dtype=object).mask(excluded, "male")
    patients = patients[COLUMNS].reset_index(drop=True)
    text = patients.select_dtypes(object).columns
    patients[text] = patients[text].where(patients[text].notna(), None)
    values = vocabulary.values()
    if cohort_id is not None:
        patients.insert(0, "cohort_id", cohort_id)
        values.insert(0, "cohort_id", cohort_id)
    return Harmonised(patients, values)


def _recorded(
    records: str, clinical: pd.DataFrame, columns: Mapping[str, str] | None, vocabulary: Vocabulary
) -> words.Recorded:
    """The source's slots; if a study or a user names the columns, the unit of the times is checked."""
    if records in OWN_FIELDS:
        return OWN_FIELDS[records](clinical, vocabulary)
    recorded = clinical_named.record(clinical, columns, vocabulary)
    for endpoint, time in recorded.times.items():
        why = endpoints.suspect_unit(recorded.endpoints[endpoint][0])
        if why:
            units = " or ".join(f"{endpoint}_{unit}" for unit in endpoints.DAYS_PER if unit != time.unit)
            raise StudyError(
                f"{vocabulary.cohort}: {str(time.values.name)!r} was read as {endpoint} in {time.unit}, but {why}. "
                f"Is it in another unit? Then name it in the study file under cohorts.{vocabulary.cohort}.columns: "
                f"{units}: {time.values.name}."
            )
    return recorded


def _spelled(index: pd.Index, recorded: words.Recorded, vocabulary: Vocabulary) -> pd.DataFrame:
    """Age, and the columns whose values are words."""
    absent = pd.Series(None, index=index, dtype=object)
    slots = {name: recorded.slots.get(name, absent) for name in (*LENIENT, "age_years", "site", "chemotherapy")}
    patients = pd.DataFrame({"patient_id": index.astype(str)}, index=index)
    patients["age_years"] = vocabulary.number("age_years", slots["age_years"], *PLAUSIBLE_AGES)
    for column, spell in LENIENT.items():
        patients[column] = vocabulary.lenient(column, slots[column], spell)
    patients["stage_group"] = patients["stage"].map(words.stage_group).astype(object)
    for column, understand in {
        "er_status": vocabulary.er,
        "pr_status": vocabulary.pr,
        "response": vocabulary.response,
    }.items():
        patients[column] = understand(recorded.slots.get(column, absent))
    for column in ("site", "chemotherapy"):
        patients[column] = slots[column].map(words.text).astype(object)
    return patients


def _her2(recorded: words.Recorded, vocabulary: Vocabulary) -> pd.DataFrame:
    """HER2 from tests where the source has them, else from its reported status."""
    if recorded.her2_tests is not None:
        word, score, fish = recorded.her2_tests
        return her2.decide(
            vocabulary.her2("her2_ihc", word), vocabulary.her2_score(score), vocabulary.her2("her2_fish", fish)
        )
    absent = pd.Series(None, index=recorded.index, dtype=object)
    reported = absent if recorded.her2_reported is None else recorded.her2_reported
    return her2.reported(vocabulary.her2("her2_status", reported))
