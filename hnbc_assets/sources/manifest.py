"""The archive's memory: one line of JSON per file that was verified, per source and release.

In scope: writing and reading those lines so that a killed process loses nothing that landed. Out of scope: the files.
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
    """The verified files of one source and release. Lines are only ever appended; the last one of a file counts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "manifest.jsonl"
        self._lock = threading.Lock()

    def rows(self) -> dict[str, Row]:
        """Row by file id, in the order in which files first came. A line cut off by a crash is passed over."""
        return {row["file_id"]: row for row in self.history()}

    def history(self) -> list[Row]:
        """Every line, oldest first, earlier lines of files that were fetched again included."""
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
        """Remember a file that has landed."""
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
        """Have exactly these lines, in one step; only while this source and release are held by `batch`."""
        partial = self.path.with_name(f".{self.path.name}.part")
        with partial.open("wb") as file:
            file.writelines(json.dumps(row).encode() + b"\n" for row in rows)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, self.path)

    def sync(self) -> None:
        """Let the lines survive a crash of the machine."""
        if self.path.exists():
            with self.path.open("rb") as file:
                os.fsync(file.fileno())

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Hold this source and release for one batch: another process waits, then finds the files there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
            self.sync()


def as_frame(rows: list[Row]) -> pd.DataFrame:
    """Rows as the table `raw_files` has them."""
    frame = pd.DataFrame([[row[column] for column in COLUMNS] for row in rows], columns=list(COLUMNS))
    return frame.astype({"size_bytes": "int64"})
