"""A study that is kept current: `hnbc ui` runs, the upstream changes, and nothing else is done.

The schedule looks every minute here, which is as often as a schedule can.
"""

import json
import os
import re
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from hnbc_assets_tests.defs.listeners import webhook_listener
from hnbc_assets_tests.refresh.daemon import end_all, ids, looks, making, processes, publications, ui, wait_for
from hnbc_assets_tests.refresh.evidence import GDC, Evidence, cut_down
from hnbc_assets_tests.replica import Replica

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc"),
]
EVERY_MINUTE = {"schedule": "* * * * *", "tick_seconds": 2}
MADE_BY = {"look": ("dagster/schedule_name", "daily_look"), "refresh": ("dagster/sensor_name", "refresh")}
# Columns of times or runs, which differ between two lakes with the same content.
OF_THE_MOMENT = {
    *("run_id", "retrieved_at", "evaluated_at", "trained_at", "adopted_at", "published_at", "previous_published_at"),
    *("accepted_at", "path"),
}


@dataclass(frozen=True)
class Followed:
    """A lake that a daemon kept current: the runs that had made it before, and the runs of that daemon."""

    lake: Evidence
    before: dict[str, str]
    runs: set[str]


@pytest.fixture(scope="module")
def webhook():
    """A listener for alerts, which records them."""
    with webhook_listener() as server:
        yield server


@pytest.fixture
def daemon_lake(small_run: Evidence, small_replica: Replica, webhook: Any, tmp_path: Path) -> Evidence:
    """A copy of the small lake whose study looks every minute."""
    return with_schedule(small_run, webhook, tmp_path)


def with_schedule(lake: Evidence, webhook: Any, folder: Path) -> Evidence:
    webhook.received.clear()
    return lake.copy(folder, cut_down(folder, refresh=EVERY_MINUTE, alerts={"webhook": webhook.address}))


@pytest.fixture(scope="module")
def followed(small_run: Evidence, _small_replica: Replica, webhook: Any, tmp_path_factory) -> Followed:
    """The daemon runs while the GDC moves to 46.0, until it has published and three more ticks of its automation."""
    _small_replica.reset()
    lake = with_schedule(small_run, webhook, tmp_path_factory.mktemp("followed"))
    before, known = lake.run_ids(), ids(lake)
    with ui(lake):
        _small_replica.control(release="46.0")
        wait_for(lambda: publications(lake) == 2, "the second publication")
        wait_for(lambda: len(looks(lake, known)) >= 2, "a second look")
        time.sleep(15)
    _small_replica.reset()
    assert webhook.received == []
    return Followed(lake, before, ids(lake) - known)


def test_a_release_is_detected_fetched_and_published_by_the_daemon_alone(followed):
    lake = followed.lake
    runs = [run for run in lake.runs() if run.run_id in followed.runs]
    assert {run.job_name for run in runs} == set(MADE_BY)
    for run in runs:
        tag, name = MADE_BY[run.job_name]
        assert run.tags[tag] == name
    published = lake.ask("SELECT releases FROM publications ORDER BY published_at").releases
    assert ["gdc/TCGA-BRCA 45.0" in published[0], "gdc/TCGA-BRCA 46.0" in published[1]] == [True, True]
    counted = lake.ask("SELECT kind, count(DISTINCT entity) AS n FROM release_changes GROUP BY ALL")
    assert counted.set_index("kind").n.to_dict() == {
        "patient_added": 1, "file_added": 1, "file_superseded": 1, "value_changed": 1, "field_renamed": 1,
    }  # fmt: skip
    assert len(lake.ask("SELECT * FROM release_reports")) == 1


def test_every_asset_is_made_once_and_only_what_depends_on_the_release(followed):
    made = followed.lake.materialized(followed.runs)
    assert made == dict.fromkeys(made, 1)
    assert set(made) == followed.lake.remade(followed.before) | {"hnbc_database"}
    assert {GDC, "cohorts/gdc_tcga_brca", "patients", "risk_scores", "release_reports"} <= set(made)
    assert not {"signature", "univariate_cox", "cohorts/brca_tcga", "raw/geo/GSE25055"} & set(made)


def test_a_change_is_observed_once_however_many_looks_there_are(followed):
    assert [version for version in followed.lake.observed("gdc_release") if version != "45.0"] == ["46.0"]
    assert len(looks(followed.lake, set(followed.before.values()))) >= 2


@pytest.mark.full
def test_after_the_publication_nothing_runs_but_looks_which_observe_nothing(followed, small_replica, tmp_path):
    """Also after a restart: for two more looks."""
    lake = followed.lake.copy(tmp_path)
    known, before = ids(lake), lake.hashes("tables") | {"database": lake.hashes()["hnbc.duckdb"]}
    small_replica.control(release="46.0")
    with ui(lake):
        wait_for(lambda: len(looks(lake, known)) >= 2, "two looks")
        time.sleep(15)
    new = ids(lake) - known
    assert {run.job_name for run in lake.runs() if run.run_id in new} == {"look"}
    assert lake.events("ASSET_OBSERVATION", new) == []
    assert lake.materialized(new) == {}
    assert lake.hashes("tables") | {"database": lake.hashes()["hnbc.duckdb"]} == before


