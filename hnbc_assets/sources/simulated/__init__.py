"""A simulated upstream with known truth: the hosts of a study, answered inside the process in their own formats.

In scope: the simulated world (`simulation`, `roster`, `patients`, `world`), what is true in it (`truth`), what GDC's
second release changes (`gdc_releases`, `planned_changes`), and the hosts' formats (`gdc_…`, `geo_files`,
`cbioportal_files`, `gdsc_files`, `gene_set_files`, `transport`). Out of scope: readers of these formats, which are the
same as for the real hosts.

    transport(Simulation())                  answers https://HOST/PATH to an httpx client
    transport(Simulation(release="46.0"))    the same with GDC's next release
    planned_changes(Simulation())            what a comparison of the two releases must find
    truth(Simulation())                      every planted effect, and every entity without one
    draw(Simulation())                       the world as arrays
"""

from __future__ import annotations

from hnbc_assets.sources.simulated.planned_changes import planned_changes
from hnbc_assets.sources.simulated.simulation import FULL_SIZE, Simulation
from hnbc_assets.sources.simulated.transport import transport
from hnbc_assets.sources.simulated.truth import truth
from hnbc_assets.sources.simulated.world import World, draw

__all__ = ["FULL_SIZE", "Simulation", "World", "draw", "planned_changes", "transport", "truth"]
