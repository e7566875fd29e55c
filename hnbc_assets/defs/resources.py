"""Resources: what assets need besides their inputs, and a client of the study's upstream.

In scope: making them from the place and the study. Out of scope: what is asked of them (releases.py).
"""

from __future__ import annotations

from typing import Any

from hnbc_assets.addresses import Addresses
from hnbc_assets.lake.io_manager import LakeIOManager
from hnbc_assets.lake.origin import origin
from hnbc_assets.lake.paths import Lake
from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.web.http import Client, connect
from hnbc_assets.study import Place, Study


def resources_of(study: Study, place: Place) -> dict[str, Any]:
    """Dagster's resources by name: the study, the place, its lake, the archive of raw files, the I/O manager."""
    lake = Lake(place.data_lake)
    return {
        "study": study,
        "place": place,
        "lake": lake,
        "archive": open_archive(place, study),
        "io_manager": LakeIOManager(root=str(lake.root), study_hash=study.hash, upstream=place.upstream),
    }


def open_archive(place: Place, study: Study | None = None) -> Archive:
    """The raw archive of the lake; it downloads as many files at the same time as the study allows."""
    workers = {"workers": study.execution.download_workers} if study else {}
    return Archive(Lake(place.data_lake).raw, **workers)


def open_client(place: Place, study: Study, **patience: Any) -> Client:
    """A client of the study's upstream: live, a mirror, or the simulation at the release that the lake has it at.

    `patience` holds the retries and the timeout of `connect`.
    """
    addresses = Addresses(study.addresses)
    if place.simulated:
        from hnbc_assets.sources.simulated import Simulation, transport

        release = origin(Lake(place.data_lake)).release
        moved = {"release": release} if release else {}
        simulation = Simulation(**study.simulation.model_dump(), **moved)
        return connect("simulated", transport=transport(simulation), addresses=addresses, **patience)
    return connect(place.address, addresses=addresses, **patience)
