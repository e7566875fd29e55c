"""Upstreams: the objects that a study fetches, one a raw asset, and how each is asked.

In scope: which object a cohort's files are part of, how its release, its index and its files are fetched. Out of scope:
formats and network (sources), the assets (releases.py, looks.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hnbc_assets.sources import probes
from hnbc_assets.sources.cbioportal import files as cbioportal
from hnbc_assets.sources.gdc import files as gdc
from hnbc_assets.sources.gdsc import files as gdsc
from hnbc_assets.sources.gene_sets import files as gene_sets
from hnbc_assets.sources.geo import files as geo
from hnbc_assets.sources.table import files as user_table
from hnbc_assets.sources.web.batch import Downloader, download_all
from hnbc_assets.study import Drugs, Study
from hnbc_assets.study_sources import CbioportalSource, GdcSource, GeoSource, LocalOrRemote, TableSource, object_name

if TYPE_CHECKING:
    import pandas as pd

    from hnbc_assets.sources.archive.store import Archive
    from hnbc_assets.sources.listing import Listing
    from hnbc_assets.sources.web.http import Client
    from hnbc_assets.sources.web.probing import Ask

GENE_SETS, GDSC = "gene_sets", "gdsc"
LOOKS = {
    "gdc": "gdc_release",
    "geo": "geo_releases",
    "cbioportal": "cbioportal_releases",
    "gdsc": "gdsc_release",
    "gene_sets": "gene_set_releases",
    "table": "table_releases",
}
Source = GeoSource | GdcSource | CbioportalSource | TableSource


@dataclass(frozen=True)
class Upstream:
    """An object of an upstream: `gdc/TCGA-BRCA`, `geo/GSE25055`, `gdsc`.

    `release` asks for the release that it is at; `listing` for its index, without keeping anything; `fetch` brings its
    files into the archive (client, archive, and by name progress and previous: the manifest of the release before).
    `asks` are the addresses that all this needs; `download` brings files of a release that the index no longer lists.
    `about` gives what else the upstream says of the object; nothing depends on it, and it never fails. `settings`
    and the source's `contract` decide what is fetched. `source` is the first cohort's, where cohorts are read from it.
    """

    name: str
    description: str
    release: Callable[[Client], str]
    listing: Callable[[Client, Archive], Listing]
    fetch: Callable[..., pd.DataFrame]
    asks: Callable[[Client], Iterable[Ask]]
    contract: Any
    download: Callable[[Archive], Downloader] = lambda archive: download_all
    about: Callable[[Client], dict[str, str]] = lambda client: {}
    settings: Any = None
    source: Source | None = None
    cohorts: tuple[str, ...] = ()
    optional: str = ""

    @property
    def kind(self) -> str:
        """The upstream's name: gdc, geo, cbioportal, gdsc, gene_sets, table."""
        return self.name.split("/")[0]

    @property
    def raw(self) -> str:
        """The raw asset that holds its files."""
        return f"raw/{self.name}"

    @property
    def first(self) -> bool:
        """Whether it is fetched before others: it is small, and shows mistakes in the study."""
        return self.name == GENE_SETS

    @property
    def look(self) -> str:
        """The observed source that knows its release."""
        return LOOKS[self.kind]


def raw_key(cohort_id: str, source: Source) -> str:
    """The raw asset that holds a cohort's files."""
    return f"raw/{object_name(cohort_id, source)}"


def upstreams(study: Study, *, simulated: bool) -> dict[str, Upstream]:
    """Every object that the study needs, by name."""
    sharing: dict[str, list[str]] = {}
    for cohort_id, cohort in study.cohorts.items():
        sharing.setdefault(object_name(cohort_id, cohort.source), []).append(cohort_id)
    found = {name: _of_cohorts(study, name, tuple(cohorts)) for name, cohorts in sharing.items()}
    found[GENE_SETS] = _gene_sets(study, simulated)
    if study.drugs:
        found[GDSC] = _gdsc(study, study.drugs)
    return found


def gene_set_files(study: Study, simulated: bool) -> dict[str, LocalOrRemote]:
    """Every gene-set file that the study needs, by what it is for."""
    named = study.gene_sets(simulated)
    for position, genes in enumerate(study.anoikis_genes):
        named[f"anoikis_{position}"] = genes.gmt or genes.genecards
    for position, collection in enumerate(study.enrichment.collections.values()):
        named[f"collection_{position}"] = collection
    return named


def _of_cohorts(study: Study, name: str, cohorts: tuple[str, ...]) -> Upstream:
    source = study.cohorts[cohorts[0]].source
    given = {
        "settings": [study.cohorts[cohort].source.model_dump(mode="json") for cohort in cohorts],
        "source": source,
        "cohorts": cohorts,
    }
    if isinstance(source, GeoSource):
        return _geo(name, source, given)
    if isinstance(source, GdcSource):
        return _gdc(name, source, given)
    if isinstance(source, CbioportalSource):
        return _cbioportal(name, source, given)
    return _table(name, cohorts[0], source, study, given)


