"""Executing a job of the study against the lake's Dagster instance.

In scope: running a job in this terminal, the exit status that belongs to what happened, runs whose process has ended.
Out of scope: the jobs themselves (job), the lines while one runs (narration).
"""

from __future__ import annotations

import json
import os
import socket
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

    from hnbc_assets.commands.home import Home
    from hnbc_assets.commands.narration import RunOutcome

CODE_SERVER_TAG = ".dagster/grpc_info"  # where Dagster keeps the address of the code server that started a run
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
)


def execute(
    home: Home,
    instance: DagsterInstance,
    name: str,
    keys: list[Any] | None,
    executor: str | None,
    verbose: bool,
    interruption: Any,
) -> RunOutcome:
    """Execute a job of the study in this process (or its own) and report on it; `keys` are the assets, or all."""
    from dagster import build_reconstructable_job, execute_job

    from hnbc_assets.commands import full_disk, origin
    from hnbc_assets.commands.narration import Narrator
    from hnbc_assets.defs.operation.alerts import WORKER_TAG

    run_id = str(uuid.uuid4())
    job = build_reconstructable_job("hnbc_assets.commands.job", "resolved_job", reconstructable_args=(name, executor))
    with (
        full_disk.unrepeated(),
        origin.belonging(instance, name, run_id),
        Narrator(instance, run_id, home.logs, interruption) as narrator,
    ):
        result = execute_job(
            job,
            instance,
            run_config={"loggers": {"console": {"config": {"log_level": "INFO" if verbose else "CRITICAL"}}}},
            tags={WORKER_TAG: f"{socket.gethostname()}:{os.getpid()}", **origin.tags()},
            asset_selection=keys,
            raise_on_error=False,
        )
    outcome = narrator.outcome
    if not result.success and not outcome.failures and outcome.run_error is None:
        outcome.run_error = "the run failed; its log in the UI says why"
    return outcome


def exit_status(outcomes: Sequence[RunOutcome]) -> int:
    """0 when all passed; of several reasons the one that most needs a person: failure, study, gate, network."""
    statuses = {failure.exit_status for outcome in outcomes for failure in outcome.failures}
    if any(outcome.run_error for outcome in outcomes):
        statuses.add(1)
    if not statuses and any(check.blocking for outcome in outcomes for check in outcome.failed_checks):
        statuses.add(1)
    return next((status for status in (1, 2, 4, 3) if status in statuses), 0)


def release_abandoned(instance: DagsterInstance) -> None:
    """End the runs whose process on this machine no longer exists, so that nothing waits for them.

    Dagster's own monitoring ends a run of the daemon whose process was killed, but not one whose code server was killed
    with it: that would fill the queue permanently.
    """
    from dagster import DagsterRunStatus, RunsFilter

    under_way = [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED]
    for record in instance.get_run_records(RunsFilter(statuses=under_way)):
        if not _gone(record.dagster_run):
            continue
        known = instance.get_run_by_id(record.dagster_run.run_id)
        if known is not None and known.status in under_way:  # it may have ended normally since it was read
            instance.report_run_failed(known, "The process of this run ended without an error message.")
            instance.event_log_storage.free_concurrency_slots_for_run(known.run_id)


def _gone(run: DagsterRun) -> bool:
    """Whether the process that executes a run, or the code server that is its parent, is known to have ended."""
    from hnbc_assets.defs.operation.alerts import WORKER_TAG

    host, _, process = run.tags.get(WORKER_TAG, "").rpartition(":")
    if host:
        return host == socket.gethostname() and not _alive(int(process))
    server = json.loads(run.tags.get(CODE_SERVER_TAG, "{}")).get("socket")
    return server is not None and not _listens(server)


def _listens(path: str) -> bool:
    """Whether a process listens at a socket of this machine; a code server does as long as it has runs."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError:
            return True
    return True


def _alive(process: int) -> bool:
    if process == os.getpid():  # the id of an earlier process, reused by this one: usually in a container
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def share_cores(steps_at_once: int) -> None:
    """Limit numerical libraries' threads so that threads times Dagster's processes do not exceed the cores."""
    share = str(max(1, (os.cpu_count() or 1) // steps_at_once))
    for variable in THREAD_VARIABLES:
        os.environ.setdefault(variable, share)
