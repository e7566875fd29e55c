"""Genes: which genes go with drug resistance, which are anoikis genes, and which are both.

In scope: the assets of this stage, in the order in which data flows. Out of scope: statistics (science/genes).
"""

from __future__ import annotations

import dagster as dg
import pandas as pd

from hnbc_assets.defs import checks
from hnbc_assets.defs.publishing import Check, Publication
from hnbc_assets.defs.releases import GENE_SETS
from hnbc_assets.defs.resources import open_archive
from hnbc_assets.defs.stage import Stage
from hnbc_assets.study_contradictions import require_sets
from hnbc_assets.study_sources import LocalOrRemote
from hnbc_assets.tables import (
    AnoikisGenes,
    CandidateEnrichment,
    CandidateGenes,
    CandidateOverlap,
    DrugResistanceGenes,
)


def assets(stage: Stage) -> list[dg.AssetsDefinition]:
    """The genes stage of the study."""
    study = stage.study
    discovery, rule = study.discovery, study.resistance
    scale = study.cohorts[discovery].expression_scale
    mark = "SIMULATED" if stage.place.simulated else None

    @stage.asset(
        AnoikisGenes,
        inputs={"manifest": GENE_SETS},
        settings=[g.model_dump(mode="json") for g in study.anoikis_genes],
    )
    def anoikis_genes(manifest: pd.DataFrame) -> Publication:
        """The anoikis-related genes (ARGs) of the study's lists, by current symbol, with their lists."""
        from hnbc_assets.science.genes.anoikis import merge_lists

        lists = {}
        for number in range(len(study.anoikis_genes)):
            lists |= _anoikis_list(stage, manifest, number)
        table = merge_lists(lists)
        return Publication(table, metadata={name: len(genes) for name, genes in lists.items()})

    @stage.asset(
        DrugResistanceGenes,
        inputs={"expression": f"cohorts/{discovery}", "patients": f"patients/{discovery}"},
        settings=rule.model_dump(),
    )
    def drug_resistance_genes(expression: pd.DataFrame, patients: pd.DataFrame) -> Publication:
        """Residual disease against pathological complete response in HER2-negative patients, gene by gene.

        limma's moderated t, plain and adjusted for oestrogen receptor; Benjamini–Hochberg over the genes. Effects are
        log2 fold changes where the cohort is log2, standard deviations otherwise.
        """
        from hnbc_assets.report import figures
        from hnbc_assets.science.genes.contrasts import both_contrasts

        table, note = both_contrasts(expression, patients, scale=scale, trend=rule.trend, needed=rule.contrast)
        table = table.assign(cohort_id=discovery)
        figure = figures.volcano(table, contrast=rule.contrast, fdr=rule.fdr, watermark=mark)
        return Publication(table, figure, metadata={"note": note or "both contrasts made"})

    @stage.asset(
        CandidateGenes,
        inputs={"training": f"cohorts/{study.training}"},
        settings=rule.model_dump(),
        checks=(Check(checks.candidates_found),),
    )
    def candidate_genes(
        drug_resistance_genes: pd.DataFrame, anoikis_genes: pd.DataFrame, training: pd.DataFrame
    ) -> Publication:
        """Anoikis genes that are resistance genes by the study's contrast, with the ER-adjusted FDR beside it."""
        from hnbc_assets.report import figures
        from hnbc_assets.science.genes.overlap import candidates

        table = candidates(
            drug_resistance_genes,
            anoikis_genes.gene,
            contrast=rule.contrast,
            fdr=rule.fdr,
            training_genes=set(training.index),
        )
        figure = figures.volcano(drug_resistance_genes, table, contrast=rule.contrast, fdr=rule.fdr, watermark=mark)
        return Publication(table, figure)

    @stage.asset(CandidateOverlap, settings=rule.model_dump())
    def candidate_overlap(drug_resistance_genes: pd.DataFrame, anoikis_genes: pd.DataFrame) -> pd.DataFrame:
        """Whether anoikis genes are met among resistance genes more often than by chance, for each contrast."""
        from hnbc_assets.science.genes.contrasts import overlap_of_contrasts

        return overlap_of_contrasts(drug_resistance_genes, anoikis_genes.gene, contrast=rule.contrast, fdr=rule.fdr)

    @stage.asset(
        CandidateEnrichment,
        inputs={"manifest": GENE_SETS},
        settings=study.enrichment.model_dump(mode="json"),
    )
    def candidate_enrichment(
        candidate_genes: pd.DataFrame, drug_resistance_genes: pd.DataFrame, manifest: pd.DataFrame
    ) -> pd.DataFrame:
        """Gene-ontology and Hallmark terms over-represented among the candidates, of all genes tested (gseapy)."""
        from hnbc_assets.science.cohorts.symbols import current_list
        from hnbc_assets.science.genes.enrichment import over_representation

        collections = {
            name: {term: current_list(genes) for term, genes in read_sets(stage, manifest, file).items()}
            for name, file in study.enrichment.collections.items()
        }
        return over_representation(candidate_genes.gene, collections, drug_resistance_genes.gene.unique())

    return [anoikis_genes, drug_resistance_genes, candidate_genes, candidate_overlap, candidate_enrichment]


def gene_set_path(stage: Stage, manifest: pd.DataFrame, file: LocalOrRemote):  # noqa: ANN201
    """Where a gene-set file of the study lies in the archive."""
    return open_archive(stage.place).locate(manifest.set_index("file_id", drop=False).loc[file.shown])


def read_sets(stage: Stage, manifest: pd.DataFrame, file: LocalOrRemote) -> dict[str, list[str]]:
    """The sets of a GMT file of the study."""
    from hnbc_assets.sources.gene_sets import read_gmt

    return read_gmt(gene_set_path(stage, manifest, file))


def _anoikis_list(stage: Stage, manifest: pd.DataFrame, number: int) -> dict[str, list[str]]:
    """One list of the study: name of each set to its genes."""
    from hnbc_assets.sources.gene_sets import read_genecards

    given = stage.study.anoikis_genes[number]
    if given.genecards:
        table = read_genecards(gene_set_path(stage, manifest, given.genecards), given.min_relevance)
        return {given.name: list(table.gene)}
    sets = read_sets(stage, manifest, given.gmt)
    require_sets(stage.study, number, sets)
    return {f"{given.name}: {name}": sets[name] for name in given.sets or sets}