def _gdc(name: str, source: GdcSource, given: dict[str, Any]) -> Upstream:
    wanted = {"mutations": source.mutations, "endpoints": source.endpoints}
    return Upstream(
        name,
        f"GDC project {source.project}: STAR counts, clinical records, masked somatic mutations (open access).",
        release=gdc.release,
        listing=lambda client, archive: gdc.listing(client, archive, source.project, **wanted),
        fetch=lambda client, archive, *, progress, previous: gdc.fetch(
            client,
            archive,
            source.project,
            **wanted,
            progress=progress,
            previous=previous,
            # With a release before there is a gate, which holds up what has lost a field.
            accept_lost_fields=previous is not None,
        ),
        asks=lambda client: probes.of_gdc(client, source.project, **wanted),
        contract=gdc.CONTRACT,
        **given,
    )


def _geo(name: str, source: GeoSource, given: dict[str, Any]) -> Upstream:
    return Upstream(
        name,
        f"GEO series {source.series} (series matrix) and the annotation of platform {source.platform}.",
        release=lambda client: geo.release(client, source.series),
        listing=lambda client, archive: geo.listing(client, archive, source.series, source.platform),
        fetch=lambda client, archive, *, progress, previous: geo.fetch(
            client, archive, source.series, source.platform, progress=progress
        ),
        asks=lambda client: probes.of_geo(client, source.series, source.platform),
        contract=geo.CONTRACT,
        **given,
    )


def _cbioportal(name: str, source: CbioportalSource, given: dict[str, Any]) -> Upstream:
    wanted = {"profile": source.profile, "mutations": source.mutations}
    return Upstream(
        name,
        f"cBioPortal study {source.study}: clinical tables and the profile {source.profile}.",
        release=lambda client: cbioportal.release(client, source.study, **wanted),
        listing=lambda client, archive: cbioportal.listing(client, archive, source.study, **wanted),
        fetch=lambda client, archive, *, progress, previous: cbioportal.fetch(
            client, archive, source.study, **wanted, progress=progress
        ),
        asks=lambda client: probes.of_cbioportal(client, source.study, **wanted),
        contract=cbioportal.CONTRACT,
        download=lambda archive: cbioportal.downloader(archive, source.study),
        about=lambda client: cbioportal.about(client, source.study),
        **given,
    )


def _table(name: str, cohort_id: str, source: TableSource, study: Study, given: dict[str, Any]) -> Upstream:
    files = (source.expression, source.clinical)
    return Upstream(
        name,
        f"The user's own tables of cohort {cohort_id}.",
        release=lambda client: user_table.release(*files, folder=study.folder),
        listing=lambda client, archive: user_table.listing(archive, cohort_id, *files, folder=study.folder),
        fetch=lambda client, archive, *, progress, previous: user_table.fetch(
            archive, cohort_id, *files, folder=study.folder
        ),
        asks=lambda client: (),
        contract=user_table.CONTRACT,
        **given,
    )


def _gene_sets(study: Study, simulated: bool) -> Upstream:
    files = gene_set_files(study, simulated)
    locations = [file.location for file in files.values()]
    return Upstream(
        GENE_SETS,
        "The gene sets and marker lists that the study names.",
        release=lambda client: gene_sets.release(client, locations, folder=study.folder),
        listing=lambda client, archive: gene_sets.listing(client, archive, locations, folder=study.folder),
        fetch=lambda client, archive, *, progress, previous: gene_sets.fetch(
            client, archive, locations, folder=study.folder, progress=progress
        ),
        asks=lambda client: probes.of_gene_sets(client, _purposes(study, simulated)),
        contract=gene_sets.CONTRACT,
        settings={name: file.model_dump(mode="json") for name, file in files.items()},
    )


def _purposes(study: Study, simulated: bool) -> list[tuple[str, str, probes.GeneSetFormat]]:
    """What the study calls each gene-set file, where it is, and its format."""
    found: list[tuple[str, str, probes.GeneSetFormat]] = [
        (name, file.location, "markers" if name == "markers" else "gmt")
        for name, file in study.gene_sets(simulated).items()
    ]
    for genes in study.anoikis_genes:
        if genes.gmt:
            found.append((genes.name, genes.gmt.location, "gmt"))
        if genes.genecards:
            found.append((genes.name, genes.genecards.location, "genecards"))
    return found + [(name, file.location, "gmt") for name, file in study.enrichment.collections.items()]


def _gdsc(study: Study, drugs: Drugs) -> Upstream:
    release, expression, folder = drugs.release, drugs.line_expression, study.folder
    return Upstream(
        GDSC,
        f"GDSC release {release}: dose response and expression ({expression}) of cell lines. Non-commercial use.",
        release=lambda client: gdsc.release(client, release, expression, folder=folder),
        listing=lambda client, archive: gdsc.listing(client, archive, release, expression, folder=folder),
        fetch=lambda client, archive, *, progress, previous: gdsc.fetch(
            client, archive, release, expression, folder=folder, progress=progress
        ),
        asks=lambda client: probes.of_gdsc(client, release, expression, folder=folder),
        contract=gdsc.CONTRACT,
        settings=[release, expression],
        optional="drugs",
    )
