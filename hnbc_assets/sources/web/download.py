"""One file from upstream to disk: resumed, examined, and put in place only when whole.

In scope: a single download and the proof that it is the requested file. Out of scope: batches and files kept
already (archive), requests as such (http.py).

A file is downloaded under a hidden name next to its target, `.NAME.part`. Only a part that passed every examination
is renamed to NAME, in one step. A part left by a broken connection or a killed process is continued with Range if it
certainly belongs to the same content; otherwise the download starts again.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import threading
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import httpx

from hnbc_assets.errors import (
    ChecksumMismatch,
    DamagedDownload,
    UpstreamUnreachable,
)
from hnbc_assets.redaction import redacted
from hnbc_assets.sources.archive.intact import check_path, place_for
from hnbc_assets.sources.web.alternatives import first_of
from hnbc_assets.sources.web.answers import TemporaryFailure, describe, header_md5, is_web_page
from hnbc_assets.sources.web.http import Client

Advance = Callable[[int], None]
BLOCK_BYTES = 2**20
UNENDED = (
    "its last line has no line end, so it may be truncated. If the host's file is like that, save it, end the line, "
    "and name it as a `file` in the study."
)


@dataclass(frozen=True)
class Wanted:
    """A file to download.

    Attributes
    ----------
    file_id : the upstream's id, or this project's own name; unique within source and release
    url : its real address, https://HOST/PATH
    path : where it is kept inside SOURCE/RELEASE/, relative
    size_bytes, md5, sha256 : as stated in the upstream's index, if it does
    others : further addresses of the same file, tried in this order if the first does not have it
    headers : sent with the request to its first address
    content : the required content type, examined before the file is accepted as whole
    """

    file_id: str
    url: str
    path: str
    size_bytes: int | None = None
    md5: str | None = None
    content: Literal["gzip", "text", "json", "xlsx", "zip"] = "text"
    sha256: str | None = None
    others: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def urls(self) -> tuple[str, ...]:
        """All its addresses, in the order to try."""
        return (self.url, *self.others)

    def __post_init__(self) -> None:
        check_path(self.path)


@dataclass(frozen=True)
class Landed:
    """A file that is in place: its size, checksums (md5 only if the upstream states one), the address it came from,
    without secrets, and its path.
    """

    size_bytes: int
    md5: str | None
    sha256: str
    url: str
    path: Path


class Interrupted(Exception):
    """The batch was stopped; what was downloaded is kept as a part."""


class Part:
    """The part of a file received so far, and what is known about the whole file."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f".{target.name}.part")
        self._notes_path = target.with_name(f".{target.name}.part.json")
        self._begun_here = False
        try:
            self.notes = json.loads(self._notes_path.read_text())
        except (OSError, ValueError):
            self.notes = {}

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def begin(self, wanted: Wanted, response: httpx.Response) -> None:
        """Start from the first byte, and record what this answer states about the whole file."""
        self._begun_here = "content-encoding" not in response.headers
        length = response.headers.get("content-length", "") if self._begun_here else ""
        validator = response.headers.get("etag") or response.headers.get("last-modified")
        self.notes = {
            "url": redacted(wanted.url),
            "md5": wanted.md5,
            "sha256": wanted.sha256,
            "stated_md5": header_md5(response.headers.get("content-md5")),
            "size": int(length) if length.isdigit() else None,
            "validator": validator if validator and not validator.startswith("W/") and self._begun_here else None,
        }
        self.path.write_bytes(b"")
        self._notes_path.write_text(json.dumps(self.notes))

    def resumable(self, wanted: Wanted) -> bool:
        """Whether these bytes are certainly the beginning of the content now wanted.

        The same checksum is the same content wherever it came from: a signed address differs in every request.
        """
        if not self.size:
            return False
        stated = (("md5", wanted.md5), ("sha256", wanted.sha256))
        if any(value is not None and self.notes.get(name) == value for name, value in stated):
            return True
        same_place = self.notes.get("url") == redacted(wanted.url)
        return same_place and (bool(self.notes.get("validator")) or self._begun_here)

    def discard(self) -> None:
        """Delete the part and its record."""
        self.path.unlink(missing_ok=True)
        self._notes_path.unlink(missing_ok=True)
        self.notes, self._begun_here = {}, False

    def land(self, target: Path, sha256: str) -> Path:
        """Move the whole file to its target, or next to other content that is there; returns the path.

        After a crash of the machine it is present whole, or absent.
        """
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        place = place_for(target, sha256)
        os.replace(self.path, place)
        self._notes_path.unlink(missing_ok=True)
        return place


