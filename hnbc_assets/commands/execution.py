"""Executing jobs of the study in this terminal.

In scope: the study's jobs in a form that other processes can rebuild, choosing assets by Dagster's selection syntax,
running a job, what is still made without an optional stage that failed, the exit status. Out of scope: the definitions
(defs), the lines while a job runs (progress), which stages are optional (defs), what is published then
(lake/optional.py).
"""

from __future__ import annotations

import difflib
import json
import os
import re
import socket
import uuid
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import click

from hnbc_assets.commands.home import LOCATION, MODULE
from hnbc_assets.commands.process import COMMAND_TAG, command_line

if TYPE_CHECKING:
    from dagster import AssetKey, DagsterInstance, Definitions, JobDefinition

    from hnbc_assets.commands.home import Home
    from hnbc_assets.commands.progress import RunOutcome
    from hnbc_assets.lake.plan import Node, Plan
    from hnbc_assets.study import Study

STUDY, LOOK, REFRESH = "study", "look", "refresh"
PLAIN_NAME = re.compile(r"(\d*\+)?([A-Za-z0-9_./*-]+)(\+\d*)?")
REPOSITORY = "__repository__"  # Dagster's name for the repository of a module's definitions
REPOSITORY_TAG = ".dagster/repository"
LONGEST_COMMAND = 200


def study(executor: str | None = None) -> Study:
    """The study of this environment, with another executor if one is named."""
    from hnbc_assets.study import load_study

    found = load_study()
    if executor is None or executor == found.execution.executor:
        return found
    return found.model_copy(update={"execution": found.execution.model_copy(update={"executor": executor})})


@cache
def definitions(executor: str | None = None) -> Definitions:
    """The study's Dagster definitions, built once per process."""
    from hnbc_assets.defs import build_definitions

    return build_definitions(study(executor))


@cache
def resolved_job(name: str, executor: str | None = None) -> JobDefinition:
    """A job of the study; each process of a multiprocess run calls this."""
    return definitions(executor).resolve_job_def(name)


def graph(executor: str | None = None) -> dict[str, Node]:
    """The study's assets as the lake's plan represents them."""
    from hnbc_assets.defs.graph import nodes

    return nodes(definitions(executor).assets or [])


def as_keys(assets: Iterable[str]) -> list[AssetKey]:
    """Dagster's keys for assets of the plan."""
    from dagster import AssetKey

    return [AssetKey(asset.split("/")) for asset in assets]


def choose(known: Definitions, selections: Sequence[str]) -> list[AssetKey]:
    """The assets that match any of the selections, in the selection syntax of Dagster's UI.

    A plain name means that asset, `*` in it any characters, and a `+` before or after it everything that it depends on
    or that depends on it, as in the UI: `+signature` is `+key:"signature"`. Tables of the same step are included.

    Raises
    ------
    click.UsageError
        If a selection cannot be read, names an asset that does not exist, or chooses nothing.
    """
    from dagster import AssetSelection

    graph = known.resolve_asset_graph()
    chosen: set[AssetKey] = set()
    for selection in selections:
        try:
            with warnings.catch_warnings(action="ignore"):  # parts of the syntax are marked as beta
                found = (
                    AssetSelection.from_string(_spelled_out(selection)).resolve(graph) & graph.materializable_asset_keys
                )
        except Exception as error:
            raise click.UsageError(_explain(selection, graph.materializable_asset_keys, error)) from error
        if not found:
            raise click.UsageError(_explain(selection, graph.materializable_asset_keys))
        chosen |= found
    # Tables that one step makes are made together: selecting one of them selects all.
    together = AssetSelection.assets(*chosen).required_multi_asset_neighbors().resolve(graph)
    return sorted(together & graph.materializable_asset_keys)


def _spelled_out(selection: str) -> str:
    plain = PLAIN_NAME.fullmatch(selection.strip())
    if plain is None or plain[2] == "*":
        return selection
    return f'{plain[1] or ""}key:"{plain[2]}"{plain[3] or ""}'


