"""Clinical records of GDC's TCGA projects, put into the study's slots.

In scope: which GDC field, biotab field or curated endpoint is read for which slot. Out of scope: spellings
(clinical_words), which endpoints are impossible (endpoints), fetching (sources/gdc).

Overall survival is the API's, which changes with the releases; disease-specific survival and the progression-free
interval are TCGA-CDR's where it was fetched (Liu et al. 2018, 10.1016/j.cell.2018.02.052), as the API does not curate
them.
"""

from __future__ import annotations

import pandas as pd

from hnbc_assets.science.cohorts.clinical_words import Recorded, column, first_column, text
from hnbc_assets.science.cohorts.vocabulary import Vocabulary
from hnbc_assets.vocabulary import Endpoint

CHEMOTHERAPY = (
    "chemotherapy",
    *("cyclophosphamide", "doxorubicin", "epirubicin", "mitoxantrone", "paclitaxel", "docetaxel", "fluorouracil"),
    *(
        "methotrexate",
        "capecitabine",
        "gemcitabine",
        "carboplatin",
        "cisplatin",
        "vinorelbine",
        "ixabepilone",
        "eribulin",
    ),
)


def record(clinical: pd.DataFrame, vocabulary: Vocabulary) -> Recorded:
    """Slots of GDC's clinical frame (index 12-character barcode)."""
    recorded = Recorded(clinical.index)
    site = column(clinical, "tissue_source_site")
    recorded.slots = {
        "age_years": column(clinical, "age_at_index"),
        "sex": column(clinical, "sex"),
        "menopause": first_column(clinical, "biotab_menopause_status", "menopause_status"),
        "stage": column(clinical, "ajcc_pathologic_stage"),
        "t_stage": column(clinical, "ajcc_pathologic_t"),
        "n_stage": column(clinical, "ajcc_pathologic_n"),
        "m_stage": column(clinical, "ajcc_pathologic_m"),
        "er_status": column(clinical, "biotab_er_status_by_ihc"),
        "pr_status": column(clinical, "biotab_pr_status_by_ihc"),
        "site": site.where(site.notna(), clinical.index.to_series().str.split("-").str[1]),
        "chemotherapy": column(clinical, "treatments").map(_chemotherapy),
    }
    recorded.her2_tests = (
        column(clinical, "biotab_her2_status_by_ihc"),
        column(clinical, "biotab_her2_ihc_score"),
        column(clinical, "biotab_her2_fish_status"),
    )
    died = vocabulary.event(Endpoint.OS, column(clinical, "vital_status"))
    recorded.vital_status = died.map({1.0: "dead", 0.0: "alive"})
    recorded.endpoints = {
        Endpoint.OS: (_overall_survival(clinical, died), died),
        Endpoint.PFI: _progression(clinical, vocabulary),
    }
    if "cdr_dss" in clinical:
        recorded.endpoints[Endpoint.DSS] = (_number(clinical, "cdr_dss_time"), _number(clinical, "cdr_dss"))
    return recorded


def _overall_survival(clinical: pd.DataFrame, died: pd.Series) -> pd.Series:
    """Days to death for the dead; the longest follow-up recorded for the living."""
    last = pd.concat([_number(clinical, "days_to_last_follow_up"), _number(clinical, "days_to_follow_up")], axis=1)
    return _number(clinical, "days_to_death").where(died.eq(1), last.max(axis=1)).where(died.notna())


def _progression(clinical: pd.DataFrame, vocabulary: Vocabulary) -> tuple[pd.Series, pd.Series]:
    """TCGA-CDR's progression-free interval; for patients that it lacks, the API's progression or recurrence."""
    event = vocabulary.event(Endpoint.PFI, column(clinical, "progression_or_recurrence"))
    last = pd.concat(
        [_number(clinical, f"days_to_{what}") for what in ("last_follow_up", "follow_up", "death")], axis=1
    )
    days = _number(clinical, "days_to_progression").where(event.eq(1), last.max(axis=1)).where(event.notna())
    if "cdr_pfi" not in clinical:
        return days, event
    curated_days, curated_event = _number(clinical, "cdr_pfi_time"), _number(clinical, "cdr_pfi")
    curated = curated_event.notna() | curated_days.notna()
    return curated_days.where(curated, days), curated_event.where(curated, event)


def _chemotherapy(treatments: object) -> str | None:
    """yes where chemotherapy or a cytotoxic agent is listed; a list without one does not mean no."""
    listed = (text(treatments) or "").lower()
    return "yes" if any(word in listed for word in CHEMOTHERAPY) else None


def _number(clinical: pd.DataFrame, name: str) -> pd.Series:
    return pd.to_numeric(column(clinical, name), errors="coerce").astype(float)