def download(
    client: Client, wanted: Wanted, target: Path, *, advance: Advance = lambda _: None, stop: threading.Event
) -> Landed:
    """Fetch one file to `target`: resumed if interrupted, once more if damaged, then from its other addresses.

    Parameters
    ----------
    advance : called with the number of bytes received (negative if a file starts again)
    stop : when set, the download ends with `Interrupted` and its part is kept

    Raises
    ------
    UpstreamUnreachable, UpstreamRefused
        The upstream kept failing, or refuses the file; quotes every address.
    DamagedDownload, ChecksumMismatch
        What was received is not the file, twice.
    """

    def from_address(url: str) -> Landed:
        headers = wanted.headers if url == wanted.url else ()
        one = replace(wanted, url=url, others=(), headers=headers)
        return download_from(client, one, target, advance=advance, stop=stop)

    return first_of(wanted.urls, from_address, wanted.file_id)


def download_from(client: Client, wanted: Wanted, target: Path, *, advance: Advance, stop: threading.Event) -> Landed:
    """Fetch one file from its first address alone (see `download`)."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Part(target)
    for attempt in (1, 2):
        try:
            receive(client, wanted, part, advance, stop)
            size, md5, sha256 = examine(wanted, part)
            return Landed(size, md5, sha256, redacted(wanted.url), part.land(target, sha256))
        except DamagedDownload:
            advance(-part.size)
            part.discard()
            if attempt == 2 or not client.may_retry(1):
                raise
    raise AssertionError("unreachable")


def receive(client: Client, wanted: Wanted, part: Part, advance: Advance, stop: threading.Event) -> None:
    """Receive a file's bytes, starting at the end of the part; attempts that make progress do not count as failures."""
    if part.resumable(wanted):
        advance(part.size)
    else:
        part.discard()
    furthest, failures = part.size, 0
    while True:
        try:
            return attempt_once(client, wanted, part, advance, stop)
        except (TemporaryFailure, httpx.RequestError) as error:
            failures = 1 if part.size > furthest else failures + 1
            furthest = max(furthest, part.size)
            wait = error.wait_seconds if isinstance(error, TemporaryFailure) else 0.0
            if stop.is_set() or not client.may_retry(failures, wait):
                reason = str(error) if isinstance(error, TemporaryFailure) else describe(error)
                raise UpstreamUnreachable(
                    f"{wanted.url}: {reason} ({failures} attempts without progress, {part.size} bytes kept)."
                ) from error


def attempt_once(client: Client, wanted: Wanted, part: Part, advance: Advance, stop: threading.Event) -> None:
    """One request for the missing bytes, appended to the part; returns when the body has ended."""
    offset = part.size if part.resumable(wanted) else 0
    whole = wanted.size_bytes or part.notes.get("size")
    if offset and offset == whole:
        return
    headers = dict(wanted.headers)
    if offset and part.notes.get("validator"):
        headers["If-Range"] = part.notes["validator"]
    with client.stream(wanted.url, offset=offset, headers=headers) as response:
        if response.status_code == 206 and continues(response, offset, whole):
            pass
        elif response.status_code == 200:
            advance(-part.size)
            part.begin(wanted, response)
        else:
            advance(-part.size)
            part.discard()
            raise TemporaryFailure("the part kept so far does not match the upstream's file")
        with part.path.open("ab") as file:
            for chunk in response.iter_bytes():
                if stop.is_set():
                    raise Interrupted(wanted.file_id)
                file.write(chunk)
                advance(len(chunk))
                if wanted.size_bytes is not None and file.tell() > wanted.size_bytes:
                    more = f"more than the index's {wanted.size_bytes} bytes were received"
                    raise ChecksumMismatch(f"{wanted.file_id} ({wanted.url}): {more}.")


