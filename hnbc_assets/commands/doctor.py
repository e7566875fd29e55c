"""`hnbc doctor`: checks machine, study and upstream hosts in seconds, before anything large is fetched.

In scope: the command; examining the machine; one request to each address that a study needs, also before a run, and
saving the answers. Out of scope: the requests to an upstream (sources/probes.py), the verdict on an answer
(sources/web/probing.py).
"""

from __future__ import annotations

import base64
import email.utils
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from hnbc_assets.commands.printing import print_table
from hnbc_assets.errors import CommandError, HnbcError, UpstreamRefused
from hnbc_assets.redaction import redacted

if TYPE_CHECKING:
    from hnbc_assets.sources.web.http import Client
    from hnbc_assets.sources.web.probing import Probed
    from hnbc_assets.study import Place, Study

WOULD_FAIL = 3
PATIENCE = {"retries": 1, "timeout": 20.0}
# Peak memory of a full run, and the disk space of its archive, tables and databases; key True: a simulated run.
MEMORY_BYTES = {True: 3e9, False: 6e9}
DISK_BYTES = {True: 1e9, False: 12e9}
BUILT = datetime(2026, 1, 1, tzinfo=UTC)
CLOCK_APART = timedelta(minutes=5)


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
    sys.exit(_check(live, file))


def _check(live: bool, file: Path | None) -> int:
    from hnbc_assets.commands.home import look
    from hnbc_assets.study import load_study

    place = _place(look().place, live)
    study = load_study(place.study_file)
    asks = live or bool(os.environ.get("HNBC_UPSTREAM", "").strip())
    asked = ask_all(place, study) if asks else []
    dates = [one.probed.seen.date for one in asked if one.probed.seen.date]
    findings = [*examine_machine(place.data_lake, simulated=place.simulated, dates=dates), _study(place, study)]
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
    from hnbc_assets.defs.operation.preflight import require_files

    named = f"{study.name}, {len(study.cohorts)} cohorts ({place.study_file})"
    try:
        study.require_fit(place.upstream)
        require_files(study, simulated=place.simulated)
    except HnbcError as error:
        return Finding("study", f"{named}: {error}", False)
    return Finding("study", named, True)


def _print_findings(findings: list[Finding]) -> None:
    rows = [(finding.what, "good" if finding.good else "fails", finding.message) for finding in findings]
    print_table(("what", "verdict", "seen"), rows, right=set())


@dataclass(frozen=True)
class Asked:
    """One address of an upstream object (`gdc/TCGA-BRCA`), and its answer."""

    object: str
    probed: Probed


def ask_all(place: Place, study: Study, objects: Iterable[str] | None = None) -> list[Asked]:
    """Query every address of the study, or of some objects, in the study's order; all objects at the same time.

    A pinned object is not queried: its files are in the archive.
    """
    from hnbc_assets.defs.resources import open_client
    from hnbc_assets.defs.upstreams import upstreams

    known = upstreams(study, simulated=place.simulated)
    chosen = [u for name, u in known.items() if objects is None or name in set(objects)]
    wanted = [u for u in chosen if not study.releases.pinned(u.name)]
    with open_client(place, study, **PATIENCE) as client, ThreadPoolExecutor(max(1, len(wanted))) as pool:
        found = pool.map(lambda upstream: _ask(client, upstream.name, upstream.asks(client)), wanted)
        return [asked for rows in found for asked in rows]


def _ask(client: Client, name: str, asks: Iterable[Any]) -> list[Asked]:
    from hnbc_assets.sources.web.answers import Glimpse
    from hnbc_assets.sources.web.probing import Probed, probe

    rows: list[Asked] = []
    try:
        for ask in asks:
            rows += [Asked(name, probed) for probed in probe(client, ask)]
    except HnbcError as error:  # the address itself could not be built
        rows.append(Asked(name, Probed("addresses", Glimpse(""), str(error), "fails")))
    return rows


def ask_first(place: Place, study: Study, objects: Iterable[str] | None = None) -> None:
    """Query every address before a run downloads anything, and end the run if one that it needs does not work.

    Raises
    ------
    UpstreamRefused
        A download would fail; nothing was downloaded. The table of failures has been printed.
    """
    from hnbc_assets.defs.upstreams import upstreams

    asked = ask_all(place, study, objects)
    dead = failing(asked)
    if not dead:
        click.echo(f"checked {len(asked)} addresses of {place.upstream}: all that are needed answer", err=True)
        return
    print_asked(dead, err=True)
    optional = {name: u.optional for name, u in upstreams(study, simulated=place.simulated).items() if u.optional}
    for stage in dict.fromkeys(optional[one.object] for one in dead if one.object in optional):
        click.echo(f"\nThe stage {stage} would fail; the rest is made and published without it.", err=True)
    dead = [one for one in dead if one.object not in optional]
    if not dead:
        return
    names = ", ".join(dict.fromkeys(f"{one.object} ({one.probed.what})" for one in dead))
    raise UpstreamRefused(
        f"{names} would fail, so nothing was fetched. hnbc doctor --live shows every address. If one has "
        "moved, give the new one under addresses in the study."
    )


