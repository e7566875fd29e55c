"""Sources of a study: where files and cohorts come from, as a researcher writes it in the study file.

In scope: the settings of a file and of a cohort, with their checks. Out of scope: the settings of each kind of source
(sources/*/settings.py), the other settings (study.py).
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from hnbc_assets.redaction import redacted
from hnbc_assets.sources.kinds import cohort_settings
from hnbc_assets.sources.settings import Section
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
    Values,
)

ReceptorMeaning = Literal[*Receptor, MISSING]
SourceScale = Literal[*LOG2_SCALES, *SOURCE_SCALED]


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


Source = Annotated[reduce(or_, cohort_settings().values()), Field(discriminator="kind")]


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
        self.source.require_scale(self.expression_scale)
        return self

    @model_validator(mode="after")
    def _columns_are_read(self) -> Cohort:
        if self.columns and self.source.records != "named":
            free = " and ".join(kind for kind, of in cohort_settings().items() if of.records == "named")
            raise ValueError(f"columns is for {free} cohorts; {self.source.kind} names its own columns")
        return self

    @property
    def values(self) -> Values | None:
        """Whether upstream's values are linear or logarithms, where the study states it."""
        return getattr(self.source, "values", None)


def _score(meaning: Any) -> Any:
    """0, 1+, 2+ or 3+ of a score that may be written as a number."""
    return {0: "0", 1: "1+", 2: "2+", 3: "3+"}.get(meaning, meaning) if type(meaning) is int else meaning
