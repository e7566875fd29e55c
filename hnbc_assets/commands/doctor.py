"""`hnbc doctor`: checks machine, study and upstream hosts in seconds, before anything large is fetched.

In scope: the command and its messages. Out of scope: the machine (machine.py), the hosts (addresses_asked.py).
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from hnbc_assets.commands.machine import Finding
    from hnbc_assets.study import Place, Study

WOULD_FAIL = 3


@click.command(short_help="Check machine, study and upstream hosts before a run.")
@click.option(
    "--live",
    is_flag=True,
    help="Query every address of the study, at the live hosts unless HNBC_UPSTREAM names a mirror.",
)
@click.option(
    "--save",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Save the hosts' answers (status, headers, first bytes) as JSON, for a report.",
)
def doctor(live: bool, file: Path | None) -> None:
    """Check the machine and the study; with --live, or when HNBC_UPSTREAM is set, every upstream address as well.

    The first 64 KiB of each file (all of an API's answer) are read, and compared with what its reader needs. Nothing is
    stored in the lake. The exit status is 3 when something would fail.
    """
    sys.exit(_examine(live, file))


def _examine(live: bool, file: Path | None) -> int:
    from hnbc_assets.commands.addresses_asked import ask_all, failing, print_asked, save
    from hnbc_assets.commands.home import look
    from hnbc_assets.commands.machine import examine
    from hnbc_assets.study import load_study

    place = _place(look().place, live)
    study = load_study(place.study_file)
    asks = live or bool(os.environ.get("HNBC_UPSTREAM", "").strip())
    asked = ask_all(place, study) if asks else []
    dates = [one.probed.seen.date for one in asked if one.probed.seen.date]
    findings = [*examine(place.data_lake, simulated=place.simulated, dates=dates), _study(place, study)]
    _print_findings(findings)
    if asks:
        print_asked(asked)
    else:
        click.echo("\nNo host was queried: hnbc doctor --live queries them.")
    if file is not None:
        save(file, place, study, findings, asked)
        click.echo(f"\nThe findings are in {file}.")
    wrong = [finding.what for finding in findings if not finding.good]
    wrong += [f"{one.object} ({one.probed.what})" for one in failing(asked)]
    click.echo(f"\nWould fail: {', '.join(dict.fromkeys(wrong))}." if wrong else "\nNothing would fail.")
    return WOULD_FAIL if wrong else 0


def _place(place: Place, live: bool) -> Place:
    """The place that the environment sets; with --live the live hosts, unless a mirror is named."""
    return replace(place, upstream="live") if live and place.simulated else place


def _study(place: Place, study: Study) -> Finding:
    from hnbc_assets.commands.machine import Finding
    from hnbc_assets.defs.operation.preflight import require_files
    from hnbc_assets.errors import HnbcError

    named = f"{study.name}, {len(study.cohorts)} cohorts ({place.study_file})"
    try:
        study.require_fit(place.upstream)
        require_files(study, simulated=place.simulated)
    except HnbcError as error:
        return Finding("study", f"{named}: {error}", False)
    return Finding("study", named, True)


def _print_findings(findings: list[Finding]) -> None:
    from hnbc_assets.commands.printing import print_table

    rows = [(finding.what, "good" if finding.good else "fails", finding.message) for finding in findings]
    print_table(("what", "verdict", "seen"), rows, right=set())
