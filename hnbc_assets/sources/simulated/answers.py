"""Answers of the simulated hosts: a status, headers and bytes; files with Range.

In scope: what HTTP adds to a body. Out of scope: which body belongs to a path.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a host sends back."""

    status: int
    headers: dict[str, str]
    body: bytes


def as_json(value: Any, status: int = 200) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(value, allow_nan=False).encode())


def not_found() -> Answer:
    page = b"<!DOCTYPE html><html><head><title>404 Not Found</title></head><body>404 Not Found</body></html>"
    return Answer(404, {"Content-Type": "text/html"}, page)


def gone() -> Answer:
    page = b"<!DOCTYPE html><html><head><title>410 Gone</title></head><body>410 Gone</body></html>"
    return Answer(410, {"Content-Type": "text/html"}, page)


def blob(body: bytes, headers: dict[str, str], *, name: str = "", md5: str = "") -> Answer:
    """A file, whole or the requested range. A range after the end is 416; one that cannot be parsed is
    ignored."""
    sent = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
    if name:
        sent["Content-Disposition"] = f"attachment; filename={name}"
    if md5:
        sent["Content-MD5"] = md5
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", headers.get("range", "").strip())
    if not asked or not any(asked.groups()):
        return Answer(200, sent, body)
    size = len(body)
    first, last = asked.groups()
    if first:
        begin, end = int(first), min(int(last), size - 1) if last else size - 1
    else:
        begin, end = max(size - int(last), 0), size - 1
    if first and last and int(last) < begin:
        return Answer(200, sent, body)
    if begin >= size:
        return Answer(416, sent | {"Content-Range": f"bytes */{size}"}, b"")
    return Answer(206, sent | {"Content-Range": f"bytes {begin}-{end}/{size}"}, body[begin : end + 1])
