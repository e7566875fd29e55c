"""One command at a time: while a command in a terminal makes assets, no other does in its lake.

In scope: holding the lake's lock, reporting who holds it, waiting for runs of the UI and the daemon. Out of scope: runs
whose process has ended (execution).
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from hnbc_assets.commands.printing import age
from hnbc_assets.errors import CommandError

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

    from hnbc_assets.lake.atomic import Holder
    from hnbc_assets.lake.paths import Lake

A_MOMENT = 1.0  # seconds; a process that only tests whether the lock is held holds it for less
WAIT_FOR_RUNS_SECONDS = 3600.0
UNDER_WAY = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")
COMMAND_TAG = "hnbc/command"


@contextmanager
def turn(lake: Lake) -> Iterator[None]:
    """Make assets alone: other commands are refused meanwhile, and the daemon's automation waits.

    Raises
    ------
    CommandError
        If another command is making assets in this lake.
    """
    from hnbc_assets.lake.atomic import holder, locked

    with ExitStack() as held:
        try:
            held.enter_context(locked(lake.refresh_lock, wait_seconds=A_MOMENT, purpose=command_line()))
        except TimeoutError as error:
            raise CommandError(_taken(holder(lake.refresh_lock), lake)) from error
        yield


def command_line() -> str:
    """The command line of this process."""
    return shlex.join(["hnbc", *sys.argv[1:]])


def described(other: Holder) -> str:
    """Who makes assets, and since when."""
    started = f"{other.since.astimezone():%H:%M}, {age(other.since)}"
    return f"{other.purpose or 'another command'} (process {other.process}, since {started})"


def _taken(other: Holder | None, lake: Lake) -> str:
    who = "Another command" if other is None else described(other)
    in_use = f"{who} is making assets in {lake.root}, and two at once would make the same assets"
    return f"{in_use}. Try again when it has ended."


def wait_for_runs(instance: DagsterInstance) -> None:
    """Wait for runs that the daemon or the UI started: both would make the same assets.

    Raises
    ------
    CommandError
        If one has not ended after an hour.
    """
    from dagster import DagsterRunStatus, RunsFilter

    statuses = [DagsterRunStatus[name] for name in UNDER_WAY]
    deadline, named = time.monotonic() + WAIT_FOR_RUNS_SECONDS, ""
    while found := instance.get_run_records(RunsFilter(statuses=statuses), limit=1, ascending=True):
        run = found[0].dagster_run
        if run.run_id != named:
            started = f"{found[0].create_timestamp.astimezone():%H:%M}, {age(found[0].create_timestamp)}"
            click.echo(f"{_name(run)} has been running since {started}: waiting until it has ended …", err=True)
            named = run.run_id
        if time.monotonic() > deadline:
            raise CommandError(f"{_name(run)} has not ended after an hour. End it in the UI, then try again.")
        time.sleep(1)


def _name(run: DagsterRun) -> str:
    made_by = run.tags.get("dagster/sensor_name") or run.tags.get("dagster/schedule_name")
    by = f"the daemon's {made_by}" if made_by else run.tags.get(COMMAND_TAG) or "the UI"
    return f"run {run.run_id[:8]} of {by}"
