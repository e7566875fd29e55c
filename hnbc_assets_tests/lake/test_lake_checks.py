"""Check outcomes: the latest of each check is kept next to the asset's table."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hnbc_assets.lake.checks import OUTCOME_COLUMNS, CheckOutcome, of_asset, outcomes, record


def test_the_latest_outcome_of_a_check_replaces_the_previous_one(lake):
    record(lake, CheckOutcome("cohorts/one", "sane", False), CheckOutcome("cohorts/one", "schema", True))
    record(lake, CheckOutcome("cohorts/one", "sane", True, value=3))
    found = outcomes(lake)
    assert list(found.columns) == OUTCOME_COLUMNS
    assert dict(zip(found.check_name, found.passed, strict=True)) == {"sane": True, "schema": True}


def test_a_complete_record_deletes_checks_that_an_asset_no_longer_has(lake):
    record(lake, CheckOutcome("patients", "old", False), CheckOutcome("signature", "old", False))
    record(lake, CheckOutcome("patients", "new", True), complete=True)
    assert set(of_asset(lake, "patients")) == {"new"}
    assert set(of_asset(lake, "signature")) == {"old"}


def test_values_and_thresholds_become_text(lake):
    values = [None, 0.1 + 0.2, 12, "12 of 14", np.float64(0.5), np.nan]
    record(lake, *[CheckOutcome("t", f"check_{i}", np.bool_(True), value=v) for i, v in enumerate(values)])
    assert outcomes(lake).value.tolist() == [None, "0.3", "12", "12 of 14", "0.5", None]


def test_checks_recorded_at_the_same_time_are_all_kept(lake):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: record(lake, CheckOutcome("patients", f"check_{i}", True)), range(24)))
    assert len(outcomes(lake)) == 24


def test_an_empty_lake_has_no_outcomes(lake):
    assert outcomes(lake).empty


def test_a_severity_is_error_or_warn():
    with pytest.raises(ValueError, match="ERROR or WARN"):
        CheckOutcome("t", "c", True, severity="FATAL")
