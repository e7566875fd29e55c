"""Sources of a study: where files and cohorts come from, as a researcher writes it in the study file.

Belongs here: the settings of a source and of a cohort, with their checks. Does not: the other settings (study.py), how
a source is asked (sources/).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

Endpoint = Literal["os", "dss", "pfi", "drfs"]
Role = Literal["discovery", "training", "validation", "descriptive"]
Scale = Literal["log2_tpm", "log2_cpm", "log2_intensity", "zscore", "probe_scaled"]
Her2 = Literal["negative", "positive", "indeterminate"]


class Section(BaseModel):
    """Base of every part of the study file: an unknown key is an error, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LocalOrRemote(Section):
    """A file: either `url`, archived from upstream, or `file`, a path relative to the study file."""

    url: str | None = None
    file: Path | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> LocalOrRemote:
        if (self.url is None) == (self.file is None):
            raise ValueError("give either url or file")
        return self

    @field_validator("url")
    @classmethod
    def _https(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith("https://"):
            raise ValueError(f"{url}: only https addresses are fetched")
        return url

    @field_validator("file")
    @classmethod
    def _relative_to_the_study(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        return resolve(file, info)


def resolve(file: Path | None, info: ValidationInfo) -> Path | None:
    """A path of the study file as an absolute one; relative paths start at the study file's folder."""
    folder = (info.context or {}).get("folder")
    return file if file is None or folder is None else (Path(folder) / file).resolve()


class GeoSource(Section):
    """A GEO series with its platform's annotation; `subset` keeps the samples whose field contains the value."""

    kind: Literal["geo"]
    series: str = Field(pattern=r"^GSE\d+$")
    platform: str = Field(pattern=r"^GPL\d+$")
    subset: dict[str, str] = Field(default_factory=dict)


class GdcSource(Section):
    """A GDC project: STAR counts, clinical records, mutations."""

    kind: Literal["gdc"]
    project: str = Field(pattern=r"^[A-Z0-9]+-[A-Z0-9_-]+$")
    value: Literal["tpm", "counts"] = "tpm"
    endpoints: Literal["api", "tcga_cdr"] = "api"
    mutations: bool = True


class CbioportalSource(Section):
    """A cBioPortal study folder and the expression profile to read from it."""

    kind: Literal["cbioportal"]
    study: str = Field(pattern=r"^[a-z0-9_]+$")
    profile: str = Field(pattern=r"^[A-Za-z0-9_]+$")
    mutations: bool = False


class TableSource(Section):
    """A user's own cohort: an expression table and a clinical table (csv, tsv or parquet)."""

    kind: Literal["table"]
    expression: Path
    clinical: Path

    @field_validator("expression", "clinical")
    @classmethod
    def _relative_to_the_study(cls, file: Path, info: ValidationInfo) -> Path | None:
        return resolve(file, info)


Source = Annotated[GeoSource | GdcSource | CbioportalSource | TableSource, Field(discriminator="kind")]


class Cohort(Section):
    """A cohort: its role, where it comes from, how its values are to be read.

    `columns` names upstream columns for what they hold (`os_days: follow_up`), for geo and table cohorts whose own
    names are not understood; `her2_values` maps a reported HER2 status.
    """

    role: Role
    source: Source
    expression_scale: Scale
    endpoint: Endpoint | None = None
    collapse: Literal["mean", "max_variance"] = "mean"
    her2_values: dict[str, Her2] | None = None
    columns: dict[str, str] | None = None
    chemotherapy: str | None = None
    time_origin: str = "diagnosis"
    scaled_with: str | None = None
    caution: str | None = None

    @model_validator(mode="after")
    def _role_has_what_it_needs(self) -> Cohort:
        if self.role in ("training", "validation") and self.endpoint is None:
            raise ValueError(f"a {self.role} cohort needs an endpoint (os, dss, pfi or drfs)")
        return self
