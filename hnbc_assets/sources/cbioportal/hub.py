"""cBioPortal's hub: its record of a study's files, and how these are fetched.

In scope: the pointers in the hub's repository, the study's tar, the repository's large files as the second source.
Out of scope: which files a study needs and their contents (files.py, tables.py).

The hub publishes a study twice, independently: as a tar, made on every push, and as files of a git repository
whose data files are LFS objects. The repository's pointers state the present content of a file, so they are the release
and the proof; the tar, a plain file on a plain host, is the download. A member that is whole but does not match its
pointer belongs to another state of the study: it is downloaded from the repository instead.
"""

from __future__ import annotations

import hashlib
import tarfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hnbc_assets.errors import (
    DamagedDownload,
    DownloadsIncomplete,
    HnbcError,
    UpstreamChanged,
    UpstreamInconsistent,
    UpstreamRefused,
    UpstreamUnreachable,
)
from hnbc_assets.sources.archive.manifest import Row
from hnbc_assets.sources.cbioportal import git_lfs
from hnbc_assets.sources.web.alternatives import first_of
from hnbc_assets.sources.web.answers import is_web_page
from hnbc_assets.sources.web.batch import Batch, download_all, summary
from hnbc_assets.sources.web.download import BLOCK_BYTES, Interrupted, Landed, Part, Wanted, download
from hnbc_assets.sources.web.http import Client


@dataclass(frozen=True)
class Stated:
    """The present state of a file in the hub's repository: checksum and size; its bytes if it is not an LFS object."""

    url: str
    sha256: str
    size_bytes: int
    content: bytes | None = field(default=None, repr=False)


def stated(client: Client, study: str, file: str) -> Stated:
    """Request a file of a study from the hub's repository: nearly always a pointer of 130 bytes.

    Raises
    ------
    UpstreamRefused, UpstreamUnreachable, DamagedDownload
        No address has it; names all that were tried.
    """
    urls = client.addresses.of("cbioportal.pointer", study=study, file=file)
    try:
        return first_of(urls, lambda url: _stated_at(client, url, table=file.startswith("data")), f"{study}/{file}")
    except (UpstreamRefused, UpstreamUnreachable, DamagedDownload) as error:
        hint = " Is the study, or its profile, spelled as in the hub?" if isinstance(error, UpstreamRefused) else ""
        raise type(error)(f"The hub's pointer to {study}/{file} could not be read: {error}{hint}") from error


def _stated_at(client: Client, url: str, *, table: bool) -> Stated:
    """The record at one address; an answer that is not a file of the repository is requested once more.

    A `table` must end with a line end: nothing else shows whether a table without a pointer is whole.
    """
    for attempt in (1, 2):
        content = client.get(url).content
        wrong = "the answer was empty" if not content else "it was a web page" if is_web_page(content) else None
        try:
            pointer = git_lfs.read_pointer(content)
        except ValueError as error:
            pointer, wrong = None, f"the answer {error}"
        if wrong is None and pointer is None and table and content[-1:] not in (b"\n", b"\r"):
            wrong = "the answer's last line has no line end, so it may be truncated"
        if wrong is None:
            if pointer is not None:
                return Stated(url, pointer.sha256, pointer.size_bytes)
            return Stated(url, hashlib.sha256(content).hexdigest(), len(content), content)
        if attempt == 2:
            raise DamagedDownload(f"{url}: {wrong}, twice. Run again later.")
    raise AssertionError("unreachable")


