"""Damage in the archive: which raw assets have files that differ from what was recorded, and what depends on them.

In scope: recording damage until the files are whole again. Out of scope: reading the files (sources),
fetching them again (defs/stages/releases.py).

Damage is recorded as a failed check of the raw asset. While it fails, the database is not published again, and the
plan makes the raw asset again, which fetches the damaged files.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

import pandas as pd

from hnbc_assets.errors import ArchiveDamaged
from hnbc_assets.lake import checks, lineage, parquet
from hnbc_assets.lake.checks import CheckOutcome
from hnbc_assets.lake.paths import Lake

CHECK = "files_intact"
WHOLE = "all intact"


def note(lake: Lake, manifests: Mapping[str, pd.DataFrame], paths: Collection[str]) -> list[str]:
    """Record damaged paths for the raw assets that name them in their manifests; returns those assets, sorted."""
    found = []
    for asset, manifest in manifests.items():
        lost = sorted(set(manifest["path"]) & set(paths))
        if not lost:
            continue
        found.append(asset)
        shown = f"{', '.join(lost[:5])}{' …' if len(lost) > 5 else ''}"
        what = f"{len(lost)} archived file(s) are missing or changed: {shown}"
        outcome = CheckOutcome(
            asset=asset,
            check_name=CHECK,
            passed=False,
            blocking=True,
            value=f"damage among {len(manifest):,} files",
            threshold=WHOLE,
            description=f"{what}. Fetch them again: hnbc run --select {asset}",
            data_version=parquet.read_provenance(lake.table(asset)).data_version,
            evaluated_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        checks.record(lake, outcome)
    return sorted(found)


def known(lake: Lake, asset: str, data_version: str) -> bool:
    """Whether files of this version of a raw asset were found damaged and have not been fetched again since."""
    outcome = checks.of_asset(lake, asset).get(CHECK)
    return outcome is not None and not outcome.passed and outcome.data_version == data_version


def dependents(lake: Lake, assets: Collection[str]) -> list[str]:
    """The assets in the lake that were made from any of these, through all stages, sorted."""
    found, edges = set(assets), lineage.lineage(lake)
    while True:
        wider = found | set(edges.asset[edges.upstream_asset.isin(found)])
        if wider == found:
            return sorted(found - set(assets))
        found = wider


@contextmanager
def noting(lake: Lake, manifests: Mapping[str, pd.DataFrame]) -> Iterator[None]:
    """Record the damaged files of its raw assets that a step encounters, and name these assets in the error.

    Nothing is derived from damaged files. The next refresh fetches them again and makes what is derived from them.
    """
    try:
        yield
    except ArchiveDamaged as error:
        raw = note(lake, manifests, error.paths)
        if not raw:
            raise
        n = len(dependents(lake, raw))
        raise ArchiveDamaged(
            f"{error} They belong to {', '.join(raw)}; {n} tables depend on them. Fetch them again, and make what is "
            "derived from them: hnbc refresh",
            error.paths,
        ) from error
