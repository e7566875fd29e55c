"""Losses: what a cohort has no more, counted against what it had; what is new is no loss."""

from __future__ import annotations

import pandas as pd
import pytest

from hnbc_assets.science.cohorts.losses import ENDPOINTS, losses


def patients(**endpoints):
    """Four patients; per endpoint (days, events)."""
    frame = pd.DataFrame({"patient_id": ["P1", "P2", "P3", "P4"]})
    for endpoint in ENDPOINTS:
        days, events = endpoints.get(endpoint, ([None] * 4, [None] * 4))
        frame[f"{endpoint}_days"] = pd.array(days, dtype="Float64").astype("float64")
        frame[f"{endpoint}_event"] = pd.array(events, dtype="boolean")
    return frame


@pytest.fixture
def before():
    """Survival is known of three patients, two of whom died; of progression nothing but one time is known."""
    return patients(
        os=([100.0, 200.0, 300.0, None], [True, True, False, None]),
        pfi=([None, 150.0, None, None], [None, False, None, None]),
    )


def counted(found):
    return {(row.what, row.endpoint): (row.n_before, row.n_lost, row.example) for row in found.itertuples()}


FOLLOW_UP = "follow-up times"


def test_nothing_is_lost_where_nothing_changed_and_only_what_there_was_is_counted(before):
    assert counted(losses(before, before.copy())) == {
        ("patients", ""): (4, 0, ""),
        (FOLLOW_UP, "os"): (3, 0, ""),
        ("events", "os"): (2, 0, ""),
        (FOLLOW_UP, "pfi"): (1, 0, ""),
    }


def test_a_patient_who_is_gone_takes_follow_up_and_event_along(before):
    found = counted(losses(before, before.iloc[1:]))
    assert found["patients", ""] == (4, 1, "P1")
    assert found[FOLLOW_UP, "os"] == (3, 1, "P1")
    assert found["events", "os"] == (2, 1, "P1")
    assert found[FOLLOW_UP, "pfi"] == (1, 0, "")


def test_a_patient_without_follow_up_is_lost_as_a_patient_alone(before):
    found = counted(losses(before, before.iloc[:3]))
    assert found["patients", ""] == (4, 1, "P4")
    assert found[FOLLOW_UP, "os"] == (3, 0, "")


def test_a_death_that_became_a_life_is_an_event_lost_and_no_time(before):
    before_and_after = before, before.assign(os_event=pd.array([False, True, False, None], dtype="boolean"))
    found = counted(losses(*before_and_after))
    assert found["events", "os"] == (2, 1, "P1")
    assert found[FOLLOW_UP, "os"] == (3, 0, "")


def test_a_status_that_is_unknown_now_is_an_event_lost(before):
    after = before.assign(os_event=pd.array([None, True, False, None], dtype="boolean"))
    assert counted(losses(before, after))["events", "os"] == (2, 1, "P1")


def test_what_is_new_makes_up_for_no_loss(before):
    """The totals are as before; P1's death is gone all the same."""
    after = before.assign(
        os_days=[None, 200.0, 300.0, 400.0], os_event=pd.array([None, True, True, True], dtype="boolean")
    )
    found = counted(losses(before, after))
    assert found[FOLLOW_UP, "os"] == (3, 1, "P1")
    assert found["events", "os"] == (2, 1, "P1")
    assert found["patients", ""] == (4, 0, "")


def test_the_order_of_patients_means_nothing(before):
    assert counted(losses(before, before.iloc[::-1])) == counted(losses(before, before))


def test_a_cohort_that_is_gone_altogether_loses_all_it_had(before):
    found = counted(losses(before, before.iloc[:0]))
    assert {key: (had, lost) for key, (had, lost, _) in found.items()} == {
        ("patients", ""): (4, 4),
        (FOLLOW_UP, "os"): (3, 3),
        ("events", "os"): (2, 2),
        (FOLLOW_UP, "pfi"): (1, 1),
    }
