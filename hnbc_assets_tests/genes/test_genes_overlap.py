"""Candidates: the intersection, and its probability."""

from __future__ import annotations

import pandas as pd
import pytest
from scipy.stats import fisher_exact

from hnbc_assets.science.genes.overlap import candidates, overlap_enrichment


def rows_of(contrast: str, fdr: dict[str, float]) -> pd.DataFrame:
    rows = [(contrast, gene, 0.5, "sd", 2.0, value / 2, value, "up_in_rd") for gene, value in fdr.items()]
    return pd.DataFrame(rows, columns=["contrast", "gene", "effect", "effect_unit", "t", "p_value", "fdr", "direction"])


BOTH = pd.concat(
    [
        rows_of("plain", {"A": 0.001, "B": 0.04, "C": 0.05, "D": 0.01}),
        rows_of("er_adjusted", {"A": 0.3, "B": 0.02, "C": 0.001}),
    ]
)


def test_candidates_are_anoikis_genes_below_the_fdr_of_the_deciding_contrast():
    found = candidates(BOTH, ["A", "B", "C", "Z"], contrast="plain", fdr=0.05, training_genes={"B"})
    assert list(found["gene"]) == ["A", "B"]
    assert list(found["er_adjusted_fdr"]) == [0.3, 0.02]
    assert list(found["in_training_cohort"]) == [False, True]
    found = candidates(BOTH, ["A", "B", "C", "Z"], contrast="er_adjusted", fdr=0.05, training_genes=[])
    assert list(found["gene"]) == ["C", "B"]


def test_without_the_adjusted_contrast_its_fdr_is_missing():
    plain = BOTH[BOTH["contrast"] == "plain"]
    found = candidates(plain, ["A"], contrast="plain", fdr=0.05, training_genes=["A"])
    assert found["er_adjusted_fdr"].isna().all()


def test_no_candidate_is_a_table_without_rows():
    found = candidates(BOTH, ["Z"], contrast="plain", fdr=0.05, training_genes=["A"])
    assert found.empty
    assert list(found.dtypes[["fdr", "er_adjusted_fdr", "in_training_cohort"]]) == [float, float, bool]


def test_a_contrast_that_was_not_made_and_two_cohorts_at_once_are_refused():
    with pytest.raises(ValueError, match="no gene was tested in the contrast 'er_adjusted'; there are plain"):
        candidates(rows_of("plain", {"A": 0.1}), ["A"], contrast="er_adjusted", fdr=0.05, training_genes=[])
    with pytest.raises(ValueError, match="more than one cohort"):
        candidates(pd.concat([BOTH, BOTH]), ["A"], contrast="plain", fdr=0.05, training_genes=[])


@pytest.mark.parametrize("counts", [(3000, 90, 200, 15), (100, 10, 10, 0), (20, 5, 20, 5), (50, 50, 7, 7)])
def test_the_overlap_is_tested_by_fishers_exact_test(counts):
    universe, anoikis, resistance, overlap = counts
    row = overlap_enrichment(*counts).iloc[0]
    table = [[overlap, anoikis - overlap], [resistance - overlap, universe - anoikis - resistance + overlap]]
    assert row["p_value"] == pytest.approx(fisher_exact(table, alternative="greater").pvalue, rel=1e-9)
    assert row["expected"] == pytest.approx(anoikis * resistance / universe)
    assert row["fold_enrichment"] == pytest.approx(overlap / row["expected"])


def test_no_resistance_gene_is_no_enrichment():
    row = overlap_enrichment(3000, 90, 0, 0).iloc[0]
    assert row["p_value"] == 1
    assert pd.isna(row["fold_enrichment"])


def test_counts_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match="12 genes cannot be both"):
        overlap_enrichment(100, 10, 20, 12)
