"""Origin: where a lake's data come from. A lake belongs to one upstream, real or simulated.

In scope: claiming a new lake, checking that one is used with its own upstream, moving a simulation to another release.
Out of scope: asking the upstream (sources).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hnbc_assets.errors import LakeBelongsElsewhere, StudyError
from hnbc_assets.lake.atomic import locked
from hnbc_assets.lake.paths import Lake
from hnbc_assets.lake.records import Records
from hnbc_assets.redaction import redacted

NAME = "upstream"
REMEDY = "Put back a copy, or delete it and set HNBC_UPSTREAM to the upstream that the lake was filled from."


@dataclass(frozen=True)
class Origin:
    """The upstream that a lake belongs to; None where the lake is new.

    `simulation` identifies the settings of a simulated one. `release` is the GDC release that this was moved to.
    """

    upstream: str | None = None
    simulation: str | None = None
    release: str | None = None


def origin(lake: Lake) -> Origin:
    """Where the lake's data come from."""
    return _redacted(_written(lake))


def simulate_release(lake: Lake, release: str) -> None:
    """Move the simulated upstream of this lake to another GDC release."""
    with locked(lake.origin_lock, wait_seconds=60):
        _records(lake).write(NAME, replace(_written(lake), release=release))


def claim(lake: Lake, upstream: str, simulation: str | None = None) -> None:
    """Make this the lake of `upstream` at its first use; later, check that it still is.

    `simulation` identifies the simulation's settings if the upstream is one: its files have the same addresses and
    dates whatever its size and seed, so a lake contains one simulation only.

    Raises
    ------
    LakeBelongsElsewhere
        If the lake was filled from another upstream, or another simulation.
    StudyError
        If the lake cannot be made there.
    """
    upstream = redacted(upstream.rstrip("/"))
    lake.check_place()
    try:
        lake.root.mkdir(parents=True, exist_ok=True)
        with locked(lake.origin_lock, wait_seconds=60):
            written = _written(lake)
            known = _redacted(written)
            owned = replace(known, upstream=known.upstream or upstream, simulation=known.simulation or simulation)
            if owned.upstream == upstream and owned != written:
                _records(lake).write(NAME, owned)
    except OSError as error:
        raise StudyError(
            f"{lake.root}: a data lake cannot be kept there ({error.strerror or error}). Set HNBC_DATA_LAKE to a "
            "writable folder."
        ) from error
    if owned.upstream != upstream:
        raise LakeBelongsElsewhere(
            f"{lake.root} contains results of the upstream {owned.upstream!r}; it cannot be mixed with {upstream!r}. "
            f"Set HNBC_DATA_LAKE to another folder, or HNBC_UPSTREAM={owned.upstream}."
        )
    if simulation and owned.simulation != simulation:
        raise LakeBelongsElsewhere(
            f"{lake.root} contains another simulation: `simulation` in the study file has changed. Set "
            "HNBC_DATA_LAKE to another folder, or change it back."
        )


def _written(lake: Lake) -> Origin:
    return _records(lake).find(NAME) or Origin()


def _redacted(written: Origin) -> Origin:
    """An older version kept passwords in addresses."""
    return replace(written, upstream=redacted(written.upstream)) if written.upstream else written


def _records(lake: Lake) -> Records[Origin]:
    return Records(Origin, lake.root, REMEDY)
