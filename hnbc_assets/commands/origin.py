"""The origin of a terminal's runs: the code location, as for runs that the UI and the daemon start.

In scope: giving a run the origin by which the UI's overview, jobs and automation find it, and the tags with its
command. Out of scope: executing it (execution).

Dagster assigns a job that is executed in this process to no code location, and its overview omits such runs. Its
public methods take no origin. So the origin is read from the form in which Dagster stores it in its database, which
newer versions still read, and passed to the instance when that creates the run.
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

REPOSITORY = "__repository__"  # Dagster's name for the repository of a module's definitions
REPOSITORY_TAG = ".dagster/repository"  # by which the UI finds the runs of a repository
LONGEST_COMMAND = 200


@contextmanager
def belonging(instance: DagsterInstance, job: str, run_id: str) -> Iterator[None]:
    """While entered, the instance creates the job's run with this id, in the code location of `workspace.yaml`."""
    given = partial(instance.create_run_for_job, run_id=run_id, remote_job_origin=_origin(job))
    instance.create_run_for_job = given  # type: ignore[method-assign]
    try:
        yield
    finally:
        del instance.create_run_for_job


def tags() -> dict[str, str]:
    """The tags of a run: its command line and its repository."""
    command = command_line()
    shown = command if len(command) <= LONGEST_COMMAND else f"{command[:LONGEST_COMMAND]} …"
    return {COMMAND_TAG: shown, REPOSITORY_TAG: f"{REPOSITORY}@{LOCATION}"}


def _origin(job: str) -> Any:
    """The job's origin in the code location that `workspace.yaml` names."""
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
