"""The printed headline says what was found, and what was not."""

from __future__ import annotations

import pandas as pd
import pytest

from hnbc_assets.report.headline import headline


def performance(rows: list[tuple]) -> pd.DataFrame:
    columns = [
        "cohort_id",
        "endpoint",
        "metric",
        "estimate",
        "ci_lower",
        "ci_upper",
        "apparent",
        "independent",
        "reason",
    ]
    return pd.DataFrame(rows, columns=columns)


def comparison(**columns) -> pd.DataFrame:
    return pd.DataFrame({"cohort_id": "tcga", "adjusted_for": "er_status, general_sensitivity", **columns})


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    """A small but complete result: five genes, one validation that holds and one that does not."""
    none = float("nan")
    return {
        "cohorts": pd.DataFrame(
            {
                "cohort_id": ["disc", "tcga", "val", "meta"],
                "source": "gdc TCGA-BRCA",
                "n_responders": [52, 0, 0, 0],
                "n_non_responders": [236, 0, 0, 0],
            }
        ),
        "drug_resistance_genes": pd.DataFrame(
            {
                "cohort_id": "disc",
                "contrast": ["plain"] * 3 + ["er_adjusted"] * 3,
                "gene": ["A", "B", "C"] * 2,
                "fdr": [0.01, 0.02, 0.5, 0.01, 0.3, 0.5],
            }
        ),
        "candidate_genes": pd.DataFrame(
            {"gene": ["A", "B"], "contrast": "er_adjusted", "in_training_cohort": [True, False]}
        ),
        "candidate_overlap": pd.DataFrame(
            {"contrast": ["plain", "er_adjusted"], "n_anoikis": 40, "expected": [9.9, 0.8], "p_value": [0.9, 0.0002]}
        ),
        "signatures": pd.DataFrame({"cohort_id": ["tcga"], "note": [None]}),
        "signature": pd.DataFrame(
            {
                "signature_id": "7f3a91c2",
                "gene": ["A", "B"],
                "coefficient": [0.1, -0.3],
                "direction": ["up_in_rd", "up_in_rd"],
                "direction_concordant": [True, False],
            }
        ),
        "score_coverage": pd.DataFrame({"cohort_id": ["tcga"], "n_high": [100], "n_low": [101]}),
        "prognostic_performance": performance(
            [
                ("meta", "os", "hazard_ratio_per_sd", 1.08, 0.87, 1.34, False, True, None),
                ("val", "drfs", "hazard_ratio_per_sd", 1.21, 1.05, 1.58, False, True, None),
                ("tcga", "pfi", "hazard_ratio_per_sd", 1.42, 1.18, 1.71, True, False, None),
                ("tcga", "pfi", "c_index_harrell", 0.66, 0.61, 0.71, True, False, None),
                ("val", "drfs", "c_index_harrell", none, none, none, False, True, "no event was observed"),
                ("tcga", "pfi", "hazard_ratio_high_vs_low", 2.1, 1.5, 3.0, True, False, None),
                ("tcga", "pfi", "log_rank_p", 0.0004, none, none, True, False, None),
            ]
        ),
        "immune_associations": comparison(
            method="ssgsea",
            cell_type=["T cells", "B cells", "NK cells"],
            effect=[-0.36, 0.2, 0.01],
            p_value=[0.001, 0.01, 0.9],
            fdr=[0.003, 0.02, 0.9],
            adjusted_p_value=[0.001, 0.5, 0.9],
            adjusted_fdr=[0.003, 0.6, 0.9],
        ),
        "drug_associations": comparison(
            drug_name=["Docetaxel"],
            effect=[0.3],
            p_value=[0.01],
            fdr=[0.01],
            adjusted_p_value=[0.9],
            adjusted_fdr=[0.9],
        ),
    }


def flat(text: str) -> str:
    """The text without its line breaks and indents."""
    return " ".join(text.split())


