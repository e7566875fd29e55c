"""The content of the simulated GDC's releases: the first as drawn, the second with known changes to it.

In scope: which patients are added or followed for longer, which files are superseded or removed, drawn with their own
random numbers, so that the first release does not change. Out of scope: records and files (gdc_records), the list
of changes that a comparison must find (planned_changes).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hnbc_assets.sources.simulated.gdc_clinic import draw_records, outcomes
from hnbc_assets.sources.simulated.gdc_samples import draw_aliquots
from hnbc_assets.sources.simulated.simulation import FIRST_RELEASE, SECOND_RELEASE
from hnbc_assets.sources.simulated.world import World, observe

# The text of /status, the update time of its changed records, and the name of the sex field in clinical records.
RELEASES = {
    FIRST_RELEASE: ("Data Release 45.0 - December 04, 2025", "2025-11-20T00:00:00.000000-06:00", "gender"),
    SECOND_RELEASE: ("Data Release 46.0 - August 10, 2026", "2026-08-01T00:00:00.000000-05:00", "sex_at_birth"),
}
CASE_WITHOUT_DEMOGRAPHIC = 100
FOLLOWED_SHARE, FEWEST_FOLLOWED, LONGER_YEARS = 0.04, 6, (1.0, 4.0)
N_SUPERSEDED, N_SUPERSEDED_IN_TRAINING = 8, 4


@dataclass(frozen=True)
class Changes:
    """What the second release changes.

    arrivals : records (as `draw_records`) of the patients who are added; arriving : their aliquots
    followed : index barcode, of patients of the first release: their present outcomes, columns as `outcomes`
    superseded : aliquots whose expression file has a new version; removed : aliquots whose files are removed
    """

    arrivals: pd.DataFrame
    arriving: pd.DataFrame
    followed: pd.DataFrame
    superseded: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True)
class Holdings:
    """The content of a release: one row per patient in `records`, one row per aliquot in `aliquots` with `since`, the
    release that added it; `superseded` aliquots have an expression file of version 2.
    """

    label: str
    updated: str
    sex_field: str
    records: pd.DataFrame
    aliquots: pd.DataFrame
    superseded: frozenset[str] = frozenset()


def stated(release: str) -> tuple[str, str, str]:
    """The label of a release, when it was updated, and its name of the field for sex.

    Raises
    ------
    ValueError
        The release is not simulated.
    """
    if release not in RELEASES:
        raise ValueError(f"Simulation: GDC release {release!r} is not simulated; simulated are {', '.join(RELEASES)}.")
    return RELEASES[release]


def holdings(world: World, release: str) -> Holdings:
    """The content of a release. Raises ValueError if it is not simulated."""
    known = stated(release)
    records = draw_records(world.simulation, world.tcga)
    aliquots = draw_aliquots(world.simulation, world.tcga).assign(since=FIRST_RELEASE)
    if release == FIRST_RELEASE:
        return Holdings(*known, records, aliquots)
    changes = draw_changes(world)
    for column, values in changes.followed.items():
        records.loc[changes.followed.index, column] = values
    records["dead"] = records["os_event"]
    kept = aliquots[~aliquots["aliquot"].isin(changes.removed)]
    arriving = changes.arriving.assign(since=release)
    return Holdings(
        *known,
        pd.concat([records, changes.arrivals]),
        pd.concat([kept, arriving], ignore_index=True),
        frozenset(changes.superseded),
    )


def draw_changes(world: World) -> Changes:
    """Draw what the second release changes; equal worlds have equal changes."""
    records = draw_records(world.simulation, world.tcga)
    aliquots = draw_aliquots(world.simulation, world.tcga)
    removed = _removed(world, aliquots)
    return Changes(
        draw_records(world.simulation, world.arrivals),
        draw_aliquots(world.simulation, world.arrivals),
        _followed(world, records),
        _superseded(world, records, aliquots[~aliquots["aliquot"].isin(removed)]),
        removed,
    )


def _followed(world: World, records: pd.DataFrame) -> pd.DataFrame:
    """Some patients who were alive are followed for longer, and their later outcomes are observed: a quarter have died,
    a quarter have progressed, if there are that many such patients.
    """
    rng = world.simulation.rng("tcga", SECOND_RELEASE, "follow-up")
    drawn = world.tcga.drawn.table
    longer = drawn["follow_up_years"] + rng.uniform(*LONGER_YEARS, len(drawn))
    now = pd.DataFrame(outcomes(observe(drawn.assign(follow_up_years=longer))), index=records.index)
    alive = (records["os_days"] > 0) & ~records["dead"] & (records["patient"] != CASE_WITHOUT_DEMOGRAPHIC)
    shuffled = now.loc[rng.permutation(records.index[alive].to_numpy(dtype=object))]
    died = shuffled["os_event"]
    progressed = ~died & shuffled["pfi_event"] & ~records["pfi_event"].loc[shuffled.index]
    n = max(FEWEST_FOLLOWED, round(FOLLOWED_SHARE * len(records)))
    chosen = [*shuffled.index[died][: n // 4], *shuffled.index[progressed][: n // 4]]
    rest = [*shuffled.index[~died & ~progressed], *shuffled.index[died | progressed]]
    chosen += [barcode for barcode in rest if barcode not in chosen][: n - len(chosen)]
    return now.loc[sorted(chosen)]


def _removed(world: World, aliquots: pd.DataFrame) -> tuple[str, ...]:
    """One aliquot that no fixed rule chooses for its patient: a normal or, if there is none, a repeat or metastasis."""
    rng = world.simulation.rng("tcga", SECOND_RELEASE, "removed")
    normals, others = (aliquots.loc[aliquots["kind"].isin(kinds), "aliquot"].to_numpy(dtype=object)
                       for kinds in (["normal"], ["repeat", "metastasis"]))  # fmt: skip
    return tuple(rng.permutation(normals if len(normals) else others)[:1])


def _superseded(world: World, records: pd.DataFrame, aliquots: pd.DataFrame) -> tuple[str, ...]:
    """Some tumours of patients that a signature may be trained on, and some of all other aliquots."""
    rng = world.simulation.rng("tcga", SECOND_RELEASE, "superseded")
    negative = (records["her2_fish"] == "Negative") | (
        (records["her2_word"] == "Negative") & ~records["her2_fish"].isin(["Positive", "Equivocal"])
    )
    training = negative & (records["pfi_days"] > 0) & (records["m"] != "M1") & (records["stage"] != "Stage IV")
    numbers = records.loc[training, "patient"]
    trains = (aliquots["kind"] == "tumour") & aliquots["patient"].isin(numbers)
    first = rng.permutation(aliquots.loc[trains, "aliquot"].to_numpy(dtype=object))[:N_SUPERSEDED_IN_TRAINING]
    rest = aliquots.loc[~aliquots["aliquot"].isin(first), "aliquot"].to_numpy(dtype=object)
    return tuple(np.concatenate([first, rng.permutation(rest)[: N_SUPERSEDED - len(first)]]))
