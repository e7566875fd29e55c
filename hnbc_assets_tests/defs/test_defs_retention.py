"""Retention: old runs go with all that is theirs, what the UI shows of today stays, and the weekly job does it."""

import shutil
import time
from datetime import timedelta

import dagster as dg

from hnbc_assets.defs.operation import retention
from hnbc_assets.defs.operation.retention import prune_runs
from hnbc_assets_tests.defs.old_runs import LATER, A, B, a, b, run, runs, seen


def files_naming(home, run_id):
    return [path.relative_to(home).as_posix() for path in home.rglob("*") if run_id in path.as_posix()]


def rows_naming(home, run_id):
    """Rows of any event table that still name the run."""
    import sqlite3

    found = {}
    with sqlite3.connect(home / "history" / "runs" / "index.db") as index:
        found["event_logs"] = index.execute("SELECT count(*) FROM event_logs WHERE run_id = ?", [run_id]).fetchone()[0]
    with sqlite3.connect(home / "history" / "runs.db") as index:
        for table in ("runs", "run_tags"):
            found[table] = index.execute(f"SELECT count(*) FROM {table} WHERE run_id = ?", [run_id]).fetchone()[0]
    return {table: number for table, number in found.items() if number}


def test_a_superseded_run_goes_with_all_that_is_its_and_the_latest_stays(instance, home):
    superseded, latest = run(instance, a, tag="x"), run(instance, a)
    (home / "hnbc_logs").mkdir()
    (home / "hnbc_logs" / f"{superseded}.log").write_text("a long trace")
    assert any("compute_logs" in name for name in files_naming(home, superseded))
    assert f"history/runs/{superseded}.db" in files_naming(home, superseded)
    freed = sum(path.stat().st_size for path in home.rglob("*") if path.is_file() and superseded in path.as_posix())

    pruned = prune_runs(instance, 90, {A}, now=LATER)

    assert (pruned.runs, pruned.kept, pruned.bytes) == (1, 1, freed)
    assert freed > 100_000
    assert runs(instance) == {latest}
    assert files_naming(home, superseded) == []
    assert rows_naming(home, superseded) == {}
    assert instance.get_latest_materialization_event(A).run_id == latest
    assert any("compute_logs" in name for name in files_naming(home, latest))


def test_a_run_that_is_not_old_stays(instance):
    kept = {run(instance, a), run(instance, a)}
    assert prune_runs(instance, 90, {A}).runs == 0
    assert prune_runs(instance, 90, {A}, now=LATER - timedelta(days=2)).runs == 0
    assert runs(instance) == kept


def test_an_old_run_that_holds_the_latest_of_any_asset_stays(instance):
    both, only_a = run(instance, a, b), run(instance, a)
    assert prune_runs(instance, 90, {A, B}, b.check_keys, now=LATER).runs == 0
    assert runs(instance) == {both, only_a}


def test_a_run_whose_assets_are_no_longer_defined_goes(instance):
    run(instance, a)
    of_b = run(instance, b)
    assert prune_runs(instance, 90, {B}, now=LATER).runs == 1
    assert runs(instance) == {of_b}


def test_a_failed_run_that_holds_a_checks_latest_outcome_stays_with_the_materialisation_before_it(instance):
    made, earlier, failed = run(instance, b), run(instance, b, fails="1"), run(instance, b, fails="1")
    assert prune_runs(instance, 90, {B}, b.check_keys, now=LATER).runs == 1
    assert runs(instance) == {made, failed}
    assert earlier not in runs(instance)


def test_the_run_of_the_latest_observation_stays_however_many_looks_saw_nothing_new(instance):
    observed = run(instance, seen)
    for _ in range(2):
        run(instance, seen, silent="1")
    pruned = prune_runs(instance, 90, {dg.AssetKey("seen")}, now=LATER)
    assert (pruned.runs, pruned.kept) == (2, 1)
    assert runs(instance) == {observed}


def test_a_run_in_progress_stays_however_old(instance):
    job = dg.Definitions(assets=[a], jobs=[dg.define_asset_job("job", selection="*")]).resolve_job_def("job")
    under_way = {
        instance.create_run_for_job(job, status=status).run_id
        for status in (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.CANCELING)
    }
    canceled = instance.create_run_for_job(job, status=dg.DagsterRunStatus.CANCELED).run_id
    assert prune_runs(instance, 90, {A}, now=LATER).runs == 1
    assert runs(instance) == under_way
    assert canceled not in under_way


def test_a_hundred_runs_go_in_seconds_page_by_page_past_those_that_stay(instance, home, monkeypatch):
    monkeypatch.setattr(retention, "PAGE", 7)
    of_b = run(instance, b)
    job = dg.GraphDefinition(name="empty").to_job()
    latest = run(instance, a)
    events = home / "history" / "runs"
    for _ in range(100):
        made = instance.create_run_for_job(job, status=dg.DagsterRunStatus.SUCCESS)
        shutil.copy(events / f"{latest}.db", events / f"{made.run_id}.db")
    before = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())

    began = time.process_time()  # other processes on the machine do not count
    pruned = prune_runs(instance, 90, {A, B}, now=LATER)
    took = time.process_time() - began

    assert (pruned.runs, pruned.kept) == (100, 2)
    assert runs(instance) == {of_b, latest}
    assert took < 10
    left = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    assert before - left >= pruned.bytes > 100 * 50_000


# The whole of housekeeping: archive and leftovers too.
