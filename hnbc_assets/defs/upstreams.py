"""Upstreams: the objects that a study fetches, one a raw asset.

In scope: which object a cohort's files are part of; the objects that are no cohorts: gene sets, cell lines.
Out of scope: how an object is asked and fetched (the folder of each source), the assets (releases.py, looks.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hnbc_assets.sources.gdsc.source import Screen
from hnbc_assets.sources.gene_sets.source import Lists, Named
from hnbc_assets.sources.kinds import source_of
from hnbc_assets.study import Study

if TYPE_CHECKING:
    from hnbc_assets.sources.settings import CohortSource
    from hnbc_assets.sources.upstream import Upstream

GENE_SETS, GDSC = "gene_sets", "gdsc"


def raw_key(cohort_id: str, source: CohortSource) -> str:
    """The raw asset that holds a cohort's files."""
    return f"raw/{source.object_name(cohort_id)}"


def upstreams(study: Study, *, simulated: bool) -> dict[str, Upstream]:
    """Every object that the study needs, by name."""
    sharing: dict[str, dict[str, CohortSource]] = {}
    for cohort_id, cohort in study.cohorts.items():
        sharing.setdefault(cohort.source.object_name(cohort_id), {})[cohort_id] = cohort.source
    found: dict[str, Upstream] = {}
    for name, cohorts in sharing.items():
        [kind] = {source.kind for source in cohorts.values()}
        found[name] = source_of(kind)(name, cohorts, study.folder)
    found[GENE_SETS] = Lists(GENE_SETS, folder=study.folder, lists=tuple(gene_lists(study, simulated)))
    if study.drugs:
        drugs = study.drugs
        found[GDSC] = Screen(GDSC, folder=study.folder, version=drugs.release, expression=drugs.line_expression)
    return found


def gene_lists(study: Study, simulated: bool) -> list[Named]:
    """Every file of genes that the study needs."""
    found = [
        Named(name, name, file, "markers" if name == "markers" else "gmt")
        for name, file in study.gene_sets(simulated).items()
    ]
    for position, genes in enumerate(study.anoikis_genes):
        file, form = (genes.gmt, "gmt") if genes.gmt else (genes.genecards, "genecards")
        found.append(Named(f"anoikis_{position}", genes.name, file, form))
    for position, (name, file) in enumerate(study.enrichment.collections.items()):
        found.append(Named(f"collection_{position}", name, file, "gmt"))
    return found
