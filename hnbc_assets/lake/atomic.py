"""Files that are present whole or not at all, and locks that the system releases when their owner ends.

In scope: replacing one file with another in one step, waiting for a lock, deleting what a killed process left.
Out of scope: what the files contain.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

TEMPORARY_SUFFIX = ".part"


def temporary_beside(path: Path) -> Path:
    """A new hidden name in the folder of `path`, so that replacing stays within one file system."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}{TEMPORARY_SUFFIX}")


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file for writing; without an error it becomes `path` in one step.

    The bytes are on the disk before the name is, and the folder after it. Until then `path` keeps its old content,
    whatever happens: an error removes the temporary file; a killed process leaves one that `sweep` recognises as
    abandoned, because the lock on it ended with its owner.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, file = _open_temporary(path)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.replace(temporary, path)
        sync_folder(path.parent)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise


def _open_temporary(path: Path) -> tuple[Path, BinaryIO]:
    """A new temporary file next to `path`, open and locked."""
    while True:
        temporary = temporary_beside(path)
        file = open(temporary, "xb")  # noqa: SIM115 - closed by the caller
        fcntl.flock(file, fcntl.LOCK_EX)
        if temporary.exists():  # else a sweep took it between its creation and its locking
            return temporary, file
        file.close()


def write_bytes(path: Path, content: bytes) -> None:
    """Replace the content of `path`, atomically."""
    with replacing(path) as file:
        file.write(content)


def sync_file(path: Path) -> None:
    """Flush a file's bytes to the disk."""
    _sync(path, os.O_RDONLY)


def sync_folder(folder: Path) -> None:
    """Flush a folder's names to the disk, so that a rename survives a power failure."""
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Holder:
    """Who holds a lock: the process id, the purpose (empty if none was given), and since when."""

    process: str
    purpose: str
    since: datetime


@contextmanager
def locked(path: Path, *, wait_seconds: float = 600.0, purpose: str = "") -> Iterator[None]:
    """Hold an exclusive lock on a lock file; the system releases it when the process ends, however it ends.

    `purpose` says in one line why the lock is held; others who wait for it can read it.

    Raises
    ------
    TimeoutError
        If another process (named by its id) still holds the lock after `wait_seconds`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b") as file:
        deadline = time.monotonic() + wait_seconds
        while not _try_lock(file):
            if time.monotonic() > deadline:
                held = _read_holder(file)
                raise TimeoutError(f"{path} is still held by process {held.process} after {wait_seconds:g} s")
            time.sleep(0.05)
        file.truncate(0)
        file.write(f"{os.getpid()}\n{purpose}\n".encode())
        file.flush()
        yield


def holder(path: Path) -> Holder | None:
    """Who holds the lock now, or None if no living process does."""
    try:
        with open(path, "rb") as file:
            return None if _try_lock(file) else _read_holder(file)
    except FileNotFoundError:
        return None


def _read_holder(file: BinaryIO) -> Holder:
    """What the holder wrote into the lock file when it got the lock."""
    file.seek(0)
    process, _, purpose = file.read(4096).decode("utf-8", "replace").partition("\n")
    since = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
    return Holder(process.strip() or "unknown", purpose.strip(), since)


def is_locked(path: Path) -> bool:
    """Whether a living process holds the lock now."""
    return holder(path) is not None


def _try_lock(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sweep(folder: Path, *, deep: bool = True) -> list[Path]:
    """Delete the temporary files in `folder` that no living writer holds; returns the deleted files.

    With `deep`, those in the folders below it too.
    """
    removed, pattern = [], f".*{TEMPORARY_SUFFIX}"
    for temporary in sorted(folder.rglob(pattern) if deep else folder.glob(pattern)):
        with suppress(FileNotFoundError), open(temporary, "rb") as file:
            if _try_lock(file):
                temporary.unlink()
                removed.append(temporary)
    return removed
