"""A user's own tables in a study file.

In scope: the settings of a cohort from two tables. Out of scope: keeping and reading them (source.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from hnbc_assets.sources.settings import CohortSource
from hnbc_assets.vocabulary import Values


class Settings(CohortSource):
    """A user's own cohort: an expression table and a clinical table (csv, tsv or parquet), relative to the study file.

    `values` says what the expression table holds: `linear` (TPM for log2_tpm, counts for log2_cpm; the default of
    these scales) or `log2` (logarithms already, used as they are; the default of log2_intensity). `simulated` says
    that its patients are invented: the simulated upstream accepts only such tables, and every other upstream
    refuses them.
    """

    order = 4
    kind: Literal["table"]
    expression: Path
    clinical: Path
    values: Values | None = None
    simulated: bool = False

    @property
    def description(self) -> str:
        return f"table {self.expression.name}"

    @property
    def own_files(self) -> Mapping[str, Path]:
        return {"expression": self.expression, "clinical": self.clinical}
