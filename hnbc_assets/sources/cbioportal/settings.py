"""cBioPortal in a study file.

In scope: the settings of a cohort from a study of the portal. Out of scope: fetching and reading it (source.py).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hnbc_assets.sources.settings import CohortSource
from hnbc_assets.vocabulary import Values


class Settings(CohortSource):
    """A cBioPortal study folder and the expression profile to read from it; `values` as for a table."""

    records = "cbioportal"
    decides_files = ("profile", "mutations")
    order = 3
    kind: Literal["cbioportal"]
    study: str = Field(pattern=r"^[a-z0-9_]+$", examples=["brca_metabric"])
    profile: str = Field(pattern=r"^[A-Za-z0-9_]+$", examples=["mrna_illumina_microarray"])
    values: Values | None = None
    mutations: bool = False

    def object_name(self, cohort_id: str) -> str:
        return f"cbioportal/{self.study}"

    @property
    def description(self) -> str:
        return f"cBioPortal {self.study}"
