"""The study: its cohorts, gene lists, thresholds and seeds, read from one YAML file and validated.

In scope: what a researcher may set, with its defaults and its checks. Out of scope: where a process finds the file
(study_place.py), how its text is read (study_reading.py), how a setting is used (defs, science).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from hnbc_assets.addresses import KNOWN, wrong_with
from hnbc_assets.errors import StudyError
from hnbc_assets.sources.settings import Section
from hnbc_assets.study_contradictions import contradictions
from hnbc_assets.study_mistakes import explain, misread, report
from hnbc_assets.study_operation import Alerts, Database, Execution, Freshness, Gates, Refresh, Releases, Retention
from hnbc_assets.study_place import PACKAGED, Place
from hnbc_assets.study_reading import Written, read, spelled
from hnbc_assets.study_sources import Cohort, LocalOrRemote
from hnbc_assets.vocabulary import Assay, Contrast, Homogenise, Penalty, Promotion, Role

__all__ = ["PACKAGED", "Place", "Study", "digest", "load_study"]

# Settings that no result depends on: they are not part of a study's identity.
OPERATION = ("addresses", "refresh", "gates", "releases", "freshness", "alerts", "retention", "database", "execution")


CohortName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]


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
            raise ValueError(f"gene list '{self.name}': write either gmt or genecards, each {{file: …}} or {{url: …}}")
        if self.genecards is not None and self.sets:
            raise ValueError(f"gene list '{self.name}': sets belong to a gmt; a genecards export has none. Remove sets")
        if self.gmt is not None and self.min_relevance is not None:
            raise ValueError(f"gene list '{self.name}': min_relevance is for genecards; a gmt has none. Remove it")
        return self


class Inclusion(Section):
    """Which patients are included."""

    exclude_males: bool = False
    exclude_stage_iv_from_progression: bool = True
    min_patients: int = Field(30, ge=30)


class Resistance(Section):
    """How resistance genes are chosen; the contrast named here selects the candidates."""

    contrast: Contrast = Contrast.PLAIN
    fdr: float = Field(0.05, gt=0, le=1)
    trend: bool = True


class SignatureSettings(Section):
    """How the signature is trained and evaluated; `method` is a module of `hnbc_assets/science/signature/methods`."""

    method: str = "lasso_cox"
    entry: Literal["p_value", "all"] = "p_value"
    entry_p_value: float = Field(0.05, gt=0, le=1)
    penalty: Penalty = Penalty.MIN
    folds: int = Field(10, ge=3)
    repeats: int = Field(5, ge=1)
    min_events: int = Field(20, ge=5)
    min_coefficient_share: float = Field(0.8, gt=0, le=1)
    years: tuple[Annotated[float, Field(gt=0)], ...] = Field((1, 3, 5), min_length=1)
    bootstraps: int = Field(1000, ge=100)


class Microenvironment(Section):
    """Markers for MCP-counter, cell-type sets for ssGSEA and mean z (GMT; the markers where none is given), and sets
    whose mean z is a proxy for tumour purity in adjusted comparisons (GMT).
    """

    markers: LocalOrRemote
    cell_types: LocalOrRemote | None = None
    purity: LocalOrRemote | None = None
    min_genes: int = Field(5, ge=1)
    min_coverage: float = Field(0.5, gt=0, le=1)


class Drugs(Section):
    """The cell-line screen, how lines and patients are homogenised, and which models are good enough to compare.

    A drug whose model predicts left-out cell lines with a correlation below `min_cv_pearson` is predicted and published
    but not compared between risk groups. `expression` is that of the cell lines: arrays (`rma`), RNA-seq
    (`rnaseq_tpm`), or a `url` or `file` in one of the layouts of either.
    """

    release: str = "8.5"
    expression: Literal[*Assay] | LocalOrRemote = Assay.RMA
    homogenise: Homogenise = Homogenise.STANDARDISE
    variance_quantile: float = Field(0.2, ge=0, lt=1)
    min_lines: int = Field(50, ge=20)
    min_cv_pearson: float = Field(0.1, ge=-1, lt=1)

    @property
    def line_expression(self) -> str:
        """The cell lines' expression as one word: rma, rnaseq_tpm, or the location of the study's own file."""
        return self.expression if isinstance(self.expression, str) else self.expression.location


class Enrichment(Section):
    """Collections of gene sets for over-representation: name to GMT file."""

    collections: dict[str, LocalOrRemote] = Field(default_factory=dict)


class Challengers(Section):
    """When a refit that differs from the published signature is published: at once, on approval, or never.

    `methods` are trained on the same data besides `signature.method`; their signatures are compared with the published
    one, and with approval each may be promoted.
    """

    methods: tuple[str, ...] = ()
    promotion: Promotion = Promotion.AUTOMATIC


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
        """Gene sets of simulated genes, which replace the study's own when the upstream is simulated."""
        own = "https://simulated.invalid"
        return {name: LocalOrRemote(url=f"{own}/{name}.gmt") for name in ("cell_types", "purity")}


