"""The raw archive: all files downloaded from upstreams, by source and release, each with its checksum.

In scope: fetching files, replies to keep, and files kept already. Out of scope: downloads (download.py, several
at once: batch.py), the content of a file (the source's module).

    ROOT/SOURCE/RELEASE/manifest.jsonl      one line per verified file
    ROOT/SOURCE/RELEASE/<path>              the files, exactly as the upstream sent them

A file that is unchanged in a later release (same id, same checksum) is not stored twice: its row has the first file's
path. No file is ever overwritten: other content is stored next to it, with digits of its digest in the name. A file is
read only after its sha256 was checked; a file that no longer has it is set aside when it is fetched again (intact.py).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from hnbc_assets.errors import ArchiveDamaged, DownloadsIncomplete, UpstreamChanged
from hnbc_assets.redaction import redacted
from hnbc_assets.sources.archive.intact import DAMAGED, Files, check_path, free_path, place_for, set_aside, state_of
from hnbc_assets.sources.archive.manifest import COLUMNS, Manifest, Row, as_frame
from hnbc_assets.sources.web.batch import Batch, Downloader, download_all
from hnbc_assets.sources.web.download import Landed, Wanted, digests
from hnbc_assets.sources.web.http import Client
from hnbc_assets.sources.web.progress import Progress, Silent

if TYPE_CHECKING:
    from hnbc_assets.sources.listing import Listing

__all__ = ["Archive", "Wanted"]

WORKERS = 8  # the maximum of the official GDC client
VIEWS = "views"  # the folder of the views (views.py), next to those of the sources


class Archive(Files):
    """Raw files under one root folder; safe to use from several threads and processes.

    `workers` is how many files are downloaded at the same time.
    """

    def __init__(self, root: Path, *, workers: int = WORKERS) -> None:
        super().__init__(Path(root))
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
        """Make all these files present: kept and verified files stay, the others are downloaded, several at once.

        Parameters
        ----------
        source, release : source and release of the files; they name the folder
        progress : called with files and bytes while downloading; not called when nothing is missing
        workers : downloads at the same time; the archive's own number by default
        download : downloads the missing files; each from its own address by default

        Returns
        -------
        The manifest rows of exactly these files, in the order requested: columns of `raw_files`.

        Raises
        ------
        DownloadsIncomplete
            Some files could not be fetched. All were tried, unless the upstream was unreachable for many in a row; what
            was downloaded is kept, and the next call fetches only the missing files.
        """
        if len({w.file_id for w in wanted}) < len(wanted) or len({w.path for w in wanted}) < len(wanted):
            raise ValueError("a batch names a file id or a path twice")
        manifest = self._manifest(source, release)
        folder = self.root / source / release
        with manifest.batch():
            rows, damaged = self._kept(manifest, source, release, wanted, adopt=manifest.append)
            missing = [w for w in wanted if w.file_id not in rows]
            if missing:
                for path in {row["path"] for row in damaged.values()}:
                    set_aside(self.root, path)

                def landed(one: Wanted, got: Landed) -> Row:
                    lost = damaged.get(one.file_id)
                    if lost is not None and got.path == self.root / lost["path"] and got.sha256 != lost["sha256"]:
                        # The upstream's content has changed: the path stays with the content that is recorded there.
                        place = folder / free_path(one.path, got.sha256)
                        place.parent.mkdir(parents=True, exist_ok=True)
                        os.replace(got.path, place)
                        got = replace(got, path=place)
                    row = self._row(source, release, one.file_id, got)
                    manifest.append(row)
                    return row

                places = {w.file_id: self.root / damaged[w.file_id]["path"] for w in missing if w.file_id in damaged}
                targets = {one: places.get(one.file_id, folder / one.path) for one in missing}
                progress, workers = progress or Silent(), workers or self.workers
                rows |= download(Batch(client, f"{source} {release}", targets, landed, progress, workers))
        return as_frame([rows[w.file_id] for w in wanted])

    def mend(self, client: Client, rows: pd.DataFrame, *, download: Downloader = download_all) -> list[str]:
        """Fetch damaged files again from the addresses they came from, and verify each by its row's sha256.

        For rows of a release that no listing has any more. Damaged files are set aside first.

        Parameters
        ----------
        download : downloads the files; each from its own address by default

        Returns
        -------
        The paths of the files that were damaged; all are whole afterwards.

        Raises
        ------
        ArchiveDamaged
            Some cannot be fetched again unchanged; names them and gives the reason.
        """
        lost = self.damaged(rows)
        for (source, release), group in rows[rows["path"].isin(lost)].groupby(["source", "release"]):
            targets = {}
            for row in group.to_dict("records"):
                set_aside(self.root, row["path"])
                one = Wanted(row["file_id"], row["url"], row["path"], int(row["size_bytes"]), sha256=row["sha256"])
                targets[one] = self.place(row)
            manifest = self._manifest(source, release)

            def landed(one: Wanted, got: Landed, manifest: Manifest = manifest) -> Row:
                row = self._row(manifest.folder.parent.name, manifest.folder.name, one.file_id, got)
                if manifest.rows().get(one.file_id, {}).get("sha256") == row["sha256"]:
                    manifest.append(row)
                return row

            with manifest.batch():
                try:
                    download(Batch(client, f"{source} {release}", targets, landed, Silent(), self.workers))
                except DownloadsIncomplete as error:
                    paths = tuple(one.path for one in targets if one.file_id in error.failures)
                    raise ArchiveDamaged(
                        f"{len(paths)} archived file(s) were damaged and are set aside in {self.root / DAMAGED}; "
                        f"the upstream no longer has them unchanged: {', '.join(paths[:5])}. {error}",
                        paths,
                    ) from error
        return lost

    def missing(self, listing: Listing) -> list[Wanted]:
        """The files that fetching a listing would download; writes nothing.

        Files kept intact, and files whose replacement is kept are left out, also those of another release.
        """
        by_release: dict[str, list[Wanted]] = {}
        for release, one in listing.wanted:
            by_release.setdefault(release, []).append(one)
        lacking = []
        for release, wanted in by_release.items():
            manifest = self._manifest(listing.source, release)
            others = [listing.instead[one.file_id] for one in wanted if one.file_id in listing.instead]
            kept, _ = self._kept(manifest, listing.source, release, [*wanted, *others])
            for one in wanted:
                other = listing.instead.get(one.file_id)
                if one.file_id not in kept and (other is None or other.file_id not in kept):
                    lacking.append(one)
        return lacking

    def store(self, source: str, release: str, *, file_id: str, url: str, path: str, content: bytes) -> pd.Series:
        """Store a reply as a raw file; the same bytes again leave file and row unchanged. Returns its manifest row.

        Other bytes under the same id replace the row, not the file: the previous file is kept, because what was made
        from it (views, the gate's comparison) refers to it.
        """
        check_path(path)
        manifest = self._manifest(source, release)
        sha256 = hashlib.sha256(content).hexdigest()
        url = redacted(url)
        with manifest.batch():
            row = manifest.rows().get(file_id)
            same = row is not None and row["sha256"] == sha256
            whole = same and self.holds(row)
            if not whole or row["url"] != url:
                target = self.root / (row["path"] if same else f"{source}/{release}/{path}")
                if same and not whole:
                    set_aside(self.root, row["path"])
                target = place_for(target, sha256)
                target.parent.mkdir(parents=True, exist_ok=True)
                partial = target.with_name(f".{target.name}.part")
                with partial.open("wb") as file:
                    file.write(content)
                    os.fsync(file.fileno())
                os.replace(partial, target)
                row = self._row(source, release, file_id, Landed(len(content), None, sha256, url, target))
                manifest.append(row)
        return as_frame([row]).iloc[0]

    def manifest(self, source: str | None = None, release: str | None = None) -> pd.DataFrame:
        """All kept files, or those of one source or release: the columns of `raw_files`."""
        found = self.root.glob(f"{source or '*'}/{release or '*'}/manifest.jsonl")
        paths = sorted(path for path in found if path.parts[-3] != VIEWS)
        return as_frame([row for path in paths for row in Manifest(path.parent).rows().values()])

    def touched(self, rows: pd.DataFrame) -> list[str]:
        """As `damaged`, but fast: only files whose size or time differs from the record are read."""
        known: dict[tuple[str, str], dict[str, Row]] = {}
        for place in set(zip(rows["source"], rows["release"], strict=True)):
            known[place] = self._manifest(*place).rows()

        def as_recorded(row: Mapping[str, Any]) -> bool:
            kept = known[row["source"], row["release"]].get(row["file_id"], {})
            same = all(kept.get(name) == row[name] for name in ("path", "sha256", "size_bytes"))
            state = state_of(self.root / row["path"])
            return same and state is not None and state[:2] == (kept.get("mtime_ns"), row["size_bytes"])

        doubtful = [not as_recorded(row) for row in rows.to_dict("records")]
        return self.damaged(rows[pd.Series(doubtful, index=rows.index, dtype=bool)])

    def _manifest(self, source: str, release: str) -> Manifest:
        for part in (source, release):
            check_path(part)
            if "/" in part or part in (VIEWS, DAMAGED):
                raise UpstreamChanged(f"{part!r} is not a name of a source or release; nothing was written.")
        return Manifest(self.root / source / release)

    def _kept(
        self,
        manifest: Manifest,
        source: str,
        release: str,
        wanted: Sequence[Wanted],
        *,
        adopt: Callable[[Row], None] | None = None,
    ) -> tuple[dict[str, Row], dict[str, Row]]:
        """Rows of the wanted files that are present, verified: in this release, in another one, or landed unrecorded.

        The second result has the rows of those whose file is missing or no longer as recorded. `adopt` is called with
        the rows that this release's manifest lacks; with it every file is read, without it only files that were
        touched.
        """
        here, elsewhere = manifest.rows(), None
        likely: dict[str, Row] = {}
        for one in wanted:
            row = here.get(one.file_id)
            if row is None or not is_wanted(row, one):
                row = None
                if stated := one.md5 or one.sha256:
                    if elsewhere is None:
                        elsewhere = self._other_rows(source, manifest)
                    row = elsewhere.get((one.file_id, stated.lower()))
            if row is not None and is_wanted(row, one):
                likely[one.file_id] = row
        frame = as_frame(list(likely.values()))
        lost = set(self.damaged(frame) if adopt is not None else self.touched(frame))
        kept, damaged = {}, {}
        for one in wanted:
            row = likely.get(one.file_id)
            if row is not None and row["path"] in lost:
                damaged[one.file_id], row = row, None
            if row is None:
                row = self._landed_unrecorded(source, release, one)
            if row is None:
                continue
            if here.get(one.file_id) != row:
                row = row | {"release": release}
                if adopt is not None:
                    adopt(row)
            kept[one.file_id] = row
        return kept, damaged

    def _landed_unrecorded(self, source: str, release: str, wanted: Wanted) -> Row | None:
        """A row for a file without one, which landed just before a crash."""
        target = self.root / source / release / wanted.path
        if target.is_file() and target.stat().st_size == wanted.size_bytes:
            md5, sha256 = digests(target, with_md5=wanted.md5 is not None)
            if (md5 if wanted.md5 is not None else sha256) == str(wanted.md5 or wanted.sha256).lower():
                landed = Landed(target.stat().st_size, md5, sha256, redacted(wanted.url), target)
                return self._row(source, release, wanted.file_id, landed)
        return None

    def _other_rows(self, source: str, here: Manifest) -> dict[tuple[str, str], Row]:
        """Rows by file id and checksum, both md5 and sha256: of the other releases, and earlier rows of this one."""
        rows = [*here.history()]
        for path in sorted(self.root.glob(f"{source}/*/manifest.jsonl")):
            if path.parent != here.folder:
                rows += Manifest(path.parent).rows().values()
        return {(row["file_id"], row[name]): row for name in ("md5", "sha256") for row in rows if row[name]}

    def _row(self, source: str, release: str, file_id: str, landed: Landed) -> Row:
        values = (source, release, file_id, landed.url, landed.path.relative_to(self.root).as_posix())
        values += (landed.size_bytes, landed.md5, landed.sha256, datetime.now(UTC).isoformat(timespec="seconds"))
        return dict(zip(COLUMNS, values, strict=True)) | {"mtime_ns": landed.path.stat().st_mtime_ns}


def is_wanted(row: Row, wanted: Wanted) -> bool:
    """Whether a kept file is the one wanted: by the upstream's checksum and size if it states them, otherwise by
    address.
    """
    if wanted.size_bytes is not None and row["size_bytes"] != wanted.size_bytes:
        return False
    if wanted.md5 is not None:
        return row["md5"] == wanted.md5.lower()
    if wanted.sha256 is not None:
        return row["sha256"] == wanted.sha256.lower()
    return row["url"] in map(redacted, wanted.urls)