def continues(response: httpx.Response, offset: int, whole: int | None) -> bool:
    """Whether a partial answer begins where the part ends, and belongs to the same whole."""
    span = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("content-range", ""))
    if span is None or int(span[1]) != offset or "content-encoding" in response.headers:
        return False
    return whole is None or span[3] == "*" or int(span[3]) == whole


def examine(wanted: Wanted, part: Part) -> tuple[int, str | None, str]:
    """Prove that a part is the whole file: size, checksum, and the kind of its content.

    Returns
    -------
    Its size, md5 (only if the upstream states one) and sha256.

    Raises
    ------
    ChecksumMismatch
        Size or a checksum differ from upstream's index (or, without one, from its headers).
    DamagedDownload
        Empty, a web page, or truncated content.
    """
    name = f"{wanted.file_id} ({wanted.url})"
    size = part.size
    if size == 0:
        raise DamagedDownload(f"{name}: the answer was empty.")
    with part.path.open("rb") as file:
        start = file.read(256)
    if is_web_page(start):
        raise DamagedDownload(f"{name}: a web page was received instead of {wanted.content} data.")
    stated_size = wanted.size_bytes if wanted.size_bytes is not None else part.notes.get("size")
    if stated_size is not None and size != stated_size:
        raise ChecksumMismatch(f"{name}: {size} bytes were received, the upstream states {stated_size}.")
    stated_md5 = (wanted.md5 or part.notes.get("stated_md5") or "").lower() or None
    found_md5, sha256 = digests(part.path, with_md5=stated_md5 is not None)
    if found_md5 != stated_md5:
        raise ChecksumMismatch(f"{name}: md5 {found_md5} was received, the upstream states {stated_md5}.")
    if wanted.sha256 is not None and sha256 != wanted.sha256.lower():
        raise ChecksumMismatch(f"{name}: sha256 {sha256} was received, the upstream states {wanted.sha256}.")
    if wanted.md5 is None and wanted.sha256 is None:
        examine_content(wanted.content, part.path, name)
        if wanted.content == "text" and stated_md5 is None and wanted.size_bytes is None:
            examine_last_line(part.path, name)
    return size, stated_md5, sha256


def examine_content(content: str, path: Path, name: str) -> None:
    """Read a whole file, if its format shows whether it is truncated or corrupt."""
    try:
        if content == "gzip":
            with gzip.open(path) as file:
                while file.read(BLOCK_BYTES):
                    pass
        elif content in ("zip", "xlsx"):
            with zipfile.ZipFile(path) as archive:
                if (bad := archive.testzip()) is not None:
                    raise DamagedDownload(f"{name}: its member {bad} is corrupt.")
        elif content == "json":
            json.loads(path.read_bytes())
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, ValueError) as error:
        raise DamagedDownload(f"{name}: truncated or not {content} ({error}).") from error


def examine_last_line(path: Path, name: str) -> None:
    """Detect a truncated text if neither size nor checksum is stated: its last line has no line end."""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        end = file.read()
    if end not in (b"\n", b"\r"):
        raise DamagedDownload(f"{name}: {UNENDED}")


def digests(path: Path, *, with_md5: bool = False) -> tuple[str | None, str]:
    """A file's md5 (if requested) and sha256, in hexadecimal digits."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            sha256.update(block)
            if with_md5:
                md5.update(block)
    return md5.hexdigest() if with_md5 else None, sha256.hexdigest()
