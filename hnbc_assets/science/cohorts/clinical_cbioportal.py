"""Clinical records of cBioPortal studies, put into the study's slots.

In scope: which of the portal's columns is read for which slot. Out of scope: spellings (clinical_words), which
endpoints are impossible (endpoints), fetching (sources/cbioportal).

Immunohistochemistry decides oestrogen receptor status where the study has it (METABRIC's ER_IHC before its ER_STATUS).
PFS of a TCGA study is TCGA-CDR's progression-free interval (Liu et al. 2018, 10.1016/j.cell.2018.02.052). Where a study
gives no DSS but says what patients died of (METABRIC), DSS is derived from that.
"""

from __future__ import annotations

import pandas as pd

from hnbc_assets.science.cohorts import clinical_words as words
from hnbc_assets.science.cohorts.clinical_words import Recorded, Time, column, first_column, text
from hnbc_assets.science.cohorts.endpoints import in_days
from hnbc_assets.science.cohorts.vocabulary import Vocabulary
from hnbc_assets.vocabulary import Endpoint, Event

COLUMNS = {
    "age_years": ("AGE", "AGE_AT_DIAGNOSIS"),
    "sex": ("SEX", "GENDER"),
    "menopause": ("MENOPAUSE_STATUS", "INFERRED_MENOPAUSAL_STATE"),
    "stage": ("AJCC_PATHOLOGIC_TUMOR_STAGE", "TUMOR_STAGE"),
    "t_stage": ("AJCC_TUMOR_PATHOLOGIC_PT", "PATH_T_STAGE"),
    "n_stage": ("AJCC_NODES_PATHOLOGIC_PN", "PATH_N_STAGE"),
    "m_stage": ("AJCC_METASTASIS_PATHOLOGIC_PM", "PATH_M_STAGE"),
    "er_status": ("ER_STATUS_BY_IHC", "ER_IHC", "ER_STATUS"),
    "pr_status": ("PR_STATUS_BY_IHC", "PR_STATUS"),
    "pam50": ("SUBTYPE", "CLAUDIN_SUBTYPE", "PAM50_SUBTYPE"),
    "site": ("TISSUE_SOURCE_SITE_CODE", "TISSUE_SOURCE_SITE"),
    "chemotherapy": ("CHEMOTHERAPY",),
}
TESTS = (("IHC_HER2", "HER2_STATUS_BY_IHC"), ("HER2_IHC_SCORE",), ("HER2_FISH_STATUS",))
ENDPOINTS = {Endpoint.OS: "OS", Endpoint.DSS: "DSS", Endpoint.PFI: "PFS"}


def record(clinical: pd.DataFrame, vocabulary: Vocabulary) -> Recorded:
    """Slots of a study's merged clinical frame (index patient_id, the portal's columns)."""
    recorded = Recorded(clinical.index)
    recorded.slots = {slot: first_column(clinical, *names) for slot, names in COLUMNS.items()}
    recorded.slots["chemotherapy"] = recorded.slots["chemotherapy"].map(words.yes_no)
    barcode = clinical.index.to_series().str.extract(r"^TCGA-(\w{2})-\w{4}", expand=False)
    recorded.slots["site"] = recorded.slots["site"].where(recorded.slots["site"].notna(), barcode)
    if any(name in clinical for names in TESTS for name in names):
        recorded.her2_tests = tuple(first_column(clinical, *names) for names in TESTS)  # type: ignore[assignment]
    else:
        recorded.her2_reported = column(clinical, "HER2_STATUS")
    for endpoint, name in ENDPOINTS.items():
        if f"{name}_MONTHS" in clinical and f"{name}_STATUS" in clinical:
            recorded.times[endpoint] = Time(clinical[f"{name}_MONTHS"], "months")
            recorded.endpoints[endpoint] = (
                in_days(clinical[f"{name}_MONTHS"], "months"),
                vocabulary.event(endpoint, clinical[f"{name}_STATUS"]),
            )
    vital = column(clinical, "VITAL_STATUS").map(text)
    recorded.vital_status = vital.map(_alive)
    if (
        Endpoint.DSS not in recorded.endpoints
        and Endpoint.OS in recorded.endpoints
        and vital.map(_died_of).eq(Event.EVENT).any()
    ):
        died_of = vocabulary.event(Endpoint.DSS, vital, evident=_died_of)
        recorded.endpoints[Endpoint.DSS] = (recorded.endpoints[Endpoint.OS][0].where(died_of.notna()), died_of)
    return recorded


def _died_of(vital: object) -> str | None:
    """event for a death of the disease, censored for another cause of death or a living patient."""
    word = str(vital).lower()
    return {"died of disease": "event", "died of other causes": "censored"}.get(
        word, "censored" if _alive(word) == "alive" else None
    )


def _alive(vital: str | None) -> str | None:
    """alive or dead, to find deaths of patients who are recorded alive."""
    word = (vital or "").lower()
    if word in ("living", "alive"):
        return "alive"
    return "dead" if word.startswith(("dead", "deceased", "died")) else None
