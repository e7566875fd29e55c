"""Endpoints: units, impossible records, stage IV, follow-up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hnbc_assets.science.cohorts import endpoints

INDEX = pd.Index([f"p{n}" for n in range(7)])


def series(*values):
    return pd.Series(values, index=INDEX[: len(values)], dtype=float)


def harmonised(**kwargs):
    return endpoints.harmonise(index=INDEX, **kwargs)


def test_months_and_years_become_days():
    assert endpoints.in_days(pd.Series(["12", "1.5", "NA"]), "months").tolist()[:2] == [365.25, 45.65625]
    assert endpoints.in_days(pd.Series([2.0]), "years")[0] == 730.5
    assert endpoints.in_days(pd.Series(["7"]), "days")[0] == 7


def test_impossible_records_are_null_with_a_reason_and_others_stay():
    days = series(100, 0, -3, np.nan, np.nan, 50, np.nan)
    event = series(1, 0, 1, 1, 0, np.nan, np.nan)
    frame = harmonised(given={"os": (days, event), "pfi": (days, event)})
    assert frame["endpoint_exclusions"].tolist() == [
        None,
        "os: time is zero; pfi: time is zero",
        "os: time is negative; pfi: time is negative",
        "os: death without time; pfi: event without time",
        "os: status without time; pfi: status without time",
        "os: time without status; pfi: time without status",
        None,
    ]
    assert frame["os_days"].notna().tolist() == [True] + [False] * 6
    assert frame["os_event"].isna().tolist() == [False] + [True] * 6
    assert frame["drfs_days"].isna().all()


def test_a_death_of_a_living_patient_is_excluded_and_a_progression_is_not():
    alive = pd.Series(["alive", "dead"], index=INDEX[:2])
    one = (series(100, 100), series(1, 1))
    frame = harmonised(given={"os": one, "pfi": one}, vital_status=alive)
    assert frame["endpoint_exclusions"].tolist()[:2] == ["os: death while recorded alive", None]
    assert frame["pfi_event"].tolist()[:2] == [True, True]


@pytest.mark.parametrize("excluded", [True, False])
def test_stage_iv_is_excluded_from_progression_only_and_by_setting(excluded):
    one = (series(100, 200), series(1, 0))
    frame = harmonised(
        given={"os": one, "pfi": one, "drfs": one},
        stage=pd.Series(["IV", "IIIA"], index=INDEX[:2]),
        exclude_stage_iv_from_progression=excluded,
    )
    assert frame["os_days"].tolist()[:2] == [100, 200]
    assert frame["pfi_days"].notna().tolist()[:2] == [not excluded, True]
    assert frame["drfs_days"].notna().tolist()[:2] == [not excluded, True]
    assert frame["endpoint_exclusions"].tolist()[0] == ("pfi: stage IV; drfs: stage IV" if excluded else None)


def test_follow_up_is_the_median_of_the_reverse_kaplan_meier_curve():
    rng = np.random.default_rng(1)
    days = pd.Series(rng.integers(1, 60, 200).astype(float))
    event = pd.Series(rng.random(200) < 0.4)
    from lifelines import KaplanMeierFitter

    expected = KaplanMeierFitter().fit(days, ~event).median_survival_time_
    assert endpoints.median_follow_up(days, event) == expected


def test_follow_up_is_unknown_when_fewer_than_half_are_followed():
    assert np.isnan(endpoints.median_follow_up(pd.Series([1.0, 2, 3]), pd.Series([True, True, True])))
    assert np.isnan(endpoints.median_follow_up(pd.Series([np.nan]), pd.Series([None], dtype="boolean")))
