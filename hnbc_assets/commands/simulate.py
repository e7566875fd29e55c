"""`hnbc simulate-release`: moves the simulated upstream to another GDC release, to show what a release changes.

In scope: that one step, and its conditions. Out of scope: what changes between releases (sources/simulated).
"""

from __future__ import annotations

import click

from hnbc_assets.errors import CommandError


@click.command("simulate-release", short_help="Move the simulated upstream to another GDC release.")
@click.argument("release")
def simulate_release(release: str) -> None:
    """Make the simulated GDC serve RELEASE (45.0, 46.0) from now on, in this lake.

    Nothing else happens: hnbc refresh finds it, as does the daily look of hnbc ui.
    """
    from hnbc_assets.commands.home import prepare
    from hnbc_assets.lake import origin
    from hnbc_assets.sources.simulated.gdc_releases import RELEASES

    home = prepare()
    if not home.place.simulated:
        raise CommandError(f"HNBC_UPSTREAM is {home.place.upstream}: only a simulated upstream can be moved.")
    if release not in RELEASES:
        raise CommandError(f"GDC release {release!r} is not simulated; simulated are {', '.join(RELEASES)}.")
    origin.simulate_release(home.lake, release)
    click.echo(f"The simulated GDC serves release {release} now. hnbc refresh updates the study to it.")
