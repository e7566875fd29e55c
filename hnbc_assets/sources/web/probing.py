"""Probing: one small request per address, and whether the reader could use the answer.

In scope: the requests, the verdict on an answer, lines and cells at the beginning of a file. Out of scope: which
addresses an upstream has (the folder of each source), how the verdicts are shown (commands/doctor.py).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import httpx

from hnbc_assets.errors import FormatError, HnbcError, UpstreamRefused
from hnbc_assets.sources.archive.archived import GZIP_MAGIC
from hnbc_assets.sources.web.answers import Glimpse, TemporaryFailure, address, describe, is_web_page, whole_size
from hnbc_assets.sources.web.http import RETRIED_STATUSES

if TYPE_CHECKING:
    from hnbc_assets.sources.web.http import Client

FIRST_BYTES = 2**16
WHOLE_REPLY = 2**22  # an API's answer is read whole: it is small, and part of a JSON text cannot be parsed
Verdict = Literal["good", "fails", "not needed"]


@dataclass(frozen=True)
class Ask:
    """An address that a fetch needs.

    Attributes
    ----------
    what : the file or answer, in a few words
    urls : its addresses, in the order to try; one that works is enough
    understand : describes the beginning of the answer; raises HnbcError if the reader would refuse it
    params : of the query
    first_bytes : how much is read at most
    then : the next requests, made from this answer
    """

    what: str
    urls: tuple[str, ...]
    understand: Callable[[Glimpse], str]
    params: dict[str, Any] | None = None
    first_bytes: int = FIRST_BYTES
    then: Callable[[Glimpse], Iterable[Ask]] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Probed:
    """One address that was queried: what was wanted, the beginning of the answer, its description, and the verdict.

    An address that fails is "not needed" if another one has the file.
    """

    what: str
    seen: Glimpse
    message: str
    verdict: Verdict


def glimpse(
    client: Client, url: str, *, params: Mapping[str, Any] | None = None, first_bytes: int = FIRST_BYTES
) -> Glimpse:
    """The beginning of a file or an answer, whatever the status; no more than that is read.

    A host that ignores Range sends the whole file: reading stops after the first bytes. An attempt that failed in a
    temporary way is repeated once.
    """
    asked = address(url, params)
    for attempt in (1, 2):
        try:
            found = _begin(client, url, params, first_bytes)
        except UpstreamRefused as error:
            return Glimpse(asked, reason=str(error))
        except TemporaryFailure as error:
            found = Glimpse(asked, reason=str(error))
        except httpx.RequestError as error:
            found = Glimpse(asked, reason=describe(error))
        passing = found.status is None or found.status in RETRIED_STATUSES
        if not passing or attempt == 2 or not client.may_retry(1):
            break
    return found


def _begin(client: Client, url: str, params: Mapping[str, Any] | None, first_bytes: int) -> Glimpse:
    """One attempt at the first bytes of an answer."""
    start = bytearray()
    with client.answer(url, params=params, headers={"Range": f"bytes=0-{first_bytes - 1}"}) as response:
        for chunk in response.iter_bytes():
            start += chunk
            if len(start) >= first_bytes:
                break
        return Glimpse(
            address(url, params),
            response.status_code,
            content_type=response.headers.get("content-type", "").partition(";")[0],
            date=response.headers.get("date", ""),
            size_bytes=whole_size(response.headers),
            start=bytes(start[:first_bytes]),
        )


def probe(client: Client, ask: Ask) -> Iterator[Probed]:
    """Query all addresses of a file, then what follows from the first good answer."""
    answers = [_judged(client, ask, url) for url in ask.urls]
    found = next((seen for seen, _, good in answers if good), None)
    for seen, message, good in answers:
        yield Probed(ask.what, seen, message, "good" if good else "fails" if found is None else "not needed")
    if found is not None and ask.then is not None:
        for further in ask.then(found):
            yield from probe(client, further)


def _judged(client: Client, ask: Ask, url: str) -> tuple[Glimpse, str, bool]:
    """The answer of one address and its description; an answer that is not good is requested once more."""
    for attempt in (1, 2):
        seen = glimpse(client, url, params=ask.params, first_bytes=ask.first_bytes)
        message, good = judge(ask, seen)
        if good or not seen.given or attempt == 2 or not client.may_retry(1):
            break
    return seen, message, good


def judge(ask: Ask, seen: Glimpse) -> tuple[str, bool]:
    """The description of an answer, and whether the reader could read the rest of it."""
    if seen.status is None:
        return seen.reason, False
    if not seen.given:
        return f"refused: HTTP status {seen.status}", False
    if is_web_page(seen.start):
        return "a web page instead of data", False
    if not seen.start:
        return "an empty answer", False
    try:
        return ask.understand(seen), True
    except HnbcError as error:
        return str(error), False


def first_text(seen: Glimpse) -> str:
    """The text at the beginning of a file, unpacked if it is gzip.

    Raises
    ------
    FormatError
        It is gzip and cannot be unpacked.
    """
    start = seen.start
    if start[:2] == GZIP_MAGIC:
        try:
            start = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(start)
        except zlib.error as error:
            raise FormatError(f"gzip that cannot be unpacked ({error})") from error
    return start.decode("utf-8-sig", "replace")


def first_lines(seen: Glimpse) -> list[str]:
    """The whole lines at the beginning of a file; the last, which may be truncated, only if there is no other."""
    lines = first_text(seen).splitlines()
    whole = seen.size_bytes is not None and seen.size_bytes <= len(seen.start)
    return lines if whole or len(lines) < 2 else lines[:-1]


def header(seen: Glimpse, separator: str, *, comment: str = "#") -> list[str]:
    """The cells of the first line that is not a comment."""
    line = next((line for line in first_lines(seen) if not line.startswith(comment)), "")
    return [cell.strip().strip('"') for cell in line.split(separator)]


def with_columns(cells: list[str], needed: Collection[str]) -> str:
    """The header in a few words.

    Raises
    ------
    FormatError
        A column that the reader needs is missing.
    """
    lost = [column for column in needed if column not in cells]
    if lost:
        raise FormatError(f"no column {', '.join(lost)}; the header is {shortened(cells)}")
    return f"{len(cells)} columns: {shortened(cells)}"


def shortened(cells: list[str], most: int = 4) -> str:
    """The first cells, and an ellipsis if there are more."""
    return ", ".join(cell[:40] for cell in cells[:most]) + (", …" if len(cells) > most else "")


def columns(separator: str, *needed: str) -> Callable[[Glimpse], str]:
    """A check of a delimited file's header for the columns that its reader needs."""
    return lambda seen: with_columns(header(seen, separator), needed)


def workbook(seen: Glimpse) -> str:
    """An Excel file is recognised by its first bytes; its columns can be read only from the whole file."""
    if seen.start[:4] != b"PK\x03\x04":
        raise FormatError(f"not a workbook (xlsx); it begins {seen.start[:16]!r}")
    return "a workbook; its columns can be read only from the whole file"
