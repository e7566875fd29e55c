"""Dagster's event log is held open while a run writes to it, and is whole when the run is over."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from hnbc_assets.commands.event_log import held_open

RUN = "8c3dd26a-1f0a-4b52-8f0e-2a1f3a4b5c6d"


def write_ahead(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("history/**/*-wal")}


@pytest.fixture
def instance(tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        made.get_run_records(limit=1)
        yield made


def test_the_write_ahead_log_stays_until_the_run_is_over(instance, tmp_path):
    with held_open(SimpleNamespace(path=tmp_path), instance, RUN):
        instance.report_runless_asset_event(dg.AssetMaterialization("one"))
        assert "index.db-wal" in write_ahead(tmp_path)
        assert f"{RUN}.db-wal" in write_ahead(tmp_path)
    assert not write_ahead(tmp_path)
    assert instance.get_latest_materialization_event(dg.AssetKey("one")) is not None


def test_where_events_are_kept_elsewhere_nothing_is_made(tmp_path):
    with dg.DagsterInstance.ephemeral() as elsewhere, held_open(SimpleNamespace(path=tmp_path), elsewhere, RUN):
        pass
    assert not list(tmp_path.iterdir())
