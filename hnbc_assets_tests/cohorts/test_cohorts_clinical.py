"""Patients: each source's records in the study's columns, inclusion, roles, and the row that describes a cohort."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.errors import CohortUnusable, StudyError
from hnbc_assets.science.cohorts import clinical_words as words
from hnbc_assets.science.cohorts.clinical import COLUMNS, harmonise_clinical
from hnbc_assets.science.cohorts.description import describe_cohort
from hnbc_assets.science.cohorts.inclusion import decide_inclusion, require_role
from hnbc_assets_tests.cohorts.clinical_records import records

GDC = records(
    ["TCGA-A1-A001", "TCGA-B2-A002", "TCGA-C3-A003", "TCGA-D4-A004"],
    vital_status=["Dead", "Alive", "Not Reported", None],
    days_to_death=[900, None, None, None],
    days_to_last_follow_up=[None, 100, 50, None],
    days_to_follow_up=[800, 400, None, None],
    days_to_progression=[300, None, None, None],
    progression_or_recurrence=["yes", "no", None, None],
    age_at_index=[50, 61, 70, None],
    sex=["female", "male", "not reported", None],
    ajcc_pathologic_stage=["Stage IIA", "Stage IV", "Stage X", None],
    biotab_her2_status_by_ihc=["Negative", "Negative", "Positive", None],
    biotab_her2_ihc_score=["1+", "0", "[Not Available]", None],
    biotab_her2_fish_status=[None, None, "Negative", None],
    treatments=["Radiation Therapy, NOS; Paclitaxel", "Tamoxifen", None, None],
)
GEO = records(
    ["GSM1", "GSM2", "GSM3"],
    age_years=["46.0", "NA", "51"],
    er_status_ihc=["P", "N", "I"],
    her2_status=["N", "N", "P"],
    pathologic_response_pcr_rd=["RD", "pCR", "NA"],
    drfs_1_event_0_censored=["1", "0", "0"],
    drfs_even_time_years=["2", "5.5520", "1"],
    pam50_class=["LumA", "Normal", "Basal"],
    clinical_t_stage=["T2", "T4", None],
)


def test_gdc_survival_is_death_or_the_longest_follow_up():
    patients = harmonise_clinical("gdc", GDC, exclude_stage_iv_from_progression=False).patients.set_index("patient_id")
    assert patients["os_days"].tolist()[:2] == [900, 400]
    assert patients["os_event"].tolist()[:2] == [True, False]
    assert patients["os_days"].isna().tolist()[2:] == [True, True]
    assert patients["pfi_days"].tolist()[:2] == [300, 400]
    assert patients["pfi_event"].tolist()[:2] == [True, False]
    assert patients["dss_days"].isna().all()
    assert patients["chemotherapy"].tolist() == ["yes", None, None, None]
    assert patients["site"].tolist() == ["A1", "B2", "C3", "D4"]


def test_the_curated_endpoint_is_preferred_and_the_api_fills_its_gaps():
    curated = GDC.assign(cdr_pfi=[0, 1, None, None], cdr_pfi_time=[850, 20, None, None], cdr_dss=0, cdr_dss_time=900)
    curated.loc["TCGA-C3-A003", ["progression_or_recurrence", "days_to_progression"]] = ["yes", 33]
    patients = harmonise_clinical("gdc", curated, exclude_stage_iv_from_progression=False).patients
    assert patients["pfi_days"].tolist()[:3] == [850, 20, 33]
    assert patients["pfi_event"].tolist()[:3] == [False, True, True]
    assert patients["dss_days"].tolist() == [900] * 4


def test_every_record_is_kept_and_exclusions_have_a_reason():
    patients = harmonise_clinical("gdc", GDC, cohort_id="gdc", exclude_males=True).patients
    assert list(patients.columns) == ["cohort_id", *COLUMNS]
    decided = decide_inclusion(patients, {"TCGA-A1-A001", "TCGA-B2-A002"})
    assert decided["included"].tolist() == [True, False, False, False]
    assert decided["exclusion_reason"].tolist() == [
        None,
        "male",
        "HER2 discordant (ihc_positive_ish_negative); no expression",
        "HER2 indeterminate (no_informative_test); no expression",
    ]
    assert decided["endpoint_exclusions"][1] == "pfi: stage IV"
    kept = decide_inclusion(harmonise_clinical("gdc", GDC).patients, set(GDC.index))
    assert kept["included"].tolist() == [True, True, False, False]


def test_geo_characteristics_fill_the_columns_of_patients():
    patients = harmonise_clinical("named", GEO, chemotherapy="taxane and anthracycline").patients
    assert patients["age_years"].tolist()[0] == 46
    assert np.isnan(patients["age_years"][1])
    assert patients["er_status"].tolist() == ["positive", "negative", "indeterminate"]
    assert patients["response"].tolist() == ["RD", "pCR", None]
    assert patients["drfs_days"].tolist() == [730.5, 5.552 * 365.25, 365.25]
    assert patients["drfs_event"].tolist() == [True, False, False]
    assert patients["chemotherapy"].unique().tolist() == ["taxane and anthracycline"]
    assert patients["t_stage"].tolist() == ["T2", "T4", None]
    assert patients["her2_rule"].unique().tolist() == ["reported_status"]


def test_unusual_column_names_are_named_by_the_study():
    table = records(["p1", "p2"], Years=["50", "60"], months=["12", "24"], died=["yes", "no"], HER2=["neg", "pos"])
    columns = {"age_years": "Years", "os_months": "months", "os_event": "died"}
    patients = harmonise_clinical("named", table, columns=columns).patients
    assert patients["os_days"].tolist() == [365.25, 730.5]
    assert patients["os_event"].tolist() == [True, False]
    assert patients["her2_status"].tolist() == ["negative", "positive"]
    with pytest.raises(StudyError, match="no column 'Jahre'"):
        harmonise_clinical("named", table, columns={"age_years": "Jahre"})
    with pytest.raises(StudyError, match="'weight' is not a slot"):
        harmonise_clinical("named", table, columns={"weight": "Years"})


def test_what_patients_died_of_is_metabrics_disease_specific_survival():
    clinical = records(
        ["MB-1", "MB-2", "MB-3"],
        OS_MONTHS=["12", "24", "36"],
        OS_STATUS=["DECEASED", "DECEASED", "LIVING"],
        VITAL_STATUS=["Died of Disease", "Died of Other Causes", "Living"],
        HER2_STATUS=["-", "+", None],
        CLAUDIN_SUBTYPE=["claudin-low", "NC", "LumB"],
        TUMOR_STAGE=["2.0", "0.0", None],
    )
    patients = harmonise_clinical("cbioportal", clinical).patients
    assert patients["os_event"].tolist() == [True, True, False]
    assert patients["dss_event"].tolist() == [True, False, False]
    assert patients["pam50"].tolist() == ["claudin-low", None, "LumB"]
    assert patients["stage"].tolist() == ["II", "0", None]
    assert patients["her2_status"].tolist() == ["negative", "positive", "indeterminate"]


@pytest.mark.parametrize(
    ("function", "given", "expected"),
    [
        (words.tnm, "N0 (I+)", "N0(i+)"),
        (words.tnm, "CM0 (I+)", "cM0(i+)"),
        (words.tnm, "t1C", "T1c"),
        (words.tnm, "N1MI", "N1mi"),
        (words.tnm, "MX", None),
        (words.stage, "Stage IIIA", "IIIA"),
        (words.stage, "Stage X", None),
        (words.subtype, "BRCA_LumA", "LumA"),
        (words.menopause, "peri (6-12 months since last menstrual period)", "peri"),
        (words.menopause, "indeterminate (neither pre or postmenopausal)", None),
        (words.event, "0:ALIVE OR DEAD TUMOR FREE", "censored"),
        (words.event, "1:DECEASED", "event"),
        (words.event, "LIVING", "censored"),
        (words.event, "unknown", None),
    ],
)
def test_many_spellings_have_one_meaning(function, given, expected):
    assert function(given) == expected


def test_a_cohort_that_lacks_a_requirement_of_its_role_names_it():
    patients = decide_inclusion(harmonise_clinical("named", GEO).patients, set(GEO.index))
    genes = pd.DataFrame(0.0, index=["A"], columns=GEO.index)
    with pytest.raises(CohortUnusable, match=r"x must find .* 1 pCR and 1 RD among 2 .*cohorts\.x\.columns\.response"):
        require_role(patients, genes, "discovery", None, cohort_id="x", min_events=20)
    with pytest.raises(CohortUnusable, match=r"1 events among 2 patients \(at least 2, signature\.min_events\)"):
        require_role(patients, genes, "training", "drfs", cohort_id="x", min_events=2)
    with pytest.raises(CohortUnusable, match=r"0 events .* \(at least 1\)"):
        require_role(patients, genes, "validation", "os", cohort_id="x", min_events=20)
    with pytest.raises(CohortUnusable, match="no gene"):
        require_role(patients, genes.iloc[:0], "descriptive", None, cohort_id="x", min_events=20)
    with pytest.raises(CohortUnusable, match="no HER2-negative patient"):
        require_role(patients.assign(included=False), genes, "descriptive", None, cohort_id="x", min_events=20)


def test_a_role_needs_the_events_that_the_study_requires_and_no_others():
    patients = decide_inclusion(harmonise_clinical("named", GEO).patients, set(GEO.index))
    genes = pd.DataFrame(0.0, index=["A"], columns=GEO.index)
    require_role(patients, genes, "training", "drfs", cohort_id="x", min_events=1)
    require_role(patients, genes, "validation", "drfs", cohort_id="x", min_events=20)


def test_repeated_and_missing_records_are_refused():
    with pytest.raises(CohortUnusable, match="GSM1 has two records"):
        harmonise_clinical("named", pd.concat([GEO, GEO.iloc[:1]]))
    with pytest.raises(CohortUnusable, match="no clinical record"):
        harmonise_clinical("named", GEO.iloc[:0])
    with pytest.raises(StudyError, match="'xena'"):
        harmonise_clinical("xena", GEO)


def test_a_cohort_is_described_by_counts_that_can_be_recounted():
    zero = GEO.assign(drfs_even_time_years=["2", "0", "1"])
    patients = decide_inclusion(harmonise_clinical("named", zero).patients, {"GSM1", "GSM2"})
    row = describe_cohort(
        patients,
        pd.DataFrame(0.0, index=["A", "B"], columns=["GSM1", "GSM2"]),
        cohort_id="x",
        source="GEO",
        role="validation",
        release="r",
        expression_scale="zscore",
        endpoint="drfs",
        time_origin="diagnosis",
    ).iloc[0]
    counts = ["n_patients", "n_with_expression", "n_her2_negative", "n_included", "n_genes", "n_evaluable", "n_events"]
    assert row[counts].tolist() == [3, 2, 2, 2, 2, 1, 1]
    assert row[["n_zero_time", "n_responders", "n_non_responders"]].tolist() == [1, 1, 1]
    assert np.isnan(row["median_follow_up_days"])
