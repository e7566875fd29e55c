"""A run of everything that was begun and has not made everything yet: what is left of it.

Belongs here: remembering that such a run was begun, telling what it has left to make. Does not: running.

A file is there from the beginning of a run until all is made, so that a killed run leaves it too. What has been written
after that file was made by the run.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from hnbc_assets.lake.atomic import write_bytes
from hnbc_assets.lake.paths import Lake
from hnbc_assets.lake.plan import Plan


def begin(lake: Lake, command: str) -> None:
    """Remember that a command has begun to make everything."""
    write_bytes(lake.unfinished_run, json.dumps({"command": command}).encode())


def finish(lake: Lake) -> None:
    """Forget it: everything is made, or no longer wanted."""
    lake.unfinished_run.unlink(missing_ok=True)


def begun_at(lake: Lake) -> datetime | None:
    """When a run of everything was begun that has not made everything; None where there is no such run."""
    written = _written(lake.unfinished_run)
    return None if written is None else datetime.fromtimestamp(written / 1e9, UTC)


def left(lake: Lake, plan: Plan) -> list[str]:
    """The assets that this run has left to make, sorted: what it has not written, or what is behind again by now, and
    all that rests on it, whole steps together.
    """
    begun = _written(lake.unfinished_run) or 0
    wanted = {asset for asset in plan.nodes if asset in plan.reasons or _made(lake, plan, asset) < begun}
    while True:
        steps = {plan.nodes[asset].step for asset in wanted.union(plan.descendants(wanted))}
        wider = {node.asset for node in plan.nodes.values() if node.step in steps}
        if wider == wanted:
            return sorted(wanted)
        wanted = wider


def _made(lake: Lake, plan: Plan, asset: str) -> int:
    return _written(lake.publication if plan.nodes[asset].published else lake.table(asset)) or 0


def _written(path: Path) -> int | None:
    """When a file was written, in nanoseconds; None if it is not there."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None
