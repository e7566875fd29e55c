"""What was seen at the upstreams: the release that each object is at, and looks that failed.

In scope: keeping the latest look at an object, reading it back. Out of scope: asking an upstream (sources), when that
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
    """An object as it was seen last. Times are ISO 8601, UTC; empty where there is none.

    `release` is the upstream's own word and stays what it was while looks fail; `problem` is the last look's failure
    and empty after a successful one.
    """

    name: str
    release: str = ""
    seen_at: str = ""
    looked_at: str = ""
    problem: str = ""
    problem_since: str = ""


def observed(lake: Lake, name: str) -> Observation:
    """What is known of an object; an empty observation when it was never looked at."""
    try:
        return Observation(**json.loads(lake.observation(name).read_bytes()))
    except FileNotFoundError:
        return Observation(name)


def all_observed(lake: Lake) -> dict[str, Observation]:
    """Every object that was ever looked at, by name."""
    return {name: observed(lake, name) for name in lake.observed_objects()}


def record_release(lake: Lake, name: str, release: str, now: str) -> Observation:
    """Keep a successful look; `seen_at` moves only with the release."""
    before = observed(lake, name)
    seen = before.seen_at if before.release == release else now
    return _write(lake, Observation(name, release, seen, looked_at=now))


def record_problem(lake: Lake, name: str, problem: str, now: str) -> Observation:
    """Keep a failed look; what was seen before stays."""
    before = observed(lake, name)
    since = before.problem_since or now
    return _write(lake, dataclasses.replace(before, problem=problem, problem_since=since))


def _write(lake: Lake, observation: Observation) -> Observation:
    content = json.dumps(dataclasses.asdict(observation), indent=1)
    write_bytes(lake.observation(observation.name), content.encode())
    return observation
