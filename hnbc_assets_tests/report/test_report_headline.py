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
                "scaled_with": None,
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
            {
                "contrast": ["plain", "er_adjusted"],
                "deciding": [False, True],
                "fdr_threshold": 0.05,
                "n_anoikis": 40,
                "n_overlap": [9, 2],
                "expected": [9.9, 0.8],
                "p_value": [0.9, 0.0002],
            }
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
        "score_coverage": pd.DataFrame(
            {"cohort_id": ["tcga"], "n_high": [150], "n_low": [151], "grouped": True, "note": None}
        ),
        "prognostic_performance": performance(
            [
                ("meta", "os", "hazard_ratio_per_sd", 1.08, 0.87, 1.34, False, True, None),
                ("val", "drfs", "hazard_ratio_per_sd", 1.21, 1.05, 1.58, False, True, None),
                ("tcga", "pfi", "hazard_ratio_per_sd", 1.42, 1.18, 1.71, True, False, None),
                ("tcga", "pfi", "c_index_harrell", 0.66, 0.61, 0.71, True, False, None),
                ("val", "drfs", "c_index_harrell", none, none, none, False, True, "no event was observed"),
                ("tcga", "pfi", "hazard_ratio_high_vs_low", 2.1, 1.5, 3.0, True, False, None),
                ("tcga", "pfi", "log_rank_p", 0.0004, none, none, True, False, None),
                ("tcga", "pfi", "n_high", 100, none, none, True, False, None),
                ("tcga", "pfi", "n_low", 101, none, none, True, False, None),
            ]
        ),
        "immune_associations": comparison(
            method="ssgsea",
            cell_type=["T cells", "B cells", "NK cells"],
            effect=[-0.36, 0.2, 0.01],
            p_value=[0.001, 0.01, 0.9],
            fdr=[0.003, 0.02, 0.9],
            adjusted_effect=[-0.5, 0.1, 0.01],
            adjusted_p_value=[0.001, 0.5, 0.9],
            adjusted_fdr=[0.003, 0.6, 0.9],
        ),
        "drug_associations": comparison(
            drug_id="1007",
            drug_name=["Docetaxel"],
            effect=[0.3],
            p_value=[0.01],
            fdr=[0.01],
            adjusted_effect=[0.1],
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


@pytest.mark.parametrize("threshold", [0.02, 0.2])
def test_resistance_genes_are_counted_at_the_studys_own_false_discovery_rate(tables, threshold):
    tables["candidate_overlap"]["fdr_threshold"] = threshold
    counts = {0.02: "FDR 0.02: 1 of 3, 1 of 3 with", 0.2: "FDR 0.2: 2 of 3, 1 of 3 with"}
    assert counts[threshold] in flat(headline(tables))


def test_candidates_are_among_the_resistance_genes_only_where_the_overlap_counts_the_same_genes(tables):
    assert "2 of 40 measured anoikis genes are among them" in flat(headline(tables))
    tables["candidate_overlap"]["n_overlap"] = 3
    assert "2 of 40 measured anoikis genes are candidates (ER-adjusted" in flat(headline(tables))


def test_without_a_candidate_the_overlap_is_still_that_of_the_studys_contrast(tables):
    tables["candidate_genes"] = tables["candidate_genes"].iloc[:0]
    tables["candidate_overlap"]["n_overlap"] = 0
    assert "0 of 40 measured anoikis genes are among them (ER-adjusted contrast, 0.8" in flat(headline(tables))


def test_group_sizes_are_those_of_the_patients_whose_survival_was_compared(tables):
    text = flat(headline(tables))
    assert "100 high / 101 low" in text
    assert "150 high" not in text


def test_a_cohort_scaled_together_with_another_is_labelled_and_not_counted_as_independent(tables):
    cohorts = tables["cohorts"].set_index("cohort_id")
    cohorts.loc["val", "scaled_with"] = "disc"
    tables["cohorts"] = cohorts.reset_index()
    text = flat(headline(tables))
    assert "val DRFS 1.21 (1.05–1.58) (values scaled together with disc)" in text
    assert "meta OS 1.08 (0.87–1.34); " in text
    assert "in 0 of 1 independent cohort " in text
    assert (
        "val is not counted, its values being scaled together with those of disc: a higher score goes with a higher "
        "hazard there."
    ) in text


def test_the_basis_of_independence_is_said_of_every_cohort_that_is_judged(tables):
    basis = {"meta": "ids; profiles not screened (too few common genes)", "val": "ids; profiles"}
    figures = tables["prognostic_performance"]
    figures["independence_basis"] = figures["cohort_id"].map(basis)
    text = flat(headline(tables))
    assert (
        "meta is independent by ids (profiles could not be compared); val is independent by ids and profiles." in text
    )


def test_what_scores_depend_on_is_said_once_for_all_cohorts_it_holds_for(tables):
    tables["score_coverage"] = pd.DataFrame(
        {
            "cohort_id": ["tcga", "val", "meta", "disc"],
            "grouped": [True, True, True, False],
            "note": [None, "z: by case mix", "z: by case mix", "too few genes"],
        }
    )
    text = flat(headline(tables))
    assert "Scores of val and meta: z – by case mix." in text
    assert "too few genes" not in text


def test_a_missing_figure_is_explained_once(tables):
    metrics = ("hazard_ratio_per_sd", "c_index_harrell", "hazard_ratio_high_vs_low")
    why, none = "none of its genes is here", float("nan")
    lost = [("meta", "os", metric, none, none, none, False, True, why) for metric in metrics]
    tables["prognostic_performance"] = performance([("val", "drfs", metrics[0], 1.2, 1.1, 1.3, False, True, ""), *lost])
    assert flat(headline(tables)).count(why) == 1


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
        "ssGSEA, tcga: 2 of 3 differ with risk at FDR 0.05, 1 of them the same way also adjusted for ER and general "
        "sensitivity;"
    ) in text
    assert "lower in high risk: T cells (−0.36)" in text
    assert "B cells" not in text
    assert "Docetaxel" not in text