class Study(Section):
    """A complete study. `hash` identifies its content; `folder` is where its relative paths start.

    The folder is not part of the content: a study that is moved together with its files is the same study.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60, examples=["our_patients"])
    title: str
    seed: int = 20250101
    cohorts: dict[CohortName, Cohort]
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
    _written: Written | None = PrivateAttr(None)

    def model_post_init(self, context: Any) -> None:
        self._folder = Path((context or {}).get("folder", "."))
        self._written = (context or {}).get("written")

    @field_validator("cohorts")
    @classmethod
    def _cohorts_fit_together(cls, cohorts: dict[str, Cohort]) -> dict[str, Cohort]:
        for role in (Role.DISCOVERY, Role.TRAINING):
            named = [name for name, cohort in cohorts.items() if cohort.role == role]
            if len(named) != 1:
                raise ValueError(
                    f"exactly one {role} cohort is needed; found {named or 'none'}. Write role: {role} in one"
                )
        return cohorts

    @field_validator("addresses")
    @classmethod
    def _addresses_are_known(cls, addresses: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name, own in addresses.items():
            if name not in KNOWN:
                raise ValueError(f"{name} is not the name of an address; the names are {', '.join(KNOWN)}")
            if wrong := wrong_with(name, own):
                raise ValueError(f"{name}: {wrong}")
        return addresses

    @property
    def folder(self) -> Path:
        """Where the relative paths of the study start: the folder of its file."""
        return self._folder

    def where(self, *place: str | int) -> str:
        """Where a setting is: `study.yaml, line 12, cohorts.mine.role`; without a file, the setting alone."""
        if self._written is None:
            return spelled(place)
        return f"{self._written.path.name}, line {self._written.line(place)}, {spelled(place)}"

    def require_fit(self, upstream: str) -> None:
        """Refuse real patients on the simulated upstream, and simulated ones on any other.

        Raises
        ------
        StudyError
            If a cohort's tables are of the other kind; nothing is then written to the lake.
        """
        simulated = upstream == "simulated"
        for name, cohort in self.cohorts.items():
            if cohort.source.invented in (None, simulated):
                continue
            if simulated:
                raise StudyError(
                    f"{self.where('cohorts', name, 'source')}: these tables contain patients of your own, and the "
                    "upstream is simulated: real patients would be mixed with invented ones. Set HNBC_UPSTREAM=live, "
                    "or to a mirror's address. If these patients are invented too, write simulated: true in the source."
                )
            raise StudyError(
                f"{self.where('cohorts', name, 'source', 'simulated')}: the study says that these patients are "
                f"simulated, and the upstream is {upstream}: they would be mixed with real ones. Leave the cohort out, "
                "or set HNBC_UPSTREAM=simulated."
            )

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
        return next(name for name, cohort in self.cohorts.items() if cohort.role == Role.DISCOVERY)

    @property
    def training(self) -> str:
        """The training cohort's name."""
        return next(name for name, cohort in self.cohorts.items() if cohort.role == Role.TRAINING)


def digest(settings: Any) -> str:
    """Twelve hexadecimal digits of the sha256 of settings in JSON with sorted keys."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:12]


def load_study(path: Path | str | None = None) -> Study:
    """Read and validate a study file; without a path, the one of `Place.from_environment`.

    Raises
    ------
    StudyError
        If the file is missing, is not YAML, or settings are wrong; the message gives for each its line, the nearest
        existing setting, and what to write.
    """
    path = Path(path) if path is not None else Place.from_environment().study_file
    written = read(path)
    try:
        study = Study.model_validate(written.root.plain, context={"folder": path.parent.absolute(), "written": written})
        wrong = report(written, [*misread(written, Study), *contradictions(study)])
    except ValidationError as error:
        raise StudyError(f"{path}: the study cannot be used:\n{explain(error, written, Study)}") from error
    if wrong:
        raise StudyError(f"{path}: the study cannot be used:\n{wrong}")
    return study
