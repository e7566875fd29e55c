"""Views: the archived files of an upstream object at each release, and which old files may be deleted.

In scope: keeping, recalling and pruning views. Out of scope: fetching (store.py), which release a study uses.

    ROOT/views/OBJECT/RELEASE.json      first line: release, position, when kept; then one line per manifest row

An object is what one raw asset fetches (`gdc/TCGA-BRCA`, `gdsc`). A manifest does not record which rows belong to a
fetch: it also has rows of other objects, and a file that is fetched again replaces its row. A view records this, so
that an old release can be made again offline.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from hnbc_assets.errors import ArchiveDamaged, StudyError, UpstreamChanged
from hnbc_assets.sources.archive.intact import check_path
from hnbc_assets.sources.archive.manifest import COLUMNS, Manifest, Row, as_frame
from hnbc_assets.sources.archive.store import VIEWS, Archive

MANIFEST, LOCK = "manifest.jsonl", ".lock"


@dataclass(frozen=True)
class View:
    """A release of an object that is in the archive, and when it was first archived (UTC, ISO 8601)."""

    release: str
    kept_at: str


@dataclass(frozen=True)
class Pruned:
    """What was deleted: releases of objects ("gdc/TCGA-BRCA 45.0"), the number of files, and their bytes."""

    releases: tuple[str, ...]
    files: int
    bytes: int


@dataclass(frozen=True)
class _Kept:
    name: str
    release: str
    position: int
    kept_at: str
    rows: tuple[Row, ...]


def keep_view(archive: Archive, name: str, release: str, rows: pd.DataFrame) -> None:
    """Record the manifest rows of an object at a release, in their order.

    The same release again replaces its rows and keeps its position; equal rows write nothing.

    Parameters
    ----------
    name : the object, as "gdc/TCGA-BRCA"
    rows : what a source's `fetch` returned

    Raises
    ------
    UpstreamChanged
        Name or release contain characters that no file name should have.
    """
    path = _path(archive, name, release)
    plain = tuple(_plain(row) for row in rows.to_dict("records"))
    with _held(archive):
        before = _read(archive, path) if path.exists() else None
        if before is not None and before.rows == plain:
            return
        if before is None:
            position = max((view.position for view in _all(archive, name)), default=-1) + 1
            before = _Kept(name, release, position, datetime.now(UTC).isoformat(timespec="seconds"), ())
        header = {"release": release, "position": before.position, "kept_at": before.kept_at}
        partial = path.with_name(f".{path.name}.part")
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in (header, *plain))
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)


def views(archive: Archive, name: str) -> list[View]:
    """The releases of an object that are in the archive, oldest first (in the order of archiving)."""
    return [View(view.release, view.kept_at) for view in _all(archive, name)]


def all_views(archive: Archive) -> list[tuple[str, str, pd.DataFrame]]:
    """Every release of every object that is in the archive: name, release and manifest rows."""
    return [(name, v.release, as_frame(list(v.rows))) for name in _names(archive) for v in _all(archive, name)]


def recall(archive: Archive, name: str, release: str, *, damaged: bool = False) -> pd.DataFrame:
    """The manifest rows of an object at a release, as `fetch` returned them; no upstream is queried.

    Only files whose size or time has changed are checked again; with `damaged`, none is. Each is checked when it is
    read.

    Raises
    ------
    StudyError
        The release is not in the archive; lists those that are.
    ArchiveDamaged
        Some of its files are missing or changed; names them.
    """
    path = _path(archive, name, release)
    if not path.exists():
        known = ", ".join(view.release for view in views(archive, name)) or "none"
        raise StudyError(
            f"{name}: release {release!r} is not in the archive, which has: {known}. Name one of these, or none to "
            "use what the upstream has now."
        )
    rows = as_frame(list(_read(archive, path).rows))
    if not damaged and (lost := archive.touched(rows)):
        raise ArchiveDamaged(
            f"{name} {release}: {len(lost)} archived file(s) are missing or changed: {', '.join(lost[:5])}. "
            "Restore them from a backup, or use another release.",
            tuple(lost),
        )
    return rows


def prune(
    archive: Archive,
    keep: int,
    in_use: Mapping[str, str],
    needed: Collection[tuple[str, str]] = (),
    protected: Collection[str] = (),
) -> Pruned:
    """Delete what only old releases need.

    Keep the last `keep` views of each object, the view in use and the views needed. Delete a manifest row if no kept
    view references it and a deleted view did; also if only deleted views had its release and it is older than the
    oldest kept view. Keep the rows of a release without a view (held, or fetched in part). Delete a file if no row
    names it.

    A process that is killed during this loses nothing needed: rows are deleted before files, and views last, so that
    the next call finishes the work.

    Parameters
    ----------
    keep : views of each object, at least 1
    in_use : release in use by object
    needed : object and release of views that something else uses: a kept database, a signature
    protected : paths that are kept even if no row names them
    """
    if keep < 1:
        raise ValueError("at least one view of each object is kept")
    stay: list[_Kept] = []
    dropped: list[_Kept] = []
    with _held(archive):
        for name in _names(archive):
            found = _all(archive, name)
            for place, view in enumerate(found):
                last = place >= len(found) - keep
                wanted = view.release == in_use.get(name) or (name, view.release) in needed
                (stay if last or wanted else dropped).append(view)
        files = freed = 0
        for source in sorted({row["source"] for view in dropped for row in view.rows}):
            gone = _prune_source(archive, source, stay, dropped, protected)
            files, freed = files + len(gone), freed + sum(gone)
        for view in dropped:
            _path(archive, view.name, view.release).unlink()
    return Pruned(tuple(f"{view.name} {view.release}" for view in dropped), files, freed)


def _prune_source(
    archive: Archive, source: str, stay: Iterable[_Kept], dropped: Iterable[_Kept], protected: Collection[str]
) -> list[int]:
    """Prune one source's manifests, then its files; returns the sizes of the deleted files."""
    kept_rows = [row for view in stay for row in view.rows if row["source"] == source]
    dropped_rows = [row for view in dropped for row in view.rows if row["source"] == source]
    named = {(row["release"], row["file_id"]) for row in kept_rows}
    once = {(row["release"], row["file_id"]) for row in dropped_rows}
    old = {release for release, _ in once} - {release for release, _ in named}
    oldest = min((v.kept_at for v in stay if any(row["source"] == source for row in v.rows)), default="")

    def goes(row: Row) -> bool:
        place = (row["release"], row["file_id"])
        return place not in named and (place in once or (row["release"] in old and row["retrieved_at"] < oldest))

    with ExitStack() as held:
        manifests: dict[Path, Manifest] = {}
        candidates = {row["path"] for row in dropped_rows}
        for manifest in _hold_new(archive, source, manifests, held):
            rows = list(manifest.rows().values())
            remaining = [row for row in rows if not goes(row)]
            candidates |= {row["path"] for row in rows if goes(row)}
            if len(remaining) < len(rows):
                manifest.replace(remaining)
        # A fetch that started meanwhile may have adopted files: its manifest counts when it has ended.
        list(_hold_new(archive, source, manifests, held))
        present = {folder.name: manifest.rows() for folder, manifest in manifests.items()}
        pointed = {row["path"] for rows in present.values() for row in rows.values()}
        pointed |= {row["path"] for row in kept_rows} | set(protected)
        for release in old:
            if not present.get(release):
                (archive.root / source / release / MANIFEST).unlink(missing_ok=True)
                candidates |= _leftovers(archive.root, archive.root / source / release)
        return [_delete(archive.root, path) for path in sorted(candidates - pointed) if (archive.root / path).is_file()]


