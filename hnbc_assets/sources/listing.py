"""Listings: what an upstream has now, from its index alone, and the name of its state.

In scope: what every source's `listing` returns, fetching a listing into the archive, sizes. Out of scope: how an
index is queried (the folder of each source), downloads (web), kept files (archive).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hnbc_assets.errors import DownloadsIncomplete, UpstreamRefused, UpstreamUnreachable
from hnbc_assets.sources.archive.manifest import as_frame
from hnbc_assets.sources.web.alternatives import first_of
from hnbc_assets.sources.web.answers import TemporaryFailure
from hnbc_assets.sources.web.batch import Downloader, download_all

if TYPE_CHECKING:
    import pandas as pd

    from hnbc_assets.sources.archive.manifest import Row
    from hnbc_assets.sources.archive.store import Archive
    from hnbc_assets.sources.web.download import Wanted
    from hnbc_assets.sources.web.http import Client
    from hnbc_assets.sources.web.progress import Progress


@dataclass(frozen=True)
class InHand:
    """A file whose bytes a listing already has: a page of an index, a list without version, a user's table."""

    release: str
    file_id: str
    url: str
    path: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Listing:
    """What a source has of one object now; a listing alone archives nothing.

    Attributes
    ----------
    source, release : the source, and the release that a look at it finds (the source's `release`)
    wanted : the files to download, each with the release that names its folder
    replies : the answers of the index, and files that had to be read to find their release
    instead : by file id, the file that is fetched if the host refuses that one
    download : downloads the wanted files; each from its own address by default
    order : file ids in the order of the manifest rows; by default the replies, then the wanted
    """

    source: str
    release: str
    wanted: tuple[tuple[str, Wanted], ...] = ()
    replies: tuple[InHand, ...] = ()
    instead: Mapping[str, Wanted] = field(default_factory=dict)
    download: Downloader = download_all
    order: tuple[str, ...] | None = None


def fetch_listing(
    client: Client | None, archive: Archive, listing: Listing, *, progress: Progress | None = None
) -> pd.DataFrame:
    """Fetch everything of a listing into the archive: replies are stored as received, wanted files downloaded.

    Returns
    -------
    The manifest rows, in the listing's order.

    Raises
    ------
    DownloadsIncomplete
        Some files could not be fetched, nor could the files that replace them; what was downloaded is kept.
    """
    rows: dict[str, Row] = {}
    for reply in listing.replies:
        kept = archive.store(
            listing.source,
            reply.release,
            file_id=reply.file_id,
            url=reply.url,
            path=reply.path,
            content=reply.content,
        )
        rows[reply.file_id] = {str(column): value for column, value in kept.items()}
    by_release: dict[str, list[Wanted]] = {}
    for release, one in listing.wanted:
        by_release.setdefault(release, []).append(one)
    for release, wanted in by_release.items():
        fetched = _fetch(client, archive, listing, release, wanted, progress)
        rows |= dict(zip((one.file_id for one in wanted), fetched.to_dict("records"), strict=True))
    return as_frame([rows[file_id] for file_id in (rows if listing.order is None else listing.order)])


def size(client: Client, listing: Listing, wanted: Wanted) -> int | None:
    """Bytes of a wanted file: from the index, else from the first host that has it; None if neither states it.

    Raises
    ------
    UpstreamRefused
        No host has the file or the one that replaces it. Also the other errors of a request.
    """
    if wanted.size_bytes is not None:
        return wanted.size_bytes
    instead = listing.instead.get(wanted.file_id)
    return first_of((*wanted.urls, *(instead.urls if instead else ())), client.size, wanted.file_id)


def reach(client: Client, wanted: Wanted) -> str:
    """The first address that has a wanted file: requested by HEAD and, if that shows nothing, by its first byte.

    Raises
    ------
    UpstreamRefused, UpstreamUnreachable
        None has it; quotes each answer.
    """

    def ask(url: str) -> str:
        if client.size(url) is None:
            _first_byte(client, url)
        return url

    return first_of(wanted.urls, ask, wanted.file_id)


def _first_byte(client: Client, url: str) -> None:
    """Open a file's answer and close it; raises an error if the host does not return the file."""
    attempt = 0
    while True:
        attempt += 1
        try:
            with client.stream(url, headers={"Range": "bytes=0-0"}):
                return
        except TemporaryFailure as error:
            if not client.may_retry(attempt, error.wait_seconds):
                raise UpstreamUnreachable(f"{url}: {error} ({attempt} attempts).") from error


def digest(pairs: Iterable[tuple[str, str]]) -> str:
    """A short digest of the state of several files: pairs of location and release (or sha256), in any order."""
    lines = "".join(f"{location}\0{state}\n" for location, state in sorted(pairs))
    return hashlib.sha256(lines.encode()).hexdigest()[:12]


def _fetch(
    client: Client | None,
    archive: Archive,
    listing: Listing,
    release: str,
    wanted: list[Wanted],
    progress: Progress | None,
) -> pd.DataFrame:
    """The files of one release; if the host refuses some that have a replacement, the replacement."""
    assert client is not None, "a listing with files to download was made with a client"
    try:
        return archive.fetch(client, listing.source, release, wanted, progress=progress, download=listing.download)
    except DownloadsIncomplete as error:
        replaceable = all(
            isinstance(why, UpstreamRefused) and file_id in listing.instead for file_id, why in error.failures.items()
        )
        if not replaceable:
            raise
        failed = set(error.failures)
    others = [listing.instead[one.file_id] if one.file_id in failed else one for one in wanted]
    return archive.fetch(client, listing.source, release, others, progress=progress, download=listing.download)
