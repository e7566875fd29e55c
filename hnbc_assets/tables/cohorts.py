"""Tables of the cohorts stage: which cohorts, which patients, which of their samples.

In scope: descriptions of columns. Out of scope: how they are filled (science/cohorts).
"""

from __future__ import annotations

from hnbc_assets.tables.schema import Table, column
from hnbc_assets.vocabulary import Her2Score, Her2Status, Her2Test, Receptor, Response, Role, Scale

STAGE_GROUPS = ("0", "I", "II", "III", "IV")
STAGES = ("0", *(group + part for group in STAGE_GROUPS[1:] for part in ("", "A", "B", "C")))
SUBTYPES = ("LumA", "LumB", "Her2", "Basal", "Normal", "claudin-low")
UNDERSTOOD_BY = ("evident", "study", "r_convention", "says nothing", "taken as missing", "implausible")


class Cohorts(Table):
    """A cohort of the study: its source, its role, and its numbers of patients, genes and events."""

    key = ("cohort_id",)
    cohort_id: str = column("the cohort's name in the study")
    source: str = column("host format and accession; begins with SIMULATED when the data are simulated")
    role: str = column("what the study uses it for", isin=Role)
    release: str = column("the upstream's own release or last update date")
    expression_scale: str = column("scale of the harmonised expression values", isin=Scale)
    n_patients: int = column("patients with a clinical record", unit="patients", ge=0)
    n_with_expression: int = column("patients with a chosen expression sample", unit="patients", ge=0)
    n_her2_negative: int = column("HER2-negative patients, with or without expression", unit="patients", ge=0)
    n_included: int = column("patients included in the analysis", unit="patients", ge=0)
    n_genes: int = column("genes after probes and duplicated symbols were resolved", unit="genes", ge=0)
    endpoint: str = column("survival endpoint that the study uses here", nullable=True)
    n_evaluable: int = column("included patients with a usable endpoint", unit="patients", ge=0)
    n_events: int = column("events among them", unit="events", nullable=True, ge=0)
    median_follow_up_days: float = column(
        "median follow-up of the included patients, by reverse Kaplan–Meier", unit="days", nullable=True, ge=0
    )
    time_origin: str = column("event from which time is counted", nullable=True)
    n_zero_time: int = column("included patients whose endpoint was dropped for a time of zero", unit="patients", ge=0)
    n_responders: int = column("included patients with pathological complete response", unit="patients", ge=0)
    n_non_responders: int = column("included patients with residual disease", unit="patients", ge=0)
    scaled_with: str = column("cohorts whose values were scaled together with those of this one", nullable=True)
    caution: str = column("caveat for this cohort's results", nullable=True)


class Patients(Table):
    """A patient of a cohort: every clinical record, with or without expression."""

    key = ("cohort_id", "patient_id")
    cohort_id: str = column("the cohort's name in the study")
    patient_id: str = column("the upstream's patient identifier; TCGA: the 12-character barcode")
    age_years: float = column("age at diagnosis", unit="years", nullable=True, ge=0, le=120)
    sex: str = column("female or male", nullable=True, isin=("female", "male"))
    menopause: str = column("menopausal state", nullable=True, isin=("pre", "peri", "post"))
    stage: str = column(
        "stage (AJCC) as the source gives it, pathological where it says so; subdivisions A to C",
        nullable=True,
        isin=STAGES,
    )
    stage_group: str = column("stage without its subdivision", nullable=True, isin=STAGE_GROUPS)
    t_stage: str = column("pathological T", nullable=True)
    n_stage: str = column("pathological N", nullable=True)
    m_stage: str = column("pathological M", nullable=True)
    er_status: str = column(
        "oestrogen receptor, by immunohistochemistry where the source has that", nullable=True, isin=Receptor
    )
    pr_status: str = column(
        "progesterone receptor, by immunohistochemistry where the source has that", nullable=True, isin=Receptor
    )
    her2_ihc: str = column("HER2 by immunohistochemistry as reported in words", nullable=True, isin=Her2Test)
    her2_ihc_score: str = column("HER2 immunohistochemistry score", nullable=True, isin=Her2Score)
    her2_fish: str = column("HER2 by in-situ hybridisation as reported", nullable=True, isin=Her2Test)
    her2_status: str = column("HER2 by the study's rule", isin=Her2Status)
    her2_rule: str = column("the rule that decided")
    her2_asco_cap: str = column("HER2 by the plain ASCO/CAP reading", nullable=True, isin=Her2Test)
    her2_low: bool = column("1+, or 2+ with negative ISH; null without a score", nullable=True)
    pam50: str = column("intrinsic subtype as reported", nullable=True, isin=SUBTYPES)
    site: str = column("tissue source site or centre", nullable=True)
    chemotherapy: str = column("chemotherapy as reported or as the cohort's protocol gives it", nullable=True)
    os_days: float = column("overall survival time", unit="days", nullable=True, gt=0, le=36525)
    os_event: bool = column("died", nullable=True)
    dss_days: float = column("disease-specific survival time", unit="days", nullable=True, gt=0, le=36525)
    dss_event: bool = column("died of the disease", nullable=True)
    pfi_days: float = column("progression-free interval", unit="days", nullable=True, gt=0, le=36525)
    pfi_event: bool = column("progressed, recurred or died of the disease", nullable=True)
    drfs_days: float = column("distant relapse-free survival time", unit="days", nullable=True, gt=0, le=36525)
    drfs_event: bool = column("distant relapse or death", nullable=True)
    endpoint_exclusions: str = column("endpoints set to null, each with its reason", nullable=True)
    response: str = column("response to neoadjuvant chemotherapy", nullable=True, isin=Response)
    included: bool = column("HER2-negative by the rule, with expression: part of the analysis")
    exclusion_reason: str = column("why not included", nullable=True)


