"""cBioPortal: a study's release, its files, and their readers.

In scope: which files of a study's folder are wanted, and a name for their state. Out of scope: how the hub delivers
them (hub), their contents (tables, profile), which profile to use (the study file).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx

from hnbc_assets.errors import HnbcError
from hnbc_assets.sources.cbioportal.hub import Hub, Stated, stated
from hnbc_assets.sources.cbioportal.profile import expression_samples, profiled_samples, read_expression
from hnbc_assets.sources.cbioportal.tables import CLINICAL, MUTATIONS, read_clinical, read_mutations, read_samples
from hnbc_assets.sources.listing import InHand, Listing, digest
from hnbc_assets.sources.web.answers import TemporaryFailure
from hnbc_assets.sources.web.download import Wanted

if TYPE_CHECKING:
    from hnbc_assets.sources.archive.store import Archive
    from hnbc_assets.sources.web.batch import Downloader
    from hnbc_assets.sources.web.http import Client

__all__ = [
    "about",
    "downloader",
    "expression_samples",
    "listing",
    "profiled_samples",
    "read_clinical",
    "read_expression",
    "read_mutations",
    "read_samples",
    "release",
]

# The version of what is fetched and recorded in the manifest. Increase it when either changes: only then is everything
# fetched again.
CONTRACT = 1
LARGEST_RECORD_BYTES = 2**20


def release(client: Client, study: str, *, profile: str | None, mutations: bool = False) -> str:
    """A name for the state of a study's wanted files: a digest of their checksums in the hub's repository.

    Twelve hexadecimal digits. The portal's importDate is not a release: it can be older than the hub's files, and newer
    than unchanged ones.

    Parameters
    ----------
    profile, mutations : as `listing`

    Raises
    ------
    UpstreamRefused, UpstreamUnreachable, DamagedDownload
        The hub's pointer to a file could not be read; names the file and the addresses tried.
    """
    return _word(_stated(client, study, profile=profile, mutations=mutations))


def listing(client: Client, archive: Archive, study: str, *, profile: str | None, mutations: bool = False) -> Listing:
    """A study's clinical files, one expression profile and, if requested, its mutations, as the hub has them now.

    `profile` is the data file's name without `data_` and `.txt`, e.g. mrna_seq_v2_rsem_zscores_ref_all_samples. A
    file's id is its name as a member of the study's tar, which is its address.
    """
    files = _stated(client, study, profile=profile, mutations=mutations)
    version, tar = _word(files), client.addresses.of("cbioportal.tar", study=study)[0]
    wanted, replies = [], []
    for file, now in files.items():
        path = f"{study}/{file}"
        if now.content is None:
            wanted.append((version, Wanted(path, tar, path, size_bytes=now.size_bytes, sha256=now.sha256)))
        else:
            replies.append(InHand(version, path, now.url, path, now.content))
    order = tuple(f"{study}/{file}" for file in files)
    how = downloader(archive, study)
    return Listing("cbioportal", version, tuple(wanted), tuple(replies), download=how, order=order)


def downloader(archive: Archive, study: str) -> Downloader:
    """The downloader of a study's files: they are members of a tar and have no addresses of their own."""
    return Hub(study, archive.root / "cbioportal").download


def about(client: Client, study: str) -> dict[str, str]:
    """The portal's record of its own import of a study: `importDate`, or why it is not known. Never fails.

    It is queried once, and nothing depends on it: since version 7 the date may be null, and the portal may not answer.
    """
    date: object = None
    for url in client.addresses.of("cbioportal.api", study=study):
        try:
            with client.stream(url) as response:
                record = json.loads(b"".join(_bounded(response)))
            date = record.get("importDate") if isinstance(record, dict) else None
            break
        except (HnbcError, TemporaryFailure, httpx.HTTPError, ValueError) as error:
            date = f"not stated ({error})"
    return {"importDate": str(date) if date else "not stated"}


def files_of(profile: str | None, mutations: bool) -> tuple[str, ...]:
    """The names of a study's wanted files."""
    names = (*CLINICAL, *((f"data_{profile}",) if profile else ()), *((MUTATIONS,) if mutations else ()))
    return tuple(f"{name}.txt" for name in names)


def _stated(client: Client, study: str, *, profile: str | None, mutations: bool) -> dict[str, Stated]:
    """The hub repository's record of each wanted file, by name."""
    return {file: stated(client, study, file) for file in files_of(profile, mutations)}


def _word(files: dict[str, Stated]) -> str:
    return digest((file, now.sha256) for file, now in files.items())


def _bounded(response: httpx.Response) -> list[bytes]:
    """The pieces of a small answer."""
    pieces, size = [], 0
    for piece in response.iter_bytes():
        size += len(piece)
        if size > LARGEST_RECORD_BYTES:
            raise ValueError("the record is too long")
        pieces.append(piece)
    return pieces
