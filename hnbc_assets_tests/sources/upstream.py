"""An invented upstream that answers as it is told, with its files and what is wanted of it."""

from __future__ import annotations

import hashlib
import re

import httpx

from hnbc_assets.sources.archive.store import Wanted
from hnbc_assets.sources.web.http import connect


class Upstream:
    """A host that serves `files` with Range, and records its requests; `cut` ends bodies early."""

    def __init__(self, files, headers=None):
        self.files, self.headers, self.asked, self.cut = dict(files), headers or {}, [], []
        self.client = connect("simulated", transport=httpx.MockTransport(self.answer), retries=2, backoff_seconds=0.01)

    def answer(self, request):
        name = request.url.path.lstrip("/")
        self.asked.append((name, request.headers.get("range")))
        if name not in self.files:
            return httpx.Response(404)
        content, headers, status = self.files[name], dict(self.headers), 200
        if span := re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", "")):
            offset, whole = int(span[1]), len(content)
            if request.headers.get("if-range") in (None, headers.get("ETag")):
                content, status = content[offset:], 206
                headers["Content-Range"] = f"bytes {offset}-{whole - 1}/{whole}"
        headers["Content-Length"] = str(len(content))
        return httpx.Response(status, headers=headers, stream=Body(content, self.cut.pop(0) if self.cut else None))


class Body(httpx.SyncByteStream):
    def __init__(self, content, cut):
        self.content, self.cut = content, cut

    def __iter__(self):
        yield self.content[: self.cut]
        if self.cut is not None:
            raise httpx.RemoteProtocolError("peer closed connection")


def wanted(name, whole=None, **more):
    stated = {} if whole is None else {"size_bytes": len(whole), "md5": hashlib.md5(whole).hexdigest()}
    return Wanted(name, f"https://upstream.example/{name}", f"files/{name}", **(stated | more))


FILES = {f"f{i}.txt": f"content {i}\n".encode() * 50 for i in range(12)}


def fetch(archive, upstream, names=FILES, release="1.0", **options):
    return archive.fetch(upstream.client, "host", release, [wanted(n, FILES[n]) for n in names], **options)
