"""Git LFS: the pointer to a large file, and the address of the file at a repository's LFS server.

In scope: pointers, `.lfsconfig`, the batch API (github.com/git-lfs/git-lfs, docs/spec.md and docs/api/batch.md).
Out of scope: which files are wanted (files.py), downloads (web).
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hnbc_assets.errors import UpstreamChanged
from hnbc_assets.sources.web.http import Client

POINTER_START = b"version https://git-lfs.github.com/spec/"
LARGEST_POINTER_BYTES = 1024
BATCH_JSON = "application/vnd.git-lfs+json"


@dataclass(frozen=True)
class Pointer:
    """What git stores instead of a large file: its checksum and size."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Offer:
    """An object at an LFS server: its address, which may be signed for an hour, and headers to send with the
    request.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = ()


def read_pointer(content: bytes) -> Pointer | None:
    """The pointer in some bytes; None if they are not a pointer.

    Raises
    ------
    ValueError
        They begin like a pointer, but lack its checksum or its size: truncated, or of another version.
    """
    if not content.startswith(POINTER_START[: max(len(content), 1)]):
        return None
    text = content[:LARGEST_POINTER_BYTES].decode("utf-8", "replace")
    oid = re.search(r"^oid sha256:([0-9a-f]{64})\n", text, flags=re.M)
    size = re.search(r"^size (\d+)\n", text, flags=re.M)
    if oid is None or size is None:
        raise ValueError(f"begins like an LFS pointer but has no {'checksum' if oid is None else 'size'}")
    return Pointer(oid[1], int(size[1]))


def server(config: str) -> str:
    """The address of a repository's LFS server, from its `.lfsconfig`.

    Raises
    ------
    UpstreamChanged
        It names none, or none with https.
    """
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(config)
        url = parser.get("lfs", "url", fallback="")
    except configparser.Error as error:
        raise UpstreamChanged(f".lfsconfig cannot be read ({error}).") from error
    if not re.match(r"https://[^/\s]", url):
        raise UpstreamChanged(f".lfsconfig names no LFS server with https ({url!r}).")
    return url.rstrip("/")


def offers(client: Client, server: str, wanted: Sequence[Pointer]) -> dict[str, Offer | str]:
    """The server's addresses of these objects, by sha256; for those that it lacks, its error.

    Raises
    ------
    UpstreamChanged
        The answer is not one of the batch API.
    HnbcError
        As `Client.ask`.
    """
    body = {
        "operation": "download",
        "transfers": ["basic"],
        "objects": [{"oid": one.sha256, "size": one.size_bytes} for one in wanted],
        "hash_algo": "sha256",
    }
    url = f"{server}/objects/batch"
    answer = client.ask(url, body=body, headers={"Accept": BATCH_JSON, "Content-Type": BATCH_JSON}).value
    objects = answer.get("objects") if isinstance(answer, dict) else None
    if not isinstance(objects, list) or answer.get("transfer", "basic") != "basic":
        raise UpstreamChanged(f"{url}: the answer is not an LFS batch of basic transfers.")
    given = {str(one.get("oid")): _offer(one) for one in objects if isinstance(one, dict)}
    return {one.sha256: given.get(one.sha256, "the LFS server does not mention it") for one in wanted}


def _offer(record: Mapping[str, Any]) -> Offer | str:
    """One object of a batch answer if it can be downloaded; otherwise the server's reason."""
    try:
        download = record["actions"]["download"]
        href, headers = str(download["href"]), dict(download.get("header") or {})
    except (KeyError, TypeError, ValueError):
        error = record.get("error")
        error = error if isinstance(error, dict) else {}
        reason = f"{error.get('code', 'no code')}: {error.get('message', 'no reason given')}"
        return f"the LFS server does not have it ({reason})"
    if not href.startswith("https://"):
        return "the LFS server names an address without https"
    return Offer(href, tuple((str(name), str(value)) for name, value in headers.items()))
