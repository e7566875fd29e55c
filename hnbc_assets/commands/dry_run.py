"""`hnbc refresh --dry-run`: what a refresh would fetch and make, with sizes, from the upstreams' indexes alone.

In scope: querying, comparing with the archive, printing. Out of scope: downloading or storing anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from hnbc_assets.errors import HnbcError, LakeBelongsElsewhere

if TYPE_CHECKING:
    from hnbc_assets.commands.home import Home
    from hnbc_assets.lake.plan import Plan
    from hnbc_assets.sources.archive.store import Archive
    from hnbc_assets.sources.upstream import Upstream
    from hnbc_assets.sources.web.http import Client
    from hnbc_assets.study import Study


@dataclass(frozen=True)
class Expected:
    """What a look at one object finds: its release in use and upstream, files to download and their bytes.

    `unsized` counts files whose size is not known before they are downloaded.
    """

    name: str
    in_use: str
    upstream: str
    files: int = 0
    size_bytes: int = 0
    unsized: int = 0
    problem: str = ""


def print_what_would_be_made(home: Home) -> int:
    """Print it; the exit status: 0, or 3 when an upstream could not be reached.

    Raises
    ------
    LakeBelongsElsewhere
        If the lake was filled from another upstream.
    """
    from hnbc_assets.commands.execution import graph, study
    from hnbc_assets.defs.resources import open_archive, open_client
    from hnbc_assets.defs.upstreams import upstreams
    from hnbc_assets.lake.origin import origin
    from hnbc_assets.lake.plan import examine

    belongs = origin(home.lake).upstream
    if belongs not in (None, home.place.upstream):
        raise LakeBelongsElsewhere(f"{home.lake.root} contains results of {belongs!r}: set HNBC_UPSTREAM={belongs}.")
    chosen_study, nodes = study(), graph()
    plan = examine(home.lake, nodes)
    archive = open_archive(home.place)
    with open_client(home.place, chosen_study) as client:
        known = upstreams(chosen_study, simulated=home.place.simulated).values()
        found = [expect(chosen_study, upstream, plan, client, archive) for upstream in known]
    _print(found)
    _print_assets(examine(home.lake, nodes, {one.name: one.upstream for one in found if not one.problem}))
    return 3 if any(one.problem for one in found) else 0


def expect(study: Study, upstream: Upstream, plan: Plan, client: Client, archive: Archive) -> Expected:
    """Query one object's release and, if that is new, its index."""
    from hnbc_assets.sources.listing import size

    made = plan.made.get(upstream.raw)
    in_use = made.release if made else ""
    try:
        pin = study.releases.pinned(upstream.name)
        release = pin or upstream.release(client)
        if pin or (release == in_use and upstream.raw not in plan.reasons):
            return Expected(upstream.name, in_use, release)
        listing = upstream.listing(client, archive)
        wanted = archive.missing(listing)
        sizes = [size(client, listing, one) for one in wanted]
    except HnbcError as error:
        return Expected(upstream.name, in_use, "", problem=str(error))
    known = [one for one in sizes if one is not None]
    return Expected(upstream.name, in_use, release, len(wanted), sum(known), len(sizes) - len(known))


def _print(found: Sequence[Expected]) -> None:
    from hnbc_assets.commands.printing import print_table

    rows = [
        (
            one.name,
            one.in_use or "-",
            one.upstream or "?",
            f"{one.files:,}",
            f"{one.size_bytes / 1e6:,.1f}",
            one.problem or (f"{one.unsized} of unknown size" if one.unsized else ""),
        )
        for one in found
    ]
    print_table(("object", "in use", "upstream", "files to fetch", "MB", ""), rows, right={3, 4})


def _print_assets(plan: Plan) -> None:
    """What would certainly be made, and what would follow if contents change."""
    if not plan.reasons:
        click.echo("\nEverything is current: nothing would be fetched, nothing made.")
        return
    certain = plan.with_steps(plan.reasons)
    following = sorted(set(plan.following(certain)) - set(certain))
    click.echo(f"\nwould be made: {', '.join(certain)}")
    if following:
        click.echo(f"and of these {len(following)}, those whose inputs have then changed: {', '.join(following)}")