def _explain(selection: str, keys: set[AssetKey], error: Exception | None = None) -> str:
    names = sorted(key.to_user_string() for key in keys)
    plain = PLAIN_NAME.fullmatch(selection.strip())
    if plain is None:
        reason = "it cannot be read" if error is not None else "no asset of this study matches it"
        return f"--select {selection}: {reason}. Inside an expression a name is written key:NAME."
    near = difflib.get_close_matches(plain[2], names, n=3, cutoff=0.5)
    hint = f"Similar: {', '.join(near)}." if near else "dg list defs lists all assets."
    return f"--select {selection}: no asset of this study matches it. {hint}"


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

    from hnbc_assets.commands import full_disk
    from hnbc_assets.commands.progress import Progress
    from hnbc_assets.defs.operation.alerts import WORKER_TAG

    run_id = str(uuid.uuid4())
    job = build_reconstructable_job(__name__, "resolved_job", reconstructable_args=(name, executor))
    with (
        full_disk.unrepeated(),
        _in_code_location(instance, name, run_id),
        home.events_open(instance, run_id),
        Progress(instance, run_id, home.logs, interruption) as progress,
    ):
        result = execute_job(
            job,
            instance,
            run_config={"loggers": {"console": {"config": {"log_level": "INFO" if verbose else "CRITICAL"}}}},
            tags={WORKER_TAG: f"{socket.gethostname()}:{os.getpid()}", **_tags()},
            asset_selection=keys,
            raise_on_error=False,
        )
    outcome = progress.outcome
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


@contextmanager
def _in_code_location(instance: DagsterInstance, job: str, run_id: str) -> Iterator[None]:
    """While entered, the instance creates the job's run with this id, in the code location of `workspace.yaml`.

    Dagster assigns a job that is executed in this process to no code location, and the UI's overview omits such runs.
    Its public methods take no location for a job. So that is read from the form in which Dagster stores it in its
    database, which newer versions still read, and passed to the instance when that creates the run.
    """
    given = partial(instance.create_run_for_job, run_id=run_id, remote_job_origin=_located(job))
    instance.create_run_for_job = given  # type: ignore[method-assign]
    try:
        yield
    finally:
        del instance.create_run_for_job


def _tags() -> dict[str, str]:
    """The tags of a run: its command line, and the repository by which the UI finds it."""
    command = command_line()
    shown = command if len(command) <= LONGEST_COMMAND else f"{command[:LONGEST_COMMAND]} …"
    return {COMMAND_TAG: shown, REPOSITORY_TAG: f"{REPOSITORY}@{LOCATION}"}


def _located(job: str) -> Any:
    """The job in the code location that `workspace.yaml` names, as Dagster stores it."""
    from dagster import deserialize_value

    nothing = dict.fromkeys(("attribute", "executable_path", "package_name", "python_file", "working_directory"))
    location = {
        "__class__": "ManagedGrpcPythonEnvRepositoryLocationOrigin",
        "loadable_target_origin": {"__class__": "LoadableTargetOrigin", "module_name": MODULE} | nothing,
        "location_name": LOCATION,
    }
    repository = {
        "__class__": "ExternalRepositoryOrigin",
        "repository_location_origin": location,
        "repository_name": REPOSITORY,
    }
    found = {"__class__": "ExternalPipelineOrigin", "external_repository_origin": repository, "pipeline_name": job}
    return deserialize_value(json.dumps(found))


def carry_on(
    home: Home, instance: DagsterInstance, outcome: RunOutcome, executor: str | None, verbose: bool, interruption: Any
) -> RunOutcome:
    """Make what a run did not try because an optional stage failed; returns the outcome of all runs together.

    Dagster skips everything that depends on a failed step, so the rest needs a run of its own.
    """
    from hnbc_assets.commands.progress import joined
    from hnbc_assets.lake.plan import examine

    failed: set[str] = set()
    while outcome.failures and not outcome.run_error and not interruption.received:
        failed |= outcome.unsuccessful
        plan = examine(home.lake, graph(executor))
        left = left_without(plan, failed, outcome.not_tried)
        if not left:
            break
        without = ", ".join(sorted(asset for asset in failed if plan.nodes[asset].optional))
        click.echo(f"\nwithout {without}, the rest: {len(left)} asset{'s' * (len(left) != 1)}", err=True)
        more = execute(home, instance, STUDY, as_keys(left), executor, verbose, interruption)
        if not more.started:
            return joined([outcome, more])
        outcome = joined([outcome, more])
    return outcome


def left_without(plan: Plan, failed: Collection[str], not_tried: Collection[str]) -> list[str]:
    """The assets that were not tried and can be made although others failed.

    Assets outside the optional stages are made without the optional ones. If an upstream's files could not be fetched,
    an optional asset is made from its older files, if there are any.
    """
    fetched = {asset for asset in failed if plan.nodes[asset].fetches and asset in plan.made}
    lost = set(failed) - {asset for asset in fetched if plan.nodes[asset].optional}
    return sorted(asset for asset in not_tried if plan.can_be_made_without(asset, lost))
