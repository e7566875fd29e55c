"""Publishing: the tables of the lake as one DuckDB file that is replaced whole, never in part.

In scope: the checks before a publication, building the database next to the old one. Out of scope: which tables are
published (defs), what lineage and check results are (lineage, checks), replacing the file (old_databases).

DuckDB allows one writer or many readers, so no process ever writes to the published file. It is built under another
name in one transaction, flushed to the disk, and renamed over the old one: a reader that has that open is undisturbed.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from hnbc_assets.errors import FormatError, NotInLake, PublicationRefused
from hnbc_assets.lake import atomic, checks, lineage, old_databases, parquet, publications, signature_lineage
from hnbc_assets.lake.checks import CheckOutcome
from hnbc_assets.lake.database import DICTIONARY, SPILL_SUFFIX, Content, build
from hnbc_assets.lake.hashing import content_hash, to_arrow
from hnbc_assets.lake.optional import OptionalAsset, failures, unfit
from hnbc_assets.lake.optional import outcomes as complete
from hnbc_assets.lake.parquet import Provenance
from hnbc_assets.lake.paths import DATABASE, Lake
from hnbc_assets.tables.changes import Publications
from hnbc_assets.tables.database import CheckResults, Lineage, RawFiles
from hnbc_assets.tables.schema import Table

TABLE_NAME = re.compile(r"[a-z][a-z0-9_]*")
BUILT_HERE = ("lineage", "raw_files", "check_results", "publications", DICTIONARY)


@dataclass(frozen=True)
class Published:
    """A publication: the database, and what is in it.

    `sha256` is the file's, new each time; `data_version` depends on the published tables alone: equal tables have equal
    versions. `complete` says for each optional stage whether its tables are in the database.
    """

    path: Path
    n_tables: int
    n_rows: int
    sha256: str
    data_version: str
    complete: tuple[CheckOutcome, ...] = ()


def publish(
    lake: Lake,
    tables: Mapping[str, str],
    extra: Mapping[str, tuple[pd.DataFrame, Provenance]] | None = None,
    *,
    described: Mapping[str, type[Table]] | None = None,
    keep: int = 5,
    comment: str = "",
    code_version: str = "",
    study_hash: str = "",
    optional: Collection[OptionalAsset] = (),
    publisher: str = DATABASE,
    wait_seconds: float = 600.0,
) -> Published:
    """Build the database from the lake and replace the old one with it in one step.

    Parameters
    ----------
    tables : published table name to its asset
    extra : further tables, given as frame and provenance (its description, columns and edges are used)
    described : the current descriptions of tables, by name. Without it, and for columns that it lacks, comments are
        those that were stored with a table
    keep : how many publications stay in the lake's `databases`. A publication equal to the previous one, and made from
        the same versions, replaces that one there, so that no older one is lost
    comment : put before every table's comment, such as SIMULATED (DuckDB has no comment for a whole database)
    code_version, study_hash : those of the publisher, for the record
    optional : the assets of optional stages. If such a stage failed, its assets that do not fit what is in the lake
        are left out: their tables are published empty, and a check of `publisher` says so
    wait_seconds : how long to wait while another process is publishing

    `lineage`, `raw_files`, `check_results` and `column_dictionary` are added, about everything that the tables depend
    on, and `publications`, this one and the previous ones.

    Raises
    ------
    PublicationRefused
        If an asset that the tables depend on is missing, was made from other versions than those now in the lake, or
        has a blocking check whose latest outcome is a failure or belongs to other data; if a table is damaged; if
        another process keeps publishing; if the disk is full. The old database is kept.
    """
    extra = dict(extra or {})
    _check_names([*tables, *extra])
    with _turn(lake, wait_seconds):
        _sweep(lake)
        left_out, failed = _left_out(lake, optional)
        known = lineage.ancestry(lake, {*tables.values(), *(one.asset for one in optional)} - left_out.keys())
        outcomes = checks.outcomes(lake)
        outcomes = outcomes[outcomes.asset.isin(list(known))]
        _refuse_if(_objections(known, outcomes))
        empty = {one.asset: one.table for one in optional if one.asset in left_out and one.table is not None}
        temporary, now = atomic.temporary_beside(lake.database), datetime.now(UTC)
        version = _version({name: asset for name, asset in tables.items() if asset not in empty}, extra, known)
        stage_checks = complete(
            optional, left_out, failed, publisher=publisher, data_version=version, now=now.isoformat(timespec="seconds")
        )
        outcomes = pd.concat([outcomes, checks.as_frame(stage_checks)], ignore_index=True) if stage_checks else outcomes
        inputs = {asset: made.data_version for asset, made in known.items()}
        twin = old_databases.twin(lake, version, inputs)
        record = publications.entry(lake, known, now, data_version=version, study_hash=study_hash)
        try:
            contents = _contents(lake, tables, extra, known, outcomes, empty, described or {})
            n_tables, n_rows = build(temporary, [*contents, _described(Publications, record)], comment=comment)
            sha256 = old_databases.put_in_place(lake, temporary, keep, now, twin)
            publications.remember(lake, version, code_version, inputs, now)
            checks.record(lake, *stage_checks)
        except (OSError, *_database_errors()) as error:
            raise PublicationRefused(f"The database could not be written; the old one is kept: {error}") from error
        finally:
            _remove(temporary)
    return Published(lake.database, n_tables, n_rows, sha256, version, tuple(stage_checks))


def _left_out(lake: Lake, optional: Collection[OptionalAsset]) -> tuple[dict[str, str], dict[str, str]]:
    """The assets of failed optional stages that do not fit what is in the lake, and those stages, each with the reason.

    An asset that does not fit although its stage did not fail is not among them: the publication is refused for it, as
    for any other asset.
    """
    failed = failures(lake, optional)
    stages = {one.asset: one.stage for one in optional}
    lost = unfit(lake, stages) if failed else {}
    return {asset: reason for asset, reason in lost.items() if stages[asset] in failed}, failed


def _version(
    tables: Mapping[str, str],
    extra: Mapping[str, tuple[pd.DataFrame, Provenance]],
    known: Mapping[str, Provenance],
) -> str:
    versions = {name: known[asset].data_version for name, asset in tables.items()}
    versions |= {name: content_hash(frame) for name, (frame, _) in extra.items()}
    return hashlib.sha256(json.dumps(sorted(versions.items())).encode()).hexdigest()[:32]


def _check_names(names: Collection[str]) -> None:
    wrong = sorted(n for n in names if not TABLE_NAME.fullmatch(n))
    if wrong:
        raise ValueError(f"table names are lower case letters, digits and '_': not {wrong}")
    taken = sorted(n for n in set(names) if list(names).count(n) > 1 or n in BUILT_HERE)
    if taken:
        raise ValueError(f"table names used twice, or used by a table that every database has: {taken}")


@contextmanager
def _turn(lake: Lake, wait_seconds: float) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(atomic.locked(lake.publishing_lock, wait_seconds=wait_seconds))
        except TimeoutError as error:
            raise PublicationRefused(f"Another process is publishing: {error}. Try again when it has ended.") from error
        yield


def _objections(known: Mapping[str, Provenance | None], outcomes: pd.DataFrame) -> list[str]:
    """Why this lake must not be published, one sentence each."""
    objections = [
        f"{asset} is not in the lake. Materialise it: hnbc run --select {asset}"
        for asset, made in known.items()
        if made is None
    ]
    objections += [
        f"{asset} was made from another version of {upstream} than the one now in the lake. "
        f"Materialise it again: hnbc run --select {asset}"
        for asset, upstream in lineage.outdated(known)
    ]
    for outcome in outcomes[outcomes.blocking].sort_values(["asset", "check_name"]).itertuples():
        made = known[outcome.asset]
        if made is not None and (objection := checks.objection(outcome, made.data_version)):
            again = f". Materialise it with its checks: hnbc run --select {outcome.asset}"
            objections.append(objection + again * outcome.passed)
    return objections


def _refuse_if(objections: list[str]) -> None:
    if objections:
        raise PublicationRefused("The database was not replaced: " + "; ".join(objections))


def _contents(
    lake: Lake,
    tables: Mapping[str, str],
    extra: Mapping[str, tuple[pd.DataFrame, Provenance]],
    known: Mapping[str, Provenance],
    outcomes: pd.DataFrame,
    empty: Mapping[str, type[Table]],
    described: Mapping[str, type[Table]],
) -> Iterator[Content]:
    for name, asset in tables.items():
        if asset in empty:
            table = empty[asset]
            yield Content(name, to_arrow(table.empty()), table.comment(), table.dictionary())
        else:
            yield _from_lake(lake, name, asset, known[asset], described.get(name))
    for name, (frame, made) in extra.items():
        yield Content(name, to_arrow(frame), made.table_description, made.columns)
    yield _described(
        Lineage, signature_lineage.edges(lake, {**known, **{name: made for name, (_, made) in extra.items()}})
    )
    yield _described(RawFiles, _raw_files(lake, known))
    yield _described(CheckResults, outcomes[list(CheckResults.columns)])


def _from_lake(
    lake: Lake, name: str, asset: str, expected: Provenance, described: type[Table] | None = None
) -> Content:
    """A table of the lake: the version that was examined, with its values as written and its current description."""
    path = lake.table(asset)
    try:
        with parquet.open_parquet(path) as file:
            made, table = parquet.provenance_of(path, file), file.read()
            parquet.check_content(path, table, made)
    except (FormatError, NotInLake) as error:
        raise PublicationRefused(f"The database was not replaced: {error}") from error
    if made != expected:
        raise PublicationRefused(f"{asset} was materialised again while it was being published. Publish again.")
    if described is None:
        return Content(name, table, made.table_description, made.columns)
    columns = {column["name"]: column for column in [*made.columns, *described.dictionary()]}
    return Content(name, table, described.comment(), list(columns.values()))


def _raw_files(lake: Lake, known: Mapping[str, Provenance]) -> pd.DataFrame:
    try:
        return signature_lineage.raw_files(lake, known)
    except (FormatError, NotInLake) as error:
        raise PublicationRefused(f"The database was not replaced: {error}") from error


def _described(table: type[Table], frame: pd.DataFrame) -> Content:
    return Content(table.table_name(), to_arrow(table.conform(frame)), table.comment(), table.dictionary())


def _sweep(lake: Lake) -> None:
    """Delete what killed processes left. No other process is publishing now, so unfinished databases are abandoned."""
    for leftover in lake.root.glob(f".{lake.database.name}.*{atomic.TEMPORARY_SUFFIX}*"):
        _remove(leftover)
    atomic.sweep(lake.root, deep=False)
    for folder in (lake.tables, lake.databases, lake.signatures, lake.reports, lake.observations, lake.attempts):
        atomic.sweep(folder)


def _remove(database: Path) -> None:
    """Delete an unfinished database, its log and its spilled files."""
    for path in (database, Path(f"{database}.wal")):
        with suppress(IsADirectoryError):
            path.unlink(missing_ok=True)
    for folder in (database, Path(f"{database}{SPILL_SUFFIX}")):
        shutil.rmtree(folder, ignore_errors=True)


def _database_errors() -> tuple[type[Exception], ...]:
    import duckdb

    return (duckdb.Error,)
