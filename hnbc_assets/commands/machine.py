"""The machine that a study would run on: Python, memory, disk, write access, clock.

In scope: examining each, and the verdict. Out of scope: the upstream hosts (addresses_asked.py), printing (doctor.py).
"""

from __future__ import annotations

import email.utils
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

# Peak memory of a full run, and the disk space of its archive, tables and databases; key True: a simulated run.
MEMORY_BYTES = {True: 3e9, False: 6e9}
DISK_BYTES = {True: 1e9, False: 12e9}
BUILT = datetime(2026, 1, 1, tzinfo=UTC)
CLOCK_APART = timedelta(minutes=5)


@dataclass(frozen=True)
class Finding:
    """One thing that was checked: what it is, what was found with the remedy, and whether it is sufficient."""

    what: str
    message: str
    good: bool


def examine(lake: Path, *, simulated: bool, dates: Iterable[str] = ()) -> list[Finding]:
    """All findings.

    Parameters
    ----------
    lake : the data lake's folder, which need not exist yet
    dates : `Date` headers of hosts that answered just now
    """
    return [_python(), _memory(simulated), _disk(lake, simulated), _writable(lake), _clock(dates)]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] <= (3, 12)
    return Finding("python", version + ("" if good else ": 3.11 or 3.12 is needed"), good)


def _memory(simulated: bool) -> Finding:
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    needed = MEMORY_BYTES[simulated]
    message = f"{found / 1e9:.1f} GB" + ("" if found >= needed else f": a run takes up to {needed / 1e9:.0f} GB")
    return Finding("memory", message, found >= needed)


def _disk(lake: Path, simulated: bool) -> Finding:
    free = shutil.disk_usage(_existing(lake)).free
    there = sum(file.stat().st_size for file in (lake / "raw").rglob("*") if file.is_file())
    needed = max(1e9, DISK_BYTES[simulated] - there)
    message = f"{free / 1e9:.1f} GB free for {lake}"
    return Finding("disk", message + ("" if free >= needed else f": {needed / 1e9:.0f} GB are needed"), free >= needed)


def _writable(lake: Path) -> Finding:
    folder = _existing(lake)
    if not folder.is_dir():
        return Finding("lake", f"{folder} is a file; set HNBC_DATA_LAKE to a folder", False)
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".hnbc_doctor"):
            pass
    except OSError as error:
        return Finding("lake", f"{folder} cannot be written ({error.strerror}); set HNBC_DATA_LAKE", False)
    return Finding("lake", f"{lake} can be written" if folder == lake else f"{lake} can be made", True)


def _clock(dates: Iterable[str]) -> Finding:
    now = datetime.now(UTC)
    moments = []
    for date in dates:
        try:
            moments.append(email.utils.parsedate_to_datetime(date))
        except ValueError:
            continue
    apart = sorted((now - moment for moment in moments if moment.tzinfo), key=abs)
    message = f"{now:%Y-%m-%d %H:%M} UTC"
    if apart:  # the median: a single host's clock may be wrong
        middle = apart[len(apart) // 2]
        if abs(middle) > CLOCK_APART:
            return Finding("clock", f"{message}, {middle} from the hosts' clocks: set the machine's clock", False)
    good = now > BUILT
    return Finding("clock", message + ("" if good else ": before this version was made; set the machine's clock"), good)


def _existing(path: Path) -> Path:
    """The path itself, or the nearest folder above it that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
