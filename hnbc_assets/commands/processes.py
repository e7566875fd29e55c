"""Programs that run along with a command and end with it: all of them, including grandchildren.

In scope: starting a program in its own process group, ending the group, collecting orphans. Out of scope: which
programs (ui).
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

GRACE_SECONDS = 15.0
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # Linux: prctl(2)


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
