"""What an exchange over HTTP says, in the reader's words: addresses, web pages, waits, broken connections.

Belongs here: reading one answer or one failure. Does not: sending and repeating requests (http.py).
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping
from typing import Any

import httpx

WEB_PAGE_STARTS = (b"<!doctype html", b"<html")


class TemporaryFailure(Exception):
    """One attempt failed in a way that another may not: no connection, a cut body, 429 or 5xx."""

    def __init__(self, reason: str, wait_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


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
