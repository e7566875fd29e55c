"""`hnbc refresh`: looks at the upstreams once and makes only stale assets.

In scope: the command, its rounds, what it prints about them. Out of scope: what is stale (lake/plan.py), what a release
would bring (dry_run), what people decide (decisions).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from hnbc_assets.commands.printing import say

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from hnbc_assets.commands.home import Home
    from hnbc_assets.commands.process import Interruption
    from hnbc_assets.commands.progress import RunOutcome
    from hnbc_assets.lake.plan import Plan
    from hnbc_assets.study import Study

MOST_ROUNDS = 20


@click.command(short_help="Look at the upstreams and make only stale assets.")
@click.option("--dry-run", is_flag=True, help="Print what would be fetched and made, with sizes; change nothing.")
@click.option(
    "--accept",
    "accepted",
    nargs=2,
    multiple=True,
    metavar="SOURCE RELEASE",
    help="Accept a release that a gate holds, such as: --accept gdc 46.0. Who accepted it and when is recorded.",
)
@click.option(
    "--promote",
    "promoted",
    metavar="SIGNATURE_ID",
    help="Publish this signature of the table `signatures` (with challengers.promotion: approval in the study).",
)
@click.option("-v", "--verbose", is_flag=True, help="Also print Dagster's own log lines.")
def refresh(dry_run: bool, accepted: tuple[tuple[str, str], ...], promoted: str | None, verbose: bool) -> None:
    """Look at every upstream's release once, fetch what is new, make what is stale, publish.

    If nothing is new, nothing is fetched or made. What a stopped refresh has finished is kept, and the next one
    continues from there. A release that changes more than the study allows is held: what is published stays.

    Only one command at a time makes assets in a lake: a second one names the first and ends with exit status 2. The
    command waits for a run that the UI or its daemon has started.
    """
    from hnbc_assets.commands.dry_run import print_what_would_be_made
    from hnbc_assets.commands.home import look
    from hnbc_assets.commands.process import until_stopped

    if dry_run:
        if accepted or promoted:
            raise click.UsageError("--dry-run decides nothing: leave --accept and --promote out.")
        sys.exit(print_what_would_be_made(look()))
    sys.exit(until_stopped(lambda interruption: _refresh(accepted, promoted, verbose, interruption)))


def _refresh(
    accepted: tuple[tuple[str, str], ...], promoted: str | None, verbose: bool, interruption: Interruption
) -> int:
    from hnbc_assets.commands.decisions import accept, promote
    from hnbc_assets.commands.execution import definitions, exit_status, study
    from hnbc_assets.commands.home import prepare
    from hnbc_assets.commands.process import release_abandoned, share_cores, turn, wait_for_runs
    from hnbc_assets.commands.run import opening, published_without
    from hnbc_assets.lake.optional import lacking
    from hnbc_assets.lake.paths import DATABASE

    with interruption.deferred():
        home = prepare()
    chosen_study = study()
    say(opening(home, chosen_study))
    if chosen_study.execution.executor == "multiprocess":
        share_cores(chosen_study.execution.max_concurrent)
    definitions()  # loaded before anything is started
    with turn(home.lake), home.instance() as instance:
        interruption.begin()
        for source, release in accepted:
            say(accept(home.lake, source, release))
        if promoted:
            say(promote(home.lake, chosen_study, promoted))
        release_abandoned(instance)
        wait_for_runs(instance)
        interruption.advice = "What was finished is kept; the next refresh continues from there."
        outcomes = _rounds(home, instance, verbose, interruption)
        if not interruption.received:
            _alert(home, instance, chosen_study, outcomes)
    if interruption.received:
        return 128 + interruption.received
    _close(home, outcomes)
    without = lacking(home.lake, DATABASE)
    say(published_without(without))
    return 1 if without else exit_status(outcomes)


def _rounds(home: Home, instance: DagsterInstance, verbose: bool, interruption: Any) -> list[RunOutcome]:
    """One look, then one run of what is stale; after a failure another, of what can be made without what failed."""
    from hnbc_assets.commands.execution import LOOK, REFRESH, as_keys, execute, graph
    from hnbc_assets.defs.operation.automation import settled_raw
    from hnbc_assets.lake import unfinished
    from hnbc_assets.lake.plan import examine

    nodes, outcomes, failed = graph(), [], set()
    outcomes.append(execute(home, instance, LOOK, None, None, verbose, interruption))
    while not interruption.received:
        plan = examine(home.lake, nodes)
        if not plan.reasons:
            unfinished.finish(home.lake)  # this refresh completes a stopped run
        elif len(plan.reasons) == len(nodes):
            unfinished.begin(home.lake)
        failed = {asset for asset in failed if not plan.mended(asset)}
        wave = plan.reachable(settled_raw(plan, failed), failed)
        if not wave:
            break
        if len(outcomes) > MOST_ROUNDS:
            raise RuntimeError(f"{', '.join(wave[:3])} remain stale after being made repeatedly: {_why(plan, wave)}")
        say(_why(plan, wave))
        outcome = execute(home, instance, REFRESH, as_keys(wave), None, verbose, interruption)
        outcomes.append(outcome)
        failed |= outcome.unsuccessful
        if outcome.run_error:
            break
    return outcomes


def _why(plan: Plan, wave: list[str]) -> str:
    """Why the first stale assets of a run are stale; the others follow from them."""
    stale = [asset for asset in wave if asset in plan.reasons]
    first = [asset for asset in stale if not plan.ancestors(asset) & set(stale)]
    by_reason: dict[str, list[str]] = {}
    for asset in first:
        by_reason.setdefault(plan.reasons[asset], []).append(asset)
    lines = [
        f"{assets[0]}{f' and {len(assets) - 1} more' if len(assets) > 1 else ''}: {reason}"
        for reason, assets in by_reason.items()
    ]
    if rest := len(wave) - len(first):
        lines.append(f"{rest} more depend on {'it' if len(first) == 1 else 'them'}: made if their inputs change")
    return "\n" + "\n".join(lines)


def _alert(home: Home, instance: DagsterInstance, chosen_study: Study, outcomes: list[RunOutcome]) -> None:
    """Alert the recipients that the study names to each run that failed. The daemon does not see runs of a terminal."""
    from hnbc_assets.defs.operation.alerts import AlertFailed, failure_of, notify

    for outcome in outcomes:
        if outcome.run_id is None or not (outcome.failures or outcome.run_error):
            continue
        failure = failure_of(instance, outcome.run_id, chosen_study, home.place)
        try:
            if failure is not None:
                notify(chosen_study.alerts, failure)
        except AlertFailed as error:
            say(f"The failure could not be reported: {error}")


def _close(home: Home, outcomes: list[RunOutcome]) -> None:
    """Print the outcome in a few lines."""
    from hnbc_assets.commands.run import published_headline, where
    from hnbc_assets.lake.paths import DATABASE

    made = {asset for outcome in outcomes for asset in outcome.rows}
    failures = [failure for outcome in outcomes for failure in outcome.failures]
    if not made and not failures:
        click.echo("Everything is current: nothing was fetched, nothing made.")
        return
    raw = sorted(asset.removeprefix("raw/") for asset in made if asset.startswith("raw/"))
    words = [f"{len(made)} assets made"] + ([f"up to date with: {', '.join(raw)}"] if raw else [])
    words += [f"{len(failures)} step{'s' * (len(failures) != 1)} failed"] if failures else []
    click.echo("\n" + " · ".join(words))
    if DATABASE in made:
        click.echo("\n".join(_moved(home) or [published_headline(home)]))
        say(where(home))
    elif failures:
        say("The published database is unchanged; hnbc status has the reasons.")


def _moved(home: Home) -> list[str]:
    """The counts of the latest report, if this publication has one; otherwise a line that the results are the same."""
    from hnbc_assets.lake.publications import read_published

    tables = read_published(home.lake, ["release_reports", "publications"])
    reports, made = tables["release_reports"], tables["publications"].sort_values("published_at")
    if len(made) < 2:
        return []
    mine = reports[reports.previous_published_at == made.published_at.iloc[-2]]
    if mine.empty:
        return ["No signature, score or figure of merit moved."]
    return [
        f"{row.releases or 'same releases'}: {row.n_file_changes} file changes, {row.n_patients_changed} patients "
        f"changed; {'another signature' if row.signature_changed else 'the signature stays'}, "
        f"{row.n_scores_moved} scores moved, {row.n_flipped} groups flipped\nreport    {home.lake.root / row.path}"
        for row in mine.itertuples()
    ]