class Hub:
    """A study at the hub, whose files' ids are their names in the tar: STUDY/FILE.

    `folder` is where the tar is, hidden, while its members are extracted.
    """

    def __init__(self, study: str, folder: Path) -> None:
        self.study = study
        self.tar = folder / f".{study}.tar.gz.part"  # its name marks it as a part: deleted if a killed process left it

    def download(self, batch: Batch) -> dict[str, Row]:
        """Download files of the study to their targets (a `Downloader`): from the tar; what it lacks, from LFS.

        Every file is verified by the size and sha256 of its pointer before it is put in place.

        Raises
        ------
        DownloadsIncomplete
            Some could not be fetched from either; each error says what was wrong with the tar and with the repository.
        """
        rows: dict[str, Row] = {}
        batch.progress.start(len(batch.targets), None)
        try:
            lacking = self._from_tar(batch, rows)
        finally:
            batch.progress.done()
        rest = {one: target for one, target in batch.targets.items() if one.file_id not in rows}
        if rest:
            try:
                rows |= self._from_repository(replace(batch, targets=rest))
            except DownloadsIncomplete as error:
                raise _neither(batch.title, lacking, error.failures, len(batch.targets)) from error
        return rows

    def _from_tar(self, batch: Batch, rows: dict[str, Row]) -> dict[str, HnbcError]:
        """Land those files that the tar has; returns the others with the reason, by file id."""
        client, targets, progress = batch.client, batch.targets, batch.progress
        url, *others = client.addresses.of("cbioportal.tar", study=self.study)
        name = f"{self.study}.tar.gz"
        tar = Wanted(name, url, name, content="gzip", others=tuple(others))
        try:
            self.tar.unlink(missing_ok=True)
            got = download(client, tar, self.tar, advance=lambda n: progress.advance(bytes=n), stop=threading.Event())
            lacking: dict[str, HnbcError] = {}
            for one, outcome in _members(self.tar, got.url, targets):
                if isinstance(outcome, Landed):
                    rows[one.file_id] = batch.landed(one, outcome)
                    progress.advance(files=1)
                else:
                    lacking[one.file_id] = outcome
        except (UpstreamRefused, UpstreamUnreachable, DamagedDownload) as error:
            return {one.file_id: error for one in targets if one.file_id not in rows}
        finally:
            self.tar.unlink(missing_ok=True)
        for one in targets:
            if one.file_id not in rows and one.file_id not in lacking:
                lacking[one.file_id] = UpstreamInconsistent(f"{got.url} has no member {one.file_id}.")
        return lacking

    def _from_repository(self, batch: Batch) -> dict[str, Row]:
        """The second source: each file from the repository's LFS server, otherwise from GitHub's own copy."""
        offered, refused = self._offered(batch.client, list(batch.targets))
        by_id = {one.file_id: target for one, target in batch.targets.items()}

        def landed(one: Wanted, got: Landed) -> Row:
            return batch.landed(one, replace(got, url=got.url.partition("?")[0]))  # without the signature

        try:
            return download_all(replace(batch, targets={one: by_id[one.file_id] for one in offered}, landed=landed))
        except DownloadsIncomplete as error:
            for file_id, answered in refused.items():
                if file_id in error.failures:
                    failure = error.failures[file_id]
                    error.failures[file_id] = type(failure)(f"{answered} {failure}")
            raise

    def _offered(self, client: Client, wanted: list[Wanted]) -> tuple[list[Wanted], dict[str, str]]:
        """The files at the addresses that the repository offers now; by file id the LFS server's error, if any."""
        offers: dict[str, git_lfs.Offer | str]
        try:
            config = first_of(client.addresses.of("cbioportal.lfsconfig"), client.get, ".lfsconfig").text
            server = git_lfs.server(config)
            pointers = [git_lfs.Pointer(str(one.sha256), int(one.size_bytes or 0)) for one in wanted]
            offers = dict(git_lfs.offers(client, server, pointers))
        except (UpstreamRefused, UpstreamUnreachable, UpstreamChanged, DamagedDownload) as error:
            offers = {str(one.sha256): str(error) for one in wanted}
        placed, refused = [], {}
        for one in wanted:
            file = one.file_id.rpartition("/")[2]
            urls = client.addresses.of("cbioportal.media", study=self.study, file=file)
            offer = offers[str(one.sha256)]
            if isinstance(offer, str):
                refused[one.file_id] = offer
                placed.append(replace(one, url=urls[0], others=urls[1:]))
            else:
                placed.append(replace(one, url=offer.url, headers=offer.headers, others=urls))
        return placed, refused


