"""One way to read a cohort's archived files, whatever their upstream.

In scope: which reader is for which kind of source. Out of scope: the formats (gdc, geo, cbioportal, table/files), what
a value means (science/cohorts).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from hnbc_assets.sources.archive.store import Archive
from hnbc_assets.sources.cbioportal import files as cbioportal
from hnbc_assets.sources.gdc import files as gdc
from hnbc_assets.sources.gdc.evidence import gene_names
from hnbc_assets.sources.geo import files as geo
from hnbc_assets.sources.table import files as user_table

# Functions, not modules: a module also contains the fetching, and unused code would count as used code.
CLINICAL: dict[str, Callable[[Archive, pd.DataFrame], pd.DataFrame]] = {
    "gdc": gdc.read_clinical,
    "geo": geo.read_clinical,
    "cbioportal": cbioportal.read_clinical,
    "table": user_table.read_clinical,
}


@dataclass(frozen=True)
class CohortFiles:
    """A cohort's files. `source` has `kind` (gdc, geo, cbioportal, table) and that kind's settings.

    `gene_manifest` is that of a GDC project, whose files have the symbols of Ensembl ids for tables that have only
    these.
    """

    archive: Archive
    manifest: pd.DataFrame
    source: Any
    gene_manifest: pd.DataFrame | None = None

    @cached_property
    def clinical(self) -> pd.DataFrame:
        """Clinical records in the upstream's own fields, index patient_id."""
        if self.source.kind == "geo":
            return geo.read_clinical(self.archive, self.manifest, subset=self.source.subset or None)
        return CLINICAL[self.source.kind](self.archive, self.manifest)

    @cached_property
    def samples(self) -> pd.DataFrame:
        """Samples that have expression: sample_id, patient_id, sample_type, file_id."""
        if self.source.kind == "gdc":
            return gdc.read_samples(self.archive, self.manifest)
        if self.source.kind == "cbioportal":
            kept = cbioportal.expression_samples(self.archive, self.manifest)
            return kept.assign(file_id=self._file(r"/data_(?!clinical|mutations)"))
        if self.source.kind == "geo":
            patients, file_id = self.clinical.index, self._file(r"series_matrix")
        else:
            patients = user_table.profiled_samples(self.archive, self.manifest)
            file_id = self._file(r"/expression$")
        return pd.DataFrame(
            {"sample_id": patients, "patient_id": patients, "sample_type": "primary", "file_id": file_id}
        )

    def expression(self, sample_ids: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """features × samples in the upstream's units, and features (feature_id, symbol)."""
        if self.source.kind == "gdc":
            return gdc.read_expression(
                self.archive, self.manifest, value=self.source.value, sample_ids=sample_ids, samples=self.samples
            )
        if self.source.kind == "table":
            names = None if self.gene_manifest is None else gene_names(self.archive, self.gene_manifest)
            return user_table.read_expression(self.archive, self.manifest, gene_ids=names, sample_ids=sample_ids)
        read = geo.read_expression if self.source.kind == "geo" else cbioportal.read_expression
        return read(self.archive, self.manifest, sample_ids=sample_ids)

    @property
    def release(self) -> str:
        """The upstream's release, or date, of these files."""
        return str(self.manifest.release.iloc[0])

    def _file(self, pattern: str) -> str:
        return str(self.manifest.file_id[self.manifest.file_id.str.contains(pattern)].iloc[0])


def describe(source: Any) -> str:
    """A source in a few words: `GEO GSE25066 (pam50_class Basal)`."""
    if source.kind == "geo":
        subset = ", ".join(f"{k} {v}" for k, v in source.subset.items())
        return f"GEO {source.series}" + (f" ({subset})" if subset else "")
    if source.kind == "gdc":
        return f"GDC {source.project}"
    if source.kind == "cbioportal":
        return f"cBioPortal {source.study}"
    return f"table {source.expression.name}"


def clinical_reader(source: Any) -> Callable[[Archive, pd.DataFrame], pd.DataFrame]:
    """The function that reads an upstream's clinical records, of a whole series without a cohort's subset."""
    return CLINICAL[source.kind]