def _hold_new(archive: Archive, source: str, manifests: dict[Path, Manifest], held: ExitStack) -> Iterator[Manifest]:
    """Each release of the source that is not locked yet, locked from now on; waits for a fetch in progress."""
    for folder in sorted(path.parent for path in archive.root.glob(f"{source}/*/{LOCK}")):
        if folder not in manifests:
            manifests[folder] = Manifest(folder)
            held.enter_context(manifests[folder].batch())
            yield manifests[folder]


def _leftovers(root: Path, folder: Path) -> set[str]:
    """Files in a release that no row names: parts of downloads, files of a killed prune."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name not in (LOCK, MANIFEST))
    return {path.relative_to(root).as_posix() for path in found}


def _delete(root: Path, path: str) -> int:
    """Delete a file, and folders that are then empty (below SOURCE/RELEASE); returns its size."""
    target = root / path
    size = target.stat().st_size
    target.unlink()
    for folder in list(target.relative_to(root).parents)[:-3]:
        if any((root / folder).iterdir()):
            break
        (root / folder).rmdir()
    return size


@contextmanager
def _held(archive: Archive) -> Iterator[None]:
    """Lock the views of the archive: another process waits."""
    folder = archive.root / VIEWS
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _path(archive: Archive, name: str, release: str) -> Path:
    check_path(name)
    check_path(release)
    if "/" in release:
        raise UpstreamChanged(f"{name}: {release!r} cannot name a release in the archive; nothing was written.")
    return archive.root / VIEWS / name / f"{release}.json"


def _names(archive: Archive) -> list[str]:
    root = archive.root / VIEWS
    return sorted({path.parent.relative_to(root).as_posix() for path in root.rglob("*.json")})


def _all(archive: Archive, name: str) -> list[_Kept]:
    check_path(name)
    found = [_read(archive, path) for path in (archive.root / VIEWS / name).glob("*.json")]
    return sorted(found, key=lambda view: view.position)


def _read(archive: Archive, path: Path) -> _Kept:
    header, *rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    name = path.parent.relative_to(archive.root / VIEWS).as_posix()
    return _Kept(name, header["release"], header["position"], header["kept_at"], tuple(rows))


def _plain(row: Mapping[str, object]) -> Row:
    """A manifest row as JSON stores it: a missing checksum is null, a size is a whole number."""
    plain = {column: None if pd.isna(row[column]) else row[column] for column in COLUMNS}
    return plain | {"size_bytes": int(str(plain["size_bytes"]))}
