"""A step of a refresh whose inputs turn out unchanged keeps its tables; over the small graph of invented_daemon."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from hnbc_assets.lake import parquet
from hnbc_assets.lake.observations import record_release
from hnbc_assets_tests.defs.invented_daemon import NOW, RAW


def run_of(daemon, asset):
    return parquet.read_provenance(daemon.lake.table(asset)).run_id


def test_a_release_is_followed_in_one_run(daemon):
    daemon.release = "r2"
    record_release(daemon.lake, "gene_sets", "r2", NOW)
    daemon.values |= {RAW: 2, "one": 2}
    assert daemon.tick() == ["one", RAW, "two"]
    assert daemon.refresh("one", RAW, "two")
    assert daemon.tick() == []
    assert len({run_of(daemon, asset) for asset in ("one", RAW, "two")}) == 1


def test_a_step_whose_inputs_turn_out_unchanged_keeps_its_table_and_so_do_those_that_follow(daemon):
    daemon.release = "r2"
    record_release(daemon.lake, "gene_sets", "r2", NOW)
    before = {asset: run_of(daemon, asset) for asset in daemon.values}
    assert daemon.refresh(*daemon.tick())
    assert daemon.tick() == []
    assert [asset for asset in daemon.values if run_of(daemon, asset) != before[asset]] == [RAW]
    for asset in ("one", "two"):
        event = daemon.instance.get_latest_materialization_event(dg.AssetKey(asset)).asset_materialization
        assert event.metadata["unchanged"].value is True
        assert event.metadata["dagster/row_count"].value == 1, "the UI shows what it showed before"
        assert Path(event.metadata["path"].value) == daemon.lake.table(asset)
        [check] = daemon.instance.event_log_storage.get_latest_asset_check_execution_by_key(
            [dg.AssetCheckKey(dg.AssetKey(asset), "schema")]
        ).values()
        assert check.event.dagster_event.event_specific_data.passed


def test_a_run_of_selected_assets_makes_them_although_nothing_changed(daemon):
    before = run_of(daemon, "one")
    assert daemon.make("one")
    assert run_of(daemon, "one") != before


def test_a_step_one_of_whose_tables_is_missing_is_made(daemon):
    daemon.lake.table("right").unlink()
    before = run_of(daemon, "left")
    assert daemon.refresh(*daemon.tick())
    assert run_of(daemon, "left") == run_of(daemon, "right") != before


def test_a_table_without_the_outcomes_of_its_checks_is_made(daemon):
    (daemon.lake.tables / "one.checks.json").unlink()
    before = run_of(daemon, "one")
    assert daemon.refresh("one")
    assert run_of(daemon, "one") != before