def test_training_figures_are_apparent_and_validation_stands_beside_them(tables):
    text = flat(headline(tables))
    assert (
        "7f3a91c2 · 2 genes (2 rise in residual disease) · HR per sd tcga PFI 1.42 (1.18–1.71) apparent; "
        "meta OS 1.08 (0.87–1.34); val DRFS 1.21 (1.05–1.58)"
    ) in text
    assert "Harrell's C tcga PFI 0.66 (0.61–0.71) apparent; val DRFS no figure (no event was observed)" in text
    assert "tcga 100 high / 101 low, HR 2.10 (1.50–3.00), log-rank p < 0.001 apparent" in text
    assert "A higher score goes with a higher hazard in 1 of 2 independent cohorts" in text


def test_every_gene_is_named_with_its_hazard_and_its_direction_in_resistance(tables):
    text = headline(tables)
    assert "B −0.300 protective; higher in residual disease, opposed" in text
    assert "A +0.100 harmful; higher in residual disease, agrees" in text
    assert text.index("B −0.300") < text.index("A +0.100")
    assert "In 1 of 2 genes the hazard agrees with the direction in resistance." in text


def test_without_one_agreeing_gene_the_score_is_called_prognostic_not_a_resistance_signature(tables):
    tables["signature"]["direction_concordant"] = False
    assert "prognostic, not a resistance signature" in flat(headline(tables))


def test_the_overlap_is_that_of_the_contrast_which_chose_the_candidates(tables):
    text = flat(headline(tables))
    assert "genes that differ at FDR 0.05: 2 of 3, 1 of 3 with ER adjusted · disc: 236 residual disease, 52" in text
    assert (
        "2 of 40 measured anoikis genes are among them (ER-adjusted contrast, 0.8 expected by chance, p < 0.001)"
        in text
    )


def test_mean_z_is_named_only_where_no_other_method_ran(tables):
    every = tables["immune_associations"]
    tables["immune_associations"] = pd.concat([every, every.assign(method="mean_z")])
    assert "mean z" not in headline(tables)
    tables["immune_associations"] = every.assign(method="mean_z")
    assert "mean z, tcga" in headline(tables)


def test_a_cohort_that_shares_patients_is_not_counted_as_validation(tables):
    tables["prognostic_performance"].loc[1, "independent"] = False
    text = flat(headline(tables))
    assert "val DRFS 1.21 (1.05–1.58) (not independent)" in text
    assert "in 0 of 1 independent cohort " in text


def test_differences_that_vanish_on_adjustment_are_not_named(tables):
    text = flat(headline(tables))
    assert (
        "ssGSEA, tcga: 2 of 3 differ with risk at FDR 0.05, 1 of them also adjusted for ER and general sensitivity"
        in text
    )
    assert "lower in high risk: T cells (−0.36)" in text
    assert "B cells" not in text
    assert "Docetaxel" not in text


def test_differences_count_elsewhere_only_in_the_same_direction(tables):
    here = tables["immune_associations"]
    opposed = here.assign(cohort_id="meta", effect=-here["effect"])
    tables["immune_associations"] = pd.concat([here, here.assign(cohort_id="val"), opposed])
    assert "the same way in val 1, meta 0 of the 1" in flat(headline(tables))


def test_simulated_results_say_so_first_and_real_ones_do_not(tables):
    assert "SIMULATED" not in headline(tables)
    tables["cohorts"]["source"] = "SIMULATED gdc TCGA-BRCA"
    assert headline(tables).startswith("SIMULATED")


def test_a_null_result_is_said_plainly(tables):
    for name in ("signature", "prognostic_performance", "immune_associations", "drug_associations", "score_coverage"):
        tables[name] = tables[name].iloc[:0]
    tables["signatures"]["note"] = "the LASSO kept no gene at the chosen penalty"
    text = flat(headline(tables))
    assert "signature none: the LASSO kept no gene at the chosen penalty" in text
    assert "A null result: no signature, so no score, no groups and nothing to validate." in text
    assert "no drug was compared: there are no risk groups" in text


def test_a_database_without_any_of_the_tables_still_gets_a_headline():
    assert "A null result" in headline({})


def test_no_line_is_wider_than_a_terminal_of_116_columns(tables):
    assert max(len(line) for line in headline(tables).splitlines()) <= 116
