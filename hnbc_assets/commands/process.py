"""The process of a command: the signals that end it, its turn in the lake, and runs of other processes.

In scope: detecting SIGINT and SIGTERM whoever handles them; holding the lake's lock, so that one command at a time
makes assets; waiting for runs of the UI and the daemon; ending runs whose process has ended; sharing the cores.
Out of scope: executing a run (execution).
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from hnbc_assets.commands.leaving import SIGNALS, leave_at_once
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
CODE_SERVER_TAG = ".dagster/grpc_info"  # where Dagster keeps the address of the code server that started a run
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
)


class Interruption:
    """While entered, SIGINT and SIGTERM end the process at once, until `begin` is called: from then on they raise
    KeyboardInterrupt, and `received` is the first of them.

    Dagster installs its own handler for both while it executes. The signal numbers are read from the wake-up socket, to
    which the interpreter writes whatever the handler is. For the main thread.
    """

    def __init__(self) -> None:
        self._first: int | None = None
        self.advice = "Nothing had been started."  # replaced by whatever starts something

    def __enter__(self) -> Self:
        self._reading, self._writing = socket.socketpair()
        self._reading.setblocking(False)
        self._writing.setblocking(False)
        self._before = signal.set_wakeup_fd(self._writing.fileno(), warn_on_full_buffer=False)
        self._handlers = {number: signal.getsignal(number) for number in SIGNALS}
        for number in self._handlers:
            signal.signal(number, leave_at_once)
        return self

    def begin(self) -> None:
        """From now on a signal raises an exception, so that what has been started is ended in order."""
        for number in self._handlers:
            signal.signal(number, signal.default_int_handler)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """The body runs to its end: a signal that arrives meanwhile ends the process after it."""
        for number in self._handlers:
            signal.signal(number, lambda *_: None)
        yield
        for number in self._handlers:
            signal.signal(number, leave_at_once)
        if self.received:
            leave_at_once(self.received)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.received  # noqa: B018 - the last signals are still in the socket
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._before)
        self._reading.close()
        self._writing.close()

    @property
    def received(self) -> int | None:
        """The first signal that was received, or None. May be called from another thread."""
        try:
            numbers = self._reading.recv(4096)
        except OSError:  # nothing there, or closed
            numbers = b""
        for number in numbers:
            if self._first is None and number in self._handlers:
                self._first = number
        return self._first


def until_stopped(work: Callable[[Interruption], int]) -> int:
    """The exit status of work that a signal may stop: its own, or the signal's, with the advice printed."""
    with Interruption() as interruption:
        try:
            status = work(interruption)
        except KeyboardInterrupt:
            status = 128 + (interruption.received or signal.SIGINT)
    if interruption.received:
        click.echo(f"Stopped. {interruption.advice}", err=True)
        status = 128 + interruption.received
    return status


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
            click.echo(f"{_run_named(run)} has been running since {started}: waiting until it has ended …", err=True)
            named = run.run_id
        if time.monotonic() > deadline:
            raise CommandError(f"{_run_named(run)} has not ended after an hour. End it in the UI, then try again.")
        time.sleep(1)


def _run_named(run: DagsterRun) -> str:
    made_by = run.tags.get("dagster/sensor_name") or run.tags.get("dagster/schedule_name")
    by = f"the daemon's {made_by}" if made_by else run.tags.get(COMMAND_TAG) or "the UI"
    return f"run {run.run_id[:8]} of {by}"


def release_abandoned(instance: DagsterInstance) -> None:
    """End the runs whose process on this machine no longer exists, so that nothing waits for them.

    Dagster's own monitoring ends a run of the daemon whose process was killed, but not one whose code server was killed
    with it: that would fill the queue permanently.
    """
    from dagster import DagsterRunStatus, RunsFilter

    under_way = [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED]
    for record in instance.get_run_records(RunsFilter(statuses=under_way)):
        if not _gone(record.dagster_run):
            continue
        known = instance.get_run_by_id(record.dagster_run.run_id)
        if known is not None and known.status in under_way:  # it may have ended normally since it was read
            instance.report_run_failed(known, "The process of this run ended without an error message.")
            instance.event_log_storage.free_concurrency_slots_for_run(known.run_id)


def _gone(run: DagsterRun) -> bool:
    """Whether the process that executes a run, or the code server that is its parent, is known to have ended."""
    from hnbc_assets.defs.operation.alerts import WORKER_TAG

    host, _, process = run.tags.get(WORKER_TAG, "").rpartition(":")
    if host:
        return host == socket.gethostname() and not _alive(int(process))
    server = json.loads(run.tags.get(CODE_SERVER_TAG, "{}")).get("socket")
    return server is not None and not _listens(server)


def _listens(path: str) -> bool:
    """Whether a process listens at a socket of this machine; a code server does as long as it has runs."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:
            return True
    return True


def _alive(process: int) -> bool:
    if process == os.getpid():  # the id of an earlier process, reused by this one: usually in a container
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def share_cores(steps_at_once: int) -> None:
    """Limit numerical libraries' threads so that threads times Dagster's processes do not exceed the cores."""
    share = str(max(1, (os.cpu_count() or 1) // steps_at_once))
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, share)
