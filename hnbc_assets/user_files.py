"""Files that a user names: a study, tables, gene lists. Each is read as a whole, if it is a regular file.

In scope: which files are read, how large they may be, in which encoding their text is. Out of scope: formats (study,
sources), files from upstreams (sources/archive).
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import zlib
from pathlib import Path

from hnbc_assets.errors import StudyError

# Bytes that a file may have, packed or not: room for 60,000 genes × 2,000 patients, and for all of MSigDB.
STUDY_BYTES = 256 << 10
TABLE_BYTES = 1 << 30
LIST_BYTES = 256 << 20

KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
GZIP = b"\x1f\x8b"
MARKS = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"PK\x03\x04": "a workbook or zip",
    b"\xd0\xcf\x11\xe0": "a workbook",
    b"%PDF": "a PDF document",
    GZIP: "packed by gzip",
}


def read_bytes(given: Path | str, what: str, *, folder: Path | None = None, at_most: int = TABLE_BYTES) -> bytes:
    """The bytes of a file as a user named it.

    A relative path starts at the study's folder and stays in it: to name a file elsewhere, use its absolute path, or
    put a symbolic link into the folder. A path must lead to a regular file of bounded size: a device has no end, and a
    pipe may never deliver anything, so neither is opened.

    Parameters
    ----------
    given : the path as the user wrote it
    what : what the file is for, for messages: "expression table of cohort mine"
    folder : where relative paths start; default the working directory
    at_most : bytes; more are refused before they are read

    Raises
    ------
    StudyError
        If the file does not exist, may not be read, is not a regular file, is elsewhere or is too large.
    """
    path = locate(given, what, folder=folder, at_most=at_most)
    try:
        # The file may have been replaced since it was located: opening must not wait.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            _require_regular(os.fstat(descriptor).st_mode, given, what)
            content = stream.read(at_most + 1)
    except OSError as error:
        raise _unreadable(given, what, path, error) from error
    _require_size(len(content), given, what, at_most)
    return content


def locate(given: Path | str, what: str, *, folder: Path | None = None, at_most: int = TABLE_BYTES) -> Path:
    """The path of a file that a user named, if `read_bytes` would read it; nothing is opened."""
    root = Path(folder or ".").absolute()
    path = root / given
    if os.path.normpath(given).split(os.sep)[0] == os.pardir:
        raise StudyError(
            f"{given} ({what}) leads out of the study's folder {root}. Put the file into the folder, or name it by its "
            f"absolute path: {os.path.normpath(path)}."
        )
    try:
        found = path.resolve(strict=True)
        status = found.stat()
    except (OSError, RuntimeError, ValueError) as error:  # a circle of links; a zero byte in the name
        raise _unreadable(given, what, path, error) from error
    _require_regular(status.st_mode, given, what)
    _require_size(status.st_size, given, what, at_most)
    return found


def unpacked(content: bytes, name: str, *, at_most: int = TABLE_BYTES, error: type[Exception] = StudyError) -> bytes:
    """Content that may be packed by gzip, unpacked to at most so many bytes.

    Raises
    ------
    error
        If it is damaged, cut short, or larger.
    """
    if not content.startswith(GZIP):
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            plain = stream.read(at_most + 1)
    except (EOFError, OSError, zlib.error) as reason:
        raise error(
            f"{name} is packed by gzip and damaged or cut short. Pack it again, or name it unpacked."
        ) from reason
    if len(plain) > at_most:
        raise error(f"{name} has more than the {at_most >> 20} MB that are read of it. Is it the right one?")
    return plain


def decode(content: bytes, name: str, *, error: type[Exception] = StudyError) -> str:
    """Text of a file in UTF-8, with or without byte order mark; with any line ends.

    Raises
    ------
    error
        If it is in another encoding, or not text; the message says which it seems to be, and where.
    """
    text = _decoded(content, name, error).removeprefix("\ufeff")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        kind = "UTF-16" if content.count(0) > len(content) / 4 else "damaged, or not text"
        raise error(f"{name}, line {line}: a zero byte: the file is {kind}. Save it as text in UTF-8.")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _decoded(content: bytes, name: str, error: type[Exception]) -> str:
    for mark, kind in MARKS.items():
        if content.startswith(mark):
            raise error(f"{name} is {kind}, where text is read. Save it as text in UTF-8 (csv, in a spreadsheet).")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as reason:
        line = content.count(b"\n", 0, reason.start) + 1
        before = content[max(content.rfind(b"\n", 0, reason.start) + 1, reason.start - 20) : reason.start]
        seen = content[reason.start : reason.start + 1]
        guess = "Windows-1252 (cp1252)" if b"\x80" <= seen < b"\xa0" else "Latin-1 (ISO 8859-1)"
        raise error(
            f"{name}, line {line}: after {before.decode('utf-8', errors='replace')!r} comes the byte 0x{seen.hex()}, "
            f"which is not UTF-8; in {guess} it is {seen.decode('cp1252', errors='replace')!r}. Save the file as UTF-8."
        ) from reason


def _require_regular(mode: int, given: Path | str, what: str) -> None:
    if stat.S_ISREG(mode):
        return
    kind = next((name for is_kind, name in KINDS if is_kind(mode)), "something else")
    raise StudyError(f"{given} ({what}) is {kind}, not a file. Name a regular file.")


def _require_size(size: int, given: Path | str, what: str, at_most: int) -> None:
    if size > at_most:
        limit = f"{at_most >> 20} MB" if at_most >= 1 << 20 else f"{at_most >> 10} kB"
        raise StudyError(
            f"{given} ({what}) is larger than the {limit} that are read of such a file. Is it the right one?"
        )


def _unreadable(given: Path | str, what: str, path: Path, error: Exception) -> StudyError:
    looped = "its symbolic links lead in a circle" if isinstance(error, RuntimeError) else "its name is not a path"
    why = getattr(error, "strerror", None) or looped
    near = _nearest(path)
    hint = f" The nearest name there is {near}." if near else ""
    return StudyError(
        f"{given} ({what}) cannot be read ({why}: {path}).{hint} Paths in a study file start at its folder."
    )


def _nearest(path: Path) -> str | None:
    """The file in the same folder with the name most similar to that of a missing file."""
    import difflib

    try:
        names = [entry.name for entry in os.scandir(path.parent)]
    except (OSError, ValueError):
        return None
    return next(iter(difflib.get_close_matches(path.name, names, n=1)), None)
