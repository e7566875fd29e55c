"""A user's own tables as a source of a cohort.

In scope: what they offer, by the functions of this folder. Out of scope: keeping and matching them (files.py), cells
(grid.py, text.py), settings (settings.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from hnbc_assets.sources.reading import CohortFiles
from hnbc_assets.sources.table import files as table
from hnbc_assets.sources.upstream import Upstream

if TYPE_CHECKING:
    from hnbc_assets.sources.archive.store import Archive
    from hnbc_assets.sources.listing import Listing
    from hnbc_assets.sources.web.http import Client


class TableFiles(CohortFiles):
    """Copies of a user's expression table and clinical table."""

    file_kinds: ClassVar = {"clinical": ".+/clinical", "expression": ".+/expression"}
    needs_names = True

    @staticmethod
    def release_of(manifest: pd.DataFrame) -> str:
        return table.release_of(manifest)

    @cached_property
    def clinical(self) -> pd.DataFrame:
        return table.read_clinical(self.archive, self.manifest)

    @cached_property
    def samples(self) -> pd.DataFrame:
        return self.one_sample_each(table.profiled_samples(self.archive, self.manifest), self.file_id("/expression$"))

    def expression(self, sample_ids: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        names = self.names.gene_names() if self.names else None
        return table.read_expression(self.archive, self.manifest, gene_ids=names, sample_ids=sample_ids)

    def matched(self) -> table.Match:
        return table.match(self.archive, self.manifest)


class UserTables(Upstream):
    """The two tables of a cohort."""

    look = "table_releases"
    seen = "One word for each of the user's own tables, by content."
    files = TableFiles
    contract = table.CONTRACT
    guarded = False

    @property
    def description(self) -> str:
        return f"The user's own tables of cohort {self._cohort}."

    def release(self, client: Client) -> str:
        return table.release(*self._paths, folder=self.folder)

    def listing(self, client: Client, archive: Archive) -> Listing:
        return table.listing(archive, self._cohort, *self._paths, folder=self.folder)

    def examined(self) -> tuple[str, tuple[str, ...]]:
        _, columns = table.examine(*self._paths, folder=self.folder)
        return str(self.settings.clinical), columns

    @property
    def _cohort(self) -> str:
        return next(iter(self.cohorts))

    @property
    def _paths(self) -> tuple[Path, Path]:
        return self.settings.expression, self.settings.clinical


SOURCE = UserTables
