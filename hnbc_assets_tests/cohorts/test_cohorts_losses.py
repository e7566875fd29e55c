"""Losses: what a cohort no longer has, as a share of what it had; additions do not compensate."""

from __future__ import annotations

import pandas as pd
import pytest

from hnbc_assets.science.cohorts.losses import losses
from hnbc_assets.vocabulary import Endpoint


def patients(**endpoints):
    """Four patients; per endpoint (days, events)."""
    frame = pd.DataFrame({"patient_id": ["P1", "P2", "P3", "P4"]})
    for endpoint in Endpoint:
        days, events = endpoints.get(endpoint, ([None] * 4, [None] * 4))
        frame[f"{endpoint}_days"] = pd.array(days, dtype="Float64").astype("float64")
        frame[f"{endpoint}_event"] = pd.array(events, dtype="boolean")
    return frame


@pytest.fixture
def before():
    """Survival is known for three patients, two of them dead; for progression only one time is known."""
    return patients(
        os=([100.0, 200.0, 300.0, None], [True, True, False, None]),
        pfi=([None, 150.0, None, None], [None, False, None, None]),
    )


def counted(found):
    return {(row.what, row.endpoint): (row.n_before, row.n_lost, row.example) for row in found.itertuples()}


FOLLOW_UP = "follow-up times"


def test_nothing_is_lost_without_a_change_and_only_previous_records_count(before):
    assert counted(losses(before, before.copy())) == {
        ("patients", ""): (4, 0, ""),
        (FOLLOW_UP, "os"): (3, 0, ""),
        ("events", "os"): (2, 0, ""),
        (FOLLOW_UP, "pfi"): (1, 0, ""),
    }


def test_a_lost_patient_counts_as_lost_follow_up_and_event_too(before):
    found = counted(losses(before, before.iloc[1:]))
    assert found["patients", ""] == (4, 1, "P1")
    assert found[FOLLOW_UP, "os"] == (3, 1, "P1")
    assert found["events", "os"] == (2, 1, "P1")
    assert found[FOLLOW_UP, "pfi"] == (1, 0, "")


def test_a_lost_patient_without_follow_up_counts_as_a_patient_only(before):
    found = counted(losses(before, before.iloc[:3]))
    assert found["patients", ""] == (4, 1, "P4")
    assert found[FOLLOW_UP, "os"] == (3, 0, "")


def test_a_death_changed_to_alive_is_a_lost_event_and_no_lost_time(before):
    before_and_after = before, before.assign(os_event=pd.array([False, True, False, None], dtype="boolean"))
    found = counted(losses(*before_and_after))
    assert found["events", "os"] == (2, 1, "P1")
    assert found[FOLLOW_UP, "os"] == (3, 0, "")


def test_a_status_that_became_unknown_is_a_lost_event(before):
    after = before.assign(os_event=pd.array([None, True, False, None], dtype="boolean"))
    assert counted(losses(before, after))["events", "os"] == (2, 1, "P1")


def test_additions_do_not_compensate_losses(before):
    """The totals are unchanged; P1's death is lost nevertheless."""
    after = before.assign(
        os_days=[None, 200.0, 300.0, 400.0], os_event=pd.array([None, True, True, True], dtype="boolean")
    )
    found = counted(losses(before, after))
    assert found[FOLLOW_UP, "os"] == (3, 1, "P1")
    assert found["events", "os"] == (2, 1, "P1")
    assert found["patients", ""] == (4, 0, "")


def test_the_order_of_patients_does_not_matter(before):
    assert counted(losses(before, before.iloc[::-1])) == counted(losses(before, before))


def test_a_removed_cohort_loses_everything(before):
    found = counted(losses(before, before.iloc[:0]))
    assert {key: (had, lost) for key, (had, lost, _) in found.items()} == {
        ("patients", ""): (4, 4),
        (FOLLOW_UP, "os"): (3, 3),
        ("events", "os"): (2, 2),
        (FOLLOW_UP, "pfi"): (1, 1),
    }
