"""`hnbc run`: makes the study's assets, tells what happens, ends with the headline.

Belongs here: the command, its opening and closing words. Does not: the job itself (job), executing it (execution), the
lines while it runs (narration), the headline's text (report).
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from hnbc_assets.commands.home import Home
    from hnbc_assets.commands.narration import Told
    from hnbc_assets.study import Study

DATABASE_ASSET = "hnbc_database"
A_MOMENT = 1.0  # seconds; who only asks whether a lock is held holds it for a blink
# Tables that the headline never reads and that grow with patients × features.
LONG_TABLES = {
    "immune_infiltration",
    "drug_sensitivity",
    "lineage",
    "raw_files",
    "column_dictionary",
    "survival_curves",
}


@click.command(short_help="Make the study's results and publish the database.")
@click.option(
    "--select",
    "selections",
    multiple=True,
    metavar="ASSETS",
    help="Only these, in the selection syntax of Dagster's UI, where a plain name means that asset: signature, "
    "'+signature' (with all it needs), 'signature+' (with all that depends on it), 'cohorts/*', "
    "'group:drugs and not key:drug_models'. May be given several times.",
)
@click.option(
    "--executor",
    type=click.Choice(["in_process", "multiprocess"]),
    help="How steps run; the study's setting by default.",
)
@click.option("-v", "--verbose", is_flag=True, help="Dagster's own log lines too.")
def run(selections: tuple[str, ...], executor: str | None, verbose: bool) -> None:
    """Make all assets of the study, or exactly those selected, and publish the database.

    Files that are in the archive and verified are not fetched again. What a stopped or failed run has finished is
    kept: the next run completes it.
    """
    from hnbc_assets.commands.home import prepare
    from hnbc_assets.commands.interruption import until_stopped

    sys.exit(
        until_stopped(
            lambda interruption: _run(prepare(), selections, executor, verbose, interruption),
            "the next run completes it.",
        )
    )


def _run(home: Home, selections: Sequence[str], executor: str | None, verbose: bool, interruption: Any) -> int:
    from hnbc_assets.commands.execution import execute, exit_status, release_abandoned, share_cores
    from hnbc_assets.commands.job import STUDY, choose, definitions, study

    chosen_study = study(executor)
    _say(opening(home, chosen_study))
    if chosen_study.execution.executor == "multiprocess":
        share_cores(chosen_study.execution.max_concurrent)
    keys = choose(definitions(executor), selections) if selections else None
    if not home.place.simulated:
        _ask_first(home, chosen_study, keys)
    with _automation_waiting(home), home.instance() as instance:
        release_abandoned(instance)
        told = execute(home, instance, STUDY, keys, executor, verbose, interruption)
    if interruption.received:
        return 128 + interruption.received
    _say(_summary(told))
    if DATABASE_ASSET in told.rows:
        click.echo("\n" + published_headline(home))
        _say(where(home))
    elif keys is not None and not told.failures:
        _say(f"The database was not published anew: hnbc run --select {DATABASE_ASSET} does it.")
    return exit_status([told])


def _ask_first(home: Home, chosen_study: Study, keys: Sequence[Any] | None) -> None:
    """Find out that an address is dead in seconds, before gigabytes are fetched from others."""
    from hnbc_assets.commands.addresses_asked import ask_first

    fetched = None if keys is None else ["/".join(key.path[1:]) for key in keys if key.path[0] == "raw"]
    if fetched is None or fetched:
        ask_first(home.place, chosen_study, fetched)


@contextmanager
def _automation_waiting(home: Home) -> Iterator[None]:
    """Let the daemon's automation wait while assets are made here; another command may hold it back already."""
    from hnbc_assets.lake.atomic import locked

    with ExitStack() as held:
        with suppress(TimeoutError):
            held.enter_context(locked(home.lake.refresh_lock, wait_seconds=A_MOMENT))
        yield


def opening(home: Home, chosen_study: Study) -> str:
    upstream = "SIMULATED" if home.place.simulated else home.place.upstream
    return f"{chosen_study.title}\nupstream {upstream} · study {chosen_study.hash} · lake {home.lake.root}\n"


def _summary(told: Told) -> str:
    made, failed = len(told.rows), len(told.failures)
    words = [f"{made} asset{'' if made == 1 else 's'} made"]
    if failed:
        words.append(f"{failed} step{'' if failed == 1 else 's'} failed")
    if told.not_tried:
        words.append(f"{len(told.not_tried)} asset{'' if len(told.not_tried) == 1 else 's'} not tried")
    if told.failed_checks:
        blocking = sum(check.blocking for check in told.failed_checks)
        checks = f"{len(told.failed_checks)} check{'' if len(told.failed_checks) == 1 else 's'} failed"
        words.append(f"{checks}, {blocking or 'none'} blocking")
    if told.run_error:
        words.append(told.run_error)
    return "\n" + " · ".join(words)


def published_headline(home: Home) -> str:
    """The published results in a few lines."""
    from hnbc_assets.commands.database import connect
    from hnbc_assets.report.headline import headline

    with connect(home.lake) as database:
        names = [name for (name,) in database.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        frames = {n: database.table(n).df() for n in names if n not in LONG_TABLES}
    return headline(frames)


def where(home: Home) -> str:
    from hnbc_assets.commands.printing import own_name

    command, database = own_name(), home.lake.database
    if home.lake.root != Path("data_lake").absolute():
        command = f"HNBC_DATA_LAKE={shlex.quote(str(home.lake.root))} {command}"
    size = 0.0
    with suppress(OSError):
        size = database.stat().st_size / 1e6
    return (
        f"\ndatabase  {database} ({size:.1f} MB)"
        f'\nask it    {command} sql "SELECT * FROM signature"'
        f"\nwatch it  {command} ui, then http://127.0.0.1:3000"
    )


def _say(text: str) -> None:
    click.echo(text, err=True)
