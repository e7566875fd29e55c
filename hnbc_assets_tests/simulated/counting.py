"""A transport that counts requests."""

from __future__ import annotations

import httpx


class Counting(httpx.BaseTransport):
    """Records the requests that it forwards."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.inner, self.requested = inner, []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requested.append(request.url.path)
        return self.inner.handle_request(request)
