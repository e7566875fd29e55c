"""Automation: what the daemon asks for, tick by tick, over a small graph and a real lake.

raw/gene_sets -> one -> two; three, unconnected; left and right, made by one step: matrices, whose contents a test sets.
"""

from __future__ import annotations

import itertools
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest

from hnbc_assets.defs import build_definitions
from hnbc_assets.defs.operation import automation
from hnbc_assets.defs.operation.automation import freshness
from hnbc_assets.lake.atomic import locked
from hnbc_assets.lake.attempts import begin
from hnbc_assets.lake.io_manager import LakeIOManager
from hnbc_assets.lake.observations import record_release
from hnbc_assets.study import PACKAGED, Place, load_study
from hnbc_assets.study_operation import Freshness
from hnbc_assets_tests.defs.invented_daemon import NOW, RAW


def test_nothing_is_asked_for_while_all_is_current(daemon):
    assert [daemon.tick() for _ in range(3)] == [[], [], []]
    assert daemon.skipped == "Everything is current."


def test_a_request_names_its_reasons_and_the_study(daemon):
    daemon.lake.table("three").unlink()
    record_release(daemon.lake, "gene_sets", "r2", NOW)
    request = daemon.automation.evaluate(daemon.instance)
    assert request.tags[automation.STUDY_TAG] == daemon.study.hash
    assert request.tags[automation.REASONS] == f"{RAW}: upstream is at r2, this is r1; three: not made yet"


def test_nothing_is_asked_for_before_the_first_publication(daemon):
    daemon.lake.database.unlink()
    record_release(daemon.lake, "gene_sets", "r2", NOW)
    daemon.lake.table("three").unlink()
    assert daemon.tick() == []
    assert daemon.skipped.startswith("Nothing is published yet")
    daemon.publish()
    assert daemon.tick() == ["one", RAW, "three", "two"]


def test_what_is_under_way_is_not_asked_for_again(daemon):
    daemon.lake.table("three").unlink()
    assert daemon.tick() == ["three"]
    run = daemon.begin("three")
    assert [daemon.tick() for _ in range(3)] == [[], [], []]
    assert daemon.skipped == "Runs in progress are making 1 assets; 1 wait for them."
    daemon.instance.report_run_failed(run)
    assert daemon.tick() == ["three"]


def test_what_a_run_finishes_while_the_tick_is_evaluated_is_not_asked_for_again(daemon, monkeypatch):
    """As on a busy machine: the run is in progress when Dagster lists its runs, and over when the lake is read."""
    daemon.lake.table("three").unlink()
    run, listed = daemon.begin("three"), type(daemon.automation)._being_made

    def slowly(self, instance):
        found = listed(self, instance)
        with ThreadPoolExecutor(1) as elsewhere:
            assert elsewhere.submit(daemon.make, "three").result()
        daemon.instance.report_run_canceled(run)
        return found

    monkeypatch.setattr(automation.Automation, "_being_made", slowly)
    assert daemon.tick() == []
    monkeypatch.undo()
    assert daemon.tick() == []


def test_a_run_of_everything_makes_every_asset(daemon):
    """The job of the whole study names no assets, and another job without assets makes none."""
    daemon.lake.table("three").unlink()
    daemon.automation.making = ("study",)
    look = daemon.instance.add_run(dg.DagsterRun("look", status=dg.DagsterRunStatus.STARTED))
    assert daemon.tick() == ["three"]
    run = daemon.instance.add_run(dg.DagsterRun("study", status=dg.DagsterRunStatus.STARTING))
    assert daemon.tick() == []
    daemon.instance.report_run_canceled(run)
    daemon.instance.report_run_canceled(look)
    assert daemon.tick() == ["three"]


def test_a_step_whose_tables_are_being_stored_is_not_asked_for_again(daemon, monkeypatch):
    """As on a busy machine: a tick falls between the first table of a step and the second."""
    asked, store = [], LakeIOManager.handle_output

    def slowly(self, context, table):
        if context.asset_key.to_user_string() == "right":
            with ThreadPoolExecutor(1) as elsewhere:
                asked.append(elsewhere.submit(daemon.tick).result())
        store(self, context, table)

    for name in ("left", "right"):
        daemon.lake.table(name).unlink()
    assert daemon.tick() == ["left", "right"]
    monkeypatch.setattr(LakeIOManager, "handle_output", slowly)
    assert daemon.make("left", "right")
    assert asked == [[]]
    assert daemon.tick() == []


