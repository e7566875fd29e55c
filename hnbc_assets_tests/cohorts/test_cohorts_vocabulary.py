"""Vocabulary: a value that is not understood stops its cohort, and the message says how to map it; all are recorded."""

from __future__ import annotations

import pandas as pd
import pytest

from hnbc_assets.errors import StudyError
from hnbc_assets.science.cohorts.clinical import harmonise_clinical
from hnbc_assets.science.cohorts.inclusion import decide_inclusion
from hnbc_assets.science.cohorts.vocabulary import COLUMNS, Mappings, Vocabulary
from hnbc_assets.study_reading import read
from hnbc_assets.study_sources import Cohort
from hnbc_assets.tables.cohorts import ClinicalValues, Patients
from hnbc_assets_tests.cohorts.clinical_records import records

TABLE = {"kind": "table", "expression": "x.csv", "clinical": "c.csv"}


def words(*values, name=None):
    return pd.Series(values, index=[f"p{n}" for n in range(len(values))], name=name, dtype=object)


def mappings(**settings):
    """Mappings as in the study file."""
    cohort = Cohort(role="descriptive", source=TABLE, expression_scale="log2_tpm", **settings)
    return Mappings(**{name: getattr(cohort, name) for name in settings})


def test_events_coded_one_and_two_are_read_as_in_r_and_recorded_as_such():
    vocabulary = Vocabulary("mine")
    event = vocabulary.event("os", words("1", "2", "NA", "2.0", None, "1", name="status"))
    assert event.dropna().tolist() == [0, 1, 1, 0]
    rows = vocabulary.values().set_index("value")
    assert rows.loc[["1", "2"], "understood_by"].tolist() == ["r_convention"] * 2
    assert rows.loc["1", "meaning"] == "censored"
    assert rows.loc["1", "n_patients"] == 2
    assert rows.loc["NA", ["meaning", "understood_by"]].tolist() == [None, "says nothing"]


@pytest.mark.parametrize(
    "codes", [("1", "2", "0"), ("2", "2"), ("1", "-1"), ("1", "9"), ("1", "2", "9"), ("Tot", "Lebt"), ("1", "yes", "2")]
)
def test_ambiguous_event_codes_stop_the_cohort(codes):
    with pytest.raises(StudyError, match=r"mine: 'status' has values .*cohorts\.mine\.event_values: \{os: \{"):
        Vocabulary("mine").event("os", words(*codes, name="status"))


@pytest.mark.parametrize(
    ("codes", "expected"),
    [(("0", "1"), [0, 1]), (("1", "1"), [1, 1]), (("0.0", "1.0"), [0, 1]), (("TRUE", "false"), [1, 0])],
)
def test_event_codes_with_one_meaning_are_understood(codes, expected):
    assert Vocabulary("mine").event("os", words(*codes)).tolist() == expected


def test_the_error_names_values_counts_and_the_line_to_write():
    clinical = records(os_days=["10", "20", "30", "40"], os_event=["Tot", "Lebt", "Tot", "unknown"])
    with pytest.raises(StudyError) as raised:
        harmonise_clinical("named", clinical, cohort_id="mine")
    message = str(raised.value)
    assert (
        "mine: 'os_event' has values that are not understood for os_event: 'Tot' in 2 patients, 'Lebt' in 1" in message
    )
    assert "cohorts.mine.event_values: {os: {Tot: …, Lebt: …}} (each event, censored or missing)" in message


def test_evident_meanings_are_suggested_and_those_of_unknown_numeric_codes_are_not():
    with pytest.raises(StudyError, match=r"\{positive: positive, negative: negative, strong: …\}"):
        Vocabulary("x").er(words("positive", "positive", "positive", "negative", "negative", "strong"))
    with pytest.raises(StudyError, match=r'\{os: \{"1": …, "9": …\}\}'):
        Vocabulary("x").event("os", words("1", "1", "9"))


@pytest.mark.parametrize(
    ("column", "values", "setting"),
    [
        ("response", ["CR", "PR"], "response_values"),
        ("er_status", ["P", "8"], "er_values"),
        ("pr_status", ["present", "absent"], "pr_values"),
        ("her2_status", ["0", "1"], "her2_values"),
        ("her2_ihc", ["Positive", "amp?"], "her2_values"),
        ("her2_fish", ["Negative", "2.1"], "her2_values"),
        ("her2_ihc_score", ["1+", "4"], "her2_score_values"),
    ],
)
def test_values_that_are_not_understood_stop_the_cohort_in_every_strict_column(column, values, setting):
    with pytest.raises(StudyError, match=rf"mine: '{column}' has values .* cohorts\.mine\.{setting}: {{"):
        harmonise_clinical("named", records(**{column: values}), cohort_id="mine")


