"""`hnbc refresh` over the stand-in study: what it makes, what it prints, its exit status; what `hnbc status`
reports.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

import pytest

from hnbc_assets.lake import attempts, registry
from hnbc_assets.lake.atomic import locked
from hnbc_assets.lake.decisions import decisions
from hnbc_assets.lake.observations import observed
from hnbc_assets.lake.parquet import read_provenance
from hnbc_assets.lake.registry import Registered

ALL = ["raw/gdc/one", "cohorts/one", "signature", "hnbc_database"]
NO_ANSWER = "https://api.gdc.cancer.gov/status: no answer after 5 tries."
CURRENT = "Everything is current: nothing was fetched, nothing made."


def made(output):
    """The assets that were made, in their order; a look makes none."""
    names = [line.split()[1] for line in output.splitlines() if line.startswith("  ✓ ")]
    return [name for name in names if name != "gdc_release"]


def runs_of(lake, names=ALL):
    """Which run made each asset's table."""
    return {name: read_provenance(lake.table(name)).run_id for name in names if name != "hnbc_database"}


# --- what is made -----------------------------------------------------------------------------------------------------


def test_an_empty_lake_is_filled_and_the_results_are_printed(hnbc, standin, own_lake):
    standin()
    ended = hnbc("refresh")
    assert ended.status == 0
    assert sorted(made(ended.err)) == sorted(ALL)
    assert "4 assets made · up to date with: gdc/one" in ended.out
    assert "HEADLINE of" in ended.out
    assert str(own_lake.database) in ended.err
    assert observed(own_lake, "gdc/one").release == "45.0"


def test_the_ui_shows_a_refresh_as_a_refresh(hnbc, standin, own_lake):
    from dagster import DagsterInstance

    standin()
    hnbc("refresh")
    with DagsterInstance.from_config(str(own_lake.dagster_home)) as instance:
        runs = [record.dagster_run for record in instance.get_run_records(ascending=True)]
    assert [run.job_name for run in runs] == ["look", "refresh"]
    assert {run.tags["hnbc/command"] for run in runs} == {"hnbc refresh"}
    assert {run.remote_job_origin.location_name for run in runs} == {"hnbc_assets"}


def test_nothing_new_makes_nothing_and_writes_nothing(hnbc, published):
    before = {path: path.stat().st_mtime_ns for path in published.tables.rglob("*.parquet")}
    database = published.database.stat().st_mtime_ns
    ended = hnbc("refresh")
    assert (ended.status, ended.out.strip()) == (0, CURRENT)
    assert made(ended.err) == []
    assert {path: path.stat().st_mtime_ns for path in published.tables.rglob("*.parquet")} == before
    assert published.database.stat().st_mtime_ns == database


def test_a_new_release_is_followed_in_one_run_and_its_report_named(hnbc, standin, published):
    standin(release="46.0")
    ended = hnbc("refresh")
    assert ended.status == 0
    assert made(ended.err) == ALL
    assert "raw/gdc/one: upstream is at 46.0, this is 45.0" in ended.err
    assert "3 more depend on it: made if their inputs change" in ended.err
    assert (
        "gdc/one 45.0 → 46.0: 7 file changes, 6 patients changed; another signature, 5 scores moved, 4 groups flipped"
    ) in ended.out
    assert f"report    {published.root / 'reports/46.html'}" in ended.out
    assert hnbc("refresh").out.strip() == CURRENT


def test_an_asset_made_with_the_same_content_ends_the_refresh_there(hnbc, standin, published):
    standin(release="45.1")
    ended = hnbc("refresh")
    assert made(ended.err) == ["raw/gdc/one", "cohorts/one", "signature"]
    assert "  = hnbc_database                                      unchanged\n" in ended.err
    assert "3 assets made · up to date with: gdc/one" in ended.out
    assert hnbc("refresh").out.strip() == CURRENT


def test_a_publication_in_which_nothing_changed_says_so(hnbc, standin, published):
    published.publication.unlink()
    ended = hnbc("refresh")
    assert made(ended.err) == ["hnbc_database"]
    assert "No signature, score or figure of merit moved." in ended.out


def test_what_a_failed_refresh_made_is_kept_and_the_next_continues_from_there(hnbc, standin, published):
    standin("bug", release="46.0")
    failed = hnbc("refresh")
    assert failed.status == 1
    assert made(failed.err) == ["raw/gdc/one", "cohorts/one"]
    before = runs_of(published, ["raw/gdc/one", "cohorts/one"])
    standin(release="46.0")
    ended = hnbc("refresh")
    assert (ended.status, made(ended.err)) == (0, ["signature", "hnbc_database"])
    assert runs_of(published, ["raw/gdc/one", "cohorts/one"]) == before


# --- how it ends ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("way", "status", "message"),
    [
        ("bug", 1, "KeyError: 'hazard_ratio'\n      Unexpected error; traceback in "),
        ("own", 1, "Of a type that lives elsewhere."),
        ("study", 2, "cohorts.one.endpoint is 'xyz': use os, dss, pfi or drfs."),
        ("silent", 3, NO_ANSWER),
        ("unreachable", 3, NO_ANSWER),
        ("gate", 4, "one loses 9 of 10 patients (90%, allowed 5%)"),
    ],
)
def test_each_cause_has_its_exit_status_and_its_own_message(hnbc, standin, published, way, status, message):
    database = published.database.read_bytes()
    standin(way, release="46.0")
    ended = hnbc("refresh")
    assert ended.status == status
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert published.database.read_bytes() == database
    assert ended.out.strip() != CURRENT


