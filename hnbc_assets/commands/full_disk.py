"""A full disk, said in one line: which errors mean one, and what others would print of it.

Belongs here: telling a full disk from other errors. Does not: what a command does then (cli, narration).

SQLite, in which Dagster keeps its events, calls a full disk an I/O error as a rule: then the room that is left at that
moment decides.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

LITTLE_ROOM = 100_000  # bytes; less than one of SQLite's journals takes
ROOM_OF_AN_EVENT = 8_000_000  # bytes; more than an event with a figure takes in SQLite's journal
SAID = ("No space left on device", "database or disk is full", "Disk quota exceeded")
# What Dagster writes to stderr when an event cannot be kept, before it raises the error that is told in the end.
DAGSTERS_LINES = ("Exception while writing logger call to event log: ", "Exception while storing event batch: ")


def told(error: BaseException | None) -> str:
    """What is said of an error that a full disk caused; empty when something else did."""
    cause = error
    while cause is not None:
        if _means_full(cause):
            return sentence()
        cause = cause.__cause__ or cause.__context__
    return sentence() if error is not None and room() <= LITTLE_ROOM else ""


def sentence() -> str:
    """The one line."""
    return f"No space left on device: {_lake()} needs more room. What was finished is kept."


def room() -> float:
    """Bytes that are free where the lake is; infinitely many where that cannot be told."""
    with suppress(OSError):
        return shutil.disk_usage(_lake()).free
    return float("inf")


@contextmanager
def unrepeated() -> Iterator[None]:
    """Keep Dagster from printing SQL when the disk is full: the error that follows is told by this package."""
    before = sys.stderr
    sys.stderr = _Listening(before)  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.stderr = before


class _Listening:
    """A stream without Dagster's lines on events that a full disk did not take."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: Any) -> int:
        if isinstance(text, str) and text.startswith(DAGSTERS_LINES):
            with_room = not any(said in text for said in (*SAID, "disk I/O error")) or room() > ROOM_OF_AN_EVENT
            if not with_room:
                return len(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _means_full(error: BaseException) -> bool:
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or any(said in str(error) for said in SAID):
        return True
    return isinstance(error, sqlite3.OperationalError) and "disk I/O error" in str(error) and room() <= ROOM_OF_AN_EVENT


def _lake() -> Path:
    return Path(os.environ.get("HNBC_DATA_LAKE") or ".")
