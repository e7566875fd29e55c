"""Retention: old runs go with all that is theirs, what the UI shows of today stays, and the weekly job does it."""

import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from hnbc_assets.defs import retention
from hnbc_assets.defs.retention import housekeeping, keep_house, prune_runs, releases_in_use
from hnbc_assets.lake import parquet
from hnbc_assets.lake.atomic import locked
from hnbc_assets.lake.io_manager import LakeIOManager
from hnbc_assets.lake.parquet import Provenance
from hnbc_assets.lake.paths import Lake
from hnbc_assets.sources import archive_views
from hnbc_assets.sources.archive import Archive
from hnbc_assets.sources.manifest import COLUMNS
from hnbc_assets.study import PACKAGED, Place, load_study
from hnbc_assets.study_operation import Releases

A, B = dg.AssetKey("a"), dg.AssetKey("b")
LATER = datetime.now(UTC) + timedelta(days=91)


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.fixture
def instance(home):
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        yield instance


@pytest.fixture
def place(tmp_path):
    return Place("simulated", tmp_path / "lake", PACKAGED)


@pytest.fixture
def study():
    return load_study(PACKAGED)


@dg.asset
def a():
    print("said by a")
    return 1


@dg.asset(check_specs=[dg.AssetCheckSpec("good", asset="b")])
def b(context: dg.AssetExecutionContext):
    if context.run.tags.get("fails"):
        yield dg.AssetCheckResult(passed=False)
        raise RuntimeError("b")
    yield dg.MaterializeResult()
    yield dg.AssetCheckResult(passed=True)


@dg.multi_observable_source_asset(specs=[dg.AssetSpec("seen", skippable=True)])
def seen(context: dg.OpExecutionContext):
    if not context.run.tags.get("silent"):
        yield dg.ObserveResult(data_version=dg.DataVersion("46.0"))


ASSETS = [a, b, seen]


def run(instance, *assets, **tags):
    """A real run; its id."""
    graph = dg.Definitions(assets=list(assets), jobs=[dg.define_asset_job("job", selection="*")])
    if assets == (seen,):
        graph = dg.Definitions(assets=[seen], jobs=[dg.define_asset_job("job", dg.AssetSelection.assets("seen"))])
    done = graph.resolve_job_def("job").execute_in_process(instance=instance, raise_on_error=False, tags=tags)
    return done.run_id


def runs(instance):
    return {run.run_id for run in instance.get_runs()}


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


@pytest.fixture
def pruning(monkeypatch):
    """What `prune` of the archive is asked; what it does has its own tests."""
    asked = []

    def prune(archive, keep, in_use):
        asked.append((archive.root, keep, dict(in_use)))
        return archive_views.Pruned(("gdc/TCGA-BRCA 43.0",), 2, 300)

    monkeypatch.setattr(archive_views, "prune", prune)
    return asked


def put_manifest(lake, name, *rows):
    frame = pd.DataFrame([dict.fromkeys(COLUMNS, "x") | {"size_bytes": 1} | row for row in rows], columns=list(COLUMNS))
    made = Provenance(asset=f"raw/{name}", data_version="1", code_version="1")
    parquet.write(lake.table(f"raw/{name}"), frame, made)


@pytest.fixture
def lake(place):
    lake = Lake(place.data_lake)
    put_manifest(lake, "gdc/TCGA-BRCA", {"source": "gdc", "release": "46.0"})
    put_manifest(lake, "geo/GSE25066", {"source": "geo", "release": "2019-03-25"})
    return lake


def test_releases_in_use_are_those_that_the_tables_were_made_from(lake):
    assert releases_in_use(lake) == {"gdc/TCGA-BRCA": "46.0", "geo/GSE25066": "2019-03-25"}


def test_nothing_is_in_use_in_an_empty_lake(tmp_path):
    assert releases_in_use(Lake(tmp_path / "empty")) == {}


def test_the_archive_keeps_as_many_releases_as_the_study_says_and_those_in_use(instance, study, place, lake, pruning):
    swept = keep_house(instance, study, place, ASSETS)
    assert pruning == [(lake.raw, 3, {"gdc/TCGA-BRCA": "46.0", "geo/GSE25066": "2019-03-25"})]
    assert swept.metadata["releases removed"] == "gdc/TCGA-BRCA 43.0"
    assert swept.metadata["bytes of archived files"] == 300
    assert "archive left alone" not in swept.metadata


