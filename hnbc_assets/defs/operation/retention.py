"""Retention: what is thrown away after a while, and the weekly job that does it.

In scope: which runs, archived releases, damaged files and leftovers may go. Out of scope: removing files of a release
(sources/archive/views.py), publications of the database (lake/snapshot.py), ticks (Dagster's own retention).
"""

import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from hnbc_assets.defs.attempting import guard
from hnbc_assets.defs.operation.archive_check import Verified, needed, verify
from hnbc_assets.defs.resources import open_archive
from hnbc_assets.errors import ArchiveDamaged, FormatError
from hnbc_assets.lake import atomic, parquet
from hnbc_assets.lake.paths import Lake
from hnbc_assets.study import Place, Study

if TYPE_CHECKING:
    from hnbc_assets.sources.archive.store import Archive
    from hnbc_assets.sources.archive.views import Pruned

JOB = "housekeeping"
SUNDAY_NIGHT = "0 3 * * 0"
PAGE = 100
# An interrupted download resumes from its part; the part of a running one is written to all the time.
PART_DAYS = 14
TERMINAL_LOGS = "hnbc_logs"  # where commands/home.py keeps the whole of errors that a terminal shows in short
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
Assets = Sequence[dg.AssetsDefinition | dg.SourceAsset]


@dataclass(frozen=True)
class PrunedRuns:
    """How many old runs were deleted, how many stay because they hold an asset's latest state, and bytes on disk."""

    runs: int
    kept: int
    bytes: int = 0


@dataclass(frozen=True)
class SetAside:
    """How many damaged files were removed, their bytes, and those that stay, below the archive's root."""

    removed: int
    bytes: int
    kept: tuple[str, ...]


@dataclass(frozen=True)
class Swept:
    """Everything that one housekeeping removed. `archive_left` says why the archive was left alone, where it was."""

    runs: PrunedRuns
    archive: "Pruned | None" = None
    archive_left: str = ""
    leftovers: int = 0
    leftover_bytes: int = 0
    verified: Verified | None = None
    set_aside: SetAside | None = None

    @property
    def metadata(self) -> dict[str, int | str]:
        """Figures for the UI, sizes in bytes."""
        figures: dict[str, int | str] = {
            "runs deleted": self.runs.runs,
            "old runs kept": self.runs.kept,
            "bytes of runs": self.runs.bytes,
            "leftovers removed": self.leftovers,
            "bytes of leftovers": self.leftover_bytes,
        }
        if self.verified is not None:
            figures |= {"archived files verified": self.verified.files}
            figures |= {"archived files damaged": ", ".join(self.verified.lost) or "none"}
        if self.set_aside is not None:
            figures |= {"damaged files removed": self.set_aside.removed}
            figures |= {"bytes of damaged files": self.set_aside.bytes}
            figures |= {"damaged files kept": ", ".join(self.set_aside.kept) or "none"}
        if self.archive is None:
            return figures | {"archive left alone": self.archive_left}
        return figures | {
            "releases removed": ", ".join(self.archive.releases) or "none",
            "archived files removed": self.archive.files,
            "bytes of archived files": self.archive.bytes,
        }


