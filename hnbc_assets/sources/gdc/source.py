"""The GDC as a source of cohorts.

In scope: what it offers, by the functions of this folder. Out of scope: requests (files.py, api.py, history.py),
formats (index.py, clinical.py, star.py, maf.py), settings (settings.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from hnbc_assets.sources.gdc import evidence, history, probes
from hnbc_assets.sources.gdc import files as gdc
from hnbc_assets.sources.gdc.clinical import read_clinical, unfollowed
from hnbc_assets.sources.gdc.fields import other_spelling, received_fields
from hnbc_assets.sources.gdc.index import read_samples
from hnbc_assets.sources.gdc.star import read_expression
from hnbc_assets.sources.reading import CohortFiles
from hnbc_assets.sources.upstream import Upstream

if TYPE_CHECKING:
    from hnbc_assets.sources.archive.store import Archive
    from hnbc_assets.sources.listing import Listing
    from hnbc_assets.sources.web.http import Client
    from hnbc_assets.sources.web.probing import Ask
    from hnbc_assets.sources.web.progress import Progress


class ProjectFiles(CohortFiles):
    """Index, clinical replies and files of a project."""

    @cached_property
    def clinical(self) -> pd.DataFrame:
        return read_clinical(self.archive, self.manifest)

    @cached_property
    def samples(self) -> pd.DataFrame:
        return read_samples(self.archive, self.manifest)

    def expression(self, sample_ids: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        return read_expression(
            self.archive, self.manifest, value=self.settings.value, sample_ids=sample_ids, samples=self.samples
        )

    def file_kind(self, row: Mapping[str, Any]) -> str:
        return str(row["path"]).split("/")[-2]

    def is_reply(self, row: Mapping[str, Any]) -> bool:
        return history.UNDER_INDEX.fullmatch(str(row["file_id"])) is not None

    def replaced(self) -> Mapping[str, str]:
        return history.read_superseded(self.archive, self.manifest)

    def fields(self) -> Mapping[str, str]:
        """Those of the API by its names, those of the biotab and of curated survival by the names of `clinical`."""
        others = {column: "" for column in map(str, self.clinical) if column.startswith(("biotab_", "cdr_"))}
        return others | received_fields(self.archive, self.manifest)

    def new_name(self, field: str, names: set[str]) -> str | None:
        return other_spelling(field, names)

    def reply_warnings(self) -> dict[str, str]:
        return evidence.reply_warnings(self.archive, self.manifest)

    def gene_names(self) -> pd.DataFrame | None:
        return evidence.gene_names(self.archive, self.manifest)

    def gene_models(self) -> dict[str, int]:
        return evidence.gene_models(self.archive, self.manifest)

    def n_features(self) -> int | None:
        return evidence.n_features(self.archive, self.manifest)

    def unfollowed(self) -> pd.Series:
        return unfollowed(self.clinical)


class Project(Upstream):
    """A project of the GDC."""

    look = "gdc_release"
    seen = "The GDC's data release, as its status says."
    files = ProjectFiles
    contract = gdc.CONTRACT

    @property
    def description(self) -> str:
        project = self.settings.project
        return f"GDC project {project}: STAR counts, clinical records, masked somatic mutations (open access)."

    def release(self, client: Client) -> str:
        return gdc.release(client)

    def listing(self, client: Client, archive: Archive) -> Listing:
        return gdc.listing(client, archive, self.settings.project, **self._wanted)

    def fetch(
        self, client: Client, archive: Archive, *, progress: Progress | None, previous: pd.DataFrame | None
    ) -> pd.DataFrame:
        return gdc.fetch(
            client,
            archive,
            self.settings.project,
            **self._wanted,
            progress=progress,
            previous=previous,
            # With a release before there is a gate, which holds up what has lost a field.
            accept_lost_fields=previous is not None,
        )

    def asks(self, client: Client) -> Iterable[Ask]:
        return probes.of_gdc(client, self.settings.project, **self._wanted)

    @property
    def _wanted(self) -> dict[str, Any]:
        return {"mutations": self.settings.mutations, "endpoints": self.settings.endpoints}


SOURCE = Project