@pytest.mark.parametrize("name", ["gdc/TCGA-BRCA", "gdc"])
def test_a_pinned_release_is_safe_before_it_is_in_use(instance, study, place, lake, pruning, name):
    pinned = study.model_copy(update={"releases": Releases(pin={name: "45.0"})})
    swept = keep_house(instance, pinned, place, ASSETS)
    assert pruning == []
    assert "gdc/TCGA-BRCA 45.0" in swept.archive_left
    put_manifest(lake, "gdc/TCGA-BRCA", {"source": "gdc", "release": "45.0"})
    keep_house(instance, pinned, place, ASSETS)
    assert len(pruning) == 1


def test_the_archive_is_left_alone_during_a_refresh(instance, study, place, lake, pruning):
    with locked(lake.refresh_lock):
        assert "under way" in keep_house(instance, study, place, ASSETS).metadata["archive left alone"]
    assert pruning == []


def test_old_releases_leave_the_disk_and_those_kept_or_in_use_stay_whole(instance, study, place, lake):
    archive = Archive(lake.raw)
    for number in range(1, 7):
        row = archive.store("gdc", f"{number}.0", file_id="f", url="u", path="f.tsv", content=b"x" * number * 1_000)
        archive_views.keep_view(archive, "gdc/TCGA-BRCA", f"{number}.0", row.to_frame().T)
    put_manifest(lake, "gdc/TCGA-BRCA", {"source": "gdc", "release": "2.0"})
    swept = keep_house(instance, study, place, ASSETS)
    assert swept.archive.releases == ("gdc/TCGA-BRCA 1.0", "gdc/TCGA-BRCA 3.0")
    assert swept.metadata["bytes of archived files"] == 4_000
    assert sorted(path.parent.name for path in lake.raw.glob("gdc/*/f.tsv")) == ["2.0", "4.0", "5.0", "6.0"]
    assert len(archive_views.recall(archive, "gdc/TCGA-BRCA", "2.0")) == 1


def test_leftovers_go_and_what_a_download_or_a_writer_still_needs_stays(instance, study, place, lake, pruning):
    def put(path: Path, days=0, size=10):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
        then = time.time() - days * 86_400
        os.utime(path, (then, then))
        return path

    abandoned = put(lake.tables / "cohorts" / ".a.parquet.0123456789ab.part", size=7)
    old = put(lake.raw / "gdc" / "45.0" / ".counts.tsv.part", days=30, size=20)
    notes = put(lake.raw / "gdc" / "45.0" / ".counts.tsv.part.json", days=30)
    resumable = put(lake.raw / "gdc" / "46.0" / ".counts.tsv.part", days=3)
    whole = put(lake.raw / "gdc" / "45.0" / "counts.tsv", days=30)
    with parquet_writer(lake) as held:
        swept = keep_house(instance, study, place, ASSETS)
        assert held.exists()
    assert (swept.leftovers, swept.leftover_bytes) == (2, 27)
    assert [path.exists() for path in (abandoned, old, notes, resumable, whole)] == [False, False, False, True, True]


def parquet_writer(lake):
    """Somebody who is writing a table: the temporary file is theirs."""
    from contextlib import contextmanager

    from hnbc_assets.lake.atomic import replacing

    @contextmanager
    def writing():
        with replacing(lake.table("patients")) as file:
            yield Path(file.name)

    return writing()


def test_the_job_runs_with_the_lakes_io_manager_and_tells_what_it_removed(instance, study, place, lake, pruning):
    job, schedule = housekeeping(study, place, ASSETS)
    definitions = dg.Definitions(
        assets=ASSETS,
        jobs=[job],
        schedules=[schedule],
        resources={"io_manager": LakeIOManager(root=str(lake.root))},
        executor=dg.multiprocess_executor,
    )
    resolved = definitions.resolve_job_def("housekeeping")
    assert resolved.executor_def.name == "in_process"
    done = resolved.execute_in_process(instance=instance)
    assert done.success
    [output] = [event for event in done.all_events if event.event_type == dg.DagsterEventType.STEP_OUTPUT]
    told = output.event_specific_data.metadata
    assert told["runs deleted"].value == 0
    assert told["bytes of archived files"].value == 300


def test_the_schedule_runs_by_itself_on_sunday_nights(study, place):
    _, schedule = housekeeping(study, place, ASSETS)
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 3 * * 0", "UTC")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert schedule.job_name == "housekeeping"