def test_a_refresh_that_failed_says_what_is_kept(hnbc, standin, published):
    standin("gate", release="46.0")
    ended = hnbc("refresh")
    assert "1 step failed" in ended.out
    assert "The published database is unchanged; hnbc status has the reasons." in ended.err


def test_a_silent_upstream_delays_nothing_else(hnbc, standin, published):
    published.table("signature").unlink()
    standin("silent")
    ended = hnbc("refresh")
    assert ended.status == 3
    assert made(ended.err) == ["signature"]
    assert "  = hnbc_database" in ended.err, "the signature is the same"


def test_a_second_refresh_at_once_is_refused_by_name(hnbc, standin, published):
    context = multiprocessing.get_context("fork")
    held, enough = context.Event(), context.Event()
    other = context.Process(target=hold, args=(published.refresh_lock, held, enough))
    other.start()
    try:
        assert held.wait(300)
        ended = hnbc("refresh")
    finally:
        enough.set()
        other.join(300)
    assert ended.status == 2
    assert f"another command (process {other.pid}, since " in ended.err
    assert f"is making assets in {published.root}, " in ended.err
    assert hnbc("refresh").status == 0


def hold(lock, held, enough):
    with locked(lock, wait_seconds=10):
        held.set()
        enough.wait(600)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_it_and_the_next_one_completes_it(start, hnbc, standin, own_lake, tmp_path, number, status):
    process, _ = begun(start, tmp_path)
    os.kill(process.pid, number)
    _, output = process.communicate(timeout=600)
    assert process.returncode == status
    assert "Stopped. What was finished is kept; the next refresh continues from there." in output
    assert "Traceback" not in output
    standin()
    assert made(hnbc("refresh").err) == ["cohorts/one", "signature", "hnbc_database"]


def test_after_a_kill_the_next_refresh_completes_it(start, hnbc, standin, own_lake, tmp_path):
    process, asset = begun(start, tmp_path)
    os.kill(asset, signal.SIGKILL)
    process.communicate(timeout=600)
    assert attempts.latest(own_lake, "cohorts/one").reason == ""
    assert "cohorts/one: started, never finished" in hnbc("status").out
    standin()
    ended = hnbc("refresh")
    assert (ended.status, made(ended.err)) == (0, ["cohorts/one", "signature", "hnbc_database"])
    assert attempts.unsuccessful(own_lake) == {}


def begun(start, tmp_path):
    """A refresh that has reached its slow asset: the process, and the number of the process that the asset runs in."""
    sign = tmp_path / "begun"
    process = start("refresh", way="slow", STANDIN_BEGUN=str(sign))
    deadline = time.monotonic() + 600
    while not (sign.exists() and sign.read_text()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return process, int(sign.read_text())


# --- what people decide -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decision", [["--accept", "gdc", "46.0"], ["--promote", "0a1b2c"]])
def test_a_dry_run_decides_nothing(hnbc, standin, published, decision):
    ended = hnbc("refresh", "--dry-run", *decision)
    assert ended.status == 2
    assert "--dry-run decides nothing: leave --accept and --promote out." in ended.err
    assert decisions(published) == []


def test_what_a_gate_held_is_made_after_it_is_accepted_and_who_accepted_it_is_recorded(hnbc, standin, published):
    standin("gate", release="46.0")
    assert hnbc("refresh").status == 4
    assert hnbc("refresh").status == 4, "it is tried again, and held again"
    ended = hnbc("refresh", "--accept", "gdc", "46.0")
    assert ended.status == 0
    assert made(ended.err) == ALL
    (decision,) = decisions(published)
    assert (decision.kind, decision.subject, decision.choice) == ("accept", "gdc", "46.0")
    assert decision.evidence == "gdc 46.0 (gdc/one) compared with 45.0: one loses 9 of 10 patients (90%, allowed 5%)."
    assert f"accepted gdc 46.0 as {decision.by}; held because: {decision.evidence}" in ended.err


def test_what_no_gate_holds_cannot_be_accepted(hnbc, standin, published):
    ended = hnbc("refresh", "--accept", "gdc", "46.0")
    assert ended.status == 2
    assert "No gate holds gdc 46.0. Held now: nothing." in ended.err
    standin("gate", release="46.0")
    hnbc("refresh")
    ended = hnbc("refresh", "--accept", "geo", "46.0")
    assert "No gate holds geo 46.0. Held now: gdc 46.0." in ended.err
    assert decisions(published) == []


def test_a_signature_is_promoted_only_if_the_study_requires_approval(hnbc, standin, published):
    ended = hnbc("refresh", "--promote", "0a1b2c")
    assert ended.status == 2
    assert "challengers.promotion is automatic in the study" in ended.err
    assert decisions(published) == []


def test_only_a_signature_that_was_trained_here_is_promoted(hnbc, standin, published, settings):
    settings(challengers={"promotion": "approval"})
    standin()
    ended = hnbc("refresh", "--promote", "0a1b2c")
    assert ended.status == 2
    assert "No signature '0a1b2c' was trained in this lake; known are none." in ended.err
    trained = Registered("0a1b2c", [], [], {}, "gdc/one 45.0", "2026-03-01T06:00:00+00:00", "c1", "run")
    registry.register(published, trained)
    ended = hnbc("refresh", "--promote", "0a1b2c")
    assert ended.status == 0
    (decision,) = decisions(published)
    assert (decision.kind, decision.choice, decision.evidence) == ("promote", "0a1b2c", "trained on gdc/one 45.0")
    assert f"promoted 0a1b2c, trained on gdc/one 45.0, as {decision.by}" in ended.err
