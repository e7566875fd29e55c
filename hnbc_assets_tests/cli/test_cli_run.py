"""`hnbc run`: what it makes, what it prints, its exit status."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from hnbc_assets.commands.home import look
from hnbc_assets.commands.run import kept
from hnbc_assets.lake.unfinished import begin

ALL = ["raw/gdc/one", "cohorts/one", "signature", "hnbc_database"]

AGO = r"(just now|\d+ minutes? ago)"  # as the machine is busy or idle


def made(output):
    """The assets that were made, in their order."""
    return [line.split()[1] for line in output.splitlines() if line.startswith("  ✓ ")]


@pytest.mark.parametrize(
    ("way", "status", "message"),
    [
        ("", 0, "4 assets made"),
        ("warning", 0, "! signature: check failed: stability: 2 of 5 genes below 50 %"),
        ("blocking", 1, "✗ signature: blocking check failed: schema: column gene: null in 2 values"),
        ("bug", 1, "KeyError: 'hazard_ratio'\n      Unexpected error; traceback in "),
        ("own", 1, "Of a type that lives elsewhere."),
        ("study", 2, "cohorts.one.endpoint is 'xyz': use os, dss, pfi or drfs."),
        ("unreachable", 3, "https://api.gdc.cancer.gov/status: no answer after 5 tries."),
    ],
)
def test_each_cause_has_its_exit_status_and_its_own_message(hnbc, standin, way, status, message):
    standin(way)
    ended = hnbc("run")
    assert ended.status == status
    assert message in ended.err
    assert "Traceback" not in ended.err


def test_a_run_prints_each_asset_with_its_rows(hnbc, standin):
    standin()
    lines = hnbc("run").err.splitlines()
    (made,) = [line.split() for line in lines if "✓ cohorts/one" in line]  # a slow machine has a line for its start too
    assert made[:4] == ["✓", "cohorts/one", "1,234", "rows"]


def test_a_run_ends_with_the_headline_and_the_place_of_the_database(hnbc, standin, lake_path):
    standin()
    ended = hnbc("run")
    assert ended.out.strip() == "HEADLINE of publications, release_reports, signature"
    assert str(lake_path / "hnbc.duckdb") in ended.err
    assert "upstream SIMULATED" in ended.err


def test_the_traceback_of_an_unforeseen_error_is_kept_in_a_log(hnbc, standin, lake_path):
    standin("bug")
    log = hnbc("run").err.split("traceback in ")[1].split()[0]
    assert log.startswith(str(lake_path))
    with open(log) as kept:
        assert 'raise KeyError("hazard_ratio")' in kept.read()


def test_a_selection_makes_exactly_what_it_names(hnbc, standin, lake_path):
    standin()
    ended = hnbc("run", "--select", "+signature")
    assert ended.status == 0
    assert "3 assets made" in ended.err
    assert "--select hnbc_database" in ended.err
    assert not (lake_path / "hnbc.duckdb").exists()


@pytest.mark.parametrize(
    ("selections", "meant"),
    [
        (["signature"], {"signature"}),
        (["1+signature"], {"cohorts/one", "signature"}),
        (["+signature"], {"raw/gdc/one", "cohorts/one", "signature"}),
        (["signature+"], {"signature", "hnbc_database"}),
        (["cohorts/*", "hnbc_database"], {"cohorts/one", "hnbc_database"}),
        (["group:cohorts and not key:cohorts/one"], {"raw/gdc/one"}),
        (["*"], {"raw/gdc/one", "cohorts/one", "signature", "hnbc_database"}),
    ],
)
def test_a_selection_is_interpreted_as_in_the_ui(standin, lake_path, selections, meant):
    from hnbc_assets.commands import execution

    standin()
    assert {key.to_user_string() for key in execution.choose(execution.definitions(), selections)} == meant


@pytest.mark.parametrize("selection", ["signatur", "foo(", "group:cohorts and not cohorts/one"])
def test_a_selection_that_matches_nothing_is_a_usage_error(hnbc, standin, selection):
    standin()
    ended = hnbc("run", "--select", selection)
    assert ended.status == 2
    assert f"--select {selection}: " in ended.err


def test_a_lake_of_another_upstream_is_refused(hnbc, standin, monkeypatch):
    standin()
    assert hnbc("run", "--select", "raw/gdc/one").status == 0
    monkeypatch.setenv("HNBC_UPSTREAM", "live")
    ended = hnbc("run")
    assert ended.status == 2
    assert "'simulated'" in ended.err


def test_a_missing_study_is_a_study_error(hnbc, monkeypatch):
    monkeypatch.setenv("HNBC_STUDY", "nowhere/study.yaml")
    ended = hnbc("run")
    assert ended.status == 2
    assert "nowhere/study.yaml" in ended.err


def test_the_instance_of_the_ui_has_the_run(hnbc, standin, lake_path):
    from dagster import DagsterInstance, DagsterRunStatus

    standin()
    hnbc("run")
    with DagsterInstance.from_config(str(lake_path / "dagster")) as instance:
        (run,) = instance.get_run_records()
        assert run.dagster_run.status == DagsterRunStatus.SUCCESS
        assert run.dagster_run.job_name == "study"
        assert run.dagster_run.tags["hnbc/command"] == "hnbc run"
        assert run.dagster_run.remote_job_origin.location_name == "hnbc_assets"
        assert not instance.telemetry_enabled


def test_settings_that_a_user_wrote_are_kept_and_used(hnbc, standin, lake_path):
    import yaml

    standin()
    hnbc("run", "--select", "raw/gdc/one")
    settings = lake_path / "dagster" / "dagster.yaml"
    own = "telemetry: {enabled: false}\npython_logs: {python_log_level: WARNING}\n"
    settings.write_text(own)
    assert hnbc("run", "--select", "raw/gdc/one").status == 0
    assert settings.read_text() == own
    used = yaml.safe_load((lake_path / "dagster" / "terminal.yaml").read_text())
    assert used["python_logs"] == {"python_log_level": "WARNING"}


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_run_with_its_own_status_and_the_next_run_completes_it(
    start, own_lake, tmp_path, hnbc, standin, number, status
):
    process, _ = begun(start, tmp_path)
    os.kill(process.pid, number)
    _, output = process.communicate(timeout=600)
    assert process.returncode == status
    assert "✓ raw/gdc/one" in output
    assert "Stopped. What was finished is kept, 1 of 4 assets; the next run makes the other 3." in output
    assert "Traceback" not in output
    assert unfinished(own_lake.root) == []
    raw = own_lake.table("raw/gdc/one").stat()
    standin()
    ended = hnbc("run")
    assert (ended.status, made(ended.err)) == (0, ["cohorts/one", "signature", "hnbc_database"])
    (line,) = left(ended.err)
    assert "1 of 4 assets are made, 3 are left. To make everything again:" in line
    assert "HEADLINE of" in ended.out
    assert own_lake.table("raw/gdc/one").stat().st_mtime_ns == raw.st_mtime_ns
    whole = hnbc("run")
    assert (made(whole.err), left(whole.err)) == (ALL, []), "a complete run is not continued"


def test_a_run_whose_process_was_killed_is_ended_and_completed_by_the_next_one(
    start, lake_path, tmp_path, hnbc, standin
):
    process, asset = begun(start, tmp_path)
    os.kill(asset, signal.SIGKILL)
    process.communicate(timeout=600)
    assert len(unfinished(lake_path)) == 1
    status = hnbc("status").out
    assert re.search(
        rf"A run of everything that was started {AGO} has not been completed: hnbc run completes it", status
    )
    standin()
    ended = hnbc("run")
    assert (ended.status, made(ended.err)) == (0, ["cohorts/one", "signature", "hnbc_database"])
    assert unfinished(lake_path) == []


# --- what a run leaves, and the next one makes ------------------------------------------------------------------------


def left(output):
    """What a run prints when it completes the previous one."""
    return [line for line in output.splitlines() if line.startswith("This completes the run that was started")]


def test_a_failed_run_is_completed_by_the_next(hnbc, standin):
    standin("bug")
    assert made(hnbc("run").err) == ["raw/gdc/one", "cohorts/one"]
    assert made(hnbc("run").err) == []
    standin()
    assert made(hnbc("run").err) == ["signature", "hnbc_database"]
    assert made(hnbc("run").err) == ALL


def test_a_run_of_a_lake_that_was_made_before_is_completed_as_well(hnbc, standin, published):
    """Although nothing is stale: the failed run had to make all of it again."""
    standin("bug")
    hnbc("run")
    standin()
    assert made(hnbc("run").err) == ["signature", "hnbc_database"]


def test_what_changed_since_a_stopped_run_is_made_again_with_the_rest(hnbc, standin, own_lake):
    standin("bug")
    hnbc("run")
    own_lake.table("cohorts/one").unlink()
    standin()
    assert made(hnbc("run").err) == ["cohorts/one", "signature", "hnbc_database"]


def test_with_all_a_run_makes_everything_whatever_was_left(hnbc, standin):
    standin("bug")
    hnbc("run")
    standin()
    ended = hnbc("run", "--all")
    assert (ended.status, made(ended.err), left(ended.err)) == (0, ALL, [])
    assert hnbc("run", "--all", "--select", "signature").status == 2


def test_a_selection_that_failed_leaves_nothing_to_complete(hnbc, standin):
    standin("bug")
    assert hnbc("run", "--select", "+signature").status == 1
    standin()
    assert made(hnbc("run").err) == ALL


def test_after_a_stopped_run_a_selection_still_makes_exactly_what_it_names(hnbc, standin):
    standin("bug")
    hnbc("run")
    standin()
    assert made(hnbc("run", "--select", "raw/gdc/one").err) == ["raw/gdc/one"]
    assert made(hnbc("run").err) == ["signature", "hnbc_database"], "the run is still to be completed"


def test_what_a_refresh_completed_is_not_left_to_a_run(hnbc, standin):
    standin("bug")
    hnbc("run")
    standin()
    assert hnbc("refresh").status == 0
    assert made(hnbc("run").err) == ALL


def test_a_run_that_was_stopped_after_its_last_asset_is_complete(hnbc, published):
    begin(published)
    os.utime(published.unfinished_run, (0, 0))  # before everything in the lake was made
    assert "A run of everything that was started" in hnbc("status").out
    assert kept(look(), None) == "All 4 assets had been made."
    assert "A run of everything that was started" not in hnbc("status").out


# --- one at a time ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", pytest.param("refresh", marks=pytest.mark.full)])
def test_a_second_command_at_once_names_the_first_and_its_start_and_changes_nothing(
    start, hnbc, standin, own_lake, tmp_path, command
):
    first, _ = begun(start, tmp_path, "--select", "*")
    standin()
    before = sorted(path.stat().st_mtime_ns for path in own_lake.tables.rglob("*"))
    ended = hnbc(command)
    assert ended.status == 2
    assert f"hnbc run --select '*' (process {first.pid}, since " in ended.err
    assert re.search(rf", {AGO}\) is making assets in {re.escape(str(own_lake.root))}, ", ended.err)
    assert "Try again when it has ended." in ended.err
    assert sorted(path.stat().st_mtime_ns for path in own_lake.tables.rglob("*")) == before
    assert f"hnbc run --select '*' (process {first.pid}, since " in hnbc("status").out
    assert first.poll() is None
    os.kill(first.pid, signal.SIGINT)
    _, output = first.communicate(timeout=600)
    assert "Stopped. What was finished is kept; the same command makes the whole selection again." in output


def test_a_run_of_the_ui_is_waited_for_by_name(hnbc, standin, own_lake, monkeypatch):
    from dagster import DagsterInstance

    from hnbc_assets.commands import execution, process

    standin()
    hnbc("run", "--select", "raw/gdc/one")
    with DagsterInstance.from_config(str(own_lake.dagster_home)) as instance:
        other = instance.create_run_for_job(execution.resolved_job("study"), status="STARTED")

        def meanwhile(seconds):
            """The other run ends while this one sleeps."""
            instance.report_run_canceled(instance.get_run_by_id(other.run_id))

        monkeypatch.setattr(process.time, "sleep", meanwhile)
        ended = hnbc("run")
    assert (ended.status, made(ended.err)) == (0, ALL)
    assert f"run {other.run_id[:8]} of the UI has been running since " in ended.err
    assert "just now: waiting until it has ended …" in ended.err


def test_steps_in_their_own_processes_are_reported_alike(start, lake_path):
    process = start("run", "--executor", "multiprocess", way="unreachable")
    _, output = process.communicate(timeout=600)
    assert process.returncode == 3
    assert "✗ raw/gdc/one failed" in output
    assert "no answer after 5 tries" in output


def test_help_needs_neither_dagster_nor_pandas():
    """`hnbc --help` answers at once because nothing heavy is imported for it."""
    code = (
        "import sys, hnbc_assets.cli; "
        "print(*{'dagster', 'pandas', 'duckdb', 'numpy', 'pydantic', 'rich', 'yaml', 'pyarrow'} & set(sys.modules))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert output.stdout.strip() == ""


def begun(start, tmp_path, *arguments):
    """A run that has reached its slow asset: the process, and the number of the process that the asset runs in."""
    sign = tmp_path / "begun"
    process = start("run", *arguments, way="slow", STANDIN_BEGUN=str(sign))
    deadline = time.monotonic() + 600
    while not (sign.exists() and sign.read_text()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return process, int(sign.read_text())


def unfinished(lake_path):
    """The runs that Dagster regards as in progress."""
    from dagster import DagsterInstance

    assert look().path == lake_path / "dagster"
    os.environ["DAGSTER_HOME"] = str(lake_path / "dagster")
    with DagsterInstance.from_config(str(lake_path / "dagster")) as instance:
        runs = [record.dagster_run for record in instance.get_run_records()]
    assert all(run.tags["hnbc/worker"].startswith(socket.gethostname()) for run in runs)
    return [run.run_id for run in runs if not run.is_finished]