def test_a_step_that_was_killed_while_its_tables_were_stored_is_asked_for_again(daemon):
    daemon.lake.table("right").unlink()
    run = daemon.begin("left", "right")
    for name in ("left", "right"):
        begin(daemon.lake, name, "its basis", run.run_id, NOW)
    daemon.instance.report_runless_asset_event(dg.AssetMaterialization("left"))
    assert daemon.tick() == []
    daemon.instance.report_run_failed(run)
    assert daemon.tick() == ["left", "right"]


def test_what_was_made_since_the_last_evaluation_is_not_asked_for_again(daemon):
    daemon.lake.table("three").unlink()
    assert daemon.tick() == ["three"]
    assert daemon.make("three")
    assert daemon.tick() == []


def test_a_killed_run_s_asset_is_asked_for_at_the_next_tick(daemon):
    daemon.values[RAW] = 2
    daemon.make(RAW)
    assert daemon.tick() == ["one", "two"]
    daemon.instance.report_run_failed(daemon.begin("one"))
    assert daemon.tick() == ["one", "two"]


def test_dagster_s_own_condition_does_not_ask_again_for_an_asset_whose_run_was_killed(instance):
    """The reason for a condition of our own: the request counts as handled, so the asset stays behind in silence."""
    condition = dg.AutomationCondition.any_deps_match(
        dg.AutomationCondition.data_version_changed()
    ).since_last_handled()
    content = {"version": "1"}

    @dg.asset
    def upstream():
        return dg.MaterializeResult(data_version=dg.DataVersion(content["version"]))

    @dg.asset(deps=[upstream], automation_condition=condition)
    def downstream():
        return dg.MaterializeResult(data_version=dg.DataVersion("d"))

    definitions = dg.Definitions(assets=[upstream, downstream])
    job = definitions.resolve_implicit_global_asset_job_def()
    cursor = None

    def tick():
        nonlocal cursor
        result = dg.evaluate_automation_conditions(definitions, instance, cursor=cursor)
        cursor = result.cursor
        return result.total_requested

    job.execute_in_process(instance=instance)
    assert tick() == 0
    content["version"] = "2"
    job.execute_in_process(instance=instance, asset_selection=[upstream.key])
    assert tick() == 1
    chosen = {downstream.key}
    killed = instance.create_run_for_job(
        job.get_subset(asset_selection=chosen), status=dg.DagsterRunStatus.STARTED, asset_selection=chosen
    )
    instance.report_run_failed(killed)
    assert [tick() for _ in range(5)] == [0] * 5


def test_what_failed_is_left_alone_until_its_basis_is_another(daemon):
    daemon.values[RAW] = 2
    daemon.make(RAW)
    daemon.values["one"] = float("inf")
    assert not daemon.make("one")
    assert daemon.tick() == []
    daemon.values |= {RAW: 3, "one": 3}
    daemon.make(RAW)
    assert daemon.tick() == ["one", "two"]


def test_a_raw_asset_that_failed_lets_what_rests_on_the_old_one_go_on(daemon):
    record_release(daemon.lake, "gene_sets", "r2", NOW)
    daemon.values[RAW] = float("inf")
    assert not daemon.make(RAW)
    daemon.lake.table("one").unlink()
    assert daemon.tick() == ["one", "two"]


def hold(lock, held, enough):
    with locked(lock, wait_seconds=10):
        held.set()
        enough.wait(600)


def test_nothing_is_asked_for_while_another_process_refreshes(daemon):
    daemon.lake.table("three").unlink()
    context = multiprocessing.get_context("fork")
    held, enough = context.Event(), context.Event()
    terminal = context.Process(target=hold, args=(daemon.lake.refresh_lock, held, enough))
    terminal.start()
    try:
        assert held.wait(300)
        assert daemon.tick() == []
    finally:
        enough.set()
        terminal.join(300)
    assert daemon.tick() == ["three"]


