"""`hnbc status` of a lake that is kept current: releases in use and observed; what is held, failed, killed, old,
silent.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pandas as pd

from hnbc_assets.lake import attempts
from hnbc_assets.lake.observations import record_problem, record_release
from hnbc_assets.lake.parquet import read_provenance, write

NO_ANSWER = "https://api.gdc.cancer.gov/status: no answer after 5 tries."


def line_of(output, word):
    """The line that begins with a word."""
    return next(line for line in output.splitlines() if line.strip().startswith(word))


def ago(**time_past):
    return (datetime.now(UTC) - timedelta(**time_past)).isoformat(timespec="seconds")


def test_status_reports_the_release_in_use_and_the_one_observed(hnbc, published):
    record_release(published, "gdc/one", "45.0", ago(hours=6))
    assert line_of(hnbc("status").out, "gdc/one").split() == ["gdc/one", "45.0", "45.0", "6", "hours", "ago"]
    record_release(published, "gdc/one", "46.0", ago(hours=5))
    found = line_of(hnbc("status").out, "gdc/one").split()
    assert found[:6] == ["gdc/one", "45.0", "46.0", "5", "hours", "ago"]
    assert " ".join(found[6:]) == "stale: hnbc refresh fetches it"


def test_status_reports_what_a_gate_holds_and_why(hnbc, standin, published):
    standin("gate", release="46.0")
    hnbc("refresh")
    output = hnbc("status").out
    assert "✗ held: see below" in line_of(output, "gdc/one")
    assert "✗ raw/gdc/one: held just now (run " in output
    assert "one loses 9 of 10 patients (90%, allowed 5%)" in output
    assert "hnbc refresh --accept gdc 46.0" in output


def test_status_reports_what_failed_and_why_until_it_is_made(hnbc, standin, published):
    standin("study", release="46.0")
    hnbc("refresh")
    output = hnbc("status").out
    assert "✗ signature: failed just now (run " in output
    assert "  cohorts.one.endpoint is 'xyz'" in output
    standin(release="46.0")
    hnbc("refresh")
    assert "failed just now" not in hnbc("status").out


def test_status_reports_assets_that_failed_alike_in_one_line(hnbc, published):
    for asset in ("drug_models", "drug_sensitivity", "drug_associations"):
        attempts.begin(published, asset, "basis", "0123456789", ago(minutes=3))
        attempts.fail(published, asset, "too few lines")
    output = hnbc("status").out
    assert "✗ drug_associations, drug_models and 1 more: failed 3 minutes ago (run 01234567)" in output
    assert output.count("too few lines") == 1


def test_status_reports_since_when_an_upstream_is_silent(hnbc, published):
    record_problem(published, "gdc/one", NO_ANSWER, "2026-03-01T06:00:00+00:00")
    record_problem(published, "gdc/one", NO_ANSWER, "2026-03-02T06:00:00+00:00")
    assert f"✗ not reached since 2026-03-01T06:00: {NO_ANSWER}" in line_of(hnbc("status").out, "gdc/one")


def test_status_reports_an_upstream_that_nobody_looks_at(hnbc, published):
    record_release(published, "gdc/one", "45.0", ago(days=1))
    assert "not looked at" not in hnbc("status").out
    record_release(published, "gdc/one", "45.0", ago(days=9))
    assert "! not looked at for 9 days" in line_of(hnbc("status").out, "gdc/one")


def test_status_reports_a_pinned_upstream(hnbc, published, settings):
    settings(releases={"pin": {"gdc": "45.0"}})
    assert "pinned by the study" in line_of(hnbc("status").out, "gdc/one")


def test_status_reports_what_is_older_than_its_stage_allows(hnbc, published, settings):
    """By the stage's own days, otherwise by the default."""
    settings(freshness={"default": 10, "signature": 12})
    for asset, stage in (("cohorts/one", "cohorts"), ("signature", "signature")):
        made = read_provenance(published.table(asset))
        old = dataclasses.replace(made, stage=stage, written_at=ago(days=11))
        write(published.table(asset), pd.DataFrame({"value": [1]}), old)
    output = hnbc("status").out
    assert line_of(output, "cohorts/one").endswith("not made for more than 10 days (freshness of cohorts)")
    assert "not made" not in line_of(output, "signature")
