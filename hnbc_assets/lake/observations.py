"""What was observed at the upstreams: the current release of each object, and looks that failed.

In scope: keeping the latest look at an object, reading it back. Out of scope: querying an upstream (sources), when that
is done (defs).

An object is what one raw asset fetches: `gdc/TCGA-BRCA`, `geo/GSE25055`, `gdsc`.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from hnbc_assets.lake.atomic import write_bytes
from hnbc_assets.lake.paths import Lake


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
    try:
        return Observation(**json.loads(lake.observation(name).read_bytes()))
    except FileNotFoundError:
        return Observation(name)


def all_observed(lake: Lake) -> dict[str, Observation]:
    """Every object that was ever looked at, by name."""
    return {name: observed(lake, name) for name in lake.observed_objects()}


def record_release(lake: Lake, name: str, release: str, now: str) -> Observation:
    """Record a successful look; `seen_at` changes only with the release."""
    before = observed(lake, name)
    seen = before.seen_at if before.release == release else now
    return _write(lake, Observation(name, release, seen, looked_at=now))


def record_problem(lake: Lake, name: str, problem: str, now: str) -> Observation:
    """Record a failed look; what was observed before is kept."""
    before = observed(lake, name)
    since = before.problem_since or now
    return _write(lake, dataclasses.replace(before, problem=problem, problem_since=since))


def _write(lake: Lake, observation: Observation) -> Observation:
    content = json.dumps(dataclasses.asdict(observation), indent=1)
    write_bytes(lake.observation(observation.name), content.encode())
    return observation