def test_the_studys_mapping_replaces_the_evident_words():
    clinical = records(
        os_days=["10", "20", "30"],
        os_event=["1", "0", "5"],
        drfs_days=["10", "20", "30"],
        drfs_event=["1", "2", "2"],
        er=["0", "1", "low"],
        pr=["N", "n", "P"],
        her2=["0", "1", "2.0"],
        response=["CR", "PR", "PD"],
    )
    patients = harmonise_clinical(
        "named",
        clinical,
        mappings=mappings(
            event_values={"os": {"1": "censored", "0": "event", "5": "missing"}},
            er_values={"0": "positive", "1": "negative", "LOW": "missing"},
            pr_values={"N": "positive", "n": "negative", "P": "indeterminate"},
            her2_values={"0": "negative", "1": "positive", "2": "equivocal"},
            response_values={"CR": "pCR", "PR": "RD", "PD": "RD"},
        ),
    ).patients
    assert patients["os_event"].tolist() == [False, True, pd.NA]
    assert patients["drfs_event"].tolist() == [False, True, True]
    assert patients["er_status"].tolist() == ["positive", "negative", None]
    assert patients["pr_status"].tolist() == ["positive", "negative", "indeterminate"]
    assert patients["her2_status"].tolist() == ["negative", "positive", "indeterminate"]
    assert patients["response"].tolist() == ["pCR", "RD", "RD"]


def test_a_mapping_that_leaves_out_a_value_stops_and_one_with_more_does_not():
    with pytest.raises(StudyError, match=r"values that are not in cohorts\.mine\.er_values: 'N' in 2 patients"):
        Vocabulary("mine", mappings(er_values={"P": "positive"})).er(words("P", "N", "N", "NA"))
    more = Vocabulary("mine", mappings(er_values={"P": "positive", "N": "negative", "I": "indeterminate"}))
    assert more.er(words("P", "N", "NA")).tolist() == ["positive", "negative", None]


def test_a_word_for_missing_has_the_meaning_that_the_study_gives_it():
    vocabulary = Vocabulary("mine", mappings(event_values={"drfs": {"none": "censored", "Distant": "event"}}))
    events = vocabulary.event("drfs", words("None", "Distant", "none", "NA", None))
    assert events.tolist()[:3] == [0.0, 1.0, 0.0]
    assert events.isna().tolist() == [False, False, False, True, True]
    found = vocabulary.values().set_index("value")
    assert found.understood_by.to_dict() == {"None": "study", "none": "study", "Distant": "study", "NA": "says nothing"}


def test_keys_that_yaml_reads_as_numbers_or_booleans_are_the_words_of_the_file(tmp_path):
    file = tmp_path / "study.yaml"
    file.write_text("{event_values: {os: {yes: event, no: censored, 9: missing}}, her2_score_values: {4: 3}}")
    understood = mappings(**read(file).root.plain)
    event = Vocabulary("mine", understood).event("os", words("Yes", "no", "9", "9.0"))
    assert event.isna().tolist() == [False, False, True, True]
    assert event.tolist()[:2] == [1, 0]
    assert understood.her2_score_values == {"4": "3+"}


def test_a_mapping_to_another_meaning_is_refused_with_the_study():
    with pytest.raises(ValueError, match="event_values"):
        mappings(event_values={"os": {"1": "dead"}})
    with pytest.raises(ValueError, match="er_values"):
        mappings(er_values={"1": "yes"})


def test_metabrics_spelling_is_understood_and_immunohistochemistry_comes_first():
    clinical = records(ER_IHC=["Positve", "Negative", None], ER_STATUS=["Negative", "Negative", "Positive"])
    made = harmonise_clinical("cbioportal", clinical)
    assert made.patients["er_status"].tolist() == ["positive", "negative", "positive"]
    assert set(made.values["upstream_column"]) == {"ER_IHC, ER_STATUS"}


