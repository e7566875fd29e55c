"""What was observed at the upstreams: the current release of each object, and looks that failed.

In scope: keeping the latest look at an object, reading it back. Out of scope: querying an upstream (sources), when that
is done (defs).

An object is what one raw asset fetches: `gdc/TCGA-BRCA`, `geo/GSE25055`, `gdsc`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hnbc_assets.lake.paths import Lake
from hnbc_assets.lake.records import Records

REMEDY = "Delete it: the next look writes it again."


@dataclass(frozen=True)
class Observation:
    """An object as it was last observed. Times are ISO 8601, UTC; empty where missing.

    `release` is the upstream's own name for it and is kept while looks fail; `problem` is the failure of the last look
    and is empty after a successful one.
    """

    name: str
    release: str = ""
    seen_at: str = ""
    looked_at: str = ""
    problem: str = ""
    problem_since: str = ""


def observed(lake: Lake, name: str) -> Observation:
    """What is known of an object; an empty observation if it was never looked at."""
    return _records(lake).find(name) or Observation(name)


def all_observed(lake: Lake) -> dict[str, Observation]:
    """Every object that was ever looked at, by name."""
    return _records(lake).all()


def record_release(lake: Lake, name: str, release: str, now: str) -> Observation:
    """Record a successful look; `seen_at` changes only with the release."""
    before = observed(lake, name)
    seen = before.seen_at if before.release == release else now
    return _write(lake, Observation(name, release, seen, looked_at=now))


def record_problem(lake: Lake, name: str, problem: str, now: str) -> Observation:
    """Record a failed look; what was observed before is kept."""
    before = observed(lake, name)
    since = before.problem_since or now
    return _write(lake, replace(before, problem=problem, problem_since=since))


def _write(lake: Lake, observation: Observation) -> Observation:
    _records(lake).write(observation.name, observation)
    return observation


def _records(lake: Lake) -> Records[Observation]:
    return Records(Observation, lake.observations, REMEDY)