def test_a_killed_refresh_holds_nothing_up(daemon):
    daemon.lake.table("three").unlink()
    context = multiprocessing.get_context("fork")
    held, enough = context.Event(), context.Event()
    terminal = context.Process(target=hold, args=(daemon.lake.refresh_lock, held, enough))
    terminal.start()
    assert held.wait(300)
    terminal.kill()
    terminal.join(300)
    assert daemon.tick() == ["three"]


def test_nothing_is_asked_for_while_the_study_file_is_another_study(daemon):
    daemon.lake.table("three").unlink()
    text = daemon.place.study_file.read_text()
    daemon.place.study_file.write_text(text.replace("seed: 20250101", "seed: 7"))
    assert daemon.tick() == []
    daemon.place.study_file.write_text("cohorts: [")
    assert daemon.tick() == []
    daemon.place.study_file.write_text(text + "\n# a remark\n")
    assert daemon.tick() == ["three"]


@pytest.fixture(scope="module")
def definitions(tmp_path_factory):
    """The packaged study with another number of days for every stage."""
    study = load_study(PACKAGED)
    days = {name: float(10 * n) for n, name in enumerate(Freshness.model_fields, start=1)}
    study = study.model_copy(update={"freshness": Freshness(**days)})
    return study, build_definitions(study, Place("simulated", tmp_path_factory.mktemp("lake"), PACKAGED))


def test_every_asset_is_overdue_after_its_stage_s_days_and_warns_from_four_fifths_on(definitions):
    study, made = definitions
    stages = set()
    for asset in made.assets:
        for spec in asset.specs if asset.is_materializable else ():
            stages.add(spec.group_name)
            policy, days = spec.freshness_policy, study.freshness.days(spec.group_name)
            assert policy.fail_window.to_timedelta().days == days, spec.key
            assert policy.warn_window.to_timedelta().total_seconds() == pytest.approx(days * 0.8 * 86_400), spec.key
    assert stages == set(Freshness.model_fields) - {"looked", "default"}


def test_a_stage_without_days_of_its_own_has_the_default():
    settings = Freshness(default=30, genes=10)
    assert [settings.days(stage) for stage in ("genes", "drugs", "a_new_stage")] == [10, 30, 30]
    assert freshness(settings, "a_new_stage").fail_window.to_timedelta().days == 30


def test_the_link_to_an_assets_code_leads_to_its_own_function(definitions):
    _, made = definitions
    for asset in made.assets:
        for spec in asset.specs if asset.is_materializable else ():
            [link] = spec.metadata["dagster/code_references"].code_references
            following = Path(link.file_path).read_text().splitlines()[link.line_number - 1 :]
            beginning = itertools.takewhile(lambda line: not line.lstrip().startswith("def "), following)
            assert following[len(list(beginning))].lstrip().startswith(f"def {link.label}("), spec.key
            assert Path(link.file_path).stem not in ("stage", "publishing"), spec.key


def test_the_sensor_requests_what_the_plan_finds_stale_and_looks_are_no_part_of_it(definitions, instance):
    _, made = definitions
    sensor = next(one for one in made.sensors if one.name == automation.SENSOR)
    context = dg.build_sensor_context(instance=instance, definitions=made)
    found = sensor.evaluate_tick(context)
    assert not found.run_requests
    assert found.skip_message.startswith("Nothing is published yet")
    assert sensor.job_name == "refresh"


@pytest.mark.parametrize("automatic", [True, False])
def test_schedule_and_sensor_are_the_study_s(automatic, tmp_path):
    study = load_study(PACKAGED)
    refresh = study.refresh.model_copy(update={"schedule": "30 4 * * 1", "automatic": automatic, "tick_seconds": 7})
    study = study.model_copy(update={"refresh": refresh})
    jobs = [dg.define_asset_job(name) for name in ("refresh", "study")]
    sensor = automation.sensor(study, Place("simulated", tmp_path, PACKAGED), [], *jobs)
    running = sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert (running, sensor.minimum_interval_seconds) == (automatic, 7)
    schedule = automation.schedule(study, dg.define_asset_job("look"))
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 4 * * 1", "UTC")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
