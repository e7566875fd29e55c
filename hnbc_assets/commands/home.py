"""Dagster's home inside the lake: its settings, and the variables of child processes.

In scope: resolving all paths once to absolute values; writing Dagster's settings. Out of scope: starting
anything.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from hnbc_assets.lake.paths import Lake
    from hnbc_assets.study import Place

OURS = "# Written by hnbc, and rewritten by its next version. To keep your own settings, remove this line.\n"
SETTINGS = """\
telemetry: {enabled: false}
nux: {enabled: false}
storage:
  sqlite: {base_dir: {env: DAGSTER_HOME}}
concurrency:
  runs: {max_concurrent_runs: 1}
  pools: {granularity: op, default_limit: 1}
run_monitoring:
  enabled: true
  start_timeout_seconds: 300
  cancel_timeout_seconds: 60
  free_slots_after_run_end_seconds: 60
retention:
  schedule: {purge_after_days: 90}
  sensor: {purge_after_days: {skipped: 2, failure: 30, success: 90}}
"""
# A run in the terminal prints its output itself: the output is not captured for the UI.
TERMINAL = "terminal.yaml"
UNCAUGHT = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
MODULE, LOCATION = "hnbc_assets.definitions", "hnbc_assets"  # as in the project's workspace.yaml
WORKSPACE = f"""\
load_from:
  - python_module:
      module_name: {MODULE}
      location_name: {LOCATION}
"""


@dataclass(frozen=True)
class Home:
    """A lake with Dagster's home in it, ready to run."""

    place: Place
    lake: Lake

    @property
    def path(self) -> Path:
        """DAGSTER_HOME."""
        return self.lake.dagster_home

    @property
    def workspace(self) -> Path:
        """The workspace file for webserver and daemon."""
        return self.path / "workspace.yaml"

    @property
    def logs(self) -> Path:
        """Where logs are kept that are not printed. Not `logs`, which Dagster uses and empties."""
        return self.path / "hnbc_logs"

    def instance(self) -> DagsterInstance:
        """Dagster's instance for a run in this terminal."""
        from dagster import DagsterInstance

        return DagsterInstance.from_config(str(self.path), TERMINAL)

    @contextmanager
    def events_open(self, instance: DagsterInstance, run_id: str) -> Iterator[None]:
        """Keep the SQLite files of a run's events open while it runs.

        Dagster opens and closes them for each event. The last connection that closes a file copies its write-ahead log
        into it and deletes the log, which is most of the time that an event takes.
        """
        instance.get_records_for_run(run_id, limit=1)  # makes the run's own file
        files = [self.path / "history" / "runs" / f"{name}.db" for name in (run_id, "index")]
        with ExitStack() as opened:
            for path in filter(Path.exists, files):  # none if dagster.yaml names another storage
                connection = opened.enter_context(closing(sqlite3.connect(path)))
                connection.execute("SELECT 1 FROM event_logs LIMIT 1").fetchone()
            yield


def look() -> Home:
    """All paths, without making or claiming anything.

    Raises
    ------
    StudyError
        If a variable has no sensible value, or a file is where the lake should be.
    """
    from hnbc_assets.lake.paths import Lake
    from hnbc_assets.study import Place

    place = Place.from_environment()
    lake = Lake(place.data_lake)
    lake.check_place()
    return Home(place, lake)


def prepare() -> Home:
    """Claim the lake for its upstream, write Dagster's settings, export every variable with absolute paths.

    Raises
    ------
    LakeBelongsElsewhere
        If the lake was filled from another upstream.
    StudyError
        If a variable has no sensible value, the study cannot be used with this upstream, or the lake cannot be created
        there. The study is checked before the lake is claimed.
    """
    from hnbc_assets.lake.origin import claim
    from hnbc_assets.study import load_study

    home = look()
    load_study(home.place.study_file).require_fit(home.place.upstream)
    claim(home.lake, home.place.upstream)
    os.environ.update(
        HNBC_UPSTREAM=home.place.address,
        HNBC_DATA_LAKE=str(home.place.data_lake),
        HNBC_STUDY=str(home.place.study_file),
        DAGSTER_HOME=str(home.path),
    )
    _write_settings(home)
    return home


def _write_settings(home: Home) -> None:
    import yaml

    home.logs.mkdir(parents=True, exist_ok=True)
    settings = home.path / "dagster.yaml"
    if not settings.exists() or settings.read_text(encoding="utf-8").startswith(OURS):
        _replace(settings, OURS + SETTINGS)
    chosen = yaml.safe_load(settings.read_text(encoding="utf-8")) or {}
    _replace(home.path / TERMINAL, OURS + yaml.safe_dump(chosen | {"compute_logs": UNCAUGHT}, sort_keys=False))
    _replace(home.workspace, OURS + WORKSPACE)


def _replace(path: Path, text: str) -> None:
    from hnbc_assets.lake.atomic import write_bytes

    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_bytes(path, text.encode())
