"""What an exchange over HTTP says, in the reader's words: addresses, web pages, waits, broken connections.

In scope: reading one answer or one failure. Out of scope: sending and repeating requests (http.py).
"""

from __future__ import annotations

import base64
import binascii
import email.utils
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

WEB_PAGE_STARTS = (b"<!doctype html", b"<html")


class TemporaryFailure(Exception):
    """One attempt failed in a way that another may not: no connection, a cut body, 429 or 5xx."""

    def __init__(self, reason: str, wait_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


@dataclass(frozen=True)
class Glimpse:
    """The beginning of an answer.

    Attributes
    ----------
    url : the real address asked, its query included
    status : HTTP status; None where no answer came, and `reason` says why
    content_type, date : as the headers say; empty where they do not
    size_bytes : of the whole; None where the host does not say
    start : the first bytes of the body
    """

    url: str
    status: int | None = None
    content_type: str = ""
    date: str = ""
    size_bytes: int | None = None
    start: bytes = field(default=b"", repr=False)
    reason: str = ""

    @property
    def given(self) -> bool:
        """Whether the host gave what was asked for, or the beginning of it."""
        return self.status in (200, 206)


def whole_size(headers: Mapping[str, str]) -> int | None:
    """Bytes of a whole file, as the headers of an answer to a Range say: the answer may be the part or the whole."""
    span = re.fullmatch(r"bytes \d+-\d+/(\d+)", headers.get("content-range", ""))
    if span is not None:
        return int(span[1])
    length = headers.get("content-length", "")
    return int(length) if length.isdigit() and "content-range" not in headers else None


def address(url: str, params: Mapping[str, Any] | None) -> str:
    """The whole real address, its query included."""
    return str(httpx.URL(url, params=params)) if params else url


def is_web_page(start: bytes) -> bool:
    """Whether bytes begin as a web page does."""
    return start[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(WEB_PAGE_STARTS)


def retry_after(value: str | None) -> float:
    """Seconds that a Retry-After header asks to wait: a number of seconds or a date; 0 when absent or unreadable."""
    if not value:
        return 0.0
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0


def describe(error: httpx.RequestError) -> str:
    """Why a request failed, in the reader's words."""
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx.ConnectError):
        return f"no connection ({error})"
    return f"the connection broke ({error})" if str(error) else "the connection broke"


def header_md5(value: str | None) -> str | None:
    """A Content-MD5 header in hexadecimal digits, as GDC sends it, or in base64, as its standard says."""
    if value is None or re.fullmatch(r"[0-9a-fA-F]{32}", value):
        return value.lower() if value else None
    try:
        digest = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest.hex() if len(digest) == 16 else None
