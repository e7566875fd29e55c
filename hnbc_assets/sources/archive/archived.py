"""Finding one archived file among the manifest rows given to a reader, and opening it, packed or not.

In scope: the step from manifest rows to a path and its text. Out of scope: formats, the manifest itself (manifest.py).
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from hnbc_assets.errors import FormatError

if TYPE_CHECKING:
    import pandas as pd

    from hnbc_assets.sources.archive.store import Archive

GZIP_MAGIC = b"\x1f\x8b"
REMEDY = "Delete it and fetch it again; if it is your own file, save it again."


def find(archive: Archive, manifest: pd.DataFrame, pattern: str) -> Path | None:
    """The path of the manifest row whose whole file id matches `pattern`, or None; the last row wins."""
    wanted = re.compile(pattern)
    path = None
    for _, row in manifest.iterrows():
        if wanted.fullmatch(str(row["file_id"])):
            path = Path(archive.locate(row))
    return path


def locate(archive: Archive, manifest: pd.DataFrame, pattern: str, what: str) -> Path:
    """As `find`, for a file that must exist.

    Raises
    ------
    FormatError
        If no row matches; the message has what was searched for and the files of the manifest.
    """
    path = find(archive, manifest, pattern)
    if path is None:
        known = ", ".join(map(str, manifest["file_id"].head(8))) or "none"
        raise FormatError(f"No {what} among the archived files ({known}). Fetch the source again.")
    return path


def read_bytes(path: Path) -> bytes:
    """The content of a file, unpacked if it is gzip.

    Raises
    ------
    FormatError
        If it is gzip and cannot be unpacked.
    """
    content = path.read_bytes()
    if content[:2] != GZIP_MAGIC:
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise FormatError(f"{path.name} cannot be unpacked, it is damaged or cut short. {REMEDY}") from error


def chunks(path: Path, size: int = 1 << 20) -> Generator[bytes, None, None]:
    """The content of a file piece by piece, unpacked if it is gzip (with one or several members).

    It is unpacked by ISA-L, in about a third of zlib's time: half of reading a series matrix is unpacking.

    Raises
    ------
    FormatError
        If it is gzip and ends early or cannot be unpacked.
    """
    from isal import isal_zlib

    with path.open("rb") as stream:
        piece = stream.read(size)
        if piece[:2] != GZIP_MAGIC:
            while piece:
                yield piece
                piece = stream.read(size)
            return
        member = isal_zlib.decompressobj(zlib.MAX_WBITS | 16)
        while piece:
            try:
                yield member.decompress(piece)
            except isal_zlib.error as error:
                raise FormatError(f"{path.name} cannot be unpacked, it is damaged. {REMEDY}") from error
            piece = member.unused_data or stream.read(size)
            if member.eof and piece:
                member = isal_zlib.decompressobj(zlib.MAX_WBITS | 16)
        if not member.eof:
            raise FormatError(f"{path.name} ends early: truncated. {REMEDY}")


def open_text(path: Path) -> TextIO:
    """A text stream over a file that may be gzip; bytes that are not UTF-8 are replaced.

    Raises
    ------
    FormatError
        During reading: if it is gzip and ends early or cannot be unpacked.
    """
    content = io.BufferedReader(_Content(chunks(path)), 1 << 20)
    return io.TextIOWrapper(content, encoding="utf-8-sig", errors="replace", newline=None)


class _Content(io.RawIOBase):
    """Pieces of a file as a stream of bytes: an error of unpacking is raised by the read."""

    def __init__(self, pieces: Generator[bytes, None, None]) -> None:
        self._pieces = pieces
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._piece:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._piece = memoryview(piece)
        into = memoryview(buffer)
        size = min(len(into), len(self._piece))
        into[:size], self._piece = self._piece[:size], self._piece[size:]
        return size

    def close(self) -> None:
        self._pieces.close()
        super().close()