def test_a_vital_status_of_gdc_that_is_not_understood_stops_the_cohort_and_can_be_mapped():
    clinical = records(vital_status=["Alive", "Perished"], days_to_death=[None, 100], days_to_follow_up=[50, None])
    with pytest.raises(
        StudyError, match=r"'vital_status' has values .* 'Perished' in 1 .*\{os: \{Alive: censored, Per"
    ):
        harmonise_clinical("gdc", clinical, cohort_id="tcga")
    given = mappings(event_values={"os": {"Alive": "censored", "Perished": "event"}})
    patients = harmonise_clinical("gdc", clinical, mappings=given).patients
    assert patients["os_days"].tolist() == [50, 100]
    assert patients["os_event"].tolist() == [False, True]


def test_every_value_is_recorded_with_how_it_was_understood():
    clinical = records(er=["P", "N", "[Not Evaluated]"], stage=["IIA", "Stage X", "IIA"], pam50=["LumA", "Foo", None])
    rows = harmonise_clinical("named", clinical, cohort_id="mine").values
    assert list(rows) == ["cohort_id", *COLUMNS]
    recorded = {(r.column_name, r.value): (r.n_patients, r.meaning, r.understood_by) for r in rows.itertuples()}
    assert recorded == {
        ("er_status", "P"): (1, "positive", "evident"),
        ("er_status", "N"): (1, "negative", "evident"),
        ("er_status", "[Not Evaluated]"): (1, None, "says nothing"),
        ("stage", "IIA"): (2, "IIA", "evident"),
        ("stage", "Stage X"): (1, None, "taken as missing"),
        ("pam50", "LumA"): (1, "LumA", "evident"),
        ("pam50", "Foo"): (1, None, "taken as missing"),
    }


def test_a_stage_without_its_subdivision_is_its_group():
    patients = harmonise_clinical("named", records(stage=["IIA", "Stage IIIC", "0", "IV", "X"])).patients
    assert patients["stage"].tolist() == ["IIA", "IIIC", "0", "IV", None]
    assert patients["stage_group"].tolist() == ["II", "III", "0", "IV", None]


def test_times_in_another_unit_than_their_name_stop_the_cohort():
    years = [str(n / 2) for n in range(1, 21)]
    died = ["1", "0"] * 10
    with pytest.raises(
        StudyError,
        match=r"'os_days' was read as os in days, but the longest of 20 times is 10 days.*"
        r"cohorts\.mine\.columns: os_months or os_years: os_days",
    ):
        harmonise_clinical("named", records(os_days=years, os_event=died), cohort_id="mine")
    days = [str(300 * n) for n in range(1, 21)]
    with pytest.raises(StudyError, match=r"read as os in months, but 16 of 20 times are over 100 years"):
        harmonise_clinical("named", records(os_months=days, os_event=died), cohort_id="mine")
    kept = harmonise_clinical("named", records(os_days=days, os_event=died)).patients
    assert kept["os_days"].notna().all()


def test_implausible_ages_are_missing_and_recorded_and_do_not_stop_the_cohort():
    ages = ["-1", "0", "46.5", "120", "121", "17000", "121", "inf", "51 y", "NA", None]
    made = harmonise_clinical("named", records(age=ages), cohort_id="mine")
    assert made.patients["age_years"].dropna().tolist() == [0, 46.5, 120]
    recorded = {
        (r.column_name, r.upstream_column, r.value): (r.n_patients, r.understood_by) for r in made.values.itertuples()
    }
    assert recorded == {
        ("age_years", "age", "121"): (2, "implausible"),
        ("age_years", "age", "-1"): (1, "implausible"),
        ("age_years", "age", "17000"): (1, "implausible"),
        ("age_years", "age", "inf"): (1, "implausible"),
        ("age_years", "age", "51 y"): (1, "taken as missing"),
    }
    assert ClinicalValues.problems(ClinicalValues.conform(made.values)).empty
    decided = decide_inclusion(made.patients, set(made.patients["patient_id"]))
    assert Patients.problems(Patients.conform(decided)).empty


def test_implausible_times_are_left_out_with_their_reason():
    times = ["1e308", "1e-320", "-5", "inf", "nan", "0.3", "1", "36525", "12 mo", "NA", "0"]
    clinical = records(os_days=times, os_event=["1"] * len(times))
    patients = harmonise_clinical("named", clinical.iloc[:9]).patients
    assert patients["endpoint_exclusions"].tolist() == [
        "os: time is over 100 years",
        "os: time is under half a day",
        "os: time is negative",
        "os: time is over 100 years",
        "os: death without time",
        "os: time is under half a day",
        None,
        None,
        "os: time is not a number (12 mo)",
    ]
    assert patients["os_days"].dropna().tolist() == [1, 36525]
