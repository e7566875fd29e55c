"""cBioPortal as a source of cohorts.

In scope: what it offers, by the functions of this folder. Out of scope: requests (files.py, hub.py), formats
(tables.py, profile.py), settings (settings.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from hnbc_assets.sources.cbioportal import files as cbioportal
from hnbc_assets.sources.cbioportal import probes
from hnbc_assets.sources.cbioportal.profile import expression_samples, read_expression
from hnbc_assets.sources.cbioportal.tables import read_clinical
from hnbc_assets.sources.reading import CohortFiles
from hnbc_assets.sources.upstream import Upstream

if TYPE_CHECKING:
    from hnbc_assets.sources.archive.store import Archive
    from hnbc_assets.sources.listing import Listing
    from hnbc_assets.sources.web.batch import Downloader
    from hnbc_assets.sources.web.http import Client
    from hnbc_assets.sources.web.probing import Ask


class StudyFiles(CohortFiles):
    """Clinical tables and an expression profile of a study."""

    file_kinds: ClassVar = {
        "clinical": r".+/data_clinical_(patient|sample)\.txt(\.gz)?",
        "mutations": r".+/data_mutations\.txt(\.gz)?",
        "expression": r".+/data_.+\.txt(\.gz)?",
    }

    @cached_property
    def clinical(self) -> pd.DataFrame:
        return read_clinical(self.archive, self.manifest)

    @cached_property
    def samples(self) -> pd.DataFrame:
        kept = expression_samples(self.archive, self.manifest)
        return kept.assign(file_id=self.file_id(r"/data_(?!clinical|mutations)"))

    def expression(self, sample_ids: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        return read_expression(self.archive, self.manifest, sample_ids=sample_ids)


class HubStudy(Upstream):
    """A study of cBioPortal, as its hub has it."""

    look = "cbioportal_releases"
    seen = "One digest for each study, of its files' checksums in the hub's repository."
    files = StudyFiles
    contract = cbioportal.CONTRACT

    @property
    def description(self) -> str:
        return f"cBioPortal study {self.settings.study}: clinical tables and the profile {self.settings.profile}."

    def release(self, client: Client) -> str:
        return cbioportal.release(client, self.settings.study, **self._wanted)

    def listing(self, client: Client, archive: Archive) -> Listing:
        return cbioportal.listing(client, archive, self.settings.study, **self._wanted)

    def asks(self, client: Client) -> Iterable[Ask]:
        return probes.of_cbioportal(client, self.settings.study, **self._wanted)

    def download(self, archive: Archive) -> Downloader:
        return cbioportal.downloader(archive, self.settings.study)

    def about(self, client: Client) -> dict[str, str]:
        return cbioportal.about(client, self.settings.study)

    @property
    def _wanted(self) -> dict[str, Any]:
        return {"profile": self.settings.profile, "mutations": self.settings.mutations}


SOURCE = HubStudy
