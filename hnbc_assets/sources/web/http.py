"""One HTTP client for every upstream: timeouts, retries, and the host that really serves an address.

In scope: sending, repeating and giving up requests. Out of scope: what an upstream's answer means (its own
module), and storing files (archive).

Addresses in the code are always the real ones, `https://HOST/PATH`. The client requests them unchanged (`live`), at
`BASE/HOST/PATH` (a mirror's base address), or from a simulated upstream inside the process (`simulated`).
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import unquote, urljoin, urlsplit

import httpx

from hnbc_assets.addresses import Addresses
from hnbc_assets.errors import DamagedDownload, StudyError, UpstreamRefused, UpstreamUnreachable
from hnbc_assets.redaction import redacted, without_secrets_of
from hnbc_assets.sources.web.answers import (
    TemporaryFailure,
    address,
    describe,
    is_web_page,
    retry_after,
)
from hnbc_assets.sources.web.pace import Pace

RETRIED_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
GONE_STATUSES = frozenset({404, 410})
LONGEST_PAUSE_SECONDS = 120.0
LARGEST_REPLY_BYTES = 256 * 2**20
MOST_REDIRECTS = 5


@dataclass(frozen=True)
class Reply:
    """An API's answer: its bytes as received, the parsed value, and the requested address, without secrets."""

    url: str
    content: bytes
    value: Any


