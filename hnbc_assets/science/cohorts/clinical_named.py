"""Clinical records whose columns are named freely (GEO characteristics, a user's table), put into the study's slots.

In scope: the names by which a slot is known. Out of scope: spellings of values (clinical_words), which endpoints are
impossible (endpoints), fetching (sources/geo, sources/table). Other names of a series are given in the study.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

from hnbc_assets.errors import StudyError
from hnbc_assets.science.cohorts.clinical_words import Recorded, Time
from hnbc_assets.science.cohorts.endpoints import DAYS_PER, in_days
from hnbc_assets.science.cohorts.vocabulary import Vocabulary
from hnbc_assets.vocabulary import Endpoint

NAMES = {
    "age_years": ("age_years", "age", "age_at_diagnosis", "patient_age"),
    "sex": ("sex", "gender"),
    "menopause": ("menopause", "menopausal_status", "menopause_status"),
    "stage": ("stage", "clinical_ajcc_stage", "ajcc_stage", "clinical_stage", "tumor_stage"),
    "t_stage": ("t_stage", "clinical_t_stage", "t"),
    "n_stage": ("n_stage", "clinical_nodal_status", "n"),
    "m_stage": ("m_stage", "m"),
    "er_status": ("er_status", "er_status_ihc", "er", "er_ihc"),
    "pr_status": ("pr_status", "pr_status_ihc", "pr", "pr_ihc"),
    "her2_status": ("her2_status", "her2", "her2_receptor_status"),
    "her2_ihc": ("her2_ihc", "her2_status_by_ihc"),
    "her2_ihc_score": ("her2_ihc_score", "her2_score"),
    "her2_fish": ("her2_fish", "her2_ish", "her2_fish_status"),
    "pam50": ("pam50", "pam50_class", "pam50_subtype"),
    "site": ("site", "center", "centre"),
    "chemotherapy": ("chemotherapy",),
    "response": ("response", "pathologic_response_pcr_rd", "pcr"),
}
TESTS = ("her2_ihc", "her2_ihc_score", "her2_fish")
SLOTS = (*NAMES, *(f"{endpoint}_{part}" for endpoint in Endpoint for part in ("event", *DAYS_PER)))


def is_slot(name: str) -> bool:
    """Whether a cohort's `columns` may name it: a column of patients, an endpoint's time in some unit, its event."""
    return name in SLOTS


def record(clinical: pd.DataFrame, columns: Mapping[str, str] | None, vocabulary: Vocabulary) -> Recorded:
    """Slots of a frame (index patient_id) found by their names.

    Parameters
    ----------
    columns : slot -> the source's column, where its name is not a usual one; slots are the columns of `patients`, for
        endpoints {endpoint}_days, {endpoint}_months or {endpoint}_years, and {endpoint}_event

    Raises
    ------
    StudyError
        If `columns` names a slot or a column that does not exist.
    """
    columns = dict(columns or {})
    for slot, name in columns.items():
        if name not in clinical:
            raise StudyError(
                f"There is no column {name!r} for {slot}; the columns are {', '.join(map(str, clinical))}."
            )
        if not is_slot(slot):
            raise StudyError(
                f"{slot!r} is not a slot of the study; slots are {', '.join(NAMES)}, and os_days, os_event …."
            )
    known = {re.sub(r"\W+|_+", "_", str(name).strip().lower()).strip("_"): str(name) for name in clinical.columns}
    found = {slot: _named(clinical, known, columns.get(slot), names) for slot, names in NAMES.items()}
    recorded = Recorded(clinical.index)
    slots = {slot: series for slot, series in found.items() if series is not None}
    if any(test in slots for test in TESTS):
        absent = pd.Series(None, index=clinical.index, dtype=object)
        recorded.her2_tests = tuple(slots.pop(test, absent) for test in TESTS)  # type: ignore[assignment]
        slots.pop("her2_status", None)
    else:
        recorded.her2_reported = slots.pop("her2_status", None)
    recorded.slots = slots
    for endpoint in Endpoint:
        time = _time(clinical, known, columns, endpoint)
        names = (f"{endpoint}_event", f"{endpoint}_status", f"{endpoint}_1_event_0_censored")
        event = _named(clinical, known, columns.get(f"{endpoint}_event"), names)
        if time is not None and event is not None:
            recorded.times[endpoint] = time
            recorded.endpoints[endpoint] = (in_days(time.values, time.unit), vocabulary.event(endpoint, event))
    return recorded


def _named(
    clinical: pd.DataFrame, known: dict[str, str], given: str | None, names: tuple[str, ...]
) -> pd.Series | None:
    """The column that the study names, else the first that has one of the usual names."""
    name = given or next((known[name] for name in names if name in known), None)
    return None if name is None else clinical[name]


def _time(clinical: pd.DataFrame, known: dict[str, str], columns: Mapping[str, str], endpoint: str) -> Time | None:
    """An endpoint's time, its unit being the end of its name (drfs_even_time_years)."""
    for unit in DAYS_PER:
        if f"{endpoint}_{unit}" in columns:
            return Time(clinical[columns[f"{endpoint}_{unit}"]], unit)
    for name, original in known.items():
        match = re.fullmatch(rf"{endpoint}(?:_even|_event)?(?:_time)?_(days|months|years)", name)
        if match:
            return Time(clinical[original], match[1])
    return None
