"""Whose runs of a terminal are: the code location's, as those that the UI and the daemon start.

Belongs here: giving a run the origin by which the UI's start page, its jobs and its automation know it, and the tags
that say which command it was. Does not: executing it (execution).

Dagster executes a job in this process as one that belongs to no code location, and its start page leaves such runs out.
Its public calls take no origin; so the origin is made from the form in which Dagster keeps it in its database, which
newer versions go on reading, and handed to the instance where it makes the run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from hnbc_assets.commands.home import LOCATION, MODULE
from hnbc_assets.commands.turn import COMMAND_TAG, command_line

if TYPE_CHECKING:
    from dagster import DagsterInstance

REPOSITORY = "__repository__"  # as Dagster calls what a module's definitions make
REPOSITORY_TAG = ".dagster/repository"  # by which the UI finds the runs of a repository
LONGEST_COMMAND = 200


@contextmanager
def belonging(instance: DagsterInstance, job: str, run_id: str) -> Iterator[None]:
    """While entered, the run that the instance makes of the job has this id, and belongs to the code location of
    `workspace.yaml`.
    """
    given = partial(instance.create_run_for_job, run_id=run_id, remote_job_origin=_origin(job))
    instance.create_run_for_job = given  # type: ignore[method-assign]
    try:
        yield
    finally:
        del instance.create_run_for_job


def tags() -> dict[str, str]:
    """What tells a run's command: how it was called."""
    command = command_line()
    shown = command if len(command) <= LONGEST_COMMAND else f"{command[:LONGEST_COMMAND]} …"
    return {COMMAND_TAG: shown, REPOSITORY_TAG: f"{REPOSITORY}@{LOCATION}"}


def _origin(job: str) -> Any:
    """The job as one of the code location that `workspace.yaml` names."""
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
