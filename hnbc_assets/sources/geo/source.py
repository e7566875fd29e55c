"""GEO as a source of cohorts.

In scope: what it offers, by the functions of this folder. Out of scope: requests (files.py), formats (files.py,
matrix.py), settings (settings.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from hnbc_assets.sources.geo import files as geo
from hnbc_assets.sources.geo import probes
from hnbc_assets.sources.reading import CohortFiles
from hnbc_assets.sources.upstream import Upstream

if TYPE_CHECKING:
    from hnbc_assets.sources.archive.store import Archive
    from hnbc_assets.sources.listing import Listing
    from hnbc_assets.sources.web.http import Client
    from hnbc_assets.sources.web.probing import Ask


class SeriesFiles(CohortFiles):
    """A series matrix and the annotation of its platform."""

    file_kinds: ClassVar = {"matrix": geo.MATRIX, "annotation": geo.ANNOTATION}

    @cached_property
    def clinical(self) -> pd.DataFrame:
        subset = self.settings.subset if self.settings else None
        return geo.read_clinical(self.archive, self.manifest, subset=subset or None)

    @cached_property
    def samples(self) -> pd.DataFrame:
        return self.one_sample_each(self.clinical.index, self.file_id("series_matrix"))

    def expression(self, sample_ids: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        return geo.read_expression(self.archive, self.manifest, sample_ids=sample_ids)


class Series(Upstream):
    """A series of GEO."""

    look = "geo_releases"
    seen = "The last update of each GEO series."
    files = SeriesFiles
    contract = geo.CONTRACT

    @property
    def description(self) -> str:
        of = self.settings
        return f"GEO series {of.series} (series matrix) and the annotation of platform {of.platform}."

    def release(self, client: Client) -> str:
        return geo.release(client, self.settings.series)

    def listing(self, client: Client, archive: Archive) -> Listing:
        return geo.listing(client, archive, self.settings.series, self.settings.platform)

    def asks(self, client: Client) -> Iterable[Ask]:
        return probes.of_geo(client, self.settings.series, self.settings.platform)


SOURCE = Series
