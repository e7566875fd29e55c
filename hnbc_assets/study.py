"""The study: its cohorts, gene lists, thresholds and seeds, read from one YAML file and validated.

Belongs here: what a researcher may set, with its defaults and its checks, and where a process finds study, upstream and
lake. Does not: how a setting is used (defs, science).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from hnbc_assets.addresses import KNOWN, wrong_with
from hnbc_assets.errors import StudyError
from hnbc_assets.redaction import redacted
from hnbc_assets.study_operation import Alerts, Database, Execution, Freshness, Gates, Refresh, Releases, Retention
from hnbc_assets.study_sources import Cohort, LocalOrRemote, Section

PACKAGED = Path(__file__).with_name("study.yaml")
# Settings that no result depends on: they are no part of a study's identity.
OPERATION = ("addresses", "refresh", "gates", "releases", "freshness", "alerts", "retention", "database", "execution")


class GeneList(Section):
    """A list of anoikis genes: named sets of a GMT file, or a GeneCards CSV export."""

    name: str
    gmt: LocalOrRemote | None = None
    sets: tuple[str, ...] = ()
    genecards: LocalOrRemote | None = None
    min_relevance: float | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> GeneList:
        if (self.gmt is None) == (self.genecards is None):
            raise ValueError(f"gene list '{self.name}': give either gmt or genecards")
        return self


class Inclusion(Section):
    """Which patients enter."""

    exclude_males: bool = False
    exclude_stage_iv_from_progression: bool = True
    min_patients: int = Field(30, ge=30)


class Resistance(Section):
    """How resistance genes are chosen; the contrast named here feeds the candidates."""

    contrast: Literal["plain", "er_adjusted"] = "plain"
    fdr: float = Field(0.05, gt=0, le=1)
    trend: bool = True


class SignatureSettings(Section):
    """How the signature is trained and judged."""

    entry: Literal["p_value", "all"] = "p_value"
    entry_p_value: float = Field(0.05, gt=0, le=1)
    penalty: Literal["min", "1se"] = "min"
    folds: int = Field(10, ge=3)
    repeats: int = Field(5, ge=1)
    min_events: int = Field(20, ge=5)
    min_coefficient_share: float = Field(0.8, gt=0, le=1)
    years: tuple[float, ...] = (1, 3, 5)
    bootstraps: int = Field(1000, ge=100)


class Microenvironment(Section):
    """Markers for MCP-counter, cell-type sets for ssGSEA and mean z (GMT; the markers where none is given), and sets
    whose mean z stands for tumour purity in adjusted comparisons (GMT).
    """

    markers: LocalOrRemote
    cell_types: LocalOrRemote | None = None
    purity: LocalOrRemote | None = None
    min_genes: int = Field(5, ge=1)
    min_coverage: float = Field(0.5, gt=0, le=1)


class Drugs(Section):
    """The cell-line screen, how lines and patients are brought together, and which models are good enough to compare.

    A drug whose model predicts left-out cell lines with a correlation below `min_cv_pearson` is predicted and published
    but not compared between risk groups.
    """

    release: str = "8.5"
    homogenise: Literal["standardise", "rank"] = "standardise"
    variance_quantile: float = Field(0.2, ge=0, lt=1)
    min_lines: int = Field(50, ge=20)
    min_cv_pearson: float = Field(0.1, ge=-1, lt=1)


class Enrichment(Section):
    """Collections of gene sets for over-representation: name to GMT file."""

    collections: dict[str, LocalOrRemote] = Field(default_factory=dict)


class Challengers(Section):
    """What becomes of a refit that differs from the published signature: published at once, on approval, or never."""

    promotion: Literal["automatic", "approval", "never"] = "automatic"


class SimulationSettings(Section):
    """The simulated upstream: size, seed and variant."""

    seed: int = 20250101
    variant: Literal["default", "null", "batch", "no_overlap"] = "default"
    n_genes: int = Field(3000, ge=1500)
    n_tcga: int = Field(400, ge=60)
    n_discovery: int = Field(250, ge=40)
    n_validation: int = Field(150, ge=40)
    n_metabric: int = Field(200, ge=40)
    n_lines: int = Field(300, ge=60)
    n_drugs: int = Field(40, ge=4)

    @property
    def microenvironment(self) -> dict[str, LocalOrRemote]:
        """Gene sets of simulated genes, which stand in for the study's own when the upstream is simulated."""
        own = "https://simulated.invalid"
        return {name: LocalOrRemote(url=f"{own}/{name}.gmt") for name in ("cell_types", "purity")}


