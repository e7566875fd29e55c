"""Reading: what the archived files of a source can be asked.

In scope: the bases of the class of files that each source declares in its `source.py`. Out of scope: the formats (the
folder of each source), fetching (upstream.py), what a value means (science).

A source that reads cohorts gives `clinical`, `samples` and `expression`. The methods that return None by default are
facts that few sources have: a check or a gate exists where a source has the fact it needs (`offers`).
"""

from __future__ import annotations

import re
from abc import ABCMeta, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

if TYPE_CHECKING:
    from hnbc_assets.sources.archive.store import Archive
    from hnbc_assets.sources.table.files import Match


@dataclass(frozen=True)
class Files:
    """The archived files of one release of an object.

    Attributes
    ----------
    archive, manifest : the archive, and the rows of these files as `fetch` returned them
    settings : the `Settings` of the cohort that is read; None for all that the object has
    names : files that can name Ensembl ids, for a source whose own have only these
    """

    archive: Archive
    manifest: pd.DataFrame
    settings: Any = None
    names: CohortFiles | None = None

    file_kinds: ClassVar[Mapping[str, str]] = {}
    """What a file holds, and the regular expression of the ids of such files."""
    known_bytes: ClassVar[Mapping[str, tuple[tuple[int, str | None], ...]]] = {}
    """By file id, the sizes and sha256 that others have recorded."""

    @staticmethod
    def release_of(manifest: pd.DataFrame) -> str:
        """The release of rows that one fetch returned: that which a look at the upstream found then."""
        return str(manifest["release"].iloc[0])

    def file_kind(self, row: Mapping[str, Any]) -> str:
        """What the file of a manifest row holds: matrix, annotation, clinical, star …"""
        file_id = str(row["file_id"])
        return next((kind for kind, ids in self.file_kinds.items() if re.fullmatch(ids, file_id)), "file")

    def is_reply(self, row: Mapping[str, Any]) -> bool:
        """Whether a row is an answer of an index, not a file of the upstream."""
        return False

    @property
    def of_upstream(self) -> pd.DataFrame:
        """The rows of the upstream's own files, without replies."""
        own = [not self.is_reply(row) for row in self.manifest.to_dict("records")]
        return self.manifest[pd.Series(own, self.manifest.index, dtype=bool)]

    def replaced(self) -> Mapping[str, str]:
        """The ids of files that the upstream no longer has, each with the id that replaced it."""
        return {}

    def file_id(self, pattern: str) -> str:
        """The id of the first file in whose id the pattern is found."""
        return str(self.manifest.file_id[self.manifest.file_id.str.contains(pattern)].iloc[0])


@dataclass(frozen=True)
class CohortFiles(Files, metaclass=ABCMeta):
    """The archived files of an object that cohorts are read from."""

    needs_names: ClassVar[bool] = False
    """Whether its files may have Ensembl ids without symbols."""

    @property
    @abstractmethod
    def clinical(self) -> pd.DataFrame:
        """Clinical records in the upstream's own fields, index patient_id; of the cohort, or of the whole object."""

    @property
    @abstractmethod
    def samples(self) -> pd.DataFrame:
        """Samples that have expression: sample_id, patient_id, sample_type, file_id."""

    @abstractmethod
    def expression(self, sample_ids: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """features × samples in the upstream's units, and features (feature_id, symbol)."""

    def one_sample_each(self, patients: Sequence[str], file_id: str) -> pd.DataFrame:
        """`samples` of a source that has one primary tumour of each patient, all in one file."""
        return pd.DataFrame(
            {"sample_id": patients, "patient_id": patients, "sample_type": "primary", "file_id": file_id}
        )

    def fields(self) -> Mapping[str, str]:
        """The clinical fields that were received, each with the id of a file that has it, if that is known."""
        return {str(column): "" for column in self.clinical.columns}

    def new_name(self, field: str, names: set[str]) -> str | None:
        """Which of these names is another spelling of a clinical field; None without one."""
        return None

    def reply_warnings(self) -> dict[str, str] | None:
        """Replies of the upstream that contain warnings: file id to the warning."""

    def gene_names(self) -> pd.DataFrame | None:
        """Ensembl id and symbol of every gene: feature_id, symbol; None also if no file has both."""

    def gene_models(self) -> dict[str, int] | None:
        """The gene models that the expression files name, and the number of files with each."""

    def n_features(self) -> int | None:
        """How many genes each expression file lists; None also without files."""

    def unfollowed(self) -> pd.Series | None:
        """Which living patients have no follow-up time: bool by patient_id, one row per living patient."""

    def matched(self) -> Match | None:
        """How the ids in a user's tables match."""


def offers(files: type[Files], fact: str) -> bool:
    """Whether a source has a fact that `CohortFiles` gives as None."""
    return issubclass(files, CohortFiles) and getattr(files, fact) is not getattr(CohortFiles, fact)
