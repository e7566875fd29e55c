"""The archive's records: one line of JSON per verified file, by source and release.

In scope: writing and reading those lines so that a killed process loses no landed file. Out of scope: the files.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

COLUMNS = ("source", "release", "file_id", "url", "path", "size_bytes", "md5", "sha256", "retrieved_at")
Row = dict[str, Any]


class Manifest:
    """The verified files of one source and release. Lines are only appended; the last line of a file counts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "manifest.jsonl"
        self._lock = threading.Lock()

    def rows(self) -> dict[str, Row]:
        """Row by file id, in the order in which files were first recorded. A line truncated by a crash is skipped."""
        return {row["file_id"]: row for row in self.history()}

    def history(self) -> list[Row]:
        """Every line, oldest first, including earlier lines of files that were fetched again."""
        rows: list[Row] = []
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                try:
                    row = json.loads(line)
                    rows += [row] if row["file_id"] else []
                except (ValueError, KeyError, TypeError):
                    continue
        return rows

    def append(self, row: Row) -> None:
        """Record a file that has landed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        line = json.dumps(row).encode() + b"\n"
        with self._lock, self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line)

    def replace(self, rows: Iterable[Row]) -> None:
        """Replace all lines by these, in one step; only while `batch` locks this source and release."""
        partial = self.path.with_name(f".{self.path.name}.part")
        with partial.open("wb") as file:
            file.writelines(json.dumps(row).encode() + b"\n" for row in rows)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, self.path)

    def sync(self) -> None:
        """Flush the lines to disk, so that they survive a crash of the machine."""
        if self.path.exists():
            with self.path.open("rb") as file:
                os.fsync(file.fileno())

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Lock this source and release for one batch: another process waits, then finds the files present."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
            self.sync()


def as_frame(rows: list[Row]) -> pd.DataFrame:
    """Rows as in the table `raw_files`."""
    frame = pd.DataFrame([[row[column] for column in COLUMNS] for row in rows], columns=list(COLUMNS))
    return frame.astype({"size_bytes": "int64"})
