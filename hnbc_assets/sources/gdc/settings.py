"""The GDC in a study file.

In scope: the settings of a cohort from a project. Out of scope: fetching and reading it (source.py).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hnbc_assets.sources.settings import CohortSource
from hnbc_assets.vocabulary import Scale

Value = Literal["tpm", "counts"]
Endpoints = Literal["api", "tcga_cdr"]
SCALES: dict[Value, Scale] = {"tpm": Scale.LOG2_TPM, "counts": Scale.LOG2_CPM}


class Settings(CohortSource):
    """A GDC project: STAR counts, clinical records, mutations."""

    records = "gdc"
    decides_files = ("endpoints", "mutations")
    order = 2
    kind: Literal["gdc"]
    project: str = Field(pattern=r"^[A-Z0-9]+-[A-Z0-9_-]+$", examples=["TCGA-BRCA"])
    value: Value = "tpm"
    endpoints: Endpoints = "api"
    mutations: bool = True

    def object_name(self, cohort_id: str) -> str:
        return f"gdc/{self.project}"

    @property
    def description(self) -> str:
        return f"GDC {self.project}"

    def require_scale(self, scale: Scale) -> None:
        if scale != SCALES[self.value]:
            raise ValueError(
                f"source.value is {self.value}, whose expression_scale is {SCALES[self.value]}, not {scale}"
            )
