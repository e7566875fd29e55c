"""`hnbc run`: makes the study's assets, prints the progress, ends with the headline.

In scope: the command, its opening and closing lines. Out of scope: executing the job (execution), the lines while it
runs (progress), the headline's text (report).
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hnbc_assets.commands.printing import say
from hnbc_assets.vocabulary import Executor

if TYPE_CHECKING:
    from hnbc_assets.commands.home import Home
    from hnbc_assets.commands.process import Interruption
    from hnbc_assets.commands.progress import RunOutcome
    from hnbc_assets.study import Study

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
    "'+signature' (with all that it depends on), 'signature+' (with all that depends on it), 'cohorts/*', "
    "'group:drugs and not key:drug_models'. May be given several times.",
)
@click.option(
    "--executor",
    type=click.Choice(list(map(str, Executor))),
    help="How steps run; the study's setting by default.",
)
@click.option("--all", "everything", is_flag=True, help="Make everything, even what a stopped or failed run finished.")
@click.option("-v", "--verbose", is_flag=True, help="Also print Dagster's own log lines.")
def run(selections: tuple[str, ...], executor: str | None, everything: bool, verbose: bool) -> None:
    """Make all assets of the study, or exactly those selected, and publish the database.

    Files that are in the archive and verified are not fetched again. What a stopped, killed or failed run has finished
    is kept, and the next run completes it: it makes what is left, and what has changed since, and says so. --all makes
    everything again. After a complete run, the next one makes everything.

    Only one command at a time makes assets in a lake: a second one names the first and ends with exit status 2. The
    command waits for a run that the UI or its daemon has started.
    """
    from hnbc_assets.commands.process import until_stopped

    if everything and selections:
        raise click.UsageError("--select makes exactly what it names: leave --all out.")
    sys.exit(until_stopped(lambda interruption: _run(selections, executor, everything, verbose, interruption)))


def _run(
    selections: Sequence[str], executor: str | None, everything: bool, verbose: bool, interruption: Interruption
) -> int:
    from hnbc_assets.commands.execution import STUDY, carry_on, choose, definitions, execute, exit_status, study
    from hnbc_assets.commands.home import prepare
    from hnbc_assets.commands.process import release_abandoned, share_cores, turn, wait_for_runs
    from hnbc_assets.lake import unfinished
    from hnbc_assets.lake.optional import lacking
    from hnbc_assets.lake.paths import DATABASE

    with interruption.deferred():
        home = prepare()
    chosen_study = study(executor)
    say(opening(home, chosen_study))
    if chosen_study.execution.executor == Executor.MULTIPROCESS:
        share_cores(chosen_study.execution.max_concurrent)
    known = definitions(executor)
    keys = choose(known, selections) if selections else None
    with turn(home.lake), home.instance() as instance:
        interruption.begin()
        release_abandoned(instance)
        wait_for_runs(instance)
        if not selections:
            keys = _left(home, executor, everything)
        _look_first(home, chosen_study, keys)
        becomes = "the same command makes the whole selection again" if selections else "the next run completes it"
        interruption.advice = f"What was finished is kept; {becomes}."
        outcome = execute(home, instance, STUDY, keys, executor, verbose, interruption)
        outcome = carry_on(home, instance, outcome, executor, verbose, interruption)
        if interruption.received and not selections:
            interruption.advice = kept(home, executor)
        elif not selections and outcome.complete:
            unfinished.finish(home.lake)
    if interruption.received:
        return 128 + interruption.received
    say(_summary(outcome))
    without = lacking(home.lake, DATABASE) if DATABASE in outcome.rows else {}
    if DATABASE in outcome.rows:
        click.echo("\n" + published_headline(home))
        say(published_without(without))
        say(where(home))
    elif keys is not None and not outcome.failures:
        say(f"The database was not published again: hnbc run --select {DATABASE} publishes it.")
    return 1 if without else exit_status([outcome])


def _look_first(home: Home, chosen_study: Study, keys: Sequence[Any] | None) -> None:
    """Find a missing file, gene set or address in seconds, before gigabytes are downloaded."""
    from hnbc_assets.commands.doctor import ask_first
    from hnbc_assets.defs.operation.preflight import fetch_sets, require_files
    from hnbc_assets.defs.resources import open_archive, open_client
    from hnbc_assets.defs.upstreams import GENE_SETS

    fetched = None if keys is None else ["/".join(key.path[1:]) for key in keys if key.path[0] == "raw"]
    if fetched is not None and not fetched:
        return
    require_files(chosen_study, simulated=home.place.simulated, objects=fetched)
    if home.place.simulated:
        return
    ask_first(home.place, chosen_study, fetched)
    if (fetched is None or GENE_SETS in fetched) and GENE_SETS not in chosen_study.releases.pin:
        with open_client(home.place, chosen_study) as client:
            fetch_sets(chosen_study, client, open_archive(home.place, chosen_study))


def _left(home: Home, executor: str | None, everything: bool) -> list[Any] | None:
    """What the previous run has left to make, after printing it; None for everything."""
    from hnbc_assets.commands.execution import as_keys, graph
    from hnbc_assets.commands.printing import age, own_name
    from hnbc_assets.lake import unfinished
    from hnbc_assets.lake.plan import examine

    begun = None if everything else unfinished.begun_at(home.lake)
    if begun is not None:
        nodes = graph(executor)
        left = unfinished.left(home.lake, examine(home.lake, nodes))
        if 0 < len(left) < len(nodes):
            say(
                f"This completes the run that was started {age(begun)}: {len(nodes) - len(left)} of {len(nodes)} "
                f"assets are made, {len(left)} are left. To make everything again: {own_name()} run --all\n"
            )
            return as_keys(left)
    unfinished.begin(home.lake)
    return None


def kept(home: Home, executor: str | None) -> str:
    """What a stopped run has made, and what the next one will make; a run that has made everything is marked
    complete.
    """
    from hnbc_assets.commands.execution import graph
    from hnbc_assets.lake import unfinished
    from hnbc_assets.lake.plan import examine

    nodes = graph(executor)
    left = unfinished.left(home.lake, examine(home.lake, nodes))
    if not left:
        unfinished.finish(home.lake)
        return f"All {len(nodes)} assets had been made."
    made = len(nodes) - len(left)
    return f"What was finished is kept, {made} of {len(nodes)} assets; the next run makes the other {len(left)}."


def opening(home: Home, chosen_study: Study) -> str:
    upstream = home.place.watermark or home.place.upstream
    return f"{chosen_study.title}\nupstream {upstream} · study {chosen_study.hash} · lake {home.lake.root}\n"


def _summary(outcome: RunOutcome) -> str:
    made, failed = len(outcome.rows), len(outcome.failures)
    words = [f"{made} asset{'' if made == 1 else 's'} made"]
    if failed:
        words.append(f"{failed} step{'' if failed == 1 else 's'} failed")
    if outcome.not_tried:
        words.append(f"{len(outcome.not_tried)} asset{'' if len(outcome.not_tried) == 1 else 's'} not tried")
    if outcome.failed_checks:
        blocking = sum(check.blocking for check in outcome.failed_checks)
        checks = f"{len(outcome.failed_checks)} check{'' if len(outcome.failed_checks) == 1 else 's'} failed"
        words.append(f"{checks}, {blocking or 'none'} blocking")
    if outcome.run_error:
        words.append(outcome.run_error)
    return "\n" + " · ".join(words)


def published_headline(home: Home) -> str:
    """The published results in a few lines."""
    from hnbc_assets.commands.sql import connect
    from hnbc_assets.report.headline.text import WIDTH, headline

    with connect(home.lake) as database:
        names = [name for (name,) in database.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        frames = {n: database.table(n).df() for n in names if n not in LONG_TABLES}
    return headline(frames, shutil.get_terminal_size((WIDTH, 24)).columns)


def published_without(without: Mapping[str, str]) -> str:
    """What the published database lacks, one line per optional stage; empty if it is complete."""
    return "\n".join(f"\n✗ published without the stage {stage}: {why}" for stage, why in without.items())


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
        f'\nquery     {command} sql "SELECT * FROM signature"'
        f"\nUI        {command} ui, then http://127.0.0.1:3000"
    )