def test_differences_count_elsewhere_only_in_the_same_direction(tables):
    here = tables["immune_associations"]
    opposed = here.assign(cohort_id="meta", effect=-here["effect"], adjusted_effect=-here["adjusted_effect"])
    tables["immune_associations"] = pd.concat([here, here.assign(cohort_id="val"), opposed])
    assert "the same way in val 1, meta 0 of the 1" in flat(headline(tables))


def test_a_difference_that_adjustment_turns_round_has_not_survived_it(tables):
    drugs = comparison(
        drug_id=["1", "2", "3"],
        drug_name=["Lasting", "Turned", "Gone"],
        effect=[0.2, 0.6, 0.4],
        p_value=0.001,
        fdr=0.003,
        adjusted_effect=[0.3, -0.7, 0.0],
        adjusted_p_value=[0.001, 0.001, 0.9],
        adjusted_fdr=[0.003, 0.003, 0.9],
    )
    there = drugs.assign(cohort_id="val", adjusted_effect=-drugs["adjusted_effect"])
    tables["drug_associations"] = pd.concat([drugs, there])
    text = flat(headline(tables))
    assert (
        "tcga: 3 of 3 differ with risk at FDR 0.05, 1 of them the same way also adjusted for ER and general "
        "sensitivity, 1 reversed by it; less sensitive in high risk: Lasting (+0.20); the same way in val 0 of the 1"
    ) in text
    assert "Turned" not in text


def test_drugs_of_one_name_are_told_apart_and_matched_across_cohorts_by_identifier(tables):
    drugs = comparison(
        drug_id=["1007", "1819"],
        drug_name="Docetaxel",
        effect=[0.4, 0.3],
        p_value=0.001,
        fdr=0.003,
        adjusted_effect=[0.5, 0.4],
        adjusted_p_value=0.001,
        adjusted_fdr=0.003,
    )
    elsewhere = drugs.assign(cohort_id="val", effect=[0.4, -0.3], adjusted_effect=[0.5, -0.4])
    tables["drug_associations"] = pd.concat([drugs, elsewhere])
    text = flat(headline(tables))
    assert "Docetaxel [1007] (+0.40), Docetaxel [1819] (+0.30)" in text
    assert "the same way in val 1 of the 2" in text


def models(cv_pearson: list[float]) -> pd.DataFrame:
    n = len(cv_pearson)
    return pd.DataFrame(
        {
            "cohort_id": "tcga",
            "drug_id": [str(i) for i in range(n)],
            "penalty": 1.0,
            "cv_pearson": cv_pearson,
            "min_cv_pearson": 0.1,
            "compared": [r >= 0.1 for r in cv_pearson],
        }
    )


def test_models_too_poor_to_compare_are_counted(tables):
    tables["drug_models"] = models([0.4, -0.2, 0.05])
    assert "; 2 of 3 models left out, their cross-validated r below 0.1 (predicted from GDSC" in flat(headline(tables))


def test_when_every_model_is_too_poor_the_drugs_line_says_so(tables):
    tables["drug_models"] = models([-0.2, 0.05])
    tables["drug_associations"] = tables["drug_associations"].iloc[:0]
    assert "no drug was compared: no model predicts left-out cell lines well enough" in flat(headline(tables))


def test_predictions_are_called_relative(tables):
    assert "relative within each cohort" in flat(headline(tables))


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
