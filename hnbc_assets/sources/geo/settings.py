"""GEO in a study file.

In scope: the settings of a cohort from a series. Out of scope: fetching and reading it (source.py).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hnbc_assets.sources.settings import CohortSource
from hnbc_assets.vocabulary import Values


class Settings(CohortSource):
    """A GEO series with its platform's annotation; `subset` keeps the samples whose field contains the value.

    `values` says whether the series matrix holds logarithms (log2, the default) or linear values.
    """

    decides_files = ("platform",)
    order = 1
    kind: Literal["geo"]
    series: str = Field(pattern=r"^GSE\d+$", examples=["GSE25055"])
    platform: str = Field(pattern=r"^GPL\d+$", examples=["GPL96"])
    subset: dict[str, str] = Field(default_factory=dict)
    values: Values | None = None

    def object_name(self, cohort_id: str) -> str:
        return f"geo/{self.series}"

    @property
    def description(self) -> str:
        subset = ", ".join(f"{field} {text}" for field, text in self.subset.items())
        return f"GEO {self.series}" + (f" ({subset})" if subset else "")
