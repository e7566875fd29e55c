"""A full disk, reported in one line: which errors indicate it, and which of Dagster's lines are left out then.

In scope: distinguishing a full disk from other errors. Out of scope: what a command does then (cli, progress).

SQLite, in which Dagster keeps its events, usually reports a full disk as an I/O error; the free space at that
moment then decides.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

LITTLE_ROOM = 100_000  # bytes; less than one of SQLite's journals takes
ROOM_OF_AN_EVENT = 8_000_000  # bytes; more than an event with a figure takes in SQLite's journal
TEXTS = ("No space left on device", "database or disk is full", "Disk quota exceeded")
_reported: set[bool] = set()  # by this process's command
# What Dagster writes to stderr when an event cannot be stored, before it raises the error that is finally reported.
DAGSTERS_LINES = ("Exception while writing logger call to event log: ", "Exception while storing event batch: ")


def message(error: BaseException | None) -> str:
    """The message for an error that a full disk caused; empty for any other error."""
    cause = error
    while cause is not None:
        if _means_full(cause):
            return sentence()
        cause = cause.__cause__ or cause.__context__
    return sentence() if error is not None and room() <= LITTLE_ROOM else ""


def sentence() -> str:
    """The message itself."""
    return f"No space left on device: {_lake()} needs more room. What was finished is kept."


def once() -> str:
    """The message on the first call in a command, and nothing afterwards: further steps fail for the same reason."""
    first = not _reported
    _reported.add(True)
    return sentence() if first else ""


def begin() -> None:
    """Start of a command: it has reported nothing yet."""
    _reported.clear()


def room() -> float:
    """Free bytes on the lake's disk; infinity if that cannot be determined."""
    with suppress(OSError):
        return shutil.disk_usage(_lake()).free
    return float("inf")


@contextmanager
def unrepeated() -> Iterator[None]:
    """Keep Dagster from printing SQL when the disk is full: this package reports the error that follows."""
    before = sys.stderr
    sys.stderr = _Filtering(before)  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.stderr = before


class _Filtering:
    """A stream without Dagster's lines about events that could not be stored on a full disk."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: Any) -> int:
        if isinstance(text, str) and text.startswith(DAGSTERS_LINES):
            with_room = not any(part in text for part in (*TEXTS, "disk I/O error")) or room() > ROOM_OF_AN_EVENT
            if not with_room:
                return len(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _means_full(error: BaseException) -> bool:
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or any(part in str(error) for part in TEXTS):
        return True
    import sqlite3

    return isinstance(error, sqlite3.OperationalError) and "disk I/O error" in str(error) and room() <= ROOM_OF_AN_EVENT


def _lake() -> Path:
    return Path(os.environ.get("HNBC_DATA_LAKE") or ".")
