"""The raw archive: every byte that came from upstream, kept by source and release, each file with its checksum.

Belongs here: having files, replies worth keeping, and what is kept already. Does not: downloads (download.py, several
at once: batch.py), what a file holds (the source's module).

    ROOT/SOURCE/RELEASE/manifest.jsonl      one line per verified file
    ROOT/SOURCE/RELEASE/<path>              the files, exactly as upstream sent them

A file that a later release has unchanged (same id, same checksum) is not stored twice: its row points to the first's
path.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from hnbc_assets.errors import ChecksumMismatch, UpstreamChanged
from hnbc_assets.redaction import redacted
from hnbc_assets.sources.batch import Downloader, download_all
from hnbc_assets.sources.download import Landed, Wanted, check_path, digests
from hnbc_assets.sources.http import Client
from hnbc_assets.sources.manifest import COLUMNS, Manifest, Row, as_frame
from hnbc_assets.sources.progress import Progress, Silent

if TYPE_CHECKING:
    from hnbc_assets.sources.listing import Listing

__all__ = ["Archive", "Wanted"]

WORKERS = 8  # the official GDC client's most
VIEWS = "views"  # the folder beside the sources' that archive_views keeps


class Archive:
    """Raw files under one root folder; safe to use from several threads and processes.

    `workers` is how many files are downloaded at the same time.
    """

    def __init__(self, root: Path, *, workers: int = WORKERS) -> None:
        self.root = Path(root)
        self.workers = workers

    def fetch(
        self,
        client: Client,
        source: str,
        release: str,
        wanted: Sequence[Wanted],
        *,
        progress: Progress | None = None,
        workers: int | None = None,
        download: Downloader = download_all,
    ) -> pd.DataFrame:
        """Have all these files: those kept and verified stay, the others are downloaded, several at once.

        Parameters
        ----------
        source, release : whose files, and of which release; they name the folder
        progress : told of files and bytes while downloading; not called when nothing is missing
        workers : downloads at the same time; the archive's own number by default
        download : brings the missing files; each from its own address by default

        Returns
        -------
        The manifest rows of exactly these files, in the order asked: columns of `raw_files`.

        Raises
        ------
        DownloadsIncomplete
            Some files could not be had. All were tried, unless upstream was out of reach for many in a row; what
            came is kept, and the next call fetches the missing ones only.
        """
        if len({w.file_id for w in wanted}) < len(wanted) or len({w.path for w in wanted}) < len(wanted):
            raise ValueError("a batch names a file id or a path twice")
        manifest = self._manifest(source, release)
        folder = self.root / source / release
        with manifest.batch():
            rows = self._kept(manifest, source, release, wanted, adopt=manifest.append)
            missing = [w for w in wanted if w.file_id not in rows]
            if missing:

                def landed(one: Wanted, got: Landed) -> Row:
                    row = self._row(source, release, one.file_id, folder / one.path, got)
                    manifest.append(row)
                    return row

                rows |= download(
                    client,
                    f"{source} {release}",
                    {one: folder / one.path for one in missing},
                    landed,
                    progress=progress or Silent(),
                    workers=workers or self.workers,
                )
        return as_frame([rows[w.file_id] for w in wanted])

    def missing(self, listing: Listing) -> list[Wanted]:
        """The files that fetching a listing would download; writes nothing.

        Neither those kept intact, nor those that another release has, nor those whose replacement is kept.
        """
        by_release: dict[str, list[Wanted]] = {}
        for release, one in listing.wanted:
            by_release.setdefault(release, []).append(one)
        lacking = []
        for release, wanted in by_release.items():
            manifest = self._manifest(listing.source, release)
            others = [listing.instead[one.file_id] for one in wanted if one.file_id in listing.instead]
            kept = self._kept(manifest, listing.source, release, [*wanted, *others])
            for one in wanted:
                other = listing.instead.get(one.file_id)
                if one.file_id not in kept and (other is None or other.file_id not in kept):
                    lacking.append(one)
        return lacking

    def store(self, source: str, release: str, *, file_id: str, url: str, path: str, content: bytes) -> pd.Series:
        """Keep a reply as a raw file; the same bytes again leave file and row as they are. Returns its manifest row.

        Other bytes under the same id take over the row, not the place: those that were there stay, for what was made
        from them (views, the gate's comparison) names them.
        """
        check_path(path)
        manifest = self._manifest(source, release)
        sha256 = hashlib.sha256(content).hexdigest()
        url = redacted(url)
        with manifest.batch():
            row = manifest.rows().get(file_id)
            target = self.root / source / release / path
            if row is not None and row["sha256"] == sha256:
                target = self.root / row["path"]
            elif target.is_file() and digests(target)[1] != sha256:
                target = target.with_name(f"{target.stem}.{sha256[:12]}{target.suffix}")
            unchanged = row is not None and row["sha256"] == sha256 and row["url"] == url
            if row is None or not unchanged or not self._intact(row):
                target.parent.mkdir(parents=True, exist_ok=True)
                partial = target.with_name(f".{target.name}.part")
                with partial.open("wb") as file:
                    file.write(content)
                    os.fsync(file.fileno())
                os.replace(partial, target)
                row = self._row(source, release, file_id, target, Landed(len(content), None, sha256, url))
                manifest.append(row)
        return as_frame([row]).iloc[0]

    def manifest(self, source: str | None = None, release: str | None = None) -> pd.DataFrame:
        """Every file kept, or those of one source or release: the columns of `raw_files`."""
        found = self.root.glob(f"{source or '*'}/{release or '*'}/manifest.jsonl")
        paths = sorted(path for path in found if path.parts[-3] != VIEWS)
        return as_frame([row for path in paths for row in Manifest(path.parent).rows().values()])

    def locate(self, row: Mapping[str, Any] | pd.Series) -> Path:
        """Where the file of a manifest row lies, as an absolute path."""
        check_path(str(row["path"]))
        return (self.root / str(row["path"])).absolute()

    def verify(self, rows: pd.DataFrame) -> None:
        """Read files again and compare their sha256 with the manifest's.

        Raises
        ------
        ChecksumMismatch
            A file is gone or its bytes have changed; names each.
        """
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            whole = list(pool.map(lambda row: self._same_bytes(row), rows.to_dict("records")))
        damaged = [path for path, good in zip(rows["path"], whole, strict=True) if not good]
        if damaged:
            raise ChecksumMismatch(
                f"{len(damaged)} archived file(s) no longer hold what was recorded: {', '.join(damaged[:5])}. "
                "Fetch them again: damaged files are replaced."
            )

    def damaged(self, rows: pd.DataFrame) -> list[str]:
        """Paths of files that are gone or changed, in no time: read again are only those whose time has changed."""
        known: dict[tuple[str, str], dict[str, Row]] = {}
        lost = []
        for row in rows.to_dict("records"):
            place = (row["source"], row["release"])
            if place not in known:
                known[place] = self._manifest(*place).rows()
            recorded = known[place].get(row["file_id"], {})
            as_recorded = all(recorded.get(name) == row[name] for name in ("path", "sha256", "size_bytes"))
            if not (self._intact(recorded) if as_recorded else self._same_bytes(row)):
                lost.append(row["path"])
        return lost

    def _manifest(self, source: str, release: str) -> Manifest:
        for part in (source, release):
            check_path(part)
            if "/" in part or part == VIEWS:
                raise UpstreamChanged(f"{part!r} is no name of a source or release; nothing was written.")
        return Manifest(self.root / source / release)

    def _kept(
        self,
        manifest: Manifest,
        source: str,
        release: str,
        wanted: Sequence[Wanted],
        *,
        adopt: Callable[[Row], None] | None = None,
    ) -> dict[str, Row]:
        """Rows of the wanted files that are here, verified: in this release, in another one, or landed unrecorded.

        `adopt` is given the rows that this release's manifest does not have yet.
        """
        here, elsewhere, kept = manifest.rows(), None, {}
        for one in wanted:
            row = here.get(one.file_id)
            if row is not None and is_wanted(row, one) and self._intact(row):
                kept[one.file_id] = row
                continue
            row = None
            if stated := one.md5 or one.sha256:
                if elsewhere is None:
                    elsewhere = self._other_releases(source, release)
                row = self._adopt(source, release, one, elsewhere.get((one.file_id, stated.lower())))
            if row is not None:
                if adopt is not None:
                    adopt(row)
                kept[one.file_id] = row
        return kept

    def _adopt(self, source: str, release: str, wanted: Wanted, other: Row | None) -> Row | None:
        """A row for a file that is here without one: kept by another release, or landed just before a crash."""
        if other is not None and is_wanted(other, wanted) and self._intact(other):
            return other | {"release": release}
        target = self.root / source / release / wanted.path
        if target.is_file() and target.stat().st_size == wanted.size_bytes:
            md5, sha256 = digests(target, with_md5=wanted.md5 is not None)
            if (md5 if wanted.md5 is not None else sha256) == str(wanted.md5 or wanted.sha256).lower():
                landed = Landed(target.stat().st_size, md5, sha256, redacted(wanted.url))
                return self._row(source, release, wanted.file_id, target, landed)
        return None

    def _other_releases(self, source: str, release: str) -> dict[tuple[str, str], Row]:
        """Rows of the source's other releases by file id and checksum: md5 and sha256 both."""
        rows = [
            row
            for path in sorted(self.root.glob(f"{source}/*/manifest.jsonl"))
            if path.parent.name != release
            for row in Manifest(path.parent).rows().values()
        ]
        return {(row["file_id"], row[name]): row for name in ("md5", "sha256") for row in rows if row[name]}

    def _intact(self, row: Row) -> bool:
        """Whether a row's file is as it was when verified; it is read again only if its time has changed."""
        try:
            state = (self.root / row["path"]).stat()
        except OSError:
            return False
        if state.st_size != row["size_bytes"]:
            return False
        return state.st_mtime_ns == row.get("mtime_ns") or self._same_bytes(row)

    def _same_bytes(self, row: Mapping[str, Any]) -> bool:
        path = self.locate(row)
        return path.is_file() and digests(path)[1] == row["sha256"]

    def _row(self, source: str, release: str, file_id: str, target: Path, landed: Landed) -> Row:
        values = (source, release, file_id, landed.url, target.relative_to(self.root).as_posix())
        values += (landed.size_bytes, landed.md5, landed.sha256, datetime.now(UTC).isoformat(timespec="seconds"))
        return dict(zip(COLUMNS, values, strict=True)) | {"mtime_ns": target.stat().st_mtime_ns}


def is_wanted(row: Row, wanted: Wanted) -> bool:
    """Whether a kept file is the one wanted: by upstream's checksum and size where it states them, else by address."""
    if wanted.size_bytes is not None and row["size_bytes"] != wanted.size_bytes:
        return False
    if wanted.md5 is not None:
        return row["md5"] == wanted.md5.lower()
    if wanted.sha256 is not None:
        return row["sha256"] == wanted.sha256.lower()
    return row["url"] in map(redacted, wanted.urls)
