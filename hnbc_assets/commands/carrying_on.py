"""Carrying on without an optional stage: what a run still makes after such a stage failed, and its message.

In scope: choosing the remaining assets, making them, the message. Out of scope: which stages are optional (defs), what
is published then (lake/optional.py). Dagster skips everything that depends on a failed step, so the rest needs a run of
its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from hnbc_assets.commands.home import Home
    from hnbc_assets.commands.narration import RunOutcome
    from hnbc_assets.lake.plan import Plan


def carry_on(
    home: Home, instance: DagsterInstance, outcome: RunOutcome, executor: str | None, verbose: bool, interruption: Any
) -> RunOutcome:
    """Make what a run did not try because an optional stage failed; returns the outcome of all runs together."""
    from hnbc_assets.commands.execution import execute
    from hnbc_assets.commands.job import STUDY, as_keys, graph
    from hnbc_assets.commands.narration import joined
    from hnbc_assets.lake.plan import examine

    failed: set[str] = set()
    while outcome.failures and not outcome.run_error and not interruption.received:
        failed |= (
            {asset for step in outcome.planned.values() for asset in step} - set(outcome.rows) - set(outcome.not_tried)
        )
        plan = examine(home.lake, graph())
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
    settled = {asset for asset in failed if plan.nodes[asset].upstream and asset in plan.made}
    found = []
    for asset in not_tried:
        lost = plan.ancestors(asset) & set(failed)
        if plan.nodes[asset].optional:
            lost = lost - {one for one in settled if plan.nodes[one].optional}
        else:
            lost = {one for one in lost if not plan.nodes[one].optional}
        if not lost:
            found.append(asset)
    return sorted(found)


def published_without(without: Mapping[str, str]) -> str:
    """What the published database lacks, one line per optional stage; empty if it is complete."""
    return "\n".join(f"\n✗ published without the stage {stage}: {why}" for stage, why in without.items())
