"""Tables of the genes stage: resistance genes, anoikis genes, their intersection.

In scope: descriptions of columns. Out of scope: how they are filled (science/genes).
"""

from __future__ import annotations

from hnbc_assets.tables.schema import Table, column
from hnbc_assets.vocabulary import Contrast, Direction


class DrugResistanceGenes(Table):
    """A gene tested between residual disease and pathological complete response (limma's moderated t)."""

    key = ("cohort_id", "contrast", "gene")
    cohort_id: str = column("discovery cohort")
    contrast: str = column("plain, or adjusted for oestrogen receptor", isin=Contrast)
    gene: str = column("HGNC symbol")
    effect: float = column("residual disease minus complete response", unit="see effect_unit")
    effect_unit: str = column("unit of the effect: log2 or standard deviations", isin=("log2", "sd"))
    t: float = column("moderated t", nullable=True)
    p_value: float = column("two-sided p of the moderated t", nullable=True, ge=0, le=1)
    fdr: float = column("Benjamini–Hochberg over the genes of the contrast", nullable=True, ge=0, le=1)
    direction: str = column("group in which the gene is higher", isin=Direction)


class AnoikisGenes(Table):
    """An anoikis-related gene (ARG) and the lists that name it."""

    key = ("gene",)
    gene: str = column("HGNC symbol")
    sources: str = column("lists that name it, separated by semicolons")


class CandidateGenes(Table):
    """An anoikis-related gene associated with drug resistance: the intersection that the signature is trained on."""

    key = ("gene",)
    gene: str = column("HGNC symbol")
    contrast: str = column("contrast that selected it", isin=Contrast)
    effect: float = column("residual disease minus complete response", unit="as in drug_resistance_genes")
    fdr: float = column("Benjamini–Hochberg in the selecting contrast", ge=0, le=1)
    er_adjusted_fdr: float = column("Benjamini–Hochberg in the ER-adjusted contrast", nullable=True, ge=0, le=1)
    direction: str = column("group in which the gene is higher", isin=Direction)
    in_training_cohort: bool = column("measured in the training cohort")


class CandidateOverlap(Table):
    """Whether resistance genes and anoikis genes overlap more than expected by chance (hypergeometric test)."""

    key = ("contrast",)
    contrast: str = column("contrast that defines the resistance genes", isin=Contrast)
    deciding: bool = column("the study's own contrast, which selects the candidates")
    fdr_threshold: float = column("resistance genes are those with a smaller false-discovery rate", gt=0, le=1)
    n_universe: int = column("genes tested", unit="genes", ge=0)
    n_anoikis: int = column("anoikis genes among them", unit="genes", ge=0)
    n_resistance: int = column("resistance genes", unit="genes", ge=0)
    n_overlap: int = column("genes that are both", unit="genes", ge=0)
    expected: float = column("overlap expected by chance", unit="genes", nullable=True, ge=0)
    fold_enrichment: float = column("overlap over expected", nullable=True, ge=0)
    p_value: float = column("upper tail of the hypergeometric distribution", nullable=True, ge=0, le=1)


class CandidateEnrichment(Table):
    """A gene-ontology or Hallmark term over-represented among the candidate genes."""

    key = ("collection", "term")
    collection: str = column("collection of gene sets")
    term: str = column("name of the set")
    n_overlap: int = column("candidates in the set", unit="genes", ge=0)
    n_term: int = column("tested genes in the set", unit="genes", ge=0)
    odds_ratio: float = column("odds ratio of membership", nullable=True)
    p_value: float = column("one-sided Fisher's exact test", ge=0, le=1)
    fdr: float = column("Benjamini–Hochberg over the collection", ge=0, le=1)
    genes: str = column("the candidates in it, separated by semicolons")
