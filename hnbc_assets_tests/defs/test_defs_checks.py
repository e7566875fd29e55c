"""Scientific checks: each passes on what is right and fails on what it is there for."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.defs.checks import results as checks
from hnbc_assets.defs.stage import Check
from hnbc_assets.science.cohorts.vocabulary import Vocabulary


def test_a_patient_with_two_chosen_samples_or_a_normal_one_fails():
    samples = pd.DataFrame({
        "sample_id": ["a", "b", "c"], "patient_id": ["1", "1", "2"], "sample_type": "primary",
        "selected": [True, False, True], "reason": "the only primary aliquot",
    })  # fmt: skip
    assert checks.one_sample_a_patient(samples).passed
    assert not checks.one_sample_a_patient(samples.assign(selected=True)).passed
    assert not checks.one_sample_a_patient(samples.assign(sample_type="normal")).passed
    assert not checks.one_sample_a_patient(samples.assign(reason=None)).passed


def test_events_coded_one_and_two_are_reported_with_the_line_that_confirms_them():
    vocabulary = Vocabulary("mine")
    vocabulary.event("os", pd.Series(["1", "2", "2"], name="status"))
    vocabulary.event("pfi", pd.Series(["0", "1", "1"], name="relapse"))
    outcome = checks.event_codes_plain(vocabulary.values(), "mine")
    assert not outcome.passed
    assert outcome.value == "os_event (status): 1 is censored in 1 patients, 2 is an event in 2"
    assert "cohorts.mine.event_values: {os: {1: censored, 2: event}}" in outcome.description
    assert checks.event_codes_plain(vocabulary.values().query("column_name == 'pfi_event'"), "mine").passed


def test_event_codes_written_with_decimals_are_counted():
    vocabulary = Vocabulary("mine")
    vocabulary.event("os", pd.Series(["1.0", "2.0", "2"], name="status"))
    outcome = checks.event_codes_plain(vocabulary.values(), "mine")
    assert outcome.value == "os_event (status): 1 is censored in 1 patients, 2 is an event in 2"


def test_ages_in_another_unit_are_reported():
    vocabulary = Vocabulary("mine")
    vocabulary.number("age_years", pd.Series(["17000", "21500", "45"], name="age"), 0, 120)
    outcome = checks.values_plausible(vocabulary.values())
    assert not outcome.passed
    assert outcome.value == "age_years (age): 2 values, such as 17000"
    vocabulary = Vocabulary("mine")
    vocabulary.number("age_years", pd.Series(["45", "NA"], name="age"), 0, 120)
    assert checks.values_plausible(vocabulary.values()).passed


def survival(**values):
    row = {f"{e}_{part}": None for e in ("os", "dss", "pfi", "drfs") for part in ("days", "event")}
    frame = pd.DataFrame([row | {"patient_id": "P1", "os_days": 100.0, "os_event": False} | values])
    for column in row:
        frame[column] = frame[column].astype("float64" if column.endswith("days") else "boolean")
    return frame


@pytest.mark.parametrize(
    "wrong",
    [{"os_days": -1.0}, {"os_event": None}, {"dss_days": 50.0}, {"dss_days": 50.0, "dss_event": True}],
    ids=["negative time", "time without event", "half an endpoint", "died of the disease while alive"],
)
def test_contradicting_survival_fails(wrong):
    assert checks.survival_sane(survival()).passed
    found = checks.survival_sane(survival(**wrong))
    assert not found.passed
    assert "P1" in found.description


def test_an_included_discordant_patient_or_a_silent_exclusion_fails():
    patients = pd.DataFrame({
        "patient_id": ["1", "2"], "her2_status": ["negative", "discordant"], "included": [True, False],
        "exclusion_reason": [None, "HER2 discordant"], "her2_low": [True, None],
    })  # fmt: skip
    assert checks.her2_explained(patients).passed
    assert not checks.her2_explained(patients.assign(included=True)).passed
    assert not checks.her2_explained(patients.assign(exclusion_reason=None)).passed


STUDY = SimpleNamespace(training="t", cohorts={"t": SimpleNamespace(endpoint="os", expression_scale="log2_tpm")})


@pytest.fixture
def scored():
    rng = np.random.default_rng(4)
    ids = [f"P{i}" for i in range(40)]
    expression = pd.DataFrame(rng.normal(8, 2, (3, 40)), index=["A", "B", "C"], columns=ids)
    signature = pd.DataFrame({"gene": ["A", "B"], "coefficient": [0.5, -0.3], "mean": [8.0, 7.5], "sd": [2.0, 1.8]})
    z = expression.loc[["A", "B"]].sub([8.0, 7.5], axis=0).div([2.0, 1.8], axis=0)
    score = z.mul([0.5, -0.3], axis=0).sum()
    patients = pd.DataFrame({"patient_id": ids, "included": True, "os_days": 10.0, "os_event": False})
    rows = pd.DataFrame({
        "cohort_id": "t", "patient_id": ids, "risk_score": score.to_numpy(), "form": "within_cohort",
        "risk_group": np.where(score > score.median(), "high", "low"), "single_sample_score": np.nan,
    })  # fmt: skip
    nothing = pd.DataFrame({"gene": [], "coefficient": [], "mean": [], "sd": []})
    return rows, {
        "signature": signature, "single_sample_signature": nothing, "expression": {"t": expression},
        "patients": {"t": patients}, "study": STUDY,
        "description": pd.DataFrame({
            "signature_id": ["s"], "cohort_id": ["t"], "penalty_rule": ["lambda.min"], "cutoff": [score.median()],
            "single_sample_cutoff": [np.nan], "n_patients": [40], "current": [True],
        }),
    }  # fmt: skip


def test_scores_that_do_not_follow_from_the_coefficients_fail(scored):
    rows, known = scored
    check = Check(checks.scores_recomputed)
    assert check.judge(rows, known).passed
    moved = rows.assign(risk_score=rows.risk_score.where(rows.patient_id != "P7", rows.risk_score + 1e-6))
    assert not check.judge(moved, known).passed
    unknown = known | {"expression": {"t": known["expression"]["t"].assign(P7=np.nan)}}
    assert not check.judge(rows, unknown).passed


def test_a_cut_off_that_is_not_the_training_median_fails(scored):
    rows, known = scored
    check = Check(checks.cutoff_is_training_median)
    assert check.judge(rows, known).passed
    moved = known["description"].assign(cutoff=known["description"].cutoff + 0.01)
    assert not check.judge(rows, known | {"description": moved}).passed
    assert not check.judge(with_p3_on_the_other_side(rows), known).passed


def test_the_cut_off_of_a_frozen_signature_is_its_own_and_the_sides_must_still_be_right(scored):
    rows, known = scored
    check = Check(checks.cutoff_is_training_median)
    between = float(np.sort(rows.risk_score)[24:26].mean())  # the median of other patients than these
    frozen = known | {"description": known["description"].assign(cutoff=between, current=False)}
    sides = rows.assign(risk_group=np.where(rows.risk_score > between, "high", "low"))
    assert check.judge(sides, frozen).passed
    assert not check.judge(sides, frozen | {"description": frozen["description"].assign(current=True)}).passed
    assert not check.judge(with_p3_on_the_other_side(sides), frozen).passed


def with_p3_on_the_other_side(rows):
    swapped = rows.copy()
    swapped.loc[3, "risk_group"] = "low" if rows.risk_group[3] == "high" else "high"
    return swapped


def test_shared_patients_between_roles_are_told():
    roles = {"a": "discovery", "b": "training", "c": "descriptive"}
    study = SimpleNamespace(cohorts={name: SimpleNamespace(role=role) for name, role in roles.items()})
    pairs = pd.DataFrame({"cohort_a": ["a", "b"], "cohort_b": ["b", "c"], "n_shared_ids": [0, 9]})
    pairs = pairs.assign(n_similar_profiles=pd.array([None, 9], dtype="Int64"))
    assert checks.no_shared_patients(pairs, study).passed
    assert not checks.no_shared_patients(pairs.assign(n_shared_ids=[1, 9]), study).passed


def test_a_signature_without_genes_or_direction_is_told_but_does_not_block():
    description = pd.DataFrame({"note": ["there are no candidate genes"], "n_entered": [0], "n_events": [90]})
    empty = pd.DataFrame({"gene": [], "direction_concordant": pd.array([], dtype="boolean")})
    found = checks.signature_found(empty, description)
    assert not found.passed
    assert "no candidate genes" in found.description
    opposed = pd.DataFrame({"gene": ["A"], "coefficient": [0.5], "direction_concordant": [False]})
    assert "prognostic, not a resistance signature" in checks.direction_agrees(opposed).description
    unknown = opposed.assign(coefficient=np.nan, direction_concordant=None)
    assert "not known, as no gene has a coefficient" in checks.direction_agrees(unknown).description


def test_a_challenger_without_genes_is_told_with_its_reason():
    description = pd.DataFrame({"note": ["no two genes have opposite signs"], "n_entered": [3]})
    assert checks.challenger_found(pd.DataFrame({"gene": ["A"]}), description).passed
    found = checks.challenger_found(pd.DataFrame({"gene": []}), description)
    assert not found.passed
    assert found.description == "no two genes have opposite signs"
    assert found.value == "0 genes of 3 that entered"