def _members(
    packed: Path, url: str, targets: Mapping[Wanted, Path]
) -> Iterator[tuple[Wanted, Landed | UpstreamInconsistent]]:
    """Each wanted member of a whole tar: landed, or why it is not the file wanted.

    The tar is read once, block by block; members may be in any order, and those not wanted are skipped. A
    member's name is only ever compared, its size is bounded by the pointer's, and links are refused.
    """
    from isal import igzip, isal_zlib

    by_name = {one.file_id: one for one in targets}
    try:
        with igzip.open(packed, "rb") as plain, tarfile.open(fileobj=plain, mode="r|", bufsize=BLOCK_BYTES) as tar:
            for member in tar:
                one = by_name.get(member.name.removeprefix("./"))
                if one is not None:
                    yield one, _member(tar, member, one, targets[one], url)
    except (tarfile.TarError, isal_zlib.error, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk, not the tar
        raise DamagedDownload(f"{url}: it is not a whole tar ({error}).") from error


def _member(
    tar: tarfile.TarFile, member: tarfile.TarInfo, wanted: Wanted, target: Path, url: str
) -> Landed | UpstreamInconsistent:
    """Land one member if it matches its pointer; otherwise return the difference."""
    stream = tar.extractfile(member) if member.isreg() else None
    if stream is None:
        return UpstreamInconsistent(f"{wanted.file_id} in {url} is a link or not a file; it is not followed.")
    says = f"the hub's repository states {wanted.size_bytes} bytes, sha256 {wanted.sha256}"
    if member.size != wanted.size_bytes:
        start = stream.read(git_lfs.LARGEST_POINTER_BYTES)
        if start.startswith(git_lfs.POINTER_START):
            return UpstreamInconsistent(
                f"{wanted.file_id} in {url} is a Git LFS pointer instead of the data: the tar has no large files."
            )
        return _other_state(f"{wanted.file_id} in {url} has {member.size} bytes; {says}.")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Part(target)
    part.discard()
    sha256 = hashlib.sha256()
    with part.path.open("wb") as file:
        while block := stream.read(BLOCK_BYTES):
            sha256.update(block)
            file.write(block)
    if sha256.hexdigest() != wanted.sha256:
        part.discard()
        return _other_state(f"{wanted.file_id} in {url} has sha256 {sha256.hexdigest()}; {says}.")
    place = part.land(target, sha256.hexdigest())
    return Landed(member.size, None, sha256.hexdigest(), url, place)


def _other_state(difference: str) -> UpstreamInconsistent:
    """The tar is whole (gzip's own checksum matches), so a member that differs is of another state of the study."""
    return UpstreamInconsistent(
        f"{difference} The tar is whole, not damaged: it has another version, older than the repository's."
    )


def _neither(
    title: str, tar: Mapping[str, HnbcError], repository: Mapping[str, Exception], n_wanted: int
) -> DownloadsIncomplete:
    """The error for files that could be fetched from neither; what was wrong with the whole tar is reported once.

    A file's own error is of the kind of the tar's error, or that of a host that was unreachable and may answer later.
    """
    whole = not any(isinstance(error, UpstreamInconsistent) for error in tar.values())
    failures: dict[str, Exception] = {}
    for name, failure in repository.items():
        if whole or isinstance(failure, Interrupted):
            failures[name] = failure
        else:
            kind = type(failure if isinstance(failure, UpstreamUnreachable) else tar[name])
            failures[name] = kind(f"{name}: {tar[name]} It could not be fetched from the repository either: {failure}")
    text = summary(title, failures, n_wanted)
    if whole:
        text = f"{next(iter(tar.values()))} The repository does not have all files either: {text}"
    return DownloadsIncomplete(text, failures)
