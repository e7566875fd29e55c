"""Signals that end a command: which of them was received.

In scope: detecting SIGINT and SIGTERM whoever handles them, and the exit status of what they stop. Out of scope: what
is done about them.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import click

from hnbc_assets.commands.leaving import SIGNALS, leave_at_once


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
