"""`hnbc ui`: Dagster's webserver and daemon on this machine, until Ctrl-C.

In scope: starting both in process groups of their own, waiting until they answer, ending both and all that they
started. Out of scope: what they show (defs).
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hnbc_assets.errors import CommandError, HnbcError

if TYPE_CHECKING:
    from hnbc_assets.commands.home import Home

LOOPBACK = "127.0.0.1"
READY_SECONDS = 120.0
ABANDONED_SECONDS = 30.0  # between searches for runs whose process has ended
GRACE_SECONDS = 15.0
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # Linux: prctl(2)


class UiEnded(HnbcError):
    """Webserver or daemon ended by itself."""


@click.command(short_help="Show the study in Dagster's UI; Ctrl-C ends it.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port on 127.0.0.1.")
def ui(port: int) -> None:
    """Start Dagster's webserver and daemon on this machine, and end both on Ctrl-C or SIGTERM.

    The daemon runs schedules and what is launched in the UI; a run in progress is stopped with it, and what it has
    finished is kept. Nothing accepts connections from other machines.
    """
    from hnbc_assets.commands.home import prepare
    from hnbc_assets.commands.process import Interruption
    from hnbc_assets.study import load_study

    with Interruption() as interruption:
        with interruption.deferred():
            home = prepare()
        _check_free(port)
        load_study()  # one that cannot be used is reported here, not in a log
        interruption.begin()
        try:
            _serve(home, port)
        except KeyboardInterrupt:
            click.echo("\nStopped; nothing is left running.", err=True)
            status = 128 + (interruption.received or signal.SIGINT)
    sys.exit(status)


def _serve(home: Home, port: int) -> None:
    """Ends only with an exception: KeyboardInterrupt, or UiEnded when a program ended by itself."""
    from hnbc_assets.commands.process import release_abandoned

    def release() -> None:
        with home.instance() as instance:
            release_abandoned(instance)

    release()
    adopt_orphans()
    workspace = ["--workspace", str(home.workspace)]
    web = [*_script("dagster-webserver"), "--host", LOOPBACK, "--port", str(port), *workspace]
    programs: list[Program] = []
    try:
        programs.append(Program("webserver", web, _log(home, "webserver")))
        programs.append(Program("daemon", [*_script("dagster-daemon"), "run", *workspace], _log(home, "daemon")))
        click.echo("starting …", err=True)
        _await(programs, port)
        click.echo(f"The study is at http://{LOOPBACK}:{port}")
        click.echo(f"lake {home.lake.root} · logs {home.logs} · Ctrl-C ends it", err=True)
        checked = time.monotonic()
        while True:
            _all_run(programs)
            time.sleep(0.5)
            if time.monotonic() - checked > ABANDONED_SECONDS:
                _attempt(release)
                checked = time.monotonic()
    finally:
        stop(programs)


def _attempt(task: Callable[[], None]) -> None:
    """Run a task whose failure (a busy storage) is reported but must not end the UI."""
    try:
        task()
    except Exception as error:
        click.echo(f"Could not search for runs whose process has ended: {error}", err=True)


def _await(programs: list[Program], port: int) -> None:
    """Wait until the webserver answers."""
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(port):
        _all_run(programs)
        if time.monotonic() > deadline:
            raise UiEnded(f"The webserver did not answer within {READY_SECONDS:.0f} s; its log: {programs[0].log}")
        time.sleep(0.2)


def _answers(port: int) -> bool:
    from http.client import HTTPConnection, HTTPException

    connection = HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", "/server_info")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _all_run(programs: list[Program]) -> None:
    for program in programs:
        if program.ended is not None:
            raise UiEnded(
                f"The {program.name} ended by itself with status {program.ended}. The end of its log, {program.log}:\n"
                + program.last_words()
            )


def _check_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} of {LOOPBACK} cannot be used ({error.strerror}). Choose another: hnbc ui --port …"
            ) from error


def _script(name: str) -> list[str]:
    """A console script of this environment, by this interpreter."""
    sibling = Path(sys.executable).with_name(name)
    found = sibling if sibling.exists() else shutil.which(name)
    if found is None:
        raise UiEnded(f"{name} is not installed next to {sys.executable}; rebuild the environment: make clean demo")
    return [sys.executable, str(found)]


def _log(home: Home, name: str) -> Path:
    """The program's log of this start; that of the previous start is kept next to it."""
    log = home.logs / f"{name}.log"
    if log.exists():
        log.replace(home.logs / f"{name}.before.log")
    log.write_text(f"{datetime.now().isoformat(timespec='seconds')} started by hnbc ui\n", encoding="utf-8")
    return log


class Program:
    """A program in its own session and process group, with its output in a log file."""

    def __init__(self, name: str, arguments: Sequence[str], log: Path) -> None:
        self.name, self.log = name, log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent(),
            )

    @property
    def ended(self) -> int | None:
        """The program's exit status, or None while it runs."""
        return self._process.poll()

    def signal(self, number: int) -> None:
        """Send a signal to the whole group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    @property
    def lives(self) -> bool:
        """Whether any process of the group still runs; those that ended are reaped."""
        self._process.poll()
        with suppress(ChildProcessError):
            while os.waitpid(-self._process.pid, os.WNOHANG)[0]:
                pass
        try:
            os.killpg(self._process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def last_words(self, lines: int = 15) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def stop(programs: Sequence[Program], *, grace_seconds: float = GRACE_SECONDS) -> None:
    """End programs and all that they started: SIGTERM, a grace period, SIGKILL. A further Ctrl-C does not
    shorten it.
    """
    if not programs:
        return
    kept = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number, seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 5.0)):
            for program in programs:
                program.signal(number)
            deadline = time.monotonic() + seconds
            while {program.lives for program in programs} != {False}:  # each is checked, so that each is reaped
                if time.monotonic() > deadline:
                    break
                time.sleep(0.05)
            else:
                return
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def adopt_orphans() -> None:
    """Make this process the parent of grandchildren whose own parent ended, so that none is left running (Linux)."""
    libc = _libc()
    if libc is not None:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_with_parent() -> Callable[[], None] | None:
    """The first action of a child: request SIGTERM for when its parent ends, even if that is killed (Linux)."""
    libc = _libc()
    if libc is None:
        return None
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None
