"""Unfinished runs: a run of everything that has not made everything yet, and what it has left to make.

In scope: recording that such a run has begun, finding out what it has left to make. Out of scope: running.

A file marks the run from its beginning until everything is made, so a killed run leaves the file. Tables written
after that file were made by the run.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from hnbc_assets.lake.atomic import write_bytes
from hnbc_assets.lake.paths import Lake
from hnbc_assets.lake.plan import Plan


def begin(lake: Lake) -> None:
    """Record that a run has begun to make everything."""
    write_bytes(lake.unfinished_run, b"{}")  # its time counts, not its content


def finish(lake: Lake) -> None:
    """Delete the mark: everything is made, or no longer wanted."""
    lake.unfinished_run.unlink(missing_ok=True)


def begun_at(lake: Lake) -> datetime | None:
    """When the unfinished run of everything began; None if there is no such run."""
    written = _written(lake.unfinished_run)
    return None if written is None else datetime.fromtimestamp(written / 1e9, UTC)


def left(lake: Lake, plan: Plan) -> list[str]:
    """The assets that this run has left to make, sorted and in whole steps.

    These are the assets that it has not written or that have become stale since, and everything that depends on them.
    """
    begun = _written(lake.unfinished_run) or 0
    return plan.following(asset for asset in plan.nodes if asset in plan.reasons or _made(lake, plan, asset) < begun)


def _made(lake: Lake, plan: Plan, asset: str) -> int:
    return _written(lake.publication if plan.nodes[asset].publishes else lake.table(asset)) or 0


def _written(path: Path) -> int | None:
    """When a file was written, in nanoseconds; None if there is no file."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None
