"""What a comparison of two simulated GDC releases must find: the list of changes, derived from what was drawn.

In scope: changes as a table, with the values of the readers of clinical records. Out of scope: drawing them
(gdc_releases), comparing what was fetched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pandas as pd

from hnbc_assets.sources.simulated.gdc_clinic import draw_records
from hnbc_assets.sources.simulated.gdc_files import biotab, survival_workbook
from hnbc_assets.sources.simulated.gdc_records import BIOTAB_ID, SURVIVAL_ID, has_mutations, maf_key, star_key
from hnbc_assets.sources.simulated.gdc_releases import RELEASES, draw_changes, holdings
from hnbc_assets.sources.simulated.names import stable_uuid
from hnbc_assets.sources.simulated.simulation import FIRST_RELEASE, SECOND_RELEASE, Simulation
from hnbc_assets.sources.simulated.world import World, draw

COLUMNS = ("kind", "entity", "field", "old_value", "new_value")
Row = tuple[str, str | None, str | None, str | None, str | None]


def planned_changes(simulation: Simulation, to_release: str = SECOND_RELEASE) -> pd.DataFrame:
    """Every change from the simulated GDC's first release to `to_release`, of open files and of clinical records.

    Returns
    -------
    One row per change, sorted: kind, entity, field, old_value, new_value, all text, null if not applicable.
    file_added and file_removed: file id, its kind (star, maf). file_superseded: the old id; field "file_id" and both
    ids, or, for a file that keeps its id, field "md5" and both md5 digests. patient_added: barcode. value_changed:
    barcode, field as in `gdc.read_clinical`, numbers without decimals. field_renamed: the new field, without entity.

    Raises
    ------
    ValueError
        The simulation has no such later release.
    """
    if to_release not in RELEASES or to_release == FIRST_RELEASE:
        later = ", ".join(name for name in RELEASES if name != FIRST_RELEASE)
        raise ValueError(
            f"planned_changes: {to_release!r} is no later release of the simulation; later releases: {later}."
        )
    world = draw(simulation)
    rows = [*_of_files(world, to_release), *_of_patients(world)]
    old_name, new_name = RELEASES[FIRST_RELEASE][2], RELEASES[to_release][2]
    rows.append(("field_renamed", None, f"demographic.{new_name}", old_name, new_name))
    table = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
    return table.sort_values(["kind", "entity", "field"], ignore_index=True)


def _of_files(world: World, to_release: str) -> Iterator[Row]:
    changes = draw_changes(world)
    for aliquot in changes.arriving["aliquot"]:
        yield "file_added", stable_uuid(star_key(aliquot)), "star", None, None
    for barcode, patient in changes.arrivals["patient"].items():
        if has_mutations(patient):
            yield "file_added", stable_uuid(maf_key(str(barcode))), "maf", None, None
    for aliquot in changes.removed:
        yield "file_removed", stable_uuid(star_key(aliquot)), "star", None, None
    for aliquot in changes.superseded:
        old, new = stable_uuid(star_key(aliquot)), stable_uuid(star_key(aliquot, 2))
        yield "file_superseded", old, "file_id", old, new
    before, after = (holdings(world, release).records for release in (FIRST_RELEASE, to_release))
    for file_id, render in ((BIOTAB_ID, biotab), (SURVIVAL_ID, survival_workbook)):
        yield "file_superseded", file_id, "md5", _md5(render(before)), _md5(render(after))


def _of_patients(world: World) -> Iterator[Row]:
    changes = draw_changes(world)
    for barcode in changes.arrivals.index:
        yield "patient_added", barcode, None, None, None
    before = draw_records(world.simulation, world.tcga)
    for barcode, outcome in changes.followed.iterrows():
        old, new = _recorded(before.loc[barcode]), _recorded(outcome)
        for field in old:
            if old[field] != new[field]:
                yield "value_changed", str(barcode), field, old[field], new[field]


def _recorded(outcome: pd.Series) -> dict[str, str | None]:
    """The outcome of a followed patient in the clinical records and the survival workbook."""
    days, dead, progressed = int(outcome["os_days"]), bool(outcome["os_event"]), bool(outcome["pfi_event"])
    progression = int(outcome["pfi_days"])
    values: dict[str, Any] = {
        "vital_status": "Dead" if dead else "Alive",
        "days_to_death": days if dead else None,
        "days_to_last_follow_up": None if dead else days,
        "days_to_follow_up": days,
        "days_to_progression": progression if progressed else None,
        "progression_or_recurrence": "yes" if progressed else "no",
        "cdr_os": int(dead),
        "cdr_os_time": days,
        "cdr_dss": int(outcome["dss_event"]),
        "cdr_dss_time": days,
        "cdr_pfi": int(progressed),
        "cdr_pfi_time": progression,
    }
    return {field: None if value is None else str(value) for field, value in values.items()}


def _md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()
