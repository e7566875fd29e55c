"""Kinds of sources: each folder here that has a `source.py`, and for cohorts a `settings.py`.

In scope: finding them by their folders; the folder's name is the kind. Out of scope: what a kind declares (settings.py,
upstream.py, reading.py).

A source is imported when something is asked of it. Code versions do not follow this module: an asset that reads a
source's files counts that source's readers, and no other's (`Declaration.reads`).
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hnbc_assets.discovery import folders_with
from hnbc_assets.sources.settings import CohortSource

if TYPE_CHECKING:
    import pandas as pd

    from hnbc_assets.sources.archive.store import Archive
    from hnbc_assets.sources.reading import CohortFiles
    from hnbc_assets.sources.upstream import Upstream

SOURCES = "hnbc_assets.sources"


@cache
def cohort_settings() -> dict[str, type[CohortSource]]:
    """The settings that a cohort's source may have, by kind."""
    found = {kind: import_module(f"{SOURCES}.{kind}.settings").Settings for kind in folders_with(SOURCES, "settings")}
    return dict(sorted(found.items(), key=lambda item: (item[1].order, item[0])))


def source_of(kind: str) -> type[Upstream]:
    """What the kind declares as `SOURCE`."""
    return import_module(f"{SOURCES}.{kind}.source").SOURCE


def cohort_files(
    archive: Archive, manifest: pd.DataFrame, settings: Any = None, gene_manifest: pd.DataFrame | None = None
) -> CohortFiles:
    """A cohort's archived files; those of `gene_manifest` can name Ensembl ids (`reading.Files`)."""
    names = None if gene_manifest is None else cohort_files(archive, gene_manifest)
    return source_of(str(manifest["source"].iloc[0])).files(archive, manifest, settings, names)
