"""`hnbc run`: makes the study's assets, tells what happens, ends with the headline.

Belongs here: executing the job against the lake's Dagster instance, the exit status, the closing words. Does not: the
job itself (job), the lines while it runs (narration), the headline's text (report).
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import sys
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from hnbc_assets.commands.home import Home
    from hnbc_assets.commands.narration import Told
    from hnbc_assets.study import Study

WORKER_TAG = "hnbc/worker"
DATABASE_ASSET = "hnbc_database"
# Tables that the headline never reads and that grow with patients × features.
LONG_TABLES = {
    "immune_infiltration",
    "drug_sensitivity",
    "lineage",
    "raw_files",
    "column_dictionary",
    "survival_curves",
}
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
)


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
    from hnbc_assets.commands.interruption import Interruption

    with Interruption() as interruption:
        try:
            status = _run(prepare(), selections, executor, verbose, interruption)
        except KeyboardInterrupt:
            status = 128 + (interruption.received or signal.SIGINT)
    if interruption.received:
        click.echo("Stopped. What was finished is kept; the next run completes it.", err=True)
        status = 128 + interruption.received
    sys.exit(status)


def _run(home: Home, selections: Sequence[str], executor: str | None, verbose: bool, interruption: Any) -> int:
    from hnbc_assets.commands.job import choose, definitions, study

    chosen_study = study(executor)
    _say(_opening(home, chosen_study))
    if chosen_study.execution.executor == "multiprocess":
        _share_cores(chosen_study.execution.max_concurrent)
    keys = choose(definitions(executor), selections) if selections else None
    with home.instance() as instance:
        release_abandoned(instance)
        told = _execute(home, instance, keys, executor, verbose, interruption)
    if interruption.received:
        return 128 + interruption.received
    _say(_summary(told))
    if DATABASE_ASSET in told.rows:
        click.echo("\n" + _headline(home))
        _say(_where(home))
    elif keys is not None and not told.failures:
        _say(f"The database was not published anew: hnbc run --select {DATABASE_ASSET} does it.")
    return _exit_status(told)


def _execute(
    home: Home,
    instance: DagsterInstance,
    keys: list[Any] | None,
    executor: str | None,
    verbose: bool,
    interruption: Any,
) -> Told:
    from dagster import build_reconstructable_job, execute_job

    from hnbc_assets.commands.narration import INVOCATION_TAG, Narrator

    invocation = uuid.uuid4().hex
    job = build_reconstructable_job("hnbc_assets.commands.job", "study_job", reconstructable_args=(executor,))
    with Narrator(instance, invocation, home.logs, interruption) as narrator:
        result = execute_job(
            job,
            instance,
            run_config={"loggers": {"console": {"config": {"log_level": "INFO" if verbose else "CRITICAL"}}}},
            tags={
                INVOCATION_TAG: invocation,
                WORKER_TAG: f"{socket.gethostname()}:{os.getpid()}",
            },
            asset_selection=keys,
            raise_on_error=False,
        )
    told = narrator.told
    if not result.success and not told.failures and told.run_error is None:
        told.run_error = "the run failed; its log in the UI says why"
    return told


def _exit_status(told: Told) -> int:
    """0 when all passed; of several reasons the one that most needs a person: fault, study, gate, network."""
    statuses = {failure.exit_status for failure in told.failures}
    if told.run_error or any(check.blocking for check in told.failed_checks):
        statuses.add(1)
    return next((status for status in (1, 2, 4, 3) if status in statuses), 0)


def release_abandoned(instance: DagsterInstance) -> None:
    """End the runs whose process on this machine is gone, so that nothing waits for them."""
    from dagster import DagsterRunStatus, RunsFilter

    under_way = [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED]
    for record in instance.get_run_records(RunsFilter(statuses=under_way)):
        known = record.dagster_run
        host, _, process = known.tags.get(WORKER_TAG, "").rpartition(":")
        if host == socket.gethostname() and not _alive(int(process)):
            instance.report_run_failed(known, "The process of this run ended without a word.")
            instance.event_log_storage.free_concurrency_slots_for_run(known.run_id)


def _alive(process: int) -> bool:
    if process == os.getpid():  # the number of an earlier process, given to this one: in a container, as a rule
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _share_cores(steps_at_once: int) -> None:
    """Numerical libraries' threads times Dagster's processes are no more than the cores."""
    share = str(max(1, (os.cpu_count() or 1) // steps_at_once))
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, share)


def _opening(home: Home, chosen_study: Study) -> str:
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


def _headline(home: Home) -> str:
    """The published results in a few lines."""
    import duckdb

    from hnbc_assets.report.headline import headline

    with duckdb.connect(str(home.lake.database), read_only=True) as database:
        names = [name for (name,) in database.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        frames = {n: database.table(n).df() for n in names if n not in LONG_TABLES}
    return headline(frames)


def _where(home: Home) -> str:
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


def own_name() -> str:
    """How this command can be called again from here."""
    called = Path(sys.argv[0])
    if called.name != "hnbc" or shutil.which("hnbc") == str(called.absolute()):
        return "hnbc"
    with suppress(ValueError):
        return str(called.absolute().relative_to(Path.cwd()))
    return str(called)


def _say(text: str) -> None:
    click.echo(text, err=True)
