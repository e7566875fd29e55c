"""`hnbc status`: the content of the lake, its freshness, the results of its checks.

In scope: reading from the lake's own files what it contains, how fresh that is, what is held and what failed, and
printing it. Out of scope: changing anything, querying Dagster's records or an upstream.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from hnbc_assets.commands.printing import age, moment, print_table
from hnbc_assets.errors import HnbcError

if TYPE_CHECKING:
    from hnbc_assets.commands.home import Home
    from hnbc_assets.lake.observations import Observation
    from hnbc_assets.lake.parquet import Provenance
    from hnbc_assets.lake.paths import Lake
    from hnbc_assets.lake.plan import Plan
    from hnbc_assets.study import Study


@dataclass(frozen=True)
class Asset:
    """An asset in the lake."""

    provenance: Provenance
    rows: int


@click.command(short_help="Releases, assets, failing checks, age of the database.")
@click.option("--verify", is_flag=True, help="Read every archived file and name those that differ from the record.")
def status(verify: bool) -> None:
    """The content of the lake: upstream releases, each asset with its age, rows and data version, failing checks, the
    database's age. Read from the lake alone, without the network; nothing is changed.

    The exit status is 1 when the latest attempt at an asset failed, a blocking check failed, or archived files are
    damaged (--verify looks for damage); 2 when the study cannot be used; 4 when a gate holds a release; 3 when an
    upstream was not reached at the last look; otherwise 0. If several apply, the first of these counts. Other failed
    checks, and attempts that were stopped or killed, do not count.
    """
    from hnbc_assets.commands.home import look

    home = look()
    study = _print_place(home)
    assets = _made(home.lake)
    if assets:
        _print_database(home.lake, assets)
    else:
        click.echo("\nNothing has been made here yet: hnbc run")
    _print_run(home.lake)
    _print_releases(home.lake)
    _print_upstreams(home.lake, study)
    if assets:
        _print_assets(assets, study, _planned(home, study))
        _print_checks(home.lake)
    whole = not verify or _verified(home.lake)
    sys.exit(_state(home.lake, study, whole))


def _verified(lake: Lake) -> bool:
    """Hash the archive, print what differs and what depends on it; return whether all is as recorded."""
    from hnbc_assets.defs.operation.archive_check import manifests, verify

    found = verify(lake)
    total = f"{found.files:,} files, {found.bytes / 1e6:,.1f} MB"
    for reason in found.unread:
        click.echo(f"\n! {reason} Files that only it names were not read.")
    if not found.lost:
        click.echo(f"\narchive: {total}, all as recorded")
        return True
    click.echo(f"\narchive: ✗ {len(found.lost):,} of {total} are not as recorded")
    for path, users in found.lost.items():
        what = "changed" if (lake.raw / path).exists() else "missing"
        click.echo(f"  ✗ {path}: {what}; used by {', '.join(dict.fromkeys(users))}")
    raw = [asset for asset, files in manifests(lake).items() if not found.lost.keys().isdisjoint(files.path)]
    if raw:
        options = " ".join(f"--select {asset}" for asset in raw)
        click.echo(f"  hnbc run {options} sets them aside and fetches again what the upstream still has")
    return False


def _state(lake: Lake, study: Study | None, whole: bool) -> int:
    """The exit status: 1 failed or damaged, 2 no usable study, 4 held, 3 not reached, otherwise 0."""
    from hnbc_assets.lake.attempts import unsuccessful
    from hnbc_assets.lake.checks import outcomes
    from hnbc_assets.lake.observations import all_observed

    attempts, checks = unsuccessful(lake).values(), outcomes(lake)
    failed = any(attempt.reason and not attempt.held for attempt in attempts)
    if not whole or failed or len(checks[checks.blocking & ~checks.passed]):
        return 1
    if study is None:
        return 2
    if any(attempt.held for attempt in attempts):
        return 4
    return 3 if any(seen.problem for seen in all_observed(lake).values()) else 0


def _made(lake: Lake) -> dict[str, Asset]:
    """Every asset in the lake, in the order of names."""
    import pyarrow.parquet as pq

    from hnbc_assets.lake.parquet import read_provenance

    return {
        name: Asset(read_provenance(lake.table(name)), pq.read_metadata(lake.table(name)).num_rows)
        for name in lake.assets()
    }


def _planned(home: Home, study: Study | None) -> Plan | str:
    """What a refresh would find stale, determined as by refresh itself; or why that is not known."""
    from hnbc_assets.commands.execution import graph
    from hnbc_assets.lake.origin import origin
    from hnbc_assets.lake.plan import examine

    if study is None:
        return "the study cannot be used"
    if origin(home.lake).upstream not in (None, home.place.upstream):
        return f"HNBC_UPSTREAM is {home.place.upstream}"
    try:
        return examine(home.lake, graph())
    except HnbcError as error:
        return str(error)


def _print_place(home: Home) -> Study | None:
    """Print the first lines; the study, or None after printing that the study cannot be used."""
    from hnbc_assets.lake.origin import origin
    from hnbc_assets.study import load_study

    belongs = origin(home.lake).upstream
    upstream = {"simulated": "SIMULATED", None: f"none yet (a run would use {home.place.upstream})"}.get(
        belongs, belongs
    )
    try:
        study = load_study()
    except HnbcError as error:
        click.echo(f"{error}\nupstream {upstream} · lake {home.lake.root}")
        return None
    click.echo(f"{study.title}\nupstream {upstream} · study {study.hash} · lake {home.lake.root}")
    if belongs not in (None, home.place.upstream):
        click.echo(f"HNBC_UPSTREAM is {home.place.upstream}: a run here would be refused.")
    return study


def _print_database(lake: Lake, assets: dict[str, Asset]) -> None:
    from hnbc_assets.lake.optional import lacking
    from hnbc_assets.lake.paths import DATABASE

    if not lake.database.exists():
        click.echo("\ndatabase  not published yet: hnbc run --select hnbc_database")
        return
    found = lake.database.stat()
    published = datetime.fromtimestamp(found.st_mtime, UTC)
    later = [n for n, a in assets.items() if moment(a.provenance.written_at) > published]
    click.echo(f"\ndatabase  {lake.database} · {found.st_size / 1e6:.1f} MB · published {age(published)}")
    for stage, why in lacking(lake, DATABASE).items():
        click.echo(f"          ✗ without the stage {stage}: {why}")
    if later:
        click.echo(f"          {len(later)} assets are newer than it: {', '.join(later[:3])}{' …' * (len(later) > 3)}")


def _print_run(lake: Lake) -> None:
    """The command that is making assets, or the run that was stopped and can be completed."""
    from hnbc_assets.commands.process import described
    from hnbc_assets.lake import unfinished
    from hnbc_assets.lake.atomic import holder

    other, begun = holder(lake.refresh_lock), unfinished.begun_at(lake)
    if other is not None:
        click.echo(f"now       {described(other)} is making assets")
    elif begun is not None:
        click.echo(
            f"          A run of everything that was started {age(begun)} has not been completed: hnbc run completes it"
        )


def _print_releases(lake: Lake) -> None:
    """Print what the assets under raw/ contain of each source and release."""
    import pandas as pd

    from hnbc_assets.lake.parquet import read

    frames = [read(lake.table(name)) for name in lake.assets() if name.startswith("raw/")]
    if not frames:
        return
    files = pd.concat(frames).drop_duplicates(["source", "release", "path"])
    rows = [
        (source, release, f"{len(group):,}", f"{group.size_bytes.sum() / 1e6:,.1f}", str(group.retrieved_at.max())[:16])
        for (source, release), group in files.groupby(["source", "release"], sort=True)
    ]
    print_table(("source", "release", "files", "MB", "retrieved"), rows, right={2, 3})


def _print_assets(assets: dict[str, Asset], study: Study | None, plan: Plan | str) -> None:
    """Print every asset in the lake with the reason if it is stale, and what has not been made."""
    notes = {name: _aged(study, asset.provenance) for name, asset in assets.items()}
    if not isinstance(plan, str):
        notes |= {name: "not part of this study" for name in assets if name not in plan.nodes}
        notes |= {name: f"stale: {reason}" for name, reason in plan.reasons.items()}
    rows = [
        (
            name,
            f"{asset.rows:,}",
            age(moment(asset.provenance.written_at)),
            asset.provenance.data_version[:12],
            notes[name],
        )
        for name, asset in assets.items()
    ]
    print_table(("asset", "rows", "made", "data version", ""), rows, right={1})
    click.echo(f"\nstale: {_stale(plan, assets)}")


def _stale(plan: Plan | str, assets: dict[str, Asset]) -> str:
    """How many assets a refresh would find stale, in words."""
    if isinstance(plan, str):
        return f"not known: {plan}"
    if not plan.reasons:
        return f"none of {len(plan.nodes)} assets"
    rest = [name for name in plan.reasons if name not in assets]
    unmade = f"; not in the table above: {', '.join(rest[:3])}{' …' * (len(rest) > 3)}" if rest else ""
    return f"{len(plan.reasons)} of {len(plan.nodes)} assets, and what depends on them: hnbc refresh makes them{unmade}"


def _print_checks(lake: Lake) -> None:
    from hnbc_assets.lake.checks import outcomes

    all_checks = outcomes(lake)
    failed = all_checks[~all_checks.passed]
    click.echo(f"\nchecks: {len(all_checks) - len(failed)} passed, {len(failed)} failed")
    for check in failed.sort_values(["blocking", "asset"], ascending=[False, True]).itertuples():
        mark = "✗ blocking" if check.blocking else "!"
        found = f"; found: {check.value}; allowed: {check.threshold}" if check.value is not None else ""
        click.echo(f"  {mark} {check.asset}: {check.check_name}: {check.description}{found}")


def _print_upstreams(lake: Lake, study: Study | None) -> None:
    """Print the upstreams as last observed, then the latest attempts that failed."""
    from hnbc_assets.lake.observations import all_observed

    seen = all_observed(lake)
    if seen:
        rows = [
            (name, _in_use(lake, name) or "-", one.release or "?", _ago(one.looked_at), _remark(lake, study, one))
            for name, one in seen.items()
        ]
        print_table(("upstream", "in use", "seen", "looked", ""), rows, right=set())
    _print_attempts(lake)


def _in_use(lake: Lake, name: str) -> str:
    """The release that a raw asset contains; empty if it contains none."""
    from hnbc_assets.lake.parquet import find_provenance

    made = find_provenance(lake.table(f"raw/{name}"))
    return "" if made is None else made.release


def _remark(lake: Lake, study: Study | None, seen: Observation) -> str:
    """A remark on an upstream: a look that failed, a release that is not in use, a look too long ago."""
    from hnbc_assets.lake.attempts import latest

    if seen.problem:
        return f"✗ not reached since {seen.problem_since[:16]}: {seen.problem}"
    if seen.release != _in_use(lake, seen.name):
        attempt = latest(lake, f"raw/{seen.name}")
        return "✗ held: see below" if attempt is not None and attempt.held else "stale: hnbc refresh fetches it"
    if study is not None and study.releases.pinned(seen.name):
        return "pinned by the study"
    days = _days_since(seen.looked_at)
    if study is not None and days > study.freshness.looked:
        return f"! not looked at for {days:.0f} days: does hnbc ui or a scheduled hnbc refresh run?"
    return ""


def _aged(study: Study | None, made: Provenance) -> str:
    """Whether an asset is older than its stage's freshness allows; empty if it is not."""
    if study is None or not made.stage:
        return ""
    allowed = study.freshness.days(made.stage)
    late = _days_since(made.written_at) > allowed
    return f"not made for more than {allowed:g} days (freshness of {made.stage})" if late else ""


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


def _days_since(written_at: str) -> float:
    return (datetime.now(UTC) - moment(written_at)) / timedelta(days=1)


def _ago(written_at: str) -> str:
    return age(moment(written_at)) if written_at else "never"
