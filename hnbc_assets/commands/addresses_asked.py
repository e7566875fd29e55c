"""One request to each address that a study needs: the rows of `hnbc doctor`, and the warning before a long run.

In scope: querying all objects at the same time, what would fail, saving the answers. Out of scope: the requests to an
upstream (sources/probes.py), the verdict on an answer (sources/probing.py).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from hnbc_assets.redaction import redacted

if TYPE_CHECKING:
    from hnbc_assets.commands.machine import Finding
    from hnbc_assets.sources.http import Client
    from hnbc_assets.sources.probing import Probed
    from hnbc_assets.study import Place, Study

PATIENCE = {"retries": 1, "timeout": 20.0}


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
    from hnbc_assets.errors import HnbcError
    from hnbc_assets.sources.http_answers import Glimpse
    from hnbc_assets.sources.probing import Probed, probe

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
    from hnbc_assets.errors import UpstreamRefused

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
    from hnbc_assets.commands.printing import print_table

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
    from datetime import UTC, datetime
    from importlib.metadata import version

    from hnbc_assets.errors import CommandError

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