class IncludedPatients(Table):
    """A patient who enters the analysis: HER2-negative by the rule, with expression."""

    key = ("cohort_id", "patient_id")
    cohort_id: str = column("the cohort's name in the study")
    patient_id: str = column("the upstream's identifier; a 12-character barcode for TCGA")


class Samples(Table):
    """An expression sample (aliquot) of a patient, and whether and why it was chosen."""

    key = ("cohort_id", "sample_id")
    cohort_id: str = column("the cohort's name in the study")
    sample_id: str = column("the upstream's sample or aliquot identifier")
    patient_id: str = column("the patient it was taken from")
    sample_type: str = column("tissue", isin=("primary", "normal", "metastatic", "recurrent", "other"))
    file_id: str = column("raw file that its values were read from (raw_files.file_id)", nullable=True)
    selected: bool = column("the one sample that represents its patient")
    reason: str = column("the rule that selected or rejected it")


class GeneMappings(Table):
    """How a cohort's gene was made from the upstream's features: a gene made from several, or a lost feature."""

    key = ("cohort_id", "gene", "rule")
    cohort_id: str = column("the cohort's name in the study")
    gene: str = column("HGNC symbol used", nullable=True)
    n_features: int = column("probes or rows that carry the symbol", unit="features", ge=0)
    rule: str = column("how they were resolved, or why they were dropped")
    upstream_symbols: str = column("outdated or damaged symbols that they carried", nullable=True)


class ClinicalValues(Table):
    """A value of a cohort's clinical records, how often it occurs, and how it was understood.

    Every word is listed; of the numbers, only those that cannot be used.
    """

    key = ("cohort_id", "column_name", "upstream_column", "value")
    cohort_id: str = column("the cohort's name in the study")
    column_name: str = column("the column of patients that it is used for")
    upstream_column: str = column("upstream column, or several columns, the first with a value being used")
    value: str = column("as upstream writes it")
    n_patients: int = column("clinical records with it", unit="patients", ge=1)
    meaning: str = column("its interpretation; null where it counts as missing", nullable=True)
    understood_by: str = column(
        "how: evident words, the study's own mapping, R's convention for events (1 censored, 2 event); or why it "
        "counts as missing",
        isin=UNDERSTOOD_BY,
    )


class SharedPatients(Table):
    """Whether two cohorts of the study have patients in common, by id and by expression profile."""

    key = ("cohort_a", "cohort_b")
    cohort_a: str = column("one cohort")
    cohort_b: str = column("another")
    n_shared_ids: int = column(
        "patient ids in both; null where ids are mere numbers and identify nobody", unit="patients", nullable=True, ge=0
    )
    n_similar_profiles: int = column(
        "patients of the first with a near-identical profile in the second; null with too few common genes",
        unit="patients",
        nullable=True,
        ge=0,
    )
    n_common_genes: int = column("genes compared", unit="genes", ge=0)
