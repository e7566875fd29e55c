"""Settings of a source: the part of a study file that says where a cohort's files are, and what the study asks of it.

In scope: the base of every part of a study file, and of the class `Settings` that each kind of cohort source declares
in its `settings.py`. Out of scope: the kinds themselves (their folders), a cohort's other settings (study_sources.py).

A study is read before anything else: a `settings.py` imports neither pandas nor anything that makes requests.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from hnbc_assets.vocabulary import LOG2_SCALES, Scale


class Section(BaseModel):
    """Base of every part of the study file: an unknown key is an error, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CohortSource(Section):
    """Base of a kind's `Settings`, which add `kind: Literal["…"]` (the folder's name), and what the kind needs.

    Two settings have a meaning for every kind that has them: `values` (linear or log2), and `simulated`, which marks
    files of the user's own as invented.
    """

    records: ClassVar[str] = "named"
    """How the clinical records name their columns: freely, or as `gdc` or `cbioportal` do (science/cohorts)."""
    decides_files: ClassVar[tuple[str, ...]] = ()
    """The settings by which files are chosen: cohorts that are read from one object must agree on them."""
    order: ClassVar[int] = 9
    """Its place where kinds are listed; then by name."""
    kind: str

    def object_name(self, cohort_id: str) -> str:
        """The upstream object that holds a cohort's files (`geo/GSE25055`); its own, unless cohorts can share one."""
        return f"{self.kind}/{cohort_id}"

    @property
    @abstractmethod
    def description(self) -> str:
        """The source in a few words: `GEO GSE25066 (pam50_class Basal)`."""

    @property
    def own_files(self) -> Mapping[str, Path]:
        """The user's own files by setting, relative to the study file: they are examined before anything is fetched."""
        return {}

    @property
    def invented(self) -> bool | None:
        """Whether patients in a user's own files are invented; None for files that the upstream has."""
        return getattr(self, "simulated", None)

    def require_scale(self, scale: Scale) -> None:
        """Refuse an expression scale on which the values cannot be.

        Raises
        ------
        ValueError
            Says what is possible.
        """
        if getattr(self, "values", None) is not None and scale not in LOG2_SCALES:
            raise ValueError(f"source.values is for {', '.join(LOG2_SCALES)}; values on {scale} are used as they are")
