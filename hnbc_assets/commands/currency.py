"""How current the lake is, in `hnbc status`: observed releases, what is held, what failed, what is old.

In scope: reading that from the lake's own records, and printing it. Out of scope: looking at upstreams or making
anything.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from hnbc_assets.commands.printing import age, moment, print_table

if TYPE_CHECKING:
    from hnbc_assets.lake.observations import Observation
    from hnbc_assets.lake.parquet import Provenance
    from hnbc_assets.lake.paths import Lake
    from hnbc_assets.study import Study


def print_currency(lake: Lake, study: Study | None) -> None:
    """Print the upstreams as last observed, then the latest attempts that failed."""
    from hnbc_assets.lake.observations import all_observed

    seen = all_observed(lake)
    if seen:
        rows = [
            (name, in_use(lake, name) or "-", one.release or "?", _ago(one.looked_at), remark(lake, study, one))
            for name, one in seen.items()
        ]
        print_table(("upstream", "in use", "seen", "looked", ""), rows, right=set())
    _print_attempts(lake)


def in_use(lake: Lake, name: str) -> str:
    """The release that a raw asset contains; empty if it contains none."""
    from hnbc_assets.lake.parquet import find_provenance

    made = find_provenance(lake.table(f"raw/{name}"))
    return "" if made is None else made.release


def remark(lake: Lake, study: Study | None, seen: Observation) -> str:
    """A remark on an upstream: a look that failed, a release that is not in use, a look too long ago."""
    from hnbc_assets.lake.attempts import latest

    if seen.problem:
        return f"✗ not reached since {seen.problem_since[:16]}: {seen.problem}"
    if seen.release != in_use(lake, seen.name):
        attempt = latest(lake, f"raw/{seen.name}")
        return "✗ held: see below" if attempt is not None and attempt.held else "stale: hnbc refresh fetches it"
    if study is not None and study.releases.pinned(seen.name):
        return "pinned by the study"
    days = (datetime.now(UTC) - moment(seen.looked_at)).total_seconds() / 86_400
    if study is not None and days > study.freshness.looked:
        return f"! not looked at for {days:.0f} days: does hnbc ui or a scheduled hnbc refresh run?"
    return ""


def aged(study: Study | None, made: Provenance) -> str:
    """Whether an asset is older than its stage's freshness allows; empty if it is not."""
    if study is None or not made.stage:
        return ""
    allowed = study.freshness.days(made.stage)
    days = (datetime.now(UTC) - moment(made.written_at)).total_seconds() / 86_400
    return f"not made for more than {allowed:g} days (freshness of {made.stage})" if days > allowed else ""


def _print_attempts(lake: Lake) -> None:
    """Print assets whose latest attempt did not succeed, one line per reason; those with the same reason together."""
    from hnbc_assets.lake.attempts import Attempt, unsuccessful

    alike: dict[tuple[str, str], list[Attempt]] = {}
    for attempt in unsuccessful(lake).values():
        alike.setdefault((attempt.run_id, attempt.reason), []).append(attempt)
    for (run_id, reason), attempts in alike.items():
        names = [attempt.asset for attempt in attempts]
        further = f" and {len(names) - 2} more" if len(names) > 2 else ""
        word = "held" if attempts[0].held else "failed" if reason else "started, never finished"
        message = f"✗ {', '.join(names[:2])}{further}: {word} {_ago(attempts[0].begun_at)} (run {run_id[:8]})"
        click.echo(f"\n{message}" + (f"\n  {reason}" if reason else ""))


def _ago(written_at: str) -> str:
    return age(moment(written_at)) if written_at else "never"