@pytest.mark.full
def test_a_broken_release_is_tried_once_reported_once_and_changes_no_result(daemon_lake, small_replica, webhook):
    """For a minute of ticks of the automation, and another look."""
    lake, known = daemon_lake, ids(daemon_lake)
    before = lake.hashes("tables") | {"database": lake.hashes()["hnbc.duckdb"]}
    with ui(lake):
        small_replica.control(release="46.0", poison="half_files")
        wait_for(lambda: (lake.attempt(GDC) or {}).get("held"), "the gate")
        wait_for(lambda: webhook.received, "the alert")
        seen = {run.run_id for run in looks(lake, known)}
        wait_for(lambda: len(looks(lake, known | seen)) >= 1, "another look")
        time.sleep(30)
    assert [run.status.value for run in making(lake, known)] == ["FAILURE"]
    assert lake.attempt(GDC)["tries"] == 1
    after = lake.hashes("tables") | {"database": lake.hashes()["hnbc.duckdb"]}
    assert {path for path in before if after[path] != before[path]} == set()
    assert publications(lake) == 1
    assert len(webhook.received) == 1
    alert = webhook.received[0][1]
    assert (alert["asset"], alert["run_id"]) == (GDC, making(lake, known)[0].run_id)
    assert re.search(r"\d+ of \d+ files are missing", alert["reason"])


@pytest.mark.full
@pytest.mark.parametrize("what", ["worker", "everything"])
def test_what_was_killed_is_completed_as_if_uninterrupted(what, followed, daemon_lake, small_replica, webhook):
    """SIGKILL in the middle of a wave: of the run's own process, or of everything that `hnbc ui` started."""
    lake, known = daemon_lake, ids(daemon_lake)
    with ui(lake):
        small_replica.control(release="46.0")
        killed = wait_for(lambda: worker(lake, known), "a run of cohorts")
        if what == "worker":
            os.kill(killed, signal.SIGKILL)
            wait_for(lambda: publications(lake) == 2, "the second publication")
        else:
            end_all(lake)
    if what == "everything":
        with ui(lake):
            wait_for(lambda: publications(lake) == 2, "the second publication")
    assert publications(lake) == 2
    failed = [run.run_id for run in making(lake, known) if run.status.value != "SUCCESS"]
    assert len(failed) == 1
    assert [alert["run_id"] for _, alert in webhook.received] == failed
    assert not list((lake.path / "attempts").rglob("*.json"))
    assert same(lake, followed.lake) == []


def test_a_run_whose_code_server_has_ended_is_ended_and_one_whose_server_listens_continues(tmp_path):
    """Runs that SIGKILL left as started would fill the daemon's queue permanently: Dagster does not check them."""
    from dagster import DagsterInstance, DagsterRun, DagsterRunStatus

    from hnbc_assets.commands.process import release_abandoned

    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as gone:
        for server, name in ((listening, "listening"), (gone, "gone")):
            server.bind(str(tmp_path / name))
            server.listen()
        gone.close()
        with DagsterInstance.ephemeral() as instance:
            for name in ("listening", "gone", "never_there"):
                tags = {".dagster/grpc_info": json.dumps({"host": "localhost", "socket": str(tmp_path / name)})}
                instance.add_run(DagsterRun("look", run_id=name, status=DagsterRunStatus.STARTED, tags=tags))
            instance.add_run(DagsterRun("look", run_id="elsewhere", status=DagsterRunStatus.STARTED))
            release_abandoned(instance)
            found = {
                record.dagster_run.run_id: record.dagster_run.status.value for record in instance.get_run_records()
            }
    assert found == {"listening": "STARTED", "gone": "FAILURE", "never_there": "FAILURE", "elsewhere": "STARTED"}


def worker(lake: Evidence, known: set[str]) -> int | None:
    """The process of a run that is making cohorts right now."""
    for run in making(lake, known):
        if run.is_finished or not any(key.path[0] == "cohorts" for key in run.asset_selection or ()):
            continue
        began = lake.events("STEP_START", {run.run_id})
        numbers = {event.pid for event in began} & processes(lake)
        if numbers:
            return numbers.pop()
    return None


def same(lake: Evidence, other: Evidence) -> list[str]:
    """What differs between two lakes: tables by their version, and every table of the database by its rows."""
    mine, theirs = lake.footers(), other.footers()
    found = [f"tables {asset}" for asset in mine.keys() ^ theirs.keys()]
    found += [a for a in mine.keys() & theirs.keys() if mine[a]["data_version"] != theirs[a]["data_version"]]
    names = [one.ask("SELECT table_name FROM duckdb_tables() ORDER BY ALL").table_name for one in (lake, other)]
    found += [] if names[0].equals(names[1]) else ["tables of the database"]
    return sorted(found) + [name for name in names[0] if not rows(lake, name).equals(rows(other, name))]


def rows(lake: Evidence, table: str) -> pd.DataFrame:
    """A table's rows in a fixed order, without columns of times and runs."""
    frame = lake.ask(f'SELECT * FROM "{table}"')
    frame = frame[[column for column in frame.columns if column not in OF_THE_MOMENT]]
    return frame.sort_values(list(frame.columns), key=lambda column: column.astype(str)).reset_index(drop=True)
