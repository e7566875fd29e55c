"""Genes: which genes go with drug resistance, which are anoikis genes, and which are both.

In scope: the assets of this stage, in the order in which data flows. Out of scope: statistics (science/genes).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from hnbc_assets.defs.checks import results as checks
from hnbc_assets.defs.stage import Build, Check, Output, Stage
from hnbc_assets.defs.stages.releases import GENE_SETS
from hnbc_assets.study import Place, Study
from hnbc_assets.study_contradictions import require_sets
from hnbc_assets.study_sources import LocalOrRemote
from hnbc_assets.tables import (
    AnoikisGenes,
    CandidateEnrichment,
    CandidateGenes,
    CandidateOverlap,
    DrugResistanceGenes,
)

if TYPE_CHECKING:
    from hnbc_assets.sources.archive.store import Archive

stage = Stage("genes")


def _rule(build: Build) -> dict[str, Any]:
    return build.study.resistance.model_dump()


def draw_resistance(drug_resistance_genes: pd.DataFrame, study: Study, place: Place) -> bytes:
    """The volcano plot of the study's contrast."""
    from hnbc_assets.report.figures.genes import volcano

    rule = study.resistance
    return volcano(drug_resistance_genes, contrast=rule.contrast, fdr=rule.fdr, watermark=place.watermark)


def draw_candidates(
    drug_resistance_genes: pd.DataFrame, candidate_genes: pd.DataFrame, study: Study, place: Place
) -> bytes:
    """The same, with the candidates named."""
    from hnbc_assets.report.figures.genes import volcano

    rule = study.resistance
    return volcano(
        drug_resistance_genes, candidate_genes, contrast=rule.contrast, fdr=rule.fdr, watermark=place.watermark
    )


@stage.asset(
    AnoikisGenes,
    inputs={"manifest": GENE_SETS},
    settings=lambda build: [genes.model_dump(mode="json") for genes in build.study.anoikis_genes],
)
def anoikis_genes(study: Study, archive: Archive, manifest: pd.DataFrame) -> Output:
    """The anoikis-related genes (ARGs) of the study's lists, by current symbol, with their lists."""
    from hnbc_assets.science.genes.anoikis import merge_lists

    lists = {}
    for number in range(len(study.anoikis_genes)):
        lists |= _anoikis_list(study, archive, manifest, number)
    return Output(merge_lists(lists), metadata={name: len(genes) for name, genes in lists.items()})


@stage.asset(
    DrugResistanceGenes,
    inputs={"expression": "cohorts/{discovery}", "patients": "patients/{discovery}"},
    settings=_rule,
    figure=draw_resistance,
)
def drug_resistance_genes(study: Study, expression: pd.DataFrame, patients: pd.DataFrame) -> Output:
    """Residual disease against pathological complete response in HER2-negative patients, gene by gene.

    limma's moderated t, plain and adjusted for oestrogen receptor; Benjamini–Hochberg over the genes. Effects are
    log2 fold changes where the cohort is log2, standard deviations otherwise.
    """
    from hnbc_assets.science.genes.contrasts import both_contrasts

    rule, scale = study.resistance, study.cohorts[study.discovery].expression_scale
    table, note = both_contrasts(expression, patients, scale=scale, trend=rule.trend, needed=rule.contrast)
    return Output(table.assign(cohort_id=study.discovery), metadata={"note": note or "both contrasts made"})


@stage.asset(
    CandidateGenes,
    inputs={"training": "cohorts/{training}"},
    settings=_rule,
    checks=(Check(checks.candidates_found),),
    figure=draw_candidates,
)
def candidate_genes(
    study: Study, drug_resistance_genes: pd.DataFrame, anoikis_genes: pd.DataFrame, training: pd.DataFrame
) -> pd.DataFrame:
    """Anoikis genes that are resistance genes by the study's contrast, with the ER-adjusted FDR in a column."""
    from hnbc_assets.science.genes.overlap import candidates

    return candidates(
        drug_resistance_genes,
        anoikis_genes.gene,
        contrast=study.resistance.contrast,
        fdr=study.resistance.fdr,
        training_genes=set(training.index),
    )


@stage.asset(CandidateOverlap, settings=_rule)
def candidate_overlap(study: Study, drug_resistance_genes: pd.DataFrame, anoikis_genes: pd.DataFrame) -> pd.DataFrame:
    """Whether anoikis genes are among the resistance genes more often than by chance, for each contrast."""
    from hnbc_assets.science.genes.contrasts import overlap_of_contrasts

    rule = study.resistance
    return overlap_of_contrasts(drug_resistance_genes, anoikis_genes.gene, contrast=rule.contrast, fdr=rule.fdr)


@stage.asset(
    CandidateEnrichment,
    inputs={"manifest": GENE_SETS},
    settings=lambda build: build.study.enrichment.model_dump(mode="json"),
)
def candidate_enrichment(
    study: Study,
    archive: Archive,
    candidate_genes: pd.DataFrame,
    drug_resistance_genes: pd.DataFrame,
    manifest: pd.DataFrame,
) -> pd.DataFrame:
    """Gene-ontology and Hallmark terms over-represented among the candidates, of all genes tested (gseapy)."""
    from hnbc_assets.science.cohorts.symbols import current_list
    from hnbc_assets.science.genes.enrichment import over_representation

    collections = {
        name: {term: current_list(genes) for term, genes in read_sets(archive, manifest, file).items()}
        for name, file in study.enrichment.collections.items()
    }
    return over_representation(candidate_genes.gene, collections, drug_resistance_genes.gene.unique())


def gene_set_path(archive: Archive, manifest: pd.DataFrame, file: LocalOrRemote) -> Path:
    """The path of one of the study's gene-set files in the archive."""
    return archive.locate(manifest.set_index("file_id", drop=False).loc[file.shown])


def read_sets(archive: Archive, manifest: pd.DataFrame, file: LocalOrRemote) -> dict[str, list[str]]:
    """The sets of a GMT file of the study."""
    from hnbc_assets.sources.gene_sets.files import read_gmt

    return read_gmt(gene_set_path(archive, manifest, file))


def _anoikis_list(study: Study, archive: Archive, manifest: pd.DataFrame, number: int) -> dict[str, list[str]]:
    """One list of the study: name of each set to its genes."""
    from hnbc_assets.sources.gene_sets.files import read_genecards

    given = study.anoikis_genes[number]
    if given.genecards:
        table = read_genecards(gene_set_path(archive, manifest, given.genecards), given.min_relevance)
        return {given.name: list(table.gene)}
    sets = read_sets(archive, manifest, given.gmt)
    require_sets(study, number, sets)
    return {f"{given.name}: {name}": sets[name] for name in given.sets or sets}
