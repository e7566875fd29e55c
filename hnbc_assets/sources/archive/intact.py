"""Archived files compared with their records: hashed several at a time, and set aside if they differ.

In scope: whether files match their rows, where other content is stored, setting damaged files aside. Out of scope:
which files exist (store.py), fetching them again (web/download.py).

    ROOT/damaged/SOURCE/RELEASE/<path>      files that no longer matched their record, as they were found
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from hnbc_assets.errors import ArchiveDamaged, UpstreamChanged

if TYPE_CHECKING:
    import pandas as pd

DAMAGED = "damaged"
BLOCK_BYTES = 2**20
State = tuple[int, int, int]


class Files:
    """Files under one root folder; the sha256 of each is checked before the file is used.

    A file is checked once while it does not change; every step has a new archive, or one that forgets, and
    checks again.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._verified: dict[tuple[str, str], State] = {}

    def forget(self) -> None:
        """Check every file again before it is used: earlier results no longer count."""
        self._verified.clear()

    def locate(self, row: Mapping[str, Any] | pd.Series) -> Path:
        """The absolute path of a manifest row's file, whose bytes are those that were recorded.

        Raises
        ------
        ArchiveDamaged
            The file is missing or its bytes have changed.
        """
        if not self.holds(row):
            raise self._lost([str(row["path"])])
        return self.place(row)

    def place(self, row: Mapping[str, Any] | pd.Series) -> Path:
        """The path where the file of a manifest row should be, whatever is there."""
        check_path(str(row["path"]))
        return (self.root / str(row["path"])).absolute()

    def holds(self, row: Mapping[str, Any] | pd.Series) -> bool:
        """Whether the file of a manifest row exists with the bytes that were recorded."""
        path, kept = self.place(row), (str(row["path"]), str(row["sha256"]))
        state = state_of(path)
        if state is not None and self._verified.get(kept) != state:
            if sha256_of(path) != row["sha256"]:
                return False
            self._verified[kept] = state
        return state is not None

    def verify(self, rows: pd.DataFrame) -> None:
        """Read files again, several at once, and compare their sha256 with the rows'.

        Raises
        ------
        ArchiveDamaged
            A file is missing or its bytes have changed; names each.
        """
        if lost := self.damaged(rows):
            raise self._lost(lost)

    def _lost(self, lost: Sequence[str]) -> ArchiveDamaged:
        gone = [path for path in lost if not (self.root / path).exists()]
        what = "are missing" if len(gone) == len(lost) else "are missing or changed" if gone else "have changed"
        return ArchiveDamaged(
            f"{len(lost)} archived file(s) {what} since they were recorded: {', '.join(lost[:5])}"
            f"{' …' if len(lost) > 5 else ''}. Fetching them again sets damaged files aside and replaces them.",
            tuple(lost),
        )

    def damaged(self, rows: pd.DataFrame) -> list[str]:
        """The paths of files that are missing or do not have the sha256 of their row; every file is read."""
        before = {path: state_of(self.root / path) for path in map(str, rows["path"])}
        for path in before:
            check_path(path)
        found, lost = hashes(self.root, before), []
        for path, sha256 in zip(map(str, rows["path"]), map(str, rows["sha256"]), strict=True):
            if found[path] == sha256:
                self._verified[path, sha256] = before[path]
            elif path not in lost:
                lost.append(path)
        return lost


def state_of(path: Path) -> State | None:
    """When a file was written, its size, and its inode; None if there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def sha256_of(path: Path) -> str | None:
    """A file's sha256 in hexadecimal digits; None if there is no file, or it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
    except OSError:  # missing, or on blocks of a disk that cannot be read
        return None
    return digest.hexdigest()


def hashes(root: Path, paths: Iterable[str]) -> dict[str, str | None]:
    """The sha256 of each file below `root`, each read once; None if there is no file."""
    wanted = list(dict.fromkeys(paths))
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        return dict(zip(wanted, pool.map(lambda path: sha256_of(root / path), wanted), strict=True))


def place_for(target: Path, sha256: str) -> Path:
    """Where to store content: at its path or, if other content is there, next to it with sha256 digits in its name.

    Bytes that something may depend on are never overwritten.
    """
    return (
        target if not target.exists() or sha256_of(target) == sha256 else target.parent / free_path(target.name, sha256)
    )


def free_path(path: str, sha256: str) -> str:
    """The path for content whose own path is occupied: with the first digits of its sha256 before the suffix."""
    other = PurePosixPath(path)
    return str(other.with_name(f"{other.stem}.{sha256[:12]}{other.suffix}"))


def set_aside(root: Path, path: str) -> Path | None:
    """Move a damaged file out of the way, so that it is no longer read; None if it is already missing."""
    source, target, number = root / path, root / DAMAGED / path, 1
    while target.exists():
        number += 1
        target = (root / DAMAGED / path).with_name(f"{source.name}.{number}")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(source, target)
    except FileNotFoundError:
        return None
    return target


def all_set_aside(root: Path) -> dict[Path, tuple[str, ...]]:
    """Every file that was set aside, with the paths that it may have had: its name, with and without a number.

    Its `st_ctime` is when it was set aside; its other times are older.
    """
    files = sorted(path for path in (root / DAMAGED).rglob("*") if path.is_file())
    named = {path: path.relative_to(root / DAMAGED).as_posix() for path in files}
    return {path: tuple(dict.fromkeys([name, re.sub(r"\.\d+$", "", name)])) for path, name in named.items()}


def check_path(path: str) -> None:
    """Raise an error for a path that could be outside the folder of files.

    Raises
    ------
    UpstreamChanged
        The path is absolute, has `..`, is hidden, or has characters that file names should not have.
    """
    parts = PurePosixPath(path).parts
    safe = bool(parts) and all(re.fullmatch(r"\w[\w .,+\-=@()]{0,200}", part) for part in parts)
    if not safe or path.startswith("/") or "\\" in path:
        raise UpstreamChanged(f"{path!r} is not a file name that the archive accepts; nothing was written.")