def housekeeping(study: Study, place: Place, assets: Assets) -> tuple[dg.JobDefinition, dg.ScheduleDefinition]:
    """The job, and its schedule: Sundays at 3, UTC. `assets` are all of the definitions, observed sources too."""

    @dg.op(name="sweep", out=dg.Out(dg.Nothing), description="Removes what the study's retention allows.")
    def sweep(context: dg.OpExecutionContext) -> None:
        guard(context, study, place)
        swept = keep_house(context.instance, study, place, assets)
        context.log.info(", ".join(f"{name}: {figure}" for name, figure in swept.metadata.items()))
        context.add_output_metadata(swept.metadata)
        if swept.verified is not None and swept.verified.lost:  # fails the run, so that an alert is sent
            affected = "; ".join(f"{path}: {', '.join(whos)}" for path, whos in list(swept.verified.lost.items())[:5])
            paths = tuple(swept.verified.lost)
            counted = f"{len(paths)} archived file(s) are missing or changed"
            raise ArchiveDamaged(f"{counted}. What depends on them: {affected}.", paths)

    @dg.job(
        name=JOB,
        description=f"Deletes runs older than {study.retention.runs_days:g} days that made nothing of what there is "
        f"now, archived releases but the last {study.releases.keep}, damaged files that were replaced, and what killed "
        "processes left.",
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        sweep()

    schedule = dg.ScheduleDefinition(
        name=f"{JOB}_weekly",
        job=job,
        cron_schedule=SUNDAY_NIGHT,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    return job, schedule


def keep_house(
    instance: dg.DagsterInstance, study: Study, place: Place, assets: Assets, *, now: datetime | None = None
) -> Swept:
    """Throw away what the study's retention allows, and check the archive for damage.

    `now` is the time of this call by default.

    The archive is left alone while a refresh in a terminal is under way, while a release that the study pins is not in
    use yet, and while a database cannot be opened.
    """
    keys = {key for a in assets for key in (a.keys if isinstance(a, dg.AssetsDefinition) else [a.key])}
    checks = {key for a in assets if isinstance(a, dg.AssetsDefinition) for key in a.check_keys}
    runs = prune_runs(instance, study.retention.runs_days, keys, checks, now=now)
    lake = Lake(place.data_lake)
    archive, left = _prune_archive(lake, study, place)
    sizes = list(_leftovers(lake, now))
    aside = _prune_damaged(open_archive(place), study.retention.runs_days, now)
    return Swept(runs, archive, left, len(sizes), sum(sizes), verify(lake, note=True), aside)


def prune_runs(
    instance: dg.DagsterInstance,
    older_than_days: float,
    known: Collection[dg.AssetKey],
    checks: Collection[dg.AssetCheckKey] = (),
    *,
    now: datetime | None = None,
) -> PrunedRuns:
    """Delete finished runs older than the limit, with their events and logs.

    A run stays that holds the latest materialisation or observation of an asset that is `known`, or the latest
    outcome of one of these `checks`: the UI shows figures and metadata from there. A run in progress always stays.
    """
    limit = (now or datetime.now(UTC)) - timedelta(days=older_than_days)
    old = dg.RunsFilter(statuses=FINISHED, updated_before=limit)
    holding = _holding(instance, known, checks)
    deleted = kept = freed = 0
    cursor = None  # the last run that stays: a deleted one marks no place
    while records := instance.get_run_records(old, limit=PAGE, cursor=cursor, ascending=True):
        for record in records:
            run_id = record.dagster_run.run_id
            if run_id in holding:
                cursor, kept = run_id, kept + 1
            else:
                freed += _delete(instance, run_id)
                deleted += 1
    return PrunedRuns(deleted, kept, freed)


def _holding(
    instance: dg.DagsterInstance, known: Collection[dg.AssetKey], checks: Collection[dg.AssetCheckKey]
) -> set[str]:
    """The runs whose events tell the present state of an asset or check."""
    holding = set()
    for key in known:
        for latest in (instance.fetch_materializations(key, limit=1), instance.fetch_observations(key, limit=1)):
            holding |= {record.run_id for record in latest.records}
    for summary in instance.event_log_storage.get_asset_check_summary_records(list(checks)).values():
        holding |= {summary.last_run_id, summary.last_completed_run_id} - {None}
    return holding


def _delete(instance: dg.DagsterInstance, run_id: str) -> int:
    """Delete a run, its events, and its files, which Dagster leaves; the bytes of those."""
    freed = sum(path.stat().st_size for path in _files(instance, run_id))
    instance.compute_log_manager.delete_logs(prefix=[run_id])  # wherever they are: not always on this disk
    instance.delete_run(run_id)
    for path in _files(instance, run_id):
        path.unlink(missing_ok=True)
    if _storage(instance, run_id).exists():
        shutil.rmtree(_storage(instance, run_id))
    return freed


def _files(instance: dg.DagsterInstance, run_id: str) -> list[Path]:
    """The files that only this run has: its own event database, where SQLite keeps one a run, and its logs."""
    found = [Path(instance.root_directory) / TERMINAL_LOGS / f"{run_id}.log", *_storage(instance, run_id).rglob("*")]
    path_for_shard = getattr(instance.event_log_storage, "path_for_shard", None)
    if path_for_shard is not None:
        found += [Path(f"{path_for_shard(run_id)}{end}") for end in ("", "-wal", "-shm", "-journal")]
    return [path for path in found if path.is_file()]


def _storage(instance: dg.DagsterInstance, run_id: str) -> Path:
    return Path(instance.storage_directory()) / run_id


def _prune_archive(lake: Lake, study: Study, place: Place) -> "tuple[Pruned | None, str]":
    """What was removed of the archive, or why it was left alone."""
    from hnbc_assets.sources.archive.views import prune

    if atomic.is_locked(lake.refresh_lock):  # pruning would wait for its downloads, and other runs for this one
        return None, "a refresh is under way in a terminal"
    in_use = releases_in_use(lake)
    pins = {name: study.releases.pinned(name) for name in in_use}
    coming = [f"{name} {pin}" for name, pin in pins.items() if pin not in (None, in_use[name])]
    if coming:
        return None, f"pinned and not in use yet: {', '.join(coming)}"
    try:
        releases, paths = needed(lake)
    except FormatError as error:
        return None, f"what a database needs of it is not known: {error}"
    archive, keep = open_archive(place), study.releases.keep
    return prune(archive, keep=keep, in_use=in_use, needed=releases, protected=paths), ""


def _prune_damaged(archive: "Archive", older_than_days: float, now: datetime | None) -> SetAside:
    """Remove damaged files that were set aside before the limit, if the archive holds a sound file in their place."""
    from hnbc_assets.sources.archive.intact import all_set_aside

    files = all_set_aside(archive.root)
    named: dict[str, list[Any]] = {}
    for row in archive.manifest().to_dict("records") if files else []:
        named.setdefault(row["path"], []).append(row)
    limit = ((now or datetime.now(UTC)) - timedelta(days=older_than_days)).timestamp()
    sizes, kept = [], []
    for path, originals in files.items():
        state = path.stat()
        rows = next((named[original] for original in originals if original in named), [])
        if state.st_ctime < limit and any(archive.holds(row) for row in rows):
            path.unlink()
            sizes.append(state.st_size)
        else:
            kept.append(path.relative_to(archive.root).as_posix())
    return SetAside(len(sizes), sum(sizes), tuple(kept))


def releases_in_use(lake: Lake) -> dict[str, str]:
    """The release of every upstream object that the lake's tables are made from, by name: `gdc/TCGA-BRCA`."""
    from hnbc_assets.sources.kinds import source_of

    found = {}
    for asset in lake.assets():
        if asset.startswith("raw/"):
            name, manifest = asset.removeprefix("raw/"), parquet.read(lake.table(asset))
            if len(manifest):
                found[name] = source_of(name.split("/")[0]).files.release_of(manifest)
    return found


def _leftovers(lake: Lake, now: datetime | None) -> Iterator[int]:
    """Remove what killed processes left of tables, and parts of downloads that nobody resumes; returns their sizes."""
    sizes = {path: size for path in _temporaries(lake.tables) if (size := _size(path)) is not None}
    for path in atomic.sweep(lake.tables):
        yield sizes.get(path, 0)
    oldest = (now.timestamp() if now else time.time()) - PART_DAYS * 86_400
    for path in _temporaries(lake.raw):
        with suppress(FileNotFoundError):  # it has just landed
            state = path.stat()
            if state.st_mtime < oldest:
                path.unlink()
                path.with_name(f"{path.name}.json").unlink(missing_ok=True)  # what is known of the whole
                yield state.st_size


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _temporaries(folder: Path) -> list[Path]:
    return sorted(folder.rglob(f".*{atomic.TEMPORARY_SUFFIX}"))
