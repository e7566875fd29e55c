"""Progress of downloads: the interface for callers, and a console that shows it.

In scope: the protocol that the archive reports to, and its console form. Out of scope: downloading.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Any, Protocol, TextIO


class Progress(Protocol):
    """The receiver of a batch's progress; it may be called from several threads."""

    def start(self, total_files: int, total_bytes: int | None) -> None:
        """A batch begins; `total_bytes` is None if the upstream does not state it."""

    def advance(self, files: int = 0, bytes: int = 0) -> None:
        """Report further files and bytes (bytes may be negative if a file starts again)."""

    def done(self) -> None:
        """The batch ended, with or without failures."""


class Silent:
    """Shows nothing."""

    def start(self, total_files: int, total_bytes: int | None) -> None:
        pass

    def advance(self, files: int = 0, bytes: int = 0) -> None:
        pass

    def done(self) -> None:
        pass


class ConsoleProgress:
    """Files, bytes, rate and time left, on stderr: a bar on a terminal, a plain line every few seconds elsewhere."""

    def __init__(self, title: str, *, stream: TextIO | None = None, every_seconds: float = 5.0) -> None:
        self.title = title
        self._stream = stream or sys.stderr
        self._every = every_seconds
        self._lock = threading.Lock()
        self._bar: Any = None

    def start(self, total_files: int, total_bytes: int | None) -> None:
        self._files, self._bytes = 0, 0
        self._total_files, self._total_bytes = total_files, total_bytes
        self._began = self._said = time.monotonic()
        if self._stream.isatty():
            self._open_bar()

    def advance(self, files: int = 0, bytes: int = 0) -> None:
        with self._lock:
            self._files += files
            self._bytes += bytes
            if self._bar is not None:
                self._bar.update(self._task, completed=self._completed(), figures=self._figures())
            elif time.monotonic() - self._said >= self._every:
                self._said = time.monotonic()
                self._line()

    def done(self) -> None:
        with self._lock:
            if self._bar is not None:
                self._bar.stop()
                self._bar = None
            self._line()

    def _open_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[figures]}"),
            console=Console(file=self._stream),
            transient=True,
        )
        total = self._total_bytes or self._total_files
        self._task = self._bar.add_task(self.title, total=total, figures=self._figures())
        self._bar.start()

    def _completed(self) -> int:
        return self._bytes if self._total_bytes else self._files

    def _line(self) -> None:
        print(f"{self.title}: {self._figures()}", file=self._stream, flush=True)

    def _figures(self) -> str:
        seconds = max(time.monotonic() - self._began, 1e-3)
        total = f" of {size(self._total_bytes)}" if self._total_bytes else ""
        text = (
            f"{self._files} of {self._total_files} files, {size(self._bytes)}{total}, {size(self._bytes / seconds)}/s"
        )
        whole, so_far = self._total_bytes or self._total_files, self._completed()
        if 0 < so_far < whole:
            text += f", {duration(seconds * (whole - so_far) / so_far)} left"
        return text


def size(n_bytes: float) -> str:
    """Bytes in readable units: 512 B, 4.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(n_bytes) < 1000 or unit == "GB":
            break
        n_bytes /= 1000
    return f"{n_bytes:.0f} {unit}" if unit == "B" else f"{n_bytes:.1f} {unit}"


def duration(seconds: float) -> str:
    """Seconds as m:ss, or h:mm:ss from one hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
