"""Interpretation of an HTTP exchange, in readable words: addresses, web pages, waits, broken connections.

In scope: interpreting one answer or one failure. Out of scope: sending and repeating requests (http.py).
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
    """One attempt failed, but another may succeed: no connection, a truncated body, 429 or 5xx."""

    def __init__(self, reason: str, wait_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


@dataclass(frozen=True)
class Glimpse:
    """The beginning of an answer.

    Attributes
    ----------
    url : the real address requested, with its query
    status : HTTP status; None if there was no answer; `reason` then says why
    content_type, date : from the headers; empty if not stated
    size_bytes : of the whole file; None if the host does not state it
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
        """Whether the host returned what was requested, or its beginning."""
        return self.status in (200, 206)


def whole_size(headers: Mapping[str, str]) -> int | None:
    """Bytes of a whole file, from the headers of an answer to a Range: the answer may be the part or the whole."""
    span = re.fullmatch(r"bytes \d+-\d+/(\d+)", headers.get("content-range", ""))
    if span is not None:
        return int(span[1])
    length = headers.get("content-length", "")
    return int(length) if length.isdigit() and "content-range" not in headers else None


def address(url: str, params: Mapping[str, Any] | None) -> str:
    """The full real address, with its query."""
    return str(httpx.URL(url, params=params)) if params else url


def is_web_page(start: bytes) -> bool:
    """Whether bytes begin like a web page."""
    return start[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(WEB_PAGE_STARTS)


def retry_after(value: str | None) -> float:
    """The wait in seconds that a Retry-After header requests: a number of seconds or a date; 0 when absent or
    unreadable.
    """
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
    """Why a request failed, in readable words."""
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx.ConnectError):
        return f"no connection ({error})"
    return f"the connection broke ({error})" if str(error) else "the connection broke"


def header_md5(value: str | None) -> str | None:
    """A Content-MD5 header in hexadecimal digits, as sent by GDC, or in base64, as in the standard."""
    if value is None or re.fullmatch(r"[0-9a-fA-F]{32}", value):
        return value.lower() if value else None
    try:
        digest = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest.hex() if len(digest) == 16 else None