class Study(Section):
    """One study, whole. `hash` identifies its content; `folder` is where its relative paths start.

    The folder is not part of the content: a study that is moved together with its files is the same study.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    seed: int = 20250101
    cohorts: dict[str, Cohort]
    anoikis_genes: list[GeneList] = Field(min_length=1)
    inclusion: Inclusion = Inclusion()
    resistance: Resistance = Resistance()
    enrichment: Enrichment = Enrichment()
    signature: SignatureSettings = SignatureSettings()
    challengers: Challengers = Challengers()
    microenvironment: Microenvironment
    drugs: Drugs | None = Drugs()
    addresses: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    refresh: Refresh = Refresh()
    gates: Gates = Gates()
    releases: Releases = Releases()
    freshness: Freshness = Freshness()
    alerts: Alerts = Alerts()
    retention: Retention = Retention()
    database: Database = Database()
    execution: Execution = Execution()
    simulation: SimulationSettings = SimulationSettings()
    _folder: Path = PrivateAttr(default_factory=Path)

    def model_post_init(self, context: Any) -> None:
        self._folder = Path((context or {}).get("folder", "."))

    @field_validator("cohorts")
    @classmethod
    def _cohorts_fit_together(cls, cohorts: dict[str, Cohort]) -> dict[str, Cohort]:
        strange = [name for name in cohorts if not name.isidentifier() or name != name.lower()]
        if strange:
            raise ValueError(f"cohort names are lower-case words, digits and underscores, not {strange}")
        for role in ("discovery", "training"):
            named = [name for name, cohort in cohorts.items() if cohort.role == role]
            if len(named) != 1:
                raise ValueError(f"exactly one {role} cohort is needed; found {named or 'none'}")
        return cohorts

    @field_validator("addresses")
    @classmethod
    def _addresses_are_known(cls, addresses: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name, own in addresses.items():
            if name not in KNOWN:
                raise ValueError(f"{name} is no address that is asked; those are {', '.join(KNOWN)}")
            if wrong := wrong_with(name, own):
                raise ValueError(f"{name}: {wrong}")
        return addresses

    @property
    def folder(self) -> Path:
        """Where the relative paths of the study start: the folder of its file."""
        return self._folder

    @property
    def hash(self) -> str:
        """Twelve hexadecimal digits of the sha256 of every setting that a result can depend on."""
        return digest(self.model_dump(mode="json", exclude=set(OPERATION)))

    def gene_sets(self, simulated: bool) -> dict[str, LocalOrRemote]:
        """The microenvironment's files by name: markers, and cell_types and purity where there are any."""
        named = {name: getattr(self.microenvironment, name) for name in ("markers", "cell_types", "purity")}
        if simulated:
            named |= self.simulation.microenvironment
        return {name: file for name, file in named.items() if file is not None}

    @property
    def discovery(self) -> str:
        """The discovery cohort's name."""
        return next(name for name, cohort in self.cohorts.items() if cohort.role == "discovery")

    @property
    def training(self) -> str:
        """The training cohort's name."""
        return next(name for name, cohort in self.cohorts.items() if cohort.role == "training")


def digest(settings: Any) -> str:
    """Twelve hexadecimal digits of the sha256 of settings in JSON with sorted keys."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Place:
    """Where a process works: the upstream, the lake and the study file, each absolute.

    `upstream` has no user name or password in it and may be shown; a mirror is asked at `address`, which may have both.
    """

    upstream: str
    data_lake: Path
    study_file: Path
    with_secrets: str = field(default="", repr=False)

    @property
    def address(self) -> str:
        """Where the upstream is asked: never to be shown or kept."""
        return self.with_secrets or self.upstream

    @property
    def simulated(self) -> bool:
        """Whether results come from the simulated upstream."""
        return self.upstream == "simulated"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Place:
        """HNBC_UPSTREAM, HNBC_DATA_LAKE and HNBC_STUDY, or their defaults.

        Raises
        ------
        StudyError
            If HNBC_UPSTREAM is neither 'simulated', 'live' nor an http(s) address.
        """
        environment = os.environ if environment is None else environment
        upstream = environment.get("HNBC_UPSTREAM", "").strip().rstrip("/") or "simulated"
        if upstream not in ("simulated", "live") and not upstream.startswith(("http://", "https://")):
            raise StudyError(
                f"HNBC_UPSTREAM is '{redacted(upstream)}': set it to simulated, live, or the http(s) base address of a "
                "mirror."
            )
        return cls(
            upstream=redacted(upstream),
            with_secrets=upstream,
            data_lake=Path(environment.get("HNBC_DATA_LAKE") or "data_lake").absolute(),
            study_file=Path(environment.get("HNBC_STUDY") or PACKAGED).absolute(),
        )


def load_study(path: Path | str | None = None) -> Study:
    """Read and validate a study file; without a path, the one of `Place.from_environment`.

    Raises
    ------
    StudyError
        If the file is missing, is no YAML, or a setting is wrong; the message names each setting.
    """
    import yaml

    path = Path(path) if path is not None else Place.from_environment().study_file
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StudyError(f"{path}: the study file cannot be read ({error.strerror}). Set HNBC_STUDY.") from error
    except yaml.YAMLError as error:
        raise StudyError(f"{path}: not valid YAML: {error}") from error
    try:
        return Study.model_validate(settings, context={"folder": path.parent.absolute()})
    except ValidationError as error:
        wrong = "\n".join(
            f"  {'.'.join(map(str, e['loc'])) or 'study'}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        )
        raise StudyError(f"{path}: the study cannot be used:\n{wrong}") from error
