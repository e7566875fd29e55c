"""The gene sets and marker lists of a study as a source.

In scope: what they offer, by the functions of this folder. Out of scope: requests and formats (files.py), which lists a
study names (defs/upstreams.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from hnbc_assets.sources.gene_sets import files as gene_sets
from hnbc_assets.sources.gene_sets import probes
from hnbc_assets.sources.reading import Files
from hnbc_assets.sources.upstream import Upstream

if TYPE_CHECKING:
    from hnbc_assets.sources.archive.store import Archive
    from hnbc_assets.sources.listing import Listing
    from hnbc_assets.sources.web.http import Client
    from hnbc_assets.sources.web.probing import Ask


class Named(NamedTuple):
    """A file that the study names: in which setting, the name it has there, where it is, its format."""

    setting: str
    purpose: str
    file: Any
    format: probes.GeneSetFormat


class ListFiles(Files):
    """The lists of a study."""

    @staticmethod
    def release_of(manifest: pd.DataFrame) -> str:
        return gene_sets.release_of_all(manifest)

    def file_kind(self, row: Mapping[str, Any]) -> str:
        return "list"


@dataclass(frozen=True)
class Lists(Upstream):
    """All gene sets and marker lists that a study names."""

    lists: tuple[Named, ...] = ()

    look = "gene_set_releases"
    seen = "One word for all gene lists: versioned addresses by their version, others by their content."
    files = ListFiles
    contract = gene_sets.CONTRACT
    guarded = False
    first = True

    @property
    def description(self) -> str:
        return "The gene sets and marker lists that the study names."

    @property
    def decided_by(self) -> Any:
        return {one.setting: one.file.model_dump(mode="json") for one in self.lists}

    def release(self, client: Client) -> str:
        return gene_sets.release(client, self._locations, folder=self.folder)

    def listing(self, client: Client, archive: Archive) -> Listing:
        return gene_sets.listing(client, archive, self._locations, folder=self.folder)

    def asks(self, client: Client) -> Iterable[Ask]:
        return probes.of_gene_sets(client, [(one.purpose, one.file.location, one.format) for one in self.lists])

    @property
    def _locations(self) -> list[str]:
        return [one.file.location for one in self.lists]


SOURCE = Lists
