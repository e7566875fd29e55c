"""Sources of a study: where files and cohorts come from, as a researcher writes it in the study file.

In scope: the settings of a source and of a cohort, with their checks. Out of scope: the other settings (study.py), how
a source is fetched (sources/).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hnbc_assets.redaction import redacted
from hnbc_assets.vocabulary import (
    LOG2_SCALES,
    MISSING,
    SOURCE_SCALED,
    Endpoint,
    Event,
    Her2Score,
    Her2Test,
    Receptor,
    Response,
    Role,
    Scale,
    Values,
)

ReceptorMeaning = Literal[*Receptor, MISSING]
SourceScale = Literal[*LOG2_SCALES, *SOURCE_SCALED]
GDC_SCALE = {"tpm": Scale.LOG2_TPM, "counts": Scale.LOG2_CPM}


class Section(BaseModel):
    """Base of every part of the study file: an unknown key is an error, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class LocalOrRemote(Section):
    """A file: either `url`, archived from upstream, or `file`, a path relative to the study file.

    The path is kept as written, so that a study and its results do not depend on where their folder is.
    """

    url: str | None = None
    file: Path | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> LocalOrRemote:
        if (self.url is None) == (self.file is None):
            raise ValueError("write either {url: https://…} or {file: PATH}, not both")
        return self

    @field_validator("url")
    @classmethod
    def _https(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith("https://"):
            raise ValueError(f"{url}: only https addresses are fetched")
        return url

    @property
    def location(self) -> str:
        """Where the file is: its address, or `file:` and its path as written."""
        return self.url if self.url is not None else f"file:{self.file.as_posix()}"

    @property
    def shown(self) -> str:
        """The file's name in the archive and in messages: its location without secrets."""
        return redacted(self.location)


class GeoSource(Section):
    """A GEO series with its platform's annotation; `subset` keeps the samples whose field contains the value.

    `values` says whether the series matrix holds logarithms (log2, the default) or linear values.
    """

    kind: Literal["geo"]
    series: str = Field(pattern=r"^GSE\d+$", examples=["GSE25055"])
    platform: str = Field(pattern=r"^GPL\d+$", examples=["GPL96"])
    subset: dict[str, str] = Field(default_factory=dict)
    values: Values | None = None


class GdcSource(Section):
    """A GDC project: STAR counts, clinical records, mutations."""

    kind: Literal["gdc"]
    project: str = Field(pattern=r"^[A-Z0-9]+-[A-Z0-9_-]+$", examples=["TCGA-BRCA"])
    value: Literal["tpm", "counts"] = "tpm"
    endpoints: Literal["api", "tcga_cdr"] = "api"
    mutations: bool = True


class CbioportalSource(Section):
    """A cBioPortal study folder and the expression profile to read from it; `values` as for a table."""

    kind: Literal["cbioportal"]
    study: str = Field(pattern=r"^[a-z0-9_]+$", examples=["brca_metabric"])
    profile: str = Field(pattern=r"^[A-Za-z0-9_]+$", examples=["mrna_illumina_microarray"])
    values: Values | None = None
    mutations: bool = False


class TableSource(Section):
    """A user's own cohort: an expression table and a clinical table (csv, tsv or parquet), relative to the study file.

    `values` says what the expression table holds: `linear` (TPM for log2_tpm, counts for log2_cpm; the default of
    these scales) or `log2` (logarithms already, used as they are; the default of log2_intensity). `simulated` says
    that its patients are invented: the simulated upstream accepts only such tables, and every other upstream
    refuses them.
    """

    kind: Literal["table"]
    expression: Path
    clinical: Path
    values: Values | None = None
    simulated: bool = False


Source = Annotated[GeoSource | GdcSource | CbioportalSource | TableSource, Field(discriminator="kind")]


def object_name(cohort_id: str, source: Source) -> str:
    """The upstream object that holds a cohort's files (`geo/GSE25055`); cohorts cut from one series share it."""
    if isinstance(source, GeoSource):
        return f"geo/{source.series}"
    if isinstance(source, GdcSource):
        return f"gdc/{source.project}"
    if isinstance(source, CbioportalSource):
        return f"cbioportal/{source.study}"
    return f"table/{cohort_id}"


class Cohort(Section):
    """A cohort: its role, where it comes from, how its values are read.

    `columns` names upstream columns for what they hold (`os_days: follow_up`), for geo and table cohorts whose own
    names are not understood. `her2_values`, `her2_score_values`, `er_values`, `pr_values`, `response_values` and, by
    endpoint, `event_values` say what upstream's values mean, instead of the evident words: every value that occurs
    must be named, except those that evidently mean missing (NA, unknown …). `collapse` says how the features of a gene
    become one: by default the mean on gene-wise scales, the feature of the highest variance on logarithms.
    `time_origin` is what survival is counted from (diagnosis, surgery …), where the source states it.
    """

    role: Role
    source: Source
    expression_scale: SourceScale
    endpoint: Endpoint | None = None
    collapse: Literal["mean", "max_variance"] | None = None
    her2_values: dict[str, Literal[*Her2Test, MISSING]] | None = None
    her2_score_values: dict[str, Literal[*Her2Score, MISSING]] | None = None
    er_values: dict[str, ReceptorMeaning] | None = None
    pr_values: dict[str, ReceptorMeaning] | None = None
    response_values: dict[str, Literal[*Response, MISSING]] | None = None
    event_values: dict[Endpoint, dict[str, Literal[*Event, MISSING]]] = Field(default_factory=dict)
    columns: dict[str, str] | None = None
    chemotherapy: str | None = None
    time_origin: str | None = None
    scaled_with: str | None = None
    caution: str | None = None

    @field_validator("her2_score_values", mode="before")
    @classmethod
    def _scores_as_text(cls, mapping: Any) -> Any:
        if not isinstance(mapping, dict):
            return mapping
        return {key: _score(meaning) for key, meaning in mapping.items()}

    @model_validator(mode="after")
    def _role_has_what_it_needs(self) -> Cohort:
        if self.role in (Role.TRAINING, Role.VALIDATION) and self.endpoint is None:
            raise ValueError(f"a {self.role} cohort needs an endpoint. Write endpoint: os (or dss, pfi, drfs)")
        return self

    @model_validator(mode="after")
    def _scale_is_the_values(self) -> Cohort:
        source, scale = self.source, self.expression_scale
        if isinstance(source, GdcSource):
            if scale != GDC_SCALE[source.value]:
                raise ValueError(
                    f"source.value is {source.value}, whose expression_scale is {GDC_SCALE[source.value]}, not {scale}"
                )
        elif source.values is not None and scale not in LOG2_SCALES:
            raise ValueError(f"source.values is for {', '.join(LOG2_SCALES)}; values on {scale} are used as they are")
        return self

    @model_validator(mode="after")
    def _columns_are_read(self) -> Cohort:
        if self.columns and self.source.kind not in ("geo", "table"):
            raise ValueError(f"columns is for geo and table cohorts; {self.source.kind} names its own columns")
        return self

    @property
    def values(self) -> Values | None:
        """Whether upstream's values are linear or logarithms, where the study states it."""
        return None if isinstance(self.source, GdcSource) else self.source.values


def _score(meaning: Any) -> Any:
    """0, 1+, 2+ or 3+ of a score that may be written as a number."""
    return {0: "0", 1: "1+", 2: "2+", 3: "3+"}.get(meaning, meaning) if type(meaning) is int else meaning
