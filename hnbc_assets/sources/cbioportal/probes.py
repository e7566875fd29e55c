"""Probes of cBioPortal: the addresses that a study needs, and how each answer must begin.

In scope: the requests, and what the readers of the answers need in them. Out of scope: querying and judging
(web/probing.py), reading whole files (the readers).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hnbc_assets.errors import FormatError
from hnbc_assets.sources.archive.archived import GZIP_MAGIC
from hnbc_assets.sources.cbioportal import files as cbioportal
from hnbc_assets.sources.cbioportal import git_lfs, tables
from hnbc_assets.sources.cbioportal.profile import ENTREZ, SYMBOL
from hnbc_assets.sources.web.answers import Glimpse
from hnbc_assets.sources.web.probing import Ask, first_text, header, with_columns

if TYPE_CHECKING:
    from hnbc_assets.sources.web.http import Client


def of_cbioportal(client: Client, study: str, *, profile: str | None, mutations: bool = False) -> Iterator[Ask]:
    """The hub's pointer to each wanted file, and the two sources of the files: the tar, the large files."""
    for file in cbioportal.files_of(profile, mutations):
        urls = client.addresses.of("cbioportal.pointer", study=study, file=file)
        yield Ask(file, urls, partial(_pointer, file=file))
    ways = (*client.addresses.of("cbioportal.tar", study=study), *client.addresses.of("cbioportal.lfsconfig"))
    yield Ask("tar, or large files by .lfsconfig", ways, partial(_hub_files, study=study))


def _pointer(seen: Glimpse, *, file: str) -> str:
    try:
        pointer = git_lfs.read_pointer(seen.start)
    except ValueError as error:
        raise FormatError(f"the answer {error}") from error
    if pointer is not None:
        return f"a pointer to {pointer.size_bytes / 1e6:,.1f} MB, sha256 {pointer.sha256[:12]}…"
    cells = header(seen, "\t")
    # A profile names its genes by symbol or by Entrez id.
    genes = (ENTREZ if ENTREZ in cells else SYMBOL,)
    return with_columns(cells, tables.REQUIRED.get(file.removesuffix(".txt"), genes))


def _hub_files(seen: Glimpse, *, study: str) -> str:
    """Either the beginning of the study's tar, or the repository's setting for its large files."""
    if seen.start[:2] != GZIP_MAGIC:
        return f"large files at {urlsplit(git_lfs.server(seen.start.decode('utf-8', 'replace'))).hostname}"
    name = first_text(seen)[:100].partition("\0")[0]
    if name.removeprefix("./").split("/")[0] != study:
        raise FormatError(f"a tar of {name[:60]!r}, not of {study}")
    return f"a tar of {study}"