def failing(asked: Iterable[Asked]) -> list[Asked]:
    """Those for which a download would fail."""
    return [one for one in asked if one.probed.verdict == "fails"]


def print_asked(asked: Sequence[Asked], *, err: bool = False) -> None:
    """A table with one row per address; below it the full address of each that would fail, and why.

    With `err`, on the standard error stream: a run's standard output is its headline.
    """
    rows = []
    for one in asked:
        seen = one.probed.seen
        size = "" if seen.size_bytes is None else f"{seen.size_bytes / 1e6:,.2f}"
        status = "-" if seen.status is None else str(seen.status)
        host = urlsplit(seen.url).hostname or "-"
        message = one.probed.message if one.probed.verdict == "good" else ""
        row = (one.object, one.probed.what, host, status, seen.content_type, size, one.probed.verdict, message)
        rows.append(row)
    print_table(("object", "what", "host", "status", "type", "MB", "verdict", "seen"), rows, right={3, 5}, err=err)
    for one in asked:
        if one.probed.verdict != "good":
            address = redacted(one.probed.seen.url)
            click.echo(f"\n{one.object}, {one.probed.what}: {one.probed.verdict}\n  {address}", err=err)
            click.echo(f"  {one.probed.message}", err=err)


def save(path: Path, place: Place, study: Study, findings: Sequence[Finding], asked: Sequence[Asked]) -> None:
    """Save the answers as JSON: status, headers and first bytes (base64) of every address.

    Raises
    ------
    CommandError
        The file cannot be written.
    """
    from importlib.metadata import version

    seen = {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "hnbc_assets": version("hnbc_assets"),
        "upstream": place.upstream,
        "study": {"name": study.name, "hash": study.hash},
        "machine": [{"what": f.what, "said": f.message, "good": f.good} for f in findings],
        "addresses": [
            {
                "object": one.object,
                "what": one.probed.what,
                "verdict": one.probed.verdict,
                "said": one.probed.message,
                "url": redacted(one.probed.seen.url),
                "status": one.probed.seen.status,
                "content_type": one.probed.seen.content_type,
                "date": one.probed.seen.date,
                "size_bytes": one.probed.seen.size_bytes,
                "reason": one.probed.seen.reason,
                "start_base64": base64.b64encode(one.probed.seen.start).decode(),
            }
            for one in asked
        ],
    }
    try:
        path.write_text(json.dumps(seen, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path} cannot be written ({error.strerror}).") from error


@dataclass(frozen=True)
class Finding:
    """One thing that was checked: what it is, what was found with the remedy, and whether it is sufficient."""

    what: str
    message: str
    good: bool


def examine_machine(lake: Path, *, simulated: bool, dates: Iterable[str] = ()) -> list[Finding]:
    """All findings about the machine that a study would run on.

    Parameters
    ----------
    lake : the data lake's folder, which need not exist yet
    dates : `Date` headers of hosts that answered just now
    """
    return [_python(), _memory(simulated), _disk(lake, simulated), _writable(lake), _clock(dates)]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    good = (3, 11) <= sys.version_info[:2] <= (3, 12)
    return Finding("python", version + ("" if good else ": 3.11 or 3.12 is needed"), good)


def _memory(simulated: bool) -> Finding:
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    needed = MEMORY_BYTES[simulated]
    message = f"{found / 1e9:.1f} GB" + ("" if found >= needed else f": a run takes up to {needed / 1e9:.0f} GB")
    return Finding("memory", message, found >= needed)


def _disk(lake: Path, simulated: bool) -> Finding:
    free = shutil.disk_usage(_existing(lake)).free
    there = sum(file.stat().st_size for file in (lake / "raw").rglob("*") if file.is_file())
    needed = max(1e9, DISK_BYTES[simulated] - there)
    message = f"{free / 1e9:.1f} GB free for {lake}"
    return Finding("disk", message + ("" if free >= needed else f": {needed / 1e9:.0f} GB are needed"), free >= needed)


def _writable(lake: Path) -> Finding:
    folder = _existing(lake)
    if not folder.is_dir():
        return Finding("lake", f"{folder} is a file; set HNBC_DATA_LAKE to a folder", False)
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".hnbc_doctor"):
            pass
    except OSError as error:
        return Finding("lake", f"{folder} cannot be written ({error.strerror}); set HNBC_DATA_LAKE", False)
    return Finding("lake", f"{lake} can be written" if folder == lake else f"{lake} can be made", True)


def _clock(dates: Iterable[str]) -> Finding:
    now = datetime.now(UTC)
    moments = []
    for date in dates:
        try:
            moments.append(email.utils.parsedate_to_datetime(date))
        except ValueError:
            continue
    apart = sorted((now - moment for moment in moments if moment.tzinfo), key=abs)
    message = f"{now:%Y-%m-%d %H:%M} UTC"
    if apart:  # the median: a single host's clock may be wrong
        middle = apart[len(apart) // 2]
        if abs(middle) > CLOCK_APART:
            return Finding("clock", f"{message}, {middle} from the hosts' clocks: set the machine's clock", False)
    good = now > BUILT
    return Finding("clock", message + ("" if good else ": before this version was made; set the machine's clock"), good)


def _existing(path: Path) -> Path:
    """The path itself, or the nearest folder above it that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