class Client:
    """Sends requests to upstream hosts; a context manager, safe to share between threads.

    Attributes
    ----------
    upstream : "simulated", "live" or the base address of a mirror (without any user name or password in it)
    addresses : the addresses of each upstream
    retries : how often a failed request is repeated
    """

    def __init__(
        self,
        http: httpx.Client,
        upstream: str,
        *,
        mirror: str | None,
        addresses: Addresses,
        retries: int,
        backoff_seconds: float,
    ) -> None:
        self.upstream = upstream
        self.addresses = addresses
        self.retries = retries
        self._http = http
        self._mirror = mirror
        self._backoff_seconds = backoff_seconds
        self._interrupted = threading.Event()
        self._pace = Pace() if upstream == "live" else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End pending pauses and close the connections."""
        self.interrupt()
        self._http.close()

    def interrupt(self) -> None:
        """Stop repeating requests: pauses between attempts end at once."""
        self._interrupted.set()

    def get(self, url: str, *, params: Mapping[str, Any] | None = None) -> httpx.Response:
        """Request a small answer (at most 256 MiB), repeating attempts that may yet succeed.

        Raises
        ------
        UpstreamRefused
            The host answered with a final status (403, 404 …).
        UpstreamUnreachable
            No attempt succeeded; names the address and the last reason.
        """
        return self._repeat("GET", url, params=params)

    def size(self, url: str) -> int | None:
        """Bytes of a file by HEAD, without its content; None if the host does not state it.

        A host may refuse HEAD as such (GEO's does, with 403): only 404 and 410 mean that the file does not exist.

        Raises
        ------
        UpstreamRefused
            The host does not have the file: 404 or 410.
        UpstreamUnreachable
            As `get`.
        """
        response = self._repeat("HEAD", url, headers={"Accept-Encoding": "identity"})
        length = response.headers.get("content-length", "")
        packed = response.headers.get("content-encoding", "identity") != "identity"
        return int(length) if length.isdigit() and not packed else None

    def ask(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Request JSON from an API: GET with `params`, or POST if a `body` is given; `headers` are sent with it.

        If the answer has status 200 but is a web page or otherwise not JSON, the request is repeated once.

        Raises
        ------
        DamagedDownload
            The second answer was not JSON either. Also the errors of `get`.
        """
        for attempt in (1, 2):
            if body is None:
                response = self._repeat("GET", url, params=params, headers=headers)
            else:
                response = self._repeat("POST", url, params=params, json=body, headers=headers)
            try:
                return Reply(redacted(address(url, params)), response.content, json.loads(response.content))
            except ValueError as error:
                if attempt == 2:
                    what = "a web page" if is_web_page(response.content) else "no valid JSON"
                    raise DamagedDownload(
                        f"{url}: answered {what} ({len(response.content)} bytes) twice instead of JSON. "
                        "Run again later; if the error remains, open the address in a browser."
                    ) from error
        raise AssertionError("unreachable")

    def get_json(self, url: str, *, params: Mapping[str, Any] | None = None) -> Any:
        """The value of a JSON answer (see `ask`)."""
        return self.ask(url, params=params).value

    def post_json(self, url: str, body: Any) -> Any:
        """The value of the JSON answer to a JSON body (see `ask`)."""
        return self.ask(url, body=body).value

    @contextmanager
    def stream(
        self, url: str, *, offset: int = 0, headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """Open a file's answer for reading, starting at byte `offset`; one attempt, no repetition.

        Raises
        ------
        TemporaryFailure
            No connection, or a status that another attempt may improve. Failures during reading are raised as httpx
        errors. UpstreamRefused
            The host answered with a final status, other than 416 (the offset is at or after the end).
        """
        asked = dict(headers or {}) | ({"Range": f"bytes={offset}-"} if offset else {})
        with self.answer(url, headers=asked) as response:
            if response.status_code != 416 or not offset:
                self._judge(url, response)
            yield response

    @contextmanager
    def answer(
        self, url: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """Open an answer for reading, whatever its status; one attempt, no repetition.

        Raises
        ------
        TemporaryFailure
            No connection. Failures during reading are raised as httpx errors.
        UpstreamRefused
            The host redirects to an address that is not followed.
        """
        try:
            response = self._send("GET", url, params=params, headers={"Accept-Encoding": "identity", **(headers or {})})
        except httpx.RequestError as error:
            raise TemporaryFailure(describe(error)) from error
        try:
            yield response
        finally:
            response.close()

    def may_retry(self, attempt: int, at_least: float = 0.0) -> bool:
        """After failed attempt number `attempt`: wait, and return whether another should be made.

        The wait grows exponentially, with jitter, and is at least as long as the upstream requests (`at_least`, in
        seconds, up to 120). No attempt is made beyond `retries`, or after the client was interrupted.
        """
        if attempt > self.retries:
            return False
        backoff = min(30.0, self._backoff_seconds * 2 ** (attempt - 1)) * random.uniform(0.75, 1.25)
        return not self._interrupted.wait(min(LONGEST_PAUSE_SECONDS, max(backoff, at_least)))

    def _repeat(self, method: str, url: str, **request: Any) -> httpx.Response:
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._whole(method, url, **request)
            except TemporaryFailure as failure:
                if not self.may_retry(attempt, failure.wait_seconds):
                    raise UpstreamUnreachable(
                        f"{url}: {failure} ({attempt} attempts). What was fetched so far is kept; run again later."
                    ) from failure

    def _whole(self, method: str, url: str, **request: Any) -> httpx.Response:
        """One attempt; the body is read up to a limit."""
        try:
            response = self._send(method, url, **request)
            try:
                if method == "HEAD" and self._refuses_head(response.status_code):
                    return httpx.Response(200, request=response.request)  # it refuses HEAD: nothing is known
                self._judge(url, response)
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > LARGEST_REPLY_BYTES:
                        raise DamagedDownload(
                            f"{url}: more than {LARGEST_REPLY_BYTES // 2**20} MiB were received for a small reply."
                        )
            finally:
                response.close()
        except httpx.RequestError as error:
            raise TemporaryFailure(describe(error)) from error
        dropped = () if method == "HEAD" else ("content-encoding", "content-length")
        headers = [(k, v) for k, v in response.headers.multi_items() if k not in dropped]
        return httpx.Response(response.status_code, headers=headers, content=bytes(body), request=response.request)

    def _send(self, method: str, url: str, **request: Any) -> httpx.Response:
        """Send one request, following redirects that stay encrypted, or within the mirror."""
        asked = self._located(url)
        if self._pace is not None and (wait := self._pace.due(urlsplit(url).hostname or "")):
            self._interrupted.wait(wait)
        for _ in range(MOST_REDIRECTS):
            response = self._http.send(self._http.build_request(method, asked, **request), stream=True)
            if response.status_code not in (301, 302, 303, 307, 308) or "location" not in response.headers:
                return response
            response.close()
            asked = urljoin(str(response.request.url), response.headers["location"])
            request.pop("params", None)
            if not self._allowed(asked):
                raise UpstreamRefused(f"{url}: redirects to {redacted(asked)}, which is not followed.")
        raise UpstreamRefused(f"{url}: redirects more than {MOST_REDIRECTS} times.")

    def _located(self, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise StudyError(f"{url}: an upstream address begins with https:// and a host.")
        if self._mirror is None:
            return url
        host = parts.netloc.rpartition("@")[2]
        return f"{self._mirror}/{host}{parts.path}" + (f"?{parts.query}" if parts.query else "")

    def _allowed(self, url: str) -> bool:
        if self._mirror is None:
            return urlsplit(url).scheme == "https"
        return url.startswith(self._mirror + "/")

    @staticmethod
    def _refuses_head(status: int) -> bool:
        """Whether a status may mean only that HEAD is refused, as 500 may; other server errors are retried."""
        return status >= 400 and status not in GONE_STATUSES | (RETRIED_STATUSES - {500})

    @staticmethod
    def _judge(url: str, response: httpx.Response) -> None:
        status = response.status_code
        if status in RETRIED_STATUSES:
            raise TemporaryFailure(f"HTTP status {status}", retry_after(response.headers.get("retry-after")))
        if status not in (200, 206):
            start = next(response.iter_bytes(), b"")[:200]
            text = "" if is_web_page(start) else without_secrets_of(url, start.decode("utf-8", "replace").strip())
            raise UpstreamRefused(f"{url}: HTTP status {status}" + (f": {text}" if text else "") + ".")


def connect(
    upstream: str,
    *,
    transport: httpx.BaseTransport | None = None,
    addresses: Addresses | None = None,
    retries: int = 5,
    timeout: float = 60.0,
    backoff_seconds: float = 0.4,
) -> Client:
    """A client for the upstream that the study uses.

    Parameters
    ----------
    upstream : "live", "simulated" (`transport` then answers `https://HOST/PATH` itself) or a mirror's base address
    addresses : the addresses of each upstream; by default those of the package
    retries : how often a failed request is repeated
    timeout : seconds without any byte before a request counts as failed; connecting gets at most 15

    Raises
    ------
    StudyError
        `upstream` is none of these.
    """
    mirror, auth, trust_env = None, None, True
    if upstream not in ("live", "simulated"):
        parts = urlsplit(upstream)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise StudyError(
                f"HNBC_UPSTREAM is {redacted(upstream)!r}. Give simulated, live, or a mirror's base address (http://HOST:PORT)."
            )
        if parts.username:
            auth = (unquote(parts.username), unquote(parts.password or ""))
        upstream = mirror = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")
        trust_env = parts.hostname not in ("localhost", "127.0.0.1", "::1")
    if (upstream == "simulated") != (transport is not None):
        raise ValueError("a transport is given for the simulated upstream, and only for it")
    http = httpx.Client(
        transport=transport,
        auth=auth,
        trust_env=trust_env,
        timeout=httpx.Timeout(timeout, connect=min(timeout, 15.0), pool=None),
        limits=httpx.Limits(max_connections=32, max_keepalive_connections=32),
        headers={"User-Agent": "hnbc_assets"},
        follow_redirects=False,
    )
    return Client(
        http,
        upstream,
        mirror=mirror,
        addresses=addresses or Addresses(),
        retries=retries,
        backoff_seconds=backoff_seconds,
    )
