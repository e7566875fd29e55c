"""What assets need from outside themselves: the archive and a client of the study's upstream.

In scope: making them from the place and the study. Out of scope: what is asked of them (releases.py).
"""

from __future__ import annotations

from typing import Any

from hnbc_assets.addresses import Addresses
from hnbc_assets.lake.paths import Lake
from hnbc_assets.sources.archive import Archive
from hnbc_assets.sources.http import Client, connect
from hnbc_assets.study import Place, Study


def open_archive(place: Place) -> Archive:
    """The raw archive of the lake, for reading."""
    return Archive(Lake(place.data_lake).raw)


def open_archive_to_fetch(place: Place, study: Study) -> Archive:
    """The raw archive of the lake, which downloads as many files at the same time as the study allows."""
    return Archive(Lake(place.data_lake).raw, workers=study.execution.download_workers)


def open_client(place: Place, study: Study, **patience: Any) -> Client:
    """A client of the study's upstream: live, a mirror, or the simulation at the release that the lake has it at.

    `patience` holds the retries and the timeout of `connect`.
    """
    addresses = Addresses(study.addresses)
    if place.simulated:
        from hnbc_assets.sources.simulated import Simulation, transport

        release = Lake(place.data_lake).simulated_release()
        moved = {"release": release} if release else {}
        simulation = Simulation(**study.simulation.model_dump(), **moved)
        return connect("simulated", transport=transport(simulation), addresses=addresses, **patience)
    return connect(place.address, addresses=addresses, **patience)
