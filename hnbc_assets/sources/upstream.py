"""Upstream: an object that is fetched as a whole, such as `geo/GSE25055`, and how its source is asked for it.

In scope: the base of the class that each source declares as `SOURCE` in its `source.py`. Out of scope: which objects a
study needs (defs/upstreams.py), reading what was fetched (reading.py).
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hnbc_assets.sources.listing import Listing, fetch_listing
from hnbc_assets.sources.reading import Files
from hnbc_assets.sources.web.batch import Downloader, download_all

if TYPE_CHECKING:
    import pandas as pd

    from hnbc_assets.sources.archive.store import Archive
    from hnbc_assets.sources.settings import CohortSource
    from hnbc_assets.sources.web.http import Client
    from hnbc_assets.sources.web.probing import Ask
    from hnbc_assets.sources.web.progress import Progress


@dataclass(frozen=True)
class Upstream(metaclass=ABCMeta):
    """An object of an upstream. A source gives at least `look`, `seen`, `files`, `description`, `release`, `listing`.

    Attributes
    ----------
    name : `geo/GSE25055`, `gdsc`
    cohorts : the cohorts that are read from it, with the settings of their sources
    folder : where the relative paths of the study start
    """

    name: str
    cohorts: Mapping[str, CohortSource] = field(default_factory=dict)
    folder: Path = Path()

    look: ClassVar[str]
    """The observed source that knows its release: `geo_releases`."""
    seen: ClassVar[str]
    """What a look finds, in a sentence."""
    files: ClassVar[type[Files]] = Files
    """How its archived files are read."""
    contract: ClassVar[Any] = 1
    """The version of what is fetched and recorded. Increase it when either changes: everything is fetched again."""
    guarded: ClassVar[bool] = True
    """Whether a release that lost too much is held up: where patients come from, unless from a user's own files."""
    first: ClassVar[bool] = False
    """Whether it is fetched before others: it is small, and shows mistakes in the study."""
    optional: ClassVar[str] = ""
    """The optional stage that it is for."""

    @property
    @abstractmethod
    def description(self) -> str:
        """The object in a sentence."""

    @abstractmethod
    def release(self, client: Client) -> str:
        """The release that it is at."""

    @abstractmethod
    def listing(self, client: Client, archive: Archive) -> Listing:
        """Its index: the files that it has now. Nothing is kept."""

    def fetch(
        self, client: Client, archive: Archive, *, progress: Progress | None, previous: pd.DataFrame | None
    ) -> pd.DataFrame:
        """Bring its files into the archive; returns their manifest. `previous` is that of the release before."""
        return fetch_listing(client, archive, self.listing(client, archive), progress=progress)

    def asks(self, client: Client) -> Iterable[Ask]:
        """The addresses that all this needs."""
        return ()

    def download(self, archive: Archive) -> Downloader:
        """What brings files of a release that the index no longer lists."""
        return download_all

    def about(self, client: Client) -> dict[str, str]:
        """What else the upstream says of the object. Nothing depends on it, and it never fails."""
        return {}

    def examined(self) -> tuple[str, tuple[str, ...]] | None:
        """A user's own clinical table before it is fetched: its name and columns; None for files of an upstream.

        Raises
        ------
        HnbcError
            If the user's files cannot be read.
        """
        return None

    @property
    def settings(self) -> Any:
        """The settings of the first cohort that is read from it."""
        return next(iter(self.cohorts.values()))

    @property
    def decided_by(self) -> Any:
        """The settings that decide what is fetched, as the asset's code version holds them."""
        return [settings.model_dump(mode="json") for settings in self.cohorts.values()]

    @property
    def kind(self) -> str:
        """The source's kind: gdc, geo, cbioportal, gdsc, gene_sets, table."""
        return self.name.split("/")[0]

    @property
    def raw(self) -> str:
        """The raw asset that holds its files."""
        return f"raw/{self.name}"
